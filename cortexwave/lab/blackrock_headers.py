"""Headers of Blackrock's files, held against the size of the file before believed."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from cortexwave.errors import RecordingError

# Blackrock: basic header of 314 bytes, then 66 for each channel; little-endian.
BASIC = np.dtype([
    ("file_id", "S8"), ("major", "u1"), ("minor", "u1"), ("header_bytes", "<u4"),
    ("label", "S16"), ("comment", "S256"), ("period", "<u4"), ("resolution", "<u4"),
    ("date", "<u2", 8), ("channels", "<u4"),
])  # fmt: skip
CHANNEL = np.dtype([
    ("type", "S2"), ("electrode", "<u2"), ("label", "S16"), ("connector", "u1"),
    ("pin", "u1"), ("digital", "<i2", 2), ("analog", "<i2", 2), ("unit", "S16"),
    ("high_pass", "<u4"), ("high_pass_order", "<u4"), ("high_pass_type", "<u2"),
    ("low_pass", "<u4"), ("low_pass_order", "<u4"), ("low_pass_type", "<u2"),
])  # fmt: skip
NEV = np.dtype([
    ("file_id", "S8"), ("major", "u1"), ("minor", "u1"), ("flags", "<u2"),
    ("header_bytes", "<u4"), ("packet_bytes", "<u4"), ("resolution", "<u4"),
    ("sampling", "<u4"), ("date", "<u2", 8), ("program", "S32"), ("comment", "S256"),
    ("extended", "<u4"),
])  # fmt: skip
TICKS = 30000.0  # per second; a file's period counts them whatever its resolution
NSX = re.compile(r"\.(ns[1-9])$", re.IGNORECASE)
_READ_HERE = ((2, 2), (2, 3), (3, 0))
PACKETS = 1 << 16  # looked at together
RESET = 0.05  # s; packets stand out of order by less, a clock set back by more


def blackrock_id(path: Path) -> str:
    """What a Blackrock file says it is, or "" for any other file."""
    if not (NSX.search(path.name) or path.suffix.lower() == ".nev"):
        return ""
    try:
        with path.open("rb") as file:
            said = file.read(8)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read ({error.strerror})") from error
    known = (b"NEURALSG", b"NEURALCD", b"BRSMPGRP", b"NEURALEV", b"BREVENTS")
    return said.decode() if said in known else ""


def header_of(path: Path, dtype: np.dtype) -> Any:
    """The header that a file begins with, checked against the size of the file."""
    size = path.stat().st_size
    if size < dtype.itemsize:
        raise RecordingError(f"{path}: cut off within its header, it has {size} bytes")
    head = np.fromfile(path, dtype=dtype, count=1)[0]
    version = int(head["major"]), int(head["minor"])
    if dtype is BASIC and version not in _READ_HERE:
        raise RecordingError(f"{path}: file specification {version[0]}.{version[1]} is "
                             "not known; 2.1, 2.2, 2.3 and 3.0 are")  # fmt: skip
    if dtype is BASIC:
        least = BASIC.itemsize + int(head["channels"]) * CHANNEL.itemsize
    else:
        least = NEV.itemsize + 32 * int(head["extended"])
    if not least <= int(head["header_bytes"]) <= size:
        raise RecordingError(
            f"{path}: damaged, its header says it has {head['header_bytes']} bytes; it "
            f"needs {least}, and the file has {size}"
        )
    if not head["resolution"] or (dtype is BASIC and not head["period"]):
        raise RecordingError(f"{path}: damaged, its header gives no clock")
    return head


def date_of(head: Any) -> str:
    """The date that a header holds, ISO 8601 in UTC, as Blackrock has it; "" for none.

    It is that of the clock's zero: year, month, day of the week, day, hour, minute,
    second, ms (a SYSTEMTIME of Windows).
    """
    year, month, _, day, hour, minute, second, ms = (int(each) for each in head["date"])
    try:
        date = datetime(year, month, day, hour, minute, second, 1000 * ms, tzinfo=UTC)
    except ValueError:  # programs that know no date leave zeros
        return ""
    return date.isoformat()


def text_of(raw: bytes) -> str:
    return raw.split(b"\x00")[0].decode("latin-1").strip()
