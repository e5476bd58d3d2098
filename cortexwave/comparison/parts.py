"""The recordings of a study as a flat list: one part for each file of each session.

A part knows its side, subject and session, what is left out of it, and a key of all
that decides what is measured of it, so that work that is done need not be done again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.comparison.study_document import Study
from cortexwave.comparison.study_material import Recordings
from cortexwave.errors import InputError
from cortexwave.provenance import sha256_of, sha256_of_file

Side = Literal["lab", "model"]


@dataclass(frozen=True)
class Part:
    """One recording of a session, and what is left out of it.

    `channels` (label, reason) and `times` (start, stop in s, reason); `number` of the
    file within the session. Channels named in `covariates` are no sites either.
    """

    side: Side
    subject: str
    session: str
    number: int
    file: Path
    variable: str | None = None
    channels: tuple[tuple[str, str], ...] = ()
    times: tuple[tuple[float, float, str], ...] = ()
    covariates: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """A name that a file can have."""
        end = f"_{self.number + 1}" if self.number else ""
        return f"{self.side}_{self.subject}_{self.session}{end}"


def parts_of(study: Study, side: Side) -> list[Part]:
    """The parts of one side that has recordings, sessions that are excluded left out.

    A protocol has none before it is run (`simulated_parts`).
    """
    material = study.lab if side == "lab" else study.model
    if not isinstance(material, Recordings):
        return []
    covariates = tuple((study.memory.covariates if study.memory else None) or ())
    return [
        Part(
            side, subject.name, session.name, number,
            study.folder / file, material.variable,
            tuple((label, each.reason) for each in session.exclude.channels
                  for label in each.labels),
            tuple((span.start, span.stop, span.reason)
                  for span in session.exclude.times),
            covariates,
        )
        for subject in material.subjects
        for session in subject.sessions if session.excluded is None
        for number, file in enumerate(session.files)
    ]  # fmt: skip


def excluded_sessions(study: Study) -> list[tuple[Side, str, str, str]]:
    """Side, subject, session and reason of each session that is not used."""
    sides: list[tuple[Side, Any]] = [("lab", study.lab), ("model", study.model)]
    return [
        (side, subject.name, session.name, session.excluded)
        for side, material in sides if isinstance(material, Recordings)
        for subject in material.subjects for session in subject.sessions
        if session.excluded is not None
    ]  # fmt: skip


def part_key(part: Part, settings: dict[str, Any], facts: str) -> str:
    """Hash of a part's file, exclusions and settings; `facts` is the code's version."""
    stood = part.file.stat()
    told = {
        "file": _hash(part.file, stood.st_size, stood.st_mtime_ns),
        "settings": settings, "facts": facts,
        "part": {k: v for k, v in asdict(part).items() if k != "file"},
    }  # fmt: skip
    return sha256_of(json.dumps(told, sort_keys=True, default=str))


@lru_cache(maxsize=4096)  # a recording is asked for by each of its passes
def _hash(file: Path, size: int, changed: int) -> str:
    return sha256_of_file(file)


def without_excluded(recording: xr.Dataset, part: Part) -> xr.Dataset:
    """A recording of channels less what is excluded: NaN channels, bridged times.

    An excluded channel is NaN throughout. Over an excluded time each channel goes in a
    straight line between its ends, which has next to no power in a band and no lags;
    events that overlap it are taken out here, waves by whoever finds them. Channels
    that the recording itself calls bad (`good` is 0) are NaN, too.
    """
    names = [name for name in schema.field_names(recording)
             if "channel" in recording[name].dims]  # fmt: skip
    if not names:
        if part.channels or part.times:
            raise InputError(
                f"{part.file}: a sheet without channels; nothing can be excluded of it"
            )
        return recording
    labels = [str(each) for each in recording["channel"].values] \
        if "channel" in recording.coords \
        else [str(k) for k in range(recording.sizes["channel"])]  # fmt: skip
    unknown = [label for label, _ in part.channels if label not in labels]
    if unknown:
        raise InputError(
            f"{part.file}: there is no channel {', '.join(unknown)} to exclude; there "
            f"is {', '.join(labels[:8])} ..."
        )
    if part.times and "trial" in recording.dims:
        raise InputError(
            f"{part.file}: has a trial axis, and an excluded time names no trial"
        )
    dead = np.isin(labels, [*(label for label, _ in part.channels), *part.covariates])
    if "good" in recording.coords:
        dead |= ~np.asarray(recording["good"].values, dtype=bool)
    if dead.all():
        raise InputError(f"{part.file}: every channel is excluded or not good")
    if not dead.any() and not part.times:
        return recording
    time = np.asarray(recording["time"].values, dtype=float)
    made = recording
    for name in names:
        field = recording[name].transpose(..., "time", "channel")
        values = np.array(field.values)
        if values.dtype.kind != "f":
            values = values.astype(float)
        values[..., dead] = np.nan
        for start, stop, _ in part.times:
            bridge(values, time, start, stop, str(part.file))
        made = made.assign({name: field.copy(data=values)})
    return _without_events(made, part.times)


def bridge(
    values: np.ndarray, time: np.ndarray, start: float, stop: float, named: str
) -> None:
    """Straight lines in values (..., time, channel), in place, from start to stop."""
    inside = np.flatnonzero((time >= start) & (time <= stop))
    if not inside.size:
        raise InputError(
            f"{named}: {start:g} to {stop:g} s is excluded, and the recording goes "
            f"from {time[0]:g} to {time[-1]:g} s"
        )
    before, after = inside[0] - 1, inside[-1] + 1
    if before < 0 and after >= time.size:
        raise InputError(f"{named}: all of its time is excluded")
    first = values[..., max(before, 0) if before >= 0 else after, :]
    last = values[..., after if after < time.size else before, :]
    along = (np.arange(inside.size) + 1.0) / (inside.size + 1)
    values[..., inside, :] = (
        first[..., None, :] + (last - first)[..., None, :] * along[:, None]
    )


def overlaps(
    begin: np.ndarray, end: np.ndarray, times: Iterable[tuple[float, float, str]]
) -> np.ndarray:
    """Which spans (n,) in s overlap an excluded time."""
    found = np.zeros(begin.shape, dtype=bool)
    for start, stop, _ in times:
        found |= (begin <= stop) & (end >= start)
    return found


def _without_events(
    recording: xr.Dataset, times: tuple[tuple[float, float, str], ...]
) -> xr.Dataset:
    if not times or f"{schema.EVENT_PREFIX}onset" not in recording:
        return recording
    onset = np.asarray(recording[f"{schema.EVENT_PREFIX}onset"].values, dtype=float)
    kept = ~overlaps(onset, onset, times)
    return recording.isel(event=np.flatnonzero(kept))
