"""A substrate in any basis: the hidden network says what the substrate says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group

from cortexwave.errors import InputError
from cortexwave.learning.hidden_waves.basis import Basis, random_basis
from cortexwave.learning.hidden_waves.boundary import LinearBoundary
from cortexwave.learning.hidden_waves.substrate import run_substrate
from cortexwave.learning.hidden_waves.systems import TASKS, run


def histories(count, sites=8, dims=8):
    return np.random.default_rng(0).choice([-1.0, 1.0], (count, sites, dims))


@pytest.mark.parametrize("name", TASKS)
def test_a_basis_that_is_not_orthogonal_carries_the_memory(name):
    boundary = LinearBoundary(TASKS[name].blocks())
    basis = random_basis(128, sites=8, dims=8, seed=1)
    history = histories(16)
    hidden = basis.run(boundary, 100, history=history)
    said = hidden[:, 1:] @ basis.network(boundary).W_r.T
    assert basis.condition > 3  # far from orthogonal
    # what is asked for; rounding times the condition over 100 steps is 4e-13
    assert np.abs(said - run(TASKS[name].system(), history, 100)).max() < 1e-11
    course = run_substrate(boundary, 100, history=history)
    assert np.abs(basis.states(hidden) - course).max() < 1e-11


def test_the_input_weights_write_the_start_column():
    # T1 from rest: s inputs through W_uh, then the network repeats them
    boundary = LinearBoundary(TASKS["T1"].blocks())
    network = random_basis(96, sites=8, dims=8, seed=2).network(boundary)
    history, h, said = histories(1)[0], np.zeros(96), []
    for u in history:
        h = network.W_hh @ h + network.W_uh @ u
    for _ in range(16):
        h = network.W_hh @ h
        said.append(network.W_r @ h)
    assert np.abs(np.array(said) - np.tile(history, (2, 1))).max() < 1e-12


def test_the_network_is_psi_phi_and_the_dual():
    boundary = LinearBoundary(TASKS["T3"].blocks())
    basis = random_basis(70, sites=8, dims=8, seed=5)
    network, dual = basis.network(boundary), np.linalg.pinv(basis.Psi)
    expected = basis.Psi @ boundary.operator() @ dual
    assert np.abs(network.W_hh - expected).max() < 1e-12
    assert np.array_equal(network.W_uh, basis.Psi[:, 56:])
    assert np.abs(network.W_r - dual[56:]).max() < 1e-12
    assert np.abs(basis.dual @ basis.Psi - np.eye(64)).max() < 1e-12


def test_an_orthogonal_basis_has_its_transpose_as_dual():
    psi = ortho_group.rvs(12, random_state=0)[:, :6]
    basis = Basis(psi, sites=3)
    assert basis.dims == 2 and basis.condition == pytest.approx(1.0, abs=1e-12)
    assert np.abs(basis.dual - psi.T).max() < 1e-14


def test_states_survive_being_hidden():
    basis = random_basis(20, sites=4, dims=3, seed=0)
    states = np.random.default_rng(1).standard_normal((2, 5, 4, 3))
    assert np.abs(basis.states(basis.hidden(states)) - states).max() < 1e-13


@pytest.mark.parametrize(
    "psi, message",
    [
        (np.ones((8, 4)), "Psi has rank 1, below its 4 columns"),
        (np.eye(3, 4), "Psi has rank 3, below its 4 columns"),
        (np.ones((8, 5)), r"Psi is \(8, 5\); it is \(hidden, site\*dim\) for 4 sites"),
        (np.full((8, 4), np.nan), "Psi holds numbers that are not finite"),
    ],
)
def test_a_basis_that_is_none_is_refused(psi, message):
    with pytest.raises(InputError, match=message):
        Basis(psi, sites=4)


def test_too_few_hidden_units_are_refused_with_the_number_needed():
    with pytest.raises(InputError, match="63 hidden units cannot hold 8 sites x 8"):
        random_basis(63, sites=8, dims=8, seed=0)


def test_a_boundary_of_another_size_is_refused():
    basis = random_basis(20, sites=4, dims=3, seed=0)
    with pytest.raises(InputError, match="the boundary has 8 sites x 8 dims, the"):
        basis.network(LinearBoundary(TASKS["T1"].blocks()))


def test_hidden_states_of_another_size_are_refused():
    basis = random_basis(20, sites=4, dims=3, seed=0)
    with pytest.raises(InputError, match=r"are \(5, 19\); they end in \(20,\)"):
        basis.states(np.zeros((5, 19)))
