"""How long ago the stimulus came, read from one snapshot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.special import logsumexp

from cortexwave.errors import InputError
from cortexwave.memory.classifiers import standardised
from cortexwave.memory.dealing import (
    Splits,
    check_permutations,
    p_values,
    resampled,
    resampling_unit,
    splits_of,
)
from cortexwave.memory.identity import check_real, too_few
from cortexwave.memory.likelihood import (
    Likelihood,
    fisher_information,
    interpolation,
)
from cortexwave.memory.trials import Trials, check_trials

DECODERS = ("ridge", "likelihood")
_PARTS = 5  # moments in each step at which the likelihood is looked at
_RIDGES = np.logspace(-6, 3, 19)
_TOGETHER = 16  # trials looked at together, for the sake of memory
_LEAST_TRIALS = 20
_SURE = 200  # trials for a claim about elapsed time
_LEAST_FRAMES = 4


def decode_elapsed_time(
    trials: Trials,
    *,
    window: tuple[float, float],
    stride: int = 1,
    count: int = 10,
    permutations: int,
    seed: int,
) -> xr.Dataset:
    """Time since onset decoded from single snapshots within `window` (s), in s.

    Every `stride`-th frame of the window is a snapshot. Two decoders, neither told the
    class: "ridge" regression on time, and "likelihood", the moment at which Gaussian
    noise about the mean snapshot of any class makes the snapshot most likely
    (`memory.likelihood`). Trials are held out in blocks, in `count` folds or fewer.

    Over `decoder`: `r2`, of held-out snapshots, with `r2_low`, `r2_high` (95 %, by
    drawing again the units named by the attribute `interval`); `absolute_error`, the
    median in s, and `error_ratio`, that over `constant_error`, of the best constant;
    `chance`, `chance_high`, `p` of r2 against every trial's times turned around within
    the window by random amounts (frames only, for the likelihood). Over `decoder` and
    `time`: `estimate`, `spread` and `error`, mean, standard deviation and root mean
    square error in s. Over `time`: `bound`, the Cramer-Rao bound of an unbiased
    estimate that knows the class, rms over classes (s), and `efficiency`, it over the
    likelihood's error; the scalar `overall_efficiency` takes both over the times
    farther than 3 bounds from the ends of the window, which hold an estimate in. Above
    1 the window helped, or the estimate is biased.
    """
    frames = window_frames(trials, window, stride)
    check_permutations(permutations)
    described = {
        **trials.attributes, "measure": "decode_elapsed_time", "window": list(window),
        "stride": stride, "folds": count, "permutations": permutations, "seed": seed,
        "trials": trials.labels.size, "reason": "",
    }  # fmt: skip
    clock = trials.clock[frames]
    reason = _reason(trials)
    if reason:
        return _undetermined(clock, {**described, "reason": reason})
    if trials.labels.size < _SURE:
        described["caution"] = (f"{trials.labels.size} trials; a claim about elapsed "
                                f"time takes {_SURE}")  # fmt: skip
    snapshots = Snapshots.of(trials, frames, count=count, seed=seed)
    turns = turned(snapshots, count=permutations, seed=seed + 1)
    unit, number = resampling_unit(trials)
    weights = resampled(number, trials.codes, seed=seed + 2)
    by_ridge = _by_ridge(snapshots, turns)  # (deal, trial, frame)
    fine = _by_likelihood(snapshots, turns[:1], parts=_PARTS)[0]
    coarse = _by_likelihood(snapshots, turns, parts=1)
    columns: dict[str, list[np.ndarray]] = {}
    for guess, dealt in ((by_ridge[0], by_ridge), (fine, coarse)):
        for name, value in _scores(guess, dealt, clock, turns, weights).items():
            columns.setdefault(name, []).append(value)
    bound = _bound(snapshots, seed)
    error = columns["error"][1]
    return _labelled(clock, columns, bound, error,
                     {**described, "folds": len(snapshots.splits),
                      "interval": f"drawing {unit}s again"})  # fmt: skip


@dataclass(frozen=True)
class Snapshots:
    """Frames (trial, frame, site) of a window, and how they are held out by trial."""

    values: np.ndarray
    clock: np.ndarray
    codes: np.ndarray
    classes: int
    splits: Splits

    @staticmethod
    def of(trials: Trials, frames: np.ndarray, *, count: int, seed: int) -> Snapshots:
        """One class alone is allowed: time is decoded all the same."""
        check_real(trials)
        codes = trials.codes
        labels = trials.labels
        if np.unique(labels).size < 2:
            # halves that stand for classes, to deal the trials out
            labels = np.where(np.arange(labels.size) % 2, "odd", "even")
        splits = splits_of(trials, count=count, seed=seed, labels=labels)
        return Snapshots(trials.values[:, frames], trials.clock[frames], codes,
                         trials.classes.size, splits)  # fmt: skip


def window_frames(
    trials: Trials, window: tuple[float, float], stride: int
) -> np.ndarray:
    """Indices of every `stride`-th frame within `window` (s), four or more."""
    check_trials(trials)
    if stride != int(stride) or stride < 1:
        raise InputError(f"stride is {stride!r}; it is a whole number of frames from 1")
    start, stop = window
    near = 1e-6 * trials.step
    inside = (trials.clock >= start - near) & (trials.clock <= stop + near)
    frames = np.flatnonzero(inside)[:: int(stride)]
    if frames.size < _LEAST_FRAMES:
        raise InputError(
            f"{frames.size} frames lie within {start:g} to {stop:g} s (the trials run "
            f"from {trials.clock[0]:g} to {trials.clock[-1]:g} s); {_LEAST_FRAMES} are "
            "needed to tell times apart"
        )
    return frames


def turned(snapshots: Snapshots, *, count: int, seed: int) -> np.ndarray:
    """Frame (1 + count, trial, frame) that each snapshot is said to be of.

    Every trial's times are turned around as a whole, which keeps how they hang
    together; the first deal is the truth.
    """
    trials, frames = snapshots.values.shape[:2]
    draw = np.random.default_rng(seed)
    by = draw.integers(0, frames, size=(1 + count, trials))
    by[0] = 0
    return (np.arange(frames) + by[:, :, None]) % frames


def realigned(values: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Trials (trial, frame, site) put in the order of the frames they are `said` of."""
    order = np.argsort(said, axis=1)
    return np.take_along_axis(values, order[:, :, None], axis=1)


