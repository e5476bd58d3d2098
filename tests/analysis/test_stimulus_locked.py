"""Lags of a response to a stimulus, apart from what each trial has of its own."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import xarray as xr
from scipy.ndimage import gaussian_filter

from cortexwave.analysis.stimulus_locked import stimulus_locked_lags
from cortexwave.errors import InputError

RATE, AXIS = 200.0, 0.4 * np.arange(6)
Y, X = (axis.ravel() for axis in np.meshgrid(AXIS, AXIS, indexing="ij"))
TIME = np.arange(-20, 100) / RATE
NONE = np.full(36, np.nan)
PLANE = (X * np.cos(0.5) + Y * np.sin(0.5)) / 90.0  # s; 90 mm/s
SOURCE = np.hypot(X - 1.0, Y - 1.0) / 30.0
KNOWN = {"band": (5.0, 40.0), "window": (0.0, 0.49)}


def epochs(delay, *, seed, trials=24, response=1.5, own_wave=0.0):
    """Trials of smooth noise, a response (delay in s at each site), waves of their own.

    The response is a packet of 10 Hz at 0.15 s; the wave of each trial travels along
    +x with a phase of its own.
    """
    draw = np.random.default_rng(seed)
    noise = gaussian_filter(draw.standard_normal((trials, 120, 6, 6)), (0, 0, 1, 1))
    values = (noise / noise.std()).reshape(trials, 120, 36)
    since = TIME[:, None] - 0.15 - np.where(np.isnan(delay), 0.0, delay)
    packet = np.exp(-((since / 0.05) ** 2) / 2) * np.cos(20 * np.pi * since)
    values += response * np.where(np.isnan(delay), 0.0, packet)
    phase = draw.uniform(0, 2 * np.pi, (trials, 1, 1))
    values += own_wave * np.cos(20 * np.pi * TIME[:, None] - 0.7 * X + phase)
    return xr.Dataset(
        {"lfp": (("trial", "time", "y", "x"), values.reshape(trials, 120, 6, 6),
                 {"units": "uV"})},
        {"trial": ("trial", np.arange(trials), {"units": "1"}),
         "time": ("time", TIME, {"units": "s"}),
         "y": ("y", AXIS, {"units": "mm"}), "x": ("x", AXIS, {"units": "mm"})},
    )  # fmt: skip


def test_a_response_that_travels_has_locked_lags_a_direction_and_a_speed():
    found = stimulus_locked_lags(epochs(PLANE, seed=1), seed=1, **KNOWN)
    assert found.verdict.item() == "stimulus-locked lags"
    assert found.p.item() <= 0.02
    # two standard errors of this many trials, as seen in jackknife over groups
    off = 2 * max(found.direction_error.item(), 3.0)
    assert found.direction.item() == pytest.approx(np.degrees(0.5), abs=off)
    assert found.speed.item() == pytest.approx(90.0, rel=0.2)


def test_a_strong_response_gives_its_speed_within_5_percent():
    found = stimulus_locked_lags(epochs(PLANE, seed=2, response=20.0), seed=1, **KNOWN)
    assert found.speed.item() == pytest.approx(90.0, rel=0.05)
    assert found.latency_slope.item() == pytest.approx(1 / 90, rel=0.05)
    assert found.direction.item() == pytest.approx(np.degrees(0.5), abs=1.0)


def test_rows_wider_apart_than_columns_keep_direction_and_speed():
    delay = (X * np.cos(1.0) + 4 * Y * np.sin(1.0)) / 300.0
    recording = epochs(delay, seed=2, response=20.0).assign_coords(
        y=("y", 4 * AXIS, {"units": "mm"})
    )
    found = stimulus_locked_lags(recording, seed=1, **KNOWN)
    assert found.direction.item() == pytest.approx(np.degrees(1.0), abs=1.0)
    assert found.direction_error.item() > 0
    assert found.speed.item() == pytest.approx(300.0, rel=0.05)


def test_sites_on_one_line_have_no_direction_and_no_speed():
    recording = epochs(X / 90.0, seed=1, response=20.0)
    dead = recording.copy(deep=True)
    dead.lfp[:, :, 1:] = np.nan
    wide = xr.concat([dead, dead.assign_coords(x=("x", AXIS + 2.4, {"units": "mm"}))],
                     "x")  # fmt: skip
    found = stimulus_locked_lags(wide, seed=1, **KNOWN)
    assert np.isnan(found.direction.item())
    assert np.isnan(found.direction_error.item())
    assert np.isnan(found.speed.item())
    assert found.latency_slope.item() > 0
    assert "one line" in found.caution


def test_a_response_out_of_a_source_is_found_without_a_direction():
    found = stimulus_locked_lags(epochs(SOURCE, seed=1), seed=1, **KNOWN)
    assert found.p_omnibus.item() <= 0.02
    assert found.verdict.item() == "stimulus-locked lags"


def test_a_response_everywhere_at_once_is_locked_and_has_no_lags():
    found = stimulus_locked_lags(epochs(0 * X, seed=3, own_wave=1.0), seed=1, **KNOWN)
    assert found.p_locked.item() <= 0.01
    assert found.verdict.item() == "a locked response, no lags found"


def test_waves_of_each_trial_that_no_stimulus_locks_are_not_a_response():
    found = stimulus_locked_lags(epochs(NONE, seed=1, own_wave=2.0), seed=1, **KNOWN)
    assert found.verdict.item() == "no locked response found"


@pytest.mark.parametrize(
    ("delay", "own_wave"), [(0 * X, 0.0), (0 * X, 1.5), (NONE, 1.5)],
    ids=["at once", "at once with waves", "waves"],
)  # fmt: skip
@pytest.mark.slow
def test_lags_are_found_by_chance_in_5_percent(delay, own_wave):
    p = [
        stimulus_locked_lags(
            epochs(delay, seed=k, trials=16, own_wave=own_wave),
            seed=k, count=127, **KNOWN,
        ).p.item()
        for k in range(60)
    ]  # fmt: skip
    low, high = scipy.stats.binom.interval(0.999, len(p), 0.05)
    assert low <= np.sum(np.array(p) <= 0.05) <= high


def test_trials_with_missing_values_are_left_out_and_dead_sites_too():
    recording = epochs(PLANE, seed=1)
    recording.lfp[3, 40, 2, 2] = np.nan
    recording.lfp[:, :, 5, 5] = np.nan
    found = stimulus_locked_lags(recording, seed=1, **KNOWN)
    assert found.used_trials.item() == 23
    assert found.p.item() <= 0.05


def test_few_trials_are_undetermined():
    found = stimulus_locked_lags(epochs(PLANE, seed=1, trials=8), seed=1, **KNOWN)
    assert found.verdict.item() == "undetermined: 8 whole trials; 12 are needed"
    assert np.isnan(found.p.item())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window": (0.3, 0.1)}, "window is 0.3 to 0.1 s"),
        ({"window": (0.0, 3.0)}, "window is 0 to 3 s"),
        ({"window": (0.0, 0.1)}, "segment is 0.1"),
        ({"band": (5.0, 400.0)}, "ends at 400 Hz; .* must end below"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(change, message):
    with pytest.raises(InputError, match=message):
        stimulus_locked_lags(epochs(PLANE, seed=1), seed=1, **{**KNOWN, **change})


def test_a_recording_without_trials_is_sent_to_epochs():
    with pytest.raises(InputError, match=r"no 'trial'.*epochs"):
        stimulus_locked_lags(epochs(PLANE, seed=1).isel(trial=0), seed=1, **KNOWN)
