"""Panels O and P say what was varied, taken for what, and what is not known."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import xarray as xr

from cortexwave.comparison.facts_file import undetermined
from cortexwave.comparison.pipeline_grid import GRID
from cortexwave.comparison.report_thorough_panels import (
    plain_grid,
    plain_recovery,
    recovery_panel,
    robustness_panel,
    robustness_table,
)
from cortexwave.comparison.robustness_grid import grid_table

NAMES = ["traveling_wave", "static_bump"]


@pytest.fixture
def found():
    """A comparison of which a grid is known, and the rivals of the recording alone."""
    words = {cell: {"speed": ("within", "") if cell.reference == "none" else
                    ("undetermined", "lab: 9 live sites, and 16 are needed")}
             for cell in GRID}  # fmt: skip
    grid = grid_table(words, {"speed": "within"}, attributes={
        "measure": "robustness_grid", "study_band": [5.0, 20.0], "peak": 10.0,
        "peak_band": [7.0, 13.0], "surrogates": 99, "notes": ["widths are equal"],
    })  # fmt: skip
    rivals = xr.Dataset(
        {"recovered": (("simulated", "fitted"), [[0.95, 0.05, 0.0], [0.0, 1.0, 0.0]]),
         "low": ("simulated", [0.764, 0.839]), "high": ("simulated", [0.991, 1.0]),
         "score": ("simulated", [0.4, 7.0])},
        {"simulated": NAMES, "fitted": [*NAMES, "undetermined"]},
        {"session": "ada/one", "best": "traveling_wave", "usual": 0.381, "why": "",
         "width": 0.5, "reach": 0.45, "bounded": 0, "speed": 120.0, "direction": 30.0,
         "time": 0.02, "trials": 40, "repeats": 20},
    )  # fmt: skip
    recovery = {"lab": rivals, "model": undetermined("format_recovery", "no events")}
    return SimpleNamespace(grid=grid, recovery=recovery)


def test_panel_o_says_what_was_varied_and_what_could_not_be(found):
    panel = robustness_panel(found)
    assert len(panel.figures) == 1
    for said in ("5 to 20 Hz", "10 Hz (7 to 13 Hz)", "99 surrogates in each cell",
                 "Widths are equal."):  # fmt: skip
        assert said in panel.caption


def test_table_t6_has_a_row_for_each_cell_and_why_some_have_no_word(found):
    table, reasons = robustness_table(found)
    assert len(table.rows) == 24 + 2
    assert table.rows[0] == ("as recorded", "5 to 20", "0.1", "off", "within")
    assert table.rows[-1][-1] == "0.50"
    said = "lab: 9 live sites, and 16 are needed"
    assert reasons.rows == ((said, "phase speed of waves", "12"),)


def test_panel_p_says_what_fits_best_with_its_intervals_and_what_is_not_known(found):
    panel = recovery_panel(found)
    assert len(panel.figures) == 1
    for said in (
        "Recording (ada/one): fitted best by the traveling wave (0.38 of its",
        "traveling wave 0.76 to 0.99, static bump 0.84 to 1.00",
        "0.5 mm wide, so that responses reach as far as there (0.45 mm)",
        "Not known: model: no events.",
    ):
        assert said in panel.caption


def test_the_summary_holds_words_and_matrices_as_plain_values(found):
    told = json.loads(json.dumps([plain_grid(found), plain_recovery(found)]))
    grid, recovery = told
    assert grid["cells"][0] == {"reference": "none", "band": "study", "width": 0.1,
                                "gate": "off"}  # fmt: skip
    assert grid["primaries"]["speed"]["words"].count("within") == 12
    assert grid["primaries"]["speed"]["holds"] is False
    assert recovery["lab"]["recovered"][0] == [0.95, 0.05, 0.0]
    assert recovery["model"] == {"reason": "no events"}
