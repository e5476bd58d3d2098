"""Units and their spikes: the ragged table that stands beside the fields of a file.

One row for each spike, with the number of its unit (an "indexed ragged array" of the CF
conventions, 9.3.4), and one for each unit: `spike_time(spike)` in s on the clock of the
recording, `spike_unit(spike)`; `unit`, `channel(unit)`, `quality(unit)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import xarray as xr

from cortexwave.errors import InputError, RecordingError
from cortexwave.recording.reader import opened

GROUP = "units"


def units_table(
    times: Sequence[np.ndarray],
    labels: Sequence[str],
    *,
    channels: Sequence[str] | None = None,
    quality: Sequence[str] | None = None,
) -> xr.Dataset:
    """The table of units from the times (s) of each unit's spikes, put in order.

    `channels` are the labels of the channels that units were sorted on, "" where that
    is not known; `quality` is what the sorter says, such as "sorted" or "unsorted".
    """
    count = len(times)
    columns = {"labels": labels, "channels": channels or [""] * count,
               "quality": quality or [""] * count}  # fmt: skip
    for name, given in columns.items():
        if len(given) != count:
            raise InputError(f"{name} are {len(given)}, and there are {count} units")
    twice = sorted({label for label in labels if list(labels).count(label) > 1})
    if twice:
        raise InputError(f"two units are labelled {twice[0]!r}")
    found = [np.asarray(each, dtype=float).reshape(-1) for each in times]
    for label, each in zip(labels, found, strict=True):
        if not np.isfinite(each).all():
            raise InputError(f"spikes of unit {label!r} are at times that are not "
                             "finite")  # fmt: skip
    time = np.concatenate([*found, np.empty(0)])
    unit = np.repeat(np.arange(count, dtype=np.int32), [each.size for each in found])
    order = np.argsort(time, kind="stable")
    return xr.Dataset(
        {
            "spike_time": ("spike", time[order], {"units": "s"}),
            "spike_unit": ("spike", unit[order],
                           {"units": "1", "instance_dimension": "unit"}),
            "channel": ("unit", np.array(columns["channels"], dtype=object)),
            "quality": ("unit", np.array(columns["quality"], dtype=object)),
        },
        coords={"unit": ("unit", np.array(labels, dtype=object))},
    )  # fmt: skip


def spikes_within(
    units: xr.Dataset, start: float, stop: float, *, origin: float
) -> xr.Dataset:
    """Spikes from `start` until before `stop` (s), counted from `origin`; all units."""
    time = units["spike_time"].values
    kept = units.isel(spike=slice(*np.searchsorted(time, (start, stop)).tolist()))
    moved = kept["spike_time"].values - origin
    return kept.assign(spike_time=("spike", moved, dict(units["spike_time"].attrs)))


def spike_times(units: xr.Dataset, unit: str) -> np.ndarray:
    """Times (s) of the spikes of one unit, in order."""
    labels = units["unit"].values.tolist()
    if unit not in labels:
        more = " ..." if labels[12:] else ""
        raise InputError(f"there is no unit {unit!r}; there are: "
                         + (", ".join(labels[:12]) or "none") + more)  # fmt: skip
    own = units["spike_unit"].values == labels.index(unit)
    return np.asarray(units["spike_time"].values[own])


def open_units(path: str | Path) -> xr.Dataset:
    """The units of a recording file; `RecordingError` where it has none."""
    path = Path(path)
    with opened(path) as file:
        group = file.get(GROUP)
        if not isinstance(group, h5py.Group):
            raise RecordingError(f"{path}: the recording has no units")
        try:
            values = {name: group[name][:] for name in ("spike_time", "spike_unit")}
            texts = {name: group[name].asstr()[:].astype(object)
                     for name in ("unit", "channel", "quality")}  # fmt: skip
        except (OSError, RuntimeError, KeyError, TypeError) as error:
            raise RecordingError(f"{path}: its units are damaged ({error})") from error
    return xr.Dataset(
        {
            "spike_time": ("spike", values["spike_time"], {"units": "s"}),
            "spike_unit": ("spike", values["spike_unit"],
                           {"units": "1", "instance_dimension": "unit"}),
            **{name: ("unit", texts[name]) for name in ("channel", "quality")},
        },
        coords={"unit": ("unit", texts["unit"])},
    )  # fmt: skip
