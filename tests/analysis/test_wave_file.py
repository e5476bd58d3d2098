"""The file of an analysis: what it may replace, and a disk without room for it."""

from __future__ import annotations

import errno
import os
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from cortexwave.analysis.analyses import write_csv
from cortexwave.analysis.analysing import analyse
from cortexwave.analysis.wave_file import WaveFileWriter, is_wave_file, read_group
from cortexwave.errors import DiskFullError, InputError, RecordingError
from cortexwave.recording.reader import open_recording
from cortexwave.view import save_figure
from cortexwave.wave_report import write_wave_page

Usage = namedtuple("Usage", "total used free")


def _table(frames: int = 10) -> xr.Dataset:
    return xr.Dataset(
        {"speed": ("time", np.ones(frames), {"units": "mm/s"})},
        {"time": ("time", np.arange(frames) / 100, {"units": "s"})},
    )


def _written(path, **options):
    with WaveFileWriter(path, attributes={}, **options) as file:
        file.append(_table())
        return file.finish()


def test_frames_that_the_disk_has_no_room_for_are_refused_before_they_are_written(
    tmp_path, monkeypatch
):
    """2**20 frames of two columns are 16 MiB; twice that and 4 MiB are due."""
    free = 30 * 2**20
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**40, 2**40, free))
    with (
        pytest.raises(DiskFullError, match=r"w\.h5: 30\.0 MiB are free.*36\.0 MiB"),
        WaveFileWriter(tmp_path / "w.h5", attributes={}) as file,
    ):
        file.append(_table(2**20))
    assert not list(tmp_path.iterdir())


def test_a_close_that_fails_does_not_hide_what_failed_first(tmp_path, monkeypatch):
    def refused(_self):
        raise OSError("the close")

    with (
        pytest.raises(ValueError, match="the first"),
        WaveFileWriter(tmp_path / "w.h5", attributes={}),
    ):
        monkeypatch.setattr("cortexwave.recording.disk_file.DiskFile.close", refused)
        raise ValueError("the first")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["w.png", "w.csv", "run.v2", "w"])
def test_an_output_that_is_no_hdf5_by_its_name_is_refused(tmp_path, name):
    with pytest.raises(RecordingError, match=r"name it (w|run)\.h5"):
        _written(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("end", [".csv", ".png"])
def test_what_stands_where_the_table_or_page_will_is_kept(tmp_path, end):
    (tmp_path / f"mine{end}").write_text("of another origin")
    with pytest.raises(RecordingError, match=rf"mine\{end}: would be replaced"):
        _written(tmp_path / "mine.h5")
    assert (tmp_path / f"mine{end}").read_text() == "of another origin"
    assert is_wave_file(_written(tmp_path / "mine.h5", overwrite=True))


def test_a_folder_is_no_output(tmp_path):
    (tmp_path / "w.h5").mkdir()
    with pytest.raises(RecordingError, match="is a folder"):
        _written(tmp_path / "w.h5", overwrite=True)


def test_labels_of_trials_come_back(tmp_path):
    trials = xr.concat([_table(), _table()], "trial").assign_coords(trial=[10, 20])
    with WaveFileWriter(tmp_path / "w.h5", attributes={}) as file:
        file.append(trials)
        file.append(trials.assign_coords(time=trials["time"] + 0.1))
        file.finish()
    measures = read_group(tmp_path / "w.h5")
    assert measures is not None
    np.testing.assert_array_equal(measures["trial"], [10, 20])
    assert measures["speed"].dims == ("trial", "time")
    assert measures.sizes["time"] == 20


def test_places_of_electrodes_come_back_as_coordinates(tmp_path):
    at = {"units": "mm"}
    table = xr.Dataset(
        {"amplitude": ("channel", [1.0, 2.0], {"units": "uV"})},
        {"channel": ["a", "b"], "x": ("channel", [0.0, 1.0], at),
         "y": ("channel", [2.0, 3.0], at)},
    )  # fmt: skip
    with WaveFileWriter(tmp_path / "w.h5", attributes={}) as file:
        file.append(_table())
        file.write("sites", table)
        file.finish()
    xr.testing.assert_identical(read_group(tmp_path / "w.h5", "sites"), table)


def test_scattered_electrodes_are_analysed_and_have_a_page(tmp_path):
    rng = np.random.default_rng(0)
    time = np.arange(375) / 125
    x, y = 4 * rng.random((2, 20))
    wave = np.cos(2 * np.pi * (12 * time[:, None] - x / 6))
    values = 3 * wave + rng.standard_normal(wave.shape)
    mm = {"units": "mm"}
    scattered = xr.Dataset(
        {"lfp": (("time", "channel"), values, {"units": "uV"})},
        {"time": ("time", time, {"units": "s"}), "x": ("channel", x, mm),
         "y": ("channel", y, mm)},
    )  # fmt: skip
    found = analyse(scattered, tmp_path / "w.h5", band=(5.0, 40.0), count=19,
                    measures=["speed", "synchrony"])  # fmt: skip
    for table in (found.maps, found.sites):
        for name, at in (("x", x), ("y", y)):
            assert table.coords[name].dims == ("channel",)
            assert table[name].attrs["units"] == "mm"
            np.testing.assert_array_equal(table[name], at)
    assert write_wave_page(found, tmp_path / "w.png").stat().st_size > 0


EVENTS = xr.Dataset({"start": ("event", [1.0], {"units": "s"}),
                     "kind": ("event", ["plane"])})  # fmt: skip


def test_a_table_for_which_the_disk_has_no_room_is_one_message(tmp_path, monkeypatch):
    (tmp_path / "w.csv").write_text("of before")

    def full(_self, *_given, **_named):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(DiskFullError, match=r"w\.csv: no room on the disk"):
        write_csv(EVENTS, tmp_path / "w.csv")
    monkeypatch.undo()
    assert [each.name for each in tmp_path.iterdir()] == ["w.csv"]
    assert (tmp_path / "w.csv").read_text() == "of before"


def test_a_table_in_no_folder_is_one_message(tmp_path):
    with pytest.raises(RecordingError, match=r"w\.csv: cannot be written"):
        write_csv(EVENTS, tmp_path / "none" / "w.csv")


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [(errno.ENOSPC, DiskFullError, "no room on the disk"),
     (errno.EROFS, InputError, "cannot be written: Read-only file system")],
)  # fmt: skip
def test_a_page_that_cannot_be_written_is_one_message(tmp_path, number, kind, said):
    figure = Figure()

    def refused(*_given, **_named):
        raise OSError(number, os.strerror(number))

    figure.savefig = refused  # type: ignore[method-assign]
    with pytest.raises(kind, match=rf"w\.png: {said}"):
        save_figure(figure, tmp_path / "w.png")
    assert not list(tmp_path.iterdir())


def test_an_analysis_opened_as_a_recording_names_what_opens_it(tmp_path):
    path = _written(tmp_path / "w.h5")
    with pytest.raises(RecordingError, match=r"a wave analysis.*open_waves"):
        open_recording(path)
