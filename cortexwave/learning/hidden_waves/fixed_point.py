"""Where a network stands still, found numerically, and its linear map there.

A fixed point is where h(t+1) = h(t) under zero input; near it h(t+1) - h* = A (h(t) -
h*), A the Jacobian of one step (Sussillo & Barak 2013, Neural Comput 25:626). A point
where the least speed is not 0 is a slow point: its `residual` says how far it is from
standing still, and whoever uses A must look at it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike

from cortexwave.errors import InputError
from cortexwave.learning.hidden_waves.one_step import OneStep, jacobians

STANDS_STILL = 1e-8  # largest |F(h) - h| of any unit at what is called a fixed point
_RANDOM_STARTS = 4
_MOST_STEPS = 100
_TARGET = 1e-13
_SAME = 1e-4  # distance per unit within which two solutions are one
_PROBE = 1e-5  # length of the step that looks for a kink
_KINK = 1e-3  # a smooth step's second difference is of the order of _PROBE


@dataclass(frozen=True)
class Linearisation:
    """A network's linear map about a point.

    `point` is h* (state,); `A` dh'/dh (state, state) and `inputs` dh'/du (state,
    input) there; `residual` the largest |F(h*) - h*|; `kinked` whether the step has no
    derivative at h* (a relu at its corner), so that A is only one of several; `found`
    how many distinct fixed points the search met, 0 if the point was given.
    """

    point: np.ndarray
    A: np.ndarray
    inputs: np.ndarray
    residual: float
    kinked: bool
    found: int

    @property
    def stands_still(self) -> bool:
        """Whether the point is a fixed point to rounding."""
        return self.residual <= STANDS_STILL


def find_fixed_point(
    step: OneStep, *, starts: ArrayLike | None = None, seed: int = 0
) -> Linearisation:
    """The fixed point nearest to the first start, or the slowest point met.

    From every start |F(h) - h|^2 is minimised by damped Newton steps. `starts` (start,
    state) are zero and four draws from a standard normal if not given; states along a
    trajectory are a good choice, and the only sensible one where 0 is a corner of the
    step.
    """
    first = _starts(step, starts, seed)
    solutions = [_solve(step, each) for each in first]
    speeds = np.array([_speed(step, each) for each in solutions])
    still = [
        each for each, v in zip(solutions, speeds, strict=True) if v <= STANDS_STILL
    ]
    if still:
        away = [float(np.linalg.norm(each - first[0])) for each in still]
        return _linearised(step, still[int(np.argmin(away))], _distinct(still))
    return _linearised(step, solutions[int(np.argmin(speeds))], 0)


def linearise(step: OneStep, point: ArrayLike) -> Linearisation:
    """The linear map about a given point (state,), fixed or not."""
    return _linearised(step, _checked(step, point)[0], 0)


def _linearised(step: OneStep, point: np.ndarray, found: int) -> Linearisation:
    A, inputs = jacobians(step, point)
    if not (np.isfinite(A).all() and np.isfinite(inputs).all()):
        raise InputError("the step's derivative is not finite at the point")
    return Linearisation(
        point, A, inputs, _speed(step, point), _is_kinked(step, point), found
    )


def _starts(step: OneStep, starts: ArrayLike | None, seed: int) -> np.ndarray:
    if starts is not None:
        return _checked(step, starts)
    drawn = np.random.default_rng(seed).standard_normal((_RANDOM_STARTS, step.size))
    return np.concatenate([np.zeros((1, step.size)), drawn])


def _checked(step: OneStep, states: ArrayLike) -> np.ndarray:
    given = np.atleast_2d(np.asarray(states, dtype=np.float64))
    if given.ndim != 2 or given.shape[1] != step.size or not len(given):
        raise InputError(
            f"the states are {given.shape}; a state of this network has {step.size}"
        )
    if not np.isfinite(given).all():
        raise InputError("the states hold numbers that are not finite")
    return given


@torch.no_grad()
def _moved(step: OneStep, states: np.ndarray) -> np.ndarray:
    """F(h) - h of states (batch, state) under zero input."""
    h = torch.as_tensor(states)
    return (step.advance(h, h.new_zeros(len(h), step.inputs)) - h).numpy()


def _speed(step: OneStep, state: np.ndarray) -> float:
    return float(np.abs(_moved(step, state[None])).max())


def _solve(step: OneStep, start: np.ndarray) -> np.ndarray:
    """Where damped Newton steps from a start end, at the least |F(h) - h| met.

    The damping falls with the speed itself, so that steps become Newton's (Yamashita
    & Fukushima 2001) even where F(h) - h is singular, as in a network that keeps a
    memory for ever.
    """
    h, moved = start, _moved(step, start[None])[0]
    factor = 1.0
    for _ in range(_MOST_STEPS):
        if np.abs(moved).max() <= _TARGET or factor > 1e12:
            break
        K = jacobians(step, h)[0] - np.eye(step.size)
        damping = factor * float(moved @ moved)
        normal = K.T @ K + (damping + 1e-14) * np.eye(step.size)
        tried = h - np.linalg.solve(normal, K.T @ moved)
        after = _moved(step, tried[None])[0]
        if np.isfinite(after).all() and after @ after < moved @ moved:
            h, moved, factor = tried, after, max(factor / 4, 1e-6)
        else:
            factor *= 8
    return h


def _distinct(points: list[np.ndarray]) -> int:
    kept: list[np.ndarray] = []
    for point in points:
        apart = [float(np.abs(point - other).max()) for other in kept]
        if not apart or min(apart) > _SAME:
            kept.append(point)
    return len(kept)


def _is_kinked(step: OneStep, point: np.ndarray) -> bool:
    """Whether F bends at the point itself: its second difference is of first order."""
    probes = np.random.default_rng(0).standard_normal((3, step.size))
    probes /= np.abs(probes).max(axis=1, keepdims=True)
    here = _moved(step, point[None])
    bent = [_moved(step, point + sign * _PROBE * probes) - here for sign in (1.0, -1.0)]
    return bool(np.abs(bent[0] + bent[1]).max() > _KINK * _PROBE)
