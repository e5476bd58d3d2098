"""A film as a piece of a page: canvas, slider, time stamp, scale bar, colour bar."""

from __future__ import annotations

import base64
import json
from html import escape

import numpy as np

from cortexwave.view import pieces
from cortexwave.view.colours import MISSING_LEVEL, nice_ticks
from cortexwave.view.film import Film
from cortexwave.view.selection import milliseconds


def player_html(film: Film, *, size: int) -> str:
    """The player as HTML; sheets are at most `size` pixels wide and high.

    The page around it carries `web.STYLE` and, after all players, `web.SCRIPT`.
    """
    panels = "".join(
        (_line_panel if film.shown.line else _sheet_panel)(film, k, size)
        for k in range(len(film.panels))
    )
    key = "" if film.shown.line else _key(film, size)
    last = film.time.size - 1
    return f"""<figure class="player" tabindex="0" aria-label="movie of {
        escape(film.shown.name)
    }">
<div class="head"><span class="stamp"></span><span class="onset"></span></div>
<div class="stage">{panels}{key}</div>
<div class="controls"><button type="button">Play</button>
<div class="track"><div class="marks">{_slider_marks(film)}</div>
<input type="range" min="0" max="{last}" value="0" step="1" aria-label="frame"></div>
<select aria-label="speed"><option value="0.25">¼ ×</option><option value="0.5">½ ×
</option><option value="1" selected>1 ×</option><option value="2">2 ×</option>
<option value="4">4 ×</option></select></div>
<noscript><p>The movie needs JavaScript, which is switched off.</p></noscript>
<figcaption>{escape(_caption(film))}</figcaption>
<script type="application/json">{_json(film)}</script>
</figure>"""


def _json(film: Film) -> str:
    ms = 1e3 * film.time
    content = {
        "line": bool(film.shown.line),
        "count": int(film.time.size),
        "ny": int(film.panels[0].shape[1]),
        "nx": int(film.panels[0].shape[2]),
        "panels": [_base64(panel) for panel in film.panels],
        "colours": _base64(film.scale.colours()),
        "low": film.scale.low,
        "high": film.scale.high,
        "cyclic": film.scale.cyclic,
        "times": milliseconds(film.time),
        "ms": [float(value) for value in ms],
        "step": float(np.median(np.diff(ms))) if ms.size > 1 else 0.0,
        "rate": film.rate,
        "poster": _liveliest(film),
        "marks": [
            {
                "start": 1e3 * mark.onset,
                "end": 1e3 * mark.end,
                "label": mark.label[:60],
                "colour": pieces.lane_colour(film.shown.marks, mark),
            }
            for mark in film.shown.marks
        ],
    }
    # "</script>" in a name must not end the script
    return json.dumps(content, ensure_ascii=False, allow_nan=False).replace(
        "<", "\\u003c"
    )


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode("ascii")


def _liveliest(film: Film) -> int:
    """The frame with the greatest spread of levels: what to show at rest."""
    frames = film.panels[0].reshape(film.time.size, -1)
    return int(np.argmax([frame.std() for frame in frames]))


def _caption(film: Film) -> str:
    parts = [f"{film.scale.label}."]
    if film.every > 1:
        parts.append(
            f"Every {film.every} frames of the recording, one is shown: "
            f"{film.time.size} of {film.recorded}."
        )
    if film.site_every > 1:
        parts.append(f"Every {film.site_every} sites along each axis, one is shown.")
    if film.slowing():
        parts.append(film.slowing())
    if film.scale.extend != "neither":
        parts.append("Some values lie beyond the ends of the colour scale.")
    if any((panel == MISSING_LEVEL).any() for panel in film.panels):
        parts.append("Grey: no finite value.")
    return " ".join(parts)


