"""Is the one-step operator a shift across the array, and by how far?

SLI = max over displacements d of <A, S_d> / (|A| |S_d|), S_d the shift by d. It finds
waves that are visible on the sites as they lie. Null, it says nothing against a wave
hidden in another basis: for that see `cortexwave.memory.cross_temporal`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import numpy as np
import xarray as xr

from cortexwave.analysis.covariance_surrogates import separable, without_lags
from cortexwave.errors import InputError
from cortexwave.memory.lagged import LagRule, components, instrumental
from cortexwave.memory.leading_components import MOST_SITES
from cortexwave.memory.propagator import lag_rule, operator_size
from cortexwave.memory.series import Series, series
from cortexwave.memory.shifts import (
    Boundary,
    SiteArray,
    displacement_grid,
    site_array,
)

Null = Literal["without_lags", "separable", "permuted_sites"]


def topographic_shift(
    recording: xr.Dataset | xr.DataArray,
    *,
    variable: str | None = None,
    noise_correlation: float,
    seed: int,
    boundary: Boundary = "open",
    displacements: Sequence[float] | np.ndarray | None = None,
    rank: int | None = None,
    stride: int = 1,
    lags: int = 10,
    nulls: Sequence[Null] = get_args(Null),
    count: int = 199,
    alpha: float = 0.05,
) -> xr.Dataset:
    """Likeness of the operator to shifts of the array, against three kinds of null.

    `recording`, `noise_correlation`, `rank`, `stride`, `lags` as in `propagator`. The
    sites have a place in mm, x, y or both: along dims, or of each channel.
    `displacements`: pitches per stride along each axis (pitch: distance of neighbours);
    None is -4 to 4 by 1/4 on a line, -3 to 3 by 1/2 on a plane, within half the array.
    Between sites of a lattice the shift is exact for what the lattice resolves; between
    scattered electrodes it is a Gaussian weighting. With an open boundary sites whose
    source lies off the array do not count.

    Over `displacement`: `likeness` (-1 to 1), `y` and `x` in mm per stride,
    `velocity_y` and `velocity_x` in mm/s. Then `sli`, its greatest; `at_rest`, the
    likeness at displacement 0; `excess` = sli - at_rest, the statistic: smooth slow
    noise has a likeness near 1 at 0. `best_y`, `best_x`, `best_velocity_y`,
    `best_velocity_x`; `resolved`: half a pitch or more per stride (else take a greater
    `stride`).

    Over `null`: `p`, how often a surrogate's excess reaches it, the recording counted
    in; `null_excess` (95 % of it). "without_lags" is the null of propagation for
    stationary fields (alone it calls bursts that do not travel a shift in some 20 %),
    "separable" of one spatial covariance and one spectrum (rejected also by noise whose
    smoothness depends on frequency), "permuted_sites" of the topography: the same
    operator with its sites in random order. `is_shift`: all of those given say so at
    `alpha`, and the displacement is not 0.
    """
    measured = series(recording, variable)
    if measured.sites > MOST_SITES:
        raise InputError(
            f"{measured.sites} sites; shifts are tried among {MOST_SITES} at most, so "
            "choose a part of the sheet, or a coarser one"
        )
    rule = lag_rule(measured, noise_correlation, lags, stride)
    size = operator_size(measured, rule, rank)
    unknown = [null for null in nulls if null not in get_args(Null)]
    if unknown or not nulls or len(set(nulls)) < len(nulls):
        raise InputError(f"nulls {list(nulls)} are not one or more, each once, of "
                         f"{get_args(Null)}")  # fmt: skip
    if count < 19:
        raise InputError(f"count is {count}; p below 0.05 needs 19 surrogates or more")
    array = site_array(measured, boundary)
    moves = displacement_grid(displacements, array)
    shifts = [array.shift(move) for move in moves]
    rest = int(np.flatnonzero((moves == 0).all(axis=1))[0])

    def likeness(values: np.ndarray) -> np.ndarray:
        return _likeness(*_operator(values, rule, size), shifts)

    operator, inside = _operator(measured.values, rule, size)
    observed = _likeness(operator, inside, shifts)
    excess = _excess(observed, rest)
    seeds = np.random.SeedSequence(seed).generate_state(count).tolist()

    def permuted(each: int) -> np.ndarray:
        order = np.random.default_rng(each).permutation(measured.sites)
        at = np.ix_(order, order)
        return _likeness(operator[at], inside[at], shifts)

    makers: dict[str, Callable[[int], np.ndarray]] = {
        "without_lags": lambda each: likeness(without_lags(measured.values, each)),
        "separable": lambda each: likeness(separable(measured.values, each)),
        "permuted_sites": permuted,
    }
    p, bounds = [], []
    for null in nulls:
        made = np.array([_excess(makers[null](each), rest) for each in seeds])
        p.append((1 + int(np.sum(made >= excess))) / (1 + count))
        bounds.append(float(np.quantile(made, 0.95)))
    best = moves[int(np.argmax(observed))]
    return _labelled(
        measured, array, moves, observed, best, excess, float(observed[rest]),
        p, bounds, list(nulls), max(p) <= alpha,
        {"rank": size, "stride": stride, "lags": lags, "first_lag": rule.first,
         "noise_correlation": noise_correlation, "count": count, "seed": seed,
         "alpha": alpha, "boundary": boundary},
    )  # fmt: skip


def _operator(
    values: np.ndarray, rule: LagRule, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """The operator among sites, and the projection onto what it was estimated in."""
    sites = values.shape[2]
    if size == sites:
        return instrumental(values, rule), np.eye(sites)
    axes = components(values, rule, size)
    return axes @ instrumental(values @ axes, rule) @ axes.T, axes @ axes.T


def _likeness(
    operator: np.ndarray,
    inside: np.ndarray,
    shifts: list[tuple[np.ndarray, np.ndarray]],
) -> np.ndarray:
    """Cosine of the operator with each shift, seen in the operator's own directions."""
    found = []
    for shift, known in shifts:
        seen = (inside @ shift @ inside)[known]
        mine = operator[known]
        size = np.linalg.norm(seen) * np.linalg.norm(mine)
        found.append(float(np.sum(seen * mine) / size) if size > 0 else 0.0)
    return np.array(found)


