"""What hidden sites hold: frames, stripes, and how well one decoder reads it.

`hidden_movie` and `score_fixed_decoder` of `learning.hidden_waves` are drawn. Site 0 is
the oldest; contents enter at the last site and travel to site 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.colours import ColourScale, Limits, colour_scale, number

_MOST_FRAMES = 24


def draw_contents(
    movie: xr.Dataset, steps: Sequence[int], *, trial: int = 0,
    limits: Limits | None = None, width: float = pieces.FULL_WIDTH,
) -> Figure:  # fmt: skip
    """What every site holds at some steps, a frame each: sites along x, dims along y.

    `movie` of `hidden_movie`; `steps` index its time.
    """
    content = _content(movie, trial)
    times = content.sizes["time"]
    if not 1 <= len(steps) <= _MOST_FRAMES:
        raise InputError(f"{len(steps)} steps; 1 to {_MOST_FRAMES} can be shown")
    beyond = [step for step in steps if not 0 <= step < times]
    if beyond:
        raise InputError(f"no step {beyond[0]}: the movie has steps 0 to {times - 1}")
    shown = content.values[list(steps)]  # (frame, site, dim)
    scale = colour_scale(shown, units="1", label="content", limits=limits)
    sites, dims = shown.shape[1:]
    columns = min(len(steps), 5 if len(steps) <= 10 else 8)
    rows = -(-len(steps) // columns)
    with pieces.journal_style():
        head, gap = 0.38, 0.12
        room = width - 0.5 - pieces.KEY_WIDTH
        across = (room - gap * (columns - 1)) / columns
        down = min(across * dims / sites, 2.0)
        whole = head + rows * (down + 0.22) + 0.28
        figure = pieces.new_figure(width, whole)
        for k, step in enumerate(steps):
            row, column = divmod(k, columns)
            axes = pieces.axes_at(
                figure, 0.5 + column * (across + gap), head + row * (down + 0.22),
                across, down,
            )  # fmt: skip
            pieces.draw_image(
                axes, shown[k].T, scale, (-0.5, sites - 0.5, -0.5, dims - 0.5)
            )
            axes.invert_yaxis()  # dim 0 at the top, as the rows of a bitmap
            axes.set_title(f"step {step}", fontsize=7, pad=2)
            _few_integers(axes)
            if k + columns >= len(steps):
                axes.set_xlabel("site", labelpad=1)
            else:
                axes.set_xticklabels([])
            if not column:
                axes.set_ylabel("dim", labelpad=1)
            else:
                axes.set_yticklabels([])
        pieces.draw_key(
            pieces.axes_at(figure, width - pieces.KEY_WIDTH + 0.12, head, 0.1,
                           rows * (down + 0.22) - 0.22), scale,
        )  # fmt: skip
        pieces.write_heading(figure, "What the sites hold")
    return figure


def draw_stripes(
    movie: xr.Dataset, dim: int, *, trial: int = 0, limits: Limits | None = None,
    width: float = pieces.FULL_WIDTH,
) -> Figure:  # fmt: skip
    """What the sites hold of one dim against time: a wave is a diagonal stripe."""
    content = _content(movie, trial)
    if dim not in content["dim"].values:
        raise InputError(f"no dim {dim}: the movie has {content.sizes['dim']} dims")
    values = content.sel(dim=dim).values  # (time, site)
    scale = colour_scale(values, units="1", label="content", limits=limits)
    times, sites = values.shape
    with pieces.journal_style():
        head, tall = 0.3, 1.7
        body = width - 0.5 - pieces.KEY_WIDTH
        figure = pieces.new_figure(width, head + tall + 0.45)
        axes = pieces.axes_at(figure, 0.5, head, body, tall)
        pieces.draw_image(axes, values.T, scale, (-0.5, times - 0.5, -0.5, sites - 0.5))
        axes.set(xlabel="step", ylabel="site")
        axes.yaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        pieces.draw_key(pieces.axes_at(figure, 0.62 + body, head, 0.1, tall), scale)
        pieces.write_heading(figure, f"Dim {dim} at every site")
    return figure


def draw_decoder(scores: xr.Dataset, *, width: float = pieces.FULL_WIDTH) -> Figure:
    """R2 of one fixed linear decoder for every site and age, and per site and dim."""
    expect(scores, "r2", "score_fixed_decoder")
    with pieces.journal_style():
        head, tall = 0.38, 1.7
        body = width - 0.5 - 0.55 - pieces.KEY_WIDTH
        figure = pieces.new_figure(width, head + tall + 0.45)
        scale = ColourScale("viridis", 0.0, 1.0, "min", "R² on held-out sequences")
        left = 0.5
        for name, share in (("r2", 0.66), ("r2_dim", 0.34)):
            values = scores[name].values  # (site, age or dim)
            axes = pieces.axes_at(figure, left, head, share * body, tall)
            sites, across = values.shape
            pieces.draw_image(
                axes, values, scale, (-0.5, across - 0.5, -0.5, sites - 0.5)
            )
            axes.set(
                xlabel="steps since the input" if name == "r2" else "dim",
                ylabel="site" if name == "r2" else "",
            )
            _few_integers(axes)
            axes.set_title(
                "dims together" if name == "r2" else "steps together",
                fontsize=7, loc="left", pad=3,
            )  # fmt: skip
            left += share * body + 0.55
        pieces.draw_key(
            pieces.axes_at(figure, width - pieces.KEY_WIDTH + 0.12, head, 0.1, tall),
            scale,
        )
        whole = number(float(scores.attrs["r2"]), 3)
        pieces.write_heading(figure, f"One decoder for all times: R² {whole} in all")
    return figure


def expect(dataset: xr.Dataset, variable: str, maker: str) -> None:
    """Raise unless a dataset holds a variable; names what makes such a dataset."""
    if variable not in dataset:
        raise InputError(
            f"a dataset with '{variable}', as {maker} gives, is needed; this one has "
            f"{list(dataset.data_vars)}"
        )


def draw_matrix(axes: Axes, values: np.ndarray, scale: ColourScale) -> None:
    """A matrix in colours with row 0 at the top."""
    rows, columns = values.shape
    pieces.draw_image(axes, values, scale, (-0.5, columns - 0.5, -0.5, rows - 0.5))
    axes.invert_yaxis()


def _content(movie: xr.Dataset, trial: int) -> xr.DataArray:
    """Contents (time, site, dim) of one trial."""
    expect(movie, "content", "hidden_movie")
    content = movie["content"]
    trials = content.sizes.get("trial", 1)
    if not 0 <= trial < trials:
        raise InputError(f"no trial {trial}: the movie has trials 0 to {trials - 1}")
    return content.isel(trial=trial) if "trial" in content.dims else content


def _few_integers(axes: Axes) -> None:
    for each in (axes.xaxis, axes.yaxis):
        each.set_major_locator(MaxNLocator(4, integer=True))
