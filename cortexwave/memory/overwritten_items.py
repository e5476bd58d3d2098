"""Whether an item is still read as before once another has come after it."""

from __future__ import annotations

import numpy as np

from cortexwave.memory.classifiers import Classifier, guesses
from cortexwave.memory.sequence_items import BLANK, SequenceItems
from cortexwave.memory.trials import folds

_LEAST_WITHOUT = 5  # trials of an item without a next one, to learn from


def overwriting(
    values: np.ndarray, given: SequenceItems, rank: int, clock: np.ndarray,
    classifier: Classifier, fold_count: int, permutations: int, seed: int,
) -> tuple[float, float]:  # fmt: skip
    """Accuracy with less that without a next item, and its two-sided p.

    Decoders learn from trials without: what is asked is whether what they find there
    is still there, and unchanged, when another item has come.
    """
    if rank + 1 == given.onset.size:
        return np.nan, np.nan
    mine, next_one = given.symbols[:, rank], given.symbols[:, rank + 1]
    there = np.flatnonzero(mine != BLANK)
    followed = next_one[there] != BLANK
    end = given.onset[rank + 2] if rank + 2 < given.onset.size else np.inf
    after = np.flatnonzero((clock > given.onset[rank + 1]) & (clock < end))
    names, counts = np.unique(mine[there][~followed], return_counts=True)
    if (
        not followed.any() or not after.size or names.size < np.unique(mine[there]).size
        or counts.min() < _LEAST_WITHOUT
    ):  # fmt: skip
        return np.nan, np.nan
    labels, groups = mine[there], given.groups[there]
    _, cells = np.unique(labels, return_inverse=True)
    right = np.empty((there.size, after.size))
    for train, test in folds(labels, groups, count=fold_count, seed=seed):
        alone = train[~followed[train]]
        for k, frame in enumerate(after):
            said = guesses(values[there[alone], frame], values[there[test], frame],
                           cells[None, alone], names.size,
                           classifier=classifier)  # fmt: skip
            right[test, k] = said[0] == cells[test]
    hits, draw = right.mean(axis=1), np.random.default_rng(seed)
    if any(not followed[cells == c].any() for c in range(names.size)):
        return np.nan, np.nan

    def difference(flags: np.ndarray) -> float:
        return float(np.mean([
            hits[(cells == c) & flags].mean() - hits[(cells == c) & ~flags].mean()
            for c in np.unique(cells)
        ]))  # fmt: skip

    found, null = difference(followed), []
    for _ in range(permutations):
        flags = followed.copy()
        for c in np.unique(cells):
            flags[cells == c] = draw.permutation(flags[cells == c])
        null.append(difference(flags))
    reached = int(np.sum(np.abs(null) >= abs(found) - 1e-12))
    return found, (1 + reached) / (1 + permutations)
