"""What a wave RNN has learned, as arrays that fit one another, and its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from cortexwave.errors import InputError
from cortexwave.sheet.lattice import Boundary

_SIDES = get_args(Boundary)
Activation = Literal["relu", "tanh", "identity", "sigmoid"]

DIMS = {
    "u": ("out", "in", "ky", "kx"),
    "V": ("input", "feature", "y", "x"),
    "bias": ("feature", "y", "x"),
    "W": ("output", "feature", "y", "x"),
    "W_bias": ("output",),
}
MAY_BE_ABSENT = ("W", "W_bias")


@dataclass(frozen=True, eq=False)
class Weights:
    """What a wave RNN has learned, as float64 arrays; `step` is a time step in s.

    u (out, in, ky, kx), V (input, feature, y, x), bias (feature, y, x). W (output,
    feature, y, x) and W_bias (output) are None where the readout is not linear.
    `boundary` is for (y, x); a ring or line has y = 1. Raises `InputError` naming
    every array that does not fit the others or is not finite.
    """

    u: np.ndarray
    V: np.ndarray
    bias: np.ndarray
    W: np.ndarray | None
    W_bias: np.ndarray | None
    activation: Activation
    boundary: tuple[Boundary, Boundary]
    step: float
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        faults = _faults(self)
        if faults:
            raise InputError("; ".join(faults))

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name, without those that are None."""
        named = {name: getattr(self, name) for name in DIMS}
        return {name: array for name, array in named.items() if array is not None}


def _faults(weights: Weights) -> list[str]:
    """Everything wrong with weights: one text for each array and each setting."""
    arrays = [*_array_faults(weights), *_kernel_faults(weights)]
    return [*arrays, *_setting_faults(weights)]


def _array_faults(weights: Weights) -> Iterator[str]:
    sizes: dict[str, int] = {}
    if np.ndim(weights.bias) == 3:
        sizes = dict(zip(DIMS["bias"], np.shape(weights.bias), strict=True))
        sizes |= {"out": sizes["feature"], "in": sizes["feature"]}
    if weights.W is not None and np.ndim(weights.W) == 4:
        sizes["output"] = len(weights.W)
    for name, dims in DIMS.items():
        array = getattr(weights, name)
        if array is None:
            if name not in MAY_BE_ABSENT:
                yield f"{name} is missing"
            continue
        due = tuple(sizes.get(dim, "any") for dim in dims)
        if array.dtype != np.float64:
            yield f"{name} is {array.dtype}, not float64"
        elif array.ndim != len(dims) or any(
            size not in ("any", n) for n, size in zip(array.shape, due, strict=True)
        ):
            shown = ", ".join(str(size) for size in due)
            yield f"{name} is {array.shape}, not ({', '.join(dims)}) = ({shown})"
        elif not np.isfinite(array).all():
            place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            yield f"{name} is not finite at {place}"
    if (weights.W is None) != (weights.W_bias is None):
        yield "W and W_bias are there together, or neither"


def _kernel_faults(weights: Weights) -> Iterator[str]:
    if np.ndim(weights.u) != 4 or np.ndim(weights.bias) != 3:
        return
    sides, sites = weights.u.shape[2:], weights.bias.shape[1:]
    for axis, side, n in zip("yx", sides, sites, strict=True):
        if side % 2 == 0 or side > n:
            yield (
                f"u is {side} sites wide along {axis}; a kernel has an odd number of "
                f"sites, at most the {n} of the sheet"
            )


def _setting_faults(weights: Weights) -> Iterator[str]:
    if weights.activation not in get_args(Activation):
        yield f"activation is {weights.activation!r}, not one of {get_args(Activation)}"
    sides = weights.boundary
    if not isinstance(sides, tuple) or len(sides) != 2 or set(sides) - {*_SIDES}:
        yield f"boundary is {sides!r}; it is one for y and one for x, each of {_SIDES}"
    if not (isinstance(weights.step, int | float) and 0 < weights.step < np.inf):
        yield f"step is {weights.step!r} s, not positive and finite"
    for name, value in weights.attributes.items():
        if not isinstance(value, str | int | float):
            kind = type(value).__name__
            yield f"attribute '{name}' is a {kind}, not text or number"
