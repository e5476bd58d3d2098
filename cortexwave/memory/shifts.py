"""Shifts of an array of sites by any displacement, as matrices among the sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from cortexwave.errors import InputError
from cortexwave.memory.series import Series

Boundary = Literal["open", "periodic"]
_LINE = np.arange(-16, 17) / 4  # pitches per step
_PLANE = np.arange(-6, 7) / 2
_FALL = 0.3  # sd of the interpolation between scattered electrodes, in pitches


@dataclass(frozen=True)
class SiteArray:
    """Places of sites: a lattice along each axis (of y, x) that has several, or not.

    `axes` the coordinates in pitches of a lattice's lines; for electrodes None, and
    `places` (site, axis) holds theirs. `used` picks the sites of a lattice in their
    order: a mask, or numbers of places.
    """

    names: tuple[str, ...]
    axes: tuple[np.ndarray, ...] | None
    places: np.ndarray
    used: np.ndarray
    pitch: float
    boundary: Boundary

    def shift(self, move: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """S_d (site, source) of the used sites, and which sites have their source."""
        if self.axes is None:
            return self._scattered(move)
        whole, known = np.ones((1, 1)), np.ones(1, dtype=bool)
        for at, d in zip(self.axes, move, strict=True):
            away = at[:, None] - d - at
            source = at - d
            if self.boundary == "periodic":
                one, seen = _around(away, len(at)), np.ones(len(at), dtype=bool)
            else:
                one = np.sinc(away)
                seen = (source > -1e-9) & (source < len(at) - 1 + 1e-9)
            whole, known = np.kron(whole, one), np.kron(known, seen)
        return whole[np.ix_(self.used, self.used)], known[self.used]

    def _scattered(self, move: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        source = self.places - move
        away = np.linalg.norm(source[:, None] - self.places, axis=-1)
        weight = np.exp(-((away / _FALL) ** 2) / 2)
        near = away.min(axis=1) <= 0.75
        total = weight.sum(axis=1, keepdims=True)
        return weight / np.maximum(total, 1e-300), near


def _around(away: np.ndarray, count: int) -> np.ndarray:
    """The interpolation of band-limited values on a ring, at `away` sites."""
    k = np.fft.fftfreq(count) * count
    # of an even number the highest frequency is both + and -: a cosine
    return np.cos(2 * np.pi * away[..., None] * k / count).sum(axis=-1) / count


def site_array(measured: Series, boundary: Boundary) -> SiteArray:
    """Where the sites of a recording are; `InputError` says what a shift lacks."""
    if boundary not in get_args(Boundary):
        raise InputError(f"boundary is {boundary!r}, not 'open' or 'periodic'")
    several = [dim for dim, size in measured.places.items() if size > 1]
    strange = [dim for dim in several if dim not in ("y", "x")]
    units = {name: attrs.get("units") for name, (_, attrs) in measured.labels.items()}
    placed: list[str] = [axis for axis in ("y", "x") if axis in measured.labels]
    if not placed or (len(strange) and len(several) > 1):
        raise InputError(
            f"the sites lie along {measured.places} with coordinates "
            f"{sorted(measured.labels)}; a shift needs places x, y in mm, and one "
            "feature, so choose with .isel or give each channel its x and y"
        )
    if any(units[axis] != "mm" for axis in placed):
        raise InputError(f"places are in { {a: units[a] for a in placed} }, not mm")
    if strange:
        return _electrodes(measured, placed, boundary)
    names = tuple(axis for axis in ("y", "x") if axis in several)
    if not names:
        raise InputError("one site has nowhere to shift to")
    lines, pitches = [], []
    for axis in names:
        at = np.unique(measured.labels[axis][0])
        steps = np.diff(at)
        pitch = float(steps.min()) if steps.size else np.nan
        lines.append(np.arange(measured.places[axis]))
        pitches.append(pitch)
        whole = np.round(steps / pitch)  # a dead line leaves a gap of several
        if not steps.size or not np.allclose(steps, whole * pitch, rtol=1e-3):
            raise InputError(f"'{axis}' does not grow by equal steps")
    if not np.allclose(pitches, pitches[0], rtol=1e-3):
        raise InputError(
            f"the pitch is {pitches} mm along {names}; it must be the same"
        )
    order = tuple(dim for dim in measured.places if dim in names)
    return SiteArray(order, tuple(lines[names.index(n)] for n in order),
                     np.empty((0, len(order))), measured.used, pitches[0],
                     boundary)  # fmt: skip


def _electrodes(measured: Series, placed: list[str], boundary: Boundary) -> SiteArray:
    """Where the sites of a recording are; `InputError` says what a shift lacks."""
    if boundary == "periodic":
        raise InputError("scattered electrodes have open edges; give boundary='open'")
    places = np.stack([measured.labels[axis][0] for axis in placed], axis=1)
    keep = [k for k in range(len(placed)) if np.ptp(places[:, k]) > 0]
    if not keep:
        raise InputError("all electrodes have one place")
    places = places[:, keep].astype(float)
    away = np.linalg.norm(places[:, None] - places, axis=-1)
    np.fill_diagonal(away, np.inf)
    pitch = float(np.median(away.min(axis=1)))
    if not pitch > 0:
        raise InputError("electrodes share their places")
    return SiteArray(tuple(placed[k] for k in keep), None, places / pitch,
                     measured.used, pitch, boundary)  # fmt: skip


def trial_sites(positions: np.ndarray | None, boundary: Boundary) -> SiteArray:
    """Where sites at `positions` (site, 2), x and y in mm, are: a lattice if they can.

    They are a lattice where x and y are whole numbers of one pitch apart and fill three
    quarters of its places or more (some electrodes are dead).
    """
    if boundary not in get_args(Boundary):
        raise InputError(f"boundary is {boundary!r}, not 'open' or 'periodic'")
    if positions is None:
        raise InputError("the trials have no positions of their sites; a shift needs x "
                         "and y in mm")  # fmt: skip
    places = np.asarray(positions, dtype=float)[:, ::-1]  # y, x
    keep = [k for k in range(2) if np.ptp(places[:, k]) > 0]
    if not keep:
        raise InputError("all sites have one place; there is nowhere to shift to")
    names = tuple(("y", "x")[k] for k in keep)
    places = places[:, keep]
    away = np.linalg.norm(places[:, None] - places, axis=-1)
    np.fill_diagonal(away, np.inf)
    pitch = float(np.median(away.min(axis=1)))
    if not pitch > 0:
        raise InputError("sites share their places")
    at = (places - places.min(axis=0)) / pitch
    index = np.rint(at).astype(int)
    shape = tuple(index.max(axis=0) + 1)
    flat = np.ravel_multi_index(tuple(index.T), shape)
    regular = np.abs(at - index).max() < 0.02 and np.unique(flat).size == flat.size
    if regular and flat.size >= 0.75 * np.prod(shape):
        return SiteArray(names, tuple(np.arange(n) for n in shape),
                         np.empty((0, len(names))), flat, pitch, boundary)  # fmt: skip
    if boundary == "periodic":
        raise InputError("scattered electrodes have open edges; give boundary='open'")
    # of places at random the nearest is far closer than the usual gap between them
    extent = np.ptp(places, axis=0)
    gap = float((np.prod(extent) / len(at)) ** (1 / len(names)))
    return SiteArray(names, None, places / gap, np.ones(len(at), dtype=bool), gap,
                     boundary)  # fmt: skip


def displacement_grid(
    given: Sequence[float] | np.ndarray | None, array: SiteArray
) -> np.ndarray:
    """Every displacement, (displacement, axis) in pitches."""
    lines = [np.ptp(at) for at in array.axes] if array.axes else np.ptp(array.places, 0)
    if given is None:
        grid = _LINE if len(array.names) == 1 else _PLANE
        each = [grid[np.abs(grid) <= reach / 2] for reach in lines]
    else:
        grid = np.asarray(given, dtype=float)
        if grid.ndim != 1 or not np.isfinite(grid).all() or 0 not in grid:
            raise InputError(
                "displacements are not a list of finite numbers of pitches with 0 "
                "among them, to which the others are compared"
            )
        if np.abs(grid).max() > max(lines) / 2:
            raise InputError(
                f"displacement {np.abs(grid).max():g} pitches is more than half the "
                f"array, {max(lines) / 2:g}: too few sites would be left"
            )
        each = [grid[np.abs(grid) <= reach / 2] for reach in lines]
    return np.stack([m.reshape(-1) for m in np.meshgrid(*each, indexing="ij")], axis=1)
