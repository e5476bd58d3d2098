"""The table of the measures of waves, and one function that takes them of a field.

A measure is a name, a unit, what it is called on an axis, where it comes from, and the
function that gives it, with its kin, of the frames or of a whole trial. None of them is
evidence that anything travels: see `NO_EVIDENCE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

from cortexwave import schema
from cortexwave.analysis.coherence import TOO_LONG, lengths
from cortexwave.analysis.local_measures import (
    NO_VELOCITY,
    alignment,
    flux,
    order,
    velocity,
)
from cortexwave.analysis.rotation_measures import rotation, rotation_correlation
from cortexwave.analysis.sites import Sites, sites_of
from cortexwave.analysis.source_measures import source_and_sink
from cortexwave.analysis.spectral_measures import (
    NO_RIDGE,
    net_direction,
    ridge,
    standing,
)
from cortexwave.analysis.wave_frames import courses, frame_blocks
from cortexwave.errors import InputError

NO_EVIDENCE = (
    "a description, no evidence of propagation: smooth noise in which nothing travels "
    "has directionality and speed, too"
)


@dataclass(frozen=True)
class Measure:
    """One measure; `function` gives it under its name, perhaps with others.

    Of `Frames` where it is taken per frame, of a `Course` where per trial.
    """

    function: Callable[[Any], Mapping[str, Any]]
    unit: str
    label: str
    source: str
    per: Literal["frame", "trial"] = "frame"
    needs_lattice: bool = False
    missing: str = ""  # when it is NaN although the field is not


_PHASE = "Rubino et al. 2006; per site and its median, Davis et al. 2020"
_RHO = "Davis et al. 2020; circular-linear correlation: Zar 1999, Berens 2009"
_DIVERGENCE = "divergence of the phase-gradient field, Muller et al. 2016"
_TURN = (
    "mean resultant about a centre, after the rotation index of Muller et al. 2016; "
    "resultant: Mardia & Jupp 2000"
)
_NO_CENTRE = "NaN where divergence has no peak, as on a plane wave without noise"

MEASURES: dict[str, Measure] = {
    "speed": Measure(velocity, "mm/s", "speed", _PHASE, missing=NO_VELOCITY),
    "wavelength": Measure(
        velocity, "mm", "wavelength", _PHASE, missing=NO_VELOCITY
    ),
    "direction": Measure(
        velocity, "deg", "direction of propagation", "Rubino et al. 2006",
        missing=NO_VELOCITY,
    ),
    "pgd": Measure(
        alignment, "1", "phase-gradient directionality", "Rubino et al. 2006"
    ),
    "planarity": Measure(alignment, "1", "planarity", "Denker et al. 2018"),
    "synchrony": Measure(
        order, "1", "synchrony", "Kuramoto 1984; Townsend & Gong 2018"
    ),
    "bimodality": Measure(
        order, "1", "phase bimodality",
        "second trigonometric moment, Mardia & Jupp 2000",
    ),
    "divergence": Measure(
        flux, "rad/mm^2", "divergence of propagation", "Muller et al. 2016",
        needs_lattice=True,
    ),
    "curl": Measure(
        flux, "rad/mm^2", "curl of propagation", "Muller et al. 2016",
        needs_lattice=True,
    ),
    "source_rho": Measure(
        source_and_sink, "1", "phase-distance correlation of the source", _RHO,
        needs_lattice=True, missing=_NO_CENTRE,
    ),
    "source_x": Measure(
        source_and_sink, "mm", "x of the source", _DIVERGENCE, needs_lattice=True,
        missing=_NO_CENTRE,
    ),
    "source_y": Measure(
        source_and_sink, "mm", "y of the source", _DIVERGENCE, needs_lattice=True,
        missing=_NO_CENTRE,
    ),
    "sink_rho": Measure(
        source_and_sink, "1", "phase-distance correlation of the sink", _RHO,
        needs_lattice=True, missing=_NO_CENTRE,
    ),
    "sink_x": Measure(
        source_and_sink, "mm", "x of the sink", _DIVERGENCE, needs_lattice=True,
        missing=_NO_CENTRE,
    ),
    "sink_y": Measure(
        source_and_sink, "mm", "y of the sink", _DIVERGENCE, needs_lattice=True,
        missing=_NO_CENTRE,
    ),
    "rotation": Measure(rotation, "1", "rotation", _TURN),
    "rotation_x": Measure(rotation, "mm", "x of the centre of rotation", _TURN),
    "rotation_y": Measure(rotation, "mm", "y of the centre of rotation", _TURN),
    "handedness": Measure(
        rotation, "1", "handedness (+1 counter-clockwise)", _TURN
    ),
    "rotation_correlation": Measure(
        rotation_correlation, "1", "circular correlation of phase and angle",
        "Muller et al. 2016; Jammalamadaka & SenGupta 2001", needs_lattice=True,
    ),
    "standing_ratio": Measure(
        standing, "1", "standing ratio",
        "powers of opposite wavevectors; compare Feeny 2008",
    ),
    "standing_ratio_overall": Measure(
        net_direction, "1", "standing ratio of the whole trial",
        "powers of opposite wavevectors; compare Feeny 2008", per="trial",
    ),
    "net_direction_asymmetry": Measure(
        net_direction, "1", "net direction asymmetry",
        "|sum P k_hat| / sum P of the wavenumber-frequency power", per="trial",
    ),
    "net_direction": Measure(
        net_direction, "deg", "net direction",
        "|sum P k_hat| / sum P of the wavenumber-frequency power", per="trial",
    ),
    "ridge_energy": Measure(
        ridge, "1", "share of power on the ridge",
        "semblance, Neidell & Taner 1971", per="trial", missing=NO_RIDGE,
    ),
    "ridge_speed": Measure(
        ridge, "mm/s", "speed of the ridge", "semblance, Neidell & Taner 1971",
        per="trial", missing=NO_RIDGE,
    ),
    "ridge_direction": Measure(
        ridge, "deg", "direction of the ridge", "semblance, Neidell & Taner 1971",
        per="trial", missing=NO_RIDGE,
    ),
    "correlation_length": Measure(
        lengths, "mm", "correlation length", "real coherency to 1/e, fitted",
        per="trial", missing=TOO_LONG,
    ),
    "half_distance": Measure(
        lengths, "mm", "half-distance of correlation",
        "real coherency to 1/2, fitted; compare Destexhe et al. 1999",
        per="trial", missing=TOO_LONG,
    ),
    "coherence_length": Measure(
        lengths, "mm", "coherence length", "size of coherency to 1/e, fitted",
        per="trial", missing=TOO_LONG,
    ),
}  # fmt: skip


def measure(field: xr.Dataset, names: Sequence[str]) -> xr.Dataset:
    """The measures named, of a wave field: over time, trial and feature as the field.

    Those per frame (`MEASURES[name].per`) are NaN where the filter's ends spoil the
    field; those per trial have no time and use what is not spoilt. A value that cannot
    be given is NaN; why is in `attrs["missing"]`. The field is read stretch by stretch.
    `InputError` names measures there are not, and those that need a lattice.
    """
    schema.validate_wave_field(field)
    if isinstance(names, str):
        raise InputError(f"names is the text {names!r}; give a list: [{names!r}]")
    if not isinstance(names, Iterable):
        raise InputError(f"names is {names!r}; give a list of measures: ['speed']")
    names = list(names)
    sites = sites_of(field["phase"])
    _check(names, sites)
    per_frame = [name for name in names if MEASURES[name].per == "frame"]
    per_trial = [name for name in names if MEASURES[name].per == "trial"]
    found = {**_of_frames(field, per_frame), **_of_trials(field, per_trial)}
    table = xr.Dataset({name: found[name] for name in names})
    if per_frame:
        table["valid"] = field["valid"]
    kept = ("variable", "band", "phase_method", "reference", "origin", "truth")
    return table.assign_attrs(
        {name: field.attrs[name] for name in kept if name in field.attrs}
        | {"note": NO_EVIDENCE}
    )


def _check(names: Sequence[str], sites: Sites) -> None:
    unknown = [name for name in names if name not in MEASURES]
    if unknown:
        raise InputError(
            f"no measure {', '.join(map(repr, unknown))}; there are "
            f"{', '.join(MEASURES)}"
        )
    need = [name for name in names if MEASURES[name].needs_lattice]
    if need and sites.shape is None:
        raise InputError(
            f"{', '.join(need)} need(s) a lattice, and the sites of the field are "
            "scattered; lay it on a lattice first: on_lattice(recording)"
        )


def _of_frames(field: xr.Dataset, names: list[str]) -> dict[str, xr.DataArray]:
    if not names:
        return {}
    functions = _functions(names)
    dims = ("trial", "feature", "time")
    shape = tuple(field.sizes.get(dim, 1) for dim in dims)
    values = {name: np.full(shape, np.nan) for name in names}
    for stretch, blocks in frame_blocks(field):
        rows: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for frames in blocks:
            for function in functions:
                for name, part in function(frames).items():
                    if name in rows:
                        rows[name].append(part)
        for name, parts in rows.items():
            part = values[name][..., stretch]
            part[:] = np.concatenate(parts).reshape(part.shape)
    spoilt = ~np.asarray(field["valid"].values, dtype=bool)
    made = {}
    for name, each in values.items():
        each[..., spoilt] = np.nan
        made[name] = _labelled(field, name, xr.DataArray(each, dims=dims), "time")
    return made


def _of_trials(field: xr.Dataset, names: list[str]) -> dict[str, xr.DataArray]:
    if not names:
        return {}
    rows: dict[str, list[float]] = {name: [] for name in names}
    for course in courses(field):
        for function in _functions(names):
            for name, value in function(course).items():
                if name in rows:
                    rows[name].append(value)
    shape = tuple(field.sizes.get(dim, 1) for dim in ("trial", "feature"))
    return {
        name: _labelled(field, name, xr.DataArray(
            np.reshape(row, shape), dims=("trial", "feature")))
        for name, row in rows.items()
    }  # fmt: skip


def _functions(names: list[str]) -> list[Callable[[Any], Mapping[str, Any]]]:
    return list(dict.fromkeys(MEASURES[name].function for name in names))


def _labelled(
    field: xr.Dataset, name: str, values: xr.DataArray, *over: str
) -> xr.DataArray:
    """Values over (trial, feature, ...) on those dims that the field has."""
    one = MEASURES[name]
    absent = {dim: 0 for dim in ("trial", "feature") if dim not in field.dims}
    order_of = [dim for dim in schema.SHEET_DIMS if dim in (*field.dims, *over)]
    kept = [dim for dim in order_of if dim in values.dims]
    made = values.isel(absent).transpose(*(dim for dim in kept if dim not in absent))
    made = made.assign_coords(
        {dim: field[dim].variable for dim in made.dims if dim in field.coords}
    )
    attrs = {"units": one.unit, "long_name": one.label, "source": one.source}
    if one.missing:
        attrs["missing"] = one.missing
    return made.rename(name).assign_attrs(attrs)
