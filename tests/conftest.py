"""What all tests share: a problem made by hand, and an engine run to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cortexwave.backends import backend
from cortexwave.backends.problem import Lateral, Problem, State
from cortexwave.models import model
from cortexwave.sheet.drive import Drive
from cortexwave.sheet.kernels import Exponential, tap_table
from cortexwave.sheet.lattice import Lattice
from cortexwave.units import quantity

ENGINES = ("reference", "brian2", "torch")


def _make_problem(
    name: str,
    *,
    shape: tuple[int, int] = (1, 32),
    boundary: tuple[str, str] = ("periodic", "periodic"),
    features: int = 1,
    spacing: float = 0.1,
    dt: float = 1e-3,
    steps: int = 20,
    every: int = 1,
    parameters: dict[str, Any] | None = None,
    functions: dict[str, str] | None = None,
    kernels: dict[str, Any] | None = None,
    delay: Any = None,
    gains: dict[str, tuple[Any, Any]] | None = None,
    initial: dict[str, np.ndarray] | None = None,
    noise: dict[str, Any] | None = None,
    drive: Drive | None = None,
    record: tuple[str, ...] | None = None,
    trials: int = 1,
    seed: int = 0,
    block_frames: int = 128,
    dtype: str = "float64",
) -> Problem:
    """A problem with the model's defaults; random initial states in [0, 1)."""
    spec = model(name)
    lattice = Lattice(shape, spacing, boundary, features)  # type: ignore[arg-type]
    values = {
        key: quantity(float(p.default) if p.unit == "1" else p.default, p.unit)
        for key, p in spec.params.items()
    }
    draw = np.random.default_rng(seed)
    states = {key: draw.random(lattice.field_shape) for key in spec.states}
    narrow = {"neural_field": Exponential(length=0.2, radius=0.3, normalise="density")}
    couplings = []
    for key, coupling in spec.couplings.items():
        kernel = (kernels or {}).get(key, narrow.get(name, coupling.kernel))
        taps = tap_table(kernel, lattice, dt=dt, delay=delay)
        before, after = (gains or {}).get(key, (None, None))
        couplings.append(Lateral(key, coupling.source, taps, before, after))
    return Problem(
        spec=spec, lattice=lattice, dt=dt, steps=steps, every=every,
        parameters={**values, **(parameters or {})},
        functions={**{key: options[0] for key, options in spec.functions.items()},
                   **(functions or {})},
        couplings=tuple(couplings), initial={**states, **(initial or {})},
        noise=noise or {}, drive=drive or Drive(),
        record=record or spec.states, trials=trials, seed=seed,
        block_frames=block_frames, dtype=dtype,  # type: ignore[arg-type]
    )  # fmt: skip


def _frames(
    problem: Problem, engine: str = "reference", start: State | None = None
) -> dict[str, np.ndarray]:
    """All frames, (trial * frame, feature, y, x), of each recorded name."""
    blocks = list(backend(engine).blocks(problem, start))
    return {
        name: np.concatenate([block.frames[name] for block in blocks])
        for name in problem.record
    }


@pytest.fixture
def make_problem() -> Callable[..., Problem]:
    return _make_problem


@pytest.fixture
def frames() -> Callable[..., dict[str, np.ndarray]]:
    return _frames


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return request.param
