"""Sequential MNIST: a handwritten digit, pixel by pixel, in order or permuted.

Le, Jaitly & Hinton (2015, arXiv 1504.00941); data of LeCun, Cortes & Burges (1998).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from cortexwave.documents import Document
from cortexwave.errors import InputError
from cortexwave.learning.tasks._idx import read_idx
from cortexwave.learning.tasks._labelled_set import check_labels, set_with_test
from cortexwave.learning.tasks._pixels import PixelSequences, drawn_permutation
from cortexwave.learning.tasks._source import Source
from cortexwave.sheet.arrays import located

_SIDE = 28
_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


class MnistTask(Document):
    """Say which digit was shown, 784 pixels one at a time.

    Pixels come row by row from the top left, in [0, 1] without further
    normalisation; the class is due after the last one. The 60,000 training images
    are split into 57,000 and 3,000 for validation, drawn from the seed; the 10,000
    test images stay as they are.

    - `folder`: where the four files are, relative to the document:
      train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte,
      t10k-labels-idx1-ubyte, as they are or gzipped (.gz).
    - `permuted`: show the pixels in one order drawn from the seed, the same for all
      images. It is saved with the model.
    - `valid`: training images set apart for validation.

    Scores: `cross_entropy` in nats and `accuracy`.
    """

    kind: Literal["mnist"] = "mnist"
    folder: str = Field(min_length=1)
    permuted: bool = False
    valid: int = Field(default=3000, ge=1)

    def open(self, folder: Path | None, seed: int) -> Source:
        """Its images, read from the files; `self.folder` is relative to `folder`."""
        place = located(self.folder, folder)
        files = _found_files(place)
        pairs = {}
        for split, (pictures, classes) in _FILES.items():
            pairs[split] = _pictures_and_classes(files[pictures], files[classes])
        images = set_with_test(
            pairs["train"], pairs["test"], valid=self.valid, seed=seed, folder=place
        )
        order = drawn_permutation(_SIDE**2, seed) if self.permuted else None
        return PixelSequences(images, white=255, permutation=order)


def _found_files(folder: Path) -> dict[str, Path]:
    """Each of the four files, plain or gzipped; `InputError` names what is missing."""
    files = {}
    missing = []
    for name in (name for names in _FILES.values() for name in names):
        there = [file for file in (folder / name, folder / f"{name}.gz")
                 if file.is_file()]  # fmt: skip
        if there:
            files[name] = there[0]
        else:
            missing.append(name)
    if missing:
        where = "" if folder.is_dir() else " (there is no such folder)"
        every = ", ".join(name for names in _FILES.values() for name in names)
        raise InputError(
            f"MNIST: {', '.join(missing)} not found in {folder.absolute()}{where}. "
            f"Due are four files in Yann LeCun's idx format, plain or .gz: {every}. "
            "Get them e.g. from the ossci-datasets mirror "
            "(https://ossci-datasets.s3.amazonaws.com/mnist/), put them into one "
            "folder, and name it in the task's 'folder'."
        )
    return files


def _pictures_and_classes(images: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pictures uint8 (image, y, x) and classes uint8 (image)."""
    pictures = read_idx(images, axes=3)
    if pictures.shape[1:] != (_SIDE, _SIDE):
        raise InputError(
            f"{images}: images of {pictures.shape[1]} x {pictures.shape[2]}; MNIST's "
            f"are {_SIDE} x {_SIDE}"
        )
    classes = read_idx(labels, axes=1)
    check_labels(classes, len(pictures), labels)
    return pictures, classes


TASK = MnistTask
