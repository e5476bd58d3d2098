"""Does a rigid shift of the field undo what time did to the code?

Before a decoder of time a is tried at time b, the field is taken back by v (b - a)
along a direction. Only what travels across the array as a whole is read again at its
full accuracy; a sequence of patterns without metric is not, whatever the velocity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.classifiers import Classifier, lda_scores, ridge_scores
from cortexwave.memory.dealing import (
    check_permutations,
    resampled,
    resampling_unit,
    splits_of,
)
from cortexwave.memory.generalisation import class_weights, drawn_shares, moments
from cortexwave.memory.identity import check_real
from cortexwave.memory.shifts import Boundary, SiteArray, trial_sites
from cortexwave.memory.trials import Trials

_MOST_BYTES = 2**31  # of the table of what is right
_SCORES_AT_ONCE = 2**21


def shift_aligned_generalisation(
    trials: Trials,
    *,
    speeds: Sequence[float] | np.ndarray,
    directions: Sequence[float] | np.ndarray,
    longest: float,
    boundary: Boundary,
    classifier: Classifier = "lda",
    times: Sequence[float] | np.ndarray | None = None,
    fold_count: int = 5,
    permutations: int = 199,
    seed: int,
) -> xr.Dataset:
    """Accuracy over time with the field shifted back, at a velocity learned elsewhere.

    `speeds` (mm/s, above 0) and `directions` (deg, of propagation) are crossed; the
    pair is chosen on the training blocks, by decoders that have seen neither those nor
    the held-out block, and used on the held-out block. Lags up to `longest` (s) count,
    of both signs. Sites whose source lies off an open array are left out; a lattice is
    interpolated for what it resolves, scattered electrodes by Gaussian weights.
    `times` as in `temporal_generalisation`: the cost is their number squared times that
    of the displacements.

    Over `lag` (s): `still`, accuracy without a shift; `aligned`; `mirrored`, at the
    velocity turned round; `gain` = (aligned - still) / (still at lag 0 - chance) and
    `gain_mirrored`, each gain with `_low` and `_high` (95 %). `mean_gain` over lags
    above 0, with interval; `p`: the same search with the times b dealt within each
    trial, to other times than a, reaches aligned - still in so many. `speed` (mm/s) and
    `direction` (deg) most folds chose, and `agreement`, the share of folds that did.
    NaN gains where accuracy at lag 0 is no more than chance by 1.645 of its error
    (`reason`).
    """
    check_permutations(permutations)
    check_real(trials)
    chosen, clock = moments(trials, times)
    array = trial_sites(chosen.positions, boundary)
    velocities = _velocities(speeds, directions, array)
    step = clock[1] - clock[0]
    lags = int(np.floor(longest / step + 1e-6)) if np.isfinite(longest) else 0
    if not 1 <= lags < clock.size:
        raise InputError(
            f"longest is {longest} s; it is from {step:g}, one step of the times, to "
            f"{step * (clock.size - 1):g}, all of them"
        )
    codes = chosen.codes
    splits = splits_of(chosen, count=fold_count, seed=seed)
    if len(splits) < 3:
        raise InputError(f"{len(splits)} folds; 3 are due: one to test, one to choose "
                         "the velocity on, one to learn from")  # fmt: skip
    plan = _Plan.of(velocities * step / array.pitch, lags)
    shape = (len(splits), clock.size, codes.size, clock.size, len(plan.moves))
    if np.prod(shape, dtype=float) > _MOST_BYTES:
        raise InputError(
            f"{shape[3]} times, {shape[2]} trials and {shape[4]} displacements need "
            f"{np.prod(shape, dtype=float) / 2**30:.1f} GiB, of which "
            f"{_MOST_BYTES / 2**30:g} are allowed; give fewer times, speeds or lags"
        )
    table = _table(chosen, splits, array, plan.moves, classifier)
    weight = class_weights(codes, chosen.classes.size)
    fold = np.empty(codes.size, dtype=int)
    for k, (_, test) in enumerate(splits):
        fold[test] = k
    search = _Search(table, plan, fold, weight, len(splits))
    still = np.broadcast_to(np.arange(clock.size), (codes.size, clock.size))
    best = search.best(still)
    aligned, plain = search.right(still, best), search.right(still, None)
    mirrored = search.right(still, plan.mirror[best])
    statistic = float(weight @ (aligned - plain)[:, 1:].mean(axis=1))
    draw = np.random.default_rng(seed)
    null = np.empty(permutations)
    for k in range(permutations):
        dealt = draw.permuted(still, axis=1)
        moved = search.right(dealt, search.best(dealt))
        null[k] = weight @ (moved - search.right(dealt, None))[:, 1:].mean(axis=1)
    unit, members = resampling_unit(chosen)
    draws = resampled(members, codes, seed=seed)
    chance = 1 / chosen.classes.size
    shares = np.stack([aligned, plain, mirrored], axis=1)  # (trial, kind, lag)
    found = np.einsum("t,tkl->kl", weight, shares)
    drawn = drawn_shares(shares, codes, draws)  # (draw, kind, lag)
    error = float(np.nanstd(drawn[:, 1, 0]))
    reason = ""
    if not found[1, 0] - chance > 1.645 * error:
        reason = (f"accuracy at the time of training, {found[1, 0]:.2f}, is not above "
                  f"chance, {chance:.2f}: there is nothing to gain")  # fmt: skip
    gains = _gains(found[None], chance)[0]  # (aligned or mirrored, lag)
    many = _gains(drawn, chance)
    means = many[:, 0, 1:].mean(axis=1)
    summary = [gains[0, 1:].mean(), *np.nanquantile(means, [0.025, 0.975])]
    low, high = np.nanquantile(many, [0.025, 0.975], axis=0)
    if reason:
        gains, low, high = (np.full_like(gains, np.nan) for _ in range(3))
        summary = [np.nan] * 3
    winner, votes = np.unique(best, return_counts=True)
    most = winner[votes.argmax()]
    one = {"units": "1"}
    variables = {
        "aligned": found[0], "still": found[1], "mirrored": found[2], "gain": gains[0],
        "gain_low": low[0], "gain_high": high[0], "gain_mirrored": gains[1],
        "gain_mirrored_low": low[1], "gain_mirrored_high": high[1],
    }  # fmt: skip
    names = ("mean_gain", "mean_gain_low", "mean_gain_high")
    grid_speed, grid_direction = _grid(speeds, directions)
    return xr.Dataset(
        {**{name: ("lag", values, one) for name, values in variables.items()},
         **{name: ((), value, one) for name, value in zip(names, summary, strict=True)},
         "p": ((), (1 + int(np.sum(null >= statistic - 1e-12))) / (1 + permutations),
               one),
         "null_high": ((), float(np.quantile(null, 0.95)), one),
         "excess": ((), statistic, one), "chance": ((), chance, one),
         "speed": ((), float(grid_speed[most]), {"units": "mm/s"}),
         "direction": ((), float(grid_direction[most]), {"units": "deg"}),
         "agreement": ((), float(votes.max() / len(best)), one)},
        {"lag": ("lag", step * np.arange(lags + 1), {"units": "s"})},
        {**chosen.attributes, "measure": "shift_aligned_generalisation",
         "classifier": classifier, "trials": int(codes.size),
         "trials_per_class": int(np.bincount(codes).min()),
         "sites": int(chosen.values.shape[2]), "classes": int(chosen.classes.size),
         "speeds": np.asarray(speeds, float).tolist(),
         "directions": np.asarray(directions, float).tolist(), "longest": longest,
         "boundary": boundary, "fold_count": len(splits), "permutations": permutations,
         "seed": seed, "unit": unit, "reason": reason},
    )  # fmt: skip


@dataclass(frozen=True)
class _Plan:
    """Displacements in pitches that any velocity asks for at any lag.

    `moves` (displacement, axis), the first 0; `at` (velocity, lag, sign) which of them
    a velocity needs, for b - a = lag and -lag; `mirror` the velocity turned round.
    """

    moves: np.ndarray
    at: np.ndarray
    mirror: np.ndarray

    @staticmethod
    def of(velocities: np.ndarray, lags: int) -> _Plan:
        # the mirror of each stands beside it, so that it has a place in the table
        both = np.concatenate([velocities, -velocities])
        signed = np.stack([np.arange(lags + 1), -np.arange(lags + 1)], axis=1)
        # what travels at v is at r + v (b - a) by then: taken back, it is at r
        need = -both[:, None, None] * signed[..., None]
        flat = np.round(need.reshape(-1, both.shape[1]), 6) + 0.0
        moves, at = np.unique(flat, axis=0, return_inverse=True)
        zero = int(np.flatnonzero((moves == 0).all(axis=1))[0])
        order = np.r_[zero, np.delete(np.arange(len(moves)), zero)]
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        count = len(velocities)
        mirror = np.r_[np.arange(count) + count, np.arange(count)]
        return _Plan(moves[order], rank[at.reshape(need.shape[:3])], mirror)

    @property
    def count(self) -> int:
        """Velocities that may be chosen; their mirrors come after them."""
        return len(self.at) // 2


@dataclass(frozen=True)
class _Search:
    """Looks up in `table` (left out, a, trial, b, displacement) what was right.

    `table[f, ..., trial, ...]` is by a decoder that saw neither fold f nor the fold of
    the trial; f is the trial's own fold where only that was left out.
    """

    table: np.ndarray
    plan: _Plan
    fold: np.ndarray
    weight: np.ndarray
    folds: int

    def best(self, times: np.ndarray) -> np.ndarray:
        """The velocity (fold,) with the best mean accuracy on all other folds."""
        score = np.zeros((self.folds, self.plan.count))
        count = self.table.shape[1]
        for lag in range(1, self.plan.at.shape[1]):
            for sign, a in self._pairs(lag, count):
                b = times[:, a + (lag if sign == 0 else -lag)]  # (trial, a)
                moves = self.plan.at[: self.plan.count, lag, sign]
                for f in range(self.folds):
                    others = np.flatnonzero(self.fold != f)
                    right = self.table[
                        f, a[None, :, None], others[:, None, None],
                        b[others][:, :, None], moves,
                    ]  # (trial, a, velocity)  # fmt: skip
                    score[f] += self.weight[others] @ _mean_apart(right, a, b[others])
        return score.argmax(axis=1)

    def right(self, times: np.ndarray, best: np.ndarray | None) -> np.ndarray:
        """Share right (trial, lag) of each trial at its fold's velocity, or unmoved."""
        count, trials = self.table.shape[1], np.arange(self.fold.size)
        made = np.zeros((self.fold.size, self.plan.at.shape[1]))
        for lag in range(made.shape[1]):
            for sign, a in self._pairs(lag, count):
                b = times[:, a + (lag if sign == 0 else -lag)]
                move = (np.zeros(self.fold.size, dtype=int) if best is None
                        else self.plan.at[best[self.fold], lag, sign])  # fmt: skip
                right = self.table[self.fold[:, None], a[None], trials[:, None], b,
                                   move[:, None]]  # fmt: skip
                if lag:
                    made[:, lag] += _mean_apart(right[..., None], a, b)[:, 0] / 2
                else:
                    made[:, lag] += right.mean(axis=1) / 2
        return made

    @staticmethod
    def _pairs(lag: int, count: int) -> list[tuple[int, np.ndarray]]:
        """Sign (0: b after a) and times a for which b is there."""
        return [(0, np.arange(count - lag)), (1, np.arange(lag, count))]


