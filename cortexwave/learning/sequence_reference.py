"""The recurrence of a wave RNN as a plain loop: the definition of what it computes.

h_t = f(u * h_{t-1} + V x_t + bias) for t = 1..T, on a ring (y = 1) or a sheet. The star
is the cross-correlation over the sites, with what lies beyond an edge as in
`cortexwave.sheet.lattice`. Slow and obvious: every dtype and device of torch, second
derivatives, `torch.func`. `cortexwave.learning.sequence_op` computes the same fast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from cortexwave.sheet.lattice import Boundary

Activation = Literal["relu", "tanh", "identity", "sigmoid"]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "identity": lambda x: x,
    "sigmoid": torch.sigmoid,
}


@dataclass(frozen=True)
class Outcome:
    """What one pass over a sequence leaves; what was not asked for is None."""

    last: Tensor  # (batch, feature, y, x): h_T
    readout: Tensor | None = None  # (batch, time, output): W h_t + b
    courses: Tensor | None = None  # (batch, course, feature, y, x): sum_t c[k, t] h_t
    states: Tensor | None = None  # (batch, time, feature, y, x): h_1 .. h_T


def run_reference(
    inputs: Tensor,
    u: Tensor,
    V: Tensor,
    bias: Tensor,
    *,
    activation: Activation = "relu",
    boundary: tuple[Boundary, Boundary] = ("periodic", "periodic"),
    start: Tensor | None = None,
    readout: Tensor | None = None,
    readout_bias: Tensor | None = None,
    courses: Tensor | None = None,
    keep_states: bool = False,
) -> Outcome:
    """Every state in turn; arguments as in `sequence_op.run_sequence`, unchecked."""
    f = ACTIVATIONS[activation]
    h = inputs.new_zeros(len(inputs), *bias.shape) if start is None else start
    states = []
    for x in inputs.unbind(dim=1):  # (batch, input)
        lateral = functional.conv2d(_padded(h, u, boundary), u)
        h = f(lateral + torch.tensordot(x, V, dims=1) + bias)  # (batch, feature, y, x)
        states.append(h)
    return Outcome(
        last=h,
        readout=_read_out(states, readout, readout_bias),
        courses=_projected(states, courses),
        states=torch.stack(states, dim=1) if keep_states else None,
    )


def _read_out(
    states: list[Tensor], readout: Tensor | None, bias: Tensor | None
) -> Tensor | None:
    if readout is None:
        return None
    each = torch.stack([torch.tensordot(h, readout, ([1, 2, 3],) * 2) for h in states])
    values = each.transpose(0, 1)  # (batch, time, output)
    return values if bias is None else values + bias


def _projected(states: list[Tensor], courses: Tensor | None) -> Tensor | None:
    if courses is None:
        return None
    return torch.einsum("kt,tbfyx->bkfyx", courses, torch.stack(states))


def _padded(h: Tensor, u: Tensor, boundary: tuple[Boundary, Boundary]) -> Tensor:
    """The state with half a kernel more on each side, as the boundary has it."""
    for axis, beyond in zip((-2, -1), boundary, strict=True):
        width, n = u.shape[axis] // 2, h.shape[axis]
        first, final = h.narrow(axis, 0, width), h.narrow(axis, n - width, width)
        before, after = {
            "periodic": (final, first),
            "open": (torch.zeros_like(first), torch.zeros_like(final)),
            "reflecting": (first.flip(axis), final.flip(axis)),  # -1 -> 0, -2 -> 1
        }[beyond]
        h = torch.cat([before, h, after], dim=axis)
    return h
