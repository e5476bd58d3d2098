"""Places of contacts in mm, from units that fit an array and units that cannot."""

from __future__ import annotations

import numpy as np

from cortexwave.errors import InputError

CLOSEST, WIDEST = 0.01, 100.0  # mm; no array has its contacts closer or wider
LENGTHS = {"um": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1000.0}  # mm
_LIKELY = (0.02, 30.0)  # mm apart, where nobody named the unit


def positions_in_mm(
    positions: np.ndarray, unit: str, *, span: tuple[float, float] = (0.0, np.inf)
) -> np.ndarray:
    """(contact, 3) mm of positions (contact, 2 or 3) in a unit of length.

    Raises `InputError` where the pitch (median distance to the nearest contact) is
    outside 0.01 to 100 mm, or the largest extent along an axis outside `span` (mm):
    the unit is then wrong, and the message says which would fit.
    """
    given = np.full((len(positions), 3), np.nan)
    given[:, : np.shape(positions)[1]] = positions
    known = given[np.isfinite(given[:, :2]).all(axis=1)]
    places = np.unique(np.where(np.isfinite(known), known, 0.0), axis=0)  # z absent: 0
    if len(places) < 2:
        return given * LENGTHS[unit]
    pitch, extent = _pitch(places), float(np.ptp(places, axis=0).max())
    fits = {
        name: pitch * factor for name, factor in LENGTHS.items()
        if CLOSEST <= pitch * factor <= WIDEST
        and span[0] <= extent * factor <= span[1]
    }  # fmt: skip
    if unit in fits:
        return given * LENGTHS[unit]
    factor = LENGTHS[unit]
    better = " or ".join(f"{name} ({at:.3g} mm)" for name, at in fits.items())
    raise InputError(
        f"positions in {unit} put contacts {pitch * factor:.3g} mm apart over "
        f"{extent * factor:.3g} mm, which is no array "
        f"(apart {CLOSEST:g} to {WIDEST:g} mm"
        + (f", over {span[0]:g} to {span[1]:g} mm" if span[0] else "") + "); "
        + (f"they would fit in {better}" if better else "no unit of length would fit")
    )  # fmt: skip


def _pitch(places: np.ndarray) -> float:
    """Median distance to the nearest other contact, in the unit of the places."""
    from scipy.spatial import cKDTree

    return float(np.median(cKDTree(places).query(places, k=2)[0][:, 1]))


def check_apart(
    pitch: float, positions: np.ndarray, place: str, *, named: bool
) -> None:
    """`InputError` where contacts are too close or too far for positions (n, 3) in mm.

    Where no unit was `named`, less is believed, and the units that would fit are said.
    """
    low, high = (CLOSEST, WIDEST) if named else _LIKELY
    if np.isnan(pitch) or low <= pitch <= high:
        return
    if pitch == 0:
        raise InputError(f"{place}: contacts stand on one another, 0 mm apart")
    fits = [name for name, scale in LENGTHS.items() if low <= pitch * scale <= high]
    would = " or ".join(f"{pitch * LENGTHS[name]:g} mm in {name}" for name in fits)
    hint = "the unit that is named cannot be meant" if named else f"{would}: name it"
    flat = positions[:, :2]
    across = float(np.max(np.nanmax(flat, axis=0) - np.nanmin(flat, axis=0)))
    raise InputError(
        f"{place}: as mm, contacts are {pitch:g} mm apart, over {across:g} mm, which "
        f"is not {low:g} to {high:g} mm, as of an array; {hint}"
    )
