"""Many tests at once: p values adjusted so that chance does not find something.

Declared primaries are held to the chance of any false finding (Holm), all others to
the share of false ones among the findings (Benjamini & Hochberg), and are exploratory.
Tests without a p (NaN: undetermined) keep none and are not counted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from cortexwave.errors import InputError


@dataclass(frozen=True)
class Adjusted:
    """One test: its p, p adjusted within its family, and whether it was declared."""

    p: float
    adjusted: float
    primary: bool


def holm(p: np.ndarray) -> np.ndarray:
    """p values (test,) adjusted by Holm 1979 (Scand J Stat 6:65), family-wise.

    Rejecting at or below alpha leaves the chance of any false rejection below alpha,
    whatever the dependence of the tests.
    """
    p, known, order = _ordered(p)
    many = order.size
    stepped = np.maximum.accumulate((many - np.arange(many)) * p[known][order])
    return _placed(p, known, order, stepped)


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """p values (test,) adjusted by Benjamini & Hochberg 1995 (J R Stat Soc B 57:289).

    Rejecting at or below q leaves the expected share of false rejections below q, for
    tests that are independent or positively dependent.
    """
    p, known, order = _ordered(p)
    many = order.size
    scaled = many / np.arange(1, many + 1) * p[known][order]
    stepped = np.minimum.accumulate(scaled[::-1])[::-1]
    return _placed(p, known, order, stepped)


def adjusted(
    p: Mapping[str, float], *, primaries: Collection[str]
) -> dict[str, Adjusted]:
    """Every test by name: `primaries` by Holm among themselves, the rest by false
    discovery rate among themselves.
    """
    missing = [name for name in primaries if name not in p]
    if missing:
        raise InputError(f"primary {', '.join(missing)} has no p; give NaN for one "
                         "that is undetermined")  # fmt: skip
    made: dict[str, Adjusted] = {}
    for primary, correct in ((True, holm), (False, benjamini_hochberg)):
        names = [name for name in p if (name in primaries) is primary]
        values = correct(np.array([p[name] for name in names], dtype=float))
        for name, value in zip(names, values, strict=True):
            made[name] = Adjusted(float(p[name]), float(value), primary)
    return {name: made[name] for name in p}


def _ordered(p: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    p = np.asarray(p, dtype=float)
    known = np.isfinite(p)
    if p.ndim != 1 or ((p[known] < 0) | (p[known] > 1)).any() or np.isinf(p).any():
        raise InputError(f"p values are {p}; they are (test,), 0 to 1, or NaN")
    return p, known, np.argsort(p[known], kind="stable")


def _placed(
    p: np.ndarray, known: np.ndarray, order: np.ndarray, stepped: np.ndarray
) -> np.ndarray:
    made = np.full(p.shape, np.nan)
    back = np.empty(order.size)
    back[order] = np.minimum(stepped, 1.0)
    made[known] = back
    return made