def _by_ridge(snapshots: Snapshots, turns: np.ndarray) -> np.ndarray:
    """Estimates (deal, trial, frame) in s by ridge regression."""
    values, clock = snapshots.values, snapshots.clock
    sites = values.shape[2]
    found = np.empty(turns.shape)
    for train, test in snapshots.splits:
        one, other, varies = standardised(
            values[train].reshape(-1, sites), values[test].reshape(-1, sites)
        )
        one, other = one[:, varies], other[:, varies]
        n = len(one)
        power, axes = np.linalg.eigh(one.T @ one)
        power = np.maximum(power, 0)
        target = clock[turns[:, train]].reshape(len(turns), -1).T  # (sample, deal)
        mean = target.mean(axis=0)
        target = target - mean
        sums = axes.T @ (one.T @ target)  # (axis, deal)
        strengths = _RIDGES * n
        known = power > 1e-10 * power.max(initial=1e-300)
        inverse = np.where(known, 1 / np.where(known, power, 1), 0)
        shrink = power / (power + strengths[:, None])
        left = np.sum(target**2, axis=0) - (2 * shrink - shrink**2) @ (
            sums**2 * inverse[:, None]
        )
        freedom = 1 - (1 + shrink.sum(axis=1)) / n
        best = np.argmin(left / np.maximum(freedom, 1e-6)[:, None] ** 2, axis=0)
        weights = axes @ (sums / (power[:, None] + strengths[best]))
        guess = (other @ weights + mean).T
        found[:, test] = guess.reshape(len(turns), len(test), -1)
    return found


