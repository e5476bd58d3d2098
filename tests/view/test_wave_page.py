"""The page of an analysis shows its verdict first, and says what was not measured."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import xarray as xr
from matplotlib.projections.polar import PolarAxes

from cortexwave.errors import InputError
from cortexwave.view.event_maps import strongest_events
from cortexwave.view.wave_distributions import Reference
from cortexwave.view.wave_page import WavePage, draw_wave_page

WORDS = {
    "title": "Array A", "provenance": "run.h5, band 5 to 40 Hz, seed 3",
    "verdict": "Undetermined: the recording is too short.",
    "reasons": ["0.7 s are 3 cycles of 5 Hz", "aliasing is not excluded"],
}  # fmt: skip
UNITS = {"start": "s", "end": "s", "speed": "mm/s", "direction": "deg",
         "wavelength": "mm", "x": "mm", "y": "mm"}  # fmt: skip
NAN = np.nan


@pytest.fixture
def field():
    """A wave of 20 Hz towards +x over 5 x 5 sites for 0.8 s."""
    time, x, y = np.arange(200) * 4e-3, np.arange(5) * 0.4, np.arange(5) * 0.4
    whole = np.ones((200, 5, 5))
    phase = np.mod(2 * np.pi * 20 * time[:, None, None] - 0.8 * x * whole, 2 * np.pi)
    fields = {"phase": (phase - np.pi, "rad"), "amplitude": (whole, "uV"),
              "frequency": (20 * whole, "Hz"), "gradient_y": (0 * whole, "rad/mm"),
              "gradient_x": (-0.8 * whole, "rad/mm")}  # fmt: skip
    valid = (time > 0.1) & (time < 0.7)
    return xr.Dataset(
        {n: (("time", "y", "x"), v, {"units": u}) for n, (v, u) in fields.items()}
        | {"valid": ("time", valid, {"units": "1"})},
        {"time": ("time", time, {"units": "s"}), "y": ("y", y, {"units": "mm"}),
         "x": ("x", x, {"units": "mm"})},
        {"variable": "lfp", "band": [5.0, 40.0], "phase_method": "hilbert",
         "sampling_rate": 250.0, "edge": 0.1},
    )  # fmt: skip


@pytest.fixture
def events():
    columns = {
        "start": [0.12, 0.3, 0.4, 0.55], "end": [0.2, 0.38, 0.504, 0.65],
        "speed": [200.0, 160.0, NAN, NAN], "direction": [-30.0, NAN, NAN, NAN],
        "wavelength": [10.0, 8.0, NAN, NAN], "x": [NAN, 0.9, 0.7, NAN],
        "y": [NAN, 1.1, 0.2, NAN], "handedness": [0, 0, -1, 0],
        "score": [0.9, 0.95, 0.97, 0.99], "mass": [2.0, 3.0, 0.4, NAN],
        "z": [4.0, 5.5, 0.2, NAN], "p": [0.01, 0.01, 0.7, NAN],
        "is_wave": [True, True, False, False], "trial": [0] * 4, "feature": [0] * 4,
    }  # fmt: skip
    kinds = np.array(["plane", "source", "rotating", "synchronous"], object)
    return xr.Dataset(
        {name: ("event", np.array(values), {"units": UNITS.get(name, "1")})
         for name, values in columns.items()}
        | {"kind": ("event", kinds), "null_mass": ("surrogate", np.arange(99) / 99)},
    )  # fmt: skip


@pytest.fixture
def rest():
    time = np.arange(200) * 4e-3
    measures = xr.Dataset(
        {"synchrony": ("time", 0.5 + 0.4 * np.sin(time), {"units": "1"}),
         "speed": ("time", 200 + 9 * np.sin(time), {"units": "mm/s"})},
        {"time": ("time", time, {"units": "s"})},
    )  # fmt: skip
    spectrum = xr.Dataset(
        {"power": (("frequency", "wavenumber"), 1 + np.eye(9), {"units": "uV2"})},
        {"frequency": ("frequency", np.arange(9) * 5.0, {"units": "Hz"}),
         "wavenumber": ("wavenumber", np.arange(9) / 8, {"units": "1/mm"})},
        {"alias_limit": 1.25},
    )  # fmt: skip
    test = xr.Dataset({"z_directed": 3.2, "p_directed": 0.004, "p": 0.007})
    return {"measures": measures, "spectrum": spectrum, "test": test}


def said(figure):
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [axes.get_title(), axes.get_title(loc="left")]
        found += [axes.get_xlabel(), axes.get_ylabel()]
        found += [text.get_text() for text in axes.texts]
    return found


@pytest.fixture
def whole(field, events, rest):
    return WavePage(field=field, events=events, speeds=(100.0, 200.0), attrs=WORDS,
                    reference=Reference(100, 600, "marmoset MT"), **rest)  # fmt: skip


def test_the_verdict_and_its_reasons_are_in_the_words_given(whole):
    found = said(draw_wave_page(whole))
    due = {WORDS["title"], WORDS["provenance"], WORDS["verdict"],
           "– 0.7 s are 3 cycles of 5 Hz", "– aliasing is not excluded"}  # fmt: skip
    assert due <= set(found)


def test_what_was_measured_has_its_panel(whole):
    figure = draw_wave_page(whole)
    assert tuple(figure.get_size_inches()) == (8.27, 11.69)  # A4
    found = said(figure)
    assert not [text for text in found if "not measured" in text]
    labels = " | ".join(found)
    for text in ("speed (m/s)", "wavelength (mm)", "wavenumber |k| (cycles/mm)",
                 "frequency (Hz)", "mass of an event", "time (ms)",
                 "z (sd of the surrogates; grey: ±2)",
                 "n = 2, events above the surrogates"):  # fmt: skip
        assert text in labels
    assert [text for text in found if len(text) == 1 and text.isalpha()] == list(
        "abcdefgh"
    )
    assert any(isinstance(axes, PolarAxes) for axes in figure.axes)


def test_what_was_not_measured_is_said_so_in_its_place():
    found = said(draw_wave_page(WavePage()))
    absent = [text.split(":")[0] for text in found if "not measured" in text]
    assert absent == ["phase", "events", "synchrony, PGD, speed over time", "speed",
                      "wavelength", "direction", "power", "events against surrogates",
                      "lags"]  # fmt: skip
    assert "no verdict given" in found


def test_why_a_spectrum_was_not_made_stands_in_its_place(events):
    page = WavePage(events=events, attrs={"missing": {"spectrum": "one row of sites"}})
    found = said(draw_wave_page(page))
    assert any("not measured\none row of sites" in text for text in found)


@pytest.mark.parametrize("word", ["undetermined", "travelling waves"])
def test_events_of_an_undetermined_analysis_are_no_claim(events, word):
    page = WavePage(events=events, attrs={**WORDS, "word": word})
    (head,) = {text for text in said(draw_wave_page(page)) if text[:7] == "4 event"}
    assert ("none is claimed" in head) == (word == "undetermined")


def test_maps_are_of_the_middles_of_the_strongest_events(field, events):
    figure = draw_wave_page(WavePage(field=field, events=events))
    maps = [axes for axes in figure.axes if axes.images]
    titles = [axes.get_title() for axes in maps]
    assert titles == [
        "0.2 m/s, −30°\n160 ms, z 4.0", "0.16 m/s\n340 ms, z 5.5",
        "clockwise\n452 ms, z 0.2", "does not travel\n600 ms",
    ]  # fmt: skip
    names = [{text.get_text() for text in axes.texts} for axes in maps]
    for found, name in zip(
        names, ["1 plane", "2 source", "3 rotating", "4 synchronous"], strict=True
    ):
        assert name in found
    phase = field.phase.sel(time=0.16, method="nearest").values % (2 * np.pi)
    np.testing.assert_allclose(maps[0].images[0].get_array(), phase)


def test_maps_are_numbered_as_in_the_raster(field, events):
    figure = draw_wave_page(WavePage(field=field, events=events))
    raster = next(axes for axes in figure.axes if axes.get_xlabel() == "time (ms)")
    numbers = {text.get_text(): text.get_position()[0] for text in raster.texts}
    assert numbers == pytest.approx({"1": 120, "2": 300, "3": 400, "4": 550})


def test_a_centre_is_marked_where_an_event_has_one(field, events):
    figure = draw_wave_page(WavePage(field=field, events=events))
    source = [axes for axes in figure.axes if axes.images][1]
    rings = [line.get_xydata()[0] for line in source.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(rings, [[0.9, 1.1]] * 3)
    assert source.get_xlim() == pytest.approx((-0.2, 1.8))


def test_waves_come_before_other_events_and_then_the_largest_z(events):
    # an event without z is the last, however high its score
    assert strongest_events(events) == [1, 0, 2, 3]


def test_a_field_of_chosen_frames_says_which_events_they_are(field, events):
    few = field.isel(time=[40, 113]).assign(event=("time", [2, 0], {"units": "1"}))
    figure = draw_wave_page(WavePage(field=few, events=events))
    titles = [axes.get_title() for axes in figure.axes if axes.images]
    assert titles == ["clockwise\n160 ms, z 0.2", "0.2 m/s, −30°\n452 ms, z 4.0"]


def test_frames_of_several_trials_may_be_of_one_time(field, events):
    two = field.isel(time=[40, 40]).assign(event=("time", [0, 1], {"units": "1"}))
    apart = events.assign(trial=("event", [0, 1, 0, 0]))
    figure = draw_wave_page(WavePage(field=two, events=apart), trial=1)
    titles = [axes.get_title() for axes in figure.axes if axes.images]
    assert titles == ["0.16 m/s\n160 ms, z 5.5"]


def test_an_event_outside_the_field_has_no_map(field, events):
    early = field.sel(time=slice(0, 0.39))
    figure = draw_wave_page(WavePage(field=early, events=events))
    titles = [axes.get_title() for axes in figure.axes if axes.images]
    assert [title.split("\n")[0] for title in titles] == ["0.2 m/s, −30°", "0.16 m/s"]


def test_without_events_maps_are_of_valid_frames_evenly_chosen(field, events):
    figure = draw_wave_page(WavePage(field=field, events=events.isel(event=[])))
    titles = [axes.get_title() for axes in figure.axes if axes.images]
    assert len(titles) == 6
    assert (titles[0], titles[-1]) == ("104 ms", "696 ms")
    assert not any("filter edge" in title for title in titles)


def test_events_of_another_trial_are_left_out(field, events):
    other = events.assign(trial=("event", [0, 1, 1, 1]))
    found = said(draw_wave_page(WavePage(field=field, events=other)))
    assert "1 event, 1 above the surrogates (filled), 0 not (hollow)" in found


def test_nothing_is_cut_off_the_page_and_no_panels_overlap(whole):
    inches = (8.5, 11.0)  # the lower of both papers
    figure = draw_wave_page(whole, paper="letter")
    assert tuple(figure.get_size_inches()) == inches
    tight = figure.get_tightbbox()  # of all that is drawn, in inches
    assert min(tight.x0, tight.y0) >= 0
    assert tight.x1 <= inches[0] and tight.y1 <= inches[1]
    boxes = [axes.get_window_extent() for axes in figure.axes]
    pairs = [(a, b) for k, a in enumerate(boxes) for b in boxes[:k]]
    assert not any(a.overlaps(b) for a, b in pairs)


def test_a_long_verdict_is_cut_with_a_sign_and_takes_room_from_the_courses(whole):
    wordy = {"verdict": "many words " * 60, "reasons": ["why"] * 20}
    figure = draw_wave_page(dataclasses.replace(whole, attrs=wordy), paper="letter")
    verdict = [text.get_text() for text in figure.texts if "many words" in
               text.get_text()]  # fmt: skip
    assert len(verdict) == 3 and verdict[-1].endswith("…")
    assert min(axes.get_position().height for axes in figure.axes) > 0


def test_other_measures_are_drawn_where_the_usual_ones_are_not(rest):
    other = rest["measures"].rename(synchrony="planarity").drop_vars("speed")
    labels = [
        axes.get_ylabel() for axes in draw_wave_page(WavePage(measures=other)).axes
    ]
    assert "planarity" in labels


def test_many_reasons_are_cut_and_said_so(field):
    page = WavePage(attrs={"reasons": [f"reason {k}" for k in range(20)]})
    found = [text for text in said(draw_wave_page(page)) if text.startswith("– ")]
    assert len(found) == 8 and found[-1] == "– and more"


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: draw_wave_page(WavePage(), paper="a3"), "paper is 'a3', not one"),
        (lambda: draw_wave_page(WavePage(attrs={"reasons": 3})), "reasons are 3"),
        (lambda: draw_wave_page(WavePage(field=xr.Dataset())), "as wave_field gives"),
        (lambda: draw_wave_page(WavePage(events=xr.Dataset())), "as find_waves gives"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(act, message):
    with pytest.raises(InputError, match=message):
        act()
