"""Do confusions of items drift across the array as the times of test and training part?

A decoder fitted at time a takes the item of a moving packet at time b for the one
whose place it has reached. The mean displacement, place(predicted) - place(true),
then grows with b - a, with the sign of the velocity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cortexwave.errors import InputError

_STEPS = 3  # lags, without a longer one named: beyond, packets pass the last class


@dataclass(frozen=True)
class Drift:
    """Variables over `axis` of a Dataset, or NaN with the reason."""

    variables: dict[str, Any]
    axes: int
    longest: float  # s
    reason: str


def class_places(places: Mapping[str, Any] | None, names: np.ndarray) -> Any:
    """Places (class, axis) in mm in the order of `names`, or None."""
    if places is None:
        return None
    missing = [name for name in names.tolist() if name not in places]
    if missing:
        raise InputError(f"places lacks class {missing[0]!r}; it has "
                         f"{sorted(map(str, places))}")  # fmt: skip
    rows = [np.atleast_1d(np.asarray(places[n], dtype=float)) for n in names.tolist()]
    if len({row.shape for row in rows}) > 1 or rows[0].shape not in ((1,), (2,)):
        raise InputError("places are not one number or (x, y) in mm for every class")
    made = np.array(rows)
    if not np.isfinite(made).all():
        raise InputError("places are not all finite")
    return made


def drift(
    predicted: np.ndarray,
    codes: np.ndarray,
    places: np.ndarray | None,
    clock: np.ndarray,
    draws: np.ndarray,
    *,
    longest: float | None,
    permutations: int,
    seed: int,
) -> Drift:
    """Slope and correlation of displacements of guesses (a, trial, b), per axis.

    Null: the times b dealt within each trial, its decoders as they are.
    """
    step = clock[1] - clock[0]
    steps = _STEPS if longest is None else int(np.floor(longest / step + 1e-6))
    steps = min(steps, clock.size - 1)
    if steps < 1:
        raise InputError(f"drift_lag is {longest} s; a step between times is {step:g}")
    axes = 1 if places is None else places.shape[1]
    names = ("drift", "drift_low", "drift_high", "drift_r", "drift_p")
    units = ("mm/s", "mm/s", "mm/s", "1", "1")
    if places is None:
        found = np.full((5, axes), np.nan)
        reason = "classes have no places, so that no drift across the array is known"
    else:
        found = np.stack([
            _along(predicted, codes, places[:, axis], steps, draws, permutations, seed)
            for axis in range(axes)
        ], axis=1)  # fmt: skip
        found[:3] /= step
        reason = ""
    variables = {
        name: ("axis", values, {"units": unit})
        for name, values, unit in zip(names, found, units, strict=True)
    }
    return Drift(variables, axes, float(steps * step), reason)


def _along(
    predicted: np.ndarray, codes: np.ndarray, at: np.ndarray, steps: int,
    draws: np.ndarray, permutations: int, seed: int,
) -> np.ndarray:  # fmt: skip
    """Slope (mm per step) with its interval, r and p along one axis."""
    frames = len(predicted)
    a, b = np.nonzero(np.abs(np.subtract.outer(np.arange(frames), np.arange(frames)))
                      <= steps)  # fmt: skip
    apart = a != b
    a, b = a[apart], b[apart]
    lag = (b - a).astype(float)
    mine = np.arange(codes.size)[:, None]

    def moved(times: np.ndarray) -> np.ndarray:  # (trial, pair) -> (trial, pair) in mm
        return at[predicted[a, mine, times]] - at[codes][:, None]

    held = moved(np.broadcast_to(b, (codes.size, b.size)))
    slope, r = _line(held.mean(axis=0), lag)
    drawn = draws @ held / draws.sum(axis=1, keepdims=True)
    low, high = np.quantile(_line(drawn, lag)[0], [0.025, 0.975])
    generator = np.random.default_rng(seed)
    every = np.tile(np.arange(frames), (codes.size, 1))
    null = np.array([
        _line(moved(generator.permuted(every, axis=1)[:, b]).mean(axis=0), lag)[0]
        for _ in range(permutations)
    ])  # fmt: skip
    p = (1 + np.sum(np.abs(null) >= np.abs(slope) - 1e-12)) / (1 + permutations)
    return np.array([slope, low, high, r, p])


def _line(moved: np.ndarray, lag: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least-squares slope and correlation of (..., pair) on the lag of each pair."""
    x = lag - lag.mean()
    y = moved - moved.mean(axis=-1, keepdims=True)
    across = y @ x
    size = np.sqrt(np.sum(x**2) * np.sum(y**2, axis=-1))
    return across / np.sum(x**2), across / np.where(size > 0, size, np.inf)
