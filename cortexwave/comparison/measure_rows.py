"""One measure of model and lab: both values, their distance, ceiling, p and verdict.

All forms go one way: what the sessions say becomes a sample with subject and session,
and a distance of two samples in the measure's own unit. The same distance is taken
between animals (or sessions), between model and animals, bootstrapped and permuted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cortexwave.comparison.ceiling import (
    Ratio,
    distance_to_ceiling,
    ratio_to_ceiling,
    units_compared,
)
from cortexwave.comparison.circular_statistics import (
    mean_direction,
    mean_direction_difference,
    tie_caution,
    watson_u2,
)
from cortexwave.comparison.distances import (
    curve_distance,
    energy_distance,
    jensen_shannon,
    robust_widths,
    wasserstein,
)
from cortexwave.comparison.effect_sizes import cliffs_delta
from cortexwave.comparison.equivalence import (
    Equivalence,
    between_subject_sd,
    within_margin,
)
from cortexwave.comparison.intervals import Interval
from cortexwave.comparison.permutation import session_permutation
from cortexwave.comparison.primaries import MEASURED, Measured
from cortexwave.comparison.resampling import (
    distance_interval,
    hierarchical_bootstrap,
)
from cortexwave.comparison.samples import Sample, sample
from cortexwave.comparison.session_values import (
    KINDS,
    SessionFacts,
    Value,
    value_of,
)
from cortexwave.comparison.verdicts import Statement, undetermined, variability_verdict
from cortexwave.errors import InputError

Distance = Callable[[np.ndarray, np.ndarray], float]
_DRAWS = 2000
_MOST_JOINT = 200  # episodes of a side in an energy distance, which takes all pairs
_SHOWN = {"mm/s": ("m/s", 1e-3), "s": ("ms", 1e3)}  # units in reports
# Distances that are not in the unit of the measure.
_DISTANCE_UNITS = {"angles": ("U2", "1"), "shares": ("divergence", "bit"),
                   "joint": ("energy distance", "1")}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A measure of a comparison, in units of reports (m/s, ms, mm, Hz, deg).

    `model` and `lab` are medians (directions: means; curves: means over points) with
    intervals; `signed` is model less lab where that has a meaning; `distance` and its
    `ratio` to the ceiling are in `distance_unit`. `p` of the permutation of sessions or
    animals, `p_adjusted` within its family, NaN with a reason in `notes`.
    """

    name: str
    label: str
    layer: str
    form: str
    unit: str
    primary: bool
    spent: bool
    model: Interval
    lab: Interval
    signed: Interval
    distance: Interval
    distance_name: str
    distance_unit: str
    ratio: Ratio | None
    p: float
    p_unit: str
    equivalence: Equivalence | None
    effect: float
    statement: Statement
    notes: tuple[str, ...]
    p_adjusted: float = float("nan")


def measure_row(
    name: str,
    lab: Sequence[SessionFacts],
    model: Sequence[SessionFacts],
    *,
    array: str,
    primary: bool,
    spent: bool,
    faults: Sequence[str],
    seed: int,
) -> Row:
    """The row of one measure; "undetermined" with its reasons where there is none."""
    measured = MEASURED[name]
    unit, factor = _SHOWN.get(measured.unit, (measured.unit, 1.0))
    sides, notes, at = _samples(name, lab, model, factor)
    reasons = [*faults]
    for side in ("model", "lab"):
        if side not in sides:
            reasons.append(f"{side}: {notes[side]}")
    if "model" not in sides or "lab" not in sides:
        return _undetermined(name, measured, unit, primary, spent, reasons, sides)
    ours, theirs = sides["model"], sides["lab"]
    distance = _distance(measured, ours, theirs, at)
    kept = [each for each in notes.get("notes", "").split("\n") if each]
    apart = distance_interval(ours, theirs, distance, seed=seed, count=_DRAWS)
    ratio = _ratio(measured, ours, theirs, distance, seed)
    p, p_unit, why = _p(ours, theirs, distance, seed)
    kept += [why] if why else []
    kept += [ratio.caution] if ratio.caution else []
    signed, equal, effect = _signed(measured, ours, theirs, seed)
    if measured.form == "angles":
        caution = tie_caution(ours.values, theirs.values)
        kept += [caution] if caution else []
    called, distance_unit = _DISTANCE_UNITS.get(measured.form, ("difference", unit))
    statement = variability_verdict(
        array=array, metric=measured.label, unit=distance_unit, difference=apart,
        ratio=ratio, animals=len(theirs.subjects), faults=reasons,
    )  # fmt: skip
    return Row(
        name, measured.label, measured.layer, measured.form, unit, primary, spent,
        _typical(measured, ours, seed), _typical(measured, theirs, seed), signed, apart,
        called, distance_unit, ratio, p, p_unit, equal, effect, statement, tuple(kept),
    )  # fmt: skip


