"""Notches: what a line of one frequency and its harmonics add, taken out."""

from __future__ import annotations

import numpy as np
import scipy.signal
import xarray as xr
from numpy.typing import DTypeLike

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
    check_live(values, courses)
    made = applied(sections, courses, _notch_reach(sections), float)
    said = (
        f"notch at {frequency:g} Hz and {harmonics - 1} harmonics, {width:g} Hz wide, "
        f"zero-phase, {edge:.3g} s spoilt"
    )
    return filtered(recording, values, made, said, edge=edge, causal=False)


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
    return applied(sections, values, _notch_reach(sections), dtype)


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
    response = both_ways(response_of(sections))
    response[0] = 0  # what passes; the rest is what is taken away
    return reach(response**2, EDGE_SHARE)
