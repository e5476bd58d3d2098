"""Networks in motion: where pulses go, and steps against equations in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from pydantic import TypeAdapter
from scipy import ndimage, stats

from cortexwave.errors import InputError
from cortexwave.learning.building import build_network
from cortexwave.learning.network_documents import NetworkDocument
from cortexwave.learning.tasks import Shape

EXACT = 1e-12  # float64, sums of some hundred terms of order 1


def network(document, *, inputs=1, steps=7, outputs=3, seed=0, every_step=False):
    """A network in float64; the wave RNN's sequence by the plain loop."""
    shape = Shape(inputs, outputs, steps, every_step=every_step, loss="cross_entropy")
    return build_network(
        TypeAdapter(NetworkDocument).validate_python(document),
        shape=shape, seed=seed, dtype=torch.float64, backend="reference",
    )  # fmt: skip


def ring(units, **changes):
    """A wave RNN on a ring without biases, whose inputs are its sites."""
    return {
        "kind": "wave_rnn", "units": units, "biases": "one",
        "input": {"kind": "single_site_per_symbol"}, **changes,
    }  # fmt: skip


def pulse(site, *, sites, steps):
    """One pulse at one site at the first step, (1, step, site)."""
    inputs = torch.zeros(1, steps, sites, dtype=torch.float64)
    inputs[0, 0, site] = 1
    return inputs


def values(tensor):
    return tensor.detach().numpy()


@pytest.mark.parametrize(("velocity", "way"), [(1.0, -1), (-1.0, 1), (0.0, 0)])
def test_a_pulse_moves_one_site_per_step_to_lower_x_for_positive_velocity(
    velocity, way
):
    made = network(
        ring(20, recurrent={"kind": "shift", "velocity": velocity}), inputs=20
    )
    states = made.states(pulse(5, sites=20, steps=30))[0, :, 0, 0]
    expected = np.zeros((30, 20))
    expected[np.arange(30), (5 + way * np.arange(30)) % 20] = 1
    assert_array_equal(values(states), expected)


def test_each_channel_goes_at_its_own_velocity():
    recurrent = {"kind": "shift", "velocity": [1, -1, 0]}
    made = network(ring(9, channels=3, recurrent=recurrent), inputs=3)
    states = made.states(torch.eye(3, dtype=torch.float64)[:, None].repeat(1, 5, 1)
                         * torch.tensor([1.0, 0, 0, 0, 0])[None, :, None])  # fmt: skip
    where = [values(states)[d, 4, d, 0].argmax() for d in range(3)]
    assert where == [9 - 4, 4, 0]


def test_a_fraction_of_a_site_per_step_spreads_a_pulse_binomially():
    # the upwind step is a random walk: mean -v t, variance v (1 - v) t
    v, steps, sites = 0.3, 40, 101
    recurrent = {"kind": "shift", "velocity": v}
    made = network(ring(sites, recurrent=recurrent), inputs=sites)
    states = values(made.states(pulse(80, sites=sites, steps=steps + 1)))
    found = states[0, steps, 0, 0]
    moved = 80 - np.arange(sites)
    assert_allclose(found, stats.binom.pmf(moved, steps, v), atol=EXACT)
    mean = (found * moved).sum()
    variance = (found * (moved - mean) ** 2).sum()
    assert mean == pytest.approx(v * steps, rel=1e-9)
    assert variance == pytest.approx(v * (1 - v) * steps, rel=1e-9)


def test_a_pulse_on_a_sheet_moves_along_both_axes():
    recurrent = {"kind": "shift", "velocity": [[1.0, -1.0]]}
    document = ring(None, shape=[5, 6], recurrent=recurrent)
    made = network(document, inputs=30)
    states = made.states(pulse(3 * 6 + 2, sites=30, steps=3))[0, :, 0]
    assert_array_equal(np.argwhere(values(states)), [[0, 3, 2], [1, 2, 3], [2, 1, 4]])


def test_a_pulse_leaves_an_open_line_at_its_lower_end():
    made = network(ring(5, boundary="open"), inputs=5)
    states = values(made.states(pulse(1, sites=5, steps=3)))[0, :, 0, 0]
    assert_array_equal(states.sum(axis=1), [1, 1, 0])


