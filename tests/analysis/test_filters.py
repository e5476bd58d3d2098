"""Butterworth and notch filters against their formulas, SciPy and the golden fields."""

import warnings
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.fft
import scipy.signal
import xarray as xr

from cortexwave.analysis.filters import (
    band_pass,
    blocks,
    butterworth,
    edge_seconds,
    margin_seconds,
)
from cortexwave.analysis.notches import notch, notched
from cortexwave.analysis.phase import analytic_signal
from cortexwave.errors import InputError

RATE = 1000.0
BAND = (5.0, 40.0)


def noise(shape: tuple[int, ...], power: float = 0.0, seed: int = 0) -> np.ndarray:
    """Gaussian noise (..., time) of unit sd with the spectrum 1 / f^power."""
    white = np.random.default_rng(seed).standard_normal(shape)
    spectrum = scipy.fft.rfft(white, axis=-1)
    f = np.arange(spectrum.shape[-1], dtype=float)
    f[0] = np.inf if power else 1
    values = scipy.fft.irfft(spectrum / f ** (power / 2), shape[-1], axis=-1)
    return values / values.std()


def recording(values: np.ndarray, rate: float = RATE, **attrs: str) -> xr.Dataset:
    """(time, y, x) or (time, channel) as a recording named lfp."""
    dims = ("time", "y", "x") if values.ndim == 3 else ("time", "channel")
    made = xr.Dataset({"lfp": (dims, values, {"units": "uV"})}, attrs=attrs)
    made["time"] = ("time", np.arange(len(values)) / rate, {"units": "s"})
    if values.ndim == 3:
        for axis in "yx":
            made[axis] = (axis, 0.4 * np.arange(made.sizes[axis]), {"units": "mm"})
        return made
    names = [f"E{k + 1}" for k in range(made.sizes["channel"])]
    made = made.assign_coords(channel=names)
    for axis in "xy":
        at = 0.4 * np.arange(len(names)) if axis == "x" else np.zeros(len(names))
        made = made.assign_coords({axis: ("channel", at, {"units": "mm"})})
    return made


@pytest.mark.parametrize(
    "field",
    ["plane", "plane_neg", "radial_in", "radial_out", "rotating", "rotating_neg",
     "spiral", "standing"],
)  # fmt: skip
def test_the_band_pass_is_that_of_the_golden_fields(
    golden: Callable[[str], Path], field: str
):
    # Theirs is by polynomials, which lose up to 5e-6 sd to rounding.
    with h5py.File(golden("inputs_10x10.h5")) as file:
        raw = np.asarray(file[field])
    with h5py.File(golden("mullerlab_10x10_a.h5")) as file:
        theirs = np.asarray(file[field]["xf"], dtype=float)
    found = butterworth(raw, rate=RATE, band=BAND)
    assert found.dtype == np.float64
    assert np.abs(found - theirs).max() < 1e-5 * theirs.std()


@pytest.mark.parametrize("order", [1, 2, 4])
def test_the_band_pass_is_scipys_with_matlabs_padding(order):
    values = 50 + noise((3, 2000))
    b, a = scipy.signal.butter(order, BAND, "bandpass", fs=RATE)
    expected = scipy.signal.filtfilt(b, a, values, padlen=3 * (len(a) - 1))
    found = butterworth(values, rate=RATE, band=BAND, order=order)
    # polynomials of order 8 lose 5e-6, and the offset is 200 times what passes
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-4)


@pytest.mark.parametrize("frequency", [3.0, 5.0, 14.0, 40.0, 60.0])
@pytest.mark.parametrize("causal", [False, True])
def test_the_gain_is_butterworths(frequency, causal):
    # 1 / sqrt(1 + u^(2 n)) with u of the bilinear transform; squared both ways
    time = np.arange(20000) / RATE
    found = butterworth(
        np.cos(2 * np.pi * frequency * time)[None], rate=RATE, band=BAND, causal=causal
    )
    f, low, high = (np.tan(np.pi * at / RATE) for at in (frequency, *BAND))
    u = (f**2 - low * high) / (f * (high - low))
    gain = (1 + u**8) ** (-0.5 if causal else -1)
    middle = slice(5000, 15000)
    turning = 2 * np.exp(-2j * np.pi * frequency * time[middle])
    amplitude = (found[0, middle] * turning).mean()  # whole cycles
    assert abs(amplitude) == pytest.approx(gain, abs=1e-6)
    if not causal:
        assert np.angle(amplitude) == pytest.approx(0, abs=1e-6 / gain)


