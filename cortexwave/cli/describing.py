"""Commands that say what is there: info, list, schema, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cortexwave.cli.application import Json, app
from cortexwave.errors import InputError, RecordingError
from cortexwave.terminal import print_json, print_nested, print_training

_SHOWN = 20  # suspicious channels


@app.command()
def info(
    path: Annotated[
        Path,
        typer.Argument(help="Recording, wave analysis, memory, or folder of training."),
    ],
    quality: Annotated[
        bool, typer.Option(help="Look for dead and suspicious channels.")
    ] = True,
    as_json: Json = False,
) -> None:
    """What a recording holds, and where it comes from; how a training went.

    Of channels also which are suspicious and why, and where they stand.
    """
    try:
        _print_info(path, quality, as_json)
    except (RecordingError, InputError) as error:
        from cortexwave.lab.reading import reader_name

        reader = reader_name(path) if path.exists() else ""
        if not reader:
            raise
        raise InputError(
            f"{path}: a lab's {'folder' if path.is_dir() else 'file'} (read as "
            f"{reader}), no recording yet: `cortexwave import {path} -o lab.h5` makes "
            "one, of which info tells"
        ) from error


def _print_info(path: Path, quality: bool, as_json: bool) -> None:
    if path.is_dir():
        _refuse_report(path)
        print_training(path, as_json)
        return
    from cortexwave.analysis.wave_file import describe_wave_file, is_wave_file
    from cortexwave.memory.memory_file import describe_memory, is_memory_file
    from cortexwave.recording.description import describe

    found = None
    if is_wave_file(path):
        described = describe_wave_file(path)
    elif is_memory_file(path):
        described = describe_memory(path)
    else:
        described, found = describe(path), _inspected(path) if quality else None
    if as_json:
        print_json(described | ({"quality": found} if found else {}))
        return
    print_nested(described)
    if found:
        _print_quality(found)


def _refuse_report(folder: Path) -> None:
    """`InputError` that says what to open where a folder is that of a report."""
    from cortexwave.comparison.report_folder import PAGE, SUMMARY

    if (folder / PAGE).is_file():
        raise InputError(
            f"{folder}: the folder of a report: open {folder / PAGE} in a browser; its "
            f"numbers are in {folder / SUMMARY}"
        )


def _inspected(path: Path) -> dict[str, Any] | None:
    from cortexwave.lab.inspection import inspected
    from cortexwave.recording.reader import open_recording

    with open_recording(path) as recording:
        return inspected(recording)


def _print_quality(found: dict[str, Any]) -> None:
    doubted = found["suspicious"]
    print(f"quality: {len(doubted)} suspicious, {found['looked_at_s']:g} s looked at")
    if found["caution"]:
        print(f"  caution: {found['caution']}")
    for name, reason in list(doubted.items())[:_SHOWN]:
        print(f"  {name}: {reason}")
    if len(doubted) > _SHOWN:
        print(f"  and {len(doubted) - _SHOWN} more (--json lists all)")
    print(found["geometry"])


@app.command("list")
def list_(
    what: Annotated[
        str,
        typer.Argument(
            help="models, engines, stimuli, kernels, fields, networks or tasks."
        ),
    ] = "all",
    as_json: Json = False,
) -> None:
    """The models, engines, stimuli, kernels, fields, networks and tasks there are."""
    from cortexwave.catalogue import catalogue

    listed = catalogue()
    if what != "all":
        if what not in listed:
            raise InputError(
                f"there is no list '{what}'; lists are {', '.join(listed)}"
            )
        listed = {what: listed[what]}
    if as_json:
        print_json(listed)
        return
    for group, entries in listed.items():
        print(f"{group}:")
        for name, meaning in entries.items():
            print(f"  {name:24} {meaning}")


@app.command()
def schema(
    kind: Annotated[
        str, typer.Argument(help="simulation, training or study.")
    ] = "simulation",
) -> None:
    """The JSON schema of a kind of document, for editors."""
    from cortexwave.comparison.study_document import Study
    from cortexwave.learning.training_document import Training
    from cortexwave.protocol.document import Protocol
    from cortexwave.whole_documents import WholeDocument, json_schema

    kinds: dict[str, type[WholeDocument]] = {
        "simulation": Protocol, "training": Training, "study": Study,
    }  # fmt: skip
    if kind not in kinds:
        raise InputError(f"there is no kind '{kind}'; kinds are {', '.join(kinds)}")
    print_json(json_schema(kinds[kind]))


@app.command()
def doctor(as_json: Json = False) -> None:
    """What works on this machine, and what to type to get the rest."""
    from cortexwave.catalogue import health

    findings = health()
    if as_json:
        print_json(findings)
        return
    for finding in findings:
        mark = "ok     " if finding["ok"] else "missing"
        remedy = "" if finding["ok"] else f"  ->  {finding['remedy']}"
        print(f"{mark}  {finding['what']:18} {finding['found']}{remedy}")
