"""Files of the writer as h5py, xarray's engines and h5dump see them; bad places."""

import os
import shutil
import subprocess
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import xarray as xr

from cortexwave.errors import DiskFullError, RecordingError, RunError
from cortexwave.recording.checkpoint import checkpoint_path, save_checkpoint
from cortexwave.recording.writer import FieldLayout, RecordingWriter
from cortexwave.schema import events_table

TWO = {"rate_e": FieldLayout("Hz", "excitatory rate"), "lfp": FieldLayout("uV")}
LAYOUTS = {
    "odd": dict(shape=(48, 40), fields=TWO),
    "one frame": dict(shape=(5, 3), frames=1),
    "ring, trials": dict(shape=(1, 37), frames=200, trials=3, dtype="float64"),
    "all axes": dict(shape=(20, 33), frames=130, trials=2, features=3, fields=TWO),
    "plain ring": dict(
        shape=(1, 300), frames=257, trials=1, features=2, compression="none"
    ),
    "plain": dict(shape=(17, 16), frames=128, compression="none", dtype="float64"),
}


def as_stored(made, values):
    """Values (trial, frame, feature, y, x) without the axes that the file drops."""
    drop = [axis for axis, gone in ((0, made.trials is None), (2, made.features == 1))
            if gone]  # fmt: skip
    return {name: np.squeeze(value, tuple(drop)) for name, value in values.items()}


