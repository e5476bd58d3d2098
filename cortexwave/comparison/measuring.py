"""Every part of a study measured by the same calls, stored by session, resumable.

What was measured stands in the folder of the report: `waves/` holds the analyses,
`sessions/` all tables of a part. A part whose recording, exclusions and settings are
those of its file is not measured again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from cortexwave.analysis.analysing import analyse
from cortexwave.comparison.facts_file import (
    Facts,
    facts_there,
    open_facts,
    save_facts,
    undetermined,
)
from cortexwave.comparison.field_curves import power_spectrum
from cortexwave.comparison.link_facts import link_facts
from cortexwave.comparison.memory_facts import MemoryWanted, memory_facts
from cortexwave.comparison.parts import Part, part_key, without_excluded
from cortexwave.comparison.processes import Progress, Work, working
from cortexwave.comparison.study_document import Study
from cortexwave.comparison.wave_facts import (
    WAVE_TABLES,
    table_or_reason,
    wave_facts,
)
from cortexwave.errors import InputError
from cortexwave.recording.reader import open_recording

# Raised when the tables of a part change, so that files of before are made anew.
_FACTS = "8"
_LINK_PERMUTATIONS = 99  # each is two decodings


@dataclass(frozen=True)
class Wanted:
    """What is measured of every part: the same on both sides."""

    band: tuple[float, float]
    surrogates: int
    seed: int
    memory: MemoryWanted | None

    def settings(self) -> dict[str, Any]:
        """All of it as plain values."""
        memory = None if self.memory is None else self.memory.settings()
        return {"band": list(self.band), "surrogates": self.surrogates,
                "seed": self.seed, "memory": memory}  # fmt: skip


def wanted_of(study: Study) -> Wanted:
    """What a study asks for."""
    asked = study.memory
    memory = None if asked is None else MemoryWanted(
        asked.label, asked.window, tuple(asked.kinds) if asked.kinds else None,
        asked.permutations, asked.folds, asked.lags, study.band,
        study.noise_correlation,
        tuple(asked.covariates) if asked.covariates else None,
    )  # fmt: skip
    return Wanted(study.band, study.surrogates, study.seed, memory)


def measuring(
    parts: Sequence[Part], wanted: Wanted, folder: Path, *, jobs: int = 1,
    total: int | None = None,
) -> Generator[Progress, None, list[Facts]]:  # fmt: skip
    """Measure parts, `jobs` at a time; returns the tables of each, in their order.

    `total` is for the count of a longer work that this is the beginning of.
    """
    for name in ("waves", "sessions"):
        (folder / name).mkdir(exist_ok=True)
    total = len(parts) if total is None else total
    keys = [facts_key(part, wanted) for part in parts]
    due = [
        (part, key) for part, key in zip(parts, keys, strict=True)
        if not facts_there(facts_path(part, folder), key)
    ]  # fmt: skip
    yield from working(
        [Work(part.name, measure_part, (part, wanted, folder, key))
         for part, key in due],
        jobs=jobs, done=len(parts) - len(due), total=total,
    )  # fmt: skip
    yield Progress(len(parts), total, "measured")
    return [open_facts(facts_path(part, folder)) for part in parts]


def facts_key(part: Part, wanted: Wanted) -> str:
    """What the file of a part's tables must say that it is of."""
    return part_key(part, wanted.settings(), _FACTS)


def facts_path(part: Part, folder: Path) -> Path:
    """Where the tables of a part stand in the folder of a report."""
    return folder / "sessions" / f"{part.name}.h5"


def waves_path(part: Part, folder: Path) -> Path:
    """Where the wave analysis of a part stands in the folder of a report."""
    return folder / "waves" / f"{part.name}.h5"


def measure_part(part: Part, wanted: Wanted, folder: Path, key: str) -> Path:
    """All tables of one part, as a file; what cannot be made says why in it."""
    began = time.process_time()
    with open_recording(part.file) as opened:
        recording = without_excluded(opened, part)
        recording = recording.assign_attrs(source=part.file.name)
        facts = facts_of_waves(recording, part, wanted, waves_path(part, folder))
        waves = time.process_time() - began
        if wanted.memory is not None:
            facts |= memory_facts(recording, part, wanted.memory, seed=wanted.seed,
                                  beside=opened)  # fmt: skip
            facts |= facts_of_link(recording, part, wanted)
        facts["events"].attrs |= {
            "took": time.process_time() - began, "took_waves": waves,
            "subject": part.subject, "session": part.session, "side": part.side,
            "exclusions": json.dumps({"channels": part.channels, "times": part.times}),
        }  # fmt: skip
    return save_facts(facts, facts_path(part, folder), key=key)


def facts_of_waves(
    recording: xr.Dataset, part: Part, wanted: Wanted, waves: Path,
    names: Collection[str] = WAVE_TABLES,
) -> Facts:  # fmt: skip
    """The tables of the waves that are named; the analysis goes to the file `waves`."""
    facts: Facts = {}
    try:
        analyse(
            recording, waves, band=wanted.band, seed=wanted.seed,
            variable=part.variable, count=wanted.surrogates, overwrite=True,
        )  # fmt: skip
        return wave_facts(
            recording, waves, part, band=wanted.band, count=wanted.surrogates,
            seed=wanted.seed, names=names,
        )  # fmt: skip
    except InputError as error:
        for name in ("events", "field", "coherency", "radial"):
            if name in names:
                facts[name] = undetermined(name, str(error))
        # a recording too short for the filter still has a spectrum
        if "spectrum" in names:
            facts["spectrum"] = table_or_reason(
                "spectrum", power_spectrum, recording, part, wanted.band
            )
    return facts


def facts_of_link(recording: xr.Dataset, part: Part, wanted: Wanted) -> Facts:
    """The tables on memory and waves together; none where no trials are asked for."""
    asked = wanted.memory
    if asked is None:
        return {}
    return link_facts(
        recording, part, band=wanted.band, window=asked.window, label=asked.label,
        kinds=asked.kinds, folds=asked.folds, seed=wanted.seed,
        permutations=min(asked.permutations, _LINK_PERMUTATIONS),
    )  # fmt: skip
