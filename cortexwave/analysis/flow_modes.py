"""The patterns that a velocity field is made of: its singular value decomposition.

Rows are frames, columns the velocities of all sites (Townsend & Gong 2018), so a mode
is a pattern of arrows and its course how strongly, and with which sign, it is there.
The mean is not subtracted: a flow that never changes is the first mode, all of it.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import scipy.linalg
import xarray as xr

from cortexwave import schema
from cortexwave.analysis.sites import frames_of
from cortexwave.errors import InputError

ModeKind = Literal["real", "complex"]


def flow_modes(flow: xr.Dataset, *, count: int, kind: ModeKind = "real") -> xr.Dataset:
    """The `count` strongest modes of a flow (`normal_flow`, `robust_flow`).

    Over `mode`: `mode_y`, `mode_x` (the pattern, over sites, of unit length in all),
    `course` (mm/s, over trial and time), `share` of the sum of squares and
    `singular_value` (mm/s). Velocity is the sum of course times mode. The mean of a
    course is not negative, which settles its sign. With kind "complex" v_x + i v_y is
    decomposed: a pattern may turn as a whole, by `turn` (rad, counter-clockwise), and
    its course, then not negative, is how strong it is; the mean of course e^(i turn)
    is positive.

    Frames that are not `valid` are left out, and so are those in which a site is
    missing that most frames have (their course is NaN); sites that most frames miss
    have no part (their mode is NaN). All trials together have one set of modes, each
    feature its own. Modes below 1e-7 of the first are rounding.
    """
    if kind not in get_args(ModeKind):
        raise InputError(f"kind is {kind!r}; it can be {get_args(ModeKind)}")
    check_flow(flow)
    parts = [frames_of(flow[name]) for name in ("velocity_y", "velocity_x")]
    first = flow["velocity_x"]
    trials, features, times, sites = parts[0].shape
    valid = np.asarray(flow["valid"].values) if "valid" in flow else np.ones(times)
    pattern = np.full((2, features, count, sites), np.nan)
    course = np.full((2, features, count, trials, times), np.nan)
    share = np.zeros((2, features, count))
    for feature in range(features):
        rows = [part[:, feature].reshape(-1, sites) for part in parts]
        used = np.tile(valid.astype(bool), trials)
        known = np.isfinite(rows[0]) & np.isfinite(rows[1])
        columns = known[used].mean(axis=0) > 0.5 if used.any() else known.any(axis=0)
        used &= known[:, columns].all(axis=1)
        most = min(int(used.sum()), (2 if kind == "real" else 1) * int(columns.sum()))
        if not 1 <= count <= most:
            raise InputError(
                f"count is {count}; {int(used.sum())} frame(s) and "
                f"{int(columns.sum())} site(s) have from 1 to {most} modes"
            )
        y, x = (row[np.ix_(used, columns)] for row in rows)
        values = np.concatenate([x, y], axis=1) if kind == "real" else x + 1j * y
        left, strength, right, total = leading_modes(values, count)
        if kind == "real":
            found = np.split(right, 2, axis=1)
            series = left * strength, np.zeros(left.shape)
        else:
            found = [right.real, right.imag]
            series = np.abs(left) * strength, np.angle(left)
        for axis in range(2):
            pattern[1 - axis, feature][:, columns] = found[axis]
            flat = course[axis, feature].reshape(count, -1)
            flat[:, used] = series[axis].T
        share[:, feature] = strength**2 / total if total else 0.0, strength
    site_dims = [str(dim) for dim in ("y", "x", "channel") if dim in first.dims]
    shape = [first.sizes[dim] for dim in site_dims]
    found_in: dict[str, tuple[np.ndarray, list[str], str]] = {
        "mode_y": (pattern[0].reshape(features, count, *shape), site_dims, "1"),
        "mode_x": (pattern[1].reshape(features, count, *shape), site_dims, "1"),
        "course": (course[0], ["trial", "time"], "mm/s"),
        "turn": (course[1], ["trial", "time"], "rad"),
        "share": (share[0], [], "1"),
        "singular_value": (share[1], [], "mm/s"),
    }
    if kind == "real":
        del found_in["turn"]
    modes = xr.Dataset(
        {name: (("feature", "mode", *dims), values, {"units": unit})
         for name, (values, dims, unit) in found_in.items()},
        attrs={**flow.attrs, "modes": kind},
    )  # fmt: skip
    absent = {dim: 0 for dim in ("trial", "feature") if dim not in first.dims}
    kept = {str(dim) for dim in modes.dims} - set(absent)
    coords = {name: at for name, at in first.coords.items() if kept >= set(at.dims)}
    return modes.isel(absent, missing_dims="ignore").assign_coords(coords)


def check_flow(flow: xr.Dataset) -> None:
    """Raise `InputError` or `SchemaError` where a dataset is no velocity field."""
    schema.validate(flow, schema.RECORDING)
    for name in ("velocity_y", "velocity_x"):
        if name not in flow:
            raise InputError(
                f"variable '{name}' is missing; normal_flow and robust_flow make a "
                "velocity field"
            )
        if flow[name].attrs["units"] != "mm/s":
            raise InputError(
                f"units of '{name}' are {flow[name].attrs['units']!r}, not 'mm/s'"
            )
    if flow["velocity_y"].dims != flow["velocity_x"].dims:
        raise InputError(
            f"dims of 'velocity_y' are {flow['velocity_y'].dims}, of 'velocity_x' "
            f"{flow['velocity_x'].dims}; they have to be the same"
        )


def leading_modes(
    values: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Left (row, mode), singular values, right (mode, column), and the sum of squares.

    From the eigenvectors of the smaller of v v' and v' v: of a long recording only
    a matrix of sites is decomposed. The mean of each left vector is real and not
    negative.
    """
    tall = values.shape[0] >= values.shape[1]
    square = values.conj().T @ values if tall else values @ values.conj().T
    size = len(square)
    _, vectors = scipy.linalg.eigh(square, subset_by_index=(size - count, size - 1))
    vectors = vectors[:, ::-1]
    other = values @ vectors if tall else values.conj().T @ vectors
    strength = np.linalg.norm(other, axis=0)
    other = other / np.where(strength > 0, strength, 1.0)
    left, right = (other, vectors) if tall else (vectors, other)
    mean = left.mean(axis=0)
    length = np.abs(mean)
    sign = np.where(length > 0, mean / np.where(length > 0, length, 1.0), 1.0)
    total = float(np.vdot(values, values).real)
    return left * sign.conj(), strength, (right * sign.conj()).conj().T, total
