"""A whole sequence through a wave RNN: one operation, forward and backward.

h_t = f(u * h_{t-1} + V x_t + bias); what that means is `sequence_reference`, and this
is the same to rounding. One `torch.library` operation takes the sequence and another
its gradient, so that autograd sees one node and not five a step, a state is kept once,
and no drive or state of the whole sequence is made that nobody asked for.

Not for second derivatives, `torch.func` transforms or forward-mode derivatives: the
gradient refuses to be differentiated and names `backend="reference"`, which can. The
result is the same in every bit from call to call and, on a CPU, for one thread or two.
On CUDA the same code runs step by step, neither timed nor captured in a graph. TF32 is
used on CUDA only where the caller has switched it on in torch
(`torch.backends.cuda.matmul.allow_tf32`); it is off there by default.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from cortexwave.errors import InputError, RunError
from cortexwave.learning import STATE_BUDGET
from cortexwave.learning._sequence_arguments import (
    check_kinds,
    check_names,
    check_shapes,
)
from cortexwave.learning._sequence_gradient import Arriving, Wanted, backward
from cortexwave.learning._sequence_layout import Layout
from cortexwave.learning._sequence_passes import Passed, Sequence, forward
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
    budget: int = STATE_BUDGET,
) -> Outcome:
    """What h_t = f(u * h_{t-1} + V x_t + bias), t = 1..T, leaves: h_T and more.

    inputs        (batch, time, input)
    u             (out, in, ky, kx), cross-correlation, odd sides: a 1 in the last x tap
                  moves the state one site per step towards decreasing x
    V             (input, feature, y, x)
    bias          (feature, y, x)
    start         (batch, feature, y, x): h_0; without it zero
    readout       (output, feature, y, x), applied to every state
    readout_bias  (output,)
    courses       (course, time): weights in time; their sums over states come back
    keep_states   whether every state comes back
    budget        bytes of states remembered for the gradient; above it only every
                  sqrt(T)-th is, and the others are computed again on the way back

    A ring or line is y = 1. Without a gradient to come, nothing is remembered. Numbers
    that are not finite go through. Raises `InputError` where shapes, dtypes or names do
    not fit, `RunError` where there is no memory for it.
    """
    given = {
        "inputs": inputs, "u": u, "V": V, "bias": bias, "start": start,
        "readout": readout, "readout_bias": readout_bias, "courses": courses,
    }  # fmt: skip
    tensors = {name: value for name, value in given.items() if value is not None}
    check_names(activation, boundary)
    check_shapes(tensors)
    check_kinds(tensors)
    chosen = chosen_backend(backend, device=inputs.device, dtype=inputs.dtype)
    if chosen == "reference":
        with _memory_named(inputs, bias, budget):
            return run_reference(
                inputs, u, V, bias, activation=activation, boundary=boundary,
                start=start, readout=readout, readout_bias=readout_bias,
                courses=courses, keep_states=keep_states,
            )  # fmt: skip
    remember = torch.is_grad_enabled() and any(
        value.requires_grad for value in tensors.values()
    )
    last, read, projected, states, _ = _sequence(
        inputs, u, V, bias, start, readout, readout_bias, courses, activation,
        *boundary, keep_states, remember, budget,
    )  # fmt: skip
    return Outcome(
        last=last,
        readout=None if readout is None else read,
        courses=None if courses is None else projected,
        states=states if keep_states else None,
    )


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


# The operations. A tensor that was not asked for has no elements: an operation gives
# tensors only. `saved` is what the forward pass leaves to the gradient.


@torch.library.custom_op(
    "cortexwave::sequence",
    mutates_args=(),
    schema="(Tensor inputs, Tensor u, Tensor V, Tensor bias, Tensor? start, "
    "Tensor? readout, Tensor? readout_bias, Tensor? courses, str activation, "
    "str along_y, str along_x, bool keep_states, bool remember, int budget) "
    "-> (Tensor last, Tensor read, Tensor projected, Tensor states, Tensor saved)",
)
def _sequence(
    inputs: Tensor,
    u: Tensor,
    V: Tensor,
    bias: Tensor,
    start: Tensor | None,
    readout: Tensor | None,
    readout_bias: Tensor | None,
    courses: Tensor | None,
    activation: str,
    along_y: str,
    along_x: str,
    keep_states: bool,
    remember: bool,
    budget: int,
) -> tuple[Tensor, ...]:
    run = _run(
        inputs, u, V, bias, readout, courses, activation, along_y, along_x, budget
    )
    with _memory_named(inputs, bias, budget):
        passed = forward(
            run, start, readout_bias, keep_states=keep_states, remember=remember
        )
    given = (passed.last, passed.read, passed.courses, passed.states, passed.saved)
    return _without_none(given, inputs)


@torch.library.custom_op(
    "cortexwave::sequence_gradient",
    mutates_args=(),
    schema="(Tensor? last, Tensor? read, Tensor? projected, Tensor? states, "
    "Tensor inputs, Tensor u, Tensor V, Tensor bias, Tensor? readout, "
    "Tensor? courses, Tensor saved, str activation, str along_y, str along_x, "
    "int budget, bool[] wanted) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
)
def _gradient(
    last: Tensor | None,
    read: Tensor | None,
    projected: Tensor | None,
    states: Tensor | None,
    inputs: Tensor,
    u: Tensor,
    V: Tensor,
    bias: Tensor,
    readout: Tensor | None,
    courses: Tensor | None,
    saved: Tensor,
    activation: str,
    along_y: str,
    along_x: str,
    budget: int,
    wanted: list[bool],
) -> tuple[Tensor, ...]:
    run = _run(
        inputs, u, V, bias, readout, courses, activation, along_y, along_x, budget
    )
    arriving = Arriving(last, read, projected, states)
    with _memory_named(inputs, bias, budget):
        g = backward(run, saved, arriving, Wanted(*wanted))
    given = (g.inputs, g.u, g.V, g.bias, g.start, g.readout, g.courses)
    return _without_none(given, inputs)


def _without_none(given: tuple[Tensor | None, ...], like: Tensor) -> tuple[Tensor, ...]:
    return tuple(like.new_empty(0) if one is None else one for one in given)


def _run(
    inputs: Tensor, u: Tensor, V: Tensor, bias: Tensor, readout: Tensor | None,
    courses: Tensor | None, activation: str, along_y: str, along_x: str, budget: int,
) -> Sequence:  # fmt: skip
    features, ny, nx = bias.shape
    kernel, along = (u.shape[2], u.shape[3]), (along_y, along_x)
    layout = Layout((ny, nx), kernel, along, features, inputs.shape[0])
    return Sequence(layout, inputs, u, V, bias, activation, readout, courses, budget)


@_sequence.register_fake
def _(
    inputs: Tensor, u: Tensor, V: Tensor, bias: Tensor, start: Tensor | None,
    readout: Tensor | None, readout_bias: Tensor | None, courses: Tensor | None,
    activation: str, along_y: str, along_x: str, keep_states: bool, remember: bool,
    budget: int,
) -> tuple[Tensor, ...]:  # fmt: skip
    run = _run(
        inputs, u, V, bias, readout, courses, activation, along_y, along_x, budget
    )
    one = Passed.empty(run, keep_states=keep_states)
    saved = inputs.new_empty(run.saved) if remember else None
    return _without_none((one.last, one.read, one.courses, one.states, saved), inputs)


@_gradient.register_fake
def _(
    last: Tensor | None, read: Tensor | None, projected: Tensor | None,
    states: Tensor | None, inputs: Tensor, u: Tensor, V: Tensor, bias: Tensor,
    readout: Tensor | None, courses: Tensor | None, saved: Tensor, activation: str,
    along_y: str, along_x: str, budget: int, wanted: list[bool],
) -> tuple[Tensor, ...]:  # fmt: skip
    asked = Wanted(*wanted)
    shapes = (
        inputs.shape if asked.inputs else (0,),
        u.shape if asked.u else (0,),
        V.shape if asked.drive else (0,),
        bias.shape if asked.drive else (0,),
        (inputs.shape[0], *bias.shape) if asked.start else (0,),
        (0,) if readout is None or not asked.readout else readout.shape,
        (0,) if courses is None or not asked.courses else courses.shape,
    )
    return tuple(inputs.new_empty(shape) for shape in shapes)


def _set_up(ctx: Any, inputs: tuple, output: tuple) -> None:
    x, u, V, bias, _, readout, _, courses, *how, keep_states, _, budget = inputs
    saved = output[-1]
    ctx.asked = (True, readout is not None, courses is not None, keep_states)
    ctx.mark_non_differentiable(saved)
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(x, u, V, bias, readout, courses, saved)
    ctx.how = (*how, budget)


def _back(ctx: Any, *arriving: Tensor | None) -> tuple:
    last, read, projected, states = (
        gradient if asked else None
        for gradient, asked in zip(arriving[:-1], ctx.asked, strict=True)
    )
    needs = ctx.needs_input_grad
    wanted = [
        needs[0], needs[1], needs[2] or needs[3], needs[4],
        needs[5] and read is not None, needs[7] and projected is not None,
    ]  # fmt: skip
    grads = _gradient(
        last, read, projected, states, *ctx.saved_tensors, *ctx.how, wanted
    )
    g_inputs, g_u, g_V, g_bias, g_start, g_readout, g_courses = grads
    g_readout_bias = None
    if needs[6] and read is not None:
        g_readout_bias = read.sum(dim=(0, 1))
    drive = wanted[2]
    return (
        g_inputs if wanted[0] else None, g_u if wanted[1] else None,
        g_V if drive else None, g_bias if drive else None,
        g_start if wanted[3] else None, g_readout if wanted[4] else None,
        g_readout_bias, g_courses if wanted[5] else None,
        None, None, None, None, None, None,
    )  # fmt: skip


def _refuse(ctx: Any, *arriving: Tensor | None) -> None:
    raise RuntimeError(
        "the gradient of run_sequence has no derivative of its own on backend 'torch'; "
        "for second derivatives use backend='reference'"
    )


_sequence.register_autograd(_back, setup_context=_set_up)
_gradient.register_autograd(_refuse)


@contextmanager
def _memory_named(inputs: Tensor, bias: Tensor, budget: int) -> Iterator[None]:
    """Turn a want of memory into a `RunError` that says of what and what helps."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_shortage(error):
            raise
        batch, steps = inputs.shape[:2]
        state = batch * bias.numel() * inputs.element_size()
        raise RunError(
            f"no memory for a sequence of {steps} steps: a state of {batch} sequences "
            f"x {tuple(bias.shape)} is {state:,} bytes, all states are "
            f"{state * steps:,}. Lower `budget` (now {budget:,} bytes of states kept "
            "for the gradient), ask for no states, or take a smaller batch "
            f"({' '.join(str(error).split())[:200]})"
        ) from error


def _is_shortage(error: Exception) -> bool:
    words = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or any(
        word in str(error).lower() for word in words
    )
