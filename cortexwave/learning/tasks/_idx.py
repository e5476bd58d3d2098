"""Files of unsigned bytes in the idx format of Yann LeCun, plain or gzipped."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cortexwave.errors import InputError

_LARGEST = 2**30  # bytes; MNIST's largest file has 47 million


def read_idx(file: Path, *, axes: int) -> np.ndarray:
    """The array uint8 in an idx file; `InputError` names the file and its fault."""
    try:
        with file.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"  # an idx file begins with two zeros
            raw.seek(0)
            if not zipped:
                return _parsed(raw, axes, file)
            with gzip.open(raw, "rb") as stream:
                return _parsed(stream, axes, file)
    except EOFError as error:
        raise InputError(f"{file}: cut short inside its gzip stream") from error
    except zlib.error as error:
        raise InputError(f"{file}: its gzip stream is damaged ({error})") from error
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error})") from error


def _parsed(stream: BinaryIO | gzip.GzipFile, axes: int, file: Path) -> np.ndarray:
    """Two zero bytes, type 8, number of axes, each length as big-endian uint32."""
    header = stream.read(4 + 4 * axes)
    due = bytes([0, 0, 8, axes])
    if header[:4] != due[: len(header)]:
        raise InputError(
            f"{file}: begins with {header[:4].hex(' ')}, not with {due.hex(' ')}, so "
            f"it is no idx file of unsigned bytes in {axes} axes"
        )
    if len(header) < 4 + 4 * axes:
        raise InputError(f"{file}: cut short: {len(header)} bytes, less than a header")
    shape = tuple(int(length) for length in np.frombuffer(header[4:], ">u4"))
    size = math.prod(shape)
    if size > _LARGEST:
        raise InputError(
            f"{file}: says that it holds {shape}, {size:,} bytes; at most "
            f"{_LARGEST:,} are read"
        )
    values = stream.read(size + 1)
    if len(values) < size:
        raise InputError(
            f"{file}: cut short: {len(values):,} of the {size:,} values of {shape}"
        )
    if len(values) > size:
        raise InputError(f"{file}: goes on after the {size:,} values of {shape}")
    return np.frombuffer(values, np.uint8).reshape(shape)
