"""The courses of sites in time: each whole, or missing as a whole, or refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import xarray as xr

from cortexwave.analysis.sites import channel_names, courses_of
from cortexwave.errors import InputError


def site_courses(values: xr.DataArray) -> np.ndarray:
    """A field as (trial, feature, site, time), each site whole or all NaN.

    `InputError` names the sites that miss some values, and how many.
    """
    courses = courses_of(values)
    known_courses(courses, name=lambda at: _site_name(values, at))
    return courses


def check_live(values: xr.DataArray, courses: np.ndarray) -> None:
    """`InputError` where all sites of a field are missing or never change."""
    if not (courses.max(axis=-1) > courses.min(axis=-1)).any():  # NaN is not greater
        raise InputError(
            f"field '{values.name}': no site is live; all {courses.shape[-2]} are "
            "missing or constant, so there is nothing to filter"
        )


def known_courses(
    values: np.ndarray, name: Callable[[tuple[int, ...]], str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Courses as rows (course, time) of floats, and which (course,) are not all NaN.

    `InputError` for complex or whole numbers and for a course with gaps, which `name`
    names by its index.
    """
    given = np.asarray(values)
    if given.dtype.kind != "f":
        raise InputError(
            f"values to filter are {given.dtype}; give real numbers in a physical "
            "unit as floats"
        )
    rows = given.reshape(-1, given.shape[-1])
    # a sum is finite only where all of its terms are
    with np.errstate(over="ignore", invalid="ignore"):
        whole = np.isfinite(rows.sum(axis=-1))
    doubtful = np.flatnonzero(~whole)
    finite = np.isfinite(rows[doubtful])
    whole[doubtful] = finite.all(axis=-1)
    gaps = ~whole[doubtful] & ~np.isnan(rows[doubtful]).all(axis=-1)
    if gaps.any():
        worst, lost = doubtful[gaps], (~finite[gaps]).sum(axis=-1)
        listed = []
        for row, count in zip(worst[:8], lost, strict=False):
            at = tuple(int(k) for k in np.unravel_index(row, given.shape[:-1]))
            listed.append(f"{name(at) if name else f'course {at}'} {count}")
        raise InputError(
            f"{worst.size} of {len(rows)} courses have gaps (values missing or not "
            f"finite, of {given.shape[-1]}: {', '.join(listed)}); nothing steps over "
            "them: cut the recording there, or set the whole site to NaN"
        )
    return rows, whole


def _site_name(values: xr.DataArray, at: tuple[int, ...]) -> str:
    trial, feature, site = at
    if "channel" in values.dims:
        said = f"channel {channel_names(values)[site]}"
    else:
        shape = [values.sizes.get(axis, 1) for axis in "yx"]
        y, x = np.unravel_index(site, shape)
        said = f"site (y {y}, x {x})"
    for dim, k in (("trial", trial), ("feature", feature)):
        said += f" of {dim} {k}" if dim in values.dims else ""
    return said
