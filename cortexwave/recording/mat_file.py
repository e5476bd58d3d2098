"""A recording as a .mat file of MATLAB's version 7.3.

Always 7.3, never 5: it is streamed, and has no limit of 2 GB. It is HDF5 with a user
block of 512 bytes that names the version, a `MATLAB_class` on each variable, and
arrays whose axes HDF5 names in reverse (MATLAB counts down columns first).
"""

from __future__ import annotations

import math
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.recording.fresh_files import checked_path, fresh_file

_USER_BLOCK = 512
_HEADER = 116  # bytes of text; 8 of a subsystem; version 0x0200; "IM": little endian
_AXES = ("channel", "y", "x", "time", "feature", "trial")  # as MATLAB counts them
_CLASSES = {"f8": "double", "f4": "single", "i8": "int64", "i4": "int32",
            "i2": "int16", "i1": "int8", "u8": "uint64", "u4": "uint32",
            "u2": "uint16", "u1": "uint8"}  # fmt: skip
_LONGEST = 63  # characters of a variable's name
_BLOCK = 2**25  # bytes read of the recording at once
_CHUNK = 2**18  # numbers in a chunk
_OWN = ("time", "rate", "channel", "x", "y", "z", "array", "good", "reason", "events",
        "event_units", "units", "axes", "info", "protocol")  # fmt: skip


def export_matlab(
    recording: xr.Dataset, path: str | Path, *, overwrite: bool = False
) -> Path:
    """The path of the .mat file (7.3) that a recording was written to, in blocks.

    In MATLAB a field is channel x time (x trial), or y x x x time (x feature x trial);
    `axes` and `units` say so by name. `time` (s), `rate` (Hz; NaN where steps are not
    equal), `channel` (cell of labels), `x`, `y`, `z` (mm), `good`, `reason`, `array`
    stand beside them, `events` is a struct of columns (`event_units` of theirs),
    `info` one of attributes. `cortexwave import` reads all of it back.
    """
    path = checked_path(Path(path), ".mat", overwrite=overwrite)
    schema.validate(recording, schema.RECORDING)
    names = schema.field_names(recording)
    variables = _variable_names(names, taken=_OWN)
    for name in names:
        if recording[name].dtype.str[1:] not in _CLASSES:
            raise InputError(
                f"field '{name}' is {recording[name].dtype}; real numbers are written"
            )
    with fresh_file(path) as fresh:
        with h5py.File(fresh, "w", userblock_size=_USER_BLOCK) as file:
            for name, variable in variables.items():
                _write_field(file, variable, recording[name])
            _write_beside(file, recording, variables)
        _write_header(fresh)
    return path


def _write_header(path: Path) -> None:
    now = datetime.now().strftime("%a %b %d %H:%M:%S %Y")
    text = (
        f"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: {now} HDF5 schema 1.00 ."
    )
    with path.open("r+b") as file:
        file.write(text.encode("ascii").ljust(_HEADER, b" ") + bytes(8) + b"\x00\x02IM")


def _variable_names(names: list[str], *, taken: tuple[str, ...]) -> dict[str, str]:
    """Names that MATLAB allows, each once, by the name they stand for."""
    found: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"\W", "_", name, flags=re.ASCII)[: _LONGEST - 8]
        if not re.match(r"[A-Za-z]", plain) or plain in taken:
            plain = f"field_{plain}"
        number, unique = 1, plain
        while unique in found.values():
            number += 1
            unique = f"{plain}_{number}"
        found[name] = unique
    return found


