"""What is Brian2's own: real networks, units, C++ functions, one call a step."""

from __future__ import annotations

from dataclasses import replace

import brian2
import numpy as np
import pytest
from brian2.codegen.runtime.cython_rt.extension_manager import cython_extension_manager
from scipy.special import expit
from scipy.stats import binom

from cortexwave.backends import _compiler, reference
from cortexwave.backends import brian2 as engine
from cortexwave.backends.problem import Lateral, Problem
from cortexwave.errors import InputError, ModelError
from cortexwave.sheet.drive import Drive, Shown
from cortexwave.sheet.kernels import Delay, Gaussian, Laplacian, tap_table
from cortexwave.sheet.lattice import Lattice
from cortexwave.sheet.spec import Coupling, ModelSpec, Param

TOLERANCE = 1e-12  # of the greatest value: rounding in another order, 200 steps of it
NARROW = Gaussian(sigma=0.1, radius=0.2, normalise="sum")
# without one the engine warns and runs its NumPy code, which other tests hold
needs_compiler = pytest.mark.skipif(
    _compiler.compiler() is None, reason="no C++ compiler"
)


def _collected(blocks):
    found = list(blocks)
    return {name: np.concatenate([block.frames[name] for block in found])
            for name in found[0].frames}  # fmt: skip


def _assert_close(found, expected):
    for name, values in expected.items():
        scale = np.abs(values).max()
        assert np.abs(found[name] - values).max() <= TOLERANCE * scale, name


def _with_stimulus(problem, into="drive"):
    """A pattern whose strength changes in some steps, goes off, and comes back."""
    pattern = np.random.default_rng(7).random(problem.lattice.field_shape)
    shown = [
        Shown(into, 2, 9, pattern, lambda step: 1.0 if step < 4 else 0.5),
        Shown(into, 15, 30, pattern[..., ::-1].copy(), lambda step: 0.1 * step),
    ]
    return replace(problem, drive=Drive(sources=[shown] * problem.trials))


def _full(make_problem, **changes):
    """A problem with all that can be in one: drive, noise, delays."""
    return _with_stimulus(make_problem(
        "leaky_rate", shape=(6, 10), features=2, noise={"h": 0.3}, seed=5,
        kernels={"lateral": NARROW}, delay=Delay(speed=40.0), steps=40, **changes,
    ))  # fmt: skip


def _function_problem(function, x, scale=1.0):
    """One step of dh/dt = (-h + s f(x)) / tau from h = 0 at dt = tau: h = s f(x)."""
    spec = ModelSpec(
        name="function", title="", paper="", stability="dt <= tau", observable="h",
        rates={"h": f"(-h + scale*{function}(x0)) / tau"}, units={"h": "1"},
        params={"tau": Param("1 s", ""), "x0": Param("0", ""), "scale": Param("1", "")},
        couplings={},
    )  # fmt: skip
    spec.check()
    lattice = Lattice((1, x.size), 0.1)
    return Problem(
        spec, lattice, 1.0, 1, 1,
        {"tau": 1.0, "x0": x.reshape(1, 1, -1), "scale": scale}, {}, (),
        {"h": np.zeros((1, 1, x.size))}, {}, Drive(), ("h",),
    )  # fmt: skip


def _potential_spec(rate="(-v + gain*curvature + input_v) / tau"):
    """A potential in uV that diffuses: states, parameters, couplings with units."""
    return ModelSpec(
        name="potential", title="", paper="", stability="dt <= tau", observable="v",
        rates={"v": rate}, units={"v": "uV"},
        params={"tau": Param("10 ms", ""), "gain": Param("0.001 mm**2", "")},
        couplings={
            "curvature": Coupling("v", Laplacian(), "", "uV/mm**2"),
            "power": Coupling("gain * v**2", NARROW, "", "uV**2*mm**2"),
        },
        drives={"input_v": "uV"},
    )  # fmt: skip


def _potential(make_problem, spec=None, **changes):
    spec = spec or _potential_spec()
    lattice = Lattice((9, 11), 0.1)
    like = make_problem("leaky_rate", **{"steps": 50, "block_frames": 5, **changes})
    laterals = [
        Lateral(name, coupling.source, tap_table(coupling.kernel, lattice, dt=1e-3))
        for name, coupling in spec.couplings.items()
    ]
    start = np.random.default_rng(3).normal(0, 50.0, lattice.field_shape)
    return replace(
        like, spec=spec, lattice=lattice, couplings=tuple(laterals), functions={},
        parameters={"tau": 10e-3, "gain": 0.001}, initial={"v": start},
        record=("v", "curvature", "power"), noise={"v": 20.0},
    )  # fmt: skip


