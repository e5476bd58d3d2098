"""MNE's raw files (.fif) through MNE, never preloaded: V to uV, metres to mm.

Channels of each type are a signal of their own, named by the type ("ecog", "seeg",
"misc"), so that what is no brain signal never stands beside what is.
"""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.contact_units import positions_in_mm
from cortexwave.lab.signals import Contacts, Signal
from cortexwave.schema import events_table

_FILE_ID = 100  # kind of the first tag of every .fif
# Types of which each electrode (grid, strip, shaft) is called by letters, its contacts
# by these and a number.
LETTERED = ("ecog", "seeg", "dbs")
_CONTACT = re.compile(r"(.*?[^\W\d_]'?)[\s_.-]*\d+")
UNITS = {"V": ("uV", 1e6), "T": ("T", 1.0), "T/m": ("T/m", 1.0)}


def recognises(path: Path) -> bool:
    """Whether a file is .fif by its first tag, or says so by its name."""
    if not path.is_file():
        return False
    if path.suffix == ".fif":
        return True
    with path.open("rb") as stream:
        tag = stream.read(16)
    return len(tag) == 16 and struct.unpack(">II", tag[:8]) == (_FILE_ID, 31)


def signals(path: Path) -> list[Signal]:
    """The signals of a .fif file, one for each type of channel."""
    path = Path(path)
    _check_tags(path)
    raw = opened(path, "read_raw_fif", allow_maxshield=True)
    info = raw.info
    events = annotated_events(raw)
    subject = (info.get("subject_info") or {}).get("his_id")
    found = []
    for name, picks in by_type(raw).items():
        contacts, frame = _contacts(path, raw, picks)
        units, factor = unit_of(raw, picks[0])
        attributes = {"channel_type": name}
        attributes |= {"coordinates": frame} if frame else {}
        attributes |= {"subject": str(subject)} if subject else {}
        if info["custom_ref_applied"]:
            attributes["reference"] = "changed by software before it was saved"
        found.append(Signal(
            name=name, source=path, reader="mne_raw", rate=float(info["sfreq"]),
            start=0.0, frames=int(raw.n_times), units=units,
            read=frames_of(path, raw, picks, factor), contacts=contacts, events=events,
            dtype=dtype_of(raw), attributes=attributes,
        ))  # fmt: skip
    return found


def _check_tags(path: Path) -> None:
    """Hold the lengths that the tags of a .fif claim against its size."""
    at, seen = 0, set[int]()
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            while at < size and at not in seen:
                seen.add(at)
                stream.seek(at)
                tag = stream.read(16)
                kind, _, length, after = (struct.unpack(">4i", tag) if len(tag) == 16
                                          else (0, 0, -1, 0))  # fmt: skip
                if at == 0 and kind != _FILE_ID:
                    raise RecordingError(f"{path} is not a .fif file")
                end = at + 16 + length
                if length < 0 or end > size:
                    raise RecordingError(
                        f"{path} is cut short or damaged: it has {size:,} bytes, but "
                        f"what begins at byte {at:,} does not fit into them"
                    )
                if after < 0:
                    return
                at = after or end
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if not size:
        raise RecordingError(f"{path} is empty")


