"""What is torch's own: three ways to sum, planned steps, devices, exactness, noise."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate
from scipy.stats import binom, kstest

from cortexwave.backends import torch as engine
from cortexwave.backends._algebra import Algebra
from cortexwave.backends._grouping import method_of
from cortexwave.backends._operations import Apply, Blend, Mix
from cortexwave.backends._separable import block_length, profiles, tables
from cortexwave.backends._step_plan import step_plan
from cortexwave.backends.problem import Lateral, Problem
from cortexwave.errors import InputError
from cortexwave.sheet.drive import Drive, Shown
from cortexwave.sheet.expressions import evaluate
from cortexwave.sheet.kernels import (
    AnisotropicGaussian,
    Box,
    Delay,
    DifferenceOfGaussians,
    Gaussian,
    Laplacian,
    Shift,
    Taps,
    tap_table,
)
from cortexwave.sheet.lattice import Lattice
from cortexwave.sheet.spec import Choice, Coupling, ModelSpec, Param

TOLERANCE = 1e-12  # of the greatest value: rounding in another order, 200 steps of it
SIDES = ("periodic", "open", "reflecting")
# SciPy's names of the same edges; its "reflect" repeats the edge site
SCIPY = {"periodic": "wrap", "open": "constant", "reflecting": "reflect"}


def _assert_close(found, expected, tolerance=TOLERANCE):
    for name, values in expected.items():
        scale = np.abs(values).max() or 1.0
        assert np.abs(found[name] - values).max() <= tolerance * scale, name


def _table(taps):
    ry, rx = taps.radius
    table = np.zeros((2 * ry + 1, 2 * rx + 1))
    np.add.at(table, (taps.offsets[:, 0] + ry, taps.offsets[:, 1] + rx), taps.weights)
    return table


def _scattered(seed):
    """Five taps far apart, of no low rank: cheapest to be gathered."""
    draw = np.random.default_rng(seed)
    offsets = np.array([[-3, 2], [0, -4], [1, 1], [2, -2], [4, 4]])
    return Taps(offsets, draw.normal(size=5), np.zeros(5, dtype=np.int64))


KERNELS = {
    "gaussian": Gaussian(sigma=0.2, radius=0.5, normalise="sum"),
    "laplacian": Laplacian(),
    "rotated": AnisotropicGaussian(
        sigma_along=0.3, sigma_across=0.1, angle=np.deg2rad(30), radius=0.5,
        normalise="sum",
    ),
}  # fmt: skip


# ---- lateral sums against SciPy


@pytest.mark.parametrize("across", SIDES)
@pytest.mark.parametrize("along", SIDES)
@pytest.mark.parametrize(
    "kernel, shape, method, blocked",
    [
        ("gaussian", (21, 18), "products", False),
        ("gaussian", (96, 80), "products", True),
        ("laplacian", (96, 30), "products", True),
        ("rotated", (48, 45), "spectral", False),
        ("scattered", (40, 31), "gathered", False),
    ],
)
def test_each_way_to_sum_is_scipys_correlation(
    make_problem, frames, kernel, shape, method, blocked, along, across
):
    problem = make_problem("leaky_rate", shape=shape, boundary=(along, across), steps=0,
                           record=("h", "lateral"))  # fmt: skip
    taps = (_scattered(3) if kernel == "scattered"
            else tap_table(KERNELS[kernel], problem.lattice, dt=1e-3))  # fmt: skip
    problem = replace(problem, couplings=(Lateral("lateral", "h", taps),))
    assert method_of(taps, problem.lattice)[0] == method
    assert (block_length(shape[0], taps.radius[0]) is not None) == blocked
    field = frames(problem, "torch")
    expected = _correlated(field["h"][0, 0], _table(taps), along, across)
    _assert_close({"lateral": field["lateral"][0, 0]}, {"lateral": expected})


def _correlated(field, table, along, across):
    """SciPy's correlation with a mode for each axis: padded along one, then taken."""
    ry = table.shape[0] // 2
    pad = {"periodic": "wrap", "open": "constant", "reflecting": "symmetric"}
    wide = np.pad(field, ((ry, ry), (0, 0)), mode=pad[along])
    return correlate(wide, table, mode=SCIPY[across])[ry : ry + len(field)]


