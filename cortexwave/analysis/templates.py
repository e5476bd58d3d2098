"""Phase maps of the waves that have names, and how well each frame follows one of them.

A template is a lag phi(r) at every site; a frame of phases follows it as far as
|mean over sites of exp(i (phase + phi))| is near 1: 1 for the wave itself, about
1 / sqrt(sites) for phases that know nothing of it. Lags, with theta and r about a
centre: plane k . r; source k r; sink -k r; rotating +-theta; spiral +-theta +- k r;
synchronous 0. All templates of an array stand in one matrix, so that all frames are
held against them in one product; dead sites are left out, and sites need not stand on
a lattice.

The best template of a kind only says roughly where and how long the wave is;
`cortexwave.analysis.following` makes it exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cortexwave.analysis.mirrored import Mirrored
from cortexwave.errors import InputError

TRAVELLING = ("plane", "source", "sink", "rotating", "spiral")
KINDS = (*TRAVELLING, "synchronous")
LEAST_SITES = 9
_CENTRES = 7  # along each axis; between them the score falls by some 2 %
_MOST_TURNS = 6  # half wavelengths across the array of curved waves
_BLOCK = 2**19  # numbers held at a time while frames meet templates


@dataclass(frozen=True)
class Bank:
    """Templates of one array. `positions` (site, 2) are those of its live sites, in mm.

    Row j is the template of kind `KINDS[kind[j]]`: lag = wave . (r - middle)
    + charge * theta + radial * |r - centre|, theta and |r - centre| about `centre`.
    """

    positions: np.ndarray
    middle: np.ndarray  # (2,) mm
    kind: np.ndarray  # (template,) int
    wave: np.ndarray  # (template, 2) rad/mm
    centre: np.ndarray  # (template, 2) mm
    charge: np.ndarray  # (template,) -1, 0, 1
    radial: np.ndarray  # (template,) rad/mm
    matrix: np.ndarray  # (site, template) complex64: exp(i lag) / sites
    mirrored: Mirrored  # the same, each lag beside the one of the other sign
    highest: np.ndarray  # (2,) rad/mm that are looked for along x and y

    def scores(self, phasors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Best score of every kind and its template, each (frame, kind).

        `phasors` (frame, site) are exp(i phase) of the live sites.
        """
        powers, which = self.mirrored.greatest(phasors, self.kind, len(KINDS))
        return np.sqrt(powers), which


def lags(
    positions: np.ndarray,
    *,
    middle: np.ndarray,
    wave: np.ndarray,
    centre: np.ndarray,
    charge: np.ndarray,
    radial: np.ndarray,
) -> np.ndarray:
    """Lag phi in rad of each site (site, template), as `Bank` has it."""
    apart = positions[:, None] - centre[None]
    distance = np.hypot(apart[..., 0], apart[..., 1])
    angle = np.arctan2(apart[..., 1], apart[..., 0])
    return (positions - middle) @ wave.T + charge * angle + radial * distance


