"""What a response holds beside its mean: differences of two trials of one class.

A class's mean is in both trials and goes, whatever it is; no mean is estimated. Where
classes differ in nothing but their means, the differences of all pairs are alike, and
labels may be traded among them: a permutation test of their squares is exact for noise
of any distribution. Squares of residuals about estimated means are not alike: how they
come out goes with the means that were taken away.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cortexwave.memory.dealing import groups_of
from cortexwave.memory.trials import Trials


def squared_differences(trials: Trials, *, seed: int) -> Trials:
    """Squares of one trial less another of its class and block, each in one pair.

    Pairs are drawn at random: trials that follow each other would be nearer in time,
    the more so the more frequent their class. Trials of a stretch stay together: it is
    taken from another with the same classes in the same order. Trials without another
    are left out.
    """
    unit = np.arange(trials.labels.size) if trials.stretch is None else trials.stretch
    members = [np.flatnonzero(unit == one) for one in np.unique(unit)]
    codes, groups = trials.codes, groups_of(trials)
    alike: dict[tuple[int, ...], list[np.ndarray]] = {}
    for each in members:
        alike.setdefault((groups[each[0]], *codes[each]), []).append(each)
    draw = np.random.default_rng(seed)
    one, other = [], []
    for units in alike.values():
        order = draw.permutation(len(units))
        for first, second in zip(order[::2], order[1::2], strict=False):
            one.append(units[first])
            other.append(units[second])
    none = np.empty(0, dtype=int)
    kept, against = np.concatenate([none, *one]), np.concatenate([none, *other])
    values = (trials.values[kept] - trials.values[against]) ** 2
    return replace(trials.chosen(kept), values=values)
