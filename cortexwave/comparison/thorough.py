"""What `--thorough` adds to a comparison, with which numbers, and what that costs.

More draws first: 399 surrogates and 999 permutations, unless the study says how many.
A p near .05 is then known to .011 and .007 instead of .022 and .015 (the root of
p (1 - p) / draws), so that a verdict on it no longer hangs on the seed. The grid keeps
to the numbers of a plain comparison: of a cell only the word is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cortexwave.comparison.facts_file import facts_there, open_facts
from cortexwave.comparison.format_recovery import FOLDER as RECOVERED
from cortexwave.comparison.format_recovery import REPEATS
from cortexwave.comparison.grid_passes import FOLDER, tables_due
from cortexwave.comparison.measuring import (
    Wanted,
    facts_key,
    facts_path,
    wanted_of,
)
from cortexwave.comparison.parts import Part, parts_of
from cortexwave.comparison.pipeline_grid import BANDS, REFERENCES, WIDTHS
from cortexwave.comparison.rival_formats import FORMAT_RIVALS, NOISE_STEPS
from cortexwave.comparison.seen_models import is_sheet, protocols_of
from cortexwave.comparison.study_document import Study, check_study_document
from cortexwave.recording.reader import open_recording

SURROGATES, PERMUTATIONS = 399, 999
_MORE = "thorough"  # where a comparison of more draws stands in the folder
# Measured on one core (2.1 GHz server, 10 x 10 electrodes at 1 kHz, 5 to 40 Hz, trials
# of 300 ms): seconds for a second of recording and a site, and those of a surrogate or
# a permutation beside it.
_WAVES, _SURROGATE = 1.5e-3, 2.0e-5
_TRIALS, _PERMUTATION = 2.0e-3, 1.0e-5
_RIVAL = 0.3  # s: one simulation of a rival and its shifted generalisation


@dataclass(frozen=True)
class Cost:
    """Passes of the grid and simulations of rivals, those done, and minutes for each.

    `measured` recordings have said how long they take; of the others it is estimated
    from seconds of recording and sites.
    """

    recordings: int
    measured: int
    passes: int
    passes_done: int
    simulations: int
    comparison: float
    grid: float
    recovery: float
    draws: str

    def __str__(self) -> str:
        known = (
            "estimated from the seconds of the recordings" if not self.measured else
            f"from the time that {self.measured} of {self.recordings} recordings took"
        )  # fmt: skip
        total = self.comparison + self.grid + self.recovery
        done = f", {self.passes_done} of them done" if self.passes_done else ""
        return (
            f"thorough: the comparison of {self.recordings} recordings ({self.draws}), "
            f"about {_minutes(self.comparison)}; the robustness grid of 24 cells, "
            f"{self.passes} passes{done}, about {_minutes(self.grid)}; rivals, "
            f"{self.simulations} simulations, about {_minutes(self.recovery)}; "
            f"together about {_minutes(total)} of one core ({known})"
        )


def thorough_wanted(study: Study) -> Wanted:
    """What is measured of each recording: more draws where the study says no number."""
    usual = wanted_of(study)
    made = usual
    if "surrogates" not in study.model_fields_set:
        made = replace(made, surrogates=max(SURROGATES, usual.surrogates))
    asked = study.memory
    if asked is not None and "permutations" not in asked.model_fields_set:
        assert made.memory is not None
        more = replace(made.memory, permutations=PERMUTATIONS)
        made = replace(made, memory=more)
    return made


def measured_folder(folder: Path, wanted: Wanted, study: Study) -> Path:
    """Where the recordings stand that were measured with these numbers of draws.

    Those of a plain comparison stay beside them, as the grid goes on from them.
    """
    return folder if wanted == wanted_of(study) else folder / _MORE


def draws_of(wanted: Wanted) -> str:
    """Numbers of draws as text."""
    said = f"{wanted.surrogates} surrogates"
    if wanted.memory is not None:
        said += f", {wanted.memory.permutations} permutations"
    return said


def thorough_cost(study: Study, folder: str | Path) -> Cost:
    """What `thorough` costs from where the folder of the report stands."""
    folder = Path(folder)
    if study.source.lines:  # read from a file
        check_study_document(study)
    wanted = thorough_wanted(study)
    lab = [_Taken.of(part, study, folder, wanted) for part in parts_of(study, "lab")]
    given = parts_of(study, "model")
    if given:
        # a sheet is measured as the lab's electrodes see it
        model = [_mean(lab) if is_sheet(part) else
                 _Taken.of(part, study, folder, wanted) for part in given]  # fmt: skip
        sheets = any(is_sheet(part) for part in given)
    else:  # yet to be run: as long as the lab's on average, seen by its electrodes
        count = len(protocols_of(study))
        model, sheets = [_mean(lab)] * count, True
    widths = len(WIDTHS) if sheets else 1
    in_band, of_trials = tables_due(study.chosen_primaries)
    banded = len(REFERENCES) * len(BANDS) * bool(in_band)
    trials = len(REFERENCES) * bool(of_trials)
    each = [(taken, 1) for taken in lab] + [(taken, widths) for taken in model]
    passes = sum((banded + trials) * times for _, times in each)
    done = len(list((folder / FOLDER).glob("*.h5")))
    seconds = sum(times * (banded * taken.waves + trials * taken.trials)
                  for taken, times in each)  # fmt: skip
    comparison = sum(taken.due for taken, _ in each)
    per_side = NOISE_STEPS + REPEATS * len(FORMAT_RIVALS) + 1
    sides = 0 if study.memory is None else 2 - len(
        list((folder / RECOVERED).glob("*.h5")))  # fmt: skip
    return Cost(
        recordings=len(each), measured=sum(taken.known for taken, _ in each),
        passes=passes, passes_done=min(done, passes), simulations=sides * per_side,
        comparison=comparison / 60, grid=seconds * (1 - min(done / passes, 1)) / 60,
        recovery=sides * per_side * _RIVAL / 60, draws=draws_of(wanted),
    )  # fmt: skip


@dataclass(frozen=True)
class _Taken:
    """Seconds that a pass of waves and one of trials takes, and what is yet due."""

    waves: float
    trials: float
    due: float
    known: bool

    @staticmethod
    def of(part: Part, study: Study, folder: Path, wanted: Wanted) -> _Taken:
        usual = wanted_of(study)
        there = facts_path(part, folder)
        size = _size(part)
        waves = size * (_WAVES + _SURROGATE * usual.surrogates)
        trials = 0.0 if usual.memory is None else size * (
            _TRIALS + _PERMUTATION * usual.memory.permutations)  # fmt: skip
        due = size * (_WAVES + _SURROGATE * wanted.surrogates)
        if wanted.memory is not None:
            due += size * (_TRIALS + _PERMUTATION * wanted.memory.permutations)
        known = facts_there(there, facts_key(part, usual))
        if known:
            told = open_facts(there)["events"].attrs
            spent = float(told["took_waves"])
            more = due / (waves + trials)
            waves, trials = spent, float(told["took"]) - spent
            due = more * (waves + trials)
        more_there = facts_path(part, measured_folder(folder, wanted, study))
        if facts_there(more_there, facts_key(part, wanted)):
            due = 0.0
        return _Taken(waves, trials, due, known)


def _size(part: Part) -> float:
    """Seconds times sites."""
    with open_recording(part.file) as recording:
        name = part.variable
        if name is None:
            name = next(str(each) for each in recording.data_vars
                        if "time" in recording[each].dims)  # fmt: skip
        values = recording[name]
        time = recording["time"].values
        span = float(time[-1] - time[0]) * values.sizes.get("trial", 1)
        sites = values.sizes.get("channel") or (
            values.sizes.get("y", 1) * values.sizes.get("x", 1))  # fmt: skip
    return span * sites


def _mean(taken: Sequence[_Taken]) -> _Taken:
    count = len(taken)
    return _Taken(
        sum(each.waves for each in taken) / count,
        sum(each.trials for each in taken) / count,
        sum(each.due for each in taken) / count, False,
    )  # fmt: skip


def _minutes(count: float) -> str:
    if count >= 90:
        return f"{count / 60:.1f} h"
    return f"{count:.0f} min" if count >= 1 else f"{60 * count:.0f} s"
