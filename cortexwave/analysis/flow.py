"""How fast, and where to, phase moves at every site: the velocity field of a wave.

A phase that keeps its value along its path obeys phi_t + v . grad phi = 0. That fixes
one component of v, the one along the phase gradient: the `normal_flow`. The other,
along the crests, is not in the data (the aperture problem) and comes from a demand:
the `robust_flow` is as smooth in space as the data allow. Of a plane wave it can say
no more than the normal flow; other tools, run on one without noise, gave any
direction, with the right component along the wave vector.

Both stand between a frame and the next, and are labelled with the time of the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.analysis.flow_solver import robust_horn_schunck
from cortexwave.analysis.sites import Sites, frames_of, like, sampling_rate, sites_of
from cortexwave.errors import InputError

# A gradient below it is rounding: one turn over more than a million sites.
_NULL = 1e-6  # rad per pitch
_LEAST = 3  # live sites along each axis
_SLAB = 2**19  # values of one variable that are worked on at a time
# place among (trial, feature, time), change in rad/s, slopes along y and x in rad/mm
# and live sites, each (pair of frames, site)
_Place = tuple[int, int, slice]
_Part = tuple[_Place, np.ndarray, tuple[np.ndarray, np.ndarray], np.ndarray]
_TIME = "velocity at t is that from t to the next frame"


def normal_flow(field: xr.Dataset) -> xr.Dataset:
    """Velocity along the phase gradient, `velocity_y` and `velocity_x` in mm/s.

    -phi_t g / |g|^2 with phi_t the change of phase to the next frame, on the circle,
    and g the mean of both frames' gradients: dims of `phase`, one frame fewer, on a
    lattice or scattered electrodes. NaN where a site is missing and where there is no
    gradient (synchrony), as any velocity would do there; where the gradient is all but
    null speeds are as large as noise makes them, so judge them with a measure that is
    not a speed. `valid`: both frames are.
    """
    pairs = _Pairs.of(field)
    found = pairs.empty()
    for place, change, slopes, _ in pairs:
        square = slopes[0] ** 2 + slopes[1] ** 2
        square[~(square > pairs.null**2)] = np.nan
        for velocity, slope in zip(found, slopes, strict=True):
            velocity[place] = -change * slope / square
    return pairs.labelled(found).assign_attrs(flow_method="normal")


def robust_flow(
    field: xr.Dataset,
    *,
    smoothness: float,
    robustness: float,
    tolerance: float = 1e-3,
    longest: int = 200,
) -> xr.Dataset:
    """Velocity by robust Horn-Schunck, `velocity_y` and `velocity_x` in mm/s.

    Dims of `phase` (a lattice), one frame fewer. `smoothness` is alpha, without unit;
    `robustness` beta in rad/s, the size of errors (of phase change, and of velocity
    change per mm) from which on they count less than their square. Townsend & Gong
    (2018) use alpha 0.5 and beta 1 rad per frame: 0.5 and the sampling rate. With a
    small alpha the component along the gradient is that of `normal_flow`.

    Per frame: `converged`, `iterations` (settings of the robust weights, at most
    `longest`), `relative_change` of the flow in the last, and `residual` of the
    equations relative to that of no flow, which has to fall below `tolerance`; the
    flow is then about as near to the minimum. Every frame starts from rest, so none
    depends on another. Missing sites take no part and are NaN, and so are sites that
    no data reach; a frame without any is not `converged`.
    """
    _check("smoothness", smoothness)
    _check("robustness", robustness, " rad/s")
    _check("tolerance", tolerance)
    if longest < 1:
        raise InputError(f"longest is {longest}; it has to be at least 1 iteration")
    pairs = _Pairs.of(field)
    shape, spacing = pairs.lattice()
    found = pairs.empty()
    course = {name: np.zeros(found[0].shape[:3]) for name in
              ("iterations", "relative_change", "residual", "converged")}  # fmt: skip
    for place, change, slopes, live in pairs:
        known = live & (np.hypot(*slopes) > pairs.null)
        on = [a.reshape(-1, *shape) for a in (*slopes, change, live, known)]
        reached = _reached(on[3], on[4])
        steep = [np.where(on[4], slope, np.nan) for slope in on[:2]]
        solution = robust_horn_schunck(
            steep[0], steep[1], on[2], live=reached, spacing=spacing,
            smoothness=smoothness, robustness=robustness, tolerance=tolerance,
            longest=longest,
        )  # fmt: skip
        found[0][place] = solution.velocity_y.reshape(change.shape)
        found[1][place] = solution.velocity_x.reshape(change.shape)
        some = known.any(axis=-1)
        course["converged"][place] = solution.converged & some
        course["iterations"][place] = np.where(some, solution.iterations, 0)
        for name in ("relative_change", "residual"):
            course[name][place] = np.where(some, getattr(solution, name), np.nan)
    flow = pairs.labelled(found)
    for name, values in course.items():
        flow[name] = pairs.per_frame(values)
    return flow.assign(
        converged=flow["converged"].astype(bool),
        iterations=flow["iterations"].astype(int),
    ).assign_attrs(
        flow_method="robust Horn-Schunck", smoothness=smoothness,
        robustness=robustness, tolerance=tolerance,
    )  # fmt: skip


def _check(name: str, value: float, unit: str = "") -> None:
    if not (np.isfinite(value) and value > 0):
        raise InputError(f"{name} is {value:g}{unit}; it has to be above 0")


def _reached(live: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Live sites that are joined to one with data, through live neighbours."""
    reached = known
    while True:
        grown = reached.copy()
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        grown[:, :, 1:] |= reached[:, :, :-1]
        grown[:, :, :-1] |= reached[:, :, 1:]
        grown &= live
        if np.array_equal(grown, reached):
            return reached
        reached = grown