def test_a_linear_ring_multiplies_a_fourier_mode_by_its_kernels_transform():
    n, mode = 16, 3
    document = ring(n, activation="identity", recurrent={"kind": "random"})
    made = network(document, inputs=n)
    x = np.exp(2j * np.pi * mode * np.arange(n) / n)
    inputs = torch.zeros(2, 2, n, dtype=torch.float64)
    inputs[:, 0] = torch.tensor(np.stack([x.real, x.imag]))
    states = values(made.states(inputs))[:, 1, 0, 0]
    kernel = values(made.u)[0, 0, 0]
    eigenvalue = (kernel * np.exp(2j * np.pi * mode * np.arange(-1, 2) / n)).sum()
    assert_allclose(states[0] + 1j * states[1], eigenvalue * x, atol=EXACT)


def test_before_training_no_symbol_is_known_from_another():
    # section 1.3: 6 active units of value 1.0 for each of the 10 symbols
    document = {"kind": "wave_rnn", "units": 100, "channels": 6, "biases": "one"}
    made = network(document, inputs=10)
    states = values(made.states(torch.eye(10, dtype=torch.float64)[:, None]))[:, 0]
    expected = np.zeros((10, 6, 1, 100))
    expected[..., 0] = 1.0
    assert_array_equal(states, expected)


def test_a_channels_bias_starts_in_its_published_range():
    document = {"kind": "wave_rnn", "units": 100, "channels": 6}
    made = network(document, inputs=10)
    assert 0 < abs(values(made.channel_bias)).max() <= 0.2358  # 1/sqrt(6 * 3)
    assert not values(made.site_bias).any()
    expected = np.broadcast_to(values(made.channel_bias)[:, None, None], (6, 1, 100))
    assert_array_equal(values(made.total_bias()), expected)


def test_biases_start_as_their_names_say():
    document = {
        "kind": "wave_rnn", "units": 100, "channels": 6, "site_bias": "uniform",
        "channel_bias": "zero",
    }  # fmt: skip
    made = network(document, inputs=10)
    assert 0.9 / np.sqrt(10) < abs(values(made.site_bias)).max() <= 1 / np.sqrt(10)
    assert not values(made.channel_bias).any()


@pytest.mark.parametrize(
    ("recurrent", "entering", "recurrent_starts", "input_starts"),
    [
        ("identity", "normal", False, True),
        ("random", "normal", True, True),
        ("shift", "single_site", False, False),
        ("identity", "uniform", False, True),
    ],
)
def test_a_dense_networks_biases_start_as_in_the_published_code(
    recurrent, entering, recurrent_starts, input_starts
):
    # its rnn_model.py: V's bias is zeroed with solo_init, U's unless init=rand
    document = {
        "kind": "identity_rnn", "units": 9, "recurrent": {"kind": recurrent},
        "input": {"kind": entering},
    }  # fmt: skip
    layer = network(document).layer
    assert bool(values(layer.bias_hh_l0).any()) == recurrent_starts
    assert bool(values(layer.bias_ih_l0).any()) == input_starts


@pytest.mark.parametrize("kind", ["wave_rnn", "local_rnn"])
def test_a_sites_bias_starts_at_zero_unless_the_input_map_is_dense(kind):
    document = {"kind": kind, "units": 9}
    named = network({**document, "input": {"kind": "single_site"}})
    dense = network({**document, "input": {"kind": "normal"}})
    assert not values(named.site_bias).any()
    assert values(dense.site_bias).all()


def test_frozen_weights_take_no_gradient_and_the_readout_does():
    document = {
        "kind": "wave_rnn", "units": 9, "train": {"recurrent": False, "input": False},
    }  # fmt: skip
    made = network(document)
    made(torch.ones(2, 7, 1, dtype=torch.float64)).sum().backward()
    trained = {
        name for name, value in made.named_parameters() if value.grad is not None
    }
    assert trained == {"readout.weight", "readout.bias"}


def test_a_dense_network_with_frozen_recurrence_still_trains_its_input():
    document = {"kind": "identity_rnn", "units": 9, "train": {"recurrent": False}}
    made = network(document)
    made(torch.ones(2, 7, 1, dtype=torch.float64)).sum().backward()
    frozen = {name for name, value in made.named_parameters() if value.grad is None}
    assert frozen == {"layer.weight_hh_l0", "layer.bias_hh_l0"}


