"""What one snapshot tells of identity and elapsed time together, and of each.

Where stimuli lie along the way of a wave, what moved from one looks like what began at
the next: identity and time are one coordinate. Each alone is then hard to read, though
the snapshot tells their combination; the parts of the chain rule show it.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.dealing import (
    arrangements,
    check_permutations,
    deals,
    groups_of,
    p_values,
    resampled,
    resampling_unit,
)
from cortexwave.memory.elapsed_time import (
    Snapshots,
    realigned,
    turned,
    window_frames,
)
from cortexwave.memory.identity import too_few
from cortexwave.memory.likelihood import Likelihood, interpolation
from cortexwave.memory.trials import Trials

_SHARPNESS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5)
_PARTS = ("joint", "identity", "time")
PARTS = (*_PARTS, "time_given_identity", "identity_given_time", "entangled")
_MOST_CELLS = 400_000_000


def joint_information(
    trials: Trials,
    *,
    window: tuple[float, float],
    stride: int = 1,
    count: int = 10,
    permutations: int,
    seed: int,
) -> xr.Dataset:
    """Bits that a snapshot within `window` (s) holds of class S and elapsed time tau.

    From the probability that Gaussian likelihoods (`memory.likelihood`, fitted to other
    trials) give each class and each `stride`-th frame of the window, all alike before:
    log2(C T) + E log2 p(s, tau | x) of held-out snapshots is a lower bound of
    I(S, tau; X), whatever the noise (Barber & Agakov 2003, NIPS 16). All likelihoods
    are taken to a power that the other folds' held-out trials chose: what does not
    generalise becomes 0, not negative.

    Over `part`: `bits`, with `bits_low`, `bits_high` (95 %, drawing again the units of
    the attribute `interval`), `chance`, `chance_high` and `p` with labels dealt within
    blocks and each trial's times turned around. "joint" = "identity" +
    "time_given_identity" = "time" + "identity_given_time"; "entangled" = joint -
    identity - time, what is told only of both together (p of it has no simple null and
    is NaN). `most` is log2 of the number of possibilities.
    """
    check_permutations(permutations)
    frames = window_frames(trials, window, stride)
    described = {
        **trials.attributes, "measure": "joint_information", "window": list(window),
        "stride": stride, "folds": count, "permutations": permutations, "seed": seed,
        "trials": trials.labels.size, "reason": "",
    }  # fmt: skip
    reason = too_few(trials)
    k, moments = trials.classes.size, frames.size
    most = [np.log2(k * moments), np.log2(k), np.log2(moments)]
    most = [*most, most[2], most[1], np.nan]
    if reason:
        names = ("bits", "bits_low", "bits_high", "chance", "chance_high", "p")
        missing = {name: np.full(len(PARTS), np.nan) for name in names}
        return _labelled(missing, most, {**described, "reason": reason})
    cells = trials.labels.size * moments * k * moments
    if cells > _MOST_CELLS:
        raise InputError(
            f"{trials.labels.size} trials of {moments} frames against {k} classes of "
            f"{moments} are {cells:.2g} probabilities, more than {_MOST_CELLS:.0e}; "
            "take a greater stride"
        )
    snapshots = Snapshots.of(trials, frames, count=count, seed=seed)
    groups = groups_of(trials)
    labels = deals(trials.codes, groups, snapshots.splits, count=permutations,
                   seed=seed + 1, stretch=trials.stretch)  # fmt: skip
    turns = turned(snapshots, count=permutations, seed=seed + 2)
    unit, number = resampling_unit(trials)
    weights = resampled(number, trials.codes, seed=seed + 3)
    by_trial = np.stack(
        [
            _held_out(snapshots, codes, said)
            for codes, said in zip(labels, turns, strict=True)
        ]
    )  # (deal, part, trial)
    share = _balanced(labels)  # (deal, trial)
    parts = _chain(np.einsum("dpn,dn->dp", by_trial, share))
    drawn = weights * share[0]
    again = _chain(drawn @ by_trial[0].T / drawn.sum(axis=1, keepdims=True))
    p = p_values(parts)
    p[-1] = np.nan
    if arrangements(trials.codes, groups, snapshots.splits, trials.stretch) < 1e-9:
        p[:] = np.nan
        described["reason"] = "no labels can be traded within blocks: there is no null"
    columns = {
        "bits": parts[0], "bits_low": np.quantile(again, 0.025, axis=0),
        "bits_high": np.quantile(again, 0.975, axis=0),
        "chance": parts[1:].mean(axis=0),
        "chance_high": np.quantile(parts[1:], 0.95, axis=0), "p": p,
    }  # fmt: skip
    described |= {"interval": f"drawing {unit}s again",
                  "folds": len(snapshots.splits)}  # fmt: skip
    return _labelled(columns, most, described)


def _held_out(snapshots: Snapshots, codes: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Bits (part, trial) that held-out trials' own cells gain over equal chances."""
    values = realigned(snapshots.values, said)
    frames, k = snapshots.clock.size, snapshots.classes
    between = interpolation(frames, 1)
    gained = np.empty((len(_SHARPNESS), len(_PARTS), codes.size))
    here = np.arange(frames)
    for train, test in snapshots.splits:
        fit = Likelihood.of(values[train], codes[train], k)
        log = fit.log(values[test], between)  # (trial, frame, class, moment)
        log -= log.max(axis=(2, 3), keepdims=True)
        of = np.arange(test.size)[:, None]
        class_row = log[of, here, codes[test][:, None]]  # (trial, frame, moment)
        time_row = log[of, here, :, here]  # (trial, frame, class)
        own = class_row[:, here, here]
        for j, power in enumerate(_SHARPNESS):
            total = np.log(np.exp(power * log).sum(axis=(2, 3)))
            gained[j, :, test] = (
                np.stack(
                    [
                        power * own - total + np.log(k * frames),
                        _log_sum(power * class_row) - total + np.log(k),
                        _log_sum(power * time_row) - total + np.log(frames),
                    ]
                )
                .mean(axis=2)
                .T
            )
    share = _balanced(codes[None])[0]
    made = np.empty(gained.shape[1:])
    for _, test in snapshots.splits:
        others = np.setdiff1d(np.arange(codes.size), test)
        best = int(np.argmax(gained[:, 0, others] @ share[others]))
        made[:, test] = gained[best][:, test]
    return made / np.log(2)


