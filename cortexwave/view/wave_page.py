"""A whole analysis of waves on one page: what was found, and whether to believe it.

Drawing only. The verdict stands first, in the caller's words; what was not measured is
said so in its place.
"""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.colours import number
from cortexwave.view.phase_maps import (
    PHASE,
    expect,
    field_text,
    length_bar,
    mark_centre,
    phase_frames,
    phase_panel,
)
from cortexwave.view.selection import milliseconds, nearest_frames
from cortexwave.view.wave_distributions import (
    Reference,
    draw_direction_distribution,
    draw_speed_distribution,
    draw_wavelength_distribution,
)
from cortexwave.view.wave_events import (
    KIND_COLOURS,
    chosen_events,
    count_text,
    course,
    course_lines,
    event_kinds,
    event_lanes,
)
from cortexwave.view.wave_spectra import (
    draw_event_masses,
    draw_surrogate_test,
    draw_wavenumber_frequency,
)

PAPERS = {"a4": (8.27, 11.69), "letter": (8.5, 11.0)}  # inches
_LEFT, _RIGHT = 0.62, 0.32
_OVER, _UNDER = 0.46, 0.42  # inches above and below axes: letter, title; ticks, label
_LONG = 2.0  # s: times of longer recordings are in s
_MOST_MAPS = 6
_COURSES = ("synchrony", "pgd", "speed")
_NOTE = (
    "Directions: degrees counter-clockwise from +x, y up, where waves travel to. "
    "Filled bars: mass above recordings of the same spectra without lags; hollow: not, "
    "or not tested. PGD, synchrony and speed describe; alone they are no evidence."
)


@dataclasses.dataclass(frozen=True)
class WavePage:
    """What an analysis found; what is None was not measured.

    `attrs`: "title", "provenance" (one line: file, version, band, seed), "verdict" (a
    sentence) and "reasons" (texts, or one).
    """

    field: xr.Dataset | None = None  # of wave_field
    events: xr.Dataset | None = None  # of find_waves
    measures: xr.Dataset | None = None  # of measure
    spectrum: xr.Dataset | None = None  # of radial_power or directional_power
    ridge: xr.Dataset | None = None  # of dispersion
    test: xr.Dataset | None = None  # of net_lags
    reference: Reference | None = None  # published speeds, mm/s
    speeds: tuple[float, ...] = ()  # mm/s, lines of the spectrum
    attrs: Mapping[str, object] = dataclasses.field(default_factory=dict)


def draw_wave_page(
    page: WavePage,
    *,
    trial: int = 0,
    feature: int = 0,
    paper: Literal["a4", "letter"] = "a4",
) -> Figure:
    """Verdict, maps of the strongest events, raster, distributions, spectrum, nulls.

    Events and courses are those of one trial and feature. Maps are of the middles of
    up to six events: waves first, then by z, then by score; in order of time, numbered
    as in the raster. Without events they are of frames evenly chosen.
    """
    if paper not in PAPERS:
        raise InputError(f"paper is {paper!r}, not one of {', '.join(PAPERS)}")
    across, down = PAPERS[paper]
    events = (None if page.events is None else
              chosen_events(page.events, trial=trial, feature=feature))  # fmt: skip
    strongest = [] if events is None else strongest_events(events, _MOST_MAPS)
    body = across - _LEFT - _RIGHT
    with pieces.journal_style():
        figure = pieces.new_figure(across, down)
        top = _head(figure, page.attrs, body)
        top = _maps(figure, top + 0.28, body, page.field, events, strongest,
                    trial, feature)  # fmt: skip
        low = down - 0.38 - _UNDER - 1.4  # where the row of spectra and nulls begins
        middle = low - _OVER - _UNDER - 1.1  # and that of distributions
        _raster(figure, top + 0.3, middle - _OVER - _UNDER, body, page, events,
                strongest, trial, feature)  # fmt: skip
        _distributions(figure, middle, body, page.reference, events)
        _nulls(figure, low, body, page, events)
        figure.text(_LEFT / across, 0.16 / down, textwrap.fill(_NOTE, 185), va="bottom",
                    fontsize=6, color=pieces.QUIET)  # fmt: skip
    return figure


