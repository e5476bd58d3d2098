"""Dead and suspicious channels of a recording, each with its reasons and numbers.

A recording is looked at in stretches of some seconds, read one by one, so that memory
is bounded however long it lasts. Channels are judged against each other: by medians,
which a few bad ones do not move.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import scipy.spatial
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.lab.channel_sums import Sums
from cortexwave.schema import CHANNEL_DIMS

_STRETCH = 2.0  # s; mains stand 0.5 Hz apart from what they are compared with
_LARGEST_STRETCH = 1 << 26  # bytes of float32
_FEWEST = 6  # channels, to say that one is unlike the others
_NEAREST = 4  # neighbours whose median correlation is a channel's
_FAR = 1e6  # mm
_OF_TISSUE = (0.01, 2e4)  # uV of standard deviation, from noise to large seizures
_SAME = 0.9999  # correlation of contacts that are joined
# Spreads below these are of no account, however alike the other channels are.
_LEAST_SPREAD_OF_LEVEL = 0.1  # of log variance: 10 %
_LEAST_SPREAD_OF_FOLLOWING = 0.05  # of atanh correlation
_TO_SIGMA = 1.4826  # standard deviation of a normal over its median deviation


@dataclass(frozen=True)
class Limits:
    """What makes a channel suspicious; shares of samples or of stretches, or robust z.

    `missing`: share of NaN where other channels have values. `flat`: share of
    stretches without any change. `clipped`: share of samples at an extreme that holds
    three times what the value next to it does. `line`: power at the mains over that
    beside it (100 is 20 dB). `level`: z of log variance, either way. `following`: z of
    how a channel follows its neighbours, below.
    """

    missing: float = 0.01
    flat: float = 0.05
    clipped: float = 2e-3
    line: float = 100.0
    level: float = 6.0
    following: float = 6.0

    def __post_init__(self) -> None:
        for one in fields(self):
            if not getattr(self, one.name) > 0:
                raise InputError(f"the limit {one.name} is {getattr(self, one.name)!r};"
                                 " it is above 0")  # fmt: skip


def channel_quality(
    recording: xr.Dataset,
    *,
    variable: str | None = None,
    lines: tuple[float, ...] = (50.0, 60.0),
    at_most: float = 120.0,
    limits: Limits | None = None,
) -> xr.Dataset:
    """Table over `channel` of what is wrong with each, from (trial, time, channel).

    `suspicious`, `reason` ("" for good ones); `missing`, `flat` and `clipped` shares;
    `line_ratio`, the greatest of power at `lines` Hz over that beside them;
    `correlation`, the median with the four nearest channels (with all, where
    positions are not known); `deviation` in units of the field; `level_z` and
    `following_z`. Channels that the file calls bad are suspicious too. At most
    `at_most` s are looked at, spread evenly; `looked_at` says how much. Of fewer than
    6 channels none is called unlike the others. Where potentials are such as no tissue
    has, above 20 mV or below 10 nV, attribute `caution` says so: a unit is wrong.
    """
    limits = limits or Limits()
    values = _field(recording, variable)
    if not at_most > 0:
        raise InputError(f"at_most is {at_most!r} s; it is above 0 (inf is all)")
    rate = _rate(values)
    count = values.sizes["channel"]
    length = max(2, min(round(_STRETCH * rate), _LARGEST_STRETCH // (4 * count),
                        values.sizes["time"]))  # fmt: skip
    sums = Sums(count, rate, length, tuple(line for line in lines if line > 0))
    looked = 0
    for stretch in _stretches(values, length, at_most * rate):
        sums.add(stretch)
        looked += len(stretch)
    table = _judged(sums, _positions(values), limits, values)
    total = values.size // count
    return table.assign_attrs(
        variable=str(values.name), looked_at=looked / rate, lasts=total / rate,
        caution=_caution(table["deviation"]),
    )  # fmt: skip


def _caution(deviation: xr.DataArray) -> str:
    """What is wrong with the deviations (channel) of all channels; "" if nothing."""
    known = deviation.values[deviation.values > 0]
    if deviation.attrs["units"] != "uV" or not known.size:
        return ""
    usual, (least, most) = float(np.median(known)), _OF_TISSUE
    if least <= usual <= most:
        return ""
    return (
        f"channels deviate by {usual:.3g} uV, while potentials of tissue do by "
        f"{least:g} to {most:g} uV: the unit or the gain in the file cannot be meant"
    )


def _field(recording: xr.Dataset, variable: str | None) -> xr.DataArray:
    least, most = {"time", "channel"}, set(CHANNEL_DIMS)
    names = [str(name) for name, values in recording.data_vars.items()
             if least <= set(values.dims) <= most]  # fmt: skip
    if variable is None and len(names) == 1:
        variable = names[0]
    if variable not in names:
        there = ", ".join(names) or "none (to_channels makes them)"
        raise InputError(f"variable is {variable!r}; fields of channels are: {there}")
    values = recording[variable]
    if values.sizes["time"] < 2 or not values.sizes["channel"]:
        raise InputError(
            f"'{variable}' has {values.sizes['time']} frames of "
            f"{values.sizes['channel']} channels; nothing can be judged"
        )
    return values


def _rate(values: xr.DataArray) -> float:
    time = values["time"].values
    return float((time.size - 1) / (time[-1] - time[0]))


def _positions(values: xr.DataArray) -> np.ndarray | None:
    """Positions (channel, axis) in mm, or None where some are not known."""
    axes = [values[name].values for name in "xyz" if name in values.coords]
    if len(axes) < 2:
        return None
    places = np.column_stack(axes).astype(float)
    places[:, 2:] = np.nan_to_num(places[:, 2:])
    if "array" in values.coords:  # each has its own origin: they are set far apart
        number = np.unique(values["array"].values.astype(str), return_inverse=True)[1]
        places = np.column_stack([places, _FAR * number])
    return places if np.isfinite(places).all() else None


def _stretches(
    values: xr.DataArray, length: int, frames: float
) -> Iterator[np.ndarray]:
    """Stretches (time, channel) spread evenly over all trials, read one by one."""
    trials = values.sizes.get("trial", 1)
    starts = [(trial, at) for trial in range(trials)
              for at in range(0, values.sizes["time"], length)]  # fmt: skip
    number = min(len(starts), max(1, int(min(frames / length, len(starts)))))
    for k in np.unique(np.linspace(0, len(starts) - 1, number).round().astype(int)):
        trial, at = starts[k]
        one = values.isel(trial=trial) if "trial" in values.dims else values
        part = one.isel(time=slice(at, at + length)).values
        if len(part) > 1:
            yield part.astype(np.float32, copy=False)


def _robust_z(numbers: np.ndarray, judged: np.ndarray, least: float) -> np.ndarray:
    """Distances from the median in robust standard deviations, NaN if not judged."""
    z = np.full(numbers.size, np.nan)
    if judged.sum() >= _FEWEST:
        off = numbers[judged] - np.median(numbers[judged])
        z[judged] = off / max(_TO_SIGMA * np.median(np.abs(off)), least)
    return z


def _correlations(
    sums: Sums, places: np.ndarray | None, judged: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Median correlation with neighbours; which channel is the same, or -1."""
    count = sums.channels
    median, same = np.full(count, np.nan), np.full(count, -1)
    own = np.flatnonzero(judged)
    if own.size < 2:
        return median, same
    scale = np.sqrt(np.diag(sums.products)[own])
    matrix = sums.products[np.ix_(own, own)] / np.outer(scale, scale)
    np.fill_diagonal(matrix, -np.inf)
    closest = matrix.argmax(axis=1)
    joined = matrix[np.arange(own.size), closest] > _SAME
    same[own[joined]] = own[closest[joined]]
    if places is None or own.size <= _NEAREST:
        np.fill_diagonal(matrix, np.nan)
        median[own] = np.nanmedian(matrix, axis=1)
        return median, same
    tree = scipy.spatial.cKDTree(places[own])
    near = tree.query(places[own], k=min(own.size, _NEAREST + 1))[1]
    for k, others in enumerate(near):
        others = [other for other in others if other != k][:_NEAREST]
        median[own[k]] = np.median(matrix[k, others])
    return median, same


