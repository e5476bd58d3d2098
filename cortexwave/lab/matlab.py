"""Arrays in MATLAB's .mat files (v5, v7 and v7.3) and in plain HDF5, with a sidecar.

Axes are those that MATLAB's `size` shows; those of plain HDF5 as h5py shows them. Only
numeric arrays are read, and text where it holds labels. All are read in windows, but a
variable that v7 has compressed, of at most 4 GB, is unpacked when it is first used.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.arrays import Bare, array_signal
from cortexwave.lab.sidecar import Shown, Sidecar, sidecar_of
from cortexwave.lab.signals import Signal

_V5, _V73 = b"MATLAB 5.0 MAT-file", b"MATLAB 7.3 MAT-file"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_NUMBERS = ("double", "single", "int8", "uint8", "int16", "uint16", "int32", "uint32",
            "int64", "uint64", "logical")  # fmt: skip
# Deflate makes at most 1032 bytes of one; a header that claims more is absurd.
_DENSEST = 1032
_MOST_LABELS, _LONGEST_LABEL = 100_000, 1000
_MATRIX, _COMPRESSED = 14, 15
_CLOSED = ("struct", "object", "sparse", "function", "opaque")
_CLASSES = dict(enumerate(("cell", "struct", "object", "char", "sparse", *_NUMBERS[:10],
                           "function", "opaque"), start=1))  # fmt: skip
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8",
          12: "i8", 13: "u8", 16: "u1", 17: "u2", 18: "u4"}  # fmt: skip
_HEAD = 4096  # bytes that hold an element's tags, sizes and name
_LARGEST_TEXT = 1 << 24
_MOST_OBJECTS = 20_000


@dataclass(frozen=True)
class _Container:
    """A file of named arrays: what it shows, how one and its texts are read."""

    arrays: list[Shown]
    others: dict[str, str]  # names that hold no numeric array, and what they hold
    bare: Callable[[str], Bare]
    texts: Callable[[str], list[str]]


def recognises(path: Path) -> bool:
    """Whether a file is MATLAB's, or plain HDF5 that no other reader knows better."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        start = stream.read(128)
    if start.startswith((_V5, _V73)) or path.suffix == ".mat":
        return True
    return path.suffix in (".h5", ".hdf5") and start.startswith(_HDF5) and _plain(path)


def signals(path: Path, *, sidecar: str | Path | None = None) -> list[Signal]:
    """The signal of a .mat or plain .h5 file that its sidecar names."""
    path = Path(path)
    try:
        with path.open("rb") as stream:
            start = stream.read(128)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if start.startswith(_V5):
        found = _version_5(path, start)
    elif start.startswith((_V73, _HDF5)):
        found = _hdf5(path, turned=start.startswith(_V73))
    else:
        raise RecordingError(
            f"{path} is not a MATLAB file of version 5, 7 or 7.3, nor HDF5; save it "
            "with save(..., '-v7.3')"
        )
    if not found.arrays:
        held = ", ".join(f"{name} ({kind})" for name, kind in found.others.items())
        raise RecordingError(
            f"{path} holds no numeric array ({held or 'it is empty'}); structs and "
            "cells are not opened: save the array itself"
        )
    said = sidecar_of(path, found.arrays, sidecar)
    name = _chosen(said, found, said.variable, "variable")
    said = said.model_copy(update={"variable": name})
    positions = said.positions
    stored = labels = None
    if positions is not None and positions.variable is not None:
        path_ = ("positions", "variable")
        at = found.bare(_chosen(said, found, positions.variable, *path_))
        if len(at.shown.shape) != 2:
            raise said.fault(path_, f"it has the shape {at.shown.shape}, not two axes")
        stored = np.asarray(at.window(0, 0, at.shown.shape[0]), dtype=float)
    if said.channels_variable is not None:
        if said.channels_variable not in found.others:
            raise said.fault(("channels_variable",), (
                f"'{said.channels_variable}' is no text of {path.name}; there "
                f"are {', '.join(found.others) or 'none'}"
            ))  # fmt: skip
        labels = found.texts(said.channels_variable)
    bare = found.bare(name)
    return [array_signal(path, bare, said, reader="matlab", stored=stored,
                         stored_labels=labels)]  # fmt: skip


