"""Bare arrays with a sidecar: .npy mapped from the disk, .csv streamed row by row.

`Bare` is an array of which a window of time can be read, in the file's own order of
axes; `array_signals` shows it as a signal as its sidecar says. Nothing in these files
is ever executed: .npy is read without pickles, .npz is refused.
"""

from __future__ import annotations

import csv
import re
import tokenize
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.sidecar import (
    Shown,
    Sidecar,
    check_pitch,
    lattice_axes,
    lattice_positions,
    number_of,
    positions_in_mm,
    read_table,
    sidecar_of,
)
from cortexwave.lab.signals import Contacts, Signal

_LABELS = ("label", "name", "channel", "electrode")
_CLOCKS = ("time", "t", "timestamp", "timestamps", "sample", "samples")
# Names of a recording's own coordinates, which no variable in it can have.
_TAKEN = ("time", "trial", "channel", "x", "y", "z", "good", "reason", "array")
_EVERY = 1024  # rows of a text between two places that are remembered
_LONGEST_ROW = 1 << 20  # bytes
_BLOCK = 1 << 22  # bytes of a text scanned at once


@dataclass(frozen=True)
class Bare:
    """An array in a file. `window(axis, start, stop)` is a part of it along one axis.

    `labels` are those of its columns, where the file has them.
    """

    shown: Shown
    window: Callable[[int, int, int], np.ndarray]


def recognises(path: Path) -> bool:
    """Whether a file is .npy, .npz, .csv or .tsv, by its name or first bytes."""
    if not path.is_file():
        return False
    if path.suffix.lower() in (".npy", ".npz", ".csv", ".tsv"):
        return True
    with path.open("rb") as stream:
        return stream.read(6) == b"\x93NUMPY"


def signals(path: Path, *, sidecar: str | Path | None = None) -> list[Signal]:
    """The signal of a .npy or .csv file, as its sidecar describes it."""
    path = Path(path)
    if path.suffix.lower() == ".npz":
        raise InputError(
            f"{path} packs several arrays, whose sizes are known only when they are "
            "unpacked; write the signal alone with numpy.save"
        )
    text = path.suffix.lower() in (".csv", ".tsv")
    bare = _text_array(path) if text else _mapped_array(path)
    said = sidecar_of(path, [bare.shown], sidecar)
    if said.variable is not None:
        raise said.fault(("variable",), f"{path.name} holds one array, without a name")
    if said.channels_variable is not None:
        raise said.fault(("channels_variable",), f"{path.name} holds one array alone")
    return [array_signal(path, bare, said, reader="arrays")]


def array_signal(
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
    name = "signal" if name in _TAKEN else name
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
    labels = _labels(said, sizes.get("channel", 1), bare.shown.labels, stored_labels)
    kept = [at for at, label in enumerate(labels) if label not in said.leave_out]
    contacts = _contacts(said, [labels[at] for at in kept], stored)
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


def _labels(
    said: Sidecar, count: int, shown: Sequence[str], stored: Sequence[str] | None
) -> list[str]:
    """Labels of all channels, those that are left out among them."""
    place = "channels" if said.channels is not None else "channels_variable"
    named = list(said.channels or stored or shown)
    labels = named or [f"ch{number}" for number in range(1, count + 1)]
    if len(labels) != count:
        raise said.fault((place,), f"{len(labels)} labels for {count} channels")
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise said.fault((place,), f"labels stand twice: {_few(twice)}")
    unknown = [label for label in said.leave_out if label not in labels]
    if unknown:
        raise said.fault(("leave_out",), (
            f"{_few(unknown)} are no channels; those are {_few(labels)}"
        ))  # fmt: skip
    clocks = [label for label in labels if label.lower() in _CLOCKS]
    if set(clocks) - set(said.leave_out):
        raise said.fault(("leave_out",), (
            f"the column '{clocks[0]}' looks like a clock, not a channel; write "
            f"`leave_out: [{clocks[0]}]`, or name the columns with `channels`"
        ))  # fmt: skip
    if set(labels) == set(said.leave_out):
        raise said.fault(("leave_out",), "no channel is left")
    return labels


def _contacts(said: Sidecar, labels: list[str], stored: np.ndarray | None) -> Contacts:
    contacts = Contacts.named(labels, contact_positions(said, labels, stored))
    for number, label in enumerate(said.bad):
        if label not in labels:
            raise said.fault(("bad", number), (
                f"{label!r} is no channel; channels are {_few(labels)}"
            ))  # fmt: skip
    good = np.array([label not in said.bad for label in labels])
    reason = tuple("" if fine else "bad in the sidecar" for fine in good)
    return Contacts(contacts.names, contacts.positions, contacts.array, good, reason)


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


def _mapped_array(path: Path) -> Bare:
    """A .npy file, whose header is held against its size before anything is read."""
    from numpy.lib import format as npy

    try:
        with path.open("rb") as stream:
            version = npy.read_magic(stream)
            header = (npy.read_array_header_1_0 if version == (1, 0)
                      else npy.read_array_header_2_0)  # fmt: skip
            shape, fortran, dtype = header(stream)
            offset, size = stream.tell(), path.stat().st_size
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, EOFError, TypeError, SyntaxError, tokenize.TokenError) as error:
        raise RecordingError(f"{path} is not a .npy file: {error}") from error
    if dtype.kind not in "biuf":
        raise RecordingError(
            f"{path} holds {dtype}, not real numbers; objects (pickles) are never "
            "loaded"
        )
    count = 1
    for length in shape:
        count *= int(length)
    due = offset + count * dtype.itemsize
    if min(shape, default=1) < 0 or due != size:
        raise RecordingError(
            f"{path} says that it holds {' x '.join(map(str, shape))} of {dtype}, "
            f"{due:,} bytes, but it has {size:,}: it is cut short or damaged"
        )

    def window(axis: int, start: int, stop: int) -> np.ndarray:
        stored = np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C")
        return stored[(slice(None),) * axis + (slice(start, stop),)]

    return Bare(Shown("", tuple(shape), str(dtype)), window)


