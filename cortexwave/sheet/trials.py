"""Trials: how many, in which order, jittered how, and which show nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from cortexwave.documents import Document
from cortexwave.units import quantity_field


class Trials(Document):
    """Repetitions of a protocol.

    `independent`: each starts from the initial state (a trial axis). `continuous`:
    one after the other on a single time axis, cut later at their events. Stimuli
    that name a `condition` are shown in the trials of that condition only; each
    condition is given equally often. `jitter`: all stimuli of a trial start later
    by a time drawn from [0, jitter), but for white noise, which keeps to its clock.
    `catch`: fraction of trials that show nothing.
    """

    count: int = Field(default=1, ge=1, le=100_000)
    mode: Literal["independent", "continuous"] = "independent"
    order: Literal["as_listed", "shuffled"] = "as_listed"
    jitter: quantity_field("ms", least=0.0) = 0.0  # type: ignore[valid-type]
    catch: float = Field(default=0.0, ge=0.0, lt=1.0)


@dataclass(frozen=True)
class Plan:
    """One trial as drawn: its condition ("" if none), delay in s, catch or not."""

    trial: int
    condition: str
    jitter: float
    catch: bool


def plans(trials: Trials, conditions: Sequence[str], seed: int) -> list[Plan]:
    """The trials as drawn from a seed, in the order in which they are run."""
    draw = np.random.default_rng([seed, 0x7121A1])
    names = [conditions[trial % len(conditions)] if conditions else ""
             for trial in range(trials.count)]  # fmt: skip
    catches = np.arange(trials.count) < round(trials.catch * trials.count)
    jitters = draw.uniform(0.0, trials.jitter, trials.count)
    draw.shuffle(catches)
    if trials.order == "shuffled":
        draw.shuffle(names)
    return [
        Plan(trial, names[trial], float(jitters[trial]), bool(catches[trial]))
        for trial in range(trials.count)
    ]
