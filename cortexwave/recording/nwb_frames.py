"""A field as frames that follow one another, streamed into an NWB file."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from cortexwave.errors import InputError

_EQUAL_STEPS = 1e-3  # of a step
_BETWEEN_TRIALS, _FRAMES_BETWEEN = 1.0, 10  # s and frames at least
_CHUNK = 2**20  # bytes of a chunk, before compression
_BUFFER = 2**25  # bytes read of the recording at once


@dataclass(frozen=True)
class Clock:
    """When frames are: at `rate` (Hz) from `start` (s), trials `stride` (s) apart."""

    start: float
    rate: float
    frames: int
    trials: int
    stride: float

    def stamps(self) -> np.ndarray:
        trial = np.arange(self.trials)[:, None] * self.stride
        return (self.start + trial + np.arange(self.frames) / self.rate).ravel()


class Field:
    """A field of a recording as frames that follow one another."""

    def __init__(
        self, recording: xr.Dataset, name: str, microvolts: float | None, full: bool
    ):
        values = recording[name]
        self.name = re.sub(r"[/\\:]", "_", name)
        self.units = str(values.attrs.get("units", ""))
        self.lattice = "channel" not in values.dims
        if "feature" in values.dims:
            raise InputError(
                f"field '{name}' has several features; choose one by isel(feature=...)"
            )
        if self.lattice and not {"y", "x"} <= set(values.dims):
            raise InputError(f"field '{name}' has dims {values.dims}, no electrodes")
        if self.lattice and not full:
            raise InputError(
                f"field '{name}' is a sheet (y, x): observe it by electrodes, or ask "
                "for all of it by full_field=True (--electrodes, --full-field)"
            )
        if values.dtype.kind not in "iuf" or not values.size:
            raise InputError(f"field '{name}' holds no real numbers")
        if microvolts is not None and not 0 < microvolts < np.inf:
            raise InputError(f"microvolts_per_unit is {microvolts}; > 0 is allowed")
        if not self.lattice and self.units != "uV" and microvolts is None:
            raise InputError(
                f"field '{name}' is in '{self.units}', and an ElectricalSeries is in "
                "volts: say how many uV one is, by `gain` where electrodes see a sheet "
                "(--gain '50 uV'), or by microvolts_per_unit"
            )
        self.microvolts = 1.0 if self.units == "uV" else microvolts or 1.0
        self.clock = _clock(values)
        self.values = values
        self.sites = ("x", "y") if self.lattice else ("channel",)

    def frames(self, begin: int, end: int) -> np.ndarray:
        """Frames [begin, end) over all trials, (time, channel) or (time, x, y)."""
        each, parts = self.clock.frames, []
        while begin < end:
            trial, at = divmod(begin, each)
            upto = min(each, at + end - begin)
            part = self.values.isel(time=slice(at, upto))
            part = part.isel(trial=trial) if "trial" in part.dims else part
            parts.append(np.asarray(part.load().transpose("time", *self.sites).values))
            begin += upto - at
        return np.concatenate(parts)


def _clock(values: xr.DataArray) -> Clock:
    time = np.asarray(values["time"].values, dtype=float)
    steps = np.diff(time)
    if time.size < 2 or np.ptp(steps) > _EQUAL_STEPS * steps.mean():
        raise InputError("frames of an export are at equal steps; 'time' is not")
    rate = (time.size - 1) / float(time[-1] - time[0])
    for digits in (6, 9, 12):  # the round rate that was meant
        meant = float(f"{rate:.{digits}g}")
        if np.abs(time[0] + np.arange(time.size) / meant - time).max() < 1e-9:
            rate = meant
            break
    stride = math.ceil(time.size / rate + max(_BETWEEN_TRIALS, _FRAMES_BETWEEN / rate))
    return Clock(float(time[0]), rate, time.size, values.sizes.get("trial", 1),
                 float(stride))  # fmt: skip


def streamed(pynwb: Any, field: Field) -> Any:
    """The frames as pynwb takes them: read in blocks, compressed in chunks."""
    from hdmf.data_utils import GenericDataChunkIterator

    total = field.clock.frames * field.clock.trials
    sites = tuple(field.values.sizes[dim] for dim in field.sites)
    item = field.values.dtype.itemsize
    most = _CHUNK // item
    chunk_sites = tuple(min(size, 64) for size in sites)
    deep = max(1, min(total, most // math.prod(chunk_sites)))
    whole = max(1, _BUFFER // (item * math.prod(sites) * deep)) * deep

    class Frames(GenericDataChunkIterator):
        def _get_data(self, selection: tuple[slice, ...]) -> np.ndarray:
            times, *rest = selection
            return field.frames(times.start, times.stop)[(slice(None), *rest)]

        def _get_maxshape(self) -> tuple[int, ...]:
            return (total, *sites)

        def _get_dtype(self) -> np.dtype:
            return np.dtype(field.values.dtype)

    frames = Frames(
        buffer_shape=(min(total, whole), *sites), chunk_shape=(deep, *chunk_sites)
    )
    return pynwb.H5DataIO(frames, compression="gzip", compression_opts=4, shuffle=True)


def timing(pynwb: Any, clock: Clock) -> dict[str, Any]:
    """Rate and start of one trial; the time of each frame where there are several."""
    if clock.trials > 1:
        return {"timestamps": pynwb.H5DataIO(clock.stamps(), compression="gzip")}
    return {"rate": clock.rate, "starting_time": clock.start}
