"""How much of many targets a linear reader finds in states it was not fitted on.

Ridge regression from a state to each target, fitted on all folds but one and tried on
that one. One eigendecomposition per fold serves all targets. The strength of the ridge
is chosen per target inside the training folds by generalised cross-validation (Golub,
Heath & Wahba 1979, Technometrics 21:215).

The score is the squared correlation with the target, less what chance gives: for a
target that has nothing to do with the states the expected score is exactly 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cortexwave.errors import InputError

RIDGES = tuple(10.0**power for power in range(-10, 3))  # of the mean eigenvalue
SHARES = (1.0, 0.5, 0.25)  # of the training rows, for the limit of many
_ROUNDING = 1e-13  # of a target's power: what is left unexplained is no less
_DRAWS = 1000  # of the bootstrap
_MOST_FREEDOM = 0.9  # of the rows; beyond it the criterion divides by almost nothing


@dataclass(frozen=True)
class Fit:
    """What one fold needs: the states of its training rows in their own axes."""

    test: slice
    pieces: tuple[int, ...]  # of training
    rows: int  # of training
    axes: np.ndarray  # (site, axis)
    strengths: np.ndarray  # (axis,) eigenvalues of the training rows' Gram matrix


@dataclass(frozen=True)
class Split:
    """Rows in order of fold, each fold cut in pieces that make up the shares.

    `copies` rows, in a run, may be of one value of the drive.
    """

    states: np.ndarray  # (row, site)
    folds: tuple[slice, ...]
    pieces: tuple[slice, ...]
    piece_fold: tuple[int, ...]
    piece_share: tuple[float, ...]  # the smallest share that the piece belongs to
    copies: int = 1


def split(
    states: np.ndarray, *, folds: int, components: int, copies: int = 1
) -> tuple[Split, np.ndarray]:
    """Rows of states (trial, time, site) dealt to folds; and the order of the rows.

    Folds are whole trials where there are enough, stretches of each trial otherwise;
    and where `copies` trials show one drive (frozen noise), as a reader that learned
    the values of one such trial by heart would know those of the next. More than
    `components` sites are replaced by as many principal components of all rows: they
    are found without sight of any target.
    """
    trials, length, sites = states.shape
    if folds < 2:
        raise InputError(f"folds is {folds}; 2 or more are due")
    row = np.arange(trials * length).reshape(trials, length)
    if copies > 1:
        dealt = [part.ravel() for part in np.array_split(row.T, folds)]
    elif trials >= folds:
        dealt = [part.ravel() for part in np.array_split(row, folds)]
    else:
        dealt = [part.ravel() for part in np.array_split(row, folds, axis=1)]
    different = min(part.size for part in dealt) // copies
    if different < 8:
        raise InputError(
            f"{trials * length // copies} different values of the drive in {folds} "
            f"folds; {8 * folds} or more are due"
        )
    order = np.concatenate(dealt)
    flat = states.reshape(-1, sites)[order]
    folded, pieces, piece_fold, piece_share = [], [], [], []
    start = 0
    for k, part in enumerate(dealt):
        folded.append(slice(start, start + part.size))
        edges = [0, *(round(share * part.size) for share in SHARES[::-1])]
        for low, high, share in zip(edges, edges[1:], SHARES[::-1], strict=False):
            pieces.append(slice(start + low, start + high))
            piece_fold.append(k)
            piece_share.append(share)
        start += part.size
    if sites > components:
        flat = flat @ _leading(flat, components)
    made = Split(np.ascontiguousarray(flat), tuple(folded), tuple(pieces),
                 tuple(piece_fold), tuple(piece_share), copies)  # fmt: skip
    return made, order


def fits(made: Split, share: float = 1.0) -> list[Fit]:
    """The eigendecomposition of each fold's training rows, or of a share of them."""
    sites = made.states.shape[1]
    grams = [_gram(made.states[piece]) for piece in made.pieces]
    sums = [_sum(made.states[piece]) for piece in made.pieces]
    found = []
    for k, test in enumerate(made.folds):
        used = [
            n for n in range(len(made.pieces))
            if made.piece_fold[n] != k and made.piece_share[n] <= share
        ]  # fmt: skip
        rows = sum(made.pieces[n].stop - made.pieces[n].start for n in used)
        gram, total = np.zeros((sites, sites)), np.zeros(sites)
        for n in used:
            gram += grams[n]
            total += sums[n]
        gram -= np.outer(total, total) / rows
        strengths, axes = np.linalg.eigh(gram)
        found.append(Fit(test, tuple(used), rows, axes, strengths.clip(0.0)))
    return found


def single(made: Split, fitted: Sequence[Fit]) -> tuple[Split, list[Fit]]:
    """Both in single precision: twice as fast, and exact enough for surrogates."""
    return replace(made, states=made.states.astype(np.float32)), [
        replace(fit, axes=fit.axes.astype(np.float32),
                strengths=fit.strengths.astype(np.float32)) for fit in fitted
    ]  # fmt: skip


