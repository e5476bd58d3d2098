"""Figures of generalisation and sequences show what was found, and what is unknown."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.text import Text

from cortexwave.errors import InputError
from cortexwave.view.memory_generalisation import (
    draw_accuracy,
    draw_sequence_readout,
    draw_temporal_generalisation,
)
from cortexwave.view.pieces import new_figure

CLOCK = 0.01 * np.arange(4)


@pytest.fixture
def found():
    away = np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    pair = ("train_time", "test_time")
    lag = np.array([0.8, 0.3, 0.1, 0.05])
    return xr.Dataset(
        {"accuracy": (pair, lag[away]), "p": (pair, np.where(away, 1.0, 0.01)),
         "p_below": (pair, np.where(away > 2, 0.01, 1.0)), "chance": 0.17,
         **{name: ("lag", lag + step) for name, step in (
             ("lag_accuracy", 0.0), ("lag_accuracy_low", -0.02),
             ("lag_accuracy_high", 0.02))},
         "null_low": ("lag", np.full(4, 0.12)), "null_high": ("lag", np.full(4, 0.2))},
        {"train_time": CLOCK, "test_time": CLOCK, "lag": CLOCK},
        {"alpha": 0.05, "reason": ""},
    )  # fmt: skip


@pytest.fixture
def alignment():
    return xr.Dataset(
        {"aligned": ("lag", [0.8, 0.79]), "mirrored": ("lag", [0.8, 0.1]), "p": 0.01,
         "speed": 80.0, "direction": 180.0},
        {"lag": CLOCK[:2]}, {"reason": "a reason"},
    )  # fmt: skip


@pytest.fixture
def sequence():
    rows = ("rank", "time")
    return xr.Dataset(
        {"accuracy": (rows, [[0.7, 0.8, 0.9, 0.8], [np.nan, np.nan, 0.8, 0.7]]),
         "p": (rows, [[0.01] * 4, [np.nan, np.nan, 0.01, 0.2]]),
         "chance": ("rank", [0.25, 0.25]), "simultaneous": ("time", [1, 1, 2, 1]),
         "since_onset": (("rank", "since"), [[0.7, 0.8], [0.8, 0.7]]),
         "collapse_p": 0.4, "sequence_accuracy": 0.6, "sequence_chance": 0.06,
         "sequence_p": 0.01, "rank_accuracy": np.nan, "rank_chance": np.nan,
         "rank_p": np.nan, "order_auc": 0.9, "order_p": 0.02},
        {"rank": [0, 1], "time": CLOCK, "since": CLOCK[:2],
         "onset": ("rank", [0.0, 0.02])},
        {"at": 0.03, "alpha": 0.05},
    )  # fmt: skip


def written(figure):
    return " ".join(text.get_text() for text in figure.findobj(Text))


def test_the_accuracy_is_drawn_with_the_training_time_upwards(found):
    axes = new_figure(3, 3).add_subplot()
    draw_accuracy(axes, found.assign(accuracy=found.accuracy * [[1], [1], [1], [0.5]]))
    image = axes.images[0]
    assert image.origin == "lower"
    np.testing.assert_allclose(image.get_array()[3, 3], 0.4)
    assert axes.get_ylabel() == "trained at (ms)"


def test_the_curve_of_lags_is_what_was_found(found, alignment):
    figure = draw_temporal_generalisation(found, alignment, verdict="shift-like")
    lines = {line.get_label(): line for axes in figure.axes for line in axes.lines}
    aligned = next(v for k, v in lines.items() if k.startswith("shifted back, 80 mm/s"))
    np.testing.assert_allclose(aligned.get_xydata(), [[0, 0.8], [10, 0.79]])
    text = written(figure)
    assert "shift-like" in text and "to 180°" in text and "a reason" in text


def test_without_alignment_only_the_field_as_it_is_is_drawn(found):
    assert "shifted" not in written(draw_temporal_generalisation(found))


def test_a_sequence_is_drawn_by_rank_and_what_is_unknown_is_said(sequence):
    figure = draw_sequence_readout(sequence)
    text = written(figure)
    assert "up to 2 of 2 at one time" in text and "rank 2" in text
    assert "rank of an item\n  not known" in text and "0.60, chance 0.06" in text


def test_another_dataset_is_named(found, sequence):
    with pytest.raises(InputError, match="'lag_accuracy', as temporal_generalisation"):
        draw_temporal_generalisation(sequence)
    with pytest.raises(InputError, match="'since_onset', as sequence_readout"):
        draw_sequence_readout(found)
