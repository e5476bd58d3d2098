"""The contacts of one or several arrays: what they are called, where they stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import xarray as xr
from scipy.spatial import KDTree

from cortexwave.errors import InputError

Shape = Literal["disc", "square"]


@dataclass(frozen=True, eq=False)
class Electrodes:
    """Contacts of one or several arrays: labels, places, and what they average over.

    `positions` (n, 3) in mm are x, y, z; x and y are both NaN where unknown, z where
    the map has none. `pitch` in mm is the usual distance to the next contact of the
    same array (NaN of a single contact). `size` in mm is the diameter of a "disc" or
    the side of a "square"; 0 is a point. `arrays` names the array that each stands on.
    """

    labels: tuple[str, ...]
    positions: np.ndarray
    pitch: float
    size: float = 0.0
    shape: Shape = "disc"
    arrays: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.labels)
        at = np.array(self.positions, dtype=float)
        if not n or at.shape != (n, 3):
            raise InputError(
                f"electrodes: {n} labels and positions of shape {at.shape}; there is "
                "at least one, and positions are (n, 3) in mm"
            )
        at.setflags(write=False)
        object.__setattr__(self, "positions", at)
        object.__setattr__(self, "arrays", self.arrays or ("",) * n)
        twice = sorted(
            each for each, times in Counter(self.labels).items() if times > 1
        )
        if twice:
            raise InputError(f"electrode labels stand twice: {', '.join(twice[:8])}")
        if len(self.arrays) != n:
            raise InputError(f"electrodes: {n} labels, {len(self.arrays)} array names")
        if self.shape not in get_args(Shape):
            raise InputError(f"contacts are {get_args(Shape)}, not {self.shape!r}")
        if not 0 <= self.size < np.inf:
            raise InputError(
                f"contacts of size {self.size} mm; it is 0 (points) or more"
            )

    @property
    def count(self) -> int:
        return len(self.labels)

    @property
    def placed(self) -> np.ndarray:
        """Which electrodes have a known place, (n,)."""
        return np.isfinite(self.positions[:, :2]).all(axis=1)

    def with_positions(self, positions: np.ndarray) -> Electrodes:
        """The same electrodes elsewhere."""
        return replace(self, positions=positions)


def electrodes_at(
    labels: Sequence[str],
    positions: np.ndarray,
    *,
    size: float = 0.0,
    shape: Shape = "disc",
    arrays: Sequence[str] = (),
) -> Electrodes:
    """Electrodes at positions (n, 2) or (n, 3) in mm; their pitch is measured."""
    given = np.asarray(positions, dtype=float)
    if given.ndim != 2 or given.shape[1] not in (2, 3):
        raise InputError(
            f"positions have shape {given.shape}; they are (n, 2) or (n, 3)"
        )
    at = np.full((len(given), 3), np.nan)
    at[:, : given.shape[1]] = given
    at[~np.isfinite(at[:, :2]).all(axis=1)] = np.nan
    pitch = pitch_of(at, arrays)
    return Electrodes(tuple(labels), at, pitch, size, shape, tuple(arrays))


def pitch_of(positions: np.ndarray, arrays: Sequence[str] = ()) -> float:
    """Median distance (mm) to the next contact of the same array; NaN where none is."""
    names = np.array(arrays or [""] * len(positions), dtype=object)
    known = np.isfinite(positions[:, :2]).all(axis=1)
    nearest = []
    for name in dict.fromkeys(names):
        at = positions[known & (names == name)]
        at = at[:, np.isfinite(at).all(axis=0)]
        if len(at) > 1:
            nearest.append(KDTree(at).query(at, k=2)[0][:, 1])
    return float(np.median(np.concatenate(nearest))) if nearest else np.nan


def electrodes_of(recording: xr.Dataset) -> Electrodes:
    """The electrodes that a recording of channels stands on."""
    if "channel" not in recording.dims:
        raise InputError(
            f"the recording has dims {tuple(recording.dims)}: a lattice, no channels"
        )
    count = recording.sizes["channel"]
    at = np.full((count, 3), np.nan)
    for axis, name in enumerate("xyz"):
        if name in recording.coords and recording[name].dims == ("channel",):
            unit = recording[name].attrs.get("units")
            if unit != "mm":
                raise InputError(f"units of '{name}' are {unit!r}, not 'mm'")
            at[:, axis] = recording[name].values
        elif name != "z":
            raise InputError(
                f"the recording has no positions: coordinate '{name}(channel)' in mm "
                "is missing"
            )
    labels = (recording["channel"].values if "channel" in recording.coords
              else np.arange(count))  # fmt: skip
    arrays = [str(each) for each in recording["array"].values] \
        if "array" in recording.coords else []  # fmt: skip
    return electrodes_at([str(each) for each in labels], at, arrays=arrays)


def electrodes_in(path: str | Path) -> Electrodes:
    """The electrodes of a recording's file, those in space in their best plane."""
    from cortexwave.lab.best_plane import in_plane
    from cortexwave.recording.reader import open_recording

    with open_recording(path) as recording:
        found = electrodes_of(recording)
    at = found.positions.copy()
    known = np.isfinite(at).all(axis=1)
    if not known.any():
        return found
    if len(set(found.arrays)) > 1:
        raise InputError(
            f"{path}: {len(set(found.arrays))} arrays stand in space, in no plane of "
            "all; import one of them (`cortexwave import --array`)"
        )
    at[known, :2] = in_plane(at[known])[0]
    at[:, 2] = np.nan
    return found.with_positions(at)


def turned(
    electrodes: Electrodes, *, position: tuple[float, float] | None, rotation: float
) -> Electrodes:
    """Electrodes turned about the middle of their extent, which is put at `position`.

    `rotation` in deg, counter-clockwise; `position` (x, y) in mm, None leaves it.
    """
    if position is not None and (len(position) != 2 or not np.isfinite(position).all()):
        raise InputError(f"position is {position!r}; it is (x, y) in mm, both finite")
    if not np.isfinite(rotation):
        raise InputError(f"rotation is {rotation} deg, not finite")
    if position is None and rotation == 0:
        return electrodes
    at = electrodes.positions.copy()
    middle = (np.nanmin(at[:, :2], axis=0) + np.nanmax(at[:, :2], axis=0)) / 2
    angle = np.deg2rad(rotation)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    goal = middle if position is None else np.asarray(position, dtype=float)
    at[:, :2] = (at[:, :2] - middle) @ turn.T + goal
    return electrodes.with_positions(at)
