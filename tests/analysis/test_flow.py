"""Normal and robust flow: closed forms, an obvious reference, other tools' outputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from cortexwave import synthetic
from cortexwave.analysis.flow import normal_flow, robust_flow
from cortexwave.analysis.flow_solver import RIDGE, robust_horn_schunck
from cortexwave.analysis.gradient import gradient_of_phase
from cortexwave.analysis.sites import sites_of
from cortexwave.analysis.wave_fields import wave_field
from cortexwave.errors import InputError, SchemaError

RATE = 1000.0  # Hz
PITCH = 0.4  # mm
TURN = 2 * np.pi
CENTRE = 1.76, 1.88  # mm: x, y of what turns or spreads
# of Townsend & Gong 2018: alpha 0.5, beta 1 rad per frame
PAPER = {"smoothness": 0.5, "robustness": RATE}


def field_of(
    phase: Callable[..., np.ndarray],
    *,
    shape: tuple[int, int] = (10, 10),
    frames: int = 6,
    spacing: tuple[float, float] = (PITCH, PITCH),
    rate: float = RATE,
    dead: tuple[tuple[int, int], ...] = (),
) -> xr.Dataset:
    """The wave field of a phase(t, x, y) in rad, of s and mm."""
    t = np.arange(frames) / rate
    y, x = np.arange(shape[0]) * spacing[0], np.arange(shape[1]) * spacing[1]
    # a falling coordinate covers the same places as a rising one
    y = y - min(0.0, y.min())
    values = phase(t[:, None, None], x[None, None, :], y[None, :, None])
    values = np.array(np.broadcast_to(values, (frames, *shape)))
    for row, column in dead:
        values[:, row, column] = np.nan
    return _wave_field(values, t, y, x)


def _wave_field(
    phase: np.ndarray, t: np.ndarray, y: np.ndarray, x: np.ndarray
) -> xr.Dataset:
    axes = {"time": ("time", t, {"units": "s"}), "y": ("y", y, {"units": "mm"}),
            "x": ("x", x, {"units": "mm"})}  # fmt: skip
    dims = ("time", "y", "x")
    wrapped = phase - TURN * np.floor(phase / TURN + 0.5)
    bare = xr.DataArray(wrapped, axes, dims, "phase", {"units": "rad"})
    slopes = gradient_of_phase(wrapped.reshape(len(t), -1), sites_of(bare))
    return xr.Dataset(
        {
            "phase": bare,
            "amplitude": (dims, np.ones(phase.shape), {"units": "uV"}),
            "frequency": (dims, np.ones(phase.shape), {"units": "Hz"}),
            "gradient_y": (dims, slopes[0].reshape(phase.shape), {"units": "rad/mm"}),
            "gradient_x": (dims, slopes[1].reshape(phase.shape), {"units": "rad/mm"}),
            "valid": ("time", np.ones(len(t), bool), {"units": "1"}),
        },
        attrs={"variable": "v", "band": [5.0, 40.0], "phase_method": "generalized",
               "sampling_rate": 1 / (t[1] - t[0]), "edge": 0.0},
    )  # fmt: skip


def plane(
    degrees: float, *, frequency: float = 15.0, wavelength: float = 6.0
) -> Callable[..., np.ndarray]:
    k = TURN / wavelength
    a = np.deg2rad(degrees)
    return lambda t, x, y: TURN * frequency * t - k * (np.cos(a) * x + np.sin(a) * y)


def rotating(t: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Turns counter-clockwise, 10 times a second."""
    return TURN * 10 * t - np.arctan2(y - CENTRE[1], x - CENTRE[0])


