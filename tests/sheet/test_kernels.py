"""Kernels against their formulas, and what cannot be meant."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import correlate

from cortexwave.backends.problem import Lateral
from cortexwave.backends.reference import lateral_sum
from cortexwave.errors import InputError
from cortexwave.sheet.kernels import (
    AnisotropicGaussian,
    Box,
    DifferenceOfGaussians,
    Exponential,
    Gaussian,
    Laplacian,
    Shift,
    Stored,
    tap_table,
)
from cortexwave.sheet.lattice import Lattice

RING, SHEET = Lattice((1, 41), 0.1), Lattice((41, 41), 0.1)
EXACT = 1e-13  # sums of some hundred weights
RADIUS = 1.5


def taps_of(kernel, lattice):
    taps = tap_table(kernel, lattice, dt=1e-3)
    y, x = (taps.offsets * lattice.spacing).T
    return y, x, taps.weights


def gaussian(y, x, s):
    return np.exp(-(y**2 + x**2) / (2 * s**2))


PROFILES = {
    "gaussian": (Gaussian, {"sigma": 0.3}, lambda y, x: gaussian(y, x, 0.3)),
    "exponential": (
        Exponential, {"length": 0.2}, lambda y, x: np.exp(-np.sqrt(y**2 + x**2) / 0.2),
    ),
    "box": (Box, {}, lambda y, x: np.ones_like(x)),
    "ring": (Box, {"centre": False}, lambda y, x: ((y != 0) | (x != 0)).astype(float)),
}  # fmt: skip


@pytest.mark.parametrize("lattice", [RING, SHEET], ids=["ring", "sheet"])
@pytest.mark.parametrize("name", PROFILES)
def test_weights_follow_the_profile_and_add_up_to_the_strength(name, lattice):
    kind, sizes, profile = PROFILES[name]
    made = kind(**sizes, radius=RADIUS, normalise="sum", strength=2.5)
    y, x, weights = taps_of(made, lattice)
    expected = profile(y, x)
    assert weights == pytest.approx(2.5 * expected / expected.sum(), rel=1e-12)
    assert weights.sum() == pytest.approx(2.5, rel=EXACT)


@pytest.mark.parametrize("lattice", [RING, SHEET], ids=["ring", "sheet"])
@pytest.mark.parametrize("name", ["gaussian", "exponential"])
def test_peak_leaves_the_centre_at_the_strength(name, lattice):
    kind, sizes, profile = PROFILES[name]
    made = kind(**sizes, radius=RADIUS, normalise="peak", strength=-3.0)
    y, x, weights = taps_of(made, lattice)
    assert weights == pytest.approx(-3.0 * profile(y, x), rel=1e-12)


@pytest.mark.parametrize(
    "kernel, lattice, integral",
    [
        # (1 / (2 L)) exp(-|x|/L) and its plane counterpart have integral 1
        (Gaussian(sigma=0.3, radius=2.0, normalise="density"), RING, 1.0),
        (Gaussian(sigma=0.3, radius=2.0, normalise="density"), SHEET, 1.0),
        (Exponential(length=0.2, radius=2.0, normalise="density"), RING, 1.0),
        (Exponential(length=0.3, radius=2.0, normalise="density"), SHEET, 1.0),
        (AnisotropicGaussian(sigma_along=0.4, sigma_across=0.2, angle=0.5, radius=2.0,
                             normalise="density"), SHEET, 1.0),
        (DifferenceOfGaussians(sigma_centre=0.2, sigma_surround=0.4, surround=0.25,
                               radius=2.0, normalise="density"), SHEET, 0.75),
    ],
)  # fmt: skip
def test_a_density_has_its_integral_over_a_fine_lattice(kernel, lattice, integral):
    # sites of 0.1 mm under widths of 0.2 and more, cut at 2 mm: the cusp of the
    # exponential, (spacing / length)^2 / 12, is the greatest error
    assert taps_of(kernel, lattice)[2].sum() == pytest.approx(integral, rel=0.03)


def test_a_density_on_a_ring_is_the_formula_times_the_spacing():
    kernel = Exponential(length=0.2, radius=1.0, normalise="density")
    _, x, weights = taps_of(kernel, RING)
    assert weights == pytest.approx(0.1 * np.exp(-np.abs(x) / 0.2) / 0.4, rel=1e-12)


def test_a_density_on_a_sheet_is_the_formula_times_the_area_of_a_site():
    kernel = Exponential(length=0.2, radius=1.0, normalise="density")
    y, x, weights = taps_of(kernel, SHEET)
    density = np.exp(-np.hypot(y, x) / 0.2) / (2 * np.pi * 0.2**2)
    assert weights == pytest.approx(0.01 * density, rel=1e-12)


def test_centre_and_surround_are_each_normalised():
    kernel = DifferenceOfGaussians(sigma_centre=0.2, sigma_surround=0.5, surround=0.8,
                                   radius=1.0, normalise="sum", strength=2)  # fmt: skip
    y, x, weights = taps_of(kernel, SHEET)
    centre, around = gaussian(y, x, 0.2), gaussian(y, x, 0.5)
    expected = 2 * (centre / centre.sum() - 0.8 * around / around.sum())
    assert np.abs(weights - expected).max() < EXACT


@pytest.mark.parametrize("degrees", [0, 30, 90, -45])
def test_an_anisotropic_gaussian_is_longest_along_its_angle(degrees):
    angle = np.radians(degrees)
    kernel = AnisotropicGaussian(sigma_along=0.3, sigma_across=0.1, angle=angle,
                                 radius=1.2, normalise="sum")  # fmt: skip
    y, x, weights = taps_of(kernel, SHEET)
    covariance = np.cov(np.stack([x, y]), aweights=weights, bias=True)
    values, vectors = np.linalg.eigh(covariance)
    axis = vectors[:, 1] * np.sign(vectors[:, 1] @ [np.cos(angle), np.sin(angle)])
    assert axis == pytest.approx([np.cos(angle), np.sin(angle)], abs=1e-3)
    # the lattice and the cut at 4 sigma leave the variances within some percent
    assert np.sqrt(values) == pytest.approx([0.1, 0.3], rel=0.02)


def test_kernels_are_cut_to_a_square_of_the_radius():
    _, _, weights = taps_of(Box(radius=0.25, normalise="peak"), SHEET)
    assert len(weights) == 25
    y, x, _ = taps_of(
        Box(radius=0.3, normalise="peak"), RING
    )  # 0.3 / 0.1 < 3 in binary
    assert len(x) == 7 and not y.any()


@pytest.mark.parametrize("boundary", ["open", "periodic", "reflecting"])
def test_the_laplacian_of_a_quadratic_is_its_curvature(boundary):
    lattice = Lattice((12, 15), 0.2, (boundary, boundary))
    y, x = np.meshgrid(lattice.y, lattice.x, indexing="ij")
    field = (3 * x**2 - 2 * y**2 + x * y + y)[None]
    taps = tap_table(Laplacian(strength=0.5), lattice, dt=1e-3)
    found = lateral_sum(Lateral("l", "u", taps), [field], lattice)
    # 0.5 (6 - 4), exact for polynomials of degree 3, away from the edges
    assert found[0, 1:-1, 1:-1] == pytest.approx(1.0, abs=1e-10)


def test_on_a_ring_the_laplacian_has_one_axis():
    taps = tap_table(Laplacian(), RING, dt=1e-3)
    assert taps.offsets.tolist() == [[0, 0], [0, -1], [0, 1]]
    assert taps.weights == pytest.approx([-200.0, 100.0, 100.0])


@pytest.mark.parametrize(
    "direction, to", [("+x", (0, 1)), ("-x", (0, -1)), ("+y", (1, 0)), ("-y", (-1, 0))]
)
def test_a_shift_carries_towards_its_direction(direction, to):
    lattice = Lattice((5, 5), 0.1, ("open", "open"))
    taps = tap_table(Shift(velocity=0.25, direction=direction), lattice, dt=1e-3)
    field = np.zeros((1, 5, 5))
    field[0, 2, 2] = 1.0
    found = lateral_sum(Lateral("l", "u", taps), [field], lattice)
    assert found[0, 2, 2] == 0.75 and found[0, 2 + to[0], 2 + to[1]] == 0.25
    assert found.sum() == 1.0


def test_each_feature_may_have_its_own_velocity():
    lattice = Lattice((1, 5), 0.1, features=3)
    taps = tap_table(Shift(velocity=[0.0, 0.5, 1.0]), lattice, dt=1e-3)
    field = np.zeros((3, 1, 5))
    field[:, 0, 2] = 1.0
    found = lateral_sum(Lateral("l", "u", taps), [field], lattice)[:, 0]
    assert found.tolist() == [[0, 0, 1, 0, 0], [0, 0, 0.5, 0.5, 0], [0, 0, 0, 1, 0]]


SCIPY = {"open": "constant", "periodic": "wrap", "reflecting": "reflect"}


@pytest.mark.parametrize("boundary", SCIPY)
def test_a_stored_kernel_is_scipys_cross_correlation(tmp_path, boundary):
    draw = np.random.default_rng(0)
    weights, field = draw.normal(size=(5, 3)), draw.normal(size=(2, 9, 11))
    np.save(tmp_path / "w.npy", weights)
    lattice = Lattice((9, 11), 0.1, (boundary, boundary), features=2)
    taps = tap_table(Stored(path="w.npy", strength=2), lattice, dt=1, folder=tmp_path)
    found = lateral_sum(Lateral("l", "u", taps), [field], lattice)
    for feature in range(2):
        expected = correlate(field[feature], 2 * weights, mode=SCIPY[boundary])
        assert np.abs(found[feature] - expected).max() < EXACT


@pytest.mark.parametrize("shape", [(2, 2, 3), (2, 2, 1, 3), (2, 2, 3, 3)])
def test_a_stored_kernel_may_mix_features(tmp_path, shape):
    draw = np.random.default_rng(1)
    weights, field = draw.normal(size=shape), draw.normal(size=(2, 7, 9))
    np.save(tmp_path / "u.npy", weights)
    lattice = Lattice((7, 9), 0.1, features=2)
    taps = tap_table(Stored(path="u.npy"), lattice, dt=1, folder=tmp_path)
    found = lateral_sum(Lateral("l", "u", taps), [field], lattice)
    planes = weights[:, :, None, :] if weights.ndim == 3 else weights
    for out in range(2):
        expected = sum(
            correlate(field[into], planes[out, into], mode="wrap") for into in range(2)
        )
        assert np.abs(found[out] - expected).max() < EXACT


@pytest.mark.parametrize(
    "shape, message",
    [
        ((4, 3), "4 x 3; both sides must be odd"),
        ((3, 4), "3 x 4; both sides must be odd"),
        ((3,), "its shape is .3,.; a kernel is .ky, kx."),
        ((1, 1, 1, 3, 3), "a kernel is"),
        ((3, 1, 3, 3), "mixes .3, 1. features .out, in., the sheet has 1"),
        ((3, 45), "the kernel is 45 sites wide along x, the sheet only 41"),
        ((43, 3), "the kernel is 43 sites wide along y"),
        ((0, 3), "it holds no numbers"),
    ],
)
def test_a_stored_kernel_that_cannot_be_meant_is_refused(tmp_path, shape, message):
    np.save(tmp_path / "k.npy", np.ones(shape))
    with pytest.raises(InputError, match=message):
        tap_table(Stored(path="k.npy"), SHEET, dt=1e-3, folder=tmp_path)


@pytest.mark.parametrize(
    "kernel, lattice, message",
    [
        (Gaussian(sigma=0.3, radius=2.1, normalise="sum"), SHEET,
         "the kernel is 43 sites wide along y, the sheet only 41"),
        (Gaussian(sigma=0.3, radius=1e6, normalise="sum"), SHEET, "20000001 sites"),
        (Gaussian(sigma=0.3, radius=0.05, normalise="sum"), SHEET,
         "the radius is 0.05 mm, less than one site .0.1 mm."),
        (Gaussian(sigma=1e-14, radius=0.3, normalise="density", strength=1e290), SHEET,
         "weights of this gaussian .* not finite"),
        (Box(radius=0.3, normalise="sum", centre=False), Lattice((1, 1), 0.1),
         "no site but the centre"),
        (AnisotropicGaussian(sigma_along=0.3, sigma_across=0.1, angle=0, radius=1,
                             normalise="sum"), RING, "needs a sheet with two axes"),
        (Shift(direction="+y"), RING, "a shift along y needs more than one site"),
        (Shift(velocity=[0.5, 0.5]), RING, "2 velocities for 1 features"),
        (Laplacian(), Lattice((1, 2), 0.1), "3 sites wide along x, the sheet only 2"),
    ],
)  # fmt: skip
def test_a_kernel_that_cannot_be_meant_is_refused(kernel, lattice, message):
    with pytest.raises(InputError, match=message):
        tap_table(kernel, lattice, dt=1e-3)


@pytest.mark.parametrize("velocity", [-0.1, 1.001, [0.5, 1.5], float("nan")])
def test_a_shift_faster_than_a_site_a_step_is_refused(velocity):
    with pytest.raises(ValueError, match=r"stable in \[0, 1\]|finite"):
        Shift(velocity=velocity)


def test_a_kernel_of_zeros_stays_a_kernel():
    taps = tap_table(Shift(strength=0.0), RING, dt=1e-3)
    assert taps.weights.tolist() == [0.0]
