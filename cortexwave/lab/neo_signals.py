"""Files of amplifiers' makers that `neo.rawio` reads, as signals.

Which file is whose is told by its name and first bytes, so that neo is loaded only for
a file that it knows. Parted at every gap that neo finds.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.signals import Contacts, Signal
from cortexwave.schema import events_table

MICROVOLTS = {"V": 1e6, "mV": 1e3, "uV": 1.0, "µV": 1.0, "μV": 1.0, "nV": 1e-3}


@dataclass(frozen=True)
class Kind:
    """A kind of file that neo reads: how it is told, and what is handed to neo."""

    maker: str
    reader: str
    endings: tuple[str, ...]
    begins: bytes = b""  # at byte `at` of the file
    at: int = 0
    folders: tuple[str, ...] = ()  # patterns, one of which such a folder has
    whole_folder: bool = False  # neo takes the folder of the file


_DEEP = ("", "*/", "*/*/", "*/*/*/")
KINDS = (
    Kind("Intan", "IntanRawIO", (".rhd",), b"\x02\x27\x91\xc6"),
    Kind("Intan", "IntanRawIO", (".rhs",), b"\xac\x27\x91\xd6"),
    Kind("Open Ephys", "OpenEphysBinaryRawIO", (".oebin",), b"{", whole_folder=True,
          folders=tuple(f"{deep}structure.oebin" for deep in _DEEP)),
    Kind("Open Ephys", "OpenEphysRawIO", (".continuous",), b"header.format",
          whole_folder=True, folders=("*.continuous",)),
    Kind("SpikeGLX", "SpikeGLXRawIO", (".ap.bin", ".lf.bin", ".nidq.bin", ".ap.meta",
          ".lf.meta", ".nidq.meta"), whole_folder=True,
          folders=tuple(f"{deep}*.{band}.meta" for deep in _DEEP[:2]
                        for band in ("ap", "lf", "nidq"))),
    Kind("Neuralynx", "NeuralynxRawIO", (".ncs",), b"######## Neuralynx",
          folders=("*.ncs",), whole_folder=True),
    Kind("Plexon", "PlexonRawIO", (".plx",), b"PLEX"),
    Kind("Spike2", "Spike2RawIO", (".smr",), b"(C) CED", at=2),
    Kind("Spike2", "CedRawIO", (".smrx",)),
)  # fmt: skip
BLACKROCK_2_1 = Kind("Blackrock", "BlackrockRawIO", ())


def kind_of(path: Path) -> Kind | None:
    if path.is_dir():
        return next((kind for kind in KINDS for pattern in kind.folders
                     if next(path.glob(pattern), None) is not None), None)  # fmt: skip
    for kind in KINDS if path.is_file() else ():
        if path.name.lower().endswith(kind.endings):
            with path.open("rb") as file:
                file.seek(kind.at)
                if file.read(len(kind.begins)) == kind.begins:
                    return kind
    return None


def neo_reader(path: Path, kind: Kind) -> Any:
    """neo's reader with the header read, or one `RecordingError`."""
    try:
        import neo.rawio as rawio
    except ImportError as error:
        raise InputError(
            f"reading {path.name} needs neo: pip install 'cortexwave[lab]'"
        ) from error
    folder = path if path.is_dir() else path.parent
    given: dict[str, Any] = (
        {"dirname": str(folder)} if kind.whole_folder else {"filename": str(path)}
    )
    if kind.maker == "Neuralynx":
        given["gap_tolerance_ms"] = 0.0  # neo would close a gap up, not fill it
        if path.is_file():
            given["include_filenames"] = [path.name]
    if kind.maker == "Plexon":
        given["progress_bar"] = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # neo's, of its own future
            reader = getattr(rawio, kind.reader)(**given)
            reader.parse_header()
    except ImportError as error:
        raise InputError(
            f"reading {path.name} needs {error.name}, beside neo"
        ) from error
    except Exception as error:  # neo raises what its parsing meets: any type
        raise RecordingError(
            f"{path}: not readable as a file of {kind.maker}: "
            f"{type(error).__name__}: {str(error)[:300]}"
        ) from error
    return reader


