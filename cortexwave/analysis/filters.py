"""Filters in time: Butterworth band-pass and notch, and how far they spoil the ends.

Kernels take bare arrays (..., time); `band_pass` and `notch` take recordings. All run
in second-order sections, which hold a low band at a high sampling rate where the
polynomials of a filter lose it to rounding.

What a filter computes near an end rests on values nobody measured. `edge_seconds` says
how far: beyond it lies less than a share of 1e-4 of the energy of the filter's impulse
response. Recordings come back with the coordinate `valid` (time), False where any of
the filters so far spoils it; the attribute `filter_chain` tells them in order,
separated by semicolons.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from numbers import Real

import numpy as np
import scipy.signal
import xarray as xr
from numpy.typing import DTypeLike

from cortexwave.analysis.sites import (
    channel_names,
    courses_of,
    like,
    picked,
    sampling_rate,
)
from cortexwave.errors import InputError

EDGE_SHARE = 1e-4  # 1 % in amplitude
MARGIN_SHARE = 1e-12
_FINE_ENOUGH = 100  # samples in a cycle of the highest frequency
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
    _sections(rate, band, order)
    # finer sampling changes the time by less than 0.1 %
    coarse = min(rate, _FINE_ENOUGH * band[1])
    response = _response(_sections(coarse, band, order))
    if not causal:
        response = _both_ways(response)
    return _reach(response**2, share) / coarse


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
    _check_live(values, courses)
    made = butterworth(courses, rate=rate, band=band, order=order, causal=causal)
    made[courses.max(axis=-1) == courses.min(axis=-1)] = 0  # not what rounding leaves
    how = "causal" if causal else f"zero-phase, ends reflected over {6 * order} frames"
    said = (
        f"Butterworth band-pass {band[0]:g} to {band[1]:g} Hz of order {order}, {how}, "
        f"{edge:.3g} s spoilt"
    )
    return _filtered(recording, values, made, said, edge=edge, causal=causal)


def notch(
    recording: xr.Dataset,
    *,
    frequency: float,
    width: float,
    harmonics: int = 1,
    variable: str | None = None,
) -> xr.Dataset:
    """The recording with one field freed of `frequency` Hz and its harmonics.

    By `notched`: `harmonics` counts the frequency itself, and each notch is `width` Hz
    wide. A line that is steadier than the notch is wide loses less of what stands
    beside it by `line_noise.remove_line_noise`.
    """
    values = picked(recording, variable)
    rate = sampling_rate(values)
    sections = _notches(rate, frequency, width, harmonics)
    edge = _notch_reach(sections) / rate
    courses = site_courses(values)
    _check_live(values, courses)
    made = _applied(sections, courses, _notch_reach(sections), float)
    said = (
        f"notch at {frequency:g} Hz and {harmonics - 1} harmonics, {width:g} Hz wide, "
        f"zero-phase, {edge:.3g} s spoilt"
    )
    return _filtered(recording, values, made, said, edge=edge, causal=False)


def notched(
    values: np.ndarray,
    *,
    rate: float,
    frequency: float,
    width: float,
    harmonics: int = 1,
    dtype: DTypeLike = np.float64,
) -> np.ndarray:
    """Courses (..., time) without `frequency` Hz and its harmonics, zero-phase.

    Second-order notches at frequency, 2 frequency, ... up to `harmonics` of them, each
    `width` Hz between its half-power points; run forwards and backwards, so that
    power there is a quarter. Both ends are continued by point reflection as far as the
    notch rings: the time beyond which less than 1e-4 of the energy of what it takes
    away lies.
    """
    sections = _notches(rate, frequency, width, harmonics)
    return _applied(sections, values, _notch_reach(sections), dtype)


def site_courses(values: xr.DataArray) -> np.ndarray:
    """A field as (trial, feature, site, time), each site whole or all NaN.

    `InputError` names the sites that miss some values, and how many.
    """
    courses = courses_of(values)
    known_courses(courses, name=lambda at: _site_name(values, at))
    return courses


def _check_live(values: xr.DataArray, courses: np.ndarray) -> None:
    if not (courses.max(axis=-1) > courses.min(axis=-1)).any():  # NaN is not greater
        raise InputError(
            f"field '{values.name}': no site is live; all {courses.shape[-2]} are "
            "missing or constant, so there is nothing to filter"
        )


def known_courses(
    values: np.ndarray, name: Callable[[tuple[int, ...]], str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Courses as rows (course, time) of floats, and which (course,) are not all NaN.

    `InputError` for complex or whole numbers and for a course with gaps, which `name`
    names by its index.
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
        listed = []
        for row, count in zip(worst[:8], lost, strict=False):
            at = tuple(int(k) for k in np.unravel_index(row, given.shape[:-1]))
            listed.append(f"{name(at) if name else f'course {at}'} {count}")
        raise InputError(
            f"{worst.size} of {len(rows)} courses have gaps (values missing or not "
            f"finite, of {given.shape[-1]}: {', '.join(listed)}); nothing steps over "
            "them: cut the recording there, or set the whole site to NaN"
        )
    return rows, whole


def _site_name(values: xr.DataArray, at: tuple[int, ...]) -> str:
    trial, feature, site = at
    if "channel" in values.dims:
        said = f"channel {channel_names(values)[site]}"
    else:
        shape = [values.sizes.get(axis, 1) for axis in "yx"]
        y, x = np.unravel_index(site, shape)
        said = f"site (y {y}, x {x})"
    for dim, k in (("trial", trial), ("feature", feature)):
        said += f" of {dim} {k}" if dim in values.dims else ""
    return said


def _filtered(
    recording: xr.Dataset,
    values: xr.DataArray,
    courses: np.ndarray,
    said: str,
    *,
    edge: float,
    causal: bool,
) -> xr.Dataset:
    """The recording with the field's courses replaced and their ends marked."""
    field = like(values, np.moveaxis(courses, -1, -2)).assign_attrs(values.attrs)
    time = np.asarray(values["time"].values, dtype=float)
    near = edge - 1e-6 * (time[1] - time[0])  # clocks round
    valid = time - time[0] >= near
    if not causal:
        valid &= time[-1] - time >= near
    if not valid.any():
        warnings.warn(
            f"field '{values.name}' lasts {time[-1] - time[0]:.3g} s and its ends are "
            f"spoilt for {edge:.3g} s each: no frame is valid; it would take more than "
            f"{edge * (1 if causal else 2):.3g} s",
            UserWarning,
            stacklevel=3,
        )
    if "valid" in recording.coords:
        valid &= np.asarray(recording["valid"].values, dtype=bool)
    return noted(recording.assign({str(values.name): field}), said).assign_coords(
        valid=("time", valid, {"units": "1"})
    )


