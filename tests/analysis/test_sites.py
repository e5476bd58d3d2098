"""The doors of the analysis: sites on lattices and electrodes, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from cortexwave.analysis.electrode_lattice import on_lattice
from cortexwave.analysis.sites import (
    courses_of,
    frames_of,
    like,
    live_sites,
    picked,
    sampling_rate,
    sites_of,
)
from cortexwave.errors import InputError, SchemaError
from cortexwave.lab.grids import Laid

MM, S = {"units": "mm"}, {"units": "s"}


def _lattice(
    values: np.ndarray,
    dims: tuple[str, ...] = ("time", "y", "x"),
    falling: bool = False,
) -> xr.Dataset:
    sizes = dict(zip(dims, values.shape, strict=True))
    y = 0.4 * np.arange(sizes["y"])
    coords = {"time": ("time", 1e-3 * np.arange(sizes["time"]), S),
              "y": ("y", y[::-1] if falling else y, MM),
              "x": ("x", 0.5 * np.arange(sizes["x"]), MM)}  # fmt: skip
    return xr.Dataset({"lfp": (dims, values, {"units": "uV"})}, coords)


def _electrodes(x: list[float], y: list[float], frames: int = 5) -> xr.Dataset:
    values = np.arange(frames * len(x), dtype=float).reshape(frames, len(x))
    return xr.Dataset(
        {"lfp": (("time", "channel"), values, {"units": "uV"})},
        {"time": ("time", 1e-3 * np.arange(frames), S),
         "channel": [f"e{k}" for k in range(len(x))],
         "x": ("channel", x, MM), "y": ("channel", y, MM)},
    )  # fmt: skip


def test_sites_of_a_lattice_are_in_order_of_y_then_x():
    sites = sites_of(_lattice(np.zeros((5, 3, 4)))["lfp"])
    assert sites.shape == (3, 4)
    assert sites.spacing == pytest.approx((0.4, 0.5))
    assert sites.pitch == pytest.approx(0.4)
    np.testing.assert_allclose(sites.positions[5], (0.5, 0.4))  # row 1, column 1


def test_a_falling_y_gives_a_negative_spacing_and_the_same_places():
    sites = sites_of(_lattice(np.zeros((5, 3, 4)), falling=True)["lfp"])
    assert sites.spacing == pytest.approx((-0.4, 0.5))
    np.testing.assert_allclose(sites.positions[0], (0.0, 0.8))


def test_a_line_is_no_plane_and_a_lattice_is():
    assert not sites_of(_electrodes([0, 1, 2], [0, 1, 2])["lfp"]).is_plane
    assert sites_of(_electrodes([0, 1, 0], [0, 0, 1])["lfp"]).is_plane


def test_frames_and_courses_are_the_field_in_one_row_and_come_back():
    values = np.random.default_rng(0).random((2, 5, 3, 4))
    field = _lattice(values, ("trial", "time", "y", "x"))["lfp"]
    frames = frames_of(field)
    assert frames.shape == (2, 1, 5, 12)
    np.testing.assert_array_equal(courses_of(field)[1, 0, 5], values[1, :, 1, 1])
    xr.testing.assert_equal(like(field, frames), field)


def test_sites_that_are_missing_or_stand_still_do_not_live():
    frames = np.random.default_rng(0).random((5, 4))
    frames[:, 1], frames[:, 2] = np.nan, 3.0
    np.testing.assert_array_equal(live_sites(frames), [True, False, False, True])


def test_electrodes_on_a_lattice_are_laid_on_it_with_gaps_missing():
    laid = on_lattice(_electrodes([0.4, 0, 0.8, 0.8], [0, 0.4, 0, 0.4]))
    assert laid["lfp"].dims == ("time", "y", "x")
    np.testing.assert_allclose(laid["x"], (0, 0.4, 0.8))
    np.testing.assert_allclose(laid["y"], (0, 0.4))
    np.testing.assert_array_equal(laid["lfp"][0], [[np.nan, 0, 2], [1, np.nan, 3]])


def test_a_recording_laid_on_a_lattice_is_read_when_it_is_used(monkeypatch):
    read, count = Laid._read, []

    def counted(self, key):
        made = read(self, key)
        count.append(len(made))
        return made

    monkeypatch.setattr(Laid, "_read", counted)
    laid = on_lattice(_electrodes([0.4, 0, 0.8, 0.8], [0, 0.4, 0, 0.4], frames=50))
    assert laid["lfp"].isel(time=slice(10, 13)).values[0, 0, 1] == 40
    assert count == [3]  # frames


def test_electrodes_off_a_lattice_are_refused():
    with pytest.raises(InputError, match=r"upright lattice .*along x"):
        on_lattice(_electrodes([0, 0.4, 0.83, 1.2], [0, 0, 0, 0.4]))


def test_two_electrodes_at_one_place_are_named():
    with pytest.raises(InputError, match="e1 and e3 have one position"):
        sites_of(_electrodes([0, 1, 2, 1], [0, 0, 0, 0])["lfp"])


def test_an_electrode_without_a_place_is_named():
    with pytest.raises(InputError, match=r"1 channel.* no position: e2"):
        sites_of(_electrodes([0, 1, np.nan], [0, 0, 0])["lfp"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.drop_vars("x"), r"'x\(channel\)' in mm is missing"),
        (lambda d: d.assign_coords(x=d["x"].assign_attrs(units="m")), "'m', not 'mm'"),
    ],
    ids=["no position", "metres"],
)
def test_electrodes_need_positions_in_mm(change, message):
    with pytest.raises(InputError, match=message):
        sites_of(change(_electrodes([0, 1, 2], [0, 1, 0]))["lfp"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((5, 3, 3), dtype=complex), "complex"),
        (np.zeros((5, 3, 3), dtype=np.int16), "int16: raw counts"),
    ],
    ids=["complex", "integer"],
)
def test_only_real_floats_are_picked(values, message):
    with pytest.raises(InputError, match=message):
        picked(_lattice(values))


def test_a_field_without_units_is_refused():
    recording = _lattice(np.zeros((5, 3, 3)))
    del recording["lfp"].attrs["units"]
    with pytest.raises(SchemaError, match="units of 'lfp' are missing"):
        picked(recording)


def test_angles_are_refused():
    recording = _lattice(np.zeros((5, 3, 3)))
    recording["lfp"].attrs["units"] = "rad"
    with pytest.raises(InputError, match="an angle"):
        picked(recording)


def test_one_of_several_fields_must_be_named():
    recording = _lattice(np.zeros((5, 3, 3)))
    recording["mua"] = recording["lfp"]
    with pytest.raises(InputError, match="say which"):
        picked(recording)
    assert picked(recording, "mua").name == "mua"


def test_a_clock_of_single_precision_is_uniform_and_a_gap_is_not():
    field = _lattice(np.zeros((5000, 3, 3)))["lfp"]
    single = field.assign_coords(time=field["time"].astype(np.float32))
    assert sampling_rate(single) == pytest.approx(1000, rel=1e-5)
    gap = np.asarray(field["time"]) + 0.01 * (np.arange(5000) > 100)
    with pytest.raises(InputError, match=r"0\.011 s after 0\.1 s"):
        sampling_rate(field.assign_coords(time=("time", gap, S)))


@pytest.mark.parametrize("axis", ["y", "x"])
@pytest.mark.parametrize("lost", [np.nan, np.inf])
def test_a_row_or_column_without_a_place_is_refused(axis, lost):
    field = _lattice(np.zeros((5, 4, 4)))["lfp"]
    at = field[axis].values.copy()
    at[1] = lost
    placed = field.assign_coords({axis: (axis, at, MM)})
    with pytest.raises(InputError, match=rf"'{axis}' of field 'lfp' is .* index 1"):
        sites_of(placed)
