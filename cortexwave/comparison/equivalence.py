"""Are two equal for all purposes? Only if their whole interval lies within a margin.

A p above .05 says that a difference was not seen, which few data never fail to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cortexwave.comparison.intervals import Interval
from cortexwave.comparison.samples import Sample
from cortexwave.errors import InputError

Answer = Literal["equivalent", "different", "undetermined"]
_FEWEST = 3  # subjects, for a standard deviation to mean anything


@dataclass(frozen=True)
class Equivalence:
    """An answer, the interval and margin it rests on, and why there is none."""

    answer: Answer
    interval: Interval
    margin: float
    reason: str = ""


def within_margin(difference: Interval, margin: float) -> Equivalence:
    """Whether a difference lies within +/- `margin`, both in its unit.

    "equivalent" where the whole interval does, "different" where the whole interval
    lies outside, else "undetermined". An interval at level .90 makes this the pair of
    one-sided tests at .05 (Schuirmann 1987, J Pharmacokinet Biopharm 15:657), one at
    .95 the stricter rule.
    """
    if not difference.known:
        why = difference.reason or "the difference has no interval"
        return Equivalence("undetermined", difference, margin, why)
    if not margin >= 0:
        why = "how much animals differ is not known, so there is no margin"
        return Equivalence("undetermined", difference, margin, why)
    if difference.low >= -margin and difference.high <= margin:
        return Equivalence("equivalent", difference, margin)
    if difference.low > margin or difference.high < -margin:
        return Equivalence("different", difference, margin)
    why = "the interval of the difference reaches across the margin"
    return Equivalence("undetermined", difference, margin, why)


def between_subject_sd(recorded: Sample) -> float:
    """Standard deviation of the subjects' medians: a margin, in the values' unit.

    For values (event,); NaN for fewer than 3 subjects. The spread of medians holds
    their own errors, too, so few events make it too wide.
    """
    if recorded.values.ndim != 1:
        raise InputError("a margin is that of one measure; values (event,) are due")
    if len(recorded.subjects) < _FEWEST:
        return float("nan")
    medians = [float(np.median(recorded.of(name))) for name in recorded.subjects]
    return float(np.std(medians, ddof=1))
