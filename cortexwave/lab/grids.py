"""Recordings laid on the grid of their electrodes, and taken off it again.

`to_grid` gives channels the dims (y, x), NaN where no contact is; `to_channels` takes
them back. Values are read when they are used. Contacts in space are seen in their best
plane, and how far they stand off it is said.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.lab.grid_finding import Grid, find_grid

_BLOCK = 256  # frames looked at together
_PLACES = {"position_x": "x", "position_y": "y", "position_z": "z"}


def to_grid(
    recording: xr.Dataset, *, array: str | None = None, tolerance: float = 0.25
) -> xr.Dataset:
    """A recording of channels on the (y, x) of their grid, NaN where no contact is.

    Values are read when they are used. `y` and `x` (mm) are those of the grid turned
    upright about its middle: directions on it are those of the sheet less attribute
    `grid_rotation` (deg). Coordinates over (y, x) keep `label` ("" where absent),
    `good`, `reason` and `position_x`, `position_y`, `position_z`; `grid_off_site` and
    `grid_off_plane` are the largest distances (mm) from sites and from the plane.
    Channels without a position are left out and named in `grid_left_out`. Of several
    arrays `array` names one, as between them there is no grid.
    """
    schema.validate(recording, schema.RECORDING)
    if "channel" not in recording.dims:
        raise InputError(
            f"the recording has dims {tuple(recording.dims)}: it has a lattice already"
        )
    chosen = _of_array(recording, array)
    labels = [str(each) for each in (
        recording["channel"].values if "channel" in recording.coords
        else range(recording.sizes["channel"]))]  # fmt: skip
    at = _places(recording)
    known = np.isfinite(at[:, :2]).all(axis=1)
    left_out = [labels[k] for k in np.flatnonzero(chosen & ~known)]
    kept = np.flatnonzero(chosen & known)
    if kept.size < 2:
        raise InputError(
            f"{kept.size} channel(s) have a position; a grid needs two or more: give "
            "an electrode map"
        )
    grid = find_grid(at[kept], tolerance=tolerance, names=[labels[k] for k in kept])
    site = (grid.index[:, 0], grid.index[:, 1])
    coords: dict[str, Any] = {
        str(name): item.variable for name, item in recording.coords.items()
        if "channel" not in item.dims
    }  # fmt: skip
    coords["y"] = ("y", grid.y, {"units": "mm"})
    coords["x"] = ("x", grid.x, {"units": "mm"})
    coords["label"] = _over(grid, site, np.array(labels, dtype=object)[kept], "")
    for said, empty in (("good", False), ("reason", ""), ("array", "")):
        if said in recording.coords and recording[said].dims == ("channel",):
            coords[said] = _over(grid, site, recording[said].values[kept], empty)
    for place, axis in _PLACES.items():
        values = at[kept, "xyz".index(axis)]
        if np.isfinite(values).any():
            coords[place] = (*_over(grid, site, values, np.nan), {"units": "mm"})
    fields: dict[str, Any] = {}
    for name, item in recording.data_vars.items():
        if "channel" not in item.dims:
            fields[str(name)] = item.variable
        elif "time" in item.dims:
            laid = indexing.LazilyIndexedArray(
                Laid(item.variable, kept, site, grid.shape)
            )
            rest = [dim for dim in item.dims if dim != "channel"]
            fields[str(name)] = xr.Variable((*rest, "y", "x"), laid, item.attrs)
    attributes = dict(recording.attrs) | {
        "grid_rotation": grid.rotation,
        "grid_off_site": float(grid.off_site.max()),
        "grid_off_plane": float(np.abs(grid.off_plane).max()),
    }
    if left_out:
        attributes["grid_left_out"] = ", ".join(left_out)
    made = xr.Dataset(fields, coords, attributes)
    made.encoding = dict(recording.encoding)
    return made


def to_channels(recording: xr.Dataset) -> xr.Dataset:
    """A recording on a lattice as channels, one for each site that has a contact.

    What `to_grid` laid out gets its labels and places back. Of another lattice the
    sites with a finite value at any time are taken, named "r0c0" from the first row and
    column; that reads it once.
    """
    schema.validate(recording, schema.RECORDING)
    if not {"y", "x"} <= set(recording.dims):
        raise InputError(
            f"the recording has dims {tuple(recording.dims)}; to_channels takes (y, x)"
        )
    names = [name for name in schema.field_names(recording)
             if {"y", "x"} <= set(recording[name].dims)]  # fmt: skip
    if not names:
        raise InputError("the recording has no field over both y and x")
    ours = "label" in recording.coords and recording["label"].dims == ("y", "x")
    present = (recording["label"].values != "") if ours else _present(recording, names)
    rows, columns = np.nonzero(present)
    if not rows.size:
        raise InputError("no site of the recording has a finite value")
    if ours:
        labels = recording["label"].values[rows, columns]
    else:
        named = [f"r{r}c{c}" for r, c in zip(rows, columns, strict=True)]
        labels = np.array(named, dtype=object)
    coords: dict[str, Any] = {
        str(name): item.variable for name, item in recording.coords.items()
        if not {"y", "x"} & set(item.dims)
    }  # fmt: skip
    coords["channel"] = ("channel", labels)
    coords["x"] = ("channel", np.asarray(recording["x"].values, float)[columns])
    coords["y"] = ("channel", np.asarray(recording["y"].values, float)[rows])
    for place, axis in _PLACES.items():
        if ours and place in recording.coords:
            coords[axis] = ("channel", recording[place].values[rows, columns])
    for axis in "xyz":
        if axis in coords:
            coords[axis] = (*coords[axis], {"units": "mm"})
    for said in ("good", "reason", "array"):
        if said in recording.coords and recording[said].dims == ("y", "x"):
            coords[said] = ("channel", recording[said].values[rows, columns])
    fields: dict[str, Any] = {}
    for name, item in recording.data_vars.items():
        if name in names:
            rest = [dim for dim in item.dims if dim not in ("y", "x")]
            taken = indexing.LazilyIndexedArray(
                _Taken(item.transpose(*rest, "y", "x").variable, rows, columns)
            )
            fields[str(name)] = xr.Variable((*rest, "channel"), taken, item.attrs)
        elif not {"y", "x"} & set(item.dims):
            fields[str(name)] = item.variable
    attributes = {name: value for name, value in recording.attrs.items()
                  if not str(name).startswith("grid_")}  # fmt: skip
    made = xr.Dataset(fields, coords, attributes)
    made.encoding = dict(recording.encoding)
    return made


class _Sited(BackendArray):
    """A field whose sites stand otherwise than where it was read."""

    def __init__(self, source: xr.Variable, shape: tuple[int, ...]):
        self._source = source
        self.shape = shape
        self.dtype = source.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self._read
        )

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        raise NotImplementedError


class Laid(_Sited):
    """Channels laid on a lattice; floats, as absent sites are NaN."""

    def __init__(
        self,
        source: xr.Variable,
        kept: np.ndarray,
        site: tuple[np.ndarray, np.ndarray],
        shape: tuple[int, int],
    ):
        rest = [dim for dim in source.dims if dim != "channel"]
        source = source.transpose(*rest, "channel")
        super().__init__(source, (*source.shape[:-1], *shape))
        self._kept, self._site = kept, site
        if self.dtype.kind != "f":
            self.dtype = np.dtype(np.float64)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        given = np.asarray(self._source[key[:-2]].values)[..., self._kept]
        laid = np.full((*given.shape[:-1], *self.shape[-2:]), np.nan, self.dtype)
        laid[..., self._site[0], self._site[1]] = given
        return laid[(..., *key[-2:])]


class _Taken(_Sited):
    """Sites of a lattice taken as channels."""

    def __init__(self, source: xr.Variable, rows: np.ndarray, columns: np.ndarray):
        super().__init__(source, (*source.shape[:-2], len(rows)))
        self._rows, self._columns = rows, columns

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        given = np.asarray(self._source[key[:-1]].values)
        return given[..., self._rows, self._columns][..., key[-1]]


def _over(
    grid: Grid, site: tuple[np.ndarray, np.ndarray], values: np.ndarray, empty: Any
) -> tuple[tuple[str, str], np.ndarray]:
    laid = np.full(grid.shape, empty, dtype=np.asarray(values).dtype)
    laid[site] = values
    return ("y", "x"), laid


def _places(recording: xr.Dataset) -> np.ndarray:
    """Positions (channel, 3) in mm; z is NaN where there is none."""
    at = np.full((recording.sizes["channel"], 3), np.nan)
    for axis, name in enumerate("xyz"):
        if name in recording.coords and recording[name].dims == ("channel",):
            unit = recording[name].attrs.get("units")
            if unit != "mm":
                raise InputError(f"units of '{name}' are {unit!r}, not 'mm'")
            at[:, axis] = recording[name].values
        elif name != "z":
            raise InputError(
                f"the recording has no positions: coordinate '{name}(channel)' in mm "
                "is missing; give an electrode map"
            )
    return at


def _of_array(recording: xr.Dataset, array: str | None) -> np.ndarray:
    """Which channels stand on the array, (channel,)."""
    count = recording.sizes["channel"]
    if "array" not in recording.coords:
        if array is not None:
            raise InputError(f"no array '{array}': the recording names no arrays")
        return np.ones(count, dtype=bool)
    names = np.array([str(each) for each in recording["array"].values])
    several = list(dict.fromkeys(names.tolist()))
    if array is None and len(several) == 1:
        return np.ones(count, dtype=bool)
    if array not in several:
        raise InputError(
            f"the recording has {len(several)} arrays; say which to lay on a grid: "
            f"array = {' or '.join(map(repr, several[:12]))}"
            + ("" if array is None else f", not {array!r}")
        )
    return names == array


def _present(recording: xr.Dataset, names: list[str]) -> np.ndarray:
    """Sites (y, x) with a finite value at any time, read in blocks."""
    found = np.zeros((recording.sizes["y"], recording.sizes["x"]), dtype=bool)
    for name in names:
        for begin in range(0, recording.sizes["time"], _BLOCK):
            part = recording[name].isel(time=slice(begin, begin + _BLOCK))
            rest = [dim for dim in part.dims if dim not in ("y", "x")]
            values = part.transpose(*rest, "y", "x").values
            found |= np.isfinite(values).reshape(-1, *found.shape).any(axis=0)
    return found
