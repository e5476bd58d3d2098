"""Waves that turn about a point: where it is, which way, and how well they do.

The score is the mean resultant |mean exp i(phase +- theta)| of phase against the angle
theta about the best centre. The usual circular correlation of phase and angle is there
as `rotation_correlation`: both angles go through a full turn, so that their means, from
which it takes them, are accidents of the lattice, and a perfect rotation scores 0.26 on
10 x 10 sites and 0.97 on 32 x 32.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cortexwave.analysis.local_measures import DENSE, derivatives, same_sites
from cortexwave.analysis.sites import Sites
from cortexwave.analysis.wave_frames import Frames, SiteKey, site_key, sites_by_key

_MOST = 256  # centres that are tried
_MARGIN = 1.0  # pitches between a centre and the edge: beyond, a plane wave turns too
_WORTH = 0.8  # score from which on a centre is refined
_ROUNDS = 4
_GAIN = 1e-5  # of the score, below which a centre is left where it is
_AT_CENTRE = 1e-6  # pitches squared: a site this near a centre has no angle


def rotation(frames: Frames) -> dict[str, np.ndarray]:
    """`rotation`, `rotation_x`, `rotation_y` (mm) and `handedness`, each (frame,).

    The score is 1 where phase falls by a full turn around the centre, +1 handed
    counter-clockwise (as the wave runs, y up) and -1 clockwise. Centres are tried half
    a step off the sites of a lattice (at most 256, no nearer to the edge than a pitch),
    all frames at once as one product of matrices in single precision: 4 x sites x
    centres multiplications a frame. Where the score is 0.8 or more the centre is
    refined in double precision by Gauss-Newton, at three times the cost of the search.
    Plane waves, sources and unison, of which a part of a turn is not told, score up to
    0.85.
    """
    centres, templates = _templates(site_key(frames.sites))
    score, at, turn = _search(frames, templates)
    where = centres[at]
    worth = np.flatnonzero(score >= _WORTH)
    if worth.size:
        score[worth], where[worth] = _refine(frames, worth, where[worth], turn[worth])
    known = frames.live.any(axis=1)
    where[~known], score[~known] = np.nan, np.nan
    handed = np.where(known, turn * frames.sense, np.nan)
    return {"rotation": score, "rotation_x": where[:, 0], "rotation_y": where[:, 1],
            "handedness": handed}  # fmt: skip


@lru_cache(maxsize=2)
def _templates(key: SiteKey) -> tuple[np.ndarray, np.ndarray]:
    """Centres (centre, 2), and cosine beside sine of the angles (site, 2 centre)."""
    sites = sites_by_key(key)
    centres = candidate_centres(sites)
    x, y = _from_centre(sites, centres)
    angle = np.arctan2(y, x)
    both = np.concatenate([np.cos(angle), np.sin(angle)]).T
    return centres, both.astype(np.float32)


def candidate_centres(sites: Sites) -> np.ndarray:
    """Where a rotation is sought (centre, 2): x, y in mm; the middle at least."""
    first = sites.positions.min(axis=0)
    low, high = _bounds(sites)
    axes = []
    for axis in (0, 1):
        step = abs(sites.spacing[1 - axis]) if sites.spacing else sites.pitch
        cells = max(1, round((high[axis] - low[axis]) / step))
        # a few steps off, a rotation of a large array scores nearly as high
        stride = step * max(1, -(-cells // int(_MOST**0.5)))
        at = np.arange(first[axis] + step / 2, high[axis], stride)
        at = at[at >= low[axis]]
        axes.append(at if at.size else np.array([(low[axis] + high[axis]) / 2]))
    x, y = np.meshgrid(*axes)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _bounds(sites: Sites) -> tuple[np.ndarray, np.ndarray]:
    """The least and greatest x, y (mm) that a centre may have."""
    low, high = sites.positions.min(axis=0), sites.positions.max(axis=0)
    margin = np.minimum(_MARGIN * sites.pitch, (high - low) / 2)
    return low + margin, high - margin


def _from_centre(sites: Sites, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x and y of every site from every centre, both (centre, site)."""
    x, y = np.moveaxis(sites.positions - centres[:, None], -1, 0)
    return x, y


