"""Rows and columns found in the places of electrodes: turned, jittered, with holes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from cortexwave.errors import InputError

_STRIP = 0.35  # of the pitch: neighbours along one axis are so close along the other
_BESIDE = 1.3  # pitches: within are neighbours along rows and columns, no diagonals
_AGREE = 0.5  # mean resultant of the directions of neighbours, four-fold, of a grid
_NEAR = 129  # electrodes among which the next in a row and a column are sought
_BENT = 0.25  # pitches off the plane
_EMPTIEST = 16  # sites per electrode
_NO_WORSE = 1.15  # an upright grid is taken where it fits nearly as well
_FLAT = 1e-9  # of the extent: rounding
_SHARPEST = 45.0  # deg between steps of a strip: a corner of a grid has 90


@dataclass(frozen=True, eq=False)
class Grid:
    """Rows and columns of electrodes.

    `index` (n, 2) is (row, column) of each, from 0, rows rising along the grid's own y;
    `shape` (rows, columns) and `pitch` (mm) are of (y, x). `rotation` in deg is how far
    the columns' axis is turned from +x, counter-clockwise, within -45 to 45. `y` and
    `x` (mm) are the grid's coordinates once it is turned upright about its middle.
    `off_site` (n,) and `off_plane` (n,) in mm: how far electrodes stand from the sites
    of a flat grid, within the best plane, and from that plane.
    """

    index: np.ndarray
    shape: tuple[int, int]
    pitch: tuple[float, float]
    rotation: float
    y: np.ndarray
    x: np.ndarray
    off_site: np.ndarray
    off_plane: np.ndarray


def find_grid(
    positions: np.ndarray, *, tolerance: float = 0.25, names: list[str] | None = None
) -> Grid:
    """The grid that electrodes at (n, 2) or (n, 3) mm stand on, any way it is turned.

    Rows and columns may have different pitches and miss contacts. A grid that is bent
    in space has the pitch of its surface, where the distances of all neighbours agree
    to twice `tolerance`, as if both were off; a strip that is bent any way is one row
    or column, of the pitch along it. `InputError` names the electrode that
    stands more than `tolerance` pitches off its site (0.25: more could as well be
    another site), two on one site, or says that there is no grid.
    """
    at = np.asarray(positions, dtype=float)
    names = names or [str(k) for k in range(len(at))]
    if at.ndim != 2 or at.shape[1] not in (2, 3) or len(at) < 2:
        raise InputError(
            f"positions have shape {at.shape}; a grid has (n, 2) or (n, 3), n from 2"
        )
    if not 0 < tolerance < 0.5:
        raise InputError(f"tolerance is {tolerance} pitches; it is between 0 and 0.5")
    if at.shape[1] == 3 and not np.isfinite(at[:, 2]).any():
        at = at[:, :2]
    lost = np.flatnonzero(~np.isfinite(at).all(axis=1))
    if lost.size:
        shown = ", ".join(names[k] for k in lost[:8])
        raise InputError(f"{lost.size} electrode(s) have no position: {shown}")
    plane, off_plane = in_plane(at)
    least = _nearest(plane, names)
    try:
        found = _rows_and_columns(at, plane, off_plane, least, tolerance, names)
    except InputError:
        strip = _strip(at, plane, off_plane, tolerance)
        if strip is None:
            raise
        return strip
    strip = _strip(at, plane, off_plane, tolerance) if min(found.shape) > 1 else None
    return strip or found


def _rows_and_columns(
    at: np.ndarray, plane: np.ndarray, off_plane: np.ndarray, least: float,
    tolerance: float, names: list[str],
) -> Grid:  # fmt: skip
    turn = _direction(plane, least)
    found = _fitted(plane, turn, least, upright=False)
    straight = _fitted(plane, 0.0, least, upright=True) if abs(turn) < 0.2 else None
    if straight and _rms(straight[2]) <= _NO_WORSE * _rms(found[2]) + _FLAT * least:
        found = straight
    index, basis, off, origin = found
    off_site = np.hypot(*off.T)
    pitch_x, pitch_y = (float(np.hypot(*basis[k])) for k in (0, 1))
    first = index.min(axis=0)
    index = index - first
    columns, rows = (int(n) + 1 for n in index.max(axis=0))
    if rows * columns > _EMPTIEST * len(at):
        raise InputError(
            f"no grid: {len(at)} electrodes would stand on {rows} x {columns} sites; "
            "several arrays are laid out one by one"
        )
    worst = int(np.argmax(off_site))
    if np.abs(off_plane).max() > _BENT * least:
        pitch_x, pitch_y, bent = _on_surface(at, index, (pitch_x, pitch_y), tolerance)
    else:
        bent = False
    if not bent and off_site[worst] > tolerance * min(pitch_x, pitch_y):
        raise InputError(
            f"no grid: electrode {names[worst]} stands {off_site[worst]:.3g} mm off "
            f"the nearest site of {pitch_y:.3g} x {pitch_x:.3g} mm (at most "
            f"{tolerance:g} pitches are allowed)"
        )
    taken = index[:, 1] * columns + index[:, 0]
    order = np.argsort(taken, kind="stable")
    again = np.flatnonzero(np.diff(taken[order]) == 0)
    if again.size:
        one, two = order[again[0]], order[again[0] + 1]
        raise InputError(f"electrodes {names[one]} and {names[two]} stand on one site")
    rotation = float(np.degrees(np.arctan2(basis[0, 1], basis[0, 0])))
    # turned about the middle of the grid, which stays where it is
    middle = origin + (first + (np.array([columns, rows]) - 1) / 2) @ basis
    x = middle[0] + (np.arange(columns) - (columns - 1) / 2) * pitch_x
    y = middle[1] + (np.arange(rows) - (rows - 1) / 2) * pitch_y
    return Grid(index[:, ::-1], (rows, columns), (pitch_y, pitch_x), rotation,
                _clean(y, least), _clean(x, least), off_site, off_plane)  # fmt: skip


def _strip(
    at: np.ndarray, plane: np.ndarray, off_plane: np.ndarray, tolerance: float
) -> Grid | None:
    """One row or column of electrodes that follow one another, bent; else None.

    Each but the two ends has a neighbour on either side, steps agree to twice
    `tolerance`, none turns sharply, and all lead the same way along the whole.
    """
    middle = plane.mean(axis=0)
    along = np.linalg.svd(plane - middle, full_matrices=False)[2][0]
    along = along * np.sign(along[int(np.argmax(np.abs(along)))])  # up, or to the right
    order = np.argsort((plane - middle) @ along)
    steps = np.diff(at[order], axis=0)
    apart = np.linalg.norm(steps, axis=1)
    pitch = float(np.median(apart))
    if len(at) < 3 or np.abs(apart / pitch - 1).max() > 2 * tolerance:
        return None
    turns = np.sum(steps[1:] * steps[:-1], axis=1) / (apart[1:] * apart[:-1])
    pairs = len(KDTree(at).query_pairs(_BESIDE * pitch))
    if turns.min() < np.cos(np.radians(_SHARPEST)) or pairs > len(at) - 1:
        return None
    place = np.empty(len(at), dtype=int)
    place[order] = np.arange(len(at))
    sites = (place - (len(at) - 1) / 2) * pitch
    off = np.hypot(*(plane - middle - sites[:, None] * along).T)
    row = abs(along[0]) >= abs(along[1])
    index = np.column_stack([0 * place, place] if row else [place, 0 * place])
    angle = float(np.degrees(np.arctan2(along[1], along[0])))
    line, aside = (middle[0], middle[1:]) if row else (middle[1], middle[:1])
    line = _clean(line + np.sort(sites), pitch)
    shape = (1, len(at)) if row else (len(at), 1)
    y, x = (aside, line) if row else (line, aside)
    rotation = angle if row else angle - 90
    return Grid(index, shape, (pitch, pitch), rotation, y, x, off, off_plane)


def _on_surface(
    at: np.ndarray, index: np.ndarray, pitch: tuple[float, float], tolerance: float
) -> tuple[float, float, bool]:
    """Pitch along x and y by the distances of neighbours in space; whether all agree.

    A grid bent over the cortex keeps them, while its projection is narrower at the
    edges. Neighbours stand side by side in a row or column; each contact has one.
    """
    measured, agree = list(pitch), True
    counted = np.zeros(len(at), dtype=bool)
    for axis in (0, 1):
        step = np.eye(2, dtype=int)[axis]
        row = {tuple(site): k for k, site in enumerate(index.tolist())}
        pairs = [(k, row[tuple(site)]) for k, site in enumerate((index + step).tolist())
                 if tuple(site) in row]  # fmt: skip
        if pairs:
            one, two = np.array(pairs).T
            counted[one] = counted[two] = True
            apart = np.linalg.norm(at[two] - at[one], axis=1)
            measured[axis] = float(np.median(apart))
            agree &= bool(np.all(np.abs(apart / measured[axis] - 1) <= 2 * tolerance))
    if not (agree and counted.all()):
        return *pitch, False
    return measured[0], measured[1], True


def in_plane(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions (n, 2) within the plane that fits (n, 3) best, and distances from it.

    The plane is turned into that of x and y by the shortest way, about the middle of
    the positions. Signed distances (n,) in mm; the plane is of least squares.
    """
    at = np.asarray(positions, dtype=float)
    if at.shape[1] == 2:
        return at, np.zeros(len(at))
    middle = at.mean(axis=0)
    spread = at - middle
    extent = max(float(np.abs(spread).max()), 1e-30)
    if np.abs(spread[:, 2]).max() <= _FLAT * extent:
        return at[:, :2], spread[:, 2]
    values, axes = np.linalg.svd(spread, full_matrices=True)[1:]
    if len(values) < 2 or values[1] <= 1e-6 * values[0]:
        # on a line every plane fits: the one that is least steep
        along = axes[0]
        normal = np.array([0.0, 0.0, 1.0]) - along[2] * along
        if np.linalg.norm(normal) < 1e-6:
            normal = np.array([1.0, 0.0, 0.0])
        normal /= np.linalg.norm(normal)
    else:
        normal = axes[2]
    leading = 2 if abs(normal[2]) > 1e-9 else int(np.argmax(np.abs(normal)))
    normal = normal * np.sign(normal[leading])
    turned = spread @ _turn_up(normal).T
    return turned[:, :2] + middle[:2], turned[:, 2]


