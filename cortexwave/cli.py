"""The command line: each command parses, calls one public function, prints a path.

Data go to stdout, everything else to stderr. Exit codes: 0 done, 2 wrong usage or
invalid input, 3 the run failed, 130 interrupted with a valid file left.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cortexwave.errors import CortexwaveError, InputError, Interrupted

if TYPE_CHECKING:
    from cortexwave.protocol.document import Protocol
    from cortexwave.simulation import Progress

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="Cortical sheets: simulate, record, look.",
)  # fmt: skip

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Overwrite = Annotated[bool, typer.Option(help="Replace a file that exists.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="Change a value: run.dt='0.5 ms'.")
]


def main() -> None:
    """Entry point: runs a command and turns errors into messages and exit codes."""
    warnings.showwarning = _show_warning
    try:
        code = app(standalone_mode=False)  # typer returns what Exit was raised with
        if code == Interrupted.exit_code:  # it also turns Ctrl-C into this, silently
            _say("interrupted")
        sys.exit(code if isinstance(code, int) else 0)
    except CortexwaveError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _say("interrupted")
        sys.exit(130)
    except BrokenPipeError:  # `cortexwave list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except typer.Abort:
        sys.exit(130)
    except Exception as error:
        show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
        if show is None or code is None:
            raise
        show()  # wrong usage: click says what is allowed
        sys.exit(2)


@app.command()
def check(
    paths: Annotated[list[Path], typer.Argument(help="Protocols or folders of them.")],
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Check protocols without running them: every fault with its line."""
    results = [_checked(file, settings or []) for file in _protocol_files(paths)]
    if as_json:
        _print_json(results)
    else:
        for result in results:
            if result["ok"]:
                print(f"{result['file']}: ok: {result['title']}")
            else:
                _say("\n".join(result["faults"]))
    if not all(result["ok"] for result in results):
        raise typer.Exit(2) if as_json else InputError(_count_faulty(results))


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

    loaded = _loaded(protocol, settings or [], dtype)
    _follow(
        running(loaded, output, backend=backend, device=device, overwrite=overwrite),
        quiet,
    )
    _print_path(output, as_json)


@app.command()
def resume(
    part: Annotated[Path, typer.Argument(help="Unfinished run (.part).")],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Go on with a run that was killed or interrupted."""
    from cortexwave.simulation import resuming

    _follow(resuming(part), quiet)
    _print_path(Path(str(part).removesuffix(".part")), as_json)


@app.command()
def recover(
    part: Annotated[Path, typer.Argument(help="Unfinished run (.part).")],
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Make a recording of what an unfinished run left."""
    from cortexwave.recording.recovery import recover as recovered

    _print_path(recovered(part, overwrite=overwrite), as_json)


@app.command()
def info(
    path: Annotated[Path, typer.Argument(help="Recording.")], as_json: Json = False
) -> None:
    """What a recording holds, and where it comes from."""
    from cortexwave.recording.description import describe

    described = describe(path)
    if as_json:
        _print_json(described)
    else:
        _print_nested(described)


@app.command("list")
def list_(
    what: Annotated[
        str, typer.Argument(help="models, engines, stimuli, kernels or fields.")
    ] = "all",
    as_json: Json = False,
) -> None:
    """The models, engines, stimuli, kernels and fields there are."""
    from cortexwave.catalogue import catalogue

    listed = catalogue()
    if what != "all":
        if what not in listed:
            raise InputError(
                f"there is no list '{what}'; lists are {', '.join(listed)}"
            )
        listed = {what: listed[what]}
    if as_json:
        _print_json(listed)
        return
    for group, entries in listed.items():
        print(f"{group}:")
        for name, meaning in entries.items():
            print(f"  {name:24} {meaning}")


@app.command()
def schema() -> None:
    """The JSON schema of protocols, for editors."""
    from cortexwave.protocol.loading import json_schema

    _print_json(json_schema())


@app.command()
def doctor(as_json: Json = False) -> None:
    """What works on this machine, and what to type to get the rest."""
    from cortexwave.catalogue import health

    findings = health()
    if as_json:
        _print_json(findings)
        return
    for finding in findings:
        mark = "ok     " if finding["ok"] else "missing"
        remedy = "" if finding["ok"] else f"  ->  {finding['remedy']}"
        print(f"{mark}  {finding['what']:18} {finding['found']}{remedy}")


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
        _print_json({"path": str(written), "greatest_difference": differences})
        return
    for name, difference in differences.items():
        print(f"greatest difference of {name}: {difference:.2g} of max|{name}|")
    print(written)


def _protocol_files(paths: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted([*path.rglob("*.yaml"), *path.rglob("*.yml")])
            if not found:
                raise InputError(f"{path}: there is no .yaml file below this folder")
            files += found
        else:
            files.append(path)
    return files


def _checked(file: Path, settings: list[str]) -> dict[str, Any]:
    from cortexwave.preparation import prepare

    try:
        protocol = _loaded(file, settings, None)
        prepare(protocol)
    except CortexwaveError as error:
        return {"file": str(file), "ok": False, "faults": str(error).splitlines()}
    return {"file": str(file), "ok": True, "title": protocol.title, "faults": []}


def _count_faulty(results: list[dict[str, Any]]) -> str:
    faulty = sum(not result["ok"] for result in results)
    return f"{faulty} of {len(results)} protocols cannot be run"


def _loaded(file: Path, settings: list[str], dtype: str | None) -> Protocol:
    from cortexwave.protocol.changes import changed, read_changes
    from cortexwave.protocol.loading import load_protocol

    changes = read_changes(settings)
    if dtype is not None:
        changes |= {"run.dtype": dtype, "record.dtype": dtype}
    return changed(load_protocol(file), changes)


def _follow(progress: Iterator[Progress], quiet: bool) -> None:
    """Run to the end, with a bar where there is a terminal to show it."""
    try:
        _watch(progress, quiet)
    except Interrupted as error:  # typer would swallow the message
        _say(str(error))
        raise typer.Exit(error.exit_code) from None


def _watch(progress: Iterator[Progress], quiet: bool) -> None:
    if quiet or not sys.stderr.isatty():
        for _ in progress:
            pass
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("running", total=None)
        for now in progress:
            bar.update(task, completed=now.frames, total=now.of)


def _print_path(path: Path, as_json: bool) -> None:
    if as_json:
        _print_json({"path": str(path)})
    else:
        print(path)


def _print_json(values: Any) -> None:
    print(json.dumps(values, indent=1, default=str))


def _print_nested(values: dict[str, Any], indent: int = 0) -> None:
    for key, value in values.items():
        if isinstance(value, dict):
            print(f"{' ' * indent}{key}:")
            _print_nested(value, indent + 2)
        else:
            print(f"{' ' * indent}{key}: {value}")


def _say(message: str) -> None:
    print(f"cortexwave: {message}", file=sys.stderr)


def _show_warning(message: Warning | str, *args: Any, **named: Any) -> None:
    _say(f"warning: {message}")


if __name__ == "__main__":
    main()