def _write_field(file: h5py.File, name: str, values: xr.DataArray) -> None:
    dims = [dim for dim in _AXES if dim in values.dims]
    shape = tuple(values.sizes[dim] for dim in reversed(dims))
    at = {dim: place for place, dim in enumerate(reversed(dims))}
    chunks = [1] * len(shape)
    left = _CHUNK
    for dim in ("channel", "y", "x", "time"):
        if dim in at:
            most = 64 if dim != "time" else left
            chunks[at[dim]] = max(1, min(shape[at[dim]], most))
            left //= chunks[at[dim]]
    dataset = file.create_dataset(
        name, shape=shape, dtype=values.dtype, chunks=tuple(chunks),
        compression="gzip", compression_opts=1, shuffle=True,
    )  # fmt: skip
    _mark(dataset, _CLASSES[values.dtype.str[1:]])
    step = chunks[at["time"]]
    frame = values.dtype.itemsize * math.prod(shape) // shape[at["time"]]
    deep = max(1, _BLOCK // max(1, frame * step)) * step
    for begin in range(0, values.sizes["time"], deep):
        block = values.isel(time=slice(begin, begin + deep))
        where = [slice(None)] * len(shape)
        where[at["time"]] = slice(begin, begin + block.sizes["time"])
        dataset[tuple(where)] = block.transpose(*reversed(dims)).values


def _write_beside(
    file: h5py.File, recording: xr.Dataset, variables: dict[str, str]
) -> None:
    time = np.asarray(recording["time"].values, dtype=float)
    _write(file, "time", time[None, :])
    _write(file, "rate", np.array([[_rate(time)]]))
    for name in ("channel", "x", "y", "z", "array", "good", "reason"):
        if name in recording.coords and recording[name].ndim == 1:
            _write_column(file, name, recording[name].values)
    units, axes = _struct(file, "units"), _struct(file, "axes")
    for name, variable in variables.items():
        _write_text(units, variable, str(recording[name].attrs.get("units", "")))
        dims = [dim for dim in _AXES if dim in recording[name].dims]
        _write_text(axes, variable, " x ".join(dims))
    info = _struct(file, "info")
    for name, unique in _variable_names([str(key) for key in recording.attrs],
                                        taken=()).items():  # fmt: skip
        value = recording.attrs[name]
        if isinstance(value, str):
            _write_text(info, unique, value)
        elif isinstance(value, bool | int | float | np.integer | np.floating):
            _write(info, unique, np.array([[float(value)]]))
    if any(str(name).startswith(schema.EVENT_PREFIX) for name in recording):
        table, events = schema.events(recording), _struct(file, "events")
        event_units = _struct(file, "event_units")
        for name, unique in _variable_names([str(key) for key in table.data_vars],
                                            taken=()).items():  # fmt: skip
            _write_column(events, unique, table[name].values)
            if "units" in table[name].attrs:
                _write_text(event_units, unique, str(table[name].attrs["units"]))


def _rate(time: np.ndarray) -> float:
    steps = np.diff(time)
    if not steps.size or np.ptp(steps) > 1e-3 * steps.mean():
        return math.nan
    return float(f"{(time.size - 1) / (time[-1] - time[0]):.12g}")


def _struct(file: h5py.File, name: str) -> h5py.Group:
    group = file.create_group(name)
    _mark(group, "struct")
    return group


def _write_column(place: h5py.Group, name: str, values: np.ndarray) -> None:
    """n x 1: numbers and truths as they are, text as a cell."""
    if values.dtype.kind in "biuf":
        _write(place, name, values[:, None])
        return
    texts = [str(value) for value in values]
    if not texts:
        _write_empty(place, name, "cell", (0, 1))
        return
    hidden = place.file.require_group("#refs#")
    refs = np.empty((1, len(texts)), dtype=h5py.ref_dtype)
    for at, text in enumerate(texts):
        item = _write_text(hidden, f"r{len(hidden)}", text)
        item.attrs["H5PATH"] = np.bytes_(f"{place.name.rstrip('/')}/{name}")
        refs[0, at] = item.ref
    _mark(place.create_dataset(name, data=refs, dtype=h5py.ref_dtype), "cell")


def _write(place: h5py.Group, name: str, values: np.ndarray) -> None:
    """A matrix as MATLAB sees it; its axes are reversed on the way."""
    if not values.size:
        _write_empty(place, name, "double", values.shape)
        return
    if values.dtype.kind == "b":
        dataset = place.create_dataset(name, data=values.T.astype(np.uint8))
        _mark(dataset, "logical", decode=1)
        return
    dataset = place.create_dataset(name, data=values.T)
    _mark(dataset, _CLASSES[values.dtype.str[1:]])


def _write_text(place: h5py.Group, name: str, text: str) -> h5py.Dataset:
    """A row of UTF-16 code units, which is what char is."""
    units = np.frombuffer(text.encode("utf-16-le", "replace"), dtype="<u2")
    if not units.size:
        return _write_empty(place, name, "char", (0, 0))
    dataset = place.create_dataset(name, data=units[:, None])
    _mark(dataset, "char", decode=2)
    return dataset


def _write_empty(
    place: h5py.Group, name: str, kind: str, shape: tuple[int, ...]
) -> h5py.Dataset:
    """MATLAB writes what is empty as its size."""
    dataset = place.create_dataset(name, data=np.array(shape, dtype=np.uint64))
    _mark(dataset, kind)
    dataset.attrs["MATLAB_empty"] = np.uint8(1)
    return dataset


def _mark(item: Any, kind: str, *, decode: int | None = None) -> None:
    item.attrs["MATLAB_class"] = np.bytes_(kind)  # of fixed length, as MATLAB wants
    if decode is not None:
        item.attrs["MATLAB_int_decode"] = np.int32(decode)
