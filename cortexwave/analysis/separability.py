"""Is the field separable: one smoothness in space for all frequencies?

The non-separability index compares power over |k| and frequency with a product of one
profile over |k| and one over frequency. A dispersion relation is not separable; but
neither is any field that is smoother at low than at high frequencies, as the LFP is.
Two sources that do not travel, one slow and wide, one fast and narrow, are rejected
nearly always. A rejection is worded "not separable in space and time", and is no
evidence of propagation: for that see `cortexwave.analysis.net_lags`.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from cortexwave.analysis.covariance_surrogates import separable
from cortexwave.analysis.segment_spectra import (
    Segments,
    segments_of,
    transformed,
)
from cortexwave.analysis.sites import (
    Sites,
    frames_of,
    live_sites,
    picked,
    sampling_rate,
    sites_of,
)
from cortexwave.errors import InputError

_FEWEST = 4  # frequencies and wavenumbers: fewer do not show a product
_DIRECTIONS = 16


def separability(
    recording: xr.Dataset,
    *,
    band: tuple[float, float],
    seed: int,
    variable: str | None = None,
    count: int = 199,
    alpha: float = 0.05,
) -> xr.Dataset:
    """Non-separability index of a broad band (Hz) against separable noise.

    Scalars, or over `feature`: `nsi` (0: a product, towards 1: no product at all),
    `nsi_chance` (mean over `count` surrogates of one spatial covariance and one
    spectrum), `z`, `p`, and `verdict`: "not separable in space and time" or "separable,
    as far as is seen" at `alpha`. Any layout of 9 or more electrodes; missing sites
    are left out. In a narrow band space and time cannot be told to be coupled: four
    frequencies of a segment (2 to 4 cycles of the lower end) must lie in it.
    """
    values = picked(recording, variable)
    sites, rate = sites_of(values), sampling_rate(values)
    cut = segments_of(values, rate, band, None)
    if cut.frequencies.size < _FEWEST:
        raise InputError(
            f"band {band[0]:g} to {band[1]:g} Hz holds {cut.frequencies.size} "
            f"frequencies of a segment of {cut.seconds:.3g} s; {_FEWEST} are needed to "
            "see whether space and time are coupled"
        )
    if count < 19:
        raise InputError(f"count is {count}; p below 0.05 needs 19 surrogates or more")
    frames = frames_of(values)
    rows = [
        _tested(frames[:, feature], cut, sites, str(values.name),
                count=count, seed=seed + feature, alpha=alpha)
        for feature in range(frames.shape[1])
    ]  # fmt: skip
    dims = ("feature",) if "feature" in values.dims else ()
    found = {
        name: xr.Variable(dims, [row[name] for row in rows] if dims else rows[0][name],
                          {} if name == "verdict" else {"units": "1"})
        for name in rows[0]
    }  # fmt: skip
    attributes = {
        "variable": str(values.name), "band": [float(end) for end in band],
        "count": count, "seed": seed, "alpha": alpha,
        "null": "one spatial covariance times one spectrum (N4)",
    }  # fmt: skip
    coords = {"feature": values["feature"]} if "feature" in values.coords else {}
    return xr.Dataset(found, coords, attributes)


def _tested(
    field: np.ndarray, cut: Segments, sites: Sites, name: str,
    *, count: int, seed: int, alpha: float,
) -> dict:  # fmt: skip
    live = live_sites(field)
    if live.sum() < 9:
        raise InputError(f"field '{name}' has {int(live.sum())} sites that are neither "
                         "missing nor constant; separability needs 9")  # fmt: skip
    known = field[..., live]
    if not np.isfinite(known).all():
        raise InputError(f"field '{name}': some values of live sites are missing; "
                         "choose times and sites that have them")  # fmt: skip
    known = known - known.mean(axis=(0, 1))
    into, rings = _rings(sites.positions[live], sites.pitch)

    def index(values: np.ndarray) -> float:
        return non_separability(_power(values, cut, into, rings))

    observed = index(known)
    seeds = np.random.SeedSequence(seed).generate_state(count).tolist()
    made = np.array([index(separable(known, each)) for each in seeds])
    p = (1 + int(np.sum(made >= observed))) / (1 + count)
    spread = made.std(ddof=1)
    return {
        "nsi": observed, "nsi_chance": made.mean(),
        "z": (observed - made.mean()) / spread if spread > 0 else np.nan, "p": p,
        "verdict": "not separable in space and time" if p <= alpha
        else "separable, as far as is seen",
    }  # fmt: skip


def non_separability(power: np.ndarray) -> float:
    """1 - s_1^2 / sum of s_i^2, of power (|k|, frequency) over roots of its margins.

    s are singular values. Divided by the roots of its row and column sums a product
    a(k) b(f) has one singular value and the index is 0.
    """
    rows, columns = power.sum(axis=1, keepdims=True), power.sum(axis=0, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        even = np.where(rows * columns > 0, power / np.sqrt(rows * columns), 0.0)
    square = np.linalg.svd(even, compute_uv=False) ** 2
    return float(1 - square[0] / square.sum()) if square.sum() > 0 else np.nan


def _rings(places: np.ndarray, pitch: float) -> tuple[np.ndarray, int]:
    """Waves (site, wave) of wavenumbers on rings, from 0 up to pi / pitch rad/mm.

    Rings are half a cycle of the array apart. Any layout will do: power at a wavenumber
    is the squared sum over sites, as of an array with holes.
    """
    extent = max(float(np.ptp(places, axis=0).max()), pitch)
    count = int(np.clip(round(extent / pitch), _FEWEST - 1, 16))
    radius = np.arange(count + 1) * np.pi / pitch / count
    angle = np.arange(_DIRECTIONS) * 2 * np.pi / _DIRECTIONS
    unit = np.stack([np.cos(angle), np.sin(angle)])
    k = radius[:, None, None] * unit  # (ring, axis, direction)
    return np.exp(1j * (places @ k)).transpose(1, 0, 2).reshape(
        len(places), -1
    ), count + 1  # fmt: skip


def _power(
    values: np.ndarray, cut: Segments, into: np.ndarray, rings: int
) -> np.ndarray:
    """Power (|k|, frequency) of segments of (trial, time, site)."""
    length = cut.each * cut.frames
    found = transformed(
        values[:, :length].reshape(-1, cut.frames, values.shape[2]), cut
    )  # (segment, taper, frequency, site)
    strength = np.zeros((cut.frequencies.size, into.shape[1]))
    for segment in found:
        strength += np.sum(np.abs(segment @ into) ** 2, axis=0)
    return strength.reshape(-1, rings, _DIRECTIONS).sum(axis=2).T
