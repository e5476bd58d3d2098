"""What one snapshot tells of a stimulus: which, how long ago, and by what means.

Drawing only, of what `memory.identity`, `.elapsed_time`, `.joint_information`,
`.controls`, `.ringing`, `.strength_contrast`, `.mode_share` and `.site_phase` found.
Grey is what chance reaches in 95 % of deals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.colours import SERIES, ColourScale, number

_CHANCE = "#d9d9d9"
_ALPHA = 0.05
_TALL, _EACH, _TOP = 1.65, 2.6, 0.5


def draw_identity(found: xr.Dataset, axes: Axes) -> Axes:
    """Accuracy of identity against time, its interval, and when it is beyond chance."""
    _expect(found, "confusion", "decode_identity")
    time = 1e3 * found["time"].values
    axes.fill_between(time, found["chance"], found["chance_high"], color=_CHANCE, lw=0)
    axes.fill_between(time, found["low"], found["high"], color=SERIES[0], alpha=0.2,
                      lw=0)  # fmt: skip
    axes.plot(time, found["accuracy"], "o-", ms=2, lw=0.8, color=SERIES[0])
    axes.axhline(float(found.attrs["chance_level"]), color=pieces.QUIET, lw=0.5)
    _marks(axes, time, found["p_family"].values <= _ALPHA)
    axes.set(xlabel="time after onset (ms)", ylabel="balanced accuracy")
    axes.set_ylim(0, 1.05)
    return axes


def draw_confusion(found: xr.Dataset, axes: Axes, *, time: float) -> ColourScale:
    """Share of each true class that was guessed to be each, at `time` (s)."""
    _expect(found, "confusion", "decode_identity")
    table = found["confusion"].sel(time=time, method="nearest")
    counts = table.transpose("true", "guessed").values.astype(float)
    with np.errstate(invalid="ignore"):
        share = counts / counts.sum(axis=1, keepdims=True)
    k = len(share)
    scale = ColourScale("viridis", 0.0, 1.0, "neither", "share of the true class")
    pieces.draw_image(axes, share, scale, (-0.5, k - 0.5, -0.5, k - 0.5))
    names = [pieces.plain(str(name), 8) for name in found["true"].values]
    for mark in (axes.set_xticks, axes.set_yticks):
        mark(np.arange(k), names)
    axes.set(xlabel="guessed", ylabel="true")
    return scale


def draw_elapsed_time(found: xr.Dataset, axes: Axes) -> Axes:
    """Time read against time passed for both decoders, with what the bound allows."""
    _expect(found, "estimate", "decode_elapsed_time")
    time = 1e3 * found["time"].values
    bound = 1e3 * found["bound"].values
    axes.fill_between(time, time - bound, time + bound, color=_CHANCE, lw=0,
                      label="Cramér-Rao bound")  # fmt: skip
    axes.plot(time, time, color=pieces.QUIET, lw=0.5)
    for k, decoder in enumerate(found["decoder"].values):
        one = found.sel(decoder=decoder)
        told = f"{decoder}: R² {float(one['r2']):.2f}"
        axes.errorbar(time, 1e3 * one["estimate"].values, 1e3 * one["spread"].values,
                      fmt="o-", ms=2, lw=0.8, elinewidth=0.5, color=SERIES[k],
                      label=told)  # fmt: skip
    axes.set(xlabel="time passed (ms)", ylabel="time read (ms)")
    axes.legend(frameon=False, fontsize=6.5, loc="upper left", handlelength=1.2)
    return axes


def draw_joint_information(found: xr.Dataset, axes: Axes) -> Axes:
    """Bits of identity and time: joint, each alone, and only together."""
    _expect(found, "most", "joint_information")
    names = [str(part).replace("_", " ") for part in found["part"].values]
    _bars(axes, names, found, "bits", ("bits_low", "bits_high"))
    axes.set_xlabel("bits in one snapshot")
    return axes


def draw_filter_control(found: xr.Dataset, axes: Axes) -> Axes:
    """Accuracy through a filter, that of its own ringing, and what may be claimed."""
    _expect(found, "control_high", "filter_control")
    time = 1e3 * found["time"].values
    axes.fill_between(time, 0, found["control_high"], color=_CHANCE, lw=0,
                      label="the filter alone (95 %)")  # fmt: skip
    axes.plot(time, found["control"], color=pieces.QUIET, lw=0.8)
    axes.plot(time, found["accuracy"], "o-", ms=2, lw=0.8, color=SERIES[0],
              label="the recording")  # fmt: skip
    dropped = 1e3 * float(found.attrs["dropped_until"])
    axes.axvline(dropped, color=pieces.INK, lw=0.6, ls=":")
    _marks(axes, time, found["claimed"].values.astype(bool))
    axes.set(xlabel="time after onset (ms)", ylabel="balanced accuracy")
    axes.set_ylim(0, 1.05)
    axes.legend(frameon=False, fontsize=6.5, loc="lower left", handlelength=1.2)
    return axes


def draw_controls(found: xr.Dataset, axes: Axes) -> Axes:
    """The value of each control with its chance; hollow where p exceeds .05."""
    _expect(found, "at_chance", "decoding_controls")
    rows = np.arange(found.sizes["control"])[::-1]
    value, p = found["value"].values, found["p"].values
    chance, high = found["chance"].values, found["chance_high"].values
    axes.barh(rows, high - chance, 0.6, chance, color=_CHANCE)
    beyond = p <= _ALPHA
    axes.plot(value[beyond], rows[beyond], "o", ms=3.5, color=SERIES[0])
    axes.plot(value[~beyond], rows[~beyond], "o", ms=3.5, mfc="none", color=SERIES[0])
    for row, reason in zip(rows, found["reason"].values, strict=True):
        if reason:
            axes.annotate(pieces.plain(str(reason), 48), (0.02, row),
                          xycoords=("axes fraction", "data"), fontsize=5.5,
                          va="center", color=pieces.QUIET)  # fmt: skip
    names = [str(name).replace("_", " ") for name in found["control"].values]
    axes.set_yticks(rows, names, fontsize=6)
    axes.set_ylim(-0.7, rows.size - 0.3)
    axes.set_xlim(min(0.0, float(np.nanmin([0, *value]))) - 0.02, 1.02)
    axes.set_xlabel("balanced accuracy (catch trials: R² of time)")
    return axes


def draw_wave_strength(found: xr.Dataset, axes: Axes) -> Axes:
    """Bits where waves are weak and where they are strong, and their difference."""
    _expect(found, "odds_ratio", "information_by_wave_strength")
    axes.bar([0, 1], found["bits"], 0.6, color=[SERIES[5], SERIES[0]])
    low, middle, high = (float(found[n]) for n in ("low", "difference", "high"))
    axes.bar([2], float(found["chance_high"]), 0.8, color=_CHANCE)
    axes.errorbar([2], [middle], [[middle - low], [high - middle]], fmt="o", ms=3,
                  lw=0.8, color=pieces.INK)  # fmt: skip
    axes.axhline(0, color=pieces.QUIET, lw=0.5)
    axes.set_xticks([0, 1, 2], ["weak waves", "strong", "difference"])
    axes.set_ylabel("bits of identity")
    ratio, least, most = (float(found[f"odds_{n}"]) for n in ("ratio", "low", "high"))
    told = "no odds ratio" if np.isnan(ratio) else (
        f"odds ratio {ratio:.2f} ({least:.2f} to {most:.2f}) per s.d."
    )  # fmt: skip
    axes.set_title(f"{_p(found['p'])}, {told}", fontsize=6.5, loc="left", pad=3)
    return axes


def draw_mode_share(found: xr.Dataset, axes: Axes) -> Axes:
    """Bits of the phasors, of their wave coordinates, and of what these leave."""
    _expect(found, "eta", "wave_mode_share")
    _bars(axes, ["phasors", "wave modes", "the rest"], found, "bits", None)
    axes.set_xlabel("bits of identity")
    axes.set_title(f"η = {number(float(found['eta']), 2)} "
                   f"({number(float(found['eta_low']), 2)} to "
                   f"{number(float(found['eta_high']), 2)})", fontsize=6.5, loc="left",
                   pad=3)  # fmt: skip
    return axes


def draw_phase_at_site(found: xr.Dataset, axes: Axes) -> Axes:
    """Mean outcome in bins of phase, with the first harmonic."""
    _expect(found, "preferred", "phase_at_site")
    at = np.degrees(found["bin"].values)
    mean, trials = found["mean"].values, found["trials"].values
    middle = np.nansum(mean * trials) / max(1, trials.sum())
    axes.bar(at, mean, 0.9 * 360 / at.size, color=SERIES[5])
    turn = np.linspace(-np.pi, np.pi, 121)
    wave = float(found["amplitude"]) * np.cos(turn - float(found["preferred"]))
    axes.plot(np.degrees(turn), middle + wave, color=pieces.INK, lw=0.8)
    axes.set(xlabel="phase at the site (°)", ylabel="mean outcome")
    axes.set_xticks([-180, -90, 0, 90, 180])
    axes.set_title(_p(found["p"]), fontsize=6.5, loc="left", pad=3)
    return axes


DRAWN: dict[str, Callable[[xr.Dataset, Axes], Axes]] = {
    "decode_identity": draw_identity,
    "decode_elapsed_time": draw_elapsed_time,
    "joint_information": draw_joint_information,
    "filter_control": draw_filter_control,
    "decoding_controls": draw_controls,
    "information_by_wave_strength": draw_wave_strength,
    "wave_mode_share": draw_mode_share,
    "phase_at_site": draw_phase_at_site,
}


def draw_decoding(
    found: Mapping[str, xr.Dataset], *, width: float = pieces.FULL_WIDTH
) -> Figure:
    """All readouts of a snapshot that are given, two abreast in one figure.

    `found`: a Dataset for each name; what each is its attribute `measure` says. A
    readout that is undetermined keeps its place and says why.
    """
    drawn = {name: each for name, each in found.items()
             if each.attrs.get("measure") in DRAWN}  # fmt: skip
    if not drawn:
        raise InputError(f"none of {list(found)} is one of {', '.join(DRAWN)}")
    with pieces.journal_style():
        columns = min(2, len(drawn))
        rows = -(-len(drawn) // columns)
        figure = pieces.new_figure(width, _TOP - 0.1 + _EACH * rows)
        across, down = figure.get_size_inches()
        wide = (width - 0.1) / columns
        for n, (name, each) in enumerate(drawn.items()):
            left, top = (n % columns) * wide, _TOP + 0.15 + (n // columns) * _EACH
            figure.text((left + 0.1) / across, 1 - (top - 0.2) / down,
                        pieces.plain(name.replace("_", " "), 40), fontsize=7.5,
                        va="bottom", fontweight="bold")  # fmt: skip
            # names of rows stand to the left of bars
            indent = 1.2 if each.attrs["measure"] in _NAMED else 0.6
            axes = pieces.axes_at(figure, left + indent, top, wide - indent - 0.2,
                                  _TALL)  # fmt: skip
            _panel(axes, each)
        pieces.write_heading(figure, "What one snapshot tells")
    return figure


_NAMED = ("joint_information", "decoding_controls", "wave_mode_share")


def _panel(axes: Axes, found: xr.Dataset) -> None:
    reason = str(found.attrs.get("reason", ""))
    values = [each for each in found.data_vars.values() if each.dtype.kind == "f"]
    first = values[0] if values else None
    if reason and (first is None or bool(first.isnull().all())):
        axes.set_axis_off()
        axes.text(0, 0.9, "undetermined: " + pieces.plain(reason, 160), wrap=True,
                  transform=axes.transAxes, fontsize=7, va="top")  # fmt: skip
        return
    DRAWN[str(found.attrs["measure"])](found, axes)


def _expect(found: xr.Dataset, variable: str, measure: str) -> None:
    if variable not in found:
        raise InputError(
            f"a dataset of {measure} is needed; this one, of "
            f"{found.attrs.get('measure', 'unknown origin')}, has "
            f"{list(found.data_vars)}"
        )


def _marks(axes: Axes, time: np.ndarray, where: np.ndarray) -> None:
    """A line of squares along the top, where something holds."""
    axes.plot(time[where], np.full(int(where.sum()), 1.02), "s", ms=2, color=pieces.INK,
              clip_on=False)  # fmt: skip


def _bars(
    axes: Axes, names: list[str], found: xr.Dataset, variable: str,
    ends: tuple[str, str] | None,
) -> None:  # fmt: skip
    rows = np.arange(len(names))[::-1]
    values = found[variable].values
    axes.barh(rows, found["chance_high"], 0.8, color=_CHANCE)
    axes.barh(rows, values, 0.5, color=SERIES[0])
    if ends:
        spread = np.abs(np.stack([values - found[ends[0]], found[ends[1]] - values]))
        axes.errorbar(values, rows, xerr=spread, fmt="none", ecolor=pieces.INK, lw=0.8)
    axes.axvline(0, color=pieces.QUIET, lw=0.5)
    axes.set_yticks(rows, names, fontsize=6.5)


def _p(p: xr.DataArray) -> str:
    return f"p = {number(float(p), 2)}"
