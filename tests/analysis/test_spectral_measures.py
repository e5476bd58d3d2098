import numpy as np
import pytest

from cortexwave.analysis.sites import Sites
from cortexwave.analysis.spectral_measures import (
    net_direction,
    ridge,
    spatial_power,
    standing,
    wavevectors_of,
)
from cortexwave.analysis.wave_frames import Course, frames_from

RATE, BAND = 200.0, (5.0, 40.0)


def lattice(shape=(10, 10), spacing=(0.4, 0.4)):
    y, x = (d * np.arange(n) for n, d in zip(shape, spacing, strict=True))
    x, y = np.meshgrid(x, y)
    return Sites(np.stack([x.ravel(), y.ravel()], axis=1), shape, spacing,
                 min(map(abs, spacing)))  # fmt: skip


def standing_ratio(values, sites):
    """Of complex frames, by their phases."""
    phase = np.angle(np.atleast_2d(values))
    frames = frames_from(phase, phase * 0 + 10, phase * 0, phase * 0, sites)
    return standing(frames)["standing_ratio"]


def course(values, sites):
    return Course(sites, RATE, BAND, lambda: iter([values]))


def wave(sites, k):
    return np.exp(-1j * sites.positions @ np.asarray(k))


def packets(seconds, seed, rate=RATE):
    """A complex course (time,) of random power at 8 to 30 Hz."""
    count = round(seconds * rate)
    frequency = np.fft.fftfreq(count, 1 / rate)
    inside = (frequency > 8) & (frequency < 30)
    draw = np.random.default_rng(seed)
    spectrum = draw.standard_normal(count) + 1j * draw.standard_normal(count)
    return np.fft.ifft(np.where(inside, spectrum, 0)) * count, frequency


def travelling(sites, slowness, seconds=4.0, seed=0):
    """Packets (time, site) of one velocity at all frequencies."""
    signal, frequency = packets(seconds, seed)
    delay = sites.positions @ slowness
    spectrum = np.fft.fft(signal)[:, None]
    return np.fft.ifft(
        spectrum * np.exp(-2j * np.pi * frequency[:, None] * delay), axis=0
    )


@pytest.mark.parametrize("shape", [(10, 10), (9, 12), (14, 15)])
@pytest.mark.parametrize("spacing", [(0.4, 0.4), (-0.4, 0.4), (0.3, -0.5)])
@pytest.mark.parametrize("finer", [1, 2])
def test_spatial_power_is_the_sum_over_sites(shape, spacing, finer):
    sites = lattice(shape, spacing)
    draw = np.random.default_rng(0)
    z = draw.standard_normal((3, sites.count)) + 1j * draw.standard_normal(
        (3, sites.count)
    )
    there, back = spatial_power(z.real, z.imag, sites, finer=finer)
    wavevectors = wavevectors_of(sites, finer=finer)
    middle = len(wavevectors) // 2
    for sign, found in ((1, there), (-1, back)):
        k = sign * wavevectors[: middle + 1]
        expected = np.abs(z @ np.exp(1j * sites.positions @ k.T)) ** 2
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    assert wavevectors == pytest.approx(-wavevectors[::-1])
    assert (wavevectors[middle] == 0).all()


def test_scattered_electrodes_on_a_lattice_have_its_wavevectors():
    sites = lattice((7, 10))
    scattered = Sites(sites.positions, None, None, 0.4)
    for finer in (1, 2):
        found = wavevectors_of(scattered, finer=finer)
        assert found == pytest.approx(wavevectors_of(sites, finer=finer))


@pytest.mark.parametrize("numbers", [(1, 0), (0, 2), (2, -1), (-3, 2)])
def test_a_wave_that_fits_the_array_does_not_stand(numbers):
    sites = lattice()
    k = 2 * np.pi * np.array(numbers) / 4.0
    assert standing_ratio(wave(sites, k), sites) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("wavelength", [2.0, 3.3, 6.0, 8.0])
def test_a_standing_wave_stands_whatever_its_length(wavelength):
    sites = lattice()
    k = 2 * np.pi / wavelength
    values = np.cos(k * sites.positions[:, 0] - 0.4) * np.exp(1.1j)
    assert standing_ratio(values, sites) == pytest.approx(1, abs=1e-9)


def test_waves_longer_than_the_array_seem_to_stand_in_part():
    # the limit that the docstring states: not told from their opposites
    sites = lattice()
    ratios = [standing_ratio(wave(sites, (2 * np.pi / length, 0)), sites)[0]
              for length in (4.0, 8.0, 16.0, 32.0)]  # fmt: skip
    assert np.all(np.diff(ratios) > 0)


def test_unison_has_no_standing_ratio_and_no_net_direction():
    sites = lattice()
    assert np.isnan(standing_ratio(np.full(100, np.exp(0.3j)), sites)).all()
    found = net_direction(course(np.ones((50, 100), dtype=complex), sites))
    assert found["net_direction_asymmetry"] == pytest.approx(0, abs=1e-12)
    assert np.isnan(found["net_direction"])