def test_kernels_of_low_rank_are_found():
    lattice = Lattice((30, 30), 0.1)
    ranks = {
        "gaussian": len(_profiles(KERNELS["gaussian"], lattice)),
        "laplacian": len(_profiles(Laplacian(), lattice)),
        "difference": len(_profiles(DifferenceOfGaussians(
            sigma_centre=0.1, sigma_surround=0.25, radius=0.5, normalise="sum",
        ), lattice)),
        "hollow": len(_profiles(
            Box(radius=0.3, normalise="sum", centre=False), lattice
        )),
    }  # fmt: skip
    assert ranks == {"gaussian": 1, "laplacian": 2, "difference": 2, "hollow": 2}


def _profiles(kernel, lattice):
    return profiles(tables(tap_table(kernel, lattice, dt=1e-3), 1)[0])


def test_profiles_add_up_to_their_table_and_leave_its_zeros():
    table = np.array([[0.0, 1, 0, 2], [0, 0, 0, 0], [0, 3, 0, 6], [5, 0, 0, 0]])
    total = sum(np.outer(y, x) for y, x in profiles(table))
    assert np.array_equal(total, table)


@pytest.mark.parametrize("kernel", ["gaussian", "laplacian"])
def test_what_nothing_reaches_stays_exactly_zero(make_problem, frames, kernel):
    spot = np.zeros((1, 96, 96))
    spot[0, 48, 48] = 1.0
    problem = make_problem(
        "leaky_rate", shape=(96, 96), steps=4, initial={"h": spot},
        functions={"f": "tanh"}, kernels={"lateral": KERNELS[kernel]},
    )  # fmt: skip
    reached = frames(problem)["h"] != 0
    assert np.array_equal(frames(problem, "torch")["h"] != 0, reached)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("shape", [(80, 72), (97, 67), (1, 300), (300, 1)])
def test_large_and_odd_sheets_agree_with_the_reference(
    make_problem, frames, shape, side
):
    problem = make_problem(
        "wilson_cowan", shape=shape, boundary=(side, side), features=2, steps=3,
        record=("E", "I", "ei"),
    )  # fmt: skip
    _assert_close(frames(problem, "torch"), frames(problem))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    "delay, method",
    [(Delay(speed=200.0), "spectral"), (Delay(fixed=7e-4), "products")],
)
def test_delays_agree_with_the_reference(make_problem, frames, side, delay, method):
    problem = make_problem(
        "wilson_cowan", shape=(36, 40), boundary=(side, "open"), dt=1e-4, steps=25,
        delay=delay, record=("E", "I", "ee"),
    )  # fmt: skip
    assert {method_of(one.taps, problem.lattice)[0] for one in problem.couplings} == {
        method
    }
    _assert_close(frames(problem, "torch"), frames(problem))


def test_a_velocity_for_each_feature_is_a_product(make_problem, frames):
    shift = Shift(velocity=[0.2, 0.7, 1.0])
    problem = make_problem("leaky_rate", shape=(1, 24), features=3, steps=50,
                           kernels={"lateral": shift})  # fmt: skip
    assert method_of(problem.couplings[0].taps, problem.lattice)[0] == "products"
    _assert_close(frames(problem, "torch"), frames(problem))


# ---- closed forms


@pytest.mark.parametrize("part", [0.1, 0.37])
def test_the_shift_wave_rnn_is_binomial(make_problem, frames, part):
    sites, steps, tau = 256, 200, 10e-3
    spot = np.zeros((1, 1, sites))
    spot[0, 0, 0] = 1.0
    problem = make_problem("leaky_rate", shape=(1, sites), steps=steps, every=steps,
                           dt=part * tau, initial={"h": spot})  # fmt: skip
    exact = binom.pmf(np.arange(sites), steps, part)
    found = frames(problem, "torch")["h"][-1, 0, 0]
    # 200 steps of at most one rounding each; SciPy's own pmf is good to 1e-13
    assert np.abs(found - exact).max() <= TOLERANCE * exact.max()


