"""Networks without topography: torch's own recurrent layers, and one linear layer."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from cortexwave.errors import InputError
from cortexwave.learning.readouts import LinearReadout
from cortexwave.learning.recurrent import Recurrent, checked_inputs


class LayerRNN(Recurrent):
    """One of torch's recurrent layers under a readout; states are (1, 1, units)."""

    chosen_backend = "torch.nn"

    def __init__(
        self, layer: nn.RNNBase, kind: str, readout: LinearReadout, *, every_step: bool
    ):
        super().__init__(
            readout, inputs=layer.input_size, field=(1, 1, layer.hidden_size),
            every_step=every_step,
        )  # fmt: skip
        self.layer = layer
        self.kind = kind  # type: ignore[misc]

    def sequence(self, inputs: Tensor) -> Tensor:
        """States (batch, time, 1, 1, unit), with gradient; of an LSTM its h."""
        states, _ = self.layer(inputs)  # (batch, time, unit)
        return states[:, :, None, None, :]


class LinearRNN(nn.RNN):
    """torch's RNN of one layer, batch first, without the nonlinearity it must have."""

    def forward(
        self, inputs: Tensor, start: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """States (batch, time, unit) and the last (1, batch, unit), from `start`."""
        drive = nn.functional.linear(
            inputs, self.weight_ih_l0, self.bias_ih_l0 if self.bias else None
        )  # (batch, time, unit)
        if self.bias:
            drive = drive + self.bias_hh_l0
        h = drive.new_zeros(drive[:, 0].shape) if start is None else start[0]
        states = []
        for pushed in drive.unbind(1):
            h = torch.addmm(pushed, h, self.weight_hh_l0.T)  # (batch, unit)
            states.append(h)
        return torch.stack(states, dim=1), h[None]


class LinearNetwork(nn.Module):
    """y = W x + b on all steps at once: W (output, time, input), b (output)."""

    kind: ClassVar[str] = "linear"
    chosen_backend = "torch.nn"
    state_size = 0

    def __init__(self, weight: Tensor, bias: Tensor):
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Answers (batch, output) from inputs (batch, time, input)."""
        _, steps, width = self.weight.shape
        checked_inputs(inputs, width)
        if inputs.shape[1] != steps:
            raise InputError(
                f"the sequence has {inputs.shape[1]} steps; this linear layer has "
                f"weights for {steps}"
            )
        flat = inputs.flatten(1)  # (batch, time * input)
        return nn.functional.linear(flat, self.weight.flatten(1), self.bias)

    def states(self, inputs: Tensor) -> Tensor:
        """There are none: `InputError`."""
        raise InputError("a linear network has no states; it sees all steps at once")


def torch_layer(
    kind: str, inputs: int, units: int, *, activation: str = "tanh", bias: bool = True
) -> nn.RNNBase:
    """A layer of torch with values still to be set; no random number is drawn."""
    # made without memory first, so that the global generator is left as it is
    if kind == "lstm":
        layer: nn.RNNBase = nn.LSTM(inputs, units, batch_first=True, device="meta")
    elif kind == "gru":
        layer = nn.GRU(inputs, units, batch_first=True, device="meta")
    elif activation == "identity":
        layer = LinearRNN(inputs, units, bias=bias, batch_first=True, device="meta")
    else:
        layer = nn.RNN(
            inputs, units, bias=bias, nonlinearity=activation, batch_first=True,
            device="meta",
        )  # fmt: skip
    return layer.to_empty(device="cpu")


def set_parameters(layer: nn.Module, values: dict[str, Tensor]) -> None:
    """Give every parameter of a layer its value, and its dtype."""
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            parameter.data = values.pop(name)
    assert not values
