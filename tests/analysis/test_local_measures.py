import h5py
import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import gaussian_filter

from cortexwave.analysis.gradient import gradient_of_phase
from cortexwave.analysis.local_measures import (
    IN_UNISON,
    STANDS,
    TRAVELS,
    alignment,
    curl_map,
    divergence_and_curl,
    divergence_map,
    flux,
    kinds_of_rest,
    order,
    velocity,
)
from cortexwave.analysis.sites import Sites
from cortexwave.analysis.wave_frames import frames_from
from cortexwave.errors import InputError

ROUNDING = 1e-12
GOLDEN_FIELDS = ["plane", "plane_neg", "radial_in", "radial_out", "rotating",
                 "rotating_neg", "spiral", "standing"]  # fmt: skip


def lattice(shape=(10, 10), spacing=(0.4, 0.4)):
    y, x = (d * np.arange(n) for n, d in zip(shape, spacing, strict=True))
    x, y = np.meshgrid(x, y)
    return Sites(np.stack([x.ravel(), y.ravel()], axis=1), shape, spacing,
                 min(map(abs, spacing)))  # fmt: skip


def frames_of_phase(phase, sites, frequency=15.0):
    phase = np.atleast_2d((phase + np.pi) % (2 * np.pi) - np.pi)
    slopes = gradient_of_phase(phase, sites)
    return frames_from(phase, np.full(phase.shape, frequency), *slopes, sites)


def plane(sites, wavelength=6.0, direction=30.0):
    k = 2 * np.pi / wavelength
    at = np.radians(direction)
    return -k * sites.positions @ np.array([np.cos(at), np.sin(at)])


def standing(sites, wavelength=6.0):
    return np.where(
        np.cos(2 * np.pi * sites.positions[:, 0] / wavelength) > 0, 0, np.pi
    )


@pytest.mark.parametrize("direction", range(-180, 180, 45))
@pytest.mark.parametrize("spacing", [(0.4, 0.4), (-0.4, 0.4), (0.3, 0.5)])
def test_velocity_of_a_plane_is_exact(direction, spacing):
    sites = lattice(spacing=spacing)
    found = velocity(frames_of_phase(plane(sites, direction=direction), sites))
    assert found["speed"] == pytest.approx(90.0, rel=ROUNDING)
    assert found["wavelength"] == pytest.approx(6.0, rel=ROUNDING)
    turned = np.exp(1j * np.radians(found["direction"] - direction))
    assert np.abs(np.angle(turned)) == pytest.approx(0, abs=ROUNDING)
    assert -180 <= found["direction"][0] < 180


def test_a_wave_whose_phase_falls_in_time_goes_up_the_gradient():
    sites = lattice()
    found = velocity(frames_of_phase(plane(sites), sites, frequency=-15.0))
    assert found["direction"] == pytest.approx(30.0 - 180.0, abs=1e-9)
    assert found["speed"] == pytest.approx(90.0, rel=ROUNDING)


def test_speed_is_the_median_of_the_sites_that_are_live():
    sites = lattice()
    phase = plane(sites)
    phase[[0, 9, 26, 73, 90, 99]] = np.nan
    frames = frames_of_phase(phase, sites)
    frames.frequency[0, :4] = 1e6
    assert velocity(frames)["speed"] == pytest.approx(90.0, rel=ROUNDING)


@pytest.mark.parametrize("name", ["speed", "wavelength", "direction"])
def test_fields_that_do_not_travel_have_no_velocity(name):
    sites = lattice()
    phase = np.stack([np.zeros(100), standing(sites)])
    assert np.isnan(velocity(frames_of_phase(phase, sites))[name]).all()


def test_long_waves_on_a_plane_are_not_taken_for_unison():
    # a quarter of a wave across the diagonal: synchrony above 0.85, but all on a plane
    sites = lattice()
    frames = frames_of_phase(plane(sites, wavelength=20.0), sites)
    assert order(frames)["synchrony"] > 0.85
    assert velocity(frames)["wavelength"] == pytest.approx(20.0, rel=ROUNDING)


@pytest.mark.parametrize("smoothing", [0.0, 0.4, 0.8])
def test_unison_with_noise_of_phase_is_called_unison(smoothing):
    # V5 of memory-and-comparison: 0.3 rad of noise, also smooth over 0.8 mm
    draw = np.random.default_rng(1)
    noise = draw.standard_normal((1000, 30, 30))
    if smoothing:
        noise = gaussian_filter(noise, (0, smoothing / 0.4, smoothing / 0.4))
    phase = (0.3 / noise[:, 10:20, 10:20].std()) * noise[:, 10:20, 10:20]
    kinds = kinds_of_rest(frames_of_phase(phase.reshape(-1, 100), lattice()))
    assert (kinds == IN_UNISON).mean() >= 0.95


