"""The files that a lab's recording is made of, and their one digest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from cortexwave.errors import RecordingError
from cortexwave.provenance import sha256_of_file

# Beside a file and named like it, these are of the same recording: tables and headers,
# and the values that a header stands for. Other bands (.ns2 beside .ns5) are not.
_ENDINGS = (".nev", ".vmrk", ".eeg", ".dat", ".tsv", ".json", ".yaml", ".meta", ".bin")
_OF_FOLDERS = (".oebin", ".continuous")  # Open Ephys: the folder is the recording
_PERSON = re.compile(r"sub-[^_]+_(ses-[^_]+_)?")
_SHARED = ("_electrodes.tsv", "_coordsystem.json")
_MOST = 10_000  # files in a folder


def files_of_source(
    source: Path, output: Path, sidecar: str | Path | None = None
) -> list[Path]:
    """A source and what belongs to it, in order of name; of a folder, all in it.

    What is being written to `output` is none of it, wherever it stands.
    """
    written = (output.name, f"{output.name}.part")
    found = [path for path in _beside(source)
             if not (path.name.startswith(written) and path != source
                     and path.parent.samefile(output.parent))]  # fmt: skip
    if sidecar is not None and Path(sidecar) not in found:
        found.append(Path(sidecar))
    return found


def _beside(source: Path) -> list[Path]:
    if source.suffix.lower() in _OF_FOLDERS:
        source = source.parent
    if source.is_dir():
        found = [path for path in sorted(source.rglob("*")) if path.is_file()]
        if len(found) > _MOST:
            raise RecordingError(
                f"{source}: a folder of {len(found)} files; name the file of one "
                "recording in it"
            )
        return found
    stem = source.name[: -len(source.suffix) or None].removesuffix("_ieeg")
    person = _PERSON.match(source.name)  # of BIDS, whose electrodes all runs share
    beside = [
        path for path in sorted(source.parent.glob("*"))
        if path.suffix.lower() in _ENDINGS and path.is_file()
        and (path.stem == stem or path.name.startswith(f"{stem}_")
             or (person and path.name.startswith(person[0])
                 and path.name.endswith(_SHARED)))
    ]  # fmt: skip
    return sorted({source, *beside})


def digest_of(files: Sequence[Path]) -> str:
    """Hex SHA-256 of a file; of several, that of the lines `sha256sum` would print."""
    try:
        if len(files) == 1:
            return sha256_of_file(files[0])
        lines = [f"{sha256_of_file(file)}  {file.name}\n" for file in files]
    except OSError as error:
        raise RecordingError(
            f"{error.filename}: cannot be read ({error.strerror})"
        ) from error
    return hashlib.sha256("".join(lines).encode()).hexdigest()
