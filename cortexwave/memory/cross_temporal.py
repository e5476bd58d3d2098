"""Does one operator pass what is held of one item on to where the next older stands?

At one moment the state holds the items of a sequence, x = sum_r W_r u_r. In a shift
memory, whatever basis it hides in, W_r = Phi W_{r+1}: the newer item is on its way to
where the older one is (in the order of age, W_{a+1} = Phi W_a; Karuvally et al. 2024,
arXiv 2402.10163). In slots each item stays (Phi is the identity on it, and takes no
slot to another); in a leak all share one place (Phi takes each to the next, but so does
doing nothing). Nothing is assumed of where sites are.

The subspaces come from one half of the trials for r, from the other for r + 1, as
noise that the state itself carries along obeys Phi too. All is measured after making
the state uncorrelated and of unit variance, so that noise has no direction of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.lagged import (
    LagRule,
    components,
    instrumental,
    lagged_covariances,
)
from cortexwave.memory.propagator import lag_rule, operator_size
from cortexwave.memory.series import Series, series

_BLOCKS = 10  # of trials, for the jackknife
_LEAST_GAIN = 0.1  # of a squared cosine; see `moves`


def cross_temporal(
    recording: xr.Dataset | xr.DataArray,
    items: xr.DataArray,
    *,
    variable: str | None = None,
    at: float,
    noise_correlation: float,
    seed: int,
    rank: int | None = None,
    lags: int = 10,
    count: int = 199,
    alpha: float = 0.05,
) -> xr.Dataset:
    """How well Phi takes the subspace of each item onto that of the item before.

    `items` (trial, rank) of symbols (whole numbers or text), or of numbers, also
    (trial, rank, input), with the coordinate `onset` (rank) in s, in equal steps of
    whole frames; `at` (s) is the one moment at which all are read, at or after the last
    onset. Phi is the instrumental propagator (`noise_correlation`, `rank`, `lags`
    as in `propagator`) over the time between two onsets.

    overlap       (newer, older): mean squared cosine of the angles between Phi W and
                  W; the shift is the diagonal below the main one, older = newer - 1
    at_rest       the same without Phi
    score         mean over neighbours of overlap; `score_at_rest` of at_rest, and
                  `score_reversed` with the operator of the reversed time, Phi'
    gain          score less the greater of those two, with `gain_error`, its standard
                  error by a jackknife over ten blocks of trials. (What only decays,
                  in orthogonal modes, has Phi' = Phi: it takes noise from a subspace
                  that stays, so that with it the overlap is greater than at rest.)
    p_items       how often the score is reached after whole sequences of items were
                  dealt to other trials: are items held, and passed on?
    p_operator    how often an operator of the same eigenvalues in another, random
                  basis reaches it: is it this operator that passes them on?
    chance        (null) mean of both
    moves         both p are at most `alpha`, gain exceeds 1.645 of its error and is a
                  tenth or more. Needs all: a leak passes the first, and may pass the
                  second. The tenth is there for leaks into which the noise of other
                  sites is fed (modes that are not orthogonal): their gain is not 0
                  (some 0.03 in simulations), and the error alone would not stop it

    Raises `InputError` where trials do not suffice, with the number needed.
    """
    measured = series(recording, variable)
    design, ranks, apart = _design(items, measured)
    frame = _frame(at, items, measured)
    rule = lag_rule(measured, noise_correlation, lags, apart)
    size = operator_size(measured, rule, rank)
    numbers = design.shape[1] * design.shape[2]
    if len(design) < 4 * _BLOCKS or len(design) // 2 <= numbers + 1:
        needed = max(4 * _BLOCKS, 2 * (numbers + 2))
        raise InputError(
            f"{len(design)} trials; {design.shape[1]} items of {design.shape[2]} "
            f"numbers each need {needed}, as each half is fitted alone"
        )
    if count < 19:
        raise InputError(f"count is {count}; p below 0.05 needs 19")
    draw = np.random.default_rng(seed)
    # in random order, so that a drift over a session does not divide the halves
    order = draw.permutation(len(design))
    trials = _Trials(measured.values[order], design[order], frame, rule, size)
    fit = _Fit.of(trials)
    turned, still = fit.overlaps(), fit.overlaps(np.eye(size))
    score, rest, back = fit.scores()
    dealt = np.array([_neighbours(fit.dealt(draw).overlaps()) for _ in range(count)])
    rotated = np.array(
        [_neighbours(fit.rotated(draw).overlaps()) for _ in range(count)]
    )
    left_out = (_Fit.of(part).scores() for part in trials.without_each_block())
    gains = np.array([_gain(*scores) for scores in left_out])
    left = len(gains)
    error = float(np.sqrt((left - 1) / left * np.sum((gains - gains.mean()) ** 2)))
    p = [(1 + int(np.sum(each >= score - 1e-12))) / (1 + count)
         for each in (dealt, rotated)]  # fmt: skip
    gain = _gain(score, rest, back)
    moves = max(p) <= alpha and gain > max(1.645 * error, _LEAST_GAIN)
    scalars = {"score": score, "score_at_rest": rest, "score_reversed": back,
               "gain": gain, "gain_error": error, "p_items": p[0], "p_operator": p[1],
               "moves": moves}  # fmt: skip
    one = {"units": "1"}
    return xr.Dataset(
        {"overlap": (("newer", "older"), turned, one),
         "at_rest": (("newer", "older"), still, one),
         "chance": ("null", [float(dealt.mean()), float(rotated.mean())], one),
         **{name: ((), value, one) for name, value in scalars.items()}},
        {"newer": ("newer", ranks), "older": ("older", ranks),
         "null": ["items", "operator"]},
        {**measured.attributes, "at": float(measured.clock[frame]), "rank": size,
         "stride": apart, "lags": lags, "first_lag": rule.first,
         "noise_correlation": noise_correlation, "count": count, "seed": seed,
         "alpha": alpha},
    )  # fmt: skip


@dataclass(frozen=True)
class _Trials:
    """Trials in random order: (trial, time, site) and (trial, rank, input)."""

    values: np.ndarray
    design: np.ndarray
    frame: int
    rule: LagRule
    size: int

    def without_each_block(self) -> list[_Trials]:
        blocks = np.arange(len(self.values)) * _BLOCKS // len(self.values)
        return [
            _Trials(self.values[blocks != k], self.design[blocks != k], self.frame,
                    self.rule, self.size)
            for k in range(_BLOCKS)
        ]  # fmt: skip


@dataclass(frozen=True)
class _Fit:
    """Two halves: white states (trial, component) at the moment, design, operator."""

    states: tuple[np.ndarray, np.ndarray]
    design: tuple[np.ndarray, np.ndarray]  # (trial, rank, input)
    operators: tuple[np.ndarray, np.ndarray]

    @staticmethod
    def of(trials: _Trials) -> _Fit:
        values = trials.values
        if trials.size < values.shape[2]:
            values = values @ components(values, trials.rule, trials.size)
        variance, axes = np.linalg.eigh(lagged_covariances(values, (0,))[0])
        scale = np.sqrt(np.maximum(variance, 1e-10 * variance[-1]))
        white = values @ (axes / scale)
        # every other trial: each block of trials has as many of both halves
        halves = (slice(0, None, 2), slice(1, None, 2))
        first, second = (white[half] for half in halves)
        return _Fit(
            (first[:, trials.frame], second[:, trials.frame]),
            (trials.design[halves[0]], trials.design[halves[1]]),
            (instrumental(first, trials.rule), instrumental(second, trials.rule)),
        )

    def dealt(self, draw: np.random.Generator) -> _Fit:
        """Whole sequences of items dealt to other trials of the same half."""
        one, other = (each[draw.permutation(len(each))] for each in self.design)
        return _Fit(self.states, (one, other), self.operators)

    def rotated(self, draw: np.random.Generator) -> _Fit:
        """The operators of the same eigenvalues in one random orthonormal basis."""
        made, sign = np.linalg.qr(draw.standard_normal(self.operators[0].shape))
        basis = made * np.sign(np.diagonal(sign))
        one, other = (basis @ each @ basis.T for each in self.operators)
        return _Fit(self.states, self.design, (one, other))

    def scores(self) -> tuple[float, float, float]:
        """Mean over neighbours: with the operator, at rest, and with its transpose."""
        one, other = (each.T for each in self.operators)
        back = _Fit(self.states, self.design, (one, other))
        still = self.overlaps(np.eye(len(one)))
        return tuple(map(_neighbours, (self.overlaps(), still, back.overlaps())))  # type: ignore[return-value]

    def overlaps(self, operator: np.ndarray | None = None) -> np.ndarray:
        """(newer, older), the mean of both ways to use the halves."""
        one, other = (
            _subspaces(states, design)
            for states, design in zip(self.states, self.design, strict=True)
        )
        phi, psi = self.operators if operator is None else (operator, operator)
        return (_overlap(phi @ one, other) + _overlap(psi @ other, one)) / 2


def _subspaces(states: np.ndarray, design: np.ndarray) -> np.ndarray:
    """Least-squares W of all items together, (rank, component, input)."""
    trials, ranks, inputs = design.shape
    flat = design.reshape(trials, -1)
    fitted = np.linalg.lstsq(
        flat - flat.mean(axis=0), states - states.mean(axis=0), rcond=None
    )[0]
    return fitted.reshape(ranks, inputs, -1).transpose(0, 2, 1)


def _overlap(newer: np.ndarray, older: np.ndarray) -> np.ndarray:
    """Mean squared cosine of principal angles, (newer, older)."""
    one, other = (np.linalg.qr(each)[0] for each in (newer, older))
    cosines = np.einsum("aci,bcj->abij", one, other)
    return np.sum(cosines**2, axis=(2, 3)) / min(one.shape[2], other.shape[2])


def _neighbours(overlap: np.ndarray) -> float:
    """Mean over newer = older + 1."""
    return float(np.diagonal(overlap, offset=-1).mean())


def _gain(score: float, at_rest: float, reverse: float) -> float:
    return score - max(at_rest, reverse)


def _design(
    items: xr.DataArray, measured: Series
) -> tuple[np.ndarray, np.ndarray, int]:
    """Numbers (trial, rank, input), the ranks, and frames between two onsets."""
    if items.dims[:2] != ("trial", "rank") or items.dims[2:] not in ((), ("input",)):
        raise InputError(f"items have dims {items.dims}, not (trial, rank) or (trial, "
                         "rank, input)")  # fmt: skip
    if items.sizes["trial"] != len(measured.values) or items.sizes["rank"] < 2:
        raise InputError(
            f"items of {items.sizes['trial']} trials and {items.sizes['rank']} ranks; "
            f"the recording has {len(measured.values)} trials, and 2 ranks are needed"
        )
    if "onset" not in items.coords or items["onset"].dims != ("rank",):
        raise InputError("items have no coordinate 'onset' (rank), in s")
    onset = np.asarray(items["onset"].values, dtype=float)
    frames = np.diff(onset) / measured.step
    apart = round(float(frames[0])) if np.isfinite(frames).all() else 0
    if apart < 1 or np.abs(frames - apart).max() > 0.01 * apart:
        raise InputError(f"onsets {onset.tolist()} s are not equally apart by a whole "
                         f"number of frames of {measured.step:g} s")  # fmt: skip
    values = np.asarray(items.values)
    if values.dtype.kind in "iuUSOb" and items.ndim == 2:
        symbols = np.unique(values)
        if symbols.size < 2:
            raise InputError("items are all the same symbol")
        # the last is what the others are not
        numbers = (values[..., None] == symbols[:-1]).astype(float)
    else:
        numbers = values.astype(float).reshape(*values.shape[:2], -1)
    if not np.isfinite(numbers).all():
        raise InputError("items are not finite everywhere")
    flat = (numbers - numbers.mean(axis=0)).reshape(len(numbers), -1)
    if np.linalg.matrix_rank(flat) < flat.shape[1]:
        raise InputError(
            "items of different ranks do not vary apart, so that no part of the state "
            "can be told to be one's or another's"
        )
    ranks = items["rank"].values if "rank" in items.coords else np.arange(onset.size)
    return numbers, np.asarray(ranks), apart


def _frame(at: float, items: xr.DataArray, measured: Series) -> int:
    last, end = float(items["onset"].values[-1]), float(measured.clock[-1])
    half = measured.step / 2
    if not last - half <= at <= end + half:
        raise InputError(f"at is {at} s; all items are there from {last:g} s, their "
                         f"last onset, to {end:g} s, the last frame")  # fmt: skip
    return int(np.argmin(np.abs(measured.clock - at)))
