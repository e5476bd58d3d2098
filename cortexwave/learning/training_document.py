"""The training document: what stands in a file of kind `training`.

Task, network, optimiser, length, curriculum, goals and seeds, whole and checked;
torch is not needed to read one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, PrivateAttr, ValidationError, model_validator

from cortexwave.documents import (
    Document,
    Source,
    changed_text,
    parse_document,
    read_document,
)
from cortexwave.errors import Fault, ProtocolError
from cortexwave.faults import check_document, fault_error, nearest
from cortexwave.learning import STATE_BUDGET, tasks
from cortexwave.learning.network_documents import NetworkDocument, network_faults
from cortexwave.learning.readout_documents import TimeCourseReadout
from cortexwave.learning.tasks import TaskDocument
from cortexwave.nodes import shown
from cortexwave.units import Duration, Length


class Constant(Document):
    """The learning rate as it is."""

    kind: Literal["constant"] = "constant"

    def factor(self, done: float, of: int) -> float:
        """What the learning rate is multiplied by after `done` of the length."""
        return 1.0


class Steps(Document):
    """The learning rate times `times` at every `every` iterations (or epochs)."""

    kind: Literal["steps"] = "steps"
    every: int = Field(ge=1)
    times: float = Field(gt=0, le=1)

    def factor(self, done: float, of: int) -> float:
        """What the learning rate is multiplied by after `done` of the length."""
        return float(self.times ** (done // self.every))


class Cosine(Document):
    """The learning rate along half a cosine from 1 to `least` (Loshchilov 2017)."""

    kind: Literal["cosine"] = "cosine"
    least: float = Field(default=0.0, ge=0, le=1)

    def factor(self, done: float, of: int) -> float:
        """What the learning rate is multiplied by after `done` of the length."""
        from math import cos, pi

        return self.least + (1 - self.least) * 0.5 * (1 + cos(pi * min(done / of, 1)))


Schedule = Annotated[Constant | Steps | Cosine, Field(discriminator="kind")]


class Optimisation(Document):
    """How the weights are changed, and for how long.

    The length is in `iterations` or in `epochs`, and so is every count that has to
    do with it (`every` of the evaluation and of the schedule, `patience`). `clip`
    bounds the norm of the gradient; `loss_scale` multiplies the loss before it is
    differentiated (published code divides by the batch, which matters only with
    `clip`).
    """

    optimiser: Literal["adam", "adamw", "sgd", "rmsprop"] = "adam"
    learning_rate: float = Field(gt=0, le=100)
    momentum: float = Field(default=0.0, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0, le=1e3)
    batch: int = Field(default=128, ge=1, le=2**20)
    iterations: int | None = Field(default=None, ge=1, le=10**9)
    epochs: int | None = Field(default=None, ge=1, le=10**6)
    clip: float | None = Field(default=None, gt=0)
    loss_scale: float = Field(default=1.0, gt=0)
    schedule: Schedule = Constant()

    @model_validator(mode="after")
    def _one_length(self) -> Optimisation:
        if (self.iterations is None) == (self.epochs is None):
            raise ValueError("give its length as 'iterations' or as 'epochs'")
        if self.momentum and self.optimiser not in ("sgd", "rmsprop"):
            raise ValueError(f"{self.optimiser} has no momentum to set")
        return self

    @property
    def unit(self) -> str:
        """What lengths are counted in."""
        return "iterations" if self.epochs is None else "epochs"

    @property
    def length(self) -> int:
        """Length in its unit."""
        return self.iterations if self.epochs is None else self.epochs  # type: ignore[return-value]


class Lesson(Document):
    """What is trained before the task as it is written, and until when.

    `task` are keys of the task and their values in this lesson; `until` are scores
    of this lesson's task that must all be reached at once, `on` a single training
    batch or on an evaluation, which is then made on this task's validation part too.
    """

    task: dict[str, Any] = Field(min_length=1)
    until: dict[str, float] = Field(min_length=1)
    on: Literal["batch", "evaluation"] = "batch"


class Evaluation(Document):
    """When and on how many sequences the scores are taken.

    `sequences` of a generated task; a data set's own validation part is used whole.
    `select` is the score that the best weights are chosen by (the loss where it is
    not given).
    """

    every: int = Field(default=100, ge=1)
    sequences: int = Field(default=1000, ge=1, le=10**6)
    select: str | None = None


class Stop(Document):
    """When a seed ends before its length: at the goals, or without progress.

    `patience` counts iterations (or epochs) since the best evaluation; `budget` is
    wall time for each seed.
    """

    at_goals: bool = False
    patience: int | None = Field(default=None, ge=1)
    budget: Duration | None = None


class Place(Document):
    """Where and in what numbers: `memory` is the budget of the state history."""

    device: str = "cpu"
    dtype: Literal["float32", "float64"] = "float32"
    backend: Literal["auto", "reference", "torch", "triton"] = "auto"
    memory: int = Field(default=STATE_BUDGET, ge=2**16, description="bytes")
    threads: int | None = Field(default=1, ge=1, le=1024)


class Export(Document):
    """The trained network as a sheet: its step, its spacing, sequences to show it."""

    step: Duration = 0.01
    spacing: Length = 0.1
    sequences: int = Field(default=2, ge=1, le=10_000)


class Training(Document):
    """A training, whole: frozen, checked, made by `load_training`."""

    cortexwave: Literal[1]
    kind: Literal["training"]
    title: str = Field(min_length=1, max_length=400)
    units: Literal["text", "base"] = "text"
    task: TaskDocument
    network: NetworkDocument
    training: Optimisation
    # in this order; the last lesson is the task as written
    curriculum: list[Lesson] = Field(default=[], max_length=1000)
    evaluation: Evaluation = Evaluation()
    # score -> the value to be reached; the iteration of each is noted
    goals: dict[str, float] = Field(default_factory=dict)
    stop: Stop = Stop()
    seeds: list[int] = Field(default=[0], min_length=1, max_length=1000)
    run: Place = Place()
    export: Export = Export()

    _source: Source | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _seeds(self) -> Training:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds {self.seeds} name one twice")
        if min(self.seeds) < 0 or max(self.seeds) >= 2**63:
            raise ValueError("seeds are whole numbers from 0 on")
        if self.stop.at_goals and not self.goals:
            raise ValueError("stop.at_goals is set, but there are no goals")
        return self

    @model_validator(mode="after")
    def _lessons(self) -> Training:
        faults: list[tuple[tuple[str | int, ...], str]] = []
        for place in range(len(self.curriculum)):
            try:
                self.lesson(place)
            except ValidationError as error:
                for item in error.errors(include_url=False):
                    message = item["msg"].removeprefix("Value error, ")
                    faults.append((("curriculum", place, "task", *item["loc"]),
                                   f"{message[0].lower()}{message[1:]}"))  # fmt: skip
        if faults:
            raise fault_error("training", faults)
        return self

    def lesson(self, place: int) -> TaskDocument:
        """The task of a lesson; after the last one, the task as it is written."""
        if place >= len(self.curriculum):
            return self.task
        whole: Any = self.task
        written = whole.model_dump(exclude_unset=True)
        changed: TaskDocument = type(whole).model_validate(
            {**written, **self.curriculum[place].task}
        )
        return changed

    @property
    def source(self) -> Source:
        """The document it was read from, for lines and folder of its files."""
        if self._source is None:  # made in Python
            return Source("<training>", self.resolved(), {}, {})
        return self._source

    @property
    def text(self) -> str:
        """The YAML it was read from, verbatim."""
        return self.source.text

    @property
    def folder(self) -> Path:
        """Folder that relative paths in it start from."""
        return self.source.folder

    def with_changes(self, changes: Mapping[str, Any]) -> Training:
        """A new training with values at dotted paths replaced, checked anew."""
        if not changes:
            return self
        file = self.source.file
        return parse_training(changed_text(self.text, changes, file=file), file=file)

    def resolved(self) -> str:
        """Canonical JSON of everything that decides the training, in base units."""
        values = {**self.model_dump(mode="json"), "units": "base"}
        return json.dumps(values, sort_keys=True, indent=1)


def load_training(path: str | Path) -> Training:
    """The checked training in a YAML file.

    Raises `ProtocolError` with every fault and its line; `InputError` if the file
    cannot be read.
    """
    return training_of(read_document(path))


def parse_training(text: str, *, file: str = "<text>") -> Training:
    """The checked training in a YAML text; relative paths start at `file`'s folder."""
    return training_of(parse_document(text, file=file))


