"""Blackrock's .ns1 to .ns6 with their .nev: whole numbers read as they lie.

File specifications 2.2, 2.3 and 3.0: a header and blocks of numbers in order of time,
so that sizes are known to fit before anything is read and a long file costs no memory.
What is of 2.1 goes through neo. Parts of a recording that a pause or a lost packet
parts are signals of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.blackrock_blocks import (
    Run,
    block_runs,
    joined,
    packet_runs,
    stretches_of,
)
from cortexwave.lab.blackrock_headers import (
    BASIC,
    CHANNEL,
    NSX,
    TICKS,
    blackrock_id,
    date_of,
    header_of,
    text_of,
)
from cortexwave.lab.neo_signals import BLACKROCK_2_1, MICROVOLTS, through_neo
from cortexwave.lab.nev import nev_rows, rows_within
from cortexwave.lab.signals import Contacts, Signal


def blackrock_signals(
    path: Path, stream: str | None, tolerance: float, *, keep: bool
) -> list[Signal]:
    beside = {end.group(1).lower(): other for other in sorted(path.parent.iterdir())
              if (end := NSX.search(other.name)) and blackrock_id(other)
              and other.name[:-4] == path.name[:-4]}  # fmt: skip
    own = NSX.search(path.name)
    if stream is not None:
        if stream not in beside:
            raise InputError(f"{path}: there is no stream {stream!r} beside it; there "
                             f"is {', '.join(beside) or 'none'}")  # fmt: skip
        files = {stream: beside[stream]}
    else:
        files = {own.group(1).lower(): path} if own else beside
    if not files:
        raise RecordingError(
            f"{path}: no .ns1 to .ns6 file of that name is beside it; nev_events "
            "reads its events"
        )
    nev = next((path.with_suffix(end) for end in (".nev", ".NEV")
                if path.with_suffix(end).is_file()), None)  # fmt: skip
    rows = None if nev is None else nev_rows(nev)
    found: list[Signal] = []
    for name, file in files.items():
        if blackrock_id(file) == "NEURALSG":
            made = through_neo(file, BLACKROCK_2_1)  # of all streams of that name
            found += [
                replace(one, name=one.name.replace("nsx", "ns"),
                        attributes={**one.attributes, "stream": name})
                for one in made if one.attributes["stream"] == f"nsx{name[2]}"
            ]  # fmt: skip
        else:
            found += _nsx_signals(file, name, rows, tolerance, keep=keep)
    return found


def _nsx_signals(
    path: Path,
    name: str,
    rows: list[list[dict]] | None,
    tolerance: float,
    *,
    keep: bool,
) -> list[Signal]:
    head = header_of(path, BASIC)
    count = int(head["channels"])
    if not count:
        raise RecordingError(f"{path}: it has no channels")
    channels = np.fromfile(path, CHANNEL, count, offset=BASIC.itemsize)
    if (channels["type"] != b"CC").any():
        at = int(np.argmax(channels["type"] != b"CC")) + 1
        raise RecordingError(f"{path}: damaged, channel {at} of {count} has no header")
    rate = TICKS / float(head["period"])
    runs, cut = (packet_runs(path, head, keep=keep)
                 or block_runs(path, head, keep=keep))  # fmt: skip
    if not runs:
        raise RecordingError(f"{path}: it holds no frames")
    said: dict[str, Any] = {
        "stream": name, "file_specification": f"{head['major']}.{head['minor']}",
    }  # fmt: skip
    if date := date_of(head):
        said["session_start_time"] = date
    if cut:
        said["truncated"] = "the file ends before its last block does"
    stretches = stretches_of(runs)
    parts = list(joined(runs, stretches, rate, tolerance))
    found = []
    for label, picked in _groups(path, channels).items():
        for at, (pieces, stretch) in enumerate(parts):
            part = f"_{at + 1}" if len(parts) > 1 else ""
            signal = _nsx_signal(path, channels[picked], picked, pieces, rate, said)
            own = rows_within(rows, stretch - stretches[-1] - 1, signal)
            found.append(replace(signal, name=f"{name}{label}{part}", events=own))
    return found


def _groups(path: Path, channels: np.ndarray) -> dict[str, np.ndarray]:
    """Electrodes and analog inputs: end of the signal's name, numbers of channels."""
    analog = np.array([
        label.lower().startswith(b"ainp") or text_of(unit) not in ("uV", "µV", "nV")
        for label, unit in zip(channels["label"], channels["unit"], strict=True)
    ])  # fmt: skip
    odd = [text_of(row["label"]) for row in channels
           if text_of(row["unit"]) not in MICROVOLTS]  # fmt: skip
    if odd:
        raise RecordingError(f"{path}: units of channel {odd[0]} are not voltages; "
                             f"{', '.join(MICROVOLTS)} are")  # fmt: skip
    if (channels["digital"][:, 0] == channels["digital"][:, 1]).any():
        raise RecordingError(f"{path}: damaged, a channel has no digital range")
    groups = {"": np.flatnonzero(~analog), "_analog": np.flatnonzero(analog)}
    return {label: picked for label, picked in groups.items() if picked.size}


