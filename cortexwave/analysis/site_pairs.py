"""Which sites are neighbours, and lags along what separates them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from cortexwave.analysis.sites import Sites

ONE_LINE = (
    "the sites stand on one line: lags along it are seen, and no direction or speed"
)
# pairs up to two pitches apart: lags of waves longer than 4 pitches are not aliased
_REACH = 2.05
_NEXT = 1.5  # steps of a lattice, each axis by its own: the eight around a site
_FARTHEST = 8.0  # steps; sites so far from each other across a line are one line
_ONE_LEVEL = 0.02  # of the pitch: electrodes no further apart are of one row
_EMPTIEST = 4  # sites of a lattice per electrode that stands on it
_SPANNING = 0.05  # least share of d d' that lies across the longest axis of the pairs
_MOST_WAVENUMBERS = 12  # to each side, along an axis
_BLOCK = 2**17  # numbers of a product, which stay in the cache while they are summed


@dataclass(frozen=True)
class Neighbours:
    """Pairs of sites near each other: the second stands `apart` from the first."""

    first: np.ndarray  # (pair,)
    second: np.ndarray
    apart: np.ndarray  # (pair, 2): x, y in mm
    metric: np.ndarray  # (2, 2): inverse of sum d d', of what the pairs span
    spans: bool  # both axes: else there is no direction to tell


def neighbours(sites: Sites, live: np.ndarray) -> Neighbours:
    """Pairs of live sites up to 2 pitches apart, and those next to each other.

    Next to each other is counted in steps of each axis, so that a lattice of unequal
    steps has neighbours along both. Where these do not span both axes (electrodes that
    stand closer along one, dead rows) the reach grows until they do, up to 8 steps.
    """
    places = sites.positions[live]
    steps = places / _steps(sites)
    close = cKDTree(places).query_pairs(_REACH * sites.pitch)
    reach, tree = _NEXT, cKDTree(steps)
    while True:
        pairs = np.array(sorted(close | tree.query_pairs(reach))).reshape(-1, 2)
        spread = steps[pairs[:, 1]] - steps[pairs[:, 0]]
        least, most = np.linalg.eigvalsh(spread.T @ spread)
        spans = bool(least > _SPANNING * most)
        if spans or reach >= _FARTHEST:
            break
        reach = min(reach * 1.25, _FARTHEST)
    if not spans:
        pairs = np.array(sorted(close)).reshape(-1, 2)
    apart = places[pairs[:, 1]] - places[pairs[:, 0]]
    kept = 1e-9 if spans else _SPANNING  # across a line there is nothing to tell
    metric = np.linalg.pinv(apart.T @ apart, rcond=kept)
    return Neighbours(pairs[:, 0], pairs[:, 1], apart, metric, spans)


def slopes(whole: np.ndarray, near: Neighbours) -> np.ndarray:
    """Sum over pairs of Im(X_i X_j*) d_ij, (2,): positive where j follows i."""
    rows = whole.reshape(-1, whole.shape[-1])
    lead = np.zeros(len(near.first))
    size = max(1, _BLOCK // max(1, len(lead)))
    for start in range(0, len(rows), size):
        flat = rows[start : start + size].T.copy()
        lead += np.einsum("ps,ps->p", flat.imag[near.first], flat.real[near.second])
        lead -= np.einsum("ps,ps->p", flat.real[near.first], flat.imag[near.second])
    return lead @ near.apart


def _steps(sites: Sites) -> np.ndarray:
    """Distance of neighbours along x and y, mm: of scattered electrodes the pitch."""
    if sites.spacing is not None:
        return np.abs(np.array(sites.spacing[::-1]))
    gaps = [np.diff(np.sort(axis)) for axis in sites.positions.T]
    levels = [gap[gap > _ONE_LEVEL * sites.pitch] for gap in gaps]
    rows, columns = (level.size + 1 for level in levels)
    if rows * columns > _EMPTIEST * sites.count:
        return np.full(2, sites.pitch)
    return np.array([max(level.min(initial=np.inf), sites.pitch)
                     if level.size else sites.pitch for level in levels])  # fmt: skip


def wavenumbers(sites: Sites, live: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Wavenumbers (k, 2) in rad/mm up to half of 1/step, and unit vectors."""
    places, steps = sites.positions[live], _steps(sites)
    extent = np.maximum(np.ptp(places, axis=0), steps)
    highest = np.pi / steps
    sides = np.minimum(_MOST_WAVENUMBERS, np.round(extent / steps / 2)).astype(int)
    x, y = (most * np.arange(-side, side + 1) / max(side, 1)
            for most, side in zip(highest, sides, strict=True))  # fmt: skip
    k = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    size = np.linalg.norm(k / highest, axis=1)
    k = k[(size > 0) & (size < 1 - 1e-9)]
    return k, k / np.linalg.norm(k, axis=1, keepdims=True)
