"""What an analysis found, read from its file; its events as a table of text."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from cortexwave.analysis.wave_file import read_group
from cortexwave.errors import RecordingError
from cortexwave.recording.fresh_files import fresh_file


@dataclass(frozen=True)
class Analysis:
    """What `analyse` found, read from its file when it is used.

    `measures` over time; `events` as of `find_waves`; `lags` of `net_lags`; `spectrum`
    of `wavenumber_frequency`; `ridge` of `dispersion`; `maps`, a wave field of a few
    frames; `sites`, means over time. None is what could not be made; `missing` says
    why, by its name.
    """

    path: Path
    measures: xr.Dataset
    events: xr.Dataset
    lags: xr.Dataset | None
    spectrum: xr.Dataset | None
    ridge: xr.Dataset | None
    maps: xr.Dataset
    sites: xr.Dataset
    word: str
    verdict: str
    missing: Mapping[str, str]


def open_waves(path: str | Path) -> Analysis:
    """An analysis that `analyse` wrote, its values read when they are used."""
    measures = read_group(path)
    assert measures is not None  # the root is always there
    tables = {
        name: read_group(path, name)
        for name in ("events", "lags", "spectrum", "ridge", "maps", "sites")
    }
    for name in ("events", "maps", "sites"):
        if tables[name] is None:
            raise RecordingError(f"{path}: damaged, it has no group '{name}'")
    events = tables["events"]
    assert events is not None
    tables["events"] = events.assign(is_wave=events["is_wave"].astype(bool))
    return Analysis(
        path=Path(path), measures=measures, word=str(measures.attrs["word"]),
        verdict=str(measures.attrs["verdict"]),
        missing=json.loads(measures.attrs.get("missing", "{}")), **tables,  # type: ignore[arg-type]
    )  # fmt: skip


def write_csv(events: xr.Dataset, path: Path) -> None:
    """The events as text, a row each, units in the names of the columns.

    Raises `DiskFullError` where the disk is full, `RecordingError` where it cannot be
    written; a table that is there stays then.
    """
    names = [str(name) for name in events.data_vars if events[name].dims == ("event",)]
    heads = [
        f"{name}_{unit.replace('/', '_per_').replace('^', '')}"
        if (unit := events[name].attrs.get("units", "1")) != "1" else name
        for name in names
    ]  # fmt: skip
    with fresh_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(heads)
        columns = [events[name].values for name in names]
        for row in zip(*columns, strict=True):
            rows.writerow([_text(value) for value in row])


def _text(value: object) -> str:
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{float(value):.9g}"
    return str(value)
