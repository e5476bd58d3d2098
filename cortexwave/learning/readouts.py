"""Readouts: from the states of a network to its answers.

A readout is a linear map of a state, or of a time course of states, and what
follows it. The map is given apart, so that the sequence op can apply it while it
walks and no state need be kept.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from cortexwave.learning import readout_documents as named
from cortexwave.learning.initial import stream, uniform

Field_ = tuple[int, int, int]  # (feature, y, x)


class LinearReadout(nn.Module):
    """W (output, feature, y, x), b (output) or None."""

    def __init__(self, weight: Tensor, bias: Tensor | None):
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = None if bias is None else nn.Parameter(bias)

    def after(self, mapped: Tensor) -> Tensor:
        """Answers from W h + b (..., output)."""
        return mapped

    def of_states(self, states: Tensor) -> Tensor:
        """Answers (..., output) from states (..., feature, y, x)."""
        flat = states.flatten(-3)  # (..., feature * y * x)
        return self.after(nn.functional.linear(flat, self.weight.flatten(1), self.bias))


class MLPReadout(LinearReadout):
    """relu(W h + b), then out_weight (output, hidden) and out_bias (output)."""

    def __init__(
        self, weight: Tensor, bias: Tensor, out_weight: Tensor, out_bias: Tensor
    ):
        super().__init__(weight, bias)
        self.out_weight = nn.Parameter(out_weight)
        self.out_bias = nn.Parameter(out_bias)

    def after(self, mapped: Tensor) -> Tensor:
        """Answers from W h + b (..., hidden)."""
        return nn.functional.linear(mapped.relu(), self.out_weight, self.out_bias)


class TimeCourseReadout(LinearReadout):
    """Answers from sums over time; W (output, part, feature, y, x), b (output).

    `courses` (course, time) weights the states of all steps. With `amplitude` the
    courses are cosines, then sines, and a part is the modulus of a pair.
    """

    courses: Tensor

    def __init__(
        self, weight: Tensor, bias: Tensor, courses: Tensor, *, basis: str,
        amplitude: bool,
    ):  # fmt: skip
        super().__init__(weight, bias)
        self.amplitude = amplitude
        if basis == "linear":
            self.courses = nn.Parameter(courses)
        else:
            self.register_buffer("courses", courses)

    def of_courses(self, sums: Tensor) -> Tensor:
        """Answers (batch, output) from sums (batch, course, feature, y, x)."""
        if self.amplitude:
            pairs = sums.unflatten(1, (2, -1))  # (batch, 2, part, feature, y, x)
            # vector_norm has gradient 0 where a unit is silent, sqrt a NaN
            sums = torch.linalg.vector_norm(pairs, dim=1)
        return nn.functional.linear(sums.flatten(1), self.weight.flatten(1), self.bias)

    def of_sequence(self, states: Tensor) -> Tensor:
        """Answers (batch, output) from states (batch, time, feature, y, x)."""
        return self.of_courses(torch.einsum("kt,bt...->bk...", self.courses, states))


def fourier_courses(frequencies: int, steps: int, *, amplitude: bool) -> np.ndarray:
    """Rows (course, time) whose sums are Fourier coefficients divided by `steps`.

    cos(2 pi f t / T) for f = 0, 1, ..., then -sin, with t = 0 at the first state (the
    real and imaginary parts of NumPy's rfft). The sine of f = 0, and of f = T / 2, is
    nothing; it stands only where `amplitude` wants pairs.
    """
    f = np.arange(frequencies)[:, None]
    phase = 2 * np.pi * (f * np.arange(steps) % steps) / steps
    something = amplitude | ((f[:, 0] > 0) & (2 * f[:, 0] != steps))
    return np.concatenate([np.cos(phase), -np.sin(phase)[something]]) / steps


def build_readout(
    document: named.Readout,
    field: Field_,
    *,
    outputs: int,
    steps: int,
    seed: int,
    dtype: torch.dtype,
) -> LinearReadout:
    """A readout of states (feature, y, x), started as torch starts linear layers."""
    draw = stream(seed, "readout")

    def layer(out: int, size: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        fan_in = math.prod(size)
        weight = uniform(draw, fan_in, (out, *size))
        bias = uniform(draw, fan_in, (out,))
        return torch.tensor(weight, dtype=dtype), torch.tensor(bias, dtype=dtype)

    match document:
        case named.MLPReadout():
            first = layer(document.hidden, field)
            return MLPReadout(*first, *layer(outputs, (document.hidden,)))
        case named.TimeCourseReadout():
            amplitude = document.basis == "fourier" and document.parts == "amplitude"
            if document.basis == "linear":
                weights = uniform(draw, steps, (document.courses, steps))
            else:
                weights = fourier_courses(document.courses, steps, amplitude=amplitude)
            parts = document.courses if amplitude else len(weights)
            return TimeCourseReadout(
                *layer(outputs, (parts, *field)),
                torch.tensor(weights, dtype=dtype),
                basis=document.basis,
                amplitude=amplitude,
            )
        case _:
            weight, bias = layer(outputs, field)
            return LinearReadout(weight, bias if document.bias else None)
