"""A lab's file as a recording: the reader that knows it, the signal wanted, its map.

A reader is any module in this room with `recognises(path)` and `signals(path)`; it is
found by being there. Nothing of the signals is read until their values are used.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np
import xarray as xr

import cortexwave.lab
from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.array_maps import electrode_map
from cortexwave.lab.electrodes import Electrodes
from cortexwave.lab.signals import Contacts, Signal, as_recording, field_name

# Where several know a file, the first of these reads it: the most particular first.
_ORDER = ("nwb", "bids", "mne_raw", "vendor", "matlab", "arrays")
# Files that are told by their first bytes, too: what one is that has others.
_MAKERS = {
    **dict.fromkeys((".ns1", ".ns2", ".ns3", ".ns4", ".ns5", ".ns6", ".nev"),
                    "a Blackrock"),
    ".rhd": "an Intan", ".rhs": "an Intan", ".ncs": "a Neuralynx", ".plx": "a Plexon",
    ".smr": "a Spike2",
}  # fmt: skip
_NUMBERED = re.compile(r"(.*?)0*(\d+)")
_SHOWN = 40


@dataclass(frozen=True)
class ReaderOptions:
    """What only some readers ask for; None leaves it to the reader.

    `sidecar` describes a bare array; gaps in time up to `gap_tolerance` (s) are filled
    with NaN; `position_unit` and `pixel_size` (mm) mend what an NWB file says wrongly
    or not at all; `truncated` "keep" reads what is left of a maker's file cut short.
    """

    sidecar: str | Path | None = None
    gap_tolerance: float | None = None
    position_unit: str | None = None
    pixel_size: float | None = None
    truncated: str | None = None


def read_lab(
    path: str | Path,
    *,
    signal: str | None = None,
    electrodes: Electrodes | str | Path | tuple[int, int, float] | None = None,
    pitch: float | None = None,
    options: ReaderOptions | None = None,
) -> xr.Dataset:
    """A lab's file as a recording, its values read when they are used.

    `signal` names one of the signals in it; where there is but one, that is taken, and
    else the message lists them. `electrodes` are placed by their labels, in place of
    the positions in the file; `pitch` (mm) is for .cmp maps, which have no distances.
    Raises `InputError`, or `RecordingError` for a file that cannot be read.
    """
    return as_recording(lab_signal(path, signal=signal, electrodes=electrodes,
                                   pitch=pitch, options=options))  # fmt: skip


def lab_signal(
    path: str | Path,
    *,
    signal: str | None = None,
    electrodes: Electrodes | str | Path | tuple[int, int, float] | None = None,
    pitch: float | None = None,
    options: ReaderOptions | None = None,
) -> Signal:
    """What `read_lab` opens, before it is shown as a recording."""
    found = lab_signals(path, options=options)
    chosen = _chosen(found, signal, Path(path))
    if electrodes is None:
        if pitch is not None:
            raise InputError(
                f"pitch is {pitch:g} mm, but there is no map (electrodes) that it is of"
            )
        return chosen
    return with_electrodes(chosen, electrode_map(electrodes, pitch=pitch))


def lab_signals(
    path: str | Path, *, options: ReaderOptions | None = None
) -> list[Signal]:
    """All signals in a lab's file, none of them read."""
    path = Path(path)
    if not path.exists():
        raise RecordingError(f"{path}: there is no such file")
    reader = reader_of(path)
    found: list[Signal] = reader.signals(path, **_asked(reader, path, options))
    if not found:
        raise RecordingError(f"{path}: read as {_name(reader)}, it holds no signal")
    return found


def reader_of(path: Path) -> ModuleType:
    """The module that reads a file; `RecordingError` where none knows it."""
    _check_kind(path)
    readers = _readers()
    for reader in readers:
        if reader.recognises(path):
            return reader
    if path.is_file() and path.stat().st_size == 0:
        raise RecordingError(f"{path}: an empty file")
    if path.is_file() and path.suffix.lower() in _MAKERS:
        raise RecordingError(
            f"{path}: does not begin as {_MAKERS[path.suffix.lower()]} file "
            f"{path.suffix.lower()} does; it is damaged, or has the wrong name"
        )
    kind = "folder" if path.is_dir() else "file"
    raise RecordingError(
        f"{path}: no reader knows this {kind}; there are "
        f"{', '.join(_name(reader) for reader in readers)}. A bare array goes in as "
        ".npy or .csv with a sidecar"
    )


def reader_name(path: Path) -> str:
    """The name of the reader that knows a file or folder, "" where none surely does.

    Plain HDF5, and HDF5 that is cut short, may be anything.
    """
    try:
        if path.is_file() and h5py.is_hdf5(path):
            h5py.File(path, "r").close()
        name = _name(reader_of(path))
    except (InputError, OSError):
        return ""
    return "" if name == "matlab" and path.suffix != ".mat" else name


def _check_kind(path: Path) -> None:
    """Raise for files that belong to a recording, or are one of our own."""
    if path.suffix.lower() == ".cmp" or path.name.endswith("electrodes.tsv"):
        raise InputError(
            f"{path}: a map of electrodes, not a recording; give it with the recording "
            "(electrodes)"
        )
    if path.is_file() and h5py.is_hdf5(path):
        try:
            with h5py.File(path, "r") as file:
                ours = {"schema_version", "n_valid"} <= set(file.attrs)
        except OSError:
            return  # its reader says what is wrong with it
        if ours:
            raise InputError(
                f"{path}: a recording of cortexwave already; open_recording opens it"
            )


