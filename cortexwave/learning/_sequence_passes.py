"""A sequence on its way forward: step by step, one tile of the batch at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cortexwave.learning._sequence_layout import Layout, Slots
from cortexwave.learning._sequence_memory import lent

_TILE = 2**22  # bytes of a slot: what two passes go through stays in the cache
_NARROW = 32  # sequences of a tile at least
_IN_CACHE = 2**20  # bytes of slots where no history is kept

_APPLY = {
    "relu": torch.relu_,
    "tanh": torch.tanh_,
    "sigmoid": torch.sigmoid_,
    "identity": lambda x: x,
}


@dataclass(frozen=True)
class Sequence:
    """What a pass is about; shapes as in `sequence_op.run_sequence`."""

    layout: Layout
    inputs: Tensor
    u: Tensor
    V: Tensor
    bias: Tensor
    activation: str
    readout: Tensor | None
    courses: Tensor | None
    budget: int

    @property
    def steps(self) -> int:
        return self.inputs.shape[1]

    @property
    def kept(self) -> int:
        """Steps from one state remembered for the way back to the next.

        Every state if they fit the budget, else every ~sqrt(steps)-th.
        """
        size = self.layout.numbers * self.inputs.element_size()
        if (self.steps + 1) * size <= self.budget:
            return 1
        return math.isqrt(self.steps - 1) + 1

    @property
    def slots(self) -> int:
        """Slots that the forward pass leaves to the way back."""
        every = self.kept
        return self.steps + 1 if every == 1 else -(-self.steps // every)

    @property
    def saved(self) -> int:
        """Numbers that the forward pass leaves to the way back."""
        return sum(self.slots * one.layout.numbers for one, _ in self.tiles())

    def tiles(self) -> Iterator[tuple[Sequence, slice]]:
        """The sequence for a part of the batch each, and which part.

        The width is decided by size alone, so that the arithmetic is always the same.
        """
        batch = self.layout.batch
        column = self.layout.numbers // batch * self.inputs.element_size()
        width = max(_NARROW, _TILE // column // 16 * 16)
        if self.inputs.device.type != "cpu":
            width = batch
        width = -(-batch // -(-batch // width))
        for first in range(0, batch, width):
            part = slice(first, min(first + width, batch))
            layout = replace(self.layout, batch=part.stop - first)
            yield replace(self, layout=layout, inputs=self.inputs[part]), part

    def drive(self) -> Tensor:
        """[V, bias] as (site * feature, input + 1)."""
        fields = torch.cat([self.V, self.bias[None]])
        return self.layout.spread(fields).t().contiguous()

    def drives(self, first: int, count: int) -> Tensor:
        """[x, 1] of some steps as (step, input + 1, batch)."""
        x = self.inputs[:, first : first + count].permute(1, 2, 0)
        out = x.new_empty(x.shape[0], x.shape[1] + 1, x.shape[2])
        out[:, :-1] = x
        out[:, -1] = 1.0
        return out

    def chunks(self, every: int) -> Iterator[tuple[int, int]]:
        """(first step, steps) of the pieces of the sequence."""
        for first in range(0, self.steps, every):
            yield first, min(every, self.steps - first)


@dataclass(frozen=True)
class Step:
    """Weights laid out for the products of a step forward."""

    drive: Tensor
    bands: list[Tensor]

    @staticmethod
    def of(run: Sequence, slots: Slots) -> Step:
        return Step(run.drive(), for_blocks(run.layout.bands(run.u), slots))


def for_blocks(bands: list[Tensor], slots: Slots) -> list[Tensor]:
    return [band.expand(len(slots.sums[0]), -1, -1) for band in bands]


def advance(run: Sequence, slots: Slots, step: Step, first: int, count: int) -> None:
    """States of `count` steps into slots 0.., from the state in the last slot."""
    apply, bands, drive = _APPLY[run.activation], step.bands, step.drive
    whole, sums, windows, ghosts = slots.whole, slots.sums, slots.windows, slots.ghosts
    before = len(whole) - 1
    for now, x in enumerate(run.drives(first, count).unbind()):
        torch.mm(drive, x, out=whole[now])
        here = sums[now]
        for band, window in zip(bands, windows, strict=True):
            here.baddbmm_(band, window[before])
        apply(here)
        for into, source in ghosts:
            if source is None:
                into[now].zero_()
            else:
                into[now].copy_(source[now])
        before = now


@dataclass(frozen=True)
class Passed:
    """What a forward pass fills; None where nothing was asked."""

    last: Tensor
    read: Tensor | None  # (batch, time, output)
    courses: Tensor | None
    states: Tensor | None
    saved: Tensor | None  # flat: tile after tile, each slot after slot

    @staticmethod
    def empty(run: Sequence, *, keep_states: bool) -> Passed:
        """What there is to fill, but for `saved`.

        `read` has the batch innermost in memory, as it comes; so has `last` beside it,
        which hardly anybody looks at then: not turned round for nothing.
        """
        like, batch, steps = run.inputs, run.layout.batch, run.steps
        features, ny, nx = run.bias.shape
        last = like.new_empty(batch, features, ny, nx)
        read = courses = states = None
        if run.readout is not None:
            last = like.new_empty(ny, nx, features, batch).permute(3, 2, 0, 1)
            read = like.new_empty(steps, run.readout.shape[0], batch).permute(2, 0, 1)
        if run.courses is not None:
            courses = like.new_empty(batch, run.courses.shape[0], features, ny, nx)
        if keep_states:
            states = like.new_empty(batch, steps, features, ny, nx)
        return Passed(last, read, courses, states, None)


def forward(
    run: Sequence,
    start: Tensor | None,
    readout_bias: Tensor | None,
    *,
    keep_states: bool,
    remember: bool,
) -> Passed:
    """One pass; `remember` what the way back needs."""
    passed = Passed.empty(run, keep_states=keep_states)
    if remember:
        passed = replace(passed, saved=lent((run.saved,), run.inputs))
    at = 0
    for tile, part in run.tiles():
        saved = None
        if passed.saved is not None:
            numbers = run.slots * tile.layout.numbers
            saved = passed.saved[at : at + numbers]
            at += numbers
        into = Passed(
            passed.last[part],
            None if passed.read is None else passed.read[part],
            None if passed.courses is None else passed.courses[part],
            None if passed.states is None else passed.states[part],
            saved,
        )
        _forward(tile, None if start is None else start[part], readout_bias, into)
    return passed


def _forward(
    run: Sequence, start: Tensor | None, readout_bias: Tensor | None, into: Passed
) -> None:
    """One tile. Where no history is kept, a few slots are used again and again."""
    layout, like = run.layout, run.inputs
    checkpoints = None
    if into.saved is not None and run.kept == 1:
        every = run.steps
        memory = into.saved
    else:
        every = _in_turn(run)
        if into.saved is not None:
            every = run.kept
            checkpoints = into.saved.view(-1, layout.numbers)
        memory = lent((every, layout.numbers), like)
    slots = Slots(layout, memory)
    step = Step.of(run, slots)
    slots.whole[-1].zero_()
    if start is not None:
        slots.sheet(-1).copy_(start)
        for onto, source in slots.ghosts:
            onto[-1].zero_() if source is None else onto[-1].copy_(source[-1])

    weights = projected = None
    if run.readout is not None:
        weights = layout.spread(run.readout)  # (output, site * feature)
    if run.courses is not None:
        projected = like.new_zeros(len(run.courses), layout.numbers)
    count = 0
    for piece, (first, count) in enumerate(run.chunks(every)):
        if checkpoints is not None:
            checkpoints[piece].copy_(slots.memory[-1])
        advance(run, slots, step, first, count)
        if into.read is not None and weights is not None:
            lines = into.read[:, first : first + count].permute(1, 2, 0)
            for line, whole in zip(lines.unbind(), slots.whole, strict=False):
                torch.mm(weights, whole, out=line)  # (output, batch)
            if readout_bias is not None:
                lines += readout_bias[:, None]
        if run.courses is not None and projected is not None:
            shares = run.courses[:, first : first + count]
            projected.addmm_(shares, slots.memory[:count])
        if into.states is not None:
            states = layout.states(slots.memory[:count])
            into.states[:, first : first + count] = states
    into.last.copy_(slots.sheet(count - 1))
    if into.courses is not None and projected is not None:
        into.courses.copy_(layout.states(projected))


def _in_turn(run: Sequence) -> int:
    """How many slots are used in turn where no history is kept."""
    size = run.layout.numbers * run.inputs.element_size()
    return max(2, min(32, _IN_CACHE // size))
