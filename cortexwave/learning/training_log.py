"""The log of a seed: a row for each evaluation, as JSON lines and as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cortexwave.learning.run_folder import replace_text, told


def read_log(folder: Path, up_to: int) -> list[dict[str, Any]]:
    """Rows of a seed's log up to an iteration; what is no row is left out."""
    path = folder / "log.jsonl"
    if not path.exists():
        return []
    rows = []
    with told(path):
        text = path.read_text(encoding="utf-8", errors="replace")
    for line in text.splitlines():
        try:
            row = json.loads(line)
            if row["iteration"] <= up_to:
                rows.append(dict(row))
        except (ValueError, TypeError, KeyError):
            continue  # cut short by a kill, or damaged
    return rows


class Log:
    """The rows of a seed, written as they come; begun anew from the rows given."""

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
            path = self._folder / name
            with told(path), path.open("a", encoding="utf-8") as file:
                file.write(text)

    def _csv(self, rows: list[Any], *, head: bool) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(
            text, self._columns, lineterminator="\n", extrasaction="ignore"
        )
        if head:
            writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()


def _json(row: Mapping[str, Any]) -> str:
    return json.dumps(row) + "\n"