def noted(recording: xr.Dataset, said: str) -> xr.Dataset:
    """The recording whose `filter_chain` goes on with what was done to it."""
    chain = str(recording.attrs.get("filter_chain", ""))
    return recording.assign_attrs(filter_chain=f"{chain}; {said}" if chain else said)


def _sections(rate: float, band: tuple[float, float], order: int) -> np.ndarray:
    check_band(band, rate)
    if order != int(order) or order < 1:
        raise InputError(f"order of the filter is {order!r}; it is a whole number "
                         "from 1")  # fmt: skip
    return scipy.signal.butter(int(order), band, "bandpass", fs=rate, output="sos")


def check_band(band: tuple[float, float], rate: float) -> None:
    """`InputError` where a band in Hz cannot be one at this sampling rate."""
    ends = list(band) if isinstance(band, Sequence | np.ndarray) else []
    if (
        isinstance(band, str)
        or len(ends) != 2
        or not all(isinstance(end, Real) and np.isfinite(end) for end in ends)
    ):
        raise InputError(f"band is {band!r}; give two frequencies in Hz, (low, high)")
    low, high = ends
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


def _notches(rate: float, frequency: float, width: float, harmonics: int) -> np.ndarray:
    if harmonics != int(harmonics) or harmonics < 1:
        raise InputError(f"harmonics is {harmonics!r}; it is a whole number from 1, "
                         "which is the frequency alone")  # fmt: skip
    if not 0 < harmonics * frequency < rate / 2:
        raise InputError(
            f"harmonic {harmonics} of {frequency:g} Hz is {harmonics * frequency:g} "
            f"Hz; it must lie between 0 and half the sampling rate, {rate / 2:g} Hz"
        )
    if not 0 < width < frequency:
        raise InputError(
            f"a notch {width:g} Hz wide at {frequency:g} Hz; its width can be above 0 "
            f"and below {frequency:g} Hz"
        )
    centres = frequency * np.arange(1, int(harmonics) + 1)
    return np.array([
        np.concatenate(scipy.signal.iirnotch(centre, centre / width, fs=rate))
        for centre in centres
    ])  # fmt: skip


def _notch_reach(sections: np.ndarray) -> int:
    response = _both_ways(_response(sections))
    response[0] = 0  # what passes; the rest is what is taken away
    return _reach(response**2, EDGE_SHARE)


def _both_ways(response: np.ndarray) -> np.ndarray:
    """Response from frame 0 on of a filter run forwards and backwards."""
    twice = scipy.signal.fftconvolve(response, response[::-1])
    half = twice[response.size - 1 :]
    half[0] /= np.sqrt(2)  # frame 0 belongs to both sides
    return half


def _applied(
    sections: np.ndarray, values: np.ndarray, padding: int | None, dtype: DTypeLike
) -> np.ndarray:
    """Courses (..., time) through the sections; both ways where padding is given."""
    rows, live = known_courses(values)
    made = np.empty(rows.shape, dtype)
    if padding is not None and rows.shape[-1] <= padding:
        padding = rows.shape[-1] - 1
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
    slowest = max(np.abs(np.roots(section[3:])).max() for section in sections)
    length = int(np.ceil(2 * np.log(1e-12) / np.log(slowest)))
    impulse = np.zeros(length)
    impulse[0] = 1
    return scipy.signal.sosfilt(sections, impulse)


def _reach(energy: np.ndarray, share: float) -> int:
    """The first frame beyond which less than the share of the energy (time,) lies."""
    tail = np.cumsum(energy[::-1])[::-1]
    return int(np.argmax(tail < share * tail[0]))
