"""Waves, slots and a single place hold a sequence in ways that are told apart."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.memory.sequence_items import items_together, sequence_items
from cortexwave.memory.sequences import sequence_readout

STEP, APART, ITEMS = 0.01, 3, 4  # s, frames between onsets, symbols


def sequences(trials, seed, *, ranks=3, blank=0.0):
    """Symbols (trial, rank) without repeats, some of them left out."""
    draw = np.random.default_rng(seed)
    made = np.array([draw.permutation(ITEMS)[:ranks] for _ in range(trials)])
    text = made.astype(str).astype(object)
    if blank:
        text[draw.random(trials) < blank, 1] = ""
    onset = ("rank", STEP * APART * np.arange(ranks), {"units": "s"})
    block = ("trial", np.arange(trials) % 5)
    return xr.DataArray(text, {"onset": onset, "block": block}, ("trial", "rank"))


def states(how, items, seed, *, frames=12, noise=0.35):
    """(trial, time, site) of one active site per item, and white noise.

    "wave": a lane per symbol, along which it moves a site a frame. "slots": a place per
    rank and symbol, which stays. "place": one place per symbol, for the newest alone.
    "leak": one place per symbol for all, none erased. "nothing": noise.
    """
    trials = len(items)
    lanes = np.zeros((trials, frames, ITEMS, 16))
    for trial, sequence in enumerate(items.values):
        for rank, symbol in enumerate(sequence):
            if symbol == "" or how == "nothing":
                continue
            start = APART * rank
            for frame in range(start, frames):
                column = {"wave": frame - start, "slots": rank}.get(how, 0)
                if how == "place" and frame == start:
                    lanes[trial, frame] = 0.0
                if how == "place":
                    lanes[trial, frame:] = 0.0
                lanes[trial, frame, int(symbol), column] += 1.0
    values = lanes.reshape(trials, frames, -1)
    values = values + noise * np.random.default_rng(seed).standard_normal(values.shape)
    coords = {"time": ("time", STEP * np.arange(frames), {"units": "s"})}
    return xr.DataArray(values, coords, ("trial", "time", "site"), "h", {"units": "1"})


def read(how, *, trials=150, seed=0, blank=0.0, **changes):
    items = sequences(trials, seed, blank=blank)
    return sequence_readout(
        states(how, items, seed + 1), items,
        **{"at": 0.11, "permutations": 39, "seed": 3, **changes},
    )  # fmt: skip


def test_a_wave_holds_all_items_at_once_on_one_curve():
    found = read("wave")
    assert found.simultaneous.values[-1] == 3
    assert found.collapse_p > 0.05
    assert found.sequence_p <= 0.05 and found.sequence_accuracy > 0.5
    # without information 1/4 each, and none of the same twice
    assert found.sequence_chance.item() == pytest.approx(1 / 24, abs=0.03)


def test_a_single_place_holds_the_newest_and_its_curves_differ():
    found = read("place")
    assert found.collapse_p <= 0.05
    # an item that is gone leaves that it is not the newest: 1 / 3, not 1 / 4
    assert found.accuracy.values[2, -1] > 0.65 > 0.45 > found.accuracy.values[0, -1]


def test_slots_tell_rank_and_order():
    found = read("slots")
    assert found.rank_p <= 0.05 and found.rank_accuracy > 0.8
    assert found.order_p <= 0.05 and found.order_auc > 0.9
    assert found.rank_chance == pytest.approx(1 / 3) and found.order_pairs == 6


def test_a_leak_that_adds_all_up_tells_items_but_no_order():
    found = read("leak")
    assert found.order_auc.item() == pytest.approx(0.5, abs=0.1)
    assert found.rank_accuracy.item() == pytest.approx(1 / 3, abs=0.1)
    # which three were there, but not when: p of a rank's item is 1 / 3
    assert found.accuracy.values[0, -1] > 0.28


@pytest.mark.parametrize(("how", "erased"), [("wave", False), ("place", True)])
def test_a_newer_item_erases_the_older_only_in_a_single_place(how, erased):
    found = read(how, blank=0.4, trials=240)
    value, p = found.overwriting.values[0], found.overwriting_p.values[0]
    assert (value < -0.3 and p <= 0.05) if erased else abs(value) < 0.1
    assert np.isnan(found.overwriting.values[1:]).all()  # never left out after them


def test_noise_holds_nothing():
    found = read("nothing")
    assert found.simultaneous.values.max() <= 1  # 5 % of runs have one
    for p in (found.sequence_p, found.rank_p, found.order_p):
        assert p > 0.025


def test_accuracy_before_the_onset_is_not_a_number():
    found = read("wave", times=[0.0, 0.04, 0.08, 0.11])
    assert np.isnan(found.accuracy.values[1, 0])
    assert np.isfinite(found.accuracy.values[1, 1])
    np.testing.assert_allclose(found.time, [0.0, 0.04, 0.08, 0.11])


def test_what_is_not_known_says_why():
    found = read("wave", trials=60, blank=0.8, fold_count=2)
    assert np.isnan(found.sequence_accuracy)
    assert "trials have an item at every rank" in found.attrs["reason"]


def test_a_symbol_that_stands_once_too_rarely_is_named():
    items = sequences(60, 0)
    items[:, 0] = "0"
    with pytest.raises(InputError, match=r"rank 0 has \{'0': 60\} trials"):
        sequence_readout(states("wave", items, 1), items, at=0.11, seed=0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"at": 0.01}, "at is 0.01 s"),
        ({"times": [0.0, 5.0]}, "times leave the recording"),
        ({"permutations": 5}, "permutations is 5"),
    ],
)
def test_misuse_is_answered_by_name(changes, said):
    with pytest.raises(InputError, match=said):
        read("wave", trials=60, **changes)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda items: items.transpose("rank", "trial"), "not \\(trial, rank\\)"),
        (lambda items: items.drop_vars("onset"), "no coordinate 'onset'"),
        (lambda items: items[:10], "the recording has 60 trials"),
        (lambda items: items.astype(float), "symbols"),
        (lambda items: items.assign_coords(onset=("rank", [0.0, 0.06, 0.03])), "grow"),
    ],
)
def test_items_that_are_none_are_named(spoil, said):
    items = sequences(60, 0)
    with pytest.raises(InputError, match=said):
        sequence_readout(states("wave", items, 1), spoil(items), at=0.11, seed=0)


def recorded(rows):
    values = np.random.default_rng(0).standard_normal((3, 10, 2))
    fields = xr.Dataset(
        {"h": (("trial", "time", "channel"), values, {"units": "uV"})},
        {"time": ("time", 0.01 * np.arange(10), {"units": "s"})},
    )
    return schema.with_tables(fields, schema.events_table(rows), None)


def shown(trial, onset, item):
    return {"trial": trial, "onset": onset, "item": item, "block": f"b{trial}"}


def test_items_of_a_recording_are_its_events_by_onset():
    items = sequence_items(recorded([
        shown(0, 0.01, "a"), shown(0, 0.05, "b"), shown(1, 0.05, "a"),
        shown(2, 0.052, "c"), shown(2, 0.01, "b"),
    ]))  # fmt: skip
    assert items.values.tolist() == [["a", "b"], ["", "a"], ["b", "c"]]
    np.testing.assert_allclose(items.onset, [0.01, 0.05])
    assert items.block.values.tolist() == ["b0", "b1", "b2"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "no events"),
        ([shown(0, 0.01, "")], "'item' is empty in 1 of 1"),
        ([shown(7, 0.01, "a")], r"event 0 \(.*\) is of trial 7; .* trials 0 to"),
        ([shown(0, 0.01, "a"), shown(0, 0.01, "b")], "two events at 0.01 s"),
    ],
)
def test_events_that_are_no_sequence_are_named(rows, said):
    with pytest.raises(InputError, match=said):
        sequence_items(recorded(rows))


def test_items_without_repeats_are_said_to_go_together():
    items = sequences(200, 0)
    found = sequence_readout(states("wave", items, 0), items, at=0.1, permutations=19,
                             times=[0.1], seed=0)  # fmt: skip
    assert "ranks 0 and 1, 0 and 2, 1 and 2 go together" in found.attrs["caution"]
    free = items.copy(
        data=np.random.default_rng(3).integers(0, 4, (200, 3)).astype(str)
    )
    assert items_together(free.values) == ""


def test_ranks_of_different_items_have_no_common_curve():
    items = sequences(200, 0)
    two = items.copy()
    two[:, 0] = np.where(np.arange(200) % 2, "0", "1")
    found = sequence_readout(states("wave", items, 0), two, at=0.1, permutations=19,
                             seed=0)  # fmt: skip
    assert np.isnan(found.collapse_p) and "different numbers" in found.attrs["reason"]