def radial(t: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Spreads at 60 mm/s: 12 Hz, 5 mm."""
    return TURN * 12 * t - TURN / 5 * np.hypot(x - CENTRE[0], y - CENTRE[1])


def mixed(t: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A curved wave whose phase gradient turns over the array, and in time."""
    return TURN * 15 * t + 0.7 * np.sin(1.3 * x + 9 * t) + 0.5 * y * (1 + 0.3 * x)


def from_centre(flow: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Distance (mm) and the speeds outward and counter-clockwise about CENTRE."""
    x, y = flow.x - CENTRE[0], flow.y - CENTRE[1]
    r = np.hypot(x, y)
    out = (flow.velocity_x * x + flow.velocity_y * y) / r
    return r, out, (flow.velocity_y * x - flow.velocity_x * y) / r


# normal flow


@pytest.mark.parametrize("degrees", range(-180, 180, 45))
def test_normal_flow_of_a_plane_is_its_velocity(degrees: int):
    flow = normal_flow(field_of(plane(degrees)))
    # 15 Hz x 6 mm; centred and one-sided differences of a line are exact
    np.testing.assert_allclose(flow.velocity_x, 90 * np.cos(np.deg2rad(degrees)),
                               atol=1e-9)  # fmt: skip
    np.testing.assert_allclose(flow.velocity_y, 90 * np.sin(np.deg2rad(degrees)),
                               atol=1e-9)  # fmt: skip


def test_normal_flow_is_the_same_where_y_falls_with_the_index():
    rising = normal_flow(field_of(mixed))
    falling = normal_flow(field_of(mixed, spacing=(-PITCH, PITCH))).sortby("y")
    xr.testing.assert_allclose(rising, falling, rtol=1e-9)


def test_normal_flow_of_a_radial_wave_is_outward_at_its_speed():
    r, out, around = from_centre(normal_flow(field_of(radial)))
    # along a ray the difference is exact; across, the circle's sagitta over a pitch
    # takes (pitch / r)^2 / 6 of the gradient's square: 0.7 % at 5 pitches, at edges
    # (one-sided: half a pitch off) 1 / 2 pitch / r of its direction
    far = (r > 2.5 * PITCH) & (abs(flow_index(r)) < 4)
    assert abs(out.where(far) / 60 - 1).max() < 0.03
    assert abs(around.where(far)).max() < 3


def flow_index(r: xr.DataArray) -> xr.DataArray:
    """How many sites from the middle of a 10 x 10 array, along the worse axis."""
    i = np.maximum(abs(r.x / PITCH - 4.5), abs(r.y / PITCH - 4.5))
    return i


def test_normal_flow_of_a_rotating_wave_turns_at_its_frequency():
    r, out, around = from_centre(normal_flow(field_of(rotating)))
    # d theta over two pitches is 2 atan(h / r), not 2 h / r: (h / r)^2 / 3 too small
    # on an axis, as much too large on a diagonal: 5 % at 2.5 pitches
    far = (r > 2.5 * PITCH) & (abs(flow_index(r)) < 4)
    assert abs((around / r).where(far) / (TURN * 10) - 1).max() < 0.06
    assert abs(out.where(far) / around.where(far)).max() < 0.06


def test_normal_flow_of_scattered_electrodes_is_that_of_the_lattice_they_stand_on():
    field = field_of(mixed)
    electrodes = field.stack(channel=("y", "x")).reset_index("channel")
    electrodes["x"].attrs["units"] = electrodes["y"].attrs["units"] = "mm"
    flow, expected = normal_flow(electrodes), normal_flow(field)
    np.testing.assert_allclose(
        flow.velocity_x.values, expected.velocity_x.values.reshape(5, -1), rtol=1e-12
    )


def test_synchrony_has_no_flow_instead_of_an_infinite_one():
    # rounding leaves a gradient, which speeds would be 1 over
    field = field_of(lambda t, x, y: TURN * 15 * t + 1e-12 * x * y)
    assert normal_flow(field).velocity_x.isnull().all()
    robust = robust_flow(field, **PAPER)
    assert robust.velocity_x.isnull().all()
    assert not robust.converged.any()
    assert robust.residual.isnull().all()


def test_a_phase_that_stands_still_has_no_velocity():
    flow = normal_flow(field_of(plane(30, frequency=0)))
    assert abs(flow.velocity_x).max() == 0
    robust = robust_flow(field_of(plane(30, frequency=0)), **PAPER)
    assert abs(robust.velocity_x).max() == 0
    assert robust.converged.all()


@pytest.mark.parametrize("name", ["plane", "plane_neg"])
@pytest.mark.parametrize("second", ["", "_a0p1_b10"])
def test_normal_component_of_neuropatt_is_ours(golden, name: str, second: str):
    field, theirs = neuropatt(golden("neuropatt_10x10.h5"), name, second)
    flow = normal_flow(field)
    assert along(flow, field, theirs) < 0.01


def neuropatt(path: Path, name: str, second: str = "") -> tuple[xr.Dataset, xr.Dataset]:
    """Their input as a wave field and their flow in mm/s, with y up."""
    with h5py.File(path) as file:
        part = file[name]
        z = np.moveaxis(part["z_re"][:] + 1j * part["z_im"][:], -1, 0)
        vx, vy = (np.moveaxis(part[f"v{axis}{second}"][:], -1, 0) for axis in "xy")
    t = np.arange(len(z)) / RATE
    at = PITCH * np.arange(10)
    field = _wave_field(np.angle(z), t, at[::-1], at)
    dims = ("time", "y", "x")
    scale = PITCH * RATE
    return field, xr.Dataset(
        {"velocity_x": (dims, scale * vx), "velocity_y": (dims, -scale * vy)},
        {"time": t[:-1], "y": at[::-1], "x": at},
    )


def along(flow: xr.Dataset, field: xr.Dataset, theirs: xr.Dataset) -> float:
    """Median difference of the components along the gradient, of their median size."""
    g = [field[f"gradient_{a}"].rolling(time=2).mean().shift(time=-1) for a in "yx"]
    size = np.hypot(*g)
    ours, other = (
        (v.velocity_y * g[0] + v.velocity_x * g[1]) / size for v in (flow, theirs)
    )
    return float(abs(ours - other).median() / abs(ours).median())


# robust flow


def reference(
    gradient: tuple[np.ndarray, np.ndarray],
    change: np.ndarray,
    live: np.ndarray,
    spacing: tuple[float, float],
    smoothness: float,
    robustness: float,
) -> tuple[np.ndarray, np.ndarray]:
    """One frame, the obvious way: dense normal equations, weights set until they stay.

    Unknowns are the velocities of live sites; D takes differences of neighbours.
    """
    number = np.full(live.shape, -1)
    number[live] = np.arange(live.sum())
    pairs, steps = [], []
    for axis, step in enumerate(spacing):
        first = np.moveaxis(number, axis, 0)[:-1].ravel()
        second = np.moveaxis(number, axis, 0)[1:].ravel()
        both = (first >= 0) & (second >= 0)
        pairs.append(np.stack([first[both], second[both]], axis=-1))
        steps.append(np.full(both.sum(), abs(step)))
    ends, size = np.concatenate(pairs), int(live.sum())
    D = np.zeros((len(ends), size))
    D[np.arange(len(ends)), ends[:, 0]] = -1 / np.concatenate(steps)
    D[np.arange(len(ends)), ends[:, 1]] = 1 / np.concatenate(steps)
    beside = (D != 0).T.astype(float)
    g_y, g_x, rate = gradient[0][live], gradient[1][live], change[live]
    known = np.isfinite(g_y + g_x)
    g_y, g_x, rate = (np.where(known, a, 0) for a in (g_y, g_x, rate))
    ridge = RIDGE * np.sum(g_y**2 + g_x**2) / size * np.eye(2 * size)
    v = np.zeros(2 * size)
    for _ in range(500):
        v_y, v_x = v[:size], v[size:]
        error = g_y * v_y + g_x * v_x + rate
        data = 1 / np.sqrt(1 + (error / robustness) ** 2)
        rough = beside @ ((D @ v_y) ** 2 + (D @ v_x) ** 2) / 2
        smooth = 1 / np.sqrt(1 + rough / robustness**2)
        weight = smoothness * (smooth[ends[:, 0]] + smooth[ends[:, 1]]) / 2
        L = D.T @ (weight[:, None] * D)
        A = np.block([
            [L + np.diag(data * g_y**2), np.diag(data * g_y * g_x)],
            [np.diag(data * g_y * g_x), L + np.diag(data * g_x**2)],
        ])  # fmt: skip
        b = -np.concatenate([data * g_y * rate, data * g_x * rate])
        new = np.linalg.solve(A + ridge, b)
        done = np.linalg.norm(new - v) <= 1e-12 * np.linalg.norm(new)
        v = new
        if done:
            break
    found = np.full((2, *live.shape), np.nan)
    found[0][live], found[1][live] = v[:size], v[size:]
    return found[0], found[1]


@pytest.mark.parametrize("robustness", [1e4, 200.0, 20.0])
@pytest.mark.parametrize("spacing", [(0.4, 0.4), (-0.7, 0.4)])
def test_robust_flow_is_the_minimum_that_dense_equations_find(
    robustness: float, spacing: tuple[float, float]
):
    field = field_of(mixed, shape=(6, 7), frames=3, spacing=spacing,
                     dead=((0, 0), (2, 3), (5, 6)))  # fmt: skip
    flow = robust_flow(field, smoothness=0.3, robustness=robustness, tolerance=1e-9,
                       longest=2000)  # fmt: skip
    assert flow.converged.all()
    g = [(field[n][1:].values + field[n][:-1].values)[1] / 2
         for n in ("gradient_y", "gradient_x")]  # fmt: skip
    phase = np.exp(1j * field.phase.values)
    change = np.angle(phase[2] * phase[1].conj()) * RATE
    live = np.isfinite(change)
    v_y, v_x = reference((g[0], g[1]), change, live, spacing, 0.3, robustness)
    size = np.nanmax(np.hypot(v_y, v_x))
    # the residual of 1e-9 over the least stiff direction that these data leave
    np.testing.assert_allclose(flow.velocity_y[1], v_y, atol=1e-6 * size)
    np.testing.assert_allclose(flow.velocity_x[1], v_x, atol=1e-6 * size)


def test_the_usual_tolerance_is_as_near_as_it_says():
    field = field_of(mixed)
    near, exact = (robust_flow(field, **PAPER, tolerance=tol) for tol in (1e-3, 1e-9))
    error = np.hypot(near.velocity_x - exact.velocity_x,
                     near.velocity_y - exact.velocity_y)  # fmt: skip
    speed = np.hypot(exact.velocity_x, exact.velocity_y)
    # "about": the metric is that of averaged weights
    assert np.sqrt((error**2).mean() / (speed**2).mean()) < 3e-3


@pytest.mark.parametrize("degrees", range(-180, 180, 45))
def test_robust_flow_of_a_plane_is_the_smallest_that_its_crests_allow(degrees: int):
    flow = robust_flow(field_of(plane(degrees)), **PAPER)
    # the tolerance of the solution; the ridge takes a part in a million
    np.testing.assert_allclose(flow.velocity_x, 90 * np.cos(np.deg2rad(degrees)),
                               atol=0.09)  # fmt: skip
    np.testing.assert_allclose(flow.velocity_y, 90 * np.sin(np.deg2rad(degrees)),
                               atol=0.09)  # fmt: skip


def test_with_little_smoothness_the_component_along_the_gradient_is_the_normal_one():
    field = field_of(mixed)
    normal = normal_flow(field)
    robust = robust_flow(field, smoothness=1e-4, robustness=RATE, tolerance=1e-6)
    assert along(robust, field, normal) < 1e-3
    smooth = robust_flow(field, smoothness=5.0, robustness=RATE, tolerance=1e-6)
    assert along(smooth, field, normal) > 1e-2


def test_robust_flow_of_a_rotating_wave_turns_at_its_frequency():
    flow = robust_flow(field_of(rotating), smoothness=0.01, robustness=RATE)
    r, out, around = from_centre(flow)
    # as for the normal flow; smoothness evens out the sites by the centre
    far = (r > 2.5 * PITCH) & (abs(flow_index(r)) < 4)
    assert abs((around / r).where(far) / (TURN * 10) - 1).max() < 0.06
    assert float(abs(out.where(far)).max()) < 0.06 * float(around.where(far).max())


def test_robust_flow_of_a_radial_wave_spreads_at_its_speed():
    flow = robust_flow(field_of(radial), smoothness=0.01, robustness=RATE)
    r, out, around = from_centre(flow)
    far = (r > 2.5 * PITCH) & (abs(flow_index(r)) < 4)
    # rays diverge, which smoothness resists: 5 % of the speed, and 3 degrees
    assert abs(out.where(far) / 60 - 1).max() < 0.05
    assert abs(around.where(far)).max() < 0.05 * 60


def test_an_outlier_pulls_less_the_more_robust_the_flow_is():
    field = field_of(plane(30))
    spoilt = field.copy(deep=True)
    spoilt["phase"][3, 5, 5] += 1.0  # of 3 pairs, the two beside frame 3 hold it
    errors = [
        float(abs(robust_flow(spoilt, smoothness=0.5, robustness=beta).velocity_x
                  - 90 * np.cos(np.pi / 6)).isel(time=2).max())
        for beta in (RATE * 10, RATE / 10)
    ]  # fmt: skip
    assert errors[1] < errors[0] / 3


def test_the_mean_flow_of_a_plane_in_noise_of_its_power_has_its_direction():
    sites = synthetic.LatticeSites((10, 10), (PITCH, PITCH))
    clean = synthetic.plane_wave(sites, duration=0.8, rate=RATE, frequency=15.0,
                                 wavelength=6.0, direction=30.0)  # fmt: skip
    noisy = synthetic.with_noise(clean, snr_db=0, seed=1)
    flow = robust_flow(wave_field(noisy, band=(5.0, 40.0)), **PAPER)
    flow = flow.isel(time=flow.valid)
    x, y = (float(flow[f"velocity_{axis}"].mean()) for axis in "xy")
    # noise steepens gradients, so every flow is too slow, but not turned
    assert np.rad2deg(np.arctan2(y, x)) == pytest.approx(30, abs=5)
    assert np.hypot(x, y) == pytest.approx(90, rel=0.15)


def test_a_flow_is_the_same_of_a_field_that_is_read_in_parts(monkeypatch):
    field = field_of(mixed, frames=12)
    whole = robust_flow(field, **PAPER)
    monkeypatch.setattr("cortexwave.analysis.flow._SLAB", 300)
    parts = robust_flow(field, **PAPER)
    xr.testing.assert_allclose(whole, parts, rtol=1e-9)


DEAD = ((0, 0), (0, 9), (9, 0), (9, 9), (2, 6), (7, 3))


def test_dead_sites_take_no_part_and_are_not_filled():
    alive, holed = (field_of(plane(30), dead=dead) for dead in ((), DEAD))
    junk = alive.copy(deep=True)
    flow = robust_flow(holed, **PAPER)
    assert int(flow.velocity_x.isnull().sum()) == len(DEAD) * 5
    np.testing.assert_allclose(flow.velocity_x.where(flow.velocity_x.notnull(), 0),
                               robust_flow(junk, **PAPER).velocity_x.where(
                                   flow.velocity_x.notnull(), 0), atol=0.1)  # fmt: skip


def test_sites_that_no_data_reach_have_no_flow():
    # (0, 0) is alone behind two dead ones, and has no gradient
    flow = robust_flow(field_of(plane(30), dead=((0, 1), (1, 0))), **PAPER)
    assert flow.velocity_x[:, 0, 0].isnull().all()
    assert flow.velocity_x[:, 1, 1].notnull().all()


def test_a_site_missing_in_one_frame_is_missing_in_its_two_pairs_only():
    field = field_of(plane(30))
    phase = field.phase.values.copy()
    phase[3, 4, 4] = np.nan
    holed = _wave_field(phase, field.time.values, field.y.values, field.x.values)
    flow = robust_flow(holed, **PAPER)
    assert flow.velocity_x[:, 4, 4].isnull().values.tolist() == [
        False, False, True, True, False,
    ]  # fmt: skip
    assert flow.converged.all()


def test_no_frame_depends_on_another():
    def harder_and_harder(t, x, y):
        return plane(30)(t, x, y) + 40 * t * mixed(t, x, y)

    field = field_of(harder_and_harder, frames=40)
    whole = robust_flow(field, smoothness=0.5, robustness=RATE / 20)
    # some are done before others, which go on in the same block
    assert len(set(whole.iterations.values.tolist())) > 3
    for first in (0, 12, 30):
        pair = field.isel(time=slice(first, first + 2))
        alone = robust_flow(pair, smoothness=0.5, robustness=RATE / 20)
        # matrix products of other widths round otherwise
        np.testing.assert_allclose(whole.velocity_x[first], alone.velocity_x[0],
                                   rtol=1e-7)  # fmt: skip
        assert whole.iterations[first] == alone.iterations[0]


def test_a_frame_that_may_not_iterate_long_enough_says_so():
    field = field_of(mixed)
    flow = robust_flow(field, smoothness=0.5, robustness=1.0, tolerance=1e-9, longest=1)
    assert not flow.converged.any()
    assert (flow.iterations == 1).all()
    assert (flow.residual > 1e-9).all()
    assert (flow.relative_change > 0).all()


@pytest.mark.parametrize("measure", ["normal", "robust"])
def test_flow_is_invariant_to_translation_to_a_phase_offset_and_to_the_unit_of_time(
    measure: str,
):
    def flow(field: xr.Dataset, rate: float) -> np.ndarray:
        if measure == "normal":
            return normal_flow(field).velocity_x.values
        return robust_flow(field, smoothness=0.5, robustness=rate).velocity_x.values

    expected = flow(field_of(mixed), RATE)
    moved = field_of(mixed).assign_coords(
        x=("x", 7 + PITCH * np.arange(10), {"units": "mm"})
    )
    np.testing.assert_allclose(flow(moved, RATE), expected, rtol=1e-9)
    offset = field_of(lambda t, x, y: mixed(t, x, y) + 2.1)
    np.testing.assert_allclose(flow(offset, RATE), expected, rtol=1e-6)
    faster = field_of(lambda t, x, y: mixed(2 * t, x, y), rate=2 * RATE)
    np.testing.assert_allclose(flow(faster, 2 * RATE), 2 * expected, rtol=1e-6)


def test_trials_and_features_are_each_their_own():
    one, two = field_of(plane(30)), field_of(plane(120))
    both = xr.concat([one, two], "trial", data_vars=["phase", "gradient_y",
                     "gradient_x", "amplitude", "frequency"])  # fmt: skip
    flow = robust_flow(both, **PAPER)
    assert flow.velocity_x.dims == ("trial", "time", "y", "x")
    assert flow.converged.dims == ("trial", "time")
    xr.testing.assert_allclose(flow.velocity_y[1].drop_vars("trial", errors="ignore"),
                               robust_flow(two, **PAPER).velocity_y)  # fmt: skip


def test_flow_is_valid_where_both_frames_are():
    field = field_of(plane(30))
    field["valid"][3] = False
    assert normal_flow(field).valid.values.tolist() == [True, True, False, False, True]


# how near other fields come: their solver stops at a change of 1 %, begins at the flow
# before, and smooths otherwise at the edges; so only where the data say more than
# smoothness does (small alpha, or a wave with a net direction) is it 1 to 2 %
@pytest.mark.parametrize(
    ("name", "second", "bound"),
    [
        ("plane", "", 0.01),
        ("plane_neg", "", 0.01),
        ("plane", "_a0p1_b10", 0.01),
        ("plane_neg", "_a0p1_b10", 0.01),
        ("plane_noisy", "", 0.02),
        ("plane_noisy", "_a0p1_b10", 0.01),
        ("mixture", "", 0.02),
        ("mixture", "_a0p1_b10", 0.01),
        ("radial_out", "", 0.02),
        ("radial_in", "_a0p1_b10", 0.01),
        ("spiral", "_a0p1_b10", 0.01),
        ("rotating", "_a0p1_b10", 0.04),
    ],
)
def test_robust_flow_is_near_neuropatt_along_the_gradient(
    golden, name: str, second: str, bound: float
):
    field, theirs = neuropatt(golden("neuropatt_10x10.h5"), name, second)
    alpha, beta = (0.1, 10 * RATE) if second else (0.5, RATE)
    flow = robust_flow(field, smoothness=alpha, robustness=beta)
    assert flow.converged.all()
    assert along(flow, field, theirs) < bound


# misuse


def test_scattered_electrodes_are_sent_to_their_lattice():
    electrodes = field_of(mixed).stack(channel=("y", "x")).reset_index("channel")
    electrodes["x"].attrs["units"] = electrodes["y"].attrs["units"] = "mm"
    with pytest.raises(
        InputError, match=r"on_lattice\(recording\), or use normal_flow"
    ):
        robust_flow(electrodes, **PAPER)


@pytest.mark.parametrize("flow", [normal_flow, lambda f: robust_flow(f, **PAPER)])
def test_a_line_is_refused(flow: Callable[[xr.Dataset], xr.Dataset]):
    with pytest.raises(InputError, match="one line"):
        flow(field_of(plane(0), shape=(1, 10)))


def test_fewer_than_three_live_rows_are_refused():
    dead = tuple((row, column) for row in range(2, 10) for column in range(10))
    with pytest.raises(InputError, match=r"2 row\(s\) and 10 column\(s\)"):
        robust_flow(field_of(plane(30), dead=dead), **PAPER)


@pytest.mark.parametrize(
    ("name", "value"),
    [("smoothness", 0.0), ("smoothness", -1.0), ("robustness", np.nan),
     ("tolerance", 0.0), ("longest", 0)],
)  # fmt: skip
def test_parameters_that_mean_nothing_are_named(name: str, value: float):
    with pytest.raises(InputError, match=f"{name} is"):
        robust_flow(field_of(plane(30)), **{**PAPER, name: value})


def test_a_recording_is_not_a_wave_field():
    recording = field_of(plane(30)).drop_vars("gradient_x")
    with pytest.raises(SchemaError, match="gradient_x"):
        normal_flow(recording)


def test_the_kernel_leaves_frames_without_data_missing_or_at_rest():
    nothing = np.full((2, 4, 4), np.nan)
    solution = robust_horn_schunck(
        nothing, nothing, nothing, live=np.zeros(nothing.shape, bool),
        spacing=(1.0, 1.0), smoothness=1.0, robustness=1.0, tolerance=1e-3, longest=5,
    )  # fmt: skip
    assert np.isnan(solution.velocity_x).all()
