"""Recordings written for other tools: NWB that validators pass, .mat, CSV of events."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.signals import as_recording
from cortexwave.recording.export import (
    Session,
    Subject,
    export_events_csv,
    export_nwb,
)
from cortexwave.recording.mat_file import export_matlab
from cortexwave.recording.reader import open_recording, read_protocol
from cortexwave.recording.saving import save_recording

# fields that both validators ask of a lab's file
MONKEY = Subject("monkey N", "Macaca mulatta", "M", "P6Y", "a monkey")
SESSION = Session(
    start=datetime(2020, 3, 1, 12, tzinfo=UTC), experiment="a resting state",
    experimenter=("Doe, Jane",), institution="An institute", keywords=("LFP",),
)  # fmt: skip


def _events() -> xr.Dataset:
    return schema.events_table([
        {"onset": 0.25, "duration": 0.5, "kind": "stimulus", "stimulus": "left",
         "item": "A", "x": 0.4, "y": 1.2, "trial": 0, "outcome": "correct"},
        {"onset": 0.5, "duration": 0.0, "kind": "pulse", "trial": 0},
        {"onset": 0.75, "kind": "stimulus", "stimulus": "right", "trial": 1},
    ])  # fmt: skip


def _electrodes(
    dtype: str = "float32", trials: int = 0, units: str = "uV", frames: int = 300
) -> xr.Dataset:
    """Six electrodes of two arrays at 1 kHz from 2 s, one of them bad, NaN inside."""
    shape = (trials, frames, 6) if trials else (frames, 6)
    values = np.random.default_rng(0).normal(0, 50, shape).astype(dtype)
    values[..., 20:30, 2] = np.nan
    dims = ("trial", "time", "channel") if trials else ("time", "channel")
    x = np.array([0, 0.4, 0.8, 0, 0.4, np.nan])
    coords = {
        "time": ("time", 2.0 + np.arange(frames) / 1000.0, {"units": "s"}),
        "channel": ("channel", np.array([f"e{n}" for n in range(6)], dtype=object)),
        "x": ("channel", x, {"units": "mm"}),
        "y": ("channel", np.array([0, 0, 0, 0.4, 0.4, np.nan]), {"units": "mm"}),
        "good": ("channel", np.array([True] * 5 + [False])),
        "reason": ("channel", np.array([""] * 5 + ["no signal"], dtype=object)),
        "array": ("channel", np.array(["V1"] * 3 + ["V4"] * 3, dtype=object)),
    }
    attrs = {"origin": "model", "title": "seen through electrodes", "seed": 3}
    fields = xr.Dataset({"lfp": (dims, values, {"units": units})}, coords, attrs)
    own = {"contrast": ("event", np.array([0.25, np.nan, 0.5]), {"units": "1"}),
           "cue": ("event", np.array(["tone", "", "light"], dtype=object))}  # fmt: skip
    return schema.with_tables(fields, _events().assign(own), None)


def _sheet(units: str = "1") -> xr.Dataset:
    values = np.random.default_rng(1).normal(size=(20, 4, 6)).astype("float32")
    coords = {"time": ("time", np.arange(20) / 100.0, {"units": "s"}),
              "y": ("y", 0.1 + 0.2 * np.arange(4), {"units": "mm"}),
              "x": ("x", 0.2 * np.arange(6) - 0.5, {"units": "mm"})}  # fmt: skip
    return xr.Dataset({"h": (("time", "y", "x"), values, {"units": units})}, coords,
                      {"origin": "model"})  # fmt: skip


def _back(path: Path) -> list[xr.Dataset]:
    from cortexwave.lab import nwb

    return [as_recording(signal) for signal in nwb.signals(path)]


def _messages(path: Path) -> list[str]:
    inspector = pytest.importorskip("nwbinspector")
    return [f"{each.check_function_name}: {each.message}"
            for each in inspector.inspect_nwbfile(nwbfile_path=path)]  # fmt: skip


def _faults(path: Path) -> list[str]:
    pynwb = pytest.importorskip("pynwb")
    found = pynwb.validate(path=str(path))
    return [str(fault) for fault in found]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The electrodes of a model as NWB, for tests that only look at the file."""
    pytest.importorskip("pynwb")
    path = tmp_path_factory.mktemp("exported") / "a.nwb"
    return export_nwb(_electrodes(), path, protocol="kind: simulation")


