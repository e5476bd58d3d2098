"""Arrays from files that a document names: never pickled, never larger than said.

`.npy`, HDF5 (`file.h5` with `dataset`) and images (`.png`, `.jpg`, ...). The header
is held against the size of the file before anything is allocated.
"""

from __future__ import annotations

import math
import struct
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import h5py
import numpy as np

from cortexwave.errors import InputError

_IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif")
_HDF5 = (".h5", ".hdf5", ".nc", ".mat")
LARGEST_ARRAY = 2**30  # bytes that may be read at once; longer movies are streamed


@dataclass(frozen=True)
class NpyFile:
    """A .npy array of which parts are read when asked for.

    Not mapped into memory: the pages of a mapped movie would count as ours until
    the system is short of them.
    """

    file: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    start: int

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, where: int | tuple[()]) -> np.ndarray:
        shape = self.shape if where == () else self.shape[1:]
        count = math.prod(shape)
        before = 0 if where == () else int(where) * count * self.dtype.itemsize  # type: ignore[arg-type]
        values = np.fromfile(self.file, self.dtype, count, offset=self.start + before)
        if values.size < count:
            raise OSError("the file has become shorter")
        return values.reshape(shape)


# An array in a file, not yet read.
Opened: TypeAlias = NpyFile | np.ndarray | h5py.Dataset


def located(path: str, folder: Path | None) -> Path:
    """The file a document means: relative paths start at the document's folder."""
    file = Path(path)
    return file if file.is_absolute() or folder is None else folder / file


def open_array(file: Path, dataset: str | None = None) -> Opened:
    """A numeric array in a file, opened but not read; `InputError` if it cannot be."""
    try:
        there = file.is_file()
    except (OSError, ValueError):  # a name too long, or with a zero in it
        there = False
    if not there:
        raise InputError(f"{str(file)[:200]}: there is no such file")
    if file.suffix == ".npy":
        return _open_npy(file)
    if file.suffix in _HDF5:
        return _open_hdf5(file, dataset)
    if file.suffix.lower() in _IMAGES:
        return _read_image(file)
    raise InputError(
        f"{file}: arrays are read from .npy, {', '.join(_HDF5)} and images, "
        f"not from '{file.suffix}'"
    )


def read_array(file: Path, dataset: str | None = None) -> np.ndarray:
    """A whole numeric array from a file as float64; every value finite."""
    opened = open_array(file, dataset)
    if opened.size * opened.dtype.itemsize > LARGEST_ARRAY:
        raise InputError(f"{file}: {opened.shape} is more than 1 GiB to read at once")
    values = read_part(opened, (), file)
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        place = tuple(int(i) for i in bad[0])
        raise InputError(
            f"{file}: {len(bad)} values are not finite, the first at {place}"
        )
    return values


def read_part(opened: Opened, where: int | tuple[()], file: Path) -> np.ndarray:
    """One frame of an opened array (or, at `()`, all of it) as float64."""
    try:
        return np.asarray(opened[where], dtype=np.float64)
    except (OSError, RuntimeError, KeyError) as error:
        part = "it" if where == () else f"frame {where}"
        raise InputError(f"{file}: {part} cannot be read: {error}") from error


