"""Movies of a wave field: phase as hue, amplitude as brightness, arrows of travel.

All that stands still is drawn once; each frame only adds what moves. The hues are of
one lightness, so that brightness is left for the amplitude.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import EllipseCollection
from matplotlib.colors import to_rgb

from cortexwave.view import pieces
from cortexwave.view.colours import MISSING, SERIES, number
from cortexwave.view.encoding import check_encoding, write_pictures
from cortexwave.view.film import check_pace
from cortexwave.view.paths import checked_path, written
from cortexwave.view.phase_frames import PhaseFrames, expect, phase_frames
from cortexwave.view.phase_maps import (
    bare,
    draw_arrows,
    electrode_dots,
    field_text,
    length_bar,
)
from cortexwave.view.selection import evenly, milliseconds, shown_unit
from cortexwave.view.wave_events import (
    KIND_COLOURS,
    chosen_events,
    event_kinds,
    event_lanes,
)

_MOST_FRAMES = 400
_SHEET = 3.4  # inches of the longer side; the resolution follows the pixels
_LIGHT, _CHROMA = 0.76, 0.125  # of OKLab: the widest circle of hues a screen can show
_DARKEST = 0.3  # brightness of no amplitude: its hue can still be told
_HUES, _STEPS = 24, 9  # of a GIF's palette
_INSTEAD = "a .gif"


def write_wave_movie(
    field: xr.Dataset,
    path: str | Path,
    *,
    events: xr.Dataset | None = None,
    trial: int = 0,
    feature: int = 0,
    seconds: float | None = None,
    frames_per_second: float = 25.0,
    size: int = 560,
    arrows: int = 12,
) -> Path:
    """The path of the movie of a wave field, a GIF or an MP4 by its suffix.

    At most 400 frames, evenly chosen, or as many as play in `seconds`; the longer side
    of the sheet is `size` pixels. Full brightness is the 99 % quantile of the
    amplitude. `events` of `find_waves` are captions and lanes with a running line.
    """
    target = checked_path(path, (".gif", ".mp4"))
    check_encoding(target, size=size, instead=_INSTEAD)
    check_pace(frames_per_second, seconds)
    expect(field, ("phase", "amplitude"), "wave_field")
    most = _MOST_FRAMES
    if seconds is not None:
        most = min(most, max(1, int(seconds * frames_per_second)))
    kept = evenly(field.sizes["time"], most)
    frames = phase_frames(field, kept, trial=trial, feature=feature)
    chosen = (None if events is None else
              chosen_events(events, trial=trial, feature=feature))  # fmt: skip
    words = field_text(field), str(field["amplitude"].attrs.get("units", ""))
    pictures = _painted(frames, words, chosen, size, arrows)
    with pieces.journal_style(), written(target) as part:
        write_pictures(pictures, part, rate=frames_per_second, palette=_palette(),
                       instead=_INSTEAD)  # fmt: skip
    return target


def phase_colours(phase: np.ndarray, brightness: np.ndarray) -> np.ndarray:
    """Red, green, blue (..., 3) of phases in rad at a brightness from 0 to 1.

    A circle of hues in OKLab (Ottosson 2020), where like steps look alike: lightness
    and chroma shrink with brightness. Grey where a phase is not finite.
    """
    light = _LIGHT * brightness
    a, b = (_CHROMA * brightness * f(phase) for f in (np.cos, np.sin))
    roots = (light + 0.3963377774 * a + 0.2158037573 * b,
             light - 0.1055613458 * a - 0.0638541728 * b,
             light - 0.0894841775 * a - 1.2914855480 * b)  # fmt: skip
    long, middle, short = (root**3 for root in roots)
    linear = np.stack([
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    ], axis=-1)  # fmt: skip
    linear = np.clip(linear, 0.0, 1.0)
    screen = np.where(linear <= 0.0031308, 12.92 * linear,
                      1.055 * linear ** (1 / 2.4) - 0.055)  # fmt: skip
    return np.where(np.isfinite(screen), screen, to_rgb(MISSING))


def _brightness(frames: PhaseFrames) -> tuple[np.ndarray, float]:
    """Brightness of every site and frame, and the amplitude that is full brightness."""
    known = frames.amplitude[np.isfinite(frames.amplitude)]
    full = float(np.quantile(known, 0.99)) if known.size else 0.0
    share = frames.amplitude / full if full > 0 else np.ones_like(frames.amplitude)
    return _DARKEST + (1 - _DARKEST) * np.clip(share, 0.0, 1.0), full


def _painted(
    frames: PhaseFrames,
    words: tuple[str, str],
    events: xr.Dataset | None,
    size: int,
    arrows: int,
) -> Iterator[np.ndarray]:
    """Frames as pictures (row, column, rgb) of uint8, all of one even size."""
    brightness, full = _brightness(frames)
    colours = np.rint(255 * phase_colours(frames.phase, brightness)).astype(np.uint8)
    left, head, margin = 0.1, 0.62, 0.78
    wide = _SHEET * min(1.0, frames.ratio)
    tall = max(_SHEET / max(1.0, frames.ratio), 0.8)
    lanes = 0.0 if events is None else 0.26 * max(1, len(event_kinds(events))) + 0.5
    across = max(left + wide + 1.15, 3.6)
    figure = pieces.new_figure(across, head + tall + 0.42 + lanes)
    figure.set_dpi(size / _SHEET)
    axes = pieces.axes_at(figure, left, head, wide, tall)
    moving, advance = _map(axes, frames, colours, arrows)
    length_bar(axes, frames)
    key = pieces.axes_at(figure, left + wide + 0.15, head, 0.4, min(tall, 1.6))
    _draw_key(key, full, words[1])
    if events is not None:
        below = pieces.axes_at(
            figure, margin, head + tall + 0.5, across - margin - 0.15, lanes - 0.5
        )
        span = float(frames.time[0]), float(frames.time[-1])
        scale = event_lanes(below, events, span=span)
        (now,) = below.plot([span[0]] * 2, [0, 1], color=pieces.INK, lw=1.0,
                            transform=below.get_xaxis_transform(),
                            animated=True)  # fmt: skip
        moving = [*moving, now]
    down = figure.get_size_inches()[1]
    stamp, caption = (
        figure.text(left / across, 1 - at / down, "", va="top", fontsize=8,
                    animated=True) for at in (0.25, 0.42)
    )  # fmt: skip
    pieces.write_heading(figure, words[0])
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    empty = canvas.copy_from_bbox(figure.bbox)
    for k, text in enumerate(milliseconds(frames.time)):
        canvas.restore_region(empty)
        advance(k)
        stamp.set_text(text if frames.valid[k] else f"{text}, filter edge")
        if events is not None:
            now.set_xdata([scale * frames.time[k]] * 2)
            said, colour = caption_at(events, float(frames.time[k]))
            caption.set(text=said, color=colour)
        for artist in (*moving, stamp, caption):
            figure.draw_artist(artist)
        picture = np.asarray(canvas.buffer_rgba())[..., :3]
        rows, columns = (n - n % 2 for n in picture.shape[:2])  # H.264 wants even
        yield picture[:rows, :columns].copy()


def _map(
    axes: Axes,
    frames: PhaseFrames,
    colours: np.ndarray,  # (frame, site, rgb)
    arrows: int,
) -> tuple[list[Artist], Callable[[int], None]]:
    """The sheet's moving artists, and what sets them to a frame."""
    bare(axes)
    moving: list[Artist] = []
    dots: EllipseCollection | None = None
    if frames.shape is None:
        dots = electrode_dots(axes, frames, frames.phase[0])
        dots.set_array(None)
        axes.add_collection(dots)
        moving.append(dots)
    else:
        image = axes.imshow(
            colours[0].reshape(*frames.shape, 3), extent=frames.extent, origin="lower",
            interpolation="none", aspect="equal",
        )  # fmt: skip
        moving.append(image)
    quiver = draw_arrows(axes, frames, 0, arrows) if arrows else None
    moving += [] if quiver is None else [quiver]
    for artist in moving:
        artist.set_animated(True)
    at = frames.arrow_sites(arrows) if arrows else np.array([], dtype=int)

    def advance(k: int) -> None:
        if frames.shape is None:
            assert dots is not None
            dots.set_facecolor(colours[k] / 255)
        else:
            image.set_data(colours[k].reshape(*frames.shape, 3))
        if quiver is not None:
            quiver.set_UVC(np.ma.masked_invalid(frames.toward_x[k][at]),
                           np.ma.masked_invalid(frames.toward_y[k][at]))  # fmt: skip

    return moving, advance


