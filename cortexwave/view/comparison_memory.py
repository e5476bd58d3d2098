"""What model and lab hold of the past, side by side: decoding, capacity, format.

Drawing only, of the tables of sessions by side ("lab", "model").
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cortexwave.view import pieces
from cortexwave.view.colours import SERIES
from cortexwave.view.comparison_waves import (
    COLOURS,
    NAMES,
    SIDES,
    Sessions,
    absent,
    draw_curves,
    row_of_axes,
)


def draw_decoding(identity: Sessions, elapsed: Sessions, controls: Sessions) -> Figure:
    """Accuracy of the class by time, beside what a filter keeps, and time read out.

    Left wide-band, middle through a filter of the band with its control (dashed), right
    the time read out with the Cramer-Rao bound about the true one (bands).
    """
    with pieces.journal_style():
        figure, (left, middle, right) = row_of_axes(3)
        draw_curves(identity, left, name="accuracy", along="time", factor=1e3)
        for side in SIDES:
            for _, table in identity.get(side, ())[:1]:
                if "chance_high" not in table:
                    continue
                at = 1e3 * table["time"].values
                left.plot(at, table["chance_high"], color=COLOURS[side], lw=0.7, ls=":")
                left.fill_between(at, table["low"], table["high"], color=COLOURS[side],
                                  alpha=0.12, lw=0)  # fmt: skip
        left.axvline(0, color=pieces.QUIET, lw=0.5)
        left.set(xlabel="time from onset (ms)", ylabel="balanced accuracy")
        _filter_control(middle, controls)
        ends = []
        for side in SIDES:
            for name, table in elapsed.get(side, ())[:1]:
                if "estimate" not in table:
                    continue
                read = table.sel(decoder="likelihood")
                at, said = 1e3 * table["time"].values, 1e3 * read["estimate"].values
                right.errorbar(at, said, 1e3 * read["spread"].values, lw=1,
                               color=COLOURS[side], elinewidth=0.5,
                               label=f"{NAMES[side]} {name}")  # fmt: skip
                bound = 1e3 * table["bound"].values
                right.fill_between(at, at - bound, at + bound, color=COLOURS[side],
                                   alpha=0.15, lw=0)  # fmt: skip
                ends += [at.min(), at.max()]
        if ends:
            right.plot([min(ends), max(ends)], [min(ends), max(ends)], lw=0.6, ls="--",
                       color=pieces.QUIET)  # fmt: skip
            right.set(xlabel="true time (ms)", ylabel="time read out (ms)")
            right.legend(frameon=False, fontsize=6.5)
        else:
            absent(right, "elapsed time: not read out")
    return figure


def _filter_control(axes: Axes, controls: Sessions) -> None:
    known = False
    for side in SIDES:
        for _, table in controls.get(side, ())[:1]:
            if "control_high" not in table:
                continue
            known, at = True, 1e3 * table["time"].values
            axes.plot(at, table["accuracy"], color=COLOURS[side], lw=1.2)
            axes.plot(at, table["control_high"], color=COLOURS[side], lw=0.8, ls="--")
            dropped = 1e3 * float(table.attrs["dropped_until"])
            axes.axvline(dropped, color=COLOURS[side], lw=0.5, ls=":")
    if not known:
        absent(axes, "filter control: not made")
        return
    axes.set(xlabel="time from onset (ms)", ylabel="accuracy, filtered")


def draw_memory_functions(
    functions: Sessions, lines: Sessions, fisher: Sessions
) -> Figure:
    """m(k) by age, the age at each site by distance from the drive, and J(k)."""
    with pieces.journal_style():
        figure, (first, line, last) = row_of_axes(3)
        for axes, sessions, name in (
            (first, functions, "memory"), (last, fisher, "fisher"),
        ):  # fmt: skip
            known = any(name in t for side in SIDES for _, t in sessions.get(side, ()))
            if not known:
                absent(axes, "not known")
                continue
            draw_curves(sessions, axes, name=name, along="age", factor=1e3)
            for side in SIDES:
                for _, table in sessions.get(side, ())[:1]:
                    if "threshold" in table:
                        axes.axhline(float(table["threshold"]), color=COLOURS[side],
                                     lw=0.7, ls=":")  # fmt: skip
            axes.set_xlabel("age of the input (ms)")
            axes.legend(frameon=False, fontsize=7)
        first.set_ylabel("memory m(k)")
        last.set_ylabel("Fisher memory J(k)")
        _lag_positions(line, lines)
    return figure


def _lag_positions(axes: Axes, lines: Sessions) -> None:
    """Sites of the first session of each side, and the line of each patch."""
    known = False
    for side in SIDES:
        for _, table in lines.get(side, ())[:1]:
            for patch in range(table.sizes.get("patch", 0)):
                one = table.isel(patch=patch)
                at = one["distance"].values
                axes.plot(at, 1e3 * one["peak_age"].values, ".", ms=3,
                          color=COLOURS[side])  # fmt: skip
                ends = np.array([np.min(at), np.max(at)])
                ages = float(one["intercept"]) + float(one["slope"]) * ends
                axes.plot(ends, 1e3 * ages, lw=0.8, color=COLOURS[side])
                known = True
    if not known:
        absent(axes, "ages by distance: not known")
        return
    axes.set(xlabel="distance from the drive (mm)", ylabel="age held most (ms)")


def draw_formats(generalisation: Sessions, alignment: Sessions) -> Figure:
    """Generalisation over time of the first session of each side, and by lag."""
    with pieces.journal_style():
        figure, (*matrices, lags, gains, drifts) = _two_rows()
        for each, side in zip(matrices, SIDES, strict=True):
            tables = [t for _, t in generalisation.get(side, ()) if "accuracy" in t]
            each.set_title(NAMES[side], fontsize=7.5, loc="left")
            if not tables:
                absent(each, "not read out")
                continue
            _matrix(each, tables[0])
        draw_curves(generalisation, lags, name="persistence", along="lag", factor=1e3)
        lags.axhline(0, color=pieces.QUIET, lw=0.5)
        lags.set(xlabel="lag (ms)", ylabel="persistence index")
        draw_curves(alignment, gains, name="gain", along="lag", factor=1e3)
        gains.axhline(0, color=pieces.QUIET, lw=0.5)
        gains.set(xlabel="lag (ms)", ylabel="aligned gain")
        _drifts(drifts, generalisation)
    return figure


def _two_rows() -> tuple[Figure, list[Axes]]:
    """Three axes above two, the last of which is as wide as two."""
    left, top, width, height, gap, row = 0.5, 0.35, 1.45, 1.35, 0.85, 2.15
    figure = pieces.new_figure(pieces.FULL_WIDTH, 2 * row + 0.3)
    each = [pieces.axes_at(figure, left + k * (width + gap), top, width, height)
            for k in range(3)]  # fmt: skip
    each.append(pieces.axes_at(figure, left, top + row, width, height))
    wide = 2 * width + gap
    each.append(pieces.axes_at(figure, left + width + gap, top + row, wide, height))
    return figure, each


def _drifts(axes: Axes, sessions: Sessions) -> None:
    """Confusion drift of each session along each axis, with its interval."""
    known = []
    for side in SIDES:
        for name, table in sessions.get(side, ()):
            if "drift" not in table or not np.isfinite(table["drift"].values).any():
                continue
            for k, middle in enumerate(np.ravel(table["drift"].values)):
                low, high = (np.ravel(table[f"drift_{e}"].values)[k]
                             for e in ("low", "high"))  # fmt: skip
                known.append((side, f"{name} {'xy'[k]}", middle, low, high))
    if not known:
        absent(axes, "drift: classes\nhave no places")
        return
    for row, (side, _, middle, low, high) in enumerate(known):
        axes.plot([row, row], [low / 1e3, high / 1e3], color=COLOURS[side], lw=1)
        axes.plot(row, middle / 1e3, "o", color=COLOURS[side], ms=3)
    axes.axhline(0, color=pieces.QUIET, lw=0.5)
    axes.set_xticks(range(len(known)), [name for _, name, *_ in known], fontsize=6,
                    rotation=90)  # fmt: skip
    axes.set(ylabel="drift (m/s)", xlim=(-0.6, len(known) - 0.4))


def draw_sequences(sessions: Sessions) -> Figure:
    """Accuracy of each rank by time, and since the item's own onset, of each side."""
    with pieces.journal_style():
        figure, axes = row_of_axes(4, height=1.4, left=0.45)
        for k, side in enumerate(SIDES):
            over, since = axes[2 * k], axes[2 * k + 1]
            over.set_title(NAMES[side], fontsize=7.5, loc="left")
            found = [table for _, table in sessions.get(side, ())]
            if not found:
                absent(over, "not read out")
                absent(since, "not read out")
                continue
            table = found[0]
            for rank in range(table.sizes["rank"]):
                one, named = table.isel(rank=rank), f"rank {rank + 1}"
                colour = SERIES[rank % len(SERIES)]
                over.plot(1e3 * table["time"].values, one["accuracy"], color=colour,
                          lw=1, label=named)  # fmt: skip
                over.axhline(float(one["chance"]), color=colour, lw=0.5, ls=":")
                since.plot(1e3 * table["since"].values, one["since_onset"],
                           color=colour, lw=1)  # fmt: skip
            over.legend(frameon=False, fontsize=6)
            over.set(xlabel="time (ms)", ylabel="accuracy")
            since.set(xlabel="since its onset (ms)", ylabel="accuracy")
    return figure


