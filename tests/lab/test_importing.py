"""Imports: what stands in the file is what the source holds, however they end."""

from __future__ import annotations

import hashlib
import json
import os
import signal as signals_of_system
import struct
import subprocess
import sys
import time as clock
from pathlib import Path

import h5py
import numpy as np
import pytest
from blackrock_files import GAIN, RATE, block, channel, headers, nev_head, word
from typer.testing import CliRunner

import cortexwave as cw
from cortexwave.cli.application import app
from cortexwave.errors import InputError, Interrupted, RecordingError, RunError
from cortexwave.lab.importing import import_recording, importing
from cortexwave.lab.multiunit import multiunit_envelope
from cortexwave.lab.reading import ReaderOptions, lab_signal
from cortexwave.lab.resampling import resampled
from cortexwave.lab.wanted import Wanted
from cortexwave.recording.progress import Progress
from cortexwave.recording.reader import open_recording
from cortexwave.simulation import resume

CODES = """
words: strobed
codes:
  - {code: 20, kind: stimulus, item: grating}
  - {code: 30, kind: answer, outcome: hit}
trials: {start: 9, end: 18}
"""


def counted(frames, channels, seed=0):
    return np.random.default_rng(seed).integers(-3000, 3000, (frames, channels))


def blackrock(path, counts, *, clock=0, units=None):
    """A .ns5 of file specification 2.3; channels of unit mV are analog inputs."""
    version, units = (2, 3), units or [b"uV"] * counts.shape[1]
    ranges = {b"uV": (-8191, 8191), b"mV": (-5000, 5000)}
    each = [channel(k, f"chan{k}", unit=unit, analog=ranges[unit])
            for k, unit in enumerate(units, 1)]  # fmt: skip
    path.write_bytes(headers(version, each) + block(version, clock, counts))
    return path


def nev(path, words):
    """A .nev of words at times in s."""
    packets = [word((2, 3), round(at * RATE), 1, value) for at, value in words]
    path.write_bytes(nev_head((2, 3)) + b"".join(packets))


@pytest.fixture
def session(tmp_path):
    """Two seconds of 4 channels, words and a map of two arrays."""
    blackrock(tmp_path / "s.ns5", counted(2 * RATE, 4))
    nev(tmp_path / "s.nev", [(0.1, 9), (0.3, 20), (0.5, 30), (0.6, 18), (1.0, 9),
                             (1.2, 20), (1.5, 18)])  # fmt: skip
    (tmp_path / "codes.yaml").write_text(CODES)
    (tmp_path / "map.csv").write_text(
        "label,x_mm,y_mm,array\nchan1,0,0,V1\nchan2,0.4,0,V1\nchan3,0,0.4,V4\n"
        "chan4,0.4,0.4,V4\n"
    )
    return tmp_path / "s.ns5"


def values_of(path, name="ns5"):
    with open_recording(path) as recording:
        return recording[name].values


def test_all_of_a_file_is_in_the_recording(session, tmp_path):
    path = import_recording(session, tmp_path / "lab.h5")
    np.testing.assert_array_equal(values_of(path), GAIN * counted(2 * RATE, 4))
    with open_recording(path) as recording:
        assert recording.attrs["origin"] == "lab"
        assert recording.attrs["complete"] == 1
        assert recording["channel"].values.tolist() == [f"chan{k}" for k in range(1, 5)]
        assert recording["ns5"].attrs["units"] == "uV"
        np.testing.assert_allclose(
            recording["time"].values, np.arange(2 * RATE) / RATE, rtol=1e-12
        )


def test_a_lower_rate_is_that_of_the_signal_resampled(session, tmp_path):
    path = import_recording(session, tmp_path / "lab.h5", rate=1000.0)
    made = resampled(lab_signal(session), 1000.0)
    np.testing.assert_array_equal(values_of(path), made.read(0, 2000))
    with open_recording(path) as recording:
        assert recording.attrs["resampled_from"] == RATE
        assert "80 dB down from 500 Hz" in recording.attrs["anti_alias"]
        assert recording["time"][-1] == pytest.approx(1.999, rel=1e-9)


