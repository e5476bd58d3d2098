"""A recurrent network as one step of a flat state, whatever layer it is made of."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from cortexwave.errors import InputError
from cortexwave.learning.baselines import LayerRNN
from cortexwave.learning.readouts import LinearReadout
from cortexwave.learning.sequence_reference import (
    ACTIVATIONS,
    Activation,
    run_reference,
)
from cortexwave.learning.wave_rnn import WaveRNN

_MOST_COPIES = 2**22  # numbers of states held at once while a Jacobian is made


@dataclass(frozen=True)
class OneStep:
    """h(t+1) = advance(h(t), u(t)), y(t) = readout h(t+1), all in float64.

    `advance` takes states (batch, state) and inputs (batch, input) to states and must
    be differentiable by autograd; `readout` is (output, state), `inputs` how many
    numbers an input has. A network that is none of ours is given by these three.
    """

    advance: Callable[[Tensor, Tensor], Tensor]
    readout: Tensor
    inputs: int

    @property
    def size(self) -> int:
        """Number of values of a state."""
        return int(self.readout.shape[1])

    @property
    def outputs(self) -> int:
        """Number of values of an answer."""
        return int(self.readout.shape[0])


def matrices_step(
    W_hh: ArrayLike,
    W_r: ArrayLike,
    W_uh: ArrayLike | None = None,
    *,
    activation: Activation,
    bias: ArrayLike | None = None,
) -> OneStep:
    """f(W_hh h + W_uh u + bias), read by W_r.

    W_hh (state, state), W_r (output, state), W_uh (state, input); without W_uh the
    step has no input. Raises `InputError` for what does not fit or is not finite.
    """
    hidden, readout = real_matrix(W_hh, "W_hh"), real_matrix(W_r, "W_r")
    size = len(hidden)
    if hidden.shape != (size, size):
        raise InputError(
            f"W_hh is {hidden.shape}, not square: it takes a state to the next one"
        )
    pushed = np.zeros((size, 0)) if W_uh is None else real_matrix(W_uh, "W_uh")
    constant = np.zeros(size) if bias is None else np.asarray(bias, dtype=np.float64)
    faults = [
        f"{name} is {shape}, not {due}: W_hh has {size} units"
        for name, shape, fits, due in (
            ("W_r", readout.shape, readout.shape[1] == size, f"(output, {size})"),
            ("W_uh", pushed.shape, pushed.shape[0] == size, f"({size}, input)"),
            ("bias", constant.shape, constant.shape == (size,), f"({size},)"),
        )
        if not fits
    ]
    if activation not in ACTIVATIONS:
        faults.append(f"activation is {activation!r}, not one of {list(ACTIVATIONS)}")
    if faults:
        raise InputError("; ".join(faults))
    f = ACTIVATIONS[activation]
    W, U, b = (torch.as_tensor(each) for each in (hidden, pushed, constant))

    def advance(h: Tensor, u: Tensor) -> Tensor:
        return f(h @ W.T + u @ U.T + b)

    return OneStep(advance, torch.as_tensor(readout), pushed.shape[1])


def network_step(network: nn.Module, *, readout: ArrayLike | None = None) -> OneStep:
    """One step of a network, from a copy of it in float64 on the CPU.

    Takes torch's nn.RNN, nn.GRU and nn.LSTM (the state is that of all layers, of an
    LSTM h of all layers and then c), our layer networks and the wave RNN. `readout`
    (output, unit) reads the last layer's units; it may be left out where the network
    has a linear one. Raises `InputError` for any other network.
    """
    double = copy.deepcopy(network).double().cpu().requires_grad_(False).eval()
    if isinstance(double, WaveRNN):
        own = double.linear_readout()
        return _wave_step(double, _readout(readout, None if own is None else own[0]))
    if isinstance(double, LayerRNN):
        linear = type(double.readout) is LinearReadout
        weight = double.readout.weight if linear else None
        return _layer_step(double.layer, _readout(readout, weight))
    if isinstance(double, nn.RNN | nn.GRU | nn.LSTM):
        return _layer_step(double, _readout(readout, None))
    raise InputError(
        f"{type(network).__name__} is not a network whose step is known: give an "
        "nn.RNN, nn.GRU, nn.LSTM, one of this package's layer networks or wave RNNs, "
        "or a OneStep with the step as a function"
    )


def jacobians(step: OneStep, state: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """dh'/dh (state, state) and dh'/du (state, input) at a state, for input 0.

    Exact, by autograd: copies of the state are advanced at once, and copy i is
    differentiated by its i-th value.
    """
    h = torch.as_tensor(np.asarray(state, dtype=np.float64))
    rows_h, rows_u = [], []
    many = max(1, _MOST_COPIES // step.size)
    for first in range(0, step.size, many):
        units = torch.arange(first, min(first + many, step.size))
        copies = h.repeat(len(units), 1).requires_grad_()  # (unit, state)
        pushed = torch.zeros(len(units), step.inputs, dtype=h.dtype).requires_grad_()
        after = step.advance(copies, pushed)  # (unit, state)
        each = after[torch.arange(len(units)), units].sum()
        by_h, by_u = torch.autograd.grad(
            each, (copies, pushed), materialize_grads=True, allow_unused=True
        )
        rows_h.append(by_h)
        rows_u.append(by_u)
    return torch.cat(rows_h).numpy(), torch.cat(rows_u).numpy()


@torch.no_grad()
def trajectory(
    step: OneStep, inputs: np.ndarray, *, start: np.ndarray | None = None
) -> np.ndarray:
    """States h(1), ..., h(T) (batch, time, state) for inputs (batch, time, input).

    `start` (batch, state) is 0 if not given. The answers are states @ readout.T.
    """
    given = checked_inputs(step, inputs)
    if start is None:
        h = torch.zeros(len(given), step.size, dtype=torch.float64)
    else:
        h = torch.as_tensor(np.asarray(start, dtype=np.float64))
    states = []
    for u in given.unbind(1):
        h = step.advance(h, u)
        states.append(h)
    return torch.stack(states, dim=1).numpy()


def checked_inputs(step: OneStep, inputs: np.ndarray) -> Tensor:
    """Inputs (batch, time, input) in float64; `InputError` if they do not fit."""
    given = np.asarray(inputs, dtype=np.float64)
    if given.ndim != 3 or given.shape[2] != step.inputs or not given.shape[1]:
        raise InputError(
            f"the inputs are {given.shape}; this network takes (batch, time, "
            f"{step.inputs}) with at least one step"
        )
    if not np.isfinite(given).all():
        raise InputError("the inputs hold numbers that are not finite")
    return torch.as_tensor(given)


def real_matrix(values: ArrayLike, name: str) -> np.ndarray:
    """A matrix in float64; `InputError` if it is none, empty or not finite."""
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    found = np.asarray(values)
    if found.ndim != 2 or not found.size or found.dtype.kind not in "fiub":
        raise InputError(f"{name} is {found.dtype} {found.shape}, not a real matrix")
    if not np.isfinite(found).all():
        row, column = np.argwhere(~np.isfinite(found))[0]
        raise InputError(f"{name} is not finite at row {row}, column {column}")
    return found.astype(np.float64)


def _readout(given: ArrayLike | None, own: Tensor | None) -> Tensor:
    if given is not None:
        return torch.as_tensor(real_matrix(given, "readout"))
    if own is None:
        raise InputError(
            "this network has no linear readout of its states; give the matrix "
            "`readout` (output, unit) that its answers are read with"
        )
    return own.detach().flatten(1)


def _wave_step(network: WaveRNN, readout: Tensor) -> OneStep:
    field = network.site_bias.shape  # (feature, y, x)
    bias = network.total_bias()
    _fits(readout, network.state_size)

    def advance(h: Tensor, u: Tensor) -> Tensor:
        done = run_reference(
            u[:, None], network.u, network.V, bias, activation=network.activation,
            boundary=network.boundary, start=h.unflatten(1, field),
        )  # fmt: skip
        return done.last.flatten(1)

    return OneStep(advance, readout, network.V.shape[0])


def _layer_step(layer: nn.RNNBase, readout: Tensor) -> OneStep:
    if layer.bidirectional or layer.proj_size:
        raise InputError(
            "a bidirectional or projected layer has no single state that steps "
            "forward; give one without"
        )
    layers, units = layer.num_layers, layer.hidden_size
    _fits(readout, units)
    time = 1 if layer.batch_first else 0
    parts = 2 if isinstance(layer, nn.LSTM) else 1
    whole = readout.new_zeros(len(readout), parts * layers * units)
    whole[:, (layers - 1) * units : layers * units] = readout  # h of the last layer

    def advance(h: Tensor, u: Tensor) -> Tensor:
        # (part, layer, batch, unit)
        state = h.unflatten(1, (parts, layers, units)).permute(1, 2, 0, 3).contiguous()
        start = (state[0], state[1]) if parts == 2 else state[0]
        _, after = layer(u.unsqueeze(time), start)
        stacked = torch.stack(after if parts == 2 else (after,))
        return stacked.permute(2, 0, 1, 3).flatten(1)

    return OneStep(advance, whole, layer.input_size)


def _fits(readout: Tensor, units: int) -> None:
    if readout.shape[1] != units:
        raise InputError(
            f"the readout is {tuple(readout.shape)}; it is (output, {units}), as the "
            f"network has {units} units"
        )
