"""A labelled set of images, kept as bytes, and which of them make up a batch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from cortexwave.errors import InputError
from cortexwave.learning.tasks._answers import checked_logits, cross_entropy
from cortexwave.learning.tasks._draws import check_batch, generator

CLASSES = 10


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """Images uint8 (image, ...), their classes int64 (image), and the splits.

    `members` are the image numbers of "train", "valid" and "test"; no image is in
    two of them.
    """

    images: np.ndarray
    labels: np.ndarray
    members: Mapping[str, np.ndarray]
    seed: int

    @property
    def counts(self) -> dict[str, int]:
        """Images in each split."""
        return {split: len(numbers) for split, numbers in self.members.items()}

    @property
    def chance(self) -> dict[str, float]:
        """Entropy of the training labels in nats, and the share of the commonest."""
        labels = self.labels[self.members["train"]]
        rates = np.bincount(labels, minlength=CLASSES) / labels.size
        present = rates[rates > 0]
        return {
            "cross_entropy": float(-(present * np.log(present)).sum()),
            "accuracy": float(rates.max()),
        }

    @cached_property
    def digest(self) -> np.ndarray:
        """SHA-256, uint8 (32,), of the images and labels of all splits, in order."""
        made = hashlib.sha256()
        for split, numbers in self.members.items():
            for part in (self.images[numbers], self.labels[numbers]):
                made.update(f"{split} {part.dtype.str} {part.shape} ".encode())
                made.update(part.reshape(-1).view(np.uint8).data)
        return np.frombuffer(made.digest(), np.uint8)

    def numbers(self, split: str, index: int, size: int) -> np.ndarray:
        """Image numbers of a batch, as `Source.batch` says."""
        check_batch(self.counts, split, index, size)
        members = self.members[split]
        if split != "train":
            return members[index * size : (index + 1) * size]
        epoch, place = divmod(index, len(members) // size)
        order = generator(self.seed, "order", epoch).permutation(len(members))
        return members[order[place * size : (place + 1) * size]]


def set_with_test(
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    *,
    valid: int,
    seed: int,
    folder: Path,
) -> LabelledSet:
    """A set whose test images were set apart by its makers.

    `valid` of the training images, drawn from `seed`, are for validation. Images
    and labels (n, ...) and (n,) come in pairs; `folder` is for the message.
    """
    count = len(train[1])
    if valid >= count:
        raise InputError(
            f"{folder}: valid is {valid}, but there are {count} training images, some "
            "of which must be left to train on"
        )
    order = generator(seed, "split").permutation(count)
    members = {
        "train": np.sort(order[valid:]),
        "valid": np.sort(order[:valid]),
        "test": np.arange(count, count + len(test[1])),
    }
    images = np.concatenate([train[0], test[0]])
    labels = np.concatenate([train[1], test[1]]).astype(np.int64)
    return LabelledSet(images, labels, members, seed)


def check_labels(labels: np.ndarray, images: int, file: Path) -> None:
    """`InputError` unless there is one label from 0 to 9 for each image."""
    if len(labels) != images:
        raise InputError(f"{file}: {len(labels)} labels for {images} images")
    if images == 0:
        raise InputError(f"{file}: no images in it")
    wrong = np.flatnonzero((labels < 0) | (labels >= CLASSES))
    if wrong.size:
        raise InputError(
            f"{file}: image {wrong[0]} has the label {labels[wrong[0]]}; labels are "
            f"from 0 to {CLASSES - 1}"
        )


def classification_scores(outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Mean cross-entropy in nats and share of right classes, from logits."""
    logits = checked_logits(outputs, targets, CLASSES)
    return {
        "cross_entropy": cross_entropy(logits, targets),
        "accuracy": float((logits.argmax(axis=-1) == targets).mean()),
    }