# Closed forms


def test_a_shift_wave_rnn_under_euler_is_binomial(make_problem, frames):
    # tau dh_i/dt = -h_i + relu(h_{i-1}), impulse at 0: h_i^n = C(n,i) p^i (1-p)^(n-i)
    n, steps, p = 128, 100, 0.3
    impulse = np.zeros((1, 1, n))
    impulse[..., 0] = 1.0
    problem = make_problem(
        "leaky_rate", shape=(1, n), steps=steps, every=steps, dt=3e-3,
        initial={"h": impulse},
    )  # fmt: skip
    field = frames(problem, "brian2")["h"][-1].ravel()
    exact = binom.pmf(np.arange(n), steps, p)
    assert np.abs(field - exact).max() < 1e-12


def test_leapfrog_keeps_the_frequency_of_its_dispersion_relation(make_problem, frames):
    # sin(w dt / 2) = nu sin(k h / 2) for v_{n+1} = v_n + dt c^2 lap u_n,
    # u_{n+1} = u_n + dt v_{n+1}; started on the mode with v half a step behind.
    n, dt, c, h, steps = 32, 2e-4, 200.0, 0.1, 400
    k = 2 * np.pi * 3 / n
    omega = 2 / dt * np.arcsin(c * dt / h * np.sin(k / 2))
    wave = np.cos(k * np.arange(n))[None, None]
    velocity = wave * (1 - np.cos(omega * dt)) / dt  # (u_0 - u_{-1}) / dt
    problem = make_problem(
        "damped_wave", shape=(1, n), dt=dt, steps=steps, spacing=h,
        initial={"u": wave, "velocity": velocity},
    )  # fmt: skip
    field = frames(problem, "brian2")["u"]
    expected = np.cos(omega * dt * np.arange(steps + 1))[:, None, None, None] * wave
    assert np.abs(field - expected).max() < 1e-11  # rounding of 400 steps


# Functions in C++


@needs_compiler
@pytest.mark.parametrize(
    "function, exact, x, scale",
    [
        ("exp", np.exp, np.linspace(-600, 707.9, 20001), 1.0),
        # a state that small would be set to 0
        ("exp", np.exp, np.linspace(-707.9, 0, 20001), 1e250),
        ("sigmoid", expit, np.linspace(-700, 700, 20001), 1e250),
        ("tanh", np.tanh, np.linspace(-25, 25, 20000), 1.0),
        ("tanh", np.tanh, np.logspace(-250, 0, 20001), 1.0),
    ],
    ids=["exp", "small exp", "sigmoid", "tanh", "tanh near 0"],
)
def test_functions_in_cpp_are_accurate_relative_to_their_value(
    frames, function, exact, x, scale
):
    problem = _function_problem(function, x, scale)
    found = frames(problem, "brian2")["h"][1].ravel()
    # ten units in the last place: what a polynomial, a division and scaling may cost
    assert np.abs(found / scale / exact(x) - 1).max() < 2e-15


@needs_compiler
@pytest.mark.parametrize("function, exact", [("sin", np.sin), ("cos", np.cos)])
def test_phases_of_any_size_have_the_right_sine_and_cosine(frames, function, exact):
    draw = np.random.default_rng(0)
    x = np.concatenate([draw.uniform(-r, r, 5000) for r in (1, 10, 1e3, 1e6)])
    found = frames(_function_problem(function, x), "brian2")["h"][1].ravel()
    assert np.abs(found - exact(x)).max() < 4e-16  # of 1: two units in the last place


@needs_compiler
@pytest.mark.parametrize("function", ["relu", "exp", "sigmoid", "tanh", "sin"])
def test_what_is_not_a_number_stays_so(frames, function):
    # a field that blows up must be seen to do so
    x = np.array([0.5, np.nan, -0.5, 1.0])
    found = frames(_function_problem(function, x), "brian2")["h"][1].ravel()
    assert np.array_equal(np.isnan(found), np.isnan(x))


