"""Parameter counts of every network against the published ones, and what it says."""

from __future__ import annotations

import pytest
import torch
from pydantic import TypeAdapter

from cortexwave.errors import InputError
from cortexwave.learning.building import build_network, summary
from cortexwave.learning.network_documents import NetworkDocument
from cortexwave.learning.tasks import Shape

COPY = Shape(10, 10, 30, every_step=True, loss="cross_entropy")
ADDING = Shape(2, 1, 100, every_step=False, loss="mean_squared_error")
PIXELS = Shape(1, 10, 784, every_step=False, loss="cross_entropy")
ROWS = Shape(96, 10, 1000, every_step=False, loss="cross_entropy")
MLP = {"kind": "mlp", "hidden": 100}

# total and without biases, as in Keller et al. (2024) and its code (2630b88)
PUBLISHED = [
    (COPY, {"kind": "wave_rnn", "units": 100, "channels": 6}, 12_724, 12_108),
    (COPY, {"kind": "identity_rnn", "units": 100}, 12_210, 12_000),
    (COPY, {"kind": "identity_rnn", "units": 625}, 404_385, 403_125),
    (PIXELS, {"kind": "wave_rnn", "units": 256, "channels": 16}, 49_946, 45_824),
    (
        PIXELS,
        {"kind": "wave_rnn", "units": 256, "channels": 16, "readout": MLP},
        419_686,
        415_464,
    ),
    (PIXELS, {"kind": "identity_rnn", "units": 256}, 68_874, 68_352),
    (PIXELS, {"kind": "local_rnn", "units": 256, "channels": 16}, 249_866, 241_664),
    (ADDING, {"kind": "wave_rnn", "units": 100, "channels": 27}, 13_015, 10_287),
    (ADDING, {"kind": "identity_rnn", "units": 100}, 10_501, 10_300),
    (ROWS, {"kind": "wave_rnn", "units": 256, "channels": 16}, 439_066, 434_944),
    (ROWS, {"kind": "identity_rnn", "units": 529}, 336_983, 335_915),
    # the linear layer on the 784 pixels
    (PIXELS, {"kind": "linear"}, 7_850, 7_840),
    # LSTM and GRU of the speed tables: 4 or 3 n (n + d + 2), and the readout
    (COPY, {"kind": "lstm", "units": 49}, 12_456, 12_054),
    (COPY, {"kind": "gru", "units": 57}, 12_379, 12_027),
    # coRNN of 128 units, "34k" in its paper: n (2 n + 1) + n, and the readout
    (
        PIXELS,
        {"kind": "coupled_oscillator", "units": 128, "dt": 0.04, "gamma": 2.7,
         "epsilon": 4.7},
        34_314,
        34_176,
    ),
    # two 3 x 3 kernels with a bias, the input's n + n and the readout's 10 n + 10
    (
        PIXELS,
        {"kind": "neural_wave_machine", "shape": [16, 16], "dt": 0.04, "gamma": 2.7,
         "epsilon": 4.7},
        3_102,
        2_834,
    ),
]  # fmt: skip


def network(document, shape=COPY, seed=0, **options):
    checked = TypeAdapter(NetworkDocument).validate_python(document)
    return build_network(checked, shape=shape, seed=seed, **options)


@pytest.mark.parametrize(("shape", "document", "total", "without"), PUBLISHED)
def test_parameters_are_as_many_as_published(shape, document, total, without):
    told = summary(network(document, shape))
    assert told["parameters"] == total
    assert told["parameters_without_biases"] == without


def assert_named(shape, document, weights):
    with pytest.raises(InputError) as caught:
        network(document, shape)
    assert f"'{document['kind']}' with about {weights:,} weights" in str(caught.value)
    assert f"{8 * weights:,} bytes" in str(caught.value)


@pytest.mark.parametrize(("shape", "document", "total", "without"), PUBLISHED)
def test_a_network_without_room_is_named_with_its_size(
    monkeypatch, shape, document, total, without
):
    def no_memory(*_):
        raise MemoryError

    monkeypatch.setattr("cortexwave.learning.building.network_made", no_memory)
    assert_named(shape, document, without)


def test_torchs_want_of_memory_is_named_and_other_faults_go_through(monkeypatch):
    told = "[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate"

    def fails(*_):
        raise RuntimeError(told)

    monkeypatch.setattr("cortexwave.learning.building.network_made", fails)
    assert_named(COPY, {"kind": "identity_rnn", "units": 100}, 12_000)
    told = "another fault"
    with pytest.raises(RuntimeError, match="another fault"):
        network({"kind": "identity_rnn", "units": 100})


def test_one_bias_leaves_out_the_channels_scalars():
    document = {"kind": "wave_rnn", "units": 100, "channels": 6, "biases": "one"}
    assert summary(network(document))["parameters"] == 12_724 - 6


def test_a_relabelled_wave_rnn_has_the_wave_rnns_parameters():
    document = {"kind": "relabelled_wave_rnn", "units": 100, "channels": 6}
    assert summary(network(document))["parameters"] == 12_724


