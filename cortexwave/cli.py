"""The command line: each command parses, calls one public function, prints a path.

Data go to stdout, everything else to stderr. Exit codes: 0 done, 2 wrong usage or
invalid input, 3 the run failed, 130 interrupted with a valid file left.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from cortexwave.checking import (
    checked_document,
    count_faulty,
    document_files,
    loaded_protocol,
    one_of,
    read_band,
    read_bytes,
)
from cortexwave.errors import CortexwaveError, InputError, Interrupted
from cortexwave.terminal import (
    follow,
    follow_analysis,
    follow_training,
    print_json,
    print_nested,
    print_path,
    print_training,
    say,
    show_warning,
)

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
    path: Annotated[
        Path, typer.Argument(help="Recording, wave analysis, or folder of a training.")
    ],
    as_json: Json = False,
) -> None:
    """What a recording holds, and where it comes from; how a training went."""
    if path.is_dir():
        print_training(path, as_json)
        return
    from cortexwave.analysis.wave_file import describe_wave_file, is_wave_file
    from cortexwave.recording.description import describe

    described = describe_wave_file(path) if is_wave_file(path) else describe(path)
    if as_json:
        print_json(described)
    else:
        print_nested(described)


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
    from cortexwave.analysis.wave_file import refuse_wave_file
    from cortexwave.units import quantity
    from cortexwave.wave_report import write_wave_page

    refuse_wave_file(recording)
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
                    "word": found.word, "verdict": found.verdict})  # fmt: skip
        return
    print(found.verdict)
    print(f"{output}\n{table}\n{page}")


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
    from cortexwave.analysis.wave_file import refuse_wave_file
    from cortexwave.recording.reader import open_recording
    from cortexwave.view import draw, greatest_difference

    for path in recordings:
        refuse_wave_file(path)
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


def _whole_numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"--seeds {text!r}: whole numbers are due, such as 0,1,2"
        ) from None


if __name__ == "__main__":
    main()
