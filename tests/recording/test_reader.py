"""Recordings opened, described and refused; epochs cut where a formula says."""

import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError, RecordingError, SchemaError
from cortexwave.recording.cutting import epochs
from cortexwave.recording.description import describe
from cortexwave.recording.reader import open_recording, read_protocol
from cortexwave.recording.recovery import recover

EVENTS = schema.events_table(
    [
        {"onset": 0.1, "kind": "pulse", "item": "µ", "trial": 0},
        {"onset": 0.2, "kind": "pulse", "trial": 1, "x": 0.4},
        {"onset": 0.2, "kind": "flash", "trial": 0},
    ]
)


def test_recording_comes_back_with_its_events(place, layout, write):
    values = write(place, layout(frames=300, trials=2), events=EVENTS)
    with open_recording(place) as found:
        assert found["h"].dims == ("trial", "time", "y", "x")
        np.testing.assert_array_equal(found["h"].values, values["h"][:, :, 0])
        assert schema.events(found)["kind"].values.tolist() == [
            "pulse", "pulse", "flash",
        ]  # fmt: skip
        assert schema.events(found)["item"].values.tolist() == ["µ", "", ""]
        assert "protocol" not in found


def test_opening_reads_no_frames(place, layout, write):
    write(place, layout(frames=300))
    with open_recording(place) as found:
        assert not found["h"].variable._in_memory
        assert found["h"].isel(time=5).shape == (20, 18)


def test_unfinished_recording_is_cut_at_what_was_promised(place, layout, write):
    values = write(place, layout(frames=600), blocks=2)
    with open_recording(f"{place}.part") as found:
        assert found.attrs["complete"] == 0
        np.testing.assert_array_equal(found["h"].values, values["h"][0, :256, 0])


def test_unfinished_trials_go_from_fields_drive_and_events_alike(place, layout, write):
    drive = xr.Dataset({"values": (("trial", "clock", "patch"), np.ones((4, 7, 2)))})
    events = schema.events_table([{"onset": 0.1, "trial": k} for k in (0, 1, 2, 3)])
    write(place, layout(frames=300, trials=4), blocks=4, drive=drive, events=events)
    with open_recording(f"{place}.part") as found:
        assert found.sizes["trial"] == 2
        assert found["drive_values"].shape == (2, 7, 2)
        assert found["event_trial"].values.tolist() == [0, 1]
    with open_recording(recover(f"{place}.part")) as found:
        assert found.sizes["trial"] == 2
        assert found["event_trial"].values.tolist() == [0, 1]


def test_protocol_comes_back_verbatim(place, layout, write):
    text = "# größe\r\nkind: simulation\n\n" * 5000
    write(place, layout(frames=2), protocol=text)
    assert read_protocol(place) == text


def test_description_is_json_and_counts(place, layout, write):
    attributes = {"title": "T", "backend": "torch", "seed": 3, "versions": '{"a": "1"}'}
    write(place, layout(frames=300), blocks=2, events=EVENTS, attributes=attributes)
    found = json.loads(json.dumps(describe(f"{place}.part")))
    assert found["complete"] is False
    assert (found["n_valid"], found["n_frames"]) == (256, 300)
    assert (found["title"], found["backend"], found["seed"]) == ("T", "torch", 3)
    assert found["fields"]["h"]["units"] == "1"
    assert found["fields"]["h"]["dtype"] == "float32"
    assert found["events"] == {"count": 3, "kinds": {"pulse": 2, "flash": 1}}
    assert found["versions"] == {"a": "1"}
    assert found["sheet"]["shape"] == [20, 18]
    assert found["sheet"]["spacing_mm"] == pytest.approx(0.4)
    assert found["duration_s"] == pytest.approx(0.255)
    assert found["interval_s"] == pytest.approx(1e-3)


def foreign_hdf5(path):
    xr.Dataset({"voltage": ("time", np.zeros(5))}).to_netcdf(path, engine="h5netcdf")


def newer(path):
    with h5py.File(path, "w") as file:
        file["time"] = np.zeros(3)
        file.attrs["schema_version"], file.attrs["n_valid"] = 99, 3


def too_many_promised(path):
    with h5py.File(path, "w") as file:
        file["time"] = np.zeros(3)
        file.attrs["schema_version"], file.attrs["n_valid"] = 1, 10**9


def no_field(path):
    with h5py.File(path, "w") as file:
        file["time"] = np.zeros(3)
        file["time"].make_scale("time")
        file.attrs["schema_version"], file.attrs["n_valid"] = 1, 3


@pytest.mark.parametrize("read", [open_recording, describe, read_protocol])
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "no such file"),
        (lambda p: p.mkdir(), "a folder or device"),
        (lambda p: p.write_bytes(b""), "empty"),
        (lambda p: p.write_text("frame,value\n1,2\n"), "not an HDF5 file"),
        (lambda p: p.write_bytes(os.urandom(5000)), "not an HDF5 file"),
        (lambda p: p.write_bytes(b"\x89HDF\r\n\x1a\n\0\0"), "first 64 bytes"),
        (foreign_hdf5, "not a cortexwave recording"),
        (newer, "recording schema 99"),
        (too_many_promised, "promises 1000000000 of 3 frames"),
    ],
)
def test_what_is_no_recording_is_named(tmp_path, read, make, message):
    path = tmp_path / "that.h5"
    make(path)
    with pytest.raises(RecordingError, match=rf"that\.h5: .*{message}"):
        read(path)


