"""Which couplings are computed together, and how, decided from sizes alone.

`products`: matrices along y and x. `gathered`: taps fetched one by one. `spectral`:
multiplied in the spectrum. The costs are in multiplications of a matrix product per
site, as measured on one core of a Xeon (MKL, float64).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.fft import next_fast_len

from cortexwave.backends import _separable as separable
from cortexwave.backends._separable import Term
from cortexwave.backends.problem import Lateral, Problem
from cortexwave.sheet.kernels import Taps
from cortexwave.sheet.lattice import Lattice

Method = Literal["products", "gathered", "spectral"]

_FETCH = 40.0  # one value from anywhere in memory
_TRANSFORM = 240.0  # to the spectrum and back
_SPECTRUM = 40.0  # one more delay, or pair of features, in the spectrum
_EXACT = 1.5  # what zeros that stay exactly 0 are worth: a spectrum blurs them
_LARGEST_GATHER = 2**28  # bytes


@dataclass(frozen=True)
class Group:
    """Couplings that are one computation. `terms[lateral]` only for products.

    All of a group of products have the same delay, which is then not in the terms.
    """

    method: Method
    laterals: tuple[Lateral, ...]
    terms: tuple[tuple[Term, ...], ...] = ()

    @property
    def depth(self) -> int:
        """Past samples needed."""
        return max(lateral.taps.depth for lateral in self.laterals)

    @property
    def names(self) -> list[str]:
        """Names of the couplings, in order."""
        return [lateral.name for lateral in self.laterals]


def groups(problem: Problem) -> tuple[list[Group], dict[str, str]]:
    """The couplings in groups, and which repeat another one, by name."""
    different: list[Lateral] = []
    same: dict[str, str] = {}
    for lateral in problem.couplings:
        for known in different:
            if _alike(lateral, known):
                same[lateral.name] = known.name
                break
        else:
            different.append(lateral)
    result: list[Group] = []
    products: dict[object, list[tuple[Lateral, tuple[Term, ...]]]] = {}
    for lateral in different:
        method, terms = method_of(lateral.taps, problem.lattice)
        if method == "products":
            form = tuple((one.left is None, one.right is None) for one in terms)
            products.setdefault((lateral.taps.depth, form), []).append((lateral, terms))
        else:
            result.append(Group(method, (lateral,)))
    for members in products.values():
        laterals, of = zip(*members, strict=True)
        result.append(Group("products", laterals, of))
    return result, same


def method_of(taps: Taps, lattice: Lattice) -> tuple[Method, tuple[Term, ...]]:
    """How to compute a coupling, and its matrices if it is by matrices."""
    costs: dict[Method, float] = {"spectral": _EXACT * _spectral(taps, lattice)}
    reads = len(taps.delays) * (lattice.features if taps.mixing else 1)
    if reads * lattice.sites * lattice.features * 16 <= _LARGEST_GATHER:
        sums = reads * lattice.features if taps.mixing else reads
        costs["gathered"] = _FETCH * reads + sums
    terms = _terms(taps, lattice)
    if terms:
        costs["products"] = separable.work(terms, lattice.shape, taps.radius)
    return min(costs, key=lambda method: costs[method]), terms


def extended(taps: Taps, lattice: Lattice) -> tuple[int, int]:
    """Sites along y and x of the periodic sheet on which a spectrum is taken."""
    sites = []
    for axis in range(2):
        n, radius = lattice.shape[axis], taps.radius[axis]
        beyond = {"periodic": 0, "open": radius, "reflecting": 2 * radius}
        grown = n + beyond[lattice.boundary[axis]]
        sites.append(n if grown == n else next_fast_len(grown, real=axis == 1))
    return sites[0], sites[1]


def _spectral(taps: Taps, lattice: Lattice) -> float:
    ny, nx = extended(taps, lattice)
    products = len(np.unique(taps.delays)) * (lattice.features if taps.mixing else 1)
    return (_TRANSFORM + _SPECTRUM * products) * ny * nx / lattice.sites


def _terms(taps: Taps, lattice: Lattice) -> tuple[Term, ...]:
    """A coupling as products of matrices; () if it is not one or a few of them."""
    tables = separable.tables(taps, lattice.features)
    if tables is None or np.ptp(taps.delays) > 0:
        return ()
    of_features = [
        [separable.term(y, x, lattice) for y, x in separable.profiles(table)]
        for table in tables
    ]
    forms = {tuple((one.left is None, one.right is None) for one in terms)
             for terms in of_features}  # fmt: skip
    if len(forms) > 1:
        return ()
    return tuple(Term.stacked(parts) for parts in zip(*of_features, strict=True))


def _alike(one: Lateral, other: Lateral) -> bool:
    arrays = [(one.taps.offsets, other.taps.offsets),
              (one.taps.weights, other.taps.weights),
              (one.taps.delays, other.taps.delays)]  # fmt: skip
    gains = [(one.before, other.before), (one.after, other.after)]
    return (
        one.source == other.source
        and all(np.array_equal(a, b) for a, b in arrays)
        and all(
            a is b or (a is not None and b is not None and np.array_equal(a, b))
            for a, b in gains
        )
    )
