"""Kernels made cheaper: factors, spectra, couplings that are equal, pairs of sites."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft

from cortexwave.backends.problem import Lateral
from cortexwave.sheet.kernels import Taps
from cortexwave.sheet.lattice import Lattice

_EXACT = 1e-15  # of the greatest weight: what factors of a kernel may be off
PASS = 4  # what a rank costs besides its taps, in taps: a pass more through memory


def factors_of(taps: Taps) -> tuple[np.ndarray, np.ndarray] | None:
    """Columns and rows whose products add up to the kernel; None where taps are fewer.

    By singular values, as many as it takes to be exact to rounding.
    """
    low = taps.offsets.min(axis=0)
    height, width = (int(n) for n in taps.offsets.max(axis=0) - low + 1)
    most = (len(taps.weights) - 1) // (height + width + PASS)
    if most < 1:
        return None
    table = np.zeros((height, width))
    np.add.at(table, tuple((taps.offsets - low).T), taps.weights)
    left, size, right = np.linalg.svd(table, full_matrices=False)
    columns, rows = (left * size).T, right
    rest = table
    for rank in range(min(most, len(size))):
        rest = rest - np.outer(columns[rank], rows[rank])
        if np.abs(rest).max() <= _EXACT * np.abs(table).max():
            count = rank + 1
            return (np.ascontiguousarray(columns[:count]),
                    np.ascontiguousarray(rows[:count]))  # fmt: skip
    return None


def spectrum_of(
    taps: Taps, lattice: Lattice, halo: tuple[int, int]
) -> tuple[tuple[int, int], np.ndarray]:
    """Size of the transform, and what the source's is to be multiplied by.

    On a torus it is the sheet itself; else the frame with its halos, in which no
    site that is kept reads beyond the end.
    """
    (ny, nx), (hy, hx) = lattice.shape, halo
    size, shift = lattice.shape, (0, 0)
    if lattice.boundary != ("periodic", "periodic"):
        size = (scipy.fft.next_fast_len(ny + 2 * hy, real=True),
                scipy.fft.next_fast_len(nx + 2 * hx, real=True))  # fmt: skip
        shift = halo
    table = np.zeros((*size, *taps.weights.shape[1:]))
    places = (taps.offsets + shift) % size
    np.add.at(table, tuple(places.T), taps.weights)
    table = np.moveaxis(table, (0, 1), (-2, -1))
    # the kernel is a cross-correlation
    return size, np.conj(scipy.fft.rfft2(table))


def equal_couplings(couplings: Sequence[Lateral]) -> dict[str, str]:
    """Couplings that equal an earlier one in all but name, and which one that is."""
    first: dict[str, str] = {}
    for place, lateral in enumerate(couplings):
        for earlier in couplings[:place]:
            if earlier.name not in first and _equal(earlier, lateral):
                first[lateral.name] = earlier.name
                break
    return first


def pairs(
    lateral: Lateral, lattice: Lattice
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every connection of a coupling as (from, to, weight), gains in the weight.

    Sites are counted as in a flat (feature, y, x).
    """
    place = np.arange(lattice.features * lattice.sites).reshape(lattice.field_shape)
    found = []
    for offset, weight in zip(lateral.taps.offsets, lateral.taps.weights, strict=True):
        y, x = (lattice.neighbours(axis, int(offset[axis])) for axis in range(2))
        inside = (y[:, None] >= 0) & (x[None, :] >= 0)
        table = np.atleast_2d(weight) if lateral.taps.mixing else (
            weight * np.eye(lattice.features))  # fmt: skip
        for to, feature in zip(*np.nonzero(table), strict=True):
            before = place[feature][y][:, x][inside]
            after = place[to][inside]
            found.append((before, after, np.full(before.size, table[to, feature])))
    before, after, weights = (
        np.concatenate([part[k] for part in found]) if found else np.empty(0)
        for k in range(3)
    )
    before, after = before.astype(np.int64), after.astype(np.int64)
    if lateral.before is not None:
        weights = weights * np.broadcast_to(lateral.before, place.shape).flat[before]
    if lateral.after is not None:
        weights = weights * np.broadcast_to(lateral.after, place.shape).flat[after]
    return before, after, weights


def _equal(one: Lateral, other: Lateral) -> bool:
    return (
        one.source == other.source
        and np.array_equal(one.taps.offsets, other.taps.offsets)
        and np.array_equal(one.taps.weights, other.taps.weights)
        and np.array_equal(one.taps.delays, other.taps.delays)
        and same(one.before, other.before)
        and same(one.after, other.after)
    )


def same(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)
