"""How likely a snapshot is for each class and time since onset, as Gaussian noise.

The mean snapshot of each class is followed over time and smoothed as far as the two
halves of the training trials bear out; the noise about it has one covariance, shrunk
towards a sphere. What is known between frames is a cubic spline.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

_PENALTIES = (0.0, *np.logspace(-1, 7, 17), np.inf)
# orders of the differences that smoothing makes small: the first leaves a constant,
# the code of what stands still; the third hardly bends a pulse that moves
_ORDERS = (1, 3)


@dataclass(frozen=True)
class Likelihood:
    """Means (class, frame, axis) as measured in white axes, and how to smooth them."""

    means: np.ndarray
    smoother: np.ndarray  # (frame, frame)
    counts: np.ndarray  # (class,) trials
    centre: np.ndarray  # (site,)
    whitener: np.ndarray  # (site, axis)

    @staticmethod
    def of(values: np.ndarray, codes: np.ndarray, classes: int) -> Likelihood:
        """Of training trials (trial, frame, site) with codes below `classes`."""
        trials, frames = values.shape[:2]
        counts = np.array([(codes == c).sum() for c in range(classes)])
        rows = [np.flatnonzero(codes == c) for c in range(classes)]
        made = _averages(values, [*rows, np.arange(trials)])
        means, centre = made[:-1], made[-1].mean(axis=0)
        largest = np.nanmax(np.abs(means), axis=(0, 1))
        whitener = _whitener(values - means[codes], largest, trials - classes)
        white = (means - centre) @ whitener
        one, other = ((half - centre) @ whitener
                      for half in _halves(values, codes, classes))  # fmt: skip
        return Likelihood(white, _smoother(one, other, frames), counts, centre,
                          whitener)  # fmt: skip

    def white(self, values: np.ndarray) -> np.ndarray:
        """Values (..., site) in axes (..., axis) of unit noise."""
        return (values - self.centre) @ self.whitener

    def log(self, values: np.ndarray, between: np.ndarray) -> np.ndarray:
        """Log likelihood (..., class, moment) of (..., site), up to a constant.

        `between` (moment, frame) interpolates (`interpolation`). The squares of a mean
        measured with noise are too large by that noise's, which differs among moments
        (it is most at both ends): that is taken away.
        """
        weights = between @ self.smoother
        means = weights @ self.means  # (class, moment, axis)
        noise = np.sum(weights**2, axis=1) / self.counts[:, None] * means.shape[2]
        squares = np.sum(means**2, axis=2) - noise
        y = self.white(values)
        along = y @ means.reshape(-1, means.shape[2]).T
        return along.reshape(*y.shape[:-1], *squares.shape) - squares / 2


def interpolation(frames: int, parts: int) -> np.ndarray:
    """Weights (moment, frame) of a cubic spline at `parts` moments in each step."""
    if frames < 2:
        return np.ones((1, 1))
    at = np.linspace(0, frames - 1, (frames - 1) * parts + 1)
    return CubicSpline(np.arange(frames), np.eye(frames), axis=0)(at)


def fisher_information(
    values: np.ndarray, codes: np.ndarray, classes: int, *, step: float, seed: int
) -> np.ndarray:
    """I(tau) = mu'(tau) S^-1 mu'(tau), (class, frame) in 1/s^2, without bias.

    mu' (the derivative in time of the mean snapshot) comes from one half of the trials
    on the left and from the other on the right: the noise of a single estimate would
    add its own square. S^-1 from the training residuals is reduced by
    (nu - N - 1) / nu for nu residuals of N sites. NaN where noise leaves no positive
    information. A mean of 8 random halvings.
    """
    frames = values.shape[1]
    fit = Likelihood.of(values, codes, classes)
    slopes = np.zeros((1, 1))
    if frames >= 2:
        spline = CubicSpline(np.arange(frames), np.eye(frames), axis=0)
        slopes = spline(np.arange(frames), 1) @ fit.smoother / step
    draw = np.random.default_rng(seed)
    total = np.zeros((classes, frames))
    for _ in range(8):
        order = draw.permutation(len(codes))
        halves = _halves(values[order], codes[order], classes)
        one, other = (slopes @ fit.white(half) for half in halves)
        total += np.sum(one * other, axis=2) / 8
    freedom = (len(codes) - classes) * frames
    total *= max(0.0, (freedom - values.shape[2] - 1) / freedom)
    return np.where(total > 0, total, np.nan)


def _whitener(residuals: np.ndarray, largest: np.ndarray, freedom: int) -> np.ndarray:
    """(site, axis): axes over the standard deviations of the shrunk covariance.

    Ledoit & Wolf (2004) with each trial and frame a sample, on sites of unit variance;
    a site that varies by no more than rounding of its `largest` mean has no axis.
    `residuals`, whose mean is 0, are overwritten.
    """
    scaled = residuals.reshape(-1, residuals.shape[2])
    n, sites = scaled.shape
    spread = np.sqrt(np.einsum("ns,ns->s", scaled, scaled) / n)
    varies = spread > 1e-12 * largest
    inverse = np.where(varies, 1 / np.where(varies, spread, 1), 0.0)
    scaled *= inverse
    covariance = scaled.T @ scaled / n
    size, mean = np.sum(covariance**2), np.trace(covariance) / sites
    apart = size - sites * mean**2
    lengths = np.einsum("ns,ns->n", scaled, scaled)
    error = (np.mean(lengths**2) - size) / n
    shrinkage = 1.0 if apart <= 0 else float(np.clip(error / apart, 0, 1))
    shrunk = (1 - shrinkage) * covariance + shrinkage * mean * np.eye(sites)
    variance, axes = np.linalg.eigh(shrunk)
    kept = variance > 1e-10 * variance[-1]
    # the residuals miss what the class means took from them
    lost = max(1, freedom) * residuals.shape[1] / n
    return inverse[:, None] * axes[:, kept] * np.sqrt(lost / variance[kept])


def _halves(
    values: np.ndarray, codes: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Class means (class, frame, site) of every other trial of each class."""
    rows = [np.flatnonzero(codes == c) for c in range(classes)]
    return (_averages(values, [row[0::2] for row in rows]),
            _averages(values, [row[1::2] for row in rows]))  # fmt: skip