def _nsx_signal(
    path: Path, channels: np.ndarray, picked: np.ndarray,
    pieces: list[tuple[int, Run]], rate: float, said: dict[str, Any],
) -> Signal:  # fmt: skip
    low, high = channels["digital"].astype(float).T
    bottom, top = channels["analog"].astype(float).T
    scale = np.array([MICROVOLTS[text_of(unit)] for unit in channels["unit"]])
    gain = (top - bottom) / (high - low)
    begin, end = pieces[0][1], pieces[-1][1]
    frames = pieces[-1][0] + end.frames
    attributes = dict(said)
    corners = np.unique(channels[["high_pass", "low_pass"]])
    if corners.size == 1 and corners["low_pass"][0]:
        # mHz; which corner a writer puts first is not to be relied on
        attributes["amplifier_band"] = sorted(
            float(corners[end][0]) / 1e3 for end in ("high_pass", "low_pass")
        )
    measured = (frames - 1) / (end.last - begin.first) if frames > 1 else rate
    # an amplifier's clock that drifts from the network's by less is not worth a rate
    if abs(frames * (measured / rate - 1)) > 0.5:
        attributes["nominal_rate"] = rate
        rate = float(measured)
    try:
        contacts = Contacts.named([text_of(label) for label in channels["label"]])
    except InputError as error:
        raise RecordingError(f"{path}: {error}") from None
    return Signal(
        "", path, "blackrock", rate, begin.first, frames, "uV",
        _reading(path, picked, pieces, gain * scale, (bottom - low * gain) * scale),
        contacts, attributes=attributes,
    )  # fmt: skip


def _reading(
    path: Path, picked: np.ndarray, pieces: list[tuple[int, Run]],
    gain: np.ndarray, zero: np.ndarray,
) -> Callable[[int, int], np.ndarray]:  # fmt: skip
    starts = np.array([at for at, _ in pieces])
    whole = slice(int(picked[0]), int(picked[-1]) + 1)
    columns = whole if picked.size == whole.stop - whole.start else picked
    slope, shift = gain.astype(np.float32), zero.astype(np.float32)

    def read(start: int, stop: int) -> np.ndarray:
        out = np.empty((stop - start, picked.size), np.float32)
        done = start  # frames before it are written
        for at, run in pieces[
            max(0, int(np.searchsorted(starts, start, "right")) - 1) :
        ]:
            first, last = max(start, at), min(stop, at + run.frames)
            if at >= stop:
                break
            if first >= last:
                continue
            out[done - start : first - start] = np.nan
            # mapped for this read alone: pages of a long file do not pile up
            length = (last - first - 1) * run.step + 2 * whole.stop
            begin = run.offset + (first - at) * run.step
            raw = np.memmap(path, np.uint8, "r", begin, length)
            frames = np.ndarray((last - first, whole.stop), "<i2", raw,
                                strides=(run.step, 2))[:, columns]  # fmt: skip
            here = out[first - start : last - start]
            np.multiply(frames, slope, out=here)
            if shift.any():
                here += shift
            done = last
        out[done - start :] = np.nan
        return out

    return read
