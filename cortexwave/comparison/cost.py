"""What a thorough comparison costs from where its folder stands, before it is begun.

Recordings that were measured say how long they took; of the others it is guessed from
their seconds and sites. A guess of an hour may be two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cortexwave.comparison.facts_file import Facts, facts_there, open_facts, reason_of
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
from cortexwave.comparison.pipeline_grid import BANDS, GRID, REFERENCES, WIDTHS
from cortexwave.comparison.rival_formats import FORMAT_RIVALS, NOISE_STEPS
from cortexwave.comparison.seen_models import is_sheet, protocols_of
from cortexwave.comparison.study_document import Study, check_study_document
from cortexwave.comparison.thorough import measured_folder, thorough_wanted
from cortexwave.recording.reader import open_recording

# Seconds of one core, of waves and of trials: for a recording as it is; for a second
# of it and a site; and for that and a surrogate or a permutation beside it. A minute of
# 10 x 10 sites at 500 Hz with 19 surrogates took 28 s.
_WAVES = (3.0, 3.5e-3, 3e-5)
_TRIALS = (1.5, 2e-3, 1e-5)
_RIVAL = 0.3  # one simulation of a rival and its shifted generalisation


@dataclass(frozen=True)
class Cost:
    """Passes of the grid, simulations of rivals, and minutes of one core for each.

    `measured` of the `recordings` have said how long they take; `done` of the passes
    are done. `minutes` are of the comparison, the grid and the rivals.
    """

    recordings: int
    measured: int
    draws: str
    passes: int
    done: int
    simulations: int
    minutes: tuple[float, float, float]

    def __str__(self) -> str:
        known = (
            "guessed from their seconds and sites" if not self.measured else
            f"as {self.measured} of {self.recordings} took it"
        )  # fmt: skip
        first, grid, rivals = (_time(each) for each in self.minutes)
        done = f", {self.done} done" if self.done else ""
        return (
            f"thorough: {self.recordings} recordings with {self.draws}, about {first}; "
            f"robustness grid of {len(GRID)} cells, {self.passes} passes{done}, about "
            f"{grid}; rivals, {self.simulations} simulations, about {rivals}; together "
            f"about {_time(sum(self.minutes))} of one core, {known}"
        )


def thorough_cost(study: Study, folder: str | Path) -> Cost:
    """What `thorough` costs a study whose report goes to the folder."""
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
    else:  # yet to be run
        model, sheets = [_mean(lab)] * len(protocols_of(study)), True
    in_band, of_trials = tables_due(study.chosen_primaries)
    banded = len(REFERENCES) * len(BANDS) if in_band else 0
    trials = len(REFERENCES) if of_trials else 0
    # the recording as it was compared is one of its passes
    same = wanted == wanted_of(study)
    passes, seconds = 0, 0.0
    for side, widths in ((lab, 1), (model, len(WIDTHS) if sheets else 1)):
        for taken in side:
            own = widths == 1 and (taken.known or same)
            waves = max(0, banded * widths - own)
            reads = max(0, trials * widths - own)
            passes += waves + reads
            seconds += waves * taken.waves + reads * taken.trials
    # analyses that an interrupted pass has left are none
    there = [path for path in (folder / FOLDER).glob("*.h5")
             if not path.stem.endswith("_waves")]  # fmt: skip
    done = min(passes, len(there))
    asked = 0 if study.memory is None else sum(
        any(each.shift for each in side) for side in (lab, model))  # fmt: skip
    asked -= min(asked, len(list((folder / RECOVERED).glob("*.h5"))))
    simulations = asked * (NOISE_STEPS + REPEATS * len(FORMAT_RIVALS))
    return Cost(
        recordings=len(lab) + len(model), passes=passes, done=done,
        measured=sum(each.known for each in (*lab, *model)), draws=_draws(wanted),
        simulations=simulations,
        minutes=(sum(each.due for each in (*lab, *model)) / 60,
                 seconds * (1 - done / max(1, passes)) / 60,
                 simulations * _RIVAL / 60),
    )  # fmt: skip


@dataclass(frozen=True)
class _Taken:
    """Seconds that a pass of waves and one of trials takes, and what is yet due.

    `known` if measured; `shift` unless it is known that no shift can be tried.
    """

    waves: float
    trials: float
    due: float
    known: bool
    shift: bool

    @staticmethod
    def of(part: Part, study: Study, folder: Path, wanted: Wanted) -> _Taken:
        usual = wanted_of(study)
        size = _size(part)
        waves, trials = _guess(size, usual)
        due, shift, known = sum(_guess(size, wanted)), True, False
        _, of_trials = tables_due(study.chosen_primaries)
        for each, where in (
            (usual, folder), (wanted, measured_folder(folder, wanted, study)),
        ):  # fmt: skip
            path = facts_path(part, where)
            if not facts_there(path, facts_key(part, each)):
                continue
            known = True
            tables = open_facts(path)
            told = tables["events"].attrs
            more = sum(_guess(size, usual)) / sum(_guess(size, each))
            waves = more * float(told["took_waves"])
            all_trials = more * (float(told["took"]) - float(told["took_waves"]))
            trials = min(all_trials, more * _seconds(tables, of_trials))
            due = 0.0 if each == wanted else due / sum(_guess(size, usual)) * (
                waves + all_trials)  # fmt: skip
            shift = not reason_of(tables.get("alignment"))
        return _Taken(waves, trials, due, known, shift)


def _seconds(tables: Facts, names: Sequence[str]) -> float:
    """What some tables took together; beyond all bounds where one does not say."""
    due = [tables[name] for name in names if name in tables]
    if len(due) < len(names):
        return np.inf
    return sum(0.0 if reason_of(each) else float(each.attrs.get("took", np.inf))
               for each in due)  # fmt: skip


def _guess(size: float, wanted: Wanted) -> tuple[float, float]:
    """Seconds for waves and for trials of so many seconds times sites."""
    base, each, draw = _WAVES
    waves = base + size * (each + draw * wanted.surrogates)
    if wanted.memory is None:
        return waves, 0.0
    base, each, draw = _TRIALS
    return waves, base + size * (each + draw * wanted.memory.permutations)


def _size(part: Part) -> float:
    """Seconds times sites."""
    with open_recording(part.file) as recording:
        name = part.variable or next(
            str(each) for each in recording.data_vars if "time" in recording[each].dims
        )
        values = recording[name]
        time = recording["time"].values
        sites = values.size / values.sizes["time"]  # of all trials
    return float(time[-1] - time[0]) * sites


def _mean(taken: Sequence[_Taken]) -> _Taken:
    count = len(taken)
    return _Taken(
        sum(each.waves for each in taken) / count,
        sum(each.trials for each in taken) / count,
        sum(each.due for each in taken) / count, False, True,
    )  # fmt: skip


def _draws(wanted: Wanted) -> str:
    if wanted.memory is None:
        return f"{wanted.surrogates} surrogates"
    return (f"{wanted.surrogates} surrogates and {wanted.memory.permutations} "
            "permutations")  # fmt: skip


def _time(minutes: float) -> str:
    if minutes >= 90:
        return f"{minutes / 60:.1f} h"
    return f"{minutes:.0f} min" if minutes >= 1 else f"{60 * minutes:.0f} s"
