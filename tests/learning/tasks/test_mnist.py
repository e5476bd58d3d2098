"""Sequential MNIST on small files made here, whole and broken."""

from __future__ import annotations

import dataclasses
import gzip
import os
import struct

import numpy as np
import pytest
from pydantic import ValidationError

from cortexwave.errors import InputError
from cortexwave.learning.tasks import Shape
from cortexwave.learning.tasks.mnist import MnistTask

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
TRAIN, TEST = 20, 6


def idx(values):
    """An idx file of bytes, written out by its definition."""
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return header + values.astype(np.uint8).tobytes()


def pictures():
    """Different images (image, y, x), training ones first."""
    draw = np.random.default_rng(1)
    return draw.integers(0, 256, (TRAIN + TEST, 28, 28), dtype=np.uint8)


def classes():
    return np.arange(TRAIN + TEST) % 10


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "mnist"
    place.mkdir()
    images, labels = pictures(), classes()
    parts = (images[:TRAIN], labels[:TRAIN], images[TRAIN:], labels[TRAIN:])
    contents = [idx(part) for part in parts]
    for name, content in zip(NAMES, contents, strict=True):
        (place / name).write_bytes(content)
    return place


def source(folder, seed=0, valid=4, **more):
    task = MnistTask(folder=folder.name, valid=valid, **more)
    return task.open(folder.parent, seed)


def test_the_test_images_come_in_order_row_by_row_in_0_to_1(folder):
    task = source(folder)
    batch = task.batch("test", 0, TEST)
    assert task.shape == Shape(1, 10, 784, False, "cross_entropy")
    assert task.counts == {"train": 16, "valid": 4, "test": 6}
    assert batch.inputs.shape == (6, 784, 1)
    assert batch.inputs.dtype == np.float32
    expected = pictures()[TRAIN:].reshape(6, 784, 1).astype(np.float32) / 255
    assert np.array_equal(batch.inputs, expected)
    assert np.array_equal(batch.targets, classes()[TRAIN:])
    assert batch.targets.dtype == np.int64


def test_black_is_0_and_white_is_1(folder):
    images = np.zeros((TEST, 28, 28))
    images[:, 0, 1] = 255
    (folder / NAMES[2]).write_bytes(idx(images))
    sequence = source(folder).batch("test", 0, 1).inputs[0, :, 0]
    assert sequence[1] == 1.0
    assert np.count_nonzero(sequence) == 1


def test_training_and_validation_share_no_image_and_leave_none_out(folder):
    task = source(folder)
    train, valid = task.batch("train", 0, 16), task.batch("valid", 0, 4)
    both = np.concatenate([train.inputs, valid.inputs])[:, :, 0]
    expected = pictures()[:TRAIN].reshape(TRAIN, -1) / np.float32(255)
    assert np.array_equal(np.unique(both, axis=0), np.unique(expected, axis=0))


def test_labels_stay_with_their_images(folder):
    batch = source(folder).batch("train", 0, 16)
    images = np.rint(batch.inputs[:, :, 0] * 255).astype(int)
    same = (images[:, None] == pictures().reshape(1, -1, 784)).all(axis=2)
    assert np.array_equal(classes()[same.argmax(axis=1)], batch.targets)


def test_published_counts_follow_from_published_files(tmp_path):
    # the sizes of MNIST itself; all images black, gzipped to some 50 kB
    place = tmp_path / "mnist"
    place.mkdir()
    counts = (60_000, 60_000, 10_000, 10_000)
    shapes = ((28, 28), (), (28, 28), ())
    contents = [
        gzip.compress(idx(np.zeros((count, *shape), np.uint8)), 1)
        for count, shape in zip(counts, shapes, strict=True)
    ]
    for name, content in zip(NAMES, contents, strict=True):
        (place / f"{name}.gz").write_bytes(content)
    task = MnistTask(folder="mnist").open(tmp_path, 0)
    assert task.counts == {"train": 57_000, "valid": 3_000, "test": 10_000}


def test_gzipped_files_read_the_same(folder):
    plain = source(folder).batch("train", 3, 5)
    for name in NAMES:
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()
    zipped = source(folder).batch("train", 3, 5)
    assert np.array_equal(plain.inputs, zipped.inputs)
    assert np.array_equal(plain.targets, zipped.targets)


