"""Panels O and P of a report: the grid of choices, and rivals told apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from cortexwave.comparison.compared import Comparison
from cortexwave.comparison.cost import thorough_cost
from cortexwave.comparison.facts_file import reason_of
from cortexwave.comparison.panel_tables import missing
from cortexwave.view.comparison_page import Panel, Table
from cortexwave.view.comparison_robustness import draw_recovery, draw_robustness
from cortexwave.view.comparison_waves import NAMES, SIDES

_HEAD = ("reference", "band (Hz)", "electrodes (mm)", "gate")


def robustness_panel(found: Comparison) -> Panel:
    """Panel O: the word of each primary in each cell of the grid."""
    grid = found.grid
    if grid is None:
        return missing(
            "no verdict here is known to hold over reference, band, width of "
            f"electrodes and gate; asked for with --thorough. {_cost(found)}"
        )
    low, high = grid.attrs["study_band"]
    near, far = grid.attrs["peak_band"]
    peak = grid.attrs["peak"]
    about = (f"or 30 % about the spectral peak of the recordings, {peak:.3g} Hz "
             f"({near:.3g} to {far:.3g} Hz)" if np.isfinite(peak) else
             "no other")  # fmt: skip
    notes = "".join(f" {each[0].upper()}{each[1:]}." for each in grid.attrs["notes"])
    caption = (
        "The word of the verdict on each primary under each choice: reference as "
        f"recorded or common average; band {low:g} to {high:g} Hz, {about}; sd of the "
        "Gaussian through which electrodes see the model; without a gate, or with "
        "episodes below half of the median amplitude left out. At the right, the share "
        "of cells with the verdict of the report; below 0.80 it is fragile, and then "
        "undetermined. Readouts of trials have no band, and only what is made of "
        "episodes is gated; scales, exclusions and seeds stay as they are. "
        f"{grid.attrs['surrogates']} surrogates in each cell.{notes}"
    )
    return Panel("", "", caption, (draw_robustness(grid),))


def _cost(found: Comparison) -> str:
    return str(thorough_cost(found.study, found.folder))


def robustness_table(found: Comparison) -> tuple[Table, ...]:
    """T6, the grid as text, and T7, why cells have no word; none without a grid."""
    grid = found.grid
    if grid is None:
        return ()
    bands = {
        name: "{:.3g} to {:.3g}".format(*grid.attrs[f"{name}_band"])
        for name in ("study", "peak")
    }
    cells = (grid.isel(cell=k) for k in range(grid.sizes["cell"]))
    rows: list[tuple[str, ...]] = [
        (
            "as recorded" if str(cell["reference"].values) == "none" else "average",
            bands[str(cell["band"].values)], f"{float(cell['width']):g}",
            str(cell["gate"].values), *(str(word) for word in cell["word"].values),
        )
        for cell in cells
    ]  # fmt: skip
    rows.append(("in the report", "", "", "",
                 *(str(each) for each in grid["verdict"].values)))  # fmt: skip
    rows.append(("share of cells with it", "", "", "",
                 *(f"{float(each):.2f}" for each in grid["share"])))  # fmt: skip
    head = (*_HEAD, *(str(each) for each in grid["label"].values))
    table = Table("T6", "Primaries under each choice", head, tuple(rows), "")
    reasons = _reasons(grid)
    return (table, reasons) if reasons.rows else (table,)


def _reasons(grid: xr.Dataset) -> Table:
    """T7: each reason once, with the measures and the number of cells that have it."""
    measures: dict[str, dict[str, None]] = {}  # in order
    cells: dict[str, set[int]] = {}
    for row, label in zip(grid["reason"].values, grid["label"].values, strict=True):
        for cell, said in enumerate(row):
            for reason in str(said).splitlines():
                measures.setdefault(reason, {})[str(label)] = None
                cells.setdefault(reason, set()).add(cell)
    often = sorted(cells, key=lambda reason: -len(cells[reason]))
    return Table(
        "T7", "Why cells of T6 are undetermined", ("reason", "measures", "cells"),
        tuple((reason, ", ".join(measures[reason]), str(len(cells[reason])))
              for reason in often),
        f"Of {grid.sizes['cell']} cells.",
    )  # fmt: skip


def recovery_panel(found: Comparison) -> Panel:
    """Panel P: which rival each was taken for, and what each side is most like."""
    made = {side: found.recovery[side] for side in SIDES if side in found.recovery}
    if not made:
        return missing(
            "whether a wave, a bump, an oscillation and a chain could be told apart at "
            f"these numbers of trials is not known; asked for with --thorough. "
            f"{_cost(found)}"
        )
    known = {side: table for side, table in made.items() if not reason_of(table)}
    lacking = [f"{NAMES[side]}: {reason_of(table)}" for side, table in made.items()
               if side not in known]  # fmt: skip
    if not known:
        return missing("; ".join(lacking))
    said = " ".join(_said(side, table) for side, table in known.items())
    lost = f" Not known: {'; '.join(lacking)}." if lacking else ""
    return Panel("", "", (
        "Rivals simulated on the sites of the first session with trials, in noise that "
        "lets as many items be told apart, each then fitted by all: rows what was "
        f"simulated, columns what fits best, held out. {said}{lost}"
    ), (draw_recovery(known),))  # fmt: skip


def _said(side: str, table: xr.Dataset) -> str:
    told = table.attrs
    ends = ", ".join(
        f"{str(name).replace('_', ' ')} {float(low):.2f} to {float(high):.2f}"
        for name, low, high in zip(table["simulated"].values, table["low"],
                                   table["high"], strict=True)
    )  # fmt: skip
    return (
        f"{NAMES[side].capitalize()} ({told['session']}): {fit_text(told)}. Packets "
        f"are {float(told['width']):.2g} mm wide, {_reaching(told)}, "
        f"shifted at {float(told['speed']):.3g} mm/s towards "
        f"{float(told['direction']):.0f} deg, the best shift of panel K, for "
        f"{1e3 * float(told['time']):.3g} ms, in which such a packet stays on the "
        f"array; {told['trials']} trials of an item, {told['repeats']} simulations of "
        f"each rival. 95 % intervals (Wilson) of the share recovered: {ends}."
    )


def _reaching(told: Mapping[str, Any]) -> str:
    reach = f"{float(told['reach']):.2g} mm"
    if told["bounded"]:
        return (f"as near to responses that reach {reach} as packets with room to "
                "travel and sites enough can be")  # fmt: skip
    return f"so that responses reach as far as there ({reach})"


def fit_text(told: Mapping[str, object]) -> str:
    """Which rival a side is fitted by best, or that it is like none."""
    if told["why"]:
        return str(told["why"])
    return (
        f"fitted best by the {str(told['best']).replace('_', ' ')} "
        f"({float(str(told['usual'])):.2f} of its simulations fit it no better)"
    )


def plain_grid(found: Comparison) -> dict[str, Any] | None:
    """The grid as plain values: words by primary, in the order of the cells."""
    grid = found.grid
    if grid is None:
        return None
    names = ("reference", "band", "width", "gate")
    return {
        "cells": [
            {name: values[k] for name, values in
             ((name, grid[name].values.tolist()) for name in names)}
            for k in range(grid.sizes["cell"])
        ],
        "primaries": {
            str(name): {"words": one["word"].values.tolist(),
                        "reasons": one["reason"].values.tolist(),
                        "verdict": str(one["verdict"].values),
                        "share": float(one["share"]), "holds": bool(one["holds"])}
            for name in grid["primary"].values for one in [grid.sel(primary=name)]
        },
        **{name: value for name, value in grid.attrs.items() if name != "measure"},
    }  # fmt: skip


def plain_recovery(found: Comparison) -> dict[str, Any]:
    """The matrices of recovery and the fits, by side; or why there is none."""
    made: dict[str, Any] = {}
    for side, table in found.recovery.items():
        if reason_of(table):
            made[side] = {"reason": reason_of(table)}
            continue
        made[side] = {
            "simulated": table["simulated"].values.tolist(),
            "fitted": table["fitted"].values.tolist(),
            **{name: table[name].values.tolist()
               for name in ("recovered", "low", "high", "score")},
            **table.attrs,
        }  # fmt: skip
    return made
