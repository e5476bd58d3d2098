"""One door for the command line: what is drawn follows from the file's ending."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from cortexwave.errors import InputError
from cortexwave.view.figures import draw_difference, draw_frames, save_figure
from cortexwave.view.movie import write_movie
from cortexwave.view.page import write_page

FIGURES = (".png", ".svg", ".pdf")
MOVIES = (".gif", ".mp4")
PAGES = (".html", ".htm")


def draw(
    recordings: Sequence[xr.Dataset],
    path: str | Path,
    *,
    names: Sequence[str] | None = None,
    field: str | None = None,
    trial: int = 0,
    feature: int = 0,
) -> Path:
    """Draw one or two recordings to a page, a figure or a movie; returns the path.

    A page shows figures and a movie; a figure shows frames over time, or for two
    recordings their difference; a movie shows one recording.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if not 1 <= len(recordings) <= 2:
        raise InputError(f"{len(recordings)} recordings; one or two can be drawn")
    if ending in PAGES:
        return write_page(recordings, path, names=names, field=field)
    if ending in FIGURES and len(recordings) == 2:
        return save_figure(draw_difference(*recordings, field=field), path)
    if len(recordings) == 2:
        raise InputError(f"{path}: two recordings are drawn to a page (.html) or a "
                         f"figure ({', '.join(FIGURES)})")  # fmt: skip
    if ending in FIGURES:
        figure = draw_frames(recordings[0], field=field, trial=trial, feature=feature)
        return save_figure(figure, path)
    if ending in MOVIES:
        return write_movie(
            recordings[0], path, field=field, trial=trial, feature=feature
        )
    raise InputError(
        f"{path}: '{ending}' is not one of {', '.join((*PAGES, *FIGURES, *MOVIES))}"
    )