def test_an_envelope_of_multi_unit_activity_is_imported(session, tmp_path):
    band = {"multiunit": (750.0, 5000.0), "rate": 1000.0}
    path = import_recording(session, tmp_path / "a.h5", **band)
    made = multiunit_envelope(lab_signal(session), band=(750.0, 5000.0), rate=1000.0)
    np.testing.assert_array_equal(values_of(path, "ns5_multiunit"), made.read(0, 2000))
    done = invoked(session, "-o", tmp_path / "b.h5", "--multiunit", "750:5 kHz",
                   "--rate", "1 kHz")  # fmt: skip
    assert done.exit_code == 0, done.exception
    np.testing.assert_array_equal(
        values_of(tmp_path / "b.h5", "ns5_multiunit"), made.read(0, 2000)
    )


def test_a_cut_in_time_moves_the_events_with_it(session, tmp_path):
    path = import_recording(session, tmp_path / "lab.h5", time=(0.25, 1.25))
    np.testing.assert_array_equal(
        values_of(path), GAIN * counted(2 * RATE, 4)[7500:37500]
    )
    with open_recording(path) as recording:
        assert recording.attrs["time_origin"] == 0.25
        events = cw.events(recording)
        assert events["onset"].values == pytest.approx([0.05, 0.25, 0.35, 0.75, 0.95])
        assert events["item"].values.tolist() == ["20", "30", "18", "9", "20"]


def test_a_cut_has_true_values_under_the_filter_at_its_ends(session, tmp_path):
    path = import_recording(session, tmp_path / "a.h5", time=(0.5, 1.5), rate=1000.0)
    made = resampled(lab_signal(session), 1000.0).read(0, 2000)
    np.testing.assert_array_equal(values_of(path), made[500:1500])


def test_words_become_events_and_trials_by_a_codes_file(session, tmp_path):
    path = import_recording(
        session, tmp_path / "lab.h5", codes=tmp_path / "codes.yaml", subject="K",
        session="day 3", time=(0.2, None),
    )  # fmt: skip
    with open_recording(path) as recording:
        events = cw.events(recording)
        assert recording.attrs["subject"] == "K"
        assert set(events["subject"].values) == {"K"}
        assert set(events["session"].values) == {"day 3"}
        rows = zip(events["kind"].values, events["onset"].values,
                   events["trial"].values, strict=True)  # fmt: skip
        assert [(kind, round(float(onset), 9), int(k)) for kind, onset, k in rows] == [
            ("trial", -0.1, 0), ("stimulus", 0.1, 0), ("answer", 0.3, 0),
            ("trial", 0.8, 1), ("stimulus", 1.0, 1),
        ]  # fmt: skip
        trials = events.isel(event=events["kind"].values == "trial")
        assert trials["duration"].values == pytest.approx([0.5, 0.5])
        assert trials["outcome"].values.tolist() == ["hit", ""]


def test_channels_are_kept_in_the_order_wanted(session, tmp_path):
    path = import_recording(session, tmp_path / "a.h5", channels=["chan3", "chan1"])
    np.testing.assert_array_equal(
        values_of(path), GAIN * counted(2 * RATE, 4)[:, [2, 0]]
    )


def test_an_array_and_a_region_are_picked_by_the_map(session, tmp_path):
    at = {"electrodes": tmp_path / "map.csv", "overwrite": True}
    one = import_recording(session, tmp_path / "a.h5", array="V4", **at)
    np.testing.assert_array_equal(values_of(one), GAIN * counted(2 * RATE, 4)[:, 2:])
    two = import_recording(session, tmp_path / "a.h5", region={"x": (0.3, 1)}, **at)
    with open_recording(two) as recording:
        assert recording["channel"].values.tolist() == ["chan2", "chan4"]
        assert recording["x"].values.tolist() == [0.4, 0.4]
        assert recording["array"].values.tolist() == ["V1", "V4"]


def test_an_analog_input_is_imported_with_the_clock_of_the_others(tmp_path):
    units = [b"uV", b"mV"]
    path = blackrock(tmp_path / "a.ns5", counted(RATE, 2), clock=60000, units=units)
    eye = import_recording(path, tmp_path / "eye.h5", signal="ns5_analog", rate=500.0)
    with open_recording(eye) as recording:
        assert recording.attrs["time_origin"] == 2.0
        assert recording.sizes == {"time": 500, "channel": 1}


