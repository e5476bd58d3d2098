"""Documents named on the command line: found, loaded with changes, checked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cortexwave.errors import CortexwaveError, InputError

if TYPE_CHECKING:
    from cortexwave.protocol.document import Protocol


def document_files(paths: Iterable[Path]) -> list[Path]:
    """Documents among files and folders, in order."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted([*path.rglob("*.yaml"), *path.rglob("*.yml")])
            if not found:
                raise InputError(f"{path}: there is no .yaml file below this folder")
            files += found
        else:
            files.append(path)
    return files


def checked_document(file: Path, settings: list[str]) -> dict[str, Any]:
    """Whether a document can be used, its title, and all of its faults."""
    try:
        title = _title_of_checked(file, settings)
    except CortexwaveError as error:
        return {"file": str(file), "ok": False, "faults": str(error).splitlines()}
    return {"file": str(file), "ok": True, "title": title, "faults": []}


def _title_of_checked(file: Path, settings: list[str]) -> str:
    from cortexwave.documents import read_changes, read_document

    kind = read_document(file).values.get("kind")
    if kind == "study":
        return _title_of_study(file, settings)
    if kind == "training":
        from cortexwave.learning.training_checks import check_training_document
        from cortexwave.learning.training_document import load_training

        training = load_training(file).with_changes(read_changes(settings))
        check_training_document(training)
        return training.title
    from cortexwave.preparation import prepare

    protocol = loaded_protocol(file, settings, None)
    prepare(protocol)
    return protocol.title


def _title_of_study(file: Path, settings: list[str]) -> str:
    """The title with the hash of what was declared, to be put under `frozen`."""
    from cortexwave.comparison.study_document import (
        check_study_document,
        load_study,
        recordings_to_come,
    )
    from cortexwave.documents import read_changes

    study = load_study(file).with_changes(read_changes(settings))
    check_study_document(study, recordings="to come")
    absent = recordings_to_come(study)
    waiting = f"; not there yet: {', '.join(absent)}" if absent else ""
    return f"{study.title} (declared: {study.declared}{waiting})"


def count_faulty(results: list[dict[str, Any]]) -> str:
    """How many of the checked documents cannot be used, in words."""
    faulty = sum(not result["ok"] for result in results)
    return f"{faulty} of {len(results)} documents cannot be used"


def loaded_protocol(file: Path, settings: list[str], dtype: str | None) -> Protocol:
    """A protocol with the changes of `--set` and `--dtype` made."""
    from cortexwave.documents import read_changes
    from cortexwave.protocol.document import load_protocol

    changes = read_changes(settings)
    if dtype is not None:
        changes |= {"run.dtype": dtype, "record.dtype": dtype}
    return load_protocol(file).with_changes(changes)


def read_band(text: str) -> tuple[float, float]:
    """A band in Hz of a text such as '5 Hz:40 Hz'."""
    from cortexwave.units import quantity

    ends = text.split(":")
    if len(ends) != 2:
        raise InputError(f"--band {text!r}: two frequencies are due, '5 Hz:40 Hz'")
    low, high = (quantity(end.strip(), "Hz") for end in ends)
    return low, high


def read_bytes(text: str) -> int:
    """Bytes of a text such as '2 GiB' or '500 MiB'."""
    number, _, unit = text.strip().partition(" ")
    sizes = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
    try:
        size = float(number) * sizes[unit.strip()]
    except (ValueError, KeyError):
        size = 0.0
    if not 0 < size < 2**50:
        raise InputError(f"--memory {text!r}: '500 MiB' or '2 GiB' is due")
    return int(size)


def one_of(option: str, given: str, allowed: tuple[str, ...]) -> Any:
    """A word of a closed choice; `InputError` says which there are."""
    if given not in allowed:
        raise InputError(f"{option} {given!r}: it can be {', '.join(allowed)}")
    return given
