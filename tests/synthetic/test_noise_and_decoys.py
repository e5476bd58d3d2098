"""Made noise has the covariance it is said to have, and its decoys have no net lags."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from cortexwave import schema, synthetic
from cortexwave.sheet.lattice import Lattice
from cortexwave.synthetic.noise import mix_in_space
from cortexwave.synthetic.places import places_of

LATTICE = Lattice((6, 6), spacing=0.4)
ELECTRODES = np.random.default_rng(5).uniform(0, 2.4, (30, 2))
BOTH = pytest.mark.parametrize("sites", [LATTICE, ELECTRODES], ids=["lattice", "array"])


def _values(recording):
    return recording["signal"].values.reshape(recording.sizes["time"], -1)


def _apart(sites):
    places = places_of(sites)
    at = np.column_stack([places.x, places.y])
    return np.linalg.norm(at[:, None] - at, axis=-1)


@BOTH
@pytest.mark.parametrize("length", [0.4, 0.8, 1.6])
def test_correlation_falls_as_the_closed_form(sites, length):
    noise = synthetic.smooth_noise(
        sites, duration=40.0, rate=1000, length=length, seed=11
    )
    found = np.corrcoef(_values(noise).T)
    expected = np.exp(-(_apart(sites) ** 2) / (4 * length**2))
    # 40,000 independent frames: sd (1 - r^2) / 200, largest of 630 within 5 of them
    np.testing.assert_allclose(found, expected, atol=5 / 200)


@BOTH
def test_length_0_is_independent_sites(sites):
    noise = synthetic.smooth_noise(sites, duration=40.0, rate=1000, length=0, seed=11)
    found = np.corrcoef(_values(noise).T)
    np.testing.assert_allclose(found, np.eye(len(found)), atol=5 / 200)


@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_noise_has_the_variance_it_is_given(exponent):
    noise = synthetic.smooth_noise(
        LATTICE, duration=20.0, rate=500, length=0, seed=3, exponent=exponent,
        amplitude=12.0,
    )  # fmt: skip
    # 1/f noise of 20 s has 36 sites to settle its slow power: a few per cent
    assert _values(noise).std() == pytest.approx(12.0, rel=0.05)


@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_power_falls_with_the_exponent(exponent):
    noise = synthetic.smooth_noise(
        LATTICE, duration=60.0, rate=500, length=0, seed=3, exponent=exponent
    )
    frequency, power = scipy.signal.welch(_values(noise), 500, nperseg=2000, axis=0)
    power = power.mean(axis=1)
    inside = (frequency >= 5) & (frequency <= 100)
    slope = np.polyfit(np.log(frequency[inside]), np.log(power[inside]), 1)[0]
    # about 60 x 36 spectra averaged: the slope is known to well below 0.02
    assert slope == pytest.approx(-exponent, abs=0.02)


def test_power_in_a_band_is_that_of_the_filter_twice():
    noise = synthetic.smooth_noise(
        LATTICE, duration=200.0, rate=250, length=0, seed=3, band=(4.0, 15.0)
    )
    frequency, power = scipy.signal.welch(_values(noise), 250, nperseg=2500, axis=0)
    sections = scipy.signal.butter(2, (4, 15), "bandpass", fs=250, output="sos")
    _, response = scipy.signal.sosfreqz(sections, frequency, fs=250)
    found = power.mean(axis=1) / power.mean(axis=1).sum()
    expected = np.abs(response) ** 4 / np.sum(np.abs(response) ** 4)
    inside = (frequency > 3) & (frequency < 20)
    # 40 segments x 36 sites: 3 % each, the largest of 170 within 4 of them
    np.testing.assert_allclose(found[inside], expected[inside], rtol=0.12)


def test_the_end_of_noise_does_not_join_its_beginning():
    noise = synthetic.smooth_noise(
        Lattice((30, 30), spacing=0.4), duration=1.0, rate=250, length=0, seed=3,
        band=(4.0, 15.0),
    )  # fmt: skip
    values = _values(noise)
    assert np.corrcoef(values[0], values[1])[0, 1] > 0.9
    # 900 independent sites: sd 0.033
    assert abs(np.corrcoef(values[0], values[-1])[0, 1]) < 0.15


def test_a_seed_says_which_noise():
    settings = {"duration": 1.0, "rate": 250, "length": 0.8, "exponent": 1.0}
    first, again, other = (
        synthetic.smooth_noise(LATTICE, **settings, seed=seed) for seed in (1, 1, 2)
    )
    assert first.identical(again)
    assert not np.allclose(first["signal"], other["signal"])


@pytest.mark.parametrize("sd", [3.0, 1.2])
def test_the_sources_have_the_covariance_of_the_published_recipe(sd):
    # white noise on 26 x 26 periodic sites, smoothed, cropped to 10 x 10
    white = np.eye(26)[:, :, None] * np.ones(1)
    kernel = scipy.ndimage.gaussian_filter1d(white[..., 0], sd, axis=0, mode="wrap")
    one = kernel[8:18] @ kernel[8:18].T
    recipe = np.kron(one, one) / one[0, 0] ** 2
    root = np.eye(100)
    mix_in_space(root, places_of(Lattice((10, 10), spacing=0.4)), sd * 0.4)
    # the recipe cuts its kernel at 4 sd and wraps: parts in 10,000
    np.testing.assert_allclose(root @ root.T, recipe, atol=1e-3)


def test_two_sources_are_the_published_decoy_by_default():
    decoy = synthetic.two_sources(seed=4)
    schema.validate(decoy, schema.RECORDING)
    assert decoy["signal"].shape == (4096, 10, 10)
    assert decoy["time"].values[1] == pytest.approx(1 / 250)
    found = synthetic.truth(decoy)
    assert found["bands"] == [[4, 15], [15, 40]]
    assert found["lengths"] == [1.2, 0.48]
    assert not found["travels"]
    frequency, power = scipy.signal.welch(_values(decoy), 250, nperseg=1024, axis=0)
    expected = np.zeros(frequency.size)
    for share, band in ((1.0, (4, 15)), (0.25, (15, 40))):
        sections = scipy.signal.butter(2, band, "bandpass", fs=250, output="sos")
        _, response = scipy.signal.sosfreqz(sections, frequency, fs=250)
        expected += share * np.abs(response) ** 4 / np.sum(np.abs(response) ** 4)
    high = (frequency > 17) & (frequency < 45)
    # hundreds of independent values: 7 segments, 115 frequencies, a few patterns
    assert power.mean(axis=1)[high].sum() / power.mean(axis=1).sum() == pytest.approx(
        expected[high].sum() / expected.sum(), rel=0.15
    )


SHEET = 12.0
DAMPED = {"speed": 200.0, "damping": 15.0, "restoring": 60.0, "length": 0.5}


def _mode_power(frequency, k):
    """Power of a damped oscillator of wavenumber k (rad/mm) driven by smooth noise."""
    square = (DAMPED["speed"] * k) ** 2 + DAMPED["restoring"] ** 2
    w = 2 * np.pi * frequency
    drive = np.exp(-((k * DAMPED["length"]) ** 2))
    return drive / ((square - w**2) ** 2 + (2 * DAMPED["damping"] * w) ** 2)


@BOTH
def test_damped_waves_have_the_spectrum_and_correlation_of_their_equation(sites):
    noise = synthetic.damped_wave_noise(
        sites, duration=60.0, rate=200, **DAMPED, sheet=SHEET, seed=3
    )
    values = _values(noise)
    step = 2 * np.pi / SHEET
    axis = step * np.arange(-40, 41)
    modes = np.hypot(*np.meshgrid(axis, axis)).ravel()
    frequency, power = scipy.signal.welch(values, 200, nperseg=400, axis=0)
    expected = np.array([_mode_power(f, modes).sum() for f in frequency])
    # bands of 4 Hz from 2 to 62 Hz: 240 independent values each, or more by the sites
    found, told = (
        spectrum[4:124].reshape(-1, 8).sum(axis=1) / spectrum[4:124].sum()
        for spectrum in (power.mean(axis=1), expected)
    )
    np.testing.assert_allclose(found, told, rtol=4 / np.sqrt(240))
    # below half the rate, which is all that is made
    every = np.array([_mode_power(f, modes) for f in np.arange(0.5, 100, 0.5)])
    variance = every.sum(axis=0).reshape(axis.size, axis.size)
    correlation, distance = np.corrcoef(values.T), _apart(sites)
    for_distance = _of_distance(variance, axis, np.array([0.4, 0.8, 1.2, 1.6]))
    near = [np.abs(distance - d) < 0.05 for d in (0.4, 0.8, 1.2, 1.6)]
    # sd of one correlation over 60 s with a memory of 1/15 s: 0.05
    np.testing.assert_allclose(
        [correlation[pairs].mean() for pairs in near], for_distance, atol=0.08
    )


def _of_distance(variance, axis, distances):
    """Correlation at a distance, averaged over directions, of modes (y, x)."""
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    across, up = distances[:, None] * np.cos(angle), distances[:, None] * np.sin(angle)
    wave_x, wave_y = np.cos(across[..., None] * axis), np.cos(up[..., None] * axis)
    sums = np.einsum("dax,yx,day->da", wave_x, variance, wave_y)
    return sums.mean(axis=1) / variance.sum()


def _net_lag(recording, band):
    """t of the mean Im cross-spectrum of neighbours along x, over segments of 1 s."""
    signal = recording["signal"].values
    rate = round(1 / float(recording["time"][1] - recording["time"][0]))
    parts = signal[: len(signal) // rate * rate].reshape(-1, rate, *signal.shape[1:])
    spectra = np.fft.rfft(parts * np.hanning(rate)[:, None, None], axis=1)
    inside = spectra[:, band[0] : band[1]]
    each = (inside[..., 1:] * inside[..., :-1].conj()).imag.sum(axis=(1, 2, 3))
    return each.mean() / (each.std(ddof=1) / np.sqrt(each.size))


MINUTE = {"duration": 60.0, "rate": 250.0}
WAVE = {"frequency": 12, "wavelength": 6, "direction": 0}
BURSTS = {"length": 0.8, "band": (8, 16), "per_second": 3, "width": 0.08, "seed": 5}
DECOYS = {
    "smooth": lambda: synthetic.smooth_noise(
        LATTICE, **MINUTE, length=0.8, seed=5, exponent=1
    ),
    "two sources": lambda: synthetic.two_sources(LATTICE, duration=60.0, seed=5),
    "damped waves": lambda: synthetic.damped_wave_noise(
        LATTICE, **MINUTE, **DAMPED, sheet=6.0, seed=5
    ),
    "bursts": lambda: synthetic.zero_lag_bursts(LATTICE, **MINUTE, **BURSTS),
    "chains": lambda: synthetic.chain_bursts(
        LATTICE, **MINUTE, **BURSTS, modules=4, step=0.01, path="drawn"
    ),
    "standing": lambda: synthetic.with_noise(
        synthetic.standing_wave(LATTICE, **MINUTE, **WAVE), snr_db=0, seed=5
    ),
}
MOVING = {
    "plane wave": lambda: synthetic.with_noise(
        synthetic.plane_wave(LATTICE, **MINUTE, **WAVE), snr_db=0, seed=5
    ),
    "fixed chains": lambda: synthetic.chain_bursts(
        LATTICE, **MINUTE, **BURSTS, modules=4, step=0.01, path="fixed"
    ),
}


@pytest.mark.parametrize("decoy", DECOYS)
def test_decoys_have_no_net_lag(decoy):
    # 60 segments: |t| beyond 4 comes once in 5,000 draws
    made = DECOYS[decoy]()
    assert abs(_net_lag(made, (8, 17))) < 4
    assert not synthetic.truth(made)["travels"]


@pytest.mark.parametrize("moving", MOVING)
def test_what_moves_one_way_has_a_net_lag(moving):
    assert abs(_net_lag(MOVING[moving](), (8, 17))) > 5


def test_bursts_are_one_pattern_each():
    bursts = synthetic.zero_lag_bursts(
        LATTICE, duration=4.0, rate=250, length=0.8, band=(8, 16), per_second=2,
        width=0.1, seed=2,
    )  # fmt: skip
    count = len(synthetic.truth(bursts)["times"])
    assert 0 < count < 20
    strength = np.linalg.svd(_values(bursts), compute_uv=False)
    assert strength[count] < 1e-12 * strength[0]  # rounding


def test_single_precision_noise_is_single():
    minute = {**MINUTE, "dtype": "float32"}
    each = [
        synthetic.smooth_noise(LATTICE, **minute, length=0.8, seed=1, exponent=1),
        synthetic.two_sources(LATTICE, seed=1, dtype="float32"),
        synthetic.damped_wave_noise(LATTICE, **minute, **DAMPED, sheet=3.0, seed=1),
        synthetic.zero_lag_bursts(LATTICE, **minute, **BURSTS),
    ]
    assert [made["signal"].dtype for made in each] == [np.float32] * 4
