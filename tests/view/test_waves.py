"""Figures of waves show what was measured, where it is, in print's units."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from cortexwave.analysis.velocity import space_time_spectrum, velocity_spectrum
from cortexwave.errors import InputError
from cortexwave.view.waves import (
    draw_cones,
    draw_snapshot_decoding,
    draw_velocity_spectrum,
)

INPUTS = [
    {"onset": 0.005, "duration": 0.001, "stimulus": "input", "x": 1.6},
    {"onset": 0.015, "duration": 0.001, "stimulus": "input", "x": 2.4},
]


@pytest.fixture
def wave(recorded):
    """White noise one site per step towards +x: 0.4 mm in 1 ms, 0.4 m/s."""
    noise = np.random.default_rng(0).standard_normal(120)
    return recorded(noise[80 + np.arange(40) - np.arange(80)[:, None]][:, None])


@pytest.fixture
def decoded():
    lag = np.arange(5)
    accuracy = np.array([1.0, 1.0, 0.9, 0.3, 0.2])
    columns = {"accuracy": accuracy, "low": accuracy - 0.05, "high": accuracy + 0.05,
               "chance": np.full(5, 0.25), "chance_low": np.full(5, 0.2),
               "chance_high": np.full(5, 0.35)}  # fmt: skip
    return xr.Dataset(
        {name: ("lag", values) for name, values in columns.items()}, {"lag": lag},
        {"horizon": 2.0, "decoded": "symbol", "sequences": 100},
    )  # fmt: skip


def texts(figure):
    """All that is written in a figure."""
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [axes.get_xlabel(), axes.get_ylabel(), axes.get_title(loc="left")]
        found += [text.get_text() for text in axes.texts]
        if axes.get_legend():
            found += [text.get_text() for text in axes.get_legend().get_texts()]
    return found


def measured(recording, **options):
    return velocity_spectrum(recording, variable="h", count=19, seed=0, **options)


def test_the_spectrum_has_its_line_of_velocity_and_units(wave):
    figure = draw_velocity_spectrum(
        space_time_spectrum(wave, variable="h"), measured(wave)
    )
    plane, _, curve = figure.axes
    k, f = plane.lines[0].get_data()
    known = np.isfinite(f)
    # 0.4 m/s is 400 mm/s
    np.testing.assert_allclose(f[known], 400 * k[known], atol=1e-9)
    best = [line for line in curve.lines if line.get_marker() == "o"]
    assert best[0].get_xdata()[0] == pytest.approx(0.4)
    said = " | ".join(texts(figure))
    for text in ("wavenumber (cycles/mm, + towards +x)", "frequency (Hz)",
                 "velocity (m/s, + towards +x)", "0.4 m/s, 1 site/step",
                 "wave: p = 0.05", "shuffled, mean"):  # fmt: skip
        assert text in said


def test_the_image_is_brightest_on_the_line(wave):
    figure = draw_velocity_spectrum(
        space_time_spectrum(wave, variable="h"), measured(wave)
    )
    image = figure.axes[0].images[0]
    left, right, bottom, top = image.get_extent()
    row, column = np.unravel_index(np.argmax(image.get_array()), image.get_size())
    k = left + (column + 0.5) / image.get_size()[1] * (right - left)
    f = bottom + (row + 0.5) / image.get_size()[0] * (top - bottom)
    # within a bin of each: 12.5 Hz, and 1/16 cycles/mm is 25 Hz on the line
    assert f == pytest.approx(400 * k, abs=37.5)


def test_a_field_that_stands_still_is_drawn_and_said(recorded):
    still = recorded(np.ones((20, 1, 1)) * np.sin(np.arange(12.0)))
    figure = draw_velocity_spectrum(
        space_time_spectrum(still, variable="h"), measured(still)
    )
    figure.canvas.draw()
    assert "nothing moves" in texts(figure) and "no wave: p = 1" in texts(figure)


@pytest.mark.parametrize(("sides", "lines"), [("one", 2), ("both", 4)])
def test_cones_start_at_their_input_and_have_the_slope_of_the_velocity(
    recorded, sides, lines
):
    values = np.zeros((30, 1, 16))
    figure = draw_cones(recorded(values, rows=INPUTS), velocity=-100.0, sides=sides,
                        boundary="open")  # fmt: skip
    paths = [line for line in figure.axes[0].lines if line.get_linestyle() == "--"]
    assert len(paths) == lines
    for path, sign in zip(paths, (-1, 1, -1, 1)[:: 3 - lines // 2], strict=False):
        t, x = path.get_data()
        first = INPUTS[paths.index(path) * 2 // lines]
        assert (t[0], x[0]) == pytest.approx((1e3 * first["onset"], first["x"]))
        known = np.isfinite(x)
        # 100 mm/s is 0.1 mm in a ms
        slope = np.polyfit(t[known], x[known], 1)[0]
        assert slope == pytest.approx(0.1 * sign, rel=1e-6)
        assert x[known].min() >= -0.2 and x[known].max() <= 6.2
    assert any("0.1 m/s" in text for text in texts(figure))


def test_on_a_ring_a_characteristic_comes_round(recorded):
    values = np.zeros((60, 1, 8))  # 3.2 mm round
    rows = [{"onset": 0.0, "duration": 0.001, "stimulus": "input", "x": 0.4}]
    axes = draw_cones(recorded(values, rows=rows), velocity=-200.0,
                      boundary="periodic").axes[0]  # fmt: skip
    t, x = next(line for line in axes.lines if line.get_linestyle() == "--").get_data()
    around = (0.4 - 0.2 * t + 0.2) % 3.2 - 0.2  # edges at -0.2 and 3.0 mm
    known = np.isfinite(x)
    np.testing.assert_allclose(x[known], around[known], atol=1e-9)
    assert 1 < np.sum(~known) < 6  # 11.8 mm: four times across the edge


def test_cones_without_a_place_to_start_from_are_refused(recorded):
    values = np.zeros((5, 1, 8))
    nowhere = [{"onset": 0.001, "duration": 0.001, "stimulus": "input"}]
    with pytest.raises(InputError, match="no events"):
        draw_cones(recorded(values), velocity=1.0, boundary="open")
    with pytest.raises(InputError, match="none of the 1 events"):
        draw_cones(recorded(values, rows=nowhere), velocity=1.0, boundary="open")
    with pytest.raises(InputError, match="velocity is 0"):
        draw_cones(recorded(values, rows=INPUTS), velocity=0.0, boundary="open")


def test_decoding_shows_accuracy_chance_and_horizon(decoded):
    figure = draw_snapshot_decoding(decoded)
    axes = figure.axes[0]
    np.testing.assert_array_equal(
        axes.containers[0].lines[0].get_ydata(), decoded.accuracy
    )
    band = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((0.2, 0.35))
    assert {"lag (steps)", "horizon, 2 steps", "chance, 95 %"} <= set(texts(figure))


def test_nothing_above_chance_is_said(decoded):
    decoded.attrs["horizon"] = np.nan
    assert any(
        "nothing above chance" in t for t in texts(draw_snapshot_decoding(decoded))
    )


def test_a_dataset_of_another_kind_is_refused(wave):
    spectrum = space_time_spectrum(wave, variable="h")
    with pytest.raises(InputError, match="'line_power'"):
        draw_velocity_spectrum(spectrum, spectrum)
    with pytest.raises(InputError, match="'accuracy'"):
        draw_snapshot_decoding(spectrum)
    with pytest.raises(InputError, match="no part 'feature 7'"):
        draw_velocity_spectrum(spectrum, measured(wave), part="feature 7")
