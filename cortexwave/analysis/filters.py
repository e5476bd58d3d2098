"""The Butterworth band-pass, and how far it spoils the ends.

`butterworth` takes bare arrays (..., time); `band_pass` takes recordings. What it
computes near an end rests on values nobody measured. `edge_seconds` says how far:
beyond it lies less than a share of 1e-4 of the energy of the filter's impulse response.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import scipy.signal
import xarray as xr
from numpy.typing import DTypeLike

from cortexwave.analysis.bands import check_band
from cortexwave.analysis.courses import check_live, site_courses
from cortexwave.analysis.sections import (
    EDGE_SHARE,
    applied,
    both_ways,
    filtered,
    reach,
    response_of,
)
from cortexwave.analysis.sites import picked, sampling_rate
from cortexwave.errors import InputError

MARGIN_SHARE = 1e-12
_FINE_ENOUGH = 100  # samples in a cycle of the highest frequency


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
        return applied(sections, values, None, dtype)
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
    return applied(sections, values, padding, dtype)


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
    low, high = check_band(band, rate)
    _sections(rate, band, order)
    return _edge(rate, low, high, order, causal, share)


@lru_cache(maxsize=8)  # block after block asks for the same
def _edge(
    rate: float, low: float, high: float, order: int, causal: bool, share: float
) -> float:
    # finer sampling changes the time by less than 0.1 %
    coarse = min(rate, _FINE_ENOUGH * high)
    response = response_of(_sections(coarse, (low, high), order))
    if not causal:
        response = both_ways(response)
    return reach(response**2, share) / coarse


def margin_seconds(*, rate: float, band: tuple[float, float], order: int = 4) -> float:
    """Seconds to read on either side of a block so that it is as if it were uncut.

    The zero-phase filter, and the Hilbert transform with a `taper` over the margin,
    then differ from those of the whole recording, with the same tapers at its ends, by
    less than 1e-4 of the standard deviation of the filtered field (1.26 s for 5 to
    40 Hz). Untapered cuts leave up to 0.04, and a margin of `edge_seconds` up to 0.5
    (0.02 in the mean of squares). A whole recording without tapers is itself off by
    1/(pi w d) at a distance d from its ends for w rad/s: by 1e-3 some 10 s inside.
    """
    return edge_seconds(rate=rate, band=band, order=order, share=MARGIN_SHARE)


def blocks(frames: int, *, size: int, margin: int) -> Iterator[tuple[slice, slice]]:
    """Blocks of `size` frames for filtering piece by piece: what to read and to keep.

    Pairs of slices: the frames to read, `margin` more on either side where there are
    any, and within what was read the frames to keep. Kept pieces laid end to end are
    all frames, once.
    """
    if frames < 1 or size < 1 or margin < 0:
        raise InputError(
            f"blocks of {size} frames with a margin of {margin}, of {frames} frames: "
            "frames and size are at least 1, the margin at least 0"
        )
    for start in range(0, frames, size):
        stop = min(start + size, frames)
        first = max(0, start - margin)
        read = slice(first, min(stop + margin, frames))
        yield read, slice(start - first, stop - first)


def band_pass(
    recording: xr.Dataset,
    *,
    band: tuple[float, float],
    variable: str | None = None,
    order: int = 4,
    causal: bool = False,
) -> xr.Dataset:
    """The recording with one field within `band` (Hz), by `butterworth`.

    Zero-phase for maps; causal where what is not yet must not be seen, as for memory.
    `valid` is False within `edge_seconds` of both ends (of the start, if causal); a
    warning says so where no frame is left. Sites that never change become 0;
    `InputError` where that is so of all of them, or they are missing.
    """
    values = picked(recording, variable)
    rate = sampling_rate(values)
    edge = edge_seconds(rate=rate, band=band, order=order, causal=causal)
    courses = site_courses(values)
    check_live(values, courses)
    made = butterworth(courses, rate=rate, band=band, order=order, causal=causal)
    made[courses.max(axis=-1) == courses.min(axis=-1)] = 0  # not what rounding leaves
    how = "causal" if causal else f"zero-phase, ends reflected over {6 * order} frames"
    said = (
        f"Butterworth band-pass {band[0]:g} to {band[1]:g} Hz of order {order}, {how}, "
        f"{edge:.3g} s spoilt"
    )
    return filtered(recording, values, made, said, edge=edge, causal=causal)


def _sections(rate: float, band: tuple[float, float], order: int) -> np.ndarray:
    check_band(band, rate)
    if order != int(order) or order < 1:
        raise InputError(f"order of the filter is {order!r}; it is a whole number "
                         "from 1")  # fmt: skip
    return scipy.signal.butter(int(order), band, "bandpass", fs=rate, output="sos")
