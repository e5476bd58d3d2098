"""Waves that spread from a point or gather there: where it is, and how well they do.

The point is where the divergence of the propagation field is greatest (a source) or
least (a sink); the score is the circular-linear correlation of phase with the distance
from it. A plane wave has 0.5 to 0.7 of it, too, and shuffled phases have more on fewer
sites: what counts as large is a matter of permutation on the same sites
(`rho_threshold`), and the divergence tells a source from a sink, as rho has no sign.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import scipy.sparse
import xarray as xr

from cortexwave.analysis.gradient import gradient_of_phase
from cortexwave.analysis.local_measures import (
    DENSE,
    derivatives,
    lattice_derivatives,
    same_sites,
)
from cortexwave.analysis.sites import Sites
from cortexwave.analysis.wave_frames import Frames, frame_blocks, frames_from
from cortexwave.errors import InputError

# Divergence, as a share of slope per pitch, that is no more than rounding: a plane
# wave without noise has no source.
_NULL = 1e-6
_FLAT = 1e-18  # variance of a cosine or sine that is no more than rounding


def source_and_sink(frames: Frames) -> dict[str, np.ndarray]:
    """`source_rho`, `source_x`, `source_y` (mm), and the same of the sink, (frame,)."""
    peaks = _peaks(
        frames.travel_x, frames.travel_y, frames.slope, frames.known, frames.sites
    )
    between = _distances(frames.sites)
    phase = [_about_mean(part, frames.live) for part in (frames.cosine, frames.sine)]
    found = {}
    for name, at in zip(("source", "sink"), peaks, strict=True):
        rho = _rho(phase, between[at], frames.live)
        x, y = np.where(at[:, None] >= 0, frames.sites.positions[at], np.nan).T
        found[f"{name}_rho"] = np.where(at >= 0, rho, np.nan)
        found[f"{name}_x"], found[f"{name}_y"] = x, y
    return found


def _distances(sites: Sites) -> np.ndarray:
    """Distance (site, site) in mm."""
    return _distances_between(sites.positions.tobytes())


@lru_cache(maxsize=2)
def _distances_between(positions: bytes) -> np.ndarray:
    at = np.frombuffer(positions).reshape(-1, 2)
    return np.sqrt(((at[:, None] - at) ** 2).sum(axis=-1))


def source_and_sink_sites(
    travel_x: np.ndarray, travel_y: np.ndarray, sites: Sites
) -> tuple[np.ndarray, np.ndarray]:
    """Sites (frame,) of greatest and of least divergence of a field (frame, site).

    Divergence is first averaged over each site and its neighbours (3 x 3). -1 where
    nothing spreads, or nothing gathers: on a plane wave without noise, or where nothing
    is known. Missing values are NaN.
    """
    known = ~np.isnan(travel_x + travel_y)
    x, y = (np.where(known, part, 0.0) for part in (travel_x, travel_y))
    return _peaks(x, y, np.hypot(x, y), known, sites)


def _peaks(
    x: np.ndarray, y: np.ndarray, slope: np.ndarray, known: np.ndarray, sites: Sites
) -> tuple[np.ndarray, np.ndarray]:
    found = np.full((2, len(known)), -1)
    for which, pattern in same_sites(known):
        # the door for sites that are no lattice
        slope_y, slope_x, whole = derivatives(sites, pattern)
        if not whole.any():
            continue
        if sites.count <= DENSE:
            by_x, by_y = _dense(sites.shape, sites.spacing, pattern.tobytes())
            divergence = x[which] @ by_x
            divergence += y[which] @ by_y
        else:
            plain = slope_x[whole] @ x[which].T + slope_y[whole] @ y[which].T
            divergence = (_mean_beside(sites.shape, whole) @ plain).T
        least = _NULL * slope[which].max(axis=1) / sites.pitch
        places, rows = np.flatnonzero(whole), np.arange(len(divergence))
        for row, sign, best in ((0, 1, np.argmax), (1, -1, np.argmin)):
            at = best(divergence, axis=1)
            real = sign * divergence[rows, at] > least
            found[row, which] = np.where(real, places[at], -1)
    return found[0], found[1]


@lru_cache(maxsize=4)
def _dense(
    shape: tuple[int, int], spacing: tuple[float, float], known: bytes
) -> tuple[np.ndarray, np.ndarray]:
    """What x, y (site) are multiplied by for the mean divergence (whole site)."""
    pattern = np.frombuffer(known, dtype=bool)
    slope_y, slope_x, whole = lattice_derivatives(shape, spacing, pattern)
    mean = _mean_beside(shape, whole)
    return (mean @ slope_x[whole]).T.toarray(), (mean @ slope_y[whole]).T.toarray()


def _mean_beside(
    shape: tuple[int, int] | None, whole: np.ndarray
) -> scipy.sparse.csr_array:
    """Mean over each whole site of a lattice and its whole neighbours, up to 3 x 3."""
    row, column = np.divmod(np.flatnonzero(whole), (shape or (1, 1))[1])
    number = np.full(whole.size, -1)
    number[whole] = np.arange(row.size)
    number = np.pad(number.reshape(shape or (1, 1)), 1, constant_values=-1)
    beside = np.stack([number[row + i, column + j] for i in range(3) for j in range(3)])
    own = np.broadcast_to(np.arange(row.size), beside.shape)[beside >= 0]
    other = beside[beside >= 0]
    weight = 1 / (beside >= 0).sum(axis=0)
    return scipy.sparse.csr_array((weight[own], (own, other)), (row.size, row.size))


def rho_phase_distance(phase: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Circular-linear correlation (frame,), 0 to 1, of phase and distance.

    Phase is (frame, site), distance (site,) or (frame, site), in any unit. With the
    correlations rs, rc of distance with sin and cos of phase and rsc of sin with cos,
    rho^2 = (rc^2 + rs^2 - 2 rc rs rsc) / (1 - rsc^2) (Zar 1999, eq. 27.47; Berens
    2009). Missing sites (NaN in phase or distance) are left out; NaN where fewer than 4
    are left, or phase or distance is everywhere the same.
    """
    distance = np.broadcast_to(distance, phase.shape)
    live = ~(np.isnan(phase) | np.isnan(distance))
    return _rho([_about_mean(f(phase), live) for f in (np.cos, np.sin)], distance, live)


