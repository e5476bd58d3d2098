"""A whole file of NWB 2, or one error that says what it is instead; its session."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cortexwave.errors import InputError, RecordingError

_ORIGINS = ("model", "synthetic")
_SIMULATED = "simulated, not biological"


def pynwb_for(path: Path) -> Any:
    """The module, or an error that says how to get it."""
    try:
        import pynwb
    except ImportError as error:
        raise InputError(
            f"{path}: reading NWB needs pynwb: pip install 'cortexwave[lab]'"
        ) from error
    return pynwb


def check_file(path: Path) -> None:
    """Raise `RecordingError` unless a path is a whole HDF5 file of NWB 2."""
    if not path.exists():
        raise RecordingError(f"{path}: there is no such file")
    if path.is_dir():
        raise RecordingError(
            f"{path}: a folder; NWB in Zarr is not read, export it to HDF5 "
            "(pynwb.NWBHDF5IO.export)"
        )
    if not h5py.is_hdf5(path):
        raise RecordingError(f"{path}: not an NWB file, it is not HDF5")
    try:
        with h5py.File(path, "r") as file:
            version = file.attrs.get("nwb_version")
            old = file["nwb_version"][()] if "nwb_version" in file else None
    except (OSError, RuntimeError, KeyError) as error:
        cut = "cut short" if "truncated" in str(error) else "damaged"
        raise RecordingError(f"{path}: {cut}, HDF5 cannot open it ({error})") from error
    if version is None and old is None:
        raise RecordingError(f"{path}: an HDF5 file, but it names no NWB version")
    text = text_of(old if version is None else version)
    if version is None or re.match(r"(NWB-)?1\.", text):
        raise RecordingError(
            f"{path}: {text if 'NWB' in text else 'NWB ' + text}, the layout before "
            "NWB 2, which pynwb does not read; save the array that you need (h5py "
            "shows /acquisition/timeseries) as .npy with a sidecar, or ask its "
            "authors for NWB 2"
        )


def text_of(value: Any) -> str:
    """A text of HDF5, which may come as bytes or as an array of one."""
    value = value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def session_of(content: Any) -> dict[str, str]:
    """Who, when and what, as attributes; a simulation stays one."""
    subject = content.subject
    said = {
        "subject": getattr(subject, "subject_id", None),
        "species": getattr(subject, "species", None),
        "session": content.session_id or content.identifier,
        "session_start_time": content.session_start_time.isoformat(),
        "title": content.session_description,
        "institution": content.institution,
        "lab": content.lab,
    }
    kept = {name: str(text) for name, text in said.items() if text}
    origin = _origin(content.notes, str(content.session_description or ""))
    return {**kept, "origin": origin} if origin else kept


def _origin(notes: str | None, description: str) -> str:
    """Where a file that we wrote says its values are from; "" for a lab's."""
    try:
        told = json.loads(notes or "")
    except ValueError:
        told = None
    origin = told.get("origin") if isinstance(told, dict) else None
    if origin in _ORIGINS:
        return str(origin)
    return "model" if _SIMULATED in description else ""
