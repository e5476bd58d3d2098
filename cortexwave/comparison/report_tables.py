"""Tables T1 to T5 of a report: material, scales, primaries, the rest, left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cortexwave.comparison.compared import Comparison
from cortexwave.comparison.facts_file import reason_of
from cortexwave.comparison.intervals import Interval
from cortexwave.comparison.measure_rows import Row
from cortexwave.comparison.parts import Part, excluded_sessions
from cortexwave.comparison.scales import implied
from cortexwave.comparison.session_values import SessionFacts
from cortexwave.view.comparison_page import Table

_FRAGILE = "Undetermined: fragile"
_HEAD = ("measure", "model", "recording", "model - recording", "distance [95 %]",
         "ceiling", "ratio (limit)", "p", "p adjusted", "verdict")  # fmt: skip


def report_tables(found: Comparison) -> tuple[Table, ...]:
    """All tables but the methods, which are text."""
    return (
        _material(found), _scales(found),
        Table("T3", "Primaries", _HEAD, tuple(_row(row) for row in found.primaries),
              f"{_declared(found)}; p adjusted by Holm. Distances are in the unit "
              "shown, ratios in units of how animals (or sessions) differ."),
        Table("T4", "Exploratory", _HEAD, tuple(_row(row) for row in found.exploratory),
              "p adjusted by the false discovery rate. Nothing here was declared "
              "before; 'calibrated' is no evidence."),
        _left_out(found),
    )  # fmt: skip


def _declared(found: Comparison) -> str:
    study = found.study
    if study.primaries is None:
        return "The study declares no primaries: these are the usual ones"
    if study.frozen is None:
        return ("Declared in the study, but not frozen: nothing shows that this was "
                "before looking")  # fmt: skip
    return f"Declared, and frozen as SHA-256 {study.frozen[:12]}"


def _material(found: Comparison) -> Table:
    rows = []
    for side, sessions, parts in (
        ("recording", found.lab, found.lab_parts),
        ("model", found.model, found.model_parts),
    ):
        for session in sessions:
            own = [part for part in parts if (part.subject, part.session) ==
                   (session.subject, session.session)]  # fmt: skip
            rows.append(_session(side, session, own))
    return Table(
        "T1", "Material",
        ("side", "animal", "session", "recordings", "origin", "sites used", "seconds",
         "Hz", "trials (fewest of a class)", "episodes (waves by themselves)",
         "verdict on waves"),
        tuple(rows),
    )  # fmt: skip


def _session(
    side: str, session: SessionFacts, parts: Sequence[Part]
) -> tuple[str, ...]:
    fields = [t["field"] for t in session.tables if not reason_of(t.get("field"))]
    events = [t["events"] for t in session.tables if not reason_of(t.get("events"))]
    failed = [reason_of(t.get("events")) for t in session.tables]
    read = [t["identity"] for t in session.tables if "fewest" in
            t.get("identity", t["events"]).attrs]  # fmt: skip
    origins = [str(each.attrs["origin"]) or "not stated" for each in fields]
    words = [str(each.attrs["word"]) for each in events]
    return (
        side, session.subject, session.session,
        ", ".join(part.file.name for part in parts),
        ", ".join(dict.fromkeys(origins)),
        ", ".join(f"{float(f['sites']):.0f}" for f in fields) or "-",
        f"{sum(float(f['duration']) for f in fields):.4g}" if fields else "-",
        f"{float(fields[0]['rate']):.4g}" if fields else "-",
        f"{sum(int(t.attrs['trials']) for t in read)} "
        f"({min(int(t.attrs['fewest']) for t in read)})" if read else "none",
        f"{sum(int(e.attrs['episodes']) for e in events)} "
        f"({sum(int(e.attrs['waves']) for e in events)})",
        "; ".join(dict.fromkeys([*words, *(each for each in failed if each)])),
    )  # fmt: skip


def _scales(found: Comparison) -> Table:
    scaled = found.calibrated
    rows: list[tuple[str, ...]] = []
    if scaled.scales is not None and scaled.own is not None:
        scales, own = scaled.scales, scaled.own
        rows += [
            ("mm per site", _text(scales.spacing), _fitted(scales.fitted)),
            ("ms per step", _text(1e3 * scales.step), _fitted(scales.fitted)),
            ("model frequency before", f"{_text(own.frequency)} Hz", "measured"),
            ("model wavelength before", f"{_text(own.wavelength)} mm", "measured"),
        ]
        rows += [(f"target {name}", _text(value), "the lab's half")
                 for name, value in scales.targets]  # fmt: skip
        wave = own.frequency * own.wavelength
        made = implied(scales, time_constants={}, speeds={"implied wave speed": wave})
        rows += [(name, f"{_text(value)} {unit}", "implied") for name, (value, unit)
                 in made.items() if name.startswith("implied")]  # fmt: skip
        rows.append(("spent, no evidence", ", ".join(scales.spent), "calibration"))
        rows.append(("held out", ", ".join(scales.held_out) or "none", "calibration"))
    else:
        rows.append(("scales", scaled.text, "not fitted"))
    rows.append(("free parameters", "2" if scaled.scales is not None else "0",
                 "of the comparison"))  # fmt: skip
    return Table("T2", "Scales", ("what", "value", "from"), tuple(rows),
                 "; ".join(scaled.cautions))  # fmt: skip


def _fitted(kind: str) -> str:
    return f"fitted to {kind.replace('_', ' ')}"


def _row(row: Row) -> tuple[str, ...]:
    ratio = row.ratio
    verdict = row.statement.word
    if row.ratio is not None and row.statement.text.startswith(_FRAGILE):
        verdict = f"undetermined: fragile (else {row.ratio.word})"
    if row.spent:
        verdict = "calibrated: no evidence"
    return (
        f"{row.label} ({row.unit})" if row.unit not in ("", "1") else row.label,
        interval_text(row.model), interval_text(row.lab), interval_text(row.signed),
        f"{row.distance_name} {interval_text(row.distance)}"
        if np.isfinite(row.distance.estimate) else "-",
        _text(ratio.ceiling) if ratio is not None else "-",
        f"{_text(ratio.ratio)} ({_text(ratio.limit)})" if ratio is not None else "-",
        _text(row.p), _text(row.p_adjusted), verdict,
    )  # fmt: skip


def interval_text(of: Interval) -> str:
    """An estimate and its interval; "-" where there is none."""
    if not np.isfinite(of.estimate):
        return "-"
    ends = f" [{_text(of.low)}, {_text(of.high)}]" if of.known else ""
    return f"{_text(of.estimate)}{ends}"


def _left_out(found: Comparison) -> Table:
    rows: list[tuple[str, ...]] = [
        (side if side == "model" else "recording", f"{subject}/{session}",
         "whole session", reason)
        for side, subject, session, reason in excluded_sessions(found.study)
    ]  # fmt: skip
    for part in (*found.lab_parts, *found.model_parts):
        side = "recording" if part.side == "lab" else "model"
        of = f"{part.subject}/{part.session}"
        rows += [(side, of, f"channel {label}", why) for label, why in part.channels]
        rows += [(side, of, f"{start:g} to {stop:g} s", why)
                 for start, stop, why in part.times]  # fmt: skip
    return Table(
        "T5", "Left out, and not determined", ("side", "session", "what", "reason"),
        tuple([*rows, *_not_determined(found)]),
    )  # fmt: skip


def _not_determined(found: Comparison) -> list[tuple[str, ...]]:
    """Tables that could not be made, those of one side and one reason together."""
    grouped: dict[tuple[str, str], tuple[dict[str, None], dict[str, None]]] = {}
    for session in (*found.lab, *found.model):
        side = "recording" if session.side == "lab" else "model"
        for name in session.tables[0]:
            said = [
                reason_of(each.get(name)) or str(each[name].attrs.get("few", ""))
                for each in session.tables
            ]
            why = "; ".join(dict.fromkeys(each for each in said if each))
            if why:
                sessions, names = grouped.setdefault((side, why), ({}, {}))
                sessions[session.name] = None
                names[name.replace("_", " ")] = None
    return [
        (side, ", ".join(sessions), ", ".join(names), why)
        for (side, why), (sessions, names) in grouped.items()
    ]


def _text(value: float) -> str:
    return "-" if not np.isfinite(value) else f"{value:.3g}"