def _draw_key(axes: Axes, full: float, units: str) -> None:
    """Hues up, brightness across: phase and amplitude."""
    phase, share = np.meshgrid(np.linspace(0, 2 * np.pi, 97),
                               np.linspace(0, 1, 25), indexing="ij")  # fmt: skip
    shown = phase_colours(phase, _DARKEST + (1 - _DARKEST) * share)
    axes.imshow(shown, extent=(0, 1, 0, 2 * np.pi), origin="lower", aspect="auto")
    axes.yaxis.tick_right()
    axes.yaxis.set_label_position("right")
    axes.set_yticks(np.arange(5) * np.pi / 2, ["0", "π/2", "π", "3π/2", "2π"])
    axes.set_ylabel("phase (rad)", labelpad=2)
    axes.set_xticks([0, 1], ["0", number(full, 2) if full > 0 else "1"])
    axes.set_xlabel(f"amplitude\n({shown_unit(units)})", labelpad=1)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.4)


def caption_at(events: xr.Dataset, time: float) -> tuple[str, str]:
    """What is said of the strongest event at a time in s, and in which colour."""
    start, end = (np.asarray(events[name].values, dtype=float)
                  for name in ("start", "end"))  # fmt: skip
    on = np.flatnonzero((start <= time) & (time < end))
    if not on.size:
        return "", pieces.INK
    z = np.asarray(events["z"].values, dtype=float)[on] if "z" in events else on * 0.0
    k = int(on[np.argmax(np.where(np.isfinite(z), z, -np.inf))])
    text = event_text(events, k)
    more = f"; and {on.size - 1} more" if on.size > 1 else ""
    return text + more, KIND_COLOURS[str(events["kind"].values[k])]


