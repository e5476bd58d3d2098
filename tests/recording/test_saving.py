"""Recordings of other origin written and read again."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from cortexwave import schema
from cortexwave.errors import InputError
from cortexwave.recording.reader import open_recording
from cortexwave.recording.saving import save_recording


def _recording(shape: tuple[int, ...], dims: tuple[str, ...]) -> xr.Dataset:
    values = np.random.default_rng(0).standard_normal(shape)
    sizes = dict(zip(dims, shape, strict=True))
    coords = {"time": ("time", 0.5 + 1e-3 * np.arange(sizes["time"]), {"units": "s"})}
    coords |= {axis: (axis, 0.4 * np.arange(sizes[axis])[::-1], {"units": "mm"})
               for axis in ("y", "x")}  # fmt: skip
    return xr.Dataset({"lfp": (dims, values, {"units": "uV"})}, coords,
                      {"origin": "lab", "reference": "common_average"})  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "dims"),
    [
        ((300, 3, 4), ("time", "y", "x")),
        ((2, 150, 3, 4), ("trial", "time", "y", "x")),
        ((2, 150, 2, 3, 4), ("trial", "time", "feature", "y", "x")),
    ],
)
def test_a_saved_recording_is_read_again_to_the_last_bit(tmp_path, shape, dims):
    given = _recording(shape, dims)
    with open_recording(save_recording(given, tmp_path / "a.h5")) as found:
        np.testing.assert_array_equal(found["lfp"], given["lfp"])
        np.testing.assert_array_equal(found["y"], given["y"])
        assert found["lfp"].attrs["units"] == "uV"
        assert found.attrs["reference"] == "common_average"
        assert found.attrs["time_origin"] == 0.5


def test_what_is_read_lazily_is_saved_again(tmp_path):
    given = _recording((300, 3, 4), ("time", "y", "x"))
    with open_recording(save_recording(given, tmp_path / "a.h5")) as found:
        save_recording(found, tmp_path / "b.h5")
    with open_recording(tmp_path / "b.h5") as again:
        np.testing.assert_array_equal(again["lfp"], given["lfp"])


def test_a_drive_that_was_read_from_a_file_is_saved_again(tmp_path):
    drive = xr.Dataset(
        {"values": (("trial", "clock", "patch"), np.arange(14.0).reshape(1, 7, 2)),
         "patch": (("y", "x"), np.arange(12).reshape(3, 4) % 2)},
        {"clock": ("clock", 0.5 + 0.02 * np.arange(7), {"units": "s"})},
    )  # fmt: skip
    given = schema.with_tables(_recording((300, 3, 4), ("time", "y", "x")), None, drive)
    with open_recording(save_recording(given, tmp_path / "a.h5")) as found:
        save_recording(found, tmp_path / "b.h5")
    with open_recording(tmp_path / "b.h5") as again:
        assert np.array_equal(again["drive_values"], given["drive_values"])
        assert np.array_equal(again["drive_patch"], given["drive_patch"])
        np.testing.assert_allclose(again["clock"], 0.02 * np.arange(7), atol=1e-15)


def test_an_event_of_no_trial_is_not_saved(tmp_path):
    events = schema.events_table([{"onset": 0.52, "trial": 0},
                                  {"onset": 0.53, "trial": 99}])  # fmt: skip
    trials = _recording((2, 150, 3, 4), ("trial", "time", "y", "x"))
    with pytest.raises(InputError, match=r"event 1 \(.*\) is of trial 99; .* 0 to 1"):
        save_recording(schema.with_tables(trials, events, None), tmp_path / "a.h5")
    assert not list(tmp_path.iterdir())
    # of what is all one, events may name the trials of an experiment
    whole = _recording((300, 3, 4), ("time", "y", "x"))
    save_recording(schema.with_tables(whole, events, None), tmp_path / "a.h5")


def test_uneven_clocks_and_fields_without_sites_are_refused(tmp_path):
    given = _recording((30, 3, 4), ("time", "y", "x"))
    uneven = given.assign_coords(time=given["time"] ** 2)
    with pytest.raises(InputError, match="equal steps"):
        save_recording(uneven, tmp_path / "a.h5")
    with pytest.raises(InputError, match=r"lattice \(y, x\) or of electrodes"):
        save_recording(given.mean("y", keep_attrs=True), tmp_path / "a.h5")
    assert not list(tmp_path.iterdir())
