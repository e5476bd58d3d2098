"""Events of waves in time, a lane for each kind, above the courses of measures.

Drawing only, of the table `analysis.events.find_waves` found and of courses that
`analysis.measures.measure` found. Each figure says how many it shows, and which.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.colours import SERIES
from cortexwave.view.phase_frames import expect
from cortexwave.view.selection import labelled

# Okabe & Ito's colours, one a kind; the lane's name says the same.
KINDS = ("plane", "source", "sink", "rotating", "spiral", "standing", "synchronous")
KIND_COLOURS = dict(zip(KINDS, SERIES, strict=True))
_SHORT = {"pgd": "PGD"}  # the name everyone knows it by; its own is too long
_LANE = 0.26  # inches
_COURSE = 0.55
_LONG = 2.0  # s: longer spans have their axis in s, shorter ones in ms


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
        expect_unit(events, name, "s")
    keep = np.ones(events["kind"].size, dtype=bool)
    for name, wanted in (("trial", trial), ("feature", feature)):
        if wanted is not None and name in events:
            keep &= np.asarray(events[name].values) == wanted
    return events.isel(event=np.flatnonzero(keep))


def expect_unit(dataset: xr.Dataset, name: str, unit: str) -> None:
    """Refuse a column in another unit than is drawn."""
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
    lines = [] if measures is None else course_lines(measures, courses, trial, feature)
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
    count = events["kind"].size
    if not count:
        return "No events"
    waves = int(np.asarray(events["is_wave"].values, dtype=bool).sum())
    return (f"{count} event{'s' if count > 1 else ''}, {waves} above the surrogates "
            f"(filled), {count - waves} not (hollow)")  # fmt: skip


def event_lanes(
    axes: Axes,
    events: xr.Dataset,
    *,
    span: tuple[float, float] | None = None,
    numbers: Sequence[tuple[int, str]] = (),
) -> float:
    """A lane of bars for each kind on axes; units of its time axis per second.

    `numbers` are (index of an event, text) written above these bars in place of z.
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
    for k, text in numbers:
        axes.text(scale * start[k], kinds.index(names[k]) - 0.08, text, fontsize=6.5,
                  va="bottom", fontweight="bold")  # fmt: skip
    if not numbers:
        texts = {k: _score_text(events, k) for k in range(len(names))}
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


def course_lines(
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
        axes.yaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "not defined at any frame", transform=axes.transAxes,
                  ha="center", va="center", color=pieces.QUIET, fontsize=7)  # fmt: skip
    name = _SHORT.get(str(line.name), str(line.attrs.get("long_name", line.name)))
    axes.set_ylabel(textwrap.fill(labelled(name, units), 16), rotation=0, ha="right",
                    va="center", fontsize=7)  # fmt: skip
    axes.set(xlim=limits, xlabel="time (s)" if scale == 1.0 else "time (ms)")
    axes.xaxis.labelpad = 2


def shown_values(values: xr.DataArray) -> tuple[np.ndarray, str]:
    """Values and unit as print has them: speeds in m/s."""
    units = str(values.attrs.get("units", ""))
    array = np.asarray(values.values, dtype=float)
    return (1e-3 * array, "m/s") if units == "mm/s" else (array, units)
