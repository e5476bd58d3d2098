"""Tap tables as few products of two matrices, one along y and one along x.

A Gaussian is the product of a profile along y and one along x, a Laplacian the sum
of two such products: sum_k left_k @ field @ right_k. The boundary lives in the
matrices, so it costs nothing and is exact; where a table has zeros, so have they.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cortexwave.sheet.kernels import Taps
from cortexwave.sheet.lattice import Lattice

LARGEST_DENSE = 64  # sites along an axis up to which a full matrix is fastest
_ROUNDING = 1e-15  # of the greatest weight: parts smaller than that are rounding


@dataclass(frozen=True)
class Term:
    """left (1 or feature, y, y) @ field @ right (.., x, x); None is the identity."""

    left: np.ndarray | None
    right: np.ndarray | None

    @classmethod
    def stacked(cls, parts: Sequence[Term]) -> Term:
        """The terms of several features, alike in which sides they have, as one."""
        left = [part.left for part in parts if part.left is not None]
        right = [part.right for part in parts if part.right is not None]
        return cls(np.concatenate(left) if left else None,
                   np.concatenate(right) if right else None)  # fmt: skip


def tables(taps: Taps, features: int) -> np.ndarray | None:
    """Weights (1 or feature, y, x) by offset; None where features act on another."""
    weights = taps.weights
    if taps.mixing:
        if np.any(weights * (1 - np.eye(features))):
            return None
        weights = np.einsum("tff->tf", weights)
    else:
        weights = weights[:, None]
    ry, rx = taps.radius
    table = np.zeros((weights.shape[1], 2 * ry + 1, 2 * rx + 1))
    for (y, x), weight in zip(taps.offsets + np.array([ry, rx]), weights, strict=True):
        table[:, y, x] += weight
    return table


def profiles(table: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of profiles along y and x whose outer products add up to a table (y, x).

    Rows that are multiples of one another share a pair. A table without zeros may
    also be taken apart by its singular values: with zeros that would leave rounding
    where nothing is connected.
    """
    pairs = _by_rows(table)
    turned = [(y, x) for x, y in _by_rows(table.T)]
    best = min(pairs, turned, key=len)
    if np.all(table != 0):
        u, s, v = np.linalg.svd(table)
        rank = int(np.sum(s > _ROUNDING * s[0]))
        left, right = u[:, :rank] * s[:rank], v[:rank]
        exact = (
            np.abs(left @ right - table).max() <= 2 * _ROUNDING * np.abs(table).max()
        )
        if exact and rank < len(best):
            best = list(zip(left.T, right, strict=True))
    return best or [(np.zeros(len(table)), np.zeros(table.shape[1]))]


def _by_rows(table: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    limit = _ROUNDING * np.abs(table).max()
    groups: list[tuple[np.ndarray, np.ndarray]] = []
    for place in np.argsort(-np.abs(table).max(axis=1), kind="stable"):
        row = table[place]
        if not row.any():
            continue
        for along, profile in groups:
            peak = np.abs(profile).argmax()
            ratio = row[peak] / profile[peak]
            alike = np.array_equal(row != 0, profile != 0)
            if alike and np.abs(row - ratio * profile).max() <= limit:
                along[place] = ratio
                break
        else:
            along = np.zeros(len(table))
            along[place] = 1.0
            groups.append((along, row.copy()))
    return groups


def term(along_y: np.ndarray, along_x: np.ndarray, lattice: Lattice) -> Term:
    """The two matrices of a pair of profiles; a factor of one site joins the other."""
    middle_y, middle_x = len(along_y) // 2, len(along_x) // 2
    if np.count_nonzero(along_x) == 1 and along_x[middle_x] != 0:
        left = matrix(along_y * along_x[middle_x], lattice, 0)
        return Term(left[None], None)
    right = matrix(along_x, lattice, 1).T
    if np.count_nonzero(along_y) == 1 and along_y[middle_y] != 0:
        return Term(None, along_y[middle_y] * right[None])
    return Term(matrix(along_y, lattice, 0)[None], right[None])


def matrix(profile: np.ndarray, lattice: Lattice, axis: int) -> np.ndarray:
    """(site, site): each site's sum over its neighbours along an axis."""
    n = lattice.shape[axis]
    result = np.zeros((n, n))
    for place, weight in enumerate(profile):
        neighbours = lattice.neighbours(axis, place - len(profile) // 2)
        inside = np.flatnonzero(neighbours >= 0)
        np.add.at(result, (inside, neighbours[inside]), weight)
    return result


def block_length(n: int, margin: int) -> int | None:
    """How long to make the blocks of a band; None where a full matrix is better.

    Measured on one core of a Xeon (MKL): blocks pay above 64 sites, and work best
    near 16 sites or the margin; they must divide the axis.
    """
    if n <= LARGEST_DENSE:
        return None
    lengths = [b for b in range(8, n // 2 + 1) if n % b == 0]
    if not lengths:
        return None
    aim = max(16, margin)
    best = min(lengths, key=lambda length: abs(np.log(length / aim)))
    return best if best + 2 * margin < 0.6 * n else None


def bands(full: np.ndarray, length: int, margin: int, *, periodic: bool) -> np.ndarray:
    """A matrix that is 0 further than `margin` from its diagonal as (block, out, in).

    Block k makes sites k * length ... of the sites from k * length - margin on, of a
    field widened by `margin` at both ends.
    """
    n = len(full)
    window = np.arange(-margin, length + margin)
    blocks = np.zeros((n // length, length, len(window)))
    for block in range(n // length):
        rows = np.arange(length) + block * length
        read = window + block * length
        inside = np.ones(len(read), bool) if periodic else (read >= 0) & (read < n)
        blocks[block][:, inside] = full[np.ix_(rows, read[inside] % n)]
    return blocks


def work(
    terms: Sequence[Term], shape: tuple[int, int], radius: tuple[int, int]
) -> float:
    """Multiplications per site, copying counted as such."""
    total = 0.0
    for one in terms:
        for part, axis in ((one.left, 0), (one.right, 1)):
            if part is not None:
                n, margin = shape[axis], radius[axis]
                length = block_length(n, margin)
                total += n if length is None else length + 2 * margin + 40
    return total
