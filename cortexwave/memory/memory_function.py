"""How much of the value shown k steps ago a linear reader finds in the present state.

m(k) = max over w of corr^2(w x_j, u_{j-k}), for a drive u of independent values and the
states x at its clock (Jaeger 2001, GMD report 152; White, Lee & Sompolinsky 2004, Phys.
Rev. Lett. 92:148102). Measured on values the reader was not fitted on: fitted and
tried on the same T values, N sites hold N / (T - 1) of anything. The sum over k, the
capacity, cannot exceed N.

It is the memory of small inputs: if doubling the drive's amplitude changes m(k) by more
than some 10 %, the sheet is not linear in it, and `processing_capacity` has the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.arguments import check_surrogates
from cortexwave.memory.driven import Driven, given, refuse_lags
from cortexwave.memory.held_out import (
    RIDGES,
    SHARES,
    Fit,
    Split,
    fits,
    limit_weights,
    predictions,
    resampled,
    scores,
    single,
    split,
    standard,
)

_CHUNK = 512  # targets at a time
LEVEL = 0.95
ENDS = {"low": (1 - LEVEL) / 2, "high": (1 + LEVEL) / 2}  # of an interval
_LARGEST_CORRELATION = 0.1  # of the drive with its own past, else it is whitened


def memory_function(
    states: xr.Dataset | Driven,
    *,
    variable: str | None = None,
    lags: int,
    folds: int = 5,
    surrogates: int = 199,
    ridges: Sequence[float] = RIDGES,
    components: int = 1000,
    seed: int,
) -> xr.Dataset:
    """Memory of each value of the drive against its age, for each patch it drives.

    `states`: a recording with its drive, or `driven_from` arrays. `lags`: ages 0 to
    lags - 1 in values of the drive. `ridges` are tried per lag inside the training
    folds, in units of the mean eigenvalue; beyond `components` sites their leading
    principal components are read.

    Over `patch` and `lag` (with `age` in s): `memory`, m(k), less what chance gives
    (around 0, also below it, where there is none), `low`, `high` (95 %, bootstrap of
    stretches of held-out values), `memory_limit` (straight line in 1 / training values
    through all, a half and a quarter of them, to infinitely many, at most 1; NaN where
    a quarter is fewer than the sites) and `p`, by circular shifts of the drive, of the
    largest of all lags and patches (family-wise).
    `threshold` is the shifts' 95 %, `null_mean` their mean at one lag.

    Of each patch: `capacity`, the sum of m(k) over lags above the threshold, with
    `capacity_low`, `capacity_high`; `capacity_limit`, its limit, with `_low`, `_high`;
    `capacity_all_lags`, without the threshold; `span` = capacity * tick in s;
    `half_life`, the greatest age in s with m > 0.5, NaN where there is none.
    `capacity_total` is the sum over patches; `white` says whether the drive's values
    are independent of those before; if not, what its past does not foretell is read.
    """
    driven = given(states, variable)
    refuse_lags(driven, lags)
    check_surrogates(surrogates, seed)
    if len(ridges) == 0 or min(ridges) <= 0:
        raise InputError(f"ridges are {list(ridges)}; positive numbers are due")
    drive, white = whitened(driven.drive, lags)
    made, order = split(
        driven.states[:, lags - 1 :], folds=folds, components=components,
        copies=driven.copies,
    )  # fmt: skip
    patches = driven.patches

    def targets(shifts: np.ndarray) -> np.ndarray:  # (row, shift and patch)
        rows = np.arange(lags - 1, drive.shape[1])[:, None] - shifts
        shown = drive[:, rows % drive.shape[1]]  # (trial, row, shift, patch)
        return np.ascontiguousarray(shown.reshape(-1, shifts.size * patches)[order])

    reasons: list[str] = []
    ages = np.arange(lags)
    own = targets(ages)
    series_of_fits = [fits(made, share) for share in SHARES]
    read = [predictions(made, fitted, own, ridges) for fitted in series_of_fits]
    each = np.array([scores(made, one, own) for one in read])
    into_limit = limit_weights(series_of_fits)
    if min(fit.rows for fit in series_of_fits[-1]) <= made.states.shape[1]:
        into_limit = np.full(len(SHARES), np.nan)
        reasons.append("memory_limit: a quarter of the training values is fewer than "
                       "the sites")  # fmt: skip
    memory = each[0]
    limit = (into_limit @ each).clip(max=1.0)  # a line may pass what m(k) cannot
    null = _shifted(*single(made, series_of_fits[0]), targets, lags, drive.shape[1],
                    surrogates, ridges, np.random.default_rng([seed, 0]))  # fmt: skip
    greatest = null.max(axis=1)
    threshold = float(np.quantile(greatest, LEVEL))
    p = (1 + (greatest[:, None] >= memory).sum(axis=0)) / (1 + len(greatest))
    above = memory > threshold
    drawn = resampled(made, read, own, lags, np.random.default_rng([seed, 1]))
    deviation = drawn - drawn.mean(axis=1, keepdims=True)  # (share, draw, target)

    def shaped(values: np.ndarray) -> np.ndarray:  # (..., lag and patch) -> (patch,lag)
        return np.moveaxis(values.reshape(*values.shape[:-1], lags, patches), -1, -2)

    counted = shaped(above)
    sums = {
        "capacity": (shaped(memory), shaped(deviation[0])),
        "capacity_limit": (shaped(limit),
                           shaped(np.tensordot(into_limit, deviation, 1))),
    }  # fmt: skip
    variables: dict[str, Any] = {}
    for name, (values, change) in sums.items():
        total = np.sum(values * counted, axis=-1)
        around = np.sum(change * counted, axis=-1)  # (draw, patch)
        variables[name] = ("patch", total, {"units": "1"})
        for end, at in ENDS.items():
            variables[f"{name}_{end}"] = (
                "patch", total + np.quantile(around, at, axis=0), {"units": "1"},
            )  # fmt: skip
    half = _half_life(shaped(memory), driven.tick)
    if not above.any():
        reasons.append("no lag exceeds the surrogates' threshold")
    if np.isnan(half).any():
        reasons.append("half_life: no lag has m above 0.5 in "
                       f"{int(np.isnan(half).sum())} of {patches} patches")  # fmt: skip
    per_lag = {
        "memory": memory, "memory_limit": limit,
        **{end: memory + np.quantile(deviation[0], at, axis=0)
           for end, at in ENDS.items()}, "p": p,
    }  # fmt: skip
    capacity = variables["capacity"][1]
    return xr.Dataset(
        {
            **{name: (("patch", "lag"), shaped(values), {"units": "1"})
               for name, values in per_lag.items()},
            **variables,
            "capacity_all_lags": ("patch", shaped(memory).sum(axis=1), {"units": "1"}),
            "span": ("patch", capacity * driven.tick, {"units": "s"}),
            "half_life": ("patch", half, {"units": "s"}),
            "capacity_total": ((), float(capacity.sum()), {"units": "1"}),
            "threshold": ((), threshold, {"units": "1"}),
            "null_mean": ((), float(null.mean()), {"units": "1"}),
        },
        {"lag": ("lag", ages, {"units": "1"}),
         "age": ("lag", ages * driven.tick, {"units": "s"}),
         **patch_coordinates(driven)},
        {"measure": "memory_function", **driven.attributes, "lags": lags,
         "folds": folds, "surrogates": len(null),
         "ridge_low": float(min(ridges)), "ridge_high": float(max(ridges)),
         "components": min(components, driven.sites), "seed": seed,
         "values": driven.rows(lags - 1), "white": int(white),
         "cautions": "; ".join(_cautions(driven, lags)), "reason": "; ".join(reasons)},
    )  # fmt: skip


def whitened(drive: np.ndarray, lags: int) -> tuple[np.ndarray, bool]:
    """The drive (trial, clock, patch), or what its own past does not foretell of it.

    White is a drive none of whose autocorrelations at 1 to `lags` exceeds both 0.1 and
    what one of that many would by chance.
    """
    trials, length, patches = drive.shape
    values = standard(drive.reshape(-1, patches)).reshape(drive.shape)
    depth = min(lags, length // 4)
    pairs = np.array([trials * (length - k) for k in range(1, depth + 1)])
    past = np.array([np.mean(values[:, k:] * values[:, :-k], axis=(0, 1))
                     for k in range(1, depth + 1)])  # fmt: skip
    allowed = np.maximum(_LARGEST_CORRELATION, 4.5 / np.sqrt(pairs))
    if (np.abs(past) <= allowed[:, None]).all():
        return values, True
    order = min(depth, max(1, trials * length // (20 * patches)))
    before = np.pad(values, ((0, 0), (order, 0), (0, 0)))
    rows = np.stack(
        [before[:, order - k : order - k + length] for k in range(1, order + 1)], axis=2
    ).reshape(trials * length, -1)
    flat = values.reshape(-1, patches)
    foretold = rows @ np.linalg.lstsq(rows, flat, rcond=None)[0]
    return standard(flat - foretold).reshape(drive.shape), False


def patch_coordinates(driven: Driven) -> dict[str, Any]:
    """Coordinates of `patch`: its number, and where it lies in mm if known."""
    named: dict[str, Any] = {"patch": np.arange(driven.patches)}
    if driven.sources is not None:
        named |= {f"patch_{axis}": ("patch", driven.sources[:, k], {"units": "mm"})
                  for k, axis in enumerate("xy")}  # fmt: skip
    return named


def _shifted(
    made: Split, fitted: list[Fit], targets: Any, lags: int, length: int, count: int,
    ridges: Sequence[float], draw: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Scores of the drive shifted around by more than all lags: (surrogate, target).

    Every lag of every surrogate is one shift of the drive in all; each is tried once.
    """
    first, last = 2 * lags, length - lags
    starts = np.arange(first, last)
    if starts.size > count:
        starts = np.sort(draw.choice(starts, count, replace=False))
    every = np.unique(starts[:, None] + np.arange(lags))
    found = []
    per = max(1, _CHUNK // (targets(every[:1]).shape[1]))
    for low in range(0, every.size, per):
        chunk = every[low : low + per]
        wanted = targets(chunk).astype(np.float32)
        read = predictions(made, fitted, wanted, ridges)
        found.append(scores(made, read, wanted).reshape(chunk.size, -1))
    scored = np.concatenate(found)  # (shift, patch)
    at = np.searchsorted(every, starts[:, None] + np.arange(lags))
    return np.asarray(scored[at].reshape(starts.size, -1))


def _half_life(memory: np.ndarray, tick: float) -> np.ndarray:
    """Greatest age in s with m above 0.5, of each patch (patch, lag)."""
    there = memory > 0.5
    last = memory.shape[1] - 1 - np.argmax(there[:, ::-1], axis=1)
    return np.where(there.any(axis=1), last * tick, np.nan)


def _cautions(driven: Driven, lags: int) -> list[str]:
    told = []
    rows = driven.rows(lags - 1) // driven.copies
    if driven.copies > 1:
        told.append(
            f"{driven.copies} trials show one drive (frozen noise): {rows} of the "
            "values are different, which is what the estimate rests on"
        )
    if rows < 20 * driven.sites:
        told.append(
            f"{rows} values of the drive for {driven.sites} sites: fewer than 20 per "
            "site, so m(k) is too low; memory_limit allows for it"
        )
    if driven.patches > 1:
        flat = standard(driven.drive.reshape(-1, driven.patches))
        shared = np.abs(flat.T @ flat / len(flat) - np.eye(driven.patches)).max()
        if shared > max(_LARGEST_CORRELATION, 4.5 / np.sqrt(len(flat))):
            told.append(f"patches are driven alike (correlation {shared:.2f}), so that "
                        "their memories are not apart and do not add up")  # fmt: skip
    return told
