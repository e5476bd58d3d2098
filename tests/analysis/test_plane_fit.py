import numpy as np
import pytest
import scipy.optimize
import xarray as xr

from cortexwave.analysis.plane_error import slope_error
from cortexwave.analysis.plane_fit import fit_plane, longest_wavenumber, plane_wave
from cortexwave.analysis.sites import Sites
from cortexwave.errors import InputError, SchemaError

PITCH = 0.4  # mm, of a Utah array of 10 x 10
LIMIT = np.pi / PITCH
CORNERS_AND_TWO = [0, 9, 90, 99, 26, 73]


def square_of(n, pitch=PITCH):
    x, y = np.meshgrid(pitch * np.arange(n), pitch * np.arange(n))
    return np.stack([x.ravel(), y.ravel()], axis=-1)


UTAH = square_of(10)


def jittered(seed=0):
    draw = np.random.default_rng(seed)
    return UTAH + draw.uniform(-0.15, 0.15, UTAH.shape)


def planes(positions, wavelength, direction, seed=0):
    """k (frame, 2), phase at the middle, and phases (frame, site) that lag along k."""
    angle = np.radians(direction)
    k = (
        2
        * np.pi
        / np.asarray(wavelength)[..., None]
        * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    )
    offset = np.random.default_rng(seed).uniform(-3, 3, len(k))
    return k, offset, offset[:, None] - k @ (positions - positions.mean(axis=0)).T


def slow_resultant(k, phase, positions):
    return np.abs(np.mean(np.exp(1j * (phase + positions @ k))))


def slow_fit(phase, positions, limit):
    """The best k of one frame by brute force and then without steps."""
    at = np.linspace(-limit, limit, 61)
    grid = [(x, y) for x in at for y in at if np.hypot(x, y) <= limit]
    heights = [slow_resultant(np.array(k), phase, positions) for k in grid]
    return scipy.optimize.minimize(
        lambda k: -slow_resultant(k, phase, positions), grid[int(np.argmax(heights))],
        method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-15},
    )  # fmt: skip


@pytest.mark.parametrize("positions", [UTAH, jittered(), UTAH - 300.0])
@pytest.mark.parametrize("dead", [[], CORNERS_AND_TWO])
def test_planes_of_any_direction_and_length_are_found(positions, dead):
    direction = np.arange(-180, 180, 7.5)
    wavelength = np.geomspace(2.1 * PITCH, 60.0, direction.size)
    k, offset, phase = planes(positions, wavelength, direction)
    phase[:, dead] = np.nan
    fit = fit_plane(np.exp(1j * phase), positions, longest_wavenumber=LIMIT)
    # the objective is flat to rounding, 1e-16, within the root of that over the array
    np.testing.assert_allclose(fit.k, k, rtol=0, atol=1e-7)
    assert fit.resultant == pytest.approx(1, abs=1e-12)
    assert np.abs(np.exp(1j * fit.offset) - np.exp(1j * offset)).max() < 1e-7
    assert not fit.at_limit.any()


@pytest.mark.parametrize("positions", [UTAH, jittered()])
@pytest.mark.parametrize("noise", [0.3, 1.2])
def test_no_other_plane_fits_noisy_phases_better(positions, noise):
    _, _, phase = planes(positions, [3.0], [200.0])
    phase += noise * np.random.default_rng(5).standard_normal(phase.shape)
    fit = fit_plane(np.exp(1j * phase), positions, longest_wavenumber=LIMIT)
    slow = slow_fit(phase[0], positions, LIMIT)
    assert fit.resultant[0] == pytest.approx(-slow.fun, abs=1e-12)
    assert fit.k[0] == pytest.approx(slow.x, abs=1e-6)  # root of 1e-15, as above


def test_a_frame_is_fitted_as_by_itself():
    draw = np.random.default_rng(6)
    z = np.exp(1j * draw.uniform(-np.pi, np.pi, (3000, 100)))
    many = fit_plane(z, UTAH, longest_wavenumber=LIMIT)
    one = fit_plane(z[2500:2501], UTAH, longest_wavenumber=LIMIT)
    assert many.k[2500] == pytest.approx(one.k[0], abs=1e-6)


