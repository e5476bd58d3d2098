"""The history tasks: vectors are shown, then a function of the last ones is due.

The signed copies of Karuvally, Sejnowski & Siegelmann, "Hidden traveling waves bind
working memory variables in recurrent neural networks" (ICML 2024, arXiv 2402.10163),
T1 to T4 and the whole family that their published code draws them from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from cortexwave.documents import Document
from cortexwave.errors import InputError
from cortexwave.learning.hidden_waves import systems
from cortexwave.learning.tasks._answers import finite
from cortexwave.learning.tasks._draws import check_batch, generator
from cortexwave.learning.tasks._source import Batch, Shape, Source

_FIRST = (10, 100, 200)  # output steps over which accuracy is also told


class HistoryTask(Document):
    """Go on with a list of vectors: each is a signed copy out of the last few.

    `sites` vectors of `dims` numbers, -1 or 1 with equal chance, are shown one at a
    step; then nothing is shown for `horizon` steps, and at each of them the next
    vector of the system is due, at the first the one that follows the last shown.
    What the network says while vectors are shown counts neither for the loss nor for
    the scores.

    - `task`: T1 (repeat copy), T2 (compose copy), T3 or T4, of 8 dims and 8 sites.
    - `ids`: instead, the three numbers of any signed copy: which entries of the
      history are read (bits), which readers are swapped (digits in base `dims`),
      which dims change sign (bits).
    - `dims`: numbers in a vector, d.
    - `sites`: vectors in the history, s.
    - `horizon`: steps at which an answer is due in training.
    - `test_horizon`: steps at which one is due in validation and test; `horizon` if
      not given.

    Scores: `mean_squared_error`; `bit_accuracy`, the share of answers of the right
    sign, and `bit_accuracy_at_10`, `_100` and `_200`, the same over that many first
    output steps, where there are so many. Chance is the answer 0 for the error,
    which is then 1, and a guess of each sign for the accuracy.
    """

    kind: Literal["history"] = "history"
    task: Literal["T1", "T2", "T3", "T4"] | None = None
    ids: tuple[int, int, int] | None = None
    dims: int = Field(default=8, ge=1, le=1024)
    sites: int = Field(default=8, ge=1, le=1024)
    horizon: int = Field(ge=1, le=10**6)
    test_horizon: int | None = Field(default=None, ge=1, le=10**6)

    @model_validator(mode="after")
    def _one_system(self) -> HistoryTask:
        if (self.task is None) == (self.ids is None):
            raise ValueError(
                "give either task (T1 to T4) or ids, the three numbers of a signed copy"
            )
        if self.task and (self.dims, self.sites) != (8, 8):
            raise ValueError(
                f"{self.task} has 8 dims and 8 sites, not {self.dims} and "
                f"{self.sites}; of other sizes give ids"
            )
        try:
            self.copy_of()
        except InputError as error:
            raise ValueError(f"ids: {error}") from None
        return self

    def copy_of(self) -> systems.SignedCopy:
        """The signed copy that is due."""
        if self.task is not None:
            return systems.TASKS[self.task]
        assert self.ids is not None
        return systems.signed_copy(*self.ids, dims=self.dims, sites=self.sites)

    def open(self, folder: Path | None, seed: int) -> Source:
        """Its sequences, drawn from `seed`; `folder` is not needed."""
        generator(seed, "train")  # a seed that cannot be is told now
        return Histories(
            self.copy_of().system(), self.horizon, self.test_horizon or self.horizon,
            seed,
        )  # fmt: skip


@dataclass(frozen=True)
class Histories:
    """Sequences of a history task, made on demand."""

    system: systems.HistorySystem
    horizon: int
    test_horizon: int
    seed: int

    @property
    def shape(self) -> Shape:
        """A vector in and out at every step of training; answered after the last in."""
        return Shape(
            inputs=self.system.dims,
            outputs=self.system.dims,
            steps=self.system.sites + self.horizon,
            every_step=True,
            loss="mean_squared_error",
            first_answer=self.system.sites,
        )

    @property
    def counts(self) -> Mapping[str, int | None]:
        """As many as are asked for."""
        return {"train": None, "valid": None, "test": None}

    @property
    def chance(self) -> Mapping[str, float]:
        """The mean answer, 0, and each sign guessed."""
        names = _accuracies(self.test_horizon)
        return {"mean_squared_error": 1.0, **dict.fromkeys(names, 0.5)}

    def batch(self, split: str, index: int, size: int) -> Batch:
        """Sequences drawn from (seed, split, index).

        The vectors shown do not depend on the horizon.
        """
        check_batch(self.counts, split, index, size)
        draw = generator(self.seed, split, index)
        sites, dims = self.system.sites, self.system.dims
        shown = 2.0 * draw.integers(0, 2, size=(size, sites, dims)) - 1
        horizon = self.horizon if split == "train" else self.test_horizon
        inputs = np.zeros((size, sites + horizon, dims), dtype=np.float32)
        inputs[:, :sites] = shown
        due = systems.run(self.system, shown, horizon)  # (batch, horizon, dim)
        return Batch(inputs, due.astype(np.float32))

    def scores(self, outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores of values (batch, time, dim) for targets (batch, horizon, dim)."""
        sites, dims = self.system.sites, self.system.dims
        if (
            targets.ndim != 3
            or targets.shape[2] != dims
            or outputs.shape != (len(targets), sites + targets.shape[1], dims)
        ):
            raise InputError(
                f"outputs of shape {outputs.shape} for targets of shape "
                f"{targets.shape}: (batch, {sites} + horizon, {dims}) and (batch, "
                f"horizon, {dims}) are due"
            )
        if targets.size == 0:
            raise InputError("there is nothing to score: the batch is empty")
        answers = finite(outputs)[:, sites:]
        right = (np.sign(answers) == np.sign(targets)).mean(axis=(0, 2))  # (step,)
        return {
            "mean_squared_error": float(((answers - targets) ** 2).mean()),
            **{
                name: float(right[:steps].mean())
                for name, steps in _accuracies(targets.shape[1]).items()
            },
        }

    def state(self) -> dict[str, np.ndarray]:
        """Nothing: all follows from the seed."""
        return {}


def _accuracies(horizon: int) -> dict[str, int]:
    """Accuracies that a horizon allows, each with its number of output steps."""
    named = {f"bit_accuracy_at_{steps}": steps for steps in _FIRST if steps <= horizon}
    return {"bit_accuracy": horizon, **named}


TASK = HistoryTask
