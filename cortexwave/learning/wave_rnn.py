"""The wave RNN: h_t = f(u * h_{t-1} + V x_t + b), a trainable sheet.

Keller, Muller, Sejnowski and Welling (2024, arXiv 2309.08045), section 2. `*` is
cross-correlation over sites, with all channels mixed; h_0 = 0.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from cortexwave.learning import STATE_BUDGET
from cortexwave.learning.readouts import LinearReadout, TimeCourseReadout
from cortexwave.learning.recurrent import checked_inputs, checked_steps
from cortexwave.learning.sequence_op import (
    Activation,
    Outcome,
    chosen_backend,
    run_sequence,
)
from cortexwave.sheet.lattice import Boundary


class WaveRNN(nn.Module):
    """Rings or sheets of sites with a shared kernel.

    u (out, in, ky, kx), V (input, feature, y, x), site_bias (feature, y, x),
    channel_bias (feature) or None. A ring or line has y = 1 and ky = 1. `budget` is
    the memory in bytes that a run may take for its states before it recomputes.
    """

    kind: ClassVar[str] = "wave_rnn"

    def __init__(
        self,
        u: Tensor,
        V: Tensor,
        site_bias: Tensor,
        channel_bias: Tensor | None,
        readout: LinearReadout,
        *,
        activation: Activation,
        boundary: tuple[Boundary, Boundary],
        every_step: bool,
        backend: str = "auto",
        budget: int = STATE_BUDGET,
    ):
        super().__init__()
        self.u = nn.Parameter(u)
        self.V = nn.Parameter(V)
        self.site_bias = nn.Parameter(site_bias)
        self.channel_bias = None if channel_bias is None else nn.Parameter(channel_bias)
        self.readout = readout
        self.activation = activation
        self.boundary = boundary
        self.every_step = every_step
        self.backend = backend
        self.budget = budget

    @property
    def state_size(self) -> int:
        """Number of values of a state."""
        return self.site_bias.numel()

    @property
    def chosen_backend(self) -> str:
        """What runs the sequence where the parameters now are."""
        return chosen_backend(self.backend, device=self.u.device, dtype=self.u.dtype)

    def total_bias(self) -> Tensor:
        """What is added at every step, (feature, y, x)."""
        if self.channel_bias is None:
            return self.site_bias
        return self.site_bias + self.channel_bias[:, None, None]

    def linear_readout(self) -> tuple[Tensor, Tensor] | None:
        """W (output, feature, y, x) and b (output); None if the readout is another.

        Of a readout without bias, b is 0.
        """
        if type(self.readout) is not LinearReadout:
            return None
        W, b = self.readout.weight, self.readout.bias
        return W, W.new_zeros(len(W)) if b is None else b

    def forward(self, inputs: Tensor) -> Tensor:
        """Answers (batch, time, output), or (batch, output) if one per sequence.

        `inputs` is (batch, time, input).
        """
        checked_inputs(inputs, self.V.shape[0])
        if self.every_step:
            mapped = self._run(
                inputs, readout=self.readout.weight, readout_bias=self.readout.bias
            ).readout
            return self.readout.after(mapped)  # (batch, time, output)
        if isinstance(self.readout, TimeCourseReadout):
            checked_steps(inputs, self.readout)
            sums = self._run(inputs, courses=self.readout.courses).courses
            return self.readout.of_courses(sums)  # (batch, output)
        return self.readout.of_states(self._run(inputs).last)  # (batch, output)

    @torch.no_grad()
    def states(self, inputs: Tensor) -> Tensor:
        """States h_1, ..., h_T (batch, time, feature, y, x), without gradient."""
        checked_inputs(inputs, self.V.shape[0])
        return self._run(inputs, keep_states=True).states

    def _run(self, inputs: Tensor, **wanted: Any) -> Outcome:
        return run_sequence(
            inputs, self.u, self.V, self.total_bias(),
            activation=self.activation, boundary=self.boundary,
            backend=self.backend, budget=self.budget, **wanted,
        )  # fmt: skip


class RelabelledWaveRNN(nn.Module):
    """A wave RNN that shows site order[i] at place i; all else is the wave RNN's."""

    kind: ClassVar[str] = "relabelled_wave_rnn"
    order: Tensor

    def __init__(self, wave: WaveRNN, order: Tensor):
        super().__init__()
        self.wave = wave
        self.register_buffer("order", order)

    @property
    def state_size(self) -> int:
        """Number of values of a state."""
        return self.wave.state_size

    @property
    def chosen_backend(self) -> str:
        """What runs the sequence where the parameters now are."""
        return self.wave.chosen_backend

    def forward(self, inputs: Tensor) -> Tensor:
        """The wave RNN's answers."""
        return self.wave(inputs)

    @torch.no_grad()
    def states(self, inputs: Tensor) -> Tensor:
        """The wave RNN's states (batch, time, feature, y, x), its sites reordered."""
        states = self.wave.states(inputs)
        return states.flatten(-2)[..., self.order].unflatten(-1, states.shape[-2:])
