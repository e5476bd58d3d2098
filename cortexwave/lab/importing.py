"""A signal of a lab's file, or part of it, streamed to a recording file of our own.

The recording is computed for each block from the source alone, so that a killed import
goes on where its file ends, with the same bits. Time in it begins at 0; the attribute
`time_origin` (s) is that moment on the source's clock, which all signals of a source
share: an eye's position or another band is imported to a file of its own, at its rate.
Units that the file holds stand beside the fields (`cortexwave.recording.unit_table`).
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cortexwave import provenance
from cortexwave.errors import InputError, Interrupted, RecordingError
from cortexwave.lab.doubts import doubts_of
from cortexwave.lab.electrodes import Electrodes
from cortexwave.lab.reading import ReaderOptions, lab_signal
from cortexwave.lab.signals import Signal, field_name
from cortexwave.lab.sorted_units import sorted_units
from cortexwave.lab.source_files import digest_of, files_of_source
from cortexwave.lab.wanted import (
    Wanted,
    events_of_part,
    labels_of,
    part_of,
    request_of,
)
from cortexwave.recording.channels import Channels
from cortexwave.recording.container import layout_of
from cortexwave.recording.files import check_place
from cortexwave.recording.layout import FieldLayout, RecordingLayout, Stored
from cortexwave.recording.progress import Progress
from cortexwave.recording.reader import opened, promised
from cortexwave.recording.unit_table import spikes_within
from cortexwave.recording.writer import RecordingWriter
from cortexwave.stopping import stop_on_interrupt

REQUEST = "import_request"  # the attribute from which a killed import goes on
_AT_ONCE = 24 * 2**20  # bytes of a source's frames that are read at once
_LIBRARIES = {"nwb": "pynwb", "neo": "neo", "mne_raw": "mne", "bids": "mne",
              "matlab": "scipy"}  # fmt: skip
_LONGEST = 20_000  # bytes of an attribute that a source gives
_TEXT = "# imported from a lab's file, not simulated from a protocol\n"


def import_recording(
    path: str | Path,
    output: str | Path,
    *,
    signal: str | None = None,
    electrodes: Electrodes | str | Path | tuple[int, int, float] | None = None,
    pitch: float | None = None,
    options: ReaderOptions | None = None,
    time: tuple[float | None, float | None] | None = None,
    channels: Sequence[str] | None = None,
    array: str | None = None,
    region: Mapping[str, tuple[float, float]] | None = None,
    rate: float | None = None,
    multiunit: tuple[float, float] | None = None,
    dtype: Stored | None = None,
    codes: str | Path | None = None,
    subject: str | None = None,
    session: str | None = None,
    overwrite: bool = False,
) -> Path:
    """The path of the recording file that a lab's file was imported to.

    `Wanted` says what each option is. While it is written it is `output`.part, from
    which `cortexwave.resume` goes on. Raises `InputError`, `DiskFullError`, and
    `Interrupted` with the valid part kept.
    """
    wanted = Wanted(
        signal, electrodes, pitch, options or ReaderOptions(), time, channels, array,
        region, rate, multiunit, dtype, codes, subject, session,
    )  # fmt: skip
    for _ in importing(path, output, wanted, overwrite=overwrite):
        pass
    return Path(output)


def importing(
    path: str | Path, output: str | Path, wanted: Wanted, *, overwrite: bool = False
) -> Iterator[Progress]:
    """`import_recording`, told piece by piece; what cannot be is refused at once."""
    path, output = Path(path), Path(output)
    whole = lab_signal(
        path, signal=wanted.signal, electrodes=wanted.electrodes, pitch=wanted.pitch,
        options=wanted.options,
    )  # fmt: skip
    signal = part_of(whole, wanted)
    layout = _layout(signal, wanted.dtype)
    check_place(output, overwrite=overwrite)
    files = files_of_source(signal.source, output, wanted.options.sidecar)
    if any(output.exists() and output.samefile(file) for file in files):
        raise InputError(f"{output}: is the file that is imported; name another")
    events, remarks = events_of_part(signal, wanted)
    units, amiss = _units(path, signal)
    for remark in (*doubts_of(whole), *remarks, *amiss):
        warnings.warn(f"{path}: {remark}", stacklevel=2)
    attributes = _attributes(signal, wanted, remarks)
    attributes["source_files"] = ", ".join(file.name for file in files[:50])
    attributes[REQUEST] = request_of(path, whole.name, wanted)

    def told() -> Iterator[Progress]:
        yield Progress(0, signal.frames)  # a long file takes its time to be hashed
        attributes["source_sha256"] = digest_of(files)
        writer = RecordingWriter(
            output, layout, attributes=attributes, protocol=_TEXT,
            protocol_resolved="{}", events=events, drive=None, units=units,
            overwrite=overwrite,
        )  # fmt: skip
        size = _bytes_per_frame(whole, signal)
        yield from _streamed(signal, writer, bytes_per_frame=size)

    return told()


def resuming_import(part: Path) -> Iterator[Progress]:
    """An import that was killed or interrupted, gone on with, told piece by piece.

    Raises `RecordingError` where its source is gone or is another file now.
    """
    with opened(part) as file:
        layout, valid = layout_of(file), promised(file)
        request = json.loads(str(file.attrs[REQUEST]))
        digest = str(file.attrs["source_sha256"])
    path = Path(request["path"])
    if not path.exists():
        raise RecordingError(
            f"{part}: its source {path} is gone; put it back, or `cortexwave recover` "
            "what is there"
        )
    options = ReaderOptions(**request["options"])
    whole = lab_signal(path, signal=request["signal"], options=options)
    files = files_of_source(whole.source, part.with_suffix(""), options.sidecar)
    if digest_of(files) != digest:
        raise RecordingError(
            f"{part}: {path} has changed since the import began; put the old file "
            "back, or `cortexwave recover` what is there"
        )
    labels = None if layout.channels is None else layout.channels.labels
    region = request["region"] if labels is None else None
    signal = part_of(whole, Wanted(
        channels=labels, region=region, rate=request["rate"], time=request["time"],
        multiunit=request["multiunit"],
    ))  # fmt: skip
    if signal.shape != (layout.frames, *layout.sites):
        raise RecordingError(
            f"{part}: {path} now gives {signal.shape[0]} frames of {signal.shape[1:]}, "
            f"and the import began with {layout.frames} of {layout.sites}"
        )
    writer = RecordingWriter.resume(part, n_valid=valid - valid % layout.block_frames)
    return _streamed(signal, writer, bytes_per_frame=_bytes_per_frame(whole, signal))


def _layout(signal: Signal, dtype: Stored | None) -> RecordingLayout:
    contacts = signal.contacts
    lattice = signal.lattice or (None, None)
    channels = None
    if contacts is not None:
        x, y, z = contacts.positions.T
        channels = Channels(
            contacts.names, x, y, z if np.isfinite(z).any() else None,
            np.asarray(contacts.good, dtype=bool),
            contacts.array if len(set(contacts.array)) > 1 else None, contacts.reason,
        )  # fmt: skip
    if not (math.isfinite(signal.rate) and signal.rate > 0):
        raise RecordingError(f"{signal.source}: its rate is {signal.rate} Hz")
    stored: Stored = "float64" if signal.dtype == "float64" else "float32"
    return RecordingLayout(
        fields={field_name(signal.name): FieldLayout(signal.units)}, y=lattice[0],
        x=lattice[1], features=1, trials=None, frames=signal.frames,
        interval=1 / signal.rate, dtype=dtype or stored, channels=channels,
    )  # fmt: skip


def _units(path: Path, signal: Signal) -> tuple[xr.Dataset | None, tuple[str, ...]]:
    """Units of a file within the time of a signal, or why there are none."""
    try:
        units = sorted_units(path)
    except InputError as error:  # the signal is whole without them
        return None, (f"its units are left out: {error}",)
    if units is None:
        return None, ()
    stop = signal.start + signal.frames / signal.rate
    return spikes_within(units, signal.start, stop, origin=signal.start), ()


def _attributes(
    signal: Signal, wanted: Wanted, remarks: Sequence[str]
) -> dict[str, str | int | float]:
    library = _LIBRARIES.get(signal.reader)
    versions = {} if library is None else {library: metadata.version(library)}
    said = {name: _plain(value) for name, value in signal.attributes.items()
            if value is not None}  # fmt: skip
    ours: dict[str, str | int | float] = {
        "source": signal.source.name, "reader": signal.reader, "signal": signal.name,
        "reader_versions": json.dumps(versions), **labels_of(signal, wanted),
    }  # fmt: skip
    if signal.start:
        # a recording that had left us may have begun at 0 itself
        ours["time_origin"] = signal.start + float(said.get("time_origin", 0))
    if remarks:
        ours["codes_remarks"] = _plain("; ".join(remarks))
    return {"origin": "lab", **said, **provenance.attributes(), **ours}


def _plain(value: Any) -> str | int | float:
    """An attribute as a file can hold it: of text the first part, of lists JSON."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, bool | int | float):
        return int(value) if isinstance(value, bool) else value
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text.encode("utf-8", "replace")[:_LONGEST].decode(errors="ignore")


