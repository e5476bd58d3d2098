"""Analog channels that mark events: TTL lines as words, a photodiode as true onsets.

A photodiode's channel says when a flash was truly on the screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.schema import EVENT_COLUMNS

_BLOCK = 1 << 16  # frames of a recording that are looked at together


def ttl_words(
    recording: xr.Dataset,
    channels: Sequence[str],
    *,
    threshold: float,
    variable: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Times (s) and words of the edges of TTL channels; the first channel is bit 0.

    A channel is 1 while it is above `threshold`, in its units. The first word is that
    of the first frame. Frames where a channel is NaN keep its last state. The
    recording (time, channel) is read block by block.
    """
    values = _field(recording, variable)
    if not 1 <= len(channels) <= 16 or len(set(channels)) < len(channels):
        raise InputError(f"channels are {list(channels)}; 1 to 16 different ones are")
    lines = values.sel(channel=_places(values, channels))
    time = values["time"].values
    bits = 1 << np.arange(len(channels))
    last = np.zeros(len(channels), dtype=bool)
    before = -1
    times, words = [], []
    for at in range(0, time.size, _BLOCK):
        level = lines.isel(time=slice(at, at + _BLOCK)).values
        high = level > threshold
        unknown = ~np.isfinite(level)
        if unknown.any():
            for k in range(len(high)):
                high[k] = np.where(unknown[k], last if k == 0 else high[k - 1], high[k])
        last = high[-1]
        word = high @ bits
        new = np.flatnonzero(np.diff(word, prepend=before))
        times.append(time[at + new])
        words.append(word[new])
        before = int(word[-1])
    return np.concatenate([*times, []]), np.concatenate([*words, []]).astype(np.int64)


def corrected_onsets(
    events: xr.Dataset,
    recording: xr.Dataset,
    *,
    channel: str,
    threshold: float,
    window: tuple[float, float],
    kind: str,
    edge: Literal["rising", "falling", "either"] = "rising",
    missing: Literal["refuse", "keep", "drop"] = "refuse",
    variable: str | None = None,
) -> tuple[xr.Dataset, xr.Dataset]:
    """Events of one kind moved to their flashes on a photodiode; and the delays.

    A flash is the first crossing of `threshold` (units of the channel) within
    `window`, from and to, in s after the code; between two frames it is where the line
    through them crosses. Delays (event) has `delay` in s, NaN where there was no flash
    and for other kinds, and `missing`. Events without a flash are refused, kept at
    their codes' times, or dropped from both tables.
    """
    first, last = window
    if not (np.isfinite([first, last]).all() and first < last):
        raise InputError(f"window is {window!r} s; it is two times, the earlier first")
    chosen = events["kind"].values == kind
    if not chosen.any():
        raise InputError(f"there are no events of kind {kind!r} to correct")
    values = _field(recording, variable)
    diode = values.sel(channel=_places(values, [channel])).isel(channel=0)
    time = values["time"].values
    onset = events["onset"].values.astype(float)
    delay = np.full(onset.size, np.nan)
    for k in np.flatnonzero(chosen):
        begin = np.searchsorted(time, onset[k] + first) - 1  # the frame before it
        end = np.searchsorted(time, onset[k] + last, "right") + 1
        part = slice(max(0, int(begin)), int(end))
        crossings = _crossings(
            time[part], diode.isel(time=part).values, threshold, edge
        )
        after = crossings - onset[k]
        inside = after[(after >= first) & (after <= last)]
        delay[k] = inside[0] if inside.size else np.nan
    lost = chosen & ~np.isfinite(delay)
    if lost.any() and missing == "refuse":
        at = ", ".join(f"{time:g}" for time in onset[lost][:5])
        raise InputError(
            f"{lost.sum()} of {chosen.sum()} events of kind {kind!r} have no flash on "
            f"{channel} within {first:g} to {last:g} s: at {at} s"
            f'{" ..." if lost.sum() > 5 else ""} (missing="drop" or "keep")'
        )
    moved = np.where(np.isfinite(delay), onset + delay, onset)
    delays = xr.Dataset({"delay": ("event", delay, {"units": "s"}),
                         "missing": ("event", lost)})  # fmt: skip
    units = {"units": EVENT_COLUMNS["onset"]}
    made = events.assign(onset=("event", moved, units))
    if missing == "drop":
        made, delays = made.isel(event=~lost), delays.isel(event=~lost)
    return made, delays


def _crossings(
    time: np.ndarray, level: np.ndarray, threshold: float, edge: str
) -> np.ndarray:
    """Times at which a course crosses a threshold; never next to a missing frame."""
    over = level > threshold
    turn = np.diff(over.astype(np.int8))
    wanted = {"rising": turn > 0, "falling": turn < 0, "either": turn != 0}[edge]
    known = np.isfinite(level)
    at = np.flatnonzero(wanted & known[1:] & known[:-1])
    share = (threshold - level[at]) / (level[at + 1] - level[at])
    return time[at] + share * (time[at + 1] - time[at])


def _field(recording: xr.Dataset, variable: str | None) -> xr.DataArray:
    """The field over (time, channel) that is meant."""
    names = [str(name) for name, values in recording.data_vars.items()
             if values.dims == ("time", "channel")]  # fmt: skip
    if variable is None and len(names) == 1:
        variable = names[0]
    if variable not in names:
        raise InputError(f"variable is {variable!r}; fields over (time, channel) are: "
                         + (", ".join(names) or "none"))  # fmt: skip
    return recording[variable]


def _places(values: xr.DataArray, channels: Sequence[str]) -> list[str]:
    there = [str(name) for name in values["channel"].values]
    absent = [name for name in channels if name not in there]
    if absent:
        more = " ..." if len(there) > 12 else ""
        raise InputError(f"there is no channel {absent[0]!r}; there are: "
                         + ", ".join(there[:12]) + more)  # fmt: skip
    return list(channels)
