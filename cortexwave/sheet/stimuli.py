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
from cortexwave.sheet.drive import Shown, Source, Streamed
from cortexwave.sheet.lattice import Lattice
from cortexwave.units import (
    Angle,
    Duration,
    Frequency,
    Length,
    Position,
    Speed,
    Time,
    quantity,
)

Course = Literal["box", "raised_cosine"]


@dataclass(frozen=True)
class Setting:
    """What a stimulus is rendered for: one stimulus, on one sheet, in one trial.

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
    trial: int = 0
    start: int = 0
    shift: float = 0.0
    folder: Path | None = None
    patterns: dict[Any, np.ndarray] = field(default_factory=dict)

    def pattern(self, key: Any, make: Callable[[], np.ndarray]) -> np.ndarray:
        """A pattern made once for all trials."""
        if key not in self.patterns:
            self.patterns[key] = make()
        return self.patterns[key]

    def span(self, onset: float, duration: float) -> tuple[int, int]:
        """First step on and first step off, each rounded to the nearest step."""
        onset += self.shift
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
            values = np.exp(-(distance**2) / (2 * self.sigma**2))
        elif self.shape == "disc" and self.radius is not None:
            values = (distance <= self.radius + 5e-4 * lattice.spacing).astype(float)
        else:
            values = np.zeros(lattice.shape)
            nearest = np.unravel_index(np.argmin(distance), lattice.shape)
            # half a diagonal: farther than that the point lies on no site
            if distance[nearest] <= 0.7072 * lattice.spacing:
                values[nearest] = 1.0
        if values.max() < 0.01:
            warnings.warn(
                f"stimulus '{name}' at y {self.y:g}, x {self.x:g} mm is off the sheet "
                f"(0 to {lattice.y[-1]:g}, 0 to {lattice.x[-1]:g} mm): no effect",
                stacklevel=2,
            )
        return values


class _Base(Document):
    name: str | None = None
    into: str | None = None
    condition: str | None = None
    onset: Time = 0.0
    amplitude: str | float | int = 1.0
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
            (setting.name, place),
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
    count: int = Field(ge=1, le=1_000_000)
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
        return [self.at_place(setting, self.place, self.onset, "0"),
                self.at_place(setting, self.place, self.onset + self.interval, "1")]  # fmt: skip


class Flashes(_Flashed):
    """A sequence of flashes at K sites, one every `interval`.

    `shuffled` draws a new order in each trial; `jitter` delays each flash by a time
    drawn from [0, jitter).
    """

    kind: Literal["flashes"] = "flashes"
    sites: list[Place] = Field(min_length=1)
    interval: Duration
    order: Literal["as_listed", "shuffled"] = "as_listed"
    jitter: Time = 0.0

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


class MovingBar(_Base):
    """A long bar that moves across its own width towards `direction`.

    At its onset it stands `start` from the sheet's centre along the direction;
    `width` is the full width (box) or two standard deviations (gaussian).
    """

    kind: Literal["moving_bar"] = "moving_bar"
    direction: Angle
    speed: Speed
    width: Length
    start: Position
    duration: Duration
    profile: Literal["box", "gaussian"] = "gaussian"

    def sources(self, setting: Setting, draw: np.random.Generator) -> list[Source]:
        """What it puts on the sheet in one trial."""
        along = _along(setting.lattice, self.direction)
        strength = self.strength(setting)
        first, last = setting.span(self.onset, self.duration)

        def frame(step: int) -> np.ndarray:
            away = along - (self.start + self.speed * step * setting.dt)
            if self.profile == "gaussian":
                return strength * np.exp(-2 * (away / self.width) ** 2)
            return strength * (np.abs(away) <= self.width / 2)

        row = setting.event(self.kind, self.onset, self.duration)
        return [Streamed(setting.into, first, last, lambda step: step, frame, row)]


class Grating(_Base):
    """A sinusoidal grating that drifts towards `direction`, or reverses in place."""

    kind: Literal["grating"] = "grating"
    mode: Literal["drifting", "reversing"]
    direction: Angle
    wavelength: Length
    frequency: Frequency
    duration: Duration
    phase: Angle = 0.0

    def sources(self, setting: Setting, draw: np.random.Generator) -> list[Source]:
        """What it puts on the sheet in one trial."""
        return _sinusoid(self, setting, travels=self.mode == "drifting", gain=1.0)


class PlaneDrive(_Base):
    """A plane wave imposed on the sheet: traveling, or standing of the same power."""

    kind: Literal["plane_drive"] = "plane_drive"
    mode: Literal["traveling", "standing"]
    direction: Angle
    wavelength: Length
    frequency: Frequency
    duration: Duration
    phase: Angle = 0.0

    def sources(self, setting: Setting, draw: np.random.Generator) -> list[Source]:
        """What it puts on the sheet in one trial."""
        standing = self.mode == "standing"
        # mean square of cos cos is 1/4, of one traveling cosine 1/2
        gain = np.sqrt(2.0) if standing else 1.0
        return _sinusoid(self, setting, travels=not standing, gain=gain)


class WhiteNoise(_Base):
    """A new independent value every `clock` for each patch of the sheet.

    `patches`: "whole" (one), "sites" (each its own) or [rows, columns] of a tiling.
    Binary values are +-amplitude, Gaussian ones have it as standard deviation. The
    values drawn are kept in the recording's drive table.
    """

    kind: Literal["white_noise"] = "white_noise"
    clock: Duration
    duration: Duration | None = None
    distribution: Literal["binary", "gaussian"] = "binary"
    patches: Literal["whole", "sites"] | tuple[int, int] = "whole"

    def patch_map(self, lattice: Lattice) -> np.ndarray:
        """Number of the patch of each site, (y, x)."""
        ny, nx = lattice.shape
        rows, columns = {"whole": (1, 1), "sites": (ny, nx)}.get(
            self.patches,
            self.patches,  # type: ignore[arg-type]
        )
        if not (1 <= int(rows) <= ny and 1 <= int(columns) <= nx):
            raise InputError(
                f"white noise on {rows} x {columns} patches of a sheet of {ny} x {nx}"
            )
        row = np.arange(ny) * int(rows) // ny
        column = np.arange(nx) * int(columns) // nx
        return row[:, None] * int(columns) + column[None, :]

    def clock_steps(self, dt: float) -> int:
        """Steps per value; the clock must be a multiple of dt."""
        steps = round(self.clock / dt)
        if steps < 1 or abs(self.clock / dt - steps) > 1e-6:
            raise InputError(
                f"the clock of the white noise is {1e3 * self.clock:g} ms, no multiple "
                f"of dt = {1e3 * dt:g} ms; the nearest is {1e3 * max(steps, 1) * dt:g}"
            )
        return steps

    def drawn(self, setting: Setting, draw: np.random.Generator) -> np.ndarray:
        """Values of one trial before scaling, (clock, patch)."""
        first, last = self._span(setting)
        every = self.clock_steps(setting.dt)
        shape = (
            -(-(last - first) // every),
            int(self.patch_map(setting.lattice).max()) + 1,
        )
        if np.prod(shape, dtype=float) * 8 > 2**30:
            raise InputError(
                f"white noise of {shape[0]} values for each of {shape[1]} patches "
                "takes more than 1 GiB; lengthen the clock or take fewer patches"
            )
        if self.distribution == "binary":
            return draw.integers(0, 2, shape) * 2.0 - 1.0
        return draw.standard_normal(shape)

    def sources(self, setting: Setting, draw: np.random.Generator) -> list[Source]:
        """What it puts on the sheet in one trial."""
        values, patch = self.drawn(setting, draw), self.patch_map(setting.lattice)
        every, strength = self.clock_steps(setting.dt), self.strength(setting)
        first, last = self._span(setting)
        row = setting.event(self.kind, self.onset, (last - first) * setting.dt)
        return [Streamed(
            setting.into, first, last,
            lambda step: step // every,
            lambda place: strength * values[place][patch],
            row,
        )]  # fmt: skip

    def _span(self, setting: Setting) -> tuple[int, int]:
        rest = setting.steps * setting.dt - self.onset
        return setting.span(self.onset, self.duration or rest)


def _box(step: int) -> float:
    return 1.0


def _raised_cosine(steps: int) -> Callable[[int], float]:
    """Rises from 0 to 1 and back over the steps, sampled at their middles."""
    values = 0.5 * (1 - np.cos(2 * np.pi * (np.arange(steps) + 0.5) / steps))
    return lambda step: float(values[step])


def _along(lattice: Lattice, direction: float) -> np.ndarray:
    """Position of each site along a direction from the sheet's centre, mm (y, x)."""
    y = lattice.y - lattice.y.mean()
    x = lattice.x - lattice.x.mean()
    return np.cos(direction) * x[None, :] + np.sin(direction) * y[:, None]


