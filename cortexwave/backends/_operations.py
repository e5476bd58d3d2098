"""What a step is made of: operations on rows of one matrix, a variable in each row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Mix:
    """rows[out] = weights @ rows[read]: several sums at once."""

    out: slice
    weights: np.ndarray
    read: slice


@dataclass(frozen=True)
class Add:
    """rows[out] = sum of weight * row, plus a constant; `onto`: added to what is there.

    Only in a sum that is added onto may the row itself be read, and then first.
    """

    out: int
    terms: tuple[tuple[int, float], ...]
    constant: float = 0.0
    onto: bool = False


@dataclass(frozen=True)
class Apply:
    """rows[out] = function(rows[read])."""

    function: str
    out: slice
    read: slice


@dataclass(frozen=True)
class Combine:
    """rows[out] = left * right, left / right or left ** right (a row or a number)."""

    operation: str
    out: int
    left: int
    right: int | float


@dataclass(frozen=True)
class Blend:
    """rows[out] += weights * (rows[towards] - rows[out]); weights (row, 1 or site)."""

    out: slice
    towards: slice
    weights: np.ndarray


@dataclass(frozen=True)
class Increase:
    """rows[out] += rows[by]."""

    out: slice
    by: slice


Operation = Mix | Add | Apply | Combine | Blend | Increase
