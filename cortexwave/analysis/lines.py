"""A field of a recording as lines of sites, checked for what velocity needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError

Axis = Literal["x", "y"]
_CONVENTION = "positive towards +{axis}; the sign of Keller et al. 2024 is the opposite"
_LEAST = 4  # frames and sites


@dataclass(frozen=True)
class SiteLines:
    """A field as lines of sites: (feature, line, time, site), read part by part."""

    values: xr.DataArray
    step: float  # s
    spacing: float  # mm
    along: Axis
    attributes: dict[str, object]

    @property
    def frames(self) -> int:
        return self.values.sizes["time"]

    @property
    def sites(self) -> int:
        return self.values.sizes[self.along]

    @property
    def parts(self) -> list[str]:
        features = self.values.sizes["feature"]
        each = [f"feature {k}" for k in range(features)] if features > 1 else []
        return [*each, "whole"]

    def features(self) -> Iterator[np.ndarray]:
        """Each feature's lines (line, time, site), without what says no velocity."""
        for k in range(self.values.sizes["feature"]):
            lines = np.asarray(self.values.isel(feature=k).values, dtype=float)
            if not np.isfinite(lines).all():
                missing = int(np.sum(~np.isfinite(lines)))
                raise InputError(
                    f"variable '{self.values.name}': {missing} of {lines.size} values "
                    f"of feature {k} are missing or not finite; a spectrum needs them "
                    "all, so choose times and sites that have them"
                )
            change = lines - lines.mean(axis=1, keepdims=True)
            change -= change.mean(axis=2, keepdims=True)
            # what rounding leaves of a field that stands still is no movement
            still = np.abs(change).max() <= 1e-10 * np.abs(lines).max()
            yield np.zeros_like(change) if still else change


def site_lines(recording: xr.Dataset, variable: str, along: str) -> SiteLines:
    schema.validate(recording, schema.RECORDING)
    if along not in get_args(Axis):
        raise InputError(f"velocity is measured along 'x' or 'y', not {along!r}")
    names = schema.field_names(recording)
    if variable not in names:
        raise InputError(f"no field '{variable}' in the recording; it has {names}")
    values = recording[variable]
    if along not in values.dims:
        raise InputError(f"field '{variable}' has dims {values.dims}, not '{along}'")
    if np.iscomplexobj(values) or values.attrs["units"] == "rad":
        raise InputError(
            f"field '{variable}' is complex or an angle, which jumps where it wraps; "
            "give its real part or its cosine"
        )
    intervals = {}
    for axis in ("time", along):
        at = np.asarray(values[axis].values, dtype=float)
        if at.size < _LEAST:
            raise InputError(
                f"field '{variable}' has {at.size} values along '{axis}'; velocity "
                f"needs at least {_LEAST}"
            )
        steps = np.diff(at)
        # clocks are often stored in single precision or counted up
        if steps[0] <= 0 or not np.allclose(steps, steps.mean(), rtol=1e-3, atol=0):
            raise InputError(
                f"'{axis}' of field '{variable}' does not grow by equal steps "
                f"({steps.min():g} to {steps.max():g}); a spectrum needs equal ones"
            )
        intervals[axis] = float((at[-1] - at[0]) / (at.size - 1))
    other = [d for d in ("trial", "y", "x") if d in values.dims and d != along]
    lines = values.stack(line=other) if other else values.expand_dims("line")
    if "feature" not in lines.dims:
        lines = lines.expand_dims("feature")
    return SiteLines(
        values=lines.transpose("feature", "line", "time", along),
        step=intervals["time"], spacing=intervals[along], along=along,  # type: ignore[arg-type]
        attributes={"variable": variable, "along": along,
                    "step": intervals["time"], "spacing": intervals[along],
                    "velocity_convention": _CONVENTION.format(axis=along)},
    )  # fmt: skip
