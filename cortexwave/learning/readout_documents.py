"""Readouts by name: how an answer is read from the states of a network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from cortexwave.documents import Document
from cortexwave.faults import fault_error
from cortexwave.nodes import Path_

if TYPE_CHECKING:
    from cortexwave.learning.tasks import Shape

Located = tuple[Path_, str]  # a fault: path below the network, and what is wrong


class LinearReadout(Document):
    """y = W h + b, at every step or from the last state, as the task wants it.

    Without `bias` there is no b.
    """

    kind: Literal["linear"] = "linear"
    bias: bool = True

    def faults(self, shape: Shape) -> Iterable[str]:
        """What cannot be meant for a task of this shape."""
        return ()


class MLPReadout(Document):
    """y = W2 relu(W1 h + b1) + b2 with `hidden` units between."""

    kind: Literal["mlp"] = "mlp"
    hidden: int = Field(default=100, ge=1, le=65536)

    def faults(self, shape: Shape) -> Iterable[str]:
        """What cannot be meant for a task of this shape."""
        return ()


class TimeCourseReadout(Document):
    """One answer from the whole time course of every unit, not its last state.

    After Jacobs et al. (2025, arXiv 2502.06034). `basis` linear: `courses` trained
    weightings of time, then a linear map; fourier: the Fourier coefficients of the
    lowest `courses` frequencies 0, 1, ... per sequence, divided by its length T, as
    `parts` amplitude (their moduli) or cos_sin (real and imaginary parts), then a
    linear map.
    """

    kind: Literal["time_course"] = "time_course"
    basis: Literal["linear", "fourier"] = "linear"
    courses: int = Field(ge=1, le=65536)
    parts: Literal["amplitude", "cos_sin"] = "amplitude"

    @model_validator(mode="after")
    def _parts(self) -> TimeCourseReadout:
        if self.basis == "linear" and "parts" in self.model_fields_set:
            message = "only basis fourier has parts"
            raise fault_error("readout", [(("parts",), message)])
        return self

    def faults(self, shape: Shape) -> Iterable[str]:
        """What cannot be meant for a task of this shape."""
        if shape.every_step:
            yield (
                "time_course gives one answer for a sequence; this task wants one at "
                "every step"
            )
        most = shape.steps if self.basis == "linear" else shape.steps // 2 + 1
        if self.courses > most:
            yield (
                f"{self.courses} courses; of {shape.steps} steps there are at most "
                f"{most} different ones"
            )


Readout = Annotated[
    LinearReadout | MLPReadout | TimeCourseReadout, Field(discriminator="kind")
]


class Answering(Document):
    """Common to all networks: how the answer is read."""

    readout: Readout = LinearReadout()

    @property
    def field(self) -> tuple[int, int, int]:
        """Shape (feature, y, x) of a state."""
        raise NotImplementedError

    def faults(self, shape: Shape) -> Iterable[Located]:
        """What cannot be meant for a task of this shape."""
        for message in self.readout.faults(shape):
            yield ("readout",), message
