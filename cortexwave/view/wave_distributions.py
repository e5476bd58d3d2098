"""How fast, which way, how long and how often waves are: distributions of events.

Drawing only, of the table `analysis.events.find_waves` found, or of the frames that
`analysis.measures.measure` measured. Each says how many it counts, and which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.projections.polar import PolarAxes
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.colours import SERIES, number
from cortexwave.view.phase_frames import expect
from cortexwave.view.wave_events import expect_unit

_MOST_RUGS = 60
_WIDE_RANGE = 20.0  # values that span more are drawn on a logarithmic axis
_MANY_DECADES = 300.0  # only powers of ten are named of an axis that spans more

Which = Literal["waves", "all"]


@dataclass(frozen=True)
class Reference:
    """A published range to draw behind a distribution, in its base unit (mm/s, mm)."""

    low: float
    high: float
    label: str


def _sample(
    table: xr.Dataset, name: str, unit: str, which: Which
) -> tuple[np.ndarray, str]:
    """Finite values of a column or measure, and words on what they are."""
    expect(table, (name,), "find_waves, or measure")
    expect_unit(table, name, unit)
    if which not in ("waves", "all"):
        raise InputError(f"which is {which!r}, not 'waves' or 'all'")
    values = np.asarray(table[name].values, dtype=float)
    if "is_wave" in table:
        said = "events above the surrogates" if which == "waves" else "all events"
        if which == "waves":
            values = values[np.asarray(table["is_wave"].values, dtype=bool)]
    else:
        said = "all frames" if "time" in table[name].dims else "all"
        if which == "waves" and "event" in table[name].dims:
            raise InputError("the table has no 'is_wave', which says the waves among "
                             "its events; ask for which='all'")  # fmt: skip
    values = values[np.isfinite(values)]
    return values, f"n = {values.size}, {said}"


def draw_speed_distribution(
    table: xr.Dataset,
    axes: Axes | None = None,
    *,
    which: Which = "waves",
    reference: Reference | None = None,
) -> Axes:
    """Speeds (m/s) of events, or of frames of a table of measures.

    Of events only those above the surrogates are counted, unless `which` is "all".
    `reference` (mm/s) is drawn as a grey band behind them. Speeds that span more than
    a factor of 20 stand on a logarithmic axis.
    """
    return _distribution(table, axes, "speed", "mm/s", "speed (m/s)", 1e-3, which,
                         reference)  # fmt: skip


def draw_wavelength_distribution(
    table: xr.Dataset,
    axes: Axes | None = None,
    *,
    which: Which = "waves",
    reference: Reference | None = None,
) -> Axes:
    """Wavelengths (mm), counted as speeds are."""
    return _distribution(table, axes, "wavelength", "mm", "wavelength (mm)", 1.0,
                         which, reference)  # fmt: skip


def draw_frequency_distribution(
    table: xr.Dataset,
    axes: Axes | None = None,
    *,
    which: Which = "waves",
    reference: Reference | None = None,
) -> Axes:
    """Frequencies (Hz), counted as speeds are."""
    return _distribution(table, axes, "frequency", "Hz", "frequency (Hz)", 1.0, which,
                         reference)  # fmt: skip


def _distribution(
    table: xr.Dataset,
    axes: Axes | None,
    name: str,
    unit: str,
    label: str,
    factor: float,
    which: Which,
    reference: Reference | None,
) -> Axes:
    values, said = _sample(table, name, unit, which)
    values = factor * values
    if reference is not None and not 0 <= reference.low < reference.high:
        raise InputError(f"reference {reference.low} to {reference.high} {unit} is not "
                         "a low and a higher number")  # fmt: skip
    with pieces.journal_style():
        if axes is None:
            figure = pieces.new_figure(3.4, 2.3)
            axes = pieces.axes_at(figure, 0.5, 0.35, 2.75, 1.5)
        _histogram(axes, values)
        if reference is not None:
            low, high = factor * reference.low, factor * reference.high
            axes.axvspan(low, high, color=pieces.QUIET, alpha=0.22, lw=0, zorder=0,
                         label=pieces.plain(reference.label, 44))  # fmt: skip
        counted = "frames" if "time" in table[name].dims else "events"
        axes.set(xlabel=label, ylabel=counted)
        axes.set_title(said, fontsize=7, loc="left", pad=3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=6.5, loc="upper right",
                        handlelength=1.2, borderaxespad=0.1)  # fmt: skip
    return axes


def _histogram(axes: Axes, values: np.ndarray) -> None:
    """Counts in bins of like width on the axis, their median, and the single values."""
    if not values.size:
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center",
                  va="center", color=pieces.QUIET)  # fmt: skip
        axes.set(xticks=[], yticks=[])
        return
    low, high = float(values.min()), float(values.max())
    count = int(np.clip(2 * np.sqrt(values.size), 8, 40))
    if low > 0 and high > _WIDE_RANGE * low:
        axes.set_xscale("log")
        edges = list(np.geomspace(low, high, count + 1))
        between = (1, 2, 5) if high < _MANY_DECADES * low else (1,)
        axes.xaxis.set_major_locator(LogLocator(subs=between, numticks=12))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: number(v, 2)))
        edges[0], edges[-1] = low, high  # rounding would leave the ends out
    elif high - low > 1e-9 * abs(high):
        steps = [1, 2, 2.5, 5, 10]
        edges = list(MaxNLocator(count, steps=steps).tick_values(low, high))
    else:
        half = 0.1 * abs(low) or 0.5
        edges = list(np.linspace(low - half, low + half, 10))
    if axes.get_xscale() == "linear":  # few enough for long numbers
        axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.hist(values, edges, color=SERIES[0], alpha=0.75, lw=0)
    median = float(np.median(values))
    axes.axvline(median, color=SERIES[1], lw=1.0,
                 label=f"median {number(median, 3)}")  # fmt: skip
    if values.size <= _MOST_RUGS:
        axes.plot(values, np.full(values.size, 0.025), "|", color=pieces.INK, ms=4,
                  mew=0.6, transform=axes.get_xaxis_transform(),
                  zorder=3)  # fmt: skip
    axes.set_ylim(0, 1.35 * axes.dataLim.ymax)  # room for the key
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def draw_direction_distribution(
    table: xr.Dataset,
    axes: Axes | None = None,
    *,
    name: str = "direction",
    which: Which = "waves",
    kind: Literal["directed", "axial"] = "directed",
    bins: int = 24,
) -> Axes:
    """Directions of travel as a rose: 0° is +x, counter-clockwise, y up.

    The AREA of a wedge is its count (its length is the square root, as on its rings),
    so that a full sector does not look fuller than it is. "axial" is for directions
    known up to a half turn: each is counted at both ends, and n is not doubled.
    `axes` must be polar.
    """
    values, said = _sample(table, name, "deg", which)
    if kind not in ("directed", "axial"):
        raise InputError(f"kind is {kind!r}, not 'directed' or 'axial'")
    if not isinstance(bins, int) or not 4 <= bins <= 72 or bins % 2:
        raise InputError(f"bins is {bins!r}; 4 to 72 are drawn, and an even number")
    angle = np.deg2rad(values)
    if kind == "axial":
        angle = np.concatenate([angle, angle + np.pi])
        said += ", axial: at both ends"
    with pieces.journal_style():
        if axes is None:
            figure = pieces.new_figure(2.7, 2.75)
            axes = figure.add_axes((0.14, 0.08, 0.72, 0.72), projection="polar")
        if not isinstance(axes, PolarAxes):
            raise InputError("a rose of directions needs polar axes: "
                             "figure.add_axes(..., projection='polar')")  # fmt: skip
        wide = 2 * np.pi / bins
        # bins are centred on the directions they are named by: 0°, 15°, ...
        counts = np.bincount(np.rint(angle / wide).astype(int) % bins, minlength=bins)
        axes.bar(np.arange(bins) * wide, np.sqrt(counts), wide, color=SERIES[0],
                 alpha=0.75, ec="white", lw=0.4)  # fmt: skip
        _rose_rings(axes, int(counts.max()))
        if angle.size and kind == "directed":
            mean = np.exp(1j * angle).mean()
            reach = np.sqrt(counts.max()) * abs(mean)
            drawn = {"arrowstyle": "-|>", "color": SERIES[1], "lw": 1.4,
                     "shrinkA": 0, "shrinkB": 0}  # fmt: skip
            axes.annotate("", (float(np.angle(mean)), float(reach)), (0, 0),
                          arrowprops=drawn)  # fmt: skip
            said += (f"\nmean {np.rad2deg(np.angle(mean)):.0f}°, resultant "
                     f"{abs(mean):.2f}").replace("-", "−")  # fmt: skip
        axes.set_title(said, fontsize=7, pad=10)
    return axes


def _rose_rings(axes: PolarAxes, most: int) -> None:
    """Rings at counts, which lie at their square roots; degrees around."""
    ticks = [int(v) for v in MaxNLocator(2, integer=True, steps=[1, 2, 5, 10])
             .tick_values(0, max(1, most)) if 0 < v <= max(1, most)]  # fmt: skip
    axes.set_ylim(0, 1.06 * np.sqrt(max(1, most)))
    axes.set_yticks(np.sqrt(ticks), [str(v) for v in ticks])
    axes.set_rlabel_position(67.5)
    axes.set_xticks(np.deg2rad(np.arange(0, 360, 45)),
                    [f"{d}°" if d < 180 else "±180°" if d == 180 else f"−{360 - d}°"
                     for d in range(0, 360, 45)])  # fmt: skip
    axes.tick_params(labelsize=6.5, pad=0)
    axes.grid(lw=0.4, color="#cccccc")
    axes.spines["polar"].set_linewidth(0.4)
    axes.set_axisbelow(True)
