"""Each kind of network made from its document: parts drawn, put together, frozen."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cortexwave.learning import network_documents as documents
from cortexwave.learning.baselines import (
    LayerRNN,
    LinearNetwork,
    set_parameters,
    torch_layer,
)
from cortexwave.learning.initial import (
    dense_matrix,
    input_map,
    relabelling,
    stream,
    tied_kernel,
    uniform,
)
from cortexwave.learning.initial_documents import RelabelledShift, Trained
from cortexwave.learning.local_rnn import LocalRNN
from cortexwave.learning.oscillators import CoupledOscillator, NeuralWaveMachine
from cortexwave.learning.readouts import LinearReadout, build_readout
from cortexwave.learning.tasks import Shape
from cortexwave.learning.wave_rnn import RelabelledWaveRNN, WaveRNN


class Making:
    """What all parts of a network are made with: the task's shape, seed and dtype."""

    def __init__(self, shape: Shape, seed: int, dtype: torch.dtype):
        self.shape = shape
        self.seed = seed
        self.dtype = dtype

    def tensor(self, values: np.ndarray) -> Tensor:
        """Values as a tensor of the network's dtype."""
        return torch.tensor(values, dtype=self.dtype)

    def uniform(self, part: str, fan_in: int, size: tuple[int, ...]) -> Tensor:
        """A part uniform in +-1/sqrt(fan_in)."""
        return self.tensor(uniform(stream(self.seed, part), fan_in, size))

    def bias(self, named: str, part: str, fan_in: int, size: tuple[int, ...]) -> Tensor:
        """A bias that starts "zero", or "uniform" in +-1/sqrt(fan_in)."""
        if named == "zero":
            return torch.zeros(size, dtype=self.dtype)
        return self.uniform(part, fan_in, size)

    def readout(self, document: Any) -> LinearReadout:
        """The document's readout."""
        return build_readout(
            document.readout, document.field, outputs=self.shape.outputs,
            steps=self.shape.steps, seed=self.seed, dtype=self.dtype,
        )  # fmt: skip


def network_made(
    document: documents.NetworkDocument, make: Making, backend: str, budget: int
) -> nn.Module:
    """The network of a document that fits its task; nothing is checked here."""
    match document:
        case documents.WaveRNNDocument():
            return _wave_rnn(document, make, backend, budget)
        case documents.RelabelledWaveRNNDocument():
            wave = _wave_rnn(document, make, backend, budget)
            sites = document.field[1] * document.field[2]
            order = torch.from_numpy(stream(make.seed, "order").permutation(sites))
            return RelabelledWaveRNN(wave, order)
        case documents.LocalRNNDocument():
            return _local_rnn(document, make)
        case documents.IdentityRNNDocument():
            return _identity_rnn(document, make)
        case documents.CoupledOscillatorDocument():
            return _coupled_oscillator(document, make)
        case documents.NeuralWaveMachineDocument():
            return _neural_wave_machine(document, make)
        case documents.LSTMDocument() | documents.GRUDocument():
            return _gated(document, make)
        case _:
            outputs, size = make.shape.outputs, (make.shape.steps, make.shape.inputs)
            fan_in = math.prod(size)
            weight = make.uniform("weight", fan_in, (outputs, *size))
            return LinearNetwork(weight, make.uniform("bias", fan_in, (outputs,)))


def _wave_rnn(
    document: documents.WaveRNNDocument | documents.RelabelledWaveRNNDocument,
    make: Making,
    backend: str,
    budget: int,
) -> WaveRNN:
    channels, _, _ = document.field
    fan_in = channels * math.prod(document.sides)
    network = WaveRNN(
        make.tensor(_kernel(document, make)),
        make.tensor(_input_map(document, make)),
        make.bias(
            document.site_bias_start, "site_bias", make.shape.inputs, document.field
        ),
        make.bias(document.channel_bias, "channel_bias", fan_in, (channels,))
        if document.biases == "two"
        else None,
        make.readout(document),
        activation=document.activation,
        boundary=document.boundaries,
        every_step=make.shape.every_step,
        backend=backend,
        budget=budget,
    )
    _freeze(network, document.train, ["u", "channel_bias"], ["V", "site_bias"])
    return network


def _local_rnn(document: documents.LocalRNNDocument, make: Making) -> LocalRNN:
    sites = document.units or 1
    kernels = [_kernel(document, make, site)[:, :, 0] for site in range(sites)]
    network = LocalRNN(
        make.tensor(np.stack(kernels)),
        make.tensor(_input_map(document, make)),
        make.bias(document.input.bias, "site_bias", make.shape.inputs, document.field),
        make.bias("zero", "local_bias", 1, document.field),
        make.readout(document),
        activation=document.activation,
        every_step=make.shape.every_step,
    )
    _freeze(network, document.train, ["u", "local_bias"], ["V", "site_bias"])
    return network


