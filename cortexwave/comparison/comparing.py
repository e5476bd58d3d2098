"""A model and recordings of animals compared: one study, one folder, one report.

Both sides go through the same calls. Of a model of equations: run, scaled by two
numbers, seen through the lab's electrodes; from there on it is a recording like the
others. Work that is done stands in the folder, so that an interrupted comparison goes
on where it was.
"""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import xarray as xr

from cortexwave.analysis.bands import check_band
from cortexwave.analysis.sites import picked, sampling_rate
from cortexwave.comparison.calibrating import calibrated
from cortexwave.comparison.compared import Comparison
from cortexwave.comparison.format_recovery import format_recovery
from cortexwave.comparison.measuring import measuring, wanted_of
from cortexwave.comparison.parts import Part, parts_of
from cortexwave.comparison.processes import Progress
from cortexwave.comparison.report_folder import claim_folder
from cortexwave.comparison.robustness_grid import robust_rows, robustness_grid
from cortexwave.comparison.seen_models import (
    operator_of,
    seen_parts,
    simulated_parts,
)
from cortexwave.comparison.session_values import sessions_of
from cortexwave.comparison.study_document import (
    Given,
    Study,
    check_study_document,
    load_study,
    refuse_copies,
)
from cortexwave.comparison.study_material import Simulated
from cortexwave.comparison.study_rows import study_rows
from cortexwave.comparison.thorough import measured_folder, thorough_wanted
from cortexwave.documents import Source
from cortexwave.errors import InputError
from cortexwave.faults import check_document
from cortexwave.recording.reader import open_recording
from cortexwave.recording.saving import save_recording


def compare(
    model: xr.Dataset | str | Path,
    lab: xr.Dataset | str | Path,
    *,
    band: tuple[float, float],
    output: str | Path | None = None,
    window: tuple[float, float] | None = None,
    label: str = "stimulus",
    permutations: int | None = None,
    surrogates: int | None = None,
    seed: int = 0,
    jobs: int = 1,
    thorough: bool = False,
) -> Comparison:
    """Two recordings compared in a band (Hz): the smallest study there is.

    `model` and `lab` are recordings or paths of them; a model's sheet is seen through
    the lab's electrodes, at its own scale. `window` (s) cuts trials around the events
    whose column `label` is then decoded; without it no memory is read out. The report
    (report.html) goes to the folder `output`; without one nothing is kept. `thorough`
    adds what `comparing` says, at the cost that `thorough_cost` tells; numbers of
    `permutations` (200) and `surrogates` (99) that are given hold there, too. One
    session on each side has no ceiling, so that most verdicts are "undetermined", and
    say so: a `study.yaml` with several sessions and animals is what gives them.
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
        found = finished(
            comparing(study, folder, jobs=jobs, overwrite=False, thorough=thorough)
        )
        if output is not None:
            from cortexwave.comparison.reporting import write_report

            write_report(found)
    return found


def compare_study(
    study: Study | str | Path, output: str | Path, *, jobs: int = 1,
    overwrite: bool = False, thorough: bool = False,
) -> Comparison:  # fmt: skip
    """A study (or its file) compared, its report written to the folder `output`.

    As `cortexwave compare study.yaml`; what is done already stands in the folder.
    `thorough` adds what `comparing` says, at the cost that `thorough_cost` tells.
    """
    given = study if isinstance(study, Study) else load_study(study)
    found = finished(
        comparing(given, output, jobs=jobs, overwrite=overwrite, thorough=thorough)
    )
    from cortexwave.comparison.reporting import write_report

    write_report(found)
    return found


def smallest_study(
    model: Path, lab: Path, *, band: tuple[float, float],
    window: tuple[float, float] | None, label: str, permutations: int | None,
    surrogates: int | None, seed: int,
) -> Study:  # fmt: skip
    """A study of one recording on each side; None leaves a number at its default."""
    memory: dict[str, Any] | None = None
    if window is None and permutations is not None:
        raise InputError(f"permutations is {permutations}, of trials, and there is no "
                         "window to cut them by; give window, too")  # fmt: skip
    if window is not None:
        memory = {"label": label, "window": list(window)}
        memory |= {} if permutations is None else {"permutations": permutations}

    def side(name: str, file: Path) -> dict[str, Any]:
        session = {"name": "1", "files": [str(file)]}
        return {
            "kind": "recordings",
            "subjects": [{"name": name, "sessions": [session]}],
        }

    values = {
        "cortexwave": 1, "kind": "study", "title": f"{model.stem} against {lab.stem}",
        "units": "base", "band": list(band), "lab": side("lab", lab),
        "model": side("model", model), "memory": memory, "seed": seed,
        **({} if surrogates is None else {"surrogates": surrogates}),
    }  # fmt: skip
    about = Source(f"{model.name} against {lab.name}", "", values, {})
    study: Study = check_document(Study, about, document=False)
    return study


def finished(steps: Generator[Progress, None, Comparison]) -> Comparison:
    """The result of steps that nobody watches."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: Comparison = end.value
            return found


