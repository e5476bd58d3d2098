"""The definition of correct: NumPy, one tap at a time, slow and obvious."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cortexwave.backends.problem import (
    Block,
    Lateral,
    Problem,
    State,
    blocks_of,
    noise_of,
    source_of,
)
from cortexwave.sheet.expressions import evaluate
from cortexwave.sheet.lattice import Lattice


def blocks(problem: Problem, start: State | None = None) -> Iterator[Block]:
    """Blocks of frames of a problem, from its start or from a state."""
    return blocks_of(problem, _Reference(problem), start)


class _Reference:
    def __init__(self, problem: Problem):
        self.problem = problem
        self.couplings: dict[str, np.ndarray] = {}
        self.drives: dict[str, np.ndarray] = {}

    def load(self, state: State) -> None:
        self.trial, self.step = state.trial, state.step
        self.states = {name: np.array(value) for name, value in state.states.items()}
        self.past = {name: list(value) for name, value in state.past.items()}
        self.drive = self.problem.drive.trial(state.trial)

    def state(self) -> State:
        past = {lateral.name: self._as_array(self.past[lateral.name])
                for lateral in self.problem.couplings}  # fmt: skip
        states = {name: value.copy() for name, value in self.states.items()}
        return State(self.trial, self.step, states, past)

    def couple(self) -> None:
        shape = self.problem.lattice.field_shape
        for name in self.problem.spec.drives:
            sample = self.drive.at(name, self.step)
            self.drives[name] = np.zeros(shape) if sample is None else sample
        for lateral in self.problem.couplings:
            present = source_of(self.problem, lateral, self.states)
            ages = [present, *self.past[lateral.name]]  # ages[d] is d steps ago
            self.couplings[lateral.name] = lateral_sum(
                lateral, ages, self.problem.lattice
            )

    def update(self) -> None:
        problem, spec = self.problem, self.problem.spec
        for lateral in problem.couplings:
            present = source_of(problem, lateral, self.states)
            past = [present, *self.past[lateral.name]]
            self.past[lateral.name] = past[: lateral.taps.depth]
        new = dict(self.states)
        for name, rate in spec.rates.items():
            seen = new if spec.scheme == "semi_implicit" else self.states
            values = {**problem.constants, **self.couplings, **self.drives, **seen}
            change = evaluate(rate, values, problem.named_functions)
            new[name] = self.states[name] + problem.dt * change
        for name, normal in noise_of(problem, self.trial, self.step).items():
            new[name] = new[name] + problem.noise[name] * np.sqrt(problem.dt) * normal
        self.states = new
        self.step += 1

    def value(self, name: str) -> np.ndarray:
        for values in (self.states, self.couplings, self.drives):
            if name in values:
                return values[name]
        raise KeyError(name)

    def empty(self, frames: int) -> np.ndarray:
        return np.empty((frames, *self.problem.lattice.field_shape))

    def host(self, buffer: np.ndarray) -> np.ndarray:
        return buffer

    def _as_array(self, past: list[np.ndarray]) -> np.ndarray:
        shape = self.problem.lattice.field_shape
        return np.stack(past) if past else np.empty((0, *shape))


def lateral_sum(
    lateral: Lateral, ages: list[np.ndarray], lattice: Lattice
) -> np.ndarray:
    """One coupling, (feature, y, x), from its sources 0, 1, 2, ... steps ago."""
    taps = lateral.taps
    total = np.zeros(lattice.field_shape)
    for offset, weight, delay in zip(
        taps.offsets, taps.weights, taps.delays, strict=True
    ):
        read = shifted(ages[int(delay)], offset, lattice)
        if taps.mixing:
            total += np.einsum("oi,iyx->oyx", weight, read)
        else:
            total += weight * read
    return total if lateral.after is None else lateral.after * total


def shifted(field: np.ndarray, offset: np.ndarray, lattice: Lattice) -> np.ndarray:
    """The field as seen `offset` sites away, (feature, y, x); 0 beyond open edges."""
    y = lattice.neighbours(0, int(offset[0]))
    x = lattice.neighbours(1, int(offset[1]))
    outside = (y[:, None] < 0) | (x[None, :] < 0)
    return np.where(outside, 0.0, field[:, y][:, :, x])
