"""One page on one or several recordings: what ran, figures, movie, how they agree.

The page holds all it needs: it opens without a network, prints, and can be sent.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.agreement import comparable_fields, greatest_difference
from cortexwave.view.colours import number
from cortexwave.view.figures import draw_difference, draw_frames, draw_space_time
from cortexwave.view.film import Film, film_of
from cortexwave.view.paths import checked_path, written
from cortexwave.view.player import player_html
from cortexwave.view.selection import Shown, milliseconds, select
from cortexwave.view.tables import events_table, provenance_table, sheet_text
from cortexwave.view.web import SCRIPT, STYLE

_HALF_WIDTH = 5.0  # inches of a figure that stands beside another


def write_page(
    recordings: Sequence[xr.Dataset],
    path: str | Path,
    *,
    title: str | None = None,
    names: Sequence[str] | None = None,
    notes: Sequence[tuple[str, str]] = (),
    field: str | None = None,
) -> Path:
    """The path of an HTML page on recordings, with their figures and movies.

    `names` stand above each (by default the engines'); `notes` are (heading, text).
    Two recordings on the same axes are put side by side on one colour scale and
    their difference is drawn; of others the page says why they are not compared.
    """
    target = checked_path(path, (".html",))
    if isinstance(recordings, xr.Dataset) or not len(recordings):
        raise InputError("a page needs a list of at least one recording")
    labels = _names(recordings, names)
    shown = [select(recording, field=field) for recording in recordings]
    heading = title or str(recordings[0].attrs.get("title", "")) or shown[0].label
    refusal = _refusal(recordings)
    films = _films(shown, labels, alike=refusal is None)
    apart = greatest_difference(*recordings) if refusal is None else {}
    lead = _lead(shown[0], labels, apart) + _first_of(recordings[0], shown[0])
    limits = [film.scale.limits for film in films]
    if len(limits) < len(shown):  # one film of all, hence one scale
        limits = limits * len(shown)
    parts = [
        _notes(notes),
        "<h2>Movie</h2>",
        *(player_html(film, size=_film_size(film)) for film in films),
        "<h2>Frames</h2>",
        _figures(
            recordings,
            labels,
            [
                draw_frames(each, field=field, limits=ends, width=_width(labels))
                for each, ends in zip(recordings, _free(limits, shown), strict=True)
            ],
            _frames_caption(shown[0]),
        ),
        "<h2>Space and time</h2>",
        _figures(
            recordings,
            labels,
            [
                draw_space_time(each, field=field, limits=ends, width=_width(labels))
                for each, ends in zip(recordings, _free(limits, shown), strict=True)
            ],
            f"{shown[0].label} along a line of sites, against time.",
        ),
        _agreement(recordings, labels, apart, refusal),
        "<h2>What was run</h2>",
        provenance_table(recordings, shown, labels),
        events_table(recordings[0]),
    ]
    page = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(heading)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{STYLE}</style></head>
<body><main><h1>{escape(heading)}</h1>
<p class="lead">{escape(lead)}</p>
{"".join(parts)}
<footer>Written by cortexwave. This page needs no other file and no network.</footer>
</main><script>{SCRIPT}</script></body></html>
"""
    with written(target) as part:
        part.write_text(page, encoding="utf-8")
    return target


def _names(recordings: Sequence[xr.Dataset], names: Sequence[str] | None) -> list[str]:
    if names is not None:
        if len(names) != len(recordings):
            raise InputError(
                f"{len(names)} names given for {len(recordings)} recordings: "
                f"{list(names)}"
            )
        return [str(name) for name in names]
    found = [str(each.attrs.get("backend", "")) or "recording" for each in recordings]
    return [
        f"{name} ({found[:k].count(name) + 1})" if found.count(name) > 1 else name
        for k, name in enumerate(found)
    ]


def _refusal(recordings: Sequence[xr.Dataset]) -> str | None:
    """Why the recordings are not compared; None for two that can be, "" for one."""
    if len(recordings) == 1:
        return ""
    if len(recordings) > 2:
        return "only two recordings are compared"
    try:
        comparable_fields(recordings[0], recordings[1])
    except InputError as error:
        return str(error)
    return None


def _films(shown: list[Shown], labels: list[str], *, alike: bool) -> list[Film]:
    if alike and all(each.units == shown[0].units for each in shown):
        return [film_of(shown, names=labels)]
    several = len(shown) > 1
    return [
        film_of([each], names=[label if several else ""])
        for each, label in zip(shown, labels, strict=True)
    ]


def _film_size(film: Film) -> int:
    if film.shown.line:
        return 820 if len(film.panels) == 1 else 400
    return 560 if len(film.panels) == 1 else 430


def _free(
    limits: list[tuple[float, float]], shown: list[Shown]
) -> list[tuple[float, float] | None]:
    """Limits for figures; none for angles, which have a scale of their own."""
    return [
        None if each.units == "rad" else ends
        for ends, each in zip(limits, shown, strict=True)
    ]


def _width(labels: list[str]) -> float:
    return pieces.FULL_WIDTH if len(labels) == 1 else _HALF_WIDTH


def _lead(shown: Shown, labels: list[str], apart: dict[str, float]) -> str:
    ran = milliseconds([float(shown.time[-1] - shown.time[0])])[0]
    engines = " and ".join(labels) if len(labels) < 3 else f"{len(labels)} recordings"
    sheet = sheet_text(shown)
    line = f"{sheet[0].upper()}{sheet[1:]}, {ran}, by {engines}."
    if apart:
        worst = max(apart.values())
        line += f" They differ by at most {number(worst, 2)} of the greatest value."
    return line


def _first_of(recording: xr.Dataset, shown: Shown) -> str:
    sizes = recording[shown.name].sizes
    several = [f"{dim} 0 of {sizes[dim]}" for dim in ("trial", "feature") if
               sizes.get(dim, 1) > 1]  # fmt: skip
    return f" Shown is {' and '.join(several)}." if several else ""


def _frames_caption(shown: Shown) -> str:
    on = "Coloured time" if shown.line else "Coloured border"
    return f"{shown.label}. " + (f"{on}: a stimulus is on." if shown.marks else "")


def _notes(notes: Sequence[tuple[str, str]]) -> str:
    return "".join(
        f'<p class="note"><b>{escape(str(heading))}</b> {_lines(str(text))}</p>'
        for heading, text in notes
    )


def _lines(text: str) -> str:
    return escape(text.strip()).replace("\n", "<br>")


def _figures(
    recordings: Sequence[xr.Dataset],
    labels: list[str],
    figures: list[Figure],
    caption: str,
) -> str:
    drawn = [
        f'<figure class="print"><img alt="{escape(caption)} {escape(label)}" '
        f'src="{_picture(figure)}"></figure>'
        for figure, label in zip(figures, labels, strict=True)
    ]
    body = drawn[0] if len(drawn) == 1 else f'<div class="pair">{"".join(drawn)}</div>'
    return f"{body}<p><small>{escape(caption)}</small></p>"


def _picture(figure: Figure) -> str:
    """A figure as an image inside the page: sharp at any size, no names to clash."""
    drawn = io.BytesIO()
    with pieces.journal_style():
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(drawn.getvalue()).decode()


def _agreement(
    recordings: Sequence[xr.Dataset],
    labels: list[str],
    apart: dict[str, float],
    refusal: str | None,
) -> str:
    if refusal == "":
        return ""
    if refusal is not None:
        return f"<h2>Difference</h2><p>Not compared: {escape(refusal)}.</p>"
    first, second = recordings
    rows = "".join(
        f'<tr><th><code>{escape(name)}</code></th><td class="number">'
        f"{escape(number(value, 2) if value else '0, equal to the last bit')}</td>"
        f"<td>{escape(str(first[name].dtype))}, {escape(str(second[name].dtype))}</td>"
        "</tr>"
        for name, value in apart.items()
    )
    figure = draw_difference(
        first.assign_attrs(backend=labels[0]), second.assign_attrs(backend=labels[1])
    )
    caption = (
        "Greatest absolute difference over all sites and trials, at each time, "
        "divided by the greatest absolute value of the field."
    )
    return f"""<h2>Difference between {escape(labels[0])} and {escape(labels[1])}</h2>
<div class="card wide"><table><thead><tr><th>Field</th><th class="number">
max |difference| / max |field|</th><th>Stored as</th></tr></thead>
<tbody>{rows}</tbody></table></div>
<figure class="print"><img alt="{escape(caption)}" src="{_picture(figure)}"></figure>
<p><small>{escape(caption)}</small></p>"""
