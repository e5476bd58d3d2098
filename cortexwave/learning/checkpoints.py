"""Checkpoints of a training: arrays and plain values, enough to go on bit for bit.

An HDF5 file of numbers (`cortexwave.recording.checkpoint`), never a pickle: what
carries anything else is refused, so that a file from elsewhere cannot run code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from cortexwave.errors import RecordingError
from cortexwave.learning.tasks import Source
from cortexwave.provenance import attributes as provenance
from cortexwave.recording.checkpoint import load_state, save_state

_FORMAT = "cortexwave_training"
_VERSION = 1
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
            int(attributes["seed"]), Standing(**attributes["standing"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise RecordingError(f"{path}: damaged ({error!r})") from error


def restore(
    checkpoint: Checkpoint,
    network: nn.Module,
    source: Source,
    optimiser: torch.optim.Optimizer | None = None,
) -> Standing:
    """Put a checkpoint into a network (and optimiser); every shape is checked."""
    groups: dict[str, dict[str, np.ndarray]] = {}
    for key, array in checkpoint.arrays.items():
        group, _, name = key.partition("/")
        groups.setdefault(group, {})[name] = array
    _check_task(checkpoint, source, groups.get("task", {}))
    given, due = groups.get("network", {}), network.state_dict()
    for name in sorted({*given, *due}):
        if name not in given or name not in due:
            here = "lacks" if name in due else "has an unknown"
            raise RecordingError(f"{checkpoint.path}: it {here} array '{name}'")
        if given[name].shape != tuple(due[name].shape):
            raise RecordingError(
                f"{checkpoint.path}: '{name}' has the shape {given[name].shape}, "
                f"the network of its document {tuple(due[name].shape)}"
            )
    like = next(network.parameters())
    network.load_state_dict({k: torch.as_tensor(v) for k, v in given.items()})
    if optimiser is not None:
        optimiser.load_state_dict({
            "state": _optimiser_state(checkpoint, groups.get("optimiser", {}), like),
            "param_groups": optimiser.state_dict()["param_groups"],
        })  # fmt: skip
    return checkpoint.standing


def _optimiser_state(
    checkpoint: Checkpoint, given: dict[str, np.ndarray], like: torch.Tensor
) -> dict[int, dict[str, torch.Tensor]]:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in given.items():
        index, _, name = key.partition("/")
        if not index.isdecimal() or not name:
            raise RecordingError(f"{checkpoint.path}: it has an unknown array '{key}'")
        state.setdefault(int(index), {})[name] = torch.as_tensor(value)
    if checkpoint.standing.iteration and not state:
        raise RecordingError(
            f"{checkpoint.path}: it holds weights alone, no state of the optimiser; "
            "training cannot go on from it"
        )
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
