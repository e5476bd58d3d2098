"""Memory functions against their closed forms, their bias and their nulls."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom

from cortexwave.errors import InputError
from cortexwave.memory.driven import driven_from, driven_states
from cortexwave.memory.memory_function import memory_function
from cortexwave.schema import with_tables

SITES = 20  # of the driven systems

# Open delay line: m(k) = 1 / (1 + s^2 (k + 1)) up to lag 19, its sum 20 without noise.
# Leaky 0.9: m(k) = 0.19 * 0.81^k / (1 + s^2). Ring 0.9: 2.876 at s = 0.5.
CLOSED = {
    ("delay", 0.001): 20.0,
    ("delay", 0.5): sum(1 / (1 + 0.25 * (k + 1)) for k in range(SITES)),
    ("leaky", 0.001): 1.0,
    ("leaky", 0.5): 0.8,
    ("ring", 0.5): 2.876,
}


@pytest.mark.parametrize(("kind", "noise"), CLOSED)
def test_capacity_is_that_of_the_closed_form(kind, noise, driven_system):
    found = memory_function(
        driven_system(kind, noise=noise, values=10_000, seed=3),
        lags=50,
        surrogates=19,
        seed=0,
    )
    # the sum of m over 20 lags has a standard error of 0.11 here for the noisy line
    # (its bootstrap), 0.04 for the leaky one; without noise only 1 / T remains
    error = 3 * 0.11 if kind == "delay" and noise > 0.1 else 0.15
    error = 0.05 if (kind, noise) == ("delay", 0.001) else error
    assert found.capacity.item() == pytest.approx(CLOSED[kind, noise], abs=error)


def test_a_noiseless_delay_line_ends_at_its_length(driven_system):
    found = memory_function(
        driven_system("delay", noise=1e-3, values=4000, seed=1),
        lags=30,
        surrogates=19,
        seed=0,
    )
    assert np.all(found.memory.values[0, :SITES] > 0.99)
    # the largest of 10 lags of no memory at 1 / T = 1 / 4000
    assert np.all(np.abs(found.memory.values[0, SITES:]) < 0.01)
    assert found.half_life.item() == pytest.approx(0.19)
    assert found.span.item() == pytest.approx(0.2, abs=0.001)


def test_states_hold_in_sample_what_they_were_fitted_on_and_held_out_nothing():
    # 64 sites that know nothing: N / (T - 1) in sample; the mean of 20 lags is right
    # within 0.01 where each has a standard deviation of 0.02
    draw = np.random.default_rng(0)
    states, drive = draw.standard_normal((600, 64)), draw.standard_normal(600)
    inside = []
    for lag in range(20):
        target = drive[20 - lag : 600 - lag]
        read = np.linalg.lstsq(states[20:], target, rcond=None)[0]
        inside.append(np.corrcoef(states[20:] @ read, target)[0, 1] ** 2)
    assert np.mean(inside) == pytest.approx(64 / 579, abs=0.01)
    found = memory_function(driven_from(states, drive, tick=0.01), lags=20,
                            surrogates=19, seed=0)  # fmt: skip
    assert found.memory.mean().item() == pytest.approx(0.0, abs=0.01)
    assert found.capacity.item() < 0.1


def test_independent_targets_pass_the_family_wise_test_at_its_rate():
    draw = np.random.default_rng(4)
    passed = []
    for seed in range(20):
        states, drive = draw.standard_normal((300, 5)), draw.standard_normal(300)
        found = memory_function(driven_from(states, drive, tick=0.01), lags=10,
                                surrogates=19, seed=seed)  # fmt: skip
        passed.append(bool(found.p.min() <= 0.05))
    # 5 % of 20 is 1; 5 or more has a probability below 0.003
    assert np.sum(passed) <= 4


def test_the_limit_makes_good_what_few_values_lose(driven_system):
    # 60 sites for 500 values: at noise 0.5 the line's readers are poorly fitted
    driven = driven_system("delay", noise=0.5, values=500, seed=5)
    draw = np.random.default_rng(6)
    padded = np.concatenate([driven.states[0], draw.standard_normal((500, 40))], axis=1)
    found = memory_function(driven_from(padded, driven.drive, tick=0.01), lags=20,
                            surrogates=19, seed=0)  # fmt: skip
    truth = CLOSED["delay", 0.5]
    measured = found.capacity_all_lags.item()
    assert measured < truth - 0.5
    assert abs(found.memory_limit.sum().item() - truth) < truth - measured
    assert "fewer than 20 per site" in found.attrs["cautions"]


@pytest.mark.slow
def test_the_interval_covers_the_closed_form_at_its_rate(driven_system):
    # coverage of a 95 % interval over 60 runs: fewer happen once in a thousand times
    inside = 0
    for seed in range(60):
        found = memory_function(
            driven_system("delay", noise=0.5, values=3000, seed=seed),
            lags=20,
            surrogates=19,
            seed=0,
        )
        low, high = found.capacity_limit_low.item(), found.capacity_limit_high.item()
        inside += low <= CLOSED["delay", 0.5] <= high
    assert inside >= binom.ppf(1e-3, 60, 0.95)


def test_scale_and_order_of_sites_change_nothing(driven_system):
    driven = driven_system("delay", noise=0.5, values=1500, seed=2)
    plain = memory_function(driven, lags=12, surrogates=19, seed=0)
    other = driven_from(1e3 * driven.states[0][:, ::-1], -5 * driven.drive, tick=0.01)
    moved = memory_function(other, lags=12, surrogates=19, seed=0)
    np.testing.assert_allclose(moved.memory, plain.memory, atol=1e-6)


def test_each_patch_has_its_own_memory():
    draw = np.random.default_rng(0)
    drive = draw.standard_normal((1, 3000, 2))
    states = np.stack([drive[0, :, 0], np.roll(drive[0, :, 1], 3)], axis=1)
    found = memory_function(driven_from(states[None], drive, tick=0.02), lags=6,
                            surrogates=19, seed=0)  # fmt: skip
    assert found.memory.argmax("lag").values.tolist() == [0, 3]
    assert found.capacity_total.item() == pytest.approx(2.0, abs=0.01)


def test_trials_are_not_read_across_their_ends():
    draw = np.random.default_rng(0)
    drive = draw.standard_normal((30, 80))
    states = np.stack([np.roll(drive, 2, axis=1), draw.standard_normal((30, 80))], 2)
    found = memory_function(driven_from(states, drive, tick=0.02), lags=5,
                            surrogates=19, seed=0)  # fmt: skip
    assert found.memory.sel(lag=2).item() == pytest.approx(1.0, abs=0.01)


def test_a_drive_that_remembers_is_whitened_and_said_to_be():
    # without whitening a state that holds only the present would seem to hold the past
    draw = np.random.default_rng(0)
    drive = np.zeros(4000)
    for step in range(1, 4000):
        drive[step] = 0.8 * drive[step - 1] + draw.standard_normal()
    fresh = np.r_[0.0, drive[1:] - 0.8 * drive[:-1]]
    found = memory_function(driven_from(fresh[:, None], drive, tick=0.02), lags=8,
                            surrogates=19, seed=0)  # fmt: skip
    assert found.attrs["white"] == 0
    assert found.memory.values[0, 0] > 0.98
    assert found.memory.values[0, 1:].max() < 0.02


def _recording(frames: int = 401, step: float = 0.01) -> xr.Dataset:
    draw = np.random.default_rng(0)
    values = draw.choice([-1.0, 1.0], (1, 100, 1))
    held = np.repeat(values[0, :, 0], 4)
    field = np.zeros((frames, 1, 3))
    field[1:, 0, 0] = held[: frames - 1]
    field[:, 0, 1:] = draw.standard_normal((frames, 2))
    time = step * np.arange(frames)
    fields = xr.Dataset(
        {"h": (("time", "y", "x"), field, {"units": "1"})},
        {"time": ("time", time, {"units": "s"}), "y": ("y", [0.0], {"units": "mm"}),
         "x": ("x", [0.0, 1.0, 2.0], {"units": "mm"})},
    )  # fmt: skip
    drive = xr.Dataset(
        {"values": (("trial", "clock", "patch"), values, {"units": "1"}),
         "patch": (("y", "x"), np.array([[0, -1, -1]]), {"units": "1"})},
        {"clock": ("clock", 0.04 * np.arange(100), {"units": "s"})},
    )  # fmt: skip
    return with_tables(fields, None, drive)


def test_a_recording_is_sampled_as_each_value_ends():
    driven = driven_states(_recording())
    assert driven.states.shape == (1, 100, 3)
    correlation = np.corrcoef(driven.states[0, :, 0], driven.drive[0, :, 0])[0, 1]
    assert correlation == pytest.approx(1.0)
    assert driven.sources.tolist() == [[0.0, 0.0]]


def test_a_recording_that_ends_early_gives_the_values_it_holds():
    assert driven_states(_recording(frames=203)).states.shape == (1, 50, 3)


def test_what_cannot_be_measured_is_refused_by_name():
    recording = _recording()
    with pytest.raises(InputError, match="no drive"):
        memory_function(recording.drop_vars(["drive_values", "drive_patch"]), lags=5,
                        seed=0)  # fmt: skip
    with pytest.raises(InputError, match="50 lags need 200 or more"):
        memory_function(recording, lags=50, seed=0)
    with pytest.raises(InputError, match="surrogates is 5"):
        memory_function(recording, lags=5, surrogates=5, seed=0)
    with pytest.raises(InputError, match="at least one frame per value"):
        driven_states(recording.isel(time=slice(None, None, 8)))
    with pytest.raises(InputError, match="never changes"):
        driven_from(np.random.default_rng(0).standard_normal((50, 2)), np.ones(50),
                    tick=0.1)  # fmt: skip
    with pytest.raises(InputError, match=r"\(3, 2\)"):
        driven_from(np.zeros((50, 3)), np.arange(50.0), tick=0.1, positions=[[0, 0]])


@pytest.mark.parametrize(("change", "said"), [
    ({"states": 1j * np.ones((50, 3))}, "states are complex; give the real and imag"),
    ({"states": np.where(np.arange(3) == 1, np.nan, np.ones((50, 3)))},
     r"states: 50 of 150 are missing .* sites 1 \(counted from 0; 1 of them through"),
    ({"drive": 1j * np.ones(50)}, "values of the drive are complex"),
    ({"drive": np.where(np.arange(50) < 4, np.inf, 1.0)}, "drive: 4 of 50 .* patches"),
])  # fmt: skip
def test_states_and_drives_that_are_no_numbers_are_named(change, said):
    usual = {"states": np.ones((50, 3)), "drive": np.arange(50.0)}
    with pytest.raises(InputError, match=said):
        driven_from(**{**usual, **change}, tick=0.1)


@pytest.mark.parametrize(("change", "said"), [
    ({"lags": 2.5}, "lags is 2.5; it is a whole number from 1"),
    ({"lags": 0}, "lags is 0; it is a whole number from 1"),
    ({"seed": None}, "seed is None; it is a whole number from 0"),
    ({"seed": -1}, "seed is -1; it is a whole number from 0"),
    ({"surrogates": 19.5}, "surrogates is 19.5; it is a whole number"),
])  # fmt: skip
def test_counts_that_are_no_whole_numbers_are_refused(change, said):
    states = np.random.default_rng(0).standard_normal((60, 3))
    driven = driven_from(states, states[:, 0], tick=0.1)
    with pytest.raises(InputError, match=said):
        memory_function(driven, **{"lags": 5, "seed": 0, **change})


def test_values_shown_alike_in_all_trials_are_not_learned_by_heart():
    draw = np.random.default_rng(0)
    shown = draw.standard_normal(160)
    # the state is another at every moment, the same in all trials, and holds no value
    states = draw.standard_normal((160, 30)) + 0.1 * draw.standard_normal((6, 160, 30))
    frozen = driven_from(states, np.tile(shown, (6, 1)), tick=0.01)
    found = memory_function(frozen, lags=8, surrogates=19, seed=0)
    # in sample of 153 values 30 sites hold 0.2 of each; held out 8 lags of 5 folds of
    # 31 values have a standard error of about 1 / 30 / sqrt(8) = 0.012
    assert abs(found.memory.mean().item()) < 0.04
    assert "6 trials show one drive" in found.attrs["cautions"]
