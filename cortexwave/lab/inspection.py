"""What one looks at first in a lab's recording: channels to doubt, and the array."""

from __future__ import annotations

from typing import Any

import xarray as xr

from cortexwave.lab.array_drawing import geometry_text
from cortexwave.lab.grids import to_channels
from cortexwave.lab.quality import channel_quality
from cortexwave.schema import field_names

_LONGEST, _SHORTEST = 120.0, 4.0  # s that are looked at
_MOST_VALUES = 5e7  # that are read; some seconds on one core


def inspected(recording: xr.Dataset) -> dict[str, Any] | None:
    """Suspicious channels with their reasons, and a drawing, as plain values.

    Of the first field of channels; of a lab's lattice, of its sites. At most 120 s are
    read, and fewer of a recording of many channels or a high rate, in bounded memory.
    None for a sheet of a model, and for a lab's lattice that is too large.
    """
    variable = field_names(recording)[0]
    field = recording[variable]
    if field.sizes.get("time", 0) < 2 or field.dtype.kind != "f":
        return None
    if "channel" not in field.dims:
        lab = recording.attrs.get("origin") == "lab"
        if not lab or "feature" in field.dims or field.size > _MOST_VALUES:
            return None
        recording = to_channels(recording)
        field = recording[variable]
    time = field["time"].values
    rate = (time.size - 1) / float(time[-1] - time[0])
    at_most = _MOST_VALUES / (field.sizes["channel"] * rate)
    at_most = min(_LONGEST, max(_SHORTEST, at_most))
    quality = channel_quality(recording, variable=variable, at_most=at_most)
    doubted = {
        str(name): str(reason)
        for name, reason in zip(
            quality["channel"].values, quality["reason"].values, strict=True
        )
        if reason
    }
    return {
        "field": variable,
        "looked_at_s": round(quality.attrs["looked_at"], 3),
        "caution": quality.attrs["caution"],
        "suspicious": doubted,
        "geometry": geometry_text(recording, quality),
    }
