"""Has a sample of directions one preferred direction, two, or none?

The mean of directions that go two opposite ways is a direction nothing goes. So the
number of modes is asked first: no preference, one von Mises density, or two of them,
by the Bayesian information criterion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import i0e, i1e

from cortexwave.errors import InputError

_STEPS = 300
_SETTLED = 1e-3  # of the log likelihood, far below what a mode costs
_NEWTON = 4
_STRONGEST = 500.0  # concentration; sharper modes are of repeated values
_FEWEST = 20


@dataclass(frozen=True)
class Modes:
    """Modes of a sample: their number, direction in deg, concentration and share.

    `criterion` is that of none, one and two modes (less is better), counting events as
    independent, which those of a session are not: it describes, and tests nothing.
    """

    count: int
    directions: tuple[float, ...]
    concentrations: tuple[float, ...]
    shares: tuple[float, ...]
    criterion: tuple[float, float, float]


def direction_modes(directions: np.ndarray) -> Modes:
    """The modes of directions (event,) in deg: 0, 1 or 2, strongest share first.

    Mixtures of von Mises densities by expectation and maximisation (Banerjee et al.
    2005, J Mach Learn Res 6:1345), parameters 0, 2 and 5.
    """
    angles = np.asarray(directions, dtype=float)
    if angles.ndim != 1 or not np.isfinite(angles).all() or angles.size < _FEWEST:
        raise InputError(f"directions are {angles.shape}; {_FEWEST} or more finite "
                         "ones, (event,), are due to tell modes apart")  # fmt: skip
    x = np.radians(angles)
    flat = -x.size * np.log(2 * np.pi)
    single = _maximise(x, np.ones((1, x.size)))
    # halves about the mean axis of doubled angles, and about the mean direction
    starts = [np.angle(np.mean(np.exp(2j * x))) / 2, np.angle(np.mean(np.exp(1j * x)))]
    starts += [starts[1] + np.pi / 2]
    double = max((_mixture(x, at) for at in starts), key=lambda fit: fit[0])
    fits = [(flat, [], [], []), _with_likelihood(x, *single), double]
    size = np.log(x.size)
    criterion = [free * size - 2 * fit[0]
                 for free, fit in zip((0, 2, 5), fits, strict=True)]  # fmt: skip
    count = int(np.argmin(criterion))
    _, centre, kappa, share = fits[count]
    order = np.argsort(-np.asarray(share), kind="stable")
    return Modes(
        count, tuple(float(np.degrees(centre[i])) for i in order),
        tuple(float(kappa[i]) for i in order), tuple(float(share[i]) for i in order),
        (float(criterion[0]), float(criterion[1]), float(criterion[2])),
    )  # fmt: skip


_Fit = tuple[float, list[float], list[float], list[float]]


def _mixture(x: np.ndarray, start: float) -> _Fit:
    """Two modes, begun with events on either side of a direction."""
    part = 0.5 + 0.4 * np.cos(x - start)
    weights = np.stack([part, 1 - part])
    before = -np.inf
    for _ in range(_STEPS):
        fit = _maximise(x, weights)
        density = _density(x, *fit)
        total = density.sum(axis=0)
        likelihood = float(np.log(total).sum())
        if likelihood - before < _SETTLED:
            break
        before, weights = likelihood, density / total
    return _with_likelihood(x, *fit)


def _with_likelihood(
    x: np.ndarray, centre: list[float], kappa: list[float], share: list[float]
) -> _Fit:
    density = _density(x, centre, kappa, share).sum(axis=0)
    return float(np.log(density).sum()), centre, kappa, share


def _maximise(
    x: np.ndarray, weights: np.ndarray
) -> tuple[list[float], list[float], list[float]]:
    """Directions, concentrations and shares of weights (mode, event)."""
    total = weights.sum(axis=1)
    mean = (weights * np.exp(1j * x)).sum(axis=1) / total
    kappa = _concentrations(np.abs(mean))
    return np.angle(mean).tolist(), kappa.tolist(), (total / x.size).tolist()


def _density(
    x: np.ndarray, centre: list[float], kappa: list[float], share: list[float]
) -> np.ndarray:
    mu, k, w = (np.asarray(each)[:, None] for each in (centre, kappa, share))
    return w * np.exp(k * (np.cos(x - mu) - 1)) / (2 * np.pi * i0e(k))


def _concentrations(length: np.ndarray) -> np.ndarray:
    """The kappa whose mean vectors I1(kappa)/I0(kappa) have these lengths (mode,).

    Begun at Banerjee et al.'s approximation (their equation 4.4 in two dimensions),
    with Newton's steps.
    """
    length = np.clip(length, 1e-9, 1 - 1e-9)
    kappa = np.minimum(length * (2 - length**2) / (1 - length**2), _STRONGEST)
    for _ in range(_NEWTON):
        ratio = i1e(kappa) / i0e(kappa)
        kappa = kappa - (ratio - length) / (1 - ratio**2 - ratio / kappa)
        kappa = np.clip(kappa, 1e-9, _STRONGEST)
    return kappa
