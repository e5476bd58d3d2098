"""A field against time: along a cut, at sites, and two engines' difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.agreement import comparable_fields, difference_in_time
from cortexwave.view.colours import MISSING, SERIES, Limits, colour_scale
from cortexwave.view.selection import as_floats, evenly, nearest_site, select

_MOST_COLUMNS = 1500  # of a space-time figure: what 300 dpi can show


def draw_space_time(
    recording: xr.Dataset,
    *,
    field: str | None = None,
    trial: int = 0,
    feature: int = 0,
    along: Literal["x", "y"] | None = None,
    at: float | None = None,
    limits: Limits | None = None,
    width: float = pieces.FULL_WIDTH,
) -> Figure:
    """Position (mm) against time (ms) along a row or column of the sheet.

    `along` is x, or y on a sheet of one column; the cut goes through the site
    nearest to `at` mm on the other axis, or the middle one. Long recordings are
    thinned to every k-th frame, which the time axis then says.
    """
    shown = select(recording, field=field, trial=trial, feature=feature)
    along = along or shown.line or "x"
    if along not in ("x", "y"):
        raise InputError(f"a cut runs along 'x' or 'y', not {along!r}")
    across: Literal["x", "y"] = "y" if along == "x" else "x"
    places = shown.position(across)
    site = places.size // 2 if at is None else nearest_site(places, at, across)
    kept = evenly(shown.time.size, _MOST_COLUMNS)
    cut = as_floats(shown.values.isel({across: site, "time": kept}))  # (time, along)
    time = shown.time[kept]
    scale = colour_scale(cut, units=shown.units, label=shown.label, limits=limits)
    where = f", {across} = {places[site]:.4g} mm" if places.size > 1 else ""
    with pieces.journal_style():
        head, lanes = pieces.head_height(shown.title), pieces.lanes_height(shown.marks)
        body = width - 0.55 - pieces.KEY_WIDTH
        tall = min(2.4, 0.42 * body + 0.2)
        figure = pieces.new_figure(width, head + lanes + 0.04 + tall + 0.42)
        axes = pieces.axes_at(figure, 0.55, head + lanes + 0.04, body, tall)
        ends = pieces.time_limits(time)
        if _is_even(time) and _is_even(shown.position(along)):
            pieces.draw_image(axes, cut.T, scale, (*ends, *shown.extent(along)))
        else:
            axes.pcolormesh(
                1e3 * time, shown.position(along), np.ma.masked_invalid(cut.T),
                cmap=scale.colour_map(), norm=scale.norm(), rasterized=True,
            )  # fmt: skip
        every = f", every {kept.step} frames" if kept.step > 1 else ""
        axes.set(
            xlim=ends,
            ylim=shown.extent(along),
            xlabel=f"time (ms{every})",
            ylabel=f"{along} (mm{where})",
        )
        pieces.draw_key(
            pieces.axes_at(figure, 0.67 + body, head + lanes + 0.04, 0.1, tall), scale
        )
        if lanes:
            strip = pieces.axes_at(figure, 0.55, head, body, lanes)
            strip.set_xlim(*ends)
            pieces.draw_lanes(strip, shown)
            strip.set_xticks([])
            strip.spines["bottom"].set_visible(False)
        pieces.write_heading(figure, shown.title)
    return figure


def _is_even(positions: np.ndarray) -> bool:
    steps = np.diff(positions)
    return not steps.size or bool(np.allclose(steps, steps[0], rtol=1e-3, atol=0))


def draw_traces(
    recording: xr.Dataset,
    sites: Sequence[tuple[float, float]],
    *,
    field: str | None = None,
    trial: int = 0,
    feature: int = 0,
    width: float = pieces.FULL_WIDTH,
) -> Figure:
    """Time courses at the sites nearest to positions (y, x) in mm."""
    shown = select(recording, field=field, trial=trial, feature=feature)
    if not 1 <= len(sites) <= 2 * len(SERIES):
        raise InputError(
            f"{len(sites)} sites given; 1 to {2 * len(SERIES)} can be told"
        )
    with pieces.journal_style():
        head, lanes = pieces.head_height(shown.title), pieces.lanes_height(shown.marks)
        body, tall = width - 0.65 - 1.25, 2.0
        figure = pieces.new_figure(width, head + lanes + 0.04 + tall + 0.42)
        axes = pieces.axes_at(figure, 0.65, head + lanes + 0.04, body, tall)
        for k, (y, x) in enumerate(sites):
            row = nearest_site(shown.y, y, "y")
            column = nearest_site(shown.x, x, "x")
            values = as_floats(shown.values.isel(y=row, x=column))
            if shown.units == "rad":
                values = np.mod(values, 2 * np.pi)
            named = [f"y {shown.y[row]:g}"] if shown.line != "x" else []
            named += [f"x {shown.x[column]:g}"] if shown.line != "y" else []
            axes.plot(
                1e3 * shown.time, values, "." if shown.units == "rad" else
                ("-", "--")[k // len(SERIES)], color=SERIES[k % len(SERIES)], ms=1.5,
                label=", ".join(named) + " mm",
                marker="o" if shown.time.size == 1 else None,
            )  # fmt: skip
        axes.set(xlabel="time (ms)", ylabel=pieces.plain(shown.label, 40))
        axes.set_xlim(*pieces.time_limits(shown.time))
        if shown.units == "rad":
            axes.set_yticks(np.arange(5) * np.pi / 2, ["0", "π/2", "π", "3π/2", "2π"])
        axes.legend(frameon=False, fontsize=7, loc="upper left",
                    bbox_to_anchor=(1.01, 1.0), handlelength=1.4)  # fmt: skip
        if lanes:
            strip = pieces.axes_at(figure, 0.65, head, body, lanes)
            strip.set_xlim(*axes.get_xlim())
            pieces.draw_lanes(strip, shown)
            strip.set_xticks([])
            strip.spines["bottom"].set_visible(False)
        pieces.write_heading(figure, shown.title)
    return figure


def draw_difference(
    first: xr.Dataset,
    second: xr.Dataset,
    *,
    field: str | None = None,
    width: float = pieces.FULL_WIDTH,
) -> Figure:
    """Greatest |difference| over space / max|field| against time, on a log axis.

    Of one field, or of all that both recordings have. Frames that are equal to the
    last bit have no place on a log axis; they are counted beside the field's name.
    """
    names = comparable_fields(first, second)
    if field is not None and field not in names:
        raise InputError(f"no field '{field}' in both recordings; both have {names}")
    chosen = [field] if field is not None else names
    time = 1e3 * np.asarray(first["time"].values, dtype=float)
    engines = [str(each.attrs.get("backend", "")) or "unnamed"
               for each in (first, second)]  # fmt: skip
    with pieces.journal_style():
        figure = pieces.new_figure(width, 2.5)
        axes = pieces.axes_at(figure, 0.65, 0.28, width - 0.65 - 1.35, 1.8)
        found = [difference_in_time(first, second, field=name) for name in chosen]
        seen = [0.0]
        for k, (name, apart) in enumerate(zip(chosen, found, strict=True)):
            drawn = np.where(np.isfinite(apart) & (apart > 0), apart, np.nan)
            seen += list(drawn[np.isfinite(drawn)])
            equal = int(np.sum(apart == 0))
            note = f"{pieces.plain(name, 22)}\n{equal} of {apart.size} frames equal"
            axes.plot(time, drawn, ".-", ms=2, lw=0.8, color=SERIES[k % len(SERIES)],
                      label=note)  # fmt: skip
            for at in time[np.isinf(apart)][:200]:
                axes.axvline(at, color=MISSING, lw=0.6)
        _thresholds(axes, stored_single=_single(first, second, chosen))
        axes.set_yscale("log")
        least = min((value for value in seen if value > 0), default=1e-16)
        axes.set_ylim(min(1e-17, least / 3), max(1e-11, 3 * max(seen)))
        axes.set(xlabel="time (ms)", ylabel="max |difference| / max |field|")
        axes.set_xlim(*pieces.time_limits(np.asarray(first["time"].values)))
        axes.legend(frameon=False, fontsize=6.5, loc="upper left",
                    bbox_to_anchor=(1.01, 1.0), handlelength=1.4)  # fmt: skip
        if not max(seen) and not any(np.isinf(each).any() for each in found):
            axes.text(0.5, 0.5, "equal to the last bit in every frame", ha="center",
                      transform=axes.transAxes, color=pieces.QUIET)  # fmt: skip
        pieces.write_heading(figure, f"{engines[0]} against {engines[1]}")
    return figure


def _single(first: xr.Dataset, second: xr.Dataset, names: list[str]) -> bool:
    return any(each[name].dtype == np.float32 for each in (first, second)
               for name in names)  # fmt: skip


def _thresholds(axes: Axes, *, stored_single: bool) -> None:
    """What engines may differ by in float64, and what storing as float32 costs."""
    lines = [(1e-12, "10⁻¹², allowed in float64", "--")]
    if stored_single:
        lines.append((float(np.finfo(np.float32).eps), "rounding of float32", ":"))
    for at, text, style in lines:
        axes.axhline(at, color=pieces.INK, lw=0.7, ls=style, zorder=0)
        axes.annotate(text, (1, at), (-2, 1.5), xycoords=("axes fraction", "data"),
                      textcoords="offset points", ha="right", va="bottom",
                      fontsize=6.5, color=pieces.QUIET)  # fmt: skip
