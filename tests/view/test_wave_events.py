"""Figures of events show when they were, how many count, and in print's units."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from cortexwave.errors import InputError
from cortexwave.view.pieces import axes_at, new_figure
from cortexwave.view.wave_distributions import (
    Reference,
    draw_direction_distribution,
    draw_frequency_distribution,
    draw_speed_distribution,
    draw_wavelength_distribution,
)
from cortexwave.view.wave_events import KIND_COLOURS, KINDS, draw_event_raster

NAN = np.nan
UNITS = {"start": "s", "end": "s", "duration": "s", "speed": "mm/s",
         "direction": "deg", "wavelength": "mm", "frequency": "Hz"}  # fmt: skip


def table(**columns):
    """Events with units; columns that are not given are those of five events."""
    given = {
        "start": [0.1, 0.3, 0.5, 0.9, 1.2], "end": [0.2, 0.45, 0.6, 1.1, 1.3],
        "kind": np.array(["plane", "source", "plane", "standing", "plane"], object),
        "trial": [0, 0, 0, 0, 1], "is_wave": [True, True, False, False, True],
        "speed": [200.0, 400.0, 1000.0, NAN, 300.0],
        "direction": [30.0, NAN, -90.0, NAN, 44.0],
        "wavelength": [8.0, 10.0, 20.0, NAN, 6.0],
        "frequency": [20.0, 25.0, 30.0, 10.0, 15.0],
        "z": [4.2, 3.0, -0.4, NAN, NAN], "p": [0.001, 0.01, 0.6, NAN, 0.02],
    } | columns  # fmt: skip
    return xr.Dataset({
        name: ("event", np.asarray(values),
               {} if name == "kind" else {"units": UNITS.get(name, "1")})
        for name, values in given.items()
    })  # fmt: skip


@pytest.fixture
def measures():
    time = np.arange(200) * 0.01
    synchrony = 0.5 + 0.5 * np.cos(time)
    speed = np.where(synchrony > 0.9, np.nan, 250.0 + 50 * np.sin(time))
    return xr.Dataset(
        {"synchrony": ("time", synchrony, {"units": "1"}),
         "speed": ("time", speed, {"units": "mm/s"})},
        {"time": ("time", time, {"units": "s"})},
    )  # fmt: skip


def bars(axes):
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def test_every_event_is_a_bar_of_its_times_in_the_lane_of_its_kind():
    axes = draw_event_raster(table()).axes[0]
    lanes = [label.get_text() for label in axes.get_yticklabels()]
    assert lanes == ["plane", "source", "standing"]  # the kinds' fixed order
    drawn = [(bar.get_x(), bar.get_width(), bar.get_y() + 0.02) for bar in bars(axes)]
    # the span is below 2 s, so the axis is in ms
    expected = [(100, 100, 0), (300, 150, 1), (500, 100, 0), (900, 200, 2),
                (1200, 100, 0)]  # fmt: skip
    np.testing.assert_allclose(drawn, expected, atol=1e-9)
    assert axes.get_xlabel() == "time (ms)"
    assert [to_hex(bar.get_edgecolor()) for bar in bars(axes)] == [
        KIND_COLOURS[kind] for kind in table()["kind"].values
    ]


def test_what_is_no_wave_is_hollow():
    filled = [bar.get_facecolor()[3] > 0 for bar in bars(draw_event_raster(table())
                                                         .axes[0])]  # fmt: skip
    assert filled == [True, True, False, False, True]


def test_the_count_of_waves_is_said():
    heading = draw_event_raster(table()).texts[0].get_text()
    assert heading == "5 events, 3 above the surrogates (filled), 2 not (hollow)"


def test_z_is_written_at_an_event_and_p_where_there_is_no_z():
    axes = draw_event_raster(table()).axes[0]
    found = {text.get_text() for text in axes.texts}
    assert found == {"z 4.2", "z 3.0", "z −0.4", "p 0.02"}


def test_texts_that_would_run_into_each_other_are_left_out():
    start = np.arange(100) * 0.3
    many = xr.Dataset({
        "start": ("event", start, {"units": "s"}),
        "end": ("event", start + 0.05, {"units": "s"}),
        "kind": ("event", np.full(100, "plane", object)),
        "is_wave": ("event", np.ones(100, bool)), "z": ("event", np.full(100, 3.14)),
    })  # fmt: skip
    figure = draw_event_raster(many)
    axes = figure.axes[0]
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert 10 < len(boxes) < 60
    assert all(a.x1 <= b.x0 for a, b in itertools.pairwise(boxes))


def test_events_of_one_trial_are_drawn():
    assert len(bars(draw_event_raster(table(), trial=1).axes[0])) == 1


def test_a_table_without_events_says_so():
    figure = draw_event_raster(table().isel(event=[]))
    assert figure.texts[0].get_text() == "No events"
    assert figure.axes[0].texts[0].get_text() == "no events"


def test_courses_stand_below_on_the_same_time_axis(measures):
    figure = draw_event_raster(table(), measures=measures)
    raster, synchrony, speed = figure.axes
    np.testing.assert_allclose(synchrony.lines[0].get_ydata(), measures.synchrony)
    np.testing.assert_allclose(synchrony.lines[0].get_xdata(), 1e3 * measures.time)
    # speeds in m/s
    np.testing.assert_allclose(speed.lines[0].get_ydata(), 1e-3 * measures.speed)
    assert speed.get_ylabel() == "speed (m/s)"
    assert speed.get_xlabel() == "time (ms)" and raster.get_xlabel() == ""
    assert raster.get_xlim() == synchrony.get_xlim() == speed.get_xlim()


def test_long_recordings_have_their_axis_in_seconds():
    axes = draw_event_raster(table(), span=(0.0, 60.0)).axes[0]
    assert axes.get_xlabel() == "time (s)" and axes.get_xlim() == (0.0, 60.0)
    assert bars(axes)[0].get_x() == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("draw", "column", "label", "factor"),
    [
        (draw_speed_distribution, "speed", "speed (m/s)", 1e-3),
        (draw_wavelength_distribution, "wavelength", "wavelength (mm)", 1.0),
        (draw_frequency_distribution, "frequency", "frequency (Hz)", 1.0),
    ],
)
def test_a_distribution_counts_the_waves_and_says_so(draw, column, label, factor):
    axes = draw(table())
    waves = factor * table()[column].values[[0, 1, 4]]
    assert sum(bar.get_height() for bar in bars(axes)) == 3
    rug = next(line for line in axes.lines if line.get_marker() == "|")
    np.testing.assert_allclose(rug.get_xdata(), waves)
    assert axes.get_title(loc="left") == "n = 3, events above the surrogates"
    assert (axes.get_xlabel(), axes.get_ylabel()) == (label, "events")
    # the middle one of three
    median = next(line for line in axes.lines if "median" in str(line.get_label()))
    assert median.get_xdata()[0] == pytest.approx(np.sort(waves)[1])


def test_all_events_are_counted_where_asked_for():
    axes = draw_speed_distribution(table(), which="all")
    assert axes.get_title(loc="left") == "n = 4, all events"
    assert sum(bar.get_height() for bar in bars(axes)) == 4


def test_frames_of_measures_are_counted(measures):
    axes = draw_speed_distribution(measures, which="all")
    known = int(measures.speed.notnull().sum())
    assert axes.get_title(loc="left") == f"n = {known}, all frames"
    assert axes.get_ylabel() == "frames"


def test_a_reference_is_a_band_in_m_per_s_with_its_source():
    axes = draw_speed_distribution(
        table(), reference=Reference(100, 600, "marmoset MT, Davis 2020")
    )
    band = next(patch for patch in axes.patches if "Davis" in str(patch.get_label()))
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((0.1, 0.6))
    assert "marmoset MT, Davis 2020" in [
        text.get_text() for text in axes.get_legend().get_texts()
    ]


def test_speeds_over_a_wide_range_stand_on_a_logarithmic_axis():
    wide = table(speed=[10.0, 100.0, 1.0, 1.0, 1000.0])
    assert draw_speed_distribution(wide).get_xscale() == "log"
    assert draw_speed_distribution(table()).get_xscale() == "linear"


def test_no_waves_is_written_where_their_speeds_would_be():
    none = table(is_wave=[False] * 5)
    axes = draw_speed_distribution(none)
    assert axes.texts[0].get_text() == "none"
    assert axes.get_title(loc="left") == "n = 0, events above the surrogates"


def test_a_wedge_of_the_rose_has_the_area_of_its_count():
    many = table(direction=[31.0, 29.0, NAN, NAN, -92.0])
    axes = draw_direction_distribution(many)
    heights = {round(np.rad2deg(bar.get_x() + bar.get_width() / 2)): bar.get_height()
               for bar in bars(axes) if bar.get_height()}  # fmt: skip
    assert heights == pytest.approx({30: np.sqrt(2), 270: 1.0})


def test_the_mean_direction_is_written_with_its_resultant():
    # 80° and 100°: 90°, cos 10° long
    two = table(direction=[80.0, NAN, NAN, NAN, 100.0])
    title = draw_direction_distribution(two).get_title()
    assert "mean 90°, resultant 0.98" in title and "n = 2" in title


def test_axial_directions_are_drawn_at_both_ends_and_counted_once():
    axes = draw_direction_distribution(table(), kind="axial")
    filled = [bar.get_height() for bar in bars(axes)]
    assert np.count_nonzero(filled) == 4
    assert filled[:12] == filled[12:]
    assert "n = 2" in axes.get_title() and "axial" in axes.get_title()


def test_every_kind_has_a_colour_of_its_own():
    assert len({KIND_COLOURS[kind] for kind in KINDS}) == len(KINDS) == 7


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: draw_event_raster(table(kind=np.array(["plan"] * 5, object))),
         "events have kind 'plan'; kinds are plane, source"),
        (lambda: draw_event_raster(table().drop_vars("start")),
         "'start', as find_waves gives, is needed"),
        (lambda: draw_speed_distribution(table().drop_vars("is_wave")),
         "no 'is_wave'"),
        (lambda: draw_speed_distribution(table(), which="some"), "which is 'some'"),
        (lambda: draw_speed_distribution(table(), reference=Reference(3, 1, "x")),
         "reference 3 to 1 mm/s"),
        (lambda: draw_direction_distribution(table(), new_figure(2, 2).add_subplot()),
         "needs polar axes"),
        (lambda: draw_direction_distribution(table(), bins=7), "bins is 7"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(act, message):
    with pytest.raises(InputError, match=message):
        act()


def test_speeds_in_another_unit_are_refused():
    wrong = table()
    wrong.speed.attrs["units"] = "m/s"
    with pytest.raises(InputError, match="units of 'speed' are 'm/s', not 'mm/s'"):
        draw_speed_distribution(wrong)


def test_courses_that_are_not_there_are_refused(measures):
    with pytest.raises(InputError, match=r"none of the courses \['pgd'\]"):
        draw_event_raster(table(), measures=measures, courses=["pgd"])


@pytest.mark.parametrize(
    "speeds",
    [[74.12], [0.7412], [1.0], [999.9], [101.3, 101.4], [74.1, 81.3, 99.7],
     [30.0, 1234.5], [0.3, 30000.0]],
)  # fmt: skip
def test_numbers_on_the_axis_of_a_distribution_stand_apart(speeds):
    figure = new_figure(3.0, 2.0)
    axes = axes_at(figure, 0.4, 0.3, 2.36, 1.1)  # as wide as on the page
    events = table().isel(event=slice(len(speeds)))
    events["speed"] = ("event", speeds, {"units": "mm/s"})
    draw_speed_distribution(events, axes, which="all")
    figure.canvas.draw()
    low, high = axes.get_xlim()
    shown = sorted(
        tuple(map(float, label.get_window_extent().intervalx))
        for at, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
        if low <= at <= high and label.get_text()
    )  # fmt: skip
    assert len(shown) >= 2
    space = 0.05 * figure.dpi  # inches, some half of a digit
    for (_, end), (begin, _) in itertools.pairwise(shown):
        assert begin - end > space
