"""The head of a page: title, where it comes from, and the verdict with its reasons."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cortexwave.errors import InputError
from cortexwave.view import pieces


def draw_verdict(
    figure: Figure, attrs: Mapping[str, object], *, left: float, width: float
) -> float:
    """Title, provenance and the verdict in a box; where it ends, in inches.

    `attrs` are those of a `WavePage`; `left` and `width` in inches.
    """
    across, down = figure.get_size_inches()
    figure.text(left / across, 1 - 0.3 / down,
                pieces.plain(str(attrs.get("title", "") or "Waves"), 90),
                va="top", fontsize=11, fontweight="bold")  # fmt: skip
    lines = textwrap.wrap(str(attrs.get("provenance", "")), 165)[:2]
    for k, line in enumerate(lines):
        figure.text(left / across, 1 - (0.53 + 0.12 * k) / down,
                    pieces.plain(line, 165), va="top", fontsize=6.5,
                    color=pieces.QUIET)  # fmt: skip
    top = 0.6 + 0.12 * max(1, len(lines))
    words = str(attrs.get("verdict", "") or "no verdict given")
    verdict = textwrap.wrap(words, 112, max_lines=3, placeholder=" …")
    reasons = _reasons(attrs.get("reasons", ()))
    tall = 0.15 + 0.17 * len(verdict) + 0.13 * len(reasons)
    figure.add_artist(Rectangle(
        (left / across, 1 - (top + tall) / down), width / across, tall / down,
        fc="#f3f3f3", ec="none", transform=figure.transFigure,
    ))  # fmt: skip
    at = top + 0.09
    for text, size, step, weight in (
        *((line, 9.0, 0.17, "bold") for line in verdict),
        *((line, 7.0, 0.13, "normal") for line in reasons),
    ):
        figure.text((left + 0.1) / across, 1 - at / down, pieces.plain(text, 165),
                    va="top", fontsize=size, fontweight=weight)  # fmt: skip
        at += step
    return top + tall


def _reasons(given: object) -> list[str]:
    """Lines of the reasons: a point each, at most eight lines."""
    if isinstance(given, str):
        given = [given] if given else []
    if not isinstance(given, Sequence | np.ndarray):
        raise InputError(f"reasons are {given!r}; give a list of texts")
    lines = [
        line
        for each in given
        for line in textwrap.wrap(f"– {each}", 150, subsequent_indent="   ")
    ]
    return lines if len(lines) <= 8 else [*lines[:7], "– and more"]
