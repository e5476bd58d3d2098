"""Waves measured and read: power and its velocity, cones of inputs, the past decoded.

Drawing only: each figure shows a recording or what `analysis.velocity` and
`memory.snapshot` found. Speeds are in m/s, times in ms, positions in mm.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.colours import SERIES, ColourScale, Limits, number
from cortexwave.view.courses import draw_space_time
from cortexwave.view.selection import select

_MOST_CONES = 60


def draw_velocity_spectrum(
    spectrum: xr.Dataset,
    measured: xr.Dataset,
    *,
    part: str = "whole",
    width: float = pieces.FULL_WIDTH,
) -> Figure:
    """Space-time power with the line of its velocity, and power against velocity.

    `spectrum` of `space_time_spectrum`, `measured` of `velocity_spectrum`. Left:
    frequency against wavenumber, positive where waves travel towards +x (or +y), in
    decibels of the mean; the line is f = v k, wrapped where the lattice wraps it,
    dashed the opposite direction. Right: mean power along the line of each velocity,
    with the mean of each kind of surrogate.
    """
    _expect(spectrum, "power", "space_time_spectrum")
    _expect(measured, "line_power", "velocity_spectrum")
    for each in (spectrum, measured):
        names = [str(name) for name in each["part"].values]
        if part not in names:
            raise InputError(f"no part '{part}' was measured; there are {names}")
    found = measured.sel(part=part)
    with pieces.journal_style():
        figure = pieces.new_figure(width, 2.87)
        left = 0.46 * (width - 0.55 - 1.75)
        axes = pieces.axes_at(figure, 0.55, 0.42, left, 2.0)
        scale = _plane(axes, spectrum["power"].sel(part=part))
        _velocity_lines(axes, spectrum, float(found["velocity_at_maximum"]))
        pieces.draw_key(pieces.axes_at(figure, 0.62 + left, 0.42, 0.1, 2.0), scale)
        right = 0.62 + left + 1.2
        curve = pieces.axes_at(figure, right, 0.42, width - right - 0.12, 2.0)
        _line_power(curve, found)
        pieces.write_heading(figure, f"{measured.attrs['variable']}, {part}")
        axes.set_title(_velocity_text(found), fontsize=7, loc="left", pad=3)
        curve.set_title(_verdict(found), fontsize=7, loc="left", pad=3)
    return figure


def _expect(dataset: xr.Dataset, variable: str, maker: str) -> None:
    if variable not in dataset:
        raise InputError(
            f"a dataset with '{variable}', as {maker} gives, is needed; this one has "
            f"{list(dataset.data_vars)}"
        )


def _plane(axes: Axes, power: xr.DataArray) -> ColourScale:
    """Power in dB of the mean; the ends of the scale leave out the rarest bins."""
    with np.errstate(divide="ignore"):
        level = 10 * np.log10(np.asarray(power.values, dtype=float))
    level[:, power["wavenumber"].values == 0] = np.nan  # taken away: says nothing
    level[power["frequency"].values == 0] = np.nan
    finite = level[np.isfinite(level)]
    high = float(np.quantile(finite, 0.9995)) if finite.size else 1.0
    scale = ColourScale("viridis", high - 40, high, "both", "power / mean (dB)")
    wavenumber, frequency = power["wavenumber"].values, power["frequency"].values
    dk, df = (float(np.diff(at).mean()) / 2 for at in (wavenumber, frequency))
    ends = (wavenumber[0] - dk, wavenumber[-1] + dk,
            frequency[0] - df, frequency[-1] + df)  # fmt: skip
    pieces.draw_image(axes, level, scale, ends)
    along = power.attrs.get("along", "x")
    axes.set(xlabel=f"wavenumber (cycles/mm, + towards +{along})",
             ylabel="frequency (Hz)", xlim=ends[:2], ylim=ends[2:])  # fmt: skip
    return scale


def _velocity_lines(axes: Axes, spectrum: xr.Dataset, velocity: float) -> None:
    """f = v k through the plane, with gaps where it wraps; the opposite dashed."""
    if not np.isfinite(velocity):
        return
    wavenumber = spectrum["wavenumber"].values
    rate = 1 / float(spectrum.attrs["step"])  # Hz
    for v, style in ((velocity, "-"), (-velocity, "--")):
        k = np.linspace(wavenumber[0], wavenumber[-1], 4001)
        f = (v * k + rate / 2) % rate - rate / 2  # a sampled wave's frequency
        f[np.append(np.abs(np.diff(f)) > rate / 2, False)] = np.nan
        # power is the same at (-k, -f): only f >= 0 is drawn
        axes.plot(k, np.where(f >= 0, f, np.nan), style, color="white", lw=1.8,
                  alpha=0.5)  # fmt: skip
        axes.plot(k, np.where(f >= 0, f, np.nan), style, color=SERIES[1], lw=0.7)


def _line_power(axes: Axes, found: xr.Dataset) -> None:
    speed = 1e-3 * found["velocity"].values
    # nothing stands on the line of velocity 0 but what rounding left
    power = found["line_power"].where(found["sites_per_step"] != 0).values
    axes.plot(speed, power, color=SERIES[0], label="field")
    for k, kind in enumerate(found["surrogate"].values):
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = power / found["ratio"].sel(surrogate=kind).values
        name = str(kind).replace("_", "-")
        axes.plot(speed, mean, color=(pieces.QUIET, SERIES[4])[k % 2], lw=0.8,
                  ls=("-", "--")[k % 2], label=f"{name}, mean")  # fmt: skip
    best = 1e-3 * float(found["velocity_at_maximum"])
    if np.isfinite(best):
        axes.plot([best], [np.nanmax(power)], "o", color=SERIES[1], ms=3.5)
        axes.set_yscale("log")
        top = float(np.nanmax(power))
        least = max(top * 1e-4, float(np.nanmin(power)), 1e-3)
        axes.set_ylim(least / 30, 4 * top)  # the key stands below the curves
    axes.axvline(0, color=pieces.QUIET, lw=0.5, ls=":")
    axes.set(xlabel=f"velocity (m/s, + towards +{found.attrs.get('along', 'x')})",
             ylabel="power on the line / mean", xlim=(speed[0], speed[-1]))  # fmt: skip
    axes.legend(frameon=False, fontsize=6.5, loc="lower right", handlelength=1.6)


def _velocity_text(found: xr.Dataset) -> str:
    velocity = float(found["velocity_at_maximum"])
    if not np.isfinite(velocity):
        return "nothing moves"
    steps = float(found["steps_at_maximum"])
    return f"{number(1e-3 * velocity, 3)} m/s, {number(steps, 3)} site/step"


def _verdict(found: xr.Dataset) -> str:
    ratio = float(found["direction_ratio"])
    said = "wave" if bool(found["is_wave"]) else "no wave"
    p = float(found["p_wave"])
    if not np.isfinite(float(found["velocity_at_maximum"])):
        return f"{said}: p = {p:.2g}"
    return (f"{said}: p = {p:.2g}, direction ratio {number(ratio, 2)}, "
            f"{100 * float(found['ridge_fraction']):.0f} % on the ridge")  # fmt: skip


def draw_cones(
    recording: xr.Dataset,
    *,
    velocity: float,
    sides: Literal["one", "both"] = "one",
    boundary: Literal["periodic", "open"],
    field: str | None = None,
    trial: int = 0,
    feature: int = 0,
    limits: Limits | None = None,
    width: float = pieces.FULL_WIDTH,
) -> Figure:
    """Space against time along x with each input and where it can have got to.

    From every event with an onset and a place run the characteristics
    x = x0 + v (t - t0), v in mm/s positive towards +x; with `sides` "both" also
    x0 - v (t - t0), the two-sided cone (Keller et al. 2024, figure 1; their one-way
    ring has one side). On a periodic line they come round, on an open one they leave.
    """
    if not np.isfinite(velocity) or velocity == 0:
        raise InputError(f"velocity is {velocity} mm/s; a characteristic needs one")
    if sides not in ("one", "both") or boundary not in ("periodic", "open"):
        raise InputError(f"sides {sides!r} and boundary {boundary!r} are not 'one' or "
                         "'both' and 'periodic' or 'open'")  # fmt: skip
    shown = select(recording, field=field, trial=trial, feature=feature)
    inputs = _placed_inputs(recording, trial)
    figure = draw_space_time(recording, field=field, trial=trial, feature=feature,
                             along="x", limits=limits, width=width)  # fmt: skip
    axes = figure.axes[0]
    low, high = shown.extent("x")
    ends = axes.get_xlim()
    signs = (1, -1) if sides == "both" else (1,)
    with pieces.journal_style():
        for onset, x0 in inputs:
            if onset > shown.time[-1]:
                continue
            t = np.linspace(onset, shown.time[-1], 2001)
            for sign in signs:
                x = _path(x0 + sign * velocity * (t - onset), low, high, boundary)
                # dark under light: seen on either end of the colours
                axes.plot(1e3 * t, x, color="black", lw=1.4, alpha=0.45)
                axes.plot(1e3 * t, x, color="white", lw=0.7, ls="--")
            axes.plot([1e3 * onset], [x0], "o", mfc=SERIES[1], mec="white", mew=0.6,
                      ms=4.5, clip_on=False, zorder=4)  # fmt: skip
        axes.set_xlim(*ends)
        axes.set_ylim(low, high)
        v = number(1e-3 * abs(velocity), 3)
        sign_text = "±" if sides == "both" else "+" if velocity > 0 else "−"
        axes.annotate(f"● input, - - x = x₀ {sign_text} {v} m/s · (t − t₀)", (1, 0),
                      (0, -18), xycoords="axes fraction", textcoords="offset points",
                      ha="right", va="top", fontsize=7)  # fmt: skip
    return figure


def _placed_inputs(recording: xr.Dataset, trial: int) -> list[tuple[float, float]]:
    """Onset in s and x in mm of each event that has both."""
    needed = ("event_onset", "event_x", "event_trial")
    if any(name not in recording for name in needed):
        raise InputError("the recording has no events with onset, x and trial; cones "
                         "start where an input entered")  # fmt: skip
    mine = recording["event_trial"].values == trial
    if "trial" not in recording.dims:
        mine = np.ones_like(mine, dtype=bool)
    onset, x = (np.asarray(recording[name].values, dtype=float)[mine]
                for name in needed[:2])  # fmt: skip
    known = np.isfinite(onset) & np.isfinite(x)
    if not known.any():
        raise InputError(f"none of the {mine.sum()} events of trial {trial} has an "
                         "onset and a place x")  # fmt: skip
    if known.sum() > _MOST_CONES:
        raise InputError(
            f"{known.sum()} inputs; at most {_MOST_CONES} cones can be told apart, so "
            "choose fewer events or a shorter time"
        )
    return list(zip(onset[known].tolist(), x[known].tolist(), strict=True))


def _path(x: np.ndarray, low: float, high: float, boundary: str) -> np.ndarray:
    """A characteristic on the line: NaN where it has left, or between its laps."""
    if boundary == "open":
        return np.where((x >= low) & (x <= high), x, np.nan)
    around = (x - low) % (high - low) + low
    around[np.append(np.abs(np.diff(around)) > (high - low) / 2, False)] = np.nan
    return around


def draw_snapshot_decoding(
    decoded: xr.Dataset, *, width: float = pieces.FULL_WIDTH
) -> Figure:
    """Accuracy of reading the past from one frame against how long ago it was.

    `decoded` of `memory.past_decoder.decode_past` or `decode_order`: accuracy with its
    95 % interval, the range of chance as a band, the horizon as a line.
    """
    _expect(decoded, "accuracy", "memory.past_decoder.decode_past")
    lag = decoded["lag"].values
    with pieces.journal_style():
        figure = pieces.new_figure(width, 2.7)
        axes = pieces.axes_at(figure, 0.6, 0.3, width - 0.6 - 1.65, 1.95)
        axes.fill_between(lag, decoded["chance_low"], decoded["chance_high"],
                          lw=0, color=pieces.QUIET, alpha=0.3,
                          label="chance, 95 %")  # fmt: skip
        axes.plot(lag, decoded["chance"], color=pieces.QUIET, lw=0.8, ls="--",
                  label="chance, mean")  # fmt: skip
        middle, low, high = (
            decoded[name].values for name in ("accuracy", "low", "high")
        )
        axes.errorbar(lag, middle, [middle - low, high - middle], fmt="o-", ms=2.6,
                      lw=1.0, elinewidth=0.7, color=SERIES[0],
                      label="accuracy,\n95 % interval")  # fmt: skip
        horizon = float(decoded.attrs["horizon"])
        if np.isfinite(horizon):
            axes.axvline(horizon, color=SERIES[1], lw=0.9, zorder=0,
                         label=f"horizon, {horizon:g} steps")  # fmt: skip
        what = str(decoded.attrs["decoded"])
        name = "of the symbol" if what == "symbol" else "of the order of two"
        axes.set(xlabel="lag (steps)", ylabel=f"balanced accuracy {name}",
                 ylim=(0, 1.04), xlim=(lag[0] - 0.6, lag[-1] + 0.6))  # fmt: skip
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False, fontsize=7, loc="upper left",
                    bbox_to_anchor=(1.01, 1.0), handlelength=1.6)  # fmt: skip
        none = "" if np.isfinite(horizon) else ": nothing above chance"
        pieces.write_heading(
            figure, f"One frame, {decoded.attrs['sequences']} sequences{none}"
        )
    return figure
