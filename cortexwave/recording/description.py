"""What a recording holds and where it comes from, as plain values: `info`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from cortexwave.recording.channels import channels_of, describe_channels
from cortexwave.recording.reader import open_recording, opened
from cortexwave.recording.unit_table import GROUP
from cortexwave.schema import EVENT_PREFIX, field_names

_ORIGIN = ("title", "origin", "model", "paper", "backend", "device", "dtype", "seed",
           "dt", "created", "run_id", "cortexwave_version", "git_commit", "git_dirty",
           "platform", "source", "reader", "subject", "session", "reference",
           "time_origin")  # fmt: skip


def describe(path: str | Path) -> dict[str, Any]:
    """A recording in plain values that JSON can hold: times in s, lengths in mm."""
    path = Path(path)
    with opened(path) as file:
        stored = {name: _stored(file[name]) for name in file
                  if isinstance(file[name], h5py.Dataset)}  # fmt: skip
        attrs = {name: _plain(value) for name, value in file.attrs.items()}
        units = _units(file)
    with open_recording(path) as recording:
        names = field_names(recording)
        sizes = {str(dim): int(size) for dim, size in recording.sizes.items()}
        time = recording["time"].values
        fields = {
            name: {
                "dims": [str(dim) for dim in recording[name].dims],
                "shape": [int(size) for size in recording[name].shape],
                "dtype": str(recording[name].dtype),
                "units": str(recording[name].attrs.get("units", "")),
                "long_name": str(recording[name].attrs.get("long_name", "")),
            }
            for name in names
        }
        kinds = recording.get(f"{EVENT_PREFIX}kind")
        counted = (
            Counter(str(kind) for kind in kinds.values) if kinds is not None else {}
        )
        sites = _sites(recording[names[0]])
    frames, raw = _frames(stored, names), sum(stored[name]["raw"] for name in names)
    written = sum(stored[name]["stored"] for name in names)
    return {
        "file": str(path),
        "size_bytes": path.stat().st_size,
        "complete": bool(attrs.get("complete", 0)),
        "recovered": bool(attrs.get("recovered", 0)),
        "n_valid": int(attrs["n_valid"]),
        "n_frames": frames,
        **{name: attrs[name] for name in _ORIGIN if name in attrs},
        **sites,
        "features": sizes.get("feature", 1),
        "trials": sizes.get("trial", 1),
        **_clock(time, lab=attrs.get("origin") == "lab"),
        "fields": fields,
        "events": {"count": sum(counted.values()), "kinds": dict(counted)},
        **({"units": units} if units else {}),
        "compression_ratio": round(raw / written, 2) if written else None,
        "versions": json.loads(str(attrs.get("versions", "{}"))),
    }


def _clock(time: np.ndarray, *, lab: bool) -> dict[str, float | None]:
    """How long a recording lasts, and how often; a model's first frame is its start."""
    if time.size < 2:
        return {"duration_s": 0.0, "interval_s": None, "rate_hz": None}
    interval = float((time[-1] - time[0]) / (time.size - 1))
    lasts = time.size * interval if lab else float(time[-1])
    rounded = (float(f"{value:.12g}") for value in (lasts, interval, 1 / interval))
    return dict(zip(("duration_s", "interval_s", "rate_hz"), rounded, strict=True))


def _sites(field: xr.DataArray) -> dict[str, Any]:
    """What is told of the sheet or of the channels that a field is of."""
    if "channel" in field.dims:
        return {"channels": describe_channels(channels_of(field))}
    spacing = _spacing(field["x"].values) or _spacing(field["y"].values)
    shape = [field.sizes["y"], field.sizes["x"]]
    return {"sheet": {"shape": shape, "spacing_mm": spacing}}


def _units(file: h5py.File) -> dict[str, int]:
    """How many sorted units and spikes there are; nothing where there is no table."""
    if not isinstance(file.get(GROUP), h5py.Group):
        return {}
    return {"count": file[f"{GROUP}/unit"].size,
            "spikes": file[f"{GROUP}/spike_time"].size}  # fmt: skip


def _stored(dataset: h5py.Dataset) -> dict[str, Any]:
    dims = [dim.label for dim in dataset.dims]
    return {
        "shape": dict(zip(dims, dataset.shape, strict=True)),
        "raw": dataset.id.get_storage_size() and dataset.nbytes,
        "stored": dataset.id.get_storage_size(),
    }


def _frames(stored: dict[str, dict[str, Any]], names: list[str]) -> int:
    """Frames that the finished file has, over all trials."""
    shape = stored[names[0]]["shape"]
    return int(shape["time"] * shape.get("trial", 1))


def _spacing(positions: np.ndarray) -> float | None:
    return round(float(positions[1] - positions[0]), 9) if positions.size > 1 else None


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