def _judged(
    sums: Sums, places: np.ndarray | None, limits: Limits, values: xr.DataArray
) -> xr.Dataset:
    names = [str(name) for name in values["channel"].values]
    missing = 1 - sums.known / max(sums.frames, 1)
    flat = sums.flat / np.maximum(sums.judged, 1)
    variance = np.diag(sums.products) / np.maximum(sums.known - sums.stretches, 1)
    alive = (missing < 1) & (variance > 0)
    usual = alive & (missing <= limits.missing) & (flat <= limits.flat)
    with np.errstate(divide="ignore"):
        level = np.log(variance)
    correlation, same = _correlations(sums, places, usual)
    following = np.arctanh(np.clip(correlation, -_SAME, _SAME))
    numbers = {
        "missing": missing, "flat": flat, "clipped": sums.clipped,
        "line_ratio": sums.line_ratio, "correlation": correlation,
        "level_z": _robust_z(level, usual, _LEAST_SPREAD_OF_LEVEL),
        "following_z": _robust_z(following, usual, _LEAST_SPREAD_OF_FOLLOWING),
    }  # fmt: skip
    deviation = np.sqrt(variance)
    typical = {
        "deviation": float(np.median(deviation[usual])) if usual.any() else np.nan,
        "correlation": float(np.median(correlation[usual])) if usual.any() else np.nan,
    }
    called = _called_bad(values)
    reasons = []
    for k, name in enumerate(called):
        own = {key: float(column[k]) for key, column in numbers.items()}
        found = _reasons(own | {"deviation": float(deviation[k])}, typical, limits)
        twin = [f"the same as {names[same[k]]}"] if same[k] >= 0 else []
        reasons.append("; ".join([*([name] if name else []), *found, *twin]))
    columns = {key: ("channel", column, {"units": "1"})
               for key, column in numbers.items()}  # fmt: skip
    unit = str(values.attrs.get("units", "1"))
    coords = {name: values[name].variable for name in values.coords
              if values[name].dims == ("channel",)
              and name not in ("good", "reason")}  # fmt: skip
    return xr.Dataset(
        {"suspicious": ("channel", np.array([reason != "" for reason in reasons])),
         "reason": ("channel", np.array(reasons, dtype=object)), **columns,
         "deviation": ("channel", deviation, {"units": unit})}, coords,
    )  # fmt: skip


