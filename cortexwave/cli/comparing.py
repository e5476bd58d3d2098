"""The command that compares a model with recordings of animals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cortexwave.cli.application import Json, Overwrite, Quiet, Settings, app
from cortexwave.cli.given_options import given, given_band, refuse_given
from cortexwave.errors import InputError
from cortexwave.terminal import print_json, say, watched

_DOCUMENTS = (".yaml", ".yml")
_OF_TWO = ("--band", "--window", "--label")


@app.command()
def compare(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(help="A study (YAML), or two recordings: model, then lab."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the report.")
    ],
    band: Annotated[
        str | None, typer.Option(help="Of two recordings: '5 Hz:40 Hz'.")
    ] = None,
    window: Annotated[
        str | None, typer.Option(help="Trials of two recordings: '-100 ms:300 ms'.")
    ] = None,
    label: Annotated[
        str, typer.Option(help="Of two recordings: column of the events to decode.")
    ] = "stimulus",
    thorough: Annotated[
        bool,
        typer.Option("--thorough", help="Also the grid of choices and rivals; long."),
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="Sessions at a time.")] = 1,
    settings: Settings = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Compare a model with recordings: a report in one HTML file."""
    from cortexwave.comparison.comparing import comparing
    from cortexwave.comparison.reporting import write_report
    from cortexwave.documents import read_changes

    changes = read_changes(settings or [])
    if len(paths) == 1 and paths[0].suffix in _DOCUMENTS:
        from cortexwave.comparison.study_document import load_study

        refuse_given(context, _OF_TWO, "of two recordings; a study has its own: "
                     "--set band='[5 Hz, 40 Hz]', --set memory.label=kind")  # fmt: skip
        study = load_study(paths[0]).with_changes(changes)
    else:
        study = _of_two(paths, band, window, label)
        if changes:
            raise InputError("--set: of a study; two recordings have "
                             f"{', '.join(_OF_TWO)}")  # fmt: skip
        if window is None:
            refuse_given(context, ("--label",), "trials are decoded within a --window, "
                         "which is not given: '-100 ms:300 ms'")  # fmt: skip
    if thorough:
        from cortexwave.comparison.cost import thorough_cost

        say(str(thorough_cost(study, output)))
    steps = comparing(study, output, jobs=jobs, overwrite=overwrite, thorough=thorough)
    found = watched(steps, quiet)
    page = write_report(found)
    if as_json:
        print_json({
            "path": str(page), "summary": str(page.with_suffix(".json")),
            "events": str(page.with_name("events.csv")),
            "verdicts": {row.name: row.statement.text for row in found.primaries},
        })  # fmt: skip
        return
    for row in found.primaries:
        print(f"{row.label}: {row.statement.text}")
    print(page)


def _of_two(paths: list[Path], band: str | None, window: str | None, label: str) -> Any:
    from cortexwave.comparison.comparing import smallest_study

    if len(paths) != 2:
        raise InputError(
            f"{len(paths)} files; give one study (.yaml), or two recordings: the "
            "model's, then the lab's"
        )
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise InputError(f"there is no file {', '.join(missing)}")
    if band is None:
        raise InputError("two recordings need --band, such as '5 Hz:40 Hz'")
    cut = None
    if window is not None:
        ends = window.split(":")
        if len(ends) != 2:
            raise InputError(f"--window {window!r}: two times are due, '0 ms:300 ms'")
        begin, end = (given(each.strip(), "s", "--window") for each in ends)
        assert begin is not None and end is not None
        cut = (begin, end)
    return smallest_study(
        paths[0].absolute(), paths[1].absolute(), band=given_band(band, "--band"),
        window=cut, label=label, permutations=None, surrogates=None, seed=0,
    )  # fmt: skip
