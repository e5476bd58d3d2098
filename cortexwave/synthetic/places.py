"""Where the sites of a made field are: a lattice, scattered electrodes, a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.spatial import KDTree

from cortexwave.errors import InputError
from cortexwave.sheet.lattice import Lattice


@dataclass(frozen=True)
class LatticeSites:
    """A lattice whose spacing may differ between y and x, and may be negative.

    `shape` and `spacing` (mm) are (y, x); `corner` is the (x, y) of the first site.
    A negative spacing along y is a recording whose first row is the uppermost.
    """

    shape: tuple[int, int]
    spacing: tuple[float, float]
    corner: tuple[float, float] = (0.0, 0.0)

    @property
    def y(self) -> np.ndarray:
        """Position of the rows, in mm."""
        return self.corner[1] + np.arange(self.shape[0]) * self.spacing[0]

    @property
    def x(self) -> np.ndarray:
        """Position of the columns, in mm."""
        return self.corner[0] + np.arange(self.shape[1]) * self.spacing[1]


SitesLike = Lattice | LatticeSites | np.ndarray | xr.Dataset


@dataclass(frozen=True)
class Places:
    """Sites in the order of a field's values: a lattice's in (y, x) C order.

    `x` and `y` (site) in mm; `axes` holds the y and x of the lattice, None where
    electrodes are scattered; `pitch` (mm) is the greatest spacing of the lattice, or
    the median distance to the nearest electrode.
    """

    x: np.ndarray
    y: np.ndarray
    axes: tuple[np.ndarray, np.ndarray] | None
    names: tuple[str, ...]
    pitch: float

    @property
    def count(self) -> int:
        return self.x.size

    @property
    def dims(self) -> tuple[str, ...]:
        return ("y", "x") if self.axes is not None else ("channel",)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.count,) if self.axes is None else tuple(a.size for a in self.axes)

    @property
    def coords(self) -> Mapping[str, tuple[str, object, dict[str, str]]]:
        mm = {"units": "mm"}
        if self.axes is not None:
            return {"y": ("y", self.axes[0], mm), "x": ("x", self.axes[1], mm)}
        return {
            "channel": ("channel", np.array(self.names, dtype=object), {}),
            "y": ("channel", self.y, mm),
            "x": ("channel", self.x, mm),
        }

    def from_point(self, centre: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        """Distance (mm) and angle (rad, counter-clockwise from +x) from (x, y)."""
        if len(centre) != 2 or not np.isfinite(centre).all():
            raise InputError(f"centre is {centre!r}; it is (x, y) in mm, both finite")
        across, up = self.x - centre[0], self.y - centre[1]
        return np.hypot(across, up), np.arctan2(up, across)


def lattice_sites(
    shape: tuple[int, int],
    *,
    spacing: float | tuple[float, float],
    corner: tuple[float, float] = (0.0, 0.0),
) -> LatticeSites:
    """A lattice of (y, x) sites; `spacing` in mm is one number, or one for y and x.

    Negative spacing: the coordinate falls with the index. `corner` is the (x, y) of
    the first site, in mm. For lattices as a model has them there is `Lattice`.
    """
    both = (spacing, spacing) if isinstance(spacing, float | int) else tuple(spacing)
    if len(shape) != 2 or any(not isinstance(n, int) or n < 1 for n in shape):
        raise InputError(
            f"shape of the lattice is {shape!r}; it is (ny, nx), whole numbers from 1"
        )
    if len(both) != 2 or not all(np.isfinite(d) and d != 0 for d in both):
        raise InputError(
            f"spacing of the lattice is {spacing!r} mm; it is one number or (y, x), "
            "finite and not 0"
        )
    return LatticeSites(shape, (float(both[0]), float(both[1])), corner)


def places_of(sites: SitesLike) -> Places:
    """The sites of a lattice, of positions (site, 2) = (x, y) in mm, of a recording."""
    if isinstance(sites, Lattice | LatticeSites):
        return _on_axes(np.asarray(sites.y, float), np.asarray(sites.x, float))
    if isinstance(sites, xr.Dataset):
        if {"y", "x"} <= set(sites.dims):
            return _on_axes(sites["y"].values.astype(float),
                            sites["x"].values.astype(float))  # fmt: skip
        if "channel" in sites.dims and {"y", "x"} <= set(sites.coords):
            at = np.column_stack([sites["x"].values, sites["y"].values])
            names = (sites["channel"].values if "channel" in sites.coords
                     else np.arange(len(at)))  # fmt: skip
            return _scattered(at, tuple(str(name) for name in names))
        raise InputError(
            f"sites: the Dataset has dims {tuple(sites.dims)}; it needs y and x, or "
            "channel with the coordinates x and y"
        )
    try:
        positions = np.asarray(sites, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"sites is a {type(sites).__name__}; it is a Lattice, lattice_sites(...), "
            "an array of positions (site, 2) in mm, or a recording"
        ) from error
    return _scattered(positions, ())


def _on_axes(y: np.ndarray, x: np.ndarray) -> Places:
    at_y, at_x = np.meshgrid(y, x, indexing="ij")
    steps = [np.abs(np.diff(axis)).max() for axis in (y, x) if axis.size > 1]
    return Places(at_x.ravel(), at_y.ravel(), (y, x), (), max(steps, default=0.0))


def _scattered(positions: np.ndarray, names: tuple[str, ...]) -> Places:
    if positions.ndim != 2 or positions.shape[1:] != (2,) or not len(positions):
        raise InputError(
            f"positions have shape {positions.shape}; they are (site, 2): x and y in mm"
        )
    if not np.isfinite(positions).all():
        missing = np.flatnonzero(~np.isfinite(positions).all(axis=1))
        raise InputError(f"positions of sites {missing.tolist()} are not finite")
    x, y = positions.T.copy()
    pitch = 0.0
    if len(positions) > 1:
        nearest = KDTree(positions).query(positions, k=2)[0][:, 1]
        pitch = float(np.median(nearest))
    digits = len(str(len(positions) - 1))
    return Places(
        x, y, None, names or tuple(f"e{n:0{digits}d}" for n in range(len(x))), pitch
    )
