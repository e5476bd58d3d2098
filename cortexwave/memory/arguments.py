"""What a readout may be given: real numbers, none missing, whole numbers and seeds."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortexwave.errors import InputError

_LEAST_SURROGATES = 19  # p = 1 / 20
_NAMED = 8  # places that a message names


def real_numbers(values: object, name: str) -> np.ndarray:
    """Plain arrays as floats; `InputError` for complex ones and for no numbers."""
    given = np.asarray(values)
    if given.dtype.kind == "c":
        raise InputError(
            f"{name} are complex; give the real and imaginary parts as features: "
            "np.concatenate([z.real, z.imag], axis=-1)"
        )
    try:
        return given.astype(float, copy=False)
    except (TypeError, ValueError):
        raise InputError(f"{name} are {given.dtype}, not numbers") from None


def refuse_missing(values: np.ndarray, name: str, places: str) -> None:
    """`InputError` that says at which `places` (the last axis) values are missing."""
    missing = ~np.isfinite(values)
    if not missing.any():
        return
    others = tuple(range(values.ndim - 1))
    at = np.flatnonzero(missing.any(axis=others))
    named = ", ".join(map(str, at[:_NAMED].tolist()))
    more = f" and {at.size - _NAMED} more" if at.size > _NAMED else ""
    raise InputError(
        f"{name}: {missing.sum()} of {missing.size} are missing (NaN) or not finite, "
        f"at {places} {named}{more} (counted from 0; {missing.all(axis=others).sum()} "
        f"of them throughout); leave these {places}, or the trials, out"
    )


def check_whole(value: Any, name: str, *, least: int) -> None:
    """`InputError` unless a value is a whole number from `least` on."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least:
        raise InputError(f"{name} is {value!r}; it is a whole number from {least} on")


def check_surrogates(count: int, seed: int) -> None:
    """`InputError` where so few surrogates cannot give p below 0.05; for bad seeds."""
    check_whole(seed, "seed", least=0)
    check_whole(count, "surrogates", least=1)
    if count < _LEAST_SURROGATES:
        raise InputError(f"surrogates is {count}; p below 0.05 needs "
                         f"{_LEAST_SURROGATES} or more")  # fmt: skip
