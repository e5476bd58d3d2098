"""The step contract on a Brian2 network: its schedule, run by hand.

`Network.run` takes 60 ms a call before its first step, so what it would run is run
here in the same order, and the clock advanced as it would be: the same to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from cortexwave.backends._brian2_frames import Ring
from cortexwave.backends.problem import Problem, State, noise_of
from cortexwave.errors import NotFiniteError


@dataclass(frozen=True)
class Memory:
    """The arrays of a network, in SI units, and what one base unit is in SI.

    `fields` have shape (feature, y, x), for all that can be recorded; `rings` and
    `source_factors` are by coupling; `timestep` and `time` are the clock's.
    """

    fields: Mapping[str, np.ndarray]
    factors: Mapping[str, float]
    rings: Mapping[str, Ring]
    source_factors: Mapping[str, float]
    timestep: np.ndarray
    time: np.ndarray


class Inputs:
    """Drive and noise of the present trial, as a network's operations."""

    def __init__(self, problem: Problem, memory: Memory, driven: frozenset[str]):
        self.problem, self.memory = problem, memory
        self.names = [name for name in problem.spec.drives if name in driven]
        self.begin(0)

    def begin(self, trial: int) -> None:
        """Take up a trial."""
        self.trial, self.drive = trial, self.problem.drive.trial(trial)
        self.shown: dict[str, np.ndarray | None] = {}

    def read_drive(self) -> None:
        """Copy this step's samples, those that are not what they were."""
        memory, step = self.memory, int(self.memory.timestep[0])
        for name in self.names:
            sample = self.drive.at(name, step)
            if name not in self.shown or sample is not self.shown[name]:
                field = memory.fields[name]
                field[:] = 0.0 if sample is None else memory.factors[name] * sample
                self.shown[name] = sample

    def add_noise(self) -> None:
        """Add this step's noise to the states."""
        problem, step = self.problem, int(self.memory.timestep[0])
        for name, normal in noise_of(problem, self.trial, step).items():
            scaled = problem.noise[name] * np.sqrt(problem.dt) * normal
            self.memory.fields[name][:] += self.memory.factors[name] * scaled


class Stepper:
    """A network as an `Engine`; `prepare` generates its code.

    `updater` is the object of the network from which on states are updated.
    """

    def __init__(
        self,
        problem: Problem,
        network: Any,
        updater: Any,
        memory: Memory,
        inputs: Inputs,
        prepare: Callable[[], None],
    ):
        self.problem, self.network, self.updater = problem, network, updater
        self.memory, self.inputs, self.prepare = memory, inputs, prepare
        self.before: list[Callable[[], Any]] | None = None

    def load(self, state: State) -> None:
        """Go to a state: arrays, rings, clock, drive."""
        self._write(state)
        self.inputs.begin(state.trial)
        self.memory.timestep[0] = state.step
        self.memory.time[0] = state.step * self.problem.dt
        self.network.t_ = float(self.memory.time[0])
        self.coupled = False

    def couple(self) -> None:
        """Everything that Brian2 would run before it updates the states."""
        if self.coupled:
            return
        if self.before is None:
            self.prepare()
            objects = [thing for thing in self.network.sorted_objects if thing.active]
            first = objects.index(self.updater)
            self.before, self.after = _calls(objects[:first]), _calls(objects[first:])
        for call in self.before:
            call()
        self.coupled = True

    def update(self) -> None:
        """The rest of the step, and the clock."""
        memory = self.memory
        try:
            for call in self.after:
                call()
        except ZeroDivisionError as error:
            raise NotFiniteError(
                f"step {int(memory.timestep[0])}: a rate of the model "
                f"'{self.problem.spec.name}' was divided by zero"
            ) from error
        memory.timestep[0] += 1
        memory.time[0] = memory.timestep[0] * self.problem.dt
        self.coupled = False

    def value(self, name: str) -> np.ndarray:
        """A recordable in base units."""
        values, factor = self.memory.fields[name], self.memory.factors[name]
        return values if factor == 1.0 else values / factor

    def empty(self, frames: int) -> np.ndarray:
        """A buffer for frames."""
        return np.empty((frames, *self.problem.lattice.field_shape))

    def host(self, buffer: np.ndarray) -> np.ndarray:
        """A buffer as NumPy, which it is."""
        return buffer

    def state(self) -> State:
        """Where the run is, in base units."""
        memory, problem = self.memory, self.problem
        step = int(memory.timestep[0])
        states = {name: np.array(self.value(name)) for name in problem.spec.states}
        past = {}
        for lateral in problem.couplings:
            name = lateral.name
            frames = np.empty((0, *problem.lattice.field_shape))
            if name in memory.rings:
                frames = memory.rings[name].past(step, lateral.taps.depth)
            past[name] = frames / memory.source_factors[name]
        state = State(self.inputs.trial, step, states, past)
        factors = [*memory.factors.values(), *memory.source_factors.values()]
        if any(factor != 1.0 for factor in factors):
            # x / factor * factor may differ from x in its last bit: go on from what
            # was handed out, so that a run resumed there is the same to the bit
            self._write(state)
        return state

    def _write(self, state: State) -> None:
        memory = self.memory
        for name, value in state.states.items():
            memory.fields[name][:] = memory.factors[name] * np.asarray(value)
        for name, ring in memory.rings.items():
            for age, frame in enumerate(state.past[name]):
                ring.write(memory.source_factors[name] * frame, state.step - 1 - age)


def _calls(objects: list[Any]) -> list[Callable[[], Any]]:
    """What Brian2 objects do in a step, without the look-ups on the way there."""
    calls: list[Callable[[], Any]] = []
    for thing in objects:
        if hasattr(thing, "function"):  # a NetworkOperation
            calls.append(thing.function)
        for code in thing.code_objects:
            if code.class_name == "cython" and not code.nonconstant_values:
                calls.append(partial(code.compiled_code["run"].main, code.namespace))
            else:
                calls.append(code)
    return calls
