"""The plane wave that fits the phases of a frame best, on the circle.

Of all wavenumbers k the one is sought at which exp(i (phase + k.r)) is longest on the
mean over sites (Kempter et al. 2012, J Neurosci Methods 205:113; Zhang, Watrous,
Patel & Jacobs 2018, Neuron 98:1269): first among templates close enough for the
aperture, then without steps. The array can stand on a lattice or not, and miss sites.

On a lattice a wave shorter than two spacings has the phases of a longer one, so k is
sought up to a limit only; where the best one lies at the limit, that is said.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.stats
import xarray as xr

from cortexwave.analysis.plane_error import slope_error
from cortexwave.analysis.plane_search import (
    Templates,
    WavenumberGrid,
    longest_mean,
    turns,
)
from cortexwave.analysis.sites import Sites, frames_of, like, sites_of
from cortexwave.errors import InputError
from cortexwave.schema import validate_wave_field

_BLOCK = 1 << 22  # values of templates at once
_LEAST = 9  # live sites: 3 x 3
_MOST_FRAMES = 2000  # from which the correlation of errors is had
_ROUNDING = 1e-9  # rad; what is left of a field in unison
# a field without slope is called synchronous in so many of 100 frames
_SURE = 99
_UNITS = {
    "plane_direction": "deg", "plane_wavelength": "mm", "plane_speed": "mm/s",
    "plane_resultant": "1", "plane_rho": "1", "plane_at_limit": "1",
    "wavenumber_x": "rad/mm", "wavenumber_y": "rad/mm", "wavenumber_error": "rad/mm",
    "effective_sites": "1", "speed_ceiling": "mm/s",
}  # fmt: skip


def plane_wave(field: xr.Dataset) -> xr.Dataset:
    """The plane wave that fits each frame of a wave field best, over time.

    `wavenumber_x` and `wavenumber_y` (rad/mm) point where the wave travels;
    `wavenumber_error` is their standard error, for noise correlated as what the planes
    of the trial leave (`plane_error.slope_error`) and as strong as in this frame:
    s = sqrt(mean sin^2 rest) / mean cos rest. `plane_resultant`, |mean exp(i rest)|;
    `plane_rho`, 1 - (1 - rho^2) (n - 1) / (n - 4) with the circular correlation rho of
    the phases of n sites and their plane (Zhang et al. 2018; NaN for a field in
    unison, and not to be trusted where phases go all around); `effective_sites`, by
    how many independent sites the error would be the same.

    `plane_direction` (deg), `plane_wavelength` (mm, of |k|^2 less its excess by
    chance, 2 error^2) and `plane_speed` (mm/s, of the median frequency of the sites)
    are NaN where the field is synchronous: where 99 of 100 fields without slope have
    the slope found. `speed_ceiling` is 2 pi f / (2 error), above which a wave is not
    told from synchrony. They are NaN too where `plane_at_limit`: the best k lies at
    pi / spacing (the larger one), so that it may be an alias. A standing wave is two
    waves of equal right: of it, one is found, with a low resultant.
    """
    validate_wave_field(field)
    phase = field["phase"]
    sites = sites_of(phase)
    if not sites.is_plane:
        raise InputError(
            "the sites of the wave field stand in one line; a plane wave is measured "
            "in two dimensions"
        )
    angle, frequency = frames_of(phase), frames_of(field["frequency"])
    valid = np.asarray(field["valid"].values)
    parts = [
        [
            _plane_course(angle[t, f], frequency[t, f], valid, sites)
            for f in range(angle.shape[1])
        ]
        for t in range(angle.shape[0])
    ]
    bare = phase.isel(
        {d: 0 for d in ("y", "x", "channel") if d in phase.dims}, drop=True
    )
    return xr.Dataset(
        {
            name: like(
                bare, np.array([[part[name] for part in row] for row in parts])
            ).assign_attrs(units=unit)
            for name, unit in _UNITS.items()
        },
        attrs=field.attrs | {"longest_wavenumber": longest_wavenumber(sites)},
    )


def longest_wavenumber(sites: Sites) -> float:
    """Up to which |k| (rad/mm) no two have the same phases: pi / spacing.

    Of unequal spacings the larger one. Of scattered electrodes, which have no such
    limit, pi over the usual distance of neighbours.
    """
    spacing = sites.spacing or (sites.pitch, sites.pitch)
    return float(np.pi / max(abs(step) for step in spacing))


def _plane_course(
    phase: np.ndarray, frequency: np.ndarray, valid: np.ndarray, sites: Sites
) -> dict[str, np.ndarray]:
    """Each quantity (frame,) of phase and frequency (frame, site)."""
    live = np.isfinite(phase).any(axis=0)
    if live.sum() < _LEAST:
        raise InputError(
            f"the wave field has {live.sum()} live site(s); a plane wave needs at "
            f"least {_LEAST}"
        )
    phase, positions = phase[:, live], sites.positions[live]
    centred = positions - positions.mean(axis=0)
    z = turns(phase)
    fit = fit_plane(z, positions, longest_wavenumber=longest_wavenumber(sites))
    square, rho = np.empty(len(z)), np.empty(len(z))
    size = max(1, _BLOCK // len(positions))
    for part in (slice(k, k + size) for k in range(0, len(z), size)):
        plane = turns(fit.offset[part, None] - fit.k[part] @ centred.T)
        square[part] = np.nanmean((z[part] * plane.conj()).imag ** 2, axis=1)
        rho[part] = _adjusted_rho(z[part], plane)
    # of a cosine of the rest: as its mean falls, the slope is known less
    square = square / fit.resultant**2 + _ROUNDING**2
    shown = np.flatnonzero((valid | ~valid.any()) & np.isfinite(phase).all(axis=1))
    shown = shown[:: max(1, len(shown) // _MOST_FRAMES)]
    plane = fit.offset[shown, None] - fit.k[shown] @ centred.T
    error = slope_error(np.sin(phase[shown] - plane), positions)
    variance = square * np.trace(error.per_square) / 2
    f = np.median(frequency[:, live], axis=1)
    k = fit.k * np.where(f < 0, -1.0, 1.0)[:, None]
    power = np.sum(k**2, axis=1) - 2 * variance
    excess = np.einsum("ta,ab,tb->t", k, np.linalg.inv(error.per_square), k) / square
    slopeless = 2 * scipy.stats.f.ppf(_SURE / 100, 2, error.freedom)
    known = (excess > slopeless) & (power > 0) & ~fit.at_limit
    length = np.sqrt(np.where(known, power, np.nan))
    independent = 2 / (np.trace(error.per_square) * np.mean(np.var(centred, axis=0)))
    return {
        "plane_direction": np.where(known, _degrees(k), np.nan),
        "plane_wavelength": 2 * np.pi / length,
        "plane_speed": 2 * np.pi * np.abs(f) / length,
        "plane_resultant": fit.resultant,
        "plane_rho": rho,
        "plane_at_limit": fit.at_limit,
        "wavenumber_x": k[:, 0],
        "wavenumber_y": k[:, 1],
        "wavenumber_error": np.sqrt(variance),
        "effective_sites": np.full(len(k), independent),
        "speed_ceiling": np.pi * np.abs(f) / np.sqrt(variance),
    }


def _degrees(k: np.ndarray) -> np.ndarray:
    """Direction in [-180, 180)."""
    found = np.degrees(np.arctan2(k[:, 1], k[:, 0]))
    return np.where(found >= 180, -180.0, found)


def _adjusted_rho(z: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """Jammalamadaka's circular correlation, squared, adjusted for four parameters."""
    live = np.isfinite(z)
    count = live.sum(axis=1)
    sines = []
    for each in (z, plane):
        known = each if live.all() else np.where(live, each, 0)
        mean = known.sum(axis=1, keepdims=True)
        sines.append((known * np.exp(-1j * np.angle(mean))).imag)
    a, b = sines
    spread = np.sum(b * b, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        square = np.sum(a * b, axis=1) ** 2 / (np.sum(a * a, axis=1) * spread)
        found = 1 - (1 - square) * (count - 1) / (count - 4)
    unison = spread <= count * _ROUNDING**2
    return np.where(unison | (count <= 4), np.nan, found)


@dataclass(frozen=True)
class PlaneFit:
    """The best plane of each frame: phase = offset - k.(r - mean position) + rest.

    k is the phase lag, so the direction of travel where phase grows in time. NaN where
    a frame has fewer than three live sites.
    """

    k: np.ndarray  # (frame, 2): x, y in rad/mm
    resultant: np.ndarray  # (frame,), |mean exp(i rest)|, 0 to 1
    offset: np.ndarray  # (frame,), rad, at the mean of all positions
    at_limit: np.ndarray  # (frame,) bool: no optimum inside, so perhaps an alias


def fit_plane(
    phasor: np.ndarray, positions: np.ndarray, *, longest_wavenumber: float
) -> PlaneFit:
    """The plane that fits phasors (frame, site) at positions (site, 2) in mm best.

    Amplitudes do not count; missing sites are NaN. k is sought in the disc of
    `longest_wavenumber` rad/mm (pi / pitch on a lattice).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = phasor / np.abs(phasor)
    unit = np.where(np.isfinite(unit), unit, 0)
    centred = positions - positions.mean(axis=0)
    if np.linalg.matrix_rank(centred, tol=1e-6 * np.ptp(centred)) < 2:
        raise InputError(
            f"the {len(positions)} sites stand in one line; a plane wave needs two "
            "dimensions"
        )
    grid = WavenumberGrid.over(centred, longest_wavenumber)
    templates = Templates.over(centred, grid)
    size = max(1, _BLOCK // max(grid.count, len(positions)))
    parts = [
        longest_mean(unit[start : start + size], templates)
        for start in range(0, len(unit), size)
    ]
    k, mean, at_limit = (np.concatenate(each) for each in zip(*parts, strict=True))
    live = np.count_nonzero(unit, axis=1)
    missing = live < 3
    with np.errstate(invalid="ignore"):
        mean = mean / live
    k[missing], mean[missing], at_limit[missing] = np.nan, np.nan, False
    return PlaneFit(k, np.abs(mean), np.angle(mean), at_limit)
