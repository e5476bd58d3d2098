"""Drives, sequences, outcomes and operators of a recording, and their figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot as plt

from cortexwave.comparison.facts_file import open_facts, reason_of, save_facts
from cortexwave.comparison.memory_facts import READOUTS
from cortexwave.comparison.parts import Part
from cortexwave.comparison.recording_facts import recording_facts
from cortexwave.memory.driven import driven_from
from cortexwave.memory.fisher_memory import fisher_memory_from_data
from cortexwave.memory.lag_position import lag_position
from cortexwave.memory.memory_function import memory_function
from cortexwave.schema import events_table, with_tables
from cortexwave.view.comparison_memory import (
    draw_dependence,
    draw_memory_functions,
    draw_sequences,
)
from cortexwave.view.propagator import draw_propagator, draw_topographic_shift

STEP = 0.005  # s
PART = Part("lab", "ada", "one", 0, Path("ada.h5"), "h")
ASKED = {"label": "item", "kinds": None, "lags": 8, "permutations": 19,
         "band": (20.0, 50.0), "seed": 1, "names": READOUTS}  # fmt: skip


def line(values: np.ndarray, rows: list[dict]) -> xr.Dataset:
    """Values (trial, time, site) of a line of sites 1 mm apart, with events."""
    field = xr.Dataset(
        {"h": (("trial", "time", "y", "x"), values[:, :, None], {"units": "1"})},
        {"time": ("time", STEP * np.arange(values.shape[1]), {"units": "s"}),
         "trial": ("trial", np.arange(len(values)), {"units": "1"}),
         "y": ("y", [0.0], {"units": "mm"}),
         "x": ("x", np.arange(values.shape[2], dtype=float), {"units": "mm"})},
    )  # fmt: skip
    return with_tables(field, events_table(rows), None)


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    """Of 40 trials of two items, each at a site of its own, stored and read again."""
    draw = np.random.default_rng(2)
    values = 0.1 * draw.standard_normal((40, 60, 6))
    rows = []
    for trial in range(40):
        for rank, onset in enumerate((12, 30)):
            item = int(draw.integers(2))
            rows.append({"onset": STEP * onset, "trial": trial, "item": str(item),
                         "outcome": str(item)})  # fmt: skip
            values[trial, onset:, 2 * rank + item] += 1.0
    made = recording_facts(line(values, rows), PART, noise_correlation=None, **ASKED)
    path = tmp_path_factory.mktemp("facts") / "ada.h5"
    return open_facts(save_facts(made, path, key="k"))


def test_a_recording_of_sequences_is_read_out_by_rank(facts):
    # each item is ten sd high at a site of its own until the end
    assert facts["sequence"]["accuracy"].values[:, -1].tolist() == [1.0, 1.0]
    figure = draw_sequences({"lab": [("ada/one", facts["sequence"])]})
    assert figure.axes[0].get_legend().get_texts()[1].get_text() == "rank 2"
    plt.close(figure)


def test_outcomes_are_read_by_the_phase_at_the_middle(facts):
    found = facts["phase_at_site"]
    assert found.sizes["bin"] == 8 and int(found["trials"].sum()) == 80
    figure = draw_dependence({}, {}, {"lab": [("ada/one", found)]})
    assert figure.axes[2].get_ylabel() == "mean outcome"
    plt.close(figure)


@pytest.mark.parametrize(("name", "said"), [
    ("memory_function", "drive"), ("lag_position", "drive"),
    ("fisher_memory", "drive"), ("propagator", "'noise_correlation' of the study"),
    ("topographic_shift", "'noise_correlation' of the study"),
])  # fmt: skip
def test_what_a_recording_lacks_is_said(facts, name, said):
    assert said in reason_of(facts[name])


@pytest.fixture(scope="module")
def delay_line():
    """A white drive handed on by one site in a frame, with noise a tenth as strong."""
    draw = np.random.default_rng(0)
    drive = draw.standard_normal(1500)
    states = np.stack([np.roll(drive, k) for k in range(8)], axis=1)[8:]
    return states + 0.1 * draw.standard_normal(states.shape), drive[8:]


def test_an_operator_that_shifts_is_found_and_drawn(delay_line):
    states, _ = delay_line
    made = recording_facts(line(states[None], []), PART, noise_correlation=0.0, **ASKED)
    # one pitch of 1 mm in a frame of 5 ms
    shift = made["topographic_shift"]
    assert float(shift["best_velocity_x"]) == pytest.approx(200.0)
    assert "no events" in reason_of(made["sequence"])
    for figure in (draw_propagator(made["propagator"]), draw_topographic_shift(shift)):
        assert figure.axes
        plt.close(figure)


def test_a_drive_is_drawn_by_age_by_distance_and_by_fisher_information(delay_line):
    states, drive = delay_line
    driven = driven_from(states, drive, tick=STEP,
                         positions=np.stack([np.arange(8.0), np.zeros(8)], axis=1),
                         sources=np.zeros((1, 2)))  # fmt: skip
    line_of = lag_position(driven, lags=10, surrogates=19, seed=0)
    # one site of 1 mm a frame of 5 ms
    assert float(line_of["slope"].item()) == pytest.approx(0.005, rel=0.01)
    figure = draw_memory_functions(
        {"lab": [("a", memory_function(driven, lags=10, surrogates=19, seed=0))]},
        {"lab": [("a", line_of)]},
        {"model": [("m", fisher_memory_from_data(driven, lags=10, surrogates=19,
                                                 blocks=10, seed=0))]},
    )  # fmt: skip
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels == ["memory m(k)", "age held most (ms)", "Fisher memory J(k)"]
    plt.close(figure)
    bare = draw_memory_functions({}, {}, {})
    assert [axes.texts[0].get_text() for axes in bare.axes] == [
        "not known", "ages by distance: not known", "not known"]  # fmt: skip
    plt.close(bare)
