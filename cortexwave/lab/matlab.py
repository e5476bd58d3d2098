"""Arrays in MATLAB's .mat files (v5, v7 and v7.3) and in plain HDF5, with a sidecar.

Axes are those that MATLAB's `size` shows; those of plain HDF5 as h5py shows them. Only
numeric arrays are read, and text where it holds labels. All are read in windows, but a
variable that v7 has compressed, of at most 4 GB, is unpacked when it is first used.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.bare import Container, bare_signal
from cortexwave.lab.exported_mat import exported_signals, is_exported
from cortexwave.lab.hdf5_arrays import hdf5_arrays, is_plain
from cortexwave.lab.mat_version_5 import version_5_arrays
from cortexwave.lab.sidecar import Sidecar, sidecar_of
from cortexwave.lab.signals import Signal

_V5, _V73 = b"MATLAB 5.0 MAT-file", b"MATLAB 7.3 MAT-file"
_HDF5 = b"\x89HDF\r\n\x1a\n"


def recognises(path: Path) -> bool:
    """Whether a file is MATLAB's, or plain HDF5 that no other reader knows better."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        start = stream.read(128)
    if start.startswith((_V5, _V73)) or path.suffix == ".mat":
        return True
    return (
        path.suffix in (".h5", ".hdf5") and start.startswith(_HDF5) and is_plain(path)
    )


def signals(path: Path, *, sidecar: str | Path | None = None) -> list[Signal]:
    """The signal of a .mat or plain .h5 file that its sidecar names.

    A .mat that `cortexwave export` wrote says all of itself; a sidecar still rules.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            start = stream.read(128)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if start.startswith(_V5):
        found = version_5_arrays(path, start)
    elif start.startswith((_V73, _HDF5)):
        found = hdf5_arrays(path, turned=start.startswith(_V73))
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
    alone = sidecar is None and not path.with_suffix(".yaml").exists()
    if alone and start.startswith(_V73) and is_exported(found):
        return exported_signals(path, found)
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
    return [bare_signal(path, bare, said, reader="matlab", stored=stored,
                         stored_labels=labels)]  # fmt: skip


def _chosen(said: Sidecar, found: Container, given: str | None, *place: str) -> str:
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
