"""Elman networks without biases: their step, their counts, how they start."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from cortexwave.learning.building import build_network, summary
from cortexwave.learning.hidden_waves.one_step import jacobians, network_step
from cortexwave.learning.network_documents import NetworkDocument
from cortexwave.learning.tasks import Shape

HISTORY = Shape(8, 8, 32, every_step=True, loss="mean_squared_error", first_answer=8)
BARE = {
    "kind": "identity_rnn", "units": 128, "activation": "tanh", "biases": "none",
    "recurrent": {"kind": "random"}, "input": {"kind": "uniform", "over": "units"},
    "readout": {"kind": "linear", "bias": False},
}  # fmt: skip


def network(document, shape=HISTORY, **options):
    checked = TypeAdapter(NetworkDocument).validate_python(document)
    return build_network(checked, shape=shape, seed=0, **options)


def test_a_network_of_128_units_has_the_published_18_4_thousand_parameters():
    told = summary(network(BARE))
    # 128^2 + 128 * 8 in + 8 * 128 out, of the published code's demo on T1
    assert told["parameters"] == told["parameters_without_biases"] == 18_432


def test_leaving_out_the_biases_leaves_out_nothing_else():
    document = {**BARE, "biases": "two", "readout": {"kind": "linear"}}
    whole, bare = (dict(network(each).named_parameters()) for each in (document, BARE))
    assert {name for name in whole if name not in bare} == {
        "layer.bias_ih_l0", "layer.bias_hh_l0", "readout.bias"
    }  # fmt: skip
    for name, values in bare.items():
        assert torch.equal(values, whole[name])


@pytest.mark.parametrize("biases", ["none", "two"])
@pytest.mark.parametrize(
    ("activation", "f"),
    [("tanh", np.tanh), ("relu", lambda x: np.maximum(x, 0)), ("identity", np.array)],
)
def test_the_state_follows_elmans_equation(activation, f, biases):
    """h_t = f(W h + U x_t + b_ih + b_hh) and y = C h, written out (Elman 1990)."""
    document = {**BARE, "units": 5, "activation": activation, "biases": biases,
                "recurrent": {"kind": "random"}}  # fmt: skip
    if biases == "two":
        document |= {"input_bias": "uniform", "recurrent_bias": "uniform"}
    made = network(document, dtype=torch.float64)
    part = {name: p.detach().numpy() for name, p in made.named_parameters()}
    given = np.random.default_rng(1).standard_normal((3, 7, 8))
    push = given @ part["layer.weight_ih_l0"].T
    push = push + part.get("layer.bias_ih_l0", 0) + part.get("layer.bias_hh_l0", 0)
    h, said = np.zeros((3, 5)), []
    for step in range(7):
        h = f(h @ part["layer.weight_hh_l0"].T + push[:, step])
        said.append(h @ part["readout.weight"].reshape(8, 5).T)
    answers = made(torch.as_tensor(given)).detach().numpy()
    # float64 sums of at most 15 terms in another order, 7 times over
    np.testing.assert_allclose(answers, np.stack(said, axis=1), rtol=0, atol=1e-13)


def test_a_linear_network_can_be_started_from_a_state():
    layer = network({**BARE, "activation": "identity"}, dtype=torch.float64).layer
    given = torch.rand(2, 6, 8, dtype=torch.float64)
    whole, last = layer(given)
    _, half = layer(given[:, :3])
    rest, end = layer(given[:, 3:], half)
    # the same operations on the same numbers
    assert torch.equal(whole[:, 3:], rest) and torch.equal(last, end)


def test_a_linear_networks_step_is_its_matrices():
    made = network({**BARE, "units": 12, "activation": "identity"})
    part = {name: p.detach().double() for name, p in made.named_parameters()}
    by_state, by_input = jacobians(network_step(made), np.ones(12))
    assert np.array_equal(by_state, part["layer.weight_hh_l0"])
    assert np.array_equal(by_input, part["layer.weight_ih_l0"])


def test_weights_start_uniform_over_the_units_as_torchs_layers():
    parts = dict(network(BARE).named_parameters())
    bound = 1 / np.sqrt(128)
    for name in ("layer.weight_hh_l0", "layer.weight_ih_l0", "readout.weight"):
        largest = float(parts[name].detach().abs().max())
        # of 1,024 draws the largest misses the bound by 1 % once in e^10
        assert 0.99 * bound < largest <= bound


def test_an_orthogonal_start_has_its_scale_as_every_singular_value():
    scaled = network({**BARE, "recurrent": {"kind": "orthogonal", "scale": 0.8}})
    values = torch.linalg.svdvals(scaled.layer.weight_hh_l0.detach())
    # float32
    assert values.numpy() == pytest.approx(np.full(128, 0.8), abs=1e-5)


def test_a_wave_rnn_without_readout_bias_reads_out_with_zero():
    document = {"kind": "wave_rnn", "units": 9, "channels": 2,
                "readout": {"kind": "linear", "bias": False}}  # fmt: skip
    made = network(document)
    weight, bias = made.linear_readout()
    assert torch.equal(bias, torch.zeros(8))
    assert "readout.bias" not in dict(made.named_parameters())
    given = torch.rand(2, 5, 8)
    said = torch.einsum("btcyx,ocyx->bto", made.states(given), weight)
    # float32 sums of 18 terms
    torch.testing.assert_close(made(given), said, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["input_bias", "recurrent_bias"])
def test_how_a_bias_starts_is_no_question_where_there_is_none(name):
    with pytest.raises(ValidationError, match="there is none; it needs biases: two"):
        TypeAdapter(NetworkDocument).validate_python({**BARE, name: "zero"})
