"""How far apart two recordings are is exact, and only like is compared with like."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.errors import InputError
from cortexwave.view import agreement
from cortexwave.view.agreement import difference_in_time, greatest_difference


def test_difference_is_relative_to_the_greatest_value_of_the_first(recorded):
    first = recorded(np.full((4, 3, 3), -8.0))
    values = np.full((4, 3, 3), -8.0)
    values[2, 1, 1] = -6.0
    assert greatest_difference(first, recorded(values)) == {"h": 0.25}


def test_blocks_make_no_difference(recorded, monkeypatch):
    rng = np.random.default_rng(1)
    values = rng.standard_normal((3, 17, 2, 5, 4))
    other = values + 1e-3 * rng.standard_normal(values.shape)
    dims = ("trial", "time", "feature", "y", "x")
    monkeypatch.setattr(agreement, "_BLOCK_BYTES", 5 * 2 * 5 * 4 * 8)
    found = difference_in_time(recorded(values, dims), recorded(other, dims), field="h")
    expected = np.abs(values - other).max(axis=(0, 2, 3, 4)) / np.abs(values).max()
    np.testing.assert_array_equal(found, expected)


def test_angles_are_subtracted_on_the_circle(recorded):
    first = recorded(np.full((2, 3, 3), 1.0), units="rad")
    second = recorded(np.full((2, 3, 3), 1.0 + 2 * np.pi), units="rad")
    # one rounding of 1 + 2 pi
    assert greatest_difference(first, second)["h"] < 1e-14


def test_missing_in_both_is_equal_and_missing_in_one_is_not(recorded):
    values = np.ones((2, 3, 3))
    values[0, 0, 0] = np.nan
    assert greatest_difference(recorded(values), recorded(values)) == {"h": 0.0}
    whole = recorded(np.ones((2, 3, 3)))
    assert greatest_difference(recorded(values), whole) == {"h": np.inf}


def test_every_common_field_is_compared(recorded):
    first = recorded(np.ones((2, 3, 3))).assign(
        g=recorded(np.full((2, 3, 3), 4.0), name="g").g
    )
    second = first.assign(g=first.g.copy(data=np.full((2, 3, 3), 5.0)), extra=first.h)
    assert greatest_difference(first, second) == {"h": 0.0, "g": 0.25}


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        (lambda r: r.isel(time=slice(0, 3)), "'time': 4.*'time': 3"),
        (lambda r: r.assign_coords(x=r.x + 0.1), "'x' differs at 0: 0 and 0.1"),
        (lambda r: r.rename(h="u"), r"no field in common: \['h'\] and \['u'\]"),
        (lambda r: r.assign(h=r.h.assign_attrs(units="Hz")), "'1' in one and in 'Hz'"),
    ],
)
def test_recordings_that_differ_in_kind_are_refused(recorded, change, culprit):
    first = recorded(np.ones((4, 3, 3)))
    changed = change(first)
    for name in ("y", "x"):
        changed[name].attrs["units"] = "mm"
    with pytest.raises(InputError, match=culprit):
        greatest_difference(first, changed)