@pytest.mark.parametrize("wavelength", [2.0, 3.0, 4.0, 6.0])
def test_standing_waves_in_noise_are_called_standing(wavelength):
    # 0 dB broadband is 14 in power within 35 of 500 Hz; pattern at random places
    draw = np.random.default_rng(2)
    sites = lattice()
    x = sites.positions[:, 0] + draw.uniform(0, wavelength, (1000, 1))
    z = np.cos(2 * np.pi * x / wavelength) * np.exp(2j * np.pi * draw.random((1000, 1)))
    z = z + np.sqrt(0.25 / 14) * (
        draw.standard_normal(z.shape) + 1j * draw.standard_normal(z.shape)
    )
    kinds = kinds_of_rest(frames_of_phase(np.angle(z), sites))
    assert (kinds == STANDS).mean() >= 0.95


@pytest.mark.parametrize(
    ("wavelength", "noise"), [(2.0, 0.3), (4.0, 0.3), (8.0, 0.3), (16.0, 0.1)]
)
def test_travelling_waves_are_not_called_standing_or_unison(wavelength, noise):
    sites = lattice()
    phase = np.stack([plane(sites, wavelength, d) for d in range(0, 360, 15)])
    phase += noise * np.random.default_rng(3).standard_normal(phase.shape)
    assert (kinds_of_rest(frames_of_phase(phase, sites)) == TRAVELS).all()


def test_directionality_and_planarity_of_known_gradients():
    # half the sites have a gradient of 3 along x, half of 1 along -x
    sites = lattice((4, 4))
    slope = np.where(sites.positions[:, 1] > 0.6, 3.0, -1.0)[None]
    phase = np.zeros((1, 16))
    frames = frames_from(phase, phase + 1, np.zeros((1, 16)), slope, sites)
    found = alignment(frames)
    assert found["pgd"] == pytest.approx(1 / 2, rel=ROUNDING)
    assert found["planarity"] == pytest.approx(0, abs=ROUNDING)


def test_a_source_is_neither_aligned_nor_planar():
    sites = lattice((9, 9))
    phase = -3.0 * np.hypot(*(sites.positions - 1.6).T)
    found = alignment(frames_of_phase(phase, sites))
    assert found["pgd"] == pytest.approx(0, abs=1e-12)
    assert found["planarity"] == pytest.approx(0, abs=1e-12)


def test_unison_has_no_directionality():
    found = alignment(frames_of_phase(np.zeros(100), lattice()))
    assert np.isnan(found["pgd"]).all()
    assert np.isnan(found["planarity"]).all()


def test_synchrony_of_phases_spread_evenly_over_an_arc():
    # mean of exp(i phase) over n phases evenly spread by a: sin(na/2) / (n sin(a/2))
    sites = lattice((4, 25), (0.4, 0.4))
    frames = frames_of_phase(-0.2 * sites.positions[:, 0] / 0.4, sites)
    found = order(frames)
    for name, step in (("synchrony", 0.2), ("bimodality", 0.4)):
        expected = np.sin(25 * step / 2) / (25 * np.sin(step / 2))
        assert found[name] == pytest.approx(abs(expected), rel=1e-12)


def test_phases_in_two_opposite_groups_are_bimodal_and_not_synchronous():
    sites = lattice()
    phase = np.where(np.arange(100) % 4 == 0, np.pi, 0.0)
    found = order(frames_of_phase(phase + 0.7, sites))
    assert found["bimodality"] == pytest.approx(1, rel=ROUNDING)
    assert found["synchrony"] == pytest.approx(0.5, rel=ROUNDING)


@pytest.mark.parametrize("spacing", [(0.4, 0.4), (-0.4, 0.4), (0.3, -0.5)])
def test_divergence_and_curl_of_a_linear_field(spacing):
    sites = lattice((5, 6), spacing)
    x, y = sites.positions.T
    u, v = (2 * x - 3 * y)[None], (5 * x + 7 * y)[None]
    divergence, curl = divergence_and_curl(u, v, sites)
    assert divergence == pytest.approx(9.0, rel=1e-12)
    assert curl == pytest.approx(8.0, rel=1e-12)


def test_divergence_beside_missing_sites_is_sided():
    sites = lattice((5, 6))
    x, y = sites.positions.T
    u, v = (2 * x - 3 * y)[None], (5 * x + 7 * y)[None]
    u[0, [0, 14, 15, 29]] = np.nan
    divergence, curl = divergence_and_curl(u, v, sites)
    known = ~np.isnan(u)
    assert divergence[known] == pytest.approx(9.0, rel=1e-12)
    assert curl[known] == pytest.approx(8.0, rel=1e-12)
    assert np.isnan(divergence[~known]).all()