def strongest_events(events: xr.Dataset, most: int) -> list[int]:
    """Indices of the strongest events, in order of time."""

    def column(name: str) -> np.ndarray:
        if name not in events:
            return np.zeros(events["kind"].size)
        return np.nan_to_num(events[name].values.astype(float), nan=-np.inf)

    order = np.lexsort((column("score"), column("z"), column("is_wave")))[::-1]
    start = events["start"].values
    return sorted(order[:most].tolist(), key=lambda k: float(start[k]))


def _head(figure: Figure, attrs: Mapping[str, object], body: float) -> float:
    """Title, provenance and the verdict in a box; where it ends, in inches."""
    across, down = figure.get_size_inches()
    figure.text(_LEFT / across, 1 - 0.3 / down,
                pieces.plain(str(attrs.get("title", "") or "Waves"), 90),
                va="top", fontsize=11, fontweight="bold")  # fmt: skip
    lines = textwrap.wrap(str(attrs.get("provenance", "")), 165)[:2]
    for k, line in enumerate(lines):
        figure.text(_LEFT / across, 1 - (0.53 + 0.12 * k) / down,
                    pieces.plain(line, 165), va="top", fontsize=6.5,
                    color=pieces.QUIET)  # fmt: skip
    top = 0.6 + 0.12 * max(1, len(lines))
    verdict = textwrap.wrap(str(attrs.get("verdict", "") or "no verdict given"), 112)
    reasons = _reasons(attrs.get("reasons", ()))
    tall = 0.15 + 0.17 * len(verdict) + 0.13 * len(reasons)
    figure.add_artist(Rectangle(
        (_LEFT / across, 1 - (top + tall) / down), body / across, tall / down,
        fc="#f3f3f3", ec="none", transform=figure.transFigure,
    ))  # fmt: skip
    at = top + 0.09
    for text, size, step, weight in (
        *((line, 9.0, 0.17, "bold") for line in verdict),
        *((line, 7.0, 0.13, "normal") for line in reasons),
    ):
        figure.text((_LEFT + 0.1) / across, 1 - at / down, pieces.plain(text, 165),
                    va="top", fontsize=size, fontweight=weight)  # fmt: skip
        at += step
    return top + tall


def _reasons(given: object) -> list[str]:
    """Lines of the reasons: a point each, at most eight lines."""
    if isinstance(given, str):
        given = [given] if given else []
    if not isinstance(given, Sequence | np.ndarray):
        raise InputError(f"reasons are {given!r}; give a list of texts")
    lines = [
        line
        for each in given
        for line in textwrap.wrap(f"– {each}", 150, subsequent_indent="   ")
    ]
    return lines if len(lines) <= 8 else [*lines[:7], "– and more"]


def _letter(figure: Figure, letter: str, left: float, top: float, text: str) -> None:
    """The panel's letter, and what it shows."""
    across, down = figure.get_size_inches()
    figure.text(left / across, 1 - top / down, letter, va="bottom", fontsize=9,
                fontweight="bold")  # fmt: skip
    figure.text((left + 0.16) / across, 1 - top / down, pieces.plain(text, 120),
                va="bottom", fontsize=7.5)  # fmt: skip


