"""A recording in memory, or one read lazily, written as a file of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from cortexwave import provenance, schema
from cortexwave.errors import InputError
from cortexwave.recording.layout import FieldLayout, RecordingLayout
from cortexwave.recording.writer import RecordingWriter

_EQUAL_STEPS = 1e-3
# What the file says of itself, and what netCDF keeps for its own use.
_OWN = ("n_valid", "complete", "recovered", "schema_version", "direction_convention",
        "_NCProperties", "frame_interval")  # fmt: skip
_TEXT = "# saved from memory, not simulated from a protocol\n"


def save_recording(
    recording: xr.Dataset, path: str | Path, *, overwrite: bool = False
) -> Path:
    """The path of the file that a recording of a lattice was written to.

    Block by block, so that a recording that is read lazily never stands in memory
    whole. Fields are stored as they are (float32 or float64), with events and drive.
    Time in a file begins at 0: where it does not, `time_origin` (s) keeps its start.
    Raises `InputError` where the fields are not of one lattice, type and clock.
    """
    schema.validate(recording, schema.RECORDING)
    names = schema.field_names(recording)
    first = recording[names[0]]
    layout = _layout(recording, names)
    attributes: dict[str, str | int | float] = {
        str(name): value for name, value in recording.attrs.items()
        if name not in _OWN and isinstance(value, str | int | float)
    }  # fmt: skip
    start = float(first["time"].values[0])
    if start != 0:
        attributes["time_origin"] = start
    tables = {}
    for name, table in (("events", schema.events), ("drive", schema.drive)):
        prefix = f"{name.rstrip('s')}_"
        held = any(str(each).startswith(prefix) for each in recording.data_vars)
        tables[name] = table(recording) if held else None
    writer = RecordingWriter(
        path, layout, attributes={**provenance.attributes(), **attributes},
        protocol=_TEXT, protocol_resolved="{}", events=tables["events"],
        drive=tables["drive"],
        overwrite=overwrite,
    )  # fmt: skip
    with writer:
        for trial in range(layout.trials or 1):
            for begin in range(0, layout.frames, layout.block_frames):
                block = slice(begin, begin + layout.block_frames)
                writer.append(trial, begin, {
                    name: _frames(recording[name], trial, block) for name in names
                })  # fmt: skip
        return writer.finish()


def _layout(recording: xr.Dataset, names: list[str]) -> RecordingLayout:
    first = recording[names[0]]
    unlike = [name for name in names if recording[name].sizes != first.sizes
              or recording[name].dtype != first.dtype]  # fmt: skip
    if unlike:
        raise InputError(
            f"fields {names[0]} and {unlike[0]} differ in dims or type; one file "
            "holds fields alike"
        )
    if not {"y", "x"} <= set(first.dims):
        raise InputError(
            f"field '{names[0]}' has dims {first.dims}; a file holds fields of a "
            "lattice (y, x): on_lattice lays electrodes on theirs"
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
        y=np.asarray(first["y"].values, dtype=float),
        x=np.asarray(first["x"].values, dtype=float),
        features=first.sizes.get("feature", 1), trials=first.sizes.get("trial"),
        frames=time.size, interval=interval, dtype=str(first.dtype),  # type: ignore[arg-type]
    )  # fmt: skip


def _frames(field: xr.DataArray, trial: int, block: slice) -> np.ndarray:
    """Frames (time, feature, y, x) of one trial, read now."""
    part = field.isel(time=block)
    part = part.isel(trial=trial) if "trial" in part.dims else part
    if "feature" not in part.dims:
        part = part.expand_dims("feature")
    return np.ascontiguousarray(part.transpose("time", "feature", "y", "x").values)
