"""The file of an analysis: measures frame by frame as they come, tables at the end.

HDF5 that netCDF, xarray and MATLAB open. Root: the measures over time (trial, feature).
Groups: `events`, `lags`, `spectrum`, `ridge`, `maps` (phases of chosen frames), `sites`
(means over time at each site); those that could not be made are absent. It is written
as `name.part` and gets its name when it is whole.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
import xarray as xr

from cortexwave import provenance
from cortexwave.errors import DiskFullError, RecordingError
from cortexwave.recording.container import KIND_MARK
from cortexwave.recording.disk_file import DiskFile
from cortexwave.recording.files import PART, install, open_file

KIND = "wave analysis"
SUFFIXES = (".h5", ".hdf5", ".nc")
BESIDE = (".csv", ".png")  # written beside an analysis, under its name
_CHUNK = 4096
_ASIDE = "coordinates_aside"  # those that are no axis, as x(channel)
_LEAST_ROOM = 4 * 2**20  # bytes beside what is written
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
        check_output(self.path, overwrite=overwrite)
        self._check_room(0)
        self._disk = DiskFile(self.part)
        self._file = h5py.File(self._disk, "w", track_order=True)
        self._file.attrs[KIND_MARK] = KIND
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
        try:
            self._close()
        except (OSError, RuntimeError):
            if kind is None:
                raise
        finally:
            if kind is not None or self._disk.failure is not None:
                self.part.unlink(missing_ok=True)
        if kind is None:
            self._disk.check()

    def _close(self) -> None:
        """Close the file and what is below it. Closing twice does no harm."""
        try:
            if self._file:
                self._file.close()
        finally:
            self._disk.close()

    def _check_room(self, size: int) -> None:
        """`DiskFullError` unless twice `size` bytes, and a little, are free."""
        free, due = shutil.disk_usage(self.path.parent).free, 2 * size + _LEAST_ROOM
        if free < due:
            raise DiskFullError(
                f"{self.path}: {free / 2**20:.1f} MiB are free on the disk, "
                f"{due / 2**20:.1f} MiB are needed; make room, then begin again"
            )

    def append(self, measures: xr.Dataset) -> None:
        """Frames of measures, after those that are there.

        `DiskFullError` before anything is written where the disk lacks the room.
        """
        self._check_room(measures.nbytes)
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
        self._disk.check()

    def _begin(self, measures: xr.Dataset) -> None:
        for dim in ("trial", "feature"):
            if dim in measures.coords:  # labels of the recording
                _axis(self._file, dim, measures[dim])
            elif dim in measures.dims:
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
        """A table as a group of its own; `DiskFullError` as `append`."""
        self._check_room(table.nbytes)
        made = self._file.create_group(group, track_order=True)
        for dim, size in table.sizes.items():
            if dim in table.coords:
                _axis(made, str(dim), table[dim])
            else:
                made.create_dataset(str(dim), (size,), "i4").make_scale(_BARE % size)
        for name, variable in table.variables.items():
            if name not in table.dims:
                _describe(_column(made, str(name), variable), variable, made)
        aside = [str(name) for name in table.coords if name not in table.dims]
        if aside:
            made.attrs[_ASIDE] = json.dumps(aside)
        for name, value in table.attrs.items():
            if value is not None:
                made.attrs[str(name)] = (
                    value if np.isscalar(value) else json.dumps(value)
                )
        self._disk.check()

    def finish(self, **attributes: str) -> Path:
        """The complete file under its name."""
        for name, value in attributes.items():
            self._file.attrs[name] = value
        self._file.attrs["complete"] = 1
        self._close()
        self._disk.check()
        install(self.part, self.path)
        return self.path


def check_output(path: Path, *, overwrite: bool) -> None:
    """`RecordingError` unless an analysis may be written here, and what goes with it.

    A table (.csv) and a page (.png) stand beside it under its name. Without `overwrite`
    none of them may be there; with it only an analysis is replaced.
    """
    if path.suffix not in SUFFIXES:
        raise RecordingError(
            f"{path}: an analysis is an HDF5 file; name it {path.stem}.h5 (or "
            f"{', '.join(SUFFIXES[1:])}); its table and page get the same name with "
            f"{' and '.join(BESIDE)}"
        )
    if not path.parent.is_dir():
        raise RecordingError(f"{path.parent}: there is no such folder")
    if path.is_dir():
        raise RecordingError(f"{path}: is a folder; name a file in it")
    if path.exists() and not overwrite:
        raise RecordingError(
            f"{path}: there is such a file; --overwrite (overwrite=True) replaces it"
        )
    if path.exists() and not is_wave_file(path):
        raise RecordingError(f"{path}: not a wave analysis, so it is not replaced")
    there = [str(at) for end in BESIDE if (at := path.with_suffix(end)).exists()]
    if there and not overwrite:
        raise RecordingError(
            f"{', '.join(there)}: would be replaced, as what goes with {path.name} "
            "gets that name; name another file, or --overwrite (overwrite=True)"
        )


def _axis(group: h5py.Group, dim: str, labels: xr.DataArray) -> None:
    scale = _column(group, dim, labels)
    scale.make_scale(dim)
    _attributes(scale, labels.attrs)


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
            return bool(file.attrs.get(KIND_MARK) == KIND)
    except RecordingError:
        return False


def describe_wave_file(path: str | Path) -> dict[str, Any]:
    """What an analysis is of and what it found, as plain values: `info`."""
    with open_file(Path(path), "r") as file:
        attrs = dict(file.attrs)
        if "band" not in attrs or "events/is_wave" not in file:
            raise RecordingError(f"{path}: damaged, it lacks its band or its events")
        found = np.asarray(file["events/is_wave"], dtype=bool)
    told = ("recording_source", "recording_title", "analysed", "band", "phase_method",
            "sampling_rate", "seed", "count", "alpha", "created", "cortexwave_version",
            "git_commit", "word", "verdict")  # fmt: skip
    known = {name: attrs[name] for name in told if attrs.get(name, "") != ""}
    plain = {name: value.item() if isinstance(value, np.generic) else value
             for name, value in known.items()}  # fmt: skip
    plain["band"] = json.loads(plain["band"])
    return {
        "file": str(path), "kind": KIND, "events": int(found.size),
        "waves": int(found.sum()), **plain,
        "reads_it": "cortexwave.open_waves",
    }  # fmt: skip


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
