"""Training: from a document to a folder of logs, weights and scores.

`train` begins, `resume_training` goes on after a kill or Ctrl-C and ends with the
same bits: batches are functions of seed and iteration, so that weights, optimiser
and counters are all there is to save.
"""

from __future__ import annotations

import json
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
from cortexwave.errors import (
    Interrupted,
    NotFiniteError,
    RunError,
)
from cortexwave.learning import checkpoints, run_folder
from cortexwave.learning.building import build_network, summary
from cortexwave.learning.checkpoints import Standing
from cortexwave.learning.optimisation import Stepped, evaluate, optimiser_of, step
from cortexwave.learning.tasks import Source
from cortexwave.learning.training_document import (
    Lesson,
    Training,
    check_parts,
    parse_training,
)
from cortexwave.learning.wave_rnn import WaveRNN
from cortexwave.stopping import stop_on_interrupt

CHECKPOINT_EVERY = 20.0  # s between checkpoints, at least


@dataclass(frozen=True)
class Progress:
    """How far a training is: which seed, iterations done of how many, last scores."""

    seed: int
    iteration: int
    of: int
    row: dict[str, Any] | None = None


def train(
    training: Training, folder: str | Path, *, overwrite: bool = False
) -> dict[str, Any]:
    """Train every seed; returns the summary (median and range of every score).

    Raises `NotFiniteError` after all seeds have ended where one of them met a
    number that is not finite; `Interrupted` on Ctrl-C with the folder left whole.
    """
    return _last(training_steps(training, folder, overwrite=overwrite), Path(folder))


def resume_training(folder: str | Path) -> dict[str, Any]:
    """Go on with a training that was killed or interrupted; returns the summary."""
    return _last(resuming_training(folder), Path(folder))


def training_steps(
    training: Training, folder: str | Path, *, overwrite: bool = False
) -> Iterator[Progress]:
    """`train`, told step by step."""
    check_training(training)  # may refuse: before there is a folder
    run_folder.begin(Path(folder), training, overwrite=overwrite)
    return _seeds(training, Path(folder))


def resuming_training(folder: str | Path) -> Iterator[Progress]:
    """`resume_training`, told step by step."""
    return _seeds(run_folder.document_of(Path(folder)), Path(folder))


def load_network(path: str | Path) -> nn.Module:
    """The trained network in a checkpoint (`seed-0/best.h5`, `seed-0/checkpoint.h5`).

    Raises `RecordingError` where the file is none, of another version, cut short,
    or carries anything but numbers and plain values.
    """
    found = checkpoints.load(Path(path))
    training = parse_training(found.document, file=found.file)
    source = training.task.open(training.folder, found.seed)
    network = _network(training, source, found.seed)
    checkpoints.restore(found, network, source)
    return network


def check_training(training: Training) -> dict[str, Any]:
    """Everything that can be told without training; the network's summary.

    Raises `InputError` where data are missing, the device is not there, or the parts
    of the document do not fit one another (each fault with its line).
    """
    source = training.task.open(training.folder, training.seeds[0])
    check_parts(training, source)
    return summary(_network(training, source, training.seeds[0]))


def _last(steps: Iterator[Progress], folder: Path) -> dict[str, Any]:
    for _ in steps:
        pass
    return dict(json.loads((folder / "summary.json").read_text(encoding="utf-8")))


def _seeds(training: Training, folder: Path) -> Iterator[Progress]:
    """Train the seeds that have not ended, one after the other."""
    with stop_on_interrupt() as stopped:
        for seed in training.seeds:
            here = run_folder.seed_folder(folder, seed)
            here.mkdir(exist_ok=True)
            if run_folder.read_result(here) is not None:
                continue
            try:
                yield from _one_seed(training, here, seed, stopped)
            except NotFiniteError as error:  # the other seeds are not lost
                run_folder.write_result(here, {"failed": str(error)})
    failed = run_folder.summarise(folder, training)["failed"]
    if failed:
        raise NotFiniteError(
            f"{len(failed)} of {len(training.seeds)} seeds failed. "
            + "; ".join(failed.values())
        )


