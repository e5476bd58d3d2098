"""A recording as waves: phase, amplitude, frequency and phase gradient in one band.

This is what every measure of waves begins with. amplitude * exp(i phase) is the
analytic signal of the band-passed field; phase grows in time, so what travels goes
against the phase gradient (and along it where the frequency is negative).
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import scipy.signal
import xarray as xr

from cortexwave import schema
from cortexwave.analysis.gradient import gradient_of_phase
from cortexwave.analysis.sites import (
    Sites,
    channel_names,
    courses_of,
    like,
    live_sites,
    picked,
    sampling_rate,
    sites_of,
)
from cortexwave.errors import InputError

PhaseMethod = Literal["generalized", "hilbert", "morlet"]

_LEAST = 3  # sites along each axis
_UNITS = {"phase": "rad", "frequency": "Hz"} | {
    f"gradient_{axis}": "rad/mm" for axis in "yx"
}


def wave_field(
    recording: xr.Dataset,
    *,
    band: tuple[float, float],
    variable: str | None = None,
    method: PhaseMethod = "generalized",
    order: int = 4,
    neighbourhood: float | None = None,
) -> xr.Dataset:
    """Phase, amplitude, frequency and phase gradient of a recording in a band (Hz).

    On the dims of the field: `phase` (rad, in [-pi, pi)), `amplitude` (units of the
    field), `frequency` (Hz, instantaneous and signed, of the analytic signal before
    any repair; NaN at the last frame), `gradient_y` and `gradient_x` (rad/mm, where
    phase grows; `analysis.gradient.gradient_of_phase`, with `neighbourhood` in mm for
    scattered electrodes), and `valid` (time): what the ends of the filter do not spoil.
    Sites that are missing or never change are NaN. Of a line of sites along an axis
    only the gradient along it is known, the other is NaN; a plane needs 3 x 3 live
    sites.
    """
    if method not in get_args(PhaseMethod):
        raise InputError(f"method is {method!r}; it can be {get_args(PhaseMethod)}")
    values = picked(recording, variable)
    rate = sampling_rate(values)
    sites = sites_of(values)
    shape = (values.sizes.get("trial", 1), values.sizes.get("feature", 1),
             values.sizes["time"], sites.count)  # fmt: skip
    names = ("phase", "amplitude", "frequency", "gradient_y", "gradient_x")
    found = {name: np.full(shape, np.nan) for name in names}
    for trial in range(shape[0]):
        for feature in range(shape[1]):
            # read part by part: an opened recording need not fit in memory twice
            part = {dim: [k] for dim, k in (("trial", trial), ("feature", feature))
                    if dim in values.dims}  # fmt: skip
            courses = courses_of(values.isel(part))[0, 0]
            live = _live(values, courses, sites, part)
            analytic = _analytic(courses[live], rate, band, method, order)
            phase = np.angle(analytic)
            for name, each in (
                ("phase", np.where(phase >= np.pi, -np.pi, phase)),
                ("amplitude", np.abs(analytic)),
                ("frequency", _frequency(analytic, rate)),
            ):
                found[name][trial, feature][:, live] = each.T
            slopes = gradient_of_phase(
                found["phase"][trial, feature], sites, neighbourhood=neighbourhood
            )
            found["gradient_y"][trial, feature] = slopes[0]
            found["gradient_x"][trial, feature] = slopes[1]
    edge = 3 / (band[1] - band[0])
    time = values["time"].values
    valid = (time - time[0] >= edge) & (time[-1] - time >= edge)
    variables = {
        name: like(values, each).assign_attrs(
            units=_UNITS.get(name, values.attrs["units"])
        )
        for name, each in found.items()
    }
    field = xr.Dataset(variables, attrs=recording.attrs)
    field["valid"] = ("time", valid, {"units": "1"})
    field.attrs |= {
        "variable": str(values.name), "band": [float(f) for f in band],
        "phase_method": method, "sampling_rate": rate, "edge": edge,
        "filter": f"zero-phase Butterworth of order {order}",
        "reference": str(recording.attrs.get("reference", "")),
    }  # fmt: skip
    schema.validate_wave_field(field)
    return field


def _analytic(
    courses: np.ndarray,
    rate: float,
    band: tuple[float, float],
    method: PhaseMethod,
    order: int,
) -> np.ndarray:
    """(site, time), complex."""
    sections = scipy.signal.butter(order, band, "bandpass", fs=rate, output="sos")
    return scipy.signal.hilbert(scipy.signal.sosfiltfilt(sections, courses))


def _frequency(analytic: np.ndarray, rate: float) -> np.ndarray:
    change = np.angle(analytic[:, 1:] * analytic[:, :-1].conj())
    return np.pad(change * rate / (2 * np.pi), ((0, 0), (0, 1)), constant_values=np.nan)


def _live(
    values: xr.DataArray, courses: np.ndarray, sites: Sites, part: dict[str, list[int]]
) -> np.ndarray:
    """Which sites (site,) of the courses (site, time) say something; enough of them."""
    live = live_sites(courses.T)
    place = f"field '{values.name}'" + "".join(f", {d} {k[0]}" for d, k in part.items())
    gaps = np.sum(~np.isfinite(courses), axis=1)
    broken = np.flatnonzero(live & (gaps > 0))
    if broken.size:
        shown = ", ".join(
            f"{_name(values, sites, k)} ({gaps[k]} of {courses.shape[1]})"
            for k in broken[:8]
        )
        raise InputError(
            f"{place}: values are missing or not finite at {broken.size} site(s) that "
            f"have others: {shown}; cut them out, or make the sites all NaN"
        )
    if not live.any():
        raise InputError(f"{place}: no site is live; all are missing or constant")
    _check_enough(place, sites, live)
    return live


def _check_enough(place: str, sites: Sites, live: np.ndarray) -> None:
    count = int(live.sum())
    if sites.is_plane:
        rows = [_distinct(sites.positions[live, axis], sites.pitch) for axis in (1, 0)]
        if count < _LEAST**2 or min(rows) < _LEAST:
            raise InputError(
                f"{place}: {count} live site(s) in {rows[0]} row(s) and {rows[1]} "
                f"column(s); a phase gradient in the plane needs at least "
                f"{_LEAST} x {_LEAST}, or one line of them along x or y"
            )
        return
    across = np.ptp(sites.positions, axis=0)
    if min(across) > 0.02 * sites.pitch:
        raise InputError(
            f"{place}: the sites stand in one line that is not along x or y; lay it "
            "along x, so that its one gradient has a name"
        )
    if count < _LEAST:
        raise InputError(
            f"{place}: {count} live site(s) on a line; a phase gradient needs at least "
            f"{_LEAST}"
        )


def _distinct(at: np.ndarray, pitch: float) -> int:
    return 1 + int(np.sum(np.diff(np.sort(at)) > 0.02 * pitch)) if at.size else 0


def _name(values: xr.DataArray, sites: Sites, site: int) -> str:
    if "channel" in values.dims:
        return f"channel {channel_names(values)[site]}"
    x, y = sites.positions[site]
    return f"(x, y) = ({x:g}, {y:g}) mm"
