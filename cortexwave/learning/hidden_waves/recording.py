"""A substrate's course as a recording: columns along x, strings as features.

Figures, movies and analysis take it like any other. The oldest column is at x = 0,
so waves travel towards -x; sample 0 is the initial state.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.learning.hidden_states import quantity_text
from cortexwave.learning.hidden_waves.histories import real_numbers
from cortexwave.provenance import attributes as provenance
from cortexwave.recording.writer import FieldLayout, RecordingLayout, RecordingWriter
from cortexwave.schema import (
    DIRECTION_CONVENTION,
    RECORDING,
    SCHEMA_VERSION,
    events_table,
    validate,
    with_tables,
)
from cortexwave.units import quantity

_FIELD = {"units": "1", "long_name": "what a column holds"}


def substrate_recording(
    course: np.ndarray, *, step: str | float, spacing: str | float, title: str
) -> xr.Dataset:
    """A course as a recording with the field `h`, and an event that spans each trial.

    `course` is (time, site, dim) or (trial, time, site, dim); `step` is how long a
    step lasts (text, or s), `spacing` how far columns are apart (text, or mm). Dims
    of h are (trial, time, feature, y, x), y a single site, trial and feature only
    where there are several.
    """
    h = _as_fields(course)
    layout = _layout(h, step, spacing)
    coords: dict[str, Any] = {
        "time": ("time", layout.interval * np.arange(layout.frames), {"units": "s"}),
        "y": ("y", layout.y, {"units": "mm"}),
        "x": ("x", layout.x, {"units": "mm"}),
    }
    for dim, size in (("trial", len(h)), ("feature", layout.features)):
        if dim in layout.dims:
            coords[dim] = (dim, np.arange(size), {"units": "1"})
    attrs = {
        **_attributes(layout, title), "schema_version": SCHEMA_VERSION,
        "direction_convention": DIRECTION_CONVENTION, "complete": 1,
        "n_valid": layout.n_frames,
    }  # fmt: skip
    field = (layout.dims, h.reshape(layout.shape), _FIELD)
    recording = with_tables(xr.Dataset({"h": field}, coords, attrs), _events(layout),
                            None)  # fmt: skip
    validate(recording, RECORDING)
    return recording


def save_substrate(
    course: np.ndarray, path: Path | str, *, step: str | float, spacing: str | float,
    title: str, overwrite: bool = False,
) -> Path:  # fmt: skip
    """Write `substrate_recording` to a file, float64; returns its path."""
    h = _as_fields(course)
    layout = _layout(h, step, spacing)
    writer = RecordingWriter(
        path, layout, attributes=_attributes(layout, title),
        protocol="# a memory substrate, not simulated from a protocol\n",
        protocol_resolved="{}", events=_events(layout), drive=None,
        overwrite=overwrite,
    )  # fmt: skip
    with writer:
        for trial, frames in enumerate(h):
            for begin in range(0, layout.frames, layout.block_frames):
                block = frames[begin : begin + layout.block_frames]
                writer.append(trial, begin, {"h": block})
        return writer.finish()


def _as_fields(course: np.ndarray) -> np.ndarray:
    """A course as (trial, time, feature, y, x)."""
    found = real_numbers(course, "the course")
    if found.ndim not in (3, 4) or 0 in found.shape:
        raise InputError(
            f"the course is {found.shape}; it is (time, site, dim) or "
            "(trial, time, site, dim)"
        )
    found = found if found.ndim == 4 else found[None]
    return found.swapaxes(-1, -2)[:, :, :, None, :]


def _layout(
    h: np.ndarray, step: str | float, spacing: str | float
) -> RecordingLayout:  # fmt: skip
    trials, frames, dims, _, sites = h.shape
    apart = quantity(quantity_text(spacing, "mm", 1.0), "mm")
    return RecordingLayout(
        fields={"h": FieldLayout(**_FIELD)},
        y=np.zeros(1), x=apart * np.arange(sites), features=dims,
        trials=trials if trials > 1 else None, frames=frames,
        interval=quantity(quantity_text(step, "ms", 1e3), "s"), dtype="float64",
    )  # fmt: skip


def _events(layout: RecordingLayout) -> xr.Dataset:
    duration = (layout.frames - 1) * layout.interval
    return events_table([
        {"onset": 0.0, "duration": duration, "kind": "memory",
         "stimulus": "substrate", "item": str(trial), "trial": trial}
        for trial in range(layout.trials or 1)
    ])  # fmt: skip


def _attributes(layout: RecordingLayout, title: str) -> dict[str, str | int | float]:
    return {
        "title": title, "origin": "model", "model": "wave_memory",
        "backend": "substrate", "device": "cpu", "dtype": layout.dtype,
        "dt": layout.interval, **provenance(),
    }  # fmt: skip
