"""What an NWB file says of its session: who, when, and that it is simulated."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import xarray as xr

from cortexwave import provenance
from cortexwave.errors import InputError, RecordingError
from cortexwave.recording.reader import read_protocol

# No species: what the taxonomy of NCBI calls artificial.
_ARTIFICIAL = "http://purl.obolibrary.org/obo/NCBITaxon_32630"
_MARK = "simulated, not biological"


@dataclass(frozen=True)
class Subject:
    """Whom a recording is of, in NWB's words.

    `species` is a Latin binomial, `sex` M, F, O or U, `age` an ISO 8601 duration.
    """

    identifier: str
    species: str
    sex: str
    age: str
    description: str = ""


@dataclass(frozen=True)
class Session:
    """When and by whom; what is "" or None is taken from the recording.

    `start` needs a time zone; `experimenter` is "Last, First" each.
    """

    start: datetime | None = None
    description: str = ""
    experiment: str = ""
    experimenter: tuple[str, ...] = ()
    institution: str = ""
    lab: str = ""
    keywords: tuple[str, ...] = ()
    location: str = ""


@dataclass(frozen=True)
class About:
    """What the file says of the whole."""

    simulated: bool
    start: datetime
    identifier: str
    subject: Subject | None
    session: Session
    notes: str
    name: str


def about_of(
    recording: xr.Dataset, subject: Subject | None, session: Session,
    protocol: str | None,
) -> About:  # fmt: skip
    # a file's numbers come as those of NumPy, which JSON does not know
    attrs = {str(name): value.item() if isinstance(value, np.generic) else value
             for name, value in recording.attrs.items()}  # fmt: skip
    origin = str(attrs.get("origin", ""))
    simulated = origin != "lab"
    start = session.start or _date(attrs, simulated=simulated)
    if start.tzinfo is None:
        raise InputError(f"the start of the session, {start}, has no time zone")
    if subject is None and simulated:
        subject = Subject("simulation", _ARTIFICIAL, "U", "P0D",
                          "no animal: a simulated sheet of cortex")  # fmt: skip
    elif subject is None and attrs.get("subject") and attrs.get("species"):
        subject = Subject(str(attrs["subject"]), str(attrs["species"]), "U", "")
    stated = {name: value for name, value in attrs.items()
              if isinstance(value, str | int | float)}  # fmt: skip
    notes = {
        "software": "cortexwave", "cortexwave_version": provenance.package_version(),
        "versions": provenance.versions(), "origin": origin, "attributes": stated,
        "protocol": protocol if protocol is not None else _protocol(recording),
    }  # fmt: skip
    made = str(attrs.get("run_id") or provenance.attributes()["run_id"])
    return About(
        simulated, start, made, subject, _described(attrs, session, simulated),
        json.dumps(notes, indent=1, default=str), str(attrs.get("session", "")),
    )  # fmt: skip


def _date(attrs: dict[str, Any], *, simulated: bool) -> datetime:
    told = attrs.get("session_start_time") or (
        attrs.get("created") if simulated else ""
    )
    if told:
        try:
            return datetime.fromisoformat(str(told))
        except ValueError as error:
            raise InputError(
                f"the start of the session is {told!r}, no date"
            ) from error
    if simulated:
        return datetime.now(UTC)
    raise InputError(
        "NWB states when a session began, and the recording does not say it: give "
        "session=Session(start=...) with a time zone (--start "
        "2020-03-01T12:00+01:00)"
    )


def _described(attrs: dict[str, Any], session: Session, simulated: bool) -> Session:
    """The session with what the recording says where nothing was given."""
    title = session.description or str(attrs.get("title", "")).strip()
    if not simulated:
        told = {name: str(attrs.get(name, "")) for name in
                ("institution", "lab", "location")}  # fmt: skip
        return replace(
            session, description=title or "recording",
            institution=session.institution or told["institution"],
            lab=session.lab or told["lab"],
            location=session.location or told["location"] or "unknown",
        )  # fmt: skip
    text = title if _MARK in title else f"{_MARK}: {title or 'a sheet of cortex'}"
    by = f"simulation by cortexwave, model {attrs.get('model', 'unknown')}"
    return replace(
        session, description=text, experiment=session.experiment or by,
        experimenter=session.experimenter or ("cortexwave, simulation",),
        institution=session.institution or "not applicable: simulated",
        keywords=session.keywords or ("simulation", "traveling waves", "cortex"),
        location=session.location or "simulated sheet of cortex",
    )  # fmt: skip


def _protocol(recording: xr.Dataset) -> str:
    source = recording.encoding.get("source", "")
    if not source or recording.attrs.get("origin") == "lab":
        return ""
    try:
        return read_protocol(str(source))
    except RecordingError:
        return ""


def empty_file(pynwb: Any, about: About) -> Any:
    """An NWB file in memory that has no data yet."""
    session = about.session
    file = pynwb.NWBFile(
        session_description=session.description, identifier=about.identifier,
        session_start_time=about.start, notes=about.notes,
        experimenter=list(session.experimenter) or None,
        experiment_description=session.experiment or None,
        institution=session.institution or None, lab=session.lab or None,
        keywords=list(session.keywords) or None, session_id=about.name or None,
    )  # fmt: skip
    if about.subject is not None:
        whom = about.subject
        file.subject = pynwb.file.Subject(
            subject_id=whom.identifier, species=whom.species, sex=whom.sex,
            age=whom.age or None, description=whom.description or None,
        )  # fmt: skip
    return file
