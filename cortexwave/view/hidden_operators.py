"""A network's eigenvalues and its operator among hidden sites, with the verdict.

`spectrum_dataset` and `operator_dataset` of `learning.hidden_waves` are drawn; nothing
is computed of them here.
"""

from __future__ import annotations

import textwrap

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cortexwave.view import pieces
from cortexwave.view.colours import SERIES, Limits, colour_scale, number
from cortexwave.view.hidden_contents import draw_matrix, expect

_SAME_ANGLE = 1e-6  # rad, within which eigenvalues of the theory are one tick
_EDGE = "#5a5a5a"


def draw_eigenvalues(
    spectrum: xr.Dataset, *, width: float = pieces.FULL_WIDTH
) -> Figure:
    """Eigenvalues in the plane with the theory's angles, and their moduli by rank.

    `spectrum` of `spectrum_dataset`. Ticks outside the unit circle are the theory's
    angles, with how often each occurs where that is more than once.
    """
    expect(spectrum, "real", "spectrum_dataset")
    found = spectrum["real"].values + 1j * spectrum["imaginary"].values
    theory = None
    if "theory_real" in spectrum:
        theory = spectrum["theory_real"].values + 1j * spectrum["theory_imaginary"]
        theory = np.asarray(theory)
    radius = float(spectrum.attrs["radius"])
    with pieces.journal_style():
        tall = 2.9
        head, foot = 0.38, _foot_height(spectrum, width)
        figure = pieces.new_figure(width, head + tall + 0.45 + foot)
        plane = pieces.axes_at(figure, 0.55, head, tall, tall)
        _plane(plane, found, theory, radius)
        left = 0.55 + tall + 0.85
        ranks = pieces.axes_at(figure, left, head, width - left - 0.12, tall)
        _moduli(ranks, found, theory, radius)
        pieces.write_heading(figure, "Eigenvalues of the network at its fixed point")
        plane.set_title(_counts_text(spectrum), fontsize=7, loc="left", pad=4)
        _write_verdict(figure, spectrum, foot)
    return figure


def draw_operator(
    operator: xr.Dataset,
    *,
    limits: Limits = (-1.5, 1.5),
    width: float = pieces.FULL_WIDTH,
) -> Figure:
    """Phi as found, beside the theory's if there is one, with the sites' borders.

    `operator` of `operator_dataset`. Entries that were not kept are grey; behind the
    thick line are the residual directions of a trajectory.
    """
    expect(operator, "Phi", "operator_dataset")
    names = [name for name in ("Phi", "theory") if name in operator]
    titles = {"Phi": "found", "theory": "theory"}
    with pieces.journal_style():
        head, foot = 0.38, _foot_height(operator, width)
        gap = 0.5
        room = width - 0.55 - pieces.KEY_WIDTH
        side = min((room - gap * (len(names) - 1)) / len(names), 4.0)
        figure = pieces.new_figure(width, head + side + 0.42 + foot)
        scale = colour_scale(
            operator["Phi"].values, units="1", label="entry of Φ", limits=limits
        )
        for k, name in enumerate(names):
            axes = pieces.axes_at(figure, 0.55 + k * (side + gap), head, side, side)
            draw_matrix(axes, operator[name].values, scale)
            _borders(axes, operator)
            axes.set_title(titles[name], fontsize=7, loc="left", pad=3)
            axes.set_xlabel("from site")
            if not k:
                axes.set_ylabel("to site")
        across = 0.55 + len(names) * side + (len(names) - 1) * gap + 0.12
        pieces.draw_key(pieces.axes_at(figure, across, head, 0.1, side), scale)
        pieces.write_heading(figure, "The step among sites, Φ")
        _write_verdict(figure, operator, foot, extra=_lines_text(operator))
    return figure


def _plane(
    axes: Axes, found: np.ndarray, theory: np.ndarray | None, radius: float
) -> None:
    turn = np.exp(2j * np.pi * np.linspace(0, 1, 361))
    axes.plot(turn.real, turn.imag, color=_EDGE, lw=0.7, zorder=1)
    axes.plot(radius * turn.real, radius * turn.imag, color=_EDGE, lw=0.5, ls=":",
              zorder=1)  # fmt: skip
    reach = max(1.0, float(np.abs(found).max(initial=0.0)))
    if theory is not None:
        large = theory[np.abs(theory) > radius]
        for angle, often in _angles(large):
            way = np.exp(1j * angle)
            ends = np.array([reach + 0.06, reach + 0.15]) * way
            axes.plot(ends.real, ends.imag, color=SERIES[1], lw=1.2, zorder=2)
            if often > 1:
                at = (reach + 0.26) * way
                axes.text(at.real, at.imag, str(often), fontsize=6, color=SERIES[1],
                          ha="center", va="center")  # fmt: skip
    large = np.abs(found) > radius
    axes.plot(found.real[~large], found.imag[~large], ".", ms=2.5, color="#a8a8a8",
              zorder=3)  # fmt: skip
    axes.plot(found.real[large], found.imag[large], "o", ms=3.4, color=SERIES[0],
              alpha=0.65, mew=0, zorder=3)  # fmt: skip
    room = reach + (0.36 if theory is not None else 0.12)
    axes.set(xlim=(-room, room), ylim=(-room, room), xlabel="Re λ", ylabel="Im λ")
    axes.set_aspect("equal")
    for each in (axes.xaxis, axes.yaxis):
        each.set_major_locator(MaxNLocator(5, steps=[1, 5, 10]))


