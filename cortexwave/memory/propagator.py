"""The linear map that takes a recording one step on, beside what noise alone gives.

One estimate by instruments, which sensor noise does not shrink, and the plain one
(dynamic mode decomposition), which it does (`cortexwave.memory.lagged`). The lags must
lie beyond the time in which the noise itself is correlated: noise that remembers is
otherwise read as memory. What a recording of such noise and nothing else would give is
therefore part of every result.

What it costs: a ring of 20 sites with |eigenvalues| 0.98, 40,000 frames, noise that
keeps 0.9 of itself per step. At equal power the median of six recordings read 0.983 to
0.990; at three times the signal's power 0.989 to 1.079, with single ones up to 2.6.
Eigenvalues above 1 of a recording that does not grow mean that it is too short.

The same for a model's field, a network's states and electrodes. What eigenvalues do
not say: any narrow-band signal has them near the unit circle without anything moving,
and a wave that leaves at an open end is nilpotent and has none away from 0. Ask
`cortexwave.memory.cross_temporal` and `.topographic`.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.lagged import (
    LagRule,
    components,
    first_lag,
    from_blocks,
    instrumental,
    lagged_covariances,
    lagged_strength,
    noise_like,
    plain,
)
from cortexwave.memory.leading_components import led
from cortexwave.memory.series import Series, series

Estimate = Literal["instrumental", "plain"]
ESTIMATES: tuple[Estimate, ...] = get_args(Estimate)
_POWERS = 25
_FOLDS = 4


def propagator(
    recording: xr.Dataset | xr.DataArray,
    *,
    variable: str | None = None,
    noise_correlation: float,
    seed: int,
    noise: xr.Dataset | xr.DataArray | None = None,
    rank: int | None = None,
    stride: int = 1,
    lags: int = 10,
    draws: int = 39,
) -> xr.Dataset:
    """The operator A of x(t + stride) = A x(t), its eigenvalues, and those of noise.

    `recording` as `memory.series.series` takes it. `noise_correlation` (s): the time
    in which the sensors' noise loses its correlation to 1/e, 0 if it is white in time;
    instruments begin where 99 % of it is gone, and `lags` of them are used. `rank`:
    how many directions to work in, those of most lagged covariance; None is every
    site. `noise`: a recording of the noise alone (a baseline, another number of sites
    or trials will do) whose autocorrelation the zero-signal recordings then have,
    averaged over its sites; None is an exponential one of `noise_correlation`.

    Over `estimate` ("instrumental", "plain"):

    operator         (site, source): to a site, from a source; of more than 1,000 sites,
                     which are first reduced to their leading principal components,
                     (component, source_component), of the columns of `direction`
    real, imaginary, modulus, frequency
                     (eigenvalue), the largest first; frequency is arg / (2 pi stride
                     step) in Hz
    zero_low, zero_middle, zero_high
                     (eigenvalue) 2.5, 50 and 97.5 % of the modulus of the same rank
                     in `draws` recordings of noise and no signal, equal in sites,
                     trials and frames and analysed alike
    power_norm       (power) greatest factor by which A^n lengthens a vector: a
                     plateau with a cliff for a delay line, exponential for a leak
    strength, zero_strength, p_signal
                     correlation at the instruments' lags (root mean square), its
                     mean in the zero-signal recordings, and how often one of those
                     reaches it, the recording counted in. No estimate: above, say,
                     0.05 there is nothing but noise to estimate from, and the
                     instrumental operator is a ratio of two noises

    Raises `InputError` where there are fewer pairs of frames than numbers in A.
    """
    measured = series(recording, variable)
    rule = lag_rule(measured, noise_correlation, lags, stride)
    measured, leading = led(measured, rank, rule.longest)
    size = operator_size(measured, rule, rank)
    if draws < 19:
        raise InputError(f"draws is {draws}; a p below 0.05 needs 19")
    correlation = (
        np.exp(-np.arange(measured.frames) * measured.step / noise_correlation)
        if noise is None and noise_correlation > 0
        else np.ones(1)
        if noise is None
        else _autocorrelation(series(noise), measured, rule)
    )
    axes, found = estimates(measured.values, rule, size)
    draw = np.random.default_rng(seed)
    moduli, strengths = [], []
    for _ in range(draws):
        # sites apart: the instruments' lags are the same however noise is mixed
        empty = noise_like(measured.values.shape, correlation, draw)
        operators = estimates(empty, rule, size)[1]
        moduli.append([np.abs(_spectrum(each)) for each in operators])
        strengths.append(lagged_strength(empty, rule))
    strength = lagged_strength(measured.values, rule)
    beyond = int(np.sum(np.array(strengths) >= strength))
    eigenvalues = np.stack([_spectrum(each) for each in found])
    zero = np.quantile(np.array(moduli), [0.025, 0.5, 0.975], axis=0)
    return _labelled(
        measured, axes, leading, found, eigenvalues, zero,
        strength=(strength, float(np.mean(strengths)), (1 + beyond) / (1 + draws)),
        attributes={
            **_rule_attributes(measured, rule), "rank": size,
            "noise_correlation": noise_correlation, "draws": draws, "seed": seed,
            "noise": "exponential" if noise is None else "measured",
            **({} if leading is None else {"components": measured.sites}),
        },
    )  # fmt: skip


def lag_rule(
    measured: Series, noise_correlation: float, lags: int, stride: int
) -> LagRule:
    """Which lags are instruments, checked against what the recording has."""
    if lags < 1 or stride < 1:
        raise InputError(f"lags is {lags} and stride {stride}; both are 1 or more")
    rule = LagRule(first_lag(noise_correlation, measured.step), lags, stride)
    needed = (2 if len(measured.values) > 1 else 4) * rule.longest
    if measured.frames < needed:
        raise InputError(
            f"the longest lag is {rule.longest} frames ({lags} lags from {rule.first} "
            f"on, where noise of {noise_correlation:g} s has ended), and needs "
            f"{needed} frames in a trial; the recording has {measured.frames}"
        )
    return rule


def operator_size(measured: Series, rule: LagRule, rank: int | None) -> int:
    """In how many directions to work; refused with the number of frames needed."""
    size = measured.sites if rank is None else rank
    if not 1 <= size <= measured.sites:
        raise InputError(f"rank is {rank}; {measured.sites} sites that change allow 1 "
                         f"to {measured.sites}")  # fmt: skip
    pairs = len(measured.values) * (measured.frames - rule.longest)
    if pairs < size**2:
        trials = len(measured.values)
        raise InputError(
            f"{size} directions have {size**2} unknowns, and the recording "
            f"{pairs} pairs of frames at the longest lag of {rule.longest}: "
            f"{size**2} are needed, {-(-(size**2) // trials) + rule.longest} frames in "
            f"each of {trials} trials; or give a rank of {int(np.sqrt(pairs))} or less"
        )
    return size


def estimates(
    values: np.ndarray, rule: LagRule, rank: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """The directions (site, rank) worked in, and both operators (rank, rank)."""
    if rank == values.shape[2]:
        axes = np.eye(rank)
    else:
        axes = components(values, rule, rank)
        values = values @ axes
    return axes, [instrumental(values, rule), plain(values, rule.stride)]


def rank_errors(
    recording: xr.Dataset | xr.DataArray,
    *,
    variable: str | None = None,
    noise_correlation: float,
    stride: int = 1,
    lags: int = 10,
    greatest: int | None = None,
) -> xr.DataArray:
    """How badly an operator of each rank foretells lagged covariances it has not seen.

    Over `rank`: sum |C_{k+stride} - A C_k|^2 / sum |C_{k+stride}|^2 at the instruments'
    lags, A and its directions of three quarters of the trials (of the frames, where
    there is one trial), the covariances of the fourth, averaged over the quarters. The
    rank of least error is in attribute `best`; 1 would be as good as foretelling 0,
    and is beaten only where there is a signal.
    """
    measured = series(recording, variable)
    rule = lag_rule(measured, noise_correlation, lags, stride)
    most = min(measured.sites, greatest or measured.sites)
    parts = np.array_split(
        measured.values, _FOLDS, axis=0 if len(measured.values) >= _FOLDS else 1
    )
    fewest = min(part.shape[0] * (part.shape[1] - rule.longest) for part in parts)
    if min(part.shape[1] for part in parts) <= rule.longest + 1:
        raise InputError(
            f"a quarter of the recording has {parts[-1].shape[1]} frames; the longest "
            f"lag of {rule.longest} needs {rule.longest + 2}"
        )
    most = min(most, int(np.sqrt(3 * fewest)))
    every = np.stack([lagged_covariances(part, rule.lags) for part in parts])
    errors = np.zeros((_FOLDS, most))
    for fold in range(_FOLDS):
        others = np.arange(_FOLDS) != fold
        trained = every[others].mean(axis=0)
        square = np.einsum("kij,klj->il", trained, trained)
        square += np.einsum("kji,kjl->il", trained, trained)
        ordered = np.linalg.eigh(square)[1][:, ::-1]
        early = every[fold][: rule.count]
        late = every[fold][rule.stride : rule.stride + rule.count]
        for rank in range(1, most + 1):
            axes = ordered[:, :rank]
            inside = from_blocks(axes.T @ every[others] @ axes, rule)
            gap = late - axes @ inside @ axes.T @ early
            errors[fold, rank - 1] = np.sum(gap**2) / np.sum(late**2)
    ranks = np.arange(1, most + 1)
    mean = errors.mean(axis=0)
    return xr.DataArray(
        mean, {"rank": ("rank", ranks, {"units": "1"})}, "rank", "rank_error",
        {"units": "1", "best": int(ranks[np.argmin(mean)]), "folds": _FOLDS,
         **_rule_attributes(measured, rule)},
    )  # fmt: skip


def described(found: xr.Dataset) -> str:
    """A propagator in two lines, each estimate beside what noise alone gives."""
    lines = []
    for name in ESTIMATES:
        one = found.sel(estimate=name)
        lines.append(
            f"{name}: median |eigenvalue| {float(one.modulus.median()):.3f}, greatest "
            f"{float(one.modulus.max()):.3f}; a zero-signal recording of the same "
            f"noise gives {float(one.zero_middle.median()):.3f} and "
            f"{float(one.zero_middle.max()):.3f}"
        )
    lines.append(
        f"anything but noise at lags of {found.first_lag * found.step:g} s and more: "
        f"p = {float(found.p_signal):.2g}"
    )
    return "\n".join(lines)


def _autocorrelation(noise: Series, measured: Series, rule: LagRule) -> np.ndarray:
    """That of the slowest site, at lags 0, 1, ... up to the recording's longest."""
    if not np.isclose(noise.step, measured.step, rtol=1e-3):
        raise InputError(f"the noise has a step of {noise.step:g} s and the recording "
                         f"of {measured.step:g} s")  # fmt: skip
    if noise.frames < 2 * rule.longest:
        raise InputError(
            f"the noise has {noise.frames} frames; {2 * rule.longest} are needed to "
            f"see its correlation up to the longest lag of {rule.longest}"
        )
    found = np.array([
        np.mean(noise.values[:, k:] * noise.values[:, : noise.frames - k], axis=(0, 1))
        for k in range(rule.longest + 1)
    ])  # fmt: skip
    each = found / found[0]  # (lag, site)
    return each[:, np.abs(each).sum(axis=0).argmax()]


