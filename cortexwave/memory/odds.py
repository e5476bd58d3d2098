"""Odds ratios: logistic regression with errors that allow for clusters of trials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

_STEPS = 50
_FLAT = 1e-10


@dataclass(frozen=True)
class LogisticFit:
    """Coefficients (column,) and their covariance (column, column)."""

    coefficients: np.ndarray
    covariance: np.ndarray

    def odds_ratio(self, column: int) -> tuple[float, float, float]:
        """Odds ratio of a unit of a column, with its 95 % interval (Wald)."""
        middle = float(self.coefficients[column])
        half = 1.96 * float(np.sqrt(self.covariance[column, column]))
        low, ratio, high = np.exp(np.clip([middle - half, middle, middle + half],
                                          -700, 700))  # fmt: skip
        return float(ratio), float(low), float(high)


def logistic(
    design: np.ndarray, outcome: np.ndarray, clusters: np.ndarray
) -> LogisticFit | None:
    """Fit of outcome (trial,) in 0 and 1 on design (trial, column), None without one.

    Maximum likelihood by Newton's method; covariance by the sandwich over `clusters`
    (trial,), with G / (G - 1) for G clusters (Liang & Zeger 1986, Biometrika 73:13).
    There is none where the outcome is always the same, columns are not independent,
    or they separate the outcomes.
    """
    columns = design.shape[1]
    if np.unique(outcome).size < 2 or np.linalg.matrix_rank(design) < columns:
        return None
    weight = np.zeros(columns)
    for _ in range(_STEPS):
        share = expit(design @ weight)
        information = (design * (share * (1 - share))[:, None]).T @ design
        if np.linalg.cond(information) > 1 / _FLAT or np.abs(weight).max() > 50:
            return None  # separated: the likelihood rises without end
        step = np.linalg.solve(information, design.T @ (outcome - share))
        weight = weight + step
        if np.abs(step).max() < _FLAT:
            break
    else:
        return None
    _, number = np.unique(clusters, return_inverse=True)
    count = int(number.max()) + 1
    if count < 2:
        return None
    scores = np.zeros((count, columns))
    np.add.at(scores, number, design * (outcome - expit(design @ weight))[:, None])
    bread = np.linalg.inv(information)
    meat = scores.T @ scores * count / (count - 1)
    return LogisticFit(weight, bread @ meat @ bread)
