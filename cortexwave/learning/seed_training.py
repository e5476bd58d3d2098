"""One seed of a training, from its start or its checkpoint to its result."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import torch
from torch import nn

from cortexwave.devices import denormals_flushed, torch_device
from cortexwave.errors import Interrupted, NotFiniteError, RunError
from cortexwave.learning import checkpoints
from cortexwave.learning.building import build_network, summary
from cortexwave.learning.checkpoints import Standing
from cortexwave.learning.optimisation import Stepped, evaluate, optimiser_of, step
from cortexwave.learning.tasks import Shape, Source
from cortexwave.learning.training_document import Lesson, Training
from cortexwave.learning.training_log import Log, read_log
from cortexwave.learning.training_summary import write_result
from cortexwave.learning.wave_rnn import WaveRNN

CHECKPOINT_EVERY = 5.0  # s between checkpoints, at least
_LAST, _BEST = "checkpoint.h5", "best.h5"


@dataclass(frozen=True)
class Progress:
    """How far a training is: which seed, iterations done of how many, last scores."""

    seed: int
    iteration: int
    of: int
    row: dict[str, Any] | None = None


@dataclass(frozen=True)
class _Run:
    """All that one seed is trained with; `standing` is what changes."""

    training: Training
    folder: Path
    seed: int
    source: Source
    network: nn.Module
    optimiser: torch.optim.Optimizer
    standing: Standing

    @property
    def per_unit(self) -> int:
        """Iterations in one unit of the length: one, or those of an epoch."""
        count, chosen = self.source.counts["train"], self.training.training
        if count is None or chosen.epochs is None:
            return 1
        return count // chosen.batch

    @property
    def total(self) -> int:
        """Iterations of the whole length."""
        return self.training.training.length * self.per_unit

    @property
    def where(self) -> str:
        """The place for a message."""
        return f"seed {self.seed}, iteration {self.standing.iteration}"

    def save(self, name: str) -> None:
        """Replace one of the seed's checkpoints; only the last one can be gone on."""
        file = str(Path(self.training.source.file).absolute())
        checkpoints.save(
            self.folder / name, self.network, self.source, self.standing,
            document=(self.training.text, file), seed=self.seed,
            optimiser=self.optimiser if name == _LAST else None,
        )  # fmt: skip

    def scores(
        self, network: nn.Module, source: Source, split: str
    ) -> dict[str, float]:
        """Scores of a network on a split of a source."""
        return evaluate(
            network, source, split, sequences=self.training.evaluation.sequences,
            batch=self.training.training.batch, where=self.where,
        )  # fmt: skip


def train_seed(
    training: Training, folder: Path, seed: int, stopped: Event
) -> Iterator[Progress]:
    """Train one seed to its end, telling every iteration; `Interrupted` when stopped.

    `NotFiniteError` leaves the weights of before in the checkpoint.
    """
    with _settings(training):
        run = _begun(training, folder, seed)
    log = Log(folder, read_log(folder, run.standing.iteration)
              if (folder / _LAST).exists() else [])  # fmt: skip
    try:
        yield from _train(run, log, stopped)
        with _settings(training):
            _finish(run)
    except NotFiniteError:
        run.save(_LAST)
        raise


def network_of(training: Training, shape: Shape, seed: int, device: str) -> nn.Module:
    """The network of a document as it starts."""
    place = training.run
    where = torch_device(device, place.dtype)
    return build_network(
        training.network, shape=shape, seed=seed,
        dtype=getattr(torch, place.dtype), backend=place.backend, budget=place.memory,
    ).to(where)  # fmt: skip


def _begun(training: Training, folder: Path, seed: int) -> _Run:
    """A seed at its start, or where its checkpoint left it."""
    source = training.task.open(training.folder, seed)
    network = network_of(training, source.shape, seed, training.run.device)
    optimiser = optimiser_of(network, training.training)
    standing = Standing()
    if (folder / _LAST).exists():
        found = checkpoints.load(folder / _LAST)
        checkpoints.check_belongs(found, training, seed)
        standing = checkpoints.restore(found, network, source, optimiser)
    return _Run(training, folder, seed, source, network, optimiser, standing)


