"""Filters in second-order sections: run over courses, and how long they ring.

Such sections hold a low band at a high sampling rate where the polynomials of a filter
lose it to rounding. What a filter computes near an end rests on values nobody measured:
recordings come back with the coordinate `valid` (time), False where any of the filters
so far spoils it; the attribute `filter_chain` tells them in order, separated by
semicolons.
"""

from __future__ import annotations

import warnings

import numpy as np
import scipy.signal
import xarray as xr
from numpy.typing import DTypeLike

from cortexwave.analysis.courses import known_courses
from cortexwave.analysis.sites import like

EDGE_SHARE = 1e-4  # of energy: 1 % in amplitude
_BLOCK = 2**18  # samples filtered at a time


def applied(
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


def response_of(sections: np.ndarray) -> np.ndarray:
    """Impulse response (time,) of the sections until nothing is left of it."""
    slowest = max(np.abs(np.roots(section[3:])).max() for section in sections)
    length = int(np.ceil(2 * np.log(1e-12) / np.log(slowest)))
    impulse = np.zeros(length)
    impulse[0] = 1
    return scipy.signal.sosfilt(sections, impulse)


def both_ways(response: np.ndarray) -> np.ndarray:
    """Response from frame 0 on of a filter run forwards and backwards."""
    twice = scipy.signal.fftconvolve(response, response[::-1])
    half = twice[response.size - 1 :]
    half[0] /= np.sqrt(2)  # frame 0 belongs to both sides
    return half


def reach(energy: np.ndarray, share: float) -> int:
    """The first frame beyond which less than the share of the energy (time,) lies."""
    tail = np.cumsum(energy[::-1])[::-1]
    return int(np.argmax(tail < share * tail[0]))


def filtered(
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
