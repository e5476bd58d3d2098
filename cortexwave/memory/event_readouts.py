"""Readouts that take from a recording's events more than a label for each trial.

The items of a sequence, the time between two events, the phase at a place when an
event began: the form in which a protocol, or a command line, can ask for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.memory.classifiers import Classifier
from cortexwave.memory.dealing import groups_of
from cortexwave.memory.features import phasor_trials
from cortexwave.memory.intervals import decode_interval
from cortexwave.memory.sequence_items import sequence_items
from cortexwave.memory.sequences import sequence_readout
from cortexwave.memory.site_phase import phase_at_site
from cortexwave.memory.trials import Trials, trials_of
from cortexwave.recording.cutting import of_kinds

Window = tuple[float, float]


def sequence_of_events(
    recording: xr.Dataset,
    *,
    at: float,
    label: str = "item",
    variable: str | None = None,
    times: Sequence[float] | None = None,
    classifier: Classifier = "lda",
    permutations: int = 199,
    seed: int,
) -> xr.Dataset:
    """`sequence_readout` of the items that the events of each trial are, in order.

    `label` names the column that holds the item (item or stimulus); `at`, `times` in s
    from the beginning of a trial.
    """
    items = sequence_items(recording, label=label)
    return sequence_readout(
        recording, items, at=at, variable=variable, times=times, classifier=classifier,
        permutations=permutations, seed=seed,
    ).assign_attrs(label=label)  # fmt: skip


def interval_of_events(
    recording: xr.Dataset,
    *,
    window: Window,
    variable: str | None = None,
    kinds: Sequence[str] | None = None,
    classifier: Classifier = "lda",
    times: Sequence[float] | None = None,
    permutations: int = 199,
    seed: int,
) -> xr.Dataset:
    """`decode_interval` of the time between the two events of each trial.

    `window`, `times` in s from the second. Raises `InputError` where a trial has
    another number of events than two.
    """
    trials = interval_trials(recording, window=window, variable=variable, kinds=kinds)
    return decode_interval(trials, classifier=classifier, times=times,
                           permutations=permutations, seed=seed)  # fmt: skip


def interval_trials(
    recording: xr.Dataset,
    *,
    window: Window,
    variable: str | None = None,
    kinds: Sequence[str] | None = None,
) -> Trials:
    """Trials around the second of two events, labelled by the time (s) between them.

    An event belongs to the trial that its column `trial` names. Times are told apart to
    a frame.
    """
    events = of_kinds(schema.events(recording), kinds)
    numbers = events["trial"].values.astype(int)
    onset = events["onset"].values
    time = recording["time"].values
    step = float(np.median(np.diff(time)))
    second, apart = [], []
    for trial in np.unique(numbers).tolist():
        mine = np.flatnonzero(numbers == trial)
        if mine.size != 2:
            raise InputError(f"trial {trial} has {mine.size} events; an interval is "
                             "that between 2 of a trial")  # fmt: skip
        mine = mine[np.argsort(onset[mine])]
        second.append(int(mine[1]))
        frames = np.rint((onset[mine[1]] - onset[mine[0]]) / step)
        apart.append(f"{frames * step:.6g}")
    if not second:
        raise InputError("the recording has no events; an interval is between two")
    later = events.isel(event=second).assign(
        item=("event", np.array(apart, dtype=object), events["item"].attrs)
    )
    columns = [name for name in recording.variables
               if str(name).startswith(schema.EVENT_PREFIX)]  # fmt: skip
    fields = recording.drop_vars(columns)
    return trials_of(schema.with_tables(fields, later, None), window=window,
                     label="item", variable=variable)  # fmt: skip


def phase_of_events(
    recording: xr.Dataset,
    *,
    band: tuple[float, float],
    place: Mapping[str, float],
    response: Window | None = None,
    against: Mapping[str, float] | None = None,
    variable: str | None = None,
    kinds: Sequence[str] | None = None,
    permutations: int = 199,
    seed: int,
) -> xr.Dataset:
    """`phase_at_site` of the site nearest to a place, just before each event.

    `place` x, y in mm. The phase is that of a causal filter in `band` (Hz), which lags
    behind the field's own: `preferred` is not to be compared between bands. The outcome
    is the event's column `outcome` (a number), or, with `response` (s from onset), the
    mean of the field there in that window, less that at the place `against`. A wave
    that goes on is in the response whatever an event does: give a place that the wave
    reaches in the same phase and the event does not.
    """
    names = schema.field_names(recording)
    name = names[0] if variable is None and len(names) == 1 else variable
    if name not in names:
        raise InputError(f"no field {variable!r}; the recording has {names}")
    time = recording["time"].values
    step = float(np.median(np.diff(time)))
    shown, where = _at(recording, name, place)
    label = "outcome" if response is None else "stimulus"
    before = phasor_trials(
        shown, band=band, window=(-3.5 * step, -0.5 * step), label=label, variable=name,
        kinds=kinds,
    )  # fmt: skip
    phase = np.angle(before.values[:, -1, 0])
    if response is None:
        outcome = _numbers(before.labels)
    else:
        outcome = _mean_in(shown, name, response, kinds)
        if against is not None:
            other, _ = _at(recording, name, against)
            outcome = outcome - _mean_in(other, name, response, kinds)
        if outcome.size != phase.size:
            raise InputError(
                f"{phase.size} events have a frame before them and {outcome.size} the "
                f"whole response, {response[0]:g} to {response[1]:g} s after them; "
                "choose a response that lies within every trial"
            )
    found = phase_at_site(phase, outcome, permutations=permutations, seed=seed,
                          block=groups_of(before))  # fmt: skip
    return found.assign_attrs(
        band=list(band), variable=name, site=where,
        outcome="outcome" if response is None else "response",
        **({} if response is None else {"response": list(response)}),
        **({} if against is None else {"against": dict(against)}),
    )  # fmt: skip


def _at(
    recording: xr.Dataset, name: str, place: Mapping[str, float]
) -> tuple[xr.Dataset, dict[str, float]]:
    """The recording at the site nearest to a place in mm, and where that is."""
    field = recording[name]
    if "x" not in field.coords:
        raise InputError(f"sites of '{name}' have no place x, y in mm; a phase is "
                         "asked of the site nearest to one")  # fmt: skip
    asked = {axis: float(place.get(axis, 0.0)) for axis in ("y", "x")}
    kept = [one for one in schema.field_names(recording) if one != name]
    if "channel" in field.dims:
        far = sum((field[axis].values - asked[axis]) ** 2
                  for axis in ("y", "x") if axis in field.coords)  # fmt: skip
        nearest = {"channel": [int(np.nanargmin(far))]}
    else:
        nearest = {axis: [int(np.abs(field[axis].values - asked[axis]).argmin())]
                   for axis in ("y", "x") if axis in field.dims}  # fmt: skip
    chosen = recording.drop_vars(kept).isel(nearest)
    return chosen, {axis: float(np.asarray(chosen[axis].values).item())
                    for axis in ("y", "x") if axis in chosen.coords}  # fmt: skip


def _mean_in(
    shown: xr.Dataset, name: str, response: Window, kinds: Sequence[str] | None
) -> np.ndarray:
    cut = trials_of(shown, window=response, variable=name, kinds=kinds)
    return cast(np.ndarray, cut.values[:, :, 0].mean(axis=1))


def _numbers(labels: np.ndarray) -> np.ndarray:
    try:
        return np.array([float(each) for each in labels.tolist()])
    except ValueError as fault:
        raise InputError(f"outcomes are {sorted(set(labels.tolist()))[:5]}; they are "
                         "numbers, or 0 and 1 for miss and hit") from fault  # fmt: skip