def test_relabelling_changes_what_is_seen_and_nothing_that_is_done():
    document = {"kind": "wave_rnn", "units": 12, "channels": 2}
    wave = network(document)
    relabelled = network({**document, "kind": "relabelled_wave_rnn"})
    inputs = torch.rand(3, 7, 1, dtype=torch.float64)
    assert torch.equal(wave(inputs), relabelled(inputs))
    seen, shown = wave.states(inputs), relabelled.states(inputs)
    assert not torch.equal(seen, shown)
    assert torch.equal(seen[..., relabelled.order], shown)
    assert sorted(relabelled.order.tolist()) == list(range(12))


DENSE = {
    "kind": "identity_rnn", "units": 12, "input": {"kind": "single_site"},
    "input_bias": "zero",
}  # fmt: skip


def test_a_relabelled_dense_shift_runs_through_its_units_in_another_order():
    inputs = pulse(0, sites=1, steps=12)
    straight, other = (
        values(network({**DENSE, "recurrent": {"kind": kind}}).states(inputs))[
            0, :, 0, 0
        ]
        for kind in ("shift", "relabelled_shift")
    )
    order, shuffled = straight.argmax(axis=1), other.argmax(axis=1)
    assert_array_equal(order, -np.arange(12) % 12)
    assert sorted(shuffled) == list(range(12))
    assert_array_equal(straight[:, order], other[:, shuffled])


@pytest.mark.parametrize("kind", ["shift", "relabelled_shift"])
def test_relabelling_renames_what_enters_too(kind):
    # inputs 0 and 1 enter sites 0 and 6 of 12: what entered at 0 is there 6 steps on
    entering = {"kind": "single_site_per_symbol"}
    document = {**DENSE, "recurrent": {"kind": kind}, "input": entering}
    states = values(network(document, inputs=2).states(
        torch.eye(2, dtype=torch.float64)[:, None]
        * torch.eye(1, 7, dtype=torch.float64)[0, :, None]
    ))  # fmt: skip
    assert_array_equal(states[0, 6], states[1, 0])


def test_a_chain_carries_a_pulse_from_its_source_and_forgets_it_at_its_end():
    made = network({**DENSE, "recurrent": {"kind": "chain", "scale": 1.02}})
    states = values(made.states(pulse(0, sites=1, steps=14)))[0, :, 0, 0]
    expected = np.zeros((14, 12))
    expected[np.arange(12), np.arange(12)] = 1.02 ** np.arange(12)
    assert_allclose(states, expected, rtol=EXACT)


@pytest.mark.parametrize(
    ("activation", "f"), [("relu", lambda x: np.maximum(x, 0)), ("tanh", np.tanh)]
)
def test_a_dense_network_follows_its_equation(activation, f):
    made = network(
        {"kind": "identity_rnn", "units": 6, "activation": activation,
         "recurrent": {"kind": "random"}, "recurrent_bias": "uniform"},
        inputs=2,
    )  # fmt: skip
    weights = {name: values(value) for name, value in made.layer.named_parameters()}
    inputs, h, expected = np.random.default_rng(0).normal(size=(7, 2)), np.zeros(6), []
    for x in inputs:
        h = f(
            weights["weight_hh_l0"] @ h + weights["bias_hh_l0"]
            + weights["weight_ih_l0"] @ x + weights["bias_ih_l0"]
        )  # fmt: skip
        expected.append(h)
    states = values(made.states(torch.tensor(inputs)[None]))[0, :, 0, 0]
    assert_allclose(states, expected, atol=EXACT)


def oscillation(made, inputs, coupling):
    """Positions of the equation of coRNN (section 1.4) at every step."""
    y = z = np.zeros(made.V.shape[1:])
    positions = []
    for x in inputs:
        drive = np.tensordot(x, values(made.V), 1) + values(made.bias)
        force = np.tanh(drive + coupling(z, y))
        z = z + 0.1 * (force - 2.0 * y - 3.0 * z)
        y = y + 0.1 * z
        positions.append(y)
    return np.array(positions)


CONSTANTS = {"dt": 0.1, "gamma": 2.0, "epsilon": 3.0}


def test_coupled_oscillators_follow_their_equation():
    made = network({"kind": "coupled_oscillator", "units": 6, **CONSTANTS}, inputs=2)
    inputs = 3 * np.random.default_rng(0).normal(size=(7, 2))
    expected = oscillation(
        made, inputs, lambda z, y: z @ values(made.Wz).T + y @ values(made.Wy).T
    )
    states = values(made.states(torch.tensor(inputs)[None]))[0]
    assert_allclose(states, expected, atol=EXACT)


