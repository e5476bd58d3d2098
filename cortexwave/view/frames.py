"""A field as frames over time: small sheets, or profiles of a ring, on one scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.colours import (
    MISSING,
    SERIES,
    ColourScale,
    Limits,
    colour_scale,
)
from cortexwave.view.selection import (
    Shown,
    milliseconds,
    nearest_frames,
    select,
    site_size,
)

_MOST_FRAMES = 64


def draw_frames(
    recording: xr.Dataset,
    *,
    field: str | None = None,
    trial: int = 0,
    feature: int = 0,
    times: Sequence[float] | None = None,
    count: int = 8,
    limits: Limits | None = None,
    width: float = pieces.FULL_WIDTH,
) -> Figure:
    """Frames at `times` (s), or `count` evenly spaced ones, on one colour scale.

    Frames during which a stimulus is on have its colour as border; below stands
    when. A ring or line is drawn as one profile a time, on one scale.
    """
    shown = select(recording, field=field, trial=trial, feature=feature)
    index = _frame_index(shown, times, count)
    frames = shown.frames(index)  # (time, y, x)
    scale = colour_scale(frames, units=shown.units, label=shown.label, limits=limits)
    with pieces.journal_style():
        if shown.line:
            return _profiles(shown, index, frames, scale, width)
        return _sheets(shown, index, frames, scale, width)


def _frame_index(shown: Shown, times: Sequence[float] | None, count: int) -> list[int]:
    if times is not None:
        index = nearest_frames(shown.time, times)
        count = len(index)
    if not isinstance(count, int) or not 1 <= count <= _MOST_FRAMES:
        raise InputError(f"{count!r} frames were asked for; 1 to {_MOST_FRAMES} fit")
    if times is not None:
        return index
    ends = np.linspace(0, shown.time.size - 1, min(count, shown.time.size))
    return [int(i) for i in np.rint(ends)]


def _sheets(
    shown: Shown,
    index: list[int],
    frames: np.ndarray,
    scale: ColourScale,
    width: float,
) -> Figure:
    (left_mm, right_mm), (low_mm, high_mm) = shown.extent("x"), shown.extent("y")
    across, up = right_mm - left_mm, high_mm - low_mm
    columns = _columns(len(index), across / up, width)
    rows = -(-len(index) // columns)
    margin, gap, stamp, bar = 0.08, 0.08, 0.18, 0.32
    cell = min((width - pieces.KEY_WIDTH - margin - (columns - 1) * gap) / columns, 2.8)
    cell = min(cell, 7.0 / rows * across / up)
    tall = cell * up / across
    body = columns * cell + (columns - 1) * gap
    head = pieces.head_height(shown.title)
    block = rows * (stamp + tall) + (rows - 1) * 0.04
    lanes = pieces.lanes_height(shown.marks)
    figure = pieces.new_figure(
        max(margin + body + pieces.KEY_WIDTH, 3.0),
        head + block + bar + (lanes + 0.42 if lanes else 0.0),
    )
    texts = milliseconds(shown.time[index])
    for k, (frame, at) in enumerate(zip(frames, shown.time[index], strict=True)):
        row, column = divmod(k, columns)
        axes = pieces.axes_at(
            figure,
            margin + column * (cell + gap),
            head + row * (stamp + tall + 0.04) + stamp,
            cell,
            tall,
        )
        pieces.draw_image(axes, frame, scale, (left_mm, right_mm, low_mm, high_mm))
        axes.set_title(texts[k], fontsize=7, pad=2)
        on = [mark for mark in shown.marks if mark.is_on(float(at))]
        for spine in axes.spines.values():
            spine.set_visible(True)
            spine.set_linewidth(1.6 if on else 0.4)
            spine.set_color(
                pieces.lane_colour(shown.marks, on[0]) if on else pieces.QUIET
            )
        axes.set(xticks=[], yticks=[])
    if max(shown.x.size, shown.y.size) > 1:  # a single site has no size
        pieces.draw_scale_bar(
            figure, margin, head + block, cell / across, max(across, 0.5 * up)
        )
    key = min(block - stamp, 3.6)
    pieces.draw_key(
        pieces.axes_at(figure, margin + body + 0.12, head + stamp, 0.1, max(key, 0.6)),
        scale,
    )
    if lanes:
        axes = pieces.axes_at(figure, margin, head + block + bar, body, lanes)
        _timeline(axes, shown, index)
    pieces.write_heading(figure, shown.title)
    return figure


def _columns(count: int, ratio: float, width: float) -> int:
    """Frames in a row: few blanks, and a figure about twice as wide as it is high."""
    wanted = 2.2 if width > 5 else 1.6

    def cost(columns: int) -> float:
        rows = -(-count // columns)
        return (columns * rows - count) / count * 2 + abs(
            float(np.log(columns * ratio / rows / wanted))
        )

    return min(range(1, count + 1), key=cost)


def _timeline(axes: Axes, shown: Shown, index: list[int]) -> None:
    """Stimuli below the frames, with a mark at the time of each frame."""
    axes.set_xlim(*pieces.time_limits(shown.time))
    pieces.draw_lanes(axes, shown)
    axes.plot(
        1e3 * shown.time[index], np.full(len(index), 1.02), "v", ms=3, mew=0,
        color=pieces.INK, transform=axes.get_xaxis_transform(), clip_on=False,
    )  # fmt: skip
    axes.set_xlabel("time (ms)", labelpad=2)


def _profiles(
    shown: Shown,
    index: list[int],
    frames: np.ndarray,
    scale: ColourScale,
    width: float,
) -> Figure:
    axis = shown.line or "x"
    positions = shown.position(axis)
    head, lanes = pieces.head_height(shown.title), pieces.lanes_height(shown.marks)
    tall = 0.42 if len(index) <= 12 else 0.28
    margin, gap = 0.85, 0.05
    body = width - margin - pieces.KEY_WIDTH
    block = len(index) * (tall + gap)
    figure = pieces.new_figure(
        width, head + block + 0.45 + (lanes + 0.42 if lanes else 0.0)
    )
    texts = milliseconds(shown.time[index])
    for k, at in enumerate(shown.time[index]):
        axes = pieces.axes_at(figure, margin, head + k * (tall + gap), body, tall)
        _profile(axes, positions, scale.wrapped(frames[k].reshape(-1)), scale)
        on = [mark for mark in shown.marks if mark.is_on(float(at))]
        axes.annotate(
            texts[k], (0, 0.5), (-8, 0), xycoords="axes fraction", ha="right",
            textcoords="offset points", va="center", fontsize=7,
            color=pieces.lane_colour(shown.marks, on[0]) if on else pieces.INK,
            fontweight="bold" if on else "normal",
        )  # fmt: skip
        axes.set_xlim(*shown.extent(axis))
        last = k == len(index) - 1
        axes.tick_params(bottom=last, labelbottom=last)
        axes.spines["bottom"].set_visible(last)
        axes.spines["left"].set_visible(False)
        axes.set_yticks([])
        if k == 0:
            _height_bar(axes, scale)
    axes.set_xlabel(f"{axis} (mm)", labelpad=2)
    if lanes:
        top = head + block + 0.45
        _timeline(pieces.axes_at(figure, margin, top, body, lanes), shown, index)
    pieces.write_heading(figure, shown.title)
    return figure


def _profile(
    axes: Axes, positions: np.ndarray, values: np.ndarray, scale: ColourScale
) -> None:
    """One curve on the scale's axis, grey where it is missing."""
    half = site_size(positions) / 2 or 0.5
    room = 0.04 * (scale.high - scale.low)
    for at in positions[~np.isfinite(values)]:
        axes.axvspan(at - half, at + half, color=MISSING, lw=0, alpha=0.5)
    base = min(max(0.0, scale.low), scale.high)
    axes.axhline(base, color=pieces.QUIET, lw=0.4)
    size = 3.0 if positions.size <= 100 else 1.5
    if scale.cyclic:  # a curve would draw the jump from 2 pi to 0
        axes.plot(positions, values, ".", color=SERIES[0], ms=size)
    else:
        clean = np.clip(values, scale.low, scale.high)
        # a curve alone would not show a site between two missing ones
        dotted = positions.size == 1 or not np.isfinite(clean).all()
        axes.fill_between(positions, base, clean, color=SERIES[0], alpha=0.18, lw=0)
        axes.plot(
            positions, clean, color=SERIES[0], lw=0.9,
            marker="." if dotted else None, ms=size,
        )  # fmt: skip
    axes.set_ylim(scale.low - room, scale.high + room)


def _height_bar(axes: Axes, scale: ColourScale) -> None:
    """What the height of a profile means, at the right of the first one."""
    ends = [text for _, text in scale.ticks()][:: len(scale.ticks()) - 1]
    at = [value for value, _ in scale.ticks()][:: len(scale.ticks()) - 1]
    mixed = axes.get_yaxis_transform()
    axes.plot([1.015, 1.015], at, color=pieces.INK, lw=1.0, transform=mixed,
              clip_on=False, solid_capstyle="butt")  # fmt: skip
    for value, text in zip(at, ends, strict=True):
        axes.annotate(text, (1.015, value), (3, 0), xycoords=mixed, fontsize=6.5,
                      textcoords="offset points", va="center")  # fmt: skip
    axes.annotate(
        pieces.plain(scale.label, 22), (1.015, at[0]), (0, -8), xycoords=mixed,
        textcoords="offset points", va="top", fontsize=7,
    )  # fmt: skip
