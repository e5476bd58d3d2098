"""BIDS iEEG as its tables say: rate, uV, mm, labels, bad channels, events."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab import bids
from cortexwave.lab.signals import Signal, as_recording

mne = pytest.importorskip("mne")

_SET = Path(__file__).resolve().parents[3] / "shared/lab/py_neuromodulation_bids_ecog"
_IEEG = "sub-testsub/ses-EphysMedOff/ieeg"
_RUN = "sub-testsub_ses-EphysMedOff_task-gripforce_run-0_ieeg"
LABELS = ["G1", "G2", "G3", "EMG"]
COUNTS = np.arange(400, dtype="<i2").reshape(100, 4)
HEADER = """Brain Vision Data Exchange Header File Version 1.0
[Common Infos]
DataFile={data}
DataFormat=BINARY
DataOrientation=MULTIPLEXED
NumberOfChannels=4
SamplingInterval=2000
[Binary Infos]
BinaryFormat=INT_16
[Channel Infos]
Ch1=G1,,0.5,µV
Ch2=G2,,0.002,mV
Ch3=G3,,1e-6,V
Ch4=EMG,,3,N
"""


def _real() -> Path:
    if not _SET.exists():
        pytest.skip("lab/py_neuromodulation_bids_ecog is not beside this checkout")
    return _SET


def _copied(folder: Path) -> Path:
    """The real set where it can be changed."""
    shutil.copytree(_real(), folder / "set", copy_function=shutil.copyfile)
    for part in [folder / "set", *(folder / "set").rglob("*")]:
        part.chmod(0o755)
    return folder / "set"


def _made(folder: Path, *, unit: str = "mm", run: str = "1", **tables: str) -> Path:
    """A small set of three contacts 4 mm apart and a channel of force."""
    ieeg = folder / "sub-01" / "ieeg"
    ieeg.mkdir(parents=True, exist_ok=True)
    stem = f"sub-01_task-grip_run-{run}"
    header = HEADER.format(data=f"{stem}_ieeg.eeg")
    (ieeg / f"{stem}_ieeg.vhdr").write_text(header, encoding="utf-8")
    (ieeg / f"{stem}_ieeg.eeg").write_bytes(COUNTS.tobytes())
    (folder / "dataset_description.json").write_text("{}")
    (folder / "task-grip_ieeg.json").write_text(
        json.dumps({"iEEGReference": "mastoid", "PowerLineFrequency": 50})
    )
    (ieeg / "sub-01_coordsystem.json").write_text(
        json.dumps({"iEEGCoordinateUnits": unit, "iEEGCoordinateSystem": "ACPC"})
    )
    given = {
        "sub-01_electrodes": "name x y z\nG2 4 0 0\nG1 0 0 0\nG3 n/a n/a n/a\n"
        "G9 8 0 0\n",
        f"{stem}_channels": "name type units status status_description group\n"
        "G1 ECOG uV good n/a g\nG2 ECOG uV bad no_contact g\nG3 ECOG uV good n/a g\n"
        "EMG MISC N good n/a n/a\n",
        f"{stem}_events": "onset duration trial_type value\n0.02 0.1 go 5\n"
        "0.1 n/a n/a 6\n",
    }  # fmt: skip
    for name, text in given.items():
        kind = name.rpartition("_")[2]
        (ieeg / f"{name}.tsv").write_text(tables.get(kind, text).replace(" ", "\t"))
    return folder


def _named(folder: Path, name: str) -> Signal:
    return next(signal for signal in bids.signals(folder) if signal.name == name)


def test_the_real_set_is_as_mne_and_its_bytes_say():
    folder = _real()
    assert bids.recognises(folder)
    found = {signal.name: signal for signal in bids.signals(folder)}
    assert {name: len(signal.contacts.names) for name, signal in found.items()} == {
        "dbs": 3, "ecog": 6, "misc": 1,
    }  # fmt: skip
    ecog = found["ecog"]
    assert (ecog.rate, ecog.frames, ecog.units) == (1000.0, 19001, "uV")
    assert ecog.contacts.names == tuple(f"ECOG_RIGHT_{at}" for at in range(6))
    path = folder / _IEEG / f"{_RUN}.vhdr"
    volts = mne.io.read_raw_brainvision(path, verbose="ERROR").get_data(picks=range(10))
    frames = ecog.read(100, 200)
    # two roundings in double precision
    np.testing.assert_allclose(frames.T, 1e6 * volts[3:9, 100:200], rtol=1e-12)
    stored = np.fromfile(path.with_suffix(".eeg"), "<f4").reshape(-1, 10)
    np.testing.assert_allclose(frames, 0.1 * stored[100:200, 3:9], rtol=1e-6)


def test_the_real_electrodes_are_in_millimetres_and_unknown_ones_nan():
    folder = _real()
    at = _named(folder, "ecog").contacts.positions
    # the first two rows of its electrodes.tsv, in metres there
    np.testing.assert_allclose(at[0], [37.318174, -48.61012664, 61.79765474])
    np.testing.assert_allclose(at[1], [40.1598943, -37.31592983, 64.31171618])
    assert np.isnan(_named(folder, "misc").contacts.positions).all()


def test_the_real_set_says_whose_it_is():
    told = as_recording(_named(_real(), "ecog")).attrs
    assert (told["subject"], told["session"]) == ("testsub", "EphysMedOff")
    assert (told["line_frequency"], told["coordinates"]) == (60.0, "mni")


def test_metres_taken_for_millimetres_are_caught(tmp_path):
    folder = _copied(tmp_path)
    (system,) = folder.rglob("*_coordsystem.json")
    system.write_text(system.read_text().replace('"m"', '"mm"'))
    with pytest.raises(
        InputError, match=r"electrodes\.tsv .*positions in mm"
    ) as caught:
        bids.signals(folder)
    assert "or m (10.1 mm)" in str(caught.value)


def test_a_clinical_grid_in_metres_is_caught_by_its_extent(tmp_path):
    # 10 mm as 0.01: a pitch that some probe has, but no strip over 0.02 mm
    table = "name x y z\nG1 0 0 0\nG2 0.01 0 0\nG3 0.02 0 0\n"
    with pytest.raises(InputError, match=r"would fit in m \(10 mm\)"):
        bids.signals(_made(tmp_path, electrodes=table))


def test_counts_of_every_unit_of_voltage_become_microvolts(tmp_path):
    frames = _named(_made(tmp_path), "ecog").read(0, 100)
    # resolutions are 0.5 uV, 2 uV and 1 uV
    np.testing.assert_allclose(frames, COUNTS[:, :3] * [0.5, 2.0, 1.0], rtol=1e-12)


def test_other_channels_stand_apart_in_their_own_unit(tmp_path):
    force = _named(_made(tmp_path), "misc")
    assert (force.units, force.attributes["units_in_file"]) == ("1", "N")
    np.testing.assert_allclose(force.read(0, 2), 3.0 * COUNTS[:2, 3:])


def test_positions_and_bad_channels_are_matched_by_label(tmp_path):
    contacts = _named(_made(tmp_path), "ecog").contacts
    np.testing.assert_allclose(contacts.positions[:2, 0], [0.0, 4.0])
    assert np.isnan(contacts.positions[2]).all()
    assert contacts.good.tolist() == [True, False, True]
    assert contacts.reason == ("", "no_contact", "")
    assert contacts.array == ("g", "g", "g")


def test_what_stands_higher_in_the_set_is_inherited(tmp_path):
    told = _named(_made(tmp_path), "ecog").attributes
    assert (told["reference"], told["line_frequency"]) == ("mastoid", 50.0)
    assert (told["subject"], told["task"], told["run"]) == ("01", "grip", "1")


def test_events_are_rows_of_the_table(tmp_path):
    events = _named(_made(tmp_path), "ecog").events
    assert events.onset.values.tolist() == [0.02, 0.1]
    assert events.kind.values.tolist() == ["go", "6"]
    assert events.item.values.tolist() == ["5", "6"]
    assert events.subject.values.tolist() == ["01", "01"]
    assert np.isnan(events.duration.values[1])


def test_several_runs_keep_their_names_apart(tmp_path):
    _made(tmp_path)
    _made(tmp_path, run="2")
    assert [signal.name for signal in bids.signals(tmp_path)] == [
        f"sub-01_task-grip_run-{run}_{kind}"
        for run in "12" for kind in ("ecog", "misc")
    ]  # fmt: skip


@pytest.mark.parametrize("unit", ["pixels", "n/a"])
def test_without_a_unit_of_length_contacts_stand_nowhere_and_it_is_said(tmp_path, unit):
    signal = _named(_made(tmp_path, unit=unit), "ecog")
    assert np.isnan(signal.contacts.positions).all()
    assert signal.attributes["coordinates"].startswith("unknown: sub-01_")


@pytest.mark.parametrize(("tables", "message"), [
    ({"electrodes": "name x y z\nG1 0 0 0\nG1 4 0 0\n"}, "labels stand twice: G1"),
    ({"electrodes": "name x y z\nG1 here 0 0\n"}, "x of G1: 'here' is not a number"),
    ({"electrodes": "label x y z\nG1 0 0 0\n"}, "the column 'name' is missing"),
    ({"channels": "name type\nA1 ECOG\n"}, "names none of the channels"),
    ({"channels": "name type\nG1\n"}, "channels.tsv:2: 1 values, but 2 columns"),
    ({"events": "onset duration\nn/a 1\n"}, "events.tsv:2: the onset (s) is missing"),
])  # fmt: skip
def test_a_wrong_table_is_named(tmp_path, tables, message):
    with pytest.raises(InputError, match=r"\.tsv") as caught:
        bids.signals(_made(tmp_path, **tables))
    assert message in str(caught.value)


@pytest.mark.parametrize(("old", "new", "message"), [
    ("run-1_ieeg.eeg", "run-9_ieeg.eeg", "does not stand beside it"),
    ("DataFile=", "DataFile=../", "the name of a file beside it is due"),
    ("DataFile=", "DataFile=/etc/", "the name of a file beside it is due"),
    ("NumberOfChannels=4", "NumberOfChannels=-4", "NumberOfChannels '-4'"),
    ("NumberOfChannels=4", "NumberOfChannels=7", "no whole number of frames"),
    ("INT_16", "FLOAT_99", "BinaryFormat 'FLOAT_99'"),
    ("DataOrientation", "Orientation", "cannot be read"),
    ("Brain Vision", "Something", "is not a BrainVision header"),
])  # fmt: skip
def test_a_wrong_header_is_named(tmp_path, old, new, message):
    (header,) = _made(tmp_path).rglob("*.vhdr")
    text = header.read_text(encoding="utf-8").replace(old, new)
    header.write_text(text, encoding="utf-8")
    with pytest.raises(RecordingError) as caught:
        bids.signals(tmp_path)
    assert message in str(caught.value)


def test_a_cut_data_file_is_refused(tmp_path):
    (data,) = _made(tmp_path).rglob("*.eeg")
    data.write_bytes(data.read_bytes()[:-3])
    with pytest.raises(RecordingError, match=r"\.eeg is cut short or damaged: 797 "):
        bids.signals(tmp_path)


def test_a_recording_shorter_than_its_json_says_is_cautioned(tmp_path):
    _made(tmp_path)
    (tmp_path / "task-grip_ieeg.json").write_text('{"RecordingDuration": 60}')
    caution = _named(tmp_path, "ecog").attributes["caution"]
    assert "has 0.2 s, but its .json says 60 s" in caution


def test_a_folder_without_runs_says_what_is_due(tmp_path):
    (tmp_path / "dataset_description.json").write_text("{}")
    assert bids.recognises(tmp_path)
    with pytest.raises(InputError, match=r"_ieeg\.vhdr or \*_ieeg\.edf are due"):
        bids.signals(tmp_path)


def test_edf_is_as_it_was_written_and_slower_channels_are_left_out(tmp_path):
    edfio = pytest.importorskip("edfio")
    draw = np.random.default_rng(0)
    parts = {"A1": ("uV", 200), "A2": ("mV", 200), "T": ("degC", 200), "S": ("uV", 20)}
    values = {name: 100 * draw.uniform(-1, 1, 2 * rate)
              for name, (_, rate) in parts.items()}  # fmt: skip
    edfio.Edf([
        edfio.EdfSignal(values[name], rate, label=name, physical_dimension=unit,
                        physical_range=(-200, 200))
        for name, (unit, rate) in parts.items()
    ]).write(tmp_path / "a.edf")  # fmt: skip
    found = {signal.name: signal for signal in bids.signals(tmp_path / "a.edf")}
    volts, other = found["eeg"], found["eeg_no_unit"]
    assert volts.contacts.names == ("A1", "A2")
    assert (volts.rate, volts.frames, other.units) == (200.0, 400, "1")
    assert volts.attributes["left_out"] == "of a lower rate: S"
    # 16 bits over 400 units: half a step is 0.003
    frames = volts.read(0, 400)
    np.testing.assert_allclose(frames[:, 0], values["A1"], atol=0.0031)
    np.testing.assert_allclose(frames[:, 1], 1e3 * values["A2"], atol=3.1)
    np.testing.assert_allclose(other.read(0, 400)[:, 0], values["T"], atol=0.0031)
    raw = (tmp_path / "a.edf").read_bytes()
    (tmp_path / "b.edf").write_bytes(raw[:252] + b"many" + raw[256:])
    with pytest.raises(RecordingError, match=r"b\.edf is not an EDF file.*its header"):
        bids.signals(tmp_path / "b.edf")
    (tmp_path / "a.edf").write_bytes(raw[:-10])
    with pytest.raises(RecordingError, match=r"a\.edf is cut short or damaged"):
        bids.signals(tmp_path / "a.edf")


def test_without_mne_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mne", None)
    with pytest.raises(InputError, match=r"needs mne: pip install 'cortexwave\[lab\]'"):
        bids.signals(_made(tmp_path))
