"""What torch computes on: the device asked for, and how tiny numbers are treated."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cortexwave.errors import InputError


def torch_device(name: str, dtype: str) -> torch.device:
    """The device of a name, if torch has it and it has the dtype.

    Raises `InputError` naming the devices there are.
    """
    there = ["cpu", *(f"cuda:{k}" for k in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        there.append("mps")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    known = device is not None and (
        name in there or (name == "cuda" and torch.cuda.is_available())
    )
    if device is None or not known:
        raise InputError(
            f"there is no device '{name}' for torch {torch.__version__}; "
            f"there is {', '.join(there)}"
        )
    if device.type == "mps" and dtype == "float64":
        raise InputError(f"the device '{name}' has no float64; ask for float32")
    return device


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Denormal numbers count as 0 in this thread; afterwards as before."""
    already = sys.float_info.min / 2 == 0.0
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(already)
