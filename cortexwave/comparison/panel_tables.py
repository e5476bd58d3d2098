"""What panels are made of: the tables of all sessions, a figure, or a reason."""

from __future__ import annotations

import numpy as np
import xarray as xr

from cortexwave.comparison.compared import Comparison
from cortexwave.comparison.facts_file import reason_of
from cortexwave.view.comparison_page import Panel
from cortexwave.view.comparison_waves import Sessions


def missing(reason: str) -> Panel:
    return Panel("", "", "", missing=reason)


def drawn(figure, caption: str) -> Panel:  # type: ignore[no-untyped-def]
    return Panel("", "", caption, (figure,))


def tables(found: Comparison, name: str) -> Sessions:
    """The tables of one name by side, those that could be made, with their sessions."""
    return {
        side: [
            (session.name, each[name]) for session in sessions
            for each in session.tables if name in each and not _empty(each[name])
        ]
        for side, sessions in (("lab", found.lab), ("model", found.model))
    }  # fmt: skip


def _empty(table: xr.Dataset) -> bool:
    """Whether nothing in a table is known."""
    numbers = [v for v in table.data_vars.values() if v.dtype.kind == "f"]
    return not any(bool(np.isfinite(v.values).any()) for v in numbers)


def reasons(found: Comparison, name: str) -> str:
    said = [reason_of(each.get(name)) for session in (*found.lab, *found.model)
            for each in session.tables]  # fmt: skip
    return "; ".join(dict.fromkeys(each for each in said if each)) or "no data"


def medians(found: Comparison, name: str) -> dict[str, float]:
    """Median over sessions of a scalar of the field, by side."""
    made = {}
    for side, sessions in tables(found, "field").items():
        known = [float(table[name]) for _, table in sessions if name in table]
        finite = [each for each in known if np.isfinite(each)]
        made[side] = float(np.median(finite)) if finite else float("nan")
    return made
