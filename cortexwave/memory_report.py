"""What was measured of a recording's memory as its one page, and as lines of text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from cortexwave.errors import RecordingError
from cortexwave.memory.measuring import open_memory
from cortexwave.view.memory_page import draw_memory_page, undetermined


def check_page(memory: str | Path, *, overwrite: bool) -> Path:
    """Where the page of a memory file goes: beside it, under its name, as .png.

    `RecordingError` where a picture stands there already, unless `overwrite`.
    """
    memory = Path(memory)
    page = memory.with_suffix(".png")
    if page.exists() and not overwrite:
        raise RecordingError(
            f"{page}: would be replaced, as the page of {memory.name} gets that name; "
            "name another file, or --overwrite"
        )
    return page


def write_memory_page(memory: str | Path, path: str | Path) -> Path:
    """The page of a memory file as png, svg or pdf; its path."""
    from cortexwave.view import save_figure

    with xr.open_dataset(memory, engine="h5netcdf") as root:
        attrs = dict(root.attrs)
    title = attrs.get("recording_title") or attrs["recording_file"]
    provenance = (
        f"{attrs['recording_file']}, cortexwave {attrs['cortexwave_version']}"
        + (f", commit {attrs['git_commit'][:10]}" if attrs.get("git_commit") else "")
    )  # fmt: skip
    page = draw_memory_page(open_memory(memory), title=str(title),
                            provenance=provenance)  # fmt: skip
    return save_figure(page, path)


def summary_of(found: xr.Dataset) -> str:
    """One measurement in a sentence: its main number, its interval or its p."""
    reason = str(found.attrs.get("reason", ""))
    if undetermined(found):
        return f"undetermined: {reason or 'no value could be found'}"
    told = _TOLD.get(str(found.attrs.get("measure", "")), _variables)(found)
    return f"{told} ({reason})" if reason else told


def _variables(found: xr.Dataset) -> str:
    return ", ".join(str(name) for name in found.data_vars)


def _capacity(found: xr.Dataset) -> str:
    lines = []
    for k in range(found.sizes["patch"]):
        one = found.isel(patch=k)
        half = float(one["half_life"])
        lines.append(
            f"{float(one['capacity']):.3g} values "
            f"({float(one['capacity_low']):.3g} to {float(one['capacity_high']):.3g}), "
            f"limit {float(one['capacity_limit']):.3g}, "
            f"span {1e3 * float(one['span']):.4g} ms"
            + (f", half-life {1e3 * half:.4g} ms" if np.isfinite(half) else "")
        )
    return "; ".join(lines)


def _degrees(found: xr.Dataset) -> str:
    each = ", ".join(
        f"{float(one):.3g} of degree {int(order)}"
        for order, one in zip(found["order"].values, found["capacity"].values,
                              strict=True)
    )  # fmt: skip
    return f"{float(found['total']):.3g} of {int(found['sites'])} possible: {each}"


def _fisher(found: xr.Dataset) -> str:
    return "; ".join(
        f"total {float(one):.3g} ({float(low):.3g} to {float(high):.3g})"
        for one, low, high in zip(found["total"].values, found["total_low"].values,
                                  found["total_high"].values, strict=True)
    )  # fmt: skip


def _speed(found: xr.Dataset) -> str:
    lines = []
    for k in range(found.sizes["patch"]):
        one = found.isel(patch=k)
        lines.append(
            f"{1e-3 * float(one['speed']):.3g} m/s "
            f"({1e-3 * float(one['speed_low']):.3g} to "
            f"{1e-3 * float(one['speed_high']):.3g}), R2 {float(one['r2']):.2f}, "
            f"{int(one['used'])} sites"
        )
    return "; ".join(lines)


def _identity(found: xr.Dataset) -> str:
    at = int(np.nanargmax(found["accuracy"].values))
    one = found.isel(time=at)
    return (
        f"accuracy up to {float(one['accuracy']):.2f} at "
        f"{1e3 * float(one['time']):.4g} ms ({float(one['low']):.2f} to "
        f"{float(one['high']):.2f}), chance {float(one['chance']):.2f}, "
        f"p = {float(one['p_family']):.2g} over all times"
    )


def _elapsed(found: xr.Dataset) -> str:
    return "; ".join(
        f"{name}: R2 {float(one['r2']):.2f}, median error "
        f"{1e3 * float(one['absolute_error']):.3g} ms, p = {float(one['p']):.2g}"
        for name, one in ((str(name), found.sel(decoder=name))
                          for name in found["decoder"].values)
    )  # fmt: skip


def _generalisation(found: xr.Dataset) -> str:
    diagonal = float(found["lag_accuracy"][0])
    far = float(found["lag_accuracy"][-1])
    return (
        f"accuracy {diagonal:.2f} at its own time, {far:.2f} at the longest lag, "
        f"chance {float(found['chance']):.2f}, "
        f"p = {float(found['p_diagonal']):.2g}"
    )


def _interval(found: xr.Dataset) -> str:
    at = int(np.nanargmin(found["error"].values))
    one = found.isel(time=at)
    return (
        f"error down to {1e3 * float(one['error']):.3g} ms at "
        f"{1e3 * float(one['time']):.4g} ms, by one answer to all "
        f"{1e3 * float(one['error_constant']):.3g} ms, accuracy "
        f"{float(one['accuracy']):.2f}, chance {float(one['chance']):.2f}, "
        f"p = {float(found['p_family'].min()):.2g} over all times"
    )


def _controls(found: xr.Dataset) -> str:
    known = [name for name in found["control"].values.astype(str)
             if np.isfinite(found["value"].sel(control=name))]  # fmt: skip
    return ", ".join(
        f"{name.replace('_', ' ')} {float(found['value'].sel(control=name)):.2f} "
        f"(p = {float(found['p'].sel(control=name)):.2g})"
        for name in known
    )


def _ringing(found: xr.Dataset) -> str:
    until = float(found.attrs["claimed_until"])
    dropped = 1e3 * float(found.attrs["dropped_until"])
    if np.isnan(until):
        return f"nothing after {dropped:.4g} ms that the filter alone would not keep"
    return (f"more than the filter alone keeps up to {1e3 * until:.4g} ms, asked from "
            f"{dropped:.4g} ms on")  # fmt: skip


def _format(found: xr.Dataset) -> str:
    return f"{found['format'].item()}; {_generalisation(found)}"


def _sequence(found: xr.Dataset) -> str:
    most = int(found["simultaneous"].max())
    told = [f"up to {most} of {found.sizes['rank']} items at one time"]
    at = f"at {1e3 * float(found.attrs['at']):.4g} ms"
    for name, value in (("order of two", "order_auc"),
                        ("rank of an item", "rank_accuracy"),
                        ("whole sequence", "sequence_accuracy")):  # fmt: skip
        number, p = float(found[value]), float(found[f"{value.split('_')[0]}_p"])
        if np.isfinite(number):
            told.append(f"{name} {number:.2f} (p = {p:.2g}) {at}")
    return ", ".join(told)


def _phase(found: xr.Dataset) -> str:
    return (
        f"first harmonic {float(found['amplitude']):.3g} ({float(found['low']):.3g} to "
        f"{float(found['high']):.3g}), by chance {float(found['chance']):.3g}, "
        f"p = {float(found['p']):.2g}, {int(found.attrs['trials'])} trials"
    )


def _operator(found: xr.Dataset) -> str:
    from cortexwave.memory.propagator import described

    return "; ".join(described(found).splitlines())


def _shift(found: xr.Dataset) -> str:
    word = "a topographic shift" if bool(found["is_shift"]) else "no shift shown"
    nulls = zip(found["null"].values, found["p"].values, strict=True)
    p = ", ".join(f"{name} {float(value):.2g}" for name, value in nulls)
    return f"{word}, likeness {float(found['sli']):.2f}, p: {p}"


_TOLD = {
    "memory_function": _capacity,
    "processing_capacity": _degrees,
    "fisher_memory_from_data": _fisher,
    "lag_position": _speed,
    "decode_identity": _identity,
    "decode_elapsed_time": _elapsed,
    "temporal_generalisation": _generalisation,
    "decode_interval": _interval,
    "decoding_controls": _controls,
    "filter_control": _ringing,
    "memory_format": _format,
    "sequence_readout": _sequence,
    "phase_at_site": _phase,
    "propagator": _operator,
    "topographic_shift": _shift,
}
