"""What the baselines share: answers read from a whole sequence of states."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from cortexwave.errors import InputError
from cortexwave.learning.readouts import LinearReadout, TimeCourseReadout


class Recurrent(nn.Module):
    """A network with `sequence(inputs)` and a readout of its states.

    Unlike the wave RNN it keeps the states of all steps while it answers.
    """

    kind: ClassVar[str]
    chosen_backend: str = "loop"

    def __init__(
        self, readout: LinearReadout, *, inputs: int, field: tuple[int, int, int],
        every_step: bool,
    ):  # fmt: skip
        super().__init__()
        self.readout = readout
        self.inputs = inputs
        self.field = field
        self.every_step = every_step

    @property
    def state_size(self) -> int:
        """Number of values of the state that is read."""
        return self.field[0] * self.field[1] * self.field[2]

    def sequence(self, inputs: Tensor) -> Tensor:
        """States (batch, time, feature, y, x), with gradient."""
        raise NotImplementedError

    def forward(self, inputs: Tensor) -> Tensor:
        """Answers (batch, time, output), or (batch, output) if one per sequence.

        `inputs` is (batch, time, input).
        """
        checked_inputs(inputs, self.inputs)
        states = self.sequence(inputs)
        if self.every_step:
            return self.readout.of_states(states)
        if isinstance(self.readout, TimeCourseReadout):
            checked_steps(inputs, self.readout)
            return self.readout.of_sequence(states)
        return self.readout.of_states(states[:, -1])

    @torch.no_grad()
    def states(self, inputs: Tensor) -> Tensor:
        """States h_1, ..., h_T (batch, time, feature, y, x), without gradient."""
        checked_inputs(inputs, self.inputs)
        return self.sequence(inputs)


def checked_inputs(inputs: Tensor, width: int) -> None:
    """Raise unless inputs are (batch, time, input) of the network's width."""
    if inputs.ndim != 3 or inputs.shape[-1] != width or not inputs.shape[1]:
        raise InputError(
            f"inputs have shape {tuple(inputs.shape)}; this network takes (batch, "
            f"time, {width}) with at least one step"
        )


def checked_steps(inputs: Tensor, readout: TimeCourseReadout) -> None:
    """Raise unless a sequence is as long as the readout's courses."""
    steps = readout.courses.shape[1]
    if inputs.shape[1] != steps:
        raise InputError(
            f"the sequence has {inputs.shape[1]} steps; this network's readout weights "
            f"time courses of {steps}"
        )
