"""The waves of every session of a study, without a comparison."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

from cortexwave.comparison.facts_file import reason_of
from cortexwave.comparison.measuring import (
    measuring,
    wanted_of,
    waves_path,
)
from cortexwave.comparison.parts import Part, parts_of
from cortexwave.comparison.processes import Progress
from cortexwave.comparison.report_folder import claim_folder
from cortexwave.comparison.seen_models import is_sheet
from cortexwave.comparison.study_document import Study, check_study_document


@dataclass(frozen=True)
class StudyWaves:
    """A part, the file of its waves ("" where it has none), word and verdict."""

    part: Part
    file: Path | None
    word: str
    verdict: str


def analysing_study(
    study: Study, folder: str | Path, *, jobs: int, overwrite: bool
) -> Generator[Progress, None, list[StudyWaves]]:
    """The waves of each recording of channels of a study, resumed by recording.

    A model that is a sheet has yet to be seen by electrodes, which only a comparison
    does; it is left out.
    """
    check_study_document(study)
    folder = claim_folder(Path(folder), study, overwrite=overwrite)
    parts = parts_of(study, "lab")
    parts += [part for part in parts_of(study, "model") if not is_sheet(part)]
    wanted = replace(wanted_of(study), memory=None)
    facts = yield from measuring(parts, wanted, folder, jobs=jobs)
    found = []
    for part, tables in zip(parts, facts, strict=True):
        events = tables["events"]
        why = reason_of(events)
        file = waves_path(part, folder)
        found.append(StudyWaves(
            part, None if why else file,
            "undetermined" if why else str(events.attrs["word"]),
            why or str(events.attrs["verdict"]),
        ))  # fmt: skip
    return found
