"""How far two samples, two curves or two mixtures lie apart, in units one can picture.

Distances of directions are in `circular_statistics`. Every one is 0 for equals, and
above 0 for two finite samples of the same population: what a distance means is read
from the distance of two animals (`cortexwave.comparison.ceiling`).
"""

from __future__ import annotations

import numpy as np

from cortexwave.errors import InputError

_ROWS = 512  # of a block of the distances of pairs: 80 MB at 20,000 events
_NORMAL = 1.4826  # sd of a normal variable per median absolute deviation


def wasserstein(a: np.ndarray, b: np.ndarray) -> float:
    """Area between the two distribution functions (W1), in the unit of the values.

    How far a value has to be moved on average to turn one sample (event,) into the
    other: two samples that differ by a shift differ by just that shift.
    """
    from scipy.stats import wasserstein_distance

    return float(wasserstein_distance(_finite(a, 1), _finite(b, 1)))


def robust_widths(*samples: np.ndarray) -> np.ndarray:
    """Width of each measure over all samples (event, measure) together: (measure,).

    The median absolute deviation as a standard deviation; where most values are equal
    (counts, gridded values), the standard deviation; 1 where all are.
    """
    pooled = np.concatenate([_finite(each, 2) for each in samples])
    width = _NORMAL * np.median(np.abs(pooled - np.median(pooled, axis=0)), axis=0)
    width = np.where(width > 0, width, pooled.std(axis=0))
    return np.where(width > 0, width, 1.0)


def energy_distance(
    a: np.ndarray, b: np.ndarray, *, widths: np.ndarray | None = None
) -> float:
    """Distance of two joint distributions (event, measure), in robust widths.

    The root of 2 E|X-Y| - E|X-X'| - E|Y-Y'| (Szekely & Rizzo 2013, J Stat Plan
    Inference 143:1249), 0 only where the distributions are equal. Measures are divided
    by `widths` (measure,), or by `robust_widths` of the two; distances that are to be
    compared need the same widths. Events are pairs of one another: 20,000 on each side
    take some seconds.
    """
    a, b = _finite(a, 2), _finite(b, 2)
    if a.shape[1] != b.shape[1]:
        raise InputError(f"{a.shape[1]} and {b.shape[1]} measures; both samples have "
                         "the same")  # fmt: skip
    width = robust_widths(a, b) if widths is None else np.asarray(widths, dtype=float)
    if width.shape != (a.shape[1],) or not (width > 0).all():
        raise InputError(f"widths are {width}; {a.shape[1]} positive numbers are due")
    a, b = a / width, b / width
    square = 2 * _apart(a, b) - _apart(a, a) - _apart(b, b)
    return float(np.sqrt(max(0.0, square)))


def curve_distance(a: np.ndarray, b: np.ndarray, coordinate: np.ndarray) -> float:
    """Mean |difference| of two curves over the coordinate (point,), in their unit.

    The integral is that of the lines between points, crossings included, over the
    steps in which both curves are known, divided by the length of those.
    """
    a, b, x = (np.asarray(each, dtype=float) for each in (a, b, coordinate))
    if a.ndim != 1 or a.shape != b.shape or a.shape != x.shape or len(x) < 2:
        raise InputError(f"curves are {a.shape} and {b.shape} at {x.shape}; they are "
                         "(point,), two points at least")  # fmt: skip
    step = np.diff(x)
    if not (step > 0).all():
        raise InputError("the coordinate of the curves does not rise throughout")
    start, stop = (a - b)[:-1], (a - b)[1:]
    known = np.isfinite(start) & np.isfinite(stop)
    if not known.any():
        raise InputError("the two curves are nowhere known together")
    start, stop, step = start[known], stop[known], step[known]
    total = np.abs(start) + np.abs(stop)
    crossing = start * stop < 0
    # two triangles where the lines cross, a trapezium where they do not
    triangles = (start**2 + stop**2) / np.where(total > 0, total, 1.0)
    area = np.where(crossing, triangles, total) / 2
    return float(np.sum(area * step) / np.sum(step))


def jensen_shannon(a: np.ndarray, b: np.ndarray) -> float:
    """Jensen-Shannon divergence of two mixtures or spectra, 0 (equal) to 1 bit.

    `a` and `b`: weights of the same classes or bins, of any shape and sum, not
    negative; each is divided by its sum (Lin 1991, IEEE Trans Inf Theory 37:145).
    """
    p, q = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if p.shape != q.shape:
        raise InputError(f"weights are {p.shape} and {q.shape}; both are of the same "
                         "classes or bins")  # fmt: skip
    for each in (p, q):
        if not (np.isfinite(each).all() and (each >= 0).all() and each.sum() > 0):
            raise InputError("weights are not all finite and 0 or more with a sum "
                             "above 0")  # fmt: skip
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    return float(max(0.0, (_bits(p, middle) + _bits(q, middle)) / 2))


def _bits(p: np.ndarray, q: np.ndarray) -> float:
    there = p > 0
    return float(np.sum(p[there] * np.log2(p[there] / q[there])))


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    """Mean Euclidean distance of all pairs."""
    from scipy.spatial.distance import cdist

    blocks = range(0, len(a), _ROWS)
    total = sum(float(cdist(a[row : row + _ROWS], b).sum()) for row in blocks)
    return total / (len(a) * len(b))


def _finite(values: np.ndarray, dims: int) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if dims == 2 and values.ndim == 1:
        values = values[:, None]
    if values.ndim != dims or not len(values):
        due = "(event, measure)" if dims == 2 else "(event,)"
        raise InputError(f"a sample is {values.shape}; it is {due}, not empty")
    if not np.isfinite(values).all():
        raise InputError(
            f"{int((~np.isfinite(values)).sum())} values of a sample are not finite; "
            "leave such events out and say how many"
        )
    return values
