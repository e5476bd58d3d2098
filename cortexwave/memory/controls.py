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
from cortexwave.memory.covariates import without_covariates
from cortexwave.memory.dealing import check_permutations, p_values
from cortexwave.memory.elapsed_time import decode_elapsed_time
from cortexwave.memory.features import features
from cortexwave.memory.identity import NO_DEAL, frames_of, held_out, too_few
from cortexwave.memory.induced import squared_differences
from cortexwave.memory.site_subsets import accuracy_of_subsets, site_subset
from cortexwave.memory.trials import Trials

_AT_CHANCE = ("before_onset", "catch_trials")


@dataclass(frozen=True)
class _Row:
    """One control: what was found, (deal,) the truth first, or why nothing was.

    `value` is shown instead of the truth's where that is one of many.
    """

    name: str
    said: str
    found: np.ndarray
    reason: str = ""
    value: float | None = None


def decoding_controls(
    trials: Trials,
    *,
    times: Sequence[float],
    permutations: int,
    seed: int,
    classifier: Classifier = "lda",
    band: tuple[float, float] | None = None,
    covariates: np.ndarray | xr.DataArray | None = None,
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
    induced            C4: squares of trials less another of their class and block,
                       in pairs, so that no mean of a class is left
    before_onset       C5: frames before 0 s, as many as `times`; has to be at chance
    covariates         C6: `covariates` alone, (trial, covariate) or (trial, time,
                       covariate): eye, pupil, muscle, running; of trials where none
                       is NaN (`memory.covariates`)
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
    if isinstance(covariates, xr.DataArray) and "covariate" in covariates.coords:
        described["covariates"] = covariates["covariate"].values.tolist()
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
        _induced_row(plain, frames, seed, decoded),
    ]
    if before.size:
        rows.append(_Row("before_onset", "C5", decoded(plain, before)))
    else:
        rows.append(_missing("before_onset", "C5", "no frames before 0 s"))
    rows += _covariate_rows(plain, covariates, frames, decoded)
    if catch is None:
        rows.append(_missing("catch_trials", "C7", "no catch trials were given"))
    else:
        rows.append(_catch_row(catch, trials, permutations, seed, count))
    rows.append(_matched_row(plain, matched_sites, frames, decoded, classifier, count,
                             seed))  # fmt: skip
    return _table(rows, permutations, described)


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


def _induced_row(
    trials: Trials, frames: np.ndarray, seed: int, decoded: Callable[..., np.ndarray]
) -> _Row:
    at = replace(trials, values=trials.values[:, frames], clock=trials.clock[frames])
    pairs = squared_differences(at, seed=seed)
    missing = set(trials.labels.tolist()) - set(pairs.labels.tolist())
    few = f"class '{min(missing)}' has no pairs" if missing else too_few(pairs)
    if few:
        return _missing("induced", "C4", f"of pairs of trials of one class and block: "
                        f"{few.replace('trials', 'pairs')}")  # fmt: skip
    found = decoded(pairs, np.arange(frames.size))
    return _Row("induced", f"C4, {pairs.labels.size} pairs", found)


def _covariate_rows(
    trials: Trials, covariates: np.ndarray | xr.DataArray | None, frames: np.ndarray,
    decoded: Callable[..., np.ndarray],
) -> list[_Row]:  # fmt: skip
    names = ("covariates", "without_covariates")
    if covariates is None:
        return [_missing(name, "C6", "no covariates were given") for name in names]
    given = np.asarray(covariates, dtype=float)
    shape = trials.values.shape
    if given.ndim == 2:
        given = np.broadcast_to(given[:, None], (given.shape[0], shape[1],
                                                 given.shape[1]))  # fmt: skip
    if given.shape[:2] != shape[:2] or np.isinf(given).any():
        raise InputError(
            f"covariates are {np.shape(covariates)}; finite numbers, or NaN where one "
            "is missing, of dims (trial, covariate) or (trial, time, covariate) of "
            f"{shape[0]} trials and {shape[1]} times are due"
        )
    whole = np.isfinite(given[:, frames]).all(axis=(1, 2))
    shown, given = trials.chosen(whole), given[whole]
    said = f"C6, {whole.sum()} of {whole.size} trials"
    if np.unique(shown.labels).size < trials.classes.size or too_few(shown):
        reason = f"only {whole.sum()} of {whole.size} trials have all covariates"
        return [_missing(name, "C6", reason) for name in names]
    alone = replace(shown, values=np.nan_to_num(given), positions=None)
    rest = without_covariates(shown, given, frames)
    return [_Row(names[0], said, decoded(alone)),
            _Row(names[1], said, decoded(shown, prepare=rest))]  # fmt: skip


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
    first = site_subset(trials, size, np.random.default_rng(seed))
    each = accuracy_of_subsets(trials, size, frames, classifier=classifier,
                               count=count, seed=seed)  # fmt: skip
    return _Row("matched_sites", f"C8, {size} sites", decoded(first),
                value=float(np.median(each)))  # fmt: skip


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
            value = row.found[0] if row.value is None else row.value
            numbers = [value, dealt.mean(), np.quantile(dealt, 0.95), p]
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
