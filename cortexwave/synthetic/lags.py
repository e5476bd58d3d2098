"""Oscillations with a lag known at every site, and what wave and lag are made of."""

from __future__ import annotations

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.synthetic.course import Course, check_positive
from cortexwave.synthetic.places import Places
from cortexwave.synthetic.truths import Stored, Truth, as_recording, stored


def oscillation(
    places: Places,
    course: Course,
    lag: np.ndarray,
    amplitude: float | np.ndarray,
    truth: Truth,
    dtype: Stored,
) -> xr.Dataset:
    """Amplitude (site) times the cosine of the course less lag (site), recorded."""
    if not np.isfinite(amplitude).all():
        raise InputError(f"amplitude is {amplitude} uV, not finite")
    kept = stored(dtype)
    spatial = np.stack([np.cos(lag), np.sin(lag)]) * amplitude  # (2, site)
    # cos(a - b) as a product of two thin matrices: no cosine per site and frame
    values = course.quadratures().astype(kept) @ spatial.astype(kept)
    largest = {"amplitude": float(np.max(amplitude))}
    return as_recording(
        places, values, rate=course.rate,
        truth={"kind": truth["kind"], **course.truth, **largest, **truth},
    )  # fmt: skip


def dispersed(
    frequency: float | None, wavelength: float | None, speed: float | None
) -> tuple[float, float, float]:
    """Frequency (Hz), wavelength (mm) and speed (mm/s) from two of them."""
    given = {"frequency": (frequency, "Hz"), "wavelength": (wavelength, "mm"),
             "speed": (speed, "mm/s")}  # fmt: skip
    named = [name for name, (value, _) in given.items() if value is not None]
    if len(named) != 2:
        raise InputError(
            f"{' and '.join(named) or 'none'} given; a wave is given exactly two of "
            "frequency (Hz), wavelength (mm) and speed (mm/s)"
        )
    for name in named:
        value, unit = given[name]
        assert value is not None
        check_positive(name, value, unit)
    if speed is None:
        assert frequency is not None and wavelength is not None
        speed = frequency * wavelength
    elif wavelength is None:
        assert frequency is not None
        wavelength = speed / frequency
    else:
        frequency = speed / wavelength
    return float(frequency), float(wavelength), float(speed)


def check_wavelength(places: Places, wavelength: float, *, aliased: bool) -> Truth:
    """Raise `InputError` where sites are too far apart; what truth says of it."""
    if wavelength >= 2 * places.pitch:
        return {}
    if not aliased:
        raise InputError(
            f"wavelength is {wavelength:g} mm, below 2 pitches of {places.pitch:g} mm: "
            "sites so far apart see another wave, which may travel the other way; "
            "aliased=True makes it all the same"
        )
    return {"aliased": True}


def along(
    places: Places, direction: float, point: tuple[float, float] = (0.0, 0.0)
) -> np.ndarray:
    """Distance of every site from `point` along `direction` (deg), in mm."""
    if not np.isfinite(direction):
        raise InputError(f"direction is {direction} deg, not finite")
    angle = np.deg2rad(direction)
    across, up = places.x - point[0], places.y - point[1]
    return across * np.cos(angle) + up * np.sin(angle)


def wrapped(direction: float) -> float:
    return float((direction + 180) % 360 - 180)


def pair(centre: tuple[float, float]) -> list[float]:
    return [float(centre[0]), float(centre[1])]
