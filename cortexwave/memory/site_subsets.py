"""What fewer sites tell: the decoder of identity over random choices of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.classifiers import Classifier
from cortexwave.memory.identity import frames_of, held_out
from cortexwave.memory.trials import Trials

SUBSETS = 100


def accuracy_by_sites(
    trials: Trials,
    sizes: Sequence[int],
    *,
    times: Sequence[float],
    seed: int,
    classifier: Classifier = "lda",
    subsets: int = SUBSETS,
    count: int = 10,
) -> xr.Dataset:
    """Accuracy of identity against the number of sites, over random choices of them.

    Over `sites`: `accuracy`, the median over `subsets` choices of the balanced accuracy
    (a mean over `times`, s), and `low`, `high`, its quartiles.
    """
    frames = frames_of(trials, times)
    made = [
        accuracy_of_subsets(trials, size, frames, classifier=classifier,
                            subsets=subsets, count=count, seed=seed)
        for size in sizes
    ]  # fmt: skip
    low, middle, high = np.quantile(made, [0.25, 0.5, 0.75], axis=1)
    return xr.Dataset(
        {name: ("sites", values, {"units": "1"})
         for name, values in (("accuracy", middle), ("low", low), ("high", high))},
        {"sites": ("sites", list(sizes), {"units": "1"})},
        {**trials.attributes, "measure": "accuracy_by_sites", "classifier": classifier,
         "times": [float(t) for t in trials.clock[frames]], "subsets": subsets,
         "folds": count, "seed": seed, "reason": ""},
    )  # fmt: skip


def accuracy_of_subsets(
    trials: Trials, size: int, frames: np.ndarray, *, classifier: Classifier,
    count: int, seed: int, subsets: int = SUBSETS,
) -> np.ndarray:  # fmt: skip
    """Balanced accuracy (subset,), a mean over frames, of random choices of sites."""
    draw = np.random.default_rng(seed)
    return np.array([
        held_out(site_subset(trials, size, draw), frames, classifier=classifier,
                 count=count, permutations=0, seed=seed).accuracy().mean()
        for _ in range(subsets)
    ])  # fmt: skip


def site_subset(trials: Trials, size: int, draw: np.random.Generator) -> Trials:
    """The trials at so many sites drawn at random; `InputError` where there are not."""
    there = trials.values.shape[2]
    if not 1 <= size <= there:
        raise InputError(f"{size} sites of {there} cannot be chosen; allowed are 1 to "
                         f"{there}")  # fmt: skip
    sites = np.sort(draw.permutation(there)[:size])
    return replace(trials, values=trials.values[:, :, sites], positions=None)