def _identity_rnn(document: documents.IdentityRNNDocument, make: Making) -> LayerRNN:
    inputs, units = make.shape.inputs, document.units
    recurrent = dense_matrix(document.recurrent, units, make.seed)
    entering = _input_map(document, make).reshape(inputs, units)
    if isinstance(document.recurrent, RelabelledShift):
        # unit i is now called labels[i], for what enters it too
        entering[:, relabelling(units, make.seed)] = entering.copy()
    values = {
        "weight_ih_l0": make.tensor(entering.T.copy()),
        "weight_hh_l0": make.tensor(recurrent),
    }
    if document.biases == "two":
        values["bias_ih_l0"] = make.bias(
            document.input_bias_start, "input_bias", inputs, (units,)
        )
        values["bias_hh_l0"] = make.bias(
            document.recurrent_bias_start, "recurrent_bias", units, (units,)
        )
    layer = torch_layer(
        "rnn", inputs, units, activation=document.activation,
        bias=document.biases == "two",
    )  # fmt: skip
    set_parameters(layer, values)
    network = _of_layer(layer, document, make)
    _freeze(
        network, document.train,
        ["layer.weight_hh_l0", "layer.bias_hh_l0"],
        ["layer.weight_ih_l0", "layer.bias_ih_l0"],
    )  # fmt: skip
    return network


def _gated(
    document: documents.LSTMDocument | documents.GRUDocument, make: Making
) -> LayerRNN:
    layer = torch_layer(document.kind, make.shape.inputs, document.units)
    set_parameters(layer, {
        name: make.uniform(name, document.units, tuple(value.shape))
        for name, value in layer.named_parameters()
    })  # fmt: skip
    return _of_layer(layer, document, make)


def _of_layer(layer: nn.RNNBase, document: Any, make: Making) -> LayerRNN:
    readout = make.readout(document)
    every_step = make.shape.every_step
    return LayerRNN(layer, document.kind, readout, every_step=every_step)


def _coupled_oscillator(
    document: documents.CoupledOscillatorDocument, make: Making
) -> CoupledOscillator:
    units = document.units
    fan_in = make.shape.inputs + 2 * units  # one linear layer of x, z and y, as theirs
    return CoupledOscillator(
        make.uniform("Wz", fan_in, (units, units)),
        make.uniform("Wy", fan_in, (units, units)),
        make.uniform("V", fan_in, (make.shape.inputs, *document.field)),
        make.uniform("bias", fan_in, document.field),
        make.readout(document),
        **_constants(document, make),
    )


def _neural_wave_machine(
    document: documents.NeuralWaveMachineDocument, make: Making
) -> NeuralWaveMachine:
    inputs, taps = make.shape.inputs, math.prod(document.sides)
    return NeuralWaveMachine(
        make.uniform("Wz", taps, (1, 1, *document.sides)),
        make.uniform("Wz_bias", taps, (1,)),
        make.uniform("Wy", taps, (1, 1, *document.sides)),
        make.uniform("Wy_bias", taps, (1,)),
        make.uniform("V", inputs, (inputs, *document.field)),
        make.uniform("bias", inputs, document.field),
        make.readout(document),
        **_constants(document, make),
    )


def _constants(document: Any, make: Making) -> dict[str, Any]:
    return {
        "dt": document.dt, "gamma": document.gamma, "epsilon": document.epsilon,
        "every_step": make.shape.every_step,
    }  # fmt: skip


def _kernel(document: Any, make: Making, site: int | None = None) -> np.ndarray:
    """The kernel (out, in, ky, kx), of one site where each has its own."""
    part = "recurrent" if site is None else f"recurrent {site}"
    draw = stream(make.seed, part)
    return tied_kernel(document.recurrent, document.channels, document.sides, draw)


def _input_map(document: Any, make: Making) -> np.ndarray:
    """V (input, feature, y, x)."""
    draw = stream(make.seed, "input")
    return input_map(document.input, make.shape.inputs, document.field, draw)


def _freeze(
    network: nn.Module,
    trained: Trained,
    recurrent: Iterable[str],
    entering: Iterable[str],
) -> None:
    """Keep from training what the document does not want trained."""
    frozen = {
        *(() if trained.recurrent else recurrent), *(() if trained.input else entering)
    }  # fmt: skip
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name not in frozen)
