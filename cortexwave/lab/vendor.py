"""Files of amplifiers' makers as signals: Blackrock's directly, others' through neo.

A Blackrock file (.ns1 to .ns6 with their .nev; file specifications 2.2, 2.3, 3.0) is
a header and blocks of whole numbers in order of time, read here as they lie, so that
sizes are known to fit before anything is read and a long file costs no memory. What
other makers write (and Blackrock's 2.1) is read by `neo.rawio`. Parts of a recording
that a pause or a lost packet parts are signals of their own.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.signals import Contacts, Signal
from cortexwave.schema import events_table

_MICROVOLTS = {"V": 1e6, "mV": 1e3, "uV": 1.0, "µV": 1.0, "μV": 1.0, "nV": 1e-3}

# Blackrock: basic header of 314 bytes, then 66 for each channel; little-endian.
_BASIC = np.dtype([
    ("file_id", "S8"), ("major", "u1"), ("minor", "u1"), ("header_bytes", "<u4"),
    ("label", "S16"), ("comment", "S256"), ("period", "<u4"), ("resolution", "<u4"),
    ("date", "<u2", 8), ("channels", "<u4"),
])  # fmt: skip
_CHANNEL = np.dtype([
    ("type", "S2"), ("electrode", "<u2"), ("label", "S16"), ("connector", "u1"),
    ("pin", "u1"), ("digital", "<i2", 2), ("analog", "<i2", 2), ("unit", "S16"),
    ("high_pass", "<u4"), ("high_pass_order", "<u4"), ("high_pass_type", "<u2"),
    ("low_pass", "<u4"), ("low_pass_order", "<u4"), ("low_pass_type", "<u2"),
])  # fmt: skip
_NEV = np.dtype([
    ("file_id", "S8"), ("major", "u1"), ("minor", "u1"), ("flags", "<u2"),
    ("header_bytes", "<u4"), ("packet_bytes", "<u4"), ("resolution", "<u4"),
    ("sampling", "<u4"), ("date", "<u2", 8), ("program", "S32"), ("comment", "S256"),
    ("extended", "<u4"),
])  # fmt: skip
_TICKS = 30000.0  # per second; a file's period counts them whatever its resolution
_NSX = re.compile(r"\.(ns[1-9])$", re.IGNORECASE)
_READ_HERE = ((2, 2), (2, 3), (3, 0))
_MOST_BLOCKS = 100_000  # a header that makes more is not believed
_PACKETS = 1 << 16  # looked at together
_HOW_TO_KEEP = '(truncated="keep" reads the file as far as it goes)'
_RESET = 0.05  # s; packets stand out of order by less, a clock set back by more
_COMMENT = 0xFFFF


def recognises(path: Path) -> bool:
    """Whether this is a maker's file, or a folder of them, that can be read here."""
    if path.is_file() and (_blackrock_id(path) or path.suffix.lower() == ".pl2"):
        return True
    return _kind_of(path) is not None


def signals(
    path: Path,
    *,
    stream: str | None = None,
    gap_tolerance: float = 0.0,
    truncated: Literal["refuse", "keep"] = "refuse",
) -> list[Signal]:
    """The signals of a maker's file, nothing read yet; voltages will be in uV.

    `stream` picks one, by the maker's name ("ns5"; all that stand in the file, or
    beside a .nev, if None). Frames missing for at most `gap_tolerance` s are NaN; a
    longer gap begins another signal, named ns5_2 and so on. Blackrock's analog inputs
    are a signal apart, ns5_analog. Digital words and comments are `events`, kind
    "digital", "serial" or "comment", the word or text as item; of neo's events the
    kind is the channel, the item the label. What neo reads is parted at every gap
    that it finds, whatever `gap_tolerance`. A Blackrock file that ends early is
    refused, or read as far as it goes with `truncated="keep"`.
    """
    path = Path(path)
    if not path.exists():
        raise RecordingError(f"{path}: no such file")
    if not (np.isfinite(gap_tolerance) and gap_tolerance >= 0):
        raise InputError(f"gap_tolerance is {gap_tolerance!r} s; it is 0 or more")
    if truncated not in ("refuse", "keep"):
        raise InputError(f"truncated is {truncated!r}; refuse and keep are allowed")
    if path.is_file() and _blackrock_id(path):
        return _blackrock(path, stream, gap_tolerance, keep=truncated == "keep")
    if path.suffix.lower() == ".pl2":  # neo would fetch a library and run it
        raise RecordingError(f"{path}: only Plexon's own library reads .pl2; let it "
                             "write .plx, which is read here")  # fmt: skip
    kind = _kind_of(path)
    if kind is None:
        known = ", ".join(sorted({one.maker for one in _KINDS} | {"Blackrock"}))
        raise RecordingError(f"{path}: not a file of these makers: {known}")
    return _picked(_through_neo(path, kind), stream, path)


