"""Cost of a Wilson-Cowan step on every engine, beside plain FFT loops.

    python benchmarks/wilson_cowan_step.py [--quick] [--sizes 32 64 128] [--rounds 9]

Excitatory and inhibitory sheet, periodic, float64, dt 0.1 ms, two 11 x 11 Gaussian
kernels, through `blocks` with a frame every 1,000 steps. One thread on one core. All
are timed by turns in one process, a round each, so that what else the machine does
meets all alike; times are CPU time of the process. The ratio is the median over
rounds of the time over JAX's in the same round. The last column is the greatest
difference from the SciPy loop after 200 steps. No field comes near 0, so there are
no denormal numbers on any side.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# Libraries read these when they are loaded, so they stand before the imports.
os.environ.update(
    OMP_NUM_THREADS="1",
    MKL_NUM_THREADS="1",
    OPENBLAS_NUM_THREADS="1",
    JAX_PLATFORMS="cpu",
    XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
)

import numpy as np
import scipy.fft
from scipy.special import expit

from cortexwave.backends import backend
from cortexwave.backends.problem import Lateral, Problem
from cortexwave.errors import InputError
from cortexwave.models import model
from cortexwave.sheet.drive import Drive
from cortexwave.sheet.kernels import Taps, tap_table
from cortexwave.sheet.lattice import Lattice
from cortexwave.units import quantity

DT = 1e-4
CHECKED_AFTER = 200  # steps
JAX = "JAX FFT loop, jit"


@dataclass(frozen=True)
class Contestant:
    """`advance()` goes on by `steps` steps; `after(n)` is E after the first n steps."""

    name: str
    steps: int
    advance: Callable[[], object]
    after: Callable[[int], np.ndarray]


def problem_of(n: int, steps: int, every: int) -> Problem:
    """The sheet of n x n sites, with the model's own kernels and parameters."""
    spec = model("wilson_cowan")
    lattice = Lattice((n, n), 0.1)
    draw = np.random.default_rng(0)
    parameters = {
        name: quantity(float(p.default) if p.unit == "1" else p.default, p.unit)
        for name, p in spec.params.items()
    }
    couplings = tuple(
        Lateral(name, one.source, tap_table(one.kernel, lattice, dt=DT))
        for name, one in spec.couplings.items()
    )
    return Problem(
        spec=spec, lattice=lattice, dt=DT, steps=steps, every=every,
        parameters=parameters, functions={"S": "sigmoid"}, couplings=couplings,
        initial={name: draw.random((1, n, n)) for name in spec.states}, noise={},
        drive=Drive(), record=("E",), block_frames=1,
    )  # fmt: skip


def spectrum_of(taps: Taps, n: int) -> np.ndarray:
    """What to multiply a spectrum by for a cross-correlation with the taps."""
    table = np.zeros((n, n))
    np.add.at(table, (taps.offsets[:, 0] % n, taps.offsets[:, 1] % n), taps.weights)
    return np.fft.rfft2(table).conj()


def engine(name: str, n: int, steps: int) -> Contestant:
    """An engine of the package; each `advance` is one block of one frame."""

    def blocks(total: int, every: int) -> Iterator:
        return iter(backend(name).blocks(problem_of(n, total, every)))

    def after(count: int) -> np.ndarray:
        return list(blocks(count, count))[-1].frames["E"][0, 0]

    running = blocks(10**9, steps)
    next(running)  # sample 0
    return Contestant(f"cortexwave {name}", steps, lambda: next(running), after)


def loop(
    name: str, n: int, steps: int, rfft2: Callable, irfft2: Callable
) -> Contestant:
    """A plain loop in NumPy with the transforms given."""
    problem = problem_of(n, 0, 1)
    kernels = np.stack([spectrum_of(problem.couplings[k].taps, n) for k in (0, 1)])
    start = np.concatenate([problem.initial["E"], problem.initial["I"]])
    weights, threshold, gain, rate = _numbers(problem)

    def run(state: np.ndarray, count: int) -> np.ndarray:
        for _ in range(count):
            sums = irfft2(rfft2(state) * kernels, s=(n, n))
            received = np.tensordot(weights, sums, 1) - threshold
            state = state + rate * (expit(gain * received) - state)
        return state

    now = [start]

    def advance() -> None:
        now[0] = run(now[0], steps)

    return Contestant(name, steps, advance, lambda count: run(start, count)[0])


