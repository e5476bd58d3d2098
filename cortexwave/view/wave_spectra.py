"""Power over wavenumber and frequency, and what surrogates make of a statistic.

Drawing only, of what `analysis.wavenumber_spectrum`, `.dispersion` and `.net_lags`
found. Wavenumbers are in cycles/mm, positive where the wave travels to; speeds in m/s.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cortexwave.errors import InputError
from cortexwave.view import pieces
from cortexwave.view.colours import SERIES, ColourScale, number
from cortexwave.view.phase_frames import expect
from cortexwave.view.wave_events import KIND_COLOURS, event_kinds

_RANGE = 40.0  # dB shown below the greatest, at most
_UNITS = {"frequency": "Hz", "wavenumber": "1/mm"}
_HALO = (patheffects.withStroke(linewidth=1.8, foreground="black", alpha=0.55),)
Level = Literal["all", "each frequency"]


def draw_wavenumber_frequency(
    spectrum: xr.Dataset,
    axes: Axes | None = None,
    *,
    speeds: Sequence[float] = (),
    ridge: xr.Dataset | None = None,
    level: Level = "all",
    limits: tuple[float, float] | None = None,
) -> Axes:
    """Power in dB over wavenumber and frequency, with lines of `speeds` (mm/s).

    `spectrum` of `radial_power` (|k|) or `directional_power` (k along a direction, on
    both sides of 0, with the lines of both ways). 0 dB is the greatest power of "all"
    frequencies above 0, or of "each frequency", which shows waves under a power that
    falls with frequency. `ridge` of `dispersion` is drawn as points, with its width at
    half power. Dashed: the alias limit, 2 pitches per wave, and dotted 4 pitches, past
    which aliasing is to be feared. `limits` are those of the frequency axis in Hz.
    """
    power = _checked(spectrum, speeds, level)
    with pieces.journal_style():
        if axes is None:
            figure = pieces.new_figure(4.4, 3.0)
            axes = pieces.axes_at(figure, 0.5, 0.3, 2.85, 2.25)
        k, f = (spectrum[n].values.astype(float) for n in ("wavenumber", "frequency"))
        values, scale = _decibels(power, f, level)
        axes.pcolormesh(k, f, values, cmap=scale.colour_map(), norm=scale.norm(),
                        shading="nearest", rasterized=True)  # fmt: skip
        dk, df = (k[-1] - k[-2]) / 2, (f[-1] - f[-2]) / 2
        axes.set_xlim(0.0 if k[0] >= 0 else k[0] - dk, k[-1] + dk)
        axes.set_ylim(limits or (f[0] - df, f[-1] + df))
        axes.set(xlabel=_wavenumber_text(spectrum), ylabel="frequency (Hz)")
        _speed_lines(axes, speeds)
        _alias_limits(axes, spectrum)
        if ridge is not None:
            _ridge(axes, ridge, spectrum)
        key = axes.inset_axes((1.04, 0.0, 0.04, 1.0))
        pieces.draw_key(key, scale)
    return axes


def _checked(spectrum: xr.Dataset, speeds: Sequence[float], level: str) -> xr.DataArray:
    expect(spectrum, ("power", "frequency"), "radial_power, or directional_power")
    power = spectrum["power"]
    if set(power.dims) != {"frequency", "wavenumber"}:
        raise InputError(
            f"power has dims {power.dims}; it is drawn over (frequency, wavenumber): "
            "choose a feature, and take radial_power or directional_power"
        )
    for name, unit in _UNITS.items():
        found = spectrum[name].attrs.get("units")
        if found != unit:
            raise InputError(f"units of '{name}' are {found!r}, not '{unit}'")
        if spectrum[name].size < 2:
            raise InputError(f"a spectrum of one {name} is no picture")
    wrong = [v for v in speeds if not (np.isfinite(v) and v > 0)]
    if wrong:
        raise InputError(f"speeds are {list(speeds)}; they are positive, in mm/s")
    if level not in ("all", "each frequency"):
        raise InputError(f"level is {level!r}, not 'all' or 'each frequency'")
    return power.transpose("frequency", "wavenumber")


def _decibels(
    power: xr.DataArray, frequency: np.ndarray, level: str
) -> tuple[np.ndarray, ColourScale]:
    """Power in dB of its greatest, and the scale: 40 dB, or as far as it reaches."""
    values = np.asarray(power.values, dtype=float)
    if level == "all":
        above = values[frequency > 0]
        greatest = np.nanmax(above) if np.isfinite(above).any() else np.nan
        text = "power (dB of the greatest)"
    else:
        known = np.where(np.isfinite(values), values, -np.inf)
        greatest = known.max(axis=1, keepdims=True)
        text = "power (dB, each frequency)"
    with np.errstate(divide="ignore", invalid="ignore"):
        shown = 10 * np.log10(values / greatest)
    finite = shown[np.isfinite(shown)]
    reach = float(-np.quantile(finite, 0.01)) if finite.size else _RANGE
    depth = float(np.clip(np.ceil(reach / 5) * 5, 5.0, _RANGE))
    return shown, ColourScale("viridis", -depth, 0.0, "min", text)


def _wavenumber_text(spectrum: xr.Dataset) -> str:
    along = spectrum.attrs.get("direction")
    if along is None:
        return "wavenumber |k| (cycles/mm)"
    return f"wavenumber (cycles/mm, + towards {float(along):g}°)".replace("-", "−")


def _speed_lines(axes: Axes, speeds: Sequence[float]) -> None:
    """f = v |k|, each with its speed in m/s where it leaves the picture."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    above: list[tuple[float, str]] = []
    for speed in speeds:
        text = f"{number(1e-3 * speed, 3)} m/s"
        for side in (1, -1) if left < 0 else (1,):
            end = min(right if side > 0 else -left, high / speed)
            if speed * end > low:
                axes.plot([0, side * end], [0, speed * end], color="white", lw=0.9,
                          path_effects=_HALO)  # fmt: skip
        if speed * right >= high:
            above.append((high / speed, text))
        elif speed * right > low:
            axes.annotate(text, (right, speed * right), (-2, 3), ha="right",
                          textcoords="offset points", va="bottom", fontsize=6.5,
                          color="white", path_effects=_HALO)  # fmt: skip
    axes.set(xlim=(left, right), ylim=(low, high))
    inches = axes.get_window_extent().width / axes.figure.dpi
    room = 0.48 / inches * (right - left)  # of a text
    free = -np.inf
    for at, text in sorted(above):
        free = max(at, free + room)  # lines may stand closer than their texts
        axes.annotate(text, (free, high), (0, 2), textcoords="offset points",
                      ha="center", va="bottom", fontsize=6.5,
                      annotation_clip=False)  # fmt: skip


