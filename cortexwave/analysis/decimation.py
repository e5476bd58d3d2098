"""The decimation test: are plane waves the same when every second site is left out?

Those of waves sampled well are; those of waves folded once (fewer than 2 pitches per
wavelength) turn round or change their length. Passing is necessary, not sufficient:
see `aliasing`.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from cortexwave.analysis.crossings import is_wave_field
from cortexwave.analysis.plane_fit import fit_plane
from cortexwave.analysis.sites import Sites, frames_of, sites_of
from cortexwave.errors import InputError

_ACROSS = 0.25  # cycles across the array that make a direction
_PLANE = 0.7  # resultant of what a plane leaves, of frames that are tested
_THINNED = 1.5  # pitches between scattered electrodes that are kept
_FRAMES = 400  # of scattered electrodes, for which a plane is searched


def largest_pitch(sites: Sites) -> float:
    """Distance of neighbours in mm; of a lattice along the axis where it is larger."""
    if sites.shape is None or sites.spacing is None:
        return sites.pitch
    axes = zip(sites.spacing, sites.shape, strict=True)
    return max(abs(step) for step, count in axes if count > 1)


def decimation_test(
    field: xr.Dataset,
    *,
    direction_tolerance: float = 15.0,
    wavenumber_tolerance: float = 0.2,
) -> xr.Dataset:
    """Whether plane waves stay the same when every second site is left out.

    Over `dropped`: on a lattice every second site along "x", along "y", along "both"
    (each of the two halves that this leaves); of scattered electrodes all that are
    nearer than 1.5 pitches to one that is kept, begun at the left ("from left") and
    at the right. `surviving` is the share of frames whose direction changes by at most
    `direction_tolerance` deg and |k| by at most `wavenumber_tolerance` of it,
    `direction_change` (deg) and `wavenumber_change` (share) the medians.

    Frames count that are planes (resultant of the rest 0.7 or more), cross the array
    by a quarter of a cycle or more, and are `valid`; of scattered electrodes at most
    400 of them. attrs: `frames`, `apparent_wavelength` (mm): median of these frames,
    or, where fewer than a tenth are such, of neighbouring sites.

    On a lattice k is the angle of the mean product of neighbouring phasors; for
    scattered electrodes the plane is fitted with |k| up to pi / pitch of those kept.
    """
    if not is_wave_field(field):
        raise InputError("the decimation test needs phases: give a wave field")
    if not 0 < direction_tolerance < 180 or not 0 < wavenumber_tolerance < 1:
        raise InputError(
            f"tolerances are {direction_tolerance} deg and {wavenumber_tolerance}; "
            "they are in (0, 180) and (0, 1)"
        )
    sites = sites_of(field["phase"])
    frames = frames_of(field["phase"])
    if "valid" in field:
        frames = frames[:, :, field["valid"].values.astype(bool)]
    phasor = np.exp(1j * frames.reshape(-1, sites.count))  # (frame, site)
    total = len(phasor)
    if sites.shape is None:
        phasor = phasor[:: max(1, -(-len(phasor) // _FRAMES))]
        whole, halves = _thinned(phasor, sites)
    else:
        whole, halves = _decimated(phasor, sites)
    size = np.linalg.norm(whole, axis=1)
    width = float(np.ptp(sites.positions, axis=0).max())
    rest = _resultant(phasor, whole, sites)
    tested = (rest >= _PLANE) & (size * width >= _ACROSS)
    columns: dict[str, list[float]] = {
        "surviving": [], "direction_change": [], "wavenumber_change": []
    }  # fmt: skip
    for half in halves.values():
        turn = np.degrees(np.abs(np.angle(_complex(half) * _complex(whole).conj())))
        with np.errstate(invalid="ignore", divide="ignore"):
            change = np.abs(np.linalg.norm(half, axis=1) / size - 1)
        turn, change = turn[tested], change[tested]
        same = (turn <= direction_tolerance) & (change <= wavenumber_tolerance)
        none = float("nan")
        columns["surviving"].append(float(same.mean()) if same.size else none)
        columns["direction_change"].append(
            float(np.median(turn)) if same.size else none
        )
        columns["wavenumber_change"].append(
            float(np.median(change)) if same.size else none
        )
    units = {"direction_change": "deg"}
    enough = tested.any() and tested.sum() >= len(tested) / 10
    length = 1 / np.median(size[tested]) if enough else _local_length(phasor, sites)
    return xr.Dataset(
        {name: ("dropped", column, {"units": units.get(name, "1")})
         for name, column in columns.items()},
        {"dropped": list(halves)},
        {"frames": int(tested.sum()), "frames_given": total,
         "apparent_wavelength": float(length), "pitch": largest_pitch(sites),
         "direction_tolerance": direction_tolerance,
         "wavenumber_tolerance": wavenumber_tolerance},
    )  # fmt: skip


def _complex(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors[:, 0] + 1j * vectors[:, 1])


def _decimated(
    phasor: np.ndarray, sites: Sites
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """k (frame, 2) in cycles/mm of all sites, and with every second left out."""
    assert sites.shape is not None and sites.spacing is not None
    lattice = phasor.reshape(-1, *sites.shape)
    found = {}
    for axis, name, step in ((2, "x", sites.spacing[1]), (1, "y", sites.spacing[0])):
        for stride in (1, 2):
            found[name, stride] = _along(lattice, axis, stride) / step
    axes = [name for name, count in (("x", sites.shape[1]), ("y", sites.shape[0]))
            if count > 2]  # fmt: skip
    both = np.stack([found["x", 1], found["y", 1]], axis=-1)
    halves = {
        name: np.stack([found["x", 2 if "x" in which else 1],
                        found["y", 2 if "y" in which else 1]], axis=-1)
        for name, which in (("x", "x"), ("y", "y"), ("both", "xy"))
        if set(which) <= set(axes)
    }  # fmt: skip
    if not halves:
        raise InputError(
            f"a lattice of {sites.shape} sites is too small to leave every second out; "
            "it needs 3 along an axis"
        )
    return both, halves


def _along(lattice: np.ndarray, axis: int, stride: int) -> np.ndarray:
    """Phase lag in cycles per site along an axis, from sites `stride` apart."""
    count = lattice.shape[axis]
    if count <= stride:
        return np.zeros(len(lattice))
    near = np.take(lattice, range(count - stride), axis)
    far = np.take(lattice, range(stride, count), axis)
    product = np.nansum(near * far.conj(), axis=(1, 2))
    return np.asarray(np.angle(product) / (2 * np.pi * stride))


def _thinned(
    phasor: np.ndarray, sites: Sites
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """k (frame, 2) in cycles/mm of all electrodes, and of some far from each other."""
    live = np.flatnonzero(np.isfinite(phasor).any(axis=0))
    order = live[np.lexsort(sites.positions[live].T[::-1])]
    whole = _fitted(phasor, sites.positions, live, sites.pitch)
    halves = {}
    for name, given in (("from left", order), ("from right", order[::-1])):
        kept: list[int] = []
        for site in given:
            apart = np.linalg.norm(
                sites.positions[kept] - sites.positions[site], axis=1
            )
            if not np.any(apart < _THINNED * sites.pitch):
                kept.append(int(site))
        if len(kept) < 5:
            raise InputError(f"only {len(kept)} electrodes are left when near ones are "
                             "left out; a plane needs 5")  # fmt: skip
        gaps = np.linalg.norm(
            sites.positions[kept][:, None] - sites.positions[kept], axis=-1
        )
        pitch = float(np.median(np.where(gaps > 0, gaps, np.inf).min(axis=1)))
        halves[name] = _fitted(phasor, sites.positions, np.array(kept), pitch)
    return whole, halves


def _fitted(
    phasor: np.ndarray, positions: np.ndarray, kept: np.ndarray, pitch: float
) -> np.ndarray:
    fit = fit_plane(phasor[:, kept], positions[kept], longest_wavenumber=np.pi / pitch)
    return fit.k / (2 * np.pi)


def _resultant(phasor: np.ndarray, k: np.ndarray, sites: Sites) -> np.ndarray:
    """|mean exp(i (phase + 2 pi k.r))| of each frame, 1 for a plane."""
    made = np.zeros(len(phasor))
    for start in range(0, len(phasor), 4096):
        part = slice(start, start + 4096)
        waves = np.exp(2j * np.pi * (k[part] @ sites.positions.T))
        rest = phasor[part] * waves
        known = np.isfinite(rest)
        number = np.maximum(known.sum(axis=1), 1)
        made[part] = np.abs(np.where(known, rest, 0).sum(axis=1)) / number
    return made


def _local_length(phasor: np.ndarray, sites: Sites) -> float:
    """Median wavelength (mm) of the steps of phase between neighbouring sites."""
    if sites.shape is None or sites.spacing is None:
        return float("nan")
    lattice = phasor.reshape(-1, *sites.shape)
    rows, columns = sites.shape
    corner = lattice[:, : max(1, rows - 1), : max(1, columns - 1)]
    size = np.zeros(corner.shape)
    if columns > 1:
        step = np.angle(lattice[:, : corner.shape[1], 1:] * corner.conj())
        size = size + (step / (2 * np.pi * sites.spacing[1])) ** 2
    if rows > 1:
        step = np.angle(lattice[:, 1:, : corner.shape[2]] * corner.conj())
        size = size + (step / (2 * np.pi * sites.spacing[0])) ** 2
    known = size[np.isfinite(size)]
    middle = float(np.sqrt(np.median(known))) if known.size else 0.0
    return 1 / middle if middle > 1e-9 else float("nan")
