"""The command that measures waves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cortexwave.checking import one_of, read_band, read_bytes
from cortexwave.cli.application import Json, Overwrite, Quiet, app
from cortexwave.terminal import follow_analysis, print_json


@app.command()
def analyse(
    recording: Annotated[Path, typer.Argument(help="Recording of a model or a lab.")],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="waves.h5; waves.csv and .png beside it."),
    ],
    band: Annotated[str, typer.Option(help="'5 Hz:40 Hz'.")],
    field: Annotated[str | None, typer.Option(help="Variable to analyse.")] = None,
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
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure the waves of a recording: measures, events, null tests, a page."""
    from cortexwave.analysis.analyses import open_waves
    from cortexwave.analysis.analysing import analysing
    from cortexwave.units import quantity
    from cortexwave.wave_report import write_wave_page

    checked_method = one_of("--method", method, ("generalized", "hilbert", "morlet"))
    steps = analysing(
        recording, output, band=read_band(band), seed=seed, variable=field,
        method=checked_method, order=4, measures=None, count=surrogates, alpha=alpha,
        wavelength=quantity(wavelength, "mm") if wavelength else None,
        memory=read_bytes(memory), overwrite=overwrite,
    )  # fmt: skip
    follow_analysis(steps, quiet)
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