def _mean_apart(right: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean (trial, velocity) of (trial, a, velocity) over the times b other than a.

    Dealt times may meet a decoder's own, which no lag above 0 does: where the code
    changes all is right there that was not moved, and a null with them would be low.
    """
    apart = (b != a).astype(float)
    count = np.maximum(apart.sum(axis=1), 1)
    return np.asarray(np.einsum("tav,ta->tv", right, apart) / count[:, None])


def _table(
    trials: Trials,
    splits: list[tuple[np.ndarray, np.ndarray]],
    array: SiteArray,
    moves: np.ndarray,
    classifier: Classifier,
) -> np.ndarray:
    """What is right (left out, a, trial, b, displacement), see `_Search`."""
    values, codes = trials.values, trials.codes
    count, frames, sites = values.shape
    made = np.zeros((len(splits), frames, count, frames, len(moves)), dtype=bool)
    shifts = [array.shift(move) for move in moves]
    classes = trials.classes.size
    everything = np.arange(count)
    at_once = max(1, _SCORES_AT_ONCE // (count * frames * classes))
    for f, (_, one) in enumerate(splits):
        for g in range(f, len(splits)):
            other = splits[g][1]
            learned = np.setdiff1d(everything, np.union1d(one, other))
            if np.unique(codes[learned]).size < classes:
                raise InputError(
                    "with two blocks left out, a class has no trials to learn from; "
                    "the velocity cannot be chosen apart from its test"
                )
            shown = np.unique(np.concatenate([one, other]))
            flat = values[shown].reshape(-1, sites)
            parts = [
                (left, tested, np.isin(shown, tested))
                for left, tested in {f: (f, other), g: (g, one)}.values()
            ]
            for a in range(frames):
                train = values[learned, a]
                weights, offset = linear_rule(train, codes[learned], classes,
                                              classifier=classifier)  # fmt: skip
                mean = train.mean(axis=0)
                for first in range(0, len(moves), at_once):
                    few = shifts[first : first + at_once]
                    moved = np.concatenate([s[known].T @ weights[known]
                                            for s, known in few], axis=1)  # fmt: skip
                    # a site without source speaks for no class: its mean
                    rest = np.stack([offset + mean[~known] @ weights[~known]
                                     for _, known in few])  # fmt: skip
                    scores = (flat @ moved).reshape(shown.size, frames, -1, classes)
                    right = (scores + rest).argmax(axis=3) == codes[shown, None, None]
                    for left, tested, which in parts:
                        made[left, a, tested, :, first : first + len(few)] = right[
                            which
                        ]
    return made


def linear_rule(
    train: np.ndarray, codes: np.ndarray, classes: int, *, classifier: Classifier
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (site, class) and offsets (class,) of a classifier of `classifiers`.

    Its scores are straight lines in each site's value: its answers to no activity and
    to one site at a time say all.
    """
    scores = lda_scores if classifier == "lda" else ridge_scores
    sites = train.shape[1]
    # a step of the size of the data itself, so that nothing is lost to rounding
    step = np.maximum(train.std(axis=0), 1e-300)
    asked = np.concatenate([np.zeros((1, sites)), np.diag(step)]) + train.mean(axis=0)
    said = scores(train, asked, codes[None], classes)[0]
    weights = (said[1:] - said[0]) / step[:, None]
    return weights, said[0] - train.mean(axis=0) @ weights


def _gains(shares: np.ndarray, chance: float) -> np.ndarray:
    """(draw, (aligned, still, mirrored), lag) -> (draw, (aligned, mirrored), lag)."""
    held = np.maximum(shares[:, 1:2, :1] - chance, 1e-9)
    return (shares[:, [0, 2]] - shares[:, 1:2]) / held


def _grid(
    speeds: Sequence[float] | np.ndarray, directions: Sequence[float] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    fast, ways = np.meshgrid(np.asarray(speeds, float), np.asarray(directions, float),
                             indexing="ij")  # fmt: skip
    return fast.reshape(-1), ways.reshape(-1)


def _velocities(
    speeds: Sequence[float] | np.ndarray,
    directions: Sequence[float] | np.ndarray,
    array: SiteArray,
) -> np.ndarray:
    """(velocity, axis) in mm/s along the axes of the array."""
    fast, ways = _grid(speeds, directions)
    if not fast.size or not (np.isfinite(fast) & (fast > 0)).all():
        raise InputError("speeds are not one or more numbers above 0 in mm/s; standing "
                         "still is what they are compared with")  # fmt: skip
    if not np.isfinite(ways).all():
        raise InputError("directions are not finite numbers of degrees")
    unit = {"x": np.cos(np.deg2rad(ways)), "y": np.sin(np.deg2rad(ways))}
    made = np.stack([fast * unit[name] for name in array.names], axis=1)
    if (np.abs(made).max(axis=1) < 1e-6 * fast).any():
        raise InputError(f"the sites lie along {array.names[0]}; a direction across it "
                         "shifts nothing")  # fmt: skip
    return made