def _excess(likeness: np.ndarray, rest: int) -> float:
    return float(likeness.max() - likeness[rest])


def _labelled(
    measured: Series, array: SiteArray, moves: np.ndarray, observed: np.ndarray,
    best: np.ndarray, excess: float, at_rest: float, p: list[float],
    bounds: list[float], nulls: list[str], rejected: bool,
    attributes: dict[str, float | int | str],
) -> xr.Dataset:  # fmt: skip
    time = int(attributes["stride"]) * measured.step
    scalars: dict[str, tuple[float | bool, str]] = {
        "sli": (float(observed.max()), "1"), "at_rest": (at_rest, "1"),
        "excess": (excess, "1"),
        "resolved": (bool(np.linalg.norm(best) >= 0.5), "1"),
        "is_shift": (bool(rejected and excess > 0), "1"),
    }  # fmt: skip
    coords = {}
    for k, name in enumerate(array.names):
        at = moves[:, k] * array.pitch
        coords[name] = ("displacement", at, {"units": "mm"})
        coords[f"velocity_{name}"] = ("displacement", at / time, {"units": "mm/s"})
        scalars[f"best_{name}"] = (float(best[k] * array.pitch), "mm")
        scalars[f"best_velocity_{name}"] = (
            float(best[k] * array.pitch / time), "mm/s"
        )  # fmt: skip
    return xr.Dataset(
        {"likeness": ("displacement", observed, {"units": "1"}),
         "p": ("null", np.array(p), {"units": "1"}),
         "null_excess": ("null", np.array(bounds), {"units": "1"}),
         **{name: ((), value, {"units": units})
            for name, (value, units) in scalars.items()}},
        {"null": nulls, **coords},
        {**measured.attributes, **attributes, "pitch": array.pitch},
    )  # fmt: skip
