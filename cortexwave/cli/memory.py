"""Commands that ask what a field or a network remembers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cortexwave.cli.application import Json, Quiet, app
from cortexwave.terminal import print_json, print_nested, say

memory = typer.Typer(no_args_is_help=True, help="What a field or a network remembers.")
app.add_typer(memory, name="memory")


@memory.command("hidden-waves")
def hidden_waves(
    folder: Annotated[Path, typer.Argument(help="Folder of a training.")],
    weights: Annotated[str, typer.Option(help="last or best.")] = "last",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """The hidden waves of networks trained on a history task: a table and figures."""
    from cortexwave.learning.hidden_waves.report import uncovering

    rows = []
    for found in uncovering(folder, weights=weights):  # type: ignore[arg-type]
        rows.append(found.row)
        if not quiet:
            say(f"seed {found.seed}: {found.row['verdict']}")
    if as_json:
        print_json({"path": str(folder / "hidden_waves.csv"), "rows": rows})
        return
    for row in rows:
        print_nested({f"seed {row['seed']}": row})
    print(folder / "hidden_waves.csv")
