"""The HDF5 file of a recording before its first frame, and how it is known again.

Plain h5py; dimension scales make it a netCDF4 file. The index of chunks is filled at
once with tiny chunks of NaN: HDF5 rewrites an index entry in one piece, but moves
entries between nodes when the index grows, and a run killed in between would lose
frames already promised. It also keeps the index in front of the frames, where a
file that was cut short still has it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping

import h5py
import numpy as np
import xarray as xr

from cortexwave.errors import RecordingError
from cortexwave.recording import compression
from cortexwave.recording.channels import read_channels, write_channels
from cortexwave.recording.layout import Compression, FieldLayout, RecordingLayout
from cortexwave.schema import DIRECTION_CONVENTION, SCHEMA_VERSION

KIND_MARK = "cortexwave_kind"  # an attribute of our files that are no recordings
TEXTS = ("protocol", "protocol_resolved")
_COUNTERS = ("n_valid", "complete", "recovered")
_LARGEST_ATTRIBUTE = 60_000  # bytes; HDF5's old format holds 64 KiB
_TIME_CHUNK = 16_384
Place = tuple[int | slice, ...]  # of a chunk in a block: frames, feature, sites
# What netCDF writes as the name of a dimension that has no coordinate of its own.
_BARE_DIMENSION = "This is a netCDF dimension but not a netCDF variable.%10d"
# How netCDF stores a variable with the name of a dimension it is not along, such as
# the map patch(y, x) beside values(trial, clock, patch).
_NOT_THE_DIMENSION = "_nc4_non_coord_"
# HDF5's own attribute, which a table read from a file brings along: as text it makes
# HDF5 crash where it writes the labels itself.
_LABELS = "DIMENSION_LABELS"


def fill(
    file: h5py.File,
    layout: RecordingLayout,
    *,
    attributes: Mapping[str, str | int | float],
    protocol: str,
    protocol_resolved: str,
    events: xr.Dataset | None,
    drive: xr.Dataset | None,
    units: xr.Dataset | None = None,
) -> None:
    """Write all of a recording but its frames into an empty file."""
    _write_attributes(file, attributes)
    scales = _write_axes(file, layout)
    for name, field in layout.fields.items():
        _write_field(file, name, field, layout, scales)
    clear_beyond(file, layout, 0)
    for name, text in zip(TEXTS, (protocol, protocol_resolved), strict=True):
        try:
            file.create_dataset(name, data=text, dtype=h5py.string_dtype())
        except (ValueError, UnicodeEncodeError) as error:
            raise RecordingError(
                f"the text for /{name} cannot be stored: {error}"
            ) from error
    for name, table in (("events", events), ("drive", drive), ("units", units)):
        if table is not None:
            _write_table(file.create_group(name), table, scales)


def set_counter(file: h5py.File, name: str, value: int) -> None:
    """Overwrite n_valid, complete or recovered in place: one number, no moved bytes."""
    file.attrs.modify(name, np.int64(value))


def layout_of(file: h5py.File) -> RecordingLayout:
    """The layout of a recording; `RecordingError` where the file is none."""
    check_ours(file)
    try:
        layout = _read_layout(file)
    except (KeyError, IndexError, TypeError, RecordingError) as error:
        raise RecordingError(
            f"{file.filename}: damaged, or not fields of a sheet or of "
            f"channels ({error})"
        ) from error
    for name in layout.fields:
        found = file[name]
        # frames are written as whole chunks, past HDF5's own checks
        if (found.shape, found.chunks, found.dtype) != (
            layout.shape, layout.chunk, np.dtype(layout.dtype)
        ):  # fmt: skip
            raise RecordingError(
                f"{file.filename}: '{name}' is laid out by another tool"
            )
    return layout


def _read_layout(file: h5py.File) -> RecordingLayout:
    fields = [file[name] for name in field_names(file)]
    dims = [dim.label for dim in fields[0].dims]
    length = dict(zip(dims, fields[0].shape, strict=True))
    compressed: Compression = "gzip" if fields[0].shuffle else "none"
    channels = read_channels(file) if "channel" in length else None
    return RecordingLayout(
        fields={
            field.name.lstrip("/"): FieldLayout(
                field.attrs["units"], field.attrs.get("long_name", "")
            )
            for field in fields
        },
        y=file["y"][:] if channels is None else None,
        x=file["x"][:] if channels is None else None,
        features=length.get("feature", 1),
        trials=length.get("trial"),
        frames=length["time"],
        interval=float(file["time"].attrs["interval"]),
        dtype=fields[0].dtype.name,
        compression=compressed,
        channels=channels,
    )


def check_ours(file: h5py.File) -> None:
    """Raise `RecordingError` for an HDF5 file that is not a cortexwave recording."""
    if file.attrs.get(KIND_MARK) == "wave analysis":
        raise RecordingError(
            f"{file.filename}: a wave analysis, not a recording; cortexwave.open_waves "
            "reads it, and its page and table stand beside it (.png, .csv)"
        )
    missing = [name for name in ("schema_version", "n_valid") if name not in file.attrs]
    if missing or not isinstance(file.get("time"), h5py.Dataset):
        lack = " and ".join(f"attribute '{name}'" for name in missing) or "axis 'time'"
        raise RecordingError(
            f"{file.filename}: an HDF5 file, but not a cortexwave recording "
            f"({lack} missing)"
        )
    version = file.attrs["schema_version"]
    if not isinstance(version, int | np.integer) or version > SCHEMA_VERSION:
        raise RecordingError(
            f"{file.filename}: recording schema {version}; this cortexwave reads up to "
            f"{SCHEMA_VERSION}: install a newer one"
        )


def field_names(file: h5py.File) -> list[str]:
    """Names of the variables that have a time axis, in the order of the file."""
    return [
        name
        for name, item in file.items()
        if isinstance(item, h5py.Dataset)
        and not item.is_scale
        and "time" in [dim.label for dim in item.dims]
    ]


def chunks_of_block(
    layout: RecordingLayout, trial: int, first: int
) -> Iterator[tuple[tuple[int, ...], Place]]:
    """Where the chunks of one block stand: HDF5 offset, and place in the block."""
    tile = layout.tile
    lead = () if layout.trials is None else (trial,)
    starts = [range(0, n, size) for n, size in zip(layout.sites, tile, strict=True)]
    for feature, *sites in itertools.product(range(layout.features), *starts):
        stored = () if layout.features == 1 else (feature,)
        given = (feature,) if layout.channels is None else ()
        spans = (slice(at, at + size) for at, size in zip(sites, tile, strict=True))
        yield (*lead, first, *stored, *sites), (slice(None), *given, *spans)


def blocks(layout: RecordingLayout, n_valid: int = 0) -> Iterator[tuple[int, int]]:
    """Trial and first frame of every block from frame `n_valid` on.

    Where that lies inside a block, the rest of that block was never written.
    """
    begun, inside = divmod(n_valid, layout.frames)
    start = -(-inside // layout.block_frames) * layout.block_frames
    for trial in range(begun, layout.trials or 1):
        for first in range(start, layout.frames, layout.block_frames):
            yield trial, first
        start = 0


def blank_chunk(layout: RecordingLayout) -> bytes:
    """The stored form of a chunk that holds nothing but NaN."""
    shuffle = layout.compression == "gzip"
    return compression.blank(layout.chunk, np.dtype(layout.dtype), shuffle=shuffle)


def clear_beyond(file: h5py.File, layout: RecordingLayout, n_valid: int) -> None:
    """Make every chunk from frame `n_valid` on hold nothing but NaN."""
    blank = blank_chunk(layout)
    for name in layout.fields:
        write = file[name].id.write_direct_chunk
        for trial, first in blocks(layout, n_valid):
            for offset, *_ in chunks_of_block(layout, trial, first):
                write(offset, blank)


def _write_attributes(
    file: h5py.File, attributes: Mapping[str, str | int | float]
) -> None:
    taken = [name for name in _COUNTERS if name in attributes]
    if taken:
        raise RecordingError(f"attribute '{taken[0]}' is set by the writer alone")
    ours: dict[str, str | int | float] = {
        "Conventions": "CF-1.11",
        "schema_version": SCHEMA_VERSION,
        "direction_convention": DIRECTION_CONVENTION,
        "origin": "model",
    }
    for name, value in {**ours, **attributes}.items():
        if not isinstance(value, str | int | float | np.integer | np.floating):
            kind = type(value).__name__
            raise RecordingError(f"attribute '{name}' is a {kind}, not text or number")
        if isinstance(value, str) and len(value.encode()) > _LARGEST_ATTRIBUTE:
            raise RecordingError(
                f"attribute '{name}' has {len(value.encode())} bytes; HDF5 allows "
                f"{_LARGEST_ATTRIBUTE}"
            )
        file.attrs[name] = value
    for name in _COUNTERS:
        file.attrs[name] = np.int64(0)


def _write_axes(file: h5py.File, layout: RecordingLayout) -> dict[str, h5py.Dataset]:
    time = file.create_dataset(
        "time", (layout.frames,), "f8", maxshape=(None,),
        chunks=(min(layout.frames, _TIME_CHUNK),), fillvalue=np.nan,
    )  # fmt: skip
    for start in range(0, layout.frames, _TIME_CHUNK):
        frame = np.arange(start, min(start + _TIME_CHUNK, layout.frames))
        time[start : start + frame.size] = frame * layout.interval
    time.attrs["interval"] = float(layout.interval)
    axes = {"time": (time, "s", "time from the start of the run or trial")}
    labels = {}
    if layout.channels is not None:
        labels["channel"] = write_channels(file, layout.channels)
    else:
        y = file.create_dataset("y", data=np.asarray(layout.y, "f8"))
        x = file.create_dataset("x", data=np.asarray(layout.x, "f8"))
        axes |= {"y": (y, "mm", "up"), "x": (x, "mm", "right")}
    if layout.features > 1:
        index = np.arange(layout.features)
        axes["feature"] = (file.create_dataset("feature", data=index), "1", "map")
    if layout.trials is not None:
        index = np.arange(layout.trials)
        trial = file.create_dataset("trial", data=index, maxshape=(None,))
        axes["trial"] = (trial, "1", "trial, from 0")
    for name, (scale, unit, long_name) in axes.items():
        scale.attrs["units"] = unit
        scale.attrs["long_name"] = long_name
        scale.make_scale(name)
    return {name: scale for name, (scale, _, _) in axes.items()} | labels


def _write_field(
    file: h5py.File,
    name: str,
    field: FieldLayout,
    layout: RecordingLayout,
    scales: Mapping[str, h5py.Dataset],
) -> None:
    grows = [None if dim in ("trial", "time") else n
             for dim, n in zip(layout.dims, layout.shape, strict=True)]  # fmt: skip
    dataset = file.create_dataset(
        name, layout.shape, layout.dtype, maxshape=tuple(grows), chunks=layout.chunk,
        shuffle=layout.compression == "gzip", compression="gzip", compression_opts=1,
        fillvalue=np.nan,
    )  # fmt: skip
    dataset.attrs["units"] = field.units
    if field.long_name:
        dataset.attrs["long_name"] = field.long_name
    dataset.attrs["_FillValue"] = np.array([np.nan], layout.dtype)
    if layout.channels is not None:
        dataset.attrs["coordinates"] = " ".join(layout.channels.coordinates())
    _name_dims(dataset, layout.dims, scales)


def _name_dims(
    dataset: h5py.Dataset, dims: tuple[str, ...], scales: Mapping[str, h5py.Dataset]
) -> None:
    for axis, dim in enumerate(dims):
        dataset.dims[axis].label = dim
        dataset.dims[axis].attach_scale(scales[dim])


def _write_table(
    group: h5py.Group, table: xr.Dataset, axes: Mapping[str, h5py.Dataset]
) -> None:
    """A table of events or of the drive; it shares the axes of the sheet it has."""
    scales = {}
    for dim, size in table.sizes.items():
        name = str(dim)
        if name in axes and axes[name].size == size:
            scales[name] = axes[name]
            continue
        if name in table.indexes:
            scales[name] = _write_column(group, name, table[name])
            scales[name].make_scale(name)
            continue
        scales[name] = group.create_dataset(name, (size,), "i4", maxshape=(None,))
        scales[name].make_scale(_BARE_DIMENSION % size)
    for column, variable in table.variables.items():
        if column in scales and table.variables[column].dims == (column,):
            continue
        name = f"{_NOT_THE_DIMENSION}{column}" if column in scales else str(column)
        dims = tuple(str(dim) for dim in variable.dims)
        _name_dims(_write_column(group, name, variable), dims, scales)


def _write_column(
    group: h5py.Group, name: str, variable: xr.Variable | xr.DataArray
) -> h5py.Dataset:
    values = np.asarray(variable.values)
    text = values.dtype.kind in "OUST"
    if values.dtype.kind == "b":
        values = values.astype("i1")  # netCDF has no booleans
    large = values.nbytes > 2**16
    column = group.create_dataset(
        name,
        data=values.astype(object) if text else values,
        dtype=h5py.string_dtype() if text else values.dtype,
        maxshape=tuple(None for _ in values.shape) if values.ndim else None,
        compression="gzip" if large and not text else None,
        compression_opts=1 if large and not text else None,
        shuffle=large and not text,
    )
    for key, value in variable.attrs.items():
        if key != _LABELS:
            column.attrs[str(key)] = value if np.isscalar(value) else json.dumps(value)
    if not text:
        column.attrs.setdefault("units", "1")
    return column
