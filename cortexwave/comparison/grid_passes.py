"""What the grid measures anew: a recording against another reference, in another band.

A pass is one recording, one reference, one band, and those tables alone that the
declared primaries are made of. Readouts of trials have no band, so they are passes of
their own. The gate is no pass: it leaves out some of what a pass found.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import xarray as xr

from cortexwave.analysis.referencing import rereference
from cortexwave.comparison.facts_file import (
    Facts,
    facts_there,
    save_facts,
    undetermined,
)
from cortexwave.comparison.measuring import (
    Wanted,
    facts_key,
    facts_of_link,
    facts_of_waves,
    facts_path,
)
from cortexwave.comparison.memory_facts import READOUTS, memory_facts
from cortexwave.comparison.parts import Part, without_excluded
from cortexwave.comparison.pipeline_grid import BANDS, REFERENCES
from cortexwave.comparison.primaries import MEASURED
from cortexwave.comparison.processes import Work
from cortexwave.comparison.session_values import tables_of
from cortexwave.comparison.wave_facts import WAVE_TABLES
from cortexwave.errors import InputError
from cortexwave.provenance import sha256_of
from cortexwave.recording.reader import open_recording

FOLDER = "grid"
_LINK = ("wave_information", "wave_share")


@dataclass(frozen=True)
class Bands:
    """The band of the study and the one about the lab's spectral peak (Hz), and `peak`.

    Where no peak is known both are the study's, and `reason` says why.
    """

    study: tuple[float, float]
    about_peak: tuple[float, float]
    peak: float
    reason: str = ""

    def of(self, name: Literal["study", "peak"]) -> tuple[float, float]:
        """The band of a cell."""
        return self.study if name == "study" else self.about_peak


@dataclass(frozen=True)
class Pass:
    """Tables of one recording in one reference and band; `name` is that of its file."""

    part: Part
    reference: Literal["none", "average"]
    band: tuple[float, float]
    tables: tuple[str, ...]
    name: str


def tables_due(primaries: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tables that some measures are made of: those of a band, and those of trials."""
    names = {table for measure in primaries for table in tables_of(measure)}
    if any(MEASURED[measure].layer == "physics" for measure in primaries):
        names.add("field")  # says whether waves can be judged at all
    banded = (*WAVE_TABLES, *_LINK)
    return (tuple(each for each in banded if each in names),
            tuple(each for each in READOUTS if each in names))  # fmt: skip


def passes_of(part: Part, primaries: Sequence[str], bands: Bands) -> list[Pass]:
    """The passes of a recording, as a lab part or as a model seen at one width."""
    in_band, of_trials = tables_due(primaries)
    # a model seen at another width is another file
    at = f"{part.name}_{sha256_of(part.file.name)[:8]}"
    found = []
    for reference in REFERENCES:
        if of_trials:
            name = f"{at}_{reference}_trials"
            found.append(Pass(part, reference, bands.study, of_trials, name))
        if in_band:
            # of one band there are no two passes
            names = BANDS if bands.about_peak != bands.study else BANDS[:1]
            found += [
                Pass(part, reference, bands.of(band), in_band,
                     f"{at}_{reference}_{band}")
                for band in names
            ]  # fmt: skip
    return found


def pass_path(each: Pass, folder: Path, wanted: Wanted) -> Path:
    """The file of a pass in the folder of a report.

    The recording as it was compared is a pass, too, if it was measured as `wanted`.
    """
    if each.reference == "none" and each.band == wanted.band:
        base = facts_path(each.part, folder)
        if facts_there(base, facts_key(each.part, wanted)):
            return base
    return folder / FOLDER / f"{each.name}.h5"


def passes_due(passes: Sequence[Pass], folder: Path, wanted: Wanted) -> list[Work]:
    """The passes whose file is not there, as work to do."""
    found = []
    for each in passes:
        path, key = pass_path(each, folder, wanted), _key(each, wanted)
        if path.parent.name == FOLDER and not facts_there(path, key):
            found.append(Work(each.name, measure_pass, (each, wanted, path, key)))
    return found


def _key(each: Pass, wanted: Wanted) -> str:
    told: dict[str, Any] = {
        "part": facts_key(each.part, wanted), "reference": each.reference,
        "band": list(each.band), "tables": list(each.tables),
    }  # fmt: skip
    return sha256_of(json.dumps(told))


def measure_pass(each: Pass, wanted: Wanted, path: Path, key: str) -> Path:
    """The tables of one pass, as a file; what cannot be made says why in it."""
    began = time.process_time()
    part, wanted = each.part, replace(wanted, band=each.band)
    facts: Facts = {}
    with open_recording(part.file) as opened:
        recording = without_excluded(opened, part)
        recording = recording.assign_attrs(source=part.file.name)
        try:
            recording = _referenced(recording, part, each.reference)
        except InputError as error:
            facts = {name: undetermined(name, str(error)) for name in each.tables}
        else:
            facts = _tables(recording, each, wanted, path)
    facts[next(iter(facts))].attrs["took"] = time.process_time() - began
    return save_facts(facts, path, key=key)


def _tables(recording: xr.Dataset, each: Pass, wanted: Wanted, path: Path) -> Facts:
    part, names, facts = each.part, set(each.tables), Facts()
    if not names.isdisjoint(WAVE_TABLES):
        waves = path.with_name(f"{path.stem}_waves.h5")
        try:
            facts |= facts_of_waves(recording, part, wanted, waves, names)
        finally:  # of an analysis of the grid only the tables are kept
            for left in (waves, waves.with_suffix(".csv")):
                left.unlink(missing_ok=True)
    if not names.isdisjoint(_LINK):
        made = facts_of_link(recording, part, wanted)
        facts |= {name: table for name, table in made.items() if name in names}
    if wanted.memory is not None and not names.isdisjoint(READOUTS):
        facts |= memory_facts(recording, part, wanted.memory, seed=wanted.seed,
                              names=names)  # fmt: skip
    return facts


def _referenced(
    recording: xr.Dataset, part: Part, reference: Literal["none", "average"]
) -> xr.Dataset:
    if reference == "none":
        return recording
    with warnings.catch_warnings():  # what it warns of is what the grid is to show
        warnings.filterwarnings("ignore", message=".*distorts phase gradients")
        return rereference(recording, to="common_average", variable=part.variable)