def _text_array(path: Path) -> Bare:
    """A table of numbers: its first row are labels, each other one a frame."""
    try:
        rows, places = _rows_of(path)
        with path.open("rb") as stream:
            first = stream.readline(_LONGEST_ROW)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    try:
        text = first.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise RecordingError(f"{path} is not a text file in UTF-8") from error
    delimiter = max(",;\t", key=text.count)
    labels = tuple(cell.strip() for cell in next(csv.reader([text], delimiter=delimiter)
                                                 if text else iter([[]])))  # fmt: skip
    if rows < 1 or not all(labels) or not labels:
        raise RecordingError(
            f"{path}: a first row of labels and rows of numbers are due, "
            + ("but there are no rows below" if rows < 1 else "but a label is empty")
        )
    if all(_is_number(label) for label in labels):
        raise RecordingError(
            f"{path}:1: the first row are numbers; labels of the columns are due there"
        )

    def window(axis: int, start: int, stop: int) -> np.ndarray:
        near = start // _EVERY
        with path.open("rb") as stream:
            stream.seek(places[near])
            for _ in range(start - near * _EVERY):
                stream.readline()
            lines = [stream.readline() for _ in range(stop - start)]
        return _numbers(lines, path, start + 2, delimiter, len(labels))

    return Bare(Shown("", (rows, len(labels)), "float64", labels), window)


def _rows_of(path: Path) -> tuple[int, list[int]]:
    """Rows below the first, and where every 1024th of them begins, in bytes."""
    places: list[int] = []
    lines = at = begun = 0  # lines ended, bytes read, where the open line begins
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            if b"\x00" in block:
                raise RecordingError(f"{path} is not a text file")
            ends = at + np.flatnonzero(np.frombuffer(block, np.uint8) == 10) + 1
            starts = np.concatenate([[begun], ends])
            if np.diff(starts, append=at + len(block)).max() > _LONGEST_ROW:
                raise RecordingError(f"{path} has a row of more than 1 MiB")
            # the end of line number n + 1 is where row n begins
            numbers = lines + np.arange(len(ends))
            places += [int(place) for place in ends[numbers % _EVERY == 0]]
            lines, at, begun = lines + len(ends), at + len(block), int(starts[-1])
    return lines - 1 + (begun < at), places