def opened(path: Path, reader: str, **options: Any) -> Any:
    """What one of MNE's readers makes of a file; no values are read."""
    try:
        import mne
    except ImportError as error:
        raise InputError(
            f"reading {path.name} needs mne: pip install 'cortexwave[lab]'"
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # on names of files
            raw = getattr(mne.io, reader)(
                path, preload=False, verbose="ERROR", **options
            )
            raw.get_channel_types()  # unknown types are found only when asked for
    except Exception as error:  # MNE raises Exception itself on damaged tags
        raise RecordingError(f"{path} cannot be read: {error}") from error
    if not raw.n_times or not raw.ch_names:
        raise RecordingError(f"{path} holds no samples")
    return raw


def by_type(raw: Any) -> dict[str, list[int]]:
    """Channels of each type; those of another unit as a type of their own."""
    found: dict[str, list[int]] = {}
    for at, kind in enumerate(raw.get_channel_types()):
        found.setdefault(kind, []).append(at)
    return {
        name if units == first else f"{name}_{units.replace('/', '_per_')}": picks
        for name, all_picks in found.items()
        for first in [unit_of(raw, all_picks[0])[0]]
        for units, picks in _by_unit(raw, all_picks).items()
    }


def _by_unit(raw: Any, picks: Sequence[int]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for at in picks:
        found.setdefault(unit_of(raw, at)[0], []).append(at)
    return found


def dtype_of(raw: Any) -> str:
    """Type that holds a file's values without loss."""
    return "float64" if raw.orig_format in ("double", "int") else "float32"


def unit_of(raw: Any, channel: int) -> tuple[str, float]:
    """Our unit of a channel and the factor to it; "1" where MNE knows none."""
    from mne.io.constants import FIFF

    known = {FIFF.FIFF_UNIT_V: "V", FIFF.FIFF_UNIT_T: "T", FIFF.FIFF_UNIT_T_M: "T/m"}
    unit = known.get(raw.info["chs"][channel]["unit"], "")
    # MNE gives stimulus channels the volt, too, but they count codes
    if raw.get_channel_types([channel]) == ["stim"]:
        unit = ""
    return UNITS.get(unit, ("1", 1.0))


def frames_of(
    path: Path, raw: Any, picks: Sequence[int], factor: float
) -> Callable[[int, int], np.ndarray]:
    """A reading of frames (frame, channel) of some channels."""
    chosen = np.asarray(picks)

    def read(start: int, stop: int) -> np.ndarray:
        try:
            values = raw.get_data(chosen, start, stop, verbose="ERROR")
        except Exception as error:  # as above
            raise RecordingError(f"{path} cannot be read: {error}") from error
        return np.asarray(values.T * factor)

    return read


def annotated_events(raw: Any) -> xr.Dataset | None:
    """Annotations of a file as events; None where it has none."""
    notes = raw.annotations
    # onsets count from where the acquisition began, our time from the first sample
    # that was saved
    early = float(raw.first_time)
    marks = zip(notes.onset, notes.duration, notes.description, strict=True)
    rows = [{"onset": onset - early, "duration": duration, "kind": kind}
            for onset, duration, kind in marks]  # fmt: skip
    return events_table(rows) if rows else None


def _contacts(path: Path, raw: Any, picks: Sequence[int]) -> tuple[Contacts, str]:
    """Contacts of some channels, and the frame of their coordinates ("" unknown)."""
    channels = [raw.info["chs"][at] for at in picks]
    at = np.array([channel["loc"][:3] for channel in channels], dtype=float)
    # MNE has zeros or NaN where a place is unknown
    at[~np.isfinite(at).all(axis=1) | (at == 0).all(axis=1)] = np.nan
    try:
        places = positions_in_mm(at, "m")
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    names = [channel["ch_name"] for channel in channels]
    bad = set(raw.info["bads"])
    contacts = Contacts.named(names, places)
    good = np.array([name not in bad for name in names])
    reason = tuple("" if fine else "bad in the file" for fine in good)
    frames = {int(channel["coord_frame"]) for channel in channels}
    frame = _frame(frames) if np.isfinite(places).any() else ""
    array = contacts.array
    if raw.get_channel_types(picks[:1])[0] in LETTERED:
        array = arrays_of(names)
    return Contacts(contacts.names, places, array, good, reason), frame


def arrays_of(labels: Sequence[str]) -> tuple[str, ...]:
    """The electrode of each intracranial contact, by the letters of its label.

    G of G12, LT' of LT'3; "" for all where a label has another form, or where the
    letters tell one electrode only or each contact from every other.
    """
    found = [_CONTACT.fullmatch(label) for label in labels]
    names = [match[1] for match in found if match is not None]
    if len(names) < len(labels) or not 1 < len(set(names)) < len(labels):
        return ("",) * len(labels)
    return tuple(names)


def _frame(numbers: set[int]) -> str:
    """Name of the frame that coordinates are in, such as head; "" of several."""
    from mne.io.constants import FIFF

    names = [name.removeprefix("FIFFV_COORD_").lower() for name, value in FIFF.items()
             if name.startswith("FIFFV_COORD_") and {value} == numbers]  # fmt: skip
    return names[0] if names else ""
