"""Does one site lead another on average? The test of propagation for a whole recording.

Waves that go one way more than the other, that come out of one place or turn one way
round, leave lags: the imaginary part of the cross-spectrum is not zero. Zero-lag
fields have none, however smooth they are and however that depends on frequency; nor
have what a common reference adds, noise of each sensor, or bursts that begin everywhere
at once. Each segment of a zero-lag recording is as likely as itself reversed in time,
which turns the sign of its lags; the recording is compared with all it could have been
(`cortexwave.analysis.sign_flips`), so nothing is assumed of spectra or of Gaussianity.

One coin is tossed for all frequencies of a block. A coin for each few frequencies, as
in `covariance_surrogates.without_lags`, is exact for a stationary field as a whole; of
tapered segments it called a third of the two-source decoys and of zero-lag bursts
travelling at 5 %, as leakage and the course of a burst tie frequencies together.
A block is a run of segments, three times as long as phases are kept where there is
time for eight of them: two sources of one narrow rhythm that do not heed each other
lead one another for as long as that.

What it cannot see: waves as many one way as the other (they have no net lags), and
single events among many. What it takes for lags: modules active one after another in a
fixed order, and, where segments are not independent, two steady rhythms of one
frequency (`segment_coherence` tells).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.spatial import cKDTree

from cortexwave.analysis.segment_spectra import (
    Segments,
    live_in,
    segments_of,
    spectra,
)
from cortexwave.analysis.sign_flips import FEWEST_BLOCKS, flipped, lengths, signs
from cortexwave.analysis.sites import Sites, picked, sampling_rate, sites_of
from cortexwave.errors import InputError

FEWEST_SITES = 9
_MOST_AXES = 128
_SNAPSHOTS = 512
# pairs up to two pitches apart: lags of waves longer than 4 pitches are not aliased
_REACH = 2.05
_MOST_WAVENUMBERS = 12  # to each side, along an axis
_BLOCKS = 24
_BLOCKS_KEPT = 8  # not fewer for the sake of a rhythm: p could not be small
_MEMORY = 3  # blocks are as many times longer than phases are kept
_LAGS = 8  # segments over which phases are followed
_INCOHERENT = 0.4  # by chance up to 0.3 in a smooth field of 20 segments


@dataclass(frozen=True)
class Lags:
    """What the blocks of a recording say of lags, each a sum over its segments."""

    pairs: np.ndarray  # (block, tile, entry): imaginary coherency of pairs of axes
    slope: np.ndarray  # (block, 2): imaginary coherency per mm along x and y
    asymmetry: np.ndarray  # (block, 2): sum of P(k) k / |k|, of all P = 1
    coherence: float  # of neighbouring segments
    steady: bool  # phases are kept for longer than blocks can be


def net_lags(
    recording: xr.Dataset,
    *,
    band: tuple[float, float],
    seed: int,
    variable: str | None = None,
    count: int = 999,
    segment: float | None = None,
    alpha: float = 0.05,
) -> xr.Dataset:
    """p that a recording without lags would show such lags in a band (Hz).

    Scalars, or over `feature`. `p` is that of two statistics together, as `p_directed`
    (lags along one direction: the slope of the imaginary coherency over pairs up to two
    pitches apart) and `p_omnibus` (any pattern of lags that stays: plane, out of a
    source, turning; all pairs, in up to 8 parts of the band), with `z_directed` and
    `z_omnibus` in sd of the flips. `direction` (deg, where it travels on the whole) and
    its jackknife `direction_error` (deg) say something where `p_directed` is small.
    `slope_x`, `slope_y` in 1/mm. `asymmetry` is the net direction asymmetry |sum P(k)
    k_hat| / sum P(k), 0 to 1, beside `asymmetry_chance`, its mean over the flips.
    `segment_coherence` (0 to 1): how well phases are kept from segment to segment.
    Where a rhythm keeps them for longer than blocks can be, the attribute `caution`
    says so. `used_blocks`: how many coins there are. `verdict`: "net lags", "no net
    lags found" (at `alpha`), or "undetermined: " and why.

    `segment` in s; None takes a sixteenth of the recording, but 2 to 4 cycles of the
    band's lower end at least and at most. Each trial is cut for itself. Channels that
    are missing or constant are left out, as are segments with a missing value; each
    site counts alike, by its power. Give the recording unfiltered. Read piece by piece.
    """
    values = picked(recording, variable)
    sites = sites_of(values)
    cut = segments_of(values, sampling_rate(values), band, segment)
    if count < 99:
        raise InputError(f"count is {count}; a p of 0.05 needs 99 flips or more")
    rows = [
        _tested(values, cut, sites, feature, count=count, seed=seed, alpha=alpha)
        for feature in range(values.sizes.get("feature", 1))
    ]
    dims = ("feature",) if "feature" in values.dims else ()
    found = {
        name: xr.Variable(dims, [row[name] for row in rows] if dims else rows[0][name],
                          {"units": _UNITS[name]} if _UNITS[name] else {})
        for name in _UNITS
    }  # fmt: skip
    steady = any(row["steady"] for row in rows)
    attributes = {
        "variable": str(values.name), "band": [float(end) for end in band],
        "segment": cut.seconds, "count": count, "seed": seed,
        "alpha": alpha, "null": "each block of segments reversed in time or not",
        "caution": _CAUTION if steady else "",
        "reference": str(recording.attrs.get("reference", "")),
    }  # fmt: skip
    coords = (
        {"feature": values["feature"]} if dims and "feature" in values.coords else {}
    )
    return xr.Dataset(found, coords, attributes)


_UNITS = {
    "p": "1", "p_directed": "1", "p_omnibus": "1", "z_directed": "1", "z_omnibus": "1",
    "direction": "deg", "direction_error": "deg", "slope_x": "1/mm", "slope_y": "1/mm",
    "asymmetry": "1", "asymmetry_chance": "1", "segment_coherence": "1",
    "used_blocks": "1", "verdict": "",
}  # fmt: skip
_CAUTION = (
    "a rhythm keeps its phase from segment to segment: segments are not independent, "
    "and two steady sources that do not travel would look alike"
)


def _tested(
    values: xr.DataArray, cut: Segments, sites: Sites, feature: int,
    *, count: int, seed: int, alpha: float,
) -> dict:  # fmt: skip
    live = live_in(values, cut, feature)
    if live.sum() < FEWEST_SITES:
        raise InputError(
            f"field '{values.name}' has {int(live.sum())} sites that are neither "
            f"missing nor constant; net lags need {FEWEST_SITES}"
        )
    lags = block_lags(values, cut, sites, feature, live)
    blocks = 0 if lags is None else len(lags.slope)
    if lags is None or blocks < FEWEST_BLOCKS:
        nothing: dict = dict.fromkeys(_UNITS, np.nan)
        why = (f"undetermined: {blocks} whole segments of {cut.seconds:.3g} s; "
               f"{FEWEST_BLOCKS} are needed")  # fmt: skip
        return {**nothing, "used_blocks": blocks, "verdict": why, "steady": False}
    sign = signs(blocks, count=count, seed=seed)
    asymmetry = np.linalg.norm(sign @ lags.asymmetry, axis=1)
    test = flipped({
        "directed": np.linalg.norm(sign @ lags.slope, axis=1),
        "omnibus": lengths(sign, lags.pairs),
    })  # fmt: skip
    slope = lags.slope.sum(axis=0)
    return {
        "p": test.combined,
        "p_directed": test.p["directed"], "p_omnibus": test.p["omnibus"],
        "z_directed": test.z["directed"], "z_omnibus": test.z["omnibus"],
        "direction": degrees(slope), "direction_error": direction_error(lags.slope),
        "slope_x": slope[0], "slope_y": slope[1],
        "asymmetry": asymmetry[0], "asymmetry_chance": asymmetry[1:].mean(),
        "segment_coherence": lags.coherence, "used_blocks": blocks,
        "steady": lags.steady,
        "verdict": "net lags" if test.combined <= alpha else "no net lags found",
    }  # fmt: skip


def block_lags(
    values: xr.DataArray, cut: Segments, sites: Sites, feature: int, live: np.ndarray
) -> Lags | None:
    """Lags of each block that has a whole segment; None if none has.

    Two readings: the first for the power of each site in each tile (and, of more than
    128 sites, for the principal axes of the real part of the cross-spectrum, which
    reversal of time leaves as they are), the second for the lags.
    """
    tiles, places = cut.tiles, sites.positions[live]
    power = np.zeros((len(tiles), len(places)))
    total, snapshots = 0, []
    stride = max(1, cut.trials * cut.each * 3 * cut.frequencies.size // _SNAPSHOTS)
    for _, found in spectra(values, cut, feature, live):
        power += _by_tile(np.abs(found) ** 2, tiles).sum(axis=(0, 1))
        total += len(found)
        if len(places) > _MOST_AXES:
            snapshots.append(found.reshape(-1, len(places))[::stride])
    if not total:
        return None
    if np.any(power <= 0):
        raise InputError(
            f"field '{values.name}': {int((power <= 0).any(axis=0).sum())} sites have "
            "no power in a part of the band"
        )
    scale = np.repeat(1 / np.sqrt(power), [t.stop - t.start for t in tiles], axis=0)
    axes = _principal(np.concatenate(snapshots)) if snapshots else None
    across, metric = _neighbours(places, _REACH * sites.pitch)
    k, toward = _wavenumbers(places, sites.pitch)
    into = np.exp(1j * places @ k.T)  # a wave along k is exp(-i k.r)
    kinds = len(places) if axes is None else axes.shape[1]
    upper = np.triu_indices(kinds, 1)
    pairs = np.zeros((cut.cells, len(tiles), upper[0].size))
    slope, bias = np.zeros((cut.cells, 2)), np.zeros((cut.cells, 2))
    members, energy = np.zeros(cut.cells), 0.0
    keeping = _Keeping(cut.frequencies.size, min(_LAGS, (total - 1) // 2))
    loudness = 1 / np.sqrt(power.sum(axis=0))
    for cell, found in spectra(values, cut, feature, live):
        members[cell] += len(found)
        keeping.add(found[:, 0] * loudness)
        strength = np.abs((found * loudness) @ into) ** 2
        bias[cell] += strength.sum(axis=(0, 1, 2)) @ toward
        energy += float(strength.sum())
        whole = found * scale  # (segment, taper, frequency, site)
        slope[cell] += _slopes(whole, across)
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
        slope=np.add.reduceat(slope[kept], starts) @ metric / len(tiles),
        asymmetry=np.add.reduceat(bias[kept], starts) / energy,
        coherence=float(coherence[0]) if coherence.size else np.nan,
        steady=steady,
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
    if steady and not lost.size:
        wanted = _BLOCKS  # it may go on for ever: shorter blocks are no worse
    blocks = min(cells, _BLOCKS, max(wanted, _BLOCKS_KEPT))
    return np.arange(blocks) * cells // blocks, steady


def _by_tile(values: np.ndarray, tiles: tuple[slice, ...]) -> np.ndarray:
    """Sums over the frequencies of each tile: (segment, taper, tile, site)."""
    return np.add.reduceat(values, [tile.start for tile in tiles], axis=2)


def _principal(snapshots: np.ndarray) -> np.ndarray:
    """The strongest axes (site, axis) of what the sites share at lag 0."""
    scale = np.sqrt(np.mean(np.abs(snapshots) ** 2, axis=0))
    rows = np.concatenate([snapshots.real, snapshots.imag]) / scale
    _, vectors = np.linalg.eigh(rows @ rows.T)
    axes = rows.T @ vectors[:, -_MOST_AXES:]
    return axes / np.linalg.norm(axes, axis=0)


def _neighbours(
    places: np.ndarray, reach: float
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """Pairs within reach (first, second, displacement) and the inverse of sum d d'."""
    first, second = cKDTree(places).query_pairs(reach, output_type="ndarray").T
    apart = places[second] - places[first]
    return (first, second, apart), np.linalg.pinv(apart.T @ apart)


