"""Where electrodes look at a sheet: weights of its sites, and whether they suffice.

Everything between a sheet and its electrodes that is linear in space is one sparse
matrix (channel, site): a Gaussian point spread sampled at sites out to 4 sd, the
average over the contact, bilinear sampling. The Gaussian leaves exp(-k^2 sd^2 / 2) of a
plane wave, within 2 % from waves of 8 sites on however narrow it is. Sampling between
sites leaves a little less: cos(k d / 2) halfway between sites d apart.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.fft
import scipy.signal
import scipy.sparse
import scipy.special
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.lab.electrodes import Electrodes, pitch_of

Wrap = Literal["none", "x", "y", "both"]

_RADII = 4.0  # sd of the point spread that are kept
_EQUAL = 1e-3
_BESIDE = 1e-6  # of a site: rounding of positions
_WARN_BEYOND, _REFUSE_BEYOND = 0.05, 0.5  # of the variance beyond the array's Nyquist
_FEWEST, _LENGTHS = 9, 8  # contacts, and pitches along the sheet
_LOST = 0.05  # of a contact's weight beyond the sheet's edge


@dataclass(frozen=True, eq=False)
class Sheet:
    """Axes of a sheet in mm and s, after its scale; `factors` scaled time, y, x."""

    y: np.ndarray
    x: np.ndarray
    time: np.ndarray
    interval: float
    spacing: tuple[float, float]
    factors: tuple[float, float, float]

    @classmethod
    def of(
        cls, field: xr.DataArray, spacing: float | None, interval: float | None
    ) -> Sheet:
        at = {
            axis: np.asarray(field[axis].values, float) for axis in ("time", "y", "x")
        }
        step = {axis: _step(each, axis, str(field.name)) for axis, each in at.items()}
        if np.isnan(step["time"]):
            raise InputError(
                f"field '{field.name}' has one frame; electrodes need more"
            )
        for name, given in (("spacing", spacing), ("interval", interval)):
            if given is not None and not 0 < given < np.inf:
                raise InputError(f"{name} is {given}, not positive and finite")
        known = [abs(step[axis]) for axis in "yx" if np.isfinite(step[axis])]
        if not known:
            raise InputError(f"field '{field.name}' has one site; nothing to observe")
        factor = 1.0 if spacing is None else spacing / min(known)
        slower = 1.0 if interval is None else interval / step["time"]
        steps = [factor * (abs(step[axis]) if np.isfinite(step[axis]) else min(known))
                 for axis in "yx"]  # fmt: skip
        return cls(at["y"] * factor, at["x"] * factor, at["time"] * slower,
                   float(step["time"] * slower), (steps[0], steps[1]),
                   (slower, factor, factor))  # fmt: skip

    @property
    def centre(self) -> tuple[float, float]:
        """The middle of the sheet, (x, y) in mm."""
        return (float(self.x.min() + self.x.max()) / 2,
                float(self.y.min() + self.y.max()) / 2)  # fmt: skip


def _step(at: np.ndarray, axis: str, name: str) -> float:
    """The step of an axis, NaN of a single place; `InputError` where steps differ."""
    if at.size < 2:
        return np.nan
    step = float((at[-1] - at[0]) / (at.size - 1))
    if step == 0 or np.any(np.abs(np.diff(at) - step) > _EQUAL * abs(step)):
        raise InputError(f"'{axis}' of field '{name}' does not change by equal steps")
    return step


def sampling_matrix(
    electrodes: Electrodes,
    y: np.ndarray,
    x: np.ndarray,
    *,
    spread: float,
    rotation: float = 0.0,
    wrap: Wrap = "none",
) -> tuple[scipy.sparse.csr_array, np.ndarray]:
    """Weights (channel, site) of a sheet's sites, in (y, x) order, for each electrode.

    Bilinear sampling of the sheet smoothed by a Gaussian of sd `spread` (mm), averaged
    over the contact, which `rotation` (deg) turns. The weights of an electrode add up
    to 1; where its spread or contact reaches beyond the sheet, what lies beyond is left
    out. The second result (channel,) says how much of each was within. `InputError`
    where a contact's middle is beyond the sheet.
    """
    if not 0 <= spread < np.inf:
        raise InputError(f"spread is {spread} mm; it is 0 or more")
    step = min(abs(at[1] - at[0]) for at in (y, x) if at.size > 1)
    offsets, shares = _contact(electrodes, step)
    turn = np.deg2rad(rotation)
    offsets = offsets @ np.array([[np.cos(turn), np.sin(turn)],
                                  [-np.sin(turn), np.cos(turn)]])  # fmt: skip
    _check_inside(electrodes, y, x, wrap)
    rows, inside = [], np.empty(electrodes.count)
    for channel, at in enumerate(electrodes.positions[:, :2]):
        across, up = at[:, None] + offsets.T
        on_x = _along(across, x, spread, periodic=wrap in ("x", "both"))
        on_y = _along(up, y, spread, periodic=wrap in ("y", "both"))
        weight = (on_y * shares[:, None]).T @ on_x  # summed over the contact
        inside[channel] = weight.sum()
        rows.append(scipy.sparse.csr_array((weight / inside[channel]).reshape(1, -1)))
    if inside.min() < 1 - _LOST:
        worst = int(np.argmin(inside))
        warnings.warn(
            f"the point spread of electrode {electrodes.labels[worst]} lies to "
            f"{1 - inside[worst]:.0%} beyond the edge of the sheet; what is within is "
            "taken for all. A sheet three times as wide as the array shows no edge",
            stacklevel=3,
        )
    return scipy.sparse.csr_array(scipy.sparse.vstack(rows)), inside


def _contact(electrodes: Electrodes, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Points (point, 2) in mm over a contact, and the share of it that each stands for.

    Gauss-Legendre, along the radius in its square so that areas are equal; at least
    two points per site of the sheet.
    """
    if electrodes.size == 0:
        return np.zeros((1, 2)), np.ones(1)
    count = int(np.clip(np.ceil(2 * electrodes.size / step), 4, 32))
    node, weight = np.polynomial.legendre.leggauss(count)
    if electrodes.shape == "square":
        side = node * electrodes.size / 2
        across, up = np.meshgrid(side, side)
        return (np.stack([across.ravel(), up.ravel()], axis=1),
                np.outer(weight, weight).ravel() / 4)  # fmt: skip
    radius = electrodes.size / 2 * np.sqrt((node + 1) / 2)
    angle = 2 * np.pi * np.arange(3 * count) / (3 * count)
    points = np.stack([np.outer(radius, np.cos(angle)).ravel(),
                       np.outer(radius, np.sin(angle)).ravel()], axis=1)  # fmt: skip
    return points, np.repeat(weight / 2, angle.size) / angle.size