def _sinusoid(
    stimulus: Grating | PlaneDrive, setting: Setting, *, travels: bool, gain: float
) -> list[Source]:
    """cos(k s - w t + phase) as two separable terms, or cos(k s + phase) cos(w t)."""
    if stimulus.wavelength < 2 * setting.lattice.spacing:
        raise InputError(
            f"stimulus '{setting.name}' has a wavelength of {stimulus.wavelength:g} "
            f"mm; sites {setting.lattice.spacing:g} mm apart carry none below "
            f"{2 * setting.lattice.spacing:g} mm"
        )
    space = (
        2 * np.pi / stimulus.wavelength * _along(setting.lattice, stimulus.direction)
    )
    strength = gain * stimulus.strength(setting)
    turn = 2 * np.pi * stimulus.frequency * setting.dt
    first, last = setting.span(stimulus.onset, stimulus.duration)
    row = setting.event(stimulus.kind, stimulus.onset, stimulus.duration)
    terms = [(np.cos(space + stimulus.phase), np.cos, row)]
    if travels:
        terms.append((np.sin(space + stimulus.phase), np.sin, None))
    return [
        Shown(setting.into, first, last,
              setting.pattern((setting.name, place), lambda p=pattern: strength * p),
              lambda step, wave=wave: float(wave(turn * step)), event)
        for place, (pattern, wave, event) in enumerate(terms)
    ]  # type: ignore[misc]  # fmt: skip
