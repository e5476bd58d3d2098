"""Trials, epochs and other intervals of an NWB file as an events table."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from cortexwave.lab.nwb_values import column_of
from cortexwave.schema import EVENT_COLUMNS, events_table

_OURS = ("start_time", "stop_time", "is_instant", "has_duration", "x_um", "y_um",
         "trial_number", "tags", "timeseries", "event")  # fmt: skip
_TEXT = ("kind", "stimulus", "item", "block", "session", "subject", "outcome")
_KINDS = {"trials": "trial", "epochs": "epoch", "invalid_times": "invalid"}


def events_of(file: Any) -> xr.Dataset | None:
    """Events of an open file in order of onset (s); None where it has none.

    `kind` is trial, epoch, invalid, or the name of the intervals, unless they have a
    column of that name. Columns of the events table are taken by name; other plain
    columns stand beside them, NaN or "" in rows of other tables.
    """
    rows: list[dict[str, Any]] = []
    more: list[dict[str, Any]] = []
    for table in _tables(file):
        columns = _plain_columns(table)
        if not {"start_time", "stop_time"} <= set(columns):
            continue
        kind = _KINDS.get(table.name, table.name)
        for at in range(len(table.id)):
            row = {name: values[at] for name, values in columns.items()}
            rows.append(_row(row, kind, at))
            beside = row.keys() - {*_OURS, *EVENT_COLUMNS}
            more.append({name: row[name] for name in row if name in beside})
    kept = [at for at, row in enumerate(rows) if np.isfinite(row["onset"])]
    if not kept:
        return None
    order = sorted(kept, key=lambda at: rows[at]["onset"])
    events = events_table([rows[at] for at in order])
    return events.assign(_beside([more[at] for at in order]))


def _tables(file: Any) -> list[Any]:
    found = [file.trials, file.epochs, file.invalid_times]
    found += list(file.intervals.values()) if file.intervals else []
    names: set[str] = set()
    tables = []
    for table in found:
        if table is not None and table.name not in names:
            names.add(table.name)
            tables.append(table)
    return tables


def _plain_columns(table: Any) -> dict[str, list[Any]]:
    """Columns with one number, truth or text a row."""
    columns = {}
    for name in table.colnames:
        column = table[name]
        if hasattr(column, "target"):
            continue
        values = column_of(column.data)
        if values.ndim != 1 or values.dtype.kind not in "biufOSU":
            continue
        plain = [value.decode(errors="replace") if isinstance(value, bytes) else value
                 for value in values.tolist()]  # fmt: skip
        if all(isinstance(value, bool | int | float | str) for value in plain):
            columns[name] = plain
    return columns


def _row(row: dict[str, Any], kind: str, at: int) -> dict[str, Any]:
    onset, stop = float(row["start_time"]), float(row["stop_time"])
    duration = stop - onset
    if row.get("is_instant") is True:
        duration = 0.0
    if row.get("has_duration") is False:
        duration = np.nan
    event: dict[str, Any] = {"onset": onset, "duration": duration, "kind": kind}
    event |= {name: str(row[name]) for name in _TEXT if str(row.get(name, ""))}
    for axis in "xy":
        value = row.get(f"{axis}_um")
        if isinstance(value, int | float):
            event[axis] = float(value) * 1e-3
    number = row.get("trial_number")
    if isinstance(number, int):  # counted from 1, as people count trials
        event["trial"] = number - 1
    elif kind == "trial":
        event["trial"] = at
    return event


def _beside(rows: list[dict[str, Any]]) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        if any(isinstance(value, str) for value in values):
            text = ["" if value is None else str(value) for value in values]
            columns[name] = ("event", np.array(text, dtype=object))
        else:
            numbers = [np.nan if value is None else float(value) for value in values]
            columns[name] = ("event", np.array(numbers), {"units": "1"})
    return columns
