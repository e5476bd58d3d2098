"""Sums over the frames of a wave field: means at each site, and what a verdict asks."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
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
    dims: tuple[Hashable, ...] = ()  # of the sums: those of the field without time
    totals: dict[str, np.ndarray] = field(default_factory=dict)
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
        """Sum the frames of a block of which the filter spoils nothing.

        By bare arrays: of small blocks labels would cost more than the sums.
        """
        dims = part["phase"].dims
        self.dims = tuple(dim for dim in dims if dim != "time")
        axis = dims.index("time")
        phase, amplitude, frequency, up, across = (
            part[name].transpose(*dims).values for name in
            ("phase", "amplitude", "frequency", "gradient_y", "gradient_x")
        )  # fmt: skip
        size = np.hypot(across, up)
        size[size == 0] = np.nan
        toward = -np.sign(frequency) / size

        def gather(name: str, summed: np.ndarray) -> None:
            self.totals[name] = self.totals.get(name, 0.0) + summed

        gather("frames", np.count_nonzero(~np.isnan(phase), axis=axis))
        for name, values in (("amplitude", amplitude), ("frequency", frequency)):
            gather(name, np.nansum(values, axis=axis))
        for name, gradient in (("towards_x", across), ("towards_y", up)):
            gather(name, np.nansum(toward * gradient, axis=axis))

    def live_sites(self) -> int:
        """Sites with a value in any trial and feature."""
        over = tuple(k for k, dim in enumerate(self.dims)
                     if dim in ("trial", "feature"))  # fmt: skip
        return int((self.totals["frames"].max(axis=over) > 0).sum())

    def means(self, like: xr.Dataset) -> xr.Dataset:
        """Means over time at each site, with the labels of any frame."""
        frames = self.totals["frames"]
        units = {"amplitude": like["amplitude"].attrs["units"], "frequency": "Hz",
                 "towards_x": "1", "towards_y": "1"}  # fmt: skip
        known = np.where(frames > 0, frames, np.nan)
        coords = like["amplitude"].isel(time=0, drop=True).coords
        return xr.Dataset({
            name: xr.DataArray(self.totals[name] / known, coords, self.dims,
                               attrs={"units": unit})
            for name, unit in units.items()
        })  # fmt: skip
