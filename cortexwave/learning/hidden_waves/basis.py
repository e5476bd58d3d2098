"""A substrate hidden in a network: any basis of its states, orthogonal or not.

With Psi (hidden, site*dim) of full column rank and Psi^+ Psi = I, W_hh = Psi Phi
Psi^+, W_uh = Psi_s and W_r = Psi_s^+ are an RNN that carries the waves where nobody
sees them (Karuvally, Sejnowski & Siegelmann 2024, ICML, arXiv 2402.10163).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cortexwave.errors import InputError
from cortexwave.learning.hidden_waves.boundary import LinearBoundary
from cortexwave.learning.hidden_waves.histories import (
    check_size,
    checked_history,
    checked_steps,
    is_integer,
    real_numbers,
)


@dataclass(frozen=True, eq=False)
class HiddenNetwork:
    """A linear RNN: h' = W_hh h + W_uh u, y = W_r h'.

    W_hh (hidden, hidden), W_uh (hidden, dim), W_r (dim, hidden).
    """

    W_hh: np.ndarray
    W_uh: np.ndarray
    W_r: np.ndarray


@dataclass(frozen=True, eq=False)
class Basis:
    """Psi (hidden, site*dim), a direction of hidden space for each (site, dim).

    Columns are in the order of states made flat: site 0, the oldest, comes first.
    """

    Psi: np.ndarray
    sites: int

    def __post_init__(self) -> None:
        psi = real_numbers(self.Psi, "Psi").copy()
        check_size(1, self.sites)
        if psi.ndim != 2 or not psi.size or psi.shape[1] % self.sites:
            raise InputError(
                f"Psi is {psi.shape}; it is (hidden, site*dim) for {self.sites} sites"
            )
        rank = int(np.linalg.matrix_rank(psi))
        if rank < psi.shape[1]:
            raise InputError(
                f"Psi has rank {rank}, below its {psi.shape[1]} columns: some of them "
                "cannot be told apart; it takes as many hidden units as columns, and "
                "columns that do not depend on one another"
            )
        psi.flags.writeable = False
        object.__setattr__(self, "Psi", psi)

    @property
    def dims(self) -> int:
        """d, the strings."""
        return int(self.Psi.shape[1] // self.sites)

    @property
    def dual(self) -> np.ndarray:
        """Psi^+ (site*dim, hidden), which reads what Psi writes: Psi^+ Psi = I."""
        return np.linalg.pinv(self.Psi)

    @property
    def condition(self) -> float:
        """Largest over smallest singular value: how far rounding and noise grow."""
        return float(np.linalg.cond(self.Psi))

    def hidden(self, states: np.ndarray) -> np.ndarray:
        """Hidden states (..., hidden) of a network that holds `states`."""
        found = checked_history(states, dims=self.dims, sites=self.sites)
        return found.reshape(*found.shape[:-2], -1) @ self.Psi.T

    def states(self, hidden: np.ndarray) -> np.ndarray:
        """Substrate states (..., site, dim) that hidden states (..., hidden) hold."""
        found = real_numbers(hidden, "the hidden states")
        if found.shape[-1:] != self.Psi.shape[:1]:
            raise InputError(
                f"the hidden states are {found.shape}; they end in ({len(self.Psi)},)"
            )
        flat = found @ self.dual.T
        return flat.reshape(*flat.shape[:-1], self.sites, self.dims)

    def network(self, boundary: LinearBoundary) -> HiddenNetwork:
        """The RNN that is the substrate of a linear boundary in this basis."""
        if (boundary.sites, boundary.dims) != (self.sites, self.dims):
            raise InputError(
                f"the boundary has {boundary.sites} sites x {boundary.dims} dims, "
                f"the basis {self.sites} x {self.dims}"
            )
        dual = self.dual
        # Phi Psi^+ without Phi: the operator applied to each column of Psi^+
        return HiddenNetwork(
            W_hh=self.Psi @ boundary.apply(dual.T).T,
            W_uh=self.Psi[:, -self.dims :],
            W_r=dual[-self.dims :],
        )

    def run(
        self, boundary: LinearBoundary, steps: int, *, history: np.ndarray
    ) -> np.ndarray:
        """Hidden states (..., time, hidden) of that RNN from a history (..., s, d).

        Sample 0 holds the history; W_hh alone does the rest, 1 + `steps` samples.
        """
        steps = checked_steps(steps)
        W_hh = self.network(boundary).W_hh
        hidden = self.hidden(history)
        course = np.empty((*hidden.shape[:-1], steps + 1, hidden.shape[-1]))
        course[..., 0, :] = hidden
        for step in range(steps):
            course[..., step + 1, :] = course[..., step, :] @ W_hh.T
        return course


def random_basis(hidden: int, *, sites: int, dims: int, seed: int) -> Basis:
    """A Gaussian basis of `hidden` units: columns of length near 1, not orthogonal."""
    check_size(dims, sites)
    if not is_integer(hidden) or hidden < sites * dims:
        raise InputError(
            f"{hidden!r} hidden units cannot hold {sites} sites x {dims} dims; it "
            f"takes {sites * dims} at least"
        )
    draw = np.random.default_rng(seed).standard_normal((hidden, sites * dims))
    return Basis(draw / np.sqrt(hidden), sites)