def event_text(events: xr.Dataset, k: int) -> str:
    """An event in words: kind, speed in m/s, direction, z, and whether it is a wave."""

    def value(name: str) -> float:
        return float(events[name].values[k]) if name in events else np.nan

    parts = []
    if np.isfinite(value("speed")):
        parts.append(f"{number(1e-3 * value('speed'), 2)} m/s")
    if np.isfinite(value("direction")):
        parts.append(f"{value('direction'):.0f}°".replace("-", "−"))
    if np.isfinite(value("z")):
        parts.append(f"z {value('z'):.1f}".replace("-", "−"))
    if not bool(events["is_wave"].values[k]):
        parts.append("no wave claimed")
    kind = str(events["kind"].values[k])
    return f"{kind}: {', '.join(parts)}" if parts else kind


def _palette() -> np.ndarray:
    """Colours (colour, rgb) of a GIF: hues of each brightness, greys and kinds."""
    hue, bright = np.meshgrid(np.arange(_HUES) * 2 * np.pi / _HUES,
                              np.linspace(_DARKEST, 1, _STEPS))  # fmt: skip
    greys = np.repeat(np.linspace(0, 1, 24)[:, None], 3, axis=1)
    kinds = np.array([to_rgb(colour) for colour in (*SERIES, MISSING)])
    table = np.vstack([phase_colours(hue, bright).reshape(-1, 3), greys, kinds])
    return np.rint(255 * table).astype(np.uint8)