def jax_loop(n: int, steps: int) -> Contestant:
    """The same loop compiled by JAX."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    problem = problem_of(n, 0, 1)
    kernels = jnp.stack([spectrum_of(problem.couplings[k].taps, n) for k in (0, 1)])
    start = jnp.concatenate([problem.initial["E"], problem.initial["I"]])
    weights, threshold, gain, rate = map(jnp.asarray, _numbers(problem))

    def step(_: int, state: jax.Array) -> jax.Array:
        sums = jnp.fft.irfft2(jnp.fft.rfft2(state) * kernels, s=(n, n))
        e, i = sums[0], sums[1]
        received = weights[:, :1, None] * e + weights[:, 1:, None] * i - threshold
        return state + rate * (1 / (1 + jnp.exp(-gain * received)) - state)

    run = jax.jit(lambda state, count: jax.lax.fori_loop(0, count, step, state))
    now = [run(start, steps)]  # compiled before it is timed

    def advance() -> None:
        now[0] = run(now[0], steps).block_until_ready()

    return Contestant(JAX, steps, advance, lambda c: np.asarray(run(start, c))[0])


def _numbers(problem: Problem) -> tuple[np.ndarray, ...]:
    """Weights (2, 2), thresholds, gains and dt/tau (2, 1, 1) of E and I."""
    p = problem.parameters
    column = np.array([
        [p["threshold_e"], p["threshold_i"]],
        [p["gain_e"], p["gain_i"]],
        [DT / p["tau_e"], DT / p["tau_i"]],
    ])[:, :, None, None]  # fmt: skip
    weights = np.array([[p["w_ee"], -p["w_ei"]], [p["w_ie"], -p["w_ii"]]])
    return weights, column[0], column[1], column[2]


def contestants(n: int, steps: int) -> Iterator[Contestant]:
    """All that can run here; a line on stderr for each that cannot."""
    few = max(2, steps // 100)
    yield loop("NumPy FFT loop", n, few * 10, np.fft.rfft2, np.fft.irfft2)
    yield loop("SciPy FFT loop", n, few * 10, scipy.fft.rfft2, scipy.fft.irfft2)
    try:
        yield jax_loop(n, steps)
    except ImportError:
        print("JAX is not installed (pip install jax): no ratios", file=sys.stderr)
    for name, count in (("reference", max(1, few // 2)), ("brian2", steps),
                        ("torch", steps)):  # fmt: skip
        try:
            yield engine(name, n, count)
        except InputError as error:
            print(f"{name} cannot run here: {error}", file=sys.stderr)


def measured(n: int, steps: int, rounds: int) -> list[str]:
    """Lines of the table for one size."""
    runners = list(contestants(n, steps))
    expected = runners[1].after(CHECKED_AFTER)
    errors = [np.abs(one.after(CHECKED_AFTER) - expected).max() for one in runners]
    times = np.empty((len(runners), rounds))
    for turn in range(rounds + 1):
        for place, one in enumerate(runners):
            begun = time.process_time()
            one.advance()
            if turn:  # the first round warms up
                spent = time.process_time() - begun
                times[place, turn - 1] = 1e6 * spent / one.steps
    jax = [place for place, one in enumerate(runners) if one.name == JAX]
    lines = []
    for one, took, error in zip(runners, times, errors, strict=True):
        ratio = f"{np.median(took / times[jax[0]]):.2f}" if jax else "-"
        lines.append(f"| {n} x {n} | {one.name} | {np.median(took):.1f} "
                     f"({took.min():.1f}) | {ratio} | {error:.1e} |")  # fmt: skip
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=1000, help="steps in a round")
    parser.add_argument("--quick", action="store_true", help="a few steps only")
    chosen = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    import torch

    torch.set_num_threads(1)
    steps, rounds = (20, 1) if chosen.quick else (chosen.steps, chosen.rounds)
    print("| sheet | loop | us per step: median (min) | of JAX | max difference |")
    print("| --- | --- | --- | --- | --- |")
    for n in chosen.sizes:
        print("\n".join(measured(n, steps, rounds)), flush=True)


if __name__ == "__main__":
    main()
