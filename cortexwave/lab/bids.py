"""BIDS iEEG: BrainVision or EDF with what the tables beside it say of its channels.

Values come through MNE and are never preloaded; positions from electrodes.tsv in the
unit of coordsystem.json; types, bad channels and arrays from channels.tsv; events from
events.tsv. Channels of each type (ECOG, SEEG, DBS, MISC, ...) are a signal of their
own. A BrainVision or EDF file that stands alone is read, too, without those.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from cortexwave.errors import InputError
from cortexwave.lab.bids_headers import check_brainvision, edf_units
from cortexwave.lab.bids_tables import Beside, beside_of, known
from cortexwave.lab.mne_raw import (
    LETTERED,
    arrays_of,
    dtype_of,
    frames_of,
    opened,
    unit_of,
)
from cortexwave.lab.signals import Contacts, Signal

_SUFFIXES = (".vhdr", ".edf")
_WHERE = ("", "ieeg", "ses-*/ieeg", "sub-*/ieeg", "sub-*/ses-*/ieeg")
_VOLTS = {"uV": 1e6, "µV": 1e6, "mV": 1e6, "V": 1e6, "nV": 1e6}  # of MNE's volts


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
        known, slower = edf_units(path)
        raw = opened(path, "read_raw_edf", exclude=slower, stim_channel=False)
    else:
        slower = []
        check_brainvision(path)
        raw = opened(path, "read_raw_brainvision")
    beside = beside_of(path, raw)
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
            contacts=_contacts(beside, labels, kind), events=beside.events,
            dtype="float32" if path.suffix.lower() == ".edf" else dtype_of(raw),
            attributes=attributes,
        ))  # fmt: skip
    return found


def _common_reference(beside: Beside, labels: Iterable[str]) -> dict[str, str]:
    named = {known(beside.channels.get(label, {}).get("reference")) for label in labels}
    return {"reference": named.pop()} if len(named) == 1 and "" not in named else {}


def _contacts(beside: Beside, labels: list[str], kind: str) -> Contacts:
    unknown = np.full(3, np.nan)
    at = np.array([beside.places.get(label, unknown) for label in labels])
    named = Contacts.named(labels, at)
    rows = [beside.channels.get(label, {}) for label in labels]
    good = np.array([row.get("status", "").lower() != "bad" for row in rows])
    why = [known(row.get("status_description")) or "bad in channels.tsv"
           for row in rows]  # fmt: skip
    reason = tuple("" if fine else said for fine, said in zip(good, why, strict=True))
    array = tuple(known(row.get("group")) for row in rows)
    if not any(array) and kind.lower() in LETTERED:
        array = arrays_of(labels)
    return Contacts(named.names, named.positions, array, good, reason)
