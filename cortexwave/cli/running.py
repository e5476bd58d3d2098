"""Commands that run protocols: check, run, resume, recover."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cortexwave.checking import (
    checked_document,
    count_faulty,
    document_files,
    loaded_protocol,
)
from cortexwave.cli.application import Json, Overwrite, Quiet, Settings, app
from cortexwave.errors import InputError
from cortexwave.terminal import (
    follow,
    follow_training,
    print_json,
    print_path,
    print_training,
    say,
)


@app.command()
def check(
    paths: Annotated[list[Path], typer.Argument(help="Protocols or folders of them.")],
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Check protocols without running them: every fault with its line."""
    results = [checked_document(file, settings or []) for file in document_files(paths)]
    if as_json:
        print_json(results)
    else:
        for result in results:
            if result["ok"]:
                print(f"{result['file']}: ok: {result['title']}")
            else:
                say("\n".join(result["faults"]))
    if not all(result["ok"] for result in results):
        raise typer.Exit(2) if as_json else InputError(count_faulty(results))


@app.command()
def run(
    protocol: Annotated[Path, typer.Argument(help="Protocol file (YAML).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Recording to write.")],
    backend: Annotated[str | None, typer.Option(help="Engine.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1.")] = None,
    dtype: Annotated[
        str | None, typer.Option(help="float32 or float64, computed and stored.")
    ] = None,
    settings: Settings = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Run a protocol and stream the recording to a file."""
    from cortexwave.simulation import running

    loaded = loaded_protocol(protocol, settings or [], dtype)
    follow(
        running(loaded, output, backend=backend, device=device, overwrite=overwrite),
        quiet,
    )
    print_path(output, as_json)


@app.command()
def resume(
    part: Annotated[
        Path, typer.Argument(help="Unfinished run (.part), or folder of a training.")
    ],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Go on with a run or a training that was killed or interrupted."""
    if part.is_dir():
        from cortexwave.learning.training import resuming_training

        follow_training(resuming_training(part), quiet)
        print_training(part, as_json)
        return
    from cortexwave.simulation import resuming

    follow(resuming(part), quiet)
    print_path(Path(str(part).removesuffix(".part")), as_json)


@app.command()
def recover(
    part: Annotated[Path, typer.Argument(help="Unfinished run (.part).")],
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Make a recording of what an unfinished run left."""
    from cortexwave.recording.recovery import recover as recovered

    print_path(recovered(part, overwrite=overwrite), as_json)
