"""One chunk as bytes: shuffled and deflated exactly as HDF5's own filters would.

ISA-L writes the same standard deflate stream as zlib, several times faster; both
release the interpreter's lock, so that chunks are compressed side by side.
"""

from __future__ import annotations

import importlib
import zlib
from types import ModuleType

import numpy as np


def _deflate() -> ModuleType:
    try:
        return importlib.import_module("isal.isal_zlib")
    except ImportError:  # no wheel for this processor
        return zlib


_DEFLATE = _deflate()
_LEVEL = 1


def padded(values: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """A chunk of `shape`, frames first, and `dtype`: beyond `values` it is NaN.

    `OverflowError` where a finite value is infinite in `dtype`.
    """
    try:
        with np.errstate(over="raise"):
            if values.shape == shape:
                return np.ascontiguousarray(values, dtype=dtype)
            chunk = np.full(shape, np.nan, dtype)
            chunk[tuple(slice(n) for n in values.shape)] = values
            return chunk
    except FloatingPointError as error:
        largest = np.abs(values[np.isfinite(values)]).max()
        raise OverflowError(
            f"{largest:g}, too large for {dtype.name}; record as float64"
        ) from error


def shuffled(chunk: np.ndarray) -> np.ndarray:
    """Bytes (byte, value) of a chunk: all first bytes, then all second ones, ...

    Shifting whole words is faster than copying every fourth byte.
    """
    size = chunk.dtype.itemsize
    words = chunk.reshape(-1).view(f"<u{size}")
    planes = np.empty((size, words.size), np.uint8)
    for byte in range(size):
        np.right_shift(words, 8 * byte, out=planes[byte], casting="unsafe")
    return planes


def deflated(chunk: np.ndarray, *, shuffle: bool) -> bytes:
    """A chunk after HDF5's filters shuffle (where asked for) and deflate."""
    data = shuffled(chunk) if shuffle else chunk
    return bytes(_DEFLATE.compress(data.data, _LEVEL))


def blank(shape: tuple[int, ...], dtype: np.dtype, *, shuffle: bool) -> bytes:
    """The deflated chunk that holds nothing but NaN, as small as it gets."""
    chunk = np.full(shape, np.nan, dtype)
    data = shuffled(chunk) if shuffle else chunk
    return zlib.compress(data.tobytes(), 9)
