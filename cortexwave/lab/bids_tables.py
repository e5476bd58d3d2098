"""What the tables and .json files of a BIDS set say of one of its recordings.

They stand beside the data file or above it, and the nearest one has the last word:
channels.tsv, electrodes.tsv in the unit of coordsystem.json, events.tsv, ieeg.json.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.contact_units import positions_in_mm
from cortexwave.lab.mne_raw import annotated_events
from cortexwave.lab.tables import number_of, read_table
from cortexwave.schema import events_table

# Contacts of one head: more than a quarter of a millimetre, less than a head apart.
# A 10 mm grid in metres taken for mm has a pitch of 0.01 mm, which some probe has.
_SPAN = (0.25, 300.0)
_LARGEST_TEXT = 1 << 24
Row = dict[str, str]


@dataclass(frozen=True)
class Beside:
    """What stands beside a data file: tables by label, and what is said of it all."""

    channels: dict[str, Row]
    places: dict[str, np.ndarray]  # label: (3,) mm
    events: xr.Dataset | None
    attributes: dict[str, Any]


def beside_of(path: Path, raw: Any) -> Beside:
    entities = _entities(path)
    named = {"sub": "subject", "ses": "session", "task": "task", "run": "run"}
    attributes: dict[str, Any] = {
        word: entities[key] for key, word in named.items() if key in entities
    }
    told: dict[str, Any] = {}
    for file in reversed(_companions(path, "ieeg", ".json")):
        told |= _json(file)  # the nearest one has the last word
    if reference := known(told.get("iEEGReference")):
        attributes["reference"] = reference
    line = told.get("PowerLineFrequency")
    if isinstance(line, int | float) and not isinstance(line, bool):
        attributes["line_frequency"] = float(line)
    seconds, due = raw.n_times / raw.info["sfreq"], told.get("RecordingDuration")
    if isinstance(due, int | float) and seconds < 0.99 * due - 1.0:
        attributes["caution"] = (
            f"{path.name} has {seconds:g} s, but its .json says {due:g} s: is it cut "
            "short?"
        )
    channels = {}
    for file in _companions(path, "channels", ".tsv")[:1]:
        channels = _by_name(file)
        if not set(channels) & set(raw.ch_names):
            raise InputError(
                f"{file} names none of the channels of {path.name}, which are "
                f"{', '.join(raw.ch_names[:4])}, ..."
            )
    places, said = _places(path, set(raw.ch_names))
    events = annotated_events(raw)
    for file in _companions(path, "events", ".tsv")[:1]:
        events = _events(file, attributes)
    return Beside(channels, places, events, attributes | said)


def _places(
    path: Path, labels: set[str]
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Positions in mm by label, and attributes that say in which space they are.

    Of several spaces the subject's own goes before those of a template, in which
    distances are not those of this brain.
    """
    why = "unknown: no electrodes.tsv"
    tables = _companions(path, "electrodes", ".tsv", also="space")
    spaces = {file: _entities(file).get("space", "") for file in tables}
    template = re.compile(r"(?i)mni|fsaverage|icbm|talairach|template|other")
    tables.sort(key=lambda file: bool(template.search(spaces[file])))  # stable
    for table in tables:
        system = table.with_name(
            table.name.replace("_electrodes.tsv", "_coordsystem.json")
        )
        if not system.is_file():
            files = _companions(path, "coordsystem", ".json", also="space")
            same = [file for file in files
                    if _entities(file).get("space", "") == spaces[table]]  # fmt: skip
            system = same[0] if same else system
        about = _json(system) if system.is_file() else {}
        unit = known(about.get("iEEGCoordinateUnits"))
        if unit not in ("m", "mm", "cm"):
            why = f"unknown: {table.name} is in {unit}" if unit else (
                f"unknown: {system.name} does not say the unit of {table.name}"
            )  # fmt: skip
            continue
        rows = _by_name(table)
        at = np.array([
            [number_of(row.get(axis, ""), f"{table}: {axis} of {name}")
             for axis in "xyz"] for name, row in rows.items()
        ]).reshape(-1, 3)  # fmt: skip
        try:
            at = positions_in_mm(at, unit, span=_SPAN)
        except InputError as error:
            raise InputError(f"{table} (iEEGCoordinateUnits of {system.name}): {error}"
                             ) from None  # fmt: skip
        places = dict(zip(rows, at, strict=True))
        if not labels & set(places):
            why = f"unknown: {table.name} names none of the channels"
            continue
        others = [space or "no name" for file, space in spaces.items() if file != table]
        said = spaces[table] or known(about.get("iEEGCoordinateSystem"))
        return places, {"coordinates": said + (
            f" (there are also {', '.join(others)})" if others else "")}  # fmt: skip
    return {}, {"coordinates": why}