@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize("engine", [None, "h5netcdf", "netcdf4"])
def test_every_engine_of_xarray_reads_back_every_bit(
    place, kind, engine, layout, write
):
    if engine == "netcdf4":
        pytest.importorskip("netCDF4")
    made = layout(**LAYOUTS[kind])
    expected = as_stored(made, write(place, made))
    with xr.open_dataset(place, engine=engine) as found:
        assert found.attrs["complete"] == 1
        assert found["time"].values == pytest.approx(np.arange(made.frames) * 1e-3)
        assert {n: found[n].attrs["units"] for n in ("time", "y", "x")} == {
            "time": "s", "y": "mm", "x": "mm",
        }  # fmt: skip
        for name, values in expected.items():
            assert found[name].dims == made.dims
            assert found[name].dtype == made.dtype
            assert found[name].attrs["units"] == made.fields[name].units
            np.testing.assert_array_equal(found[name].values, values)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_h5py_and_h5dump_read_the_file(place, kind, layout, write):
    made = layout(**LAYOUTS[kind])
    expected = as_stored(made, write(place, made))
    with h5py.File(place) as file:
        for name, values in expected.items():
            np.testing.assert_array_equal(file[name][:], values)
            assert file[name].chunks == made.chunk
            assert np.isnan(file[name].fillvalue)
    if shutil.which("h5dump") is None:
        pytest.skip("no h5dump on this machine")
    done = subprocess.run(["h5dump", str(place)], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_tables_and_long_texts_come_back(place, layout, write):
    events = events_table(
        [{"onset": 0.25, "kind": "pulse", "item": "µ ü 波", "x": 1.5}]
    )
    drawn = np.random.default_rng(3).standard_normal((1, 7, 2))
    drive = xr.Dataset(
        {
            "values": (("trial", "clock", "patch"), drawn, {"units": "1"}),
            "patch": (("y", "x"), np.arange(20 * 18).reshape(20, 18) % 2),
        },
        coords={"clock": ("clock", np.arange(7) * 0.01, {"units": "s"})},
    )
    text = "title: größer\n" * 10_000  # more than the 64 KiB of an attribute
    write(place, layout(frames=5), events=events, drive=drive, protocol=text)
    with xr.open_dataset(place, group="events") as found:
        assert found["item"].values.tolist() == ["µ ü 波"]
        assert found["onset"].values.tolist() == [0.25]
        assert np.isnan(found["y"].values).all()
    for engine in ("h5netcdf", None):
        with xr.open_dataset(place, group="drive", engine=engine) as found:
            np.testing.assert_array_equal(found["values"].values, drawn)
            assert found["patch"].dims == ("y", "x")
            assert found["patch"].values.sum() == 180  # every second of 360 sites
            assert found["clock"].attrs["units"] == "s"
    with h5py.File(place) as file:
        assert file["protocol"].asstr()[()] == text


def test_events_without_rows_are_an_empty_table(place, layout, write):
    write(place, layout(frames=5))
    with xr.open_dataset(place, group="events") as found:
        assert found.sizes["event"] == 0
        assert {"onset", "kind", "outcome"} <= set(found.variables)


def test_frames_that_were_not_written_are_nan(place, layout, write):
    made = layout(frames=300, trials=2)
    values = write(place, made, blocks=2)
    with h5py.File(f"{place}.part") as file:
        assert file.attrs["n_valid"] == 256
        assert file.attrs["complete"] == 0
        np.testing.assert_array_equal(file["h"][0, :256], values["h"][0, :256, 0])
        assert np.isnan(file["h"][0, 256:]).all()
        assert np.isnan(file["h"][1]).all()


def test_finish_gives_the_name_and_removes_part_and_checkpoint(
    place, layout, open_writer
):
    made = layout(frames=2)
    with open_writer(place, made) as writer:
        writer.append(0, 0, {"h": np.zeros((2, 1, 20, 18))})
        save_checkpoint(writer.part, {"h": np.zeros(3)}, {})
        assert not place.exists()
        assert writer.finish() == place
    assert os.listdir(place.parent) == ["run.h5"]


def test_resumed_file_equals_the_uninterrupted_one(place, layout, blocks_of, write):
    made = layout((20, 33), 300, trials=2, fields=TWO)
    values = write(place, made, blocks=4)  # one block into the second trial
    blocks = list(blocks_of(made, values))
    with RecordingWriter.resume(f"{place}.part", n_valid=256) as writer:
        assert writer.n_valid == 256
        assert writer.layout.fields == made.fields
        assert (writer.layout.shape, writer.layout.chunk) == (made.shape, made.chunk)
        with h5py.File(place.with_name("copy"), "w"):
            pass  # another file may be open meanwhile
        for block in blocks[2:]:
            writer.append(*block)
        writer.finish()
    with h5py.File(place) as file:
        for name, whole in values.items():
            np.testing.assert_array_equal(file[name][:], whole[:, :, 0])


def test_resume_forgets_the_frames_after_the_given_one(place, layout, write):
    made = layout(frames=600)
    values = write(place, made, blocks=4)
    RecordingWriter.resume(f"{place}.part", n_valid=128).close()
    with h5py.File(f"{place}.part") as file:
        assert file.attrs["n_valid"] == 128
        np.testing.assert_array_equal(file["h"][:128], values["h"][0, :128, 0])
        assert np.isnan(file["h"][128:]).all()


@pytest.mark.parametrize(
    ("n_valid", "message"),
    [(600, "holds 256 frames"), (-1, "after -1"), (100, "not at the end of a block")],
)
def test_resume_refuses_a_frame_that_is_not_there(
    place, n_valid, message, layout, write
):
    write(place, layout(frames=600), blocks=2)
    with pytest.raises(RecordingError, match=message):
        RecordingWriter.resume(f"{place}.part", n_valid=n_valid)
    with h5py.File(f"{place}.part") as file:
        assert file.attrs["n_valid"] == 256


def test_existing_recording_is_kept_unless_overwriting_and_until_the_end(
    place, layout, open_writer, write
):
    write(place, layout(frames=3))
    before = place.read_bytes()
    with pytest.raises(RecordingError, match=r"run\.h5: exists already"):
        open_writer(place, layout(frames=4))
    with open_writer(place, layout(frames=4), overwrite=True) as writer:
        assert place.read_bytes() == before
        writer.append(0, 0, {"h": np.ones((4, 1, 20, 18))})
        writer.finish()
    with h5py.File(place) as file:
        assert file["h"].shape == (4, 20, 18)


def test_part_of_another_run_is_kept_unless_overwriting(
    place, layout, open_writer, write
):
    write(place, layout(frames=300), blocks=1)
    with pytest.raises(RecordingError, match="resume or recover"):
        open_writer(place, layout(frames=3))
    open_writer(place, layout(frames=3), overwrite=True).close()


def test_part_that_is_being_written_is_never_overwritten(place, layout, open_writer):
    with (
        open_writer(place, layout(frames=3)),
        pytest.raises(RecordingError, match="another process has it open"),
    ):
        open_writer(place, layout(frames=3), overwrite=True)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("", "is a folder"),
        ("absent/run.h5", "there is no folder .*absent"),
        ("file.txt/run.h5", "there is no folder .*file.txt"),
    ],
)
def test_place_where_nothing_can_be_written_is_named(
    tmp_path, where, message, layout, open_writer
):
    (tmp_path / "file.txt").write_text("x")
    with pytest.raises(RecordingError, match=message):
        open_writer(tmp_path / where, layout())
    assert os.listdir(tmp_path) == ["file.txt"]


