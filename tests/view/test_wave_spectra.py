"""Figures of spectra show the power, where speeds lie, and what surrogates gave."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex

from cortexwave.errors import InputError
from cortexwave.view.colours import SERIES
from cortexwave.view.wave_events import KIND_COLOURS
from cortexwave.view.wave_spectra import (
    draw_event_masses,
    draw_surrogate_test,
    draw_wavenumber_frequency,
)

FREQUENCY = np.arange(0.0, 42.0, 2.0)


def spectrum(wavenumber, **attributes):
    """1 everywhere, 100 at (16 Hz, 0.2 / mm), 1e4 at 0 Hz."""
    power = np.ones((FREQUENCY.size, wavenumber.size))
    power[8, np.argmin(np.abs(wavenumber - 0.2))] = 100
    power[0] = 1e4
    return xr.Dataset(
        {"power": (("frequency", "wavenumber"), power, {"units": "uV2 mm2/Hz"})},
        {"frequency": ("frequency", FREQUENCY, {"units": "Hz"}),
         "wavenumber": ("wavenumber", wavenumber, {"units": "1/mm"})},
        {"alias_limit": 1.25, **attributes},
    )  # fmt: skip


@pytest.fixture
def radial():
    return spectrum(np.linspace(0, 1.2, 13))


@pytest.fixture
def directed():
    return spectrum(np.linspace(-1.2, 1.2, 25), direction=30.0)


@pytest.fixture
def ridge():
    """A wave of |k| = 0.2 / mm towards 90°, found at 16 Hz and nowhere else."""

    def column(value):
        return "frequency", np.array([np.nan, value]), {"units": "1/mm"}

    return xr.Dataset(
        {"wavenumber": column(0.2), "wavenumber_x": column(0.0),
         "wavenumber_y": column(0.2), "half_power_width": column(0.1)},
        {"frequency": ("frequency", [14.0, 16.0], {"units": "Hz"})},
    )  # fmt: skip


def mesh(axes):
    found = next(each for each in axes.collections if isinstance(each, QuadMesh))
    return found.get_array()


def speed_lines(axes):
    """Slopes of the white lines from the origin, in Hz per (1/mm), that is mm/s."""
    ends = [line.get_xydata()[1] for line in axes.lines
            if np.array_equal(line.get_xydata()[0], (0, 0))]  # fmt: skip
    return [y / x for x, y in ends]


def points(axes):
    line = next(each for each in axes.lines if each.get_marker() == "o")
    return line.get_xydata()


def test_power_is_in_decibels_of_the_greatest_above_0_hz(radial):
    drawn = mesh(draw_wavenumber_frequency(radial))
    assert drawn[8, 2] == pytest.approx(0.0)
    assert drawn[5, 5] == pytest.approx(-20.0)  # 1 against 100


def test_power_can_be_in_decibels_of_each_frequency(radial):
    axes = draw_wavenumber_frequency(radial, level="each frequency")
    drawn = mesh(axes)
    assert drawn[8, 2] == drawn[5, 5] == pytest.approx(0.0)
    assert drawn[8, 5] == pytest.approx(-20.0)
    key = axes.child_axes[0].get_ylabel()
    assert key == "power (dB, each frequency)"


def test_lines_of_speeds_are_f_over_k_and_named_in_m_per_s(radial):
    axes = draw_wavenumber_frequency(radial, speeds=[80.0, 20.0])
    np.testing.assert_allclose(speed_lines(axes), [80, 20])
    said = [text.get_text() for text in axes.texts]
    assert "0.08 m/s" in said and "0.02 m/s" in said


def test_along_a_direction_there_are_lines_of_both_ways(directed):
    axes = draw_wavenumber_frequency(directed, speeds=[80.0])
    np.testing.assert_allclose(sorted(speed_lines(axes)), [-80, 80])
    assert axes.get_xlabel() == "wavenumber (cycles/mm, + towards 30°)"


def test_texts_of_speeds_do_not_overlap(radial):
    axes = draw_wavenumber_frequency(radial, speeds=[200.0, 220.0, 240.0, 260.0])
    axes.figure.canvas.draw()
    ends = sorted(
        (text.get_window_extent().x0, text.get_window_extent().x1)
        for text in axes.texts if text.get_text().endswith("m/s")
    )  # fmt: skip
    assert len(ends) == 4
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(ends))


def test_axes_have_units(radial):
    axes = draw_wavenumber_frequency(radial)
    assert axes.get_xlabel() == "wavenumber |k| (cycles/mm)"
    assert axes.get_ylabel() == "frequency (Hz)"
    assert axes.get_ylim() == (-1.0, 41.0)


def test_the_alias_limit_is_marked_with_four_pitches(radial):
    axes = draw_wavenumber_frequency(radial)
    dashed = {line.get_linestyle(): line.get_xdata()[0] for line in axes.lines
              if line.get_linestyle() != "-"}  # fmt: skip
    assert dashed == {"--": 1.25, ":": 0.625}
    assert {"2 pitches: alias limit", "4 pitches"} <= {t.get_text() for t in axes.texts}


def test_the_ridge_is_drawn_where_it_is_known(radial, ridge):
    np.testing.assert_allclose(
        points(draw_wavenumber_frequency(radial, ridge=ridge)), [[0.2, 16]]
    )


def test_along_a_direction_the_ridge_is_what_lies_that_way(directed, ridge):
    # 0.2 towards 90° is 0.2 cos 60° towards 30°
    np.testing.assert_allclose(
        points(draw_wavenumber_frequency(directed, ridge=ridge)), [[0.1, 16]]
    )


def test_no_ridge_is_said_so(radial, ridge):
    none = ridge.where(False)
    said = [t.get_text() for t in draw_wavenumber_frequency(radial, ridge=none).texts]
    assert "no ridge above the surrogates" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"speeds": [-3.0]}, r"speeds are \[-3.0\]; they are positive, in mm/s"),
        ({"level": "row"}, "level is 'row'"),
    ],
)
def test_what_cannot_be_meant_is_refused(radial, options, message):
    with pytest.raises(InputError, match=message):
        draw_wavenumber_frequency(radial, **options)


def test_a_spectrum_over_two_wavenumbers_is_refused(radial):
    both = radial.rename(wavenumber="wavenumber_x").expand_dims("wavenumber_y")
    with pytest.raises(InputError, match="take radial_power or directional_power"):
        draw_wavenumber_frequency(both)


def test_wavenumbers_in_another_unit_are_refused(radial):
    radial.wavenumber.attrs["units"] = "rad/mm"
    with pytest.raises(InputError, match="'wavenumber' are 'rad/mm', not '1/mm'"):
        draw_wavenumber_frequency(radial)


def test_a_statistic_is_a_line_in_the_histogram_of_its_surrogates():
    made = np.linspace(0, 1, 200)
    test = xr.Dataset(
        {"statistic": ((), 1.5, {"units": "rad"}), "p": 0.005,
         "surrogates": ("surrogate", made)},
        attrs={"null": "lags taken away", "label": "spread of phase"},
    )  # fmt: skip
    axes = draw_surrogate_test(test)
    assert sum(bar.get_height() for bar in axes.patches) == 200
    line = next(each for each in axes.lines if to_hex(each.get_color()) == SERIES[1])
    assert line.get_xdata()[0] == 1.5
    said = [text.get_text() for text in axes.get_legend().get_texts()]
    assert said == ["200 surrogates", "measured, p = 0.005"]
    assert axes.get_xlabel() == "spread of phase (rad)"
    assert axes.get_title(loc="left") == "null: lags taken away"


def test_several_z_are_bars_with_their_p():
    test = xr.Dataset({"z_directed": 5.3, "p_directed": 0.001, "z_omnibus": np.nan,
                       "p_omnibus": np.nan, "p": 0.002})  # fmt: skip
    axes = draw_surrogate_test(test)
    widths = [bar.get_width() for bar in axes.patches[1:]]  # the first is the grey band
    assert widths == [5.3, 0.0]
    assert [text.get_text() for text in axes.texts] == ["p = 0.001", "undetermined"]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "directed", "omnibus"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (xr.Dataset({"p": 0.1}), r"'statistic', 'surrogates' and 'p', or with z"),
        (xr.Dataset({"surrogates": ("s", [1.0, 2.0]), "p": 0.1}),
         "'statistic' of the test is not one number"),
        (xr.Dataset({"z_a": ("feature", [1.0, 2.0])}), "'z_a' of the test is not one"),
    ],
)  # fmt: skip
def test_what_is_no_test_is_refused(test, message):
    with pytest.raises(InputError, match=message):
        draw_surrogate_test(test)


@pytest.fixture
def events():
    return xr.Dataset(
        {"mass": ("event", [3.0, 0.4, 2.0, np.nan]),
         "p": ("event", [0.01, 0.6, 0.02, np.nan]),
         "kind": ("event", np.array(["plane", "plane", "spiral", "standing"], object)),
         "is_wave": ("event", [True, False, True, False]),
         "null_mass": ("surrogate", np.linspace(0, 1, 99))},
    )  # fmt: skip


def test_masses_of_events_stand_above_those_of_the_surrogates(events):
    axes = draw_event_masses(events)
    assert sum(bar.get_height() for bar in axes.patches) == 99
    dots = [
        (line.get_xdata().tolist(), to_hex(line.get_markeredgecolor()),
         line.get_markerfacecolor() != "none")
        for line in axes.lines if line.get_xdata().size
    ]  # fmt: skip
    plane, spiral = KIND_COLOURS["plane"], KIND_COLOURS["spiral"]
    assert dots == [([0.4], plane, False), ([3.0], plane, True), ([2.0], spiral, True)]
    assert axes.get_title(loc="left") == (
        "events tested: 3, waves (filled): 2\ngrey: greatest of each of 99 surrogates"
    )


def test_masses_without_their_surrogates_are_refused(events):
    with pytest.raises(InputError, match="'null_mass', as find_waves gives"):
        draw_event_masses(events.drop_vars("null_mass"))