def test_the_source_is_named_with_its_digest_and_its_reader(tmp_path):
    path = blackrock(tmp_path / "a.ns5", counted(100, 2))
    made = import_recording(path, tmp_path / "a.h5")
    with open_recording(made) as recording:
        attrs = recording.attrs
        assert attrs["source_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (attrs["source"], attrs["reader"]) == ("a.ns5", "blackrock")
        assert json.loads(attrs["import_request"])["path"] == str(path)
        assert attrs["file_specification"] == "2.3"


def test_events_beside_a_source_are_in_its_digest(session, tmp_path):
    made = import_recording(session, tmp_path / "lab.h5")
    lines = "".join(
        f"{hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("s.nev", "s.ns5")
    )
    with open_recording(made) as recording:
        digest = hashlib.sha256(lines.encode()).hexdigest()
        assert recording.attrs["source_sha256"] == digest
        assert recording.attrs["source_files"] == "s.nev, s.ns5"


def test_an_interrupted_import_goes_on_to_the_same_bits(session, tmp_path):
    whole = import_recording(
        session, tmp_path / "whole.h5", rate=15000.0, time=(0.1, 2)
    )
    output = tmp_path / "part.h5"
    wanted = Wanted(rate=15000.0, time=(0.1, 2))
    steps = importing(session, output, wanted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cortexwave.lab.importing._AT_ONCE", 2**18)
        next(steps)
        first = next(steps)
        signals_of_system.raise_signal(signals_of_system.SIGINT)
        with pytest.raises(Interrupted, match=r"stopped after \d+ of 28500 frames"):
            list(steps)
    part = Path(f"{output}.part")
    with open_recording(part) as recording:
        assert first.frames < recording.sizes["time"] < 28500
    assert resume(part) == output
    np.testing.assert_array_equal(values_of(output), values_of(whole))


KILLED = """
import os, sys
from cortexwave.lab import importing
importing._AT_ONCE = 2**18
wanted = importing.Wanted(rate=15000.0)
for now in importing.importing(sys.argv[1], sys.argv[2], wanted):
    if now.frames > 9000:
        os.kill(os.getpid(), 9)
"""


def test_a_killed_import_goes_on_to_the_same_bits(session, tmp_path):
    whole = import_recording(session, tmp_path / "whole.h5", rate=15000.0)
    output = tmp_path / "killed.h5"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(session), str(output)], check=False,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == -9
    with open_recording(f"{output}.part") as recording:
        assert 9000 < recording.sizes["time"] < 30000
    assert CliRunner().invoke(app, ["resume", f"{output}.part"]).exit_code == 0
    np.testing.assert_array_equal(values_of(output), values_of(whole))


def left_behind(session, output):
    """The .part of an import that went wrong after its first piece."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cortexwave.lab.importing._AT_ONCE", 2**18)
        steps = importing(session, output, Wanted())
        assert next(steps) == Progress(0, 2 * RATE)  # before the source is hashed
        next(steps)
        steps.close()
    return Path(f"{output}.part")


def test_another_source_is_not_gone_on_with(session, tmp_path):
    part = left_behind(session, tmp_path / "lab.h5")
    with session.open("r+b") as file:
        file.seek(-2, os.SEEK_END)
        file.write(b"\x01\x02")
    with pytest.raises(RecordingError, match=r"s\.ns5 has changed since the import"):
        resume(part)
    session.rename(tmp_path / "elsewhere")
    with pytest.raises(RecordingError, match=r"its source .*s\.ns5 is gone"):
        resume(part)


def test_an_import_is_recovered_like_a_run(session, tmp_path):
    part = left_behind(session, tmp_path / "lab.h5")
    assert CliRunner().invoke(app, ["recover", str(part)]).exit_code == 0
    found = values_of(tmp_path / "lab.h5")
    assert 0 < len(found) < 2 * RATE
    np.testing.assert_array_equal(found, GAIN * counted(2 * RATE, 4)[: len(found)])


def test_images_are_cut_to_a_region(tmp_path):
    values = np.random.default_rng(0).normal(size=(60, 5, 6)).astype("float32")
    np.save(tmp_path / "a.npy", values)
    (tmp_path / "a.yaml").write_text(
        "axes: [time, row, column]\nrate: 50 Hz\nunits: '1'\n"
        "positions: {pitch: 0.5 mm, first: lower left}\n"
    )
    path = import_recording(
        tmp_path / "a.npy", tmp_path / "a.h5", region={"x": (0.4, 1.6), "y": (1, 9)}
    )
    with open_recording(path) as recording:
        assert recording["x"].values.tolist() == [0.5, 1.0, 1.5]
        assert recording["y"].values.tolist() == [1.0, 1.5, 2.0]
        np.testing.assert_array_equal(recording["signal"].values, values[:, 2:, 1:4])


SIDECAR = "axes: [time, channel]\nrate: 1 kHz\nunits: mV\nsubject: K\n"


def as_npy(path, values):
    np.save(path, values)


def as_csv(path, values):
    np.savetxt(path, values, delimiter=",", header="a,b,c", comments="", fmt="%.17g")


def as_mat(path, values):
    from scipy.io import savemat

    savemat(path, {"data": values})


@pytest.mark.parametrize(
    ("name", "write", "also"),
    [
        ("a.npy", as_npy, ""),
        ("a.csv", as_csv, ""),
        ("a.mat", as_mat, "variable: data\n"),
    ],
)
def test_bare_arrays_are_imported_with_their_sidecar(tmp_path, name, write, also):
    values = np.random.default_rng(0).normal(size=(700, 3))
    write(tmp_path / name, values)
    (tmp_path / "said.yaml").write_text(SIDECAR + also)
    options = ReaderOptions(sidecar=tmp_path / "said.yaml")
    path = import_recording(tmp_path / name, tmp_path / "out.h5", options=options)
    with open_recording(path) as recording:
        (field,) = [each for each in recording.data_vars
                    if "time" in recording[each].dims]  # fmt: skip
        np.testing.assert_allclose(recording[field].values, 1e3 * values, rtol=1e-12)
        assert recording.attrs["subject"] == "K"
        assert "said.yaml" in recording.attrs["source_files"]


def test_nwb_is_imported_with_its_trials(tmp_path):
    pytest.importorskip("pynwb")
    from pynwb import NWBHDF5IO
    from pynwb.testing.mock.ecephys import mock_ElectricalSeries
    from pynwb.testing.mock.file import mock_NWBFile, mock_Subject

    file = mock_NWBFile(session_id="day 3")
    file.subject = mock_Subject(subject_id="K")
    values = np.random.default_rng(0).normal(size=(4000, 5)).astype("float32")
    mock_ElectricalSeries(data=values, rate=1000.0, nwbfile=file, conversion=1e-6,
                          name="raw data")  # fmt: skip
    file.add_trial(start_time=0.5, stop_time=1.5)
    file.add_trial(start_time=2.5, stop_time=3.0)
    with NWBHDF5IO(tmp_path / "a.nwb", "w") as io:
        io.write(file)
    path = import_recording(tmp_path / "a.nwb", tmp_path / "a.h5", time=(1.0, 3.5))
    with open_recording(path) as recording:
        # uV by a float64 factor, rounded once
        np.testing.assert_allclose(
            recording["raw_data"].values, values[1000:3500], rtol=1e-6
        )
        events = cw.events(recording)
        assert events["onset"].values == pytest.approx([-0.5, 1.5])
        assert set(events["subject"].values) == {"K"}
        assert "pynwb" in json.loads(recording.attrs["reader_versions"])


REAL = [
    ("mne_ecog/sample_ecog_ieeg.fif", "ecog", 160.0, (113, 320)),
    ("mne_ecog/sample_ecog_ieeg.fif", "seeg", 160.0, (113, 74)),
    ("py_neuromodulation_bids_ecog", "ecog", 1000.0, (19000, 6)),
    ("py_neuromodulation_bids_ecog", "dbs", 1000.0, (19000, 3)),
]


@pytest.mark.parametrize(("name", "wanted", "rate", "shape"), REAL)
def test_real_recordings_are_imported(lab, tmp_path, name, wanted, rate, shape):
    pytest.importorskip("mne")
    path = import_recording(lab(name), tmp_path / "a.h5", signal=wanted)
    begun = clock.perf_counter()
    with open_recording(path) as recording:
        # the aim is half a second, here with a busy machine's time to spare
        assert clock.perf_counter() - begun < 2
        assert np.median(np.diff(recording["time"])) == pytest.approx(1 / rate)
        assert abs(recording[wanted].shape[0] - shape[0]) <= 1
        assert recording[wanted].shape[1] == shape[1]
        expected = lab_signal(lab(name), signal=wanted)
        # stored as float32, whose half bit is 6e-8
        np.testing.assert_allclose(
            recording[wanted].values, expected.read(0, expected.frames), rtol=6e-8
        )


def test_a_real_grid_and_a_real_channel_are_imported_with_sidecars(lab, tmp_path):
    grid = tmp_path / "grid.yaml"
    grid.write_text(
        "variable: x_volts\naxes: [row, column, time]\nrate: 160 Hz\nunits: V\n"
        "positions: {pitch: 4 mm, first: upper left}\n"
    )
    path = import_recording(
        lab("mne_ecog/ecog_grid_16x16.h5"), tmp_path / "a.h5",
        options=ReaderOptions(sidecar=grid),
    )  # fmt: skip
    with (
        open_recording(path) as recording,
        h5py.File(lab("mne_ecog/ecog_grid_16x16.h5")) as file,
    ):
        volts = file["x_volts"][()].transpose(2, 0, 1)[:, ::-1]  # y is up
        (field,) = recording.data_vars
        found = recording[field].transpose("time", "y", "x").sortby("y").values
        np.testing.assert_allclose(found, 1e6 * volts, rtol=1e-12)
    one = tmp_path / "one.yaml"
    one.write_text("axes: [time, channel]\nrate: 1 kHz\nunits: uV\n")
    path = import_recording(
        lab("marmoset_exampleChannel_GPL3.mat"), tmp_path / "b.h5",
        options=ReaderOptions(sidecar=one),
    )  # fmt: skip
    with open_recording(path) as recording:
        assert recording.sizes == {"time": 681, "channel": 1}


def test_96_channels_are_imported_faster_than_they_were_recorded(tmp_path):
    """Processor time; 20 times is the aim (benchmarks), 8 allow for a busy machine."""
    path, seconds = tmp_path / "a.ns5", 4
    blackrock(path, counted(RATE * seconds, 96))
    import_recording(path, tmp_path / "a.h5", rate=1000.0, time=(0, 0.1))  # imports
    begun = clock.process_time()
    import_recording(path, tmp_path / "a.h5", rate=1000.0, overwrite=True)
    assert clock.process_time() - begun < seconds / 8


PEAK = """
import sys
from cortexwave.lab.importing import import_recording
import scipy.signal
def peak():
    status = open("/proc/self/status").read()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
before = peak()
import_recording(sys.argv[1], sys.argv[2], rate=1000.0)
print(peak() - before, peak())
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_memory_does_not_grow_with_the_recording(tmp_path):
    peaks = []
    for seconds in (10, 20):  # 58 and 115 MB of holes: sparse files
        path = blackrock(tmp_path / "a.ns5", np.zeros((1, 96)))
        head = bytearray(path.read_bytes()[: -2 * 96])
        head[-4:] = struct.pack("<I", RATE * seconds)
        with path.open("wb") as file:
            file.write(head)
            file.truncate(len(head) + 2 * 96 * RATE * seconds)
        done = subprocess.run(
            [sys.executable, "-c", PEAK, str(path), str(tmp_path / f"{seconds}.h5")],
            check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        peaks.append([float(each) for each in done.stdout.split()])
    (short, _), (long, whole) = peaks
    assert whole < 500  # MB, the interpreter among them
    assert long - short < 30  # half of what the longer file has more


@pytest.mark.parametrize(
    ("wanted", "said"),
    [({"channels": ["chan1", "chan9"]}, r"s\.ns5.*no channel 'chan9'; it has chan1"),
     ({"channels": ["chan1", "chan1"]}, r"channels names 'chan1' twice"),
     ({"channels": []}, r"channels names none"),
     ({"channels": "chan1"}, r"channels is the text 'chan1'; a list"),
     ({"time": 3.0}, r"time is 3\.0; from and to in s are due"),
     ({"time": (3.0, 4.0)}, r"no frame of 'ns5' is from 3 to 4 s; .* from 0 to 2 s"),
     ({"time": (1.0, 0.5)}, r"time is 1 to 0\.5 s; the later is the second"),
     ({"time": (float("nan"), 1.0)}, r"time is nan to 1 s"),
     ({"region": {"x": (0, 1)}}, r"no site of 'ns5' has a place"),
     ({"region": {"r": (0, 1)}}, r"region limits r; it limits x, y or z"),
     ({"region": {"x": (1, 0)}}, r"region is x 1 to 0 mm"),
     ({"array": "V4"}, r"there is no array 'V4'; there are: none with a name"),
     ({"rate": 60000.0}, r"60000 Hz would be made up"),
     ({"signal": "ns2"}, r"no signal 'ns2'; there are:\n  ns5 +4 channels"),
     ({"multiunit": (750.0, 5000.0)}, r"multi-unit activity needs a rate"),
     ({"pitch": 0.4}, r"pitch is 0\.4 mm, but there is no map"),
     ({"options": ReaderOptions(sidecar="a.yaml")}, r"which has no option sidecar")],
)  # fmt: skip
def test_what_cannot_be_had_is_refused_and_no_file_is_left(
    session, tmp_path, wanted, said
):
    with pytest.raises(InputError, match=said):
        import_recording(session, tmp_path / "lab.h5", **wanted)
    assert not list(tmp_path.glob("lab.h5*"))


def test_a_region_away_from_all_contacts_names_where_they_stand(session, tmp_path):
    with pytest.raises(InputError, match=r"in x 3 to 4 mm; they stand in x 0 to 0\.4"):
        import_recording(session, tmp_path / "a.h5", region={"x": (3, 4)},
                         electrodes=tmp_path / "map.csv")  # fmt: skip


def test_values_too_large_for_the_type_are_named(tmp_path):
    np.save(tmp_path / "a.npy", np.full((300, 3), 1e300))
    (tmp_path / "a.yaml").write_text(SIDECAR)
    with pytest.raises(RunError, match=r"part: 'signal' holds 1e\+303, too large"):
        import_recording(tmp_path / "a.npy", tmp_path / "a.h5", dtype="float32")


def test_a_file_is_not_imported_over_itself(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["x"] = np.zeros((2, 300))
    (tmp_path / "a.yaml").write_text(
        "variable: x\naxes: [time, channel]\nrate: 1 kHz\nunits: uV\n"
    )
    before = (tmp_path / "a.mat").read_bytes()
    with pytest.raises(InputError, match=r"is the file that is imported"):
        import_recording(tmp_path / "a.mat", tmp_path / "a.mat", overwrite=True)
    assert (tmp_path / "a.mat").read_bytes() == before


def test_a_file_that_is_there_is_kept_unless_told(session, tmp_path):
    (tmp_path / "notes.h5").write_text("not a recording")
    with pytest.raises(RecordingError, match=r"notes\.h5: exists already"):
        import_recording(session, tmp_path / "notes.h5")
    with pytest.raises(RecordingError, match=r"notes\.h5: is no recording"):
        import_recording(session, tmp_path / "notes.h5", overwrite=True)
    with pytest.raises(RecordingError, match="there is no folder"):
        import_recording(session, tmp_path / "absent" / "a.h5")


def test_codes_need_words_and_labels_must_agree(session, tmp_path):
    (tmp_path / "s.nev").unlink()
    with pytest.raises(InputError, match="no events of kind 'digital'"):
        import_recording(session, tmp_path / "a.h5", codes=tmp_path / "codes.yaml")
    values = np.zeros((300, 3))
    np.save(tmp_path / "a.npy", values)
    (tmp_path / "a.yaml").write_text(SIDECAR)
    with pytest.raises(InputError, match=r"subject is 'L', but .*a\.npy says .* 'K'"):
        import_recording(tmp_path / "a.npy", tmp_path / "a.h5", subject="L")


def test_odd_words_are_warned_of_and_kept_as_a_remark(session, tmp_path):
    nev(tmp_path / "s.nev", [(0.1, 9), (0.2, 77), (0.5, 18)])
    with pytest.warns(UserWarning, match=r"does not say what these words mean: 77"):
        path = import_recording(
            session, tmp_path / "a.h5", codes=tmp_path / "codes.yaml"
        )
    with open_recording(path) as recording:
        assert "77 (1 times)" in recording.attrs["codes_remarks"]


def test_a_file_cut_short_is_refused_or_kept(session, tmp_path):
    with session.open("r+b") as file:
        file.truncate(session.stat().st_size - 8 * RATE)
    with pytest.raises(RecordingError, match="cut off"):
        import_recording(session, tmp_path / "a.h5")
    kept = import_recording(
        session, tmp_path / "a.h5", options=ReaderOptions(truncated="keep")
    )
    assert len(values_of(kept)) == RATE
    with open_recording(kept) as recording:
        assert "ends before" in recording.attrs["truncated"]


def test_values_that_appear_unreadable_midway_leave_a_valid_part(tmp_path):
    values = np.random.default_rng(0).normal(size=(9000, 3))
    as_csv(tmp_path / "a.csv", values)
    text = (tmp_path / "a.csv").read_text().splitlines()
    text[8800] = "1,2,broken"
    (tmp_path / "a.csv").write_text("\n".join(text) + "\n")
    (tmp_path / "a.yaml").write_text(SIDECAR)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cortexwave.lab.importing._AT_ONCE", 2**15)
        with pytest.raises(InputError, match=r"a\.csv:8801.*broken"):
            import_recording(tmp_path / "a.csv", tmp_path / "a.h5")
    found = values_of(tmp_path / "a.h5.part", "signal")
    np.testing.assert_allclose(found, 1e3 * values[: len(found)], rtol=1e-12)
    assert len(found) >= 4096


def invoked(*words):
    return CliRunner().invoke(app, ["import", *map(str, words)])


def test_the_command_does_what_the_function_does(session, tmp_path):
    done = invoked(
        session, "-o", tmp_path / "a.h5", "--time", "0.5:1500 ms", "--rate", "1 kHz",
        "--electrodes", tmp_path / "map.csv", "--region", "x=0:0.1, y=:9",
        "--channels", "chan3, chan1", "--codes", tmp_path / "codes.yaml", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.exception
    assert json.loads(done.stdout) == {"path": str(tmp_path / "a.h5")}
    same = import_recording(
        session, tmp_path / "b.h5", time=(0.5, 1.5), rate=1000.0,
        electrodes=tmp_path / "map.csv", channels=["chan3", "chan1"],
    )  # fmt: skip
    np.testing.assert_array_equal(values_of(tmp_path / "a.h5"), values_of(same))


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--time", "5"], r"--time is '5'; from and to in s are due, as 0:60"),
     (["--time", "0:2 mm"], r"--time: '2 mm' is not a quantity"),
     (["--region", "0:2"], r"--region is '0:2'; limits in mm"),
     (["--rate", "1000"], r"'1000' has no unit"),
     (["--dtype", "int16"], r"--dtype is 'int16', not float32 or float64"),
     (["--truncated", "yes"], r"truncated is 'yes'")],
)  # fmt: skip
def test_options_that_cannot_be_meant_are_named(session, tmp_path, words, said):
    done = invoked(session, "-o", tmp_path / "a.h5", *words)
    assert isinstance(done.exception, InputError)
    with pytest.raises(InputError, match=said):
        raise done.exception


def test_an_array_without_a_sidecar_prints_what_to_write(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((300, 3)))
    done = invoked(tmp_path / "a.npy", "-o", tmp_path / "a.h5")
    assert isinstance(done.exception, InputError)
    assert "rate: ___ Hz" in str(done.exception)
