"""Where the frames of a Blackrock file lie, in runs that follow each other.

A run begins with each block of a file, or, where every frame has its own time, after
a lost packet; runs without a gap between them are joined to one signal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from cortexwave.errors import RecordingError
from cortexwave.lab.blackrock_headers import PACKETS, RESET, TICKS

_MOST_BLOCKS = 100_000  # a header that makes more is not believed
_HOW_TO_KEEP = '(truncated="keep" reads the file as far as it goes)'


@dataclass(frozen=True)
class Run:
    """Frames that follow each other: where they lie, and the times of first and last.

    `step` is the distance of frames in bytes; `last` is NaN where the file says not.
    """

    first: float
    last: float
    offset: int
    frames: int
    step: int


def block_runs(path: Path, head: Any, *, keep: bool) -> tuple[list[Run], bool]:
    """Runs of a file of blocks, each with one time; whether the last is cut off."""
    size, at = path.stat().st_size, int(head["header_bytes"])
    wide = 8 if head["major"] >= 3 else 4
    step = 2 * int(head["channels"])
    runs: list[Run] = []
    with path.open("rb") as file:
        while at < size:
            file.seek(at)
            block = file.read(wide + 5)
            offset = at + wide + 5
            whole = len(block) == wide + 5
            if whole and block[0] != 1:
                raise RecordingError(f"{path}: damaged, no block begins at byte {at}")
            frames = int.from_bytes(block[wide + 1 :], "little") if whole else 0
            there = (size - offset) // step if whole else 0
            # of a block that was never closed the number of frames is still 0
            open_ended = whole and frames == 0 and _no_block_at(file, offset, size)
            if not whole or frames > there or open_ended:
                if not keep:
                    raise RecordingError(
                        f"{path}: cut off; its last block, at byte {at}, says "
                        f"{frames} frames and has {there} {_HOW_TO_KEEP}"
                    )
                if there > 0:
                    runs.append(_run(block, wide, head, offset, there, step))
                return runs, True
            if frames:
                runs.append(_run(block, wide, head, offset, frames, step))
            if len(runs) > _MOST_BLOCKS:
                raise RecordingError(f"{path}: more than {_MOST_BLOCKS:,} blocks")
            at = offset + frames * step
    return runs, False


def _no_block_at(file: Any, offset: int, size: int) -> bool:
    file.seek(offset)
    return offset < size and file.read(1) != b"\x01"


def _run(
    block: bytes, wide: int, head: Any, offset: int, frames: int, step: int
) -> Run:
    clock = int.from_bytes(block[1 : wide + 1], "little") / int(head["resolution"])
    last = clock + (frames - 1) * int(head["period"]) / TICKS
    return Run(clock, last, offset, frames, step)


def packet_runs(path: Path, head: Any, *, keep: bool) -> tuple[list[Run], bool] | None:
    """Runs of a file whose every frame has its time (3.0 with PTP); None if of blocks.

    The times of the whole file are looked at, some at once.
    """
    count, begin = int(head["channels"]), int(head["header_bytes"])
    packet = np.dtype([("flag", "u1"), ("clock", "<u8"), ("frames", "<u4"),
                       ("values", "<i2", count)])  # fmt: skip
    total, rest = divmod(path.stat().st_size - begin, packet.itemsize)
    if head["major"] < 3 or total < 2:
        return None
    resolution, period = int(head["resolution"]), int(head["period"]) / TICKS
    runs: list[Run] = []
    start, first, before = 0, 0.0, np.nan

    def close(stop: int) -> None:
        offset = begin + start * packet.itemsize + packet.fields["values"][1]  # type: ignore[index]
        runs.append(Run(first, before, offset, stop - start, packet.itemsize))

    for at in range(0, total, PACKETS):
        some = np.memmap(path, packet, "r", begin + at * packet.itemsize,
                         min(PACKETS, total - at))  # fmt: skip
        if (some["frames"] != 1).any() or (some["flag"] != 1).any():
            if at == 0:
                return None
            raise RecordingError(f"{path}: damaged among frames {at} to {at + PACKETS}")
        if rest and not keep:
            raise RecordingError(f"{path}: cut off within frame {total} {_HOW_TO_KEEP}")
        times = some["clock"] / resolution
        steps = np.diff(times, prepend=before)
        breaks = np.flatnonzero((steps > 1.5 * period) | (steps <= 0))
        first = float(times[0]) if at == 0 else first
        for new in breaks:
            before = float(times[new - 1]) if new else before
            close(at + int(new))
            start, first = at + int(new), float(times[new])
            if len(runs) > _MOST_BLOCKS:
                raise RecordingError(f"{path}: more than {_MOST_BLOCKS:,} gaps")
        before = float(times[-1])
    close(total)
    return runs, bool(rest)


def stretches_of(runs: list[Run]) -> list[int]:
    """How often the clock was set back before each run."""
    back = [later.first < earlier.last - RESET
            for earlier, later in pairwise(runs)]  # fmt: skip
    return [0, *np.cumsum(back).tolist()]


def joined(
    runs: list[Run], stretches: list[int], rate: float, tolerance: float
) -> Iterable[tuple[list[tuple[int, Run]], int]]:
    """Runs that one signal holds, each with its first frame in it; their stretch."""
    pieces, stretch = [(0, runs[0])], stretches[0]
    for run, own in zip(runs[1:], stretches[1:], strict=True):
        at, before = pieces[-1]
        missing = round((run.first - before.last) * rate) - 1
        joins = missing == 0 or 0 < missing <= tolerance * rate
        if joins and own == stretch:
            pieces.append((at + before.frames + missing, run))
        else:
            yield pieces, stretch
            pieces, stretch = [(0, run)], own
    yield pieces, stretch
