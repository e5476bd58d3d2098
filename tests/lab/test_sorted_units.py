"""Units of .nev and NWB files: against what was written, and against neo."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import xarray as xr
from blackrock_files import (
    RATE,
    block,
    electrodes,
    headers,
    labelled,
    nev_head,
    packet,
    waveform,
)

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab.importing import import_recording
from cortexwave.lab.sorted_units import sorted_units
from cortexwave.recording.unit_table import open_units, spike_times, units_table


def nev(path, spikes, version=(2, 3), labels=("chan1", "chan2")):
    """A .nev of (time s, electrode, class); waveforms of zeros."""
    extended = [labelled(k, label) for k, label in enumerate(labels, 1)]
    extended += [waveform(k) for k in range(1, len(labels) + 1)]
    packets = [packet(version, round(at * RATE), electrode, kind)
               for at, electrode, kind in spikes]  # fmt: skip
    path.write_bytes(nev_head(version, extended) + b"".join(packets))
    return path


def broadband(path, seconds=2):
    version, silence = (2, 3), np.zeros((RATE * seconds, 2))
    path.write_bytes(headers(version, electrodes(2)) + block(version, 0, silence))
    return path


SPIKES = [
    (0.1, 1, 1),
    (0.2, 2, 0),
    (0.3, 1, 2),
    (0.5, 1, 1),
    (0.6, 1, 255),
    (1.2, 2, 0),
]


@pytest.mark.parametrize("version", [(2, 3), (3, 0)])
def test_classes_of_a_nev_are_units_and_its_noise_is_none(tmp_path, version):
    found = sorted_units(nev(tmp_path / "a.nev", SPIKES, version))
    assert found["unit"].values.tolist() == ["chan1.1", "chan1.2", "chan2.0"]
    assert found["channel"].values.tolist() == ["chan1", "chan1", "chan2"]
    assert found["quality"].values.tolist() == ["sorted", "sorted", "unsorted"]
    assert spike_times(found, "chan1.1") == pytest.approx([0.1, 0.5])
    assert spike_times(found, "chan2.0") == pytest.approx([0.2, 1.2])


def test_neo_finds_the_same_spikes(tmp_path):
    rawio = pytest.importorskip("neo.rawio")
    generator = np.random.default_rng(0)
    times = np.sort(generator.uniform(0.01, 1.9, 300))
    spikes = [(float(at), int(generator.integers(1, 3)), int(generator.integers(0, 4)))
              for at in times]  # fmt: skip
    broadband(tmp_path / "a.ns5")
    ours = sorted_units(nev(tmp_path / "a.nev", spikes))
    reader = rawio.BlackrockRawIO(str(tmp_path / "a.nev"), nsx_to_load=5)
    reader.parse_header()
    names = reader.header["spike_channels"]["name"].tolist()
    assert len(names) == ours.sizes["unit"] == 8
    for at, name in enumerate(names):
        electrode, unit = name.removeprefix("ch").split("#")
        theirs = reader.rescale_spike_timestamp(
            reader.get_spike_timestamps(0, 0, at), "float64"
        )
        np.testing.assert_allclose(
            spike_times(ours, f"chan{electrode}.{unit}"), theirs, rtol=1e-12
        )


def test_units_are_imported_with_the_part_that_they_are_in(tmp_path):
    broadband(tmp_path / "a.ns5")
    nev(tmp_path / "a.nev", SPIKES)
    path = import_recording(
        tmp_path / "a.ns5", tmp_path / "a.h5", time=(0.15, 1.0), rate=1000.0
    )
    found = open_units(path)
    with xr.open_dataset(path, group="units") as read:  # netCDF tools read it, too
        np.testing.assert_array_equal(read["spike_time"], found["spike_time"])
    assert found["unit"].values.tolist() == ["chan1.1", "chan1.2", "chan2.0"]
    origin = 0.15
    assert found["spike_time"].values == pytest.approx(
        np.array([0.2, 0.3, 0.5]) - origin
    )
    assert found["spike_unit"].values.tolist() == [2, 1, 0]
    assert found["quality"].values.tolist() == ["sorted", "sorted", "unsorted"]


def test_a_recording_without_units_says_so(tmp_path):
    path = import_recording(broadband(tmp_path / "a.ns5"), tmp_path / "a.h5")
    with pytest.raises(RecordingError, match=r"a\.h5: the recording has no units"):
        open_units(path)


def nwb(path, *, electrodes=True, name=None):
    pytest.importorskip("pynwb")
    from pynwb import NWBHDF5IO
    from pynwb.testing.mock.ecephys import mock_ElectricalSeries
    from pynwb.testing.mock.file import mock_NWBFile

    file = mock_NWBFile()
    mock_ElectricalSeries(data=np.zeros((3000, 5)), rate=1000.0, nwbfile=file,
                          name="lfp")  # fmt: skip
    if name:
        file.add_unit_column(name, "of a unit")
    for k, times in enumerate(([0.5, 1.5, 2.5], [], [0.1])):
        extra = {name: f"{name} {k}"} if name else {}
        extra |= {"electrodes": [k + 1]} if electrodes else {}
        file.add_unit(spike_times=times, **extra)
    with NWBHDF5IO(path, "w") as io:
        io.write(file)
    return path


@pytest.mark.parametrize("electrodes", [True, False])
def test_units_of_nwb_are_read_with_their_electrodes(tmp_path, electrodes):
    found = sorted_units(nwb(tmp_path / "a.nwb", electrodes=electrodes))
    assert found["unit"].values.tolist() == ["0", "1", "2"]
    assert spike_times(found, "0").tolist() == [0.5, 1.5, 2.5]
    assert spike_times(found, "1").size == 0
    assert spike_times(found, "2").tolist() == [0.1]
    expected = ["1", "2", "3"] if electrodes else ["", "", ""]
    assert found["channel"].values.tolist() == expected


def test_names_and_qualities_of_nwb_units_are_kept(tmp_path):
    named = sorted_units(nwb(tmp_path / "a.nwb", name="unit_name"))
    assert named["unit"].values.tolist() == [f"unit_name {k}" for k in range(3)]
    judged = sorted_units(nwb(tmp_path / "b.nwb", name="quality"))
    assert judged["quality"].values.tolist() == [f"quality {k}" for k in range(3)]


def test_units_that_cannot_be_read_are_left_out_and_said_so(tmp_path):
    path = nwb(tmp_path / "a.nwb")
    with h5py.File(path, "r+") as file:
        file["units/spike_times"][0] = np.nan
    with pytest.raises(InputError, match=r"a\.nwb: its units: .* unit '0' .* finite"):
        sorted_units(path)
    with pytest.warns(UserWarning, match="its units are left out"):
        made = import_recording(path, tmp_path / "a.h5")
    with pytest.raises(RecordingError, match="has no units"):
        open_units(made)


def test_a_file_without_units_has_none(tmp_path):
    assert sorted_units(broadband(tmp_path / "a.ns5")) is None
    np.save(tmp_path / "a.npy", np.zeros(3))
    assert sorted_units(tmp_path / "a.npy") is None


def test_spikes_on_a_clock_that_was_set_back_are_left_out_and_said_so(tmp_path):
    path = nev(tmp_path / "a.nev", [(5.0, 1, 1), (0.1, 1, 1)])
    with pytest.warns(UserWarning, match=r"a\.nev: its clock was set back"):
        assert sorted_units(path) is None


def test_spikes_are_in_order_of_time_whatever_the_order_of_units():
    table = units_table([np.array([3.0, 1.0]), np.array([2.0])], ["a", "b"])
    assert table["spike_time"].values.tolist() == [1.0, 2.0, 3.0]
    assert table["spike_unit"].values.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("times", "labels", "said"),
    [([[0.1], [0.2]], ["a", "a"], "two units are labelled 'a'"),
     ([[np.nan]], ["a"], "spikes of unit 'a' are at times that are not finite"),
     ([[0.1]], [], "labels are 0, and there are 1 units")],
)  # fmt: skip
def test_a_table_that_cannot_be_is_refused(times, labels, said):
    with pytest.raises(InputError, match=said):
        units_table(times, labels)


def test_a_unit_that_is_not_there_is_named():
    table = units_table([np.array([1.0])], ["a"])
    with pytest.raises(InputError, match="there is no unit 'b'; there are: a"):
        spike_times(table, "b")
