"""What else went on in each trial: where the eyes were, the pupil, running.

A covariate is a number of each event (a column of its table), or a field or channel
recorded beside what is read out, cut as the trials were. A readout that they alone
explain is no memory; `without_covariates` takes away what they tell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.memory.trials import Trials
from cortexwave.protocol.analyses import unknown_covariate
from cortexwave.recording.cutting import epochs


def covariate_names(recording: xr.Dataset) -> list[str]:
    """Names that can be covariates: event columns of numbers, fields, and channels."""
    columns: list[str] = []
    if any(str(name).startswith(schema.EVENT_PREFIX) for name in recording.variables):
        table = schema.events(recording)
        columns = [str(name) for name in table.data_vars
                   if _numbers(table[name].values) is not None]  # fmt: skip
    fields = [name for name in schema.field_names(recording)
              if recording[name].dtype.kind in "iuf"]  # fmt: skip
    return list(dict.fromkeys([*columns, *fields, *_channels(recording)]))


def without_channels(recording: xr.Dataset, names: Sequence[str]) -> xr.Dataset:
    """The recording less the channels of these names, which are no sites."""
    kept = ~np.isin(_channels(recording), list(names))
    if kept.all():
        return recording
    return recording.isel(channel=np.flatnonzero(kept))


def covariates_of(
    recording: xr.Dataset, trials: Trials, names: Sequence[str], *,
    beside: xr.Dataset | None = None,
) -> xr.DataArray:  # fmt: skip
    """Covariates (trial, time, covariate) of trials that were cut from a recording.

    The column of an event stands at all times of its trial; a field of several sites is
    as many covariates. What is missing (a blink) is NaN. Fields and channels are those
    of `beside`, where `recording` is without some that it has. Raises `InputError` for
    a name of nothing.
    """
    if trials.event is None:
        raise InputError("these trials were not cut from a recording (trials_of), so "
                         "that their covariates are not known")  # fmt: skip
    source = recording if beside is None else beside
    known = covariate_names(source)
    faults = [unknown_covariate(name, known) for name in names if name not in known]
    if faults or not names:
        raise InputError("; ".join(faults) or "no covariates are named")
    events = schema.events(recording).isel(event=trials.event)
    shape = trials.values.shape[:2]
    made: list[np.ndarray] = []
    labels: list[str] = []
    for name in names:
        column = _numbers(events[name].values) if name in events else None
        if column is not None:
            values = np.broadcast_to(column[:, None, None], (*shape, 1))
        else:
            field = _field(source, name, str(trials.attributes["variable"]))
            start, stop = trials.attributes["window"]
            cut = epochs(field, events, window=(start, stop))
            (only,) = schema.field_names(field)
            values = np.asarray(cut[only].transpose("trial", "time", ...), dtype=float)
            values = values.reshape(*shape, -1)
        several = values.shape[2] > 1
        labels += [f"{name}[{k}]" if several else name for k in range(values.shape[2])]
        made.append(values)
    return xr.DataArray(
        np.concatenate(made, axis=2), {"covariate": labels},
        ("trial", "time", "covariate"), "covariates",
    )  # fmt: skip


def _field(source: xr.Dataset, name: str, variable: str) -> xr.Dataset:
    """The field of a name, or the channel of a name in the field that is read out."""
    if name in schema.field_names(source):
        return source[[name]]
    at = _channels(source).index(name)
    return source[[variable]].isel(channel=[at])


def _channels(recording: xr.Dataset) -> list[str]:
    labels = recording["channel"].values if "channel" in recording.coords else ()
    return [str(each) for each in labels]


def without_covariates(
    trials: Trials, covariates: np.ndarray, frames: np.ndarray
) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Values less what covariates (trial, time, covariate) tell linearly, per frame.

    A function of (train trials, test trials), as `held_out` takes it: the straight line
    is that of the training trials.
    """

    def prepare(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        made = trials.values.copy()
        for t in frames:
            known = np.column_stack([np.ones(len(made)), covariates[:, t]])
            told = np.linalg.lstsq(known[train], trials.values[train, t], rcond=None)[0]
            made[:, t] = trials.values[:, t] - known @ told
        return made

    return prepare


def _numbers(column: np.ndarray) -> np.ndarray | None:
    """A column as floats, NaN where it is empty; None where it holds words or nothing.

    Text may be numbers, as outcomes are.
    """
    try:
        found = np.array([float(text) if (text := str(each).strip()) else np.nan
                          for each in column.tolist()])  # fmt: skip
    except ValueError:
        return None
    return found if np.isfinite(found).any() else None
