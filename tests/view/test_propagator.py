"""Figures of one-step operators show what was found, and say what they do not show."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.view.propagator import (
    draw_cross_temporal,
    draw_propagator,
    draw_topographic_shift,
)


@pytest.fixture
def operator():
    angle = 2 * np.pi * np.arange(4) / 4
    ring = np.stack([0.98 * np.exp(1j * angle), 0.49 * np.exp(1j * angle)])
    dims = ("estimate", "eigenvalue")
    columns = {"real": ring.real, "imaginary": ring.imag, "modulus": np.abs(ring),
               "zero_low": np.full((2, 4), 0.1), "zero_middle": np.full((2, 4), 0.2),
               "zero_high": np.full((2, 4), 0.3)}  # fmt: skip
    return xr.Dataset(
        {**{name: (dims, values) for name, values in columns.items()},
         "power_norm": (("estimate", "power"), 0.98 ** np.ones((2, 5))),
         "p_signal": 0.025},
        {"estimate": ["instrumental", "plain"], "power": np.arange(1, 6)},
        {"variable": "lfp"},
    )  # fmt: skip


def shift_found(**places):
    count = len(next(iter(places.values())))
    return xr.Dataset(
        {"likeness": ("displacement", np.linspace(0, 0.9, count)),
         "p": ("null", [0.005, 0.2]), "null_excess": ("null", [0.3, 0.4]),
         "sli": 0.9, "at_rest": 0.1, "is_shift": False,
         **{f"best_{name}": at[-1] for name, at in places.items()},
         **{f"best_velocity_{name}": 1e3 * at[-1] for name, at in places.items()}},
        {"null": ["without_lags", "permuted_sites"],
         **{name: ("displacement", np.array(at)) for name, at in places.items()}},
        {"variable": "lfp"},
    )  # fmt: skip


@pytest.fixture
def items():
    overlap = 0.1 + 0.8 * np.eye(3, k=-1)
    return xr.Dataset(
        {"overlap": (("newer", "older"), overlap),
         "at_rest": (("newer", "older"), np.full((3, 3), 0.1)), "score": 0.9,
         "gain": 0.8, "gain_error": 0.05, "p_items": 0.005, "p_operator": 0.01,
         "moves": True},
        {"newer": [0, 1, 2], "older": [0, 1, 2]},
    )  # fmt: skip


def written(figure):
    """All that is written on a figure, in one line."""
    figure.canvas.draw()
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()]
        if axes.get_legend():
            found += [text.get_text() for text in axes.get_legend().get_texts()]
    return " ".join(" ".join(found).split())


def test_eigenvalues_stand_where_they_are_beside_those_of_noise(operator):
    figure = draw_propagator(operator)
    plane, moduli, powers = figure.axes
    points = plane.lines[0].get_xydata()
    np.testing.assert_allclose(
        points, np.stack([operator["real"][0], operator["imaginary"][0]], axis=1)
    )
    assert plane.patches[0].get_radius() == 1
    band = moduli.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((0.1, 0.3))
    np.testing.assert_allclose(powers.lines[1].get_ydata(), operator.power_norm[1])
    assert "lfp: more than noise, p = 0.025" in written(figure)


def test_the_caption_of_eigenvalues_says_what_they_do_not_show(operator):
    text = written(draw_propagator(operator))
    assert "What this does not show" in text
    assert "no evidence of a wave, as any narrow-band signal has them" in text
    assert "nor is their absence evidence against one" in text


def test_a_shift_along_a_line_is_a_curve_with_its_nulls():
    figure = draw_topographic_shift(shift_found(x=[-0.4, 0.0, 0.4]))
    curve = figure.axes[0].lines[0]
    np.testing.assert_allclose(curve.get_xdata(), [-0.4, 0.0, 0.4])
    # 95 % of the excess, above the likeness at rest
    assert figure.axes[0].lines[1].get_ydata()[0] == pytest.approx(0.1 + 0.3)
    text = written(figure)
    assert "no shift shown" in text and "0.4 m/s along x" in text
    assert "permuted sites, 95 %, p = 0.2" in text
    assert "says nothing against a wave in another basis" in text


def test_a_shift_on_a_plane_is_an_image_in_mm():
    rows, columns = np.mgrid[-1:2, -1:2].reshape(2, 9) * 0.4
    figure = draw_topographic_shift(shift_found(y=rows, x=columns))
    image = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(image, np.linspace(0, 0.9, 9).reshape(3, 3))
    np.testing.assert_allclose(figure.axes[0].images[0].get_extent(),
                               [-0.6, 0.6, -0.6, 0.6])  # fmt: skip
    assert "permuted_sites: p = 0.2" in written(figure)


def test_items_passed_on_are_framed_below_the_diagonal(items):
    figure = draw_cross_temporal(items)
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), items.overlap)
    older, newer = figure.axes[0].lines[0].get_data()
    np.testing.assert_array_equal(newer, older + 1)
    text = written(figure)
    assert "items are passed on" in text and "gain 0.80 ± 0.05" in text
    assert "or that it travels there at all" in text


@pytest.mark.parametrize(
    ("draw", "missing"),
    [(draw_propagator, "zero_middle"), (draw_topographic_shift, "likeness"),
     (draw_cross_temporal, "overlap")],
)  # fmt: skip
def test_a_dataset_of_another_kind_is_refused(draw, missing):
    with pytest.raises(InputError, match=f"'{missing}'"):
        draw(xr.Dataset({"h": 0.0}))
