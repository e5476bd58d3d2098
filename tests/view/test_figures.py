"""Figures show the field, at the right place, time and colour, whatever it is."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import xarray as xr
from PIL import Image
from xarray.core import indexing

from cortexwave.errors import InputError
from cortexwave.view.figures import (
    draw_difference,
    draw_frames,
    draw_space_time,
    draw_traces,
    save_figure,
)


def images(figure):
    """Images of sheets in a figure, without the colour bar's."""
    return [image for axes in figure.axes for image in axes.images]


def texts(figure):
    """All that is written in a figure."""
    figure.canvas.draw()
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()]
        found += [text.get_text() for text in axes.texts]
        found += [text.get_text() for text in axes.get_yticklabels()]
        found += [axes.yaxis.get_offset_text().get_text()]
    return found


def test_each_frame_holds_the_field_at_its_time_on_one_scale(sheet):
    figure = draw_frames(sheet, times=[0.0, 0.010, 0.030])
    shown = images(figure)
    peaks = [np.unravel_index(np.argmax(i.get_array()), (24, 32)) for i in shown]
    assert peaks == [(5, 3), (5, 8), (5, 18)]
    assert {(i.norm.vmin, i.norm.vmax) for i in shown} == {
        (float(sheet.rate[[0, 10, 30]].min()), 1.0)
    }
    assert {"0 ms", "10 ms", "30 ms", "rate (Hz)", "5 mm"} <= set(texts(figure))


def test_a_pixel_of_the_drawn_figure_has_the_colour_of_its_value(recorded):
    values = np.zeros((1, 4, 4))
    values[0, 0, 3] = 1.0  # bottom right: y up, origin below
    figure = draw_frames(recorded(values))
    figure.canvas.draw()
    picture = np.asarray(figure.canvas.buffer_rgba())
    box = images(figure)[0].axes.get_window_extent()
    height = picture.shape[0]

    def pixel(column, row):
        x = int(box.x0 + (column + 0.5) / 4 * box.width)
        y = int(height - (box.y0 + (row + 0.5) / 4 * box.height))
        return tuple(int(value) for value in picture[y, x, :3])

    # viridis begins in purple and ends in yellow; 1 for the rounding to 8 bits
    assert pixel(3, 0) == pytest.approx((253, 231, 37), abs=1)
    assert pixel(0, 3) == pixel(0, 0) == pytest.approx((68, 1, 84), abs=1)


def test_frames_during_a_stimulus_have_its_colour_as_border(sheet):
    figure = draw_frames(sheet, times=[0.0, 0.007, 0.020, 0.027])
    borders = [
        image.axes.spines["left"].get_linewidth() > 1 for image in images(figure)
    ]
    assert borders == [False, True, False, True]


def test_signed_fields_are_centred_on_zero(sheet):
    signed = sheet.assign(rate=sheet.rate - 0.25)
    signed.rate.attrs["units"] = "uV"
    image = images(draw_frames(signed))[0]
    assert image.norm.vmin == -image.norm.vmax
    assert image.cmap.name == "RdBu_r"


def test_phase_is_wrapped_on_a_cyclic_map_from_0_to_2_pi(recorded):
    values = np.linspace(-20, 20, 5 * 6 * 7).reshape(5, 6, 7)
    figure = draw_frames(recorded(values, units="rad", name="theta"))
    image = images(figure)[0]
    assert image.cmap.name == "twilight"
    # wrapping values near 20 rad costs a few bits: 20 * 2^-52 is 5e-15
    np.testing.assert_allclose(
        np.exp(1j * image.get_array()), np.exp(1j * values[0]), atol=1e-13
    )
    assert {"0", "π", "2π", "theta (rad)"} <= set(texts(figure))


