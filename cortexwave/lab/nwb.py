"""NWB 2 files: electrical series and images as signals; pynwb says what there is."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.nwb_electrodes import PositionUnit, contacts_of
from cortexwave.lab.nwb_file import check_file, pynwb_for, session_of, text_of
from cortexwave.lab.nwb_intervals import events_of
from cortexwave.lab.nwb_times import Part, Stretch, stretches
from cortexwave.lab.nwb_values import (
    Opened,
    Values,
    check_array,
    column_of,
    dtype_of,
)
from cortexwave.lab.signals import Contacts, Signal, field_name

_MICROVOLTS = {"volts": 1e6, "volt": 1e6, "v": 1e6, "millivolts": 1e3, "mv": 1e3,
               "microvolts": 1.0, "uv": 1.0, "µv": 1.0, "μv": 1.0}  # fmt: skip
_MM = {"meters": 1e3, "meter": 1e3, "m": 1e3, "millimeters": 1.0, "mm": 1.0,
       "micrometers": 1e-3, "microns": 1e-3, "um": 1e-3, "µm": 1e-3}  # fmt: skip
_IMAGES = ("ImageSeries", "OnePhotonSeries", "TwoPhotonSeries")


def recognises(path: Path) -> bool:
    """Whether a file is NWB, of any version, or calls itself so."""
    path = Path(path)
    if re.search(r"\.nwb(\.|$)", path.name):
        return True
    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    try:
        with h5py.File(path, "r") as file:
            return "nwb_version" in file.attrs or "nwb_version" in file
    except OSError:
        return False


def signals(
    path: Path,
    *,
    gap_tolerance: float | None = None,
    position_unit: PositionUnit | None = None,
    pixel_size: float | None = None,
) -> list[Signal]:
    """Every electrical series and image series of a file, in uV and mm, unread.

    Time stamps with gaps make several signals; those of up to `gap_tolerance` (s) are
    filled with NaN. Positions are in the micrometres of the schema unless the
    distance of neighbours says mm or m, or `position_unit` does; attribute `positions`
    tells. Images need the size of a pixel: that of their imaging plane, or
    `pixel_size` (mm). Series that cannot be read are named with the reason in the
    attribute `passed_over`. Raises `RecordingError` where a file is no NWB 2 file,
    `InputError` where it has nothing to read.
    """
    path = Path(path)
    pynwb = pynwb_for(path)
    check_file(path)
    if position_unit not in (None, "um", "mm", "m"):
        raise InputError(f"position_unit is {position_unit!r}; um, mm, m are allowed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a file's style; faults are found below
        try:
            # opened here: pynwb leaves a file open that it fails to understand
            with h5py.File(path, "r") as held:
                content = pynwb.NWBHDF5IO(file=held, mode="r").read()
                place = _Place(
                    path, events_of(content), session_of(content), gap_tolerance,
                    position_unit, pixel_size,
                )  # fmt: skip
                found, passed = _read(content, place)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error
        except Exception as error:  # pynwb and HDF5 raise many unrelated types
            raise RecordingError(
                f"{path}: pynwb cannot read it ({type(error).__name__}: {error})"
            ) from error
    if not found:
        why = "; ".join(passed) or "it has no ElectricalSeries and no ImageSeries"
        raise InputError(f"{path}: nothing in it can be read: {why}")
    if not passed:
        return found
    said = {"passed_over": "; ".join(passed)}
    return [replace(signal, attributes={**signal.attributes, **said})
            for signal in found]  # fmt: skip


def _read(content: Any, place: _Place) -> tuple[list[Signal], list[str]]:
    """Signals of a file, and what was passed over, with the reason."""
    found: list[Signal] = []
    passed: list[str] = []
    for name, where, series in _named(content):
        try:
            read = _image if _kind(series) in _IMAGES else _electrical
            found += read(series, name, where, place)
        except InputError as fault:
            passed.append(f"{where}: {fault}")
    return found, passed


@dataclass(frozen=True)
class _Place:
    """What the signals of a file share, and how they were asked for."""

    path: Path
    events: xr.Dataset | None
    session: dict[str, str]
    gap_tolerance: float | None
    position_unit: PositionUnit | None
    pixel_size: float | None


def _kind(series: Any) -> str:
    return str(type(series).__name__)


def _named(content: Any) -> list[tuple[str, str, Any]]:
    """(name, path, series) of all that can be signals; names stand once each."""
    found = [(where, series) for root, items in _roots(content)
             for item in items for where, series in _series(item, root)]  # fmt: skip
    names = [series.name for _, series in found]
    return [
        (field_name(series.name if names.count(series.name) == 1
               else where.replace("/", ".")), where, series)
        for where, series in found
    ]  # fmt: skip


def _roots(content: Any) -> Iterator[tuple[str, list[Any]]]:
    yield "acquisition", list(content.acquisition.values())
    for name, module in content.processing.items():
        yield f"processing/{name}", list(module.data_interfaces.values())


def _series(item: Any, root: str) -> Iterator[tuple[str, Any]]:
    where = f"{root}/{item.name}"
    kinds = [kind.__name__ for kind in type(item).__mro__]
    if _kind(item) in _IMAGES or (
        "ElectricalSeries" in kinds and "SpikeEventSeries" not in kinds
    ):
        yield where, item
    elif "MultiContainerInterface" in kinds:
        for child in item.children:
            yield from _series(child, where)


def _electrical(series: Any, name: str, where: str, place: _Place) -> list[Signal]:
    data = series.data
    check_array(data)
    rows = column_of(series.electrodes.data).astype(np.int64)
    contacts, said = contacts_of(
        series.electrodes.table, rows, unit=place.position_unit
    )
    frames, channels_first = _orientation(data.shape, rows.size)
    if channels_first:
        said["orientation"] = "stored (channel, time)"
    unit = text_of(data.attrs.get("unit", "volts"))
    microvolts = _MICROVOLTS.get(unit.strip().lower())
    if microvolts is None:
        raise InputError(f"its unit is {unit!r}; volts, mV or uV are allowed")
    conversion, offset = float(series.conversion), float(series.offset)
    channel = series.channel_conversion
    gains = np.asarray(1.0 if channel is None else column_of(channel), dtype=float)
    if gains.ndim and gains.size != rows.size:
        raise InputError(
            f"it has {gains.size} channel conversions for {rows.size} channels"
        )
    scale = conversion * microvolts * gains
    if not np.isfinite(scale).all() or np.any(scale == 0) or not np.isfinite(offset):
        raise InputError("its conversion to volts is zero or not finite")
    if conversion == 1.0 and microvolts == 1e6 and data.dtype.kind in "iu":
        said["units_note"] = "conversion is 1: one count would be one volt"
    return _signals(
        series, name, where, place, frames,
        values=Values(Opened(Path(data.file.filename)), data.name, (),
                      scale if scale.ndim else float(scale), offset * microvolts,
                      channels_first),
        units="uV", contacts=contacts, said=said,
    )  # fmt: skip


def _orientation(shape: tuple[int, ...], channels: int) -> tuple[int, bool]:
    if len(shape) == 1 and channels == 1:
        return shape[0], False
    if len(shape) == 2 and shape[1] == channels:
        return shape[0], False
    if len(shape) == 2 and shape[0] == channels:
        return shape[1], True
    raise InputError(
        f"its data are {shape} for {channels} electrodes; (time, channel) is allowed"
    )


def _image(series: Any, name: str, where: str, place: _Place) -> list[Signal]:
    if series.external_file is not None and len(series.external_file):
        raise InputError(
            f"its frames are in another file ({text_of(series.external_file[0])}), "
            "which is not opened"
        )
    data = series.data
    check_array(data)
    if data.ndim != 3:
        raise InputError(f"its data are {data.shape}; (time, x, y) is allowed")
    frames, width, height = data.shape
    spacing, origin = _pixels(series, place)
    lattice = (origin[1] + spacing[1] * np.arange(height),
               origin[0] + spacing[0] * np.arange(width))  # fmt: skip
    unit = text_of(data.attrs.get("unit", ""))
    microvolts = _MICROVOLTS.get(unit.strip().lower())
    scale = float(series.conversion) * (microvolts or 1.0)
    offset = float(series.offset) * (microvolts or 1.0)
    if not np.isfinite([scale, offset]).all() or scale == 0:
        raise InputError("its conversion is zero or not finite")
    unknown = unit.strip().lower() in ("", "n.a.", "na", "a.u.", "unknown", "none")
    return _signals(
        series, name, where, place, frames,
        values=Values(Opened(Path(data.file.filename)), data.name, (), scale, offset,
                      image=True),
        units="uV" if microvolts else "1" if unknown else unit,
        lattice=lattice, said={"orientation": "stored (time, x, y)"},
    )  # fmt: skip


def _pixels(series: Any, place: _Place) -> tuple[np.ndarray, np.ndarray]:
    """Size of a pixel and place of the first (x, y) in mm."""
    if place.pixel_size is not None:
        if not 0 < place.pixel_size < np.inf:
            raise InputError(f"pixel_size is {place.pixel_size}; mm > 0 are allowed")
        return np.full(2, float(place.pixel_size)), np.zeros(2)
    plane = getattr(series, "imaging_plane", None)
    if plane is None or plane.grid_spacing is None:
        raise InputError("it does not say the size of a pixel: give pixel_size (mm)")
    spacing = _lengths(plane.grid_spacing, plane.grid_spacing_unit)
    if not np.all(spacing > 0):
        raise InputError(f"its pixels are {spacing} mm: give pixel_size (mm)")
    if plane.origin_coords is None:
        return spacing, np.zeros(2)
    return spacing, _lengths(plane.origin_coords, plane.origin_coords_unit)


def _lengths(values: Any, unit: str | None) -> np.ndarray:
    factor = _MM.get((unit or "meters").strip().lower())
    if factor is None:
        raise InputError(f"its imaging plane is in {unit!r}, not in meters")
    lengths = np.asarray(values[:], dtype=float).reshape(-1)[:2] * factor
    if lengths.size != 2 or not np.isfinite(lengths).all():
        raise InputError("its imaging plane has no finite x and y")
    # metres of double precision: what mm were meant to more than ten digits
    return np.array([float(f"{length:.12g}") for length in lengths])


def _signals(
    series: Any, name: str, where: str, place: _Place, frames: int, *, values: Values,
    units: str, said: dict[str, str], contacts: Contacts | None = None,
    lattice: tuple[np.ndarray, np.ndarray] | None = None,
) -> list[Signal]:  # fmt: skip
    """A signal for each stretch of even time."""
    if not frames:
        raise InputError("it has no frames")
    parts = _stretches(series, frames, place.gap_tolerance)
    made = []
    for number, part in enumerate(parts, start=1):
        attributes: dict[str, Any] = {**place.session, "nwb_path": where, **said}
        if not values.opened.path.samefile(place.path):
            attributes["linked_file"] = values.opened.path.name
        if series.description not in (None, "", "no description"):
            attributes["description"] = str(series.description)
        if part.deviation * part.rate > 1e-6:  # beyond what doubles lose
            attributes["clock_deviation"] = part.deviation
        if part.missing:
            attributes["missing_frames"] = part.missing
        if len(parts) > 1:
            attributes["segment"] = f"{number} of {len(parts)}"
        own = replace(values, parts=part.parts)
        made.append(Signal(
            name=f"{name}.segment_{number}" if len(parts) > 1 else name,
            source=place.path, reader="nwb", rate=part.rate, start=part.start,
            frames=part.frames, units=units, read=own, contacts=contacts,
            lattice=lattice, events=place.events, dtype=dtype_of(series.data),
            attributes=attributes,
        ))  # fmt: skip
    return made


def _stretches(series: Any, frames: int, gap_tolerance: float | None) -> list[Stretch]:
    if series.rate is not None:
        rate, start = float(series.rate), float(series.starting_time or 0.0)
        if not 0 < rate < np.inf or not np.isfinite(start):
            raise InputError(f"its rate is {rate:g} Hz from {start:g} s")
        return [Stretch((Part(0, 0, frames),), start, rate, 0.0)]
    stamps = series.timestamps
    if stamps is None:
        raise InputError("it has neither a rate nor time stamps")
    if len(stamps) != frames:
        raise InputError(f"it has {len(stamps)} time stamps for {frames} frames")
    if isinstance(stamps, h5py.Dataset):
        check_array(stamps)
    return stretches(stamps, gap_tolerance=gap_tolerance)