def test_a_field_in_unison_has_no_wavenumber():
    z = np.full((4, 100), np.exp(0.7j))
    fit = fit_plane(z, UTAH, longest_wavenumber=LIMIT)
    assert np.abs(fit.k).max() < 1e-12
    assert fit.resultant == pytest.approx(1, abs=1e-12)
    assert fit.offset == pytest.approx(0.7, abs=1e-12)


def test_a_best_plane_beyond_the_limit_is_flagged():
    # 1.2 pi / pitch along the diagonal: no alias, but outside the disc
    _, _, phase = planes(UTAH, [PITCH / 0.6], [45.0])
    fit = fit_plane(np.exp(1j * phase), UTAH, longest_wavenumber=LIMIT)
    assert fit.at_limit.all()
    assert np.linalg.norm(fit.k, axis=1) <= LIMIT * (1 + 1e-9)


def test_an_alias_is_taken_for_the_longer_wave_it_looks_like():
    # 0.75 mm at a pitch of 0.4 mm: +1.33 reads as 1.33 - 2.5 = -1.17 cycles/mm
    _, _, phase = planes(UTAH, [0.75], [0.0])
    fit = fit_plane(np.exp(1j * phase), UTAH, longest_wavenumber=LIMIT)
    read = 2 * np.pi * (1 / 0.75 - 1 / PITCH)
    assert fit.k[0] == pytest.approx([read, 0], abs=1e-7)


def test_frames_without_three_live_sites_have_no_plane():
    z = np.ones((2, 100), dtype=complex)
    z[0, 2:] = np.nan
    fit = fit_plane(z, UTAH, longest_wavenumber=LIMIT)
    assert np.isnan(fit.k[0]).all() and np.isnan(fit.resultant[0])
    assert np.isfinite(fit.k[1]).all()


def test_sites_in_a_line_are_refused():
    positions = np.outer(np.arange(8.0), [0.3, 0.1])
    with pytest.raises(InputError, match="the 8 sites stand in one line"):
        fit_plane(np.ones((1, 8), complex), positions, longest_wavenumber=LIMIT)


def test_unequal_spacings_are_limited_by_the_larger():
    sites = Sites(np.zeros((8, 2)), (4, 2), (-0.2, 0.5), 0.2)
    assert longest_wavenumber(sites) == pytest.approx(np.pi / 0.5)


def noise_of(positions, length, frames, seed=0):
    """Unit noise (frame, site) with the correlation exp(-d^2 / 4 length^2)."""
    white = np.random.default_rng(seed).standard_normal((frames, len(positions)))
    if length == 0:
        return white, np.eye(len(positions))
    gaps = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
    covariance = np.exp(-(gaps**2) / (4 * length**2))
    variance, axes = np.linalg.eigh(covariance)
    return white @ (axes * np.sqrt(np.maximum(variance, 0))).T, covariance


def true_error(positions, covariance, sd):
    """RMS error along an axis of the least-squares slope, from the covariance."""
    x = positions - positions.mean(axis=0)
    inverse = np.linalg.inv(x.T @ x)
    return sd * np.sqrt(np.trace(inverse @ x.T @ covariance @ x @ inverse) / 2)


def test_independent_noise_has_the_textbook_error():
    noise, _ = noise_of(UTAH, 0, 2000)
    x = np.column_stack([np.ones(100), UTAH])
    rest = noise - noise @ x @ np.linalg.inv(x.T @ x) @ x.T
    found = slope_error(rest, UTAH)
    spread = np.var(UTAH[:, 0])
    # its scale is the mean square of the rest, 97/100 of that of the noise
    expected = np.eye(2) / (97 * spread)
    np.testing.assert_allclose(found.per_square, expected, atol=0.03 * expected[0, 0])
    assert found.freedom == pytest.approx(97, rel=0.05)


