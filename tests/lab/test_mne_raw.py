"""MNE's raw files are as MNE reads them, in uV and mm, each type of channel apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab import mne_raw
from cortexwave.lab.grids import to_grid
from cortexwave.lab.signals import Signal, as_recording

mne = pytest.importorskip("mne")

_LAB = Path(__file__).resolve().parents[3] / "shared" / "lab"
RATE = 250.0


def _ecog() -> Path:
    path = _LAB / "mne_ecog" / "sample_ecog_ieeg.fif"
    if not path.exists():
        pytest.skip("lab/mne_ecog is not beside this checkout")
    return path


def _fif(folder: Path, *, places: Any = None, first: int = 0, day: Any = None) -> Path:
    """Three ECoG channels of 1 mV noise and a code channel, 2 s."""
    names, kinds = ["A1", "A2", "A3", "STI"], ["ecog"] * 3 + ["stim"]
    info = mne.create_info(names, RATE, kinds)
    values = 1e-3 * np.random.default_rng(0).standard_normal((4, 500))
    values[3] = 7.0
    raw = mne.io.RawArray(values, info, first_samp=first, verbose="ERROR")
    raw.info["bads"] = ["A2"]
    for name, at in zip(names[:3], [] if places is None else places, strict=False):
        raw.info["chs"][names.index(name)]["loc"][:3] = at
    raw.set_meas_date(day)
    onset = 0.5 + (first / RATE if day else 0.0)
    raw.set_annotations(mne.Annotations([onset], [0.25], ["go"], orig_time=day))
    raw.save(folder / "a_raw.fif", fmt="double", verbose="ERROR")
    return folder / "a_raw.fif"


def _ecog_of(path: Path) -> Signal:
    return next(signal for signal in mne_raw.signals(path) if signal.name == "ecog")


def test_the_real_grid_is_as_mne_reads_it():
    path = _ecog()
    assert mne_raw.recognises(path)
    raw = mne.io.read_raw_fif(path, preload=True, verbose="ERROR")
    signal = _ecog_of(path)
    recording = as_recording(signal)
    volts = raw.get_data("ecog")
    assert (signal.rate, signal.shape, signal.units) == (160.0, (113, 320), "uV")
    assert list(recording.channel.values) == raw.ch_names[:320]
    # values are kept in float32, whose rounding is 6e-8
    np.testing.assert_allclose(recording.ecog.values.T, 1e6 * volts, rtol=1e-6)
    placed = raw.get_montage().get_positions()["ch_pos"]
    metres = np.array([placed[name] for name in raw.ch_names[:320]])
    np.testing.assert_allclose(signal.contacts.positions, 1e3 * metres)


def test_the_real_grid_has_a_pitch_of_4_mm_along_rows():
    at = _ecog_of(_ecog()).contacts.positions[:256].reshape(16, 16, 3)
    steps = np.linalg.norm(np.diff(at, axis=1), axis=-1)
    # measured contacts on a curved cortex: the median is that of the sheet
    assert np.median(steps) == pytest.approx(4.0, abs=0.2)


def test_the_electrodes_of_a_head_are_told_by_the_letters_of_their_contacts():
    recording = as_recording(_ecog_of(_ecog()))
    names, counts = np.unique(recording["array"].values.astype(str), return_counts=True)
    assert dict(zip(names, counts, strict=True)) == {"G": 256, "OFMG": 64}
    grid = to_grid(recording, array="G")
    assert dict(grid.sizes) == {"time": 113, "y": 16, "x": 16}


@pytest.mark.parametrize(
    ("labels", "arrays"),
    [
        (["LA1", "LA2", "RA1", "RA12"], ("LA", "LA", "RA", "RA")),
        (["A_1", "A_2", "B-1", "B 2"], ("A", "A", "B", "B")),
        (["TP'1", "TP'2", "TP1"], ("TP'", "TP'", "TP")),
        (["G1", "G2"], ("", "")),
        (["A1", "B1", "C1"], ("", "", "")),
        (["G1", "G2", "Cz"], ("", "", "")),
        (["1", "2"], ("", "")),
    ],
)
def test_only_letters_that_tell_electrodes_apart_do(labels, arrays):
    assert mne_raw.arrays_of(labels) == arrays


def test_types_stand_apart_and_codes_are_no_voltage(tmp_path):
    found = {signal.name: signal for signal in mne_raw.signals(_fif(tmp_path))}
    assert {name: signal.units for name, signal in found.items()} == {
        "ecog": "uV", "stim": "1",
    }  # fmt: skip
    assert (found["stim"].read(0, 3) == 7.0).all()


def test_bad_channels_are_said_and_unknown_places_are_nan(tmp_path):
    contacts = _ecog_of(_fif(tmp_path, places=[[0.01, 0, 0], [0, 0, 0]])).contacts
    assert contacts.good.tolist() == [True, False, True]
    assert contacts.reason[1] == "bad in the file"
    np.testing.assert_allclose(contacts.positions[0], [10.0, 0.0, 0.0])
    assert np.isnan(contacts.positions[1:]).all()


@pytest.mark.parametrize("day", [None, 1.7e9])
def test_events_count_from_the_first_sample_that_was_saved(tmp_path, day):
    path = _fif(tmp_path, first=1000, day=day)
    signal = _ecog_of(path)
    raw = mne.io.read_raw_fif(path, verbose="ERROR")
    samples = mne.events_from_annotations(raw, verbose="ERROR")[0][:, 0]
    assert (samples - raw.first_samp).tolist() == [0.5 * RATE]
    assert signal.start == 0.0
    # clocks of files have microseconds
    assert signal.events.onset.values == pytest.approx([0.5], abs=1e-5)
    assert signal.events.kind.values.tolist() == ["go"]


def test_positions_in_millimetres_are_caught(tmp_path):
    with pytest.raises(InputError, match=r"a_raw\.fif: positions in m put") as caught:
        mne_raw.signals(_fif(tmp_path, places=[[4, 0, 0], [8, 0, 0], [12, 0, 0]]))
    assert "mm (4 mm)" in str(caught.value)


@pytest.mark.parametrize("kept", [0, 10, 20, 2000, -2000])
def test_a_cut_file_is_refused(tmp_path, kept):
    path = _fif(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(RecordingError, match=r"a_raw\.fif"):
        mne_raw.signals(path)


def test_without_mne_the_extra_is_named(tmp_path, monkeypatch):
    path = _fif(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "mne", None)
    with pytest.raises(InputError, match=r"needs mne: pip install 'cortexwave\[lab\]'"):
        mne_raw.signals(path)
