"""The velocity of one front from the times at which it reaches its sites.

Times are regressed on positions, t = t0 + s . r: the slowness s = n / v of a plane
front is then right for every aperture. The other way round, coordinates on time one by
one (as cobrawap does), is right only where the sites spread equally in all directions:
of a plane at 30 degrees on 12 x 3 sites it is 28 degrees off, and errors of the times
lower its speed everywhere. On a square array without errors the two agree.

A speed is refused, with the reason, where the front is no plane: a source or a rotating
wave has none, though a regression always gives one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from scipy.stats import f as f_distribution

_PLANE, _QUADRATIC = 3, 6  # terms
_CENTRES = 200  # sites whose pairs with all others are taken
_SCATTER = 0.9  # mean resultant of the directions of a curved front (26 deg)


@dataclass(frozen=True)
class FrontPlane:
    """A plane through crossing times; `reason` is "" where its speed means something.

    Slowness in s/mm; `speed` mm/s and `direction` deg are NaN where there is a reason.
    """

    slowness: tuple[float, float]
    speed: float
    speed_error: float
    direction: float
    r2: float
    p_plane: float
    p_curved: float
    reason: str


def plane_of(
    positions: np.ndarray,
    times: np.ndarray,
    *,
    step: float,
    alpha: float,
    least_r2: float,
) -> FrontPlane:
    """The plane front through times (site,) in s at positions (site, 2) in mm.

    `p_plane` is of the F-test of a plane against none, `p_curved` of second order
    terms against a plane; both count sites as often as their residuals say
    (`effective_count`). The reasons, in this order:

    few         fewer than 7 sites (a curvature needs 6 terms), or all on a line
    synchronous all sites cross within one frame, `step` s: faster than can be told
    curved      second order terms count (p_curved <= alpha) and turn the direction of
                the front over its sites: mean resultant below 0.9
    level       no slope beyond chance (p_plane > alpha), or one that crosses the sites
                within one frame
    uneven      the plane explains less than `least_r2` of the times (of a turn of a
                rotating wave 16 / (3 pi^2) = 0.54 on a disc, of half a turn 0.84)

    The speed is 1 / |s|. Errors of the times make |s| too large by about
    its variance / (2 |s|); `speed_error` is the standard error.
    """
    nothing = (float("nan"),) * 2
    centred = positions - positions.mean(axis=0)
    late = times - times.mean()
    x, y = centred.T
    if len(times) <= _QUADRATIC or _flat(centred):
        return FrontPlane(nothing, *(float("nan"),) * 6, reason="few")
    plane = np.column_stack([np.ones_like(x), x, y])
    (_, *slowness), rest = _fitted(plane, late)
    total = float(late @ late)
    error = float(rest @ rest)
    r2 = 1 - error / total if total > 0 else float("nan")
    count = effective_count(centred, rest, _PLANE)
    p_plane = _f_test(total - error, error, _PLANE - 1, count - _PLANE)
    # in units of the aperture, so that the columns are of one size
    u, v = centred.T / np.abs(centred).max()
    curved = np.column_stack([np.ones_like(u), u, v, u * u, u * v, v * v])
    terms, left = _fitted(curved, late)
    remains = float(left @ left)
    fewer = effective_count(centred, left, _QUADRATIC)
    p_curved = _f_test(error - remains, remains, 3, fewer - _QUADRATIC)
    sx, sy = float(slowness[0]), float(slowness[1])
    size = float(np.hypot(sx, sy))
    spread = np.ptp(centred @ slowness)
    turned = np.column_stack([
        terms[1] + 2 * terms[3] * u + terms[4] * v,
        terms[2] + terms[4] * u + 2 * terms[5] * v,
    ])  # fmt: skip
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = turned / np.linalg.norm(turned, axis=1, keepdims=True)
        straightness = float(np.linalg.norm(unit.mean(axis=0)))
        speed = 1 / size if size else float("inf")
    if spread < step and np.ptp(late) < step:
        reason = "synchronous"
    elif p_curved <= alpha and not straightness >= _SCATTER:
        reason = "curved"
    elif not p_plane <= alpha or spread < step:
        reason = "level"
    elif not r2 >= least_r2:
        reason = "uneven"
    else:
        reason = ""
    # covariance of the slowness, from as many sites as there are in effect
    freedom = max(count - _PLANE, 1.0)
    covariance = np.linalg.inv(centred.T @ centred) * error / len(times)
    covariance *= len(times) / freedom
    along = np.array([sx, sy]) / size if size else np.zeros(2)
    deviation = float(np.sqrt(along @ covariance @ along))
    known = not reason
    return FrontPlane(
        slowness=(sx, sy),
        speed=speed if known else float("nan"),
        speed_error=speed**2 * deviation if known else float("nan"),
        direction=_degrees(sx, sy) if known else float("nan"),
        r2=r2, p_plane=p_plane, p_curved=p_curved, reason=reason,
    )  # fmt: skip


def _degrees(x: float, y: float) -> float:
    """Direction of a vector in [-180, 180)."""
    return (float(np.degrees(np.arctan2(y, x))) + 180) % 360 - 180


def _flat(centred: np.ndarray) -> bool:
    singular = np.linalg.svd(centred, compute_uv=False)
    return bool(singular[-1] < 1e-3 * singular[0])


def _fitted(columns: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of least squares and what they leave."""
    terms = np.linalg.lstsq(columns, values, rcond=None)[0]
    return terms, values - columns @ terms