def _alias_limits(axes: Axes, spectrum: xr.Dataset) -> None:
    limit = spectrum.attrs.get("alias_limit")
    if limit is None:
        return
    left, right = axes.get_xlim()
    for share, style, text in ((1.0, "--", "2 pitches: alias limit"),
                               (0.5, ":", "4 pitches")):  # fmt: skip
        at = share * float(limit)
        for side in (-at, at):
            if left <= side <= right:
                axes.axvline(side, color="white", lw=1.6, alpha=0.6)
                axes.axvline(side, color="black", ls=style, lw=0.8)
        if at <= right:
            axes.annotate(text, (at, 0.03), (-2, 0), rotation=90, fontsize=6,
                          xycoords=axes.get_xaxis_transform(), color="white",
                          textcoords="offset points", ha="right", va="bottom",
                          path_effects=_HALO)  # fmt: skip


def _ridge(axes: Axes, ridge: xr.Dataset, spectrum: xr.Dataset) -> None:
    """Points of a dispersion relation; along a direction, what lies that way."""
    expect(ridge, ("wavenumber", "frequency"), "dispersion")
    k = np.asarray(ridge["wavenumber"].values, dtype=float)
    along = spectrum.attrs.get("direction")
    if along is not None and "wavenumber_x" in ridge:
        angle = np.deg2rad(float(along))
        k = (ridge["wavenumber_x"].values * np.cos(angle)
             + ridge["wavenumber_y"].values * np.sin(angle))  # fmt: skip
    f = np.asarray(ridge["frequency"].values, dtype=float)
    low, high = axes.get_ylim()
    known = np.isfinite(k) & (f >= low) & (f <= high)
    wide = None
    if "half_power_width" in ridge:
        wide = np.asarray(ridge["half_power_width"].values, dtype=float)[known] / 2
    axes.errorbar(k[known], f[known], xerr=wide, fmt="o", ms=3.2, mfc=SERIES[1],
                  mec="white", mew=0.5, ecolor=SERIES[1], elinewidth=0.8,
                  zorder=4)  # fmt: skip
    if not known.any():
        axes.annotate("no ridge above the surrogates", (0.02, 0.98), va="top",
                      xycoords="axes fraction", color="white", fontsize=6.5,
                      path_effects=_HALO)  # fmt: skip


