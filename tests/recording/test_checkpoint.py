"""The checkpoint comes back bit for bit, or not at all."""

import os
import resource
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest

from cortexwave.errors import RecordingError
from cortexwave.recording.checkpoint import (
    checkpoint_path,
    load_checkpoint,
    load_state,
    save_checkpoint,
    save_state,
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


# in a process of its own, which would show if HDF5 took it along
FLIP = """
import sys
from pathlib import Path
import numpy as np
from cortexwave.errors import RecordingError
from cortexwave.recording.checkpoint import load_state

path = Path(sys.argv[1])
raw, due = path.read_bytes(), load_state(path)
draw = np.random.default_rng(0)
for place in draw.integers(0, 8 * len(raw), 150):
    spoilt = bytearray(raw)
    spoilt[place // 8] ^= 1 << place % 8
    path.write_bytes(spoilt)
    try:
        arrays, attributes = load_state(path)
    except RecordingError as error:
        assert str(error).startswith(f"{path}: "), error
        print("refused")
        continue
    assert attributes == due[1] and list(arrays) == list(due[0])
    for name, array in arrays.items():
        assert array.dtype == due[0][name].dtype and array.shape == due[0][name].shape
        assert array.tobytes() == due[0][name].tobytes()
    print("the same")
"""


def test_a_file_with_a_wrong_bit_is_refused_or_holds_what_was_saved(tmp_path):
    save_state(tmp_path / "state.h5", ARRAYS, ATTRIBUTES)
    run = subprocess.run(
        [sys.executable, "-c", FLIP, tmp_path / "state.h5"],
        text=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    ends = run.stdout.splitlines()
    # HDF5 leaves room that belongs to nothing
    assert len(ends) == 150 and ends.count("refused") > 30


def test_numbers_that_were_changed_since_are_refused(tmp_path):
    path = tmp_path / "state.h5"
    save_state(path, ARRAYS, ATTRIBUTES)
    with h5py.File(path, "r+") as file:
        file["arrays/0"][0, 0, 0] += 1e-9
    with pytest.raises(
        RecordingError, match=r"state\.h5: damaged \(its content is not"
    ):
        load_state(path)


def test_more_than_ten_arrays_come_back_in_order(tmp_path):
    arrays = {f"weight {k}": np.full(2, k) for k in range(12)}
    save_state(tmp_path / "state.h5", arrays, {})
    assert list(load_state(tmp_path / "state.h5")[0]) == list(arrays)


def linked(file):
    del file["arrays/0"]
    file["arrays/0"] = h5py.ExternalLink("other.h5", "h")


def announced(file):
    del file["arrays/0"]
    file.create_dataset("arrays/0", (2**40,), "f8").attrs["name"] = np.bytes_(b"h")


def no_group(file):
    del file["arrays"]
    file["arrays"] = 1.0


@pytest.mark.parametrize(
    ("spoil", "message"),
    [(linked, "its arrays are links"), (announced, "claims 8796093022208 bytes"),
     (no_group, "damaged")],
)  # fmt: skip
def test_a_crafted_file_is_refused(tmp_path, spoil, message):
    path = tmp_path / "state.h5"
    save_state(path, ARRAYS, ATTRIBUTES)
    with h5py.File(path, "r+") as file:
        spoil(file)
    with pytest.raises(RecordingError, match=message):
        load_state(path)


FILL = """
import sys
from pathlib import Path
import numpy as np
from cortexwave.errors import DiskFullError
from cortexwave.recording.checkpoint import load_state, save_state

path = Path(sys.argv[1]) / "state.h5"
save_state(path, {"h": np.zeros(10)}, {"step": 1})
try:
    save_state(path, {"h": np.zeros(100_000)}, {"step": 2})
except DiskFullError as error:
    print(error)
print(load_state(path)[1], [file.name for file in path.parent.iterdir()])
"""


def assert_that_it_was_full(run, folder):
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        f"{folder / 'state.h5'}: no room on the disk for it",
        "{'step': 1} ['state.h5']",
    ]


def test_on_a_full_disk_the_file_of_before_stays(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", FILL, tmp_path], text=True, capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16)),
        timeout=60,
    )  # fmt: skip
    assert_that_it_was_full(run, tmp_path)


def test_on_a_disk_without_room_the_file_of_before_stays(tmp_path):
    # a disk of 256 KiB that only this process sees, and that ends with it
    mount = f"mount -t tmpfs -o size=256k none '{tmp_path}'"
    private = ["unshare", "--mount", "sh", "-c"]
    tried = shutil.which("unshare") and subprocess.run(
        [*private, mount], capture_output=True, timeout=60
    )
    if not tried or tried.returncode != 0:
        pytest.skip("a disk may be mounted by root alone")
    filled = f'{mount} && exec "$0" -c "$1" "$2"'
    run = subprocess.run(
        [*private, filled, sys.executable, FILL, tmp_path],
        text=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert_that_it_was_full(run, tmp_path)


def test_something_else_is_not_a_checkpoint(tmp_path):
    with h5py.File(checkpoint_path(tmp_path / "a.part"), "w") as file:
        file["arrays/0"] = 1.0
    with pytest.raises(RecordingError, match="not a checkpoint"):
        load_checkpoint(tmp_path / "a.part")
    checkpoint_path(tmp_path / "b.part").write_text("step: 3")
    with pytest.raises(RecordingError, match=r"b\.part\.ckpt: not an HDF5 file"):
        load_checkpoint(tmp_path / "b.part")
