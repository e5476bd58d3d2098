"""Waves with straight fronts: plane, standing, and the one without any lag.

Every field is A cos(2 pi f t + phase - lag(r)), with the lag in rad; it travels where
the lag grows.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from cortexwave.synthetic.course import Course, Window, check_positive
from cortexwave.synthetic.lags import (
    along,
    check_wavelength,
    dispersed,
    oscillation,
    pair,
    wrapped,
)
from cortexwave.synthetic.places import SitesLike, places_of
from cortexwave.synthetic.truths import Stored, Truth


def plane_wave(
    sites: SitesLike,
    *,
    duration: float,
    rate: float,
    direction: float,
    frequency: float | None = None,
    wavelength: float | None = None,
    speed: float | None = None,
    amplitude: float = 1.0,
    phase: float = 0.0,
    window: Window | None = None,
    aliased: bool = False,
    dtype: Stored = "float64",
) -> xr.Dataset:
    """A recording (uV) of A cos(2 pi f t - k.r + phase), travelling to `direction`.

    Two of `frequency` (Hz), `wavelength` (mm) and `speed` (mm/s); `direction` in deg
    counter-clockwise from +x. `window` (start, end) in s: a Tukey window, 0 outside
    and ramps of a quarter of it at each end. Wavelengths below 2 pitches are refused
    unless `aliased`.
    """
    frequency, wavelength, speed = dispersed(frequency, wavelength, speed)
    places = places_of(sites)
    too_short = check_wavelength(places, wavelength, aliased=aliased)
    course = Course(duration, rate, frequency, phase, window)
    lag = 2 * np.pi / wavelength * along(places, direction)
    truth: Truth = {
        "kind": "plane", "travels": True, "wavelength": wavelength, "speed": speed,
        "direction": wrapped(direction), **too_short,
    }  # fmt: skip
    return oscillation(places, course, lag, amplitude, truth, dtype)


def standing_wave(
    sites: SitesLike,
    *,
    duration: float,
    rate: float,
    frequency: float,
    wavelength: float,
    direction: float,
    antinode: tuple[float, float] = (0.0, 0.0),
    amplitude: float = 1.0,
    phase: float = 0.0,
    window: Window | None = None,
    aliased: bool = False,
    dtype: Stored = "float64",
) -> xr.Dataset:
    """A recording (uV) of A cos(k.(r - antinode)) cos(2 pi f t + phase).

    Nothing travels: k and -k are equally strong. `direction` (deg) is the axis of k,
    `antinode` an (x, y) in mm where the amplitude is A.
    """
    check_positive("wavelength", wavelength, "mm")
    places = places_of(sites)
    too_short = check_wavelength(places, wavelength, aliased=aliased)
    course = Course(duration, rate, frequency, phase, window)
    k = 2 * np.pi / wavelength
    crossed = along(places, direction, antinode)
    truth: Truth = {
        "kind": "standing", "travels": False, "wavelength": float(wavelength),
        "direction": wrapped(direction), "antinode": pair(antinode), **too_short,
        "amplitude": float(amplitude),
    }  # fmt: skip
    return oscillation(
        places, course, np.zeros(places.count), amplitude * np.cos(k * crossed),
        truth, dtype,
    )  # fmt: skip


def synchronous(
    sites: SitesLike,
    *,
    duration: float,
    rate: float,
    frequency: float,
    amplitude: float = 1.0,
    phase: float = 0.0,
    window: Window | None = None,
    dtype: Stored = "float64",
) -> xr.Dataset:
    """A recording (uV) of A cos(2 pi f t + phase), the same at every site."""
    places = places_of(sites)
    course = Course(duration, rate, frequency, phase, window)
    truth: Truth = {"kind": "synchronous", "travels": False}
    return oscillation(places, course, np.zeros(places.count), amplitude, truth, dtype)
