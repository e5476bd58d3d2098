"""The sequence operation is the plain loop, and the plain loop is what was meant."""

from __future__ import annotations

import threading
from collections import deque

import numpy as np
import pytest
import torch

from cortexwave.errors import InputError, RunError
from cortexwave.learning import _sequence_memory
from cortexwave.learning.sequence_op import chosen_backend, run_sequence

BOUNDARIES = ("periodic", "open", "reflecting")
ACTIVATIONS = ("relu", "tanh", "identity", "sigmoid")
ALL = 2**28
NOTHING = 0  # as a budget: recompute in chunks
# Rings and sheets (ny, nx) with kernels (ky, kx), among them kernels as wide as the
# ring, rings that no group of sites divides, one tap only, and one site only.
SHAPES = [
    ((1, 8), (1, 3)), ((1, 7), (1, 5)), ((1, 7), (1, 7)), ((1, 6), (1, 1)),
    ((4, 5), (3, 3)), ((3, 6), (3, 5)), ((5, 4), (5, 1)), ((4, 4), (1, 3)),
    ((1, 1), (1, 1)),
]  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn(
    shape=(1, 8), kernel=(1, 3), features=2, *, batch=2, steps=5, inputs=2, seed=0,
    dtype=torch.float64,
):  # fmt: skip
    """Every tensor that `run_sequence` takes, drawn."""
    draw = torch.Generator().manual_seed(seed)
    state = (features, *shape)
    shapes = {
        "inputs": (batch, steps, inputs), "u": (features, features, *kernel),
        "V": (inputs, *state), "bias": state, "start": (batch, *state),
        "readout": (3, *state), "readout_bias": (3,), "courses": (2, steps),
    }  # fmt: skip
    return {
        name: 0.4 * torch.randn(size, generator=draw, dtype=torch.float64).to(dtype)
        for name, size in shapes.items()
    }


def everything(tensors, **how):
    """The pass and all it can give, as a tuple."""
    passed = run_sequence(**tensors, keep_states=True, **how)
    return passed.last, passed.readout, passed.courses, passed.states


def gradients(tensors, **how):
    """The pass, and the gradient of a sum of all it gives with drawn weights."""
    leaves = {name: x.clone().requires_grad_() for name, x in tensors.items()}
    given = everything(leaves, **how)
    draw = torch.Generator().manual_seed(1)
    weights = [torch.randn(x.shape, generator=draw, dtype=torch.float64) for x in given]
    loss = sum((x * w.to(x)).sum() for x, w in zip(given, weights, strict=True))
    return given, torch.autograd.grad(loss, list(leaves.values()))


def far(ones, others):
    """Greatest difference, of the greatest of each or of 1."""
    return max(
        float(((a - b).abs().max() / b.abs().max().clamp(min=1)).detach())
        for a, b in zip(ones, others, strict=True)
    )


# What the recurrence is


def pulse(boundary, steps, backend, *, at=1, n=6):
    """Courses of a pulse on a line under the shift: u is 1 in the last x tap."""
    u = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64).view(1, 1, 1, 3)
    start = torch.zeros(1, 1, 1, n, dtype=torch.float64)
    start[..., at] = 1.0
    still = torch.zeros(1, steps, 1, dtype=torch.float64)
    field = torch.zeros(1, 1, 1, n, dtype=torch.float64)
    passed = run_sequence(
        still, u, field, field[0], start=start, boundary=("periodic", boundary),
        keep_states=True, backend=backend,
    )  # fmt: skip
    return passed.states[0, :, 0, 0].tolist()


@pytest.mark.parametrize("backend", ["reference", "torch"])
def test_a_one_in_the_last_tap_moves_a_pulse_towards_decreasing_x(backend):
    assert pulse("periodic", 1, backend, at=3) == [[0, 0, 1, 0, 0, 0]]


