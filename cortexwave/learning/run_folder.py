"""The folder of a training: its document, and for each seed log, weights, result.

FOLDER/training.yaml            the document, verbatim
FOLDER/summary.json, .csv       medians and ranges over the seeds
FOLDER/seed-0/log.csv, .jsonl   one row for each evaluation
FOLDER/seed-0/checkpoint.h5     everything that is needed to go on
FOLDER/seed-0/best.h5           the weights with the best evaluation
FOLDER/seed-0/result.json       how the seed ended; absent while it runs
FOLDER/seed-0/sheet/            the network as a sheet, where it can be one
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cortexwave.errors import DiskFullError, InputError, RecordingError
from cortexwave.learning.training_document import Training, parse_training

DOCUMENT = "training.yaml"
_ORIGIN = "training.json"
_RESULTS = ("summary.json", "summary.csv", "hidden_waves.json", "hidden_waves.csv")


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder alone; `InputError` where another process does."""
    path = folder / ".lock"
    with told(path):
        lock = path.open("a")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{folder}: another process is training in it; wait until that one ends"
            ) from None
        except OSError as error:  # a disk without locks cannot tell
            if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EINVAL):
                raise
        yield


def begin(folder: Path, training: Training, *, overwrite: bool = False) -> None:
    """Make the folder of a new training; refuses one that holds anything else."""
    origin = Path(training.source.file).absolute()
    with told(folder):
        there = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if there and not folder.is_dir():
        raise InputError(f"{folder}: a file of this name exists; a folder is due")
    if there and not ((folder / DOCUMENT).exists() and (folder / _ORIGIN).exists()):
        raise InputError(f"{folder}: it holds other files; give a folder of its own")
    if there and not overwrite:
        raise InputError(
            f"{folder}: it holds a training already; `cortexwave resume {folder}` "
            "goes on with it, --overwrite replaces it"
        )
    if origin == (folder / DOCUMENT).absolute():
        raise InputError(
            f"{folder}: {origin.name} in it is the document itself, which would be "
            "overwritten; give another folder"
        )
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with held(folder), told(folder):
        for seed in folder.iterdir():
            if re.fullmatch(r"seed-\d+", seed.name) and seed.is_dir():
                shutil.rmtree(seed)
        for name in _RESULTS:
            (folder / name).unlink(missing_ok=True)
    replace_text(folder / _ORIGIN, json.dumps({"file": str(origin)}))
    replace_text(folder / DOCUMENT, training.text)


def document_of(folder: Path) -> Training:
    """The training whose folder this is; `InputError` where it is none."""
    try:
        text = (folder / DOCUMENT).read_text(encoding="utf-8")
        origin = json.loads((folder / _ORIGIN).read_text(encoding="utf-8"))["file"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: not the folder of a training: {error}") from None
    return parse_training(text, file=str(origin))


def seed_folder(folder: Path, seed: int) -> Path:
    """Where what belongs to a seed stands."""
    return folder / f"seed-{seed}"


def make_seed_folder(folder: Path, seed: int) -> Path:
    """`seed_folder`, made if it is not there."""
    here = seed_folder(folder, seed)
    with told(here):
        here.mkdir(exist_ok=True)
    return here


def replace_text(path: Path, text: str) -> None:
    """Replace a text file whole: a kill leaves the old one or the new one."""
    fresh = path.with_name(path.name + ".new")
    with told(path):
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What the system refuses, in one message that names the file."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            raise DiskFullError(f"{path}: no room on the disk for it") from error
        raise RecordingError(
            f"{path}: cannot be read or written ({error.strerror})"
        ) from error
