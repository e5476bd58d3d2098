"""One-step operators of recordings: eigenvalues, shifts of the array, items passed on.

Drawing only, of what `memory.propagator`, `.topographic` and `.cross_temporal` found.
Each figure ends in a caption that says what it does not show.
"""

from __future__ import annotations

import textwrap

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.colours import SERIES, ColourScale, number

_LINE = 0.13  # inches of a caption's line
_EIGENVALUES = (
    "What this does not show: eigenvalues near the unit circle are no evidence of a "
    "wave, as any narrow-band signal has them, also without spatial structure; nor is "
    "their absence evidence against one, as a shift that leaves at an open end is "
    "nilpotent and has none. Where on the array anything is, or moves to, they do not "
    "say."
)
_SHIFT = (
    "What this does not show: a null index says nothing against a wave in another "
    "basis than the sites'. Rejecting 'separable' alone is no propagation."
)
_ITEMS = (
    "What this does not show: how far anything travels on the array, or that it "
    "travels there at all; an operator that passes items on may do so in any basis."
)


def draw_propagator(found: xr.Dataset, *, width: float = pieces.FULL_WIDTH) -> Figure:
    """Eigenvalues of both estimates on the plane, their moduli and the power norm.

    `found` of `memory.propagator.propagator`. Left: by instruments (dots) and plain
    (crosses), with the unit circle. Middle: modulus by rank, with the middle 95 % of
    zero-signal recordings of the same noise, as a band. Right: |A^n|.
    """
    _expect(found, "zero_middle", "memory.propagator.propagator")
    side = 2.0
    with pieces.journal_style():
        figure, top = _captioned(width, side + 0.75, _EIGENVALUES)
        plane = pieces.axes_at(figure, 0.5, top, side, side)
        left = 0.5 + side + 0.6
        each = (width - left - 0.6 - 0.1) / 2
        moduli = pieces.axes_at(figure, left, top, each, side)
        powers = pieces.axes_at(figure, left + each + 0.6, top, each, side)
        plane.add_patch(Circle((0, 0), 1, fill=False, lw=0.6, ec=pieces.QUIET))
        names = [str(name) for name in found["estimate"].values]
        reach = 1.08
        for k, name in enumerate(names):
            one = found.sel(estimate=name)
            colour, sign = SERIES[k], "ox"[k % 2]
            x, y = one["real"].values, one["imaginary"].values
            plane.plot(x, y, sign, color=colour, ms=3, mew=0.8, label=name)
            rank = np.arange(1, x.size + 1)
            moduli.plot(rank, one["modulus"], sign + "-", color=colour, ms=2.5, lw=0.7)
            low, high = one["zero_low"].values, one["zero_high"].values
            moduli.fill_between(rank, low, high, color=colour, alpha=0.2, lw=0)
            moduli.plot(rank, one["zero_middle"], "--", color=colour, lw=0.7)
            powers.plot(one["power"], one["power_norm"], color=colour)
            reach = max(reach, 1.08 * min(3.0, float(one["modulus"].max())))
        plane.set(xlim=(-reach, reach), ylim=(-reach, reach), xlabel="real part",
                  ylabel="imaginary part", aspect="equal")  # fmt: skip
        plane.legend(frameon=False, fontsize=6.5, loc="center", handlelength=1.0)
        moduli.axhline(1, color=pieces.QUIET, lw=0.5, ls=":")
        moduli.set(xlabel="eigenvalue, by modulus", ylabel="modulus", ylim=(0, reach))
        moduli.set_title("band, dashes: noise alone", fontsize=7, loc="left", pad=3)
        powers.set(xlabel="power n", ylabel="|Aⁿ|")
        powers.set_ylim(
            0, max(1.05, min(10.0, float(found["power_norm"].max()) * 1.05))
        )
        p = float(found["p_signal"])
        pieces.write_heading(figure, f"{_named(found)}: more than noise, p = {p:.2g}")
    return figure


def draw_topographic_shift(
    found: xr.Dataset, *, width: float = pieces.FULL_WIDTH
) -> Figure:
    """Likeness of the operator to shifts, as a curve on a line, an image on a plane.

    `found` of `memory.topographic.topographic_shift`; the greatest is marked, and the
    95 % of each null's excess drawn above the likeness at rest.
    """
    _expect(found, "likeness", "memory.topographic.topographic_shift")
    axes_named = [name for name in ("y", "x") if name in found.coords]
    with pieces.journal_style():
        figure, top = _captioned(width, 2.75, _SHIFT)
        if len(axes_named) == 1:
            axes = pieces.axes_at(figure, 0.6, top, width - 0.6 - 1.75, 1.95)
            _likeness_curve(axes, found, axes_named[0])
        else:
            axes = pieces.axes_at(figure, 0.6, top, 2.3, 1.95)
            scale = _likeness_plane(axes, found)
            pieces.draw_key(pieces.axes_at(figure, 3.0, top, 0.1, 1.95), scale)
            lines = [f"{name}: p = {p:.2g}" for name, p in _p(found)]
            figure.text(4.0 / width, 0.75, "\n".join(lines), fontsize=7, va="top")
        verdict = "topographic shift" if bool(found["is_shift"]) else "no shift shown"
        speeds = [f"{number(1e-3 * float(found[f'best_velocity_{name}']), 3)} m/s"
                  f" along {name}" for name in axes_named]  # fmt: skip
        axes.set_title(", ".join(speeds), fontsize=7, loc="left", pad=3)
        pieces.write_heading(figure, f"{_named(found)}: {verdict}")
    return figure


