"""Frames of an array in an NWB file, read when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.nwb_times import Part
from cortexwave.recording.files import open_file

# Deflate cannot shrink more than this; a header that promises more is not believed.
_MOST_SHRUNK = 1100
_SMALL = 2**26  # bytes that nobody need fear


@dataclass(frozen=True)
class Opened:
    """A file that is opened at the first reading, and closes with its last user."""

    path: Path

    @cached_property
    def file(self) -> h5py.File:
        return open_file(self.path, "r")

    def __getstate__(self) -> dict[str, Any]:  # an open file does not travel
        return {"path": self.path}


@dataclass(frozen=True, eq=False)
class Values:
    """Frames [start, stop) of `dataset` times `scale`; NaN where no part has them.

    `scale` is one number or one per channel. `channels_first` arrays are (channel,
    frame), images (frame, x, y) are turned to (frame, y, x); a plain series is one
    channel.
    """

    opened: Opened
    dataset: str
    parts: tuple[Part, ...]
    scale: float | np.ndarray
    offset: float
    channels_first: bool = False
    image: bool = False

    def __call__(self, start: int, stop: int) -> np.ndarray:
        pieces, at = [], start
        for part in self.parts:
            upto = min(stop, part.at + part.last - part.first)
            begin = max(start, part.at)
            if begin >= upto:
                continue
            shift = part.first - part.at
            piece = self._stored(begin + shift, upto + shift)
            pieces += [_missing(begin - at, piece), piece] if begin > at else [piece]
            at = upto
        if len(pieces) == 1 and at == stop:
            return pieces[0]
        if not pieces:  # all of it is missing
            begin = self.parts[0].first
            return _missing(stop - start, self._stored(begin, begin + 1))
        pieces += [_missing(stop - at, pieces[-1])] if stop > at else []
        return np.concatenate(pieces)

    def _stored(self, begin: int, end: int) -> np.ndarray:
        """Frames that the file has, by its own count."""
        try:
            data = self.opened.file[self.dataset]
            raw = data[:, begin:end].T if self.channels_first else data[begin:end]
        except (OSError, RuntimeError, KeyError) as error:
            raise RecordingError(
                f"{self.opened.path}: frames {begin} to {end} of {self.dataset} "
                f"cannot be read ({error})"
            ) from error
        if raw.ndim == 1:
            raw = raw[:, None]
        if self.image:
            raw = raw.transpose(0, 2, 1)
        if np.all(self.scale == 1.0) and self.offset == 0.0:
            return np.asarray(raw)
        return np.asarray(raw * np.asarray(self.scale, dtype=float) + self.offset)


def _missing(frames: int, like: np.ndarray) -> np.ndarray:
    kind = like.dtype if like.dtype.kind == "f" else np.dtype(float)
    return np.full((frames, *like.shape[1:]), np.nan, dtype=kind)


def dtype_of(data: h5py.Dataset) -> str:
    """float32 where it holds every stored number, else float64."""
    return "float32" if np.can_cast(data.dtype, np.float32) else "float64"


def check_array(data: Any) -> None:
    """Raise `InputError` unless an array is of numbers that the file can hold."""
    if not isinstance(data, h5py.Dataset):
        raise InputError("its data are not an array in the file")
    if data.dtype.kind not in "iuf":
        raise InputError(f"its data are {data.dtype}, not numbers")
    if data.external:
        raise InputError("its data lie in another, raw file, which is not opened")
    _check_size(data)


def column_of(data: Any) -> np.ndarray:
    """A column of a table, read whole once its header is believed."""
    if isinstance(data, h5py.Dataset):
        _check_size(data)
    return np.asarray(data[:])


def _check_size(data: h5py.Dataset) -> None:
    stored = data.id.get_storage_size()
    if data.nbytes > max(_SMALL, _MOST_SHRUNK * stored) and not data.is_virtual:
        raise InputError(
            f"the header of {data.name} promises {data.nbytes} bytes, of which the "
            f"file holds {stored}"
        )
