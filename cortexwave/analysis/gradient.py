"""The spatial gradient of phase, on the circle, at every site that has neighbours.

On a lattice differences are centred inside, one-sided at edges and beside missing
sites. Among scattered electrodes the gradient is the slope of a plane through the
site, by weighted least squares over the neighbours within a radius; on lattice
positions with the four neighbours the two are the same (`scattered_gradient`).

The gradient points where phase grows. Where phase grows in time a wave travels
against it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse
import xarray as xr
from scipy.spatial import cKDTree

from cortexwave import schema
from cortexwave.analysis.sites import Sites, frames_of, like, sites_of
from cortexwave.errors import InputError

_BLOCK = 1 << 15  # values that stay in the cache from one operation to the next
_OFF_LATTICE = 0.02  # of a step of the lattice
_EMPTIEST = 16  # places of a lattice per electrode that stands on it
_FLATTEST = 0.02  # width over length of neighbours, below which they are in line
# neighbours reach this much farther than the third nearest electrode usually does
_REACH = 1.25


def phase_gradient(
    field: xr.Dataset, *, neighbourhood: float | None = None
) -> xr.Dataset:
    """`gradient_y` and `gradient_x` of the `phase` of a wave field, in rad/mm.

    As `gradient_of_phase`, on the dims of `phase`; NaN where a site is missing or has
    no neighbour along the axis. `neighbourhood` in mm, for electrodes.
    """
    phase = _phase_of(field)
    sites = sites_of(phase)
    frames = frames_of(phase)
    found = gradient_of_phase(
        frames.reshape(-1, sites.count), sites, neighbourhood=neighbourhood
    )
    return xr.Dataset({
        f"gradient_{axis}": like(phase, slope.reshape(frames.shape)).assign_attrs(
            units="rad/mm"
        )
        for axis, slope in zip("yx", found, strict=True)
    })  # fmt: skip


def _phase_of(field: xr.Dataset) -> xr.DataArray:
    if "phase" not in field:
        raise InputError("no variable 'phase' in the field; wave_field makes one")
    schema.validate(field, schema.RECORDING)
    phase = field["phase"]
    if phase.attrs["units"] != "rad" or phase.dtype.kind != "f":
        raise InputError(
            f"'phase' is {phase.dtype} in {phase.attrs['units']!r}; it has to be "
            "floats in 'rad'"
        )
    return phase


def gradient_of_phase(
    phase: np.ndarray, sites: Sites, *, neighbourhood: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Slopes along y and x in rad/mm, both (frame, site), of phase (frame, site).

    Sites on a lattice, and electrodes that stand on one (to 2 % of a step), have the
    differences of `lattice_gradient`; other electrodes, and all where a
    `neighbourhood` in mm is given, the regression of `scattered_gradient`. Without
    one, the radius is 1.25 times the median distance of the third nearest electrode.
    """
    if neighbourhood is not None and sites.shape is not None:
        raise InputError(
            f"neighbourhood is {neighbourhood:g} mm, but the sites are a lattice, "
            "whose neighbours are known; leave it out"
        )
    if neighbourhood is None:
        table = _lattice_of(sites)
        if table is not None:
            numbers, (step_y, step_x) = table
            return _lattice_slopes(phase, numbers, (step_y, step_x))
        neighbourhood = _usual_radius(sites.positions)
    return _local_slopes(phase, sites.positions, neighbourhood)


