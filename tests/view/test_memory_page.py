"""The page of a memory file: a panel for each, and reasons where there is no value."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.controls import decoding_controls
from cortexwave.memory.format_evidence import memory_format
from cortexwave.memory.identity import decode_identity
from cortexwave.memory.intervals import decode_interval
from cortexwave.memory.site_phase import phase_at_site
from cortexwave.memory.trials import Trials, trials_from
from cortexwave.memory_report import summary_of
from cortexwave.view.memory_page import PANELS, draw_memory_page, undetermined


def _identity() -> xr.Dataset:
    draw = np.random.default_rng(0)
    labels = np.repeat(["a", "b"], 10)
    values = draw.standard_normal((20, 4, 3)) + 3 * (labels == "a")[:, None, None]
    trials = trials_from(values, labels, step=0.01)
    return decode_identity(trials, permutations=19, seed=0)


def test_every_measurement_has_a_place_and_its_curve():
    page = draw_memory_page({"decode_identity": _identity()}, title="T", provenance="p")
    (axes,) = page.axes
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [0, 10, 20, 30])
    assert axes.get_ylabel() == "balanced accuracy"


def test_what_is_undetermined_says_why_in_its_place():
    refused = xr.Dataset(attrs={"measure": "decode_identity", "reason": "no events"})
    assert undetermined(refused)
    page = draw_memory_page({"decode_identity": refused}, title="T", provenance="p")
    said = " ".join(text.get_text() for text in page.axes[0].texts)
    assert said == "undetermined: no events"


def test_every_kind_of_measurement_has_a_panel():
    from cortexwave.memory.measuring import OF_RECORDINGS, OF_TRIALS

    assert {*OF_RECORDINGS, *OF_TRIALS} <= set(PANELS)


def test_nothing_measured_is_no_page():
    with pytest.raises(InputError, match="nothing was measured"):
        draw_memory_page({}, title="T", provenance="p")


def _moving() -> Trials:
    """A bump that moves a site a frame, from one of two places."""
    draw = np.random.default_rng(1)
    labels = np.repeat(["0.01", "0.02"], 20)
    values = 0.3 * draw.standard_normal((40, 6, 16))
    for frame in range(6):
        values[:20, frame, 1 + frame] += 2
        values[20:, frame, 8 + frame] += 2
    positions = np.stack([np.arange(16.0), np.zeros(16)], axis=1)
    return trials_from(values, labels, step=0.01, start=-0.01, positions=positions)


def _format() -> xr.Dataset:
    return memory_format(_moving(), speeds=[100.0], directions=[0.0, 180.0],
                         longest=0.02, boundary="open", permutations=19,
                         seed=0)  # fmt: skip


def _phase() -> xr.Dataset:
    phase = np.random.default_rng(0).uniform(-np.pi, np.pi, 60)
    return phase_at_site(phase, np.cos(phase), permutations=19, seed=0)


PAGE = {
    "decode_interval": (lambda: decode_interval(_moving(), permutations=19, seed=0),
                        "error of the interval (ms)"),
    "decoding_controls": (lambda: decoding_controls(_moving(), times=[0.02],
                                                    permutations=19, seed=0),
                          "balanced accuracy (catch trials: R² of time)"),
    "memory_format": (_format, "between training and test (ms)"),
    "phase_at_site": (_phase, "phase at the site (°)"),
}  # fmt: skip


@pytest.mark.parametrize("measure", PAGE)
def test_a_panel_says_what_it_shows_and_its_line_what_was_found(measure):
    make, shown = PAGE[measure]
    found = make()
    page = draw_memory_page({measure: found}, title="T", provenance="p")
    labels = [label for axes in page.axes
              for label in (axes.get_xlabel(), axes.get_ylabel())]  # fmt: skip
    assert shown in labels
    assert not undetermined(found)
    assert "p = " in summary_of(found)
    assert "nan" not in summary_of(found)
