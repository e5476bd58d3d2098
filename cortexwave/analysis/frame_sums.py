"""Sums over the frames of a wave field: means at each site, and what a verdict asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from cortexwave.analysis.event_table import Found
from cortexwave.analysis.events import LEAST_FRAMES
from cortexwave.analysis.reduced import Reduced


@dataclass
class FrameSums:
    """Sums over time at each site, and what the verdict asks of all frames."""

    found: Found
    seconds: float = 0.0
    totals: dict[str, xr.DataArray] = field(default_factory=dict)
    wavelengths: list[np.ndarray] = field(default_factory=list)
    aliasing: str = ""
    copies: int = 0
    tested: int = 0  # segments
    kept: Reduced | None = None  # frames that wait until they are a segment

    def keep(self, part: Reduced) -> None:
        """Frames to look for events in, after those that wait."""
        self.kept = part if self.kept is None else self.kept.then(part)

    def segments(self, seconds: float, *, last: bool) -> Iterator[Reduced]:
        """Segments of `seconds` that are whole; of the last frames, all that is left.

        A rest of less than half a segment is joined to the one before it.
        """
        assert self.kept is not None
        size = max(LEAST_FRAMES, round(seconds * self.kept.rate))
        while self.kept.frames >= (1.5 if last else 2.0) * size:
            yield self.kept.part(0, size)
            self.kept = self.kept.part(size, self.kept.frames)
        if last and self.kept.frames >= LEAST_FRAMES:
            yield self.kept

    def add_events(self, found: Found) -> None:
        self.found = self.found + found
        self.tested += 1

    def add(self, part: xr.Dataset) -> None:
        size = np.hypot(part["gradient_x"], part["gradient_y"])
        toward = -np.sign(part["frequency"]) / xr.where(size > 0, size, np.nan)
        each = {
            "frames": part["phase"].notnull(),
            "amplitude": part["amplitude"],
            "frequency": part["frequency"],
            "towards_x": toward * part["gradient_x"],
            "towards_y": toward * part["gradient_y"],
        }
        for name, values in each.items():
            total = values.astype(float).sum("time")
            self.totals[name] = total + self.totals.get(name, 0.0)

    def means(self, like: xr.Dataset) -> xr.Dataset:
        frames = self.totals["frames"]
        units = {"amplitude": like["amplitude"].attrs["units"], "frequency": "Hz",
                 "towards_x": "1", "towards_y": "1"}  # fmt: skip
        known = frames.where(frames > 0)
        return xr.Dataset({
            name: (self.totals[name] / known).assign_attrs(units=unit)
            for name, unit in units.items()
        })  # fmt: skip
