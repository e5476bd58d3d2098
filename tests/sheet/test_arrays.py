"""Array files: nothing pickled is loaded, nothing that a header only claims is read."""

from __future__ import annotations

import io
import os
import pickle
import resource
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from cortexwave.errors import InputError
from cortexwave.sheet.arrays import open_array, read_array


def npy_bytes(header: str) -> bytes:
    """A .npy file of version 1.0 with a header of one's own."""
    text = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def npy_of(shape: str) -> bytes:
    return npy_bytes(f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}")


@pytest.mark.parametrize("dtype", ["f8", "f4", "i2", "u1", "?", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_files_of_any_real_kind_are_read(tmp_path, dtype, order):
    values = np.asarray(np.arange(24).reshape(4, 6) % 2, dtype=dtype, order=order)
    np.save(tmp_path / "a.npy", values)
    read = read_array(tmp_path / "a.npy")
    assert read.dtype == np.float64 and np.array_equal(read, values)


def test_hdf5_files_need_no_name_where_they_hold_one_dataset(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/weights"] = np.eye(3)
    assert np.array_equal(read_array(tmp_path / "a.h5"), np.eye(3))
    assert np.array_equal(read_array(tmp_path / "a.h5", "/group/weights"), np.eye(3))


def test_hdf5_datasets_are_named_where_there_are_several(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"], file["b"] = np.eye(3), np.eye(2)
    with pytest.raises(InputError, match="names no dataset; it holds: a, b"):
        open_array(tmp_path / "a.h5")
    with pytest.raises(InputError, match="has no 'c'; it holds: a, b"):
        open_array(tmp_path / "a.h5", "c")


class Loaded:
    """Tells that it was unpickled by leaving a file."""

    def __init__(self, mark: str):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (self.mark,)


def test_pickled_npy_is_never_loaded(tmp_path):
    mark = tmp_path / "loaded"
    np.save(tmp_path / "p.npy", np.array([Loaded(str(mark))], dtype=object),
            allow_pickle=True)  # fmt: skip
    with pytest.raises(
        InputError, match=r"p\.npy: it holds pickled objects, which are"
    ):
        open_array(tmp_path / "p.npy")
    assert not mark.exists()


def test_a_bare_pickle_called_npy_is_never_loaded(tmp_path):
    mark = tmp_path / "loaded"
    (tmp_path / "p.npy").write_bytes(pickle.dumps(Loaded(str(mark))))
    with pytest.raises(InputError, match=r"not a readable .npy file"):
        open_array(tmp_path / "p.npy")
    assert not mark.exists()


@pytest.mark.parametrize(
    "content, message",
    [
        (npy_of("(10**9, 8)"),
         "not a readable .npy"),
        (npy_of("(1000000000000,)"),
         "claims 8,000,000,000,000 bytes .1000000000000,., it holds 0"),
        (npy_of("(999999999999999999999, 99)"), "its header claims"),
        (npy_of("(-1, 4)"),
         "claims the shape .-1, 4."),
        (npy_of("(2.5,)"),
         "not a readable .npy"),
        (npy_of("4"),
         "not a readable .npy"),
        (npy_bytes("{'descr': 'zz', 'fortran_order': False, 'shape': (4,)}"),
         "not a readable .npy"),
        (npy_bytes("{'descr': '<c16', 'fortran_order': False, 'shape': (4,)}"),
         "complex128, not real numbers"),
        (npy_bytes("{'descr': '<U4', 'fortran_order': False, 'shape': (4,)}"),
         "not real numbers"),
        (npy_bytes("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (4,)}"),
         "not real numbers"),
        (npy_bytes("__import__('os').system('true')"), "not a readable .npy"),
        (npy_bytes("((((((((((" * 8), "not a readable .npy"),
        (b"\x93NUMPY\x01", "not a readable .npy"),
        (b"\x93NUMPY\x09\x00abc", "not a readable .npy"),
        (b"", "not a readable .npy"),
        (b"hello", "not a readable .npy"),
    ],
)  # fmt: skip
def test_a_npy_file_with_a_false_header_is_refused(tmp_path, content, message):
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        open_array(tmp_path / "x.npy")
    assert "x.npy" in str(caught.value)


def test_a_truncated_npy_file_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((100, 8, 8)))
    raw = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(raw[:-1])
    with pytest.raises(
        InputError, match=r"claims 51,200 bytes .100, 8, 8., it holds 51,1"
    ):
        open_array(tmp_path / "a.npy")


@pytest.mark.parametrize("keep", [0, 10, 600, 3000])
def test_a_truncated_hdf5_file_is_refused(tmp_path, keep):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = np.ones((100, 8, 8))
    raw = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(raw[:keep])
    with pytest.raises(InputError, match=r"a.h5: not a readable HDF5 file"):
        open_array(tmp_path / "a.h5")


@pytest.mark.parametrize("chunks", [None, (1, 64, 64)])
def test_a_hdf5_dataset_that_was_only_announced_is_refused(tmp_path, chunks):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        made = file.create_dataset("a", (10**9, 64, 64), "f4", chunks=chunks)
        if chunks:
            made[0] = 1.0
    with pytest.raises(InputError, match="'a' claims 16,384,000,000,000 bytes"):
        open_array(tmp_path / "a.h5")


def test_a_scrambled_hdf5_file_gives_a_clean_error_or_its_numbers(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", data=np.ones((40, 8, 8)), chunks=(4, 8, 8),
                            compression="gzip")  # fmt: skip
    raw = bytearray((tmp_path / "a.h5").read_bytes())
    draw = np.random.default_rng(0)
    for number in range(60):
        copy = bytearray(raw)
        for place in draw.integers(0, len(raw), 8):
            copy[place] ^= int(draw.integers(1, 256))
        file = tmp_path / f"{number}.h5"
        file.write_bytes(bytes(copy))
        try:
            read_array(file)
        except InputError as error:
            assert file.name in str(error)


def test_a_dataset_that_is_no_array_of_numbers_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["text"], file["none"] = "hello", np.empty((0, 3))
    with pytest.raises(InputError, match="'text' is object, not real numbers"):
        open_array(tmp_path / "a.h5", "text")
    with pytest.raises(InputError, match="it holds no numbers"):
        open_array(tmp_path / "a.h5", "none")


def test_an_array_of_more_than_a_gibibyte_is_not_read_at_once(tmp_path):
    with (tmp_path / "a.npy").open("wb") as stream:
        stream.write(npy_bytes("{'descr': '<f8', 'fortran_order': False, 'shape': "
                               "(200000000,)}"))  # fmt: skip
        stream.truncate(128 + 1_600_000_000)
    with pytest.raises(InputError, match="more than 1 GiB to read at once"):
        read_array(tmp_path / "a.npy")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_named_by_place(tmp_path, bad):
    values = np.ones((4, 5))
    values[2, 3] = bad
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(
        InputError, match=r"1 values are not finite, the first at \(2, 3\)"
    ):
        read_array(tmp_path / "a.npy")


@pytest.mark.parametrize("name", ["none.npy", "x" * 5000 + ".npy", "a\0b.npy", ""])
def test_a_file_that_is_not_there_is_named(tmp_path, name):
    with pytest.raises(InputError, match="there is no such file"):
        open_array(tmp_path / name)


@pytest.mark.parametrize("name", ["a.txt", "a", "a.npz", "a.pkl", "a.csv"])
def test_other_kinds_of_file_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"1 2 3")
    with pytest.raises(InputError, match=r"arrays are read from \.npy"):
        open_array(tmp_path / name)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "I;16"])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_images_are_grey_in_0_to_1_with_row_0_lowest(tmp_path, mode, suffix):
    from PIL import Image

    pixels = np.zeros((4, 6), dtype=np.uint8)
    pixels[0] = 255  # the top row of the picture
    grey = Image.fromarray(pixels)
    image = (Image.fromarray(pixels.astype(np.uint16) * 257) if mode == "I;16"
             else grey.convert(mode))  # fmt: skip
    image.save(tmp_path / f"a.{suffix}")
    values = read_array(tmp_path / f"a.{suffix}")
    assert values.shape == (4, 6)
    assert values[3] == pytest.approx(1.0, abs=1e-6) and values[:3].max() == 0


