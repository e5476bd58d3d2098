"""Hidden waves drawn: spectrum, operator, contents that slide, decoder and gradient.

Drawing only: each figure shows labelled data sets as `learning.hidden_waves` makes
them. Site 0 is the oldest; contents enter at the last site and travel to site 0.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.colours import SERIES, ColourScale, Limits, colour_scale, number

_SAME_ANGLE = 1e-6  # rad, within which eigenvalues of the theory are one tick
_MOST_FRAMES = 24
_MOST_CURVES = len(SERIES)
_EDGE = "#5a5a5a"


def draw_eigenvalues(
    spectrum: xr.Dataset, *, width: float = pieces.FULL_WIDTH
) -> Figure:
    """Eigenvalues in the plane with the theory's angles, and their moduli by rank.

    `spectrum` of `spectrum_dataset`. Ticks outside the unit circle are the theory's
    angles, with how often each occurs where that is more than once.
    """
    _expect(spectrum, "real", "spectrum_dataset")
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
    _expect(operator, "Phi", "operator_dataset")
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
            _matrix(axes, operator[name].values, scale)
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


def draw_contents(
    movie: xr.Dataset, steps: Sequence[int], *, trial: int = 0,
    limits: Limits | None = None, width: float = pieces.FULL_WIDTH,
) -> Figure:  # fmt: skip
    """What every site holds at some steps, a frame each: sites along x, dims along y.

    `movie` of `hidden_movie`; `steps` index its time.
    """
    content = _content(movie, trial)
    times = content.sizes["time"]
    if not 1 <= len(steps) <= _MOST_FRAMES:
        raise InputError(f"{len(steps)} steps; 1 to {_MOST_FRAMES} can be shown")
    beyond = [step for step in steps if not 0 <= step < times]
    if beyond:
        raise InputError(f"no step {beyond[0]}: the movie has steps 0 to {times - 1}")
    shown = content.values[list(steps)]  # (frame, site, dim)
    scale = colour_scale(shown, units="1", label="content", limits=limits)
    sites, dims = shown.shape[1:]
    columns = min(len(steps), 5 if len(steps) <= 10 else 8)
    rows = -(-len(steps) // columns)
    with pieces.journal_style():
        head, gap = 0.38, 0.12
        room = width - 0.5 - pieces.KEY_WIDTH
        across = (room - gap * (columns - 1)) / columns
        down = min(across * dims / sites, 2.0)
        whole = head + rows * (down + 0.22) + 0.28
        figure = pieces.new_figure(width, whole)
        for k, step in enumerate(steps):
            row, column = divmod(k, columns)
            axes = pieces.axes_at(
                figure, 0.5 + column * (across + gap), head + row * (down + 0.22),
                across, down,
            )  # fmt: skip
            pieces.draw_image(
                axes, shown[k].T, scale, (-0.5, sites - 0.5, -0.5, dims - 0.5)
            )
            axes.invert_yaxis()  # dim 0 at the top, as the rows of a bitmap
            axes.set_title(f"step {step}", fontsize=7, pad=2)
            _few_integers(axes)
            if k + columns >= len(steps):
                axes.set_xlabel("site", labelpad=1)
            else:
                axes.set_xticklabels([])
            if not column:
                axes.set_ylabel("dim", labelpad=1)
            else:
                axes.set_yticklabels([])
        pieces.draw_key(
            pieces.axes_at(figure, width - pieces.KEY_WIDTH + 0.12, head, 0.1,
                           rows * (down + 0.22) - 0.22), scale,
        )  # fmt: skip
        pieces.write_heading(figure, "What the sites hold")
    return figure


def draw_stripes(
    movie: xr.Dataset, dim: int, *, trial: int = 0, limits: Limits | None = None,
    width: float = pieces.FULL_WIDTH,
) -> Figure:  # fmt: skip
    """What the sites hold of one dim against time: a wave is a diagonal stripe."""
    content = _content(movie, trial)
    if dim not in content["dim"].values:
        raise InputError(f"no dim {dim}: the movie has {content.sizes['dim']} dims")
    values = content.sel(dim=dim).values  # (time, site)
    scale = colour_scale(values, units="1", label="content", limits=limits)
    times, sites = values.shape
    with pieces.journal_style():
        head, tall = 0.3, 1.7
        body = width - 0.5 - pieces.KEY_WIDTH
        figure = pieces.new_figure(width, head + tall + 0.45)
        axes = pieces.axes_at(figure, 0.5, head, body, tall)
        pieces.draw_image(axes, values.T, scale, (-0.5, times - 0.5, -0.5, sites - 0.5))
        axes.set(xlabel="step", ylabel="site")
        axes.yaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        pieces.draw_key(pieces.axes_at(figure, 0.62 + body, head, 0.1, tall), scale)
        pieces.write_heading(figure, f"Dim {dim} at every site")
    return figure


def draw_decoder(scores: xr.Dataset, *, width: float = pieces.FULL_WIDTH) -> Figure:
    """R2 of one fixed linear decoder for every site and age, and per site and dim."""
    _expect(scores, "r2", "score_fixed_decoder")
    with pieces.journal_style():
        head, tall = 0.38, 1.7
        body = width - 0.5 - 0.55 - pieces.KEY_WIDTH
        figure = pieces.new_figure(width, head + tall + 0.45)
        scale = ColourScale("viridis", 0.0, 1.0, "min", "R² on held-out sequences")
        left = 0.5
        for name, share in (("r2", 0.66), ("r2_dim", 0.34)):
            values = scores[name].values  # (site, age or dim)
            axes = pieces.axes_at(figure, left, head, share * body, tall)
            sites, across = values.shape
            pieces.draw_image(
                axes, values, scale, (-0.5, across - 0.5, -0.5, sites - 0.5)
            )
            axes.set(
                xlabel="steps since the input" if name == "r2" else "dim",
                ylabel="site" if name == "r2" else "",
            )
            _few_integers(axes)
            axes.set_title(
                "dims together" if name == "r2" else "steps together",
                fontsize=7, loc="left", pad=3,
            )  # fmt: skip
            left += share * body + 0.55
        pieces.draw_key(
            pieces.axes_at(figure, width - pieces.KEY_WIDTH + 0.12, head, 0.1, tall),
            scale,
        )
        whole = number(float(scores.attrs["r2"]), 3)
        pieces.write_heading(figure, f"One decoder for all times: R² {whole} in all")
    return figure


def draw_memory_gradient(
    gradients: Mapping[str, xr.Dataset], *, lags: Sequence[int] = (),
    width: float = pieces.FULL_WIDTH,
) -> Figure:  # fmt: skip
    """How strongly answers depend on an input of some steps ago, and through what.

    `gradients` of `memory_gradient` and its kin, by the name they are told with; the
    mean over trials is drawn. Above: the Frobenius norm against the lag, on a log
    axis where 0 has no place. Below, at each of `lags`, the matrix dy/du.
    """
    if not 1 <= len(gradients) <= _MOST_CURVES:
        raise InputError(
            f"{len(gradients)} gradients; 1 to {_MOST_CURVES} can be told apart"
        )
    for found in gradients.values():
        _expect(found, "gradient", "memory_gradient")
    fewest = min(found.sizes["lag"] for found in gradients.values())
    beyond = [lag for lag in lags if not 0 <= lag < fewest]
    if beyond:
        raise InputError(f"no lag {beyond[0]} in all: they have lags 0 to {fewest - 1}")
    with pieces.journal_style():
        head, tall = 0.28, 1.9
        body = width - 0.65 - 1.75
        small = min(0.85, (width - 1.75 - pieces.KEY_WIDTH) / max(1, len(lags)) - 0.1)
        below = len(gradients) * (small + 0.1) + 0.4 if lags else 0.0
        figure = pieces.new_figure(width, head + tall + 0.45 + below)
        axes = pieces.axes_at(figure, 0.65, head, body, tall)
        _norms(axes, gradients)
        if lags:
            _matrices(figure, gradients, lags, head + tall + 0.7, small)
        pieces.write_heading(figure, "dy(t) / du(k) against the lag t − k")
    return figure


def _expect(dataset: xr.Dataset, variable: str, maker: str) -> None:
    if variable not in dataset:
        raise InputError(
            f"a dataset with '{variable}', as {maker} gives, is needed; this one has "
            f"{list(dataset.data_vars)}"
        )


def _content(movie: xr.Dataset, trial: int) -> xr.DataArray:
    """Contents (time, site, dim) of one trial."""
    _expect(movie, "content", "hidden_movie")
    content = movie["content"]
    trials = content.sizes.get("trial", 1)
    if not 0 <= trial < trials:
        raise InputError(f"no trial {trial}: the movie has trials 0 to {trials - 1}")
    return content.isel(trial=trial) if "trial" in content.dims else content


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


def _matrix(axes: Axes, values: np.ndarray, scale: ColourScale) -> None:
    rows, columns = values.shape
    pieces.draw_image(axes, values, scale, (-0.5, columns - 0.5, -0.5, rows - 0.5))
    axes.invert_yaxis()


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


def _few_integers(axes: Axes) -> None:
    for each in (axes.xaxis, axes.yaxis):
        each.set_major_locator(MaxNLocator(4, integer=True))


def _norms(axes: Axes, gradients: Mapping[str, xr.Dataset]) -> None:
    ends = [np.inf, 0.0]
    for k, (name, found) in enumerate(gradients.items()):
        norm = found["norm"]
        norm = norm.mean("trial") if "trial" in norm.dims else norm
        values = np.where(norm.values > 0, norm.values, np.nan)
        silent = int(np.sum(norm.values == 0))
        note = pieces.plain(name, 26)
        note += f"\n0 at {silent} of {norm.size} lags" if silent else ""
        alone = silent > 0  # points between zeros have no line
        axes.plot(norm["lag"], values, "o" if alone else "o-", ms=3.4 if alone else 2,
                  lw=0.8, mfc="none" if alone else None, color=SERIES[k],
                  zorder=3 if alone else 4, label=note)  # fmt: skip
        if np.isfinite(values).any():
            ends = [min(ends[0], np.nanmin(values)), max(ends[1], np.nanmax(values))]
    axes.set_yscale("log")
    if np.isfinite(ends[0]):
        axes.set_ylim(max(ends[0] / 3, 1e-12 * ends[1]), 3 * ends[1])
    axes.set(xlabel="lag (steps)", ylabel="norm of dy / du")
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    axes.legend(frameon=False, fontsize=7, loc="upper left",
                bbox_to_anchor=(1.01, 1.0), handlelength=1.4)  # fmt: skip


def _matrices(
    figure: Figure,
    gradients: Mapping[str, xr.Dataset],
    lags: Sequence[int],
    top: float,
    small: float,
) -> None:
    width = figure.get_size_inches()[0]
    scale = ColourScale("RdBu_r", -1.0, 1.0, "both", "dy / du")
    for row, (name, found) in enumerate(gradients.items()):
        matrix = found["gradient"]
        matrix = matrix.mean("trial") if "trial" in matrix.dims else matrix
        for column, lag in enumerate(lags):
            axes = pieces.axes_at(
                figure, 1.75 + column * (small + 0.1), top + row * (small + 0.1), small,
                small,
            )  # fmt: skip
            _matrix(axes, matrix.values[lag], scale)
            axes.set_xticks([])
            axes.set_yticks([])
            for spine in axes.spines.values():
                spine.set_visible(True)
            if not row:
                axes.set_title(f"lag {lag}", fontsize=7, pad=2)
            if row == len(gradients) - 1 and not column:
                axes.set_xlabel("input", fontsize=7, labelpad=2)
            if not column:
                axes.annotate(
                    "\n".join(textwrap.wrap(pieces.plain(name, 60), 22)), (0, 0.5),
                    (-14, 0), xycoords="axes fraction", textcoords="offset points",
                    ha="right", va="center", fontsize=7, color=SERIES[row],
                )  # fmt: skip
                axes.set_ylabel("output", fontsize=7, labelpad=2)
    tall = len(gradients) * (small + 0.1) - 0.1
    pieces.draw_key(
        pieces.axes_at(figure, width - pieces.KEY_WIDTH + 0.12, top, 0.1, tall), scale
    )
