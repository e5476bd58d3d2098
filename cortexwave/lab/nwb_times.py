"""Time stamps of frames as stretches of an even clock, kept apart at gaps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortexwave.errors import InputError

_BLOCK = 1_000_000  # stamps read at once
_MOST = 1000  # pieces; more are no gaps but a clock that is not even
_ROUND = 1e-3  # of a frame, by which a round rate may miss the last stamp


@dataclass(frozen=True)
class Stretch:
    """Frames [first, last) at `start` (s) + number / `rate` (Hz).

    `deviation` (s) is the greatest distance of a stamp from that even clock.
    """

    first: int
    last: int
    start: float
    rate: float
    deviation: float


def stretches(stamps: Any, *, gap_tolerance: float | None = None) -> list[Stretch]:
    """Stretches of even time in stamps (frame) in s, read in blocks.

    A step that is longer than the usual one by more than `gap_tolerance` (s; default
    half the usual step) begins a new stretch. Raises `InputError` where stamps do not
    increase, are not finite, or stray from an even clock by more than the tolerance.
    """
    count = int(stamps.shape[0])
    if count < 2:
        raise InputError(f"{count} time stamps do not say a rate")
    usual = float(np.median(np.diff(np.asarray(stamps[:10_001], dtype=float))))
    if not np.isfinite(usual) or usual <= 0:
        raise InputError("its time stamps are not finite numbers that increase")
    tolerance = 0.5 * usual if gap_tolerance is None else gap_tolerance
    if not tolerance >= 0:
        raise InputError(f"gap_tolerance is {gap_tolerance}; 0 s or more is allowed")
    cuts = [0]
    for begin, block in _blocks(stamps, 0, count):
        steps = np.diff(block)
        wrong = np.flatnonzero(~(steps > 0))
        if wrong.size:
            at = int(wrong[0])
            raise InputError(
                f"its time stamps do not increase: frame {begin + at + 1} is at "
                f"{block[at + 1]:g} s, the one before at {block[at]:g} s"
            )
        longer = steps > usual + tolerance
        cuts += [begin + int(at) + 1 for at in np.flatnonzero(longer)[: _MOST + 1]]
        if len(cuts) > _MOST:
            raise InputError(
                f"its time stamps break more than {_MOST} times (steps beyond "
                f"{usual + tolerance:g} s); a longer gap_tolerance joins them"
            )
    return [
        _stretch(stamps, first, last, usual, tolerance)
        for first, last in zip(cuts, [*cuts[1:], count], strict=True)
    ]


def _stretch(
    stamps: Any, first: int, last: int, usual: float, tolerance: float
) -> Stretch:
    start, end = float(stamps[first]), float(stamps[last - 1])
    if last - first == 1:
        return Stretch(first, last, start, _rounded(1 / usual, usual, 2), 0.0)
    rate = _rounded((last - first - 1) / (end - start), end - start, last - first)
    strays = [
        np.abs(block - start - (begin - first + np.arange(block.size)) / rate).max()
        for begin, block in _blocks(stamps, first, last)
    ]
    deviation = float(max(strays))
    if deviation > tolerance:
        raise InputError(
            f"its time stamps stray by {deviation:g} s from an even clock of "
            f"{rate:g} Hz between {start:g} and {end:g} s; resample them, or allow "
            "it by gap_tolerance"
        )
    return Stretch(first, last, start, rate, deviation)


def _rounded(rate: float, span: float, frames: int) -> float:
    """The round rate that was meant, where stamps cannot tell the two apart."""
    for digits in (6, 9, 12):
        meant = float(f"{rate:.{digits}g}")
        if abs((frames - 1) / meant - span) * rate < _ROUND:
            return meant
    return rate


def _blocks(stamps: Any, first: int, last: int) -> Iterator[tuple[int, np.ndarray]]:
    """Stamps in blocks that share one, so that no step is missed."""
    begin = first
    while True:
        end = min(begin + _BLOCK, last)
        yield begin, np.asarray(stamps[begin:end], dtype=float)
        if end >= last:
            return
        begin = end - 1
