"""From the stimuli of a document to the drive of every trial."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import xarray as xr
from pydantic import Field

from cortexwave.errors import Fault, InputError, UnitError
from cortexwave.sheet.drive import Drive, Source
from cortexwave.sheet.lattice import Lattice
from cortexwave.sheet.pictures import Images, Movie
from cortexwave.sheet.sequences import VectorSequence
from cortexwave.sheet.stimuli import (
    Flashes,
    PairedPulse,
    Pulse,
    PulseTrain,
    Setting,
)
from cortexwave.sheet.trials import Plan, Trials, plans
from cortexwave.sheet.wide_stimuli import Grating, MovingBar, PlaneDrive, WhiteNoise
from cortexwave.units import quantity

MOST_SOURCES = 1_000_000
LARGEST_DRAWN = 2**30  # bytes of white noise in all trials

Stimulus = Annotated[
    Pulse
    | PulseTrain
    | PairedPulse
    | Flashes
    | MovingBar
    | Grating
    | PlaneDrive
    | WhiteNoise
    | Images
    | Movie
    | VectorSequence,
    Field(discriminator="kind"),
]


def render_drive(
    stimuli: Sequence[Any],
    trials: Trials,
    *,
    lattice: Lattice,
    dt: float,
    steps: int,
    inputs: Mapping[str, str],
    seed: int,
    folder: Path | None,
) -> tuple[Drive, list[Fault]]:
    """The drive of all trials, `steps` long each, and every fault of the stimuli.

    `inputs` maps the model's inputs to their units; a stimulus goes into the first
    unless it says otherwise. Each draws from its own stream, keyed by seed, trial
    and its place in the list.
    """
    conditions = list(dict.fromkeys(s.condition for s in stimuli if s.condition))
    order = plans(trials, conditions, seed)
    faults: list[Fault] = []
    by_trial: list[list[Source]] = [[] for _ in order]
    drawn: list[np.ndarray] = []
    patterns: dict[Any, Any] = {}
    count = 0
    for number, stimulus in enumerate(stimuli):
        into = stimulus.into or next(iter(inputs), "")
        place = f"stimuli.{number}"
        if into not in inputs:
            known = ", ".join(inputs) or "none"
            faults.append(
                Fault(f"{place}.into", f"the model has no input '{into}', but {known}")
            )
            continue
        try:
            quantity(stimulus.amplitude, inputs[into])
        except UnitError as error:
            faults.append(Fault(f"{place}.amplitude", str(error)))
            continue
        name = stimulus.name or f"{stimulus.kind}_{number}"
        late: list[bool] = []
        try:
            for plan in order:
                # white noise keeps to its clock: that is what lags are counted on
                shift = 0.0 if isinstance(stimulus, WhiteNoise) else plan.jitter
                setting = Setting(
                    lattice, dt, steps, into, inputs[into], name, number, plan.trial,
                    _first_step(trials, plan, steps), shift, folder, patterns,
                )  # fmt: skip
                values = _drawn(stimulus, setting, seed, plan, number)
                if values is not None:
                    drawn.append(values)
                    _check_drawn(values, trials)
                if plan.catch or stimulus.condition not in (None, plan.condition):
                    continue
                draw = np.random.default_rng([seed, plan.trial, number])
                made = stimulus.sources(setting, draw)
                late.append(all(source.first >= setting.end for source in made))
                by_trial[plan.trial] += _within(made, setting)
                count += len(made)
                if count + len(made) * (trials.count - plan.trial - 1) > MOST_SOURCES:
                    raise InputError(
                        f"more than {MOST_SOURCES:,} stimuli in all trials; take "
                        "fewer trials or fewer flashes"
                    )
        except InputError as error:
            faults.append(Fault(place, str(error)))
        if late and all(late):
            warnings.warn(
                f"stimulus '{name}' begins at {1e3 * stimulus.onset:g} ms, after the "
                f"end of the trial of {1e3 * steps * dt:g} ms: never shown",
                stacklevel=2,
            )
    noisy = [s for s in stimuli if isinstance(s, WhiteNoise)]
    if len(noisy) > 1:
        faults.append(Fault("stimuli", (
            f"{len(noisy)} white-noise drives; a recording keeps the values of one, "
            "with as many patches as you like"
        )))  # fmt: skip
    if faults:
        return Drive(), faults
    rows = [dict(source.event) for sources in by_trial for source in sources
            if source.event is not None]  # fmt: skip
    kept = _drive_table(noisy[0], drawn, lattice, dt, trials, steps) if noisy else None
    if trials.mode == "continuous":
        by_trial = [[source for sources in by_trial for source in sources]]
    return Drive(by_trial, rows, kept), []


def _within(sources: Sequence[Source], setting: Setting) -> list[Source]:
    """The sources as far as they lie in their trial, with events that say so.

    The trials of a continuous run do not reach into one another.
    """
    kept: list[Any] = [source for source in sources if source.first < setting.end]
    for place, source in enumerate(kept):
        if source.last > setting.end:
            event = source.event
            if event is not None:
                rest = setting.end * setting.dt - event["onset"]
                event = {**event, "duration": min(event["duration"], rest)}
            kept[place] = replace(source, last=setting.end, event=event)
    return kept


def _check_drawn(values: np.ndarray, trials: Trials) -> None:
    if values.nbytes * trials.count > LARGEST_DRAWN:
        raise InputError(
            f"white noise of {values.shape[0]} values for each of {values.shape[1]} "
            f"patches in {trials.count} trials takes more than 1 GiB; lengthen the "
            "clock, or take fewer patches or trials"
        )


def _first_step(trials: Trials, plan: Plan, steps: int) -> int:
    return plan.trial * steps if trials.mode == "continuous" else 0


def _drawn(
    stimulus: Any, setting: Setting, seed: int, plan: Plan, number: int
) -> np.ndarray | None:
    """What a white-noise drive draws in a trial; 0 in a trial that does not show it."""
    if not isinstance(stimulus, WhiteNoise):
        return None
    values = stimulus.drawn(setting, np.random.default_rng([seed, plan.trial, number]))
    hidden = plan.catch or stimulus.condition not in (None, plan.condition)
    return np.zeros_like(values) if hidden else values


def _drive_table(
    stimulus: WhiteNoise, drawn: list[np.ndarray], lattice: Lattice, dt: float,
    trials: Trials, steps: int,
) -> xr.Dataset:  # fmt: skip
    """The values drawn, as the recording keeps them: (trial, clock, patch).

    Every trial has the same clock; continuous trials follow one another on one, in
    seconds of the run.
    """
    table = np.stack(drawn)
    tick = stimulus.clock_steps(dt) * dt
    first = np.floor(stimulus.onset / dt + 0.5) * dt  # the step it is rounded to
    clock = first + tick * np.arange(table.shape[1])
    if trials.mode == "continuous":
        starts = dt * steps * np.arange(len(drawn))
        clock = (starts[:, None] + clock).ravel()
        table = table.reshape(1, -1, table.shape[-1])
    return xr.Dataset(
        {
            "values": (("trial", "clock", "patch"), table, {
                "units": "1", "long_name": f"values of {stimulus.distribution} noise, "
                "before amplitude and feature weights"}),
            "patch": (("y", "x"), stimulus.patch_map(lattice),
                      {"units": "1", "long_name": "patch of each site"}),
        },
        coords={"clock": ("clock", clock, {"units": "s"})},
    )  # fmt: skip
