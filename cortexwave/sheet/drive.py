"""The drive: stimuli rendered to samples, one per step and input, as they are needed.

A source is a pattern times a course in time, or a stream of frames. Only sources
that are on are summed, and an unchanged sum is the same array as before, so an
engine can tell that there is nothing to copy. Nothing grows with the run's length.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import xarray as xr

from cortexwave.errors import InputError, RunError
from cortexwave.schema import events_table


class Source(Protocol):
    """One term of the drive into one input, on during [first, last) in steps.

    `key(step)` is equal for steps at which the sample is equal; `sample(step)` has
    shape (feature, y, x) and is not to be changed. `event` is its row of the table.
    """

    @property
    def into(self) -> str: ...
    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...
    @property
    def event(self) -> Mapping[str, Any] | None: ...
    def key(self, step: int) -> Hashable: ...
    def sample(self, step: int) -> np.ndarray: ...


@dataclass(frozen=True)
class Shown:
    """A fixed pattern (feature, y, x) times `course(step)`, a float."""

    into: str
    first: int
    last: int
    pattern: np.ndarray
    course: Callable[[int], float]
    event: Mapping[str, Any] | None = None

    def key(self, step: int) -> Hashable:
        """The factor of the pattern at a step."""
        return self.course(step - self.first)

    def sample(self, step: int) -> np.ndarray:
        """The pattern at a step."""
        factor = self.course(step - self.first)
        return self.pattern if factor == 1.0 else factor * self.pattern


@dataclass(frozen=True)
class Streamed:
    """A frame for each stretch of steps: `place(step)` names it, `frame` makes it."""

    into: str
    first: int
    last: int
    place: Callable[[int], int]
    frame: Callable[[int], np.ndarray]
    event: Mapping[str, Any] | None = None

    def key(self, step: int) -> Hashable:
        """Which frame is shown at a step."""
        return self.place(step - self.first)

    def sample(self, step: int) -> np.ndarray:
        """The frame shown at a step."""
        place = self.place(step - self.first)
        try:
            values = self.frame(place)
        except InputError as error:  # the file was readable when the run began
            raise RunError(str(error)) from error
        if not np.isfinite(values).all():
            raise RunError(f"frame {place} of the stimulus for '{self.into}' holds "
                           "values that are not finite")  # fmt: skip
        return values


class _Schedule:
    """The sources of one input, and which are on: a cursor that moves with the run."""

    def __init__(self, sources: Sequence[Source]):
        self._sources = sorted(sources, key=lambda source: source.first)
        self._firsts = np.array([source.first for source in self._sources])
        self._lasts = np.array([source.last for source in self._sources])
        self._rewind()

    def _rewind(self) -> None:
        self._on: list[int] = []  # in order of onset, however the cursor came here
        self._begun = 0  # sources that have begun
        self._since, self._until = 0, 0  # steps for which `_on` holds

    def on(self, step: int) -> list[Source]:
        """Sources that are on at a step; looked up again only where one changes."""
        if not self._since <= step < self._until:
            if step < self._since:
                self._rewind()
            begun = int(np.searchsorted(self._firsts, step, side="right"))
            new = self._begun + np.flatnonzero(self._lasts[self._begun : begun] > step)
            self._on = [i for i in self._on if self._lasts[i] > step] + new.tolist()
            ends = [int(self._lasts[i]) for i in self._on]
            if begun < len(self._firsts):
                ends.append(int(self._firsts[begun]))
            self._begun, self._since = begun, step
            self._until = min(ends, default=np.iinfo(np.int64).max)
        return [self._sources[i] for i in self._on]


class TrialDrive:
    """The drive of one trial."""

    def __init__(self, sources: Sequence[Source]):
        of: dict[str, list[Source]] = {}
        for source in sources:
            of.setdefault(source.into, []).append(source)
        self._schedules = {name: _Schedule(listed) for name, listed in of.items()}
        self._last: dict[str, tuple[Hashable, np.ndarray]] = {}

    def at(self, name: str, step: int) -> np.ndarray | None:
        """Sample of an input at a step, (feature, y, x); None is 0 everywhere.

        As long as nothing changes it is the same array; it is not to be changed.
        """
        schedule = self._schedules.get(name)
        active = schedule.on(step) if schedule else []
        if not active:
            return None
        key = tuple((id(source), source.key(step)) for source in active)
        last = self._last.get(name)
        if last is None or last[0] != key:
            total = active[0].sample(step)
            for source in active[1:]:
                total = total + source.sample(step)
            last = self._last[name] = (key, total)
        return last[1]


@dataclass(frozen=True)
class Drive:
    """The drive of all trials: `sources[trial]`, and what was drawn at random.

    `drawn` is the dataset that the recording keeps of a white-noise drive.
    """

    sources: Sequence[Sequence[Source]] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    drawn: xr.Dataset | None = field(default=None)

    def trial(self, trial: int) -> TrialDrive:
        """The drive of one trial (of the whole run, when trials are continuous)."""
        return TrialDrive(self.sources[trial] if self.sources else ())

    def events(self) -> xr.Dataset:
        """The events table, in order of trial and onset."""
        rows = sorted(self.rows, key=lambda row: (row["trial"], row["onset"]))
        return events_table([dict(row) for row in rows])
