"""A made field as a recording, with the truth about it in `attrs["truth"]`.

The truth of one field is a JSON object: `kind`, `travels` (whether it is right to say
that a wave does), `start`, `end` (s), then what applies of `frequency` (Hz),
`wavelength` (mm), `speed` (mm/s), `direction` (deg), `centre` ([x, y] in mm), `spread`
("out", "in"), `handedness` (+1 counter-clockwise, -1 clockwise), `amplitude` (uV),
`phase` (rad), `seed` and others. A sum is {"kind": "mixture", "episodes": [...]}.
Beside these may stand `noise` (a list) and `dead` (a list of sites).
"""

from __future__ import annotations

import json
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.synthetic.places import Places

VARIABLE = "signal"
UNITS = "uV"
Stored = Literal["float32", "float64"]
Truth = dict[str, Any]


def as_recording(
    places: Places, values: np.ndarray, *, rate: float, truth: Truth
) -> xr.Dataset:
    """Values (time, site) in uV as a recording of `signal`, `truth` attached."""
    time = np.arange(len(values)) / rate
    return xr.Dataset(
        {VARIABLE: (("time", *places.dims), values.reshape(-1, *places.shape),
                    {"units": UNITS})},
        {"time": ("time", time, {"units": "s"}), **places.coords},
        {"origin": "synthetic", "truth": written(truth)},
    )  # fmt: skip


def stored(dtype: str) -> np.dtype:
    """The type of the values of a recording, float32 or float64."""
    if dtype not in get_args(Stored):
        raise InputError(f"dtype is {dtype!r}; it is one of {get_args(Stored)}")
    return np.dtype(dtype)


def written(truth: Truth) -> str:
    """The truth as JSON text, which has no NaN or infinity."""
    return json.dumps(truth, allow_nan=False, default=lambda number: number.item())


def truth(recording: xr.Dataset) -> Truth:
    """What a made recording holds, as a dict; see the head of this module."""
    text = recording.attrs.get("truth")
    if not isinstance(text, str):
        raise InputError(
            "the recording has no attribute 'truth': it was not made by "
            "cortexwave.synthetic"
        )
    found: Truth = json.loads(text)
    return found


def episodes(recording: xr.Dataset) -> list[Truth]:
    """The parts of a made recording: one, or those of a mixture, in order of start."""
    found = truth(recording)
    parts = found["episodes"] if found["kind"] == "mixture" else [found]
    return sorted(parts, key=lambda part: (part["start"], part["end"]))
