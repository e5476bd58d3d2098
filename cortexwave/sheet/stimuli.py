"""Stimuli: where, when, how strong. Each kind says what it puts on the sheet.

Times are from the start of the trial; positions in mm on the sheet; amplitudes in
the unit of the input they go `into`. Stimuli add. A new kind is a class here (or in
a module beside) and a member of `Stimulus`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from cortexwave.documents import Document
from cortexwave.errors import InputError
from cortexwave.sheet.drive import Shown, Source
from cortexwave.sheet.lattice import Lattice
from cortexwave.units import (
    Duration,
    Length,
    Position,
    Time,
    Value,
    quantity,
    quantity_field,
)

Course = Literal["box", "raised_cosine"]
_MOST_STEPS = 10**15


@dataclass(frozen=True)
class Setting:
    """What a stimulus is rendered for: one stimulus, on one sheet, in one trial.

    `number` is the stimulus's place in the protocol's list (names need not differ),
    `start` is the trial's first step on the run's time axis, `shift` its jitter in
    s, `steps` the trial's length; `unit` is that of the input. Patterns are kept in
    `patterns` so that trials share them.
    """

    lattice: Lattice
    dt: float
    steps: int
    into: str
    unit: str
    name: str
    number: int = 0
    trial: int = 0
    start: int = 0
    shift: float = 0.0
    folder: Path | None = None
    patterns: dict[Any, np.ndarray] = field(default_factory=dict)

    def pattern(self, key: Any, make: Callable[[], Any]) -> Any:
        """A pattern of this stimulus, made once for all trials."""
        key = (self.number, key)
        if key not in self.patterns:
            self.patterns[key] = make()
        return self.patterns[key]

    @property
    def end(self) -> int:
        """First step after the trial."""
        return self.start + self.steps

    def span(self, onset: float, duration: float) -> tuple[int, int]:
        """First step on and first step off, each rounded to the nearest step."""
        onset += self.shift
        if (onset + duration) / self.dt > _MOST_STEPS:
            raise InputError(
                f"stimulus '{self.name}' ends after {(onset + duration) / self.dt:.3g} "
                f"steps; there are at most {_MOST_STEPS:,}"
            )
        first = int(np.floor(onset / self.dt + 0.5))
        last = int(np.floor((onset + duration) / self.dt + 0.5))
        if last <= first:
            raise InputError(
                f"stimulus '{self.name}' lasts {1e3 * duration:g} ms, less than one "
                f"step of {1e3 * self.dt:g} ms"
            )
        return self.start + first, self.start + last

    def event(self, kind: str, onset: float, duration: float, **columns: Any) -> dict:
        """A row of the events table; onset on the run's time axis, in s."""
        onset += self.shift + self.start * self.dt
        return {"onset": onset, "duration": duration, "kind": kind,
                "stimulus": self.name, "trial": self.trial, **columns}  # fmt: skip


class Place(Document):
    """Where and how wide: a point, a disc of `radius`, or a Gaussian of `sigma`."""

    y: Position = 0.0
    x: Position
    shape: Literal["point", "disc", "gaussian"] = "point"
    radius: Length | None = None
    sigma: Length | None = None

    @model_validator(mode="after")
    def _size(self) -> Place:
        needed = {"disc": "radius", "gaussian": "sigma"}.get(self.shape)
        for name in ("radius", "sigma"):
            if (getattr(self, name) is not None) != (name == needed):
                word = "needs" if name == needed else "has no"
                raise ValueError(f"a {self.shape} {word} '{name}'")
        return self

    def pattern(self, lattice: Lattice, name: str) -> np.ndarray:
        """Values on the sheet (y, x), greatest 1; warns if nothing is on the sheet."""
        dy, dx = lattice.displacements(self.y, self.x)
        distance = np.hypot(dy, dx)
        if self.shape == "gaussian" and self.sigma is not None:
            with np.errstate(over="ignore"):  # far away is 0 all the same
                values = np.exp(-((distance / self.sigma) ** 2) / 2)
        elif self.shape == "disc" and self.radius is not None:
            values = (distance <= self.radius + 5e-4 * lattice.spacing).astype(float)
        else:
            values = np.zeros(lattice.shape)
            nearest = np.unravel_index(np.argmin(distance), lattice.shape)
            # half a diagonal: farther than that the point lies on no site
            if distance[nearest] <= 0.7072 * lattice.spacing:
                values[nearest] = 1.0
        warn_if_off(name, lattice, self.y, self.x, nothing=values.max() < 0.01)
        return values


def warn_if_off(
    name: str, lattice: Lattice, y: float, x: float, *, nothing: bool
) -> None:
    """Warn of a stimulus that reaches no site, or that a ring carries elsewhere."""
    ends = f"(y 0 to {lattice.y[-1]:g}, x 0 to {lattice.x[-1]:g} mm)"
    where = f"stimulus '{name}' at y {y:g}, x {x:g} mm is off the sheet {ends}"
    lengths = [n * lattice.spacing for n in lattice.shape]
    round_it = [
        # rounded to a thousandth of a site: a whole turn is 0, not the length
        round(at % length, 9) % round(length, 9)
        for at, length, boundary in zip((y, x), lengths, lattice.boundary, strict=True)
        if boundary == "periodic" and not -lattice.spacing <= at <= length
    ]
    if nothing:
        warnings.warn(f"{where}: no effect", stacklevel=2)
    elif round_it:
        places = ", ".join(f"{at:g} mm" for at in round_it)
        warnings.warn(f"{where}: it is shown where the ring closes, at {places}",
                      stacklevel=2)  # fmt: skip


