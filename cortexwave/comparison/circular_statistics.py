"""Directions in degrees: how far two samples of them lie apart on the circle.

Statistics only: no p is given for events, as events of one session are not independent
(the asymptotic test of Watson's U2 calls nine of ten such data different). Give the
statistic to `session_permutation`. With `axial` a direction and its opposite are one:
angles are doubled, and differences halved again.
"""

from __future__ import annotations

import numpy as np

from cortexwave.errors import InputError

_TIED = 0.1  # share of events above which ties are worth a word


def watson_u2(a: np.ndarray, b: np.ndarray, *, axial: bool = False) -> float:
    """Watson's two-sample U2: 0 for equal samples, free of where the circle is cut.

    Watson 1962 (Biometrika 49:57); tied values are taken together (Zar 1999, section
    27.5). It sees any difference of the distributions, of mean, spread or shape.
    """
    difference, weight, n, m = _steps(a, b, axial)
    total = n + m
    mean = np.sum(weight * difference) / total
    return float(n * m / total**2 * np.sum(weight * (difference - mean) ** 2))


def kuiper(a: np.ndarray, b: np.ndarray, *, axial: bool = False) -> float:
    """Kuiper's two-sample V, 0 to 1: greatest excess of either distribution, summed.

    Kuiper 1960 (Proc Kon Ned Akad Wet A 63:38). Like U2 it does not depend on where
    the circle is cut; it answers more to narrow differences.
    """
    difference, _, _, _ = _steps(a, b, axial)
    return float(max(0.0, difference.max()) + max(0.0, -difference.min()))


def mean_direction(angles: np.ndarray, *, axial: bool = False) -> float:
    """Direction of the mean vector in deg, -180 to 180 (axial: -90 to 90).

    NaN where the mean vector has no length, so that there is no mean direction.
    """
    factor = 2 if axial else 1
    mean = np.mean(np.exp(1j * np.radians(factor * _angles(angles))))
    if np.abs(mean) < 1e-12:
        return float("nan")
    return float(np.degrees(np.angle(mean)) / factor)


def mean_direction_difference(
    a: np.ndarray, b: np.ndarray, *, axial: bool = False
) -> float:
    """Mean direction of `b` minus that of `a` in deg, -180 to 180 (axial: -90 to 90).

    For its interval give it to `hierarchical_bootstrap` with `period` 360 (axial: 180).
    """
    period = 180.0 if axial else 360.0
    turned = mean_direction(b, axial=axial) - mean_direction(a, axial=axial)
    return float(period / 2 - (period / 2 - turned) % period)


def tie_caution(*samples: np.ndarray) -> str:
    """A sentence where many directions are tied, else "".

    Directions read off a lattice or rounded come in few values; U2 and Kuiper's V
    assume that they are continuous, and ranks of ties are arbitrary.
    """
    pooled = np.concatenate([_angles(each) for each in samples]) % 360.0
    _, counts = np.unique(np.round(pooled, 9), return_counts=True)
    tied = int(counts[counts > 1].sum())
    if tied <= _TIED * pooled.size:
        return ""
    return (f"{tied} of {pooled.size} directions are tied ({counts.size} values); "
            "grouped directions weaken Watson's U2 and Kuiper's V")  # fmt: skip


def _steps(
    a: np.ndarray, b: np.ndarray, axial: bool
) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Difference of the distribution functions at each value, and how often it is."""
    factor = 2 if axial else 1
    a, b = ((factor * _angles(each)) % 360.0 for each in (a, b))
    values, place = np.unique(np.concatenate([a, b]), return_inverse=True)
    of_a = np.bincount(place[: a.size], minlength=values.size)
    of_b = np.bincount(place[a.size :], minlength=values.size)
    difference = np.cumsum(of_a) / a.size - np.cumsum(of_b) / b.size
    return difference, of_a + of_b, a.size, b.size


def _angles(angles: np.ndarray) -> np.ndarray:
    angles = np.asarray(angles, dtype=float)
    if angles.ndim != 1 or not angles.size or not np.isfinite(angles).all():
        raise InputError(f"directions are {angles.shape}; one or more finite angles in "
                         "deg of dims (event,) are due")  # fmt: skip
    return angles