def template_bank(
    positions: np.ndarray,
    *,
    pitch: tuple[float, float],
    shortest: float | None = None,
) -> Bank:
    """The templates of an array whose live sites stand at `positions` (site, 2) in mm.

    Wavelengths reach from `shortest` mm (4 pitches along x and along y, below which a
    wave is hard to tell from its alias) to four times the array, beyond which a plane
    wave changes by less than a quarter of a cycle across it. Raises `InputError` below
    9 sites, and for a `shortest` below two pitches, where a wave is its own alias, or
    beyond twice the array, where no template of a plane would be left.
    """
    if len(positions) < LEAST_SITES:
        raise InputError(
            f"{len(positions)} live sites; waves of several kinds need at least "
            f"{LEAST_SITES}"
        )
    low, high = positions.min(axis=0), positions.max(axis=0)
    extent = high - low + np.array(pitch)
    least, most = 2 * max(pitch), 2 * float(extent.max())
    if shortest is not None and not (
        least * (1 - 1e-9) <= shortest <= most * (1 + 1e-9)
    ):
        raise InputError(
            f"shortest is {shortest:g} mm; here it can be {least:.4g} mm, two pitches "
            f"of the sites that waves are told from, to {most:.4g} mm, twice the array"
        )
    highest = (
        2
        * np.pi
        / np.array([4 * each if shortest is None else shortest for each in pitch])
    )
    parts = [_planes(extent, highest), *_curved(low, high, extent, highest),
             _one("synchronous")]  # fmt: skip
    kind, wave, centre, charge, radial = (
        np.concatenate([part[k] for part in parts]) for k in range(5)
    )
    middle = (low + high) / 2
    matrix = np.empty((len(positions), len(kind)), dtype=np.complex64)
    size = max(1, _BLOCK // len(positions))
    for part in (slice(k, k + size) for k in range(0, len(kind), size)):
        lag = lags(positions, middle=middle, wave=wave[part], centre=centre[part],
                   charge=charge[part], radial=radial[part])  # fmt: skip
        matrix[:, part] = np.exp(1j * lag) / len(positions)
    forms = np.column_stack([wave, charge, radial])
    mirrored = Mirrored.of(matrix, forms, centre)
    return Bank(positions, middle, kind, wave, centre, charge, radial, matrix,
                mirrored, highest)  # fmt: skip


_Part = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _planes(extent: np.ndarray, highest: np.ndarray) -> _Part:
    """Wave vectors half a cycle across the array apart, without the longest ones."""
    axes = []
    for across, most_of in zip(extent, highest, strict=True):
        step = np.pi / across
        most = int(most_of / step * (1 + 1e-9))
        axes.append(step * np.arange(-most, most + 1))
    waves = np.stack([each.ravel() for each in np.meshgrid(*axes)], axis=-1)
    length = np.hypot(*(waves / highest).T)  # 1 at the limit
    change = np.hypot(*(waves * extent).T)  # rad across the array
    waves = waves[(length <= 1 + 1e-9) & (change >= np.pi / 2)]
    count = len(waves)
    return (np.full(count, KINDS.index("plane")), waves, np.zeros((count, 2)),
            np.zeros(count), np.zeros(count))  # fmt: skip


def _curved(
    low: np.ndarray, high: np.ndarray, extent: np.ndarray, highest: np.ndarray
) -> list[_Part]:
    axes = [np.linspace(a, b, _CENTRES if b > a else 1)
            for a, b in zip(low, high, strict=True)]  # fmt: skip
    centres = np.stack([each.ravel() for each in np.meshgrid(*axes)], axis=-1)
    step = np.pi / extent.max()
    most = min(_MOST_TURNS, max(1, int(highest.min() / step)))
    turns = np.arange(1, most + 1) * step
    # a spiral of less than a cycle across the array is a rotation, or a radial wave
    wound = turns[1:]
    return [
        _about(centres, "source", [(0, k) for k in turns]),
        _about(centres, "sink", [(0, -k) for k in turns]),
        _about(centres, "rotating", [(1, 0.0), (-1, 0.0)]),
        _about(centres, "spiral",
               [(q, s * k) for q in (1, -1) for s in (1, -1) for k in wound]),
    ]  # fmt: skip


def _about(centres: np.ndarray, kind: str, forms: list[tuple[int, float]]) -> _Part:
    count = len(centres) * len(forms)
    charge, radial = (np.repeat(values, len(centres)) for values in
                      (np.array(forms).reshape(-1, 2).T))  # fmt: skip
    return (np.full(count, KINDS.index(kind)), np.zeros((count, 2)),
            np.tile(centres, (len(forms), 1)), charge, radial)  # fmt: skip


def _one(kind: str) -> _Part:
    return (np.array([KINDS.index(kind)]), np.zeros((1, 2)), np.zeros((1, 2)),
            np.zeros(1), np.zeros(1))  # fmt: skip
