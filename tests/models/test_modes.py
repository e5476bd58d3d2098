"""Linear modes from the discrete equations, and the twisted states of a ring."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq, fsolve

from cortexwave.sheet.kernels import Box, Delay, Exponential, Gaussian, tap_table
from cortexwave.sheet.lattice import Lattice


def _transform(taps, theta):
    """Fourier transform of a tap table on a ring at theta radians a site."""
    return (taps.weights * np.exp(1j * theta * taps.offsets[:, 1])).sum()


def test_the_linear_mode_of_excitation_and_inhibition(make_problem, frames, engine):
    # Identity responses make the sheet linear: mode amplitudes obey (1 + dt A)^n.
    n, dt, steps, mode = 32, 1e-4, 2000, 3
    kernels = {"e": Gaussian(sigma=0.2, radius=0.5, normalise="sum"),
               "i": Gaussian(sigma=0.3, radius=0.7, normalise="sum")}  # fmt: skip
    values = {"tau_e": 0.01, "tau_i": 0.02, "gain_e": 1.0, "gain_i": 1.0,
              "threshold_e": 0.0, "threshold_i": 0.0,
              "w_ee": 1.2, "w_ei": 0.9, "w_ie": 1.1, "w_ii": 0.4}  # fmt: skip
    theta = 2 * np.pi * mode / n
    lattice = Lattice((1, n), 0.1)
    k_e, k_i = (_transform(tap_table(kernels[key], lattice, dt=dt), theta).real
                for key in ("e", "i"))  # fmt: skip
    rates = np.array([
        [(-1 + 1.2 * k_e) / 0.01, -0.9 * k_i / 0.01],
        [1.1 * k_e / 0.02, (-1 - 0.4 * k_i) / 0.02],
    ])  # fmt: skip
    wave = np.cos(theta * np.arange(n))[None, None]
    # relu keeps its argument as long as it is positive: a constant lifts the sheet.
    rest = np.linalg.solve(
        np.array([[1 - 1.2, 0.9], [-1.1, 1 + 0.4]]), np.array([1.0, 1.0])
    )
    problem = make_problem(
        "wilson_cowan", shape=(1, n), dt=dt, steps=steps, every=steps,
        functions={"S": "relu"},
        parameters={**values, "threshold_e": -1.0, "threshold_i": -1.0},
        kernels={"ee": kernels["e"], "ie": kernels["e"], "ei": kernels["i"],
                 "ii": kernels["i"]},
        initial={"E": rest[0] + 1e-2 * wave, "I": rest[1] - 0.5e-2 * wave},
    )  # fmt: skip
    power = np.linalg.matrix_power(np.eye(2) + dt * rates, steps)
    amplitude = power @ np.array([1e-2, -0.5e-2])
    # the uniform part stays at rest: its own eigenvalues decay, rounding does not grow
    field = frames(problem, engine)
    assert np.abs(field["E"][-1] - rest[0] - amplitude[0] * wave).max() < 1e-10
    assert np.abs(field["I"][-1] - rest[1] - amplitude[1] * wave).max() < 1e-10


def test_a_delayed_mode_follows_the_discrete_equation(make_problem, frames, engine):
    # (z - 1) tau/dt + 1 = sum_d K_d z^{-n_d} e^{-ikd}; start on the eigenmode's history
    n, dt, tau, spacing, steps = 32, 1e-3, 0.01, 0.1, 100
    kernel = Exponential(length=0.2, radius=0.6, normalise="sum", strength=-4.0)
    delay, lattice = Delay(speed=40.0), Lattice((1, n), spacing)
    taps = tap_table(kernel, lattice, dt=dt, delay=delay)
    theta = 2 * np.pi * 1 / n

    def residual(parts):
        z = parts[0] + 1j * parts[1]
        lateral = (
            taps.weights * z ** (-taps.delays.astype(float))
            * np.exp(1j * theta * taps.offsets[:, 1])
        ).sum()  # fmt: skip
        left = (z - 1) * tau / dt + 1 - lateral
        return left.real, left.imag

    # times z^depth it is a polynomial: its slowest oscillating root, then polished
    polynomial = np.zeros(taps.depth + 2, dtype=complex)
    polynomial[:2] = tau / dt, 1 - tau / dt
    for offset, weight, steps_ago in zip(
        taps.offsets[:, 1], taps.weights, taps.delays, strict=True
    ):
        polynomial[1 + steps_ago] -= weight * np.exp(1j * theta * offset)
    roots = [root for root in np.roots(polynomial) if abs(root.imag) > 0.05]
    z = max(roots, key=abs)
    z = complex(*fsolve(residual, (z.real, z.imag), xtol=1e-14))
    assert abs(complex(*residual((z.real, z.imag)))) < 1e-12
    assert 0.85 < abs(z) < 1.0  # it oscillates and fades slowly: the delay matters
    wave = np.exp(1j * theta * np.arange(n))[None, None]
    problem = make_problem(
        "leaky_rate", shape=(1, n), spacing=spacing, dt=dt, steps=steps,
        functions={"f": "identity"}, parameters={"tau": tau},
        kernels={"lateral": kernel}, delay=delay, initial={"h": wave.real},
    )  # fmt: skip
    from cortexwave.backends.problem import State

    ages = np.arange(1, taps.depth + 1)
    past = np.stack([(z ** -int(age) * wave).real for age in ages])
    start = State(0, 0, {"h": wave.real}, {"lateral": past})
    field = frames(problem, engine, start)["h"]
    expected = np.stack([(z ** (j + 1) * wave).real for j in range(len(field))])
    # relative to the mode's size at each frame: the claim of 1e-8
    size = np.abs(z) ** np.arange(1, len(field) + 1)
    assert (np.abs(field - expected).max(axis=(1, 2, 3)) / size).max() < 1e-8


def _growth(q, p, n, r, strength):
    s = np.arange(1, r + 1)
    return (strength / r) * np.sum(
        np.cos(2 * np.pi * q * s / n) * (np.cos(2 * np.pi * p * s / n) - 1)
    )


@pytest.mark.parametrize("q", [2, 8, 12, 20])
def test_a_twisted_ring_grows_or_decays_as_its_linearisation_says(
    make_problem, frames, engine, q
):
    # lambda_p = (K/r) sum cos(2 pi q s/n)(cos(2 pi p s/n) - 1); Euler: ln(1 + l dt)/dt
    n, r, strength, dt, steps, p = 64, 3, 1.0, 0.01, 100, 1
    # coupling K/(2r) sum_{0<|s|<=r} sin: a box without its centre, of sum K
    box = Box(radius=0.3, normalise="sum", centre=False)
    x = np.arange(n)
    small = 1e-6 * np.cos(2 * np.pi * p * x / n)
    theta = (2 * np.pi * q * x / n + small)[None, None]
    problem = make_problem(
        "kuramoto", shape=(1, n), dt=dt, steps=steps, initial={"theta": theta},
        parameters={"omega": 0.0, "strength": strength, "lag": 0.0},
        kernels={"sines": box, "cosines": box},
    )  # fmt: skip
    field = frames(problem, engine)["theta"][:, 0, 0]
    deviation = (field - 2 * np.pi * q * x / n) @ np.exp(-2j * np.pi * p * x / n)
    rate = np.log(np.abs(deviation[-1]) / np.abs(deviation[0])) / (steps * dt)
    expected = np.log1p(_growth(q, p, n, r, strength) * dt) / dt
    # 1e-6 relative: terms of second order in the deviation of 1e-6 and rounding
    assert rate == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("q, stable", [(3, True), (15, True), (17, False), (20, False)])
def test_nearest_neighbours_hold_a_twist_below_a_quarter_turn(
    make_problem, frames, q, stable
):
    # Wiley, Strogatz & Girvan 2006: with r = 1 stable if and only if |q| < n/4
    n = 64
    box = Box(radius=0.1, normalise="sum", centre=False)
    twist = 2 * np.pi * q * np.arange(n) / n
    draw = np.random.default_rng(1).normal(0, 1e-3, n)
    problem = make_problem(
        "kuramoto", shape=(1, n), dt=0.05, steps=4000, every=4000,
        initial={"theta": (twist + draw)[None, None]},
        parameters={"omega": 0.0, "strength": 1.0, "lag": 0.0},
        kernels={"sines": box, "cosines": box},
    )  # fmt: skip
    last = frames(problem)["theta"][-1, 0, 0]
    turns = np.angle(np.exp(1j * np.diff(last, append=last[0])))
    kept = np.allclose(turns, 2 * np.pi * q / n, atol=0.05)
    assert kept == stable


def test_a_phase_lag_slows_a_twist_as_the_formula_says(make_problem, frames, engine):
    # Omega = omega - (K/r) sin(alpha) sum cos(2 pi q s/n)
    n, r, q, omega, strength, lag = 48, 2, 3, 5.0, 2.0, 0.4
    box = Box(radius=0.2, normalise="sum", centre=False)
    twist = (2 * np.pi * q * np.arange(n) / n)[None, None]
    problem = make_problem(
        "kuramoto", shape=(1, n), dt=1e-3, steps=200, initial={"theta": twist},
        parameters={"omega": omega, "strength": strength, "lag": lag},
        kernels={"sines": box, "cosines": box},
    )  # fmt: skip
    field = frames(problem, engine)["theta"]
    s = np.arange(1, r + 1)
    expected = omega - strength / r * np.sin(lag) * np.cos(2 * np.pi * q * s / n).sum()
    found = (field[-1] - field[0]) / 0.2
    assert np.abs(found - expected).max() < 1e-10


def test_brentq_is_the_oracle_of_a_static_pattern_threshold(make_problem, frames):
    # Static instability: 1 = g max_k w^(k). A gain just above grows, just below decays.
    n, spacing = 64, 0.1
    lattice = Lattice((1, n), spacing)
    kernel = Gaussian(sigma=0.2, radius=0.6, normalise="sum")
    taps = tap_table(kernel, lattice, dt=1e-3)
    gain = brentq(lambda g: g * _transform(taps, 0.0).real - 1, 0.1, 10)
    growth = {}
    for factor in (0.95, 1.05):
        problem = make_problem(
            "leaky_rate", shape=(1, n), dt=1e-3, steps=400, every=400,
            functions={"f": "identity"}, initial={"h": np.full((1, 1, n), 1e-3)},
            kernels={"lateral": kernel.model_copy(update={"strength": factor * gain})},
        )  # fmt: skip
        field = frames(problem)["h"]
        growth[factor] = field[-1].max() / field[0].max()
    assert growth[0.95] < 0.2
    assert growth[1.05] > 5
