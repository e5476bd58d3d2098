"""Does what tells items apart at one time tell them apart at another?

A decoder is fitted at each time a and tried at each time b on trials it has not seen
(King & Dehaene 2014, Trends Cogn Sci 18:203). A narrow diagonal says that the code
changes, not how: read what is below chance off the diagonal, and where confusions
drift, beside it. `alignment` asks whether a rigid shift undoes the change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.classifiers import Classifier, guesses
from cortexwave.memory.confusion_drift import class_places, drift
from cortexwave.memory.dealing import (
    arrangements,
    check_permutations,
    deals,
    groups_of,
    p_values,
    resampled,
    resampling_unit,
    splits_of,
)
from cortexwave.memory.identity import NO_DEAL, check_real
from cortexwave.memory.trials import Trials

_BY_DEALS = ("null_low", "null_high", "p_lag_above", "p_lag_below")
_VALUES_AT_ONCE = 2**23  # scores held at a time: 64 MiB
Places = Mapping[str, Sequence[float]] | Mapping[str, float]


def temporal_generalisation(
    trials: Trials,
    *,
    classifier: Classifier = "lda",
    times: Sequence[float] | np.ndarray | None = None,
    places: Places | None = None,
    drift_lag: float | None = None,
    fold_count: int = 5,
    permutations: int = 199,
    seed: int,
    alpha: float = 0.05,
) -> xr.Dataset:
    """Accuracy of decoders fitted at time a and tried at b, and its whole confusion.

    `times` (s from onset) are the moments, nearest frames in equal steps; None: all.
    `places`: for each class its place in mm, one number or (x, y), for the drift.
    Folds are whole trials, blocks together; permutations deal labels within block and
    fold, to training and test alike (p is NaN where none can be). All classes count
    alike.

    confusion       (train_time, test_time, true, predicted): number of held-out trials
    accuracy        (train_time, test_time): mean over classes of the share right; c is
                    `chance`, one over the number of classes
    p               (train_time, test_time): family-wise, by the greatest accuracy over
                    all cells; `p_below` by the least
    lag_accuracy    (lag): mean of accuracy over |a - b| = lag, with `_low`, `_high`
                    (95 %), `null_low`, `null_high` (5 % and 95 % of permutations) and
                    `p_lag_above`, `p_lag_below` (family-wise over lags)
    p_diagonal      of the mean accuracy at lag 0, that there is anything to generalise
    persistence     (lag): (lag_accuracy - c) / (lag_accuracy at 0 - c), with `_low`,
                    `_high`; 1 static, 0 changed; NaN unless p_diagonal <= `alpha`
    matched         (lag): sum of accuracy - c over the pairs of a lag, by the sum of
                    the geometric means of what lag 0 has at both times: as persistence,
                    but a code that only fades is 1 too; with `_low`, `_high`
    drift           (axis), mm/s: slope of the mean displacement of confusions,
                    place(predicted) - place(true), on b - a, for lags to `drift_lag`
                    (s; None: 3 steps). Its sign is that of a wave's velocity; its size
                    falls short of it, as the last class has no neighbour. `drift_r`:
                    the correlation over pairs of times; `drift_low`, `drift_high`;
                    `drift_p` by the times b dealt within each trial. NaN without places

    Intervals draw sessions, blocks or trials again (attribute `unit`) with the decoders
    as they are. Raises `InputError` where trials, classes or times do not suffice.
    """
    check_permutations(permutations)
    check_real(trials)
    chosen, clock = moments(trials, times)
    groups, codes = groups_of(chosen), chosen.codes
    names = chosen.classes
    splits = splits_of(chosen, count=fold_count, seed=seed)
    dealt = deals(
        codes, groups, splits, count=permutations, seed=seed, stretch=chosen.stretch
    )
    found = _tried(chosen, splits, dealt, names.size, classifier)
    chance = 1 / names.size
    over_lags = by_lag(found.accuracy)  # (deal, lag)
    unit, members = resampling_unit(chosen)
    draws = resampled(members, codes, seed=seed)
    low, high, kept_low, kept_high, same_low, same_high = _intervals(
        found.predicted, codes, draws, chance
    )
    p_diagonal = float(p_values(over_lags[:, 0]))
    null, actual = found.accuracy[1:], found.accuracy[0]
    above = null.reshape(len(null), -1).max(axis=1)
    below = null.reshape(len(null), -1).min(axis=1)
    reasons = []
    told = arrangements(codes, groups, splits, chosen.stretch) > 1e-9
    if not told:
        reasons.append(NO_DEAL)
        p_diagonal = np.nan
    persistence = _share(over_lags[0] - chance, over_lags[0, 0] - chance)
    matched = _matched(actual, chance)
    if not p_diagonal <= alpha:
        persistence, kept_low, kept_high, matched, same_low, same_high = (
            np.full_like(persistence, np.nan) for _ in range(6)
        )
        if told:
            reasons.append("accuracy at the time of training is not above chance (p = "
                           f"{p_diagonal:.3g}), so nothing can persist")  # fmt: skip
    measured = drift(
        found.predicted, codes, class_places(places, names), clock, draws,
        longest=drift_lag, permutations=permutations, seed=seed,
    )  # fmt: skip
    if measured.reason:
        reasons.append(measured.reason)
    pair, one = ("train_time", "test_time"), {"units": "1"}
    per_lag = {
        "lag_accuracy": over_lags[0], "lag_accuracy_low": low,
        "lag_accuracy_high": high,
        "null_low": np.quantile(over_lags[1:], 0.05, axis=0),
        "null_high": np.quantile(over_lags[1:], 0.95, axis=0),
        "p_lag_above": _p(over_lags[0], over_lags[1:].max(axis=1)),
        "p_lag_below": _p(-over_lags[0], -over_lags[1:].min(axis=1)),
        "persistence": persistence, "persistence_low": kept_low,
        "persistence_high": kept_high, "matched": matched, "matched_low": same_low,
        "matched_high": same_high,
    }  # fmt: skip
    p_above, p_below = _p(actual, above), _p(-actual, -below)
    if not told:
        for values in (p_above, p_below, *(per_lag[name] for name in _BY_DEALS)):
            values.fill(np.nan)
    second = {"units": "s"}
    return xr.Dataset(
        {"confusion": ((*pair, "true", "predicted"),
                       confusion(found.predicted, codes, names.size), one),
         "accuracy": (pair, actual, one),
         "p": (pair, p_above, one),
         "p_below": (pair, p_below, one),
         **{name: ("lag", values, one) for name, values in per_lag.items()},
         "p_diagonal": ((), p_diagonal, one), "chance": ((), chance, one),
         **measured.variables},
        {"train_time": ("train_time", clock, second),
         "test_time": ("test_time", clock, second),
         "lag": ("lag", clock - clock[0], second),
         "true": names.astype(object), "predicted": names.astype(object),
         "axis": ["x", "y"][: measured.axes]},
        {**chosen.attributes, "measure": "temporal_generalisation",
         "classifier": classifier, "trials": int(codes.size),
         "trials_per_class": int(np.bincount(codes).min()),
         "sites": int(chosen.values.shape[2]), "classes": int(names.size),
         "fold_count": len(splits), "permutations": permutations, "seed": seed,
         "alpha": alpha, "unit": unit, "drift_lag": measured.longest,
         "reason": "; ".join(reasons)},
    )  # fmt: skip


def moments(
    trials: Trials, times: Sequence[float] | np.ndarray | None
) -> tuple[Trials, np.ndarray]:
    """The trials at the frames nearest to `times`, and the times of those frames."""
    if times is None:
        at = np.arange(trials.clock.size)
    else:
        asked = np.asarray(times, dtype=float)
        first, last = trials.clock[[0, -1]]
        half = trials.step / 2 * (1 + 1e-6)
        if asked.ndim != 1 or not np.isfinite(asked).all():
            raise InputError("times are not a list of finite numbers of s")
        if ((asked < first - half) | (asked > last + half)).any():
            raise InputError(f"times reach from {asked.min():g} to {asked.max():g} s; "
                             f"the trials have {first:g} to {last:g} s")  # fmt: skip
        at = np.abs(trials.clock - asked[:, None]).argmin(axis=1)
        steps = np.unique(np.diff(at))
        if steps.size > 1 or (steps < 1).any():
            raise InputError(
                f"times are not in equal steps of whole frames of {trials.step:g} s: "
                f"their frames are {at.tolist()}"
            )
    if at.size < 3:
        raise InputError(f"{at.size} times; generalisation over time needs 3")
    kept = replace(trials, values=trials.values[:, at], clock=trials.clock[at])
    return kept, trials.clock[at]


def by_lag(accuracy: np.ndarray) -> np.ndarray:
    """Mean of (..., a, b) over all |a - b| = lag, (..., lag)."""
    count = accuracy.shape[-1]
    away = np.abs(np.arange(count)[:, None] - np.arange(count))
    return np.stack(
        [accuracy[..., away == lag].mean(axis=-1) for lag in range(count)], axis=-1
    )


def confusion(predicted: np.ndarray, codes: np.ndarray, classes: int) -> np.ndarray:
    """Counts (a, b, true, predicted) of guesses (a, trial, b)."""
    made = np.empty((predicted.shape[0], predicted.shape[2], classes, classes), int)
    for true in range(classes):
        of_class = predicted[:, codes == true]
        for guess in range(classes):
            made[:, :, true, guess] = (of_class == guess).sum(axis=1)
    return made


@dataclass(frozen=True)
class _Tried:
    """Accuracy (deal, a, b), the truth first, and the guesses (a, trial, b) for it."""

    accuracy: np.ndarray
    predicted: np.ndarray


def _tried(
    trials: Trials,
    splits: list[tuple[np.ndarray, np.ndarray]],
    dealt: np.ndarray,
    classes: int,
    classifier: Classifier,
) -> _Tried:
    values = trials.values
    count, frames, sites = values.shape
    accuracy = np.zeros((len(dealt), frames, frames))
    predicted = np.empty((frames, count, frames), dtype=np.int16)
    weight = class_weights(dealt, classes)  # (deal, trial)
    at_once = max(1, _VALUES_AT_ONCE // max(1, frames * classes * len(dealt)))
    for train, test in splits:
        parts = np.array_split(test, -(-test.size // at_once))
        for a in range(frames):
            learned = values[train, a]
            for part in parts:
                shown = values[part].reshape(-1, sites)
                guessed = guesses(learned, shown, dealt[:, train], classes,
                                  classifier=classifier)  # fmt: skip
                guessed = guessed.reshape(len(dealt), part.size, frames)
                predicted[a, part] = guessed[0]
                right = guessed == dealt[:, part, None]
                accuracy[:, a] += np.einsum("dt,dtb->db", weight[:, part], right)
    return _Tried(accuracy, predicted)


def class_weights(codes: np.ndarray, classes: int) -> np.ndarray:
    """Weight (..., trial) that makes all classes count alike; the sum is 1."""
    made = np.zeros(codes.shape)
    for code in range(classes):
        of_class = codes == code
        made += of_class / np.maximum(1, of_class.sum(axis=-1, keepdims=True))
    return made / classes


def _intervals(
    predicted: np.ndarray, codes: np.ndarray, draws: np.ndarray, chance: float
) -> tuple[np.ndarray, ...]:
    """95 % of accuracy, persistence and matched persistence, low and high, (lag,)."""
    right = (predicted == codes[:, None]).transpose(1, 0, 2).astype(float)
    bounds = []
    for some in np.array_split(draws, max(1, draws.shape[0] * right[0].size >> 22)):
        accuracy = drawn_shares(right, codes, some)  # (draw, a, b)
        drawn = by_lag(accuracy)
        kept = _share(drawn - chance, drawn[:, :1] - chance)
        bounds.append([drawn, kept, _matched(accuracy, chance)])
    each = np.concatenate(bounds, axis=1)  # (measure, draw, lag)
    # draws with nothing to persist count as nothing kept: nowhere is a bound from few
    low, high = np.quantile(np.nan_to_num(each), [0.025, 0.975], axis=1)
    return low[0], high[0], low[1], high[1], low[2], high[2]


def _matched(accuracy: np.ndarray, chance: float) -> np.ndarray:
    """Persistence (..., lag) of (..., a, b), by what both times hold themselves."""
    own = np.maximum(np.diagonal(accuracy, axis1=-2, axis2=-1) - chance, 0)
    both = np.sqrt(own[..., :, None] * own[..., None, :])
    return _share(by_lag(accuracy - chance), by_lag(both))


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Part of whole, NaN where there is no whole."""
    part, whole = np.broadcast_arrays(part, whole)
    there = whole > 1e-9
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=there)


def drawn_shares(right: np.ndarray, codes: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Mean over classes of (trial, ...) under each draw of trials, (draw, ...)."""
    flat = right.reshape(len(right), -1)
    total = np.zeros((len(draws), flat.shape[1]))
    classes = np.unique(codes)
    for code in classes:
        of_class = codes == code
        times = draws[:, of_class]
        # a class that a draw of whole blocks leaves out has no share: NaN there
        with np.errstate(invalid="ignore", divide="ignore"):
            total = total + times @ flat[of_class] / times.sum(axis=1, keepdims=True)
    return (total / classes.size).reshape(len(draws), *right.shape[1:])


def _p(found: np.ndarray, extreme: np.ndarray) -> np.ndarray:
    """How often the extreme of a deal (deal,) reaches what was found (...)."""
    least = found - 1e-12
    reached = (extreme.reshape(-1, *[1] * found.ndim) >= least).sum(axis=0)
    return (1 + reached) / (1 + extreme.size)