def _absent(axes: Axes, what: str) -> None:
    """A panel of what was not measured."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linestyle((0, (3, 3)))
        spine.set_color(pieces.QUIET)
    axes.text(0.5, 0.5, f"{what}:\nnot measured", transform=axes.transAxes, ha="center",
              va="center", color=pieces.QUIET, fontsize=7.5)  # fmt: skip


def _maps(
    figure: Figure,
    top: float,
    body: float,
    field: xr.Dataset | None,
    events: xr.Dataset | None,
    strongest: list[int],
    trial: int,
    feature: int,
) -> float:
    """Phase at the strongest events; where the row ends, in inches."""
    if field is None:
        _letter(figure, "a", 0.3, top, "Phase")
        _absent(pieces.axes_at(figure, _LEFT, top + 0.08, body, 1.2), "phase")
        return top + 1.3
    expect(field, ("phase", "time"), "wave_field")
    time = np.asarray(field["time"].values, dtype=float)
    if strongest and events is not None:
        middle = (events["start"].values + events["end"].values)[strongest] / 2
        index = nearest_frames(time, middle.tolist())
        what = f"Phase in the middle of the {len(strongest)} strongest events"
    else:
        known = np.flatnonzero(np.asarray(field["valid"].values, dtype=bool))
        among = known if known.size else np.arange(time.size)
        index = among[np.linspace(0, among.size - 1, _MOST_MAPS).round().astype(int)]
        index = np.unique(index).tolist()
        what = "Phase; no events, so frames evenly chosen"
    about = field_text(field)
    _letter(figure, "a", 0.3, top, f"{what} ({about})" if about else what)
    frames = phase_frames(field, index, trial=trial, feature=feature)
    gap, key, titles = 0.1, 0.62, 0.36 if strongest else 0.16
    wide = (body - key - (_MOST_MAPS - 1) * gap) / _MOST_MAPS
    tall = wide / frames.ratio
    if tall > 1.25:
        wide, tall = wide * 1.25 / tall, 1.25
    texts = milliseconds(frames.time)
    if time[-1] - time[0] > _LONG:
        texts = [f"{at:.2f} s" for at in frames.time]
    for k in range(len(index)):
        axes = pieces.axes_at(
            figure, _LEFT + k * (wide + gap), top + 0.06 + titles, wide, tall
        )
        phase_panel(axes, frames, k, arrows=8)
        if strongest and events is not None:
            _name_map(axes, events, strongest[k], k + 1, texts[k])
        if k == 0:
            length_bar(axes, frames)
    bar = pieces.axes_at(
        figure, _LEFT + body - key + 0.1, top + 0.06 + titles, 0.09, max(tall, 0.8)
    )
    pieces.draw_key(bar, PHASE)
    return top + 0.06 + titles + max(tall, 0.8) + 0.22


def _name_map(axes: Axes, events: xr.Dataset, k: int, count: int, time: str) -> None:
    """Number, kind, speed, direction and z of an event above its map."""
    row = {str(name): events[name].values[k] for name in events.data_vars
           if events[name].dims == ("event",)}  # fmt: skip
    kind = str(row["kind"])
    known = {name for name in ("speed", "direction", "z", "x", "y")
             if name in row and np.isfinite(row[name])}  # fmt: skip
    first, second = [], [time]
    if "speed" in known:
        first.append(f"{number(1e-3 * row['speed'], 2)} m/s")
    if "direction" in known:
        first.append(f"{row['direction']:.0f}°".replace("-", "−"))
    if "z" in known:
        second.append(f"z {row['z']:.1f}".replace("-", "−"))
    if row.get("handedness", 0) and kind in ("rotating", "spiral"):
        first.append("clockwise" if row["handedness"] < 0 else "counter-clockwise")
    if kind in ("standing", "synchronous"):
        first = ["does not travel"]
    lines = [", ".join(first), ", ".join(second)]
    axes.set_title("\n".join(lines), fontsize=6, pad=2)
    axes.annotate(f"{count} {kind}", (0.5, 1), (0, 16), xycoords="axes fraction",
                  textcoords="offset points", ha="center", va="bottom", fontsize=7,
                  fontweight="bold", color=KIND_COLOURS[kind])  # fmt: skip
    if {"x", "y"} <= known:
        limits = axes.get_xlim(), axes.get_ylim()
        mark_centre(axes, float(row["x"]), float(row["y"]))
        axes.set(xlim=limits[0], ylim=limits[1])  # a centre may lie off the array


def _raster(
    figure: Figure,
    top: float,
    bottom: float,
    body: float,
    page: WavePage,
    events: xr.Dataset | None,
    strongest: list[int],
    trial: int,
    feature: int,
) -> None:
    """Lanes of events above the courses of measures, all on one axis of time."""
    left, wide = _LEFT + 0.42, body - 0.42
    lines = [] if page.measures is None else course_lines(
        page.measures, _COURSES, trial, feature)  # fmt: skip
    rows = max(1, len(event_kinds(events))) if events is not None else 3
    lanes = min(0.22 * rows + 0.05, 0.6 * (bottom - top) if lines else 9.9)
    each = (bottom - top - lanes) / max(1, len(lines)) - 0.1
    axes = pieces.axes_at(figure, left, top + 0.05, wide, lanes)
    _letter(figure, "b", 0.3, top, "Events" if events is None else count_text(events))
    span = None
    for source in (lines[0] if lines else None, page.field):
        if source is not None and span is None:
            time = source["time"].values
            span = float(time[0]), float(time[-1])
    if events is None:
        _absent(axes, "events")
        scale, limits = 1.0, span or (0.0, 1.0)
    else:
        numbers = [(k, str(n)) for n, k in enumerate(strongest, 1)]
        scale = event_lanes(axes, events, span=span, numbers=numbers)
        limits = axes.get_xlim()
    for k, line in enumerate(lines):
        at = top + 0.05 + lanes + 0.1 + k * (each + 0.1)
        below = pieces.axes_at(figure, left, at, wide, min(each, 0.5))
        course(below, line, scale, limits)
        if k < len(lines) - 1:
            below.tick_params(labelbottom=False)
            below.set_xlabel("")
    if lines and events is not None:
        axes.tick_params(labelbottom=False)
        axes.set_xlabel("")
    if page.measures is None:
        at = top + 0.05 + lanes + 0.45
        if bottom - at > 0.2:
            _absent(pieces.axes_at(figure, left, at, wide, bottom - at),
                    "synchrony, PGD, speed over time")  # fmt: skip


def _distributions(
    figure: Figure,
    top: float,
    body: float,
    reference: Reference | None,
    events: xr.Dataset | None,
) -> None:
    """Speeds, wavelengths and directions of the waves among the events."""
    tall, gap, rose = 1.1, 0.55, 1.5
    wide = (body - rose - 2 * gap) / 2
    for k, (letter, text) in enumerate((("c", "Speed"), ("d", "Wavelength"))):
        left = _LEFT + k * (wide + gap)
        _letter(figure, letter, left - 0.32, top - 0.3, text)
        axes = pieces.axes_at(figure, left, top, wide, tall)
        if events is None:
            _absent(axes, text.lower())
        elif k == 0:
            draw_speed_distribution(events, axes, reference=reference)
        else:
            draw_wavelength_distribution(events, axes)
    left = _LEFT + 2 * (wide + gap)
    _letter(figure, "e", left - 0.1, top - 0.3, "Direction of plane waves")
    if events is None:
        _absent(pieces.axes_at(figure, left, top, rose, tall), "direction")
        return
    across, down = figure.get_size_inches()
    place = (left / across, 1 - (top + tall + 0.2) / down, rose / across, 1.05 / down)
    axes = figure.add_axes(place, projection="polar")
    draw_direction_distribution(events, axes)
    said = axes.get_title()
    axes.set_title("")
    figure.text(left / across, 1 - (top - 0.26) / down, said, va="top", fontsize=7)


def _nulls(
    figure: Figure,
    top: float,
    body: float,
    page: WavePage,
    events: xr.Dataset | None,
) -> None:
    """Spectrum, and the two tests: single events, and lags of the whole recording."""
    tall, gap = 1.4, 0.62
    wide = (body - 2 * gap - 0.5) / 3
    lefts = [_LEFT, _LEFT + wide + 0.5 + gap, _LEFT + 2 * (wide + gap) + 0.5 + 0.1]
    texts = ("Power over wavenumber and frequency", "Events against surrogates",
             "Lags of the whole recording")  # fmt: skip
    for letter, left, text in zip("fgh", lefts, texts, strict=True):
        _letter(figure, letter, left - 0.32, top - 0.3, text)
    first = pieces.axes_at(figure, lefts[0], top, wide, tall)
    if page.spectrum is None:
        _absent(first, "power")
    else:
        draw_wavenumber_frequency(page.spectrum, first, speeds=page.speeds,
                                  ridge=page.ridge, level="each frequency")  # fmt: skip
        first.child_axes[0].yaxis.label.set_fontsize(7)
    second = pieces.axes_at(figure, lefts[1], top, wide, tall)
    if events is None or "null_mass" not in events:
        _absent(second, "events against surrogates")
    else:
        draw_event_masses(events, second)
    third = pieces.axes_at(figure, lefts[2], top, wide - 0.1, tall)
    if page.test is None:
        _absent(third, "lags")
    else:
        draw_surrogate_test(page.test, third)
