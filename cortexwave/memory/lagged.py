"""Operators from lagged covariances: x_{t+1} = A x_t seen through noisy sensors.

A recording is y = x + e. With C_k = <y_{t+k} y_t'> and the covariances P of x, N_k of
e, C_0 = P + N_0 but C_k = A^k P + N_k. Plain least squares (dynamic mode decomposition)
A = C_1 C_0^+ divides by the noise as well: at a power ratio of 1 it halves A. Lags at
which N_k is nothing do not know the noise, and there C_{k+1} = A C_k: earlier values
are instruments (Reiersol 1941, Econometrica 9:1). Several such lags are fitted
together, A = (sum C_{k+1} C_k') (sum C_k C_k')^+, which for one lag is C_{k+1} C_k^+.
What the past does not foretell has no instrument: the site where white input enters an
open delay line is not seen, and every lag skipped costs such a line one site more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import scipy.fft

from cortexwave.errors import InputError

_RESIDUE = 0.01  # what may be left of the noise's correlation at the first lag
_BLOCKS = 10
_WEAK = 1e-2  # of the greatest singular value: directions below are left out


@dataclass(frozen=True)
class LagRule:
    """Which lags are instruments: `count` from `first` on, in frames.

    The operator takes a state `stride` frames on.
    """

    first: int
    count: int
    stride: int

    @property
    def longest(self) -> int:
        return self.first + self.count - 1 + self.stride

    @property
    def lags(self) -> range:
        """Every lag whose covariance is needed."""
        return range(self.first, self.longest + 1)


def first_lag(noise_correlation: float, step: float) -> int:
    """The first lag, in frames, at which exponential noise has lost 99 % of itself.

    `noise_correlation` in s, the time in which its correlation falls to 1/e; 0 is
    noise white in time, and the lag then 1.
    """
    if not (np.isfinite(noise_correlation) and noise_correlation >= 0):
        raise InputError(f"noise_correlation is {noise_correlation} s; it is a time, 0 "
                         "for noise white in time")  # fmt: skip
    # a hair less, so that a correlation time that was rounded adds no frame
    frames = noise_correlation / step * math.log(1 / _RESIDUE)
    return max(1, math.ceil(frames - 1e-9))


def lagged_covariances(values: np.ndarray, lags: Iterable[int]) -> np.ndarray:
    """<x_{t+k} x_t'> over trials and frames: (trial, time, site) -> (lag, site, site).

    Divided by the number of pairs at each lag; no pair crosses a trial's end.
    """
    sites, frames = values.shape[2], values.shape[1]
    found = []
    for k in lags:
        later = values[:, k:].reshape(-1, sites)
        earlier = values[:, : frames - k].reshape(-1, sites)
        found.append(later.T @ earlier / len(later))
    return np.stack(found)


def block_covariances(values: np.ndarray, rule: LagRule) -> np.ndarray:
    """Covariances of blocks of the recording, (block, lag, site, site), 2 to 10.

    Blocks are groups of trials where there are ten, else stretches of time of all.
    """
    trials, frames, _ = values.shape
    stretches = min(_BLOCKS, frames // (2 * rule.longest))
    if trials >= _BLOCKS or stretches < 2 <= trials:
        parts = np.array_split(values, min(_BLOCKS, trials), axis=0)
    else:
        parts = np.array_split(values, max(2, stretches), axis=1)
    return np.stack([lagged_covariances(part, rule.lags) for part in parts])


def instrumental(values: np.ndarray, rule: LagRule) -> np.ndarray:
    """The operator `stride` frames on, (site, site), by instruments."""
    return from_blocks(block_covariances(values, rule), rule)


def from_blocks(covariances: np.ndarray, rule: LagRule) -> np.ndarray:
    """The same, of covariances (block, lag, site, site) at `rule.lags`.

    Only products of different blocks enter: the error that a finite recording leaves
    in C_k would else add its own square to C_k C_k', as sensor noise does to C_0, and
    shrink A again (the jackknife of Angrist, Imbens & Krueger 1999, J Appl Econometrics
    14:57). Directions in which what is left is not above 0 hold no signal; A is 0
    there.
    """
    early = covariances[:, : rule.count]
    late = covariances[:, rule.stride : rule.stride + rule.count]
    cross, square = _between_blocks(late, early), _between_blocks(early, early)
    values, axes = np.linalg.eigh(square)
    kept = values > _WEAK**2 * np.abs(values).max()
    return cross @ (axes[:, kept] / values[kept]) @ axes[:, kept].T


def _between_blocks(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Sum over lags and pairs of different blocks of C C', (site, site)."""
    together = np.einsum("kij,klj->il", one.sum(axis=0), other.sum(axis=0))
    return together - np.einsum("bkij,bklj->il", one, other, optimize=True)


def plain(values: np.ndarray, stride: int) -> np.ndarray:
    """The operator by least squares (DMD), C_stride C_0^+: shrunk by sensor noise."""
    now, later = lagged_covariances(values, (0, stride))
    return later @ np.linalg.pinv(now, rcond=_WEAK**2, hermitian=True)


def components(values: np.ndarray, rule: LagRule, rank: int) -> np.ndarray:
    """Orthonormal directions (site, rank) of most covariance at the rule's lags.

    Not those of most variance: sensor noise has variance, but nothing at these lags.
    """
    found = lagged_covariances(values, rule.lags)
    square = np.einsum("kij,klj->il", found, found)
    square += np.einsum("kji,kjl->il", found, found)
    return np.linalg.eigh(square)[1][:, : -rank - 1 : -1]


def lagged_strength(values: np.ndarray, rule: LagRule) -> float:
    """Root mean square of the correlation at the rule's lags, over pairs and lags.

    Sites are first made uncorrelated and of unit variance at lag 0, so that it is the
    same however sites are scaled and mixed. Noise that has ended leaves 1/sqrt(frames).
    """
    now = lagged_covariances(values, (0,))[0]
    variance, axes = np.linalg.eigh(now)
    kept = variance > 1e-10 * variance[-1]
    white = values @ (axes[:, kept] / np.sqrt(variance[kept]))
    found = lagged_covariances(white, rule.lags)
    return float(np.sqrt(np.mean(found**2)))


def noise_like(
    shape: tuple[int, int, int], correlation: np.ndarray, draw: np.random.Generator
) -> np.ndarray:
    """Gaussian noise (trial, time, site), each site alone, of this autocorrelation.

    `correlation` is 1 at lag 0, then at lags 1, 2, ... frames; 0 beyond its end.
    Made in a circle of twice the length, of which half is used (Davies & Harte 1987).
    """
    trials, frames, sites = shape
    around = scipy.fft.next_fast_len(2 * frames, real=True)
    both = np.zeros(around)
    known = min(len(correlation), around // 2 + 1)
    both[:known] = correlation[:known]
    both[around - known + 1 :] = correlation[1:known][::-1]
    power = np.maximum(scipy.fft.rfft(both).real, 0)
    white = scipy.fft.rfft(draw.standard_normal((trials, around, sites)), axis=1)
    made = scipy.fft.irfft(white * np.sqrt(power)[:, None], around, axis=1)
    return made[:, :frames]
