"""Adjusted p values, equivalence, and sizes of effects, against published numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cortexwave.comparison.effect_sizes import cliffs_delta, rate_ratio
from cortexwave.comparison.equivalence import between_subject_sd, within_margin
from cortexwave.comparison.intervals import Interval
from cortexwave.comparison.multiplicity import adjusted, benjamini_hochberg, holm
from cortexwave.comparison.samples import sample
from cortexwave.errors import InputError


def test_holm_is_that_of_a_published_example():
    # R's p.adjust as quoted in the documentation of stdlib.io padjust
    p = np.array([0.319, 0.201, 0.4, 0.374, 0.113])
    assert holm(p) == pytest.approx([0.957, 0.804, 0.957, 0.957, 0.565])


def test_holm_steps_down_by_hand():
    # 4 x .01, then 3 x .02 and so on, never below the one before, never above 1
    p = np.array([0.02, 0.01, 0.5, 0.04])
    assert holm(p) == pytest.approx([0.06, 0.04, 0.5, 0.08])


@pytest.mark.parametrize("seed", range(5))
def test_benjamini_hochberg_is_that_of_scipy(seed):
    p = np.random.default_rng(seed).random(17) ** 3
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))


@pytest.mark.parametrize("correct", [holm, benjamini_hochberg])
def test_what_is_undetermined_is_not_counted(correct):
    p = np.array([0.03, np.nan, 0.2, np.nan])
    found = correct(p)
    assert np.isnan(found[[1, 3]]).all()
    assert found[[0, 2]] == pytest.approx(correct(p[[0, 2]]))


def test_primaries_pay_for_primaries_alone():
    p = {"wavelength": 0.02, "speed": 0.001, "kinds": 0.03, "rate": 0.9}
    found = adjusted(p, primaries=["wavelength", "kinds"])
    assert list(found) == list(p)
    assert found["wavelength"].adjusted == pytest.approx(0.04)  # Holm of two
    assert found["speed"].adjusted == pytest.approx(0.002)  # one of two explored
    assert [each.primary for each in found.values()] == [True, False, True, False]


def test_holm_keeps_the_chance_of_any_false_finding():
    p = np.random.default_rng(1).random((2000, 6))
    wrong = np.mean([(holm(each) <= 0.05).any() for each in p])
    # .05 of 2000: standard error .005
    assert wrong == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [
        (-0.5, 0.8, "equivalent"),
        (-1.0, 1.0, "equivalent"),
        (1.1, 2.0, "different"),
        (-3.0, -1.2, "different"),
        (-0.2, 1.1, "undetermined"),
        (-9.0, 9.0, "undetermined"),
    ],
)
def test_equivalence_is_the_whole_interval_within_the_margin(low, high, answer):
    found = within_margin(Interval((low + high) / 2, low, high), 1.0)
    assert found.answer == answer
    assert bool(found.reason) == (answer == "undetermined")


def test_the_pair_of_one_sided_tests_agrees_with_the_90_percent_interval():
    # Schuirmann: both t tests against the margin reject at .05 where the 90 %
    # interval lies inside
    rng = np.random.default_rng(2)
    for margin in (0.2, 0.3, 0.5, 0.8):
        x = rng.normal(0.1, 1, 40)
        ends = stats.ttest_1samp(x, 0).confidence_interval(0.90)
        both = max(stats.ttest_1samp(x, -margin, alternative="greater").pvalue,
                   stats.ttest_1samp(x, margin, alternative="less").pvalue)  # fmt: skip
        found = within_margin(Interval(x.mean(), ends.low, ends.high, 0.90), margin)
        assert (found.answer == "equivalent") == (both <= 0.05)


def test_a_difference_that_was_not_seen_is_not_equivalence():
    # few data: a t test has p > .05, and the interval is wider than the margin
    x = np.random.default_rng(3).normal(0.5, 2, 6)
    test = stats.ttest_1samp(x, 0)
    ends = test.confidence_interval(0.95)
    assert test.pvalue > 0.05
    assert within_margin(Interval(x.mean(), *ends), 0.5).answer == "undetermined"


def test_without_interval_or_margin_nothing_is_equivalent():
    gone = Interval(0.1, np.nan, np.nan, reason="one session")
    assert within_margin(gone, 1.0).reason == "one session"
    assert "no margin" in within_margin(Interval(0, -1, 1), np.nan).reason


def test_the_margin_is_the_spread_of_animals():
    values = np.concatenate([[10, 11, 12], [20, 21, 22, 90], [33.0] * 3])
    names = ["a"] * 3 + ["b"] * 4 + ["c"] * 3
    lab = sample(values, subject=names, session="x")
    assert between_subject_sd(lab) == pytest.approx(np.std([11, 21.5, 33], ddof=1))
    assert np.isnan(between_subject_sd(lab.chosen(lab.subject < "c")))


@pytest.mark.parametrize("seed", range(3))
def test_cliffs_delta_is_mann_whitneys_u(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 9, 30), rng.integers(2, 12, 40)  # with ties
    u = stats.mannwhitneyu(a, b).statistic
    assert cliffs_delta(a, b) == pytest.approx(2 * u / (30 * 40) - 1)


def test_cliffs_delta_of_samples_apart_is_one():
    assert cliffs_delta(np.array([5, 6]), np.array([1, 2])) == 1
    assert cliffs_delta(np.array([1, 2]), np.array([5, 6])) == -1


def test_a_rate_ratio_of_even_sessions_is_that_of_poisson_counts():
    # counts that vary less than Poisson's: log ratio +/- t(6) sqrt(1/A + 1/B)
    found = rate_ratio(
        np.full(4, 40), np.full(4, 100.0), np.full(4, 20), np.full(4, 50)
    )
    reach = stats.t.ppf(0.975, 6) * np.sqrt(1 / 160 + 1 / 80)
    assert found.estimate == pytest.approx(1.0)
    assert (found.low, found.high) == pytest.approx((np.exp(-reach), np.exp(reach)))


def test_sessions_that_vary_widen_the_interval_of_a_rate_ratio():
    even = rate_ratio(np.full(4, 40), np.ones(4), np.full(4, 40), np.ones(4))
    uneven = rate_ratio(
        np.array([5, 90, 20, 45]), np.ones(4), np.full(4, 40), np.ones(4)
    )
    assert uneven.estimate == even.estimate
    # Pearson's statistic over its freedom, (35^2 + 50^2 + 20^2 + 5^2) / 40 / 6
    assert np.log(uneven.high) / np.log(even.high) == pytest.approx(
        np.sqrt(4150 / 40 / 6)
    )


def test_the_interval_of_a_rate_ratio_holds_the_truth():
    rng = np.random.default_rng(4)
    held = []
    for _ in range(400):
        rates = rng.gamma(4, 10, (2, 6))  # sessions differ, twice the mean as variance
        counts = rng.poisson(rates * np.array([[2.0], [1.0]]))
        found = rate_ratio(counts[0], np.ones(6), counts[1], np.ones(6))
        held.append(found.low < 2 < found.high)
    # a common factor is not quite what gamma rates give; 400 know it to .011
    assert 0.9 < np.mean(held) < 0.99


def test_one_session_on_each_side_gives_a_ratio_and_no_interval():
    found = rate_ratio(
        np.array([30]), np.array([10.0]), np.array([10]), np.array([10.0])
    )
    assert found.estimate == pytest.approx(3.0)
    assert not found.known
    assert "one session on each side" in found.reason


def test_no_events_give_no_ratio():
    one = np.array([1.0, 1.0])
    assert "second side" in rate_ratio(np.array([3, 3]), one, np.zeros(2), one).reason
    assert rate_ratio(np.zeros(2), one, np.array([3, 3]), one).estimate == 0


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda: holm(np.array([0.1, 1.2])), "0 to 1, or NaN"),
        (lambda: adjusted({"speed": 0.1}, primaries=["rate"]), "primary rate has no p"),
        (lambda: cliffs_delta(np.array([]), np.ones(2)), "samples are"),
        (lambda: cliffs_delta(np.array([np.nan]), np.ones(2)), "not finite"),
        (lambda: rate_ratio(np.array([1.5]), np.ones(1), np.ones(1), np.ones(1)),
         "whole numbers"),
        (lambda: rate_ratio(np.ones(2), np.ones(1), np.ones(1), np.ones(1)),
         "one of each is due per session"),
        (lambda: between_subject_sd(sample(np.ones((3, 2)), subject="a", session="x")),
         "one measure"),
    ],
)  # fmt: skip
def test_what_cannot_be_tested_is_refused(call, culprit):
    with pytest.raises(InputError, match=culprit):
        call()
