"""A recording's memory measured from end to end: what is asked, one by one, to a file.

Each measurement is a name, a kind (a function of this room) and plain parameters, as a
protocol declares them. Results are written as they come, each to a file of its own in
`NAME.parts`, and joined in one HDF5 file at the end, a group for each: what was done
before an interruption is not done again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cortexwave import provenance
from cortexwave.errors import InputError, RecordingError
from cortexwave.memory.controls import decoding_controls
from cortexwave.memory.covariates import covariates_of, without_channels
from cortexwave.memory.elapsed_time import decode_elapsed_time
from cortexwave.memory.event_readouts import (
    interval_of_events,
    phase_of_events,
    sequence_of_events,
)
from cortexwave.memory.fisher_memory import fisher_memory_from_data
from cortexwave.memory.format_evidence import memory_format
from cortexwave.memory.generalisation import temporal_generalisation
from cortexwave.memory.identity import decode_identity
from cortexwave.memory.lag_position import lag_position
from cortexwave.memory.memory_file import KIND, KIND_MARK, encoded, is_memory_file
from cortexwave.memory.memory_file import open_memory as open_memory
from cortexwave.memory.memory_function import memory_function
from cortexwave.memory.processing_capacity import processing_capacity
from cortexwave.memory.propagator import propagator
from cortexwave.memory.ringing import filter_control
from cortexwave.memory.topographic import topographic_shift
from cortexwave.memory.trials import trials_of
from cortexwave.recording.files import PART, install
from cortexwave.recording.fresh_files import checked_path, fresh_file
from cortexwave.recording.reader import open_recording

_OF_TRIALS = ("window", "label", "kinds", "variable")  # what trials are cut by
_PAIRS = ("window", "read", "response", "band")

# Readouts of a recording's field or drive, and readouts of trials cut from it.
OF_RECORDINGS: dict[str, Callable[..., xr.Dataset]] = {
    each.__name__: each
    for each in (memory_function, processing_capacity, fisher_memory_from_data,
                 lag_position, propagator, topographic_shift)
} | {
    "sequence_readout": sequence_of_events, "decode_interval": interval_of_events,
    "phase_at_site": phase_of_events,
}  # fmt: skip
OF_TRIALS: dict[str, Callable[..., xr.Dataset]] = {
    each.__name__: each
    for each in (decode_identity, decode_elapsed_time, decoding_controls,
                 filter_control, temporal_generalisation, memory_format)
}  # fmt: skip


@dataclass(frozen=True)
class Measurement:
    """What is to be measured: the function's name, and its parameters as JSON holds."""

    kind: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Progress:
    """Measurements that are done, of how many, the last one, and why it failed."""

    done: int
    total: int
    name: str
    reason: str = ""


def measuring(
    recording: str | Path,
    output: str | Path,
    measurements: Sequence[Measurement],
    *,
    jobs: int = 1,
    overwrite: bool = False,
) -> Iterator[Progress]:
    """Measure a recording's memory and write `output`, an HDF5 file of groups.

    `jobs` measurements run at a time, each in a process of its own. One that cannot be
    made is a group without variables whose attribute `reason` says why; the others go
    on, and only where none can be made is there no file but an `InputError`. Nothing
    runs before all of them are known to be callable.
    """
    recording, output = Path(recording), Path(output)
    if not measurements:
        raise InputError(
            f"{recording}: nothing to measure: it declares no `analyses`; give some: "
            "--analysis '{kind: memory_function, lags: 40}', or --analyses FILE.yaml"
        )
    if jobs < 1:
        raise InputError(f"jobs is {jobs}; count from 1 on")
    unknown = [each.kind for each in measurements
               if each.kind not in {**OF_RECORDINGS, **OF_TRIALS}]  # fmt: skip
    if unknown:
        known = ", ".join(sorted({**OF_RECORDINGS, **OF_TRIALS}))
        raise InputError(f"there is no measurement '{unknown[0]}', but {known}")
    checked_path(output, output.suffix if output.suffix in (".h5", ".nc") else ".h5",
                 overwrite=overwrite)  # fmt: skip
    if output.exists() and not is_memory_file(output):
        raise RecordingError(f"{output}: not a memory file, so it is not replaced")
    with open_recording(recording) as opened:
        of = {name: str(opened.attrs.get(name, ""))
              for name in ("run_id", "created", "title")}  # fmt: skip
    of |= {"file": recording.name, "size": str(recording.stat().st_size)}
    parts = output.with_name(output.name + ".parts")
    parts.mkdir(exist_ok=True)
    names = _names(measurements)
    todo = []
    for name, each in zip(names, measurements, strict=True):
        key = _key(each, of)
        if _key_of(parts / f"{name}.nc") != key:
            todo.append((name, each, key))
    yield Progress(len(names) - len(todo), len(names), "begun")
    for done, (name, reason) in enumerate(_run(recording, parts, todo, jobs), 1):
        yield Progress(len(names) - len(todo) + done, len(names), name, reason)
    refused = _refused(parts, names)
    if len(refused) == len(names):
        shutil.rmtree(parts)
        told = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
        raise InputError(f"{recording}: nothing could be measured. {told}")
    _join(parts, names, output, of)
    shutil.rmtree(parts)