def _called_bad(values: xr.DataArray) -> list[str]:
    """What the file says of each channel that it calls bad, "" for the others."""
    if "good" not in values.coords:
        return [""] * values.sizes["channel"]
    good = values["good"].values.astype(bool)
    words = (values["reason"].values if "reason" in values.coords
             else np.full(good.size, ""))  # fmt: skip
    return ["" if fine else "the file calls it bad" + (f" ({word})" if word else "")
            for fine, word in zip(good, words, strict=True)]  # fmt: skip


def _reasons(
    own: dict[str, float], typical: dict[str, float], limits: Limits
) -> list[str]:
    """What is wrong with a channel of these numbers; those not judged are NaN."""
    found = []
    if own["missing"] == 1:
        return ["no values"]
    if own["flat"] == 1:
        return ["flat"]
    if own["missing"] > limits.missing:
        found.append(f"{own['missing']:.1%} of samples missing")
    if own["flat"] > limits.flat:
        found.append(f"flat for {own['flat']:.0%} of the time")
    if own["clipped"] > limits.clipped:
        found.append(f"clipped: {own['clipped']:.2%} of samples at an extreme value")
    if own["line_ratio"] > limits.line:
        over = 10 * np.log10(own["line_ratio"])
        found.append(f"line noise: {over:.0f} dB over what is beside it")
    if abs(own["level_z"]) > limits.level:
        word = "noisy" if own["level_z"] > 0 else "faint"
        times = own["deviation"] / typical["deviation"]
        found.append(f"{word}: its deviation is {times:.3g} times the usual")
    if own["following_z"] < -limits.following:
        found.append(
            f"does not follow its neighbours: correlation {own['correlation']:.2f}, "
            f"usual {typical['correlation']:.2f}"
        )
    return found
