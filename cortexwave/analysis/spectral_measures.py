"""Waves by their wavevectors: standing or travelling, which way, and how fast.

A wave cos(2 pi f t - k.r) has its power at +k, one that comes the other way at -k, and
two of equal power stand. Space is transformed without taper, at whole numbers of waves
across the lattice, or across the box around scattered electrodes (at half numbers, too,
for a whole trial): a wave longer than the array is hardly told from its opposite.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft

from cortexwave.analysis.sites import Sites
from cortexwave.analysis.wave_frames import (
    Course,
    Frames,
    SiteKey,
    site_key,
    sites_by_key,
)

_FINER = (
    2  # half a wave across: coarser, directions lean towards the axes by up to 17 deg
)
_DIRECT = 128  # sites up to which a product of matrices is faster than a transform
_NULL = 1e-9
_SEGMENT = 4.0  # periods of the band's lower edge in a segment of `ridge`
_ZOOMS = 12
_UNISON = 0.95
NO_RIDGE = (
    "NaN where unison explains 0.95 or more of what the best velocity does: the wave "
    "is none, or much longer than the array"
)


def standing(frames: Frames) -> dict[str, np.ndarray]:
    """`standing_ratio` (frame,): 1 - sum |P(k) - P(-k)| / sum (P(k) + P(-k)).

    0 where all goes one way, 1 where each wavevector has its opposite at the same
    power, P being the spatial power of the phasors without k = 0. That is so in a
    standing wave, but in a rotating and a radial wave, too: one that stands has high
    `bimodality` and low `synchrony` as well. NaN where there is no power but at k = 0.
    """
    there, back = spatial_power(frames.cosine, frames.sine, frames.sites)
    return {"standing_ratio": _balance(there, back)}


def net_direction(course: Course) -> dict[str, float]:
    """Of a trial: `net_direction_asymmetry`, `net_direction`, `standing_ratio_overall`.

    The asymmetry DAI = |sum P k / |k|| / sum P, 0 to 1, is of the power P(k) of the
    analytic signal over the whole trial and band (its frequencies are all positive, so
    that P(k) is not P(-k)) without k = 0; `net_direction` in deg is where the sum
    points. `standing_ratio_overall` is the standing ratio of the same power: waves that
    go both ways by turns have a high one, though nothing stands at any time, and so has
    unison.
    """
    wavevectors = wavevectors_of(course.sites, finer=_FINER)
    half = len(wavevectors) // 2
    there, back = np.zeros((2, half + 1))
    for signal in course.blocks():
        sums = spatial_power(signal.real, signal.imag, course.sites, finer=_FINER)
        there += sums[0].sum(axis=0)
        back += sums[1].sum(axis=0)
    units = wavevectors[:half]
    units = units / np.linalg.norm(units, axis=1, keepdims=True)
    x, y = (there - back)[:half] @ units
    whole = (there + back)[:half].sum()
    asymmetry = float(np.hypot(x, y) / whole) if whole > 0 else float("nan")
    direction = float(np.degrees(np.arctan2(y, x)))
    return {
        "net_direction_asymmetry": asymmetry,
        # a sum that is no more than rounding has no direction
        "net_direction": direction if asymmetry > _NULL else float("nan"),
        "standing_ratio_overall": float(_balance(there[None], back[None])[0]),
    }


def wavevectors_of(sites: Sites, *, finer: int = 1) -> np.ndarray:
    """Wavevectors (wavevector, 2) x, y in rad/mm, the opposite of each in its mirror.

    Whole numbers of waves across the array (of 1 / `finer`), short of two sites per
    wave, where a wave is its own opposite. k = 0 is in the middle.
    """
    axes = []
    for across, most in zip(_extent(sites), _highest(sites, finer), strict=True):
        axes.append(2 * np.pi * np.arange(-most, most + 1) / (finer * across))
    x, y = np.meshgrid(*axes)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _extent(sites: Sites) -> tuple[float, float]:
    """Length (mm) of the array along x and y, each site having a cell of its own."""
    if sites.shape is not None and sites.spacing is not None:
        y, x = (n * abs(d) for n, d in zip(sites.shape, sites.spacing, strict=True))
        return x, y
    x, y = np.ptp(sites.positions, axis=0) + sites.pitch
    return float(x), float(y)


def _highest(sites: Sites, finer: int) -> tuple[int, int]:
    """Greatest number of the parts of a wave across x, y with more than two sites."""
    if sites.shape is not None:
        return (finer * sites.shape[1] - 1) // 2, (finer * sites.shape[0] - 1) // 2
    # rounded, as an extent that is a whole number of pitches is seldom exactly so
    x, y = (int(np.ceil(finer * round(a / sites.pitch, 6) / 2)) - 1
            for a in _extent(sites))  # fmt: skip
    return max(x, 0), max(y, 0)


def spatial_power(
    cosine: np.ndarray, sine: np.ndarray, sites: Sites, *, finer: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """|sum z exp(i k.r)|^2 of z = cosine + i sine (frame, site), there and back.

    Of the first half of the wavevectors and the middle (frame, wavevector), and of
    their opposites.
    """
    if sites.shape is None or sites.spacing is None or sites.count <= _DIRECT:
        waves = _waves(site_key(sites), finer)
        cc, cs = np.split(cosine @ waves, 2, axis=1)
        sc, ss = np.split(sine @ waves, 2, axis=1)
        return (cc - ss) ** 2 + (cs + sc) ** 2, (cc + ss) ** 2 + (cs - sc) ** 2
    ny, nx = sites.shape
    # exp(+i k.r) is the inverse transform's sign; a falling axis turns it
    signs = [-1 if step > 0 else 1 for step in sites.spacing]
    padded = finer * ny, finer * nx
    spectrum = scipy.fft.fft2((cosine + 1j * sine).reshape(-1, ny, nx), padded)
    most_x, most_y = _highest(sites, finer)
    rows = signs[0] * np.arange(-most_y, most_y + 1) % padded[0]
    columns = signs[1] * np.arange(-most_x, most_x + 1) % padded[1]
    half = (2 * most_x + 1) * (2 * most_y + 1) // 2 + 1
    found = spectrum[:, rows[:, None], columns].reshape(len(cosine), -1)
    power = found.real**2 + found.imag**2
    return power[:, :half], power[:, : half - 2 : -1]


@lru_cache(maxsize=2)
def _waves(key: SiteKey, finer: int) -> np.ndarray:
    """Cosine beside sine of k.r (site, 2 wavevector), of half and the middle."""
    sites = sites_by_key(key)
    # from the middle, so that where the array lies in the world costs no digits
    places = sites.positions - sites.positions.mean(axis=0)
    wavevectors = wavevectors_of(sites, finer=finer)
    angle = places @ wavevectors[: len(wavevectors) // 2 + 1].T
    return np.concatenate([np.cos(angle), np.sin(angle)], axis=1)


def _balance(there: np.ndarray, back: np.ndarray) -> np.ndarray:
    """1 - sum |P(k) - P(-k)| / sum (P(k) + P(-k)) of powers as `spatial_power`'s."""
    both, apart = there + back, np.abs(there - back)
    total = both[:, :-1].sum(axis=1)
    # what rounding leaves of a field in unison is no wave
    known = total > 1e-12 * both.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(known, 1 - apart[:, :-1].sum(axis=1) / total, np.nan)