def _turn_up(normal: np.ndarray) -> np.ndarray:
    """The shortest rotation that takes a unit vector, not down, to +z (Rodrigues)."""
    x, y, z = normal
    cross = np.array([[0, 0, -x], [0, 0, -y], [x, y, 0]])
    return np.eye(3) + cross + cross @ cross / (1 + z)


def _nearest(plane: np.ndarray, names: list[str]) -> float:
    """Median distance to the next electrode, in mm."""
    distance, which = KDTree(plane).query(plane, k=2)
    nearest = distance[:, 1]
    pitch = float(np.median(nearest))
    closest = int(np.argmin(nearest))
    if nearest[closest] <= 1e-6 * max(pitch, 1e-12):
        twin = next(k for k in which[closest] if k != closest)
        raise InputError(
            f"electrodes {names[closest]} and {names[twin]} stand on one place"
        )
    return pitch


def _direction(plane: np.ndarray, least: float) -> float:
    """Rotation (rad, -pi/4 to pi/4) of rows and columns, seen in neighbours."""
    pairs = KDTree(plane).query_pairs(_BESIDE * least, output_type="ndarray")
    step = plane[pairs[:, 1]] - plane[pairs[:, 0]]
    # a row and a column look alike four-fold
    mean = np.mean(np.exp(4j * np.arctan2(step[:, 1], step[:, 0])))
    if abs(mean) < _AGREE:
        raise InputError(
            f"no grid: neighbouring electrodes, some {least:.3g} mm apart, lie in all "
            f"directions (they agree to {abs(mean):.2f}, 1 is a grid)"
        )
    return float(np.angle(mean) / 4)


def _fitted(
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


def _rms(off: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.sum(off**2, axis=1))))


def _clean(at: np.ndarray, least: float) -> np.ndarray:
    """Coordinates without the last digits, which the fit left: 0.4, not 0.39999999."""
    digits = 9 - int(np.floor(np.log10(least)))
    return np.round(at, digits)
