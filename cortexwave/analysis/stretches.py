"""A field in stretches of equal length, read piece by piece, for spectra over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from cortexwave.analysis.crossings import is_wave_field
from cortexwave.analysis.pieces import AT_ONCE
from cortexwave.analysis.sites import (
    Sites,
    live_sites,
    picked,
    sampling_rate,
    sites_of,
)
from cortexwave.errors import InputError

_LEAST_FRAMES = 8


@dataclass(frozen=True)
class Stretches:
    """A field as stretches of equal length, and the sites it stands on."""

    values: xr.DataArray
    sites: Sites
    rate: float  # Hz
    frames: int  # of a stretch
    starts: tuple[int, ...]
    at_once: int  # values that are read together, but a stretch at least

    @property
    def parts(self) -> list[tuple[int, int]]:
        return list(np.ndindex(self._size("trial"), self._size("feature")))

    def _size(self, dim: str) -> int:
        return self.values.sizes.get(dim, 1)

    def of(self, trial: int, feature: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Each stretch (frame, site) without its means over time, and its live sites.

        Missing sites are 0. Raises where a site is missing only for a while.
        """
        part = self.values.isel(
            {dim: k for dim, k in (("trial", trial), ("feature", feature))
             if dim in self.values.dims}
        )  # fmt: skip
        live = None
        for start, stretch in self._read(part):
            if live is None:
                live = live_sites(stretch)
                if not live.any():
                    raise InputError(f"field '{part.name}' has no live site in trial "
                                     f"{trial}")  # fmt: skip
            missing = ~np.isfinite(stretch[:, live])
            if missing.any():
                x, y = self.sites.positions[live][missing.any(axis=0)][0]
                raise InputError(
                    f"field '{part.name}' is missing at ({x:g}, {y:g}) mm within "
                    f"{self.frames} frames from frame {start} on; a spectrum needs "
                    "every frame of a site, or none"
                )
            change = np.where(live, stretch - stretch.mean(axis=0), 0.0)
            yield change, live

    def _read(self, part: xr.DataArray) -> Iterator[tuple[int, np.ndarray]]:
        """First frame and values (frame, site) of each stretch."""
        dims = ["time", *(d for d in ("y", "x", "channel") if d in part.dims)]
        longest = max(self.frames, self.at_once // self.sites.count)
        first, last = 0, 0
        piece = np.empty((0, self.sites.count))
        for start in self.starts:
            if start + self.frames > last:
                first, last = start, min(start + longest, part.sizes["time"])
                read = part.isel(time=slice(first, last)).transpose(*dims)
                piece = np.asarray(read.values, dtype=float).reshape(last - first, -1)
            yield start, piece[start - first : start - first + self.frames]


def stretches_of(
    recording: xr.Dataset,
    *,
    variable: str | None,
    segment: float,
    overlap: float,
    at_once: int = AT_ONCE,
) -> Stretches:
    """A recording, or the valid frames of a wave field, in stretches of `segment` s.

    Of a wave field the signal is amplitude * cos(phase). `at_once`: values to read at a
    time.
    """
    if is_wave_field(recording):
        phase = recording["phase"]
        values = (recording["amplitude"] * np.cos(phase)).transpose(*phase.dims)
        values = values.rename(str(recording.attrs.get("variable", "signal")))
        values.attrs["units"] = recording["amplitude"].attrs.get("units", "1")
        if "valid" in recording:
            good = np.flatnonzero(recording["valid"].values)
            if not good.size:
                raise InputError("the filter spoils every frame of the wave field")
            values = values.isel(time=slice(int(good[0]), int(good[-1]) + 1))
    else:
        values = picked(recording, variable)
    rate, sites = sampling_rate(values), sites_of(values)
    total = values.sizes["time"]
    frames = round(segment * rate) if np.isfinite(segment) else 0
    if not _LEAST_FRAMES <= frames <= total:
        raise InputError(
            f"segment is {segment:g} s; of field '{values.name}' ({total} frames at "
            f"{rate:g} Hz) it can be {_LEAST_FRAMES / rate:g} to {total / rate:g} s"
        )
    step = max(1, round(frames * (1 - overlap)))
    starts = tuple(range(0, total - frames + 1, step))
    return Stretches(values, sites, rate, frames, starts, at_once)


def band_bins(
    frequency: np.ndarray, band: tuple[float, float] | None, rate: float
) -> np.ndarray:
    """Numbers of the bins of `frequency` (Hz) in a band; all but 0 where it is None."""
    if band is None:
        return np.arange(1, frequency.size)
    low, high = band
    if not 0 <= low < high <= rate / 2:
        raise InputError(
            f"band is {low:g} to {high:g} Hz; it rises, from 0 to half the sampling "
            f"rate, {rate / 2:g} Hz"
        )
    inside = np.flatnonzero((frequency >= low) & (frequency <= high) & (frequency > 0))
    if not inside.size:
        raise InputError(
            f"no frequency of stretches of {1 / frequency[1]:g} s lies in {low:g} to "
            f"{high:g} Hz; longer ones have finer frequencies"
        )
    return inside
