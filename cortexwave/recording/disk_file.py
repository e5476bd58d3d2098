"""A file below HDF5 that outlives a full disk: HDF5 is never told that it is full.

HDF5 that could not write cannot close its file either, and crashes the process at its
end. So the first failure is kept here and nothing more is written; whoever writes asks
`check` after each step, and gets it. A file that failed is to be removed.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from cortexwave.errors import DiskFullError, RecordingError, RunError

FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


class DiskFile:
    """A new, empty file at `path`, locked against other writers; for `h5py.File`."""

    def __init__(self, path: Path):
        self.path = path
        self.failure: BaseException | None = None
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            if error.errno in FULL:
                raise DiskFullError(f"{path}: the disk is full") from error
            raise RecordingError(
                f"{path}: cannot be written ({error.strerror})"
            ) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._handle)
            raise RecordingError(
                f"{path}: another process is writing it; wait until that one ends"
            ) from error
        except OSError:
            pass  # disks without locks
        os.ftruncate(self._handle, 0)

    def check(self) -> None:
        """Raise what has gone wrong, if anything: `DiskFullError`, `RunError`."""
        error = self.failure
        if isinstance(error, OSError):
            if error.errno in FULL:
                raise DiskFullError(
                    f"{self.path}: the disk is full ({error.strerror}); make room, "
                    "then begin again"
                ) from error
            raise RunError(
                f"{self.path}: cannot be written ({error.strerror})"
            ) from error
        if error is not None:
            raise error

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return os.lseek(self._handle, offset, whence)

    def tell(self) -> int:
        return os.lseek(self._handle, 0, os.SEEK_CUR)

    def read(self, size: int) -> bytes:
        return os.read(self._handle, size)

    def readinto(self, into: memoryview) -> int:
        done = 0
        while done < len(into) and (part := os.read(self._handle, len(into) - done)):
            into[done : done + len(part)] = part
            done += len(part)
        return done

    def write(self, data: memoryview) -> int:
        try:
            done = 0
            while done < len(data) and self.failure is None:
                done += os.write(self._handle, data[done:])
        except BaseException as error:  # an interrupt waits for `check` as well
            self.failure = self.failure or error
        return len(data)

    def truncate(self, size: int) -> int:
        try:
            if self.failure is None:
                os.ftruncate(self._handle, size)
        except BaseException as error:
            self.failure = self.failure or error
        return size

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