def draw_surrogate_test(test: xr.Dataset, axes: Axes | None = None) -> Axes:
    """A statistic against what its surrogates gave, with p.

    `test` has `statistic`, `p` and `surrogates` over one dim, drawn as a histogram
    with the statistic as a line; or several z (`z_directed`, ...) with their p
    (`p_directed`, ...), as `net_lags` gives, drawn as bars in standard deviations.
    attrs["null"] says of the surrogates what they are, attrs["label"] of the statistic.
    """
    expect(test, (), "net_lags")
    scores = [str(n) for n in test.data_vars if str(n).startswith("z_")]
    if "surrogates" not in test and not scores:
        raise InputError(
            "a test with 'statistic', 'surrogates' and 'p', or with z of several "
            f"statistics ('z_...'), is needed; this one has {list(test.data_vars)}"
        )
    for name in ("statistic", "p") if "surrogates" in test else scores:
        if name not in test or test[name].ndim:
            raise InputError(f"'{name}' of the test is not one number; choose a "
                             "feature and trial")  # fmt: skip
    with pieces.journal_style():
        if axes is None:
            figure = pieces.new_figure(3.4, 2.3)
            axes = pieces.axes_at(figure, 0.8, 0.45, 2.45, 1.35)
        if "surrogates" in test:
            _histogram(axes, test)
        else:
            _scores(axes, test, scores)
        null = str(test.attrs.get("null", ""))
        if null:
            inches = axes.get_window_extent().width / axes.figure.dpi
            lines = textwrap.wrap(f"null: {null}", max(20, int(inches / 0.053)))[:2]
            axes.set_title("\n".join(pieces.plain(line, 90) for line in lines),
                           fontsize=7, loc="left", pad=3)  # fmt: skip
    return axes