def _spectrum(operator: np.ndarray) -> np.ndarray:
    found = np.linalg.eigvals(operator).astype(complex)
    return found[np.argsort(-np.abs(found), kind="stable")]


def _rule_attributes(measured: Series, rule: LagRule) -> dict[str, Any]:
    pairs = len(measured.values) * (measured.frames - rule.longest)
    return {**measured.attributes, "first_lag": rule.first, "lags": rule.count,
            "stride": rule.stride, "pairs": pairs}  # fmt: skip


def _labelled(
    measured: Series, axes: np.ndarray, leading: np.ndarray | None,
    operators: list[np.ndarray], eigenvalues: np.ndarray, zero: np.ndarray, *,
    strength: tuple[float, float, float], attributes: dict[str, Any],
) -> xr.Dataset:  # fmt: skip
    powers = np.arange(1, _POWERS + 1)
    norms = [[np.linalg.norm(np.linalg.matrix_power(each, n), 2) for n in powers]
             for each in operators]  # fmt: skip
    turn = 2 * np.pi * attributes["stride"] * measured.step
    per_eigenvalue = {
        "real": (eigenvalues.real, "1"), "imaginary": (eigenvalues.imag, "1"),
        "modulus": (np.abs(eigenvalues), "1"),
        "frequency": (np.angle(eigenvalues) / turn, "Hz"),
        "zero_low": (zero[0], "1"), "zero_middle": (zero[1], "1"),
        "zero_high": (zero[2], "1"),
    }  # fmt: skip
    if leading is None:
        made = np.stack([axes @ each @ axes.T for each in operators])
        operator, across = (("estimate", "site", "source"), made, {"units": "1"}), {
            **measured.coordinates("source")}  # fmt: skip
    else:  # among thousands of sites it would be larger than the recording
        axes = leading @ axes
        made = np.stack(operators)
        dims = ("estimate", "component", "source_component")
        operator, across = (dims, made, {"units": "1"}), {}
    scalars = zip(("strength", "zero_strength", "p_signal"), strength, strict=True)
    return xr.Dataset(
        {
            "operator": operator,
            **{name: (("estimate", "eigenvalue"), values, {"units": units})
               for name, (values, units) in per_eigenvalue.items()},
            "power_norm": (("estimate", "power"), np.array(norms), {"units": "1"}),
            "direction": (("site", "component"), axes, {"units": "1"}),
            **{name: ((), value, {"units": "1"}) for name, value in scalars},
        },
        {"estimate": list(ESTIMATES), "power": ("power", powers, {"units": "1"}),
         **measured.coordinates("site"), **across},
        attributes,
    )  # fmt: skip
