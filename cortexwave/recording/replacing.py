"""An HDF5 file replaced whole or not at all, also where the disk is full.

It is made in memory and written as bytes: HDF5 that meets a full disk cannot let go of
the file any more, and takes the process with it when the file is freed.
"""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from cortexwave.errors import DiskFullError, RecordingError
from cortexwave.recording.files import install

# In this format HDF5 keeps checksums of all but the numbers themselves.
_CHECKED = ("v108", "v108")
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


@contextmanager
def replacing(path: Path) -> Iterator[h5py.File]:
    """An empty HDF5 file in memory; at the end of the block it is the file `path`.

    A process killed in here leaves the file of before, and so does every error: raises
    `DiskFullError` where the disk is full, `RecordingError` where the block fails with
    a fault of what is written, or the file cannot be put there.
    """
    fresh = path.with_name(f"{path.name}.new")
    image = io.BytesIO()
    try:
        with h5py.File(image, "w", libver=_CHECKED) as file:
            yield file
        with fresh.open("wb") as written:
            written.write(image.getbuffer())
        install(fresh, path)
    except (OSError, RuntimeError, ValueError, TypeError, MemoryError) as error:
        fresh.unlink(missing_ok=True)
        if getattr(error, "errno", None) in _FULL:
            raise DiskFullError(f"{path}: no room on the disk for it") from error
        why = str(error) or type(error).__name__
        raise RecordingError(f"{path}: cannot be written ({why})") from error
