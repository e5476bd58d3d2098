"""The past decoded from one frame: which symbol came k steps ago, which came first.

A linear map from the frame to the symbol, fitted on sequences and tested on others. It
makes no assumption of how the field holds its past; where that is a shift register,
`cortexwave.memory.snapshot` reads it in closed form.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.dealing import check_permutations, wilson
from cortexwave.memory.symbol_accuracy import (
    RidgeFit,
    symbol_counts,
    symbol_hits,
    traded,
)

_NO_TRADE = (
    "no two different sequences have as many copies, so that none can be dealt "
    "another's symbols"
)


def decode_past(
    states: np.ndarray | xr.DataArray,
    inputs: np.ndarray | xr.DataArray,
    lags: Sequence[int] | np.ndarray,
    seed: int,
    *,
    folds: int = 5,
    permutations: int = 199,
    alpha: float = 0.05,
) -> xr.Dataset:
    """How well one frame tells which symbol came k steps ago, for every lag k.

    `states` (sequence, unit) or (sequence, feature, y, x): ONE frame of each sequence;
    `inputs` (sequence, time): whole numbers, the symbols, the last at the step of the
    frame, so that lag 0 is `inputs[:, -1]`.

    Over `lag` (steps): `accuracy`, balanced (mean over symbols of the part recalled),
    each sequence decoded by a fit to the others' folds; `low` and `high`, its
    approximate 95 % interval by Wilson (1927, J Am Stat Assoc 22:209) at the effective
    number of sequences C^2 / sum(1/n_c) (decoding noise, it held chance in 88 to 91 %
    of cases: sequences decoded by one fit are not independent; judge by p); `chance`,
    `chance_low`, `chance_high`, mean and 95 % range of the same decoder after whole
    sequences of symbols were dealt to other frames; `p` and `p_family` (greatest score
    over the lags); `ridge`. NaN where a lag has only one symbol. Attribute `horizon`:
    the last lag with p_family <= alpha (NaN without any), `unbroken`: the last before
    the first lag that fails.

    Sequences of equal inputs stay together, since a decoder that knows the frame of one
    by heart would answer for the others: they are in one fold, are dealt as one, and
    count as one for n_c. There must be twice as many different ones as folds. They are
    dealt to others of as many copies, within a tenth: where some sequences are frequent
    so are their symbols, and symbols dealt from rare to frequent sequences would be
    surer than the truth's. Where none can be dealt p is NaN (attribute `reason`).

    The decoder is linear: ridge regression on one indicator per symbol, the strength
    by leave-one-out on the training sequences (anew for each deal), then the symbol
    whose score is greatest relative to its share.
    """
    frames, symbols = _checked_pair(states, inputs)
    wanted = _checked_lags(lags, symbols.shape[1], most=symbols.shape[1] - 1)
    targets = [symbols[:, -1 - lag] for lag in wanted]
    return _decoded(
        frames, _kinds(symbols), targets, wanted, seed, folds, permutations, alpha,
        what="symbol",
    )  # fmt: skip


def decode_order(
    states: np.ndarray | xr.DataArray,
    inputs: np.ndarray | xr.DataArray,
    lags: Sequence[int] | np.ndarray,
    seed: int,
    *,
    folds: int = 5,
    permutations: int = 199,
    alpha: float = 0.05,
) -> xr.Dataset:
    """Whether one frame tells which of two neighbouring symbols came first.

    As `decode_past`, of the order of the symbols k and k + 1 steps ago, among the
    sequences where they differ; chance is one half. A pool that only counts symbols
    says which came, and is at chance here.
    """
    frames, symbols = _checked_pair(states, inputs)
    wanted = _checked_lags(lags, symbols.shape[1], most=symbols.shape[1] - 2)
    targets = []
    for lag in wanted:
        later, earlier = symbols[:, -1 - lag], symbols[:, -2 - lag]
        # -1 is left out
        targets.append(np.where(later == earlier, -1, (later > earlier).astype(int)))
    return _decoded(
        frames, _kinds(symbols), targets, wanted, seed, folds, permutations, alpha,
        what="order",
    )  # fmt: skip


def _checked_pair(
    states: np.ndarray | xr.DataArray, inputs: np.ndarray | xr.DataArray
) -> tuple[np.ndarray, np.ndarray]:
    frames, symbols = np.asarray(states, dtype=float), np.asarray(inputs)
    if frames.ndim not in (2, 4):
        raise InputError(
            f"states have shape {frames.shape}; one frame of each sequence is "
            "(sequence, unit) or (sequence, feature, y, x), so choose a time"
        )
    if symbols.ndim != 2 or not np.array_equal(symbols, np.round(symbols)):
        raise InputError(
            f"inputs have shape {symbols.shape} and type {symbols.dtype}; they are "
            "symbols as whole numbers (sequence, time): one-hot ones by argmax"
        )
    if len(frames) != len(symbols):
        raise InputError(f"{len(frames)} frames and {len(symbols)} sequences of inputs")
    if not np.isfinite(frames).all():
        raise InputError("states are not finite everywhere")
    return frames.reshape(len(frames), -1), symbols.astype(int)


def _checked_lags(
    lags: Sequence[int] | np.ndarray, steps: int, most: int
) -> np.ndarray:
    wanted = np.asarray(lags)
    if (
        wanted.ndim != 1
        or not wanted.size
        or wanted.dtype.kind not in "iu"
        or np.any(np.diff(wanted) <= 0)
        or wanted[0] < 0
        or wanted[-1] > most
    ):
        raise InputError(f"lags {lags} are not whole numbers of steps, in order, from "
                         f"0 to {most} (the inputs have {steps} steps)")  # fmt: skip
    return wanted


def _kinds(symbols: np.ndarray) -> np.ndarray:
    """Number (sequence) of each sequence's kind: equal ones have the same."""
    return np.unique(symbols, axis=0, return_inverse=True)[1].reshape(-1)


