"""Makers' files: bytes written here by the public file specifications, read back.

Blackrock: "File Formats for Blackrock Data Acquisition Systems", versions 2.2, 2.3
and 3.0 (each frame with its time, "PTP", as Gemini writes). neo reads the same files.
"""

from __future__ import annotations

import json
import struct
import sys
import time
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from blackrock_files import (
    GAIN,
    RATE,
    block,
    block_head,
    channel,
    comment,
    electrodes,
    headers,
    nev_head,
    waveform,
    word,
)

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.importing import import_recording, importing
from cortexwave.lab.nev import nev_events
from cortexwave.lab.signals import as_recording
from cortexwave.lab.vendor import recognises, signals
from cortexwave.lab.wanted import Wanted
from cortexwave.recording.export import export_nwb
from cortexwave.recording.reader import open_recording
from cortexwave.simulation import resume

FRAMES = 600

MEGABYTES = 8 << 20  # the error's own text and the test's take one or two


@pytest.fixture
def allocated():
    """Most bytes allocated since the test began."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def counted(frames=FRAMES, channels=3, seed=0):
    return np.random.default_rng(seed).integers(-32764, 32765, (frames, channels))


def written(path, version=(2, 3), *, blocks=None, channels=3, **given):
    blocks = [(0, counted(channels=channels))] if blocks is None else blocks
    parts = [block(version, clock, counts) for clock, counts in blocks]
    head = headers(version, electrodes(channels, "elec"), **given)
    path.write_bytes(head + b"".join(parts))
    return path


def packets(path, clocks, counts):
    """A 3.0 file of the kind whose frames have a time each, in ns."""
    parts = [block((3, 0), int(clock), frame[None])
             for clock, frame in zip(clocks, counts, strict=True)]  # fmt: skip
    each = electrodes(counts.shape[1], "elec")
    head = headers((3, 0), each, resolution=10**9)
    path.write_bytes(head + b"".join(parts))
    return path


def events_file(path, words, version=(2, 3), comments=()):
    """A .nev of (clock, reason, word) and (clock, text)."""
    parts = [(clock, word(version, clock, reason, value))
             for clock, reason, value in words]  # fmt: skip
    parts += [(clock, comment(version, clock, text)) for clock, text in comments]
    if comments:
        parts.sort()
    head = nev_head(version, [waveform(k) for k in (1, 2, 3)])
    path.write_bytes(head + b"".join(part for _, part in parts))
    return path


@pytest.mark.parametrize("version", [(2, 2), (2, 3), (3, 0)])
def test_counts_become_microvolts_by_the_range_of_each_channel(tmp_path, version):
    found = signals(written(tmp_path / "a.ns5", version))
    assert [one.name for one in found] == ["ns5"]
    assert found[0].rate == RATE and found[0].units == "uV"
    assert found[0].contacts.names == ("elec1", "elec2", "elec3")
    # a quarter of a whole number below 2^15 is exact in float32
    np.testing.assert_array_equal(found[0].read(0, FRAMES), GAIN * counted())


@pytest.mark.parametrize("version", [(2, 2), (2, 3), (3, 0)])
def test_neo_reads_the_same_from_a_file_of_blocks(tmp_path, version):
    rawio = pytest.importorskip("neo.rawio")
    path = written(tmp_path / "a.ns5", version,
                   blocks=[(0, counted()), (60000, counted(300, seed=1))])  # fmt: skip
    reader = rawio.BlackrockRawIO(str(path), nsx_to_load=5)
    reader.parse_header()
    ours = signals(path)
    assert [one.frames for one in ours] == [600, 300]
    assert [one.start for one in ours] == [0.0, 2.0]
    for at, one in enumerate(ours):
        raw = reader.get_analogsignal_chunk(0, at, stream_index=0)
        theirs = reader.rescale_signal_raw_to_float(raw, "float32", stream_index=0)
        np.testing.assert_array_equal(one.read(0, one.frames), theirs)
        assert one.start == reader.get_signal_t_start(0, at, 0)


def test_neo_reads_the_same_from_a_file_of_timed_frames(tmp_path):
    rawio = pytest.importorskip("neo.rawio")
    clocks = 10**12 + np.round(np.arange(FRAMES) * 1e9 / RATE)
    path = packets(tmp_path / "a.ns6", clocks, counted())
    reader = rawio.BlackrockRawIO(str(path), nsx_to_load=6)
    reader.parse_header()
    (ours,) = signals(path)
    raw = reader.get_analogsignal_chunk(0, 0, stream_index=0)
    theirs = reader.rescale_signal_raw_to_float(raw, "float32", stream_index=0)
    np.testing.assert_array_equal(ours.read(0, FRAMES), theirs)
    assert ours.start == reader.get_signal_t_start(0, 0, 0) == 1000.0


def test_a_part_is_read_as_that_part_of_the_whole(tmp_path):
    recording = as_recording(signals(written(tmp_path / "a.ns5"))[0])
    part = recording.ns5.isel(time=slice(17, 400), channel=[2, 0]).values
    np.testing.assert_array_equal(part, GAIN * counted()[17:400][:, [2, 0]])
    assert recording.time[17].item() == pytest.approx(17 / RATE)


def test_a_pause_parts_a_recording(tmp_path):
    blocks = [(0, counted()), (30000, counted(30, seed=1))]
    first, second = signals(written(tmp_path / "a.ns5", blocks=blocks))
    assert (first.name, second.name) == ("ns5_1", "ns5_2")
    assert (second.start, second.frames) == (1.0, 30)
    np.testing.assert_array_equal(second.read(0, 30), GAIN * counted(30, seed=1))


def test_blocks_that_follow_each_other_are_one_signal(tmp_path):
    whole = counted()
    blocks = [(0, whole[:200]), (200, whole[200:450]), (450, whole[450:])]
    (signal,) = signals(written(tmp_path / "a.ns5", (3, 0), blocks=blocks))
    np.testing.assert_array_equal(signal.read(0, FRAMES), GAIN * whole)
    np.testing.assert_array_equal(signal.read(190, 460), GAIN * whole[190:460])


def test_frames_missing_within_the_tolerance_are_nan(tmp_path):
    blocks = [(0, counted(100)), (130, counted(50, seed=1))]
    path = written(tmp_path / "a.ns5", blocks=blocks)
    assert len(signals(path)) == 2
    (signal,) = signals(path, gap_tolerance=2e-3)
    values = signal.read(0, signal.frames)
    assert signal.frames == 180
    assert np.isnan(values[100:130]).all()
    np.testing.assert_array_equal(values[130:], GAIN * counted(50, seed=1))
    np.testing.assert_array_equal(signal.read(110, 135), values[110:135])


def test_a_lost_packet_parts_timed_frames(tmp_path):
    frame = np.delete(np.arange(FRAMES), [200, 201, 202])
    path = packets(tmp_path / "a.ns6", np.round(frame * 1e9 / RATE), counted()[frame])
    assert [one.frames for one in signals(path)] == [200, 397]
    (filled,) = signals(path, gap_tolerance=1e-3)
    values = filled.read(0, FRAMES)
    assert np.flatnonzero(np.isnan(values[:, 0])).tolist() == [200, 201, 202]
    np.testing.assert_array_equal(values[frame], GAIN * counted()[frame])


def test_a_clock_that_drifts_gives_the_rate_that_it_measures(tmp_path):
    drifting = RATE * (1 + 2e-3)  # 1.2 frames in 600
    clocks = np.round(np.arange(FRAMES) * 1e9 / drifting)
    (signal,) = signals(packets(tmp_path / "a.ns6", clocks, counted()))
    # clocks are rounded to a ns of 20 ms
    assert signal.rate == pytest.approx(drifting, rel=1e-6)
    assert signal.attributes["nominal_rate"] == RATE


def test_the_period_gives_the_rate_of_a_slow_stream(tmp_path):
    (signal,) = signals(written(tmp_path / "a.ns2", period=30))
    assert signal.rate == 1000.0
    assert signal.attributes["amplifier_band"] == [0.3, 7500.0]


def test_files_of_specification_2_1_are_read_through_neo(tmp_path):
    """Its gains, in nV per bit, stand in the .nev; without one, counts are counts."""
    pytest.importorskip("neo")
    path, counts = tmp_path / "a.ns5", counted()
    path.write_bytes(struct.pack("<8s16sII3I", b"NEURALSG", b"30 kS/s", 1, 3, 1, 2, 3)
                     + counts.astype("<i2").tobytes())  # fmt: skip
    (raw,) = signals(path)
    assert (raw.name, raw.units) == ("ns5_raw", "1")
    np.testing.assert_array_equal(raw.read(0, 9), counts[:9])
    events_file(tmp_path / "a.nev", [(60, 1, 5)], (2, 1))
    (signal,) = signals(path, stream="ns5")
    assert (signal.name, signal.units) == ("ns5", "uV")
    np.testing.assert_array_equal(signal.read(0, 9), GAIN * counts[:9])
    assert signal.events.kind.values.tolist() == ["digital"]
    assert signal.events.item.values.tolist() == ["5"]


def test_analog_inputs_are_a_signal_apart_in_microvolts(tmp_path):
    path = tmp_path / "a.ns5"
    channels = [
        channel(1, "elec1"),
        channel(129, "ainp1", unit=b"mV", analog=(-5000, 5000)),
        channel(2, "elec2"),
    ]
    counts = counted()
    path.write_bytes(headers((2, 3), channels) + block((2, 3), 0, counts))
    electrodes, analog = signals(path)
    assert (electrodes.name, analog.name) == ("ns5", "ns5_analog")
    assert electrodes.contacts.names == ("elec1", "elec2")
    np.testing.assert_array_equal(electrodes.read(0, 9), GAIN * counts[:9, [0, 2]])
    expected = counts[:9, [1]] * (5000 / 32764) * 1e3
    # float32 keeps some 7 figures
    np.testing.assert_allclose(analog.read(0, 9), expected, rtol=1e-6)


def test_a_stream_is_chosen_by_name_beside_a_nev(tmp_path):
    written(tmp_path / "a.ns2", period=30)
    written(tmp_path / "a.ns5")
    written(tmp_path / "other.ns6")
    nev = events_file(tmp_path / "a.nev", [])
    assert [one.name for one in signals(nev)] == ["ns2", "ns5"]
    assert [one.name for one in signals(nev, stream="ns5")] == ["ns5"]
    with pytest.raises(InputError, match=r"no stream 'ns6'.*ns2, ns5"):
        signals(nev, stream="ns6")


@pytest.mark.parametrize("version", [(2, 3), (3, 0)])
def test_digital_words_and_comments_are_events(tmp_path, version):
    written(tmp_path / "a.ns5", version)
    words = [(60, 1, 65280), (90, 129, 7), (150, 64, 9), (99999, 1, 3)]
    nev = events_file(tmp_path / "a.nev", words, version, [(300, b"reward")])
    (signal,) = signals(tmp_path / "a.ns5")
    table = signal.events
    assert table.kind.values.tolist() == ["digital", "serial", "comment"]
    assert table.item.values.tolist() == ["65280", "7", "reward"]
    np.testing.assert_allclose(table.onset, [0.002, 0.003, 0.01], rtol=1e-12)
    assert nev_events(nev).sizes["event"] == 4  # with the one after the last frame


def test_neo_finds_the_same_words(tmp_path):
    rawio = pytest.importorskip("neo.rawio")
    written(tmp_path / "a.ns5")
    words = [(60 + 30 * k, 1, k) for k in range(12)]
    nev = events_file(tmp_path / "a.nev", words)
    reader = rawio.BlackrockRawIO(str(nev), nsx_to_load=5)
    reader.parse_header()
    times, _, labels = reader.get_event_timestamps(0, 0, 0)
    ours = nev_events(nev)
    assert ours.item.values.tolist() == labels.tolist()
    np.testing.assert_allclose(
        ours.onset, reader.rescale_event_timestamp(times, "float64", 0), rtol=1e-12
    )


def test_events_follow_their_part_when_the_clock_is_set_back(tmp_path):
    blocks = [(0, counted(9000)), (0, counted(9000, seed=1))]
    written(tmp_path / "a.ns5", blocks=blocks)
    nev = events_file(tmp_path / "a.nev", [(8000, 1, 1), (300, 1, 2), (8100, 1, 3)])
    first, second = signals(tmp_path / "a.ns5")
    assert first.events.item.values.tolist() == ["1"]
    assert second.events.item.values.tolist() == ["2", "3"]
    with pytest.raises(InputError, match="set back 1 times"):
        nev_events(nev)


def test_a_file_that_was_cut_off_is_refused_or_read_as_far_as_it_goes(tmp_path):
    path = written(tmp_path / "a.ns5")
    path.write_bytes(path.read_bytes()[: -6 * 100 - 1])
    with pytest.raises(
        RecordingError, match=r"a\.ns5: cut off.*600 frames and has 499"
    ):
        signals(path)
    (signal,) = signals(path, truncated="keep")
    np.testing.assert_array_equal(signal.read(0, 499), GAIN * counted()[:499])
    assert "truncated" in signal.attributes


def test_timed_frames_that_were_cut_off_are_refused(tmp_path):
    path = packets(tmp_path / "a.ns6", np.arange(9) * 33333, counted(9))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RecordingError, match="cut off within frame 8"):
        signals(path)
    assert signals(path, truncated="keep")[0].frames == 8


@pytest.mark.parametrize(
    ("at", "raw", "said"),
    [
        (10, struct.pack("<I", 2**31), "its header says it has 2147483648 bytes"),
        (310, struct.pack("<I", 2**31), "it needs 141733921082"),
        (310, struct.pack("<I", 0), "no channels"),
        (8, b"\x04\x00", "file specification 4.0 is not known"),
        (286, bytes(8), "gives no clock"),
        (314, b"XX", "channel 1 of 3 has no header"),
        (314 + 22, bytes(4), "no digital range"),
        (314 + 30, b"K".ljust(16, b"\0"), "elec1 are not voltages"),
        (314 + 66 + 4, b"elec1".ljust(16, b"\0"), "channel labels stand twice: elec1"),
        (512, b"\x07", "no block begins at byte 512"),
        (517, struct.pack("<I", 2**32 - 1), "says 4294967295 frames and has 600"),
    ],
)
def test_a_damaged_header_is_named_before_anything_is_allocated(
    tmp_path, allocated, at, raw, said
):
    path = written(tmp_path / "a.ns5")
    whole = bytearray(path.read_bytes())
    whole[at : at + len(raw)] = raw
    path.write_bytes(whole)
    with pytest.raises(RecordingError, match=said) as caught:
        signals(path)
    assert allocated() < MEGABYTES
    assert "a.ns5" in str(caught.value)


def test_a_short_or_foreign_file_is_not_recognised(tmp_path):
    for name, raw in [("a.ns5", b"NEURAL"), ("b.ns5", b"x" * 999), ("c.nev", b""),
                      ("d.rhd", b"PK\3\4"), ("e.txt", b"NEURALCD")]:  # fmt: skip
        (tmp_path / name).write_bytes(raw)
        assert not recognises(tmp_path / name)
        with pytest.raises(RecordingError, match="not a file of these makers"):
            signals(tmp_path / name)
    assert not recognises(tmp_path)
    with pytest.raises(RecordingError, match="no such file"):
        signals(tmp_path / "absent.ns5")


def test_a_nev_alone_says_that_it_holds_events(tmp_path):
    nev = events_file(tmp_path / "a.nev", [(0, 1, 1)])
    assert recognises(nev)
    with pytest.raises(RecordingError, match=r"no \.ns1 to \.ns6 file"):
        signals(nev)


def test_a_long_file_is_read_in_little_memory(tmp_path, allocated):
    path = tmp_path / "a.ns5"
    frames = 30_000_000  # 180 MB of holes: a sparse file
    head = headers((2, 3), electrodes(3)) + block_head((2, 3), 0, frames)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + 6 * frames)
    (signal,) = signals(path)
    last = signal.read(frames - 1000, frames)
    assert allocated() < MEGABYTES
    assert (last == 0).all()


def test_96_channels_are_read_at_least_20_times_as_fast_as_they_were_recorded(tmp_path):
    """Processor time, and some hundred times here: a wide margin on a busy machine."""
    path, seconds = tmp_path / "a.ns5", 5
    head = headers((2, 3), electrodes(96)) + block_head((2, 3), 0, 30000 * seconds)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + 192 * 30000 * seconds)
    (signal,) = signals(path)
    begun = time.process_time()
    for at in range(seconds):
        signal.read(30000 * at, 30000 * (at + 1))
    assert time.process_time() - begun < seconds / 20


def test_a_pl2_file_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "a.pl2"
    path.write_bytes(bytes(100))
    assert recognises(path)
    with pytest.raises(RecordingError, match=r"a\.pl2: only Plexon's own.*\.plx"):
        signals(path)


def open_ephys(folder: Path, counts) -> Path:
    """A recording of Open Ephys's binary format (GUI 0.6), one stream, no events."""
    place = folder / "Record Node 101" / "experiment1" / "recording1"
    stream = place / "continuous" / "Acquisition_Board-100.Data"
    stream.mkdir(parents=True)
    described = [{"channel_name": f"CH{k + 1}", "bit_volts": 0.195, "units": "uV",
                  "description": "", "identifier": "", "history": ""}
                 for k in range(counts.shape[1])]  # fmt: skip
    (place / "structure.oebin").write_text(json.dumps({
        "GUI version": "0.6.0",
        "continuous": [{
            "folder_name": "Acquisition_Board-100.Data/", "sample_rate": 1000.0,
            "num_channels": counts.shape[1], "channels": described,
            "stream_name": "Data", "source_processor_name": "Acquisition Board",
            "source_processor_id": 100, "recorded_processor": "Record Node",
            "recorded_processor_id": 101,
        }],
        "events": [], "spikes": [],
    }))  # fmt: skip
    counts.astype("<i2").tofile(stream / "continuous.dat")
    np.save(stream / "sample_numbers.npy", np.arange(len(counts)))
    np.save(stream / "timestamps.npy", np.arange(len(counts)) / 1000.0)
    return folder


