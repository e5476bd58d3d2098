"""A lower rate: the filter against SciPy and against sines, parts, gaps, edges."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import upfirdn

from cortexwave.errors import InputError
from cortexwave.lab.resampling import (
    PASS,
    STOP,
    Filter,
    _anti_alias,
    filtered,
    resampled,
)
from cortexwave.lab.signals import Contacts, Signal

RATES = [(30000.0, 1000.0), (24414.0625, 1000.0), (1000.0, 400.0), (1000.0, 999.0)]


def signal_of(values, rate, start=0.0):
    """A signal of an array (frame, channel) or (frame, y, x)."""
    values = np.asarray(values)
    sites = {"contacts": Contacts.named([f"c{k}" for k in range(values.shape[1])])}
    if values.ndim == 3:
        sites = {"lattice": tuple(np.arange(n, dtype=float) for n in values.shape[1:])}
    return Signal(
        "lfp", Path("a.toy"), "toy", rate, start, len(values), "uV",
        lambda a, b: values[a:b], dtype=str(values.dtype), **sites,
    )  # fmt: skip


def sine(frequency, rate, seconds=1.0, dtype=float):
    time = np.arange(round(seconds * rate)) / rate
    return np.cos(2 * np.pi * frequency * time + 0.3)[:, None].astype(dtype)


def middle(signal):
    """Frames and times of a resampled signal, without those near its ends."""
    edge = int(np.ceil(signal.attributes["resampling_edge"] * signal.rate))
    time = signal.start + np.arange(signal.frames) / signal.rate
    return signal.read(0, signal.frames)[edge:-edge, 0], time[edge:-edge]


@pytest.mark.parametrize(("rate", "new"), RATES)
def test_what_is_in_the_new_band_is_kept_in_phase_and_strength(rate, new):
    frequency = PASS * new
    made = resampled(signal_of(sine(frequency, rate), rate), new)
    values, time = middle(made)
    # the filter's ripple is 80 dB down: 1e-4
    expected = np.cos(2 * np.pi * frequency * time + 0.3)
    np.testing.assert_allclose(values, expected, atol=1.2e-4)


@pytest.mark.parametrize("beyond", [1.0, 1.24, 1.9])
@pytest.mark.parametrize(("rate", "new"), RATES[:3])
def test_what_lies_above_the_new_band_is_gone_not_folded_back(rate, new, beyond):
    made = resampled(signal_of(sine(beyond * STOP * new, rate), rate), new)
    values, _ = middle(made)
    assert np.abs(values).max() < 1.2e-4  # 80 dB


@pytest.mark.parametrize(("rate", "new"), RATES)
def test_frames_are_those_of_scipy_with_the_same_taps(rate, new):
    values = np.random.default_rng(0).normal(size=(5000, 3))
    made = resampled(signal_of(values, rate), new)
    by = taps_of(rate, new)
    held = np.concatenate([np.repeat(values[:1], by.reach, 0), values,
                           np.repeat(values[-1:], by.reach, 0)])  # fmt: skip
    whole = upfirdn(by.taps, held, up=by.up, axis=0)
    expected = whole[by.taps.size // 2 + by.reach * by.up :: by.down][: made.frames]
    np.testing.assert_allclose(made.read(0, made.frames), expected, atol=1e-12)


def taps_of(rate: float, new: float) -> Filter:
    """The taps of the filter: what is tested is how they are applied."""
    up, down = Fraction(new / rate).limit_denominator(10_000).as_integer_ratio()
    return _anti_alias(up, down)


@pytest.mark.parametrize(("rate", "new"), RATES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_part_is_to_the_last_bit_that_part_of_the_whole(rate, new, dtype):
    values = np.random.default_rng(1).normal(size=(9000, 2)).astype(dtype)
    made = resampled(signal_of(values, rate), new)
    whole = made.read(0, made.frames)
    assert whole.dtype == dtype
    for start, stop in ((0, 1), (7, 131), (made.frames - 5, made.frames)):
        np.testing.assert_array_equal(made.read(start, stop), whole[start:stop])


@pytest.mark.parametrize(("rate", "new"), RATES)
def test_a_constant_stays_one_up_to_both_ends(rate, new):
    made = resampled(signal_of(np.full((3000, 1), 250.0), rate), new)
    np.testing.assert_allclose(made.read(0, made.frames), 250.0, rtol=1e-12)


def test_the_first_frame_stays_where_it_was_and_time_keeps_its_length():
    made = resampled(signal_of(np.zeros((30001, 1)), 30000.0, start=12.5), 1000.0)
    assert (made.start, made.rate, made.frames) == (12.5, 1000.0, 1001)


def test_rates_of_no_simple_ratio_are_stated_as_they_are():
    made = resampled(signal_of(np.zeros((30000, 1)), 30000.6), 1000.0)
    assert made.rate == pytest.approx(30000.6 / 30, rel=1e-15)
    assert made.attributes["rate_asked"] == 1000.0


def test_the_same_rate_leaves_the_signal_alone():
    given = signal_of(np.zeros((100, 1)), 1000.0)
    assert resampled(given, 1000.0) is given


def test_images_are_resampled_like_channels():
    values = np.random.default_rng(2).normal(size=(600, 3, 4))
    image = resampled(signal_of(values, 100.0), 25.0)
    flat = resampled(signal_of(values.reshape(600, 12), 100.0), 25.0)
    np.testing.assert_allclose(
        image.read(3, 90).reshape(-1, 12), flat.read(3, 90), atol=1e-14
    )


@pytest.mark.parametrize("missing", [np.nan, np.inf])
def test_a_gap_is_widened_by_the_filter_and_no_further(missing):
    values = np.random.default_rng(3).normal(size=(9000, 2)).astype("float32")
    whole = resampled(signal_of(values, 3000.0), 100.0)
    clean = whole.read(0, whole.frames)
    values[4000:4010, 1] = missing
    holed = whole.read(0, whole.frames)
    edge = whole.attributes["resampling_edge"]
    time = np.arange(whole.frames) / whole.rate
    near = (time > 4000 / 3000 - edge) & (time < 4009 / 3000 + edge)
    assert np.array_equal(np.isnan(holed[:, 1]), near)
    # of the other frames only the order of sums may differ
    np.testing.assert_allclose(holed[~near, 1], clean[~near, 1], atol=1e-5)
    np.testing.assert_array_equal(holed[:, 0], clean[:, 0])
    np.testing.assert_array_equal(whole.read(130, 140), holed[130:140])


def test_a_dead_channel_stays_dead():
    values = np.random.default_rng(4).normal(size=(3000, 2))
    values[:, 0] = np.nan
    made = resampled(signal_of(values, 1000.0), 100.0).read(0, 300)
    assert np.isnan(made[:, 0]).all()
    assert np.isfinite(made[:, 1]).all()


def test_a_signal_shorter_than_the_filter_is_held_at_its_ends():
    made = resampled(signal_of(np.full((5, 1), 3.0), 30000.0), 1000.0)
    np.testing.assert_allclose(made.read(0, made.frames), [[3.0]], rtol=1e-12)


def test_a_filter_alone_keeps_the_rate():
    values = np.random.default_rng(5).normal(size=(500, 2))
    made = filtered(signal_of(values, 1000.0), Filter(np.array([0.25, 0.5, 0.25])))
    assert (made.rate, made.frames) == (1000.0, 500)
    expected = 0.25 * values[:-2] + 0.5 * values[1:-1] + 0.25 * values[2:]
    np.testing.assert_allclose(made.read(0, 500)[1:-1], expected, atol=1e-14)


@pytest.mark.parametrize(
    ("rate", "said"),
    [(2000.0, r"a\.toy.*'lfp' has 1000 Hz; 2000 Hz would be made up"),
     (0.0, r"rate is 0\.0; a number above 0"), (np.nan, "rate is nan; a number"),
     ("1 kHz", r"rate is '1 kHz'; a number above 0, in Hz"),
     (0.01, r"less than 1/10000 of the 1000 Hz of 'lfp'")],
)  # fmt: skip
def test_a_rate_that_cannot_be_is_refused(rate, said):
    with pytest.raises(InputError, match=said):
        resampled(signal_of(np.zeros((100, 1)), 1000.0), rate)
