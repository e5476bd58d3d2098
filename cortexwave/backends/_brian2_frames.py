"""Frames of a source with halos: a boundary is met once a frame, not once a tap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cortexwave.backends._brian2_kernels import same
from cortexwave.sheet.kernels import Taps
from cortexwave.sheet.lattice import Lattice

SLACK = 8  # values past the end of a row that the widest vector may read
_NOTHING = 1e-280  # NOTHING of lateral.h


@dataclass(frozen=True)
class Term:
    """A coupling to sum: where it reads and writes, in the engine's own units.

    All arrays are flat, of (feature, y, x); terms that read the same one with the
    same gain share a ring.
    """

    values: np.ndarray
    before: np.ndarray | None
    taps: Taps
    after: np.ndarray | None
    out: np.ndarray


class Ring:
    """Frames of one source, as old as its longest delay, with halos."""

    def __init__(self, lattice: Lattice, terms: Sequence[Term]):
        self.lattice, self.values = lattice, terms[0].values
        self.gain = terms[0].before
        self.ages = 1 + max(term.taps.depth for term in terms)
        radii = [term.taps.radius for term in terms]
        self.halo = (max(y for y, _ in radii), max(x for _, x in radii))
        self.rows, self.columns = (_shown(lattice, axis, self.halo[axis])
                                   for axis in range(2))  # fmt: skip
        (ny, nx), (hy, hx) = lattice.shape, self.halo
        shape = (self.ages, lattice.features, ny + 2 * hy, nx + 2 * hx + SLACK)
        # beyond open edges it stays 0
        self.frames = np.zeros(shape)

    @property
    def strides(self) -> tuple[int, int, int]:
        """Values from one frame, feature, row to the next."""
        frame, plane, row, _ = (stride // 8 for stride in self.frames.strides)
        return frame, plane, row

    def inner(self, frames: np.ndarray) -> np.ndarray:
        """Frames (..., y, x) without their halos."""
        (ny, nx), (hy, hx) = self.lattice.shape, self.halo
        return frames[..., hy : hy + ny, hx : hx + nx]

    def write(self, field: np.ndarray, step: int) -> None:
        """Keep a frame (feature, y, x), gain applied, as that of a step."""
        padded = self.frames[step % self.ages][:, :, : self.columns.size]
        y, x = np.flatnonzero(self.rows >= 0), np.flatnonzero(self.columns >= 0)
        shown = field[:, self.rows[y]][:, :, self.columns[x]]
        padded[:, y[:, None], x[None, :]] = shown

    def push(self, step: int) -> None:
        """Keep the present values as the frame of a step."""
        cleared(self.values)
        field = self.values if self.gain is None else self.gain * self.values
        self.write(field.reshape(self.lattice.field_shape), step)

    def past(self, step: int, depth: int) -> np.ndarray:
        """Frames 1, 2, ... `depth` steps before a step, (age, feature, y, x)."""
        return self.inner(self.frames[(step - 1 - np.arange(depth)) % self.ages])


def cleared(values: np.ndarray) -> None:
    """Set what is next to nothing to 0, in place, as lateral.h does."""
    values[np.abs(values) < _NOTHING] = 0.0


def _shown(lattice: Lattice, axis: int, halo: int) -> np.ndarray:
    """Which site each place along an axis with halos shows; -1 is outside."""
    n = lattice.shape[axis]
    turns = -(-halo // n)
    sites = [lattice.neighbours(axis, k * n) for k in range(-turns, turns + 1)]
    first = turns * n - halo
    shown = np.concatenate(sites)[first : first + n + 2 * halo]
    return shown.astype(np.int64)


def same_source(one: Term, other: Term) -> bool:
    """Whether two terms read the same array with the same gain."""
    return one.values is other.values and same(one.before, other.before)
