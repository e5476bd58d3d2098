"""The figure of a model taken apart shows the numbers it is given."""

import numpy as np
import pytest
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.view import draw_causal_ladder


def ladder(matched=(True, True, False), wave=(0.0, 1.0, np.nan)):
    columns = {
        "capacity": [20.0, 20.0, 5.0], "capacity_low": [19.5, 19.0, 4.0],
        "capacity_high": [20.5, 21.0, 6.0], "memory_loss": [0.0, 0.0, 0.75],
        "wave_loss": list(wave), "matched": list(matched),
    }  # fmt: skip
    return xr.Dataset(
        {name: ("rung", values) for name, values in columns.items()},
        {"rung": ["intact", "relabelled", "cut"]}, {"tolerance": 0.2},
    )  # fmt: skip


def test_bars_are_as_long_as_the_capacities_and_losses():
    left, right = draw_causal_ladder(ladder()).axes
    assert [bar.get_width() for bar in left.patches] == [20.0, 20.0, 5.0]
    assert [bar.get_width() for bar in right.patches[:3]] == [0.0, 0.0, 0.75]
    assert right.patches[4].get_width() == 1.0


def test_a_rung_that_is_no_fair_comparison_bears_a_star_and_says_why():
    figure = draw_causal_ladder(ladder())
    named = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert named == ["intact", "relabelled", "cut *"]
    assert any("20 %" in text.get_text() for text in figure.texts)
    fair = draw_causal_ladder(ladder(matched=(True, True, True)))
    assert not any("20 %" in text.get_text() for text in fair.texts)


def test_a_wave_that_could_not_be_measured_is_called_undetermined():
    _, right = draw_causal_ladder(ladder()).axes
    assert [text.get_text() for text in right.texts] == ["undetermined"]


def test_another_dataset_is_refused():
    with pytest.raises(InputError, match="causal_ladder makes one"):
        draw_causal_ladder(xr.Dataset())
