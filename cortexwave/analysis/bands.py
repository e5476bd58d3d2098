"""A band of frequencies: two numbers in Hz that a sampling rate can hold."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np

from cortexwave.errors import InputError


def check_band(band: tuple[float, float], rate: float) -> tuple[float, float]:
    """Both ends of a band in Hz; `InputError` where it is none at this `rate` in Hz."""
    ends = list(band) if isinstance(band, Sequence | np.ndarray) else []
    if (
        isinstance(band, str)
        or len(ends) != 2
        or not all(isinstance(end, Real) and np.isfinite(end) for end in ends)
    ):
        raise InputError(f"band is {band!r}; give two frequencies in Hz, (low, high)")
    low, high = map(float, ends)
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
    return low, high
