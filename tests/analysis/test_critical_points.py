"""Critical points of flows and phases whose centres are known."""

from __future__ import annotations

from collections.abc import Callable

import h5py
import numpy as np
import pytest
import xarray as xr

from cortexwave import synthetic
from cortexwave.analysis.critical_points import critical_points, phase_singularities
from cortexwave.analysis.flow import robust_flow
from cortexwave.analysis.gradient import lattice_gradient
from cortexwave.analysis.point_tracks import Linking, linked
from cortexwave.analysis.wave_fields import wave_field
from cortexwave.analysis.zero_points import winding_numbers, zero_points
from cortexwave.errors import InputError

RATE = 1000.0  # Hz
TURN = 2 * np.pi
PITCH = 0.4  # mm
CENTRE = 1.71, 2.13  # mm: x, y; in no middle of a cell
LINK = {"farthest": PITCH, "longest_gap": 0.002, "shortest": 0.0}
SLOPES = {  # [[dvx/dx, dvx/dy], [dvy/dx, dvy/dy]] in 1/s, kind, stable, winding
    "source": ([[30, 5], [5, 20]], "node", False, 1),
    "sink": ([[-30, 5], [5, -20]], "node", True, 1),
    "spiral out": ([[10, -60], [60, 10]], "focus", False, 1),
    "spiral in, clockwise": ([[-10, 60], [-60, -10]], "focus", True, 1),
    "saddle": ([[30, 10], [10, -20]], "saddle", False, -1),
    "turned saddle": ([[-20, 40], [40, -5]], "saddle", True, -1),
}


def linear(
    slopes: list[list[float]],
    *,
    spacing: float = PITCH,
    frames: int = 5,
    drift: tuple[float, float] = (0.0, 0.0),
    dead: tuple[tuple[int, int], ...] = (),
    size: int = 10,
) -> xr.Dataset:
    """J (r - centre), whose centre drifts by so many mm per frame, as a flow."""
    x = PITCH * np.arange(size)
    y = spacing * np.arange(size) - min(0.0, spacing * (size - 1))
    t = np.arange(frames)[:, None, None]
    right = x[None, None, :] - CENTRE[0] - t * drift[0]
    up = y[None, :, None] - CENTRE[1] - t * drift[1]
    (a, b), (c, d) = slopes
    values = np.stack([c * right + d * up, a * right + b * up])
    for row, column in dead:
        values[:, :, row, column] = np.nan
    return as_flow(values, y, x)


def as_flow(values: np.ndarray, y: np.ndarray, x: np.ndarray) -> xr.Dataset:
    """(2, time, y, x) in mm/s, components y and x, as a flow."""
    dims = ("time", "y", "x")
    time = np.arange(values.shape[1]) / RATE
    return xr.Dataset(
        {"velocity_y": (dims, values[0], {"units": "mm/s"}),
         "velocity_x": (dims, values[1], {"units": "mm/s"}),
         "valid": ("time", np.ones(len(time), bool), {"units": "1"})},
        {"time": ("time", time, {"units": "s"}), "y": ("y", y, {"units": "mm"}),
         "x": ("x", x, {"units": "mm"})},
    )  # fmt: skip


def field_of(
    phase: Callable[..., np.ndarray], spacing: tuple[float, float] = (PITCH, PITCH)
) -> xr.Dataset:
    """The wave field of a phase(t, x, y) in rad, of s and mm, on 10 x 10 sites."""
    t = np.arange(6)[:, None, None] / RATE
    y, x = (np.arange(10) * step - min(0.0, 9 * step) for step in spacing)
    return wave_field_of(phase(t, x[None, None, :], y[None, :, None]), y, x)


def wave_field_of(phase: np.ndarray, y: np.ndarray, x: np.ndarray) -> xr.Dataset:
    dims = ("time", "y", "x")
    axes = {"time": ("time", np.arange(len(phase)) / RATE, {"units": "s"}),
            "y": ("y", y, {"units": "mm"}), "x": ("x", x, {"units": "mm"})}  # fmt: skip
    slopes = lattice_gradient(np.exp(1j * phase), spacing=(y[1] - y[0], x[1] - x[0]))
    return xr.Dataset(
        {
            "phase": (dims, np.angle(np.exp(1j * phase)), {"units": "rad"}),
            "amplitude": (dims, np.ones(phase.shape), {"units": "uV"}),
            "frequency": (dims, np.ones(phase.shape), {"units": "Hz"}),
            "gradient_y": (dims, slopes[0], {"units": "rad/mm"}),
            "gradient_x": (dims, slopes[1], {"units": "rad/mm"}),
            "valid": ("time", np.ones(len(phase), bool), {"units": "1"}),
        },
        axes,
        {"variable": "v", "band": [5.0, 40.0], "phase_method": "generalized",
         "sampling_rate": RATE, "edge": 0.0},
    )  # fmt: skip


