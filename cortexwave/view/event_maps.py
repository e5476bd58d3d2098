"""Phase in the middle of the strongest events: a row of maps, each with its event.

Drawing only; which frame shows which event is chosen here, as the row depends on it.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cortexwave.view import pieces
from cortexwave.view.colours import number
from cortexwave.view.phase_frames import expect, phase_frames
from cortexwave.view.phase_maps import (
    PHASE,
    field_text,
    length_bar,
    mark_centre,
    phase_panel,
)
from cortexwave.view.selection import milliseconds
from cortexwave.view.wave_events import KIND_COLOURS

MOST_MAPS = 6  # in a row of the width of a page
_GAP, _KEY = 0.1, 0.62  # inches between maps, and for the key of colours
_TALLEST = 1.25
_LONG = 2.0  # s: times of longer recordings are in s


def strongest_events(events: xr.Dataset) -> list[int]:
    """Indices of events: waves first, then by z, then by score."""

    def column(name: str) -> np.ndarray:
        if name not in events:
            return np.zeros(events["kind"].size)
        return np.nan_to_num(events[name].values.astype(float), nan=-np.inf)

    order = np.lexsort((column("score"), column("z"), column("is_wave")))[::-1]
    return [int(k) for k in order]


def frames_of_events(
    field: xr.Dataset | None, events: xr.Dataset | None, *, most: int
) -> list[tuple[int, int]]:
    """Which frame shows which event, in order of time: (frame, index of the event).

    Of a field with `event` over time its frames, whose events it names by `row` of the
    events; else the frames nearest to the middles of the strongest events, as far as
    these lie in the field.
    """
    if field is None or events is None or not events["kind"].size:
        return []
    expect(field, ("phase", "time"), "wave_field")
    if "event" in field:
        places = {int(row): k for k, row in enumerate(events["row"].values)}
        rows = [int(row) for row in field["event"].values]
        return [(frame, places[row]) for frame, row in enumerate(rows)
                if row in places][:most]  # fmt: skip
    time = np.asarray(field["time"].values, dtype=float)
    found = []
    for k in strongest_events(events):
        start, end = float(events["start"].values[k]), float(events["end"].values[k])
        frame = int(np.argmin(np.abs(time - (start + end) / 2)))
        if start <= time[frame] <= end:  # the field may hold a part of the time only
            found.append((frame, k))
        if len(found) == most:
            break
    return sorted(found)


def row_text(
    field: xr.Dataset, events: xr.Dataset | None, mapped: list[tuple[int, int]]
) -> str:
    """What the row shows, in words."""
    if mapped:
        several = f"{len(mapped)} strongest events" if len(mapped) > 1 else "event"
        what = f"Phase in the middle of the {several}"
    else:
        none = "no events" if events is not None else "events not looked for"
        what = f"Phase at frames evenly chosen, {none}"
    about = field_text(field)
    return f"{what} ({about})" if about else what


def _evenly(field: xr.Dataset) -> list[int]:
    """Frames from first to last, of those that no filter spoilt if they suffice."""
    known = np.flatnonzero(np.asarray(field["valid"].values, dtype=bool))
    among = known if known.size >= MOST_MAPS else np.arange(field.sizes["time"])
    index = among[np.linspace(0, among.size - 1, MOST_MAPS).round().astype(int)]
    return [int(k) for k in np.unique(index)]


def draw_row(
    figure: Figure,
    place: tuple[float, float, float],
    field: xr.Dataset,
    events: xr.Dataset | None,
    mapped: list[tuple[int, int]],
    *,
    trial: int,
    feature: int,
) -> float:
    """Maps from `place` (left, top, width in inches) on; where they end, in inches."""
    left, top, width = place
    expect(field, ("phase", "time", "valid"), "wave_field")
    time = np.asarray(field["time"].values, dtype=float)
    index = [frame for frame, _ in mapped] or _evenly(field)
    if "event" in field:
        trial = feature = 0  # each of its frames is of its event's own
    # one by one: frames chosen from several trials need not follow each other in time
    frames = [phase_frames(field.isel(time=[at]), [0], trial=trial, feature=feature)
              for at in index]  # fmt: skip
    titles = 0.36 if mapped else 0.16
    wide = (width - _KEY - (MOST_MAPS - 1) * _GAP) / MOST_MAPS
    tall = wide / frames[0].ratio
    if tall > _TALLEST:
        wide, tall = wide * _TALLEST / tall, _TALLEST
    texts = [f"{at:.2f} s" for at in time[index]]
    if time[-1] - time[0] <= _LONG:
        texts = milliseconds(time[index])
    for k, frame in enumerate(frames):
        axes = pieces.axes_at(
            figure, left + k * (wide + _GAP), top + titles, wide, tall
        )
        phase_panel(axes, frame, 0, arrows=8)
        if mapped and events is not None:
            _name_map(axes, events, mapped[k][1], k + 1, texts[k])
        if k == 0:
            length_bar(axes, frame)
    bar = pieces.axes_at(
        figure, left + width - _KEY + 0.1, top + titles, 0.09, max(tall, 0.8)
    )
    pieces.draw_key(bar, PHASE)
    return top + titles + max(tall, 0.8) + 0.22


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