def _events(file: Path, said: dict[str, Any]) -> xr.Dataset:
    rows: list[dict[str, Any]] = []
    for number, row in enumerate(read_table(file), start=2):
        where = f"{file}:{number}"
        onset = number_of(row.get("onset", ""), f"{where}: onset")
        if not np.isfinite(onset):
            raise InputError(f"{where}: the onset (s) is missing")
        value = known(row.get("value"))
        rows.append({
            "onset": onset, "duration": number_of(row.get("duration", ""), where),
            "kind": known(row.get("trial_type")) or value or "event", "item": value,
            "stimulus": known(row.get("stim_file")),
            **{key: said[key] for key in ("subject", "session") if key in said},
        })  # fmt: skip
    return events_table(rows)


def known(value: object) -> str:
    """A text of a table or a .json; "" where it is absent or n/a."""
    text = value.strip() if isinstance(value, str) else ""
    return "" if text.lower() == "n/a" else text


def _by_name(file: Path) -> dict[str, Row]:
    """Rows of a table by the label in their column `name`."""
    rows = read_table(file)
    if rows and "name" not in rows[0]:
        raise InputError(f"{file}: the column 'name' is missing")
    names = [row["name"] for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{file}: labels stand twice: {', '.join(twice[:8])}")
    return {row["name"]: row for row in rows}


def _entities(path: Path) -> dict[str, str]:
    """Labels of a BIDS name by their key: {"sub": "01", "task": "grip"}."""
    parts = path.name.split(".")[0].split("_")
    return {key: label for key, _, label in (part.partition("-") for part in parts)
            if label}  # fmt: skip


def _companions(
    path: Path, suffix: str, extension: str, *, also: str = ""
) -> list[Path]:
    """Files of a kind that describe a data file, by BIDS's inheritance; nearest first.

    They stand in its folder or above it, within the data set, and their entities are
    among its own (`also` is one that they may have besides).
    """
    own = _entities(path)
    if "sub" not in own:
        return []
    folders = [path.parent]
    while folders[-1].name.startswith(("ieeg", "ses-", "sub-")) and len(folders) < 4:
        folders.append(folders[-1].parent)
    found = []
    for folder in folders:
        fitting = [
            file for file in sorted(folder.glob(f"*{suffix}{extension}"))
            if file.name in (suffix + extension,)
            or file.name.endswith(f"_{suffix}{extension}")
        ]  # fmt: skip
        fitting = [file for file in fitting if all(
            own.get(key) == label or key == also
            for key, label in _entities(file).items())]  # fmt: skip
        found += sorted(fitting, key=lambda file: -len(_entities(file)))
    return found


def small_text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_LARGEST_TEXT + 1)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if len(raw) > _LARGEST_TEXT:
        raise RecordingError(f"{path} is larger than any header")
    return raw.decode("utf-8-sig", errors="replace")


def _json(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(small_text(path))
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"{path} is not JSON: {error}") from error
    if not isinstance(told, dict):
        raise RecordingError(f"{path} holds no keys and values")
    return told