def _averages(values: np.ndarray, rows: list[np.ndarray]) -> np.ndarray:
    """Mean (group, frame, site) of each group of trials, by one product."""
    shares = np.zeros((len(rows), len(values)))
    for group, row in enumerate(rows):
        shares[group, row] = 1 / row.size if row.size else np.nan
    flat = shares @ values.reshape(len(values), -1)
    return flat.reshape(len(rows), *values.shape[1:])


def _smoother(one: np.ndarray, other: np.ndarray, frames: int) -> np.ndarray:
    """(frame, frame): (1 + penalty D'D)^-1, D the first or third differences in time.

    The order and penalty with which each half, smoothed, comes nearest to the other as
    it is (Whittaker 1923, Proc Edinburgh Math Soc 41:63).
    """
    best, made = np.inf, np.eye(frames)
    for order in _ORDERS:
        if order >= frames:
            continue
        differences = np.diff(np.eye(frames), n=order, axis=0)
        roughness, waves = np.linalg.eigh(differences.T @ differences)
        roughness[:order] = 0  # but for rounding
        first, second = (
            waves.T @ np.moveaxis(half, 1, 0).reshape(frames, -1)
            for half in (one, other)
        )
        both = np.sum(first * second, axis=1)
        squares = np.sum(first**2 + second**2, axis=1) / 2
        for penalty in _PENALTIES:
            gain = 1 / (1 + np.where(roughness > 0, penalty, 0) * roughness)
            # |h a - b|^2 + |h b - a|^2, less what does not depend on h
            missed = float(np.sum(gain**2 * squares - 2 * gain * both))
            if missed < best:
                best, made = missed, (waves * gain) @ waves.T
    return made
