"""Sequences of input vectors shown through a map, as a wave RNN gets its inputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cortexwave.documents import Document
from cortexwave.errors import InputError
from cortexwave.sheet.arrays import (
    NpyFile,
    Opened,
    located,
    open_array,
    read_array,
    read_part,
)
from cortexwave.sheet.drive import Source, Streamed
from cortexwave.sheet.lattice import Lattice
from cortexwave.sheet.stimuli import Setting, _Base
from cortexwave.units import Duration

_STRETCH = 2**20  # values held at a time: 8 MiB, however long a sequence is


class ArrayFile(Document):
    """An array in a file: `.npy`, or HDF5 with `dataset` where it holds several."""

    path: str
    dataset: str | None = None

    @property
    def label(self) -> str:
        """Its name in messages."""
        return f"{self.path}:{self.dataset}" if self.dataset else self.path


class VectorSequence(_Base):
    """A sequence of input vectors, one every `step`, each put on the sheet by a map.

    The drive of the t-th vector is sum_i values[trial, t, i] * map[i]: V x_t of a
    wave RNN (Keller et al. 2024, section 2). `values` is (time, input), the same in
    every trial, or (trial, time, input), where trial i shows sequence i. `map` is
    (input, feature, y, x), or (input, y, x) for the same in every feature; on a ring
    also (input, x). Values are read as they are shown, never whole.
    """

    kind: Literal["sequence"] = "sequence"
    values: ArrayFile
    map: ArrayFile
    step: Duration

    def sources(self, setting: Setting, draw: np.random.Generator) -> list[Source]:
        """What it puts on the sheet in one trial."""
        shown = setting.pattern("sequences", lambda: self._opened(setting))
        which, every = shown.which(setting), self._steps(setting)
        setting.pattern(("checked", which), lambda: shown.check_finite(which))
        duration = shown.length * every * setting.dt
        first, _ = setting.span(self.onset, duration)
        strength = self.strength(setting)
        row = setting.event(self.kind, self.onset, duration, item=str(which))
        return [Streamed(
            setting.into, first, first + shown.length * every,
            lambda step: step // every,
            lambda time: strength * shown.pattern(which, time),
            row,
        )]  # fmt: skip

    def _opened(self, setting: Setting) -> _Sequences:
        """The files of all trials, opened once and held against one another."""
        self._steps(setting)
        weights = _map(located(self.map.path, setting.folder), self.map.dataset,
                       setting.lattice)  # fmt: skip
        file = located(self.values.path, setting.folder)
        values = open_array(file, self.values.dataset)
        if values.ndim not in (2, 3) or values.shape[-1] != len(weights):
            raise InputError(
                f"{file}: its shape is {values.shape}; sequences are (time, input) or "
                f"(trial, time, input) of {len(weights)} inputs, as many as the map "
                f"{self.map.label} has"
            )
        due = self.onset + values.shape[-2] * self.step
        if due > setting.steps * setting.dt * (1 + 1e-9):
            warnings.warn(
                f"stimulus '{setting.name}' takes {1e3 * due:g} ms from the start of "
                f"the trial of {1e3 * setting.steps * setting.dt:g} ms: the rest is "
                "not shown",
                stacklevel=2,
            )
        return _Sequences(file, values, weights, _reader(values, file))

    def _steps(self, setting: Setting) -> int:
        """Steps of the run for each vector; `step` must be a multiple of dt."""
        every = round(self.step / setting.dt)
        if every < 1 or abs(self.step / setting.dt - every) > 1e-6:
            raise InputError(
                f"the step of '{setting.name}' is {1e3 * self.step:g} ms, no multiple "
                f"of dt = {1e3 * setting.dt:g} ms; the nearest is "
                f"{1e3 * max(every, 1) * setting.dt:g} ms"
            )
        return every


@dataclass(frozen=True)
class _Sequences:
    """Sequences in a file and their map; `read(which, stretch)` gives (time, input)."""

    file: Path
    values: Opened
    map: np.ndarray  # (input, feature or 1, y, x)
    read: Callable[[int, int], np.ndarray]

    @property
    def length(self) -> int:
        """Vectors of a sequence."""
        return int(self.values.shape[-2])

    def which(self, setting: Setting) -> int:
        """The sequence that a trial shows."""
        if self.values.ndim == 2:
            return 0
        if setting.trial >= self.values.shape[0]:
            raise InputError(
                f"{self.file}: its shape is {self.values.shape}, {len(self.values)} "
                f"sequences; trial {setting.trial} has none (trial i shows sequence "
                "i, both from 0): take fewer trials or store more sequences"
            )
        return setting.trial

    def check_finite(self, which: int) -> None:
        """Raise `InputError` at the first value of a sequence that is not finite."""
        rows = _rows(self.values)
        for stretch in range(-(-self.length // rows)):
            bad = np.argwhere(~np.isfinite(self.read(which, stretch)))
            if len(bad):
                time, channel = int(bad[0][0]) + stretch * rows, int(bad[0][1])
                at = (
                    (time, channel) if self.values.ndim == 2 else (which, time, channel)
                )
                raise InputError(f"{self.file}: the value at {at} is not finite")

    def pattern(self, which: int, time: int) -> np.ndarray:
        """Sum of values times maps at a time, (feature or 1, y, x)."""
        stretch, place = divmod(time, _rows(self.values))
        vector = self.read(which, stretch)[place]
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # looked at where it is shown
            return np.tensordot(vector, self.map, axes=1)


def _map(file: Path, dataset: str | None, lattice: Lattice) -> np.ndarray:
    """What each input puts on the sheet, (input, feature or 1, y, x)."""
    values = read_array(file, dataset)
    allowed = [lattice.field_shape, lattice.shape]
    if lattice.shape[0] == 1:
        allowed.append(lattice.shape[1:])
    if values.shape[1:] not in allowed:
        names = {3: "(input, feature, y, x)", 2: "(input, y, x)", 1: "(input, x)"}
        due = " or ".join(
            f"{names[len(shape)]} with {', '.join(map(str, shape))} after the inputs"
            for shape in allowed
        )
        raise InputError(
            f"{file}: its shape is {values.shape}; a map for this sheet is {due}"
        )
    features = lattice.features if values.ndim == 4 else 1
    return values.reshape(len(values), features, *lattice.shape)


def _rows(values: Opened) -> int:
    """Vectors that are held at a time."""
    return max(1, min(_STRETCH // int(values.shape[-1]), int(values.shape[-2])))


def _reader(values: Opened, file: Path) -> Callable[[int, int], np.ndarray]:
    """Reads stretches of sequences, (time, input) as float64; holds the last one."""
    rows, (length, inputs) = _rows(values), values.shape[-2:]

    @lru_cache(maxsize=1)
    def read(which: int, stretch: int) -> np.ndarray:
        first = stretch * rows
        last = min(first + rows, length)
        if isinstance(values, NpyFile):  # a stretch is an array of its own in the file
            before = (which * length + first) * inputs * values.dtype.itemsize
            part = replace(
                values, shape=(last - first, inputs), start=values.start + before
            )
            return read_part(part, (), file)
        where: Any = (which, slice(first, last))[3 - values.ndim :]
        try:
            return np.asarray(values[where], dtype=np.float64)
        except (OSError, RuntimeError, KeyError) as error:
            raise InputError(
                f"{file}: sequence {which} cannot be read: {error}"
            ) from error

    return read