def _likeness_curve(axes: Axes, found: xr.Dataset, name: str) -> None:
    at, rest = found[name].values, float(found["at_rest"])
    axes.plot(at, found["likeness"], "o-", ms=2.5, color=SERIES[0], label="likeness")
    for k, (null, p) in enumerate(_p(found)):
        bound = rest + float(found["null_excess"].sel(null=null))
        axes.axhline(bound, color=SERIES[2 + k], lw=0.8, ls="--",
                     label=f"{null.replace('_', ' ')},\n95 %, p = {p:.2g}")  # fmt: skip
    best = float(found[f"best_{name}"])
    axes.plot([best], [float(found["sli"])], "o", color=SERIES[1], ms=5, mfc="none")
    axes.axvline(0, color=pieces.QUIET, lw=0.5, ls=":")
    axes.set(xlabel=f"displacement along {name} (mm per stride)",
             ylabel="likeness to a shift", xlim=(at.min(), at.max()))  # fmt: skip
    axes.legend(frameon=False, fontsize=6.5, loc="upper left",
                bbox_to_anchor=(1.01, 1.0), handlelength=1.6)  # fmt: skip


def _likeness_plane(axes: Axes, found: xr.Dataset) -> ColourScale:
    rows, columns = (np.unique(found[name].values) for name in ("y", "x"))
    image = np.full((rows.size, columns.size), np.nan)
    at = (np.searchsorted(rows, found["y"]), np.searchsorted(columns, found["x"]))
    image[at] = found["likeness"].values
    most = float(np.nanmax(np.abs(image)))
    scale = ColourScale("RdBu_r", -most, most, "neither", "likeness to a shift")
    dy, dx = (float(np.diff(line).min()) / 2 for line in (rows, columns))
    ends = (columns[0] - dx, columns[-1] + dx, rows[0] - dy, rows[-1] + dy)
    pieces.draw_image(axes, image, scale, ends)
    axes.plot([float(found["best_x"])], [float(found["best_y"])], "o", mfc="none",
              mec="black", ms=6)  # fmt: skip
    axes.set(xlabel="displacement along x (mm)", ylabel="along y (mm)")
    return scale


def draw_cross_temporal(
    found: xr.Dataset, *, width: float = pieces.FULL_WIDTH
) -> Figure:
    """Overlap of each item's subspace, taken one step on, with every item's.

    `found` of `memory.cross_temporal.cross_temporal`. Left with the operator, right
    without; a shift memory has its overlap one place below the diagonal, where it is
    framed.
    """
    _expect(found, "overlap", "memory.cross_temporal.cross_temporal")
    size = found.sizes["newer"]
    with pieces.journal_style():
        figure, top = _captioned(width, 2.85, _ITEMS)
        scale = ColourScale("viridis", 0.0, 1.0, "neither", "overlap (mean cos²)")
        for k, (name, title) in enumerate(
            (("overlap", "taken one step on"), ("at_rest", "as they are"))
        ):
            axes = pieces.axes_at(figure, 0.55 + 2.5 * k, top, 1.95, 1.95)
            values = np.clip(found[name].transpose("newer", "older").values, 0, 1)
            pieces.draw_image(axes, values, scale, (-0.5, size - 0.5) * 2)
            axes.plot(np.arange(size - 1), np.arange(1, size), "s", mfc="none",
                      mec="white", ms=8, mew=0.6)  # fmt: skip
            ranks = [str(rank) for rank in found["newer"].values]
            axes.set_xticks(range(size), ranks)
            axes.set_yticks(range(size), ranks)
            axes.set(xlabel="item", ylabel="newer item")
            axes.set_title(title, fontsize=7, loc="left", pad=3)
        pieces.draw_key(pieces.axes_at(figure, 5.1, top, 0.1, 1.95), scale)
        gain, error = float(found["gain"]), float(found["gain_error"])
        lines = [
            f"score {float(found['score']):.2f}",
            f"gain {gain:.2f} ± {error:.2f}",
            *(f"p, {what} {float(found['p_' + what]):.2g}" for what in
              ("items", "operator")),
        ]  # fmt: skip
        figure.text(5.9 / width, 0.75, "\n".join(lines), fontsize=7, va="top")
        said = "items are passed on" if bool(found["moves"]) else "not shown to pass on"
        pieces.write_heading(figure, f"{_named(found)}: {said}")
    return figure


def _captioned(width: float, height: float, caption: str) -> tuple[Figure, float]:
    """A figure with its caption below, and where its axes begin from the top."""
    lines = textwrap.wrap(caption, int(width * 21))
    whole = height + _LINE * len(lines) + 0.06
    figure = pieces.new_figure(width, whole)
    figure.text(0.06 / width, 0.04 / whole, "\n".join(lines), fontsize=7, va="bottom",
                linespacing=1.3)  # fmt: skip
    return figure, 0.42


def _expect(dataset: xr.Dataset, variable: str, maker: str) -> None:
    if variable not in dataset:
        raise InputError(
            f"a dataset with '{variable}', as {maker} gives, is needed; this one has "
            f"{list(dataset.data_vars)}"
        )


def _p(found: xr.Dataset) -> list[tuple[str, float]]:
    return [(str(null), float(found["p"].sel(null=null)))
            for null in found["null"].values]  # fmt: skip


def _named(found: xr.Dataset) -> str:
    return str(found.attrs.get("variable") or "recording")