def _train(run: _Run, log: Log, stopped: Event) -> Iterator[Progress]:
    """Iterations up to a reason to end, with rows, checkpoints and best weights."""
    training, standing = run.training, run.standing
    taught, lesson = run.source, len(training.curriculum)  # of the whole task
    if standing.iteration == 0:
        with _settings(training):
            log.add(_row(run, None, 0.0))
        run.save(_BEST)
    clock = since = time.monotonic()
    while not standing.ended:
        with _settings(training):
            if lesson != len(standing.lessons):
                lesson = len(standing.lessons)
                taught = _taught(run, lesson)
            row = _advance(run, taught)
        now = time.monotonic()
        standing.seconds += now - clock
        clock = now
        if row is not None:
            log.add(row)
            if standing.best_iteration == standing.iteration:
                run.save(_BEST)
            standing.ended = _ended(run, row)
        yield Progress(run.seed, standing.iteration, run.total, row)
        if now - since > CHECKPOINT_EVERY or standing.ended or stopped.is_set():
            run.save(_LAST)
            since = now
        if stopped.is_set() and not standing.ended:
            where = run.folder.parent
            raise Interrupted(
                f"stopped seed {run.seed} after {standing.iteration} of {run.total} "
                f"iterations; `cortexwave resume {where}` goes on", str(where),
            )  # fmt: skip


def _advance(run: _Run, taught: Source) -> dict[str, Any] | None:
    """One iteration on what is `taught`; a row of the log where scores are due."""
    standing, chosen = run.standing, run.training.training
    done = standing.iteration // run.per_unit
    rate = chosen.learning_rate * chosen.schedule.factor(done, chosen.length)
    batch = taught.batch("train", standing.iteration, chosen.batch)
    lesson = _lesson(run)  # the one that is taught now, whatever is passed below
    seen = step(run.network, run.optimiser, batch, taught.shape, chosen, rate=rate,
                where=run.where)  # fmt: skip
    standing.iteration += 1
    standing.loss_sum += seen.loss
    standing.loss_count += 1
    if lesson is not None and lesson.on == "batch":
        answers = seen.outputs.double().cpu().numpy()
        _pass(lesson, standing, taught.scores(answers, batch.targets))
    every = run.training.evaluation.every * run.per_unit
    if standing.iteration % every and standing.iteration < run.total:
        return None
    row = _row(run, seen, rate)
    standing.loss_sum, standing.loss_count = 0.0, 0
    if lesson is not None and lesson.on == "evaluation":
        _pass(lesson, standing, run.scores(run.network, taught, "valid"))
        row["lesson"] = len(standing.lessons)
    return row


def _taught(run: _Run, lesson: int) -> Source:
    """The sequences of a lesson; after the last one the task as written."""
    if lesson >= len(run.training.curriculum):
        return run.source
    return run.training.lesson(lesson).open(run.training.folder, run.seed)


def _lesson(run: _Run) -> Lesson | None:
    """The lesson that a seed is at; None where it is at the task as written."""
    lessons, passed = run.training.curriculum, len(run.standing.lessons)
    return lessons[passed] if passed < len(lessons) else None


def _pass(lesson: Lesson, standing: Standing, scores: dict[str, float]) -> None:
    """Note that a lesson is passed where its scores are all reached."""
    if all(reached(name, scores[name], goal) for name, goal in lesson.until.items()):
        standing.lessons.append(standing.iteration)


