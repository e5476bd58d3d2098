"""The command that measures waves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cortexwave.checking import one_of, read_bytes
from cortexwave.cli.application import Json, Overwrite, Quiet, app
from cortexwave.cli.given_options import given, given_band, refuse_given
from cortexwave.errors import InputError, RecordingError
from cortexwave.terminal import follow_analysis, print_json, watched

if TYPE_CHECKING:
    import xarray as xr

_OF_RECORDING = ("--band", "--field", "--array", "--grid", "--method", "--surrogates",
                 "--alpha", "--seed", "--wavelength", "--memory")  # fmt: skip


@app.command()
def analyse(
    context: typer.Context,
    recording: Annotated[
        Path, typer.Argument(help="Recording of a model or a lab, or a study (YAML).")
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="waves.h5; .csv and .png beside it. Of a study: a folder.",
        ),
    ],
    band: Annotated[
        str | None, typer.Option(help="'5 Hz:40 Hz'; of a study, its own.")
    ] = None,
    field: Annotated[str | None, typer.Option(help="Variable to analyse.")] = None,
    array: Annotated[
        str | None, typer.Option(help="One of several arrays, laid on its grid.")
    ] = None,
    grid: Annotated[
        bool, typer.Option("--grid", help="Lay electrodes on the grid they stand on.")
    ] = False,
    method: Annotated[
        str, typer.Option(help="Phase: generalized, hilbert or morlet.")
    ] = "generalized",
    surrogates: Annotated[int, typer.Option(help="Fields without lags.")] = 99,
    alpha: Annotated[float, typer.Option(help="Rate of false alarms allowed.")] = 0.05,
    seed: Annotated[int, typer.Option(help="Of the surrogates.")] = 0,
    wavelength: Annotated[
        str | None, typer.Option(help="Shortest of known waves: '1.2 mm'.")
    ] = None,
    memory: Annotated[str, typer.Option(help="Largest at a time: '4 GiB'.")] = "4 GiB",
    jobs: Annotated[int, typer.Option(min=1, help="Of a study: at a time.")] = 1,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure the waves of a recording: measures, events, null tests, a page.

    Of a study: of each of its recordings, with the study's band, seed and surrogates.
    """
    if recording.suffix in (".yaml", ".yml"):
        refuse_given(context, _OF_RECORDING, "of a recording; a study has its own: "
                     f"its band, seed and surrogates stand in {recording.name}"
                     )  # fmt: skip
        _of_study(recording, output, jobs, overwrite, as_json, quiet)
        return
    if band is None:
        raise InputError("a recording needs --band, such as '5 Hz:40 Hz'")
    from cortexwave.analysis.analyses import open_waves
    from cortexwave.analysis.analysing import analysing
    from cortexwave.wave_report import write_wave_page

    checked_method = one_of("--method", method, ("generalized", "hilbert", "morlet"))
    steps = analysing(
        _laid(recording, array) if grid or array else recording, output,
        band=given_band(band, "--band"), seed=seed, variable=field,
        method=checked_method, order=4, measures=None, count=surrogates, alpha=alpha,
        wavelength=given(wavelength, "mm", "--wavelength"),
        memory=read_bytes(memory), overwrite=overwrite,
    )  # fmt: skip
    try:
        follow_analysis(steps, quiet)
    except RecordingError:
        raise  # names its file
    except InputError as error:
        raise InputError(f"{recording}: {error}") from None
    found = open_waves(output)
    page = write_wave_page(found, output.with_suffix(".png"))
    table = output.with_suffix(".csv")
    if as_json:
        print_json({"path": str(output), "events": str(table), "page": str(page),
                    "word": found.word, "verdict": found.verdict,
                    "missing": dict(found.missing)})  # fmt: skip
        return
    print(found.verdict)
    for name, why in found.missing.items():
        print(f"No {name}: {why}.")
    print(f"{output}\n{table}\n{page}")


def _of_study(
    file: Path, folder: Path, jobs: int, overwrite: bool, as_json: bool, quiet: bool
) -> None:
    from cortexwave.analysis.analyses import open_waves
    from cortexwave.comparison.study_document import load_study
    from cortexwave.comparison.study_waves import analysing_study
    from cortexwave.wave_report import write_wave_page

    steps = analysing_study(load_study(file), folder, jobs=jobs, overwrite=overwrite)
    rows = []
    for found in watched(steps, quiet):
        row = {"recording": found.part.name, "word": found.word,
               "verdict": found.verdict, "path": "", "page": ""}  # fmt: skip
        if found.file is not None:
            page = write_wave_page(
                open_waves(found.file), found.file.with_suffix(".png")
            )
            row |= {"path": str(found.file), "page": str(page)}
        rows.append(row)
    if as_json:
        print_json({"path": str(folder), "recordings": rows})
        return
    for row in rows:
        print(f"{row['recording']}: {row['word']}")
    print(folder)


def _laid(path: Path, array: str | None) -> xr.Dataset:
    """The electrodes of a recording on their grid, read when they are used."""
    from cortexwave.lab.grids import to_grid
    from cortexwave.recording.reader import open_recording

    laid = to_grid(open_recording(path), array=array)
    return laid.assign_attrs(source=path.name)
