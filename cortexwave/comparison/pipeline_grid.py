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
REFERENCES: tuple[Literal["none", "average"], ...] = ("none", "average")
BANDS: tuple[Literal["study", "peak"], ...] = ("study", "peak")
WIDTHS = (0.1, 0.25, 1.0)  # mm
ABOUT_PEAK = 0.3  # of its frequency to either side: the narrow band


@dataclass(frozen=True, order=True)
class Cell:
    """One way to analyse both sides: reference, band, electrode's width (mm), gate.

    The reference is "none" beyond that of the recording, or the common average; the
    band the study's, or 30 % about the spectral peak; `width` is the sd of the Gaussian
    through which an electrode sees a model; `gated` leaves out what was found in
    frames below half of the median amplitude.
    """

    reference: Literal["none", "average"]
    band: Literal["study", "peak"]
    width: float
    gated: bool


GRID: tuple[Cell, ...] = tuple(
    Cell(*each) for each in product(REFERENCES, BANDS, WIDTHS, (False, True))
)


@dataclass(frozen=True)
class Robustness:
    """Whether a verdict holds, in what share of the cells, and which word leads."""

    holds: bool
    word: str
    share: float
    cells: int
    said: str


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
