"""Lags of a recording, block by block: imaginary parts of cross-spectra.

Signs of all of them turn where a block is reversed in time, and nothing else does, so
that sums over blocks are tested by tossing signs (`cortexwave.analysis.sign_flips`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from cortexwave.analysis.pieces import AT_ONCE
from cortexwave.analysis.segment_spectra import Segments, spectra
from cortexwave.analysis.site_pairs import (
    Neighbours,
    neighbours,
    slopes,
    wavenumbers,
)
from cortexwave.analysis.sites import Sites
from cortexwave.errors import InputError

MOST_AXES = 128
_SNAPSHOTS = 512
_BLOCKS = 24
_BLOCKS_KEPT = 8  # not fewer for the sake of a rhythm: p could not be small
_MEMORY = 3  # blocks are as many times longer than phases are kept
_BLOCK = 2**17  # numbers of a product, which stay in the cache while they are summed
_LAGS = 8  # segments over which phases are followed
_HALF_KEPT = 0.6  # below it one common segment of neighbours does no harm: measured
_INCOHERENT = 0.4  # by chance up to 0.3 in a smooth field of 20 segments


@dataclass(frozen=True)
class Lags:
    """What the blocks of a recording say of lags, each a sum over its segments."""

    pairs: np.ndarray  # (block, tile, entry): imaginary coherency of pairs of axes
    slope: np.ndarray  # (block, 2): imaginary coherency per mm along x and y
    asymmetry: np.ndarray  # (block, 2): sum of P(k) k / |k|, of all P = 1
    coherence: float  # of neighbouring segments
    steady: bool  # phases are kept for longer than blocks can be
    near: Neighbours
    of_sites: np.ndarray | None  # (entry, 2): the two sites; None: axes of many sites


def block_lags(
    values: xr.DataArray,
    cut: Segments,
    sites: Sites,
    feature: int,
    live: np.ndarray,
    *,
    at_once: int = AT_ONCE,
) -> Lags | None:
    """Lags of each block that has a whole segment; None if none has.

    Two readings, `at_once` values at a time: the first for the power of each site in
    each tile, for how long phases are kept, and, of more than 128 sites, for the
    principal axes of the real part of the cross-spectrum, which reversal of time leaves
    as they are; the second for the lags.
    """
    held: list[tuple[int, np.ndarray]] | None = None
    if values.size <= at_once:  # a small recording is transformed once
        held = list(spectra(values, cut, feature, live, at_once=at_once))
    seen = _Seen(cut, int(live.sum()))
    for cell, found in held or spectra(values, cut, feature, live, at_once=at_once):
        seen.add(cell, found)
    if not seen.total:
        return None
    power = np.add.reduceat(seen.squares, [t.start for t in cut.tiles])  # (tile, site)
    if np.any(power <= 0):
        raise InputError(
            f"field '{values.name}': {int((power <= 0).any(axis=0).sum())} sites have "
            "no power in a part of the band"
        )
    coherence = seen.keeping.coherence(cut.tiles, 1 / power.sum(axis=0))
    kept = np.flatnonzero(seen.members)
    starts, steady = _starts(len(kept), seen.total, coherence)
    block = np.searchsorted(starts, np.arange(len(kept)), side="right") - 1
    axes = principal_axes(np.concatenate(seen.snapshots)) if seen.snapshots else None
    sums = _BlockSums(cut, sites, live, power, axes, len(starts))
    for cell, found in held or spectra(values, cut, feature, live, at_once=at_once):
        sums.add(int(block[np.searchsorted(kept, cell)]), found)
    return Lags(
        pairs=sums.pairs,
        slope=sums.slope @ sums.near.metric / len(cut.tiles),
        asymmetry=sums.bias / sums.energy,
        coherence=float(coherence[0]) if coherence.size else np.nan,
        steady=steady,
        near=sums.near,
        of_sites=np.stack(sums.upper, axis=1) if axes is None else None,
    )


class _Seen:
    """What the first reading finds, as pieces come by."""

    def __init__(self, cut: Segments, sites: int):
        count = cut.frequencies.size
        segments = cut.trials * cut.each
        self.squares = np.zeros((count, sites))  # over segments and tapers
        self.members = np.zeros(cut.cells)  # whole segments of each cell
        self.keeping = _Keeping((count, sites), min(_LAGS, (segments - 1) // 2))
        self.snapshots: list[np.ndarray] = []
        self._stride = -(-segments * 3 * count // _SNAPSHOTS)
        self._rows = 0

    @property
    def total(self) -> int:
        return int(self.members.sum())

    def add(self, cell: int, found: np.ndarray) -> None:
        """Coefficients (segment, taper, frequency, site) that follow those before."""
        self.squares += np.sum(found.real**2 + found.imag**2, axis=(0, 1))
        self.members[cell] += len(found)
        self.keeping.add(found[:, 0])
        sites = found.shape[-1]
        if sites > MOST_AXES:
            rows = found.reshape(-1, sites)
            # every n-th of all, however they are cut into pieces
            chosen = rows[-self._rows % self._stride :: self._stride]
            self.snapshots.append(chosen.copy())
            self._rows += len(rows)


class _BlockSums:
    """What the second reading sums for each block, as pieces come by."""

    def __init__(
        self, cut: Segments, sites: Sites, live: np.ndarray, power: np.ndarray,
        axes: np.ndarray | None, blocks: int,
    ):  # fmt: skip
        places = sites.positions[live]
        self.near = neighbours(sites, live)
        self._tiles, self._axes = cut.tiles, axes
        self._kinds = len(places) if axes is None else axes.shape[1]
        self.upper = np.triu_indices(self._kinds, 1)
        self.pairs = np.zeros((blocks, len(cut.tiles), self.upper[0].size))
        self.slope, self.bias = np.zeros((2, blocks, 2))
        self.energy = 0.0
        k, self._toward = wavenumbers(sites, live)
        self._into = np.exp(1j * places @ k.T)  # a wave along k is exp(-i k.r)
        self._into /= np.sqrt(power.sum(axis=0))[:, None]  # each site counts alike
        widths = [tile.stop - tile.start for tile in cut.tiles]
        self._scale = np.repeat(1 / np.sqrt(power), widths, axis=0)

    def add(self, block: int, found: np.ndarray) -> None:
        """Coefficients (segment, taper, frequency, site) of a block."""
        strength = _strength(found.reshape(-1, found.shape[-1]), self._into)
        self.bias[block] += strength @ self._toward
        self.energy += float(strength.sum())
        whole = found * self._scale
        self.slope[block] += slopes(whole, self.near)
        for tile, part in enumerate(self._tiles):
            mine = whole[:, :, part].reshape(-1, whole.shape[-1])
            mine = mine if self._axes is None else mine @ self._axes
            half = mine.imag.T @ mine.real
            self.pairs[block, tile] += half[self.upper] - half.T[self.upper]


def _strength(rows: np.ndarray, into: np.ndarray) -> np.ndarray:
    """Sum over rows (row, site) of |rows @ into|^2, (k,)."""
    total = np.zeros(into.shape[1])
    size = max(1, _BLOCK // into.shape[1])
    for start in range(0, len(rows), size):
        part = rows[start : start + size] @ into
        total += np.sum(part.real**2 + part.imag**2, axis=0)
    return total


class _Keeping:
    """Products of segments with those 1 to `lags` before, as they come by."""

    def __init__(self, shape: tuple[int, int], lags: int):
        self._last: list[np.ndarray] = []
        self._products = np.zeros((lags, *shape), dtype=complex)
        self._power = np.zeros(shape)
        self._pairs, self._count = np.zeros(lags), 0

    def add(self, found: np.ndarray) -> None:
        """Segments (segment, frequency, site) that follow those before."""
        for segment in found:
            for lag, earlier in enumerate(self._last):
                self._products[lag] += segment * earlier.conj()
                self._pairs[lag] += 1
            self._power += segment.real**2 + segment.imag**2
            self._count += 1
            # a copy, as of a view its whole piece would stay in memory
            self._last = [segment.copy(), *self._last][: len(self._products)]

    def coherence(self, tiles: tuple[slice, ...], share: np.ndarray) -> np.ndarray:
        """Coherence (lag,) of segments with earlier ones, of the most coherent tile.

        Sites count by their `share` (site,). Squares are averaged over the frequencies
        of a tile by their power, so that a narrow rhythm counts for what it is there.
        """
        lags = min(len(self._products), (self._count - 1) // 2)
        if lags < 1:
            return np.zeros(0)
        followed = np.maximum(self._pairs[:lags], 1)[:, None] / self._count
        kept = np.abs(self._products[:lags] @ share / followed) ** 2
        begins = [tile.start for tile in tiles]
        most = np.add.reduceat((self._power @ share) ** 2, begins)
        return np.sqrt((np.add.reduceat(kept, begins, axis=1) / most).max(axis=1))


def _starts(cells: int, total: int, coherence: np.ndarray) -> tuple[np.ndarray, bool]:
    """First cell of each block, and whether a rhythm outlasts what blocks can be."""
    lost = np.flatnonzero(coherence < _INCOHERENT)
    memory = int(lost[0]) if lost.size else total  # in segments; 0: none is kept
    wanted = _BLOCKS if memory == 0 else total // (_MEMORY * memory)
    steady = wanted < _BLOCKS_KEPT and memory > 0
    if (
        memory == 1
        and lost.size
        and coherence[0] < _HALF_KEPT
        and total >= 2 * _BLOCKS_KEPT
    ):
        steady = False  # blocks of two segments and more: as for few, strong bursts
    if steady and not lost.size:
        wanted = _BLOCKS  # it may go on for ever: shorter blocks are no worse
    blocks = min(cells, _BLOCKS, max(wanted, _BLOCKS_KEPT))
    return np.arange(blocks) * cells // blocks, steady


def principal_axes(snapshots: np.ndarray, most: int = MOST_AXES) -> np.ndarray:
    """The strongest axes (site, axis) of what the sites share at lag 0.

    Coefficients (snapshot, site), each site brought to a power of 1. Axes of the real
    part of the cross-spectrum stay where they are if time is reversed.
    """
    scale = np.sqrt(np.mean(np.abs(snapshots) ** 2, axis=0))
    rows = np.concatenate([snapshots.real, snapshots.imag]) / scale
    _, vectors = np.linalg.eigh(rows @ rows.T)
    axes = rows.T @ vectors[:, -most:]
    return axes / np.linalg.norm(axes, axis=0)


def degrees(vector: np.ndarray) -> float:
    """Direction of (x, y) in degrees, [-180, 180), counter-clockwise from +x."""
    return float((np.degrees(np.arctan2(vector[1], vector[0])) + 180) % 360 - 180)


def direction_error(vectors: np.ndarray) -> float:
    """Jackknife standard error of the direction of the sum of vectors (block, 2), deg.

    Each block is left out once (Tukey 1958); angles are taken from that of the sum. At
    most 180: beyond some 60 there is no direction to speak of.
    """
    total = vectors.sum(axis=0)
    left = total - vectors
    turn = np.angle((left @ [1, 1j]) * np.conj(total @ [1, 1j]))
    blocks = len(vectors)
    error = np.degrees(np.sqrt((blocks - 1) / blocks * np.sum(turn**2)))
    return float(min(error, 180.0))
