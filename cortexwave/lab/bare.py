"""A bare array in a file, of which windows are read, as the signal a sidecar makes it.

`Bare` is one array in its file's own order of axes; `Container` a file of named ones.
`bare_signal` shows an array as a signal: nothing is read before its values are used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cortexwave.errors import RecordingError
from cortexwave.lab.sidecar import Sidecar, check_pitch, lattice_axes
from cortexwave.lab.sidecar_contacts import labelled_contacts, labels_of
from cortexwave.lab.sidecar_template import Shown
from cortexwave.lab.signals import Signal


@dataclass(frozen=True)
class Bare:
    """An array in a file; `window(axis, start, stop)` is a part of it along an axis."""

    shown: Shown
    window: Callable[[int, int, int], np.ndarray]


@dataclass(frozen=True)
class Container:
    """A file of named arrays: what it shows, how one and its texts are read."""

    arrays: list[Shown]
    others: dict[str, str]  # names that hold no numeric array, and what they hold
    bare: Callable[[str], Bare]
    texts: Callable[[str], list[str]]


def bare_signal(
    path: Path, bare: Bare, said: Sidecar, *, reader: str,
    stored: np.ndarray | None = None, stored_labels: Sequence[str] | None = None,
) -> Signal:  # fmt: skip
    """A bare array as a signal, as its sidecar says; no values are read.

    `stored` are positions and `stored_labels` the labels of channels found in the
    same file.
    """
    shape = bare.shown.shape
    if len(said.axes) != len(shape):
        raise said.fault(("axes",), (
            f"{len(said.axes)} axes, but the array is {' x '.join(map(str, shape))}"
        ))  # fmt: skip
    sizes = dict(zip(said.axes, shape, strict=True))
    if not all(shape):
        raise RecordingError(f"{path}: the array has no values ({shape})")
    unit, factor = said.scale
    if said.leave_out and "row" in sizes:
        raise said.fault(("leave_out",), "a lattice has no labels")
    name = (said.variable or "signal").rpartition("/")[2]
    wide = np.result_type(np.dtype(bare.shown.dtype), np.float32)
    dtype = min(wide, np.dtype(float), key=lambda kind: kind.itemsize)
    common = {"name": name, "source": path, "reader": reader,
              "rate": said.rate, "start": said.start, "frames": sizes["time"],
              "units": unit, "dtype": str(dtype)}  # fmt: skip
    if "row" in sizes:
        lattice, dead = _lattice(said, (sizes["row"], sizes["column"]))
        read = _frames_of(bare, said.axes, dtype, factor, missing=dead)
        return Signal(**common, read=read, lattice=lattice,
                      attributes=said.attributes)  # fmt: skip
    labels = labels_of(said, sizes.get("channel", 1), bare.shown.labels, stored_labels)
    kept = [at for at, label in enumerate(labels) if label not in said.leave_out]
    contacts = labelled_contacts(said, [labels[at] for at in kept], stored)
    read = _frames_of(bare, said.axes, dtype, factor, kept=kept)
    return Signal(**common, read=read, contacts=contacts, attributes=said.attributes)


def _frames_of(
    bare: Bare, axes: tuple[str, ...], dtype: np.dtype, factor: float, *,
    kept: list[int] | None = None, missing: np.ndarray | None = None,
) -> Callable[[int, int], np.ndarray]:  # fmt: skip
    """A reading of frames (frame, channel) or (frame, row, column) in their unit."""
    time = axes.index("time")
    order = [axes.index(axis) for axis in ("time", "channel", "row", "column")
             if axis in axes]  # fmt: skip

    def read(start: int, stop: int) -> np.ndarray:
        window = bare.window(time, start, stop).transpose(order)
        frames = window.astype(dtype) * dtype.type(factor)
        if frames.ndim == 1:
            frames = frames[:, None]
        if missing is not None:
            frames[:, missing] = np.nan
        return frames if kept is None else frames[:, kept]

    return read


def _lattice(
    said: Sidecar, shape: tuple[int, int]
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Axes (y, x) in mm of a lattice, and which of its sites are missing."""
    at = said.positions
    if at is None or at.pitch is None or at.first is None:
        raise said.fault(("positions",), (
            "rows and columns need their pitch, such as {pitch: 4 mm, first: upper "
            "left}"
        ))  # fmt: skip
    if at.shape not in (None, shape):
        raise said.fault(("positions", "shape"), (
            f"{list(at.shape or ())}, but the array has {list(shape)} (rows, columns)"
        ))  # fmt: skip
    check_pitch(said, at.pitch)
    missing = np.zeros(shape, dtype=bool)
    for key, places in (("bad", said.bad), ("absent", at.absent)):
        path = (key,) if key == "bad" else ("positions", key)
        for number, place in enumerate(places):
            if isinstance(place, str) or not (
                place[0] < shape[0] and place[1] < shape[1]
            ):
                raise said.fault((*path, number), (
                    f"{place!r} is no [row, column] of {shape[0]} x {shape[1]}, "
                    "counted from 0"
                ))  # fmt: skip
            missing[place] = True
    return lattice_axes(shape, at.pitch, at.first), missing
