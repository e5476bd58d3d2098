"""Whether a snapshot tells more of a stimulus where waves are strong.

All of it is association: that trials with stronger waves are decoded better does not
show that waves hold the memory. In a model the waves can be taken away instead
(`memory.causal_ladder`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.classifiers import Classifier
from cortexwave.memory.dealing import (
    check_permutations,
    groups_of,
    p_values,
    resampled,
)
from cortexwave.memory.identity import frames_of, held_out, too_few
from cortexwave.memory.information import confusion_bits, drawn_bits
from cortexwave.memory.odds import logistic
from cortexwave.memory.trials import Trials

_LEAST_PAIRS = 5  # of each class


def information_by_wave_strength(
    trials: Trials,
    strength: np.ndarray,
    *,
    amplitude: np.ndarray,
    times: Sequence[float],
    run: int,
    permutations: int,
    seed: int,
    classifier: Classifier = "lda",
    bins: int = 5,
    count: int = 10,
) -> xr.Dataset:
    """Bits of identity where waves are strong less those where they are weak.

    `strength` (trial,) is any measure of waves (phase gradient directionality,
    correlation with a plane wave, a score against surrogates); its upper and lower
    tercile are compared. Each trial of one is paired with one of the other of the same
    class, block and bin of `amplitude` (trial,) (`bins` quantiles; coarsened exact
    matching, Iacus, King & Porro 2012, Polit Anal 20:1); the rest is left out.
    Identity is decoded within each group, at `times` (s), averaged.

    Over `group` ("weak", "strong"): `bits`, `accuracy`, `trials`. `difference` (bit)
    with `low`, `high` (95 %, by drawing pairs again) and `chance`, `chance_high`, `p`
    (of as great a difference upwards) with weak and strong exchanged in pairs, those of
    `run` successive trials together: more trials than a state of strong waves lasts.
    `odds_ratio`, `odds_low`, `odds_high`: of a correct guess for one standard deviation
    of strength, at equal log amplitude, time and session, over all trials, decoded
    together; errors clustered by block, or by trial. `imbalance`: standardised
    difference of amplitude between groups, before and after matching (`when`).
    All NaN with a `reason` where pairs are too few.
    """
    check_permutations(permutations)
    frames = frames_of(trials, times)
    strength = _column(strength, trials, "strength")
    amplitude = _column(amplitude, trials, "amplitude")
    if not (amplitude > 0).all():
        raise InputError("amplitude has values of 0 or below; its logarithm is used")
    if run != int(run) or run < 1:
        raise InputError(f"run is {run!r}; it is a whole number of trials from 1")
    low, high = np.quantile(strength, [1 / 3, 2 / 3])
    groups = {"weak": strength <= low, "strong": strength >= high}
    described = {
        **trials.attributes, "measure": "information_by_wave_strength",
        "times": [float(t) for t in trials.clock[frames]], "classifier": classifier,
        "bins": bins, "run": run, "folds": count, "permutations": permutations,
        "seed": seed, "trials": trials.labels.size, "reason": "",
    }  # fmt: skip
    draw = np.random.default_rng(seed)
    weak, strong = _pairs(trials, groups["weak"], groups["strong"], amplitude, bins,
                          draw)  # fmt: skip
    imbalance = [_apart(amplitude, groups["weak"], groups["strong"]),
                 _apart(amplitude, weak, strong)]  # fmt: skip
    members = np.bincount(trials.codes[weak], minlength=trials.classes.size)
    described["reason"] = too_few(trials)
    if members.min() < _LEAST_PAIRS and not described["reason"]:
        rare = trials.classes[int(np.argmin(members))]
        described["reason"] = (
            f"class '{rare}' has {members.min()} pairs of trials with strong and weak "
            f"waves alike in block and amplitude; each class needs {_LEAST_PAIRS}"
        )
    if described["reason"]:
        return _contrast(None, None, imbalance, members.sum(), described)
    flips = _flips(strong, run, permutations, draw)
    shown, each_of_them = trials.at(frames), np.arange(frames.size)
    decoded = []
    for flip in flips:
        pair = (np.where(flip, strong, weak), np.where(flip, weak, strong))
        decoded.append([
            held_out(shown.chosen(one), each_of_them, classifier=classifier,
                     count=count, permutations=0, seed=seed)
            for one in pair
        ])  # fmt: skip
    bits = np.array([[confusion_bits(each.confusion()).mean() for each in pair]
                     for pair in decoded])  # fmt: skip
    difference = bits[:, 1] - bits[:, 0]
    weights = resampled(np.arange(weak.size), trials.codes[weak], seed=seed + 1)
    again = np.diff([drawn_bits(each.guessed[0], each.dealt[0], each.classes, weights)
                     for each in decoded[0]], axis=0)[0]  # fmt: skip
    columns = {
        "difference": difference[0], "low": np.nan, "high": np.nan,
        "chance": difference[1:].mean(),
        "chance_high": np.quantile(difference[1:], 0.95), "p": p_values(difference),
    }  # fmt: skip
    # normal: drawing again adds bias of its own to bits, so that its quantiles are off
    columns["low"], columns["high"] = difference[0] + 1.96 * again.std() * np.array(
        [-1, 1]
    )
    columns |= _odds(trials, strength, amplitude, frames, classifier, count, seed)
    accuracy = [float(each.accuracy().mean()) for each in decoded[0]]
    return _contrast((bits[0], accuracy), columns, imbalance, weak.size, described)


_SCALARS = {"difference": "bit", "low": "bit", "high": "bit", "chance": "bit",
            "chance_high": "bit", "p": "1", "odds_ratio": "1", "odds_low": "1",
            "odds_high": "1"}  # fmt: skip


def _contrast(
    groups: tuple[np.ndarray, list[float]] | None, columns: dict[str, float] | None,
    imbalance: list[float], pairs: int, described: dict[str, object],
) -> xr.Dataset:  # fmt: skip
    bits, accuracy = groups if groups else (np.full(2, np.nan), [np.nan, np.nan])
    columns = columns or dict.fromkeys(_SCALARS, np.nan)
    return xr.Dataset(
        {"bits": ("group", bits, {"units": "bit"}),
         "accuracy": ("group", accuracy, {"units": "1"}),
         "trials": ("group", [int(pairs)] * 2, {"units": "1"}),
         "imbalance": ("when", imbalance, {"units": "1"}),
         **{name: ((), float(columns[name]), {"units": unit})
            for name, unit in _SCALARS.items()}},
        {"group": ["weak", "strong"], "when": ["before", "after"]}, described,
    )  # fmt: skip


def _column(values: np.ndarray, trials: Trials, name: str) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if values.shape != trials.labels.shape or not np.isfinite(values).all():
        raise InputError(f"{name} is {values.shape}; one finite number for each of "
                         f"{trials.labels.size} trials is due")  # fmt: skip
    return values


def _pairs(
    trials: Trials, weak: np.ndarray, strong: np.ndarray, amplitude: np.ndarray,
    bins: int, draw: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Trials (pair,) of both groups alike in class, block and bin of amplitude."""
    edges = np.quantile(amplitude[weak | strong], np.linspace(0, 1, bins + 1)[1:-1])
    stratum = np.stack([trials.codes, groups_of(trials),
                        np.searchsorted(edges, amplitude)], axis=1)  # fmt: skip
    _, number = np.unique(stratum, axis=0, return_inverse=True)
    number = number.reshape(-1)
    kept: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for k in range(int(number.max()) + 1):
        members = [draw.permutation(np.flatnonzero((number == k) & group))
                   for group in (weak & ~strong, strong & ~weak)]  # fmt: skip
        fewer = min(each.size for each in members)
        for side, each in zip(kept, members, strict=True):
            side.append(each[:fewer])
    return np.concatenate(kept[0]), np.concatenate(kept[1])


