"""Datasets of an HDF5 file as bare arrays: plain ones, and those of MATLAB's v7.3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.bare import Bare, Container
from cortexwave.lab.sidecar_template import Shown

# Deflate makes at most 1032 bytes of one; a dataset that claims more is absurd.
_DENSEST = 1032
_MOST_LABELS, _LONGEST_LABEL = 100_000, 1000
_MOST_OBJECTS = 20_000


def is_plain(path: Path) -> bool:
    """Whether an HDF5 file is neither NWB nor a recording of ours."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            known = {"nwb_version", "schema_version", "n_valid"}
            return not known & set(file.attrs) and "nwb_version" not in file
    except OSError:
        return True  # cut short: `signals` says so


def hdf5_arrays(path: Path, *, turned: bool) -> Container:
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
        if "MATLAB_empty" in stored.attrs:  # its numbers are a size, not letters
            return [] if others.get(name) == "cell" else [""]
        if not 0 < stored.size <= _MOST_LABELS * 16:
            raise InputError(f"{path}: '{name}' is no list of labels")
        try:
            if h5py.check_ref_dtype(stored.dtype) is not None:
                cells = stored[()].T.ravel()
                return [_line(path, name, _letters(file[cell])) for cell in cells]
            if h5py.check_string_dtype(stored.dtype) is not None:
                return [str(text).strip() for text in np.ravel(stored.asstr()[()])]
            letters = np.atleast_2d(stored[()])
        except (OSError, RuntimeError, ValueError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: '{name}' is no list of texts: {error}"
                             ) from error  # fmt: skip
        return [_line(path, name, row) for row in (letters.T if turned else letters)]

    return Container(arrays, others, bare, texts)


def _letters(cell: Any) -> np.ndarray:
    empty = "MATLAB_empty" in cell.attrs
    return np.empty(0, np.uint16) if empty else cell[()]


def _line(path: Path, name: str, letters: Any) -> str:
    """A text of MATLAB's character codes, which are units of UTF-16."""
    codes = np.ravel(letters)
    if codes.dtype.kind != "u" or codes.size > _LONGEST_LABEL:
        raise InputError(f"{path}: '{name}' is not a list of texts")
    return codes.astype("<u2").tobytes().decode("utf-16-le", "replace").strip()


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
