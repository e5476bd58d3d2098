"""The few frames of a recording that its page shows: those of the strongest events."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

FieldOf = Callable[[xr.Dataset, slice, slice], xr.Dataset]
_MOST = 6


def shown_frames(
    recording: xr.Dataset, events: xr.Dataset, field: FieldOf, *, margin: int
) -> xr.Dataset:
    """Wave field of the middle frames of the strongest events; else of a few frames.

    `field(recording, read, keep)` gives that of the frames to keep, of those to read;
    `margin` frames are read on either side. `event` (time) is the row of the event that
    a frame is of, -1 where it is of none.
    """
    time = np.asarray(recording["time"].values, dtype=float)
    rows = _strongest(events)
    if rows.size:
        middle = (events["start"].values[rows] + events["end"].values[rows]) / 2
        trials = events["trial"].values[rows]
        features = events["feature"].values[rows]
    else:
        inner = np.linspace(0, 1, _MOST + 2)[1:-1]
        middle = time[0] + inner * (time[-1] - time[0])
        trials = features = np.zeros(_MOST, dtype=int)
    frames: list[xr.Dataset] = []
    shown: list[int] = []
    taken: list[int] = []
    for row, (at, trial, feature) in enumerate(
        zip(middle, trials, features, strict=True)
    ):
        frame = _nearest(time, at)
        if frame in taken:
            continue  # of two trials at one time the stronger is shown
        taken.append(frame)
        shown.append(row)
        first = max(0, frame - margin)
        read = slice(first, min(time.size, frame + margin + 1))
        chosen = {dim: int(k) for dim, k in (("trial", trial), ("feature", feature))
                  if dim in recording.dims}  # fmt: skip
        keep = slice(frame - first, frame - first + 1)
        # a copy, as of a view all frames that were read would stay in memory
        frames.append(field(recording.isel(chosen), read, keep).copy(deep=True))
    order = np.argsort(
        [float(each["time"].values[0]) for each in frames], kind="stable"
    )
    joined = xr.concat([frames[k] for k in order], "time", join="override",
                       coords="minimal", compat="override")  # fmt: skip
    of_event = rows[shown][order] if rows.size else np.full(len(order), -1)
    joined["event"] = ("time", of_event, {"units": "1"})
    return joined.drop_vars(
        [name for name in joined.coords if name in ("trial", "feature")]
    )


def _nearest(time: np.ndarray, at: float) -> int:
    """The frame at a time (s), of times that rise; without an array as long as they."""
    after = int(np.clip(np.searchsorted(time, at), 1, time.size - 1))
    return after - 1 if at - time[after - 1] <= time[after] - at else after


def _strongest(events: xr.Dataset) -> np.ndarray:
    """Rows of the events that stand out most, at most six: waves first."""
    mass = np.nan_to_num(events["mass"].values, nan=-1.0)
    order = np.lexsort((events["score"].values, mass, events["is_wave"].values))[::-1]
    return order[:_MOST]