def test_recording_without_fields_is_named(tmp_path):
    no_field(tmp_path / "that.h5")
    with pytest.raises(RecordingError, match=r"that\.h5: .*no variable with a 'time'"):
        open_recording(tmp_path / "that.h5")


@pytest.mark.parametrize("kept", [70, 3000, 30_000])
def test_truncated_recording_says_how_to_recover(place, layout, write, kept):
    write(place, layout(frames=300))
    os.truncate(place, kept)
    with pytest.raises(RecordingError, match=r"cut short; rename it to run\.h5\.part"):
        open_recording(place)


def test_damaged_recording_is_one_clear_error(place, layout, write):
    write(place, layout(frames=300))
    content = bytearray(place.read_bytes())
    for start in range(100, len(content), 40):  # all over, but for the first bytes
        content[start : start + 20] = b"\x5a" * 20
    place.write_bytes(content)
    with pytest.raises(RecordingError, match=r"run\.h5: "):
        open_recording(place)


def test_recording_that_another_process_writes_is_named(place, layout, open_writer):
    with open_writer(place, layout()):
        code = (
            "import sys; from cortexwave.recording.reader import open_recording\n"
            "open_recording(sys.argv[1])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, f"{place}.part"],
            capture_output=True,
            text=True,
        )
    assert "another process has it open" in done.stderr


def test_open_recording_does_not_keep_a_new_run_from_its_name(place, layout, write):
    values = write(place, layout(frames=40))
    with open_recording(place) as old:
        write(place, layout(frames=50), overwrite=True)
        np.testing.assert_array_equal(old["h"].values, values["h"][0, :, 0])


def ramp(trials=None):
    """A recording that holds its own time in ms, plus 1000 per trial."""
    time = np.arange(1000) * 1e-3
    values = 1e3 * time[:, None, None] + np.zeros((1, 2, 3))
    dims = ("time", "y", "x")
    if trials:
        values = values + 1000 * np.arange(trials)[:, None, None, None]
        dims = ("trial", *dims)
    recording = xr.Dataset(
        {"h": (dims, values, {"units": "1"})},
        coords={
            "time": ("time", time, {"units": "s"}),
            "y": ("y", np.arange(2.0), {"units": "mm"}),
            "x": ("x", np.arange(3.0), {"units": "mm"}),
        },
    )
    return recording.assign_coords(trial=np.arange(trials)) if trials else recording


def test_epochs_of_a_ramp_begin_at_onset_plus_window():
    cut = epochs(ramp(), EVENTS, window=(-0.05, 0.1))
    assert cut["h"].dims == ("trial", "time", "y", "x")
    assert cut["time"].values == pytest.approx(np.arange(-50, 101) * 1e-3)
    # a ramp in ms: onset plus time from onset
    expected = 1e3 * (EVENTS["onset"].values[:, None] + cut["time"].values)
    np.testing.assert_allclose(cut["h"].values[:, :, 1, 2], expected, rtol=1e-12)
    assert cut["event_kind"].values.tolist() == ["pulse", "pulse", "flash"]


def test_epochs_of_trials_come_from_the_trial_of_the_event():
    cut = epochs(ramp(trials=2), EVENTS, window=(0.0, 0.01))
    assert cut["h"].values[:, 0, 0, 0] == pytest.approx([100, 1200, 200])


@pytest.mark.parametrize("trial", [-1, 2, 99])
def test_an_event_of_a_trial_that_is_not_there_is_named(trial):
    rows = [{"onset": 0.1, "trial": 1}, {"onset": 0.2, "trial": trial}]
    said = rf"event 1 \(.*onset 0\.2 s\) is of trial {trial}; .*trials 0 to 1"
    with pytest.raises(SchemaError, match=said):
        epochs(ramp(trials=2), schema.events_table(rows), window=(0.0, 0.01))
    # without trials no trial is chosen by it
    cut = epochs(ramp(), schema.events_table(rows), window=(0.0, 0.01))
    assert cut["event_trial"].values.tolist() == [1, trial]


@pytest.mark.parametrize("window", ["-50 ms:250 ms", (0.1,), 0.1, (0, 1, 2), None])
def test_what_is_no_window_is_named(window):
    with pytest.raises(InputError, match=r"window is .*; two numbers of seconds"):
        epochs(ramp(), EVENTS, window=window)


def test_windows_that_leave_the_recording_are_counted_once():
    with pytest.warns(UserWarning, match="1 of 3 events") as warned:
        cut = epochs(ramp(), EVENTS, window=(-0.15, 0.0))
    assert len(warned) == 1
    assert cut.sizes["trial"] == 2
    with pytest.raises(RecordingError, match="none of 3 events"):
        epochs(ramp(), EVENTS, window=(0.0, 5.0))
