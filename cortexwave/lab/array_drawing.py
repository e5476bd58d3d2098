"""Where the contacts of a recording stand, drawn in text."""

from __future__ import annotations

import numpy as np
import scipy.spatial
import xarray as xr

from cortexwave.errors import InputError

_WIDEST = 64  # places across a drawing


def geometry_text(recording: xr.Dataset, quality: xr.Dataset | None = None) -> str:
    """Where the contacts of a recording stand, drawn in text, y up; x is dead.

    A line on each array, then dots. Dead are those that `quality` (of
    `channel_quality`) suspects, or, without it, those that the file calls bad. A digit
    is a place of so many contacts, 9 of nine or more; an array too wide to be drawn
    is drawn smaller.
    """
    if "channel" not in recording.dims:
        raise InputError("the recording has no channels; to_channels makes them")
    places = np.full((recording.sizes["channel"], 2), np.nan)
    if {"x", "y"} <= set(recording.coords):
        places = np.column_stack([recording["x"].values, recording["y"].values])
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
    drawn = [_drawn(str(name), places[arrays == name], dead[arrays == name])
             for name in dict.fromkeys(arrays.tolist())]  # fmt: skip
    return "\n\n".join(drawn)


def _drawn(name: str, places: np.ndarray, dead: np.ndarray) -> str:
    known = np.isfinite(places).all(axis=1)
    head = f"{name}: " if name else ""
    head += f"{len(places)} contacts, {dead.sum()} dead (x)"
    if not known.any():
        return f"{head}, their places are not known"
    if not known.all():
        head += f", places of {len(places) - known.sum()} not known"
    at, dead = places[known], dead[known]
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
    head += f", pitch {pitch:.4g} mm, {extent[0]:.4g} x {extent[1]:.4g} mm"
    lines = [" ".join(line).rstrip() for line in marks[::-1]]
    return "\n".join([head, *lines])


def _pitch(at: np.ndarray) -> float:
    """Median distance of places to the nearest other, in mm; 0 if there is none."""
    at = np.unique(at, axis=0)
    if len(at) < 2:
        return 0.0
    return float(np.median(scipy.spatial.cKDTree(at).query(at, k=2)[0][:, 1]))
