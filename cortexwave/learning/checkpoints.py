"""Checkpoints of a training: arrays and plain values, enough to go on bit for bit.

An HDF5 file of numbers (`cortexwave.recording.checkpoint`), never a pickle: what
carries anything else is refused, so that a file from elsewhere cannot run code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from cortexwave.errors import RecordingError
from cortexwave.learning.tasks import Shape, Source
from cortexwave.learning.training_document import Training, parse_training
from cortexwave.provenance import attributes as provenance
from cortexwave.recording.checkpoint import load_state, save_state

_FORMAT = "cortexwave_training"
_VERSION = 2
# keys of a document that decide no number of a training
_FREE = {"title", "seeds", "stop", "export", "goals"}
_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"


@dataclass
class Standing:
    """How far a seed is: what the loop itself remembers between two steps."""

    iteration: int = 0
    best: float | None = None
    best_iteration: int = 0
    goals: dict[str, int] = field(default_factory=dict)  # score -> first iteration
    lessons: list[int] = field(default_factory=list)  # iteration each was passed at
    loss_sum: float = 0.0  # since the last row of the log
    loss_count: int = 0
    seconds: float = 0.0
    ended: str = ""  # why, once it has


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint as read: nothing of it has been put into a network yet."""

    path: Path
    arrays: dict[str, np.ndarray]
    document: str
    file: str
    seed: int
    shape: Shape
    resumable: bool  # whether the optimiser's state is in it too
    standing: Standing


def save(
    path: Path,
    network: nn.Module,
    source: Source,
    standing: Standing,
    *,
    document: tuple[str, str],
    seed: int,
    optimiser: torch.optim.Optimizer | None = None,
) -> None:
    """Replace a checkpoint; `document` is the training's text and file."""
    arrays = {
        f"network/{name}": tensor.detach().cpu().numpy()
        for name, tensor in network.state_dict().items()
    }
    arrays |= {f"task/{name}": value for name, value in source.state().items()}
    if optimiser is not None:
        for index, state in optimiser.state_dict()["state"].items():
            for name, value in state.items():
                if value is not None:
                    arrays[f"optimiser/{index}/{name}"] = _numbers(value)
    save_state(path, arrays, {
        **provenance(),
        "format": _FORMAT, "version": _VERSION, "seed": seed,
        "document": document[0], "file": document[1],
        "shape": vars(source.shape), "resumable": optimiser is not None,
        "standing": vars(standing),
    })  # fmt: skip


def load(path: Path) -> Checkpoint:
    """Read a checkpoint; `RecordingError` says what is wrong with the file."""
    if not path.exists():
        raise RecordingError(f"{path}: there is no such checkpoint")
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(4)
        if head == _ZIP or head[:1] == _PICKLE:
            raise RecordingError(
                f"{path}: a torch or pickle file, which can carry code and is not "
                "loaded; checkpoints are HDF5 files of numbers"
            )
    arrays, attributes = load_state(path)
    if attributes.get("format") != _FORMAT:
        raise RecordingError(f"{path}: not the checkpoint of a training")
    if attributes.get("version") != _VERSION:
        raise RecordingError(
            f"{path}: a checkpoint of version {attributes.get('version')} (written by "
            f"cortexwave {attributes.get('cortexwave_version')}); this cortexwave "
            f"reads version {_VERSION}"
        )
    try:
        return Checkpoint(
            path, arrays, str(attributes["document"]), str(attributes["file"]),
            int(attributes["seed"]), Shape(**attributes["shape"]),
            bool(attributes["resumable"]), Standing(**attributes["standing"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise RecordingError(f"{path}: damaged ({error!r})") from error


def check_belongs(checkpoint: Checkpoint, training: Training, seed: int) -> None:
    """Refuse to go on from the checkpoint of another seed, or of another document.

    What decides no number may differ: title, seeds, when to stop, the exported sheet.
    """
    if checkpoint.seed != seed:
        raise RecordingError(
            f"{checkpoint.path}: it belongs to seed {checkpoint.seed}, not to {seed}"
        )
    written = parse_training(checkpoint.document, file=checkpoint.file)
    then, now = (json.loads(each.resolved()) for each in (written, training))
    keys = sorted(key for key in {*then, *now} - _FREE if then.get(key) != now.get(key))
    if keys:
        raise RecordingError(
            f"{checkpoint.path}: it was written by a training with another "
            f"{', '.join(keys)} than {training.source.file} has now; begin anew with "
            "--overwrite, or put that back"
        )


def restore_network(checkpoint: Checkpoint, network: nn.Module) -> None:
    """Put the weights of a checkpoint into a network; every shape is checked."""
    given, due = _group(checkpoint, "network"), network.state_dict()
    for name in sorted({*given, *due}):
        if name not in given or name not in due:
            here = "lacks" if name in due else "has an unknown"
            raise RecordingError(f"{checkpoint.path}: it {here} array '{name}'")
        if given[name].shape != tuple(due[name].shape):
            raise RecordingError(
                f"{checkpoint.path}: '{name}' has the shape {given[name].shape}, "
                f"the network of its document {tuple(due[name].shape)}"
            )
    network.load_state_dict({k: torch.as_tensor(v) for k, v in given.items()})


def restore(
    checkpoint: Checkpoint,
    network: nn.Module,
    source: Source,
    optimiser: torch.optim.Optimizer,
) -> Standing:
    """Put a checkpoint into everything that training goes on with."""
    if not checkpoint.resumable:
        raise RecordingError(
            f"{checkpoint.path}: it holds weights alone, no state of the optimiser; "
            "training cannot go on from it"
        )
    _check_task(checkpoint, source, _group(checkpoint, "task"))
    restore_network(checkpoint, network)
    optimiser.load_state_dict({
        "state": _optimiser_state(checkpoint, optimiser),
        "param_groups": optimiser.state_dict()["param_groups"],
    })  # fmt: skip
    return checkpoint.standing


def _group(checkpoint: Checkpoint, group: str) -> dict[str, np.ndarray]:
    return {
        key.removeprefix(f"{group}/"): array
        for key, array in checkpoint.arrays.items() if key.startswith(f"{group}/")
    }  # fmt: skip


def _optimiser_state(
    checkpoint: Checkpoint, optimiser: torch.optim.Optimizer
) -> dict[int, dict[str, torch.Tensor]]:
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in _group(checkpoint, "optimiser").items():
        index, _, name = key.partition("/")
        known = index.isdecimal() and int(index) < len(parameters) and name
        if not known:
            raise RecordingError(f"{checkpoint.path}: it has an unknown array '{key}'")
        due = tuple(parameters[int(index)].shape)
        if value.ndim and value.shape != due:
            raise RecordingError(
                f"{checkpoint.path}: 'optimiser/{key}' has the shape {value.shape}, "
                f"its parameter {due}"
            )
        state.setdefault(int(index), {})[name] = torch.as_tensor(value)
    return state


def _check_task(
    checkpoint: Checkpoint, source: Source, given: dict[str, np.ndarray]
) -> None:
    """What the task drew once must be what it draws now."""
    due = source.state()
    for name in sorted({*given, *due}):
        same = name in given and name in due and np.array_equal(given[name], due[name])
        if not same:
            raise RecordingError(
                f"{checkpoint.path}: the task's '{name}' is not the one that is drawn "
                "now; the data or this version of cortexwave has changed"
            )


def _numbers(value: Any) -> np.ndarray:
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    return np.asarray(value)
