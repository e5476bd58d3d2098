"""The file that `cortexwave memory` writes: a group for each measurement.

Reading it takes none of the readouts themselves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cortexwave.errors import RecordingError

KIND = "memory"
KIND_MARK = "cortexwave_kind"


def open_memory(path: str | Path) -> dict[str, xr.Dataset]:
    """What `cortexwave memory` found: the name of each measurement and its Dataset."""
    path = Path(path)
    if not path.exists():
        raise RecordingError(f"{path}: there is no such file")
    if not is_memory_file(path):
        raise RecordingError(f"{path}: not a memory file (`cortexwave memory`)")
    with xr.open_dataset(path, engine="h5netcdf") as root:
        names = json.loads(root.attrs["measurements"])
    found = {}
    for name in names:
        with xr.open_dataset(path, engine="h5netcdf", group=name,
                             decode_times=False) as group:  # fmt: skip
            found[name] = _decoded(group.load())
    return found


def describe_memory(path: str | Path) -> dict[str, Any]:
    """Of what a memory file is and what was measured, as plain values: `info`."""
    found = open_memory(path)
    with xr.open_dataset(path, engine="h5netcdf") as root:
        attrs = dict(root.attrs)
    told = ("recording_file", "recording_title", "recording_run_id", "created",
            "cortexwave_version", "git_commit")  # fmt: skip
    return {
        "file": str(path), "kind": KIND,
        **{name: str(attrs[name]) for name in told if attrs.get(name, "") != ""},
        "measurements": {name: _parameters(each) for name, each in found.items()},
        "reads_it": "cortexwave.open_memory",
    }  # fmt: skip


def is_memory_file(path: str | Path) -> bool:
    """Whether `cortexwave memory` wrote it."""
    try:
        with xr.open_dataset(path, engine="h5netcdf") as root:
            return bool(root.attrs.get(KIND_MARK) == KIND)
    except (OSError, ValueError):
        return False


def _parameters(found: xr.Dataset) -> dict[str, Any]:
    """What a measurement was asked with, less what was left open."""
    asked = json.loads(str(found.attrs.get("parameters", "{}")))
    return {name: value for name, value in asked.items() if value is not None}


def encoded(found: xr.Dataset) -> xr.Dataset:
    """Attributes as HDF5 holds them: numbers and text, all else as JSON."""

    def plain(attributes: Mapping[Any, Any]) -> dict[str, Any]:
        return {
            str(name): int(value) if isinstance(value, bool | np.bool_)
            else value if isinstance(value, str | int | float | np.number)
            else json.dumps(value, default=_jsonable)
            for name, value in attributes.items() if value is not None
        }  # fmt: skip

    kept = found.copy()
    kept.attrs = plain(found.attrs)
    for name in kept.variables:
        kept[name].attrs = plain(found[name].attrs)
        if kept[name].dtype.kind in "U":
            kept[name] = kept[name].astype(object)
    aside = [str(name) for name in found.coords if name not in found.dims]
    kept.attrs["coordinates_aside"] = json.dumps(aside)
    return kept.reset_coords(aside)


def _decoded(kept: xr.Dataset) -> xr.Dataset:
    return kept.set_coords(json.loads(kept.attrs.pop("coordinates_aside", "[]")))


def _jsonable(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