def _slopes(
    whole: np.ndarray, pairs: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> np.ndarray:
    """Sum over pairs of Im(X_i X_j*) d_ij, (2,): positive where j follows i."""
    first, second, apart = pairs
    flat = whole.reshape(-1, whole.shape[-1]).T.copy()
    lead = np.einsum("ps,ps->p", flat.imag[first], flat.real[second])
    lead -= np.einsum("ps,ps->p", flat.real[first], flat.imag[second])
    return lead @ apart


def _wavenumbers(places: np.ndarray, pitch: float) -> tuple[np.ndarray, np.ndarray]:
    """Wavenumbers (k, 2) in rad/mm up to half of 1/pitch, and unit vectors."""
    extent = np.maximum(np.ptp(places, axis=0), pitch)
    highest = np.pi / pitch
    sides = np.minimum(_MOST_WAVENUMBERS, np.round(extent / pitch / 2)).astype(int)
    x, y = (np.linspace(-highest, highest, 2 * side + 1) for side in sides)
    k = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    size = np.linalg.norm(k, axis=1)
    k = k[(size > 0) & (size < highest * (1 - 1e-9))]
    return k, k / np.linalg.norm(k, axis=1, keepdims=True)


def degrees(vector: np.ndarray) -> float:
    """Direction of (x, y) in degrees, [-180, 180), counter-clockwise from +x."""
    return float((np.degrees(np.arctan2(vector[1], vector[0])) + 180) % 360 - 180)


def direction_error(vectors: np.ndarray) -> float:
    """Jackknife standard error of the direction of the sum of vectors (block, 2), deg.

    Each block is left out once (Tukey 1958); angles are taken from that of the sum.
    """
    total = vectors.sum(axis=0)
    left = total - vectors
    turn = np.angle((left @ [1, 1j]) * np.conj(total @ [1, 1j]))
    blocks = len(vectors)
    return float(np.degrees(np.sqrt((blocks - 1) / blocks * np.sum(turn**2))))
