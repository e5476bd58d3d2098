"""Bare .npy and .csv files: the same values, at their places, in uV, lazily."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cortexwave.errors import InputError, ProtocolError, RecordingError
from cortexwave.lab import arrays
from cortexwave.lab.signals import as_recording

HEAD = "rate: 1000 Hz\nunits: uV\n"
LIST = "axes: [time, channel]\n" + HEAD
COUNTS = np.arange(60, dtype=np.int16).reshape(20, 3)


def _npy(folder: Path, values: np.ndarray, text: str) -> Path:
    np.save(folder / "a.npy", values)
    (folder / "a.yaml").write_text(text)
    return folder / "a.npy"


def _csv(folder: Path, table: str, text: str = LIST) -> Path:
    (folder / "a.csv").write_text(table)
    (folder / "a.yaml").write_text(text)
    return folder / "a.csv"


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("turn", [False, True])
def test_counts_become_microvolts_whatever_the_order(tmp_path, order, turn):
    axes = "[channel, time]" if turn else "[time, channel]"
    stored = np.array(COUNTS.T if turn else COUNTS, order=order)
    text = f"axes: {axes}\nrate: 500 Hz\nunits: counts\ngain: 0.25 uV\n"
    recording = as_recording(arrays.signals(_npy(tmp_path, stored, text))[0])
    # a quarter of a whole number below 2^24 is exact in float32
    np.testing.assert_array_equal(recording.signal.values, COUNTS * 0.25)
    assert recording.signal.attrs["units"] == "uV"
    assert list(recording.channel.values) == ["ch1", "ch2", "ch3"]
    assert recording.time.values[1] == 0.002


def test_doubles_stay_doubles(tmp_path):
    values = np.random.default_rng(0).standard_normal((9, 2))
    signal = arrays.signals(_npy(tmp_path, values, LIST))[0]
    np.testing.assert_array_equal(as_recording(signal).signal.values, values)


def test_nothing_is_read_before_it_is_used_and_then_only_the_window(tmp_path):
    path = _npy(tmp_path, COUNTS, LIST)
    recording = as_recording(arrays.signals(path)[0])
    np.save(path, COUNTS + 100)  # after opening: what is read later is the new
    window = recording.signal.isel(time=slice(4, 6))
    np.testing.assert_array_equal(window, COUNTS[4:6] + 100)


def test_one_channel_needs_no_channel_axis(tmp_path):
    path = _npy(tmp_path, COUNTS[:, 0], "axes: [time]\n" + HEAD)
    assert arrays.signals(path)[0].read(2, 4).tolist() == [[6.0], [9.0]]


def test_a_lattice_stands_as_its_first_corner_says(tmp_path):
    values = np.arange(24.0).reshape(2, 3, 4)
    text = ("axes: [row, column, time]\n" + HEAD + "bad: [[1, 2]]\n"
            "positions: {pitch: 4 mm, first: upper left}\n")  # fmt: skip
    recording = as_recording(arrays.signals(_npy(tmp_path, values, text))[0])
    at = recording.signal.sel(y=4.0, x=8.0).values  # the upper right: row 0, column 2
    np.testing.assert_array_equal(at, values[0, 2])
    assert np.isnan(recording.signal.sel(y=0.0, x=8.0)).all()


def test_a_list_of_channels_stands_on_a_lattice_without_its_corners(tmp_path):
    text = (LIST + "positions: {pitch: 0.4 mm, shape: [2, 2], first: upper left, "
            "order: along rows, absent: [[0, 0]]}\n")  # fmt: skip
    contacts = arrays.signals(_npy(tmp_path, COUNTS, text))[0].contacts
    expected = [[0.4, 0.4], [0.0, 0.0], [0.4, 0.0]]
    np.testing.assert_allclose(contacts.positions[:, :2], expected)


def test_order_along_columns_turns_the_count(tmp_path):
    text = (LIST + "positions: {pitch: 1 mm, shape: [3, 1], first: lower left, "
            "order: along columns}\n")  # fmt: skip
    contacts = arrays.signals(_npy(tmp_path, COUNTS, text))[0].contacts
    np.testing.assert_allclose(contacts.positions[:, 1], [0.0, 1.0, 2.0])


def test_positions_come_from_a_table_beside_it_by_label(tmp_path):
    table = "label,x_um,y_um\nch3,400,0\nch1,0,0\nother,9,9\n"
    (tmp_path / "e.csv").write_text(table)
    text = LIST + "positions: {file: e.csv}\nbad: [ch2]\n"
    contacts = arrays.signals(_npy(tmp_path, COUNTS, text))[0].contacts
    np.testing.assert_allclose(contacts.positions[[0, 2], 0], [0.0, 0.4])
    assert np.isnan(contacts.positions[1]).all()
    assert contacts.good.tolist() == [True, False, True]
    assert contacts.reason[1] == "bad in the sidecar"


@pytest.mark.parametrize("name", [
    "../e.csv", "/etc/passwd", "a/../../e.csv", "..\\e.csv", "C:\\e.csv", "link.csv",
    "",
])  # fmt: skip
def test_a_sidecar_reaches_nothing_outside_its_folder(tmp_path, name):
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "e.csv").write_text("label,x_mm,y_mm\nch1,0,0\n")
    (inside / "link.csv").symlink_to(tmp_path / "e.csv")
    path = _npy(inside, COUNTS, LIST + f"positions: {{file: '{name}'}}\n")
    with pytest.raises(ProtocolError, match="inside the sidecar's own folder"):
        arrays.signals(path)


@pytest.mark.parametrize(("text", "message"), [
    ("axes: [time]\n" + HEAD, "axes: 1 axes, but the array is 20 x 3"),
    (LIST + "channels: [a, b]\n", "2 labels for 3 channels"),
    (LIST + "channels: [a, b, a]\n", "labels stand twice: a"),
    (LIST + "bad: [3]\n", "bad.0: '3' is no channel; channels are ch1, ch2, ch3"),
    (LIST + "leave_out: [x]\n", "x are no channels"),
    (LIST + "channels: [time, b, c]\n", "looks like a clock"),
    (LIST + "variable: x\n", "holds one array"),
    (LIST + "positions: {pitch: 1 mm, first: upper left}\n", "positions.shape"),
    (LIST + "positions: {pitch: 1 mm, first: upper left, shape: [2, 2], order: along "
     "rows}\n", "4, but there are 3 channels"),
    (LIST + "positions: {pitch: 1 um, first: upper left, shape: [1, 3], order: along "
     "rows}\n", "0.001 mm; contacts stand 0.01 to 100 mm apart"),
    (LIST + "positions: {unit: mm, table: {ch1: [0, 0], ch2: [0.004, 0]}}\n",
     "they would fit in cm (0.04 mm) or m (4 mm)"),
    (LIST + "positions: {unit: mm, table: {e1: [0, 0]}}\n", "none of the channels"),
])  # fmt: skip
def test_a_sidecar_that_does_not_fit_its_array_is_refused(tmp_path, text, message):
    with pytest.raises(ProtocolError, match=r"a\.yaml") as caught:
        arrays.signals(_npy(tmp_path, COUNTS, text))
    assert message in str(caught.value)


def test_pickles_are_never_loaded(tmp_path):
    path = _npy(tmp_path, np.array([{"a": 1}], dtype=object), LIST)
    with pytest.raises(RecordingError, match="never loaded"):
        arrays.signals(path)


@pytest.mark.parametrize("cut", [1, 60, 100])
def test_a_file_that_is_cut_short_is_refused(tmp_path, cut):
    path = _npy(tmp_path, COUNTS, LIST)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(RecordingError, match=r"a\.npy says that it holds 20 x 3"):
        arrays.signals(path)


def test_an_absurd_header_is_refused_before_anything_is_allocated(tmp_path):
    path = _npy(tmp_path, COUNTS, LIST)
    raw = path.read_bytes().replace(b"(20, 3), }          ", b"(10000000000, 30), }")
    path.write_bytes(raw)
    with pytest.raises(RecordingError, match="10000000000 x 30 of int16, 6"):
        arrays.signals(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00\x10\x00{"])
def test_what_is_no_npy_file_is_said_so(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(RecordingError, match=r"a\.npy is not a \.npy file"):
        arrays.signals(tmp_path / "a.npy")


def test_npz_is_refused_with_what_to_do(tmp_path):
    np.savez(tmp_path / "a.npz", x=COUNTS)
    assert arrays.recognises(tmp_path / "a.npz")
    with pytest.raises(InputError, match=r"numpy\.save"):
        arrays.signals(tmp_path / "a.npz")


def test_text_is_read_by_rows_at_any_place(tmp_path):
    values = np.random.default_rng(0).standard_normal((2500, 2))
    rows = "".join(f"{a!r},{b!r}\n" for a, b in values.tolist())
    recording = as_recording(arrays.signals(_csv(tmp_path, "A,B\n" + rows))[0])
    assert list(recording.channel.values) == ["A", "B"]
    # repr of a double reads back as the same double
    for part in (slice(0, 3), slice(1020, 2060), slice(2047, 2500)):
        np.testing.assert_array_equal(recording.signal[part], values[part])


@pytest.mark.parametrize(("table", "expected"), [
    ("A;B\r\n1;2\r\n3;4\r\n", [[1, 2], [3, 4]]),
    ("A,B\n1,\nn/a,4", [[1, np.nan], [np.nan, 4]]),
    ('\ufeff"A","B"\n"1","2"\n', [[1, 2]]),
])  # fmt: skip
def test_text_may_have_semicolons_quotes_and_missing_values(tmp_path, table, expected):
    signal = arrays.signals(_csv(tmp_path, table))[0]
    assert signal.contacts.names == ("A", "B")
    np.testing.assert_array_equal(signal.read(0, signal.frames), expected)


def test_a_clock_column_is_left_out_when_said(tmp_path):
    table = "time,A\n0.0,5\n0.1,6\n"
    with pytest.raises(ProtocolError, match=r"write `leave_out: \[time\]`"):
        arrays.signals(_csv(tmp_path, table))
    signal = arrays.signals(_csv(tmp_path, table, LIST + "leave_out: [time]\n"))[0]
    assert signal.read(0, 2).tolist() == [[5.0], [6.0]]


@pytest.mark.parametrize(("table", "message"), [
    ("1,2\n3,4\n", ":1: the first row are numbers"), ("A,B\n", "no rows below"),
    ("", "no rows below"), ("A,\n1,2\n", "a label is empty"),
    ("A\x00\n1\n", "not a text"),
])  # fmt: skip
def test_a_text_without_labels_or_rows_is_refused(tmp_path, table, message):
    with pytest.raises(RecordingError, match=r"a\.csv") as caught:
        arrays.signals(_csv(tmp_path, table))
    assert message in str(caught.value)


@pytest.mark.parametrize(("table", "message"), [
    ("A,B\n1,2\n1,x\n", "a.csv:3: column 2: 'x' is not a number"),
    ("A,B\n1,2\n1\n", "a.csv:3: 1 values, but 2 labels"),
])  # fmt: skip
def test_a_wrong_value_is_named_with_its_line(tmp_path, table, message):
    signal = arrays.signals(_csv(tmp_path, table))[0]
    with pytest.raises(InputError) as caught:
        signal.read(0, 2)
    assert message in str(caught.value)