def _open_npy(file: Path) -> NpyFile | np.ndarray:
    try:
        with file.open("rb") as stream:
            version = np.lib.format.read_magic(stream)
            read = (np.lib.format.read_array_header_1_0 if version == (1, 0)
                    else np.lib.format.read_array_header_2_0)  # fmt: skip
            shape, fortran, dtype = read(stream)
            start = stream.tell()
    except (ValueError, OSError, EOFError, TypeError, SyntaxError,
            tokenize.TokenError) as error:  # fmt: skip
        raise InputError(f"{file}: not a readable .npy file: {error}") from error
    if dtype.hasobject:
        raise InputError(f"{file}: it holds pickled objects, which are never loaded")
    if dtype.kind not in "biuf":
        raise InputError(f"{file}: it holds {dtype}, not real numbers")
    if any(n < 0 for n in shape):
        raise InputError(f"{file}: its header claims the shape {shape}")
    claimed = math.prod(shape) * dtype.itemsize
    present = file.stat().st_size - start
    if claimed > present:
        raise InputError(
            f"{file}: its header claims {claimed:,} bytes {shape}, it holds {present:,}"
        )
    if claimed == 0:
        raise InputError(f"{file}: its shape is {shape}; it holds no numbers")
    if fortran and len(shape) > 1:
        return np.load(file, mmap_mode="r", allow_pickle=False)
    return NpyFile(file, shape, dtype, start)


def _open_hdf5(file: Path, dataset: str | None) -> h5py.Dataset:
    try:
        # a movie is read by frame: without room for its chunk each frame would
        # unpack the whole chunk again
        opened = h5py.File(file, "r", rdcc_nbytes=2**26)
    except OSError as error:
        raise InputError(f"{file}: not a readable HDF5 file: {error}") from error
    try:
        return _dataset(opened, file, dataset)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file}: not a readable HDF5 file: {error}") from error


def _dataset(opened: h5py.File, file: Path, dataset: str | None) -> h5py.Dataset:
    """The numeric dataset asked for, or the only one there is."""
    found: list[str] = []
    opened.visititems(
        lambda name, item: (
            found.append(name) if isinstance(item, h5py.Dataset) else None
        )
    )
    if dataset is None and len(found) == 1:
        dataset = found[0]
    if dataset is None or dataset.strip("/") not in found:
        shown = ", ".join(sorted(found)[:12]) or "none"
        asked = "names no dataset" if dataset is None else f"has no '{dataset}'"
        raise InputError(f"{file}: {asked}; it holds: {shown}")
    values = opened[dataset]
    if values.dtype.kind not in "biuf":
        raise InputError(f"{file}: '{dataset}' is {values.dtype}, not real numbers")
    if not values.size:
        raise InputError(
            f"{file}: '{dataset}' has the shape {values.shape}; it holds no numbers"
        )
    if values.external or values.is_virtual:
        raise InputError(
            f"{file}: the numbers of '{dataset}' lie in other files, which are not "
            "read; store them in one file"
        )
    claimed = values.size * values.dtype.itemsize
    # a dataset without chunks is stored whole; one that was only announced not
    # at all, and HDF5 would make up its values
    stored, present = values.id.get_storage_size(), file.stat().st_size
    if values.chunks:
        sides = zip(values.shape, values.chunks, strict=True)
        due = math.prod(-(-side // chunk) for side, chunk in sides)
        short = values.id.get_num_chunks() < due
    else:
        short = stored < claimed
    if short or stored > present:
        raise InputError(
            f"{file}: '{dataset}' claims {claimed:,} bytes {values.shape}, of "
            f"which the file holds {min(stored, present):,}"
        )
    return values


def _read_image(file: Path) -> np.ndarray:
    """An image as grey values in [0, 1]; row 0 of the array is the lowest (y up)."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as opened:
            image: Image.Image = opened
            if image.width * image.height * 4 > LARGEST_ARRAY:
                raise InputError(f"{file}: an image of {image.size} is too large")
            deep = image.mode.startswith("I")
            # PIL turns 16-bit pixels into no other mode without loss, and palettes
            # and transparency into grey only by way of colours
            if not deep and image.mode not in ("1", "L"):
                image = image.convert("RGBA").convert("RGB")
            grey = np.asarray(image if deep else image.convert("F"), dtype=np.float64)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError,
            SyntaxError, ValueError, EOFError, struct.error) as error:  # fmt: skip
        if isinstance(error, InputError):
            raise
        raise InputError(f"{file}: not a readable image: {error}") from error
    return grey[::-1] / (65535.0 if deep else 255.0)
