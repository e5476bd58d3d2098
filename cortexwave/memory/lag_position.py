"""The lag-position line: the older the value a site holds, the farther it lies.

Where a wave carries the drive away from where it enters, the lag at which a site holds
most of it grows in proportion to distance, by 1 / speed. A static code has no such
line: its slope is 0, and it gets no speed here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.arguments import check_surrogates, check_whole
from cortexwave.memory.driven import Driven, given, refuse_lags
from cortexwave.memory.held_out import standard
from cortexwave.memory.memory_function import ENDS, LEVEL, patch_coordinates, whitened

_DRAWS = 400  # of the bootstrap
_LEAST_SITES = 5


def lag_position(
    states: xr.Dataset | Driven,
    *,
    variable: str | None = None,
    lags: int,
    origin: tuple[float, float] | None = None,
    surrogates: int = 99,
    seed: int,
) -> xr.Dataset:
    """The age of what each site holds most of, against its distance from the drive.

    `states`: a recording with its drive, or `driven_from` arrays with positions. The
    distance in mm is straight, from the centre of each patch, or from `origin` (x, y).

    Over `patch` and `site`: `correlation` at its largest (signed), `peak_age` in s
    (a parabola through the largest and its neighbours; NaN where the largest does not
    exceed that of all sites and lags in 95 % of shifts of the drive, or is the last
    lag), `distance` in mm. Over `patch`: `slope` in s/mm and `intercept` in s, a
    straight line by least squares, `r2`, `slope_low`, `slope_high` (95 %, stretches of
    time drawn with return); `speed` = 1 / slope in mm/s, with `speed_low`,
    `speed_high`: NaN, with the reason, where the slope's interval holds 0; `used`, the
    sites on the line. 5 sites at two distances or more are needed for one.
    """
    driven = given(states, variable)
    check_whole(lags, "lags", least=1)
    refuse_lags(driven, max(lags, 3))
    check_surrogates(surrogates, seed)
    if driven.positions is None:
        raise InputError("the sites have no positions; a distance needs x and y in mm")
    if origin is None and driven.sources is None:
        raise InputError(
            "where the drive enters is not known; give origin=(x, y) in mm"
        )
    sources = (
        np.tile(np.asarray(origin, dtype=float), (driven.patches, 1))
        if origin is not None or driven.sources is None else driven.sources
    )  # fmt: skip
    distance = np.linalg.norm(driven.positions[None] - sources[:, None], axis=2)
    drive, white = whitened(driven.drive, lags)
    flat = standard(driven.states[:, lags - 1 :].reshape(-1, driven.sites))
    rows = np.arange(lags - 1, drive.shape[1])[:, None]
    ages = np.arange(lags)

    def shown(shift: int) -> np.ndarray:  # (row, lag and patch)
        at = (rows - ages - shift) % drive.shape[1]
        return np.asarray(drive[:, at].reshape(len(flat), -1))

    found = _split(flat.T @ shown(0) / len(flat), lags)  # (patch, site, lag)
    draw = np.random.default_rng([seed, 0])
    shifts = np.arange(2 * lags, drive.shape[1] - lags)
    shifts = draw.choice(shifts, min(surrogates, shifts.size), replace=False)
    null = [np.abs(flat.T @ shown(int(s)) / len(flat)).max() for s in shifts]
    threshold = float(np.quantile(null, LEVEL))
    age = _peak(found, driven.tick)
    used = np.isfinite(age) & (np.abs(found).max(axis=2) > threshold)
    age = np.where(used, age, np.nan)
    largest = np.take_along_axis(
        found, np.abs(found).argmax(axis=2)[..., None], axis=2
    )[..., 0]  # fmt: skip
    lines, reasons = [], []
    drawn = _redrawn(flat, shown(0), lags, np.random.default_rng([seed, 1]))
    ages_drawn = np.array([_peak(each, driven.tick) for each in drawn])
    for k in range(driven.patches):
        line, reason = _line(distance[k], age[k], ages_drawn[:, k], used[k])
        lines.append(line)
        if reason:
            reasons.append(f"patch {k}: {reason}")
    units = {"slope": "s/mm", "intercept": "s", "speed": "mm/s"}
    per_patch: dict[str, Any] = {
        name: ("patch", np.array([line[name] for line in lines]),
               {"units": units.get(name.split("_")[0], "1")})
        for name in lines[0]
    }  # fmt: skip
    return xr.Dataset(
        {
            "correlation": (("patch", "site"), largest, {"units": "1"}),
            "peak_age": (("patch", "site"), age, {"units": "s"}),
            "distance": (("patch", "site"), distance, {"units": "mm"}),
            **per_patch,
            "threshold": ((), threshold, {"units": "1"}),
        },
        {**driven.labels, **patch_coordinates(driven)},
        {"measure": "lag_position", **driven.attributes, "lags": lags,
         "surrogates": len(shifts), "seed": seed, "white": int(white),
         "values": len(flat), "reason": "; ".join(reasons)},
    )  # fmt: skip


def _split(crossed: np.ndarray, lags: int) -> np.ndarray:
    """(..., site, lag and patch) -> (..., patch, site, lag)."""
    apart = crossed.reshape(*crossed.shape[:-1], lags, -1)
    return np.moveaxis(apart, -1, -3)


def _peak(found: np.ndarray, tick: float) -> np.ndarray:
    """Age in s of the largest |correlation| (..., lag); NaN where it is the last."""
    size = np.abs(found)
    top = size.argmax(axis=-1)
    inner = top.clip(1, size.shape[-1] - 2)[..., None]
    before, at, after = (
        np.take_along_axis(size, inner + step, axis=-1)[..., 0] for step in (-1, 0, 1)
    )
    bend = before - 2 * at + after
    move = np.divide(0.5 * (before - after), bend, out=np.zeros_like(bend),
                     where=bend < 0)  # fmt: skip
    fine = inner[..., 0] + np.where(top == inner[..., 0], move, 0.0)
    age = np.where(top == 0, 0.0, fine) * tick
    return np.where(top == size.shape[-1] - 1, np.nan, age)


def _redrawn(
    flat: np.ndarray, shown: np.ndarray, lags: int, draw: np.random.Generator
) -> np.ndarray:
    """Correlations (draw, patch, site, lag) of stretches of time drawn with return."""
    parts = np.array_split(np.arange(len(flat)), max(10, min(50, len(flat) // lags)))
    each = np.array([_split(flat[part].T @ shown[part], lags) for part in parts])
    weights = draw.multinomial(len(parts), np.full(len(parts), 1 / len(parts)), _DRAWS)
    together = np.tensordot(weights.astype(float), each, 1)
    return np.asarray(together / len(flat))


def _line(
    distance: np.ndarray, age: np.ndarray, drawn: np.ndarray, used: np.ndarray
) -> tuple[dict[str, float], str]:
    """The line through one patch's sites, and why there is none or no speed."""
    line = dict.fromkeys(
        ("slope", "slope_low", "slope_high", "intercept", "r2", "speed", "speed_low",
         "speed_high"), np.nan,
    )  # fmt: skip
    line["used"] = float(used.sum())
    if used.sum() < _LEAST_SITES or np.ptp(distance[used]) == 0:
        return line, (
            f"{int(used.sum())} sites hold the drive beyond chance; {_LEAST_SITES} at "
            "two distances or more are needed"
        )
    x, y = distance[used], age[used]
    line["slope"], line["intercept"] = (float(each) for each in np.polyfit(x, y, 1))
    spread = float(np.sum((y - y.mean()) ** 2))
    rest = float(np.sum((y - line["intercept"] - line["slope"] * x) ** 2))
    line["r2"] = 1 - rest / spread if spread > 0 else np.nan
    slopes = []
    for each in drawn[:, used]:
        known = np.isfinite(each)
        if known.sum() >= _LEAST_SITES and np.ptp(x[known]) > 0:
            slopes.append(float(np.polyfit(x[known], each[known], 1)[0]))
    line["slope_low"], line["slope_high"] = (
        float(np.quantile(slopes, at)) if slopes else np.nan for at in ENDS.values()
    )  # fmt: skip
    if not (line["slope_low"] > 0 or line["slope_high"] < 0):
        return line, "no speed: the slope's interval holds 0"
    line["speed"] = 1 / line["slope"]
    line["speed_low"], line["speed_high"] = sorted(
        (1 / line["slope_low"], 1 / line["slope_high"])
    )
    return line, ""
