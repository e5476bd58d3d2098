"""White noise: independent, reproducible, and exactly what the recording keeps."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.sheet.lattice import Lattice
from cortexwave.sheet.rendering import render_drive
from cortexwave.sheet.trials import Trials
from cortexwave.sheet.wide_stimuli import WhiteNoise

SHEET = Lattice((6, 8), 0.1, features=2)
DT = 1e-3


def rendered(noise, steps=200, seed=1, lattice=SHEET, **trials):
    drive, faults = render_drive(
        [noise], Trials(**trials), lattice=lattice, dt=DT, steps=steps,
        inputs={"drive": "1"}, seed=seed, folder=None,
    )  # fmt: skip
    assert not faults, faults
    return drive


def at(drive, trial, step):
    sample = drive.trial(trial).at("drive", step)
    return np.zeros(SHEET.field_shape) if sample is None else sample


@pytest.mark.parametrize("patches", ["whole", "sites", (2, 4), (3, 3)])
@pytest.mark.parametrize("distribution", ["binary", "gaussian"])
def test_the_table_holds_what_is_shown_sample_by_sample(patches, distribution):
    noise = WhiteNoise(clock=0.004, onset=0.01, duration=0.1, amplitude=2.5,
                       patches=patches, features=[1, -2],
                       distribution=distribution)  # fmt: skip
    drive = rendered(noise, count=3)
    table = drive.drawn
    values, patch = table["values"].values, table["patch"].values
    clock = table["clock"].values
    assert values.shape[:2] == (3, 25)
    assert clock == pytest.approx(0.01 + 0.004 * np.arange(25))
    weights = np.array([1, -2])[:, None, None]
    for trial in range(3):
        for step in range(200):
            place = np.searchsorted(clock, step * DT + 1e-9, side="right") - 1
            on = 10 <= step < 110
            expected = (
                2.5 * weights * values[trial, place][patch] if on else 0 * weights
            )
            assert np.array_equal(at(drive, trial, step) + 0, expected + np.zeros(
                SHEET.field_shape))  # fmt: skip


def test_patches_tile_the_sheet_evenly():
    patch = WhiteNoise(clock=DT, patches=(2, 4)).patch_map(SHEET)
    assert np.bincount(patch.ravel()).tolist() == [6] * 8
    assert patch[0, 0] == 0 and patch[0, -1] == 3 and patch[-1, 0] == 4
    assert np.array_equal(
        WhiteNoise(clock=DT, patches="sites").patch_map(SHEET).ravel(), np.arange(48)
    )


@pytest.mark.parametrize("distribution", ["binary", "gaussian"])
def test_values_are_white_in_time_space_and_trials(distribution):
    noise = WhiteNoise(clock=DT, distribution=distribution, patches=(2, 4))
    values = rendered(noise, steps=2000, count=4).drawn["values"].values
    n = values.size
    five = 5 / np.sqrt(n)  # standard errors of a mean of unit variance
    assert abs(values.mean()) < five
    assert values.var() == pytest.approx(1.0, abs=2 * five)
    for lag in (1, 2, 7):
        assert abs((values[:, lag:] * values[:, :-lag]).mean()) < five * 1.05
    assert abs((values[..., 1:] * values[..., :-1]).mean()) < five * 1.1
    assert abs((values[1:] * values[:-1]).mean()) < five * 1.2
    if distribution == "binary":
        assert set(np.unique(values)) == {-1.0, 1.0}


def test_the_same_seed_draws_the_same_and_another_does_not():
    noise = WhiteNoise(clock=DT, distribution="gaussian")
    first, again, other = (
        rendered(noise, seed=seed).drawn["values"].values for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 5 / np.sqrt(200)


def test_a_trial_is_the_same_however_many_there_are():
    noise = WhiteNoise(clock=DT, distribution="gaussian")
    few = rendered(noise, count=4).drawn["values"].values
    many = rendered(noise, count=30).drawn["values"].values
    assert np.array_equal(few, many[:4])


def test_continuous_trials_follow_one_another_on_one_clock():
    noise = WhiteNoise(clock=0.004, onset=0.01, distribution="gaussian")
    apart = rendered(noise, count=3)
    along = rendered(noise, count=3, mode="continuous")
    values, clock = along.drawn["values"].values, along.drawn["clock"].values
    assert np.array_equal(values[0], apart.drawn["values"].values.reshape(-1, 1))
    assert np.all(np.diff(clock) > 0)
    whole = along.trial(0)
    for trial in range(3):
        for step in (0, 9, 10, 13, 14, 150, 199):
            sample = whole.at("drive", 200 * trial + step)
            alone = at(apart, trial, step)
            assert np.array_equal(
                alone, np.zeros_like(alone) if sample is None else sample
            )


def test_catch_trials_draw_nothing():
    drive = rendered(WhiteNoise(clock=DT), count=8, catch=0.5)
    values = drive.drawn["values"].values
    silent = [not values[trial].any() for trial in range(8)]
    assert sum(silent) == 4
    assert [drive.trial(t).at("drive", 0) is None for t in range(8)] == silent


def test_jitter_leaves_the_sequence_on_its_clock():
    noise = WhiteNoise(clock=0.01, distribution="gaussian")
    drive = rendered(noise, count=6, jitter=0.05)
    values = drive.drawn["values"].values[..., 0]
    clock = drive.drawn["clock"].values
    for trial in range(6):
        for step in range(200):
            tick = np.searchsorted(clock, step * DT + 1e-9, side="right") - 1
            assert at(drive, trial, step)[0, 0, 0] == values[trial, tick]


def test_the_event_lasts_as_long_as_the_noise():
    events = rendered(WhiteNoise(clock=DT, onset=0.05)).events()
    assert events["onset"].values == pytest.approx([0.05])
    assert events["duration"].values == pytest.approx([0.15])


@pytest.mark.parametrize(
    "noise, count, message",
    [
        (
            WhiteNoise(clock=0.0025),
            1,
            "the clock of the white noise is 2.5 ms, no mult",
        ),
        (WhiteNoise(clock=1e-4), 1, "no multiple of dt = 1 ms; the nearest is 1"),
        (WhiteNoise(clock=DT, patches=(7, 4)), 1, "7 x 4 patches of a sheet of 6 x 8"),
        (WhiteNoise(clock=DT, patches=(0, 4)), 1, "0 x 4 patches"),
        (
            WhiteNoise(clock=DT, onset=0.3),
            1,
            "begins at 300 ms, after the trial of 200",
        ),
        (WhiteNoise(clock=DT, patches="sites"), 50_000, "in 50000 trials takes more"),
    ],
)
def test_noise_that_cannot_be_drawn_is_a_fault(noise, count, message):
    _, faults = render_drive(
        [noise], Trials(count=count), lattice=SHEET, dt=DT, steps=200,
        inputs={"drive": "1"}, seed=1, folder=None,
    )  # fmt: skip
    assert len(faults) == 1 and message in faults[0].message, faults


def test_a_recording_keeps_the_values_of_one_white_noise():
    noise = WhiteNoise(clock=DT)
    _, faults = render_drive(
        [noise, noise], Trials(), lattice=SHEET, dt=DT, steps=200,
        inputs={"drive": "1"}, seed=1, folder=None,
    )  # fmt: skip
    assert "2 white-noise drives" in faults[0].message