@pytest.mark.parametrize("spacing", [PITCH, -PITCH])
@pytest.mark.parametrize("name", SLOPES)
def test_a_linear_field_is_found_with_its_centre_class_and_winding(
    name: str, spacing: float
):
    slopes, kind, stable, winding = SLOPES[name]
    points = critical_points(linear(slopes, spacing=spacing), **LINK)
    assert points.sizes == {"point": 5, "track": 1}
    # a linear field is bilinear, so all of it is exact
    np.testing.assert_allclose(points.x, CENTRE[0], rtol=1e-9)
    np.testing.assert_allclose(points.y, CENTRE[1], rtol=1e-9)
    assert (points.kind == kind).all()
    assert (points.stable == stable).all()
    assert (points.winding == winding).all()
    (a, b), (c, d) = slopes
    np.testing.assert_allclose(points.divergence, a + d, atol=1e-9)
    np.testing.assert_allclose(points.curl, c - b, atol=1e-9)
    assert points.curl.attrs["units"] == "1/s"


@pytest.mark.parametrize("spacing", [(PITCH, PITCH), (-PITCH, PITCH)])
@pytest.mark.parametrize(
    ("phase", "stable", "curl"),
    [
        (lambda r, angle: TURN / 6 * r, False, 0),  # spreads
        (lambda r, angle: -TURN / 6 * r, True, 0),  # contracts
        (lambda r, angle: angle, None, 1),  # turns counter-clockwise
        (lambda r, angle: -angle, None, -1),
        (lambda r, angle: angle + TURN / 8 * r, False, 1),  # spirals out
        (lambda r, angle: TURN / 8 * r - angle, False, -1),
    ],
)
def test_the_centre_of_a_wave_is_a_critical_point_of_its_flow(
    phase, stable: bool | None, curl: int, spacing: tuple[float, float]
):
    def wave(t, x, y):
        x, y = x - CENTRE[0], y - CENTRE[1]
        return TURN * 12 * t - phase(np.hypot(x, y), np.arctan2(y, x))

    field = field_of(wave, spacing=spacing)
    points = critical_points(
        robust_flow(field, smoothness=0.5, robustness=RATE), **LINK
    )
    assert points.sizes == {"point": 5, "track": 1}
    away = np.hypot(points.x - CENTRE[0], points.y - CENTRE[1])
    assert (away < PITCH / 2).all()  # below a site
    assert (points.winding == 1).all()
    turning = np.sign(points.curl) * (abs(points.curl) > abs(points.divergence) / 4)
    assert (turning == curl).all()
    assert stable is None or (points.stable == stable).all()


@pytest.mark.parametrize("handedness", [1, -1])
@pytest.mark.parametrize("forward", [1, -1])
@pytest.mark.parametrize("spacing", [(PITCH, PITCH), (-PITCH, PITCH)])
def test_a_phase_singularity_has_the_place_and_hand_of_its_wave(
    handedness: int, forward: int, spacing: tuple[float, float]
):
    def wave(t, x, y):
        angle = np.arctan2(y - CENTRE[1], x - CENTRE[0])
        return forward * (TURN * 12 * t - handedness * angle)

    field = field_of(wave, spacing=spacing)
    field["frequency"] *= forward * 12
    field["frequency"][-1] = np.nan  # as of a wave field
    points = phase_singularities(field, **LINK)
    assert points.sizes == {"point": 6, "track": 1}
    # as the docstring says
    assert (np.hypot(points.x - CENTRE[0], points.y - CENTRE[1]) < PITCH / 2).all()
    assert (points.handedness == handedness).all()
    assert (points.winding == -handedness * forward).all()
    assert points.track_handedness.item() == handedness


