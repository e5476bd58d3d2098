"""Maps of phase show the phases themselves, and arrows that point where waves go."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import EllipseCollection
from matplotlib.quiver import Quiver

from cortexwave.errors import InputError, SchemaError
from cortexwave.view.phase_frames import phase_frames
from cortexwave.view.phase_maps import draw_phase_map, draw_phase_sequence

WAVENUMBER = 2 * np.pi / 6.0  # rad/mm
ATTRIBUTES = {"variable": "lfp", "band": [5.0, 40.0], "phase_method": "generalized",
              "sampling_rate": 1000.0, "edge": 0.02}  # fmt: skip


def plane(x, y, *, direction=30.0, frequency=15.0, electrodes=False):
    """A plane wave by its formula: phase 2 pi f t - k.r, 100 frames of 1 ms."""
    time = np.arange(100) * 1e-3
    kx, ky = WAVENUMBER * np.array([np.cos(np.deg2rad(direction)),
                                    np.sin(np.deg2rad(direction))])  # fmt: skip
    places = (x, y) if electrodes else np.meshgrid(x, y)
    dims = ("time", "channel") if electrodes else ("time", "y", "x")
    lag = kx * places[0] + ky * places[1]
    clock = 2 * np.pi * frequency * time.reshape(-1, *[1] * lag.ndim)
    # a negative frequency: phase falls in time, so the pattern must be k.r for the
    # wave to go the same way
    sign = np.sign(frequency)
    phase = np.mod(clock - sign * lag + np.pi, 2 * np.pi) - np.pi
    whole = np.ones_like(phase)
    hertz = frequency * whole
    hertz[-1] = np.nan
    fields = {"phase": (phase, "rad"), "amplitude": (3 * whole, "uV"),
              "frequency": (hertz, "Hz"), "gradient_x": (-sign * kx * whole, "rad/mm"),
              "gradient_y": (-sign * ky * whole, "rad/mm")}  # fmt: skip
    valid = (time >= 0.02) & (time < 0.08)
    at = {"x": "channel", "y": "channel"} if electrodes else {"x": "x", "y": "y"}
    return xr.Dataset(
        {n: (dims, v, {"units": u}) for n, (v, u) in fields.items()}
        | {"valid": ("time", valid, {"units": "1"})},
        {"time": ("time", time, {"units": "s"}),
         "x": (at["x"], np.asarray(x), {"units": "mm"}),
         "y": (at["y"], np.asarray(y), {"units": "mm"})}, ATTRIBUTES,
    )  # fmt: skip


@pytest.fixture
def field():
    return plane(np.arange(8) * 0.4, np.arange(6) * 0.4)


def arrows(axes):
    return next(a for a in axes.collections if isinstance(a, Quiver))


def hidden(found):
    """Which arrows are not drawn; matplotlib keeps that beside U and V."""
    return np.ma.getmaskarray(np.ma.array(found.U, mask=found.Umask))


def said(figure):
    found = [text.get_text() for text in figure.texts]
    for axes in figure.findobj(lambda artist: hasattr(artist, "get_xlabel")):
        found += [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()]
        found += [text.get_text() for text in axes.texts]
    return " | ".join(found)


@pytest.mark.parametrize("frequency", [15.0, -15.0])
@pytest.mark.parametrize("rises", [1, -1], ids=["y up", "y falling"])
@pytest.mark.parametrize("direction", [30.0, -135.0])
def test_arrows_point_where_the_wave_goes(direction, rises, frequency):
    y = np.arange(6)[::rises] * 0.4
    wave = plane(np.arange(8) * 0.4, y, direction=direction, frequency=frequency)
    found = arrows(draw_phase_map(wave, time=0.05))
    angle = np.deg2rad(direction)
    assert found.N == 48
    np.testing.assert_allclose(found.U, np.cos(angle), atol=1e-12)
    np.testing.assert_allclose(found.V, np.sin(angle), atol=1e-12)
    # y stands upwards on the page, as coordinates say
    assert found.axes.get_ylim()[0] < found.axes.get_ylim()[1]


@pytest.mark.parametrize("rises", [1, -1], ids=["y up", "y falling"])
def test_the_colour_at_a_site_is_its_phase(rises):
    wave = plane(np.arange(8) * 0.4, np.arange(6)[::rises] * 0.4)
    axes = draw_phase_map(wave, time=0.03)
    image = axes.images[0]
    left, right, low, high = image.get_extent()
    assert (left, right, low, high) == pytest.approx((-0.2, 3.0, -0.2, 2.2))
    drawn = image.get_array()[1, 5]  # second row from below: y = 0.4 mm
    phase = wave.phase.sel(time=0.03, method="nearest").sel(
        x=2.0, y=0.4, method="nearest"
    )
    assert drawn == pytest.approx(float(phase) % (2 * np.pi))
    assert image.get_cmap().name == "twilight"


def test_dead_sites_are_grey_and_have_no_arrow(field):
    dead = field.phase.where((field.y > 0.1) | (field.x > 0.1))
    axes = draw_phase_map(
        field.assign(phase=dead, gradient_x=field.gradient_x.where(dead.notnull())),
        time=0.05,
    )
    assert axes.images[0].get_array().mask[0, 0]
    assert axes.images[0].get_array().mask.sum() == 1
    assert hidden(arrows(axes)).tolist() == [True] + [False] * 47


def test_electrodes_are_dots_of_their_phase_at_their_places():
    x, y = np.array([0.0, 1.3, 2.1, 0.4]), np.array([2.0, 0.1, 1.7, 0.9])
    wave = plane(x, y, electrodes=True)
    axes = draw_phase_map(wave, time=0.05)
    dots = next(a for a in axes.collections if isinstance(a, EllipseCollection))
    np.testing.assert_allclose(dots.get_offsets(), np.column_stack([x, y]))
    expected = wave.phase.sel(time=0.05, method="nearest").values % (2 * np.pi)
    np.testing.assert_allclose(dots.get_array(), expected)
    np.testing.assert_allclose(arrows(axes).V, 0.5)  # sin 30°


def test_a_map_has_its_time_scale_bar_and_key(field):
    axes = draw_phase_map(field, time=0.05)
    text = said(axes.figure)
    for part in ("50 ms", "1 mm", "phase (rad)", "arrows: travel"):
        assert part in text
    bar = next(line for line in axes.lines if line.get_linewidth() == 2.0)
    assert np.ptp(bar.get_xdata()) == pytest.approx(1.0)
    key = axes.child_axes[0]
    ticks = [label.get_text() for label in key.get_yticklabels()]
    assert ticks == ["0", "π/2", "π", "3π/2", "2π"]


def test_a_frame_that_the_filter_spoilt_is_said_so(field):
    assert draw_phase_map(field, time=0.005).get_title() == "5 ms, filter edge"


def test_the_last_frame_has_no_arrows_as_its_frequency_is_unknown(field):
    assert hidden(arrows(draw_phase_map(field, time=0.099))).all()


def test_a_map_can_be_drawn_on_given_axes_without_arrows(field):
    from cortexwave.view.pieces import new_figure

    axes = new_figure(3, 3).add_subplot()
    assert draw_phase_map(field, axes, time=0.05, arrows=0) is axes
    assert not [a for a in axes.collections if isinstance(a, Quiver)]


def test_arrows_of_a_large_lattice_are_thinned():
    wave = plane(np.arange(64) * 0.4, np.arange(32) * 0.4)
    found = arrows(draw_phase_map(wave, time=0.05, arrows=16))
    assert found.N == 16 * 8
    assert set(np.diff(np.unique(found.X)).round(9)) == {1.6}


def test_along_a_line_arrows_lie_along_it(field):
    line = field.isel(y=2, drop=True).drop_vars("gradient_y")
    found = arrows(draw_phase_map(line, time=0.05))
    np.testing.assert_allclose(found.U, 1.0)
    np.testing.assert_allclose(found.V, 0.0)


def test_a_sequence_has_a_map_for_each_time_one_key_and_one_bar(field):
    figure = draw_phase_sequence(field, times=[0.03, 0.05, 0.07])
    titles = [axes.get_title() for axes in figure.axes if axes.images]
    assert titles == ["30 ms", "50 ms", "70 ms"]
    text = said(figure)
    assert text.count("1 mm") == 1 and text.count("phase (rad)") == 1
    assert "lfp, 5 to 40 Hz, generalized phase" in text


def test_one_trial_and_feature_are_drawn(field):
    several = xr.concat([field, field.assign(phase=-field.phase)], "trial")
    several = several.assign(valid=field.valid).transpose("trial", ...)
    for k in range(2):
        found = phase_frames(several, [50], trial=k, feature=0)
        expected = several.phase.isel(trial=k, time=50).values.ravel()
        np.testing.assert_array_equal(found.phase[0], expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"time": 3.0}, r"times \[3.0\] s are not in the recording"),
        ({"time": 0.05, "trial": 1}, "trial 1 of the wave field was asked for; it has"),
        ({"time": 0.05, "arrows": -2}, "arrows is -2"),
    ],
)
def test_what_cannot_be_drawn_is_refused(field, options, message):
    with pytest.raises(InputError, match=message):
        draw_phase_map(field, **options)


def test_a_recording_is_no_wave_field(sheet):
    with pytest.raises(InputError, match="'phase', as wave_field gives, is needed"):
        draw_phase_map(sheet, time=0.01)


def test_gradients_in_another_unit_are_refused(field):
    field.gradient_x.attrs["units"] = "rad/m"
    with pytest.raises(SchemaError, match="units of 'gradient_x' are 'rad/m'"):
        draw_phase_map(field, time=0.05)
