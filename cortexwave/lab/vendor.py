"""Files of amplifiers' makers as signals: one door to Blackrock's and to neo's."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.blackrock import blackrock_signals
from cortexwave.lab.blackrock_headers import blackrock_id
from cortexwave.lab.neo_signals import KINDS, kind_of, through_neo
from cortexwave.lab.signals import Signal


def recognises(path: Path) -> bool:
    """Whether this is a maker's file, or a folder of them, that can be read here."""
    if path.is_file() and (blackrock_id(path) or path.suffix.lower() == ".pl2"):
        return True
    return kind_of(path) is not None


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
    longer gap parts them, into ns5_1, ns5_2 and so on. Blackrock's analog inputs
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
    if path.is_file() and blackrock_id(path):
        return blackrock_signals(path, stream, gap_tolerance, keep=truncated == "keep")
    if path.suffix.lower() == ".pl2":  # neo would fetch a library and run it
        raise RecordingError(f"{path}: only Plexon's own library reads .pl2; let it "
                             "write .plx, which is read here")  # fmt: skip
    kind = kind_of(path)
    if kind is None:
        known = ", ".join(sorted({one.maker for one in KINDS} | {"Blackrock"}))
        raise RecordingError(f"{path}: not a file of these makers: {known}")
    return _picked(through_neo(path, kind), stream, path)


def _picked(found: list[Signal], stream: str | None, path: Path) -> list[Signal]:
    names = sorted({str(one.attributes["stream"]) for one in found})
    chosen = [one for one in found if stream in (None, one.attributes["stream"])]
    if not chosen:
        raise InputError(f"{path}: it has no stream {stream!r}; it has "
                         + (", ".join(names) or "none"))  # fmt: skip
    return chosen
