"""Spectra: closed form against numerics, exact zeros, comparison by assignment."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group

from cortexwave.errors import InputError
from cortexwave.learning.hidden_waves.basis import random_basis
from cortexwave.learning.hidden_waves.boundary import LinearBoundary
from cortexwave.learning.hidden_waves.spectrum import (
    companion,
    compare_spectra,
    cycle_eigenvalues,
    eigenvalues,
    polynomial_eigenvalues,
)
from cortexwave.learning.hidden_waves.systems import TASKS, fibonacci, signed_copy


def random_task(draw):
    """A task drawn uniformly from the family of d = s = 8, by its three numbers."""
    id1 = sum(1 << int(bit) for bit in draw.choice(64, 8, replace=False))
    id2 = sum(int(draw.integers(8 - place)) * 8**place for place in range(8))
    return signed_copy(id1, id2, int(draw.integers(256)))


def test_eigenvalues_of_300_random_tasks_equal_the_cycle_formula():
    # Non-zero ones, each with its nearest; zeros are counted, and exact in both:
    # a plain solver smears a defective zero over a disc (see the test below).
    draw = np.random.default_rng(2024)
    worst, counts = 0.0, set()
    for _ in range(300):
        task = random_task(draw)
        closed = cycle_eigenvalues(task)
        found = polynomial_eigenvalues(task.blocks())
        pairs = compare_spectra(closed, found, radius=0.5).pairs
        assert len(closed) == len(found) == 64
        assert np.count_nonzero(closed) == np.count_nonzero(found) == len(pairs)
        distance = np.abs(closed[pairs[:, 0]] - found[pairs[:, 1]])
        worst = max(worst, distance.max())
        counts.add(len(pairs))
    assert worst < 1e-12  # 1e-14 is usual: rounding of 64 x 64 eigenvalues
    assert len(counts) > 10  # tasks of many sizes were among them


@pytest.mark.parametrize(
    "name, power, count",
    [
        ("T1", 8, 64),
        ("T2", 840, 36),  # the L-th roots of 1, L = 1 to 8, whose lcm is 840
        ("T3", 48, 36),  # lambda^24 = lambda^6 = lambda^3 = -1
        ("T4", 70, 36),  # lambda^35 = 1, and -1
    ],
)
def test_the_large_eigenvalues_of_the_tasks_are_roots_of_unity(name, power, count):
    found = polynomial_eigenvalues(TASKS[name].blocks())
    large = found[found != 0]
    assert len(large) == count
    # the power multiplies an error of 1e-15 by up to 840
    assert np.abs(large**power - 1).max() < 1e-11


def test_t1_has_each_eighth_root_of_one_eight_times():
    expected = np.sort(np.repeat(np.arange(8), 8))
    turns = np.angle(cycle_eigenvalues(TASKS["T1"])) * 8 / (2 * np.pi)
    assert np.sort(np.round(turns).astype(int) % 8).tolist() == expected.tolist()
    assert np.abs(turns - np.round(turns)).max() < 1e-14


def test_sites_that_are_never_read_add_zeros_and_no_work():
    # lambda^1000 = 4 lambda^998: +-2, and 998 zeros, at once
    blocks = np.zeros((1000, 1, 1))
    blocks[998] = 4.0
    found = polynomial_eigenvalues(blocks)
    assert found[:2] == pytest.approx([2, -2], abs=1e-14)
    assert len(found) == 1000 and not found[2:].any()
    assert not polynomial_eigenvalues(np.zeros((3, 2, 2))).any()


def test_fibonacci_grows_by_the_golden_ratio():
    found = polynomial_eigenvalues(fibonacci(1, 2).linear)
    golden = (1 + np.sqrt(5)) / 2
    assert found == pytest.approx([golden, 1 - golden], abs=1e-15)


def test_eigenvalues_of_general_blocks_are_roots_of_the_matrix_polynomial():
    # det(lambda^s I - sum_i lambda^i B_i) = 0: its smallest singular value is 0
    blocks = np.random.default_rng(4).standard_normal((5, 3, 3))
    for root in polynomial_eigenvalues(blocks):
        powers = root ** np.arange(5)
        polynomial = root**5 * np.eye(3) - np.tensordot(powers, blocks, 1)
        scale = max(1.0, abs(root)) ** 5
        smallest = np.linalg.svd(polynomial, compute_uv=False)[-1]
        assert smallest / scale < 1e-12  # backward error of a 15 x 15 problem


def test_every_mode_is_a_travelling_wave():
    # the eigenvector is [w; lambda w; lambda^2 w; ...]
    phi = companion(np.random.default_rng(6).standard_normal((4, 2, 2)))
    values, vectors = np.linalg.eig(phi)
    columns = vectors.reshape(4, 2, 8)  # (site, dim, mode)
    assert np.abs(columns[1:] - values * columns[:-1]).max() < 1e-13


def test_zeros_that_a_plain_solver_smears_are_exact():
    # a pure store in a rotated basis: one nilpotent block of 8 steps
    turn = ortho_group.rvs(8, random_state=1)
    store = turn @ np.eye(8, k=1) @ turn.T
    assert np.abs(np.linalg.eigvals(store)).max() > 1e-3  # eps^(1/8) is 0.01
    assert np.array_equal(eigenvalues(store), np.zeros(8))


def test_eigenvalues_do_not_depend_on_the_basis():
    network = random_basis(80, sites=8, dims=8, seed=3).network(
        LinearBoundary(TASKS["T3"].blocks())
    )
    found = eigenvalues(network.W_hh)
    comparison = compare_spectra(cycle_eigenvalues(TASKS["T3"]), found)
    assert comparison.counts == (36, 36) and comparison.complete
    # condition of this basis times rounding
    assert comparison.angle_error < 1e-11 and comparison.modulus_error < 1e-11


def test_angles_are_compared_on_the_circle():
    one = np.exp(1j * np.array([np.pi - 0.01, 0.5]))
    other = 1.1 * np.exp(1j * np.array([0.53, -np.pi + 0.02]))
    comparison = compare_spectra(one, other)
    assert comparison.angle_error == pytest.approx(0.03, abs=1e-12)
    assert comparison.modulus_error == pytest.approx(0.1, abs=1e-12)
    assert comparison.pairs.tolist() == [[0, 1], [1, 0]]


def test_the_pairing_is_the_best_one_where_greedy_is_not():
    # greedy takes 0 -> 0.4, and leaves 1.0 to -0.9: (0.4 + 1.9) / 2 = 1.15
    one, other = np.exp(1j * np.array([0.0, 1.0])), np.exp(1j * np.array([0.4, -0.9]))
    comparison = compare_spectra(one, other)
    assert comparison.angle_error == pytest.approx((0.9 + 0.6) / 2, abs=1e-12)


def test_equal_angles_are_paired_by_modulus():
    comparison = compare_spectra(
        np.array([1.0, 2.0, 3.0]), np.array([3.1, 1.1, 2.1]), radius=0.9
    )
    assert comparison.modulus_error == pytest.approx(0.1, abs=1e-12)
    assert comparison.angle_error == 0


def test_counts_that_differ_are_said_and_the_rest_is_compared():
    one = np.array([1.0, 1j, -1.0, 0.2])
    comparison = compare_spectra(one, np.array([1.0, -1j, 1.05j, 0.95, -1.0, 0.89]))
    assert comparison.counts == (3, 5) and not comparison.complete
    assert len(comparison.pairs) == 3 and comparison.angle_error < 1e-12


def test_without_large_eigenvalues_there_is_no_error_to_tell():
    comparison = compare_spectra(np.array([0.1]), np.array([1.0]))
    assert comparison.counts == (0, 1) and len(comparison.pairs) == 0
    assert np.isnan(comparison.angle_error) and np.isnan(comparison.modulus_error)


@pytest.mark.parametrize(
    "matrix, message",
    [
        (np.zeros((2, 3)), r"the matrix is \(2, 3\), not square"),
        (np.full((2, 2), np.nan), "not finite"),
    ],
)
def test_what_has_no_eigenvalues_is_refused(matrix, message):
    with pytest.raises(InputError, match=message):
        eigenvalues(matrix)


@pytest.mark.parametrize(
    "one, radius, message",
    [
        (np.zeros((2, 2)), 0.9, "the first spectrum is not a list"),
        (np.array([np.nan]), 0.9, "the first spectrum is not a list"),
        (np.array([1.0]), -0.1, "the radius is -0.1"),
        (np.array([1.0]), np.nan, "the radius is nan"),
    ],
)
def test_what_cannot_be_compared_is_refused(one, radius, message):
    with pytest.raises(InputError, match=message):
        compare_spectra(one, np.array([1.0]), radius=radius)