def _chosen(said: Sidecar, found: _Container, given: str | None, *place: str) -> str:
    """The name of an array of the file: the given one, or the only one."""
    names = [shown.name for shown in found.arrays]
    if given is None and len(names) == 1:
        return names[0]
    wanted = (given or "").strip("/")
    if wanted in names:
        return wanted
    if wanted in found.others:
        wrong = f"'{wanted}' is a {found.others[wanted]}, not a numeric array"
    else:
        wrong = f"'{wanted}' is not in the file" if given else "this key is missing"
    raise said.fault(place, f"{wrong}; arrays are {', '.join(names[:20])}")


@dataclass(frozen=True)
class _Variable:
    """A variable of a v5 file: where its element and the values in it lie."""

    name: str
    kind: str
    shape: tuple[int, ...]
    stored: str  # type of the values in the file; MATLAB packs whole numbers
    at: int  # of the values, from the beginning of the element's body
    size: int  # of the values, in bytes
    body: int = 0  # where the body begins in the file; the zlib stream if packed
    length: int = 0  # of the body, or of the stream
    packed: bool = False


def _version_5(path: Path, start: bytes) -> _Container:
    """Variables of a v5 or v7 file, all sizes held against the file's.

    Read here and not by SciPy 1.17, whose `loadmat` crashes on damaged files.
    """
    variables: dict[str, _Variable] = {}
    try:
        for found in _variables(path, start):
            variables[found.name] = found
    except (ValueError, struct.error, zlib.error, OSError, KeyError) as error:
        raise RecordingError(f"{path} is cut short or damaged: {error}") from error
    arrays, others = [], {}
    for name, one in variables.items():
        if one.kind in _NUMBERS and all(one.shape):
            kind = {"double": "float64", "single": "float32", "logical": "bool"}
            arrays.append(Shown(name, one.shape, kind.get(one.kind, one.kind)))
        else:
            others[name] = one.kind if one.kind not in _NUMBERS else "empty array"
    whole: dict[str, np.ndarray] = {}

    def bare(name: str) -> Bare:
        one = variables[name]
        shown = next(shown for shown in arrays if shown.name == name)

        def window(axis: int, first: int, stop: int) -> np.ndarray:
            if name not in whole:
                whole[name] = _values(path, one)
            return whole[name][(slice(None),) * axis + (slice(first, stop),)]

        return Bare(shown, window)

    def texts(name: str) -> list[str]:
        one = variables[name]
        if one.kind not in ("char", "cell"):
            raise InputError(f"{path}: '{name}' is a {one.kind}, not text")
        order = _order(start)
        body = _body(path, one, _LARGEST_TEXT)
        try:
            if one.kind == "char":
                return _rows(one, body)
            found, at = [], one.at
            while at < len(body):
                kind, size, first, at = _element(body, at, order)
                part = body[first : first + size]
                inner = _header(part, order) if kind == _MATRIX else one
                if inner.kind != "char":
                    raise ValueError("a cell holds no text")
                found += _rows(inner, part)[:1] or [""]
            return found
        except (ValueError, struct.error, KeyError) as error:
            raise InputError(f"{path}: '{name}' is no list of texts: {error}"
                             ) from error  # fmt: skip

    return _Container(arrays, others, bare, texts)


def _order(start: bytes) -> str:
    try:
        return {b"IM": "<", b"MI": ">"}[start[126:128]]
    except KeyError:
        raise ValueError("its header does not say the order of bytes") from None


def _variables(path: Path, start: bytes) -> Iterator[_Variable]:
    """Variables of a v5 file (MAT-File Format, MathWorks, chapter 1)."""
    order, at, size = _order(start), 128, path.stat().st_size
    with path.open("rb") as stream:
        while at < size:
            stream.seek(at)
            kind, length = struct.unpack(order + "II", stream.read(8))
            body, at = at + 8, at + 8 + length
            if kind not in (_MATRIX, _COMPRESSED) or at > size:
                raise ValueError(f"an element ends at byte {at:,} of {size:,}")
            head = stream.read(min(length, _HEAD if kind == _MATRIX else 1 << 16))
            within = length
            if kind == _COMPRESSED:
                head = zlib.decompressobj().decompress(head, _HEAD)
                inner, within = struct.unpack(order + "II", head[:8])
                head = head[8:]
                if inner != _MATRIX or within > _DENSEST * length:
                    raise ValueError(f"{length:,} bytes claim to hold {within:,}")
            found = _header(head, order)
            if found.at + found.size > within and found.kind not in _CLOSED:
                raise ValueError(f"'{found.name}' has {found.size:,} bytes of values")
            if found.name:  # MATLAB keeps the workspace of functions without one
                yield replace(found, body=body, length=length,
                              packed=kind == _COMPRESSED)  # fmt: skip