def _angles(values: np.ndarray) -> list[tuple[float, int]]:
    """Distinct angles and how often each occurs."""
    angles = np.sort(np.mod(np.angle(values) + _SAME_ANGLE, 2 * np.pi))
    parts = np.split(angles, np.flatnonzero(np.diff(angles) > 2 * _SAME_ANGLE) + 1)
    return [(float(part.mean()), len(part)) for part in parts if part.size]


def _moduli(
    axes: Axes, found: np.ndarray, theory: np.ndarray | None, radius: float
) -> None:
    sizes = np.sort(np.abs(found))[::-1]
    axes.plot(np.arange(1, sizes.size + 1), sizes, "o", ms=2.6, color=SERIES[0], mew=0,
              label="network")  # fmt: skip
    if theory is not None:
        due = np.sort(np.abs(theory))[::-1]
        axes.step(np.arange(1, due.size + 1), due, where="mid", color=SERIES[1], lw=3.0,
                  label="theory", zorder=1, alpha=0.6)  # fmt: skip
    axes.axhline(radius, color=_EDGE, lw=0.5, ls=":")
    axes.text(0.99, radius, f"persists beyond {radius:g}", fontsize=6.5, va="bottom",
              ha="right", transform=axes.get_yaxis_transform(),
              color=pieces.QUIET)  # fmt: skip
    axes.set(xlabel="rank", ylabel="|λ|", ylim=(-0.03, 1.08 * max(1.0, sizes[0])))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.legend(frameon=False, fontsize=7, loc="lower left", handlelength=1.4)


def _counts_text(spectrum: xr.Dataset) -> str:
    attrs = spectrum.attrs
    radius = f"|λ| > {float(attrs['radius']):g}"
    if "theory_count" not in attrs:
        return f"{int(attrs['persistent'])} with {radius}"
    return (
        f"{int(attrs['network_count'])} with {radius}, theory "
        f"{int(attrs['theory_count'])}; angles {number(float(attrs['angle_error']), 2)}"
        f" rad, moduli {number(float(attrs['modulus_error']), 2)} apart"
    )


def _lines_text(operator: xr.Dataset) -> str:
    attrs = operator.attrs
    size = int(attrs["sites"]) * int(attrs["dims"])
    some = bool(np.isnan(operator["Phi"].values[:size, :size]).any())
    grey = " Grey: entries that are never read again." if some else ""
    if "lines" not in attrs:
        return "The shift (blocks beside the diagonal) holds by construction." + grey
    return (
        f"Entries of equal sign and support: {100 * float(attrs['same']):.2f} %; the "
        "shift among them holds by construction. Left free is what the boundary reads: "
        f"{int(attrs['lines_same'])} of {int(attrs['lines'])} dims as in the theory."
        + grey
    )


def _verdict_lines(dataset: xr.Dataset, width: float, extra: str = "") -> list[str]:
    text = str(dataset.attrs.get("verdict", ""))
    said = f"Verdict: {text}; condition {number(float(dataset.attrs['condition']), 3)}"
    most = int(width * 22)
    return [
        *(textwrap.wrap(extra, most) if extra else []),
        *(textwrap.wrap(said + ".", most) if text else []),
    ]


def _foot_height(dataset: xr.Dataset, width: float) -> float:
    extra = _lines_text(dataset) if "Phi" in dataset else ""
    return 0.125 * len(_verdict_lines(dataset, width, extra)) + 0.08


def _write_verdict(
    figure: Figure, dataset: xr.Dataset, foot: float, *, extra: str = ""
) -> None:
    across, down = figure.get_size_inches()
    trusted = bool(dataset.attrs.get("trusted", 1))
    lines = _verdict_lines(dataset, across, extra)
    told = len(textwrap.wrap(extra, int(across * 22))) if extra else 0
    for k, line in enumerate(lines):
        figure.text(
            0.06 / across, (foot - 0.02 - 0.125 * k) / down, pieces.plain(line, 400),
            fontsize=6.5, va="top", ha="left",
            color=pieces.INK if trusted or k < told else SERIES[1],
        )  # fmt: skip


def _borders(axes: Axes, operator: xr.Dataset) -> None:
    """Lines between sites, a thick one before the residual directions; site numbers."""
    sites, dims = int(operator.attrs["sites"]), int(operator.attrs["dims"])
    extra = int(operator.attrs.get("residual_directions", 0))
    for site in range(1, sites):
        for line in (axes.axhline, axes.axvline):
            line(site * dims - 0.5, color=_EDGE, lw=0.35)
    centres = list((np.arange(sites) + 0.5) * dims - 0.5)
    names = [str(site) for site in range(sites)]
    if extra:
        for line in (axes.axhline, axes.axvline):
            line(sites * dims - 0.5, color="black", lw=1.0)
        centres.append(sites * dims + extra / 2 - 0.5)
        names.append("rest")
    axes.set_xticks(centres, names)
    axes.set_yticks(centres, names)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(True)
