"""Lateral sums by all three ways, against SciPy's correlation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from cortexwave.backends._brian2_frames import Term
from cortexwave.backends._brian2_kernels import equal_couplings, factors_of, pairs
from cortexwave.backends._brian2_lateral import LateralSums
from cortexwave.backends.problem import Lateral
from cortexwave.sheet.kernels import (
    AnisotropicGaussian,
    DifferenceOfGaussians,
    Exponential,
    Gaussian,
    Laplacian,
    Taps,
    tap_table,
)
from cortexwave.sheet.lattice import Lattice

# SciPy's names for what lies beyond the edge
MODES = {"periodic": "wrap", "open": "constant", "reflecting": "reflect"}
SHAPE = (13, 19)
GAUSSIAN = Gaussian(sigma=0.2, radius=0.5, normalise="sum")


def _taps(weights):
    """Taps of a table with odd sides."""
    ky, kx = weights.shape
    y, x = np.mgrid[:ky, :kx]
    offsets = np.stack([y.ravel() - ky // 2, x.ravel() - kx // 2], axis=1)
    return Taps(offsets, weights.ravel(), np.zeros(ky * kx, np.int64))


@pytest.mark.parametrize("spectral_from", [0, 10**9], ids=["spectral", "taps"])
@pytest.mark.parametrize("rank", [1, 2, 7], ids=["rank 1", "rank 2", "full rank"])
@pytest.mark.parametrize("side", MODES)
def test_a_coupling_is_the_cross_correlation_of_its_source(side, rank, spectral_from):
    draw = np.random.default_rng(0)
    weights = draw.normal(size=(7, rank)) @ draw.normal(size=(rank, 9))
    field, out = draw.random(SHAPE), np.empty(SHAPE[0] * SHAPE[1])
    lattice = Lattice(SHAPE, 0.1, (side, side))
    term = Term(field.ravel().copy(), None, _taps(weights), None, out)
    sums = LateralSums(lattice, [term], [], spectral_from=spectral_from)
    sums.couple(0)
    expected = ndimage.correlate(field, weights, mode=MODES[side], cval=0.0)
    assert (sums.sums[0].spectrum is not None) == (spectral_from == 0)
    # sums of 63 products, rounded in another order
    assert np.abs(out.reshape(SHAPE) - expected).max() < 1e-13


@pytest.mark.parametrize("spectral_from", [0, 10**9], ids=["spectral", "taps"])
@pytest.mark.parametrize("side", MODES)
def test_features_that_mix_are_sums_of_cross_correlations(side, spectral_from):
    draw = np.random.default_rng(4)
    weights, field = draw.normal(size=(3, 3, 5, 7)), draw.random((3, *SHAPE))
    table = _taps(weights[0, 0])
    mixed = np.moveaxis(weights.reshape(3, 3, -1), -1, 0)  # (tap, out, in)
    taps, out = Taps(table.offsets, mixed, table.delays), np.empty(field.size)
    term = Term(field.ravel().copy(), None, taps, None, out)
    lattice = Lattice(SHAPE, 0.1, (side, side), features=3)
    sums = LateralSums(lattice, [term], [], spectral_from=spectral_from)
    sums.couple(0)
    expected = sum(
        np.stack([ndimage.correlate(field[i], weights[o, i], mode=MODES[side])
                  for o in range(3)])
        for i in range(3)
    )  # fmt: skip
    assert (sums.sums[0].spectrum is not None) == (spectral_from == 0)
    assert np.abs(out.reshape(field.shape) - expected).max() < 1e-13


def test_a_gaussian_is_one_product_and_a_laplacian_stays_five_taps():
    lattice = Lattice((20, 20), 0.1)
    factors = factors_of(tap_table(GAUSSIAN, lattice, dt=1e-3))
    assert [part.shape for part in factors] == [(1, 11), (1, 11)]
    assert factors_of(tap_table(Laplacian(), lattice, dt=1e-3)) is None


@pytest.mark.parametrize(
    "kernel, rank",
    [
        (GAUSSIAN, 1),
        (DifferenceOfGaussians(
            sigma_centre=0.1, sigma_surround=0.3, radius=0.6, normalise="sum"), 2),
        (AnisotropicGaussian(sigma_along=0.3, sigma_across=0.1, angle=0.0, radius=0.6,
                             normalise="sum"), 1),
    ],
)  # fmt: skip
def test_factors_of_a_kernel_are_exact_to_rounding(kernel, rank):
    taps = tap_table(kernel, Lattice((20, 20), 0.1), dt=1e-3)
    columns, rows = factors_of(taps)
    side = rows.shape[1]
    table = np.zeros((side, side))
    table[tuple((taps.offsets + side // 2).T)] = taps.weights
    assert len(columns) == rank
    assert np.abs(columns.T @ rows - table).max() <= 1e-15 * np.abs(table).max()


def test_a_tilted_kernel_that_would_take_many_products_is_left_alone():
    kernel = AnisotropicGaussian(
        sigma_along=0.3, sigma_across=0.08, angle=0.7, radius=0.5, normalise="sum"
    )
    assert factors_of(tap_table(kernel, Lattice((20, 20), 0.1), dt=1e-3)) is None


def test_large_kernels_are_transformed_and_small_ones_are_not():
    lattice = Lattice((64, 64), 0.1)
    values, out = np.zeros(4096), np.zeros(4096)
    large = Exponential(length=0.6, radius=3.0, normalise="density")
    chosen = []
    for kernel in (GAUSSIAN, large):
        taps = tap_table(kernel, lattice, dt=1e-3)
        term = Term(values, None, taps, None, out)
        sums = LateralSums(lattice, [term], [], spectral_from=500)
        chosen.append(len(sums.spectral))
    assert chosen == [0, 1]


def test_couplings_are_equal_only_with_the_same_source_taps_and_gains():
    lattice = Lattice((12, 12), 0.1)
    taps = tap_table(GAUSSIAN, lattice, dt=1e-3)
    wider = tap_table(
        Gaussian(sigma=0.3, radius=0.5, normalise="sum"), lattice, dt=1e-3
    )
    gain = np.full((1, 12, 12), 0.5)
    couplings = (
        Lateral("a", "E", taps), Lateral("b", "I", taps), Lateral("c", "E", taps),
        Lateral("d", "E", wider), Lateral("e", "E", taps, gain),
        Lateral("f", "E", taps, gain.copy()), Lateral("g", "E", taps, None, gain),
    )  # fmt: skip
    assert equal_couplings(couplings) == {"c": "a", "f": "e"}


@pytest.mark.parametrize("side", MODES)
def test_pairs_of_sites_are_the_matrix_of_the_correlation(side):
    draw = np.random.default_rng(1)
    weights, field = draw.normal(size=(5, 7)), draw.random(SHAPE)
    lateral = Lateral("a", "E", _taps(weights))
    before, after, weight = pairs(lateral, Lattice(SHAPE, 0.1, (side, side)))
    total = np.bincount(after, weight * field.ravel()[before], field.size)
    expected = ndimage.correlate(field, weights, mode=MODES[side], cval=0.0)
    assert np.abs(total.reshape(SHAPE) - expected).max() < 1e-13


def test_a_long_ring_is_set_up_without_a_table_of_all_pairs():
    n = 200_000  # a table of all pairs would be 300 GB
    taps = Taps(np.array([[0, -1]]), np.ones(1), np.zeros(1, np.int64))
    values, out = np.arange(float(n)), np.zeros(n)
    sums = LateralSums(
        Lattice((1, n), 0.1), [Term(values, None, taps, None, out)], [],
        spectral_from=500,
    )  # fmt: skip
    sums.couple(0)
    assert np.array_equal(out, np.roll(values, 1))
