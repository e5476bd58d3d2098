"""History-dependent systems: the next vector is a function of the last s of them.

u(t+1) = f(u(t), ..., u(t-s+1)), u in R^d (Karuvally, Sejnowski & Siegelmann 2024,
ICML, arXiv 2402.10163). A history has dims (..., site, dim): site 0 is the oldest
vector, site s-1 the newest, so a lag of L steps is site s - L.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cortexwave.errors import InputError
from cortexwave.learning.hidden_waves.histories import (
    NextVector,
    check_size,
    checked_blocks,
    checked_history,
    checked_steps,
    is_integer,
    next_vector,
)
from cortexwave.learning.hidden_waves.spectrum import companion, spectral_radius


@dataclass(frozen=True, eq=False)
class HistorySystem:
    """A system (d, s, f): f takes histories (..., site, dim) to vectors (..., dim).

    `linear` is B (site, dim, dim) where f(h) = sum_i B[i] @ h[i], else None.
    """

    dims: int
    sites: int
    name: str
    f: NextVector
    linear: np.ndarray | None = None

    def __post_init__(self) -> None:
        check_size(self.dims, self.sites)
        if not callable(self.f):
            raise InputError(f"{self.name}: f is {self.f!r}, not a function")


@dataclass(frozen=True)
class SignedCopy:
    """Each dim k copies one dim, `signs[k] * u_{sources[k]}(t - lags[k])`."""

    sources: tuple[int, ...]
    lags: tuple[int, ...]
    signs: tuple[int, ...]
    sites: int

    def __post_init__(self) -> None:
        dims = len(self.sources)
        check_size(dims, self.sites)
        lengths = (dims, len(self.lags), len(self.signs))
        if len(set(lengths)) > 1:
            raise InputError(
                "a signed copy has one source, lag and sign for each dim, not "
                f"{lengths[0]}, {lengths[1]} and {lengths[2]}"
            )
        rules = (
            ("source", self.sources, range(dims), f"0 to {dims - 1}"),
            ("lag", self.lags, range(1, self.sites + 1), f"1 to {self.sites} (sites)"),
            ("sign", self.signs, (-1, 1), "-1 or 1"),
        )
        faults = [
            f"the {what} of dim {dim} is {value!r}, not {allowed}"
            for what, values, among, allowed in rules
            for dim, value in enumerate(values)
            if not is_integer(value) or value not in among
        ]
        if faults:
            raise InputError("; ".join(faults))

    @property
    def dims(self) -> int:
        """d, how many numbers a vector has."""
        return len(self.sources)

    @property
    def needed_entries(self) -> int:
        """How many (site, dim) hold something still to be read: rank of the memory.

        Each dim is needed up to the largest lag at which it is read.
        """
        read = dict.fromkeys(self.sources, 0)
        for source, lag in zip(self.sources, self.lags, strict=True):
            read[source] = max(read[source], lag)
        return sum(read.values())

    def blocks(self) -> np.ndarray:
        """B (site, dim, dim): f(h) = sum_i B[i] @ h[i]; site 0 is the oldest."""
        blocks = np.zeros((self.sites, self.dims, self.dims))
        for dim, (source, lag) in enumerate(zip(self.sources, self.lags, strict=True)):
            blocks[self.sites - lag, dim, source] = self.signs[dim]
        return blocks

    def cycles(self) -> list[tuple[int, int]]:
        """(total lag, sign) of every cycle of the map from a dim to its source.

        The longest come first, of equal ones the positive ones.
        """
        found, seen = [], set()
        for first in range(self.dims):
            path, dim = [], first
            while dim not in seen:
                seen.add(dim)
                path.append(dim)
                dim = self.sources[dim]
            if dim in path:  # else it runs into a cycle that was met before
                cycle = path[path.index(dim) :]
                lag = sum(self.lags[member] for member in cycle)
                sign = int(np.prod([self.signs[member] for member in cycle]))
                found.append((lag, sign))
        return sorted(found, reverse=True)

    def system(self, name: str = "signed copy") -> HistorySystem:
        """The system whose f reads these entries; exact, nothing is added up."""
        sites = self.sites - np.array(self.lags)
        sources, signs = np.array(self.sources), np.array(self.signs, dtype=float)

        def f(history: np.ndarray) -> np.ndarray:
            return signs * history[..., sites, sources]

        return HistorySystem(self.dims, self.sites, name, f, self.blocks())


def signed_copy(
    id1: int, id2: int, id3: int, *, dims: int = 8, sites: int = 8
) -> SignedCopy:
    """The signed copy of a task's three numbers.

    `id1` has a bit for each entry of the history that is read, bit site*dims + dim
    with site 0 the oldest, exactly `dims` of them; dim k reads the k-th. `id2` in
    base `dims` are swaps: digit g at place k (lowest first) swaps the readers k and
    k + g, so g < dims - k. `id3` has a bit for each dim that changes sign.
    """
    check_size(dims, sites)
    faults = []
    for name, number, end, power in (
        ("id1", id1, 2 ** (sites * dims), f"2**{sites * dims}"),
        ("id2", id2, dims**dims, f"{dims}**{dims}"),
        ("id3", id3, 2**dims, f"2**{dims}"),
    ):
        if not is_integer(number) or not 0 <= number < end:
            faults.append(f"{name} is {number!r}, not an integer of 0 to {power} - 1")
    if faults:
        raise InputError("; ".join(faults))
    read = [place for place in range(sites * dims) if int(id1) >> place & 1]
    if len(read) != dims:
        faults.append(
            f"id1 has {len(read)} bits, but {dims} dims read one entry each: "
            f"exactly {dims} bits"
        )
    digits = [int(id2) // dims**place % dims for place in range(dims)]
    for place, digit in enumerate(digits):
        if digit >= dims - place:
            faults.append(
                f"digit {place} of id2 is {digit}: it would swap dim {place} with "
                f"dim {place + digit}, but there are {dims}"
            )
    if faults:
        raise InputError("; ".join(faults))
    for place, digit in enumerate(digits):
        read[place], read[place + digit] = read[place + digit], read[place]
    return SignedCopy(
        sources=tuple(place % dims for place in read),
        lags=tuple(sites - place // dims for place in read),
        signs=tuple(-1 if int(id3) >> dim & 1 else 1 for dim in range(dims)),
        sites=sites,
    )


def fibonacci(dims: int, sites: int) -> HistorySystem:
    """The next vector is the sum of the last `sites`; 2 sites: Fibonacci numbers."""
    check_size(dims, sites)
    blocks = np.broadcast_to(np.eye(dims), (sites, dims, dims)).copy()
    return HistorySystem(
        dims, sites, "generalised Fibonacci", lambda history: history.sum(-2), blocks
    )


def linear_system(blocks: np.ndarray, name: str = "linear") -> HistorySystem:
    """f(h) = sum_i B[i] @ h[i] of blocks B (site, dim, dim)."""
    blocks = checked_blocks(blocks)

    def f(history: np.ndarray) -> np.ndarray:
        return np.asarray(np.einsum("soi,...si->...o", blocks, history))

    return HistorySystem(blocks.shape[1], len(blocks), name, f, blocks)


def random_linear(dims: int, sites: int, *, seed: int, radius: float) -> HistorySystem:
    """A linear system of Gaussian blocks whose largest |eigenvalue| is `radius`."""
    check_size(dims, sites)
    if not (np.isfinite(radius) and radius > 0):
        raise InputError(f"the radius is {radius!r}; it is a positive number")
    blocks = np.random.default_rng(seed).standard_normal((sites, dims, dims))
    # a factor c^L on the block of lag L multiplies every eigenvalue by c
    factor = radius / spectral_radius(companion(blocks))
    blocks *= factor ** np.arange(sites, 0, -1)[:, None, None]
    return linear_system(blocks, "random linear")


def run(system: HistorySystem, history: np.ndarray, steps: int) -> np.ndarray:
    """The next `steps` vectors, (..., step, dim), from a history (..., site, dim).

    Raises `InputError` for a history or an f of the wrong shape, `NotFiniteError`
    at the first step at which f is not finite.
    """
    history = checked_history(history, dims=system.dims, sites=system.sites)
    steps = checked_steps(steps)
    course = np.empty((*history.shape[:-2], system.sites + steps, system.dims))
    course[..., : system.sites, :] = history
    for step in range(steps):
        window = course[..., step : step + system.sites, :].copy()
        course[..., system.sites + step, :] = next_vector(
            system.f, window, name=system.name, step=step + 1
        )
    return course[..., system.sites :, :]


_DIAGONAL = 0x8040201008040201  # one entry for each site, dim = site

# The four tasks of the paper's published code, by their numbers there.
TASKS: dict[str, SignedCopy] = {
    "T1": signed_copy(255, 0, 0),
    "T2": signed_copy(_DIAGONAL, 0, 0),
    "T3": signed_copy(_DIAGONAL, 262676, 189),
    "T4": signed_copy(_DIAGONAL, 38637, 145),
}
