"""Memory loss beside wave loss of a model taken apart: `causal_ladder` drawn."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.colours import SERIES

_ROW = 0.3  # inches of a rung
_MEMORY, _WAVE = SERIES[0], SERIES[1]


def draw_causal_ladder(
    ladder: xr.Dataset, *, width: float = pieces.FULL_WIDTH
) -> Figure:
    """Left: capacity of each rung with its interval; right: both losses side by side.

    `ladder` of `causal_ladder`. Rungs whose single sites differ from the intact
    model's bear a star: what they lose need not be the wave's.
    """
    needed = ("capacity", "memory_loss", "wave_loss", "matched")
    missing = [name for name in needed if name not in ladder]
    if missing or "rung" not in ladder.dims:
        lacking = ", ".join(missing) or "the dim rung"
        raise InputError(f"no causal ladder: {lacking} is missing; causal_ladder "
                         "makes one")  # fmt: skip
    rungs = ladder.sizes["rung"]
    with pieces.journal_style():
        head, tall = 0.3, max(0.9, _ROW * rungs)
        names = 1.5
        body = (width - names - 0.55) / 2
        figure = pieces.new_figure(width, head + tall + 0.75)
        _capacities(pieces.axes_at(figure, names, head, body, tall), ladder)
        _losses(pieces.axes_at(figure, names + body + 0.3, head, body, tall), ladder)
        pieces.write_heading(
            figure, "A model taken apart: does memory go with the wave?"
        )
        if not bool(ladder["matched"].all()):
            figure.text(
                0.01, 0.02, "* variance or timescale of single sites differs from the "
                f"intact model's by more than {100 * ladder.attrs['tolerance']:.0f} %",
                fontsize=6.5, color="#555555", va="bottom",
            )  # fmt: skip
    return figure


def _capacities(axes: Axes, ladder: xr.Dataset) -> None:
    at = np.arange(ladder.sizes["rung"])
    values = ladder["capacity"].values
    axes.barh(at, values, height=0.55, color=_MEMORY, alpha=0.85)
    ends = np.stack([values - ladder["capacity_low"].values,
                     ladder["capacity_high"].values - values])  # fmt: skip
    axes.errorbar(values, at, xerr=np.maximum(ends, 0), fmt="none", ecolor="black",
                  elinewidth=0.8, capsize=1.5)  # fmt: skip
    axes.set_yticks(at, [_named(ladder, k) for k in at.tolist()])
    axes.set(ylim=(at[-1] + 0.5, -0.5), xlabel="memory capacity (values)")
    axes.set_xlim(0, 1.12 * max(float(np.nanmax(values)), 1e-9))


def _losses(axes: Axes, ladder: xr.Dataset) -> None:
    at = np.arange(ladder.sizes["rung"])
    for shift, name, colour, label in (
        (-0.16, "memory_loss", _MEMORY, "memory"), (0.16, "wave_loss", _WAVE, "wave"),
    ):  # fmt: skip
        values = ladder[name].values
        axes.barh(at + shift, values, height=0.28, color=colour, label=label)
        for k in np.flatnonzero(np.isnan(values)).tolist():
            axes.annotate("undetermined", (0.02, k + shift), fontsize=6, va="center",
                          color=colour)  # fmt: skip
    axes.axvline(0, color="black", lw=0.6)
    axes.set(ylim=(at[-1] + 0.5, -0.5), xlabel="lost, as a share of the intact model's")
    least = float(np.nanmin([ladder[n].min() for n in ("memory_loss", "wave_loss")]))
    axes.set_xlim(min(-0.05, 1.1 * least), 1.05)
    axes.set_yticks(at, [""] * at.size)
    axes.legend(frameon=False, fontsize=7, loc="lower right", ncols=2,
                bbox_to_anchor=(1.02, 0.98), borderpad=0, handlelength=1.2)  # fmt: skip


def _named(ladder: xr.Dataset, rung: int) -> str:
    name = pieces.plain(str(ladder["rung"].values[rung]), 24)
    return name if bool(ladder["matched"].values[rung]) else f"{name} *"
