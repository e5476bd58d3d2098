"""The folder of a training: its document, and for each seed log, weights, result.

FOLDER/training.yaml            the document, verbatim
FOLDER/summary.json, .csv       medians and ranges over the seeds
FOLDER/seed-0/log.csv, .jsonl   one row for each evaluation
FOLDER/seed-0/checkpoint.h5     everything that is needed to go on
FOLDER/seed-0/best.h5           the weights with the best evaluation
FOLDER/seed-0/result.json       how the seed ended; absent while it runs
FOLDER/seed-0/sheet/            the network as a sheet, where it can be one
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from cortexwave.errors import InputError, RecordingError
from cortexwave.learning.training_document import Training, parse_training

DOCUMENT = "training.yaml"
_ORIGIN = "training.json"


def begin(folder: Path, training: Training, *, overwrite: bool = False) -> None:
    """Make the folder of a new training; refuses one that holds anything else."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: a file of this name exists; a folder is due")
    if folder.exists() and any(folder.iterdir()):
        if not (folder / DOCUMENT).exists():
            raise InputError(
                f"{folder}: it holds other files; give a folder of its own"
            )
        if not overwrite:
            raise InputError(
                f"{folder}: it holds a training already; `cortexwave resume {folder}` "
                "goes on with it, --overwrite replaces it"
            )
        for seed in folder.glob("seed-*"):
            shutil.rmtree(seed)
        for name in ("summary.json", "summary.csv"):
            (folder / name).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    origin = str(Path(training.source.file).absolute())
    replace_text(folder / _ORIGIN, json.dumps({"file": origin}))
    replace_text(folder / DOCUMENT, training.text)


def document_of(folder: Path) -> Training:
    """The training whose folder this is; `InputError` where it is none."""
    try:
        text = (folder / DOCUMENT).read_text(encoding="utf-8")
        origin = json.loads((folder / _ORIGIN).read_text(encoding="utf-8"))["file"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: not the folder of a training: {error}") from None
    return parse_training(text, file=str(origin))


def seed_folder(folder: Path, seed: int) -> Path:
    """Where what belongs to a seed stands."""
    return folder / f"seed-{seed}"


def replace_text(path: Path, text: str) -> None:
    """Replace a text file whole: a kill leaves the old one or the new one."""
    fresh = path.with_name(path.name + ".new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def read_log(folder: Path, up_to: int) -> list[dict[str, Any]]:
    """Rows of a seed's log up to an iteration; a row cut short is left out."""
    path = folder / "log.jsonl"
    if not path.exists():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if row["iteration"] <= up_to:
            rows.append(row)
    return rows


class Log:
    """The rows of a seed, as JSON lines and as CSV, written as they come."""

    def __init__(self, folder: Path, rows: list[dict[str, Any]]):
        self._folder, self._columns = folder, list(rows[0]) if rows else []
        replace_text(folder / "log.jsonl", "".join(_json(row) for row in rows))
        replace_text(folder / "log.csv", self._csv(rows, head=bool(rows)))

    def add(self, row: Mapping[str, Any]) -> None:
        """One more row; the first one decides the columns."""
        head = not self._columns
        self._columns = self._columns or list(row)
        for name, text in (("log.jsonl", _json(row)),
                           ("log.csv", self._csv([row], head=head))):  # fmt: skip
            with (self._folder / name).open("a", encoding="utf-8") as file:
                file.write(text)

    def _csv(self, rows: list[Any], *, head: bool) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, self._columns, lineterminator="\n")
        if head:
            writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()


def _json(row: Mapping[str, Any]) -> str:
    return json.dumps(row) + "\n"


def write_result(folder: Path, result: Mapping[str, Any]) -> None:
    """How a seed ended."""
    replace_text(folder / "result.json", json.dumps(result, indent=1))


def read_result(folder: Path) -> dict[str, Any] | None:
    """How a seed ended; None while it has not."""
    path = folder / "result.json"
    if not path.exists():
        return None
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise RecordingError(f"{path}: damaged ({error})") from error


def summarise(folder: Path, training: Training) -> dict[str, Any]:
    """Medians and ranges over the seeds that have ended; also written to files."""
    ended = {seed: read_result(seed_folder(folder, seed)) for seed in training.seeds}
    results = {seed: result for seed, result in ended.items() if result is not None}
    whole = {s: r for s, r in results.items() if "failed" not in r}
    names = list(next(iter(whole.values()))["test"]) if whole else []
    rows = {
        f"{part}.{name}": _spread([r[part][name] for r in whole.values()])
        for part in ("test", "best") for name in names
    }  # fmt: skip
    for goal in training.goals:
        at = [r["goals"].get(goal) for r in whole.values()]
        rows[f"iteration of {goal} {training.goals[goal]:g}"] = _spread(at)
    summary = {
        "title": training.title,
        "seeds": list(results),
        "failed": {s: r["failed"] for s, r in results.items() if "failed" in r},
        "scores": rows,
        "network": next((r["network"] for r in whole.values()), {}),
        "seconds": sum(r["seconds"] for r in whole.values()),
    }
    replace_text(folder / "summary.json", json.dumps(summary, indent=1))
    lines = ["score,median,lowest,highest,reached,seeds"]
    for name, spread in rows.items():
        values = (spread["median"], spread["lowest"], spread["highest"],
                  spread["reached"], spread["seeds"])  # fmt: skip
        lines.append(",".join([name, *("" if v is None else f"{v:g}" for v in values)]))
    replace_text(folder / "summary.csv", "\n".join(lines) + "\n")
    return summary


def _spread(values: list[float | None]) -> dict[str, Any]:
    """Median and range over seeds; a seed that never got there counts as the worst.

    Where half of the seeds or more never got there, there is no median.
    """
    there = sorted(value for value in values if value is not None)
    never = len(values) - len(there)
    padded = [*there, *[float("inf")] * never]
    middle = median(padded) if padded else float("inf")
    return {
        "median": None if middle == float("inf") else middle,
        "lowest": there[0] if there else None,
        "highest": there[-1] if there and not never else None,
        "reached": len(there),
        "seeds": len(values),
    }