def lattice_gradient(
    phasor: np.ndarray, *, spacing: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """d/dy and d/dx of phase in rad/mm, both (frame, y, x), of phasors (frame, y, x).

    `spacing` (y, x) in mm, negative along an axis whose coordinate falls. Inside
    arg(z[j+1] conj z[j-1]) / 2d; one-sided over d at edges and beside missing (NaN)
    sites; NaN at missing sites and where an axis has no neighbour. So a wave shorter
    than four spacings is aliased inside, one shorter than two at edges.
    """
    frames, ny, nx = phasor.shape
    numbers = np.arange(ny * nx).reshape(ny, nx)
    slopes = _lattice_slopes(
        np.angle(phasor).reshape(frames, ny * nx), numbers, spacing
    )
    return slopes[0].reshape(phasor.shape), slopes[1].reshape(phasor.shape)


def scattered_gradient(
    phasor: np.ndarray, positions: np.ndarray, *, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """d/dy and d/dx of phase in rad/mm, both (frame, site), of phasors (frame, site).

    `positions` (site, 2) are x and y in mm. The slope at a site is that of the plane
    through its phase which fits the wrapped differences to all live sites within
    `radius` mm best, each weighted by 1 / distance^2. NaN at missing (NaN) sites, and
    along an axis that the neighbours do not determine: they and the site have to be
    three that are not in line (or in line along the axis).

    With the four neighbours of a lattice this is the centred difference: the mean of
    the one before and the one behind. They part for waves shorter than four spacings,
    as there the sum of two wrapped differences is no longer wrapped: neighbours alias
    at two spacings, the centred difference already at four.
    """
    return _local_slopes(np.angle(phasor), positions, radius)


def _lattice_slopes(
    phase: np.ndarray, numbers: np.ndarray, spacing: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Slopes (frame, site) along y, x; `numbers` (y, x) are sites, -1 where none is."""
    slopes = np.empty(phase.shape), np.empty(phase.shape)
    for frames, live in _same_sites(phase):
        for axis, slope in enumerate(slopes):
            before, after, steps = _neighbours(numbers, live, axis)
            with np.errstate(divide="ignore"):
                scale = np.where(steps > 0, 1 / (steps * spacing[axis]), np.nan)
            for part in _blocks(frames, phase.shape[1]):
                values = phase[part]
                change = values.take(after, axis=1)
                change -= values.take(before, axis=1)
                slope[part] = _wrap(change) * scale
    return slopes


def _neighbours(
    numbers: np.ndarray, live: np.ndarray, axis: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The live sites before and behind each along an axis, and the steps between.

    The site itself stands where there is none; missing sites have 0 steps.
    """
    known = np.where(numbers >= 0, live[numbers], False)
    rows = np.moveaxis(np.where(known, numbers, -1), axis, -1)
    before, after = np.full(rows.shape, -1), np.full(rows.shape, -1)
    before[..., 1:] = rows[..., :-1]
    after[..., :-1] = rows[..., 1:]
    here = rows[rows >= 0]
    found = np.tile(np.arange(len(live)), (2, 1))
    steps = np.zeros(len(live))
    for row, beside in zip(found, (before, after), strict=True):
        beside = beside[rows >= 0]
        row[here] = np.where(beside >= 0, beside, here)
        steps[here] += beside >= 0
    return found[0], found[1], steps


def _local_slopes(
    phase: np.ndarray, positions: np.ndarray, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    pairs = cKDTree(positions).query_pairs(radius * (1 + 1e-9), output_type="ndarray")
    if not len(pairs):
        raise InputError(
            f"no two electrodes are within the neighbourhood of {radius:g} mm"
        )
    slopes = np.empty(phase.shape), np.empty(phase.shape)
    for frames, live in _same_sites(phase):
        known = pairs[live[pairs].all(axis=1)]
        weights, missing = _regression(positions, known)
        for part in _blocks(frames, max(1, len(known))):
            values = phase[part]
            change = values.take(known[:, 1], axis=1)
            change -= values.take(known[:, 0], axis=1)
            both = weights @ _wrap(change).T  # (site and axis, frame)
            both[missing] = np.nan
            slopes[1][part], slopes[0][part] = both[0::2].T, both[1::2].T
    return slopes


def _regression(
    positions: np.ndarray, pairs: np.ndarray
) -> tuple[scipy.sparse.csr_array, np.ndarray]:
    """What turns differences of pairs into slopes: (2 site + x or y, pair).

    Beside it (2 site + x or y): where the neighbours do not determine the slope.
    """
    sites = len(positions)
    ends = np.concatenate([pairs, pairs[:, ::-1]])
    pair = np.tile(np.arange(len(pairs)), 2)
    sign = np.repeat([1.0, -1.0], len(pairs))
    order = np.argsort(ends[:, 0], kind="stable")
    starts = np.searchsorted(ends[order, 0], np.arange(sites + 1))
    rows, columns, entries = [], [], []
    missing = np.ones(2 * sites, dtype=bool)
    for site in range(sites):
        mine = order[starts[site] : starts[site + 1]]
        if not mine.size:
            continue
        away = positions[ends[mine, 1]] - positions[site]
        weight = 1 / np.linalg.norm(away, axis=1)  # root of 1 / distance^2
        design = away * weight[:, None]
        inverse = np.linalg.pinv(design, rcond=_FLATTEST)
        unseen = np.abs(np.eye(2) - inverse @ design).max(axis=0) > _FLATTEST
        missing[2 * site : 2 * site + 2] = unseen
        for axis in range(2):
            rows.append(np.full(mine.size, 2 * site + axis))
            columns.append(pair[mine])
            entries.append(inverse[axis] * weight * sign[mine])
    if not rows:
        return scipy.sparse.csr_array((2 * sites, len(pairs))), missing
    where = np.concatenate(rows), np.concatenate(columns)
    shape = (2 * sites, len(pairs))
    return scipy.sparse.csr_array((np.concatenate(entries), where), shape), missing


def _wrap(change: np.ndarray) -> np.ndarray:
    """Angles to within half a turn of 0, in place."""
    turns = np.multiply(change, 1 / (2 * np.pi))
    np.rint(turns, out=turns)
    turns *= 2 * np.pi
    change -= turns
    return change


def _same_sites(phase: np.ndarray) -> Iterator[tuple[np.ndarray | slice, np.ndarray]]:
    """Frames that miss the same sites, and which sites (site,) those frames have."""
    known = ~np.isnan(phase)
    if not len(known):
        return
    if (known == known[0]).all():
        yield slice(0, len(phase)), known[0]
        return
    patterns, kinds = np.unique(known, axis=0, return_inverse=True)
    for kind, live in enumerate(patterns):
        yield np.flatnonzero(kinds.ravel() == kind), live


def _blocks(frames: np.ndarray | slice, columns: int) -> Iterator[np.ndarray | slice]:
    size = max(1, _BLOCK // columns)
    if isinstance(frames, slice):
        for start in range(frames.start, frames.stop, size):
            yield slice(start, min(start + size, frames.stop))
    else:
        for start in range(0, len(frames), size):
            yield frames[start : start + size]


def _lattice_of(sites: Sites) -> tuple[np.ndarray, tuple[float, float]] | None:
    """Site numbers (y, x) and spacing (y, x) of the lattice that sites stand on."""
    if sites.shape is not None and sites.spacing is not None:
        return np.arange(sites.count).reshape(sites.shape), sites.spacing
    steps, index = [], []
    for at in sites.positions.T:
        from_least = at - at.min()
        gaps = np.diff(np.sort(at))
        gaps = gaps[gaps > _OFF_LATTICE * sites.pitch]
        span = from_least.max()
        step = span / max(1, round(span / gaps.min())) if gaps.size else sites.pitch
        place = np.rint(from_least / step)
        if np.abs(from_least - place * step).max() > _OFF_LATTICE * step:
            return None
        steps.append(float(step))
        index.append(place.astype(int))
    shape = int(index[1].max()) + 1, int(index[0].max()) + 1
    if shape[0] * shape[1] > _EMPTIEST * sites.count:
        return None
    numbers = np.full(shape, -1)
    numbers[index[1], index[0]] = np.arange(sites.count)
    return numbers, (steps[1], steps[0])


def _usual_radius(positions: np.ndarray) -> float:
    nearest = min(4, len(positions))  # the site itself and three others
    distances = cKDTree(positions).query(positions, k=nearest)[0]
    return _REACH * float(np.median(distances[:, -1]))
