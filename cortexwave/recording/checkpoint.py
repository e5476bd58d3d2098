"""The state of a run in one file: replaced whole or not at all, never pickled.

Arrays of numbers and plain attributes, nothing else: a file cannot carry code.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cortexwave.errors import DiskFullError, RecordingError
from cortexwave.recording.files import install, open_file, stated_size

_FORMAT = "cortexwave_checkpoint"
_VERSION = 2


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
    fresh = Path(f"{path}.new")
    for name, array in arrays.items():
        if np.asarray(array).dtype.kind not in "bifuc":
            kind = np.asarray(array).dtype
            raise RecordingError(f"{path}: '{name}' is {kind}; a state is numbers")
    plain = {name: getattr(value, "item", lambda value=value: value)()
             for name, value in attributes.items()}  # fmt: skip
    try:
        with h5py.File(fresh, "w") as file:
            file.attrs[_FORMAT] = _VERSION
            # as bytes: text of no fixed length lies in a heap, and HDF5 crashes on a
            # damaged one where it should refuse
            file["attributes"] = np.frombuffer(json.dumps(plain).encode(), np.uint8)
            for index, (name, array) in enumerate(arrays.items()):
                stored = file.create_dataset(f"arrays/{index}", data=array)
                stored.attrs["name"] = np.bytes_(name.encode())
        install(fresh, path)
    except (OSError, RuntimeError) as error:
        fresh.unlink(missing_ok=True)
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            raise DiskFullError(f"{path}: no room on the disk for it") from error
        raise RecordingError(f"{path}: cannot be written ({error})") from error


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

    `RecordingError` names the file where it is absent, cut short or something else.
    """
    if stated_size(path) > os.path.getsize(path):
        raise RecordingError(f"{path}: cut short, so the run cannot be resumed")
    try:
        with open_file(path, "r") as file:
            if file.attrs.get(_FORMAT) != _VERSION:
                raise RecordingError(f"{path}: not a checkpoint of this cortexwave")
            attributes = json.loads(_numbers(file["attributes"]).tobytes())
            stored = file["arrays"].values() if "arrays" in file else ()
            arrays = {_name(item): _numbers(item) for item in stored}
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, RecordingError):
            raise
        raise RecordingError(f"{path}: damaged ({error})") from error
    return {name: np.asarray(array) for name, array in arrays.items()}, attributes


def _numbers(item: h5py.Dataset) -> np.ndarray:
    """The values of a dataset; refuses what is not numbers stored in this file."""
    if item.dtype.kind not in "bifuc":
        raise ValueError(f"it carries {item.dtype}, where only numbers may be")
    if item.external or item.is_virtual:
        raise ValueError("its numbers lie in other files")
    return item[()]


def _name(item: h5py.Dataset) -> str:
    name = item.attrs["name"]
    if not isinstance(name, bytes):
        raise ValueError("an array has no name")
    return name.decode()
