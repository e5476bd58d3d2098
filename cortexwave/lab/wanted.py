"""What of a lab's file is wanted: part of a signal, its events, as text that lasts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.lab.digital_events import read_codes, session_events
from cortexwave.lab.electrodes import Electrodes
from cortexwave.lab.multiunit import multiunit_envelope
from cortexwave.lab.reading import ReaderOptions
from cortexwave.lab.resampling import resampled
from cortexwave.lab.selecting import (
    events_within,
    in_region,
    in_time,
    of_array,
    of_channels,
)
from cortexwave.lab.signals import Signal
from cortexwave.recording.layout import Stored
from cortexwave.schema import events_table


@dataclass(frozen=True)
class Wanted:
    """What of a lab's file is imported; None is all of it, or as the file says.

    `signal`, `electrodes`, `pitch` (mm) and `options` are those of `read_lab`. `time`
    is (from, until) in s on the file's clock, either None; `channels` are labels, in
    the order wanted; `array` is the name of one; `region` has limits in mm for x, y
    or z. `rate` (Hz) is at most the signal's; `multiunit` is the band (Hz) of which
    the envelope is taken at that rate. `codes` is a codes file, by which digital words
    become events; `subject` and `session` are labels that the file lacks.
    """

    signal: str | None = None
    electrodes: Electrodes | str | Path | tuple[int, int, float] | None = None
    pitch: float | None = None
    options: ReaderOptions = field(default_factory=ReaderOptions)
    time: tuple[float | None, float | None] | None = None
    channels: Sequence[str] | None = None
    array: str | None = None
    region: Mapping[str, tuple[float, float]] | None = None
    rate: float | None = None
    multiunit: tuple[float, float] | None = None
    dtype: Stored | None = None
    codes: str | Path | None = None
    subject: str | None = None
    session: str | None = None


def part_of(signal: Signal, wanted: Wanted) -> Signal:
    """What is wanted of a signal, not yet read.

    Time is cut last: so the filter has true values beyond the cut.
    """
    if wanted.array is not None:
        signal = of_array(signal, wanted.array)
    if wanted.channels is not None:
        signal = of_channels(signal, wanted.channels)
    if wanted.region is not None:
        signal = in_region(signal, wanted.region)
    if wanted.multiunit is not None:
        if wanted.rate is None:
            raise InputError("an envelope of multi-unit activity needs a rate (1 kHz)")
        signal = multiunit_envelope(signal, band=wanted.multiunit, rate=wanted.rate)
    elif wanted.rate is not None:
        signal = resampled(signal, wanted.rate)
    if wanted.time is not None:
        if not isinstance(wanted.time, Sequence) or len(wanted.time) != 2:
            raise InputError(f"time is {wanted.time!r}; from and to in s are due")
        signal = in_time(signal, *wanted.time)
    return signal


def events_of_part(
    signal: Signal, wanted: Wanted
) -> tuple[xr.Dataset | None, tuple[str, ...]]:
    """Events of the part, on its clock, with the labels of the session."""
    events = signal.events
    remarks: tuple[str, ...] = ()
    if wanted.codes is not None:
        events = events_table([]) if events is None else events
        events, remarks = session_events(events, read_codes(wanted.codes))
    if events is None:
        return None, ()
    stop = signal.start + signal.frames / signal.rate
    events = events_within(events, signal.start, stop, origin=signal.start)
    for column in ("subject", "session"):
        label = labels_of(signal, wanted).get(column)
        if label and column in events:
            given = events[column].values
            filled = np.array([each or label for each in given.tolist()], dtype=object)
            events = events.assign({column: ("event", filled, events[column].attrs)})
    return events, remarks


def labels_of(signal: Signal, wanted: Wanted) -> dict[str, str]:
    """Subject and session, as the file or the caller names them."""
    named = {"subject": wanted.subject, "session": wanted.session}
    found = {}
    for name, label in named.items():
        said = str(signal.attributes.get(name) or "")
        if label and said and label != said:
            raise InputError(
                f"{name} is {label!r}, but {signal.source} says it is {said!r}"
            )
        if label or said:
            found[name] = label or said
    return found


def request_of(path: Path, signal: str, wanted: Wanted) -> str:
    """All that the values in the file depend on but the channels, which it names."""
    options = {name: str(value) if isinstance(value, Path) else value
               for name, value in asdict(wanted.options).items()}  # fmt: skip
    if options["sidecar"] is not None:
        options["sidecar"] = str(Path(options["sidecar"]).absolute())
    asked = {
        "path": str(path.absolute()), "signal": signal, "options": options,
        "time": wanted.time, "rate": wanted.rate, "multiunit": wanted.multiunit,
        "region": None if wanted.region is None else dict(wanted.region),
        "array": wanted.array, "codes": wanted.codes and str(wanted.codes),
        "electrodes": None if wanted.electrodes is None else "given as a value"
        if isinstance(wanted.electrodes, Electrodes) else str(wanted.electrodes),
    }  # fmt: skip
    return json.dumps(asked)
