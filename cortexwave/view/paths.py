"""Where a figure, movie or page goes: checked before any work, replaced at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cortexwave.errors import DiskFullError, InputError
from cortexwave.recording.disk_file import FULL


def checked_path(path: str | Path, suffixes: Sequence[str]) -> Path:
    """The path, if its suffix is one of those and its folder is there."""
    target = Path(path)
    if target.suffix.lower() not in suffixes:
        raise InputError(
            f"{target}: suffix '{target.suffix}' is not one of {', '.join(suffixes)}"
        )
    if not target.parent.is_dir():
        raise InputError(f"{target}: there is no folder {target.parent}")
    if target.is_dir():
        raise InputError(f"{target} is a folder, not a file to write")
    return target


@contextmanager
def written(target: Path) -> Iterator[Path]:
    """A path to write to, which becomes `target` only if the writing succeeds.

    Raises `DiskFullError` where the disk is full, else `InputError` that says why not.
    """
    part = target.with_name(f".{target.stem}.part{target.suffix}")
    try:
        yield part
        os.replace(part, target)
    except OSError as error:
        if error.errno in FULL:
            raise DiskFullError(f"{target}: no room on the disk for it") from error
        reason = error.strerror or str(error)
        raise InputError(f"{target}: cannot be written: {reason}") from error
    finally:
        part.unlink(missing_ok=True)