def _picked(found: list[Signal], stream: str | None, path: Path) -> list[Signal]:
    names = sorted({str(one.attributes["stream"]) for one in found})
    chosen = [one for one in found if stream in (None, one.attributes["stream"])]
    if not chosen:
        raise InputError(f"{path}: it has no stream {stream!r}; it has "
                         + (", ".join(names) or "none"))  # fmt: skip
    return chosen


@dataclass(frozen=True)
class _Run:
    """Frames that follow each other: where they lie, and the times of first and last.

    `step` is the distance of frames in bytes; `last` is NaN where the file says not.
    """

    first: float
    last: float
    offset: int
    frames: int
    step: int


def _blackrock_id(path: Path) -> str:
    """What a Blackrock file says it is, or "" for any other file."""
    if not (_NSX.search(path.name) or path.suffix.lower() == ".nev"):
        return ""
    try:
        with path.open("rb") as file:
            said = file.read(8)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read ({error.strerror})") from error
    known = (b"NEURALSG", b"NEURALCD", b"BRSMPGRP", b"NEURALEV", b"BREVENTS")
    return said.decode() if said in known else ""


def _blackrock(
    path: Path, stream: str | None, tolerance: float, *, keep: bool
) -> list[Signal]:
    beside = {end.group(1).lower(): other for other in sorted(path.parent.iterdir())
              if (end := _NSX.search(other.name)) and _blackrock_id(other)
              and other.name[:-4] == path.name[:-4]}  # fmt: skip
    own = _NSX.search(path.name)
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
    rows = None if nev is None else _nev_rows(nev)
    found: list[Signal] = []
    for name, file in files.items():
        if _blackrock_id(file) == "NEURALSG":
            made = _through_neo(file, _BLACKROCK_2_1)  # of all streams of that name
            found += [
                replace(one, name=one.name.replace("nsx", "ns"),
                        attributes={**one.attributes, "stream": name})
                for one in made if one.attributes["stream"] == f"nsx{name[2]}"
            ]  # fmt: skip
        else:
            found += _nsx_signals(file, name, rows, tolerance, keep=keep)
    return found


def _header(path: Path, dtype: np.dtype) -> Any:
    """The header that a file begins with, checked against the size of the file."""
    size = path.stat().st_size
    if size < dtype.itemsize:
        raise RecordingError(f"{path}: cut off within its header, it has {size} bytes")
    head = np.fromfile(path, dtype=dtype, count=1)[0]
    version = int(head["major"]), int(head["minor"])
    if dtype is _BASIC and version not in _READ_HERE:
        raise RecordingError(f"{path}: file specification {version[0]}.{version[1]} is "
                             "not known; 2.1, 2.2, 2.3 and 3.0 are")  # fmt: skip
    if dtype is _BASIC:
        least = _BASIC.itemsize + int(head["channels"]) * _CHANNEL.itemsize
    else:
        least = _NEV.itemsize + 32 * int(head["extended"])
    if not least <= int(head["header_bytes"]) <= size:
        raise RecordingError(
            f"{path}: damaged, its header says it has {head['header_bytes']} bytes; it "
            f"needs {least}, and the file has {size}"
        )
    if not head["resolution"] or (dtype is _BASIC and not head["period"]):
        raise RecordingError(f"{path}: damaged, its header gives no clock")
    return head