def _decoded(
    frames: np.ndarray, kinds: np.ndarray, targets: list[np.ndarray], lags: np.ndarray,
    seed: int, folds: int, permutations: int, alpha: float, *, what: str,
) -> xr.Dataset:  # fmt: skip
    most = int(kinds.max() + 1) // 2
    if not 2 <= folds <= most:
        room = f"allow 2 to {most}" if most >= 2 else "are too few: 4 are needed"
        raise InputError(
            f"folds is {folds}; {kinds.max() + 1} different sequences of inputs "
            f"(of {len(frames)}) {room}"
        )
    check_permutations(permutations)
    draw = np.random.default_rng(seed)
    one_of, copies = np.unique(kinds, return_index=True, return_counts=True)[1:]
    # row 0 is the truth; the others deal each kind another kind's symbols
    dealt = one_of[traded(copies, permutations, draw)[:, kinds]]
    deals = np.concatenate([one_of[kinds][None], dealt])
    fold = (draw.permutation(one_of.size) % folds)[kinds]
    splits = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k))
              for k in range(folds)]  # fmt: skip
    found = np.full((1 + permutations, lags.size), np.nan)
    effective, chosen = np.full(lags.size, np.nan), np.full(lags.size, np.nan)
    fits = [RidgeFit(frames[train], frames[test]) for train, test in splits]
    for k, target in enumerate(targets):
        classes = np.unique(target[target >= 0])
        if classes.size < 2:
            continue
        hits, strengths = symbol_hits(target, classes, deals, splits, fits)
        found[:, k] = hits
        effective[k] = classes.size**2 / np.sum(
            1 / symbol_counts(target[one_of], classes)
        )
        chosen[k] = np.median(strengths)
    sizes = {"sequences": len(frames), "different": int(one_of.size)}
    reason = _NO_TRADE if (deals == deals[0]).all() else ""
    return _labelled(found, effective, chosen, lags, alpha, seed, sizes, what, reason)


def _labelled(
    found: np.ndarray, effective: np.ndarray, chosen: np.ndarray, lags: np.ndarray,
    alpha: float, seed: int, sizes: dict[str, int], what: str, reason: str,
) -> xr.Dataset:  # fmt: skip
    accuracy, dealt = found[0], found[1:]
    low, high = wilson(accuracy, effective)
    spread = np.maximum(found.std(axis=0), 1e-12)
    score = (found - found.mean(axis=0)) / spread
    known = np.isfinite(accuracy)
    greatest = np.max(score[1:], axis=1, initial=-np.inf, where=known)
    count = len(dealt)
    # equal up to rounding is reached
    p = (1 + np.sum(dealt >= accuracy - 1e-12, axis=0)) / (1 + count)
    reached = greatest[:, None] >= score[0] - 1e-9
    p_family = (1 + np.sum(reached, axis=0)) / (1 + count)
    null = known & (not reason)
    above = null & (p_family <= alpha)
    last = float(lags[above][-1]) if above.any() else np.nan
    until = int(np.argmin(above)) if not above.all() else above.size
    bounds = np.quantile(dealt, [0.025, 0.975], axis=0)
    columns = {
        "accuracy": accuracy, "low": low, "high": high,
        "chance": np.where(null, dealt.mean(axis=0), np.nan),
        "chance_low": np.where(null, bounds[0], np.nan),
        "chance_high": np.where(null, bounds[1], np.nan),
        "p": np.where(null, p, np.nan),
        "p_family": np.where(null, p_family, np.nan), "ridge": chosen,
    }  # fmt: skip
    return xr.Dataset(
        {name: ("lag", column, {"units": "1"}) for name, column in columns.items()},
        {"lag": ("lag", lags, {"units": "step"})},
        {"horizon": last, "unbroken": float(lags[until - 1]) if until else np.nan,
         "alpha": alpha, "seed": seed, **sizes, "permutations": count,
         "decoded": what, "reason": reason},
    )  # fmt: skip
