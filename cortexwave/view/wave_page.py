"""A whole analysis of waves on one page: what was found, and whether to believe it.

Drawing only. The verdict stands first, in the caller's words; what was not measured is
said so in its place.
"""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping
from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.event_maps import (
    MOST_MAPS,
    draw_row,
    frames_of_events,
    row_text,
)
from cortexwave.view.wave_distributions import (
    Reference,
    draw_direction_distribution,
    draw_speed_distribution,
    draw_wavelength_distribution,
)
from cortexwave.view.wave_events import (
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
from cortexwave.view.wave_verdict import draw_verdict

PAPERS = {"a4": (8.27, 11.69), "letter": (8.5, 11.0)}  # inches
_LEFT, _RIGHT = 0.62, 0.32
_OVER, _UNDER = 0.46, 0.42  # inches above and below axes: letter, title; ticks, label
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
    sentence), "reasons" (texts, or one), "word" (of the verdict: that nothing is
    claimed is said beside the events, too), "missing" (why, by the name of what is
    None: "spectrum", "lags").
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
    as in the raster. Where the field has `event` over time, frames of chosen events
    only, its frames are the maps. Without events they are of frames evenly chosen.
    """
    if paper not in PAPERS:
        raise InputError(f"paper is {paper!r}, not one of {', '.join(PAPERS)}")
    across, down = PAPERS[paper]
    events = None
    if page.events is not None:
        rows = np.arange(page.events.sizes.get("event", 0))
        events = chosen_events(page.events.assign_coords(row=("event", rows)),
                               trial=trial, feature=feature)  # fmt: skip
    mapped = frames_of_events(page.field, events, most=MOST_MAPS)
    strongest = [k for _, k in mapped]
    body = across - _LEFT - _RIGHT
    with pieces.journal_style():
        figure = pieces.new_figure(across, down)
        top = draw_verdict(figure, page.attrs, left=_LEFT, width=body)
        top = _maps(figure, top + 0.28, body, page.field, events, mapped, trial,
                    feature)  # fmt: skip
        low = down - 0.38 - _UNDER - 1.4  # where the row of spectra and nulls begins
        middle = low - _OVER - _UNDER - 1.1  # and that of distributions
        _raster(figure, top + 0.3, middle - _OVER - _UNDER, body, page, events,
                strongest, trial, feature)  # fmt: skip
        _distributions(figure, middle, body, page.reference, events)
        _nulls(figure, low, body, page, events, feature)
        figure.text(_LEFT / across, 0.16 / down, textwrap.fill(_NOTE, 185), va="bottom",
                    fontsize=6, color=pieces.QUIET)  # fmt: skip
    return figure


def _letter(figure: Figure, letter: str, left: float, top: float, text: str) -> None:
    """The panel's letter, and what it shows."""
    across, down = figure.get_size_inches()
    figure.text(left / across, 1 - top / down, letter, va="bottom", fontsize=9,
                fontweight="bold")  # fmt: skip
    figure.text((left + 0.16) / across, 1 - top / down, pieces.plain(text, 120),
                va="bottom", fontsize=7.5)  # fmt: skip


def _absent(axes: Axes, what: str, why: str = "") -> None:
    """A panel of what was not measured, and why."""
    said = "\n".join([f"{what}:", "not measured", *textwrap.wrap(why, 34)[:5]])
    pieces.draw_absent(axes, said, size=6.5 if why else 7.5)


def _maps(
    figure: Figure,
    top: float,
    body: float,
    field: xr.Dataset | None,
    events: xr.Dataset | None,
    mapped: list[tuple[int, int]],
    trial: int,
    feature: int,
) -> float:
    """Phase at the strongest events; where the row ends, in inches."""
    if field is None:
        _letter(figure, "a", 0.3, top, "Phase")
        _absent(pieces.axes_at(figure, _LEFT, top + 0.08, body, 1.2), "phase")
        return top + 1.3
    _letter(figure, "a", 0.3, top, row_text(field, events, mapped))
    place = _LEFT, top + 0.06, body
    return draw_row(figure, place, field, events, mapped, trial=trial, feature=feature)


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
    courses = _courses(page.measures)
    lines = []
    if page.measures is not None and courses:
        lines = course_lines(page.measures, courses, trial, feature)
    rows = max(1, len(event_kinds(events))) if events is not None else 3
    lanes = min(0.22 * rows + 0.05, 0.6 * (bottom - top) if lines else 9.9)
    # under a long verdict fewer courses have room
    lines = lines[: int((bottom - top - lanes) / 0.25)]
    each = (bottom - top - lanes) / max(1, len(lines)) - 0.1
    axes = pieces.axes_at(figure, left, top + 0.05, wide, lanes)
    said = "Events" if events is None else count_text(events)
    if events is not None and page.attrs.get("word") == "undetermined":
        said += "; undetermined: none is claimed"
    _letter(figure, "b", 0.3, top, said)
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
    if not courses:
        at = top + 0.05 + lanes + 0.45
        if bottom - at > 0.2:
            _absent(pieces.axes_at(figure, left, at, wide, bottom - at),
                    "synchrony, PGD, speed over time")  # fmt: skip


def _courses(measures: xr.Dataset | None) -> list[str]:
    """Measures to draw over time: the usual ones, else the first three there are."""
    if measures is None:
        return []
    there = [str(name) for name in measures.data_vars
             if "time" in measures[name].dims and name != "valid"]  # fmt: skip
    usual = [name for name in _COURSES if name in there]
    return usual or there[:3]


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
    feature: int,
) -> None:
    """Spectrum, and the two tests: single events, and lags of the whole recording."""
    spectrum, ridge, test = (
        None if each is None else each.isel(feature=feature, missing_dims="ignore")
        for each in (page.spectrum, page.ridge, page.test)
    )
    given = page.attrs.get("missing", {})
    why = given if isinstance(given, Mapping) else {}
    tall, gap = 1.4, 0.62
    wide = (body - 2 * gap - 0.5) / 3
    lefts = [_LEFT, _LEFT + wide + 0.5 + gap, _LEFT + 2 * (wide + gap) + 0.5 + 0.1]
    texts = ("Power over wavenumber and frequency", "Events against surrogates",
             "Lags of the whole recording")  # fmt: skip
    for letter, left, text in zip("fgh", lefts, texts, strict=True):
        _letter(figure, letter, left - 0.32, top - 0.3, text)
    first = pieces.axes_at(figure, lefts[0], top, wide, tall)
    if spectrum is None:
        _absent(first, "power", why.get("spectrum", ""))
    else:
        draw_wavenumber_frequency(spectrum, first, speeds=page.speeds,
                                  ridge=ridge, level="each frequency")  # fmt: skip
        first.child_axes[0].yaxis.label.set_fontsize(7)
    second = pieces.axes_at(figure, lefts[1], top, wide, tall)
    if events is None or "null_mass" not in events:
        _absent(second, "events against surrogates")
    else:
        draw_event_masses(events, second)
    third = pieces.axes_at(figure, lefts[2], top, wide - 0.1, tall)
    if test is None:
        _absent(third, "lags", why.get("lags", ""))
    else:
        draw_surrogate_test(test, third)
