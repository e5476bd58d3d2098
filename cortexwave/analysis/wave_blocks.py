"""A recording's wave field block by block, of as many frames as memory has room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from cortexwave.analysis.copied_sites import untold_copies
from cortexwave.analysis.filters import margin_seconds
from cortexwave.analysis.pieces import values_within
from cortexwave.analysis.sites import Sites
from cortexwave.analysis.wave_fields import PhaseMethod, wave_field
from cortexwave.errors import InputError

# Arrays of a block's size that stand side by side at the worst moment: 15 to 18 were
# measured, by method and by number of sites.
ARRAYS = 20


@dataclass(frozen=True)
class Wanted:
    """What an analysis was asked for, as in `analyse`."""

    band: tuple[float, float]
    seed: int
    variable: str | None
    method: PhaseMethod
    order: int
    measures: Sequence[str] | None
    count: int
    alpha: float
    wavelength: float | None
    memory: int

    @property
    def at_once(self) -> int:
        """Values to read at once where no block is read."""
        return values_within(self.memory)

    def field(self, recording: xr.Dataset, read: slice, keep: slice) -> xr.Dataset:
        """The wave field of the frames to keep, of those to read."""
        frames = recording.sizes["time"]
        part = recording.isel(time=read)
        size = part.sizes["time"]
        margins = (keep.start if read.start > 0 else 0,
                   size - keep.stop if read.stop < frames else 0)  # fmt: skip
        with untold_copies():  # the verdict says it
            made = self._made(part, margins)
        return made.isel(time=keep).load()

    def _made(self, part: xr.Dataset, margins: tuple[int, int]) -> xr.Dataset:
        return wave_field(
            part, band=self.band, variable=self.variable, method=self.method,
            order=self.order, margins=margins,
        )  # fmt: skip


def block_size(
    values: xr.DataArray, sites: Sites, rate: float, wanted: Wanted
) -> tuple[int, int]:
    """Frames to keep of a block, and to read on either side of them."""
    margin = int(np.ceil(rate * margin_seconds(rate=rate, band=wanted.band,
                                               order=wanted.order)))  # fmt: skip
    several = values.sizes.get("trial", 1) * values.sizes.get("feature", 1)
    frame = 8 * ARRAYS * sites.count * several
    total = values.sizes["time"]
    if total * frame <= wanted.memory:
        return total, margin
    size = int(wanted.memory // frame) - 2 * margin
    if size < margin:
        least = min(total, 3 * margin) * frame
        raise InputError(
            f"memory is {_in_words(wanted.memory)}; a block of this recording needs "
            f"{-(-least // 2**20)} MiB: {sites.count} sites at {rate:g} Hz, {several} "
            f"trial(s) and feature(s), and {margin / rate:.3g} s on either side for "
            "the filter"
        )
    # equal ones: of a short last block the filter's end might spoil every frame
    return -(-total // -(-total // size)), margin


def _in_words(size: int) -> str:
    """1024 bytes as "1 KiB"."""
    for unit, of_unit in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= of_unit:
            return f"{size / of_unit:.4g} {unit}"
    return f"{size:g} bytes"
