"""Modes of a velocity field: built of known ones, and as another tool finds them."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import xarray as xr

from cortexwave.analysis.flow_modes import flow_modes
from cortexwave.errors import InputError

T = np.arange(50) / 1000
Y, X = np.meshgrid(0.4 * np.arange(5), 0.4 * np.arange(6), indexing="ij")
# a pattern of one direction and one that turns about the middle are orthogonal
DRIFT = np.stack([np.full(X.shape, 0.6), np.full(X.shape, 0.8)])  # y, x
WHIRL = np.stack([X - X.mean(), -(Y - Y.mean())])
DRIFT, WHIRL = DRIFT / np.linalg.norm(DRIFT), WHIRL / np.linalg.norm(WHIRL)
STEADY, SWING = np.full(50, 30.0), 20 * np.cos(2 * np.pi * 100 * T)  # 5 whole cycles


def flow_of(velocity: np.ndarray) -> xr.Dataset:
    """(2, time, y, x) in mm/s as a flow."""
    steps, rows, columns = (np.arange(n) for n in velocity.shape[1:])
    axes = {"time": ("time", steps / 1000, {"units": "s"}),
            "y": ("y", 0.4 * rows, {"units": "mm"}),
            "x": ("x", 0.4 * columns, {"units": "mm"})}  # fmt: skip
    dims = ("time", "y", "x")
    return xr.Dataset(
        {"velocity_y": (dims, velocity[0], {"units": "mm/s"}),
         "velocity_x": (dims, velocity[1], {"units": "mm/s"}),
         "valid": ("time", np.ones(velocity.shape[1], bool), {"units": "1"})},
        axes,
    )  # fmt: skip


def two_modes() -> np.ndarray:
    return np.einsum("t,kyx->ktyx", STEADY, DRIFT) + np.einsum(
        "t,kyx->ktyx", SWING, WHIRL
    )


def test_the_modes_of_which_a_field_was_made_are_found():
    modes = flow_modes(flow_of(two_modes()), count=3)
    # 30^2 to 20^2 / 2: the mean square of a cosine
    np.testing.assert_allclose(modes.share, [900 / 1100, 200 / 1100, 0], atol=1e-12)
    np.testing.assert_allclose(modes.singular_value[:2],
                               [30 * np.sqrt(50), 20 * np.sqrt(25)])  # fmt: skip
    np.testing.assert_allclose(modes.mode_y[0], DRIFT[0], atol=1e-12)
    np.testing.assert_allclose(modes.mode_x[0], DRIFT[1], atol=1e-12)
    np.testing.assert_allclose(modes.course[0], STEADY)
    np.testing.assert_allclose(np.abs(modes.course[1]), np.abs(SWING), atol=1e-10)


def test_the_sum_of_course_times_mode_is_the_field():
    modes = flow_modes(flow_of(two_modes()), count=2)
    for axis, velocity in zip("yx", two_modes(), strict=True):
        total = (modes.course * modes[f"mode_{axis}"]).sum("mode")
        np.testing.assert_allclose(
            total.transpose("time", "y", "x"), velocity, atol=1e-9
        )


def test_a_complex_mode_may_turn_where_real_modes_are_two():
    turn = 2 * np.pi * 20 * T  # one whole turn, so that no direction is preferred
    arrows = 12 * np.stack([np.sin(turn), np.cos(turn)])[:, :, None, None]
    field = flow_of(arrows * np.ones((2, 50, 5, 6)) / np.sqrt(30))
    real = flow_modes(field, count=2)
    np.testing.assert_allclose(real.share, [0.5, 0.5])
    turning = flow_modes(field, count=1, kind="complex")
    np.testing.assert_allclose(turning.share, [1.0])
    np.testing.assert_allclose(turning.course[0], 12)
    change = np.diff(np.unwrap(turning.turn[0]))
    np.testing.assert_allclose(change, 2 * np.pi * 20 / 1000)


@pytest.mark.parametrize("kind", ["real", "complex"])
def test_the_mean_of_a_course_is_not_negative(kind: str):
    field = flow_of(np.random.default_rng(0).standard_normal((2, 50, 5, 6)))
    modes = flow_modes(field, count=10, kind=kind)
    mean = (modes.course * np.exp(1j * modes.get("turn", 0))).mean("time")
    assert (mean.real > 0).all()
    np.testing.assert_allclose(mean.imag, 0, atol=1e-12)


def test_missing_sites_and_spoilt_frames_have_no_part():
    velocity = two_modes()
    velocity[:, :, 0, 0] = np.nan  # a dead site
    velocity[:, 7, 3, 3] = np.nan  # a site missing once
    flow = flow_of(velocity)
    flow["valid"][:5] = False
    modes = flow_modes(flow, count=2)
    lost = np.flatnonzero(modes.course.isnull().all("mode"))
    assert lost.tolist() == [0, 1, 2, 3, 4, 7]
    assert int(modes.mode_x.isnull().sum()) == 2  # one site, two modes
    total = (modes.course * modes.mode_x).sum("mode", min_count=1)
    np.testing.assert_allclose(total.transpose("time", "y", "x")[10], velocity[1, 10],
                               atol=1e-9)  # fmt: skip


@pytest.mark.parametrize("name", ["mixture", "dead", "wideband", "rotating", "plane"])
def test_neuropatt_finds_the_same_modes_in_its_flow(golden, name: str):
    with h5py.File(golden("neuropatt_10x10.h5")) as file:
        part = file[name]
        vx, vy = (np.moveaxis(part[v][:], -1, 0) for v in ("vx", "vy"))
        strength, share = part["svd_s"][:4], part["svd_prct_var"][:4]
        u, v = part["svd_U"][:, 0], part["svd_V_re"][:, 0] + 1j * part["svd_V_im"][:, 0]
    modes = flow_modes(flow_of(np.stack([vy, vx])), count=4)
    # rounding of a square: 1e-16 (s1 / sk)^2, and s1 / s4 is at most 3e4
    np.testing.assert_allclose(modes.singular_value, strength, rtol=1e-6)
    np.testing.assert_allclose(100 * modes.share, share, rtol=2e-6, atol=1e-9)
    first = (modes.mode_x + 1j * modes.mode_y)[0].values
    rows = np.abs(np.vdot(first.ravel(order="F"), v))  # theirs runs down columns
    assert rows == pytest.approx(1, abs=1e-9)
    # the file holds their decomposition before signs are chosen
    np.testing.assert_allclose(np.abs(modes.course[0]) / strength[0], np.abs(u),
                               atol=1e-9)  # fmt: skip


def test_trials_share_modes_and_features_have_their_own():
    one, two = flow_of(two_modes()), flow_of(2 * two_modes())
    names = ["velocity_x", "velocity_y"]
    trials = flow_modes(xr.concat([one, two], "trial", data_vars=names), count=2)
    assert trials.course.dims == ("mode", "trial", "time")
    assert trials.mode_x.dims == ("mode", "y", "x")
    np.testing.assert_allclose(trials.course[0, 1], 2 * STEADY)
    features = xr.concat([one, two], "feature", data_vars=names)
    features = flow_modes(features.transpose("time", "feature", "y", "x"), count=2)
    assert features.share.dims == ("feature", "mode")
    np.testing.assert_allclose(features.share[0], features.share[1])


def test_more_modes_than_there_are_is_refused():
    with pytest.raises(
        InputError, match=r"count is 51; 50 frame\(s\) and 30 site\(s\)"
    ):
        flow_modes(flow_of(two_modes()), count=51)


def test_what_is_not_a_flow_is_refused():
    flow = flow_of(two_modes())
    with pytest.raises(InputError, match="'velocity_x' is missing"):
        flow_modes(flow.drop_vars("velocity_x"), count=1)
    flow["velocity_y"].attrs["units"] = "m/s"
    with pytest.raises(InputError, match="units of 'velocity_y' are 'm/s'"):
        flow_modes(flow, count=1)


def test_an_unknown_kind_is_refused():
    with pytest.raises(InputError, match="kind is 'polar'"):
        flow_modes(flow_of(two_modes()), count=1, kind="polar")