@pytest.mark.parametrize("direction", range(-165, 180, 30))
@pytest.mark.parametrize("spacing", [(0.4, 0.4), (-0.4, 0.4)])
def test_net_direction_of_a_plane_is_its_own(direction, spacing):
    # the square outline of the array pulls by up to half a degree
    sites = lattice(spacing=spacing)
    at = np.radians(direction)
    k = 2 * np.pi / 3.0 * np.array([np.cos(at), np.sin(at)])
    time = np.exp(2j * np.pi * 15 * np.arange(100) / RATE)
    found = net_direction(course(time[:, None] * wave(sites, k), sites))
    turned = np.exp(1j * np.radians(found["net_direction"] - direction))
    assert np.degrees(np.abs(np.angle(turned))) < 1.0
    assert found["net_direction_asymmetry"] > 0.8
    assert found["standing_ratio_overall"] < 0.1


def test_opposite_waves_by_turns_have_no_net_direction():
    sites = lattice()
    one = wave(sites, (2 * np.pi / 3.0, 0.5))
    values = np.concatenate([np.tile(one, (50, 1)), np.tile(one.conj(), (50, 1))])
    found = net_direction(course(values, sites))
    assert found["net_direction_asymmetry"] == pytest.approx(0, abs=1e-12)
    assert found["standing_ratio_overall"] == pytest.approx(1, abs=1e-12)
    # at no time does anything stand
    assert standing_ratio(one, sites)[0] < 0.2


def test_net_direction_of_two_waves_is_weighted_by_power():
    # 3/4 and 1/4 of the power along +y and -y: (3 - 1) / 4 of what one wave alone has
    sites = lattice((20, 20))
    y = wave(sites, (0, 2 * np.pi / 2.0))
    values = np.stack([np.sqrt(3) * y, y.conj()])
    found = net_direction(course(values, sites))
    alone = net_direction(course(y[None], sites))["net_direction_asymmetry"]
    assert found["net_direction_asymmetry"] == pytest.approx(alone / 2, rel=1e-9)
    assert found["net_direction"] == pytest.approx(90.0, abs=1e-6)


def test_independent_noise_has_little_net_direction():
    draw = np.random.default_rng(1)
    z = draw.standard_normal((500, 100)) + 1j * draw.standard_normal((500, 100))
    # 99 independent wavevectors of 500 frames each: about 1 / root(99 * 500)
    found = net_direction(course(z, lattice()))
    assert found["net_direction_asymmetry"] < 4 / np.sqrt(99 * 500)


@pytest.mark.parametrize("direction", [-120.0, 0.0, 30.0, 75.0])
@pytest.mark.parametrize("speed", [40.0, 90.0, 300.0])
def test_a_broadband_plane_wave_has_all_its_power_on_its_ridge(direction, speed):
    sites = lattice()
    at = np.radians(direction)
    slowness = np.array([np.cos(at), np.sin(at)]) / speed
    found = ridge(course(travelling(sites, slowness), sites))
    # the farthest site is up to 0.06 s from the middle, which segments of 0.8 s lose
    assert found["ridge_energy"] > 0.97
    assert found["ridge_speed"] == pytest.approx(speed, rel=0.01)
    assert found["ridge_direction"] == pytest.approx(direction, abs=0.5)


def test_two_opposite_waves_have_half_their_power_on_a_ridge():
    sites = lattice((4, 20))
    slowness = np.array([1 / 40.0, 0.0])
    values = travelling(sites, slowness, 8.0, 1) + travelling(sites, -slowness, 8.0, 2)
    # 8 s of 22 Hz: powers of the two differ by 1 / root(176); side lobes add a little
    found = ridge(course(values, sites))
    assert found["ridge_energy"] == pytest.approx(0.5, abs=0.08)
    assert found["ridge_speed"] == pytest.approx(40.0, rel=0.02)


def test_independent_noise_has_no_ridge():
    draw = np.random.default_rng(3)
    z = draw.standard_normal((1600, 100)) + 1j * draw.standard_normal((1600, 100))
    # 1/100 is the mean over velocities, of which the best is taken
    assert ridge(course(z, lattice()))["ridge_energy"] < 0.03


def test_unison_has_no_ridge():
    signal, _ = packets(4.0, 4)
    values = np.tile(signal[:, None], (1, 100))
    assert np.isnan(ridge(course(values, lattice()))["ridge_speed"])


def test_a_dispersive_wave_is_less_on_a_ridge_than_one_of_one_speed():
    # one wavelength at all frequencies: speed grows with frequency
    sites = lattice((4, 20))
    signal, _ = packets(4.0, 5)
    values = signal[:, None] * wave(sites, (2 * np.pi / 2.0, 0))
    assert ridge(course(values, sites))["ridge_energy"] < 0.5


def test_too_short_a_course_has_no_ridge():
    found = ridge(course(np.ones((20, 100), dtype=complex), lattice()))
    assert np.isnan(found["ridge_energy"])


def test_dead_sites_leave_direction_and_ridge():
    sites = lattice()
    slowness = np.array([np.cos(0.5), np.sin(0.5)]) / 40.0
    values = travelling(sites, slowness)
    values[:, [0, 9, 26, 73, 90, 99]] = 0  # as a course has them
    found = ridge(course(values, sites)) | net_direction(course(values, sites))
    assert found["ridge_energy"] > 0.97
    assert found["ridge_direction"] == pytest.approx(np.degrees(0.5), abs=0.5)
    assert found["net_direction"] == pytest.approx(np.degrees(0.5), abs=5)
