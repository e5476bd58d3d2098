"""The waves of model and lab side by side: spectra, coherency, distributions, roses.

Drawing only. Every figure takes the tables of sessions by side ("lab", "model"), each
with its name, draws a thin line for each session and a thick one for their mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cortexwave.view import pieces
from cortexwave.view.colours import SERIES
from cortexwave.view.wave_distributions import Reference
from cortexwave.view.wave_spectra import draw_wavenumber_frequency

Sessions = Mapping[str, Sequence[tuple[str, xr.Dataset]]]
SIDES = ("lab", "model")
COLOURS = {"lab": SERIES[0], "model": SERIES[1]}
NAMES = {"lab": "recording", "model": "model"}
_GAP, _LEFT, _TOP = 0.62, 0.55, 0.3
_MOST_ROSES = 12


def row_of_axes(
    count: int, *, height: float = 1.7, width: float = pieces.FULL_WIDTH,
    left: float = _LEFT, gap: float = _GAP,
) -> tuple[Figure, list[Axes]]:  # fmt: skip
    """A figure with axes side by side."""
    figure = pieces.new_figure(width, height + 0.8)
    each = (width - left - 0.15 - (count - 1) * gap) / count
    return figure, [
        pieces.axes_at(figure, left + k * (each + gap), _TOP, each, height)
        for k in range(count)
    ]


def draw_curves(
    sessions: Sessions, axes: Axes, *, name: str, along: str, factor: float = 1.0
) -> Axes:
    """A curve of each session, thin, and the mean of each side, thick."""
    for side in SIDES:
        known = []
        for _, table in sessions.get(side, ()):
            if name not in table:
                continue
            line = table[name].dims[-1]
            over = [dim for dim in table[name].dims if dim != line]
            values = np.asarray(table[name].mean(over).values, dtype=float)
            at = factor * np.asarray(table[along].values, dtype=float)
            axes.plot(at, values, color=COLOURS[side], lw=0.6, alpha=0.4)
            known.append((at, values))
        if known:
            at = known[0][0]
            mean = np.mean([np.interp(at, x, y) for x, y in known], axis=0)
            axes.plot(at, mean, color=COLOURS[side], lw=1.6, label=NAMES[side])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    return axes


def draw_spectra(sessions: Sessions, band: tuple[float, float]) -> Figure:
    """Power by frequency with the aperiodic part, and shares in the band."""
    with pieces.journal_style():
        figure, (power, share) = row_of_axes(2)
        draw_curves(sessions, power, name="power", along="frequency")
        for side in SIDES:
            tables = [table for _, table in sessions.get(side, ()) if "power" in table]
            if tables:
                first = tables[0]
                power.plot(first["frequency"], first["aperiodic"], color=COLOURS[side],
                           lw=0.8, ls=":")  # fmt: skip
        power.set(xscale="log", yscale="log", xlabel="frequency (Hz)",
                  ylabel="power per Hz, each in its unit²")  # fmt: skip
        draw_curves(sessions, share, name="share", along="frequency")
        share.set(xlim=(0.5 * band[0], 1.5 * band[1]), xlabel="frequency (Hz)",
                  ylabel="share of the band's power")  # fmt: skip
        for axes in (power, share):
            axes.axvspan(*band, color="#eeeeee", lw=0, zorder=0)
        share.legend(frameon=False, fontsize=7)
    return figure


def draw_coherency(sessions: Sessions) -> Figure:
    """Coherency in phase, and lagged, against distance."""
    with pieces.journal_style():
        figure, (real, imag) = row_of_axes(2)
        draw_curves(sessions, real, name="coherency_real", along="distance")
        draw_curves(sessions, imag, name="coherency_imag", along="distance")
        for axes, text in (
            (real, "in phase (real part)"),
            (imag, "lagged (imag. part)"),
        ):
            axes.axhline(0, color=pieces.QUIET, lw=0.5)
            axes.set(xlabel="distance (mm)", ylabel=f"coherency {text}")
        real.legend(frameon=False, fontsize=7)
    return figure


def draw_wavenumbers(
    sessions: Sessions, limits: tuple[float, float], speeds: Mapping[str, float]
) -> Figure:
    """Power over wavenumber and frequency of the first session of each side."""
    with pieces.journal_style():
        figure, axes = row_of_axes(2, width=pieces.FULL_WIDTH, gap=1.35)
        for each in axes:  # room for the key of the second
            at = each.get_position()
            each.set_position((at.x0, at.y0, at.width * 0.8, at.height))
        for each, side in zip(axes, SIDES, strict=True):
            tables = [(n, t) for n, t in sessions.get(side, ()) if "power" in t]
            each.set_title(NAMES[side] + (f", {tables[0][0]}" if tables else ""),
                           fontsize=7.5, loc="left")  # fmt: skip
            if not tables:
                absent(each, "too short for wavenumbers")
                continue
            lines = [speeds[side]] if np.isfinite(speeds.get(side, np.nan)) else []
            draw_wavenumber_frequency(tables[0][1], each, speeds=lines, limits=limits,
                                      level="each frequency")  # fmt: skip
    return figure


def draw_histograms(
    samples: Mapping[str, Mapping[str, np.ndarray]],
    names: Sequence[tuple[str, str]],
    references: Sequence[Reference] = (),
) -> Figure:
    """Shares of episodes by value: `samples` by measure and side, in shown units.

    `names` are (measure, axis label); `references` (in m/s) lie behind speeds.
    """
    with pieces.journal_style():
        figure, axes = row_of_axes(len(names), height=1.5, left=0.6)
        for each, (name, label) in zip(axes, names, strict=True):
            sides = {side: values for side, values in samples.get(name, {}).items()
                     if values.size}  # fmt: skip
            each.set_xlabel(label)
            if not sides:
                absent(each, "no episodes")
                continue
            pooled = np.concatenate(list(sides.values()))
            low, high = np.quantile(pooled, [0.03, 0.97])
            edges = np.linspace(low, max(high, low + 1e-9), 16)
            if name == "speed":
                for band in references:
                    each.axvspan(band.low, band.high, color="#cccccc", alpha=0.35, lw=0)
            for side, values in sides.items():
                weights = np.full(values.size, 1 / values.size)
                each.hist(np.clip(values, low, high), edges.tolist(), weights=weights,
                          histtype="step", color=COLOURS[side], lw=1.2)  # fmt: skip
                each.axvline(np.median(values), color=COLOURS[side], lw=0.8, ls="--")
            each.xaxis.set_major_locator(MaxNLocator(4))
        axes[0].set_ylabel("share of episodes")
    return figure


def draw_roses(roses: Sequence[tuple[str, str, np.ndarray]]) -> Figure:
    """Directions of plane waves, a rose for each (side, session, directions in deg)."""
    shown = list(roses)[:_MOST_ROSES]
    rows = -(-len(shown) // 6)
    with pieces.journal_style():
        figure = pieces.new_figure(pieces.FULL_WIDTH, 1.4 * rows + 0.15)
        across, down = figure.get_size_inches()
        for k, (side, name, angles) in enumerate(shown):
            left, top = 0.15 + (k % 6) * 1.17, 0.42 + (k // 6) * 1.4
            place = (left / across, 1 - (top + 0.9) / down, 0.9 / across, 0.9 / down)
            axes = figure.add_axes(place, projection="polar")
            turn = np.radians(angles[np.isfinite(angles)])
            counts, edges = np.histogram(
                np.mod(turn, 2 * np.pi), np.linspace(0, 2 * np.pi, 17)
            )
            # of equal areas, a share twice as large has a radius root 2 as long
            axes.bar(edges[:-1], np.sqrt(counts / max(1, counts.sum())),
                     width=np.diff(edges), align="edge", color=COLOURS[side],
                     alpha=0.75, lw=0)  # fmt: skip
            axes.set_title(
                f"{NAMES[side]} {name}\nn = {turn.size}", fontsize=6.5, pad=3
            )
            axes.set_xticks([0, np.pi / 2, np.pi, 1.5 * np.pi], ["x", "y", "", ""])
            axes.tick_params(labelsize=6, pad=-3)
            axes.set_yticks([])
    return figure


def draw_kinds(
    counts: Sequence[tuple[str, str, Sequence[int]]], kinds: Sequence[str]
) -> Figure:
    """Shares of kinds of episodes: a bar for each (side, session, counts)."""
    with pieces.journal_style():
        tall = 0.22 * len(counts) + 0.1
        figure = pieces.new_figure(pieces.FULL_WIDTH, tall + 0.9)
        axes = pieces.axes_at(figure, 1.5, 0.42, pieces.FULL_WIDTH - 1.7, tall)
        names = []
        for row, (side, name, each) in enumerate(counts):
            share = np.asarray(each, dtype=float) / max(1, sum(each))
            ends = np.concatenate([[0], np.cumsum(share)])
            for k, kind in enumerate(kinds):
                axes.barh(row, share[k], left=ends[k], height=0.75,
                          color=SERIES[k % len(SERIES)], lw=0,
                          label=kind if row == 0 else None)  # fmt: skip
            names.append(f"{NAMES[side]} {name} (n = {sum(each)})")
        axes.set_yticks(range(len(names)), names, fontsize=6.5)
        axes.set(xlim=(0, 1), xlabel="share of episodes")
        axes.invert_yaxis()
        axes.legend(frameon=False, fontsize=6.5, ncols=len(kinds), loc="lower left",
                    bbox_to_anchor=(0, 1))  # fmt: skip
    return figure


def absent(axes: Axes, said: str) -> Axes:
    """Empty axes that say so."""
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, said, transform=axes.transAxes, ha="center", va="center",
              color=pieces.QUIET, fontsize=7.5)  # fmt: skip
    return axes
