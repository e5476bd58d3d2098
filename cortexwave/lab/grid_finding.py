"""Rows and columns found in the places of electrodes: turned, jittered, with holes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from cortexwave.errors import InputError
from cortexwave.lab.best_plane import FLAT, in_plane
from cortexwave.lab.grid_fitting import BESIDE, direction_of_rows, fitted_lattice, rms

_BENT = 0.25  # pitches off the plane
_EMPTIEST = 16  # sites per electrode
_NO_WORSE = 1.15  # an upright grid is taken where it fits nearly as well
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
    turn = direction_of_rows(plane, least)
    found = fitted_lattice(plane, turn, least, upright=False)
    straight = (
        fitted_lattice(plane, 0.0, least, upright=True) if abs(turn) < 0.2 else None
    )
    if straight and rms(straight[2]) <= _NO_WORSE * rms(found[2]) + FLAT * least:
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
    pairs = len(KDTree(at).query_pairs(BESIDE * pitch))
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


def _clean(at: np.ndarray, least: float) -> np.ndarray:
    """Coordinates without the last digits, which the fit left: 0.4, not 0.39999999."""
    digits = 9 - int(np.floor(np.log10(least)))
    return np.round(at, digits)
