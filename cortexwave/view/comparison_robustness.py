"""Verdicts over a grid of choices, and rivals taken for each other: coloured tables.

Drawing only. Every word has a colour and a letter, so that print without colour and
eyes without it read the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cortexwave.view import pieces
from cortexwave.view.comparison_waves import NAMES

# Colours of the verdicts on the page, lightened so that letters stand on them.
WORDS = {
    "within": ("W", "#8fd6c1"), "partly within": ("P", "#f4cd80"),
    "outside": ("O", "#eea680"), "undetermined": ("?", "#e2e2e2"),
}  # fmt: skip
_AXES = (("reference", "reference"), ("band", "band"), ("width", "electrodes (mm)"),
         ("gate", "gate"))  # fmt: skip
_ROW, _LEFT, _RIGHT, _LINE = 0.24, 2.2, 0.8, 0.17  # inches


def draw_robustness(grid: xr.Dataset) -> Figure:
    """A row for each primary of a `robustness_grid`, a column for each cell.

    Above, the choices of the cells; at the right the share of cells with the verdict
    of the report.
    """
    rows, columns = grid.sizes["primary"], grid.sizes["cell"]
    top = 0.1 + _LINE * len(_AXES)
    with pieces.journal_style():
        figure = pieces.new_figure(pieces.FULL_WIDTH, top + _ROW * rows + 0.42)
        wide = pieces.FULL_WIDTH - _LEFT - _RIGHT
        axes = pieces.axes_at(figure, _LEFT, top, wide, _ROW * rows)
        _blank(axes, columns, rows)
        for row in range(rows):
            one = grid.isel(primary=row)
            verdict = str(one["verdict"].values)
            for column, word in enumerate(one["word"].values):
                letter, colour = WORDS[str(word)]
                axes.add_patch(Rectangle((column + 0.04, row + 0.06), 0.92, 0.88,
                                         facecolor=colour, lw=0))  # fmt: skip
                axes.text(column + 0.5, row + 0.52, letter, ha="center", va="center",
                          fontsize=6.5)  # fmt: skip
            axes.text(-0.3, row + 0.5, pieces.plain(str(one["label"].values), 46),
                      ha="right", va="center", fontsize=6.5)  # fmt: skip
            letter, _ = WORDS[verdict]
            fragile = not bool(one["holds"]) and verdict != "undetermined"
            axes.text(columns + 0.3, row + 0.5,
                      f"{letter} {float(one['share']):.2f}"
                      + (" fragile" if fragile else ""),
                      ha="left", va="center", fontsize=7,
                      fontweight="bold" if fragile else "normal")  # fmt: skip
        _choices(axes, grid, columns)
        _key(axes, rows)
    return figure


def _blank(axes: Axes, columns: int, rows: int) -> None:
    axes.set(xlim=(0, columns), ylim=(rows, 0), xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_visible(False)


def _choices(axes: Axes, grid: xr.Dataset, columns: int) -> None:
    """What each column is, equal neighbours under one name, above the cells."""
    unit = _LINE / _ROW  # rows that a line of text is high
    shown = {"none": "as recorded", "average": "common average", "study": "study",
             "peak": "about the peak"}  # fmt: skip
    for level, (name, label) in enumerate(_AXES):
        at = -unit * (len(_AXES) - level - 0.45)
        axes.text(-0.3, at, label, ha="right", va="center", fontsize=6.5,
                  color=pieces.QUIET)  # fmt: skip
        values = [shown.get(str(each), f"{each:g}" if name == "width" else str(each))
                  for each in grid[name].values]  # fmt: skip
        # a run ends where this choice or one above it changes
        above = [tuple(str(grid[other].values[k]) for other, _ in _AXES[: level + 1])
                 for k in range(columns)]  # fmt: skip
        first = 0
        for k in range(1, columns + 1):
            if k < columns and above[k] == above[first]:
                continue
            axes.text((first + k) / 2, at, values[first], ha="center", va="center",
                      fontsize=6.5 if level < 2 else 6)  # fmt: skip
            if level < 3:
                axes.plot([first + 0.1, k - 0.1], [at + 0.42 * unit] * 2, lw=0.5,
                          color=pieces.QUIET, clip_on=False)  # fmt: skip
            first = k


def _key(axes: Axes, rows: int) -> None:
    at = 0.0
    for word, (letter, colour) in WORDS.items():
        axes.add_patch(Rectangle((at, rows + 0.35), 0.9, 0.8, facecolor=colour, lw=0,
                                 clip_on=False))  # fmt: skip
        for x, text, side in ((0.45, letter, "center"), (1.15, word, "left")):
            axes.text(at + x, rows + 0.77, text, ha=side, va="center", fontsize=6.5)
        at += 2.2 + 0.42 * len(word)
    axes.text(-0.3, rows + 0.77, "the variability of animals:", ha="right", va="center",
              fontsize=6.5, color=pieces.QUIET)  # fmt: skip


def draw_recovery(tables: Mapping[str, xr.Dataset]) -> Figure:
    """Shares of simulations (rows) that each rival (columns) fits best, by side."""
    with pieces.journal_style():
        count = max(2, len(tables))
        first = next(iter(tables.values()))
        rows, columns = first.sizes["simulated"], first.sizes["fitted"]
        left, gap = 1.25, 0.35
        width = (pieces.FULL_WIDTH - left - gap - 0.1) / count
        height = 0.3 * rows
        figure = pieces.new_figure(pieces.FULL_WIDTH, height + 1.35)
        for k, (side, table) in enumerate(tables.items()):
            axes = pieces.axes_at(figure, left + k * (width + gap), 0.42, width, height)
            shares = np.asarray(table["recovered"].values, dtype=float)
            axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.25, aspect="auto")
            for i in range(rows):
                for j in range(columns):
                    ink = "white" if shares[i, j] > 0.75 else pieces.INK
                    axes.text(j, i, f"{shares[i, j]:.2f}", ha="center", va="center",
                              fontsize=7, color=ink)  # fmt: skip
            names = [str(each).replace("_", " ") for each in table["simulated"].values]
            fitted = [str(each).replace("_", " ") for each in table["fitted"].values]
            axes.set_yticks(range(rows), names if k == 0 else [""] * rows)
            axes.set_xticks(range(columns), fitted, rotation=35, ha="right")
            axes.tick_params(length=0)
            best = str(table.attrs["best"])
            if best in table["fitted"].values:
                at = list(table["fitted"].values).index(best)
                outline = Rectangle((at - 0.5, -0.5), 1, rows, fill=False, lw=1.2,
                                    ec=pieces.INK, clip_on=False)  # fmt: skip
                axes.add_patch(outline)
            said = best.replace("_", " ")
            axes.set_title(f"{NAMES[side]}: {said}", fontsize=7.5, loc="left", pad=7)
            axes.set_xlabel(f"fitted best (outlined: the {NAMES[side]} itself)")
        figure.axes[0].set_ylabel("simulated")
    return figure