def _slider_marks(film: Film) -> str:
    start, end = 1e3 * float(film.time[0]), 1e3 * float(film.time[-1])
    span = (end - start) or 1.0
    found = []
    for mark in film.shown.marks:
        left = (1e3 * mark.onset - start) / span
        right = (1e3 * mark.end - start) / span
        if left > 1 or right < 0:
            continue
        left, right = max(0.0, left), min(1.0, right)
        found.append(
            f'<i style="left:{100 * left:.3f}%;width:{100 * (right - left):.3f}%;'
            f'background:{pieces.lane_colour(film.shown.marks, mark)}" '
            f'title="{escape(mark.label)}"></i>'
        )
    return "".join(found)


def _name(film: Film, k: int) -> str:
    if not film.names[k]:
        return ""
    text = escape(film.names[k])
    return f'<div class="name" title="{text}">{text}</div>'


def _sheet_size(film: Film, size: int) -> tuple[float, float]:
    """Width and height of the sheet in pixels."""
    (left, right), (low, high) = film.shown.extent("x"), film.shown.extent("y")
    across, up = right - left, high - low
    longest = max(across, up)
    return size * across / longest, size * up / longest


def _sheet_panel(film: Film, k: int, size: int) -> str:
    width, height = _sheet_size(film, size)
    left, right = film.shown.extent("x")
    low, high = film.shown.extent("y")
    bar = ""
    if k == 0 and max(film.shown.x.size, film.shown.y.size) > 1:
        length = pieces.nice_length(max(right - left, 0.5 * (high - low)))
        share = min(1.0, length / (right - left))
        bar = (
            f'<div class="length"><i style="width:{100 * share:.3f}%"></i>'
            f"{pieces.length_text(length)}</div>"
        )
    return f"""<div class="panel" style="width:{width + 2:.0f}px">{_name(film, k)}
<div class="sheet" style="aspect-ratio:{width:.2f}/{max(height, 1):.2f}">
<canvas></canvas></div>{bar}</div>"""


def _key(film: Film, size: int) -> str:
    height = max(_sheet_size(film, size)[1], 90.0)
    drop = "margin-top:1.55rem;" if any(film.names) else ""
    ticks = _spans(film.scale.ticks(), film.scale.limits, "bottom")
    return f"""<div class="key" style="{drop}height:{height + 2:.0f}px">
<div class="bar"><canvas></canvas></div><div class="ticks">{ticks}</div>
<div class="unit">{escape(film.scale.label)}</div></div>"""


def _spans(ticks: list[tuple[float, str]], ends: tuple[float, float], side: str) -> str:
    span = (ends[1] - ends[0]) or 1.0
    return "".join(
        f'<span style="{side}:{100 * (at - ends[0]) / span:.3f}%">{escape(text)}</span>'
        for at, text in ticks
    )


def _line_panel(film: Film, k: int, size: int) -> str:
    """A moving profile over a strip of space against time, position along x."""
    axis = film.shown.line or "x"
    scale, ends = film.scale, film.shown.extent(axis)
    start, end = pieces.time_limits(film.time)
    zero = (0.0 - scale.low) / (scale.high - scale.low)
    base = f'<path class="zero" d="M0 {300 * (1 - zero):.2f}H1000"/>'
    # time runs down the strip, so its ticks are counted from the top
    times = "".join(
        f'<span style="bottom:{100 * (1 - (at - start) / (end - start)):.3f}%">'
        f"{escape(text)}</span>"
        for at, text in nice_ticks(start, end)
    )
    return f"""<div class="panel" style="width:{size + 90}px;max-width:100%">
{_name(film, k)}<div class="rows">
<div class="axis">{_spans(scale.ticks(4), scale.limits, "bottom")}
<b>{escape(scale.label)}</b></div>
<div class="profile"><svg viewBox="0 0 1000 300" preserveAspectRatio="none">
{base if 0 <= zero <= 1 else ""}<path class="gone"/><path class="curve"/></svg></div>
<div class="axis">{times}<b>time (ms)</b></div>
<div class="strip"><canvas></canvas><hr></div>
<div></div><div class="below">{_spans(nice_ticks(*ends, 6), ends, "left")}
<b>{axis} (mm)</b></div></div></div>"""
