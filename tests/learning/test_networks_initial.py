"""Initial weights by name against what the names mean in mathematics."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from cortexwave.learning import initial_documents as named
from cortexwave.learning.initial import (
    dense_matrix,
    input_map,
    relabelled,
    ring_shift,
    shift_kernel,
    stream,
    tied_kernel,
)

N = 12
EXACT = 1e-12  # sums of some dozen products of order 1


def test_a_shift_is_the_identity_rolled_by_one_along_its_columns():
    # Sigma-init of the authors' code
    assert_array_equal(ring_shift(5, 1.0), np.roll(np.eye(5), 1, axis=1))


def test_a_shift_kernel_has_its_weight_to_the_right_and_none_across_channels():
    # cross-correlation: what is heard from the right travels left; section 1.1
    kernel = shift_kernel([(0.0, 1.0), (0.0, 0.25), (0.0, -0.25)], (1, 3))
    assert_array_equal(kernel[0, 0, 0], [0, 0, 1])
    assert_array_equal(kernel[1, 1, 0], [0, 0.75, 0.25])
    assert_array_equal(kernel[2, 2, 0], [0.25, 0.75, 0])
    assert np.count_nonzero(kernel) == 5


def test_a_sheets_shift_is_the_product_of_both_axes():
    kernel = shift_kernel([(0.5, 1.0)], (3, 3))[0, 0]
    assert_array_equal(kernel, [[0, 0, 0], [0, 0, 0.5], [0, 0, 0.5]])


def test_a_wider_kernel_keeps_the_shift_beside_its_centre():
    assert_array_equal(shift_kernel([(0.0, 1.0)], (1, 5))[0, 0, 0], [0, 0, 0, 1, 0])


def test_an_identity_kernel_has_a_one_at_the_centre_of_the_diagonal():
    kernel = tied_kernel(named.Identity(), 2, (1, 3), stream(0, "u"))
    expected = np.zeros((2, 2, 1, 3))
    expected[[0, 1], [0, 1], 0, 1] = 1
    assert_array_equal(kernel, expected)


def test_a_random_kernel_fills_torchs_default_range():
    kernel = tied_kernel(named.Random(), 16, (1, 3), stream(0, "u"))
    bound = 1 / np.sqrt(16 * 3)
    assert abs(kernel).max() <= bound
    # 768 draws: the mean of the squares is within 5 standard errors (2.2 %) of b^2/3
    assert np.mean(kernel**2) == pytest.approx(bound**2 / 3, rel=0.17)


def test_a_random_cycle_passes_every_unit_before_it_closes():
    matrix = dense_matrix(named.RandomCycle(), N, 0)
    unit, seen = 0, []
    for _ in range(N):
        seen.append(unit)
        unit = int(np.flatnonzero(matrix[:, unit])[0])
    assert sorted(seen) == list(range(N))
    assert unit == 0
    assert_array_equal(matrix.sum(axis=0), 1)
    assert_array_equal(matrix.sum(axis=1), 1)


def test_a_relabelled_shift_has_the_roots_of_unity_as_eigenvalues():
    matrix = dense_matrix(named.RelabelledShift(), N, 0)
    characteristic = np.zeros(N + 1)
    characteristic[[0, -1]] = 1, -1  # z^n - 1
    assert_allclose(np.poly(matrix), characteristic, atol=EXACT)
    assert not np.array_equal(matrix, ring_shift(N, 1.0))


def test_relabelling_is_conjugation_by_a_permutation():
    draw = np.random.default_rng(0)
    labels, matrix = draw.permutation(N), draw.normal(size=(N, N))
    permutation = np.eye(N)[labels].T  # column i has its 1 in row labels[i]
    expected = permutation @ matrix @ permutation.T
    assert_allclose(relabelled(matrix, labels), expected, atol=EXACT)


def test_an_orthogonal_start_keeps_lengths():
    matrix = dense_matrix(named.Orthogonal(scale=1.5), N, 0)
    assert_allclose(matrix @ matrix.T, 1.5**2 * np.eye(N), atol=EXACT)


def test_orthogonal_starts_have_no_preferred_sign():
    # Haar: E q_11 = 0 and Var q_11 = 1/n; QR alone gives a negative diagonal
    corner = [dense_matrix(named.Orthogonal(), 4, seed)[0, 0] for seed in range(400)]
    assert abs(np.mean(corner)) < 5 * 0.5 / np.sqrt(400)
    assert np.mean(np.square(corner)) == pytest.approx(1 / 4, rel=0.25)


def test_a_chain_is_nilpotent_and_not_normal():
    matrix = dense_matrix(named.Chain(scale=1.02), N, 0)
    last = np.linalg.matrix_power(matrix, N - 1)
    assert last[N - 1, 0] == pytest.approx(1.02 ** (N - 1), rel=EXACT)
    assert not np.linalg.matrix_power(matrix, N).any()
    assert not np.allclose(matrix @ matrix.T, matrix.T @ matrix)


def test_a_chain_with_feedback_has_the_spectrum_of_a_tridiagonal_toeplitz_matrix():
    matrix = dense_matrix(named.Chain(scale=0.99, feedback=0.04), N, 0)
    expected = 2 * np.sqrt(0.99 * 0.04) * np.cos(np.pi * np.arange(1, N + 1) / (N + 1))
    # the condition of its eigenvectors, (0.99 / 0.04)^(n/2) ~ 2e8, times 1e-16
    found = np.sort(np.linalg.eigvals(matrix).real)
    assert_allclose(found, np.sort(expected), atol=1e-6)


def test_an_identity_start_is_scaled():
    assert_array_equal(
        dense_matrix(named.IdentityMatrix(scale=0.5), 3, 0), np.eye(3) / 2
    )


def map_of(named_map, inputs=10, field=(6, 1, 100), seed=0):
    return input_map(named_map, inputs, field, stream(seed, "input"))


def test_a_single_site_hears_every_input_in_every_channel():
    weights = map_of(named.SingleSite())
    expected = np.zeros((10, 6, 1, 100))
    expected[:, :, 0, 0] = 1
    assert_array_equal(weights, expected)


def test_a_single_site_is_counted_along_x_first():
    weights = map_of(named.SingleSite(site=7), 1, (1, 3, 5))
    assert_array_equal(np.argwhere(weights[0, 0]), [[1, 2]])


def test_each_symbol_has_a_unit_of_its_own():
    weights = map_of(named.SingleSitePerSymbol())
    assert_array_equal(np.tensordot(weights, weights, ((1, 2, 3),) * 2), np.eye(10))
    # 2 of 10 symbols share a channel of 100 sites: half the ring apart
    channel, _, site = np.nonzero(weights)[1:]
    assert_array_equal(channel, [0, 1, 2, 3, 4, 5, 0, 1, 2, 3])
    assert_array_equal(site, [0] * 6 + [50] * 4)


def test_symbols_enter_at_site_0_where_each_has_a_channel():
    weights = map_of(named.SingleSitePerSymbol(), 4)
    assert_array_equal(np.argwhere(weights), [[d, d, 0, 0] for d in range(4)])


def test_as_many_symbols_as_units_make_the_identity():
    weights = map_of(named.SingleSitePerSymbol(), 9, (1, 1, 9))
    assert_array_equal(weights.reshape(9, 9), np.eye(9))


def test_a_sparse_random_map_has_ones_in_that_many_units():
    weights = map_of(named.SparseRandom(active=5)).reshape(10, -1)
    assert_array_equal(np.sort(weights, axis=1)[:, -5:], np.ones((10, 5)))
    assert_array_equal(weights.sum(axis=1), np.full(10, 5))
    assert len({tuple(np.flatnonzero(row)) for row in weights}) == 10


def test_a_sparse_random_map_is_as_sparse_as_the_single_site():
    assert_array_equal(map_of(named.SparseRandom()).sum(axis=(1, 2, 3)), np.full(10, 6))


def test_a_normal_map_has_its_deviation():
    weights = map_of(named.NormalInput(std=0.001))
    # 6000 draws: 5 standard errors of a deviation are 5 / sqrt(12000) = 4.6 %
    assert weights.std() == pytest.approx(0.001, rel=0.046)


def test_a_uniform_map_fills_torchs_default_range():
    weights = map_of(named.UniformInput())
    assert abs(weights).max() <= 1 / np.sqrt(10)
    assert abs(weights).max() == pytest.approx(1 / np.sqrt(10), rel=0.01)
