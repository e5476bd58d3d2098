"""Commands for the lab's files: import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from cortexwave.cli.application import Json, Overwrite, Quiet, app
from cortexwave.errors import InputError
from cortexwave.terminal import follow, print_path


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="NWB, Blackrock, Intan, BIDS, .fif, .mat, .npy, ...")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Recording to write.")],
    signal: Annotated[str | None, typer.Option(help="Which, of several.")] = None,
    time: Annotated[
        str | None, typer.Option(help="From and to on the file's clock, s: 0:60.")
    ] = None,
    channels: Annotated[
        str | None, typer.Option(help="Labels, in the order wanted: chan1,chan2.")
    ] = None,
    array: Annotated[
        str | None, typer.Option(help="Name of one of the arrays.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="Limits in mm: x=0:2,y=0:1.2.")
    ] = None,
    rate: Annotated[
        str | None, typer.Option(help="Lower rate, low-passed before: '1 kHz'.")
    ] = None,
    multiunit: Annotated[
        str | None,
        typer.Option(help="Band in Hz whose envelope is taken at --rate: 750:5000."),
    ] = None,
    electrodes: Annotated[
        str | None,
        typer.Option(help="Map: a .cmp, .tsv, .csv or .json file, or a known array."),
    ] = None,
    pitch: Annotated[
        str | None, typer.Option(help="Pitch of a .cmp map: '0.4 mm'.")
    ] = None,
    codes: Annotated[
        Path | None, typer.Option(help="What the digital words mean (YAML).")
    ] = None,
    sidecar: Annotated[
        Path | None, typer.Option(help="What a bare array does not say (YAML).")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Label of the subject.")] = None,
    session: Annotated[str | None, typer.Option(help="Label of the session.")] = None,
    dtype: Annotated[
        str | None, typer.Option(help="float32 or float64; else as it needs.")
    ] = None,
    gap_tolerance: Annotated[
        str | None, typer.Option(help="Longest gap that is filled with NaN: '5 ms'.")
    ] = None,
    position_unit: Annotated[
        str | None,
        typer.Option(help="um, mm or m: of an NWB file that says it wrongly."),
    ] = None,
    pixel_size: Annotated[
        str | None, typer.Option(help="Of NWB images that do not say: '25 um'.")
    ] = None,
    truncated: Annotated[
        str | None, typer.Option(help="keep: read a file cut short as far as it goes.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Stream a lab's file, or a part of it, to a recording."""
    from cortexwave.lab.importing import importing
    from cortexwave.lab.reading import ReaderOptions
    from cortexwave.lab.wanted import Stored, Wanted

    if dtype not in (None, "float32", "float64"):
        raise InputError(f"--dtype is {dtype!r}, not float32 or float64")
    options = ReaderOptions(
        sidecar=sidecar, gap_tolerance=_given(gap_tolerance, "s"),
        position_unit=position_unit, pixel_size=_given(pixel_size, "mm"),
        truncated=truncated,
    )  # fmt: skip
    wanted = Wanted(
        signal=signal, electrodes=electrodes, pitch=_given(pitch, "mm"),
        options=options, time=None if time is None else _span(time, "--time", "s"),
        channels=None if channels is None else _labels(channels), array=array,
        region=None if region is None else _region(region), rate=_given(rate, "Hz"),
        multiunit=None if multiunit is None else _band(multiunit),
        dtype=cast(Stored | None, dtype), codes=codes, subject=subject, session=session,
    )  # fmt: skip
    follow(importing(file, output, wanted, overwrite=overwrite), quiet)
    print_path(output, as_json)


def _given(text: str | None, unit: str) -> float | None:
    from cortexwave.units import quantity

    return None if text is None else quantity(text, unit)


def _labels(text: str) -> tuple[str, ...]:
    return tuple(label.strip() for label in text.split(",") if label.strip())


def _span(text: str, option: str, unit: str) -> tuple[float | None, float | None]:
    """From and to, in a unit or with one: "0:60", ":30 min", "2:"."""
    parts = text.split(":")
    if len(parts) != 2:
        raise InputError(
            f"{option} is {text!r}; from and to in {unit} are due, as 0:60"
        )
    low, high = (_number(part.strip(), option, unit) for part in parts)
    return low, high


def _band(text: str) -> tuple[float, float]:
    low, high = _span(text, "--multiunit", "Hz")
    if low is None or high is None:
        raise InputError(f"--multiunit is {text!r}; a band in Hz is due, as 750:5000")
    return low, high


def _number(text: str, option: str, unit: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return _given(text, unit)
    except InputError as error:
        raise InputError(f"{option}: {error}") from None


def _region(text: str) -> dict[str, tuple[float, float]]:
    limits = {}
    for each in text.split(","):
        axis, equals, span = (part.strip() for part in each.partition("="))
        if not equals or axis in limits:
            raise InputError(f"--region is {text!r}; limits in mm are due, as "
                             "x=0:2,y=0:1.2")  # fmt: skip
        low, high = _span(span, "--region", "mm")
        limits[axis] = (-float("inf") if low is None else low,
                        float("inf") if high is None else high)  # fmt: skip
    return limits
