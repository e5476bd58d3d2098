"""A recording as waves: phase, amplitude, frequency and phase gradient in one band.

This is what every measure of waves begins with. amplitude * exp(i phase) is the
analytic signal of the band-passed field; phase grows in time, so what travels goes
against the phase gradient (and along it where the frequency is negative).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.analysis.bands import check_band
from cortexwave.analysis.copied_sites import copies, is_measured, tell_copies
from cortexwave.analysis.filters import butterworth, edge_seconds
from cortexwave.analysis.gradient import gradient_of_phase
from cortexwave.analysis.phase import (
    analytic_signal,
    generalized_phase,
    instantaneous_frequency,
    morlet,
    morlet_edge_seconds,
)
from cortexwave.analysis.sites import (
    Sites,
    courses_of,
    like,
    live_sites,
    picked,
    sampling_rate,
    site_name,
    sites_of,
)
from cortexwave.errors import InputError

PhaseMethod = Literal["generalized", "hilbert", "morlet"]

_LEAST = 3  # sites along each axis
_FEWEST_CYCLES = 2
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
    margins: tuple[int, int] = (0, 0),
) -> xr.Dataset:
    """Phase, amplitude, frequency and phase gradient of a recording in a band (Hz).

    On the dims of the field: `phase` (rad, in [-pi, pi)), `amplitude` (units of the
    field), `frequency` (Hz, instantaneous and signed, of the analytic signal before
    any repair; NaN at the last frame), `gradient_y` and `gradient_x` (rad/mm, where
    phase grows; `analysis.gradient.gradient_of_phase`, with `neighbourhood` in mm for
    scattered electrodes), and `valid` (time): what the ends of the filter do not spoil.
    Sites that are missing or never change are NaN; sites that carry the very signal of
    another are warned of, and counted as the attribute `copies`, unless `origin` is a
    model or synthetic, whose sites may well be alike. Of a line of sites along an axis
    only the gradient along it is known, the other is NaN; a plane needs 3 x 3 live
    sites.

    `margins`: so many frames at the start and the end were read beyond a cut, for the
    filter alone (`analysis.filters.blocks`); they are tapered, not valid, and to be
    dropped. 0 where the recording itself begins or ends.
    """
    if method not in get_args(PhaseMethod):
        raise InputError(f"method is {method!r}; it can be {get_args(PhaseMethod)}")
    values = picked(recording, variable)
    rate = sampling_rate(values)
    check_band(band, rate)
    sites = sites_of(values)
    chosen = _Method(method, rate, (float(band[0]), float(band[1])), order, margins)
    time = np.asarray(values["time"].values, dtype=float)
    valid = _valid(time, chosen)
    valid[: margins[0]] = False
    valid[time.size - margins[1] :] = False
    if "valid" in values.coords:  # what another filter has spoilt before
        valid &= np.asarray(values["valid"].values, dtype=bool)
        values = values.drop_vars("valid")
        if not valid.any():
            raise InputError(
                f"field '{values.name}': together with the filters before this one "
                f"({recording.attrs.get('filter_chain', 'unnamed')}) no frame is left "
                "unspoilt; give a longer recording, or an unfiltered one"
            )
    found, twins = _measured(values, sites, chosen, neighbourhood)
    twins = twins if is_measured(recording) else []
    tell_copies(values, sites, twins)
    field = xr.Dataset(
        {
            name: like(values, each).assign_attrs(
                units=_UNITS.get(name, values.attrs["units"])
            )
            for name, each in found.items()
        },
        attrs=recording.attrs,
    )
    field["valid"] = ("time", valid, {"units": "1"})
    field.attrs |= {
        "variable": str(values.name), "band": [float(f) for f in band],
        "phase_method": method, "sampling_rate": rate, "edge": chosen.edge,
        "filter": chosen.words, "reference": recording.attrs.get("reference", ""),
        "copies": len(twins),
    }  # fmt: skip
    schema.validate_wave_field(field)
    return field


@dataclass(frozen=True)
class _Method:
    """How phase is had from courses; says at once what cannot be."""

    name: PhaseMethod
    rate: float
    band: tuple[float, float]
    order: int
    margins: tuple[int, int]

    def __post_init__(self) -> None:
        if self.name == "morlet" and self.cycles < _FEWEST_CYCLES:
            raise InputError(
                f"band {self.band[0]:g} to {self.band[1]:g} Hz is too wide for a "
                f"Morlet wavelet: it would have {self.cycles:.2g} cycles, and below "
                f"{_FEWEST_CYCLES} it has no one sense of turning; narrow the band, or "
                "use method 'generalized'"
            )

    @property
    def centre(self) -> float:
        """Hz."""
        return (self.band[0] + self.band[1]) / 2

    @property
    def cycles(self) -> float:
        """Of the wavelet whose gain falls to 1/2 at the edges of the band."""
        half = (self.band[1] - self.band[0]) / 2
        return float(self.centre * np.sqrt(2 * np.log(2)) / half)

    @property
    def edge(self) -> float:
        """How far the ends are spoilt, in s."""
        if self.name == "morlet":
            return morlet_edge_seconds(frequency=self.centre, cycles=self.cycles)
        return edge_seconds(rate=self.rate, band=self.band, order=self.order)

    @property
    def words(self) -> str:
        ends = f"; {self.edge:.3g} s at each end not valid"
        if self.name == "morlet":
            return (
                f"Morlet wavelet at {self.centre:g} Hz, {self.cycles:.3g} cycles{ends}"
            )
        return (
            f"Butterworth {self.band[0]:g} to {self.band[1]:g} Hz of order {self.order}"
            f", forwards and backwards, ends continued by point reflection over "
            f"{6 * self.order} samples{ends}"
        )

    def analytic(self, courses: np.ndarray) -> np.ndarray:
        """(site, time) to complex (site, time)."""
        if self.name == "morlet":
            return morlet(
                courses, rate=self.rate, frequency=self.centre, cycles=self.cycles
            )
        return analytic_signal(
            butterworth(courses, rate=self.rate, band=self.band, order=self.order),
            taper=self.margins,
        )

    def phase(self, analytic: np.ndarray) -> np.ndarray:
        """Of complex (site, time), in [-pi, pi)."""
        if self.name == "generalized":
            return generalized_phase(analytic, rate=self.rate)[0]
        phase = np.angle(analytic)
        return np.where(phase >= np.pi, -np.pi, phase)


def _valid(time: np.ndarray, method: _Method) -> np.ndarray:
    """Frames (time,) farther from both ends than those spoil them; one at least."""
    edge, span = method.edge, time[-1] - time[0]
    near = 1e-6 / method.rate
    valid = (time - time[0] >= edge - near) & (time[-1] - time >= edge - near)
    if not valid.any():
        low, high = method.band
        raise InputError(
            f"the recording lasts {span:.3g} s; at {low:g} to {high:g} Hz the filter "
            f"spoils {edge:.3g} s at each end, so it takes more than {2 * edge:.3g} s"
        )
    return valid


def _measured(
    values: xr.DataArray, sites: Sites, method: _Method, neighbourhood: float | None
) -> tuple[dict[str, np.ndarray], list[tuple[int, int]]]:
    """Each quantity (trial, feature, time, site), and copies; read part by part.

    An opened recording need not fit in the memory beside what is made of it.
    """
    shape = (values.sizes.get("trial", 1), values.sizes.get("feature", 1),
             values.sizes["time"], sites.count)  # fmt: skip
    names = ("phase", "amplitude", "frequency", "gradient_y", "gradient_x")
    found = {name: np.full(shape, np.nan) for name in names}
    twins: list[tuple[int, int]] = []
    for trial, feature in np.ndindex(shape[:2]):
        part = {dim: [k] for dim, k in (("trial", trial), ("feature", feature))
                if dim in values.dims}  # fmt: skip
        courses = courses_of(values.isel(part))[0, 0]
        live = _live(values, courses, sites, part)
        twins = twins or copies([courses.T], live)
        analytic = method.analytic(courses[live])
        for name, each in (
            ("phase", method.phase(analytic)),
            ("amplitude", np.abs(analytic)),
            ("frequency", instantaneous_frequency(analytic, method.rate)),
        ):
            found[name][trial, feature][:, live] = each.T
        found["gradient_y"][trial, feature], found["gradient_x"][trial, feature] = (
            gradient_of_phase(
                found["phase"][trial, feature], sites, neighbourhood=neighbourhood
            )
        )
    return found, twins


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
            f"{site_name(values, sites, k)} ({gaps[k]} of {courses.shape[1]})"
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
            "along x (to_grid does), so that its one gradient has a name"
        )
    if count < _LEAST:
        raise InputError(
            f"{place}: {count} live site(s) on a line; a phase gradient needs at least "
            f"{_LEAST}"
        )


def _distinct(at: np.ndarray, pitch: float) -> int:
    return 1 + int(np.sum(np.diff(np.sort(at)) > 0.02 * pitch)) if at.size else 0