def test_electrodes_come_back_from_nwb_as_they_were(exported):
    recording = _electrodes()
    (back,) = _back(exported)
    assert back.lfp.dtype == "float32" and back.lfp.attrs["units"] == "uV"
    np.testing.assert_array_equal(back.lfp.values, recording.lfp.values)
    # the same starting time and rate, so the same sums
    np.testing.assert_array_equal(back.time.values, recording.time.values)
    for name in ("channel", "good", "reason", "array"):
        assert back[name].values.tolist() == recording[name].values.tolist()
    for axis in "xy":  # to um and back: the last digit of a double
        np.testing.assert_allclose(back[axis], recording[axis], rtol=1e-15, atol=0)


def test_events_come_back_from_nwb_with_every_column(exported):
    (back,) = _back(exported)
    got, due = schema.events(back), _events()
    for name in schema.EVENT_COLUMNS:
        if due[name].dtype.kind == "f":
            np.testing.assert_allclose(got[name], due[name], rtol=1e-12)
        else:
            assert got[name].values.tolist() == due[name].values.tolist()
    np.testing.assert_array_equal(got.contrast, [0.25, np.nan, 0.5])
    assert got.cue.values.tolist() == ["tone", "", "light"]


def test_both_validators_pass_a_simulation_without_a_message(exported):
    assert _faults(exported) == []
    assert _messages(exported) == []


@pytest.mark.slow
def test_both_validators_pass_trials_without_a_message(tmp_path):
    pytest.importorskip("pynwb")
    path = export_nwb(_electrodes(trials=3), tmp_path / "a.nwb")
    assert _faults(path) == []
    assert _messages(path) == []


@pytest.mark.slow
def test_both_validators_pass_a_whole_field_without_a_message(tmp_path):
    pytest.importorskip("pynwb")
    path = export_nwb(_sheet(), tmp_path / "a.nwb", full_field=True)
    assert _faults(path) == []
    assert _messages(path) == []


@pytest.mark.slow
def test_both_validators_pass_a_lab_recording_with_its_subject(tmp_path):
    pytest.importorskip("pynwb")
    recording = _electrodes().assign_attrs(origin="lab", title="rest")
    path = export_nwb(recording, tmp_path / "a.nwb", subject=MONKEY, session=SESSION)
    assert _faults(path) == []
    assert _messages(path) == []
    (back,) = _back(path)
    assert back.attrs["subject"] == "monkey N" and back.attrs["origin"] == "lab"


def test_a_simulation_says_so_and_never_comes_back_as_biology(exported):
    pynwb = pytest.importorskip("pynwb")
    with pynwb.NWBHDF5IO(str(exported), "r") as file:
        content = file.read()
        assert "simulated, not biological" in content.session_description
        notes = json.loads(content.notes)
    assert notes["attributes"]["seed"] == 3
    assert notes["protocol"] == "kind: simulation"
    assert {"numpy", "h5py"} <= set(notes["versions"])
    (back,) = _back(exported)
    assert back.attrs["origin"] == "model"


def test_the_seed_and_the_protocol_of_a_recordings_file_are_in_the_notes(tmp_path):
    pynwb = pytest.importorskip("pynwb")
    made = save_recording(_sheet().assign_attrs(seed=7), tmp_path / "run.h5")
    with open_recording(made) as recording:
        path = export_nwb(recording, tmp_path / "a.nwb", full_field=True)
    with pynwb.NWBHDF5IO(str(path), "r") as file:
        notes = json.loads(file.read().notes)
    assert notes["attributes"]["seed"] == 7
    assert notes["protocol"] == read_protocol(made)


def test_the_file_states_volts_and_micrometres(exported):
    with h5py.File(exported) as file:
        data = file["processing/ecephys/LFP/lfp/data"]
        table = file["general/extracellular_ephys/electrodes"]
        assert data.attrs["unit"] == "volts" and data.attrs["conversion"] == 1e-6
        assert data.compression == "gzip" and data.chunks is not None
        assert table["rel_x"][1] == 400.0


def test_trials_stand_apart_in_time_and_come_back_one_by_one(tmp_path):
    pytest.importorskip("pynwb")
    recording = _electrodes(trials=3)
    parts = _back(export_nwb(recording, tmp_path / "a.nwb"))
    assert [part.attrs["segment"] for part in parts] == ["1 of 3", "2 of 3", "3 of 3"]
    for number, part in enumerate(parts):
        (name,) = schema.field_names(part)
        np.testing.assert_array_equal(part[name], recording.lfp.isel(trial=number))
    # time stamps of some seconds hold a step of 1 ms to about 1e-12 of it
    assert np.diff(parts[2].time) == pytest.approx(1e-3, rel=1e-9)


