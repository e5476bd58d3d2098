"""NWB files: units, places, times and events are those that the file states."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from cortexwave.errors import InputError, RecordingError
from cortexwave.lab import nwb
from cortexwave.lab.nwb_times import stretches
from cortexwave.lab.nwb_values import check_array
from cortexwave.lab.signals import as_recording

pynwb = pytest.importorskip("pynwb")
from cortexwave.lab.nwb_electrodes import contacts_of  # noqa: E402
from cortexwave.lab.nwb_intervals import events_of  # noqa: E402

UTAH = np.array([(0.4 * (n % 4), 0.4 * (n // 4)) for n in range(8)])  # mm


def _content(**more: Any) -> Any:
    return pynwb.NWBFile(
        session_description="a session", identifier="s1",
        session_start_time=datetime(2020, 1, 2, tzinfo=UTC), **more,
    )  # fmt: skip


def _electrodes(
    file: Any, count: int, columns: dict[str, list[Any]] | None = None,
    ids: list[int] | None = None, groups: int = 1,
) -> Any:  # fmt: skip
    columns = columns or {}
    device = file.create_device(name="device")
    arrays = [
        file.create_electrode_group(f"array{n}", "an array", "V4", device)
        for n in range(groups)
    ]
    known = ("x", "y", "z", "rel_x", "rel_y", "rel_z", "reference", "filtering")
    for name in columns:
        if name not in known:
            file.add_electrode_column(name=name, description=f"{name} of a contact")
    for at in range(count):
        file.add_electrode(
            group=arrays[at * groups // count], location="V4",
            id=None if ids is None else ids[at],
            **{name: values[at] for name, values in columns.items()},
        )  # fmt: skip
    return file.electrodes


def _written(file: Any, path: Path) -> Path:
    with pynwb.NWBHDF5IO(str(path), "w") as opened:
        opened.write(file, cache_spec=False)  # quicker, and of no matter here
    return path


def _series(
    file: Any, data: Any, rows: list[int], name: str = "lfp", **more: Any
) -> Any:
    region = file.create_electrode_table_region(rows, "contacts")
    timing = {} if "timestamps" in more else {"rate": 1000.0}
    return pynwb.ecephys.ElectricalSeries(
        name=name, data=data, electrodes=region, **{**timing, **more}
    )


def _one(
    tmp_path: Path, data: Any, more: dict[str, Any] | None = None, count: int = 3,
    **columns: Any,
) -> Path:  # fmt: skip
    file = _content()
    _electrodes(file, count, columns)
    file.add_acquisition(_series(file, data, list(range(count)), **(more or {})))
    return _written(file, tmp_path / "a.nwb")


# values and units

COUNTS = np.arange(30, dtype=np.int16).reshape(10, 3) - 7


@lru_cache(maxsize=1)
def _plain_bytes() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return _one(Path(folder), COUNTS).read_bytes()


def _plain(folder: Path) -> Path:
    """A file of COUNTS in volts at 1 kHz, which nothing else is said of."""
    path = folder / "a.nwb"
    path.write_bytes(_plain_bytes())
    return path


@pytest.mark.parametrize(("more", "due"), [
    ({}, 1e6 * COUNTS),
    ({"conversion": 2.5e-7}, 0.25 * COUNTS),
    ({"conversion": 1e-6, "channel_conversion": [1.0, 2.0, 4.0]}, COUNTS * [1, 2, 4]),
    ({"conversion": 1e-6, "offset": 3e-6}, COUNTS + 3.0),
    ({"conversion": 1e-6, "channel_conversion": [1.0, 2.0, 4.0], "offset": -1e-6},
     COUNTS * [1, 2, 4] - 1.0),
])  # fmt: skip
def test_volts_are_data_times_both_conversions_plus_offset(tmp_path, more, due):
    (signal,) = nwb.signals(_one(tmp_path, COUNTS, more))
    assert signal.units == "uV" and signal.rate == 1000.0 and signal.start == 0.0
    # float32 holds seven digits
    np.testing.assert_allclose(as_recording(signal).lfp.values, due, rtol=2e-7)


def test_a_mock_series_of_pynwb_is_read_as_it_is(tmp_path):
    from pynwb.testing.mock.ecephys import mock_ElectricalSeries
    from pynwb.testing.mock.file import mock_NWBFile

    file = mock_NWBFile()
    mock = mock_ElectricalSeries(nwbfile=file, rate=30_000.0)
    due = np.array(mock.data)
    (signal,) = nwb.signals(_written(file, tmp_path / "mock.nwb"))
    assert (signal.rate, signal.shape) == (30_000.0, due.shape)
    np.testing.assert_allclose(signal.read(0, 10), 1e6 * due, rtol=1e-12)
    np.testing.assert_allclose(signal.read(4, 6), 1e6 * due[4:6], rtol=1e-12)


def test_microvolts_that_a_file_states_are_not_multiplied(tmp_path):
    path = _plain(tmp_path)
    with h5py.File(path, "a") as file:
        file["acquisition/lfp/data"].attrs["unit"] = "uV"
    (signal,) = nwb.signals(path)
    np.testing.assert_array_equal(signal.read(0, 10), COUNTS)


def test_channels_stored_first_are_turned_and_said_so(tmp_path):
    path = _one(tmp_path, COUNTS, {"conversion": 1e-6})
    with h5py.File(path, "a") as file:
        attrs = dict(file["acquisition/lfp/data"].attrs)
        del file["acquisition/lfp/data"]
        file["acquisition/lfp/data"] = np.ascontiguousarray(COUNTS.T)
        file["acquisition/lfp/data"].attrs.update(attrs)
    (signal,) = nwb.signals(path)
    assert signal.attributes["orientation"] == "stored (channel, time)"
    np.testing.assert_array_equal(signal.read(2, 5), COUNTS[2:5])


# what is listed, and how it is named


def test_series_are_listed_from_acquisition_and_processing_by_unlike_names(tmp_path):
    file = _content()
    _electrodes(file, 4)
    values = np.zeros((5, 4), dtype="f4")
    file.add_acquisition(_series(file, values, [0, 1, 2, 3], "raw"))
    file.add_acquisition(_series(file, values, [0, 1, 2, 3], "lfp"))
    module = file.create_processing_module("ecephys", "processed")
    module.add(pynwb.ecephys.LFP(electrical_series=_series(file, values, [0, 1, 2, 3])))
    file.add_acquisition(pynwb.TimeSeries(
        name="eye", data=np.zeros(5), unit="deg", rate=10.0))  # fmt: skip
    found = nwb.signals(_written(file, tmp_path / "a.nwb"))
    assert sorted(signal.name for signal in found) == [
        "acquisition.lfp", "processing.ecephys.LFP.lfp", "raw"]  # fmt: skip
    paths = {signal.attributes["nwb_path"] for signal in found}
    assert "processing/ecephys/LFP/lfp" in paths


def test_a_series_that_cannot_be_read_is_named_beside_those_that_can(tmp_path):
    file = _content()
    _electrodes(file, 2)
    file.add_acquisition(_series(file, np.zeros((5, 2)), [0, 1], "good"))
    backwards = [0.0, 0.1, 0.05, 0.2, 0.3]
    file.add_acquisition(
        _series(file, np.zeros((5, 2)), [0, 1], "torn", timestamps=backwards)
    )
    (signal,) = nwb.signals(_written(file, tmp_path / "a.nwb"))
    assert "torn: its time stamps do not increase" in signal.attributes["passed_over"]


def test_the_region_names_rows_of_the_table_and_not_ids(tmp_path):
    file = _content()
    columns = {"rel_x": [0.0, 400.0, 800.0, 1200.0], "rel_y": [0.0] * 4}
    _electrodes(file, 4, columns, ids=[3, 2, 1, 0])
    file.add_acquisition(_series(file, np.zeros((5, 2)), [3, 1]))
    (signal,) = nwb.signals(_written(file, tmp_path / "a.nwb"))
    assert signal.contacts is not None and signal.contacts.names == ("0", "2")
    np.testing.assert_allclose(signal.contacts.positions[:, 0], [1.2, 0.4])


def test_subject_session_and_reference_are_kept(tmp_path):
    file = _content(session_id="day 7", institution="an institute")
    file.subject = pynwb.file.Subject(subject_id="N", species="Macaca mulatta")
    _electrodes(file, 2, {"reference": ["skull screw"] * 2})
    file.add_acquisition(_series(file, np.zeros((5, 2)), [0, 1]))
    (signal,) = nwb.signals(_written(file, tmp_path / "a.nwb"))
    recording = as_recording(signal)
    assert recording.attrs["origin"] == "lab"
    for name, due in {"subject": "N", "species": "Macaca mulatta", "session": "day 7",
                      "institution": "an institute", "location": "V4",
                      "reference": "skull screw"}.items():  # fmt: skip
        assert recording.attrs[name] == due


# laziness


def test_only_frames_that_are_asked_for_are_read(tmp_path, monkeypatch):
    asked: list[tuple[int, int]] = []
    path = _one(tmp_path, np.arange(6000, dtype="f4").reshape(2000, 3))
    read = nwb.Values.__call__
    monkeypatch.setattr(nwb.Values, "__call__", lambda values, start, stop: (
        asked.append((start, stop)), read(values, start, stop))[1])  # fmt: skip
    recording = as_recording(nwb.signals(path)[0])
    assert asked == []
    recording.lfp.isel(time=slice(100, 130)).load()
    assert asked == [(100, 130)]


def test_the_file_is_free_when_its_recording_is_gone(tmp_path):
    path = _plain(tmp_path)
    recording = as_recording(nwb.signals(path)[0])
    recording.lfp.isel(time=0).load()
    with pytest.raises(OSError, match="already open"):
        h5py.File(path, "a")
    del recording
    h5py.File(path, "a").close()


def test_data_linked_from_another_file_are_read_and_said_to_be(tmp_path):
    first = _plain(tmp_path).rename(tmp_path / "raw.nwb")
    path = _one(tmp_path, np.zeros((10, 3)), {"conversion": 1e-6})
    with h5py.File(path, "a") as file:
        del file["acquisition/lfp/data"]
        file["acquisition/lfp/data"] = h5py.ExternalLink(
            first.name, "acquisition/lfp/data"
        )
    (signal,) = nwb.signals(path)
    assert signal.attributes["linked_file"] == "raw.nwb"
    np.testing.assert_allclose(signal.read(0, 10), 1e6 * COUNTS)


# positions


def _table(columns: dict[str, list[Any]], count: int = 8, groups: int = 1) -> Any:
    return _electrodes(_content(), count, columns, groups=groups)


def _contacts(columns: dict[str, Any], unit: Any = None, **more: Any) -> Any:
    table = _table({name: list(values) for name, values in columns.items()}, **more)
    return contacts_of(table, np.arange(len(table.id)), unit=unit)


@pytest.mark.parametrize("names", [("rel_x", "rel_y"), ("x", "y")])
@pytest.mark.parametrize(("per_mm", "says"), [
    (1000.0, "in um, neighbours 0.4 mm"), (1.0, "taken as mm"), (1e-3, "taken as m,"),
])  # fmt: skip
def test_the_unit_of_positions_is_the_one_that_makes_the_pitch_plausible(
    names, per_mm, says
):
    x, y = UTAH.T * per_mm
    contacts, said = _contacts(dict(zip(names, (x, y), strict=True)))
    np.testing.assert_allclose(contacts.positions[:, :2], UTAH, atol=1e-12)
    assert np.isnan(contacts.positions[:, 2]).all()
    assert says in said["positions"]


@pytest.mark.parametrize(("pitch", "count", "mm"), [
    (20.0, 8, 0.02),  # a probe's contacts in um
    (6.0, 48, 0.006),  # the densest probes: in mm it were wider than a head
    (10.0, 8, 10.0),  # a clinical grid in mm
    (0.01, 8, 10.0),  # the same in m
])  # fmt: skip
def test_arrays_of_every_density_keep_their_pitch(pitch, count, mm):
    x = pitch * np.arange(count)
    contacts, _ = _contacts({"rel_x": x, "rel_y": 0 * x}, count=count)
    np.testing.assert_allclose(np.diff(contacts.positions[:, 0]), mm)


@pytest.mark.parametrize(("columns", "why"), [
    ({}, "has none"),
    ({"rel_x": [5e5 * n for n in range(8)], "rel_y": [0.0] * 8}, "plausible in none"),
    ({"rel_x": [3.0] * 8, "rel_y": [4.0] * 8}, "all contacts at one place"),
    ({"x": [np.nan] * 8, "y": [np.nan] * 8}, "are NaN"),
])  # fmt: skip
def test_positions_that_say_nothing_are_left_out_with_the_reason(columns, why):
    contacts, said = _contacts(columns)
    assert np.isnan(contacts.positions).all() and why in said["positions"]


def test_some_contacts_may_stand_nowhere():
    x, y = UTAH.T.copy() * 1000
    x[[2, 5]] = np.nan
    contacts, _ = _contacts({"rel_x": x, "rel_y": y})
    assert np.isnan(contacts.positions[[2, 5], 0]).all()
    np.testing.assert_allclose(contacts.positions[3, :2], UTAH[3])


def test_useless_relative_positions_give_way_to_those_in_the_brain():
    x, y = UTAH.T * 1000
    contacts, said = _contacts(
        {"rel_x": [0.0] * 8, "rel_y": [0.0] * 8, "x": x, "y": y, "z": [7.0] * 8}
    )
    np.testing.assert_allclose(contacts.positions[:, :2], UTAH)
    np.testing.assert_allclose(contacts.positions[:, 2], 0.007)
    assert said["positions"].startswith("x, y, z in um")


def test_a_unit_that_is_given_is_taken():
    contacts, said = _contacts({"x": [0.0, 3e5], "y": [0.0, 0.0]}, "um", count=2)
    assert (
        contacts.positions[1, 0] == pytest.approx(300.0)
        and "asked" in said["positions"]
    )


def test_arrays_are_kept_apart_and_equal_labels_bear_their_name():
    contacts, _ = _contacts({"label": ["a", "b", "a", "b"]}, count=4, groups=2)
    assert contacts.array == ("array0", "array0", "array1", "array1")
    assert contacts.names == ("array0:a", "array0:b", "array1:a", "array1:b")


def test_labels_that_stand_twice_are_replaced_and_that_is_said():
    contacts, said = _contacts({"label": ["a", "a", "b"]}, count=3)
    assert contacts.names == ("0", "1", "2")
    assert said["labels"] == (
        "those of the column 'label' stand twice; ids of the table are taken"
    )
    assert "labels" not in _contacts({"label": ["a", "b"]}, count=2)[1]
    assert "labels" not in _contacts({}, count=2)[1]


@pytest.mark.parametrize(("column", "values"), [
    ("good", [True, False]), ("bad", [False, True]), ("is_bad", [0, 1]),
    ("status", ["good", "bad"]), ("good", [np.nan, 0.0]), ("bad", ["no", "yes"]),
])  # fmt: skip
def test_electrodes_that_a_column_calls_bad_are_so_with_its_words(column, values):
    contacts, _ = _contacts({column: values}, count=2)
    assert contacts.good.tolist() == [True, False]
    assert contacts.reason[0] == "" and column in contacts.reason[1]


def test_a_region_beyond_the_table_is_refused():
    with pytest.raises(InputError, match="row 9 of a table of 8 rows"):
        contacts_of(_table({}), np.array([0, 9]), unit=None)


# times


def test_even_time_stamps_are_a_rate_and_a_start(tmp_path):
    stamps = 5.0 + np.arange(10) / 1000.0
    (signal,) = nwb.signals(_one(tmp_path, COUNTS, {"timestamps": stamps}))
    assert (signal.rate, signal.start) == (1000.0, 5.0)
    np.testing.assert_allclose(as_recording(signal).time, stamps, atol=1e-12)


def test_gaps_make_signals_of_their_own_with_their_frames(tmp_path):
    stamps = np.concatenate([np.arange(4), 10 + np.arange(6)]) / 100.0
    path = _one(tmp_path, COUNTS, {"timestamps": stamps, "conversion": 1e-6})
    first, second = nwb.signals(path)
    assert (first.name, second.name) == ("lfp.segment_1", "lfp.segment_2")
    assert (first.frames, second.frames, second.start) == (4, 6, 0.1)
    np.testing.assert_array_equal(second.read(0, 6), COUNTS[4:])


def test_short_gaps_are_filled_with_nan_where_that_is_asked(tmp_path):
    stamps = np.concatenate([np.arange(4), 6 + np.arange(4), 90 + np.arange(2)]) / 100.0
    path = _one(tmp_path, COUNTS, {"timestamps": stamps, "conversion": 1e-6})
    first, second = nwb.signals(path, gap_tolerance=0.05)
    assert (first.frames, second.frames) == (10, 2)
    assert first.attributes["missing_frames"] == 2
    due = np.full((10, 3), np.nan)
    due[:4], due[6:] = COUNTS[:4], COUNTS[4:8]
    np.testing.assert_array_equal(first.read(0, 10), due)
    for start, stop in [(3, 5), (4, 6), (5, 8), (2, 7), (7, 10)]:
        np.testing.assert_array_equal(first.read(start, stop), due[start:stop])
    np.testing.assert_array_equal(second.read(0, 2), COUNTS[8:])
    assert len(nwb.signals(path)) == 3


def test_jitter_of_the_clock_is_no_gap_and_does_not_change_the_rate():
    jitter = np.random.default_rng(0).uniform(-1e-4, 1e-4, 5000)
    jitter[[0, -1]] = 0
    (part,) = stretches(7.0 + np.arange(5000) / 1000.0 + jitter)
    assert part.rate == 1000.0 and part.deviation == pytest.approx(1e-4, rel=0.02)


def test_time_stamps_are_read_in_blocks_that_miss_no_gap(monkeypatch):
    from cortexwave.lab import nwb_times

    monkeypatch.setattr(nwb_times, "_BLOCK", 10)
    stamps = np.arange(95) / 100.0
    stamps[9:] += 1
    stamps[10:] += 1
    stamps[90:] += 1
    parts = [stretch.parts[0] for stretch in stretches(stamps)]
    found = [(part.first, part.last) for part in parts]
    assert found == [(0, 9), (9, 10), (10, 90), (90, 95)]


@pytest.mark.parametrize(("stamps", "says"), [
    ([0.0, 0.1, 0.2, 0.15, 0.4], "frame 3 is at 0.15 s"),
    ([0.0, 0.1, 0.1, 0.2, 0.3], "do not increase"),
    ([0.0, 0.1, np.nan, 0.3, 0.4, 0.5, 0.6, 0.7], "finite|do not increase"),
    ([0.0], "do not say a rate"),
    ([0.01 * n + 1e-5 * n * n for n in range(100)], "stray by"),
])  # fmt: skip
def test_time_stamps_that_are_no_clock_are_refused(stamps, says):
    with pytest.raises(InputError, match=says):
        stretches(np.array(stamps))


# events


def test_trials_epochs_and_other_intervals_are_events_in_order():
    file = _content()
    file.add_trial_column("stimulus", "what was shown")
    file.add_trial_column("contrast", "of the stimulus")
    file.add_trial(start_time=1.0, stop_time=1.5, stimulus="left", contrast=0.3)
    file.add_trial(start_time=3.0, stop_time=3.25, stimulus="right", contrast=0.6)
    file.add_epoch(start_time=0.0, stop_time=2.0, tags=["rest"])
    file.add_invalid_time_interval(start_time=2.0, stop_time=2.5)
    sleep = pynwb.epoch.TimeIntervals(name="sleep", description="asleep")
    sleep.add_interval(start_time=4.0, stop_time=9.0)
    file.add_time_intervals(sleep)
    events = events_of(file)
    assert events is not None
    assert events.kind.values.tolist() == [
        "epoch",
        "trial",
        "invalid",
        "trial",
        "sleep",
    ]
    assert events.onset.values.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert events.duration.values.tolist() == [2.0, 0.5, 0.5, 0.25, 5.0]
    assert events.stimulus.values.tolist() == ["", "left", "", "right", ""]
    assert events.trial.values.tolist() == [0, 0, 0, 1, 0]
    np.testing.assert_array_equal(events.contrast, [np.nan, 0.3, np.nan, 0.6, np.nan])


def test_a_file_without_trials_has_no_events(tmp_path):
    (signal,) = nwb.signals(_plain(tmp_path))
    assert signal.events is None
    assert "event_onset" not in as_recording(signal)


# images


def _images(path: Path, data: np.ndarray, external: bool = False, **plane: Any) -> Path:
    file = _content()
    device = file.create_device(name="camera")
    light = pynwb.ophys.OpticalChannel(
        name="green", description="a filter", emission_lambda=520.0
    )
    held = file.create_imaging_plane(
        name="plane", optical_channel=light, device=device, description="cortex",
        excitation_lambda=480.0, indicator="GCaMP6f", location="V1", **plane,
    )  # fmt: skip
    stored: dict[str, Any] = {"data": data}
    if external:
        stored = {"external_file": ["film.avi"], "format": "external",
                  "starting_frame": [0], "num_samples": 10}  # fmt: skip
    film = pynwb.ophys.OnePhotonSeries(
        name="widefield", imaging_plane=held, rate=50.0, unit="a.u.", **stored
    )
    file.add_acquisition(film)
    return _written(file, path)


FILM = np.arange(10 * 3 * 2, dtype=np.uint16).reshape(10, 3, 2)  # (time, x, y)


@pytest.mark.parametrize(("spacing", "unit"), [
    ([2e-5, 3e-5], "meters"), ([20.0, 30.0], "micrometers"), ([0.02, 0.03], "mm"),
])  # fmt: skip
def test_images_are_turned_to_y_by_x_with_pixels_in_mm(tmp_path, spacing, unit):
    path = _images(tmp_path / "a.nwb", FILM, grid_spacing=spacing,
                   grid_spacing_unit=unit)  # fmt: skip
    recording = as_recording(nwb.signals(path)[0])
    assert recording.widefield.dims == ("time", "y", "x")
    assert recording.widefield.attrs["units"] == "1"
    np.testing.assert_array_equal(recording.widefield, FILM.transpose(0, 2, 1))
    np.testing.assert_allclose(recording.x, [0, 0.02, 0.04])
    np.testing.assert_allclose(recording.y, [0, 0.03])


def test_images_without_a_pixel_size_need_one(tmp_path):
    path = _images(tmp_path / "a.nwb", FILM)
    with pytest.raises(InputError, match="give pixel_size"):
        nwb.signals(path)
    (signal,) = nwb.signals(path, pixel_size=0.05)
    assert signal.shape == (10, 2, 3)
    np.testing.assert_allclose(as_recording(signal).x, [0, 0.05, 0.1])


def test_images_in_a_film_beside_are_not_opened(tmp_path):
    path = _images(tmp_path / "a.nwb", FILM, external=True)
    with pytest.raises(InputError, match=r"another file \(film.avi\)"):
        nwb.signals(path)


# bad input


def test_nwb_1_is_refused_with_its_name_and_what_to_do(tmp_path):
    path = tmp_path / "indy.nwb"
    with h5py.File(path, "w") as file:
        file["nwb_version"] = "NWB-1.0.6"
        file["acquisition/timeseries/broadband/data"] = np.zeros((4, 2))
    assert nwb.recognises(path)
    with pytest.raises(RecordingError, match=r"NWB-1.0.6.*NWB 2.*npy"):
        nwb.signals(path)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


def _as_text(path: Path) -> None:
    path.write_text("time,channel\n")


def _as_other(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = 1


def _gone(path: Path) -> None:
    path.unlink()


def _hollow(path: Path) -> None:
    with h5py.File(path, "a") as file:
        del file["session_start_time"]


@pytest.mark.parametrize(("harm", "says"), [
    (_cut, "cut short"), (_as_text, "not an NWB file"), (_as_other, "no NWB version"),
    (_gone, "no such file"), (_hollow, "pynwb cannot read it"),
])  # fmt: skip
def test_files_that_are_no_nwb_are_refused_by_name(tmp_path, harm, says):
    path = _plain(tmp_path)
    harm(path)
    with pytest.raises(RecordingError, match=f"a.nwb.*{says}"):
        nwb.signals(path)


def test_a_file_that_pynwb_does_not_understand_is_left_closed(tmp_path):
    path = _plain(tmp_path)
    _hollow(path)
    with pytest.raises(RecordingError):
        nwb.signals(path)
    h5py.File(path, "a").close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_random_damage_gives_values_or_one_clear_error(tmp_path, seed):
    random = np.random.default_rng(seed)
    whole = np.frombuffer(_plain(tmp_path).read_bytes(), dtype=np.uint8)
    for number in range(40):
        harmed = whole.copy()
        places = random.integers(0, harmed.size, random.choice([1, 4, 30]))
        harmed[places] = random.integers(0, 256, places.size)
        path = tmp_path / f"{number}.nwb"
        path.write_bytes(harmed.tobytes())
        with contextlib.suppress(InputError):
            [as_recording(signal).load() for signal in nwb.signals(path)]


def test_a_unit_of_positions_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match="position_unit is 'cm'"):
        nwb.signals(_plain(tmp_path), position_unit="cm")  # type: ignore[arg-type]


def test_a_zarr_folder_is_refused(tmp_path):
    (tmp_path / "a.nwb.zarr").mkdir()
    assert nwb.recognises(tmp_path / "a.nwb.zarr")
    with pytest.raises(RecordingError, match="Zarr"):
        nwb.signals(tmp_path / "a.nwb.zarr")


def test_only_nwb_is_recognised(tmp_path):
    _as_other(tmp_path / "other.h5")
    assert not nwb.recognises(tmp_path / "other.h5")
    path = _plain(tmp_path).rename(tmp_path / "renamed.h5")
    assert nwb.recognises(path)


def test_a_missing_pynwb_is_named_with_its_remedy(tmp_path, monkeypatch):
    path = _plain(tmp_path)
    monkeypatch.setitem(sys.modules, "pynwb", None)
    with pytest.raises(
        InputError, match=r"needs pynwb: pip install 'cortexwave\[lab\]'"
    ):
        nwb.signals(path)


def test_a_header_that_promises_more_than_the_file_holds_is_not_believed(tmp_path):
    with h5py.File(tmp_path / "bomb.h5", "w") as file:
        huge = file.create_dataset("data", (10**13, 4), "f4", chunks=(1000, 4))
        with pytest.raises(InputError, match="promises 160000000000000 bytes"):
            check_array(huge)


def test_a_damaged_chunk_names_the_file_and_the_frames(tmp_path):
    data = pynwb.H5DataIO(np.random.default_rng(0).normal(size=(500, 3)),
                          compression="gzip", chunks=(100, 3))  # fmt: skip
    path = _one(tmp_path, data)
    with h5py.File(path) as file:
        info = file["acquisition/lfp/data"].id.get_chunk_info(2)
    with path.open("r+b") as raw:
        raw.seek(info.byte_offset)
        raw.write(b"\xff" * info.size)
    (signal,) = nwb.signals(path)
    assert signal.read(0, 100).shape == (100, 3)
    with pytest.raises(RecordingError, match=r"a\.nwb: frames 200 to 300"):
        signal.read(200, 300)
