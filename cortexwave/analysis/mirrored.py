"""How well frames follow many templates at once, in half of the arithmetic.

Templates come in pairs of lags phi and -phi: a wave and the one that runs backwards.
With phasors a + i b and exp(i phi) = c + i d, four real products give the power of
both, ac^2 + bd^2 + ad^2 + bc^2 +- 2 (ad bc - ac bd); complex products take eight.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

_BLOCK = 2**19  # numbers of a product: large enough for BLAS, small enough to cache


@dataclass(frozen=True)
class Mirrored:
    """Pairs of templates: `first` has the lag phi, `second` -phi (itself, where 0)."""

    first: np.ndarray  # (pair,) rows of the bank
    second: np.ndarray  # (pair,)
    parts: np.ndarray  # (site, 2 x pair) float32: cosines, then sines, over sites

    @classmethod
    def of(cls, matrix: np.ndarray, forms: np.ndarray, centres: np.ndarray) -> Mirrored:
        """Pairs of the templates `matrix` (site, template) = exp(i lag) / sites.

        `forms` (template, number) are all numbers that lags are proportional to, and
        `centres` (template, 2) those they are about. Every template has its mirror.
        """
        known = np.round(np.column_stack([forms, centres]), 9) + 0.0  # no minus zero
        other = np.round(np.column_stack([-forms, centres]), 9) + 0.0
        rows = {each.tobytes(): row for row, each in enumerate(known)}
        mirror = np.array([rows[each.tobytes()] for each in other])
        first = np.flatnonzero(np.arange(len(mirror)) <= mirror)
        half = matrix[:, first]
        parts = np.ascontiguousarray(np.hstack([half.real, half.imag]))
        return cls(first, mirror[first], parts)

    def greatest(
        self, phasors: np.ndarray, kind: np.ndarray, kinds: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The greatest power of each kind and its template, each (frame, kind).

        `phasors` (frame, site); `kind` (template,), of which there are `kinds`. 0 and
        -1 for a kind without templates.
        """
        frames, pairs = len(phasors), len(self.first)
        best = np.zeros((frames, kinds), dtype=np.float32)
        which = np.full((frames, kinds), -1, dtype=np.int32)
        groups = _groups(kind[self.first], kind[self.second])
        size = max(1, _BLOCK // (4 * pairs))
        space = np.empty((2 * size, 2 * pairs), dtype=np.float32)
        crossed, plus = np.empty((2, size, pairs), dtype=np.float32)
        for start in range(0, frames, size):
            part = slice(start, min(start + size, frames))
            count = part.stop - start
            block = phasors[part]
            stacked = np.concatenate([block.real, block.imag]).astype(np.float32)
            found = np.matmul(stacked, self.parts, out=space[: 2 * count])
            ac, ad = found[:count, :pairs], found[:count, pairs:]
            bc, bd = found[count:, :pairs], found[count:, pairs:]
            # in place from here on: `found` is overwritten
            cross = np.multiply(ad, bc, out=crossed[:count])
            cross -= np.multiply(ac, bd, out=plus[:count])
            cross *= 2
            np.multiply(found, found, out=found)
            ac += bd
            ad += bc
            ac += ad
            sums = np.add(ac, cross, out=plus[:count])
            ac -= cross
            for powers, templates, side in (
                (sums, self.first, 0), (ac, self.second, 1),
            ):  # fmt: skip
                for columns, *of_kind in groups:
                    k = of_kind[side]
                    chosen = powers[:, columns]
                    at = chosen.argmax(axis=1)
                    power = chosen[np.arange(count), at]
                    better = power > best[part, k]
                    best[part, k] = np.where(better, power, best[part, k])
                    which[part, k] = np.where(
                        better, templates[columns][at], which[part, k]
                    )
        return best, which


def _groups(first: np.ndarray, second: np.ndarray) -> list[tuple[slice, int, int]]:
    """Runs of pairs of the same two kinds."""
    change = np.flatnonzero((np.diff(first) != 0) | (np.diff(second) != 0)) + 1
    ends = [0, *change.tolist(), len(first)]
    return [(slice(a, b), int(first[a]), int(second[a]))
            for a, b in pairwise(ends)]  # fmt: skip
