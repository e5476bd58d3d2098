"""What was compared: the contacts with their dead sites, and a sheet as they see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from cortexwave.view import pieces
from cortexwave.view.colours import SERIES
from cortexwave.view.comparison_waves import row_of_axes

_MOST_ARRAYS = 4


@dataclass(frozen=True)
class Montage:
    """Contacts of a recording: places (site, 2) in mm and which of them are used."""

    name: str
    places: np.ndarray
    used: np.ndarray


@dataclass(frozen=True)
class SeenSheet:
    """A sheet (y, x) at one moment, and what the contacts (site,) recorded of it.

    `y`, `x` of the sheet and `places` (site, 2) of the contacts in mm.
    """

    name: str
    sheet: np.ndarray
    y: np.ndarray
    x: np.ndarray
    places: np.ndarray
    seen: np.ndarray


def draw_montages(montages: Sequence[Montage]) -> Figure:
    """Contacts in their places, those that are not used crossed out."""
    shown = list(montages)[:_MOST_ARRAYS]
    with pieces.journal_style():
        figure, axes = row_of_axes(max(2, len(shown)), height=1.6, left=0.45)
        for each, montage in zip(axes, shown, strict=False):
            x, y = montage.places[montage.used].T
            each.scatter(x, y, s=9, color=SERIES[0], lw=0)
            x, y = montage.places[~montage.used].T
            each.scatter(x, y, s=14, color=pieces.QUIET, marker="x", lw=0.8)
            each.set_aspect("equal", adjustable="datalim")
            each.set(xlabel="x (mm)", ylabel="y (mm)")
            each.set_title(
                f"{pieces.plain(montage.name, 24)}: {int(montage.used.sum())} of "
                f"{montage.used.size}", fontsize=7, loc="left",
            )  # fmt: skip
        for each in axes[len(shown) :]:
            each.set_visible(False)
    return figure


def draw_seen_sheet(seen: SeenSheet) -> Figure:
    """The sheet with the contacts on it, and their values of the same moment."""
    with pieces.journal_style():
        figure, (left, right) = row_of_axes(2, height=2.0, width=5.4)
        most = float(np.nanmax(np.abs(seen.sheet - np.nanmedian(seen.sheet)))) or 1.0
        middle = float(np.nanmedian(seen.sheet))
        left.pcolormesh(
            seen.x, seen.y, seen.sheet, cmap="RdBu_r", shading="nearest",
            vmin=middle - most, vmax=middle + most, rasterized=True,
        )  # fmt: skip
        x, y = seen.places.T
        left.scatter(x, y, s=3, color="black", lw=0)
        left.set(xlabel="x (mm)", ylabel="y (mm)")
        left.set_title("the sheet, scaled, and the contacts", fontsize=7.5, loc="left")
        known = np.isfinite(seen.seen)
        reach = float(np.max(np.abs(seen.seen[known] - np.median(seen.seen[known]))))
        centre = float(np.median(seen.seen[known]))
        right.scatter(
            x[known], y[known], c=seen.seen[known], s=26, cmap="RdBu_r",
            vmin=centre - (reach or 1), vmax=centre + (reach or 1), lw=0,
        )  # fmt: skip
        right.scatter(
            x[~known], y[~known], s=14, color=pieces.QUIET, marker="x", lw=0.8
        )
        right.set(xlabel="x (mm)", ylabel="y (mm)")
        right.set_title("what the contacts recorded", fontsize=7.5, loc="left")
        for each in (left, right):
            each.set_aspect("equal", adjustable="box")
    return figure
