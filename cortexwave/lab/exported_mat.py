"""Signals of a .mat file that `cortexwave export` wrote: it needs no sidecar.

The file says its axes, units, rate, contacts and events by name (`export_matlab` of
`cortexwave.recording.mat_file`), so that what left comes back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.bare import Container
from cortexwave.lab.signals import Contacts, Signal
from cortexwave.schema import EVENT_COLUMNS, events_table

# What a recording says of the whole, and still holds of its copy. Who wrote the copy,
# when and from what the import says itself.
_KEPT = ("origin", "title", "model", "paper", "seed", "subject", "species", "session",
         "session_start_time", "institution", "lab", "location", "reference",
         "time_origin")  # fmt: skip
_APART = ("trial", "feature")  # axes of which a signal has one place


def is_exported(found: Container) -> bool:
    """Whether the file says the axes and units of its arrays as our export does."""
    arrays = {shown.name for shown in found.arrays}
    return {"time", "rate"} <= arrays and bool(_fields(found))


def exported_signals(path: Path, found: Container) -> list[Signal]:
    """The signals of an exported .mat; of trials or features each is one of its own.

    They are then called `lfp_1`, `lfp_2` and so on, attribute `segment` says which of
    how many. `RecordingError` where the file contradicts itself.
    """
    rate = float(_numbers(found, "rate")[0])
    if not math.isfinite(rate):
        raise InputError(
            f"{path}: the steps of its time are not equal, so that it has no rate; "
            "resample before the export, or write a sidecar"
        )
    start = float(np.ravel(found.bare("time").window(1, 0, 1))[0])
    events, attributes = _events(found), _attributes(found)
    signals = []
    for name in _fields(found):
        axes = tuple(_text(found, f"axes/{name}").split(" x "))
        shape = found.bare(name).shown.shape  # also holds its size against the file's
        flat = (*shape, 1)[: len(axes)] if len(axes) > len(shape) else shape
        if len(axes) != len(flat) or "time" not in axes or (
            "channel" not in axes and not {"y", "x"} <= set(axes)
        ):  # fmt: skip
            raise RecordingError(
                f"{path}: '{name}' has {len(shape)} axes, and the file calls them "
                f"{' x '.join(axes)}"
            )
        sizes = dict(zip(axes, flat, strict=True))
        places = list(product(*(range(sizes.get(axis, 1)) for axis in _APART)))
        for number, place in enumerate(places, start=1):
            several = len(places) > 1
            at = {axis: k for axis, k in zip(_APART, place, strict=True)
                  if axis in axes}  # fmt: skip
            segment = {"segment": f"{number} of {len(places)}"} if several else {}
            signals.append(Signal(
                f"{name}_{number}" if several else name, path, "exported_mat", rate,
                start, sizes["time"], _text(found, f"units/{name}") or "1",
                _reading(path, name, axes, at),
                **_sites(path, found, sizes),
                events=_of_trial(events, place[0], sizes.get("trial", 1)),
                dtype=_float_type(found, name), attributes=attributes | segment,
            ))  # fmt: skip
    return signals


def _fields(found: Container) -> list[str]:
    arrays = {shown.name for shown in found.arrays}
    said = [name.removeprefix("axes/") for name in found.others
            if name.startswith("axes/")]  # fmt: skip
    return [name for name in said if name in arrays and f"units/{name}" in found.others]


def _reading(
    path: Path, name: str, axes: tuple[str, ...], at: dict[str, int]
) -> Callable[[int, int], np.ndarray]:
    """Frames (frame, channel) or (frame, y, x) of one trial and feature."""
    import h5py

    left = [axis for axis in axes if axis not in at]
    order = [left.index(axis) for axis in ("time", "channel", "y", "x") if axis in left]

    def read(start: int, stop: int) -> np.ndarray:
        where: list[int | slice] = [at.get(axis, slice(None)) for axis in axes]
        where[axes.index("time")] = slice(start, stop)
        try:
            with h5py.File(path, "r") as file:  # HDF5 names axes in reverse
                part = file[name][tuple(where[::-1])].T
        except (OSError, RuntimeError, KeyError) as error:
            raise RecordingError(f"{path}: '{name}' cannot be read: {error}") from error
        return part.transpose(order)

    return read


def _float_type(found: Container, name: str) -> str:
    given = np.dtype(next(s.dtype for s in found.arrays if s.name == name))
    return str(np.result_type(given, np.float32))


def _sites(path: Path, found: Container, sizes: dict[str, int]) -> dict[str, Any]:
    """Where the values of a field stand: its contacts, or y and x of its lattice."""
    held = {shown.name for shown in found.arrays}
    if "channel" not in sizes:
        if not {"y", "x"} <= held:
            raise RecordingError(f"{path}: it does not say where its sites are (y, x)")
        lattice = tuple(_column(path, found, axis, sizes[axis]) for axis in "yx")
        return {"lattice": lattice}
    count = sizes["channel"]
    labels = [str(k) for k in range(count)]
    if "channel" in found.others:
        labels = found.texts("channel")
    elif "channel" in held:
        labels = [f"{k:g}" for k in _column(path, found, "channel", count)]
    at = np.full((count, 3), np.nan)
    for k, axis in enumerate("xyz"):
        if axis in held:
            at[:, k] = _column(path, found, axis, count)
    good = np.ones(count, dtype=bool)
    if "good" in held:
        good = _column(path, found, "good", count) != 0
    texts = {name: found.texts(name) if name in found.others else [""] * count
             for name in ("array", "reason")}  # fmt: skip
    for name, column in (("channel", labels), *texts.items()):
        if len(column) != count:
            raise RecordingError(
                f"{path}: '{name}' names {len(column)} of {count} channels"
            )
    try:
        Contacts.named(labels)
    except InputError as error:
        raise RecordingError(f"{path}: {error}") from None
    contacts = Contacts(tuple(labels), at, tuple(texts["array"]), good,
                        tuple(texts["reason"]))  # fmt: skip
    return {"contacts": contacts}


def _events(found: Container) -> xr.Dataset | None:
    """The table of events; None where the file has none."""
    names = [*(shown.name for shown in found.arrays), *found.others]
    columns = [name.removeprefix("events/") for name in names
               if name.startswith("events/")]  # fmt: skip
    if not columns:
        return None
    table = events_table([])
    if not any(name == "events/onset" for name in names[: len(found.arrays)]):
        return table  # of no rows
    filled: dict[str, Any] = {}
    for name in columns:
        where = f"events/{name}"
        if where in found.others:
            filled[name] = ("event", np.array(found.texts(where), dtype=object))
            continue
        unit = EVENT_COLUMNS.get(name)
        if f"event_units/{name}" in found.others:
            unit = _text(found, f"event_units/{name}")
        values = _numbers(found, where)
        filled[name] = ("event", values, {"units": unit} if unit else {})
    return xr.Dataset(filled)


def _of_trial(events: xr.Dataset | None, trial: int, trials: int) -> xr.Dataset | None:
    """Events of one of several trials, which is then the only one."""
    if events is None or trials == 1 or "trial" not in events:
        return events
    own = events.isel(event=events["trial"].values == trial)
    return own.assign(trial=own["trial"] * 0)


def _attributes(found: Container) -> dict[str, Any]:
    held = {shown.name for shown in found.arrays}
    said: dict[str, Any] = {}
    for name in _KEPT:
        where = f"info/{name}"
        if where in found.others:
            said[name] = _text(found, where)
        elif where in held:
            number = float(_numbers(found, where)[0])
            said[name] = int(number) if number.is_integer() else number
    return {name: value for name, value in said.items() if value != ""}


def _text(found: Container, name: str) -> str:
    return "".join(found.texts(name)[:1])


def _numbers(found: Container, name: str) -> np.ndarray:
    """All values of a small array, in one row."""
    bare = found.bare(name)
    values = np.ravel(bare.window(0, 0, bare.shown.shape[0]))
    return values.astype(bool) if _is_truth(values, name) else values


def _is_truth(values: np.ndarray, name: str) -> bool:
    """Truths are written as bytes, and no number of an event is."""
    return name.startswith("events/") and values.dtype == np.uint8


def _column(path: Path, found: Container, name: str, count: int) -> np.ndarray:
    values = _numbers(found, name)
    if values.size != count:
        raise RecordingError(
            f"{path}: '{name}' has {values.size} values for {count} sites"
        )
    return values