def test_a_whole_field_is_stored_x_before_y_and_comes_back_in_place(tmp_path):
    pytest.importorskip("pynwb")
    sheet = _sheet("uV")
    path = export_nwb(sheet, tmp_path / "a.nwb", full_field=True)
    with h5py.File(path) as file:
        assert file["processing/ophys/h/data"].shape == (20, 6, 4)
    (back,) = _back(path)
    np.testing.assert_array_equal(back.h.values, sheet.h.values)
    np.testing.assert_allclose(back.y, sheet.y, rtol=1e-11)
    np.testing.assert_allclose(back.x, sheet.x, rtol=1e-11, atol=1e-12)


def test_a_recording_that_knows_nothing_of_itself_is_written_and_read(tmp_path):
    pytest.importorskip("pynwb")
    values = np.ones((30, 2), "float32")
    time = ("time", np.arange(30) / 100.0, {"units": "s"})
    bare = xr.Dataset({"v": (("time", "channel"), values, {"units": "uV"})},
                      {"time": time})  # fmt: skip
    (back,) = _back(export_nwb(bare, tmp_path / "a.nwb"))
    np.testing.assert_array_equal(back.v.values, values)
    assert back.channel.values.tolist() == ["0", "1"]
    assert np.isnan(back.x).all() and "event_onset" not in back


def test_a_recording_is_streamed_block_by_block(tmp_path, monkeypatch):
    pytest.importorskip("pynwb")
    from cortexwave.recording import nwb_frames

    monkeypatch.setattr(nwb_frames, "_BUFFER", 4 * 6 * 64)
    monkeypatch.setattr(nwb_frames, "_CHUNK", 4 * 6 * 64)
    asked = []
    whole = nwb_frames.Field.frames
    monkeypatch.setattr(nwb_frames.Field, "frames", lambda field, begin, end: (
        asked.append(end - begin), whole(field, begin, end))[1])  # fmt: skip
    recording = _electrodes()
    (back,) = _back(export_nwb(recording, tmp_path / "a.nwb"))
    assert max(asked) <= 64 and sum(asked) >= 300
    np.testing.assert_array_equal(back.lfp.values, recording.lfp.values)


@pytest.mark.parametrize(("made", "keywords", "names"), [
    (_sheet(), {}, "observe it by electrodes"),
    (_electrodes(units="1"), {}, "microvolts_per_unit"),
    (_electrodes().assign_attrs(origin="lab"), {}, "session=Session"),
    (_electrodes(), {"session": Session(start=datetime(2020, 1, 1))}, "time zone"),
    (_electrodes().isel(time=[0, 1, 5]), {}, "equal steps"),
    (_electrodes(), {"microvolts_per_unit": -1.0}, "> 0 is allowed"),
])  # fmt: skip
def test_what_nwb_cannot_hold_is_refused_by_name(tmp_path, made, keywords, names):
    pytest.importorskip("pynwb")
    with pytest.raises(InputError, match=names):
        export_nwb(made, tmp_path / "a.nwb", **keywords)
    assert list(tmp_path.iterdir()) == []


def test_units_of_a_model_become_volts_by_the_factor_that_is_given(tmp_path):
    pytest.importorskip("pynwb")
    recording = _electrodes("float64", units="1")
    path = export_nwb(recording, tmp_path / "a.nwb", microvolts_per_unit=20.0)
    (back,) = _back(path)
    assert back.lfp.dtype == "float64"
    np.testing.assert_allclose(back.lfp, 20 * recording.lfp, rtol=1e-14)


def test_an_export_replaces_a_file_only_when_asked_and_only_whole(
    tmp_path, monkeypatch
):
    pytest.importorskip("pynwb")
    path = tmp_path / "a.nwb"
    path.write_bytes(b"precious")
    with pytest.raises(RecordingError, match="exists already"):
        export_nwb(_electrodes(), path)
    from cortexwave.recording import nwb_frames

    def fails(*_: object) -> None:
        raise OSError("the recording broke")

    monkeypatch.setattr(nwb_frames.Field, "frames", fails)
    with pytest.raises(RecordingError, match="the recording broke"):
        export_nwb(_electrodes(), path, overwrite=True)
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    pytest.importorskip("pynwb")
    from cortexwave.errors import DiskFullError
    from cortexwave.recording import nwb_frames

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nwb_frames.Field, "frames", full)
    with pytest.raises(DiskFullError, match="no room"):
        export_nwb(_electrodes(), tmp_path / "a.nwb")


# .mat 7.3: the rules of its form, as HDF5 shows them


def _text(file: h5py.File, place: str) -> str:
    return "".join(map(chr, file[place][:, 0]))


