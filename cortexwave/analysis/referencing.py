"""References: common average, common median and differences of neighbours.

What a common average does to a plane wave exp(i(w t - k x)) on an array of length L,
centred on x = 0: it takes away A exp(i w t), A = sin(kL/2)/(kL/2). The wave that is
left has the phase gradient

    -k (1 - A cos kx) / (1 + A^2 - 2 A cos kx),

-k/(1 - A) at the centre, which then seems slower by the factor 1 - A, and less than k
towards the edges. A wave of 2 array lengths has A = 0.64: its speed reads 0.36 of the
true one at the centre and 1.41 at the edges. As the wave grows longer A nears 1, and
what is left nears k x: two halves in opposite phase, which do not travel at all. Only
waves that fit on the array a whole number of times have A = 0 and are not touched.

The difference of two neighbours d apart is 2 sin(kd/2) of the wave at their midpoint, a
quarter of a cycle late: its phase gradient is the wave's own.
"""

from __future__ import annotations

import warnings
from typing import Literal, get_args

import numpy as np
import xarray as xr
from scipy.spatial import cKDTree

from cortexwave.analysis.courses import site_courses
from cortexwave.analysis.sections import noted
from cortexwave.analysis.sites import (
    channel_names,
    like,
    live_sites,
    picked,
    sites_of,
)
from cortexwave.errors import InputError

Reference = Literal["common_average", "common_median", "bipolar_x", "bipolar_y"]

_SIDEWAYS = 0.1  # of the distance to a neighbour along the axis
_FARTHEST = 1.5  # of the usual distance to a neighbour: a missing one is not bridged


def rereference(
    recording: xr.Dataset, *, to: Reference, variable: str | None = None
) -> xr.Dataset:
    """The recording with one field against another reference.

    `common_average` and `common_median` take the mean or median of the live sites from
    each, frame by frame, for every trial and feature by itself; they warn, as waves
    longer than two array lengths do not survive it (see the module). Sites that are
    missing or never change count for nothing and become NaN.

    `bipolar_x` and `bipolar_y` give the site farther along the axis (its coordinate is
    greater) less its neighbour, at their midpoint: a lattice has one column or row
    less. Of electrodes the pairs are channels "B-A" of neighbours along the axis, not
    across a gap. Whatever else stands on sites is left out, as it has no such sites.
    """
    if to not in get_args(Reference):
        raise InputError(f"a reference is one of {get_args(Reference)}, not {to!r}")
    values = picked(recording, variable)
    courses = site_courses(values)
    frames = np.moveaxis(courses, -1, -2)  # (trial, feature, time, site)
    live = live_sites(frames)
    if not live.any():
        raise InputError(f"field '{values.name}' has no live site: no reference")
    frames = np.where(live, frames, np.nan)
    if to == "common_average" or to == "common_median":
        made = recording.assign({str(values.name): _common(values, frames, live, to)})
        said = f"{to.replace('_', ' ')} of {int(live.sum())} sites"
    else:
        field = like(values, frames).assign_attrs(values.attrs)
        axis = to[-1]
        pairs = _channel_pairs if "channel" in values.dims else _lattice_pairs
        made = _beside(recording, pairs(field, axis))
        said = f"bipolar along {axis}"
    before = str(recording.attrs.get("reference", ""))
    made = noted(made, f"re-referenced to {said}")
    return made.assign_attrs(reference=f"{before}; {said}" if before else said)


def _common(
    values: xr.DataArray, frames: np.ndarray, live: np.ndarray, to: str
) -> xr.DataArray:
    over = np.nanmean if to == "common_average" else np.nanmedian
    with warnings.catch_warnings():  # a trial without a live site stays NaN
        warnings.filterwarnings("ignore", "(Mean of empty|All-NaN) slice")
        taken = over(frames, axis=-1, keepdims=True)
    positions = sites_of(values).positions[live]
    length = float(np.ptp(positions, axis=0).max())
    warnings.warn(
        f"field '{values.name}': a {to.replace('_', ' ')} distorts phase gradients. "
        f"The live sites span {length:g} mm; waves longer than {2 * length:g} mm lose "
        "more than 0.64 of their amplitude as common to all sites, and what is left "
        "has 0.36 of their speed or less at the centre and 1.4 of it at the edges. "
        "Compare with the field as recorded and with bipolar differences",
        UserWarning,
        stacklevel=3,
    )
    return like(values, frames - taken).assign_attrs(values.attrs)


def _lattice_pairs(field: xr.DataArray, axis: str) -> xr.DataArray:
    if field.sizes.get(axis, 1) < 2:
        raise InputError(
            f"field '{field.name}' has one site along '{axis}': no differences along it"
        )
    at = field[axis]
    sites_of(field)  # equal steps
    first, second = (field.isel({axis: part}).drop_vars(axis)
                     for part in (slice(None, -1), slice(1, None)))  # fmt: skip
    towards = 1 if float(at[1]) > float(at[0]) else -1
    middle = (at.values[:-1] + at.values[1:]) / 2
    difference = ((second - first) * towards).assign_attrs(field.attrs)
    return difference.assign_coords({axis: (axis, middle, at.attrs)})


def _channel_pairs(field: xr.DataArray, axis: str) -> xr.DataArray:
    """Differences of electrodes that are neighbours along the axis, as channels."""
    positions = sites_of(field).positions
    low, high = _neighbours(positions, 0 if axis == "x" else 1)
    if not low.size:
        raise InputError(
            f"field '{field.name}': no two electrodes stand beside each other along "
            f"'{axis}'; differences need electrodes in rows along an axis"
        )
    names = channel_names(field)
    first, second = (
        field.isel(channel=part).drop_vars(
            [name for name, at in field.coords.items() if "channel" in at.dims]
        )
        for part in (low, high)
    )
    middle = (positions[low] + positions[high]) / 2
    coords: dict = {
        "channel": [f"{names[b]}-{names[a]}" for a, b in zip(low, high, strict=True)]
    }
    for k, name in enumerate("xy"):
        coords[name] = ("channel", middle[:, k], field[name].attrs)
    difference = (second - first).assign_attrs(field.attrs)
    return difference.assign_coords(coords)


def _neighbours(positions: np.ndarray, along: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of sites next to each other along an axis: the nearer, the farther."""
    tree = cKDTree(positions)
    near, far, gaps = [], [], []
    for k, others in enumerate(tree.query(positions, k=min(9, len(positions)))[1]):
        step = positions[others] - positions[k]
        ahead, aside = step[:, along], np.abs(step[:, 1 - along])
        fits = np.flatnonzero((ahead > 0) & (aside <= _SIDEWAYS * ahead))
        if fits.size:
            best = fits[np.argmin(ahead[fits])]
            near.append(k)
            far.append(int(others[best]))
            gaps.append(float(ahead[best]))
    usual = np.array(gaps) <= _FARTHEST * (np.median(gaps) if gaps else 0)
    return np.array(near, dtype=int)[usual], np.array(far, dtype=int)[usual]


def _beside(recording: xr.Dataset, field: xr.DataArray) -> xr.Dataset:
    """The recording with this field alone on its sites, and all that has no sites."""
    sites = {"y", "x", "channel"}
    kept = [name for name, item in recording.variables.items()
            if not sites & set(item.dims)]  # fmt: skip
    made = xr.Dataset(
        {
            name: recording[name].variable
            for name in kept
            if name not in recording.coords
        },
        {name: recording[name].variable for name in kept if name in recording.coords},
        recording.attrs,
    )
    return made.assign_coords(field.coords).assign({str(field.name): field})
