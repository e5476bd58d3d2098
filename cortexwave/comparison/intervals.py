"""A number and how far it is known: what the comparison states of anything."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """An estimate and its interval at a level, in the estimate's unit.

    `scope` says of whom it holds. Where the interval is not known, its ends are NaN and
    `reason` says why in one sentence.
    """

    estimate: float
    low: float
    high: float
    level: float = 0.95
    scope: str = ""
    reason: str = ""

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return not (math.isnan(self.low) or math.isnan(self.high))
