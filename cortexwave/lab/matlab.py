"""Arrays in MATLAB's .mat files (v5, v7 and v7.3) and in plain HDF5, with a sidecar.

Axes are those that MATLAB's `size` shows; those of plain HDF5 as h5py shows them. Only
numeric arrays are read, and text where it holds labels. A variable of v5 or v7 has at
most 2 GB and is read whole when it is first used; v7.3 and HDF5 are read in windows.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
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
_LARGEST = 1 << 31  # bytes of a variable in v5 and v7, by their specification
# Deflate makes at most 1032 bytes of one; a header that claims more is absurd.
_DENSEST = 1032
_MOST_LABELS, _LONGEST_LABEL = 100_000, 1000
_COMPRESSED = 15
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


def _version_5(path: Path, start: bytes) -> _Container:
    """Variables of a v5 or v7 file; sizes are checked before SciPy allocates any."""
    from scipy.io import whosmat
    from scipy.io.matlab import MatReadError

    size = path.stat().st_size
    packed = _check_elements(path, start, size)
    try:
        variables = whosmat(path)
    except (MatReadError, ValueError, TypeError, OSError, KeyError, IndexError,
            OverflowError, MemoryError, NotImplementedError) as error:  # fmt: skip
        raise RecordingError(f"{path} is damaged: {error}") from error
    arrays, others = [], {}
    for name, shape, kind in variables:
        if kind not in _NUMBERS:
            others[name] = kind
            continue
        count = int(np.prod(shape, dtype=object))
        # MATLAB may store a double that is a small whole number in one byte
        if count > size * (_DENSEST if packed else 1) or 8 * count > _LARGEST:
            raise RecordingError(
                f"{path}: '{name}' claims {' x '.join(map(str, shape))} values, but "
                f"the file has {size:,} bytes"
            )
        arrays.append(Shown(name, tuple(shape), kind))
    whole: dict[str, np.ndarray] = {}

    def bare(name: str) -> Bare:
        shown = next(shown for shown in arrays if shown.name == name)

        def window(axis: int, first: int, stop: int) -> np.ndarray:
            if name not in whole:
                whole[name] = _numbers_of(path, name, _loaded(path, name))
            return whole[name][(slice(None),) * axis + (slice(first, stop),)]

        kind = {"double": "float64", "single": "float32", "logical": "bool"}
        dtype = kind.get(shown.dtype, shown.dtype)
        return Bare(Shown(name, shown.shape, dtype), window)

    def texts(name: str) -> list[str]:
        if others[name] not in ("char", "cell"):
            raise InputError(f"{path}: '{name}' is a {others[name]}, not text")
        stored = _loaded(path, name)
        rows = [item for cell in stored.ravel() for item in np.ravel(cell)]
        if not all(isinstance(row, str) for row in rows) or len(rows) > _MOST_LABELS:
            raise InputError(f"{path}: '{name}' is not a list of texts")
        return [str(row).strip() for row in rows]

    return _Container(arrays, others, bare, texts)


def _check_elements(path: Path, start: bytes, size: int) -> bool:
    """Hold the lengths of a v5 file's elements against its size; any compressed?"""
    order = {b"IM": "<", b"MI": ">"}.get(start[126:128])
    if order is None:
        raise RecordingError(f"{path}: the header of this MATLAB file is damaged")
    at, packed = 128, False
    with path.open("rb") as stream:
        while at < size:
            stream.seek(at)
            tag = stream.read(8)
            kind, length = struct.unpack(order + "II", tag) if len(tag) == 8 else (0, 0)
            at += 8 + length
            packed |= kind == _COMPRESSED
            if kind not in (14, _COMPRESSED) or at > size:
                raise RecordingError(
                    f"{path} is cut short or damaged: an element ends at byte {at:,} "
                    f"of {size:,}"
                )
    return packed


def _loaded(path: Path, name: str) -> Any:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        return loadmat(path, variable_names=[name], chars_as_strings=True)[name]
    except (MatReadError, ValueError, TypeError, OSError, KeyError, IndexError,
            OverflowError, NotImplementedError) as error:  # fmt: skip
        raise RecordingError(f"{path}: '{name}' cannot be read: {error}") from error


def _numbers_of(path: Path, name: str, stored: Any) -> np.ndarray:
    values = np.asarray(stored)
    if values.dtype.kind not in "biuf":
        raise RecordingError(f"{path}: '{name}' holds {values.dtype}, not real numbers")
    return values


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
        if stored.size > _MOST_LABELS * _LONGEST_LABEL:
            raise InputError(f"{path}: '{name}' is no list of labels")
        if stored.dtype == h5py.ref_dtype and stored.size <= _MOST_LABELS:
            return [_line(path, name, file[cell][()]) for cell in stored[()].T.ravel()]
        if h5py.check_string_dtype(stored.dtype) is not None:
            return [str(text).strip() for text in np.ravel(stored.asstr()[()])]
        letters = np.atleast_2d(stored[()])
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
