"""A sequence on its way back: the gradient of what a forward pass gave.

delta_t = f'(h_t) (what arrives at t + u turned round * delta_{t+1}) lies in slots as
the states do; every gradient is a sum of products of deltas and states or inputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cortexwave.learning._sequence_layout import Slots, backwards
from cortexwave.learning._sequence_memory import lent
from cortexwave.learning._sequence_passes import Sequence, Step, advance

_aten = torch.ops.aten


@dataclass(frozen=True)
class Arriving:
    """Gradients of a loss by what a pass gave; None where it does not depend on it."""

    last: Tensor | None
    read: Tensor | None
    courses: Tensor | None
    states: Tensor | None

    def of(self, part: slice) -> Arriving:
        """That of a part of the batch."""
        given = (self.last, self.read, self.courses, self.states)
        return Arriving(*(None if one is None else one[part] for one in given))


@dataclass(frozen=True)
class Wanted:
    """Of which arguments the gradient is asked; `drive` is V and bias."""

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
    like, state = run.inputs, run.bias.shape
    inputs = torch.empty_like(like, memory_format=torch.contiguous_format)
    start = like.new_empty(len(like), *state) if wanted.start else None
    sums: list[Tensor | None] = [None] * 5
    at = 0
    for tile, part in run.tiles():
        numbers = run.slots * tile.layout.numbers
        into = (inputs[part] if wanted.inputs else None,
                None if start is None else start[part])  # fmt: skip
        back = _Back(tile, arriving.of(part), wanted, *into)
        back.through(saved[at : at + numbers])
        at += numbers
        sums = [new if old is None else old + new if new is not None else None
                for old, new in zip(sums, back.sums(), strict=True)]  # fmt: skip
    u, V, bias, readout, courses = sums
    return Gradients(
        inputs if wanted.inputs else None, u, V, bias, start, readout, courses
    )


class _Back:
    """One tile on its way back: the last delta, and the sums so far."""

    def __init__(
        self,
        run: Sequence,
        arriving: Arriving,
        wanted: Wanted,
        inputs: Tensor | None,
        start: Tensor | None,
    ):
        self.run, self.arriving, self.wanted = run, arriving, wanted
        self.inputs, self.start = inputs, start
        self.layout, like = run.layout, run.inputs
        layout, outputs = self.layout, run.readout
        self.slots = Slots(layout, lent((2, layout.numbers), like))
        self.slots.memory.zero_()
        self.turned = [view.transpose(1, 2) for view in self.slots.sums]
        self.bands = [
            band.expand(len(self.slots.sums_beyond[0]), -1, -1)
            for band in layout.bands(backwards(run.u))
        ]
        self.now = 0  # the slot of the last delta

        wide = layout.sites * layout.features
        blocks, height = self.slots.sums[0].shape[:2]
        across = self.slots.windows[0][0].shape[1]
        # Turned, window by delta: a fifth faster than delta by window.
        self.u_sums = [like.new_zeros(blocks, across, height) for _ in self.bands]
        self.u_total = like.new_zeros(
            layout.kernel[0], height, across, dtype=torch.float64
        )
        self.drive_sum = like.new_zeros(wide, like.shape[2] + 1)
        self.drive_total = torch.zeros_like(self.drive_sum, dtype=torch.float64)
        self.V = None if inputs is None else layout.spread(run.V)
        self.readout = self.readout_sum = None
        if outputs is not None and arriving.read is not None:
            self.readout = layout.spread(outputs).t().contiguous()
            self.readout_sum = like.new_zeros(len(outputs), wide)
        self.courses = self.courses_sum = None
        if run.courses is not None and arriving.courses is not None:
            self.courses = like.new_zeros(len(run.courses), layout.numbers)
            layout.states(self.courses).copy_(arriving.courses)
            self.courses_sum = torch.zeros_like(run.courses)

    def through(self, saved: Tensor) -> None:
        """All steps; where not every state was remembered, a chunk is run again."""
        run, layout = self.run, self.layout
        if run.kept == 1:
            self._over(Slots(layout, saved), 0, run.steps)
        else:
            slots = Slots(layout, lent((run.kept + 1, layout.numbers), run.inputs))
            step, checkpoints = Step.of(run, slots), saved.view(-1, layout.numbers)
            chunks = list(enumerate(run.chunks(run.kept)))
            for piece, (first, count) in reversed(chunks):
                slots.memory[-1].copy_(checkpoints[piece])
                advance(run, slots, step, first, count)
                self._over(slots, first, count)
        if self.start is not None:
            self._carry(self.now, 1 - self.now, summing=False)
            self.start.copy_(self.slots.sheet(1 - self.now))

    def sums(self) -> tuple[Tensor | None, ...]:
        """Gradients of u, V, bias, readout and courses."""
        run, layout, wanted = self.run, self.layout, self.wanted
        u = V = bias = readout = None
        if wanted.u:
            u = layout.kernel_of(self.u_total.unbind()).to(run.u.dtype).contiguous()
        if wanted.drive:
            fields = layout.gathered(self.drive_total.t()).to(run.V.dtype)
            # copies: of one site and one feature both are contiguous already, and
            # an operation must not give two views of one memory
            V, bias = (field.clone(memory_format=torch.contiguous_format)
                       for field in (fields[:-1], fields[-1]))  # fmt: skip
        if wanted.readout and self.readout_sum is not None:
            readout = layout.gathered(self.readout_sum).contiguous()
        return u, V, bias, readout, self.courses_sum if wanted.courses else None

    def _over(self, states: Slots, first: int, count: int) -> None:
        """`count` steps, last to first; the state before them is in the last slot."""
        run, wanted, slots = self.run, self.wanted, self.slots
        drives = run.drives(first, count).transpose(1, 2).unbind()
        read = [None] * count
        if self.arriving.read is not None:
            piece = self.arriving.read[:, first : first + count]
            read = piece.permute(1, 2, 0).contiguous().unbind()  # (output, batch)
        back = None
        if self.inputs is not None:
            back = run.inputs.new_empty(count, run.inputs.shape[2], self.layout.batch)
        u_sums, windows, whole, turned = (
            self.u_sums if wanted.u else [], states.windows, slots.whole, self.turned
        )  # fmt: skip
        readout_sum = self.readout_sum if wanted.readout else None
        drive_sum, ghosts = self.drive_sum if wanted.drive else None, slots.ghosts_back
        courses_sum = self.courses_sum if wanted.courses else None
        for at in range(count - 1, -1, -1):
            now = self._step(states, first + at, at, read[at])
            for total, window in zip(u_sums, windows, strict=False):
                total.baddbmm_(window[at - 1], turned[now])  # -1 is the last slot
            if drive_sum is not None:
                drive_sum.addmm_(whole[now], drives[at])
            if back is not None:
                torch.mm(self.V, whole[now], out=back[at])
            if readout_sum is not None:
                readout_sum.addmm_(read[at], states.whole[at].t())
            if courses_sum is not None:
                courses_sum[:, first + at] = self.courses @ states.memory[at]
            for into, source in ghosts:
                into[now].copy_(source[now])  # type: ignore[index]
        if back is not None:
            self.inputs[:, first : first + count] = back.permute(2, 0, 1)  # type: ignore[index]
        self._put_by()

    def _step(self, states: Slots, step: int, at: int, read: Tensor | None) -> int:
        """The slot with delta of a step, made from that of the step after it."""
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
            slots.sheet(new).add_(arriving.states[:, step])
        if step == final and arriving.last is not None:
            slots.sheet(new).add_(arriving.last)
        if step < final:
            self._carry(old, new, summing=summing)
        _slope(self.run.activation, slots.sums[new], states.sums[at])
        for ghost in slots.cleared:
            ghost[new].zero_()
        self.now = new
        return new

    def _carry(self, old: int, new: int, *, summing: bool) -> None:
        """What delta in slot `old` says of the state before, in or added to `new`."""
        slots, beta = self.slots, 1 if summing else 0
        into = slots.sums_beyond[new]
        for band, window in zip(self.bands, slots.windows_beyond, strict=True):
            into.baddbmm_(band, window[old], beta=beta)
            beta = 1
        for onto, beyond in slots.folds:
            onto[new].add_(beyond[new])

    def _put_by(self) -> None:
        """Add the sums of a chunk to the totals, which are float64."""
        for total, part in zip(self.u_total, self.u_sums, strict=True):
            total += part.sum(dim=0, dtype=torch.float64).t()
            part.zero_()
        self.drive_total += self.drive_sum
        self.drive_sum.zero_()


def _slope(activation: str, delta: Tensor, h: Tensor) -> None:
    """Multiply delta by f' at the states, which h itself tells."""
    if activation == "relu":
        _aten.threshold_backward.grad_input(delta, h, 0, grad_input=delta)
    elif activation == "tanh":
        _aten.tanh_backward.grad_input(delta, h, grad_input=delta)
    elif activation == "sigmoid":
        _aten.sigmoid_backward.grad_input(delta, h, grad_input=delta)
