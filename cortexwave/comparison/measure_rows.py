"""One measure of model and lab: both values, their distance, ceiling, p and verdict.

All forms go one way: what the sessions say becomes a sample with subject and session,
and a distance of two samples in the measure's own unit. The same distance is taken
between animals (or sessions), between model and animals, bootstrapped and permuted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cortexwave.comparison.ceiling import Ratio
from cortexwave.comparison.circular_statistics import (
    mean_direction,
    mean_direction_difference,
    tie_caution,
)
from cortexwave.comparison.effect_sizes import cliffs_delta
from cortexwave.comparison.equivalence import (
    Equivalence,
    between_subject_sd,
    within_margin,
)
from cortexwave.comparison.intervals import Interval
from cortexwave.comparison.measure_samples import (
    Distance,
    distance_of,
    ratio_of,
    shown_unit,
    sides_of,
)
from cortexwave.comparison.permutation import session_permutation
from cortexwave.comparison.pipeline_grid import Robustness
from cortexwave.comparison.primaries import MEASURED, Measured
from cortexwave.comparison.resampling import (
    distance_interval,
    hierarchical_bootstrap,
)
from cortexwave.comparison.samples import Sample
from cortexwave.comparison.session_values import SessionFacts
from cortexwave.comparison.verdicts import (
    Statement,
    undetermined,
    variability_verdict,
)
from cortexwave.errors import InputError

_DRAWS = 2000
# Distances that are not in the unit of the measure.
_DISTANCE_UNITS = {"angles": ("U2", "1"), "shares": ("divergence", "bit"),
                   "joint": ("energy distance", "1")}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A measure of a comparison, in units of reports (m/s, ms, mm, Hz, deg).

    `model` and `lab` are medians (directions: means; curves: means over points) with
    intervals; `signed` is model less lab where that has a meaning; `distance` and its
    `ratio` to the ceiling are in `distance_unit`. `p` of the permutation of sessions or
    animals, `p_adjusted` within its family, NaN with a reason in `notes`. `animals` of
    the lab have the measure; `robust` is None where no grid of choices was tried.
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
    animals: int = 0
    p_adjusted: float = float("nan")
    robust: Robustness | None = None


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
    unit, factor = shown_unit(measured)
    sides, notes, at = sides_of(name, lab, model, factor)
    reasons = [*faults]
    for side in ("model", "lab"):
        if side not in sides:
            reasons.append(f"{side}: {notes[side]}")
    if "model" not in sides or "lab" not in sides:
        return _undetermined(name, measured, unit, primary, spent, reasons, sides)
    ours, theirs = sides["model"], sides["lab"]
    distance = distance_of(measured, ours, theirs, at)
    kept = [each for each in notes.get("notes", "").split("\n") if each]
    apart = distance_interval(ours, theirs, distance, seed=seed, count=_DRAWS)
    ratio = ratio_of(measured, ours, theirs, distance, seed)
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
        len(theirs.subjects),
    )  # fmt: skip


def measure_word(
    name: str,
    lab: Sequence[SessionFacts],
    model: Sequence[SessionFacts],
    *,
    faults: Sequence[str],
    seed: int,
) -> tuple[str, str]:
    """The word of the verdict that `measure_row` has, alone, and why it has none.

    Reasons stand one to a line. Intervals and p do not enter it, so that it costs a
    small part of a row.
    """
    measured = MEASURED[name]
    sides, notes, at = sides_of(name, lab, model, 1.0)
    reasons = [*faults, *(f"{side}: {notes[side]}" for side in ("model", "lab")
                          if side not in sides)]  # fmt: skip
    if reasons:
        return "undetermined", "\n".join(dict.fromkeys(reasons))
    ours, theirs = sides["model"], sides["lab"]
    ratio = ratio_of(measured, ours, theirs, distance_of(measured, ours, theirs, at),
                     seed)  # fmt: skip
    return ratio.word, ratio.reason


def with_robustness(row: Row, robust: Robustness, *, array: str) -> Row:
    """A row whose verdict stands only if it holds over the grid of choices."""
    if row.statement.word == "undetermined" or row.ratio is None:
        return replace(row, robust=robust)
    statement = variability_verdict(
        array=array, metric=row.label, unit=row.distance_unit, difference=row.distance,
        ratio=row.ratio, animals=row.animals, robust=robust,
    )  # fmt: skip
    return replace(row, statement=statement, robust=robust)


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