@pytest.mark.parametrize("kernel", [3, [1, 3], [5, 3]])
def test_a_neural_wave_machine_follows_its_equation_on_a_torus(kernel):
    made = network(
        {"kind": "neural_wave_machine", "shape": [5, 6], "kernel": kernel, **CONSTANTS},
        inputs=2,
    )

    def coupling(z, y):
        return sum(
            ndimage.correlate(state[0], values(weight)[0, 0], mode="wrap")
            + values(bias)
            for state, weight, bias in (
                (z, made.Wz, made.Wz_bias), (y, made.Wy, made.Wy_bias),
            )
        )[None]  # fmt: skip

    inputs = 3 * np.random.default_rng(0).normal(size=(7, 2))
    states = values(made.states(torch.tensor(inputs)[None]))[0]
    assert_allclose(states, oscillation(made, inputs, coupling), atol=EXACT)


def test_a_local_ring_with_equal_kernels_is_a_wave_rnn():
    document = {"units": 12, "channels": 2, "activation": "tanh"}
    local = network({"kind": "local_rnn", **document})
    wave = network({"kind": "wave_rnn", **document, "recurrent": {"kind": "random"}})
    with torch.no_grad():
        local.u.copy_(wave.u[:, :, 0].expand(12, -1, -1, -1))
        local.local_bias.copy_(wave.total_bias())
    inputs = torch.rand(3, 7, 1, dtype=torch.float64)
    assert_allclose(
        values(local.states(inputs)), values(wave.states(inputs)), atol=EXACT
    )


def test_each_site_of_a_local_ring_hears_through_its_own_kernel():
    sites, side = 7, 5
    document = {
        "kind": "local_rnn", "units": sites, "channels": 2, "kernel": side,
        "activation": "identity", "recurrent": {"kind": "random"},
        "input": {"kind": "normal", "std": 1.0},
    }  # fmt: skip
    made = network(document, inputs=1)
    inputs = torch.zeros(1, 2, 1, dtype=torch.float64)
    inputs[0, 0] = 1
    states = values(made.states(inputs))[0, :, :, 0]  # (step, feature, site)
    u, h = values(made.u), states[0]
    expected = [
        [
            sum(
                u[site, out, c, k] * h[c, (site + k - side // 2) % sites]
                for c in range(2)
                for k in range(side)
            )
            for site in range(sites)
        ]
        for out in range(2)
    ]
    bias = values(made.site_bias)[:, 0]
    assert_allclose(states[1], expected + bias, atol=EXACT)


def test_a_local_ring_starts_as_a_shift():
    made = network({"kind": "local_rnn", "units": 8})
    states = values(made.states(pulse(0, sites=1, steps=4)))[0, :, 0, 0]
    assert_array_equal(states.argmax(axis=1), [0, 7, 6, 5])


def test_the_linear_network_is_one_product():
    made = network({"kind": "linear"}, inputs=2)
    inputs = np.random.default_rng(0).normal(size=(4, 7, 2))
    expected = np.einsum("oti,bti->bo", values(made.weight), inputs) + values(made.bias)
    assert_allclose(values(made(torch.tensor(inputs))), expected, atol=EXACT)


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "wave_rnn", "units": 9},
        {"kind": "gru", "units": 9},
        {"kind": "linear"},
    ],
    ids=["wave_rnn", "gru", "linear"],
)
def test_inputs_of_another_width_are_refused(document):
    made = network(document, inputs=2)
    with pytest.raises(InputError, match=r"shape \(4, 7, 3\).*\(batch, time, 2\)"):
        made(torch.zeros(4, 7, 3, dtype=torch.float64))


def test_the_linear_network_wants_the_length_it_was_built_for():
    made = network({"kind": "linear"})
    with pytest.raises(
        InputError, match="8 steps; this linear layer has weights for 7"
    ):
        made(torch.zeros(1, 8, 1, dtype=torch.float64))


def test_the_linear_network_has_no_states_to_show():
    with pytest.raises(InputError, match="no states"):
        network({"kind": "linear"}).states(torch.zeros(1, 7, 1))
