"""The locally connected ring: a wave RNN whose kernel differs from site to site.

Keller et al. (2024, arXiv 2309.08045), appendix: waves stay although no weight is
shared.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from cortexwave.learning.readouts import LinearReadout
from cortexwave.learning.recurrent import Recurrent
from cortexwave.learning.sequence_reference import ACTIVATIONS, Activation


class LocalRNN(Recurrent):
    """h_t[o, i] = f(sum_ck u[i, o, c, k] h_{t-1}[c, i + k - K // 2] + V x_t + b).

    u (site, out, in, tap), V (input, feature, 1, site), site_bias and local_bias
    (feature, 1, site); the ring is closed.
    """

    kind: ClassVar[str] = "local_rnn"

    def __init__(
        self, u: Tensor, V: Tensor, site_bias: Tensor, local_bias: Tensor,
        readout: LinearReadout, *, activation: Activation, every_step: bool,
    ):  # fmt: skip
        inputs, feature, ny, nx = V.shape
        super().__init__(
            readout, inputs=inputs, field=(feature, ny, nx), every_step=every_step
        )
        self.u = nn.Parameter(u)
        self.V = nn.Parameter(V)
        self.site_bias = nn.Parameter(site_bias)
        self.local_bias = nn.Parameter(local_bias)
        self.activation = activation

    def sequence(self, inputs: Tensor) -> Tensor:
        """States (batch, time, feature, 1, site), with gradient."""
        sites, _, _, side = self.u.shape
        weights = self.u.flatten(2).transpose(1, 2)  # (site, in * tap, out)
        V = self.V[:, :, 0].permute(2, 0, 1)  # (site, input, feature)
        bias = (self.site_bias + self.local_bias)[:, 0].T[:, None]  # (site, 1, feature)
        activation = ACTIVATIONS[self.activation]
        # site s hears the sites of row s
        near = torch.arange(side, device=inputs.device) - side // 2
        heard = (torch.arange(sites, device=inputs.device)[:, None] + near) % sites
        states = []
        h = inputs.new_zeros(sites, inputs.shape[0], self.field[0])
        for pushed in inputs.unbind(1):
            window = h[heard].permute(0, 2, 3, 1).flatten(2)  # (site, batch, in * tap)
            h = torch.bmm(window, weights) + pushed @ V + bias  # (site, batch, out)
            h = activation(h)
            states.append(h)
        return torch.stack(states).permute(2, 0, 3, 1)[:, :, :, None]
