"""Made waves have, at every site, the values that their formulas say."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cortexwave import schema, synthetic
from cortexwave.sheet.lattice import Lattice

CLOCK = {"duration": 2.0, "rate": 500.0}
LATTICE = Lattice((6, 8), spacing=0.4)
FALLING = synthetic.lattice_sites((6, 8), spacing=(-0.4, 0.3), corner=(0.2, 3.0))
ELECTRODES = np.random.default_rng(3).uniform(0, 4, (20, 2))
SITES = pytest.mark.parametrize(
    "sites", [LATTICE, FALLING, ELECTRODES], ids=["lattice", "y falling", "electrodes"]
)
CENTRE = (1.3, 1.1)


def _positions(recording):
    """x and y of the sites in mm, in the order of the flattened values."""
    if "channel" in recording.dims:
        return recording["x"].values, recording["y"].values
    y, x = np.meshgrid(recording["y"], recording["x"], indexing="ij")
    return x.ravel(), y.ravel()


def _values(recording):
    return recording["signal"].values.reshape(recording.sizes["time"], -1)


def _expected(recording, frequency, lag, phase=0.0):
    turn = 2 * np.pi * frequency * recording["time"].values[:, None]
    return np.cos(turn - lag + phase)


EACH = {
    "plane": lambda sites: synthetic.plane_wave(
        sites, **CLOCK, frequency=15, wavelength=6, direction=30
    ),
    "source": lambda sites: synthetic.radial_wave(
        sites, **CLOCK, frequency=15, speed=90, centre=CENTRE, spread="out"
    ),
    "rotating": lambda sites: synthetic.rotating_wave(
        sites, **CLOCK, frequency=15, centre=CENTRE, handedness=1
    ),
    "spiral": lambda sites: synthetic.spiral_wave(
        sites, **CLOCK, frequency=15, wavelength=6, centre=CENTRE, handedness=-1,
        spread="in",
    ),
    "standing": lambda sites: synthetic.standing_wave(
        sites, **CLOCK, frequency=15, wavelength=6, direction=-100
    ),
    "synchronous": lambda sites: synthetic.synchronous(sites, **CLOCK, frequency=15),
    "pulse": lambda sites: synthetic.pulse(
        sites, **CLOCK, speed=50, width=0.02, at=[0.5, 1.2], direction=17
    ),
}  # fmt: skip
KINDS = pytest.mark.parametrize("kind", EACH)


@SITES
@pytest.mark.parametrize("direction", [-165, -90, 0, 30, 75, 180])
def test_a_plane_wave_lags_by_k_r(sites, direction):
    recording = synthetic.plane_wave(
        sites, **CLOCK, frequency=15, wavelength=6, direction=direction, phase=0.7
    )
    x, y = _positions(recording)
    towards = np.deg2rad(direction)
    lag = 2 * np.pi / 6 * (x * np.cos(towards) + y * np.sin(towards))
    # sums of products of cosines: rounding only
    np.testing.assert_allclose(
        _values(recording), _expected(recording, 15, lag, 0.7), atol=1e-11
    )


@SITES
@pytest.mark.parametrize(("spread", "sign"), [("out", 1), ("in", -1)])
def test_rings_lag_by_the_distance_from_their_centre(sites, spread, sign):
    recording = synthetic.radial_wave(
        sites, **CLOCK, frequency=15, speed=90, centre=CENTRE, spread=spread
    )
    x, y = _positions(recording)
    lag = sign * 2 * np.pi * np.hypot(x - CENTRE[0], y - CENTRE[1]) / 6
    np.testing.assert_allclose(
        _values(recording), _expected(recording, 15, lag), atol=1e-11
    )


def test_rings_have_the_full_amplitude_at_their_centre():
    recording = synthetic.radial_wave(
        LATTICE, **CLOCK, frequency=5, speed=90, centre=(0.8, 0.4), spread="out"
    )
    at_centre = recording["signal"].sel(y=0.4, x=0.8, method="nearest")
    np.testing.assert_allclose(
        at_centre, _expected(recording, 5, 0.0)[:, 0], atol=1e-11
    )


@SITES
@pytest.mark.parametrize("handedness", [1, -1])
def test_a_rotating_wave_lags_by_its_angle(sites, handedness):
    recording = synthetic.rotating_wave(
        sites, **CLOCK, frequency=15, centre=CENTRE, handedness=handedness, arms=2
    )
    x, y = _positions(recording)
    lag = handedness * 2 * np.arctan2(y - CENTRE[1], x - CENTRE[0])
    np.testing.assert_allclose(
        _values(recording), _expected(recording, 15, lag), atol=1e-11
    )


def test_a_counter_clockwise_wave_comes_from_the_right_to_the_top():
    # electrodes to the right of the centre and above it, in mm with y up
    recording = synthetic.rotating_wave(
        np.array([[1.0, 0.0], [0.0, 1.0]]), **CLOCK, frequency=5, centre=(0, 0),
        handedness=1,
    )  # fmt: skip
    right, top = _values(recording).T
    quarter = 25  # frames: a quarter of 0.2 s at 500 Hz
    np.testing.assert_allclose(top[quarter:], right[:-quarter], atol=1e-11)


def test_amplitude_falls_to_nothing_inside_the_core():
    recording = synthetic.rotating_wave(
        np.array([[0.0, 0.0], [0.5, 0.0], [1.0, 0.0], [3.0, 0.0]]), **CLOCK,
        frequency=5, centre=(0, 0), handedness=1, core=1.0, amplitude=20.0,
    )  # fmt: skip
    np.testing.assert_allclose(_values(recording).max(axis=0), [0, 10, 20, 20])


@SITES
def test_a_spiral_lags_by_angle_and_distance(sites):
    recording = synthetic.spiral_wave(
        sites, **CLOCK, frequency=15, wavelength=6, centre=CENTRE, handedness=-1,
        spread="out",
    )  # fmt: skip
    x, y = _positions(recording)
    across, up = x - CENTRE[0], y - CENTRE[1]
    lag = -np.arctan2(up, across) + 2 * np.pi / 6 * np.hypot(across, up)
    np.testing.assert_allclose(
        _values(recording), _expected(recording, 15, lag), atol=1e-11
    )


@SITES
def test_a_standing_wave_is_a_pattern_times_an_oscillation(sites):
    recording = synthetic.standing_wave(
        sites, **CLOCK, frequency=15, wavelength=6, direction=90, antinode=(0.0, 0.5)
    )
    _, y = _positions(recording)
    expected = _expected(recording, 15, 0.0) * np.cos(2 * np.pi / 6 * (y - 0.5))
    np.testing.assert_allclose(_values(recording), expected, atol=1e-11)


@SITES
def test_a_synchronous_field_is_the_same_everywhere(sites):
    recording = synthetic.synchronous(sites, **CLOCK, frequency=15, amplitude=30)
    expected = 30 * _expected(recording, 15, 0.0)
    np.testing.assert_allclose(
        _values(recording), expected.repeat(_values(recording).shape[1], 1), atol=1e-10
    )


def _peaks(trace, rate):
    """Times at which a trace of Gaussians is highest, by a parabola through its log."""
    inner = np.arange(1, trace.size - 1)
    high = inner[(trace[1:-1] > trace[:-2]) & (trace[1:-1] >= trace[2:])]
    before, at, after = (np.log(trace[high + step]) for step in (-1, 0, 1))
    return (high + 0.5 * (before - after) / (before - 2 * at + after)) / rate


@SITES
@pytest.mark.parametrize("course", [{"direction": 17.0}, {"centre": CENTRE}])
def test_a_pulse_crosses_every_site_when_distance_and_speed_say(sites, course):
    recording = synthetic.pulse(
        sites, **CLOCK, speed=50, width=0.02, at=[0.5, 1.3], **course
    )
    x, y = _positions(recording)
    along = {
        "direction": x * np.cos(np.deg2rad(17)) + y * np.sin(np.deg2rad(17)),
        "centre": np.hypot(x - CENTRE[0], y - CENTRE[1]),
    }[next(iter(course))]
    expected = np.array([[0.5], [1.3]]) + along / 50
    found = np.stack([_peaks(trace, 500.0) for trace in _values(recording).T], axis=1)
    # the log of a Gaussian is a parabola; the other pulse is 40 sd away
    np.testing.assert_allclose(found, expected, atol=1e-9)
    told = synthetic.peak_times(recording)
    np.testing.assert_allclose(told.values.reshape(2, -1), expected, atol=1e-12)


@KINDS
@SITES
def test_made_waves_are_recordings_and_say_what_they_are(kind, sites):
    recording = EACH[kind](sites)
    schema.validate(recording, schema.RECORDING)
    assert schema.field_names(recording) == ["signal"]
    assert recording["signal"].attrs["units"] == "uV"
    assert recording.attrs["origin"] == "synthetic"
    assert json.loads(recording.attrs["truth"]) == synthetic.truth(recording)
    assert synthetic.truth(recording)["kind"] == kind
    assert synthetic.episodes(recording) == [synthetic.truth(recording)]


def test_single_precision_is_kept_on_request():
    wave = {**CLOCK, "frequency": 15, "wavelength": 6, "direction": 30}
    single = synthetic.plane_wave(LATTICE, **wave, dtype="float32")["signal"]
    double = synthetic.plane_wave(LATTICE, **wave)["signal"]
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, atol=5e-7)  # some units of float32


@pytest.mark.parametrize(
    "given",
    [{"frequency": 15, "speed": 90}, {"frequency": 15, "wavelength": 6},
     {"wavelength": 6, "speed": 90}],
    ids=["f, v", "f, lambda", "lambda, v"],
)  # fmt: skip
def test_two_of_frequency_wavelength_and_speed_give_the_third(given):
    recording = synthetic.plane_wave(LATTICE, **CLOCK, direction=390, **given)
    found = synthetic.truth(recording)
    assert (found["frequency"], found["wavelength"], found["speed"]) == (15, 6, 90)
    assert found["direction"] == 30


def test_the_spectrum_of_a_wave_is_one_line_at_its_frequency():
    recording = synthetic.plane_wave(
        LATTICE, **CLOCK, frequency=15, wavelength=6, direction=30
    )
    power = np.abs(np.fft.rfft(_values(recording), axis=0)) ** 2
    frequency = np.fft.rfftfreq(1000, 1 / 500)
    # 30 whole periods: all power in one bin
    assert frequency[power.sum(axis=1).argmax()] == 15
    assert power.max(axis=0).sum() == pytest.approx(power.sum(), rel=1e-12)


def test_a_window_places_an_episode():
    wave = {**CLOCK, "frequency": 15, "wavelength": 6, "direction": 30}
    always = synthetic.plane_wave(LATTICE, **wave)["signal"]
    recording = synthetic.plane_wave(LATTICE, **wave, window=(0.4, 1.2))
    placed, time = recording["signal"], recording["time"].values
    assert not placed.values[(time <= 0.4) | (time >= 1.2)].any()
    middle = (time >= 0.6) & (time <= 1.0)
    np.testing.assert_allclose(placed.values[middle], always.values[middle])
    half = np.searchsorted(time, 0.5 - 1e-9)  # middle of the first ramp
    np.testing.assert_allclose(placed.values[half], always.values[half] / 2, atol=1e-12)
    found = synthetic.truth(recording)
    assert (found["start"], found["end"]) == (0.4, 1.2)
    assert "Tukey" in found["envelope"]


def test_an_aliased_wave_steps_the_other_way():
    # 0.75 mm at 0.4 mm pitch: 1.333 cycles/mm read as 1.333 - 2.5 = -1.167
    line = Lattice((1, 10), spacing=0.4)
    recording = synthetic.plane_wave(
        line, duration=1.0, rate=500, frequency=15, wavelength=0.75, direction=0,
        aliased=True,
    )  # fmt: skip
    spectrum = np.fft.rfft(_values(recording), axis=0)[15]
    steps = np.angle(spectrum[1:] * spectrum[:-1].conj())
    np.testing.assert_allclose(-steps / (2 * np.pi * 0.4), 1 / 0.75 - 2.5, rtol=1e-9)
    assert synthetic.truth(recording)["aliased"]


def test_the_sites_of_a_recording_serve_again():
    first = EACH["plane"](ELECTRODES)
    again = EACH["plane"](first.assign_coords(channel=[f"G{n}" for n in range(20)]))
    np.testing.assert_array_equal(first["signal"], again["signal"])
    assert again["channel"].values[3] == "G3"
    assert EACH["plane"](EACH["pulse"](FALLING)).equals(EACH["plane"](FALLING))


def test_a_recording_and_its_truth_survive_a_file(tmp_path):
    import xarray as xr

    made = EACH["plane"](ELECTRODES)
    made.to_netcdf(tmp_path / "made.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "made.nc", engine="h5netcdf") as read:
        xr.testing.assert_identical(read.load(), made)
        assert synthetic.truth(read) == synthetic.truth(made)
