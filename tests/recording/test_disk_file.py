"""A full disk below HDF5: one message, nothing left, and a process that ends well."""

from __future__ import annotations

import errno
import subprocess
import sys

import h5py
import numpy as np
import pytest

from cortexwave.errors import DiskFullError, RecordingError, RunError
from cortexwave.recording.disk_file import DiskFile

LIMITED = """
import resource, sys
import numpy as np, xarray as xr
from cortexwave.analysis.wave_file import WaveFileWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
noise = np.random.default_rng(0).random(2**18)
table = xr.Dataset({"speed": ("time", noise, {"units": "mm/s"})},
                   {"time": ("time", np.arange(2.0**18), {"units": "s"})})
try:
    with WaveFileWriter(sys.argv[1], attributes={}) as file:
        for _ in range(3):
            file.append(table)
        file.finish()
except Exception as error:
    print(type(error).__name__, error)
"""


def test_what_is_written_through_it_is_an_hdf5_file(tmp_path):
    values = np.random.default_rng(0).random((300, 40))
    disk = DiskFile(tmp_path / "a.h5")
    with h5py.File(disk, "w") as file:
        file.create_dataset("a", data=values, compression="gzip")
        np.testing.assert_array_equal(file["a"][:], values)
    disk.check()
    disk.close()
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["a"][:], values)


@pytest.mark.parametrize(
    ("number", "due"), [(errno.ENOSPC, DiskFullError), (errno.EIO, RunError)]
)
def test_hdf5_closes_a_file_that_could_not_be_written(
    tmp_path, monkeypatch, number, due
):
    disk = DiskFile(tmp_path / "a.h5")
    file = h5py.File(disk, "w")

    def refused(*_):
        raise OSError(number, "refused")

    monkeypatch.setattr("os.write", refused)
    file["a"] = np.zeros(1000)
    file.close()
    with pytest.raises(due, match=r"a\.h5.*refused"):
        disk.check()
    disk.close()


def test_two_cannot_write_one_file(tmp_path):
    first = DiskFile(tmp_path / "a.h5")
    with pytest.raises(RecordingError, match="another process"):
        DiskFile(tmp_path / "a.h5")
    first.close()


def test_an_analysis_that_meets_a_limit_ends_with_a_message_and_leaves_nothing(
    tmp_path,
):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "w.h5")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "DiskFullError" in done.stdout
    assert not list(tmp_path.iterdir())
