"""What a sequence through a wave RNN may be given: names, shapes, kinds of numbers."""

from __future__ import annotations

from typing import get_args

from torch import Tensor

from cortexwave.errors import InputError
from cortexwave.learning.sequence_reference import Activation
from cortexwave.sheet.lattice import Boundary


def check_names(activation: str, boundary: tuple[str, str]) -> None:
    """Raise `InputError` where a name is none of those there are."""
    if activation not in get_args(Activation):
        raise InputError(
            f"activation '{activation}' is not one of {get_args(Activation)}"
        )
    if isinstance(boundary, str) or len(boundary) != 2:
        raise InputError(
            f"boundary is {boundary!r}; it is one for y and one for x, each of "
            f"{get_args(Boundary)}"
        )
    for one in boundary:
        if one not in get_args(Boundary):
            raise InputError(f"boundary '{one}' is not one of {get_args(Boundary)}")


def check_shapes(tensors: dict[str, Tensor]) -> None:
    """Raise one `InputError` with every argument whose shape does not fit."""
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    dims = {"inputs": 3, "u": 4, "V": 4, "bias": 3}
    names = {
        "inputs": "(batch, time, input)", "u": "(out, in, ky, kx)",
        "V": "(input, feature, y, x)", "bias": "(feature, y, x)",
    }  # fmt: skip
    faults = [
        f"{name} is {shapes[name]}; it is {names[name]}"
        for name, count in dims.items()
        if len(shapes[name]) != count
    ]
    if not faults:
        faults = _misfits(shapes)
    if faults:
        raise InputError("; ".join(faults))


def _misfits(shapes: dict[str, tuple[int, ...]]) -> list[str]:
    (batch, time, count), (features, ny, nx) = shapes["inputs"], shapes["bias"]
    ky, kx = shapes["u"][2:]
    outputs = shapes.get("readout", (0,))[0]
    due = {
        "u": (features, features, ky, kx), "V": (count, features, ny, nx),
        "start": (batch, features, ny, nx), "readout": (outputs, features, ny, nx),
        "readout_bias": (outputs,),
        "courses": (shapes.get("courses", (0,))[0], time),
    }  # fmt: skip
    faults = [
        f"{name} is {shapes[name]}, not {shape}, which bias {shapes['bias']} and "
        f"inputs {shapes['inputs']} call for"
        for name, shape in due.items()
        if name in shapes and shapes[name] != shape
    ]
    if min(batch, time, features, ny, nx) < 1:
        faults.append(
            f"inputs is {shapes['inputs']} and bias {shapes['bias']}: there is at "
            "least one sequence, one time step, one feature and one site"
        )
    for axis, k, n in (("y", ky, ny), ("x", kx, nx)):
        if k % 2 == 0:
            faults.append(f"u has {k} taps along {axis}; the number is odd")
        elif k > n:
            faults.append(f"u has {k} taps along {axis}, where there are {n} sites; "
                          f"at most {n - 1 + n % 2} fit")  # fmt: skip
    if "readout_bias" in shapes and "readout" not in shapes:
        faults.append("readout_bias is given without a readout")
    return faults


def check_kinds(tensors: dict[str, Tensor]) -> None:
    """Raise `InputError` where dtypes or devices are mixed, or are no numbers."""
    inputs = tensors["inputs"]
    if not inputs.is_floating_point():
        raise InputError(f"inputs is {inputs.dtype}, not floating point")
    for what in ("dtype", "device"):
        kinds = {name: getattr(value, what) for name, value in tensors.items()}
        if len(set(kinds.values())) > 1:
            listed = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
            raise InputError(f"all tensors are of one {what}; given were {listed}")
