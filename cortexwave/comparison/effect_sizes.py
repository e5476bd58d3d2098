"""How large a difference is, beside how far it may be chance: rates and ranks."""

from __future__ import annotations

import numpy as np

from cortexwave.comparison.intervals import Interval
from cortexwave.errors import InputError


def cliffs_delta(a: np.ndarray, b: np.ndarray) -> float:
    """P(a > b) - P(a < b) over all pairs, -1 to 1 (Cliff 1993, Psychol Bull 114:494).

    1: every value of `a` (event,) is above every one of `b`; 0: neither tends to be.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if not (a.ndim == b.ndim == 1 and a.size and b.size):
        raise InputError(f"samples are {a.shape} and {b.shape}; they are (event,)")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InputError("a sample has values that are not finite; leave them out")
    ordered = np.sort(b)
    below = np.searchsorted(ordered, a, side="left").sum()
    above = (b.size - np.searchsorted(ordered, a, side="right")).sum()
    return float((below - above) / (a.size * b.size))


def rate_ratio(
    events_a: np.ndarray,
    seconds_a: np.ndarray,
    events_b: np.ndarray,
    seconds_b: np.ndarray,
    *,
    level: float = 0.95,
) -> Interval:
    """Rate of events of `a` over that of `b`: counts and durations (s), (session,).

    The interval is that of log rates of sessions whose counts vary more than Poisson
    counts by a common factor, estimated over sessions and never below 1 (McCullagh &
    Nelder 1989, section 6.2), with Student's t. With one session on each side there is
    nothing to estimate it by: the ends are NaN and the reason says so.
    """
    from scipy.stats import t

    sides = [_counted(events_a, seconds_a), _counted(events_b, seconds_b)]
    totals = [(float(n.sum()), float(s.sum())) for n, s in sides]
    (n_a, s_a), (n_b, s_b) = totals
    missing = float("nan")
    if n_b == 0:
        why = "no event on the second side, so there is no ratio"
        return Interval(missing, missing, missing, level, reason=why)
    ratio = (n_a / s_a) / (n_b / s_b)
    freedom = sides[0][0].size + sides[1][0].size - 2
    if n_a == 0 or freedom < 1:
        why = "no event on the first side"
        if n_a > 0:
            why = ("one session on each side: how much rates differ between sessions "
                   "is not known")  # fmt: skip
        return Interval(ratio, missing, missing, level, reason=why)
    expected = [n_t / s_t * s for (n_t, s_t), (_, s) in zip(totals, sides, strict=True)]
    square = sum(float(np.sum((n - mean) ** 2 / mean))
                 for mean, (n, _) in zip(expected, sides, strict=True))  # fmt: skip
    spread = max(1.0, square / freedom)
    reach = t.ppf((1 + level) / 2, freedom) * np.sqrt(spread * (1 / n_a + 1 / n_b))
    return Interval(ratio, float(ratio * np.exp(-reach)), float(ratio * np.exp(reach)),
                    level, scope="in these animals")  # fmt: skip


def _counted(events: np.ndarray, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    events = np.atleast_1d(np.asarray(events, dtype=float))
    seconds = np.atleast_1d(np.asarray(seconds, dtype=float))
    if events.shape != seconds.shape or events.ndim != 1 or not events.size:
        raise InputError(f"{events.shape} counts for {seconds.shape} durations; one of "
                         "each is due per session")  # fmt: skip
    if not ((events >= 0).all() and (events % 1 == 0).all() and (seconds > 0).all()
            and np.isfinite(seconds).all()):  # fmt: skip
        raise InputError("counts are whole numbers, 0 or more; durations are above 0 s")
    return events, seconds
