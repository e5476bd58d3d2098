"""Pulses that pass at a speed, and the time of their peak at every site."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.synthetic.course import check_positive, frame_count
from cortexwave.synthetic.lags import along, pair, wrapped
from cortexwave.synthetic.places import Places, SitesLike, places_of
from cortexwave.synthetic.truths import Stored, Truth, as_recording, episodes, stored


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
    frames, kept = frame_count(duration, rate), stored(dtype)
    if not width * rate >= 1 or not np.isfinite(width):
        raise InputError(
            f"width of the pulse is {width} s; a Gaussian needs at least one frame, "
            f"{1 / rate} s, or its frequencies exceed {rate / 2} Hz"
        )
    if (
        times.ndim != 1
        or not times.size
        or not ((times >= 0) & (times <= duration)).all()
    ):
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
        truth["direction"] = wrapped(direction)
    else:
        truth |= {"centre": pair(centre), "spread": "out"}
    peaks = times[:, None] + _delays(places, truth)  # (pulse, site)
    truth["start"] = float(max(0.0, peaks.min() - 3 * width))
    truth["end"] = float(min(duration, peaks.max() + 3 * width))
    time = np.arange(frames)[:, None] / rate
    values = np.zeros((frames, places.count), kept)
    for peak in peaks:
        # beyond 6 sd nothing is left of it, so no frames are touched there
        first = max(0, int(np.floor((peak.min() - 6 * width) * rate)))
        last = max(first, int(np.ceil((peak.max() + 6 * width) * rate)))
        shape = np.exp(-(((time[first:last] - peak) / width) ** 2) / 2)
        values[first:last] += (amplitude * shape).astype(kept)
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
    return along(places, truth["direction"]) / truth["speed"]