def test_a_plane_wave_has_neither_critical_points_nor_singularities():
    field = field_of(lambda t, x, y: TURN * 15 * t - x - 0.5 * y)
    assert phase_singularities(field, **LINK).sizes == {"point": 0, "track": 0}
    flow = robust_flow(field, smoothness=0.5, robustness=RATE)
    points = critical_points(flow, **LINK)
    assert points.sizes == {"point": 0, "track": 0}
    assert points.track_duration.attrs["units"] == "s"


def test_a_radial_wave_has_no_singularity():
    field = field_of(lambda t, x, y: TURN * 12 * t - np.hypot(x - 1.8, y - 1.8))
    assert phase_singularities(field, **LINK).sizes["point"] == 0


def test_two_zeros_in_one_cell_are_both_found():
    # x y = 0.06 and x + y = 0.5 at (0.2, 0.3) and (0.3, 0.2): a hyperbola and a line
    y, x = np.mgrid[:2, :2].astype(float)
    points = zero_points((x * y - 0.06)[None], (x + y - 0.5)[None])
    np.testing.assert_allclose(np.sort(points.row), [0.2, 0.3])
    np.testing.assert_allclose(np.sort(points.column), [0.2, 0.3])


@pytest.mark.parametrize("angle", np.linspace(0.1, 6.0, 9))
def test_a_zero_at_a_site_or_on_a_side_counts_once_in_each_frame(angle: float):
    c, s = np.cos(angle), np.sin(angle)
    y, x = np.mgrid[-3:4, -3:4] / 3.0
    for shift in (0.0, 1 / 6):  # at a site, and in the middle of a side
        up, right = c * y + s * (x + shift), c * (x + shift) - s * y
        points = zero_points(np.stack([up, up]), np.stack([right, right]))
        assert points.frame.tolist() == [0, 1]


def test_winding_numbers_count_turns_of_either_sign():
    y, x = np.mgrid[-4:5, -4:5].astype(float)
    points = zero_points(y[None] - 0.1, x[None] - 0.1)
    for turns in (-2, -1, 0, 1, 2):
        angle = turns * np.arctan2(y, x)[None] + 0.3
        found = winding_numbers(angle, points, radius=2)
        assert found.tolist() == [turns]


def test_a_loop_steps_over_one_missing_site_but_not_over_two():
    slopes = SLOPES["source"][0]
    # the nearest site is (5, 4): row, column; on the loop of radius 2 about it
    assert critical_points(linear(slopes, dead=((3, 4),)), **LINK).sizes["point"] == 5
    gone = linear(slopes, dead=((3, 4), (3, 5)))
    assert critical_points(gone, **LINK).sizes["point"] == 0
    only = critical_points(gone, **LINK, radii=(1,))
    assert only.sizes["point"] == 5
    # a loop of 8 sites has to have them all
    near = linear(slopes, dead=((4, 4),))
    assert critical_points(near, **LINK, radii=(1,)).sizes["point"] == 0


def test_points_near_the_edge_are_left_out_as_asked():
    flow = linear(SLOPES["source"][0])
    # the nearest edge is that at y = 3.6 mm, 1.47 mm off
    assert critical_points(flow, **LINK, margin=1.46).sizes["point"] == 5
    assert critical_points(flow, **LINK, margin=1.48).sizes["point"] == 0


def test_a_drifting_point_is_one_track_with_its_times_and_places():
    flow = linear(SLOPES["source"][0], frames=8, drift=(0.05, -0.02))
    points = critical_points(flow, **LINK)
    assert points.sizes == {"point": 8, "track": 1}
    track = points.isel(track=0)
    assert track.track_start.item() == 0
    assert track.track_end.item() == pytest.approx(0.007)
    assert track.track_duration.item() == pytest.approx(0.007)
    assert track.track_x.item() == pytest.approx(CENTRE[0] + 3.5 * 0.05)
    assert track.track_displacement.item() == pytest.approx(7 * np.hypot(0.05, 0.02))
    assert track.track_kind.item() == "node"
    assert track.track_points.item() == 8