def test_a_field_that_dies_out_ends_at_zero_and_not_in_denormal_numbers(
    make_problem, frames
):
    problem = make_problem(
        "damped_wave", shape=(8, 8), dt=1e-4, steps=8000, every=50,
        parameters={"damping": 2000.0, "restoring": 2000.0},
    )  # fmt: skip
    field = frames(problem, "brian2")
    for values in field.values():
        size = np.abs(values)
        assert not ((size > 0) & (size < 2.3e-308)).any()
        assert values[0].any() and not values[-1].any()


# A network to take over


@pytest.mark.parametrize("coupling", ["compiled", "synapses"])
def test_running_the_built_network_gives_the_field_of_the_blocks(
    make_problem, coupling
):
    problem = _full(make_problem)
    if coupling == "synapses":
        problem = replace(problem, couplings=make_problem(
            "leaky_rate", shape=(6, 10), features=2, kernels={"lateral": NARROW}
        ).couplings)  # fmt: skip
    field = _collected(engine.blocks(problem, coupling=coupling))["h"]
    network = engine.build(problem, coupling=coupling)
    for steps, at in ((1, 1), (24, 25), (15, 40)):
        network.run(steps * problem.dt * brian2.second)
        own = network["sheet"].h[:].reshape(problem.lattice.field_shape)
        assert np.array_equal(own, field[at])  # to the bit
    assert float(network.t) == pytest.approx(40 * problem.dt)


def test_the_built_network_goes_on_from_a_state_of_the_blocks(make_problem):
    problem = _full(make_problem, trials=2, block_frames=10)
    blocks = list(engine.blocks(problem))
    middle = next(b for b in blocks if b.trial == 1 and b.end.step == 19)
    network = engine.build(problem, trial=1, state=middle.end)
    network.run(10 * problem.dt * brian2.second)
    expected = next(b for b in blocks if b.trial == 1 and b.end.step == 29)
    own = network["sheet"].h[:].reshape(problem.lattice.field_shape)
    assert np.array_equal(own, expected.end.states["h"])


def test_the_group_bears_the_model_with_its_units(make_problem):
    network = engine.build(_potential(make_problem))
    group = network["sheet"]
    assert group.N == 99
    assert brian2.have_same_dimensions(group.v, brian2.volt)
    assert brian2.have_same_dimensions(group.curvature, brian2.volt / brian2.metre**2)
    assert group.namespace["tau"] == 10 * brian2.ms
    assert group.namespace["gain"] == 0.001 * brian2.mmetre**2
    assert "gain*curvature" in str(group.equations["v"].expr).replace(" ", "")


def test_a_monitor_that_a_user_adds_records_the_field(make_problem, frames):
    problem = make_problem("wilson_cowan", shape=(12, 12), steps=20, dt=1e-3)
    network = engine.build(problem)
    monitor = brian2.StateMonitor(
        network["sheet"], "E", record=True, clock=network["sheet"].clock, when="start"
    )
    network.add(monitor)
    network.run(20e-3 * brian2.second)
    assert np.array_equal(
        monitor.E.T, frames(problem, "brian2")["E"].reshape(21, -1)[:-1]
    )


@pytest.mark.parametrize(
    "rate",
    ["(-v + curvature + input_v) / tau", "(-v + input_v) * tau", "-v / tau + gain"],
)
def test_brian_refuses_a_model_with_wrong_units(make_problem, rate):
    problem = _potential(make_problem, _potential_spec(rate))
    with pytest.raises(brian2.DimensionMismatchError):
        engine.build(problem)


# Agreement where the contract tests do not look


def test_a_model_in_volts_and_millimetres_agrees_with_the_reference(make_problem):
    problem = _potential(make_problem)
    expected = _collected(reference.blocks(problem))
    _assert_close(_collected(engine.blocks(problem)), expected)


def test_a_model_in_volts_resumes_to_the_bit(make_problem):
    problem = _potential(make_problem)
    whole = list(engine.blocks(problem))
    rest = list(engine.blocks(problem, whole[3].end))
    assert len(rest) == len(whole) - 4
    for again, once in zip(rest, whole[4:], strict=True):
        for name in problem.record:
            assert np.array_equal(again.frames[name], once.frames[name])


