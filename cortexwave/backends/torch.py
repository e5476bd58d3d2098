"""Sheets on torch, on any device in float64 or float32, without work per tap in a step.

A kernel that is the product of a profile along y and one along x becomes two small
matrices; one with few taps is gathered; any other is multiplied in the spectrum, with
a ring of past spectra if it has delays. Which one is decided by size alone, never by
timing, so that a resumed run repeats the same arithmetic: on a CPU with the same
number of threads it is bit-identical. TF32 is used only where the caller has
switched it on in torch.

While a block is computed, denormal numbers count as 0 in this thread (they slow a
step tenfold and lie 290 decades below anything compared); afterwards as before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from cortexwave.backends._grouping import Group
from cortexwave.backends._operations import (
    Add,
    Apply,
    Blend,
    Combine,
    Increase,
    Mix,
    Operation,
)
from cortexwave.backends._step_plan import step_plan
from cortexwave.backends._torch_lateral import LateralSum, lateral_sum
from cortexwave.backends.problem import Block, Problem, State, blocks_of, noise_of
from cortexwave.devices import denormals_flushed, torch_device

Task = Callable[[], Any]

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "relu": partial(torch.clamp, min=0.0),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "step": lambda x, out: torch.gt(x, 0.0, out=out),
    "sin": torch.sin,
    "cos": torch.cos,
    "exp": torch.exp,
    "sqrt": torch.sqrt,
    "abs": torch.abs,
}
_COMBINE = {"multiply": torch.mul, "divide": torch.div, "power": torch.pow}


def blocks(
    problem: Problem, start: State | None = None, *, device: str = "cpu"
) -> Iterator[Block]:
    """Blocks of frames of a problem, from its start or from a state.

    Raises `InputError` if the device is not there or lacks the problem's dtype.
    """
    where = torch_device(device, problem.dtype)
    return _blocks(problem, start, where)


def _blocks(
    problem: Problem, start: State | None, device: torch.device
) -> Iterator[Block]:
    with torch.inference_mode():
        frames = blocks_of(problem, _Sheet(problem, device), start)
    while True:
        with torch.inference_mode(), denormals_flushed():
            block = next(frames, None)
        if block is None:
            return
        yield block


class _Sheet:
    """The engine: rows of variables over all sites, and the tasks of a step."""

    def __init__(self, problem: Problem, device: torch.device):
        self.problem, self.device = problem, device
        self.dtype = getattr(torch, problem.dtype)
        self.plan = plan = step_plan(problem)
        shape = problem.lattice.field_shape
        self.rows = self.zeros(plan.rows, int(np.prod(shape)))
        for row, values in plan.fixed.items():
            self.rows[row] = self._whole(values)
        self.noise = {name: self._whole(value * np.sqrt(problem.dt))
                      for name, value in problem.noise.items()}  # fmt: skip
        self.generator = torch.Generator(device)
        self.sums = [
            self._summed(group, read)
            for group, read in zip(plan.groups, plan.read, strict=True)
        ]
        self.coupling = [*self._tasks(plan.sources)]
        for group, summed in zip(plan.groups, self.sums, strict=True):
            self.coupling += [*summed.tasks, *self._gains_after(group)]
        self.updating = [*self._tasks(plan.update)]

    def _summed(self, group: Group, read: slice) -> LateralSum:
        first = self.plan.row[group.names[0]]
        out = self.rows[first : first + len(group.names)]
        return lateral_sum(group, self.problem.lattice, self.rows[read], out)

    def _gains_after(self, group: Group) -> Iterator[Task]:
        for lateral in group.laterals:
            if lateral.after is not None:
                row = self.rows[self.plan.row[lateral.name]]
                yield partial(row.mul_, self._whole(lateral.after))

    def _whole(self, values: Any) -> torch.Tensor:
        shape = self.problem.lattice.field_shape
        return self.tensor(np.broadcast_to(values, shape)).reshape(-1)

    def tensor(self, values: Any) -> torch.Tensor:
        """Values on the device, in the dtype of the computation from the start."""
        return torch.tensor(values, dtype=self.dtype, device=self.device)

    def zeros(self, *shape: int) -> torch.Tensor:
        """Zeros on the device in the dtype of the computation."""
        return torch.zeros(shape, dtype=self.dtype, device=self.device)

    def load(self, state: State) -> None:
        self.trial, self.step = state.trial, state.step
        self.drive = self.problem.drive.trial(state.trial)
        for name, value in state.states.items():
            self.rows[self.plan.row[name]] = self.tensor(value).reshape(-1)
        for group, summed in zip(self.plan.groups, self.sums, strict=True):
            past = np.stack([state.past[name] for name in group.names], axis=1)
            summed.load(self.tensor(past).flatten(2))
        self.shown: dict[str, np.ndarray | None] = dict.fromkeys(self.plan.driven)
        for name in self.plan.driven:
            self.rows[self.plan.row[name]] = 0.0
        self.coupled = False

    def state(self) -> State:
        states = {
            name: self.host(self.value(name)).copy()
            for name in self.problem.spec.states
        }
        shape, past = self.problem.lattice.field_shape, {}
        for group, summed in zip(self.plan.groups, self.sums, strict=True):
            kept = self.host(summed.past())  # (age, coupling, site)
            for place, name in enumerate(group.names):
                past[name] = kept[:, place].reshape(len(kept), *shape).copy()
        past |= {name: past[first] for name, first in self.plan.same.items()}
        return State(self.trial, self.step, states, past)

    def couple(self) -> None:
        if self.coupled:
            return
        for name in self.plan.driven:
            sample = self.drive.at(name, self.step)
            if sample is not self.shown[name]:
                values = 0.0 if sample is None else self.tensor(sample).reshape(-1)
                self.rows[self.plan.row[name]] = values
                self.shown[name] = sample
        for task in self.coupling:
            task()
        self.coupled = True

    def update(self) -> None:
        for task in self.updating:
            task()
        if self.noise:
            self._add_noise()
        for summed in self.sums:
            summed.advance()
        self.step += 1
        self.coupled = False

    def _add_noise(self) -> None:
        if self.problem.engine_noise:
            # Keyed by the step, so that it needs no saving either. A CPU generator
            # takes 32 bits of the key, a GPU's all.
            key = np.random.SeedSequence((self.problem.seed, self.trial, self.step))
            self.generator.manual_seed(int(key.generate_state(1, np.uint64)[0]) >> 1)
            drawn = torch.randn(
                (len(self.noise), self.rows.shape[1]), generator=self.generator,
                dtype=self.dtype, device=self.device,
            )  # fmt: skip
            normals = dict(zip(self.noise, drawn, strict=True))
        else:
            host = noise_of(self.problem, self.trial, self.step)
            normals = {name: torch.from_numpy(draw).reshape(-1)
                       .to(self.dtype).to(self.device)
                       for name, draw in host.items()}  # fmt: skip
        for name, normal in normals.items():
            self.rows[self.plan.row[name]].addcmul_(normal, self.noise[name])

    def value(self, name: str) -> torch.Tensor:
        shape = self.problem.lattice.field_shape
        if name not in self.plan.row:  # a drive that nothing feeds
            return self.zeros(*shape)
        return self.rows[self.plan.row[name]].view(shape)

    def empty(self, frames: int) -> torch.Tensor:
        return self.zeros(frames, *self.problem.lattice.field_shape)

    def host(self, buffer: torch.Tensor) -> np.ndarray:
        return buffer.cpu().numpy()

    def _tasks(self, operations: Sequence[Operation]) -> Iterator[Task]:
        """What to call for each operation of a plan, in order."""
        rows = self.rows
        for operation in operations:
            match operation:
                case Mix(out, weights, read):
                    yield partial(
                        torch.mm, self.tensor(weights), rows[read], out=rows[out]
                    )
                case Apply(function, out, read):
                    yield partial(_FUNCTIONS[function], rows[read], out=rows[out])
                case Combine(name, out, left, right):
                    other = rows[right] if isinstance(right, int) else right
                    yield partial(_COMBINE[name], rows[left], other, out=rows[out])
                case Blend(out, towards, weights):
                    yield partial(
                        torch.lerp, rows[out], rows[towards], self.tensor(weights),
                        out=rows[out],
                    )  # fmt: skip
                case Increase(out, by):
                    yield partial(rows[out].add_, rows[by])
                case Add():
                    yield from self._additions(operation)

    def _additions(self, operation: Add) -> Iterator[Task]:
        out, terms = self.rows[operation.out], list(operation.terms)
        if not operation.onto:
            match terms:
                case []:
                    yield partial(out.fill_, operation.constant)
                    return
                case [(one, 1.0), (other, weight), *terms]:
                    yield partial(torch.add, self.rows[one], self.rows[other],
                                  alpha=weight, out=out)  # fmt: skip
                case [(row, weight), *terms]:
                    yield partial(torch.mul, self.rows[row], weight, out=out)
        for row, weight in terms:
            yield partial(out.add_, self.rows[row], alpha=weight)
        if operation.constant:
            yield partial(out.add_, operation.constant)
