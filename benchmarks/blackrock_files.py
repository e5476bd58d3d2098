"""Blackrock files written by their public specification, for tests and benchmarks.

"File Formats for Blackrock Data Acquisition Systems", versions 2.2, 2.3 and 3.0. It
shares nothing with the reader in `cortexwave.lab`, so that one can be held against
the other. Numbers are little-endian and not aligned.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

Version = tuple[int, int]
RATE = 30_000  # Hz
GAIN = 0.25  # uV per bit of `channel`: 8191 uV over 32764 bits
_DATE = (2024, 5, 3, 7, 12, 0, 0, 0)  # Friday, 3 May 2024, noon
_PACKET = 104  # bytes


def headers(
    version: Version,
    channels: Sequence[bytes],
    *,
    period: int = 1,
    resolution: int = RATE,
) -> bytes:
    """What a .nsX begins with; `channels` are headers that `channel` makes."""
    size = 314 + sum(map(len, channels))
    return struct.pack(
        "<8sBBI16s256sII8HI", b"NEURALCD", *version, size, b"30 kS/s", b"", period,
        resolution, *_DATE, len(channels),
    ) + b"".join(channels)  # fmt: skip


def channel(
    number: int,
    label: str,
    *,
    unit: bytes = b"uV",
    analog: tuple[int, int] = (-8191, 8191),
) -> bytes:
    """The header of a channel, whose 16 bits are the range `analog` in its unit."""
    return struct.pack(
        "<2sH16sBB4h16sIIHIIH", b"CC", number, label.encode(), 1, number, -32764,
        32764, *analog, unit, 300, 1, 1, 7_500_000, 3, 1,
    )  # fmt: skip


def electrodes(count: int, named: str = "chan") -> list[bytes]:
    """Headers of channels from electrodes: chan1, chan2, ..."""
    return [channel(k, f"{named}{k}") for k in range(1, count + 1)]


def block_head(version: Version, clock: int, frames: int) -> bytes:
    """What stands before the counts of a block of frames."""
    return struct.pack("<BQI" if version[0] >= 3 else "<BII", 1, clock, frames)


def block(version: Version, clock: int, counts: np.ndarray) -> bytes:
    """A block of counts (frame, channel)."""
    head = block_head(version, clock, len(counts))
    return head + counts.astype("<i2").tobytes()


def nev_head(version: Version, extended: Sequence[bytes] = ()) -> bytes:
    """What a .nev begins with; `extended`: of `labelled` and `waveform`."""
    return struct.pack(
        "<8sBBHIIII8H32s256sI", b"NEURALEV", *version, 1, 336 + 32 * len(extended),
        _PACKET, RATE, RATE, *_DATE, b"", b"", len(extended),
    ) + b"".join(extended)  # fmt: skip


def labelled(electrode: int, label: str) -> bytes:
    """An extended header that gives an electrode its label."""
    return struct.pack("<8sH16s6x", b"NEUEVLBL", electrode, label.encode())


def waveform(electrode: int) -> bytes:
    """An extended header of an electrode's waveforms: 250 nV a bit, two bytes each."""
    return struct.pack(
        "<8sHBBHHhhBB10s", b"NEUEVWAV", electrode, 1, electrode, 250, 0, 0, 0, 0, 2, b""
    )


def packet(
    version: Version, clock: int, identity: int, kind: int, rest: bytes = b""
) -> bytes:
    """A packet of a .nev.

    `identity` is an electrode whose spike is of class `kind`; 0 of a digital input,
    where `kind` is the reason; 0xFFFF of a comment.
    """
    head = struct.pack(
        "<QHBB" if version[0] >= 3 else "<IHBB", clock, identity, kind, 0
    )
    return (head + rest).ljust(_PACKET, b"\0")


def word(version: Version, clock: int, reason: int, value: int) -> bytes:
    """A packet of a digital (reason 1) or serial (129) word."""
    return packet(version, clock, 0, reason, struct.pack("<H", value))


def comment(version: Version, clock: int, text: bytes) -> bytes:
    """A packet of a comment."""
    return packet(version, clock, 0xFFFF, 0, struct.pack("<I", 255) + text)
