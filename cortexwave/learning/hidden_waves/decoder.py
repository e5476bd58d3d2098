"""One linear decoder for all times: does what a site holds move on, or change code?

If the memory is a wave, site k is read from the state by the same weights at every
step; if items stay where they were written (registers), a decoder of "the item k back"
that works at one time fails at the next. Scores are of sequences not fitted.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.learning.hidden_waves.histories import is_integer

_SMALLEST = 1e-12  # variances below this share of the largest are rounding


def site_contents(vectors: np.ndarray, *, sites: int) -> np.ndarray:
    """What the sites hold while a system runs: (..., time, site, dim).

    `vectors` (..., step, dim) begin with the first history; at time t the sites hold
    vectors t to t + sites - 1, the oldest first, so there are step - sites + 1 times.
    """
    vectors = np.asarray(vectors, dtype=np.float64)
    if vectors.ndim < 2 or not 1 <= sites <= vectors.shape[-2]:
        raise InputError(
            f"vectors {vectors.shape} (..., step, dim) do not fill {sites} sites"
        )
    windows = np.lib.stride_tricks.sliding_window_view(vectors, sites, axis=-2)
    return np.swapaxes(windows, -1, -2).copy()  # (..., time, site, dim)


def score_fixed_decoder(
    states: np.ndarray, contents: np.ndarray, *, ridge: float,
    kept: np.ndarray | None = None, folds: int = 5, seed: int = 0,
) -> xr.Dataset:  # fmt: skip
    """R2 of one linear decoder fitted to all times, on sequences left out of the fit.

    `states` (sequence, time, state), `contents` (sequence, time, site, dim). `ridge`
    is the penalty in units of the mean variance of a state's values; sequences are
    dealt into `folds` at random. `kept` (site, dim) says which entries are scored, all
    if not given: what is never read again no network need hold. See `score_contents`
    for what is given. Raises `InputError` where there are fewer samples than unknowns
    and no penalty.
    """
    states, contents = _checked(states, contents)
    many, times, size = states.shape
    if not is_integer(folds) or not 2 <= folds <= many:
        raise InputError(f"{many} sequences make 2 to {many} folds, not {folds!r}")
    if not (np.isfinite(ridge) and ridge >= 0):
        raise InputError(f"ridge is {ridge!r}; it is a number from 0 on")
    fewest = (many - -(-many // folds)) * times
    if ridge == 0 and fewest <= size + 1:
        needed = -(-(size + 2) * folds // (times * (folds - 1)))
        raise InputError(
            f"{fewest} samples in the smallest fit are too few for {size + 1} unknowns "
            f"without a penalty; give a ridge, or about {needed} sequences of {times}"
        )
    targets = contents.reshape(many, times, -1)
    decoded = np.empty_like(targets)
    order = np.random.default_rng(seed).permutation(many)
    for held_out in np.array_split(order, folds):
        fitted = np.setdiff1d(order, held_out)
        weights, constant = _fit(
            states[fitted].reshape(-1, size),
            targets[fitted].reshape(len(fitted) * times, -1),
            ridge,
        )
        decoded[held_out] = states[held_out] @ weights + constant
    decoded = decoded.reshape(contents.shape)
    if kept is not None:
        kept = np.asarray(kept, dtype=bool)
        if kept.shape != contents.shape[2:]:
            raise InputError(
                f"kept is {kept.shape}; contents have (site, dim) {contents.shape[2:]}"
            )
        decoded = np.where(kept, decoded, np.nan)
    return score_contents(decoded, contents)


def score_contents(decoded: np.ndarray, contents: np.ndarray) -> xr.Dataset:
    """How well decoded contents are the true ones, both (sequence, time, site, dim).

    Decoded may be those of `hidden_movie`: then nothing was fitted.
    `r2` (site, age) is 1 - squared error / variance over sequences, dims pooled; age
    counts the steps since the first state. `r2_dim` (site, dim) pools the ages
    instead. `signs` (site, age) is the share with the right sign. NaN where contents
    do not vary, or were not decoded (NaN).
    """
    decoded, contents = (np.asarray(each, dtype=float) for each in (decoded, contents))
    if decoded.shape != contents.shape or contents.ndim != 4:
        raise InputError(
            f"decoded contents are {decoded.shape}, the true ones {contents.shape}; "
            "both are (sequence, time, site, dim)"
        )
    known = np.isfinite(decoded)
    error = np.where(known, (decoded - contents) ** 2, 0.0)
    spread = np.where(known, (contents - contents.mean(axis=0)) ** 2, 0.0)
    right = known & (np.sign(decoded) == np.sign(contents))
    with np.errstate(invalid="ignore", divide="ignore"):
        r2 = 1 - error.sum((0, 3)) / spread.sum((0, 3))  # (time, site)
        r2_dim = 1 - error.sum((0, 1)) / spread.sum((0, 1))  # (site, dim)
        signs = right.sum((0, 3)) / known.sum((0, 3))
        whole = 1 - error.sum() / spread.sum()
    finite = [np.where(np.isfinite(each), each, np.nan) for each in (r2, r2_dim, signs)]
    _, ages, sites, dims = contents.shape
    one = {"units": "1"}
    return xr.Dataset(
        {
            "r2": (("site", "age"), finite[0].T, one),
            "r2_dim": (("site", "dim"), finite[1], one),
            "signs": (("site", "age"), finite[2].T, one),
        },
        {
            "site": np.arange(sites),
            "age": ("age", np.arange(ages), {"long_name": "steps since the input"}),
            "dim": np.arange(dims),
        },
        {"r2": float(whole), "sequences": len(contents)},
    )


def _fit(x: np.ndarray, y: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights (state, target) and constants of least squares with a penalty."""
    mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
    away = x - mean_x
    variances, axes = np.linalg.eigh(away.T @ away)
    penalty = ridge * variances.sum() / len(variances)
    real = variances > _SMALLEST * variances[-1]  # the smallest squares, if several
    axes = axes[:, real]
    weights = (
        axes @ ((axes.T @ (away.T @ (y - mean_y))).T / (variances[real] + penalty)).T
    )
    return weights, mean_y - mean_x @ weights


def _checked(states: np.ndarray, contents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    states, contents = (np.asarray(each, dtype=float) for each in (states, contents))
    if states.ndim != 3 or contents.ndim != 4 or states.shape[:2] != contents.shape[:2]:
        raise InputError(
            f"states are {states.shape}, contents {contents.shape}; they are "
            "(sequence, time, state) and (sequence, time, site, dim) of the same "
            "sequences"
        )
    for name, each in (("states", states), ("contents", contents)):
        if not np.isfinite(each).all():
            raise InputError(f"the {name} hold numbers that are not finite")
    return states, contents
