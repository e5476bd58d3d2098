"""What is left of a run that did not end: cut to its promised frames and named."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import h5py

from cortexwave.errors import RecordingError
from cortexwave.recording.checkpoint import checkpoint_path
from cortexwave.recording.container import clear_beyond, layout_of, set_counter
from cortexwave.recording.files import (
    PART,
    check_free,
    install,
    open_file,
    stated_size,
)
from cortexwave.recording.layout import RecordingLayout
from cortexwave.recording.reader import open_recording

_CLAIM = "space_of_lost_chunks"


def recover(part: Path | str, *, overwrite: bool = False) -> Path:
    """The path without ".part" of a recording cut to the frames it promised.

    One time axis is cut at the last valid frame; of trials, those begun are kept,
    and frames missing in the last are NaN. The attributes say recovered=1 and
    complete=0. The .part and its checkpoint are gone after that. Raises
    `RecordingError` for anything that is not the .part of a recording, that is
    still being written, or whose final name is taken.
    """
    part = Path(part)
    if part.suffix != PART:
        raise RecordingError(
            f"{part}: not a .part file; rename it to {part.name}{PART} if it is a "
            "recording cut short"
        )
    final = part.with_suffix("")
    stated_size(part)
    if final.is_dir() or (final.exists() and not overwrite):
        raise RecordingError(
            f"{final}: exists already; overwrite=True (--overwrite) replaces it"
        )
    file, layout, n_valid = open_part(part)
    try:
        with file:
            _cut(file, layout, n_valid)
        open_recording(part).close()  # before it gets its name: it must open
        install(part, final)
    except (OSError, RuntimeError, KeyError, AttributeError) as error:
        raise RecordingError(f"{part}: cannot be recovered ({error})") from error
    checkpoint_path(part).unlink(missing_ok=True)
    return final


def open_part(path: Path) -> tuple[h5py.File, RecordingLayout, int]:
    """A .part opened to write, its layout, and how many promised frames it has.

    A file that the system cut short (disk full) is first extended with zeros to the
    size that it states, as HDF5 would not open it otherwise; frames that lay beyond
    the cut are no longer counted.
    """
    stated = stated_size(path)
    check_free(path)
    size = path.stat().st_size
    try:
        if size < stated:
            os.truncate(path, stated)
    except OSError as error:
        raise RecordingError(
            f"{path}: cannot be extended to the {stated} bytes it states "
            f"({error.strerror})"
        ) from error
    file: h5py.File | None = None
    try:
        file = open_file(path, "r+")
        layout = layout_of(file)
        n_valid = _intact_frames(file, layout, size)
        _claim_chunks(file, layout, stated)
        return file, layout, n_valid
    except BaseException as error:
        if file is not None:
            file.close()
        if size < stated:
            os.truncate(path, size)
        if isinstance(error, OSError | RuntimeError | KeyError | AttributeError):
            raise RecordingError(f"{path}: damaged ({error})") from error
        raise


def _intact_frames(file: h5py.File, layout: RecordingLayout, size: int) -> int:
    """Promised frames of which every chunk lies within the first `size` bytes."""
    promised = int(file.attrs["n_valid"])
    if not 0 <= promised <= layout.n_frames:
        raise RecordingError(
            f"{file.filename}: damaged, promises {promised} of {layout.n_frames} frames"
        )
    if file.id.get_filesize() <= size:
        return promised
    intact = promised
    time = layout.dims.index("time")

    def note(chunk: h5py.h5d.StoreInfo) -> None:
        nonlocal intact
        if chunk.byte_offset + chunk.size > size:
            trial = chunk.chunk_offset[0] if time else 0
            intact = min(intact, trial * layout.frames + chunk.chunk_offset[time])

    for name in layout.fields:
        file[name].id.chunk_iter(note)
    return intact


def _claim_chunks(file: h5py.File, layout: RecordingLayout, stated: int) -> None:
    """Move the end of the file behind every chunk that its index knows.

    HDF5 writes the index before the end of file; a kill in between leaves chunks
    beyond that end, where HDF5 would put the next ones too. None is promised.
    """
    if _CLAIM in file:
        del file[_CLAIM]
    end = stated

    def note(chunk: h5py.h5d.StoreInfo) -> None:
        nonlocal end
        end = max(end, chunk.byte_offset + chunk.size)

    for name in layout.fields:
        file[name].id.chunk_iter(note)
    if end == stated:
        return
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    space = h5py.h5s.create_simple((end - stated,))
    h5py.h5d.create(file.id, _CLAIM.encode(), h5py.h5t.NATIVE_UINT8, space, plan)
    file.flush()
    clear_beyond(file, layout, int(file.attrs["n_valid"]))
    del file[_CLAIM]
    file.flush()


def _cut(file: h5py.File, layout: RecordingLayout, n_valid: int) -> None:
    set_counter(file, "n_valid", n_valid)
    set_counter(file, "recovered", 1)
    set_counter(file, "complete", 0)
    file.flush()
    if layout.trials is None:
        _resize(file, layout, "time", n_valid)
    else:
        begun = math.ceil(n_valid / layout.frames)
        _resize(file, layout, "trial", begun)
        if begun:
            clear_beyond(file, replace(layout, trials=begun), n_valid)
    file.flush()


def _resize(file: h5py.File, layout: RecordingLayout, dim: str, length: int) -> None:
    axis = layout.dims.index(dim)
    for name in layout.fields:
        file[name].resize(length, axis=axis)
    file[dim].resize((length,))
