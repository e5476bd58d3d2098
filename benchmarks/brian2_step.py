"""Microseconds per step of the Brian2 engine, beside a plain JAX-FFT loop.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/brian2_step.py

Wilson-Cowan E/I, periodic, float64, dt 0.1 ms, two 11x11 Gaussian kernels, one
thread, both timed by turns in the same run; then what the engine's other ways to
couple cost at 64 x 64. JAX is an optional install; without it its column is empty.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable
from itertools import islice

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
)

import numpy as np

from cortexwave.backends import brian2
from cortexwave.backends.problem import Lateral, Problem
from cortexwave.models import model
from cortexwave.sheet.drive import Drive
from cortexwave.sheet.kernels import Delay, Exponential, tap_table
from cortexwave.sheet.lattice import Lattice
from cortexwave.units import quantity

SIZES = (32, 64, 128)
DT, ROUNDS = 1e-4, 7
# name, model, kernel (the model's own if None), delay, noise, how, steps timed
OTHERS = [
    ("conduction delays at 0.1 m/s", "wilson_cowan", None, 100.0, {}, "compiled", 500),
    ("noise on E", "wilson_cowan", None, None, {"E": 0.1}, "compiled", 500),
    ("summed synapses", "wilson_cowan", None, None, {}, "synapses", 20),
    ("Kuramoto, 8 neighbours", "kuramoto", None, None, {}, "compiled", 500),
    ("shift (wave RNN)", "leaky_rate", None, None, {}, "compiled", 1000),
    ("Laplacian (wave equation)", "damped_wave", None, None, {}, "compiled", 1000),
    ("61 x 61 exponential kernel", "neural_field",
     Exponential(length=0.6, radius=3.0, normalise="density"), None, {}, "compiled",
     200),
]  # fmt: skip


def problem_of(name, size, *, every, kernel=None, speed=None, noise=None) -> Problem:
    """A model with its defaults on a periodic sheet, from random states."""
    spec, lattice = model(name), Lattice((size, size), 0.1)
    draw = np.random.default_rng(0)
    delay = Delay(speed=speed) if speed else None
    return Problem(
        spec=spec, lattice=lattice, dt=DT, steps=2**40, every=every,
        parameters={
            key: quantity(float(p.default) if p.unit == "1" else p.default, p.unit)
            for key, p in spec.params.items()
        },
        functions={key: options[0] for key, options in spec.functions.items()},
        couplings=tuple(
            Lateral(key, coupling.source,
                    tap_table(kernel or coupling.kernel, lattice, dt=DT, delay=delay))
            for key, coupling in spec.couplings.items()
        ),
        initial={key: draw.random(lattice.field_shape) for key in spec.states},
        noise=noise or {}, drive=Drive(), record=(spec.observable,), block_frames=1,
    )  # fmt: skip


def brian2_loop(problem: Problem, how: str = "compiled") -> Callable[[], None]:
    """Run one frame, that is `problem.every` steps; compiled and warm."""
    frames = brian2.blocks(problem, coupling=how)
    next(islice(frames, 1, None))
    return lambda: next(frames) and None


def jax_loop(size: int, steps: int) -> Callable[[], None]:
    """The same model in JAX, convolved by FFT, `steps` steps in one jitted loop."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    lattice, spec = Lattice((size, size), 0.1), model("wilson_cowan")
    spectra = []
    for name in ("ee", "ii"):
        taps = tap_table(spec.couplings[name].kernel, lattice, dt=DT)
        table = np.zeros((size, size))
        table[tuple(taps.offsets.T % size)] = taps.weights
        spectra.append(jnp.asarray(np.conj(np.fft.rfft2(table))))

    def summed(field, spectrum):
        return jnp.fft.irfft2(jnp.fft.rfft2(field) * spectrum, (size, size))

    def response(value):
        return 1.0 / (1.0 + jnp.exp(-value))

    def step(_, states):
        e, i = states
        near, far = summed(e, spectra[0]), summed(i, spectra[1])
        e_rate = (-e + response(1.2 * (16 * near - 12 * far - 2.8))) / 10e-3
        i_rate = (-i + response(1.0 * (15 * near - 3 * far - 4.0))) / 20e-3
        return e + DT * e_rate, i + DT * i_rate

    loop = jax.jit(lambda states: jax.lax.fori_loop(0, steps, step, states))
    draw = np.random.default_rng(0)
    start = tuple(jnp.asarray(draw.random((size, size))) for _ in range(2))
    jax.block_until_ready(loop(start))
    return lambda: jax.block_until_ready(loop(start)) and None


def least(loops: dict[str, Callable[[], None]], steps: int) -> dict[str, float]:
    """Least microseconds per step of each loop, all timed by turns."""
    taken: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(ROUNDS):
        for name, loop in loops.items():
            begun = time.perf_counter()
            loop()
            taken[name].append(time.perf_counter() - begun)
    return {name: 1e6 * min(times) / steps for name, times in taken.items()}


def main() -> None:
    """Print both tables."""
    has_jax = importlib.util.find_spec("jax") is not None
    print(f"{'sites':>9} {'brian2':>9} {'JAX':>9} {'ratio':>6}   us per step")
    for size in SIZES:
        loops = {"brian2": brian2_loop(problem_of("wilson_cowan", size, every=1000))}
        if has_jax:
            loops["jax"] = jax_loop(size, 1000)
        found = least(loops, 1000)
        jax, ratio = "", ""
        if has_jax:
            jax = f"{found['jax']:.1f}"
            ratio = f"{found['brian2'] / found['jax']:.2f}"
        print(f"{size:>4}x{size:<4} {found['brian2']:9.1f} {jax:>9} {ratio:>6}")
    print("\n64x64, us per step")
    for title, name, kernel, speed, noise, how, steps in OTHERS:
        problem = problem_of(
            name, 64, every=steps, kernel=kernel, speed=speed, noise=noise
        )
        found = least({title: brian2_loop(problem, how)}, steps)
        print(f"{title:>32} {found[title]:9.1f}")


if __name__ == "__main__":
    main()
