"""The past read from one frame: when and on which channel each input came.

The closed form, for a field that is a shift register: an input that entered at site x0
at time s stands at time t at x0 + v (t - s), so that its place gives its onset and its
feature the channel (Keller et al. 2024, figure 1). What assumes no such field is
`cortexwave.memory.past_decoder`.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError


def past_from_snapshot(
    recording: xr.Dataset,
    *,
    variable: str,
    time: float,
    velocity: float,
    entry: float,
    threshold: float,
    amplitude: float,
    periodic: bool,
) -> xr.Dataset:
    """Onset (s) and channel of each past input that the frame at `time` still shows.

    The field has dims (feature, x) at its one row; `velocity` in mm/s, positive
    towards +x; `entry` the place in mm where inputs enter. At a whole number of sites
    per step every site above `threshold` is an input; otherwise packets have spread
    and each local maximum is one. `amplitude` is what one input leaves.

    Over `input`, the latest first: `onset`, `age` (s), `feature`, `x` (mm), `value`;
    `onset_sd` (s), how far a packet of fewer than one site per step has spread,
    sqrt(v (1 - v) age) / v in steps; `laps`, how many whole laps older the input may
    be (on a ring that is older than its horizon nothing in the frame tells); and
    `collision`, true where the value exceeds 1.5 amplitudes: two inputs a lap apart.
    `horizon` (attribute, s) is n / v on a ring, on a line the way left to its end.
    """
    frame, now, earliest, step = _frame(recording, variable, time)
    x = np.asarray(frame["x"].values, dtype=float)
    sites, spacing = x.size, float((x[-1] - x[0]) / max(1, x.size - 1))
    if not np.isfinite(velocity) or velocity == 0:
        raise InputError(f"velocity is {velocity} mm/s; a wave has one, not 0")
    start = int(np.argmin(np.abs(x - entry)))
    if abs(x[start] - entry) > spacing / 2:
        raise InputError(f"entry is {entry} mm, off the line from {x[0]:g} to "
                         f"{x[-1]:g} mm")  # fmt: skip
    speed = abs(velocity) * step / spacing  # sites per step
    away = (np.arange(sites) - start) * (1 if velocity > 0 else -1)
    path = sites if periodic else int(away.max()) + 1
    away = away % sites if periodic else np.where(away >= 0, away, -1)
    values = np.asarray(frame.values, dtype=float)  # (feature, x)
    shown = (values > threshold) & (away >= 0)
    if abs(speed - round(speed)) < 1e-9 and round(speed) >= 1:
        speed = float(round(speed))
        shown &= away % int(speed) == 0  # between them no input of this lap can be
    else:
        shown &= _maxima(values, periodic)
    feature, site = np.nonzero(shown)
    age = away[site] / speed  # steps
    order = np.argsort(age, kind="stable")
    feature, site, age = feature[order], site[order], age[order]
    elapsed = (now - earliest) / step
    lap = path / speed
    older = np.floor((elapsed - age) / lap + 1e-9).astype(int) if periodic else 0
    spread = np.sqrt(max(0.0, speed * (1 - speed)) * age) / speed
    columns = {
        "onset": (now - age * step, "s"), "age": (age * step, "s"),
        "feature": (feature, "1"), "x": (x[site], "mm"),
        "value": (values[feature, site], str(recording[variable].attrs["units"])),
        "onset_sd": (spread * step, "s"),
        "laps": (np.broadcast_to(older, age.shape).clip(0), "1"),
        "collision": (values[feature, site] > 1.5 * amplitude, "1"),
    }  # fmt: skip
    return xr.Dataset(
        {name: ("input", column, {"units": units})
         for name, (column, units) in columns.items()},
        attrs={"time": now, "velocity": velocity, "entry": float(x[start]),
               "horizon": lap * step, "horizon_steps": lap,
               "periodic": int(periodic)},
    )  # fmt: skip


def _frame(
    recording: xr.Dataset, variable: str, time: float
) -> tuple[xr.DataArray, float, float, float]:
    """The frame (feature, x) nearest to a time, that time, the first and the step."""
    schema.validate(recording, schema.RECORDING)
    names = schema.field_names(recording)
    if variable not in names:
        raise InputError(f"no field '{variable}' in the recording; it has {names}")
    field = recording[variable]
    for dim in ("trial", "y"):
        if field.sizes.get(dim, 1) > 1:
            raise InputError(
                f"field '{variable}' has {field.sizes[dim]} along '{dim}'; a snapshot "
                "is read on one line of one trial, so choose with .isel"
            )
    field = field.squeeze([d for d in ("trial", "y") if d in field.dims])
    field = field if "feature" in field.dims else field.expand_dims("feature")
    if "x" not in field.dims or field.sizes["x"] < 2 or field.sizes["time"] < 2:
        raise InputError(
            f"field '{variable}' has {dict(field.sizes)}; a snapshot needs two sites "
            "along x and two frames"
        )
    clock = np.asarray(field["time"].values, dtype=float)
    step = float((clock[-1] - clock[0]) / (clock.size - 1))
    if not clock[0] - step / 2 <= time <= clock[-1] + step / 2:
        raise InputError(f"time is {time} s; the recording runs from {clock[0]:g} to "
                         f"{clock[-1]:g} s")  # fmt: skip
    at = int(np.argmin(np.abs(clock - time)))
    frame = field.isel(time=at).transpose("feature", "x")
    return frame, float(clock[at]), float(clock[0]), step


def _maxima(values: np.ndarray, periodic: bool) -> np.ndarray:
    """Where a value exceeds its left and is not below its right neighbour."""
    padded = np.pad(values, ((0, 0), (1, 1)), mode="wrap") if periodic else np.pad(
        values, ((0, 0), (1, 1)), constant_values=-np.inf
    )  # fmt: skip
    return (values > padded[:, :-2]) & (values >= padded[:, 2:])
