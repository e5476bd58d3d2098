"""One signal of a lab's file: what it is, where its contacts stand, how it is read.

A reader makes it without reading any values; `as_recording` shows it as a recording
whose values are read when they are used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from cortexwave.errors import InputError, RecordingError
from cortexwave.schema import RECORDING, validate, with_tables

# Names that a recording has for itself, which no field in it can have.
_TAKEN = re.compile(
    r"(event|drive)_.*|time|trial|feature|channel|protocol|protocol_resolved|good|"
    r"reason|array|valid|events?|drive|clock|patch|units|[xyz]"
)
_LATEST = 1e12  # s; 30,000 years
_UNCERTAIN = 1e-3  # of a step; times of this many digits are told from each other


@dataclass(frozen=True)
class Contacts:
    """The contacts of a signal, in order of its channels.

    `positions` (channel, 3) in mm are x, y, z, NaN where a file does not say; `array`
    names the array or probe each stands on ("" where there is one); `good` is False
    for those that the file calls bad, with `reason` in its words.
    """

    names: tuple[str, ...]
    positions: np.ndarray
    array: tuple[str, ...]
    good: np.ndarray
    reason: tuple[str, ...]

    @classmethod
    def named(cls, names: list[str], positions: np.ndarray | None = None) -> Contacts:
        """Good contacts of one array; without positions they stand nowhere yet."""
        count = len(names)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(f"channel labels stand twice: {', '.join(twice[:8])}")
        places = np.full((count, 3), np.nan)
        if positions is not None:
            given = np.asarray(positions, dtype=float)
            places[:, : given.shape[1]] = given
        return cls(tuple(names), places, ("",) * count, np.ones(count, dtype=bool),
                   ("",) * count)  # fmt: skip


@dataclass(frozen=True)
class Signal:
    """A signal that has not been read. `read(start, stop)` gives frames in `units`.

    Frames are (frame, channel), or (frame, y, x) of an image with `lattice` (y, x) in
    mm; floats, NaN where missing. `rate` in Hz, `start` in s. `events` is a table of
    `cortexwave.schema.events_table`.
    """

    name: str
    source: Path
    reader: str
    rate: float
    start: float
    frames: int
    units: str
    read: Callable[[int, int], np.ndarray]
    contacts: Contacts | None = None
    lattice: tuple[np.ndarray, np.ndarray] | None = None
    events: xr.Dataset | None = None
    dtype: str = "float32"
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """Frames and sites."""
        if self.contacts is not None:
            return self.frames, len(self.contacts.names)
        assert self.lattice is not None
        y, x = self.lattice
        return self.frames, len(y), len(x)


class _Read(BackendArray):
    """A signal as an array that xarray reads when it must."""

    def __init__(self, signal: Signal):
        self._signal = signal
        self.shape = signal.shape
        self.dtype = np.dtype(signal.dtype)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self._frames
        )

    def _frames(self, key: tuple[Any, ...]) -> np.ndarray:
        times, *sites = key
        single = not isinstance(times, slice)
        wanted = (
            range(int(times), int(times) + 1) if single
            else range(*times.indices(self.shape[0]))
        )  # fmt: skip
        if not wanted:
            shape = np.empty((0, *self.shape[1:]), self.dtype)
            return shape[(slice(None), *sites)]
        first, last = min(wanted[0], wanted[-1]), max(wanted[0], wanted[-1]) + 1
        frames = np.asarray(self._signal.read(first, last), dtype=self.dtype)
        picked = frames[[at - first for at in wanted] if abs(wanted.step) != 1 or
                        wanted.step < 0 else slice(None)]  # fmt: skip
        return picked[(0 if single else slice(None), *sites)]


def as_recording(signal: Signal) -> xr.Dataset:
    """A signal as a recording of dims (time, channel) or (time, y, x), not yet read.

    Channels have their labels, `x`, `y` (mm; `z` where it is known), `array` where
    there are several, `good` and `reason`. A signal called as a recording calls
    something of its own ("x", "time") is called "signal_x". Where the clock began so
    long ago that frames cannot be told apart (seconds since 1970 at 30 kHz), time
    begins at 0, and attribute `time_origin` (s) keeps its start.
    """
    start, events, moved = _clock(signal)
    lazily = indexing.LazilyIndexedArray(_Read(signal))
    time = start + np.arange(signal.frames) / signal.rate
    coords: dict[str, Any] = {"time": ("time", time, {"units": "s"})}
    dims: tuple[str, ...] = ("time", "channel")
    if signal.contacts is not None:
        coords |= contact_coordinates(signal.contacts)
    else:
        assert signal.lattice is not None
        dims = ("time", "y", "x")
        coords |= {axis: (axis, at, {"units": "mm"})
                   for axis, at in zip("yx", signal.lattice, strict=True)}  # fmt: skip
    variable = xr.Variable(dims, lazily, {"units": signal.units})
    attributes = {"origin": "lab", "source": signal.source.name,
                  "reader": signal.reader, **signal.attributes, **moved}  # fmt: skip
    fields = xr.Dataset({field_name(signal.name): variable}, coords, attributes)
    recording = with_tables(fields, events, None)
    validate(recording, RECORDING)
    recording.encoding["source"] = str(signal.source)
    return recording


def field_name(name: str) -> str:
    """A signal's name as that of a field, in memory and in a file alike.

    Signs that HDF5 or netCDF gives a meaning become "_"; what a recording calls
    something of its own, or what begins with no letter, is "signal_" before it.
    """
    plain = re.sub(r"[^A-Za-z0-9_.+@-]", "_", name)
    free = re.match(r"[A-Za-z_]", plain) and not _TAKEN.fullmatch(plain)
    return plain if free else f"signal_{plain}"


def _clock(signal: Signal) -> tuple[float, xr.Dataset | None, dict[str, float]]:
    """Start (s), events and attributes of a clock on which frames can be told apart.

    `RecordingError` where the file's clock cannot be meant.
    """
    rate, start = signal.rate, signal.start
    if not (np.isfinite(rate) and rate > 0 and abs(start) < _LATEST):
        raise RecordingError(
            f"{signal.source}: '{signal.name}' has {rate:g} frames per s from "
            f"{start:g} s on, which is no clock"
        )
    if np.spacing(abs(start) + signal.frames / rate) <= _UNCERTAIN / rate:
        return start, signal.events, {}
    events = signal.events
    if events is not None:
        onset = events["onset"]
        events = events.assign(onset=onset.copy(data=onset.values - start))
    return 0.0, events, {"time_origin": start}


def contact_coordinates(contacts: Contacts) -> dict[str, Any]:
    """Coordinates over `channel` of some contacts."""
    x, y, z = contacts.positions.T
    found: dict[str, Any] = {
        "channel": ("channel", np.array(contacts.names, dtype=object)),
        "x": ("channel", x, {"units": "mm"}),
        "y": ("channel", y, {"units": "mm"}),
        "good": ("channel", np.asarray(contacts.good, dtype=bool)),
        "reason": ("channel", np.array(contacts.reason, dtype=object)),
    }
    if np.isfinite(z).any():
        found["z"] = ("channel", z, {"units": "mm"})
    if len(set(contacts.array)) > 1:
        found["array"] = ("channel", np.array(contacts.array, dtype=object))
    return found
