"""The format of a memory, and in one result both of what it rests on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from cortexwave.memory.alignment import shift_aligned_generalisation
from cortexwave.memory.classifiers import Classifier
from cortexwave.memory.generalisation import temporal_generalisation
from cortexwave.memory.shifts import Boundary
from cortexwave.memory.trials import Trials
from cortexwave.memory.verdict import format_of

_SHIFTED = "shift_"  # before what `shift_aligned_generalisation` found


def memory_format(
    trials: Trials,
    *,
    speeds: Sequence[float] | np.ndarray,
    directions: Sequence[float] | np.ndarray,
    longest: float,
    boundary: Boundary,
    classifier: Classifier = "lda",
    times: Sequence[float] | np.ndarray | None = None,
    permutations: int = 199,
    seed: int,
) -> xr.Dataset:
    """`format_of` trials, with generalisation over time and what a shift regains.

    `speeds` (mm/s) and `directions` (deg) as in `shift_aligned_generalisation`, whose
    variables and attributes come with "shift_" before their names (over `shift_lag`),
    beside those of `temporal_generalisation` and of the verdict, `format`.
    """
    found = temporal_generalisation(trials, classifier=classifier, times=times,
                                    permutations=permutations, seed=seed)  # fmt: skip
    moved = shift_aligned_generalisation(
        trials, speeds=speeds, directions=directions, longest=longest,
        boundary=boundary, classifier=classifier, times=times,
        permutations=permutations, seed=seed,
    )  # fmt: skip
    verdict = format_of(found, moved)
    names = [*moved.data_vars, *moved.coords]
    shifted = moved.rename({name: f"{_SHIFTED}{name}" for name in names})
    told = {f"{_SHIFTED}{name}": value for name, value in moved.attrs.items()}
    return xr.merge([found, shifted, verdict], combine_attrs="drop").assign_attrs(
        {**found.attrs, **told, **verdict.attrs, "measure": "memory_format",
         "generalisation_reason": found.attrs["reason"]}
    )  # fmt: skip