def test_the_causal_filter_sees_nothing_of_the_future():
    values = noise((2, 2000))
    changed = values.copy()
    changed[:, 1000:] += 5
    one, other = (
        butterworth(v, rate=RATE, band=BAND, causal=True) for v in (values, changed)
    )
    np.testing.assert_array_equal(one[:, :1000], other[:, :1000])
    assert np.abs(one - other)[:, 1000:1020].max() > 0.5


def test_the_causal_filter_starts_as_if_the_first_value_had_always_been():
    found = butterworth(np.full((1, 500), 7.0), rate=RATE, band=BAND, causal=True)
    assert np.abs(found).max() < 1e-9


def test_a_low_band_at_a_high_rate_keeps_its_gain():
    # by polynomials this filter is unstable: 0.5 to 4 Hz at 30 kHz
    time = np.arange(600_000) / 30_000
    tone = np.sqrt(2) * np.cos(2 * np.pi * 1.5 * time)[None]
    found = butterworth(tone, rate=30_000.0, band=(0.5, 4.0))
    assert found[0, 200_000:400_000].std() == pytest.approx(1, abs=1e-4)  # 10 cycles


def test_single_precision_is_filtered_in_double():
    values = (1000 + noise((2, 2000))).astype(np.float32)
    expected = butterworth(values.astype(float), rate=RATE, band=BAND)
    np.testing.assert_array_equal(butterworth(values, rate=RATE, band=BAND), expected)
    short = butterworth(values, rate=RATE, band=BAND, dtype=np.float32)
    np.testing.assert_array_equal(short, expected.astype(np.float32))


