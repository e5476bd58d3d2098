"""Clusters in time: mass, p, and the chance of a false one."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from scipy.ndimage import uniform_filter1d

from cortexwave.analysis.cluster_permutation import (
    cluster_permutation,
    sign_flip_clusters,
)
from cortexwave.errors import InputError


def test_clusters_are_runs_above_the_threshold_with_their_sums():
    observed = np.array([0, 3, 4, 0, 2, np.nan, 5.0, 5.0])
    found = cluster_permutation(observed, np.zeros((19, 8)), threshold=2.0)
    np.testing.assert_array_equal(found.start, [1, 4, 6])
    np.testing.assert_array_equal(found.stop, [3, 5, 8])
    np.testing.assert_array_equal(found.mass, [7, 2, 10])
    np.testing.assert_allclose(found.p, 1 / 20)


def test_p_counts_the_greatest_mass_of_each_surrogate():
    surrogates = np.zeros((19, 6))
    surrogates[:4, 2] = 5.0  # of 19, four have a mass of 5, one of them of 8 in all
    surrogates[0, 4] = 3.0
    observed = np.array([0, 5.0, 0, 0, 0, 6.0])
    found = cluster_permutation(observed, surrogates, threshold=2.0)
    np.testing.assert_allclose(found.p, [5 / 20, 1 / 20])


def test_a_threshold_may_differ_between_frames():
    found = cluster_permutation(
        np.full(4, 3.0), np.zeros((19, 4)), threshold=np.array([1, 5, 1, 1])
    )
    np.testing.assert_array_equal(found.start, [0, 2])


def test_no_frame_above_the_threshold_is_no_cluster():
    found = cluster_permutation(np.zeros(5), np.zeros((19, 5)), threshold=1.0)
    assert found.p.size == 0


def smooth(draw, *shape):
    noise = draw.standard_normal(shape)
    return 5**0.5 * uniform_filter1d(noise, 5)


def test_noise_has_a_significant_cluster_in_5_percent_of_recordings():
    draw = np.random.default_rng(0)
    rejected = 0
    for _ in range(400):
        found = cluster_permutation(
            smooth(draw, 60), smooth(draw, 39, 60), threshold=1.5
        )
        rejected += int((found.p <= 0.05).any())
    low, high = scipy.stats.binom.interval(0.999, 400, 0.05)
    assert low <= rejected <= high


def test_sign_flips_reject_noise_of_trials_in_5_percent():
    draw = np.random.default_rng(1)
    rejected = 0
    for k in range(200):
        found = sign_flip_clusters(
            smooth(draw, 16, 40), threshold=2.0, count=39, seed=k
        )
        rejected += int((found.p <= 0.05).any())
    low, high = scipy.stats.binom.interval(0.999, 200, 0.05)
    assert low <= rejected <= high


def test_sign_flips_find_effects_of_either_sign_in_order_of_time():
    draw = np.random.default_rng(2)
    trials = 0.3 * draw.standard_normal((20, 100))
    trials[:, 60:75] += 1
    trials[:, 10:30] -= 1
    found = sign_flip_clusters(trials, threshold=5.0, count=99, seed=1)
    np.testing.assert_array_equal(found.start, [10, 60])
    np.testing.assert_array_equal(found.stop, [30, 75])
    assert found.mass[0] < 0 < found.mass[1]
    np.testing.assert_allclose(found.p, 0.01)


def test_misuse_is_named():
    with pytest.raises(InputError, match=r"\(3,\).*\(19, 4\)"):
        cluster_permutation(np.zeros(3), np.zeros((19, 4)), threshold=1.0)
    with pytest.raises(InputError, match="5 surrogates"):
        cluster_permutation(np.zeros(3), np.zeros((5, 3)), threshold=1.0)
    with pytest.raises(InputError, match="above 0"):
        cluster_permutation(np.zeros(3), np.zeros((19, 3)), threshold=-1.0)
    with pytest.raises(InputError, match="6 or more"):
        sign_flip_clusters(np.zeros((3, 9)), threshold=2.0, count=99, seed=0)