def draw_dependence(contrast: Sessions, share: Sessions, phases: Sessions) -> Figure:
    """Bits at high less at low wave strength, share of wave modes, outcome by phase."""
    with pieces.journal_style():
        figure, (left, right, last) = row_of_axes(3, height=1.4)
        _outcomes(last, phases)
        for axes, sessions, names, label in (
            (left, contrast, ("difference", "low", "high"), "bits, strong less weak"),
            (right, share, ("eta", "eta_low", "eta_high"), "share in wave modes"),
        ):
            known = [
                (side, name, [float(table[each]) for each in names])
                for side in SIDES
                for name, table in sessions.get(side, ())
                if names[0] in table and np.isfinite(float(table[names[0]]))
            ]
            if not known:
                absent(axes, "not known")
                continue
            for row, (side, _, (middle, low, high)) in enumerate(known):
                axes.plot([row, row], [low, high], color=COLOURS[side], lw=1)
                axes.plot(row, middle, "o", color=COLOURS[side], ms=4)
            axes.axhline(0, color=pieces.QUIET, lw=0.5)
            few = len(known) <= 4
            axes.set_xticks(
                range(len(known)),
                [f"{NAMES[s]}\n{n}" if few else n for s, n, _ in known],
                fontsize=6, rotation=0 if few else 90,
            )  # fmt: skip
            axes.set(ylabel=label, xlim=(-0.6, len(known) - 0.4))
    return figure