@pytest.mark.parametrize(("n", "most"), [(10, 100), (24, 24 * 24)])
def test_error_of_large_arrays_is_had_from_some_of_their_sites(n, most):
    positions = square_of(n)
    noise, covariance = noise_of(positions, 0.8, 300, seed=1)
    x = np.column_stack([np.ones(most), positions])
    rest = noise - noise @ x @ np.linalg.inv(x.T @ x) @ x.T
    square = np.mean(rest**2)
    found = slope_error(rest, positions)
    error = np.sqrt(square * np.trace(found.per_square) / 2)
    # 300 frames of a few independent sites; frames count alike, which takes from it
    assert error == pytest.approx(true_error(positions, covariance, 1), rel=0.2)


def wave_field_of(phase, frequency=20.0, shape=(10, 10), spacing=(PITCH, PITCH)):
    """A wave field (time, y, x) of given phases, made by hand."""
    values = phase.reshape(-1, *shape)
    dims = ("time", "y", "x")
    units = {"phase": "rad", "amplitude": "uV", "frequency": "Hz",
             "gradient_y": "rad/mm", "gradient_x": "rad/mm"}  # fmt: skip
    same = {"amplitude": np.ones(values.shape),
            "frequency": np.full(values.shape, frequency)}  # fmt: skip
    variables = {
        name: (dims, same.get(name, values), {"units": unit})
        for name, unit in units.items()
    }
    variables["valid"] = ("time", np.ones(len(values), bool), {"units": "1"})
    coords = {"time": ("time", 1e-3 * np.arange(len(values)), {"units": "s"})}
    for axis, n, step in zip("yx", shape, spacing, strict=True):
        coords[axis] = (axis, step * np.arange(n), {"units": "mm"})
    attrs = {"variable": "signal", "band": [5.0, 40.0], "phase_method": "hilbert",
             "sampling_rate": 1000.0, "edge": 0.0}  # fmt: skip
    return xr.Dataset(variables, coords, attrs)


