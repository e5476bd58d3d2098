"""Noisy sequential CIFAR-10 on small files made here: whole, broken and hostile."""

from __future__ import annotations

import builtins
import dataclasses
import os
import pickle
import struct

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import kstest

from cortexwave.errors import InputError
from cortexwave.learning.tasks import Shape
from cortexwave.learning.tasks._cifar_files import pickled_batch
from cortexwave.learning.tasks.cifar import NoisyCifarTask

NAMES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
EACH = 4  # images in a file


def image_rows(number):
    """Different images (image, 3072) for each file."""
    draw = np.random.default_rng(number)
    return draw.integers(0, 256, (EACH, 3072), dtype=np.uint8)


def image_labels(number):
    return [(3 * number + place) % 10 for place in range(EACH)]


def text(value):
    """A str of Python 2 in a pickle."""
    return b"U" + bytes([len(value)]) + value


def python2_pickle(images, labels, *, fortran=False):
    """A batch as Python 2's cPickle wrote it with protocol 2, opcode by opcode."""
    content = images.tobytes(order="F" if fortran else "C")
    state = b"\x89" if not fortran else b"\x88"
    return b"".join([
        b"\x80\x02}(",
        text(b"batch_label"), text(b"training batch 1 of 5"),
        text(b"labels"), b"](", *(b"K" + bytes([label]) for label in labels), b"e",
        text(b"data"),
        b"cnumpy.core.multiarray\n_reconstruct\n",
        b"cnumpy\nndarray\n", b"K\x00\x85", text(b"b"), b"\x87R",
        b"(K\x01", struct.pack("<cici", b"J", images.shape[0], b"J", images.shape[1]),
        b"\x86",
        b"cnumpy\ndtype\n", text(b"u1"), b"K\x00K\x01\x87R",
        b"(K\x03", text(b"|"), b"NNN", struct.pack("<cici", b"J", -1, b"J", -1),
        b"K\x00tb", state,
        b"T" + struct.pack("<i", len(content)) + content, b"tb",
        text(b"filenames"), b"](", text(b"a.png"), b"e",
        b"u.",
    ])  # fmt: skip


def binary(images, labels):
    return b"".join(
        bytes([label]) + image.tobytes()
        for image, label in zip(images, labels, strict=True)
    )


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "cifar-10-batches-py"
    place.mkdir()
    for number, name in enumerate(NAMES):
        content = python2_pickle(image_rows(number), image_labels(number))
        (place / name).write_bytes(content)
    return place


@pytest.fixture
def binary_folder(tmp_path):
    place = tmp_path / "cifar-10-batches-bin"
    place.mkdir()
    for number, name in enumerate(NAMES):
        content = binary(image_rows(number), image_labels(number))
        (place / f"{name}.bin").write_bytes(content)
    return place


def source(folder, seed=0, noise="fixed", length=40, valid=3, **more):
    task = NoisyCifarTask(
        folder=folder.name, noise=noise, length=length, valid=valid, **more
    )
    return task.open(folder.parent, seed)


@pytest.mark.parametrize("fortran", [False, True])
def test_the_pickles_made_here_are_such_as_python_2_made(fortran):
    content = python2_pickle(image_rows(1), image_labels(1), fortran=fortran)
    entries = pickle.loads(content, encoding="bytes")
    assert np.array_equal(entries[b"data"], image_rows(1))
    assert entries[b"labels"] == image_labels(1)


def test_a_picture_is_32_rows_of_96_values_red_green_blue(folder):
    task = source(folder)
    batch = task.batch("test", 0, EACH)
    assert task.shape == Shape(96, 10, 40, False, "cross_entropy")
    assert task.counts == {"train": 17, "valid": 3, "test": 4}
    assert batch.inputs.shape == (4, 40, 96)
    assert batch.inputs.dtype == np.float32
    # the data set's own words: 1024 red, 1024 green, 1024 blue, each row by row
    image, row, colour, column = 2, 7, 1, 30
    value = image_rows(5)[image, 1024 * colour + 32 * row + column]
    assert batch.inputs[image, row, 32 * colour + column] == np.float32(value) / 255
    expected = np.zeros((4, 32, 96), np.float32)
    expected[:, :, :32] = image_rows(5)[:, :1024].reshape(4, 32, 32)
    expected[:, :, 32:64] = image_rows(5)[:, 1024:2048].reshape(4, 32, 32)
    expected[:, :, 64:] = image_rows(5)[:, 2048:].reshape(4, 32, 32)
    assert np.array_equal(batch.inputs[:, :32], expected / np.float32(255))
    assert np.array_equal(batch.targets, image_labels(5))
    assert batch.targets.dtype == np.int64


def test_the_binary_version_gives_the_same(folder, binary_folder):
    pickled, plain = source(folder), source(binary_folder)
    first, second = pickled.batch("train", 2, 8), plain.batch("train", 2, 8)
    assert np.array_equal(first.inputs, second.inputs)
    assert np.array_equal(first.targets, second.targets)