def through_neo(path: Path, kind: Kind) -> list[Signal]:
    reader = neo_reader(path, kind)
    header = reader.header
    found = []
    for block in range(header["nb_block"]):
        for segment in range(header["nb_segment"][block]):
            events = _neo_events(reader, block, segment)
            for at in range(len(header["signal_streams"])):
                made = _neo_signals(path, reader, (block, segment, at))
                found += [replace(one, events=events) for one in made]
    if not found:
        raise RecordingError(f"{path}: neo finds no signals in it")
    return _numbered(found)


def _numbered(found: list[Signal]) -> list[Signal]:
    """Signals of one name, as segments are, told apart by a number."""
    named = [one.name for one in found]
    return [
        replace(one, name=f"{one.name}_{named[: k + 1].count(one.name)}")
        if named.count(one.name) > 1 else one for k, one in enumerate(found)
    ]  # fmt: skip


def _neo_signals(path: Path, reader: Any, place: tuple[int, int, int]) -> list[Signal]:
    """A stream's signals in one segment, one for each unit that its channels have."""
    block, segment, at = place
    stream = reader.header["signal_streams"][at]
    channels = reader.header["signal_channels"]
    channels = channels[channels["stream_id"] == stream["id"]]
    frames = int(reader.get_signal_size(block, segment, at))
    units = np.array([_unit(str(unit)) for unit in channels["units"]])
    found = []
    for unit in dict.fromkeys(units.tolist() if frames else ()):
        picked = np.flatnonzero(units == unit)
        factors = [MICROVOLTS.get(str(one), 1.0) for one in channels["units"][picked]]
        scale = np.array(factors, dtype=np.float32)
        try:
            contacts = Contacts.named([str(n) for n in channels["name"][picked]])
        except InputError as error:
            raise RecordingError(f"{path}: stream {stream['name']}: {error}") from None
        name = re.sub(r"\W+", "_", str(stream["name"])).strip("_") or "signal"
        found.append(Signal(
name if unit == "uV" else f"{name}_{_ending(unit)}",
            path, "neo", float(reader.get_signal_sampling_rate(at)),
            float(reader.get_signal_t_start(block, segment, at)), frames, unit,
            _neo_reading(path, reader, place, picked, scale), contacts,
            attributes={"stream": str(stream["name"])},
        ))  # fmt: skip
    return found


def _unit(said: str) -> str:
    return "uV" if said in MICROVOLTS else said or "1"


def _ending(unit: str) -> str:
    """What tells a stream's channels of another unit by name; "1" is counts."""
    return "raw" if unit == "1" else re.sub(r"[^A-Za-z0-9]+", "_", unit)


def _neo_reading(
    path: Path, reader: Any, place: tuple[int, int, int], picked: np.ndarray,
    scale: np.ndarray,
) -> Callable[[int, int], np.ndarray]:  # fmt: skip
    block, segment, at = place

    def read(start: int, stop: int) -> np.ndarray:
        try:
            raw = reader.get_analogsignal_chunk(
                block_index=block, seg_index=segment, i_start=start, i_stop=stop,
                stream_index=at, channel_indexes=picked,
            )  # fmt: skip
            values = reader.rescale_signal_raw_to_float(
                raw, dtype="float32", stream_index=at, channel_indexes=picked
            )
        except (OSError, ValueError, IndexError) as error:
            raise RecordingError(
                f"{path}: frames {start} to {stop} cannot be read: {error}"
            ) from error
        return values * scale

    return read


def _neo_events(reader: Any, block: int, segment: int) -> xr.Dataset | None:
    """What neo calls events and epochs of a segment, as an events table."""
    blackrock = {"digital_input_port": "digital", "serial_input_port": "serial",
                 "comments": "comment"}  # fmt: skip
    rows: list[dict] = []
    for at, channel in enumerate(reader.header["event_channels"]):
        times, lasting, labels = reader.get_event_timestamps(block, segment, at)
        onsets = reader.rescale_event_timestamp(times, "float64", at)
        durations = np.zeros(len(onsets))
        if lasting is not None:
            durations = reader.rescale_epoch_duration(lasting, "float64", at)
        rows += [{"onset": float(onset), "duration": float(duration),
                  "kind": blackrock.get(str(channel["name"]), str(channel["name"])),
                  "item": str(label)}
                 for onset, duration, label
                 in zip(onsets, durations, labels, strict=True)]  # fmt: skip
    rows.sort(key=lambda row: row["onset"])
    return events_table(rows) if rows else None
