"""The application that commands join, and the options that many of them share."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Cortical sheets: simulate, record, analyse, compare with the lab.",
)  # fmt: skip

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Overwrite = Annotated[bool, typer.Option(help="Replace a file that exists.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Change a value: run.dt='0.5 ms'.")
]
