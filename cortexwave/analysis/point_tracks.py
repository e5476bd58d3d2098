"""Points that are found frame by frame, linked to tracks through time, as one table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from cortexwave.errors import InputError


@dataclass(frozen=True)
class Linking:
    """Which points are one track: farthest apart (mm), most frames from one to next."""

    farthest: float
    steps: int
    shortest: float  # s

    @classmethod
    def of(
        cls, farthest: float, longest_gap: float, shortest: float, rate: float
    ) -> Linking:
        """`longest_gap` and `shortest` in s, frames `rate` times a second."""
        if not farthest > 0:
            raise InputError(f"farthest is {farthest:g} mm; it has to be above 0")
        for name, value in (("longest_gap", longest_gap), ("shortest", shortest)):
            if not (np.isfinite(value) and value >= 0):
                raise InputError(f"{name} is {value:g} s; it has to be 0 or above")
        # a gap is a whole number of frames but for rounding
        return cls(farthest, 1 + int(longest_gap * rate + 1e-6), shortest)


def linked(
    frame: np.ndarray, position: np.ndarray, group: np.ndarray, linking: Linking
) -> np.ndarray:
    """The number of each point's track, (point,), counted in order of first points.

    Points are in order of `frame` (point,), at `position` (point, 2). A point goes on
    with a track of its `group` (point,) whose last point is near enough in space and
    time; nearest pairs first, each track and each point once. Others begin tracks.
    """
    track = np.full(frame.size, -1)
    ends: list[int] = []  # the last point of each track that can go on
    count = 0
    starts = np.flatnonzero(np.diff(frame, prepend=-1))
    for start, stop in zip(starts, [*starts, frame.size][1:], strict=True):
        ends = [end for end in ends if frame[start] - frame[end] <= linking.steps]
        new = np.arange(start, stop)
        if ends:
            last = np.array(ends)
            away = np.linalg.norm(position[last][:, None] - position[new], axis=-1)
            away[group[last][:, None] != group[new]] = np.inf
            for pair in np.argsort(away, axis=None, kind="stable"):
                old, k = divmod(int(pair), len(new))
                if not away[old, k] <= linking.farthest:
                    break
                if ends[old] == last[old] and track[new[k]] < 0:
                    track[new[k]] = track[last[old]]
                    ends[old] = int(new[k])
        for point in new[track[new] < 0]:
            track[point] = count
            count += 1
            ends.append(int(point))
    return track


def point_table(
    rows: list[dict[str, np.ndarray]],
    time: np.ndarray,
    linking: Linking,
    units: dict[str, str],
) -> xr.Dataset:
    """Points in order of trial, feature and frame, and their tracks, as a Dataset.

    Columns trial, feature, frame, x, y, kind, winding and others become variables over
    `point`, with `time` in the place of frame; what tracks have is over `track`.
    """
    columns = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    track = _tracks(columns, linking)
    frame = columns.pop("frame")
    columns["time"] = time[frame]
    count = int(track.max(initial=-1)) + 1
    first = np.searchsorted(_running(track), np.arange(count))
    last = np.full(count, -1)
    last[track] = np.arange(track.size)  # the last to be written is the last point
    duration = columns["time"][last] - columns["time"][first]
    # durations are differences of times that are rounded
    long = duration >= linking.shortest - 1e-9
    number = np.where(long, np.cumsum(long) - 1, -1)
    keep = long[track]
    first, last = first[long], last[long]
    tracks = _summaries(columns, track, long, first, last)
    units = {"time": "s", "x": "mm", "y": "mm", **units}
    points = {
        name: ("point", values[keep], _unit(name, values, units))
        for name, values in columns.items()
    }
    points["of_track"] = ("point", number[track[keep]], {"units": "1"})
    track_units = {"start": "s", "end": "s", "duration": "s", "displacement": "mm"}
    return xr.Dataset(points | {
        f"track_{name}": ("track", values, _unit(name, values, units | track_units))
        for name, values in tracks.items()
    })  # fmt: skip


def _unit(name: str, values: np.ndarray, units: dict[str, str]) -> dict[str, str]:
    return {} if values.dtype.kind == "U" else {"units": units.get(name, "1")}


def _running(track: np.ndarray) -> np.ndarray:
    """The greatest number so far: tracks are counted in order of their first points."""
    return np.maximum.accumulate(track) if track.size else track


def _tracks(columns: dict[str, np.ndarray], linking: Linking) -> np.ndarray:
    """The track of each point; none goes on from one trial or feature to another."""
    position = np.stack([columns["x"], columns["y"]], axis=-1)
    track = np.zeros(len(position), dtype=int)
    part = np.stack([columns["trial"], columns["feature"]], axis=-1)
    new = np.flatnonzero((np.diff(part, axis=0) != 0).any(axis=1)) + 1
    count = 0
    for start, stop in zip([0, *new], [*new, len(part)], strict=True):
        here = slice(start, stop)
        track[here] = count + linked(
            columns["frame"][here], position[here], columns["winding"][here], linking
        )
        count = int(track[here].max(initial=count - 1)) + 1
    return track


def _summaries(
    columns: dict[str, np.ndarray],
    track: np.ndarray,
    long: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
) -> dict[str, np.ndarray]:
    size = np.bincount(track, minlength=len(long))

    def mean(values: np.ndarray) -> np.ndarray:
        return (np.bincount(track, values, len(long)) / size)[long]

    time, kind = columns["time"], columns["kind"]
    kinds = np.unique(kind) if kind.size else np.array(["none"])
    votes = np.stack([mean((kind == each).astype(float)) for each in kinds])
    away = [columns[axis][last] - columns[axis][first] for axis in "xy"]
    summaries = {
        "start": time[first],
        "end": time[last],
        "duration": time[last] - time[first],
        "x": mean(columns["x"]),
        "y": mean(columns["y"]),
        "displacement": np.hypot(*away),
        "kind": kinds[votes.argmax(axis=0)],
        "points": size[long],
    }
    if "stable" in columns:
        summaries["stable"] = mean(columns["stable"].astype(float))
    if "handedness" in columns:
        summaries["handedness"] = np.sign(mean(columns["handedness"].astype(float)))
    same = {name: columns[name][first] for name in ("winding", "trial", "feature")}
    return summaries | same
