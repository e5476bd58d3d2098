"""One step of any network is its own sequence's; where it rests is found, or said."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from scipy.optimize import brentq
from torch import nn

from cortexwave.errors import InputError
from cortexwave.learning.building import build_network
from cortexwave.learning.hidden_waves.fixed_point import find_fixed_point, linearise
from cortexwave.learning.hidden_waves.one_step import (
    OneStep,
    jacobians,
    matrices_step,
    network_step,
    trajectory,
)
from cortexwave.learning.network_documents import NetworkDocument
from cortexwave.learning.tasks import Shape


def built(document, *, inputs=3, outputs=2):
    shape = Shape(inputs, outputs, 9, every_step=True, loss="mean_squared_error")
    return build_network(
        TypeAdapter(NetworkDocument).validate_python(document),
        shape=shape, seed=1, dtype=torch.float64, backend="reference",
    )  # fmt: skip


def drawn_inputs(width=3):
    return np.random.default_rng(0).standard_normal((4, 9, width))


OURS = {
    "identity_rnn": {"kind": "identity_rnn", "units": 7, "activation": "tanh"},
    "relu": {"kind": "identity_rnn", "units": 7},
    "lstm": {"kind": "lstm", "units": 7},
    "gru": {"kind": "gru", "units": 7},
    "wave_rnn": {"kind": "wave_rnn", "units": 6, "channels": 2, "activation": "tanh"},
    "sheet": {"kind": "wave_rnn", "shape": [3, 4], "kernel": 3, "boundary": "open"},
}


@pytest.mark.parametrize("kind", OURS)
def test_steps_of_our_networks_answer_as_the_networks_do(kind):
    network = built(OURS[kind])
    step = network_step(network)
    states = trajectory(step, drawn_inputs())
    found = states @ step.readout.numpy().T + network.readout.bias.detach().numpy()
    whole = network(torch.as_tensor(drawn_inputs())).detach().numpy()
    np.testing.assert_allclose(found, whole, atol=1e-12)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_steps_of_torch_layers_are_their_sequences(kind, batch_first):
    layer = kind(3, 5, num_layers=2, batch_first=batch_first, dropout=0.5).double()
    step = network_step(layer, readout=np.eye(5))
    assert step.size == (20 if kind is nn.LSTM else 10)
    states = trajectory(step, drawn_inputs())
    given = torch.as_tensor(drawn_inputs())
    with torch.no_grad():
        whole, _ = layer.eval()(given if batch_first else given.transpose(0, 1))
    whole = whole if batch_first else whole.transpose(0, 1)
    # the readout reads the last layer's h
    np.testing.assert_allclose(states @ step.readout.numpy().T, whole, atol=1e-12)


def test_the_network_itself_is_left_as_it_was():
    layer = nn.RNN(3, 5, dropout=0.0)
    find_fixed_point(network_step(layer, readout=np.eye(2, 5)))
    assert layer.weight_hh_l0.dtype == torch.float32
    assert layer.weight_hh_l0.requires_grad
    assert layer.weight_hh_l0.grad is None
    assert layer.training


def test_jacobian_of_tanh_is_its_derivative_times_the_weights():
    rng = np.random.default_rng(2)
    W, U, b, h = (rng.standard_normal(n) for n in ((6, 6), (6, 2), 6, 6))
    step = matrices_step(W, np.eye(2, 6), U, activation="tanh", bias=b)
    by_h, by_u = jacobians(step, h)
    slope = 1 - np.tanh(W @ h + b) ** 2
    np.testing.assert_allclose(by_h, slope[:, None] * W, atol=1e-14)
    np.testing.assert_allclose(by_u, slope[:, None] * U, atol=1e-14)


@pytest.mark.parametrize("kind", ["lstm", "wave_rnn"])
def test_jacobian_of_other_networks_is_a_difference_quotient(kind):
    step = network_step(built(OURS[kind]))
    h = 0.3 * np.random.default_rng(5).standard_normal(step.size)
    by_h, _ = jacobians(step, h)
    nudges = 1e-6 * np.eye(step.size)
    after = [
        trajectory(step, np.zeros((step.size, 1, 3)), start=h + sign * nudges)[:, 0]
        for sign in (1.0, -1.0)
    ]
    quotient = (after[0] - after[1]).T / 2e-6
    # central differences err by rounding / 1e-6
    np.testing.assert_allclose(by_h, quotient, atol=1e-8)


def test_jacobian_in_parts_is_the_whole_one(monkeypatch):
    step = network_step(built(OURS["gru"]))
    whole = jacobians(step, np.full(7, 0.1))
    from cortexwave.learning.hidden_waves import one_step

    monkeypatch.setattr(one_step, "_MOST_COPIES", 21)  # three units at a time
    for found, expected in zip(jacobians(step, np.full(7, 0.1)), whole, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-15)


def test_zero_is_the_fixed_point_without_biases():
    W = np.linalg.qr(np.random.default_rng(0).standard_normal((9, 9)))[0]
    found = find_fixed_point(matrices_step(W, np.eye(2, 9), activation="tanh"))
    assert found.residual == 0.0
    np.testing.assert_array_equal(found.point, 0.0)
    np.testing.assert_allclose(found.A, W, atol=1e-15)
    assert not found.kinked


def test_fixed_point_with_biases_solves_the_equation():
    # units without coupling: h = tanh(w h + b), one by one
    w, b = np.array([0.5, -0.8, 0.9]), np.array([0.3, -1.0, 0.05])
    step = matrices_step(np.diag(w), np.eye(3), activation="tanh", bias=b)
    found = find_fixed_point(step)
    expected = [brentq(lambda h, w=w[i], b=b[i]: np.tanh(w * h + b) - h, -2, 2,
                       xtol=1e-14) for i in range(3)]  # fmt: skip
    np.testing.assert_allclose(found.point, expected, atol=1e-10)
    assert found.stands_still
    assert found.found == 1


def test_several_fixed_points_are_counted_and_the_nearest_taken():
    # tanh(2 h) = h at 0 and at +- 0.9575
    step = matrices_step([[2.0]], [[1.0]], activation="tanh")
    away = brentq(lambda h: np.tanh(2 * h) - h, 0.5, 1.5, xtol=1e-14)
    found = find_fixed_point(step, starts=[[0.8], [-1.0], [0.0]])
    assert found.found == 3
    assert found.point[0] == pytest.approx(away, abs=1e-10)
    assert found.A[0, 0] == pytest.approx(2 * (1 - away**2), abs=1e-9)


def test_network_that_never_rests_says_how_far_it_is_from_it():
    # h' = h + 0.25: no fixed point; every state moves by 0.25
    step = matrices_step([[1.0]], [[1.0]], activation="identity", bias=[0.25])
    found = find_fixed_point(step)
    assert found.residual == pytest.approx(0.25)
    assert not found.stands_still
    assert found.found == 0


def test_network_that_keeps_a_memory_has_a_line_of_fixed_points():
    # F(h) - h is singular: eigenvalue 1; the start is projected on the line
    W = np.array([[0.5, 0.5], [0.5, 0.5]])
    step = matrices_step(W, np.eye(1, 2), activation="identity")
    found = find_fixed_point(step, starts=[[1.0, 0.0]])
    np.testing.assert_allclose(found.point, [0.5, 0.5], atol=1e-7)
    assert found.stands_still


def test_gated_network_rests_where_its_own_sequence_does():
    step = network_step(built(OURS["gru"]))
    found = find_fixed_point(step)
    assert found.stands_still
    later = trajectory(step, np.zeros((1, 400, 3)), start=found.point[None])[0, -1]
    # 400 steps of a contraction stay where they are
    np.testing.assert_allclose(later, found.point, atol=1e-7)


def test_corner_of_a_relu_is_told():
    step = matrices_step(np.eye(3), np.eye(3), activation="relu")
    assert linearise(step, np.zeros(3)).kinked
    assert not linearise(step, np.ones(3)).kinked
    tanh = matrices_step(3 * np.eye(3), np.eye(3), activation="tanh")
    assert not linearise(tanh, np.full(3, 0.4)).kinked


def test_any_function_will_do_as_a_step():
    step = OneStep(lambda h, u: torch.sin(h) + u, torch.eye(2, dtype=torch.float64), 2)
    by_h, by_u = jacobians(step, [0.3, 0.5])
    np.testing.assert_allclose(by_h, np.diag(np.cos([0.3, 0.5])), atol=1e-15)
    np.testing.assert_array_equal(by_u, np.eye(2))


def test_search_leaves_the_global_generators_alone():
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    state = np.random.get_state()[1].copy()
    find_fixed_point(network_step(built(OURS["gru"])))
    assert torch.equal(before, torch.random.get_rng_state())
    np.testing.assert_array_equal(state, np.random.get_state()[1])


@pytest.mark.parametrize(
    ("make", "culprit"),
    [
        (lambda: network_step(nn.Linear(3, 3)), "Linear is not a network whose step"),
        (lambda: network_step(nn.RNN(3, 5)), "no linear readout.*give the matrix"),
        (lambda: network_step(nn.RNN(3, 5), readout=np.eye(2, 6)),
         r"readout is \(2, 6\); it is \(output, 5\)"),
        (lambda: network_step(nn.RNN(3, 5, bidirectional=True), readout=np.eye(2, 5)),
         "bidirectional or projected"),
        (lambda: network_step(built({**OURS["gru"], "readout": {"kind": "mlp",
                                                                "hidden": 4}})),
         "no linear readout"),
        (lambda: find_fixed_point(matrices_step(np.eye(3), np.eye(3),
                                  activation="tanh"), starts=[[1.0, 2.0]]),
         "a state of this network has 3"),
        (lambda: linearise(matrices_step(np.eye(2), np.eye(2), activation="tanh"),
                           [np.nan, 0]), "not finite"),
        (lambda: matrices_step(np.eye(2, dtype=complex), np.eye(2),
                               activation="tanh"), "complex128"),
    ],
)  # fmt: skip
def test_what_has_no_step_is_refused(make, culprit):
    with pytest.raises(InputError, match=culprit):
        make()