def test_training_and_validation_share_no_image_and_leave_none_out(folder):
    task = source(folder)
    both = np.concatenate(
        [task.batch("train", 0, 17).inputs, task.batch("valid", 0, 3).inputs]
    )
    shown = np.unique(both[:, :32].reshape(20, -1), axis=0)
    images = np.concatenate([image_rows(number) for number in range(5)])
    rows = images.reshape(20, 3, 32, 32).swapaxes(1, 2).reshape(20, -1)
    assert np.array_equal(shown, np.unique(rows / np.float32(255), axis=0))


def test_fixed_noise_is_one_for_all_and_is_kept(folder):
    task = source(folder, length=1000)
    noise = task.state()["noise"]
    train, test = task.batch("train", 5, 6), task.batch("test", 0, 4)
    assert noise.shape == (968, 96)
    assert np.array_equal(train.inputs[:, 32:], np.broadcast_to(noise, (6, 968, 96)))
    assert np.array_equal(test.inputs[:, 32:], np.broadcast_to(noise, (4, 968, 96)))
    # a right generator fails one seed in 10,000
    assert kstest(noise.ravel(), "norm").pvalue > 1e-4


def test_the_fixed_noise_follows_from_the_seed(folder):
    first, again, other = (source(folder, seed).state()["noise"] for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_saved_noise_can_be_put_back(folder):
    saved, other = source(folder, seed=7), source(folder, seed=8)
    put_back = dataclasses.replace(other, noise=saved.state()["noise"])
    assert np.array_equal(
        put_back.batch("test", 0, 4).inputs, saved.batch("test", 0, 4).inputs
    )


def test_fresh_noise_differs_in_every_sequence_batch_and_split(folder):
    task = source(folder, noise="fresh", length=100)
    batches = [("train", 0), ("train", 1), ("valid", 0), ("test", 0)]
    noise = np.concatenate(
        [task.batch(split, index, 3).inputs[:, 32:] for split, index in batches]
    ).reshape(12, -1)
    off = np.corrcoef(noise)[~np.eye(12, dtype=bool)]
    # correlations of 68 x 96 independent pairs: deviation 1 / sqrt(6528); 5 of them
    assert np.abs(off).max() < 5 / np.sqrt(6528)
    assert kstest(noise.ravel(), "norm").pvalue > 1e-4


def test_fresh_noise_is_the_same_when_asked_again(folder):
    task = source(folder, noise="fresh")
    first = task.batch("train", 4, 6)
    task.batch("test", 0, 2)
    assert np.array_equal(first.inputs, task.batch("train", 4, 6).inputs)
    assert task.state().keys() == {"data"}


@pytest.mark.parametrize("noise", ["fixed", "fresh"])
def test_changed_data_are_told_from_the_state(binary_folder, noise):
    before = source(binary_folder, noise=noise).state()["data"]
    file = binary_folder / "test_batch.bin"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    after = source(binary_folder, noise=noise).state()["data"]
    assert not np.array_equal(before, after)


def test_32_steps_leave_no_room_for_noise(folder):
    assert source(folder, length=32).batch("test", 0, 2).inputs.shape == (2, 32, 96)


def test_images_are_kept_as_bytes(folder):
    assert source(folder).images.images.dtype == np.uint8


def test_missing_files_are_named_with_where_to_get_them(folder):
    (folder / "data_batch_3").unlink()
    with pytest.raises(InputError) as caught:
        source(folder)
    message = str(caught.value)
    assert f"CIFAR-10: data_batch_3 not found in {folder}." in message
    assert all(name in message for name in NAMES)
    assert "cifar-10-python.tar.gz" in message and "'folder'" in message


def test_a_missing_binary_file_is_named_where_the_others_are(binary_folder):
    (binary_folder / "test_batch.bin").unlink()
    with pytest.raises(InputError, match=r"CIFAR-10: test_batch\.bin not found"):
        source(binary_folder)


def test_a_missing_folder_is_said_to_be_missing(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        source(tmp_path / "nowhere")


@pytest.mark.parametrize("protocol", range(5))
def test_pickles_of_python_3_are_read_too(tmp_path, protocol):
    file = tmp_path / "data_batch_1"
    entries = {"data": image_rows(1), "labels": image_labels(1)}
    file.write_bytes(pickle.dumps(entries, protocol=protocol))
    images, labels = pickled_batch(file)
    assert np.array_equal(images, image_rows(1))
    assert np.array_equal(labels, image_labels(1))


def test_arrays_in_fortran_order_are_read_too(tmp_path):
    file = tmp_path / "data_batch_1"
    file.write_bytes(python2_pickle(image_rows(1), image_labels(1), fortran=True))
    assert np.array_equal(pickled_batch(file)[0], image_rows(1))


class Hostile:
    """Pickles as a call of a function with arguments."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def mark(path):
    return f"open({str(path)!r}, 'w').close()"


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("function", [builtins.exec, builtins.eval, os.system])
def test_a_hostile_pickle_is_refused_and_not_run(folder, function, protocol):
    trace = folder / "trace"
    order = f"touch {trace}" if function is os.system else mark(trace)
    content = pickle.dumps(Hostile(function, order), protocol=protocol)
    (folder / "data_batch_2").write_bytes(content)
    with pytest.raises(InputError, match=r"data_batch_2: .* it was not run"):
        source(folder)
    assert not trace.exists()
    pickle.loads(content)  # the order is a real one: an open door would show
    assert trace.exists()


@pytest.mark.parametrize(
    "content",
    [
        # attributes of what a known name stands for, with and without slots
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n"
        b"N}X\x08\0\0\0__code__K\x01s\x86b.",
        b"\x80\x02cnumpy\ndtype\n}X\x08\0\0\0__init__K\x01sb.",
        # a known name's own attribute, of protocol 4
        b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__init__\x93.",
        # a persistent identifier, an extension code, an instance of a class
        b"\x80\x02U\x01aQ.",
        b"\x80\x02\x82\x01.",
        b"(ios\nsystem\n.",
        # making an instance of what is no class
        b"\x80\x02cnumpy\nndarray\n)\x81.",
    ],
)
def test_unusual_orders_in_a_pickle_are_refused(tmp_path, content):
    file = tmp_path / "data_batch_1"
    file.write_bytes(content)
    with pytest.raises(InputError, match="data_batch_1: "):
        pickled_batch(file)


def dumped(entries):
    """A pickle of Python 3; protocol 5 has another form of arrays."""
    return pickle.dumps(entries, protocol=4)


WHOLE = python2_pickle(image_rows(1), image_labels(1))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a pickled"),
        (b"\x89PNG\r\n\x1a\n", "not a pickled"),
        (b"hello, I am no pickle", "not a pickled"),
        (WHOLE[:1000], "not a pickled"),
        (WHOLE[:-1], "not a pickled"),
        (dumped([1, 2]), "no dictionary"),
        (dumped({"labels": [1]}), "'data' is no array"),
        (dumped({"data": [1], "labels": [1]}), "'data' is no array"),
        (dumped({"data": np.zeros((4, 3072)), "labels": [1] * 4}), "of bytes"),
        (dumped({"data": np.zeros((4, 30), "u1"), "labels": [1] * 4}), "3072"),
        (dumped({"data": np.array([None]), "labels": [1]}), "of bytes"),
        (python2_pickle(image_rows(1), [0, 1, 2]), "3 labels for 4 images"),
        (python2_pickle(image_rows(1), [0, 1, 10, 3]), "image 2 has the label 10"),
        (dumped({"data": image_rows(1)}), "'labels' is no list"),
        (dumped({"data": image_rows(1), "labels": "0123"}), "'labels' is no"),
        (dumped({"data": image_rows(1), "labels": [0, 1, 2, 3.0]}), "whole"),
        (dumped({"data": image_rows(1), "labels": [0, 1, 2, 1 << 80]}), "int64"),
        (dumped({"data": image_rows(1), "labels": [0, 1, 2, -1]}), "label -1"),
        (dumped({"data": image_rows(1)[:0], "labels": []}), "no images"),
        (WHOLE.replace(struct.pack("<ci", b"J", EACH), struct.pack("<ci", b"J", 5)),
         "as many bytes as it says"),
        # says that it holds 2^62 bytes
        (b"\x80\x04\x8e" + struct.pack("<q", 2**62) + b"x.", "not a pickled"),
    ],
)  # fmt: skip
def test_a_broken_batch_is_refused(tmp_path, content, message):
    file = tmp_path / "data_batch_1"
    file.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        pickled_batch(file)
    assert str(caught.value).startswith(f"{file}: ")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-1], "no whole number of records of 3,073"),
        (lambda content: b"\x0b" + content[1:], "image 0 has the label 11"),
        (lambda content: b"", "no images"),
    ],
)
def test_a_broken_binary_batch_is_refused(binary_folder, change, message):
    file = binary_folder / "data_batch_4.bin"
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(InputError, match=message) as caught:
        source(binary_folder)
    assert str(caught.value).startswith(f"{file}: ")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"length": 31}, "length"),
        ({"noise": "random"}, "noise"),
        ({"valid": 0}, "valid"),
        ({"folder": ""}, "folder"),
    ],
)
def test_a_task_that_cannot_be_is_refused(given, message):
    whole = {"folder": "cifar", "noise": "fixed", **given}
    with pytest.raises(ValidationError, match=message):
        NoisyCifarTask(**whole)


def test_a_validation_set_that_leaves_nothing_to_train_on_is_refused(folder):
    with pytest.raises(InputError, match="valid is 20, but there are 20"):
        source(folder, valid=20)
