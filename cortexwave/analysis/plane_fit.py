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
from cortexwave.analysis.sites import Sites, frames_of, like, sites_of
from cortexwave.errors import InputError
from cortexwave.schema import validate_wave_field

_OVERSAMPLING = 4  # templates per width of the main lobe, 2 pi / aperture
_BLOCK = 1 << 22  # values of templates at once
_STEPS = 40
_CLOSE = 1e-5  # of the distance of templates; the step after it is the square
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
    fit = fit_plane(
        np.exp(1j * phase),
        sites.positions,
        longest_wavenumber=longest_wavenumber(sites),
    )
    centred = sites.positions - sites.positions.mean(axis=0)
    plane = fit.offset[:, None] - fit.k @ centred.T
    rest = np.sin(phase - plane)
    square = np.nanmean(rest**2, axis=1) / fit.resultant**2 + _ROUNDING**2
    live = np.isfinite(rest).all(axis=0)
    shown = rest[valid] if valid.any() else rest
    error = slope_error(shown[:, live], sites.positions[live])
    per_square = error.per_square
    variance = square * np.trace(per_square) / 2
    f = np.median(frequency[:, live], axis=1)
    k = fit.k * np.where(f < 0, -1.0, 1.0)[:, None]
    excess = np.einsum("ta,ab,tb->t", k, np.linalg.inv(per_square), k) / square
    slopeless = 2 * scipy.stats.f.ppf(_SURE / 100, 2, error.freedom)
    known = (excess > slopeless) & ~fit.at_limit
    with np.errstate(invalid="ignore"):
        length = np.sqrt(np.where(known, np.sum(k**2, axis=1) - 2 * variance, np.nan))
    independent = 2 / (np.trace(per_square) * np.mean(np.var(centred[live], axis=0)))
    return {
        "plane_direction": np.where(known, _degrees(k), np.nan),
        "plane_wavelength": 2 * np.pi / length,
        "plane_speed": 2 * np.pi * np.abs(f) / length,
        "plane_resultant": fit.resultant,
        "plane_rho": _adjusted_rho(phase, plane),
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


def _adjusted_rho(phase: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """Jammalamadaka's circular correlation, squared, adjusted for four parameters."""
    count = np.isfinite(phase).sum(axis=1)
    sines = []
    for angle in (phase, np.where(np.isfinite(phase), plane, np.nan)):
        mean = np.angle(np.nanmean(np.exp(1j * angle), axis=1, keepdims=True))
        sines.append(np.nan_to_num(np.sin(angle - mean)))
    a, b = sines
    with np.errstate(invalid="ignore", divide="ignore"):
        square = np.sum(a * b, axis=1) ** 2 / (
            np.sum(a * a, axis=1) * np.sum(b * b, axis=1)
        )
        found = 1 - (1 - square) * (count - 1) / (count - 4)
    unison = np.sum(b * b, axis=1) <= count * _ROUNDING**2
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
    grid = _Grid.over(centred, longest_wavenumber)
    size = max(1, _BLOCK // max(grid.count, len(positions)))
    parts = [
        _fit(unit[start : start + size], centred, grid)
        for start in range(0, len(unit), size)
    ]
    k, mean, at_limit = (np.concatenate(each) for each in zip(*parts, strict=True))
    live = np.count_nonzero(unit, axis=1)
    missing = live < 3
    with np.errstate(invalid="ignore"):
        mean = mean / live
    k[missing], mean[missing], at_limit[missing] = np.nan, np.nan, False
    return PlaneFit(k, np.abs(mean), np.angle(mean), at_limit)


@dataclass(frozen=True)
class _Grid:
    """Wavenumbers of templates: all pairs of `x` and `y` within the limit."""

    x: np.ndarray
    y: np.ndarray
    limit: float
    step: float

    @classmethod
    def over(cls, positions: np.ndarray, limit: float) -> _Grid:
        axes = []
        for length in np.ptp(positions, axis=0):
            half = int(np.ceil(limit * _OVERSAMPLING * length / (2 * np.pi))) + 1
            axes.append(np.linspace(-limit, limit, 2 * half + 1))
        steps = [2 * limit / (axis.size - 1) for axis in axes]
        return cls(axes[0], axes[1], limit, min(steps))

    @property
    def count(self) -> int:
        return self.x.size * self.y.size

    @property
    def inside(self) -> np.ndarray:
        """(y, x) bool."""
        return np.hypot(self.y[:, None], self.x) <= self.limit * (1 + 1e-12)


def _fit(
    unit: np.ndarray, positions: np.ndarray, grid: _Grid
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    power = _template_power(unit.astype(np.complex64), positions, grid)
    power[:, ~grid.inside] = -1
    best = power.reshape(len(unit), -1).argmax(axis=1)
    row, column = np.divmod(best, grid.x.size)
    start = np.stack([grid.x[column], grid.y[row]], axis=-1)
    return _refined(unit, positions, start, grid)


def _template_power(unit: np.ndarray, positions: np.ndarray, grid: _Grid) -> np.ndarray:
    """|sum u exp(i k.r)|^2 at the wavenumbers of the grid: (frame, y, x)."""
    table = _rows_and_columns(positions)
    if table is None:
        x, y = positions.T
        lag = grid.y[:, None, None] * y + grid.x[:, None] * x  # (y, x, site)
        templates = np.exp(1j * lag).astype(np.complex64).reshape(grid.count, -1)
        found = (unit @ templates.T).reshape(len(unit), grid.y.size, grid.x.size)
    else:
        # one axis after the other, as rows and columns share their templates
        at_x, at_y, column, row = table
        spread = np.zeros((len(unit), at_y.size, at_x.size), np.complex64)
        spread[:, row, column] = unit
        along_x = np.exp(1j * np.outer(at_x, grid.x)).astype(np.complex64)
        along_y = np.exp(1j * np.outer(grid.y, at_y)).astype(np.complex64)
        found = along_y @ (spread @ along_x)
    return found.real**2 + found.imag**2


def _rows_and_columns(
    positions: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """x of the columns, y of the rows, and column and row of each site."""
    near = 1e-6 * np.ptp(positions, axis=0).max()
    x, column = np.unique(np.rint(positions[:, 0] / near), return_inverse=True)
    y, row = np.unique(np.rint(positions[:, 1] / near), return_inverse=True)
    if x.size * y.size > 4 * len(positions):
        return None
    return x * near, y * near, column.ravel(), row.ravel()


def _refined(
    unit: np.ndarray, positions: np.ndarray, start: np.ndarray, grid: _Grid
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Newton's method from k `start`, in a region that shrinks where a step is bad.

    Returns k, sum u exp(i k.r) there, and whether k came to the limit.
    """
    x, y = positions.T
    basis = np.stack([np.ones(x.size), x, y, x * x, x * y, y * y], axis=-1)

    def moments(k: np.ndarray, of: np.ndarray) -> np.ndarray:
        turned = of * _turns(k @ positions.T)
        return turned.real @ basis + 1j * (turned.imag @ basis)

    k, reach = start.copy(), np.full(len(start), grid.step)
    found = moments(k, unit)
    at_limit = np.zeros(len(k), dtype=bool)
    active = np.arange(len(k))
    for _ in range(_STEPS):
        step = _newton(found[active], reach[active])
        trial = k[active] + step
        length = np.linalg.norm(trial, axis=1)
        beyond = length >= grid.limit
        trial[beyond] *= (grid.limit / length[beyond])[:, None]
        tried = moments(trial, unit[active])
        better = np.abs(tried[:, 0]) >= np.abs(found[active, 0]) * (1 - 1e-15)
        k[active[better]] = trial[better]
        found[active[better]] = tried[better]
        at_limit[active[better]] = beyond[better]
        reach[active[~better]] /= 4
        size = np.where(better & ~beyond, np.linalg.norm(step, axis=1), reach[active])
        active = active[size > _CLOSE * grid.step]
        if not active.size:
            break
    return k, found[:, 0], at_limit


def _turns(angle: np.ndarray) -> np.ndarray:
    # twice as fast as exp of an imaginary number
    turned = np.empty(angle.shape, complex)
    np.cos(angle, out=turned.real)
    np.sin(angle, out=turned.imag)
    return turned


def _newton(moments: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """A step (frame, 2) uphill in |M|^2; M and its moments with 1, x, y, xx, xy, yy."""
    m, m_x, m_y, m_xx, m_xy, m_yy = moments.T
    # d/dk turns r into i r, so with c = conj(M): slope Re(c i M_r)
    c = m.conj()
    slope = -np.stack([(c * m_x).imag, (c * m_y).imag], axis=-1)
    bend_xx = np.abs(m_x) ** 2 - (c * m_xx).real
    bend_yy = np.abs(m_y) ** 2 - (c * m_yy).real
    bend_xy = (m_x.conj() * m_y - c * m_xy).real
    determinant = bend_xx * bend_yy - bend_xy**2
    top = (determinant > 0) & (bend_xx < 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        step = -np.stack([
            bend_yy * slope[:, 0] - bend_xy * slope[:, 1],
            bend_xx * slope[:, 1] - bend_xy * slope[:, 0],
        ], axis=-1) / determinant[:, None]  # fmt: skip
        steepest = slope / np.linalg.norm(slope, axis=1)[:, None] * reach[:, None]
    step = np.where(top[:, None], step, steepest)
    step = np.where(np.isfinite(step), step, 0)
    length = np.linalg.norm(step, axis=1)
    return (
        step * np.where(length > reach, reach / np.maximum(length, 1e-300), 1)[:, None]
    )
