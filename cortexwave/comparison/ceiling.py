"""A distance of model and animal, in units of how far animals lie from each other.

No model can be nearer to an animal than other animals are, so a distance alone says
nothing. With one or two animals the sessions of one are all there is to measure by;
that is repeatability within an animal, and is called so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from cortexwave.comparison.samples import Sample
from cortexwave.errors import InputError

Variability = Literal["biological variability", "within-animal repeatability"]
Word = Literal["within", "partly within", "outside", "undetermined"]
FEWEST_SUBJECTS = 3  # three pairs
FEWEST_EVENTS = 10  # on each side of a distance
_FEWEST_PAIRS = 3


@dataclass(frozen=True)
class Ratio:
    """Distance of model and recording over that of animals (or sessions) from others.

    `distance` and `ceiling` are medians over pairs in the distance's unit, `ratio` is
    one over the other; `low` and `high` are the least and greatest over the pairs of a
    model and an animal, `limit` the 95th percentile of the ratios of animals, `events`
    how many stood on each side. `word`: within up to `limit`, partly within up to
    twice that, else outside; "undetermined" with a `reason` where there is no ceiling.
    """

    ratio: float
    low: float
    high: float
    limit: float
    word: Word
    distance: float
    ceiling: float
    pairs: int
    units: int
    events: int
    variability: Variability
    reason: str = ""
    caution: str = ""


def distance_to_ceiling(
    model: Sample,
    recorded: Sample,
    distance: Callable[[np.ndarray, np.ndarray], float],
    *,
    seed: int,
    draws: int = 20,
) -> Ratio:
    """How a model's distance compares with the distance of animals, at equal numbers.

    `distance` takes two arrays of values, (event,) or (event, measure). Every animal,
    and every model subject, is thinned to the same number of events (that of the
    smallest), as distances of finite samples shrink with their size; each distance is
    the mean over `draws` thinnings. Animals are compared with animals where there are
    3, else sessions with sessions of the same animal.
    """
    if draws < 1:
        raise InputError(f"draws is {draws}; 1 or more are due")
    if model.values.shape[1:] != recorded.values.shape[1:]:
        raise InputError("model and recording are not of the same measures")
    units, models, pairs, variability = units_compared(model, recorded)
    events = min(len(each) for each in units + models)
    rng = np.random.default_rng(seed)
    if events < FEWEST_EVENTS:
        why = (f"the smallest animal or session has {events} events, and "
               f"{FEWEST_EVENTS} are needed for a distance")  # fmt: skip
        far = float(distance(model.values, recorded.values))
        return _none(far, len(units), events, variability, why)
    to_model = np.zeros((len(models), len(units)))
    between = np.zeros(len(pairs))
    for _ in range(draws):
        thin = [each[rng.permutation(len(each))[:events]] for each in units]
        thin_models = [each[rng.permutation(len(each))[:events]] for each in models]
        to_model += [[distance(a, b) for b in thin] for a in thin_models]
        between += [distance(thin[i], thin[j]) for i, j in pairs]
    return ratio_to_ceiling(
        to_model.ravel() / draws, between / draws, units=len(units),
        variability=variability, events=events,
    )  # fmt: skip


def units_compared(
    model: Sample, recorded: Sample
) -> tuple[list[np.ndarray], list[np.ndarray], list[tuple[int, int]], Variability]:
    """Values of each recorded unit and each model unit, pairs of recorded units, which.

    Units are animals where there are 3, and all pairs of them; else sessions, and pairs
    of the same animal.
    """
    if len(recorded.subjects) >= FEWEST_SUBJECTS:
        units = [recorded.of(name) for name in recorded.subjects]
        models = [model.of(name) for name in model.subjects]
        return (
            units, models, list(combinations(range(len(units)), 2)),
            "biological variability",
        )  # fmt: skip
    units = [recorded.of(*pair) for pair in recorded.sessions]
    models = [model.of(*pair) for pair in model.sessions]
    owner = [name for name, _ in recorded.sessions]
    pairs = [(i, j) for i, j in combinations(range(len(units)), 2)
             if owner[i] == owner[j]]  # fmt: skip
    return units, models, pairs, "within-animal repeatability"


def ratio_to_ceiling(
    to_model: Sequence[float] | np.ndarray,
    between: Sequence[float] | np.ndarray,
    *,
    units: int,
    variability: Variability,
    events: int = 1,
) -> Ratio:
    """The ratio, from distances model-animal (pair,) and animal-animal (pair,).

    For curves and single numbers, one of each animal: nothing is thinned (`events` 1).
    """
    far = np.asarray(to_model, dtype=float)
    own = np.asarray(between, dtype=float)
    for each in (far, own):
        if not np.isfinite(each).all() or (each < 0).any() or each.ndim != 1:
            raise InputError("distances are (pair,), finite and not negative")
    if not far.size:
        raise InputError("there is no distance of the model from a recording")
    distance = float(np.median(far))
    if own.size < _FEWEST_PAIRS:
        why = (
            f"{own.size} distances between {units} animals or sessions; "
            f"{_FEWEST_PAIRS} are needed (3 animals, or 3 sessions of one)"
        )
        return _none(distance, units, events, variability, why)
    ceiling = float(np.median(own))
    if not ceiling > 0:
        why = "animals or sessions do not differ at all, so there is no unit to use"
        return _none(distance, units, events, variability, why)
    limit = float(np.quantile(own / ceiling, 0.95))
    ratio = distance / ceiling
    word: Word = "outside"
    if ratio <= limit:
        word = "within"
    elif ratio <= 2 * limit:
        word = "partly within"
    caution = ""
    if own.size < 20:
        caution = (f"the 95th percentile of {own.size} distances is little more than "
                   "the greatest of them")  # fmt: skip
    return Ratio(ratio, float(far.min() / ceiling), float(far.max() / ceiling), limit,
                 word, distance, ceiling, int(own.size), units, events, variability,
                 caution=caution)  # fmt: skip


def _none(
    distance: float, units: int, events: int, variability: Variability, why: str
) -> Ratio:
    gone = float("nan")
    return Ratio(gone, gone, gone, gone, "undetermined", distance, gone, 0, units,
                 events, variability, why)  # fmt: skip
