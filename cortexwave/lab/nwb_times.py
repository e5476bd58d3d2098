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
class Part:
    """Stamps [first, last) of a file, which are the frames from `at` on."""

    at: int
    first: int
    last: int


@dataclass(frozen=True)
class Stretch:
    """Frames at `start` (s) + number / `rate` (Hz); those of no part are missing.

    `deviation` (s) is the greatest distance of a stamp from that even clock.
    """

    parts: tuple[Part, ...]
    start: float
    rate: float
    deviation: float

    @property
    def frames(self) -> int:
        end = self.parts[-1]
        return end.at + end.last - end.first

    @property
    def missing(self) -> int:
        return self.frames - sum(part.last - part.first for part in self.parts)


def stretches(stamps: Any, *, gap_tolerance: float | None = None) -> list[Stretch]:
    """Stretches of even time in stamps (frame) in s, read in blocks.

    A step longer than one and a half of the usual one is a gap, and begins a new
    stretch; only where less than `gap_tolerance` (s) is missing, frames of that time
    stand in one stretch as missing. Raises `InputError` where stamps do not increase,
    are not finite, or stray from an even clock by half a step.
    """
    count = int(stamps.shape[0])
    if count < 2:
        raise InputError(f"{count} time stamps do not say a rate")
    if gap_tolerance is not None and not gap_tolerance >= 0:
        raise InputError(f"gap_tolerance is {gap_tolerance}; 0 s or more is allowed")
    usual = float(np.median(np.diff(np.asarray(stamps[:10_001], dtype=float))))
    if not np.isfinite(usual) or usual <= 0:
        raise InputError("its time stamps are not finite numbers that increase")
    cuts = _cuts(stamps, count, usual)
    even = [
        _stretch(stamps, first, last, usual, 0.5 * usual)
        for first, last in zip(cuts, [*cuts[1:], count], strict=True)
    ]
    if gap_tolerance is None:
        return even
    groups: list[list[Stretch]] = []
    for part in even:
        before = groups[-1][-1] if groups else None
        if before and part.start - before.start - before.frames / before.rate <= (
            gap_tolerance
        ):
            groups[-1].append(part)
        else:
            groups.append([part])
    return [_joined(group) for group in groups]


def _cuts(stamps: Any, count: int, usual: float) -> list[int]:
    """The frames at which stretches begin."""
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
        longer = np.flatnonzero(steps > 1.5 * usual)
        cuts += [begin + int(at) + 1 for at in longer[: _MOST + 1]]
        if len(cuts) > _MOST:
            raise InputError(
                f"its time stamps break more than {_MOST} times (steps beyond "
                f"{1.5 * usual:g} s), so they are no even clock: resample them"
            )
    return cuts


def _joined(group: list[Stretch]) -> Stretch:
    """Stretches as one, at the rate of the longest, each at its nearest frame."""
    if len(group) == 1:
        return group[0]
    rate = max(group, key=lambda stretch: stretch.frames).rate
    start, end = group[0].start, 0
    parts, strays = [], []
    for stretch in group:
        (part,) = stretch.parts
        at = max(end, round((stretch.start - start) * rate))
        end = at + part.last - part.first
        parts.append(Part(at, part.first, part.last))
        shift = abs(stretch.start - start - at / rate)
        drift = stretch.frames * abs(1 / stretch.rate - 1 / rate)
        strays.append(shift + drift + stretch.deviation)
    return Stretch(tuple(parts), start, rate, max(strays))


def _stretch(
    stamps: Any, first: int, last: int, usual: float, tolerance: float
) -> Stretch:
    start, end = float(stamps[first]), float(stamps[last - 1])
    if last - first == 1:
        rate = _rounded(1 / usual, usual, 2)
        return Stretch((Part(0, first, last),), start, rate, 0.0)
    rate = _rounded((last - first - 1) / (end - start), end - start, last - first)
    strays = [
        np.abs(block - start - (begin - first + np.arange(block.size)) / rate).max()
        for begin, block in _blocks(stamps, first, last)
    ]
    deviation = float(max(strays))
    if deviation > tolerance:
        raise InputError(
            f"its time stamps stray by {deviation:g} s from an even clock of "
            f"{rate:g} Hz between {start:g} and {end:g} s: resample them"
        )
    return Stretch((Part(0, first, last),), start, rate, deviation)


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
