"""What is kept of a long recording, stretch by stretch, to judge its channels by."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

_SHORTEST = 0.5  # s, to tell a line from its neighbours
# In a spectrum under a Blackman-Harris window (Harris 1978) the main lobe is 4 wide.
_NEIGHBOURS = np.array([-9, -8, -7, -6, -5, 5, 6, 7, 8, 9])
_HEAP = 20  # samples; one slow peak of a short recording may be as wide


@dataclass
class Sums:
    """What is kept of all stretches: numbers of each channel, and products of pairs."""

    channels: int
    rate: float
    length: int
    lines: tuple[float, ...]
    frames: int = 0
    stretches: int = 0
    known: np.ndarray = field(init=False)
    flat: np.ndarray = field(init=False)
    judged: np.ndarray = field(init=False)
    products: np.ndarray = field(init=False)
    power: np.ndarray = field(init=False)
    top: _Extreme = field(init=False)
    bottom: _Extreme = field(init=False)

    def __post_init__(self) -> None:
        self.lines = tuple(
            line for line in self.lines
            if self.length >= _SHORTEST * self.rate
            and line + _NEIGHBOURS[0] * self.rate / self.length > 0
            and line + _NEIGHBOURS[-1] * self.rate / self.length < self.rate / 2
        )  # fmt: skip
        self.known, self.flat, self.judged = np.zeros((3, self.channels))
        self.products = np.zeros((self.channels, self.channels))
        self.power = np.zeros((len(self.lines), 1 + _NEIGHBOURS.size, self.channels))
        self.top, self.bottom = _Extreme.of(self.channels), _Extreme.of(self.channels)

    def add(self, stretch: np.ndarray) -> None:
        """Take one stretch (time, channel) in."""
        finite = np.isfinite(stretch)
        whole = finite.all(axis=0)
        known = finite.sum(axis=0)
        # a gap, in which no channel is known, is none of the channels' faults
        gap = ~finite.any(axis=1) if self.channels > 1 else np.zeros(len(stretch), bool)
        self.frames += int(np.sum(~gap))
        self.known += known
        self.top = self.top.with_values(np.where(finite, stretch, -np.inf))
        self.bottom = self.bottom.with_values(np.where(finite, -stretch, -np.inf))
        spread = np.nanmax(np.where(finite, stretch, -np.inf), axis=0)
        spread = spread - np.nanmin(np.where(finite, stretch, np.inf), axis=0)
        self.judged += known > 1
        self.flat += (known > 1) & (spread == 0)
        mean = np.where(finite, stretch, 0).sum(axis=0) / np.maximum(known, 1)
        centred = np.where(finite, stretch - mean, 0).astype(np.float32)
        self.products += centred.T @ centred
        self.stretches += 1
        if self.lines and len(stretch) == self.length:
            self._add_lines(centred, whole)

    def _add_lines(self, centred: np.ndarray, whole: np.ndarray) -> None:
        window = _blackman_harris(self.length)
        time = np.arange(self.length) / self.rate
        for k, line in enumerate(self.lines):
            near = np.append(line, line + _NEIGHBOURS * self.rate / self.length)
            turning = window * np.exp(-2j * np.pi * near[:, None] * time)
            table = np.vstack([turning.real, turning.imag]).astype(np.float32)
            real, imaginary = np.split(table @ centred, 2)
            self.power[k] += np.where(whole, real**2 + imaginary**2, 0)

    @property
    def line_ratio(self) -> np.ndarray:
        """Greatest ratio of power at a line to the median beside it, (channel)."""
        beside = np.median(self.power[:, 1:], axis=1)
        ratio = np.zeros(beside.shape)
        np.divide(self.power[:, 0], beside, out=ratio, where=beside > 0)
        highest = ratio.max(axis=0, initial=0.0)
        return np.where(highest > 0, highest, np.nan)

    @property
    def clipped(self) -> np.ndarray:
        """Share of samples at extremes that hold too many, (channel)."""
        heaped = self.top.heaped + self.bottom.heaped
        return heaped / np.maximum(self.known, 1)


@dataclass(frozen=True)
class _Extreme:
    """The highest two values of each channel, and how many samples have them."""

    values: np.ndarray  # (2, channel), the highest first
    counts: np.ndarray

    @classmethod
    def of(cls, channels: int) -> _Extreme:
        return cls(np.full((2, channels), -np.inf), np.zeros((2, channels)))

    def with_values(self, more: np.ndarray) -> _Extreme:
        """With values (time, channel) looked at, -inf where there is none."""
        first = more.max(axis=0)
        is_first = more == first
        below = np.where(is_first, -np.inf, more)
        second = below.max(axis=0)
        counts = np.stack([is_first.sum(axis=0), (below == second).sum(axis=0)])
        values = np.concatenate([self.values, [first, second]])  # (4, channel)
        numbers = np.concatenate([self.counts, counts])
        highest = values.max(axis=0)
        beneath = np.where(values == highest, -np.inf, values).max(axis=0)
        new = np.stack([highest, beneath])
        return _Extreme(new, np.stack([
            np.where(values == level, numbers, 0).sum(axis=0) for level in new
        ]))  # fmt: skip

    @property
    def heaped(self) -> np.ndarray:
        """Samples at the highest value where they are thrice those at the next.

        Tails of noise thin out towards the extreme, also where values are coarse.
        """
        beyond = np.isfinite(self.values[1]) & (self.counts[0] > 3 * self.counts[1])
        return np.where(beyond & (self.counts[0] >= _HEAP), self.counts[0], 0)


def _blackman_harris(length: int) -> np.ndarray:
    turn = 2 * np.pi * np.arange(length) / length
    return (0.35875 - 0.48829 * np.cos(turn) + 0.14128 * np.cos(2 * turn)
            - 0.01168 * np.cos(3 * turn))  # fmt: skip
