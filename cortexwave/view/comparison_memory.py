"""What model and lab hold of the past, side by side: decoding, capacity, format.

Drawing only, of the tables of sessions by side ("lab", "model").
"""

from __future__ import annotations

import xarray as xr
from matplotlib.figure import Figure

from cortexwave.view import pieces
from cortexwave.view.comparison_waves import (
    COLOURS,
    NAMES,
    SIDES,
    Sessions,
    absent,
    draw_curves,
    row_of_axes,
)


def draw_decoding(identity: Sessions, elapsed: Sessions) -> Figure:
    """Accuracy of the class by time, and the time read out against the true one."""
    with pieces.journal_style():
        figure, (left, right) = row_of_axes(2)
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
                ends += [at.min(), at.max()]
        if ends:
            right.plot([min(ends), max(ends)], [min(ends), max(ends)], lw=0.6, ls="--",
                       color=pieces.QUIET)  # fmt: skip
            right.set(xlabel="true time (ms)", ylabel="time read out (ms)")
            right.legend(frameon=False, fontsize=6.5)
        else:
            absent(right, "elapsed time: not read out")
    return figure


def draw_memory_functions(sessions: Sessions) -> Figure:
    """m(k) by age, the mean over patches, with the surrogates' threshold."""
    with pieces.journal_style():
        figure, (axes,) = row_of_axes(1, width=4.6)
        draw_curves(sessions, axes, name="memory", along="age", factor=1e3)
        for side in SIDES:
            for _, table in sessions.get(side, ())[:1]:
                if "threshold" in table:
                    axes.axhline(float(table["threshold"]), color=COLOURS[side], lw=0.7,
                                 ls=":")  # fmt: skip
        axes.set(xlabel="age of the input (ms)", ylabel="memory m(k)")
        axes.legend(frameon=False, fontsize=7)
    return figure


def draw_formats(generalisation: Sessions, alignment: Sessions) -> Figure:
    """Generalisation over time of the first session of each side, and by lag."""
    with pieces.journal_style():
        figure, axes = row_of_axes(4, height=1.35, left=0.45)
        for each, side in zip(axes[:2], SIDES, strict=True):
            tables = [t for _, t in generalisation.get(side, ()) if "accuracy" in t]
            each.set_title(NAMES[side], fontsize=7.5, loc="left")
            if not tables:
                absent(each, "not read out")
                continue
            _matrix(each, tables[0])
        lags, gains = axes[2], axes[3]
        draw_curves(generalisation, lags, name="persistence", along="lag", factor=1e3)
        lags.axhline(0, color=pieces.QUIET, lw=0.5)
        lags.set(xlabel="lag (ms)", ylabel="persistence index")
        draw_curves(alignment, gains, name="gain", along="lag", factor=1e3)
        gains.axhline(0, color=pieces.QUIET, lw=0.5)
        gains.set(xlabel="lag (ms)", ylabel="aligned gain")
    return figure


def draw_dependence(contrast: Sessions, share: Sessions) -> Figure:
    """Bits at high less at low wave strength, and the share of the wave modes."""
    with pieces.journal_style():
        figure, (left, right) = row_of_axes(2, height=1.4)
        for axes, sessions, names, label in (
            (left, contrast, ("difference", "low", "high"), "bits, strong less weak"),
            (right, share, ("eta", "eta_low", "eta_high"), "share in wave modes"),
        ):
            known = [
                (side, name, [float(table[each]) for each in names])
                for side in SIDES
                for name, table in sessions.get(side, ())
                if names[0] in table
            ]
            if not known:
                absent(axes, "not known")
                continue
            for row, (side, _, (middle, low, high)) in enumerate(known):
                axes.plot([row, row], [low, high], color=COLOURS[side], lw=1)
                axes.plot(row, middle, "o", color=COLOURS[side], ms=4)
            axes.axhline(0, color=pieces.QUIET, lw=0.5)
            axes.set_xticks(
                range(len(known)), [f"{NAMES[s]}\n{n}" for s, n, _ in known],
                fontsize=6,
            )  # fmt: skip
            axes.set(ylabel=label, xlim=(-0.6, len(known) - 0.4))
    return figure


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
