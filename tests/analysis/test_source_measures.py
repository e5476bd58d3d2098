import h5py
import numpy as np
import pytest
import xarray as xr
from scipy.stats import chi2

from cortexwave.analysis.filters import butterworth
from cortexwave.analysis.gradient import gradient_of_phase
from cortexwave.analysis.phase import analytic_signal, generalized_phase
from cortexwave.analysis.sites import Sites
from cortexwave.analysis.source_measures import (
    rho_phase_distance,
    rho_threshold,
    source_and_sink,
    source_and_sink_sites,
)
from cortexwave.analysis.wave_frames import frames_from
from cortexwave.errors import InputError


def lattice(shape=(10, 10), spacing=(0.4, 0.4)):
    y, x = (d * np.arange(n) for n, d in zip(shape, spacing, strict=True))
    x, y = np.meshgrid(x, y)
    return Sites(np.stack([x.ravel(), y.ravel()], axis=1), shape, spacing,
                 min(map(abs, spacing)))  # fmt: skip


def frames_of_phase(phase, sites, frequency=15.0):
    phase = np.atleast_2d((phase + np.pi) % (2 * np.pi) - np.pi)
    slopes = gradient_of_phase(phase, sites)
    return frames_from(phase, np.full(phase.shape, frequency), *slopes, sites)


def radial(sites, centre, wavelength=5.0):
    return -2 * np.pi / wavelength * np.linalg.norm(sites.positions - centre, axis=1)


def longhand(phase, distance):
    """Zar's coefficient of one frame from NumPy's correlations."""
    rs, rc = (np.corrcoef(distance, f(phase))[0, 1] for f in (np.sin, np.cos))
    both = np.corrcoef(np.sin(phase), np.cos(phase))[0, 1]
    return np.sqrt((rc**2 + rs**2 - 2 * rc * rs * both) / (1 - both**2))


def test_rho_is_that_of_the_textbook():
    draw = np.random.default_rng(0)
    phase = draw.uniform(-np.pi, np.pi, (20, 30))
    distance = draw.random((20, 30)) + np.abs(phase)
    expected = [longhand(*pair) for pair in zip(phase, distance, strict=True)]
    assert rho_phase_distance(phase, distance) == pytest.approx(expected, abs=1e-12)


def test_rho_is_one_where_distance_is_a_cosine_of_phase():
    phase = np.random.default_rng(1).uniform(-np.pi, np.pi, (5, 30))
    rho = rho_phase_distance(phase, 3 + 2 * np.cos(phase - 0.4))
    assert rho == pytest.approx(1.0, abs=1e-12)


def test_rho_leaves_missing_sites_out():
    draw = np.random.default_rng(2)
    phase, distance = draw.uniform(-3, 3, (1, 30)), draw.random(30)
    phase[0, [3, 7]] = np.nan
    live = ~np.isnan(phase[0])
    expected = longhand(phase[0, live], distance[live])
    assert rho_phase_distance(phase, distance) == pytest.approx([expected], abs=1e-12)


def test_rho_of_phases_or_distances_that_are_all_the_same_is_not_a_number():
    phase = np.random.default_rng(3).uniform(-3, 3, (1, 30))
    assert np.isnan(rho_phase_distance(np.zeros((1, 30)), np.arange(30.0))).all()
    assert np.isnan(rho_phase_distance(phase, np.ones(30))).all()


@pytest.mark.parametrize("centre", [(1.32, 2.24), (2.0, 2.0), (0.8, 2.5), (2.9, 1.1)])
@pytest.mark.parametrize("spacing", [(0.4, 0.4), (-0.4, 0.4)])
def test_a_source_is_found_within_a_pixel(centre, spacing):
    sites = lattice(spacing=spacing)
    centre = np.array([centre[0], centre[1] * np.sign(spacing[0])])
    found = source_and_sink(frames_of_phase(radial(sites, centre), sites))
    at = np.array([found["source_x"][0], found["source_y"][0]])
    assert np.abs(at - centre).max() <= 0.4
    # a spread of more than one wave would have less; half of one is nearly linear
    assert found["source_rho"][0] > 0.9
    assert not found["sink_rho"][0] > 0.9


def test_a_sink_is_a_source_run_backwards():
    sites = lattice()
    phase = radial(sites, (1.32, 2.24))
    found = source_and_sink(frames_of_phase(-phase, sites))
    expected = source_and_sink(frames_of_phase(phase, sites))
    for name in ("rho", "x", "y"):
        assert found[f"sink_{name}"] == pytest.approx(expected[f"source_{name}"])
    backwards = source_and_sink(frames_of_phase(phase, sites, frequency=-15.0))
    assert backwards["sink_x"] == expected["source_x"]


def test_a_plane_without_noise_has_no_source():
    sites = lattice()
    found = source_and_sink(frames_of_phase(-0.8 * sites.positions[:, 0], sites))
    assert all(np.isnan(each).all() for each in found.values())


def test_a_source_is_found_beside_dead_sites():
    sites = lattice()
    phase = radial(sites, (1.32, 2.24))
    phase[[0, 9, 26, 54, 90, 99]] = np.nan
    found = source_and_sink(frames_of_phase(phase, sites))
    assert abs(found["source_x"][0] - 1.32) <= 0.4
    assert abs(found["source_y"][0] - 2.24) <= 0.4


