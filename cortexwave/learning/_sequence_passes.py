"""The two passes over a sequence, step by step on slots: forward, and back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from cortexwave.learning._sequence_layout import Layout, Slots, backwards
from cortexwave.learning._sequence_memory import lent

_IN_CACHE = 2**20  # bytes of slots where no history is kept

_APPLY = {
    "relu": torch.relu_,
    "tanh": torch.tanh_,
    "sigmoid": torch.sigmoid_,
    "identity": lambda x: x,
}
_aten = torch.ops.aten


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
        """Steps between two states that are remembered for the way back."""
        return kept_every(self.layout, self.steps, self.budget, self.u.element_size())

    def drive(self) -> Tensor:
        """[V, bias] as (site * feature, input + 1)."""
        fields = torch.cat([self.V, self.bias[None]])
        return self.layout.spread(fields).t().contiguous()

    def drives(self, first: int, count: int) -> Tensor:
        """[x, 1] of some steps as (step, input + 1, batch)."""
        x = self.inputs[:, first : first + count].permute(1, 2, 0)
        out = x.new_ones(x.shape[0], x.shape[1] + 1, x.shape[2])
        out[:, :-1] = x
        return out

    def chunks(self, every: int) -> Iterator[tuple[int, int]]:
        """(first step, steps) of the pieces of the sequence."""
        for first in range(0, self.steps, every):
            yield first, min(every, self.steps - first)


def kept_every(layout: Layout, steps: int, budget: int, itemsize: int) -> int:
    """All steps if their states fit the budget, else about the root of them."""
    if (steps + 1) * layout.numbers * itemsize <= budget:
        return steps
    return math.isqrt(steps - 1) + 1


def remembered(layout: Layout, steps: int, budget: int, itemsize: int) -> int:
    """Slots that the forward pass leaves to the way back."""
    every = kept_every(layout, steps, budget, itemsize)
    return steps + 1 if every == steps else -(-steps // every)


def advance(
    run: Sequence, slots: Slots, tables: Tables, first: int, count: int
) -> None:
    """States of `count` steps into slots 0.., from the state in the last slot."""
    apply = _APPLY[run.activation]
    whole, sums, windows, ghosts = slots.whole, slots.sums, slots.windows, slots.ghosts
    before = len(whole) - 1
    for now, x in enumerate(run.drives(first, count).unbind()):
        torch.mm(tables.drive, x, out=whole[now])
        here = sums[now]
        for band, window in zip(tables.bands, windows, strict=True):
            here.baddbmm_(band, window[before])
        apply(here)
        for into, source in ghosts:
            if source is None:
                into[now].zero_()
            else:
                into[now].copy_(source[now])
        before = now


@dataclass(frozen=True)
class Tables:
    """Weights laid out for the products of a step forward."""

    drive: Tensor
    bands: list[Tensor]

    @staticmethod
    def of(run: Sequence, slots: Slots) -> Tables:
        return Tables(run.drive(), _for_blocks(run.layout.bands(run.u), slots.sums))


def _for_blocks(bands: list[Tensor], sums: list[Tensor]) -> list[Tensor]:
    return [band.expand(len(sums[0]), -1, -1) for band in bands]


@dataclass(frozen=True)
class Passed:
    """What a forward pass gives; None where nothing was asked."""

    last: Tensor
    read: Tensor | None  # (batch, time, output), without bias
    courses: Tensor | None
    states: Tensor | None
    saved: Tensor | None  # (slot, number)


def forward(
    run: Sequence, start: Tensor | None, *, keep_states: bool, remember: bool
) -> Passed:
    """One pass; `remember` what the way back needs."""
    layout, like = run.layout, run.inputs
    whole = remember and run.kept == run.steps
    if whole:
        every, length = run.steps, run.steps + 1
    elif remember:
        every = length = run.kept
    else:
        slot = layout.numbers * like.element_size()
        every = length = max(2, min(32, _IN_CACHE // slot))
    slots = Slots(layout, lent((length, layout.numbers), like))
    tables = Tables.of(run, slots)
    slots.whole[-1].zero_()
    if start is not None:
        slots.sheets[-1].copy_(start)
        _fill(slots, length - 1)

    batch, features = layout.batch, layout.features
    saved = None
    if remember and not whole:
        saved = lent((-(-run.steps // every), layout.numbers), like)
    states = None
    if keep_states:
        states = like.new_empty(batch, run.steps, features, *layout.shape)
    read = weights = None
    if run.readout is not None:
        read = like.new_empty(batch, run.steps, len(run.readout))
        weights = layout.spread(run.readout)  # (output, site * feature)
    projected = None
    if run.courses is not None:
        projected = like.new_zeros(len(run.courses), layout.numbers)

    count = 0
    for piece, (first, count) in enumerate(run.chunks(every)):
        if saved is not None:
            saved[piece].copy_(slots.memory[-1])
        advance(run, slots, tables, first, count)
        if read is not None and weights is not None:
            lines = like.new_empty(count, len(weights), batch)
            for now, line in enumerate(lines.unbind()):
                torch.mm(weights, slots.whole[now], out=line)
            read[:, first : first + count] = lines.permute(2, 0, 1)
        if run.courses is not None and projected is not None:
            shares = run.courses[:, first : first + count]
            projected.addmm_(shares, slots.memory[:count])
        if states is not None:
            states[:, first : first + count] = layout.states(slots.memory[:count])
    return Passed(
        last=slots.sheets[count - 1].clone(memory_format=torch.contiguous_format),
        read=read,
        courses=None if projected is None else layout.states(projected).contiguous(),
        states=states,
        saved=slots.memory if whole else saved,
    )


def _fill(slots: Slots, at: int) -> None:
    for into, source in slots.ghosts:
        if source is None:
            into[at].zero_()
        else:
            into[at].copy_(source[at])


@dataclass(frozen=True)
class Arriving:
    """Gradients of a loss by what a pass gave; None where it does not depend on it."""

    last: Tensor | None
    read: Tensor | None
    courses: Tensor | None
    states: Tensor | None


@dataclass(frozen=True)
class Wanted:
    """Of which arguments the gradient is asked."""

    inputs: bool
    u: bool
    drive: bool
    start: bool
    readout: bool
    courses: bool


@dataclass(frozen=True)
class Gradients:
    """Gradients by the arguments, in their shapes; None where not asked."""

    inputs: Tensor | None
    u: Tensor | None
    V: Tensor | None
    bias: Tensor | None
    start: Tensor | None
    readout: Tensor | None
    courses: Tensor | None


def backward(
    run: Sequence, saved: Tensor, arriving: Arriving, wanted: Wanted
) -> Gradients:
    """Back from the end, over what the forward pass remembered."""
    back = _Back(run, arriving, wanted)
    every = run.kept
    if every == run.steps:
        back.over(Slots(run.layout, saved), 0, run.steps)
        return back.gradients()
    slots = Slots(run.layout, lent((every + 1, run.layout.numbers), run.inputs))
    tables = Tables.of(run, slots)
    for piece, (first, count) in reversed(list(enumerate(run.chunks(every)))):
        slots.memory[-1].copy_(saved[piece])
        advance(run, slots, tables, first, count)
        back.over(slots, first, count)
    return back.gradients()


class _Back:
    """The gradient on its way back: delta of the last step seen, and sums so far.

    delta_t = f'(h_t) (what arrives at t + u turned round * delta_{t+1}), as slots.
    """

    def __init__(self, run: Sequence, arriving: Arriving, wanted: Wanted):
        self.run, self.arriving, self.wanted = run, arriving, wanted
        self.layout, like = run.layout, run.inputs
        layout = self.layout
        self.slots = Slots(layout, lent((2, layout.numbers), like))
        self.slots.memory.zero_()
        self.bands = _for_blocks(layout.bands(backwards(run.u)), self.slots.sums_beyond)
        self.now = 0  # the slot of the last delta

        wide = layout.sites * layout.features
        blocks, height = self.slots.sums[0].shape[:2]
        across = self.slots.windows[0][0].shape[1]
        self.u_sums = [like.new_zeros(blocks, height, across) for _ in self.bands]
        self.u_total = like.new_zeros(
            layout.kernel[0], height, across, dtype=torch.float64
        )
        count = run.inputs.shape[2]
        self.drive_sum = like.new_zeros(wide, count + 1)
        self.drive_total = like.new_zeros(wide, count + 1, dtype=torch.float64)
        self.inputs = like.new_empty(run.inputs.shape) if wanted.inputs else None
        self.V = layout.spread(run.V) if wanted.inputs else None
        self.readout = self.readout_sum = None
        if run.readout is not None and arriving.read is not None:
            self.readout = layout.spread(run.readout).t().contiguous()
            self.readout_sum = like.new_zeros(len(run.readout), wide)
        self.courses = self.courses_sum = None
        if run.courses is not None and arriving.courses is not None:
            fields = arriving.courses.permute(1, 3, 4, 2, 0)  # (course, y, x, f, batch)
            self.courses = like.new_zeros(len(run.courses), layout.numbers)
            layout.states(self.courses).copy_(fields.permute(4, 0, 3, 1, 2))
            self.courses_sum = torch.zeros_like(run.courses)

    def over(self, states: Slots, first: int, count: int) -> None:
        """`count` steps, last to first; the state before them is in the last slot."""
        run, wanted = self.run, self.wanted
        drives = run.drives(first, count).transpose(1, 2).unbind()
        read = None
        if self.readout is not None:
            piece = self.arriving.read[:, first : first + count]  # type: ignore[index]
            read = piece.permute(1, 2, 0).contiguous().unbind()  # (output, batch)
        back = None
        if self.inputs is not None:
            back = self.inputs.new_empty(count, run.inputs.shape[2], self.layout.batch)
        for at in range(count - 1, -1, -1):
            self._step(states, first + at, at, None if read is None else read[at])
            delta, sums = self.slots.whole[self.now], self.slots.sums[self.now]
            if wanted.u:
                before = at - 1  # -1 is the last slot
                for total, window in zip(self.u_sums, states.windows, strict=True):
                    total.baddbmm_(sums, window[before].transpose(1, 2))
            if wanted.drive:
                self.drive_sum.addmm_(delta, drives[at])
            if back is not None:
                torch.mm(self.V, delta, out=back[at])
            if wanted.readout and read is not None:
                self.readout_sum.addmm_(read[at], states.whole[at].t())  # type: ignore[union-attr]
            if wanted.courses and self.courses is not None:
                self.courses_sum[:, first + at] = self.courses @ states.memory[at]  # type: ignore[index]
            for into, source in self.slots.ghosts_back:
                into[self.now].copy_(source[self.now])  # type: ignore[index]
        if back is not None:
            self.inputs[:, first : first + count] = back.permute(2, 0, 1)  # type: ignore[index]
        self._put_by()

    def _step(self, states: Slots, step: int, at: int, read: Tensor | None) -> None:
        """delta of a step, from that of the step after it."""
        slots, arriving, final = self.slots, self.arriving, self.run.steps - 1
        old, new = self.now, 1 - self.now
        summing = True
        if read is not None:
            torch.mm(self.readout, read, out=slots.whole[new])
        elif step == final or self.courses is not None or arriving.states is not None:
            slots.whole[new].zero_()
        else:
            summing = False
        if self.courses is not None:
            share = self.run.courses[:, step][None]  # type: ignore[index]
            slots.memory[new][None].addmm_(share, self.courses)
        if arriving.states is not None:
            slots.sheets[new].add_(arriving.states[:, step])
        if step == final and arriving.last is not None:
            slots.sheets[new].add_(arriving.last)
        if step < final:
            self._carry(old, new, summing=summing)
        _slope(self.run.activation, slots.sums[new], states.sums[at])
        for ghost in slots.cleared:
            ghost[new].zero_()
        self.now = new

    def _carry(self, old: int, new: int, *, summing: bool) -> None:
        """What delta in slot `old` says of the state before, in or added to `new`."""
        into, beta = self.slots.sums_beyond[new], float(summing)
        for band, window in zip(self.bands, self.slots.windows_beyond, strict=True):
            into.baddbmm_(band, window[old], beta=beta)
            beta = 1.0
        for onto, beyond in self.slots.folds:
            onto[new].add_(beyond[new])

    def _put_by(self) -> None:
        """Add the sums of a chunk to the totals, which are float64."""
        for total, part in zip(self.u_total, self.u_sums, strict=True):
            total += part.sum(dim=0, dtype=torch.float64)
            part.zero_()
        self.drive_total += self.drive_sum
        self.drive_sum.zero_()

    def gradients(self) -> Gradients:
        run, layout, wanted = self.run, self.layout, self.wanted
        u = V = bias = start = readout = None
        if wanted.u:
            u = layout.kernel_of(self.u_total.unbind()).to(run.u.dtype).contiguous()
        if wanted.drive:
            fields = layout.gathered(self.drive_total.t()).to(run.V.dtype)
            V, bias = fields[:-1].contiguous(), fields[-1].contiguous()
        if wanted.start:
            self._carry(self.now, 1 - self.now, summing=False)
            start = self.slots.sheets[1 - self.now].clone(
                memory_format=torch.contiguous_format
            )
        if wanted.readout and self.readout_sum is not None:
            readout = layout.gathered(self.readout_sum).contiguous()
        return Gradients(
            self.inputs, u, V, bias, start, readout,
            self.courses_sum if wanted.courses else None,
        )  # fmt: skip


def _slope(activation: str, delta: Tensor, h: Tensor) -> None:
    """Multiply delta by f' at the states, which h itself tells."""
    if activation == "relu":
        _aten.threshold_backward.grad_input(delta, h, 0, grad_input=delta)
    elif activation == "tanh":
        _aten.tanh_backward.grad_input(delta, h, grad_input=delta)
    elif activation == "sigmoid":
        _aten.sigmoid_backward.grad_input(delta, h, grad_input=delta)
