"""MATLAB's files of each version and plain HDF5: their axes, right units, no code."""

from __future__ import annotations

import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import loadmat, savemat

from cortexwave.errors import InputError, ProtocolError, RecordingError
from cortexwave.lab import matlab
from cortexwave.lab.signals import Signal, as_recording

_LAB = Path(__file__).resolve().parents[3] / "shared" / "lab"
LIST = "axes: [time, channel]\nrate: 1000 Hz\nunits: mV\n"
VALUES = np.random.default_rng(0).standard_normal((20, 3))


def _lab(name: str) -> Path:
    if not (_LAB / name).exists():
        pytest.skip(f"lab/{name} is not beside this checkout")
    return _LAB / name


def _v5(folder: Path, text: str = LIST, *, packed: bool = False, **arrays) -> Path:
    savemat(folder / "a.mat", arrays, do_compression=packed)
    (folder / "a.yaml").write_text(text)
    return folder / "a.mat"


def _v73(folder: Path, text: str = LIST, **arrays) -> Path:
    """A file as MATLAB's HDF5 files are: a block of 512 bytes, axes reversed."""
    path = folder / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, values in arrays.items():
            made = file.create_dataset(name, data=np.asarray(values).T)
            made.attrs["MATLAB_class"] = np.bytes_(b"double")
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124))
        stream.write(struct.pack("<H", 0x0200) + b"IM")
    (folder / "a.yaml").write_text(text)
    return path


def _only(path: Path) -> Signal:
    assert matlab.recognises(path)
    (signal,) = matlab.signals(path)
    return signal


@pytest.mark.parametrize("packed", [False, True])
def test_a_variable_of_v5_and_v7_is_read_in_microvolts(tmp_path, packed):
    signal = _only(_v5(tmp_path, lfp=VALUES, packed=packed))
    # one rounding of the factor of a thousand in double precision
    np.testing.assert_allclose(signal.read(5, 9), 1e3 * VALUES[5:9], rtol=1e-15)
    assert (signal.name, signal.units, signal.rate) == ("lfp", "uV", 1000.0)


def test_v73_has_the_axes_that_matlab_shows(tmp_path):
    signal = _only(_v73(tmp_path, x=VALUES))
    np.testing.assert_allclose(signal.read(5, 9), 1e3 * VALUES[5:9], rtol=1e-15)
    assert signal.shape == (20, 3)


def test_three_axes_of_v73_are_reversed_too(tmp_path):
    values = np.arange(24.0).reshape(2, 3, 4)
    text = ("axes: [row, column, time]\nrate: 1 Hz\nunits: uV\n"
            "positions: {pitch: 1 mm, first: lower left}\n")  # fmt: skip
    recording = as_recording(_only(_v73(tmp_path, text, lfp=values)))
    np.testing.assert_array_equal(recording.lfp.sel(y=1.0, x=2.0), values[1, 2])


def test_a_variable_named_as_an_axis_is_renamed(tmp_path):
    recording = as_recording(_only(_v5(tmp_path, x=VALUES)))
    assert list(recording.data_vars) == ["signal_x"]


def test_the_variable_is_chosen_by_name_and_positions_and_labels_beside_it(tmp_path):
    text = LIST + ("variable: lfp\npositions: {variable: at, unit: m}\n"
                   "channels_variable: names\n")  # fmt: skip
    at = np.array([[0.0, 0.0], [4e-4, 0.0], [8e-4, 0.0]])
    names = np.array(["A1 ", "A2 ", "B10"])
    signal = _only(_v5(tmp_path, text, lfp=VALUES, at=at, names=names))
    assert signal.contacts.names == ("A1", "A2", "B10")
    # metres to mm, one rounding
    np.testing.assert_allclose(signal.contacts.positions[:, 0], [0, 0.4, 0.8])


def test_labels_may_be_a_cell_of_texts_in_v5(tmp_path):
    names = np.array(["A1", "A2", "B10"], dtype=object)
    text = LIST + "channels_variable: names\n"
    signal = _only(_v5(tmp_path, text, lfp=VALUES, names=names))
    assert signal.contacts.names == ("A1", "A2", "B10")