def _check_inside(
    electrodes: Electrodes, y: np.ndarray, x: np.ndarray, wrap: str
) -> None:
    outside: set[int] = set()
    for axis, at, name in ((0, x, "x"), (1, y, "y")):
        if wrap in (name, "both"):
            continue
        slack = _BESIDE * (abs(at[1] - at[0]) if at.size > 1 else 1.0)
        place = electrodes.positions[:, axis]
        beyond = (place < at.min() - slack) | (place > at.max() + slack)
        outside |= set(np.flatnonzero(beyond).tolist())
    if outside:
        first = min(outside)
        where = electrodes.positions[first]
        raise InputError(
            f"{len(outside)} of {electrodes.count} electrodes lie beyond the sheet (x "
            f"{x.min():g} to {x.max():g}, y {y.min():g} to {y.max():g} mm), such as "
            f"{electrodes.labels[first]} at ({where[0]:g}, {where[1]:g}) mm; move the "
            "array (position), make the sheet larger (spacing), or wrap one that is "
            "periodic"
        )


def _along(
    place: np.ndarray, at: np.ndarray, spread: float, *, periodic: bool
) -> np.ndarray:
    """Weights (point, site) along one axis: linear between sites, each smoothed."""
    sites = at.size
    if sites == 1:
        return np.ones((place.size, 1))
    step = (at[-1] - at[0]) / (sites - 1)
    where = (place - at[0]) / step
    whole = np.rint(where)
    where = np.where(np.abs(where - whole) < _BESIDE, whole, where)
    low = np.floor(where).astype(int)
    part = where - low
    sd = spread / abs(step)
    reach = int(np.ceil(_RADII * sd))
    taps = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (taps / sd) ** 2) if sd > 0 else np.ones(1)
    kernel /= kernel.sum()
    weights = np.zeros((place.size, sites))
    point = np.arange(place.size)
    for corner, share in ((low, 1 - part), (low + 1, part)):
        for tap, height in zip(taps, kernel, strict=True):
            site = corner + tap
            kept = (share > 0) & (periodic | ((site >= 0) & (site < sites)))
            np.add.at(weights, (point[kept], site[kept] % sites), share[kept] * height)
    return weights


