"""The page of a memory file: a panel for each, and reasons where there is no value."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.identity import decode_identity
from cortexwave.memory.trials import trials_from
from cortexwave.view.memory_page import PANELS, draw_memory_page, undetermined


def _identity() -> xr.Dataset:
    draw = np.random.default_rng(0)
    labels = np.repeat(["a", "b"], 10)
    values = draw.standard_normal((20, 4, 3)) + 3 * (labels == "a")[:, None, None]
    trials = trials_from(values, labels, step=0.01)
    return decode_identity(trials, permutations=19, seed=0)


def test_every_measurement_has_a_place_and_its_curve():
    page = draw_memory_page({"decode_identity": _identity()}, title="T", provenance="p")
    (axes,) = page.axes
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [0, 10, 20, 30])
    assert axes.get_ylabel() == "balanced accuracy"


def test_what_is_undetermined_says_why_in_its_place():
    refused = xr.Dataset(attrs={"measure": "decode_identity", "reason": "no events"})
    assert undetermined(refused)
    page = draw_memory_page({"decode_identity": refused}, title="T", provenance="p")
    said = " ".join(text.get_text() for text in page.axes[0].texts)
    assert said == "undetermined: no events"


def test_every_kind_of_measurement_has_a_panel():
    from cortexwave.memory.measuring import OF_RECORDINGS, OF_TRIALS

    assert {*OF_RECORDINGS, *OF_TRIALS} <= set(PANELS)


def test_nothing_measured_is_no_page():
    with pytest.raises(InputError, match="nothing was measured"):
        draw_memory_page({}, title="T", provenance="p")
