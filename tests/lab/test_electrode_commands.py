"""`cortexwave observe` and `export`: sheets seen by electrodes, for other tools."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from cortexwave import schema
from cortexwave.cli import app
from cortexwave.errors import InputError
from cortexwave.lab.noise import Correlation, Noise
from cortexwave.lab.observing import observe
from cortexwave.recording.reader import open_recording
from cortexwave.recording.saving import save_recording
from cortexwave.synthetic import lattice_sites, plane_wave


def call(*words: object) -> None:
    app([str(word) for word in words], standalone_mode=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A plane wave of synaptic input on 6.3 x 6.3 mm, two events, as a model's run."""
    wave = plane_wave(lattice_sites((64, 64), spacing=0.1), duration=0.4, rate=250.0,
                      direction=30.0, frequency=15.0, wavelength=3.0)  # fmt: skip
    (name,) = schema.field_names(wave)
    field = (
        wave[name]
        .astype("f4")
        .assign_attrs(units="1", long_name="recurrent input u * h")
    )
    events = schema.events_table(
        [{"onset": at, "duration": 0.1, "kind": "stimulus"} for at in (0.1, 0.25)]
    )
    sheet = schema.with_tables(
        xr.Dataset({"u": field}, attrs={"origin": "model", "title": "a wave"}),
        events, None,
    )  # fmt: skip
    return save_recording(sheet, tmp_path_factory.mktemp("run") / "run.h5")


def test_a_sheet_is_exported_through_a_utah_array_without_a_fault(run, tmp_path):
    pynwb = pytest.importorskip("pynwb")
    inspector = pytest.importorskip("nwbinspector")
    out = tmp_path / "out.nwb"
    call("export", run, "--electrodes", "utah_10x10", "--gain", "50 uV", "-o", out)
    assert pynwb.validate(path=str(out)) == []
    assert list(inspector.inspect_nwbfile(nwbfile_path=out)) == []
    seen = observe(open_recording(run), "utah_10x10", seed=0, gain=50.0,
                   position="centre")  # fmt: skip
    with h5py.File(out) as file:
        stored = file["processing/ecephys/LFP/lfp/data"]
        np.testing.assert_array_equal(stored[:], seen.lfp.values)
        assert stored.attrs["unit"] == "volts" and stored.attrs["conversion"] == 1e-6
        assert stored.shape == (100, 96)
        assert "simulated, not biological" in file["session_description"].asstr()[()]


def test_without_a_gain_one_unit_of_a_model_is_a_microvolt_and_that_is_said(
    run, tmp_path, capsys
):
    pynwb = pytest.importorskip("pynwb")
    out = tmp_path / "out.nwb"
    call("export", run, "--electrodes", "utah_10x10", "-o", out)
    assert "1 uV each, as no --gain says otherwise" in capsys.readouterr().err
    assert pynwb.validate(path=str(out)) == []
    seen = observe(open_recording(run), "utah_10x10", seed=0, position="centre")
    with h5py.File(out) as file:
        stored = file["processing/ecephys/LFP/lfp/data"]
        np.testing.assert_array_equal(stored[:], seen.lfp.values)
        assert stored.attrs["conversion"] == 1e-6
        assert "gain_uV" in file["general/notes"].asstr()[()]


def test_a_recording_of_channels_is_exported_as_it_is(run, tmp_path, capsys):
    pytest.importorskip("pynwb")
    kept, out = tmp_path / "seen.h5", tmp_path / "seen.nwb"
    call("observe", run, "--electrodes", "8x8 0.4 mm", "--gain", "50 uV", "-o", kept,
         "--snr", "6", "--noise-band", "5 Hz:40 Hz", "--noise-common", "0.2",
         "--noise-local", "0.5", "--noise-length", "0.6 mm", "--dead", "r0c0,r7c7",
         "--rotation", "15 deg", "--spread", "0.15 mm", "--position", "3 mm, 3.2 mm",
         "--band", "1 Hz:100 Hz", "--seed", "4", "--json")  # fmt: skip
    assert json.loads(capsys.readouterr().out)["path"] == str(kept)
    seen = open_recording(kept)
    noise = Noise(6.0, (5.0, 40.0), correlation=Correlation(0.2, 0.5, 0.6))
    said = json.loads(seen.attrs["observed"])
    assert said["noise"][0]["correlation"] == {"common": 0.2, "local": 0.5,
                                               "length": 0.6}  # fmt: skip
    again = observe(open_recording(run), (8, 8, 0.4), seed=4, gain=50.0, noise=[noise],
                    position=(3.0, 3.2), rotation=15.0, spread=0.15,
                    dead=["r0c0", "r7c7"])  # fmt: skip
    assert seen["x"].values == pytest.approx(again["x"].values)
    assert seen["good"].values.tolist() == again["good"].values.tolist()
    call("export", kept, "-o", out)
    with h5py.File(out) as file:
        np.testing.assert_array_equal(file["processing/ecephys/LFP/lfp/data"][:],
                                      seen.lfp.values)  # fmt: skip


