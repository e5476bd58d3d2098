"""Whether an outcome depends on the phase of the wave at one site when it began."""

from __future__ import annotations

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.dealing import check_permutations, p_values, resampled
from cortexwave.memory.odds import logistic

_LEAST = 20
_SURE = 40  # trials per phase bin are asked for; eight bins are drawn


def phase_at_site(
    phase: np.ndarray,
    outcome: np.ndarray,
    *,
    permutations: int,
    seed: int,
    block: np.ndarray | None = None,
    bins: int = 8,
) -> xr.Dataset:
    """First harmonic of an outcome against the phase at a site, one of each per trial.

    `phase` (trial,) in rad just before the event, `outcome` (trial,) a hit (0 or 1) or
    any number (the unit of the result is then its own). Outcomes are dealt to other
    trials of the same `block` (trial,) for the null. The design is that of Davis et al.
    2020 (Nature 587:432), where effects were small: hundreds of trials are needed.

    `amplitude` of the harmonic, |b, c| of outcome = a + b cos + c sin by least squares
    (phases need not be spread evenly), with `low`, `high` (95 %, drawing trials again,
    its upward bias taken away), `chance`, `chance_high`, `p`; `preferred` (rad), the
    phase of the greatest outcome. For hits `odds_ratio` with `odds_low`, `odds_high`:
    odds at the preferred phase over those half a cycle away, NaN otherwise; as the
    phase is chosen for it, judge by p. Over `bin` (rad): `mean` and `trials`.
    """
    check_permutations(permutations)
    phase = np.asarray(phase, dtype=float)
    outcome = np.asarray(outcome, dtype=float)
    if phase.ndim != 1 or phase.shape != outcome.shape:
        raise InputError(f"phase is {phase.shape} and outcome {outcome.shape}; one of "
                         "each per trial is due")  # fmt: skip
    if not (np.isfinite(phase).all() and np.isfinite(outcome).all()):
        raise InputError("phase or outcome is missing in some trials; leave these out")
    groups = np.zeros(phase.size, int) if block is None else np.unique(
        np.asarray(block), return_inverse=True
    )[1]  # fmt: skip
    if groups.size != phase.size:
        raise InputError(f"{groups.size} blocks for {phase.size} trials")
    described = {"measure": "phase_at_site", "trials": phase.size, "seed": seed,
                 "permutations": permutations, "bins": bins, "reason": ""}  # fmt: skip
    edges = np.linspace(-np.pi, np.pi, bins + 1)
    number = np.clip(np.searchsorted(edges, _wrapped(phase), "right") - 1, 0, bins - 1)
    counts = np.bincount(number, minlength=bins)
    design = np.column_stack([np.ones(phase.size), np.cos(phase), np.sin(phase)])
    if phase.size < _LEAST:
        described["reason"] = f"{phase.size} trials; a harmonic needs {_LEAST}"
    elif np.unique(outcome).size < 2:
        described["reason"] = "the outcome is the same in all trials"
    elif np.linalg.cond(design) > 1e3:
        described["reason"] = "all trials have nearly one phase"
    if counts.min() < _SURE:
        described["caution"] = (f"a phase bin has {counts.min()} trials; a test of "
                                f"phase takes {_SURE}")  # fmt: skip
    scalars = dict.fromkeys(
        ("amplitude", "low", "high", "chance", "chance_high", "p", "preferred",
         "odds_ratio", "odds_low", "odds_high"), np.nan,
    )  # fmt: skip
    if not described["reason"]:
        scalars |= _harmonic(design, outcome, groups, permutations, seed)
        if set(np.unique(outcome)) <= {0.0, 1.0}:
            scalars |= _odds(design, outcome)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(number, weights=outcome, minlength=bins) / counts
    units = {"preferred": "rad"}
    return xr.Dataset(
        {**{name: ((), float(value), {"units": units.get(name, "1")})
            for name, value in scalars.items()},
         "mean": ("bin", mean, {"units": "1"}),
         "trials": ("bin", counts, {"units": "1"})},
        {"bin": ("bin", (edges[1:] + edges[:-1]) / 2, {"units": "rad"})}, described,
    )  # fmt: skip


def _harmonic(
    design: np.ndarray, outcome: np.ndarray, groups: np.ndarray, permutations: int,
    seed: int,
) -> dict[str, float]:  # fmt: skip
    draw = np.random.default_rng(seed)
    dealt = np.tile(outcome, (1 + permutations, 1))
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        dealt[1:, members] = draw.permuted(dealt[1:, members], axis=1)
    weights = np.linalg.pinv(design) @ dealt.T  # (column, deal)
    size = np.hypot(weights[1], weights[2])
    drawn = resampled(np.arange(outcome.size), np.zeros(outcome.size), seed=seed + 1)
    normal = np.einsum("dn,ni,nj->dij", drawn, design, design)
    right = np.einsum("dn,ni,n->di", drawn, design, outcome)
    again = np.linalg.solve(normal, right[:, :, None])[:, 1:, 0]
    again = np.hypot(again[:, 0], again[:, 1])
    # the length of a noisy vector is too large, and drawing again doubles the noise
    low, high = np.quantile(again, [0.025, 0.975]) - (again.mean() - size[0])
    return {
        "amplitude": size[0], "low": max(0.0, float(low)), "high": high,
        "chance": size[1:].mean(), "chance_high": np.quantile(size[1:], 0.95),
        "p": float(p_values(size)), "preferred": np.arctan2(weights[2, 0],
                                                            weights[1, 0]),
    }  # fmt: skip


def _odds(design: np.ndarray, outcome: np.ndarray) -> dict[str, float]:
    """Between the preferred phase and its opposite, 2 |b, c| in log odds."""
    fit = logistic(design, outcome, np.arange(outcome.size))
    if fit is None:
        return {}
    slopes = fit.coefficients[1:]
    length = float(np.hypot(*slopes))
    along = slopes / max(length, 1e-300)
    half = 1.96 * 2 * float(np.sqrt(along @ fit.covariance[1:, 1:] @ along))
    low, ratio, high = np.exp(2 * length + half * np.array([-1.0, 0.0, 1.0]))
    return {"odds_ratio": ratio, "odds_low": low, "odds_high": high}


def _wrapped(phase: np.ndarray) -> np.ndarray:
    return (phase + np.pi) % (2 * np.pi) - np.pi
