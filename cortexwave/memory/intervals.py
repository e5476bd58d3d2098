"""How long apart were two pulses at one place?

A register that is overwritten, or that adds up, cannot tell; what carries the first
pulse away before the second comes can.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.classifiers import Classifier
from cortexwave.memory.identity import decode_identity
from cortexwave.memory.trials import Trials


def decode_interval(
    trials: Trials,
    *,
    classifier: Classifier = "lda",
    times: Sequence[float] | None = None,
    count: int = 10,
    permutations: int,
    seed: int,
) -> xr.Dataset:
    """The interval between two pulses at one site, from one snapshot after both.

    Trials are labelled by their interval in s. As `decode_identity`, whose variables
    come with it, and over `time`: `error`, the mean distance of the guessed interval
    from the true one (s), all intervals alike, and `error_constant`, that of the best
    single answer.
    """
    try:
        intervals = np.array([float(name) for name in trials.classes.tolist()])
    except ValueError as fault:
        raise InputError(f"the labels are {trials.classes.tolist()}; intervals between "
                         "pulses are numbers in s") from fault  # fmt: skip
    if not (np.isfinite(intervals).all() and (intervals >= 0).all()):
        raise InputError(f"the intervals are {intervals.tolist()} s; they are finite "
                         "and not below 0")  # fmt: skip
    found = decode_identity(trials, classifier=classifier, times=times, count=count,
                            permutations=permutations, seed=seed)  # fmt: skip
    counts = found["confusion"].transpose("time", "true", "guessed").values
    total = counts.sum(axis=2, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(total > 0, counts / total, np.nan)
    away = np.abs(intervals[:, None] - intervals)
    error = (shares * away).sum(axis=2).mean(axis=1)
    constant = np.full(error.shape, away.mean(axis=0).min())
    return found.assign(
        error=("time", error, {"units": "s"}),
        error_constant=("time", constant, {"units": "s"}),
    ).assign_attrs(measure="decode_interval")