def _numbers(
    lines: list[bytes], path: Path, first: int, delimiter: str, columns: int
) -> np.ndarray:
    """Numbers (row, column) of lines of text, the first of which is line `first`."""
    try:
        values = np.loadtxt(lines, delimiter=delimiter, ndmin=2, comments=None,
                            encoding="utf-8")  # fmt: skip
        if values.shape == (len(lines), columns):
            return values
    except (ValueError, UnicodeDecodeError):
        pass  # a missing or wrong value: found below, with its line
    found = np.empty((len(lines), columns))
    for row, line in enumerate(lines):
        where = f"{path}:{first + row}"
        text = line.decode("utf-8", errors="replace").rstrip("\r\n")
        cells = next(csv.reader([text], delimiter=delimiter), [])
        if len(cells) != columns:
            raise RecordingError(f"{where}: {len(cells)} values, but {columns} labels")
        found[row] = [number_of(cell, f"{where}: column {at + 1}")
                      for at, cell in enumerate(cells)]  # fmt: skip
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def contact_positions(
    sidecar: Sidecar, labels: Sequence[str], stored: np.ndarray | None = None
) -> np.ndarray | None:
    """(channel, 3) mm of labelled channels; None where the sidecar has no positions.

    `stored` is the array that `positions.variable` names. NaN where a table or file
    does not have a label.
    """
    said = sidecar.positions
    if said is None:
        return None
    if said.pitch is not None:
        return lattice_positions(sidecar, said, len(labels))
    known: Mapping[str, Iterable[float]]
    unit: str | None = said.unit
    if said.table is not None:
        known, place = said.table, "table"
    elif said.file is not None:
        known, unit = _from_file(sidecar, said.file, said.unit)
        place = "file"
    else:
        known, place = _from_variable(sidecar, stored, labels), "variable"
    at = np.full((len(labels), 3), np.nan)
    for row, label in zip(at, labels, strict=True):
        found = tuple(known.get(label, ()))
        row[: len(found)] = found
    if not any(label in known for label in labels):
        raise sidecar.fault(("positions", place), (
            f"its labels ({_few(known)}) are none of the channels ({_few(labels)})"
        ))  # fmt: skip
    assert unit is not None
    try:
        return positions_in_mm(at, unit)
    except InputError as error:
        raise sidecar.fault(("positions", place), str(error)) from None


def _from_variable(
    sidecar: Sidecar, stored: np.ndarray | None, labels: Sequence[str]
) -> Mapping[str, Iterable[float]]:
    path = ("positions", "variable")
    if stored is None:
        raise sidecar.fault(path, "this kind of file holds one array alone")
    turned = stored if stored.shape[:1] == (len(labels),) else stored.T
    if turned.shape not in [(len(labels), 2), (len(labels), 3)]:
        raise sidecar.fault(path, (
            f"it is {' x '.join(map(str, stored.shape))}, where {len(labels)} channels "
            "x 2 or 3 are due"
        ))  # fmt: skip
    return dict(zip(labels, turned, strict=True))


def _from_file(
    sidecar: Sidecar, name: str, unit: str | None
) -> tuple[dict[str, tuple[float, ...]], str]:
    """Positions of a csv or tsv beside the sidecar, and their unit."""
    path = ("positions", "file")
    given = sidecar.source.folder / name
    outside = (
        not name or ".." in PurePosixPath(name.replace("\\", "/")).parts
        or PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor != ""
    )  # fmt: skip
    folder = sidecar.source.folder.resolve()
    if outside or not given.resolve().is_relative_to(folder):
        raise sidecar.fault(path, f"{name!r} is not inside the sidecar's own folder")
    if given.suffix not in (".csv", ".tsv"):
        raise sidecar.fault(path, f"{name!r} is not a .csv or .tsv file")
    rows = read_table(given)
    header = list(rows[0]) if rows else []
    label = next((key for key in header if key.lower() in _LABELS), None)
    axes: dict[str, str] = {}
    units = {unit} if unit else set()
    for key in header:
        match = re.fullmatch(r"([xyz])(?:[ _(\[]+(um|mm|cm|m)[)\]]?)?", key.lower())
        if match:
            axes[match[1]] = key
            units |= {match[2]} if match[2] else set()
    if label is None or not {"x", "y"} <= set(axes):
        raise sidecar.fault(path, (
            f"{name} has the columns {', '.join(header) or 'none'}; due are label (or "
            f"{', '.join(_LABELS[1:])}), x and y, and z where there is one"
        ))  # fmt: skip
    if len(units) != 1:
        raise sidecar.fault(("positions", "unit"), (
            f"{name} is in {' and in '.join(sorted(units))}" if units else
            f"this key is missing, and no column of {name} says its unit (x_mm)"
        ))  # fmt: skip
    found: dict[str, tuple[float, ...]] = {}
    for line, row in enumerate(rows, start=2):
        where = f"{given}:{line}"
        if row[label] in found:
            raise InputError(f"{where}: the label {row[label]!r} stands twice")
        found[row[label]] = tuple(
            number_of(row[axes[axis]], f"{where}: {axis}") for axis in sorted(axes)
        )
    return found, units.pop()


def _few(labels: Iterable[str]) -> str:
    named = list(labels)
    return ", ".join(named[:4]) + (", ..." if named[4:] else "")
