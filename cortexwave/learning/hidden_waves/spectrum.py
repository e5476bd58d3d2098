"""Eigenvalues of a history-dependent system: in closed form, computed, compared.

A mode of eigenvalue lambda is [w, lambda w, lambda^2 w, ...] over the sites: a wave
that travels arg(lambda) per site and per step. A change of basis leaves the non-zero
eigenvalues as they are, so they can be compared where the basis is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import linear_sum_assignment

from cortexwave.errors import InputError
from cortexwave.learning.hidden_waves.histories import checked_blocks

# Among partners at the same angle (rings of equal eigenvalues) the nearest modulus
# is taken; the weight is too small to outweigh an angle that matters.
_MODULUS_WEIGHT = 1e-9


class _Cyclic(Protocol):
    @property
    def dims(self) -> int: ...
    @property
    def sites(self) -> int: ...
    def cycles(self) -> list[tuple[int, int]]: ...


@dataclass(frozen=True, eq=False)
class Comparison:
    """How two spectra agree beyond a radius.

    `counts` are the eigenvalues beyond it in each; `pairs` (pair, 2) are indices
    into the two spectra, as many as the smaller count; `angle_error` (rad) and
    `modulus_error` are means over the pairs of the absolute differences, NaN where
    there is no pair. Errors say nothing of eigenvalues without a partner: read
    them only beside the counts.
    """

    counts: tuple[int, int]
    angle_error: float
    modulus_error: float
    pairs: np.ndarray

    @property
    def complete(self) -> bool:
        """Whether every eigenvalue beyond the radius has a partner."""
        return self.counts[0] == self.counts[1] == len(self.pairs)


def cycle_eigenvalues(copy: _Cyclic) -> np.ndarray:
    """All sites * dims eigenvalues of a signed copy, in closed form, zeros last.

    A cycle of total lag L and sign g gives the L roots of lambda^L = g; all other
    eigenvalues are 0.
    """
    rings = []
    for lag, sign in copy.cycles():
        half = 0.0 if sign > 0 else 0.5
        rings.append(np.exp(2j * np.pi * (np.arange(lag) + half) / lag))
    zeros = copy.sites * copy.dims - sum(len(ring) for ring in rings)
    return np.concatenate([*rings, np.zeros(zeros)])


def companion(blocks: np.ndarray) -> np.ndarray:
    """Phi (site*dim, site*dim) of blocks B (site, dim, dim): a shift, B as last row."""
    sites, dims, _ = blocks.shape
    phi = np.eye(sites * dims, k=dims)
    phi[-dims:] = blocks.transpose(1, 0, 2).reshape(dims, sites * dims)
    return phi


def polynomial_eigenvalues(blocks: np.ndarray) -> np.ndarray:
    """All roots of det(lambda^s I - sum_i lambda^i B[i]), largest first.

    B is (site, dim, dim), i = 0 the oldest site. The roots are eigenvalues of the
    polynomial's companion matrix; those at 0 are taken out exactly (see
    `eigenvalues`). Each site before the oldest that is read adds `dim` of them.
    """
    blocks = checked_blocks(blocks)
    read = np.flatnonzero(blocks.any(axis=(1, 2)))
    found = np.zeros(blocks[:, 0].size, dtype=np.complex128)
    if read.size:
        large = eigenvalues(companion(blocks[read[0] :]))
        found[: len(large)] = large
    return found


def eigenvalues(matrix: np.ndarray) -> np.ndarray:
    """Eigenvalues of a square matrix, largest first, those at 0 being exactly 0.

    A nilpotent part of k steps would show as a disc of radius eps^(1/k) (0.01 for
    k = 8), since zero is then a defective eigenvalue. It is deflated before: with Q
    an orthogonal basis that begins with the null space, Q' A Q has leading columns
    0, and the rest of the spectrum is in its lower right block; and so on (staircase
    form; Golub & Wilkinson 1976, SIAM Rev 18:578).
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise InputError(f"the matrix is {matrix.shape}, not square")
    if not np.isfinite(matrix).all():
        raise InputError("the matrix holds numbers that are not finite")
    size = len(matrix)
    smallest = size * np.finfo(np.float64).eps * np.linalg.norm(matrix, 2)
    while len(matrix):
        _, values, basis = np.linalg.svd(matrix)
        rank = int(np.count_nonzero(values > smallest))
        if rank == len(matrix):
            break
        kept = basis[:rank]  # its rows span what is orthogonal to the null space
        matrix = kept @ matrix @ kept.conj().T
    found = np.zeros(size, dtype=np.complex128)
    found[: len(matrix)] = np.linalg.eigvals(matrix)
    return found[np.lexsort((np.angle(found), -np.abs(found)))]


def spectral_radius(matrix: np.ndarray) -> float:
    """The largest |eigenvalue| of a square matrix."""
    return float(np.abs(eigenvalues(matrix)[0]))


def compare_spectra(
    one: np.ndarray, other: np.ndarray, *, radius: float = 0.9
) -> Comparison:
    """Pair the eigenvalues beyond `radius` of two spectra so that angles agree best.

    The assignment has the smallest sum of wrapped angle differences there is
    (Jonker & Volgenant 1987), where the published code pairs greedily and gives up
    when counts differ.
    """
    spectra = [_spectrum(one, "the first"), _spectrum(other, "the second")]
    if not (np.isfinite(radius) and radius >= 0):
        raise InputError(f"the radius is {radius!r}; it is a number from 0 on")
    large = [np.flatnonzero(np.abs(values) > radius) for values in spectra]
    left, right = (
        values[places] for values, places in zip(spectra, large, strict=True)
    )
    angles = np.abs(np.angle(left[:, None] * right[None, :].conj()))  # (one, other)
    moduli = np.abs(np.abs(left)[:, None] - np.abs(right)[None, :])
    rows, columns = linear_sum_assignment(angles + _MODULUS_WEIGHT * moduli)
    return Comparison(
        counts=(len(left), len(right)),
        angle_error=_mean(angles[rows, columns]),
        modulus_error=_mean(moduli[rows, columns]),
        pairs=np.stack([large[0][rows], large[1][columns]], axis=-1),
    )


def _spectrum(values: np.ndarray, which: str) -> np.ndarray:
    found = np.asarray(values, dtype=np.complex128)
    if found.ndim != 1 or not np.isfinite(found).all():
        raise InputError(f"{which} spectrum is not a list of finite eigenvalues")
    return found


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")
