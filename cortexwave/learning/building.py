"""From a network's document to the network, its weights a function of the seed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cortexwave.errors import InputError
from cortexwave.learning import STATE_BUDGET
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
from cortexwave.learning.readout_documents import MLPReadout, TimeCourseReadout
from cortexwave.learning.readouts import LinearReadout, build_readout
from cortexwave.learning.tasks import Shape
from cortexwave.learning.wave_rnn import RelabelledWaveRNN, WaveRNN
from cortexwave.nodes import shown


def build_network(
    document: documents.NetworkDocument,
    *,
    shape: Shape,
    seed: int,
    dtype: torch.dtype = torch.float32,
    backend: str = "auto",
    budget: int = STATE_BUDGET,
) -> nn.Module:
    """A network for a task of this shape, on the CPU.

    Every network has forward(inputs) -> (batch, time, output), or (batch, output) if
    the task wants one answer for a sequence, and states(inputs) -> (batch, time,
    feature, y, x). Weights are drawn in float64 and rounded, so that one seed is one
    network in every dtype; torch's global generator is neither used nor changed.
    `backend` and `budget` (bytes) are for the wave RNN's sequence op. Raises
    `InputError` with everything that the task's shape forbids, or with the network's
    size where there is no memory for it.
    """
    faults = documents.network_faults(document, shape)
    if faults:
        lines = [f"network.{shown(path)}: {message}" for path, message in faults]
        raise InputError("\n".join(lines))
    try:
        return _built(document, _Making(shape, seed, dtype), backend, budget)
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "CPUAllocator" not in str(error):
            raise
        count = _weights(document, shape)
        raise InputError(
            f"no memory for a network of kind '{document.kind}' with about {count:,} "
            f"weights: drawn in float64 they are {8 * count:,} bytes, and some are "
            "held twice while it is built; make it smaller"
        ) from error


def _built(
    document: documents.NetworkDocument, make: _Making, backend: str, budget: int
) -> nn.Module:
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


def _weights(document: Any, shape: Shape) -> int:
    """Number of weights of a network without its biases, from its document alone."""
    if isinstance(document, documents.LinearDocument):
        return shape.outputs * shape.steps * shape.inputs
    features, state = document.field[0], math.prod(document.field)
    match document:
        case documents.LSTMDocument() | documents.GRUDocument():
            gates = 4 if document.kind == "lstm" else 3
            weights = gates * state * (state + shape.inputs)
        case documents.IdentityRNNDocument():
            weights = state * (state + shape.inputs)
        case documents.CoupledOscillatorDocument():
            weights = state * (2 * state + shape.inputs)
        case documents.NeuralWaveMachineDocument():
            weights = 2 * math.prod(document.sides) + state * shape.inputs
        case _:
            kernels = state // features if document.kind == "local_rnn" else 1
            kernel = features**2 * math.prod(document.sides)
            weights = kernels * kernel + state * shape.inputs
    match document.readout:
        case MLPReadout(hidden=hidden):
            return weights + hidden * (state + shape.outputs)
        case TimeCourseReadout(courses=courses):
            return weights + courses * (shape.outputs * state + shape.steps)
        case _:
            return weights + shape.outputs * state


def summary(network: nn.Module) -> dict[str, Any]:
    """What a network is, as plain values: exact counts, shapes, state, backend.

    `parameters` counts all of them, frozen ones too; papers often print
    `parameters_without_biases`.
    """
    counts = {name: value.numel() for name, value in network.named_parameters()}
    trained = [value.numel() for value in network.parameters() if value.requires_grad]
    return {
        "kind": network.kind,
        "parameters": sum(counts.values()),
        "parameters_without_biases": sum(
            count for name, count in counts.items() if "bias" not in name
        ),
        "parameters_trained": sum(trained),
        "shapes": {
            name: list(value.shape) for name, value in network.named_parameters()
        },
        "state_size": network.state_size,
        "backend": network.chosen_backend,
    }


class _Making:
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


def _wave_rnn(
    document: documents.WaveRNNDocument | documents.RelabelledWaveRNNDocument,
    make: _Making,
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


def _local_rnn(document: documents.LocalRNNDocument, make: _Making) -> LocalRNN:
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


def _identity_rnn(document: documents.IdentityRNNDocument, make: _Making) -> LayerRNN:
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
    document: documents.LSTMDocument | documents.GRUDocument, make: _Making
) -> LayerRNN:
    layer = torch_layer(document.kind, make.shape.inputs, document.units)
    set_parameters(layer, {
        name: make.uniform(name, document.units, tuple(value.shape))
        for name, value in layer.named_parameters()
    })  # fmt: skip
    return _of_layer(layer, document, make)


def _of_layer(layer: nn.RNNBase, document: Any, make: _Making) -> LayerRNN:
    readout = make.readout(document)
    every_step = make.shape.every_step
    return LayerRNN(layer, document.kind, readout, every_step=every_step)


def _coupled_oscillator(
    document: documents.CoupledOscillatorDocument, make: _Making
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
    document: documents.NeuralWaveMachineDocument, make: _Making
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


def _constants(document: Any, make: _Making) -> dict[str, Any]:
    return {
        "dt": document.dt, "gamma": document.gamma, "epsilon": document.epsilon,
        "every_step": make.shape.every_step,
    }  # fmt: skip


def _kernel(document: Any, make: _Making, site: int | None = None) -> np.ndarray:
    """The kernel (out, in, ky, kx), of one site where each has its own."""
    part = "recurrent" if site is None else f"recurrent {site}"
    draw = stream(make.seed, part)
    return tied_kernel(document.recurrent, document.channels, document.sides, draw)


def _input_map(document: Any, make: _Making) -> np.ndarray:
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
