"""The command that draws recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cortexwave.cli.application import Json, app
from cortexwave.terminal import print_json


@app.command()
def view(
    recordings: Annotated[
        list[Path], typer.Argument(help="One recording, or two runs.")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="page.html, figure.png/.svg/.pdf, movie.gif/.mp4."
        ),
    ],
    field: Annotated[str | None, typer.Option(help="Variable to show.")] = None,
    trial: Annotated[int, typer.Option(min=0)] = 0,
    feature: Annotated[int, typer.Option(min=0)] = 0,
    as_json: Json = False,
) -> None:
    """Draw recordings: a page with figures and a movie, a figure, or a movie.

    Two recordings of one protocol are compared: their greatest difference is printed.
    """
    from cortexwave.recording.reader import open_recording
    from cortexwave.view import draw, greatest_difference

    opened = [open_recording(path) for path in recordings]
    written = draw(opened, output, names=[path.name for path in recordings],
                   field=field, trial=trial, feature=feature)  # fmt: skip
    differences = {}
    if len(opened) == 2:
        differences = greatest_difference(*opened)
    if as_json:
        print_json({"path": str(written), "greatest_difference": differences})
        return
    for name, difference in differences.items():
        print(f"greatest difference of {name}: {difference:.2g} of max|{name}|")
    print(written)
