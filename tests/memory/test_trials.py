"""Trials that share frames, or are copies of one another, never stand on both sides."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.memory.dealing import arrangements, deals, resampling_unit, splits_of
from cortexwave.memory.elapsed_time import decode_elapsed_time
from cortexwave.memory.generalisation import temporal_generalisation
from cortexwave.memory.identity import decode_identity
from cortexwave.memory.ringing import filter_control
from cortexwave.memory.trials import folds, trials_from, trials_of

STEP = 0.01  # s


def recording(onsets, classes, *, trial=None, frames=400, seed=0):
    """Noise at four sites (trial, time, x), with an event at each onset (s)."""
    trial = np.zeros(len(onsets), int) if trial is None else trial
    values = np.random.default_rng(seed).standard_normal((max(trial) + 1, frames, 1, 4))
    fields = xr.Dataset(
        {"v": (("trial", "time", "y", "x"), values, {"units": "uV"})},
        {"trial": np.arange(max(trial) + 1),
         "time": ("time", STEP * np.arange(frames), {"units": "s"}),
         "y": ("y", [0.0], {"units": "mm"}),
         "x": ("x", 0.4 * np.arange(4), {"units": "mm"})},
        {"origin": "synthetic"},
    )  # fmt: skip
    rows = [{"onset": at, "duration": STEP, "kind": "stimulus", "stimulus": name,
             "trial": int(number)}
            for at, name, number in zip(onsets, classes, trial,
                                        strict=True)]  # fmt: skip
    return schema.with_tables(fields, schema.events_table(rows), None)


def pairs(count, seed=0):
    """Two events 50 ms apart in each trial, "a" and "b" in either order."""
    first = np.random.default_rng(seed).permutation(np.arange(count) % 2)
    classes = np.array(["a", "b"])[np.stack([first, 1 - first], axis=1)].reshape(-1)
    onsets, trial = np.tile([0.1, 0.15], count), np.repeat(np.arange(count), 2)
    return recording(onsets, classes, trial=trial, frames=30)


def test_windows_that_overlap_are_on_one_side():
    trials = trials_of(pairs(40), window=(0.0, 0.08))
    splits = splits_of(trials, count=5, seed=0)
    assert trials.labels.size == 80 and len(splits) == 5
    together = np.arange(80) // 2
    shared = [np.intersect1d(together[a], together[b]).size for a, b in splits]
    assert shared == [0] * 5
    assert resampling_unit(trials)[0] == "stretch"


def test_windows_that_do_not_overlap_are_dealt_one_by_one():
    """In one long recording; those of a trial of two go together all the same."""
    apart = recording(0.1 * np.arange(1, 31), ["a", "b"] * 15)
    trials = trials_of(apart, window=(0.0, 0.04))
    assert trials.stretch is None and resampling_unit(trials)[0] == "trial"
    trials = trials_of(pairs(40), window=(0.0, 0.04))
    assert resampling_unit(trials)[0] == "stretch"


def test_what_shares_frames_trades_labels_as_a_whole():
    trials = trials_of(pairs(40), window=(0.0, 0.08))
    splits = splits_of(trials, count=5, seed=0)
    blocks = np.zeros(80, int)
    dealt = deals(
        trials.codes, blocks, splits, count=50, seed=1, stretch=trials.stretch
    )
    # in every deal each pair has one of both, as the truth has
    assert (dealt.reshape(51, 40, 2).sum(axis=2) == 1).all()
    assert (dealt != dealt[0]).any()
    # of n pairs in a fold, k of them in one order: n! / k! (n - k)! arrangements
    first = trials.codes[::2]
    ways = [
        comb(test.size // 2, int(first[test[::2] // 2].sum())) for _, test in splits
    ]
    possible = arrangements(trials.codes, blocks, splits, trials.stretch)
    assert possible == pytest.approx(np.log(ways).sum())


def test_a_stream_of_overlapping_windows_is_cut_at_seams():
    onsets = 0.1 + 0.05 * np.arange(70)
    stream = recording(onsets, np.array(["a", "b"])[np.arange(70) % 2])
    trials = trials_of(stream, window=(0.0, 0.11))  # 12 frames: 2 onsets ahead
    kept = 70 - trials.attributes["left_out"]
    # tenths of 7 trials, and 2 left out at each seam: 9, 9, ... of 70
    assert trials.labels.size == kept == 56
    assert np.unique(trials.stretch).size == 8
    for train, test in splits_of(trials, count=4, seed=0):
        assert not set(trials.stretch[train]) & set(trials.stretch[test])


@pytest.mark.parametrize("readout", [
    lambda trials: decode_identity(trials, permutations=19, seed=0),
    lambda trials: temporal_generalisation(trials, permutations=19, seed=0),
    lambda trials: decode_elapsed_time(trials, window=(0, 0.05), permutations=19,
                                       seed=0),
], ids=["identity", "generalisation", "elapsed_time"])  # fmt: skip
def test_copies_of_a_trial_are_not_held_out(readout):
    values = np.random.default_rng(0).standard_normal((20, 6, 5))
    twice = trials_from(np.repeat(values, 2, axis=0), np.arange(40) // 2 % 2, step=STEP)
    with pytest.raises(InputError, match="trials 0 and 1 are the same"):
        readout(twice)


def test_trials_of_few_events_may_be_equal():
    spikes = np.random.default_rng(0).random((40, 6, 5)) < 0.02
    empty = trials_from(spikes, np.arange(40) % 2, step=STEP)
    assert len(splits_of(empty, count=5, seed=0)) == 5


@pytest.mark.parametrize("classifier", ["lda", "ridge"])
def test_sites_that_never_change_tell_nothing(classifier):
    still = trials_from(np.full((40, 6, 5), 3.0), np.arange(40) % 2, step=STEP)
    found = decode_identity(still, classifier=classifier, permutations=19, seed=0)
    assert found.accuracy.values == pytest.approx(0.5) and (found.p == 1).all()


@pytest.mark.parametrize(("given", "said"), [
    ({"labels": [0, np.nan] * 10}, "10 of 20 are missing"),
    ({"block": ["a"]}, "block has 1 values for 20 trials"),
    ({"labels": [0, 1]}, "labels has 2 values for 20 trials"),
    ({"positions": np.zeros((3, 2))}, r"positions are \(3, 2\)"),
    ({"step": np.inf}, "step is inf s"),
])  # fmt: skip
def test_arrays_that_are_no_trials_are_named(given, said):
    usual = {"labels": [0, 1] * 10, "step": STEP}
    with pytest.raises(InputError, match=said):
        trials_from(np.ones((20, 6, 5)), **{**usual, **given})


MISSING = np.where(np.arange(5) == 3, np.nan, np.ones((20, 6, 1)))
SOME_MISSING = np.where(np.arange(20)[:, None, None] < 2, MISSING, 1.0)


@pytest.mark.parametrize(("values", "said"), [
    (MISSING, r"120 of 600 are missing \(NaN\).* sites 3 \(.* 1 of them throughout"),
    (SOME_MISSING, "12 of 600 are missing .* sites 3 .* 0 of them throughout"),
    (1j * np.ones((20, 6, 5)), "complex; give the real and imaginary parts"),
    (np.full((20, 6, 5), "a"), "values are <U1, not numbers"),
    (np.ones((20, 6)), r"values are \(20, 6\); dims \(trial, time, site\)"),
])  # fmt: skip
def test_values_that_are_no_numbers_at_sites_are_named(values, said):
    with pytest.raises(InputError, match=said):
        trials_from(values, [0, 1] * 10, step=STEP)


def test_an_absent_label_is_no_class():
    labels = ["a", None] * 10
    with pytest.raises(InputError, match="10 of 20 are missing"):
        trials_from(np.ones((20, 6, 5)), labels, step=STEP)
    for absent in (None, np.nan):
        given = recording(0.1 * np.arange(1, 21), ["a", absent] * 10)
        with pytest.raises(InputError, match="'stimulus' is empty in 10 of 20"):
            trials_of(given, window=(0.0, 0.04))


def test_a_text_is_one_kind_of_event():
    given = recording(0.1 * np.arange(1, 21), ["a", "b"] * 10)
    assert trials_of(given, window=(0.0, 0.04), kinds="stimulus").labels.size == 20
    with pytest.raises(InputError, match=r"kind \['flash'\]; .* of \['stimulus'\]"):
        trials_of(given, window=(0.0, 0.04), kinds="flash")


def test_the_step_of_a_clock_of_250_hertz_is_4_milliseconds():
    given = recording(0.1 * np.arange(1, 11), ["a", "b"] * 5)
    clock = given["time"].copy(data=np.arange(400) / 250)
    cut = trials_of(given.assign_coords(time=clock), window=(-0.05, 0.25))
    assert cut.attributes["step"] == 0.004


def test_a_recording_is_no_trials():
    given = recording(0.1 * np.arange(1, 21), ["a", "b"] * 10)
    said = r"as Dataset; give trials_of\(recording"
    for readout, more in ((decode_identity, {}), (temporal_generalisation, {}),
                          (decode_elapsed_time, {"window": (0.0, 0.1)})):  # fmt: skip
        with pytest.raises(InputError, match=said):
            readout(given, permutations=19, seed=0, **more)
    with pytest.raises(InputError, match=said):
        filter_control(given, band=(5, 20), stimulus_end=0.1, surrogates=19, seed=0)


@pytest.mark.parametrize("seed", [None, -1, 1.5, True])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    with pytest.raises(InputError, match=f"seed is {seed}; it is a whole number"):
        folds(np.arange(20) % 2, np.zeros(20), count=5, seed=seed)


def test_one_fold_is_refused():
    with pytest.raises(InputError, match="1 folds; 2 or more"):
        folds(np.arange(20) % 2, np.zeros(20), count=1, seed=0)