def _samples(
    name: str, lab: Sequence[SessionFacts], model: Sequence[SessionFacts], factor: float
) -> tuple[dict[str, Sample], dict[str, str], np.ndarray]:
    """Samples by side (those there are), reasons and notes, points of a curve."""
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


def _distance(
    measured: Measured, ours: Sample, theirs: Sample, at: np.ndarray
) -> Distance:
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


def _ratio(
    measured: Measured, ours: Sample, theirs: Sample, distance: Distance, seed: int
) -> Ratio:
    if measured.form not in ("number", "curve"):
        return distance_to_ceiling(ours, theirs, distance, seed=seed)
    units, models, pairs, variability = units_compared(ours, theirs)
    return ratio_to_ceiling(
        [distance(a, b) for a in models for b in units],
        [distance(units[i], units[j]) for i, j in pairs],
        units=len(units), variability=variability,
    )  # fmt: skip


def _p(
    ours: Sample, theirs: Sample, distance: Distance, seed: int
) -> tuple[float, str, str]:
    try:
        found = session_permutation(ours, theirs, distance, seed=seed)
    except InputError as error:
        return float("nan"), "", str(error)
    return found.p, found.unit, found.reason


def _signed(
    measured: Measured, ours: Sample, theirs: Sample, seed: int
) -> tuple[Interval, Equivalence | None, float]:
    """Model less lab with its interval, whether that is within how animals differ."""
    gone = float("nan")
    if measured.form == "angles":
        turned = hierarchical_bootstrap(
            [theirs, ours], mean_direction_difference, seed=seed, count=_DRAWS,
            period=360.0,
        )  # fmt: skip
        return turned, None, gone
    if measured.form not in ("numbers", "number"):
        return Interval(gone, gone, gone, reason="it has no sign"), None, gone
    found = hierarchical_bootstrap(
        [ours, theirs], lambda a, b: float(np.median(a) - np.median(b)), seed=seed,
        count=_DRAWS,
    )  # fmt: skip
    equal = within_margin(found, between_subject_sd(theirs))
    return found, equal, cliffs_delta(ours.values, theirs.values)


def _typical(measured: Measured, one: Sample, seed: int) -> Interval:
    if measured.form in ("shares", "joint"):
        gone = float("nan")
        return Interval(gone, gone, gone, reason="a distribution, see the figure")
    if measured.form == "angles":
        return hierarchical_bootstrap(one, mean_direction, seed=seed, count=_DRAWS,
                                      period=360.0)  # fmt: skip
    statistic = np.mean if measured.form == "curve" else np.median
    return hierarchical_bootstrap(one, lambda values: float(statistic(values)),
                                  seed=seed, count=_DRAWS)  # fmt: skip


def _undetermined(
    name: str, measured: Measured, unit: str, primary: bool, spent: bool,
    reasons: Sequence[str], sides: dict[str, Sample],
) -> Row:  # fmt: skip
    gone = float("nan")
    nothing = Interval(gone, gone, gone)
    typical = {side: _typical(measured, one, 0) for side, one in sides.items()}
    called, distance_unit = _DISTANCE_UNITS.get(measured.form, ("difference", unit))
    return Row(
        name, measured.label, measured.layer, measured.form, unit, primary, spent,
        typical.get("model", nothing), typical.get("lab", nothing), nothing, nothing,
        called, distance_unit, None, gone, "", None, gone, undetermined(reasons), (),
    )  # fmt: skip


def _first(texts) -> str:  # type: ignore[no-untyped-def]
    return next((each for each in texts if each), "")
