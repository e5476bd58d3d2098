"""Does a verdict hold under the other defensible choices of analysis?

The grid is fixed: two references, two bands, three widths of what an electrode sees,
amplitude gate on and off. One that holds in fewer than four of five cells is fragile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

from cortexwave.errors import InputError

HOLDS = 0.8
_REFERENCES: tuple[Literal["none", "average"], ...] = ("none", "average")
_BANDS: tuple[Literal["wide", "peak"], ...] = ("wide", "peak")
_WIDTHS = (0.1, 0.25, 1.0)  # mm


@dataclass(frozen=True, order=True)
class Cell:
    """One way to analyse both sides: reference, band, electrode's width (mm), gate.

    The band is wide (5 to 40 Hz) or 30 % about the spectral peak; `width` is the sd of
    the Gaussian through which an electrode sees a model; `gated` leaves out frames
    below half of the median amplitude.
    """

    reference: Literal["none", "average"]
    band: Literal["wide", "peak"]
    width: float
    gated: bool


GRID: tuple[Cell, ...] = tuple(
    Cell(*each) for each in product(_REFERENCES, _BANDS, _WIDTHS, (False, True))
)


@dataclass(frozen=True)
class Robustness:
    """Whether a verdict holds, in what share of the cells, and which word leads."""

    holds: bool
    word: str
    share: float
    cells: int
    said: str


def size_statement(sessions: int, seconds_per_session: float) -> str:
    """What the grid costs, to be said before it is begun: passes and minutes."""
    if sessions < 1 or not seconds_per_session >= 0:
        raise InputError("the grid has 1 session or more, of some seconds each")
    passes = len(GRID) * sessions
    minutes = passes * seconds_per_session / 60
    return (f"robustness grid: {len(GRID)} cells x {sessions} sessions = {passes} "
            f"passes, about {minutes:.0f} minutes")  # fmt: skip


def robustness(words: Mapping[Cell, str], *, verdict: str) -> Robustness:
    """Whether `verdict` stands in four of five cells of the whole grid.

    `words` has the verdict of every cell; cells that came out undetermined count
    against it.
    """
    missing = [cell for cell in GRID if cell not in words]
    if missing:
        raise InputError(f"{len(missing)} of {len(GRID)} cells of the grid have no "
                         f"verdict, the first {missing[0]}")  # fmt: skip
    counts = Counter(words[cell] for cell in GRID)
    share = counts[verdict] / len(GRID)
    word, _ = counts.most_common(1)[0]
    holds = share >= HOLDS
    said = f"{counts[verdict]} of {len(GRID)} cells" + ("" if holds else ": fragile")
    return Robustness(holds, word, share, len(GRID), said)
