"""Phase of a wave field over the sites, and the way it travels, frame by frame.

Drawing only, of what `analysis.wave_fields.wave_field` found. Colours are phases on a
cyclic map; the key is a bar, as a wheel beside arrows would be read as directions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from matplotlib.quiver import Quiver
from matplotlib.transforms import ScaledTranslation

from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.colours import ColourScale
from cortexwave.view.phase_frames import PhaseFrames, expect, phase_frames
from cortexwave.view.selection import milliseconds, nearest_frames

PHASE = ColourScale("twilight", 0.0, 2 * np.pi, "neither", "phase (rad)", cyclic=True)
_MOST_FRAMES = 64
_MAP = 2.4  # inches of the longer side of a single map
_ARROWS = "arrows: travel"
_DOT = 0.8  # share of the pitch that an electrode's dot, or an arrow, covers


def draw_phase_map(
    field: xr.Dataset,
    axes: Axes | None = None,
    *,
    time: float,
    trial: int = 0,
    feature: int = 0,
    arrows: int = 16,
) -> Axes:
    """Phase at the frame nearest to `time` (s), with arrows where it travels to.

    Lattices are drawn as sites, electrodes as dots; dead ones are grey. Arrows, at
    most about `arrows` along an axis (0 for none), have one length: they say the
    direction of propagation only. At the last frame, whose frequency is not known,
    there are none. Without `axes` a figure is made: it is `axes.figure`.
    """
    index = nearest_frames(np.asarray(_time(field)), [time])
    frames = phase_frames(field, index, trial=trial, feature=feature)
    with pieces.journal_style():
        if axes is None:
            axes = _own_axes(frames)
        phase_panel(axes, frames, 0, arrows=arrows)
        inches = axes.get_window_extent().height / axes.figure.dpi
        tall = max(1.0, 0.8 / inches)  # a line's map is too low for the key's texts
        key = axes.inset_axes((1.05, 0.5 - tall / 2, 0.05, tall))
        pieces.draw_key(key, PHASE)
        length_bar(axes, frames)
        if arrows:
            axes.annotate(_ARROWS, (1, 0), (0, -10), ha="right", va="top",
                          xycoords="axes fraction", textcoords="offset points",
                          fontsize=7)  # fmt: skip
    return axes


def _time(field: xr.Dataset) -> np.ndarray:
    expect(field, ("phase", "time"), "wave_field")
    return np.asarray(field["time"].values, dtype=float)


def _own_axes(frames: PhaseFrames) -> Axes:
    wide, tall = _MAP * min(1.0, frames.ratio), _MAP / max(1.0, frames.ratio)
    spare = max(0.0, 0.9 - tall)
    figure = pieces.new_figure(wide + 0.15 + pieces.KEY_WIDTH, tall + spare + 0.65)
    return pieces.axes_at(figure, 0.15, 0.27 + spare / 2, wide, tall)


def phase_panel(
    axes: Axes, frames: PhaseFrames, frame: int, *, arrows: int
) -> Quiver | None:
    """One frame on axes, titled with its time in ms; the arrows, if any are drawn."""
    phase = frames.phase[frame]
    if frames.shape is None:
        axes.add_collection(electrode_dots(axes, frames, PHASE.wrapped(phase)))
        left, right, low, high = frames.extent
        axes.set(xlim=(left, right), ylim=(low, high))
    else:
        pieces.draw_image(axes, phase.reshape(frames.shape), PHASE, frames.extent)
    bare(axes)
    stamp = milliseconds([float(frames.time[frame])])[0]
    spoilt = not frames.valid[frame]
    axes.set_title(f"{stamp}, filter edge" if spoilt else stamp, fontsize=7, pad=2,
                   color=pieces.QUIET if spoilt else pieces.INK)  # fmt: skip
    return draw_arrows(axes, frames, frame, arrows) if arrows else None


def electrode_dots(
    axes: Axes, frames: PhaseFrames, values: np.ndarray
) -> EllipseCollection:
    """A dot per electrode, as large on the sheet whatever the size of the figure."""
    across = np.full(values.size, _DOT * frames.pitch)
    dots = EllipseCollection(
        across, across, np.zeros(values.size), units="xy", linewidths=0.3,
        offsets=np.column_stack([frames.x, frames.y]), offset_transform=axes.transData,
        cmap=PHASE.colour_map(), norm=PHASE.norm(), edgecolors=pieces.QUIET,
    )  # fmt: skip
    dots.set_array(np.ma.masked_invalid(values))
    return dots


def bare(axes: Axes) -> None:
    """A map's axes: as many inches per mm up as across, a thin frame, no ticks."""
    axes.set_aspect("equal")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.4)
        spine.set_color(pieces.QUIET)