@dataclass(frozen=True)
class _Pairs:
    """A wave field as pairs of frames that follow each other."""

    field: xr.Dataset
    sites: Sites
    rate: float

    @classmethod
    def of(cls, field: xr.Dataset) -> _Pairs:
        schema.validate_wave_field(field)
        missing = [a for a in "yx" if f"gradient_{a}" not in field]
        sites = sites_of(field["phase"])
        if missing or not sites.is_plane:
            raise InputError(
                "the sites of the wave field stand in one line; flow is a velocity in "
                "the plane and needs sites in two dimensions"
            )
        return cls(field, sites, sampling_rate(field["phase"]))

    @property
    def shape(self) -> tuple[int, int, int, int]:
        sizes = self.field["phase"].sizes
        return (sizes.get("trial", 1), sizes.get("feature", 1), sizes["time"] - 1,
                self.sites.count)  # fmt: skip

    @property
    def null(self) -> float:
        return _NULL / self.sites.pitch

    def lattice(self) -> tuple[tuple[int, int], tuple[float, float]]:
        if self.sites.shape is None or self.sites.spacing is None:
            raise InputError(
                "the sites of the wave field are scattered electrodes; robust flow "
                "needs neighbours on a lattice: make the wave field of "
                "on_lattice(recording), or use normal_flow"
            )
        phase = self.field["phase"]
        live = phase.notnull().any([d for d in phase.dims if d not in ("y", "x")])
        rows = [int(live.any(other).sum()) for other in ("x", "y")]
        if min(rows) < _LEAST:
            raise InputError(
                f"the wave field has live sites in {rows[0]} row(s) and {rows[1]} "
                f"column(s); robust flow needs at least {_LEAST} of each"
            )
        return self.sites.shape, self.sites.spacing

    def empty(self) -> tuple[np.ndarray, np.ndarray]:
        return np.full(self.shape, np.nan), np.full(self.shape, np.nan)

    def __iter__(self) -> Iterator[_Part]:
        """Read part by part, so that a field that is kept in a file can be long."""
        trials, features, count, sites = self.shape
        step = max(1, _SLAB // sites)
        for trial in range(trials):
            for feature in range(features):
                for start in range(0, count, step):
                    stop = min(start + step, count)
                    phase, *slopes = (
                        self._part(name, trial, feature, slice(start, stop + 1))
                        for name in ("phase", "gradient_y", "gradient_x")
                    )
                    change = np.diff(phase, axis=0)
                    change -= 2 * np.pi * np.rint(change / (2 * np.pi))
                    y, x = ((slope[1:] + slope[:-1]) / 2 for slope in slopes)
                    place = trial, feature, slice(start, stop)
                    yield place, change * self.rate, (y, x), np.isfinite(change)

    def _part(self, name: str, trial: int, feature: int, time: slice) -> np.ndarray:
        values = self.field[name].isel(time=time)
        one = {dim: [k] for dim, k in (("trial", trial), ("feature", feature))
               if dim in values.dims}  # fmt: skip
        return frames_of(values.isel(one))[0, 0]

    def labelled(self, found: tuple[np.ndarray, np.ndarray]) -> xr.Dataset:
        first = self.field["phase"].isel(time=slice(0, -1))
        flow = xr.Dataset(
            {f"velocity_{axis}": like(first, values).assign_attrs(units="mm/s")
             for axis, values in zip("yx", found, strict=True)},
            attrs={**self.field.attrs, "flow_time": _TIME},
        )  # fmt: skip
        valid = self.field["valid"].values
        flow["valid"] = ("time", valid[:-1] & valid[1:], {"units": "1"})
        return flow

    def per_frame(self, values: np.ndarray) -> xr.DataArray:
        """(trial, feature, time) on those of the field's dims that it has."""
        phase = self.field["phase"].isel(time=slice(0, -1))
        named = xr.DataArray(values, dims=("trial", "feature", "time"))
        absent = [dim for dim in ("trial", "feature") if dim not in phase.dims]
        dims = [dim for dim in ("trial", "time", "feature") if dim in phase.dims]
        named = named.isel(dict.fromkeys(absent, 0)).transpose(*dims)
        return named.assign_attrs(units="1")