def test_a_leap_ends_a_track_and_a_gap_does_not():
    flow = linear(SLOPES["source"][0], frames=9)
    flow["valid"][3:5] = False  # 2 ms without points
    assert critical_points(flow, **LINK).sizes == {"point": 7, "track": 1}
    short = critical_points(flow, **{**LINK, "longest_gap": 0.001})
    assert short.of_track.values.tolist() == [0, 0, 0, 1, 1, 1, 1]
    long = critical_points(flow, **{**LINK, "longest_gap": 0.001, "shortest": 0.003})
    assert long.sizes == {"point": 4, "track": 1}
    assert long.of_track.values.tolist() == [0, 0, 0, 0]
    leaping = linear(SLOPES["source"][0], drift=(0.05, 0.0))
    leaps = critical_points(leaping, **{**LINK, "farthest": 0.04})
    assert leaps.sizes == {"point": 5, "track": 5}


def test_a_flow_is_left_as_it_was():
    flow = linear(SLOPES["source"][0])
    flow["valid"][1] = False
    before = flow.copy(deep=True)
    critical_points(flow, **LINK)
    xr.testing.assert_identical(flow, before)


def test_the_nearest_points_are_linked_first_and_only_to_their_group():
    frame = np.array([0, 0, 1, 1, 1, 2])
    position = np.array([[0, 0], [1, 0], [0.9, 0], [0.4, 0], [0, 0.1], [0.4, 0]])
    group = np.array([1, 1, 1, 1, -1, 1])
    track = linked(frame, position, group, Linking(0.5, 1, 0.0))
    assert track.tolist() == [0, 1, 1, 0, 2, 0]


def test_a_track_goes_on_with_one_of_two_points_and_the_other_begins_one():
    position = np.array([[0, 0], [0.3, 0], [0.2, 0]])
    track = linked(np.array([0, 1, 1]), position, np.ones(3), Linking(0.5, 1, 0.0))
    assert track.tolist() == [0, 1, 0]


@pytest.mark.parametrize("sites_at_a_time", [1, 300, 500])
def test_reading_in_parts_changes_nothing(monkeypatch, sites_at_a_time: int):
    def backward(t, x, y):
        return np.arctan2(y - CENTRE[1], x - CENTRE[0]) - TURN * 12 * t

    field = field_of(backward)
    field["frequency"] *= -12
    field["frequency"][-1] = np.nan
    whole = phase_singularities(field, **LINK)
    monkeypatch.setattr("cortexwave.analysis.critical_points._SLAB", sites_at_a_time)
    xr.testing.assert_identical(whole, phase_singularities(field, **LINK))


def test_each_trial_and_feature_has_its_own_tracks():
    one = linear(SLOPES["source"][0])
    names = ["velocity_x", "velocity_y"]
    both = xr.concat([one, linear(SLOPES["saddle"][0])], "trial", data_vars=names)
    points = critical_points(both, **LINK)
    assert points.sizes == {"point": 10, "track": 2}
    assert points.track_trial.values.tolist() == [0, 1]
    assert points.track_kind.values.tolist() == ["node", "saddle"]
    features = xr.concat([one, one], "feature", data_vars=names)
    points = critical_points(features.transpose("time", "feature", "y", "x"), **LINK)
    assert points.track_feature.values.tolist() == [0, 1]


def test_noise_has_short_tracks_only():
    rng = np.random.default_rng(3)
    at = PITCH * np.arange(10)
    points = critical_points(as_flow(rng.standard_normal((2, 400, 10, 10)), at, at),
                             **{**LINK, "longest_gap": 0.0})  # fmt: skip
    assert points.sizes["point"] > 100
    # a wave's lasts as long as the wave: half a cycle of 40 Hz is 12 ms
    assert points.track_duration.max() < 0.006
    assert points.track_duration.median() == 0


KINDS = {1: ("node", True), 2: ("node", False), 3: ("focus", True),
         4: ("focus", False), 5: ("saddle", None)}  # fmt: skip