def measured(recording: xr.Dataset, measurement: Measurement) -> xr.Dataset:
    """One measurement of a recording."""
    given: dict[str, Any] = {
        name: tuple(value) if name in _PAIRS and value is not None else value
        for name, value in measurement.parameters.items()
    }
    if "directions" in given:  # documents hold rad, readouts take deg
        given["directions"] = np.rad2deg(given["directions"]).round(9).tolist()
    if measurement.kind in OF_RECORDINGS:
        return OF_RECORDINGS[measurement.kind](recording, **given)
    cut = {name: given.pop(name) for name in _OF_TRIALS if name in given}
    if "read" in given:  # the window that times are told apart in
        given["window"] = given.pop("read")
    named = given.get("covariates") or []
    trials = trials_of(without_channels(recording, named), **cut)
    if named:
        given["covariates"] = covariates_of(recording, trials, named)
    return OF_TRIALS[measurement.kind](trials, **given)


def _run(
    recording: Path, parts: Path, todo: list[tuple[str, Measurement, str]], jobs: int
) -> Iterator[tuple[str, str]]:
    """Name and reason of each measurement as it is written."""
    if jobs == 1 or len(todo) < 2:
        for name, each, key in todo:
            yield name, _write_one(recording, parts / f"{name}.nc", each, key)
        return
    # spawn: a forked process would share the threads of the numerical libraries
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting: dict[Future[str], str] = {
            pool.submit(_write_one, recording, parts / f"{name}.nc", each, key): name
            for name, each, key in todo
        }
        while waiting:
            ready, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ready:
                yield waiting.pop(future), future.result()


def _write_one(recording: Path, part: Path, each: Measurement, key: str) -> str:
    """Measure and write one; the reason where it could not be made."""
    with open_recording(recording) as opened:
        try:
            found = measured(opened, each)
        except InputError as error:
            found = xr.Dataset(attrs={"measure": each.kind, "reason": str(error)})
    reason = str(found.attrs.get("reason", "")) if not found.data_vars else ""
    kept = encoded(found.assign_attrs(measure=each.kind))
    kept.attrs["parameters"] = json.dumps(dict(each.parameters))
    kept.attrs["measurement_key"] = key
    with fresh_file(part) as fresh:
        kept.to_netcdf(fresh, engine="h5netcdf", mode="w")
    return reason


def _refused(parts: Path, names: list[str]) -> dict[str, str]:
    """Name and reason of each measurement that could not be made."""
    refused = {}
    for name in names:
        with xr.open_dataset(parts / f"{name}.nc", engine="h5netcdf",
                             decode_times=False) as part:  # fmt: skip
            if not part.data_vars:
                refused[name] = str(part.attrs.get("reason", ""))
    return refused


def _join(parts: Path, names: list[str], output: Path, of: dict[str, str]) -> None:
    whole = output.with_name(output.name + PART)
    whole.unlink(missing_ok=True)
    root = xr.Dataset(attrs={
        KIND_MARK: KIND, "measurements": json.dumps(names),
        **{f"recording_{name}": value for name, value in of.items()},
        **{name: value if np.isscalar(value) else json.dumps(value)
           for name, value in provenance.attributes().items()},
    })  # fmt: skip
    root.to_netcdf(whole, engine="h5netcdf", mode="w")
    for name in names:
        with xr.open_dataset(parts / f"{name}.nc", engine="h5netcdf",
                             decode_times=False) as each:  # fmt: skip
            each.load().to_netcdf(whole, engine="h5netcdf", mode="a", group=name)
    install(whole, output)


def _names(measurements: Sequence[Measurement]) -> list[str]:
    """A name for each: its kind, numbered where there are several of it."""
    names: list[str] = []
    for each in measurements:
        count = sum(name.split(".")[0] == each.kind for name in names)
        names.append(each.kind if not count else f"{each.kind}.{count + 1}")
    return names


def _key(each: Measurement, of: dict[str, str]) -> str:
    return json.dumps([each.kind, dict(each.parameters), of], sort_keys=True)


def _key_of(part: Path) -> str:
    if not part.exists():
        return ""
    with xr.open_dataset(part, engine="h5netcdf", decode_times=False) as kept:
        return str(kept.attrs.get("measurement_key", ""))