def _outcomes(axes: Axes, phases: Sessions) -> None:
    known = False
    for side in SIDES:
        for name, table in phases.get(side, ()):
            known = True
            said = f"{NAMES[side]} {name}: p {float(table['p']):.2g}"
            axes.plot(table["bin"], table["mean"], "o-", ms=2.5, lw=0.8, label=said,
                      color=COLOURS[side])  # fmt: skip
    if not known:
        absent(axes, "no outcomes of trials")
        return
    axes.set(xlabel="phase before the event (rad)", ylabel="mean outcome")
    axes.legend(frameon=False, fontsize=6)


def _matrix(axes, table: xr.Dataset) -> None:  # type: ignore[no-untyped-def]
    train, test = (1e3 * table[n].values for n in ("train_time", "test_time"))
    chance = float(table["chance"])
    shown = axes.pcolormesh(
        test, train, table["accuracy"].values, shading="nearest", cmap="RdBu_r",
        vmin=0.0, vmax=max(2 * chance, float(table["accuracy"].max())), rasterized=True,
    )  # fmt: skip
    bar = axes.figure.colorbar(shown, ax=axes, fraction=0.05, pad=0.03)
    bar.ax.axhline(chance, color="black", lw=0.8)
    bar.ax.tick_params(labelsize=6)
    axes.set(xlabel="test time (ms)", ylabel="train time (ms)")
