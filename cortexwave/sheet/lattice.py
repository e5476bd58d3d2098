"""The lattice: where the sites of a sheet are, and what lies beyond its edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from cortexwave.errors import InputError

Boundary = Literal["periodic", "open", "reflecting"]


def _periodic(index: np.ndarray, n: int) -> np.ndarray:
    return index % n


def _open(index: np.ndarray, n: int) -> np.ndarray:
    return np.where((index >= 0) & (index < n), index, -1)


def _reflecting(index: np.ndarray, n: int) -> np.ndarray:
    # The edge site is repeated: -1 -> 0, -2 -> 1. Nothing flows out: a symmetric
    # kernel conserves the sum.
    index = index % (2 * n)
    return np.where(index < n, index, 2 * n - 1 - index)


_BEYOND: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "periodic": _periodic,
    "open": _open,
    "reflecting": _reflecting,
}


@dataclass(frozen=True)
class Lattice:
    """Sites of a sheet: a ring or line is shape (1, n), a sheet (ny, nx).

    `spacing` in mm, the same along both axes; `boundary` is for (y, x);
    `features` is the number of values of a state per site.
    """

    shape: tuple[int, int]
    spacing: float
    boundary: tuple[Boundary, Boundary] = ("periodic", "periodic")
    features: int = 1

    def __post_init__(self) -> None:
        if len(self.shape) != 2 or any(
            not isinstance(n, int) or n < 1 for n in self.shape
        ):
            raise InputError(
                f"shape of a lattice is {self.shape!r}; it is (ny, nx), whole numbers "
                "from 1 on; a ring or line is (1, n)"
            )
        if not 0 < self.spacing < np.inf:
            raise InputError(
                f"spacing of a lattice is {self.spacing} mm, not positive and finite"
            )
        if len(self.boundary) != 2 or isinstance(self.boundary, str):
            raise InputError(
                f"boundary of a lattice is {self.boundary!r}; it is one for y and one "
                f"for x, each of {get_args(Boundary)}"
            )
        for boundary in self.boundary:
            if boundary not in get_args(Boundary):
                raise InputError(
                    f"boundary '{boundary}' is not one of {get_args(Boundary)}"
                )
        if self.features < 1:
            raise InputError(f"a lattice has at least 1 feature, not {self.features}")

    @property
    def sites(self) -> int:
        """Number of sites."""
        return self.shape[0] * self.shape[1]

    @property
    def axes(self) -> int:
        """Number of axes along which anything can travel: those with > 1 site."""
        return sum(n > 1 for n in self.shape)

    @property
    def field_shape(self) -> tuple[int, int, int]:
        """Shape (feature, y, x) of a state."""
        return (self.features, *self.shape)

    @property
    def y(self) -> np.ndarray:
        """Position of the rows, in mm; y grows upwards."""
        return np.arange(self.shape[0]) * self.spacing

    @property
    def x(self) -> np.ndarray:
        """Position of the columns, in mm."""
        return np.arange(self.shape[1]) * self.spacing

    def neighbours(self, axis: int, offset: int) -> np.ndarray:
        """Index of the site `offset` away from each along an axis; -1 is outside.

        Where the boundary is reflecting the edge site is repeated: the site
        before the first is the first.
        """
        n = self.shape[axis]
        return _BEYOND[self.boundary[axis]](np.arange(n) + offset, n)

    def displacements(self, y: float, x: float) -> tuple[np.ndarray, np.ndarray]:
        """Distance of every site from a point along y and x, in mm, (y, x) each.

        On a periodic axis it is the shorter way round.
        """
        away = []
        for axis, (site, at) in enumerate(((self.y, y), (self.x, x))):
            distance = site - at
            if self.boundary[axis] == "periodic":
                length = self.shape[axis] * self.spacing
                distance = (distance + length / 2) % length - length / 2
            away.append(distance)
        dy, dx = np.broadcast_arrays(away[0][:, None], away[1][None, :])
        return dy, dx