def scores(made: Split, read: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Corrected squared correlations (target,), mean of the folds by their rows.

    `read` are the `predictions` of `targets`, both (row, target).
    """
    found = np.zeros(targets.shape[1])
    for test in made.folds:
        n = test.stop - test.start
        r = np.mean(read[test] * standard(targets[test]), axis=0)
        found += n * corrected(r**2, n / made.copies)
    return found / len(targets)


def predictions(
    made: Split, fitted: Sequence[Fit], targets: np.ndarray, ridges: Sequence[float]
) -> np.ndarray:
    """Held-out predictions (row, target), of mean 0 and unit variance in each fold."""
    crossed, sums, squares = _crossed(made, targets)
    found = np.zeros_like(targets)
    for fit in fitted:
        weights = _weights(made, fit, crossed, sums, squares, ridges)
        found[fit.test] = standard(made.states[fit.test] @ weights)
    return found


def resampled(
    made: Split, predicted: Sequence[np.ndarray], targets: np.ndarray, lags: int,
    draw: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Squared correlations (prediction, draw, target), stretches drawn with return.

    A stretch is as long as all lags, so that values that share a memory stay together,
    but there are at least 20 of them.
    """
    rows = len(targets)
    stretch = max(1, min(lags * made.copies, rows // 20))
    number = (np.arange(rows) // stretch).clip(max=rows // stretch - 1)
    stretches = int(number[-1]) + 1
    edges = np.flatnonzero(np.diff(number, prepend=-1))
    weights = draw.multinomial(stretches, np.full(stretches, 1 / stretches), _DRAWS)
    wanted = np.concatenate([standard(targets[fold]) for fold in made.folds])
    count = (weights @ np.add.reduceat(np.ones(rows), edges))[:, None]
    found = []
    for read in predicted:
        both = (read, wanted, read * wanted, read**2, wanted**2)
        sums = [weights @ np.add.reduceat(each, edges, axis=0) for each in both]
        product = sums[2] - sums[0] * sums[1] / count
        power = (sums[3] - sums[0] ** 2 / count) * (sums[4] - sums[1] ** 2 / count)
        found.append(np.divide(product**2, power, out=np.zeros_like(power),
                               where=power > 0))  # fmt: skip
    return np.array(found)


def corrected(r2: np.ndarray, n: float) -> np.ndarray:
    """Squared correlation of n rows less its chance: 0 on average if there is none."""
    return r2 - (1 - r2) / (n - 2)


def standard(values: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and unit variance (0 where they do not vary)."""
    values = values - values.mean(axis=0)
    size = values.std(axis=0)
    return np.divide(values, size, out=np.zeros_like(values), where=size > 0)


def limit_weights(fits_by_share: Sequence[Sequence[Fit]]) -> np.ndarray:
    """Weights of the scores at each share for their limit in many rows.

    The intercept of the straight line through score against 1 / training rows.
    """
    inverse = np.array([1 / np.mean([fit.rows for fit in each])
                        for each in fits_by_share])  # fmt: skip
    design = np.stack([np.ones_like(inverse), inverse], axis=1)
    return np.asarray(np.linalg.pinv(design)[0])


def _weights(
    made: Split, fit: Fit, crossed: list[np.ndarray],
    sums: list[tuple[np.ndarray, np.ndarray]], squares: list[np.ndarray],
    ridges: Sequence[float],
) -> np.ndarray:  # fmt: skip
    """Ridge weights (site, target)."""
    mean = sum(sums[k][0] for k in fit.pieces) / fit.rows
    shift = sum(sums[k][1] for k in fit.pieces)
    cross = sum(crossed[k] for k in fit.pieces) - np.outer(shift, mean)
    power = np.sum([squares[k] for k in fit.pieces], axis=0) - fit.rows * mean**2
    inside = fit.axes.T @ cross  # (axis, target)
    least = _strongest(fit, inside, power, ridges)
    return np.asarray(fit.axes @ (inside / (fit.strengths[:, None] + least)))


def _strongest(
    fit: Fit, inside: np.ndarray, power: np.ndarray, ridges: Sequence[float]
) -> np.ndarray:
    """The ridge (target,) that generalised cross-validation prefers."""
    strengths = fit.strengths
    scale = strengths.mean()
    grid = scale * np.asarray(ridges, dtype=strengths.dtype)
    shrunk = strengths[:, None] + grid  # (axis, ridge)
    explained = (inside**2).T @ ((strengths[:, None] + 2 * grid) / shrunk**2)
    residual = (power[:, None] - explained).clip(_ROUNDING * power[:, None])
    freedom = (strengths[:, None] / shrunk).sum(axis=0) + 1  # and the mean
    left = np.where(freedom <= _MOST_FREEDOM * fit.rows, fit.rows - freedom, np.nan)
    if np.isnan(left).all():
        return np.full(len(power), grid[-1])
    return grid[np.nanargmin(residual / left**2, axis=1)]


def _crossed(
    made: Split, targets: np.ndarray
) -> tuple[list[np.ndarray], list[tuple[np.ndarray, np.ndarray]], list[np.ndarray]]:
    """Of each piece: states' x targets; sums of targets and states; targets squared."""
    crossed, sums, squares = [], [], []
    for piece in made.pieces:
        inputs, wanted = made.states[piece], targets[piece]
        crossed.append(inputs.T @ wanted)
        sums.append((wanted.sum(axis=0), inputs.sum(axis=0)))
        squares.append(np.sum(wanted**2, axis=0))
    return crossed, sums, squares


def _gram(values: np.ndarray) -> np.ndarray:
    return np.asarray(values.T @ values)


def _sum(values: np.ndarray) -> np.ndarray:
    return np.asarray(values.sum(axis=0))


def _leading(values: np.ndarray, count: int) -> np.ndarray:
    """The leading principal axes (site, count) of the rows."""
    from scipy.linalg import eigh

    sites = values.shape[1]
    centred = values - values.mean(axis=0)
    if len(values) < sites:  # the row space is smaller: go through the rows' Gram
        count = min(count, len(values) - 1)
        ends = (len(values) - count, len(values) - 1)
        power, rows = eigh(centred @ centred.T, subset_by_index=ends)
        return np.asarray(centred.T @ rows / np.sqrt(power.clip(1e-300)))
    return np.asarray(
        eigh(centred.T @ centred, subset_by_index=(sites - count, sites - 1))[1]
    )
