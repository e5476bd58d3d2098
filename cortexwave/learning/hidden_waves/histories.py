"""What a history is: vectors at sites, the oldest first; shapes checked at doors."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any

import numpy as np

from cortexwave.errors import InputError, NotFiniteError

NextVector = Callable[[np.ndarray], np.ndarray]


def next_vector(
    f: NextVector, history: np.ndarray, *, name: str, step: int | None = None
) -> np.ndarray:
    """f of a history (..., site, dim), checked to be finite and (..., dim)."""
    vector = np.asarray(f(history))
    due = (*history.shape[:-2], history.shape[-1])
    if vector.shape != due:
        raise InputError(
            f"{name}: f gives shape {vector.shape} for histories {history.shape}; "
            f"a vector for each is {due}"
        )
    if vector.dtype.kind not in "fiub":
        raise InputError(f"{name}: f gives {vector.dtype}, not real numbers")
    if not np.isfinite(vector).all():
        dim = int(np.argwhere(~np.isfinite(vector))[0][-1])
        when = "" if step is None else f" at step {step}"
        raise NotFiniteError(
            f"{name}: f is not finite{when} (dim {dim}); a system that grows can be "
            "run only while its numbers fit, and a function must take any history"
        )
    return vector


def check_size(dims: int, sites: int) -> None:
    """Raise `InputError` unless there is at least one dim and one site."""
    for what, number in (("dims", dims), ("sites", sites)):
        if not is_integer(number) or number < 1:
            raise InputError(f"{what} is {number!r}; it is an integer from 1 on")


def checked_blocks(blocks: np.ndarray) -> np.ndarray:
    """B as float64 (site, dim, dim); `InputError` if it is not that or not finite."""
    found = real_numbers(blocks, "B")
    if found.ndim != 3 or found.shape[1] != found.shape[2] or 0 in found.shape:
        raise InputError(f"B is {found.shape}; it is (site, dim, dim)")
    return found


def checked_history(history: np.ndarray, *, dims: int, sites: int) -> np.ndarray:
    """A history as float64 (..., site, dim); `InputError` if it is not that."""
    found = real_numbers(history, "the history")
    if found.shape[-2:] != (sites, dims):
        raise InputError(
            f"the history is {found.shape}; it ends in ({sites}, {dims}), a vector "
            f"of {dims} for each of {sites} sites, the oldest first"
        )
    return found


def checked_steps(steps: int) -> int:
    """A number of steps, from 1 on; `InputError` otherwise."""
    if not is_integer(steps) or steps < 1:
        raise InputError(f"steps is {steps!r}; it is an integer from 1 on")
    return int(steps)


def is_integer(value: object) -> bool:
    """Whether a value is an integer, of Python or NumPy, and not a truth value."""
    return isinstance(value, Integral) and not isinstance(value, bool | np.bool_)


def real_numbers(values: Any, what: str) -> np.ndarray:
    """Finite real numbers as float64; `InputError` naming `what` otherwise."""
    found = np.asarray(values)
    if found.dtype.kind not in "fiub":
        raise InputError(f"{what} is {found.dtype}, not real numbers")
    if not np.isfinite(found).all():
        raise InputError(f"{what} holds numbers that are not finite")
    return found.astype(np.float64)
