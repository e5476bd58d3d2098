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


class TrialDrive:
    """The drive of one trial."""

    def __init__(self, sources: Sequence[Source]):
        self._of: dict[str, list[Source]] = {}
        for source in sources:
            self._of.setdefault(source.into, []).append(source)
        self._spans = {name: np.array([(s.first, s.last) for s in of])
                       for name, of in self._of.items()}  # fmt: skip
        self._active: dict[str, list[Source]] = {}
        self._until: dict[str, tuple[int, int]] = {}
        self._last: dict[str, tuple[Hashable, np.ndarray]] = {}

    def at(self, name: str, step: int) -> np.ndarray | None:
        """Sample of an input at a step, (feature, y, x); None is 0 everywhere.

        As long as nothing changes it is the same array; it is not to be changed.
        """
        active = self._active_at(name, step)
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

    def _active_at(self, name: str, step: int) -> list[Source]:
        """Sources that are on; looked up again only when one goes on or off."""
        sources = self._of.get(name)
        if not sources:
            return []
        since, until = self._until.get(name, (0, 0))
        if not since <= step < until:
            spans = self._spans[name]
            on = (spans[:, 0] <= step) & (step < spans[:, 1])
            edges = spans.ravel()
            later, earlier = edges[edges > step], edges[edges <= step]
            self._until[name] = (
                int(earlier.max(initial=0)),
                int(later.min(initial=np.iinfo(np.int64).max)),
            )
            self._active[name] = [sources[place] for place in np.flatnonzero(on)]
        return self._active[name]


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