@pytest.mark.parametrize("side", ["periodic", "open", "reflecting"])
def test_summed_synapses_are_the_oracle_of_the_compiled_coupling(make_problem, side):
    draw = np.random.default_rng(1)
    gains = {"sines": (draw.random((2, 8, 9)), draw.random((2, 8, 9)))}
    problem = make_problem(
        "kuramoto", shape=(8, 9), boundary=(side, "open"), features=2, dt=1e-3,
        steps=100, every=10, gains=gains, record=("theta", "sines", "cosines"),
    )  # fmt: skip
    expected = _collected(engine.blocks(problem, coupling="synapses"))
    _assert_close(_collected(engine.blocks(problem)), expected)


def test_a_kernel_large_enough_for_a_transform_agrees(make_problem, frames):
    kernel = {"lateral": Gaussian(sigma=0.3, radius=1.2, normalise="sum")}
    problem = make_problem(
        "leaky_rate", shape=(27, 30), steps=15, kernels=kernel,
        boundary=("open", "reflecting"),
    )  # fmt: skip
    lateral = problem.couplings[0]
    uneven = np.random.default_rng(0).uniform(0.9, 1.1, 25 * 25)  # of full rank
    taps = replace(lateral.taps, weights=uneven * lateral.taps.weights)
    problem = replace(problem, couplings=(replace(lateral, taps=taps),))
    network = engine.build(problem)
    assert "sheet_transforms" in [thing.name for thing in network.objects]
    _assert_close(frames(problem, "brian2"), frames(problem))


# Nothing leaks


def test_a_second_sheet_of_zeros_stays_zero(make_problem, frames):
    first = make_problem("leaky_rate", shape=(8, 8), delay=Delay(fixed=3e-3), steps=30)
    second = replace(first, initial={"h": np.zeros((1, 8, 8))})
    one, other = engine.blocks(first), engine.blocks(second)
    moved, still = _collected(one)["h"], _collected(other)["h"]
    assert moved[-1].any()
    assert not still.any()
    assert np.array_equal(frames(first, "brian2")["h"], moved)


def test_two_sheets_stepped_by_turns_do_not_meet(make_problem, frames):
    first = make_problem("leaky_rate", shape=(8, 8), delay=Delay(fixed=3e-3), steps=30,
                         block_frames=4)  # fmt: skip
    second = make_problem("leaky_rate", shape=(6, 9), steps=30, block_frames=4, seed=1)
    by_turns = list(zip(engine.blocks(first), engine.blocks(second), strict=True))
    for place, problem in enumerate((first, second)):
        field = np.concatenate([pair[place].frames["h"] for pair in by_turns])
        assert np.array_equal(field, frames(problem, "brian2")["h"])


def test_the_problem_is_left_as_it_was(make_problem):
    problem = _full(make_problem)
    start = problem.initial["h"].copy()
    _collected(engine.blocks(problem))
    assert np.array_equal(problem.initial["h"], start)


@needs_compiler
def test_other_shapes_boundaries_kernels_and_numbers_compile_nothing_new(make_problem):
    _collected(engine.blocks(_full(make_problem)))
    compiled = set(cython_extension_manager._code_cache)
    other = _with_stimulus(make_problem(
        "leaky_rate", shape=(9, 7), features=3, boundary=("open", "reflecting"),
        noise={"h": 0.1}, seed=8, dt=2e-3, parameters={"tau": 0.05, "bias": 0.2},
        kernels={"lateral": Gaussian(sigma=0.2, radius=0.3, normalise="sum")},
        steps=5, gains={"lateral": (np.full((3, 9, 7), 0.5), None)},
    ))  # fmt: skip
    _collected(engine.blocks(other))
    assert set(cython_extension_manager._code_cache) == compiled


def test_our_errors_do_not_ask_for_a_bug_report_to_brian(capsys):
    engine._uncaught(InputError, InputError("what was given"), None)
    said = capsys.readouterr().err
    assert "what was given" in said
    assert "unexpected error" not in said


def test_names_that_mean_something_to_sympy_are_only_names(make_problem, frames):
    names = ("gamma", "beta", "zeta", "E1", "Q", "C", "O", "S", "re", "Abs")
    spec = ModelSpec(
        name="names", title="", paper="", stability="dt <= gamma", observable="Q1",
        rates={"Q1": "(-Q1 + lateral) / gamma + beta*zeta + E1*Q - C/O + S*re + Abs"},
        units={"Q1": "1"}, couplings={"lateral": Coupling("Q1", NARROW)}, drives={},
        params={name: Param("10 ms" if name == "gamma" else "1 Hz" if name in
                            ("beta", "E1", "C", "S", "Abs") else "1", "")
                for name in names},
    )  # fmt: skip
    spec.check()
    like = make_problem("leaky_rate", shape=(5, 6))
    values = dict.fromkeys(names, 0.7) | {"gamma": 0.01}
    problem = replace(
        like, spec=spec, parameters=values, functions={}, record=("Q1",),
        couplings=(replace(like.couplings[0], source="Q1"),),
        initial={"Q1": like.initial["h"]},
    )  # fmt: skip
    _assert_close(frames(problem, "brian2"), frames(problem))


