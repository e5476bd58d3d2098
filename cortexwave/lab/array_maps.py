"""Electrode maps: the contacts of arrays with their places, named or read from a file.

`electrode_map` takes what a person would write: "utah_10x10", "8x8 0.4 mm", (rows,
columns, pitch), or a file (.cmp, .tsv, .csv, probeinterface's .json, a recording's
.h5). Lab files and `observe` share the `Electrodes` that come of it. Rows rise with y,
columns with x.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from cortexwave.errors import InputError
from cortexwave.lab.electrodes import (
    Electrodes,
    Shape,
    electrodes_at,
    electrodes_in,
    pitch_of,
)
from cortexwave.units import quantity

UNITS = {"m": 1e3, "cm": 10.0, "mm": 1.0, "um": 1e-3}  # mm in one of each
SANE_PITCH = (0.01, 100.0)  # mm; contacts closer or farther are a wrong unit
_LIKELY_PITCH = (0.02, 30.0)  # mm; where nobody named the unit
_LARGEST_FILE = 16 << 20  # bytes; maps of thousands of contacts take a few hundred kB
_MISSING = ("", "n/a", "nan", "na")
_PLAIN = re.compile(r"\s*(\d{1,4})\s*x\s*(\d{1,4})\s+(.+)")
_WITH_UNIT = re.compile(r"\s*(label|name|x|y|z|size)\s*(?:[_\s]?[\[(]?(um|µm|mm|cm|m)"
                        r"[\])]?)?\s*", re.IGNORECASE)  # fmt: skip


def plain_array(rows: int, columns: int, pitch: float) -> Electrodes:
    """A full array of rows (along y) and columns (along x), `pitch` mm apart.

    Labels "r0c0" count from the corner at (0, 0).
    """
    if rows < 1 or columns < 1 or rows * columns > 1_000_000:
        raise InputError(f"an array of {rows} x {columns}; both are at least 1")
    if not 0 < pitch < np.inf:
        raise InputError(f"pitch of an array is {pitch} mm, not positive and finite")
    return _rows_and_columns(rows, columns, pitch, absent=())


def _utah_10x10() -> Electrodes:
    """96 contacts of a 10 x 10 Utah array, 0.4 mm apart; its corners are absent."""
    return _rows_and_columns(10, 10, 0.4, absent=((0, 0), (0, 9), (9, 0), (9, 9)))


BUILT_IN = {"utah_10x10": _utah_10x10}


def _rows_and_columns(
    rows: int, columns: int, pitch: float, absent: Sequence[tuple[int, int]]
) -> Electrodes:
    taken = [
        (r, c) for r in range(rows) for c in range(columns) if (r, c) not in absent
    ]
    at = np.array([(c * pitch, r * pitch, np.nan) for r, c in taken])
    labels = tuple(f"r{r}c{c}" for r, c in taken)
    return Electrodes(labels, at, float(pitch) if len(taken) > 1 else np.nan)


def electrode_map(
    what: str | Path | tuple[int, int, float] | Electrodes,
    *,
    pitch: float | None = None,
    unit: str | None = None,
) -> Electrodes:
    """Electrodes of a name, of (rows, columns, pitch in mm), or of a map's file.

    A text may be "8x8 0.4 mm". `pitch` (mm) is for .cmp maps, which have no distances;
    `unit` for tables whose header names none.
    """
    if isinstance(what, Electrodes):
        return what
    if isinstance(what, tuple):
        if len(what) != 3:
            raise InputError(f"an array is (rows, columns, pitch in mm), not {what!r}")
        return plain_array(*what)
    text = str(what)
    if text in BUILT_IN:
        return BUILT_IN[text]()
    plain = _PLAIN.fullmatch(text)
    if plain:
        return plain_array(int(plain[1]), int(plain[2]), quantity(plain[3], "mm"))
    path = Path(what)
    suffix = path.suffix.lower()
    if suffix == ".cmp":
        if pitch is None:
            raise InputError(
                f"{path}: a .cmp map has rows and columns but no distances; give "
                "`pitch` in mm (0.4 of a Utah array)"
            )
        return read_cmp(path, pitch=pitch)
    if suffix in (".tsv", ".csv"):
        return read_table(path, unit=unit)
    if suffix == ".json":
        return read_probe(path)
    if suffix == ".h5":
        return electrodes_in(path)
    raise InputError(
        f"'{text}' names no electrodes; it is one of {', '.join(BUILT_IN)}, such as "
        "'8x8 0.4 mm', or a file (.cmp, .tsv, .csv, probeinterface's .json, a "
        "recording's .h5)"
    )


def read_cmp(path: str | Path, *, pitch: float) -> Electrodes:
    """Electrodes of a Blackrock .cmp map, `pitch` mm apart.

    Text: // begins a comment; one line of description; then `col row bank elec label`,
    counted from 0, row 0 at the bottom, as y has it. Channels of a recording are found
    by the label.
    """
    path = Path(path)
    if not 0 < pitch < np.inf:
        raise InputError(f"pitch of {path.name} is {pitch} mm, not positive and finite")
    labels: list[str] = []
    places: dict[tuple[int, int], str] = {}
    described = False
    for number, line in enumerate(_text(path).splitlines(), start=1):
        words = line.split("//")[0].split()
        if not words:
            continue
        if not _is_site(words):
            if described or labels or words[0].isdecimal():
                raise InputError(
                    f"{path}, line {number}: '{line.strip()[:60]}' is not "
                    "`col row bank elec label`"
                )
            described = True
            continue
        place, label = (int(words[0]), int(words[1])), words[4]
        if place in places:
            raise InputError(
                f"{path}, line {number}: '{label}' stands at column {place[0]}, row "
                f"{place[1]}, where '{places[place]}' is"
            )
        places[place] = label
        labels.append(label)
    if not labels:
        raise InputError(f"{path}: no line `col row bank elec label` in it")
    at = np.array([(c * pitch, r * pitch, np.nan) for c, r in places])
    return _from_file(path, lambda: Electrodes(tuple(labels), at, float(pitch)))


def _is_site(words: list[str]) -> bool:
    return (
        len(words) >= 5
        and words[0].isdecimal() and words[1].isdecimal() and words[3].isdecimal()
        and max(len(words[0]), len(words[1])) <= 4
        and words[2].isalpha() and len(words[2]) <= 2
    )  # fmt: skip


def read_table(path: str | Path, *, unit: str | None = None) -> Electrodes:
    """Electrodes of a table with a header: tabs in .tsv (as BIDS has it), else commas.

    Columns: `label` or `name`, `x`, `y`, and if there are any `z`, `size` (of the
    contact; a diameter, or without a unit an area in mm^2 as in BIDS), `array`. A
    column names its unit as in x_mm, "x (um)"; else it is `unit`, or that of the
    coordsystem.json beside electrodes.tsv. Without any it is mm, and refused where
    the pitch is then below 0.02 or above 30 mm. "n/a" is a place that is not known.
    """
    path = Path(path)
    if unit is not None and unit not in UNITS:
        raise InputError(f"unit of {path.name} is {unit!r}; it is one of {list(UNITS)}")
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    rows = list(csv.reader(_text(path).splitlines(), delimiter=separator))
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
    _check_pitch(pitch_of(at, arrays), at, str(path), named=named)
    known = [size for size in sizes if np.isfinite(size)]
    usual = float(np.median(known)) if known else 0.0
    return _from_file(
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
        scales[name] = UNITS[found]
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


def _check_pitch(
    pitch: float, positions: np.ndarray, place: str, *, named: bool
) -> None:
    """`InputError` where contacts are too close or too far for positions (n, 3) in mm.

    Where no unit was `named`, less is believed, and the units that would fit are said.
    """
    low, high = SANE_PITCH if named else _LIKELY_PITCH
    if np.isnan(pitch) or low <= pitch <= high:
        return
    if pitch == 0:
        raise InputError(f"{place}: contacts stand on one another, 0 mm apart")
    fits = [name for name, scale in UNITS.items() if low <= pitch * scale <= high]
    would = " or ".join(f"{pitch * UNITS[name]:g} mm in {name}" for name in fits)
    hint = "the unit that is named cannot be meant" if named else f"{would}: name it"
    flat = positions[:, :2]
    across = float(np.max(np.nanmax(flat, axis=0) - np.nanmin(flat, axis=0)))
    raise InputError(
        f"{place}: as mm, contacts are {pitch:g} mm apart, over {across:g} mm, which "
        f"is not {low:g} to {high:g} mm, as of an array; {hint}"
    )


def _unit_beside(path: Path) -> str | None:
    """The unit in the coordsystem.json that BIDS puts beside electrodes.tsv."""
    beside = path.with_name(path.name.replace("electrodes.tsv", "coordsystem.json"))
    if beside == path or not beside.is_file():
        return None
    try:
        said = json.loads(_text(beside))
    except ValueError as error:
        raise InputError(f"{beside}: it is no JSON ({error})") from error
    unit = said.get("iEEGCoordinateUnits") if isinstance(said, dict) else None
    if unit == "pixels":
        raise InputError(f"{path}: its places are pixels ({beside.name}), no lengths")
    return unit if unit in UNITS else None


def read_probe(path: str | Path) -> Electrodes:
    """Electrodes of probeinterface's JSON; each probe is an array of its own.

    Labels are the contact ids, else the numbers of the device's channels, else of the
    contacts; the probe's name before them where ids repeat among probes.
    """
    path = Path(path)
    _text(path)  # its size, and whether it can be read
    try:
        from probeinterface import read_probeinterface
    except ImportError as error:
        raise InputError(
            f"{path}: reading a probe's JSON needs probeinterface: "
            "pip install 'cortexwave[lab]'"
        ) from error
    try:
        probes = read_probeinterface(path).probes
        found = [
            (probe, np.asarray(probe.contact_positions, float),
             UNITS[{"µm": "um"}.get(probe.si_units, probe.si_units)])
            for probe in probes
        ]  # fmt: skip
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise InputError(
            f"{path}: it is no probe of probeinterface ({error!r})"
        ) from error
    if not found:
        raise InputError(f"{path}: it has no probe")
    names = [
        str(probe.annotations.get("name") or k) for k, (probe, *_) in enumerate(found)
    ]
    labels: list[str] = []
    arrays: list[str] = []
    sizes: list[float] = []
    shapes: set[str] = set()
    places = []
    for name, (probe, at, scale) in zip(names, found, strict=True):
        ids = probe.contact_ids
        if ids is None or not all(str(each) for each in ids):
            ids = probe.device_channel_indices
        if ids is None or len(set(ids)) < len(at):
            ids = np.arange(len(at))
        labels += [str(each) for each in ids]
        arrays += [name if len(found) > 1 else ""] * len(at)
        places.append(
            np.column_stack([at * scale, np.full((len(at), 3 - at.shape[1]), np.nan)])
        )
        for kind, given in zip(
            probe.contact_shapes, probe.contact_shape_params, strict=True
        ):
            side, mark = _contact_size(str(kind), dict(given))
            sizes.append(side * scale)
            shapes.add(mark)
    if len(set(labels)) < len(labels):
        labels = [
            f"{array}:{label}" for array, label in zip(arrays, labels, strict=True)
        ]
    shape: Shape = "square" if shapes == {"square"} else "disc"
    size = float(np.median(sizes)) if sizes else 0.0
    at = np.concatenate(places)
    _check_pitch(pitch_of(at, arrays), at, str(path), named=True)
    return _from_file(
        path, lambda: electrodes_at(labels, at, size=size, shape=shape, arrays=arrays)
    )


def _contact_size(kind: str, given: dict) -> tuple[float, str]:
    if kind == "circle":
        return 2 * float(given.get("radius", 0)), "disc"
    width = float(given.get("width", 0))
    return float(np.sqrt(width * float(given.get("height", width)))), "square"


def _text(path: Path) -> str:
    """The text of a map, which is small."""
    try:
        size = path.stat().st_size
        if size > _LARGEST_FILE:
            raise InputError(
                f"{path}: {size / 2**20:.0f} MB; a map of electrodes has at most "
                f"{_LARGEST_FILE >> 20} MB"
            )
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: it is no text (UTF-8); is it a map?") from error


def _from_file(path: Path, made: Callable[[], Electrodes]) -> Electrodes:
    try:
        return made()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