def test_missing_values_are_masked_and_grey_not_zero(sheet):
    values = sheet.rate.values.copy()
    values[:, 10:12, :] = np.nan
    values[:, 0, 0] = np.inf
    image = images(
        draw_frames(sheet.assign(rate=(sheet.rate.dims, values, {"units": "1"})))
    )[0]
    assert image.get_array().mask[10:12].all() and image.get_array().mask[0, 0]
    red, green, blue, _ = image.cmap(np.ma.masked_all(1))[0]
    assert red == green == blue == pytest.approx(0x8A / 255)


def test_space_time_shows_the_wave_along_its_cut(sheet):
    figure = draw_space_time(sheet, along="x", at=2.0)  # row 5, where the bump travels
    shown = images(figure)[0]
    # the peak at frame k is at column 3 + k / 2, exact at even frames
    assert list(np.argmax(shown.get_array()[:, ::2], axis=0)) == list(range(3, 23))
    # half a frame and half a site beyond the first and the last
    assert shown.get_extent() == pytest.approx((-0.5, 39.5, -0.2, 12.6))
    assert {"time (ms)", "x (mm, y = 2 mm)", "rate (Hz)", "digits"} <= set(
        texts(figure)
    )


def test_space_time_of_a_ring_follows_the_ring(ring):
    shown = images(draw_space_time(ring))[0]
    assert list(np.argmax(shown.get_array(), axis=0)) == [4 + k for k in range(30)]


def test_space_time_places_uneven_times_where_they_are(ring):
    uneven = ring.isel(time=[0, 1, 2, 10, 29])
    mesh = draw_space_time(uneven).axes[0].collections[0]
    np.testing.assert_allclose(  # in ms; edges lie half way between frames
        mesh.get_coordinates()[0, 1:-1, 0], [0.5, 1.5, 6.0, 19.5]
    )


def test_profiles_of_a_ring_share_one_scale_and_bear_their_times(ring):
    figure = draw_frames(ring, times=[0.0, 0.010, 0.020])
    rows = [axes for axes in figure.axes if axes.lines and axes.get_ylim()[1] < 2][:3]
    peaks = [row.lines[-1].get_xdata()[np.argmax(row.lines[-1].get_ydata())]
             if len(row.lines[-1].get_xdata()) == 64 else
             row.lines[1].get_xdata()[np.argmax(row.lines[1].get_ydata())]
             for row in rows]  # fmt: skip
    np.testing.assert_allclose(peaks, [4 * 0.4, 14 * 0.4, 24 * 0.4])
    assert len({row.get_ylim() for row in rows}) == 1
    assert {"0 ms", "10 ms", "20 ms", "x (mm)"} <= set(texts(figure))


def test_traces_are_the_time_courses_of_the_nearest_sites(sheet):
    figure = draw_traces(sheet, [(2.05, 1.15), (2.0, 5.2)])
    first, second = figure.axes[0].lines[:2]
    np.testing.assert_array_equal(first.get_ydata(), sheet.rate[:, 5, 3])
    np.testing.assert_array_equal(second.get_ydata(), sheet.rate[:, 5, 13])
    np.testing.assert_allclose(first.get_xdata(), np.arange(40))  # ms


def test_difference_is_the_greatest_over_space_relative_to_the_field(sheet):
    other = sheet.assign_attrs(backend="brian2").copy(deep=True)
    other.rate.values[7, 2, 2] += 3e-6
    other.rate.values[9, 1, 4] -= 5e-6
    figure = draw_difference(sheet, other)
    values = figure.axes[0].lines[0].get_ydata()
    # the field's maximum is 1; 1 + 3e-6 - 1 is exact to 2e-16
    assert values[7] == pytest.approx(3e-6, rel=1e-9)
    assert values[9] == pytest.approx(5e-6, rel=1e-9)
    assert np.isnan(np.delete(values, [7, 9])).all()
    assert figure.axes[0].get_yscale() == "log"
    assert "reference against brian2" in texts(figure)
    levels = [line.get_ydata()[0] for line in figure.axes[0].lines[1:]]
    assert levels == [1e-12]