def _nsx_signals(
    path: Path,
    name: str,
    rows: list[list[dict]] | None,
    tolerance: float,
    *,
    keep: bool,
) -> list[Signal]:
    head = _header(path, _BASIC)
    count = int(head["channels"])
    if not count:
        raise RecordingError(f"{path}: it has no channels")
    channels = np.fromfile(path, _CHANNEL, count, offset=_BASIC.itemsize)
    if (channels["type"] != b"CC").any():
        at = int(np.argmax(channels["type"] != b"CC")) + 1
        raise RecordingError(f"{path}: damaged, channel {at} of {count} has no header")
    rate = _TICKS / float(head["period"])
    runs, cut = (_packet_runs(path, head, keep=keep)
                 or _block_runs(path, head, keep=keep))  # fmt: skip
    if not runs:
        raise RecordingError(f"{path}: it holds no frames")
    said: dict[str, Any] = {
        "stream": name, "file_specification": f"{head['major']}.{head['minor']}",
    }  # fmt: skip
    if cut:
        said["truncated"] = "the file ends before its last block does"
    stretches = _stretches(runs)
    parts = list(_joined(runs, stretches, rate, tolerance))
    found = []
    for label, picked in _groups(path, channels).items():
        for at, (pieces, stretch) in enumerate(parts):
            part = f"_{at + 1}" if len(parts) > 1 else ""
            signal = _nsx_signal(path, channels[picked], picked, pieces, rate, said)
            own = _within(rows, stretch - stretches[-1] - 1, signal)
            found.append(replace(signal, name=f"{name}{label}{part}", events=own))
    return found


def _groups(path: Path, channels: np.ndarray) -> dict[str, np.ndarray]:
    """Electrodes and analog inputs: end of the signal's name, numbers of channels."""
    analog = np.array([
        label.lower().startswith(b"ainp") or _text(unit) not in ("uV", "µV", "nV")
        for label, unit in zip(channels["label"], channels["unit"], strict=True)
    ])  # fmt: skip
    odd = [_text(row["label"]) for row in channels
           if _text(row["unit"]) not in _MICROVOLTS]  # fmt: skip
    if odd:
        raise RecordingError(f"{path}: units of channel {odd[0]} are not voltages; "
                             f"{', '.join(_MICROVOLTS)} are")  # fmt: skip
    if (channels["digital"][:, 0] == channels["digital"][:, 1]).any():
        raise RecordingError(f"{path}: damaged, a channel has no digital range")
    groups = {"": np.flatnonzero(~analog), "_analog": np.flatnonzero(analog)}
    return {label: picked for label, picked in groups.items() if picked.size}


def _text(raw: bytes) -> str:
    return raw.split(b"\x00")[0].decode("latin-1").strip()


def _nsx_signal(
    path: Path, channels: np.ndarray, picked: np.ndarray,
    pieces: list[tuple[int, _Run]], rate: float, said: dict[str, Any],
) -> Signal:  # fmt: skip
    low, high = channels["digital"].astype(float).T
    bottom, top = channels["analog"].astype(float).T
    scale = np.array([_MICROVOLTS[_text(unit)] for unit in channels["unit"]])
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
        contacts = Contacts.named([_text(label) for label in channels["label"]])
    except InputError as error:
        raise RecordingError(f"{path}: {error}") from None
    return Signal(
        "", path, "blackrock", rate, begin.first, frames, "uV",
        _reading(path, picked, pieces, gain * scale, (bottom - low * gain) * scale),
        contacts, attributes=attributes,
    )  # fmt: skip


