"""The format of one recording's memory among rivals, at its own size, as a file.

The first session of each side with trials is asked: with the shift that was found to
serve it best, packets about as wide as its responses, and the time for which such a
packet stays on the array.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from cortexwave.comparison.facts_file import (
    Facts,
    facts_there,
    open_facts,
    reason_of,
    save_facts,
    undetermined,
)
from cortexwave.comparison.measuring import Wanted, facts_key
from cortexwave.comparison.memory_facts import MemoryWanted
from cortexwave.comparison.packets import packets_like
from cortexwave.comparison.parts import Part, without_excluded
from cortexwave.comparison.processes import Progress, Work, working
from cortexwave.comparison.rival_formats import rival_formats
from cortexwave.comparison.session_values import SessionFacts
from cortexwave.errors import InputError
from cortexwave.memory.trials import trials_of
from cortexwave.provenance import sha256_of
from cortexwave.recording.reader import open_recording

FOLDER, TABLE = "recovery", "format_recovery"
# The fewest at which a recording can be called like none of the rivals: below .05 of
# the simulations of the best, 1 of 1 + 20. A share of 20 of 20 is known to be above
# .83 (Wilson).
REPEATS = 20


@dataclass(frozen=True)
class Asked:
    """A recording whose format is asked for, and the velocity of its best shift.

    `speed` in mm/s, `direction` in deg.
    """

    part: Part
    speed: float
    direction: float


def format_recovery(
    sides: Sequence[tuple[Sequence[SessionFacts], Sequence[Part]]], wanted: Wanted,
    folder: Path, *, jobs: int,
) -> Generator[Progress, None, dict[str, xr.Dataset]]:  # fmt: skip
    """A table for each side, "lab" and "model", or the reason why there is none.

    `sides` are the sessions and the parts they are of. Tables are those of
    `model_recovery` with, beside them, `score` (simulated,) of the recording; in the
    attributes `best`, `usual` and `why` of the fit, the session, the shift, the width.
    """
    (folder / FOLDER).mkdir(exist_ok=True)
    found: dict[str, xr.Dataset] = {}
    due, paths = [], {}
    for sessions, parts in sides:
        side = parts[0].side
        try:
            asked = asked_of(sessions, parts)
        except InputError as error:
            found[side] = undetermined(TABLE, str(error))
            continue
        assert wanted.memory is not None  # or there is no alignment
        path = folder / FOLDER / f"{side}.h5"
        key = sha256_of(json.dumps([
            facts_key(asked.part, wanted), asked.speed, asked.direction, REPEATS
        ]))  # fmt: skip
        paths[side] = path
        if not facts_there(path, key):
            given = (asked, wanted.memory, wanted.seed, path, key)
            due.append(Work(f"rivals {side}", recover_part, given))
    done = len(paths) - len(due)
    yield from working(due, jobs=jobs, done=done, total=len(paths))
    return found | {side: open_facts(path)[TABLE] for side, path in paths.items()}


def asked_of(sessions: Sequence[SessionFacts], parts: Sequence[Part]) -> Asked:
    """The first recording of which a best shift is known, else `InputError`.

    `parts` are those of the sessions, in their order.
    """
    reasons = []
    given = iter(parts)
    for session in sessions:
        for tables in session.tables:
            part = next(given)
            table = tables.get("alignment")
            why = reason_of(table)
            if not why and table is not None:
                return Asked(part, float(table["speed"]), float(table["direction"]))
            reasons.append(why)
    said = "; ".join(dict.fromkeys(reasons))
    raise InputError(f"no recording has trials with a shift to try: {said}")


def recover_part(
    asked: Asked, wanted: MemoryWanted, seed: int, path: Path, key: str
) -> Path:
    """The table of one recording as a file, or the reason why there is none."""
    began = time.monotonic()
    try:
        table = recovered(asked, wanted, seed)
    except InputError as error:
        table = undetermined(TABLE, str(error))
    table.attrs |= {
        "took": time.monotonic() - began, "repeats": REPEATS,
        "session": f"{asked.part.subject}/{asked.part.session}",
    }  # fmt: skip
    return save_facts(Facts({TABLE: table}), path, key=key)


def recovered(asked: Asked, wanted: MemoryWanted, seed: int) -> xr.Dataset:
    """Rivals of a recording's size, how often each is recovered, and its own fit."""
    part = asked.part
    with open_recording(part.file) as opened:
        trials = trials_of(
            without_excluded(opened, part), window=(0.0, wanted.window[1]),
            label=wanted.label, variable=part.variable, kinds=wanted.kinds,
        )  # fmt: skip
    laid = packets_like(trials, speed=asked.speed, direction=asked.direction, seed=seed)
    trials = laid.trials
    longest = trials.step * max(1, (trials.clock.size - 1) // 2)
    made = rival_formats(
        trials, speed=asked.speed, direction=asked.direction, width=laid.width,
        centres=laid.centres, longest=longest, repeats=REPEATS, seed=seed,
    )  # fmt: skip
    scores = [made.fit.scores[str(n)] for n in made.recovery["simulated"].values]
    table = made.recovery.assign(score=("simulated", scores, {"units": "1"}))
    return table.assign_attrs(
        measure=TABLE, best=made.fit.best, usual=made.fit.usual, why=made.fit.reason,
        reach=laid.reach, bounded=int(laid.bounded), time=float(trials.clock[-1]),
        moments=int(trials.clock.size),
    )  # fmt: skip
