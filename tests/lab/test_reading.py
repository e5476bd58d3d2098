"""Lab files by one door: the reader that knows them, the signal, its electrodes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pytest

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab import reading
from cortexwave.lab.array_maps import electrode_map
from cortexwave.lab.electrodes import electrodes_at
from cortexwave.lab.reading import (
    ReaderOptions,
    lab_signals,
    read_lab,
    reader_of,
    with_electrodes,
)
from cortexwave.lab.signals import Contacts, Signal


def toy_signal(path: Path, name: str, labels: list[str]) -> Signal:
    def read(start: int, stop: int) -> np.ndarray:
        return np.outer(np.arange(start, stop), np.ones(len(labels)))

    return Signal(name, path, "toy", 1000.0, 0.0, 4000, "uV", read,
                  Contacts.named(labels))  # fmt: skip


def toy(name: str, names: list[str], labels: list[str]) -> ModuleType:
    """A reader of files that end in .toy."""
    reader = ModuleType(f"cortexwave.lab.{name}")

    def signals(path: Path, *, gap_tolerance: float = 0.0) -> list[Signal]:
        return [toy_signal(path, each, labels) for each in names]

    reader.recognises = lambda path: path.suffix == ".toy"  # type: ignore[attr-defined]
    reader.signals = signals  # type: ignore[attr-defined]
    return reader


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "run.toy"
    made.write_bytes(b"toy")
    return made


@pytest.fixture
def readers(monkeypatch):
    def are(*found: ModuleType) -> None:
        monkeypatch.setattr(reading, "_readers", lambda: list(found))

    return are


LABELS = ["chan1", "chan2", "chan3"]


def test_the_only_signal_is_taken_and_read_when_it_is_used(path, readers):
    readers(toy("toys", ["lfp"], LABELS))
    recording = read_lab(path)
    assert recording["lfp"].dims == ("time", "channel")
    assert recording["channel"].values.tolist() == LABELS
    assert recording["lfp"][7].values.tolist() == [7.0, 7.0, 7.0]
    assert recording.attrs["origin"] == "lab"


def test_of_several_signals_one_is_named_and_all_are_listed(path, readers):
    readers(toy("toys", ["ns2", "processing/ecephys/LFP"], LABELS))
    with pytest.raises(InputError, match=r"2 signals; say which") as error:
        read_lab(path)
    assert "ns2" in str(error.value)
    assert "3 channels, 1000 Hz, 4 s, uV" in str(error.value)
    assert "ns2" in read_lab(path, signal="ns2")
    assert "processing_ecephys_LFP" in read_lab(path, signal="LFP")
    with pytest.raises(InputError, match="no signal 'ns5'; there are"):
        read_lab(path, signal="ns5")


def test_electrodes_are_placed_by_their_labels(path, readers):
    readers(toy("toys", ["lfp"], LABELS))
    mapped = electrodes_at(
        ["chan3", "chan1", "other"], np.array([(3, 0), (1, 0), (9, 9)])
    )
    recording = read_lab(path, electrodes=mapped)
    assert recording["x"].values == pytest.approx([1.0, np.nan, 3.0], nan_ok=True)
    assert recording.attrs["electrodes_matched"] == "by label"
    assert recording.attrs["electrodes_without"] == "chan2"


def test_a_map_of_numbers_fits_labels_of_one_word_and_a_number(path, readers, tmp_path):
    readers(toy("toys", ["lfp"], LABELS))
    table = tmp_path / "electrodes.tsv"
    table.write_text("name\tx\ty\n3\t0.8\t0\n2\t0.4\t0\n1\t0\t0\n")
    recording = read_lab(path, electrodes=table)
    assert recording["x"].values == pytest.approx([0, 0.4, 0.8])
    assert recording.attrs["electrodes_matched"] == "by the number in the label"


def test_a_map_of_other_labels_is_refused(path, readers):
    signal = toy_signal(path, "lfp", ["A1", "B1"])
    with pytest.raises(InputError, match=r"none of the 2 channels.*A1, B1.*r0c0"):
        with_electrodes(signal, electrode_map((2, 2, 0.4)))


@pytest.mark.parametrize("array", ["4x4 0.4 mm", "utah_10x10"])
def test_an_array_without_the_labels_of_the_channels_asks_for_a_table(
    path, readers, tmp_path, array
):
    signal = toy_signal(path, "lfp", [f"e{k}" for k in range(1, 17)])
    with pytest.raises(InputError, match="columns label, x_mm, y_mm") as error:
        with_electrodes(signal, electrode_map(array))
    # the row that the message shows is one of such a table
    table = tmp_path / "map.csv"
    table.write_text("label,x_mm,y_mm\n" + str(error.value).rpartition(": ")[2])
    assert electrode_map(table).labels == ("e1",)


def test_a_cmp_map_gets_its_pitch(path, readers, tmp_path):
    readers(toy("toys", ["lfp"], LABELS))
    cmp = tmp_path / "a.cmp"
    cmp.write_text("map\n0 0 A 1 chan1\n1 0 A 2 chan2\n0 1 A 3 chan3\n")
    recording = read_lab(path, electrodes=cmp, pitch=0.4)
    assert recording["y"].values == pytest.approx([0, 0, 0.4])


def test_options_go_to_the_reader_that_has_them(path, readers):
    readers(toy("toys", ["lfp"], LABELS))
    assert len(lab_signals(path, options=ReaderOptions(gap_tolerance=0.1))) == 1
    with pytest.raises(InputError, match="read as toys, which has no option sidecar"):
        lab_signals(path, options=ReaderOptions(sidecar="a.yaml"))


def test_files_unknown_absent_or_empty_are_said_so(path, readers, tmp_path):
    readers(toy("toys", [], LABELS))
    with pytest.raises(RecordingError, match="read as toys, it holds no signal"):
        read_lab(path)
    with pytest.raises(RecordingError, match="no such file"):
        read_lab(tmp_path / "absent.toy")
    other = tmp_path / "a.xyz"
    other.write_bytes(b"?")
    with pytest.raises(
        RecordingError, match="no reader knows this file; there are toys"
    ):
        read_lab(other)


@pytest.mark.parametrize(
    ("name", "raw", "said"),
    [
        ("a.ns5", b"", "an empty file"),
        ("a.ns5", b"x" * 999, r"does not begin as a Blackrock file \.ns5 does"),
        ("a.rhd", bytes(999), r"does not begin as an Intan file \.rhd does"),
        ("a.PLX", b"x" * 999, r"does not begin as a Plexon file \.plx does"),
    ],
)
def test_a_damaged_file_of_a_maker_is_not_called_of_no_kind(tmp_path, name, raw, said):
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(RecordingError, match=said):
        read_lab(tmp_path / name)


def test_two_contacts_of_a_sidecar_at_one_place_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((50, 3)))
    (tmp_path / "a.yaml").write_text(
        "axes: [time, channel]\nrate: 1 kHz\nunits: uV\npositions: {unit: mm, table: "
        "{ch1: [0, 0], ch2: [0.4, 0], ch3: [0, 0]}}\n"
    )
    with pytest.raises(InputError, match=r"4: positions: ch1 and ch3 stand at one"):
        read_lab(tmp_path / "a.npy")


def test_what_the_file_said_of_positions_goes_where_a_map_replaces_them(path):
    said = {"positions": "unknown", "reference": "skull"}
    signal = replace(toy_signal(path, "lfp", LABELS), attributes=said)
    mapped = electrodes_at(LABELS, np.array([(0, 0), (1, 0), (2, 0)]))
    assert with_electrodes(signal, mapped).attributes == {
        "reference": "skull", "electrodes_matched": "by label",
    }  # fmt: skip


def test_maps_and_recordings_of_our_own_are_told_apart_from_labs(tmp_path):
    for name in ("a.cmp", "sub-1_electrodes.tsv"):
        (tmp_path / name).write_text("label\tx\ty\n")
        with pytest.raises(InputError, match="a map of electrodes, not a recording"):
            read_lab(tmp_path / name)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs.update(schema_version=1, n_valid=0)
    with pytest.raises(InputError, match="a recording of cortexwave already"):
        read_lab(tmp_path / "a.h5")


def test_the_first_of_the_readers_that_know_a_file_reads_it(path, readers):
    first, second = toy("one", ["a"], LABELS), toy("two", ["b"], LABELS)
    readers(first, second)
    assert reader_of(path) is first


def test_readers_are_found_by_being_there():
    for reader in reading._readers():
        assert callable(reader.recognises)
        assert callable(reader.signals)
    assert reading not in reading._readers()


def test_looking_for_a_reader_loads_no_heavy_library():
    script = (
        "import sys\n"
        "from cortexwave.lab import reading\n"
        "reading._readers()\n"
        "heavy = ('pynwb', 'neo', 'mne', 'probeinterface', 'hdmf')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