def _row(run: _Run, seen: Stepped | None, rate: float) -> dict[str, Any]:
    """Scores on the validation part, as a row of the log; notes best and goals.

    They are those of the task as written, whatever the lesson.
    """
    training, standing = run.training, run.standing
    scores = run.scores(run.network, run.source, "valid")
    at = {"lesson": len(standing.lessons)} if training.curriculum else {}
    chosen = training.evaluation.select or run.source.shape.loss
    sign = 1.0 if greater_is_better(chosen) else -1.0
    if standing.best is None or sign * scores[chosen] > sign * standing.best:
        standing.best, standing.best_iteration = scores[chosen], standing.iteration
    for name, goal in training.goals.items():
        if reached(name, scores[name], goal):
            standing.goals.setdefault(name, standing.iteration)
    count = standing.loss_count
    return {
        "iteration": standing.iteration,
        **at,
        "learning_rate": rate,
        "batch_loss": None if seen is None else seen.loss,
        "mean_loss": standing.loss_sum / count if count else None,
        "gradient_norm": None if seen is None else seen.gradient_norm,
        "seconds": round(standing.seconds, 3),
        **{f"valid_{name}": score for name, score in scores.items()},
    }


def _ended(run: _Run, row: dict[str, Any]) -> str:
    """Why a seed ends at this row; "" where it goes on."""
    stop, standing, goals = run.training.stop, run.standing, run.training.goals
    if standing.iteration >= run.total:
        return "length"
    if stop.at_goals and all(
        reached(name, row[f"valid_{name}"], goal) for name, goal in goals.items()
    ):
        return "goals"
    waited = standing.iteration - standing.best_iteration
    if stop.patience is not None and waited >= stop.patience * run.per_unit:
        return "patience"
    if stop.budget is not None and standing.seconds >= stop.budget:
        return "budget"
    return ""


def _finish(run: _Run) -> None:
    """Scores on the test part, of the last weights and of the best; then the sheet."""
    standing = run.standing
    best = network_of(run.training, run.source.shape, run.seed, run.training.run.device)
    found = checkpoints.load(run.folder / _BEST)
    checkpoints.restore_network(found, best)
    write_result(run.folder, {
        "ended": standing.ended,
        "iterations": standing.iteration,
        "seconds": round(standing.seconds, 3),
        "best_iteration": found.standing.iteration,
        "goals": standing.goals,
        "lessons": standing.lessons,
        "test": run.scores(run.network, run.source, "test"),
        "best": run.scores(best, run.source, "test"),
        "chance": dict(run.source.chance),
        "network": summary(run.network),
    })  # fmt: skip
    if isinstance(run.network, WaveRNN):
        _export(run)


def _export(run: _Run) -> None:
    """The network as a sheet, shown a few sequences of the test part."""
    from cortexwave.learning.sheets import export_sheet

    export, count = run.training.export, run.source.counts["test"]
    shown = min(export.sequences, count or export.sequences)
    title = " ".join(run.training.title.split())[:380]  # a sheet's has 400 letters
    export_sheet(
        run.network, run.source.batch("test", 0, shown).inputs, run.folder / "sheet",
        step=export.step, spacing=export.spacing, title=f"{title}: seed {run.seed}",
    )  # fmt: skip


def greater_is_better(score: str) -> bool:
    """Whether more of a score is better: accuracies and fractions, not errors."""
    return "accuracy" in score or "fraction" in score


def reached(score: str, value: float, goal: float) -> bool:
    """Whether a score is as good as a goal."""
    return value >= goal if greater_is_better(score) else value <= goal


@contextmanager
def _settings(training: Training) -> Iterator[None]:
    """Threads and denormals as the document has them; afterwards as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(training.run.threads or before)
    try:
        with denormals_flushed():
            yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RunError) or not _is_want_of_memory(error):
            raise
        raise RunError(
            f"{training.source.file}: out of memory on {training.run.device}: lower "
            f"run.memory (now {training.run.memory} bytes), training.batch (now "
            f"{training.training.batch}) or the network's size"
        ) from error
    finally:
        torch.set_num_threads(before)


def _is_want_of_memory(error: Exception) -> bool:
    kinds = MemoryError | torch.OutOfMemoryError
    return isinstance(error, kinds) or "DefaultCPUAllocator" in str(error)
