"""How an answer depends on an input of long before: dy(t)/du(k), exactly.

For h' = W_hh h + W_uh u, y = W_r h' it is W_r W_hh^(t-k) W_uh, for a wave E_s'
Phi^(t-k) E_s: with every lag s, the identity whenever t - k is a multiple of s and
else 0, for all time (from Karuvally, Sejnowski & Siegelmann 2024, arXiv 2402.10163,
whose own bound is on a different derivative). A register that keeps what it is told
has the identity at every lag: it does not lose the input, but cannot say when it came.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike
from torch import nn

from cortexwave.errors import InputError, NotFiniteError
from cortexwave.learning.hidden_waves.histories import (
    checked_blocks,
    checked_steps,
    is_integer,
)
from cortexwave.learning.hidden_waves.one_step import (
    OneStep,
    checked_inputs,
    network_step,
    real_matrix,
)
from cortexwave.learning.hidden_waves.spectrum import companion


def memory_gradient(
    network: nn.Module | OneStep, inputs: np.ndarray, *, at: int = 0,
    readout: ArrayLike | None = None,
) -> xr.Dataset:  # fmt: skip
    """dy(at + lag)/du(at) of a network while it runs on inputs, by autograd.

    `inputs` (trial, time, input), from state 0. Gives `gradient` (trial, lag, output,
    input) and its Frobenius `norm` (trial, lag), lags 0 to time - 1 - at. Raises
    `NotFiniteError` for a network whose gradient leaves the range of numbers.
    """
    step = (
        network
        if isinstance(network, OneStep)
        else network_step(network, readout=readout)
    )
    given = checked_inputs(step, inputs)
    trials, steps, width = given.shape
    if not is_integer(at) or not 0 <= at < steps:
        raise InputError(f"at is {at!r}; the inputs have steps 0 to {steps - 1}")
    outputs = step.outputs
    # a copy of each trial for each answer: copy o is differentiated by answer o
    pushed = given.repeat_interleave(outputs, dim=0)  # (trial * output, time, input)
    seen = pushed[:, at].clone().requires_grad_()
    h = pushed.new_zeros(len(pushed), step.size)
    answer = torch.arange(outputs).repeat(trials)
    found = np.empty((trials, steps - at, outputs, width))
    own = []
    for t in range(steps):
        h = step.advance(h, seen if t == at else pushed[:, t])
        if t >= at:
            own.append((h * step.readout[answer]).sum())
    for lag, value in enumerate(own):
        (by_input,) = torch.autograd.grad(value, seen, retain_graph=True)
        found[:, lag] = by_input.unflatten(0, (trials, outputs)).numpy()
        if not np.isfinite(found[:, lag]).all():
            raise NotFiniteError(
                f"dy({at + lag})/du({at}) is not finite: the network's states or its "
                "gradient grow without end; give fewer steps"
            )
    return _labelled(found, source="autograd", at=int(at))


def linear_gradient(
    W_hh: ArrayLike, W_r: ArrayLike, W_uh: ArrayLike, *, lags: int
) -> xr.Dataset:
    """W_r W_hh^lag W_uh for lags 0 to lags - 1: `gradient` (lag, output, input)."""
    hidden, read, reached = (
        real_matrix(each, name)
        for each, name in ((W_hh, "W_hh"), (W_r, "W_r"), (W_uh, "W_uh"))
    )
    size = len(hidden)
    if (
        hidden.shape != (size, size)
        or read.shape[1] != size
        or reached.shape[0] != size
    ):
        raise InputError(
            f"W_hh {hidden.shape}, W_r {read.shape} and W_uh {reached.shape} do not "
            "fit each other: (state, state), (output, state), (state, input)"
        )
    found = np.empty((checked_steps(lags), len(read), reached.shape[1]))
    for lag in range(lags):
        found[lag] = read @ reached
        reached = hidden @ reached
    return _labelled(found, source="matrix powers")


def wave_gradient(blocks: np.ndarray, *, lags: int) -> xr.Dataset:
    """The theory's, E_s' Phi^lag E_s of a boundary B (site, dim, dim)."""
    blocks = checked_blocks(blocks)
    dims = blocks.shape[1]
    newest = np.eye(len(blocks) * dims)[:, -dims:]
    found = linear_gradient(companion(blocks), newest.T, newest, lags=lags)
    return found.assign_attrs(source="theory of the wave")


def register_gradient(dims: int, *, lags: int) -> xr.Dataset:
    """That of a memory which adds up its inputs and keeps them: I at every lag."""
    whole = np.eye(dims)
    found = linear_gradient(whole, whole, whole, lags=lags)
    return found.assign_attrs(source="register that keeps all")


def _labelled(gradient: np.ndarray, **attrs: Any) -> xr.Dataset:
    norm = np.sqrt((gradient**2).sum(axis=(-2, -1)))
    dims = ("trial", "lag", "output", "input")[-gradient.ndim :]
    coords = {name: np.arange(n) for name, n in zip(dims, gradient.shape, strict=True)}
    one = {"units": "1"}
    return xr.Dataset(
        {"gradient": (dims, gradient, one), "norm": (dims[:-2], norm, one)},
        coords,
        attrs,
    )
