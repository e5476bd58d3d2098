"""Contacts of rows of an NWB electrodes table: labels, places in mm, which are bad."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy.spatial import cKDTree

from cortexwave.errors import InputError
from cortexwave.lab.nwb_values import column_of
from cortexwave.lab.signals import Contacts

PositionUnit = Literal["um", "mm", "m"]

_MM = {"um": 1e-3, "mm": 1.0, "m": 1e3}
_LABELS = ("label", "channel_name", "electrode_label", "electrode_name",
           "contact_name", "channel_label", "name")  # fmt: skip
_GOOD = ("good", "is_good", "valid", "valid_data", "is_valid")
_BAD = ("bad", "is_bad", "bad_channel", "is_bad_channel", "noisy", "is_noisy")
_STATUS = ("status", "channel_status", "quality")
_BAD_WORDS = ("bad", "noisy", "noise", "dead", "broken", "artifact", "poor")
_REASONS = ("bad_reason", "reason", "status_description")
# Numbers between neighbours that the schema's micrometres allow: 11 um to 20 mm. From
# 5 to 11 both a very dense probe in um and a grid on the cortex in mm are plausible;
# no array is wider than a head.
_LEAST, _DENSEST, _MOST = 11.0, 5.0, 20_000.0
_HEAD = 200.0  # mm


@dataclass(frozen=True)
class Places:
    """Positions (channel, 3) in mm, NaN where unknown, and where they are from."""

    positions: np.ndarray
    said: str


def contacts_of(
    table: Any, rows: np.ndarray, *, unit: PositionUnit | None
) -> tuple[Contacts, dict[str, str]]:
    """Contacts of rows (numbers, not ids) of a table, and what the table says of all.

    `unit` is that of the positions; None finds it by the distance of neighbours.
    Raises `InputError` where a row is not in the table.
    """
    total = len(table.id)
    outside = rows[(rows < 0) | (rows >= total)]
    if outside.size:
        raise InputError(
            f"its electrodes name row {outside[0]} of a table of {total} rows"
        )
    arrays = _arrays(table, rows)
    places = _places(table, rows, arrays, unit)
    good, reason = _judged(table, rows)
    labels, doubt = _labels(table, rows, arrays)
    contacts = replace(
        Contacts.named(labels, places.positions),
        array=tuple(arrays), good=good, reason=tuple(reason),
    )  # fmt: skip
    said = {"positions": places.said} | ({"labels": doubt} if doubt else {})
    for attribute, column in (("reference", "reference"),
                              ("hardware_filter", "filtering"),
                              ("location", "location")):  # fmt: skip
        found = sorted(set(_texts(table, column, rows) or ()) - {"", "unknown"})
        if found:
            said[attribute] = "; ".join(found[:8])
    return contacts, said


def _column(table: Any, name: str, rows: np.ndarray) -> np.ndarray | None:
    """A plain column of a table at some rows; None where it has none."""
    if name not in table.colnames:
        return None
    column = table[name]
    if hasattr(column, "target"):  # ragged
        return None
    values = column_of(column.data)
    return values[rows] if values.ndim == 1 else None


def _texts(table: Any, name: str, rows: np.ndarray) -> list[str] | None:
    values = _column(table, name, rows)
    if values is None:
        return None
    return [value.decode(errors="replace") if isinstance(value, bytes) else str(value)
            for value in values.tolist()]  # fmt: skip


def _arrays(table: Any, rows: np.ndarray) -> list[str]:
    names = _texts(table, "group_name", rows)
    if names is not None:
        return names
    if "group" not in table.colnames:
        return [""] * rows.size
    groups = table["group"].data
    return [str(getattr(groups[int(row)], "name", "")) for row in rows]


def _labels(table: Any, rows: np.ndarray, arrays: list[str]) -> tuple[list[str], str]:
    """Labels that stand once each, and what is to be said of them, or "".

    Of several columns the first whose labels tell channels apart, alone or with the
    array before them; ids, or rows, where a table's own do not.
    """
    tried: list[list[str]] = []
    column = ""
    for name in _LABELS:
        own = _texts(table, name, rows)
        if own is not None and all(own):
            column = column or name
            tried += [own, [f"{array}:{label}" for array, label
                            in zip(arrays, own, strict=True)]]  # fmt: skip
    tried.append([str(value) for value in column_of(table.id.data)[rows].tolist()])
    tried.append([str(row) for row in rows.tolist()])
    own_labels = len(tried) - 2
    for number, labels in enumerate(tried):
        if len(set(labels)) == len(labels):
            twice = column and number >= own_labels
            kind = ("ids", "row numbers")[max(number - own_labels, 0)]
            return labels, (
                f"those of the column '{column}' stand twice; {kind} of the table are "
                "taken" if twice else ""
            )  # fmt: skip
    raise InputError("its electrodes name a row of the table twice")


def _judged(table: Any, rows: np.ndarray) -> tuple[np.ndarray, list[str]]:
    good = np.ones(rows.size, dtype=bool)
    reason = [""] * rows.size
    told = (_texts(table, name, rows) for name in _REASONS)
    given = next((found for found in told if found is not None), None)
    for name in (*_GOOD, *_BAD, *_STATUS):
        values = _column(table, name, rows)
        if values is None:
            continue
        if values.dtype.kind in "biuf":
            if name in _STATUS:
                continue
            known = np.isfinite(values.astype(float))
            bad = known & ((values == 0) if name in _GOOD else (values == 1))
        else:
            words = [text.strip().lower() for text in _texts(table, name, rows) or ()]
            no, yes = ("false", "no", "0"), ("true", "yes", "1")
            bad = np.isin(words, _BAD_WORDS if name in _STATUS
                          else no if name in _GOOD else yes)  # fmt: skip
        for at in np.flatnonzero(bad & good):
            own = given[at] if given is not None and given[at] else ""
            reason[at] = own or f"the file says {name} = {values[at]}"
        good &= ~bad
    return good, reason


def _places(
    table: Any, rows: np.ndarray, arrays: list[str], unit: PositionUnit | None
) -> Places:
    """Of the columns rel_x, rel_y (rel_z), or x, y, z: the first that tell contacts
    apart, in mm."""
    faults = []
    for names in (("rel_x", "rel_y", "rel_z"), ("x", "y", "z")):
        columns = [_column(table, name, rows) for name in names]
        if columns[0] is None or columns[1] is None:
            continue
        if any(each is not None and each.dtype.kind not in "iuf" for each in columns):
            faults.append(f"{names[0]}, {names[1]} are not numbers")
            continue
        nowhere = np.full(rows.size, np.nan)
        raw = np.stack([nowhere if each is None else each.astype(float)
                        for each in columns], axis=1)  # fmt: skip
        raw[~np.isfinite(raw)] = np.nan
        given = [name for name, column in zip(names, raw.T, strict=True)
                 if np.isfinite(column).any()]  # fmt: skip
        if len(given) < 2 or names[0] not in given or names[1] not in given:
            faults.append(f"{names[0]}, {names[1]} are NaN")
            continue
        found = _in_mm(raw, arrays, unit, ", ".join(given))
        if isinstance(found, Places):
            return found
        faults.append(found)
    return Places(
        np.full((rows.size, 3), np.nan),
        "unknown: " + ("; ".join(faults) or "the electrodes table has none"),
    )


def _in_mm(
    raw: np.ndarray, arrays: list[str], unit: PositionUnit | None, names: str
) -> Places | str:
    """Positions in mm, or why they cannot be."""
    if unit is not None:
        return Places(raw * _MM[unit], f"{names} in {unit}, as was asked")
    known = np.isfinite(raw[:, :2]).all(axis=1)
    if known.sum() < 2:
        return Places(raw * _MM["um"], f"{names} in um (of one contact: not checked)")
    pitch, extent = _pitch(np.nan_to_num(raw[known]), np.array(arrays)[known])
    if not pitch:
        return f"{names} put all contacts at one place"
    found = _plausible(pitch, extent)
    if found is None:
        return (f"{names} put neighbours {pitch:g} apart, which is plausible in none "
                "of um, mm, m (position_unit says which)")  # fmt: skip
    apart = f"neighbours {_MM[found] * pitch:g} mm apart"
    if found == "um":
        return Places(raw * _MM["um"], f"{names} in um, {apart}")
    return Places(
        raw * _MM[found],
        f"{names} taken as {found}, {apart}: the {pitch:g} um of the schema are "
        "implausible",
    )


def _pitch(places: np.ndarray, arrays: np.ndarray) -> tuple[float, float]:
    """Median distance to the nearest other place of an array; the widest array."""
    nearest: list[float] = []
    extent = 0.0
    for array in sorted(set(arrays.tolist())):
        own = np.unique(places[arrays == array], axis=0)
        if len(own) < 2:
            continue
        nearest += cKDTree(own).query(own, k=2)[0][:, 1].tolist()
        extent = max(extent, float(np.linalg.norm(np.ptp(own, axis=0))))
    return (float(np.median(nearest)) if nearest else 0.0), extent


def _plausible(pitch: float, extent: float) -> PositionUnit | None:
    if _LEAST <= pitch <= _MOST:
        return "um"
    if _DENSEST <= pitch < _LEAST and extent > _HEAD:
        return "um"
    if _LEAST * 1e-3 <= pitch < _LEAST:
        return "mm"
    if _LEAST * 1e-6 <= pitch < _LEAST * 1e-3:
        return "m"
    return None