@pytest.mark.parametrize("tau", [1e-3, 3e-3, 7.3e-4])
def test_at_dt_equal_to_tau_the_past_is_forgotten_to_the_last_bit(
    make_problem, frames, tau
):
    problem = make_problem("leaky_rate", shape=(1, 64), steps=64, dt=tau,
                           parameters={"tau": tau})  # fmt: skip
    field = frames(problem, "torch")["h"]
    assert np.array_equal(field[64], field[0])  # once round the ring
    assert np.array_equal(field[5], np.roll(field[0], 5, axis=-1))


@pytest.mark.parametrize("wave", [(1, 0), (3, 2), (0, 7)])
def test_leapfrog_obeys_its_dispersion_relation(make_problem, frames, wave):
    shape, spacing, dt, speed, steps = (24, 30), 0.1, 2e-4, 200.0, 400
    y, x = np.mgrid[: shape[0], : shape[1]]
    turn = [2 * np.pi * m / n for m, n in zip(wave, shape, strict=True)]
    # sin^2(w dt / 2) = nu^2 (sin^2(ky h / 2) + sin^2(kx h / 2))
    nu = speed * dt / spacing
    half = np.arcsin(nu * np.sqrt(sum(np.sin(k / 2) ** 2 for k in turn)))
    pattern = np.cos(turn[0] * y + turn[1] * x)[None]
    # u_n = cos(w dt n) needs velocity (u_0 - u_-1) / dt before the first step
    velocity = pattern * (1 - np.cos(2 * half)) / dt
    problem = make_problem(
        "damped_wave", shape=shape, dt=dt, steps=steps, every=steps,
        initial={"u": pattern, "velocity": velocity},
    )  # fmt: skip
    found = frames(problem, "torch")["u"][-1]
    # rounding of an undamped wave adds up with every step: 400 of 1e-15
    assert np.abs(found - np.cos(2 * half * steps) * pattern).max() <= 1e-11


# ---- equations


def test_a_wilson_cowan_step_is_three_operations_besides_its_couplings(make_problem):
    plan = step_plan(make_problem("wilson_cowan", shape=(16, 16)))
    assert [type(one) for one in plan.update] == [Mix, Apply, Blend]
    assert plan.same == {"ie": "ee", "ii": "ei"}
    assert not plan.sources


ODD = ModelSpec(
    name="odd",
    title="Every form that an equation may take",
    paper="none",
    rates={
        "a": "rate * (near * b - a**2 / (2 + abs(b)) + sin(a + b) * cos(a + b))",
        "b": "(g(a * near - 3*b) - b + drive * gain) * rate - near / sqrt(4 + a**2)",
        "c": "-rate * gain * (c - exp(-a) + (1 + abs(b))**0.5) + rate * 0 * b",
        "d": "rate * (step(sin(20*a) - b) - (2 + abs(a))**tanh(b) / (3 - -b**2))",
        "e": "rate * 2",
    },
    units={name: "1" for name in "abcde"},
    functions={"g": Choice("relu", "sigmoid")},
    params={"rate": Param("5 Hz", "rate"), "gain": Param("0.7", "gain")},
    couplings={
        "near": Coupling("a * b - 0.5", KERNELS["gaussian"]),
        "far": Coupling("tanh(gain * c)", KERNELS["rotated"]),
    },
    stability="dt <= 1",
    observable="a",
)


@pytest.mark.parametrize("scheme", ["euler", "semi_implicit"])
@pytest.mark.parametrize("varied", ["nothing", "gain", "rate", "both"])
def test_every_form_of_equation_agrees_with_the_reference(frames, scheme, varied):
    spec = replace(ODD, scheme=scheme)
    lattice = Lattice((13, 14), 0.1, ("open", "periodic"), 2)
    draw = np.random.default_rng(4)
    shape = lattice.field_shape
    parameters = {"rate": 5.0, "gain": 0.7}
    if varied in ("gain", "both"):
        parameters["gain"] = draw.uniform(0.1, 2.0, shape)
    if varied in ("rate", "both"):
        parameters["rate"] = draw.uniform(1.0, 9.0, shape)
    couplings = tuple(
        Lateral(name, one.source, tap_table(one.kernel, lattice, dt=1e-3))
        for name, one in spec.couplings.items()
    )
    problem = _problem(spec, lattice, parameters, couplings, draw)
    _assert_close(frames(problem, "torch"), frames(problem))


