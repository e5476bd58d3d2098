"""Blackrock's .nev files: digital words and comments as events; spikes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.blackrock_headers import (
    NEV,
    PACKETS,
    RESET,
    blackrock_id,
    header_of,
    text_of,
)
from cortexwave.lab.signals import Signal
from cortexwave.schema import events_table

_COMMENT = 0xFFFF
_LAST_CHANNEL = 0x2800  # above it are packets of other kinds
_NOISE = 255  # the class of what a sorter threw away
_LABEL = np.dtype([("id", "S8"), ("channel", "<u2"), ("label", "S16"), ("rest", "V6")])


def nev_events(path: Path) -> xr.Dataset:
    """Digital words and comments of a .nev file as an events table.

    `InputError` where its clock was set back: times then say nothing by themselves,
    and the events of each signal (`signals`) are to be taken.
    """
    path = Path(path)
    if not path.is_file() or blackrock_id(path) not in ("NEURALEV", "BREVENTS"):
        raise RecordingError(f"{path}: not a .nev file of Blackrock's")
    stretches = [rows for rows in nev_rows(path) if rows]
    if len(stretches) > 1:
        raise InputError(f"{path}: its clock was set back {len(stretches) - 1} times; "
                         "take the events of each signal")  # fmt: skip
    return events_table(stretches[0] if stretches else [])


def nev_rows(path: Path) -> list[list[dict]]:
    """Rows of an events table, for each stretch between settings of the clock."""
    stretches: list[list[dict]] = [[]]
    for times, backs, packets in _packets(path):
        chosen = backs | (((packets["id"] == 0) & (packets["reason"] & 1 == 1))
                          | (packets["id"] == _COMMENT))  # fmt: skip
        for k in np.flatnonzero(chosen):
            if backs[k]:
                stretches.append([])
            row = _nev_row(packets[k], float(times[k]))
            if row is not None:
                stretches[-1].append(row)
    return stretches


def nev_spikes(
    path: Path,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[int, str]] | None:
    """Time (s), electrode and class of each spike, and the labels of electrodes.

    Class 0 is unsorted; noise is left out. None where the clock was set back.
    """
    head = header_of(path, NEV)
    labels = np.fromfile(path, _LABEL, int(head["extended"]), offset=NEV.itemsize)
    named = {
        int(row["channel"]): text_of(row["label"])
        for row in labels[labels["id"] == b"NEUEVLBL"]
    }
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for times, backs, packets in _packets(path):
        if backs.any():
            return None
        spikes = (packets["id"] > 0) & (packets["id"] < _LAST_CHANNEL)
        spikes &= packets["reason"] != _NOISE
        found.append((times[spikes], packets["id"][spikes], packets["reason"][spikes]))
    if not found:
        return np.empty(0), np.empty(0, np.uint16), np.empty(0, np.uint8), named
    time, channel, unit = (np.concatenate(each) for each in zip(*found, strict=True))
    return time, channel, unit, {k: label for k, label in named.items() if label}


def _packets(path: Path) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Packets, some at once: times (s), whether the clock was set back, the packets.

    Of a spike `reason` is the class, of a digital word what it was written for.
    """
    if blackrock_id(path) not in ("NEURALEV", "BREVENTS"):
        raise RecordingError(f"{path}: not a .nev file of Blackrock's")
    head = header_of(path, NEV)
    wide = 8 if head["major"] >= 3 else 4
    bytes_each, begin = int(head["packet_bytes"]), int(head["header_bytes"])
    if not wide + 8 <= bytes_each <= 4096:
        raise RecordingError(f"{path}: damaged, packets of {bytes_each} bytes")
    packet = np.dtype({
        "names": ["clock", "id", "reason", "word", "text"],
        "formats": [f"<u{wide}", "<u2", "u1", "<u2", f"V{bytes_each - wide - 8}"],
        "offsets": [0, wide, wide + 2, wide + 4, wide + 8], "itemsize": bytes_each,
    })  # fmt: skip
    total = (path.stat().st_size - begin) // bytes_each
    resolution = int(head["resolution"])
    before = 0.0
    for at in range(0, total, PACKETS):
        some = np.memmap(path, packet, "r", begin + at * bytes_each,
                         min(PACKETS, total - at))  # fmt: skip
        times = some["clock"] / resolution
        backs = np.diff(times, prepend=before) < -RESET
        before = float(times[-1])
        yield times, backs, some


def _nev_row(packet: Any, onset: float) -> dict | None:
    if packet["id"] == _COMMENT:
        # `reason` is here the set of characters: 1 is UTF-16
        coding = "utf-16-le" if packet["reason"] == 1 else "latin-1"
        text = packet["text"].tobytes().decode(coding, "replace").split("\x00")[0]
        return {"onset": onset, "duration": 0.0, "kind": "comment", "item": text}
    if packet["id"] != 0 or not packet["reason"] & 1:
        return None
    kind = "serial" if packet["reason"] & 0x80 else "digital"
    return {"onset": onset, "duration": 0.0, "kind": kind, "item": int(packet["word"])}


def rows_within(
    rows: list[list[dict]] | None, from_the_end: int, signal: Signal
) -> xr.Dataset | None:
    """Events of a signal: of its stretch, counted from the last, and in its time.

    Counted so because a clock is set back as a recording begins, when a .nev may
    hold nothing yet.
    """
    if rows is None:
        return None
    own = rows[from_the_end] if -from_the_end <= len(rows) else []
    stop = signal.start + signal.frames / signal.rate
    return events_table([row for row in own if signal.start <= row["onset"] < stop])