def test_a_site_without_neighbour_along_an_axis_has_no_divergence():
    sites = lattice((3, 3))
    u = np.ones((1, 9))
    u[0, [1, 7]] = np.nan  # the middle has neighbours left and right only
    divergence, _ = divergence_and_curl(u, u, sites)
    assert np.isnan(divergence[0, 4])
    assert np.isfinite(divergence[0, [0, 2, 6, 8]]).sum() == 0


def test_a_rotation_turns_and_a_source_spreads():
    # the mean of a divergence is the flow through the edge over the area: the sign
    sites = lattice((9, 9))
    x, y = (sites.positions - 1.55).T
    phase = np.stack([-np.arctan2(y, x), np.arctan2(y, x), -3 * np.hypot(x, y),
                      3 * np.hypot(x, y)])  # fmt: skip
    found = flux(frames_of_phase(phase, sites))
    assert np.sign(np.round(found["curl"], 6)).tolist() == [1, -1, 0, 0]
    assert np.sign(np.round(found["divergence"], 1)).tolist() == [0, 0, 1, -1]


def test_mean_flux_is_the_mean_of_the_maps():
    sites = lattice()
    draw = np.random.default_rng(4)
    phase = draw.uniform(-np.pi, np.pi, (6, 100))
    phase[:3, [0, 26]] = np.nan
    phase[3:, [99, 45]] = np.nan
    frames = frames_of_phase(phase, sites)
    found = flux(frames)
    x, y = (np.where(frames.known, part, np.nan)
            for part in (frames.travel_x, frames.travel_y))  # fmt: skip
    for name, each in zip(("divergence", "curl"), divergence_and_curl(x, y, sites),
                          strict=True):  # fmt: skip
        assert found[name] == pytest.approx(np.nanmean(each, axis=1), rel=1e-9)


def test_divergence_of_scattered_electrodes_asks_for_a_lattice():
    sites = Sites(np.random.default_rng(0).random((9, 2)), None, None, 0.1)
    with pytest.raises(InputError, match=r"on_lattice\(recording\)"):
        divergence_and_curl(np.ones((1, 9)), np.ones((1, 9)), sites)


def test_maps_have_the_dims_of_the_field():
    sites = lattice((4, 5))
    x, y = sites.positions.T
    # the propagation field (x, 2 y) as the gradient of a phase that goes against it
    slopes = {
        "gradient_x": -x,
        "gradient_y": -2 * y,
        "phase": 0 * x,
        "frequency": 0 * x,
    }
    dims = ("trial", "time", "y", "x")
    field = xr.Dataset(
        {name: (dims, np.tile(each.reshape(4, 5), (2, 3, 1, 1)))
         for name, each in slopes.items()},
        {"y": ("y", 0.4 * np.arange(4), {"units": "mm"}),
         "x": ("x", 0.4 * np.arange(5), {"units": "mm"})},
    )  # fmt: skip
    spread = divergence_map(field)
    assert spread.dims == dims
    assert spread.attrs["units"] == "rad/mm^2"
    assert spread.values == pytest.approx(3.0, rel=1e-12)
    assert curl_map(field).values == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", GOLDEN_FIELDS)
def test_divergence_and_curl_of_wave_matlab(golden, name):
    with h5py.File(golden("mullerlab_10x10_a.h5")) as file:
        dx, dy, div, curl = (
            np.moveaxis(file[f"{name}/{each}"][()], -1, 0).reshape(-1, 100)
            for each in ("dx", "dy", "div", "curl")
        )
    # theirs has y down and steps of one pixel
    sites = lattice((10, 10), (-1.0, 1.0))
    ours = divergence_and_curl(dx, -dy, sites)
    np.testing.assert_allclose(ours[0], div, rtol=0, atol=ROUNDING)
    # MATLAB's curl with one output is the angular velocity, half of the curl
    np.testing.assert_allclose(ours[1], -2 * curl, rtol=0, atol=ROUNDING)


def test_cosine_and_sine_of_frames_are_exact_at_every_angle():
    turn = np.pi * np.array([-1, -0.5, 0, 0.25, 0.5, 1, 3, 1e3])
    phase = np.concatenate([turn, np.linspace(-4, 4, 56)])[None]
    flat = np.zeros_like(phase)
    frames = frames_from(phase, flat + 1, flat, flat, lattice((8, 8)))
    # three roundings, of the half, of its tangent and of the quotient
    np.testing.assert_allclose(frames.cosine, np.cos(phase), atol=5e-16)
    np.testing.assert_allclose(frames.sine, np.sin(phase), atol=5e-16)
