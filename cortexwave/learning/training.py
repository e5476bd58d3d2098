"""Training: from a document to a folder of logs, weights and scores.

`train` begins, `resume_training` goes on after a kill or Ctrl-C and ends with the
same bits: batches are functions of seed and iteration, so that weights, optimiser
and counters are all there is to save.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import nn

from cortexwave.errors import NotFiniteError
from cortexwave.learning import checkpoints, run_folder
from cortexwave.learning.building import summary
from cortexwave.learning.seed_training import Progress, network_of, train_seed
from cortexwave.learning.training_checks import check_parts
from cortexwave.learning.training_document import Training, parse_training
from cortexwave.learning.training_summary import (
    read_result,
    summary_of,
    write_result,
    write_summary,
)
from cortexwave.stopping import stop_on_interrupt


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


def load_network(path: str | Path, *, device: str = "cpu") -> nn.Module:
    """The trained network in a checkpoint (`seed-0/best.h5`, `seed-0/checkpoint.h5`).

    Neither the task's data nor the device it was trained on are needed.

    Raises `RecordingError` where the file is none, of another version, cut short,
    or carries anything but numbers and plain values.
    """
    found = checkpoints.load(Path(path))
    training = parse_training(found.document, file=found.file)
    network = network_of(training, found.shape, found.seed, device)
    checkpoints.restore_network(found, network)
    return network


def check_training(training: Training) -> dict[str, Any]:
    """Everything that can be told without training; the network's summary.

    Raises `InputError` where data are missing, the device is not there, or the parts
    of the document do not fit one another (each fault with its line).
    """
    source = training.task.open(training.folder, training.seeds[0])
    check_parts(training, source)
    first = training.seeds[0]
    return summary(network_of(training, source.shape, first, training.run.device))


def _last(steps: Iterator[Progress], folder: Path) -> dict[str, Any]:
    for _ in steps:
        pass
    return summary_of(folder, run_folder.document_of(folder))


def _seeds(training: Training, folder: Path) -> Iterator[Progress]:
    """Train the seeds that have not ended, one after the other."""
    with run_folder.held(folder), stop_on_interrupt() as stopped:
        for seed in training.seeds:
            here = run_folder.make_seed_folder(folder, seed)
            if read_result(here) is not None:
                continue
            try:
                yield from train_seed(training, here, seed, stopped)
            except NotFiniteError as error:  # the other seeds are not lost
                write_result(here, {"failed": str(error)})
        found = summary_of(folder, training)
        write_summary(folder, found)
    if found["failed"]:
        raise NotFiniteError(
            f"{len(found['failed'])} of {len(training.seeds)} seeds failed. "
            + "; ".join(found["failed"].values())
        )
