"""Analytic signal, frequency, generalized phase and Morlet against other ways."""

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.signal
from scipy.interpolate import PchipInterpolator

from cortexwave.analysis.filters import butterworth
from cortexwave.analysis.phase import (
    analytic_signal,
    generalized_phase,
    instantaneous_frequency,
    morlet,
    morlet_edge_seconds,
)
from cortexwave.errors import InputError

RATE = 1000.0
GOLDEN_FIELDS = [
    "plane", "plane_neg", "radial_in", "radial_out", "rotating", "rotating_neg",
    "spiral", "standing",
]  # fmt: skip


def generalized_phase_of_one(
    analytic: np.ndarray, *, rate: float, lowest: float = 0.0, extension: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """The definition, frame by frame and with pchip of the whole course."""
    frames = len(analytic)
    turn = np.angle(analytic[1:] * analytic[:-1].conj())
    frequency = np.append(turn * rate / (2 * np.pi), 0.0)
    flagged = frequency < lowest
    flagged[0] = False
    repaired = flagged.copy()
    frame = 0
    while frame < frames:
        first = frame
        while frame < frames and flagged[frame]:
            frame += 1
        if frame > first:
            repaired[first : first + extension * (frame - first - 1) + 1] = True
        frame += 1
    time, phase = np.arange(frames), np.angle(analytic)
    whole = PchipInterpolator(time[~repaired], np.unwrap(phase[~repaired]))(time)
    return whole - 2 * np.pi * np.floor((whole - np.pi) / (2 * np.pi)) - 2 * np.pi, (
        repaired
    )


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def on_circle(phase: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(np.exp(1j * phase) - np.exp(1j * other))


@pytest.fixture(scope="module")
def mullerlab(golden: Callable[[str], Path]) -> Callable[[str, str], np.ndarray]:
    def read(field: str, name: str) -> np.ndarray:
        with h5py.File(golden("mullerlab_10x10_a.h5")) as file:
            return np.asarray(file[field][name], dtype=float)

    return read


@pytest.mark.parametrize("field", GOLDEN_FIELDS)
def test_generalized_phase_is_that_of_its_authors(mullerlab, field):
    # From their own filtered field: it is stored in single precision (6e-8), and so
    # is their phase (1.2e-7 rad), which leaves 1e-6.
    analytic = analytic_signal(mullerlab(field, "xf"))
    phase, _ = generalized_phase(analytic, rate=RATE)
    assert on_circle(phase, mullerlab(field, "gp_phase")).max() < 1e-6


@pytest.mark.parametrize("field", GOLDEN_FIELDS)
def test_generalized_phase_from_the_raw_field_is_that_of_its_authors(
    mullerlab, golden, field
):
    # Their eighth-order polynomials lose up to 5e-6 sd to rounding (SciPy's filtfilt
    # with the same ones differs from them as much), which turns the phase by that over
    # the envelope of the site, least 0.07 sd of it: 7e-5 rad.
    with h5py.File(golden("inputs_10x10.h5")) as file:
        raw = np.asarray(file[field], dtype=float)
    filtered = butterworth(raw, rate=RATE, band=(5, 40))
    phase, _ = generalized_phase(analytic_signal(filtered), rate=RATE)
    away = on_circle(phase, mullerlab(field, "gp_phase"))
    assert away.max() < 7e-5
    assert np.quantile(away, 0.99) < 2e-6


@pytest.mark.parametrize("field", GOLDEN_FIELDS)
def test_frequency_and_amplitude_are_those_of_its_authors(mullerlab, field):
    # What rounding xf to single precision (half a step: 3e-8 to 6e-8 of its value)
    # does to an angle between two frames, times 1000 / 2 pi per s: up to 5e-5 Hz;
    # gp_wt is rounded itself, to 6e-8 of up to 500 Hz.
    analytic = analytic_signal(mullerlab(field, "xf"))
    frequency = instantaneous_frequency(analytic, RATE)
    theirs = mullerlab(field, "gp_wt")
    np.testing.assert_allclose(
        frequency[..., :-1], theirs[..., :-1], rtol=1.2e-7, atol=5e-5
    )
    # every tenth frame in double precision; they conjugate the signal
    np.testing.assert_allclose(
        frequency[..., :-1:10], -mullerlab(field, "inst_freq"), rtol=0, atol=5e-5
    )
    np.testing.assert_allclose(
        np.abs(analytic[..., ::10]), mullerlab(field, "amplitude"), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("frames", [300, 301, 997])
def test_the_analytic_signal_is_scipys(frames):
    values = noise((2, 3, frames))
    # two ways through the transform round differently
    np.testing.assert_allclose(
        analytic_signal(values), scipy.signal.hilbert(values), rtol=0, atol=1e-13
    )


def test_single_precision_is_raised_unless_asked_for():
    values = noise((2, 500)).astype(np.float32)
    full = analytic_signal(values)
    assert full.dtype == np.complex128
    single = analytic_signal(values, dtype=np.complex64)
    assert single.dtype == np.complex64
    np.testing.assert_allclose(single, full, rtol=0, atol=3e-6)  # 4 sd of 6e-8, 500 x


def test_a_taper_hushes_what_a_cut_stirs_up():
    # 15.3 Hz: the cut leaves a jump from end to start. A frame 1 s inside is off by
    # about 1/(pi w d) = 3e-3 without a taper.
    time = np.arange(3000) / RATE
    values = np.cos(2 * np.pi * 15.3 * time)[None]
    truth = np.exp(2j * np.pi * 15.3 * time)
    inside = slice(1000, 2000)
    plain = np.abs(analytic_signal(values)[0] - truth)[inside].max()
    tapered = analytic_signal(values, taper=(1000, 1000))[0]
    assert np.abs(tapered - truth)[inside].max() < plain / 100


def test_a_taper_longer_than_the_course_is_refused():
    with pytest.raises(InputError, match=r"taper is 60 and 50 frames.* the 100 frames"):
        analytic_signal(noise((1, 100)), taper=(60, 50))


@pytest.mark.parametrize("kind", [complex, int])
def test_an_analytic_signal_of_complex_or_whole_numbers_is_refused(kind):
    with pytest.raises(InputError, match="real numbers"):
        analytic_signal(np.ones((2, 50), dtype=kind))


@pytest.mark.parametrize("frequency", [7.25, -7.25, 499.0])
def test_the_frequency_of_a_pure_turn_is_its_own(frequency):
    time = np.arange(200) / RATE
    turn = np.exp(2j * np.pi * frequency * time)[None]
    found = instantaneous_frequency(turn, RATE)[0]
    # 1e-6 Hz is asked; an angle of 1e-15 rad is 2e-13 Hz, of phases up to 600 rad 1e-11
    np.testing.assert_allclose(found[:-1], frequency, rtol=0, atol=1e-9)
    assert np.isnan(found[-1])


@pytest.mark.parametrize("extension", [1, 2, 3])
@pytest.mark.parametrize("lowest", [0.0, 5.0])
@pytest.mark.parametrize("frames", [40, 400])
def test_the_local_repair_equals_the_definition(frames, lowest, extension):
    # Broad-band noise: a fifth of the frames and more, runs that meet, gaps at the end.
    analytic = analytic_signal(noise((60, frames), seed=frames))
    phase, repaired = generalized_phase(
        analytic, rate=RATE, lowest=lowest, extension=extension
    )
    for one, found, mask in zip(analytic, phase, repaired, strict=True):
        slow, slow_mask = generalized_phase_of_one(
            one, rate=RATE, lowest=lowest, extension=extension
        )
        np.testing.assert_array_equal(mask, slow_mask)
        # an extrapolated cubic grows to 1e4 rad, of which 1e-16 a frame is lost
        assert on_circle(found, slow).max() < 1e-9


def test_the_local_repair_equals_the_definition_on_a_filtered_recording():
    filtered = butterworth(noise((10, 5000)), rate=RATE, band=(5, 40))
    analytic = analytic_signal(filtered)
    phase, repaired = generalized_phase(analytic, rate=RATE)
    for one, found, mask in zip(analytic, phase, repaired, strict=True):
        slow, slow_mask = generalized_phase_of_one(one, rate=RATE)
        np.testing.assert_array_equal(mask, slow_mask)
        assert on_circle(found, slow).max() < 1e-9
    assert 0.02 < repaired.mean() < 0.3


def chirped(advances: list[float]) -> np.ndarray:
    """A complex course of modulus 1 that turns by these angles from frame to frame."""
    return np.exp(1j * np.append(0.0, np.cumsum(advances)))[None]


@pytest.mark.parametrize(
    ("flags", "reaches"),
    [
        ([], []),
        ([4], [4]),  # a run of one is not extended
        ([4, 5], [4, 5, 6, 7]),  # i to i + 3 (L - 1)
        ([4, 5, 6], [4, 5, 6, 7, 8, 9, 10]),
        ([4, 5, 7], [4, 5, 6, 7]),  # runs are those of the flags as they were
        ([4, 5, 7, 8], [4, 5, 6, 7, 8, 9, 10]),
        ([0], []),  # never the first
        ([0, 1], [1]),
        ([15, 16, 17], [15, 16, 17, 18, 19]),  # cut at the end
    ],
)
def test_runs_reach_as_published(flags, reaches):
    advances = [0.3] * 19
    for frame in flags:
        advances[frame] = -0.1
    _, repaired = generalized_phase(chirped(advances), rate=RATE)
    np.testing.assert_array_equal(np.flatnonzero(repaired[0]), reaches)


def test_a_steady_turn_goes_on_through_a_repair():
    # Frames 6 and 7 are set back. Phase before and after grows by 0.3 rad a frame, so
    # a cubic through equal slopes is the straight line.
    truth = 0.3 * np.arange(30)
    signal = np.exp(1j * truth)
    signal[7] = np.exp(1j * (truth[6] - 0.2))
    signal[8] = np.exp(1j * (truth[6] - 0.3))
    phase, repaired = generalized_phase(signal[None], rate=RATE)
    assert repaired[0, 6:10].all()
    assert on_circle(phase[0], truth).max() < 1e-12


def test_phase_lies_in_minus_pi_to_pi():
    analytic = analytic_signal(noise((50, 200)))
    analytic[0, :4] = -1.0  # np.angle would say +pi
    phase, _ = generalized_phase(analytic, rate=RATE)
    assert phase[0, 0] == -np.pi
    assert phase.min() >= -np.pi
    assert phase.max() < np.pi


def test_missing_courses_stay_missing_and_spoil_no_other():
    values = noise((4, 300))
    alone, _ = generalized_phase(analytic_signal(values[[0, 2]]), rate=RATE)
    values[[1, 3]] = np.nan
    phase, repaired = generalized_phase(analytic_signal(values), rate=RATE)
    np.testing.assert_array_equal(phase[[0, 2]], alone)
    assert np.isnan(phase[[1, 3]]).all()
    assert not repaired[[1, 3]].any()


def test_a_course_that_only_turns_backwards_has_no_repair():
    phase, repaired = generalized_phase(chirped([-0.1] * 20), rate=RATE)
    assert repaired[0, 1:-1].all()
    assert np.isnan(phase[0, 1:]).all()


@pytest.mark.parametrize("shape", [(3, 4, 250), (250,)])
def test_any_leading_axes_are_kept(shape):
    phase, repaired = generalized_phase(analytic_signal(noise(shape)), rate=RATE)
    assert phase.shape == repaired.shape == shape


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda z: generalized_phase(z.real, rate=RATE), "call analytic_signal first"),
        (lambda z: generalized_phase(z, rate=RATE, lowest=500.0), "lowest frequency"),
        (lambda z: generalized_phase(z, rate=RATE, lowest=-1.0), "lowest frequency"),
        (lambda z: generalized_phase(z, rate=RATE, extension=0), "extension is 0"),
        (lambda z: instantaneous_frequency(z.real, RATE), "call analytic_signal first"),
    ],
)
def test_what_phase_cannot_be_taken_of_is_refused(call, said):
    with pytest.raises(InputError, match=said):
        call(analytic_signal(noise((2, 50))))


