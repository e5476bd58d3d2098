"""All measures of a study as rows, or as mere words, from what its sessions say.

The sessions that the scales were fitted to are no test of the physics, and what must
hold before anything is said (sites, rate, waves that fit the array, enough trials) is
asked of all sessions of a side together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cortexwave.comparison.calibrating import Calibrated
from cortexwave.comparison.facts_file import reason_of
from cortexwave.comparison.gates import recording_faults, trial_faults
from cortexwave.comparison.measure_rows import Row, measure_row, measure_word
from cortexwave.comparison.multiplicity import adjusted
from cortexwave.comparison.primaries import MEASURED
from cortexwave.comparison.session_values import SessionFacts
from cortexwave.comparison.study_document import Study

_DRIVEN = ("memory_function", "memory_span")  # of a drive, not of trials


def study_rows(
    study: Study,
    lab: Sequence[SessionFacts],
    model: Sequence[SessionFacts],
    scaled: Calibrated,
) -> dict[str, Row]:
    """A row for each measure, p values adjusted within primaries and the rest."""
    asked = _Asked.of(lab, model, scaled, highest=study.band[1])
    primaries = study.chosen_primaries
    rows = {}
    for name, measured in MEASURED.items():
        if measured.layer != "physics" and study.memory is None:
            continue
        rows[name] = measure_row(
            name, asked.sessions(name), model, array=study.electrodes.name,
            primary=name in primaries, spent=name in study.spent,
            faults=asked.faults(name), seed=_seed(study, name),
        )  # fmt: skip
    tests = adjusted({name: row.p for name, row in rows.items()}, primaries=primaries)
    return {name: replace(row, p_adjusted=tests[name].adjusted)
            for name, row in rows.items()}  # fmt: skip


def study_words(
    study: Study,
    lab: Sequence[SessionFacts],
    model: Sequence[SessionFacts],
    scaled: Calibrated,
    *,
    highest: float,
) -> dict[str, tuple[str, str]]:
    """Word and reason of the verdict on each primary.

    `highest` is the upper end (Hz) of the band that the sessions were analysed in.
    """
    asked = _Asked.of(lab, model, scaled, highest=highest)
    return {
        name: measure_word(name, asked.sessions(name), model,
                           faults=asked.faults(name), seed=_seed(study, name))
        for name in study.chosen_primaries
    }  # fmt: skip


def _seed(study: Study, name: str) -> int:
    return study.seed + 101 * list(MEASURED).index(name)


@dataclass(frozen=True)
class _Asked:
    """Which lab sessions a measure is taken of, and what stands against a verdict."""

    lab: tuple[SessionFacts, ...]
    tested: tuple[SessionFacts, ...]
    of_waves: tuple[str, ...]
    of_trials: tuple[str, ...]

    @staticmethod
    def of(
        lab: Sequence[SessionFacts], model: Sequence[SessionFacts],
        scaled: Calibrated, *, highest: float,
    ) -> _Asked:  # fmt: skip
        tested = tuple(each for each in lab if each.name not in scaled.sessions)
        waves = [
            f"{side}: {fault}" for side, sessions in (("lab", tested), ("model", model))
            for fault in _wave_faults(sessions, highest)
        ]  # fmt: skip
        trials = [
            f"{side}: {fault}" for side, sessions in (("lab", lab), ("model", model))
            for fault in _few_trials(sessions)
        ]  # fmt: skip
        return _Asked(tuple(lab), tested, tuple(waves), tuple(trials))

    def sessions(self, name: str) -> tuple[SessionFacts, ...]:
        return self.tested if MEASURED[name].layer == "physics" else self.lab

    def faults(self, name: str) -> tuple[str, ...]:
        if name in _DRIVEN:
            return ()
        return self.of_waves if MEASURED[name].layer == "physics" else self.of_trials


def _few_trials(sessions: Iterable[SessionFacts]) -> list[str]:
    """Why the trials of a side are too few for a readout of classes."""
    fewest = [
        int(table.attrs["fewest"]) for session in sessions
        for tables in session.tables for table in tables.values()
        if "fewest" in table.attrs
    ]  # fmt: skip
    return trial_faults(min(fewest)) if fewest else []


def _wave_faults(sessions: Sequence[SessionFacts], highest: float) -> list[str]:
    """Why the waves of a side cannot be judged, of all its sessions together."""
    found: dict[str, float] = {}
    for name in ("median_wavelength", "extent", "sites", "rate"):
        values = [
            float(tables["field"][name]) for session in sessions
            for tables in session.tables if not reason_of(tables.get("field"))
        ]  # fmt: skip
        known = [value for value in values if np.isfinite(value)]
        if not known:
            return []  # the measures say by themselves why there are none
        found[name] = float(np.median(known))
    return recording_faults(
        wavelength=found["median_wavelength"], extent=found["extent"],
        sites=int(found["sites"]), rate=found["rate"], highest=highest,
    )  # fmt: skip