def _f_test(gained: float, left: float, terms: int, freedom: float) -> float:
    freedom = max(freedom, 1.0)
    if gained <= 0:
        return 1.0
    if left <= 0:
        return 0.0
    return float(f_distribution.sf(gained / terms / (left / freedom), terms, freedom))


def effective_count(positions: np.ndarray, residuals: np.ndarray, terms: int) -> float:
    """How many independent sites residuals (site,) are worth.

    n^2 / sum of the correlation of all pairs (Clifford, Richardson & Hemon 1989, for
    one field): the correlation is taken in bins of distance as far as it stays
    positive, and is 0 beyond. Of residuals without neighbourhood it is n. A fit of
    `terms` terms makes residuals at far distances lean against each other; that is
    why only the positive beginning counts.
    """
    count = len(residuals)
    variance = float(residuals @ residuals) / max(count - terms, 1)
    if variance <= 0:
        return float(count)
    # of many sites, pairs of some with all say as much
    from_here = np.unique(np.linspace(0, count - 1, _CENTRES).astype(int))
    apart = cdist(positions[from_here], positions)
    other = apart > 0
    product = residuals[from_here, None] * residuals / variance
    width = float(np.median(np.where(other, apart, np.inf).min(axis=1)))
    bins = np.floor(apart[other] / width - 0.5).astype(int)
    number = np.bincount(bins)
    sums = np.bincount(bins, weights=product[other])
    # a bin of chance is no correlation: two standard errors of independent pairs,
    # each of which is counted from both ends
    chance = 2 / np.sqrt(np.maximum(number / 2, 1))
    leans = (number > 0) & (sums > chance * number)
    reach = len(leans) if leans.all() else int(np.argmin(leans))
    total = count + count / len(from_here) * float(sums[:reach].sum())
    return float(np.clip(count**2 / total, 1.0, count))


def local_slowness(
    positions: np.ndarray, times: np.ndarray, *, radius: float
) -> np.ndarray:
    """Gradient (site, 2) in s/mm of crossing times, by a plane within `radius` mm.

    On a lattice with the four neighbours in reach it is the centred difference
    inside. NaN where fewer than three sites, or sites on a line, are in reach.
    """
    count = len(times)
    pairs = cKDTree(positions).query_pairs(radius, output_type="ndarray")
    here = np.concatenate([pairs[:, 0], pairs[:, 1]])
    there = np.concatenate([pairs[:, 1], pairs[:, 0]])
    x, y = (positions[there] - positions[here]).T
    late = times[there] - times[here]

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(here, weights=values, minlength=count)

    near = 1 + np.bincount(here, minlength=count)  # the site itself at 0, 0
    mx, my, mt = total(x) / near, total(y) / near, total(late) / near
    xx = total(x * x) - near * mx * mx
    yy = total(y * y) - near * my * my
    xy = total(x * y) - near * mx * my
    xt = total(x * late) - near * mx * mt
    yt = total(y * late) - near * my * mt
    determinant = xx * yy - xy * xy
    plane = (near >= _PLANE) & (determinant > 1e-6 * (xx + yy) ** 2)
    safe = np.where(plane, determinant, 1.0)
    slope = np.stack([(yy * xt - xy * yt) / safe, (xx * yt - xy * xt) / safe], axis=-1)
    return np.where(plane[:, None], slope, np.nan)


def local_velocity(slowness: np.ndarray) -> np.ndarray:
    """The least velocity (site, 2) in mm/s that a slowness allows, s / |s|^2."""
    square = np.sum(slowness**2, axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(square > 0, slowness / square, np.nan)
