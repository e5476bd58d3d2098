"""Frames of a film painted as pictures, for formats that hold pictures: GIF, MP4.

All that stands still is drawn once; each frame only adds what moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cortexwave.view import pieces
from cortexwave.view.colours import MISSING_LEVEL, SERIES
from cortexwave.view.film import Film
from cortexwave.view.selection import milliseconds

_SHEET = 3.4  # inches of the longer side of a sheet; the resolution follows its pixels
_MARGIN, _LINE_MARGIN = 0.1, 0.6
_Moves = tuple[list[Artist], Callable[[int], None]]


def painted(film: Film, size: int) -> Iterator[np.ndarray]:
    """Frames as pictures (row, column, rgb) of uint8, all of one even size."""
    figure, moving, advance = (_line if film.shown.line else _sheet)(film, size)
    across, down = figure.get_size_inches()
    left = (_LINE_MARGIN if film.shown.line else _MARGIN) / across
    line = 1 - (_head(film) - 0.06) / down
    stamp = figure.text(left, line, "", fontsize=8, animated=True)
    stimulus = figure.text(left + 0.8 / across, line, "", fontsize=8, animated=True)
    pieces.write_heading(figure, film.shown.title)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    empty = canvas.copy_from_bbox(figure.bbox)
    marks = film.shown.marks
    for k, text in enumerate(milliseconds(film.time)):
        canvas.restore_region(empty)
        advance(k)
        stamp.set_text(text)
        on = [mark for mark in marks if mark.is_on(float(film.time[k]))]
        stimulus.set_text(pieces.plain(on[0].label, 30) if on else "")
        stimulus.set_color(pieces.lane_colour(marks, on[0]) if on else pieces.INK)
        for artist in (*moving, stamp, stimulus):
            figure.draw_artist(artist)
        picture = np.asarray(canvas.buffer_rgba())[..., :3]
        rows, columns = (n - n % 2 for n in picture.shape[:2])  # H.264 wants even
        yield picture[:rows, :columns].copy()


def _head(film: Film) -> float:
    return pieces.head_height(film.shown.title) + 0.2


def _values(film: Film) -> np.ndarray:
    """Levels back in the unit of the field, NaN where missing: (frame, y, x)."""
    scale, levels = film.scale, film.panels[0]
    values = scale.low + levels / np.float32(254) * (scale.high - scale.low)
    values[levels == MISSING_LEVEL] = np.nan
    return values


def _sheet(film: Film, size: int) -> tuple[Figure, *_Moves]:
    shown, values = film.shown, _values(film)
    (left, right), (low, high) = shown.extent("x"), shown.extent("y")
    across, up = right - left, high - low
    wide = _SHEET * across / max(across, up)
    tall = _SHEET * up / max(across, up)
    head = _head(film)
    figure = pieces.new_figure(
        max(_MARGIN + wide + pieces.KEY_WIDTH, 2.8), head + max(tall, 0.8) + 0.4
    )
    figure.set_dpi(size / _SHEET)
    axes = pieces.axes_at(figure, _MARGIN, head, wide, tall)
    image = pieces.draw_image(axes, values[0], film.scale, (left, right, low, high))
    image.set_animated(True)
    axes.set_axis_off()
    key = pieces.axes_at(figure, _MARGIN + wide + 0.12, head, 0.1, max(tall, 0.7))
    pieces.draw_key(key, film.scale)
    if max(shown.x.size, shown.y.size) > 1:
        pieces.draw_scale_bar(
            figure, _MARGIN, head + tall, wide / across, max(across, 0.5 * up)
        )

    def advance(k: int) -> None:
        image.set_data(np.ma.masked_invalid(values[k]))

    return figure, [image], advance


def _line(film: Film, size: int) -> tuple[Figure, *_Moves]:
    """A moving profile over space against time, whose clock runs down."""
    shown, scale = film.shown, film.scale
    axis = shown.line or "x"
    values = _values(film).reshape(film.time.size, -1)  # (frame, site)
    head = _head(film)
    figure = pieces.new_figure(_LINE_MARGIN + _SHEET + 0.15, head + 3.35)
    figure.set_dpi(size / _SHEET)
    above = pieces.axes_at(figure, _LINE_MARGIN, head, _SHEET, 1.2)
    below = pieces.axes_at(figure, _LINE_MARGIN, head + 1.35, _SHEET, 1.55)
    # a curve alone would not show a single site, or one between two missing ones
    dotted = values.shape[1] == 1 or bool(np.isnan(values).any())
    (curve,) = above.plot(
        shown.position(axis), values[0], animated=True, color=SERIES[0], ms=2,
        ls="none" if scale.cyclic else "-",
        marker="." if scale.cyclic or dotted else None,
    )  # fmt: skip
    room = 0.04 * (scale.high - scale.low)
    above.set(xlim=shown.extent(axis), ylim=(scale.low - room, scale.high + room))
    above.set_ylabel(pieces.plain(scale.label, 24))
    if scale.cyclic:
        above.set_yticks(*zip(*scale.ticks(), strict=True))
    above.tick_params(labelbottom=False)
    start, end = pieces.time_limits(film.time)
    pieces.draw_image(below, values[::-1], scale, (*shown.extent(axis), end, start))
    below.set(xlabel=f"{axis} (mm)", ylabel="time (ms)", ylim=(end, start))
    now = below.axhline(start, color="black", lw=1.4, animated=True)
    halo = below.axhline(start, color="white", lw=2.8, animated=True)

    def advance(k: int) -> None:
        curve.set_ydata(values[k])
        for each in (now, halo):
            each.set_ydata([1e3 * film.time[k]] * 2)

    return figure, [curve, halo, now], advance
