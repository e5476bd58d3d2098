"""Parts that figures share: the page in inches, scale bars, stimulus lanes, keys."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font_names
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from cortexwave.view.colours import SERIES, ColourScale
from cortexwave.view.selection import Mark, Shown

FULL_WIDTH = 7.2  # inches, a page of two columns
INK = "#222222"
QUIET = "#777777"
KEY_WIDTH = 0.95  # inches kept at the right for the colour bar and names
HEAD_HEIGHT = 0.24
LANE_HEIGHT = 0.14
_MOST_LANES = 6
_STYLE = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.formatter.use_mathtext": True,
    "axes.formatter.limits": (-3, 4),
    "mathtext.default": "regular",
    "mathtext.fontset": "dejavusans",
    "text.color": INK,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.0,
    "savefig.dpi": 300,
    "figure.dpi": 150,
    "svg.fonttype": "path",
    "svg.hashsalt": "cortexwave",
    "pdf.fonttype": 42,
}


@contextmanager
def journal_style() -> Iterator[None]:
    """Sizes and fonts of a journal figure, for as long as one is drawn or saved."""
    with rc_context({**_STYLE, "font.family": _fonts()}):
        yield


@lru_cache(maxsize=1)
def _fonts() -> list[str]:
    """The first sans serif there is; DejaVu, which has every sign, for the rest."""
    here = get_font_names()
    wanted = ("Helvetica Neue", "Helvetica", "Arial", "Liberation Sans")
    return [*[name for name in wanted if name in here][:1], "DejaVu Sans"]


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure in inches, on a canvas of its own (never pyplot's)."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def axes_at(
    figure: Figure, left: float, top: float, width: float, height: float
) -> Axes:
    """Axes placed in inches from the figure's left and top edges."""
    across, down = figure.get_size_inches()
    return figure.add_axes(
        (left / across, 1 - (top + height) / down, width / across, height / down)
    )


def plain(text: str, most: int) -> str:
    """Text that matplotlib does not read as mathematics, at most so many characters."""
    short = " ".join(text.split())
    short = short if len(short) <= most else short[: max(1, most - 1)] + "…"
    return short.replace("$", r"\$")


def write_heading(figure: Figure, title: str) -> None:
    """The recording's title and engine at the top left."""
    across, down = figure.get_size_inches()
    figure.text(
        0.06 / across, 1 - 0.05 / down, plain(title, int(across * 15)),
        va="top", ha="left", fontsize=8, fontweight="bold",
    )  # fmt: skip


def head_height(title: str) -> float:
    """Inches that the heading takes."""
    # a colour bar may bear a power of ten above itself
    return HEAD_HEIGHT if title else 0.18


def draw_image(
    axes: Axes,
    values: np.ndarray,
    scale: ColourScale,
    extent: tuple[float, float, float, float],
) -> AxesImage:
    """Values (y, x) as coloured sites; the extent is left, right, bottom, top."""
    return axes.imshow(
        np.ma.masked_invalid(scale.wrapped(values)),
        cmap=scale.colour_map(), norm=scale.norm(), extent=extent, origin="lower",
        interpolation="none", aspect="auto",
    )  # fmt: skip


def draw_key(axes: Axes, scale: ColourScale) -> None:
    """The colour bar, with name, unit and arrows where values lie beyond it."""
    mappable = ScalarMappable(scale.norm(), scale.colour_map())
    bar = axes.figure.colorbar(mappable, cax=axes, extend=scale.extend, extendfrac=0.06)
    if scale.cyclic:
        bar.set_ticks(
            [at for at, _ in scale.ticks()], labels=[text for _, text in scale.ticks()]
        )
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    bar.set_label(plain(scale.label, 40))
    bar.outline.set_linewidth(0.4)


