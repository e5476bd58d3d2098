"""The report of a comparison: one HTML file, one JSON file, one table of episodes."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from cortexwave.comparison.compared import Comparison
from cortexwave.comparison.facts_file import reason_of
from cortexwave.comparison.gates import longest_span, seen_faults
from cortexwave.comparison.measure_rows import Row
from cortexwave.comparison.memory_statements import link_statement, memory_statement
from cortexwave.comparison.methods_text import methods_text
from cortexwave.comparison.report_folder import EVENTS, PAGE, SUMMARY
from cortexwave.comparison.report_panels import report_panels
from cortexwave.comparison.report_tables import report_tables
from cortexwave.comparison.report_thorough_panels import (
    plain_grid,
    plain_recovery,
    robustness_table,
)
from cortexwave.comparison.verdicts import (
    Statement,
    calibration_statement,
    is_permitted,
    undetermined,
)
from cortexwave.provenance import attributes as provenance
from cortexwave.provenance import sha256_of_file
from cortexwave.recording.reader import open_recording
from cortexwave.view.comparison_page import (
    ComparisonPage,
    Said,
    write_comparison_page,
)
from cortexwave.view.paths import written

_COLUMNS = ("start", "end", "duration", "kind", "speed", "direction", "wavelength",
            "frequency", "score", "p", "is_wave")  # fmt: skip


def write_report(found: Comparison) -> Path:
    """The path of report.html in the comparison's folder; report.json and events.csv
    stand beside it.
    """
    page = report_page(found)
    for said in page.verdicts:
        assert is_permitted(said.text), said.text
    path = write_comparison_page(page, found.folder / PAGE)
    with written(found.folder / SUMMARY) as part:
        part.write_text(
            json.dumps(summary(found, page), indent=1, default=str), encoding="utf-8"
        )
    with written(found.folder / EVENTS) as part:
        write_events(found, part)
    return path


def report_page(found: Comparison) -> ComparisonPage:
    """What the page of a comparison shows."""
    animals = len({each.subject for each in found.lab})
    lead = (
        f"{len(found.lab)} session(s) of {animals} animal(s) against "
        f"{len(found.model)} of the model, {found.study.band[0]:g} to "
        f"{found.study.band[1]:g} Hz. Declared: "
        f"{', '.join(found.study.chosen_primaries)} "
        f"(SHA-256 {found.study.declared[:12]})."
    )
    return ComparisonPage(
        title=found.study.title, lead=lead, verdicts=tuple(_verdicts(found)),
        cautions=tuple(cautions(found)), panels=report_panels(found),
        tables=(*report_tables(found), *robustness_table(found)),
        methods=tuple(methods_text(found)),
    )  # fmt: skip


def _verdicts(found: Comparison) -> list[Said]:
    said = [Said(f"{row.label} (primary)", row.statement.word, row.statement.text)
            for row in found.primaries]  # fmt: skip
    for about, statement in (
        ("memory", memory_statement(found)),
        ("dependence on waves", link_statement(found)),
        ("calibration and span", span_statement(found)),
    ):  # fmt: skip
        said.append(Said(about, statement.word, statement.text))
    return said


def span_statement(found: Comparison) -> Statement:
    """What the scales spent, and the longest memory of a single pass of a wave."""
    fields = [each["field"] for session in found.lab for each in session.tables
              if not reason_of(each.get("field"))
              and each["field"].attrs.get("word") == "travelling waves"]  # fmt: skip
    speeds = [float(each["median_speed"]) for each in fields]
    extents = [float(each["extent"]) for each in fields]
    known = [(v, x) for v, x in zip(speeds, extents, strict=True) if np.isfinite(v)]
    if not known:
        return undetermined(["no recording of the lab is known to have waves that "
                             "travel, so none passes over the array"])  # fmt: skip
    speed, extent = np.median(np.array(known), axis=0)
    spent = [each.replace("_", " ") for each in found.study.spent] or ["none"]
    return calibration_statement(spent, longest_span(float(extent), float(speed)))


def cautions(found: Comparison) -> list[str]:
    """What a reader must know before believing a table."""
    made = [*found.calibrated.cautions]
    origins = {
        str(each["field"].attrs.get("origin", ""))
        for session in found.lab
        for each in session.tables
        if not reason_of(each.get("field"))
    }
    if origins - {"lab", ""}:
        made.append(
            "recordings on the lab's side come from "
            f"{', '.join(sorted(origins - {'lab', ''}))}, not from an animal"
        )
    if len(found.lab) == 1:
        made.append("one lab session: there is no ceiling, and no p")
    made += _seen_badly(found)
    noted: dict[str, list[str]] = {}  # one line for all measures it is true of
    for row in found.primaries:
        for each in row.notes:
            noted.setdefault(each, []).append(row.label)
    made += [f"{', '.join(labels)}: {note}" for note, labels in noted.items()]
    return list(dict.fromkeys(each.rstrip(".") for each in made))


def _seen_badly(found: Comparison) -> list[str]:
    """Sheets that are too small, too coarse or of too short waves for the array."""
    fields = {session.name: session.tables[0].get("field") for session in found.model}
    made = []
    for part in found.model_parts:
        field = fields.get(f"{part.subject}/{part.session}")
        told = found.operators.get(part.name)
        if not told or field is None or reason_of(field):
            continue
        spacing = float(told["sheet_spacing_mm"][-1])
        with open_recording(found.sheets[part.name]) as sheet:
            across = min(n for n in (sheet.sizes["y"], sheet.sizes["x"]) if n > 1)
        made += seen_faults(
            wavelength=float(field["median_wavelength"]), spacing=spacing,
            sheet=across * spacing, pitch=float(field["pitch"]),
            extent=float(field["extent"]),
        )  # fmt: skip
    return [f"model: {each}" for each in dict.fromkeys(made)]


def summary(found: Comparison, page: ComparisonPage) -> dict[str, Any]:
    """All of the report as plain values, in the units of the page."""
    return {
        "title": found.study.title, "declared_sha256": found.study.declared,
        "primaries": found.study.chosen_primaries,
        "study": json.loads(found.study.resolved()),
        "verdicts": [asdict(each) for each in page.verdicts],
        "cautions": list(page.cautions),
        "rows": {name: _plain(row) for name, row in found.rows.items()},
        "calibration": {"text": found.calibrated.text,
                        "spacing_mm": found.calibrated.scale.spacing,
                        "interval_s": found.calibrated.scale.interval,
                        "sessions": list(found.calibrated.sessions)},
        "operators": found.operators,
        "grid": plain_grid(found), "recovery": plain_recovery(found),
        "files": {part.name: {"file": str(part.file.name),
                              "sha256": sha256_of_file(part.file)}
                  for part in (*found.lab_parts, *found.model_parts)},
        "tables": [asdict(each) for each in page.tables],
        "panels": [{"letter": each.letter, "title": each.title,
                    "drawn": bool(each.figures), "missing": each.missing,
                    "caption": each.caption} for each in page.panels],
        "methods": list(page.methods), "provenance": provenance(),
    }  # fmt: skip


def _plain(row: Row) -> dict[str, Any]:
    """A row with missing numbers as null."""

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: clean(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [clean(each) for each in value]
        if isinstance(value, float | np.floating):
            return float(value) if np.isfinite(value) else None
        return value

    return dict(clean(asdict(row)))


def write_events(found: Comparison, path: Path) -> None:
    """All episodes of both sides as text: a row each, units in the names of columns."""
    units = {"start": "s", "end": "s", "duration": "s", "speed": "mm_per_s",
             "direction": "deg", "wavelength": "mm", "frequency": "Hz"}  # fmt: skip
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(
            [
                "side",
                "subject",
                "session",
                "part",
                *(
                    f"{name}_{units[name]}" if name in units else name
                    for name in _COLUMNS
                ),
            ]
        )
        for session in (*found.lab, *found.model):
            for number, each in enumerate(session.tables):
                events = each.get("events")
                if events is None or reason_of(events):
                    continue
                columns = [events[name].values for name in _COLUMNS]
                for values in zip(*columns, strict=True):
                    rows.writerow(
                        [
                            session.side,
                            session.subject,
                            session.session,
                            number + 1,
                            *(_cell(value) for value in values),
                        ]
                    )


def _cell(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{float(value):.9g}"
    return str(value)
