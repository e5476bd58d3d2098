"""Random numbers of the tasks: a stream of its own for every purpose and number."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np

from cortexwave.errors import InputError

Purpose = Literal["train", "valid", "test", "order", "split", "permutation", "noise"]
# Their place in this list is part of the key: add at the end.
_PURPOSES: tuple[str, ...] = get_args(Purpose)
_LARGEST = 2**64 - 1


def generator(seed: int, purpose: str, number: int = 0) -> np.random.Generator:
    """The random numbers of one purpose: Philox keyed by seed and purpose.

    `number` (a batch, an epoch) is the high word of its counter, so that streams
    of the same key never meet.
    """
    if not 0 <= seed <= _LARGEST:
        raise InputError(f"the seed is {seed}; it is from 0 to 2^64 - 1")
    key = [seed, _PURPOSES.index(purpose)]
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, number]))


def check_batch(
    counts: Mapping[str, int | None], split: str, index: int, size: int
) -> None:
    """`InputError` unless these counts of sequences hold such a batch."""
    if split not in counts:
        raise InputError(f"there is no split '{split}'; splits are {', '.join(counts)}")
    for name, value, least in (("index", index, 0), ("size", size, 1)):
        if not least <= operator.index(value) <= _LARGEST:
            raise InputError(f"the batch's {name} is {value}; it is at least {least}")
    count = counts[split]
    if count is None:
        return
    if split == "train":
        if size > count:
            raise InputError(
                f"a batch of {size} is larger than the {count} training sequences"
            )
    elif index * size >= count:
        raise InputError(
            f"there is no batch {index} of {size} in '{split}': its {count} "
            f"sequences are {-(-count // size)} batches, from 0"
        )
