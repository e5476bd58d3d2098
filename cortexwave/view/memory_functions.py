"""Memory of a drive: how much, for how long, of which degree, and where it lies.

Drawing only, of what `memory_function`, `processing_capacity`, `fisher_memory` (of an
operator or of data) and `lag_position` of `cortexwave.memory` found.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.colours import SERIES, number


def draw_memory_function(found: xr.Dataset, axes: Axes) -> Axes:
    """m(k) against age, its interval, and what shifts of the drive give.

    A line for each patch; the dashed one is the limit in many values. Below the grey
    line is what the greatest of all lags reaches by chance in 95 % of shifts.
    """
    expect_measure(found, "memory")
    age, unit = _age(found)
    for k in range(found.sizes["patch"]):
        one, colour = found.isel(patch=k), SERIES[k % len(SERIES)]
        span = number(1e3 * float(one["span"]), 3)
        axes.fill_between(age, one["low"], one["high"], color=colour, alpha=0.2, lw=0)
        axes.plot(age, one["memory"], "o-", ms=2, lw=0.8, color=colour,
                  label=f"{_patch(found, k)}{float(one['capacity']):.2f} values, "
                  f"{span} ms")  # fmt: skip
        axes.plot(age, one["memory_limit"], "--", lw=0.6, color=colour)
    axes.axhline(float(found["threshold"]), color=pieces.QUIET, lw=0.7)
    axes.set(xlabel=f"age ({unit})", ylabel="m(k), held out")
    axes.set_ylim(min(-0.03, float(found["memory"].min())), 1.03)
    axes.legend(frameon=False, fontsize=6.5, loc="upper right", handlelength=1.2)
    return axes


def draw_capacity_by_degree(found: xr.Dataset, axes: Axes) -> Axes:
    """Capacity of each degree with its interval; the sites are its bound."""
    expect_measure(found, "capacity_of")
    at = np.arange(found.sizes["order"])
    capacity = found["capacity"].values
    spread = np.abs(np.stack([capacity - found["low"], found["high"] - capacity]))
    axes.bar(at, capacity, 0.6, color=SERIES[0])
    axes.errorbar(at, capacity, spread, fmt="none", ecolor=pieces.INK, lw=0.8)
    axes.set_xticks(at, [str(order) for order in found["order"].values])
    axes.set(xlabel="degree", ylabel="capacity")
    axes.set_title(f"{float(found['total']):.2f} of {int(found['sites'])} possible",
                   fontsize=7, loc="left", pad=3)  # fmt: skip
    return axes


def draw_fisher_memory(found: xr.Dataset, axes: Axes) -> Axes:
    """J(k) against age (lag for a known operator), and its total."""
    expect_measure(found, "fisher")
    age, unit = _age(found)
    along = "patch" if "patch" in found.dims else "input"
    for k in range(found.sizes[along]):
        one, colour = found.isel({along: k}), SERIES[k % len(SERIES)]
        if "low" in one:
            axes.fill_between(age, one["low"], one["high"], color=colour, alpha=0.2,
                              lw=0)  # fmt: skip
        told = f"{_patch(found, k)}total {float(one['total']):.2f}"
        axes.plot(age, one["fisher"], "o-", ms=2, lw=0.8, color=colour, label=told)
    if "threshold" in found:
        axes.axhline(float(found["threshold"]), color=pieces.QUIET, lw=0.7)
    axes.axhline(0, color=pieces.QUIET, lw=0.5, ls=":")
    axes.set(xlabel=f"age ({unit})", ylabel="Fisher memory J(k)")
    axes.legend(frameon=False, fontsize=6.5, loc="upper right", handlelength=1.2)
    return axes


def draw_lag_position(found: xr.Dataset, axes: Axes) -> Axes:
    """The age that each site holds most of, against its distance; lines and speeds."""
    expect_measure(found, "peak_age")
    for k in range(found.sizes["patch"]):
        one, colour = found.isel(patch=k), SERIES[k % len(SERIES)]
        distance, age = one["distance"].values, 1e3 * one["peak_age"].values
        speed = float(one["speed"])
        ends = [1e-3 * float(one[f"speed_{end}"]) for end in ("low", "high")]
        told = "no speed" if np.isnan(speed) else (
            f"{number(1e-3 * speed, 3)} m/s ({ends[0]:.3g} to {ends[1]:.3g})"
        )  # fmt: skip
        axes.plot(distance, age, "o", ms=2.5, color=colour,
                  label=f"{_patch(found, k)}{told}")  # fmt: skip
        if np.isfinite(float(one["slope"])):
            known = np.isfinite(age)
            ends_at = np.array([distance[known].min(), distance[known].max()])
            line = 1e3 * (float(one["intercept"]) + float(one["slope"]) * ends_at)
            axes.plot(ends_at, line, color=colour, lw=0.8)
    axes.set(xlabel="distance from the drive (mm)", ylabel="age held most (ms)")
    axes.legend(frameon=False, fontsize=6.5, loc="upper left", handlelength=1.2)
    return axes


def draw_drive_memory(
    found: dict[str, xr.Dataset], *, width: float = pieces.FULL_WIDTH
) -> Figure:
    """All measures of a drive's memory that are given, side by side in one figure.

    `found`: a Dataset for each name; what each is its attribute `measure` says.
    """
    drawn = [each for each in found.values()
             if each.attrs.get("measure") in DRAWN and each.data_vars]  # fmt: skip
    if not drawn:
        raise InputError(f"none of {list(found)} is one of {', '.join(DRAWN)}")
    with pieces.journal_style():
        columns = min(2, len(drawn))
        rows = -(-len(drawn) // columns)
        figure = pieces.new_figure(width, 0.3 + 2.4 * rows)
        each_wide = (width - 0.25) / columns
        for n, one in enumerate(drawn):
            left = 0.55 + (n % columns) * each_wide
            top = 0.42 + (n // columns) * 2.4
            DRAWN[one.attrs["measure"]](
                one, pieces.axes_at(figure, left, top, each_wide - 0.75, 1.6)
            )
        pieces.write_heading(figure, "What the states hold of the drive")
    return figure


def expect_measure(found: xr.Dataset, variable: str) -> None:
    """`InputError` unless the Dataset has what is to be drawn."""
    if variable not in found:
        raise InputError(
            f"a dataset with '{variable}' is needed; this one, of "
            f"{found.attrs.get('measure', 'unknown origin')}, has "
            f"{list(found.data_vars)}"
        )


def _age(found: xr.Dataset) -> tuple[np.ndarray, str]:
    if "age" in found.coords:
        return 1e3 * found["age"].values, "ms"
    return found["lag"].values, "steps"


def _patch(found: xr.Dataset, k: int) -> str:
    along = "patch" if "patch" in found.dims else "input"
    return f"{along} {k}: " if found.sizes[along] > 1 else ""


DRAWN = {
    "memory_function": draw_memory_function,
    "processing_capacity": draw_capacity_by_degree,
    "fisher_memory": draw_fisher_memory,
    "fisher_memory_from_data": draw_fisher_memory,
    "lag_position": draw_lag_position,
}