def _element(body: bytes, at: int, order: str) -> tuple[int, int, int, int]:
    """Kind and size of a data element, where its data begin, where the next one is."""
    (first,) = struct.unpack_from(order + "I", body, at)
    if first >> 16:  # small: the size beside the kind, at most four bytes
        if first >> 16 > 4:
            raise ValueError(f"a small element of {first >> 16:,} bytes")
        return first & 0xFFFF, first >> 16, at + 4, at + 8
    (size,) = struct.unpack_from(order + "I", body, at + 4)
    return first, size, at + 8, at + 8 + size + -size % 8


def _header(body: bytes, order: str) -> _Variable:
    """What the beginning of a matrix element says of it."""
    kind, size, first, at = _element(body, 0, order)
    (flags,) = struct.unpack_from(order + "I", body, first)
    word = _CLASSES.get(flags & 0xFF)
    if (kind, size) != (6, 8) or word is None:
        raise ValueError("an array of no known class")
    if word == "opaque":
        return _Variable("(opaque)", word, (), "u1", 0, 0)
    kind, size, first, at = _element(body, at, order)
    if kind != 5 or size % 4 or not 8 <= size <= 128:
        raise ValueError("an array without dimensions")
    shape = struct.unpack_from(f"{order}{size // 4}i", body, first)
    kind, size, first, at = _element(body, at, order)
    if kind != 1 or min(shape) < 0 or first + size > len(body):
        raise ValueError("an array without a name, or of a negative size")
    name = body[first : first + size].decode("latin-1")
    if word in _CLOSED or word == "cell":
        return _Variable(name, word, shape, "u1", at, 0)
    kind, size, first, _ = _element(body, at, order)
    stored = np.dtype(_TYPES[kind]).newbyteorder(order)  # type: ignore[arg-type]
    count = int(np.prod(shape, dtype=object))
    if count * stored.itemsize != size:
        claimed = " x ".join(map(str, shape))
        raise ValueError(f"'{name}' claims {claimed} values in {size:,} bytes")
    if flags & 0x0800:
        word = "complex array"
    elif flags & 0x0200 and word != "char":
        word = "logical"
    return _Variable(name, word, shape, stored.str, first, size)


def _body(path: Path, one: _Variable, most: int) -> bytes:
    """The body of a variable's element, unpacked, of at most so many bytes."""
    with path.open("rb") as stream:
        stream.seek(one.body)
        if not one.packed:
            return stream.read(min(one.length, most))
        try:
            return zlib.decompressobj().decompress(stream.read(one.length), most)[8:]
        except zlib.error as error:
            raise RecordingError(f"{path}: '{one.name}' is damaged: {error}") from error


def _values(path: Path, one: _Variable) -> np.ndarray:
    """Values of a variable, in its own type: mapped from the disk, or unpacked."""
    if not one.packed:
        return np.memmap(path, one.stored, "r", one.body + one.at, one.shape, "F")
    body = _body(path, one, 8 + one.at + one.size)
    if len(body) < one.at + one.size:
        raise RecordingError(f"{path}: '{one.name}' is cut short or damaged")
    count = one.size // np.dtype(one.stored).itemsize
    return np.frombuffer(body, one.stored, count, one.at).reshape(one.shape, order="F")


def _rows(one: _Variable, body: bytes) -> list[str]:
    """Rows of an array of characters as texts."""
    if len(one.shape) != 2 or one.at + one.size > len(body):
        raise ValueError("characters that are not in rows")
    if one.shape[0] > _MOST_LABELS or one.shape[1] > _LONGEST_LABEL:
        raise ValueError(f"characters of {one.shape[0]} x {one.shape[1]}")
    count = one.size // np.dtype(one.stored).itemsize
    codes = np.frombuffer(body, one.stored, count, one.at)
    letters = codes.reshape(one.shape, order="F")
    return ["".join(chr(int(code) & 0xFFFF) for code in row).strip() for row in letters]


