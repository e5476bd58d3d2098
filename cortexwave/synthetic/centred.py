"""Waves about a centre: rings that spread or shrink, arms that turn, spirals.

Every field is A cos(2 pi f t + phase - lag(r)), with the lag in rad; it travels where
the lag grows.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.synthetic.course import Course, Window
from cortexwave.synthetic.lags import check_wavelength, dispersed, oscillation, pair
from cortexwave.synthetic.places import SitesLike, places_of
from cortexwave.synthetic.truths import Stored, Truth

Spread = Literal["out", "in"]


def radial_wave(
    sites: SitesLike,
    *,
    duration: float,
    rate: float,
    centre: tuple[float, float],
    spread: Spread,
    frequency: float | None = None,
    wavelength: float | None = None,
    speed: float | None = None,
    amplitude: float = 1.0,
    phase: float = 0.0,
    window: Window | None = None,
    aliased: bool = False,
    dtype: Stored = "float64",
) -> xr.Dataset:
    """A recording (uV) of rings from ("out") or towards ("in") `centre`, (x, y) in mm.

    A cos(2 pi f t -/+ k |r - centre| + phase): the same amplitude everywhere, so
    nothing is singular at the centre. The kinds in its truth are "source" and "sink".
    The rest is as for `plane_wave`.
    """
    frequency, wavelength, speed = dispersed(frequency, wavelength, speed)
    places = places_of(sites)
    too_short = check_wavelength(places, wavelength, aliased=aliased)
    course = Course(duration, rate, frequency, phase, window)
    distance, _ = places.from_point(centre)
    lag = _outward(spread) * 2 * np.pi / wavelength * distance
    truth: Truth = {"kind": "source" if spread == "out" else "sink", "travels": True,
             "wavelength": wavelength, "speed": speed, "centre": pair(centre),
             "spread": spread}  # fmt: skip
    truth |= too_short
    return oscillation(places, course, lag, amplitude, truth, dtype)


def rotating_wave(
    sites: SitesLike,
    *,
    duration: float,
    rate: float,
    frequency: float,
    centre: tuple[float, float],
    handedness: Literal[1, -1],
    arms: int = 1,
    core: float = 0.0,
    amplitude: float = 1.0,
    phase: float = 0.0,
    window: Window | None = None,
    dtype: Stored = "float64",
) -> xr.Dataset:
    """A recording (uV) that turns about `centre`: A cos(2 pi f t - m theta + phase).

    `handedness` +1 turns counter-clockwise (y up), -1 clockwise; `arms` is |m|. It
    passes a point r mm from the centre at 2 pi f r / |m| mm/s. Within `core` mm of
    the centre, where the phase is singular, the amplitude falls to 0 as r / core;
    a site at the very centre is always 0.
    """
    places = places_of(sites)
    course = Course(duration, rate, frequency, phase, window)
    distance, angle = places.from_point(centre)
    turns = _turns(handedness, arms)
    truth = {"kind": "rotating", "travels": True, "centre": pair(centre),
             "handedness": handedness, "arms": arms, "core": float(core),
             "angular_speed": 2 * np.pi * frequency / arms}  # fmt: skip
    strength = amplitude * _around_core(distance, core)
    return oscillation(places, course, turns * angle, strength, truth, dtype)


def spiral_wave(
    sites: SitesLike,
    *,
    duration: float,
    rate: float,
    centre: tuple[float, float],
    handedness: Literal[1, -1],
    spread: Spread,
    frequency: float | None = None,
    wavelength: float | None = None,
    speed: float | None = None,
    arms: int = 1,
    core: float = 0.0,
    amplitude: float = 1.0,
    phase: float = 0.0,
    window: Window | None = None,
    aliased: bool = False,
    dtype: Stored = "float64",
) -> xr.Dataset:
    """A recording (uV) of a spiral: A cos(2 pi f t - m theta -/+ k r + phase).

    Turns as `rotating_wave` and spreads as `radial_wave`; `wavelength` (mm) and
    `speed` (mm/s) are those along a radius.
    """
    frequency, wavelength, speed = dispersed(frequency, wavelength, speed)
    places = places_of(sites)
    too_short = check_wavelength(places, wavelength, aliased=aliased)
    course = Course(duration, rate, frequency, phase, window)
    distance, angle = places.from_point(centre)
    outward = _outward(spread) * 2 * np.pi / wavelength * distance
    truth: Truth = {"kind": "spiral", "travels": True, "wavelength": wavelength,
             "speed": speed, "centre": pair(centre), "handedness": handedness,
             "spread": spread, "arms": arms, "core": float(core),
             "angular_speed": 2 * np.pi * frequency / arms}  # fmt: skip
    truth |= too_short
    lag = _turns(handedness, arms) * angle + outward
    strength = amplitude * _around_core(distance, core)
    return oscillation(places, course, lag, strength, truth, dtype)


def _outward(spread: str) -> int:
    if spread not in ("out", "in"):
        raise InputError(f"spread is {spread!r}; it is 'out' or 'in'")
    return 1 if spread == "out" else -1


def _turns(handedness: int, arms: int) -> int:
    if handedness not in (1, -1):
        raise InputError(
            f"handedness is {handedness!r}; it is 1 (counter-clockwise) or -1"
        )
    if not isinstance(arms, int) or arms < 1:
        raise InputError(f"arms is {arms!r}; it is a whole number from 1")
    return handedness * arms


def _around_core(distance: np.ndarray, core: float) -> np.ndarray:
    if not 0 <= core < np.inf:
        raise InputError(f"core is {core} mm; it is 0 or positive")
    if core == 0:
        return (distance > 0).astype(float)
    return np.minimum(distance / core, 1.0)
