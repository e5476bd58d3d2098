"""A linear decoder of symbols from frames, for the truth and for every deal at once.

What a fit needs of the frames alone is found once; a deal only changes the targets.
Each deal has its own strength of the ridge, as the truth has.
"""

from __future__ import annotations

import numpy as np

_RIDGES = np.logspace(-6, 4, 11)  # in units of the mean variance of the features
_ALIKE = 0.1  # numbers of copies that differ by no more may be traded
_VALUES_AT_ONCE = 2**22  # of the scores of a training set, over deals


def traded(
    copies: np.ndarray, permutations: int, draw: np.random.Generator
) -> np.ndarray:
    """The kind (deal, kind) whose symbols each kind is dealt, of as many copies.

    Frequent sequences have frequent symbols: traded with rare ones they would make rare
    symbols frequent, and their accuracy surer than it is in truth.
    """
    made = np.tile(np.arange(copies.size), (permutations, 1))
    alike = np.floor(np.log(copies) / np.log1p(_ALIKE) + 1e-9)
    for each in np.unique(alike):
        members = np.flatnonzero(alike == each)
        made[:, members] = draw.permuted(np.tile(members, (permutations, 1)), axis=1)
    return made


class RidgeFit:
    """Ridge regression on one training set, for any targets: no fit is repeated."""

    def __init__(self, train: np.ndarray, test: np.ndarray):
        mean = train.mean(axis=0)
        self.left, self.values, right = np.linalg.svd(train - mean, full_matrices=False)
        self.forward = (test - mean) @ right.T  # (test, component)
        self.scale = max(float(np.mean(self.values**2)), np.finfo(float).tiny)

    def strengths(self, y: np.ndarray) -> np.ndarray:
        """Ridges (deal,) of least leave-one-out error on centred (train, deal, class).

        Each deal has its own, as the truth has: else that would be the better fitted.
        """
        projected = self.left.T @ y.reshape(len(y), -1)  # (component, deal * class)
        errors = []
        for ridge in _RIDGES * self.scale:
            shrink = self.values**2 / (self.values**2 + ridge)
            fitted = (self.left @ (shrink[:, None] * projected)).reshape(y.shape)
            leverage = (self.left**2) @ shrink + 1 / len(y)
            gap = np.maximum(1 - leverage, 1e-12)
            errors.append(np.mean(((y - fitted) / gap[:, None, None]) ** 2,
                                  axis=(0, 2)))  # fmt: skip
        return _RIDGES[np.argmin(errors, axis=0)] * self.scale

    def predict(self, y: np.ndarray, ridges: np.ndarray) -> np.ndarray:
        """Scores (test, deal, class) for centred targets and a ridge of each deal."""
        shrink = self.values[:, None] / (self.values[:, None] ** 2 + ridges)
        projected = (self.left.T @ y.reshape(len(y), -1)).reshape(-1, *y.shape[1:])
        weights = shrink[:, :, None] * projected  # (component, deal, class)
        scores = self.forward @ weights.reshape(len(weights), -1)
        return np.asarray(scores.reshape(-1, *y.shape[1:]))


def symbol_hits(
    target: np.ndarray, classes: np.ndarray, deals: np.ndarray,
    splits: list[tuple[np.ndarray, np.ndarray]], fits: list[RidgeFit],
) -> tuple[np.ndarray, list[float]]:  # fmt: skip
    """Balanced accuracy of the truth and of every deal, and the strengths chosen."""
    right = np.zeros((len(deals), classes.size))
    # kinds of unequal size make dealt symbols more or less frequent
    counts = np.array([symbol_counts(target[deal], classes) for deal in deals])
    strengths = []
    at_once = max(1, _VALUES_AT_ONCE // (deals.shape[1] * classes.size))
    for (train, test), fit in zip(splits, fits, strict=True):
        for first in range(0, len(deals), at_once):
            few = slice(first, first + at_once)
            dealt = target[deals[few]].T  # (sequence, deal)
            known = dealt[train] >= 0
            marked = dealt[train][:, :, None] == classes  # (train, deal, class)
            share = np.maximum(marked.sum(axis=0), 0.5)
            share = share / np.maximum(1, known.sum(axis=0))[:, None]
            # what is left out has the expected score, and so pulls nowhere
            centred = np.where(known[:, :, None], marked - share, 0.0)
            ridges = fit.strengths(centred)
            if first == 0:
                strengths.append(float(ridges[0]))
            score = (fit.predict(centred, ridges) + share) / share
            hit = classes[np.argmax(score, axis=2)] == dealt[test]
            for column, symbol in enumerate(classes):
                right[few, column] += np.sum(hit & (dealt[test] == symbol), axis=0)
    return (right / counts).mean(axis=1), strengths


def symbol_counts(target: np.ndarray, classes: np.ndarray) -> np.ndarray:
    return np.array([np.sum(target == symbol) for symbol in classes])
