"""Electrodes of a table with a header: .csv, .tsv, and electrodes.tsv of BIDS."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np

from cortexwave.errors import InputError
from cortexwave.lab.contact_units import LENGTHS, check_apart
from cortexwave.lab.electrodes import Electrodes, electrodes_at, pitch_of
from cortexwave.lab.map_files import electrodes_from, map_text

_MISSING = ("", "n/a", "nan", "na")
_WITH_UNIT = re.compile(r"\s*(label|name|x|y|z|size)\s*(?:[_\s]?[\[(]?(um|µm|mm|cm|m)"
                        r"[\])]?)?\s*", re.IGNORECASE)  # fmt: skip


def read_table(path: str | Path, *, unit: str | None = None) -> Electrodes:
    """Electrodes of a table with a header: tabs in .tsv (as BIDS has it), else commas.

    Columns: `label` or `name`, `x`, `y`, and if there are any `z`, `size` (of the
    contact; a diameter, or without a unit an area in mm^2 as in BIDS), `array`. A
    column names its unit as in x_mm, "x (um)"; else it is `unit`, or that of the
    coordsystem.json beside electrodes.tsv. Without any it is mm, and refused where
    the pitch is then below 0.02 or above 30 mm. "n/a" is a place that is not known.
    """
    path = Path(path)
    if unit is not None and unit not in LENGTHS:
        raise InputError(
            f"unit of {path.name} is {unit!r}; it is one of {list(LENGTHS)}"
        )
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    rows = list(csv.reader(map_text(path).splitlines(), delimiter=separator))
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if not rows:
        raise InputError(f"{path}: it is empty; a header and electrodes are due")
    unit = unit or _unit_beside(path)
    columns, scales, named = _header(path, rows[0], unit)
    labels, arrays, sizes = [], [], []
    at = np.full((len(rows) - 1, 3), np.nan)
    for k, row in enumerate(rows[1:]):
        if len(row) != len(rows[0]):
            raise InputError(
                f"{path}, row {k + 2}: {len(row)} cells under {len(rows[0])} headings"
            )
        labels.append(row[columns["label"]].strip())
        for axis, name in enumerate("xyz"):
            if name in columns:
                at[k, axis] = scales[name] * _number(
                    path, k + 2, name, row[columns[name]]
                )
        if "size" in columns:
            size = _number(path, k + 2, "size", row[columns["size"]])
            is_area = np.isnan(scales["size"])
            sizes.append(
                2 * np.sqrt(size / np.pi) if is_area else scales["size"] * size
            )
        arrays.append(row[columns["array"]].strip() if "array" in columns else "")
    if not labels:
        raise InputError(f"{path}: a header, but no electrode below it")
    at[~np.isfinite(at[:, :2]).all(axis=1)] = np.nan
    check_apart(pitch_of(at, arrays), at, str(path), named=named)
    known = [size for size in sizes if np.isfinite(size)]
    usual = float(np.median(known)) if known else 0.0
    return electrodes_from(
        path, lambda: electrodes_at(labels, at, size=usual, arrays=arrays)
    )


def _header(
    path: Path, row: list[str], unit: str | None
) -> tuple[dict[str, int], dict[str, float], bool]:
    """Where each column stands, mm in one of its unit, whether that of x was named."""
    columns: dict[str, int] = {}
    scales: dict[str, float] = {}
    named = unit is not None
    for k, text in enumerate(row):
        match = _WITH_UNIT.fullmatch(text.lstrip("\ufeff"))
        if match is None:
            if text.strip().lower() == "array":
                columns["array"] = k
            continue
        name = {"name": "label"}.get(match[1].lower(), match[1].lower())
        if name in columns:
            raise InputError(f"{path}: '{name}' heads two columns")
        columns[name] = k
        found = (match[2] or unit or "mm").lower().replace("µ", "u")
        if match[2] and unit and found != unit:
            raise InputError(
                f"{path}: '{text}' is in {found}, but unit '{unit}' was given"
            )
        scales[name] = LENGTHS[found]
        named |= name == "x" and match[2] is not None
        if name == "size" and match[2] is None:
            scales[name] = np.nan  # an area in mm^2, as in BIDS
    missing = [name for name in ("label", "x", "y") if name not in columns]
    if missing:
        raise InputError(
            f"{path}: no column {', '.join(missing)}; its header is "
            f"{', '.join(row)[:120]}; due are label (or name), x and y, with their "
            "unit as in x_mm"
        )
    return columns, scales, named


def _number(path: Path, row: int, name: str, text: str) -> float:
    if text.strip().lower() in _MISSING:
        return np.nan
    try:
        value = float(text)
    except ValueError:
        value = np.inf
    if not np.isfinite(value):
        raise InputError(
            f"{path}, row {row}: {name} is '{text.strip()[:40]}', no number"
        )
    return value


def _unit_beside(path: Path) -> str | None:
    """The unit in the coordsystem.json that BIDS puts beside electrodes.tsv."""
    beside = path.with_name(path.name.replace("electrodes.tsv", "coordsystem.json"))
    if beside == path or not beside.is_file():
        return None
    try:
        said = json.loads(map_text(beside))
    except ValueError as error:
        raise InputError(f"{beside}: it is no JSON ({error})") from error
    unit = said.get("iEEGCoordinateUnits") if isinstance(said, dict) else None
    if unit == "pixels":
        raise InputError(f"{path}: its places are pixels ({beside.name}), no lengths")
    return unit if unit in LENGTHS else None
