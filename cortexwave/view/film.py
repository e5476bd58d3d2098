"""A film: evenly chosen frames of recordings as levels of one colour scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cortexwave.errors import InputError
from cortexwave.view.colours import ColourScale, Limits, colour_scale
from cortexwave.view.selection import Shown, as_floats, evenly

_MOST_FRAMES = 400
_MOST_VALUES = 16_000_000  # of all panels: a page of some 20 MB
_MOST_SITES = 512  # along an axis: more than a screen gives to a sheet


@dataclass(frozen=True)
class Film:
    """Frames as levels of one colour scale, of one or more recordings side by side."""

    shown: Shown  # of the first recording; all share its axes
    names: tuple[str, ...]
    panels: tuple[np.ndarray, ...]  # (frame, y, x) of uint8 levels, one a recording
    scale: ColourScale
    time: np.ndarray  # (frame,), s
    every: int  # frames of the recording per frame of the film
    site_every: int  # sites of the recording per pixel, along each axis
    rate: float  # frames per second of play

    @property
    def recorded(self) -> int:
        """Frames of the recording that the film was taken from."""
        return self.shown.time.size

    def slowing(self) -> str:
        """How much slower (or faster) than life it plays."""
        if self.time.size < 2:
            return ""
        played = float(self.time[-1] - self.time[0]) / (self.time.size - 1) * self.rate
        ratio = 1 / played
        word = "slower" if ratio >= 1 else "faster"
        times = max(ratio, 1 / ratio)
        return (
            f"One second of play is {1e3 * played:.4g} ms of the sheet: "
            f"{times:.3g} times {word} than life."
        )


def check_pace(rate: float, seconds: float | None) -> None:
    """`InputError` for frames per second, or seconds of play, that cannot be."""
    if not (np.isfinite(rate) and 0.1 <= rate <= 100):
        raise InputError(f"frames_per_second is {rate}; 0.1 to 100 can be played")
    if seconds is not None and not (np.isfinite(seconds) and seconds > 0):
        raise InputError(f"seconds of play is {seconds}, which is no positive length")


def film_of(
    shown: Sequence[Shown],
    *,
    names: Sequence[str],
    limits: Limits | None = None,
    seconds: float | None = None,
    frames_per_second: float = 25.0,
) -> Film:
    """Frames of recordings with the same axes, side by side on one colour scale."""
    check_pace(frames_per_second, seconds)
    first = shown[0]
    site_every = -(-max(first.y.size, first.x.size) // _MOST_SITES)
    coarse = slice(None, None, site_every)
    if first.line:
        site_every, coarse = 1, slice(None)  # one row of sites is never much
    sites = first.y[coarse].size * first.x[coarse].size * len(shown)
    most = max(1, min(_MOST_FRAMES, _MOST_VALUES // sites))
    if seconds is not None:
        most = min(most, max(1, int(seconds * frames_per_second)))
    kept = evenly(first.time.size, most)
    frames = [
        as_floats(each.values.isel(time=kept, y=coarse, x=coarse)) for each in shown
    ]
    scale = colour_scale(
        frames[0] if len(frames) == 1 else np.stack(frames),
        units=first.units,
        label=first.label,
        limits=limits,
    )
    return Film(
        shown=first,
        names=tuple(names),
        panels=tuple(scale.levels(each) for each in frames),
        scale=scale,
        time=first.time[kept],
        every=kept.step,
        site_every=site_every,
        rate=frames_per_second,
    )