def _flips(
    strong: np.ndarray, run: int, permutations: int, draw: np.random.Generator
) -> np.ndarray:
    """Which pairs (1 + deal, pair) are exchanged, the first none."""
    _, number = np.unique(strong // run, return_inverse=True)
    coins = draw.random((1 + permutations, int(number.max()) + 1)) < 0.5
    coins[0] = False
    return coins[:, number]


def _apart(amplitude: np.ndarray, weak: np.ndarray, strong: np.ndarray) -> float:
    one, other = amplitude[weak], amplitude[strong]
    if min(one.size, other.size) < 2:
        return np.nan
    spread = np.sqrt((one.var() + other.var()) / 2)
    return float((other.mean() - one.mean()) / spread) if spread > 0 else 0.0


def _odds(
    trials: Trials, strength: np.ndarray, amplitude: np.ndarray, frames: np.ndarray,
    classifier: Classifier, count: int, seed: int,
) -> dict[str, float]:  # fmt: skip
    """Odds ratio of a correct guess per standard deviation of strength."""
    found = held_out(trials, frames, classifier=classifier, count=count, permutations=0,
                     seed=seed)  # fmt: skip
    correct = (found.guessed[0] == trials.codes[:, None]).astype(float)
    session = np.unique(np.char.add(np.char.add(trials.subject, "/"), trials.session),
                        return_inverse=True)[1]  # fmt: skip
    each = np.column_stack([
        _standard(strength), _standard(np.log(amplitude)), np.ones(strength.size),
        *(session == k for k in range(1, int(session.max()) + 1)),
    ])  # fmt: skip
    moments = np.tile(np.eye(frames.size)[:, 1:], (strength.size, 1))
    design = np.column_stack([np.repeat(each, frames.size, axis=0), moments])
    groups = groups_of(trials)
    clusters = groups if np.unique(groups).size >= 10 else np.arange(strength.size)
    fit = logistic(design, correct.reshape(-1), np.repeat(clusters, frames.size))
    values = (np.nan,) * 3 if fit is None else fit.odds_ratio(0)
    names = ("odds_ratio", "odds_low", "odds_high")
    return dict(zip(names, values, strict=True))


def _standard(values: np.ndarray) -> np.ndarray:
    spread = values.std()
    return (values - values.mean()) / (spread if spread > 0 else 1.0)
