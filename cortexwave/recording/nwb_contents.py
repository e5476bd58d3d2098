"""Electrodes, series, images and trials of a recording, added to an NWB file."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.recording.nwb_frames import Clock, Field, streamed, timing
from cortexwave.recording.nwb_session import About

_EQUAL_STEPS = 1e-3  # of a step
_TEXT = ("kind", "stimulus", "item", "block", "session", "subject", "outcome")


def electrodes(
    file: Any,
    device: Any,
    values: xr.DataArray | None,
    about: About,
    *,
    reference: str,
) -> Any:
    """The electrodes of a recording as a region of the table; None for a sheet."""
    if values is None:
        return None
    count = values.sizes["channel"]
    columns = _contact_columns(values)
    arrays = [str(name) or "array" for name in columns.pop("array", ["array"] * count)]
    place = about.session.location or "unknown"
    groups = {
        name: file.create_electrode_group(
            name=re.sub(r"[/\\:]", "_", name), description=f"contacts of {name}",
            location=place, device=device,
        )
        for name in dict.fromkeys(arrays)
    }  # fmt: skip
    described = {
        "label": "name of the channel",
        "good": "false for contacts that are not to be used",
        "bad_reason": "why a contact is not good",
    }
    for name, text in described.items():
        if name in columns:
            file.add_electrode_column(name=name, description=text)
    for at, array in enumerate(arrays):
        file.add_electrode(
            group=groups[array], location=place,
            **{name: column[at] for name, column in columns.items()},
            **({"reference": reference} if reference else {}),
        )  # fmt: skip
    return file.create_electrode_table_region(list(range(count)), "all contacts")


def _contact_columns(values: xr.DataArray) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        "label": [str(label) for label in values["channel"].values]
    }
    for axis in "xyz":
        if axis in values.coords and values[axis].dims == ("channel",):
            um = np.asarray(values[axis].values, dtype=float) * 1e3
            if np.isfinite(um).any():
                columns[f"rel_{axis}"] = um.tolist()
    if "array" in values.coords:
        columns["array"] = [str(name) for name in values["array"].values]
    if "good" in values.coords:
        good = np.asarray(values["good"].values, dtype=bool)
        columns["good"] = good.tolist()
        if "reason" in values.coords and not good.all():
            columns["bad_reason"] = [str(text) for text in values["reason"].values]
    return columns


def add_series(pynwb: Any, file: Any, field: Field, electrodes: Any) -> None:
    """A field of electrodes as an ElectricalSeries in processing/ecephys/LFP."""
    if "ecephys" not in file.processing:
        file.create_processing_module("ecephys", "potentials at electrodes")
        file.processing["ecephys"].add(pynwb.ecephys.LFP(name="LFP"))
    kind = f"in uV by {field.microvolts:g}, " if field.microvolts != 1 else ""
    file.processing["ecephys"]["LFP"].add_electrical_series(
        pynwb.ecephys.ElectricalSeries(
            name=field.name, data=streamed(pynwb, field), electrodes=electrodes,
            conversion=1e-6 * field.microvolts, **timing(pynwb, field.clock),
            description=f"field {field.name} of a cortexwave recording, {kind}"
            + ("trials one after another" if field.clock.trials > 1 else "one trial"),
        )
    )  # fmt: skip


def add_images(pynwb: Any, file: Any, device: Any, field: Field, about: About) -> None:
    """A field of a sheet as a OnePhotonSeries in processing/ophys."""
    x, y = (np.asarray(field.values[axis].values, dtype=float) for axis in "xy")
    spacing = [_step(field.name, axis, at) for axis, at in (("x", x), ("y", y))]
    if "sheet" not in file.imaging_planes:
        light = pynwb.ophys.OpticalChannel(
            name="none", description="no light: values of the sheet itself",
            emission_lambda=float("nan"),
        )  # fmt: skip
        file.create_imaging_plane(
            name="sheet", optical_channel=light, device=device,
            indicator="no indicator", description="sites of a sheet",
            excitation_lambda=float("nan"),
            location=about.session.location or "unknown",
            grid_spacing=[step * 1e-3 for step in spacing],
            origin_coords=[x[0] * 1e-3, y[0] * 1e-3],
        )  # fmt: skip
    if "ophys" not in file.processing:
        file.create_processing_module("ophys", "whole fields of a sheet")
    file.processing["ophys"].add(
        pynwb.ophys.OnePhotonSeries(
            name=field.name, data=streamed(pynwb, field), unit=field.units,
            imaging_plane=file.imaging_planes["sheet"],
            dimension=[x.size, y.size], **timing(pynwb, field.clock),
            description=f"field {field.name} of a cortexwave recording, (time, x, y)",
        )
    )  # fmt: skip


def _step(name: str, axis: str, at: np.ndarray) -> float:
    """Spacing (mm) of sites; NWB knows only even lattices that grow."""
    if at.size < 2:
        raise InputError(f"field '{name}' has one site along {axis}: not an image")
    step = float((at[-1] - at[0]) / (at.size - 1))
    if step <= 0 or np.ptp(np.diff(at)) > _EQUAL_STEPS * step:
        raise InputError(f"'{axis}' of field '{name}' is not even and growing")
    return step


def add_trials(file: Any, recording: xr.Dataset, clock: Clock) -> None:
    """Events as rows of the table of trials, in order of onset."""
    if not any(str(name).startswith(schema.EVENT_PREFIX) for name in recording):
        return
    events = schema.events(recording)
    if not events.sizes.get("event"):
        return
    onset = events["onset"].values.astype(float)
    if not np.isfinite(onset).all():
        raise InputError("an event has no onset; NWB's trials need one each")
    trial = events["trial"].values.astype(np.int64)
    if clock.trials > 1:
        onset = onset + np.clip(trial, 0, clock.trials - 1) * clock.stride
    order = np.argsort(onset, kind="stable")
    duration = events["duration"].values.astype(float)
    # NWB's intervals last: an instant is a frame long, and a column says that it is
    lasting = np.where(duration > 0, duration, 1 / clock.rate)
    columns: dict[str, tuple[str, list[Any]]] = {}
    if (duration == 0).any():
        columns["is_instant"] = ("the event has no length", (duration == 0).tolist())
    if np.isnan(duration).any():
        columns["has_duration"] = (
            "its length is known",
            np.isfinite(duration).tolist(),
        )
    for name in _TEXT:
        if name in events and any(str(text) for text in events[name].values):
            texts = [str(text) for text in events[name].values]
            columns[name] = (f"{name} of the event", texts)
    for axis in "xy":
        um = events[axis].values.astype(float) * 1e3
        if np.isfinite(um).any():
            columns[f"{axis}_um"] = (f"{axis} of the stimulus, um", um.tolist())
    columns["trial_number"] = ("number of the trial, from 1", (trial + 1).tolist())
    columns |= _other_columns(events, columns)
    for name, (text, _) in columns.items():
        file.add_trial_column(name=name, description=text)
    for at in order:
        file.add_trial(
            start_time=float(onset[at]), stop_time=float(onset[at] + lasting[at]),
            **{name: values[at] for name, (_, values) in columns.items()},
        )  # fmt: skip


def _other_columns(
    events: xr.Dataset, taken: Collection[str]
) -> dict[str, tuple[str, list[Any]]]:
    """Columns of a lab's own, as they are."""
    found = {}
    for name in map(str, events.data_vars):
        values = events[name].values
        if name in schema.EVENT_COLUMNS or name in taken or values.ndim != 1:
            continue
        if name in ("id", "start_time", "stop_time", "tags", "timeseries"):
            continue
        number = values.dtype.kind in "biuf"
        if number and values.dtype.kind == "f" and np.isnan(values).all():
            continue
        column = values.tolist() if number else [str(value) for value in values]
        found[name] = (f"{name} of the event, as the recording has it", column)
    return found
