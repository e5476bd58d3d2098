"""Phasors by complex demodulation: causal, of trials or of a recording read in pieces.

The values are turned by exp(-2 pi i f0 t) at the centre f0 of a band, low-passed by a
causal Butterworth filter at half its width, and turned back.
"""

from __future__ import annotations

import numpy as np
import scipy.signal
import xarray as xr

from cortexwave.analysis.filters import check_band
from cortexwave.analysis.pieces import AT_ONCE
from cortexwave.recording.cutting import first_frames

_ORDER = 4  # of the low-pass


def demodulated(
    values: np.ndarray, clock: np.ndarray, rate: float, band: tuple[float, float]
) -> np.ndarray:
    """Phasors (trial, time, site) of values of these dims; `rate` and `band` in Hz."""
    sections, turning = _filter(clock, rate, band)
    # a constant would enter as a jump from 0; demodulated it is no low frequency
    turned = (values - values[:, :1]) * turning
    low = scipy.signal.sosfilt(sections, turned, axis=1)
    return 2 * low * turning.conj()


def demodulated_windows(
    field: xr.DataArray, cut: xr.Dataset, *, band: tuple[float, float],
    window: tuple[float, float],
) -> np.ndarray:  # fmt: skip
    """`demodulated` of a whole field, only in the windows that `epochs` cut it into.

    `field` (trial, time, ...) or (time, ...) is filtered from its first frame on, read
    in pieces, and no more of it is held than one piece; the phasors are
    (cut trial, time, ...).
    """
    clock = np.asarray(field["time"].values, dtype=float)
    rate = (clock.size - 1) / float(clock[-1] - clock[0])
    sections, turning = _filter(clock, rate, band)
    onset = np.asarray(cut["event_onset"].values, dtype=float)
    first = first_frames(clock, onset, window[0]).astype(int)
    last = first + cut.sizes["time"]
    whose = np.zeros(first.size, dtype=int)
    if "trial" in field.dims:
        whose = np.asarray(cut["event_trial"].values).astype(int)
    each = field if "trial" in field.dims else field.expand_dims("trial")
    places = each.shape[2:]
    made = np.empty((first.size, cut.sizes["time"], *places), dtype=complex)
    size = max(1, AT_ONCE // max(1, int(np.prod(places))))
    for trial in np.unique(whose):
        course, mine = each.isel(trial=trial), np.flatnonzero(whose == trial)
        begin = np.asarray(course.isel(time=0).values, dtype=float)
        state = np.zeros((len(sections), 2, *places), dtype=complex)
        for start in range(0, int(last[mine].max()), size):
            frames = slice(start, min(start + size, clock.size))
            turn = turning[frames].reshape(-1, *[1] * len(places))
            values = np.asarray(course.isel(time=frames).values, dtype=float) - begin
            low, state = scipy.signal.sosfilt(sections, values * turn, axis=0, zi=state)
            z = 2 * low * turn.conj()
            for k in mine[(first[mine] < frames.stop) & (last[mine] > start)]:
                one, other = max(first[k], start), min(last[k], frames.stop)
                made[k, one - first[k] : other - first[k]] = z[
                    one - start : other - start
                ]
    return made


def words(band: tuple[float, float]) -> str:
    """What was done, for the attribute `filter` of a result."""
    return (f"causal complex demodulation, {band[0]:g} to {band[1]:g} Hz, Butterworth "
            f"low-pass of order {_ORDER}")  # fmt: skip


def _filter(
    clock: np.ndarray, rate: float, band: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Sections of the low-pass, and what the frames are turned by, (time, 1)."""
    check_band(band, rate)
    centre, half = sum(band) / 2, (band[1] - band[0]) / 2
    sections = scipy.signal.butter(_ORDER, half, fs=rate, output="sos")
    return sections, np.exp(-2j * np.pi * centre * clock)[:, None]
