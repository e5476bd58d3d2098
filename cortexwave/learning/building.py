"""From a network's document to the network, its weights a function of the seed.

And how large it is: counted beforehand from the document, exactly once it is there.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from cortexwave.errors import InputError
from cortexwave.learning import STATE_BUDGET
from cortexwave.learning import network_documents as documents
from cortexwave.learning.network_making import Making, network_made
from cortexwave.learning.readout_documents import MLPReadout, TimeCourseReadout
from cortexwave.learning.tasks import Shape
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
        return network_made(document, Making(shape, seed, dtype), backend, budget)
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "CPUAllocator" not in str(error):
            raise
        count = _weights(document, shape)
        raise InputError(
            f"no memory for a network of kind '{document.kind}' with about {count:,} "
            f"weights: drawn in float64 they are {8 * count:,} bytes, and some are "
            "held twice while it is built; make it smaller"
        ) from error


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
