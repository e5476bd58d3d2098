"""Where the contacts of a recording stand, drawn in text."""

from __future__ import annotations

import numpy as np
import scipy.spatial
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.lab.best_plane import in_plane
from cortexwave.lab.electrodes import electrodes_of
from cortexwave.lab.grid_finding import find_grid

_WIDEST = 64  # places across a drawing
_STRAIGHT = 1.0  # deg; a grid turned by less is drawn as it stands
_BENT = 0.01  # mm off its plane, of which a grid is told
_FLAT = 1e-6  # of the extent: rounding


def geometry_text(recording: xr.Dataset, quality: xr.Dataset | None = None) -> str:
    """Where the contacts of a recording stand, drawn in text, y up; x is suspicious.

    A line on each array, then dots. Suspicious are those that `quality` (of
    `channel_quality`) says, or, without it, those that the file calls bad. A grid that
    is turned is drawn upright, contacts in space in their best plane. A digit is a
    place of so many contacts, 9 of nine or more; an array too wide to be drawn is drawn
    smaller.
    """
    if "channel" not in recording.dims:
        raise InputError("the recording has no channels; to_channels makes them")
    places = (
        electrodes_of(recording).positions
        if {"x", "y"} <= set(recording.coords)
        else np.full((recording.sizes["channel"], 3), np.nan)
    )
    dead = np.zeros(len(places), dtype=bool)
    if quality is not None:
        if quality.sizes["channel"] != len(places):
            raise InputError(f"the table of quality has {quality.sizes['channel']} "
                             f"channels, the recording {len(places)}")  # fmt: skip
        dead = quality["suspicious"].values.astype(bool)
    elif "good" in recording.coords:
        dead = ~recording["good"].values.astype(bool)
    arrays = np.full(len(places), "", dtype=object)
    if "array" in recording.coords:
        arrays = recording["array"].values
    word = "bad" if quality is None else "suspicious"
    drawn = [_drawn(str(name), places[arrays == name], dead[arrays == name], word)
             for name in dict.fromkeys(arrays.tolist())]  # fmt: skip
    return "\n\n".join(drawn)


def _drawn(name: str, places: np.ndarray, dead: np.ndarray, word: str) -> str:
    known = np.isfinite(places[:, :2]).all(axis=1)
    head = f"{name}: " if name else ""
    head += f"{len(places)} contact{'s' * (len(places) != 1)}, {dead.sum()} {word} (x)"
    if not known.any():
        return f"{head}, their places are not known"
    if not known.all():
        head += f", places of {len(places) - known.sum()} not known"
    at, turned = _upright(places[known])
    dead = dead[known]
    extent = np.ptp(at, axis=0)
    pitch = _pitch(at)
    if not pitch:
        return f"{head}, all at one place"
    cell = max(pitch, *(extent / (_WIDEST - 1)))
    column, row = np.round((at - at.min(axis=0)) / cell).astype(int).T
    marks = np.full((row.max() + 1, column.max() + 1), " ", dtype="<U1")
    for y, x in set(zip(row.tolist(), column.tolist(), strict=True)):
        here = (row == y) & (column == x)
        count = int(here.sum())
        marks[y, x] = (
            "x" if dead[here].all() else "." if count == 1 else str(min(count, 9))
        )
    head += f", pitch {pitch:.3g} mm, {extent[0]:.3g} x {extent[1]:.3g} mm{turned}"
    lines = [" ".join(line).rstrip() for line in marks[::-1]]
    return "\n".join([head, *lines])


def _upright(places: np.ndarray) -> tuple[np.ndarray, str]:
    """Places (contact, 2) to draw of places (contact, 3), and what was done to them."""
    if not np.isfinite(places).all():
        places = places[:, :2]
    flat, off = in_plane(places) if len(places) > 1 else (places[:, :2], np.zeros(1))
    try:
        grid = find_grid(places)
    except InputError:  # no grid: as it stands
        bent = np.abs(off).max() > _FLAT * max(float(np.ptp(flat, axis=0).max()), _FLAT)
        return flat, ", in their best plane" if bent else ""
    if places.shape[1] == 2 and abs(grid.rotation) < _STRAIGHT:
        return flat, ""
    row, column = grid.index.T
    upright = np.column_stack([grid.x[column], grid.y[row]])
    said = f", turned by {grid.rotation:.3g} deg" * (abs(grid.rotation) >= _STRAIGHT)
    bent = float(np.abs(grid.off_plane).max())
    return upright, said + f", up to {bent:.2g} mm off a plane" * (bent >= _BENT)


def _pitch(at: np.ndarray) -> float:
    """Median distance of places to the nearest other, in mm; 0 if there is none."""
    at = np.unique(at, axis=0)
    if len(at) < 2:
        return 0.0
    return float(np.median(scipy.spatial.cKDTree(at).query(at, k=2)[0][:, 1]))
