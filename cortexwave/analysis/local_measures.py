"""What the phase and its gradient say frame by frame: speed, direction, order, flux.

None of them is evidence of a wave by itself: smooth noise in which nothing travels has
a phase-gradient directionality above 0.5 in up to two thirds of its frames, and speeds
inside the published range. They describe what `net_lags` or an event's surrogates have
shown to travel.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import scipy.sparse
import xarray as xr

from cortexwave.analysis.sites import Sites, like
from cortexwave.analysis.wave_frames import Frames, frame_blocks
from cortexwave.errors import InputError

# A difference of phase this small, in rad per pitch, is rounding, not a gradient.
_NULL = 1e-9
DENSE = 256  # sites up to which a full matrix is faster than a sparse one
SYNCHRONOUS = 0.85  # synchrony; Townsend & Gong 2018
# Share of the variance of phase that a plane leaves to noise. Of synchronous fields
# with 0.3 rad of phase noise on 10 x 10 sites a plane explains more than 0.8 in none
# where the noise is independent, in 2.5 % where it is smoothed with a Gaussian of two
# pitches (2,000 fields).
_ON_A_PLANE = 0.8
# Waves standing in noise of a fourteenth of their power (0 dB broadband, filtered to
# 5-40 Hz of 500) have 0.67 and more in 95 %. Of noise frames 0, 0, 2 and 5 %
# are called standing, smoothed with a Gaussian of 0, 1, 2 and 4 pitches (2,000 each).
_STANDING = 0.6
TRAVELS, IN_UNISON, STANDS = 0, 1, 2
NO_VELOCITY = (
    "NaN where the frame is synchronous (synchrony of 0.85 or more, and a plane "
    "explains less than 0.8 of the variance of phase) or stands (phases in two groups "
    "half a turn apart): a gradient of noise alone has no speed"
)


def velocity(frames: Frames) -> dict[str, np.ndarray]:
    """`speed` (mm/s), `wavelength` (mm) and `direction` (deg), each (frame,).

    Speed 2 pi |f| / |gradient| and wavelength 2 pi / |gradient| are medians over sites;
    noise steepens gradients, so both are too small in noise (`plane_wave` is not).
    Direction is that of the mean of the propagation field, counter-clockwise from +x.
    All are NaN where the frame does not travel (`kinds_of_rest`); of waves much longer
    than the array only a plane is told from unison.
    """
    moving = kinds_of_rest(frames) == TRAVELS
    with np.errstate(divide="ignore", invalid="ignore"):
        wavelength = np.where(frames.known, 2 * np.pi / frames.slope, np.nan)
        speeds = np.abs(frames.frequency) * wavelength
    x, y = (part.sum(axis=1) for part in (frames.travel_x, frames.travel_y))
    found = {
        "speed": _median(speeds),
        "wavelength": _median(wavelength),
        "direction": (np.degrees(np.arctan2(y, x)) + 180) % 360 - 180,
    }
    null = np.hypot(x, y) <= _least(frames)
    found["direction"][null] = np.nan
    return {name: np.where(moving, values, np.nan) for name, values in found.items()}


def _least(frames: Frames) -> np.ndarray:
    """Sum of slopes (frame,) that is no more than rounding."""
    return frames.known.sum(axis=1) * _NULL / frames.sites.pitch


def _median(values: np.ndarray) -> np.ndarray:
    """Median over sites (frame,) of what is not NaN; NaN where nothing is."""
    ordered = np.sort(values, axis=1)  # NaN last; far faster than np.nanmedian
    count = values.shape[1] - np.isnan(values).sum(axis=1)
    middle = np.stack([np.maximum(count - 1, 0) // 2, count // 2], axis=1)
    middle = np.minimum(middle, values.shape[1] - 1)
    pair = np.take_along_axis(ordered, middle, axis=1)
    return np.where(count > 0, pair.mean(axis=1), np.nan)


def alignment(frames: Frames) -> dict[str, np.ndarray]:
    """`pgd` and `planarity` (frame,), both 1 where all gradients are one direction.

    Phase-gradient directionality |mean gradient| / mean |gradient| weights steep sites
    more; planarity is the length of the mean of unit vectors. NaN where there is no
    gradient at all.
    """
    least = _least(frames)
    x, y = (part.sum(axis=1) for part in (frames.travel_x, frames.travel_y))
    total = frames.slope.sum(axis=1)
    steep = frames.slope > _NULL / frames.sites.pitch
    with np.errstate(divide="ignore", invalid="ignore"):
        pgd = np.where(total > least, np.hypot(x, y) / total, np.nan)
        unit = np.where(steep, 1 / frames.slope, 0.0)
        x, y = ((part * unit).sum(axis=1)
                for part in (frames.travel_x, frames.travel_y))  # fmt: skip
        planarity = np.hypot(x, y) / steep.sum(axis=1)
    return {"pgd": pgd, "planarity": planarity}


def order(frames: Frames) -> dict[str, np.ndarray]:
    """`synchrony` |mean exp(i phase)| and `bimodality` |mean exp(2 i phase)| (frame,).

    Bimodality is 1 where phases are in one group or in two half a turn apart: with low
    synchrony, a standing wave. Phases spread over an arc have less bimodality than
    synchrony.
    """
    count = frames.live.sum(axis=1)
    cosine, sine = frames.cosine, frames.sine
    cc, ss, cs = (
        np.einsum("fs,fs->f", a, b)
        for a, b in ((cosine, cosine), (sine, sine), (cosine, sine))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "synchrony": np.hypot(cosine.sum(axis=1), sine.sum(axis=1)) / count,
            "bimodality": np.hypot(cc - ss, 2 * cs) / count,
        }


def kinds_of_rest(frames: Frames) -> np.ndarray:
    """0 where a frame may travel, 1 where it is in unison, 2 where it stands (frame,).

    In unison: synchrony of 0.85 or more, unless a plane explains 0.8 or more of the
    variance of phase (adjusted for its two slopes). Standing: bimodality of 0.6 or
    more, and more than synchrony. Noise that is smooth over much of the array may look
    like either.
    """
    found = order(frames)
    kinds = np.full(len(frames.live), TRAVELS)
    alike = np.flatnonzero(found["synchrony"] >= SYNCHRONOUS)
    flat = _share_on_a_plane(frames, alike) < _ON_A_PLANE
    kinds[alike[flat]] = IN_UNISON
    two = (found["bimodality"] >= _STANDING) & (
        found["bimodality"] > found["synchrony"] + 1e-9
    )
    kinds[two & (found["synchrony"] < SYNCHRONOUS)] = STANDS
    return kinds


def _share_on_a_plane(frames: Frames, which: np.ndarray) -> np.ndarray:
    """Share of the variance of phase, about its mean, on a plane: of some frames."""
    phasor = frames.cosine[which] + 1j * frames.sine[which]
    live = frames.live[which].astype(float)
    mean = phasor.sum(axis=1, keepdims=True)
    psi = np.angle(phasor * mean.conj()) * live
    x, y = (frames.sites.positions - frames.sites.positions.mean(axis=0)).T
    n = live.sum(axis=1)
    sums = live @ np.stack([x, y, x * x, x * y, y * y], axis=1)
    total = psi.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        xx = sums[:, 2] - sums[:, 0] ** 2 / n
        xy = sums[:, 3] - sums[:, 0] * sums[:, 1] / n
        yy = sums[:, 4] - sums[:, 1] ** 2 / n
        px, py = psi @ x - total * sums[:, 0] / n, psi @ y - total * sums[:, 1] / n
        variance = (psi**2).sum(axis=1) - total**2 / n
        explained = (yy * px**2 - 2 * xy * px * py + xx * py**2) / (xx * yy - xy**2)
        share = 1 - (1 - explained / variance) * (n - 1) / (n - 3)
    # without variance, or of too few sites, nothing is on a plane
    real = (variance > n * _NULL**2) & np.isfinite(share)
    return np.where(real, share, 0.0)


def flux(frames: Frames) -> dict[str, np.ndarray]:
    """`divergence` and `curl` (frame,) of the propagation field, in rad/mm^2.

    Means over sites. Divergence is positive where a wave spreads, curl where it turns
    counter-clockwise.
    """
    divergence, curl = (np.full(len(frames.known), np.nan) for _ in range(2))
    for which, known in same_sites(frames.known):
        slope_y, slope_x, whole = derivatives(frames.sites, known)
        if not whole.any():
            continue
        mean = whole / whole.sum()
        by_x, by_y = slope_x.T @ mean, slope_y.T @ mean
        x, y = frames.travel_x[which], frames.travel_y[which]
        divergence[which] = x @ by_x + y @ by_y
        curl[which] = y @ by_x - x @ by_y
    return {"divergence": divergence, "curl": curl}


def divergence_and_curl(
    x: np.ndarray, y: np.ndarray, sites: Sites
) -> tuple[np.ndarray, np.ndarray]:
    """Divergence and curl (frame, site) of a vector field (frame, site), per mm.

    Differences are centred inside, one-sided at edges and beside missing (NaN) sites;
    NaN where a site is missing or has no neighbour along an axis.
    """
    divergence, curl = (np.full(x.shape, np.nan) for _ in range(2))
    for which, known in same_sites(~np.isnan(x + y)):
        slope_y, slope_x, whole = derivatives(sites, known)
        u, v = (np.where(known, part[which], 0.0).T for part in (x, y))
        for out, values in (
            (divergence, slope_x @ u + slope_y @ v),
            (curl, slope_x @ v - slope_y @ u),
        ):
            values[~whole] = np.nan
            out[which] = values.T
    return divergence, curl


def divergence_map(field: xr.Dataset) -> xr.DataArray:
    """Divergence of the propagation field at every site, in rad/mm^2."""
    return _map(field, 0, "divergence")


def curl_map(field: xr.Dataset) -> xr.DataArray:
    """Curl of the propagation field at every site, in rad/mm^2; + counter-clockwise."""
    return _map(field, 1, "curl")


def _map(field: xr.Dataset, which: int, name: str) -> xr.DataArray:
    phase = field["phase"]
    shape = [phase.sizes.get(dim, 1) for dim in ("trial", "feature", "time")]
    values = np.empty((*shape, phase.size // int(np.prod(shape))))
    for stretch, blocks in frame_blocks(field):
        rows = []
        for frames in blocks:
            x, y = (np.where(frames.known, part, np.nan)
                    for part in (frames.travel_x, frames.travel_y))  # fmt: skip
            rows.append(divergence_and_curl(x, y, frames.sites)[which])
        part = values[:, :, stretch]
        part[:] = np.concatenate(rows).reshape(part.shape)
    return like(phase, values).rename(name).assign_attrs(units="rad/mm^2")


def derivatives(
    sites: Sites, known: np.ndarray
) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array, np.ndarray]:
    """d/dy, d/dx (site, site) per mm, and at which known sites (site,) both exist."""
    if sites.shape is None or sites.spacing is None:
        raise InputError(
            "divergence, curl, sources and sinks need a lattice, and these are "
            "scattered electrodes; lay them on a lattice first: on_lattice(recording)"
        )
    return lattice_derivatives(sites.shape, sites.spacing, known)


def lattice_derivatives(
    shape: tuple[int, int], spacing: tuple[float, float], known: np.ndarray
) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array, np.ndarray]:
    """`derivatives` on a lattice of shape (y, x) and signed spacing (y, x) in mm."""
    slope_y, slope_x, paired = _differences(shape, spacing, known.tobytes())
    return slope_y, slope_x, known & paired


@lru_cache(maxsize=8)
def _differences(
    shape: tuple[int, int], spacings: tuple[float, float], sites_known: bytes
) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array, np.ndarray]:
    """d/dy, d/dx (site, site), and where both exist; the same for block after block."""
    known = np.frombuffer(sites_known, dtype=bool)
    count = known.size
    numbers = np.arange(count).reshape(shape)
    found, steps = [], np.zeros((2, count))
    for axis, spacing in enumerate(spacings):
        rows = np.moveaxis(numbers, axis, -1)
        ahead, behind = rows[:, 1:].ravel(), rows[:, :-1].ravel()
        paired = known[ahead] & known[behind]
        ahead, behind = ahead[paired], behind[paired]
        # the mean of the steps to both neighbours, or the one there is
        np.add.at(steps[axis], np.concatenate([ahead, behind]), 1)
        own = np.concatenate([behind, behind, ahead, ahead])
        other = np.concatenate([ahead, behind, ahead, behind])
        value = np.repeat([1.0, -1.0, 1.0, -1.0], len(ahead)) / spacing
        matrix = scipy.sparse.csr_array(
            (value / steps[axis][own], (own, other)), shape=(count, count)
        )
        matrix.sum_duplicates()
        found.append(matrix)
    return found[0], found[1], np.all(steps > 0, axis=0)


def same_sites(known: np.ndarray) -> Iterator[tuple[slice | np.ndarray, np.ndarray]]:
    """Frames that know the same sites, and which (site,) those are."""
    if not len(known):
        return
    if (known == known[0]).all():
        yield slice(None), known[0]
        return
    patterns, kinds = np.unique(known, axis=0, return_inverse=True)
    for kind, pattern in enumerate(patterns):
        yield np.flatnonzero(kinds.ravel() == kind), pattern
