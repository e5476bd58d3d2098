"""Waves whose phase is known at every site: plane, radial, rotating, standing, pulses.

Every oscillating field is A cos(2 pi f t + phase - lag(r)), with the lag in rad; it
travels where the lag grows. Of frequency, wavelength and speed two are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.synthetic.course import Course, Window, check_positive, frame_count
from cortexwave.synthetic.places import Places, SitesLike, places_of
from cortexwave.synthetic.truth import (
    Stored,
    Truth,
    as_recording,
    episodes,
)

Spread = Literal["out", "in"]


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
    frequency, wavelength, speed = _dispersed(frequency, wavelength, speed)
    places = places_of(sites)
    _check_wavelength(places, wavelength, aliased=aliased)
    course = Course(duration, rate, frequency, phase, window)
    lag = 2 * np.pi / wavelength * _along(places, direction)
    truth = {"kind": "plane", "travels": True, "wavelength": wavelength,
             "speed": speed, "direction": _wrapped(direction)}  # fmt: skip
    return _oscillation(places, course, lag, amplitude, truth, dtype)


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
    frequency, wavelength, speed = _dispersed(frequency, wavelength, speed)
    places = places_of(sites)
    _check_wavelength(places, wavelength, aliased=aliased)
    course = Course(duration, rate, frequency, phase, window)
    distance, _ = places.from_point(centre)
    lag = _outward(spread) * 2 * np.pi / wavelength * distance
    truth = {"kind": "source" if spread == "out" else "sink", "travels": True,
             "wavelength": wavelength, "speed": speed, "centre": _pair(centre),
             "spread": spread}  # fmt: skip
    return _oscillation(places, course, lag, amplitude, truth, dtype)


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
    truth = {"kind": "rotating", "travels": True, "centre": _pair(centre),
             "handedness": handedness, "arms": arms, "core": float(core),
             "angular_speed": 2 * np.pi * frequency / arms}  # fmt: skip
    strength = amplitude * _around_core(distance, core)
    return _oscillation(places, course, turns * angle, strength, truth, dtype)


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
    frequency, wavelength, speed = _dispersed(frequency, wavelength, speed)
    places = places_of(sites)
    _check_wavelength(places, wavelength, aliased=aliased)
    course = Course(duration, rate, frequency, phase, window)
    distance, angle = places.from_point(centre)
    outward = _outward(spread) * 2 * np.pi / wavelength * distance
    truth = {"kind": "spiral", "travels": True, "wavelength": wavelength,
             "speed": speed, "centre": _pair(centre), "handedness": handedness,
             "spread": spread, "arms": arms, "core": float(core),
             "angular_speed": 2 * np.pi * frequency / arms}  # fmt: skip
    lag = _turns(handedness, arms) * angle + outward
    strength = amplitude * _around_core(distance, core)
    return _oscillation(places, course, lag, strength, truth, dtype)


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
    _check_wavelength(places, wavelength, aliased=aliased)
    course = Course(duration, rate, frequency, phase, window)
    k = 2 * np.pi / wavelength
    along = _along(places, direction, antinode)
    truth = {"kind": "standing", "travels": False, "wavelength": float(wavelength),
             "direction": _wrapped(direction), "antinode": _pair(antinode)}  # fmt: skip
    return _oscillation(
        places, course, np.zeros(places.count), amplitude * np.cos(k * along),
        {**truth, "amplitude": float(amplitude)}, dtype,
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
    truth = {"kind": "synchronous", "travels": False}
    return _oscillation(places, course, np.zeros(places.count), amplitude, truth, dtype)


def pulse(
    sites: SitesLike,
    *,
    duration: float,
    rate: float,
    speed: float,
    width: float,
    at: float | Sequence[float],
    direction: float | None = None,
    centre: tuple[float, float] | None = None,
    amplitude: float = 1.0,
    dtype: Stored = "float64",
) -> xr.Dataset:
    """A recording (uV) of pulses, Gaussian in time, that pass at `speed` mm/s.

    With `direction` (deg) a straight front, which passes (0, 0) at the times `at`
    (s); with `centre` (x, y) in mm a ring, which leaves the centre at those times.
    `width` (s) is the standard deviation in time. `peak_times` gives the time of the
    peak at every site. It has no window: `at` places it.
    """
    check_positive("speed", speed, "mm/s")
    times = np.atleast_1d(np.asarray(at, dtype=float))
    frames = frame_count(duration, rate)
    if not width * rate >= 1 or not np.isfinite(width):
        raise InputError(
            f"width of the pulse is {width} s; a Gaussian needs at least one frame, "
            f"{1 / rate} s, or its frequencies exceed {rate / 2} Hz"
        )
    if times.ndim != 1 or not ((times >= 0) & (times <= duration)).all():
        raise InputError(
            f"at is {at!r} s; it is one or more times from 0 to {duration}"
        )
    if (direction is None) == (centre is None):
        raise InputError(
            "a pulse is given either direction (deg), for a straight front, or centre "
            "(x, y in mm), for a ring"
        )
    places = places_of(sites)
    truth: Truth = {"kind": "pulse", "travels": True, "start": 0.0,
                    "end": float(duration), "speed": float(speed),
                    "width": float(width), "amplitude": float(amplitude),
                    "times": times.tolist()}  # fmt: skip
    if centre is None:
        assert direction is not None
        truth["direction"] = _wrapped(direction)
    else:
        truth |= {"centre": _pair(centre), "spread": "out"}
    peaks = times[:, None] + _delays(places, truth)  # (pulse, site)
    truth["start"] = float(max(0.0, peaks.min() - 3 * width))
    truth["end"] = float(min(duration, peaks.max() + 3 * width))
    time = np.arange(frames)[:, None] / rate
    values = np.zeros((frames, places.count), dtype)
    for peak in peaks:
        # beyond 6 sd nothing is left of it, so no frames are touched there
        first = max(0, int(np.floor((peak.min() - 6 * width) * rate)))
        last = max(first, int(np.ceil((peak.max() + 6 * width) * rate)))
        shape = np.exp(-(((time[first:last] - peak) / width) ** 2) / 2)
        values[first:last] += (amplitude * shape).astype(dtype)
    return as_recording(places, values, rate=rate, truth=truth)


def peak_times(recording: xr.Dataset) -> xr.DataArray:
    """When each pulse of a made recording peaks at each site, in s: (pulse, site...).

    The sites have the dims of the recording, (y, x) or (channel). Times may lie
    beyond the end of the recording, for sites that the pulse reaches later.
    """
    places = places_of(recording)
    found = [part for part in episodes(recording) if part["kind"] == "pulse"]
    if not found:
        raise InputError("peak_times: the recording holds no pulse")
    each = [np.array(part["times"])[:, None] + _delays(places, part) for part in found]
    peaks = np.concatenate(each).reshape(-1, *places.shape)
    return xr.DataArray(
        peaks, places.coords, ("pulse", *places.dims), "peak_time", {"units": "s"}
    )


def _delays(places: Places, truth: Truth) -> np.ndarray:
    """How long after its reference a pulse passes each site, in s."""
    if "centre" in truth:
        return places.from_point(tuple(truth["centre"]))[0] / truth["speed"]
    return _along(places, truth["direction"]) / truth["speed"]


def _oscillation(
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
    spatial = np.stack([np.cos(lag), np.sin(lag)]) * amplitude  # (2, site)
    # cos(a - b) as a product of two thin matrices: no cosine per site and frame
    values = course.quadratures().astype(dtype) @ spatial.astype(dtype)
    largest = {"amplitude": float(np.max(amplitude))}
    return as_recording(
        places, values, rate=course.rate,
        truth={"kind": truth["kind"], **course.truth, **largest, **truth},
    )  # fmt: skip


def _dispersed(
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


def _check_wavelength(places: Places, wavelength: float, *, aliased: bool) -> None:
    if not aliased and wavelength < 2 * places.pitch:
        raise InputError(
            f"wavelength is {wavelength:g} mm, below 2 pitches of {places.pitch:g} mm: "
            "sites so far apart see another wave, which may travel the other way; "
            "aliased=True makes it all the same"
        )


def _along(
    places: Places, direction: float, point: tuple[float, float] = (0.0, 0.0)
) -> np.ndarray:
    """Distance of every site from `point` along `direction` (deg), in mm."""
    if not np.isfinite(direction):
        raise InputError(f"direction is {direction} deg, not finite")
    angle = np.deg2rad(direction)
    across, up = places.x - point[0], places.y - point[1]
    return across * np.cos(angle) + up * np.sin(angle)


def _wrapped(direction: float) -> float:
    return float((direction + 180) % 360 - 180)


def _pair(centre: tuple[float, float]) -> list[float]:
    return [float(centre[0]), float(centre[1])]


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
