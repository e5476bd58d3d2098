"""The command that draws recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cortexwave.cli.application import Json, app
from cortexwave.errors import InputError
from cortexwave.terminal import print_json

if TYPE_CHECKING:
    import xarray as xr


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
    array: Annotated[str | None, typer.Option(help="One of several arrays.")] = None,
    as_json: Json = False,
) -> None:
    """Draw recordings: a page with figures and a movie, a figure, or a movie.

    Two recordings of one protocol are compared: their greatest difference is printed.
    Electrodes are laid on the grid that they stand on.
    """
    from cortexwave.view import draw, greatest_difference

    opened = [_on_a_grid(path, array) for path in recordings]
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


def _on_a_grid(path: Path, array: str | None) -> xr.Dataset:
    from cortexwave.recording.reader import open_recording

    recording = open_recording(path)
    if "channel" in recording.dims:
        from cortexwave.lab.grids import to_grid

        return to_grid(recording, array=array)
    if array is not None:
        raise InputError(f"{path}: is no recording of electrodes; leave --array out")
    return recording
