"""How far two recordings of one protocol are apart, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.view.selection import as_floats

_BLOCK_BYTES = 8 * 2**20


def greatest_difference(first: xr.Dataset, second: xr.Dataset) -> dict[str, float]:
    """max|first - second| / max|first| of each field that both have, a plain number.

    Angles (unit rad) are subtracted on the circle. Where only one of the two is
    finite the difference is infinite; where both miss the same value it is 0.
    """
    return {
        name: float(np.max(difference_in_time(first, second, field=name), initial=0.0))
        for name in comparable_fields(first, second)
    }


def difference_in_time(
    first: xr.Dataset, second: xr.Dataset, *, field: str
) -> np.ndarray:
    """Greatest |first - second| over trial and space / max|first|, at each frame."""
    a, b = first[field], second[field].transpose(*first[field].dims)
    apart = np.zeros(a.sizes["time"])
    largest = 0.0
    on_circle = a.attrs.get("units") == "rad"
    for place, times in _blocks(a):
        ours, theirs = as_floats(a.isel(place)), as_floats(b.isel(place))
        difference = _difference(ours, theirs, on_circle)
        axis = a.isel(place).get_axis_num("time")
        found = np.moveaxis(difference, axis, 0).reshape(difference.shape[axis], -1)
        apart[times] = np.maximum(apart[times], found.max(axis=1))
        finite = np.isfinite(ours)
        largest = max(
            largest,
            float(ours.max(initial=0.0, where=finite)),
            -float(ours.min(initial=0.0, where=finite)),
        )
    # against a field that is 0 everywhere any difference is without bound
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(apart == 0, 0.0, apart / largest)


def _difference(a: np.ndarray, b: np.ndarray, on_circle: bool) -> np.ndarray:
    """|a - b| in double precision: 0 where both miss the same, inf where one misses."""
    with np.errstate(invalid="ignore"):
        apart = np.subtract(a, b, dtype=float)
        apart = np.angle(np.exp(1j * apart)) if on_circle else apart
    np.abs(apart, out=apart)
    unknown = np.isnan(apart)
    if unknown.any():
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        apart[unknown] = np.where(same[unknown], 0.0, np.inf)
    return apart


def _blocks(values: xr.DataArray) -> Iterator[tuple[dict[str, object], slice]]:
    """Pieces of one trial and some frames each, with their place in time."""
    per_frame = (
        values.dtype.itemsize
        * values.size
        // max(1, values.sizes["time"] * values.sizes.get("trial", 1))
    )
    length = max(1, _BLOCK_BYTES // max(1, per_frame))
    for trial in range(values.sizes.get("trial", 1)):
        for start in range(0, values.sizes["time"], length):
            times = slice(start, start + length)
            place: dict[str, object] = {"time": times}
            if "trial" in values.dims:
                place["trial"] = trial
            yield place, times


def comparable_fields(first: xr.Dataset, second: xr.Dataset) -> list[str]:
    """Fields that both recordings have on the same axes; refuses all else."""
    for recording in (first, second):
        schema.validate(recording, schema.RECORDING)
    ours, theirs = schema.field_names(first), schema.field_names(second)
    common = [name for name in ours if name in theirs]
    if not common:
        raise InputError(f"the recordings have no field in common: {ours} and {theirs}")
    faults: list[str] = []
    for name in common:
        a, b = first[name], second[name]
        if dict(a.sizes) != dict(b.sizes):
            faults.append(
                f"field '{name}' is {dict(a.sizes)} in one and {dict(b.sizes)} in "
                "the other"
            )
        elif a.attrs["units"] != b.attrs["units"]:
            faults.append(
                f"field '{name}' is in {a.attrs['units']!r} in one and in "
                f"{b.attrs['units']!r} in the other"
            )
    for axis in ("time", "y", "x"):
        fault = _axis_fault(first, second, axis)
        if fault and not faults:
            faults.append(fault)
    if faults:
        raise InputError("the recordings cannot be compared: " + "; ".join(faults))
    return common


def _axis_fault(first: xr.Dataset, second: xr.Dataset, axis: str) -> str:
    if axis not in first.coords or axis not in second.coords:
        return ""
    a = np.atleast_1d(np.asarray(first[axis].values, dtype=float))
    b = np.atleast_1d(np.asarray(second[axis].values, dtype=float))
    if a.shape != b.shape:
        return f"'{axis}' has {a.size} values in one and {b.size} in the other"
    # clocks may be counted up or multiplied out: equal to rounding is equal
    close = np.isclose(a, b, rtol=1e-9, atol=1e-9 * float(np.abs(a).max(initial=0.0)))
    if close.all():
        return ""
    at = int(np.argmin(close))
    return f"'{axis}' differs at {at}: {a[at]:g} and {b[at]:g}"
