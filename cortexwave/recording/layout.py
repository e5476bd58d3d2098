"""What a recording file holds: its fields, axes, chunks and blocks of frames."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from cortexwave.errors import RecordingError
from cortexwave.recording.channels import COORDINATES, Channels
from cortexwave.schema import DRIVE_PREFIX, EVENT_PREFIX

Stored = Literal["float32", "float64"]
Compression = Literal["gzip", "none"]

# Measured best for series at a site and for whole frames alike: 128 frames of 16 x 16.
_BLOCK_FRAMES = 128
_TILE = 16
_CHUNK_VALUES = _BLOCK_FRAMES * _TILE * _TILE
# Of 256 channels, 100 s at 1 kHz: chunks of 512 frames x 64 are written 1.4 times
# faster than 128 x 256, one channel is read 6 times faster, a second of all as fast.
_CHANNELS = 64
_LONGEST_BLOCK = 4096  # frames that a kill may cost a recording of few channels
_LARGEST_BLOCK = 64 * 2**20  # bytes of one field in float64
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.+@-]*")
_RESERVED = (
    "trial", "time", "feature", "y", "x", "channel", "event", "events", "drive",
    "clock", "patch", "protocol", "protocol_resolved", "units",
)  # fmt: skip


@dataclass(frozen=True)
class FieldLayout:
    """Units and a name for people of one recorded variable."""

    units: str
    long_name: str = ""


@dataclass(frozen=True)
class RecordingLayout:
    """Fields that share the dims (trial, time, feature, y, x), and how they are kept.

    `y` and `x` in mm; `features` of 1 gives no feature axis, `trials` of None no
    trial axis; `frames` is per trial, `interval` in s between frames. Compression
    "none" stores every chunk as it is (the filter is declared, and skipped).
    Electrodes have `channels`, no `y` and `x`, one feature: (trial, time, channel).
    """

    fields: Mapping[str, FieldLayout]
    y: np.ndarray | None
    x: np.ndarray | None
    features: int
    trials: int | None
    frames: int
    interval: float
    dtype: Stored = "float32"
    compression: Compression = "gzip"
    channels: Channels | None = None

    def __post_init__(self) -> None:
        faults = [
            *_field_faults(self.fields, () if self.channels is None else COORDINATES),
            *self._site_faults(),
            *_count_faults("features", self.features),
            *_count_faults("frames", self.frames),
            *([] if self.trials is None else _count_faults("trials", self.trials)),
        ]
        if not (math.isfinite(self.interval) and self.interval > 0):
            faults.append(f"interval is {self.interval} s, not positive")
        for name, kind in (("dtype", Stored), ("compression", Compression)):
            if getattr(self, name) not in get_args(kind):
                allowed = " or ".join(get_args(kind))
                faults.append(f"{name} is {getattr(self, name)!r}, not {allowed}")
        if faults:
            raise RecordingError("this cannot be recorded: " + "; ".join(faults))

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the axes of every field."""
        trial = () if self.trials is None else ("trial",)
        feature = () if self.features == 1 else ("feature",)
        return (*trial, "time", *feature, *self.site_dims)

    @property
    def site_dims(self) -> tuple[str, ...]:
        """Names of the axes of the sites: y, x of a sheet, channel of electrodes."""
        return ("y", "x") if self.channels is None else ("channel",)

    @property
    def sites(self) -> tuple[int, ...]:
        """Shape of the sheet, (y, x), or the number of channels, (channel,)."""
        if self.channels is not None:
            return (len(self.channels),)
        assert self.y is not None and self.x is not None
        return len(self.y), len(self.x)

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Shape of a frame as the writer takes it: (feature, y, x) or (channel,)."""
        return self.sites if self.channels is not None else (self.features, *self.sites)

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of every axis in `dims`."""
        return self._by_dim(self.trials or 1, self.frames, self.features, self.sites)

    @property
    def n_frames(self) -> int:
        """Frames of all trials together."""
        return (self.trials or 1) * self.frames

    @property
    def block_frames(self) -> int:
        """Frames per block, which is also the length of a chunk along time.

        128 of a sheet; 512 of channels, up to 4096 where they are few. Fewer, always
        a power of two, where as many frames of one field in float64 would exceed
        64 MiB, or where a smaller power of two holds a whole trial.
        """
        frame_bytes = 8 * self.features * math.prod(self.sites)
        block = _BLOCK_FRAMES
        if self.channels is not None:
            room = _CHUNK_VALUES // min(_CHANNELS, len(self.channels))
            block = min(_LONGEST_BLOCK, 1 << room.bit_length() - 1)
        while block > 1 and (
            block * frame_bytes > _LARGEST_BLOCK or block // 2 >= self.frames
        ):
            block //= 2
        return block

    @property
    def tile(self) -> tuple[int, ...]:
        """Sites (y, x) of one chunk: 16 x 16, or as many in another shape.

        Thin sheets and short blocks get more sites along an axis, so that a chunk
        keeps its 32,768 values: smaller ones cost more index than data. Channels
        are shared out evenly among chunks of at most as many values.
        """
        room = _CHUNK_VALUES // self.block_frames
        if self.channels is not None:
            count = len(self.channels)
            return (math.ceil(count / math.ceil(count / room)),)
        ny, nx = self.sites
        side = math.isqrt(room)
        high = min(side, ny)
        wide = min(room // high, nx)
        return min(room // wide, ny), wide

    @property
    def chunk(self) -> tuple[int, ...]:
        """Shape of an HDF5 chunk, one number per dim."""
        return self._by_dim(1, self.block_frames, 1, self.tile)

    @property
    def block_bytes(self) -> int:
        """Uncompressed size of one block of all fields, in bytes as stored."""
        values = self.block_frames * self.features * math.prod(self.sites)
        return values * np.dtype(self.dtype).itemsize * len(self.fields)

    def _by_dim(
        self, trial: int, time: int, feature: int, sites: tuple[int, ...]
    ) -> tuple[int, ...]:
        length = dict(trial=trial, time=time, feature=feature)
        length |= zip(self.site_dims, sites, strict=True)
        return tuple(length[dim] for dim in self.dims)

    def _site_faults(self) -> list[str]:
        lattice = {"y": self.y, "x": self.x}
        given = [name for name, values in lattice.items() if values is not None]
        if self.channels is None:
            return [fault for name, values in lattice.items()
                    for fault in _axis_faults(name, values)]  # fmt: skip
        faults = []
        if given:
            faults.append(
                f"it has channels and {' and '.join(given)}; sites are either those of "
                "a lattice (y, x) or channels"
            )
        if self.features != 1:
            faults.append(f"features is {self.features}; channels have no feature axis")
        return faults


def _field_faults(
    fields: Mapping[str, FieldLayout], taken: tuple[str, ...]
) -> list[str]:
    faults = [] if fields else ["there is no field"]
    for name, field in fields.items():
        if not _NAME.fullmatch(name):
            faults.append(f"field name {name!r} is not letters, digits, '_', '.', '-'")
        elif name in (*_RESERVED, *taken) or name.startswith(
            (EVENT_PREFIX, DRIVE_PREFIX)
        ):
            faults.append(f"field name '{name}' is taken by the file itself")
        if not field.units:
            faults.append(f"units of '{name}' are missing ('1' where there are none)")
    return faults


def _axis_faults(name: str, values: np.ndarray | None) -> list[str]:
    positions = np.asarray(values)
    if positions.ndim != 1 or positions.size == 0 or positions.dtype.kind not in "fiu":
        return [f"{name} is not a list of positions in mm"]
    if not np.all(np.isfinite(positions)):
        return [f"{name} holds a position that is not finite"]
    return []


def _count_faults(name: str, number: int) -> list[str]:
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        return [f"{name} is {number!r}, not a whole number"]
    return [] if number >= 1 else [f"{name} is {number}, not 1 or more"]
