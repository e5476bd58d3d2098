"""A wave field reduced to what kinds of waves are told from: few sites, few frames.

A band-limited field is known from four samples per cycle of its highest frequency, and
waves that span an array from at most 256 sites. So a minute of a large recording, as
long as surrogates need it, takes some tens of MB, however it was sampled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from cortexwave.analysis.sites import Sites, frames_of, sites_of
from cortexwave.errors import InputError

MOST_SITES = 256
_SAMPLES = 4  # per cycle of the highest frequency
_BLOCK = 2**15  # values worked on at a time


@dataclass(frozen=True)
class Cells:
    """Squares of neighbouring sites that are averaged to one site each.

    `label` (site,) is the cell of each site, `positions` (cell, 2) and `pitch` (x, y)
    in mm.
    A lattice of at most 256 sites, and scattered electrodes, are their own cells.
    """

    label: np.ndarray
    positions: np.ndarray
    pitch: tuple[float, float]
    area: float  # mm^2 of one site

    @classmethod
    def of(cls, sites: Sites) -> Cells:
        along_y, along_x = map(abs, sites.spacing or (sites.pitch, sites.pitch))
        area, pitch = along_x * along_y, (along_x, along_y)
        if sites.count <= MOST_SITES or sites.shape is None:
            return cls(np.arange(sites.count), sites.positions, pitch, area)
        side = int(np.ceil(np.sqrt(sites.count / MOST_SITES)))
        rows, columns = np.divmod(np.arange(sites.count), sites.shape[1])
        across = -(-sites.shape[1] // side)
        label = rows // side * across + columns // side
        size = np.bincount(label)
        positions = np.stack(
            [np.bincount(label, axis) / size for axis in sites.positions.T], axis=-1
        )
        return cls(label, positions, (side * along_x, side * along_y), area)

    def averaged(self, values: np.ndarray) -> np.ndarray:
        """Means (..., cell) of complex values (..., site) that are there, else NaN."""
        cells = len(self.positions)
        if cells == len(self.label):
            return values
        known = np.isfinite(values)
        total = np.zeros((*values.shape[:-1], cells), dtype=complex)
        count = np.zeros((*values.shape[:-1], cells))
        filled = np.where(known, values, 0)
        for site, to in enumerate(self.label):
            total[..., to] += filled[..., site]
            count[..., to] += known[..., site]
        with np.errstate(invalid="ignore", divide="ignore"):
            return total / count


@dataclass(frozen=True)
class Reduced:
    """Frames of a wave field at `rate` Hz; arrays are (trial, feature, frame, ...)."""

    time: np.ndarray  # (frame,) s
    analytic: np.ndarray  # (..., cell) complex64, NaN where no site lives
    frequency: np.ndarray  # (...) Hz, median over sites
    unison: np.ndarray  # (...) |mean exp(i phase)|
    doubled: np.ndarray  # (...) |sum z^2| / sum |z|^2: 1 where nothing travels
    live: np.ndarray  # (trial, feature) sites
    cells: Cells
    rate: float
    lowest: float  # Hz, where the band begins

    @property
    def frames(self) -> int:
        return len(self.time)

    def part(self, start: int, stop: int) -> Reduced:
        """Some of its frames."""
        cut = {name: getattr(self, name)[:, :, start:stop]
               for name in ("analytic", "frequency", "unison", "doubled")}  # fmt: skip
        return Reduced(time=self.time[start:stop], live=self.live, cells=self.cells,
                       rate=self.rate, lowest=self.lowest, **cut)  # fmt: skip

    def then(self, later: Reduced) -> Reduced:
        """These frames and later ones; the sites that live are those of the fewer."""
        joined = {
            name: np.concatenate([getattr(self, name), getattr(later, name)], axis=2)
            for name in ("analytic", "frequency", "unison", "doubled")
        }
        return Reduced(
            time=np.concatenate([self.time, later.time]),
            live=np.minimum(self.live, later.live), cells=self.cells, rate=self.rate,
            lowest=self.lowest, **joined,
        )  # fmt: skip


def stride_of(field: xr.Dataset) -> int:
    """Frames of a wave field per frame that is kept of it."""
    rate, highest = float(field.attrs["sampling_rate"]), float(field.attrs["band"][1])
    return max(1, int(rate // (_SAMPLES * highest)))


def reduced(field: xr.Dataset, *, first: int = 0) -> Reduced:
    """The valid frames of a wave field, reduced.

    Every n-th frame, counted from `first` frames before the field begins, so that
    blocks of one recording keep the same frames however it is cut.
    """
    sites = sites_of(field["phase"])
    if not sites.is_plane:
        raise InputError(
            f"field '{field.attrs['variable']}' stands on a line; kinds of waves are "
            "told apart on two dimensions (velocity_spectrum measures lines)"
        )
    stride = stride_of(field)
    chosen = np.flatnonzero(np.asarray(field["valid"].values, dtype=bool))
    chosen = chosen[(chosen + first) % stride == 0]
    cells = Cells.of(sites)
    rows = tuple(field.sizes.get(dim, 1) for dim in ("trial", "feature"))
    analytic = np.empty((*rows, chosen.size, len(cells.positions)), np.complex64)
    middle, unison, doubled = np.empty((3, *rows, chosen.size))
    alive = np.ones((*rows, sites.count), dtype=bool)
    size = max(1, _BLOCK // (sites.count * rows[0] * rows[1]))
    for part in (slice(k, k + size) for k in range(0, chosen.size, size)):
        phase, amplitude, frequency = (
            frames_of(field[name].isel(time=chosen[part]))
            for name in ("phase", "amplitude", "frequency")
        )
        lives = np.isfinite(phase)
        alive &= lives.all(axis=2)
        known = np.where(lives, np.exp(1j * np.where(lives, phase, 0)), 0)
        phasors = np.where(lives, known, np.nan)
        analytic[:, :, part] = cells.averaged(phasors * amplitude)
        power = np.where(lives, amplitude, 0) ** 2
        middle[:, :, part] = _median(frequency)
        count = np.maximum(lives.sum(axis=-1), 1)
        unison[:, :, part] = np.abs(known.sum(axis=-1)) / count
        doubled[:, :, part] = np.abs((known**2 * power).sum(axis=-1)) / np.maximum(
            power.sum(axis=-1), 1e-300
        )
    return Reduced(
        time=np.asarray(field["time"].values[chosen], dtype=float),
        analytic=analytic, frequency=middle, unison=unison, doubled=doubled,
        live=alive.sum(axis=-1), cells=cells,
        rate=float(field.attrs["sampling_rate"]) / stride,
        lowest=float(field.attrs["band"][0]),
    )  # fmt: skip


def _median(values: np.ndarray) -> np.ndarray:
    """Median over sites of those that are there; NaN without a warning."""
    known = np.isfinite(values).any(axis=-1)
    found = np.full(values.shape[:-1], np.nan)
    found[known] = np.nanmedian(values[known], axis=-1)
    return found