def comparing(
    study: Study, folder: str | Path, *, jobs: int, overwrite: bool,
    thorough: bool = False,
) -> Generator[Progress, None, Comparison]:  # fmt: skip
    """The steps of a comparison; returns what was found.

    `folder` is new, empty, or holds what is done of the same study; `overwrite` takes
    the folder of another study's report. A `thorough` one draws more often, tries the
    verdicts on the primaries over the grid of choices, and rivals on both sides.
    """
    if jobs < 1:
        raise InputError(f"jobs is {jobs}; 1 or more processes")
    if study.source.lines:  # read from a file
        check_study_document(study)
    else:
        refuse_copies(study)
    for part in parts_of(study, "lab"):
        _refuse_band(part, study.band)
    folder = claim_folder(Path(folder), study, overwrite=overwrite)
    usual = wanted_of(study)
    wanted = thorough_wanted(study) if thorough else usual
    stands = measured_folder(folder, wanted, study)
    stands.mkdir(exist_ok=True)
    lab_parts = parts_of(study, "lab")
    given = parts_of(study, "model")
    total = len(lab_parts) + (len(given) or _runs(study))
    if not given:
        (folder / "model").mkdir(exist_ok=True)
        for part in simulated_parts(study, folder / "model"):
            yield Progress(0, total, f"run {part.name}")
            given.append(part)
    fitted_to = []
    if not isinstance(study.calibration, Given):
        facts = yield from measuring(lab_parts, wanted, stands, jobs=jobs, total=total)
        fitted_to = sessions_of(lab_parts, facts)
    scaled = calibrated(study, fitted_to, given)
    (folder / "seen").mkdir(exist_ok=True)
    seen = []
    for part in seen_parts(given, lab_parts, study, scaled.scale, folder / "seen"):
        yield Progress(0, total, f"electrodes {part.name}")
        seen.append(part)
    # both sides at once: a study of two recordings has two to measure side by side
    facts = yield from measuring(
        [*lab_parts, *seen], wanted, stands, jobs=jobs, total=total
    )
    lab = sessions_of(lab_parts, facts[: len(lab_parts)])
    model = sessions_of(seen, facts[len(lab_parts) :])
    yield Progress(total, total, "distances")
    rows = study_rows(study, lab, model, scaled)
    found = Comparison(
        study, folder, tuple(lab), tuple(model), tuple(lab_parts), tuple(seen),
        {part.name: operator_of(part) for part in seen},
        {part.name: part.file for part in given}, scaled, rows, wanted,
    )  # fmt: skip
    if thorough:
        grid = yield from robustness_grid(
            study, lab=lab, lab_parts=lab_parts, sheets=given, scaled=scaled, rows=rows,
            wanted=usual, folder=folder, jobs=jobs,
        )  # fmt: skip
        recovery = yield from format_recovery(
            ((lab, lab_parts), (model, seen)), wanted, folder, jobs=jobs
        )
        found = replace(found, grid=grid, recovery=recovery,
                        rows=robust_rows(study, rows, grid))  # fmt: skip
    yield Progress(total, total, "done")
    return found


def _refuse_band(part: Part, band: tuple[float, float]) -> None:
    """`InputError` where a recording is sampled too slowly for the band."""
    with open_recording(part.file) as recording:
        rate = sampling_rate(picked(recording, part.variable))
    try:
        check_band(band, rate)
    except InputError as error:
        raise InputError(f"{part.file.name}: {error}") from None


def _runs(study: Study) -> int:
    if not isinstance(study.model, Simulated):
        return 0
    return sum(len(animal.seeds) for animal in study.model.animals)
