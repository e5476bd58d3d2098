"""The command that trains a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cortexwave.cli.application import Json, Overwrite, Quiet, Settings, app
from cortexwave.errors import InputError
from cortexwave.terminal import follow_training, print_training


@app.command()
def train(
    training: Annotated[Path, typer.Argument(help="Training file (YAML).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    seeds: Annotated[
        str | None, typer.Option(help="Seeds instead of the file's: 0,1,2.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1.")] = None,
    settings: Settings = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a network on a task: logs, weights, scores, and the network as a sheet."""
    from cortexwave.documents import read_changes
    from cortexwave.learning.training import training_steps
    from cortexwave.learning.training_document import load_training

    changes = read_changes(settings or [])
    if seeds is not None:
        changes["seeds"] = _whole_numbers(seeds)
    if device is not None:
        changes["run.device"] = device
    loaded = load_training(training).with_changes(changes)
    follow_training(training_steps(loaded, output, overwrite=overwrite), quiet)
    print_training(output, as_json)


def _whole_numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"--seeds {text!r}: whole numbers are due, such as 0,1,2"
        ) from None