@pytest.mark.parametrize("damage", ["cut", "scramble", "text", "empty"])
def test_a_damaged_image_is_refused(tmp_path, damage):
    from PIL import Image

    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(stream, "png")
    raw = bytearray(stream.getvalue())
    raw[50:200] = bytes(150) if damage == "scramble" else raw[50:200]
    content = {"cut": raw[:300], "scramble": raw, "text": b"hi", "empty": b""}[damage]
    (tmp_path / "a.png").write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"a\.png: not a readable image"):
        read_array(tmp_path / "a.png")


def test_a_movie_of_two_gigabytes_is_opened_in_little_memory(tmp_path):
    shape = (250_000, 32, 32)
    with (tmp_path / "m.npy").open("wb") as stream:
        stream.write(npy_bytes("{'descr': '<f8', 'fortran_order': False, 'shape': "
                               f"{shape}}}"))  # fmt: skip
        stream.truncate(128 + 8 * 250_000 * 1024)
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from cortexwave.sheet.arrays import open_array\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "frames = open_array(Path(sys.argv[1]))\n"
        "total = sum(float(frames[n].sum()) for n in range(0, 250_000, 2500))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "m.npy")],
                          capture_output=True, text=True, check=True,
                          cwd=Path(__file__).parents[2])  # fmt: skip
    # ru_maxrss is in KiB on Linux; 100 frames of 8 KiB touch some pages each
    assert int(done.stdout) < 50 * 1024
    assert resource.getpagesize() <= 65536


@pytest.mark.parametrize("kind", ["virtual", "external"])
def test_numbers_that_lie_in_other_files_are_refused(tmp_path, kind):
    import h5py

    path = tmp_path / "outside.h5"
    (tmp_path / "raw.bin").write_bytes(bytes(8 * 6))
    with h5py.File(path, "w") as file:
        if kind == "virtual":
            layout = h5py.VirtualLayout((2, 3), dtype="f8")
            layout[:] = h5py.VirtualSource("absent.h5", "x", shape=(2, 3))
            file.create_virtual_dataset("x", layout)
        else:
            where = [(str(tmp_path / "raw.bin"), 0, 48)]
            file.create_dataset("x", (2, 3), "f8", external=where)
    with pytest.raises(InputError, match="lie in other files"):
        read_array(path, "x")