@pytest.mark.parametrize("backend", ["reference", "torch"])
def test_the_pulse_comes_round_on_the_ring(backend):
    assert pulse("periodic", 2, backend)[1] == [0, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("backend", ["reference", "torch"])
def test_the_pulse_is_lost_at_an_open_end(backend):
    assert pulse("open", 2, backend) == [[1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize("backend", ["reference", "torch"])
def test_the_edge_site_is_repeated_beyond_a_reflecting_end(backend):
    # Sites beyond the far end are its image, so a state there stays and spreads back.
    assert pulse("reflecting", 2, backend, at=5) == [
        [0] * 4 + [1, 1],
        [0] * 3 + [1] * 3,
    ]


@pytest.mark.parametrize("backend", ["reference", "torch"])
def test_eigenvalues_of_the_linear_ring_are_the_dft_of_its_kernel(backend):
    n, taps = 9, np.array([0.2, -0.5, 0.7])
    u = torch.tensor(taps).view(1, 1, 1, 3)
    start = torch.eye(n, dtype=torch.float64).view(n, 1, 1, n)
    zero = torch.zeros(1, 1, 1, n, dtype=torch.float64)
    step = run_sequence(
        torch.zeros(n, 1, 1, dtype=torch.float64), u, zero, zero[0], start=start,
        activation="identity", backend=backend,
    ).last.reshape(n, n)  # fmt: skip
    k = np.arange(n)
    # Cross-correlation: tap d multiplies exp(+2 pi i k d / n), d = -1, 0, 1.
    due = sum(
        w * np.exp(2j * np.pi * k * d / n)
        for w, d in zip(taps, (-1, 0, 1), strict=True)
    )
    found = np.linalg.eigvals(step.T.numpy())
    assert np.abs(found[:, None] - due).min(axis=0).max() < 1e-12  # rounding


@pytest.mark.parametrize("backend", ["reference", "torch"])
def test_one_site_and_channel_follow_the_formula(backend):
    x, w, v, b, h = [0.5, -1.0, 2.0], 0.3, 0.7, 0.1, 0.2
    one = lambda value, *shape: torch.full(shape, value, dtype=torch.float64)  # noqa: E731
    passed = run_sequence(
        torch.tensor(x, dtype=torch.float64).view(1, 3, 1), one(w, 1, 1, 1, 1),
        one(v, 1, 1, 1, 1), one(b, 1, 1, 1), start=one(h, 1, 1, 1, 1),
        readout=one(2.0, 1, 1, 1, 1), readout_bias=one(-1.0, 1),
        courses=torch.tensor([[1.0, 10.0, 100.0]], dtype=torch.float64),
        activation="tanh", backend=backend,
    )  # fmt: skip
    due = []
    for drive in x:
        h = np.tanh(w * h + v * drive + b)
        due.append(h)
    assert passed.last.item() == pytest.approx(due[-1], rel=1e-14)
    read = passed.readout.flatten().tolist()
    assert read == pytest.approx([2 * h - 1 for h in due], rel=1e-14)
    assert passed.courses.item() == pytest.approx(
        due[0] + 10 * due[1] + 100 * due[2], rel=1e-14
    )


def test_the_loop_is_torchs_own_circular_convolution():
    tensors = drawn((1, 9), (1, 3), 3)
    layer = torch.nn.Conv1d(3, 3, 3, padding=1, padding_mode="circular").double()
    with torch.no_grad():
        layer.weight.copy_(tensors["u"][:, :, 0])
        layer.bias.zero_()
        drive = torch.einsum("bd,dfyx->bfyx", tensors["inputs"][:, 0], tensors["V"])
        due = layer(tensors["start"][:, :, 0]) + (drive + tensors["bias"])[:, :, 0]
    passed = run_sequence(**tensors, activation="identity", keep_states=True)
    torch.testing.assert_close(passed.states[:, 0, :, 0], due, rtol=1e-12, atol=1e-13)


# The operation is the loop


@pytest.mark.parametrize("budget", [ALL, NOTHING])
@pytest.mark.parametrize("features", [1, 3])
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(("shape", "kernel"), SHAPES)
def test_pass_and_gradients_are_those_of_the_loop(
    shape, kernel, boundary, features, budget
):
    tensors = drawn(shape, kernel, features)
    how = {"activation": "tanh", "boundary": (boundary, boundary)}
    given, slopes = gradients(tensors, backend="torch", budget=budget, **how)
    due, due_slopes = gradients(tensors, backend="reference", **how)
    assert far(given, due) < 1e-12
    assert far(slopes, due_slopes) < 1e-12  # sums of some hundred products


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("along_y", BOUNDARIES)
@pytest.mark.parametrize("along_x", BOUNDARIES)
def test_boundaries_may_differ_along_the_axes(along_y, along_x, activation):
    tensors = drawn((4, 5), (3, 3), 2)
    how = {"activation": activation, "boundary": (along_y, along_x)}
    given, slopes = gradients(tensors, backend="torch", **how)
    due, due_slopes = gradients(tensors, backend="reference", **how)
    assert far(given, due) < 1e-12
    assert far(slopes, due_slopes) < 1e-12


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(("shape", "kernel"), [((1, 5), (1, 3)), ((3, 4), (3, 3))])
@pytest.mark.parametrize("features", [1, 3])
def test_gradcheck(shape, kernel, boundary, activation, features):
    tensors = drawn(shape, kernel, features, batch=1, steps=3, inputs=1)
    names = list(tensors)
    # The states of this draw stay away from the corner of relu.
    leaves = [x.requires_grad_() for x in tensors.values()]

    def given(*values):
        return everything(
            dict(zip(names, values, strict=True)), activation=activation,
            boundary=(boundary, boundary), backend="torch",
        )  # fmt: skip

    assert torch.autograd.gradcheck(given, leaves, fast_mode=True)


def test_gradcheck_of_every_number_not_of_a_direction():
    tensors = drawn((1, 5), (1, 3), 2, batch=2, steps=4)
    names = list(tensors)
    leaves = [x.requires_grad_() for x in tensors.values()]

    def given(*values):
        return everything(dict(zip(names, values, strict=True)), activation="tanh",
                          boundary=("periodic", "reflecting"))  # fmt: skip

    assert torch.autograd.gradcheck(given, leaves)


@pytest.mark.parametrize("steps", [1, 2, 3, 17])
def test_chunks_change_nothing(steps):
    tensors = drawn(steps=steps, features=3)
    given, slopes = gradients(tensors, budget=ALL)
    chunked, chunked_slopes = gradients(tensors, budget=NOTHING)
    assert all(torch.equal(a, b) for a, b in zip(given, chunked, strict=True))
    # The same products, summed in float64 chunk by chunk: rounding only.
    assert far(chunked_slopes, slopes) < 1e-12


@pytest.mark.parametrize("asked", ["last", "readout", "courses", "states"])
@pytest.mark.parametrize("name", ["inputs", "u", "V", "bias", "start"])
def test_a_gradient_may_be_asked_of_one_argument_by_one_result(asked, name):
    tensors = drawn()

    def slope(backend):
        leaves = dict(tensors)
        leaves[name] = leaves[name].clone().requires_grad_()
        passed = run_sequence(**leaves, keep_states=True, backend=backend)
        return torch.autograd.grad(getattr(passed, asked).sum(), leaves[name])[0]

    assert far([slope("torch")], [slope("reference")]) < 1e-12


def test_without_start_the_state_begins_at_zero():
    tensors = drawn()
    zero = torch.zeros_like(tensors.pop("start"))
    assert torch.equal(
        run_sequence(**tensors).last, run_sequence(**tensors, start=zero).last
    )


def test_nothing_is_remembered_without_a_gradient_to_come():
    tensors = {name: x.requires_grad_() for name, x in drawn().items()}
    with torch.no_grad():
        passed = run_sequence(**tensors)
    assert passed.last.grad_fn is None
    assert passed.states is None


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_float32_is_the_same_code(boundary):
    tensors = drawn((1, 10), (1, 3), 4, steps=20)
    single = {name: x.float() for name, x in tensors.items()}
    how = {"boundary": ("open", boundary)}
    given, slopes = gradients(single, **how)
    due, due_slopes = gradients(tensors, **how)
    assert given[0].dtype == torch.float32
    # Twenty steps of sums of a dozen products, 6e-8 each.
    assert far(given, due) < 1e-5
    assert far(slopes, due_slopes) < 1e-5


def test_a_batch_too_large_for_one_tile_is_the_same(monkeypatch):
    from cortexwave.learning import _sequence_passes

    tensors = drawn(batch=75, features=3)
    due, due_slopes = gradients(tensors, backend="reference")
    monkeypatch.setattr(_sequence_passes, "_TILE", 1)
    for budget in (ALL, NOTHING):
        given, slopes = gradients(tensors, budget=budget)
        assert far(given, due) < 1e-12
        assert far(slopes, due_slopes) < 1e-12


def opcheck(**how):
    leaves = [x.requires_grad_() for x in drawn((1, 6), (1, 3)).values()]
    names = ("tanh", "periodic", "reflecting")
    operation = torch.ops.cortexwave.sequence.default
    torch.library.opcheck(operation, (*leaves, *names, True, True, ALL), **how)
    bare = [x.detach() for x in leaves[:4]] + [None] * 4
    torch.library.opcheck(operation, (*bare, *names, False, False, ALL), **how)


def test_opcheck():
    opcheck(test_utils=("test_schema", "test_autograd_registration", "test_faketensor"))


@pytest.mark.slow
def test_opcheck_under_compilation():
    opcheck(test_utils="test_aot_dispatch_dynamic")


def test_a_compiled_model_takes_it_whole():
    tensors = drawn()
    compiled = torch.compile(
        lambda **given: run_sequence(**given).last, fullgraph=True, backend="aot_eager"
    )
    assert torch.equal(compiled(**tensors), run_sequence(**tensors).last)


def test_not_finite_numbers_go_through():
    tensors = drawn()
    tensors["inputs"][0, 2] = float("nan")
    passed = run_sequence(**tensors)
    assert passed.last[0].isnan().any()
    assert passed.last[1].isfinite().all()


# Memory and order


def test_two_networks_alive_do_not_disturb_each_other():
    # Large enough to be lent, which `lent` does from 64 KiB on.
    first, second = (drawn((1, 64), features=4, batch=8, seed=s) for s in (1, 2))
    due, due_slopes = gradients(first, backend="reference")
    leaves = {name: x.clone().requires_grad_() for name, x in first.items()}
    given = everything(leaves)
    gradients(second)
    everything({name: x.clone().requires_grad_() for name, x in second.items()})
    draw = torch.Generator().manual_seed(1)
    loss = sum(
        (x * torch.randn(x.shape, generator=draw, dtype=torch.float64)).sum()
        for x in given
    )
    slopes = torch.autograd.grad(loss, list(leaves.values()), retain_graph=True)
    again = torch.autograd.grad(loss, list(leaves.values()))
    assert far(given, due) < 1e-12
    assert far(slopes, due_slopes) < 1e-12
    assert all(torch.equal(a, b) for a, b in zip(slopes, again, strict=True))


def test_threads_do_not_disturb_each_other():
    cases = [drawn((1, 64), features=4, batch=8, seed=seed) for seed in range(4)]
    due = [gradients(one)[1] for one in cases]
    found = {}

    def work(index):
        for _ in range(5):
            found[index] = gradients(cases[index])[1]

    workers = [threading.Thread(target=work, args=(k,)) for k in range(len(cases))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for index, slopes in found.items():
        assert all(torch.equal(a, b) for a, b in zip(slopes, due[index], strict=True))
    assert len(found) == len(cases)


def test_memory_is_lent_again_only_when_its_tensor_is_gone(monkeypatch):
    monkeypatch.setattr(_sequence_memory, "_free", deque())
    like = torch.zeros(1)
    first = _sequence_memory.lent((2**16,), like)
    place = first.data_ptr()
    view = first[3:]
    del first
    second = _sequence_memory.lent((2**16,), like)
    assert second.data_ptr() != place
    del view
    third = _sequence_memory.lent((2**16,), like)
    assert third.data_ptr() == place


@pytest.mark.parametrize("budget", [ALL, NOTHING])
def test_the_same_bits_from_call_to_call_and_for_two_threads(budget):
    tensors = drawn((1, 50), features=6, batch=32, steps=10, dtype=torch.float32)
    given, slopes = gradients(tensors, budget=budget)
    torch.set_num_threads(2)
    for _ in range(2):
        again, again_slopes = gradients(tensors, budget=budget)
        assert all(torch.equal(a, b) for a, b in zip(given, again, strict=True))
        assert all(torch.equal(a, b) for a, b in zip(slopes, again_slopes, strict=True))


def test_no_memory_names_the_budget_and_the_batch():
    tensors = drawn((1, 8), features=2)
    for name in ("start", "courses"):
        del tensors[name]
    # A view of one number as a sequence whose states take 10^16 bytes.
    tensors["inputs"] = torch.zeros(1, 1, 2, dtype=torch.float64).expand(
        10**7, 10**7, 2
    )
    with pytest.raises(RunError, match=r"10000000 sequences.*`budget`.*smaller batch"):
        run_sequence(**tensors, keep_states=True)


# Names


@pytest.mark.parametrize(
    ("backend", "device", "dtype", "due"),
    [
        ("auto", "cpu", torch.float32, "torch"),
        ("auto", "cpu", torch.float64, "torch"),
        ("auto", "cuda", torch.float32, "torch"),
        ("auto", "cpu", torch.bfloat16, "reference"),
        ("auto", "meta", torch.float32, "reference"),
        ("reference", "cpu", torch.float32, "reference"),
        ("torch", "cpu", torch.float32, "torch"),
    ],
)
def test_auto_is_the_operation_where_there_is_one(backend, device, dtype, due):
    assert chosen_backend(backend, device=device, dtype=dtype) == due


@pytest.mark.parametrize(
    ("backend", "dtype", "says"),
    [
        ("cuda", torch.float32, "'cuda' is not one of auto, reference, torch, triton"),
        ("triton", torch.float32, "not built in this version; use 'auto'"),
        ("torch", torch.float16, "no torch.float16 on 'cpu'"),
    ],
)
def test_a_backend_that_there_is_not_is_refused(backend, dtype, says):
    with pytest.raises(InputError, match=says):
        chosen_backend(backend, device="cpu", dtype=dtype)


def test_bfloat16_takes_the_loop():
    tensors = drawn(dtype=torch.bfloat16)
    assert run_sequence(**tensors).last.dtype == torch.bfloat16


def test_second_derivatives_are_refused_with_the_way_out():
    tensors = {name: x.requires_grad_() for name, x in drawn().items()}
    slope = torch.autograd.grad(
        run_sequence(**tensors).last.square().sum(), tensors["u"], create_graph=True
    )[0]
    with pytest.raises(RuntimeError, match="backend='reference'"):
        slope.sum().backward()


def test_the_loop_has_second_derivatives():
    tensors = drawn((1, 4), steps=2)
    u = tensors.pop("u").requires_grad_()

    def last(u):
        return run_sequence(u=u, **tensors, activation="tanh", backend="reference").last

    assert torch.autograd.gradgradcheck(last, u)


# Misuse


@pytest.mark.parametrize(
    ("name", "shape", "says"),
    [
        ("inputs", (2, 5), r"inputs is \(2, 5\); it is \(batch, time, input\)"),
        ("inputs", (2, 0, 2), "at least one sequence, one time step"),
        ("inputs", (0, 5, 2), "at least one sequence"),
        ("u", (2, 3, 1, 3), r"u is \(2, 3, 1, 3\), not \(2, 2, 1, 3\)"),
        ("u", (2, 2, 1, 4), "u has 4 taps along x; the number is odd"),
        ("u", (2, 2, 1, 9), "u has 9 taps along x, where there are 8 sites; at most 7"),
        ("u", (2, 2, 3, 3), "u has 3 taps along y, where there are 1 sites"),
        ("V", (3, 2, 1, 8), r"V is \(3, 2, 1, 8\), not \(2, 2, 1, 8\)"),
        ("start", (1, 2, 1, 8), r"start is .* not \(2, 2, 1, 8\)"),
        ("readout", (3, 2, 1, 9), r"readout is .* not \(3, 2, 1, 8\)"),
        ("readout_bias", (4,), r"readout_bias is \(4,\), not \(3,\)"),
        ("courses", (2, 6), r"courses is \(2, 6\), not \(2, 5\)"),
    ],
)
@pytest.mark.parametrize("backend", ["auto", "reference"])
def test_a_shape_that_does_not_fit_is_named(name, shape, says, backend):
    tensors = drawn()
    tensors[name] = torch.zeros(shape, dtype=torch.float64)
    with pytest.raises(InputError, match=says):
        run_sequence(**tensors, backend=backend)


def test_all_shapes_that_do_not_fit_are_told_at_once():
    tensors = drawn()
    tensors["courses"], tensors["start"] = tensors["courses"][0], tensors["start"][0]
    with pytest.raises(InputError, match=r"start is .*; courses is"):
        run_sequence(**tensors)


def test_a_readout_bias_needs_a_readout():
    tensors = drawn()
    del tensors["readout"]
    with pytest.raises(InputError, match="readout_bias is given without a readout"):
        run_sequence(**tensors)


def test_mixed_dtypes_are_named():
    tensors = drawn()
    tensors["V"] = tensors["V"].float()
    with pytest.raises(InputError, match=r"one dtype; .*V torch.float32"):
        run_sequence(**tensors)


def test_whole_numbers_are_refused():
    tensors = {name: x.long() for name, x in drawn().items()}
    with pytest.raises(InputError, match=r"inputs is torch.int64"):
        run_sequence(**tensors)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"activation": "gelu"}, "activation 'gelu' is not one of"),
        ({"boundary": ("periodic", "closed")}, "boundary 'closed' is not one of"),
        ({"boundary": "periodic"}, "one for y and one for x"),
    ],
)
def test_names_that_there_are_not_are_refused(how, says):
    with pytest.raises(InputError, match=says):
        run_sequence(**drawn(), **how)


@pytest.mark.gpu
def test_a_cuda_device_gives_what_the_cpu_gives():
    tensors = drawn((1, 50), features=6, batch=32, steps=10)
    on_device = {name: x.cuda() for name, x in tensors.items()}
    given, slopes = gradients(on_device)
    due, due_slopes = gradients(tensors)
    assert far([x.cpu() for x in given], due) < 1e-12
    assert far([x.cpu() for x in slopes], due_slopes) < 1e-11