def _one_seed(
    training: Training, folder: Path, seed: int, stopped: Event
) -> Iterator[Progress]:
    """Train one seed from its start or its checkpoint to its end."""
    source = training.task.open(training.folder, seed)
    network = _network(training, source, seed)
    optimiser = optimiser_of(network, training.training)
    saved = folder / "checkpoint.h5"
    standing = Standing()
    if saved.exists():
        standing = checkpoints.restore(
            checkpoints.load(saved), network, source, optimiser
        )
    taught, lesson = source, len(training.curriculum)  # of the whole task
    log = run_folder.Log(folder, run_folder.read_log(folder, standing.iteration))
    total, per_unit = _iterations(training, source)
    document = (training.text, str(Path(training.source.file).absolute()))

    def save(name: str, **more: Any) -> None:
        checkpoints.save(folder / name, network, source, standing,
                         document=document, seed=seed, **more)  # fmt: skip

    if standing.iteration == 0:
        with _settings(training):
            log.add(_row(training, network, source, source, standing, None, 0.0))
        save("best.h5")
    clock = since = time.monotonic()
    while not standing.ended:
        if lesson != len(standing.lessons):
            lesson = len(standing.lessons)
            taught = _taught(training, source, lesson, seed)
        with _settings(training):
            row = _advance(
                training, network, optimiser, source, taught, standing, per_unit, seed
            )
        now = time.monotonic()
        standing.seconds += now - clock
        clock = now
        if row is not None:
            log.add(row)
            if standing.best_iteration == standing.iteration:
                save("best.h5")
            standing.ended = _ended(training, standing, total, per_unit)
        yield Progress(seed, standing.iteration, total, row)
        if now - since > CHECKPOINT_EVERY or standing.ended or stopped.is_set():
            save("checkpoint.h5", optimiser=optimiser)
            since = now
        if stopped.is_set() and not standing.ended:
            where = folder.parent
            raise Interrupted(
                f"stopped seed {seed} after {standing.iteration} of {total} "
                f"iterations; `cortexwave resume {where}` goes on", str(where),
            )  # fmt: skip
    with _settings(training):
        _finish(training, folder, network, source, standing, seed)


def _advance(
    training: Training, network: nn.Module, optimiser: torch.optim.Optimizer,
    source: Source, taught: Source, standing: Standing, per_unit: int, seed: int,
) -> dict[str, Any] | None:  # fmt: skip
    """One iteration on what is `taught`; a row of the log where scores are due."""
    chosen, every = training.training, training.evaluation.every * per_unit
    total = chosen.length * per_unit
    done = standing.iteration // per_unit
    rate = chosen.learning_rate * chosen.schedule.factor(done, chosen.length)
    batch = taught.batch("train", standing.iteration, chosen.batch)
    seen = step(network, optimiser, batch, taught.shape, chosen, rate=rate,
                where=f"seed {seed}, iteration {standing.iteration}")  # fmt: skip
    standing.iteration += 1
    standing.loss_sum += seen.loss
    standing.loss_count += 1
    lesson = _lesson(training, standing)
    if lesson is not None and lesson.on == "batch":
        answers = seen.outputs.double().cpu().numpy()
        _pass(lesson, standing, taught.scores(answers, batch.targets))
    if standing.iteration % every and standing.iteration < total:
        return None
    row = _row(training, network, source, taught, standing, seen, rate)
    standing.loss_sum, standing.loss_count = 0.0, 0
    return row


def _taught(training: Training, source: Source, lesson: int, seed: int) -> Source:
    """The sequences of a lesson; after the last one `source`, the task as written."""
    if lesson >= len(training.curriculum):
        return source
    return training.lesson(lesson).open(training.folder, seed)


def _lesson(training: Training, standing: Standing) -> Lesson | None:
    """The lesson that a seed is at; None where it is at the task as written."""
    passed = len(standing.lessons)
    return training.curriculum[passed] if passed < len(training.curriculum) else None


def _pass(lesson: Lesson, standing: Standing, scores: dict[str, float]) -> None:
    """Note that a lesson is passed where its scores are all reached."""
    if all(reached(name, scores[name], goal) for name, goal in lesson.until.items()):
        standing.lessons.append(standing.iteration)


