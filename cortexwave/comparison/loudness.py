"""How strong the band is in every frame of a recording, and in every episode.

Phases of a weak signal are those of noise, so whether a finding rests on weak stretches
is one of the choices that a verdict must stand (`amplitude_gate`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from cortexwave.analysis.filters import blocks, butterworth, margin_seconds
from cortexwave.analysis.phase import analytic_signal
from cortexwave.analysis.sites import courses_of, picked, sampling_rate
from cortexwave.comparison.parts import Part, overlaps

HALF = 0.5  # of the median amplitude: below it a frame is quiet
_SITES = 32  # at most, evenly chosen: the array's amplitude is known well enough
_PIECE = 2**22  # values that are filtered at once


@dataclass(frozen=True)
class Loudness:
    """Amplitude (trial, time) in `units` and its median; the clock (time,) in s.

    `share` of the frames are not quiet. Times that are left out count for neither.
    """

    amplitude: np.ndarray
    clock: np.ndarray
    median: float
    share: float
    units: str

    def of(self, start: float, end: float, trial: int) -> float:
        """Median amplitude of the frames of a span in s."""
        first, last = np.searchsorted(self.clock, [start - 1e-9, end + 1e-9])
        inside = self.amplitude[trial, first : max(last, first + 1)]
        return float(np.median(inside)) if inside.size else float("nan")


def loudness(
    recording: xr.Dataset, part: Part, *, band: tuple[float, float]
) -> Loudness:
    """The root of the mean squared envelope over sites, features together, by frame."""
    values = picked(recording, part.variable)
    rate, frames = sampling_rate(values), values.sizes["time"]
    clock = np.asarray(values["time"].values, dtype=float)
    margin = int(np.ceil(rate * margin_seconds(rate=rate, band=band)))
    live = _live(courses_of(values.isel(time=slice(0, 64))))
    rows = values.sizes.get("trial", 1) * live.size
    size = max(4 * margin, _PIECE // max(1, rows))
    pieces = []
    for read, keep in blocks(frames, size=size, margin=margin):
        courses = courses_of(values.isel(time=read))[:, :, live]
        after = courses.shape[-1] - keep.stop
        tapers = (keep.start if read.start else 0, after if read.stop < frames else 0)
        envelope = analytic_signal(
            butterworth(courses, rate=rate, band=band), taper=tapers
        )
        power = (np.abs(envelope[..., keep]) ** 2).mean(axis=(1, 2))
        pieces.append(np.sqrt(power))
    amplitude = np.concatenate(pieces, axis=1)
    used = amplitude[:, ~overlaps(clock, clock, part.times)]
    median = float(np.median(used))
    share = float((used >= HALF * median).mean())
    units = str(values.attrs.get("units", "1"))
    return Loudness(amplitude, clock, median, share, units)


def _live(courses: np.ndarray) -> np.ndarray:
    """Some of the sites (trial, feature, site, time) that are there, by number."""
    there = np.flatnonzero(np.isfinite(courses).all(axis=(0, 1, 3)))
    few = np.linspace(0, there.size - 1, min(_SITES, there.size)).round().astype(int)
    return there[few]
