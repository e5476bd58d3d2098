"""Does memory go when the wave goes? One model, taken apart rung by rung.

In a model, unlike in an animal, the wave can be removed and all else kept: cut the
sheet, turn the wave round, let its axons differ in speed, drive all sites at once with
the same power. Relabelling the sites removes the topography and nothing else (the
dynamics are P S P^T): what it leaves is memory that needs no visible wave. Each rung is
a recording under the same drive; this measures memory and wave of each alike, and says
where single sites differ so much that the comparison would not be fair.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.analysis.net_lags import FEWEST_SITES, net_lags
from cortexwave.errors import InputError
from cortexwave.memory.memory_function import memory_function
from cortexwave.memory.series import Series, series


def causal_ladder(
    rungs: Mapping[str, xr.Dataset],
    *,
    lags: int,
    band: tuple[float, float],
    seed: int,
    variable: str | None = None,
    tolerance: float = 0.2,
    surrogates: int = 199,
) -> xr.Dataset:
    """Memory against wave over `rung`; the first is the intact model.

    `rungs`: recordings with their drive stored, of one clock. `lags` as in
    `memory_function`, `band` (Hz) and p as in `net_lags`, `surrogates` of both.

    Memory: `capacity` (`capacity_low`, `capacity_high`), summed over patches, and
    `span` in s. Wave: `asymmetry`, the net direction asymmetry of the sites that
    change, less what chance gives, times their share `active` of all sites (a cut sheet
    carries a wave on what is left of it); `p`, that of net lags; both NaN where fewer
    than 9 sites change. `memory_loss` and `wave_loss` are 1 - value / intact, 0 for
    what is kept, 1 for what is gone.

    `power_ratio`: median variance of a changing site over the intact model's;
    `timescale_ratio`: the same of the mean time (s) over which a site's own
    autocorrelation falls to 1/e. `matched` where both differ by less than `tolerance`
    (as a ratio either way); a loss of memory is the wave's only where they match.
    """
    if len(rungs) < 2:
        raise InputError(f"{len(rungs)} rungs were given; the intact model and at "
                         "least one that lacks something are due")  # fmt: skip
    if not 0 < tolerance < 1:
        raise InputError(f"tolerance is {tolerance}; a share between 0 and 1 is due")
    rows = [
        _measured(recording, lags, band, seed, variable, surrogates)
        for recording in rungs.values()
    ]
    ticks = [row.pop("tick") for row in rows]
    if not np.allclose(ticks, ticks[0], rtol=1e-9):
        raise InputError(f"the drives tick every {ticks} s; rungs have one clock")
    intact = rows[0]
    for row in rows:
        row["memory_loss"] = 1 - _over(row["capacity"], intact["capacity"])
        row["wave_loss"] = 1 - _over(row["asymmetry"], intact["asymmetry"])
        row["power_ratio"] = _over(row["power"], intact["power"])
        row["timescale_ratio"] = _over(row["timescale"], intact["timescale"])
        row["matched"] = bool(
            max(abs(np.log(row["power_ratio"])), abs(np.log(row["timescale_ratio"])))
            < -np.log(1 - tolerance)
        )
    units = {"span": "s", "timescale": "s", "power": rows[0]["unit"]}
    names = [name for name in rows[0] if name != "unit"]
    unmatched = [name for name, row in zip(rungs, rows, strict=True)
                 if not row["matched"]]  # fmt: skip
    return xr.Dataset(
        {name: ("rung", [row[name] for row in rows], {"units": units.get(name, "1")})
         for name in names},
        {"rung": list(rungs)},
        {"measure": "causal_ladder", "lags": lags, "band": [float(f) for f in band],
         "seed": seed, "tolerance": tolerance, "surrogates": surrogates,
         "reason": _unfair(unmatched, tolerance)},
    )  # fmt: skip


def relabelled(recording: xr.Dataset, *, seed: int) -> xr.Dataset:
    """The recording with its sites in another, random order: no topography, all else.

    Every field of (y, x) or (channel) is moved by one permutation, and the map of the
    drive with it. The places stay where they were.
    """
    schema.validate(recording, schema.RECORDING)
    place = [dim for dim in ("channel", "y", "x") if dim in recording.dims]
    shape = tuple(recording.sizes[dim] for dim in place)
    if int(np.prod(shape)) < 3:
        raise InputError(f"the recording has {shape} sites; at least 3 can be mixed")
    order = np.random.default_rng(seed).permutation(int(np.prod(shape)))
    moved = recording.copy()
    for name, field in recording.data_vars.items():
        if not set(place) <= set(field.dims):
            continue
        last = field.transpose(..., *place)
        values = np.asarray(last.values).reshape(*last.shape[: -len(place)], -1)
        mixed = last.copy(data=values[..., order].reshape(last.shape))
        moved[name] = mixed.transpose(*field.dims)
    moved.attrs["relabelled"] = f"sites in a random order (seed {seed})"
    return moved


def _measured(
    recording: xr.Dataset,
    lags: int,
    band: tuple[float, float],
    seed: int,
    variable: str | None,
    surrogates: int,
) -> dict[str, Any]:
    remembered = memory_function(
        recording, variable=variable, lags=lags, surrogates=surrogates, seed=seed
    )
    measured = series(_fields(recording), variable)
    chosen = schema.field_names(_fields(recording)) if variable is None else [variable]
    if measured.places.get("feature", 1) > 1:
        raise InputError(f"'{chosen[0]}' has several features; choose one of them")
    active = measured.sites / int(np.prod(list(measured.places.values())))
    above, p = np.nan, np.nan
    if measured.sites >= FEWEST_SITES:
        lagging = net_lags(
            _fields(recording), band=band, seed=seed, variable=chosen[0],
            count=max(99, surrogates),
        )  # fmt: skip
        above = float(lagging["asymmetry"] - lagging["asymmetry_chance"])
        p = float(lagging["p"])
    return {
        "capacity": float(remembered["capacity"].sum()),
        "capacity_low": float(remembered["capacity_low"].sum()),
        "capacity_high": float(remembered["capacity_high"].sum()),
        "span": float(remembered["span"].sum()),
        "asymmetry": active * np.maximum(0.0, above), "p": p,
        "active": active, "power": float(np.median(measured.values.var(axis=(0, 1)))),
        "timescale": _timescale(measured),
        "tick": float(remembered["age"][1] - remembered["age"][0]),
        "unit": f"({recording[chosen[0]].attrs['units']})**2",
    }  # fmt: skip


def _unfair(unmatched: list[str], tolerance: float) -> str:
    if not unmatched:
        return ""
    return (
        f"single sites of {', '.join(unmatched)} differ from the intact model's by "
        f"more than {100 * tolerance:.0f} % in variance or timescale: a loss there "
        "need not be the wave's"
    )


def _fields(recording: xr.Dataset) -> xr.Dataset:
    """The recording without its tables."""
    prefixes = (schema.EVENT_PREFIX, schema.DRIVE_PREFIX)
    return recording.drop_vars(
        [name for name in recording.variables if str(name).startswith(prefixes)]
    )


def _timescale(measured: Series) -> float:
    """When a site's autocorrelation, the mean over sites, first is below 1/e, in s."""
    values = measured.values / measured.values.std(axis=(0, 1))
    size = 2 * measured.frames
    power = np.abs(np.fft.rfft(values, size, axis=1)) ** 2
    lagged = np.fft.irfft(power.mean(axis=(0, 2)), size)[: measured.frames]
    correlation = lagged / lagged[0]
    below = np.flatnonzero(correlation < np.exp(-1))
    if below.size == 0:
        return float(measured.step * measured.frames)
    at = int(below[0])  # between frames, the straight line
    before, after = correlation[at - 1], correlation[at]
    share = (before - np.exp(-1)) / (before - after)
    return float(measured.step * (at - 1 + share))


def _over(value: float, intact: float) -> float:
    return value / intact if intact else np.nan
