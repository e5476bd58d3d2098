"""The training document: what stands in a file of kind `training`.

Task, network, optimiser, length, curriculum, goals and seeds, whole and checked;
torch is not needed to read one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationError, model_validator

from cortexwave.documents import Document, parse_document, read_document
from cortexwave.faults import fault_error
from cortexwave.learning import STATE_BUDGET
from cortexwave.learning.network_documents import NetworkDocument
from cortexwave.learning.tasks import TaskDocument
from cortexwave.units import Duration, Length
from cortexwave.whole_documents import WholeDocument, whole_document


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


class Training(WholeDocument):
    """A training, whole: frozen, checked, made by `load_training`."""

    called: ClassVar[str] = "training document"
    serves: ClassVar[str] = "trained; that is 'training'"

    kind: Literal["training"]
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


def load_training(path: str | Path) -> Training:
    """The checked training in a YAML file.

    Raises `ProtocolError` with every fault and its line; `InputError` if the file
    cannot be read.
    """
    return whole_document(Training, read_document(path))


def parse_training(text: str, *, file: str = "<text>") -> Training:
    """The checked training in a YAML text; relative paths start at `file`'s folder."""
    return whole_document(Training, parse_document(text, file=file))
