"""Power over frequency and wavenumber of a sheet or of scattered electrodes.

A wave cos(2 pi (f t - k . r)) has its power at (f, k), f > 0, and travels towards +x
where k_x > 0. Wavenumbers are in cycles/mm (1/mm), frequencies in Hz. What repeats
within less than two sites is folded back: nothing here can tell (`aliasing`).

Arrays are open: a taper in space, its value at each live site, 0 at missing ones. The
power is divided by the sum of the squares of what is left, so that its integral over
frequency and one cell of wavenumbers, |k_x| <= 1 / (2 dx) and |k_y| <= 1 / (2 dy), is
the mean square of the tapered signal whichever sites are missing. Finer wavenumbers
than 1 / width of the array are an interpolation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import scipy.fft
import xarray as xr
from scipy.interpolate import RegularGridInterpolator
from scipy.signal import windows

from cortexwave.analysis.pieces import AT_ONCE
from cortexwave.analysis.sites import Sites
from cortexwave.analysis.stretches import band_bins, stretches_of
from cortexwave.errors import InputError

Taper = Literal["hann", "dpss", "none"]
_BANDWIDTH, _TAPERS = 2.0, 3  # half time-bandwidth product and number in time
_SPACE_BANDWIDTH = 1.5  # of the one taper along each axis of an array
_BLOCK = 2**17  # complex values of a block of frequencies, which stay in the cache


def time_tapers(frames: int, taper: Taper) -> np.ndarray:
    """Tapers (taper, frame), each of sum of squares 1."""
    if taper not in get_args(Taper):
        raise InputError(f"taper is {taper!r}, not one of {get_args(Taper)}")
    if taper == "dpss":
        return np.asarray(windows.dpss(frames, _BANDWIDTH, _TAPERS))
    one = windows.hann(frames, sym=False) if taper == "hann" else np.ones(frames)
    return np.asarray(one / np.linalg.norm(one))[None]


def space_weights(sites: Sites, taper: Taper) -> np.ndarray:
    """The taper (site,) in space: a function of position, so of any electrodes."""
    weight = np.ones(sites.count)
    for at, pitch in zip(sites.positions.T, _pitches(sites), strict=True):
        width = np.ptp(at)
        if width == 0 or taper == "none":
            continue
        place = at - at.min()
        if taper == "hann":  # first 0 one pitch outside
            weight = weight * np.sin(np.pi * (place + pitch) / (width + 2 * pitch)) ** 2
        else:
            number = max(4, round(width / pitch) + 1)
            shape = windows.dpss(number, _SPACE_BANDWIDTH)
            weight = weight * np.interp(place, np.linspace(0, width, number), shape)
    return weight


def _pitches(sites: Sites) -> tuple[float, float]:
    """Along x and y, in mm."""
    if sites.spacing is None:
        return sites.pitch, sites.pitch
    return abs(sites.spacing[1]), abs(sites.spacing[0])


@dataclass(frozen=True)
class Wavenumbers:
    """A lattice of wavenumbers in cycles/mm and the transform of sites to it."""

    sites: Sites
    x: np.ndarray
    y: np.ndarray

    def power(self, spectrum: np.ndarray) -> np.ndarray:
        """|sum over sites of spectrum e^(2 pi i k.r)|^2: (..., site) -> (..., y, x)."""
        flat = spectrum.reshape(-1, spectrum.shape[-1])
        made = np.empty((len(flat), self.y.size, self.x.size))
        block = max(1, _BLOCK // (self.y.size * self.x.size))
        for start in range(0, len(flat), block):
            part = self._transform(flat[start : start + block])
            made[start : start + block] = part.real**2 + part.imag**2
        return made.reshape(*spectrum.shape[:-1], self.y.size, self.x.size)

    def _transform(self, spectrum: np.ndarray) -> np.ndarray:
        positions = self.sites.positions
        if self.sites.shape is None:
            wave_x = _waves(positions[:, 0], self.x)  # (site, x)
            wave_y = _waves(positions[:, 1], self.y)
            both = (wave_y[:, :, None] * wave_x[:, None]).reshape(len(positions), -1)
            return (spectrum @ both).reshape(-1, self.y.size, self.x.size)
        rows, columns = self.sites.shape
        lattice = spectrum.reshape(-1, rows, columns)
        y = positions[::columns, 1]
        along = lattice @ _waves(positions[:columns, 0], self.x)  # (f, row, k_x)
        return np.asarray(_waves(y, self.y).T @ along)  # (f, k_y, k_x)


def _waves(at: np.ndarray, wavenumber: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(2j * np.pi * at[:, None] * wavenumber))


def wavenumbers_of(sites: Sites, padding: int) -> Wavenumbers:
    """Wavenumbers of one cell, ends counted on both sides, `padding` per 1 / width."""
    axes = []
    for at, pitch in zip(sites.positions.T, _pitches(sites), strict=True):
        number = round(np.ptp(at) / pitch) + 1
        half = (padding * number + 1) // 2 if number > 1 else 0
        axes.append(np.arange(-half, half + 1) / (2 * max(half, 1) * pitch))
    return Wavenumbers(sites, *axes)


def wavenumber_frequency(
    recording: xr.Dataset,
    *,
    segment: float,
    variable: str | None = None,
    band: tuple[float, float] | None = None,
    taper: Taper = "hann",
    padding: int = 2,
    at_once: int = AT_ONCE,
) -> xr.Dataset:
    """Power density `power(frequency, wavenumber_y, wavenumber_x)` of a field.

    Of a recording, or of the valid frames of a wave field; averaged over trials and
    over stretches of `segment` s that overlap by half; with dim `feature` first where
    there are several. Unit: that of the field squared, times mm^2 / Hz (mm / Hz of a
    line of sites). Frequencies of `band` (Hz), or all. Wavenumbers `padding` times
    finer than 1 / width. `taper`, in time and space: "hann", "dpss" (Thomson 1982: in
    time the mean of 3 tapers of half bandwidth 2 / segment, in space one along each
    axis), or "none". attrs: `alias_limit` (1/mm) along the axis that has the lower,
    `resolution` (1/mm; 1 / the larger width), `stretches`. It is read `at_once` values
    at a time, but a stretch at least: that bounds memory, no more.
    """
    if padding < 1:
        raise InputError(f"padding is {padding}; it is a whole number from 1 on")
    field = stretches_of(recording, variable=variable, segment=segment, overlap=0.5,
                         at_once=at_once)  # fmt: skip
    window = time_tapers(field.frames, taper)
    weights = space_weights(field.sites, taper)
    grid = wavenumbers_of(field.sites, padding)
    frequency = scipy.fft.rfftfreq(field.frames, 1 / field.rate)
    inside = band_bins(frequency, band, field.rate)
    features = sorted({feature for _, feature in field.parts})
    total = np.zeros((len(features), inside.size, grid.y.size, grid.x.size))
    for trial, feature in field.parts:
        for stretch, live in field.of(trial, feature):
            kept = np.where(live, weights, 0.0)
            kept = kept / np.linalg.norm(kept)
            for each in window:
                spectra = scipy.fft.rfft(stretch * each[:, None], axis=0)[inside] * kept
                total[feature] += grid.power(spectra)
    count = len(field.starts) * len(field.parts) // len(features)
    total *= cell_area(field.sites) / (field.rate * count * len(window))
    sided = (frequency[inside] > 0) & (frequency[inside] < field.rate / 2)
    total *= np.where(sided, 2.0, 1.0)[:, None, None]
    dims: tuple[str, ...] = ("frequency", "wavenumber_y", "wavenumber_x")
    coords = {"frequency": ("frequency", frequency[inside], {"units": "Hz"}),
              "wavenumber_y": ("wavenumber_y", grid.y, {"units": "1/mm"}),
              "wavenumber_x": ("wavenumber_x", grid.x, {"units": "1/mm"})}  # fmt: skip
    power = total if len(features) > 1 else total[0]
    dims = ("feature", *dims) if len(features) > 1 else dims
    length = "mm2" if grid.x.size > 1 and grid.y.size > 1 else "mm"
    unit = f"{field.values.attrs['units']}2 {length}/Hz"
    limits = [axis[-1] for axis in (grid.x, grid.y) if axis.size > 1]
    return xr.Dataset(
        {"power": (dims, power, {"units": unit, "long_name": "power density"})},
        coords,
        {"variable": str(field.values.name), "segment": field.frames / field.rate,
         "stretches": count, "taper": taper, "alias_limit": float(min(limits)),
         "resolution": 1 / float(np.ptp(field.sites.positions, axis=0).max()),
         "wavenumber_convention": "cycles/mm, positive where the wave travels to +"},
    )  # fmt: skip


def cell_area(sites: Sites) -> float:
    """mm^2 that a site stands for (mm of a line); of scattered ones, pitch^2."""
    wide = np.ptp(sites.positions, axis=0) > 0
    return float(np.prod(np.array(_pitches(sites))[wide]))


def radial_power(spectrum: xr.Dataset) -> xr.Dataset:
    """`power(..., frequency, wavenumber)`: mean over directions at each |k| (1/mm).

    Rings one step of the finer axis wide, out to the lower alias limit; `wavenumber`
    is the mean |k| of the points in a ring.
    """
    y, x = spectrum["wavenumber_y"].values, spectrum["wavenumber_x"].values
    share, radius = rings(x, y)
    power = spectrum["power"].values.reshape(*spectrum["power"].shape[:-2], -1)
    return _over(spectrum, power @ share, radius)


def rings(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares (y * x, ring) of wavenumbers in each ring, and mean |k| of the rings."""
    steps = [axis[1] - axis[0] for axis in (x, y) if axis.size > 1]
    limit = min(axis[-1] for axis in (x, y) if axis.size > 1)
    size = np.hypot(x[None], y[:, None]).ravel()
    number = np.rint(size / max(steps)).astype(int)
    inside = np.flatnonzero(size <= limit * (1 + 1e-9))
    count = number[inside].max() + 1
    share = np.zeros((size.size, count))
    share[inside, number[inside]] = 1
    share /= share.sum(axis=0)
    return share, size @ share


