"""Where waves begin, end, turn or cross: points where a velocity field is zero.

What a field of arrows does about such a point is in its slopes, the Jacobian J with
columns (d/dx, d/dy): det J < 0 is a saddle, (tr J)^2 > 4 det J a node (a source or a
sink), else a focus (a spiral); tr J < 0 makes it stable: what is near goes in. (Some
tools swap the columns, or call tr J > 0 stable.) Independently of slopes, the arrows
turn once as one goes round: the winding number, +1 about nodes and foci and -1 about
saddles. (Townsend & Gong's toolbox has the opposite sign.) A point counts only where
both agree.

An even source, v = a r, has (tr J)^2 = 4 det J: node or focus, the least noise decides.
So divergence (tr J) and curl are given too; what turns has curl to speak of.

Where the phase itself turns, waves rotate: `phase_singularities` needs no velocity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.analysis.flow_modes import check_flow
from cortexwave.analysis.point_tracks import Linking, point_table
from cortexwave.analysis.sites import Sites, frames_of, sampling_rate, sites_of
from cortexwave.analysis.zero_points import ZeroPoints, winding_numbers, zero_points
from cortexwave.errors import InputError

_SLAB = 2**18  # values of one variable that are worked on at a time


def critical_points(
    flow: xr.Dataset,
    *,
    farthest: float,
    longest_gap: float,
    shortest: float,
    radii: Sequence[int] = (1, 2),
    margin: float = 0.0,
) -> xr.Dataset:
    """The critical points of a flow (`robust_flow`), linked to tracks through time.

    Over `point`, in order of trial, feature and time: `time` (s), `trial`, `feature`
    (counted from 0), `x`, `y` (mm), `kind` ("node", "focus" or "saddle"), `stable`,
    `winding` (+1 or -1), `divergence` and `curl` of the flow (1/s, in the cell of four
    sites where it lies; positive curl turns counter-clockwise), and `of_track`. Over
    `track`: `track_start`, `track_end`, `track_duration` (s, from the first point to
    the last), mean `track_x`, `track_y` (mm), `track_displacement` (mm, of the last
    from the first), `track_kind` of most of its points, `track_stable` (share of
    them), `track_winding`, `track_points` (how many), `track_trial`, `track_feature`.

    Positions are exact where velocity is bilinear between four sites. A point is left
    out where the winding number on a square loop of any of `radii` (in sites, about
    the nearest site: 8 and 16 sites) is not that of its kind or is unknown, as where
    sites are missing or the loop leaves the array, and where it is nearer than
    `margin` mm to the outermost sites (loops of radius 2 keep it 1.5 sites away).
    Points with one winding number, at most `farthest` mm apart and with at most
    `longest_gap` s without a point between them, are one track; tracks shorter than
    `shortest` s are left out with their points. Frames that are not `valid` have no
    points. Noise has critical points too, in short tracks: compare their rate with a
    surrogate's.
    """
    check_flow(flow)
    velocity = flow["velocity_x"]
    sites = _lattice(velocity, radii, margin)
    linking = Linking.of(farthest, longest_gap, shortest, sampling_rate(velocity))
    rows = []
    for place, (v_y, v_x) in _frames(flow, ("velocity_y", "velocity_x"), sites):
        points = zero_points(v_y, v_x)
        down, right = _spacing(sites)
        slope = points.jacobian / np.array([down, right])
        (y_y, y_x), (x_y, x_x) = np.moveaxis(slope, 0, -1)
        det, trace = x_x * y_y - x_y * y_x, x_x + y_y
        winding = np.sign(det)
        keep = _surrounded(points, np.arctan2(v_y, v_x), winding, sites, radii, margin)
        node = np.where(trace**2 > 4 * det, "node", "focus")
        columns = {
            "kind": np.where(det < 0, "saddle", node),
            "stable": trace < 0,
            "winding": winding.astype(int),
            "divergence": trace,
            "curl": y_x - x_y,
        }
        rows.append(_located(place, points, columns, keep, sites))
    units = {"divergence": "1/s", "curl": "1/s"}
    table = point_table(rows, velocity["time"].values, linking, units)
    return table.assign_attrs(flow.attrs)


def phase_singularities(
    field: xr.Dataset,
    *,
    farthest: float,
    longest_gap: float,
    shortest: float,
    radii: Sequence[int] = (1, 2),
    margin: float = 0.0,
) -> xr.Dataset:
    """Points of a wave field about which the phase turns once, linked through time.

    As `critical_points`, but for the phase: a singularity is where the bilinear cosine
    and sine of phase are both zero, in a cell of four sites, and where phase turns
    once on each loop. `winding` is that of the phase, counter-clockwise; `handedness`
    that of the wave: +1 where it turns counter-clockwise (phase then falls on the way
    round, as phase grows in time; it is reversed where the frame's median frequency is
    negative). Unlike a focus of the flow it needs no velocity, and knows nothing of
    sources and sinks. As arrows of length 1 are not bilinear, the centre of an even
    rotation is found to half a site (where it is nearly on one), typically 0.15.
    """
    schema.validate_wave_field(field)
    phase = field["phase"]
    sites = _lattice(phase, radii, margin)
    linking = Linking.of(farthest, longest_gap, shortest, sampling_rate(phase))
    rows = []
    for place, (angle, frequency) in _frames(field, ("phase", "frequency"), sites):
        points = zero_points(np.sin(angle), np.cos(angle))
        det = np.linalg.det(points.jacobian)
        # of (sine, cosine) along (y, x): both orders reversed, so the sign is right
        winding = np.sign(det) * np.sign(np.prod(_spacing(sites)))
        keep = _surrounded(points, angle, winding, sites, radii, margin)
        forward = _sign_of_frames(frequency)[points.frame]
        columns = {
            "kind": np.full(winding.shape, "singularity"),
            "winding": winding.astype(int),
            "handedness": (-winding * forward).astype(int),
        }
        rows.append(_located(place, points, columns, keep, sites))
    table = point_table(rows, phase["time"].values, linking, {})
    return table.assign_attrs(field.attrs)


def _sign_of_frames(frequency: np.ndarray) -> np.ndarray:
    """+1 or -1 (frame,); where the frequency is not known, that of the frame before."""
    known = np.isfinite(frequency)
    below = ((frequency < 0) & known).sum(axis=(1, 2))
    count = known.sum(axis=(1, 2))
    sign = np.where(2 * below > count, -1, 1)
    if len(sign) > 1 and count[-1] == 0:
        sign[-1] = sign[-2]
    return sign


def _lattice(values: xr.DataArray, radii: Sequence[int], margin: float) -> Sites:
    sites = sites_of(values)
    if sites.shape is None:
        raise InputError(
            "the sites are scattered electrodes; points between sites are found on a "
            "lattice: begin with on_lattice(recording)"
        )
    if not radii or min(radii) < 1:
        raise InputError(
            f"radii are {tuple(radii)}; loops need at least one, of 1 site or more"
        )
    least = 2 * max(radii) + 1
    if min(sites.shape) < least:
        raise InputError(
            f"the lattice has {sites.shape[0]} x {sites.shape[1]} sites (y, x); a loop "
            f"of radius {max(radii)} needs at least {least} x {least}"
        )
    if not margin >= 0:
        raise InputError(f"margin is {margin:g} mm; it cannot be below 0")
    return sites


def _spacing(sites: Sites) -> tuple[float, float]:
    assert sites.spacing is not None
    return sites.spacing


_Place = tuple[int, int, int]  # trial, feature, first frame


def _frames(
    dataset: xr.Dataset, names: tuple[str, str], sites: Sites
) -> Iterator[tuple[_Place, list[np.ndarray]]]:
    """Both variables part by part, (frame, y, x), NaN in frames that are not valid."""
    sizes = dataset[names[0]].sizes
    assert sites.shape is not None
    frames = sizes["time"]
    # parts of two frames or more: the last knows its frequency by the one before
    parts = np.array_split(
        np.arange(frames), max(1, frames // max(2, _SLAB // sites.count))
    )
    valid = np.ones(frames, dtype=bool)
    if "valid" in dataset:
        valid = np.asarray(dataset["valid"].values, dtype=bool)
    for trial in range(sizes.get("trial", 1)):
        for feature in range(sizes.get("feature", 1)):
            for each in parts:
                within = slice(int(each[0]), int(each[-1]) + 1)
                part = {"trial": [trial], "feature": [feature], "time": within}
                blocks = []
                for name in names:
                    block = frames_of(dataset[name].isel(part, missing_dims="ignore"))
                    block = block.reshape(-1, *sites.shape)
                    known = valid[within][:, None, None]
                    blocks.append(np.where(known, block, np.nan))
                yield (trial, feature, within.start), blocks


def _surrounded(
    points: ZeroPoints,
    angle: np.ndarray,
    winding: np.ndarray,
    sites: Sites,
    radii: Sequence[int],
    margin: float,
) -> np.ndarray:
    """Which points (point,) are far enough inside, with their winding on all loops."""
    down, right = _spacing(sites)
    clockwise = np.sign(down * right)  # loops go from +x to +y by index
    keep = winding != 0
    for at, count, step in (
        (points.row, angle.shape[1], down),
        (points.column, angle.shape[2], right),
    ):
        keep &= np.minimum(at, count - 1 - at) * abs(step) >= margin
    for radius in radii:
        keep &= winding_numbers(angle, points, radius=radius) * clockwise == winding
    return keep


def _located(
    place: _Place,
    points: ZeroPoints,
    columns: dict[str, np.ndarray],
    keep: np.ndarray,
    sites: Sites,
) -> dict[str, np.ndarray]:
    trial, feature, start = place
    (down, right), (x, y) = _spacing(sites), sites.positions[0]
    known = {
        "trial": np.full(keep.shape, trial),
        "feature": np.full(keep.shape, feature),
        "frame": points.frame + start,
        "x": x + points.column * right,
        "y": y + points.row * down,
        **columns,
    }
    return {name: values[keep] for name, values in known.items()}
