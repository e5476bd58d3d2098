"""The file under a recording: is it HDF5, whole, free, on disk; may it be written."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import h5py

from cortexwave.errors import RecordingError

PART = ".part"
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# Where a superblock of each version keeps the end of file and the size of addresses
# (HDF5 File Format Specification 3.0, II.A), for files without a user block.
_END_OF_FILE = {0: 40, 1: 44, 2: 28, 3: 28}
_ADDRESS_SIZE = {0: 13, 1: 13, 2: 9, 3: 9}
_SUPERBLOCK = 64  # bytes that hold all of these
_LARGEST_FILE = 2**46  # bytes; a superblock that states more is not believed


def stated_size(path: Path) -> int:
    """Size in bytes that an HDF5 file says it has; `RecordingError` if it is none."""
    if not path.exists():
        raise RecordingError(f"{path}: no such file")
    if not path.is_file():
        raise RecordingError(f"{path}: a folder or device, not a recording")
    try:
        with path.open("rb") as file:
            head = file.read(_SUPERBLOCK)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read ({error.strerror})") from error
    if not head:
        raise RecordingError(f"{path}: the file is empty")
    if not head.startswith(_SIGNATURE):
        raise RecordingError(f"{path}: not an HDF5 file, so not a recording")
    if len(head) < _SUPERBLOCK or head[8] not in _END_OF_FILE:
        raise RecordingError(f"{path}: damaged within its first {_SUPERBLOCK} bytes")
    if head[_ADDRESS_SIZE[head[8]]] != 8:
        raise RecordingError(f"{path}: an HDF5 file, but not a cortexwave recording")
    at = _END_OF_FILE[head[8]]
    size = int.from_bytes(head[at : at + 8], "little")
    if size > _LARGEST_FILE:
        raise RecordingError(f"{path}: damaged, it states a size of {size} bytes")
    return size


def open_file(path: Path, mode: str) -> h5py.File:
    """An HDF5 file opened by h5py, or one `RecordingError` that says why not."""
    try:
        return h5py.File(path, mode)
    except BlockingIOError as error:
        raise RecordingError(_busy(path)) from error
    except PermissionError as error:
        raise RecordingError(f"{path}: no permission to open it") from error
    except (OSError, RuntimeError) as error:
        raise RecordingError(
            f"{path}: damaged, HDF5 cannot open it ({error})"
        ) from error


def check_free(path: Path) -> None:
    """Raise `RecordingError` where another process holds the file open to write."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be opened ({error.strerror})") from error
    try:
        # the lock that HDF5 takes; gone again when the handle is closed
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RecordingError(_busy(path)) from error
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EINVAL):
            raise  # disks without locks cannot tell
    finally:
        os.close(handle)


def check_place(path: Path, *, overwrite: bool) -> None:
    """Raise `RecordingError` unless a recording may be written to this path."""
    part = Path(f"{path}{PART}")
    if path.is_dir():
        raise RecordingError(f"{path}: is a folder; name a file in it")
    if not path.parent.is_dir():
        raise RecordingError(f"{path}: there is no folder {path.parent}")
    if path.exists() and not overwrite:
        raise RecordingError(
            f"{path}: exists already; overwrite=True (--overwrite) replaces it"
        )
    if path.is_symlink() or (path.exists() and not _is_hdf5(path)):
        raise RecordingError(
            f"{path}: is no recording, and only recordings are overwritten; name "
            "another file"
        )
    if part.exists():
        check_free(part)
        if not overwrite:
            raise RecordingError(
                f"{part}: left by a run that did not end; resume or recover that one, "
                "or overwrite it"
            )


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network disks cannot sync folders
            raise
    finally:
        os.close(handle)


def install(written: Path, final: Path) -> None:
    """Put a closed file under its final name, safe against a loss of power."""
    sync(written)
    os.replace(written, final)
    sync(final.parent)


def _busy(path: Path) -> str:
    return f"{path}: another process has it open; wait until that one ends"


def _is_hdf5(path: Path) -> bool:
    """Whether a path is a regular file that HDF5 wrote."""
    return path.is_file() and bool(h5py.is_hdf5(path))
