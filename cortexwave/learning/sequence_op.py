"""A whole sequence through a wave RNN: one operation, forward and backward.

h_t = f(u * h_{t-1} + V x_t + bias); what that means is `sequence_reference`.
"""

from __future__ import annotations

from typing import get_args

import torch
from torch import Tensor

from cortexwave.errors import InputError
from cortexwave.learning.sequence_reference import Activation, Outcome, run_reference
from cortexwave.sheet.lattice import Boundary

__all__ = ["BACKENDS", "Activation", "Outcome", "chosen_backend", "run_sequence"]

BACKENDS = ("auto", "reference", "torch", "triton")


def run_sequence(
    inputs: Tensor,
    u: Tensor,
    V: Tensor,
    bias: Tensor,
    *,
    activation: Activation = "relu",
    boundary: tuple[Boundary, Boundary] = ("periodic", "periodic"),
    start: Tensor | None = None,
    readout: Tensor | None = None,
    readout_bias: Tensor | None = None,
    courses: Tensor | None = None,
    keep_states: bool = False,
    backend: str = "auto",
    budget: int = 2**28,
) -> Outcome:
    """The last state of h_t = f(u * h_{t-1} + V x_t + bias), t = 1..T, and what is asked.

    inputs       (batch, time, input)
    u            (out, in, ky, kx), cross-correlation, odd sides: a 1 in the last x tap
                 moves the state one site per step towards decreasing x
    V            (input, feature, y, x)
    bias         (feature, y, x)
    start        (batch, feature, y, x), h_0; without it zero
    readout      (output, feature, y, x), applied to every state; `readout_bias` (output,)
    courses      (course, time): weights in time of the sums over states that come back
    keep_states  whether every state comes back; otherwise none is kept for the caller
    budget       bytes of states kept for the gradient; above it only every ~sqrt(T)-th
                 is kept and the others are computed again on the way back

    A ring or line is y = 1. Raises `InputError` where shapes, dtypes or names do not
    fit.
    """
    given = {
        "inputs": inputs, "u": u, "V": V, "bias": bias, "start": start,
        "readout": readout, "readout_bias": readout_bias, "courses": courses,
    }  # fmt: skip
    tensors = {name: value for name, value in given.items() if value is not None}
    _check_names(activation, boundary)
    _check_shapes(tensors)
    _check_kinds(tensors)
    chosen_backend(backend, device=inputs.device, dtype=inputs.dtype)
    return run_reference(
        inputs, u, V, bias, activation=activation, boundary=boundary, start=start,
        readout=readout, readout_bias=readout_bias, courses=courses,
        keep_states=keep_states,
    )  # fmt: skip


def chosen_backend(
    backend: str, *, device: torch.device | str, dtype: torch.dtype
) -> str:
    """The backend that `run_sequence` takes for this name: "torch" or "reference".

    "auto" is "torch" in float32 and float64 on a CPU or a CUDA device, and "reference"
    otherwise. Raises `InputError` for a name or a combination that there is not.
    """
    if backend not in BACKENDS:
        raise InputError(
            f"backend '{backend}' is not one of {', '.join(BACKENDS)}; "
            "'auto' takes the fastest that fits"
        )
    if backend == "triton":
        raise InputError(
            "backend 'triton' is not built in this version; use 'auto' or 'torch', "
            "which run on CUDA devices too"
        )
    kind = torch.device(device).type
    fits = kind in ("cpu", "cuda") and dtype in (torch.float32, torch.float64)
    if backend == "torch" and not fits:
        raise InputError(
            f"backend 'torch' has no {dtype} on '{kind}': it runs float32 and float64 "
            "on cpu and cuda; use 'auto' or 'reference'"
        )
    return backend if backend != "auto" else ("torch" if fits else "reference")


def _check_names(activation: str, boundary: tuple[str, str]) -> None:
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


def _check_shapes(tensors: dict[str, Tensor]) -> None:
    """Raise one `InputError` with every argument whose shape does not fit."""
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    dims = {"inputs": 3, "u": 4, "V": 4, "bias": 3}
    names = {
        "inputs": "(batch, time, input)", "u": "(out, in, ky, kx)",
        "V": "(input, feature, y, x)", "bias": "(feature, y, x)",
    }  # fmt: skip
    faults = [f"{name} is {shapes[name]}; it is {names[name]}"
              for name, count in dims.items() if len(shapes[name]) != count]  # fmt: skip
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


def _check_kinds(tensors: dict[str, Tensor]) -> None:
    inputs = tensors["inputs"]
    if not inputs.is_floating_point():
        raise InputError(f"inputs is {inputs.dtype}, not floating point")
    for what in ("dtype", "device"):
        kinds = {name: getattr(value, what) for name, value in tensors.items()}
        if len(set(kinds.values())) > 1:
            listed = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
            raise InputError(f"all tensors are of one {what}; given were {listed}")