def directional_power(spectrum: xr.Dataset, *, direction: float) -> xr.Dataset:
    """`power(..., frequency, wavenumber)` along `direction`, in deg from +x.

    `wavenumber` in 1/mm is positive where the wave travels to `direction`; linear
    between the wavenumbers of the spectrum, out to where the first axis ends.
    """
    y, x = spectrum["wavenumber_y"].values, spectrum["wavenumber_x"].values
    if not np.isfinite(direction):
        raise InputError(f"direction is {direction} deg")
    if x.size == 1 or y.size == 1:
        raise InputError(
            "the spectrum of a line of sites has one direction; take its power as it is"
        )
    unit = np.cos(np.radians(direction)), np.sin(np.radians(direction))
    ends = [axis[-1] / abs(part) for axis, part in zip((x, y), unit, strict=True)
            if abs(part) > 1e-12]  # fmt: skip
    reach = min(ends)
    number = max(x.size, y.size) // 2
    along = np.arange(-number, number + 1) / number * reach
    power = np.moveaxis(spectrum["power"].values, (-2, -1), (0, 1))
    found = RegularGridInterpolator((y, x), power)(
        np.clip(np.outer(along, unit[::-1]), [y[0], x[0]], [y[-1], x[-1]])
    )
    made = _over(spectrum, np.moveaxis(found, 0, -1), along)
    return made.assign_attrs(direction=direction)


