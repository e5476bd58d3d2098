"""The state of a run in one file: replaced whole or not at all, never pickled.

Arrays of numbers and plain attributes, nothing else: a file cannot carry code. A
digest of all of them is in it, so that a damaged file is refused, not believed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cortexwave.errors import RecordingError
from cortexwave.recording.files import open_file, stated_size
from cortexwave.recording.replacing import replacing

_FORMAT = "cortexwave_checkpoint"
_VERSION = 3
# What reading a damaged file may end in, within HDF5 or after it.
_DAMAGES = (
    OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError,
    ArithmeticError, MemoryError, SystemError,
)  # fmt: skip


def checkpoint_path(part: Path | str) -> Path:
    """Where the checkpoint of a .part stands: run.h5.part.ckpt."""
    return Path(f"{part}.ckpt")


def save_checkpoint(
    part: Path | str,
    arrays: Mapping[str, np.ndarray],
    attributes: Mapping[str, str | int | float],
) -> None:
    """Replace the checkpoint of a .part by these arrays and attributes."""
    save_state(checkpoint_path(part), arrays, attributes)


def save_state(
    path: Path,
    arrays: Mapping[str, np.ndarray],
    attributes: Mapping[str, Any],
) -> None:
    """Replace a state file by these arrays and attributes (plain values, as JSON).

    Names are free text. A process killed in here leaves the file of before. Raises
    `DiskFullError` where the disk is full; the file of before stays then too.
    """
    for name, array in arrays.items():
        if np.asarray(array).dtype.kind not in "bifuc":
            kind = np.asarray(array).dtype
            raise RecordingError(f"{path}: '{name}' is {kind}; a state is numbers")
    plain = {name: getattr(value, "item", lambda value=value: value)()
             for name, value in attributes.items()}  # fmt: skip
    text = json.dumps(plain).encode()
    with replacing(path) as file:
        file.attrs[_FORMAT] = _VERSION
        file.attrs["sha256"] = np.bytes_(_digest(text, arrays).encode())
        # as bytes: text of no fixed length lies in a heap, and HDF5 crashes on a
        # damaged one where it should refuse
        file["attributes"] = np.frombuffer(text, np.uint8)
        file.create_group("arrays")
        for index, (name, array) in enumerate(arrays.items()):
            stored = file.create_dataset(f"arrays/{index}", data=array)
            stored.attrs["name"] = np.bytes_(name.encode())


def load_checkpoint(
    part: Path | str,
) -> tuple[dict[str, np.ndarray], dict[str, str | int | float]]:
    """Arrays and attributes of the checkpoint of a .part.

    `RecordingError` names the file where it is absent, cut short or something else.
    """
    path = checkpoint_path(part)
    if not path.exists():
        raise RecordingError(
            f"{path}: no such file; without a checkpoint a run cannot be resumed, "
            "only recovered"
        )
    return load_state(path)


def load_state(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and attributes of a state file.

    `RecordingError` names the file where it is absent, cut short, damaged in a single
    bit or something else.
    """
    if stated_size(path) > os.path.getsize(path):
        raise RecordingError(f"{path}: cut short, so the run cannot be resumed")
    try:
        with open_file(path, "r") as file:
            if file.attrs.get(_FORMAT) != _VERSION:
                raise RecordingError(f"{path}: not a checkpoint of this cortexwave")
            text = _numbers(file["attributes"]).tobytes()
            group = file["arrays"]
            stored = [_own(group, str(index)) for index in range(len(group))]
            arrays = {_name(item): np.asarray(_numbers(item)) for item in stored}
            if file.attrs["sha256"].decode() != _digest(text, arrays):
                raise ValueError("its content is not what was written")
            attributes = dict(json.loads(text))
    except _DAMAGES as error:
        if isinstance(error, RecordingError):
            raise
        raise RecordingError(f"{path}: damaged ({error})") from error
    return arrays, attributes


def _digest(text: bytes, arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of the attributes' text and of each array's name, dtype, shape, bytes."""
    digest = hashlib.sha256(len(text).to_bytes(8, "little") + text)
    for name, array in arrays.items():
        values = np.asarray(array)
        digest.update(json.dumps([name, values.dtype.str, values.shape]).encode())
        digest.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _own(group: h5py.Group, name: str) -> h5py.Dataset:
    """A member of a group; refuses one that is a link to somewhere else."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError("its arrays are links")
    return group[name]


def _numbers(item: h5py.Dataset) -> np.ndarray:
    """The values of a dataset; refuses what is not numbers stored in this file."""
    if item.dtype.kind not in "bifuc":
        raise ValueError(f"it carries {item.dtype}, where only numbers may be")
    if item.external or item.is_virtual:
        raise ValueError("its numbers lie in other files")
    if item.nbytes > item.id.get_storage_size():
        raise ValueError(f"an array claims {item.nbytes} bytes that are not there")
    return item[()]


def _name(item: h5py.Dataset) -> str:
    name = item.attrs["name"]
    if not isinstance(name, bytes):
        raise ValueError("an array has no name")
    return name.decode()
