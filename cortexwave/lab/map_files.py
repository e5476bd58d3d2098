"""The file of an electrode map: small, text, and named in every fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cortexwave.errors import InputError
from cortexwave.lab.electrodes import Electrodes

_LARGEST_FILE = 16 << 20  # bytes; maps of thousands of contacts take a few hundred kB


def map_text(path: Path) -> str:
    """The text of a map, which is small."""
    try:
        size = path.stat().st_size
        if size > _LARGEST_FILE:
            raise InputError(
                f"{path}: {size / 2**20:.0f} MB; a map of electrodes has at most "
                f"{_LARGEST_FILE >> 20} MB"
            )
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: it is no text (UTF-8); is it a map?") from error


def electrodes_from(path: Path, made: Callable[[], Electrodes]) -> Electrodes:
    """What `made` gives; its `InputError` names the file."""
    try:
        return made()
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
