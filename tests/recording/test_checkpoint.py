"""The checkpoint comes back bit for bit, or not at all."""

import os

import h5py
import numpy as np
import pytest

from cortexwave.errors import RecordingError
from cortexwave.recording.checkpoint import (
    checkpoint_path,
    load_checkpoint,
    save_checkpoint,
)

ARRAYS = {
    "state/h": np.random.default_rng(0).standard_normal((3, 5, 7)),
    "state": np.array([np.nan, -0.0, np.inf]),
    "ring": np.arange(6, dtype=np.int32).reshape(2, 3),
    "mask": np.array([True, False]),
    "spectrum": np.array([1 + 2j], np.complex64),
    "empty": np.zeros((0, 4), np.float32),
    "scalar": np.array(3.5),
}
ATTRIBUTES = {"step": np.int64(2**53 + 1), "time": 0.1, "model": "größe", "big": 2**80}


def test_arrays_and_attributes_come_back_exactly(tmp_path):
    part = tmp_path / "run.h5.part"
    save_checkpoint(part, ARRAYS, ATTRIBUTES)
    arrays, attributes = load_checkpoint(part)
    assert list(arrays) == list(ARRAYS)
    for name, expected in ARRAYS.items():
        assert arrays[name].dtype == expected.dtype
        assert arrays[name].shape == expected.shape
        assert arrays[name].tobytes() == expected.tobytes()
    assert attributes == ATTRIBUTES
    assert os.listdir(tmp_path) == ["run.h5.part.ckpt"]


def test_second_checkpoint_replaces_the_first(tmp_path):
    save_checkpoint(tmp_path / "a.part", {"h": np.zeros(2), "old": np.ones(1)}, {})
    save_checkpoint(tmp_path / "a.part", {"h": np.ones(2)}, {"step": 4})
    arrays, attributes = load_checkpoint(tmp_path / "a.part")
    assert set(arrays) == {"h"}
    assert attributes == {"step": 4}


def test_failed_save_keeps_the_checkpoint_of_before(tmp_path, monkeypatch):
    part = tmp_path / "a.part"
    save_checkpoint(part, {"h": np.zeros(2)}, {"step": 1})

    def refuse(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(RecordingError, match=r"a\.part\.ckpt: cannot be written"):
        save_checkpoint(part, {"h": np.ones(2)}, {"step": 2})
    assert load_checkpoint(part)[1] == {"step": 1}
    assert os.listdir(tmp_path) == ["a.part.ckpt"]


def test_state_that_is_not_numbers_is_refused(tmp_path):
    with pytest.raises(RecordingError, match="'names' is object; a state is numbers"):
        save_checkpoint(tmp_path / "a.part", {"names": np.array([None])}, {})


def test_absent_checkpoint_is_named(tmp_path):
    with pytest.raises(RecordingError, match=r"a\.part\.ckpt: no such file"):
        load_checkpoint(tmp_path / "a.part")


@pytest.mark.parametrize("kept", [0, 30, 600, 3000])
def test_checkpoint_cut_short_is_named(tmp_path, kept):
    part = tmp_path / "a.part"
    save_checkpoint(part, ARRAYS, ATTRIBUTES)
    os.truncate(checkpoint_path(part), kept)
    with pytest.raises(RecordingError, match=r"a\.part\.ckpt: "):
        load_checkpoint(part)


def test_something_else_is_not_a_checkpoint(tmp_path):
    with h5py.File(checkpoint_path(tmp_path / "a.part"), "w") as file:
        file["arrays/0"] = 1.0
    with pytest.raises(RecordingError, match="not a checkpoint"):
        load_checkpoint(tmp_path / "a.part")
    checkpoint_path(tmp_path / "b.part").write_text("step: 3")
    with pytest.raises(RecordingError, match=r"b\.part\.ckpt: not an HDF5 file"):
        load_checkpoint(tmp_path / "b.part")