def test_folder_without_permission_is_named_and_nothing_is_left(
    tmp_path, monkeypatch, layout, open_writer
):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")  # root may write anywhere

    monkeypatch.setattr("cortexwave.recording.writer.h5py.File", refuse)
    with pytest.raises(
        RecordingError, match=r"run\.h5: cannot be written \(Permission"
    ):
        open_writer(tmp_path / "run.h5", layout())
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attributes": {"note": "x" * 70_000}}, "'note' has 70000 bytes"),
        ({"attributes": {"a": [1, 2]}}, "'a' is a list"),
        ({"attributes": {"n_valid": 7}}, "'n_valid' is set by the writer"),
        ({"protocol": "a\x00b"}, "/protocol cannot be stored"),
    ],
)
def test_attribute_or_text_that_hdf5_cannot_hold_leaves_nothing(
    place, changes, message, layout, open_writer
):
    with pytest.raises(RecordingError, match=message):
        open_writer(place, layout(), **changes)
    assert os.listdir(place.parent) == []


@pytest.mark.parametrize(
    ("trial", "first", "frames", "message"),
    [
        (0, 128, {"h": np.zeros((128, 1, 20, 18))}, "due is trial 0, frame 0"),
        (1, 0, {"h": np.zeros((128, 1, 20, 18))}, "due is trial 0, frame 0"),
        (0, 0, {"g": np.zeros((128, 1, 20, 18))}, r"\['g'\] were given, not \['h'\]"),
        (0, 0, {"h": np.zeros((128, 20, 18))}, r"shape \(128, 20, 18\)"),
        (0, 0, {"h": np.zeros((129, 1, 20, 18))}, r"not \(128, 1, 20, 18\)"),
        (0, 0, {"h": np.zeros((0, 1, 20, 18))}, r"shape \(0, 1, 20, 18\)"),
        (0, 0, {"h": np.zeros((128, 1, 20, 18), complex)}, "'h' is complex128"),
    ],
)
def test_block_that_does_not_fit_is_refused(
    place, trial, first, frames, message, layout, open_writer
):
    with (
        open_writer(place, layout()) as writer,
        pytest.raises(RecordingError, match=message),
    ):
        writer.append(trial, first, frames)


def test_short_block_ends_the_recording(place, layout, open_writer):
    with open_writer(place, layout()) as writer:
        writer.append(0, 0, {"h": np.ones((10, 1, 20, 18))})
        assert writer.n_valid == 10
        with pytest.raises(RecordingError, match="multiples of 128"):
            writer.append(0, 10, {"h": np.ones((10, 1, 20, 18))})
        with pytest.raises(RecordingError, match="10 of 300 frames"):
            writer.finish()


def test_value_beyond_float32_names_the_field(place, layout, open_writer):
    with (
        open_writer(place, layout()) as writer,
        pytest.raises(RunError, match=r"'h' holds 1e\+200, too large for float32"),
    ):
        writer.append(0, 0, {"h": np.full((128, 1, 20, 18), 1e200)})


def test_writer_stops_before_the_block_while_two_blocks_are_free(
    place, monkeypatch, layout, open_writer, values_of, blocks_of
):
    made = layout(frames=600)
    blocks = list(blocks_of(made, values_of(made)))
    with open_writer(place, made) as writer:
        writer.append(*blocks[0])
        nearly = SimpleNamespace(free=2 * made.block_bytes - 1)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: nearly)
        with pytest.raises(DiskFullError, match="128 frames are safe"):
            writer.append(*blocks[1])
    with h5py.File(f"{place}.part") as file:
        assert file.attrs["n_valid"] == 128
        assert np.isnan(file["h"][128:]).all()


def test_new_run_forgets_the_checkpoint_of_the_old_one(
    place, layout, open_writer, write
):
    write(place, layout(frames=300), blocks=1)
    save_checkpoint(f"{place}.part", {"h": np.zeros(3)}, {})
    open_writer(place, layout(frames=3), overwrite=True).close()
    assert not checkpoint_path(f"{place}.part").exists()
