"""Grids found in turned, jittered, holed positions; recordings laid on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.lab.array_maps import electrode_map
from cortexwave.lab.best_plane import in_plane
from cortexwave.lab.grid_finding import find_grid
from cortexwave.lab.grids import to_channels, to_grid
from cortexwave.lab.reading import lab_signals
from cortexwave.lab.signals import Contacts, Signal, as_recording


def positions(rows: int, columns: int, *, dy: float, dx: float) -> np.ndarray:
    row, column = np.divmod(np.arange(rows * columns), columns)
    return np.column_stack([column * dx, row * dy]).astype(float)


def rotated(at: np.ndarray, degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return at @ turn.T + (3.0, -7.0)


def channels(at: np.ndarray, values: np.ndarray | None = None, **said) -> xr.Dataset:
    names = [f"c{k}" for k in range(len(at))]
    if values is None:
        values = np.arange(5 * len(at), dtype=float).reshape(5, len(at))
    recording = xr.Dataset(
        {"lfp": (("time", "channel"), values, {"units": "uV"})},
        {"time": ("time", np.arange(len(values)) / 1e3, {"units": "s"}),
         "channel": np.array(names, dtype=object)},
        {"origin": "lab"},
    )  # fmt: skip
    for axis, place in zip("xyz", at.T, strict=False):
        recording = recording.assign_coords({axis: ("channel", place, {"units": "mm"})})
    return recording.assign_coords({k: ("channel", v) for k, v in said.items()})


@pytest.mark.parametrize("degrees", [0, 3, 17, 30, -44, -10])
@pytest.mark.parametrize(("dy", "dx"), [(0.4, 0.4), (1.0, 0.5), (0.02, 0.032)])
def test_the_pitch_and_rotation_of_a_turned_grid_are_exact(degrees, dy, dx):
    at = rotated(positions(8, 6, dy=dy, dx=dx), degrees)
    grid = find_grid(at)
    assert grid.shape == (8, 6)
    assert grid.pitch == pytest.approx((dy, dx), rel=1e-9)
    assert grid.rotation == pytest.approx(degrees, abs=1e-7)
    assert grid.index.tolist() == [list(divmod(k, 6)) for k in range(48)]
    assert grid.off_site.max() < 1e-9


@pytest.mark.parametrize("degrees", [0, 25])
@pytest.mark.parametrize("seed", range(4))
def test_a_jittered_grid_with_holes_is_found(seed, degrees):
    # a pitch of 0.4 mm known to 5 % at each of some 190 sites: over 16 of them the
    # pitch is known to better than 0.4 * 0.05 / sqrt(190) / (16 / sqrt(12)) = 0.0003
    draw = np.random.default_rng(seed)
    kept = draw.choice(256, 190, replace=False)
    at = rotated(positions(16, 16, dy=0.4, dx=0.4), degrees)
    grid = find_grid((at + draw.normal(0, 0.02, at.shape))[kept])
    assert grid.pitch == pytest.approx((0.4, 0.4), abs=0.0015)
    assert grid.rotation == pytest.approx(degrees, abs=0.3)
    true = np.column_stack(np.divmod(kept, 16))
    assert np.array_equal(grid.index, true - true.min(axis=0))
    assert 0.01 < np.sqrt(np.mean(grid.off_site**2)) < 0.04


def test_a_grid_of_thousands_of_contacts_is_found_at_once():
    at = rotated(positions(1280, 4, dy=0.015, dx=0.25), -7)
    grid = find_grid(at)
    assert grid.shape == (1280, 4)
    assert grid.pitch == pytest.approx((0.015, 0.25))


def _arc(count: int, *, pitch: float, bend: float) -> np.ndarray:
    """Places (contact, 3) mm in a row in which each step turns by `bend` deg."""
    turns = np.radians(bend) * (np.arange(count - 1) - (count - 2) / 2)
    steps = pitch * np.stack([np.sin(turns), np.cos(turns), 0 * turns], axis=1)
    return np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])


@pytest.mark.parametrize("bend", [12.0, -20.0, 35.0])
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4, 5], [3, 0, 5, 1, 4, 2]])
def test_a_bent_strip_is_one_column_of_its_own_pitch(bend, order):
    grid = find_grid(_arc(6, pitch=10.0, bend=bend)[order])
    assert grid.shape == (6, 1)
    assert grid.index.tolist() == [[place, 0] for place in order]
    # along the strip, of which the chord is shorter
    assert grid.pitch == pytest.approx((10.0, 10.0), rel=1e-9)
    assert grid.rotation == pytest.approx(0.0, abs=1e-9)
    assert np.diff(grid.y) == pytest.approx(10.0)


def test_a_bent_strip_that_lies_is_one_row_from_left_to_right():
    at = _arc(6, pitch=10.0, bend=20.0)[::-1, [1, 0, 2]]
    grid = find_grid(at)
    assert grid.shape == (1, 6)
    assert grid.index[:, 1].tolist() == [5, 4, 3, 2, 1, 0]


def test_three_corners_of_a_square_are_no_strip():
    grid = find_grid(np.array([[0, 0.0], [1, 0], [1, 1]]))
    assert grid.shape == (2, 2)


def test_a_horseshoe_and_uneven_steps_are_no_strip():
    with pytest.raises(InputError, match="no grid"):
        find_grid(_arc(12, pitch=10.0, bend=30.0))
    uneven = _arc(6, pitch=10.0, bend=30.0)
    uneven[5] += 0.8 * (uneven[5] - uneven[4])
    with pytest.raises(InputError, match="no grid"):
        find_grid(uneven)


def test_a_real_strip_is_one_column(lab):
    folder = lab("py_neuromodulation_bids_ecog")
    contacts = next(
        each for each in lab_signals(folder) if each.name == "ecog"
    ).contacts
    grid = find_grid(contacts.positions)
    assert grid.shape == (6, 1)
    # contacts of that strip are 10 mm apart; localised from images to a mm or so
    assert grid.pitch[0] == pytest.approx(10.0, abs=0.5)


def test_a_strip_is_a_grid_of_one_row():
    grid = find_grid(positions(1, 8, dy=1, dx=10))
    assert grid.shape == (1, 8)
    assert grid.pitch[1] == pytest.approx(10)
    upright = find_grid(positions(8, 1, dy=10, dx=1))
    assert upright.shape == (8, 1)


def test_a_grid_in_a_tilted_plane_has_its_true_pitch():
    flat = np.column_stack([positions(6, 8, dy=0.5, dx=0.5), np.zeros(48)])
    tilt = np.deg2rad(40)  # about x: y is foreshortened
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)],
                     [0, np.sin(tilt), np.cos(tilt)]])  # fmt: skip
    grid = find_grid(flat @ turn.T)
    assert grid.shape == (6, 8)
    assert grid.pitch == pytest.approx((0.5, 0.5), rel=1e-9)
    assert np.abs(grid.off_plane).max() < 1e-9


def test_a_bent_grid_has_the_pitch_of_its_surface():
    # 16 x 16 of 4 mm over a cylinder of 60 mm: neighbours along x are a chord apart
    arc, y = np.meshgrid((np.arange(16) - 7.5) * 4.0, np.arange(16) * 4.0)
    at = np.column_stack([60 * np.sin(arc.ravel() / 60), y.ravel(),
                          60 * np.cos(arc.ravel() / 60)])  # fmt: skip
    grid = find_grid(at)
    assert grid.shape == (16, 16)
    assert grid.pitch == pytest.approx((4.0, 2 * 60 * np.sin(2.0 / 60)))
    assert np.array_equal(grid.index[:, 0], np.repeat(np.arange(16), 16))
    assert grid.off_plane.max() > 2


def test_a_real_ecog_grid_on_the_brain_is_found():
    h5py = pytest.importorskip("h5py")
    path = (
        Path(__file__).resolve().parents[3] / "shared/lab/mne_ecog/ecog_grid_16x16.h5"
    )
    if not path.exists():
        pytest.skip("lab/mne_ecog is not beside this checkout")
    with h5py.File(path) as file:
        at = file["pos_mm_head"][()]
    grid = find_grid(at.reshape(-1, 3))
    assert grid.shape == (16, 16)
    assert grid.pitch == pytest.approx((4.0, 4.0), abs=0.06)
    # rows of the file are rows or columns of the grid, in order
    steps = np.diff(grid.index.reshape(16, 16, 2), axis=0)
    assert np.all(steps == steps[0, 0])
    assert np.abs(steps[0, 0]).sum() == 1


def test_the_distance_from_the_best_plane_is_reported():
    # z = 0.1 at the middle of three in a row, symmetric: the plane lies at z = 1/30
    at = np.array([(x, y, 0.1 * (x == 1)) for y in range(3) for x in range(3)], float)
    off = in_plane(at)[1]
    assert off == pytest.approx(np.where(at[:, 0] == 1, 0.2 / 3, -0.1 / 3))


def test_what_is_no_grid_is_refused():
    draw = np.random.default_rng(1)
    with pytest.raises(InputError, match="no grid"):
        find_grid(draw.uniform(0, 10, (60, 2)))
    at = positions(6, 6, dy=1, dx=1)
    at[14] += 0.45
    with pytest.raises(InputError, match="electrode 14 stands"):
        find_grid(at)
    with pytest.raises(InputError, match="a and b stand on one place"):
        find_grid(np.array([(0, 0), (0, 0), (1, 0)]), names=["a", "b", "c"])
    with pytest.raises(InputError, match=r"1 electrode.*no position: 1"):
        find_grid(np.array([(0, 0), (np.nan, 0), (1, 0)]))


def test_two_arrays_without_names_are_no_one_grid():
    at = positions(4, 4, dy=0.4, dx=0.4)
    with pytest.raises(InputError, match="several arrays"):
        find_grid(np.concatenate([at, at + 40.0]))


def test_a_utah_recording_has_nan_at_its_corners():
    utah = electrode_map("utah_10x10")
    laid = to_grid(channels(utah.positions[:, :2]))
    assert laid["lfp"].dims == ("time", "y", "x")
    assert laid["x"].values == pytest.approx(0.4 * np.arange(10))
    assert np.isnan(laid["lfp"].values[:, [0, 0, -1, -1], [0, -1, 0, -1]]).all()
    assert np.isfinite(laid["lfp"].values).sum() == 5 * 96
    assert laid.attrs["grid_rotation"] == 0


def test_to_channels_undoes_to_grid():
    draw = np.random.default_rng(3)
    at = rotated(positions(5, 4, dy=0.4, dx=0.4), 20)[draw.permutation(20)[:17]]
    good = np.arange(17) != 4
    recording = channels(
        at, good=good, reason=np.where(good, "", "flat").astype(object)
    )
    back = to_channels(to_grid(recording))
    again = back.sel(channel=recording["channel"].values)
    for name in ("lfp", "x", "y", "good", "reason"):
        assert np.array_equal(again[name].values, recording[name].values), name
    assert back.attrs == recording.attrs


def test_a_wave_on_a_turned_grid_is_turned_with_it():
    at = rotated(positions(5, 5, dy=1, dx=1), 30)
    laid = to_grid(channels(at))
    assert laid.attrs["grid_rotation"] == pytest.approx(30)
    middle = at.mean(axis=0)
    assert (float(laid["x"][2]), float(laid["y"][2])) == pytest.approx(middle)
    first = at[0] - middle
    assert np.hypot(*first) == pytest.approx(
        np.hypot(laid["x"][0] - middle[0], laid["y"][0] - middle[1])
    )
    assert float(laid["position_x"][0, 0]) == pytest.approx(at[0, 0])


def test_values_are_read_only_when_they_are_used():
    asked: list[tuple[int, int]] = []

    def read(start: int, stop: int) -> np.ndarray:
        asked.append((start, stop))
        return np.arange(start, stop)[:, None] + np.arange(6) / 10

    utah = Contacts.named(list("abcdef"), positions(2, 3, dy=0.4, dx=0.4))
    signal = Signal("lfp", Path("f"), "toy", 100.0, 0.0, 1000,
                    "uV", read, utah)  # fmt: skip
    laid = to_grid(as_recording(signal))
    assert asked == []
    part = laid["lfp"].isel(time=slice(10, 12), y=1).values
    assert asked == [(10, 12)]
    assert part == pytest.approx(np.array([[10.3, 10.4, 10.5], [11.3, 11.4, 11.5]]))
    back = to_channels(laid)["lfp"].isel(time=5, channel=[0, 5])
    assert back.values == pytest.approx([5.0, 5.5])


def test_of_several_arrays_one_is_named():
    at = np.concatenate([positions(2, 2, dy=0.4, dx=0.4)] * 2)
    arrays = np.array(["M1"] * 4 + ["S1"] * 4, dtype=object)
    recording = channels(at, array=arrays)
    with pytest.raises(InputError, match=r"2 arrays; say which.*'M1' or 'S1'"):
        to_grid(recording)
    laid = to_grid(recording, array="S1")
    assert laid["label"].values.ravel().tolist() == ["c4", "c5", "c6", "c7"]
    with pytest.raises(InputError, match="not 'V1'"):
        to_grid(recording, array="V1")


def test_channels_without_a_place_are_left_out_by_name():
    at = positions(2, 3, dy=0.4, dx=0.4)
    at[5] = np.nan
    laid = to_grid(channels(at))
    assert laid.attrs["grid_left_out"] == "c5"
    assert np.isnan(laid["lfp"].values[:, 1, 2]).all()
    with pytest.raises(InputError, match=r"0 channel.*electrode map"):
        to_grid(channels(np.full((3, 2), np.nan)))


def test_sites_of_a_sheet_that_are_never_there_are_no_channels():
    values = np.ones((4, 2, 3))
    values[:, 0, 1] = np.nan
    values[1, 1, 1] = np.nan
    sheet = xr.Dataset(
        {"h": (("time", "y", "x"), values, {"units": "1"})},
        {"time": ("time", np.arange(4.0), {"units": "s"}),
         "y": ("y", [0.0, 0.5], {"units": "mm"}),
         "x": ("x", [0.0, 0.5, 1.0], {"units": "mm"})},
    )  # fmt: skip
    found = to_channels(sheet)
    assert found["channel"].values.tolist() == ["r0c0", "r0c2", "r1c0", "r1c1", "r1c2"]
    assert found["x"].values.tolist() == [0.0, 1.0, 0.0, 0.5, 1.0]
    with pytest.raises(InputError, match="a lattice already"):
        to_grid(sheet)
    with pytest.raises(InputError, match=r"takes \(y, x\)"):
        to_channels(found)
