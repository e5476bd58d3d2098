"""Part of a signal as a signal: a time, some channels, an array, a region."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.lab.signals import Contacts, Signal

AXES = ("x", "y", "z")
_SHOWN = 12


def in_time(signal: Signal, start: float | None, stop: float | None) -> Signal:
    """Frames from `start` until before `stop`, in s on the signal's own clock.

    None is its begin or end. Its events stay those of the whole.
    """
    end = signal.start + signal.frames / signal.rate
    begin = signal.start if start is None else start
    until = end if stop is None else stop
    if not begin < until:  # NaN, too
        raise InputError(f"time is {begin:g} to {until:g} s; the later is the second")
    # a hair of a frame is lost in decimal numbers
    first, last = (
        math.ceil((min(max(at, signal.start), end) - signal.start) * signal.rate - 1e-6)
        for at in (begin, until)
    )
    last = min(last, signal.frames)
    if first >= last:
        raise InputError(
            f"{signal.source}: no frame of '{signal.name}' is from {begin:g} to "
            f"{until:g} s; it has those from {signal.start:g} to {end:g} s"
        )
    if (first, last) == (0, signal.frames):
        return signal
    read = signal.read
    return replace(
        signal, start=signal.start + first / signal.rate, frames=last - first,
        read=lambda begin, end: read(first + begin, first + end),
    )  # fmt: skip


def of_channels(signal: Signal, labels: Sequence[str]) -> Signal:
    """Channels of these labels, in this order."""
    contacts = _contacts(signal, "channels")
    if isinstance(labels, str):
        raise InputError(f"channels is the text {labels!r}; a list of labels is due")
    twice = sorted({label for label in labels if list(labels).count(label) > 1})
    if twice or not labels:
        what = f"{twice[0]!r} twice" if twice else "none"
        raise InputError(f"channels names {what}; it names each channel once")
    place = {label: k for k, label in enumerate(contacts.names)}
    absent = [label for label in labels if label not in place]
    if absent:
        there = ", ".join(contacts.names[:_SHOWN])
        more = f" ... ({len(contacts.names)})" if contacts.names[_SHOWN:] else ""
        raise InputError(
            f"{signal.source}: signal '{signal.name}' has no channel {absent[0]!r}; "
            f"it has {there}{more}"
        )
    return _picked(signal, [place[label] for label in labels])


def of_array(signal: Signal, array: str) -> Signal:
    """Channels that stand on the array or probe of this name."""
    contacts = _contacts(signal, "array")
    own = [k for k, name in enumerate(contacts.array) if name == array]
    if not own:
        named = ", ".join(sorted(set(contacts.array) - {""})) or "none with a name"
        raise InputError(f"{signal.source}: there is no array {array!r}; there are: "
                         + named)  # fmt: skip
    return _picked(signal, own)


def in_region(signal: Signal, region: Mapping[str, tuple[float, float]]) -> Signal:
    """Contacts or pixels whose x, y (and z) are within limits in mm, both included.

    Contacts without a place are in no region.
    """
    strange = sorted(set(region) - set(AXES))
    if strange or not region:
        raise InputError(f"region limits {', '.join(strange) or 'nothing'}; it limits "
                         "x, y or z, each from and to in mm")  # fmt: skip
    for axis, (low, high) in region.items():
        if not low <= high:  # NaN, too
            raise InputError(f"region is {axis} {low:g} to {high:g} mm; the second is "
                             "the larger")  # fmt: skip
    if signal.contacts is None:
        return _pixels(signal, region)
    inside = np.ones(len(signal.contacts.names), dtype=bool)
    for axis, (low, high) in region.items():
        at = signal.contacts.positions[:, AXES.index(axis)]
        inside &= (at >= low) & (at <= high)
    if not inside.any():
        raise InputError(_nowhere(signal, region, signal.contacts.positions))
    return _picked(signal, np.flatnonzero(inside).tolist())


def _pixels(signal: Signal, region: Mapping[str, tuple[float, float]]) -> Signal:
    assert signal.lattice is not None
    if "z" in region:
        raise InputError(f"{signal.source}: signal '{signal.name}' is of images, which "
                         "have no z")  # fmt: skip
    axes = dict(zip("yx", signal.lattice, strict=True))
    kept = {}
    for axis, at in axes.items():
        low, high = region.get(axis, (-np.inf, np.inf))
        kept[axis] = np.flatnonzero((at >= low) & (at <= high))
    if not all(each.size for each in kept.values()):
        y, x = np.meshgrid(axes["y"], axes["x"])
        raise InputError(_nowhere(signal, region, np.stack([x, y], -1).reshape(-1, 2)))
    rows, columns = (slice(int(each[0]), int(each[-1]) + 1) for each in kept.values())
    read = signal.read
    return replace(
        signal, lattice=(axes["y"][rows], axes["x"][columns]),
        read=lambda start, stop: read(start, stop)[:, rows, columns],
    )  # fmt: skip


def _nowhere(
    signal: Signal, region: Mapping[str, tuple[float, float]], places: np.ndarray
) -> str:
    asked = ", ".join(f"{axis} {a:g} to {b:g}" for axis, (a, b) in region.items())
    known = places[np.isfinite(places[:, :2]).all(axis=1)]
    if not len(known):
        return (f"{signal.source}: no site of '{signal.name}' has a place, so none is "
                "in a region; give a map (electrodes)")  # fmt: skip
    there = ", ".join(
        f"{axis} {values.min():g} to {values.max():g}"
        for axis, values in zip(AXES, known.T, strict=False)
        if np.isfinite(values).all()
    )
    return (f"{signal.source}: no site of '{signal.name}' is in {asked} mm; they stand "
            f"in {there} mm")  # fmt: skip


def _contacts(signal: Signal, option: str) -> Contacts:
    if signal.contacts is None:
        raise InputError(f"{signal.source}: signal '{signal.name}' is of images, where "
                         f"{option} picks nothing; region does")  # fmt: skip
    return signal.contacts


def _picked(signal: Signal, rows: list[int]) -> Signal:
    contacts = signal.contacts
    assert contacts is not None
    if rows == list(range(len(contacts.names))):
        return signal
    kept = Contacts(
        tuple(contacts.names[k] for k in rows), contacts.positions[rows],
        tuple(contacts.array[k] for k in rows), contacts.good[rows],
        tuple(contacts.reason[k] for k in rows),
    )  # fmt: skip
    read = signal.read
    return replace(
        signal, contacts=kept, read=lambda start, stop: read(start, stop)[:, rows]
    )


def events_within(
    events: xr.Dataset, start: float, stop: float, *, origin: float
) -> xr.Dataset:
    """Events of which a part is within `start` to `stop` (s), counted from `origin`.

    What began before has a negative onset then; trials keep their numbers.
    """
    onset = np.asarray(events["onset"].values, dtype=float)
    lasting = np.nan_to_num(np.asarray(events["duration"].values, dtype=float))
    inside = (onset < stop) & ((onset >= start) | (onset + lasting > start))
    kept = events.isel(event=np.flatnonzero(inside))
    moved = kept["onset"].values - origin
    return kept.assign(onset=("event", moved, dict(events["onset"].attrs)))
