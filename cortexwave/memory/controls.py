"""What else than memory in the pattern over sites could let a decoder succeed.

Each control is the same decoder on something that should hold less, or nothing; one
table tells of all of them, and why one could not be made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.classifiers import Classifier
from cortexwave.memory.dealing import (
    arrangements,
    check_permutations,
    deals,
    groups_of,
    p_values,
    splits_of,
)
from cortexwave.memory.elapsed_time import decode_elapsed_time
from cortexwave.memory.features import features
from cortexwave.memory.identity import NO_DEAL, frames_of, held_out, too_few
from cortexwave.memory.trials import Trials

_SUBSETS = 100
_AT_CHANCE = ("before_onset", "catch_trials")


@dataclass(frozen=True)
class _Row:
    """One control: what was found, (deal,) the truth first, or why nothing was."""

    name: str
    said: str
    found: np.ndarray
    reason: str = ""


def decoding_controls(
    trials: Trials,
    *,
    times: Sequence[float],
    permutations: int,
    seed: int,
    classifier: Classifier = "lda",
    band: tuple[float, float] | None = None,
    covariates: np.ndarray | None = None,
    catch: Trials | None = None,
    matched_sites: int | None = None,
    count: int = 10,
    alpha: float = 0.05,
) -> xr.Dataset:
    """The decoder of identity and its controls C1 to C8, one row of a table each.

    `value` is the balanced accuracy, a mean over `times` (s); `chance`,
    `chance_high` (95 %) and `p` come from labels dealt within blocks. Over `control`:

    decoder            the trials as they are
    permuted_sites     C1: sites permuted anew in each trial, one order for all its
                       times. (One order for all trials would change no linear decoder)
    global_mean        C2: the mean over sites alone
    amplitude, phase   C3: of the phasors, in `band` (Hz) or of complex trials
    induced            C4: squares of what is left when the training trials' mean of the
                       class is taken away, also anew for each deal of labels: of noise
                       that is sparse the squares go with those means (and p is a
                       little too small all the same)
    before_onset       C5: frames before 0 s, as many as `times`; has to be at chance
    covariates         C6: `covariates` alone, (trial, covariate) or (trial, time,
                       covariate): eye, pupil, muscle, running
    without_covariates C6: the trials less what covariates tell linearly, by training
                       trials
    catch_trials       C7: `catch`, trials of the same clock without a stimulus; the
                       value is r2 of the time decoded in them: above chance, time since
                       onset is time since the trial began
    matched_sites      C8: so many sites at random, the median of 100 choices; p by
                       the first of them

    `at_chance` (1, 0 or NaN): whether the p of a control that has to be at chance (of
    C5 and C7) exceeds `alpha`. Rows that could not be made are NaN; `reason` says why.
    """
    check_permutations(permutations)
    frames = frames_of(trials, times)
    described = {
        **trials.attributes, "measure": "decoding_controls", "classifier": classifier,
        "times": [float(t) for t in trials.clock[frames]], "folds": count,
        "permutations": permutations, "seed": seed, "alpha": alpha,
        "trials": trials.labels.size, "reason": too_few(trials),
    }  # fmt: skip
    plain = trials
    if np.iscomplexobj(trials.values):
        plain = features(trials, "analytic")

    def decoded(
        shown: Trials, at: np.ndarray = frames,
        prepare: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    ) -> np.ndarray:  # fmt: skip
        found = held_out(
            shown, at, classifier=classifier, count=count, permutations=permutations,
            seed=seed, prepare=prepare,
        )  # fmt: skip
        accuracy = found.accuracy().mean(axis=1)
        if not found.exchangeable:
            accuracy[1:] = np.nan
        return accuracy

    if described["reason"]:
        return _table([], permutations, described)
    first = decoded(plain)
    if np.isnan(first[1:]).any():
        described["reason"] = NO_DEAL
    before = np.flatnonzero(trials.clock < -1e-6 * trials.step)[-frames.size :]
    rows = [
        _Row("decoder", "the trials as they are", first),
        _Row("permuted_sites", "C1", decoded(_permuted(plain, seed))),
        _Row("global_mean", "C2", decoded(_mean(trials))),
        *(_phasor_row(trials, kind, band, decoded) for kind in ("amplitude", "phase")),
        _Row(
            "induced",
            "C4",
            _induced_accuracy(plain, frames, classifier, count, permutations, seed),
        ),
    ]
    if before.size:
        rows.append(_Row("before_onset", "C5", decoded(plain, before)))
    else:
        rows.append(_missing("before_onset", "C5", "no frames before 0 s"))
    rows += _covariate_rows(plain, covariates, decoded)
    if catch is None:
        rows.append(_missing("catch_trials", "C7", "no catch trials were given"))
    else:
        rows.append(_catch_row(catch, trials, permutations, seed, count))
    rows.append(_matched_row(plain, matched_sites, frames, decoded, classifier, count,
                             seed))  # fmt: skip
    return _table(rows, permutations, described)


def accuracy_by_sites(
    trials: Trials,
    sizes: Sequence[int],
    *,
    times: Sequence[float],
    seed: int,
    classifier: Classifier = "lda",
    subsets: int = _SUBSETS,
    count: int = 10,
) -> xr.Dataset:
    """Accuracy of identity against the number of sites, over random choices of them.

    Over `sites`: `accuracy`, the median over `subsets` choices of the balanced accuracy
    (a mean over `times`, s), and `low`, `high`, its quartiles.
    """
    frames = frames_of(trials, times)
    made = []
    for size in sizes:
        check_sites(size, trials.values.shape[2])
        made.append(_of_subsets(trials, size, frames, classifier, subsets, count, seed))
    low, middle, high = np.quantile(made, [0.25, 0.5, 0.75], axis=1)
    return xr.Dataset(
        {name: ("sites", values, {"units": "1"})
         for name, values in (("accuracy", middle), ("low", low), ("high", high))},
        {"sites": ("sites", list(sizes), {"units": "1"})},
        {**trials.attributes, "measure": "accuracy_by_sites", "classifier": classifier,
         "times": [float(t) for t in trials.clock[frames]], "subsets": subsets,
         "folds": count, "seed": seed, "reason": ""},
    )  # fmt: skip


def check_sites(size: int, there: int) -> None:
    """`InputError` where so many sites cannot be chosen."""
    if not 1 <= size <= there:
        raise InputError(f"{size} sites of {there} cannot be chosen; allowed are 1 to "
                         f"{there}")  # fmt: skip


def _permuted(trials: Trials, seed: int) -> Trials:
    draw = np.random.default_rng(seed)
    shape = trials.values.shape
    order = draw.permuted(np.tile(np.arange(shape[2]), (shape[0], 1)), axis=1)
    values = np.take_along_axis(trials.values, order[:, None], axis=2)
    return replace(trials, values=values)


def _mean(trials: Trials) -> Trials:
    mean = trials.values.mean(axis=2, keepdims=True)
    if np.iscomplexobj(mean):
        mean = np.concatenate([mean.real, mean.imag], axis=2)
    return replace(trials, values=mean, positions=None)


def _phasor_row(
    trials: Trials, kind: str, band: tuple[float, float] | None,
    decoded: Callable[..., np.ndarray],
) -> _Row:  # fmt: skip
    if band is None and not np.iscomplexobj(trials.values):
        return _missing(kind, "C3", "no band was given, and the trials are no phasors")
    shown = features(trials, "amplitude" if kind == "amplitude" else "phase", band=band)
    return _Row(kind, "C3", decoded(shown))


def _induced_accuracy(
    trials: Trials, frames: np.ndarray, classifier: Classifier, count: int,
    permutations: int, seed: int,
) -> np.ndarray:  # fmt: skip
    """Balanced accuracy (deal,) of squared residuals, the truth first."""

    def accuracy(shown: Trials) -> float:
        found = held_out(
            shown, np.arange(frames.size), classifier=classifier, count=count,
            permutations=0, seed=seed, prepare=_induced(shown), splits=splits,
        )  # fmt: skip
        return float(found.accuracy().mean())

    codes, groups = trials.codes, groups_of(trials)
    splits = splits_of(trials, count=count, seed=seed)
    made = np.full(1 + permutations, np.nan)
    seen = replace(trials, values=trials.values[:, frames], clock=trials.clock[frames])
    made[0] = accuracy(seen)
    if arrangements(codes, groups, splits, trials.stretch) < 1e-9:
        return made
    means = np.stack([seen.values[codes == c].mean(axis=0)
                      for c in range(trials.classes.size)])  # fmt: skip
    left = replace(seen, values=seen.values - means[codes])
    dealt = deals(codes, groups, splits, count=permutations, seed=seed + 1,
                  stretch=trials.stretch)  # fmt: skip
    for k, labels in enumerate(dealt[1:], 1):
        made[k] = accuracy(replace(left, labels=trials.classes[labels]))
    return made


def _induced(
    trials: Trials,
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Squared residuals about the training trials' class means.

    Residuals of n training trials of a class are smaller by sqrt(1 - 1/n) than the
    noise, of others larger by sqrt(1 + 1/n): undone, or else the size of a class would
    be told by its residuals.
    """
    codes = trials.codes

    def prepare(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        values = np.empty_like(trials.values)
        for code in range(trials.classes.size):
            learnt = train[codes[train] == code]
            others = test[codes[test] == code]
            n = max(2, learnt.size)
            mean = trials.values[learnt].mean(axis=0)
            values[learnt] = (trials.values[learnt] - mean) / np.sqrt(1 - 1 / n)
            values[others] = (trials.values[others] - mean) / np.sqrt(1 + 1 / n)
        return values**2

    return prepare


def _covariate_rows(
    trials: Trials, covariates: np.ndarray | None, decoded: Callable[..., np.ndarray]
) -> list[_Row]:
    names = ("covariates", "without_covariates")
    if covariates is None:
        return [_missing(name, "C6", "no covariates were given") for name in names]
    given = np.asarray(covariates, dtype=float)
    shape = trials.values.shape
    if given.ndim == 2:
        given = np.broadcast_to(given[:, None], (given.shape[0], shape[1],
                                                 given.shape[1]))  # fmt: skip
    if given.shape[:2] != shape[:2] or not np.isfinite(given).all():
        raise InputError(
            f"covariates are {np.shape(covariates)}; finite numbers of dims (trial, "
            f"covariate) or (trial, time, covariate) of {shape[0]} trials and "
            f"{shape[1]} times are due"
        )

    def prepare(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        made = np.empty_like(trials.values)
        for t in range(shape[1]):
            known = np.column_stack([np.ones(shape[0]), given[:, t]])
            told = np.linalg.lstsq(known[train], trials.values[train, t], rcond=None)[0]
            made[:, t] = trials.values[:, t] - known @ told
        return made

    alone = replace(trials, values=np.array(given), positions=None)
    return [_Row(names[0], "C6", decoded(alone)),
            _Row(names[1], "C6", decoded(trials, prepare=prepare))]  # fmt: skip


def _catch_row(
    catch: Trials, trials: Trials, permutations: int, seed: int, count: int
) -> _Row:
    after = trials.clock[trials.clock >= -1e-6 * trials.step]
    window = (float(after[0]), float(after[-1]))
    timed = decode_elapsed_time(
        replace(catch, labels=np.full(catch.labels.size, "catch")), window=window,
        stride=max(1, after.size // 20), count=count, permutations=permutations,
        seed=seed,
    )  # fmt: skip
    if timed.attrs["reason"]:
        return _missing("catch_trials", "C7", str(timed.attrs["reason"]))
    first = timed.sel(decoder="ridge")
    # p and chance as they stand: the deals themselves are not kept
    found = np.array([first.r2, first.chance, first.chance_high, first.p], float)
    return _Row("catch_trials", "C7 r2", found)


def _matched_row(
    trials: Trials, size: int | None, frames: np.ndarray,
    decoded: Callable[..., np.ndarray], classifier: Classifier, count: int, seed: int,
) -> _Row:  # fmt: skip
    if size is None:
        return _missing("matched_sites", "C8", "no number of sites was given")
    check_sites(size, trials.values.shape[2])
    each = _of_subsets(trials, size, frames, classifier, _SUBSETS, count, seed)
    first = _subset(trials, size, np.random.default_rng(seed))
    found = decoded(first)
    found[0] = np.median(each)
    return _Row("matched_sites", f"C8, {size} sites", found)


def _of_subsets(
    trials: Trials, size: int, frames: np.ndarray, classifier: Classifier,
    subsets: int, count: int, seed: int,
) -> np.ndarray:  # fmt: skip
    draw = np.random.default_rng(seed)
    return np.array([
        held_out(_subset(trials, size, draw), frames, classifier=classifier,
                 count=count, permutations=0, seed=seed).accuracy().mean()
        for _ in range(subsets)
    ])  # fmt: skip


def _subset(trials: Trials, size: int, draw: np.random.Generator) -> Trials:
    sites = np.sort(draw.permutation(trials.values.shape[2])[:size])
    return replace(trials, values=trials.values[:, :, sites], positions=None)


def _missing(name: str, said: str, reason: str) -> _Row:
    return _Row(name, said, np.empty(0), reason)


def _table(
    rows: list[_Row], permutations: int, described: dict[str, object]
) -> xr.Dataset:
    columns: dict[str, list[float]] = {
        name: [] for name in ("value", "chance", "chance_high", "p", "at_chance")
    }
    alpha = float(str(described["alpha"]))
    for row in rows:
        numbers = [np.nan] * 4
        if row.name == "catch_trials" and row.found.size:
            numbers = row.found.tolist()
        elif row.found.size:
            dealt = row.found[1:]
            p = float(p_values(row.found)) if np.isfinite(dealt).all() else np.nan
            numbers = [row.found[0], dealt.mean(), np.quantile(dealt, 0.95), p]
        passed = float(numbers[3] > alpha) if np.isfinite(numbers[3]) else np.nan
        due = row.name in _AT_CHANCE
        for name, number in zip(columns, [*numbers, passed if due else np.nan],
                                strict=True):  # fmt: skip
            columns[name].append(float(number))
    return xr.Dataset(
        {**{name: ("control", np.array(values, dtype=float), {"units": "1"})
            for name, values in columns.items()},
         "number": ("control", np.array([row.said for row in rows], dtype=str),
                    {"units": ""}),
         "reason": ("control", np.array([row.reason for row in rows], dtype=str),
                    {"units": ""})},
        {"control": np.array([row.name for row in rows], dtype=str)}, described,
    )  # fmt: skip
