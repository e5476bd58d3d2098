"""The command that writes recordings for other tools."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cortexwave.checking import one_of
from cortexwave.cli.application import Json, Overwrite, app
from cortexwave.cli.electrodes import (
    Gain,
    Interval,
    Pitch,
    Position,
    Rotation,
    Seed,
    Source,
    Spacing,
    Spread,
    look_of,
    seen_through,
)
from cortexwave.errors import InputError
from cortexwave.terminal import print_path, say

if TYPE_CHECKING:
    import xarray as xr

    from cortexwave.recording.nwb_session import Session, Subject

_SUFFIXES = (".nwb", ".mat", ".csv")


@app.command()
def export(
    recording: Annotated[Path, typer.Argument(help="Recording of a model or a lab.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="out.nwb, out.mat; out.csv: events."),
    ],
    electrodes: Annotated[
        str | None,
        typer.Option(help="See the sheet through them, as in `observe`."),
    ] = None,
    pitch: Pitch = None,
    source: Source = None,
    gain: Gain = None,
    spacing: Spacing = None,
    interval: Interval = None,
    position: Position = "centre",
    rotation: Rotation = "0 deg",
    spread: Spread = None,
    seed: Seed = 0,
    full_field: Annotated[
        bool, typer.Option(help="All sites of a sheet, as images (NWB).")
    ] = False,
    subject: Annotated[str | None, typer.Option(help="Its identifier.")] = None,
    species: Annotated[
        str | None, typer.Option(help="Latin: 'Macaca mulatta'.")
    ] = None,
    sex: Annotated[str, typer.Option(help="M, F, O or U (unknown).")] = "U",
    age: Annotated[str, typer.Option(help="As ISO 8601: P6Y.")] = "",
    subject_description: Annotated[str, typer.Option(help="Of the subject.")] = "",
    start: Annotated[
        str | None, typer.Option(help="Of the session: 2020-03-01T12:00+01:00.")
    ] = None,
    description: Annotated[str, typer.Option(help="Of the session.")] = "",
    experiment: Annotated[str, typer.Option(help="What was done in it.")] = "",
    experimenter: Annotated[
        list[str] | None, typer.Option(help="'Last, First'; may stand several times.")
    ] = None,
    institution: Annotated[str, typer.Option(help="Where.")] = "",
    lab: Annotated[str, typer.Option(help="Whose laboratory.")] = "",
    location: Annotated[str, typer.Option(help="Of the contacts: 'area V1'.")] = "",
    keyword: Annotated[
        list[str] | None, typer.Option(help="May stand several times.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Write a recording for other tools: NWB, MATLAB, CSV of events.

    A sheet is seen through --electrodes first. More of what they see (noise, amplifier,
    dead sites) has `cortexwave observe`, whose recording is exported as it is.
    """
    kind = output.suffix.lower()
    if kind not in _SUFFIXES:
        raise InputError(
            f"{output}: its name ends in {kind or 'nothing'}; {', '.join(_SUFFIXES)} "
            "are written"
        )
    given = [name for name, value in (
        ("--pitch", pitch), ("--source", source), ("--gain", gain),
        ("--spacing", spacing), ("--interval", interval), ("--spread", spread),
        ("--position", position != "centre"), ("--rotation", rotation != "0 deg"),
    ) if value]  # fmt: skip
    if electrodes is None and given:
        raise InputError(f"{given[0]} is of electrodes, and none see the sheet: give "
                         "--electrodes, such as utah_10x10")  # fmt: skip
    if electrodes is not None and full_field:
        raise InputError("--full-field writes all sites of the sheet, --electrodes "
                         "what they see; each goes to a file of its own")  # fmt: skip
    about = {
        "subject": _subject(subject, species, sex, age, subject_description),
        "session": _session(start, description, experiment, experimenter, institution,
                            lab, location, keyword),
    }  # fmt: skip
    if electrodes is None:
        from cortexwave.recording.reader import open_recording

        with open_recording(recording) as opened:
            _written(opened, output, kind, full_field, overwrite, about)
    else:
        look = look_of(
            source, gain, spacing, interval, position, rotation, spread, seed
        )
        if kind == ".nwb" and gain is None:
            look["gain"] = _said_gain(recording, electrodes, pitch, look)
        seen = seen_through(recording, electrodes, pitch, **look)
        _written(seen, output, kind, full_field, overwrite, about)
    print_path(output, as_json)


def _said_gain(
    path: Path, electrodes: str, pitch: str | None, look: dict[str, Any]
) -> float | None:
    """1 uV a unit where a model's unit is none of potential, said aloud; else None."""
    from cortexwave.schema import field_names

    seen = seen_through(path, electrodes, pitch, **look)
    units = {str(seen[name].attrs["units"]) for name in field_names(seen)}
    if units == {"uV"}:
        return None
    say(f"{path}: electrodes see values in '{', '.join(units)}', and NWB is in volts: "
        "1 uV each, as no --gain says otherwise")  # fmt: skip
    return 1.0


def _written(
    recording: xr.Dataset, output: Path, kind: str, full_field: bool, overwrite: bool,
    about: dict[str, Any],
) -> None:  # fmt: skip
    from cortexwave.recording.export import export_events_csv, export_nwb
    from cortexwave.recording.mat_file import export_matlab

    if kind == ".nwb":
        export_nwb(recording, output, overwrite=overwrite, full_field=full_field,
                   **about)  # fmt: skip
    elif kind == ".mat":
        export_matlab(recording, output, overwrite=overwrite)
    else:
        export_events_csv(recording, output, overwrite=overwrite)


def _subject(
    name: str | None, species: str | None, sex: str, age: str, description: str
) -> Subject | None:
    from cortexwave.recording.nwb_session import Subject

    if name is None:
        if species or age or sex != "U" or description:
            raise InputError("--species, --sex and --age are of a --subject, and none "
                             "is named")  # fmt: skip
        return None
    if species is None:
        raise InputError(f"--subject {name}: its --species is due, such as "
                         "'Macaca mulatta'")  # fmt: skip
    sex = one_of("--sex", sex, ("M", "F", "O", "U"))
    return Subject(name, species, sex, age, description)


def _session(
    start: str | None, description: str, experiment: str,
    experimenter: list[str] | None, institution: str, lab: str, location: str,
    keyword: list[str] | None,
) -> Session:  # fmt: skip
    from cortexwave.recording.nwb_session import Session

    return Session(
        _date(start), description, experiment, tuple(experimenter or ()), institution,
        lab, tuple(keyword or ()), location,
    )  # fmt: skip


def _date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"--start {text!r}: a date and time with its zone are due, such as "
            "2020-03-01T12:00+01:00"
        ) from None
