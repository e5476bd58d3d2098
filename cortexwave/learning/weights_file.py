"""Trained weights in one HDF5 file of arrays.

u (out, in, ky, kx) as cross-correlation, V (input, feature, y, x), bias (feature, y,
x); W (output, feature, y, x) and W_bias (output) where the readout is linear. The
attributes say activation, boundary (y, x) and step in s, and `sha256` that of the
arrays; a file written by other means may lack that. No torch is needed to read or
write such a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cortexwave.errors import InputError, RecordingError
from cortexwave.learning.weights import DIMS, MAY_BE_ABSENT, Weights
from cortexwave.provenance import attributes as provenance
from cortexwave.provenance import sha256_of
from cortexwave.recording.files import open_file, stated_size
from cortexwave.recording.replacing import replacing
from cortexwave.sheet.arrays import read_array

_FORMAT = "cortexwave_weights"
_VERSION = 1
_SUFFIXES = (".h5", ".hdf5")
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_OURS = (_FORMAT, "activation", "boundary", "step")


def save_weights(weights: Weights, path: Path | str) -> Path:
    """Write weights to an HDF5 file, whole or not at all; returns its path.

    Replaces a weights file that is there, and nothing else. A process killed in here
    leaves the file of before. Raises `RecordingError`, `DiskFullError`.
    """
    path = Path(path)
    _check_place(path)
    own: dict[str, Any] = {
        _FORMAT: _VERSION,
        "activation": weights.activation,
        "boundary": weights.boundary,
        "step": float(weights.step),
        "sha256": _digest(weights),
    }
    # HDF5 keeps checksums of all but the numbers, which have theirs in `sha256`: a
    # damaged file is refused, not believed
    with replacing(path) as file:
        for name, array in weights.arrays.items():
            stored = file.create_dataset(name, data=array, dtype="<f8")
            for axis, dim in enumerate(DIMS[name]):
                stored.dims[axis].label = dim
        for name, value in {**weights.attributes, **provenance(), **own}.items():
            file.attrs[name] = _fixed(value)
    return path


def load_weights(path: Path | str) -> Weights:
    """The weights in a file; nothing but numbers and plain attributes is read.

    `RecordingError` in one message where it is absent, no HDF5, cut short, of another
    version, or lacks an array; where it carries objects, references, links or numbers
    of other files; where shapes do not fit or a value is not finite.
    """
    path = Path(path)
    _check_readable(path)
    with open_file(path, "r") as file:
        try:
            found = dict(_attributes(file, path))
            names = list(_array_names(file, path))
        except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
            raise _damaged(path, error) from error
    try:
        arrays = {name: read_array(path, name) for name in names}
        own = {name: found.pop(name) for name in _OURS[1:]}
        digest = found.pop("sha256", None)
        weights = Weights(
            **{name: arrays.get(name) for name in DIMS},  # type: ignore[arg-type]
            activation=own["activation"],
            boundary=own["boundary"],
            step=own["step"],
            attributes={key: found[key] for key in found if key != _FORMAT},
        )
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise _damaged(path, error) from error
    if digest not in (None, _digest(weights)):
        raise RecordingError(
            f"{path}: its arrays are not those that were saved (SHA-256 differs); "
            "where they were changed on purpose, delete the attribute 'sha256'"
        )
    return weights


def _digest(weights: Weights) -> str:
    """SHA-256 of the arrays, their names and shapes, in a fixed order."""
    parts = [f"{name}{array.shape}".encode() + array.astype("<f8").tobytes()
             for name, array in weights.arrays.items()]  # fmt: skip
    return sha256_of(b"".join(parts))


def _fixed(value: Any) -> Any:
    """Text of a fixed length: HDF5 crashes where a heap of other text is damaged."""
    if not isinstance(value, str | tuple):
        return value
    encoded = np.char.encode(np.array(value), "utf-8")
    longest = max(encoded.dtype.itemsize, 1)
    return encoded.astype(h5py.string_dtype("utf-8", longest))


def _plain(value: Any) -> Any:
    """An attribute as text, number or tuple of texts, whoever wrote it."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, list):
        return tuple(_plain(part) for part in value)
    return value.decode() if isinstance(value, bytes) else value


