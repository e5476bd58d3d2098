"""Images shown pixel by pixel; which it was is due after the last one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cortexwave.learning.tasks._draws import generator
from cortexwave.learning.tasks._labelled_set import (
    CLASSES,
    LabelledSet,
    classification_scores,
)
from cortexwave.learning.tasks._source import Batch, Shape


@dataclass(frozen=True, eq=False)
class PixelSequences:
    """Images of a set as sequences of their pixels, in [0, 1].

    Step t shows pixel `permutation[t]`, counted row by row from the top left; with
    None they come in that order. A model saved with its permutation is judged by
    `dataclasses.replace(source, permutation=saved)`. `white` is the greatest value
    of a pixel.
    """

    images: LabelledSet
    white: int
    permutation: np.ndarray | None

    @property
    def shape(self) -> Shape:
        """One pixel in at each step, logits of ten classes out at the end."""
        steps = self.images.images[0].size
        return Shape(1, CLASSES, steps, every_step=False, loss="cross_entropy")

    @property
    def counts(self) -> Mapping[str, int | None]:
        """Images in each split."""
        return self.images.counts

    @property
    def chance(self) -> Mapping[str, float]:
        """Entropy of the training labels, and the share of the commonest."""
        return self.images.chance

    def batch(self, split: str, index: int, size: int) -> Batch:
        """Images of a split as sequences (batch, pixel, 1)."""
        numbers = self.images.numbers(split, index, size)
        pixels = self.images.images[numbers].reshape(len(numbers), -1)
        if self.permutation is not None:
            pixels = pixels[:, self.permutation]
        inputs = pixels[:, :, None].astype(np.float32) / np.float32(self.white)
        return Batch(inputs, self.images.labels[numbers])

    def scores(self, outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
        """Scores of logits (batch, class) for targets (batch,)."""
        return classification_scores(outputs, targets)

    def state(self) -> dict[str, np.ndarray]:
        """A digest of the data, and the order of the pixels where it was drawn."""
        drawn = {} if self.permutation is None else {"permutation": self.permutation}
        return {"data": self.images.digest, **drawn}


def drawn_permutation(pixels: int, seed: int) -> np.ndarray:
    """One order of the pixels (pixel,) for all images, drawn from `seed`."""
    return generator(seed, "permutation").permutation(pixels)
