"""A recording cut into trials around its events."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from cortexwave.errors import InputError, RecordingError
from cortexwave.schema import (
    DRIVE_PREFIX,
    EVENT_PREFIX,
    RECORDING,
    check_trials,
    validate,
)


def epochs(
    recording: xr.Dataset, events: xr.Dataset, *, window: tuple[float, float]
) -> xr.Dataset:
    """The recording around each event, (trial, time, ...), time from onset in s.

    `window` is (before, after) in s, such as (-0.1, 0.5). Onsets are rounded to the
    nearest frame. A recording with a trial axis is cut in the event's own trial. The
    event's columns become coordinates of `trial`. Events whose window leaves the
    recording are left out with a warning; `RecordingError` if none is left, and
    `SchemaError` where an event's trial is none of the recording's.
    """
    validate(recording, RECORDING)
    before, after = _ends(window)
    if "trial" in recording.dims:
        check_trials(events, recording.sizes["trial"])
    time = recording["time"].values
    if time.size < 2:
        raise RecordingError("a recording of one frame cannot be cut")
    interval = float(np.median(np.diff(time)))
    if np.abs(np.diff(time) - interval).max() > 1e-3 * interval:
        raise RecordingError("'time' is not uniform; cut each uniform part by itself")
    onset = np.asarray(events["onset"].values, dtype=float)
    first = first_frames(time, onset, before)
    length = int(np.floor(after / interval + 1e-6) - np.ceil(before / interval - 1e-6))
    last = first + length
    inside = (first >= 0) & (last < time.size)  # False where the onset is NaN
    if not inside.any():
        raise RecordingError(
            f"none of {onset.size} events has its window of {before:g} to {after:g} s "
            f"inside the recording, {time[0]:g} to {time[-1]:g} s"
        )
    if not inside.all():
        warnings.warn(
            f"{int((~inside).sum())} of {onset.size} events are left out: their window "
            "leaves the recording",
            stacklevel=2,
        )
    kept = events.isel(event=np.flatnonzero(inside))
    tables = [name for name in recording.variables
              if str(name).startswith((EVENT_PREFIX, DRIVE_PREFIX))]  # fmt: skip
    fields = recording.drop_vars(tables)
    pieces = []
    for start, trial in zip(
        first[inside].astype(int), kept["trial"].values, strict=True
    ):
        piece = fields.isel(time=slice(start, start + length + 1))
        if "trial" in fields.dims:
            piece = piece.isel(trial=int(trial)).drop_vars("trial", errors="ignore")
        pieces.append(piece.drop_vars("time"))
    cut = xr.concat(pieces, dim="trial")
    offset = np.ceil(before / interval - 1e-6) + np.arange(length + 1)
    coords: dict[str, Any] = {
        "time": ("time", interval * offset, {"units": "s"}),
        "trial": ("trial", np.arange(len(pieces)), {"units": "1"}),
    }
    for name in kept.data_vars:
        column = kept[name]
        coords[f"{EVENT_PREFIX}{name}"] = ("trial", column.values, column.attrs)
    cut = cut.assign_coords(coords)
    # time is from onset now, whenever the recording began
    cut.attrs = {name: value for name, value in recording.attrs.items()
                 if name != "time_origin"}  # fmt: skip
    return cut


def of_kinds(events: xr.Dataset, kinds: Sequence[str] | None) -> xr.Dataset:
    """The events of some kinds (None: all), a text being one kind."""
    if kinds is None:
        return events
    asked = [kinds] if isinstance(kinds, str) else list(kinds)
    there = events["kind"].values.astype(str)
    kept = np.isin(there, asked)
    if not kept.any():
        raise InputError(f"no event is of kind {asked}; the recording has events of "
                         f"{sorted(set(there.tolist()))}")  # fmt: skip
    return events.isel(event=np.flatnonzero(kept))


def _ends(window: object) -> tuple[float, float]:
    """Where a window begins and ends, in s; an error for what is no window."""
    try:
        before, after = np.asarray(window, dtype=float)
    except (TypeError, ValueError):
        raise InputError(
            f"window is {window!r}; two numbers of seconds from the onset are due, "
            "such as (-0.1, 0.5)"
        ) from None
    if not before < after:
        raise RecordingError(f"the window {window} s does not end after it begins")
    return float(before), float(after)


def first_frames(time: np.ndarray, onset: np.ndarray, before: float) -> np.ndarray:
    """Frame (event,) at which the window of each onset begins; NaN where that is."""
    interval = float(np.median(np.diff(time)))
    place = np.round((onset - time[0]) / interval)
    return place + np.ceil(before / interval - 1e-6)