def _by_likelihood(
    snapshots: Snapshots, turns: np.ndarray, *, parts: int
) -> np.ndarray:
    """Estimates (deal, trial, frame) in s: the likeliest moment over all classes."""
    frames = snapshots.clock.size
    between = interpolation(frames, parts)
    moments = np.linspace(snapshots.clock[0], snapshots.clock[-1], len(between))
    found = np.empty(turns.shape)
    for deal, said in enumerate(turns):
        values = snapshots.values if deal == 0 else realigned(snapshots.values, said)
        order = np.argsort(said, axis=1)
        for train, test in snapshots.splits:
            fit = Likelihood.of(values[train], snapshots.codes[train],
                                snapshots.classes)  # fmt: skip
            for some in np.array_split(test, -(-test.size // _TOGETHER)):
                log = fit.log(values[some], between)  # (trial, frame, class, moment)
                of_any = log[:, :, 0] if log.shape[2] == 1 else logsumexp(log, axis=2)
                guess = moments[np.argmax(of_any, axis=2)]
                found[deal, some[:, None], order[some]] = guess
    return found


def _scores(
    guess: np.ndarray, dealt: np.ndarray, clock: np.ndarray, turns: np.ndarray,
    weights: np.ndarray,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Every number of one decoder; `guess` (trial, frame), `dealt` (deal, ...)."""
    pairs = zip(turns, dealt, strict=True)
    r2 = np.array([_r2(clock[said], each) for said, each in pairs])
    wrong = guess - clock
    squares = np.sum(wrong**2, axis=1)
    spread = float(np.sum((clock - clock.mean()) ** 2))
    drawn = 1 - (weights @ squares) / (weights.sum(axis=1) * spread)
    constant = np.median(np.abs(clock - np.median(clock)))
    absolute = np.median(np.abs(wrong))
    return {
        "r2": np.array(_r2(np.broadcast_to(clock, guess.shape), guess)),
        "r2_low": np.quantile(drawn, 0.025), "r2_high": np.quantile(drawn, 0.975),
        "absolute_error": absolute, "error_ratio": absolute / constant,
        "chance": r2[1:].mean(), "chance_high": np.quantile(r2[1:], 0.95),
        "p": p_values(r2),
        "estimate": guess.mean(axis=0), "spread": guess.std(axis=0),
        "error": np.sqrt(np.mean(wrong**2, axis=0)),
    }  # fmt: skip


def _r2(true: np.ndarray, guess: np.ndarray) -> float:
    return float(1 - np.sum((true - guess) ** 2) / np.sum((true - true.mean()) ** 2))


def _bound(snapshots: Snapshots, seed: int) -> np.ndarray:
    """Cramer-Rao bound (frame,) in s, root mean square over classes."""
    step = float(snapshots.clock[1] - snapshots.clock[0])
    information = fisher_information(
        snapshots.values, snapshots.codes, snapshots.classes, step=step, seed=seed + 3
    )
    return np.sqrt(np.mean(1 / information, axis=0))


def _reason(trials: Trials) -> str:
    if trials.labels.size < _LEAST_TRIALS:
        return f"{trials.labels.size} trials; elapsed time needs {_LEAST_TRIALS}"
    return "" if trials.classes.size == 1 else too_few(trials)


_UNITS = {"absolute_error": "s", "estimate": "s", "spread": "s", "error": "s"}
_OVER_TIME = ("estimate", "spread", "error")
_COLUMNS = ("r2", "r2_low", "r2_high", "absolute_error", "error_ratio", "chance",
            "chance_high", "p", *_OVER_TIME)  # fmt: skip


def _labelled(
    clock: np.ndarray, columns: dict[str, list[np.ndarray]], bound: np.ndarray,
    error: np.ndarray, described: dict[str, object],
) -> xr.Dataset:  # fmt: skip
    far = 3 * bound
    inside = (clock - clock[0] > far) & (clock[-1] - clock > far)
    overall = np.nan
    if inside.any():
        overall = np.sqrt(np.mean(bound[inside] ** 2) / np.mean(error[inside] ** 2))
    constant = np.median(np.abs(clock - np.median(clock)))
    return xr.Dataset(
        {**{name: (("decoder", "time") if name in _OVER_TIME else "decoder",
                   np.array(values), {"units": _UNITS.get(name, "1")})
            for name, values in columns.items()},
         "constant_error": ((), constant, {"units": "s"}),
         "bound": ("time", bound, {"units": "s"}),
         "efficiency": ("time", bound / np.maximum(error, 1e-300), {"units": "1"}),
         "overall_efficiency": ((), overall, {"units": "1"})},
        {"time": ("time", clock, {"units": "s"}), "decoder": list(DECODERS)},
        described,
    )  # fmt: skip


def _undetermined(clock: np.ndarray, described: dict[str, object]) -> xr.Dataset:
    missing = np.full(clock.size, np.nan)
    columns = {name: [missing if name in _OVER_TIME else np.array(np.nan)] * 2
               for name in _COLUMNS}  # fmt: skip
    return _labelled(clock, columns, missing, missing, described)
