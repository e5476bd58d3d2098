"""Frames streamed to a file that holds every promised frame, however the run ends."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import h5py
import numpy as np
import xarray as xr

from cortexwave.errors import (
    CortexwaveError,
    DiskFullError,
    RecordingError,
    RunError,
)
from cortexwave.recording import compression
from cortexwave.recording.checkpoint import checkpoint_path
from cortexwave.recording.container import (
    Place,
    chunks_of_block,
    clear_beyond,
    fill,
    set_counter,
)
from cortexwave.recording.files import PART, check_place, install
from cortexwave.recording.layout import FieldLayout, RecordingLayout
from cortexwave.recording.recovery import open_part, recover

__all__ = ["FieldLayout", "RecordingLayout", "RecordingWriter", "recover"]

_THREADS = 2  # compression keeps up with any engine on two
_AHEAD = 16  # chunks compressed and not yet written
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


class RecordingWriter:
    """Writes `path` + ".part" block by block; `finish` gives it its name.

    After `append` returns, its frames are promised: a process killed at any moment
    leaves a .part that opens and holds all `n_valid` of them. Frames count in
    trial-major order over all trials.
    """

    def __init__(
        self,
        path: Path | str,
        layout: RecordingLayout,
        *,
        attributes: Mapping[str, str | int | float],
        protocol: str,
        protocol_resolved: str,
        events: xr.Dataset | None,
        drive: xr.Dataset | None,
        units: xr.Dataset | None = None,
        overwrite: bool = False,
    ):
        path = Path(path)
        part = Path(f"{path}{PART}")
        check_place(path, overwrite=overwrite)
        # complete in all but frames before it bears the name that others look for
        fresh = Path(f"{part}.new")
        try:
            # space once given is not given again: an index entry that a kill left
            # behind never points into another chunk
            file = h5py.File(fresh, "w", fs_strategy="none")
        except OSError as error:
            fresh.unlink(missing_ok=True)
            if error.errno in _FULL:
                raise _failure(part, error) from error
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise RecordingError(f"{path}: cannot be written ({reason})") from error
        try:
            fill(
                file,
                layout,
                attributes=attributes,
                protocol=protocol,
                protocol_resolved=protocol_resolved,
                events=events,
                drive=drive,
                units=units,
            )
            file.flush()
            checkpoint_path(part).unlink(missing_ok=True)
            os.replace(fresh, part)
        except BaseException as error:
            with contextlib.suppress(OSError, RuntimeError):
                file.close()
            fresh.unlink(missing_ok=True)
            if isinstance(error, OSError | RuntimeError):
                raise _failure(part, error) from error
            raise
        self._begin(part, file, layout, n_valid=0)

    @classmethod
    def resume(cls, part: Path | str, *, n_valid: int) -> Self:
        """A writer that goes on with a .part after its first `n_valid` frames.

        Frames after those are forgotten. `RecordingError` where the file promises
        fewer, or where `n_valid` is not the end of a block.
        """
        part = Path(part)
        if part.suffix != PART:
            raise RecordingError(
                f"{part}: not a .part file, so there is nothing to resume"
            )
        file, layout, promised = open_part(part)
        try:
            if not 0 <= n_valid <= promised:
                raise RecordingError(
                    f"{part}: holds {promised} frames, so it cannot be resumed "
                    f"after {n_valid}"
                )
            if n_valid % layout.frames % layout.block_frames:
                raise RecordingError(
                    f"{part}: frame {n_valid} is not at the end of a block of "
                    f"{layout.block_frames}, so it cannot be resumed there"
                )
            if file.attrs["recovered"]:
                raise RecordingError(f"{part}: was recovered, so it cannot be resumed")
            set_counter(file, "n_valid", n_valid)
            set_counter(file, "complete", 0)
            file.flush()
            clear_beyond(file, layout, n_valid)
            file.flush()
        except BaseException as error:
            with contextlib.suppress(OSError, RuntimeError):
                file.close()
            if isinstance(error, OSError | RuntimeError):
                raise _failure(part, error) from error
            raise
        writer = cls.__new__(cls)
        writer._begin(part, file, layout, n_valid=n_valid)
        return writer

    def _begin(
        self, part: Path, file: h5py.File, layout: RecordingLayout, *, n_valid: int
    ) -> None:
        self.path = part.with_suffix("")
        self.part = part
        self.layout = layout
        self.n_valid = n_valid
        self._file = file
        self._fields = {name: file[name] for name in layout.fields}
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="deflate")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def append(self, trial: int, first: int, frames: Mapping[str, np.ndarray]) -> None:
        """Write a block: frames[name] is (frame, feature, y, x), from frame `first` on.

        Frames of channels are (frame, channel). Blocks come in order and are whole,
        but for the last of a trial; after a shorter one nothing more can follow.
        `DiskFullError` before anything is written while less than two blocks are free
        on the disk.
        """
        n = self._check_block(trial, first, frames)
        self._check_room()
        try:
            for name, values in frames.items():
                self._write(name, trial, first, values)
            self._file.flush()
            set_counter(self._file, "n_valid", self.n_valid + n)
            self._file.flush()
        except RunError:
            raise  # one of ours says already what is wrong
        except (OSError, RuntimeError) as error:
            raise _failure(self.part, error) from error
        self.n_valid += n

    def finish(self) -> Path:
        """Give the complete file its final name; its path. The checkpoint goes."""
        if self.n_valid != self.layout.n_frames:
            raise RecordingError(
                f"{self.part}: holds {self.n_valid} of {self.layout.n_frames} frames, "
                "so it is not finished"
            )
        try:
            set_counter(self._file, "complete", 1)
            self.close()
            install(self.part, self.path)
        except (OSError, RuntimeError) as error:
            raise _failure(self.part, error) from error
        checkpoint_path(self.part).unlink(missing_ok=True)
        return self.path

    def close(self) -> None:
        """Close the file, which stays a valid .part. Closing twice does no harm."""
        self._pool.shutdown()
        try:
            self._file.close()
        except (OSError, RuntimeError) as error:
            raise _failure(self.part, error) from error

    def _check_block(
        self, trial: int, first: int, frames: Mapping[str, np.ndarray]
    ) -> int:
        """How many frames the block has; `RecordingError` where it does not fit."""
        layout = self.layout
        if set(frames) != set(layout.fields):
            raise RecordingError(
                f"{self.part}: fields {sorted(frames)} were given, not "
                f"{sorted(layout.fields)}"
            )
        due = divmod(self.n_valid, layout.frames)
        if (trial, first) != due or first % layout.block_frames:
            raise RecordingError(
                f"{self.part}: a block from trial {trial}, frame {first} was given; "
                f"due is trial {due[0]}, frame {due[1]}, and blocks begin at multiples "
                f"of {layout.block_frames}"
            )
        most = min(layout.block_frames, layout.frames - first)
        allowed = layout.frame_shape
        dims = (*(["feature"] if layout.channels is None else []), *layout.site_dims)
        n = len(next(iter(frames.values())))
        for name, values in frames.items():
            if values.shape != (n, *allowed) or not 1 <= n <= most:
                raise RecordingError(
                    f"{self.part}: a block of '{name}' has shape {values.shape}, not "
                    f"{(most, *allowed)} (frame, {', '.join(dims)})"
                )
            if values.dtype.kind not in "fiub":
                raise RecordingError(
                    f"{self.part}: '{name}' is {values.dtype}, not real numbers"
                )
        return n

    def _check_room(self) -> None:
        free = shutil.disk_usage(self.part.parent).free
        if free < 2 * self.layout.block_bytes:
            raise DiskFullError(
                f"{self.part}: {free / 2**20:.1f} MiB are free on the disk, two blocks "
                f"need {2 * self.layout.block_bytes / 2**20:.1f} MiB; "
                f"{self.n_valid} frames are safe in it"
            )

    def _write(self, name: str, trial: int, first: int, values: np.ndarray) -> None:
        layout = self.layout
        dtype = np.dtype(layout.dtype).newbyteorder("<")
        shape = (layout.block_frames, *layout.tile)
        compress = layout.compression == "gzip"

        def encoded(place: Place) -> bytes:
            try:
                chunk = compression.padded(values[place], shape, dtype)
            except OverflowError as error:
                raise RunError(f"{self.part}: '{name}' holds {error}") from error
            if compress:
                return compression.deflated(chunk, shuffle=True)
            return chunk.tobytes()

        chunks = chunks_of_block(layout, trial, first)
        for offset, data in _ahead(self._pool, encoded, chunks):
            self._fields[name].id.write_direct_chunk(
                offset, data, filter_mask=0 if compress else 1
            )


def _ahead(
    pool: ThreadPoolExecutor,
    encoded: Callable[[Place], bytes],
    chunks: Iterator[tuple[tuple[int, ...], Place]],
) -> Iterator[tuple[tuple[int, ...], bytes]]:
    """Chunks in order, the next ones being compressed meanwhile, few in memory."""
    waiting: deque[tuple[tuple[int, ...], Future[bytes]]] = deque()
    for offset, place in chunks:
        waiting.append((offset, pool.submit(encoded, place)))
        if len(waiting) > _AHEAD:
            done = waiting.popleft()
            yield done[0], done[1].result()
    for offset, future in waiting:
        yield offset, future.result()


def _failure(part: Path, error: OSError | RuntimeError) -> CortexwaveError:
    """What to raise when the system refuses to write."""
    text = str(error)
    if getattr(error, "errno", None) in _FULL or any(
        os.strerror(number) in text for number in _FULL
    ):
        return DiskFullError(
            f"{part}: the disk is full; make room, then resume or recover it"
        )
    return RunError(f"{part}: cannot be written ({text.splitlines()[0]})")
