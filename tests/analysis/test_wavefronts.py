"""Fronts have the velocity they were made with, and none where they have none."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
import xarray as xr
from scipy.signal import butter, filtfilt, hilbert
from scipy.stats import linregress

from cortexwave import synthetic
from cortexwave.analysis.crossings import phase_crossings, upward_crossings
from cortexwave.analysis.front_velocity import (
    effective_count,
    local_slowness,
    local_velocity,
    plane_of,
)
from cortexwave.analysis.wavefronts import wavefronts
from cortexwave.errors import InputError, SchemaError

RATE = 1000.0
SITES = synthetic.lattice_sites((10, 10), spacing=0.4)
CLUSTERS = {"neighbour_distance": 1.0, "time_scale": 40.0, "least_sites": 50}
PEAK_AHEAD = {"level": -np.pi / 2, **CLUSTERS}


def phase_field(recording):
    """The Hilbert phase of a recording of whole periods, with nothing filtered."""
    signal = recording.signal
    phase = np.full(signal.shape, np.nan)
    live = np.isfinite(signal.values).all(axis=0)
    phase[:, live] = np.angle(hilbert(signal.values[:, live], axis=0))
    return xr.Dataset(
        {"phase": (signal.dims, phase, {"units": "rad"})}, signal.coords,
        {"origin": "synthetic"},
    )  # fmt: skip


def plane(direction=30.0, sites=SITES, **options):
    return synthetic.plane_wave(
        sites, duration=1.0, rate=RATE, frequency=15.0, speed=90.0,
        direction=direction, **options,
    )  # fmt: skip


def test_a_phase_crosses_between_frames_where_a_cosine_says():
    frequency, start = 7.3, np.array([0.4, 2.9, 5.1])
    frame = np.arange(1000)
    angle = 2 * np.pi * frequency * frame[:, None] / RATE + start
    site, at = phase_crossings(np.angle(np.exp(1j * angle)), -np.pi / 2)
    turns = 2 * np.pi * np.arange(1, 9) - np.pi / 2
    expected = [(turns - phase) * RATE / (2 * np.pi * frequency) for phase in start]
    last = 999 - RATE / (4 * frequency)  # a crossing needs a quarter of a cycle more
    for k, times in enumerate(expected):
        kept = times[(times > 0) & (times < last)]
        # linear in time, so exact but for rounding of the unwrapped phase
        assert at[site == k] == pytest.approx(kept, abs=1e-9)


def test_a_phase_that_falls_back_before_its_peak_has_not_crossed():
    # past -pi/2 to -pi/4 and back, then past -pi/2 and on
    course = np.interp(np.arange(41), [0, 10, 20, 40], [-2.5, -np.pi / 4, -2.5, 3.0])
    _, at = phase_crossings(course[:, None], -np.pi / 2)
    assert at == pytest.approx([20 + (2.5 - np.pi / 2) / (5.5 / 20)])


def test_values_cross_a_threshold_on_their_way_up_only():
    values = np.array([[0.0, 1, 3, 1, 0, 2], [5, 5, 5, np.nan, 0, 9]]).T
    site, at = upward_crossings(values, 1.5)
    # the second site falls while it is missing, and rises from 0 to 9 at the end
    assert list(zip(site, at, strict=True)) == [(0, 1.25), (0, 4.75), (1, 4 + 1.5 / 9)]


@pytest.mark.parametrize("direction", range(-180, 180, 30))
def test_a_plane_front_has_its_speed_and_direction(direction):
    fronts = wavefronts(phase_field(plane(direction)), **PEAK_AHEAD)
    whole = fronts.where(fronts["sites"] == 100, drop=True)
    assert whole.sizes["front"] >= 12  # 15 periods, less those cut at the ends
    # 15 whole periods: the Hilbert phase is exact, and linear between frames
    assert whole.speed.values == pytest.approx(90.0, rel=1e-6)
    turned = np.exp(1j * np.radians(whole.direction.values - direction))
    assert turned == pytest.approx(1, abs=1e-6)
    assert whole.extent.values == pytest.approx(3.6 * np.sqrt(2), rel=1e-4)
    across = abs(np.cos(np.radians(direction))) + abs(np.sin(np.radians(direction)))
    assert whole.duration.values == pytest.approx(3.6 * across / 90, rel=1e-6)
    inside = fronts.where(fronts.label >= 0, drop=True)
    assert inside.velocity_x.dropna("crossing").values == pytest.approx(
        90 * np.cos(np.radians(direction)), abs=1e-3
    )


def test_rows_that_fall_and_missing_sites_change_nothing():
    down = synthetic.LatticeSites((10, 10), (-0.4, 0.4), (0.0, 3.6))
    dead = [(0, 0), (0, 9), (9, 0), (9, 9), (2, 6), (7, 3)]
    recording = synthetic.with_dead_sites(plane(30.0, down), dead)
    fronts = wavefronts(phase_field(recording), **PEAK_AHEAD)
    whole = fronts.where(fronts["sites"] == 94, drop=True)
    assert whole.sizes["front"] >= 12
    assert whole.speed.values == pytest.approx(90.0, rel=1e-6)
    assert whole.direction.values == pytest.approx(30.0, abs=1e-4)


def test_electrodes_on_a_lattice_have_the_fronts_of_the_lattice():
    y, x = np.meshgrid(np.arange(10) * 0.4, np.arange(10) * 0.4, indexing="ij")
    electrodes = np.column_stack([x.ravel(), y.ravel()])
    one = wavefronts(phase_field(plane()), **PEAK_AHEAD)
    other = wavefronts(phase_field(plane(sites=electrodes)), **PEAK_AHEAD)
    for name in ("start", "end", "sites", "speed", "direction", "local_speed"):
        np.testing.assert_allclose(one[name], other[name], rtol=1e-9, err_msg=name)


def test_pulses_over_a_threshold_have_their_speed_and_times():
    times = [0.25, 0.75]
    recording = synthetic.pulse(
        SITES, duration=1.2, rate=RATE, speed=50.0, width=0.03, at=times,
        direction=17.2,
    )  # fmt: skip
    fronts = wavefronts(
        recording, level=0.5, neighbour_distance=1.0, time_scale=20.0, least_sites=50
    )
    assert fronts.speed.values == pytest.approx([50, 50], rel=1e-3)
    assert fronts.direction.values == pytest.approx([17.2, 17.2], abs=0.05)
    # half height lies sqrt(2 ln 2) sd before the peak; of a linear interpolation at
    # 1 kHz there err 30 ms * (1/30)^2 / 8, 4 us
    before = 0.03 * np.sqrt(2 * np.log(2))
    assert fronts.start.values == pytest.approx(np.array(times) - before, abs=1e-5)


def test_a_ring_has_no_planar_speed_but_its_local_speed():
    recording = synthetic.radial_wave(
        SITES, duration=1.0, rate=RATE, frequency=12.0, wavelength=5.0,
        centre=(1.3, 2.2), spread="out",
    )  # fmt: skip
    fronts = wavefronts(phase_field(recording), **PEAK_AHEAD)
    whole = fronts.where(fronts["sites"] == 100, drop=True)
    assert whole.sizes["front"] >= 8
    assert np.isnan(whole.speed).all()
    assert np.isnan(whole.direction).all()
    assert set(whole.reason.values) == {"curved"}
    # away from the tip of the cone all slopes are 1 / 60 mm/s; differences over
    # 1 mm across a curved front are too steep nowhere and too flat at the tip
    assert whole.local_speed.values == pytest.approx(60, rel=0.05)
    # the regression alone gives a number, which is what other tools print
    assert np.isfinite(1 / np.hypot(whole.slowness_x, whole.slowness_y)).all()


@pytest.mark.parametrize("handedness", [1, -1])
def test_each_turn_of_a_rotating_wave_is_a_front_and_none_is_a_plane(handedness):
    recording = synthetic.rotating_wave(
        SITES, duration=1.0, rate=RATE, frequency=10.0, centre=(1.75, 1.9),
        handedness=handedness,
    )  # fmt: skip
    options = {**PEAK_AHEAD, "least_sites": 95}
    divided = wavefronts(phase_field(recording), **options)
    assert 8 <= divided.sizes["front"] <= 10  # ten turns, two cut at the ends
    assert np.isnan(divided.speed).all()
    members = [divided.crossing_site.values[divided.label == k] for k in range(8)]
    assert all(len(set(front)) == len(front) for front in members)
    # without division the turns hang together, as they do in cobrawap
    kept = wavefronts(phase_field(recording), **options, repeats="keep")
    assert kept.sizes["front"] == 1


def test_what_is_everywhere_at_once_has_no_speed():
    together = synthetic.synchronous(SITES, duration=1.0, rate=RATE, frequency=15.0)
    fronts = wavefronts(phase_field(together), **PEAK_AHEAD)
    assert fronts.sizes["front"] >= 13
    assert set(fronts.reason.values) == {"synchronous"}
    assert np.isnan(fronts.speed).all()
    assert np.isnan(fronts.local_speed).all()
    assert np.isnan(fronts.velocity_x).all()


def test_a_standing_wave_has_no_speed():
    standing = synthetic.standing_wave(
        SITES, duration=1.0, rate=RATE, frequency=15.0, wavelength=6.0, direction=0.0
    )
    fronts = wavefronts(phase_field(standing), **{**PEAK_AHEAD, "least_sites": 20})
    assert fronts.sizes["front"] > 10
    assert np.isnan(fronts.speed).all()


def test_noise_has_fronts_but_no_plane():
    # each site on its own, in 5 to 40 Hz: crossings are dense enough to be clustered
    draw = np.random.default_rng(1)
    b, a = butter(4, [5 / 500, 40 / 500], "band")
    noise = filtfilt(b, a, draw.standard_normal((2000, 100)), axis=0)
    phase = np.angle(hilbert(noise, axis=0)).reshape(-1, 10, 10)
    quiet = phase_field(plane())
    field = xr.Dataset(
        {"phase": (("time", "y", "x"), phase, {"units": "rad"})},
        {"y": quiet.y, "x": quiet.x,
         "time": ("time", np.arange(2000) / RATE, {"units": "s"})},
    )  # fmt: skip
    fronts = wavefronts(field, **PEAK_AHEAD)
    assert fronts.sizes["front"] > 20
    assert np.isnan(fronts.speed).all()


def test_frames_that_the_filter_spoils_have_no_crossings():
    field = phase_field(plane())
    time = field.time.values
    valid = (time > 0.3) & (time < 0.7)
    field["valid"] = ("time", valid, {"units": "1"})
    fronts = wavefronts(field, **{**PEAK_AHEAD, "least_sites": 1})
    assert fronts.crossing_time.min() > 0.3
    assert fronts.crossing_time.max() < 0.7


def test_trials_have_their_own_fronts():
    field = phase_field(plane())
    both = xr.concat([field, field.roll(time=100)], "trial").transpose("trial", ...)
    both["phase"].attrs["units"] = "rad"
    fronts = wavefronts(both, **PEAK_AHEAD)
    assert set(fronts.trial.values) == {0, 1}
    alone = wavefronts(field, **PEAK_AHEAD)
    first = fronts.isel(front=fronts.trial.values == 0)
    np.testing.assert_array_equal(first.start, alone.start)


def test_time_on_positions_is_right_where_coordinates_on_time_are_not():
    y, x = np.meshgrid(np.arange(3) * 0.4, np.arange(12) * 0.4, indexing="ij")
    positions = np.column_stack([x.ravel(), y.ravel()])
    normal = np.array([np.cos(np.pi / 6), np.sin(np.pi / 6)])
    times = positions @ normal / 90
    found = plane_of(positions, times, step=1e-3, alpha=0.01, least_r2=0.9)
    assert found.speed == pytest.approx(90, rel=1e-9)
    assert found.direction == pytest.approx(30, abs=1e-9)
    vx, vy = (linregress(times, axis).slope for axis in positions.T)
    # s C / (s C s) with the variance of 12 and 3 sites: 143/12 and 8/12 of d^2
    c = np.array([143, 8]) * normal
    assert [vx, vy] == pytest.approx(90 * c / (c @ normal), rel=1e-9)
    assert np.degrees(np.arctan2(vy, vx)) < 5  # of 30


def test_the_error_of_a_speed_is_what_repeats_scatter():
    draw = np.random.default_rng(0)
    y, x = np.meshgrid(np.arange(10) * 0.4, np.arange(10) * 0.4, indexing="ij")
    positions = np.column_stack([x.ravel(), y.ravel()])
    times = positions @ [np.cos(0.5), np.sin(0.5)] / 90
    found = [
        plane_of(positions, times + 1e-3 * draw.standard_normal(100), step=1e-3,
                 alpha=0.01, least_r2=0.9)
        for _ in range(100)
    ]  # fmt: skip
    speeds = np.array([each.speed for each in found])
    # a standard deviation of 100 is known to 7 %; within three of that
    assert np.median([each.speed_error for each in found]) == pytest.approx(
        speeds.std(), rel=0.2
    )
    assert speeds.mean() == pytest.approx(90, abs=4 * speeds.std() / np.sqrt(100))


def test_smooth_errors_count_as_few_sites():
    draw = np.random.default_rng(0)
    y, x = np.meshgrid(np.arange(10) * 0.4, np.arange(10) * 0.4, indexing="ij")
    positions = np.column_stack([x.ravel(), y.ravel()])
    apart = np.linalg.norm(positions[:, None] - positions, axis=-1)
    smooth = np.exp(-(apart**2) / (4 * 0.8**2))
    root = np.linalg.cholesky(smooth + 1e-9 * np.eye(100))
    alone = draw.standard_normal((50, 100))
    counts = [effective_count(positions, each - each.mean(), 1) for each in alone]
    assert np.median(counts) == pytest.approx(100, rel=0.1)
    leaning = [effective_count(positions, root @ each, 0) for each in alone]
    # n^2 / sum of correlations is 9.1 for a known mean; binned estimates scatter
    assert 100**2 / smooth.sum() < np.median(leaning) < 30


def test_smooth_errors_of_synchrony_are_no_plane():
    draw = np.random.default_rng(3)
    y, x = np.meshgrid(np.arange(10) * 0.4, np.arange(10) * 0.4, indexing="ij")
    positions = np.column_stack([x.ravel(), y.ravel()])
    apart = np.linalg.norm(positions[:, None] - positions, axis=-1)
    root = np.linalg.cholesky(np.exp(-(apart**2) / 2.56) + 1e-9 * np.eye(100))
    # 0.3 rad at 20 Hz, correlated over 0.8 mm: at most 5 % may be called a plane
    reasons = [
        plane_of(positions, root @ draw.standard_normal(100) * 0.3 / (40 * np.pi),
                 step=1e-3, alpha=0.01, least_r2=0.9).reason
        for _ in range(200)
    ]  # fmt: skip
    assert reasons.count("") <= 10


def test_the_local_velocity_of_a_lattice_is_the_centred_difference():
    y, x = np.meshgrid(np.arange(6) * 0.4, np.arange(7) * 0.4, indexing="ij")
    times = 0.01 * np.sin(x) + 0.02 * y**2
    positions = np.column_stack([x.ravel(), y.ravel()])
    slope = local_slowness(positions, times.ravel(), radius=0.45).reshape(6, 7, 2)
    expected = np.gradient(times, 0.4, 0.4)
    assert slope[1:-1, 1:-1, 0] == pytest.approx(expected[1][1:-1, 1:-1], abs=1e-12)
    assert slope[1:-1, 1:-1, 1] == pytest.approx(expected[0][1:-1, 1:-1], abs=1e-12)
    velocity = local_velocity(slope)
    # the component along the slope is all that times determine: v . s = 1
    assert np.sum(velocity * slope, axis=-1) == pytest.approx(1)
    on_a_line = local_slowness(positions[:7], times[0], radius=0.45)
    assert np.isnan(on_a_line).all()


def test_fronts_move_with_the_sites_and_the_clock():
    field = phase_field(plane(-70.0))
    moved = field.assign_coords(
        x=("x", field.x.values + 12, {"units": "mm"}),
        time=("time", field.time.values * 2 + 5, {"units": "s"}),
    )
    one = wavefronts(field, **PEAK_AHEAD)
    other = wavefronts(moved, **{**PEAK_AHEAD, "time_scale": 20.0})
    assert other.speed.values == pytest.approx(one.speed.values / 2, rel=1e-9)
    assert other.start.values == pytest.approx(one.start.values * 2 + 5, rel=1e-9)
    assert other.x.values == pytest.approx(one.x.values + 12, rel=1e-9)
    assert other.direction.values == pytest.approx(one.direction.values, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "speed", "direction"), [("plane", 90.0, 30.0), ("pulse", 50.0, 17.19)]
)
def test_golden_fronts_have_the_speed_that_cobrawap_finds(
    golden, name, speed, direction
):
    with (
        h5py.File(golden("inputs_10x10.h5")) as inputs,
        h5py.File(golden("cobrawap_10x10.h5")) as peers,
    ):
        values = np.moveaxis(inputs[name][:].astype(float), -1, 0)
        theirs = float(np.median(peers[f"{name}/planar_velocity_mm_per_s"][:]))
    if name == "plane":  # as theirs was; the pulse was not filtered
        b, a = butter(4, [5 / 500, 40 / 500], "band")
        values = filtfilt(b, a, values, axis=0, padlen=24)
    phase = np.angle(hilbert(values - values.mean(axis=0), axis=0))
    field = xr.Dataset(
        {"phase": (("time", "y", "x"), phase, {"units": "rad"})},
        {"time": ("time", np.arange(2000) / RATE, {"units": "s"}),
         "y": ("y", np.arange(10) * 0.4, {"units": "mm"}),
         "x": ("x", np.arange(10) * 0.4, {"units": "mm"})},
    )  # fmt: skip
    fronts = wavefronts(field, **PEAK_AHEAD)
    found = float(fronts.speed.median())
    assert found == pytest.approx(speed, rel=0.01)
    assert found == pytest.approx(theirs, rel=0.01)
    # their y points down, and so does ours here: row 0 is given y = 0
    assert float(fronts.direction.median()) == pytest.approx(direction, abs=0.5)


@pytest.mark.parametrize("name", ["radial_out", "radial_in", "rotating", "standing"])
def test_golden_fields_that_are_no_planes_get_no_planar_speed(golden, name):
    with h5py.File(golden("inputs_10x10.h5")) as inputs:
        values = np.moveaxis(inputs[name][:].astype(float), -1, 0)
    b, a = butter(4, [5 / 500, 40 / 500], "band")
    phase = np.angle(hilbert(filtfilt(b, a, values, axis=0, padlen=24), axis=0))
    quiet = phase_field(plane())
    field = xr.Dataset(
        {"phase": (("time", "y", "x"), phase, {"units": "rad"})},
        {"y": quiet.y, "x": quiet.x,
         "time": ("time", np.arange(2000) / RATE, {"units": "s"})},
    )  # fmt: skip
    fronts = wavefronts(field, **PEAK_AHEAD)
    assert fronts.sizes["front"] > 15
    assert np.isnan(fronts.speed).all()


def test_no_crossing_is_an_empty_table_with_its_columns():
    fronts = wavefronts(
        plane(), level=5.0, neighbour_distance=1.0, time_scale=40.0, least_sites=9
    )
    assert fronts.sizes == {"front": 0, "crossing": 0}
    assert fronts.speed.attrs["units"] == "mm/s"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"neighbour_distance": 0.4}, "neighbouring sites are 0.4 mm apart"),
        ({"time_scale": 0.0}, "time_scale is 0.0 mm/s"),
        ({"least_sites": 0}, "least_sites is 0"),
        ({"repeats": "some"}, "repeats is 'some'"),
        ({"level": 4.0}, "from -pi to pi rad"),
        ({"level": np.nan}, "level is nan"),
        ({"alpha": 5}, "alpha is 5"),
    ],
)
def test_what_cannot_be_meant_is_said(options, words):
    with pytest.raises(InputError, match=words):
        wavefronts(phase_field(plane()), **{**PEAK_AHEAD, **options})


def test_a_phase_with_a_hole_and_a_field_without_units_are_refused():
    field = phase_field(plane())
    field["phase"][100:105, 2, 3] = np.nan
    with pytest.raises(InputError, match=r"phase at \(1.2, 0.8\) mm is missing in 5"):
        wavefronts(field, **PEAK_AHEAD)
    bare = plane()
    del bare["signal"].attrs["units"]
    with pytest.raises(SchemaError, match="units of 'signal'"):
        wavefronts(bare, **{**PEAK_AHEAD, "level": 0.5})
