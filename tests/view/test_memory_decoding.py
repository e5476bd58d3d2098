"""Figures of what a snapshot tells show the numbers of the data sets."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.controls import decoding_controls
from cortexwave.memory.elapsed_time import decode_elapsed_time
from cortexwave.memory.identity import decode_identity
from cortexwave.memory.joint_information import joint_information
from cortexwave.memory.mode_share import wave_mode_share
from cortexwave.memory.ringing import filter_control
from cortexwave.memory.site_phase import phase_at_site
from cortexwave.memory.strength_contrast import information_by_wave_strength
from cortexwave.memory.trials import trials_from
from cortexwave.view import memory_decoding as view
from cortexwave.view.pieces import new_figure


def _trials(trials=60):
    draw = np.random.default_rng(0)
    codes = np.arange(trials) % 2
    values = draw.standard_normal((trials, 14, 6))
    pattern = draw.standard_normal((2, 6))
    values[:, 4:] += 1.5 * pattern[codes][:, None] * np.linspace(1, 0.3, 10)[:, None]
    places = np.stack([0.4 * (np.arange(6) % 3), 0.4 * (np.arange(6) // 3)], axis=1)
    return trials_from(values, codes, step=0.005, start=-0.02, positions=places)


@pytest.fixture(scope="module")
def found():
    trials, draw = _trials(), np.random.default_rng(1)
    few = {"permutations": 19, "seed": 0}
    hits = (draw.random(60) < 0.5).astype(float)
    return {
        "identity": decode_identity(trials, count=3, **few),
        "elapsed time": decode_elapsed_time(trials, window=(0, 0.045), count=3, **few),
        "joint": joint_information(trials, window=(0, 0.02), count=3, **few),
        "filter": filter_control(
            trials, band=(20.0, 80.0), stimulus_end=0.0, count=3, surrogates=19, seed=0
        ),
        "controls": decoding_controls(trials, times=[0.01], count=3, **few),
        "strength": information_by_wave_strength(
            trials, draw.random(60), amplitude=1 + draw.random(60), times=[0.01],
            run=2, count=3, bins=2, **few,
        ),
        "share": wave_mode_share(
            trials, band=(20.0, 80.0), times=[0.03], count=3, **few
        ),
        "phase": phase_at_site(draw.uniform(-3, 3, 60), hits, **few),
    }  # fmt: skip


def _axes():
    return new_figure(4, 3).add_subplot()


def test_accuracy_is_drawn_at_its_times(found):
    axes = view.draw_identity(found["identity"], _axes())
    drawn = axes.lines[0].get_xydata()
    np.testing.assert_allclose(drawn[:, 0], 1e3 * found["identity"].time)
    np.testing.assert_allclose(drawn[:, 1], found["identity"].accuracy)
    beyond = int((found["identity"].p_family <= 0.05).sum())
    assert beyond and len(axes.lines[2].get_xdata()) == beyond


def test_a_confusion_is_drawn_as_shares_of_the_true_class(found):
    axes = _axes()
    view.draw_confusion(found["identity"], axes, time=0.0)
    shares = np.asarray(axes.images[0].get_array())
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert axes.get_xlabel() == "guessed" and axes.get_ylabel() == "true"


def test_time_read_is_drawn_against_time_passed(found):
    axes = view.draw_elapsed_time(found["elapsed time"], _axes())
    named = [text.get_text() for text in axes.get_legend().get_texts()]
    assert [name.split(":")[0] for name in named] == ["Cramér-Rao bound", "ridge",
                                                      "likelihood"]  # fmt: skip
    line = axes.lines[1].get_ydata()
    np.testing.assert_allclose(line, 1e3 * found["elapsed time"].estimate[0])


def test_controls_without_a_value_keep_their_row_and_say_why(found):
    axes = view.draw_controls(found["controls"], _axes())
    assert len(axes.get_yticks()) == found["controls"].sizes["control"]
    said = [text.get_text() for text in axes.texts]
    assert "no catch trials were given" in said


def test_nothing_is_marked_that_the_filter_control_does_not_claim(found):
    table = found["filter"].copy()
    table["claimed"] = ("time", np.arange(table.sizes["time"]) == 9)
    axes = view.draw_filter_control(table, _axes())
    np.testing.assert_allclose(axes.lines[-1].get_xdata(), 1e3 * table.time[9])


def test_all_readouts_stand_in_one_figure(found, tmp_path):
    figure = view.draw_decoding(found)
    assert len(figure.axes) == len(found) == len(view.DRAWN)
    figure.savefig(tmp_path / "decoding.png")  # draws all of it
    assert (tmp_path / "decoding.png").stat().st_size > 10_000


def test_what_is_undetermined_keeps_its_place_and_says_why():
    few = decode_identity(_trials(8), permutations=19, seed=0)
    figure = view.draw_decoding({"identity": few})
    assert "undetermined: class '0' has 4" in figure.axes[0].texts[0].get_text()


def test_other_datasets_are_refused():
    with pytest.raises(InputError, match="a dataset of decode_identity is needed"):
        view.draw_identity(xr.Dataset(attrs={"measure": "propagator"}), _axes())
    with pytest.raises(InputError, match=r"none of \['a'\] is one of"):
        view.draw_decoding({"a": xr.Dataset()})
