"""Values to colours: which map, from where to where, and what is written beside it.

Signed fields get a diverging map centred at 0, angles a cyclic one, all else a
perceptually uniform one. What is not finite is grey, never the colour of 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap, Normalize
from matplotlib.ticker import MaxNLocator

from cortexwave.errors import InputError

MISSING = "#8a8a8a"
MISSING_LEVEL = 255  # levels 0..254 are values
# Okabe & Ito (2008), told apart with every common colour blindness; yellow is left
# out, as it cannot be seen on white.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
_TURN = 2 * np.pi
# A rare peak (a stimulated site) this many times above the bulk of the activity
# would leave the waves without colour; the scale then ends below it, and says so.
_PEAK_OVER_BULK = 2.5
_BULK_QUANTILE = 0.995

Limits = tuple[float, float]


@dataclass(frozen=True)
class ColourScale:
    """A colour map from `low` to `high`, in the unit of the field."""

    map: str
    low: float
    high: float
    extend: Literal["neither", "min", "max", "both"]
    label: str
    cyclic: bool = False

    @property
    def limits(self) -> Limits:
        """Both ends of the scale."""
        return self.low, self.high

    def wrapped(self, values: np.ndarray) -> np.ndarray:
        """Values as they are coloured: angles in [0, 2 pi), others unchanged."""
        return np.mod(values, _TURN) if self.cyclic else values

    def levels(self, values: np.ndarray) -> np.ndarray:
        """Levels 0..254 from low to high as uint8; 255 where a value is missing."""
        with np.errstate(invalid="ignore", over="ignore"):
            share = (self.wrapped(values.astype(float)) - self.low) / (
                self.high - self.low
            )
            level = np.rint(254 * np.clip(share, 0.0, 1.0))
        return np.where(np.isfinite(values), level, MISSING_LEVEL).astype(np.uint8)

    def colours(self) -> np.ndarray:
        """Red, green, blue of the 256 levels as uint8, the last for missing values."""
        table = self.colour_map()(np.arange(255) / 254)[:, :3]
        grey = [int(MISSING[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        return np.rint(255 * np.vstack([table, grey])).astype(np.uint8)

    def colour_map(self) -> Colormap:
        """matplotlib's map, with grey where a value is missing."""
        return colormaps[self.map].with_extremes(bad=MISSING)

    def norm(self) -> Normalize:
        """matplotlib's normalisation from low to high."""
        return Normalize(self.low, self.high)

    def ticks(self, most: int = 5) -> list[tuple[float, str]]:
        """Values to mark along the scale and what to write there."""
        if self.cyclic:
            texts = ("0", "π/2", "π", "3π/2", "2π")
            return [(i * np.pi / 2, text) for i, text in enumerate(texts)]
        return nice_ticks(self.low, self.high, most)


def nice_ticks(low: float, high: float, most: int = 5) -> list[tuple[float, str]]:
    """Round values between two ends and their texts."""
    at = MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    slack = 1e-9 * (high - low)
    inside = [float(v) for v in at if low - slack <= v <= high + slack]
    return [(v, number(0.0 if abs(v) < slack else v)) for v in inside]


def number(value: float, digits: int = 4) -> str:
    """A number as print has it: 0.25, −3, 1.2 × 10⁻⁹."""
    text = f"{value:.{digits}g}"
    if "e" in text:
        front, power = text.split("e")
        raised = str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        text = f"10{raised}" if front == "1" else f"{front} × 10{raised}"
    return text.replace("-", "−")


def colour_scale(
    values: np.ndarray, *, units: str, label: str, limits: Limits | None = None
) -> ColourScale:
    """The scale that suits values; `limits` in their unit override its ends."""
    if units == "rad" and limits is None:
        return ColourScale("twilight", 0.0, _TURN, "neither", label, cyclic=True)
    finite = values[np.isfinite(values)].astype(float)
    if not finite.size:
        low, high = limits or (0.0, 1.0)
        return ColourScale("viridis", low, high, "neither", f"{label}: no finite value")
    least, greatest = float(finite.min()), float(finite.max())
    if limits is None:
        low, high = _ends(finite, least, greatest)
    else:
        low, high = limits
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise InputError(
                f"colour limits {limits} are not a low and a higher number"
            )
    # both signs count only where neither is a mere rounding of the other
    centred = low < 0 < high and np.isclose(low, -high)
    below, above = least < low, greatest > high
    ends: Literal["neither", "min", "max", "both"] = "neither"
    if below or above:
        ends = "both" if below and above else "min" if below else "max"
    return ColourScale("RdBu_r" if centred else "viridis", low, high, ends, label)


def _ends(finite: np.ndarray, least: float, greatest: float) -> Limits:
    peak = max(abs(least), abs(greatest))
    resolution = np.finfo(np.float32).eps * 4 * peak
    if greatest - least <= resolution:  # constant, up to the rounding of float32
        middle = (least + greatest) / 2
        half = abs(middle) / 2 or 1.0
        return (0.0, 1.0) if middle == 0 else (middle - half, middle + half)
    bulk = _bulk(finite, peak)
    shown = bulk if peak > _PEAK_OVER_BULK * bulk else peak
    if least < -0.02 * peak and greatest > 0.02 * peak:
        return -shown, shown
    return max(least, -shown), min(greatest, shown)


def _bulk(finite: np.ndarray, peak: float) -> float:
    """Level that nearly all of the activity (sites that are not silent) stays under."""
    sample = np.abs(finite[:: max(1, finite.size // 1_000_000)])
    active = sample[sample > 1e-3 * peak]
    return float(np.quantile(active, _BULK_QUANTILE)) if active.size > 100 else peak
