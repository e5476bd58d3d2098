"""A recording for other tools: as NWB 2, and its events as CSV."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.recording.fresh_files import checked_path, fresh_file
from cortexwave.recording.nwb_contents import (
    add_images,
    add_series,
    add_trials,
    electrodes,
)
from cortexwave.recording.nwb_frames import Field
from cortexwave.recording.nwb_session import Session, Subject, about_of, empty_file

__all__ = ["Session", "Subject", "export_events_csv", "export_nwb"]


def export_nwb(
    recording: xr.Dataset,
    path: str | Path,
    *,
    overwrite: bool = False,
    subject: Subject | None = None,
    session: Session | None = None,
    full_field: bool = False,
    microvolts_per_unit: float | None = None,
    protocol: str | None = None,
) -> Path:
    """The path of the NWB file that a recording was written to, block by block.

    Electrodes (time, channel) become an ElectricalSeries each in
    processing/ecephys/LFP, numbers as they are with a conversion to volts; positions
    rel_x, rel_y (rel_z) in um; events the trials. A field of a sheet (y, x) is
    written, as OnePhotonSeries of (time, x, y), only with `full_field`. Fields that
    are not in uV need `microvolts_per_unit`. Several trials follow one another with
    time stamps, a gap of at least 1 s between two. What is not of origin "lab" is
    marked as simulated, with versions, seed and protocol (that of the recording's
    file, or `protocol`) in the notes; a lab's recording needs the start of its
    session, as attribute `session_start_time` or in `session`.

    The validators of NWB have no fault to find, save what is true of the recording: a
    single event, times before 0, more channels than frames, a lab's subject unknown.
    """
    path = checked_path(Path(path), ".nwb", overwrite=overwrite)
    schema.validate(recording, schema.RECORDING)
    pynwb = _pynwb(path)
    about = about_of(recording, subject, session or Session(), protocol)
    fields = [Field(recording, name, microvolts_per_unit, full_field)
              for name in schema.field_names(recording)]  # fmt: skip
    file = empty_file(pynwb, about)
    device = file.create_device(
        name="array", description="simulated" if about.simulated else "electrodes"
    )
    contacts = electrodes(
        file, device, _first_contacts(fields), about,
        reference=str(recording.attrs.get("reference", "")),
    )  # fmt: skip
    for field in fields:
        if field.lattice:
            add_images(pynwb, file, device, field, about)
        else:
            add_series(pynwb, file, field, contacts)
    add_trials(file, recording, fields[0].clock)
    with fresh_file(path) as fresh, pynwb.NWBHDF5IO(str(fresh), "w") as written:
        written.write(file)
    return path


def _first_contacts(fields: list[Field]) -> xr.DataArray | None:
    return next((field.values for field in fields if not field.lattice), None)


def export_events_csv(
    recording: xr.Dataset, path: str | Path, *, overwrite: bool = False
) -> Path:
    """The path of a CSV file of the events of a recording, one row each.

    Units stand in the names of the columns (onset_s, x_mm); what is not known is
    empty. Numbers are written so that they read back to the last bit.
    """
    path = checked_path(Path(path), ".csv", overwrite=overwrite)
    table = schema.events(recording)
    columns = [str(name) for name in table.data_vars if table[name].dims == ("event",)]
    units = {name: table[name].attrs.get("units", "") for name in columns}
    heads = [f"{name}_{units[name]}" if units[name] not in ("", "1") else name
             for name in columns]  # fmt: skip
    rows = zip(*(table[name].values.tolist() for name in columns), strict=True)
    with (
        fresh_file(path) as fresh,
        fresh.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(heads)
        writer.writerows([["" if isinstance(value, float) and math.isnan(value)
                           else value for value in row] for row in rows])  # fmt: skip
    return path


def _pynwb(path: Path) -> Any:
    try:
        import pynwb
    except ImportError as error:
        raise InputError(
            f"{path}: writing NWB needs pynwb: pip install 'cortexwave[lab]'"
        ) from error
    return pynwb
