"""What is looked at first: true of made recordings, bounded for long ones."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from cortexwave.cli import app
from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.inspection import inspected
from cortexwave.lab.quality import channel_quality
from cortexwave.lab.signals import Contacts, Signal, as_recording
from cortexwave.recording.description import describe
from cortexwave.recording.saving import save_recording

RATE = 500.0


def recorded(values: np.ndarray, *, units: str = "uV"):
    """Channels of a row, 0.4 mm apart."""
    count = values.shape[1]
    places = np.column_stack([0.4 * np.arange(count), np.zeros(count)])
    contacts = Contacts.named([f"e{k}" for k in range(count)], places)
    signal = Signal("lfp", Path("made.ns2"), "test", RATE, 0.0, len(values), units,
                    lambda a, b: values[a:b].astype("f4"), contacts)  # fmt: skip
    return as_recording(signal)


def noise(seconds: float = 8.0, count: int = 8, sd: float = 50.0) -> np.ndarray:
    return np.random.default_rng(0).normal(0, sd, (round(seconds * RATE), count))


def lattice(values: np.ndarray):
    """Pixels (time, y, x), 0.1 mm apart, of a camera of the lab."""
    axes = (0.1 * np.arange(values.shape[1]), 0.1 * np.arange(values.shape[2]))
    signal = Signal("f", Path("made.npy"), "test", RATE, 0.0, len(values), "1",
                    lambda a, b: values[a:b], lattice=axes)  # fmt: skip
    return as_recording(signal)


def test_a_dead_channel_is_named_and_drawn():
    values = noise()
    values[:, 3] = 7.0
    found = inspected(recorded(values))
    assert found["suspicious"] == {"e3": "flat"}
    assert found["looked_at_s"] == 8.0
    head, row = found["geometry"].splitlines()
    assert head == "8 contacts, 1 suspicious (x), pitch 0.4 mm, 2.8 x 0 mm"
    assert row == ". . . x . . . ."
    json.dumps(found)


@pytest.mark.parametrize("sd", [4e7, 1e-4])
def test_potentials_that_no_tissue_has_are_cautioned(sd):
    caution = inspected(recorded(noise(sd=sd)))["caution"]
    assert float(caution.split()[3]) == pytest.approx(sd, rel=0.05)  # of 4000 samples
    assert "the unit or the gain in the file cannot be meant" in caution


@pytest.mark.parametrize(("sd", "units"), [(0.5, "uV"), (50, "uV"), (3e3, "uV"),
                                           (4e7, "1")])  # fmt: skip
def test_potentials_that_can_be_are_not(sd, units):
    assert channel_quality(recorded(noise(sd=sd), units=units)).attrs["caution"] == ""


def test_the_real_set_whose_header_says_tens_of_volts_is_cautioned(lab):
    pytest.importorskip("mne")
    from cortexwave.lab.reading import read_lab

    recording = read_lab(lab("py_neuromodulation_bids_ecog"), signal="ecog")
    # an ECoG electrode has some 50 uV; this one would have 39 V
    assert "3.9e+07 uV" in inspected(recording)["caution"]


def test_a_lattice_of_the_lab_is_looked_at_site_by_site():
    values = noise(count=12).reshape(-1, 3, 4)
    values[:, 2, 1] = 0.0
    found = inspected(lattice(values))
    assert found["suspicious"] == {"r2c1": "flat"}
    assert found["geometry"].splitlines()[1:] == [". x . .", ". . . .", ". . . ."]


def test_a_sheet_of_a_model_is_not():
    assert inspected(lattice(noise(count=4).reshape(-1, 2, 2))
                     .assign_attrs(origin="model")) is None  # fmt: skip


def test_of_a_long_recording_little_is_read(monkeypatch):
    from cortexwave.lab import inspection

    monkeypatch.setattr(inspection, "_MOST_VALUES", 8 * RATE * 6)
    assert inspected(recorded(noise(seconds=60)))["looked_at_s"] == 6.0


def test_sorted_units_are_counted(tmp_path):
    path = save_recording(recorded(noise()), tmp_path / "lab.h5")
    assert "units" not in describe(path)
    with h5py.File(path, "a") as file:
        file["units/spike_time"] = np.arange(7.0)
        file["units/unit"] = np.array(["chan1.1", "chan1.2"], dtype=object)
    assert describe(path)["units"] == {"count": 2, "spikes": 7}


def test_info_tells_rate_duration_units_and_channels(tmp_path, capsys):
    values = noise()
    values[:, 3] = 7.0
    path = save_recording(recorded(values), tmp_path / "lab.h5")
    described = describe(path)
    assert described["rate_hz"] == RATE
    assert described["duration_s"] == 8.0
    assert described["channels"]["pitch_mm"] == 0.4
    app(["info", str(path), "--json"], standalone_mode=False)
    told = json.loads(capsys.readouterr().out)
    assert told["fields"]["lfp"]["units"] == "uV"
    assert told["quality"]["suspicious"] == {"e3": "flat"}
    app(["info", str(path)], standalone_mode=False)
    text = capsys.readouterr().out
    assert "quality: 1 suspicious, 8 s looked at\n  e3: flat\n" in text
    assert text.splitlines()[-1] == ". . . x . . . ."
    app(["info", str(path), "--no-quality"], standalone_mode=False)
    assert "quality" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["sub.nwb", "a.mat", "a.npy"])
def test_info_on_a_labs_file_points_to_the_import(tmp_path, name):
    path = tmp_path / name
    if name == "sub.nwb":
        with h5py.File(path, "w") as file:
            file.attrs["nwb_version"] = "2.7.0"
    elif name == "a.mat":
        scipy.io.savemat(path, {"lfp": noise()})
    else:
        np.save(path, noise())
    with pytest.raises(InputError, match=rf"`cortexwave import \S*{name} -o lab\.h5`"):
        app(["info", str(path)], standalone_mode=False)


def test_info_on_other_files_says_what_they_are_not(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(RecordingError, match="not an HDF5 file"):
        app(["info", str(tmp_path / "a.txt")], standalone_mode=False)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["weights"] = np.ones(3)
    with pytest.raises(RecordingError, match="not a cortexwave recording"):
        app(["info", str(tmp_path / "a.h5")], standalone_mode=False)
