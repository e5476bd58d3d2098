"""Figures of recordings: frames, space against time, traces, two engines' difference.

Drawing only, on Figure objects that belong to the caller; only the frames and sites
that are shown are read. `width` is in inches, `limits` of colour in the field's unit.
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from cortexwave.view import pieces
from cortexwave.view.courses import draw_difference, draw_space_time, draw_traces
from cortexwave.view.frames import draw_frames
from cortexwave.view.paths import checked_path, written

__all__ = [
    "draw_difference",
    "draw_frames",
    "draw_space_time",
    "draw_traces",
    "save_figure",
]


def save_figure(figure: Figure, path: str | Path) -> Path:
    """The path of the figure, written as png, svg or pdf by its suffix."""
    target = checked_path(path, (".png", ".svg", ".pdf"))
    # a date in the file would make equal figures unequal
    kind = target.suffix[1:].lower()
    undated = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
    with pieces.journal_style(), written(target) as part:
        figure.savefig(part, format=kind, dpi=300, metadata=undated)
    return target
