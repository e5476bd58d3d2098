"""How strongly answers depend on an input of some steps ago, and through what.

`memory_gradient` of `learning.hidden_waves.gradient` and its kin are drawn.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.colours import SERIES, ColourScale
from cortexwave.view.hidden_contents import draw_matrix, expect

_MOST_CURVES = len(SERIES)


def draw_memory_gradient(
    gradients: Mapping[str, xr.Dataset], *, lags: Sequence[int] = (),
    width: float = pieces.FULL_WIDTH,
) -> Figure:  # fmt: skip
    """How strongly answers depend on an input of some steps ago, and through what.

    `gradients` of `memory_gradient` and its kin, by the name they are told with; the
    mean over trials is drawn. Above: the Frobenius norm against the lag, on a log
    axis where 0 has no place. Below, at each of `lags`, the matrix dy/du.
    """
    if not 1 <= len(gradients) <= _MOST_CURVES:
        raise InputError(
            f"{len(gradients)} gradients; 1 to {_MOST_CURVES} can be told apart"
        )
    for found in gradients.values():
        expect(found, "gradient", "memory_gradient")
    fewest = min(found.sizes["lag"] for found in gradients.values())
    beyond = [lag for lag in lags if not 0 <= lag < fewest]
    if beyond:
        raise InputError(f"no lag {beyond[0]} in all: they have lags 0 to {fewest - 1}")
    with pieces.journal_style():
        head, tall = 0.28, 1.9
        body = width - 0.65 - 1.75
        small = min(0.85, (width - 1.75 - pieces.KEY_WIDTH) / max(1, len(lags)) - 0.1)
        below = len(gradients) * (small + 0.1) + 0.4 if lags else 0.0
        figure = pieces.new_figure(width, head + tall + 0.45 + below)
        axes = pieces.axes_at(figure, 0.65, head, body, tall)
        _norms(axes, gradients)
        if lags:
            _matrices(figure, gradients, lags, head + tall + 0.7, small)
        pieces.write_heading(figure, "dy(t) / du(k) against the lag t − k")
    return figure


def _norms(axes: Axes, gradients: Mapping[str, xr.Dataset]) -> None:
    ends = [np.inf, 0.0]
    for k, (name, found) in enumerate(gradients.items()):
        norm = found["norm"]
        norm = norm.mean("trial") if "trial" in norm.dims else norm
        values = np.where(norm.values > 0, norm.values, np.nan)
        silent = int(np.sum(norm.values == 0))
        note = pieces.plain(name, 26)
        note += f"\n0 at {silent} of {norm.size} lags" if silent else ""
        alone = silent > 0  # points between zeros have no line
        axes.plot(norm["lag"], values, "o" if alone else "o-", ms=3.4 if alone else 2,
                  lw=0.8, mfc="none" if alone else None, color=SERIES[k],
                  zorder=3 if alone else 4, label=note)  # fmt: skip
        if np.isfinite(values).any():
            ends = [min(ends[0], np.nanmin(values)), max(ends[1], np.nanmax(values))]
    axes.set_yscale("log")
    if np.isfinite(ends[0]):
        axes.set_ylim(max(ends[0] / 3, 1e-12 * ends[1]), 3 * ends[1])
    axes.set(xlabel="lag (steps)", ylabel="norm of dy / du")
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    axes.legend(frameon=False, fontsize=7, loc="upper left",
                bbox_to_anchor=(1.01, 1.0), handlelength=1.4)  # fmt: skip


def _matrices(
    figure: Figure,
    gradients: Mapping[str, xr.Dataset],
    lags: Sequence[int],
    top: float,
    small: float,
) -> None:
    width = figure.get_size_inches()[0]
    scale = ColourScale("RdBu_r", -1.0, 1.0, "both", "dy / du")
    for row, (name, found) in enumerate(gradients.items()):
        matrix = found["gradient"]
        matrix = matrix.mean("trial") if "trial" in matrix.dims else matrix
        for column, lag in enumerate(lags):
            axes = pieces.axes_at(
                figure, 1.75 + column * (small + 0.1), top + row * (small + 0.1), small,
                small,
            )  # fmt: skip
            draw_matrix(axes, matrix.values[lag], scale)
            axes.set_xticks([])
            axes.set_yticks([])
            for spine in axes.spines.values():
                spine.set_visible(True)
            if not row:
                axes.set_title(f"lag {lag}", fontsize=7, pad=2)
            if row == len(gradients) - 1 and not column:
                axes.set_xlabel("input", fontsize=7, labelpad=2)
            if not column:
                axes.annotate(
                    "\n".join(textwrap.wrap(pieces.plain(name, 60), 22)), (0, 0.5),
                    (-14, 0), xycoords="axes fraction", textcoords="offset points",
                    ha="right", va="center", fontsize=7, color=SERIES[row],
                )  # fmt: skip
                axes.set_ylabel("output", fontsize=7, labelpad=2)
    tall = len(gradients) * (small + 0.1) - 0.1
    pieces.draw_key(
        pieces.axes_at(figure, width - pieces.KEY_WIDTH + 0.12, top, 0.1, tall), scale
    )