# Without a compiler


def test_without_a_compiler_it_says_so_once_and_gives_the_same_field(
    make_problem, monkeypatch
):
    problem = _full(make_problem)
    expected = _collected(reference.blocks(problem))
    monkeypatch.setattr(engine, "compiler", lambda: None)
    engine._cython_works.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="no C\\+\\+ compiler") as said:
            found = _collected(engine.blocks(problem))
            _collected(engine.blocks(problem))
        network = engine.build(problem)
    finally:
        engine._cython_works.cache_clear()
    assert sum("compiler" in str(warning.message) for warning in said) == 1
    assert network["sheet"].codeobj_class.class_name == "numpy"
    _assert_close(found, expected)


@pytest.mark.parametrize("name", ["wilson_cowan", "damped_wave", "kuramoto"])
def test_models_agree_without_a_compiler(make_problem, frames, monkeypatch, name):
    monkeypatch.setattr(engine, "_cython_works", lambda: False)
    problem = make_problem(
        name, shape=(12, 13), boundary=("reflecting", "open"), dt=2e-4, steps=30
    )
    _assert_close(frames(problem, "brian2"), frames(problem))


def test_the_compiler_is_that_of_the_environment_and_none_where_there_is_none(
    monkeypatch, tmp_path
):
    mine = tmp_path / "my-c++"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    monkeypatch.setenv("CC", str(mine))
    monkeypatch.setenv("CXX", f"{mine} -pthread")
    assert _compiler.compiler() == str(mine)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setenv("CXX", "g++-that-is-not-there")
    assert _compiler.compiler() is None


# Bad input


def test_single_precision_is_refused(make_problem):
    with pytest.raises(InputError, match="float64 only, not in float32"):
        engine.blocks(make_problem("leaky_rate", dtype="float32"))


def test_synapses_with_delays_are_refused_by_the_name_of_the_coupling(make_problem):
    problem = make_problem("leaky_rate", delay=Delay(fixed=2e-3))
    with pytest.raises(InputError, match="'lateral' has delays"):
        engine.blocks(problem, coupling="synapses")


def test_an_unknown_way_of_coupling_is_refused(make_problem):
    with pytest.raises(InputError, match="'fast'; it is 'compiled' or 'synapses'"):
        engine.blocks(make_problem("leaky_rate"), coupling="fast")


def test_a_standalone_device_is_refused(make_problem, monkeypatch):
    device = brian2.devices.device.all_devices["cpp_standalone"]
    monkeypatch.setattr(engine, "get_device", lambda: device)
    with pytest.raises(InputError, match="standalone device"):
        engine.build(make_problem("leaky_rate"))


@pytest.mark.parametrize("trial", [-1, 2])
def test_a_trial_that_is_not_there_is_refused(make_problem, trial):
    problem = make_problem("leaky_rate", trials=2)
    with pytest.raises(InputError, match=f"no trial {trial}; the problem has 2"):
        engine.build(problem, trial=trial)


def test_a_state_of_another_trial_is_refused(make_problem):
    problem = make_problem("leaky_rate", trials=2)
    state = next(engine.blocks(problem)).end
    with pytest.raises(InputError, match="of trial 0, not of trial 1"):
        engine.build(problem, trial=1, state=state)


def test_a_model_whose_parameter_is_a_unit_in_brian_is_refused(make_problem):
    spec = make_problem("leaky_rate").spec
    rates = {"h": "(-h + f(lateral + drive + mV)) / tau"}
    params = {"tau": spec.params["tau"], "mV": Param("0", "")}
    problem = replace(
        make_problem("leaky_rate"), spec=replace(spec, rates=rates, params=params),
        parameters={"tau": 0.01, "mV": 0.0},
    )  # fmt: skip
    with pytest.raises(ModelError, match="named 'mV'"):
        engine.build(problem)