def test_matlab_csv_and_whole_fields_go_by_the_suffix(run, tmp_path):
    pytest.importorskip("pynwb")
    call("export", run, "-o", tmp_path / "run.mat")
    with h5py.File(tmp_path / "run.mat") as file:
        assert file["u"].shape == (100, 64, 64)
    call("export", run, "-o", tmp_path / "run.csv")
    assert (tmp_path / "run.csv").read_text().splitlines()[1].startswith("0.1,0.1,stim")
    call("export", run, "--full-field", "-o", tmp_path / "run.nwb")
    with h5py.File(tmp_path / "run.nwb") as file:
        assert file["processing/ophys/u/data"].shape == (100, 64, 64)


def test_a_lab_recording_gets_its_subject_and_session(run, tmp_path):
    pynwb = pytest.importorskip("pynwb")
    inspector = pytest.importorskip("nwbinspector")
    sheet = open_recording(run)
    seen = observe(sheet, "utah_10x10", seed=0, gain=50.0, position="centre")
    lab = save_recording(seen.assign_attrs(origin="lab"), tmp_path / "lab.h5")
    out = tmp_path / "lab.nwb"
    with pytest.raises(InputError, match="when a session began"):
        call("export", lab, "-o", out)
    call("export", lab, "-o", out, "--subject", "N", "--species", "Macaca mulatta",
         "--sex", "M", "--age", "P6Y", "--subject-description", "a monkey",
         "--start", "2020-03-01T12:00+01:00",
         "--experimenter", "Doe, Jane", "--institution", "An institute",
         "--experiment", "rest", "--keyword", "LFP", "--location", "V1")  # fmt: skip
    assert pynwb.validate(path=str(out)) == []
    assert list(inspector.inspect_nwbfile(nwbfile_path=out)) == []
    with pynwb.NWBHDF5IO(out, "r") as file:
        read = file.read()
        assert read.subject.species == "Macaca mulatta"
        assert read.session_start_time.isoformat() == "2020-03-01T12:00:00+01:00"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "a.txt"], r"ends in \.txt; \.nwb, \.mat, \.csv"),
        (["-o", "a.nwb"], "is a sheet .*observe it by electrodes"),
        (["-o", "a.nwb", "--gain", "50 uV"], "--gain is of electrodes"),
        (["-o", "a.nwb", "--electrodes", "utah_10x10", "--full-field"],
         "a file of its own"),
        (["-o", "a.nwb", "--electrodes", "utah"], "'utah' names no electrodes"),
        (["-o", "a.nwb", "--electrodes", "utah_10x10", "--gain", "50"],
         "--gain: '50' has no unit"),
        (["-o", "a.nwb", "--electrodes", "utah_10x10", "--position", "left"],
         "--position 'left': centre, map"),
        (["-o", "a.nwb", "--electrodes", "24x24 0.4 mm"], "lie beyond the sheet"),
        (["-o", "a.nwb", "--species", "Mus musculus"], "are of a --subject"),
        (["-o", "a.nwb", "--subject", "N"], "its --species is due"),
        (["-o", "a.nwb", "--start", "yesterday"], "--start 'yesterday'"),
    ],
)  # fmt: skip
def test_wrong_usage_of_export_is_named(run, tmp_path, monkeypatch, words, message):
    pytest.importorskip("pynwb")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        call("export", run, *words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--snr", "3"], "by both --snr"),
        (["--noise-common", "0.5"], "by both --snr"),
        (["--dead", "r9x9"], "dead site 'r9x9'"),
        (["--wrap", "all"], "--wrap 'all'"),
        (["--source", "rate"], r"no field 'rate' to observe \(--source\); there is u$"),
        (["--resolution", "0.25 uV"], "the source is in '1'"),
    ],
)
def test_wrong_usage_of_observe_is_named(run, tmp_path, words, message):
    with pytest.raises(InputError, match=message):
        call("observe", run, "--electrodes", "4x4 0.4 mm", "-o", tmp_path / "a.h5",
             *words)  # fmt: skip
    assert not list(tmp_path.iterdir())
