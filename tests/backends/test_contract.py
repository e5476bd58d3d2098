"""Every engine, with every model, keeps the step contract: it equals the reference.

Models are found by name, so a new file in `cortexwave/models` is held to it too.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cortexwave.backends import backend, backend_names
from cortexwave.models import model, model_names
from cortexwave.sheet.expressions import evaluate
from cortexwave.sheet.kernels import Delay, Gaussian, Stored
from cortexwave.sheet.rendering import render_drive
from cortexwave.sheet.stimuli import Place, Pulse
from cortexwave.sheet.trials import Trials
from cortexwave.units import quantity

ENGINES = [name for name in backend_names() if name != "reference"]
SIDES = ["periodic", "open", "reflecting"]
# Random initial fields in [0, 1) sit on no threshold for long; relative to max|field|.
FLOAT64, FLOAT32 = 1e-12, 1e-5


def _agree(problem, engine, frames, tolerance=FLOAT64):
    expected, found = frames(problem), frames(problem, engine)
    for name in problem.record:
        scale = np.abs(expected[name]).max() or 1.0
        difference = np.abs(found[name] - expected[name]).max()
        assert found[name].shape == expected[name].shape
        assert difference <= tolerance * scale, f"{name}: {difference / scale:.2g}"


def _stable_dt(name):
    """1 ms, or a third of the greatest dt that the model says is stable here."""
    spec = model(name)
    values = {
        key: quantity(float(p.default) if p.unit == "1" else p.default, p.unit)
        for key, p in spec.params.items()
    }
    values |= {"spacing": 0.1, "axes": 2}
    dt = 1e-3
    while not evaluate(spec.stability, {**values, "dt": 3 * dt}):
        dt /= 2
    return dt


def _drive(name, lattice, dt, steps, trials=1):
    spec = model(name)
    into, unit = next(iter(spec.drives.items()))
    strength = 0.3 if unit == "1" else f"30 {unit}"
    pulse = Pulse(
        into=into, onset=3 * dt, duration=8 * dt, course="raised_cosine",
        amplitude=strength, place=Place(y=0.2, x=0.5, shape="gaussian", sigma=0.15),
    )  # fmt: skip
    drive, faults = render_drive(
        [pulse], Trials(count=trials, jitter=4 * dt), lattice=lattice, dt=dt,
        steps=steps, inputs=spec.drives, seed=4, folder=None,
    )  # fmt: skip
    assert not faults
    return drive


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("name", model_names())
@pytest.mark.parametrize("engine", ENGINES)
def test_models_agree_on_every_boundary(make_problem, frames, engine, name, side):
    problem = make_problem(
        name, shape=(13, 17), boundary=(side, side), dt=_stable_dt(name), steps=60,
        every=3, record=model(name).recordable,
    )  # fmt: skip
    drive = _drive(name, problem.lattice, problem.dt, 60)
    _agree(replace(problem, drive=drive), engine, frames)


@pytest.mark.parametrize("name", model_names())
@pytest.mark.parametrize("engine", ENGINES)
def test_models_agree_with_delays_noise_and_features(
    make_problem, frames, engine, name
):
    # neighbours 1.5 steps away; a step that relies on undelayed sources has none
    dt = _stable_dt(name)
    euler = model(name).scheme == "euler"
    delay = Delay(speed=0.1 / (1.5 * dt)) if euler else None
    noise = {state: 0.1 for state in model(name).states}
    problem = make_problem(
        name, shape=(11, 16), boundary=("open", "periodic"), features=3, steps=50,
        dt=dt, delay=delay, noise=noise, seed=3,
        record=model(name).recordable,
    )  # fmt: skip
    _agree(problem, engine, frames)


@pytest.mark.parametrize("name", model_names())
@pytest.mark.parametrize("engine", ENGINES)
def test_models_agree_on_a_ring(make_problem, frames, engine, name):
    problem = make_problem(
        name, shape=(1, 37), dt=_stable_dt(name), steps=200, every=10
    )
    _agree(problem, engine, frames)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("engine", ENGINES)
def test_kernels_that_mix_features_agree_with_several_delays(
    make_problem, frames, engine, side, tmp_path
):
    draw = np.random.default_rng(2)
    np.save(tmp_path / "u.npy", draw.normal(0, 0.12, (3, 3, 3, 5)))
    delay = Delay(speeds=[40.0, 120.0], shares=[0.25, 0.75])
    problem = make_problem(
        "leaky_rate", shape=(12, 10), boundary=(side, "open"), features=3, steps=60,
        kernels={"lateral": Stored(path=str(tmp_path / "u.npy"))}, delay=delay,
    )  # fmt: skip
    _agree(problem, engine, frames)


@pytest.mark.parametrize("delay", [None, Delay(fixed=3e-3)])
@pytest.mark.parametrize("engine", ENGINES)
def test_gains_and_parameter_fields_agree(make_problem, frames, engine, delay):
    draw = np.random.default_rng(5)
    shape = (2, 14, 15)
    before, after = draw.random(shape), draw.random(shape)
    before[:, 5] = 0.0
    tau = draw.uniform(5e-3, 20e-3, shape)
    problem = make_problem(
        "leaky_rate", shape=shape[1:], boundary=("reflecting", "periodic"), features=2,
        steps=80, parameters={"tau": tau, "bias": draw.normal(0, 0.1, shape)},
        kernels={"lateral": Gaussian(sigma=0.15, radius=0.4, normalise="sum")},
        gains={"lateral": (before, after)}, delay=delay,
        noise={"h": draw.random(shape)},
    )  # fmt: skip
    _agree(problem, engine, frames)


@pytest.mark.parametrize("function", ["relu", "tanh", "identity", "sigmoid"])
@pytest.mark.parametrize("engine", ENGINES)
def test_every_response_function_agrees(make_problem, frames, engine, function):
    problem = make_problem(
        "leaky_rate", shape=(9, 9), functions={"f": function}, steps=50,
        parameters={"bias": -0.2},
        kernels={"lateral": Gaussian(sigma=0.1, radius=0.3, normalise="sum")},
    )  # fmt: skip
    _agree(problem, engine, frames)


@pytest.mark.parametrize("engine", ENGINES)
def test_trials_are_independent_and_agree(make_problem, frames, engine):
    problem = make_problem(
        "damped_wave", shape=(8, 12), dt=2e-4, steps=30, trials=3, noise={"u": 0.2},
        block_frames=8,
    )  # fmt: skip
    drive = _drive("damped_wave", problem.lattice, 2e-4, 30, trials=3)
    problem = replace(problem, drive=drive)
    _agree(problem, engine, frames)
    field = frames(problem, engine)["u"].reshape(3, 31, -1)
    assert np.array_equal(field[0, 0], field[1, 0])  # each from the initial state
    assert not np.array_equal(field[0, -1], field[1, -1])  # its own noise and jitter


@pytest.mark.parametrize("name", ["leaky_rate", "wilson_cowan", "kuramoto"])
def test_torch_in_float32_agrees_to_its_precision(make_problem, frames, name):
    kernels = {
        "lateral": Gaussian(sigma=0.15, radius=0.4, normalise="sum", strength=0.9)
    }
    problem = make_problem(
        name, shape=(12, 12), dt=1e-3, steps=1000, every=50, kernels=kernels,
        parameters={"omega": 0.0} if name == "kuramoto" else {"w_ee": 4.0, "w_ei": 2.0}
        if name == "wilson_cowan" else {},
    )  # fmt: skip
    expected = frames(problem)
    found = frames(replace(problem, dtype="float32"), "torch")
    for field in problem.record:
        scale = np.abs(expected[field]).max()
        assert np.abs(found[field] - expected[field]).max() <= FLOAT32 * scale


@pytest.mark.parametrize("engine", ["reference", *ENGINES])
def test_going_on_from_any_block_is_bit_identical(make_problem, frames, engine):
    problem = make_problem(
        "leaky_rate", shape=(6, 10), steps=60, every=2, trials=2, block_frames=8,
        noise={"h": 0.3}, delay=Delay(speed=40.0), features=2,
        kernels={"lateral": Gaussian(sigma=0.1, radius=0.2, normalise="sum")},
    )  # fmt: skip
    problem = replace(problem, drive=_drive("leaky_rate", problem.lattice, 1e-3, 60, 2))
    blocks = list(backend(engine).blocks(problem))
    for stop in (0, 2, 3, 5):
        rest = list(backend(engine).blocks(problem, blocks[stop].end))
        assert len(rest) == len(blocks) - stop - 1
        for again, once in zip(rest, blocks[stop + 1 :], strict=True):
            assert (again.trial, again.first) == (once.trial, once.first)
            assert np.array_equal(again.frames["h"], once.frames["h"])


@pytest.mark.parametrize("every, steps, count", [(1, 10, 11), (3, 10, 4), (5, 10, 3)])
def test_frames_are_the_states_after_every_m_steps(
    make_problem, frames, engine, every, steps, count
):
    problem = make_problem("leaky_rate", steps=steps, every=every, block_frames=2)
    whole = frames(make_problem("leaky_rate", steps=steps), engine)["h"]
    thinned = frames(problem, engine)["h"]
    assert len(thinned) == count
    assert np.array_equal(thinned, whole[::every])
    assert np.array_equal(whole[0], problem.initial["h"])


def test_couplings_and_drive_are_recorded_at_the_time_of_the_state(
    make_problem, frames, engine
):
    problem = make_problem(
        "leaky_rate", shape=(1, 20), steps=12, dt=1e-3, parameters={"tau": 1e-3},
        record=("h", "lateral", "drive"),
    )  # fmt: skip
    problem = replace(problem, drive=_drive("leaky_rate", problem.lattice, 1e-3, 12))
    field = frames(problem, engine)
    # at dt = tau the next state is relu(lateral + drive) of this frame
    following = np.maximum(field["lateral"][:-1] + field["drive"][:-1], 0)
    assert np.abs(field["h"][1:] - following).max() < FLOAT64
    # and lateral is the state moved by one site
    assert np.abs(field["lateral"] - np.roll(field["h"], 1, axis=-1)).max() < FLOAT64


def test_translating_the_start_translates_the_field(make_problem, frames, engine):
    problem = make_problem("wilson_cowan", shape=(14, 18), steps=40, dt=1e-3)
    moved = replace(problem, initial={
        name: np.roll(value, (3, -4), axis=(-2, -1))
        for name, value in problem.initial.items()
    })  # fmt: skip
    field, other = frames(problem, engine)["E"], frames(moved, engine)["E"]
    assert np.abs(np.roll(field, (3, -4), axis=(-2, -1)) - other).max() < FLOAT64


def test_reflecting_the_start_reflects_the_field(make_problem, frames, engine):
    problem = make_problem(
        "wilson_cowan",
        shape=(14, 18),
        boundary=("open", "reflecting"),
        steps=40,
        dt=1e-3,
    )
    mirrored = replace(problem, initial={
        name: value[..., ::-1].copy() for name, value in problem.initial.items()
    })  # fmt: skip
    field, other = frames(problem, engine)["E"], frames(mirrored, engine)["E"]
    assert np.abs(field[..., ::-1] - other).max() < FLOAT64


def test_a_delay_of_zero_is_no_delay(make_problem, frames, engine):
    plain = make_problem("wilson_cowan", shape=(12, 15), steps=40, dt=1e-3)
    zero = make_problem(
        "wilson_cowan", shape=(12, 15), steps=40, dt=1e-3, delay=Delay(fixed=0.0)
    )
    field, other = frames(plain, engine)["E"], frames(zero, engine)["E"]
    assert np.abs(field - other).max() < FLOAT64


@pytest.mark.parametrize(
    "name, order",
    [
        ("leaky_rate", 1.0),
        ("wilson_cowan", 1.0),
        ("kuramoto", 1.0),
        ("damped_wave", 2.0),
    ],
)
def test_halving_dt_shows_the_stated_order(make_problem, frames, name, order):
    # Euler converges at first, leapfrog at second order: Richardson's ratio of
    # differences between three resolutions is 2^order.
    shape, duration = (1, 24), 0.024
    x = 2 * np.pi * np.arange(24) / 24
    smooth = {
        state: (0.5 + 0.3 * np.cos(x))[None, None] for state in model(name).states
    }
    kernels = {
        "lateral": Gaussian(sigma=0.2, radius=0.5, normalise="sum", strength=0.5)
    }
    last = []
    for refine in (1, 2, 4):
        dt = (2e-4 if name == "damped_wave" else 1e-3) / refine
        initial = dict(smooth)
        if name == "damped_wave":
            # leapfrog's velocity stands half a step before u: u(0) at rest
            initial["velocity"] = np.zeros((1, *shape))
            curvature = 200.0**2 * (2 * np.cos(2 * np.pi / 24) - 2) / 0.01
            initial["velocity"] = -0.5 * dt * curvature * 0.3 * np.cos(x)[None, None]
        problem = make_problem(
            name, shape=shape, dt=dt, steps=round(duration / dt),
            every=round(duration / dt), initial=initial, kernels=kernels,
            functions={"f": "tanh"} if name == "leaky_rate" else None,
        )  # fmt: skip
        last.append(frames(problem)[problem.spec.observable][-1])
    ratio = np.abs(last[0] - last[1]).max() / np.abs(last[1] - last[2]).max()
    assert np.log2(ratio) == pytest.approx(order, abs=0.15)


def test_noise_has_the_stated_mean_and_variance(make_problem, frames, engine):
    # dh = -h/tau dt + s dW from 0: after n steps variance s^2 dt (1-a^{2n})/(1-a^2),
    # a = 1 - dt/tau. 40,000 sites: standard errors below, 4.5 of them allowed.
    dt, tau, sigma, steps, shape = 1e-3, 1e-2, 0.5, 30, (100, 400)
    problem = make_problem(
        "leaky_rate", shape=shape, dt=dt, steps=steps, every=steps,
        functions={"f": "identity"}, noise={"h": sigma},
        initial={"h": np.zeros((1, *shape))},
        gains={"lateral": (None, np.zeros((1, *shape)))},
    )  # fmt: skip
    field = frames(problem, engine)["h"][-1]
    a = 1 - dt / tau
    variance = sigma**2 * dt * (1 - a ** (2 * steps)) / (1 - a**2)
    count = field.size
    assert abs(field.mean()) < 4.5 * np.sqrt(variance / count)
    assert abs(field.var() - variance) < 4.5 * variance * np.sqrt(2 / count)


def test_noise_does_not_depend_on_the_engine_or_the_blocks(make_problem, frames):
    problem = make_problem("leaky_rate", steps=30, noise={"h": 1.0}, seed=9)
    whole = frames(problem)["h"]
    pieces = frames(replace(problem, block_frames=4))["h"]
    assert np.array_equal(whole, pieces)
    other = frames(replace(problem, seed=10))["h"]
    assert not np.allclose(whole[1], other[1])
