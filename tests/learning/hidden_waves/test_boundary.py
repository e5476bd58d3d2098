"""Boundaries: Phi as a matrix and as an operator, functions and torch modules."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator, eigs

from cortexwave.errors import InputError, NotFiniteError
from cortexwave.learning.hidden_waves.boundary import (
    FunctionBoundary,
    LinearBoundary,
    boundary_of,
)
from cortexwave.learning.hidden_waves.systems import (
    TASKS,
    HistorySystem,
    SignedCopy,
    fibonacci,
    random_linear,
)


def a_boundary(dims=3, sites=4, seed=0):
    return LinearBoundary(random_linear(dims, sites, seed=seed, radius=1.0).linear)


def test_phi_is_a_shift_and_a_last_row_of_blocks():
    # two sites, two dims, written out
    blocks = np.array([[[1.0, 2], [3, 4]], [[5, 6], [7, 8]]])
    expected = [[0, 0, 1, 0], [0, 0, 0, 1], [1, 2, 5, 6], [3, 4, 7, 8]]
    assert LinearBoundary(blocks).operator().tolist() == expected


def test_phi_of_repeat_copy_is_a_permutation():
    phi = LinearBoundary(TASKS["T1"].blocks()).operator()
    assert np.array_equal(phi @ phi.T, np.eye(64))
    assert np.array_equal(np.linalg.matrix_power(phi, 8), np.eye(64))


def test_phi_without_its_shift_has_at_most_rank_d():
    phi = a_boundary(dims=3, sites=5).operator()
    assert np.linalg.matrix_rank(phi - np.eye(15, k=3)) == 3


def test_the_operator_applied_is_the_matrix_applied():
    boundary = a_boundary()
    x = np.random.default_rng(1).standard_normal((5, 2, 12))
    assert np.abs(boundary.apply(x) - x @ boundary.operator().T).max() < 1e-14


def test_the_operator_takes_complex_states():
    boundary = a_boundary()
    values, vectors = np.linalg.eig(boundary.operator())
    assert np.abs(boundary.apply(vectors.T) - (vectors * values).T).max() < 1e-13


def test_phi_is_never_formed_to_be_applied():
    # sites * dims = 20,000: Phi would take 3.2 GB
    copy = SignedCopy(sources=(1, 0), lags=(10_000, 3), signs=(1, -1), sites=10_000)
    boundary, x = LinearBoundary(copy.blocks()), np.arange(20_000.0)
    tracemalloc.start()
    found = boundary.apply(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.array_equal(found[:-2], x[2:]) and found[-2:].tolist() == [1, -19_994]
    assert peak < 8 * 10 * len(x)  # ten states, not 20,000


def test_the_operator_serves_iterative_solvers():
    boundary = a_boundary(dims=4, sites=30)
    operator = LinearOperator((120, 120), matvec=boundary.apply, dtype=float)
    found = eigs(operator, k=3, return_eigenvectors=False, v0=np.ones(120))
    # drawn with radius 1; ARPACK converges to rounding
    assert np.abs(found).max() == pytest.approx(1.0, abs=1e-9)


def test_a_linear_boundary_knows_the_lags_it_reads():
    assert LinearBoundary(TASKS["T1"].blocks()).lags == (8,)
    assert LinearBoundary(TASKS["T2"].blocks()).lags == tuple(range(1, 9))
    assert LinearBoundary(np.zeros((3, 2, 2))).lags == ()


def test_the_blocks_of_a_boundary_do_not_change_behind_its_back():
    blocks = np.zeros((2, 1, 1))
    boundary = LinearBoundary(blocks)
    blocks[:] = 7.0
    assert boundary(np.ones((2, 1))).tolist() == [0.0]


@pytest.mark.parametrize("system", [fibonacci(2, 3), TASKS["T4"].system()])
def test_the_boundary_of_a_linear_system_is_its_f(system):
    boundary = boundary_of(system)
    history = np.random.default_rng(0).integers(-9, 9, (6, system.sites, system.dims))
    assert isinstance(boundary, LinearBoundary)
    assert np.array_equal(boundary(history), system.f(history))


def test_the_boundary_of_any_other_system_is_its_function():
    system = HistorySystem(2, 2, "sine", lambda history: np.sin(history[..., 0, :]))
    boundary = boundary_of(system)
    history = np.ones((3, 2, 2))
    assert isinstance(boundary, FunctionBoundary) and boundary.name == "sine"
    assert np.array_equal(boundary(history), np.sin(np.ones((3, 2))))


class Mixing(torch.nn.Module):
    """tanh of a linear map of the whole history."""

    def __init__(self, sites, dims, dtype):
        super().__init__()
        self.map = torch.nn.Linear(sites * dims, dims, dtype=dtype)

    def forward(self, history):  # (batch, site, dim)
        return torch.tanh(self.map(history.flatten(1)))


@pytest.mark.parametrize("lead", [(), (4,), (2, 3)])
@pytest.mark.parametrize("dtype, near", [(torch.float64, 1e-15), (torch.float32, 1e-6)])
def test_a_module_is_a_boundary_in_its_own_precision(lead, dtype, near):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = Mixing(3, 2, dtype)
    history = np.random.default_rng(0).standard_normal((*lead, 3, 2))
    found = FunctionBoundary(module, dims=2, sites=3)(history)
    weight, bias = (p.detach().double().numpy() for p in module.parameters())
    expected = np.tanh(history.reshape(*lead, 6) @ weight.T + bias)
    assert found.dtype == np.float64 and found.shape == (*lead, 2)
    assert np.abs(found - expected).max() < near


def test_a_module_without_parameters_is_given_float64():
    boundary = FunctionBoundary(torch.nn.Flatten(), dims=2, sites=1)
    assert boundary(np.array([[0.1, 0.2]])).tolist() == [0.1, 0.2]


@pytest.mark.parametrize(
    "f, message",
    [
        (torch.nn.Flatten(), r"net: f gives shape \(4, 6\) for histories \(4, 3, 2\)"),
        (torch.nn.LSTM(2, 2), "the module gives tuple, not a tensor"),
        (lambda history: history.sum(), r"f gives shape \(\).*each is \(4, 2\)"),
        (lambda history: 1j * history[..., 0, :], "f gives complex128, not real"),
    ],
)
def test_a_function_that_gives_something_else_is_named(f, message):
    boundary = FunctionBoundary(f, dims=2, sites=3, name="net")
    with pytest.raises(InputError, match=message):
        boundary(np.ones((4, 3, 2)))


def test_a_function_that_is_not_finite_is_named():
    boundary = FunctionBoundary(lambda h: h[..., 0, :] * np.nan, 2, 3, name="net")
    with pytest.raises(NotFiniteError, match=r"net: f is not finite \(dim 0\)"):
        boundary(np.ones((3, 2)))


@pytest.mark.parametrize("f, message", [("tanh", "not a function"), (None, "not a")])
def test_what_cannot_be_called_is_no_boundary(f, message):
    with pytest.raises(InputError, match=message):
        FunctionBoundary(f, dims=2, sites=3)


@pytest.mark.parametrize(
    "x, message",
    [
        (np.zeros(11), r"x is float64 \(11,\); it ends in the 12 numbers of 4 sites"),
        (np.array(["a"] * 12), "x is <U1"),
    ],
)
def test_an_operator_refuses_what_is_no_state(x, message):
    with pytest.raises(InputError, match=message):
        a_boundary().apply(x)


def test_systems_and_boundaries_do_not_load_torch():
    code = (
        "import sys; import cortexwave.learning.hidden_waves.substrate; "
        "import cortexwave.learning.hidden_waves.attention; "
        "import cortexwave.learning.hidden_waves.sheet; "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          check=True)  # fmt: skip
    assert done.stdout.strip() == "False"