def ridge(course: Course) -> dict[str, float]:
    """Of a trial: `ridge_energy`, `ridge_speed` (mm/s) and `ridge_direction` (deg).

    The share of the power in the band that lies on the line k = 2 pi f s of the
    k-omega spectrum, for the slowness s (s/mm) of most power: the semblance of the
    signals, each put forward by r.s (Neidell & Taner 1971, for all frequencies at
    once). 1 for a plane wave of one velocity whatever its spectrum, 1 / sites for white
    noise, 1/2 for two opposite waves of equal power, less where speed depends on
    frequency or direction changes. Smooth noise has a ridge, too: compare with
    surrogates. Segments of four periods of the band's lower edge, Hann taper; a
    transform of the band is kept, about band / rate of the trial.
    """
    spectra, frequencies, total = _segments(course)
    nothing = {"ridge_energy": np.nan, "ridge_speed": np.nan, "ridge_direction": np.nan}
    if not total > 0:
        return nothing
    middle = _mean_frequency(spectra, frequencies)
    sums = [spatial_power(each.real, each.imag, course.sites) for each in spectra]
    there, back = (sum(part[k].sum(axis=0) for part in sums) for k in (0, 1))
    power = np.concatenate([there, back[-2::-1]])
    start = wavevectors_of(course.sites)[np.argmax(power)] / (2 * np.pi * middle)
    places = course.sites.positions - course.sites.positions.mean(axis=0)
    # one wave more or less across the array at the mean frequency
    reach = 1 / (middle * np.array(_extent(course.sites)))
    offsets = np.stack(np.meshgrid(*[np.linspace(-1, 1, 7)] * 2), -1).reshape(-1, 2)
    best, slowness = -1.0, start
    for _ in range(_ZOOMS):
        tried = slowness + offsets * reach
        found = _stacked(spectra, frequencies, places, tried) / total
        if found.max() > best:
            best, slowness = float(found.max()), tried[np.argmax(found)]
        reach = reach / 2
    if _stacked(spectra, frequencies, places, np.zeros((1, 2)))[0] / total >= (
        _UNISON * best
    ):
        return nothing
    return {
        "ridge_energy": best,
        "ridge_speed": float(1 / np.linalg.norm(slowness)),
        "ridge_direction": float(np.degrees(np.arctan2(slowness[1], slowness[0]))),
    }


def _segments(course: Course) -> tuple[list[np.ndarray], np.ndarray, float]:
    """Spectra (segment, site) of each frequency in the band, and power times sites."""
    low, high = course.band
    length = max(4, round(_SEGMENT / low * course.rate)) if low > 0 else 1024
    frequencies = scipy.fft.fftfreq(length, 1 / course.rate)
    inside = np.flatnonzero((frequencies >= low) & (frequencies <= high))
    taper = np.hanning(length + 2)[1:-1, None]
    kept, total = [], 0.0
    for signal in course.blocks():
        for start in range(0, len(signal) - length + 1, length):
            part = signal[start : start + length]
            spectrum = scipy.fft.fft(part * taper, axis=0)[inside]
            live = int(part.any(axis=0).sum())
            total += live * float((np.abs(spectrum) ** 2).sum())
            kept.append(spectrum.astype(np.complex64))
    if not kept:
        return [], frequencies[inside], 0.0
    return list(np.stack(kept, axis=1)), frequencies[inside], total


def _mean_frequency(spectra: list[np.ndarray], frequencies: np.ndarray) -> float:
    power = np.array([(np.abs(each) ** 2).sum() for each in spectra])
    return float((power * frequencies).sum() / power.sum())


def _stacked(
    spectra: list[np.ndarray],
    frequencies: np.ndarray,
    places: np.ndarray,
    slowness: np.ndarray,
) -> np.ndarray:
    """Power (slowness,) of the sum over sites, each signal put forward by r.s."""
    delay = places @ slowness.T
    found = np.zeros(len(slowness))
    for each, frequency in zip(spectra, frequencies, strict=True):
        turned = np.exp(2j * np.pi * frequency * delay).astype(np.complex64)
        summed = each @ turned
        found += (summed.real**2 + summed.imag**2).sum(axis=0)
    return found
