"""From a wave RNN to its weights and back; other networks are no sheet, and why."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from cortexwave.errors import InputError
from cortexwave.learning.readouts import LinearReadout
from cortexwave.learning.wave_rnn import WaveRNN
from cortexwave.learning.weights import Weights

_WHY_NO_SHEET = {
    "relabelled_wave_rnn": "it shows its sites in a random order, in which no kernel "
    "couples neighbours; its attribute `wave` is the network that can be exported",
    "local_rnn": "its kernel differs from site to site; a sheet has one for all",
    "identity_rnn": "every unit is coupled to every other by a weight of its own; a "
    "sheet couples neighbours by one kernel",
    "lstm": "its units have gates and a second state; a sheet of leaky_rate has none",
    "gru": "its units have gates; a sheet of leaky_rate has none",
    "coupled_oscillator": "its units are oscillators with a velocity, coupled all to "
    "all; leaky_rate has one state and one kernel",
    "neural_wave_machine": "its units are oscillators with a velocity; leaky_rate has "
    "one state",
    "linear": "it has no state that goes from step to step",
}


def weights_of(network: nn.Module, *, step: float) -> Weights:
    """The weights of a wave RNN whose time step lasts `step` s.

    W is None where the readout is an MLP or weights time courses. Raises
    `InputError` for a network that cannot be a sheet, saying why.
    """
    if not isinstance(network, WaveRNN):
        kind = str(getattr(network, "kind", type(network).__name__))
        why = _WHY_NO_SHEET.get(kind, "only a wave RNN, one kernel for all sites, is")
        raise InputError(f"a network of kind '{kind}' is no sheet: {why}")
    readout = network.linear_readout()
    W, W_bias = (None, None) if readout is None else map(_float64, readout)
    return Weights(
        u=_float64(network.u), V=_float64(network.V),
        bias=_bias(network), W=W, W_bias=W_bias,
        activation=network.activation, boundary=network.boundary,
        step=float(step),
    )  # fmt: skip


def network_of(
    weights: Weights, *, every_step: bool = True, dtype: torch.dtype | None = None,
    backend: str = "auto",
) -> WaveRNN:  # fmt: skip
    """The wave RNN of weights, in float64 unless `dtype` says otherwise.

    Answers at every step, or after the last one. Without W it has no outputs: its
    answers have length 0, its states are the sheet's.
    """

    def tensor(values: np.ndarray) -> torch.Tensor:
        return torch.tensor(values, dtype=dtype or torch.float64)

    W = np.zeros((0, *weights.bias.shape)) if weights.W is None else weights.W
    W_bias = np.zeros(len(W)) if weights.W_bias is None else weights.W_bias
    return WaveRNN(
        tensor(weights.u), tensor(weights.V), tensor(weights.bias), None,
        LinearReadout(tensor(W), tensor(W_bias)),
        activation=weights.activation, boundary=weights.boundary,
        every_step=every_step, backend=backend,
    )  # fmt: skip


def _bias(network: WaveRNN) -> np.ndarray:
    """Both biases, added in float64: their sum would be rounded in the network's."""
    site = _float64(network.site_bias)
    if network.channel_bias is None:
        return site
    return site + _float64(network.channel_bias)[:, None, None]


def _float64(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy().copy()