def draw_event_masses(events: xr.Dataset, axes: Axes | None = None) -> Axes:
    """The mass of every event against the greatest in each recording without lags.

    `events` of `find_waves`, with `mass`, `kind`, `is_wave` and `null_mass` over
    surrogates, which are the histogram. Above it events are dots, a row and colour for
    each kind, filled where they are waves. Kinds that do not travel have no mass.
    """
    expect(events, ("mass", "null_mass", "kind", "is_wave"), "find_waves")
    made = events["null_mass"].values.astype(float)
    made = made[np.isfinite(made)]
    mass = events["mass"].values.astype(float)
    is_wave = np.asarray(events["is_wave"].values, dtype=bool)
    names = events["kind"].values.astype(str)
    tested = np.isfinite(mass)
    if "p" in events:
        tested &= np.isfinite(events["p"].values.astype(float))
    kinds = [kind for kind in event_kinds(events) if tested[names == kind].any()]
    with pieces.journal_style():
        if axes is None:
            figure = pieces.new_figure(3.4, 2.4)
            axes = pieces.axes_at(figure, 0.6, 0.45, 2.65, 1.45)
        _surrogates(axes, made, "", 1.7)
        for row, kind in enumerate(kinds):
            high = 0.95 - 0.3 * row / max(4, len(kinds) - 1)
            for wave in (False, True):
                x = mass[tested & (names == kind) & (is_wave == wave)]
                axes.plot(x, np.full(x.size, high), "o", ms=3.4, mew=0.8,
                          mec=KIND_COLOURS[kind],
                          mfc=KIND_COLOURS[kind] if wave else "none",
                          transform=axes.get_xaxis_transform())  # fmt: skip
        axes.set_title(
            f"events tested: {tested.sum()}, waves (filled): {is_wave[tested].sum()}\n"
            f"grey: greatest of each of {made.size} surrogates",
            fontsize=7, loc="left", pad=3,
        )  # fmt: skip
        axes.set(xlabel="mass of an event", ylabel="surrogates")
    return axes


def _surrogates(axes: Axes, made: np.ndarray, label: str, room: float) -> None:
    """Their histogram, under `room` times its height for what stands above it."""
    if made.size:
        bins = int(np.clip(np.sqrt(made.size), 8, 40))
        axes.hist(made, bins, color=pieces.QUIET, alpha=0.6, lw=0, label=label)
    axes.set_ylim(0, room * axes.get_ylim()[1])
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def _histogram(axes: Axes, test: xr.Dataset) -> None:
    made = np.asarray(test["surrogates"].values, dtype=float).ravel()
    made = made[np.isfinite(made)]
    seen, p = float(test["statistic"]), float(test["p"])
    _surrogates(axes, made, f"{made.size} surrogates", 1.45)
    axes.axvline(seen, color=SERIES[1], lw=1.4,
                 label=f"measured, p = {number(p, 2)}")  # fmt: skip
    axes.set(xlabel=_label(test), ylabel="surrogates")
    axes.legend(frameon=False, fontsize=6.5, loc="upper left", handlelength=1.2,
                borderaxespad=0.1)  # fmt: skip


def _label(test: xr.Dataset) -> str:
    attrs = test["statistic"].attrs
    units = str(attrs.get("units", ""))
    name = str(test.attrs.get("label", attrs.get("long_name", "statistic")))
    return name if units in ("", "1") else f"{name} ({units})"


def _scores(axes: Axes, test: xr.Dataset, scores: list[str]) -> None:
    names = [name.removeprefix("z_") for name in scores]
    z = np.array([float(test[name]) for name in scores])
    rows = np.arange(len(names))
    axes.axvspan(-2, 2, color=pieces.QUIET, alpha=0.2, lw=0)
    axes.axvline(0, color=pieces.QUIET, lw=0.6)
    axes.barh(rows, np.where(np.isfinite(z), z, 0.0), 0.45, color=SERIES[0])
    reach = float(np.nanmax(np.abs(z))) if np.isfinite(z).any() else 0.0
    axes.set_xlim(min(-3.0, 1.15 * np.nanmin([*z, 0.0])), max(4.0, 1.6 * reach))
    for row, name in enumerate(names):
        if not np.isfinite(z[row]):
            axes.text(0, row, "undetermined", ha="center", va="center", fontsize=6.5)
        elif f"p_{name}" in test:
            p = float(test[f"p_{name}"])
            text = f"p = {number(p, 2)}" if np.isfinite(p) else "not tested"
            axes.annotate(text, (max(2.0, z[row]), row), (3, 0), va="center",
                          textcoords="offset points", fontsize=6.5)  # fmt: skip
    axes.set_yticks(rows, names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(left=False)
    axes.set_xlabel("z (sd of the surrogates; grey: ±2)")
