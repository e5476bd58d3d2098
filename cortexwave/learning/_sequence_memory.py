"""Memory for states, lent and taken back: touching fresh pages costs a third of a step.

What is lent on a CPU is a tensor over NumPy memory. When the last tensor on it is gone,
whoever held it, the memory is kept for the next loan of its size. Nobody else can have
it before then, so two networks, two graphs or two threads never share it.
"""

from __future__ import annotations

import math
import weakref
from collections import deque

import numpy as np
import torch
from torch import Tensor

_KEPT = 8  # pieces of memory kept at most
_KEPT_BYTES = 2**29
_LINE = 64  # bytes: vectors are loaded fastest from such boundaries
_SMALL = 2**16  # bytes below which the system's own memory is as fast

_free: deque[np.ndarray] = deque()


def lent(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """An unfilled tensor of this shape, of the dtype and device of another.

    Raises `MemoryError` or torch's own `RuntimeError` where there is no room.
    """
    size = math.prod(shape) * like.element_size()
    if like.device.type != "cpu" or size < _SMALL:
        return like.new_empty(shape)
    memory = _piece(_rounded(size + _LINE))
    skipped = -memory.ctypes.data % _LINE
    loan = memory[skipped : skipped + size]
    weakref.finalize(loan, _take_back, memory).atexit = False
    return torch.from_numpy(loan).view(like.dtype).view(shape)


def _rounded(size: int) -> int:
    """At most an eighth more, so that sequences of like length share memory."""
    step = max(_SMALL, 2 ** (size.bit_length() - 4))
    return -(-size // step) * step


def _piece(size: int) -> np.ndarray:
    # One turn of the queue: each pop is atomic, so threads need no lock, which a
    # finalizer that runs inside another loan could not wait for.
    for _ in range(len(_free)):
        try:
            memory = _free.popleft()
        except IndexError:
            break
        if memory.nbytes == size:
            return memory
        _free.append(memory)
    return np.empty(size, np.uint8)


def _take_back(memory: np.ndarray) -> None:
    _free.append(memory)
    while len(_free) > _KEPT or sum(one.nbytes for one in list(_free)) > _KEPT_BYTES:
        try:
            _free.popleft()
        except IndexError:
            break
