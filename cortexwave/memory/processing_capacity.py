"""How much a state holds of products of past inputs, not only of the inputs themselves.

Information-processing capacity (Dambre, Verstraeten, Schrauwen & Massar 2012, Sci. Rep.
2:514): targets are products of orthogonal polynomials of the inputs at several lags,
and each is read linearly from the state. Degree 1 is the memory function. Targets are
orthogonal to one another, so their capacities add up, to at most the number of sites.

The polynomials are those orthonormal under the drive's own values: Legendre's for a
uniform drive, Hermite's for a Gaussian one; a binary drive has degree 1 only, and its
products are of values at different lags.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations_with_replacement
from math import comb

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.arguments import check_surrogates
from cortexwave.memory.driven import Driven, given, refuse_lags
from cortexwave.memory.held_out import (
    RIDGES,
    Split,
    fits,
    predictions,
    resampled,
    scores,
    single,
    split,
    standard,
)
from cortexwave.memory.memory_function import ENDS, LEVEL, whitened

_MOST_TARGETS = 20_000
_CHUNK = 512  # targets at a time

Factor = tuple[int, int, int]  # patch, lag, degree of its polynomial


def processing_capacity(
    states: xr.Dataset | Driven,
    *,
    variable: str | None = None,
    lags: Sequence[int],
    folds: int = 5,
    surrogates: int = 49,
    ridges: Sequence[float] = RIDGES,
    components: int = 1000,
    seed: int,
) -> xr.Dataset:
    """Capacity of the states for products of past inputs, by their degree.

    `states`: a recording with its drive, or `driven_from` arrays. `lags`: of degree 1,
    of degree 2, ...: products reach back to lags - 1 values; 0 leaves a degree out.

    Over `target` (its name in coordinate `product`, its `degree`, its oldest lag
    `reach`): `capacity_of`, corrected as in `memory_function`, and `p` by shifts of
    the drive, of the largest of all targets of that degree. Over `order`, the degrees:
    `capacity`, the sum over targets above the degree's `threshold`, `low`, `high`
    (95 %, bootstrap of stretches), `capacity_all` without the threshold, `targets`.
    Scalars: `total`, and `nonlinear_share` of it, of degrees above 1; `sites`, the
    bound of `total`.
    """
    driven = given(states, variable)
    reach = _checked_lags(lags)
    refuse_lags(driven, reach)
    check_surrogates(surrogates, seed)
    drive, white = whitened(driven.drive, reach)
    if not white:
        raise InputError(
            "the drive's values depend on those before them; products of its lags are "
            "then not orthogonal and their capacities do not add up: use a white drive"
        )
    highest = max(d for d, n in enumerate(lags, 1) if n)
    polynomials = orthonormal(drive, highest)  # (degree, trial, clock, patch)
    targets = products(lags, driven.patches, len(polynomials))
    made, order = split(driven.states[:, reach - 1 :], folds=folds,
                        components=components, copies=driven.copies)  # fmt: skip
    fitted = fits(made)
    least = single(made, fitted)
    degrees = np.array([sum(f[2] for f in target) for target in targets])
    known = np.unique(degrees)
    draw = np.random.default_rng([seed, 0])
    first, last = 2 * reach, drive.shape[1] - reach
    shifts = draw.choice(np.arange(first, last), min(surrogates, last - first),
                         replace=False)  # fmt: skip
    found = np.zeros(len(targets))
    greatest = np.full((len(shifts), highest + 1), -np.inf)
    chunks = [np.arange(low, min(low + _CHUNK, len(targets)))
              for low in range(0, len(targets), _CHUNK)]  # fmt: skip
    for n, shift in enumerate(shifts):
        moved = np.roll(polynomials, int(shift), axis=2)
        for chunk in chunks:
            wanted = _values(moved, [targets[k] for k in chunk], reach, order)
            score = _scored(*least, wanted.astype(np.float32), ridges)
            for degree in np.unique(degrees[chunk]):
                most = score[degrees[chunk] == degree].max()
                greatest[n, degree] = max(greatest[n, degree], most)
    threshold = np.array([np.quantile(greatest[:, d], LEVEL) for d in known])
    change = np.zeros((known.size, 1))
    for chunk in chunks:
        wanted = _values(polynomials, [targets[k] for k in chunk], reach, order)
        read = predictions(made, fitted, wanted, ridges)
        found[chunk] = scores(made, read, wanted)
        # one generator per chunk with the same seed: the same stretches for all targets
        drawn = resampled(made, [read], wanted, reach,
                          np.random.default_rng([seed, 1]))[0]  # fmt: skip
        drawn = drawn - drawn.mean(axis=0)
        of = np.searchsorted(known, degrees[chunk])
        counted = found[chunk] > threshold[of]
        change = change + np.array([
            drawn[:, counted & (of == d)].sum(axis=1) for d in range(known.size)
        ])  # fmt: skip
    of = np.searchsorted(known, degrees)
    counted = found > threshold[of]
    p = (1 + (greatest[:, degrees] >= found).sum(axis=0)) / (1 + len(shifts))
    capacity = np.array([found[counted & (of == d)].sum() for d in range(known.size)])
    total = float(capacity.sum())
    reason = "" if total > 0 else "no product exceeds the surrogates' threshold"
    per_order = {
        "capacity": capacity, "threshold": threshold,
        "capacity_all": np.array([found[of == d].sum() for d in range(known.size)]),
        **{end: capacity + np.quantile(change, at, axis=1) for end, at in ENDS.items()},
        "targets": np.bincount(of),
    }  # fmt: skip
    scalars = {
        "total": total, "sites": float(made.states.shape[1]),
        "nonlinear_share":
            float(capacity[known > 1].sum() / total) if total > 0 else np.nan,
    }  # fmt: skip
    return xr.Dataset(
        {
            "capacity_of": ("target", found, {"units": "1"}),
            "p": ("target", p, {"units": "1"}),
            **{name: ("order", values, {"units": "1"})
               for name, values in per_order.items()},
            **{name: ((), value, {"units": "1"}) for name, value in scalars.items()},
        },
        {"order": ("order", known, {"units": "1"}),
         "degree": ("target", degrees, {"units": "1"}),
         "reach": ("target", np.array([max(f[1] for f in each) for each in targets]),
                   {"units": "1"}),
         "product": ("target", [_name(each, driven.patches) for each in targets])},
        {"measure": "processing_capacity", **driven.attributes, "lags": list(lags),
         "folds": folds, "surrogates": len(shifts), "components": made.states.shape[1],
         "ridge_low": float(min(ridges)), "ridge_high": float(max(ridges)),
         "highest_of_one_value": len(polynomials) - 1, "seed": seed,
         "values": driven.rows(reach - 1), "reason": reason},
    )  # fmt: skip


def orthonormal(drive: np.ndarray, highest: int) -> np.ndarray:
    """Polynomials orthonormal under the drive's values: (degree, *drive), from 0 on.

    There are fewer than `highest` + 1 where the drive has few different values.
    """
    flat = drive.ravel()
    flat = (flat - flat.mean()) / np.abs(flat - flat.mean()).max()
    different = np.unique(flat.round(9)).size
    columns = np.stack([flat**d for d in range(min(highest, different - 1) + 1)])
    across = np.linalg.qr(columns.T)[0].T * np.sqrt(flat.size)
    across *= np.sign(np.sum(across * columns, axis=1))[:, None]
    return np.asarray(across.reshape(len(columns), *drive.shape))


def products(
    lags: Sequence[int], patches: int, available: int
) -> list[tuple[Factor, ...]]:
    """All products of polynomials of each total degree, as factors of each."""
    count = sum(comb(n * patches + d - 1, d) for d, n in enumerate(lags, 1) if n)
    if count > _MOST_TARGETS:
        raise InputError(
            f"lags {list(lags)} of {patches} patches make {count} products; at most "
            f"{_MOST_TARGETS} are tried: ask for fewer lags at the higher degrees"
        )
    made = []
    for degree, length in enumerate(lags, 1):
        past = [(patch, lag) for lag in range(length) for patch in range(patches)]
        for chosen in combinations_with_replacement(past, degree):
            counts = Counter(chosen)
            if max(counts.values()) < available:
                made.append(tuple((*at, d) for at, d in counts.items()))
    if not made:
        raise InputError("the drive has too few different values for any product of "
                         "these degrees")  # fmt: skip
    return made


def _values(
    polynomials: np.ndarray, targets: list[tuple[Factor, ...]], reach: int,
    order: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Products (row, target) at the rows from reach - 1 on, in the order of folds."""
    length = polynomials.shape[2]
    columns = []
    for target in targets:
        value = np.ones((polynomials.shape[1], length - reach + 1))
        for patch, lag, degree in target:
            value = (
                value * polynomials[degree, :, reach - 1 - lag : length - lag, patch]
            )
        columns.append(value.ravel()[order])
    return np.stack(columns, axis=1)


def _scored(
    made: Split, fitted: list, wanted: np.ndarray, ridges: Sequence[float]
) -> np.ndarray:
    return scores(made, predictions(made, fitted, standard(wanted), ridges), wanted)


def _checked_lags(lags: Sequence[int]) -> int:
    if not lags or min(lags) < 0 or max(lags) < 1:
        raise InputError(f"lags are {list(lags)}; give one number of lags for each "
                         "degree from 1 on, such as [30, 10, 5]")  # fmt: skip
    return max(lags)


def _name(target: tuple[Factor, ...], patches: int) -> str:
    return " ".join(
        f"P{degree}(u{patch if patches > 1 else ''}[-{lag}])"
        for patch, lag, degree in target
    )
