"""CIFAR-10's files, pickled or binary. A pickle is read, never obeyed.

A pickle may call whatever it names. The few names that a CIFAR-10 batch needs are
answered here by stand-ins that only keep what they are given; every other is refused.
NumPy's own unpickling is not used either: it trusts sizes and types in the file.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cortexwave.errors import InputError
from cortexwave.learning.tasks._labelled_set import check_labels
from cortexwave.nodes import short

PIXELS = 3 * 32 * 32
_LARGEST = 2**30  # bytes; a published batch has 31 million
_PARTS = {
    "train": tuple(f"data_batch_{number}" for number in range(1, 6)),
    "test": ("test_batch",),
}
# What C's unpickler raises on bytes that are no pickle, or a wrong one.
_NO_PICKLE = (
    pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError,
    AttributeError, ImportError, OverflowError, MemoryError, RecursionError,
)  # fmt: skip

Pair = tuple[np.ndarray, np.ndarray]


def read_cifar(folder: Path) -> tuple[Pair, Pair]:
    """Training and test pairs of images uint8 (image, 3072) and classes (image).

    Of the python version if all its files are there, else of the binary version.
    """
    names = [name for part in _PARTS.values() for name in part]
    missing = {
        suffix: [f"{name}{suffix}" for name in names
                 if not (folder / f"{name}{suffix}").is_file()]
        for suffix in ("", ".bin")
    }  # fmt: skip
    suffix = min(missing, key=lambda suffix: len(missing[suffix]))
    if missing[suffix]:
        where = "" if folder.is_dir() else " (there is no such folder)"
        raise InputError(
            f"CIFAR-10: {', '.join(missing[suffix])} not found in {folder.absolute()}"
            f"{where}. Due are the six files {', '.join(names)} of the python version, "
            "or the same with .bin of the binary version. Get cifar-10-python.tar.gz "
            "or cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html"
            ", unpack it, and name the folder with the files in the task's 'folder'."
        )
    read = binary_batch if suffix else pickled_batch
    train, test = (
        [read(folder / f"{name}{suffix}") for name in part] for part in _PARTS.values()
    )
    return _joined(train), _joined(test)


def _joined(pairs: list[Pair]) -> Pair:
    images, labels = zip(*pairs, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def binary_batch(file: Path) -> Pair:
    """Records of one byte of class and 3072 of pixels."""
    values = np.frombuffer(_content(file), np.uint8)
    record = 1 + PIXELS
    if values.size % record:
        raise InputError(
            f"{file}: {values.size:,} bytes are no whole number of records of "
            f"{record:,}; it is cut short or no CIFAR-10 batch"
        )
    records = values.reshape(-1, record)
    check_labels(records[:, 0], len(records), file)
    return records[:, 1:], records[:, 0]


def pickled_batch(file: Path) -> Pair:
    """The entries "data" and "labels" of a pickled dictionary."""
    reader = _Reader(io.BytesIO(_content(file)), encoding="bytes")
    try:
        entries = reader.load()
    except _NO_PICKLE as error:
        why = str(error)[:200] or type(error).__name__
        raise InputError(f"{file}: not a pickled CIFAR-10 batch ({why})") from error
    if not isinstance(entries, Mapping):
        raise InputError(f"{file}: the pickle holds no dictionary, so it is no batch")
    data, labels = (
        entries.get(name.encode(), entries.get(name)) for name in ("data", "labels")
    )
    images = _images(data, file)
    whole = isinstance(labels, list) and all(type(label) is int for label in labels)
    if not whole or any(abs(label) >= 2**63 for label in labels):
        raise InputError(f"{file}: 'labels' is no list of whole numbers (int64)")
    classes = np.array(labels, dtype=np.int64)
    check_labels(classes, len(images), file)
    return images, classes


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error})") from error
    if len(content) > _LARGEST:
        raise InputError(
            f"{file}: more than {_LARGEST:,} bytes; a batch has 31 million"
        )
    return content


class _StoredType:
    """What a pickle says of an array's type: its name."""

    def __init__(self, name: object = None, *_: object):
        self.name = name.decode("latin1") if isinstance(name, bytes) else name

    def __setstate__(self, state: object) -> None:
        """Byte order and the like, which bytes do not have."""


class _StoredArray:
    """What a pickle says of an array: (version, shape, type, Fortran order, bytes)."""

    state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


def _stored_array(*_: object) -> _StoredArray:
    return _StoredArray()


def _stored_bytes(text: object, encoding: object = "latin1") -> bytes:
    """Bytes as Python 3 writes them for Python 2."""
    if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
        raise pickle.UnpicklingError("bytes that are not written as latin1 text")
    return text.encode("latin1")


_STAND_INS: Mapping[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _stored_array,
    ("numpy._core.multiarray", "_reconstruct"): _stored_array,
    ("numpy", "ndarray"): _stored_array,
    ("numpy", "dtype"): _StoredType,
    ("_codecs", "encode"): _stored_bytes,
}


class _Reader(pickle.Unpickler):
    """Unpickler that gives stand-ins for known names and refuses all others."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name in the pickle."""
        if (module, name) not in _STAND_INS:
            asked = short(f"{module}.{name}")
            raise pickle.UnpicklingError(
                f"it asks for {asked}, which no batch needs; it was not run"
            )
        stand_in = _STAND_INS[module, name]
        # a function made anew, since a pickle may set attributes of what it gets
        return lambda *given: stand_in(*given)


def _images(data: object, file: Path) -> np.ndarray:
    """The array (image, 3072) of bytes that a stored array describes."""
    state = data.state if isinstance(data, _StoredArray) else None
    if not isinstance(state, tuple) or len(state) != 5:
        raise InputError(f"{file}: 'data' is no array")
    _, shape, kind, fortran, content = state
    of_bytes = isinstance(kind, _StoredType) and kind.name in ("u1", "|u1")
    rows = isinstance(shape, tuple) and len(shape) == 2 and type(shape[0]) is int
    if not (of_bytes and rows and shape[1] == PIXELS):
        raise InputError(
            f"{file}: 'data' is no array of bytes (u1) of shape (images, {PIXELS})"
        )
    if not isinstance(content, bytes) or len(content) != shape[0] * PIXELS:
        raise InputError(f"{file}: 'data' does not hold as many bytes as it says")
    values = np.frombuffer(content, np.uint8)
    return values.reshape(shape, order="F" if fortran else "C")
