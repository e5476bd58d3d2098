import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import gaussian_filter

from cortexwave.analysis.coherence import (
    coherency_of,
    correlation_distance,
    decay,
    lengths,
)
from cortexwave.analysis.sites import Sites
from cortexwave.analysis.wave_frames import Course
from cortexwave.errors import InputError, SchemaError


def lattice(shape=(10, 10), pitch=0.4):
    y, x = np.mgrid[: shape[0], : shape[1]] * pitch
    return Sites(np.stack([x.ravel(), y.ravel()], axis=1), shape, (pitch, pitch), pitch)


def course(values, sites, band=(0.0, 1000.0)):
    return Course(sites, 1000.0, band, lambda: iter([values]))


def smooth(sd, frames=2500, size=10, seed=0):
    """Complex noise (frame, site) smoothed with a Gaussian of sd (sites), open."""
    draw = np.random.default_rng(seed)
    parts = draw.standard_normal((2, frames, size + 12, size + 12))
    parts = gaussian_filter(parts, (0, 0, sd, sd), mode="wrap")[..., 6:-6, 6:-6]
    return (parts[0] + 1j * parts[1]).reshape(frames, -1)


def test_coherency_of_known_pairs():
    # the second lags the first by a quarter of a turn; the third shares half its power
    draw = np.random.default_rng(0)
    a, b = (np.exp(2j * np.pi * draw.random(20000)) for _ in range(2))
    sites = Sites(np.array([[0.0, 0], [1, 0], [0, 2]]), None, None, 1.0)
    values = np.stack([a, -1j * a, (a + b) / np.sqrt(2)], axis=1)
    pairs = coherency_of(course(values, sites))
    assert pairs.distance.tolist() == pytest.approx([1, 2, np.sqrt(5)])
    assert pairs.coherency[0] == pytest.approx(1j, abs=1e-12)
    # 20,000 samples: 0.007
    assert pairs.coherency[1] == pytest.approx(np.sqrt(0.5), abs=0.03)
    assert pairs.coherency[2] == pytest.approx(-1j * np.sqrt(0.5), abs=0.03)


def test_decay_is_read_from_the_closed_form():
    distance = np.arange(1, 12) * 0.4
    length, power = decay(distance, np.exp(-(distance**2) / (4 * 0.7**2)), distance)
    assert length == pytest.approx(1.4, rel=1e-6)
    assert power == pytest.approx(2.0, rel=1e-6)
    length, power = decay(distance, np.exp(-distance / 0.9), np.ones(11))
    assert length == pytest.approx(0.9, rel=1e-6)
    assert power == pytest.approx(1.0, rel=1e-6)


def test_decay_stops_before_the_first_trough_of_a_wave():
    distance = np.arange(1, 40) * 0.1
    value = np.exp(-((distance / 1.5) ** 2)) * np.where(distance < 2.05, 1, -5)
    assert decay(distance, value, np.ones(39))[0] == pytest.approx(1.5, rel=1e-6)


def test_decay_of_too_few_values_is_not_a_number():
    assert np.isnan(decay(np.arange(3.0), np.array([1, -1, 1.0]), np.ones(3))[0])


@pytest.mark.parametrize("sd", [1.0, 2.0])
def test_lengths_of_smoothed_noise_are_twice_its_smoothing(sd):
    # exp(-d^2 / 4 s^2). 2,500 frames of 10 x 10 hold some 10^5 independent patches for
    # sd of 1 and 2 x 10^4 for 2: correlations to below 1 %, lengths to some per cent.
    # A kernel cut off at 4 sd and the pixels add less than 1 %
    found = lengths(course(smooth(sd), lattice()))
    expected = 2 * sd * 0.4
    assert found["correlation_length"] == pytest.approx(expected, rel=0.04)
    assert found["coherence_length"] == pytest.approx(expected, rel=0.04)
    assert found["half_distance"] == pytest.approx(
        expected * np.sqrt(np.log(2)), rel=0.04
    )


def test_a_wave_is_coherent_throughout_and_correlated_over_a_part_of_its_length():
    sites = lattice()
    time = np.random.default_rng(1).standard_normal(500)
    values = time[:, None] * np.exp(-2j * np.pi / 3.0 * sites.positions[:, 0])
    found = lengths(course(values, sites))
    assert np.isnan(found["coherence_length"])
    assert found["correlation_length"] < 1.5


