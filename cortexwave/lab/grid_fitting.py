"""The right-angled lattice that fits places in a plane best: its turn, steps, origin.

From the directions of neighbours, and then from the middle outwards.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from cortexwave.errors import InputError

BESIDE = 1.3  # pitches: within are neighbours along rows and columns, no diagonals
_STRIP = 0.35  # of the pitch: neighbours along one axis are so close along the other
_AGREE = 0.5  # mean resultant of the directions of neighbours, four-fold, of a grid
_NEAR = 129  # electrodes among which the next in a row and a column are sought


def direction_of_rows(plane: np.ndarray, least: float) -> float:
    """Rotation (rad, -pi/4 to pi/4) of rows and columns, seen in neighbours."""
    pairs = KDTree(plane).query_pairs(BESIDE * least, output_type="ndarray")
    step = plane[pairs[:, 1]] - plane[pairs[:, 0]]
    # a row and a column look alike four-fold
    mean = np.mean(np.exp(4j * np.arctan2(step[:, 1], step[:, 0])))
    if abs(mean) < _AGREE:
        raise InputError(
            f"no grid: neighbouring electrodes, some {least:.3g} mm apart, lie in all "
            f"directions (they agree to {abs(mean):.2f}, 1 is a grid)"
        )
    return float(np.angle(mean) / 4)


def fitted_lattice(
    plane: np.ndarray, turn: float, least: float, *, upright: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Index (n, 2) along x and y, basis (2, 2) in rows, distances (n, 2), origin (2,).

    The basis is fitted from the middle outwards, so that a slightly wrong pitch or
    rotation never adds up to a site.
    """
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    steps = _steps(plane @ axes.T, least)
    basis = axes * np.array(steps)[:, None]
    middle = plane.mean(axis=0)
    origin = plane[np.argmin(np.hypot(*(plane - middle).T))].copy()
    from_middle = np.hypot(*(plane - origin).T)
    reach = 2.5 * max(steps)
    while True:
        inside = from_middle <= reach
        for _ in range(3):
            index = np.rint((plane - origin) @ np.linalg.inv(basis))
            basis, origin = _least_squares(
                plane[inside], index[inside], basis, upright=upright
            )
        if inside.all():
            break
        reach *= 1.5
    index = np.rint((plane - origin) @ np.linalg.inv(basis)).astype(int)
    return index, basis, plane - origin - index @ basis, origin


def _steps(turned: np.ndarray, least: float) -> tuple[float, float]:
    """Pitch along each axis: the median distance to the next in the same row, column.

    An axis along which there is but one row or column has the pitch of the other.
    """
    found: list[float] = []
    near = KDTree(turned).query(turned, k=min(len(turned), _NEAR))[1]
    step = np.abs(turned[near] - turned[:, None])  # (n, near, 2)
    for axis in (0, 1):
        along, aside = step[..., axis].copy(), step[..., 1 - axis]
        along[(aside > _STRIP * least) | (along < 0.5 * least)] = np.inf
        nearest = along.min(axis=1)
        nearest = nearest[np.isfinite(nearest)]
        found.append(float(np.median(nearest)) if nearest.size else np.nan)
    known = [step for step in found if np.isfinite(step)]
    if not known:
        raise InputError("no grid: no two electrodes stand in a row or column")
    return tuple(step if np.isfinite(step) else known[0] for step in found)  # type: ignore[return-value]


def _least_squares(
    plane: np.ndarray, index: np.ndarray, before: np.ndarray, *, upright: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Basis and origin of the right-angled grid that fits sites of known index best."""
    middle, site = plane.mean(axis=0), index.mean(axis=0)
    at, sites = plane - middle, index - site
    several = np.ptp(index, axis=0) > 0
    turn = 0.0 if upright else float(np.arctan2(before[0, 1], before[0, 0]))
    steps = np.hypot(*before.T)
    for _ in range(1 if upright else 4):  # pitches and the turn, each given the other
        axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        along = at @ axes.T
        for axis in np.flatnonzero(several):
            steps[axis] = (sites[:, axis] @ along[:, axis]) / np.sum(
                sites[:, axis] ** 2
            )
        if not upright:
            due = sites * steps
            cross = np.sum(due[:, 0] * at[:, 1] - due[:, 1] * at[:, 0])
            turn = float(np.arctan2(cross, np.sum(due * at)))
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    basis = axes * steps[:, None]
    return basis, middle - site @ basis


def rms(off: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.sum(off**2, axis=1))))
