"""Headers of BrainVision and EDF files, held against the size of their data."""

from __future__ import annotations

import re
from pathlib import Path

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.bids_tables import small_text

_SAMPLE_BYTES = {"INT_16": 2, "INT_32": 4, "IEEE_FLOAT_32": 4}


def check_brainvision(path: Path) -> None:
    """Hold a header against its data file, which must stand beside it."""
    text = small_text(path)
    if not re.match(r"\s*Brain ?Vision", text, re.IGNORECASE):
        raise RecordingError(f"{path} is not a BrainVision header")
    said = {key: value.strip() for key, value in re.findall(
        r"(?m)^(DataFile|MarkerFile|NumberOfChannels|BinaryFormat|DataFormat)=(.*)$",
        text)}  # fmt: skip
    for key in ("DataFile", "MarkerFile"):
        name = said.get(key, "").replace("$b", path.stem)
        if not name and key == "MarkerFile":
            continue
        if not name or re.search(r"[/\\:\x00]", name):
            raise RecordingError(
                f"{path}: {key} is {name!r}; the name of a file beside it is due"
            )
        if not path.with_name(name).is_file():
            raise RecordingError(
                f"{path}: {key} is {name}, which does not stand beside it"
            )
    count, kind = said.get("NumberOfChannels", ""), said.get("BinaryFormat", "")
    if said.get("DataFormat", "BINARY").upper() != "BINARY":
        return
    if not re.fullmatch(r"[1-9][0-9]{0,5}", count) or kind not in _SAMPLE_BYTES:
        raise RecordingError(
            f"{path}: NumberOfChannels {count!r} or BinaryFormat {kind!r} is none"
        )
    data = path.with_name(said["DataFile"].replace("$b", path.stem))
    frame = int(count) * _SAMPLE_BYTES[kind]
    if data.stat().st_size % frame:
        raise RecordingError(
            f"{data} is cut short or damaged: {data.stat().st_size:,} bytes are no "
            f"whole number of frames of {count} channels"
        )


def edf_units(path: Path) -> tuple[dict[str, str], list[str]]:
    """Units by label of an EDF file, and the labels of channels of a lower rate.

    The header is held against the size of the file; MNE would stretch channels of a
    lower rate to the highest.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(256).decode("latin-1")
            count = int(head[252:256])
            length, records = int(head[184:192]), int(head[236:244])
            if not 0 < count < 10_000 or length != 256 * (count + 1):
                raise ValueError
            part = stream.read(256 * count).decode("latin-1")
        labels = [part[16 * at : 16 * at + 16].strip() for at in range(count)]
        units = [part[96 * count + 8 * at :][:8].strip() for at in range(count)]
        samples = [int(part[216 * count + 8 * at :][:8]) for at in range(count)]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RecordingError(
            f"{path} is not an EDF file, or it is cut short: its header ({size:,} "
            "bytes in all) does not tell how many signals and records there are"
        ) from error
    due = length + 2 * sum(samples) * records
    if records < 1 or min(samples) < 1 or size < due:
        raise RecordingError(
            f"{path} is cut short or damaged: {records} records take {due:,} bytes, "
            f"but it has {size:,}"
        )
    if head[192:197] == "EDF+D":
        raise RecordingError(
            f"{path} has gaps (EDF+D), which are not read; export its parts apart"
        )
    notes = "EDF Annotations"
    rates = [
        many for label, many in zip(labels, samples, strict=True) if label != notes
    ]
    slower = [label for label, many in zip(labels, samples, strict=True)
              if label != notes and many < max(rates)]  # fmt: skip
    return dict(zip(labels, units, strict=True)), slower
