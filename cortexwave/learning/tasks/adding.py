"""The adding task: of many numbers, two are marked; their sum is due at the end.

Hochreiter & Schmidhuber (1997), in the form of Keller, Muller, Sejnowski & Welling
(ICLR 2024, arXiv 2309.08045).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from cortexwave.documents import Document
from cortexwave.errors import InputError
from cortexwave.learning.tasks._answers import finite
from cortexwave.learning.tasks._draws import check_batch, generator
from cortexwave.learning.tasks._source import Batch, Shape, Source

# An answer this near is right: Hochreiter & Schmidhuber (1997), experiment 4.
_NEAR = 0.04


class AddingTask(Document):
    """Add the two marked numbers of a sequence.

    Input 0 is a number from [0, 1) at each step, uniform; input 1 is the marker, 1 at
    one step of the first half, steps 0 to T // 2 - 1, and at one of the second, T // 2
    to T - 1, each uniform, and 0 elsewhere. The sum of the two marked numbers is due
    after the last step.

    - `length`: steps in a sequence, T; at least 2.

    Scores: `mean_squared_error`, and `fraction_within_0.04`, the share of sums that
    are missed by less than 0.04. Always answering 1, the mean, is chance: the sum of
    two uniform numbers has variance 1/6 and density 1 - |sum - 1|.
    """

    kind: Literal["adding"] = "adding"
    length: int = Field(ge=2, le=10**7)

    def open(self, folder: Path | None, seed: int) -> Source:
        """Its sequences, drawn from `seed`; `folder` is not needed."""
        generator(seed, "train")  # a seed that cannot be is told now
        return Adding(self.length, seed)


@dataclass(frozen=True)
class Adding:
    """Sequences of the adding task, made on demand."""

    length: int
    seed: int

    @property
    def shape(self) -> Shape:
        """A number and a marker in at each step, one number out at the end."""
        return Shape(2, 1, self.length, every_step=False, loss="mean_squared_error")

    @property
    def counts(self) -> Mapping[str, int | None]:
        """As many as are asked for."""
        return {"train": None, "valid": None, "test": None}

    @property
    def chance(self) -> Mapping[str, float]:
        """Scores of the answer 1."""
        return {
            "mean_squared_error": 1 / 6,
            "fraction_within_0.04": 1 - (1 - _NEAR) ** 2,
        }

    def batch(self, split: str, index: int, size: int) -> Batch:
        """Sequences drawn from (seed, split, index)."""
        check_batch(self.counts, split, index, size)
        draw = generator(self.seed, split, index)
        half = self.length // 2
        numbers = draw.random((size, self.length), dtype=np.float32)
        marked = np.stack(
            [draw.integers(0, half, size), draw.integers(half, self.length, size)],
            axis=1,
        )  # (batch, 2)
        markers = np.zeros_like(numbers)
        np.put_along_axis(markers, marked, 1.0, axis=1)
        sums = np.take_along_axis(numbers, marked, axis=1).sum(axis=1, keepdims=True)
        return Batch(np.stack([numbers, markers], axis=2), sums)

    def scores(self, outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores of values (batch, 1) for targets (batch, 1)."""
        if outputs.shape != targets.shape or targets.shape[1:] != (1,):
            raise InputError(
                f"outputs of shape {outputs.shape} for targets of shape "
                f"{targets.shape}: (batch, 1) is due of both"
            )
        if targets.size == 0:
            raise InputError("there is nothing to score: the batch is empty")
        error = finite(outputs) - targets
        return {
            "mean_squared_error": float((error**2).mean()),
            "fraction_within_0.04": float((np.abs(error) < _NEAR).mean()),
        }

    def state(self) -> dict[str, np.ndarray]:
        """Nothing: all follows from the seed."""
        return {}


TASK = AddingTask
