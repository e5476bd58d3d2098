"""What decoders of each time say of every other, the field displaced in every way.

Decoders have seen neither the fold that is tested nor the one that a velocity is chosen
on, so that a search in the table is held out twice.
"""

from __future__ import annotations

import numpy as np

from cortexwave.errors import InputError
from cortexwave.memory.classifiers import Classifier, lda_scores, ridge_scores
from cortexwave.memory.shifts import SiteArray
from cortexwave.memory.trials import Trials

_SCORES_AT_ONCE = 2**21


def table_of_right(
    trials: Trials,
    splits: list[tuple[np.ndarray, np.ndarray]],
    array: SiteArray,
    moves: np.ndarray,
    classifier: Classifier,
) -> np.ndarray:
    """What is right (left out, a, trial, b, displacement), see `Search`."""
    values, codes = trials.values, trials.codes
    count, frames, sites = values.shape
    made = np.zeros((len(splits), frames, count, frames, len(moves)), dtype=bool)
    shifts = [array.shift(move) for move in moves]
    classes = trials.classes.size
    everything = np.arange(count)
    at_once = max(1, _SCORES_AT_ONCE // (count * frames * classes))
    for f, (_, one) in enumerate(splits):
        for g in range(f, len(splits)):
            other = splits[g][1]
            learned = np.setdiff1d(everything, np.union1d(one, other))
            if np.unique(codes[learned]).size < classes:
                raise InputError(
                    "with two blocks left out, a class has no trials to learn from; "
                    "the velocity cannot be chosen apart from its test"
                )
            shown = np.unique(np.concatenate([one, other]))
            flat = values[shown].reshape(-1, sites)
            parts = [
                (left, tested, np.isin(shown, tested))
                for left, tested in {f: (f, other), g: (g, one)}.values()
            ]
            for a in range(frames):
                train = values[learned, a]
                weights, offset = linear_rule(train, codes[learned], classes,
                                              classifier=classifier)  # fmt: skip
                mean = train.mean(axis=0)
                for first in range(0, len(moves), at_once):
                    few = shifts[first : first + at_once]
                    moved = np.concatenate([s[known].T @ weights[known]
                                            for s, known in few], axis=1)  # fmt: skip
                    # a site without source speaks for no class: its mean
                    rest = np.stack([offset + mean[~known] @ weights[~known]
                                     for _, known in few])  # fmt: skip
                    scores = (flat @ moved).reshape(shown.size, frames, -1, classes)
                    right = (scores + rest).argmax(axis=3) == codes[shown, None, None]
                    for left, tested, which in parts:
                        made[left, a, tested, :, first : first + len(few)] = right[
                            which
                        ]
    return made


def linear_rule(
    train: np.ndarray, codes: np.ndarray, classes: int, *, classifier: Classifier
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (site, class) and offsets (class,) of a classifier of `classifiers`.

    Its scores are straight lines in each site's value: its answers to no activity and
    to one site at a time say all.
    """
    scores = lda_scores if classifier == "lda" else ridge_scores
    sites = train.shape[1]
    # a step of the size of the data itself, so that nothing is lost to rounding
    step = np.maximum(train.std(axis=0), 1e-300)
    asked = np.concatenate([np.zeros((1, sites)), np.diag(step)]) + train.mean(axis=0)
    said = scores(train, asked, codes[None], classes)[0]
    weights = (said[1:] - said[0]) / step[:, None]
    return weights, said[0] - train.mean(axis=0) @ weights
