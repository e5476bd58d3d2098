"""Electrode maps: the contacts of arrays with their places, named or read from a file.

`electrode_map` takes what a person would write: "utah_10x10", "8x8 0.4 mm", (rows,
columns, pitch), or a file (.cmp, .tsv, .csv, probeinterface's .json, a recording's
.h5). Lab files and `observe` share the `Electrodes` that come of it. Rows rise with y,
columns with x.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cortexwave.errors import InputError
from cortexwave.lab.cmp_maps import read_cmp
from cortexwave.lab.electrodes import Electrodes, electrodes_in
from cortexwave.lab.probe_maps import read_probe
from cortexwave.lab.table_maps import read_table
from cortexwave.units import quantity

_PLAIN = re.compile(r"\s*(\d{1,4})\s*x\s*(\d{1,4})\s+(.+)")


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
