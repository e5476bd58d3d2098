"""Units that a lab's file holds: those of NWB, of .nev, and of what neo reads.

Nothing is sorted here: what was not sorted when it was recorded (class 0 of a .nev) is
a unit of quality "unsorted", the threshold crossings of its channel.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab import nev, nwb
from cortexwave.lab.blackrock_headers import blackrock_id
from cortexwave.lab.neo_signals import kind_of, neo_reader
from cortexwave.lab.nwb_electrodes import contacts_of
from cortexwave.lab.nwb_file import check_file, pynwb_for
from cortexwave.lab.nwb_values import check_array, column_of
from cortexwave.recording.unit_table import units_table

_NAMES = ("unit_name", "label", "name")
_QUALITIES = ("quality", "group", "KSLabel")


def sorted_units(path: str | Path) -> xr.Dataset | None:
    """The units of a lab's file, times in s on its clock; None where it has none.

    A table of `cortexwave.recording.unit_table`. Those of .nev are taken for a .ns5
    beside it, too. Raises `InputError` and `RecordingError` as the readers do.
    """
    path = Path(path)
    if path.is_file() and blackrock_id(path):
        return _of_nev(path)
    if nwb.recognises(path):
        return _of_nwb(path)
    return None if kind_of(path) is None else _of_neo(path)


def _of_nev(path: Path) -> xr.Dataset | None:
    beside = [path, *(path.with_suffix(end) for end in (".nev", ".NEV"))]
    file = next((each for each in beside if each.suffix.lower() == ".nev"
                 and each.is_file()), None)  # fmt: skip
    if file is None:
        return None
    found = nev.nev_spikes(file)
    if found is None:
        warnings.warn(
            f"{file}: its clock was set back within it, so its spikes are left out",
            stacklevel=3,
        )
        return None
    times, channel, unit, labels = found
    keys = sorted(set(zip(channel.tolist(), unit.tolist(), strict=True)))
    if not keys:
        return None
    return units_table(
        [times[(channel == number) & (unit == own)] for number, own in keys],
        [f"{labels.get(number, number)}.{own}" for number, own in keys],
        channels=[labels.get(number, str(number)) for number, _ in keys],
        quality=["sorted" if own else "unsorted" for _, own in keys],
    )


def _of_nwb(path: Path) -> xr.Dataset | None:
    pynwb = pynwb_for(path)
    check_file(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a file's style
        try:
            with h5py.File(path, "r") as held:
                content = pynwb.NWBHDF5IO(file=held, mode="r").read()
                return _nwb_units(content.units)
        except InputError as error:
            raise type(error)(f"{path}: its units: {error}") from error
        except Exception as error:  # pynwb and HDF5 raise many unrelated types
            raise RecordingError(
                f"{path}: its units cannot be read ({type(error).__name__}: {error})"
            ) from error


def _nwb_units(units: Any) -> xr.Dataset | None:
    if units is None or "spike_times" not in units.colnames or not len(units.id):
        return None
    index = units["spike_times"]
    check_array(index.target.data)
    ends = column_of(index.data).astype(np.int64)
    times = column_of(index.target.data).astype(float)
    starts = np.concatenate([[0], ends[:-1]])
    if np.any(np.diff(ends, prepend=0) < 0) or (ends.size and ends[-1] > times.size):
        raise InputError("the index of their spike times is damaged")
    ids = [str(each) for each in column_of(units.id.data).tolist()]
    named = [each for name in _NAMES if (each := _texts(units, name)) is not None]
    labels = next((each for each in named if len(set(each)) == len(each)), ids)
    told = (_texts(units, name) for name in _QUALITIES)
    return units_table(
        [times[a:b] for a, b in zip(starts, ends, strict=True)], labels,
        channels=_nwb_channels(units),
        quality=next((each for each in told if each is not None), None),
    )  # fmt: skip


def _texts(units: Any, name: str) -> list[str] | None:
    """A plain column of text; None where there is none."""
    if name not in units.colnames or hasattr(units[name], "target"):
        return None
    values = column_of(units[name].data)
    if values.ndim != 1 or values.dtype.kind not in "OSU":
        return None
    return [each.decode(errors="replace") if isinstance(each, bytes) else str(each)
            for each in values.tolist()]  # fmt: skip


def _nwb_channels(units: Any) -> list[str] | None:
    """The label of the first electrode of each unit, as signals have it."""
    if "electrodes" not in units.colnames:
        return None
    index = units["electrodes"]
    ends = column_of(index.data).astype(np.int64)
    rows = column_of(index.target.data).astype(np.int64)
    starts = np.concatenate([[0], ends[:-1]])
    if not rows.size:
        return None
    there = np.unique(rows)
    contacts, _ = contacts_of(index.target.table, there, unit="um")
    label = dict(zip(there.tolist(), contacts.names, strict=True))
    return [label[int(rows[a])] if b > a else ""
            for a, b in zip(starts, ends, strict=True)]  # fmt: skip


def _of_neo(path: Path) -> xr.Dataset | None:
    kind = kind_of(path)
    assert kind is not None
    reader = neo_reader(path, kind)
    header = reader.header
    channels = header["spike_channels"]
    times: list[np.ndarray] = []
    for at in range(len(channels)):
        own = [np.empty(0)]
        for block in range(header["nb_block"]):
            for segment in range(header["nb_segment"][block]):
                stamps = reader.get_spike_timestamps(block, segment, at)
                own.append(
                    np.asarray(reader.rescale_spike_timestamp(stamps, "float64"))
                )
        times.append(np.concatenate(own))
    kept = [at for at, each in enumerate(times) if each.size]
    if not kept:
        return None
    labels = [str(channels["name"][at]) for at in kept]
    if len(set(labels)) < len(labels):
        labels = [str(channels["id"][at]) for at in kept]
    return units_table([times[at] for at in kept], labels)
