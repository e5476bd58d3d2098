"""A recording as Fourier coefficients of short segments, read piece by piece.

No filter is applied: each segment is freed of its mean and slope, tapered by sine
tapers (Riedel & Sidorenko 1995), which end at zero, and transformed. What a filter
rings at the ends of a recording is no part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.fft
import xarray as xr

from cortexwave.analysis.bands import check_band
from cortexwave.analysis.copied_sites import copies
from cortexwave.analysis.pieces import AT_ONCE
from cortexwave.analysis.sites import frames_of
from cortexwave.errors import InputError

_TAPERS = 3
_TILES = 8
_WANTED = 16  # segments of a recording: fewer cost power, more cost length
_MOST_CELLS = 64


@dataclass(frozen=True)
class Segments:
    """How the time of a field is cut: equal segments, grouped into cells.

    Segments do not overlap and lie in one trial each; cells are runs of neighbouring
    segments. `tiles` are slices of the frequencies of the band.
    """

    rate: float
    frames: int  # of a segment
    trials: int
    each: int  # segments of a trial
    cell: np.ndarray  # (trial, segment): the cell of each
    frequencies: np.ndarray  # Hz, of the band
    first: int  # index of the first of them
    tiles: tuple[slice, ...]

    @property
    def cells(self) -> int:
        return int(self.cell.max()) + 1

    @property
    def seconds(self) -> float:
        return self.frames / self.rate


def segments_of(
    values: xr.DataArray, rate: float, band: tuple[float, float], seconds: float | None
) -> Segments:
    """Segments of `seconds`; None is a sixteenth of the recording, within limits.

    The limits: at least 2 cycles of the band's lower end and 2 frequencies in the band,
    at most 4 cycles and 5 frequencies (or all of a short trial).
    """
    low, high = check_band(band, rate)
    trials = values.sizes.get("trial", 1)
    length = values.sizes["time"]
    least = max(2 / low, 2 / (high - low))
    if seconds is None:
        most = max(4 / low, 5 / (high - low))
        seconds = float(np.clip(trials * length / rate / _WANTED, least, most))
        seconds = min(seconds, max(least, length / rate))
    elif not np.isfinite(seconds) or seconds < least - 1e-9:
        raise InputError(
            f"segment is {seconds:g} s; in the band {low:g} to {high:g} Hz it must be "
            f"{least:.3g} s or longer"
        )
    frames = max(4, round(seconds * rate))
    if frames > length:
        raise InputError(
            f"field '{values.name}': a segment of {frames / rate:.3g} s is longer than "
            f"the {length / rate:.3g} s that are there; the band {low:g} to {high:g} "
            f"Hz needs {least:.3g} s or more"
        )
    frequencies = np.fft.rfftfreq(frames, 1 / rate)
    inside = np.flatnonzero((frequencies >= low - 1e-9) & (frequencies <= high + 1e-9))
    inside = inside[(inside > 0) & (2 * inside < frames)]  # the ends are real
    if not inside.size:
        raise InputError(
            f"band {low:g} to {high:g} Hz holds no frequency of a segment of "
            f"{frames / rate:.3g} s; take longer segments"
        )
    edges = np.linspace(0, inside.size, min(_TILES, inside.size) + 1).round()
    cuts = edges.astype(int)
    each = length // frames
    return Segments(
        rate, frames, trials, each, _cells(trials, each), frequencies[inside],
        int(inside[0]), tuple(slice(a, b) for a, b in pairwise(cuts)),
    )  # fmt: skip


def _cells(trials: int, each: int) -> np.ndarray:
    if trials * each <= _MOST_CELLS:
        return np.arange(trials * each).reshape(trials, each)
    if trials >= _MOST_CELLS:
        whole = np.arange(trials) * _MOST_CELLS // trials
        return np.repeat(whole[:, None], each, axis=1)
    inside = min(each, _MOST_CELLS // trials)
    within = np.arange(each) * inside // each
    return np.arange(trials)[:, None] * inside + within


def spectra(
    values: xr.DataArray,
    cut: Segments,
    feature: int,
    live: np.ndarray,
    *,
    at_once: int = AT_ONCE,
) -> Iterator[tuple[int, np.ndarray]]:
    """Cell and coefficients (segment, taper, frequency, live site), piece by piece.

    Segments in which a value is missing are left out. A piece is a run of segments of
    one cell, of `at_once` values at most, but one segment at least.
    """
    for cell, frames in _pieces(values, cut, feature, at_once):
        piece = frames if live.all() else frames[:, live]
        piece = piece.reshape(-1, cut.frames, piece.shape[1])
        whole = np.isfinite(piece).all(axis=(1, 2))
        piece = piece if whole.all() else piece[whole]
        if len(piece):
            yield cell, transformed(piece, cut)


def transformed(pieces: np.ndarray, cut: Segments) -> np.ndarray:
    """Coefficients (segment, taper, frequency, site) of segments (segment, time, site).

    Without mean and slope, tapered; of the frequencies of the band.
    """
    ramp = np.linspace(-1, 1, cut.frames)
    ramp /= np.linalg.norm(ramp)
    level = pieces - pieces.mean(axis=1, keepdims=True)
    level -= ramp[:, None] * (ramp @ level)[:, None]
    band = slice(cut.first, cut.first + cut.frequencies.size)
    found = np.empty(
        (len(pieces), _TAPERS, cut.frequencies.size, pieces.shape[2]), dtype=complex
    )
    for k, taper in enumerate(_sine_tapers(cut.frames)):
        # one by one: most of the frequencies are in no band, and need not be kept
        found[:, k] = scipy.fft.rfft(taper[:, None] * level, axis=1)[:, band]
    return found


def _pieces(
    values: xr.DataArray, cut: Segments, feature: int, at_once: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Cell and frames (time, site) of runs of segments, read no more than needed."""
    if "feature" in values.dims:
        values = values.isel(feature=feature)
    sites = int(np.prod([values.sizes[d] for d in values.dims
                         if d not in ("trial", "time")]))  # fmt: skip
    run = max(1, at_once // (cut.frames * sites))  # segments
    for trial in range(cut.trials):
        course = values.isel(trial=trial) if "trial" in values.dims else values
        # several cells are read together: opening a file costs more than a segment
        for first in range(0, cut.each, run):
            last = min(first + run, cut.each)
            part = course.isel(time=slice(first * cut.frames, last * cut.frames))
            frames = frames_of(part)[0, 0]
            for cell in np.unique(cut.cell[trial, first:last]):
                mine = np.flatnonzero(cut.cell[trial, first:last] == cell)
                yield (
                    int(cell),
                    frames[mine[0] * cut.frames : (mine[-1] + 1) * cut.frames],
                )


def live_in(
    values: xr.DataArray, cut: Segments, feature: int, *, at_once: int = AT_ONCE
) -> np.ndarray:
    """Which sites (site,) have finite values, and more than one."""
    low: np.ndarray | None = None
    for _, frames in _pieces(values, cut, feature, at_once):
        known = np.isfinite(frames)
        least = np.where(known, frames, np.inf).min(axis=0)
        most = np.where(known, frames, -np.inf).max(axis=0)
        if low is None:
            low, high = least, most
        else:
            low, high = np.minimum(low, least), np.maximum(high, most)
    if low is None:
        raise InputError(f"field '{values.name}' has no segment to look at")
    return high > low


def copies_in(
    values: xr.DataArray,
    cut: Segments,
    feature: int,
    live: np.ndarray,
    *,
    at_once: int = AT_ONCE,
) -> list[tuple[int, int]]:
    """Live sites with the very values of an earlier one: (it, that)."""
    return copies(
        (frames for _, frames in _pieces(values, cut, feature, at_once)), live
    )


def _sine_tapers(frames: int) -> np.ndarray:
    """Orthonormal tapers (taper, time): sines that are zero just outside."""
    n = np.arange(1, frames + 1) / (frames + 1)
    order = np.arange(1, _TAPERS + 1)[:, None]
    return np.sqrt(2 / (frames + 1)) * np.sin(np.pi * order * n)
