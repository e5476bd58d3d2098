"""Lateral sums on torch tensors: as products of matrices, gathered, or in the spectrum.

Each reads rows (coupling, site) and fills as many, where a site is one of
(feature, y, x), and keeps as much of the past as its delays need.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from cortexwave.backends import _separable as separable
from cortexwave.backends._grouping import Group, extended
from cortexwave.sheet.lattice import Lattice

Task = Callable[[], Any]


def lateral_sum(
    group: Group, lattice: Lattice, read: torch.Tensor, out: torch.Tensor
) -> LateralSum:
    """The sums of a group of couplings from rows `read` into rows `out`."""
    if group.method == "products":
        return _Products(group, lattice, read, out)
    if group.method == "gathered":
        return _Gathered(group, lattice, read, out)
    return _Spectral(group, lattice, read, out)


class _Ring:
    """Values of 0, 1, ... steps ago, with room for `spare` zeros behind each.

    With `copies=2` they lie in order of age in one piece, whatever the time.
    """

    def __init__(
        self, ages: int, like: torch.Tensor, *, copies: int = 1, spare: int = 0
    ):
        self.ages, self.now, self.length = ages, 0, like.shape[-1]
        shape = (copies * ages, *like.shape[:-1], self.length + spare)
        self.frames = torch.zeros(shape, dtype=like.dtype, device=like.device)

    def write(self, values: torch.Tensor, age: int = 0) -> None:
        place = (self.now + age) % self.ages
        self.frames[place :: self.ages, ..., : self.length] = values

    def at(self, age: int) -> torch.Tensor:
        return self.frames[(self.now + age) % self.ages]

    def in_one_piece(self) -> torch.Tensor:
        return self.frames[self.now : self.now + self.ages].view(-1)

    def advance(self) -> None:
        self.now = (self.now - 1) % self.ages

    def past(self) -> torch.Tensor:
        """Everything older than now, newest first."""
        ages = [(self.now + age) % self.ages for age in range(1, self.ages)]
        return self.frames[ages][..., : self.length]


class LateralSum:
    """What the engine sees: `tasks` to be called in a step, and the past."""

    def __init__(self, group: Group, read: torch.Tensor, **ring: int):
        self.read = read
        self.ring = _Ring(group.depth + 1, read, **ring)
        self.tasks: list[Task] = []

    def load(self, past: torch.Tensor) -> None:
        """Take up (age, coupling, site), from 1 step ago on."""
        self.ring.now = 0
        for age, values in enumerate(past, start=1):
            self.ring.write(values, age)

    def past(self) -> torch.Tensor:
        """What `load` takes; the present must have been coupled."""
        return self.ring.past()

    def advance(self) -> None:
        """Grow a step older."""
        self.ring.advance()


class _Products(LateralSum):
    """sum_k left_k @ field @ right_k."""

    def __init__(
        self, group: Group, lattice: Lattice, read: torch.Tensor, out: torch.Tensor
    ):
        super().__init__(group, read)
        if group.depth:
            read = torch.zeros_like(read)
            self.tasks += [partial(self.ring.write, self.read),
                           lambda: read.copy_(self.ring.at(group.depth))]  # fmt: skip
        features, (ny, nx) = lattice.features, lattice.shape
        field, total = read.view(-1, ny, nx), out.view(-1, ny, nx)
        self.radius = tuple(
            max(lateral.taps.radius[axis] for lateral in group.laterals)
            for axis in range(2)
        )
        self.periodic = [edge == "periodic" for edge in lattice.boundary]
        for number, terms in enumerate(zip(*group.terms, strict=True)):
            left = _of_fields([term.left for term in terms], features)
            right = _of_fields([term.right for term in terms], features)
            onto = number > 0
            if left is None:
                self.tasks += self._along_x(right, field, total, onto=onto)
            elif right is None:
                self.tasks += self._along_y(left, field, total, onto=onto)
            else:
                between = torch.empty_like(field)
                self.tasks += self._along_y(left, field, between, onto=False)
                self.tasks += self._along_x(right, between, total, onto=onto)

    def advance(self) -> None:
        if self.ring.ages > 1:
            self.ring.advance()

    def _along_y(
        self, left: Any, field: torch.Tensor, out: torch.Tensor, *, onto: bool
    ) -> list[Task]:
        margin = self.radius[0]
        fields, n, nx = field.shape
        length = separable.block_length(n, margin)
        if length is None:
            factors = np.repeat(left, fields // len(left), axis=0)
            return [_product(_like(factors, field), field, out, onto=onto)]
        wide = field.new_zeros(fields, n + 2 * margin, nx)
        tasks = [_widen(field, wide, 1, margin, periodic=self.periodic[0])]
        for place in range(fields):
            one = left[place * len(left) // fields]
            blocks = separable.bands(one, length, margin, periodic=self.periodic[0])
            windows = wide[place].unfold(0, length + 2 * margin, length)
            tasks.append(_product(
                _like(blocks, field), windows.transpose(1, 2),
                out[place].view(-1, length, nx), onto=onto,
            ))  # fmt: skip
        return tasks

    def _along_x(
        self, right: Any, field: torch.Tensor, out: torch.Tensor, *, onto: bool
    ) -> list[Task]:
        margin = self.radius[1]
        fields, ny, n = field.shape
        length = separable.block_length(n, margin)
        if length is None:
            lines = (len(right), -1, n)  # fields that share a matrix, one below another
            return [
                _product(field.view(lines), _like(right, field), out.view(lines),
                         onto=onto)
            ]  # fmt: skip
        wide = field.new_zeros(fields, ny, n + 2 * margin)
        tasks = [_widen(field, wide, 2, margin, periodic=self.periodic[1])]
        for place in range(fields):
            one = right[place * len(right) // fields].T
            blocks = separable.bands(one, length, margin, periodic=self.periodic[1])
            windows = wide[place].unfold(1, length + 2 * margin, length)
            tasks.append(_product(
                windows.transpose(0, 1), _like(blocks.transpose(0, 2, 1), field),
                out[place].view(ny, -1, length).transpose(0, 1), onto=onto,
            ))  # fmt: skip
        return tasks


class _Gathered(LateralSum):
    """All that taps read is fetched by one index, then summed by one product."""

    def __init__(
        self, group: Group, lattice: Lattice, read: torch.Tensor, out: torch.Tensor
    ):
        # One zero behind each frame is what lies beyond an open edge.
        super().__init__(group, read, copies=2 if group.depth else 1, spare=1)
        taps, features = group.laterals[0].taps, lattice.features
        values = read.shape[-1]
        site = np.arange(lattice.sites).reshape(lattice.shape)
        index = np.full((len(taps.delays), features, *lattice.shape), values)
        for place, (offset, delay) in enumerate(
            zip(taps.offsets, taps.delays, strict=True)
        ):
            y, x = (lattice.neighbours(axis, int(offset[axis])) for axis in range(2))
            inside = (y[:, None] >= 0) & (x[None, :] >= 0)
            source = site[y][:, x] + delay * (values + 1)
            for feature in range(features):
                index[place, feature][inside] = source[inside] + feature * lattice.sites
        weights = taps.weights  # (tap, out, in) or (tap,)
        weights = (np.moveaxis(weights, 1, 0).reshape(features, -1) if taps.mixing
                   else weights[None])  # fmt: skip
        self.index = torch.tensor(index.ravel(), device=read.device)
        self.fetched = read.new_zeros(index.size)
        self.tasks = [
            partial(self.ring.write, read),
            self._fetch,
            partial(torch.mm, _like(weights, read),
                    self.fetched.view(weights.shape[1], -1),
                    out=out.view(weights.shape[0], -1)),
        ]  # fmt: skip

    def _fetch(self) -> None:
        torch.index_select(self.ring.in_one_piece(), 0, self.index, out=self.fetched)


class _Spectral(LateralSum):
    """A product of spectra, on a periodic sheet as large as the boundary asks for."""

    def __init__(
        self, group: Group, lattice: Lattice, read: torch.Tensor, out: torch.Tensor
    ):
        super().__init__(group, read)
        self.lattice, self.depth = lattice, group.depth
        self.taps = group.laterals[0].taps
        self.size = extended(self.taps, lattice)
        self.out = out.view(lattice.field_shape)
        self.mirrored = [
            (dim, torch.tensor(self._reflection(axis), device=read.device))
            for axis, dim in ((0, -2), (1, -1))
            if lattice.boundary[axis] == "reflecting"
        ]
        delays = np.unique(self.taps.delays)
        tables = np.stack([self._table(delay) for delay in delays])
        # conjugate: a coupling is a cross-correlation
        kernel = np.fft.rfft2(tables).conj()  # (delay, [out,] in, ky, kx)
        spectrum = self._spectrum(read)
        self.kernel = torch.tensor(kernel, dtype=spectrum.dtype, device=read.device)
        self.spectra = _Ring(self.depth + 1, spectrum)
        places = (np.arange(self.depth + 1)[:, None] + delays) % (self.depth + 1)
        self.places = torch.tensor(places, device=read.device)  # (now, delay)
        # Kept, as memory of this size is slow to ask for in every step.
        self.chosen = spectrum.new_zeros(len(delays), *spectrum.shape)
        if self.depth:
            self.tasks.append(partial(self.ring.write, read))
        self.tasks.append(self._sum)

    def load(self, past: torch.Tensor) -> None:
        super().load(past)
        self.spectra.now = 0
        for age, values in enumerate(past, start=1):
            self.spectra.write(self._spectrum(values), age)

    def advance(self) -> None:
        self.ring.advance()
        self.spectra.advance()

    def _sum(self) -> None:
        spectra = self._spectrum(self.read)[None]  # (delay, in, ky, kx)
        if self.depth:
            self.spectra.write(spectra[0])
            spectra = torch.index_select(
                self.spectra.frames, 0, self.places[self.spectra.now], out=self.chosen
            )
        if self.taps.mixing:
            total = torch.einsum("doiyx,diyx->oyx", self.kernel, spectra)
        else:
            total = spectra.mul_(self.kernel)
            total = total[0] if len(total) == 1 else total.sum(0)
        ny, nx = self.lattice.shape
        self.out.copy_(torch.fft.irfft2(total, s=self.size)[:, :ny, :nx])

    def _spectrum(self, values: torch.Tensor) -> torch.Tensor:
        field = values.view(self.lattice.field_shape)
        for dim, index in self.mirrored:
            field = field.index_select(dim, index)
        return torch.fft.rfft2(field, s=self.size)  # zeros beyond open edges

    def _table(self, delay: int) -> np.ndarray:
        """Weights of one delay, ([out,] in, y, x); offsets < 0 count from the end."""
        now = self.taps.delays == delay
        weights = self.taps.weights[now]  # (tap, out, in) or (tap,)
        weights = weights if self.taps.mixing else weights[:, None]
        table = np.zeros((*weights.shape[1:], *self.size))
        y, x = self.taps.offsets[now].T
        for place, weight in zip(zip(y % self.size[0], x % self.size[1], strict=True),
                                 weights, strict=True):  # fmt: skip
            table[(..., *place)] += weight
        return table

    def _reflection(self, axis: int) -> np.ndarray:
        """The site at each place of the larger sheet; any, where no tap reads."""
        n, m, radius = self.lattice.shape[axis], self.size[axis], self.taps.radius[axis]
        sites = np.zeros(m, dtype=np.int64)
        for offset in range(-radius, radius + 1):
            sites[(np.arange(n) + offset) % m] = self.lattice.neighbours(axis, offset)
        return sites


def _of_fields(parts: Sequence[np.ndarray | None], features: int) -> Any:
    """Matrices of one side of a term, (coupling, ...) or (coupling * feature, ...)."""
    held = [part for part in parts if part is not None]
    if not held:
        return None
    if all(len(part) == 1 for part in held):
        return np.concatenate(held)
    shape = (features, *held[0].shape[1:])
    return np.concatenate([np.broadcast_to(part, shape) for part in held])


def _like(values: np.ndarray, field: torch.Tensor) -> torch.Tensor:
    return torch.tensor(values, dtype=field.dtype, device=field.device)


def _product(
    left: torch.Tensor, right: torch.Tensor, out: torch.Tensor, *, onto: bool
) -> Task:
    if onto:
        return partial(torch.baddbmm, out, left, right, out=out)
    return partial(torch.bmm, left, right, out=out)


def _widen(
    field: torch.Tensor, wide: torch.Tensor, dim: int, margin: int, *, periodic: bool
) -> Task:
    """Copy fields into wider ones; beyond an edge they are wrapped, or stay 0."""
    n = field.shape[dim]
    if not periodic:
        return partial(wide.narrow(dim, margin, n).copy_, field)
    parts = (field.narrow(dim, n - margin, margin), field, field.narrow(dim, 0, margin))
    return partial(torch.cat, parts, dim, out=wide)