def check_sampling(
    frames: np.ndarray,
    sheet: Sheet,
    electrodes: Electrodes,
    *,
    spread: float,
    rotation: float = 0.0,
) -> float | None:
    """Share of the variance of what contacts see that their array is too coarse for.

    `frames` (frame, y, x) of the sheet; `rotation` (deg) of the array's rows. Contacts
    closer than the sheet's sites are refused unless the point spread is at least one
    site wide: the sheet between sites is then known. Waves shorter than two pitches
    along a row or column seem longer: where more than half of the variance left by
    point spread and contacts is in them, `InputError`; above 5 % a warning. None where
    that cannot be told: fewer than 9 contacts, or a sheet less than 8 pitches long.
    """
    flat = electrodes.positions.copy()
    flat[:, 2] = np.nan
    pitch, site = pitch_of(flat, electrodes.arrays), min(sheet.spacing)
    if np.isnan(pitch) or pitch == 0:  # one contact, or all along a shank
        return None
    if pitch < site * (1 - _EQUAL) and spread < site:
        raise InputError(
            f"electrodes {pitch:.3g} mm apart are finer than the sites of the sheet, "
            f"{site:.3g} mm apart: between sites nothing is known. Simulate a finer "
            f"sheet, or give a point spread of at least {site:.3g} mm"
        )
    length = max(np.ptp(sheet.x), np.ptp(sheet.y))
    if electrodes.count < _FEWEST or length < _LENGTHS * pitch:
        return None
    power = _spatial_power(frames)
    ky, kx = np.meshgrid(
        2 * np.pi * scipy.fft.fftfreq(sheet.y.size, sheet.spacing[0]),
        2 * np.pi * scipy.fft.fftfreq(sheet.x.size, sheet.spacing[1]),
        indexing="ij",
    )
    k = np.hypot(kx, ky)
    seen = power * np.exp(-(k**2) * spread**2) * _contact_gain(electrodes, k)
    turn = np.deg2rad(rotation)
    if (sheet.x[-1] < sheet.x[0]) != (sheet.y[-1] < sheet.y[0]):  # mirrored
        turn = -turn
    rows = np.abs(np.cos(turn) * kx + np.sin(turn) * ky)
    columns = np.abs(np.cos(turn) * ky - np.sin(turn) * kx)
    total = float(seen.sum())
    if total == 0:
        return 0.0
    short = np.maximum(rows, columns) > np.pi / pitch * (1 + _EQUAL)
    beyond = float(seen[short].sum()) / total
    said = (
        f"{beyond:.0%} of the variance that electrodes {pitch:.3g} mm apart would see "
        f"is in waves shorter than two of that ({2 * pitch:.3g} mm), which seem longer "
        "to them, perhaps backwards"
    )
    if beyond > _REFUSE_BEYOND:
        raise InputError(
            f"{said}; choose a finer array, a larger spacing of the sheet or spread"
        )
    if beyond > _WARN_BEYOND:
        warnings.warn(said, stacklevel=3)
    return beyond


def _spatial_power(frames: np.ndarray) -> np.ndarray:
    """Power (y, x) of wavenumbers in frames (frame, y, x), tapered to their edges."""
    frames = frames - frames.mean(axis=(1, 2), keepdims=True)
    for axis, n in ((1, frames.shape[1]), (2, frames.shape[2])):
        if n > 2:  # the jump from the last to the first site is no short wave
            shape = [1, 1, 1]
            shape[axis] = n
            frames = frames * scipy.signal.windows.hann(n + 2)[1:-1].reshape(shape)
    power: np.ndarray = np.sum(np.abs(scipy.fft.fft2(frames)) ** 2, axis=0)
    return power


def _contact_gain(electrodes: Electrodes, k: np.ndarray) -> np.ndarray:
    """Power that a disc of the contact's size leaves of waves k (rad/mm)."""
    argument = np.maximum(k * electrodes.size / 2, 1e-9)
    return (2 * scipy.special.j1(argument) / argument) ** 2