def test_summary_tells_shapes_state_and_backend():
    document = {"kind": "wave_rnn", "units": 100, "channels": 6}
    told = summary(network(document, backend="reference"))
    assert told["kind"] == "wave_rnn"
    assert told["shapes"] == {
        "u": [6, 6, 1, 3], "V": [10, 6, 1, 100], "site_bias": [6, 1, 100],
        "channel_bias": [6], "readout.weight": [10, 6, 1, 100], "readout.bias": [10],
    }  # fmt: skip
    assert (told["state_size"], told["backend"]) == (600, "reference")


def test_frozen_parts_are_counted_but_not_trained():
    document = {"kind": "wave_rnn", "units": 100, "channels": 6}
    frozen = {**document, "train": {"recurrent": False, "input": False}}
    told = summary(network(frozen))
    assert told["parameters"] == 12_724
    assert told["parameters_trained"] == 10 * 600 + 10  # the readout


SMALL = Shape(3, 4, 7, every_step=False, loss="cross_entropy")
OSCILLATION = {"dt": 0.1, "gamma": 1.0, "epsilon": 1.0}
EVERY_KIND = [
    ({"kind": "wave_rnn", "units": 9, "channels": 2}, (2, 1, 9)),
    ({"kind": "wave_rnn", "shape": [5, 6], "channels": 2}, (2, 5, 6)),
    ({"kind": "relabelled_wave_rnn", "shape": [5, 6]}, (1, 5, 6)),
    ({"kind": "local_rnn", "units": 9, "channels": 2}, (2, 1, 9)),
    ({"kind": "identity_rnn", "units": 8}, (1, 1, 8)),
    ({"kind": "coupled_oscillator", "units": 8, **OSCILLATION}, (1, 1, 8)),
    ({"kind": "neural_wave_machine", "shape": [5, 6], **OSCILLATION}, (1, 5, 6)),
    ({"kind": "lstm", "units": 8}, (1, 1, 8)),
    ({"kind": "gru", "units": 8}, (1, 1, 8)),
]
KINDS = [f"{document['kind']}{field[1:]}" for document, field in EVERY_KIND]
READOUTS = {
    "linear": {"kind": "linear"},
    "mlp": {"kind": "mlp", "hidden": 5},
    "courses": {"kind": "time_course", "courses": 3},
    "fourier": {"kind": "time_course", "courses": 3, "basis": "fourier"},
}


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize(("document", "field"), EVERY_KIND, ids=KINDS)
def test_every_network_answers_once_and_learns_all_its_parts(document, field, readout):
    made = network({**document, "readout": READOUTS[readout]}, SMALL)
    answers = made(torch.rand(2, 7, 3))
    assert answers.shape == (2, 4)
    answers.square().sum().backward()
    assert all(value.grad.isfinite().all() for value in made.parameters())


@pytest.mark.parametrize("readout", ["linear", "mlp"])
@pytest.mark.parametrize(("document", "field"), EVERY_KIND, ids=KINDS)
def test_every_network_answers_at_every_step(document, field, readout):
    shape = Shape(3, 4, 7, every_step=True, loss="cross_entropy")
    made = network({**document, "readout": READOUTS[readout]}, shape)
    assert made(torch.rand(2, 5, 3)).shape == (2, 5, 4)


@pytest.mark.parametrize(("document", "field"), EVERY_KIND, ids=KINDS)
def test_every_network_shows_its_states_without_gradient(document, field):
    states = network(document, SMALL).states(torch.rand(2, 5, 3))
    assert states.shape == (2, 5, *field)
    assert not states.requires_grad


@pytest.mark.parametrize(("document", "field"), EVERY_KIND, ids=KINDS)
def test_one_seed_is_one_network_and_leaves_torchs_generator_alone(document, field):
    before = torch.random.get_rng_state()
    first, again = (network(document, SMALL, seed=3) for _ in range(2))
    assert torch.equal(before, torch.random.get_rng_state())
    for one, other in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(("document", "field"), EVERY_KIND, ids=KINDS)
def test_two_seeds_are_two_networks(document, field):
    first, second = (network(document, SMALL, seed=seed) for seed in (0, 1))
    assert not torch.equal(first(torch.ones(1, 7, 3)), second(torch.ones(1, 7, 3)))


@pytest.mark.parametrize(("document", "field"), EVERY_KIND, ids=KINDS)
def test_a_network_in_float32_is_the_one_in_float64_rounded(document, field):
    single, double = (
        network(document, SMALL, dtype=dtype)
        for dtype in (torch.float32, torch.float64)
    )
    for one, other in zip(single.parameters(), double.parameters(), strict=True):
        assert other.dtype == torch.float64
        assert torch.equal(one, other.float())
    assert double(torch.rand(1, 7, 3, dtype=torch.float64)).dtype == torch.float64


def test_parts_of_a_network_are_drawn_apart():
    document = {"kind": "coupled_oscillator", "units": 8, **OSCILLATION}
    made = network(document)
    assert not torch.equal(made.Wz, made.Wy)


def test_an_ablation_changes_what_it_names_and_nothing_else():
    document = {"kind": "wave_rnn", "units": 9, "channels": 2}
    whole = network(document).state_dict()
    ablated = network({**document, "recurrent": {"kind": "random"}}).state_dict()
    differ = {name for name in whole if not torch.equal(whole[name], ablated[name])}
    assert differ == {"u"}
