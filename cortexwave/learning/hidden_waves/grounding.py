"""Three ways to ground a basis of hidden waves, given a network's linear map A.

readout        The answer a - 1 steps ago is read from now by C A^-(a-1): the dual rows
               at age a, with A inverted on its persistent part (eigenvalues beyond a
               radius). Exact for any basis and every lag.
pseudoinverse  Columns A^(a-1) pinv(C), as published. Exact for an orthonormal basis,
               or where every lag equals s; elsewhere pinv(C) is not the newest site.
input          Columns A^(a-1) dh/du, the Krylov or controllability form, within the
               persistent part. Exact where input is added at the newest site.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.linalg import schur, solve_sylvester

from cortexwave.errors import InputError
from cortexwave.learning.hidden_waves.spectrum import eigenvalues

Ground = Literal["readout", "pseudoinverse", "input"]
_SMALLEST = 1e-10  # singular values below this share of the largest count as 0


@dataclass(frozen=True)
class Part:
    """A's persistent part: A right = right core, left A = core left, left right = I."""

    right: np.ndarray  # (state, mode)
    left: np.ndarray  # (mode, state)
    core: np.ndarray  # (mode, mode)


@dataclass(frozen=True)
class Grounded:
    """Psi (state, entry), its dual (entry, state), and what they leave out.

    `leak` (dim,) is the share of squares that lies outside the basis, of what a dim
    of the newest site is read from (`readout`) or of where its oldest entry goes (the
    others); NaN for a dim without entries.
    """

    Psi: np.ndarray
    dual: np.ndarray
    leak: np.ndarray


def persistent_part(A: np.ndarray, radius: float) -> Part:
    """The part of A (state, state) whose eigenvalues are beyond a radius.

    Raises `InputError` where there are none, or some lie at the radius itself.
    """
    if not 0 < radius < np.inf:
        raise InputError(f"the radius is {radius!r}; it is a positive number")
    try:
        T, Z, modes = schur(
            A,
            output="real",
            sort=lambda real, imaginary: np.hypot(real, imaginary) > radius,
        )
    except np.linalg.LinAlgError as error:
        raise InputError(
            f"eigenvalues of the network lie at the radius {radius:g} to rounding and "
            "cannot be parted there; choose one between those that persist and fade"
        ) from error
    if not modes:
        largest = float(np.abs(eigenvalues(A)[0]))
        raise InputError(
            f"no eigenvalue of the network is beyond {radius:g} (the largest is "
            f"{largest:.3g}): nothing it is told stays, so it has no waves to recover"
        )
    core, left = T[:modes, :modes], Z[:, :modes].T
    if modes < len(A):
        rest = solve_sylvester(core, -T[modes:, modes:], T[:modes, modes:])
        left = left + rest @ Z[:, modes:].T
    return Part(Z[:, :modes], left, core)


def from_readout(C: np.ndarray, part: Part, kept: np.ndarray) -> Grounded:
    """Dual rows from a readout C (dim, state), for the entries kept (site, dim)."""
    by_age = [C @ part.right]  # (dim, mode) each
    for _ in range(len(kept) - 1):
        by_age.append(np.linalg.solve(part.core.T, by_age[-1].T).T)
    rows = np.concatenate(by_age[::-1])[kept.ravel()]  # (entry, mode)
    dual = rows @ part.left
    leak = _share_outside(by_age[0] @ part.core @ part.left, dual)
    return Grounded(
        Psi=part.right @ np.linalg.pinv(rows, rcond=_SMALLEST),
        dual=dual,
        leak=np.where(kept[-1], leak, np.nan),
    )


def from_pseudoinverse(C: np.ndarray, A: np.ndarray, kept: np.ndarray) -> Grounded:
    """Columns from pinv of a readout C (dim, state), for the entries kept.

    Its dual sees what fades, so an oldest entry that moves on to a site which is not
    kept counts as a leak: with lags below s it can warn of a basis that is exact.
    """
    Psi, leak = _columns(np.linalg.pinv(C), A, kept)
    return Grounded(Psi, np.linalg.pinv(Psi, rcond=_SMALLEST), leak)


def from_input(
    inputs: np.ndarray, A: np.ndarray, part: Part, kept: np.ndarray
) -> Grounded:
    """Columns from what an input adds (state, dim), for the entries kept."""
    Psi, leak = _columns(part.right @ (part.left @ inputs), A, kept)
    # the dual is blind to what fades, which is no content
    dual = np.linalg.pinv(part.left @ Psi, rcond=_SMALLEST) @ part.left
    return Grounded(Psi, dual, leak)


def condition_of(Psi: np.ndarray) -> float:
    """The condition of Psi (state, entry) with columns of length 1; inf if deficient.

    The scale of a column is only the unit of its content.
    """
    lengths = np.linalg.norm(Psi, axis=0)
    if Psi.shape[1] > Psi.shape[0] or not lengths.all():
        return float("inf")
    values = np.linalg.svd(Psi / lengths, compute_uv=False)
    deficient = values[-1] <= _SMALLEST * values[0]
    return float("inf") if deficient else float(values[0] / values[-1])


def _columns(
    newest: np.ndarray, A: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Powers of A on the newest site's columns (state, dim), and their leak (dim,)."""
    by_age = [newest]
    for _ in range(len(kept)):
        by_age.append(A @ by_age[-1])
    Psi = np.concatenate(by_age[-2::-1], axis=1)[:, kept.ravel()]  # (state, entry)
    lags = kept.sum(axis=0)
    beyond = np.stack([by_age[lag][:, dim] for dim, lag in enumerate(lags)])
    return Psi, np.where(lags > 0, _share_outside(beyond, Psi.T), np.nan)


def _share_outside(vectors: np.ndarray, spanning: np.ndarray) -> np.ndarray:
    """Share of squares of each row that is not in the span of other rows."""
    _, values, basis = np.linalg.svd(spanning, full_matrices=False)
    basis = basis[values > _SMALLEST * values[0]]
    outside = vectors - vectors @ basis.T @ basis
    whole = (vectors**2).sum(axis=1)
    return (outside**2).sum(axis=1) / np.where(whole > 0, whole, 1.0)
