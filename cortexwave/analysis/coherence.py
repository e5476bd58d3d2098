"""How alike two sites are, the farther apart they are: coherency with distance.

Coherency of the analytic signals of two sites has a real part, what they share at lag
zero, and an imaginary one, what one has before the other. Only the second can come
from something that travels; it has opposite signs for the two orders of a pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.optimize
import xarray as xr

from cortexwave import schema
from cortexwave.analysis.wave_frames import Course, courses
from cortexwave.errors import InputError

_MOST = 1024  # sites whose pairs are all taken; of more, a fixed draw of so many
_FINE = 8  # bins per pitch where a decay is fitted
TOO_LONG = "NaN where it does not fall to 1/e (or a half) within the array"


@dataclass(frozen=True)
class Pairs:
    """Coherency of all pairs of live sites, each (pair,)."""

    distance: np.ndarray  # mm
    x: np.ndarray  # mm, from the first site to the second
    y: np.ndarray
    coherency: np.ndarray  # complex, sum z1 conj(z2) / root of powers
    samples: float  # independent ones: bandwidth times duration


def correlation_distance(
    field: xr.Dataset, *, width: float | None = None
) -> xr.Dataset:
    """Coherency of a wave field against distance (mm), for each trial and feature.

    Means over the pairs of sites in bins of `width` mm (the pitch if None) around its
    multiples; `distance` is the mean of its pairs. `coherency_real`: in phase, 1 at no
    distance. `coherency_imag`: with the pairs ordered along `lag_direction` (deg),
    positive where the site farther along it follows; the direction is that in which the
    lags add up, so that noise has a little of it. `coherency_imag_rms` is without
    order, with a floor of about 1 / sqrt(2 bandwidth duration). `coherency_size`: |.|,
    freed of its bias by the same number of samples. `pairs`: how many.
    """
    schema.validate_wave_field(field)
    if width is not None and not (np.isfinite(width) and width > 0):
        raise InputError(f"width is {width} mm; a bin is a positive number of mm")
    rows, directions = [], []
    for course in courses(field):
        pairs = coherency_of(course)
        width = width or course.sites.pitch
        directions.append(_lag_direction(pairs))
        rows.append(_binned(pairs, directions[-1], width))
    bins = sorted({number for row in rows for number in row})
    names = ("real", "imag", "imag_rms", "size")
    missing = (np.nan,) * len(names) + (0.0, 0.0)
    table = np.array([[row.get(number, missing) for number in bins] for row in rows])
    dims = [dim for dim in ("trial", "feature") if dim in field.dims]
    shape = [field.sizes[dim] for dim in dims]
    distance = table[..., -1].sum(axis=0) / table[..., -2].sum(axis=0)
    table = table.reshape(*shape, len(bins), len(missing))
    variables: dict[str, tuple] = {
        f"coherency_{name}": ((*dims, "distance"), table[..., k], {"units": "1"})
        for k, name in enumerate(names)
    }
    variables["pairs"] = (
        (*dims, "distance"), table[..., -2].astype(int), {"units": "1"}
    )  # fmt: skip
    variables["lag_direction"] = (
        tuple(dims), np.reshape(directions, shape), {"units": "deg"}
    )  # fmt: skip
    at = {dim: field[dim].variable for dim in dims if dim in field.coords}
    return xr.Dataset(
        variables,
        {**at, "distance": ("distance", distance, {"units": "mm"})},
        {"band": field.attrs["band"], "width": width},
    )


def _lag_direction(pairs: Pairs) -> float:
    """Direction (deg) in which the lags of near pairs add up; NaN without any."""
    if not pairs.distance.size:
        return float("nan")
    # of far pairs the lag may be more than half a period
    near = pairs.distance <= np.quantile(pairs.distance, 0.25)
    lag = pairs.coherency[near].imag / pairs.distance[near]
    x, y = float(lag @ pairs.x[near]), float(lag @ pairs.y[near])
    return float(np.degrees(np.arctan2(y, x))) if x or y else float("nan")


def _binned(
    pairs: Pairs, direction: float, width: float
) -> dict[int, tuple[float, ...]]:
    """By bin of pairs: real, imaginary, rms imaginary part, size; number, distances."""
    along = np.radians(0.0 if np.isnan(direction) else direction)
    order = np.sign(pairs.x * np.cos(along) + pairs.y * np.sin(along))
    values = pairs.coherency
    size = _size(pairs)
    number = np.rint(pairs.distance / width).astype(int)
    found: dict[int, tuple[float, ...]] = {}
    for each in np.unique(number):
        mine = values[number == each]
        found[int(each)] = (
            float(mine.real.mean()),
            float((mine.imag * order[number == each]).mean()),
            float(np.sqrt((mine.imag**2).mean())),
            float(size[number == each].mean()),
            float(mine.size),
            float(pairs.distance[number == each].sum()),
        )
    return found


def _size(pairs: Pairs) -> np.ndarray:
    """|coherency| (pair,) less what chance adds with so many samples."""
    squared = np.abs(pairs.coherency) ** 2
    if pairs.samples <= 1:
        return np.sqrt(squared)
    unbiased = (pairs.samples * squared - 1) / (pairs.samples - 1)
    return np.sqrt(np.maximum(unbiased, 0))


def coherency_of(course: Course) -> Pairs:
    """Coherency of the pairs of live sites of a trial; of at most 1,024 sites."""
    count = course.sites.count
    chosen = np.arange(count)
    if count > _MOST:
        chosen = np.sort(np.random.default_rng(0).choice(count, _MOST, replace=False))
    products = np.zeros((len(chosen), len(chosen)), dtype=complex)
    frames = 0
    for signal in course.blocks():
        part = signal[:, chosen]
        products += part.T @ part.conj()
        frames += len(part)
    power = np.diagonal(products).real
    live = np.flatnonzero(power > 0)
    first, second = np.triu_indices(len(live), 1)
    first, second = live[first], live[second]
    places = course.sites.positions[chosen]
    apart = places[second] - places[first]
    seconds = frames / course.rate
    return Pairs(
        distance=np.linalg.norm(apart, axis=1), x=apart[:, 0], y=apart[:, 1],
        coherency=products[first, second] / np.sqrt(power[first] * power[second]),
        samples=max(1.0, seconds * (course.band[1] - course.band[0])),
    )  # fmt: skip


def lengths(course: Course) -> dict[str, float]:
    """Of a trial, in mm: `correlation_length`, `half_distance`, `coherence_length`.

    Lengths at which the real part of coherency (correlation) and its size (coherence)
    fall to 1/e, and the real part to a half, by `decay`. Gaussian noise smoothed with a
    Gaussian of sd s has exp(-d^2 / 4 s^2): 2 s for both. Of a wave the correlation
    falls within a fraction of its wavelength, the coherence not at all. NaN where the
    length is beyond the farthest pair.
    """
    pairs = coherency_of(course)
    if not pairs.distance.size:
        return dict.fromkeys(("correlation_length", "half_distance",
                              "coherence_length"), np.nan)  # fmt: skip
    number = np.rint(pairs.distance / course.sites.pitch * _FINE).astype(int)
    _, inverse, count = np.unique(number, return_inverse=True, return_counts=True)
    distance, real, size = (
        np.bincount(inverse, part) / count
        for part in (pairs.distance, pairs.coherency.real, _size(pairs))
    )
    length, power = decay(distance, real, count)
    coherence, _ = decay(distance, size, count)
    farthest = float(distance.max())
    half = length * np.log(2) ** (1 / power)
    return {
        "correlation_length": length if length <= farthest else np.nan,
        "half_distance": half if half <= farthest else np.nan,
        "coherence_length": coherence if coherence <= farthest else np.nan,
    }


def decay(
    distance: np.ndarray, value: np.ndarray, weight: np.ndarray
) -> tuple[float, float]:
    """Length L (unit of distance) and power p of exp(-(d / L)^p) fitted to values.

    Least squares, weighted, with p between 0.3 and 4, over the distances (rising) below
    the first at which the value is not positive: behind a wave's first trough there is
    no decay. NaN where fewer than three are left.
    """
    fallen = np.flatnonzero(~(value > 0))
    stop = fallen[0] if fallen.size else len(value)
    d, v, w = distance[:stop], value[:stop], np.sqrt(weight[:stop])
    if len(d) < 3:
        return float("nan"), float("nan")
    low = v < np.exp(-1)
    start = d[low][0] if low.any() else d[-1]

    def residual(guess: np.ndarray) -> np.ndarray:
        return (np.exp(-((d * np.exp(-guess[0])) ** guess[1])) - v) * w

    fit = scipy.optimize.least_squares(
        residual, [np.log(start), 1.5], xtol=1e-12, ftol=1e-12, gtol=1e-12,
        bounds=([np.log(d[0] / 100), 0.3], [np.log(d[-1] * 1000), 4.0]),
    )  # fmt: skip
    return float(np.exp(fit.x[0])), float(fit.x[1])
