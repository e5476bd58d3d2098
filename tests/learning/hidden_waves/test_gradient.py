"""dy(t)/du(k) is the theory's for linear networks, and its derivative for others."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from cortexwave.errors import InputError, NotFiniteError
from cortexwave.learning.hidden_waves.gradient import (
    linear_gradient,
    memory_gradient,
    register_gradient,
    wave_gradient,
)
from cortexwave.learning.hidden_waves.one_step import matrices_step, trajectory
from cortexwave.learning.hidden_waves.spectrum import companion
from cortexwave.learning.hidden_waves.systems import TASKS, run


def hidden(blocks, *, units, seed=0):
    """W_hh, W_r, W_uh of a linear network with the theory in a random basis."""
    dims = blocks.shape[1]
    phi = companion(blocks)
    Psi = np.random.default_rng(seed).standard_normal((units, len(phi)))
    dual = np.linalg.pinv(Psi)
    return Psi @ phi @ dual, dual[-dims:], Psi[:, -dims:]


@pytest.mark.parametrize("name", ["T1", "T2", "T3", "T4"])
def test_autograd_is_the_product_of_the_matrices(name):
    matrices = hidden(TASKS[name].blocks(), units=80)
    step = matrices_step(*matrices, activation="identity")
    inputs = np.random.default_rng(1).standard_normal((2, 26, 8))
    found = memory_gradient(step, inputs, at=3)
    assert found.gradient.dims == ("trial", "lag", "output", "input")
    assert found.sizes["lag"] == 23
    W_hh, W_r, W_uh = matrices
    power = np.linalg.matrix_power
    expected = np.stack([W_r @ power(W_hh, lag) @ W_uh for lag in range(23)])
    for trial in range(2):
        np.testing.assert_allclose(found.gradient[trial], expected, atol=1e-11)
    np.testing.assert_allclose(
        linear_gradient(*matrices, lags=23).gradient, expected, atol=1e-11
    )
    np.testing.assert_allclose(
        wave_gradient(TASKS[name].blocks(), lags=23).gradient, expected, atol=1e-11
    )


def test_equal_lags_give_the_identity_once_a_turn_for_ever():
    found = wave_gradient(TASKS["T1"].blocks(), lags=801)
    turns = found.lag.values % 8 == 0
    np.testing.assert_array_equal(
        found.gradient[turns], np.tile(np.eye(8), (101, 1, 1))
    )
    np.testing.assert_array_equal(found.gradient[~turns], 0.0)
    np.testing.assert_allclose(found.norm[turns], np.sqrt(8))  # Frobenius of I_8


def test_wave_gradient_is_the_response_of_the_system_to_one_vector():
    # column j: the run of f from a history that holds only e_j, at its newest site
    copy = TASKS["T3"]
    history = np.zeros((8, 8, 8))
    history[np.arange(8), -1, np.arange(8)] = 1.0
    later = run(copy.system(), history, 40)  # (input, step, output)
    found = wave_gradient(copy.blocks(), lags=41).gradient.values
    np.testing.assert_array_equal(found[1:], later.transpose(1, 2, 0))


def test_register_keeps_the_identity_at_every_lag():
    found = register_gradient(3, lags=50)
    np.testing.assert_array_equal(found.gradient, np.tile(np.eye(3), (50, 1, 1)))


def test_nonlinear_gradient_is_a_difference_quotient():
    rng = np.random.default_rng(4)
    W_hh = 1.3 * np.linalg.qr(rng.standard_normal((12, 12)))[0]
    step = matrices_step(W_hh, rng.standard_normal((2, 12)),
                         rng.standard_normal((12, 3)), activation="tanh")  # fmt: skip
    inputs = rng.standard_normal((1, 7, 3))
    found = memory_gradient(step, inputs, at=1).gradient[0].values

    def answers(given):
        return trajectory(step, given)[0, 1:] @ step.readout.numpy().T  # (lag, output)

    for i in range(3):
        nudge = np.zeros_like(inputs)
        nudge[0, 1, i] = 1e-5
        quotient = (answers(inputs + nudge) - answers(inputs - nudge)) / 2e-5
        # central differences err by h^2 and by rounding / h: 1e-10
        np.testing.assert_allclose(found[:, :, i], quotient, atol=1e-8)


def test_untrained_network_forgets_as_measured():
    # specification, 1.7: torch's default initial values, T1's sizes: the norm of
    # dy(8 + tau)/du(0) is about 2.0e-3, 1.7e-5, 2.6e-9 at tau = 0, 8, 24
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layer = nn.RNN(8, 128, bias=False, batch_first=True)
        readout = nn.Linear(128, 8, bias=False)
    inputs = np.zeros((16, 33, 8))
    inputs[:, :8] = np.random.default_rng(0).choice([-1.0, 1.0], (16, 8, 8))
    found = memory_gradient(layer, inputs, readout=readout.weight).norm.mean("trial")
    # other draws of the weights differ by factors: to one order of magnitude
    expected = np.log10([2.0e-3, 1.7e-5, 2.6e-9])
    np.testing.assert_allclose(np.log10(found[[8, 16, 32]]), expected, atol=1.0)


def test_layer_of_torch_agrees_with_its_matrices():
    layer = nn.RNN(2, 6, bias=False, batch_first=False, num_layers=1)
    readout = np.eye(2, 6)
    inputs = np.random.default_rng(0).standard_normal((3, 5, 2))
    found = memory_gradient(layer, inputs, readout=readout)
    step = matrices_step(layer.weight_hh_l0, readout, layer.weight_ih_l0,
                         activation="tanh")  # fmt: skip
    same = memory_gradient(step, inputs)
    np.testing.assert_allclose(found.gradient, same.gradient, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("inputs", "at", "culprit"),
    [
        (np.zeros((1, 5, 3)), 0, r"inputs are \(1, 5, 3\).*\(batch, time, 2\)"),
        (np.zeros((5, 2)), 0, r"inputs are \(5, 2\)"),
        (np.full((1, 5, 2), np.nan), 0, "not finite"),
        (np.zeros((1, 5, 2)), 5, "at is 5; the inputs have steps 0 to 4"),
        (np.zeros((1, 5, 2)), -1, "at is -1"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs, at, culprit):
    step = matrices_step(np.eye(4), np.eye(2, 4), np.eye(4, 2), activation="identity")
    with pytest.raises(InputError, match=culprit):
        memory_gradient(step, inputs, at=at)


def test_gradient_that_grows_without_end_is_named():
    step = matrices_step([[1e200]], [[1.0]], [[1.0]], activation="identity")
    with pytest.raises(NotFiniteError, match=r"dy\(2\)/du\(0\) is not finite"):
        memory_gradient(step, np.zeros((1, 4, 1)))


def test_matrices_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="do not fit each other"):
        linear_gradient(np.eye(3), np.eye(2, 3), np.eye(4, 2), lags=4)
    with pytest.raises(InputError, match="steps is 0"):
        linear_gradient(np.eye(3), np.eye(2, 3), np.eye(3, 2), lags=0)
