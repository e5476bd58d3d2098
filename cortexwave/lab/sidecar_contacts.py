"""Channels that a sidecar tells of: labels, where they stand, which are bad."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath, PureWindowsPath

import numpy as np

from cortexwave.errors import InputError
from cortexwave.lab.contact_units import positions_in_mm
from cortexwave.lab.sidecar import Sidecar, lattice_positions
from cortexwave.lab.signals import Contacts
from cortexwave.lab.tables import number_of, read_table

_LABELS = ("label", "name", "channel", "electrode")
_CLOCKS = ("time", "t", "timestamp", "timestamps", "sample", "samples")


def labels_of(
    said: Sidecar, count: int, shown: Sequence[str], stored: Sequence[str] | None
) -> list[str]:
    """Labels of all channels, those that are left out among them."""
    place = "channels" if said.channels is not None else "channels_variable"
    named = list(said.channels or stored or shown)
    labels = named or [f"ch{number}" for number in range(1, count + 1)]
    if len(labels) != count:
        raise said.fault((place,), f"{len(labels)} labels for {count} channels")
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise said.fault((place,), f"labels stand twice: {_few(twice)}")
    unknown = [label for label in said.leave_out if label not in labels]
    if unknown:
        raise said.fault(("leave_out",), (
            f"{_few(unknown)} are no channels; those are {_few(labels)}"
        ))  # fmt: skip
    clocks = [label for label in labels if label.lower() in _CLOCKS]
    if set(clocks) - set(said.leave_out):
        raise said.fault(("leave_out",), (
            f"the column '{clocks[0]}' looks like a clock, not a channel; write "
            f"`leave_out: [{clocks[0]}]`, or name the columns with `channels`"
        ))  # fmt: skip
    if set(labels) == set(said.leave_out):
        raise said.fault(("leave_out",), "no channel is left")
    return labels


def labelled_contacts(
    said: Sidecar, labels: list[str], stored: np.ndarray | None
) -> Contacts:
    """Contacts of some labels; `stored` is the array of `positions.variable`."""
    contacts = Contacts.named(labels, _positions(said, labels, stored))
    _check_apart(said, contacts)
    for number, label in enumerate(said.bad):
        if label not in labels:
            raise said.fault(("bad", number), (
                f"{label!r} is no channel; channels are {_few(labels)}"
            ))  # fmt: skip
    good = np.array([label not in said.bad for label in labels])
    reason = tuple("" if fine else "bad in the sidecar" for fine in good)
    return Contacts(contacts.names, contacts.positions, contacts.array, good, reason)


def _check_apart(said: Sidecar, contacts: Contacts) -> None:
    """Raise a fault where two contacts stand at one place: no gradient is there."""
    first: dict[tuple[float, ...], str] = {}
    for name, at in zip(contacts.names, contacts.positions, strict=True):
        if not np.isfinite(at[:2]).all():
            continue
        place = tuple(np.nan_to_num(at).tolist())  # z absent: 0
        twin = first.setdefault(place, name)
        if twin != name:
            at_mm = ", ".join(f"{value:g}" for value in at if np.isfinite(value))
            raise said.fault(("positions",), (
                f"{twin} and {name} stand at one place ({at_mm} mm); each contact has "
                "its own, and n/a is for one that is unknown"
            ))  # fmt: skip


def _positions(
    sidecar: Sidecar, labels: Sequence[str], stored: np.ndarray | None = None
) -> np.ndarray | None:
    """(channel, 3) mm of labelled channels; None where the sidecar has no positions.

    `stored` is the array that `positions.variable` names. NaN where a table or file
    does not have a label.
    """
    said = sidecar.positions
    if said is None:
        return None
    if said.pitch is not None:
        return lattice_positions(sidecar, said, len(labels))
    known: Mapping[str, Iterable[float]]
    unit: str | None = said.unit
    if said.table is not None:
        known, place = said.table, "table"
    elif said.file is not None:
        known, unit = _from_file(sidecar, said.file, said.unit)
        place = "file"
    else:
        known, place = _from_variable(sidecar, stored, labels), "variable"
    at = np.full((len(labels), 3), np.nan)
    for row, label in zip(at, labels, strict=True):
        found = tuple(known.get(label, ()))
        row[: len(found)] = found
    if not any(label in known for label in labels):
        raise sidecar.fault(("positions", place), (
            f"its labels ({_few(known)}) are none of the channels ({_few(labels)})"
        ))  # fmt: skip
    assert unit is not None
    try:
        return positions_in_mm(at, unit)
    except InputError as error:
        raise sidecar.fault(("positions", place), str(error)) from None


def _from_variable(
    sidecar: Sidecar, stored: np.ndarray | None, labels: Sequence[str]
) -> Mapping[str, Iterable[float]]:
    path = ("positions", "variable")
    if stored is None:
        raise sidecar.fault(path, "this kind of file holds one array alone")
    turned = stored if stored.shape[:1] == (len(labels),) else stored.T
    if turned.shape not in [(len(labels), 2), (len(labels), 3)]:
        raise sidecar.fault(path, (
            f"it is {' x '.join(map(str, stored.shape))}, where {len(labels)} channels "
            "x 2 or 3 are due"
        ))  # fmt: skip
    return dict(zip(labels, turned, strict=True))


def _from_file(
    sidecar: Sidecar, name: str, unit: str | None
) -> tuple[dict[str, tuple[float, ...]], str]:
    """Positions of a csv or tsv beside the sidecar, and their unit."""
    path = ("positions", "file")
    given = sidecar.source.folder / name
    outside = (
        not name or ".." in PurePosixPath(name.replace("\\", "/")).parts
        or PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor != ""
    )  # fmt: skip
    folder = sidecar.source.folder.resolve()
    if outside or not given.resolve().is_relative_to(folder):
        raise sidecar.fault(path, f"{name!r} is not inside the sidecar's own folder")
    if given.suffix not in (".csv", ".tsv"):
        raise sidecar.fault(path, f"{name!r} is not a .csv or .tsv file")
    rows = read_table(given)
    header = list(rows[0]) if rows else []
    label = next((key for key in header if key.lower() in _LABELS), None)
    axes: dict[str, str] = {}
    units = {unit} if unit else set()
    for key in header:
        match = re.fullmatch(r"([xyz])(?:[ _(\[]+(um|mm|cm|m)[)\]]?)?", key.lower())
        if match:
            axes[match[1]] = key
            units |= {match[2]} if match[2] else set()
    if label is None or not {"x", "y"} <= set(axes):
        raise sidecar.fault(path, (
            f"{name} has the columns {', '.join(header) or 'none'}; due are label (or "
            f"{', '.join(_LABELS[1:])}), x and y, and z where there is one"
        ))  # fmt: skip
    if len(units) != 1:
        raise sidecar.fault(("positions", "unit"), (
            f"{name} is in {' and in '.join(sorted(units))}" if units else
            f"this key is missing, and no column of {name} says its unit (x_mm)"
        ))  # fmt: skip
    found: dict[str, tuple[float, ...]] = {}
    for line, row in enumerate(rows, start=2):
        where = f"{given}:{line}"
        if row[label] in found:
            raise InputError(f"{where}: the label {row[label]!r} stands twice")
        found[row[label]] = tuple(
            number_of(row[axes[axis]], f"{where}: {axis}") for axis in sorted(axes)
        )
    return found, units.pop()


def _few(labels: Iterable[str]) -> str:
    named = list(labels)
    return ", ".join(named[:4]) + (", ..." if named[4:] else "")
