"""What a task gives a network: batches of sequences, and scores of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

Loss = Literal["cross_entropy", "mean_squared_error"]


@dataclass(frozen=True)
class Shape:
    """What a network must take and give to do a task.

    `inputs` values come in at each of `steps` steps; `outputs` values are due at
    every step from `first_answer` on, counted from 0, or only after the last one.
    Before `first_answer` a network may say what it likes. `steps` are those of
    training; validation and test may have more.
    """

    inputs: int
    outputs: int
    steps: int
    every_step: bool
    loss: Loss
    first_answer: int = 0

    def __post_init__(self) -> None:
        last = self.steps - 1 if self.every_step else 0
        assert 0 <= self.first_answer <= last, "no step is answered"


@dataclass(frozen=True, eq=False)
class Batch:
    """Sequences and what is due for them.

    `inputs` are float32 (batch, time, input). `targets` are classes, int64 (batch,
    answer) where an answer is due at every step and int64 (batch,) where one is due
    at the end; or values, float32 (batch, answer, output) or (batch, output). Answers
    are the steps from the shape's `first_answer` on; there is nothing for those
    before.
    """

    inputs: np.ndarray
    targets: np.ndarray


class Source(Protocol):
    """The sequences of a task; every batch a function of seed, split and index.

    `counts` is how many sequences "train", "valid" and "test" hold, None where they
    are made on demand. `chance` is what the scores are for a network that knows
    the base rates of the answers and nothing of the sequences, by formula.
    """

    @property
    def shape(self) -> Shape:
        """What a network must take and give."""

    @property
    def counts(self) -> Mapping[str, int | None]:
        """Sequences in each split; None where they are made on demand."""

    @property
    def chance(self) -> Mapping[str, float]:
        """Scores of a network that knows the base rates alone."""

    def batch(self, split: str, index: int, size: int) -> Batch:
        """The `index`-th batch of `size` sequences of a split, the same every time.

        Of a data set's "train", `index` counts over all epochs: each epoch is a
        fresh order of the set, its last short batch dropped. Of its "valid" and
        "test" it is the index-th slice, the last of which may be short. Sequences
        made on demand are drawn from (seed, split, index). `InputError` where
        there is no such batch.
        """

    def scores(self, outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Means over sequences, from outputs (batch, [time,] output) and targets.

        Outputs are of all steps, those that are not answered too; they are logits
        where targets are classes. `NotFiniteError` where one is no finite number.
        """

    def state(self) -> dict[str, np.ndarray]:
        """What was drawn once and must be saved with a model; mostly nothing."""