@pytest.mark.parametrize("cycles", [3.0, 6.0])
@pytest.mark.parametrize("frequency", [8.0, 20.0])
def test_a_wavelet_gives_a_unit_sinusoid_amplitude_1_and_its_phase(frequency, cycles):
    time = np.arange(4000) / RATE
    phase = 2 * np.pi * frequency * time + 0.4
    found = morlet(np.cos(phase)[None], rate=RATE, frequency=frequency, cycles=cycles)
    edge = round(RATE * morlet_edge_seconds(frequency=frequency, cycles=cycles))
    # 1 % is what an end may leave at the edge
    inside = found[0, edge:-edge]
    np.testing.assert_allclose(np.abs(inside), 1, atol=1e-2)
    assert on_circle(np.angle(inside), phase[edge:-edge]).max() < 1e-2
    middle = found[0, 1500:2500]
    # the tails that are cut, 4e-6 of the height, and the negative frequency
    near = 2e-6 + 1.1 * np.exp(-(cycles**2))
    np.testing.assert_allclose(np.abs(middle), 1, atol=near)
    assert on_circle(np.angle(middle), phase[1500:2500]).max() < near


def test_a_wavelet_and_hilbert_agree_on_a_pure_tone():
    time = np.arange(2000) / RATE
    tone = np.cos(2 * np.pi * 10 * time)[None]  # 20 whole cycles: no jump
    wavelet = morlet(tone, rate=RATE, frequency=10.0, cycles=6.0)
    hilbert = analytic_signal(tone)
    inside = slice(700, 1300)
    away = on_circle(np.angle(wavelet), np.angle(hilbert))[0, inside]
    assert away.max() < 2e-6  # the wavelet's cut tails


