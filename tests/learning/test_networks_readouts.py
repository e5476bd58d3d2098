"""Readouts against the sums that they stand for, taken over the states in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from pydantic import TypeAdapter

from cortexwave.errors import InputError
from cortexwave.learning.building import build_network
from cortexwave.learning.network_documents import NetworkDocument
from cortexwave.learning.readouts import fourier_courses
from cortexwave.learning.tasks import Shape

EXACT = 1e-12  # float64, sums of some hundred terms of order 1
WAVE = {"kind": "wave_rnn", "units": 9, "channels": 2}
KINDS = {"wave": WAVE, "dense": {"kind": "gru", "units": 8}}


def answered(document, readout, *, steps=12, every_step=False):
    """A network in float64, its answers and its states for two random sequences."""
    shape = Shape(3, 4, steps, every_step=every_step, loss="cross_entropy")
    made = build_network(
        TypeAdapter(NetworkDocument).validate_python({**document, "readout": readout}),
        shape=shape, seed=0, dtype=torch.float64, backend="reference",
    )  # fmt: skip
    draw = np.random.default_rng(1)
    inputs = torch.tensor(draw.normal(size=(2, steps, 3)))
    return made, made(inputs).detach().numpy(), made.states(inputs).numpy()


def mapped(weight, bias, states):
    """W h + b for states (..., feature, y, x)."""
    product = np.tensordot(states, weight.detach().numpy(), ((-3, -2, -1), (1, 2, 3)))
    return product + bias.detach().numpy()


@pytest.mark.parametrize("document", KINDS.values(), ids=KINDS)
def test_a_linear_readout_maps_the_state_of_every_step(document):
    made, answers, states = answered(document, {"kind": "linear"}, every_step=True)
    expected = mapped(made.readout.weight, made.readout.bias, states)
    assert_allclose(answers, expected, atol=EXACT)


@pytest.mark.parametrize("document", KINDS.values(), ids=KINDS)
def test_a_linear_readout_maps_the_last_state_where_one_answer_is_due(document):
    made, answers, states = answered(document, {"kind": "linear"})
    expected = mapped(made.readout.weight, made.readout.bias, states[:, -1])
    assert_allclose(answers, expected, atol=EXACT)


@pytest.mark.parametrize("every_step", [True, False])
@pytest.mark.parametrize("document", KINDS.values(), ids=KINDS)
def test_an_mlp_has_a_rectified_layer_between(document, every_step):
    readout = {"kind": "mlp", "hidden": 5}
    made, answers, states = answered(document, readout, every_step=every_step)
    hidden = np.maximum(mapped(made.readout.weight, made.readout.bias, states), 0)
    expected = (
        hidden @ made.readout.out_weight.detach().numpy().T
        + made.readout.out_bias.detach().numpy()
    )
    assert_allclose(answers, expected if every_step else expected[:, -1], atol=EXACT)


def from_parts(made, parts):
    """The answer from parts (batch, part, feature, y, x) of the time course."""
    weight = made.readout.weight.detach().numpy()
    return (
        np.tensordot(parts, weight, ((1, 2, 3, 4),) * 2)
        + made.readout.bias.detach().numpy()
    )


@pytest.mark.parametrize("document", KINDS.values(), ids=KINDS)
def test_trained_courses_weight_the_states_of_all_steps(document):
    readout = {"kind": "time_course", "courses": 3}
    made, answers, states = answered(document, readout)
    courses = made.readout.courses
    assert courses.requires_grad
    parts = np.einsum("kt,btfyx->bkfyx", courses.detach().numpy(), states)
    assert_allclose(answers, from_parts(made, parts), atol=EXACT)


@pytest.mark.parametrize("document", KINDS.values(), ids=KINDS)
def test_fourier_amplitudes_are_the_moduli_of_the_discrete_transform(document):
    readout = {"kind": "time_course", "basis": "fourier", "courses": 5}
    made, answers, states = answered(document, readout)
    parts = abs(np.fft.rfft(states, axis=1))[:, :5] / 12
    assert_allclose(answers, from_parts(made, parts), atol=EXACT)
    assert "readout.courses" not in dict(made.named_parameters())


@pytest.mark.parametrize("steps", [11, 12])
def test_fourier_parts_are_the_real_and_imaginary_ones_that_are_not_nothing(steps):
    most = steps // 2 + 1
    readout = {
        "kind": "time_course", "basis": "fourier", "courses": most, "parts": "cos_sin",
    }  # fmt: skip
    made, answers, states = answered(WAVE, readout, steps=steps)
    transform = np.fft.rfft(states, axis=1) / steps
    imaginary = transform.imag[:, 1 : (steps + 1) // 2]
    parts = np.concatenate([transform.real, imaginary], axis=1)
    assert parts.shape[1] == steps  # as many numbers as the course has
    assert_allclose(answers, from_parts(made, parts), atol=EXACT)


def test_fourier_courses_of_all_frequencies_are_orthogonal():
    courses = fourier_courses(7, 12, amplitude=False)
    product = courses @ courses.T
    assert_allclose(product, np.diag(np.diag(product)), atol=EXACT)


def test_silent_units_leave_the_gradient_of_amplitudes_finite():
    readout = {"kind": "time_course", "basis": "fourier", "courses": 3}
    # tanh: where relu is silent it passes no gradient, not even a NaN
    silent = {**WAVE, "channel_bias": "zero", "activation": "tanh"}
    made, _, _ = answered(silent, readout)
    made(torch.zeros(1, 12, 3, dtype=torch.float64)).sum().backward()
    assert all(value.grad.isfinite().all() for value in made.parameters())


@pytest.mark.parametrize("document", KINDS.values(), ids=KINDS)
def test_time_courses_of_another_length_are_refused(document):
    made, _, _ = answered(document, {"kind": "time_course", "courses": 3})
    with pytest.raises(InputError, match=r"10 steps; .* time courses of 12"):
        made(torch.zeros(1, 10, 3, dtype=torch.float64))


def test_only_a_linear_readout_is_told_as_one():
    linear, _, _ = answered(WAVE, {"kind": "linear"})
    mlp, _, _ = answered(WAVE, {"kind": "mlp"})
    courses, _, _ = answered(WAVE, {"kind": "time_course", "courses": 3})
    weight, bias = linear.linear_readout()
    assert weight.shape == (4, 2, 1, 9)
    assert bias.shape == (4,)
    assert mlp.linear_readout() is None
    assert courses.linear_readout() is None