def draw_absent(axes: Axes, text: str, *, size: float) -> None:
    """A panel of what is not there, and why, in a broken frame; `size` in points."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linestyle((0, (3, 3)))
        spine.set_color(QUIET)
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center",
              color=QUIET, fontsize=size)  # fmt: skip


def nice_length(span: float) -> float:
    """1, 2 or 5 times a power of ten: the longest at most 40 % of a span in mm."""
    most = 0.4 * span
    power = 10.0 ** math.floor(math.log10(most))
    return max(step * power for step in (1, 2, 5) if step * power <= most * (1 + 1e-9))


def length_text(length: float) -> str:
    """A length in mm as text; µm below a tenth of a millimetre."""
    return f"{length:g} mm" if length >= 0.1 else f"{1e3 * length:g} µm"


def draw_scale_bar(
    figure: Figure, left: float, top: float, inches_per_mm: float, span: float
) -> None:
    """A bar of round length below a frame, from its left edge; span in mm."""
    across, down = figure.get_size_inches()
    length = nice_length(span)
    start, y = left / across, 1 - (top + 0.05) / down
    end = start + length * inches_per_mm / across
    figure.add_artist(
        Line2D([start, end], [y, y], color=INK, lw=2.0, solid_capstyle="butt")
    )
    figure.text(
        (start + end) / 2 if end - start > 0.4 / across else start,
        y - 0.05 / down, length_text(length), va="top", fontsize=7,
        ha="center" if end - start > 0.4 / across else "left",
    )  # fmt: skip


def lane_names(marks: Sequence[Mark]) -> list[str]:
    """Names of the stimuli, in order of first onset; beyond six they share one lane."""
    names = list(dict.fromkeys(mark.name for mark in marks))
    if len(names) <= _MOST_LANES:
        return names
    return [*names[: _MOST_LANES - 1], f"{len(names) - _MOST_LANES + 1} others"]


def lane_colour(marks: Sequence[Mark], mark: Mark) -> str:
    """Colour of the lane that a stimulus stands in."""
    names = lane_names(marks)
    lane = names.index(mark.name) if mark.name in names else len(names) - 1
    return SERIES[lane % len(SERIES)]


def lanes_height(marks: Sequence[Mark]) -> float:
    """Inches that the lanes of stimuli take, 0 without any."""
    return LANE_HEIGHT * len(lane_names(marks)) + 0.04 if marks else 0.0


def draw_lanes(axes: Axes, shown: Shown) -> None:
    """When each stimulus was on: a lane each, a tick at every onset; x is in ms."""
    names = lane_names(shown.marks)
    low, high = axes.get_xlim()
    width = axes.get_window_extent().width / axes.figure.dpi  # inches
    axes.set_ylim(len(names) - 0.5, -0.5)
    for mark in shown.marks:
        lane = names.index(mark.name) if mark.name in names else len(names) - 1
        colour = SERIES[lane % len(SERIES)]
        start, end = 1e3 * mark.onset, 1e3 * mark.end
        axes.add_patch(
            Rectangle((start, lane - 0.34), end - start, 0.68, fc=colour, lw=0)
        )
        axes.plot([start, start], [lane - 0.42, lane + 0.42], color=colour, lw=0.8,
                  solid_capstyle="butt")  # fmt: skip
        room = (min(end, high) - max(start, low)) / (high - low) * width
        if mark.item and room > 0.065 * len(mark.item) + 0.04:
            axes.text((max(start, low) + min(end, high)) / 2, lane,
                      plain(mark.item, 24), color="white", fontsize=6, ha="center",
                      va="center_baseline", clip_on=True)  # fmt: skip
    for lane, name in enumerate(names):
        axes.annotate(plain(name, 18), (1.0, lane), (4, 0), fontsize=6.5, va="center",
                      xycoords=("axes fraction", "data"), textcoords="offset points",
                      color=SERIES[lane % len(SERIES)])  # fmt: skip
    axes.set_xlim(low, high)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def time_limits(time: np.ndarray) -> tuple[float, float]:
    """Ends of the time axis in ms: half a frame beyond the first and the last."""
    half = 1e3 * (float(np.median(np.diff(time))) / 2 if time.size > 1 else 0.5e-3)
    return 1e3 * float(time[0]) - half, 1e3 * float(time[-1]) + half
