"""Networks of damped oscillators: coRNN, and the Neural Wave Machine on a sheet.

z <- z + dt (tanh(V x + Wz z + Wy y + b) - gamma y - epsilon z); y <- y + dt z.
Rusch and Mishra (2021, arXiv 2010.00951); Keller and Welling (2023, ICML).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from cortexwave.learning.readouts import LinearReadout
from cortexwave.learning.recurrent import Recurrent


class _Oscillators(Recurrent):
    """Damping, stiffness and step; what couples the oscillators is left open.

    V (input, feature, y, x), bias (feature, y, x).
    """

    def __init__(
        self, V: Tensor, bias: Tensor, readout: LinearReadout, *,
        dt: float, gamma: float, epsilon: float, every_step: bool,
    ):  # fmt: skip
        inputs, feature, ny, nx = V.shape
        super().__init__(
            readout, inputs=inputs, field=(feature, ny, nx), every_step=every_step
        )
        self.V = nn.Parameter(V)
        self.bias = nn.Parameter(bias)
        self.dt = dt
        self.gamma = gamma
        self.epsilon = epsilon

    def coupled(self, z: Tensor, y: Tensor) -> Tensor:
        """Wz z + Wy y, (batch, feature, y, x)."""
        raise NotImplementedError

    def sequence(self, inputs: Tensor) -> Tensor:
        """Positions y (batch, time, feature, y, x), with gradient; at rest before."""
        drive = torch.einsum("bti,ifyx->btfyx", inputs, self.V) + self.bias
        y = z = torch.zeros_like(drive[:, 0])  # (batch, feature, y, x)
        positions = []
        for pushed in drive.unbind(1):
            force = torch.tanh(pushed + self.coupled(z, y))
            z = z + self.dt * (force - self.gamma * y - self.epsilon * z)
            y = y + self.dt * z
            positions.append(y)
        return torch.stack(positions, dim=1)


class CoupledOscillator(_Oscillators):
    """coRNN: dense couplings Wz, Wy (unit, unit)."""

    kind: ClassVar[str] = "coupled_oscillator"

    def __init__(
        self, Wz: Tensor, Wy: Tensor, V: Tensor, bias: Tensor,
        readout: LinearReadout, **constants: float | bool,
    ):  # fmt: skip
        super().__init__(V, bias, readout, **constants)  # type: ignore[arg-type]
        self.Wz = nn.Parameter(Wz)
        self.Wy = nn.Parameter(Wy)

    def coupled(self, z: Tensor, y: Tensor) -> Tensor:
        """Wz z + Wy y, (batch, 1, 1, unit)."""
        linear = nn.functional.linear
        return linear(z, self.Wz) + linear(y, self.Wy)


class NeuralWaveMachine(_Oscillators):
    """Couplings are one kernel each, Wz and Wy (1, 1, ky, kx), on a periodic sheet.

    Each has a bias of one value, as in the authors' code.
    """

    kind: ClassVar[str] = "neural_wave_machine"

    def __init__(
        self, Wz: Tensor, Wz_bias: Tensor, Wy: Tensor, Wy_bias: Tensor,
        V: Tensor, bias: Tensor, readout: LinearReadout,
        **constants: float | bool,
    ):  # fmt: skip
        super().__init__(V, bias, readout, **constants)  # type: ignore[arg-type]
        self.Wz = nn.Parameter(Wz)
        self.Wz_bias = nn.Parameter(Wz_bias)
        self.Wy = nn.Parameter(Wy)
        self.Wy_bias = nn.Parameter(Wy_bias)

    def coupled(self, z: Tensor, y: Tensor) -> Tensor:
        """Wz * z + Wy * y and their biases, (batch, 1, y, x)."""
        ky, kx = self.Wz.shape[-2:]
        both = torch.cat([z, y], dim=1)  # (batch, 2, y, x)
        padded = nn.functional.pad(
            both, (kx // 2, kx // 2, ky // 2, ky // 2), mode="circular"
        )
        kernels = torch.cat([self.Wz, self.Wy], dim=1)  # (1, 2, ky, kx)
        return nn.functional.conv2d(padded, kernels, self.Wz_bias + self.Wy_bias)
