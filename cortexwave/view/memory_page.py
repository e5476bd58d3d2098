"""All that was measured of a recording's memory on one page, a panel for each measure.

Drawing only. What could not be measured keeps its place and says why; what was measured
with a reservation says so under its panel.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cortexwave.errors import InputError
from cortexwave.view import (
    memory_decoding,
    memory_functions,
    memory_generalisation,
    pieces,
)
from cortexwave.view.colours import SERIES

_WIDTH = 8.27  # inches, a page
_TALL, _EACH, _HEAD = 1.75, 2.85, 0.62
_NOTE = (
    "Readouts are linear and cross-validated; grey: what chance reaches. That a field "
    "can be read says what is in it, not that anything reads it."
)
_VALUE = {
    "memory_function": "memory", "processing_capacity": "capacity_of",
    "fisher_memory_from_data": "fisher", "lag_position": "correlation",
    "decode_identity": "accuracy", "decode_elapsed_time": "r2",
    "temporal_generalisation": "accuracy", "propagator": "modulus",
    "topographic_shift": "likeness", "decode_interval": "accuracy",
    "decoding_controls": "value", "filter_control": "accuracy",
    "phase_at_site": "amplitude", "memory_format": "lag_accuracy",
    "sequence_readout": "accuracy",
}  # fmt: skip


def draw_memory_page(
    found: Mapping[str, xr.Dataset], *, title: str, provenance: str
) -> Figure:
    """A panel for each measurement, two abreast, in the order given.

    `found`: the name of each and its Dataset, as `open_memory` gives them; which panel
    it gets says its attribute `measure`. `provenance`: a line of where it comes from.
    """
    if not found:
        raise InputError("nothing was measured, so there is no page to draw")
    rows = -(-len(found) // 2)
    with pieces.journal_style():
        height = _HEAD + _EACH * rows + 0.3
        figure = pieces.new_figure(_WIDTH, height)
        figure.text(0.45 / _WIDTH, 1 - 0.14 / height, pieces.plain(title, 90), va="top",
                    fontsize=11, fontweight="bold")  # fmt: skip
        figure.text(0.45 / _WIDTH, 1 - 0.36 / height, pieces.plain(provenance, 150),
                    va="top", fontsize=6.5, color=pieces.QUIET)  # fmt: skip
        for n, (name, each) in enumerate(found.items()):
            left = 0.62 + (n % 2) * 3.95
            _panel(figure, name, each, left, _HEAD + (n // 2) * _EACH)
        figure.text(0.45 / _WIDTH, 0.1 / height, _NOTE, va="bottom", fontsize=6,
                    color=pieces.QUIET)  # fmt: skip
    return figure


def undetermined(found: xr.Dataset) -> bool:
    """Whether a measurement has no value: it was refused, or all of it is NaN."""
    value = _VALUE.get(str(found.attrs.get("measure", "")), "")
    if value not in found:
        return not found.data_vars
    return bool(found[value].isnull().all())


def _panel(
    figure: Figure, name: str, found: xr.Dataset, left: float, top: float
) -> None:
    across, down = figure.get_size_inches()
    measure = str(found.attrs.get("measure", name))
    heading = name.replace("_from_data", "").replace("_", " ").replace(".", " ")
    figure.text((left - 0.3) / across, 1 - top / down, heading, va="bottom",
                fontsize=8.5, fontweight="bold")  # fmt: skip
    axes = pieces.axes_at(figure, left, top + 0.24, 3.1, _TALL)
    reason = str(found.attrs.get("reason", ""))
    caution = str(found.attrs.get("caution", "") or found.attrs.get("cautions", ""))
    if undetermined(found) or measure not in PANELS:
        _absent(axes, reason or f"no panel shows '{measure}'")
        return
    PANELS[measure](found, axes)
    said = textwrap.wrap("; ".join(each for each in (reason, caution) if each), 88,
                         max_lines=3, placeholder=" …")  # fmt: skip
    figure.text((left - 0.3) / across, 1 - (top + 0.24 + _TALL + 0.36) / down,
                "\n".join(pieces.plain(line, 90) for line in said), va="top",
                fontsize=5.5, color=pieces.QUIET, linespacing=1.15)  # fmt: skip


def _absent(axes: Axes, reason: str) -> None:
    text = "\n".join(textwrap.wrap(pieces.plain(f"undetermined: {reason}", 400), 48))
    pieces.draw_absent(axes, text, size=7)


def _generalisation(found: xr.Dataset, axes: Axes) -> None:
    """Accuracy of decoders of one time (up) at others (right), with its key."""
    scale = memory_generalisation.draw_accuracy(axes, found)
    box = axes.get_position()
    axes.set_position((box.x0, box.y0, box.width * 0.74, box.height))
    at = (box.x0 + box.width * 0.79, box.y0, box.width * 0.03, box.height)
    pieces.draw_key(axes.figure.add_axes(at), scale)


def _format(found: xr.Dataset, axes: Axes) -> None:
    """Accuracy by lag as it is and shifted back, under the verdict."""
    mine = [str(name) for name in found.variables if str(name).startswith("shift_")]
    moved = found[mine].rename({name: name.removeprefix("shift_") for name in mine})
    memory_generalisation.draw_by_lag(axes, found.drop_vars(mine), moved)
    axes.set_title(f"format: {found['format'].item()}", fontsize=7, loc="left", pad=3)


def _sequence(found: xr.Dataset, axes: Axes) -> None:
    """Each item against time, with its order at the time asked."""
    memory_generalisation.draw_items(axes, found)
    axes.legend(frameon=False, fontsize=6, loc="lower right", handlelength=1.2)
    area, p = float(found["order_auc"]), float(found["order_p"])
    told = "" if np.isnan(area) else f", order {area:.2f} (p = {p:.2g})"
    most = int(found["simultaneous"].max())
    axes.set_title(f"up to {most} of {found.sizes['rank']} items at one time{told}",
                   fontsize=7, loc="left", pad=3)  # fmt: skip


def _interval(found: xr.Dataset, axes: Axes) -> None:
    """Mean error of the interval that is read, and that of the best one answer."""
    time = 1e3 * found["time"].values
    axes.plot(time, 1e3 * found["error"], "o-", ms=2.5, lw=0.9, color=SERIES[0],
              label="read from the field")  # fmt: skip
    axes.plot(time, 1e3 * found["error_constant"], color=pieces.QUIET, lw=0.8, ls="--",
              label="one answer to all")  # fmt: skip
    axes.set(xlabel="after the second event (ms)", ylabel="error of the interval (ms)",
             ylim=(0, None))  # fmt: skip
    axes.legend(frameon=False, fontsize=6, loc="best", handlelength=1.4)
    axes.set_title(f"told apart: p = {float(found['p_family'].min()):.2g}", fontsize=7,
                   loc="left", pad=3)  # fmt: skip


def _controls(found: xr.Dataset, axes: Axes) -> None:
    box = axes.get_position()  # names of rows stand to the left
    axes.set_position((box.x0 + 0.2 * box.width, box.y0, 0.8 * box.width, box.height))
    memory_decoding.draw_controls(found, axes)


def _propagator(found: xr.Dataset, axes: Axes) -> None:
    """Moduli of the eigenvalues by rank; the band is what noise alone gives."""
    for k, name in enumerate(found["estimate"].values):
        one = found.sel(estimate=name)
        rank = np.arange(1, one.sizes["eigenvalue"] + 1)
        axes.fill_between(rank, one["zero_low"], one["zero_high"], color=SERIES[k],
                          alpha=0.2, lw=0)  # fmt: skip
        axes.plot(rank, one["modulus"], "o-", ms=2, lw=0.7, color=SERIES[k], label=name)
    axes.axhline(1, color=pieces.QUIET, lw=0.5, ls=":")
    axes.set(xlabel="eigenvalue, by modulus", ylabel="modulus", ylim=(0, None))
    axes.legend(frameon=False, fontsize=6.5, loc="upper right", handlelength=1.2)
    axes.set_title(f"more than noise: p = {float(found['p_signal']):.2g}", fontsize=7,
                   loc="left", pad=3)  # fmt: skip


def _shift(found: xr.Dataset, axes: Axes) -> None:
    """Greatest likeness to a shift at each distance of it; lines: 95 % of the nulls."""
    along = [name for name in ("y", "x") if name in found.coords]
    far = np.sqrt(sum(found[name].values ** 2 for name in along)).round(9)
    each = np.unique(far)
    best = [float(found["likeness"].values[far == d].max()) for d in each]
    axes.plot(each, best, "o-", ms=2.5, color=SERIES[0])
    rest = float(found["at_rest"])
    for k, null in enumerate(found["null"].values):
        one = found.sel(null=null)
        axes.axhline(rest + float(one["null_excess"]), color=SERIES[2 + k], lw=0.8,
                     ls="--", label=f"{str(null).replace('_', ' ')}, "
                     f"p = {float(one['p']):.2g}")  # fmt: skip
    axes.set(xlabel="displacement (mm per stride)", ylabel="likeness to a shift")
    axes.legend(frameon=False, fontsize=6, loc="lower right", handlelength=1.4)
    axes.set_title("topographic shift" if bool(found["is_shift"]) else "no shift shown",
                   fontsize=7, loc="left", pad=3)  # fmt: skip


PANELS: dict[str, Callable[[xr.Dataset, Axes], object]] = {
    **memory_functions.DRAWN,
    "decode_identity": memory_decoding.draw_identity,
    "decode_elapsed_time": memory_decoding.draw_elapsed_time,
    "decode_interval": _interval,
    "decoding_controls": _controls,
    "filter_control": memory_decoding.draw_filter_control,
    "phase_at_site": memory_decoding.draw_phase_at_site,
    "temporal_generalisation": _generalisation,
    "memory_format": _format,
    "sequence_readout": _sequence,
    "propagator": _propagator,
    "topographic_shift": _shift,
}
