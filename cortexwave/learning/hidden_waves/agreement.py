"""How a recovered operator agrees with the theory's, entry by entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Agreement:
    """What a recovered Phi and the theory's have in common.

    `same` is the share of entries with equal sign and support; `free_same` that of
    the entries which the recovery leaves free (the others make the shift, which holds
    by construction, so that `same` is near 1 even for a random network). Of the
    `lines` free rows or columns, `lines_same` are equal throughout. `off_entry` is
    the mean |entry| where the theory has 0; `error` the Frobenius norm of the
    difference over that of the theory.
    """

    same: float
    free_same: float
    lines: int
    lines_same: int
    off_entry: float
    error: float


def agree(
    Phi: np.ndarray,
    theory: np.ndarray,
    *,
    kept: np.ndarray,
    free: Literal["rows", "columns"],
) -> Agreement:
    """Agreement of Phi (entry, entry) with a theory's, entries as `kept` (site, dim).

    Free are the rows of the newest site or the columns of each dim's oldest entry. An
    entry is there if it exceeds half the smallest that the theory has.
    """
    there = theory != 0
    threshold = 0.5 * np.abs(theory[there]).min() if there.any() else 0.5
    signs = np.where(np.abs(Phi) > threshold, np.sign(Phi), 0.0)
    same = signs == np.sign(theory)
    lines = _free_lines(kept, free)
    of_lines = same[lines] if free == "rows" else same[:, lines].T  # (line, entry)
    scale = float(np.linalg.norm(theory))
    return Agreement(
        same=float(same.mean()),
        free_same=float(of_lines.mean()),
        lines=len(lines),
        lines_same=int(of_lines.all(axis=1).sum()),
        off_entry=float(np.abs(Phi[~there]).mean()) if not there.all() else 0.0,
        error=float(np.linalg.norm(Phi - theory)) / scale if scale else float("nan"),
    )


def _free_lines(kept: np.ndarray, free: Literal["rows", "columns"]) -> np.ndarray:
    """Places, among the kept entries, of the free rows or columns."""
    order = np.full(kept.shape, -1)
    order[kept] = np.arange(kept.sum())
    dims = np.flatnonzero(kept.any(axis=0))
    site = kept.argmax(axis=0)[dims] if free == "columns" else len(kept) - 1
    return order[site, dims]
