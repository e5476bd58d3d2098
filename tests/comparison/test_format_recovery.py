"""Rivals of a recording's size: packets like its responses, who is taken for whom."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import cortexwave as cw
from cortexwave.comparison import format_recovery as recovering
from cortexwave.comparison.facts_file import open_facts, undetermined
from cortexwave.comparison.format_recovery import (
    Asked,
    asked_of,
    format_recovery,
    recover_part,
)
from cortexwave.comparison.measuring import Wanted
from cortexwave.comparison.memory_facts import MemoryWanted
from cortexwave.comparison.packets import packets_like
from cortexwave.comparison.parts import Part
from cortexwave.comparison.report_thorough_panels import fit_text
from cortexwave.comparison.response_reach import response_reach
from cortexwave.comparison.session_values import SessionFacts
from cortexwave.errors import InputError
from cortexwave.memory.trials import trials_from, trials_of
from cortexwave.synthetic.places import lattice_sites
from cortexwave.synthetic.rivals import rival
from cortexwave.view.comparison_robustness import draw_recovery

LINE = lattice_sites((1, 48), spacing=0.4)
SQUARE = lattice_sites((10, 10), spacing=0.4)
# items in a row through the middle of the square, 0.63 mm apart
ROW = np.stack([np.linspace(0.5, 2.4, 4), np.full(4, 1.8)], axis=1)
MEMORY = MemoryWanted("stimulus", (0.0, 0.05), None, 19, 5, 10, (5.0, 20.0))


def packets(kind, width, *, noise=0.55, trials=40, sites=SQUARE, centres=ROW):
    recording = rival(
        kind, trials=trials, seed=1, noise=noise, width=width, sites=sites, speed=40.0,
        duration=0.06, classes=4, centres=centres,
    )  # fmt: skip
    return trials_of(recording, window=(0.0, 0.05))


@pytest.mark.parametrize("width", [0.4, 0.8])
def test_responses_of_items_far_apart_reach_as_far_as_their_packets_are_wide(width):
    # four packets on 19 mm: the autocorrelation of exp(-x^2 / 2 w^2) is 1/e at 2 w;
    # a mean over items in which packets do not meet leaves 3/4 of each, everywhere
    trials = packets("static_bump", width, noise=0.1, sites=LINE, centres=None)
    assert response_reach(trials, seed=1) == pytest.approx(width, rel=0.06)


def test_noise_of_single_trials_is_no_reach():
    quiet, loud = (
        response_reach(packets("static_bump", 0.64, noise=n, sites=LINE, centres=None),
                       seed=1) for n in (0.1, 1.5)
    )  # fmt: skip
    # white noise correlates sites with themselves alone, which would read as 0.2 mm
    assert loud == pytest.approx(quiet, rel=0.15)


@pytest.mark.parametrize("kind", ["traveling_wave", "static_bump"])
def test_packets_are_as_wide_as_those_that_made_the_responses(kind):
    found = packets_like(packets(kind, 0.64), speed=40.0, direction=0.0, seed=1)
    assert found.width == pytest.approx(0.64, rel=0.1)
    assert not found.bounded
    # in the last of its frames no packet is nearer to the edge than its own width
    ends = found.centres[:, 0] + 40.0 * found.trials.clock[-1]
    assert ends.max() <= 3.6 - found.width + 1e-9
    assert found.centres[:, 0].min() >= found.width - 1e-9


def test_responses_wider_than_packets_with_room_are_told():
    found = packets_like(packets("static_bump", 1.2), speed=40.0, direction=0.0, seed=1)
    assert found.bounded and found.width == pytest.approx(0.2 * 3.6)


@pytest.mark.parametrize(("given", "speed", "culprit"), [
    (packets("static_bump", 0.64), 400.0, "three|3 are needed"),
    (packets("static_bump", 0.64, trials=3), 40.0, "3 trials of a class; 4"),
    (trials_from(np.ones((16, 5, 3)), list("abababab" * 2), step=0.01), 40.0,
     "no positions"),
    (trials_from(np.random.default_rng(0).normal(size=(16, 5, 3)), list("abababab" * 2),
                 step=0.01, positions=np.eye(3)[:, :2]), 4.0, "too few sites"),
])  # fmt: skip
def test_what_has_no_packets_is_refused(given, speed, culprit):
    with pytest.raises(InputError, match=culprit):
        packets_like(given, speed=speed, direction=0.0, seed=1)


def aligned(speed=40.0, direction=0.0):
    return xr.Dataset({"speed": ((), speed), "direction": ((), direction)})


def test_the_first_recording_with_a_shift_is_asked(tmp_path):
    sessions = [
        SessionFacts("lab", "a", "1", ({"alignment": undetermined("x", "no events")},)),
        SessionFacts("lab", "a", "2", ({"alignment": aligned()},)),
    ]
    parts = [Part("lab", "a", str(k), 0, tmp_path / f"{k}.h5") for k in (1, 2)]
    assert asked_of(sessions, parts) == Asked(parts[1], 40.0, 0.0)
    with pytest.raises(InputError, match=r"no recording has trials .* no events"):
        asked_of(sessions[:1], parts[:1])


@pytest.fixture
def few_repeats(monkeypatch):
    monkeypatch.setattr(recovering, "REPEATS", 5)


def test_each_side_has_a_table_or_a_reason_and_is_done_once(
    few_repeats, tmp_path, monkeypatch
):
    recording = rival("traveling_wave", trials=12, seed=1, noise=0.4, width=0.5,
                      sites=lattice_sites((1, 24), spacing=0.4), speed=40.0,
                      duration=0.06, classes=3)  # fmt: skip
    cw.save_recording(recording, tmp_path / "a.h5")
    lab = Part("lab", "a", "1", 0, tmp_path / "a.h5")
    model = Part("model", "m", "1", 0, tmp_path / "a.h5")
    sides = (
        ([SessionFacts("lab", "a", "1", ({"alignment": aligned()},))], [lab]),
        ([SessionFacts("model", "m", "1", ({},))], [model]),
    )
    wanted = Wanted((5.0, 20.0), 19, 1, MEMORY)

    def through():
        steps = format_recovery(sides, wanted, tmp_path, jobs=1)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value

    found = through()
    table = found["lab"]
    assert table["recovered"].sum("fitted").values == pytest.approx([1, 1, 1, 1])
    # of 12 trials and 5 repeats each rival is still its own
    assert np.diag(table["recovered"])[:4].min() >= 0.8
    assert int(np.argmin(table["score"].values)) == 0  # the wave is nearest
    assert table.attrs["session"] == "a/1" and table.attrs["repeats"] == 5
    assert "it was not computed" in found["model"].attrs["reason"]
    monkeypatch.setattr(recovering, "recover_part", None)  # to be called no more
    again = through()
    assert (again["lab"]["score"] == table["score"]).all()


def test_a_recording_that_has_no_rivals_says_why_in_its_file(tmp_path):
    recording = rival("static_bump", trials=6, seed=1, sites=SQUARE, speed=0.0)
    cw.save_recording(recording, tmp_path / "a.h5")
    asked = Asked(Part("lab", "a", "1", 0, tmp_path / "a.h5"), 4000.0, 0.0)
    path = recover_part(asked, MEMORY, 1, tmp_path / "r.h5", "key")
    said = open_facts(path)["format_recovery"].attrs["reason"]
    assert said.startswith("at 4e+03 mm/s a packet stays on the array for")


def test_a_fit_is_told_by_what_it_is_most_like_or_that_it_is_like_none():
    assert fit_text({"best": "static_bump", "usual": 0.4, "why": ""}) == (
        "fitted best by the static bump (0.40 of its simulations fit it no better)"
    )
    none = "it is like none of the rivals (chain is nearest)"
    assert none in fit_text({"best": "undetermined", "usual": 0.05, "why": none})


def test_the_matrix_is_drawn_with_its_shares():
    names = ["traveling_wave", "chain"]
    table = xr.Dataset(
        {"recovered": (("simulated", "fitted"), [[0.95, 0.05, 0.0], [0.1, 0.8, 0.1]])},
        {"simulated": names, "fitted": [*names, "undetermined"]}, {"best": "chain"},
    )  # fmt: skip
    figure = draw_recovery({"lab": table})
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == [
        "0.95", "0.05", "0.00", "0.10", "0.80", "0.10"]  # fmt: skip
    assert axes.get_title(loc="left") == "recording: chain"