def _problem(spec, lattice, parameters, couplings, draw):
    pattern = draw.random(lattice.field_shape)
    drive = Drive([[Shown("drive", 3, 20, pattern, lambda step: 0.1 * (step // 4))]])
    return Problem(
        spec=spec, lattice=lattice, dt=1e-3, steps=40, every=2, parameters=parameters,
        functions={"g": "relu"}, couplings=couplings,
        initial={name: draw.random(lattice.field_shape) for name in spec.states},
        noise={"b": 0.1}, drive=drive, record=spec.recordable,
    )  # fmt: skip


def test_a_sum_over_an_overflow_is_finite_where_the_equation_is(make_problem, frames):
    # exp(1000) is infinite; 1 / (1 + exp(1000)) is 0, and 0 * infinity must not come in
    spec = ModelSpec(
        name="steep", title="Overflow", paper="none",
        rates={"a": "(1/(1 + exp(1000*a)) - a) * rate", "b": "(exp(-b) - a) * rate"},
        units={"a": "1", "b": "1"}, params={"rate": Param("5 Hz", "rate")},
        couplings={}, stability="dt <= 1", observable="a",
    )  # fmt: skip
    problem = replace(
        make_problem("leaky_rate", shape=(4, 4), steps=30), spec=spec, couplings=(),
        functions={}, parameters={"rate": 5.0}, record=("a", "b"),
        initial={"a": np.full((1, 4, 4), 2.0), "b": np.zeros((1, 4, 4))},
    )  # fmt: skip
    with np.errstate(over="ignore"):
        expected = frames(problem)
    assert np.isfinite(expected["a"]).all()
    _assert_close(frames(problem, "torch"), expected)


@pytest.mark.parametrize(
    "text", ["(-h + x) / tau", "tau * (h - 2*(x - h)) / 3", "-(h - -x) * tau**2",
             "x / tau - h * (tau - tau) + 2 - 1"],
)  # fmt: skip
def test_multiplying_out_does_not_change_an_expression(text):
    values = {"h": 0.3, "x": 1.7, "tau": 0.07}
    terms = Algebra({"tau": 0.07}, {}).terms(text, 2.0)
    total = sum(
        weight * np.prod([values[factor.name] for factor in product])
        for product, weight in terms.items()
    )
    assert total == pytest.approx(2.0 * evaluate(text, values), rel=1e-14)


# ---- precision, devices, state of the process


@pytest.mark.parametrize(
    "name, side",
    [("leaky_rate", "open"), ("wilson_cowan", "reflecting"), ("kuramoto", "periodic")],
)
def test_float32_stays_within_1e_5_over_1000_steps(make_problem, frames, name, side):
    parameters = {"omega": 0.0} if name == "kuramoto" else {}
    small = Gaussian(sigma=0.1, radius=0.2, normalise="sum")
    problem = make_problem(
        name, shape=(7, 8), boundary=(side, side), steps=1000, every=100,
        parameters=parameters, dtype="float32",
        kernels=dict.fromkeys(("ee", "ei", "ie", "ii"), small),
    )  # fmt: skip
    found = frames(problem, "torch")
    assert all(values.dtype == np.float32 for values in found.values())
    _assert_close(found, frames(replace(problem, dtype="float64")), 1e-5)


def test_the_state_is_kept_in_the_dtype_of_the_computation(make_problem):
    problem = make_problem("leaky_rate", delay=Delay(fixed=2e-3), dtype="float32")
    end = list(engine.blocks(problem))[-1].end
    assert end.states["h"].dtype == end.past["lateral"].dtype == np.float32
    assert end.past["lateral"].shape == (2, 1, 1, 32)


@pytest.mark.parametrize("size", [(24, 20), (96, 96)])
@pytest.mark.parametrize("delay", [None, Delay(fixed=3e-4), Delay(speed=200.0)])
def test_going_on_is_bit_identical_whichever_way_sums_are_taken(
    make_problem, size, delay
):
    problem = make_problem(
        "wilson_cowan", shape=size, boundary=("periodic", "reflecting"), dt=1e-4,
        steps=24, block_frames=10, delay=delay, noise={"E": 0.5}, record=("E", "ei"),
    )  # fmt: skip
    whole = list(engine.blocks(problem))
    rest = list(engine.blocks(problem, whole[0].end))
    assert len(rest) == len(whole) - 1
    for again, once in zip(rest, whole[1:], strict=True):
        assert np.array_equal(again.frames["E"], once.frames["E"])
        assert np.array_equal(again.frames["ei"], once.frames["ei"])


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "meta", ""])
def test_a_device_that_is_not_there_is_refused_at_once(make_problem, device):
    with pytest.raises(InputError, match=f"no device '{device}'.*there is cpu"):
        engine.blocks(make_problem("leaky_rate"), device=device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_is_refused_where_there_is_none(make_problem):
    with pytest.raises(InputError, match="no device 'cuda'"):
        engine.blocks(make_problem("leaky_rate"), device="cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("delay", [None, Delay(speed=200.0)])
@pytest.mark.parametrize("side", SIDES)
def test_cuda_agrees_with_the_reference(make_problem, frames, side, delay):
    problem = make_problem(
        "wilson_cowan", shape=(48, 96), boundary=(side, side), dt=1e-4, steps=100,
        every=10, delay=delay, noise={"E": 0.1}, record=("E", "I", "ei"),
    )  # fmt: skip
    found = list(engine.blocks(problem, device="cuda"))
    together = {name: np.concatenate([block.frames[name] for block in found])
                for name in problem.record}  # fmt: skip
    _assert_close(together, frames(problem))


def test_denormals_and_gradients_are_as_before_between_blocks(make_problem):
    problem = make_problem("leaky_rate", steps=20, block_frames=5)
    for _ in engine.blocks(problem):
        assert sys.float_info.min / 2 > 0
        assert not torch.is_inference_mode_enabled()


def test_a_run_that_is_abandoned_leaves_denormals_as_they_were(make_problem):
    next(iter(engine.blocks(make_problem("leaky_rate"))))
    assert sys.float_info.min / 2 > 0


# ---- noise drawn on the device


def _noisy(make_problem, **changes):
    problem = make_problem(
        "leaky_rate", shape=(40, 50), steps=40, dt=1e-3, noise={"h": 0.5},
        parameters={"tau": 1e9}, initial={"h": np.zeros((1, 40, 50))}, **changes,
    )  # fmt: skip
    return replace(problem, engine_noise=True)


def test_engine_noise_is_standard_normal_times_root_dt(make_problem, frames):
    steps = np.diff(frames(_noisy(make_problem), "torch")["h"], axis=0)
    # 80,000 increments; the p-value is of a fixed seed, so the test does not flicker
    assert kstest(steps.ravel() / (0.5 * np.sqrt(1e-3)), "norm").pvalue > 0.01
    flat = steps.reshape(len(steps), -1)
    between = np.corrcoef(flat) - np.eye(len(flat))
    assert np.abs(between).max() < 5 / np.sqrt(flat.shape[1])  # steps are independent


def test_engine_noise_depends_on_seed_trial_and_step_alone(make_problem, frames):
    problem = _noisy(make_problem, trials=2, block_frames=16)
    whole = list(engine.blocks(problem))
    rest = list(engine.blocks(problem, whole[1].end))
    assert np.array_equal(rest[0].frames["h"], whole[2].frames["h"])
    other = frames(_noisy(make_problem, seed=1), "torch")["h"]
    assert not np.array_equal(other[1], whole[0].frames["h"][1])
    assert not np.array_equal(whole[3].frames["h"][1], whole[0].frames["h"][1])


# ---- the benchmark


@pytest.mark.slow
def test_the_benchmark_of_a_step_prints_its_table():
    script = Path(__file__).parents[2] / "benchmarks" / "wilson_cowan_step.py"
    done = subprocess.run(
        [sys.executable, str(script), "--quick", "--sizes", "16"],
        cwd=script.parents[1], capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = [line.split("|")[1:-1] for line in done.stdout.splitlines()]
    assert {"cortexwave torch", "SciPy FFT loop"} <= {row[1].strip() for row in rows}
    assert all(float(row[-1]) < TOLERANCE for row in rows[2:])
