"""A sheet seen through electrodes: what an array would have recorded of it.

In this order: source (fields summed with weights and delays), scale (mm between sites,
s between frames), place of the array, Gaussian point spread, average over the contact,
bilinear sampling, noise at a stated signal-to-noise ratio (each contact's own, or
shared), the amplifier's band, reference, its sampling rate (anti-aliased), bits, dead
sites. What was done stands in `attrs["observed"]` as JSON. The sheet is read block by
block, so that a run larger than the memory can be observed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.lab.amplifier import (
    Amplifier,
    amplified,
    quantised,
    resampled,
)
from cortexwave.lab.array_maps import electrode_map
from cortexwave.lab.electrodes import Electrodes, turned
from cortexwave.lab.noise import Noise, scaled_noise
from cortexwave.lab.sheet_sampling import (
    Sheet,
    Wrap,
    check_sampling,
    sampling_matrix,
)
from cortexwave.lab.signals import Contacts, contact_coordinates
from cortexwave.lab.sources import Term, sampled, source_of, summed

Reference = Literal["none", "common_average"]
Frame = Literal["sheet", "array"]

VARIABLE = "lfp"
_SPECTRA = 32  # frames whose spatial spectrum is looked at


def observe(
    recording: xr.Dataset,
    electrodes: Electrodes | str | Path | tuple[int, int, float],
    *,
    seed: int,
    source: str | Sequence[Term] | None = None,
    gain: float | None = None,
    spacing: float | None = None,
    interval: float | None = None,
    position: tuple[float, float] | Literal["centre"] | None = None,
    rotation: float = 0.0,
    wrap: Wrap = "none",
    spread: float = 0.0,
    noise: Sequence[Noise] = (),
    amplifier: Amplifier | None = None,
    reference: Reference = "none",
    dead: Sequence[str] | float = (),
    frame: Frame = "sheet",
) -> xr.Dataset:
    """A recording of channels, variable `lfp`: a sheet as electrodes record it.

    source     A field, or terms; by default the summed synaptic input (`sources_of`).
               A rate is seen only where it is named. Features are summed.
    gain       uV per unit of the source; without it values keep the source's unit.
    spacing    mm between sites, `interval` s between frames, in place of the sheet's.
    position   (x, y) mm of the middle of the array, or "centre" of the sheet; else it
               stands where its positions say. `rotation` in deg, counter-clockwise.
    wrap       Along which axes a periodic sheet goes on; else an array that reaches
               beyond the sheet is refused.
    spread     sd of the Gaussian point spread in mm (Utah LFP: 0.1 to 0.25).
    noise      Each is added at its ratio to the clean signal; `Noise.correlation` says
               what contacts share of it.
    dead       Labels, or the share of sites that are dead, chosen by `seed`: NaN.
    frame      Whether x and y of the result are those of the "sheet", on which the
               directions of its waves hold, or of the "array" as its map has them.

    A common average is taken over the live sites of each array.
    """
    schema.validate(recording, schema.RECORDING)
    _check_choices(wrap, reference, frame)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"seed is {seed!r}; it is a whole number from 0")
    terms, units = source_of(recording, source, gain)
    sheet = Sheet.of(recording[terms[0].field], spacing, interval)
    mapped = electrode_map(electrodes)
    middle = sheet.centre if position == "centre" else position
    if isinstance(middle, str):
        raise InputError(f"position is {middle!r}; it is (x, y) in mm, or 'centre'")
    placed = turned(mapped, position=middle, rotation=rotation)
    lost = [placed.labels[k] for k in np.flatnonzero(~placed.placed)]
    if lost:
        raise InputError(
            f"{len(lost)} electrode(s) have no position: {', '.join(lost[:8])}; leave "
            "them out"
        )
    dies = _dead(placed, dead, seed)
    weights, inside = sampling_matrix(
        placed, sheet.y, sheet.x, spread=spread, rotation=rotation, wrap=wrap
    )
    some = np.unique(np.linspace(0, sheet.time.size - 1, _SPECTRA).astype(int))
    looks = summed(recording, terms, some).reshape(-1, sheet.y.size, sheet.x.size)
    beyond = check_sampling(looks, sheet, placed, spread=spread, rotation=rotation)
    values = sampled(recording, terms, sheet, weights) * (1.0 if gain is None else gain)
    rate = 1 / sheet.interval
    added = [scaled_noise(values, each, rate, ~dies, placed, seed=(seed, 1 + k))
             for k, each in enumerate(noise)]  # fmt: skip
    values = sum(added, values)
    start, spoilt = float(sheet.time[0]), (0.0, 0.0)
    said: list[str] = []
    if amplifier is not None:
        values, spoilt, said = amplified(values, amplifier, rate)
    if reference == "common_average":
        values = _averaged(values, placed, dies)
    if amplifier is not None:
        values, rate = resampled(values, rate, amplifier)
        values = quantised(values, amplifier, units)
    values[..., dies] = np.nan
    statement = {
        "source": [asdict(term) for term in terms], "gain_uV": gain,
        "sheet_spacing_mm": [float(step) for step in sheet.spacing],
        "frame_interval_s": sheet.interval, "electrodes": mapped.count,
        "position_mm": None if middle is None else [float(each) for each in middle],
        "rotation_deg": float(rotation), "wrap": wrap, "point_spread_mm": float(spread),
        "contact_mm": mapped.size, "contact_shape": mapped.shape,
        "weight_on_the_sheet": float(inside.min()),
        "variance_beyond_nyquist": beyond,
        "noise": [asdict(each) for each in noise],
        "amplifier": None if amplifier is None else asdict(amplifier),
        "reference": reference, "seed": seed, "frame": frame,
        "dead": [placed.labels[k] for k in np.flatnonzero(dies)],
    }  # fmt: skip
    shown = placed if frame == "sheet" else mapped
    return _labelled(recording, values, shown, dies, sheet, start=start, rate=rate,
                     spoilt=spoilt, units=units, reference=reference, said=said,
                     statement=statement)  # fmt: skip


def _check_choices(wrap: str, reference: str, frame: str) -> None:
    for name, given, allowed in (
        ("wrap", wrap, Wrap), ("reference", reference, Reference),
        ("frame", frame, Frame),
    ):  # fmt: skip
        if given not in get_args(allowed):
            raise InputError(f"{name} is {given!r}; it is one of {get_args(allowed)}")


def _dead(electrodes: Electrodes, dead: Sequence[str] | float, seed: int) -> np.ndarray:
    found = np.zeros(electrodes.count, dtype=bool)
    if isinstance(dead, float | int):
        if not 0 <= dead < 1:
            raise InputError(f"share of dead sites is {dead}; it is from 0 to below 1")
        count = round(dead * electrodes.count)
        draw = np.random.default_rng([seed, 0])
        found[draw.choice(electrodes.count, count, replace=False)] = True
    else:
        for label in dead:
            if label not in electrodes.labels:
                raise InputError(
                    f"dead site '{label}': no such electrode; there is "
                    f"{', '.join(electrodes.labels[:8])} ..."
                )
            found[electrodes.labels.index(label)] = True
    if found.all():
        raise InputError("all electrodes are dead")
    return found


def _averaged(
    values: np.ndarray, electrodes: Electrodes, dead: np.ndarray
) -> np.ndarray:
    names = np.array(electrodes.arrays, dtype=object)
    made = values.copy()
    for name in dict.fromkeys(electrodes.arrays):
        of_array = names == name
        if (of_array & ~dead).any():
            mean = values[..., of_array & ~dead].mean(axis=-1, keepdims=True)
            made[..., of_array] = values[..., of_array] - mean
    return made


def _labelled(
    recording: xr.Dataset, values: np.ndarray, electrodes: Electrodes, dead: np.ndarray,
    sheet: Sheet, *, start: float, rate: float, spoilt: tuple[float, float], units: str,
    reference: str, said: list[str], statement: dict[str, Any],
) -> xr.Dataset:  # fmt: skip
    contacts = Contacts(
        electrodes.labels, electrodes.positions, electrodes.arrays, ~dead,
        tuple("dead, as observed" if each else "" for each in dead),
    )  # fmt: skip
    time = start + np.arange(values.shape[1]) / rate
    coords: dict[str, Any] = {"time": ("time", time, {"units": "s"})}
    if "trial" in recording.dims:
        coords["trial"] = ("trial", recording["trial"].values if "trial" in
                           recording.coords else np.arange(len(values)),
                           {"units": "1"})  # fmt: skip
    coords |= contact_coordinates(contacts)
    if any(spoilt):
        slack = 1e-6 / rate
        valid = (time - time[0] >= spoilt[0] - slack) & (
            time[-1] - time >= spoilt[1] - slack
        )
        coords["valid"] = ("time", valid, {"units": "1"})
    several = "trial" in recording.dims
    dims = ("trial", "time", "channel") if several else ("time", "channel")
    field = (dims, values if several else values[0],
             {"units": units, "long_name": "field potential, observed"})  # fmt: skip
    chain = [str(recording.attrs["filter_chain"])] if recording.attrs.get(
        "filter_chain") else []  # fmt: skip
    attributes = {name: value for name, value in recording.attrs.items()
                  if name not in ("dtype", "complete", "n_valid")}  # fmt: skip
    attributes |= {"reference": reference.replace("_", " "),
                   "observed": json.dumps(statement, allow_nan=False)}  # fmt: skip
    if chain or said:
        attributes["filter_chain"] = "; ".join([*chain, *said])
    made = xr.Dataset({VARIABLE: field}, coords, attributes)
    if any(str(name).startswith(schema.EVENT_PREFIX) for name in recording.data_vars):
        made = schema.with_tables(made, _scaled(schema.events(recording), sheet), None)
    return made


def _scaled(events: xr.Dataset, sheet: Sheet) -> xr.Dataset:
    """The events at the times and places that the sheet has now."""
    slower, up, across = sheet.factors
    factors = {"onset": slower, "duration": slower, "y": up, "x": across}
    return events.assign({
        name: events[name].copy(data=events[name].values * factor)
        for name, factor in factors.items() if name in events.data_vars
    })  # fmt: skip
