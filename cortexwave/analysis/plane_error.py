"""How well the wavenumber of a fitted plane is known, where neighbours err alike.

A field in unison with phase noise has a slope by chance, and the slope is the steeper
the farther the noise is correlated, as then fewer sites count by themselves. What the
plane leaves shows the correlation, but too little of it: offset and slope have taken
their part. So the covariance of the phase noise is sought, as a sum of Gaussians of
distance and a part of each site by itself, whose remainder after the fit of a plane
has the covariance that is seen, pooled over frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.optimize

_MOST_SITES = 400  # for the covariance of pairs
_KERNELS = 8


@dataclass(frozen=True)
class SlopeError:
    """Covariance of a fitted slope per rad^2 of the mean square that its plane leaves.

    `freedom` is of that mean square in one frame: by how many independent squares it
    would vary as much (Satterthwaite 1946).
    """

    per_square: np.ndarray  # (2, 2), x and y, 1/mm^2
    freedom: float


def slope_error(rest: np.ndarray, positions: np.ndarray) -> SlopeError:
    """The error of slopes whose planes left `rest` (frame, site) in rad.

    At `positions` (site, 2) in mm, finite everywhere. Frames count alike, whatever
    they err by. Correlation is known up to Gaussians exp(-d^2 / 4 s^2) of s half the
    width of the array: what is smoother than that is a slope to the array.
    """
    sites = rest.shape[1]
    size = np.sqrt(np.mean(rest**2, axis=1))
    rest = rest[size > 0] / size[size > 0, None]
    chosen = np.arange(sites)
    if sites > _MOST_SITES:
        chosen = np.random.default_rng(0).permutation(sites)[:_MOST_SITES]
    x = positions[chosen] - positions.mean(axis=0)
    distance = np.linalg.norm(x[:, None] - x[None], axis=-1)
    basis = np.linalg.qr(np.column_stack([np.ones(len(x)), x]))[0]
    kernels = [np.eye(len(chosen)), *_gaussians(distance)]
    remainders = [_remainder(kernel, basis) for kernel in kernels]
    weights = _components(rest[:, chosen], distance, remainders)
    # as many pairs as in the whole array, but each site's own noise is averaged more
    share = len(chosen) / sites
    slopes = [
        x.T @ (kernel - (1 - share) * np.eye(len(x)) * kernel) @ x for kernel in kernels
    ]
    inverse = np.linalg.inv(x.T @ x)
    left = np.tensordot(weights, np.array(remainders), axes=1)
    return SlopeError(
        per_square=inverse @ np.tensordot(weights, np.array(slopes), axes=1) @ inverse,
        freedom=float(np.trace(left) ** 2 / np.sum(left**2)),
    )


def _gaussians(distance: np.ndarray) -> list[np.ndarray]:
    apart = np.where(distance > 0, distance, np.inf)
    pitch = float(np.median(apart.min(axis=1)))
    # of a square as wide as the array is, from its mean square distance
    width = float(np.sqrt(3 * np.mean(distance**2)))
    scales = np.geomspace(pitch / 2, max(width / 2, pitch), _KERNELS)
    return [np.exp(-(distance**2) / (4 * s**2)) for s in scales]


def _remainder(kernel: np.ndarray, basis: np.ndarray) -> np.ndarray:
    half = kernel - basis @ (basis.T @ kernel)
    return half - (half @ basis) @ basis.T


def _components(
    rest: np.ndarray, distance: np.ndarray, remainders: list[np.ndarray]
) -> np.ndarray:
    """How much of each, from 0 on, explains the mean products of the rest."""
    if not len(rest):
        return np.eye(len(remainders))[0]
    apart = np.where(distance > 0, distance, np.inf)
    width = float(np.median(apart.min(axis=1))) / 2
    bins = np.rint(distance / width).astype(int).ravel()
    pairs = np.bincount(bins)
    used = pairs > 0

    def by_distance(products: np.ndarray) -> np.ndarray:
        return np.bincount(bins, products.ravel())[used] / np.sqrt(pairs[used])

    expected = np.column_stack([by_distance(each) for each in remainders])
    return scipy.optimize.nnls(expected, by_distance(rest.T @ rest / len(rest)))[0]