EDGES = [(RATE, BAND), (RATE, (8.0, 14.0)), (250.0, (15.0, 30.0)), (160.0, (5.0, 40.0)),
         (250.0, (1.0, 4.0))]  # fmt: skip


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("rate", "band"), EDGES)
def test_beyond_the_edge_less_than_the_share_of_energy_lies(rate, band, causal):
    # the impulse response, seen through the filter itself
    frames = 2 * round(60 * rate) + 1
    impulse = np.zeros((1, frames))
    impulse[0, frames // 2] = 1
    energy = butterworth(impulse, rate=rate, band=band, causal=causal)[0] ** 2
    away = np.abs(np.arange(frames) - frames // 2) / rate
    edge = edge_seconds(rate=rate, band=band, causal=causal)
    assert energy[away >= edge - 1e-9].sum() < 1e-4 * energy.sum()
    assert energy[away >= edge - 1.5 / rate].sum() >= 1e-4 * energy.sum()


def test_the_edge_is_a_time_whatever_the_rate():
    # by the digital filter itself at 10 and 100 samples a cycle, coarser beyond
    edges = [edge_seconds(rate=rate, band=BAND) for rate in (400, 4000, 30_000)]
    np.testing.assert_allclose(edges, 0.282, rtol=0.02)


@pytest.mark.parametrize(("rate", "band"), EDGES)
def test_a_step_at_the_end_leaves_less_than_2_percent_beyond_the_edge(rate, band):
    # An end is as if all before it were wrong by some height: what that adds.
    frames = round(60 * rate)
    step = np.zeros((1, frames))
    step[0, : frames // 2] = 1
    left = np.abs(butterworth(step, rate=rate, band=band)[0, frames // 2 :])
    edge = round(rate * edge_seconds(rate=rate, band=band))
    assert left[edge:].max() < 0.02
    assert left[: edge // 2].max() > 0.02


def test_an_offset_of_the_last_frames_leaves_the_inside_as_it_was():
    values = noise((5, 4000))
    changed = values.copy()
    changed[:, -3:] += 1.0
    one, other = (butterworth(v, rate=RATE, band=BAND) for v in (values, changed))
    edge = round(RATE * edge_seconds(rate=RATE, band=BAND))
    away = np.abs(one - other)
    assert away[:, :-edge].max() < 0.02
    assert away[:, -edge:].max() > 0.1


def test_five_to_forty_hertz_at_a_kilohertz_spoils_282_milliseconds():
    # by adding up the squared response, made of transfer functions instead of sections
    frequency = np.fft.rfftfreq(2**16, 1 / RATE)
    f, low, high = (np.tan(np.pi * at / RATE) for at in (frequency, *BAND))
    with np.errstate(divide="ignore", over="ignore"):
        gain = 1 / (1 + ((f**2 - low * high) / (f * (high - low))) ** 8)
    energy = np.fft.irfft(gain) ** 2
    tail = [energy[k : 2**16 - k + 1].sum() for k in (281, 282)]
    assert tail[0] > 1e-4 * energy.sum() > tail[1]
    assert edge_seconds(rate=RATE, band=BAND) == pytest.approx(0.282)


@pytest.mark.parametrize(("frames", "size", "margin"), [
    (100, 30, 7), (100, 100, 5), (101, 10, 25), (5, 50, 3), (90, 30, 0),
])  # fmt: skip
def test_blocks_keep_every_frame_once_and_read_the_margin(frames, size, margin):
    time = np.arange(frames)
    kept = [time[read][keep] for read, keep in blocks(frames, size=size, margin=margin)]
    np.testing.assert_array_equal(np.concatenate(kept), time)
    for read, keep in blocks(frames, size=size, margin=margin):
        assert keep.start == margin or read.start == 0
        assert read.stop - read.start - keep.stop == margin or read.stop == frames


def test_blocks_without_frames_are_refused():
    with pytest.raises(InputError, match="blocks of 0 frames"):
        list(blocks(100, size=0, margin=5))


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_blocks_with_their_margin_equal_the_whole(power):
    # 1e-4 of sd is what `margin_seconds` promises, of the filter and of the analytic
    # signal; where a block ends with the recording, nothing is tapered there.
    values = noise((10, 20000), power)
    margin = round(RATE * margin_seconds(rate=RATE, band=BAND))
    assert margin == pytest.approx(1260, abs=20)
    whole = butterworth(values, rate=RATE, band=BAND)
    expected = analytic_signal(whole, taper=(margin, margin))
    pieces, envelopes = [], []
    for read, keep in blocks(20000, size=4000, margin=margin):
        piece = butterworth(values[:, read], rate=RATE, band=BAND)
        pieces.append(piece[:, keep])
        envelopes.append(analytic_signal(piece, taper=(margin, margin))[:, keep])
    sd = whole.std()
    assert np.abs(np.concatenate(pieces, axis=-1) - whole).max() < 1e-4 * sd
    inside = slice(
        4000, -4000
    )  # the tapers of the recording's own ends are in the rest
    away = np.abs(np.concatenate(envelopes, axis=-1) - expected)[:, inside]
    assert away.max() < 1e-4 * sd


def test_blocks_with_a_margin_of_the_edge_alone_are_roughly_the_whole():
    # A cut in white noise is a step of 4 sd of what passes, of which 1 % is left beyond
    # the edge to either side, and the first frames beyond it get the most.
    values = noise((10, 20000))
    margin = round(RATE * edge_seconds(rate=RATE, band=BAND))
    whole = butterworth(values, rate=RATE, band=BAND)
    expected = analytic_signal(whole)
    pieces = []
    for read, keep in blocks(20000, size=4000, margin=margin):
        piece = butterworth(values[:, read], rate=RATE, band=BAND)
        tapers = (margin if read.start else 0, margin if read.stop < 20000 else 0)
        pieces.append(analytic_signal(piece, taper=tapers)[:, keep])
    away = np.abs(np.concatenate(pieces, axis=-1) - expected) / whole.std()
    inside = away[:, 4000:-4000]
    assert np.sqrt((inside**2).mean()) < 0.03
    assert inside.max() < 0.7


@pytest.mark.parametrize(
    ("band", "said"),
    [
        ((40.0, 5.0), "40 to 5 Hz: its first frequency must be the lower"),
        ((5.0, 5.0), "must be the lower"),
        ((0.0, 40.0), "begins at 0 Hz; it must begin above 0"),
        ((-5.0, 40.0), "begins at -5 Hz"),
        ((5.0, 500.0), "ends at 500 Hz; at 1000 samples per second .* below 500 Hz"),
        ((5.0, np.nan), "two frequencies in Hz"),
        ((5.0,), "two frequencies in Hz"),
    ],
)
def test_a_band_that_is_none_is_refused(band, said):
    with pytest.raises(InputError, match=said):
        butterworth(noise((2, 500)), rate=RATE, band=band)


def test_a_recording_shorter_than_the_filter_needs_says_how_long_it_must_be():
    with pytest.raises(
        InputError, match=r"24 frames \(0.024 s\).*more than 24 frames.*0.564 s"
    ):
        butterworth(noise((2, 24)), rate=RATE, band=BAND)


@pytest.mark.parametrize("kind", [complex, int])
def test_complex_or_whole_numbers_are_refused(kind):
    with pytest.raises(InputError, match="real numbers in a physical unit"):
        butterworth(np.ones((2, 500), dtype=kind), rate=RATE, band=BAND)


def test_a_course_with_gaps_is_refused_by_its_index():
    values = noise((2, 3, 500))
    values[1, 2, 40:53] = np.nan
    values[0, 1, 7] = np.inf
    with pytest.raises(InputError, match=r"2 of 6 .*\(0, 1\) 1, course \(1, 2\) 13"):
        butterworth(values, rate=RATE, band=BAND)


def test_missing_sites_stay_missing_and_others_do_not_notice():
    values = noise((4, 500))
    alone = butterworth(values[[0, 3]], rate=RATE, band=BAND)
    values[[1, 2]] = np.nan
    found = butterworth(values, rate=RATE, band=BAND)
    np.testing.assert_array_equal(found[[0, 3]], alone)
    assert np.isnan(found[[1, 2]]).all()


def test_a_filtered_recording_says_what_was_done_and_which_frames_are_valid():
    given = recording(noise((3000, 4, 5)), filter_chain="0.3 Hz high-pass, hardware")
    given["lfp"][:, 1, 2] = np.nan
    before = given.copy(deep=True)
    made = band_pass(given, band=BAND)
    xr.testing.assert_identical(given, before)
    expected = butterworth(given.lfp.values.transpose(1, 2, 0), rate=RATE, band=BAND)
    np.testing.assert_allclose(
        made.lfp.transpose("y", "x", "time"), expected, rtol=0, atol=1e-9
    )  # the rate is taken from the clock, which rounds
    assert made.lfp.dims == ("time", "y", "x")
    assert made.lfp.attrs["units"] == "uV"
    assert made.attrs["filter_chain"].startswith("0.3 Hz high-pass, hardware; Butter")
    assert "5 to 40 Hz of order 4, zero-phase" in made.attrs["filter_chain"]
    np.testing.assert_array_equal(np.flatnonzero(~made.valid)[[0, 281, 282, -1]],
                                  [0, 281, 2718, 2999])  # fmt: skip


def test_the_causal_band_pass_spoils_the_start_only():
    made = band_pass(recording(noise((3000, 4))), band=BAND, causal=True)
    assert not made.valid[:393].any()
    assert made.valid[394:].all()
    assert "causal" in made.attrs["filter_chain"]


def test_two_filters_spoil_what_either_does():
    given = recording(noise((9000, 4)))
    once = band_pass(given, band=BAND)
    other = notch(given, frequency=60.0, width=2.0)
    twice = notch(once, frequency=60.0, width=2.0)
    np.testing.assert_array_equal(twice.valid, once.valid.values & other.valid.values)
    assert twice.attrs["filter_chain"].count(";") == 1


def test_trials_and_features_are_filtered_each_by_itself():
    one = recording(noise((1500, 4, 5)))
    two = recording(noise((1500, 4, 5), seed=1))
    both = xr.concat([one, two], "trial").transpose("trial", "time", "y", "x")
    made = band_pass(both, band=BAND)
    for k, single in enumerate((one, two)):
        np.testing.assert_allclose(
            made.lfp[k], band_pass(single, band=BAND).lfp, rtol=0, atol=1e-12
        )


def test_a_site_that_never_changes_is_left_without_rounding_noise():
    values = noise((1500, 4))
    values[:, 1] = 812.3
    assert (band_pass(recording(values), band=BAND).lfp[:, 1] == 0).all()


def test_a_recording_without_a_valid_frame_warns_and_says_how_long_it_must_be():
    with pytest.warns(UserWarning, match=r"no frame is valid.*more than 0.564 s"):
        band_pass(recording(noise((500, 4))), band=BAND)


def test_a_gap_names_its_channel_and_its_size():
    values = noise((1500, 4))
    values[100:113, 2] = np.nan
    with pytest.raises(InputError, match="channel E3 13"):
        band_pass(recording(values), band=BAND)


def test_a_gap_names_its_site_on_a_lattice():
    values = noise((1500, 4, 5))
    values[7, 3, 2] = np.nan
    with pytest.raises(InputError, match=r"site \(y 3, x 2\) 1"):
        band_pass(recording(values), band=BAND)


def test_the_field_to_filter_must_be_named_where_there_are_two():
    given = recording(noise((1500, 4)))
    given["mua"] = given["lfp"]
    with pytest.raises(InputError, match="2 fields; say which"):
        band_pass(given, band=BAND)
    made = band_pass(given, band=BAND, variable="mua")
    xr.testing.assert_identical(made.lfp.drop_vars("valid"), given.lfp)


@pytest.mark.parametrize("harmonics", [1, 3])
def test_the_notch_takes_its_lines_and_leaves_the_rest(harmonics):
    # the gain of a notch both ways: d^2 / (d^2 + 1) at d half-widths, nearly; the sum
    # of three at 55 Hz: 1 - 1/26 (d = 5), and less than 2e-3 of the far ones
    time = np.arange(20000) / RATE
    middle = slice(5000, 15000)

    def gain(frequency: float) -> float:
        tone = np.cos(2 * np.pi * frequency * time)[None]
        found = notched(tone, rate=RATE, frequency=60.0, width=2.0, harmonics=harmonics)
        turning = 2 * np.exp(-2j * np.pi * frequency * time[middle])
        return abs((found[0, middle] * turning).mean())

    for line in 60.0 * np.arange(1, harmonics + 1):
        assert gain(line) < 1e-6
    assert gain(61.0) == pytest.approx(0.5, abs=0.02)  # half power, squared gain
    assert gain(55.0) == pytest.approx(25 / 26, abs=0.01)
    assert gain(20.0) == pytest.approx(1, abs=2e-3)


def test_the_notch_marks_what_it_spoils():
    # What it takes away both ways, 1 / (1 + d^2) of d half-widths, rings as
    # exp(-pi w |t|); exp(-2 pi w t) falls to 1e-4 in 0.733 s at 2 Hz.
    made = notch(recording(noise((9000, 4))), frequency=60.0, width=2.0)
    spoilt = np.flatnonzero(~made.valid.values[:4500]).size / RATE
    assert spoilt == pytest.approx(0.733, rel=0.01)
    assert "notch at 60 Hz" in made.attrs["filter_chain"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"frequency": 60.0, "width": 2.0, "harmonics": 9}, "harmonic 9 .* 540 Hz"),
        ({"frequency": -60.0, "width": 2.0}, "between 0 and half the sampling rate"),
        ({"frequency": 60.0, "width": 0.0}, "a notch 0 Hz wide"),
        ({"frequency": 60.0, "width": 70.0}, "below 60 Hz"),
        ({"frequency": 60.0, "width": 2.0, "harmonics": 0}, "harmonics is 0"),
    ],
)
def test_a_notch_that_is_none_is_refused(asked, said):
    with pytest.raises(InputError, match=said):
        notch(recording(noise((1500, 4))), **asked)


def test_a_filter_warns_of_nothing_where_all_is_well():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        band_pass(recording(noise((3000, 4))), band=BAND)


@pytest.mark.parametrize("value", [np.nan, 3.0])
@pytest.mark.parametrize("filtered", [
    lambda given: band_pass(given, band=BAND),
    lambda given: notch(given, frequency=50.0, width=2.0),
], ids=["band_pass", "notch"])  # fmt: skip
def test_a_field_without_a_live_site_is_not_filtered(filtered, value):
    with pytest.raises(InputError, match="'lfp': no site is live; all 3 are missing"):
        filtered(recording(np.full((2000, 3), value)))


@pytest.mark.parametrize(
    "band",
    [5.0, None, (None, 40), "5:40", ("5", "40"), (5, 10, 40), (5 + 1j, 40), {5, 40}],
)
def test_a_band_that_is_not_two_numbers_is_refused(band):
    with pytest.raises(InputError, match="give two frequencies in Hz"):
        band_pass(recording(noise((2000, 3))), band=band)


def test_two_numbers_of_any_kind_are_a_band():
    given = recording(noise((2000, 3)))
    due = band_pass(given, band=BAND)
    for band in ([5, 40], np.array([5.0, 40.0]), np.array([5, 40], dtype="f4")):
        np.testing.assert_allclose(band_pass(given, band=band)["lfp"], due["lfp"])
