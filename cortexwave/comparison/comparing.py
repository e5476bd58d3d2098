"""A model and recordings of animals compared: one study, one folder, one report.

Both sides go through the same calls. Of a model of equations: run, scaled by two
numbers, seen through the lab's electrodes; from there on it is a recording like the
others. Work that is done stands in the folder, so that an interrupted comparison goes
on where it was.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cortexwave.comparison.calibrating import Calibrated, calibrated
from cortexwave.comparison.facts_file import reason_of
from cortexwave.comparison.gates import recording_faults, trial_faults
from cortexwave.comparison.measure_rows import Row, measure_row
from cortexwave.comparison.measuring import Progress, measuring, wanted_of
from cortexwave.comparison.multiplicity import adjusted
from cortexwave.comparison.parts import Part, parts_of
from cortexwave.comparison.primaries import MEASURED
from cortexwave.comparison.report_folder import claim_folder
from cortexwave.comparison.seen_models import (
    operator_of,
    seen_part,
    simulated_parts,
)
from cortexwave.comparison.session_values import SessionFacts, sessions_of
from cortexwave.comparison.study_document import (
    Study,
    check_study_document,
    load_study,
)
from cortexwave.comparison.study_material import Simulated
from cortexwave.errors import InputError
from cortexwave.recording.saving import save_recording

_DRIVEN = ("memory_function", "memory_span")  # of a drive, not of trials


@dataclass(frozen=True)
class Comparison:
    """What was found: sessions of both sides, the scales, a row for each measure.

    `lab_parts` and `model_parts` are the recordings that were measured, the model's as
    seen through the lab's electrodes; `operators` (by the name of the part) says how,
    `sheets` are the sheets behind them.
    """

    study: Study
    folder: Path
    lab: tuple[SessionFacts, ...]
    model: tuple[SessionFacts, ...]
    lab_parts: tuple[Part, ...]
    model_parts: tuple[Part, ...]
    operators: dict[str, dict[str, Any]]
    sheets: dict[str, Path]
    calibrated: Calibrated
    rows: dict[str, Row]

    @property
    def seconds(self) -> float:
        """What measuring took of all recordings, now or when it was done."""
        return sum(
            float(each["events"].attrs.get("took", 0.0))
            for session in (*self.lab, *self.model)
            for each in session.tables
        )

    @property
    def primaries(self) -> list[Row]:
        """The rows that were declared before anything was looked at."""
        return [self.rows[name] for name in self.study.chosen_primaries]

    @property
    def exploratory(self) -> list[Row]:
        """The other rows."""
        return [row for row in self.rows.values() if not row.primary]


def compare(
    model: xr.Dataset | str | Path,
    lab: xr.Dataset | str | Path,
    *,
    band: tuple[float, float],
    output: str | Path | None = None,
    window: tuple[float, float] | None = None,
    label: str = "stimulus",
    permutations: int = 200,
    surrogates: int = 99,
    seed: int = 0,
) -> Comparison:
    """Two recordings compared in a band (Hz): the smallest study there is.

    `model` and `lab` are recordings or paths of them; a model's sheet is seen through
    the lab's electrodes, at its own scale. `window` (s) cuts trials around the events
    whose column `label` is then decoded; without it no memory is read out. The report
    (report.html) goes to the folder `output`; without one nothing is kept. One session
    on each side has no ceiling, so that most verdicts are "undetermined", and say so: a
    `study.yaml` with several sessions and animals is what gives them.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "report" if output is None else Path(output)
        files = {}
        for side, given in (("model", model), ("lab", lab)):
            if isinstance(given, xr.Dataset):
                files[side] = save_recording(given, Path(scratch) / f"{side}.h5")
            elif isinstance(given, str | Path):
                files[side] = Path(given).absolute()
            else:
                raise InputError(
                    f"the {side} is a {type(given).__name__}; give a recording or the "
                    "path of one"
                )
        study = smallest_study(
            files["model"], files["lab"], band=band, window=window, label=label,
            permutations=permutations, surrogates=surrogates, seed=seed,
        )  # fmt: skip
        found = finished(comparing(study, folder, jobs=1, overwrite=False))
        if output is not None:
            from cortexwave.comparison.reporting import write_report

            write_report(found)
    return found


def compare_study(
    study: Study | str | Path, output: str | Path, *, jobs: int = 1,
    overwrite: bool = False,
) -> Comparison:  # fmt: skip
    """A study (or its file) compared, its report written to the folder `output`.

    As `cortexwave compare study.yaml`; what is done already stands in the folder.
    """
    given = study if isinstance(study, Study) else load_study(study)
    found = finished(comparing(given, output, jobs=jobs, overwrite=overwrite))
    from cortexwave.comparison.reporting import write_report

    write_report(found)
    return found


