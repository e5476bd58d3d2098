"""Lags of a recording, block by block: imaginary parts of cross-spectra.

Signs of all of them turn where a block is reversed in time, and nothing else does, so
that sums over blocks are tested by tossing signs (`cortexwave.analysis.sign_flips`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.spatial import cKDTree

from cortexwave.analysis.segment_spectra import Segments, spectra
from cortexwave.analysis.sites import Sites
from cortexwave.errors import InputError

MOST_AXES = 128
ONE_LINE = (
    "the sites stand on one line: lags along it are seen, and no direction or speed"
)
_SNAPSHOTS = 512
# pairs up to two pitches apart: lags of waves longer than 4 pitches are not aliased
_REACH = 2.05
_NEXT = 1.5  # steps of a lattice, each axis by its own: the eight around a site
_FARTHEST = 8.0  # steps; sites so far from each other across a line are one line
_ONE_LEVEL = 0.02  # of the pitch: electrodes no further apart are of one row
_EMPTIEST = 4  # sites of a lattice per electrode that stands on it
_SPANNING = 0.05  # least share of d d' that lies across the longest axis of the pairs
_MOST_WAVENUMBERS = 12  # to each side, along an axis
_BLOCKS = 24
_BLOCKS_KEPT = 8  # not fewer for the sake of a rhythm: p could not be small
_MEMORY = 3  # blocks are as many times longer than phases are kept
_HELD = 2**22  # values
_LAGS = 8  # segments over which phases are followed
_HALF_KEPT = 0.6  # below it one common segment of neighbours does no harm: measured
_INCOHERENT = 0.4  # by chance up to 0.3 in a smooth field of 20 segments


@dataclass(frozen=True)
class Neighbours:
    """Pairs of sites near each other: the second stands `apart` from the first."""

    first: np.ndarray  # (pair,)
    second: np.ndarray
    apart: np.ndarray  # (pair, 2): x, y in mm
    metric: np.ndarray  # (2, 2): inverse of sum d d', of what the pairs span
    spans: bool  # both axes: else there is no direction to tell


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
    values: xr.DataArray, cut: Segments, sites: Sites, feature: int, live: np.ndarray
) -> Lags | None:
    """Lags of each block that has a whole segment; None if none has.

    Two readings: the first for the power of each site in each tile (and, of more than
    128 sites, for the principal axes of the real part of the cross-spectrum, which
    reversal of time leaves as they are), the second for the lags.
    """
    tiles, places = cut.tiles, sites.positions[live]
    held: list[tuple[int, np.ndarray]] | None = None
    if values.size <= _HELD:  # a small recording is transformed once
        held = list(spectra(values, cut, feature, live))
    squares = np.zeros((cut.frequencies.size, len(places)))
    total, snapshots = 0, []
    stride = max(1, cut.trials * cut.each * 3 * cut.frequencies.size // _SNAPSHOTS)
    for _, found in held or spectra(values, cut, feature, live):
        squares += np.sum(found.real**2 + found.imag**2, axis=(0, 1))
        total += len(found)
        if len(places) > MOST_AXES:
            snapshots.append(found.reshape(-1, len(places))[::stride])
    if not total:
        return None
    power = np.add.reduceat(squares, [tile.start for tile in tiles])  # (tile, site)
    if np.any(power <= 0):
        raise InputError(
            f"field '{values.name}': {int((power <= 0).any(axis=0).sum())} sites have "
            "no power in a part of the band"
        )
    scale = np.repeat(1 / np.sqrt(power), [t.stop - t.start for t in tiles], axis=0)
    axes = principal_axes(np.concatenate(snapshots)) if snapshots else None
    near = neighbours(sites, live)
    k, toward = _wavenumbers(places, _steps(sites))
    into = np.exp(1j * places @ k.T)  # a wave along k is exp(-i k.r)
    kinds = len(places) if axes is None else axes.shape[1]
    upper = np.triu_indices(kinds, 1)
    pairs = np.zeros((cut.cells, len(tiles), upper[0].size))
    slope, bias = np.zeros((cut.cells, 2)), np.zeros((cut.cells, 2))
    members, energy = np.zeros(cut.cells), 0.0
    keeping = _Keeping(cut.frequencies.size, min(_LAGS, (total - 1) // 2))
    loudness = 1 / np.sqrt(power.sum(axis=0))
    for cell, found in held or spectra(values, cut, feature, live):
        members[cell] += len(found)
        keeping.add(found[:, 0] * loudness)
        strength = np.abs((found * loudness) @ into) ** 2
        bias[cell] += strength.sum(axis=(0, 1, 2)) @ toward
        energy += float(strength.sum())
        whole = found * scale  # (segment, taper, frequency, site)
        slope[cell] += slopes(whole, near)
        seen = whole if axes is None else whole @ axes
        for tile, part in enumerate(tiles):
            mine = seen[:, :, part].reshape(-1, kinds)
            half = mine.imag.T @ mine.real
            pairs[cell, tile] += half[upper] - half.T[upper]
    kept = members > 0
    coherence = keeping.coherence(tiles)
    starts, steady = _starts(int(kept.sum()), total, coherence)
    return Lags(
        pairs=np.add.reduceat(pairs[kept], starts),
        slope=np.add.reduceat(slope[kept], starts) @ near.metric / len(tiles),
        asymmetry=np.add.reduceat(bias[kept], starts) / energy,
        coherence=float(coherence[0]) if coherence.size else np.nan,
        steady=steady,
        near=near,
        of_sites=np.stack(upper, axis=1) if axes is None else None,
    )


class _Keeping:
    """Products of segments with those 1 to `lags` before, as they come by."""

    def __init__(self, frequencies: int, lags: int):
        self._last: list[np.ndarray] = []
        self._products = np.zeros((lags, frequencies), dtype=complex)
        self._power = np.zeros(frequencies)
        self._pairs, self._count = np.zeros(lags), 0

    def add(self, found: np.ndarray) -> None:
        """Segments (segment, frequency, site) that follow those before."""
        for segment in found:
            for lag, earlier in enumerate(self._last):
                self._products[lag] += np.sum(segment * earlier.conj(), axis=1)
                self._pairs[lag] += 1
            self._power += np.sum(np.abs(segment) ** 2, axis=1)
            self._count += 1
            self._last = [segment, *self._last][: len(self._products)]

    def coherence(self, tiles: tuple[slice, ...]) -> np.ndarray:
        """Coherence (lag,) of segments with earlier ones, of the most coherent tile.

        Squares are averaged over the frequencies of a tile by their power, so that a
        narrow rhythm counts for what it is there.
        """
        if not self._pairs.size:
            return np.zeros(0)
        share = np.maximum(self._pairs, 1)[:, None] / max(self._count, 1)
        kept = np.abs(self._products / share) ** 2
        begins = [tile.start for tile in tiles]
        most = np.add.reduceat(self._power**2, begins)
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
    flat = whole.reshape(-1, whole.shape[-1]).T.copy()
    lead = np.einsum("ps,ps->p", flat.imag[near.first], flat.real[near.second])
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


def _wavenumbers(
    places: np.ndarray, steps: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Wavenumbers (k, 2) in rad/mm up to half of 1/step, and unit vectors."""
    extent = np.maximum(np.ptp(places, axis=0), steps)
    highest = np.pi / steps
    sides = np.minimum(_MOST_WAVENUMBERS, np.round(extent / steps / 2)).astype(int)
    x, y = (most * np.arange(-side, side + 1) / max(side, 1)
            for most, side in zip(highest, sides, strict=True))  # fmt: skip
    k = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    size = np.linalg.norm(k / highest, axis=1)
    k = k[(size > 0) & (size < 1 - 1e-9)]
    return k, k / np.linalg.norm(k, axis=1, keepdims=True)


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
