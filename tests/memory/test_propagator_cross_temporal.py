"""Items that are passed on are found in any basis; slots and leaks are not."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom

from cortexwave.errors import InputError
from cortexwave.memory.cross_temporal import cross_temporal
from cortexwave.memory.topographic import topographic_shift

SOON = {"at": 0.005, "noise_correlation": 0.0, "lags": 4, "count": 19}


def test_a_shift_hidden_in_a_random_basis_is_found_where_the_array_shows_none(
    items_held,
):
    states, items = items_held("shift", 0, trials=400)
    found = cross_temporal(states, items, seed=0, **SOON)
    assert bool(found.moves)
    assert (float(found.p_items), float(found.p_operator)) == (1 / 20, 1 / 20)
    assert float(found.gain) > 0.3 > 3 * float(found.gain_error)
    # each newer item is taken to the one before, and the first (of four: around) to
    # the last
    np.testing.assert_array_equal(np.argmax(found.overlap.values, axis=1), [3, 0, 1, 2])
    shift = topographic_shift(states, noise_correlation=0.0, seed=0, count=19, lags=4)
    assert not bool(shift.is_shift)


def test_slots_stay_where_they_are(items_held):
    found = cross_temporal(*items_held("slots", 0, trials=400), seed=0, **SOON)
    assert not bool(found.moves)
    # each in its own: neither with the operator nor without is another's reached
    assert float(found.score) < 0.15 and float(found.score_at_rest) < 0.15


def test_a_leak_reaches_the_next_item_by_doing_nothing(items_held):
    found = cross_temporal(*items_held("leak", 0, trials=400), seed=0, **SOON)
    assert not bool(found.moves)
    assert float(found.score) > 0.5 and float(found.p_items) == 1 / 20
    assert float(found.gain) == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize(("how", "held"), [("shift", 0.0), ("slots", 1.0)])
def test_items_not_passed_on_are_called_so_as_rarely_as_stated(items_held, how, held):
    found = [
        cross_temporal(*items_held(how, seed, trials=60, held=held), seed=seed, **SOON)
        for seed in range(10)
    ]
    p_items = np.array([float(each.p_items) for each in found])
    most = binom.ppf(0.999, 10, 0.05)
    assert np.sum(p_items <= 0.05) <= most
    assert np.sum([bool(each.moves) for each in found]) <= most


def test_symbols_are_items_too(items_held):
    states, items = items_held("shift", 1, trials=400)
    symbols = (2 * (items[..., 0] > 0) + (items[..., 1] > 0)).astype(int)
    letters = xr.DataArray(np.array(list("abcd"))[symbols.values], symbols.coords,
                           ("trial", "rank"))  # fmt: skip
    by_number = cross_temporal(states, symbols, seed=0, **SOON)
    by_letter = cross_temporal(states, letters, seed=0, **SOON)
    assert bool(by_number.moves)
    xr.testing.assert_equal(by_number.overlap, by_letter.overlap)


def test_what_does_not_fit_is_refused_by_name(items_held):
    states, items = items_held("shift", 0)
    late = items.assign_coords(onset=("rank", [0.0, 0.001, 0.002, 0.0045]))
    twice = items.copy()
    twice[:, 1] = items[:, 0]
    for given, options, message in (
        (items[:30], {}, "items of 30 trials"),
        (items.drop_vars("onset"), {}, "no coordinate 'onset'"),
        (late, {}, "not equally apart"),
        (twice, {}, "do not vary apart"),
        (items.isel(input=0, rank=[0]), {}, "2 ranks are needed"),
        (items.rename(rank="time"), {}, r"not \(trial, rank\)"),
        (items, {"at": 0.001}, "at is 0.001 s; all items are there from 0.003 s"),
        (items, {"count": 3}, "count is 3"),
    ):
        with pytest.raises(InputError, match=message):
            cross_temporal(states, given, seed=0, **{**SOON, **options})


def test_too_few_trials_are_refused_with_the_number_needed(items_held):
    states, items = items_held("shift", 0, trials=30)
    with pytest.raises(InputError, match=r"30 trials.*need 40"):
        cross_temporal(states, items, seed=0, **SOON)