def test_the_split_follows_from_the_seed(folder):
    first, again, other = (
        source(folder, seed).batch("valid", 0, 4).inputs for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_permuted_pixels_follow_the_order_that_is_kept(folder):
    task = source(folder, permuted=True)
    order = task.state()["permutation"]
    assert np.array_equal(np.sort(order), np.arange(784))
    expected = source(folder).batch("test", 0, 3).inputs[:, order]
    assert np.array_equal(task.batch("test", 0, 3).inputs, expected)


def test_a_saved_permutation_can_be_put_back(folder):
    saved = source(folder, seed=7, permuted=True)
    other = source(folder, seed=8, permuted=True)
    put_back = dataclasses.replace(other, permutation=saved.state()["permutation"])
    assert np.array_equal(
        put_back.batch("test", 0, 6).inputs, saved.batch("test", 0, 6).inputs
    )


@pytest.mark.parametrize("name", NAMES)
def test_one_changed_byte_of_any_file_is_another_data_set(folder, name):
    before, again = source(folder).state()["data"], source(folder).state()["data"]
    assert before.dtype == np.uint8 and before.shape == (32,)
    assert np.array_equal(before, again)
    content = bytearray((folder / name).read_bytes())
    content[-1] = (content[-1] + 1) % 10
    (folder / name).write_bytes(content)
    assert not np.array_equal(source(folder).state()["data"], before)


def test_the_same_data_gzipped_are_the_same(folder):
    before = source(folder).state()["data"]
    for name in NAMES:
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
        (folder / name).unlink()
    assert np.array_equal(source(folder).state()["data"], before)


def test_images_are_kept_as_bytes(folder):
    assert source(folder).images.images.dtype == np.uint8


def test_missing_files_are_named_with_where_to_get_them(folder):
    (folder / NAMES[1]).unlink()
    with pytest.raises(InputError) as caught:
        source(folder)
    message = str(caught.value)
    assert f"MNIST: {NAMES[1]} not found in {folder}." in message
    assert all(name in message for name in NAMES)
    assert "ossci-datasets" in message and "'folder'" in message


def test_a_missing_folder_is_said_to_be_missing(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        source(tmp_path / "nowhere")


def test_an_absolute_folder_stays_as_it_is(folder):
    task = MnistTask(folder=str(folder), valid=4).open(None, 0)
    assert task.counts["test"] == TEST


def cut(content):
    return content[:-1]


def longer(content):
    return content + b"\0"


def with_magic(content):
    return b"\0\0\x0b" + content[3:]


def cut_gzip(content):
    return gzip.compress(content)[:-12]


def damaged_gzip(content):
    packed = bytearray(gzip.compress(content))
    packed[-5] ^= 0xFF  # in the check sum
    return bytes(packed)


def header_only(content):
    return content[:6]


def nothing(content):
    return b""


def huge(content):
    return content[:4] + b"\xff" * (len(content) - 4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("breaks", "message"),
    [
        (cut, "cut short"),
        (longer, "goes on after"),
        (with_magic, "begins with 00 00 0b"),
        (cut_gzip, "cut short inside its gzip"),
        (damaged_gzip, "cannot be read"),
        (header_only, "less than a header"),
        (nothing, "less than a header"),
        (huge, "at most"),
    ],
)
def test_a_broken_file_is_named(folder, name, breaks, message):
    file = folder / name
    file.write_bytes(breaks(file.read_bytes()))
    with pytest.raises(InputError, match=message) as caught:
        source(folder)
    assert str(caught.value).startswith(f"{file}: ")


def test_labels_in_place_of_images_are_refused(folder):
    (folder / NAMES[0]).write_bytes((folder / NAMES[1]).read_bytes())
    with pytest.raises(InputError, match="00 00 08 01, not with 00 00 08 03"):
        source(folder)


def test_labels_out_of_range_are_refused(folder):
    labels = classes()[:TRAIN].copy()
    labels[3] = 10
    (folder / NAMES[1]).write_bytes(idx(labels))
    with pytest.raises(InputError, match="image 3 has the label 10; labels are from 0"):
        source(folder)


def test_counts_that_differ_are_refused(folder):
    (folder / NAMES[1]).write_bytes(idx(classes()[: TRAIN - 1]))
    with pytest.raises(InputError, match="19 labels for 20 images"):
        source(folder)


def test_images_of_another_size_are_refused(folder):
    (folder / NAMES[2]).write_bytes(idx(np.zeros((TEST, 32, 32))))
    with pytest.raises(InputError, match="images of 32 x 32"):
        source(folder)


def test_a_file_without_images_is_refused(folder):
    (folder / NAMES[2]).write_bytes(idx(np.zeros((0, 28, 28))))
    (folder / NAMES[3]).write_bytes(idx(np.zeros(0)))
    with pytest.raises(InputError, match="no images"):
        source(folder)


def test_a_validation_set_that_leaves_nothing_to_train_on_is_refused(folder):
    with pytest.raises(InputError, match="valid is 20, but there are 20"):
        source(folder, valid=TRAIN)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_named(folder):
    (folder / NAMES[0]).chmod(0)
    with pytest.raises(InputError, match="cannot be read"):
        source(folder)


@pytest.mark.parametrize(
    "given", [{}, {"folder": ""}, {"folder": "x", "valid": 0}, {"folder": 3}]
)
def test_a_task_that_cannot_be_is_refused(given):
    with pytest.raises(ValidationError, match=r"folder|valid"):
        MnistTask(**given)
