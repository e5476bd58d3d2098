"""What the start column computes from the whole substrate: linear, or any function.

A boundary takes histories (..., site, dim), site 0 the oldest, to the vectors
(..., dim) that enter at the start column (Karuvally, Sejnowski & Siegelmann 2024,
ICML, arXiv 2402.10163).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cortexwave.errors import InputError
from cortexwave.learning.hidden_waves.histories import (
    NextVector,
    check_size,
    checked_blocks,
    checked_history,
    next_vector,
)
from cortexwave.learning.hidden_waves.spectrum import companion
from cortexwave.learning.hidden_waves.systems import HistorySystem

if TYPE_CHECKING:
    from torch import nn


class Boundary(Protocol):
    """What every boundary has; calling it gives (..., dim) of (..., site, dim)."""

    @property
    def dims(self) -> int: ...
    @property
    def sites(self) -> int: ...
    @property
    def name(self) -> str: ...
    def __call__(self, history: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True, eq=False)
class LinearBoundary:
    """f(h) = sum_i B[i] @ h[i], B (site, dim, dim); its step is Phi = shift + E_s B."""

    B: np.ndarray
    name: str = "linear boundary"

    def __post_init__(self) -> None:
        blocks = checked_blocks(self.B).copy()
        blocks.flags.writeable = False
        object.__setattr__(self, "B", blocks)

    @property
    def dims(self) -> int:
        """d, the strings."""
        return int(self.B.shape[1])

    @property
    def sites(self) -> int:
        """s, the columns."""
        return len(self.B)

    @property
    def lags(self) -> tuple[int, ...]:
        """The lags that are read at all, from the shortest; none of a pure store."""
        read = np.flatnonzero(self.B.any(axis=(1, 2)))
        return tuple(int(self.sites - site) for site in read[::-1])

    def __call__(self, history: np.ndarray) -> np.ndarray:
        flat = checked_history(history, dims=self.dims, sites=self.sites)
        flat = flat.reshape(*flat.shape[:-2], self.sites * self.dims)
        return flat @ self._row().T

    def operator(self) -> np.ndarray:
        """Phi (site*dim, site*dim), explicit; columns of site 0 come first."""
        return companion(self.B)

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Phi x of states (..., site*dim), by a shift and B alone.

        Phi, whose (site*dim)^2 entries are nearly all 0, is never formed.
        """
        found = np.asarray(x)
        if found.dtype.kind not in "fiubc" or found.shape[-1:] != (self.B[:, 0].size,):
            raise InputError(
                f"x is {found.dtype} {found.shape}; it ends in the "
                f"{self.B[:, 0].size} numbers of {self.sites} sites x {self.dims} dims"
            )
        start = found @ self._row().T  # (..., dim)
        return np.concatenate([found[..., self.dims :], start], axis=-1)

    def _row(self) -> np.ndarray:
        """[B_1 ... B_s], (dim, site*dim): the last block row of Phi."""
        return self.B.transpose(1, 0, 2).reshape(self.dims, -1)


@dataclass(frozen=True, eq=False)
class FunctionBoundary:
    """A boundary by a function of arrays, or by a small torch module.

    A function takes (..., site, dim) to (..., dim). A module takes a tensor (batch,
    site, dim) of its own dtype and device to (batch, dim); it is applied without
    gradient and as it stands: call `.eval()` before if it has dropout. Raises
    `InputError` where the shape is another, `NotFiniteError` for what is not finite.
    """

    f: NextVector | nn.Module
    dims: int
    sites: int
    name: str = "function boundary"

    def __post_init__(self) -> None:
        check_size(self.dims, self.sites)
        if not callable(self.f):
            raise InputError(f"{self.name}: f is {self.f!r}, not a function")

    @property
    def function(self) -> NextVector:
        """f as a function of arrays, whatever it was given as; nothing is checked."""
        return _of_module(self.f) if _is_module(self.f) else self.f

    def __call__(self, history: np.ndarray) -> np.ndarray:
        found = checked_history(history, dims=self.dims, sites=self.sites)
        return next_vector(self.function, found, name=self.name)


def boundary_of(system: HistorySystem) -> LinearBoundary | FunctionBoundary:
    """The boundary that makes a substrate the system (their theorem 3.1)."""
    if system.linear is not None:
        return LinearBoundary(system.linear, system.name)
    return FunctionBoundary(system.f, system.dims, system.sites, system.name)


def _is_module(f: object) -> bool:
    """Whether f is a torch module, without loading torch to find out."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(f, torch.nn.Module)


def _of_module(module: nn.Module) -> NextVector:
    """A module as a function of arrays with any leading dims."""
    import torch

    like = next(module.parameters(), torch.zeros(0, dtype=torch.float64))

    def f(history: np.ndarray) -> np.ndarray:
        batch = torch.as_tensor(history, dtype=like.dtype, device=like.device)
        with torch.no_grad():
            vectors = module(batch.reshape(-1, *batch.shape[-2:]))  # (batch, dim)
        if not isinstance(vectors, torch.Tensor):
            raise InputError(f"the module gives {type(vectors).__name__}, not a tensor")
        found = vectors.cpu().numpy()
        due = (*history.shape[:-2], history.shape[-1])
        if found.shape == (batch.shape[:-2].numel(), due[-1]):
            return found.reshape(due).astype(np.float64)
        return found  # of the wrong shape: the caller names it

    return f