def _readers() -> list[ModuleType]:
    names = [module.name for module in pkgutil.iter_modules(cortexwave.lab.__path__)]
    modules = [importlib.import_module(f"{cortexwave.lab.__name__}.{name}")
               for name in names if name != "reading"]  # fmt: skip
    found = [each for each in modules
             if hasattr(each, "recognises") and hasattr(each, "signals")]  # fmt: skip
    known = {name: rank for rank, name in enumerate(_ORDER)}
    return sorted(
        found, key=lambda each: (known.get(_name(each), len(known)), _name(each))
    )


def _name(reader: ModuleType) -> str:
    return reader.__name__.rpartition(".")[2]


def _asked(
    reader: ModuleType, path: Path, options: ReaderOptions | None
) -> dict[str, Any]:
    """The options that were given, all of which the reader must know."""
    given = {name: value for name, value in vars(options or ReaderOptions()).items()
             if value is not None}  # fmt: skip
    known = set(inspect.signature(reader.signals).parameters)
    strange = sorted(set(given) - known)
    if strange:
        raise InputError(
            f"{path}: read as {_name(reader)}, which has no option {', '.join(strange)}"
        )
    return given


def _chosen(found: list[Signal], name: str | None, path: Path) -> Signal:
    """The signal of a name, or of the last part of one that has parts, or the only."""
    if name is None:
        if len(found) == 1:
            return found[0]
        raise InputError(
            f"{path} holds {len(found)} signals; say which (signal):\n{_listed(found)}"
        )
    fits = [each for each in found if each.name == name] or [
        each for each in found
        if name in (each.name.rpartition("/")[2], field_name(each.name))
        or each.name == field_name(name)
    ]  # fmt: skip
    if len(fits) != 1:
        many = "no signal" if not fits else f"{len(fits)} signals"
        raise InputError(f"{path} holds {many} '{name}'; there are:\n{_listed(found)}")
    return fits[0]


def _listed(found: list[Signal]) -> str:
    width = max(len(each.name) for each in found[:_SHOWN])
    lines = [f"  {each.name:{width}}  {_sites(each)}, {each.rate:g} Hz, "
             f"{each.frames / each.rate:.4g} s, {each.units}"
             for each in found[:_SHOWN]]  # fmt: skip
    if len(found) > _SHOWN:
        lines.append(f"  and {len(found) - _SHOWN} more")
    return "\n".join(lines)


def _sites(signal: Signal) -> str:
    if signal.contacts is not None:
        count = len(signal.contacts.names)
        return f"{count} channel{'s' if count != 1 else ''}"
    return " x ".join(str(n) for n in signal.shape[1:]) + " pixels"


def with_electrodes(signal: Signal, electrodes: Electrodes) -> Signal:
    """The signal with its contacts where a map says, found by their labels.

    Labels are the same, or all of one word and a number on either side ("chan12" and
    "12"). Channels that the map does not have stand nowhere, which the attribute
    `electrodes_without` names; `InputError` where it has none of them.
    """
    contacts = signal.contacts
    if contacts is None:
        raise InputError(
            f"{signal.source}: signal '{signal.name}' is of images, which have no "
            "electrodes"
        )
    rows, how = _matched(contacts.names, electrodes.labels)
    if not any(row is not None for row in rows):
        raise InputError(
            f"{signal.source}: none of the {len(rows)} channels of '{signal.name}' "
            f"({', '.join(contacts.names[:4])} ...) is in the electrode map "
            f"({', '.join(electrodes.labels[:4])} ...); labels must be the same. A "
            "table (.csv) says where each stands, with the columns label, x_mm, y_mm "
            f"and a row for each channel: {contacts.names[0]},0.0,0.4"
        )
    at = np.full((len(rows), 3), np.nan)
    arrays = list(contacts.array)
    for k, row in enumerate(rows):
        if row is not None:
            at[k] = electrodes.positions[row]
            arrays[k] = electrodes.arrays[row]
    without = [
        name for name, row in zip(contacts.names, rows, strict=True) if row is None
    ]
    attributes = {**signal.attributes, "electrodes_matched": how}
    for name in ("positions", "coordinates"):  # of places that are replaced
        attributes.pop(name, None)
    if without:
        attributes["electrodes_without"] = ", ".join(without)
    placed = Contacts(contacts.names, at, tuple(arrays), contacts.good, contacts.reason)
    return replace(signal, contacts=placed, attributes=attributes)


def _matched(
    names: tuple[str, ...], labels: tuple[str, ...]
) -> tuple[list[int | None], str]:
    """The row of the map for each channel, and how it was found."""
    row = {label: k for k, label in enumerate(labels)}
    same = [row.get(name) for name in names]
    if any(found is not None for found in same):
        return same, "by label"
    channels, mapped = _numbers(names), _numbers(labels)
    if channels is None or mapped is None:
        return same, ""
    numbered = {number: k for k, number in enumerate(mapped)}
    return [numbered.get(number) for number in channels], "by the number in the label"


def _numbers(names: tuple[str, ...]) -> list[int] | None:
    """The numbers of labels that are one word and a number each, no number twice."""
    matches = [_NUMBERED.fullmatch(name) for name in names]
    if any(match is None for match in matches):
        return None
    parts = [(match[1], int(match[2])) for match in matches if match]
    if len({word for word, _ in parts}) > 1 or len({n for _, n in parts}) < len(parts):
        return None
    return [number for _, number in parts]