def test_large_lattices_are_searched_as_small_ones_are():
    sites = lattice((20, 30))
    centre = (6.3, 4.1)
    frames = frames_of_phase(radial(sites, centre), sites)
    found = source_and_sink(frames)
    assert abs(found["source_x"][0] - 6.3) <= 0.4
    assert abs(found["source_y"][0] - 4.1) <= 0.4


def wave_field_of(phase, shape=(8, 8)):
    frames = len(phase)
    dims = ("time", "y", "x")
    values = phase.reshape(frames, *shape)
    return xr.Dataset(
        {name: (dims, values)
         for name in ("phase", "frequency", "gradient_y", "gradient_x")}
        | {"valid": ("time", np.ones(frames, dtype=bool))},
        {"y": ("y", 0.4 * np.arange(shape[0])), "x": ("x", 0.4 * np.arange(shape[1]))},
    )  # fmt: skip


@pytest.mark.parametrize("side", [8, 16])
def test_the_threshold_is_that_of_chance_on_so_many_sites(side):
    # of independent phases sites * rho^2 is chi2 with 2 degrees: 0.31 of 64 sites, 0.15
    # of 256. 1,000 frames know a quantile to 4 %, and the place is sought
    phase = np.random.default_rng(5).uniform(-np.pi, np.pi, (200, side**2))
    threshold = rho_threshold(
        wave_field_of(phase, (side, side)), share=0.95, seed=1, count=1000
    )
    assert threshold == pytest.approx(np.sqrt(chi2.ppf(0.95, 2)) / side, rel=0.1)


def test_the_threshold_is_exceeded_by_so_many_shuffled_frames():
    draw = np.random.default_rng(6)
    field = wave_field_of(draw.uniform(-np.pi, np.pi, (500, 64)))
    threshold = rho_threshold(field, share=0.9, seed=2, count=1000)
    sites = lattice((8, 8))
    fresh = draw.uniform(-np.pi, np.pi, (2000, 64))
    share = source_and_sink(frames_of_phase(fresh, sites))["source_rho"] < threshold
    # 99.9 % interval of a share of 0.9 known from 1,000 and counted in 2,000
    assert abs(share.mean() - 0.9) < 3.3 * 0.3 * np.sqrt(1 / 1000 + 1 / 2000)


def test_the_threshold_depends_on_its_seed_alone():
    field = wave_field_of(np.random.default_rng(7).uniform(-3, 3, (30, 64)))
    one, same, other = (rho_threshold(field, share=0.9, seed=s, count=50)
                        for s in (1, 1, 2))  # fmt: skip
    assert one == same != other


@pytest.mark.parametrize(
    ("given", "message"),
    [({"share": 1.5}, "share is 1.5"), ({"share": 0.9, "count": 0}, "count is 0")],
)
def test_thresholds_of_nothing_are_refused(given, message):
    field = wave_field_of(np.zeros((4, 64)))
    with pytest.raises(InputError, match=message):
        rho_threshold(field, seed=0, **given)


def peers(golden, name):
    """Phase (event, site), sources (event, 2) col, row and rho of wave-matlab."""
    with h5py.File(golden("mullerlab_10x10_a.h5")) as file:
        at = file[f"{name}/eval_points"][()].astype(int) - 1  # theirs begin at 1
        passed = file[f"{name}/xf"][()].astype(float)
        sources = file[f"{name}/source_xy"][()].T - 1
        rho = file[f"{name}/rho_dist"][()]
    phase, _ = generalized_phase(analytic_signal(passed), rate=1000.0)
    return np.moveaxis(phase[..., at], -1, 0).reshape(-1, 100), sources, rho


@pytest.mark.parametrize("name", ["plane", "radial_in", "radial_out", "spiral"])
def test_rho_of_wave_matlab(golden, name):
    phase, sources, rho = peers(golden, name)
    row, column = np.divmod(np.arange(100), 10)
    distance = np.hypot(column - sources[:, :1], row - sources[:, 1:])
    # the phases at these moments are kept in no file but in single precision, 1e-7
    assert rho_phase_distance(phase, distance) == pytest.approx(rho, abs=1e-8)


@pytest.mark.parametrize("name", ["radial_out", "spiral"])
def test_sources_of_wave_matlab_within_a_pixel(golden, name):
    phase, theirs, _ = peers(golden, name)
    sites = lattice((10, 10), (-1.0, 1.0))  # y down, in pixels
    slopes = gradient_of_phase(phase, sites)
    ours, _ = source_and_sink_sites(-slopes[1], -slopes[0], sites)
    away = sites.positions[ours] * [1, -1] - theirs
    assert np.abs(away).max() <= 1


def test_the_sink_of_the_contracting_target_is_at_its_centre(golden):
    # wave-matlab looks for the greatest divergence only, and names a far corner here
    with h5py.File(golden("inputs_10x10.h5")) as file:
        values = file["radial_in"][()].astype(float)
    passed = butterworth(values, rate=1000.0, band=(5.0, 40.0))
    phase, _ = generalized_phase(analytic_signal(passed), rate=1000.0)
    phase = np.moveaxis(phase[..., 200:1800:50], -1, 0).reshape(-1, 100)
    sites = lattice((10, 10), (-1.0, 1.0))
    found = source_and_sink(frames_of_phase(phase, sites))
    assert np.abs(found["sink_x"] - 3.3).max() <= 1
    assert np.abs(found["sink_y"] + 5.6).max() <= 1
