"""Wavefronts: crossings of a level that belong together in space and time.

Each site's crossings are points (x, y, c t); what is dense among them is a front
(DBSCAN: Ester et al. 1996; for wavefronts Gutzen et al. 2024). A front passes each
site once: where a cluster holds a site several times (rotating waves, whose turns are
one connected spiral in space-time) it is divided into its turns.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import xarray as xr
from scipy.spatial import cKDTree
from sklearn.cluster import DBSCAN

from cortexwave.analysis.crossings import crossings
from cortexwave.analysis.front_velocity import (
    local_slowness,
    local_velocity,
    plane_of,
)
from cortexwave.analysis.sites import Sites
from cortexwave.errors import InputError

Repeats = Literal["divide", "keep"]
_ORIGIN = ("title", "origin", "model", "paper", "seed", "truth", "band", "phase_method",
           "filter", "reference", "variable")  # fmt: skip
_ANGLES = 180  # directions in which the extent of a front is measured


def wavefronts(
    recording: xr.Dataset,
    *,
    level: float,
    neighbour_distance: float,
    time_scale: float,
    least_sites: int,
    variable: str | None = None,
    least_neighbours: int = 3,
    repeats: Repeats = "divide",
    alpha: float = 0.01,
    least_r2: float = 0.9,
) -> xr.Dataset:
    """Fronts of a recording or wave field, with plane and local velocities.

    `level`: of a wave field the phase in rad that a front is (-pi/2: before the peak
    of a cosine); of a recording a value of `variable` in its units, crossed upwards.

    Two crossings are neighbours within `neighbour_distance` mm of (x, y, c t), where
    c is `time_scale` in mm/s. A front of speed v steps sqrt(1 + (c / v)^2) pitches
    from site to site, so v is followed down to about c / sqrt((neighbour_distance /
    pitch)^2 - 1); fronts less than neighbour_distance / c apart in time run together.
    A crossing with `least_neighbours` (itself counted in) carries a front on. Of fewer
    than `least_sites` sites there is no front.

    `repeats`: "divide" keeps a site once in a front; "keep" leaves clusters as they
    are. `alpha`, `least_r2`: see `front_velocity.plane_of`, which refuses one speed
    for what is no plane.

    Over `front`: `start`, `end`, `duration` (s), `trial`, `feature`, `sites` (number),
    `x`, `y` (mm, of the first crossing), `extent` (mm, its largest width), `speed`,
    `speed_error` (mm/s), `direction` (deg) of the plane or NaN with the `reason`,
    `slowness_x`, `slowness_y` (s/mm, of the plane, always), `r2`, `p_plane`,
    `p_curved`, `local_speed` (mm/s, median over its sites).
    Over `crossing`: `time`, `x`, `y`, `site`, `trial`, `crossing_feature`, `front` it
    belongs to (-1: none) as `label`, `velocity_x`, `velocity_y` (mm/s): of the map of
    its front's times within `neighbour_distance`, NaN where the slope is none or
    would cross the front within one frame. Columns of a crossing other than `label`
    and velocities have the prefix `crossing_`.

    Scattered electrodes are treated alike. The phases of one trial are in memory.
    Raises `InputError` naming what is wrong.
    """
    _check(neighbour_distance, time_scale, least_sites, least_neighbours, repeats,
           alpha, least_r2)  # fmt: skip
    table, sites = crossings(recording, level=level, variable=variable)
    _check_reach(neighbour_distance, sites)
    step = float(table.attrs["step"])
    time, site = table["time"].values, table["site"].values
    where = sites.positions[site]
    labels = np.full(len(time), -1)
    velocity = np.full((len(time), 2), np.nan)
    rows: list[dict[str, object]] = []
    part = np.stack([table["trial"].values, table["feature"].values], axis=-1)
    for trial, feature in np.unique(part, axis=0):
        own = np.flatnonzero((part == (trial, feature)).all(axis=1))
        points = np.column_stack([where[own], time_scale * time[own]])
        found = DBSCAN(eps=neighbour_distance, min_samples=least_neighbours).fit(points)
        clusters = found.labels_
        if repeats == "divide":
            clusters = _divided(points, site[own], clusters, neighbour_distance)
        for members in _groups(clusters):
            front = own[members]
            if len(np.unique(site[front])) < least_sites:
                continue
            labels[front] = len(rows)
            row, velocity[front] = _front(
                where[front], time[front], site[front], step=step, alpha=alpha,
                least_r2=least_r2, radius=neighbour_distance,
            )  # fmt: skip
            rows.append({"trial": trial, "feature": feature, **row})
    return _table(rows, table, labels, velocity, recording).assign_attrs(
        neighbour_distance=neighbour_distance, time_scale=time_scale,
        least_sites=least_sites, least_neighbours=least_neighbours, repeats=repeats,
        alpha=alpha, least_r2=least_r2,
    )  # fmt: skip


def _check(
    neighbour_distance: float, time_scale: float, least_sites: int,
    least_neighbours: int, repeats: str, alpha: float, least_r2: float,
) -> None:  # fmt: skip
    faults = []
    if not 0 < neighbour_distance < np.inf:
        faults.append(f"neighbour_distance is {neighbour_distance} mm; it is above 0")
    if not 0 < time_scale < np.inf:
        faults.append(f"time_scale is {time_scale} mm/s; it is above 0")
    if least_sites < 1:
        faults.append(f"least_sites is {least_sites}; a front has 1 site or more")
    if least_neighbours < 1:
        faults.append(f"least_neighbours is {least_neighbours}; it is 1 or more")
    if repeats not in get_args(Repeats):
        faults.append(f"repeats is {repeats!r}, not one of {get_args(Repeats)}")
    if not 0 < alpha < 1:
        faults.append(f"alpha is {alpha}; it is between 0 and 1")
    if not 0 <= least_r2 < 1:
        faults.append(f"least_r2 is {least_r2}; it is from 0 to below 1")
    if faults:
        raise InputError("; ".join(faults))


def _check_reach(neighbour_distance: float, sites: Sites) -> None:
    if neighbour_distance <= sites.pitch:
        raise InputError(
            f"neighbour_distance is {neighbour_distance:g} mm, but neighbouring sites "
            f"are {sites.pitch:g} mm apart: no front would go from one to the next; "
            f"1.5 pitches are {1.5 * sites.pitch:g} mm"
        )


def _groups(labels: np.ndarray) -> list[np.ndarray]:
    """Members of each label from 0 on, in the order in which they first stand."""
    known = np.flatnonzero(labels >= 0)
    order = known[np.argsort(labels[known], kind="stable")]
    ends = np.flatnonzero(np.diff(labels[order])) + 1
    groups = np.split(order, ends) if len(order) else []
    return sorted(groups, key=lambda members: int(members[0]))


def _divided(
    points: np.ndarray, site: np.ndarray, labels: np.ndarray, reach: float
) -> np.ndarray:
    """Labels in which no front has a site twice.

    Crossings of a cluster in the order of time: each joins the front of the neighbour
    nearest in space-time that has not passed its site yet, and joins fronts that meet
    there and have no site in common.
    """
    labels = labels.copy()
    fresh = labels.max(initial=-1) + 1
    for members in _groups(labels):
        if len(np.unique(site[members])) == len(members):
            continue
        turn, count = _turns(points[members], site[members], reach)
        labels[members] = fresh + turn
        fresh += count
    return labels


def _turns(
    points: np.ndarray, site: np.ndarray, reach: float
) -> tuple[np.ndarray, int]:
    """Turn (crossing,) of each crossing of a cluster, ordered by time."""
    neighbours = cKDTree(points).query_ball_point(points, reach)
    turn = np.full(len(points), -1)
    passed: list[set[int]] = []  # sites of each turn; empty once joined to another
    members: list[list[int]] = []
    for here, near in enumerate(neighbours):
        before = np.array([there for there in near if turn[there] >= 0], dtype=int)
        apart = np.linalg.norm(points[before] - points[here], axis=1)
        own = int(site[here])
        at = -1
        for other in dict.fromkeys(turn[before[np.argsort(apart)]].tolist()):
            if at < 0 and own not in passed[other]:
                at = other
            elif at >= 0 and not (passed[other] & (passed[at] | {own})):
                passed[at] |= passed[other]
                turn[members[other]] = at
                members[at] += members[other]
                passed[other], members[other] = set(), []
        if at < 0:
            at = len(passed)
            passed.append(set())
            members.append([])
        turn[here] = at
        passed[at].add(own)
        members[at].append(here)
    return turn, len(passed)


def _front(
    where: np.ndarray, time: np.ndarray, site: np.ndarray, *, step: float,
    alpha: float, least_r2: float, radius: float,
) -> tuple[dict[str, object], np.ndarray]:  # fmt: skip
    """Columns of one front, and the local velocity (crossing, 2) of its sites."""
    first = np.unique(site, return_index=True)[1]  # the earliest of each site
    plane = plane_of(where[first], time[first], step=step, alpha=alpha,
                     least_r2=least_r2)  # fmt: skip
    extent = _extent(where[first])
    slowness = local_slowness(where[first], time[first], radius=radius)
    fast = np.linalg.norm(slowness, axis=1) * extent < step
    local = local_velocity(np.where(fast[:, None], np.nan, slowness))
    velocity = np.full((len(time), 2), np.nan)
    velocity[first] = local
    speeds = np.linalg.norm(local, axis=1)
    known = np.isfinite(speeds)
    # of a front that mostly is faster than can be told, the rest is no sample
    enough = known.any() and known.sum() > np.sum(fast)
    at = int(np.argmin(time))
    return {
        "start": time.min(), "end": time.max(), "duration": np.ptp(time),
        "sites": len(first), "x": where[at, 0], "y": where[at, 1], "extent": extent,
        "speed": plane.speed, "speed_error": plane.speed_error,
        "direction": plane.direction, "reason": plane.reason,
        "slowness_x": plane.slowness[0], "slowness_y": plane.slowness[1],
        "r2": plane.r2, "p_plane": plane.p_plane, "p_curved": plane.p_curved,
        "local_speed": np.median(speeds[known]) if enough else np.nan,
    }, velocity  # fmt: skip


def _extent(where: np.ndarray) -> float:
    """Largest width in mm; by directions each degree, at most 4e-5 too small."""
    angle = np.arange(_ANGLES) * np.pi / _ANGLES
    return float(np.ptp(where @ np.stack([np.cos(angle), np.sin(angle)]), axis=0).max())


_COLUMNS = {
    "start": "s", "end": "s", "duration": "s", "trial": "1", "feature": "1",
    "sites": "1", "x": "mm", "y": "mm", "extent": "mm", "speed": "mm/s",
    "speed_error": "mm/s", "direction": "deg", "slowness_x": "s/mm",
    "slowness_y": "s/mm", "r2": "1", "p_plane": "1", "p_curved": "1",
    "local_speed": "mm/s",
}  # fmt: skip
_WHOLE = ("trial", "feature", "sites")


def _table(
    rows: list[dict[str, object]], crossing: xr.Dataset, labels: np.ndarray,
    velocity: np.ndarray, recording: xr.Dataset,
) -> xr.Dataset:  # fmt: skip
    fronts = {
        name: ("front", np.array([row[name] for row in rows],
                                 dtype=np.int64 if name in _WHOLE else float),
               {"units": unit})
        for name, unit in _COLUMNS.items()
    }  # fmt: skip
    fronts["reason"] = (
        "front", np.array([row["reason"] for row in rows], dtype=object), {}
    )  # fmt: skip
    columns = {
        f"crossing_{name}": ("crossing", column.values, column.attrs)
        for name, column in crossing.data_vars.items()
    }
    columns["label"] = ("crossing", labels, {"units": "1"})
    for k, axis in enumerate("xy"):
        columns[f"velocity_{axis}"] = ("crossing", velocity[:, k], {"units": "mm/s"})
    origin = {name: recording.attrs[name] for name in _ORIGIN
              if name in recording.attrs}  # fmt: skip
    return xr.Dataset({**fronts, **columns}, attrs={**origin, **crossing.attrs})
