"""Sequential digits: scikit-learn's bundled 8 x 8 digits, pixel by pixel.

Real data that needs no download: the test part of the optical recognition set of
Alpaydin & Kaynak (1998), 1,797 images.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from cortexwave.documents import Document
from cortexwave.learning.tasks._draws import generator
from cortexwave.learning.tasks._labelled_set import CLASSES, LabelledSet
from cortexwave.learning.tasks._pixels import PixelSequences, drawn_permutation
from cortexwave.learning.tasks._source import Source

_SIDE = 8
_WHITE = 16


class DigitsTask(Document):
    """Say which digit was shown, 64 pixels one at a time.

    Pixels come row by row from the top left, in [0, 1]; the class is due after the
    last one. Of each digit's images, in an order drawn from the seed, the first fifth
    is for the test and the next tenth for validation, both rounded down, and the rest
    for training: 355, 176 and 1,266 images. The thirteen writers are not told apart
    in the set, so each may stand on both sides.

    - `permuted`: show the pixels in one order drawn from the seed, the same for all
      images. It is saved with the model.

    Scores: `cross_entropy` in nats and `accuracy`.
    """

    kind: Literal["digits"] = "digits"
    permuted: bool = False

    def open(self, folder: Path | None, seed: int) -> Source:
        """Its images, which come with scikit-learn; `folder` is not needed."""
        # an import of a second, which reading documents must not wait for
        from sklearn.datasets import load_digits

        bundled = load_digits()
        labels = bundled.target.astype(np.int64)
        images = LabelledSet(
            bundled.images.astype(np.uint8), labels, _members(labels, seed), seed
        )
        order = drawn_permutation(_SIDE**2, seed) if self.permuted else None
        return PixelSequences(images, white=_WHITE, permutation=order)


def _members(labels: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Image numbers of each split, every digit divided alike."""
    draw = generator(seed, "split")
    parts: dict[str, list[np.ndarray]] = {"train": [], "valid": [], "test": []}
    for label in range(CLASSES):
        numbers = draw.permutation(np.flatnonzero(labels == label))
        test = len(numbers) // 5
        valid = test + len(numbers) // 10
        parts["test"].append(numbers[:test])
        parts["valid"].append(numbers[test:valid])
        parts["train"].append(numbers[valid:])
    return {split: np.sort(np.concatenate(part)) for split, part in parts.items()}


TASK = DigitsTask
