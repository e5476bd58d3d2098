"""BIDS iEEG: BrainVision or EDF with what the tables beside it say of its channels.

Values come through MNE and are never preloaded; positions from electrodes.tsv in the
unit of coordsystem.json; types, bad channels and arrays from channels.tsv; events from
events.tsv. Channels of each type (ECOG, SEEG, DBS, MISC, ...) are a signal of their
own. A BrainVision or EDF file that stands alone is read, too, without those.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.mne_raw import (
    annotated_events,
    dtype_of,
    frames_of,
    opened,
    unit_of,
)
from cortexwave.lab.sidecar import number_of, positions_in_mm, read_table
from cortexwave.lab.signals import Contacts, Signal
from cortexwave.schema import events_table

_SUFFIXES = (".vhdr", ".edf")
_WHERE = ("", "ieeg", "ses-*/ieeg", "sub-*/ieeg", "sub-*/ses-*/ieeg")
# Contacts of one head: more than a quarter of a millimetre, less than a head apart.
# A 10 mm grid in metres taken for mm has a pitch of 0.01 mm, which some probe has.
_SPAN = (0.25, 300.0)
_SAMPLE_BYTES = {"INT_16": 2, "INT_32": 4, "IEEE_FLOAT_32": 4}
_LARGEST_TEXT = 1 << 24
_VOLTS = {"uV": 1e6, "µV": 1e6, "mV": 1e6, "V": 1e6, "nV": 1e6}  # of MNE's volts
Row = dict[str, str]


@dataclass(frozen=True)
class _Beside:
    """What stands beside a data file: tables by label, and what is said of it all."""

    channels: dict[str, Row]
    places: dict[str, np.ndarray]  # label: (3,) mm
    events: xr.Dataset | None
    attributes: dict[str, Any]


def recognises(path: Path) -> bool:
    """Whether a path is a BIDS folder with iEEG, or a BrainVision or EDF file."""
    if path.is_dir():
        return bool(_runs(path)) or (path / "dataset_description.json").is_file()
    if path.suffix.lower() == ".eeg":
        return path.with_suffix(".vhdr").is_file()
    return path.is_file() and path.suffix.lower() in _SUFFIXES


def signals(path: Path) -> list[Signal]:
    """The signals of a file, or of all runs in a folder, one for each channel type.

    Where a folder has several runs, the name of each begins its signals' names.
    """
    path = Path(path)
    if path.is_dir():
        runs = _runs(path)
        if not runs:
            raise InputError(
                f"{path} has no iEEG run; *_ieeg.vhdr or *_ieeg.edf are due in "
                "sub-<label>[/ses-<label>]/ieeg"
            )
        found = []
        for run in runs:
            name = run.stem.removesuffix("_ieeg") + "_"
            found += _run_signals(run, name if len(runs) > 1 else "")
        return found
    return _run_signals(
        path.with_suffix(".vhdr") if path.suffix.lower() == ".eeg" else path
    )


def _runs(folder: Path) -> list[Path]:
    return sorted(
        run for where in _WHERE for suffix in _SUFFIXES
        for run in folder.glob(f"{where}/*_ieeg{suffix}".lstrip("/")) if run.is_file()
    )  # fmt: skip


def _run_signals(path: Path, prefix: str = "") -> list[Signal]:
    known: dict[str, str] = {}
    if path.suffix.lower() == ".edf":
        known, slower = _edf_units(path)
        raw = opened(path, "read_raw_edf", exclude=slower, stim_channel=False)
    else:
        slower = []
        _check_brainvision(path)
        raw = opened(path, "read_raw_brainvision")
    beside = _beside(path, raw)
    groups: dict[tuple[str, str, float], list[int]] = {}
    for at, label in enumerate(raw.ch_names):
        row = beside.channels.get(label, {})
        kind = row.get("type") or raw.get_channel_types([at])[0]
        units, factor = unit_of(raw, at)
        if known.get(label, "V") not in _VOLTS:  # MNE calls all of an EDF volts
            units, factor = "1", 1.0
        groups.setdefault((kind.lower(), units, factor), []).append(at)
    kinds = [kind for kind, _, _ in groups]
    found = []
    for (kind, units, factor), picks in groups.items():
        labels = [raw.ch_names[at] for at in picks]
        several = "_no_unit" if units == "1" and kinds.count(kind) > 1 else ""
        attributes = {**beside.attributes, "channel_type": kind.upper()}
        attributes |= _common_reference(beside, labels)
        if slower:
            attributes["left_out"] = "of a lower rate: " + ", ".join(slower)
        said = {beside.channels.get(label, {}).get("units", "") for label in labels}
        if units == "1" and len(said) == 1:
            attributes["units_in_file"] = said.pop() or "unknown"
        found.append(Signal(
            name=f"{prefix}{kind}{several}", source=path, reader="bids",
            rate=float(raw.info["sfreq"]), start=0.0, frames=int(raw.n_times),
            units=units, read=frames_of(path, raw, picks, factor),
            contacts=_contacts(beside, labels), events=beside.events,
            dtype="float32" if path.suffix.lower() == ".edf" else dtype_of(raw),
            attributes=attributes,
        ))  # fmt: skip
    return found


def _common_reference(beside: _Beside, labels: Iterable[str]) -> dict[str, str]:
    named = {
        _known(beside.channels.get(label, {}).get("reference")) for label in labels
    }
    return {"reference": named.pop()} if len(named) == 1 and "" not in named else {}


def _contacts(beside: _Beside, labels: list[str]) -> Contacts:
    unknown = np.full(3, np.nan)
    at = np.array([beside.places.get(label, unknown) for label in labels])
    named = Contacts.named(labels, at)
    rows = [beside.channels.get(label, {}) for label in labels]
    good = np.array([row.get("status", "").lower() != "bad" for row in rows])
    why = [_known(row.get("status_description")) or "bad in channels.tsv"
           for row in rows]  # fmt: skip
    reason = tuple("" if fine else said for fine, said in zip(good, why, strict=True))
    array = tuple(_known(row.get("group")) for row in rows)
    return Contacts(named.names, named.positions, array, good, reason)


def _beside(path: Path, raw: Any) -> _Beside:
    entities = _entities(path)
    named = {"sub": "subject", "ses": "session", "task": "task", "run": "run"}
    attributes: dict[str, Any] = {
        word: entities[key] for key, word in named.items() if key in entities
    }
    told: dict[str, Any] = {}
    for file in reversed(_companions(path, "ieeg", ".json")):
        told |= _json(file)  # the nearest one has the last word
    if reference := _known(told.get("iEEGReference")):
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
    return _Beside(channels, places, events, attributes | said)


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
        unit = _known(about.get("iEEGCoordinateUnits"))
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
        said = spaces[table] or _known(about.get("iEEGCoordinateSystem"))
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
        value = _known(row.get("value"))
        rows.append({
            "onset": onset, "duration": number_of(row.get("duration", ""), where),
            "kind": _known(row.get("trial_type")) or value or "event", "item": value,
            "stimulus": _known(row.get("stim_file")),
            **{key: said[key] for key in ("subject", "session") if key in said},
        })  # fmt: skip
    return events_table(rows)


def _known(value: object) -> str:
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


def _text(path: Path) -> str:
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
        told = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"{path} is not JSON: {error}") from error
    if not isinstance(told, dict):
        raise RecordingError(f"{path} holds no keys and values")
    return told


def _check_brainvision(path: Path) -> None:
    """Hold a header against its data file, which must stand beside it."""
    text = _text(path)
    if not re.match(r"\s*Brain ?Vision", text, re.IGNORECASE):
        raise RecordingError(f"{path} is not a BrainVision header")
    said = {key: value.strip() for key, value in re.findall(
        r"(?m)^(DataFile|MarkerFile|NumberOfChannels|BinaryFormat|DataFormat)=(.*)$",
        text)}  # fmt: skip
    for key in ("DataFile", "MarkerFile"):
        name = said.get(key, "").replace("$b", path.stem)
        if not name and key == "MarkerFile":
            continue
        if not name or re.search(r"[/\\:\x00]", name):
            raise RecordingError(
                f"{path}: {key} is {name!r}; the name of a file beside it is due"
            )
        if not path.with_name(name).is_file():
            raise RecordingError(
                f"{path}: {key} is {name}, which does not stand beside it"
            )
    count, kind = said.get("NumberOfChannels", ""), said.get("BinaryFormat", "")
    if said.get("DataFormat", "BINARY").upper() != "BINARY":
        return
    if not re.fullmatch(r"[1-9][0-9]{0,5}", count) or kind not in _SAMPLE_BYTES:
        raise RecordingError(
            f"{path}: NumberOfChannels {count!r} or BinaryFormat {kind!r} is none"
        )
    data = path.with_name(said["DataFile"].replace("$b", path.stem))
    frame = int(count) * _SAMPLE_BYTES[kind]
    if data.stat().st_size % frame:
        raise RecordingError(
            f"{data} is cut short or damaged: {data.stat().st_size:,} bytes are no "
            f"whole number of frames of {count} channels"
        )


def _edf_units(path: Path) -> tuple[dict[str, str], list[str]]:
    """Units by label of an EDF file, and the labels of channels of a lower rate.

    The header is held against the size of the file; MNE would stretch channels of a
    lower rate to the highest.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(256).decode("latin-1")
            count = int(head[252:256])
            length, records = int(head[184:192]), int(head[236:244])
            if not 0 < count < 10_000 or length != 256 * (count + 1):
                raise ValueError("its header is damaged")
            part = stream.read(256 * count).decode("latin-1")
        labels = [part[16 * at : 16 * at + 16].strip() for at in range(count)]
        units = [part[96 * count + 8 * at :][:8].strip() for at in range(count)]
        samples = [int(part[216 * count + 8 * at :][:8]) for at in range(count)]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RecordingError(f"{path} is not an EDF file: {error}") from error
    due = length + 2 * sum(samples) * records
    if records < 1 or min(samples) < 1 or size < due:
        raise RecordingError(
            f"{path} is cut short or damaged: {records} records take {due:,} bytes, "
            f"but it has {size:,}"
        )
    if head[192:197] == "EDF+D":
        raise RecordingError(
            f"{path} has gaps (EDF+D), which are not read; export its parts apart"
        )
    notes = "EDF Annotations"
    rates = [
        many for label, many in zip(labels, samples, strict=True) if label != notes
    ]
    slower = [label for label, many in zip(labels, samples, strict=True)
              if label != notes and many < max(rates)]  # fmt: skip
    return dict(zip(labels, units, strict=True)), slower
