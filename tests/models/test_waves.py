"""Wave models against closed forms, on every engine.

Formulas: Courant, Friedrichs & Lewy 1928; Trefethen 1982; the leapfrog dispersion
relation; the binomial law of the shift chain.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from cortexwave.sheet.kernels import Laplacian, Shift

# Sums of a few terms per step: rounding stays near 1e-16 a step, 1e-12 over hundreds.
EXACT = 1e-12


def _impulse(shape, at):
    field = np.zeros((1, *shape))
    field[(0, *at)] = 1.0
    return field


def test_shift_chain_under_euler_is_binomial(make_problem, frames, engine):
    # tau h_i' = -h_i + h_{i-1}: h_i^n = C(n, i) p^i (1-p)^(n-i) with p = dt/tau
    steps, dt, tau = 60, 1e-3, 4e-3
    problem = make_problem(
        "leaky_rate", shape=(1, 80), boundary=("periodic", "open"), dt=dt, steps=steps,
        parameters={"tau": tau}, initial={"h": _impulse((1, 80), (0, 0))},
    )  # fmt: skip
    field = frames(problem, engine)["h"][-1, 0, 0]
    expected = binom.pmf(np.arange(80), steps, dt / tau)
    assert np.abs(field - expected).max() < EXACT


@pytest.mark.parametrize("boundary", ["periodic", "open", "reflecting"])
@pytest.mark.parametrize("direction, step", [("+x", 1), ("-x", -1)])
def test_at_dt_equal_tau_a_bump_moves_one_site_a_step(
    make_problem, frames, engine, boundary, direction, step
):
    bump = np.zeros((1, 1, 40))
    bump[0, 0, 18:23] = [0.2, 0.7, 1.0, 0.7, 0.2]
    problem = make_problem(
        "leaky_rate", shape=(1, 40), boundary=("periodic", boundary), dt=5e-3,
        parameters={"tau": 5e-3}, steps=10, initial={"h": bump},
        kernels={"lateral": Shift(velocity=1.0, direction=direction)},
    )  # fmt: skip
    field = frames(problem, engine)["h"]
    for n in range(11):
        assert np.abs(field[n] - np.roll(bump, n * step, axis=-1)).max() < EXACT


@pytest.mark.parametrize("boundary", ["periodic", "open", "reflecting"])
@pytest.mark.parametrize("direction", ["+y", "-y"])
def test_a_shift_along_y_moves_rows(make_problem, frames, engine, boundary, direction):
    field = np.zeros((1, 16, 5))
    field[0, 8, 2] = 1.0
    problem = make_problem(
        "leaky_rate", shape=(16, 5), boundary=(boundary, "open"), dt=5e-3, steps=4,
        parameters={"tau": 5e-3}, initial={"h": field},
        kernels={"lateral": Shift(velocity=1.0, direction=direction)},
    )  # fmt: skip
    last = frames(problem, engine)["h"][-1, 0]
    row = 12 if direction == "+y" else 4
    assert last[row, 2] == pytest.approx(1.0, abs=EXACT)
    assert last.sum() == pytest.approx(1.0, abs=EXACT)


@pytest.mark.parametrize("nu", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("mode", [1, 5, 13])
def test_upwind_gain_of_each_mode(make_problem, frames, engine, nu, mode):
    # G = 1 - nu (1 - e^{-i theta}); cos mode: Re(G^n e^{i theta x})
    n, steps, speed, spacing = 32, 50, 200.0, 0.1
    theta = 2 * np.pi * mode / n
    x = np.arange(n)
    problem = make_problem(
        "one_way_wave", shape=(1, n), spacing=spacing, dt=nu * spacing / speed,
        steps=steps, initial={"u": np.cos(theta * x)[None, None]},
    )  # fmt: skip
    gain = 1 - nu * (1 - np.exp(-1j * theta))
    expected = (gain**steps * np.exp(1j * theta * x)).real
    assert np.abs(frames(problem, engine)["u"][-1, 0, 0] - expected).max() < EXACT


@pytest.mark.parametrize("shape", [(1, 32), (16, 24)])
@pytest.mark.parametrize("nu", [0.3, 0.7])
def test_leapfrog_dispersion(make_problem, frames, engine, shape, nu):
    # sin^2(w dt/2) = nu^2 sum sin^2(k h/2). Velocity leads u by half a step: with
    # v_0 = u (cos(w dt) - 1 + s)/dt, s = 4 sin^2(w dt/2), u_n = cos(w dt n) u_0.
    speed, spacing, steps = 200.0, 0.1, 200
    ny, nx = shape
    ky, kx = 2 * np.pi * (3 if ny > 1 else 0) / ny, 2 * np.pi * 4 / nx
    s = 4 * nu**2 * (np.sin(ky / 2) ** 2 + np.sin(kx / 2) ** 2)
    turn = 2 * np.arcsin(np.sqrt(s) / 2)
    dt = nu * spacing / speed
    space = np.cos(ky * np.arange(ny)[:, None] + kx * np.arange(nx)[None, :])[None]
    problem = make_problem(
        "damped_wave", shape=shape, spacing=spacing, dt=dt, steps=steps,
        initial={"u": space, "velocity": space * (np.cos(turn) - 1 + s) / dt},
    )  # fmt: skip
    field = frames(problem, engine)["u"]
    for n in (1, 50, steps):
        assert np.abs(field[n] - np.cos(turn * n) * space).max() < EXACT


def test_courant_number_at_the_limit_stays_bounded_and_beyond_blows_up(
    make_problem, frames
):
    # CFL in two dimensions: nu <= 1/sqrt 2. The reference blows up beyond it.
    greatest = {}
    for nu in (0.7, 0.72):
        problem = make_problem(
            "damped_wave", shape=(12, 12), dt=nu * 0.1 / 200.0, steps=600, every=600,
            initial={"velocity": np.zeros((1, 12, 12))},
        )  # fmt: skip
        greatest[nu] = np.abs(frames(problem)["u"][-1]).max()
    assert greatest[0.7] < 100
    assert greatest[0.72] > 1e20


def test_the_field_of_robinson_decays_and_turns_as_its_dispersion_relation_says(
    make_problem, frames
):
    # (d_t/g + 1)^2 u = r^2 lap u: w = -i g +- g r k, v = g r. At small dt and k the
    # lattice follows the continuum: error of order (w dt)^2 + (k h)^2, below 1 %.
    gamma, reach, n, spacing, dt = 100.0, 2.0, 64, 0.1, 1e-5
    k = 2 * np.pi / (n * spacing)
    steps, x = 1000, spacing * np.arange(n)
    wave = np.cos(k * x)[None, None]
    problem = make_problem(
        "damped_wave", shape=(1, n), spacing=spacing, dt=dt, steps=steps, every=steps,
        parameters={"speed": gamma * reach, "damping": gamma, "restoring": gamma},
        initial={"u": wave, "velocity": -gamma * wave},
    )  # fmt: skip
    time = steps * dt
    expected = np.exp(-gamma * time) * np.cos(gamma * reach * k * time) * wave
    assert np.abs(frames(problem)["u"][-1] - expected).max() < 0.01


def test_a_laplacian_conserves_the_sum_between_reflecting_edges(make_problem, frames):
    problem = make_problem(
        "damped_wave", shape=(9, 14), boundary=("reflecting", "reflecting"), dt=1e-4,
        steps=50, record=("laplacian",), kernels={"laplacian": Laplacian()},
    )  # fmt: skip
    field = frames(problem)["laplacian"]
    assert np.abs(field.sum(axis=(-2, -1))).max() < 1e-10 * np.abs(field).max()
