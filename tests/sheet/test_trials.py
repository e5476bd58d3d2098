"""Trials: balanced, shuffled, jittered, some silent; each the same whatever follows."""

from __future__ import annotations

import warnings
from collections import Counter

import numpy as np
import pytest

from cortexwave.sheet.lattice import Lattice
from cortexwave.sheet.rendering import render_drive
from cortexwave.sheet.stimuli import Flashes, Place, Pulse, PulseTrain
from cortexwave.sheet.trials import Trials, plans
from cortexwave.sheet.wide_stimuli import Grating, MovingBar

RING = Lattice((1, 16), 0.1)
DT = 1e-3
STEPS = 100


def rendered(stimuli, seed=1, **trials):
    drive, faults = render_drive(
        stimuli, Trials(**trials), lattice=RING, dt=DT, steps=STEPS,
        inputs={"drive": "1"}, seed=seed, folder=None,
    )  # fmt: skip
    assert not faults, faults
    return drive


def field(trial_drive, steps=STEPS, start=0):
    found = [trial_drive.at("drive", start + n) for n in range(steps)]
    return np.array([np.zeros(RING.field_shape) if f is None else f for f in found])


@pytest.mark.parametrize("count, conditions", [(12, "abc"), (13, "ab"), (5, "abcdefg")])
@pytest.mark.parametrize("order", ["as_listed", "shuffled"])
def test_conditions_are_given_equally_often(count, conditions, order):
    drawn = plans(Trials(count=count, order=order), list(conditions), 3)
    given = Counter(plan.condition for plan in drawn)
    times = [given[name] for name in conditions]
    assert max(times) - min(times) <= 1
    assert [plan.trial for plan in drawn] == list(range(count))


def test_conditions_are_shuffled_only_when_asked():
    listed = [p.condition for p in plans(Trials(count=60), ["a", "b"], 3)]
    assert listed == ["a", "b"] * 30
    mixed = [
        p.condition for p in plans(Trials(count=60, order="shuffled"), ["a", "b"], 3)
    ]
    assert mixed != listed and sorted(mixed) == sorted(listed)


@pytest.mark.parametrize(
    "count, catch, silent", [(100, 0.1, 10), (10, 0.25, 2), (7, 0, 0)]
)
def test_the_stated_fraction_of_trials_is_silent(count, catch, silent):
    drawn = plans(Trials(count=count, catch=catch), [], 0)
    assert sum(plan.catch for plan in drawn) == silent
    pulse = Pulse(place=Place(x=0.3), duration=0.01)
    drive = rendered([pulse], count=count, catch=catch)
    shown = [drive.trial(t).at("drive", 0) is not None for t in range(count)]
    assert sum(shown) == count - silent
    assert len(drive.events()["onset"]) == count - silent


def test_jitter_is_uniform_below_its_bound():
    delays = np.array([p.jitter for p in plans(Trials(count=4000, jitter=0.02), [], 5)])
    assert delays.min() >= 0 and delays.max() < 0.02
    five = 5 * 0.02 / np.sqrt(12 * 4000)  # standard errors of the mean
    assert delays.mean() == pytest.approx(0.01, abs=five)
    assert np.ptp(delays) > 0.0199


def test_all_stimuli_of_a_trial_start_later_together():
    a, b = (
        Pulse(place=Place(x=0.3), duration=0.002),
        Pulse(place=Place(x=0.8), onset=0.03, duration=0.002),
    )
    drive = rendered([a, b], count=5, jitter=0.02)
    onsets = drive.events()["onset"].values.reshape(5, 2)
    assert onsets[:, 1] - onsets[:, 0] == pytest.approx(0.03, rel=1e-12)
    for trial in range(5):
        on = field(drive.trial(trial))[:, 0, 0]
        first = int(np.floor(onsets[trial, 0] / DT + 0.5))
        assert np.flatnonzero(on[:, 3]).tolist() == [first, first + 1]


RANDOM = [Flashes(sites=[Place(x=0.1 * n) for n in range(6)], duration=0.004,
                  interval=0.01, order="shuffled", jitter=0.004)]  # fmt: skip


def test_a_trial_is_the_same_however_many_there_are():
    few, many = (rendered(RANDOM, count=n, jitter=0.01) for n in (4, 40))
    for trial in range(4):
        assert np.array_equal(field(few.trial(trial)), field(many.trial(trial)))


def test_a_stimulus_draws_from_its_own_stream():
    alone = rendered(RANDOM)
    # another stimulus after it changes nothing of what it draws
    after = rendered([*RANDOM, Pulse(place=Place(x=1.5), duration=DT)])
    with_pulse = field(after.trial(0))
    with_pulse[0, 0, 0, 15] -= 1
    assert np.array_equal(field(alone.trial(0)), with_pulse)


