"""Movies of recordings: a page that plays without a network, a GIF, or an MP4."""

from __future__ import annotations

import shutil
import subprocess
from html import escape
from pathlib import Path

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.colours import Limits
from cortexwave.view.film import Film, film_of
from cortexwave.view.painted import painted
from cortexwave.view.paths import checked_path, written
from cortexwave.view.player import player_html
from cortexwave.view.selection import select
from cortexwave.view.web import SCRIPT, STYLE


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
    if not 64 <= size <= 2048:
        raise InputError(f"size is {size} pixels; 64 to 2048 can be shown")
    if target.suffix.lower() == ".mp4" and shutil.which("ffmpeg") is None:
        raise InputError(
            f"{target}: an mp4 needs the program ffmpeg, which is not on the PATH; "
            "write a .html or a .gif instead"
        )
    film = film_of(
        [select(recording, field=field, trial=trial, feature=feature)],
        names=[""],
        limits=limits,
        seconds=seconds,
        frames_per_second=frames_per_second,
    )
    with written(target) as part:
        if target.suffix.lower() == ".html":
            part.write_text(_page(film, size), encoding="utf-8")
        elif target.suffix.lower() == ".gif":
            _write_gif(film, part, size)
        else:
            _write_mp4(film, part, size)
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


def _write_gif(film: Film, path: Path, size: int) -> None:
    from PIL import Image

    # one palette for all frames, or colours would flicker: the map and some greys
    colours = film.scale.colours()[np.rint(np.linspace(0, 254, 223)).astype(int)]
    greys = np.repeat(np.linspace(0, 255, 24).astype(np.uint8)[:, None], 3, axis=1)
    lanes = np.array(
        [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in pieces.SERIES]
    )
    table = np.vstack([colours, film.scale.colours()[255:], greys, lanes])
    palette = Image.new("P", (1, 1))
    palette.putpalette(table.astype(np.uint8).tobytes())
    with pieces.journal_style():
        pictures = [
            Image.fromarray(each).quantize(palette=palette, dither=Image.Dither.NONE)
            for each in painted(film, size)
        ]
    # GIF counts in hundredths of a second, and players refuse less than two
    duration = max(20, 10 * round(100 / film.rate))
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=duration, loop=0,
        optimize=False,
    )  # fmt: skip


def _write_mp4(film: Film, path: Path, size: int) -> None:
    with pieces.journal_style():
        pictures = painted(film, size)
        first = next(pictures)
        command = [
            "ffmpeg", "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24",
            "-s", f"{first.shape[1]}x{first.shape[0]}", "-r", f"{film.rate:g}",
            "-i", "-", "-an", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "16",
            "-movflags", "+faststart", str(path),
        ]  # fmt: skip
        encoder = subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert encoder.stdin is not None and encoder.stderr is not None
        try:
            encoder.stdin.write(first.tobytes())
            for picture in pictures:
                encoder.stdin.write(picture.tobytes())
            encoder.stdin.close()
        except BrokenPipeError:
            pass  # it has stopped early, and says below why
        complaint = encoder.stderr.read().decode(errors="replace").strip()
        if encoder.wait() != 0:
            raise InputError(
                f"{path.parent}: ffmpeg could not write an mp4 ({complaint[:300]}); "
                "write a .html or a .gif instead"
            )