def _bytes_per_frame(whole: Signal, signal: Signal) -> float:
    """Bytes of the source that are read for a frame of the part."""
    sites = math.prod(whole.shape[1:])
    return sites * np.dtype(whole.dtype).itemsize * whole.rate / signal.rate


def _streamed(
    signal: Signal, writer: RecordingWriter, *, bytes_per_frame: float
) -> Iterator[Progress]:
    """Write what is missing in the file, some blocks at a time, and finish it."""
    (name,) = writer.layout.fields
    step, total = writer.layout.block_frames, signal.frames
    span = step * max(1, int(_AT_ONCE / bytes_per_frame) // step)
    part = writer.part
    with writer, stop_on_interrupt() as stopped:
        while writer.n_valid < total:
            first = writer.n_valid
            frames = _read(signal, first, min(first + span, total), writer)
            for at in range(0, len(frames), step):
                writer.append(0, first + at, {name: frames[at : at + step]})
            if stopped.is_set() and writer.n_valid < total:
                raise Interrupted(
                    f"stopped after {writer.n_valid} of {total} frames; {part} is "
                    f"valid: `cortexwave resume {part}` goes on, "
                    f"`cortexwave recover {part}` keeps what is there",
                    str(part),
                )
            yield Progress(writer.n_valid, total)
        writer.finish()


def _read(signal: Signal, first: int, last: int, writer: RecordingWriter) -> np.ndarray:
    """Frames as the writer takes them; no file is left where the first are refused."""
    try:
        frames = np.asarray(signal.read(first, last))
        if frames.shape != (last - first, *signal.shape[1:]):
            raise RecordingError(
                f"{signal.source}: frames {first} to {last} came as {frames.shape}, "
                f"not {(last - first, *signal.shape[1:])}"
            )
    except InputError:
        if writer.n_valid == 0:
            writer.part.unlink(missing_ok=True)
        raise
    if signal.lattice is not None:
        frames = frames[:, None]  # the writer's feature axis
    return frames
