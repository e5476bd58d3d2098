"""Where the values of a field stand, and the field as frames of one row of sites.

A sheet stands on a lattice (y, x), electrodes anywhere in the plane; what is measured
at a site needs no more than its position in mm. Everything that is measured in waves
comes in by these doors, so that what cannot be measured is refused once, in one way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.spatial import cKDTree

from cortexwave import schema
from cortexwave.errors import InputError

# A clock or a position is often stored in single precision, or counted up.
_EQUAL = 1e-3
OFF_LATTICE = 0.02  # of the pitch
_STEPS = 2**16  # of a clock that are looked at together: it may be long


@dataclass(frozen=True)
class Sites:
    """Positions of sites in mm; `shape` and `spacing` (y, x) where it is a lattice.

    Sites of a lattice are in C order of (y, x). Spacing has a sign: it is negative
    along an axis whose coordinate falls with the index (images are often stored so).
    """

    positions: np.ndarray  # (site, 2): x, y
    shape: tuple[int, int] | None
    spacing: tuple[float, float] | None
    pitch: float  # mm, the least distance of neighbours

    @property
    def count(self) -> int:
        return len(self.positions)

    @property
    def is_plane(self) -> bool:
        """Whether the sites span two dimensions."""
        spread = self.positions - self.positions.mean(axis=0)
        return bool(np.linalg.matrix_rank(spread, tol=OFF_LATTICE * self.pitch) == 2)


def picked(recording: xr.Dataset, variable: str | None = None) -> xr.DataArray:
    """The field to analyse: the one named, or the only one there is.

    Raises `InputError` (or `SchemaError`) naming the variable where it is none, is
    complex, whole numbers, an angle, or has no frames or no sites.
    """
    schema.validate(recording, schema.RECORDING)
    names = schema.field_names(recording)
    if variable is None:
        if len(names) > 1:
            raise InputError(f"the recording has {len(names)} fields; say which: "
                             f"{names}")  # fmt: skip
        variable = names[0]
    if variable not in names:
        raise InputError(f"no field '{variable}' in the recording; it has {names}")
    values = recording[variable]
    if not ({"y", "x", "channel"} & set(values.dims)):
        raise InputError(
            f"field '{variable}' has dims {values.dims}: no sites (y, x or channel)"
        )
    empty = [str(dim) for dim, size in values.sizes.items() if size == 0]
    if empty:
        raise InputError(
            f"field '{variable}' is empty: it has 0 values along {', '.join(empty)}"
        )
    kind = values.dtype.kind
    if kind == "c":
        raise InputError(f"field '{variable}' is complex; give its real part")
    if kind != "f":
        raise InputError(
            f"field '{variable}' is {values.dtype}: raw counts have no unit; scale "
            "them to a physical unit as floats"
        )
    if values.attrs["units"] == "rad":
        raise InputError(
            f"field '{variable}' is an angle, which jumps where it wraps; give its "
            "cosine"
        )
    return values


def sampling_rate(values: xr.DataArray) -> float:
    """Samples per second of a field; `InputError` where its time steps differ."""
    time = np.asarray(values["time"].values, dtype=float)
    if time.size < 2:
        raise InputError(f"field '{values.name}' has {time.size} frame(s); a wave "
                         "needs many")  # fmt: skip
    step = float((time[-1] - time[0]) / (time.size - 1))
    for start in range(0, time.size - 1, _STEPS):
        steps = np.diff(time[start : start + _STEPS + 1])
        off = np.abs(steps - step)
        if not np.all(off <= _EQUAL * step):
            worst = int(np.argmax(off))
            raise InputError(
                f"'time' of field '{values.name}' does not grow by equal steps: "
                f"{steps[worst]:g} s after {time[start + worst]:g} s, {step:g} s on "
                "average; resample it, or cut it at the gap"
            )
    return 1 / step


def sites_of(values: xr.DataArray) -> Sites:
    """The sites of a field with dims (y, x), one of them, or `channel`.

    Electrodes need the coordinates x(channel) and y(channel) in mm. Those that stand in
    space, by z(channel), are seen in their best plane. Between arrays, by
    array(channel), there is no gradient: `InputError` where there are several.
    """
    if "channel" in values.dims:
        return _scattered(values)
    axes = {axis: _axis(values, axis) for axis in ("y", "x") if axis in values.dims}
    if not axes:
        raise InputError(f"field '{values.name}' has dims {values.dims}: no sites")
    y, x = (axes.get(axis, np.zeros(1)) for axis in ("y", "x"))
    steps = [float(np.mean(np.diff(at))) if at.size > 1 else 0.0 for at in (y, x)]
    known = [abs(step) for step in steps if step]
    if not known:
        raise InputError(f"field '{values.name}' has one site; a wave needs many")
    pitch = min(known)
    spacing = (steps[0] or pitch, steps[1] or pitch)
    across, up = np.meshgrid(x, y)
    positions = np.stack([across.ravel(), up.ravel()], axis=-1)
    return Sites(positions, (y.size, x.size), spacing, pitch)


def _axis(values: xr.DataArray, axis: str) -> np.ndarray:
    at = np.asarray(values[axis].values, dtype=float)
    unknown = np.flatnonzero(~np.isfinite(at))
    if unknown.size:
        raise InputError(
            f"'{axis}' of field '{values.name}' is {at[unknown[0]]} at index "
            f"{unknown[0]} ({unknown.size} of {at.size} are not finite); every row and "
            "column of a lattice needs its place in mm"
        )
    if at.size > 1:
        steps = np.diff(at)
        step = (at[-1] - at[0]) / (at.size - 1)
        if step == 0 or np.any(np.abs(steps - step) > _EQUAL * abs(step)):
            raise InputError(
                f"'{axis}' of field '{values.name}' does not change by equal steps "
                f"({steps.min():g} to {steps.max():g} mm); give it as electrodes: one "
                "'channel' axis with coordinates x and y"
            )
    return at


def _scattered(values: xr.DataArray) -> Sites:
    found = []
    for axis in ("x", "y"):
        if axis not in values.coords or values[axis].dims != ("channel",):
            raise InputError(
                f"field '{values.name}' has no positions: coordinate "
                f"'{axis}(channel)' in mm is missing"
            )
        unit = values[axis].attrs.get("units")
        if unit != "mm":
            raise InputError(f"units of '{axis}' are {unit!r}, not 'mm'")
        found.append(np.asarray(values[axis].values, dtype=float))
    positions = np.stack(found, axis=-1)
    names = channel_names(values)
    unknown = np.flatnonzero(~np.isfinite(positions).all(axis=1))
    if unknown.size:
        raise InputError(
            f"field '{values.name}': {unknown.size} channel(s) have no position: "
            f"{', '.join(names[k] for k in unknown[:8])}; give one, or leave them out"
        )
    if len(positions) < 2:
        raise InputError(f"field '{values.name}' has one channel; a wave needs many")
    _check_one_array(values)
    positions = _in_plane(values, positions)
    nearest = cKDTree(positions).query(positions, k=2)[0][:, 1]
    pitch = float(np.median(nearest))
    if nearest.min() <= 1e-6 * max(pitch, 1e-12):
        first = int(np.argmin(nearest))
        gap = np.linalg.norm(positions - positions[first], axis=1)
        twin = int(np.flatnonzero((gap <= gap[gap > 0].min(initial=0) * 1e-6)
                                  & (np.arange(len(gap)) != first))[0])  # fmt: skip
        x, y = positions[first]
        raise InputError(
            f"field '{values.name}': channels {names[first]} and {names[twin]} have "
            f"one position, ({x:g}, {y:g}) mm; leave one of them out"
        )
    return Sites(positions, None, None, pitch)


def _check_one_array(values: xr.DataArray) -> None:
    if "array" not in values.coords:
        return
    arrays = list(dict.fromkeys(str(each) for each in values["array"].values))
    if len(arrays) > 1:
        raise InputError(
            f"field '{values.name}' stands on {len(arrays)} arrays "
            f"({', '.join(arrays[:8])}), between which there is no gradient; take one: "
            f"to_grid(recording, array={arrays[0]!r}), or `cortexwave analyse --array`"
        )


def _in_plane(values: xr.DataArray, positions: np.ndarray) -> np.ndarray:
    """Positions (site, 2) in the best plane of those that have a known z in mm."""
    if "z" not in values.coords or values["z"].dims != ("channel",):
        return positions
    z = np.asarray(values["z"].values, dtype=float)
    if not np.isfinite(z).all():
        return positions
    from cortexwave.lab.best_plane import in_plane

    return in_plane(np.column_stack([positions, z]))[0]


def channel_names(values: xr.DataArray) -> list[str]:
    """Names of the channels of a field; their numbers where they have no names."""
    if "channel" in values.coords:
        return [str(name) for name in values["channel"].values]
    return [str(k) for k in range(values.sizes["channel"])]


def frames_of(values: xr.DataArray) -> np.ndarray:
    """A field as (trial, feature, time, site), float64, in C order."""
    return np.ascontiguousarray(_one_row(values).values, dtype=float)


def courses_of(values: xr.DataArray) -> np.ndarray:
    """A field as (trial, feature, site, time), float64, in C order."""
    row = _one_row(values).transpose("trial", "feature", "site", "time")
    return np.ascontiguousarray(row.values, dtype=float)


def like(values: xr.DataArray, frames: np.ndarray) -> xr.DataArray:
    """Frames (trial, feature, time, site) back on the dims of the field they are of."""
    lattice = _site_dims(values)
    shaped = frames.reshape(*frames.shape[:3], *(values.sizes[d] for d in lattice))
    named = xr.DataArray(shaped, dims=("trial", "feature", "time", *lattice))
    absent = [dim for dim in ("trial", "feature") if dim not in values.dims]
    named = named.isel(dict.fromkeys(absent, 0)).transpose(*values.dims)
    return named.assign_coords(values.coords).rename(values.name)


def _site_dims(values: xr.DataArray) -> list[str]:
    return [dim for dim in ("y", "x", "channel") if dim in values.dims]


def _one_row(values: xr.DataArray) -> xr.DataArray:
    absent = [dim for dim in ("trial", "feature") if dim not in values.dims]
    bare = values.expand_dims(absent).variable.transpose(
        "trial", "feature", "time", *_site_dims(values)
    )
    rows = np.asarray(bare.values).reshape(
        *bare.shape[:3], int(np.prod(bare.shape[3:]))
    )
    return xr.DataArray(rows, dims=("trial", "feature", "time", "site"))


def live_sites(frames: np.ndarray) -> np.ndarray:
    """Which sites (site,) say something: a finite value that changes, (..., site)."""
    flat = frames.reshape(-1, frames.shape[-1])
    known = np.isfinite(flat)
    low = np.where(known, flat, np.inf).min(axis=0)
    high = np.where(known, flat, -np.inf).max(axis=0)
    return high > low


def site_name(values: xr.DataArray, sites: Sites, site: int) -> str:
    """What a site is called in a message: its channel, or where it stands."""
    if "channel" in values.dims:
        return f"channel {channel_names(values)[site]}"
    x, y = sites.positions[site]
    return f"(x, y) = ({x:g}, {y:g}) mm"
