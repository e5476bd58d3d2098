"""Surrogates keep the covariances that they say they keep, and lose the lags."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.analysis.covariance_surrogates import separable, without_lags


def cross_spectrum(values):
    """X X* at each frequency, (trial, frequency, site, site)."""
    spectrum = np.fft.rfft(values, axis=1)
    return spectrum[..., :, None] * spectrum[..., None, :].conj()


def travelling(trials, frames, sites):
    noise = np.random.default_rng(0).standard_normal((trials, frames + sites))
    moved = [noise[:, k : k + frames] for k in range(sites)]
    return np.stack(moved[::-1], axis=2)


@pytest.mark.parametrize("frames", [3, 8, 65, 128])
def test_without_lags_keeps_the_real_part_and_tosses_the_sign_of_the_imaginary(frames):
    values = travelling(2, frames, 5)
    before = cross_spectrum(values)
    after = cross_spectrum(without_lags(values, seed=1))
    scale = np.abs(before).max()
    # rounding of a transform of at most a hundred values
    np.testing.assert_allclose(after.real, before.real, atol=1e-12 * scale)
    np.testing.assert_allclose(np.abs(after.imag), np.abs(before.imag),
                               atol=1e-12 * scale)  # fmt: skip


def test_one_coin_is_tossed_for_four_neighbouring_frequencies_of_a_trial():
    values = travelling(2, 129, 5)
    before, after = (
        cross_spectrum(each)[:, 1:, 0, 1].imag
        for each in (values, without_lags(values, seed=1))
    )
    coins = np.sign(before * after).reshape(2, 16, 4)
    assert (coins == coins[:, :, :1]).all()
    heads = np.sum(coins[:, :, 0] > 0)
    assert 4 < heads < 28  # of 32; outside once in 100,000 times
    assert not np.array_equal(coins[0], coins[1])


def test_a_moving_field_no_longer_leads_from_site_to_site():
    values = travelling(1, 1_000, 4)
    made = np.concatenate([without_lags(values, seed) for seed in range(40)])

    def lead(field):
        now, later = field[:, :-1], field[:, 1:]
        return np.mean(later[..., 1:] * now[..., :-1]) - np.mean(
            later[..., :-1] * now[..., 1:]
        )

    assert lead(values) == pytest.approx(1.0, abs=0.1)
    # 40 x 125 coins: a standard error of 1/sqrt(5000)
    assert lead(made) == pytest.approx(0.0, abs=0.06)


def test_separable_keeps_covariance_and_mean_spectrum_and_no_lags():
    draw = np.random.default_rng(0)
    mixing = draw.standard_normal((4, 4))
    slow = np.cumsum(draw.standard_normal((3, 512, 4)), axis=1)
    values = (slow - slow.mean(axis=(0, 1))) @ mixing.T
    values -= values.mean(axis=(0, 1))
    made = np.concatenate([separable(values, seed) for seed in range(100)])
    covariance = np.einsum("ati,atj->ij", values, values) / (3 * 512)
    found = np.einsum("ati,atj->ij", made, made) / (300 * 512)
    # red noise: some ten independent values per trial, of 300 trials
    np.testing.assert_allclose(found, covariance, atol=0.1 * np.abs(covariance).max())
    power = [np.mean(np.abs(np.fft.rfft(each / each.std(axis=(0, 1)), axis=1)) ** 2,
                     axis=(0, 2)) for each in (values, made)]  # fmt: skip
    np.testing.assert_allclose(power[1][1:20], power[0][1:20], rtol=0.25)
    lagged = np.einsum("ati,atj->ij", made[:, 5:], made[:, :-5]) / (300 * 507)
    np.testing.assert_allclose(lagged, lagged.T, atol=0.1 * np.abs(covariance).max())


@pytest.mark.parametrize("make", [without_lags, separable])
def test_a_seed_gives_one_surrogate_and_leaves_the_field_alone(make):
    values = travelling(2, 60, 3)
    kept = values.copy()
    np.testing.assert_array_equal(make(values, 4), make(values, 4))
    assert not np.allclose(make(values, 4), make(values, 5))
    np.testing.assert_array_equal(values, kept)
