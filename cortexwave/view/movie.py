"""Movies of recordings: a page that plays without a network, a GIF, or an MP4."""

from __future__ import annotations

from html import escape
from pathlib import Path

import numpy as np
import xarray as xr

from cortexwave.view import pieces
from cortexwave.view.colours import Limits
from cortexwave.view.encoding import check_encoding, write_pictures
from cortexwave.view.film import Film, film_of
from cortexwave.view.painted import painted
from cortexwave.view.paths import checked_path, written
from cortexwave.view.player import player_html
from cortexwave.view.selection import select
from cortexwave.view.web import SCRIPT, STYLE

_INSTEAD = "a .html or a .gif"


def write_movie(
    recording: xr.Dataset,
    path: str | Path,
    *,
    field: str | None = None,
    trial: int = 0,
    feature: int = 0,
    seconds: float | None = None,
    frames_per_second: float = 25.0,
    size: int = 560,
    limits: Limits | None = None,
) -> Path:
    """The path of the movie, written as html, gif or mp4 by its suffix.

    At most 400 frames, evenly chosen, or as many as play in `seconds`; sheets are
    `size` pixels along their longer side. An html page holds all it needs.
    """
    target = checked_path(path, (".html", ".gif", ".mp4"))
    check_encoding(target, size=size, instead=_INSTEAD)
    film = film_of(
        [select(recording, field=field, trial=trial, feature=feature)],
        names=[""],
        limits=limits,
        seconds=seconds,
        frames_per_second=frames_per_second,
    )
    with pieces.journal_style(), written(target) as part:
        if target.suffix.lower() == ".html":
            part.write_text(_page(film, size), encoding="utf-8")
        else:
            write_pictures(painted(film, size), part, rate=film.rate,
                           palette=_palette(film), instead=_INSTEAD)  # fmt: skip
    return target


def _page(film: Film, size: int) -> str:
    title = escape(film.shown.title or film.shown.label)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{STYLE}</style></head>
<body><main><h1>{title}</h1>
{player_html(film, size=size)}
</main><script>{SCRIPT}</script></body></html>
"""


def _palette(film: Film) -> np.ndarray:
    """Colours (colour, rgb) of a GIF: the map, what is missing, greys and lanes."""
    colours = film.scale.colours()[np.rint(np.linspace(0, 254, 223)).astype(int)]
    greys = np.repeat(np.linspace(0, 255, 24).astype(np.uint8)[:, None], 3, axis=1)
    lanes = np.array(
        [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in pieces.SERIES]
    )
    table = np.vstack([colours, film.scale.colours()[255:], greys, lanes])
    return table.astype(np.uint8)
