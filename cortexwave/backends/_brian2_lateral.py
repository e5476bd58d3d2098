"""Lateral sums as tables in memory, which `lateral.h` reads by address.

Each source has a ring of past frames with halos, so that a boundary is met once a
frame and not once a tap. A coupling is summed tap by tap; or, where its delay is
one, along columns and rows by turns if the rank of its kernel makes that cheaper,
or by Fourier transform if the kernel is large. `LateralSums.couple` does in NumPy
what the C++ does, for want of a compiler.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft

from cortexwave.backends._brian2_frames import SLACK, Ring, Term, cleared, same_source
from cortexwave.backends._brian2_kernels import PASS, factors_of, same, spectrum_of
from cortexwave.sheet.lattice import Lattice

# Taps per site from which a Fourier transform is cheaper: measured at 64 x 64, where
# a tap costs 0.05 ns a site in C++ and 1 ns in NumPy, a transform there and back 25.
SPECTRAL_COMPILED = 500
SPECTRAL_NUMPY = 25

# The records of lateral.h.
_SOURCE = np.dtype([(name, "i8") for name in (
    "values", "gain", "ring", "ages", "halo_y", "halo_x", "stride", "plane", "frame",
    "rows", "columns")])  # fmt: skip
_SUM = np.dtype([(name, "i8") for name in (
    "source", "separable", "origin", "terms", "height", "width", "delay",
    "offsets", "delays", "weights", "after", "out")])  # fmt: skip
_PLAN = np.dtype([(name, "i8") for name in (
    "features", "ny", "nx", "n_sources", "sources", "n_sums", "sums", "n_states",
    "states", "scratch", "scratch_stride", "places")])  # fmt: skip


@dataclass(frozen=True)
class _Sum:
    """A coupling's tables, by one of three ways.

    Tap by tap; by `factors` (rank, height), (rank, width), from `corner` on; or by
    the `spectrum` of the kernel, ([out, in,] ky, kx).
    """

    term: Term
    ring: int
    factors: tuple[np.ndarray, np.ndarray] | None = None
    corner: tuple[int, int] = (0, 0)
    spectrum: np.ndarray | None = None
    size: tuple[int, int] = (0, 0)


class LateralSums:
    """All couplings of a sheet; `couple` in NumPy, `address` for the C++.

    The C++ leaves out couplings by Fourier transform, which `transform` does after
    it. `states` are arrays that are cleared of denormal numbers though no coupling
    reads them; `spectral_from` is taps per site from which kernels are transformed.
    """

    def __init__(
        self,
        lattice: Lattice,
        terms: Sequence[Term],
        states: Sequence[np.ndarray],
        *,
        spectral_from: int,
    ):
        self.lattice = lattice
        groups: list[list[Term]] = []
        for term in terms:
            shared = [group for group in groups if same_source(group[0], term)]
            if shared:
                shared[0].append(term)
            else:
                groups.append([term])
        self.rings = [Ring(lattice, group) for group in groups]
        self.sums = [
            _sum(term, place, self.rings[place], spectral_from)
            for place, group in enumerate(groups)
            for term in group
        ]
        read = [ring.values for ring in self.rings]
        self.states = [state for state in states
                       if not any(state is values for values in read)]  # fmt: skip
        self._kept: list[np.ndarray] = []
        self.address = self._plan()

    def ring_of(self, term: Term) -> Ring:
        """The ring that holds the source of a term."""
        return next(ring for ring in self.rings if ring.values is term.values
                    and same(ring.gain, term.before))  # fmt: skip

    def couple(self, step: int) -> None:
        """Push all sources and compute all couplings of a step."""
        for state in self.states:
            cleared(state)
        for ring in self.rings:
            ring.push(step)
        for part in self.sums:
            self._sum_up(part, step)

    @property
    def spectral(self) -> list[_Sum]:
        """The couplings that `transform` computes."""
        return [part for part in self.sums if part.spectrum is not None]

    def transform(self, step: int) -> None:
        """Compute the couplings by Fourier transform, from rings that are pushed."""
        for part in self.spectral:
            self._sum_up(part, step)

    def _sum_up(self, part: _Sum, step: int) -> None:
        term = part.term
        total = self._total(part, step).ravel()
        term.out[:] = total if term.after is None else term.after * total

    def _total(self, part: _Sum, step: int) -> np.ndarray:
        """One coupling without its gain after, (feature, y, x)."""
        ring, taps = self.rings[part.ring], part.term.taps
        (ny, nx), (hy, hx) = self.lattice.shape, ring.halo
        frame = ring.frames[(step - int(taps.delays.max(initial=0))) % ring.ages]
        if part.spectrum is not None:
            wide = frame[..., : nx + 2 * hx]
            whole = ring.inner(frame) if part.size == (ny, nx) else wide
            waves = scipy.fft.rfft2(whole, part.size)
            if taps.mixing:
                waves = np.einsum("oiyx,iyx->oyx", part.spectrum, waves)
            else:
                waves *= part.spectrum
            field: np.ndarray = scipy.fft.irfft2(waves, part.size)
            return field[:, :ny, :nx]
        total = np.zeros(self.lattice.field_shape)
        if part.factors is not None:
            (y, x), rows = part.corner, ny + part.factors[0].shape[1] - 1
            for column, row in zip(*part.factors, strict=True):
                along = np.zeros((self.lattice.features, rows, nx))
                for k, weight in enumerate(row):
                    along += weight * frame[:, y : y + rows, x + k : x + k + nx]
                for k, weight in enumerate(column):
                    total += weight * along[:, k : k + ny]
            return total
        for (oy, ox), weight, delay in zip(
            taps.offsets, taps.weights, taps.delays, strict=True
        ):
            y, x = hy + int(oy), hx + int(ox)
            read = ring.frames[(step - int(delay)) % ring.ages]
            read = read[:, y : y + ny, x : x + nx]
            if taps.mixing:
                total += np.einsum("oi,iyx->oyx", weight, read)
            else:
                total += weight * read
        return total

    def _plan(self) -> np.ndarray:
        """The record `Plan` of lateral.h; what it points to is kept with it."""
        ny, nx = self.lattice.shape
        compiled = [part for part in self.sums if part.spectrum is None]
        sources = np.array([self._source(ring) for ring in self.rings], _SOURCE)
        records = [record for part in compiled for record in self._records(part)]
        sums = np.array(records, _SUM)
        most, rows = 1, 1
        for part in compiled:
            most = max(most, part.term.taps.weights.size)
            if part.factors is not None:
                rank, height = part.factors[0].shape
                rows = max(rows, rank * (ny + height - 1))
        wide = -(-nx // SLACK) * SLACK
        states = np.array([self._at(state) for state in self.states], np.int64)
        plan = np.array(
            [(self.lattice.features, ny, nx, len(sources), self._at(sources),
              len(sums), self._at(sums), len(states), self._at(states),
              self._at(np.zeros(rows * wide)), wide,
              self._at(np.zeros(most, np.int64)))], _PLAN)  # fmt: skip
        return plan.view(np.int64)

    def _source(self, ring: Ring) -> tuple[int, ...]:
        """The record `Source` of a ring."""
        frame, plane, stride = ring.strides
        return (self._at(ring.values), self._at(ring.gain), self._at(ring.frames),
                ring.ages, *ring.halo, stride, plane, frame,
                self._at(ring.rows), self._at(ring.columns))  # fmt: skip

    def _records(self, part: _Sum) -> list[tuple[int, ...]]:
        """One record `Sum` for each feature that is written."""
        ring, taps, term = self.rings[part.ring], part.term.taps, part.term
        _, plane, stride = ring.strides
        records: list[tuple[int, ...]] = []
        for feature in range(self.lattice.features):
            first = 8 * feature * self.lattice.sites
            out = self._at(term.out) + first
            after = self._at(term.after) + first if term.after is not None else 0
            if part.factors is not None:
                columns, rows = part.factors
                table = np.concatenate([columns.ravel(), rows.ravel()])
                origin = feature * plane + part.corner[0] * stride + part.corner[1]
                records.append(
                    (part.ring, 1, origin, *columns.shape, rows.shape[1],
                     int(taps.delays[0]), 0, 0, self._at(table), after, out)
                )  # fmt: skip
                continue
            places = (taps.offsets[:, 0] + ring.halo[0]) * stride
            places = places + taps.offsets[:, 1] + ring.halo[1]
            weights, delays, origin = taps.weights, taps.delays, feature * plane
            if taps.mixing:
                tap, feature_in = np.nonzero(taps.weights[:, feature])
                weights = taps.weights[tap, feature, feature_in]
                places, delays = places[tap] + feature_in * plane, delays[tap]
                origin = 0
            records.append(
                (part.ring, 0, origin, len(weights), 0, 0, 0,
                 self._at(places.astype(np.int64)), self._at(delays.astype(np.int64)),
                 self._at(weights.astype(np.float64)), after, out)
            )  # fmt: skip
        return records

    def _at(self, array: np.ndarray | None) -> int:
        """Address of an array, which is kept as long as this is; 0 for None."""
        if array is None:
            return 0
        # what is written to is never a copy
        if not array.flags.c_contiguous:
            raise AssertionError("lateral.h reads contiguous arrays")
        self._kept.append(array)
        return int(array.ctypes.data)


def _sum(term: Term, place: int, ring: Ring, spectral_from: int) -> _Sum:
    """The cheapest way to sum a coupling."""
    taps, lattice = term.taps, ring.lattice
    one_delay = np.ptp(taps.delays) == 0 if taps.delays.size else False
    factors = factors_of(taps) if one_delay and not taps.mixing else None
    cost = np.count_nonzero(taps.weights) / (lattice.features if taps.mixing else 1)
    if factors is not None:
        cost = len(factors[0]) * (factors[0].shape[1] + factors[1].shape[1] + PASS)
    if one_delay and cost > spectral_from:
        size, spectrum = spectrum_of(taps, lattice, ring.halo)
        return _Sum(term, place, spectrum=spectrum, size=size)
    if factors is None:
        return _Sum(term, place)
    y, x = (int(low) + halo for low, halo in zip(
        taps.offsets.min(axis=0), ring.halo, strict=True))  # fmt: skip
    return _Sum(term, place, factors, (y, x))
