"""Can the rivals be told apart at all? Each is simulated, and all are fitted to it.

A recording that fits the wave best says something only if a bump, an oscillation and a
chain of the same size would not have: the matrix of what was simulated against what
fitted best stands beside every such claim (Wilson & Collins 2019, eLife 8:e49547).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

from cortexwave.errors import InputError

Rule = Literal["energy", "multinomial"]
UNDETERMINED = "undetermined"
_FEWEST_REPEATS = 5
_UNUSUAL = 0.05


def model_recovery(
    generators: Mapping[str, Callable[..., Any]],
    measure_vector: Callable[[Any], np.ndarray],
    *,
    trials: int,
    repeats: int,
    seed: int,
    rule: Rule = "energy",
) -> xr.Dataset:
    """Share of simulations of each rival that each rival fits best, held out.

    Each generator is called with `trials` and `seed`, `repeats` times, and what it
    gives is measured. With `rule` "energy" the measures are numbers of any shape and
    a rival fits by the energy score of its other repeats (Gneiting & Raftery 2007, J Am
    Stat Assoc 102:359) in standard deviations within rivals. With "multinomial" they
    are counts (..., predicted), such as a confusion tensor, and a rival fits by the
    likelihood of its other repeats' shares, half a count added to each. A simulation
    whose measures are missing is undetermined.

    A Dataset of `recovered` (simulated, fitted), Wilson ends `low` and `high` of the
    share recovered as what it was (simulated,), the measures `vectors` (simulated,
    repeat, ...) and each repeat's score against its own rival, `own_score`.
    """
    if len(generators) < 2:
        raise InputError("one rival cannot be mistaken for another; give two or more")
    if repeats < _FEWEST_REPEATS:
        raise InputError(f"repeats is {repeats}; {_FEWEST_REPEATS} or more are due, "
                         "and 50 to know a share to about 0.1")  # fmt: skip
    names = list(generators)
    seeds = np.random.SeedSequence(seed).generate_state(len(names) * repeats)
    measured = [
        np.asarray(
            measure_vector(generators[name](trials=trials, seed=int(one))), float
        )
        for name, one in zip(np.repeat(names, repeats).tolist(), seeds, strict=True)
    ]
    shapes = {each.shape for each in measured}
    if len(shapes) > 1:
        raise InputError(f"measures are of shapes {sorted(shapes)}; one is due")
    vectors = np.reshape(measured, (len(names), repeats, *measured[0].shape))
    known = _known(vectors)
    if (known.sum(axis=1) < 2).any():
        lost = [name for name, n in zip(names, known.sum(axis=1), strict=True) if n < 2]
        raise InputError(
            f"the measures of {', '.join(lost)} are missing in all or all but one of "
            "the repeats, so nothing can be fitted to"
        )
    wrong = rule == "multinomial" and bool((vectors[known] < 0).any())
    if wrong or rule not in ("energy", "multinomial"):
        raise InputError(f"rule is '{rule}'; it is 'energy', or 'multinomial' for "
                         "counts, which are not negative")  # fmt: skip
    fitted = [*names, UNDETERMINED]
    counts = np.zeros((len(names), len(fitted)))
    own = np.full((len(names), repeats), np.nan)
    for i in range(len(names)):
        for k in range(repeats):
            if not known[i, k]:
                counts[i, -1] += 1
                continue
            scores = _scores(vectors, known, vectors[i, k], rule, without=(i, k))
            own[i, k] = scores[i]
            counts[i, int(np.argmin(scores))] += 1
    low, high = _wilson(np.diag(counts), repeats)
    extra = [f"measure_{d}" for d in range(vectors.ndim - 2)]
    return xr.Dataset(
        {
            "recovered": (("simulated", "fitted"), counts / repeats, {"units": "1"}),
            "low": ("simulated", low, {"units": "1"}),
            "high": ("simulated", high, {"units": "1"}),
            "vectors": (("simulated", "repeat", *extra), vectors, {"units": "1"}),
            "own_score": (("simulated", "repeat"), own, {"units": "1"}),
        },
        {"simulated": names, "fitted": fitted},
        {"measure": "model_recovery", "trials": trials, "repeats": repeats,
         "seed": seed, "rule": rule, "level": 0.95},
    )  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """Which rival fits a recording best, and the score of each (less is better).

    `usual` is the share of the best rival's own simulations that fit it no better;
    below 0.05 the recording is like none of the rivals, and `best` says so.
    """

    best: str
    scores: dict[str, float]
    usual: float
    reason: str = ""


def fit_rivals(vector: np.ndarray, recovery: xr.Dataset) -> Fit:
    """How well each rival of a `model_recovery` fits one measured vector.

    The vector is measured as that of the simulations was, at the same number of trials.
    """
    vectors = recovery["vectors"].values
    vector = np.asarray(vector, dtype=float)
    if vector.shape != vectors.shape[2:]:
        raise InputError(f"the vector is {vector.shape}; those of the rivals are "
                         f"{vectors.shape[2:]}")  # fmt: skip
    names = [str(name) for name in recovery["simulated"].values]
    if not np.isfinite(vector).all():
        return Fit(UNDETERMINED, dict.fromkeys(names, float("nan")), float("nan"),
                   "a measure of the recording is missing")  # fmt: skip
    known = _known(vectors)
    scores = _scores(vectors, known, vector, recovery.attrs["rule"], without=None)
    best = int(np.argmin(scores))
    own = recovery["own_score"].values[best]
    own = own[np.isfinite(own)]
    usual = float((1 + np.sum(own >= scores[best])) / (1 + own.size))
    told = dict(zip(names, scores.tolist(), strict=True))
    if usual < _UNUSUAL:
        why = f"it is like none of the rivals ({names[best]} is nearest)"
        return Fit(UNDETERMINED, told, usual, why)
    return Fit(names[best], told, usual)


def _known(vectors: np.ndarray) -> np.ndarray:
    flat = vectors.reshape(*vectors.shape[:2], -1)
    return np.asarray(np.isfinite(flat).all(axis=2))


def _scores(
    vectors: np.ndarray,
    known: np.ndarray,
    one: np.ndarray,
    rule: Rule,
    without: tuple[int, int] | None,
) -> np.ndarray:
    """Score of `one` against the repeats of each rival, itself left out: (rival,)."""
    kept = known.copy()
    if without is not None:
        kept[without] = False
    if rule == "multinomial":
        totals = [each[use].sum(axis=0) + 0.5
                  for each, use in zip(vectors, kept, strict=True)]  # fmt: skip
        shares = [total / total.sum(axis=-1, keepdims=True) for total in totals]
        return np.array([-np.sum(one * np.log(share)) for share in shares])
    flat = vectors.reshape(*vectors.shape[:2], -1)
    groups = [each[use] for each, use in zip(flat, kept, strict=True)]
    freedom = sum(len(group) - 1 for group in groups)
    square = sum(np.sum((group - group.mean(axis=0)) ** 2, axis=0) for group in groups)
    width = np.sqrt(square / max(1, freedom))
    width = np.where(width > 0, width, 1.0)
    y = one.ravel() / width
    return np.array([_energy_score(group / width, y) for group in groups])


def _energy_score(x: np.ndarray, y: np.ndarray) -> float:
    """E|X - y| - E|X - X'| / 2 over repeats x (repeat, number), pairs of two apart."""
    from scipy.spatial.distance import pdist

    within = float(pdist(x).mean()) if len(x) > 1 else 0.0
    return float(np.linalg.norm(x - y, axis=1).mean()) - within / 2


def _wilson(hits: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of shares (Wilson 1927, J Am Stat Assoc 22:209)."""
    z = 1.959964
    middle = (hits + z**2 / 2) / (count + z**2)
    reach = z / (count + z**2) * np.sqrt(hits * (count - hits) / count + z**2 / 4)
    return middle - reach, middle + reach
