"""Multi-unit envelopes: of noise by its known mean, of sines by the band."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cortexwave.errors import InputError
from cortexwave.lab.multiunit import multiunit_envelope
from cortexwave.lab.signals import Contacts, Signal

RATE = 30000.0
BAND = (750.0, 5000.0)


def signal_of(values, rate=RATE):
    return Signal(
        "raw", Path("a.toy"), "toy", rate, 0.0, len(values), "uV",
        lambda start, stop: values[start:stop],
        Contacts.named([f"c{k}" for k in range(values.shape[1])]), dtype="float64",
    )  # fmt: skip


def inside(envelope):
    """Values that rest on true ones alone."""
    edge = int(np.ceil(envelope.attributes["resampling_edge"] * envelope.rate))
    return envelope.read(0, envelope.frames)[edge:-edge]


def test_white_noise_gives_its_strength_in_the_band():
    values = np.random.default_rng(0).normal(0, 10, (4 * int(RATE), 3))
    envelope = multiunit_envelope(signal_of(values), band=BAND, rate=1000.0)
    # a Gaussian's mean size is s sqrt(2 / pi), and s^2 goes with the width of the band;
    # corners of half amplitude take off 0.5 to 1 % of it, and 4 s leave 0.5 %
    s = 10 * np.sqrt((BAND[1] - BAND[0]) / (RATE / 2))
    expected = s * np.sqrt(2 / np.pi)
    assert inside(envelope).mean(axis=0) == pytest.approx([expected] * 3, rel=0.02)


@pytest.mark.parametrize(
    ("frequency", "mean"),
    [(2000.0, 2 / np.pi), (100.0, 0.0), (400.0, 0.0), (8000.0, 0.0)],
)
def test_only_what_is_in_the_band_counts(frequency, mean):
    time = np.arange(int(RATE)) / RATE
    values = np.cos(2 * np.pi * frequency * time)[:, None]
    envelope = multiunit_envelope(signal_of(values), band=BAND, rate=1000.0)
    # a sine's mean size is 2 / pi; 60 dB are 1e-3
    assert inside(envelope)[:, 0] == pytest.approx(mean, abs=2e-3)


def test_a_burst_is_where_it_was():
    generator = np.random.default_rng(1)
    values = generator.normal(0, 1, (int(RATE), 1))
    values[12000:15000] += generator.normal(0, 20, (3000, 1))
    envelope = multiunit_envelope(signal_of(values), band=BAND, rate=1000.0)
    course = envelope.read(0, envelope.frames)[:, 0]
    over = np.flatnonzero(course > course.max() / 3) / 1000.0
    # 0.4 to 0.5 s; the low-pass of 450 Hz and the noise itself blur it by some ms
    assert over.min() == pytest.approx(0.4, abs=5e-3)
    assert over.max() == pytest.approx(0.5, abs=5e-3)
    assert np.mean((over >= 0.395) & (over <= 0.505)) == 1


def test_a_part_is_that_part_and_a_gap_stays_one():
    values = np.random.default_rng(2).normal(size=(9000, 2))
    values[4000, 1] = np.nan
    envelope = multiunit_envelope(signal_of(values), band=BAND, rate=1000.0)
    whole = envelope.read(0, envelope.frames)
    np.testing.assert_array_equal(envelope.read(50, 260), whole[50:260])
    time = np.arange(envelope.frames) / 1000.0
    lost = np.isnan(whole[:, 1])
    edge = envelope.attributes["resampling_edge"]
    assert lost.any() and np.abs(time[lost] - 4000 / RATE).max() <= edge + 1e-9
    assert np.isfinite(whole[:, 0]).all()


@pytest.mark.parametrize(
    ("band", "rate", "said"),
    [((750.0, 5000.0), 1000.0, r"'raw' of 1000 Hz does not hold the band"),
     ((5000.0, 750.0), RATE, r"band is 5000 to 750 Hz"),
     ((0.0, 750.0), RATE, r"band is 0 to 750 Hz"),
     ((750.0, 800.0), RATE, r"and 375 Hz above the lower")],
)  # fmt: skip
def test_a_band_that_is_not_there_is_refused(band, rate, said):
    with pytest.raises(InputError, match=said):
        multiunit_envelope(signal_of(np.zeros((99, 1)), rate), band=band, rate=500.0)