def test_independent_sites_have_no_length():
    found = lengths(course(smooth(0.0), lattice()))
    assert not found["coherence_length"] > 0.4
    assert not found["correlation_length"] > 0.4


def wave_field_of(values, shape=(10, 10), valid=None):
    frames = len(values)
    dims = ("time", "y", "x")
    names = {"phase": "rad", "amplitude": "uV", "frequency": "Hz",
             "gradient_y": "rad/mm", "gradient_x": "rad/mm"}  # fmt: skip
    given = {"phase": np.angle(values), "amplitude": np.abs(values)}
    at = {"time": np.arange(frames) / 1000, "y": 0.4 * np.arange(shape[0]),
          "x": 0.4 * np.arange(shape[1])}  # fmt: skip
    units = {"time": "s", "y": "mm", "x": "mm"}
    return xr.Dataset(
        {name: (dims, given.get(name, np.zeros(values.shape)).reshape(frames, *shape),
                {"units": unit}) for name, unit in names.items()}
        | {"valid": ("time", np.ones(frames, bool) if valid is None else valid,
                     {"units": "1"})},
        {name: (name, place, {"units": units[name]}) for name, place in at.items()},
        {"variable": "signal", "band": [0.0, 1000.0], "phase_method": "hilbert",
         "sampling_rate": 1000.0, "edge": 0.0},
    )  # fmt: skip


def test_the_real_part_falls_with_distance_as_smoothing_says():
    found = correlation_distance(wave_field_of(smooth(1.5)))
    distance = found.distance.values
    # 180 pairs one site apart, 162 across a diagonal
    assert distance[0] == pytest.approx(0.4 * (180 + 162 * np.sqrt(2)) / 342)
    assert int(found.pairs.sum()) == 100 * 99 // 2
    # what bends within a bin of 0.4 mm is its width^2 / 24 times the curvature: 0.01
    expected = np.exp(-(distance**2) / (4 * 0.6**2))
    assert found.coherency_real.values == pytest.approx(expected, abs=0.03)
    assert np.abs(found.coherency_imag.values).max() < 0.03


@pytest.mark.parametrize("direction", [0.0, 30.0, -120.0])
def test_the_imaginary_part_of_a_wave_is_that_of_its_lag(direction):
    at = np.radians(direction)
    k = 2 * np.pi / 8.0 * np.array([np.cos(at), np.sin(at)])
    time = np.random.default_rng(2).standard_normal(300)
    values = time[:, None] * np.exp(-1j * lattice().positions @ k)
    found = correlation_distance(wave_field_of(values), width=0.1)
    assert float(found.lag_direction) == pytest.approx(direction, abs=1.0)
    # neighbours 0.4 mm apart along x and y, ordered along the wave
    expected = np.mean(np.abs(np.sin(0.4 * k)))
    assert float(found.coherency_imag.sel(distance=0.4, method="nearest")) == (
        pytest.approx(expected, rel=0.02)
    )
    assert found.coherency_size.values == pytest.approx(1.0, abs=1e-9)


def test_what_the_filter_spoils_is_not_used():
    values = smooth(1.0, frames=600)
    spoilt = values.copy()
    spoilt[:100] = 1e6
    valid = np.arange(600) >= 100
    one = correlation_distance(wave_field_of(spoilt, valid=valid))
    other = correlation_distance(wave_field_of(values[100:]))
    assert one.coherency_real.values == pytest.approx(other.coherency_real.values)


def test_missing_sites_make_no_pairs():
    values = smooth(1.0, frames=200)
    values[:, [0, 99]] = np.nan
    found = correlation_distance(wave_field_of(values))
    assert int(found.pairs.sum()) == 98 * 97 // 2
    assert np.isfinite(found.coherency_real).all()


def test_only_a_wave_field_has_a_correlation_distance():
    with pytest.raises(SchemaError, match="wave_field makes one"):
        correlation_distance(wave_field_of(smooth(1.0, 10)).drop_vars("amplitude"))
    with pytest.raises(InputError, match="width is -1 mm"):
        correlation_distance(wave_field_of(smooth(1.0, 10)), width=-1)
