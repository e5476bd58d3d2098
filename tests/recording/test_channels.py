"""Recordings of electrodes: written, opened by other tools, saved again, refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import h5py
import numpy as np
import pytest
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError, RecordingError
from cortexwave.recording.channels import Channels, channels_of, describe_channels
from cortexwave.recording.cutting import epochs
from cortexwave.recording.description import describe
from cortexwave.recording.layout import FieldLayout, RecordingLayout
from cortexwave.recording.reader import open_recording
from cortexwave.recording.recovery import recover
from cortexwave.recording.saving import save_recording
from cortexwave.recording.writer import RecordingWriter


def square(side: int, pitch: float = 0.4) -> Channels:
    """Electrodes on a square; the second is bad, the last stands nowhere."""
    y, x = (pitch * axis.ravel() for axis in np.mgrid[:side, :side].astype(float))
    y[-1] = x[-1] = np.nan
    count = side * side
    good = np.arange(count) != 1
    return Channels(
        labels=tuple(f"µ {k}" for k in range(count)), x=x, y=y, z=np.full(count, -1.5),
        good=good, array=("V1",) * count,
        reason=tuple("" if fine else "flat" for fine in good),
    )  # fmt: skip


def layout_of(
    channels: Channels | None, frames: int = 700, **changes
) -> RecordingLayout:
    given = dict(fields={"lfp": FieldLayout("uV", "potential")}, y=None, x=None,
                 features=1, trials=None, frames=frames, interval=1e-3,
                 channels=channels)  # fmt: skip
    return RecordingLayout(**{**given, **changes})


def electrodes(
    dims: tuple[str, ...] = ("time", "channel"), shape: tuple[int, ...] = (700, 5),
    dtype: str = "float64",
) -> xr.Dataset:  # fmt: skip
    """A recording of electrodes whose every value differs."""
    sizes = dict(zip(dims, shape, strict=True))
    count = sizes["channel"]
    draw = np.random.default_rng(0)
    mm = {"units": "mm"}
    coords = {
        "time": ("time", 1e-3 * np.arange(sizes["time"]), {"units": "s"}),
        "channel": ("channel", np.array([f"e{k}" for k in range(count)], object)),
        "x": ("channel", draw.standard_normal(count), mm),
        "y": ("channel", draw.standard_normal(count), mm),
        "good": ("channel", np.arange(count) > 0),
        "reason": ("channel", np.array(["flat", *[""] * (count - 1)], object)),
    }
    values = draw.standard_normal(shape).astype(dtype)
    return xr.Dataset({"lfp": (dims, values, {"units": "uV"})}, coords,
                      {"origin": "lab", "seed": np.int64(7)})  # fmt: skip


@pytest.mark.parametrize(
    ("count", "frames", "chunk"),
    [
        (256, 20_000, (512, 64)),
        (96, 20_000, (512, 48)),  # two even parts
        (1, 20_000, (4096, 1)),
        (10, 20_000, (2048, 10)),  # 4096 would hold more than 32,768 values
        (1024, 100, (128, 256)),  # 128 holds 100 frames
        (40_000, 20_000, (128, 255)),  # 256 frames in float64 are over 64 MiB
    ],
)
def test_chunks_hold_at_most_32768_values_of_even_parts(count, frames, chunk):
    nowhere = np.full(count, np.nan)
    labels = tuple(map(str, range(count)))
    made = layout_of(Channels(labels, nowhere, nowhere), frames)
    assert made.chunk == chunk
    assert made.dims == ("time", "channel")


@pytest.mark.parametrize("engine", [None, "h5netcdf", "netcdf4"])
@pytest.mark.parametrize(
    "changes",
    [{}, {"trials": 3, "dtype": "float64"}, {"compression": "none", "frames": 1}],
    ids=["gzip", "trials", "plain"],
)
def test_every_engine_of_xarray_reads_every_bit_and_the_channels(
    place, engine, changes, blocks_of
):
    if engine == "netcdf4":
        pytest.importorskip("netCDF4")
    channels = square(9)
    made = layout_of(channels, **changes)
    shape = (made.trials or 1, made.frames, 81)
    values = np.random.default_rng(1).standard_normal(shape).astype(made.dtype)
    with RecordingWriter(
        place, made, attributes={}, protocol="", protocol_resolved="{}",
        events=schema.events_table([{"onset": 0.1, "x": 2.0}]), drive=None,
    ) as writer:  # fmt: skip
        for block in blocks_of(made, {"lfp": values}):
            writer.append(*block)
        writer.finish()
    with xr.open_dataset(place, engine=engine) as found:
        expected = values if made.trials else values[0]
        np.testing.assert_array_equal(found["lfp"].values, expected)
        assert found["lfp"].dims == made.dims
        assert set(found.coords) - {"trial"} == {
            "time", "channel", "x", "y", "z", "good", "array", "reason",
        }  # fmt: skip
        assert found["channel"].values.tolist() == list(channels.labels)
        assert found["good"].dtype == bool
        assert found["good"].values.tolist() == channels.good.tolist()
        assert found["reason"].values.tolist() == list(channels.reason)
        for axis in "xyz":
            np.testing.assert_array_equal(found[axis], getattr(channels, axis))
            assert found[axis].attrs["units"] == "mm"


def test_h5py_and_h5dump_read_the_file(place):
    save_recording(electrodes(), place)
    with h5py.File(place) as file:
        assert file["channel"].is_scale
        assert file["channel"].asstr()[:].tolist() == ["e0", "e1", "e2", "e3", "e4"]
        assert [dim.label for dim in file["lfp"].dims] == ["time", "channel"]
        assert file["x"].dims[0][0] == file["channel"]
        assert np.isnan(file["lfp"].fillvalue)
    if shutil.which("h5dump") is None:
        pytest.skip("no h5dump on this machine")
    done = subprocess.run(["h5dump", str(place)], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("dims", "shape"),
    [
        (("time", "channel"), (5000, 1)),
        (("time", "channel"), (1300, 130)),
        (("trial", "time", "channel"), (3, 150, 7)),
        (("trial", "time", "channel"), (1, 600, 65)),
    ],
)
def test_saved_electrodes_are_the_same_recording_again(place, dtype, dims, shape):
    given = electrodes(dims, shape, dtype)
    with open_recording(save_recording(given, place)) as found:
        assert not found["lfp"].variable._in_memory
        assert found["lfp"].dtype == dtype
        assert found["lfp"].dims == dims
        np.testing.assert_array_equal(found["lfp"], given["lfp"])
        assert list(found.data_vars) == ["lfp"]
        assert set(found.coords) - {"trial"} == set(given.coords)
        for name in ("channel", "x", "y", "good", "reason"):
            assert found[name].values.tolist() == given[name].values.tolist()
        np.testing.assert_allclose(found["time"], given["time"], rtol=1e-15)
        assert (found.attrs["origin"], found.attrs["seed"]) == ("lab", 7)
        assert found["lfp"].isel(time=3).sel(channel="e0")["good"].item() is False


def test_electrodes_read_lazily_are_saved_again_piece_by_piece(
    place, tmp_path, monkeypatch
):
    # two blocks of 512 frames x 130 channels in float64 at a time
    monkeypatch.setattr("cortexwave.recording.saving._READ_AT_ONCE", 2**20 + 2**16)
    given = electrodes(shape=(2600, 130))
    with open_recording(save_recording(given, place)) as found:
        save_recording(found, tmp_path / "again.h5")
    with open_recording(tmp_path / "again.h5") as again:
        np.testing.assert_array_equal(again["lfp"], given["lfp"])
        np.testing.assert_array_equal(again["x"], given["x"])
        assert again.attrs["seed"] == 7


def test_start_of_a_recording_is_kept_and_its_events_move_with_it(place):
    events = schema.events_table([{"onset": 2.25, "kind": "flash"}])
    given = schema.with_tables(electrodes(), events, None)
    given = given.assign_coords(time=("time", given["time"].values + 2, {"units": "s"}))
    given.attrs["time_origin"] = 10.0
    with open_recording(save_recording(given, place)) as found:
        assert found["time"].values[0] == 0
        assert found.attrs["time_origin"] == 12.0
        assert schema.events(found)["onset"].values == pytest.approx([0.25])
        assert schema.events(found)["onset"].attrs["units"] == "s"


def test_saved_trials_keep_how_long_before_the_event_they_begin(place):
    given = electrodes().assign_attrs(time_origin=10.0)
    events = schema.events_table([{"onset": at} for at in (0.2, 0.5)])
    cut = epochs(given, events, window=(-0.1, 0.1))
    with open_recording(save_recording(cut, place)) as found:
        assert found["lfp"].dims == ("trial", "time", "channel")
        # the frame at 0.5 - 0.1 s, and what the file says of time 0
        np.testing.assert_array_equal(found["lfp"][1, 0], given["lfp"][400])
        assert found.attrs["time_origin"] == pytest.approx(-0.1)


def test_drive_of_a_sheet_stays_beside_the_electrodes_that_saw_it(place):
    patch = np.arange(12).reshape(3, 4)
    drive = xr.Dataset(
        {"values": (("trial", "clock", "patch"), np.ones((1, 7, 12)), {"units": "1"}),
         "patch": (("y", "x"), patch, {"units": "1"})},
        {"clock": ("clock", 0.01 * np.arange(7), {"units": "s"})},
    )  # fmt: skip
    given = schema.with_tables(electrodes(), None, drive)
    with open_recording(save_recording(given, place)) as found:
        assert schema.drive(found)["values"].shape == (1, 7, 12)
        np.testing.assert_array_equal(schema.drive(found)["patch"], patch)
        assert found["x"].dims == ("channel",)


def test_electrodes_without_labels_or_places_are_numbered_and_stand_nowhere(place):
    bare = electrodes().drop_vars(["channel", "x", "y", "good", "reason"])
    with open_recording(save_recording(bare, place)) as found:
        assert found["channel"].values.tolist() == ["0", "1", "2", "3", "4"]
        assert np.isnan(found["x"].values).all() and np.isnan(found["y"].values).all()
        assert set(found.coords) == {"time", "channel", "x", "y"}
    told = describe(place)["channels"]
    assert (told["without_position"], told["pitch_mm"]) == (5, None)
    assert told["extent_mm"] == {"x": None, "y": None}


def test_unfinished_recording_of_electrodes_opens_and_is_recovered(place):
    made = layout_of(square(9), frames=1300)
    values = np.random.default_rng(2).standard_normal((1300, 81)).astype("float32")
    writer = RecordingWriter(
        place, made, attributes={}, protocol="", protocol_resolved="", events=None,
        drive=None,
    )  # fmt: skip
    writer.append(0, 0, {"lfp": values[:512]})
    writer.close()
    with open_recording(f"{place}.part") as found:
        np.testing.assert_array_equal(found["lfp"], values[:512])
    shutil.copy(f"{place}.part", f"{place}.again.part")
    with RecordingWriter.resume(f"{place}.again.part", n_valid=512) as again:
        assert again.layout.channels.labels == made.channels.labels
        assert (again.layout.shape, again.layout.chunk) == (made.shape, made.chunk)
        again.append(0, 512, {"lfp": values[512:1024]})
        again.append(0, 1024, {"lfp": values[1024:]})
        with open_recording(again.finish()) as found:
            np.testing.assert_array_equal(found["lfp"], values)
    with open_recording(recover(f"{place}.part")) as found:
        np.testing.assert_array_equal(found["lfp"], values[:512])
        assert channels_of(found["lfp"]).reason == made.channels.reason


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_copy_cut_short_keeps_its_channels_and_whole_blocks(place, share):
    given = electrodes(shape=(8000, 64), dtype="float32")
    part = save_recording(given, place).rename(f"{place}.part")
    os.truncate(part, int(share * part.stat().st_size))
    with open_recording(recover(part)) as found:
        frames = found.sizes["time"]
        # blocks have much the same size; labels and index stand before them
        assert frames == pytest.approx(share * 8000, abs=513)
        np.testing.assert_array_equal(found["lfp"], given["lfp"][:frames])
        assert found["channel"].values.tolist() == given["channel"].values.tolist()
        assert found["reason"].values.tolist() == given["reason"].values.tolist()


def test_description_shows_pitch_extent_and_bad_channels(place):
    # 0, 0.4, ... 3.2 mm; the one that stands nowhere is the last, in the corner
    channels = square(9)
    with RecordingWriter(
        place, layout_of(channels), attributes={"subject": "M"}, protocol="",
        protocol_resolved="", events=None, drive=None,
    ):  # fmt: skip
        pass
    told = json.loads(json.dumps(describe(f"{place}.part")))
    assert told["channels"] == {
        "count": 81, "without_position": 1, "pitch_mm": pytest.approx(0.4),
        "extent_mm": {"x": pytest.approx(3.2), "y": pytest.approx(3.2), "z": 0.0},
        "arrays": ["V1"], "bad": {"µ 1": "flat"},
    }  # fmt: skip
    assert told["subject"] == "M"
    assert "sheet" not in told


def test_pitch_is_within_an_array_though_arrays_share_places():
    at = np.array([0.0, 1.0, 0.0, 1.0])
    two = Channels(
        ("a", "b", "c", "d"), x=at, y=np.zeros(4), array=("m", "m", "n", "n")
    )
    assert describe_channels(two)["pitch_mm"] == 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": ("a", "b", "a")}, "more than one channel is labelled a"),
        ({"labels": ("a", "", "c")}, r"channel 1 \(from 0\) has an empty label"),
        ({"labels": ("a", "b\0", "c")}, "label 'b.x00' holds a zero byte"),
        ({"labels": ("a", "\ud800", "c")}, "is not Unicode"),
        ({"labels": ("a", 2, "c")}, "label 2 is not text"),
        ({"x": np.zeros(2)}, r"x has shape \(2,\) for 3 channels"),
        ({"y": np.zeros((3, 2))}, r"y has shape \(3, 2\) for 3 channels"),
        ({"z": np.array([0, np.inf, 0])}, "z of channel b is infinite"),
        ({"x": np.array(["0", "1", "2"])}, "x is <U1, not positions in mm"),
        ({"good": np.ones(3)}, "good is not True or False"),
        ({"reason": ("", "x\0", "")}, "reason 'x.x00' holds a zero byte"),
        (dict(labels=(), x=np.zeros(0), y=np.zeros(0)), "there is no channel"),
    ],
)
def test_channels_that_cannot_be_recorded_are_named(changes, message):
    given = dict(labels=("a", "b", "c"), x=np.zeros(3), y=np.zeros(3))
    with pytest.raises(RecordingError, match=message):
        Channels(**{**given, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": np.arange(3.0)}, "it has channels and y; sites are either"),
        ({"features": 2}, "features is 2; channels have no feature axis"),
        ({"fields": {"good": FieldLayout("1")}}, "'good' is taken by the file"),
        ({"fields": {"channel": FieldLayout("1")}}, "'channel' is taken by the file"),
    ],
)
def test_layout_is_of_a_lattice_or_of_channels(changes, message):
    with pytest.raises(RecordingError, match=message):
        layout_of(square(3), **changes)


def test_layout_without_lattice_and_channels_is_refused():
    with pytest.raises(RecordingError, match="y is not a list of positions"):
        layout_of(None)


def test_a_sheet_may_have_a_field_named_as_what_channels_have(layout):
    assert layout(fields={"z": FieldLayout("1")}).dims == ("time", "y", "x")


def test_block_of_another_shape_is_refused(place):
    with RecordingWriter(
        place, layout_of(square(2)), attributes={}, protocol="", protocol_resolved="",
        events=None, drive=None,
    ) as writer, pytest.raises(
        RecordingError, match=r"\(700, 1, 4\), not \(700, 4\) \(frame, channel\)"
    ):  # fmt: skip
        writer.append(0, 0, {"lfp": np.zeros((700, 1, 4))})


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda r: r.assign_coords(channel=["a", "b", "a", "c", "b"]),
         RecordingError, "labelled a, b"),
        (lambda r: r.assign_coords(x=("channel", np.zeros(5), {"units": "m"})),
         InputError, "units of 'x' of the channels are 'm', not 'mm'"),
        (lambda r: r.assign_coords(y=("channel", np.zeros(5))),
         InputError, "units of 'y' of the channels are None"),
        (lambda r: r.assign_coords(x=("channel", list("abcde"), {"units": "mm"})),
         InputError, "'x' of the channels is <U1, not numbers"),
        (lambda r: r.assign_coords(good=("channel", [1, 0, np.nan, 1, 1])),
         InputError, "'good' of the channels is not True or False"),
        (lambda r: r.astype("int16", keep_attrs=True), InputError, "is int16"),
        (lambda r: r.mean("channel", keep_attrs=True), InputError, "or of electrodes"),
    ],
)  # fmt: skip
def test_electrodes_that_cannot_be_saved_leave_no_file(place, change, error, message):
    with pytest.raises(error, match=message):
        save_recording(change(electrodes()), place)
    assert not list(place.parent.iterdir())


def test_other_coordinates_of_channels_are_left_out_with_a_warning(place):
    given = electrodes().assign_coords(impedance=("channel", np.ones(5)))
    with pytest.warns(UserWarning, match="coordinates impedance of the channels"):
        save_recording(given, place)


def test_damaged_labels_are_named(place):
    save_recording(electrodes(), place)
    place.rename(f"{place}.part")
    with h5py.File(f"{place}.part", "r+") as file:
        file["channel"][3] = "e1"
    with pytest.raises(RecordingError, match="more than one channel is labelled e1"):
        recover(f"{place}.part")


def _grid(jitter: float, *, seed: int) -> Channels:
    """8 x 8 contacts 4 mm apart, each measured with an error (sd of it in mm)."""
    y, x = 4.0 * np.mgrid[:8, :8].reshape(2, 64)
    x, y, z = np.random.default_rng(seed).normal([x, y, 0 * x], jitter)
    return Channels(tuple(f"G{k}" for k in range(64)), x, y, z)


@pytest.mark.parametrize("seed", range(3))
def test_the_pitch_is_true_though_places_are_measured_with_an_error(seed):
    told = describe_channels(_grid(0.3, seed=seed))
    # the nearest of four neighbours is 8 % too close; a median of 112 pairs of sd
    # 0.3 * sqrt(2) mm is true to 1.25 * 0.42 / sqrt(112) = 0.05 mm (1 sd)
    assert told["pitch_mm"] == pytest.approx(4.0, abs=0.15)


def test_diagonals_are_no_neighbours():
    assert describe_channels(_grid(0.0, seed=0))["pitch_mm"] == 4.0