def test_a_mat_file_bears_the_header_of_version_7_3(tmp_path):
    path = export_matlab(_electrodes(), tmp_path / "a.mat")
    head = path.read_bytes()[:520]
    assert head.startswith(b"MATLAB 7.3 MAT-file") and head[124:128] == b"\x00\x02IM"
    assert head[512:].startswith(b"\x89HDF")
    # SciPy reads the version from the same bytes
    assert scipy.io.matlab.matfile_version(str(path)) == (2, 0)


def test_a_mat_file_holds_channel_by_time_by_trial_in_matlabs_order(tmp_path):
    recording = _electrodes(trials=2)
    with h5py.File(export_matlab(recording, tmp_path / "a.mat")) as file:
        matlab = file["lfp"][()].transpose()  # what MATLAB shows
        assert file["lfp"].attrs["MATLAB_class"] == b"single"
        assert _text(file, "axes/lfp") == "channel x time x trial"
        assert _text(file, "units/lfp") == "uV"
        assert file["rate"][0, 0] == 1000.0
        np.testing.assert_array_equal(file["time"][:, 0], recording.time)
    assert matlab.shape == (6, 300, 2)
    due = recording.lfp.transpose("channel", "time", "trial")
    np.testing.assert_array_equal(matlab, due)


def test_a_mat_file_comes_back_through_the_reader_of_mat_files(tmp_path):
    from cortexwave.lab import matlab

    recording = _electrodes()
    path = export_matlab(recording, tmp_path / "a.mat")
    (tmp_path / "a.yaml").write_text(
        "variable: lfp\naxes: [channel, time]\nrate: 1000 Hz\nunits: uV\n"
    )
    (signal,) = matlab.signals(path)
    np.testing.assert_array_equal(signal.read(0, 300), recording.lfp)


def test_a_sheet_is_y_by_x_by_time_in_matlab(tmp_path):
    sheet = _sheet()
    with h5py.File(export_matlab(sheet, tmp_path / "a.mat")) as file:
        np.testing.assert_array_equal(
            file["h"][()].transpose(), sheet.h.transpose("y", "x", "time")
        )
        np.testing.assert_array_equal(file["x"][0], sheet.x)


def test_labels_truths_and_events_have_matlabs_classes(tmp_path):
    with h5py.File(export_matlab(_electrodes(), tmp_path / "a.mat")) as file:
        assert file["channel"].attrs["MATLAB_class"] == b"cell"
        labels = [_text(file, ref) for ref in file["channel"][0]]
        assert labels == ["e0", "e1", "e2", "e3", "e4", "e5"]
        assert file["good"].attrs["MATLAB_class"] == b"logical"
        assert file["good"].attrs["MATLAB_int_decode"] == 1
        assert file["good"].dtype == np.uint8
        assert file["events"].attrs["MATLAB_class"] == b"struct"
        assert file["events/onset"][0].tolist() == [0.25, 0.5, 0.75]
        empty = file[file["reason"][0, 0]]
        assert empty.attrs["MATLAB_empty"] == 1 and empty[()].tolist() == [0, 0]
        fixed = h5py.h5a.open(file["lfp"].id, b"MATLAB_class").get_type()
        assert not fixed.is_variable_str()


def test_names_that_matlab_does_not_allow_are_changed(tmp_path):
    recording = _electrodes().rename({"lfp": "2.lfp raw"})
    with h5py.File(export_matlab(recording, tmp_path / "a.mat")) as file:
        assert "field_2_lfp_raw" in file


def test_a_mat_file_is_written_in_blocks(tmp_path, monkeypatch):
    from cortexwave.recording import mat_file

    monkeypatch.setattr(mat_file, "_BLOCK", 4 * 6 * 50)
    monkeypatch.setattr(mat_file, "_CHUNK", 6 * 50)
    recording = _electrodes()
    with h5py.File(export_matlab(recording, tmp_path / "a.mat")) as file:
        np.testing.assert_array_equal(file["lfp"][()], recording.lfp)


def test_events_are_written_with_their_units_and_nothing_for_the_unknown(tmp_path):
    path = export_events_csv(_electrodes(), tmp_path / "events.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[:4] == ["onset_s", "duration_s", "kind", "stimulus"]
    assert [float(row["onset_s"]) for row in rows] == [0.25, 0.5, 0.75]
    assert rows[2]["duration_s"] == "" and rows[0]["x_mm"] == "0.4"
    with pytest.raises(InputError, match="must end in"):
        export_events_csv(_electrodes(), tmp_path / "events.txt")