def _reading(
    path: Path, picked: np.ndarray, pieces: list[tuple[int, _Run]],
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


def _block_runs(path: Path, head: Any, *, keep: bool) -> tuple[list[_Run], bool]:
    """Runs of a file of blocks, each with one time; whether the last is cut off."""
    size, at = path.stat().st_size, int(head["header_bytes"])
    wide = 8 if head["major"] >= 3 else 4
    step = 2 * int(head["channels"])
    runs: list[_Run] = []
    with path.open("rb") as file:
        while at < size:
            file.seek(at)
            block = file.read(wide + 5)
            offset = at + wide + 5
            whole = len(block) == wide + 5
            if whole and block[0] != 1:
                raise RecordingError(f"{path}: damaged, no block begins at byte {at}")
            frames = int.from_bytes(block[wide + 1 :], "little") if whole else 0
            there = (size - offset) // step if whole else 0
            # of a block that was never closed the number of frames is still 0
            open_ended = whole and frames == 0 and _no_block_at(file, offset, size)
            if not whole or frames > there or open_ended:
                if not keep:
                    raise RecordingError(
                        f"{path}: cut off; its last block, at byte {at}, says "
                        f"{frames} frames and has {there} {_HOW_TO_KEEP}"
                    )
                if there > 0:
                    runs.append(_run(block, wide, head, offset, there, step))
                return runs, True
            if frames:
                runs.append(_run(block, wide, head, offset, frames, step))
            if len(runs) > _MOST_BLOCKS:
                raise RecordingError(f"{path}: more than {_MOST_BLOCKS:,} blocks")
            at = offset + frames * step
    return runs, False


def _no_block_at(file: Any, offset: int, size: int) -> bool:
    file.seek(offset)
    return offset < size and file.read(1) != b"\x01"


def _run(
    block: bytes, wide: int, head: Any, offset: int, frames: int, step: int
) -> _Run:
    clock = int.from_bytes(block[1 : wide + 1], "little") / int(head["resolution"])
    last = clock + (frames - 1) * int(head["period"]) / _TICKS
    return _Run(clock, last, offset, frames, step)


def _packet_runs(
    path: Path, head: Any, *, keep: bool
) -> tuple[list[_Run], bool] | None:
    """Runs of a file whose every frame has its time (3.0 with PTP); None if of blocks.

    The times of the whole file are looked at, some at once.
    """
    count, begin = int(head["channels"]), int(head["header_bytes"])
    packet = np.dtype([("flag", "u1"), ("clock", "<u8"), ("frames", "<u4"),
                       ("values", "<i2", count)])  # fmt: skip
    total, rest = divmod(path.stat().st_size - begin, packet.itemsize)
    if head["major"] < 3 or total < 2:
        return None
    resolution, period = int(head["resolution"]), int(head["period"]) / _TICKS
    runs: list[_Run] = []
    start, first, before = 0, 0.0, np.nan

    def close(stop: int) -> None:
        offset = begin + start * packet.itemsize + packet.fields["values"][1]  # type: ignore[index]
        runs.append(_Run(first, before, offset, stop - start, packet.itemsize))

    for at in range(0, total, _PACKETS):
        some = np.memmap(path, packet, "r", begin + at * packet.itemsize,
                         min(_PACKETS, total - at))  # fmt: skip
        if (some["frames"] != 1).any() or (some["flag"] != 1).any():
            if at == 0:
                return None
            raise RecordingError(
                f"{path}: damaged among frames {at} to {at + _PACKETS}"
            )
        if rest and not keep:
            raise RecordingError(f"{path}: cut off within frame {total} {_HOW_TO_KEEP}")
        times = some["clock"] / resolution
        steps = np.diff(times, prepend=before)
        breaks = np.flatnonzero((steps > 1.5 * period) | (steps <= 0))
        first = float(times[0]) if at == 0 else first
        for new in breaks:
            before = float(times[new - 1]) if new else before
            close(at + int(new))
            start, first = at + int(new), float(times[new])
            if len(runs) > _MOST_BLOCKS:
                raise RecordingError(f"{path}: more than {_MOST_BLOCKS:,} gaps")
        before = float(times[-1])
    close(total)
    return runs, bool(rest)


def _stretches(runs: list[_Run]) -> list[int]:
    """How often the clock was set back before each run."""
    back = [later.first < earlier.last - _RESET
            for earlier, later in pairwise(runs)]  # fmt: skip
    return [0, *np.cumsum(back).tolist()]


def _joined(
    runs: list[_Run], stretches: list[int], rate: float, tolerance: float
) -> Iterable[tuple[list[tuple[int, _Run]], int]]:
    """Runs that one signal holds, each with its first frame in it; their stretch."""
    pieces, stretch = [(0, runs[0])], stretches[0]
    for run, own in zip(runs[1:], stretches[1:], strict=True):
        at, before = pieces[-1]
        missing = round((run.first - before.last) * rate) - 1
        joins = missing == 0 or 0 < missing <= tolerance * rate
        if joins and own == stretch:
            pieces.append((at + before.frames + missing, run))
        else:
            yield pieces, stretch
            pieces, stretch = [(0, run)], own
    yield pieces, stretch


def nev_events(path: Path) -> xr.Dataset:
    """Digital words and comments of a .nev file as an events table.

    `InputError` where its clock was set back: times then say nothing by themselves,
    and the events of each signal (`signals`) are to be taken.
    """
    path = Path(path)
    if not path.is_file() or _blackrock_id(path) not in ("NEURALEV", "BREVENTS"):
        raise RecordingError(f"{path}: not a .nev file of Blackrock's")
    stretches = [rows for rows in _nev_rows(path) if rows]
    if len(stretches) > 1:
        raise InputError(f"{path}: its clock was set back {len(stretches) - 1} times; "
                         "take the events of each signal")  # fmt: skip
    return events_table(stretches[0] if stretches else [])


def _nev_rows(path: Path) -> list[list[dict]]:
    """Rows of an events table, for each stretch between settings of the clock."""
    if _blackrock_id(path) not in ("NEURALEV", "BREVENTS"):
        raise RecordingError(f"{path}: not a .nev file of Blackrock's")
    head = _header(path, _NEV)
    wide = 8 if head["major"] >= 3 else 4
    bytes_each, begin = int(head["packet_bytes"]), int(head["header_bytes"])
    if not wide + 8 <= bytes_each <= 4096:
        raise RecordingError(f"{path}: damaged, packets of {bytes_each} bytes")
    packet = np.dtype({
        "names": ["clock", "id", "reason", "word", "text"],
        "formats": [f"<u{wide}", "<u2", "u1", "<u2", f"V{bytes_each - wide - 8}"],
        "offsets": [0, wide, wide + 2, wide + 4, wide + 8], "itemsize": bytes_each,
    })  # fmt: skip
    total = (path.stat().st_size - begin) // bytes_each
    resolution = int(head["resolution"])
    stretches: list[list[dict]] = [[]]
    before = 0.0
    for at in range(0, total, _PACKETS):
        some = np.memmap(path, packet, "r", begin + at * bytes_each,
                         min(_PACKETS, total - at))  # fmt: skip
        times = some["clock"] / resolution
        backs = np.diff(times, prepend=before) < -_RESET
        before = float(times[-1])
        chosen = backs | (((some["id"] == 0) & (some["reason"] & 1 == 1))
                          | (some["id"] == _COMMENT))  # fmt: skip
        for k in np.flatnonzero(chosen):
            if backs[k]:
                stretches.append([])
            row = _nev_row(some[k], float(times[k]))
            if row is not None:
                stretches[-1].append(row)
    return stretches


def _nev_row(packet: Any, onset: float) -> dict | None:
    if packet["id"] == _COMMENT:
        # `reason` is here the set of characters: 1 is UTF-16
        coding = "utf-16-le" if packet["reason"] == 1 else "latin-1"
        text = packet["text"].tobytes().decode(coding, "replace").split("\x00")[0]
        return {"onset": onset, "duration": 0.0, "kind": "comment", "item": text}
    if packet["id"] != 0 or not packet["reason"] & 1:
        return None
    kind = "serial" if packet["reason"] & 0x80 else "digital"
    return {"onset": onset, "duration": 0.0, "kind": kind, "item": int(packet["word"])}


def _within(
    rows: list[list[dict]] | None, from_the_end: int, signal: Signal
) -> xr.Dataset | None:
    """Events of a signal: of its stretch, counted from the last, and in its time.

    Counted so because a clock is set back as a recording begins, when a .nev may
    hold nothing yet.
    """
    if rows is None:
        return None
    own = rows[from_the_end] if -from_the_end <= len(rows) else []
    stop = signal.start + signal.frames / signal.rate
    return events_table([row for row in own if signal.start <= row["onset"] < stop])


@dataclass(frozen=True)
class _Kind:
    """A kind of file that neo reads: how it is told, and what is handed to neo."""

    maker: str
    reader: str
    endings: tuple[str, ...]
    begins: bytes = b""  # at byte `at` of the file
    at: int = 0
    folders: tuple[str, ...] = ()  # patterns, one of which such a folder has
    whole_folder: bool = False  # neo takes the folder of the file


_DEEP = ("", "*/", "*/*/", "*/*/*/")
_KINDS = (
    _Kind("Intan", "IntanRawIO", (".rhd",), b"\x02\x27\x91\xc6"),
    _Kind("Intan", "IntanRawIO", (".rhs",), b"\xac\x27\x91\xd6"),
    _Kind("Open Ephys", "OpenEphysBinaryRawIO", (".oebin",), b"{", whole_folder=True,
          folders=tuple(f"{deep}structure.oebin" for deep in _DEEP)),
    _Kind("Open Ephys", "OpenEphysRawIO", (".continuous",), b"header.format",
          whole_folder=True, folders=("*.continuous",)),
    _Kind("SpikeGLX", "SpikeGLXRawIO", (".ap.bin", ".lf.bin", ".nidq.bin", ".ap.meta",
          ".lf.meta", ".nidq.meta"), whole_folder=True,
          folders=tuple(f"{deep}*.{band}.meta" for deep in _DEEP[:2]
                        for band in ("ap", "lf", "nidq"))),
    _Kind("Neuralynx", "NeuralynxRawIO", (".ncs",), b"######## Neuralynx",
          folders=("*.ncs",), whole_folder=True),
    _Kind("Plexon", "PlexonRawIO", (".plx",), b"PLEX"),
    _Kind("Spike2", "Spike2RawIO", (".smr",), b"(C) CED", at=2),
    _Kind("Spike2", "CedRawIO", (".smrx",)),
)  # fmt: skip
_BLACKROCK_2_1 = _Kind("Blackrock", "BlackrockRawIO", ())


def _kind_of(path: Path) -> _Kind | None:
    if path.is_dir():
        return next((kind for kind in _KINDS for pattern in kind.folders
                     if next(path.glob(pattern), None) is not None), None)  # fmt: skip
    for kind in _KINDS if path.is_file() else ():
        if path.name.lower().endswith(kind.endings):
            with path.open("rb") as file:
                file.seek(kind.at)
                if file.read(len(kind.begins)) == kind.begins:
                    return kind
    return None


def _opened(path: Path, kind: _Kind) -> Any:
    """neo's reader with the header read, or one `RecordingError`."""
    try:
        import neo.rawio as rawio
    except ImportError as error:
        raise InputError(
            f"reading {path.name} needs neo: pip install 'cortexwave[lab]'"
        ) from error
    folder = path if path.is_dir() else path.parent
    given: dict[str, Any] = (
        {"dirname": str(folder)} if kind.whole_folder else {"filename": str(path)}
    )
    if kind.maker == "Neuralynx":
        given["gap_tolerance_ms"] = 0.0  # neo would close a gap up, not fill it
        if path.is_file():
            given["include_filenames"] = [path.name]
    if kind.maker == "Plexon":
        given["progress_bar"] = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # neo's, of its own future
            reader = getattr(rawio, kind.reader)(**given)
            reader.parse_header()
    except ImportError as error:
        raise InputError(
            f"reading {path.name} needs {error.name}, beside neo"
        ) from error
    except Exception as error:  # neo raises what its parsing meets: any type
        raise RecordingError(
            f"{path}: not readable as a file of {kind.maker}: "
            f"{type(error).__name__}: {str(error)[:300]}"
        ) from error
    return reader


def _through_neo(path: Path, kind: _Kind) -> list[Signal]:
    reader = _opened(path, kind)
    header = reader.header
    found = []
    for block in range(header["nb_block"]):
        for segment in range(header["nb_segment"][block]):
            events = _neo_events(reader, block, segment)
            for at in range(len(header["signal_streams"])):
                made = _neo_signals(path, reader, (block, segment, at))
                found += [replace(one, events=events) for one in made]
    if not found:
        raise RecordingError(f"{path}: neo finds no signals in it")
    return _numbered(found)


def _numbered(found: list[Signal]) -> list[Signal]:
    """Signals of one name, as segments are, told apart by a number."""
    named = [one.name for one in found]
    return [
        replace(one, name=f"{one.name}_{named[: k + 1].count(one.name)}")
        if named.count(one.name) > 1 else one for k, one in enumerate(found)
    ]  # fmt: skip


def _neo_signals(path: Path, reader: Any, place: tuple[int, int, int]) -> list[Signal]:
    """A stream's signals in one segment, one for each unit that its channels have."""
    block, segment, at = place
    stream = reader.header["signal_streams"][at]
    channels = reader.header["signal_channels"]
    channels = channels[channels["stream_id"] == stream["id"]]
    frames = int(reader.get_signal_size(block, segment, at))
    units = np.array([_unit(str(unit)) for unit in channels["units"]])
    found = []
    for unit in dict.fromkeys(units.tolist() if frames else ()):
        picked = np.flatnonzero(units == unit)
        factors = [_MICROVOLTS.get(str(one), 1.0) for one in channels["units"][picked]]
        scale = np.array(factors, dtype=np.float32)
        try:
            contacts = Contacts.named([str(n) for n in channels["name"][picked]])
        except InputError as error:
            raise RecordingError(f"{path}: stream {stream['name']}: {error}") from None
        name = re.sub(r"\W+", "_", str(stream["name"])).strip("_") or "signal"
        found.append(Signal(
name if unit == "uV" else f"{name}_{_ending(unit)}",
            path, "neo", float(reader.get_signal_sampling_rate(at)),
            float(reader.get_signal_t_start(block, segment, at)), frames, unit,
            _neo_reading(path, reader, place, picked, scale), contacts,
            attributes={"stream": str(stream["name"])},
        ))  # fmt: skip
    return found


def _unit(said: str) -> str:
    return "uV" if said in _MICROVOLTS else said or "1"


def _ending(unit: str) -> str:
    """What tells a stream's channels of another unit by name; "1" is counts."""
    return "raw" if unit == "1" else re.sub(r"[^A-Za-z0-9]+", "_", unit)


def _neo_reading(
    path: Path, reader: Any, place: tuple[int, int, int], picked: np.ndarray,
    scale: np.ndarray,
) -> Callable[[int, int], np.ndarray]:  # fmt: skip
    block, segment, at = place

    def read(start: int, stop: int) -> np.ndarray:
        try:
            raw = reader.get_analogsignal_chunk(
                block_index=block, seg_index=segment, i_start=start, i_stop=stop,
                stream_index=at, channel_indexes=picked,
            )  # fmt: skip
            values = reader.rescale_signal_raw_to_float(
                raw, dtype="float32", stream_index=at, channel_indexes=picked
            )
        except (OSError, ValueError, IndexError) as error:
            raise RecordingError(
                f"{path}: frames {start} to {stop} cannot be read: {error}"
            ) from error
        return values * scale

    return read


def _neo_events(reader: Any, block: int, segment: int) -> xr.Dataset | None:
    """What neo calls events and epochs of a segment, as an events table."""
    blackrock = {"digital_input_port": "digital", "serial_input_port": "serial",
                 "comments": "comment"}  # fmt: skip
    rows: list[dict] = []
    for at, channel in enumerate(reader.header["event_channels"]):
        times, lasting, labels = reader.get_event_timestamps(block, segment, at)
        onsets = reader.rescale_event_timestamp(times, "float64", at)
        durations = np.zeros(len(onsets))
        if lasting is not None:
            durations = reader.rescale_epoch_duration(lasting, "float64", at)
        rows += [{"onset": float(onset), "duration": float(duration),
                  "kind": blackrock.get(str(channel["name"]), str(channel["name"])),
                  "item": str(label)}
                 for onset, duration, label
                 in zip(onsets, durations, labels, strict=True)]  # fmt: skip
    rows.sort(key=lambda row: row["onset"])
    return events_table(rows) if rows else None
