"""Figures of a drive's memory: they show what the Datasets hold, and refuse others."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes

from cortexwave.errors import InputError
from cortexwave.memory.driven import Driven, driven_from
from cortexwave.memory.fisher_memory import fisher_memory, fisher_memory_from_data
from cortexwave.memory.lag_position import lag_position
from cortexwave.memory.memory_function import memory_function
from cortexwave.memory.processing_capacity import processing_capacity
from cortexwave.view import pieces
from cortexwave.view.memory_functions import (
    DRAWN,
    draw_drive_memory,
    draw_fisher_memory,
    draw_lag_position,
    draw_memory_function,
)


@pytest.fixture
def axes() -> Axes:
    return pieces.axes_at(pieces.new_figure(4, 3), 0.6, 0.4, 3, 2)


def _line() -> Driven:
    """Six sites that hold the drive of 0, 1, ... 5 ticks of 10 ms ago, 1 mm apart."""
    drive = np.random.default_rng(0).uniform(-1, 1, 500)
    states = np.stack([np.roll(drive, k) for k in range(6)], axis=1)
    places = np.stack([np.arange(6.0), np.zeros(6)], axis=1)
    return driven_from(states, drive, tick=0.01, positions=places, sources=[[0, 0]])


@pytest.fixture(scope="module")
def found() -> dict[str, xr.Dataset]:
    line = _line()
    few = {"surrogates": 19, "seed": 0}
    return {
        "m": memory_function(line, lags=10, **few),
        "ipc": processing_capacity(line, lags=[8, 3], **few),
        "j": fisher_memory_from_data(line, lags=8, blocks=4, **few),
        "lag": lag_position(line, lags=10, **few),
    }


def test_the_curve_is_the_memory_function_in_milliseconds(found, axes):
    draw_memory_function(found["m"], axes)
    ages, memory = axes.lines[0].get_data()
    np.testing.assert_allclose(ages, 10 * np.arange(10))
    np.testing.assert_allclose(memory, found["m"].memory.values[0])
    assert axes.get_xlabel() == "age (ms)"


def test_the_speed_of_the_line_is_told(found, axes):
    draw_lag_position(found["lag"], axes)
    assert "0.1 m/s" in axes.get_legend().get_texts()[0].get_text()


def test_the_curve_of_a_known_operator_is_over_steps(axes):
    delay = np.diag(np.ones(4), -1)
    draw_fisher_memory(fisher_memory(delay, np.eye(5)[0], noise=1.0, lags=5), axes)
    np.testing.assert_allclose(axes.lines[0].get_ydata(), 1 / np.arange(1, 6))
    assert axes.get_xlabel() == "age (steps)"


def test_one_figure_has_a_panel_for_each_measure(found):
    figure = draw_drive_memory(found)
    assert len(figure.axes) == 4
    assert {each.attrs["measure"] for each in found.values()} <= set(DRAWN)


def test_what_is_not_a_memory_measure_is_refused_by_name(found, axes):
    with pytest.raises(InputError, match=r"'memory' is needed.*lag_position"):
        draw_memory_function(found["lag"], axes)
    with pytest.raises(InputError, match="none of"):
        draw_drive_memory({"other": xr.Dataset()})