def _log_sum(log: np.ndarray) -> np.ndarray:
    """log of the sum of exp over the last axis."""
    most = log.max(axis=-1)
    return most + np.log(np.exp(log - most[..., None]).sum(axis=-1))


def _balanced(labels: np.ndarray) -> np.ndarray:
    """Weight (deal, trial) with which all classes count alike, in sum 1."""
    classes = np.unique(labels)
    counts = (labels[:, :, None] == classes).sum(axis=1)
    at = np.searchsorted(classes, labels)
    return 1 / (classes.size * np.take_along_axis(counts, at, axis=1))


def _chain(parts: np.ndarray) -> np.ndarray:
    """joint, identity, time (..., 3) to all parts (..., 6)."""
    joint, identity, time = np.moveaxis(parts, -1, 0)
    return np.stack([joint, identity, time, joint - identity, joint - time,
                     joint - identity - time], axis=-1)  # fmt: skip


def _labelled(
    columns: dict[str, np.ndarray], most: list[float], described: dict[str, object]
) -> xr.Dataset:
    units = {name: "1" if name == "p" else "bit" for name in columns}
    return xr.Dataset(
        {**{name: ("part", values, {"units": units[name]})
            for name, values in columns.items()},
         "most": ("part", most, {"units": "bit"})},
        {"part": list(PARTS)}, described,
    )  # fmt: skip