def _rho(phase: list[np.ndarray], distance: np.ndarray, live: np.ndarray) -> np.ndarray:
    """As `rho_phase_distance`, of cosine and sine about their means."""
    c, s = phase
    d = _about_mean(distance, live)
    cc, ss, dd, sc, ds, dc = (
        np.einsum("fs,fs->f", a, b)
        for a, b in ((c, c), (s, s), (d, d), (s, c), (d, s), (d, c))
    )
    n = live.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rs, rc, rsc = (
            ds / np.sqrt(dd * ss),
            dc / np.sqrt(dd * cc),
            sc / np.sqrt(ss * cc),
        )
        squared = (rc**2 + rs**2 - 2 * rc * rs * rsc) / (1 - rsc**2)
        known = (n >= 4) & (np.minimum(ss, cc) > _FLAT * n)
        return np.where(known, np.sqrt(np.clip(squared, 0, 1)), np.nan)


def _about_mean(values: np.ndarray, live: np.ndarray) -> np.ndarray:
    """Live values (frame, site) less their mean; 0 elsewhere.

    Before anything is multiplied: a difference of large sums would cost digits.
    """
    if live.all():
        return values - values.mean(axis=1, keepdims=True)
    known = np.where(live, values, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = known.sum(axis=1, keepdims=True) / live.sum(axis=1, keepdims=True)
    return np.where(live, known - mean, 0.0)


def rho_threshold(
    field: xr.Dataset, *, share: float, seed: int, count: int = 1000
) -> float:
    """What `share` of shuffled frames stay below in `source_rho`, on these sites.

    `count` valid frames are drawn, the phases of the live sites of each are put on its
    live sites in random order, and the source is sought anew, as its search is part of
    the score. More than this says that phase is ordered in space, which a smooth field
    always is, not that anything travels. A seed gives the same value again.
    """
    if not 0 < share < 1:
        raise InputError(f"share is {share}; it is a part of the frames, 0 to 1")
    if count < 1:
        raise InputError(f"count is {count}; at least one frame has to be shuffled")
    draw = np.random.default_rng(seed)
    rows = _drawn(field, count, draw)
    values: list[np.ndarray] = []
    for phase, sites in rows:
        for frame in phase:
            live = np.flatnonzero(~np.isnan(frame))
            frame[live] = frame[draw.permutation(live)]
        slopes = gradient_of_phase(phase, sites)
        frames = frames_from(phase, np.ones(phase.shape), *slopes, sites)
        values.append(source_and_sink(frames)["source_rho"])
    found = np.concatenate(values) if values else np.empty(0)
    found = found[~np.isnan(found)]
    if not found.size:
        raise InputError("no valid frame of the field has live sites to be shuffled")
    return float(np.quantile(found, share))


def _drawn(
    field: xr.Dataset, count: int, draw: np.random.Generator
) -> Iterator[tuple[np.ndarray, Sites]]:
    """Phases (frame, site) of valid frames drawn with return, stretch by stretch."""
    valid = np.flatnonzero(np.asarray(field["valid"].values))
    if not valid.size:
        return
    chosen = np.sort(draw.choice(valid, count))
    frames = field.isel(time=np.unique(chosen))
    for _, blocks in frame_blocks(frames):
        for block in blocks:
            phase = np.where(block.live, np.arctan2(block.sine, block.cosine), np.nan)
            yield phase, block.sites
