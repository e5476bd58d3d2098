"""What was measured of one part, as one HDF5 file of named tables.

Every table is a group; one that could not be made is an empty group whose attribute
`reason` says why. The file is written aside and gets its name when it is whole; its
`key` says of which recording, exclusions and settings it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cortexwave import provenance
from cortexwave.errors import RecordingError
from cortexwave.recording.files import PART, install, open_file

KIND = "session facts"
_MARK, _KEY = "cortexwave_kind", "key"
Facts = dict[str, xr.Dataset]


def undetermined(measure: str, reason: str) -> xr.Dataset:
    """A table that could not be made, and why (one sentence without a full stop)."""
    return xr.Dataset(attrs={"measure": measure, "reason": reason})


def reason_of(table: xr.Dataset | None) -> str:
    """Why a table is undetermined, "" where it is not."""
    if table is None:
        return "it was not computed"
    return str(table.attrs.get("reason", ""))


def save_facts(facts: Mapping[str, xr.Dataset], path: Path, *, key: str) -> Path:
    """The file of some tables; `key` is what `facts_there` asks for."""
    part = Path(f"{path}{PART}")
    part.unlink(missing_ok=True)
    try:
        root = xr.Dataset(attrs={
            _MARK: KIND, _KEY: key, "groups": json.dumps(list(facts)),
            **provenance.attributes(),
        })  # fmt: skip
        root.to_netcdf(part, engine="h5netcdf", mode="w")
        for name, table in facts.items():
            _plain(table).to_netcdf(part, engine="h5netcdf", mode="a", group=name)
        install(part, path)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be written ({error})") from error
    finally:
        part.unlink(missing_ok=True)
    return path


def facts_there(path: Path, key: str) -> bool:
    """Whether a whole file of facts with this key is there."""
    if not path.is_file():
        return False
    try:
        with open_file(path, "r") as file:
            return file.attrs.get(_MARK) == KIND and file.attrs.get(_KEY) == key
    except RecordingError:
        return False


def open_facts(path: Path) -> Facts:
    """All tables of a file, in memory."""
    with open_file(path, "r") as file:
        if file.attrs.get(_MARK) != KIND:
            raise RecordingError(f"{path}: not a file of session facts")
        names = json.loads(file.attrs["groups"])
    return {name: _read(path, name) for name in names}


def _read(path: Path, name: str) -> xr.Dataset:
    with xr.open_dataset(
        path, engine="h5netcdf", group=name, decode_times=False
    ) as table:
        return table.load()


def _plain(table: xr.Dataset) -> xr.Dataset:
    """The table with attributes that HDF5 can hold: others become JSON."""
    made = table.reset_index(
        [name for name in table.indexes if table.indexes[name].nlevels > 1]
    ).copy()
    made.attrs = _attributes(made.attrs)
    for variable in made.variables.values():
        variable.attrs = _attributes(variable.attrs)
        variable.encoding = {}
    return made


def _attributes(attributes: Mapping[Any, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in attributes.items():
        if value is None:
            continue
        if isinstance(value, bool | np.bool_):
            kept[str(name)] = int(value)
        elif isinstance(value, str | int | float | np.integer | np.floating):
            kept[str(name)] = value
        else:
            kept[str(name)] = json.dumps(value, default=_listed)
    return kept


def _listed(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
