"""A recording that left as .mat comes back without a sidecar, as it was."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

import cortexwave as cw
from cortexwave import schema
from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.doubts import doubts_of
from cortexwave.lab.importing import import_recording
from cortexwave.lab.reading import lab_signal, read_lab
from cortexwave.recording.mat_file import export_matlab

ROWS = [
    {"onset": 2.05, "duration": 0.01, "kind": "stimulus", "stimulus": "left",
     "item": "\U0001d538", "x": 0.4, "y": 1.2, "trial": 0, "outcome": "correct"},
    {"onset": 2.1, "kind": "pulse", "trial": 1},
]  # fmt: skip


def _electrodes(*, trials: int = 0, y: float = 0.4) -> xr.Dataset:
    """Four contacts of two arrays at 1017 Hz from 2 s on, one bad, one placeless."""
    shape = (trials, 200, 4) if trials else (200, 4)
    values = np.random.default_rng(0).normal(0, 50, shape).astype("float32")
    values[..., 20:30, 2] = np.nan
    dims = ("trial", "time", "channel") if trials else ("time", "channel")
    coords = {
        "time": ("time", 2.0 + np.arange(200) / 1017.0, {"units": "s"}),
        "channel": ("channel", np.array(["e1", "µ2", "e 3", "e4"], dtype=object)),
        "x": ("channel", np.array([0, 0.4, 0, np.nan]), {"units": "mm"}),
        "y": ("channel", np.array([0, 0, y, np.nan]), {"units": "mm"}),
        "z": ("channel", np.array([0, 0.1, 0.2, np.nan]), {"units": "mm"}),
        "good": ("channel", np.array([True, True, True, False])),
        "reason": ("channel", np.array(["", "", "", "no signal"], dtype=object)),
        "array": ("channel", np.array(["V1", "V1", "V4", "V4"], dtype=object)),
    }
    attrs = {"origin": "model", "title": "seen", "seed": 3, "subject": "",
             "session_start_time": "2020-03-01T12:00:00+01:00"}  # fmt: skip
    fields = xr.Dataset({"lfp": (dims, values, {"units": "uV"})}, coords, attrs)
    own = {"contrast": ("event", np.array([0.25, np.nan]), {"units": "deg"}),
           "seen": ("event", np.array([True, False]), {"units": "1"})}  # fmt: skip
    table = schema.events_table(ROWS).assign(own)
    return schema.with_tables(fields, table, None)


def _sheet(**sizes: int) -> xr.Dataset:
    dims = (*sizes, "y", "x") if "time" in sizes else (*sizes, "time", "y", "x")
    lengths = {"time": 20, "y": 3, "x": 4} | sizes
    values = np.random.default_rng(1).normal(size=[lengths[dim] for dim in dims])
    coords = {"time": ("time", np.arange(lengths["time"]) / 100.0, {"units": "s"}),
              "y": ("y", 0.1 + 0.2 * np.arange(3), {"units": "mm"}),
              "x": ("x", 0.2 * np.arange(4) - 0.5, {"units": "mm"})}  # fmt: skip
    return xr.Dataset({"h": (dims, values, {"units": "1"})}, coords,
                      {"origin": "model"})  # fmt: skip


def _same_time(back: xr.Dataset, due: xr.Dataset) -> None:
    # the rate is kept to twelve digits
    np.testing.assert_allclose(back.time, due.time, rtol=1e-11)


def test_electrodes_come_back_with_their_contacts_units_and_attributes(tmp_path):
    recording = _electrodes()
    back = read_lab(export_matlab(recording, tmp_path / "a.mat"))
    np.testing.assert_array_equal(back.lfp.values, recording.lfp.values)
    _same_time(back, recording)
    for name in ("channel", "x", "y", "z", "good", "reason", "array"):
        np.testing.assert_array_equal(back[name].values, recording[name].values)
    assert back.lfp.dtype == np.float32 and back.lfp.attrs["units"] == "uV"
    kept = {name: back.attrs[name] for name in ("origin", "title", "seed")}
    assert kept == {"origin": "model", "title": "seen", "seed": 3}
    assert back.attrs["session_start_time"] == "2020-03-01T12:00:00+01:00"


def test_events_come_back_with_every_column_and_unit(tmp_path):
    recording = _electrodes()
    back = schema.events(read_lab(export_matlab(recording, tmp_path / "a.mat")))
    due = schema.events(recording)
    assert set(back.data_vars) == set(due.data_vars)
    xr.testing.assert_identical(back[list(due.data_vars)], due)


def test_a_table_without_events_and_no_table_stay_apart(tmp_path):
    bare = _sheet()
    none = schema.with_tables(bare, schema.events_table([]), None)
    back = read_lab(export_matlab(none, tmp_path / "none.mat"))
    assert schema.events(back).sizes["event"] == 0
    assert "event_onset" not in read_lab(export_matlab(bare, tmp_path / "bare.mat"))


def test_each_trial_comes_back_with_its_own_events(tmp_path):
    recording = _electrodes(trials=2)
    path = export_matlab(recording, tmp_path / "a.mat")
    second = read_lab(path, signal="lfp_2")
    np.testing.assert_array_equal(second.lfp_2.values, recording.lfp.values[1])
    assert second.attrs["segment"] == "2 of 2"
    assert schema.events(second)["onset"].values.tolist() == [2.1]
    with pytest.raises(InputError, match=r"2 signals(.|\n)*lfp_1"):
        read_lab(path)


@pytest.mark.parametrize("sizes", [{}, {"feature": 1}])
def test_a_sheet_comes_back_in_place(tmp_path, sizes):
    sheet = _sheet(time=20, **sizes)
    back = read_lab(export_matlab(sheet, tmp_path / "a.mat"))
    np.testing.assert_array_equal(back.h.values, sheet.h.values.reshape(20, 3, 4))
    np.testing.assert_array_equal(back.y, sheet.y)
    np.testing.assert_array_equal(back.x, sheet.x)


def test_features_are_signals_of_their_own(tmp_path):
    sheet = _sheet(time=20, feature=2)
    back = read_lab(export_matlab(sheet, tmp_path / "a.mat"), signal="h_2")
    np.testing.assert_array_equal(back.h_2.values, sheet.h.values[:, 1])


def test_an_import_needs_no_sidecar_and_keeps_the_clock(tmp_path):
    recording = _electrodes().assign_attrs(time_origin=10.0)
    path = export_matlab(recording, tmp_path / "a.mat")
    made = import_recording(path, tmp_path / "a.h5")
    with cw.open_recording(made) as back:
        np.testing.assert_array_equal(back.lfp.values, recording.lfp.values)
        # 2 s on a clock that itself began at 10 s
        assert back.attrs["time_origin"] == 12.0
        assert back.attrs["origin"] == "model"
        np.testing.assert_allclose(
            schema.events(back)["onset"], [0.05, 0.1], rtol=1e-12
        )


def test_its_axes_are_known_and_not_doubted(tmp_path):
    short = _electrodes().isel(time=slice(3))  # fewer frames than channels
    signal = lab_signal(export_matlab(short, tmp_path / "a.mat"))
    assert doubts_of(signal) == ()


def test_a_sidecar_still_rules(tmp_path):
    path = export_matlab(_electrodes(), tmp_path / "a.mat")
    path.with_suffix(".yaml").write_text(
        "variable: lfp\naxes: [channel, time]\nrate: 500 Hz\nunits: uV\n"
    )
    step = np.diff(read_lab(path).time)
    np.testing.assert_allclose(step, 0.002, rtol=1e-12)


def _changed(path: Path, name: str, values: np.ndarray) -> Path:
    with h5py.File(path, "r+") as file:
        kind = file[name].attrs["MATLAB_class"]
        del file[name]
        file.create_dataset(name, data=values).attrs["MATLAB_class"] = kind
    return path


def test_steps_that_are_not_equal_are_said(tmp_path):
    time = np.cumsum(np.linspace(0.001, 0.002, 200))
    uneven = _electrodes().assign_coords(time=("time", time, {"units": "s"}))
    path = export_matlab(uneven, tmp_path / "a.mat")
    with pytest.raises(InputError, match="steps of its time are not equal"):
        read_lab(path)


@pytest.mark.parametrize(("name", "values", "says"), [
    ("x", np.zeros((1, 3)), "'x' has 3 values for 4 sites"),
    ("axes/lfp", np.frombuffer("depth x time".encode("utf-16-le"), "<u2")[:, None],
     "calls them depth x time"),
])  # fmt: skip
def test_a_file_that_contradicts_itself_is_refused(tmp_path, name, values, says):
    path = _changed(export_matlab(_electrodes(), tmp_path / "a.mat"), name, values)
    with pytest.raises(RecordingError, match=says):
        read_lab(path)
