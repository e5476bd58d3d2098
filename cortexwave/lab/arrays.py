"""Bare arrays with a sidecar: .npy mapped from the disk, .csv streamed row by row.

Nothing in these files is ever executed: .npy is read without pickles, .npz is refused.
"""

from __future__ import annotations

import csv
import tokenize
from pathlib import Path

import numpy as np

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.bare import Bare, bare_signal
from cortexwave.lab.sidecar import sidecar_of
from cortexwave.lab.sidecar_template import Shown
from cortexwave.lab.signals import Signal
from cortexwave.lab.tables import number_of

_EVERY = 1024  # rows of a text between two places that are remembered
_LONGEST_ROW = 1 << 20  # bytes
_BLOCK = 1 << 22  # bytes of a text scanned at once


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
    return [bare_signal(path, bare, said, reader="arrays")]


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
