"""Does a rigid shift of the field undo what time did to the code?

Before a decoder of time a is tried at time b, the field is taken back by v (b - a)
along a direction. Only what travels across the array as a whole is read again at its
full accuracy; a sequence of patterns without metric is not, whatever the velocity.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.classifiers import Classifier
from cortexwave.memory.dealing import (
    check_permutations,
    resampled,
    resampling_unit,
    splits_of,
)
from cortexwave.memory.generalisation import class_weights, drawn_shares, moments
from cortexwave.memory.identity import check_real
from cortexwave.memory.shift_search import Plan, Search
from cortexwave.memory.shift_table import table_of_right
from cortexwave.memory.shifts import Boundary, SiteArray, trial_sites
from cortexwave.memory.trials import Trials

_MOST_BYTES = 2**31  # of the table of what is right


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
    plan = Plan.of(velocities * step / array.pitch, lags)
    shape = (len(splits), clock.size, codes.size, clock.size, len(plan.moves))
    if np.prod(shape, dtype=float) > _MOST_BYTES:
        raise InputError(
            f"{shape[3]} times, {shape[2]} trials and {shape[4]} displacements need "
            f"{np.prod(shape, dtype=float) / 2**30:.1f} GiB, of which "
            f"{_MOST_BYTES / 2**30:g} are allowed; give fewer times, speeds or lags"
        )
    table = table_of_right(chosen, splits, array, plan.moves, classifier)
    weight = class_weights(codes, chosen.classes.size)
    fold = np.empty(codes.size, dtype=int)
    for k, (_, test) in enumerate(splits):
        fold[test] = k
    search = Search(table, plan, fold, weight, len(splits))
    still = np.broadcast_to(np.arange(clock.size), (codes.size, clock.size))
    best = search.best(still)
    aligned, plain = search.right(still, best), search.right(still, None)
    mirrored = search.right(still, plan.mirror[best])
    statistic = float(weight @ (aligned - plain)[:, 1:].mean(axis=1))
    draw = np.random.default_rng(seed)
    dealt = np.stack([draw.permuted(still, axis=1) for _ in range(permutations)])
    null = np.array([
        weight @ (search.right(times, found) - search.right(times, None))[:, 1:]
        .mean(axis=1)
        for times, found in zip(dealt, search.best_of_deals(dealt), strict=True)
    ])  # fmt: skip
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
