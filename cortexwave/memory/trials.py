"""Trials of a recording as labelled vectors in time: what every readout is given.

A readout never sees where its data come from: a sheet, a network, an array in cortex.
It gets trials cut around events, their class, and what may not be split between the
two sides of a cross-validation (blocks, sessions, subjects).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.memory.arguments import check_whole, real_numbers, refuse_missing
from cortexwave.memory.series import series
from cortexwave.recording.cutting import epochs, of_kinds

_PIECES = 10  # at least, of a recording whose trials all overlap
LABELS = ("stimulus", "item", "kind", "outcome", "x", "y", "session", "subject")


@dataclass(frozen=True)
class Trials:
    """Trials of equal length: values (trial, time, site), one class per trial.

    `clock` (time,) in s from the onset, in equal steps of `step`; `labels` (trial,) the
    class of each trial, as text; `block`, `session`, `subject` (trial,) as text, ""
    where unknown; `positions` (site, 2) x and y in mm, or None where sites have none.
    No value is missing: sites that are missing throughout were left out. `stretch`
    (trial,) numbers trials whose windows overlap alike; None where none do. `event`
    (trial,) is the row of the recording's event that a trial was cut around.
    """

    values: np.ndarray
    clock: np.ndarray
    labels: np.ndarray
    block: np.ndarray
    session: np.ndarray
    subject: np.ndarray
    positions: np.ndarray | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    stretch: np.ndarray | None = None
    event: np.ndarray | None = None

    @property
    def step(self) -> float:
        """Time between two frames in s."""
        return float((self.clock[-1] - self.clock[0]) / max(1, self.clock.size - 1))

    @property
    def classes(self) -> np.ndarray:
        """The classes there are, in sorted order (numbers by their value)."""
        return np.array(sorted(set(self.labels.tolist()), key=_by_value))

    @property
    def codes(self) -> np.ndarray:
        """The class of each trial as an index into `classes`."""
        at = {name: i for i, name in enumerate(self.classes.tolist())}
        return np.array([at[name] for name in self.labels.tolist()])

    def chosen(self, trials: np.ndarray) -> Trials:
        """Some of the trials, by index or mask."""
        return replace(
            self, values=self.values[trials], labels=self.labels[trials],
            block=self.block[trials], session=self.session[trials],
            subject=self.subject[trials],
            stretch=None if self.stretch is None else self.stretch[trials],
            event=None if self.event is None else self.event[trials],
        )  # fmt: skip

    def at(self, frames: np.ndarray) -> Trials:
        """Some of the frames, by index; in equal steps only if these are."""
        return replace(self, values=self.values[:, frames], clock=self.clock[frames])


def trials_of(
    recording: xr.Dataset,
    *,
    window: tuple[float, float],
    label: str = "stimulus",
    variable: str | None = None,
    kinds: Sequence[str] | None = None,
) -> Trials:
    """Trials of a recording cut around its events, each labelled by an event's column.

    `window` is (before, after) the onset in s; `label` the column that names the class
    (one of stimulus, item, kind, outcome, x, y, session, subject); `kinds` keeps only
    events of these kinds (None: all). Sites are all places and features together.
    Windows that overlap share frames, and those of one trial its past: such trials
    make a `stretch` and are never apart in a cross-validation. A stretch longer than a
    tenth of all trials, or than a block, is cut by leaving trials out at the seams
    (attribute `left_out`).
    Raises `InputError` where a column is empty or no event fits.
    """
    cut = cut_around(recording, window=window, label=label, kinds=kinds)
    return trials_of_cut(cut, window=window, label=label, variable=variable,
                         apart="trial" in recording.dims)  # fmt: skip


def cut_around(
    recording: xr.Dataset, *, window: tuple[float, float], label: str,
    kinds: Sequence[str] | None,
) -> xr.Dataset:  # fmt: skip
    """The recording around the events that `trials_of` takes, each of a class."""
    events = schema.events(recording)
    if label not in LABELS:
        raise InputError(f"label is '{label}'; an event is labelled by one of "
                         f"{', '.join(LABELS)}")  # fmt: skip
    events = events.assign(row=("event", np.arange(events.sizes["event"])))
    events = of_kinds(events, kinds)
    if events.sizes["event"] == 0:
        raise InputError("the recording has no events; a readout needs trials to read")
    cut = epochs(recording, events, window=window)
    labels = np.array([_text(value) for value in cut[f"event_{label}"].values])
    if (labels == "").any():
        raise InputError(
            f"event column '{label}' is empty in {int((labels == '').sum())} of "
            f"{labels.size} trials; name the column that holds the class"
        )
    return cut


def check_trials(trials: object) -> None:
    """`InputError` that says how to come by trials, for anything else."""
    if not isinstance(trials, Trials):
        raise InputError(
            f"the trials are given as {type(trials).__name__}; give trials_of("
            "recording, window=(before, after)), or of arrays trials_from(values, "
            "labels, step=...)"
        )


def trials_of_cut(
    cut: xr.Dataset, *, window: tuple[float, float], label: str, variable: str | None,
    apart: bool,
) -> Trials:  # fmt: skip
    """Trials of what `cut_around` gave; `apart` if of a recording with trials."""
    labels = np.array([_text(value) for value in cut[f"event_{label}"].values])
    measured = series(cut, variable)
    texts = {
        name: np.array([_text(value) for value in cut[f"event_{name}"].values])
        for name in ("block", "session", "subject")
    }
    made = Trials(
        values=measured.values, clock=measured.clock, labels=labels,
        positions=_positions(measured.labels), **texts,
        event=np.asarray(cut["event_row"].values),
        attributes={**measured.attributes, "label": label, "window": list(window)},
    )  # fmt: skip
    return _in_stretches(
        made, np.asarray(cut["event_onset"].values, dtype=float),
        np.asarray(cut["event_trial"].values) if apart else np.zeros(labels.size),
    )  # fmt: skip


def trials_from(
    values: np.ndarray,
    labels: Sequence[object] | np.ndarray,
    *,
    step: float,
    start: float = 0.0,
    positions: np.ndarray | None = None,
    block: Sequence[object] | None = None,
    session: Sequence[object] | None = None,
    subject: Sequence[object] | None = None,
) -> Trials:
    """Trials from plain arrays: values (trial, time, site), one label per trial.

    `step` is the time between frames and `start` that of the first, in s from onset.
    """
    values = real_numbers(values, "values")
    if values.ndim != 3 or not values.size:
        raise InputError(f"values are {values.shape}; dims (trial, time, site) are due")
    refuse_missing(values, "values", "sites")
    if not (np.isfinite(step) and step > 0 and np.isfinite(start)):
        raise InputError(f"step is {step} s and start {start} s; a positive time and a "
                         "time are due")  # fmt: skip

    def texts(name: str, column: Sequence[object] | np.ndarray | None) -> np.ndarray:
        given = [""] * len(values) if column is None else list(column)
        if len(given) != len(values):
            raise InputError(f"{name} has {len(given)} values for {len(values)} trials")
        return np.array([_text(value) for value in given])

    classes = texts("labels", labels)
    if (classes == "").any():
        raise InputError(f"labels: {int((classes == '').sum())} of {classes.size} are "
                         "missing; leave these trials out")  # fmt: skip
    if positions is not None:
        positions = np.asarray(positions, dtype=float)
        if positions.shape != (values.shape[2], 2) or not np.isfinite(positions).all():
            raise InputError(f"positions are {positions.shape}; ({values.shape[2]}, 2) "
                             "finite x and y in mm are due")  # fmt: skip
    return Trials(
        values=values, clock=start + step * np.arange(values.shape[1]),
        labels=classes, block=texts("block", block),
        session=texts("session", session), subject=texts("subject", subject),
        positions=positions,
    )  # fmt: skip


def folds(
    labels: np.ndarray, groups: np.ndarray, *, count: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Train and test trials of each fold: every trial is tested once.

    Trials of one group (a block) never stand on both sides; with a single group, trials
    are dealt out so that every fold has its share of each class. There are `count`
    folds, or fewer where groups or the rarest class have no more members.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    check_whole(seed, "seed", least=0)
    if count < 2:
        raise InputError(f"{count} folds; 2 or more are due, to learn and to test")
    labels, groups = np.asarray(labels), np.asarray(groups)
    _, members = np.unique(labels, return_counts=True)
    if members.size < 2:
        raise InputError("all trials are of one class; a readout tells classes apart")
    if members.min() < 2:
        raise InputError("a class has a single trial; at least 2 are due, one to learn "
                         "from and one to test")  # fmt: skip
    apart = np.unique(groups).size
    count = min(count, int(members.min()), apart if apart > 1 else count)
    kind = StratifiedGroupKFold if apart > 1 else StratifiedKFold
    splitter = kind(n_splits=count, shuffle=True, random_state=seed)
    split = splitter.split(
        np.zeros((labels.size, 1)), labels, groups if apart > 1 else None
    )
    made = [(np.asarray(train), np.asarray(test)) for train, test in split]
    for train, _ in made:
        if np.unique(labels[train]).size < members.size:
            raise InputError(
                "blocks and classes go together: leaving blocks out for testing leaves "
                "a class without trials to learn from"
            )
    return [pair for pair in made if pair[1].size]


def _in_stretches(trials: Trials, onset: np.ndarray, source: np.ndarray) -> Trials:
    """The trials, numbered by stretch where their windows overlap.

    `onset` (trial,) in s, `source` (trial,) the trial of the recording it was cut from.
    A few cut from one trial, as the items of a sequence, are a stretch too, apart or
    not: what an earlier event left is in the later windows.
    """
    reach = trials.clock.size * trials.step * (1 - 1e-6)
    most = max(2, -(-onset.size // _PIECES))
    blocks = [trials.subject, trials.session, trials.block]
    _, cut = np.unique(source, return_counts=True)
    if cut.size > 1 and cut.max() <= most:
        reach = np.inf
    stretch, left_out = np.full(onset.size, -1), []
    number, last = -1, None
    for k in np.lexsort((onset, source)).tolist():
        apart = (
            last is None or source[k] != source[last] or onset[k] - onset[last] >= reach
        )
        if apart:
            number += 1
        elif (stretch == number).sum() >= most or any(
            column[k] != column[last] for column in blocks
        ):
            left_out.append(k)
            continue
        stretch[k], last = number, k
    if number + 1 == onset.size:
        return trials
    kept = np.setdiff1d(np.arange(onset.size), left_out)
    described = {**trials.attributes, "left_out": len(left_out)}
    return replace(trials, stretch=stretch, attributes=described).chosen(kept)


def _positions(labels: dict[str, tuple[np.ndarray, dict[str, Any]]]) -> Any:
    if "x" not in labels or labels["x"][0].dtype.kind not in "iuf":
        return None
    x = np.asarray(labels["x"][0], dtype=float)
    y = np.asarray(labels["y"][0], dtype=float) if "y" in labels else np.zeros_like(x)
    return np.stack([x, y], axis=1)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float | np.floating):
        return "" if not np.isfinite(value) else f"{float(value):g}"
    return str(value)


def _by_value(name: str) -> tuple[int, float, str]:
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)
