"""Electrodes laid on the upright lattice they stand on, read when they are used."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from xarray.core import indexing

from cortexwave import schema
from cortexwave.analysis.sites import OFF_LATTICE, picked, sites_of
from cortexwave.errors import InputError
from cortexwave.lab.grids import Laid

_EMPTIEST = 16  # sites of a lattice per electrode that stands on it


def on_lattice(recording: xr.Dataset, variable: str | None = None) -> xr.Dataset:
    """A recording of electrodes as one on the lattice they stand on; gaps are NaN.

    Fields over `channel` become fields over (y, x), y rising; sites without electrode
    are NaN. Values are read when they are used. `InputError` where the electrodes do
    not stand on an upright lattice to within 2 % of its pitch.
    """
    values = picked(recording, variable)
    if "channel" not in values.dims:
        return recording
    positions = sites_of(values).positions
    across, column = _steps(positions[:, 0], "x", str(values.name))
    up, row = _steps(positions[:, 1], "y", str(values.name))
    if across.size * up.size > _EMPTIEST * len(positions):
        raise InputError(
            f"field '{values.name}': the lattice below its {len(positions)} electrodes "
            f"would have {up.size} x {across.size} sites; they do not stand on one"
        )
    if len(set(zip(row.tolist(), column.tolist(), strict=True))) < len(positions):
        raise InputError(f"field '{values.name}': two electrodes stand on one site")
    every = np.arange(len(positions))
    fields = {}
    for name in schema.field_names(recording):
        field = recording[name].variable
        if "channel" in field.dims:
            laid = Laid(field, every, (row, column), (up.size, across.size))
            dims = (*(dim for dim in field.dims if dim != "channel"), "y", "x")
            field = xr.Variable(dims, _read_once(laid), field.attrs)
        fields[name] = field
    coords = {
        name: coordinate.variable for name, coordinate in recording.coords.items()
        if "channel" not in coordinate.dims
    }  # fmt: skip
    coords["y"] = xr.Variable("y", up, {"units": "mm"})
    coords["x"] = xr.Variable("x", across, {"units": "mm"})
    others = {
        name: item.variable for name, item in recording.data_vars.items()
        if name not in fields and "channel" not in item.dims
    }  # fmt: skip
    return xr.Dataset({**fields, **others}, coords, recording.attrs)


def _read_once(laid: Laid) -> Any:  # xarray's types know no array of its own
    """What is read as a whole is kept, as of a file that xarray opens."""
    cached: Any = indexing.MemoryCachedArray(indexing.LazilyIndexedArray(laid))
    return indexing.CopyOnWriteArray(cached)


def _steps(at: np.ndarray, axis: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of the lattice along an axis, and where on it each site stands."""
    ordered = np.sort(at)
    gaps = np.diff(ordered)
    span = ordered[-1] - ordered[0]
    real = gaps[gaps > OFF_LATTICE * (span / max(1, len(at)))]
    if span == 0 or not real.size:
        return at[:1].copy(), np.zeros(len(at), dtype=int)
    # refined over the whole span, as one gap is known less well
    step = float(span / max(1, round(span / real.min())))
    index = np.rint((at - ordered[0]) / step).astype(int)
    off = np.abs(at - ordered[0] - index * step)
    if off.max() > OFF_LATTICE * step:
        raise InputError(
            f"field '{name}': its electrodes do not stand on an upright lattice (along "
            f"{axis} one is {off.max():.3g} mm off steps of {step:.3g} mm)"
        )
    return ordered[0] + step * np.arange(index.max() + 1), index