def test_open_ephys_is_read_through_neo(tmp_path):
    pytest.importorskip("neo")
    counts = counted(500, 4) // 8
    folder = open_ephys(tmp_path / "session", counts)
    assert recognises(folder)
    (signal,) = signals(folder)
    assert (signal.rate, signal.units, signal.frames) == (1000.0, "uV", 500)
    assert signal.contacts.names == ("CH1", "CH2", "CH3", "CH4")
    np.testing.assert_allclose(signal.read(20, 30), 0.195 * counts[20:30], rtol=1e-6)
    values = as_recording(signal)[signal.name].isel(time=slice(3, 9)).values
    np.testing.assert_allclose(values, 0.195 * counts[3:9], rtol=1e-6)


def test_a_folder_that_neo_reads_is_imported_and_gone_on_with_inside_it(tmp_path):
    pytest.importorskip("neo")
    counts = counted(9000, 4) // 8
    folder = open_ephys(tmp_path / "session", counts)
    steps = importing(folder, folder / "a.h5", Wanted(channels=("CH3", "CH1")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cortexwave.lab.importing._AT_ONCE", 2**12)
        next(steps)
        next(steps)
    steps.close()
    with open_recording(resume(folder / "a.h5.part")) as recording:
        (name,) = recording.data_vars
        np.testing.assert_allclose(
            recording[name].values, 0.195 * counts[:, [2, 0]], rtol=1e-6
        )
        assert recording.attrs["source_files"].count("a.h5") == 0


def test_spikeglx_is_read_through_neo_with_its_digital_lines(tmp_path):
    """A NIDQ stream of two analog channels and a word of digital lines."""
    pytest.importorskip("neo")
    counts = counted(500)
    counts[:, 2] = 0
    counts[100:200, 2] = 1
    path = tmp_path / "run_g0_t0.nidq.bin"
    path.write_bytes(counts.astype("<i2").tobytes())
    path.with_suffix(".meta").write_text("\n".join([
        "typeThis=nidq", "fileName=D:/run_g0_t0.nidq.bin", "nSavedChans=3",
        "snsMnMaXaDw=0,0,2,1", "niSampRate=10000", "niAiRangeMax=5",
        "niAiRangeMin=-5", "niMNGain=200", "niMAGain=1", "fileSizeBytes=3000",
        "fileTimeSecs=0.05", "firstSample=0", "snsSaveChanSubset=all",
        "niXDBytes1=1", "niXDChans1=0", "syncNiChan=0",
        "~snsChanMap=(0,0,1,2,1)(XA0;0:0)(XA1;1:1)(XD0;2:2)", "",
    ]))  # fmt: skip
    assert recognises(path) and recognises(tmp_path)
    (signal,) = signals(path)
    assert (signal.name, signal.rate, signal.units) == ("nidq", 10000.0, "uV")
    expected = counts[:9, :2] * 5e6 / 32768  # 5 V over 2^15
    np.testing.assert_allclose(signal.read(0, 9)[:, :2], expected, rtol=1e-6)
    assert signal.events.item.values.tolist() == ["XD0 ON", "XD0 OFF"]
    np.testing.assert_allclose(signal.events.onset, [0.01, 0.02])


def ncs(path, values, times_of_records, rate=2000.0):
    """A Neuralynx .ncs: a text header of 16 kB, records of 512 samples."""
    said = "\r\n".join([
        "######## Neuralynx Data File Header",
        "## File Name C:\\x\\CSC1.ncs",
        "## Time Opened (m/d/y): 1/2/2013  (h:m:s.ms) 10:0:0.0",
        "## Time Closed (m/d/y): 1/2/2013  (h:m:s.ms) 10:1:0.0",
        "-FileType CSC", "-FileVersion 3.3.0", "-RecordSize 1044",
        "-CheetahRev 5.6.0", "-HardwareSubSystemName AcqSystem1",
        "-HardwareSubSystemType DigitalLynx", f"-SamplingFrequency {rate:g}",
        "-ADMaxValue 32767", "-ADBitVolts 0.00000003", "-AcqEntName CSC1",
        "-NumADChannels 1", "-ADChannel 0", "-InputRange 1000",
        "-InputInverted False", "-DSPLowCutFilterEnabled True",
    ])  # fmt: skip
    record = np.dtype([("time", "<u8"), ("channel", "<u4"), ("rate", "<u4"),
                       ("valid", "<u4"), ("values", "<i2", 512)])  # fmt: skip
    records = np.zeros(len(times_of_records), record)
    records["time"], records["rate"], records["valid"] = times_of_records, rate, 512
    records["values"] = values.reshape(-1, 512)
    path.write_bytes(said.encode("latin-1").ljust(16384, b"\0") + records.tobytes())
    return path


def test_neuralynx_is_read_through_neo_and_parted_at_its_gap(tmp_path):
    pytest.importorskip("neo")
    counts = counted(4 * 512, 1)[:, 0]
    lasting = 512 / 2000.0 * 1e6  # us, of a record
    times = np.array([0, 1, 10, 11]) * lasting + 5e6
    path = ncs(tmp_path / "CSC1.ncs", counts, times)
    found = signals(path)
    assert [one.frames for one in found] == [1024, 1024]
    assert found[1].start - found[0].start == pytest.approx(10 * lasting / 1e6)
    np.testing.assert_allclose(
        found[1].read(0, 9)[:, 0], counts[1024:1033] * 0.03, rtol=1e-5
    )
    assert found[0].units == "uV"


def test_what_neo_cannot_read_is_one_error_that_names_the_file(tmp_path):
    pytest.importorskip("neo")
    path = tmp_path / "a.rhd"
    path.write_bytes(b"\x02\x27\x91\xc6" + b"\xff" * 40)
    assert recognises(path)
    with pytest.raises(
        RecordingError, match=r"a\.rhd: not readable as a file of Intan"
    ):
        signals(path)


def test_without_neo_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "neo.rawio", None)
    path = tmp_path / "a.plx"
    path.write_bytes(b"PLEX" + bytes(100))
    with pytest.raises(InputError, match=r"needs neo: pip install 'cortexwave\[lab\]'"):
        signals(path)


@pytest.mark.parametrize(
    ("option", "said"),
    [({"truncated": "yes"}, "truncated is 'yes'; refuse and keep"),
     ({"gap_tolerance": -1.0}, r"gap_tolerance is -1\.0 s; it is 0 or more")],
)  # fmt: skip
def test_options_of_no_meaning_are_refused(tmp_path, option, said):
    with pytest.raises(InputError, match=said):
        signals(written(tmp_path / "a.ns5"), **option)


def test_the_date_of_the_header_is_the_start_of_the_session(tmp_path):
    # the fourth word is the day, the third that of the week
    (signal,) = signals(written(tmp_path / "a.ns2"))
    assert signal.attributes["session_start_time"] == "2024-05-07T12:00:00+00:00"


def test_a_header_without_a_date_has_no_start_of_the_session(tmp_path):
    path = written(tmp_path / "a.ns2")
    raw = bytearray(path.read_bytes())
    raw[294:310] = bytes(16)  # 8 words before the number of channels at 310
    path.write_bytes(raw)
    (signal,) = signals(path)
    assert "session_start_time" not in signal.attributes


def test_an_import_with_a_date_leaves_as_nwb_without_a_start_given(tmp_path):
    pynwb = pytest.importorskip("pynwb")
    made = import_recording(written(tmp_path / "a.ns2"), tmp_path / "a.h5")
    with open_recording(made) as recording:
        path = export_nwb(recording, tmp_path / "a.nwb")
    with pynwb.NWBHDF5IO(path, "r") as opened:
        start = opened.read().session_start_time
    assert start == datetime(2024, 5, 7, 12, tzinfo=UTC)