def draw_arrows(axes: Axes, frames: PhaseFrames, frame: int, most: int) -> Quiver:
    """Arrows of propagation, of one length; white with an edge, to be seen on all."""
    if not isinstance(most, int | np.integer) or most < 1:
        raise InputError(f"arrows is {most!r}; at least 1 along an axis, or 0 for none")
    at = frames.arrow_sites(int(most))
    u, v = frames.toward_x[frame][at], frames.toward_y[frame][at]
    length = _DOT * frames.pitch * frames.arrow_step(int(most))
    return axes.quiver(
        frames.x[at], frames.y[at], np.ma.masked_invalid(u), np.ma.masked_invalid(v),
        angles="xy", scale_units="xy", units="xy", scale=1 / length, pivot="mid",
        width=0.1 * length, headwidth=4, headlength=4, headaxislength=3.4,
        minlength=0, color="white", edgecolor="black", linewidth=0.35,
    )  # fmt: skip


def length_bar(axes: Axes, frames: PhaseFrames) -> None:
    """A bar of round length in mm below a map, from its left edge."""
    left, right, low, high = frames.extent
    span = max(right - left, 0.5 * (high - low))
    length = pieces.nice_length(span)
    at_edge = axes.get_xaxis_transform()
    below = at_edge + ScaledTranslation(0, -6 / 72, axes.figure.dpi_scale_trans)
    axes.plot([left, left + length], [0, 0], color=pieces.INK, lw=2.0,
              solid_capstyle="butt", transform=below, clip_on=False)  # fmt: skip
    axes.annotate(pieces.length_text(length), (left, 0), (0, -10), va="top",
                  xycoords=at_edge, textcoords="offset points", fontsize=7)  # fmt: skip
    axes.set(xlim=(left, right), ylim=(low, high))


def mark_centre(axes: Axes, x: float, y: float) -> None:
    """A ring with a dot where a wave comes from, goes to, or turns about (mm)."""
    axes.plot([x], [y], "o", mfc="none", mec="black", ms=7, mew=2.0)
    axes.plot([x], [y], "o", mfc="none", mec="white", ms=7, mew=1.0)
    axes.plot([x], [y], "o", mfc="white", mec="black", ms=2.6, mew=0.5)


def draw_phase_sequence(
    field: xr.Dataset,
    *,
    times: Sequence[float],
    trial: int = 0,
    feature: int = 0,
    arrows: int = 12,
    width: float = pieces.FULL_WIDTH,
) -> Figure:
    """Maps of phase at `times` (s) side by side, with one key and one scale bar."""
    index = nearest_frames(_time(field), times)
    if len(index) > _MOST_FRAMES:
        raise InputError(f"{len(index)} frames were asked for; 1 to {_MOST_FRAMES} fit")
    frames = phase_frames(field, index, trial=trial, feature=feature)
    title = pieces.plain(field_text(field), 100)
    margin, gap, stamp, head = 0.1, 0.1, 0.2, 0.22
    room = width - pieces.KEY_WIDTH - margin
    columns = min(len(index), max(1, int(room // (1.0 + gap))))
    columns = -(-len(index) // -(-len(index) // columns))  # rows of like length
    wide = min((room + gap) / columns - gap, _MAP)
    tall = wide / frames.ratio
    rows = -(-len(index) // columns)
    block = rows * (stamp + tall) + (rows - 1) * 0.06
    body = columns * (wide + gap) - gap
    with pieces.journal_style():
        figure = pieces.new_figure(
            max(margin + body + pieces.KEY_WIDTH, 3.0), head + block + 0.4
        )
        for k in range(len(index)):
            row, column = divmod(k, columns)
            axes = pieces.axes_at(
                figure, margin + column * (wide + gap),
                head + row * (stamp + tall + 0.06) + stamp, wide, tall,
            )  # fmt: skip
            phase_panel(axes, frames, k, arrows=arrows)
            if k == (rows - 1) * columns:
                length_bar(axes, frames)
        key = pieces.axes_at(
            figure, margin + body + 0.12, head + stamp, 0.1, max(tall, 0.9)
        )
        pieces.draw_key(key, PHASE)
        if arrows:
            title = f"{title}; {_ARROWS}" if title else _ARROWS
        pieces.write_heading(figure, title)
    return figure


def field_text(field: xr.Dataset) -> str:
    """Variable, band and kind of phase of a wave field on one line."""
    variable, method = (str(field.attrs.get(name, "")) for name in
                        ("variable", "phase_method"))  # fmt: skip
    band = field.attrs.get("band")
    band = json.loads(band) if isinstance(band, str) else band  # as files have it
    parts = [variable] if variable else []
    if band is not None and np.size(band) == 2:
        low, high = np.asarray(band, dtype=float)
        parts.append(f"{low:g} to {high:g} Hz")
    return ", ".join([*parts, *([f"{method} phase"] if method else [])])
