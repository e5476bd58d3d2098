"""Where a sum of turning phasors is longest: templates, then Newton's method.

The templates are close enough for the width of the main lobe, 2 pi over the length of
the array. On a lattice, with or without missing sites, they are taken along one axis
after the other; at scattered positions all at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Templates per width of the main lobe, 2 pi / aperture. Among few sites noise makes
# other lobes nearly as high, so that the height has to be had to 10 %.
_OVERSAMPLING, _OF_MANY, _MANY = 4, 2, 400
_STEPS = 40
_CLOSE = 1e-5  # of the distance of templates; the step after it is the square


@dataclass(frozen=True)
class WavenumberGrid:
    """Wavenumbers of templates: all pairs of `x` and `y` within the limit."""

    x: np.ndarray
    y: np.ndarray
    limit: float
    step: float

    @classmethod
    def over(cls, positions: np.ndarray, limit: float) -> WavenumberGrid:
        axes = []
        closeness = _OVERSAMPLING if len(positions) <= _MANY else _OF_MANY
        for length in np.ptp(positions, axis=0):
            half = int(np.ceil(limit * closeness * length / (2 * np.pi))) + 1
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


@dataclass(frozen=True)
class Templates:
    """Plane waves at the wavenumbers of a grid, on sites at `positions` (site, 2)."""

    grid: WavenumberGrid
    positions: np.ndarray
    # of all at once: (site, wavenumber); or of rows and columns by themselves
    whole: np.ndarray | None
    along: tuple[np.ndarray, np.ndarray]
    place: tuple[np.ndarray, np.ndarray]

    @classmethod
    def over(cls, positions: np.ndarray, grid: WavenumberGrid) -> Templates:
        at_x, at_y, column, row = _rows_and_columns(positions)
        along = turns(np.outer(at_x, grid.x)), turns(np.outer(grid.y, at_y))
        short = along[0].astype(np.complex64), along[1].astype(np.complex64)
        whole = None
        if at_x.size * at_y.size > 4 * len(positions):  # they are on no lattice
            both = along[1].T[row][:, :, None] * along[0][column][:, None, :]
            whole = both.astype(np.complex64).reshape(len(positions), grid.count)
        return cls(grid, positions, whole, short, (row, column))

    def power(self, unit: np.ndarray) -> np.ndarray:
        """|sum u exp(i k.r)|^2 (frame, y, x) of u (frame, site)."""
        if self.whole is not None:
            found = unit.astype(np.complex64) @ self.whole
        else:
            along_x, along_y = self.along
            shape = len(unit), along_y.shape[1], along_x.shape[0]
            spread = np.zeros(shape, np.complex64)
            spread[:, self.place[0], self.place[1]] = unit
            found = along_y @ (spread @ along_x)
        power = found.real**2 + found.imag**2
        return power.reshape(len(unit), self.grid.y.size, self.grid.x.size)


def longest_mean(
    unit: np.ndarray, templates: Templates
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """k (frame, 2) at which the sum of u exp(i k.r) over sites is longest; the sum.

    And whether that k came to the limit of the grid. `unit` (frame, site) are phasors,
    0 where a site is missing.
    """
    grid = templates.grid
    power = templates.power(unit)
    power[:, ~grid.inside] = -1
    best = power.reshape(len(unit), -1).argmax(axis=1)
    row, column = np.divmod(best, grid.x.size)
    start = np.stack([grid.x[column], grid.y[row]], axis=-1)
    return _refined(unit, templates.positions, start, grid)


def _rows_and_columns(
    positions: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x of the columns, y of the rows, and column and row of each site."""
    near = 1e-6 * np.ptp(positions, axis=0).max()
    x, column = np.unique(np.rint(positions[:, 0] / near), return_inverse=True)
    y, row = np.unique(np.rint(positions[:, 1] / near), return_inverse=True)
    return x * near, y * near, column.ravel(), row.ravel()


def _refined(
    unit: np.ndarray, positions: np.ndarray, start: np.ndarray, grid: WavenumberGrid
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Newton's method from k `start`, in a region that shrinks where a step is bad.

    Returns k, sum u exp(i k.r) there, and whether k came to the limit.
    """
    x, y = positions.T
    basis = np.stack([np.ones(x.size), x, y, x * x, x * y, y * y], axis=-1)

    def moments(k: np.ndarray, of: np.ndarray) -> np.ndarray:
        turned = of * turns(k @ positions.T)
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
        reach[active[better & beyond]] /= 2
        size = np.where(better & ~beyond, np.linalg.norm(step, axis=1), reach[active])
        active = active[size > _CLOSE * grid.step]
        if not active.size:
            break
    return k, found[:, 0], at_limit


def turns(angle: np.ndarray) -> np.ndarray:
    """exp(i angle), in half the time that exp of an imaginary number takes."""
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
