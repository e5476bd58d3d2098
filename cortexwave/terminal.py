"""What a command shows: progress and messages on stderr, results on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cortexwave.errors import Interrupted

if TYPE_CHECKING:
    from cortexwave.analysis.analysing import Progress as Analysed
    from cortexwave.learning.training import Progress as Trained
    from cortexwave.memory.measuring import Progress as Measured
    from cortexwave.simulation import Progress


def follow(progress: Iterator[Progress], quiet: bool) -> None:
    """Run to the end, with a bar where there is a terminal to show it."""
    try:
        _watch(progress, quiet)
    except Interrupted as error:  # typer would swallow the message
        say(str(error))
        raise typer.Exit(error.exit_code) from None


def _watch(progress: Iterator[Progress], quiet: bool) -> None:
    if quiet or not sys.stderr.isatty():
        for _ in progress:
            pass
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("running", total=None)
        for now in progress:
            bar.update(task, completed=now.frames, total=now.of)


def follow_training(progress: Iterator[Trained], quiet: bool) -> None:
    """Train to the end, with a line for each evaluation and a bar where it shows."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True, soft_wrap=True)
    shown = console.is_terminal and not quiet
    try:
        with Bar(console=console, transient=True, disable=not shown) as bar:
            task = bar.add_task("training", total=None)
            for now in progress:
                bar.update(task, completed=now.iteration, total=now.of,
                           description=f"seed {now.seed}")  # fmt: skip
                if now.row is not None and not quiet:
                    console.print(_scores_line(now.seed, now.row), highlight=False)
    except Interrupted as error:  # typer would swallow the message
        say(str(error))
        raise typer.Exit(error.exit_code) from None


def follow_analysis(progress: Iterator[Analysed], quiet: bool) -> None:
    """Analyse to the end, with a bar where there is a terminal to show it."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    shown = console.is_terminal and not quiet
    with Bar(console=console, transient=True, disable=not shown) as bar:
        task = bar.add_task("waves", total=None)
        for now in progress:
            bar.update(task, completed=now.done, total=now.total,
                       description=now.stage)  # fmt: skip


def follow_measurements(progress: Iterator[Measured], quiet: bool) -> None:
    """Measure to the end, with a line for what could not be, a bar where it shows."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True, soft_wrap=True)
    shown = console.is_terminal and not quiet
    with Bar(console=console, transient=True, disable=not shown) as bar:
        task = bar.add_task("memory", total=None)
        for now in progress:
            bar.update(task, completed=now.done, total=now.total, description=now.name)
            if now.reason:
                say(f"{now.name}: undetermined: {now.reason}")


def watched(steps: Generator[Any, None, Any], quiet: bool) -> Any:
    """The result of steps that are shown while they go on."""
    result: list[Any] = []

    def through() -> Generator[Any, None, None]:
        result.append((yield from steps))

    follow_analysis(through(), quiet)
    return result[0]


def _scores_line(seed: int, row: dict[str, Any]) -> str:
    scores = ", ".join(
        f"{name.removeprefix('valid_').replace('_', ' ')} {value:.4g}"
        for name, value in row.items() if name.startswith("valid_")
    )  # fmt: skip
    return f"seed {seed} iteration {row['iteration']}: {scores}"


def print_training(folder: Path, as_json: bool) -> None:
    from cortexwave.learning.run_folder import document_of
    from cortexwave.learning.training_summary import summary_of

    summary = summary_of(folder, document_of(folder))
    if as_json:
        print_json({"path": str(folder), **summary})
        return
    print(f"{summary['title']}: seeds {', '.join(map(str, summary['seeds']))}")
    for name, spread in summary["scores"].items():
        middle, least, most = (
            "never" if spread[key] is None else f"{spread[key]:.4g}"
            for key in ("median", "lowest", "highest")
        )
        seeds = f"{spread['there']} of {spread['of']} seeds"
        print(f"  {name:40} median {middle} ({least} to {most}), {seeds}")
    for seed, reason in summary["failed"].items():
        print(f"  seed {seed} failed: {reason}")
    print(folder)


def print_path(path: Path, as_json: bool) -> None:
    if as_json:
        print_json({"path": str(path)})
    else:
        print(path)


def print_json(values: Any) -> None:
    print(json.dumps(values, indent=1, default=str))


def print_nested(values: dict[str, Any], indent: int = 0) -> None:
    for key, value in values.items():
        if isinstance(value, dict):
            print(f"{' ' * indent}{key}:")
            print_nested(value, indent + 2)
        else:
            print(f"{' ' * indent}{key}: {value}")


def say(message: str) -> None:
    print(f"cortexwave: {message}", file=sys.stderr)


def show_warning(message: Warning | str, *args: Any, **named: Any) -> None:
    say(f"warning: {message}")
