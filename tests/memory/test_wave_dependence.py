"""Whether information goes with waves: true links, confounds, and closed forms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.linear_model import LogisticRegression

from cortexwave.errors import InputError
from cortexwave.memory.mode_share import wave_mode_share
from cortexwave.memory.odds import logistic
from cortexwave.memory.site_phase import phase_at_site
from cortexwave.memory.strength_contrast import information_by_wave_strength
from cortexwave.memory.trials import trials_from


def _linked(to, *, trials=360, seed=0):
    """Classes told the better the stronger the "wave" or the "amplitude" is."""
    draw = np.random.default_rng(seed)
    codes, wave = np.arange(trials) % 3, draw.random(trials)
    # amplitude goes with the waves, as it does in cortex
    amplitude = np.exp(0.6 * wave + 0.3 * draw.standard_normal(trials))
    link = {"wave": wave, "amplitude": amplitude - 0.8, "none": 0 * wave}[to]
    values = draw.standard_normal((trials, 2, 8))
    pattern = draw.standard_normal((3, 8))
    values += (0.2 + link)[:, None, None] * pattern[codes][:, None]
    block = np.arange(trials) * 3 // trials
    return trials_from(values, codes, step=0.01, block=block), wave, amplitude


def _split(to, **options):
    seed = options.pop("data", 0)
    trials, wave, amplitude = _linked(to, seed=seed)
    usual = {"amplitude": amplitude, "times": [0.0, 0.01], "run": 3, "count": 3,
             "permutations": 39, "seed": 1}  # fmt: skip
    return information_by_wave_strength(trials, wave, **{**usual, **options})


def test_information_that_goes_with_waves_is_found():
    found = _split("wave")
    assert found.difference > 0.3 and found.p == 0.025 and found.low > 0
    assert found.odds_low > 1
    np.testing.assert_allclose(found.difference, found.bits[1] - found.bits[0])


def test_matching_balances_amplitude_and_groups():
    found = _split("wave")
    assert abs(found.imbalance.sel(when="after")) < 0.35 * abs(
        found.imbalance.sel(when="before")
    )
    assert found.trials[0] == found.trials[1] and found.trials[0] > 30


def test_information_that_goes_with_amplitude_alone_is_not_credited_to_waves():
    # finer bins: within one bin the stronger waves still have more amplitude
    found = [_split("amplitude", data=seed, bins=8) for seed in range(4)]
    assert sum(each.p.item() <= 0.05 for each in found) <= 1
    assert np.mean([each.odds_ratio for each in found]) == pytest.approx(1.0, abs=0.2)


def test_without_a_link_there_is_no_difference():
    found = _split("none", data=3)
    assert found.p > 0.05 and found.low < 0 < found.high


@pytest.mark.slow
def test_a_missing_link_is_called_one_in_five_of_a_hundred():
    hits = [_split("none", data=seed, permutations=19).p.item() <= 0.05
            for seed in range(150)]  # fmt: skip
    # 99.9 % of counts of 150 at .05
    assert binom.ppf(5e-4, 150, 0.05) <= sum(hits) <= binom.isf(5e-4, 150, 0.05)


def test_too_few_pairs_are_undetermined_with_the_number_needed():
    trials, wave, amplitude = _linked("wave")
    few = trials.chosen(np.arange(24))
    found = information_by_wave_strength(
        few, wave[:24], amplitude=amplitude[:24], times=[0.0], run=1, permutations=19,
        seed=0,
    )  # fmt: skip
    assert np.isnan(found.difference) and "needs 5" in found.attrs["reason"]


def test_amplitudes_and_strengths_that_cannot_be_are_refused():
    with pytest.raises(InputError, match="amplitude has values of 0"):
        _split("wave", amplitude=np.zeros(360))
    with pytest.raises(InputError, match=r"amplitude is \(3,\)"):
        _split("wave", amplitude=np.ones(3))
    with pytest.raises(InputError, match="run is 0"):
        _split("wave", run=0)


def _phasors(kind, seed=0):
    """Four classes: plane waves in four directions, or fixed random phases."""
    draw = np.random.default_rng(seed)
    y, x = np.meshgrid(0.4 * np.arange(5), 0.4 * np.arange(5), indexing="ij")
    places = np.stack([x.ravel(), y.ravel()], axis=1)
    vectors = 1.2 * np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]])
    pattern = np.exp(1j * vectors @ places.T)
    if kind == "random":
        pattern = np.exp(2j * np.pi * draw.random((4, 25)))
    if kind == "none":
        pattern = 0 * pattern
    codes = np.arange(160) % 4
    noise = draw.standard_normal((2, 160, 2, 25))
    z = pattern[codes][:, None] + 1.3 * (noise[0] + 1j * noise[1])
    trials = trials_from(z.real, codes, step=0.01, positions=places)
    return replace(trials, values=z)


def _share(kind, seed=0):
    return wave_mode_share(
        _phasors(kind, seed), times=[0.0, 0.01], permutations=19, seed=0, count=4
    )


def test_plane_waves_are_told_by_wave_modes_alone():
    found = _share("waves")
    assert found.eta == pytest.approx(1.0, abs=0.12) and found.complement < 0.1
    assert found.eta_low < found.eta < found.eta_high


def test_patterns_that_are_no_waves_are_told_by_the_rest():
    found = _share("random")
    assert found.eta < 0.6 and found.complement > 0.7


def test_where_nothing_is_told_there_is_no_share():
    found = _share("none", seed=2)
    assert np.isnan(found.eta) and "nothing to share" in found.attrs["reason"]


def _hits(depth, trials=2000, seed=0):
    draw = np.random.default_rng(seed)
    phase = draw.uniform(-np.pi, np.pi, trials)
    hit = draw.random(trials) < 0.5 + depth * np.cos(phase - 1.0)
    return phase, hit.astype(float)


def test_the_first_harmonic_of_hits_is_found_with_its_phase():
    found = phase_at_site(*_hits(0.2), permutations=39, seed=0)
    # amplitude 0.2; its standard error is sqrt(2 p (1 - p) / n) = 0.016
    assert found.amplitude == pytest.approx(0.2, abs=0.04)
    assert found.preferred == pytest.approx(1.0, abs=0.25)  # 3 x 0.016 / 0.2
    assert found.low < 0.2 < found.high and found.p == 0.025
    # odds 0.7 / 0.3 over 0.3 / 0.7; the logistic is close to a cosine here
    assert found.odds_low < (0.7 / 0.3) ** 2 < found.odds_high
    assert found.trials.sum() == 2000


def test_hits_at_any_phase_have_no_harmonic():
    found = phase_at_site(*_hits(0.0, seed=5), permutations=99, seed=0)
    assert found.p > 0.05
    # a vector of two normal errors: Rayleigh with mean se sqrt(pi / 2)
    expected = np.sqrt(2 * 0.25 / 2000) * np.sqrt(np.pi / 2)
    assert found.chance == pytest.approx(expected, rel=0.15)


@pytest.mark.slow
def test_a_missing_harmonic_is_called_one_in_five_of_a_hundred():
    hits = [phase_at_site(*_hits(0.0, 200, seed), permutations=99, seed=seed).p <= 0.05
            for seed in range(1300)]  # fmt: skip
    assert 0.03 <= np.mean(hits) <= 0.07  # 99.9 % of shares of 1300 at .05


def test_blocks_of_other_phase_and_hit_rate_are_not_taken_for_phase():
    draw = np.random.default_rng(0)
    block = np.repeat([0, 1], 200)
    phase = draw.vonmises(np.where(block, 1.5, -1.5), 2.0)
    hit = (draw.random(400) < np.where(block, 0.8, 0.2)).astype(float)
    kept = phase_at_site(phase, hit, block=block, permutations=99, seed=0)
    mixed = phase_at_site(phase, hit, permutations=99, seed=0)
    assert mixed.p == 0.01 and kept.p > 0.05


@pytest.mark.parametrize(
    ("phase", "outcome", "told"),
    [(np.zeros(40), np.arange(40) % 2, "nearly one phase"),
     (np.linspace(-3, 3, 40), np.ones(40), "same in all trials"),
     (np.linspace(-3, 3, 10), np.arange(10) % 2, "needs 20")],
)  # fmt: skip
def test_phases_that_tell_nothing_are_undetermined(phase, outcome, told):
    found = phase_at_site(phase, outcome, permutations=19, seed=0)
    assert np.isnan(found.p) and told in found.attrs["reason"]


def test_logistic_odds_are_those_of_a_table_of_two_by_two():
    design = np.column_stack([np.repeat([0.0, 1.0], 100), np.ones(200)])
    outcome = np.r_[np.arange(100) < 30, np.arange(100) < 60].astype(float)
    fit = logistic(design, outcome, np.arange(200))
    ratio, low, high = fit.odds_ratio(0)
    assert ratio == pytest.approx((60 / 40) / (30 / 70), rel=1e-9)
    # Woolf (1955): the variance of the log is the sum of the inverse counts, here
    # times G / (G - 1)
    error = np.sqrt((1 / 60 + 1 / 40 + 1 / 30 + 1 / 70) * 200 / 199)
    assert np.log(high / low) / 2 == pytest.approx(1.96 * error, rel=1e-6)


def test_logistic_coefficients_are_those_of_scikit_learn():
    draw = np.random.default_rng(0)
    columns = draw.standard_normal((300, 3))
    share = 1 / (1 + np.exp(-columns @ [1.0, -0.5, 0.0] - 0.3))
    outcome = (draw.random(300) < share).astype(float)
    fit = logistic(np.column_stack([columns, np.ones(300)]), outcome, np.arange(300))
    model = LogisticRegression(C=1e12, tol=1e-10, max_iter=1000).fit(columns, outcome)
    np.testing.assert_allclose(fit.coefficients[:3], model.coef_[0], rtol=1e-4)


def test_outcomes_that_a_column_separates_have_no_odds():
    column = np.arange(40.0)
    assert logistic(np.column_stack([column, np.ones(40)]), (column > 19.5) * 1.0,
                    np.arange(40)) is None  # fmt: skip