def test_labels_may_be_a_cell_of_texts_in_v73(tmp_path):
    path = _v73(tmp_path, LIST + "channels_variable: names\n", lfp=VALUES)
    with h5py.File(path, "r+") as file:
        kept = file.create_group("#refs#")
        cells = file.create_dataset("names", (3, 1), h5py.ref_dtype)
        cells.attrs["MATLAB_class"] = np.bytes_(b"cell")
        for at, name in enumerate(["A1", "A2", "B10"]):
            codes = np.array([[ord(letter)] for letter in name], dtype=np.uint16)
            cells[at, 0] = kept.create_dataset(str(at), data=codes).ref
    assert _only(path).contacts.names == ("A1", "A2", "B10")


def test_labels_may_be_texts_of_plain_hdf5(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["lfp"], file["names"] = VALUES, ["A1", "A2", "B10"]
    (tmp_path / "a.yaml").write_text(LIST + "channels_variable: names\n")
    assert _only(tmp_path / "a.h5").contacts.names == ("A1", "A2", "B10")


@pytest.mark.parametrize("make", [_v5, _v73])
def test_without_a_sidecar_the_template_names_what_the_file_holds(tmp_path, make):
    path = make(tmp_path, lfp=VALUES, at=np.zeros((3, 2)))
    path.with_suffix(".yaml").unlink()
    with pytest.raises(InputError) as caught:
        matlab.signals(path)
    assert "variable: lfp  # there are" in str(caught.value)
    assert "at (3 x 2)" in str(caught.value)
    assert "axes: [time, channel]  # of 20 x 3" in str(caught.value)


@pytest.mark.parametrize("make", [_v5, _v73])
def test_two_arrays_and_no_choice_is_said_with_all_names(tmp_path, make):
    with pytest.raises(ProtocolError, match="variable: this key is missing") as caught:
        matlab.signals(make(tmp_path, a=VALUES, b=VALUES))
    assert "arrays are a, b" in str(caught.value)


def test_structs_and_cells_are_not_opened(tmp_path):
    path = _v5(tmp_path, LIST + "variable: data\n", data={"trial": VALUES}, x=VALUES)
    with pytest.raises(ProtocolError, match="'data' is a struct, not a numeric array"):
        matlab.signals(path)
    with pytest.raises(RecordingError, match="holds no numeric array"):
        matlab.signals(_v5(tmp_path, data={"trial": VALUES}))


def test_complex_values_are_refused(tmp_path):
    with pytest.raises(RecordingError, match=r"no numeric array \(x \(complex array"):
        matlab.signals(_v5(tmp_path, x=VALUES + 1j))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8"])
def test_every_type_is_as_scipy_reads_it(tmp_path, kind, packed):
    values = np.arange(60).reshape(20, 3).astype(kind)
    text = "axes: [time, channel]\nrate: 1 Hz\nunits: uV\n"
    path = _v5(tmp_path, text, lfp=values, packed=packed)
    expected = loadmat(path)["lfp"]
    np.testing.assert_array_equal(_only(path).read(3, 9), expected[3:9])


def test_damaged_files_end_in_our_own_errors(tmp_path):
    names = np.array(["A1", "A2", "B10"], dtype=object)
    text = LIST + "variable: lfp\nchannels_variable: names\n"
    path = _v5(tmp_path, text, lfp=VALUES, names=names)
    good, draw = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(100):
        raw = bytearray(good)
        for at in draw.integers(128, len(raw), 3):
            raw[at] = draw.integers(256)
        path.write_bytes(raw)
        try:
            matlab.signals(path)[0].read(0, 20)
        except InputError:
            refused += 1
    assert refused > 10  # most bytes are values, where any byte can be meant


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kept", [130, 200, -1])
def test_a_cut_v5_file_is_refused(tmp_path, packed, kept):
    path = _v5(tmp_path, x=VALUES, packed=packed)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(RecordingError, match=r"a\.mat is cut short or damaged"):
        matlab.signals(path)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_cut_v73_file_is_refused(tmp_path, share):
    path = _v73(tmp_path, x=np.zeros((3000, 3)))
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(RecordingError, match="not a whole HDF5 file"):
        matlab.signals(path)


def test_a_size_that_the_file_cannot_hold_is_refused_in_v5(tmp_path):
    path = _v5(tmp_path, x=np.zeros((20, 3)))
    raw = path.read_bytes()
    # the two dimensions as the file stores them
    assert raw.count(struct.pack("<ii", 20, 3)) == 1
    path.write_bytes(
        raw.replace(struct.pack("<ii", 20, 3), struct.pack("<ii", 2**30, 3))
    )
    with pytest.raises(
        RecordingError, match="'x' claims 1073741824 x 3 values in 480 "
    ):
        matlab.signals(path)


def test_a_size_that_the_file_does_not_hold_is_refused_in_hdf5(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (10**9, 96), "f8", chunks=(1000, 96))
    path.with_suffix(".yaml").write_text(LIST)
    with pytest.raises(RecordingError, match="claims 768,000,000,000 bytes, but 0 are"):
        matlab.signals(path)


def test_data_in_other_files_are_never_opened(tmp_path):
    (tmp_path / "secret.bin").write_bytes(bytes(480))
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        outside = [(str(tmp_path / "secret.bin"), 0, 480)]
        file.create_dataset("x", (20, 3), "f8", external=outside)
        file["elsewhere"] = h5py.ExternalLink(str(tmp_path / "b.h5"), "/y")
    path.with_suffix(".yaml").write_text(LIST)
    with pytest.raises(RecordingError, match="'x' lies in other files"):
        matlab.signals(path)


def test_a_file_is_free_again_when_its_signal_is_gone(tmp_path):
    path = _v73(tmp_path, lfp=VALUES)
    signal = _only(path)
    signal.read(0, 2)
    with pytest.raises(OSError, match="already open"), h5py.File(path, "r+"):
        pass
    del signal
    with h5py.File(path, "r+") as file:
        assert "lfp" in file


def test_hdf5_of_other_readers_is_left_to_them(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["nwb_version"] = "2.8.0"
    assert not matlab.recognises(tmp_path / "a.h5")


def test_what_is_no_matlab_file_is_said_so(tmp_path):
    (tmp_path / "a.mat").write_bytes(b"PK\x03\x04" * 50)
    with pytest.raises(
        RecordingError, match=r"not a MATLAB file of version 5, 7 or 7\.3"
    ):
        matlab.signals(tmp_path / "a.mat")


def test_the_marmoset_channel_is_as_scipy_reads_it(tmp_path):
    path = _lab("marmoset_exampleChannel_GPL3.mat")
    given = tmp_path / "marmoset.yaml"
    given.write_text("axes: [time, channel]\nrate: 1000 Hz\nunits: uV\n")
    (signal,) = matlab.signals(path, sidecar=given)
    assert (signal.shape, signal.rate, signal.units) == ((681, 1), 1000.0, "uV")
    np.testing.assert_array_equal(signal.read(0, 681), loadmat(path)["x"])


def test_the_ecog_grid_is_as_h5py_reads_it(tmp_path):
    path = _lab("mne_ecog/ecog_grid_16x16.h5")
    given = tmp_path / "grid.yaml"
    given.write_text(
        "variable: x_volts\naxes: [row, column, time]\nrate: 160 Hz\nunits: V\n"
        "positions: {pitch: 4 mm, first: upper left}\n"
    )
    assert matlab.recognises(path)
    (signal,) = matlab.signals(path, sidecar=given)
    recording = as_recording(signal)
    with h5py.File(path) as file:
        volts = file["x_volts"][()]
    stored = recording.x_volts.transpose("y", "x", "time")
    # volts to microvolts, one rounding in double precision
    np.testing.assert_allclose(stored, 1e6 * volts, rtol=1e-15)
    assert recording.x_volts.attrs["units"] == "uV"
    np.testing.assert_allclose(np.diff(recording.x), 4.0)
    np.testing.assert_allclose(np.diff(recording.y), -4.0)