@pytest.mark.parametrize("name", ["mixture", "rotating", "rotating_neg", "spiral"])
def test_neuropatt_finds_the_same_points_in_its_flow(golden, name: str):
    with h5py.File(golden("neuropatt_10x10.h5")) as file:
        frame, row, column, kind, winding = file[name]["crit_t_row_col_type_winding"][
            :
        ].T
        vx, vy = (np.moveaxis(file[name][v][:], -1, 0) for v in ("vx", "vy"))
    at = PITCH * np.arange(10)
    # their rows as our y: node, focus and winding do not change in a mirror
    points = critical_points(as_flow(np.stack([vy, vx]), at, at), **LINK)
    np.testing.assert_allclose(points.time * RATE + 1, frame)  # theirs count from 1
    np.testing.assert_allclose(points.x / PITCH + 1, column, atol=1e-3)
    np.testing.assert_allclose(points.y / PITCH + 1, row, atol=1e-3)
    assert (points.winding == -winding).all()  # their sign
    assert set(zip(points.kind.values, points.stable.values, strict=True)) == {
        KINDS[int(k)] for k in kind
    }


@pytest.mark.parametrize("name", ["mixture", "radial_out", "rotating", "spiral"])
def test_our_flow_has_the_point_of_neuropatt_within_a_site(golden, name: str):
    with h5py.File(golden("neuropatt_10x10.h5")) as file:
        part = file[name]
        _, row, column, _, _ = part["crit_t_row_col_type_winding"][:].T
        z = np.moveaxis(part["z_re"][:] + 1j * part["z_im"][:], -1, 0)
    at = PITCH * np.arange(10)
    field = wave_field_of(np.angle(z), at[::-1], at)
    flow = robust_flow(field, smoothness=0.5, robustness=RATE)
    points = critical_points(flow, **LINK)
    assert points.sizes["track"] == 1
    np.testing.assert_allclose(points.x / PITCH, column - 1, atol=0.2)
    np.testing.assert_allclose(9 - points.y / PITCH, row - 1, atol=0.2)  # rows go down


@pytest.mark.parametrize(
    ("kind", "wave", "turns"),
    [
        ("node", synthetic.radial_wave, {"spread": "out", "wavelength": 5.0}),
        ("focus", synthetic.rotating_wave, {"handedness": -1}),
        ("focus", synthetic.spiral_wave, {"handedness": 1, "spread": "out",
                                          "wavelength": 8.0}),
    ],
)  # fmt: skip
def test_a_wave_in_noise_of_its_power_is_one_track_as_long_as_it_lasts(
    kind: str, wave: Callable[..., xr.Dataset], turns: dict
):
    sites = synthetic.LatticeSites((10, 10), (PITCH, PITCH))
    clean = wave(sites, duration=0.8, rate=RATE, frequency=12.0, centre=CENTRE, **turns)
    field = wave_field(synthetic.with_noise(clean, snr_db=0, seed=1), band=(5.0, 40.0))
    link = {"farthest": PITCH, "longest_gap": 0.005, "shortest": 0.02}
    points = critical_points(
        robust_flow(field, smoothness=0.5, robustness=RATE), **link
    )
    lasted = (int(field.valid.sum()) - 2) / RATE
    assert points.track_duration.values == pytest.approx([lasted])
    assert points.track_kind.values.tolist() == [kind]
    away = np.hypot(points.track_x - CENTRE[0], points.track_y - CENTRE[1])
    assert (away < PITCH / 2).all()
    singular = phase_singularities(field, **link)
    hand = [turns["handedness"]] if "handedness" in turns else []
    assert singular.track_handedness.values.tolist() == hand


# misuse


@pytest.mark.parametrize(
    ("name", "value"),
    [("farthest", 0.0), ("longest_gap", -0.1), ("shortest", np.nan), ("margin", -1.0),
     ("radii", ()), ("radii", (0, 1))],
)  # fmt: skip
def test_parameters_that_mean_nothing_are_named(name: str, value):
    with pytest.raises(InputError, match=name):
        critical_points(linear(SLOPES["source"][0]), **{**LINK, name: value})


def test_an_array_too_small_for_the_loops_is_refused():
    with pytest.raises(InputError, match=r"4 x 4 sites .* at least 5 x 5"):
        critical_points(linear(SLOPES["source"][0], size=4), **LINK)


def test_scattered_electrodes_are_sent_to_their_lattice():
    electrodes = linear(SLOPES["source"][0]).stack(channel=("y", "x"))
    electrodes = electrodes.reset_index("channel")
    electrodes["x"].attrs["units"] = electrodes["y"].attrs["units"] = "mm"
    with pytest.raises(InputError, match=r"on_lattice\(recording\)"):
        critical_points(electrodes, **LINK)
