"""Sites that carry the very signal of another: copies, which are no measurements."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import xarray as xr

from cortexwave.analysis.sites import Sites, site_name

_MADE = ("model", "synthetic")  # origins of recordings that nobody measured


def copies(pieces: Iterable[np.ndarray], live: np.ndarray) -> list[tuple[int, int]]:
    """Live sites with the very values of an earlier one: (it, that).

    `pieces` (time, site) are frames that follow one another; no more of them are read
    than it takes to tell all sites apart.
    """
    groups = [np.flatnonzero(live).tolist()]  # of sites that are alike so far
    for piece in pieces:
        groups = [part for group in groups for part in _alike(piece, group)]
        if not groups:
            break
    return sorted((site, group[0]) for group in groups for site in group[1:])


def _alike(frames: np.ndarray, sites: list[int]) -> list[list[int]]:
    """Groups of two or more of some sites that have the same values (time, site)."""
    groups: dict[bytes, list[int]] = {}
    for site in sites:
        groups.setdefault(frames[:, site].tobytes(), []).append(site)
    return [group for group in groups.values() if len(group) > 1]


def is_measured(recording: xr.Dataset) -> bool:
    """Whether sites alike are faults: a model without noise may well have such."""
    return recording.attrs.get("origin") not in _MADE


def tell_copies(
    values: xr.DataArray, sites: Sites, twins: list[tuple[int, int]]
) -> None:
    """Warn the caller's caller of sites that carry the signal of another, if any."""
    if not twins:
        return
    one, other = (site_name(values, sites, site) for site in twins[0])
    warnings.warn(
        f"field '{values.name}': {len(twins)} site(s) carry the very signal of "
        f"another, such as {one} that of {other}; copies are no measurements: make "
        "them NaN",
        stacklevel=3,
    )


@contextmanager
def untold_copies() -> Iterator[None]:
    """Without that warning: where a verdict says it, once."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* the very signal of another")
        yield
