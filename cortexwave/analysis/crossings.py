"""When each site crosses a level on its way up, to a fraction of a frame.

Values cross a threshold; a phase crosses an angle, and is counted only where it goes
on for a quarter of a cycle before it falls back: of a phase of -pi/2, where the peak
follows (Gutzen et al. 2024, the trigger of cobrawap). Times lie between frames, by
linear interpolation: exact for the phase of a sinusoid; values x(t) sampled at rate r
err by up to x'' / (8 r^2 x') s, 4 us on the flank of a pulse of 30 ms at 1 kHz.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from cortexwave.analysis.sites import Sites, frames_of, picked, sampling_rate, sites_of
from cortexwave.errors import InputError

_TURN = 2 * np.pi


def upward_crossings(values: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Site and time (in frames) where values (frame, site) rise through `level`.

    Next to missing values there is no crossing.
    """
    above = values >= level
    below = values < level  # both are false where a value is missing
    site, frame = np.nonzero((below[:-1] & above[1:]).T)
    before, after = values[frame, site], values[frame + 1, site]
    return site, frame + (level - before) / (after - before)


def phase_crossings(phase: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Site and time (in frames) where phase (frame, site) in rad advances past `angle`.

    Steps between frames are taken the short way round. A crossing after which the
    phase falls back through `angle` before it has gained pi/2, or which the recording
    does not follow so far, is left out. Sites that are missing have none.
    """
    known = np.flatnonzero(np.isfinite(phase).all(axis=0))
    turned = phase[:, known] - angle
    steps = np.diff(turned, axis=0)
    steps -= _TURN * np.round(steps / _TURN)
    course = np.concatenate([turned[:1], steps]).cumsum(axis=0).T  # (site, frame)
    turns = np.floor(course / _TURN)
    quarters = np.floor(course / (_TURN / 4))
    site, frame = np.nonzero(np.diff(turns, axis=1) > 0)
    level = turns[site, frame + 1] * _TURN
    before, after = course[site, frame], course[site, frame + 1]
    at = frame + (level - before) / (after - before)
    kept = _goes_on(quarters, site, frame + 1)
    return known[site[kept]], at[kept]


def _goes_on(quarters: np.ndarray, site: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Whether the quarter of a cycle entered at a frame is left forwards."""
    frames = quarters.shape[1]
    changes = np.diff(quarters, axis=1)  # (site, frame - 1)
    where = np.flatnonzero(changes)  # of all sites in a row
    here = site * (frames - 1) + frame
    following = np.searchsorted(where, here)
    found = following < len(where)
    there = where[np.minimum(following, len(where) - 1)] if len(where) else here
    same = found & (there // (frames - 1) == site) & (frame < frames - 1)
    onward = changes.ravel()[np.minimum(there, changes.size - 1)] > 0
    beyond = quarters[site, frame] % 4 >= 1  # more than a quarter in one step
    return beyond | (same & onward)


def is_wave_field(dataset: xr.Dataset) -> bool:
    """Whether a Dataset is what `wave_field` returns: it has phases in rad."""
    return "phase" in dataset and dataset["phase"].attrs.get("units") == "rad"


def crossings(
    recording: xr.Dataset, *, level: float, variable: str | None = None
) -> tuple[xr.Dataset, Sites]:
    """Every crossing of `level` upwards, a table over `crossing`, and the sites.

    Of a wave field (`wave_field`) `level` is a phase in rad and frames that the filter
    spoils (`valid`) are left out; of a recording it is in the units of `variable`.
    Columns: `time` (s), `x`, `y` (mm), `site` (number in C order), `trial`, `feature`;
    ordered by trial, feature, time. attrs: `step` (s), `level`, `of`.
    """
    if not np.isfinite(level):
        raise InputError(f"level is {level}; a crossing needs a finite one")
    of_phase = is_wave_field(recording)
    values = recording["phase"] if of_phase else picked(recording, variable)
    if of_phase and not -np.pi <= level <= np.pi:
        raise InputError(f"level is {level:g}; of a phase it is from -pi to pi rad")
    sites, rate = sites_of(values), sampling_rate(values)
    frames = frames_of(values)
    time = np.asarray(values["time"].values, dtype=float)
    spoilt = np.zeros(len(time), dtype=bool)
    if of_phase:
        _refuse_gaps(frames, sites)
        if "valid" in recording:
            spoilt = ~np.asarray(recording["valid"].values, dtype=bool)
    find = phase_crossings if of_phase else upward_crossings
    rows = []
    for trial, feature in np.ndindex(frames.shape[:2]):
        site, at = find(frames[trial, feature], level)
        before = np.floor(at).astype(int)
        before = np.clip(before, 0, len(time) - 2)
        good = ~(spoilt[before] | spoilt[before + 1])
        site, at, before = site[good], at[good], before[good]
        order = np.lexsort((site, at))
        share = (at - before)[order]
        before = before[order]
        when = (1 - share) * time[before] + share * time[before + 1]
        part = np.full(len(order), trial), np.full(len(order), feature)
        rows.append((when, site[order], *part))
    when, site, trials, features = (
        np.concatenate([row[k] for row in rows]) for k in range(4)
    )
    columns = {
        "time": (when, "s"), "x": (sites.positions[site, 0], "mm"),
        "y": (sites.positions[site, 1], "mm"), "site": (site, "1"),
        "trial": (trials, "1"), "feature": (features, "1"),
    }  # fmt: skip
    table = xr.Dataset(
        {name: ("crossing", column, {"units": unit})
         for name, (column, unit) in columns.items()},
        attrs={"level": level, "of": "phase" if of_phase else str(values.name),
               "level_units": values.attrs.get("units", ""), "step": 1 / rate},
    )  # fmt: skip
    return table, sites


def _refuse_gaps(frames: np.ndarray, sites: Sites) -> None:
    """A phase that is missing for a while has lost count of its turns."""
    missing = ~np.isfinite(frames)
    torn = missing.any(axis=2) & ~missing.all(axis=2)  # (trial, feature, site)
    if torn.any():
        trial, feature, site = np.argwhere(torn)[0]
        x, y = sites.positions[site]
        count = int(missing[trial, feature, :, site].sum())
        raise InputError(
            f"the phase at ({x:g}, {y:g}) mm is missing in {count} of "
            f"{frames.shape[2]} frames of trial {trial}; make the site missing "
            "throughout, or cut the recording there"
        )
