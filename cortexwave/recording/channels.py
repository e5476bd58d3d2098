"""The channels of a recording: their labels, where they stand, which of them are bad.

In a Dataset they are coordinates over `channel`. In a file `channel` is a dimension
scale that holds the labels; the rest are variables over it, which every field names
as its coordinates, as the CF conventions have it.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
import xarray as xr

from cortexwave.errors import InputError, RecordingError

AXES = ("x", "y", "z")
_TEXTS = ("array", "reason")
COORDINATES = (*AXES, "good", *_TEXTS)
_NAMED = 8  # culprits that a message names
_BESIDE = 1.3  # of the nearest distance: neighbours side by side, no diagonals


@dataclass(frozen=True)
class Channels:
    """Channels in their order; what is None is known of none of them.

    `x`, `y` and `z` in mm, NaN where a channel's place is not known; `array` names
    the array or probe that each stands on; `good` is False for bad channels, and
    `reason` says why. Labels are unique. `RecordingError` names what is not so.
    """

    labels: tuple[str, ...]
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray | None = None
    good: np.ndarray | None = None
    array: tuple[str, ...] | None = None
    reason: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        count = len(self.labels)
        faults = [] if count else ["there is no channel"]
        faults += _label_faults(self.labels)
        for name, values in self.coordinates().items():
            if len(values) != count or np.ndim(values) != 1:
                shape = np.shape(values)
                faults.append(f"{name} has shape {shape} for {count} channels")
            elif name in AXES:
                faults += _place_faults(name, values, self.labels)
            elif name == "good" and np.asarray(values).dtype != bool:
                faults.append("good is not True or False for each channel")
            elif name in _TEXTS:
                faults += _text_faults(name, tuple(values))
        if faults:
            raise RecordingError(
                "these channels cannot be recorded: " + "; ".join(faults)
            )

    def __len__(self) -> int:
        return len(self.labels)

    def coordinates(self) -> dict[str, np.ndarray | tuple[str, ...]]:
        """What is known of the channels besides their labels, by name."""
        known = {name: getattr(self, name) for name in COORDINATES}
        return {name: values for name, values in known.items() if values is not None}


def channels_of(field: xr.DataArray) -> Channels:
    """The channels of a field, from its coordinates over `channel`.

    Without labels they are numbered from 0; without `x` or `y` they stand nowhere
    (NaN). `InputError` for a place that is not in mm. Coordinates of another name
    are not part of channels: a warning names them.
    """
    count = field.sizes["channel"]
    over = {str(name): values for name, values in field.coords.items()
            if values.dims == ("channel",)}  # fmt: skip
    labels = over.pop("channel").values if "channel" in over else range(count)
    other = sorted(set(over) - set(COORDINATES))
    if other:
        warnings.warn(
            f"coordinates {', '.join(other)} of the channels are left out; a recording "
            f"keeps {', '.join(COORDINATES)}",
            stacklevel=2,
        )
    places = {name: _millimetres(name, over[name]) for name in AXES if name in over}
    good = over.get("good")
    texts = {name: _texts(over[name].values) for name in _TEXTS if name in over}
    return Channels(
        labels=_texts(labels),
        x=places.get("x", np.full(count, np.nan)),
        y=places.get("y", np.full(count, np.nan)),
        z=places.get("z"),
        good=None if good is None else _decided(good.values),
        array=texts.get("array"),
        reason=texts.get("reason"),
    )


def write_channels(file: h5py.File, channels: Channels) -> h5py.Dataset:
    """The dimension scale `channel` of labels, written with all that is known."""
    scale = _write(file, "channel", channels.labels)
    scale.make_scale("channel")
    for name, values in channels.coordinates().items():
        column = _write(file, name, values)
        column.dims[0].label = "channel"
        column.dims[0].attach_scale(scale)
        if name in AXES:
            column.attrs["units"] = "mm"
            column.attrs["_FillValue"] = np.array([np.nan])
        if name == "good":
            column.attrs["dtype"] = "bool"  # as xarray marks it: netCDF has none
    return scale


def read_channels(file: h5py.File) -> Channels:
    """The channels of a file that `write_channels` wrote them to."""
    texts = {name: tuple(file[name].asstr()[:]) for name in _TEXTS if name in file}
    return Channels(
        labels=tuple(file["channel"].asstr()[:]),
        x=file["x"][:],
        y=file["y"][:],
        z=file["z"][:] if "z" in file else None,
        good=file["good"][:] != 0 if "good" in file else None,
        array=texts.get("array"),
        reason=texts.get("reason"),
    )


def _write(
    file: h5py.File, name: str, values: np.ndarray | Sequence[str]
) -> h5py.Dataset:
    if name not in ("channel", *_TEXTS):
        kind = "i1" if name == "good" else "f8"
        return file.create_dataset(name, data=np.asarray(values, kind))
    text = np.empty(len(values), object)
    text[:] = values
    return file.create_dataset(name, data=text, dtype=h5py.string_dtype())


def _millimetres(name: str, values: xr.DataArray) -> np.ndarray:
    unit = values.attrs.get("units")
    if unit != "mm":
        raise InputError(f"units of '{name}' of the channels are {unit!r}, not 'mm'")
    if values.dtype.kind not in "fiu":
        raise InputError(f"'{name}' of the channels is {values.dtype}, not numbers")
    return np.asarray(values.values, dtype=float)


def _decided(good: np.ndarray) -> np.ndarray:
    if good.dtype.kind not in "bfiu" or not np.isin(good, (0, 1)).all():
        raise InputError("'good' of the channels is not True or False for each")
    return good.astype(bool)


def _texts(values: Sequence[object] | np.ndarray | range) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


def _label_faults(labels: Sequence[str]) -> list[str]:
    faults = _text_faults("label", labels)
    empty = [str(k) for k, label in enumerate(labels) if not label]
    if empty:
        faults.append(f"channel {_first(empty)} (from 0) has an empty label")
    twice = [str(label) for label, n in Counter(labels).items() if label and n > 1]
    if twice:
        faults.append(f"more than one channel is labelled {_first(twice)}")
    return faults


def _text_faults(name: str, texts: Sequence[str]) -> list[str]:
    for text in texts:
        if not isinstance(text, str):
            return [f"{name} {text!r} is not text"]
        try:
            text.encode()
        except UnicodeEncodeError:
            return [f"{name} {text!r} is not Unicode text"]
        if "\0" in text:
            return [f"{name} {text!r} holds a zero byte, which ends text in HDF5"]
    return []


def _place_faults(
    name: str, values: np.ndarray | Sequence[str], labels: Sequence[str]
) -> list[str]:
    places = np.asarray(values)
    if places.dtype.kind not in "fiu":
        return [f"{name} is {places.dtype}, not positions in mm"]
    far = [labels[k] for k in np.flatnonzero(np.isinf(places))]
    return [f"{name} of channel {_first(far)} is infinite"] if far else []


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def describe_channels(channels: Channels) -> dict[str, Any]:
    """Count, pitch and extent (mm) and bad channels, in values that JSON can hold.

    Pitch is the median distance of neighbours side by side on the same array, and None
    where no two of them have a place. (The nearest neighbour of each alone is closer
    than the pitch where places are measured with an error.)
    """
    known = np.isfinite(channels.x) & np.isfinite(channels.y)
    axes = {"x": channels.x, "y": channels.y}
    if channels.z is not None and np.isfinite(channels.z[known]).all():
        axes["z"] = channels.z
    arrays = np.array(channels.array or ("",) * len(channels))
    places = np.stack(list(axes.values()), axis=-1)
    apart = [
        distance for array in dict.fromkeys(arrays[known])
        for distance in _apart(places[known & (arrays == array)])
    ]  # fmt: skip
    good = np.ones(len(channels), bool) if channels.good is None else channels.good
    reasons = channels.reason or ("",) * len(channels)
    return {
        "count": len(channels),
        "without_position": int((~known).sum()),
        "pitch_mm": round(float(np.median(apart)), 9) if apart else None,
        "extent_mm": {axis: round(float(np.ptp(at[known])), 9) if known.any() else None
                      for axis, at in axes.items()},
        "arrays": sorted(set(arrays.tolist()) - {""}),
        "bad": {channels.labels[k]: reasons[k] for k in np.flatnonzero(~good)},
    }  # fmt: skip


def _apart(places: np.ndarray) -> list[float]:
    """Distances of neighbouring places (site, axis), each pair once; none of one."""
    if len(places) < 2:
        return []
    from scipy.spatial import cKDTree  # slow to load, and only needed here

    tree = cKDTree(places)
    nearest = float(np.median(tree.query(places, k=2)[0][:, 1]))
    one, two = tree.query_pairs(_BESIDE * nearest, output_type="ndarray").T
    return np.linalg.norm(places[one] - places[two], axis=1).tolist()