def training_of(source: Source) -> Training:
    """The training in a document that has been read."""
    kind = source.values.get("kind")
    if "kind" in source.values and kind != "training":
        raise ProtocolError(source.file, [Fault("kind", (
            f"{kind!r} is not a kind of document that can be trained; that is "
            "'training'"
        ), source.line(("kind",)))])  # fmt: skip
    text = source.values.get("units") != "base"
    training: Training = check_document(Training, source, document=text)
    training._source = source
    return training


def check_training_document(training: Training) -> None:
    """What can be told without torch, and without files that the user has to bring.

    Raises `ProtocolError` with every fault and its line.
    """
    if not hasattr(training.task, "folder"):
        check_parts(training, training.task.open(training.folder, training.seeds[0]))


def check_parts(training: Training, source: tasks.Source) -> None:
    """Hold the parts of a document against one another and the task's sequences."""
    faults: list[tuple[tuple[str | int, ...], str]] = [
        (("network", *path), message)
        for path, message in network_faults(training.network, source.shape)
    ]
    named = [(("goals", name), name) for name in training.goals]
    if training.evaluation.select is not None:
        named.append((("evaluation", "select"), training.evaluation.select))
    for path, name in named:
        if name not in source.chance:
            known = ", ".join(source.chance)
            message = f"'{name}' is no score of the task; scores are {known}"
            faults.append((path, message + nearest(name, source.chance)))
    faults += _lesson_faults(training, source)
    chosen, count = training.training, source.counts["train"]
    if count is not None and chosen.batch > count:
        message = f"{chosen.batch}; the training part has {count} sequences"
        faults.append((("training", "batch"), message))
    if count is None and chosen.epochs is not None:
        faults.append((("training", "epochs"), (
            "the task makes its sequences on demand, so that there is no epoch; give "
            "training.iterations"
        )))  # fmt: skip
    if faults:
        document = training.source
        raise ProtocolError(document.file, [
            Fault(shown(path), message, document.line(path)) for path, message in faults
        ])  # fmt: skip


