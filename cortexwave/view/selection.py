"""What is shown: one field of one trial and feature, with its labels and events.

Nothing is loaded here but coordinates and the events table.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError, SchemaError

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Mark:
    """A stimulus on the time axis: onset and end in s, its name and its item."""

    onset: float
    end: float
    name: str
    item: str

    @property
    def label(self) -> str:
        """Name and item as one text."""
        return f"{self.name} {self.item}".strip()

    def is_on(self, time: float) -> bool:
        """Whether the stimulus is on at a time in s."""
        # a clock of floats may fall a rounding error before the onset
        slack = 1e-9 * max(1.0, abs(time))
        return self.onset - slack <= time < self.end - slack


@dataclass(frozen=True)
class Shown:
    """A field as (time, y, x), not loaded, and what is written beside it."""

    values: xr.DataArray
    name: str
    label: str  # with unit: "rate_e (Hz)"
    units: str
    title: str
    time: np.ndarray  # s
    y: np.ndarray  # mm
    x: np.ndarray  # mm
    marks: tuple[Mark, ...]

    @property
    def line(self) -> Literal["x", "y"] | None:
        """The axis of a ring or line; None for a sheet (and for a single site)."""
        if (self.y.size == 1) == (self.x.size == 1):
            return None
        return "x" if self.y.size == 1 else "y"

    def position(self, axis: str) -> np.ndarray:
        """Positions of the sites along "y" or "x", in mm."""
        return self.y if axis == "y" else self.x

    def frames(self, index: Sequence[int] | slice) -> np.ndarray:
        """Frames (time, y, x) as floats; only these are read."""
        indexer = index if isinstance(index, slice) else list(index)
        return as_floats(self.values.isel(time=indexer))

    def extent(self, axis: str) -> tuple[float, float]:
        """Edges of the sheet along an axis, in mm: half a site beyond the sites."""
        at = self.position(axis)
        half = site_size(at) or site_size(self.position("x" if axis == "y" else "y"))
        return float(at.min() - (half or 1) / 2), float(at.max() + (half or 1) / 2)


def site_size(positions: np.ndarray) -> float:
    """Distance between neighbouring sites in mm; 0 for a single one."""
    return float(np.median(np.abs(np.diff(positions)))) if positions.size > 1 else 0.0


def as_floats(values: xr.DataArray) -> np.ndarray:
    """The values, read now; float32 stays, all else becomes float64."""
    array = np.asarray(values.values)
    return array if array.dtype == np.float32 else array.astype(float)


def select(
    recording: xr.Dataset,
    *,
    field: str | None = None,
    trial: int = 0,
    feature: int = 0,
) -> Shown:
    """One field (the first where none is named) of one trial and feature, lazily."""
    schema.validate(recording, schema.RECORDING)
    name = _field_name(recording, field)
    values = recording[name]
    if "channel" in values.dims:
        raise InputError(
            f"field '{name}' has dims {values.dims}: electrodes; this view draws "
            "sheets, whose dims are (time, y, x)"
        )
    if np.iscomplexobj(values):
        raise InputError(
            f"field '{name}' is complex; show its phase or amplitude as a field"
        )
    for dim, index in (("trial", trial), ("feature", feature)):
        count = values.sizes.get(dim, 1)
        if not isinstance(index, int | np.integer) or not 0 <= index < count:
            raise InputError(
                f"{dim} {index!r} of field '{name}' was asked for; "
                f"it has {count}, numbered from 0"
            )
    marks = event_marks(recording, trial if "trial" in values.dims else None)
    values = values.isel(
        {d: i for d, i in (("trial", trial), ("feature", feature)) if d in values.dims}
    )
    for dim in ("y", "x"):
        if dim not in values.dims:
            values = values.expand_dims({dim: [0.0]})
    if 0 in values.shape:
        raise InputError(f"field '{name}' is empty: {dict(values.sizes)}")
    units = str(values.attrs["units"])
    return Shown(
        values=values.transpose("time", "y", "x"),
        name=name,
        label=labelled(str(values.attrs.get("long_name", name)), units),
        units=units,
        title=heading(recording),
        time=np.asarray(values["time"].values, dtype=float),
        y=np.atleast_1d(np.asarray(values["y"].values, dtype=float)),
        x=np.atleast_1d(np.asarray(values["x"].values, dtype=float)),
        marks=marks,
    )


def _field_name(recording: xr.Dataset, field: str | None) -> str:
    names = schema.field_names(recording)
    if field is None:
        return names[0]
    if field not in names:
        raise InputError(f"no field '{field}' in the recording; it has {names}")
    return field


def event_marks(recording: xr.Dataset, trial: int | None = None) -> tuple[Mark, ...]:
    """Events in order of onset; those of one trial where trials have their own axis."""
    try:
        table = schema.events(recording)
    except SchemaError:
        return ()
    if "onset" not in table or not table["onset"].size:
        return ()
    rows = table["onset"].size

    def column(name: str, absent: object) -> np.ndarray:
        return table[name].values if name in table else np.full(rows, absent)

    onset, duration = column("onset", np.nan), column("duration", 0.0)
    names, kinds = column("stimulus", ""), column("kind", "")
    items, trials = column("item", ""), column("trial", 0)
    marks = [
        Mark(
            onset=float(onset[i]),
            end=float(onset[i]) + (float(duration[i]) if duration[i] > 0 else 0.0),
            name=str(names[i]) or str(kinds[i]) or "event",
            item=str(items[i]),
        )
        for i in range(rows)
        if np.isfinite(onset[i]) and (trial is None or trials[i] == trial)
    ]
    return tuple(sorted(marks, key=lambda mark: mark.onset))


def heading(recording: xr.Dataset) -> str:
    """Title and engine of a recording on one line; "" where it has neither."""
    parts = [str(recording.attrs.get(key, "")) for key in ("title", "backend")]
    return ", ".join(part for part in parts if part)


def shown_unit(units: str) -> str:
    """A unit as print has it: µV for uV, mm² for mm**2."""
    text = re.sub(
        r"(?:\*\*|\^)(-?\d+)", lambda power: power[1].translate(_SUPERSCRIPTS), units
    )
    return text.replace("uV", "µV").replace("*", "·")


def labelled(name: str, units: str) -> str:
    """A name with its unit: "v (mV)"; plain numbers have none."""
    return name if units in ("1", "") else f"{name} ({shown_unit(units)})"


def milliseconds(times: Sequence[float] | np.ndarray) -> list[str]:
    """Times in s as texts in ms, with as many decimals as tell them apart."""
    ms = np.asarray(times, dtype=float) * 1e3
    for decimals in range(7):
        if np.allclose(
            np.round(ms, decimals), ms, rtol=0, atol=10.0 ** (-decimals - 4)
        ):
            break
    gap = float(np.min(np.diff(ms))) if ms.size > 1 and np.all(np.diff(ms) > 0) else 1.0
    # 0.1 + 0.2 and a dt of 1/3 ms need no seven decimals to be told apart
    enough = max(0, 1 - int(np.floor(np.log10(gap))))
    decimals = min(decimals, enough)
    return [f"{value:.{decimals}f} ms".replace("-", "−") for value in ms + 0.0]


def evenly(total: int, most: int) -> slice:
    """Frames 0, k, 2k ... with the smallest whole k that leaves at most `most`."""
    return slice(0, None, max(1, -(-total // max(1, most))))


def nearest_site(positions: np.ndarray, at: float, axis: str) -> int:
    """Index of the site nearest to a position in mm; refuses what is off the sheet."""
    half = site_size(positions) / 2 or np.inf
    low, high = float(positions.min()), float(positions.max())
    if not low - half <= at <= high + half:
        raise InputError(
            f"{axis} = {at} mm is off the sheet, whose sites lie from "
            f"{low:g} to {high:g} mm"
        )
    return int(np.argmin(np.abs(positions - at)))


def nearest_frames(time: np.ndarray, wanted: Sequence[float]) -> list[int]:
    """Indices of the frames nearest to times in s; refuses times not recorded."""
    step = float(np.median(np.diff(time))) if time.size > 1 else np.inf
    ends = f"it runs from {time[0]:g} to {time[-1]:g} s"
    if len(wanted) == 0:
        raise InputError(f"no time of the recording was asked for; {ends}")
    outside = [t for t in wanted if not time[0] - step <= t <= time[-1] + step]
    if outside:
        raise InputError(f"times {outside} s are not in the recording; {ends}")
    return [int(np.argmin(np.abs(time - t))) for t in wanted]