@pytest.mark.parametrize(
    ("length", "raw_speed"), [(0.0, 4090.0), (0.8, 1050.0)], ids=["white", "0.8 mm"]
)
def test_synchrony_with_phase_noise_is_called_synchronous(length, raw_speed):
    noise, covariance = noise_of(UTAH, length, 1000, seed=2)
    found = plane_wave(wave_field_of(0.3 * noise))
    k = np.hypot(found.wavenumber_x, found.wavenumber_y)
    # without the error, slow phase noise fabricates waves of these speeds, in mm/s
    assert np.median(2 * np.pi * 20 / k) == pytest.approx(raw_speed, rel=0.05)
    assert found.plane_direction.isnull().mean() >= 0.95
    assert found.plane_speed.isnull().mean() >= 0.95
    error = np.sqrt(np.mean(found.wavenumber_error.values**2))
    # 20 % low where few sites are independent: frames of little noise count alike
    assert error == pytest.approx(true_error(UTAH, covariance, 0.3), rel=0.2)
    ceiling = 2 * np.pi * 20 / (2 * found.wavenumber_error)
    np.testing.assert_allclose(found.speed_ceiling, ceiling, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("length", [0.0, 0.2, 0.4, 0.8, 1.2, 1.6])
@pytest.mark.parametrize("seed", [3, 4])
def test_synchrony_is_told_at_any_smoothness_of_noise(length, seed):
    noise, _ = noise_of(UTAH, length, 5000, seed)
    found = plane_wave(wave_field_of(0.3 * noise))
    assert found.plane_direction.isnull().mean() >= 0.95


def test_independent_noise_leaves_all_sites_effective():
    noise, _ = noise_of(UTAH, 0, 1000, seed=5)
    found = plane_wave(wave_field_of(0.3 * noise))
    assert found.effective_sites.values == pytest.approx(97, rel=0.05)


def test_a_field_in_unison_has_neither_direction_nor_speed():
    found = plane_wave(wave_field_of(np.full((20, 100), 0.5)))
    for name in ("plane_direction", "plane_speed", "plane_wavelength", "plane_rho"):
        assert found[name].isnull().all()
    assert found.plane_resultant.values == pytest.approx(1)


def test_length_of_k_is_freed_of_its_excess_by_chance():
    k, _, phase = planes(UTAH, np.full(2000, 30.0), np.zeros(2000))
    noise, _ = noise_of(UTAH, 0, 2000, seed=6)
    found = plane_wave(wave_field_of(phase + 0.4 * noise))
    debiased = 2 * np.pi / found.plane_wavelength
    raw = np.hypot(found.wavenumber_x, found.wavenumber_y)
    true = np.linalg.norm(k[0])
    # 2000 frames of relative error 0.17 each: 0.3 % of the mean
    assert np.mean(debiased**2) == pytest.approx(true**2, rel=0.02)
    excess = float(np.mean(raw**2) / true**2 - 1)
    assert excess == pytest.approx(2 * (0.4**2 / 100 / np.var(UTAH[:, 0])) / true**2,
                                   rel=0.3)  # fmt: skip


@pytest.mark.parametrize("frequency", [12.0, -12.0])
def test_speed_and_direction_of_exact_planes(frequency):
    direction = np.arange(-180.0, 180.0, 15.0)
    k, _, phase = planes(UTAH, np.full(direction.size, 6.0), direction)
    found = plane_wave(wave_field_of(phase, frequency))
    # phase that falls in time travels the other way
    expected = k if frequency > 0 else -k
    turned = np.arctan2(expected[:, 1], expected[:, 0])
    apart = np.radians(found.plane_direction) - turned
    assert np.abs(np.exp(1j * apart) - 1).max() < 1e-6
    assert found.plane_direction.min() >= -180 and found.plane_direction.max() < 180
    assert found.plane_speed.values == pytest.approx(72.0, rel=1e-6)
    assert found.plane_wavelength.values == pytest.approx(6.0, rel=1e-6)
    assert found.plane_rho.values == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(found.wavenumber_x, expected[:, 0], atol=1e-7)


def slow_adjusted_rho(phase, plane):
    """Zhang et al. 2018, of one frame, as their formula reads."""
    a = phase - np.angle(np.mean(np.exp(1j * phase)))
    b = plane - np.angle(np.mean(np.exp(1j * plane)))
    rho = np.sum(np.sin(a) * np.sin(b)) / np.sqrt(
        np.sum(np.sin(a) ** 2) * np.sum(np.sin(b) ** 2)
    )
    return 1 - (1 - rho**2) * (len(a) - 1) / (len(a) - 4)


def test_rho_is_that_of_zhang_2018():
    _, _, phase = planes(UTAH, np.full(3, 9.0), [10.0, 130.0, 250.0])
    phase += 0.5 * np.random.default_rng(7).standard_normal(phase.shape)
    phase[:, CORNERS_AND_TWO] = np.nan
    live = np.isfinite(phase[0])
    found = plane_wave(wave_field_of(phase))
    fit = fit_plane(np.exp(1j * phase[:, live]), UTAH[live], longest_wavenumber=LIMIT)
    plane = fit.offset[:, None] - fit.k @ (UTAH[live] - UTAH[live].mean(axis=0)).T
    expected = [slow_adjusted_rho(*each) for each in zip(phase[:, live], plane,
                                                         strict=True)]  # fmt: skip
    assert found.plane_rho.values == pytest.approx(expected, abs=1e-9)


def test_a_wave_at_the_limit_has_no_direction():
    _, _, phase = planes(UTAH, np.full(5, PITCH / 0.6), np.full(5, 45.0))
    found = plane_wave(wave_field_of(phase))
    assert found.plane_at_limit.all()
    assert found.plane_direction.isnull().all() and found.plane_speed.isnull().all()


def test_a_line_of_sites_has_no_plane_wave():
    field = wave_field_of(np.zeros((5, 10)), shape=(1, 10))
    with pytest.raises(InputError, match="stand in one line"):
        plane_wave(field)


def test_too_few_live_sites_are_counted():
    phase = np.full((5, 100), np.nan)
    phase[:, [0, 1, 2, 10, 11, 12, 20, 21]] = 0.0
    with pytest.raises(InputError, match=r"8 live site.* at least 9"):
        plane_wave(wave_field_of(phase))


def test_what_is_no_wave_field_is_refused():
    field = wave_field_of(np.zeros((5, 100))).drop_vars("frequency")
    with pytest.raises(SchemaError, match="variable 'frequency' is missing"):
        plane_wave(field)
