"""A lab's recordings in the analysis of waves: they run, or are told which gate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cortexwave.analysis.analyses import open_waves
from cortexwave.analysis.sites import sites_of
from cortexwave.analysis.wave_fields import wave_field
from cortexwave.cli import app
from cortexwave.errors import InputError
from cortexwave.lab.array_maps import electrode_map
from cortexwave.lab.grids import to_grid
from cortexwave.lab.reading import read_lab
from cortexwave.lab.signals import Contacts, Signal, as_recording
from cortexwave.recording.saving import save_recording


def array_of(places: np.ndarray, arrays: tuple[str, ...] | None = None):
    """Channels at places (n, 3) in mm, 2 s of noise at 250 Hz."""
    values = np.random.default_rng(0).normal(size=(500, len(places))).astype("f4")
    named = Contacts.named([f"e{k}" for k in range(len(places))], places)
    contacts = Contacts(named.names, places, arrays or named.array, named.good,
                        named.reason)  # fmt: skip
    return as_recording(Signal("lfp", Path("made.nwb"), "test", 250.0, 0.0, 500, "uV",
                               lambda a, b: values[a:b], contacts))  # fmt: skip


def grid(tilt: float) -> np.ndarray:
    """4 x 5 places 0.4 mm apart in a plane tilted about x by some deg."""
    y, x = np.divmod(np.arange(20), 5)
    angle = np.deg2rad(tilt)
    return 0.4 * np.column_stack([x, y * np.cos(angle), y * np.sin(angle)])


@pytest.mark.parametrize("tilt", [0.0, 40.0, 75.0])
def test_contacts_in_space_have_the_distances_of_their_plane(tilt):
    sites = sites_of(array_of(grid(tilt))["lfp"])
    apart = np.linalg.norm(sites.positions[5:] - sites.positions[:-5], axis=1)
    np.testing.assert_allclose(apart, 0.4, rtol=1e-6)
    np.testing.assert_allclose(np.diff(sites.positions[:5], axis=0), [[0.4, 0.0]] * 4,
                               atol=1e-9)  # fmt: skip


@pytest.mark.parametrize("tilt", [0.0, 40.0])
def test_the_contacts_of_a_recordings_file_are_a_map(tmp_path, tilt):
    path = save_recording(array_of(grid(tilt)), tmp_path / "lab.h5")
    found = electrode_map(path)
    assert found.labels == tuple(f"e{k}" for k in range(20))
    assert found.pitch == pytest.approx(0.4)
    apart = np.diff(found.positions[:, :2].reshape(4, 5, 2), axis=0)
    np.testing.assert_allclose(np.linalg.norm(apart, axis=-1), 0.4, rtol=1e-6)


def test_arrays_in_space_are_no_map_of_a_plane(tmp_path):
    two = array_of(grid(40.0), ("a",) * 10 + ("b",) * 10)
    path = save_recording(two, tmp_path / "lab.h5")
    with pytest.raises(InputError, match=r"lab\.h5: 2 arrays stand in space"):
        electrode_map(path)


def test_between_arrays_there_is_no_gradient():
    recording = array_of(grid(0.0), ("a",) * 10 + ("b",) * 10)
    message = r"stands on 2 arrays \(a, b\).*to_grid\(recording, array='a'\)"
    with pytest.raises(InputError, match=message):
        wave_field(recording, band=(20.0, 40.0))
    one = to_grid(recording, array="a")
    assert dict(one.sizes) == {"time": 500, "y": 2, "x": 5}


def test_the_command_takes_one_array_laid_on_its_grid(tmp_path, capsys):
    places = np.concatenate([grid(40.0), grid(0.0) + 20.0])
    two = array_of(places, ("a",) * 20 + ("b",) * 20)
    path = save_recording(two, tmp_path / "two.h5")
    words = ["analyse", str(path), "-o", str(tmp_path / "w.h5"), "--band",
             "20 Hz:40 Hz", "--surrogates", "19", "--quiet"]  # fmt: skip
    with pytest.raises(InputError, match="cortexwave analyse --array"):
        app(words, standalone_mode=False)
    app([*words, "--array", "b"], standalone_mode=False)
    found = open_waves(tmp_path / "w.h5")
    assert found.maps["y"].size == 4 and found.maps["x"].size == 5


def test_electrodes_are_drawn_on_the_grid_of_one_array(tmp_path):
    places = np.concatenate([grid(40.0), grid(0.0) + 20.0])
    two = array_of(places, ("a",) * 20 + ("b",) * 20)
    path = save_recording(two, tmp_path / "two.h5")
    words = ["view", str(path), "-o", str(tmp_path / "two.png")]
    with pytest.raises(InputError, match=r"2 arrays; say which.*'a' or 'b'"):
        app(words, standalone_mode=False)
    app([*words, "--array", "b"], standalone_mode=False)
    assert (tmp_path / "two.png").stat().st_size > 1000
    sheet = save_recording(to_grid(two, array="a"), tmp_path / "sheet.h5")
    with pytest.raises(InputError, match="no recording of electrodes; leave --array"):
        app(["view", str(sheet), "-o", str(tmp_path / "s.png"), "--array", "a"],
            standalone_mode=False)  # fmt: skip


def test_a_tilted_line_is_told_how_it_is_laid():
    places = np.column_stack([np.arange(6), np.arange(6), np.zeros(6)]) * 0.4
    recording = array_of(places)
    with pytest.raises(InputError, match=r"lay it along x \(to_grid does\)"):
        wave_field(recording, band=(20.0, 40.0))
    assert wave_field(to_grid(recording), band=(20.0, 40.0)).sizes["time"] == 500


@pytest.mark.parametrize(
    ("name", "signal", "gate"),
    [
        ("mne_ecog/sample_ecog_ieeg.fif", "ecog", r"stands on 2 arrays \(G, OFMG\)"),
        ("mne_ecog/sample_ecog_ieeg.fif", "seeg", r"stands on 9 arrays"),
        ("py_neuromodulation_bids_ecog", "ecog", r"6 live site\(s\) in 6 row"),
        ("py_neuromodulation_bids_ecog", "dbs", "one line that is not along x or y"),
        ("py_neuromodulation_bids_ecog", "misc", "have no position: MOV_RIGHT"),
    ],
)
def test_real_recordings_that_have_no_plane_are_told_why(lab, name, signal, gate):
    pytest.importorskip("mne")
    with pytest.raises(InputError, match=gate):
        wave_field(read_lab(lab(name), signal=signal), band=(13.0, 30.0))


def test_the_real_grid_runs(lab):
    pytest.importorskip("mne")
    recording = read_lab(lab("mne_ecog/sample_ecog_ieeg.fif"), signal="ecog")
    with pytest.warns(UserWarning, match="the very signal of another"):
        field = wave_field(to_grid(recording, array="G"), band=(13.0, 30.0))
    assert dict(field.sizes) == {"time": 113, "y": 16, "x": 16}
