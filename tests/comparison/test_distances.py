"""Distances against closed forms and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from cortexwave.comparison.distances import (
    curve_distance,
    energy_distance,
    jensen_shannon,
    robust_widths,
    wasserstein,
)
from cortexwave.errors import InputError

NORMAL = stats.norm.ppf((np.arange(4000) + 0.5) / 4000)


def test_wasserstein_of_a_shift_is_the_shift():
    assert wasserstein(NORMAL, NORMAL + 0.7) == pytest.approx(0.7, rel=1e-12)


def test_wasserstein_of_normals_of_two_widths_is_their_difference_in_mean_deviation():
    # E|q| (2 - 1) = sqrt(2 / pi); 4000 quantiles leave the tails out, 2e-4 of it
    assert wasserstein(NORMAL, 2 * NORMAL) == pytest.approx(
        np.sqrt(2 / np.pi), rel=1e-3
    )


def test_wasserstein_has_the_unit_of_its_values():
    speed = np.random.default_rng(1).lognormal(5, 0.5, 200)
    other = np.random.default_rng(2).lognormal(5.3, 0.5, 150)
    assert wasserstein(1e-3 * speed, 1e-3 * other) == pytest.approx(
        1e-3 * wasserstein(speed, other)
    )


def test_energy_distance_of_one_measure_is_that_of_scipy():
    rng = np.random.default_rng(3)
    a, b = rng.normal(0, 1, 700), rng.normal(0.4, 2, 500)
    ours = energy_distance(a, b, widths=np.ones(1))
    assert ours == pytest.approx(stats.energy_distance(a, b), rel=1e-9)


def test_energy_distance_sees_a_correlation_that_no_measure_shows_alone():
    rng = np.random.default_rng(4)
    a = rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 2000)
    b = rng.multivariate_normal([0, 0], [[1, -0.9], [-0.9, 1]], 2000)
    c = rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 2000)
    assert energy_distance(a, b) > 5 * energy_distance(a, c)


def test_energy_distance_does_not_depend_on_units():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(300, 3)), rng.normal(0.5, 1, (200, 3))
    units = np.array([1e3, 1.0, 1e-3])
    assert energy_distance(a * units, b * units) == pytest.approx(energy_distance(a, b))


def test_a_measure_that_never_changes_adds_no_distance():
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=(50, 1)), rng.normal(1, 1, (50, 1))
    flat = np.full((50, 1), 3.0)
    assert energy_distance(np.hstack([a, flat]), np.hstack([b, flat])) == (
        pytest.approx(energy_distance(a, b))
    )


def test_widths_of_a_normal_sample_are_its_standard_deviations():
    sample = np.stack([2 * NORMAL, 0.1 * NORMAL], axis=1)
    assert robust_widths(sample) == pytest.approx([2.0, 0.1], rel=1e-3)


def test_curves_that_cross_are_apart_by_the_area_between_them():
    # |x| over -1..1 has mean 1/2, and only two points are given
    x = np.array([-1.0, 1.0])
    assert curve_distance(x, np.zeros(2), x) == pytest.approx(0.5)


def test_curve_distance_of_parallel_curves_is_their_gap_on_uneven_steps():
    x = np.array([0.0, 0.1, 1.0, 7.0])
    curve = np.array([1.0, 5.0, -2.0, 0.0])
    assert curve_distance(curve, curve - 0.25, x) == pytest.approx(0.25)


def test_curve_distance_is_of_the_steps_where_both_are_known():
    x = np.arange(5.0)
    a = np.array([0, 0, 0, np.nan, 9.0])
    assert curve_distance(a, np.ones(5), x) == pytest.approx(1.0)


def test_jensen_shannon_is_the_square_of_scipys_distance():
    rng = np.random.default_rng(7)
    p, q = rng.random(12), rng.random(12)
    assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q, base=2) ** 2)


def test_classes_in_common_are_no_distance_and_none_in_common_are_one_bit():
    assert jensen_shannon(np.array([3, 1, 0]), np.array([6, 2, 0])) == 0
    assert jensen_shannon(np.array([3, 0]), np.array([0, 5])) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (
            lambda: wasserstein(np.array([1, np.nan]), np.ones(3)),
            "1 values of a sample",
        ),
        (lambda: wasserstein(np.array([]), np.ones(3)), "not empty"),
        (lambda: energy_distance(np.ones((3, 2)), np.ones((3, 1))), "2 and 1 measures"),
        (lambda: energy_distance(np.ones(3), np.ones(3), widths=np.zeros(1)), "widths"),
        (lambda: curve_distance(np.ones(3), np.ones(2), np.arange(3)), "curves are"),
        (lambda: curve_distance(np.ones(3), np.ones(3), np.zeros(3)), "rise"),
        (
            lambda: curve_distance(np.full(3, np.nan), np.ones(3), np.arange(3)),
            "nowhere",
        ),
        (lambda: jensen_shannon(np.ones(2), np.ones(3)), "same classes"),
        (lambda: jensen_shannon(np.zeros(2), np.ones(2)), "sum above 0"),
    ],
)
def test_what_has_no_distance_is_refused_by_name(call, culprit):
    with pytest.raises(InputError, match=culprit):
        call()
