"""What both sides say of one measure as two samples, and how far apart those are.

Whatever its form, a measure becomes values with subject and session on each side, and a
distance of two arrays of values in its own unit; the ratio to how animals differ is
made of that distance alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from cortexwave.comparison.ceiling import (
    Ratio,
    distance_to_ceiling,
    ratio_to_ceiling,
    units_compared,
)
from cortexwave.comparison.circular_statistics import watson_u2
from cortexwave.comparison.distances import (
    curve_distance,
    energy_distance,
    jensen_shannon,
    robust_widths,
    wasserstein,
)
from cortexwave.comparison.primaries import MEASURED, Measured
from cortexwave.comparison.samples import Sample, sample
from cortexwave.comparison.session_values import (
    KINDS,
    SessionFacts,
    Value,
    value_of,
)

Distance = Callable[[np.ndarray, np.ndarray], float]
_MOST_JOINT = 200  # episodes of a side in an energy distance, which takes all pairs
_SHOWN = {"mm/s": ("m/s", 1e-3), "s": ("ms", 1e3)}  # units in reports


def shown_unit(measured: Measured) -> tuple[str, float]:
    """The unit that reports show a measure in, and the factor into it."""
    return _SHOWN.get(measured.unit, (measured.unit, 1.0))


def sides_of(
    name: str, lab: Sequence[SessionFacts], model: Sequence[SessionFacts], factor: float
) -> tuple[dict[str, Sample], dict[str, str], np.ndarray]:
    """Samples by side (those there are), reasons and notes, points of a curve.

    Values are multiplied by `factor`; notes are by side, and under "notes" what else is
    to be known.
    """
    read = {
        side: [(each, value_of(each, name)) for each in sessions]
        for side, sessions in (("lab", lab), ("model", model))
    }
    at = np.zeros(0)
    notes: dict[str, str] = {"notes": ""}
    if MEASURED[name].form == "curve":
        read, at, why = _on_one_axis(read)
        if why:
            return {}, {"lab": why, "model": why}, at
    made: dict[str, Sample] = {}
    for side, pairs in read.items():
        there = [(each, value) for each, value in pairs if not value.reason]
        missing = [f"{each.name}: {value.reason}" for each, value in pairs
                   if value.reason]  # fmt: skip
        if not there:
            notes[side] = _first(value.reason for _, value in pairs) or "no session"
            continue
        if missing:
            notes["notes"] += f"{side} without {'; '.join(missing)}\n"
        counts = [len(value.values) for _, value in there]
        names = [each for (each, _), n in zip(there, counts, strict=True)
                 for _ in range(n)]  # fmt: skip
        made[side] = sample(
            factor * np.concatenate([value.values for _, value in there]),
            subject=[f"{side} {each.subject}" for each in names],
            session=[each.session for each in names],
        )  # fmt: skip
    return made, notes, at


def _on_one_axis(
    read: dict[str, list[tuple[SessionFacts, Value]]],
) -> tuple[dict[str, list[tuple[SessionFacts, Value]]], np.ndarray, str]:
    """All curves at the points of the first one that all of them reach."""
    known = [value for pairs in read.values() for _, value in pairs if not value.reason]
    if not known:
        return read, np.zeros(0), ""
    axes = [value.coordinate for value in known if value.coordinate is not None]
    low = max(float(axis.min()) for axis in axes)
    high = min(float(axis.max()) for axis in axes)
    at = axes[0][(axes[0] >= low - 1e-9) & (axes[0] <= high + 1e-9)]
    if at.size < 2:
        return read, at, "model and lab have no stretch of the curve in common"
    laid: dict[str, list[tuple[SessionFacts, Value]]] = {}
    for side, pairs in read.items():
        laid[side] = []
        for each, value in pairs:
            if not value.reason and value.coordinate is not None:
                row = np.interp(at, value.coordinate, value.values[0])
                value = Value(row[None], at)
            laid[side].append((each, value))
    finite = np.all([np.isfinite(value.values[0]) for pairs in laid.values()
                     for _, value in pairs if not value.reason], axis=0)  # fmt: skip
    if finite.sum() < 2:
        return laid, at, "the curves are not known at the same points"
    for side, pairs in laid.items():
        laid[side] = [
            (
                each,
                value if value.reason else Value(value.values[:, finite], at[finite]),
            )
            for each, value in pairs
        ]
    return laid, at[finite], ""


def distance_of(
    measured: Measured, ours: Sample, theirs: Sample, at: np.ndarray
) -> Distance:
    """The distance of two arrays of values that suits a measure's form."""
    if measured.form == "numbers":
        return wasserstein
    if measured.form == "angles":
        return watson_u2
    if measured.form == "shares":
        return _kinds_apart
    if measured.form == "joint":
        widths = robust_widths(ours.values, theirs.values)
        return lambda a, b: energy_distance(_thin(a), _thin(b), widths=widths)
    if measured.form == "curve":
        return lambda a, b: curve_distance(a.mean(axis=0), b.mean(axis=0), at)
    return lambda a, b: float(abs(np.mean(a) - np.mean(b)))


def _thin(values: np.ndarray) -> np.ndarray:
    """Every so many-th of the episodes: those of all sessions alike."""
    return values[:: -(-len(values) // _MOST_JOINT)]


def _kinds_apart(a: np.ndarray, b: np.ndarray) -> float:
    counts = [np.bincount(each.astype(int), minlength=len(KINDS)) for each in (a, b)]
    return jensen_shannon(counts[0], counts[1])


def ratio_of(
    measured: Measured, ours: Sample, theirs: Sample, distance: Distance, seed: int
) -> Ratio:
    """The distance of model and lab in units of how animals (or sessions) differ."""
    if measured.form not in ("number", "curve"):
        return distance_to_ceiling(ours, theirs, distance, seed=seed)
    units, models, pairs, variability = units_compared(ours, theirs)
    return ratio_to_ceiling(
        [distance(a, b) for a in models for b in units],
        [distance(units[i], units[j]) for i, j in pairs],
        units=len(units), variability=variability,
    )  # fmt: skip


def _first(texts: Iterable[str]) -> str:
    return next((each for each in texts if each), "")