def _check_place(path: Path) -> None:
    if path.suffix not in _SUFFIXES:
        raise RecordingError(f"{path}: weights are stored in {' or '.join(_SUFFIXES)}")
    if not path.parent.is_dir():
        raise RecordingError(f"{path}: there is no folder {path.parent}")
    if path.exists() or path.is_symlink():
        try:
            _check_readable(path)
            with open_file(path, "r") as file:
                ours = _FORMAT in file.attrs
        except (RecordingError, OSError):
            ours = False
        if not ours:
            raise RecordingError(
                f"{path}: is no weights file, and only those are replaced; name "
                "another file"
            )


def _check_readable(path: Path) -> None:
    """Raise `RecordingError` unless a path is a whole HDF5 file."""
    if not path.is_file():
        word = "is no file" if path.exists() else "there is no such file"
        raise RecordingError(f"{path}: {word}")
    try:
        with path.open("rb") as file:
            begins = file.read(len(_SIGNATURE))
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read ({error.strerror})") from error
    if begins != _SIGNATURE or path.suffix not in _SUFFIXES:
        raise RecordingError(
            f"{path}: not a weights file, which is HDF5 and named "
            f"{' or '.join(_SUFFIXES)}"
        )
    if stated_size(path) > path.stat().st_size:
        raise RecordingError(f"{path}: cut short, so its weights cannot be read")


def _attributes(file: h5py.File, path: Path) -> Iterator[tuple[str, Any]]:
    """The attributes of a file of ours as plain values."""
    if _FORMAT not in file.attrs:
        raise RecordingError(f"{path}: an HDF5 file, but not one of weights")
    missing = [name for name in _OURS if name not in file.attrs]
    if missing:
        raise RecordingError(f"{path}: the attribute '{missing[0]}' is missing")
    version = file.attrs[_FORMAT]
    if version != _VERSION:
        raise RecordingError(
            f"{path}: weights of version {version}; this cortexwave reads version "
            f"{_VERSION}"
        )
    for name, value in file.attrs.items():
        plain = _plain(value)
        if name != "boundary" and not isinstance(plain, str | int | float):
            raise RecordingError(
                f"{path}: the attribute '{name}' is neither text nor a number"
            )
        yield name, plain


def _array_names(file: h5py.File, path: Path) -> Iterator[str]:
    """Names of the arrays of a file that carries nothing but numbers of its own."""
    missing = [name for name in DIMS if name not in (*file, *MAY_BE_ABSENT)]
    if missing:
        raise RecordingError(f"{path}: there is no array {' and no '.join(missing)}")
    for name in file:
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise RecordingError(f"{path}: '{name}' is a link, which is not followed")
        item = file[name]
        if not isinstance(item, h5py.Dataset):
            kind = type(item).__name__.lower()
            raise RecordingError(f"{path}: '{name}' is a {kind}, not an array")
        if item.dtype.kind not in "iuf":
            raise RecordingError(f"{path}: '{name}' holds {item.dtype}, not numbers")
        if item.external or item.is_virtual:
            raise RecordingError(
                f"{path}: the numbers of '{name}' lie in other files, which are not "
                "read"
            )
        if name in DIMS:
            yield name


def _damaged(path: Path, error: Exception) -> RecordingError:
    """One error that names the file once, whatever went wrong."""
    if isinstance(error, RecordingError):
        return error
    text = str(error).removeprefix(f"{path}: ")
    if isinstance(error, InputError):
        return RecordingError(f"{path}: {text}")
    return RecordingError(f"{path}: damaged ({text})")