def test_equal_recordings_are_said_to_be_equal(sheet):
    figure = draw_difference(sheet, sheet)
    assert "equal to the last bit in every frame" in texts(figure)


def _odd_recordings(recorded):
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((6, 5, 7))
    long_event = {"onset": 0.001, "stimulus": "s$" * 80, "item": "^i_" * 50}
    many_events = [{"onset": k / 5e3, "duration": 1e-4, "stimulus": f"s{k}"}
                   for k in range(30)]  # fmt: skip
    return {
        "constant": recorded(np.full((6, 5, 7), 3.0)),
        "zero": recorded(np.zeros((6, 5, 7), dtype=np.float32)),
        "one frame": recorded(noise[:1]),
        "one site": recorded(noise[:, :1, :1]),
        "one site, one frame": recorded(noise[:1, :1, :1]),
        "nothing finite": recorded(np.full((6, 5, 7), np.nan)),
        "tiny": recorded(1e-9 * noise),
        "large": recorded(1e6 * noise.astype(np.float32)),
        "column": recorded(noise[:, :, :1]),
        "constant ring": recorded(np.full((6, 1, 7), -2.0)),
        "missing on a ring": recorded(np.where(noise > 0, noise, np.nan)[:, :1]),
        "phase on a ring": recorded(10 * noise[:, :1], units="rad"),
        "whole numbers": recorded(rng.integers(0, 9, (6, 5, 7))),
        "thin": recorded(rng.standard_normal((6, 2, 200))),
        "tall": recorded(rng.standard_normal((6, 200, 2))),
        "long names": recorded(noise, name="a_$very_{long" * 12, rows=[long_event],
                               title="t$i_t{l\\e " * 40),
        "no x or y": recorded(noise[:, 0, 0], ("time",)),
        "many stimuli": recorded(noise, rows=many_events),
    }  # fmt: skip


ODD = (
    "constant", "zero", "one frame", "one site", "one site, one frame",
    "nothing finite", "tiny", "large", "column", "constant ring", "missing on a ring",
    "phase on a ring", "whole numbers", "thin", "tall", "long names", "no x or y",
    "many stimuli",
)  # fmt: skip


@pytest.mark.parametrize(
    "draw",
    [draw_frames, draw_space_time, lambda odd: draw_difference(odd, odd)],
    ids=["frames", "space and time", "difference"],
)
@pytest.mark.parametrize("name", ODD)
def test_odd_recordings_are_drawn_without_a_warning(recorded, name, draw):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert texts(draw(_odd_recordings(recorded)[name]))


def test_tiny_values_are_labelled_with_their_power_of_ten(recorded):
    figure = draw_frames(_odd_recordings(recorded)["tiny"])
    assert any("10^{−9}" in text for text in texts(figure))


def test_a_rare_peak_leaves_colour_to_the_waves_and_the_scale_says_so(recorded):
    rng = np.random.default_rng(0)
    values = rng.uniform(0.5, 1.0, (10, 20, 20))
    values[0, 4, 4] = 50.0
    figure = draw_frames(recorded(values))
    assert images(figure)[0].norm.vmax <= 1.0
    assert any(axes._colorbar.extend == "max" for axes in figure.axes
               if hasattr(axes, "_colorbar"))  # fmt: skip


def test_a_single_travelling_site_is_not_taken_for_a_rare_peak(recorded):
    values = np.zeros((30, 40, 40))
    values[np.arange(30), 20, np.arange(30)] = 1.0
    assert images(draw_frames(recorded(values)))[0].norm.vmax == 1.0


