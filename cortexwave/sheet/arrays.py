"""Arrays from files that a document names: never pickled, never larger than said.

`.npy`, HDF5 (`file.h5` with `dataset`) and images (`.png`, `.jpg`, ...). The header
is held against the size of the file before anything is allocated.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from cortexwave.errors import InputError

_IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif")
_HDF5 = (".h5", ".hdf5", ".nc", ".mat")
LARGEST_ARRAY = 2**30  # bytes that may be read at once; longer movies are streamed


def located(path: str, folder: Path | None) -> Path:
    """The file a document means: relative paths start at the document's folder."""
    file = Path(path)
    return file if file.is_absolute() or folder is None else folder / file


def open_array(file: Path, dataset: str | None = None) -> np.ndarray | h5py.Dataset:
    """A numeric array in a file, opened but not read; `InputError` if it cannot be."""
    if not file.is_file():
        raise InputError(f"{file}: there is no such file")
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
    values = np.asarray(opened[()], dtype=np.float64)
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        place = tuple(int(i) for i in bad[0])
        raise InputError(
            f"{file}: {len(bad)} values are not finite, the first at {place}"
        )
    return values


def _open_npy(file: Path) -> np.ndarray:
    try:
        with file.open("rb") as stream:
            version = np.lib.format.read_magic(stream)
            read = (np.lib.format.read_array_header_1_0 if version == (1, 0)
                    else np.lib.format.read_array_header_2_0)  # fmt: skip
            shape, _, dtype = read(stream)
            start = stream.tell()
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{file}: not a readable .npy file: {error}") from error
    if dtype.hasobject:
        raise InputError(f"{file}: it holds pickled objects, which are never loaded")
    if dtype.kind not in "biuf":
        raise InputError(f"{file}: it holds {dtype}, not real numbers")
    claimed = int(np.prod([int(n) for n in shape], dtype=object)) * dtype.itemsize
    present = file.stat().st_size - start
    if claimed > present:
        raise InputError(
            f"{file}: its header claims {claimed:,} bytes {shape}, it holds {present:,}"
        )
    return np.load(file, mmap_mode="r", allow_pickle=False)


def _open_hdf5(file: Path, dataset: str | None) -> h5py.Dataset:
    try:
        opened = h5py.File(file, "r")
    except OSError as error:
        raise InputError(f"{file}: not a readable HDF5 file: {error}") from error
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
    if values.chunks is None and not values.external:
        claimed = values.size * values.dtype.itemsize
        if claimed > file.stat().st_size and values.id.get_storage_size() >= claimed:
            raise InputError(
                f"{file}: '{dataset}' claims {claimed:,} bytes, more than the file"
            )
    return values


def _read_image(file: Path) -> np.ndarray:
    """An image as grey values in [0, 1]; row 0 of the array is the lowest (y up)."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            if image.width * image.height * 4 > LARGEST_ARRAY:
                raise InputError(f"{file}: an image of {image.size} is too large")
            grey = np.asarray(image.convert("F"), dtype=np.float64)
            top = 65535.0 if image.mode.startswith("I") else 255.0
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise InputError(f"{file}: not a readable image: {error}") from error
    return grey[::-1] / top