def _plain(path: Path) -> bool:
    """Whether an HDF5 file is neither NWB nor a recording of ours."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            known = {"nwb_version", "schema_version", "n_valid"}
            return not known & set(file.attrs) and "nwb_version" not in file
    except OSError:
        return True  # cut short: `signals` says so


def _hdf5(path: Path, *, turned: bool) -> _Container:
    """Datasets of an HDF5 file; MATLAB's have their axes reversed (`turned`)."""
    import h5py

    file = _opened(path)
    size = path.stat().st_size
    arrays: list[Shown] = []
    others: dict[str, str] = {}

    def note(name: str, item: Any) -> str | None:
        if len(arrays) + len(others) > _MOST_OBJECTS:
            return name
        kind = item.attrs.get("MATLAB_class", b"")
        kind = kind.decode("ascii", "replace") if isinstance(kind, bytes) else str(kind)
        if name.startswith("#") or not isinstance(item, h5py.Dataset):
            return None  # groups; where MATLAB keeps what its cells refer to
        real = item.dtype.kind in "biuf" and kind not in ("char", "cell", "struct")
        if not real or item.shape is None or not item.shape:
            others[name] = kind or str(item.dtype)
        elif "MATLAB_empty" not in item.attrs:
            shape = item.shape[::-1] if turned else item.shape
            arrays.append(Shown(name, shape, str(item.dtype)))
        return None

    try:
        # visits hard links alone: what stands in other files is never opened
        file.visititems(note)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise RecordingError(f"{path} is damaged: {error}") from error

    def bare(name: str) -> Bare:
        shown = next(shown for shown in arrays if shown.name == name)
        stored = file[name]
        if stored.external or stored.is_virtual:
            raise RecordingError(f"{path}: '{name}' lies in other files; join them")
        held = int(stored.id.get_storage_size())
        if stored.nbytes > max(_DENSEST * held, 4096) or held > size:
            raise RecordingError(
                f"{path}: '{name}' claims {stored.nbytes:,} bytes, but {held:,} are "
                "stored"
            )

        def window(axis: int, first: int, stop: int) -> np.ndarray:
            place = stored.ndim - 1 - axis if turned else axis
            try:
                part = stored[(slice(None),) * place + (slice(first, stop),)]
            except (OSError, RuntimeError) as error:
                raise RecordingError(f"{path}: '{name}' cannot be read: {error}"
                                     ) from error  # fmt: skip
            return part.T if turned else part

        return Bare(shown, window)

    def texts(name: str) -> list[str]:
        stored = file[name]
        if not 0 < stored.size <= _MOST_LABELS * 16:
            raise InputError(f"{path}: '{name}' is no list of labels")
        try:
            if h5py.check_ref_dtype(stored.dtype) is not None:
                cells = stored[()].T.ravel()
                return [_line(path, name, file[cell][()]) for cell in cells]
            if h5py.check_string_dtype(stored.dtype) is not None:
                return [str(text).strip() for text in np.ravel(stored.asstr()[()])]
            letters = np.atleast_2d(stored[()])
        except (OSError, RuntimeError, ValueError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: '{name}' is no list of texts: {error}"
                             ) from error  # fmt: skip
        return [_line(path, name, row) for row in (letters.T if turned else letters)]

    return _Container(arrays, others, bare, texts)


def _line(path: Path, name: str, letters: Any) -> str:
    """A text of MATLAB's character codes."""
    codes = np.ravel(letters)
    if codes.dtype.kind != "u" or codes.size > _LONGEST_LABEL:
        raise InputError(f"{path}: '{name}' is not a list of texts")
    return "".join(chr(code) for code in codes).strip()


def _opened(path: Path) -> Any:
    """An HDF5 file that stays open while its signals are in use."""
    import h5py

    try:
        return h5py.File(path, "r", rdcc_nbytes=1 << 24)
    except OSError as error:
        raise RecordingError(
            f"{path} is not a whole HDF5 file (cut short, or still being written): "
            f"{error}"
        ) from error
