"""Surrogates keep what they say they keep, and lose the movement."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.analysis.surrogates import (
    direction_shares,
    exceedance,
    phase_randomised,
    shuffled,
)


def _power(values):
    return np.abs(np.fft.fft2(values)) ** 2


def test_shuffling_keeps_rows_and_columns_and_moves_both():
    values = np.arange(35.0).reshape(7, 5)
    mixed = shuffled(values, seed=3)
    # frames are 5 k + site: whole rows and whole columns, each in another order
    rows, columns = mixed[:, 0] // 5, mixed[0] % 5
    assert sorted(rows) == list(range(7)) and sorted(columns) == list(range(5))
    np.testing.assert_array_equal(mixed, 5 * rows[:, None] + columns)
    assert list(rows) != list(range(7)) and list(columns) != list(range(5))


@pytest.mark.parametrize("shape", [(32, 16), (33, 16), (32, 15), (33, 15), (4, 4)])
def test_phase_randomising_keeps_both_directions_together_and_each_site_real(shape):
    values = np.random.default_rng(0).standard_normal(shape) + 2.0
    made = phase_randomised(values, seed=1)
    mirrored = -np.arange(shape[1]) % shape[1]
    before, after = _power(values), _power(made)
    both = before + before[:, mirrored]
    assert np.isrealobj(made)
    # rounding of a transform of some hundred values
    np.testing.assert_allclose(
        (after + after[:, mirrored])[1:], both[1:], atol=1e-11 * both.max()
    )
    assert made.mean() == pytest.approx(values.mean(), rel=1e-12)
    assert not np.allclose(after, before)


def test_a_travelling_field_loses_its_direction(stream):
    values = stream(256, 64)
    made = np.stack([phase_randomised(values, seed=s) for s in range(40)])
    power = (np.abs(np.fft.fft2(made)) ** 2).mean(axis=0)
    # f_t > 0 and f_x > 0 moves towards lower sites; 40 shares of 63 x 8 tiles, whose
    # mean of uniforms has a standard deviation below 0.01 per power
    towards_lower = power[1:128, 1:32].sum()
    towards_higher = power[129:, 1:32].sum()
    share = towards_lower / (towards_lower + towards_higher)
    assert share == pytest.approx(0.5, abs=0.05)


def test_the_power_of_a_randomised_field_is_that_of_its_shares(stream):
    values = stream(60, 24)
    shares = direction_shares(60, 24, seed=5)
    power = _power(values)
    both = power + power[:, -np.arange(24) % 24]
    made = _power(phase_randomised(values, seed=5))[:, :13]
    np.testing.assert_allclose(
        made[1:], (both[:, :13] * shares)[1:], atol=1e-11 * both.max()
    )


def test_randomising_each_site_alone_would_call_a_standing_wave_travelling():
    # the choice that the module rejects: what sites share at lag 0 is lost with lags
    time, site = np.arange(64)[:, None], np.arange(32)
    standing = np.cos(2 * np.pi * 4 * site / 32) * np.cos(2 * np.pi * 8 * time / 64)
    draw = np.random.default_rng(0)
    spectrum = np.fft.rfft(standing, axis=0)
    alone = np.abs(spectrum) * np.exp(2j * np.pi * draw.random(spectrum.shape))
    lost = _power(np.fft.irfft(alone, axis=0))
    # all power on (4, 8) and its mirror before; white along f_x after
    assert _power(standing)[8, 4] == pytest.approx((64 * 32 / 4) ** 2)
    assert lost[8, 4] < 0.2 * _power(standing)[8, 4]
    kept = _power(phase_randomised(standing, seed=0))
    assert kept[8, 4] + kept[8, 28] == pytest.approx(2 * (64 * 32 / 4) ** 2)


def test_p_counts_the_observed_among_the_surrogates():
    made = np.arange(1.0, 20.0)[:, None] * np.ones(3)  # 1 to 19
    found = exceedance(np.array([20.0, 10.0, 0.0]), made)
    np.testing.assert_allclose(found.p, [1 / 20, 11 / 20, 1.0])
    np.testing.assert_allclose(found.ratio, [2.0, 1.0, 0.0])
    np.testing.assert_allclose(found.z[0], 10 / np.std(np.arange(1, 20), ddof=1))


def test_what_does_not_vary_has_p_1_and_no_score():
    found = exceedance(np.zeros(2), np.zeros((19, 2)))
    assert (found.p == 1).all() and (found.p_family == 1).all()
    assert np.isnan(found.ratio).all() and np.isnan(found.z).all()