def _over(spectrum: xr.Dataset, power: np.ndarray, along: np.ndarray) -> xr.Dataset:
    dims = (*spectrum["power"].dims[:-2], "wavenumber")
    return xr.Dataset(
        {"power": (dims, power, spectrum["power"].attrs)},
        {"frequency": spectrum["frequency"],
         "wavenumber": ("wavenumber", along, {"units": "1/mm"})},
        spectrum.attrs,
    )  # fmt: skip


def velocity_lines(spectrum: xr.Dataset, *, speeds: Sequence[float]) -> xr.Dataset:
    """Where waves of given speeds (mm/s) lie: `frequency(speed, wavenumber)` in Hz.

    f = speed * |k| for the `wavenumber` of a `radial_power` or `directional_power`;
    NaN beyond its frequencies.
    """
    given = np.asarray(speeds, dtype=float)
    if (
        given.ndim != 1
        or not given.size
        or not np.all((given > 0) & np.isfinite(given))
    ):
        raise InputError(f"speeds are {speeds!r}; they are positive numbers in mm/s")
    if "wavenumber" not in spectrum.dims:
        raise InputError("lines are drawn over one 'wavenumber': take radial_power or "
                         "directional_power first")  # fmt: skip
    along = spectrum["wavenumber"].values
    line = given[:, None] * np.abs(along)
    highest = float(spectrum["frequency"].values.max())
    return xr.Dataset(
        {"frequency": (("speed", "wavenumber"), np.where(line <= highest, line, np.nan),
                       {"units": "Hz"})},
        {"speed": ("speed", given, {"units": "mm/s"}),
         "wavenumber": ("wavenumber", along, {"units": "1/mm"})},
    )  # fmt: skip
