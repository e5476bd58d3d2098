"""How far a site's response to items reaches over the array.

Where items leave Gaussian packets of sd w far apart, what sites know of items is shared
over distances d as exp(-d^2 / (4 w^2)), the packet's own autocorrelation, which is 1/e
at 2 w. Packets that overlap share less: what is common to items tells none. Means of
two halves of the trials are multiplied, so that noise of single trials is no reach.
"""

from __future__ import annotations

import numpy as np

from cortexwave.errors import InputError
from cortexwave.memory.trials import Trials

_FEWEST = 4  # trials of a class: two in each half


def response_reach(trials: Trials, *, seed: int) -> float:
    """Half the distance (mm) at which shared responses have fallen to 1/e.

    That is the width (sd) of the packets of items that lie far apart; shared responses
    are covariances of pairs of sites over items and time, from the onset on, in units
    of those of a site with itself. Raises `InputError` where sites have no places,
    classes too few trials, or items no response that both halves share.
    """
    if trials.positions is None:
        raise InputError("sites have no positions, so that nothing has a reach")
    codes, count = trials.codes, trials.classes.size
    fewest = int(np.bincount(codes).min())
    if fewest < _FEWEST:
        raise InputError(f"{fewest} trials of a class; {_FEWEST} are needed to tell a "
                         "response from noise")  # fmt: skip
    values = trials.values[:, trials.clock >= -1e-9]
    halves = _halves(codes, count, seed)
    means = [
        np.stack([values[half & (codes == k)].mean(axis=0) for k in range(count)])
        for half in halves
    ]  # (class, time, site)
    apart = [each - each.mean(axis=0) for each in means]
    flat = [each.reshape(-1, each.shape[-1]) for each in apart]
    shared = flat[0].T @ flat[1]
    shared = (shared + shared.T) / 2
    here = float(np.trace(shared)) / len(shared)
    if not here > 0:
        raise InputError("no response to items is shared by two halves of the trials")
    places = np.asarray(trials.positions, dtype=float)
    distance = np.linalg.norm(places[:, None] - places[None], axis=-1)
    at, curve = _by_distance(distance, shared / here)
    below = np.flatnonzero(curve < np.exp(-1))
    if not below.size:
        return float(at[-1]) / 2
    last = int(below[0])
    share = (curve[last - 1] - np.exp(-1)) / (curve[last - 1] - curve[last])
    return float(at[last - 1] + share * (at[last] - at[last - 1])) / 2


def _halves(codes: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
    """Two masks (trial,) with half of each class, drawn."""
    rng = np.random.default_rng(seed)
    first = np.zeros(codes.size, dtype=bool)
    for k in range(count):
        dealt = rng.permutation(np.flatnonzero(codes == k))
        first[dealt[: dealt.size // 2]] = True
    return [first, ~first]


def _by_distance(
    distance: np.ndarray, shared: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Distances in steps of a pitch, from 0 on, and the mean of pairs about each."""
    far = distance[distance > 0]
    if not far.size:
        raise InputError("all sites stand at one place, so that nothing has a reach")
    pitch = float(np.median(np.where(distance > 0, distance, np.inf).min(axis=1)))
    step = np.round(distance / pitch).astype(int)
    total = np.bincount(step.ravel(), shared.ravel())
    pairs = np.bincount(step.ravel())
    mean_at = np.bincount(step.ravel(), distance.ravel())
    there = pairs > 0
    return mean_at[there] / pairs[there], total[there] / pairs[there]
