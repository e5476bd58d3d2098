"""Filters in time: Butterworth band-pass and notch, and how far they spoil the ends.

Kernels take bare arrays (..., time); `band_pass` and `notch` take recordings. All run
in second-order sections, which hold a low band at a high sampling rate where the
polynomials of a filter lose it to rounding.

What a filter computes near an end rests on values nobody measured. `edge_seconds` says
how far: beyond it lies less than a share of 1e-4 of the energy of the filter's impulse
response. `band_pass` marks the frames within it: the coordinate `valid` is False there.
"""

from __future__ import annotations


import numpy as np
import scipy.signal
from numpy.typing import DTypeLike

from cortexwave.errors import InputError

EDGE_SHARE = 1e-4  # 1 % in amplitude
_BLOCK = 2**18  # samples filtered at a time


def butterworth(
    values: np.ndarray,
    *,
    rate: float,
    band: tuple[float, float],
    order: int = 4,
    causal: bool = False,
    dtype: DTypeLike = np.float64,
) -> np.ndarray:
    """Courses (..., time) within `band` (low, high) Hz; `rate` in Hz.

    A Butterworth band-pass made of a low-pass of `order` (its own order is twice
    that). Zero-phase: run forwards and backwards, which squares its gain (-6 dB at the
    edges of the band), after continuing both ends by point reflection over 6 `order`
    samples, as MATLAB's filtfilt does. Causal: run forwards, as if the first value had
    always been there. Computed in float64, returned as `dtype`. Courses that are all
    NaN stay NaN; `InputError` where one misses some values.
    """
    sections = _sections(rate, band, order)
    if causal:
        return _applied(sections, values, None, dtype)
    padding = 6 * order
    frames = np.shape(values)[-1]
    if frames <= padding:
        edge = edge_seconds(rate=rate, band=band, order=order)
        raise InputError(
            f"the recording has {frames} frames ({frames / rate:.3g} s); a zero-phase "
            f"Butterworth filter of order {order} needs more than {padding} frames "
            f"({padding / rate:.3g} s at {rate:g} Hz), and more than {2 * edge:.3g} s "
            f"to leave a frame that its ends do not spoil at {band[0]:g} to "
            f"{band[1]:g} Hz"
        )
    return _applied(sections, values, padding, dtype)


def edge_seconds(
    *,
    rate: float,
    band: tuple[float, float],
    order: int = 4,
    causal: bool = False,
    share: float = EDGE_SHARE,
) -> float:
    """Seconds from an end within which `butterworth` is spoilt.

    The time beyond which less than `share` of the energy of the impulse response
    lies, to either side for a zero-phase filter; a causal one is spoilt at the start
    only. At 1e-4 a step at the end leaves less than 2 % of its height beyond.
    """
    sections = _sections(rate, band, order)
    response = _response(sections)
    if not causal:  # forwards and backwards: its autocorrelation, of which half
        twice = scipy.signal.fftconvolve(response, response[::-1])
        response = twice[response.size - 1 :]
        response[0] /= np.sqrt(2)  # frame 0 belongs to both sides
    return _reach(response**2, share) / rate


def known_courses(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Courses as rows (course, time) of floats, and which (course,) are not all NaN.

    `InputError` for complex or whole numbers and for a course with gaps.
    """
    given = np.asarray(values)
    if given.dtype.kind != "f":
        raise InputError(
            f"values to filter are {given.dtype}; give real numbers in a physical "
            "unit as floats"
        )
    rows = given.reshape(-1, given.shape[-1])
    # a sum is finite only where all of its terms are
    with np.errstate(over="ignore", invalid="ignore"):
        whole = np.isfinite(rows.sum(axis=-1))
    doubtful = np.flatnonzero(~whole)
    finite = np.isfinite(rows[doubtful])
    whole[doubtful] = finite.all(axis=-1)
    gaps = ~whole[doubtful] & ~np.isnan(rows[doubtful]).all(axis=-1)
    if gaps.any():
        worst, lost = doubtful[gaps], (~finite[gaps]).sum(axis=-1)
        listed = ", ".join(
            f"course {_index(int(k), given.shape)} {n}"
            for k, n in zip(worst[:8], lost, strict=False)
        )
        raise InputError(
            f"{worst.size} course(s) have gaps (values missing of "
            f"{given.shape[-1]}: {listed}); a filter cannot step over them: cut the "
            "recording there, or set the whole site to NaN"
        )
    return rows, whole


def _index(row: int, shape: tuple[int, ...]) -> str:
    at = [int(k) for k in np.unravel_index(row, shape[:-1])] if shape[:-1] else [0]
    return str(at[0] if len(at) == 1 else tuple(at))


def _sections(rate: float, band: tuple[float, float], order: int) -> np.ndarray:
    check_band(band, rate)
    if order != int(order) or order < 1:
        raise InputError(f"order of the filter is {order!r}; it is a whole number "
                         "from 1")  # fmt: skip
    return scipy.signal.butter(int(order), band, "bandpass", fs=rate, output="sos")


def check_band(band: tuple[float, float], rate: float) -> None:
    """`InputError` where a band in Hz cannot be one at this sampling rate."""
    if len(band) != 2 or not np.all(np.isfinite(band)):
        raise InputError(f"band is {band!r}; give two frequencies in Hz, (low, high)")
    low, high = band
    if low <= 0:
        raise InputError(f"band begins at {low:g} Hz; it must begin above 0 Hz")
    if low >= high:
        raise InputError(
            f"band is {low:g} to {high:g} Hz: its first frequency must be the lower"
        )
    if high >= rate / 2:
        raise InputError(
            f"band ends at {high:g} Hz; at {rate:g} samples per second it must end "
            f"below {rate / 2:g} Hz"
        )


def _applied(
    sections: np.ndarray, values: np.ndarray, padding: int | None, dtype: DTypeLike
) -> np.ndarray:
    """Courses (..., time) through the sections; both ways where padding is given."""
    rows, live = known_courses(values)
    made = np.empty(rows.shape, dtype)
    some = max(1, _BLOCK // max(1, rows.shape[-1]))
    steady = scipy.signal.sosfilt_zi(sections)[:, None, :]
    for k in range(0, len(rows), some):
        block = rows[k : k + some].astype(np.float64, copy=False)
        if padding is None:
            begun = steady * block[:, :1]
            made[k : k + some] = scipy.signal.sosfilt(sections, block, zi=begun)[0]
        else:
            made[k : k + some] = scipy.signal.sosfiltfilt(
                sections, block, padtype="odd", padlen=padding
            )
    made[~live] = np.nan
    return made.reshape(np.shape(values))


def _response(sections: np.ndarray) -> np.ndarray:
    """Impulse response (time,) of the sections until nothing is left of it."""
    slowest = np.abs(scipy.signal.sos2zpk(sections)[1]).max()
    length = int(np.ceil(2 * np.log(1e-12) / np.log(slowest)))
    impulse = np.zeros(length)
    impulse[0] = 1
    return scipy.signal.sosfilt(sections, impulse)


def _reach(energy: np.ndarray, share: float) -> int:
    """The first frame beyond which less than the share of the energy (time,) lies."""
    tail = np.cumsum(energy[::-1])[::-1]
    return int(np.argmax(tail < share * tail[0]))
