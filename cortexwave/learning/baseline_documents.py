"""Baselines on paper: dense, oscillating, gated and linear networks.

No torch here. What each computes is in the module of its kind.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from cortexwave.documents import Document
from cortexwave.faults import fault_error
from cortexwave.learning.initial_documents import (
    BiasStart,
    Chain,
    DenseRecurrent,
    Fed,
    IdentityMatrix,
    InputMap,
    NormalInput,
    RandomMatrix,
)
from cortexwave.learning.readout_documents import Answering, Located

if TYPE_CHECKING:
    from cortexwave.learning.tasks import Shape

MOST_UNITS = 2**24  # values of one state


class IdentityRNNDocument(Fed):
    """h_t = f(U h_{t-1} + b_U + V x_t + b_V) with dense U of `units` squared.

    Le, Jaitly and Hinton (2015, arXiv 1504.00941) start U at the identity; the other
    starts are the controls. `input_bias` and `recurrent_bias` start at zero or
    uniform: +-1/sqrt(inputs) and +-1/sqrt(units) (torch's defaults). As published
    in Keller et al. (2024) the first is zero where the input map names sites and
    uniform elsewhere, the second uniform where U is random and zero elsewhere.
    torch.nn.RNN computes it, hence two biases; or none of either, `biases: none`.
    """

    kind: Literal["identity_rnn"] = "identity_rnn"
    units: int = Field(ge=1, le=65536)
    activation: Literal["relu", "tanh", "identity"] = "relu"
    biases: Literal["two", "none"] = "two"
    recurrent: DenseRecurrent = IdentityMatrix()
    input: InputMap = NormalInput()
    input_bias: BiasStart = "as_published"
    recurrent_bias: BiasStart = "as_published"

    @property
    def field(self) -> tuple[int, int, int]:
        """Shape (feature, y, x) of a state."""
        return 1, 1, self.units

    @property
    def input_bias_start(self) -> str:
        """How the input's bias starts: "zero" or "uniform"."""
        return self.input.bias if self.input_bias == "as_published" else self.input_bias

    @property
    def recurrent_bias_start(self) -> str:
        """How the recurrent bias starts: "zero" or "uniform"."""
        if self.recurrent_bias != "as_published":
            return self.recurrent_bias
        return "uniform" if isinstance(self.recurrent, RandomMatrix) else "zero"

    @model_validator(mode="after")
    def _fits(self) -> IdentityRNNDocument:
        faults: list[Located] = [
            (("input",), text) for text in self.input.faults(self.field)
        ]
        for name in ("input_bias", "recurrent_bias"):
            if self.biases == "none" and name in self.model_fields_set:
                faults.append(((name,), "there is none; it needs biases: two"))
        if isinstance(self.recurrent, Chain) and self.units < 2:
            faults.append((("units",), "a chain has at least 2 units"))
        if faults:
            raise fault_error("network", faults)
        return self


class _Oscillators(Answering):
    """Damped oscillators driven through tanh; y is the state that is read and shown.

    z <- z + dt (tanh(V x + Wz z + Wy y + b) - gamma y - epsilon z), y <- y + dt z,
    the new z in the second (Rusch and Mishra 2021, arXiv 2010.00951, eq. 3).
    """

    dt: float = Field(gt=0)
    gamma: float = Field(ge=0)
    epsilon: float = Field(ge=0)


class CoupledOscillatorDocument(_Oscillators):
    """coRNN: oscillators coupled all to all by dense Wz and Wy."""

    kind: Literal["coupled_oscillator"] = "coupled_oscillator"
    units: int = Field(ge=1, le=65536)

    @property
    def field(self) -> tuple[int, int, int]:
        """Shape (feature, y, x) of a state."""
        return 1, 1, self.units


class NeuralWaveMachineDocument(_Oscillators):
    """Oscillators on a periodic sheet [ny, nx] coupled by one kernel each for Wz, Wy.

    Keller and Welling (2023, ICML). `kernel` 3 is 3 x 3 on a sheet; [1, 3] couples
    along x alone, so that the rows are separate rings sharing their kernel.
    """

    kind: Literal["neural_wave_machine"] = "neural_wave_machine"
    shape: tuple[int, int]
    kernel: int | tuple[int, int] = 3

    @property
    def field(self) -> tuple[int, int, int]:
        """Shape (feature, y, x) of a state."""
        return (1, *self.shape)

    @property
    def sides(self) -> tuple[int, int]:
        """Sites of the kernels along y and x."""
        if not isinstance(self.kernel, int):
            return self.kernel
        return (1 if self.shape[0] == 1 else self.kernel), self.kernel

    @model_validator(mode="after")
    def _fits(self) -> NeuralWaveMachineDocument:
        faults: list[Located] = []
        if min(self.shape) < 1 or math.prod(self.shape) > MOST_UNITS:
            faults.append((("shape",), f"{list(self.shape)} is no shape of a sheet"))
        for axis, side, n in zip("yx", self.sides, self.shape, strict=True):
            if side < 1 or side % 2 == 0 or side > n:
                faults.append((("kernel",), (
                    f"{side} along {axis}; a kernel has an odd number of sites, at "
                    f"most the {n} of the sheet"
                )))  # fmt: skip
        if faults:
            raise fault_error("network", faults)
        return self


class _Gated(Answering):
    units: int = Field(ge=1, le=65536)

    @property
    def field(self) -> tuple[int, int, int]:
        """Shape (feature, y, x) of a state."""
        return 1, 1, self.units


class LSTMDocument(_Gated):
    """torch's LSTM, one layer; h is the state that is read and shown."""

    kind: Literal["lstm"] = "lstm"


class GRUDocument(_Gated):
    """torch's GRU, one layer."""

    kind: Literal["gru"] = "gru"


class LinearDocument(Document):
    """One linear layer on the whole sequence at once: what needs no memory."""

    kind: Literal["linear"] = "linear"

    def faults(self, shape: Shape) -> Iterable[Located]:
        """What cannot be meant for a task of this shape."""
        if shape.every_step:
            message = "linear gives one answer for a sequence; this task wants one at"
            yield ("kind",), f"{message} every step"
