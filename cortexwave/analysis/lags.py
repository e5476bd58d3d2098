"""Velocity the direct way: how much later the field arrives, the farther it is.

Reviewers of Keller et al. 2024 asked for more than a Fourier transform. Here the
cross-correlation of all pairs of sites at one distance is taken as a function of lag,
and lag is fitted to distance. It assumes no line, no periodicity and no sinusoid, but
gives one velocity: where several are present, that of the strongest.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
import xarray as xr

from cortexwave.analysis.lines import Axis, SiteLines, site_lines
from cortexwave.errors import InputError


def lag_velocity(
    recording: xr.Dataset,
    *,
    variable: str,
    farthest: float,
    longest: float,
    along: Axis = "x",
) -> xr.Dataset:
    """Velocity in mm/s from the lag of greatest correlation at each distance.

    Distances up to `farthest` mm, lags up to `longest` s either way. Over `part` and
    `distance` (mm): `lag` in s, positive where the site farther along the axis
    follows, refined by a parabola through three frames and NaN where the greatest
    correlation lies at the longest lag; `correlation` there, between -1 and 1.
    Over `part`: `velocity` (mm/s; positive towards +x or +y, inf where lag does not
    grow with distance) by least squares of lag on distance through the origin, and
    `r2`, 1 - sum of squared residuals / sum of squared lags (NaN where all are 0).
    Every pair counts inside the array only: no pair is joined around a ring.
    """
    field = site_lines(recording, variable, along)
    reach = _whole("farthest", farthest, field.spacing, "mm", field.sites - 1)
    delay = _whole("longest", longest, field.step, "s", field.frames - 2)
    covariances: list[np.ndarray] = []
    for feature in field.features():
        total = np.zeros((reach + 1, 2 * delay + 1))
        for line in feature:
            total += _covariance(line, reach, delay)
        covariances.append(total)
    if len(covariances) > 1:
        covariances.append(np.sum(covariances, axis=0))
    lags, peaks, slowness, fits = [], [], [], []
    for covariance in covariances:
        # by the number of pairs, so that far and late ones count as much
        values = covariance / _pairs(field, reach, delay)
        lag, height = _peaks(values, delay)
        variance = values[0, delay]
        lags.append(lag[1:])
        with np.errstate(invalid="ignore", divide="ignore"):
            peaks.append(height[1:] / variance)
        slope, r2 = _through_origin(np.arange(1, reach + 1), lag[1:])
        slowness.append(slope)
        fits.append(r2)
    with np.errstate(divide="ignore"):
        velocity = 1 / np.array(slowness) * field.spacing / field.step
    distance = np.arange(1, reach + 1) * field.spacing
    return xr.Dataset(
        {
            "lag": (("part", "distance"), np.array(lags) * field.step, {"units": "s"}),
            "correlation": (("part", "distance"), np.array(peaks), {"units": "1"}),
            "velocity": ("part", velocity, {"units": "mm/s"}),
            "r2": ("part", np.array(fits), {"units": "1"}),
        },
        {"part": field.parts, "distance": ("distance", distance, {"units": "mm"})},
        {**field.attributes, "farthest": reach * field.spacing,
         "longest": delay * field.step},
    )  # fmt: skip


def _whole(name: str, value: float, unit: float, units: str, most: int) -> int:
    count = round(value / unit) if np.isfinite(value) else 0
    if not 2 <= count <= most:
        raise InputError(
            f"{name} is {value:g} {units}; it can be from {2 * unit:g} to "
            f"{most * unit:g} {units}"
        )
    return count


def _covariance(line: np.ndarray, reach: int, delay: int) -> np.ndarray:
    """Sum over t, x of h(t, x) h(t + lag, x + distance): (distance, lag)."""
    frames, sites = line.shape
    # padded with zeros, so that nothing is correlated around the ends
    shape = scipy.fft.next_fast_len(frames + delay, real=True), sites + reach
    spectrum = scipy.fft.rfft2(line, shape)
    found = scipy.fft.irfft2(np.abs(spectrum) ** 2, shape)
    return np.concatenate(
        [found[-delay:, : reach + 1], found[: delay + 1, : reach + 1]]
    ).T


def _pairs(field: SiteLines, reach: int, delay: int) -> np.ndarray:
    lags, lines = np.abs(np.arange(-delay, delay + 1)), field.values.sizes["line"]
    return lines * (field.sites - np.arange(reach + 1))[:, None] * (field.frames - lags)


def _peaks(covariance: np.ndarray, delay: int) -> tuple[np.ndarray, np.ndarray]:
    """Lag in steps and height of the greatest covariance at each distance."""
    at = np.argmax(covariance, axis=1)
    inside = (at > 0) & (at < 2 * delay)
    middle = np.clip(at, 1, 2 * delay - 1)
    before, top, after = (
        np.take_along_axis(covariance, (middle + k)[:, None], axis=1)[:, 0]
        for k in (-1, 0, 1)
    )
    bend = before - 2 * top + after
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = np.where(bend < 0, (before - after) / (2 * bend), 0.0)
    rows = np.arange(len(at))
    lag = np.where(inside, middle - delay + shift, np.nan)
    return lag, covariance[rows, at]


def _through_origin(distance: np.ndarray, lag: np.ndarray) -> tuple[float, float]:
    """Slope of lag on distance (steps per site) and its r2."""
    known = np.isfinite(lag)
    d, lag = distance[known], lag[known]
    if not d.size:
        return float("nan"), float("nan")
    slope = float(d @ lag / (d @ d))
    total = float(lag @ lag)
    r2 = 1 - float(np.sum((lag - slope * d) ** 2)) / total if total > 0 else np.nan
    return slope, r2
