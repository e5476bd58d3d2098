"""Which entries (site, dim) of a history are still to be read, so must be held."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cortexwave.errors import InputError
from cortexwave.learning.hidden_waves.histories import (
    check_size,
    checked_blocks,
    is_integer,
)
from cortexwave.learning.hidden_waves.spectrum import companion, eigenvalues


def read_lags(blocks: np.ndarray) -> tuple[int, ...]:
    """The greatest lag at which each dim is read by B (site, dim, dim), 0 if never."""
    blocks = checked_blocks(blocks)
    read = blocks.any(axis=1)  # (site, dim read)
    lags = len(blocks) - read.argmax(axis=0)  # argmax: the oldest site that is read
    return tuple(int(lag) for lag in np.where(read.any(axis=0), lags, 0))


def kept_by_lags(lags: Sequence[int], *, sites: int) -> np.ndarray:
    """Entries (site, dim) of an age up to the lag at which their dim is last read.

    Site 0 is the oldest; an entry's age is 1 at the newest site. A dim of lag 0 is
    never read and none of its entries is kept.
    """
    check_size(len(lags), sites)
    faults = [
        f"the lag of dim {dim} is {lag!r}, not 0 to {sites} (sites)"
        for dim, lag in enumerate(lags)
        if not is_integer(lag) or not 0 <= lag <= sites
    ]
    if faults:
        raise InputError("; ".join(faults))
    if not any(lags):
        raise InputError("every lag is 0: nothing is ever read, so nothing is held")
    age = np.arange(sites, 0, -1)
    return age[:, None] <= np.asarray(lags)[None, :]


def kept_by_eigenvalues(blocks: np.ndarray, *, radius: float = 0.8) -> np.ndarray:
    """Entries (site, dim) without which Phi has fewer eigenvalues beyond `radius`.

    Each entry is deleted from Phi in turn. For a signed copy whose sources are a
    permutation it is the lag rule; a dim that is read but feeds nothing back is kept
    by the lag rule only.
    """
    blocks = checked_blocks(blocks)
    phi = companion(blocks)
    whole = _beyond(phi, radius)
    kept = [
        _beyond(np.delete(np.delete(phi, entry, 0), entry, 1), radius) < whole
        for entry in range(len(phi))
    ]
    return np.array(kept).reshape(blocks.shape[:2])


def _beyond(matrix: np.ndarray, radius: float) -> int:
    if not matrix.size:
        return 0
    return int(np.count_nonzero(np.abs(eigenvalues(matrix)) > radius))