def _lesson_faults(
    training: Training, source: tasks.Source
) -> Iterable[tuple[tuple[str | int, ...], str]]:
    """What of the lessons does not fit the task as written, or has no such score."""
    readout = getattr(training.network, "readout", None)
    timed = isinstance(readout, TimeCourseReadout) or training.network.kind == "linear"
    for place, lesson in enumerate(training.curriculum):
        path: tuple[str | int, ...] = ("curriculum", place)
        taught = training.lesson(place).open(training.folder, training.seeds[0])
        steps = taught.shape.steps
        if not _alike(taught, source):
            message = "the network of the whole task cannot do this one: inputs, "
            message += "outputs and number of sequences must be the same"
            yield (*path, "task"), message
            continue
        if timed and steps != source.shape.steps:
            message = f"{steps} steps; this network has weights for each of the "
            message += f"{source.shape.steps} steps of the whole task"
            yield (*path, "task"), message
        known = taught.chance if lesson.on == "evaluation" else _batch_scores(taught)
        for name in lesson.until:
            if name not in known:
                message = f"'{name}' is no score of this lesson's {lesson.on}; scores "
                message += f"are {', '.join(known)}{nearest(name, known)}"
                yield (*path, "until", name), message


def _alike(one: tasks.Source, other: tasks.Source) -> bool:
    """Whether one network, and one count of iterations, serves both."""
    shapes = [replace(s.shape, steps=1, first_answer=0) for s in (one, other)]
    return shapes[0] == shapes[1] and dict(one.counts) == dict(other.counts)


def _batch_scores(source: tasks.Source) -> Mapping[str, float]:
    """The scores that a training batch has: one of zeros is scored."""
    batch, shape = source.batch("train", 0, 1), source.shape
    due = (1, batch.inputs.shape[1]) if shape.every_step else (1,)
    return source.scores(np.zeros((*due, shape.outputs)), batch.targets)


def json_schema() -> dict[str, Any]:
    """JSON schema of a training document, for editors and for other programs."""
    schema = Training.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "cortexwave training document, version 1",
        **{key: value for key, value in schema.items() if key != "title"},
    }
