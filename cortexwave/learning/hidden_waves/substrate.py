"""The substrate: columns x strings on which waves carry what is remembered.

h_i(t+1) = h_{i+1}(t), and the start column h_s(t+1) = f(h(t)): d waves, one for each
string, travel from the newest column to the oldest, where they leave; they meet only
in f (Karuvally, Sejnowski & Siegelmann 2024, ICML, arXiv 2402.10163). This is the
upwind scheme of a one-way wave at Courant number 1. States have dims (..., site,
dim), site 0 the oldest; sample 0 of a course is the initial state.
"""

from __future__ import annotations

import warnings
from typing import Literal, get_args

import numpy as np

from cortexwave.errors import InputError
from cortexwave.learning.hidden_waves.boundary import (
    Boundary,
    FunctionBoundary,
    LinearBoundary,
)
from cortexwave.learning.hidden_waves.histories import (
    checked_history,
    checked_steps,
    next_vector,
    real_numbers,
)

Mode = Literal["initial", "gated", "additive"]


def step_substrate(
    state: np.ndarray, start: np.ndarray, *, courant: float = 1.0
) -> np.ndarray:
    """The state (..., site, dim) one step on; `start` (..., dim) enters upstream.

    A column becomes (1 - c) of itself and c of its upstream neighbour, the start
    column's being `start`: at c = 1 an exact shift; below, what travels n steps
    spreads with the variance n c (1 - c) of a binomial law.
    """
    upstream = np.concatenate([state[..., 1:, :], start[..., None, :]], axis=-2)
    if courant == 1:
        return upstream
    return (1 - courant) * state + courant * upstream


def run_substrate(
    boundary: Boundary, steps: int, *, history: np.ndarray | None = None,
    inputs: np.ndarray | None = None, mode: Mode = "initial", courant: float = 1.0,
) -> np.ndarray:  # fmt: skip
    """The course of a substrate, (..., time, site, dim), from its initial state on.

    "initial" loads `history` (..., site, dim) into the columns: 1 + `steps` samples.
    "gated" and "additive" begin empty and take `inputs` (..., time, dim), one vector
    a step, before they go on alone for `steps`: 1 + inputs + `steps` samples. Gated,
    the input replaces what the boundary computes; additive, it is added to it. In
    every mode `course[..., -steps:, -1, :]` is what the substrate says by itself.

    Warns where additive input cannot be exact: as soon as there are more inputs than
    the shortest lag, the boundary reads a column that is not empty and adds to a new
    input. With s inputs that leaves only tasks whose every lag is s. For the others
    no constant weights and no readout would help: that output k repeats input j at
    lag L demands an impulse response of 0 at all other lags before s + L, and that
    j itself is produced at lag L' < s demands one at L + L'.
    """
    steps = checked_steps(steps)
    if mode not in get_args(Mode):
        raise InputError(f"mode is {mode!r}, not {', '.join(get_args(Mode))}")
    if not (np.isfinite(courant) and 0 < courant <= 1):
        raise InputError(
            f"the Courant number is {courant!r}; it is above 0, and at most 1, "
            "beyond which the scheme is unstable (Courant, Friedrichs & Lewy 1928)"
        )
    given = _given(mode, history, inputs)
    if mode == "initial":
        start = checked_history(given, dims=boundary.dims, sites=boundary.sites)
        fed = start[..., :0, :]
    else:
        fed = _checked_inputs(given, boundary.dims)
        start = np.zeros((*fed.shape[:-2], boundary.sites, boundary.dims))
    count = fed.shape[-2]
    if mode == "additive":
        _warn_of_adding(boundary, count)
    # checked below, where the step is known
    f = boundary.function if isinstance(boundary, FunctionBoundary) else boundary
    course = np.empty((*start.shape[:-2], 1 + count + steps, *start.shape[-2:]))
    course[..., 0, :, :] = start
    for step in range(count + steps):
        state = course[..., step, :, :]
        if step < count and mode == "gated":
            enters = fed[..., step, :]
        else:
            enters = next_vector(f, state.copy(), name=boundary.name, step=step + 1)
            if step < count:
                enters = enters + fed[..., step, :]
        course[..., step + 1, :, :] = step_substrate(state, enters, courant=courant)
    return course


def _given(
    mode: Mode, history: np.ndarray | None, inputs: np.ndarray | None
) -> np.ndarray:
    """What the mode needs; `InputError` if that is missing or the other is given."""
    needed, other = (history, inputs) if mode == "initial" else (inputs, history)
    names = ("history", "inputs") if mode == "initial" else ("inputs", "history")
    if needed is None or other is not None:
        raise InputError(f"mode '{mode}' takes {names[0]}, and no {names[1]}")
    return needed


def _checked_inputs(inputs: np.ndarray, dims: int) -> np.ndarray:
    found = real_numbers(inputs, "inputs")
    if found.ndim < 2 or found.shape[-1] != dims or not found.shape[-2]:
        raise InputError(f"inputs is {found.shape}; it ends in (time, {dims})")
    return found


def _warn_of_adding(boundary: Boundary, inputs: int) -> None:
    """Warn where a boundary may add to an input what it read from earlier ones."""
    if isinstance(boundary, LinearBoundary):
        shortest = min(boundary.lags, default=inputs)
        if inputs <= shortest:
            return
        why = f"the boundary reads lag {shortest}, but {inputs} vectors come in"
    else:
        why = f"{boundary.name} may read any column"
    warnings.warn(
        f"additive input is not exact: {why}, so that it adds what it reads to new "
        "input; it is exact only when every lag is at least the number of inputs. "
        "Use mode 'gated' or 'initial'",
        stacklevel=3,
    )
