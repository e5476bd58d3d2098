"""The copy task: symbols are shown, then a long nothing, then they are due again.

Hochreiter & Schmidhuber (1997), in the form of Arjovsky, Shah & Bengio (2016), as
Keller, Muller, Sejnowski & Welling, "Traveling waves encode the recent past and
enhance sequence learning" (ICLR 2024, arXiv 2309.08045) have it: one way in their
text, another in their code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from cortexwave.documents import Document
from cortexwave.learning.tasks._answers import (
    checked_logits,
    cross_entropy,
    log_softmax,
)
from cortexwave.learning.tasks._draws import check_batch, generator
from cortexwave.learning.tasks._source import Batch, Shape, Source

# The published test batch, by which the published loss was divided a second time.
_PUBLISHED_BATCH = 50


class CopyTask(Document):
    """Say a list of symbols again after a delay.

    Classes are the blank 0, the symbols 1 to K and the delimiter K + 1, one-hot at
    the input; the answer at every step is the blank, and at the last S steps the
    symbols in their order. With S = 10 items of K = 8 symbols, as published:

    | `convention` | `length` T        | steps  | delimiter at step | first recall |
    |--------------|-------------------|--------|-------------------|--------------|
    | `paper`      | blanks, 0 or more | T + 20 | T + 10            | T + 10       |
    | `code`       | 11 or more        | T + 10 | T - 1             | T            |

    Steps count from 0, symbols stand at 0 to 9. In the text recall begins with the
    delimiter, in the code one step after it. In the code there are T - 11 blanks
    between the last symbol and the delimiter. The published tables call the code's
    T = 10, 20, 50, 100, 500 "0, 10, 30, 80, 480". With other S: T + 2 S and T + S
    steps.

    The code at T = 10 has no room for the delimiter: it overwrites the tenth
    symbol, and the tenth answer is then the delimiter, always. `as_published`
    does just that. Without it `code` with T = S is refused, since any other place
    of the delimiter would be another task under the same name; the task without
    the defect, of the same 20 steps, is `convention: paper` with `length: 0`.

    - `convention`: what `length` means, `paper` or `code`.
    - `length`: T.
    - `as_published`: allow the code's T = S, where the delimiter overwrites the last
      symbol. It changes nothing at other lengths.
    - `symbols`: how many different symbols there are, K.
    - `items`: how many of them are shown, S.

    Scores: `cross_entropy` is the mean over all steps and sequences, in nats.
    `symbol_accuracy` and `sequence_accuracy` are the shares of right symbols, and of
    sequences right in all of them, over the S recall steps. `cross_entropy_over_50`
    is what the paper prints as "MSE" (its loss divided by the test batch of 50);
    it is no squared error. `softmax_mean_squared_error` is one: between the softmax
    and the one-hot answer, mean over classes, steps and sequences.
    """

    kind: Literal["copy"] = "copy"
    convention: Literal["code", "paper"]
    length: int = Field(ge=0, le=10**7)
    as_published: bool = False
    symbols: int = Field(default=8, ge=1, le=10_000)
    items: int = Field(default=10, ge=1, le=10_000)

    @model_validator(mode="after")
    def _room(self) -> CopyTask:
        if self.convention == "paper":
            if self.as_published:
                raise ValueError(
                    "as_published is a defect of the code; it goes with "
                    "'convention: code'"
                )
        elif self.length == self.items and not self.as_published:
            raise ValueError(
                f"length {self.length} of the code has no room for the delimiter, "
                f"which overwrites symbol {self.items}; say 'as_published: true' to "
                "have it so, or 'convention: paper' with 'length: 0'"
            )
        elif self.length < self.items:
            raise ValueError(
                f"length is {self.length}; with {self.items} items the code's length "
                f"is at least {self.items + 1}"
            )
        return self

    def open(self, folder: Path | None, seed: int) -> Source:
        """Its sequences, drawn from `seed`; `folder` is not needed."""
        generator(seed, "train")  # a seed that cannot be is told now
        return Copying(self, seed)


@dataclass(frozen=True)
class Copying:
    """Sequences of the copy task, made on demand."""

    task: CopyTask
    seed: int

    @property
    def delimiter(self) -> int:
        """The step at which the delimiter stands, from 0."""
        if self.task.convention == "paper":
            return self.task.items + self.task.length
        return self.task.length - 1

    @property
    def shape(self) -> Shape:
        """One-hot classes in, logits of classes out, at every step."""
        lists = 2 if self.task.convention == "paper" else 1
        return Shape(
            inputs=self.task.symbols + 2,
            outputs=self.task.symbols + 2,
            steps=self.task.length + lists * self.task.items,
            every_step=True,
            loss="cross_entropy",
        )

    @property
    def counts(self) -> Mapping[str, int | None]:
        """As many as are asked for."""
        return {"train": None, "valid": None, "test": None}

    @property
    def chance(self) -> Mapping[str, float]:
        """Blanks known, and each symbol guessed with 1 / K."""
        K, S = self.task.symbols, self.task.items
        known = int(self.delimiter < S)  # the overwritten symbol is always the same
        unknown = S - known
        share = unknown / self.shape.steps
        entropy = math.log(K) * share
        # (1 - 1/K)^2 for the right class and 1/K^2 for each of the K - 1 others
        error = (1 - 1 / K) ** 2 + (K - 1) / K**2
        return {
            "cross_entropy": entropy,
            "symbol_accuracy": (unknown / K + known) / S,
            "sequence_accuracy": float(K) ** -unknown,
            "cross_entropy_over_50": entropy / _PUBLISHED_BATCH,
            "softmax_mean_squared_error": error * share / self.shape.outputs,
        }

    def batch(self, split: str, index: int, size: int) -> Batch:
        """Sequences drawn from (seed, split, index)."""
        check_batch(self.counts, split, index, size)
        S, steps = self.task.items, self.shape.steps
        draw = generator(self.seed, split, index)
        shown = np.zeros((size, steps), dtype=np.int64)
        shown[:, :S] = draw.integers(1, self.task.symbols + 1, size=(size, S))
        shown[:, self.delimiter] = self.task.symbols + 1
        targets = np.zeros_like(shown)
        targets[:, -S:] = shown[:, :S]
        inputs = np.zeros((size, steps, self.shape.inputs), dtype=np.float32)
        np.put_along_axis(inputs, shown[:, :, None], 1.0, axis=2)
        return Batch(inputs, targets)

    def scores(self, outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores of logits (batch, time, class) for targets (batch, time)."""
        logits = checked_logits(outputs, targets, self.shape.outputs)
        entropy = cross_entropy(logits, targets)
        recall = slice(-self.task.items, None)
        right = logits[:, recall].argmax(axis=-1) == targets[:, recall]
        error = np.exp(log_softmax(logits))
        np.put_along_axis(
            error,
            targets[:, :, None],
            np.take_along_axis(error, targets[:, :, None], axis=2) - 1,
            axis=2,
        )
        return {
            "cross_entropy": entropy,
            "symbol_accuracy": float(right.mean()),
            "sequence_accuracy": float(right.all(axis=1).mean()),
            "cross_entropy_over_50": entropy / _PUBLISHED_BATCH,
            "softmax_mean_squared_error": float((error**2).mean()),
        }

    def state(self) -> dict[str, np.ndarray]:
        """Nothing: all follows from the seed."""
        return {}


TASK = CopyTask
