"""What a recording, its events and its drive look like: one place, checked at doors.

A recording is an `xr.Dataset`. Fields of a sheet have dims (trial, time, feature,
y, x), electrodes (trial, time, channel); trial and feature stand only where there
are several. Every variable and coordinate has `attrs["units"]`. Missing is NaN.
Events and the drawn drive travel in the same Dataset under the prefixes `event_`
and `drive_` (in the file they are the groups /events and /drive).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr

from cortexwave.errors import SchemaError

SCHEMA_VERSION = 1
SHEET_DIMS = ("trial", "time", "feature", "y", "x")
CHANNEL_DIMS = ("trial", "time", "channel")
DIRECTION_CONVENTION = "deg CCW from +x, y up, direction of propagation (toward)"

# Columns of the events table and their units; text columns have none.
EVENT_COLUMNS = {
    "onset": "s",
    "duration": "s",
    "kind": "",
    "stimulus": "",
    "item": "",
    "x": "mm",
    "y": "mm",
    "trial": "1",
    "block": "",
    "session": "",
    "subject": "",
    "outcome": "",
}
DRIVE_DIMS = {"values": ("trial", "clock", "patch"), "patch": ("y", "x")}
EVENT_PREFIX = "event_"
DRIVE_PREFIX = "drive_"


@dataclass(frozen=True)
class Schema:
    """A noun that an `xr.Dataset` can be: where its data live, in which units."""

    name: str
    dims: tuple[tuple[str, ...], ...]  # allowed orders of dims; each may drop some
    needed: tuple[str, ...]  # dims every data variable must have
    coordinate_units: dict[str, str]


RECORDING = Schema(
    name="recording",
    dims=(SHEET_DIMS, CHANNEL_DIMS),
    needed=("time",),
    coordinate_units={"time": "s", "y": "mm", "x": "mm"},
)

# What `wave_field` gives: the phase of a field in a band, and what follows from it.
WAVEFIELD_UNITS = {
    "phase": "rad",
    "frequency": "Hz",
    "gradient_y": "rad/mm",
    "gradient_x": "rad/mm",
}
WAVEFIELD_ATTRIBUTES = ("variable", "band", "phase_method", "sampling_rate", "edge")


def validate_wave_field(field: xr.Dataset) -> None:
    """Raise `SchemaError` naming everything in which a dataset is no wave field.

    A wave field has `phase`, `amplitude`, `frequency`, `gradient_y` and `gradient_x` on
    the dims of a recording (a line has one gradient), and `valid(time)`.
    """
    validate(field, replace(RECORDING, name="wave field"))
    faults = []
    for name in (*WAVEFIELD_UNITS, "amplitude"):
        if name not in field:
            axis = name[-1]
            if name.startswith("gradient") and {"y", "x"} & set(field.dims) == {
                "x" if axis == "y" else "y"
            }:
                continue
            faults.append(f"variable '{name}' is missing")
        elif name in WAVEFIELD_UNITS:
            found, due = field[name].attrs.get("units"), WAVEFIELD_UNITS[name]
            if found != due:
                faults.append(f"units of '{name}' are {found!r}, not '{due}'")
    if "valid" not in field or field["valid"].dims != ("time",):
        faults.append("'valid(time)' is missing")
    faults += [f"attribute '{name}' is missing" for name in WAVEFIELD_ATTRIBUTES
               if name not in field.attrs]  # fmt: skip
    if faults:
        raise SchemaError(
            "not a wave field (wave_field makes one): " + "; ".join(faults)
        )


def field_names(recording: xr.Dataset) -> list[str]:
    """Names of the fields of a recording: all variables that have a time axis."""
    return [str(name) for name, values in recording.data_vars.items()
            if "time" in values.dims]  # fmt: skip


def validate(dataset: xr.Dataset, schema: Schema) -> None:
    """Raise `SchemaError` naming everything in which the dataset is not the noun."""
    if not isinstance(dataset, xr.Dataset):
        raise SchemaError(f"not a {schema.name}: {_other(dataset)}")
    faults: list[str] = []
    names = field_names(dataset)
    if not names:
        faults.append("it has no variable with a 'time' dimension")
    for name in names:
        variable = dataset[name]
        if not any(_is_part(variable.dims, order) for order in schema.dims):
            allowed = " or ".join(str(order) for order in schema.dims)
            faults.append(
                f"dims of '{name}' are {variable.dims}, not part of {allowed}"
            )
        if "units" not in variable.attrs:
            faults.append(f"units of '{name}' are missing")
    for name, unit in schema.coordinate_units.items():
        if name not in dataset.dims:
            continue
        if name not in dataset.coords:
            faults.append(f"coordinate '{name}' is missing")
            continue
        found = dataset[name].attrs.get("units")
        if found != unit:
            faults.append(f"units of '{name}' are {found!r}, not '{unit}'")
    if "time" in dataset.coords and dataset["time"].ndim == 1:
        time = np.asarray(dataset["time"].values)
        if time.dtype.kind != "f":
            faults.append(f"'time' is {time.dtype}, not seconds as floats")
        elif time.size > 1 and not np.all(np.diff(time) > 0):
            faults.append("'time' does not increase")
    if faults:
        raise SchemaError(f"not a {schema.name}: " + "; ".join(faults))


def _other(given: object) -> str:
    """What was given instead of a dataset, and how to come by one."""
    if isinstance(given, xr.DataArray):
        name = str(given.name) if given.name is not None else "lfp"
        return f"a DataArray; give a Dataset: .to_dataset(name={name!r})"
    if isinstance(given, np.ndarray):
        return (
            f"a bare array of shape {given.shape}; give an xarray Dataset, which says "
            "what its axes and units are"
        )
    if isinstance(given, str | Path):
        return f"the text {str(given)!r}; give the Dataset: open_recording of a path"
    return f"{type(given).__name__}; give an xarray Dataset"


def _is_part(dims: tuple, order: tuple[str, ...]) -> bool:
    return tuple(dim for dim in order if dim in dims) == tuple(dims)


def empty_events() -> xr.Dataset:
    """An events table with no rows; columns and units as `EVENT_COLUMNS` says."""
    return events_table([])


def events_table(rows: list[dict]) -> xr.Dataset:
    """Events as a Dataset over `event`; absent numbers are NaN, absent text is ""."""
    columns = {}
    for name, unit in EVENT_COLUMNS.items():
        if name == "trial":
            values = np.array([row.get(name, 0) for row in rows], dtype=np.int64)
        elif unit:
            values = np.array([row.get(name, np.nan) for row in rows], dtype=float)
        else:
            texts = [row.get(name) for row in rows]
            values = np.array(["" if _absent(t) else str(t) for t in texts], object)
        columns[name] = ("event", values, {"units": unit} if unit else {})
    return xr.Dataset(columns)


def _absent(value: object) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def check_trials(events: xr.Dataset, count: int) -> None:
    """`SchemaError` where an event is of none of a recording's `count` trials.

    An event's trial is the place of that trial along the axis, counted from 0.
    """
    if "trial" not in events:
        return
    given = np.asarray(events["trial"].values)
    nowhere = ~np.isin(given, np.arange(count))
    if nowhere.any():
        first = int(np.argmax(nowhere))
        raise SchemaError(
            f"event {first} (counted from 0; onset {events['onset'].values[first]:g} "
            f"s) is of trial {given[first]}; the recording has trials 0 to {count - 1}"
        )


def with_tables(
    fields: xr.Dataset, events: xr.Dataset | None, drive: xr.Dataset | None
) -> xr.Dataset:
    """The recording with its events and drive under their prefixes."""
    added: dict[str, xr.DataArray | xr.Variable] = {}
    coords: dict[str, xr.DataArray | xr.Variable] = {}
    for table, prefix in ((events, EVENT_PREFIX), (drive, DRIVE_PREFIX)):
        for name, variable in ({} if table is None else table.variables).items():
            if variable.dims == (name,):  # an axis: y and x are those of the sheet
                if name not in fields.coords:
                    coords[str(name)] = variable
            else:
                added[prefix + str(name)] = variable
    return fields.assign_coords(coords).assign(added)


def events(recording: xr.Dataset) -> xr.Dataset:
    """The events table of a recording: one row per event, columns without prefix."""
    return _table(recording, EVENT_PREFIX)


def drive(recording: xr.Dataset) -> xr.Dataset:
    """The drawn drive of a recording: `values(trial, clock, patch)`, `patch(y, x)`."""
    return _table(recording, DRIVE_PREFIX)


def _table(recording: xr.Dataset, prefix: str) -> xr.Dataset:
    names = [str(name) for name in recording.data_vars if str(name).startswith(prefix)]
    if not names:
        word = prefix.rstrip("_")
        raise SchemaError(f"the recording has no {word} table")
    # the patch map is a variable over (y, x) beside an axis of the same name
    axes = {dim for name in names for dim in recording[name].dims}
    coords = {
        name: recording[name].variable for name in recording.coords if name in axes
    }
    variables = {name.removeprefix(prefix): recording[name].variable for name in names}
    return xr.Dataset(variables, coords)