def _search(
    frames: Frames, templates: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Best score, its centre and its sign, each (frame,)."""
    real, imaginary = (
        part.astype(np.float32) @ templates for part in (frames.cosine, frames.sine)
    )
    rc, rs = np.split(real, 2, axis=1)
    ic, js = np.split(imaginary, 2, axis=1)
    # |sum z exp(+-i theta)|^2, (frame, centre)
    squared = rc**2 + rs**2 + ic**2 + js**2
    cross = 2 * (rs * ic - rc * js)
    rows = np.arange(len(squared))
    found = []
    for both in (squared + cross, squared - cross):
        at = np.argmax(both, axis=1)
        found.append((both[rows, at], at))
    (plus, plus_at), (minus, minus_at) = found
    turn = np.where(plus >= minus, 1.0, -1.0)
    at = np.where(plus >= minus, plus_at, minus_at)
    count = np.maximum(frames.live.sum(axis=1), 1)
    top = np.maximum(np.maximum(plus, minus), 0).astype(float)
    return np.minimum(np.sqrt(top) / count, 1.0), at, turn


def _refine(
    frames: Frames, which: np.ndarray, centre: np.ndarray, turn: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Score and centre of some frames, from near ones (frame, 2) and signs (frame,).

    Gauss-Newton on the resultant. The few sites next to the centre would decide
    everything, as the angle is steepest there, and what a core or a filter spoils most
    is there: within a pitch sites weigh as their distance squared.
    """
    sites = frames.sites
    low, high = _bounds(sites)
    best, there = np.full(len(which), -1.0), centre.copy()
    active, tried = np.arange(len(which)), centre
    for _ in range(_ROUNDS + 1):
        mine = which[active]
        live = frames.live[mine].astype(float)
        # of a clockwise one conj(z) exp(i theta), the mirror of z exp(-i theta)
        real, imaginary = frames.cosine[mine], frames.sine[mine] * turn[active, None]
        x, y = (sites.positions[:, k] - tried[:, k, None] for k in (0, 1))
        square = x * x + y * y
        far = live / np.sqrt(np.maximum(square, _AT_CENTRE * sites.pitch**2))
        across, along = real * x - imaginary * y, real * y + imaginary * x
        across *= far
        along *= far
        ex, ey = across.sum(axis=1), along.sum(axis=1)
        length = np.maximum(np.hypot(ex, ey), 1e-300)
        score = length / np.maximum(live.sum(axis=1), 1)
        gain = score - best[active]
        better = gain > 0
        best[active[better]], there[active[better]] = score[better], tried[better]
        # sine of the phase that is left over at each site
        lag = along * (ex / length)[:, None] - across * (ey / length)[:, None]
        step = _step(x, y, square, lag, live, sites.pitch)
        going = gain > _GAIN
        active, tried = active[going], np.clip((tried + step)[going], low, high)
        if not active.size:
            break
    return np.minimum(best, 1.0), there


def _step(
    x: np.ndarray,
    y: np.ndarray,
    square: np.ndarray,
    lag: np.ndarray,
    live: np.ndarray,
    pitch: float,
) -> np.ndarray:
    """Steps of the centre (frame, 2) that, with a constant, take most lag away."""
    square = np.maximum(square, _AT_CENTRE * pitch**2)
    weight = live * np.minimum(square / pitch**2, 1.0)
    # slopes of theta by the centre's x and y
    by_x, by_y = y / square, -x / square
    wx, wy = weight * by_x, weight * by_y
    n = np.maximum(weight.sum(axis=1), 1e-300)
    sx, sy = wx.sum(axis=1), wy.sum(axis=1)
    sl = _dot(weight, lag)
    xx, yy = _dot(wx, by_x) - sx**2 / n, _dot(wy, by_y) - sy**2 / n
    xy = _dot(wx, by_y) - sx * sy / n
    x_lag, y_lag = _dot(wx, lag) - sx * sl / n, _dot(wy, lag) - sy * sl / n
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.stack([yy * x_lag - xy * y_lag, xx * y_lag - xy * x_lag], axis=1)
        step /= -(xx * yy - xy**2)[:, None]
    step = np.where(np.isfinite(step), step, 0.0)
    length = np.linalg.norm(step, axis=1, keepdims=True)
    return step * np.minimum(1.0, pitch / np.maximum(length, 1e-300))


def _dot(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.einsum("fs,fs->f", first, second)


def rotation_correlation(frames: Frames) -> dict[str, np.ndarray]:
    """`rotation_correlation` (frame,): the usual one, about the greatest |curl|.

    + counter-clockwise. Kept for comparison: it depends on the lattice (see above).
    """
    value = np.full(len(frames.known), np.nan)
    for which, known in same_sites(frames.known):
        if not derivatives(frames.sites, known)[2].any():
            continue
        x, y = frames.travel_x[which], frames.travel_y[which]
        theta, by_x, by_y = _about_sites(site_key(frames.sites), known.tobytes())
        curl = np.abs(y @ by_x - x @ by_y)
        # the first of equal ones, whatever rounding makes of them
        at = np.argmax(curl >= curl.max(axis=1, keepdims=True) * (1 - 1e-9), axis=1)
        phase = _about_mean(frames.cosine[which], frames.sine[which])
        if not known.all():
            phase = np.where(known, phase, 0.0)
        value[which] = _correlation(phase, theta[at])
    return {"rotation_correlation": -frames.sense * value}


@lru_cache(maxsize=4)
def _about_sites(key: SiteKey, sites_known: bytes) -> tuple[np.ndarray, ...]:
    """Sine of the angles about each centre less their mean (centre, site), d/dx, d/dy.

    Centres are the sites at which there is a curl; the slopes are (site, centre).
    """
    sites, known = sites_by_key(key), np.frombuffer(sites_known, dtype=bool)
    slope_y, slope_x, whole = derivatives(sites, known)
    x, y = _from_centre(sites, sites.positions[whole])
    angle = np.arctan2(y, x)
    theta = _about_mean(*(np.where(known, f(angle), 0.0) for f in (np.cos, np.sin)))
    slopes = (part[whole].T for part in (slope_x, slope_y))
    if sites.count <= DENSE:
        slopes = (part.toarray() for part in slopes)
    return np.where(known, theta, 0.0), *slopes


def circular_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Correlation (frame,) of two angles (frame, site), -1 to 1.

    sum sin(a - a0) sin(b - b0) / sqrt(sum sin^2(a - a0) sum sin^2(b - b0)), with the
    circular means a0, b0 (Jammalamadaka & SenGupta 2001, eq. 8.2.2). Sites that are NaN
    in either are left out.
    """
    live = ~(np.isnan(first) | np.isnan(second))
    return _correlation(*(
        _about_mean(np.where(live, np.cos(part), 0), np.where(live, np.sin(part), 0))
        for part in (first, second)
    ))  # fmt: skip


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return _dot(first, second) / np.sqrt(_dot(first, first) * _dot(second, second))


def _about_mean(cosine: np.ndarray, sine: np.ndarray) -> np.ndarray:
    """Sine of the angles (frame, site) from their circular mean."""
    c, s = (part.sum(axis=1, keepdims=True) for part in (cosine, sine))
    with np.errstate(divide="ignore", invalid="ignore"):
        length = np.hypot(c, s)
        return sine * (c / length) - cosine * (s / length)
