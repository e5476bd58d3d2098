"""Which item stood at one rank of a sequence, read from every frame after its onset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cortexwave.memory.classifiers import Classifier, guesses
from cortexwave.memory.dealing import deals
from cortexwave.memory.generalisation import class_weights
from cortexwave.memory.sequence_items import BLANK, SequenceItems
from cortexwave.memory.trials import folds


@dataclass(frozen=True)
class ItemAtRank:
    """Reading the item at one rank: accuracy (deal, time), what was right.

    `right` (trial, time) is NaN where the trial has no such item or it was not yet
    shown; `guessed` (trial, time) the item's number, `codes` (trial,) that of the true
    one, -1 without one; `weight` (trial,) makes all items count alike.
    """

    accuracy: np.ndarray
    right: np.ndarray
    guessed: np.ndarray
    codes: np.ndarray
    weight: np.ndarray
    classes: int

    @staticmethod
    def of(
        rank: int, given: SequenceItems, values: np.ndarray, shown: np.ndarray,
        classifier: Classifier, fold_count: int, permutations: int, seed: int,
    ) -> ItemAtRank:  # fmt: skip
        there = np.flatnonzero(given.symbols[:, rank] != BLANK)
        labels, groups = given.symbols[there, rank], given.groups[there]
        names, codes = np.unique(labels, return_inverse=True)
        splits = folds(labels, groups, count=fold_count, seed=seed)
        dealt = deals(codes, groups, splits, count=permutations, seed=seed + rank)
        weight = class_weights(dealt, names.size)
        accuracy = np.full((1 + permutations, values.shape[1]), np.nan)
        right = np.full(values.shape[:2], np.nan)
        made = np.full(values.shape[:2], -1)
        accuracy[:, shown] = 0.0
        for train, test in splits:
            for frame in shown:
                said = guesses(
                    values[there[train], frame], values[there[test], frame],
                    dealt[:, train], names.size, classifier=classifier,
                )  # fmt: skip
                hit = said == dealt[:, test]
                accuracy[:, frame] += np.sum(weight[:, test] * hit, axis=1)
                made[there[test], frame] = said[0]
                right[there[test], frame] = hit[0]
        every_weight, every_code = np.zeros(len(values)), np.full(len(values), -1)
        every_weight[there], every_code[there] = weight[0], codes
        return ItemAtRank(accuracy, right, made, every_code, every_weight, names.size)
