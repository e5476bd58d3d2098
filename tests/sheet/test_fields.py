"""Maps over the sheet against their formulas, in the unit of what they are a map of."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from cortexwave.errors import InputError, UnitError
from cortexwave.sheet.fields import (
    Bump,
    FromFile,
    Gradient,
    Patch,
    Random,
    Sum,
    Twist,
    ValueOrField,
    render,
)
from cortexwave.sheet.lattice import Lattice

SHEET = Lattice((20, 30), 0.1, ("open", "open"), features=2)


def test_a_plain_value_is_a_float_in_base_units():
    assert render("20 ms", SHEET, "ms", None) == 0.02
    assert render(3, SHEET, "1", None) == 3.0


@pytest.mark.parametrize("axis, n", [("x", 30), ("y", 20)])
def test_a_gradient_is_linear_from_first_site_to_last(axis, n):
    field = render(Gradient(axis=axis, first="5 ms", last="15 ms"), SHEET, "ms", None)
    line = field[1, 0, :] if axis == "x" else field[1, :, 0]
    assert line == pytest.approx(np.linspace(0.005, 0.015, n), rel=1e-14)
    assert np.ptp(field, axis=1 if axis == "x" else 2).max() == 0


def test_a_disc_holds_the_sites_within_its_radius():
    disc = Patch(inside="1 m/s", outside="0 m/s", y=1.0, x=1.5, radius=0.3)
    field = render(disc, SHEET, "m/s", None)
    y, x = np.meshgrid(SHEET.y, SHEET.x, indexing="ij")
    inside = (y - 1.0) ** 2 + (x - 1.5) ** 2 <= 0.3**2 + 1e-9
    assert np.array_equal(field[0] == 1000.0, inside)
    assert inside.sum() == 29  # lattice points within 3 of the origin (Gauss's circle)
    assert set(np.unique(field)) == {0.0, 1000.0}


def test_a_rectangle_one_spacing_wide_is_a_line_of_sites():
    cut = Patch(inside=0, outside=1, y=0.95, x=1.5, width=0.1, height=10.0)
    field = render(cut, SHEET, "1", None)
    assert np.array_equal(np.flatnonzero(field[0, 0] == 0), [15])
    assert (field == 0).sum() == 2 * 20


def test_a_patch_wraps_round_a_ring():
    ring = Lattice((1, 10), 0.1)
    patch = Patch(inside=1, outside=0, y=0, x=0.0, radius=0.1)
    assert render(patch, ring, "1", None)[0, 0].nonzero()[0].tolist() == [0, 1, 9]


@pytest.mark.parametrize("distribution", ["normal", "uniform", "lognormal"])
def test_random_fields_have_the_stated_mean_and_sd(distribution):
    lattice = Lattice((200, 250), 0.1)
    field = Random(distribution=distribution, mean="10 ms", sd="2 ms", seed=3)
    values = render(field, lattice, "ms", None)
    n = values.size
    # five standard errors; the sd of a lognormal has some four times the error of
    # the normal's, sd / sqrt(2 n)
    assert values.mean() == pytest.approx(0.010, abs=5 * 0.002 / np.sqrt(n))
    assert values.std() == pytest.approx(0.002, abs=20 * 0.002 / np.sqrt(2 * n))


def test_a_uniform_field_is_bounded_and_a_lognormal_positive():
    flat = render(
        Random(distribution="uniform", mean=1, sd=1, seed=0), SHEET, "1", None
    )
    assert np.abs(flat - 1).max() <= np.sqrt(3)
    wide = Random(distribution="lognormal", mean=1, sd=5, seed=0)
    assert render(wide, SHEET, "1", None).min() > 0


def test_random_fields_repeat_with_their_seed_and_differ_between_features():
    one, same, other = (
        render(Random(mean=0, sd=1, seed=seed), SHEET, "1", None) for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other) and not np.array_equal(one[0], one[1])


def test_a_file_is_read_in_its_own_unit(tmp_path):
    values = np.random.default_rng(0).random((20, 30))
    np.save(tmp_path / "tau.npy", values)
    field = render(FromFile(path="tau.npy", unit="ms"), SHEET, "s", tmp_path)
    assert field.shape == (2, 20, 30)
    assert np.abs(field - 1e-3 * values).max() < 1e-17


def test_a_file_may_hold_one_map_for_each_feature(tmp_path):
    values = np.arange(1200.0).reshape(2, 20, 30)
    np.save(tmp_path / "gain.npy", values)
    assert np.array_equal(
        render(FromFile(path="gain.npy"), SHEET, "1", tmp_path), values
    )


def test_a_bump_is_a_gaussian():
    field = render(Bump(top="2 mV", y=1.0, x=1.5, sigma=0.2), SHEET, "uV", None)
    y, x = np.meshgrid(SHEET.y, SHEET.x, indexing="ij")
    expected = 2000 * np.exp(-((y - 1) ** 2 + (x - 1.5) ** 2) / (2 * 0.2**2))
    assert np.abs(field - expected).max() < 1e-10


def test_a_twist_of_whole_turns_closes_without_a_seam():
    ring = Lattice((1, 16), 0.1)
    angle = render(Twist(axis="x", turns=3), ring, "rad", None)[0, 0]
    steps = np.angle(np.exp(1j * np.diff(np.append(angle, angle[0]))))
    assert steps == pytest.approx(2 * np.pi * 3 / 16, rel=1e-12)


def test_a_sum_adds_its_terms():
    terms = [Twist(axis="x", turns=1), Random(mean="0 rad", sd="1 rad", seed=4)]
    parts = [render(term, SHEET, "rad", None) for term in terms]
    assert np.array_equal(render(Sum(terms=terms), SHEET, "rad", None), sum(parts))


@pytest.mark.parametrize(
    "field, unit, message",
    [
        (Patch(inside=1, outside=0, y=0, x=0), "1", "either a radius, or a width and"),
        (Patch(inside=1, outside=0, y=0, x=0, radius=1, width=1), "1", "either"),
        (Patch(inside=1, outside=0, y=0, x=0, width=1), "1", "either a radius"),
        (Patch(inside=1, outside=0, y=0, x=99, radius=0.1), "1", "y 0, x 99 mm has no"),
        (Random(mean=0, sd=-1, seed=1), "1", "deviation is -1, not positive"),
        (Random(distribution="lognormal", mean=0, sd=1, seed=1), "1", "mean of a logn"),
        (Gradient(axis="x", first="1 mm", last="2 ms"), "ms", "'1 mm' is not a"),
        (Gradient(axis="x", first=1, last="2 ms"), "ms", "1 has no unit"),
        (Twist(axis="x", turns=1), "ms", "'1 rad' is not a quantity in ms"),
        (FromFile(path="none.npy"), "1", "none.npy: there is no such file"),
    ],
)  # fmt: skip
def test_a_field_that_cannot_be_meant_is_refused(field, unit, message, tmp_path):
    with pytest.raises(InputError, match=message):
        render(field, SHEET, unit, tmp_path)


@pytest.mark.parametrize("shape", [(30, 20), (3, 20, 30), (600,), (1, 1, 20, 30)])
def test_a_file_of_the_wrong_shape_says_both_shapes(tmp_path, shape):
    np.save(tmp_path / "f.npy", np.ones(shape))
    with pytest.raises(InputError, match=r"its shape is .* the sheet's is .20, 30."):
        render(FromFile(path="f.npy"), SHEET, "1", tmp_path)


def test_a_file_in_the_wrong_unit_is_refused(tmp_path):
    np.save(tmp_path / "f.npy", np.ones((20, 30)))
    with pytest.raises(UnitError, match="'1 mm' is not a quantity in ms"):
        render(FromFile(path="f.npy", unit="mm"), SHEET, "ms", tmp_path)


@pytest.mark.parametrize(
    "value", [None, [1], True, float("nan"), float("inf"), 10**400]
)
def test_what_is_neither_value_nor_field_gives_one_fault(value):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(ValueOrField).validate_python(value)
    assert caught.value.error_count() == 1


@pytest.mark.parametrize(
    "kind", ["gradient", "patch", "random", "file", "bump", "twist", "sum"]
)
def test_every_kind_of_field_is_taken_where_a_value_may_stand(kind):
    # what is wrong is what is missing, not the kind
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(ValueOrField).validate_python({"kind": kind})
    assert {error["type"] for error in caught.value.errors()} == {"missing"}
