"""A file of another format, put in place whole or not at all."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cortexwave.errors import CortexwaveError, DiskFullError, InputError, RecordingError
from cortexwave.recording.files import install

_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


def checked_path(path: Path, suffix: str, *, overwrite: bool) -> Path:
    """A path that may be written to, or one error that says why not."""
    if path.suffix != suffix:
        raise InputError(f"{path}: the name of the file must end in {suffix}")
    if not path.parent.is_dir():
        raise RecordingError(f"{path}: there is no folder {path.parent}")
    if path.is_dir() or path.is_symlink():
        raise RecordingError(f"{path}: is no plain file, and is not replaced")
    if path.exists() and not overwrite:
        raise RecordingError(
            f"{path}: exists already; overwrite=True (--overwrite) replaces it"
        )
    return path


@contextmanager
def fresh_file(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place at the end, or goes."""
    fresh = path.with_name(f".{path.stem}.new{path.suffix}")
    try:
        yield fresh
        install(fresh, path)
    except CortexwaveError:
        raise
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        if getattr(error, "errno", None) in _FULL:
            raise DiskFullError(f"{path}: no room on the disk for it") from error
        raise RecordingError(f"{path}: cannot be written ({error})") from error
    finally:
        fresh.unlink(missing_ok=True)
