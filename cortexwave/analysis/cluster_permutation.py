"""Stretches of time in which a statistic stands out, with p for the stretch.

Maris & Oostenveld 2007 (J Neurosci Methods 164:177): frames above a threshold that
follow one another are a cluster, its mass the sum of the statistic over it, and the
greatest mass of every surrogate is what masses are ranked among. That controls the
chance of any false cluster in the whole recording. It says that there is an effect
somewhere in the stretch; where it begins and ends is not tested (Sassenhagen &
Draschkow 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cortexwave.errors import InputError


@dataclass(frozen=True)
class Clusters:
    """Clusters in order of time: frames start to stop - 1, mass, p; (cluster,) each."""

    start: np.ndarray
    stop: np.ndarray
    mass: np.ndarray
    p: np.ndarray


def cluster_permutation(
    observed: np.ndarray, surrogates: np.ndarray, *, threshold: float | np.ndarray
) -> Clusters:
    """Clusters of observed (time,) above a threshold, against surrogates (count, time).

    `threshold` is one number or one for each frame; frames that reach it count. A
    missing value ends a cluster. p is (1 + how many surrogates have a cluster of at
    least the mass) / (1 + count). Give a statistic that is positive where it stands
    out, such as a z score: masses of the frames must not cancel.
    """
    observed = np.asarray(observed, dtype=float)
    surrogates = np.asarray(surrogates, dtype=float)
    if observed.ndim != 1 or surrogates.shape[1:] != observed.shape:
        raise InputError(
            f"observed has shape {observed.shape} and surrogates {surrogates.shape}; "
            "they are (time,) and (count, time)"
        )
    if len(surrogates) < 19:
        raise InputError(f"{len(surrogates)} surrogates; p below 0.05 needs 19 or more")
    limit = np.broadcast_to(np.asarray(threshold, dtype=float), observed.shape)
    if not (limit > 0).all():
        raise InputError("threshold is not above 0 everywhere; masses would cancel")
    start, stop, mass = _clusters(observed, limit)
    greatest = [_clusters(each, limit)[2].max(initial=0.0) for each in surrogates]
    return Clusters(start, stop, mass, _rank(mass, np.array(greatest)))


def sign_flip_clusters(
    trials: np.ndarray, *, threshold: float, count: int, seed: int
) -> Clusters:
    """Clusters in time where the mean of trials (trial, time) is not 0, both sides.

    The statistic is t over trials; `threshold` in t, above 0. Surrogates change the
    sign of whole trials at random, which is exact for trials that are independent and
    symmetric about 0 (of differences, or of z scores above a null: not of raw
    coherences, which cannot be below 0). Masses are negative where the mean is.
    """
    trials = np.asarray(trials, dtype=float)
    if trials.ndim != 2 or len(trials) < 6:
        raise InputError(f"trials have shape {trials.shape}; they are (trial, time), "
                         "6 or more: fewer signs than 2^5 cannot reject")  # fmt: skip
    if not threshold > 0 or count < 19:
        raise InputError(f"threshold is {threshold:g} and count {count}; they are "
                         "above 0, and 19 or more")  # fmt: skip
    limit = np.full(trials.shape[1], float(threshold))
    tossed = np.random.default_rng(seed).integers(0, 2, (count, len(trials), 1))
    both = [_both_sides(trials, limit)]
    both += [_both_sides(trials * (1.0 - 2.0 * sign), limit) for sign in tossed]
    start, stop, mass = both[0]
    greatest = np.array([np.abs(each[2]).max(initial=0.0) for each in both[1:]])
    order = np.argsort(start, kind="stable")
    p = _rank(np.abs(mass), greatest)
    return Clusters(start[order], stop[order], mass[order], p[order])


def _both_sides(
    trials: np.ndarray, limit: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with np.errstate(invalid="ignore", divide="ignore"):
        error = trials.std(axis=0, ddof=1) / np.sqrt(len(trials))
        t = trials.mean(axis=0) / error
    above, below = _clusters(t, limit), _clusters(-t, limit)
    start, stop = (np.concatenate([above[k], below[k]]) for k in (0, 1))
    return start, stop, np.concatenate([above[2], -below[2]])


def _clusters(
    values: np.ndarray, limit: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First frame, frame after the last, and mass of each cluster; NaN is below."""
    above = np.concatenate([[False], values >= limit, [False]])
    change = np.flatnonzero(above[1:] != above[:-1])
    start, stop = change[::2], change[1::2]
    sums = np.concatenate([[0.0], np.cumsum(np.where(above[1:-1], values, 0.0))])
    return start, stop, sums[stop] - sums[start]


def _rank(mass: np.ndarray, greatest: np.ndarray) -> np.ndarray:
    slack = 1e-12 * np.abs(mass)
    reached = np.sum(greatest[:, None] >= mass - slack, axis=0)
    return (1 + reached) / (1 + len(greatest))