class _Base(Document):
    name: str | None = None
    into: str | None = None
    condition: str | None = None
    onset: Time = 0.0
    amplitude: Value = 1.0
    features: list[float] | None = None

    @model_validator(mode="after")
    def _begins(self) -> _Base:
        if self.onset < 0:
            raise ValueError(f"onset is {1e3 * self.onset:g} ms, before the trial")
        return self

    def strength(self, setting: Setting) -> np.ndarray:
        """Amplitude for each feature, (feature, 1, 1), in base units."""
        weights = np.ones(setting.lattice.features)
        if self.features is not None:
            weights = np.asarray(self.features, dtype=float)
            if weights.size != setting.lattice.features:
                raise InputError(
                    f"stimulus '{setting.name}' has {weights.size} feature weights, "
                    f"the sheet {setting.lattice.features} features"
                )
        return (quantity(self.amplitude, setting.unit) * weights)[:, None, None]

    def sources(self, setting: Setting, draw: np.random.Generator) -> list[Source]:
        """What it puts on the sheet in one trial."""
        raise NotImplementedError


class _Flashed(_Base):
    """Common to stimuli that switch patterns on and off."""

    duration: Duration
    course: Course = "box"

    def shown(self, setting: Setting, pattern: np.ndarray, onset: float,
              row: Mapping[str, Any]) -> Shown:  # fmt: skip
        """One pattern (feature, y, x) shown once from `onset` on."""
        first, last = setting.span(onset, self.duration)
        course = _box if self.course == "box" else _raised_cosine(last - first)
        return Shown(setting.into, first, last, pattern, course, row)

    def at_place(self, setting: Setting, place: Place, onset: float,
                 item: str) -> Shown:  # fmt: skip
        """A flash at a place."""
        pattern = setting.pattern(
            place,
            lambda: (
                self.strength(setting) * place.pattern(setting.lattice, setting.name)
            ),
        )
        row = setting.event(self.kind, onset, self.duration,  # type: ignore[attr-defined]
                            item=item, x=place.x, y=place.y)  # fmt: skip
        return self.shown(setting, pattern, onset, row)


class Pulse(_Flashed):
    """One flash at one place."""

    kind: Literal["pulse"] = "pulse"
    place: Place

    def sources(self, setting: Setting, draw: np.random.Generator) -> list[Source]:
        """What it puts on the sheet in one trial."""
        return [self.at_place(setting, self.place, self.onset, "0")]


class PulseTrain(_Flashed):
    """`count` flashes at one place, `interval` from onset to onset."""

    kind: Literal["pulse_train"] = "pulse_train"
    place: Place
    count: int = Field(ge=1, le=100_000)
    interval: Duration

    def sources(self, setting: Setting, draw: np.random.Generator) -> list[Source]:
        """What it puts on the sheet in one trial."""
        onsets = self.onset + self.interval * np.arange(self.count)
        return [self.at_place(setting, self.place, float(onset), str(number))
                for number, onset in enumerate(onsets)]  # fmt: skip


class PairedPulse(_Flashed):
    """Two flashes at one place, `interval` from onset to onset."""

    kind: Literal["paired_pulse"] = "paired_pulse"
    place: Place
    interval: Duration

    def sources(self, setting: Setting, draw: np.random.Generator) -> list[Source]:
        """What it puts on the sheet in one trial."""
        onsets = (self.onset, self.onset + self.interval)
        return [self.at_place(setting, self.place, onset, str(number))
                for number, onset in enumerate(onsets)]  # fmt: skip


class Flashes(_Flashed):
    """A sequence of flashes at K sites, one every `interval`.

    `shuffled` draws a new order in each trial; `jitter` delays each flash by a time
    drawn from [0, jitter).
    """

    kind: Literal["flashes"] = "flashes"
    sites: list[Place] = Field(min_length=1)
    interval: Duration
    order: Literal["as_listed", "shuffled"] = "as_listed"
    jitter: quantity_field("ms", least=0.0) = 0.0  # type: ignore[valid-type]

    def sources(self, setting: Setting, draw: np.random.Generator) -> list[Source]:
        """What it puts on the sheet in one trial."""
        order = np.arange(len(self.sites))
        if self.order == "shuffled":
            draw.shuffle(order)
        delays = draw.uniform(0.0, self.jitter, len(order))
        return [
            self.at_place(setting, self.sites[site],
                          self.onset + rank * self.interval + delays[rank], str(site))
            for rank, site in enumerate(order)
        ]  # fmt: skip


def _box(step: int) -> float:
    return 1.0


def _raised_cosine(steps: int) -> Callable[[int], float]:
    """Rises from 0 to 1 and back over the steps, sampled at their middles."""
    values = 0.5 * (1 - np.cos(2 * np.pi * (np.arange(steps) + 0.5) / steps))
    return lambda step: float(values[step])