STIMULI = [
    *RANDOM,
    Pulse(place=Place(x=1.0), onset=0.01, duration=0.02, course="raised_cosine"),
    Grating(mode="drifting", direction=0.0, wavelength=0.4, frequency=30.0,
            duration=0.06, onset=0.02),
    MovingBar(direction=0.0, speed=30.0, width=0.2, start=-0.8, duration=0.05),
    PulseTrain(place=Place(x=0.5), count=9, interval=0.02, duration=0.015),
]  # fmt: skip


def test_continuous_trials_show_what_independent_ones_do_one_after_the_other():
    options = {"count": 5, "jitter": 0.03, "catch": 0.2}
    apart = rendered(STIMULI, **options)
    along = rendered(STIMULI, mode="continuous", **options)
    whole = along.trial(0)
    for trial in range(5):
        assert np.array_equal(
            field(whole, start=trial * STEPS), field(apart.trial(trial))
        )


def test_continuous_events_are_those_of_independent_trials_moved():
    options = {"count": 4, "jitter": 0.03}
    apart = rendered(STIMULI, **options).events()
    along = rendered(STIMULI, mode="continuous", **options).events()
    trial = apart["trial"].values
    assert np.array_equal(trial, along["trial"].values)
    assert along["onset"].values - apart["onset"].values == pytest.approx(
        trial * STEPS * DT, abs=1e-12
    )
    assert along["duration"].values == pytest.approx(apart["duration"].values)


def test_events_tell_what_the_drive_shows():
    stimuli = [Pulse(name="flash", place=Place(x=0.3), onset=0.02, duration=0.03),
               PulseTrain(place=Place(x=0.9), count=3, interval=0.04, duration=0.03,
                          onset=0.01)]  # fmt: skip
    drive = rendered(stimuli, count=2)
    events = drive.events()
    train = "pulse_train_1"
    assert events["stimulus"].values.tolist() == [train, "flash", train, train] * 2
    assert events["kind"].values.tolist() == ["pulse_train", "pulse", "pulse_train",
                                              "pulse_train"] * 2  # fmt: skip
    assert events["item"].values.tolist() == ["0", "0", "1", "2"] * 2
    assert events["x"].values.tolist() == [0.9, 0.3, 0.9, 0.9] * 2
    # the last flash is cut by the end of the trial at 100 ms
    assert events["duration"].values == pytest.approx([0.03, 0.03, 0.03, 0.01] * 2)
    on = field(drive.trial(1))[:, 0, 0]
    lit = np.zeros((STEPS, 16))
    rows = (events[name].values[4:] for name in ("onset", "duration", "x"))
    for onset, duration, x in zip(*rows, strict=True):
        first, last = round(onset / DT), round((onset + duration) / DT)
        lit[first:last, round(x / 0.1)] = 1.0
    assert np.array_equal(on, lit)


def test_what_begins_after_the_trial_is_no_event():
    train = PulseTrain(place=Place(x=0.9), count=9, interval=0.04, duration=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # some of it is shown: no warning
        drive = rendered([train], count=2, mode="continuous")
    assert drive.events()["onset"].values == pytest.approx(
        [0, 0.04, 0.08, 0.1, 0.14, 0.18]
    )


def test_stimuli_of_a_condition_are_shown_in_its_trials_only():
    stimuli = [Pulse(place=Place(x=0.1), duration=DT, condition="left"),
               Pulse(place=Place(x=1.4), duration=DT, condition="right"),
               Pulse(place=Place(x=0.8), duration=DT)]  # fmt: skip
    drive = rendered(stimuli, count=6, order="shuffled")
    lit = [np.flatnonzero(field(drive.trial(t), 1)[0, 0, 0]).tolist() for t in range(6)]
    assert sorted(map(tuple, lit)) == [(1, 8)] * 3 + [(8, 14)] * 3


def test_more_stimuli_than_can_be_kept_are_refused():
    train = PulseTrain(place=Place(x=0.9), count=50_000, interval=DT, duration=DT)
    _, faults = render_drive(
        [train], Trials(count=1000), lattice=RING, dt=DT, steps=STEPS,
        inputs={"drive": "1"}, seed=1, folder=None,
    )  # fmt: skip
    assert "more than 1,000,000 stimuli" in faults[0].message


@pytest.mark.parametrize(
    "given, message",
    [({"count": 0}, "greater than or equal to 1"), ({"count": 10**9}, "less than or"),
     ({"jitter": -0.1}, "less than 0"), ({"catch": 1.0}, "less than 1"),
     ({"catch": float("nan")}, "finite|less than|greater"), ({"count": True}, "true"),
     ({"mode": "serial"}, "'independent' or 'continuous'")],
)  # fmt: skip
def test_trials_that_cannot_be_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        Trials(**given)
