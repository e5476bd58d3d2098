"""The verdicts on the declared primaries under every choice of the grid.

Both sides go through every choice together. Calibration, exclusions, seeds and numbers
of surrogates are those of the comparison; what the choices change is measured anew.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import xarray as xr

from cortexwave.comparison.amplitude_gate import gated
from cortexwave.comparison.calibrating import Calibrated
from cortexwave.comparison.facts_file import Facts, open_facts, reason_of
from cortexwave.comparison.grid_passes import (
    FOLDER,
    Bands,
    Pass,
    pass_path,
    passes_due,
    passes_of,
)
from cortexwave.comparison.measure_rows import Row, with_robustness
from cortexwave.comparison.measuring import Wanted
from cortexwave.comparison.parts import Part
from cortexwave.comparison.pipeline_grid import (
    ABOUT_PEAK,
    GRID,
    HOLDS,
    WIDTHS,
    Cell,
    Robustness,
    robustness,
)
from cortexwave.comparison.primaries import MEASURED
from cortexwave.comparison.processes import Progress, working
from cortexwave.comparison.seen_models import is_sheet, seen_parts
from cortexwave.comparison.session_values import SessionFacts, sessions_of
from cortexwave.comparison.study_document import Study
from cortexwave.comparison.study_rows import study_words


def robustness_grid(
    study: Study, *, lab: Sequence[SessionFacts], lab_parts: Sequence[Part],
    sheets: Sequence[Part], scaled: Calibrated, rows: dict[str, Row], wanted: Wanted,
    folder: Path, jobs: int,
) -> Generator[Progress, None, xr.Dataset]:  # fmt: skip
    """Word of every primary in every cell, from passes that stand in the folder.

    `sheets` are the model's recordings before electrodes saw them. A Dataset over
    `primary` and `cell`: `word` and `reason` of each, `verdict` of the report, `share`
    of the cells that have it, `holds`; coordinates `reference`, `band`, `width` (mm)
    and `gate` of the cells; `notes` (note,) say which choices could not be varied.
    """
    bands = bands_of(study, lab)
    (folder / FOLDER).mkdir(exist_ok=True)
    (folder / "seen").mkdir(exist_ok=True)
    yield Progress(0, 1, "grid: electrodes")
    seen = _seen(study, sheets, lab_parts, scaled, folder)
    passes = {
        (side, width, part.name): passes_of(part, study.chosen_primaries, bands)
        for side, width, parts in (("lab", 0.0, lab_parts),
                                   *(("model", w, each) for w, each in seen.items()))
        for part in parts
    }  # fmt: skip
    unique = list({each.name: each for some in passes.values() for each in some}
                  .values())  # fmt: skip
    due = passes_due(unique, folder, wanted)
    yield from working(due, jobs=jobs, done=len(unique) - len(due), total=len(unique))
    words = {}
    paths = {each.name: pass_path(each, folder, wanted) for each in unique}
    read = lru_cache(maxsize=None)(open_facts)

    def facts(part: Part, width: float, cell: Cell) -> Facts:
        merged: Facts = {}
        for each in _of_cell(passes[part.side, width, part.name], cell, bands):
            merged |= read(paths[each.name])
        return gated(merged) if cell.gated else merged

    for number, cell in enumerate(GRID):
        yield Progress(number, len(GRID), "grid: verdicts")
        model = seen[cell.width]
        words[cell] = study_words(
            study, sessions_of(lab_parts, [facts(p, 0.0, cell) for p in lab_parts]),
            sessions_of(model, [facts(p, cell.width, cell) for p in model]), scaled,
            highest=bands.of(cell.band)[1],
        )  # fmt: skip
    notes = notes_of(study, lab, sheets, bands.reason)
    return grid_table(words, {name: row.statement.word for name, row in rows.items()},
                      attributes={
        "measure": "robustness_grid", "study_band": list(bands.study),
        "peak": bands.peak, "peak_band": list(bands.about_peak),
        "surrogates": wanted.surrogates, "seed": study.seed,
        "permutations": wanted.memory.permutations if wanted.memory else 0,
        "passes": len(unique), "notes": notes,
    })  # fmt: skip


def grid_table(
    words: dict[Cell, dict[str, tuple[str, str]]], verdicts: dict[str, str],
    *, attributes: dict[str, object],
) -> xr.Dataset:  # fmt: skip
    """The Dataset of `robustness_grid`, from word and reason by cell and primary."""
    names = list(words[GRID[0]])
    held = [
        robustness({cell: words[cell][name][0] for cell in GRID},
                   verdict=verdicts[name])
        for name in names
    ]  # fmt: skip
    both = {
        part: np.array([[words[cell][name][k] for cell in GRID] for name in names],
                       dtype=object)
        for k, part in enumerate(("word", "reason"))
    }  # fmt: skip
    return xr.Dataset(
        {**{part: (("primary", "cell"), values) for part, values in both.items()},
         "verdict": ("primary", np.array([verdicts[n] for n in names], dtype=object)),
         "share": ("primary", [each.share for each in held], {"units": "1"}),
         "holds": ("primary", [each.holds for each in held]),
         "label": ("primary", np.array([MEASURED[n].label for n in names],
                                       dtype=object))},
        {"primary": names, "cell": np.arange(len(GRID)),
         "reference": ("cell", [cell.reference for cell in GRID]),
         "band": ("cell", [cell.band for cell in GRID]),
         "width": ("cell", [cell.width for cell in GRID], {"units": "mm"}),
         "gate": ("cell", ["on" if cell.gated else "off" for cell in GRID])},
        {**attributes, "holds_from": HOLDS},
    )  # fmt: skip


def robust_rows(study: Study, rows: dict[str, Row], grid: xr.Dataset) -> dict[str, Row]:
    """The rows, a verdict on a primary standing only where it holds over the grid."""
    made = dict(rows)
    for name in (str(each) for each in grid["primary"].values):
        row = rows[name]
        held = robustness_of(grid, name)
        made[name] = with_robustness(row, held, array=study.electrodes.name)
    return made


def robustness_of(grid: xr.Dataset, name: str) -> Robustness:
    """Whether the verdict on a primary holds over a grid."""
    one = grid.sel(primary=name)
    words = dict(zip(GRID, one["word"].values.tolist(), strict=True))
    return robustness(words, verdict=str(one["verdict"].values))


def bands_of(study: Study, lab: Sequence[SessionFacts]) -> Bands:
    """The study's band and 30 % about the median peak of the lab's spectra.

    A session has a peak where its spectrum stands highest above its own slope inside
    the band, not at an end of it; half of the sessions must have one.
    """
    peaks = [_peak(tables, study.band) for each in lab for tables in each.tables]
    known = [peak for peak in peaks if np.isfinite(peak)]
    if 2 * len(known) < len(peaks) or not known:
        return Bands(study.band, study.band, float("nan"), (
            f"{len(known)} of {len(peaks)} recordings have a spectral peak inside the "
            "band, so that there is no band about it"))  # fmt: skip
    peak = float(np.median(known))
    return Bands(study.band, ((1 - ABOUT_PEAK) * peak, (1 + ABOUT_PEAK) * peak), peak)


def _peak(tables: Facts, band: tuple[float, float]) -> float:
    """Frequency (Hz) at which the spectrum stands out, NaN where it is the band's end.

    Where a spectrum only falls or rises, the greatest excess over a line is at an end.
    """
    spectrum = tables.get("spectrum")
    if reason_of(spectrum) or spectrum is None:
        return float("nan")
    at = np.asarray(spectrum["frequency"].values)
    inside = (at >= band[0]) & (at <= band[1])
    excess = (spectrum["power"].values / spectrum["aperiodic"].values)[inside]
    if excess.size < 3:
        return float("nan")
    best = int(np.argmax(excess))
    if best in (0, excess.size - 1) or excess[best] <= 1:
        return float("nan")
    return float(at[inside][best])


def _seen(
    study: Study, sheets: Sequence[Part], lab_parts: Sequence[Part],
    scaled: Calibrated, folder: Path,
) -> dict[float, list[Part]]:  # fmt: skip
    """The model's recordings through electrodes of each width."""
    made = {}
    for width in WIDTHS:
        wide = study.electrodes.model_copy(update={"spread": width})
        other = study.model_copy(update={"electrodes": wide})
        made[width] = list(
            seen_parts(sheets, lab_parts, other, scaled.scale, folder / "seen")
        )
    return made


def _of_cell(passes: Sequence[Pass], cell: Cell, bands: Bands) -> list[Pass]:
    """The pass in the cell's band, and that of trials."""
    return [
        each for each in passes if each.reference == cell.reference
        and (each.name.endswith("_trials") or each.band == bands.of(cell.band))
    ]  # fmt: skip


def notes_of(
    study: Study, lab: Sequence[SessionFacts], sheets: Sequence[Part], no_peak: str
) -> list[str]:
    """Choices that could not be varied, whose cells are equal, and whose they are.

    `no_peak` says why there is one band alone.
    """
    made = []
    if no_peak:
        made.append(f"{no_peak}: cells of both bands are equal")
    if not any(is_sheet(part) for part in sheets):
        made.append("the model's recordings are of channels, whose electrodes have the "
                    "width they have: cells of all widths are equal")  # fmt: skip
    said = [str(tables["field"].attrs.get("reference", "")).lower() for each in lab
            for tables in each.tables if "field" in tables]  # fmt: skip
    if said and all("average" in each or each == "car" for each in said):
        made.append("the recordings are against their common average already: cells of "
                    "both references differ little")  # fmt: skip
    if study.primaries is None:
        made.append("the study declares no primaries, so that these are the usual ones")
    return made
