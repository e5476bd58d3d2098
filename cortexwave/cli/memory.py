"""Commands that ask what a field or a network remembers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from cortexwave.cli.application import Json, Overwrite, Quiet, app
from cortexwave.terminal import follow_measurements, print_json, print_nested, say

if TYPE_CHECKING:
    from cortexwave.documents import Source
    from cortexwave.memory.measuring import Measurement


class _FileFirst(TyperGroup):
    """A group whose command `recording` is meant where no other is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = ["recording", *args]
        return super().parse_args(ctx, args)


memory = typer.Typer(
    cls=_FileFirst, no_args_is_help=True,
    help="What a field or a network remembers: `memory run.h5 -o memory.h5`.",
)  # fmt: skip
app.add_typer(memory, name="memory")


@memory.command("recording")
def recording(
    file: Annotated[Path, typer.Argument(help="Recording of a model or a lab.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="memory.h5; memory.png beside it.")
    ],
    analysis: Annotated[
        list[str] | None,
        typer.Option(help="Instead of the protocol's: '{kind: propagator, ...}'."),
    ] = None,
    analyses: Annotated[
        Path | None,
        typer.Option(help="Instead of the protocol's: YAML with `analyses:`."),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Analyses at a time.")] = 1,
    overwrite: Overwrite = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure what a recording remembers: the analyses that its protocol declares."""
    from cortexwave.memory.measuring import measuring, open_memory
    from cortexwave.memory_report import check_page, summary_of, write_memory_page

    picture = check_page(output, overwrite=overwrite)
    asked = [*(asked_of(analysis, file) if analysis else []),
             *(read_from(analyses, file) if analyses else [])]  # fmt: skip
    if analysis is None and analyses is None:
        asked = declared_in(file)
    follow_measurements(
        measuring(file, output, asked, jobs=jobs, overwrite=overwrite), quiet
    )
    found = open_memory(output)
    page = write_memory_page(output, picture)
    told = {name: summary_of(each) for name, each in found.items()}
    if as_json:
        print_json({"path": str(output), "page": str(page), "found": told})
        return
    for name, each in told.items():
        print(f"{name}: {each}")
    print(f"{output}\n{page}")


def declared_in(file: Path) -> list[Measurement]:
    """The analyses that the protocol in a recording declares; none if it has none."""
    from cortexwave.errors import RecordingError
    from cortexwave.protocol.document import parse_protocol
    from cortexwave.recording.reader import read_protocol

    try:
        text = read_protocol(file)
    except RecordingError as error:
        if "holds no protocol" not in str(error):
            raise
        return []
    # of what was imported, or saved from memory, the text is a remark and no more
    if all(line.lstrip()[:1] in ("", "#") for line in text.splitlines()):
        return []
    return [_measurement(each) for each in parse_protocol(text).analyses]


def asked_of(texts: list[str], file: Path) -> list[Measurement]:
    """Analyses of a recording, written on the command line as YAML mappings."""
    from cortexwave.documents import parse_document

    return _asked(parse_document(
        "analyses:\n" + "".join(f"- {text.strip()}\n" for text in texts),
        file="--analysis",
    ), file)  # fmt: skip


def read_from(document: Path, file: Path) -> list[Measurement]:
    """Analyses of a YAML file that holds them alone, as a lab's recording needs."""
    from cortexwave.documents import read_document

    return _asked(read_document(document), file)


def _asked(source: Source, file: Path) -> list[Measurement]:
    """The analyses of a document, held against the recording they are asked of."""
    from cortexwave.faults import check_document
    from cortexwave.memory.covariates import covariate_names
    from cortexwave.protocol.analyses import Analyses, covariate_faults
    from cortexwave.recording.reader import open_recording

    asked: Analyses = check_document(Analyses, source, document=True)
    if any(getattr(each, "covariates", None) for each in asked.analyses):
        with open_recording(file) as opened:
            known = covariate_names(opened)
        faults = list(covariate_faults(asked.analyses, known))
        if faults:
            raise source.refusal(faults)
    return [_measurement(each) for each in asked.analyses]


def _measurement(document: Any) -> Measurement:
    from cortexwave.memory.measuring import Measurement

    values = document.model_dump(mode="json")
    return Measurement(values.pop("kind"), values)


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
