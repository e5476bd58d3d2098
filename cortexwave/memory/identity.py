"""Which stimulus it was, read from one snapshot at every time after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.classifiers import Classifier, guesses
from cortexwave.memory.dealing import (
    Splits,
    arrangements,
    check_permutations,
    deals,
    groups_of,
    p_family,
    p_values,
    resampled,
    resampling_unit,
    splits_of,
    wilson,
)
from cortexwave.memory.information import confusion_bits
from cortexwave.memory.trials import Trials, check_trials

_LEAST_PER_CLASS = 5
_SURE = 40  # trials per class for an interval of accuracy of about 0.08 either way
NO_DEAL = (
    "in each test fold the trials of a block are of a single class, or share frames "
    "(windows that overlap), so that no labels can be traded: it cannot be told "
    "whether classes or blocks differ"
)


def decode_identity(
    trials: Trials,
    *,
    classifier: Classifier = "lda",
    times: Sequence[float] | None = None,
    count: int = 10,
    permutations: int,
    seed: int,
) -> xr.Dataset:
    """How well one snapshot tells the class of its trial, at each time after onset.

    `classifier`: "lda" (shrinkage of Ledoit & Wolf) or "ridge" (one indicator per
    class), both linear and with all classes alike (`memory.classifiers`). Whole blocks
    are held out, in `count` folds or fewer. `times` in s (nearest frames; None: all).

    Over `time` (s): `accuracy`, balanced; `low` and `high`, its 95 % interval, by
    drawing held-out sessions again (blocks without five sessions), or by Wilson at the
    effective number of trials C^2 / sum(1/n_c) where neither has five: what stands in
    the attribute `interval`. Fitting anew is not part of it. `chance` and
    `chance_high`: mean and 95 % of the same decoder under labels dealt within blocks;
    `p`, and `p_family` against the greatest accuracy over all times. `confusion`
    (time, true, guessed) counts trials; `bits` is its information less its bias and
    what the deals have on average, with `bits_low`, `bits_high` (normal, from drawing
    again) and `bits_chance_high`, 95 % of the deals.

    All NaN, with attribute `reason`, where a class has fewer than 5 trials; p NaN
    where no labels can be traded within blocks.
    """
    check_permutations(permutations)
    if classifier not in ("lda", "ridge"):
        guesses(np.zeros((2, 1)), np.zeros((1, 1)), np.zeros((1, 2), int), 2,
                classifier=classifier)  # fmt: skip
    chosen = frames_of(trials, times)
    described = {
        **trials.attributes, "measure": "decode_identity", "classifier": classifier,
        "folds": count, "permutations": permutations, "seed": seed,
        "trials": trials.labels.size, "features_used": trials.values.shape[2],
    }  # fmt: skip
    reason = too_few(trials)
    if reason:
        return _undetermined(trials, chosen, {**described, "reason": reason})
    found = held_out(
        trials, chosen, classifier=classifier, count=count, permutations=permutations,
        seed=seed,
    )  # fmt: skip
    accuracy = found.accuracy()  # (deal, time)
    bits = confusion_bits(found.confusion())
    chance = accuracy[1:].mean(axis=0)
    # where no labels can be traded, the deals are all the truth
    excess = bits - bits[1:].mean(axis=0) if found.exchangeable else bits
    unit, interval, spread = _intervals(trials, found, accuracy[0], seed)
    columns = {
        "accuracy": accuracy[0], "low": interval[0], "high": interval[1],
        "chance": chance, "chance_high": np.quantile(accuracy[1:], 0.95, axis=0),
        "p": p_values(accuracy), "p_family": p_family(accuracy),
        "bits": excess[0], "bits_low": excess[0] - 1.96 * spread,
        "bits_high": excess[0] + 1.96 * spread,
        "bits_chance_high": np.quantile(excess[1:], 0.95, axis=0),
    }  # fmt: skip
    if not found.exchangeable:
        described["reason"] = NO_DEAL
        for name in ("chance", "chance_high", "p", "p_family", "bits_chance_high"):
            columns[name] = np.full(chosen.size, np.nan)
    _, members = np.unique(trials.codes, return_counts=True)
    if members.min() < _SURE:
        described["caution"] = (
            f"a class has {members.min()} trials; an interval of accuracy within 0.08 "
            f"takes {_SURE}"
        )
    described |= {"interval": unit, "folds": len(found.splits)}
    return _labelled(trials, chosen, columns, found.confusion()[0], described)


@dataclass(frozen=True)
class HeldOut:
    """Guesses (deal, trial, time) of each trial by fits to others; deal 0 is true."""

    guessed: np.ndarray
    dealt: np.ndarray  # (deal, trial)
    classes: int
    splits: Splits
    exchangeable: bool

    def accuracy(self) -> np.ndarray:
        """Balanced, (deal, time)."""
        weight = self._weights()
        hits = self.guessed == self.dealt[:, :, None]
        return np.einsum("dn,dnt->dt", weight, hits)

    def confusion(self) -> np.ndarray:
        """Trials by true and guessed class, (deal, time, true, guessed)."""
        deals, _, times = self.guessed.shape
        k = self.classes
        at = (np.arange(deals)[:, None, None] * times + np.arange(times)) * k
        at = (at + self.dealt[:, :, None]) * k + self.guessed
        counted = np.bincount(at.reshape(-1), minlength=deals * times * k * k)
        return counted.reshape(deals, times, k, k)

    def _weights(self) -> np.ndarray:
        counts = (self.dealt[:, :, None] == np.arange(self.classes)).sum(axis=1)
        present = (counts > 0).sum(axis=1, keepdims=True)
        share = 1 / (np.maximum(counts, 1) * present)
        return np.take_along_axis(share, self.dealt, axis=1)


def held_out(
    trials: Trials,
    frames: np.ndarray,
    *,
    classifier: Classifier,
    count: int,
    permutations: int,
    seed: int,
    prepare: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    splits: Splits | None = None,
) -> HeldOut:
    """Every trial guessed by fits that saw no trial of its block, for every deal.

    `prepare` (train trials, test trials) gives the values of all trials (trial, time,
    site) as one fold sees them, where these depend on the training trials; without it
    they are the trials' own. `permutations` may be 0. `splits` are the folds, of
    `splits_of` where None.
    """
    check_real(trials)
    codes, classes = trials.codes, trials.classes.size
    groups = groups_of(trials)
    splits = splits or splits_of(trials, count=count, seed=seed)
    dealt = codes[None]
    if permutations:
        dealt = deals(
            codes,
            groups,
            splits,
            count=permutations,
            seed=seed + 1,
            stretch=trials.stretch,
        )
    guessed = np.zeros((len(dealt), codes.size, frames.size), np.int16)
    for train, test in splits:
        values = trials.values if prepare is None else prepare(train, test)
        for t, frame in enumerate(frames):
            at = values[:, frame]
            guessed[:, test, t] = guesses(
                at[train], at[test], dealt[:, train], classes, classifier=classifier
            )
    possible = arrangements(codes, groups, splits, trials.stretch) > 1e-9
    return HeldOut(guessed, dealt, classes, splits, bool(possible))


def frames_of(trials: Trials, times: Sequence[float] | None) -> np.ndarray:
    """Indices of the frames nearest to `times` in s (None: all); `InputError` outside.

    Frames are as near as half a step.
    """
    check_trials(trials)
    clock = trials.clock
    if times is None:
        return np.arange(clock.size)
    wanted = np.asarray(list(times), dtype=float)
    reach = trials.step * (0.5 + 1e-6)
    outside = (wanted < clock[0] - reach) | (wanted > clock[-1] + reach)
    if not wanted.size or outside.any() or not np.isfinite(wanted).all():
        named = wanted[outside][0] if outside.any() else wanted
        raise InputError(f"times: {named} s is not within the trials' window, "
                         f"{clock[0]:g} to {clock[-1]:g} s from onset")  # fmt: skip
    return np.array([int(np.argmin(np.abs(clock - time))) for time in wanted])


def check_real(trials: Trials) -> None:
    """`InputError` for phasors, which no linear rule of real numbers reads."""
    check_trials(trials)
    if np.iscomplexobj(trials.values):
        raise InputError("the trials hold phasors; a decoder takes real numbers: say "
                         "which by features(trials, 'analytic')")  # fmt: skip


def too_few(trials: Trials, least: int = _LEAST_PER_CLASS) -> str:
    """Why no decoder can be judged with so few trials of a class, or ""."""
    classes, members = np.unique(trials.labels, return_counts=True)
    if classes.size < 2:
        raise InputError(
            f"all {trials.labels.size} trials are of class '{classes[0]}'; a decoder "
            "tells 2 or more apart"
        )
    if members.min() >= least:
        return ""
    rare = classes[np.argmin(members)]
    return f"class '{rare}' has {members.min()} trials; each class needs {least}"


def _intervals(
    trials: Trials, found: HeldOut, accuracy: np.ndarray, seed: int
) -> tuple[str, tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Unit, bounds of accuracy (time,) and standard error of bits (time,)."""
    codes, k = trials.codes, found.classes
    unit, number = resampling_unit(trials)
    weights = resampled(number, codes, seed=seed + 2)
    cell = codes[:, None] * k + found.guessed[0]  # (trial, time)
    marks = (cell[:, :, None] == np.arange(k * k)).reshape(codes.size, -1)
    again = (weights @ marks).reshape(len(weights), -1, k, k)
    spread = confusion_bits(again).std(axis=0)
    if unit == "trial":
        _, members = np.unique(codes, return_counts=True)
        return "Wilson", wilson(accuracy, k**2 / np.sum(1 / members)), spread
    totals = again.sum(axis=3)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.diagonal(again, axis1=2, axis2=3) / totals
    drawn = np.nanmean(share, axis=2)
    low, high = np.nanquantile(drawn, [0.025, 0.975], axis=0)
    return f"drawing {unit}s again", (low, high), spread


def _labelled(
    trials: Trials, frames: np.ndarray, columns: dict[str, np.ndarray],
    confusion: np.ndarray, described: dict[str, object],
) -> xr.Dataset:  # fmt: skip
    names = trials.classes
    units = {name: "bit" if name.startswith("bits") else "1" for name in columns}
    return xr.Dataset(
        {**{name: ("time", column, {"units": units[name]})
            for name, column in columns.items()},
         "confusion": (("time", "true", "guessed"), confusion, {"units": "1"})},
        {"time": ("time", trials.clock[frames], {"units": "s"}),
         "true": names, "guessed": names},
        {"reason": "", **described, "chance_level": 1 / names.size},
    )  # fmt: skip


def _undetermined(
    trials: Trials, frames: np.ndarray, described: dict[str, object]
) -> xr.Dataset:
    missing = np.full(frames.size, np.nan)
    names = ("accuracy", "low", "high", "chance", "chance_high", "p", "p_family",
             "bits", "bits_low", "bits_high", "bits_chance_high")  # fmt: skip
    k = trials.classes.size
    return _labelled(
        trials, frames, {name: missing for name in names},
        np.full((frames.size, k, k), np.nan), described,
    )  # fmt: skip