def test_a_wavelet_is_blind_to_a_constant():
    found = morlet(np.full((1, 3000), 5.0), rate=RATE, frequency=10.0, cycles=3.0)
    assert np.abs(found).max() < 1e-12


def test_an_offset_at_the_end_is_hushed_beyond_the_wavelets_edge():
    step = np.zeros((1, 4000))
    step[0, :5] = 1.0
    found = morlet(step, rate=RATE, frequency=10.0, cycles=6.0)
    edge = round(RATE * morlet_edge_seconds(frequency=10.0, cycles=6.0))
    assert np.abs(found[0, edge:]).max() < 0.02  # of the step
    assert np.abs(found[0, : edge // 4]).max() > 0.02


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"frequency": 600.0, "cycles": 6.0}, "half the sampling rate, 500 Hz"),
        ({"frequency": 0.0, "cycles": 6.0}, "can be above 0"),
        ({"frequency": 10.0, "cycles": 1.0}, "at least 2"),
        ({"frequency": 1.0, "cycles": 6.0}, "too short .* more than 4.78 s"),
    ],
)
def test_what_a_wavelet_cannot_be_made_of_is_refused(asked, said):
    with pytest.raises(InputError, match=said):
        morlet(noise((2, 1000)), rate=RATE, **asked)


def test_the_golden_truth_is_phase_that_grows(mullerlab, golden):
    # the sign of phase, from the field's truth: cos(2 pi f t - ...) at 15 Hz
    with h5py.File(golden("mullerlab_10x10_a.h5")) as file:
        truth = json.loads(file["plane"].attrs["truth"])
    analytic = analytic_signal(mullerlab("plane", "xf"))
    frequency = instantaneous_frequency(analytic, RATE)[..., 500:1500]
    assert np.median(frequency) == pytest.approx(truth["freq_hz"], abs=0.1)
