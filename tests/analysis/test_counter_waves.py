"""Two waves of one shape that run against each other, told by their two amplitudes."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.analysis.counter_waves import counter_wave, stands

X, Y = (each.ravel() for each in np.meshgrid(0.4 * np.arange(10), 0.4 * np.arange(10)))
TURN = np.exp(2j * np.pi * 0.03 * np.arange(200))[:, None]
LAGS = {
    "plane": 2 * np.pi / 4.0 * (X * np.cos(0.5) + Y * np.sin(0.5)),
    "longer than the array": 2 * np.pi / 9.0 * X,
    "from a point": 2 * np.pi / 4.0 * np.hypot(X - 1.5, Y - 2.2),
    "turning": np.arctan2(Y - 1.7, X - 1.9),
}


def both(lag: np.ndarray, back: float, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """A wave of amplitude 1 and one of `back` against it, (frame, site)."""
    draw = np.random.default_rng(seed)
    rest = draw.standard_normal((2, 200, lag.size)) * noise / np.sqrt(2)
    waves = np.exp(-1j * lag) + back * np.exp(1j * (lag + 1.1))
    return TURN * waves + rest[0] + 1j * rest[1]


@pytest.mark.parametrize("lag", LAGS.values(), ids=LAGS)
@pytest.mark.parametrize("back", [0.0, 0.2, 0.5, 1.0])
def test_the_amplitude_of_the_wave_that_comes_back_is_that_which_was_made(lag, back):
    # what is left after noise is taken away is rounding, of which a root is taken
    assert counter_wave(both(lag, back), lag) == pytest.approx(back, abs=1e-7)


@pytest.mark.parametrize("back", [0.0, 0.3, 1.0])
def test_noise_as_strong_as_the_wave_does_not_bias_it(back):
    lag = LAGS["plane"]
    power = [counter_wave(both(lag, back, 1.0, seed), lag) ** 2 for seed in range(40)]
    # noise puts 1 / 100 of its power into each wave of 100 sites; of 200 frames the
    # mean of 40 is known to 0.01 / sqrt(8000) and less than 0.003 for the cross terms
    assert np.mean(power) == pytest.approx(back**2, abs=0.004)


def test_the_two_descriptions_are_worth_the_same_at_root_two_less_one():
    """One wave explains 1 / (1 + r^2), two equal ones (1 + r)^2 / 2 of that."""
    lag = LAGS["plane"]
    assert not stands(both(lag, 0.40), lag)
    assert stands(both(lag, 0.43), lag)


@pytest.mark.parametrize("lag", LAGS.values(), ids=LAGS)
def test_a_wave_in_noise_of_its_strength_does_not_stand(lag):
    assert not any(stands(both(lag, 0.0, 1.0, seed), lag) for seed in range(40))
    assert all(stands(both(lag, 1.0, 1.0, seed), lag) for seed in range(40))


def test_a_wave_whose_opposite_is_the_same_on_the_array_is_not_judged():
    lag = 2 * np.pi / 40.0 * X  # a tenth of a cycle
    assert np.isnan(counter_wave(both(lag, 1.0), lag))
    assert not stands(both(lag, 1.0), lag)


def test_without_the_wave_its_opposite_is_all():
    lag = LAGS["plane"]
    assert counter_wave(TURN * np.exp(1j * lag), lag) > 1e6
