"""A recording of any origin as trials of vectors: one value per site and frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError


@dataclass(frozen=True)
class Series:
    """Trials of vectors, each site's mean over all trials and frames taken away.

    `values` (trial, time, site) holds the sites that were `used`, out of all in the
    order of `places`: name of a dim -> its size; `labels` are their coordinates.
    """

    values: np.ndarray
    used: np.ndarray  # (all sites,) bool
    places: dict[str, int]
    labels: dict[str, tuple[np.ndarray, dict[str, Any]]]
    clock: np.ndarray  # s
    step: float  # s
    attributes: dict[str, Any]

    @property
    def frames(self) -> int:
        return int(self.values.shape[1])

    @property
    def sites(self) -> int:
        return int(self.values.shape[2])

    def coordinates(self, dim: str) -> dict[str, Any]:
        """Coordinates of the used sites along `dim`, named after it, for a result."""
        named: dict[str, Any] = {dim: np.flatnonzero(self.used)}
        for name, (values, attrs) in self.labels.items():
            named[f"{dim}_{name}"] = (dim, values, attrs)
        return named


def series(recording: xr.Dataset | xr.DataArray, variable: str | None = None) -> Series:
    """The vectors of a recording's field, or of an array (trial, time, site...).

    All dims but trial and time together are the sites: places of a sheet, features,
    channels, units of a network. Time is a coordinate in s, in equal steps. Sites that
    are missing throughout (dead electrodes) or never change are left out, and counted
    in the attributes. Raises `InputError` for anything else that is missing.
    """
    field = _field(recording, variable)
    named = str(field.name) if field.name is not None else "the array"
    if "time" not in field.dims:
        raise InputError(f"{named} has dims {field.dims}; 'time' is needed")
    if "time" not in field.coords:
        raise InputError(f"{named} has no coordinate 'time'; give one in s")
    if field["time"].attrs.get("units", "s") != "s":
        raise InputError(f"'time' of {named} is in {field['time'].attrs['units']!r}, "
                         "not 's'")  # fmt: skip
    if field.dtype.kind not in "iuf":
        raise InputError(
            f"{named} is {field.dtype}, not real numbers; of a complex field give the "
            "real and imaginary parts as features"
        )
    clock = np.asarray(field["time"].values, dtype=float)
    steps = np.diff(clock)
    if steps.size < 2 or steps[0] <= 0 or not np.allclose(
        steps, steps.mean(), rtol=1e-3, atol=0
    ):  # fmt: skip
        raise InputError(f"'time' of {named} does not grow by equal steps over at "
                         f"least 3 frames ({clock.size} given)")  # fmt: skip
    field = field if "trial" in field.dims else field.expand_dims("trial")
    others = [str(dim) for dim in field.dims if dim not in ("trial", "time")]
    if not others:
        raise InputError(f"{named} has no sites: its dims are {field.dims}")
    values = np.asarray(field.transpose("trial", "time", *others).values, dtype=float)
    values = values.reshape(*values.shape[:2], -1)
    missing = ~np.isfinite(values)
    dead = missing.all(axis=(0, 1))
    if missing[:, :, ~dead].any():
        raise InputError(
            f"{named}: {int(missing[:, :, ~dead].sum())} values are missing or not "
            "finite at sites that have others; choose times, trials or sites that are "
            "complete"
        )
    mean = np.where(dead, 0.0, np.mean(values, axis=(0, 1), where=~missing | dead))
    change = values - mean
    largest = np.abs(np.where(dead, 0.0, values)).max(axis=(0, 1))
    # what rounding leaves of a site that stands still is no change
    still = ~dead & (
        np.abs(np.where(dead, 0, change)).max(axis=(0, 1)) <= 1e-10 * largest
    )
    used = ~dead & ~still
    if not used.any():
        raise InputError(f"{named} has no site that changes")
    return Series(
        values=np.ascontiguousarray(change[:, :, used]), used=used,
        places={dim: field.sizes[dim] for dim in others},
        labels=_labels(field, others, used), clock=clock,
        step=float((clock[-1] - clock[0]) / (clock.size - 1)),
        attributes={
            "variable": "" if field.name is None else named,
            # of a clock of k / 250 s, 0.004 and not what rounding leaves
            "step": float(f"{(clock[-1] - clock[0]) / (clock.size - 1):.12g}"),
            "trials": int(values.shape[0]), "frames": int(values.shape[1]),
            "sites": int(used.sum()), "sites_missing": int(dead.sum()),
            "sites_still": int(still.sum()),
        },
    )  # fmt: skip


def _field(recording: xr.Dataset | xr.DataArray, variable: str | None) -> xr.DataArray:
    if isinstance(recording, xr.DataArray):
        if variable is not None and variable != recording.name:
            raise InputError(f"an array named {recording.name!r} was given, and the "
                             f"variable {variable!r} asked for")  # fmt: skip
        return recording
    schema.validate(recording, schema.RECORDING)
    names = schema.field_names(recording)
    if variable is None and len(names) == 1:
        return recording[names[0]]
    if variable not in names:
        asked = (
            "no variable was named" if variable is None else f"no field {variable!r}"
        )
        raise InputError(f"{asked}; the recording has {names}")
    return recording[variable]


def _labels(
    field: xr.DataArray, others: list[str], used: np.ndarray
) -> dict[str, tuple[np.ndarray, dict[str, Any]]]:
    """Every coordinate that lies along the sites' dims, at each used site."""
    shape = tuple(field.sizes[dim] for dim in others)
    found = {}
    for name, coord in field.coords.items():
        if not coord.dims or not set(coord.dims) <= set(others):
            continue
        if coord.dtype == object and name in field.indexes:
            continue  # a stacked index: its levels come by themselves
        values = coord.variable.set_dims(dict(zip(others, shape, strict=True)))
        flat = values.transpose(*others).values.reshape(-1)
        found[str(name)] = (flat[used], dict(coord.attrs))
    return found