def _row(
    training: Training, network: nn.Module, source: Source, taught: Source,
    standing: Standing, seen: Stepped | None, rate: float,
) -> dict[str, Any]:  # fmt: skip
    """Scores on the validation part, as a row of the log; notes best and goals.

    They are those of the task as written, whatever the lesson.
    """
    amount = {"sequences": training.evaluation.sequences,
              "batch": training.training.batch}  # fmt: skip
    scores = evaluate(network, source, "valid", **amount)
    lesson, at = _lesson(training, standing), {}
    if training.curriculum:
        at = {"lesson": len(standing.lessons)}
    if lesson is not None and lesson.on == "evaluation" and seen is not None:
        _pass(lesson, standing, evaluate(network, taught, "valid", **amount))
    chosen = training.evaluation.select or source.shape.loss
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


def _ended(
    training: Training, standing: Standing, total: int, per_unit: int
) -> str:  # fmt: skip
    """Why a seed ends here; "" where it goes on."""
    stop = training.stop
    if standing.iteration >= total:
        return "length"
    if stop.at_goals and len(standing.goals) == len(training.goals):
        return "goals"
    waited = standing.iteration - standing.best_iteration
    if stop.patience is not None and waited >= stop.patience * per_unit:
        return "patience"
    if stop.budget is not None and standing.seconds >= stop.budget:
        return "budget"
    return ""


def _finish(
    training: Training, folder: Path, network: nn.Module, source: Source,
    standing: Standing, seed: int,
) -> None:  # fmt: skip
    """Scores on the test part, of the last weights and of the best; the sheet."""
    from cortexwave.learning.sheets import export_sheet

    amount = {"sequences": training.evaluation.sequences,
              "batch": training.training.batch}  # fmt: skip
    scores = evaluate(network, source, "test", **amount)
    best = _network(training, source, seed)
    checkpoints.restore(checkpoints.load(folder / "best.h5"), best, source)
    if isinstance(network, WaveRNN):
        shown = source.batch("test", 0, _few(training, source)).inputs
        export_sheet(
            network, shown, folder / "sheet", step=training.export.step,
            spacing=training.export.spacing, title=f"{training.title}: seed {seed}",
        )  # fmt: skip
    run_folder.write_result(folder, {
        "ended": standing.ended,
        "iterations": standing.iteration,
        "seconds": round(standing.seconds, 3),
        "best_iteration": standing.best_iteration,
        "goals": standing.goals,
        "lessons": standing.lessons,
        "test": scores,
        "best": evaluate(best, source, "test", **amount),
        "chance": dict(source.chance),
        "network": summary(network),
    })  # fmt: skip


def _few(training: Training, source: Source) -> int:
    count = source.counts["test"]
    return min(training.export.sequences, count or training.export.sequences)


def greater_is_better(score: str) -> bool:
    """Whether more of a score is better: accuracies and fractions, not errors."""
    return "accuracy" in score or "fraction" in score


def reached(score: str, value: float, goal: float) -> bool:
    """Whether a score is as good as a goal."""
    return value >= goal if greater_is_better(score) else value <= goal


def _iterations(training: Training, source: Source) -> tuple[int, int]:
    """Iterations of the whole length, and in one of its units (iteration, epoch)."""
    chosen, count = training.training, source.counts["train"]
    per_unit = 1 if count is None or chosen.epochs is None else count // chosen.batch
    return chosen.length * per_unit, per_unit


def _network(training: Training, source: Source, seed: int) -> nn.Module:
    place = training.run
    device = torch_device(place.device, place.dtype)
    return build_network(
        training.network, shape=source.shape, seed=seed,
        dtype=getattr(torch, place.dtype), backend=place.backend, budget=place.memory,
    ).to(device)  # fmt: skip


@contextmanager
def _settings(training: Training) -> Iterator[None]:
    """Threads and denormals as the document has them; afterwards as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(training.run.threads or before)
    try:
        with denormals_flushed():
            yield
    except torch.OutOfMemoryError as error:
        raise RunError(
            f"{training.source.file}: out of memory on {training.run.device}: lower "
            f"run.memory (now {training.run.memory} bytes) or training.batch (now "
            f"{training.training.batch})"
        ) from error
    finally:
        torch.set_num_threads(before)
