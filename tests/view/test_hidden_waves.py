"""What the figures of hidden waves show is what the data sets hold."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.view.figures import save_figure
from cortexwave.view.hidden_waves import (
    draw_contents,
    draw_decoder,
    draw_eigenvalues,
    draw_memory_gradient,
    draw_operator,
    draw_stripes,
)

JUDGED = {"radius": 0.9, "condition": 1.5, "trusted": 1, "sites": 4, "dims": 2,
          "verdict": "nothing speaks against this basis"}  # fmt: skip
WARNED = {**JUDGED, "trusted": 0,
          "verdict": "do not trust this basis: 3 eigenvalues are missing"}  # fmt: skip


def spectrum(*, theory=True, attrs=JUDGED):
    """Fourth roots of 1, each twice, and three that fade."""
    ring = np.tile(np.exp(0.5j * np.pi * np.arange(4)), 2)
    found = np.concatenate([1.02 * ring, [0.3, 0.2j, -0.2j]])
    values = {
        "real": ("eigenvalue", found.real),
        "imaginary": ("eigenvalue", found.imag),
    }
    attrs = {**attrs, "persistent": 8}
    if theory:
        values |= {"theory_real": ("theory", ring.real),
                   "theory_imaginary": ("theory", ring.imag)}  # fmt: skip
        attrs |= {"theory_count": 8, "network_count": 8, "angle_error": 0.0014,
                  "modulus_error": 0.02}  # fmt: skip
    return xr.Dataset(values, attrs=attrs)


def operator(*, extra=0, attrs=JUDGED, theory=True):
    """The shift of four sites of two dims, closed on itself; one entry not kept."""
    phi = np.roll(np.eye(8), 2, axis=1)
    phi[0] = phi[:, 0] = np.nan
    whole = np.full((8 + extra,) * 2, np.nan)
    whole[:8, :8] = phi
    values = {"Phi": (("row", "column"), whole)}
    attrs = {**attrs, "residual_directions": extra}
    if theory:
        values["theory"] = (("row", "column"), whole)
        attrs |= {"same": 0.9975, "free_same": 0.9, "lines": 2, "lines_same": 1}
    return xr.Dataset(values, attrs=attrs)


def movie(trials=0):
    """Site s at step t holds s + 10 t + 100 dim, per trial 1000 more."""
    t, s, d = np.mgrid[:6, :4, :2]
    content = (s + 10 * t + 100 * d).astype(float)
    dims = ["time", "site", "dim"]
    if trials:
        content = content + 1000.0 * np.arange(trials)[:, None, None, None]
        dims = ["trial", *dims]
    coords = {"site": np.arange(4), "dim": np.arange(2)}
    return xr.Dataset({"content": (dims, content)}, coords)


def gradient(values):
    """Diagonal gradients of two dims, by lag; the norm is sqrt(2) times the value."""
    matrix = np.asarray(values, dtype=float)[:, None, None] * np.eye(2)
    norm = np.sqrt((matrix**2).sum((1, 2)))
    values = {"gradient": (("lag", "output", "input"), matrix), "norm": ("lag", norm)}
    return xr.Dataset(values, {"lag": np.arange(len(norm))})


def texts(figure):
    found = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [text.get_text() for text in axes.texts]
        found += [axes.get_title(loc="left"), axes.get_title()]
    return " | ".join(found)


def test_every_eigenvalue_is_drawn_and_those_that_persist_stand_out():
    plane = draw_eigenvalues(spectrum()).axes[0]
    small, large = (line for line in plane.lines if line.get_marker() in (".", "o"))
    assert len(large.get_xdata()) == 8
    np.testing.assert_allclose(small.get_ydata(), [0.0, 0.2, -0.2])


def test_angles_of_the_theory_are_ticks_with_their_multiplicity():
    plane = draw_eigenvalues(spectrum()).axes[0]
    ticks = [line for line in plane.lines if len(line.get_xdata()) == 2]
    angles = [np.arctan2(line.get_ydata()[0], line.get_xdata()[0]) for line in ticks]
    expected = np.pi / 2 * np.arange(4)
    np.testing.assert_allclose(np.exp(1j * np.array(angles)), np.exp(1j * expected),
                               atol=1e-5)  # fmt: skip
    # ticks lie outside the largest eigenvalue
    assert (
        min(np.hypot(line.get_xdata(), line.get_ydata()).min() for line in ticks) > 1.02
    )
    assert [text.get_text() for text in plane.texts] == ["2"] * 4


def test_moduli_are_drawn_by_rank():
    ranks = draw_eigenvalues(spectrum()).axes[1]
    network = next(line for line in ranks.lines if line.get_label() == "network")
    np.testing.assert_allclose(network.get_ydata(), [1.02] * 8 + [0.3, 0.2, 0.2])


def test_counts_and_errors_are_written_apart():
    written = texts(draw_eigenvalues(spectrum()))
    assert "8 with |λ| > 0.9, theory 8" in written
    assert "angles 0.0014 rad, moduli 0.02 apart" in written
    assert "8 with |λ| > 0.9" in texts(draw_eigenvalues(spectrum(theory=False)))


@pytest.mark.parametrize(
    ("draw", "made"), [(draw_eigenvalues, spectrum), (draw_operator, operator)]
)
def test_verdict_is_written_and_a_warning_coloured(draw, made):
    sound, warned = draw(made()), draw(made(attrs=WARNED))
    assert "nothing speaks against this basis; condition 1.5." in texts(sound)
    assert "do not trust this basis" in texts(warned)
    colours = [
        {text.get_color() for text in figure.texts} for figure in (sound, warned)
    ]
    assert len(colours[1]) > len(colours[0])


def test_operator_is_drawn_with_row_zero_at_the_top_beside_the_theory():
    figure = draw_operator(operator())
    found, theory = figure.axes[:2]
    shown = found.images[0].get_array()
    assert shown[1, 3] == 1.0
    assert shown.mask[0].all()
    assert found.get_ylim()[0] > found.get_ylim()[1]
    assert theory.get_title(loc="left") == "theory"


def test_scale_of_the_operator_is_centred_at_zero():
    image = draw_operator(operator()).axes[0].images[0]
    assert (image.norm.vmin, image.norm.vmax) == (-1.5, 1.5)
    assert image.get_cmap().name == "RdBu_r"


def test_borders_lie_between_sites_and_the_rest_is_set_off():
    axes = draw_operator(operator(extra=3)).axes[0]
    across = sorted({float(line.get_xdata()[0]) for line in axes.lines
                     if line.get_xdata()[0] == line.get_xdata()[-1]})  # fmt: skip
    assert across == [1.5, 3.5, 5.5, 7.5]
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ["0", "1", "2", "3", "rest"]


def test_what_holds_by_construction_is_said():
    written = texts(draw_operator(operator()))
    assert "99.75 %" in written
    assert "1 of 2 dims as in the theory" in written
    assert "never read again" in written
    assert "by construction" in texts(draw_operator(operator(theory=False)))


def test_frames_show_dims_down_and_sites_across():
    figure = draw_contents(movie(trials=3), [0, 5], trial=2)
    first, last = figure.axes[:2]
    assert last.get_title() == "step 5"
    np.testing.assert_array_equal(
        last.images[0].get_array(), [[2050, 2051, 2052, 2053], [2150, 2151, 2152, 2153]]
    )
    assert first.get_ylim()[0] > first.get_ylim()[1]  # dim 0 at the top
    # one scale for all frames
    assert first.images[0].norm.vmax == last.images[0].norm.vmax


def test_stripes_are_sites_against_steps():
    image = draw_stripes(movie(), 1).axes[0].images[0].get_array()
    assert image.shape == (4, 6)
    assert image[3, 5] == 153


def test_decoder_scores_are_drawn_from_nothing_to_all():
    r2 = np.linspace(-0.5, 1, 12).reshape(3, 4)
    scores = xr.Dataset({"r2": (("site", "age"), r2),
                         "r2_dim": (("site", "dim"), r2[:, :2])},
                        attrs={"r2": 0.98})  # fmt: skip
    figure = draw_decoder(scores)
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), r2)
    assert figure.axes[1].images[0].get_array().shape == (3, 2)
    assert (figure.axes[0].images[0].norm.vmin, figure.axes[0].images[0].norm.vmax) == (
        0,
        1,
    )
    assert "R² 0.98 in all" in texts(figure)


def test_gradients_are_drawn_on_a_log_axis_where_zero_has_no_place():
    figure = draw_memory_gradient(
        {"wave": gradient([1, 0, 0, 1, 0]), "register": gradient([1] * 5)}
    )
    axes = figure.axes[0]
    assert axes.get_yscale() == "log"
    wave, register = axes.lines
    np.testing.assert_allclose(wave.get_ydata()[[0, 3]], np.sqrt(2))
    assert np.isnan(wave.get_ydata()[[1, 2, 4]]).all()
    np.testing.assert_allclose(register.get_ydata(), np.sqrt(2))
    assert "0 at 3 of 5 lags" in axes.get_legend().get_texts()[0].get_text()


def test_matrices_are_the_mean_over_trials_at_the_lags_asked_for():
    one = gradient([1.0, 0.5])
    trials = xr.concat([one, 3 * one], "trial")
    figure = draw_memory_gradient({"mean": trials, "one": one}, lags=[1, 0])
    small = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in small[:2]] == ["lag 1", "lag 0"]
    np.testing.assert_allclose(small[0].images[0].get_array(), np.eye(2))
    np.testing.assert_allclose(small[3].images[0].get_array(), np.eye(2))
    assert "mean" in texts(figure)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: draw_eigenvalues(spectrum(attrs=WARNED)),
        lambda: draw_operator(operator(extra=2)),
        lambda: draw_contents(movie(), list(range(6))),
        lambda: draw_stripes(movie(), 0),
        lambda: draw_memory_gradient({"$a_b$ 50 %": gradient([0.0, 0.0])}, lags=[0]),
    ],
)
def test_figures_can_be_saved_and_nothing_is_cut_off(draw, tmp_path):
    figure = draw()
    path = save_figure(figure, tmp_path / "figure.png")
    assert path.stat().st_size > 5000
    figure.canvas.draw()
    across, down = figure.get_size_inches() * figure.dpi
    for text in figure.texts:
        box = text.get_window_extent(figure.canvas.get_renderer())
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= across
        assert box.y1 <= down


@pytest.mark.parametrize(
    ("draw", "culprit"),
    [
        (lambda: draw_eigenvalues(movie()), "'real', as spectrum_dataset gives"),
        (lambda: draw_operator(movie()), "'Phi', as operator_dataset gives"),
        (lambda: draw_contents(spectrum(), [0]), "'content', as hidden_movie"),
        (lambda: draw_contents(movie(), [6]), "no step 6: the movie has steps 0 to 5"),
        (lambda: draw_contents(movie(), []), "0 steps; 1 to 24"),
        (lambda: draw_contents(movie(), [0], trial=1), "no trial 1"),
        (lambda: draw_stripes(movie(), 2), "no dim 2: the movie has 2 dims"),
        (lambda: draw_decoder(movie()), "'r2', as score_fixed_decoder"),
        (lambda: draw_memory_gradient({}), "0 gradients; 1 to 7"),
        (lambda: draw_memory_gradient({"a": gradient([1, 1])}, lags=[2]),
         "no lag 2 in all: they have lags 0 to 1"),
        (lambda: draw_memory_gradient({"a": movie()}), "as memory_gradient gives"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(draw, culprit):
    with pytest.raises(InputError, match=culprit):
        draw()
