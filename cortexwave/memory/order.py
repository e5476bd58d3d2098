"""In which order given items came, read from one snapshot.

Only trials that hold the items asked about count, so that which items were shown does
not give the order away: what is read is where in the sequence each stood.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from cortexwave.memory.classifiers import (
    Classifier,
    guesses,
    lda_scores,
    ridge_scores,
)
from cortexwave.memory.dealing import deals, p_values
from cortexwave.memory.generalisation import class_weights
from cortexwave.memory.trials import folds

_LEAST = 10  # trials of either order


@dataclass(frozen=True)
class Found:
    """A mean over `count` items or pairs, chance and p; NaN with the reason."""

    value: float
    chance: float
    p: float
    count: int
    reason: str


def rank_of_item(
    states: np.ndarray, symbols: np.ndarray, groups: np.ndarray, *,
    classifier: Classifier, fold_count: int, permutations: int, seed: int,
) -> Found:  # fmt: skip
    """Accuracy of the rank at which a given item stood, mean over items.

    `states` (trial, site), `symbols` (trial, rank), `groups` (trial,). Of each item,
    the trials that have it once, at ranks that `_LEAST` of them have.
    """
    found, chances = [], []
    for name in np.unique(symbols[symbols != ""]):
        where = symbols == name
        trials = np.flatnonzero(where.sum(axis=1) == 1)
        ranks = where[trials].argmax(axis=1)
        common = np.isin(ranks, np.flatnonzero(np.bincount(ranks) >= _LEAST)
                         if ranks.size else [])  # fmt: skip
        trials, ranks = trials[common], ranks[common]
        if np.unique(ranks).size < 2:
            continue
        _, codes = np.unique(ranks, return_inverse=True)
        classes = int(codes.max()) + 1
        splits = folds(codes, groups[trials], count=fold_count, seed=seed)
        dealt = deals(codes, groups[trials], splits, count=permutations, seed=seed)
        weight = class_weights(dealt, classes)
        right = np.zeros(1 + permutations)
        for train, test in splits:
            guessed = guesses(states[trials[train]], states[trials[test]],
                              dealt[:, train], classes,
                              classifier=classifier)  # fmt: skip
            right += np.sum(weight[:, test] * (guessed == dealt[:, test]), axis=1)
        found.append(right)
        chances.append(1 / classes)
    return _mean(
        found, chances, f"no item stands at 2 ranks in {_LEAST} trials each, so that "
        "the rank of an item cannot be read",
    )  # fmt: skip


def order_auc(
    states: np.ndarray, symbols: np.ndarray, groups: np.ndarray, *,
    classifier: Classifier, fold_count: int, permutations: int, seed: int,
) -> Found:  # fmt: skip
    """Area under the curve of which of two given items came first, mean over pairs."""
    scores_of = lda_scores if classifier == "lda" else ridge_scores
    found = []
    for one, other in combinations(np.unique(symbols[symbols != ""]), 2):
        first, second = symbols == one, symbols == other
        trials = np.flatnonzero((first.sum(axis=1) == 1) & (second.sum(axis=1) == 1))
        codes = (
            first[trials].argmax(axis=1) < second[trials].argmax(axis=1)
        ).astype(int)  # fmt: skip
        if np.bincount(codes, minlength=2).min() < _LEAST:
            continue
        splits = folds(codes, groups[trials], count=fold_count, seed=seed)
        dealt = deals(codes, groups[trials], splits, count=permutations, seed=seed)
        # areas are of one fold's scores: those of two decoders are not comparable
        won, pairs = np.zeros(1 + permutations), np.zeros(1 + permutations)
        for train, test in splits:
            scores = scores_of(states[trials[train]], states[trials[test]],
                               dealt[:, train], 2)  # fmt: skip
            leaning = scores[..., 1] - scores[..., 0]  # (deal, trial)
            yes = dealt[:, test] == 1
            above = leaning[:, :, None] - leaning[:, None]
            counted = yes[:, :, None] & ~yes[:, None]
            won += np.sum(counted * ((above > 0) + 0.5 * (above == 0)), axis=(1, 2))
            pairs += counted.sum(axis=(1, 2))
        if pairs.min() > 0:
            found.append(won / pairs)
    return _mean(
        found, [0.5] * len(found),
        f"no two items stand in either order in {_LEAST} trials each, so that their "
        "order cannot be read",
    )  # fmt: skip


def _mean(found: list[np.ndarray], chances: list[float], reason: str) -> Found:
    """Mean over items of (deal,), the truth first."""
    if not found:
        return Found(np.nan, np.nan, np.nan, 0, reason)
    mean = np.mean(found, axis=0)
    return Found(float(mean[0]), float(np.mean(chances)), float(p_values(mean)),
                 len(found), "")  # fmt: skip
