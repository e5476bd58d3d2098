"""Small tables of text in files: rows by the names of their columns, and numbers."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from cortexwave.errors import InputError, RecordingError

_LARGEST_TABLE = 1 << 24  # bytes; of a million contacts


def read_table(path: Path) -> list[dict[str, str]]:
    """Rows of a small csv or tsv file whose first row names the columns."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(_LARGEST_TABLE + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RecordingError(f"{path} is not a text file in UTF-8") from error
    if len(raw) > _LARGEST_TABLE or "\x00" in text:
        raise RecordingError(f"{path} is not a table of at most 16 MiB of text")
    delimiter = "\t" if path.suffix == ".tsv" else ","
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise RecordingError(f"{path} is not a table: {error}") from error
    while lines and not lines[-1]:
        lines.pop()
    header = [name.strip() for name in lines[0]] if lines else []
    twice = sorted({name for name in header if header.count(name) > 1})
    if not header or twice:
        wrong = f"names {', '.join(twice)} twice" if twice else "is absent"
        raise RecordingError(f"{path}:1: the row of column names {wrong}")
    rows = []
    for line, cells in enumerate(lines[1:], start=2):
        if len(cells) != len(header):
            raise RecordingError(
                f"{path}:{line}: {len(cells)} values, but {len(header)} columns"
            )
        values = [cell.strip() for cell in cells]
        rows.append(dict(zip(header, values, strict=True)))
    return rows


def number_of(text: str, where: str) -> float:
    """A number of a table; NaN where it is empty or n/a."""
    if text.strip().lower() in ("", "n/a", "na", "nan"):
        return np.nan
    try:
        value = float(text)
    except ValueError:
        value = np.inf
    if not np.isfinite(value):
        raise InputError(f"{where}: {text!r} is not a number; n/a where it is unknown")
    return value
