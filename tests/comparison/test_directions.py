"""Circular statistics by hand, by enumeration, and against SciPy."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from cortexwave.comparison.circular_modes import direction_modes
from cortexwave.comparison.circular_statistics import (
    kuiper,
    mean_direction,
    mean_direction_difference,
    tie_caution,
    watson_u2,
)
from cortexwave.errors import InputError


def test_watson_u2_by_hand():
    # differences 1/2, 1, 1/2, 0: 4/16 (1.5 - 4/4) = 1/8
    assert watson_u2(np.array([0.0, 90.0]), np.array([180.0, 270.0])) == 0.125


def test_watson_u2_of_five_and_five_has_its_published_critical_value():
    # Kanji 1999, 100 statistical tests: U2(5, 5) at .05 is .225, the greatest there is
    angles = np.arange(10) * 36.0 + 1
    u2 = [watson_u2(angles[list(chosen)], np.delete(angles, chosen))
          for chosen in combinations(range(10), 5)]  # fmt: skip
    share = np.mean(np.array(u2) >= 0.2249)
    assert max(u2) == pytest.approx(0.225)
    assert share == pytest.approx(10 / 252)
    assert np.mean(np.array(u2) >= np.unique(np.round(u2, 9))[-2] - 1e-6) > 0.05


def test_watson_u2_at_five_percent_is_that_of_the_limit():
    # P(U2 > u) = 2 exp(-2 pi^2 u) - ... = .05 at .187 (Watson 1962)
    rng = np.random.default_rng(1)
    u2 = [watson_u2(*rng.uniform(0, 360, (2, 100))) for _ in range(2000)]
    # 2.5 standard errors of a share of 2000
    assert np.mean(np.array(u2) > 0.187) == pytest.approx(0.05, abs=0.0125)


@pytest.mark.parametrize("statistic", [watson_u2, kuiper])
@pytest.mark.parametrize("turn", [17.3, 180.0, -359.0])
def test_where_the_circle_is_cut_does_not_matter(statistic, turn):
    rng = np.random.default_rng(2)
    a, b = rng.uniform(0, 360, 40), rng.normal(100, 50, 30)
    whole = np.concatenate([a, a[:5]])  # with ties
    assert statistic(whole + turn, b + turn) == pytest.approx(statistic(whole, b))


@pytest.mark.parametrize("statistic", [watson_u2, kuiper])
def test_samples_change_places_freely(statistic):
    rng = np.random.default_rng(3)
    a, b = rng.uniform(0, 360, 40), rng.normal(100, 50, 30)
    assert statistic(a, b) == pytest.approx(statistic(b, a))
    assert statistic(a, a) == pytest.approx(0.0, abs=1e-15)


def test_kuiper_of_samples_on_two_sides_is_one_and_on_four_a_half():
    assert kuiper(np.array([10.0, 20.0]), np.array([200.0, 210.0])) == 1.0
    assert kuiper(np.array([0.0, 180.0]), np.array([90.0, 270.0])) == 0.5


@pytest.mark.parametrize("statistic", [watson_u2, kuiper])
def test_an_axis_has_no_ends(statistic):
    rng = np.random.default_rng(4)
    a, b = rng.normal(0, 20, 60), rng.normal(180, 20, 60)
    assert statistic(a, b, axial=True) < 0.2 * statistic(a, b)


def test_a_mean_direction_crosses_the_cut():
    assert mean_direction(np.array([350.0, 20.0])) == pytest.approx(5.0)
    assert mean_direction_difference(np.array([350.0]), np.array([10.0])) == (
        pytest.approx(20.0)
    )
    assert mean_direction_difference(np.array([10.0]), np.array([350.0])) == (
        pytest.approx(-20.0)
    )


def test_a_mean_axis_is_within_a_quarter_turn():
    axis = np.array([85.0, 275.0])  # 85 and 95 as axes
    assert mean_direction(axis, axial=True) == pytest.approx(90.0)
    assert mean_direction_difference(
        np.array([80.0]), np.array([-80.0]), axial=True
    ) == pytest.approx(20.0)


def test_opposite_directions_have_no_mean():
    assert np.isnan(mean_direction(np.array([0.0, 180.0])))


def test_ties_are_pointed_out_and_continuous_directions_are_not():
    rng = np.random.default_rng(5)
    free = rng.uniform(0, 360, 100)
    assert tie_caution(free, free + 0.5) == ""
    assert "100 of 100 directions are tied (8 values)" in tie_caution(
        np.repeat(np.arange(8) * 45.0, 13)[:100]
    )


@pytest.mark.parametrize(("seed", "spread"), [(1, 4.0), (2, 0.8)])
def test_one_mode_is_scipys_von_mises(seed, spread):
    rng = np.random.default_rng(seed)
    angles = rng.vonmises(1.0, spread, 400)
    found = direction_modes(np.degrees(angles))
    kappa, centre, _ = stats.vonmises.fit(angles, fscale=1)
    assert found.count == 1
    assert found.directions[0] == pytest.approx(np.degrees(centre), abs=0.1)
    assert found.concentrations[0] == pytest.approx(kappa, rel=1e-3)


@pytest.mark.parametrize("turn", [0.0, 77.0, 200.0])
def test_two_opposite_modes_are_found_whose_mean_says_nothing(turn):
    rng = np.random.default_rng(6)
    angles = np.concatenate(
        [rng.vonmises(0, 5, 180), rng.vonmises(np.pi, 5, 120)]
    )  # fmt: skip
    found = direction_modes(np.degrees(angles) + turn)
    apart = (found.directions[0] - found.directions[1]) % 360
    assert found.count == 2
    # the standard error of each is 26 deg / sqrt(120)
    assert apart == pytest.approx(180, abs=8)
    assert found.shares == pytest.approx((0.6, 0.4), abs=0.04)


def test_no_mode_is_called_in_directions_without_preference():
    rng = np.random.default_rng(7)
    counts = [direction_modes(rng.uniform(0, 360, 200)).count for _ in range(20)]
    # the criterion costs 2 log(200) for a mode: chance of exp(-5.3) = .005 each
    assert np.sum(np.array(counts) > 0) <= 1


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda: watson_u2(np.array([np.nan]), np.ones(3)), "finite angles in deg"),
        (lambda: kuiper(np.ones((2, 2)), np.ones(3)), r"directions are \(2, 2\)"),
        (lambda: direction_modes(np.arange(5.0)), "20 or more"),
    ],
)
def test_what_is_no_sample_of_directions_is_refused(call, culprit):
    with pytest.raises(InputError, match=culprit):
        call()
