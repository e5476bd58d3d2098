"""Surrogates made window by window: what they keep, lack, and hold back."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.fft

from cortexwave import synthetic
from cortexwave.analysis.events import find_waves
from cortexwave.analysis.templates import template_bank
from cortexwave.analysis.travelling import LocalSurrogates, chance_scores, runs
from cortexwave.analysis.wave_fields import wave_field

SITES = synthetic.lattice_sites((8, 8), spacing=0.4)


def _travelling(frames: int = 400, sites: int = 6) -> np.ndarray:
    """exp i(w t - k r) with noise: all of its cross-spectrum has a phase."""
    draw = np.random.default_rng(0)
    noise = draw.standard_normal((2, frames, sites))
    wave = np.exp(1j * (0.7 * np.arange(frames)[:, None] - 0.9 * np.arange(sites)))
    return wave + 0.3 * (noise[0] + 1j * noise[1])


def test_unturned_windows_give_the_field_back():
    """The squares of the tapers add up to 1, so nothing is lost but by the turning."""
    field = _travelling()
    made = LocalSurrogates.of(field, 64)
    bins = made.spectra[:, :, :4] + 1j * made.spectra[:, :, 4:]
    pieces = scipy.fft.ifft(bins.reshape(len(bins), made.window, -1), axis=1)
    pieces *= np.sin(np.pi * (np.arange(64) + 0.5) / 64)[:, None]
    joined = np.zeros(((len(pieces) + 1) * 32, 6), dtype=complex)
    for k, piece in enumerate(pieces):
        joined[32 * k : 32 * k + 64] += piece
    np.testing.assert_allclose(joined[32:432], field, atol=1e-12)


def test_turning_keeps_the_real_part_of_each_tile_and_leaves_no_lags():
    field = _travelling()
    made = LocalSurrogates.of(field, 64)
    kept = np.einsum("wtps,wtpr->sr", made.spectra, made.spectra)
    bins = made.spectra[:, :, :4] + 1j * made.spectra[:, :, 4:]
    cross = np.einsum("wtfs,wtfr->sr", bins, bins.conj())
    np.testing.assert_allclose(kept, cross.real, rtol=1e-10)  # an identity
    draw = np.random.default_rng(1)
    lags = [np.vdot(z[:, 0], z[:, 1]).imag for z in
            (made.made(draw) for _ in range(200))]  # fmt: skip
    own = np.vdot(field[:, 0], field[:, 1]).imag
    # the mean of 200 is within 4 of its standard errors of 0, the field's far off
    assert abs(np.mean(lags)) < 4 * np.std(lags) / np.sqrt(200)
    assert abs(own) > 3 * np.std(lags)


def test_surrogates_are_as_strong_as_the_field_is_at_each_time():
    field = _travelling(800)
    field[400:] *= 0.1
    draw = np.random.default_rng(2)
    made = LocalSurrogates.of(field, 64)
    power = np.mean([np.abs(made.made(draw)) ** 2 for _ in range(50)], axis=(0, 2))
    own = (np.abs(field) ** 2).mean(axis=1)
    for part in (slice(64, 336), slice(464, 736)):  # a window away from the step
        assert power[part].mean() == pytest.approx(own[part].mean(), rel=0.1)


def test_chance_reaches_its_score_about_once_in_150_frames():
    """exp(-5) for each kind; templates are alike, so it is less."""
    y, x = np.meshgrid(0.4 * np.arange(8), 0.4 * np.arange(8), indexing="ij")
    bank = template_bank(np.stack([x.ravel(), y.ravel()], -1), pitch=(0.4, 0.4))
    free = np.exp(2j * np.pi * np.random.default_rng(0).random((3000, 64)))
    beyond = (bank.scores(free)[0][:, :5] > chance_scores(bank)).mean(axis=0)
    assert beyond.max() < 2 * np.exp(-5)


def test_a_field_that_becomes_smoother_is_no_wave():
    """Noise of the sensors falls to a third in the last quarter; nothing travels."""
    time = {"duration": 4.0, "rate": 200.0}
    claimed = 0
    for seed in range(8):
        field = synthetic.smooth_noise(SITES, length=0.8, seed=seed, **time)
        noise = synthetic.smooth_noise(SITES, length=0.0, seed=100 + seed, **time)
        level = np.where(np.arange(field.sizes["time"]) < 600, 1.0, 0.3)
        field["signal"] = (
            field["signal"].dims,
            field["signal"].values + level[:, None, None] * noise["signal"].values,
            field["signal"].attrs,
        )
        found = find_waves(wave_field(field, band=(5.0, 40.0)), seed=seed, count=19)
        claimed += bool(found["is_wave"].any())
    # with 5 % of them more than 3 of 8 come in 4 of 10,000 such tests
    assert claimed <= 3


def test_noise_beside_a_clean_wave_on_a_large_array_is_no_wave():
    sites = synthetic.lattice_sites((32, 32), spacing=0.4)
    wave = synthetic.plane_wave(
        sites, direction=30, frequency=15.0, wavelength=6.0, duration=3.0, rate=200.0,
        window=(1.2, 1.8),
    )  # fmt: skip
    made = synthetic.with_noise(wave, snr_db=0, seed=1)
    found = find_waves(wave_field(made, band=(5.0, 40.0)), seed=0, count=19)
    outside = (found["end"] < 1.2) | (found["start"] > 1.8)
    assert not (found["is_wave"] & outside).any()
    inside = found.isel(event=((found["kind"] == "plane") & ~outside).values)
    np.testing.assert_allclose(inside["direction"], 30, atol=2)


def test_a_wave_across_unequal_spacings_is_not_taken_for_its_alias():
    """Four rows 1.6 mm apart: an alias along y has 1.6 mm, the wave has 9."""
    sites = synthetic.lattice_sites((8, 8), spacing=(1.6, 0.4))
    made = synthetic.plane_wave(sites, direction=60, frequency=10.0, wavelength=9.0,
                                duration=3.0, rate=200.0)  # fmt: skip
    found = find_waves(wave_field(made, band=(5.0, 40.0)), seed=0, count=19)
    planes = found.isel(event=found["kind"].values == "plane")
    assert planes.sizes["event"]
    np.testing.assert_allclose(planes["direction"], 60, atol=1)
    np.testing.assert_allclose(planes["wavelength"], 9, rtol=0.01)


def test_a_phase_that_falls_in_time_tells_the_same_wave():
    made = synthetic.spiral_wave(
        SITES, centre=(1.4, 1.4), handedness=1, spread="out", frequency=10.0,
        wavelength=3.0, duration=3.0, rate=200.0,
    )  # fmt: skip
    field = wave_field(made, band=(5.0, 40.0))
    fallen = field.assign(
        {n: -field[n] for n in ("phase", "frequency", "gradient_x", "gradient_y")}
    )
    for name in ("phase", "frequency", "gradient_x", "gradient_y"):
        fallen[name].attrs = field[name].attrs
    one, other = (find_waves(each, seed=0, count=19) for each in (field, fallen))
    for found in (one, other):
        spirals = found.isel(event=found["kind"].values == "spiral")
        assert set(spirals["handedness"].values) == {1}
        assert set(spirals["spread"].values) == {"out"}


def test_runs_are_stretches_without_a_gap():
    held = np.array([1, 1, 0, 0, 1, 0, 1], dtype=bool)
    assert runs(held) == [(0, 2), (4, 5), (6, 7)]
    assert runs(np.zeros(3, dtype=bool)) == []
