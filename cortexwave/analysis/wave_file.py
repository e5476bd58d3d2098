"""The file of an analysis: measures frame by frame as they come, tables at the end.

HDF5 that netCDF, xarray and MATLAB open. Root: the measures over time (trial, feature).
Groups: `events`, `lags`, `spectrum`, `ridge`, `maps` (phases of chosen frames), `sites`
(means over time at each site); those that could not be made are absent. It is written
as `name.part` and gets its name when it is whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
import xarray as xr

from cortexwave import provenance
from cortexwave.errors import DiskFullError, RecordingError
from cortexwave.recording.files import PART, install, open_file

KIND = "wave analysis"
_CHUNK = 4096
_MARK = "cortexwave_kind"
_ASIDE = "coordinates_aside"
_BARE = "This is a netCDF dimension but not a netCDF variable.%10d"


class WaveFileWriter:
    """Writes `path` + ".part"; `finish` gives it its name, any error removes it."""

    def __init__(
        self,
        path: str | Path,
        *,
        attributes: Mapping[str, Any],
        overwrite: bool = False,
    ):
        self.path = Path(path)
        self.part = Path(f"{self.path}{PART}")
        if self.path.exists() and not overwrite:
            raise RecordingError(
                f"{self.path}: there is such a file; --overwrite replaces it"
            )
        if self.path.exists() and not is_wave_file(self.path):
            raise RecordingError(
                f"{self.path}: not a wave analysis, so it is not replaced"
            )
        if not self.path.parent.is_dir():
            raise RecordingError(f"{self.path.parent}: there is no such folder")
        try:
            self._file = h5py.File(self.part, "w", track_order=True)
        except OSError as error:
            raise RecordingError(f"{self.part}: cannot be written ({error})") from error
        self._file.attrs[_MARK] = KIND
        for name, value in {**provenance.attributes(), **attributes}.items():
            self._file.attrs[name] = value if np.isscalar(value) else json.dumps(value)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file:
            self._file.close()
        if kind is not None:
            self.part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno == 28:
            raise DiskFullError(f"{self.path}: no room on the disk for it") from error

    def append(self, measures: xr.Dataset) -> None:
        """Frames of measures, after those that are there."""
        ordered = measures.transpose("trial", "feature", "time", missing_dims="ignore")
        if "time" not in self._file:
            self._begin(ordered)
        before = self._file["time"].shape[0]
        after = before + ordered.sizes["time"]
        for name in ("time", *map(str, ordered.data_vars)):
            kept = self._file[name]
            kept.resize(after, axis=kept.ndim - 1)
            values = np.asarray(ordered[name].values)
            kept[..., before:after] = values.astype(kept.dtype)

    def _begin(self, measures: xr.Dataset) -> None:
        for dim in ("trial", "feature"):
            if dim in measures.dims:
                numbers = np.arange(measures.sizes[dim], dtype="i4")
                self._file.create_dataset(dim, data=numbers).make_scale(dim)
        time = self._file.create_dataset(
            "time", (0,), "f8", maxshape=(None,), chunks=(_CHUNK,)
        )
        time.make_scale("time")
        time.attrs["units"] = "s"
        for name, variable in measures.data_vars.items():
            several = variable.shape[:-1]
            kept = self._file.create_dataset(
                str(name), (*several, 0), "i1" if variable.dtype == bool else "f4",
                maxshape=(*several, None), chunks=(*(1 for _ in several), _CHUNK),
                compression="gzip", compression_opts=1, shuffle=True,
            )  # fmt: skip
            _describe(kept, variable, self._file)

    def write(self, group: str, table: xr.Dataset) -> None:
        """A table as a group of its own."""
        made = self._file.create_group(group, track_order=True)
        for dim, size in table.sizes.items():
            if dim in table.coords:
                scale = _column(made, str(dim), table[dim])
                scale.make_scale(str(dim))
                _attributes(scale, table[dim].attrs)
            else:
                made.create_dataset(str(dim), (size,), "i4").make_scale(_BARE % size)
        for name, variable in table.variables.items():
            if name not in table.dims:
                _describe(_column(made, str(name), variable), variable, made)
        for name, value in table.attrs.items():
            if value is not None:
                made.attrs[str(name)] = (
                    value if np.isscalar(value) else json.dumps(value)
                )

    def finish(self, **attributes: str) -> Path:
        """The complete file under its name."""
        for name, value in attributes.items():
            self._file.attrs[name] = value
        self._file.attrs["complete"] = 1
        self._file.close()
        install(self.part, self.path)
        return self.path


def _column(
    group: h5py.Group, name: str, variable: xr.Variable | xr.DataArray
) -> h5py.Dataset:
    values = np.asarray(variable.values)
    if values.dtype.kind in "OUS":
        return group.create_dataset(
            name, data=values.astype(object), dtype=h5py.string_dtype()
        )
    values = values.astype("i1") if values.dtype == bool else values
    large = values.ndim > 0 and values.nbytes > 2**16
    return group.create_dataset(
        name, data=values, compression="gzip" if large else None, shuffle=large
    )


def _describe(
    kept: h5py.Dataset, variable: xr.Variable | xr.DataArray, scales: h5py.Group
) -> None:
    for axis, dim in enumerate(variable.dims):
        kept.dims[axis].attach_scale(scales[str(dim)])
    _attributes(kept, variable.attrs)


def _attributes(kept: h5py.Dataset, attributes: Mapping[Any, Any]) -> None:
    for key, value in attributes.items():
        if value is not None:
            kept.attrs[str(key)] = value if np.isscalar(value) else json.dumps(value)


def is_wave_file(path: str | Path) -> bool:
    """Whether a file is an analysis that this module wrote."""
    try:
        with open_file(Path(path), "r") as file:
            return bool(file.attrs.get(_MARK) == KIND)
    except RecordingError:
        return False


def read_group(path: str | Path, group: str | None = None) -> xr.Dataset | None:
    """The measures of an analysis, or one of its tables; None where it is absent."""
    if not os.path.exists(path):
        raise RecordingError(f"{path}: there is no such file")
    if not is_wave_file(path):
        raise RecordingError(f"{path}: not a wave analysis (`cortexwave analyse`)")
    with open_file(Path(path), "r") as file:
        if group is not None and group not in file:
            return None
    found = xr.open_dataset(path, engine="h5netcdf", group=group, decode_times=False)
    return found.set_coords(json.loads(found.attrs.pop(_ASIDE, "[]")))
