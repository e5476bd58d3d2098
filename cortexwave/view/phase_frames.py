"""Frames of a wave field as they are drawn: sites in order, phase, and where it goes.

Only the frames that are asked for are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.view.selection import site_size

_NAMES = ("phase", "amplitude", "frequency", "gradient_y", "gradient_x", "valid")


@dataclass(frozen=True)
class PhaseFrames:
    """Frames of a wave field at their sites, rows and columns in rising order.

    `toward_x`, `toward_y` are unit vectors of propagation (y up), NaN where the
    gradient or the sign of the frequency is not known.
    """

    time: np.ndarray  # (frame,), s
    x: np.ndarray  # (site,), mm; lattices in (y, x) order
    y: np.ndarray  # (site,), mm
    shape: tuple[int, int] | None  # (y, x) of a lattice, None for electrodes
    pitch: float  # mm
    phase: np.ndarray  # (frame, site), rad
    amplitude: np.ndarray  # (frame, site)
    toward_x: np.ndarray  # (frame, site)
    toward_y: np.ndarray  # (frame, site)
    valid: np.ndarray  # (frame,), False where the filter's edges spoilt it

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top in mm: half a pitch beyond the sites."""
        half = self.pitch / 2
        return (float(self.x.min()) - half, float(self.x.max()) + half,
                float(self.y.min()) - half, float(self.y.max()) + half)  # fmt: skip

    @property
    def ratio(self) -> float:
        """Width over height of what is drawn."""
        left, right, low, high = self.extent
        return (right - left) / (high - low)

    def arrow_sites(self, most: int) -> np.ndarray:
        """Indices of the sites that bear arrows: about `most` along an axis."""
        if self.shape is None:
            every = max(1, -(-self.x.size // most**2))
            return np.arange(0, self.x.size, every)
        every = self.arrow_step(most)
        rows, columns = (np.arange((n - 1) % every // 2, n, every) for n in self.shape)
        return (rows[:, None] * self.shape[1] + columns).ravel()

    def arrow_step(self, most: int) -> int:
        """Sites from one arrow to the next along an axis."""
        return 1 if self.shape is None else max(1, -(-max(self.shape) // most))


def expect(dataset: xr.Dataset, needed: Sequence[str], maker: str) -> None:
    """Refuse a dataset that lacks a variable, saying which function makes one."""
    if not isinstance(dataset, xr.Dataset):
        raise InputError(
            f"a Dataset, as {maker} gives, is needed, not {type(dataset).__name__}"
        )
    missing = [name for name in needed if name not in dataset]
    if missing:
        raise InputError(
            f"a dataset with {', '.join(repr(name) for name in missing)}, as {maker} "
            f"gives, is needed; this one has {list(dataset.data_vars)}"
        )


def phase_frames(
    field: xr.Dataset, index: Sequence[int] | slice, *, trial: int, feature: int
) -> PhaseFrames:
    """Some frames of one trial and feature of a wave field; only these are read."""
    schema.validate_wave_field(field)
    one = _one(field, trial, feature)
    x, y, shape, pitch = _sites(one)
    if shape is not None:
        one = one.sortby(["y", "x"])  # an image's rows rise, whatever the index does
    dims = ("channel",) if shape is None else ("y", "x")
    one = one.isel(time=index if isinstance(index, slice) else list(index))

    def read(name: str) -> np.ndarray:
        values = np.asarray(one[name].transpose("time", *dims).values, dtype=float)
        return values.reshape(values.shape[0], -1)

    gradient_x, gradient_y = read("gradient_x"), read("gradient_y")
    size = np.hypot(gradient_x, gradient_y)
    # phase grows in time, so a wave goes where phase falls, if its frequency is > 0
    with np.errstate(invalid="ignore"):
        along = -np.sign(read("frequency")) / np.where(size > 0, size, np.nan)
    return PhaseFrames(
        time=np.asarray(one["time"].values, dtype=float),
        x=x, y=y, shape=shape, pitch=pitch,
        phase=read("phase"), amplitude=read("amplitude"),
        toward_x=along * gradient_x, toward_y=along * gradient_y,
        valid=np.asarray(one["valid"].values, dtype=bool),
    )  # fmt: skip


def _one(field: xr.Dataset, trial: int, feature: int) -> xr.Dataset:
    """One trial and feature; a line becomes a lattice of one row or column."""
    phase = field["phase"]
    for dim, index in (("trial", trial), ("feature", feature)):
        count = phase.sizes.get(dim, 1)
        if not isinstance(index, int | np.integer) or not 0 <= index < count:
            raise InputError(f"{dim} {index!r} of the wave field was asked for; "
                             f"it has {count}, numbered from 0")  # fmt: skip
    chosen = {d: i for d, i in (("trial", trial), ("feature", feature))
              if d in phase.dims}  # fmt: skip
    one = field[[n for n in _NAMES if n in field]].isel(chosen, missing_dims="ignore")
    if "channel" in phase.dims:
        return one
    for axis in ("y", "x"):
        if axis not in phase.dims:
            one = one.drop_vars([axis, f"gradient_{axis}"], errors="ignore")
            one = one.expand_dims({axis: [0.0]})
            one[axis].attrs["units"] = "mm"
            one = one.assign(valid=one["valid"].isel({axis: 0}))
        if one.sizes[axis] == 1:  # nothing is known across a line: it travels along it
            one = one.assign({f"gradient_{axis}": xr.zeros_like(one["phase"])})
    return one


def _sites(
    field: xr.Dataset,
) -> tuple[np.ndarray, np.ndarray, tuple[int, int] | None, float]:
    """x and y of every site in mm, rising; shape of a lattice; pitch in mm."""
    for axis in ("x", "y"):
        found = field[axis].attrs.get("units") if axis in field.coords else None
        if found != "mm":
            raise InputError(f"units of the position '{axis}' are {found!r}, not 'mm'")
    x, y = (np.asarray(field[axis].values, dtype=float) for axis in ("x", "y"))
    if "channel" in field["phase"].dims:
        return x, y, None, _nearest(x, y)
    x, y = np.sort(x), np.sort(y)
    pitch = min((s for s in (site_size(x), site_size(y)) if s), default=1.0)
    down, across = np.meshgrid(y, x, indexing="ij")
    return across.ravel(), down.ravel(), (y.size, x.size), pitch


def _nearest(x: np.ndarray, y: np.ndarray) -> float:
    """Median distance of electrodes to their nearest neighbours in mm.

    Not below 0.6 of the mean distance: pairs that stand close would make all dots
    small.
    """
    if x.size < 2:
        return 1.0
    from scipy.spatial import cKDTree

    places = np.column_stack([x, y])
    nearest = float(np.median(cKDTree(places).query(places, k=2)[0][:, 1]))
    mean = float(np.sqrt(np.ptp(x) * np.ptp(y) / x.size))
    return max(nearest, 0.6 * mean) or 1.0
