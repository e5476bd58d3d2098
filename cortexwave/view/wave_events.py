"""Events of waves in time, and how fast, which way and how long they are.

Drawing only, of the table `analysis.events.find_waves` found and of courses that
`analysis.measures.measure` found. Each figure says how many it shows, and which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
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
from cortexwave.view.phase_maps import expect
from cortexwave.view.selection import labelled

# Okabe & Ito's colours, one a kind; the lane's name says the same.
KINDS = ("plane", "source", "sink", "rotating", "spiral", "standing", "synchronous")
KIND_COLOURS = dict(zip(KINDS, SERIES, strict=True))
_LANE = 0.26  # inches
_COURSE = 0.55
_LONG = 2.0  # s: longer spans have their axis in s, shorter ones in ms
_MOST_RUGS = 60
_WIDE_RANGE = 20.0  # values that span more are drawn on a logarithmic axis

Which = Literal["waves", "all"]


@dataclass(frozen=True)
class Reference:
    """A published range to draw behind a distribution, in its base unit (mm/s, mm)."""

    low: float
    high: float
    label: str


def event_kinds(events: xr.Dataset) -> list[str]:
    """Kinds that occur, in their fixed order; unknown ones are refused."""
    found = {str(kind) for kind in events["kind"].values}
    unknown = sorted(found - set(KINDS))
    if unknown:
        raise InputError(
            f"events have kind {unknown[0]!r}; kinds are {', '.join(KINDS)}"
        )
    return [kind for kind in KINDS if kind in found]


def chosen_events(
    events: xr.Dataset, *, trial: int | None = None, feature: int | None = None
) -> xr.Dataset:
    """Events of one trial and feature; all of them where these are not given."""
    expect(events, ("start", "end", "kind", "is_wave"), "find_waves")
    for name in ("start", "end"):
        _expect_unit(events, name, "s")
    keep = np.ones(events["kind"].size, dtype=bool)
    for name, wanted in (("trial", trial), ("feature", feature)):
        if wanted is not None and name in events:
            keep &= np.asarray(events[name].values) == wanted
    return events.isel(event=np.flatnonzero(keep))


def _expect_unit(dataset: xr.Dataset, name: str, unit: str) -> None:
    found = dataset[name].attrs.get("units")
    if found != unit:
        raise InputError(f"units of '{name}' are {found!r}, not '{unit}'")


def draw_event_raster(
    events: xr.Dataset,
    *,
    measures: xr.Dataset | None = None,
    courses: Sequence[str] = ("synchrony", "pgd", "speed"),
    trial: int | None = None,
    feature: int | None = None,
    span: tuple[float, float] | None = None,
    width: float = pieces.FULL_WIDTH,
) -> Figure:
    """When events were, a lane for each kind, above the courses of measures.

    Hollow: an event for which no propagation is claimed (`is_wave` false). Beside it,
    where there is room, its z above the surrogates, or p where there is no z. `span`
    (start, end in s) is by default that of the measures, else that of the events.
    """
    chosen = chosen_events(events, trial=trial, feature=feature)
    lines = [] if measures is None else _courses(measures, courses, trial, feature)
    lanes = max(1, len(event_kinds(chosen)))
    tall = _LANE * lanes + 0.06
    left, right, head = 0.95, 0.12, 0.36
    body = width - left - right
    with pieces.journal_style():
        figure = pieces.new_figure(
            width, head + tall + len(lines) * (_COURSE + 0.12) + 0.42
        )
        axes = pieces.axes_at(figure, left, head, body, tall)
        if span is None and lines:
            time = lines[0]["time"].values
            span = float(time[0]), float(time[-1])
        scale = event_lanes(axes, chosen, span=span)
        for k, line in enumerate(lines):
            below = pieces.axes_at(
                figure, left, head + tall + 0.12 + k * (_COURSE + 0.12), body, _COURSE
            )
            course(below, line, scale, axes.get_xlim())
        for above in figure.axes[:-1]:
            above.tick_params(labelbottom=False)
            above.set_xlabel("")
        pieces.write_heading(figure, count_text(chosen))
    return figure


def count_text(events: xr.Dataset) -> str:
    """How many events there are, and how many of them are waves."""
    waves = int(np.asarray(events["is_wave"].values, dtype=bool).sum())
    if not events["kind"].size:
        return "No events"
    return (f"{events['kind'].size} events, {waves} above the surrogates (filled), "
            f"{events['kind'].size - waves} not (hollow)")  # fmt: skip


def event_lanes(
    axes: Axes,
    events: xr.Dataset,
    *,
    span: tuple[float, float] | None = None,
    numbers: Sequence[tuple[int, str]] = (),
) -> float:
    """A lane of bars for each kind on axes; units of its time axis per second.

    `numbers` are (index of an event, text) written above its bar in place of z.
    """
    kinds = event_kinds(events)
    start, end = (np.asarray(events[n].values, dtype=float) for n in ("start", "end"))
    if span is None:
        low, high = (start.min(), end.max()) if start.size else (0.0, 1.0)
        span = (low - 0.02 * (high - low), high + 0.02 * (high - low))
    low, high = map(float, span)
    if not low < high:
        low, high = low - 0.5, low + 0.5
    scale = 1.0 if high - low > _LONG else 1e3
    axes.set_xlim(scale * low, scale * high)
    axes.set_ylim(max(1, len(kinds)) - 0.5, -0.5)
    axes.set_xlabel("time (s)" if scale == 1.0 else "time (ms)", labelpad=2)
    axes.set_yticks(range(len(kinds)), kinds)
    axes.tick_params(left=False)
    axes.spines["left"].set_visible(False)
    if not kinds:
        axes.text(0.5, 0.5, "no events", transform=axes.transAxes, ha="center",
                  va="center", color=pieces.QUIET)  # fmt: skip
        return scale
    is_wave = np.asarray(events["is_wave"].values, dtype=bool)
    names = [str(kind) for kind in events["kind"].values]
    for k, name in enumerate(names):
        colour = KIND_COLOURS[name]
        axes.add_patch(Rectangle(
            (scale * start[k], kinds.index(name) - 0.02), scale * (end[k] - start[k]),
            0.4, fc=colour if is_wave[k] else "none", ec=colour, lw=0.8,
        ))  # fmt: skip
    texts = dict(numbers) or {k: _score_text(events, k) for k in range(len(names))}
    _write_scores(axes, scale, kinds, names, start, texts)
    for k, kind in enumerate(kinds):
        axes.get_yticklabels()[k].set_color(KIND_COLOURS[kind])
    return scale


def _score_text(events: xr.Dataset, k: int) -> str:
    """The z of an event, else its p, else nothing."""
    for name in ("z", "p"):
        if name in events and np.isfinite(events[name].values[k]):
            value = float(events[name].values[k])
            return f"z {value:.1f}" if name == "z" else f"p {value:.2g}"
    return ""


def _write_scores(
    axes: Axes,
    scale: float,
    kinds: list[str],
    names: list[str],
    start: np.ndarray,
    texts: dict[int, str],
) -> None:
    """Texts above the bars, from their starts, where they do not run into another."""
    low, high = axes.get_xlim()
    wide = axes.get_window_extent().width / axes.figure.dpi  # inches
    taken = dict.fromkeys(kinds, -np.inf)
    for k in sorted(texts, key=lambda k: float(start[k])):
        at = scale * float(start[k])
        room = 0.058 * len(texts[k]) / wide * (high - low)
        if not texts[k] or at < taken[names[k]] or at < low or at + room > high:
            continue
        axes.text(at, kinds.index(names[k]) - 0.08, texts[k].replace("-", "−"),
                  fontsize=6, va="bottom")  # fmt: skip
        taken[names[k]] = at + room


def _courses(
    measures: xr.Dataset,
    courses: Sequence[str],
    trial: int | None,
    feature: int | None,
) -> list[xr.DataArray]:
    """The measures over time that are there, of one trial and feature (the first)."""
    expect(measures, ("time",), "measure")
    found = [measures[name] for name in courses if name in measures]
    if not found:
        raise InputError(f"none of the courses {list(courses)} is in the measures; "
                         f"they have {list(measures.data_vars)}")  # fmt: skip
    lines = []
    for line in found:
        for dim, index in (("trial", trial or 0), ("feature", feature or 0)):
            line = line.isel({dim: index}, missing_dims="ignore")
        if line.dims != ("time",):
            raise InputError(f"measure '{line.name}' has dims {line.dims}; a course "
                             "is drawn over 'time'")  # fmt: skip
        if "units" not in line.attrs:
            raise InputError(f"units of '{line.name}' are missing")
        lines.append(line)
    return lines


def course(
    axes: Axes, line: xr.DataArray, scale: float, limits: tuple[float, float]
) -> None:
    """A measure against time; speeds, which have a long tail, end at 99 %."""
    values, units = shown_values(line)
    axes.plot(scale * line["time"].values, values, color=pieces.INK, lw=0.6)
    finite = values[np.isfinite(values)]
    if (
        line.attrs["units"] == "1"
        and finite.size
        and 0 <= finite.min() <= finite.max() <= 1
    ):
        axes.set(ylim=(0, 1.02), yticks=[0, 1])
    elif finite.size:
        high = float(np.quantile(finite, 0.99))
        low = min(0.0, float(np.quantile(finite, 0.01)))
        axes.set_ylim(low, 1.1 * high if high > low else low + 1)
        axes.yaxis.set_major_locator(MaxNLocator(2))
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "not defined at any frame", transform=axes.transAxes,
                  ha="center", va="center", color=pieces.QUIET, fontsize=7)  # fmt: skip
    name = str(line.attrs.get("long_name", line.name))
    axes.set_ylabel(labelled(name, units), rotation=0, ha="right", va="center")
    axes.set(xlim=limits, xlabel="time (s)" if scale == 1.0 else "time (ms)")
    axes.xaxis.labelpad = 2


def shown_values(values: xr.DataArray) -> tuple[np.ndarray, str]:
    """Values and unit as print has them: speeds in m/s."""
    units = str(values.attrs.get("units", ""))
    array = np.asarray(values.values, dtype=float)
    return (1e-3 * array, "m/s") if units == "mm/s" else (array, units)


def _sample(
    table: xr.Dataset, name: str, unit: str, which: Which
) -> tuple[np.ndarray, str]:
    """Finite values of a column or measure, and words on what they are."""
    expect(table, (name,), "find_waves, or measure")
    _expect_unit(table, name, unit)
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
        axes.set_yticks([])
        return
    low, high = float(values.min()), float(values.max())
    count = int(np.clip(2 * np.sqrt(values.size), 8, 40))
    if low > 0 and high > _WIDE_RANGE * low:
        axes.set_xscale("log")
        edges = list(np.geomspace(low, high, count + 1))
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
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
