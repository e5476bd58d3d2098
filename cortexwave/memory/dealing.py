"""Which trials may trade labels, and which are drawn again together.

A permutation is only a null where trials could have been exchanged: within a block of
one session, never across. Dealing also keeps to the test folds, so that every deal has
as many of each class in each fold as the truth: the deals are then exchangeable with
it, and p is exact (Phipson & Smyth 2010, Stat Appl Genet Mol Biol 9:39).
"""

from __future__ import annotations

from collections import Counter
from hashlib import sha256

import numpy as np
from scipy.special import gammaln
from scipy.stats import norm

from cortexwave.errors import InputError
from cortexwave.memory.trials import Trials, folds

LEAST_PERMUTATIONS = 19
_LEAST_GROUPS = 5  # to draw groups again; fewer do not show how groups differ
_RESAMPLES = 400
_MANY_VALUES = 20

Splits = list[tuple[np.ndarray, np.ndarray]]


def groups_of(trials: Trials) -> np.ndarray:
    """Number (trial,) of the block of a session of a subject that a trial is from."""
    return _numbered(trials.subject, trials.session, trials.block)


def splits_of(
    trials: Trials, *, count: int, seed: int, labels: np.ndarray | None = None
) -> Splits:
    """Folds of trials: blocks are not divided, nor stretches that share frames.

    `labels` (trial,), of which each fold gets its share, are the trials' own or given.
    `InputError` where trials are copies, which would stand on both sides.
    """
    _refuse_copies(trials.values)
    groups = groups_of(trials)
    if np.unique(groups).size == 1 and trials.stretch is not None:
        groups = trials.stretch
    return folds(
        trials.labels if labels is None else labels, groups, count=count, seed=seed
    )


def deals(
    codes: np.ndarray, groups: np.ndarray, splits: Splits, *, count: int, seed: int,
    stretch: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    """Labels (1 + count, trial): the truth, then dealt anew within group and fold.

    Trials of one `stretch` (trial,) trade theirs with another of as many, in order:
    what shares frames is not exchangeable one by one.
    """
    check_permutations(count)
    draw = np.random.default_rng(seed)
    made = np.tile(codes, (1 + count, 1))
    for cell in _cells(groups, splits, stretch):  # (unit, trial)
        order = draw.permuted(np.tile(np.arange(len(cell)), (count, 1)), axis=1)
        made[1:, cell.reshape(-1)] = codes[cell][order].reshape(count, -1)
    return made


def arrangements(
    codes: np.ndarray, groups: np.ndarray, splits: Splits,
    stretch: np.ndarray | None = None,
) -> float:  # fmt: skip
    """Natural logarithm of how many different deals there are."""
    total = 0.0
    for cell in _cells(groups, splits, stretch):
        _, counts = np.unique(codes[cell], axis=0, return_counts=True)
        total += gammaln(len(cell) + 1) - np.sum(gammaln(counts + 1))
    return float(total)


def check_permutations(count: int) -> None:
    """`InputError` where so few permutations cannot give p below 0.05."""
    if count < LEAST_PERMUTATIONS:
        raise InputError(f"permutations is {count}; p below 0.05 needs "
                         f"{LEAST_PERMUTATIONS}")  # fmt: skip


def p_values(found: np.ndarray) -> np.ndarray:
    """p (...) of the first of (deal, ...), the truth counted among the deals."""
    # equal up to rounding is reached
    least = found[0] - 1e-12 * np.maximum(1, np.abs(found[0]))
    return (1 + np.sum(found[1:] >= least, axis=0)) / len(found)


def p_family(found: np.ndarray) -> np.ndarray:
    """p (time,) of the first of (deal, time) against the greatest of each deal."""
    return p_values(np.vstack([found[:1], np.broadcast_to(
        found[1:].max(axis=1, keepdims=True), found[1:].shape)]))  # fmt: skip


def resampling_unit(trials: Trials) -> tuple[str, np.ndarray]:
    """What is drawn again for an interval, and the number (trial,) of each's unit.

    Sessions where there are five, else blocks where there are five, else stretches of
    trials that share frames, else trials.
    """
    sessions = _numbered(trials.subject, trials.session)
    if np.unique(sessions).size >= _LEAST_GROUPS:
        return "session", sessions
    if np.unique(groups_of(trials)).size >= _LEAST_GROUPS:
        return "block", groups_of(trials)
    if trials.stretch is not None:
        return "stretch", trials.stretch
    return "trial", np.arange(trials.labels.size)


def resampled(
    unit: np.ndarray, strata: np.ndarray, *, seed: int, count: int = _RESAMPLES
) -> np.ndarray:
    """How often each trial is drawn, (count, trial): whole units, with replacement.

    Trials that are units by themselves are drawn within their stratum (class).
    """
    draw = np.random.default_rng(seed)
    made = np.zeros((count, unit.size))
    if np.unique(unit).size == unit.size:
        for stratum in np.unique(strata):
            members = np.flatnonzero(strata == stratum)
            shares = np.full(members.size, 1 / members.size)
            made[:, members] = draw.multinomial(members.size, shares, size=count)
        return made
    units, number = np.unique(unit, return_inverse=True)
    drawn = draw.multinomial(units.size, np.full(units.size, 1 / units.size), count)
    return drawn[:, number].astype(float)


def wilson(
    share: np.ndarray, count: float | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of a share of `count` (Wilson 1927, J Am Stat Assoc 22:209)."""
    z = norm.ppf(0.975)
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    half = half * z / (1 + z**2 / count)
    # at a share of 0 or 1 the bound is that share, which rounding must not cross
    return np.minimum(centre - half, share), np.maximum(centre + half, share)


def _cells(
    groups: np.ndarray, splits: Splits, stretch: np.ndarray | None
) -> list[np.ndarray]:
    """Trials (unit, trial) of each group and fold whose units may trade labels."""
    fold = np.zeros(groups.size, dtype=int)
    for k, (_, test) in enumerate(splits):
        fold[test] = k
    unit = np.arange(groups.size) if stretch is None else stretch
    sizes = np.unique(unit, return_inverse=True, return_counts=True)
    cell = _numbered(groups, fold, sizes[2][sizes[1].reshape(-1)])
    found = []
    for k in range(int(cell.max()) + 1):
        members = np.flatnonzero(cell == k)
        members = members[np.argsort(unit[members], kind="stable")]
        found.append(members.reshape(np.unique(unit[members]).size, -1))
    return found


def _refuse_copies(values: np.ndarray) -> None:
    # copies share every frame, so that one tells which trials to compare whole
    frame = [each[len(each) // 2].tobytes() for each in values]
    often = Counter(frame)
    seen: dict[bytes, int] = {}
    for trial, each in enumerate(values):
        if often[frame[trial]] == 1:
            continue
        found = seen.setdefault(sha256(each.tobytes()).digest(), trial)
        # trials of few events may be equal by chance
        if found != trial and np.unique(each).size >= _MANY_VALUES:
            raise InputError(
                f"trials {found} and {trial} are the same to the last digit: what is "
                "learned of one is known of the other, so that nothing is held out; "
                "give each trial once (a model without noise has one per class: add "
                "noise, or that of the sensors)"
            )


def _numbered(*columns: np.ndarray) -> np.ndarray:
    """One number (trial,) for each combination of the columns' values."""
    made = np.zeros(columns[0].size, dtype=int)
    for column in columns:
        _, codes = np.unique(column, return_inverse=True)
        _, made = np.unique(made * (codes.max() + 1) + codes, return_inverse=True)
    return made.reshape(-1)
