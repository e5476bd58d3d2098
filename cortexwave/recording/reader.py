"""Recordings opened lazily: fields, events and drive of a file as one Dataset."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from cortexwave.errors import RecordingError
from cortexwave.recording.container import TEXTS, check_ours
from cortexwave.recording.files import PART, open_file, stated_size
from cortexwave.schema import (
    EVENT_COLUMNS,
    RECORDING,
    events_table,
    validate,
    with_tables,
)


def open_recording(path: str | Path, *, chunks: Any = None) -> xr.Dataset:
    """A recording, its values read when they are used.

    Fields have dims (trial, time, feature, y, x), trial and feature only where there
    are several; electrodes (trial, time, channel), with the places and states of the
    channels as coordinates `x`, `y`, `z`, `good`, `array`, `reason`. Events and drive
    stand beside them (`cortexwave.events`, `cortexwave.drive`). What an unfinished run
    did not write is cut off; in its last trial it is NaN. `chunks` is xarray's, for
    dask. Raises `RecordingError`.
    """
    path = Path(path)
    with ExitStack() as stack:  # closes what was opened, should a later step fail
        try:
            with opened(path) as file:
                valid, groups = promised(file), set(file)
                events = _events(file) if "events" in groups else None
            fields = stack.enter_context(_lazy(path, None, chunks))
            fields = _cut(fields, valid)
            if events is not None and not fields.attrs.get("complete", 1):
                events = _begun(events, fields)
            drive = None
            if "drive" in groups:
                drive = stack.enter_context(_lazy(path, "drive", chunks))
                if "trial" in drive.dims and "trial" in fields.dims:
                    drive = drive.isel(trial=slice(fields.sizes["trial"]))
            recording = with_tables(fields, events, drive)
            validate(recording, RECORDING)
        except (OSError, RuntimeError, ValueError, KeyError, AttributeError) as error:
            if isinstance(error, RecordingError):
                raise
            raise RecordingError(
                f"{path}: cannot be read as a recording: {error}"
            ) from error
        recording.set_close(stack.pop_all().close)
    recording.encoding["source"] = str(path)
    return recording


def _lazy(path: Path, group: str | None, chunks: Any) -> xr.Dataset:
    # times are seconds as floats, and stay so
    return xr.open_dataset(
        path, engine="h5netcdf", group=group, chunks=chunks, decode_times=False,
        drop_variables=() if group else TEXTS,
    )  # fmt: skip


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
        part = path if path.suffix == PART else Path(f"{path}{PART}")
        rename = "" if part == path else f"rename it to {part.name}, then "
        raise RecordingError(
            f"{path}: it is cut short; {rename}`cortexwave recover {part}` makes a "
            "recording of what is left"
        )
    file = open_file(path, "r")
    try:
        check_ours(file)
        promised(file)
    except (OSError, RuntimeError, KeyError) as error:
        file.close()
        raise RecordingError(f"{path}: damaged ({error})") from error
    except RecordingError:
        file.close()
        raise
    return file


def promised(file: h5py.File) -> int:
    """Valid frames of a file, over all trials; an error where it has not as many."""
    full = file["time"].size * (file["trial"].size if "trial" in file else 1)
    valid = file.attrs["n_valid"]
    if not isinstance(valid, int | np.integer) or not 0 <= valid <= full:
        raise RecordingError(
            f"{file.filename}: damaged, it promises {valid} of {full} frames"
        )
    return int(valid)


def _cut(fields: xr.Dataset, valid: int) -> xr.Dataset:
    """Fields up to the last frame that was promised (frames count trial by trial)."""
    trials = fields.sizes.get("trial", 1)
    frames = fields.sizes["time"]
    if valid >= trials * frames:
        return fields
    if trials == 1:
        return fields.isel(time=slice(0, valid))
    return fields.isel(trial=slice(0, -(-valid // frames)))


def _begun(events: xr.Dataset, fields: xr.Dataset) -> xr.Dataset:
    """Events but for those of trials that a run, stopped or recovered, never began."""
    if "trial" not in events or "trial" not in fields.dims:
        return events
    begun = events["trial"].values < fields.sizes["trial"]
    return events.isel(event=np.flatnonzero(begun))


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
