"""Noisy sequential CIFAR-10: a picture row by row, then a long noise.

Chang, Chen, Haber & Chi (2019, arXiv 1902.09689); data of Krizhevsky (2009). What the
code of Keller, Muller, Sejnowski & Welling (ICLR 2024) runs is `noise: fixed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from cortexwave.documents import Document
from cortexwave.learning.tasks._cifar_files import read_cifar
from cortexwave.learning.tasks._draws import generator
from cortexwave.learning.tasks._labelled_set import (
    CLASSES,
    LabelledSet,
    classification_scores,
    set_with_test,
)
from cortexwave.learning.tasks._source import Batch, Shape, Source
from cortexwave.sheet.arrays import located

_ROWS = 32
_ROW = 3 * 32  # the red row, the green one, the blue one


class NoisyCifarTask(Document):
    """Say what a picture showed, long after it was shown.

    The first 32 steps are the picture's rows from the top, each as 96 values in
    [0, 1]: 32 red, 32 green, 32 blue. The other steps are standard normal noise. The
    class is due after the last one. The 50,000 training images are split into 47,000
    and 3,000 for validation, drawn from the seed; the 10,000 test images stay as they
    are.

    - `folder`: where the files are, relative to the document: data_batch_1 to
      data_batch_5 and test_batch of the python version, or the same with .bin of the
      binary version. Pickles are read without running anything in them.
    - `noise`: `fixed` is one noise drawn from the seed, the same for every image,
      epoch and split, as in the published runs: a constant ending, saved with the
      model. `fresh` is another noise for every sequence of every batch, as the
      published text says: a different, harder task.
    - `length`: steps in all; at least 32, which leaves no room for noise.
    - `valid`: training images set apart for validation.

    Scores: `cross_entropy` in nats and `accuracy`.
    """

    kind: Literal["noisy_cifar"] = "noisy_cifar"
    folder: str = Field(min_length=1)
    noise: Literal["fixed", "fresh"]
    length: int = Field(default=1000, ge=_ROWS, le=10**6)
    valid: int = Field(default=3000, ge=1)

    def open(self, folder: Path | None, seed: int) -> Source:
        """Its images, read from the files; `self.folder` is relative to `folder`."""
        place = located(self.folder, folder)
        train, test = read_cifar(place)
        images = set_with_test(train, test, valid=self.valid, seed=seed, folder=place)
        noise = None
        if self.noise == "fixed":
            draw = generator(seed, "noise")
            noise = _normal(draw, (self.length - _ROWS, _ROW))
        return NoisyRows(images, self.length, noise)


@dataclass(frozen=True, eq=False)
class NoisyRows:
    """Images of a set as their rows and then noise.

    `noise` is float32 (time, 96), the same for all, or None for a fresh one each
    time. A model saved with its noise is judged by
    `dataclasses.replace(source, noise=saved)`.
    """

    images: LabelledSet
    length: int
    noise: np.ndarray | None

    @property
    def shape(self) -> Shape:
        """A row in at each step, logits of ten classes out at the end."""
        return Shape(_ROW, CLASSES, self.length, every_step=False, loss="cross_entropy")

    @property
    def counts(self) -> Mapping[str, int | None]:
        """Images in each split."""
        return self.images.counts

    @property
    def chance(self) -> Mapping[str, float]:
        """Entropy of the training labels, and the share of the commonest."""
        return self.images.chance

    def batch(self, split: str, index: int, size: int) -> Batch:
        """Images of a split as sequences; fresh noise is that of this batch."""
        numbers = self.images.numbers(split, index, size)
        count = len(numbers)
        rows = self.images.images[numbers].reshape(count, 3, _ROWS, 32)
        inputs = np.empty((count, self.length, _ROW), dtype=np.float32)
        inputs[:, :_ROWS] = rows.transpose(0, 2, 1, 3).reshape(count, _ROWS, _ROW)
        inputs[:, :_ROWS] /= np.float32(255)
        if self.noise is None:
            draw = generator(self.images.seed, split, index)
            inputs[:, _ROWS:] = _normal(draw, (count, self.length - _ROWS, _ROW))
        else:
            inputs[:, _ROWS:] = self.noise
        return Batch(inputs, self.images.labels[numbers])

    def scores(self, outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores of logits (batch, class) for targets (batch,)."""
        return classification_scores(outputs, targets)

    def state(self) -> dict[str, np.ndarray]:
        """A digest of the data, and the noise where it is fixed."""
        drawn = {} if self.noise is None else {"noise": self.noise}
        return {"data": self.images.digest, **drawn}


def _normal(draw: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal numbers, float32."""
    return draw.standard_normal(shape, dtype=np.float32)


TASK = NoisyCifarTask