def smallest_study(
    model: Path, lab: Path, *, band: tuple[float, float],
    window: tuple[float, float] | None, label: str, permutations: int,
    surrogates: int, seed: int,
) -> Study:  # fmt: skip
    """A study of one recording on each side."""
    memory = None if window is None else {
        "label": label, "window": list(window), "permutations": permutations,
    }  # fmt: skip

    def side(name: str, file: Path) -> dict[str, Any]:
        session = {"name": "1", "files": [str(file)]}
        return {
            "kind": "recordings",
            "subjects": [{"name": name, "sessions": [session]}],
        }

    return Study.model_validate({
        "cortexwave": 1, "kind": "study", "title": f"{model.stem} against {lab.stem}",
        "units": "base", "band": list(band), "lab": side("lab", lab),
        "model": side("model", model), "memory": memory, "surrogates": surrogates,
        "seed": seed,
    })  # fmt: skip


def finished(steps: Generator[Progress, None, Comparison]) -> Comparison:
    """The result of steps that nobody watches."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Comparison = end.value
            return found


def comparing(
    study: Study, folder: str | Path, *, jobs: int, overwrite: bool
) -> Generator[Progress, None, Comparison]:
    """The steps of a comparison; returns what was found.

    `folder` is new, empty, or holds what is done of the same study; `overwrite` takes
    the folder of another study's report.
    """
    if jobs < 1:
        raise InputError(f"jobs is {jobs}; 1 or more processes")
    if study.source.lines:  # read from a file
        check_study_document(study)
    folder = claim_folder(Path(folder), study, overwrite=overwrite)
    wanted = wanted_of(study)
    lab_parts = parts_of(study, "lab")
    given = parts_of(study, "model")
    total = len(lab_parts) + (len(given) or _runs(study))
    lab_facts = yield from measuring(lab_parts, wanted, folder, jobs=jobs, total=total)
    lab = sessions_of(lab_parts, lab_facts)
    if not given:
        (folder / "model").mkdir(exist_ok=True)
        for part in simulated_parts(study, folder / "model"):
            yield Progress(len(lab_parts), total, f"run {part.name}")
            given.append(part)
    scaled = calibrated(study, lab, given)
    (folder / "seen").mkdir(exist_ok=True)
    seen = []
    for number, part in enumerate(given):
        yield Progress(len(lab_parts), total, f"electrodes {part.name}")
        window = lab_parts[number % len(lab_parts)]
        seen.append(seen_part(part, window, study, scaled.scale, folder / "seen",
                              study.seed + number))  # fmt: skip
    model_facts = yield from measuring(
        seen, wanted, folder, jobs=jobs, before=len(lab_parts), total=total
    )
    model = sessions_of(seen, model_facts)
    yield Progress(total, total, "distances")
    rows = _rows(study, lab, model, scaled)
    yield Progress(total, total, "done")
    return Comparison(
        study, folder, tuple(lab), tuple(model), tuple(lab_parts), tuple(seen),
        {part.name: operator_of(part) for part in seen},
        {part.name: part.file for part in given}, scaled, rows,
    )  # fmt: skip


def _runs(study: Study) -> int:
    if not isinstance(study.model, Simulated):
        return 0
    return sum(len(animal.seeds) for animal in study.model.animals)


def _rows(
    study: Study, lab: list[SessionFacts], model: list[SessionFacts], scaled: Calibrated
) -> dict[str, Row]:
    """A row for each measure, p values adjusted within primaries and the rest."""
    # the sessions that the scales were fitted to are no test of the physics
    tested = [each for each in lab if each.name not in scaled.sessions]
    sides = (("lab", lab), ("model", model))
    faults = _faults(study, tested, "lab") + _faults(study, model, "model")
    few = [f"{side}: {each}" for side, sessions in sides
           for each in _few_trials(sessions)]  # fmt: skip
    primaries = study.chosen_primaries
    rows = {}
    for number, (name, measured) in enumerate(MEASURED.items()):
        if measured.layer != "physics" and study.memory is None:
            continue
        due = faults if measured.layer == "physics" else few
        rows[name] = measure_row(
            name, tested if measured.layer == "physics" else lab, model,
            array=study.electrodes.name, primary=name in primaries,
            spent=name in study.spent, faults=[] if name in _DRIVEN else due,
            seed=study.seed + 101 * number,
        )  # fmt: skip
    tests = adjusted({name: row.p for name, row in rows.items()}, primaries=primaries)
    return {name: replace(row, p_adjusted=tests[name].adjusted)
            for name, row in rows.items()}  # fmt: skip


def _few_trials(sessions: list[SessionFacts]) -> list[str]:
    """Why the trials of a side are too few for a readout of classes."""
    fewest = [int(each["identity"].attrs["fewest"]) for session in sessions
              for each in session.tables if "fewest" in
              each.get("identity", xr.Dataset()).attrs]  # fmt: skip
    return trial_faults(min(fewest)) if fewest else []


def _faults(study: Study, sessions: list[SessionFacts], side: str) -> list[str]:
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
    faults = recording_faults(
        wavelength=found["median_wavelength"], extent=found["extent"],
        sites=int(found["sites"]), rate=found["rate"], highest=study.band[1],
    )  # fmt: skip
    return [f"{side}: {each}" for each in faults]
