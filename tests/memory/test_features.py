"""Features of snapshots: causal phasors of known waves, and wave coordinates."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from cortexwave.analysis.wave_fields import wave_field
from cortexwave.errors import InputError
from cortexwave.memory.elapsed_time import decode_elapsed_time
from cortexwave.memory.features import (
    features,
    phasor_trials,
    phasors,
    wave_modes,
    wave_residuals,
    wave_trials,
)
from cortexwave.memory.identity import decode_identity
from cortexwave.memory.trials import trials_from

RATE = 500.0
_Y, _X = np.meshgrid(0.4 * np.arange(6), 0.4 * np.arange(5), indexing="ij")
PLACES = np.stack([_X.ravel(), _Y.ravel()], axis=1)  # mm
MIDDLE = PLACES.mean(axis=0)


def _oscillation(phase=0.7, frequency=10.0, seconds=1.2):
    clock = np.arange(int(seconds * RATE)) / RATE
    values = 3 * np.cos(2 * np.pi * frequency * clock + phase)
    return trials_from(np.tile(values[None, :, None], (4, 1, 2)), [0, 0, 1, 1],
                       step=1 / RATE)  # fmt: skip


def test_phasors_of_an_oscillation_have_its_amplitude_and_phase():
    trials = _oscillation()
    z = phasors(trials, band=(7.0, 13.0)).values[0, 400:, 0]
    # the first value, taken away, is a constant that leaks by 2 (3 / 10)^4 of itself
    np.testing.assert_allclose(np.abs(z), 3, rtol=0.03)
    expected = 2 * np.pi * 10 * trials.clock[400:] + 0.7
    assert np.abs(np.angle(z * np.exp(-1j * expected))).max() < 0.03


def test_phasors_know_nothing_of_what_is_yet_to_come():
    draw = np.random.default_rng(0)
    values = draw.standard_normal((2, 300, 3))
    later = values.copy()
    later[:, 150:] += 10 * draw.standard_normal((2, 150, 3))
    one, other = (
        phasors(trials_from(each, [0, 1], step=1 / RATE), band=(8.0, 20.0)).values
        for each in (values, later)
    )
    np.testing.assert_array_equal(one[:, :150], other[:, :150])
    assert np.abs(one[:, 150:] - other[:, 150:]).max() > 1


def test_each_kind_of_feature_is_what_its_name_says():
    trials = _oscillation()
    z = phasors(trials, band=(7.0, 13.0))
    analytic = features(z, "analytic").values
    np.testing.assert_array_equal(analytic[..., :2] + 1j * analytic[..., 2:], z.values)
    np.testing.assert_array_equal(features(z, "amplitude").values, np.abs(z.values))
    phase = features(trials, "phase", band=(7.0, 13.0)).values[:, 100:]
    np.testing.assert_allclose(np.hypot(phase[..., :2], phase[..., 2:]), 1)
    assert features(trials, "raw") is trials


def test_a_plane_wave_has_its_wave_vector_and_no_curl_or_divergence():
    k = np.array([1.3, -0.8])  # rad/mm
    modes = wave_modes(2 * np.exp(1j * (PLACES @ k + 0.4)), PLACES)
    np.testing.assert_allclose(modes[:2], k, atol=1e-6)
    np.testing.assert_allclose(modes[2:4], 0, atol=1e-6)
    assert modes[4] == pytest.approx(2, rel=1e-6)


def test_an_expanding_wave_has_divergence_and_a_rotating_one_curl():
    away = PLACES - MIDDLE
    # phase -a r^2 / 2: gradient -a r, divergence -2 a
    expanding = wave_modes(np.exp(-0.5j * 0.9 * (away**2).sum(axis=1)), PLACES)
    assert expanding[2] == pytest.approx(-1.8, rel=1e-4)
    assert abs(expanding[3]) < 1e-6 and np.abs(expanding[:2]).max() < 1e-6
    # off the lattice, so that no site stands on the singularity
    angle = np.arctan2(away[:, 1] - 0.05, away[:, 0] - 0.03)
    rotating = wave_modes(np.exp(1j * angle), PLACES)
    other = wave_modes(np.exp(-1j * angle), PLACES)
    assert rotating[3] > 1 and rotating[3] > 5 * abs(rotating[2])
    assert other[3] == pytest.approx(-rotating[3])


def test_the_longest_modes_are_projections_on_cosines_and_sines():
    extent = np.ptp(PLACES, axis=0)
    turn = (PLACES - (PLACES.max(axis=0) + PLACES.min(axis=0)) / 2) @ (
        np.array([np.pi / extent[0], 0])
    )
    z = (2 - 1j) * np.cos(turn)
    modes = wave_modes(z, PLACES)
    share = np.mean(np.cos(turn) ** 2)
    np.testing.assert_allclose(modes[5:7], [2 * share, -share])
    np.testing.assert_allclose(modes[7:9], 0, atol=1e-12)  # the sine
    assert modes.size == 5 + 12


def test_a_line_has_one_wavenumber_and_its_slope():
    x = np.stack([0.4 * np.arange(9), np.zeros(9)], axis=1)
    away = x[:, 0] - x[:, 0].mean()
    modes = wave_modes(np.exp(1j * (1.1 * away + 0.5 * 0.3 * away**2)), x)
    np.testing.assert_allclose(modes[:2], [1.1, 0.3], atol=1e-6)
    assert modes.size == 3 + 12


def test_nothing_is_left_of_a_plane_wave_and_all_of_what_is_no_wave():
    plane = np.exp(1j * PLACES @ [1.5, 0.3])
    assert np.abs(wave_residuals(plane[None], PLACES)).max() < 1e-6
    checks = np.where((np.arange(30) % 5 + np.arange(30) // 5) % 2, 1.0, -1.0)
    left = wave_residuals(checks[None].astype(complex), PLACES)
    assert np.sum(np.abs(left) ** 2) > 0.8 * 30


def _recording():
    draw = np.random.default_rng(1)
    clock = np.arange(1500) / RATE
    wave = np.cos(2 * np.pi * 10 * clock[:, None, None] - 1.2 * _X)
    values = wave + 0.01 * draw.standard_normal(wave.shape)
    onsets = np.array([1.0, 1.25, 1.5, 1.75])
    columns = {"onset": (onsets, "s"), "duration": (np.zeros(4), "s"),
               "kind": (np.array(["pulse"] * 4), ""),
               "stimulus": (np.array(["a", "b", "a", "b"]), ""),
               "item": (np.array([""] * 4), ""), "x": (np.full(4, np.nan), "mm"),
               "y": (np.full(4, np.nan), "mm"), "trial": (np.zeros(4, int), "1"),
               **{name: (np.array([""] * 4), "")
                  for name in ("block", "session", "subject", "outcome")}}  # fmt: skip
    return xr.Dataset(
        {"lfp": (("time", "y", "x"), values, {"units": "uV"}),
         **{f"event_{name}": ("event", column, {"units": unit})
            for name, (column, unit) in columns.items()}},
        {"time": ("time", clock, {"units": "s"}),
         "y": ("y", _Y[:, 0], {"units": "mm"}), "x": ("x", _X[0], {"units": "mm"})},
        {"origin": "synthetic"},
    )  # fmt: skip


def test_phasors_of_a_recording_are_filtered_before_they_are_cut():
    trials = phasor_trials(_recording(), band=(6.0, 14.0), window=(-0.05, 0.15))
    assert trials.values.shape == (4, 101, 30) and np.iscomplexobj(trials.values)
    assert trials.labels.tolist() == ["a", "b", "a", "b"]
    # no transient at the start of a trial
    np.testing.assert_allclose(np.abs(trials.values), 1, atol=0.05)
    modes = features(trials, "modes").values
    np.testing.assert_allclose(modes[..., 0], -1.2, atol=0.05)  # travels towards +x


def test_trials_of_a_wave_field_say_that_they_are_not_causal():
    recording = _recording()
    field = wave_field(recording, band=(6.0, 14.0))
    field = field.assign({n: recording[n] for n in recording if n.startswith("event_")})
    trials = wave_trials(field, window=(-0.05, 0.15))
    assert trials.attributes["causal"] == 0
    np.testing.assert_allclose(np.abs(trials.values), 1, atol=0.05)
    np.testing.assert_allclose(
        features(trials, "modes").values[..., 0], -1.2, atol=0.05
    )


def test_features_that_cannot_be_are_refused():
    trials = _oscillation()
    with pytest.raises(InputError, match="features are 'wavelet'"):
        features(trials, "wavelet")
    with pytest.raises(InputError, match="give the band in Hz"):
        features(trials, "phase")
    with pytest.raises(InputError, match="position of each site"):
        features(trials, "modes", band=(7.0, 13.0))
    with pytest.raises(InputError, match="ask for 'analytic'"):
        features(phasors(trials, band=(7.0, 13.0)), "raw")


def test_a_decoder_asks_which_real_numbers_of_phasors_it_is_to_read():
    z = phasors(_oscillation(), band=(7.0, 13.0))
    many = z.chosen(np.arange(40) % 4)
    with pytest.raises(InputError, match="the trials hold phasors"):
        decode_identity(many, permutations=19, seed=0)
    with pytest.raises(InputError, match="the trials hold phasors"):
        decode_elapsed_time(many, window=(0.0, 0.1), permutations=19, seed=0)
