"""A signal at a lower rate, low-passed first, computed for the frames that are read.

The filter is a symmetric FIR (no delay, no shift of phase), flat up to 0.4 of the new
rate and 80 dB down from half of it on, a sinc in a window of Kaiser's (Kaiser 1974,
as SciPy has it). Some frames at once are one product of matrices: what is between the
phases of a rational ratio is in the matrix, and frames that nobody asked for are never
computed. Which frames are computed together depends on the signal alone, so that a
part is, to the last bit, that part of the whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from cortexwave.errors import InputError
from cortexwave.lab.signals import Signal

PASS = 0.4  # of the new rate: flat to within 1e-4 up to here
STOP = 0.5  # of the new rate: 80 dB down from here on
_ATTENUATION = 80.0  # dB
_LARGEST_RATIO = 10_000  # the larger of the numbers whose ratio the rates have
_TOGETHER = 64  # frames of one product; the measured best of 16 to 128 at 30 to 1
_LARGEST_MATRIX = 1 << 20  # values of one
Read = Callable[[int, int], np.ndarray]


@dataclass(frozen=True)
class Filter:
    """Taps (odd, symmetric) for frames at `up` / `down` times the rate of a signal.

    They are at `up` times its rate; up = down = 1 filters and leaves the rate.
    """

    taps: np.ndarray
    up: int = 1
    down: int = 1

    @property
    def reach(self) -> int:
        """Frames of the signal that an output frame rests on, to either side."""
        return -(-(self.taps.size // 2) // self.up)

    def frames(self, given: int) -> int:
        """Frames that come of so many of the signal."""
        return (given - 1) * self.up // self.down + 1 if given else 0


def resampled(signal: Signal, rate: float) -> Signal:
    """The signal at `rate` (Hz), its first frame at the same time.

    Rates whose ratio is not one of whole numbers up to 10,000 get the nearest rate
    that is; `rate` of the result is the true one. Missing frames stay missing, with
    all that the filter would have to guess from them: up to `resampling_edge` (s, an
    attribute) around a gap. At the ends the first and last value are held, so that
    as much is not to be trusted there. `InputError` for a rate above the signal's.
    """
    if isinstance(rate, str) or not (math.isfinite(rate) and rate > 0):
        raise InputError(f"rate is {rate!r}; a number above 0, in Hz, is due")
    ratio = Fraction(rate / signal.rate)
    if ratio > 1 + 1e-9:
        raise InputError(
            f"{signal.source}: signal '{signal.name}' has {signal.rate:g} Hz; "
            f"{rate:g} Hz would be made up, only rates below can be taken"
        )
    ratio = ratio.limit_denominator(_LARGEST_RATIO)
    if ratio == 1:
        return signal
    if not ratio:
        raise InputError(
            f"{signal.source}: {rate:g} Hz is less than 1/{_LARGEST_RATIO} of the "
            f"{signal.rate:g} Hz of '{signal.name}'; take a higher rate"
        )
    up, down = ratio.as_integer_ratio()
    low_pass = _anti_alias(up, down)
    true = signal.rate * up / down
    said: dict[str, object] = {
        **signal.attributes,
        "resampled_from": signal.rate,
        "anti_alias": f"zero-phase FIR, flat to {PASS * true:g} Hz, "
        f"{_ATTENUATION:g} dB down from {STOP * true:g} Hz",
        "resampling_edge": low_pass.reach / signal.rate,
    }
    if abs(true / rate - 1) > 1e-9:
        said["rate_asked"] = rate
    return replace(filtered(signal, low_pass), rate=true, attributes=said)


def filtered(signal: Signal, by: Filter) -> Signal:
    """The signal through a filter; of its rate, only `up` / `down` is known here."""
    dtype = np.dtype(signal.dtype)
    return replace(
        signal, frames=by.frames(signal.frames),
        rate=signal.rate * by.up / by.down,
        read=_reading(signal.read, signal.frames, by, dtype),
    )  # fmt: skip


def _anti_alias(up: int, down: int) -> Filter:
    """The low-pass for `up` / `down` below 1, of gain 1 for every phase of frames."""
    from scipy import signal as scipy_signal  # slow to load, and only needed here

    rate = up / down  # new rate, in units of the old one
    width = (STOP - PASS) * rate / (up / 2)  # of the transition, in Nyquist's
    count, beta = scipy_signal.kaiserord(_ATTENUATION, width)
    half = count // 2 + 1
    taps = scipy_signal.firwin(
        2 * half + 1, (PASS + STOP) / 2 * rate, window=("kaiser", beta), fs=up
    )
    for phase in range(up):  # else a constant would ripple with the phase
        own = taps[(half - phase) % up :: up]
        own /= own.sum()
    return Filter(taps, up, down)


def _reading(read: Read, frames: int, by: Filter, dtype: np.dtype) -> Read:
    """Reads filtered frames, in whole groups that repeat the phases of the ratio."""
    tiles, group = _tiles(by, dtype)
    advance = group * by.down // by.up  # frames of the signal from group to group

    def filtered_frames(start: int, stop: int) -> np.ndarray:
        first, last = start // group, -(-stop // group)
        begin = first * advance - by.reach
        end = (last - 1) * advance + max(at + m.shape[1] for at, m in tiles) - by.reach
        given = _held(read, frames, begin, end, dtype)
        sites = given.shape[1:]
        flat = given.reshape(len(given), -1)
        bad = None
        # a sum is many times quicker than a look at each, and as sure
        if not np.isfinite(flat.sum(dtype=dtype)):
            bad = ~np.isfinite(flat)
            flat = np.where(bad, dtype.type(0), flat)
        out = np.empty(((last - first) * group, flat.shape[1]), dtype)
        at = 0
        for number in range(last - first):
            base = number * advance
            for offset, matrix in tiles:
                rows, width = matrix.shape
                window = flat[base + offset : base + offset + width]
                np.matmul(matrix, window, out=out[at : at + rows])
                at += rows
        out = out[start - first * group : stop - first * group]
        if bad is not None and bad.any():
            _lose(out, bad, begin, start, by)
        return out.reshape(-1, *sites)

    return filtered_frames


def _tiles(by: Filter, dtype: np.dtype) -> tuple[list[tuple[int, np.ndarray]], int]:
    """Matrices of a group, each with the frame its window begins at; frames of it.

    Windows count from `reach` frames before the group's first.
    """
    most = _TOGETHER
    while (
        most > 1 and most * (most * by.down // by.up + 2 * by.reach) > _LARGEST_MATRIX
    ):
        most //= 2
    group = by.up * max(1, most // by.up)
    half = by.taps.size // 2
    tiles = []
    for first in range(0, group, most):
        made = np.arange(first, min(first + most, group))
        begin = int(made[0]) * by.down // by.up  # its frame, or the one before it
        end = int(made[-1]) * by.down // by.up + 2 * by.reach + 1
        given = np.arange(begin, end + 1) - by.reach
        tap = made[:, None] * by.down - given * by.up + half
        inside = (tap >= 0) & (tap < by.taps.size)
        matrix = np.where(inside, by.taps[np.where(inside, tap, 0)], 0.0)
        tiles.append((begin, np.ascontiguousarray(matrix, dtype=dtype)))
    return tiles, group


def _held(read: Read, frames: int, begin: int, end: int, dtype: np.dtype) -> np.ndarray:
    """Frames from `begin` to `end`; beyond the signal its first and last are held."""
    first, last = min(max(begin, 0), frames - 1), max(min(end, frames), 1)
    given = np.asarray(read(first, max(last, first + 1)), dtype=dtype)
    before, after = first - begin, end - max(last, first + 1)
    if not before and not after:
        return given
    edges = [np.repeat(given[:1], before, axis=0), given,
             np.repeat(given[-1:], after, axis=0)]  # fmt: skip
    return np.concatenate(edges)


def _lose(out: np.ndarray, bad: np.ndarray, begin: int, start: int, by: Filter) -> None:
    """Make NaN of every frame that rests on one that is missing.

    `bad` (frame, site) are frames of the signal from `begin` on; `out` are filtered
    ones from `start` on.
    """
    until = np.concatenate([np.zeros((1, bad.shape[1]), np.int32),
                            np.cumsum(bad, axis=0, dtype=np.int32)])  # fmt: skip
    half = by.taps.size // 2
    at = (start + np.arange(len(out))) * by.down
    low = -((half - at) // by.up) - begin  # first and last frame under the taps
    high = (at + half) // by.up + 1 - begin
    low, high = (np.clip(each, 0, len(bad)) for each in (low, high))
    out[until[high] > until[low]] = np.nan