class _Counted(xr.backends.BackendArray):
    """An array on disk, as it were, that remembers how many values were read."""

    def __init__(self, shape):
        self.shape, self.dtype, self.read = shape, np.dtype("float32"), 0

    def __getitem__(self, key):
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._values
        )

    def _values(self, key):
        sizes = [len(range(*k.indices(n))) if isinstance(k, slice) else np.size(k)
                 for k, n in zip(key, self.shape, strict=True)]  # fmt: skip
        self.read += int(np.prod(sizes))
        kept = [n for n, k in zip(sizes, key, strict=True)
                if not isinstance(k, int | np.integer)]  # fmt: skip
        return np.ones(kept, dtype="float32")


def test_only_what_is_shown_is_read():
    # 8 TB, which could not be read at all
    stored = _Counted((500_000, 2000, 2000))
    lazy = xr.Dataset(
        {
            "h": (
                ("time", "y", "x"),
                indexing.LazilyIndexedArray(stored),
                {"units": "1"},
            )
        },
        {
            "time": ("time", np.arange(500_000) * 1e-3, {"units": "s"}),
            "y": ("y", np.arange(2000) * 0.1, {"units": "mm"}),
            "x": ("x", np.arange(2000) * 0.1, {"units": "mm"}),
        },
    )
    draw_frames(lazy, count=2)
    assert stored.read == 2 * 2000 * 2000
    stored.read = 0
    draw_space_time(lazy)
    assert stored.read <= 1500 * 2000


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_a_figure_is_saved_by_its_suffix_and_equal_figures_are_equal_files(
    sheet, tmp_path, suffix
):
    paths = [save_figure(draw_frames(sheet, count=2), tmp_path / f"{name}.{suffix}")
             for name in "ab"]  # fmt: skip
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert sorted(tmp_path.iterdir()) == paths  # no part left behind


def test_a_saved_picture_has_300_dots_per_inch(sheet, tmp_path):
    figure = draw_frames(sheet)
    picture = Image.open(save_figure(figure, tmp_path / "frames.png"))
    assert picture.width == pytest.approx(300 * figure.get_size_inches()[0], abs=1)


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        ({"field": "rat"}, r"'rat'.*\['rate'\]"),
        ({"trial": 3}, "trial 3 .* has 1"),
        ({"feature": -1}, "feature -1"),
        ({"times": [0.01, 7.0]}, r"\[7.0\] s .* from 0 to 0.039 s"),
        ({"times": []}, "no time"),
        ({"count": 0}, "0 frames"),
        ({"limits": (1.0, 1.0)}, r"\(1.0, 1.0\)"),
    ],
)
def test_what_cannot_be_drawn_is_named(sheet, arguments, culprit):
    with pytest.raises(InputError, match=culprit):
        draw_frames(sheet, **arguments)


def test_cuts_and_sites_off_the_sheet_are_named(sheet):
    with pytest.raises(InputError, match=r"y = 44.0 mm .* 0 to 9.2 mm"):
        draw_space_time(sheet, at=44.0)
    with pytest.raises(InputError, match="'z'"):
        draw_space_time(sheet, along="z")
    with pytest.raises(InputError, match=r"x = -3 mm"):
        draw_traces(sheet, [(1, -3)])
    with pytest.raises(InputError, match="0 sites"):
        draw_traces(sheet, [])


def test_complex_fields_and_electrodes_are_refused_by_name(recorded):
    with pytest.raises(InputError, match="'h' is complex"):
        draw_frames(recorded(np.ones((2, 3, 4), dtype=complex)))
    with pytest.raises(InputError, match="electrodes"):
        draw_frames(recorded(np.ones((2, 3)), ("time", "channel")))


def test_places_that_cannot_be_written_are_named(sheet, tmp_path):
    figure = draw_frames(sheet, count=1)
    with pytest.raises(InputError, match=r"suffix '\.jpg' is not one of \.png"):
        save_figure(figure, tmp_path / "frames.jpg")
    with pytest.raises(InputError, match="no folder"):
        save_figure(figure, tmp_path / "missing" / "frames.png")
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        save_figure(figure, tmp_path / "taken.png")
