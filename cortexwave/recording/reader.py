"""Recordings opened lazily: fields, events and drive of a file as one Dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import xarray as xr

from cortexwave.errors import RecordingError
from cortexwave.recording.container import check_ours
from cortexwave.recording.files import PART, open_file, stated_size
from cortexwave.schema import (
    EVENT_COLUMNS,
    RECORDING,
    events_table,
    field_names,
    validate,
    with_tables,
)

_TEXTS = ("protocol", "protocol_resolved")


def open_recording(path: str | Path, *, chunks: Any = None) -> xr.Dataset:
    """A recording, its values read when they are used.

    Fields have dims (trial, time, feature, y, x), trial and feature only where there
    are several; events and drive stand beside them (`cortexwave.events`,
    `cortexwave.drive`). What an unfinished run did not write is cut off; in its last
    trial it is NaN. `chunks` is xarray's, for dask. Raises `RecordingError`.
    """
    path = Path(path)
    with opened(path) as file:
        valid, groups = int(file.attrs["n_valid"]), set(file)
        events = _events(file) if "events" in groups else None
    try:
        fields = xr.open_dataset(path, engine="h5netcdf", chunks=chunks)
        drive = None
        if "drive" in groups:
            drive = xr.open_dataset(
                path, engine="h5netcdf", group="drive", chunks=chunks
            )
    except (OSError, ValueError, KeyError) as error:
        raise RecordingError(
            f"{path}: cannot be read as a recording: {error}"
        ) from error
    close = [part._close for part in (fields, drive) if part is not None]
    fields = _cut(fields.drop_vars([name for name in _TEXTS if name in fields]), valid)
    recording = with_tables(fields, events, drive)
    recording.set_close(lambda: [done() for done in close if done is not None])
    recording.encoding["source"] = str(path)
    validate(recording, RECORDING)
    return recording


def read_protocol(path: str | Path) -> str:
    """The text of the protocol that a recording was made from, verbatim."""
    with opened(Path(path)) as file:
        if "protocol" not in file:
            raise RecordingError(f"{path}: it holds no protocol")
        return str(file["protocol"].asstr()[()])


def opened(path: Path) -> h5py.File:
    """A recording's file; every way in which it is none is one `RecordingError`."""
    if not path.exists():
        part = Path(f"{path}{PART}")
        hint = f"; {part.name} is there, of an unfinished run" if part.exists() else ""
        raise RecordingError(f"{path}: there is no such file{hint}")
    if stated_size(path) > path.stat().st_size:
        raise RecordingError(
            f"{path}: it is cut short; `cortexwave recover {path}` makes a recording "
            "of what is left"
        )
    file = open_file(path, "r")
    try:
        check_ours(file)
    except RecordingError:
        file.close()
        raise
    return file


def _cut(fields: xr.Dataset, valid: int) -> xr.Dataset:
    """Fields up to the last frame that was promised (frames count trial by trial)."""
    names = field_names(fields)
    trials = fields.sizes.get("trial", 1) if "trial" in fields[names[0]].dims else 1
    frames = fields.sizes["time"]
    if valid >= trials * frames:
        return fields
    if trials == 1:
        return fields.isel(time=slice(0, valid))
    return fields.isel(trial=slice(0, -(-valid // frames)))


def _events(file: h5py.File) -> xr.Dataset:
    """The events table of a file; columns of ours, and any others beside them."""
    group = file["events"]
    columns = {}
    for name, item in group.items():
        if not isinstance(item, h5py.Dataset) or item.is_scale or item.ndim != 1:
            continue
        text = h5py.check_string_dtype(item.dtype) is not None
        values = item.asstr()[:].astype(object) if text else item[:]
        attrs = {"units": str(item.attrs["units"])} if "units" in item.attrs else {}
        columns[name] = ("event", values, attrs)
    table = xr.Dataset(columns)
    ordered = [name for name in EVENT_COLUMNS if name in table]
    rest = [str(name) for name in table.data_vars if name not in EVENT_COLUMNS]
    return table[[*ordered, *rest]] if columns else events_table([])
