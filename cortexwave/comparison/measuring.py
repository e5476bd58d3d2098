"""Every part of a study measured by the same calls, stored by session, resumable.

What was measured stands in the folder of the report: `waves/` holds the analyses,
`sessions/` all tables of a part. A part whose recording, exclusions and settings are
those of its file is not measured again.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cortexwave.analysis.analysing import analyse
from cortexwave.comparison.facts_file import (
    Facts,
    facts_there,
    open_facts,
    save_facts,
    undetermined,
)
from cortexwave.comparison.link_facts import link_facts
from cortexwave.comparison.memory_facts import MemoryWanted, memory_facts
from cortexwave.comparison.parts import Part, part_key, without_excluded
from cortexwave.comparison.study_document import Study
from cortexwave.comparison.wave_facts import (
    power_spectrum,
    table_or_reason,
    wave_facts,
)
from cortexwave.errors import InputError, RunError
from cortexwave.recording.reader import open_recording

# Raised when the tables of a part change, so that files of before are made anew.
_FACTS = "6"
_LINK_PERMUTATIONS = 99  # each is two decodings


@dataclass(frozen=True)
class Progress:
    """Parts that are measured, of how many, and what is being done."""

    done: int
    total: int
    stage: str


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
    )  # fmt: skip
    return Wanted(study.band, study.surrogates, study.seed, memory)


def measuring(
    parts: Sequence[Part], wanted: Wanted, folder: Path, *, jobs: int = 1,
    before: int = 0, total: int | None = None,
) -> Generator[Progress, None, list[Facts]]:  # fmt: skip
    """Measure parts, `jobs` at a time; returns the tables of each, in their order.

    `before` and `total` are for the count of a longer work that this is a piece of.
    """
    for name in ("waves", "sessions"):
        (folder / name).mkdir(exist_ok=True)
    total = len(parts) if total is None else total
    keys = [part_key(part, wanted.settings(), _FACTS) for part in parts]
    due = [
        (part, key) for part, key in zip(parts, keys, strict=True)
        if not facts_there(facts_path(part, folder), key)
    ]  # fmt: skip
    done = before + len(parts) - len(due)
    if jobs <= 1 or len(due) <= 1:
        for part, key in due:
            yield Progress(done, total, part.name)
            measure_part(part, wanted, folder, key)
            done += 1
    else:
        # threads of the numeric libraries do not survive a fork
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(jobs, mp_context=context) as pool:
            started = {
                pool.submit(measure_part, part, wanted, folder, key): part
                for part, key in due
            }
            try:
                for finished in as_completed(started):
                    finished.result()
                    done += 1
                    yield Progress(done, total, started[finished].name)
            except BrokenProcessPool:
                raise RunError(
                    "a process that measured a session ended; the sessions that are "
                    "done are kept. In a script, what starts processes stands below "
                    "`if __name__ == '__main__':`; jobs=1 needs none"
                ) from None
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
    yield Progress(done, total, "measured")
    return [open_facts(facts_path(part, folder)) for part in parts]


def facts_path(part: Part, folder: Path) -> Path:
    """Where the tables of a part stand in the folder of a report."""
    return folder / "sessions" / f"{part.name}.h5"


def waves_path(part: Part, folder: Path) -> Path:
    """Where the wave analysis of a part stands in the folder of a report."""
    return folder / "waves" / f"{part.name}.h5"


def measure_part(part: Part, wanted: Wanted, folder: Path, key: str) -> Path:
    """All tables of one part, as a file; what cannot be made says why in it."""
    began = time.monotonic()
    with open_recording(part.file) as opened:
        recording = without_excluded(opened, part)
        recording = recording.assign_attrs(source=part.file.name)
        facts: Facts = {}
        try:
            analyse(
                recording, waves_path(part, folder), band=wanted.band,
                seed=wanted.seed, variable=part.variable, count=wanted.surrogates,
                overwrite=True,
            )  # fmt: skip
            facts |= wave_facts(
                recording, waves_path(part, folder), part, band=wanted.band,
                count=wanted.surrogates, seed=wanted.seed,
            )  # fmt: skip
        except InputError as error:
            for name in ("events", "field", "coherency", "radial"):
                facts.setdefault(name, undetermined(name, str(error)))
            # a recording too short for the filter still has a spectrum
            facts["spectrum"] = table_or_reason(
                "spectrum", power_spectrum, recording, part, wanted.band
            )
        if wanted.memory is not None:
            asked = wanted.memory
            facts |= memory_facts(recording, part, asked, seed=wanted.seed)
            facts |= link_facts(
                recording, part, band=wanted.band, window=asked.window,
                label=asked.label, kinds=asked.kinds, folds=asked.folds,
                permutations=min(asked.permutations, _LINK_PERMUTATIONS),
                seed=wanted.seed,
            )  # fmt: skip
        facts["events"].attrs |= {
            "took": time.monotonic() - began, "subject": part.subject,
            "session": part.session, "side": part.side,
            "exclusions": json.dumps({"channels": part.channels, "times": part.times}),
        }  # fmt: skip
    return save_facts(facts, facts_path(part, folder), key=key)
