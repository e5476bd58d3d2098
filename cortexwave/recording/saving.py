"""A recording in memory, or one read lazily, written as a file of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from cortexwave import provenance, schema
from cortexwave.errors import InputError
from cortexwave.recording.channels import channels_of
from cortexwave.recording.layout import FieldLayout, RecordingLayout
from cortexwave.recording.writer import RecordingWriter

_EQUAL_STEPS = 1e-3
# What the file says of itself, and what netCDF keeps for its own use.
_OWN = ("n_valid", "complete", "recovered", "schema_version", "direction_convention",
        "_NCProperties", "frame_interval")  # fmt: skip
_READ_AT_ONCE = 32 * 2**20  # bytes: a file may be slow to read in single blocks
_TEXT = "# saved from memory, not simulated from a protocol\n"


def save_recording(
    recording: xr.Dataset, path: str | Path, *, overwrite: bool = False
) -> Path:
    """The path of the file that a recording of a lattice or of electrodes went to.

    Some blocks at a time, so that a recording that is read lazily never stands in
    memory whole. Fields are stored as they are (float32 or float64), with events,
    drive, and the labels, places (mm; NaN where unknown) and states of channels.
    Time in a file begins at 0: where it does not, onsets of events and the clock of
    the drive move with it, and the attribute `time_origin` (s) keeps its start.
    Raises `InputError` where the fields are not of the same sites, type and clock, or
    an event is of a trial that is not there, `RecordingError` where channels share a
    label.
    """
    schema.validate(recording, schema.RECORDING)
    names = schema.field_names(recording)
    first = recording[names[0]]
    layout = _layout(recording, names)
    attributes: dict[str, str | int | float] = {
        str(name): _plain(value)
        for name, value in recording.attrs.items()
        if name not in _OWN
        and isinstance(value, str | int | float | np.integer | np.floating)
    }
    start = float(first["time"].values[0])
    if start != 0:  # it may be a part of a recording that began later already
        attributes["time_origin"] = start + float(attributes.get("time_origin", 0))
    tables = {}
    for name, table in (("events", schema.events), ("drive", schema.drive)):
        prefix = f"{name.rstrip('s')}_"
        held = any(str(each).startswith(prefix) for each in recording.data_vars)
        tables[name] = _stored(table(recording), start) if held else None
    if tables["events"] is not None and layout.trials is not None:
        schema.check_trials(tables["events"], layout.trials)
    writer = RecordingWriter(
        path, layout, attributes={**provenance.attributes(), **attributes},
        protocol=_TEXT, protocol_resolved="{}", events=tables["events"],
        drive=tables["drive"],
        overwrite=overwrite,
    )  # fmt: skip
    with writer:
        step = layout.block_frames
        span = step * max(1, _READ_AT_ONCE // layout.block_bytes)
        for trial in range(layout.trials or 1):
            for begin in range(0, layout.frames, span):
                some = slice(begin, begin + span)
                read = {name: _frames(recording[name], trial, some) for name in names}
                for at in range(0, len(read[names[0]]), step):
                    block = {name: values[at : at + step]
                             for name, values in read.items()}  # fmt: skip
                    writer.append(trial, begin + at, block)
        return writer.finish()


def _plain(
    value: str | int | float | np.integer | np.floating,
) -> str | int | float:
    """An attribute as Python has it; netCDF has no booleans: they are 0 or 1."""
    if isinstance(value, np.integer | np.floating):
        return value.item()
    return int(value) if isinstance(value, bool) else value


def _stored(table: xr.Dataset, start: float) -> xr.Dataset:
    """A table on the clock of the file, without the places of channels.

    These bear the names of a sheet's axes, which the drive of a sheet may have.
    """
    table = table.drop_vars([name for name, values in table.coords.items()
                             if "channel" in values.dims])  # fmt: skip
    clocks = [name for name in ("onset", "clock") if start and name in table]
    return table.assign({
        name: (table[name] - start).assign_attrs(table[name].attrs) for name in clocks
    })  # fmt: skip


def _layout(recording: xr.Dataset, names: list[str]) -> RecordingLayout:
    first = recording[names[0]]
    unlike = [name for name in names if recording[name].sizes != first.sizes
              or recording[name].dtype != first.dtype]  # fmt: skip
    if unlike:
        raise InputError(
            f"fields {names[0]} and {unlike[0]} differ in dims or type; one file "
            "holds fields alike"
        )
    electrodes = "channel" in first.dims
    if not electrodes and not {"y", "x"} <= set(first.dims):
        raise InputError(
            f"field '{names[0]}' has dims {first.dims}; a file holds fields of a "
            "lattice (y, x) or of electrodes (channel)"
        )
    if first.dtype not in (np.float32, np.float64):
        raise InputError(
            f"field '{names[0]}' is {first.dtype}; float32 or float64 are stored"
        )
    time = np.asarray(first["time"].values, dtype=float)
    steps = np.diff(time)
    interval = float((time[-1] - time[0]) / max(1, time.size - 1))
    if time.size < 2 or np.any(np.abs(steps - interval) > _EQUAL_STEPS * interval):
        raise InputError("the frames of a file are at equal steps; 'time' is not")
    return RecordingLayout(
        fields={
            name: FieldLayout(str(recording[name].attrs["units"]),
                              str(recording[name].attrs.get("long_name", "")))
            for name in names
        },
        y=None if electrodes else np.asarray(first["y"].values, dtype=float),
        x=None if electrodes else np.asarray(first["x"].values, dtype=float),
        features=first.sizes.get("feature", 1), trials=first.sizes.get("trial"),
        frames=time.size, interval=interval, dtype=str(first.dtype),  # type: ignore[arg-type]
        channels=channels_of(first) if electrodes else None,
    )  # fmt: skip


def _frames(field: xr.DataArray, trial: int, block: slice) -> np.ndarray:
    """Frames (time, feature, y, x) or (time, channel) of one trial, read now."""
    part = field.isel(time=block)
    part = part.isel(trial=trial) if "trial" in part.dims else part
    if "channel" in part.dims:
        return np.ascontiguousarray(part.transpose("time", "channel").values)
    if "feature" not in part.dims:
        part = part.expand_dims("feature")
    return np.ascontiguousarray(part.transpose("time", "feature", "y", "x").values)
