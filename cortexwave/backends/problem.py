"""What an engine gets (Problem), what it gives (Block), and the order of a step.

The step contract, kept by every engine. At step n: read the n-th sample of the
drive; push the couplings' sources into their rings; compute every coupling once,
from states at or before step n (delay 0 is this step's state); update; go to n + 1.
Sample 0 is the initial state. The past before sample 0 is its value at sample 0.

"euler" takes all rates from the state at step n. "semi_implicit" updates the states
in their order, each seeing those already updated. Noise is added last, scaled by
sqrt(dt), the same on every engine. N steps recorded every m give floor(N/m) + 1
frames; frame j is the state after j m steps, with the couplings and the drive that
the next step would use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from cortexwave.sheet.drive import Drive
from cortexwave.sheet.expressions import FUNCTIONS, evaluate
from cortexwave.sheet.kernels import Taps
from cortexwave.sheet.lattice import Lattice
from cortexwave.sheet.spec import ModelSpec

Dtype = Literal["float64", "float32"]


@dataclass(frozen=True)
class Lateral:
    """A coupling as numbers: source (text), taps, gains before and after the sum.

    Gains have shape (feature, y, x); None is 1 everywhere.
    """

    name: str
    source: str
    taps: Taps
    before: np.ndarray | None = None
    after: np.ndarray | None = None


@dataclass(frozen=True)
class Problem:
    """A simulation as numbers in base units (s, mm): no text but the model's own.

    `parameters` are floats or arrays (feature, y, x), `initial` arrays
    (feature, y, x); `noise` is the standard deviation per sqrt(s) of states that
    have noise, float or array. `every` is steps per frame, `block_frames` frames
    per block, `record` the recorded names.
    """

    spec: ModelSpec
    lattice: Lattice
    dt: float
    steps: int
    every: int
    parameters: Mapping[str, float | np.ndarray]
    functions: Mapping[str, str]
    couplings: tuple[Lateral, ...]
    initial: Mapping[str, np.ndarray]
    noise: Mapping[str, float | np.ndarray]
    drive: Drive
    record: tuple[str, ...]
    trials: int = 1
    seed: int = 0
    block_frames: int = 128
    dtype: Dtype = "float64"
    engine_noise: bool = False  # draw noise on the device: faster, its own stream

    @property
    def frames(self) -> int:
        """Frames per trial."""
        return self.steps // self.every + 1

    @property
    def constants(self) -> dict[str, float | np.ndarray]:
        """Parameters, and the names that stand for the sheet in equations."""
        return {**self.parameters, "spacing": self.lattice.spacing}

    @property
    def named_functions(self) -> dict[str, Any]:
        """The listed functions in NumPy, and what the model's own names stand for."""
        own = {name: FUNCTIONS[choice] for name, choice in self.functions.items()}
        return {**FUNCTIONS, **own}


@dataclass(frozen=True)
class State:
    """All that a run needs to go on: where it is, its states, and their past.

    `past[coupling]` has shape (age, feature, y, x), the source's value (gain
    applied) 1, 2, ... steps before `step`; length is the coupling's depth.
    Everything else (drive, noise) follows from trial and step.
    """

    trial: int
    step: int
    states: Mapping[str, np.ndarray]
    past: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Block:
    """Frames of one trial: `frames[name]` has shape (frame, feature, y, x).

    `first` is the place of the first frame in its trial; `end` is the state at the
    last frame, from which the run can go on.
    """

    trial: int
    first: int
    frames: Mapping[str, np.ndarray]
    end: State


class Engine(Protocol):
    """What a backend implements; `blocks_of` does the rest, the same for all.

    `couple` reads the drive and computes the couplings of the present step (calling
    it twice changes nothing); `update` goes on to the next step, adding noise.
    `empty` makes a buffer of (frame, feature, y, x), `value` gives a recordable's
    present value to be stored into one, `host` makes a finished buffer NumPy.
    """

    def load(self, state: State) -> None: ...
    def couple(self) -> None: ...
    def update(self) -> None: ...
    def value(self, name: str) -> Any: ...
    def empty(self, frames: int) -> Any: ...
    def host(self, buffer: Any) -> np.ndarray: ...
    def state(self) -> State: ...


def blocks_of(problem: Problem, engine: Engine, start: State | None) -> Iterator[Block]:
    """Run all trials of a problem and yield their frames block by block.

    `start` is the `end` of the last block that was kept; its own frame is not
    yielded again.
    """
    for trial in range(start.trial if start else 0, problem.trials):
        resumed = start is not None and start.trial == trial
        state = start if resumed and start else initial_state(problem, trial)
        engine.load(state)
        next_frame = state.step // problem.every + 1 if resumed else 0
        while next_frame < problem.frames:
            count = min(problem.block_frames, problem.frames - next_frame)
            buffers = {name: engine.empty(count) for name in problem.record}
            for kept in range(count):
                if next_frame + kept > 0:
                    for _ in range(problem.every):
                        engine.couple()
                        engine.update()
                engine.couple()
                for name, buffer in buffers.items():
                    buffer[kept] = engine.value(name)
            frames = {name: engine.host(buffer) for name, buffer in buffers.items()}
            yield Block(trial, next_frame, frames, engine.state())
            next_frame += count


def initial_state(problem: Problem, trial: int) -> State:
    """Sample 0 of a trial, and the past before it: sources at their first value."""
    states = {name: np.array(problem.initial[name], dtype=np.float64)
              for name in problem.spec.states}  # fmt: skip
    past = {}
    for lateral in problem.couplings:
        source = source_of(problem, lateral, states)
        past[lateral.name] = np.repeat(source[None], lateral.taps.depth, axis=0)
    return State(trial, 0, states, past)


def source_of(
    problem: Problem, lateral: Lateral, states: Mapping[str, np.ndarray]
) -> np.ndarray:
    """What a coupling sends, (feature, y, x): its source times the gain before."""
    values = {**problem.constants, **states}
    source = evaluate(lateral.source, values, problem.named_functions)
    source = np.broadcast_to(source, problem.lattice.field_shape)
    return source if lateral.before is None else lateral.before * source


def noise_of(problem: Problem, trial: int, step: int) -> dict[str, np.ndarray]:
    """Standard normal noise of a step for each noisy state, (feature, y, x).

    Philox keyed by (seed, trial) with the step as the high word of its counter: any
    step can be drawn by itself, the same for every engine, and nothing of a
    generator needs saving (Salmon et al. 2011, SC11).
    """
    names = [name for name in problem.spec.states if name in problem.noise]
    if not names:
        return {}
    bits = np.random.Philox(key=[problem.seed, trial], counter=[0, 0, 0, step])
    draw = np.random.Generator(bits).standard_normal(
        (len(names), *problem.lattice.field_shape)
    )
    return dict(zip(names, draw, strict=True))
