"""A surrogate keeps what its table says, and lacks what it says."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

import cortexwave.synthetic as synthetic
from cortexwave.analysis.nulls import NULLS, Kind, surrogate
from cortexwave.errors import InputError

SITES = synthetic.lattice_sites((4, 5), spacing=0.4)
KINDS = get_args(Kind)


@pytest.fixture
def recording():
    wave = synthetic.plane_wave(
        SITES, duration=2.0, rate=200.0, frequency=10.0, speed=60.0, direction=20.0
    )
    noisy = synthetic.with_noise(wave, snr_db=3.0, seed=1)
    noisy.signal[:, 1, 2] = np.nan
    noisy.signal[:, 3, 3] = 4.0
    return noisy


def rows(recording):
    values = recording.signal.values.reshape(recording.sizes["time"], -1)
    return values[:, values.std(axis=0) > 0]


def cross_spectrum(values):
    found = np.fft.rfft(values, axis=0)[1:-1]
    return found[:, :, None] * found[:, None, :].conj()


def without_line(values):
    share = np.linspace(0, 1, len(values))[:, None]
    return values - values[:1] - share * (values[-1:] - values[:1])


def test_every_kind_has_its_words_and_only_lags_speak_of_propagation():
    assert set(NULLS) == set(KINDS)
    claims = {kind for kind in KINDS if "propagation, or" in NULLS[kind].rejection}
    assert claims == {"without_lags"}
    assert "not separable in space and time" in NULLS["separable"].rejection


@pytest.mark.parametrize("kind", KINDS)
def test_a_surrogate_is_a_recording_with_its_dead_sites_and_no_truth(recording, kind):
    made = surrogate(recording, kind=kind, seed=1)
    assert made.signal.dims == recording.signal.dims
    assert made.signal.attrs["units"] == "uV"
    assert "truth" not in made.attrs
    assert made.attrs["surrogate"] == kind
    assert np.isnan(made.signal.values[:, 1, 2]).all()
    assert (made.signal.values[:, 3, 3] == 4.0).all()
    assert not np.allclose(rows(made), rows(recording))


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_one_surrogate_and_leaves_the_recording_alone(recording, kind):
    kept = recording.copy(deep=True)
    first, again, other = (surrogate(recording, kind=kind, seed=s) for s in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)
    assert recording.equals(kept)


def test_shuffled_channels_are_the_same_signals_elsewhere(recording):
    before = np.sort(rows(recording), axis=1)
    after = np.sort(
        rows(surrogate(recording, kind="shuffled_channels", seed=1)), axis=1
    )
    np.testing.assert_array_equal(after, before)


def test_signals_shifted_in_time_keep_their_values_and_spectra(recording):
    before, after = rows(recording), rows(
        surrogate(recording, kind="shifted_in_time", seed=1)
    )  # fmt: skip
    np.testing.assert_array_equal(np.sort(after, axis=0), np.sort(before, axis=0))
    np.testing.assert_allclose(
        np.abs(np.fft.rfft(after, axis=0)), np.abs(np.fft.rfft(before, axis=0)),
        atol=1e-9 * len(before),  # rounding
    )  # fmt: skip


def test_common_phases_keep_the_whole_cross_spectrum(recording):
    before = cross_spectrum(without_line(rows(recording)))
    made = rows(surrogate(recording, kind="common_phase", seed=1))
    line = rows(recording) - without_line(rows(recording))
    after = cross_spectrum(made - line)
    np.testing.assert_allclose(after, before, atol=1e-9 * np.abs(before).max())


def test_without_lags_keeps_the_real_part_only(recording):
    before = cross_spectrum(without_line(rows(recording)))
    line = rows(recording) - without_line(rows(recording))
    after = cross_spectrum(
        rows(surrogate(recording, kind="without_lags", seed=1)) - line
    )
    scale = np.abs(before).max()
    np.testing.assert_allclose(after.real, before.real, atol=1e-9 * scale)
    assert not np.allclose(after.imag, before.imag, atol=1e-3 * scale)


def test_separable_keeps_means_and_the_covariance_on_average(recording):
    recording["signal"] = (recording.signal + 5.0).assign_attrs(units="uV")
    made = [rows(surrogate(recording, kind="separable", seed=s)) for s in range(100)]
    np.testing.assert_allclose(np.mean(made, axis=(0, 1)), 5.0, atol=0.05)
    before = np.cov(rows(recording).T)
    found = np.mean([np.cov(each.T) for each in made], axis=0)
    # a rhythm: two independent values in a surrogate, of 100; four standard errors
    np.testing.assert_allclose(found, before, atol=4 / 200**0.5 * before.max())


@pytest.mark.parametrize("kind", ["fft", "separable_fft", "N4"])
def test_a_surrogate_that_is_not_offered_is_refused_with_the_reason(recording, kind):
    with pytest.raises(InputError, match="not valid on an open array"):
        surrogate(recording, kind=kind, seed=1)


def test_a_site_with_gaps_is_refused(recording):
    recording.signal[5, 0, 0] = np.nan
    with pytest.raises(InputError, match="1 sites have some values missing"):
        surrogate(recording, kind="common_phase", seed=1)
