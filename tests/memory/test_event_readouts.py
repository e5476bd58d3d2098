"""Readouts asked of a recording's events: sequences, intervals, phases at a place."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.dealing import splits_of
from cortexwave.memory.event_readouts import (
    interval_of_events,
    interval_trials,
    phase_of_events,
    sequence_of_events,
)
from cortexwave.memory.format_evidence import memory_format
from cortexwave.memory.trials import trials_from, trials_of
from cortexwave.schema import events_table, with_tables

STEP = 0.005  # s


def _recording(values: np.ndarray, rows: list[dict]) -> xr.Dataset:
    """Values (trial, time, site) of a line, 1 mm apart, with their events."""
    field = xr.Dataset(
        {"h": (("trial", "time", "y", "x"), values[:, :, None], {"units": "1"})},
        {"time": ("time", STEP * np.arange(values.shape[1]), {"units": "s"}),
         "trial": ("trial", np.arange(len(values)), {"units": "1"}),
         "y": ("y", [0.0], {"units": "mm"}),
         "x": ("x", np.arange(float(values.shape[2])), {"units": "mm"})},
    )  # fmt: skip
    return with_tables(field, events_table(rows), None)


def _pairs(intervals: np.ndarray, *, moves: bool) -> xr.Dataset:
    """Two pulses at site 0, `intervals` frames apart; they move a site a frame."""
    draw = np.random.default_rng(0)
    values = 0.1 * draw.standard_normal((intervals.size, 20, 16))
    rows = []
    for trial, apart in enumerate(intervals.tolist()):
        for onset in (2, 2 + apart):
            rows.append({"onset": STEP * onset, "trial": trial, "kind": "pulse",
                         "item": "0", "stimulus": "s", "duration": STEP})  # fmt: skip
            for frame in range(onset, 20):
                at = frame - onset if moves else 0
                if at < 16:
                    values[trial, frame, at] += 1.0
    return _recording(values, rows)


def test_intervals_are_those_between_the_two_events_of_a_trial():
    found = interval_trials(_pairs(np.array([2, 4, 2, 4]), moves=True),
                            window=(0.0, 0.02))  # fmt: skip
    assert found.labels.tolist() == ["0.01", "0.02", "0.01", "0.02"]
    assert found.clock[0] == 0.0  # of the second event


def test_what_moves_tells_an_interval_and_what_adds_up_does_not():
    intervals = np.tile([2, 4, 6], 12)
    asked = {"window": (0.01, 0.04), "permutations": 19, "seed": 0}
    moves = interval_of_events(_pairs(intervals, moves=True), **asked)
    stays = interval_of_events(_pairs(intervals, moves=False), **asked)
    # pulses 10 sd high, apart by as many sites as frames; the rule is learned of 33
    # trials, which at a single time may cost one of the 36 its answer (10 ms / 36)
    assert moves["error"].max().item() < 0.01 / 35
    assert moves["p_family"].max().item() == pytest.approx(1 / 20)
    # at one site both are 2 however long apart; of 3 intervals the best one answer is
    # the middle one, wrong by (10 + 0 + 10) / 3 ms
    np.testing.assert_allclose(stays["error_constant"], 0.02 / 3)
    assert stays["p_family"].min().item() > 0.05


def test_an_interval_needs_two_events_in_each_trial():
    rows = [{"onset": 0.01, "trial": trial, "stimulus": "s"} for trial in (0, 1)]
    with pytest.raises(InputError, match="trial 0 has 1 events"):
        interval_trials(_recording(np.ones((2, 20, 3)), rows), window=(0.0, 0.02))


def _oscillation(
    trials: int, *, effect: float
) -> tuple[xr.Dataset, np.ndarray, np.ndarray]:
    """10 Hz with a phase of its own in each trial; events in frame 100 of 120."""
    draw = np.random.default_rng(1)
    start = draw.uniform(-np.pi, np.pi, trials)
    time = STEP * np.arange(120)
    phase = start + 2 * np.pi * 10 * time[100]
    outcome = effect * np.cos(phase) + draw.standard_normal(trials)
    values = np.zeros((trials, 120, 4))
    values += np.cos(start[:, None] + 2 * np.pi * 10 * time)[:, :, None]
    values[:, 100:, 2] += outcome[:, None]
    rows = [{"onset": time[100], "trial": k, "stimulus": "s", "outcome": f"{one:.6f}"}
            for k, one in enumerate(outcome.tolist())]  # fmt: skip
    return _recording(values, rows), phase, outcome


ASKED = {"band": (6.0, 14.0), "place": {"x": 2.2}, "permutations": 99, "seed": 0}


def test_an_outcome_that_follows_the_phase_has_its_amplitude_and_phase():
    recording, _, _ = _oscillation(240, effect=1.0)
    found = phase_of_events(recording, **ASKED)
    # standard error of a harmonic: sqrt(2 / 240) = 0.09
    assert found["amplitude"].item() == pytest.approx(1.0, abs=0.27)
    assert found["p"].item() == pytest.approx(0.01)
    # outcome is greatest at phase 0 of the event; the frame before is 0.1 pi earlier
    assert found["preferred"].item() == pytest.approx(-0.1 * np.pi, abs=0.3)
    assert found.attrs["site"] == {"y": 0.0, "x": 2.0}


def test_a_wave_that_goes_on_is_taken_out_of_the_response_by_another_place():
    recording, _, _ = _oscillation(240, effect=0.0)
    asked = {**ASKED, "response": (0.0, 0.02)}
    alone = phase_of_events(recording, **asked)
    compared = phase_of_events(recording, **asked, against={"x": 0.0})
    assert alone["p"].item() == pytest.approx(0.01)
    assert compared["p"].item() > 0.05


def test_an_outcome_without_number_is_named():
    recording, _, _ = _oscillation(4, effect=0.0)
    column = np.array(["hit"] * 4, dtype=object)
    recording = recording.assign(event_outcome=("event", column))
    with pytest.raises(InputError, match=r"outcomes are \['hit'\]"):
        phase_of_events(recording, **ASKED)


def test_items_of_a_sequence_are_read_from_the_events():
    draw = np.random.default_rng(2)
    values = 0.1 * draw.standard_normal((40, 20, 6))
    rows = []
    for trial in range(40):
        for rank, onset in enumerate((2, 8)):
            item = int(draw.integers(2))
            rows.append({"onset": STEP * onset, "trial": trial, "item": str(item)})
            values[trial, onset:, 2 * rank + item] += 1.0
    found = sequence_of_events(_recording(values, rows), at=0.09, permutations=19,
                               seed=0)  # fmt: skip
    # each item has a site of its own, 10 sd high
    assert found["accuracy"].sel(time=0.09, method="nearest").values.tolist() == [1, 1]
    assert found.attrs["label"] == "item"


def test_a_format_comes_with_what_it_rests_on():
    """A pulse that moves a site a frame, from one of two places, is shift-like."""
    draw = np.random.default_rng(3)
    labels = np.repeat(["a", "b"], 40)
    values = 0.3 * draw.standard_normal((80, 6, 20))
    for frame in range(6):
        values[:40, frame, 1 + frame] += 2
        values[40:, frame, 9 + frame] += 2
    positions = np.stack([np.arange(20.0), np.zeros(20)], axis=1)
    trials = trials_from(values, labels, step=STEP, positions=positions)
    found = memory_format(
        trials, speeds=[1 / STEP], directions=[0.0, 180.0], longest=0.02,
        boundary="open", permutations=39, seed=0,
    )  # fmt: skip
    assert found["format"].item() == "shift-like"
    assert found["shift_direction"].item() == 0.0
    assert found.attrs["measure"] == "memory_format"
    assert {"accuracy", "lag_accuracy", "shift_aligned", "regained"} <= set(found)


def test_events_of_one_trial_are_on_one_side_of_every_fold():
    """Each trial has a level of its own, which would tell the other item's class."""
    draw = np.random.default_rng(4)
    level = 100.0 * np.arange(30)
    values = level[:, None, None] + draw.standard_normal((30, 20, 3))
    rows = [{"onset": STEP * onset, "trial": trial, "item": str(trial % 2)}
            for trial in range(30) for onset in (2, 12)]  # fmt: skip
    trials = trials_of(_recording(values, rows), window=(0.0, 0.02), label="item")
    # the level, of which the mean is taken, tells the trial
    source = np.rint(trials.values[:, 0, 0] / 100 + 14.5)
    for train, test in splits_of(trials, count=5, seed=0):
        assert not set(source[train]) & set(source[test])
