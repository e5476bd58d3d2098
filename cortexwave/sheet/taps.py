"""Tap tables: where a coupling reads from, with what weight, and how long ago."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import model_validator

from cortexwave.documents import Document
from cortexwave.errors import InputError
from cortexwave.sheet.lattice import Lattice
from cortexwave.units import Speed, Time

LONGEST_PAST = 2**31  # bytes of past frames that a coupling may keep


@dataclass(frozen=True)
class Taps:
    """Where a coupling reads from, with what weight, and how many steps ago.

    `offsets` (tap, 2): sites along (y, x). `weights` (tap,) where each feature is
    coupled to itself alike, else (tap, out, in). `delays` (tap,), steps >= 0.
    `rounding` is the greatest difference between a delay asked for and the one
    given, in s.
    """

    offsets: np.ndarray
    weights: np.ndarray
    delays: np.ndarray
    rounding: float = 0.0

    @property
    def depth(self) -> int:
        """Number of past samples needed besides the present one."""
        return int(self.delays.max(initial=0))

    @property
    def mixing(self) -> bool:
        """Whether features act on one another."""
        return self.weights.ndim == 3

    @property
    def radius(self) -> tuple[int, int]:
        """Greatest |offset| along (y, x)."""
        high = np.abs(self.offsets).max(axis=0, initial=0)
        return int(high[0]), int(high[1])


class Delay(Document):
    """Conduction delay of a coupling: one of `speed`, `speeds`, `fixed`.

    `speed`: distance / speed. `speeds` with `shares`: several classes of axons, each
    tap split among them. `fixed`: the same for all taps, 0 or a multiple of dt.
    """

    speed: Speed | None = None
    speeds: list[Speed] | None = None
    shares: list[float] | None = None
    fixed: Time | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Delay:
        given = [name for name in ("speed", "speeds", "fixed")
                 if getattr(self, name) is not None]  # fmt: skip
        if len(given) != 1:
            raise ValueError("a delay has exactly one of 'speed', 'speeds', 'fixed'")
        if (self.shares is None) != (self.speeds is None):
            raise ValueError("'shares' goes with 'speeds', one share for each")
        if self.speeds is not None and self.shares is not None:
            if len(self.shares) != len(self.speeds) or not self.speeds:
                raise ValueError(
                    f"{len(self.speeds)} speeds and {len(self.shares)} shares"
                )
            if min(self.shares) < 0 or abs(sum(self.shares) - 1) > 1e-9:
                raise ValueError(f"shares {self.shares} do not add up to 1")
        if self.fixed is not None and self.fixed < 0:
            raise ValueError(f"a delay of {1e3 * self.fixed:g} ms lies in the future")
        return self


def with_delay(taps: Taps, delay: Delay, lattice: Lattice, dt: float) -> Taps:
    """The taps with conduction delays, in steps of `dt` (s)."""
    if delay.fixed is not None:
        steps = np.floor(delay.fixed / dt + 0.5)
        _check_past(steps, lattice)
        # 1e-6 of a step: decimal fractions such as 0.3 ms / 0.1 ms are not exact
        if abs(delay.fixed / dt - steps) > 1e-6:
            raise InputError(
                f"the fixed delay is {1e3 * delay.fixed:g} ms, no multiple of dt = "
                f"{1e3 * dt:g} ms; the nearest is {1e3 * steps * dt:g} ms"
            )
        delays = np.full(len(taps.delays), int(steps))
        return Taps(taps.offsets, taps.weights, delays)
    distance = lattice.spacing * np.hypot(taps.offsets[:, 0], taps.offsets[:, 1])
    speeds = delay.speeds or [delay.speed]
    shares = delay.shares or [1.0]
    parts = []
    for speed, share in zip(speeds, shares, strict=True):
        exact = distance / np.float64(speed * dt)
        steps = np.floor(exact + 0.5)
        if distance.max() > 0 and steps.max() == 0:
            raise InputError(
                f"at {speed:g} mm/s every delay over {distance.max():g} mm rounds to 0 "
                f"steps of {1e3 * dt:g} ms; leave the delay out, or take a smaller dt "
                f"or a speed below {2 * distance.max() / dt:g} mm/s"
            )
        _check_past(steps.max(), lattice)
        parts.append((steps.astype(np.int64), share, np.abs(exact - steps).max() * dt))
    return Taps(
        np.concatenate([taps.offsets] * len(parts)),
        np.concatenate([share * taps.weights for _, share, _ in parts]),
        np.concatenate([steps for steps, _, _ in parts]),
        rounding=float(max(rounding for *_, rounding in parts)),
    )


def without_delay(offsets: np.ndarray, weights: np.ndarray) -> Taps:
    """Taps that all read the present."""
    return Taps(
        np.asarray(offsets, dtype=np.int64),
        np.ascontiguousarray(weights, dtype=np.float64),
        np.zeros(len(offsets), dtype=np.int64),
    )


def _check_past(steps: float, lattice: Lattice) -> None:
    past = steps * lattice.sites * lattice.features * 8
    if past > LONGEST_PAST:
        raise InputError(
            f"the longest delay is {steps:.10g} steps; keeping that much of the past "
            f"takes {past / 2**30:.3g} GiB (limit 2); shorten the delay, or raise the "
            "speed or dt"
        )
