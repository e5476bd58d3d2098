"""How an item's code holds over time, what a rigid shift regains, what a sequence left.

Drawing only, of what `memory.generalisation`, `.alignment` and `.sequences` found.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.colours import SERIES, ColourScale

_SIDE = 2.0  # inches of a panel
_TOP = 0.5


def draw_temporal_generalisation(
    found: xr.Dataset,
    alignment: xr.Dataset | None = None,
    *,
    verdict: str = "",
    width: float = pieces.FULL_WIDTH,
) -> Figure:
    """Accuracy over training and test time, and its mean by lag with what chance gives.

    `found` of `temporal_generalisation`; with `alignment` of
    `shift_aligned_generalisation`, the accuracy after the field was shifted back is
    drawn beside that of the field as it is. `verdict` is written above.
    """
    _expect(found, "lag_accuracy", "temporal_generalisation")
    if alignment is not None:
        _expect(alignment, "aligned", "shift_aligned_generalisation")
    with pieces.journal_style():
        notes = [note for each in (found, alignment) if each is not None
                 for note in [str(each.attrs.get("reason", ""))] if note]  # fmt: skip
        height = _TOP + _SIDE + 0.5 + 0.14 * len(notes)
        figure = pieces.new_figure(width, height)
        square = pieces.axes_at(figure, 0.6, _TOP, _SIDE, _SIDE)
        scale = draw_accuracy(square, found)
        pieces.draw_key(pieces.axes_at(figure, 0.7 + _SIDE, _TOP, 0.1, _SIDE), scale)
        left = 0.7 + _SIDE + 1.15
        lines = pieces.axes_at(figure, left, _TOP, width - left - 0.15, _SIDE)
        draw_by_lag(lines, found, alignment)
        pieces.write_heading(figure, verdict or "Generalisation over time")
        for k, note in enumerate(notes):
            short = pieces.plain(note, int(width * 20))
            figure.text(0.06 / width, (0.05 + 0.14 * k) / height, short, fontsize=7,
                        va="bottom")  # fmt: skip
    return figure


def draw_accuracy(axes: Axes, found: xr.Dataset) -> ColourScale:
    """Accuracy by training time (up) and test time (right).

    Cells above chance are ringed by a white line, those below by a dashed one, at the
    family-wise level of the dataset.
    """
    chance = float(found["chance"])
    values = found["accuracy"].transpose("train_time", "test_time").values
    scale = ColourScale("viridis", 0.0, 1.0, "neither",
                        f"accuracy (chance {chance:.2f})")  # fmt: skip
    clock = 1e3 * found["train_time"].values
    half = (clock[1] - clock[0]) / 2
    ends = (clock[0] - half, clock[-1] + half) * 2
    pieces.draw_image(axes, values, scale, ends)
    alpha = float(found.attrs["alpha"])
    for name, style in (("p", "-"), ("p_below", "--")):
        clear = (found[name].transpose("train_time", "test_time") <= alpha).values
        if clear.any() and not clear.all():
            axes.contour(clock, clock, clear.astype(float), [0.5], colors="white",
                         linewidths=0.6, linestyles=style)  # fmt: skip
    axes.set(xlabel="tested at (ms)", ylabel="trained at (ms)")
    return scale


def draw_by_lag(
    axes: Axes, found: xr.Dataset, alignment: xr.Dataset | None = None
) -> Axes:
    """Mean accuracy by lag, with its 95 % and the middle 90 % of permutations."""
    lag = 1e3 * found["lag"].values
    axes.fill_between(lag, found["null_low"], found["null_high"], color=pieces.QUIET,
                      alpha=0.25, lw=0, label="labels dealt, 90 %")  # fmt: skip
    axes.axhline(float(found["chance"]), color=pieces.QUIET, lw=0.5, ls=":")
    axes.errorbar(
        lag, found["lag_accuracy"],
        [np.maximum(found["lag_accuracy"] - found["lag_accuracy_low"], 0),
         np.maximum(found["lag_accuracy_high"] - found["lag_accuracy"], 0)],
        fmt="o-", ms=2.5, lw=0.9, color=SERIES[0], label="field as it is",
    )  # fmt: skip
    if alignment is not None:
        way = (f"{float(alignment['speed']):g} mm/s to "
               f"{float(alignment['direction']):g}°")  # fmt: skip
        moved = 1e3 * alignment["lag"].values
        named = f"shifted back, {way}\np = {float(alignment['p']):.2g}"
        axes.plot(moved, alignment["aligned"], "s-", ms=3, color=SERIES[1], label=named)
        axes.plot(moved, alignment["mirrored"], "x--", ms=3, lw=0.7, color=SERIES[1],
                  label="shifted the other way")  # fmt: skip
    axes.set(xlabel="between training and test (ms)", ylabel="accuracy", ylim=(0, 1.02))
    axes.legend(frameon=False, fontsize=6.5, loc="upper right", handlelength=1.6)
    return axes


def draw_sequence_readout(
    found: xr.Dataset, *, width: float = pieces.FULL_WIDTH
) -> Figure:
    """Accuracy of the item at each rank against time, and against its own age.

    `found` of `sequence_readout`. Filled marks are above chance; right, curves that lie
    on one another are those of a memory that treats all ranks alike.
    """
    _expect(found, "since_onset", "sequence_readout")
    ranks = found.sizes["rank"]
    if ranks > len(SERIES):
        raise InputError(f"{ranks} ranks; {len(SERIES)} can be told apart")
    side = (width - 0.6 - 0.75 - 1.5) / 2
    with pieces.journal_style():
        figure = pieces.new_figure(width, _TOP + 1.9 + 0.5)
        over_time = pieces.axes_at(figure, 0.6, _TOP, side, 1.9)
        over_age = pieces.axes_at(figure, 0.6 + side + 0.65, _TOP, side, 1.9)
        draw_items(over_time, found)
        for rank in range(ranks):
            over_age.plot(1e3 * found["since"], found.isel(rank=rank)["since_onset"],
                          "o-", ms=2.5, lw=0.9, color=SERIES[rank])  # fmt: skip
        for axes, label in ((over_time, "time (ms)"),
                            (over_age, "since the item's onset (ms)")):  # fmt: skip
            axes.axhline(float(found["chance"].mean()), color=pieces.QUIET, lw=0.5,
                         ls=":")  # fmt: skip
            axes.set(xlabel=label, ylim=(0, 1.02))
        over_time.set_ylabel("accuracy of the item")
        p = float(found["collapse_p"])
        over_age.set_title("" if np.isnan(p) else f"one curve? p = {p:.2g}",
                           fontsize=7, loc="left", pad=3)  # fmt: skip
        figure.legend(*over_time.get_legend_handles_labels(), frameon=False,
                      fontsize=7, loc="upper left",
                      bbox_to_anchor=(1 - 1.4 / width, 0.85))  # fmt: skip
        _summary(figure, found, width, ranks)
        most = int(found["simultaneous"].max())
        pieces.write_heading(
            figure, f"Items of a sequence: up to {most} of {ranks} at one time"
        )
    return figure


def draw_items(axes: Axes, found: xr.Dataset) -> Axes:
    """Accuracy of the item at each rank against time; dots where it is above chance."""
    _expect(found, "since_onset", "sequence_readout")
    clock = 1e3 * found["time"].values
    for rank in range(found.sizes["rank"]):
        one, colour = found.isel(rank=rank), SERIES[rank % len(SERIES)]
        axes.plot(clock, one["accuracy"], color=colour, lw=0.9,
                  label=f"rank {rank + 1}")  # fmt: skip
        sure = (one["p"] <= found.attrs["alpha"]).values
        axes.plot(clock[sure], one["accuracy"].values[sure], "o", ms=2.5, color=colour)
        axes.axvline(1e3 * float(one["onset"]), color=colour, lw=0.5, ls=":")
    axes.axhline(float(found["chance"].mean()), color=pieces.QUIET, lw=0.5, ls=":")
    axes.set(xlabel="time (ms)", ylabel="accuracy of the item", ylim=(0, 1.02))
    return axes


def _summary(figure: Figure, found: xr.Dataset, width: float, ranks: int) -> None:
    lines = [f"at {1e3 * float(found.attrs['at']):g} ms:"]
    for name, title in (("sequence", "whole sequence"), ("rank", "rank of an item")):
        value = float(found[f"{name}_accuracy"])
        lines.append(f"{title}\n  not known" if np.isnan(value) else
                     f"{title}\n  {value:.2f}, chance "
                     f"{float(found[f'{name}_chance']):.2f}, "
                     f"p = {float(found[f'{name}_p']):.2g}")  # fmt: skip
    area = float(found["order_auc"])
    lines.append("order of two\n  not known" if np.isnan(area) else
                 f"order of two, area\n  {area:.2f}, p = "
                 f"{float(found['order_p']):.2g}")  # fmt: skip
    figure.text(1 - 1.4 / width, 0.75 - 0.06 * ranks, "\n".join(lines), fontsize=6.5,
                va="top", linespacing=1.3)  # fmt: skip


def _expect(dataset: xr.Dataset, variable: str, maker: str) -> None:
    if variable not in dataset:
        raise InputError(
            f"a dataset with '{variable}', as {maker} gives, is needed; this one has "
            f"{list(dataset.data_vars)}"
        )
