"""What one moment of a delay still holds of a sequence of items, and in which order.

A memory that moves what it holds treats all items alike: how well one is read depends
on how long ago it came, not on its rank, and no newer item erases it (Nikolic et al.
2009, PLoS Biol 7:e1000260, for cat visual cortex). Slots keep ranks apart; a single
place is overwritten. Whether an operator passes one item's subspace on to the next is
asked by `cross_temporal`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.classifiers import Classifier
from cortexwave.memory.dealing import check_permutations
from cortexwave.memory.item_at_rank import ItemAtRank
from cortexwave.memory.order import order_auc, rank_of_item
from cortexwave.memory.overwritten_items import overwriting
from cortexwave.memory.sequence_items import (
    SequenceItems,
    checked,
    items_together,
)
from cortexwave.memory.series import Series, series


def sequence_readout(
    recording: xr.Dataset | xr.DataArray,
    items: xr.DataArray,
    *,
    at: float,
    variable: str | None = None,
    times: Sequence[float] | np.ndarray | None = None,
    classifier: Classifier = "lda",
    fold_count: int = 5,
    permutations: int = 199,
    seed: int,
    alpha: float = 0.05,
) -> xr.Dataset:
    """Items by rank at each time, and order, rank and whole sequence at time `at` (s).

    `items` (trial, rank), text or whole numbers, "" for no item, with the coordinate
    `onset` (rank) in s, and `block` (trial) where trials stood in blocks. `times` (s)
    are those at which items are read; None: every frame from the first onset on.

    accuracy       (rank, time): of the item at each rank, mean over items of the share
                   right on held-out trials, `chance` (rank); NaN before its onset.
                   `p` family-wise over all ranks and times
    simultaneous   (time): how many ranks have p <= `alpha`
    since_onset    (rank, since): accuracy against the time since the item's own onset,
                   as far as all ranks reach
    collapse_spread, collapse_p: sd over ranks of since_onset, root mean square over
                   `since`, and how often it is reached with ranks dealt within each
                   trial: small p, the curves are not one. NaN where ranks have
                   different numbers of items, so that chance differs
    overwriting    (rank): accuracy at times after the next onset in trials with a next
                   item, less that in trials without, by decoders that learn from those
                   without; `overwriting_p`, by dealing "with" and "without" among
                   trials of one item. NaN where an item has fewer than 5 trials without
    rank_accuracy  at `at`: of the rank at which a given item stood; `rank_chance`,
                   `rank_p`
    order_auc      at `at`: of which of two given items came first, 0.5 by chance;
                   `order_p`, `order_pairs`, the number of pairs of items with 10 trials
                   or more in either order
    sequence_accuracy: trials with the items of all ranks right at `at`;
                   `sequence_chance`, `sequence_p` with whole sequences dealt to trials

    What too few trials leave unknown is NaN, and attribute `reason` says why; `caution`
    names ranks whose items go together (no item twice in a sequence, say): who reads
    one then knows something of the other, whether it is held or not. Raises
    `InputError` where a rank has one item alone or an item fewer than `fold_count`.
    """
    check_permutations(permutations)
    measured = series(recording, variable)
    given = checked(items, measured, fold_count)
    frames = _frames(times, at, given, measured)
    clock = measured.clock[frames]
    here = int(np.abs(clock - at).argmin())
    read = [
        ItemAtRank.of(
            rank, given, measured.values[:, frames],
            np.flatnonzero(clock > given.onset[rank] - measured.step / 2),
            classifier, fold_count, permutations, seed,
        )
        for rank in range(given.onset.size)
    ]  # fmt: skip
    ranks = len(read)
    null = np.stack([np.nanmax(one.accuracy[1:], axis=1) for one in read]).max(axis=0)
    accuracy = np.stack([one.accuracy[0] for one in read])
    with np.errstate(invalid="ignore"):
        p = (1 + (null[:, None, None] >= accuracy - 1e-12).sum(axis=0)) / (
            1 + permutations
        )
    p = np.where(np.isfinite(accuracy), p, np.nan)
    draw = np.random.default_rng(seed)
    since, curves, spread, spread_p = _collapse(read, given, clock, permutations, draw)
    overwritten = np.array([
        overwriting(measured.values[:, frames], given, rank, clock, classifier,
                    fold_count, permutations, seed)
        for rank in range(ranks)
    ])  # fmt: skip
    whole = _whole(read, given, here, permutations, draw)
    states = measured.values[:, frames[here]]
    ranked, ordered = (
        read_order(states, given.symbols, given.groups, classifier=classifier,
                   fold_count=fold_count, permutations=permutations, seed=seed)
        for read_order in (rank_of_item, order_auc)
    )  # fmt: skip
    reasons = [ranked.reason, ordered.reason, whole[3]]
    if np.isnan(overwritten).all():
        reasons.append("no rank has trials both with and (5 of each item) without a "
                       "next item, so that overwriting is not known")  # fmt: skip
    if len({one.classes for one in read}) > 1:
        spread = spread_p = np.nan
        reasons.append("ranks have different numbers of items, so that their curves "
                       "do not compare")  # fmt: skip
    elif not since.size:
        reasons.append("no time since onset is seen at all ranks in trials with all "
                       "items, so that their curves cannot be compared")  # fmt: skip
    one = {"units": "1"}
    scalars = {
        "collapse_spread": spread, "collapse_p": spread_p,
        "rank_accuracy": ranked.value, "rank_chance": ranked.chance,
        "rank_p": ranked.p, "order_auc": ordered.value, "order_p": ordered.p,
        "order_pairs": ordered.count, "sequence_accuracy": whole[0],
        "sequence_chance": whole[1], "sequence_p": whole[2],
    }  # fmt: skip
    return xr.Dataset(
        {"accuracy": (("rank", "time"), accuracy, one),
         "p": (("rank", "time"), p, one),
         "chance": ("rank", [1 / one_rank.classes for one_rank in read], one),
         "simultaneous": ("time", (p <= alpha).sum(axis=0), one),
         "since_onset": (("rank", "since"), curves, one),
         "overwriting": ("rank", overwritten[:, 0], one),
         "overwriting_p": ("rank", overwritten[:, 1], one),
         **{name: ((), value, one) for name, value in scalars.items()}},
        {"rank": np.arange(ranks), "time": ("time", clock, {"units": "s"}),
         "since": ("since", since, {"units": "s"}),
         "onset": ("rank", given.onset, {"units": "s"})},
        {**measured.attributes, "measure": "sequence_readout", "at": float(clock[here]),
         "alpha": alpha, "classifier": classifier, "fold_count": fold_count,
         "permutations": permutations, "seed": seed,
         "caution": items_together(given.symbols),
         "reason": "; ".join(each for each in reasons if each)},
    )  # fmt: skip


def _collapse(
    read: list[ItemAtRank], given: SequenceItems, clock: np.ndarray, permutations: int,
    draw: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, float, float]:  # fmt: skip
    """Times since onset, accuracy (rank, since), spread over ranks and its p."""
    firsts = [int(np.flatnonzero(np.isfinite(one.accuracy[0]))[0]) for one in read]
    length = clock.size - max(firsts)
    trials = np.flatnonzero(given.full)
    if length < 1 or trials.size < 2:
        return np.zeros(0), np.zeros((len(read), 0)), np.nan, np.nan
    hits = np.stack([
        one.right[trials, first : first + length]
        * (one.weight[trials] / one.weight[trials].sum())[:, None]
        for one, first in zip(read, firsts, strict=True)
    ])  # (rank, trial, since)  # fmt: skip

    def spread(values: np.ndarray) -> float:
        return float(np.sqrt(values.sum(axis=1).var(axis=0).mean()))

    found = spread(hits)
    null = np.array([
        spread(np.take_along_axis(
            hits, draw.permuted(np.tile(np.arange(len(read)), (trials.size, 1)),
                                axis=1).T[:, :, None], axis=0))
        for _ in range(permutations)
    ])  # fmt: skip
    p = (1 + int(np.sum(null >= found - 1e-12))) / (1 + permutations)
    since = clock[max(firsts) :] - clock[max(firsts)]
    return since, hits.sum(axis=1), found, p


def _whole(
    read: list[ItemAtRank], given: SequenceItems, here: int, permutations: int,
    draw: np.random.Generator,
) -> tuple[float, float, float, str]:  # fmt: skip
    """Share of whole sequences right at one time, by chance, p; or why unknown."""
    trials = np.flatnonzero(given.full)
    if trials.size < 20:
        return np.nan, np.nan, np.nan, (
            f"{trials.size} trials have an item at every rank; 20 are due for whole "
            "sequences"
        )  # fmt: skip
    guessed = np.stack([one.guessed[trials, here] for one in read], axis=1)
    true = np.stack([one.codes[trials] for one in read], axis=1)

    def share(sequences: np.ndarray) -> float:
        return float((guessed == sequences).all(axis=1).mean())

    cells = [np.flatnonzero(given.groups[trials] == g) for g in np.unique(given.groups)]
    null = np.empty(permutations)
    for k in range(permutations):
        dealt = true.copy()
        for cell in cells:
            dealt[cell] = true[draw.permutation(cell)]
        null[k] = share(dealt)
    p = (1 + int(np.sum(null >= share(true) - 1e-12))) / (1 + permutations)
    return share(true), float(null.mean()), p, ""


def _frames(
    times: Sequence[float] | np.ndarray | None, at: float, given: SequenceItems,
    measured: Series,
) -> np.ndarray:  # fmt: skip
    """The frames read, in order, the one at `at` among them."""
    clock, half = measured.clock, measured.step / 2 * (1 + 1e-6)
    if not given.onset[-1] - half <= at <= clock[-1] + half:
        raise InputError(f"at is {at} s; all items are there from {given.onset[-1]:g} "
                         f"s, their last onset, to {clock[-1]:g} s")  # fmt: skip
    if times is None:
        return np.flatnonzero(clock >= given.onset[0] - half)
    asked = np.append(np.asarray(times, dtype=float).reshape(-1), at)
    if not ((asked >= clock[0] - half) & (asked <= clock[-1] + half)).all():
        raise InputError(f"times leave the recording, {clock[0]:g} to {clock[-1]:g} s")
    frames = np.unique(np.abs(clock - asked[:, None]).argmin(axis=1))
    late = [on for on in given.onset if clock[frames[-1]] < on - half]
    if late:
        raise InputError(f"no time is at or after the onset {late[0]:g} s")
    return frames
