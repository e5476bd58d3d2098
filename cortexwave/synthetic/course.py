"""The course of a made field in time: its frames, its oscillation, its window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cortexwave.errors import InputError

Window = tuple[float, float]
ENVELOPE = "Tukey: ramps of half a cosine, each a quarter of the window, inside it"
_RAMP = 0.25  # share of the window at each end


def frame_count(duration: float, rate: float) -> int:
    """Frames of a recording of `duration` s at `rate` Hz."""
    for name, value, unit in (("duration", duration, "s"), ("rate", rate, "Hz")):
        if not 0 < value < np.inf:
            raise InputError(f"{name} is {value} {unit}; it is positive and finite")
    frames = round(duration * rate)
    if frames < 2:
        raise InputError(
            f"a duration of {duration} s at {rate} Hz is {frames} frames; at least 2 "
            "are needed"
        )
    return frames


def check_positive(name: str, value: float, unit: str) -> None:
    if not 0 < value < np.inf:
        raise InputError(f"{name} is {value} {unit}; it is positive and finite")


def check_band(band: tuple[float, float], rate: float) -> None:
    if len(band) != 2 or not 0 < band[0] < band[1] < rate / 2:
        raise InputError(
            f"band is {band!r} Hz; it is (low, high) with 0 < low < high < {rate / 2} "
            f"Hz, half the rate of {rate} Hz"
        )


@dataclass(frozen=True)
class Course:
    """An oscillation of `frequency` Hz and `phase` rad, inside `window` (s) or always.

    Phase is that at time 0, wherever the window begins.
    """

    duration: float
    rate: float
    frequency: float
    phase: float
    window: Window | None

    def __post_init__(self) -> None:
        frame_count(self.duration, self.rate)
        if not 0 < self.frequency < self.rate / 2:
            raise InputError(
                f"frequency is {self.frequency} Hz; at a rate of {self.rate} Hz it "
                f"lies above 0 and below {self.rate / 2} Hz"
            )
        if not np.isfinite(self.phase):
            raise InputError(f"phase is {self.phase} rad, not finite")
        if self.window is not None:
            check_window(self.window, self.duration)

    @property
    def truth(self) -> dict[str, object]:
        start, end = self.window or (0.0, self.duration)
        found: dict[str, object] = {
            "start": float(start), "end": float(end),
            "frequency": float(self.frequency), "phase": float(self.phase),
        }  # fmt: skip
        return found if self.window is None else {**found, "envelope": ENVELOPE}

    def quadratures(self) -> np.ndarray:
        """Windowed cos and sin of 2 pi f t + phase, (time, 2)."""
        time = np.arange(frame_count(self.duration, self.rate)) / self.rate
        turn = 2 * np.pi * self.frequency * time + self.phase
        pair = np.stack([np.cos(turn), np.sin(turn)], axis=1)
        if self.window is not None:
            pair *= envelope(time, self.window)[:, None]
        return pair


def check_window(window: Window, duration: float) -> None:
    if len(window) != 2 or not 0 <= window[0] < window[1] <= duration:
        raise InputError(
            f"window is {window!r} s; it is (start, end) with 0 <= start < end <= "
            f"{duration} s, the duration"
        )


def envelope(time: np.ndarray, window: Window) -> np.ndarray:
    """A Tukey window over `time` (s): 0 outside, 1 in its middle half."""
    start, end = window
    place = (time - start) / (end - start)  # 0 to 1 inside
    edge = np.clip(np.minimum(place, 1 - place) / _RAMP, 0, 1)
    return 0.5 - 0.5 * np.cos(np.pi * edge)
