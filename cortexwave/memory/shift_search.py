"""Which velocity takes a field back best, looked up in a table of what was right.

Every displacement that any velocity asks for is tried once; a search, and each deal of
the times, then only looks up. The velocity of a fold is chosen on all others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

_LOOKED_UP = 2**20  # at once, of many deals
_DIGITS = 12  # of scores; velocities that differ by rounding alone are equally good


@dataclass(frozen=True)
class Plan:
    """Displacements in pitches that any velocity asks for at any lag.

    `moves` (displacement, axis), the first 0; `at` (velocity, lag, sign) which of them
    a velocity needs, for b - a = lag and -lag; `mirror` the velocity turned round.
    """

    moves: np.ndarray
    at: np.ndarray
    mirror: np.ndarray

    @staticmethod
    def of(velocities: np.ndarray, lags: int) -> Plan:
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
        return Plan(moves[order], rank[at.reshape(need.shape[:3])], mirror)

    @property
    def count(self) -> int:
        """Velocities that may be chosen; their mirrors come after them."""
        return len(self.at) // 2


@dataclass(frozen=True)
class Search:
    """Looks up in `table` (left out, a, trial, b, displacement) what was right.

    `table[f, ..., trial, ...]` is by a decoder that saw neither fold f nor the fold of
    the trial; f is the trial's own fold where only that was left out.
    """

    table: np.ndarray
    plan: Plan
    fold: np.ndarray
    weight: np.ndarray
    folds: int

    def best(self, times: np.ndarray) -> np.ndarray:
        """The velocity (fold,) with the best mean accuracy on all other folds.

        `times` (trial, a) are those that the frames are said to be of. Slow and
        obvious; `best_of_deals` is the same for many.
        """
        score = np.zeros((self.folds, self.plan.count))
        for a, moves, lag in self._lagged():
            b = times[:, a + lag]  # (trial, a)
            for f in range(self.folds):
                others = np.flatnonzero(self.fold != f)
                right = self.table[
                    f, a[None, :, None], others[:, None, None],
                    b[others][:, :, None], moves,
                ]  # (trial, a, velocity)  # fmt: skip
                score[f] += self.weight[others] @ _mean_apart(right, a, b[others])
        return np.round(score, _DIGITS).argmax(axis=1)

    def best_of_deals(self, dealt: np.ndarray) -> np.ndarray:
        """`best` (deal, fold) of each deal of the times (deal, trial, a).

        What a deal looks up at a lag is a sparse row of weights over all of (a, trial,
        b), so that one product with the table serves many deals.
        """
        deals, trials, times = dealt.shape
        score = np.zeros((deals, self.folds, self.plan.count))
        at_once = max(1, _LOOKED_UP // (trials * times))
        for a, moves, lag in self._lagged():
            tables = [
                np.take(self.table[f, a], moves, axis=3).reshape(-1, moves.size)
                for f in range(self.folds)
            ]  # each (a and trial and b, velocity)
            place = np.arange(a.size * trials).reshape(a.size, trials).T * times
            for first in range(0, deals, at_once):
                some = slice(first, first + at_once)
                b = dealt[some][:, :, a + lag]  # (deal, trial, a)
                apart = b != a
                count = np.maximum(apart.sum(axis=2, keepdims=True), 1)
                share = self.weight[:, None] * apart / count
                row = np.arange(len(b) + 1) * (trials * a.size)
                for f, table in enumerate(tables):
                    held = share * (self.fold != f)[:, None]
                    looked_up = csr_array(
                        (held.reshape(-1), (place + b).reshape(-1), row),
                        shape=(len(b), len(table)),
                    )
                    score[some, f] += looked_up @ table.astype(float)
        return np.round(score, _DIGITS).argmax(axis=2)

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

    def _lagged(self) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
        """Times a, displacement (velocity,) and b - a of every lag but 0."""
        for lag in range(1, self.plan.at.shape[1]):
            for sign, a in self._pairs(lag, self.table.shape[1]):
                moves = self.plan.at[: self.plan.count, lag, sign]
                yield a, moves, lag if sign == 0 else -lag

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
