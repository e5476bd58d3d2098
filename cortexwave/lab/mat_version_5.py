"""Arrays and texts of MATLAB's .mat files of version 5 and 7, all sizes checked.

Read here and not by SciPy 1.17, whose `loadmat` crashes on damaged files. The layout
is that of MathWorks, MAT-File Format, chapter 1.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.bare import Bare, Container
from cortexwave.lab.sidecar_template import Shown

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


def version_5_arrays(path: Path, start: bytes) -> Container:
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

    return Container(arrays, others, bare, texts)


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
