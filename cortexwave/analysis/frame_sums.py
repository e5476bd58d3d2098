"""Sums over the frames of a wave field: means at each site, and what a verdict asks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from cortexwave.analysis.events import Found


@dataclass
class FrameSums:
    """Sums over time at each site, and what the verdict asks of all frames."""

    found: Found
    seconds: float = 0.0
    totals: dict[str, xr.DataArray] = field(default_factory=dict)
    wavelengths: list[np.ndarray] = field(default_factory=list)
    aliasing: str = ""

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
