"""How good answers are: kernels on bare arrays, in float64."""

from __future__ import annotations

import numpy as np

from cortexwave.errors import InputError, NotFiniteError


def checked_logits(
    outputs: np.ndarray, targets: np.ndarray, classes: int
) -> np.ndarray:
    """Logits as float64 (..., class), held against targets (...) of classes."""
    due = (*targets.shape, classes)
    if outputs.shape != due:
        raise InputError(
            f"outputs of shape {outputs.shape} do not answer targets of shape "
            f"{targets.shape}: {due} is due"
        )
    if targets.size == 0:
        raise InputError("there is nothing to score: the batch is empty")
    if targets.min() < 0 or targets.max() >= classes:
        raise InputError(
            f"targets are from {targets.min()} to {targets.max()}; classes are from "
            f"0 to {classes - 1}"
        )
    return finite(outputs)


def finite(outputs: np.ndarray) -> np.ndarray:
    """Outputs as float64; `NotFiniteError` where one is no finite number."""
    values = np.asarray(outputs, dtype=np.float64)
    wrong = int(np.count_nonzero(~np.isfinite(values)))
    if wrong:
        raise NotFiniteError(
            f"{wrong} of {values.size} outputs of the network are not finite"
        )
    return values


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithms of the probabilities, over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def cross_entropy(logits: np.ndarray, targets: np.ndarray) -> float:
    """Mean of -log p(target) in nats; logits (..., class), targets (...)."""
    logs = np.take_along_axis(log_softmax(logits), targets[..., None], axis=-1)
    return float(-logs.mean())
