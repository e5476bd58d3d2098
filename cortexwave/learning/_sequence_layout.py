"""How a state lies in memory so that the sum over neighbours is a matrix product.

A slot holds one state as (site, feature, batch), row after row of the sheet, with ghost
sites around it for what lies beyond the edges. The taps of one kernel row then meet a
contiguous piece of the slot: a window is a view, never a copy, and the
cross-correlation one batched product per kernel row, over `group` sites at a time. On a
sheet the products run on through the ghost columns between two rows; what they leave
there is overwritten. A ring is a sheet of one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

Views = list[Tensor]  # one per slot


@dataclass(frozen=True)
class Layout:
    """Places of the sites of a sheet (ny, nx) in a slot, for a kernel (ky, kx).

    An axis has half a kernel of ghosts on each side; a reflecting one has twice that,
    for on the way back the sums reach into the ghosts and are folded onto the sheet.
    """

    shape: tuple[int, int]
    kernel: tuple[int, int]
    boundary: tuple[str, str]
    features: int
    batch: int

    @cached_property
    def reach(self) -> tuple[int, int]:
        return self.kernel[0] // 2, self.kernel[1] // 2

    @cached_property
    def extra(self) -> tuple[int, int]:
        """How far beyond the edges the sums are taken on the way back."""
        y, x = (
            reach if beyond == "reflecting" else 0
            for reach, beyond in zip(self.reach, self.boundary, strict=True)
        )
        return y, x

    @cached_property
    def halo(self) -> tuple[int, int]:
        return self.reach[0] + self.extra[0], self.reach[1] + self.extra[1]

    @cached_property
    def padded(self) -> tuple[int, int]:
        return self.shape[0] + 2 * self.halo[0], self.shape[1] + 2 * self.halo[1]

    @cached_property
    def sites(self) -> int:
        """Sites of a slot, with those that the last windows reach beyond its end."""
        first, run = self.run(self.extra)
        blocks = -(-run // self.group)
        end = first + blocks * self.group + self.reach[1]
        return max(
            self.padded[0] * self.padded[1], end + self.reach[0] * self.padded[1]
        )

    def run(self, extra: tuple[int, int]) -> tuple[int, int]:
        """First site and number of sites of the sums, `extra` beyond the edges."""
        width = self.padded[1]
        first = (self.halo[0] - extra[0]) * width + self.halo[1] - extra[1]
        rows, columns = self.shape[0] + 2 * extra[0], self.shape[1] + 2 * extra[1]
        return first, (rows - 1) * width + columns

    @cached_property
    def numbers(self) -> int:
        return self.sites * self.features * self.batch

    @cached_property
    def group(self) -> int:
        """Sites of one product. Few features make small products, so take several.

        A group may run over the end of a row, but not beyond its ghosts.
        """
        if self.features >= 16:
            return 1
        wanted = 4 if self.features < 4 else 2
        rows_end = self.reach[1] + 1
        return max(
            g for g in range(1, wanted + 1)
            if (self.shape[0] == 1 and self.shape[1] % g == 0) or g <= rows_end
        )  # fmt: skip

    @cached_property
    def overruns(self) -> bool:
        """Whether sums are left on ghost columns."""
        return self.shape[0] > 1 or self.shape[1] % self.group != 0

    def spread(self, fields: Tensor) -> Tensor:
        """Fields (..., feature, y, x) as (..., site * feature), zero at the ghosts."""
        lead = fields.shape[:-3]
        slot = fields.new_zeros(*lead, self.sites, self.features)
        self._sheet(slot, len(lead)).copy_(fields.movedim(-3, -1))
        return slot.flatten(-2)

    def gathered(self, slots: Tensor) -> Tensor:
        """Fields (..., feature, y, x) of what is (..., site * feature): a view."""
        lead = slots.dim() - 1
        return self._sheet(
            slots.unflatten(-1, (self.sites, self.features)), lead
        ).movedim(-1, -3)

    def states(self, slots: Tensor) -> Tensor:
        """States (batch, slot, feature, y, x) of slots (slot, number): a view."""
        sites = slots.unflatten(-1, (self.sites, self.features, self.batch))
        return self._sheet(sites, 1).permute(4, 0, 3, 1, 2)

    def _sheet(self, slots: Tensor, axis: int) -> Tensor:
        """The sites of the sheet itself, `axis` being that of the sites."""
        rows = self._rows(slots, axis)
        (hy, hx), (ny, nx) = self.halo, self.shape
        return rows.narrow(axis, hy, ny).narrow(axis + 1, hx, nx)

    def _rows(self, slots: Tensor, axis: int) -> Tensor:
        sites = self.padded[0] * self.padded[1]
        return slots.narrow(axis, 0, sites).unflatten(axis, self.padded)

    def bands(self, u: Tensor) -> list[Tensor]:
        """Per kernel row, u as what one window is multiplied by to give its group.

        Each (block, group * out, window * in), the same for every block.
        """
        count, taps = self.features, self.kernel[1]
        bands = []
        for row in u.unbind(dim=2):  # (out, in, kx)
            flat = row.permute(0, 2, 1).reshape(count, taps * count)
            band = u.new_zeros(self.group * count, (self.group - 1 + taps) * count)
            for site in range(self.group):
                at = site * count
                band[at : at + count, at : at + taps * count] = flat
            bands.append(band)
        return bands

    def kernel_of(self, bands: Sequence[Tensor]) -> Tensor:
        """The u (out, in, ky, kx) that has these bands: `bands` undone and summed."""
        count, taps = self.features, self.kernel[1]
        rows = []
        for band in bands:
            at = [site * count for site in range(self.group)]
            flat = sum(band[a : a + count, a : a + taps * count] for a in at)
            rows.append(flat.view(count, taps, count).permute(0, 2, 1))
        return torch.stack(rows, dim=2)


def backwards(u: Tensor) -> Tensor:
    """The kernel that carries a gradient back: features exchanged, taps reversed."""
    return u.transpose(0, 1).flip(2, 3)


class Slots:
    """Views of slots (slot, number), made once so that a step makes none.

    `memory` is contiguous, (slot, number) or flat.
    """

    def __init__(self, layout: Layout, memory: Tensor):
        memory = memory.view(-1, layout.numbers)
        self.layout, self.memory = layout, memory
        one = (layout.sites, layout.features, layout.batch)
        self._sites = memory.view(len(memory), *one)
        self._plane = layout._rows(self._sites, 1)  # (slot, y, x, feature, batch)
        self.whole: Views = list(self._sites.flatten(1, 2).unbind())
        self.sums, self.windows = self._products((0, 0))

    def _products(self, extra: tuple[int, int]) -> tuple[Views, list[Views]]:
        """Where sums are left, (block, group * feature, batch), and what they sum.

        `extra` rows and columns beyond the edges; windows by kernel row.
        """
        layout = self.layout
        width, features = layout.padded[1], layout.features
        first, run = layout.run(extra)
        blocks = -(-run // layout.group)
        site = features * layout.batch

        def pieces(at: int, sites: int) -> Views:
            shape = (len(self.memory), blocks, sites * features, layout.batch)
            strides = (layout.numbers, layout.group * site, layout.batch, 1)
            offset = self.memory.storage_offset() + at * site
            return list(self.memory.as_strided(shape, strides, offset).unbind())

        reach = layout.reach
        windows = [
            pieces(first + dy * width - reach[1], layout.group - 1 + layout.kernel[1])
            for dy in range(-reach[0], reach[0] + 1)
        ]
        return pieces(first, layout.group), windows

    @cached_property
    def sums_beyond(self) -> Views:
        return self._beyond[0]

    @cached_property
    def windows_beyond(self) -> list[Views]:
        return self._beyond[1]

    @cached_property
    def _beyond(self) -> tuple[Views, list[Views]]:
        extra = self.layout.extra
        return self._products(extra) if any(extra) else (self.sums, self.windows)

    def sheet(self, at: int) -> Tensor:
        """The state of a slot as (batch, feature, y, x)."""
        return self.layout.states(self.memory)[:, at]

    @cached_property
    def ghosts(self) -> list[tuple[Views, Views | None]]:
        """What to write after a step, in order: (into, from), or (into, None) for 0."""
        return self._cleared_columns(only_open=True) + self._filled(reflect=True)

    @cached_property
    def ghosts_back(self) -> list[tuple[Views, Views | None]]:
        """What to write on the way back: a reflecting edge has nothing beyond it."""
        return self._filled(reflect=False)

    @cached_property
    def cleared(self) -> list[Views]:
        """Ghosts on which sums were left on the way back."""
        views = [into for into, _ in self._cleared_columns(only_open=False)]
        hy, ny = self.layout.halo[0], self.layout.shape[0]
        if self.layout.extra[0]:
            views += self._views(self._plane[:, :hy], self._plane[:, hy + ny :])
        return views

    @cached_property
    def folds(self) -> list[tuple[Views, Views]]:
        """(onto, from): sums beyond a reflecting edge, added where their state is."""
        pairs = []
        for axis in (1, 0):  # columns first, along the rows beyond the edges too
            for near, far in self._mirrors(axis) if self.layout.extra[axis] else ():
                pairs.append((near, far))
        return pairs

    def _views(self, *pieces: Tensor) -> list[Views]:
        return [self._each(piece) for piece in pieces if piece.numel()]

    def _each(self, piece: Tensor) -> Views:
        """A piece of every slot; of a ring, which is one row, as a run of numbers."""
        ring = self.layout.padded[0] == 1
        return list((piece.flatten(1) if ring else piece).unbind())

    def _cleared_columns(self, only_open: bool) -> list[tuple[Views, None]]:
        layout, plane = self.layout, self._plane
        beyond, extra = layout.boundary[1], layout.extra[1]
        if (only_open and beyond != "open") or not (layout.overruns or extra):
            return []
        hx, nx = layout.halo[1], layout.shape[1]
        pieces = self._views(plane[:, :, :hx], plane[:, :, hx + nx :])
        return [(piece, None) for piece in pieces]

    def _filled(self, reflect: bool) -> list[tuple[Views, Views | None]]:
        pairs: list[tuple[Views, Views | None]] = []
        for axis in (1, 0):
            beyond = self.layout.boundary[axis]
            if beyond == "periodic" and self.layout.reach[axis]:
                pairs += self._wraps(axis)
            elif beyond == "reflecting" and reflect:
                pairs += [(far, near) for near, far in self._mirrors(axis)]
        return pairs

    def _along(self, axis: int) -> Tensor:
        """Slots for work along an axis: columns of the rows in use, or whole rows."""
        if axis == 0:
            return self._plane
        layout = self.layout
        first = layout.halo[0] - layout.extra[0]
        return self._plane.narrow(1, first, layout.shape[0] + 2 * layout.extra[0])

    def _wraps(self, axis: int) -> list[tuple[Views, Views | None]]:
        plane, reach = self._along(axis), self.layout.reach[axis]
        first, n = self.layout.halo[axis], self.layout.shape[axis]

        def views(at: int) -> Views:
            return self._each(plane.narrow(axis + 1, at, reach))

        return [
            (views(first - reach), views(first + n - reach)),
            (views(first + n), views(first)),
        ]

    def _mirrors(self, axis: int) -> list[tuple[Views, Views]]:
        """(near, far) of every site and its image beyond a reflecting edge."""
        plane = self._along(axis)
        first, n = self.layout.halo[axis], self.layout.shape[axis]

        def views(at: int) -> Views:
            return self._each(plane.select(axis + 1, at))

        pairs = []
        for j in range(self.layout.reach[axis]):
            pairs.append((views(first + j), views(first - 1 - j)))
            pairs.append((views(first + n - 1 - j), views(first + n + j)))
        return pairs
