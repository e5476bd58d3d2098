"""A training held against its task: network, scores, lessons and lengths that fit.

What no part of the document can tell alone. Nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from cortexwave.faults import nearest
from cortexwave.learning import tasks
from cortexwave.learning.network_documents import network_faults
from cortexwave.learning.readout_documents import TimeCourseReadout
from cortexwave.learning.training_document import Training


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
        raise training.source.refusal(faults)


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
