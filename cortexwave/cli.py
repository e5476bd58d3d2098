"""The command line: each command parses, calls one public function, prints a path.

Data go to stdout, everything else to stderr. Exit codes: 0 done, 2 wrong usage or
invalid input, 3 the run failed, 130 interrupted with a valid file left.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cortexwave.errors import CortexwaveError, InputError, Interrupted
from cortexwave.terminal import (
    follow,
    follow_training,
    print_json,
    print_nested,
    print_path,
    print_training,
    say,
    show_warning,
)

if TYPE_CHECKING:
    from cortexwave.protocol.document import Protocol

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
    warnings.showwarning = show_warning
    try:
        code = app(standalone_mode=False)  # typer returns what Exit was raised with
        if code == Interrupted.exit_code:  # it also turns Ctrl-C into this, silently
            say("interrupted")
        sys.exit(code if isinstance(code, int) else 0)
    except CortexwaveError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say("interrupted")
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
        print_json(results)
    else:
        for result in results:
            if result["ok"]:
                print(f"{result['file']}: ok: {result['title']}")
            else:
                say("\n".join(result["faults"]))
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
    follow(
        running(loaded, output, backend=backend, device=device, overwrite=overwrite),
        quiet,
    )
    print_path(output, as_json)


memory = typer.Typer(no_args_is_help=True, help="What a field or a network remembers.")
app.add_typer(memory, name="memory")


@memory.command("hidden-waves")
def hidden_waves(
    folder: Annotated[Path, typer.Argument(help="Folder of a training.")],
    weights: Annotated[str, typer.Option(help="last or best.")] = "last",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """The hidden waves of networks trained on a history task: a table and figures."""
    from cortexwave.learning.hidden_waves.report import uncovering

    rows = []
    for found in uncovering(folder, weights=weights):  # type: ignore[arg-type]
        rows.append(found.row)
        if not quiet:
            say(f"seed {found.seed}: {found.row['verdict']}")
    if as_json:
        print_json({"path": str(folder / "hidden_waves.csv"), "rows": rows})
        return
    for row in rows:
        print_nested({f"seed {row['seed']}": row})
    print(folder / "hidden_waves.csv")


@app.command()
def train(
    training: Annotated[Path, typer.Argument(help="Training file (YAML).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    seeds: Annotated[
        str | None, typer.Option(help="Seeds instead of the file's: 0,1,2.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1.")] = None,
    settings: Settings = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a network on a task: logs, weights, scores, and the network as a sheet."""
    from cortexwave.learning.training import training_steps
    from cortexwave.learning.training_document import load_training
    from cortexwave.protocol.changes import read_changes

    changes = read_changes(settings or [])
    if seeds is not None:
        changes["seeds"] = _whole_numbers(seeds)
    if device is not None:
        changes["run.device"] = device
    loaded = load_training(training).with_changes(changes)
    follow_training(training_steps(loaded, output, overwrite=overwrite), quiet)
    print_training(output, as_json)


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


@app.command()
def info(
    path: Annotated[Path, typer.Argument(help="Recording, or folder of a training.")],
    as_json: Json = False,
) -> None:
    """What a recording holds, and where it comes from; how a training went."""
    if path.is_dir():
        print_training(path, as_json)
        return
    from cortexwave.recording.description import describe

    described = describe(path)
    if as_json:
        print_json(described)
    else:
        print_nested(described)


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
    kind: Annotated[str, typer.Argument(help="simulation or training.")] = "simulation",
) -> None:
    """The JSON schema of a kind of document, for editors."""
    from cortexwave.learning import training_document
    from cortexwave.protocol import loading

    schemas = {"simulation": loading.json_schema,
               "training": training_document.json_schema}  # fmt: skip
    if kind not in schemas:
        raise InputError(f"there is no kind '{kind}'; kinds are {', '.join(schemas)}")
    print_json(schemas[kind]())


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
    try:
        title = _title_of_checked(file, settings)
    except CortexwaveError as error:
        return {"file": str(file), "ok": False, "faults": str(error).splitlines()}
    return {"file": str(file), "ok": True, "title": title, "faults": []}


def _title_of_checked(file: Path, settings: list[str]) -> str:
    from cortexwave.documents import read_document

    if read_document(file).values.get("kind") == "training":
        from cortexwave.learning.training_document import (
            check_training_document,
            load_training,
        )
        from cortexwave.protocol.changes import read_changes

        training = load_training(file).with_changes(read_changes(settings))
        check_training_document(training)
        return training.title
    from cortexwave.preparation import prepare

    protocol = _loaded(file, settings, None)
    prepare(protocol)
    return protocol.title


def _count_faulty(results: list[dict[str, Any]]) -> str:
    faulty = sum(not result["ok"] for result in results)
    return f"{faulty} of {len(results)} documents cannot be used"


def _loaded(file: Path, settings: list[str], dtype: str | None) -> Protocol:
    from cortexwave.protocol.changes import changed, read_changes
    from cortexwave.protocol.loading import load_protocol

    changes = read_changes(settings)
    if dtype is not None:
        changes |= {"run.dtype": dtype, "record.dtype": dtype}
    return changed(load_protocol(file), changes)


def _whole_numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"--seeds {text!r}: whole numbers are due, such as 0,1,2"
        ) from None


if __name__ == "__main__":
    main()
