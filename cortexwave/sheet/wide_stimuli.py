"""Stimuli over the whole sheet: bars, gratings, plane waves, white noise."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
from pydantic import Field

from cortexwave.errors import InputError
from cortexwave.sheet.drive import Shown, Source, Streamed
from cortexwave.sheet.lattice import Lattice
from cortexwave.sheet.stimuli import Place, Setting, _Base
from cortexwave.units import Angle, Duration, Frequency, Length, Position, Speed


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
        ends = self.start, self.start + self.speed * self.duration
        reach = self.width * (1.5 if self.profile == "gaussian" else 0.5)
        if ends[1] + reach < along.min() or ends[0] - reach > along.max():
            warnings.warn(
                f"stimulus '{setting.name}' moves from {ends[0]:g} to {ends[1]:g} mm "
                f"along its direction and is never on the sheet ({along.min():g} to "
                f"{along.max():g} mm from its centre): no effect",
                stacklevel=2,
            )

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

    `patches`: "whole" (one), "sites" (each its own) or [rows, columns] of a tiling; or
    `places`: a patch for each place, and no drive elsewhere (patch -1). Binary
    values are +-amplitude, Gaussian ones have it as standard deviation. The values
    drawn are kept in the recording's drive table.
    """

    kind: Literal["white_noise"] = "white_noise"
    clock: Duration
    duration: Duration | None = None
    distribution: Literal["binary", "gaussian"] = "binary"
    patches: Literal["whole", "sites"] | tuple[int, int] = "whole"
    places: list[Place] | None = Field(default=None, min_length=1)

    def patch_map(self, lattice: Lattice) -> np.ndarray:
        """Number of the patch of each site, (y, x); -1 where there is no drive."""
        ny, nx = lattice.shape
        if self.places is not None:
            patch = np.full(lattice.shape, -1)
            for number, place in enumerate(self.places):
                patch[place.pattern(lattice, self.name or self.kind) >= 0.5] = number
            return patch
        rows, columns = (
            (1, 1) if self.patches == "whole"
            else (ny, nx) if self.patches == "sites" else self.patches
        )  # fmt: skip
        if not (1 <= rows <= ny and 1 <= columns <= nx):
            raise InputError(
                f"white noise on {rows} x {columns} patches of a sheet of {ny} x {nx}"
            )
        row = np.arange(ny) * rows // ny
        column = np.arange(nx) * columns // nx
        return row[:, None] * columns + column[None, :]

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
        count = int(self.patch_map(setting.lattice).max()) + 1
        if self.places is not None:
            count = len(self.places)
        shape = (-(-(last - first) // every), count)
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
        if not len(values):
            return []
        values = np.pad(values, ((0, 0), (0, 1)))  # patch -1 reads the 0 at the end
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
        if rest <= 0:
            raise InputError(
                f"stimulus '{setting.name}' begins at {1e3 * self.onset:g} ms, after "
                f"the trial of {1e3 * setting.steps * setting.dt:g} ms"
            )
        first, last = setting.span(self.onset, self.duration or rest)
        return min(first, setting.end), min(last, setting.end)


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
    if stimulus.frequency * setting.dt > 0.5:
        raise InputError(
            f"stimulus '{setting.name}' has a frequency of {stimulus.frequency:g} Hz; "
            f"steps of {1e3 * setting.dt:g} ms carry none above "
            f"{0.5 / setting.dt:g} Hz"
        )
    strength = gain * stimulus.strength(setting)
    turn = 2 * np.pi * stimulus.frequency * setting.dt
    first, last = setting.span(stimulus.onset, stimulus.duration)
    row = setting.event(stimulus.kind, stimulus.onset, stimulus.duration)
    angle = space + stimulus.phase
    terms: list[tuple[Any, np.ndarray, Any]] = [(np.cos, np.cos(angle), row)]
    if travels:
        terms.append((np.sin, np.sin(angle), None))

    def term(wave: Any, pattern: np.ndarray, event: Any) -> Source:
        made = setting.pattern(wave.__name__, lambda: strength * pattern)
        return Shown(setting.into, first, last, made,
                     lambda step: float(wave(turn * step)), event)  # fmt: skip

    return [term(*each) for each in terms]
