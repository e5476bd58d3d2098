"""The topographic shift names the true displacement, and calls nothing else a shift."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import gaussian_filter1d
from scipy.signal import butter, sosfiltfilt
from scipy.stats import binom

from cortexwave.errors import InputError
from cortexwave.memory.topographic import topographic_shift

WHITE = {"noise_correlation": 0.0, "seed": 0, "count": 19}


def with_noise(values, seed):
    """Sensor noise of half the power."""
    noise = np.random.default_rng(seed).standard_normal(values.shape)
    return values + np.sqrt(0.5) * values.std() * noise


@pytest.mark.parametrize("sites_per_step", [1.0, -2.0, 0.5])
def test_the_true_displacement_and_velocity_are_named(array, ring, sites_per_step):
    field = with_noise(ring(11, 3_000, 0, shift=sites_per_step), 1)
    found = topographic_shift(array(field), boundary="periodic", **WHITE)
    # 0.4 mm a site, 1 ms a step; the grid holds the true one
    assert float(found.best_x) == pytest.approx(0.4 * sites_per_step)
    assert float(found.best_velocity_x) == pytest.approx(400 * sites_per_step)
    assert float(found.sli) > 0.95
    assert bool(found.is_shift) and bool(found.resolved)
    np.testing.assert_array_equal(found.p, 1 / 20)


def test_on_an_open_line_sites_without_a_source_do_not_count(array):
    stream = np.random.default_rng(0).standard_normal(4_010)
    line = np.stack([stream[10 - k : 4_010 - k] for k in range(8)], axis=1)
    found = topographic_shift(array(with_noise(line, 1)), lags=3, **WHITE)
    assert float(found.best_x) == pytest.approx(0.4)
    assert bool(found.is_shift)


def test_a_plane_names_both_components_and_so_do_its_electrodes():
    draw = np.random.default_rng(0)
    frames = [draw.standard_normal((5, 5))]
    for _ in range(2_500):
        moved = 0.95 * np.roll(frames[-1], (1, -1), axis=(0, 1))
        frames.append(moved + draw.standard_normal((5, 5)))
    values = with_noise(np.array(frames), 1)
    axes = {"time": ("time", 1e-3 * np.arange(2_501), {"units": "s"})}
    places = {dim: (dim, 0.4 * np.arange(5), {"units": "mm"}) for dim in ("y", "x")}
    sheet = xr.Dataset({"h": (("time", "y", "x"), values, {"units": "1"})},
                       {**axes, **places})  # fmt: skip
    y, x = np.mgrid[:5, :5].reshape(2, 25) * 0.4
    lab = xr.Dataset(
        {"lfp": (("time", "channel"), values.reshape(-1, 25)[:, 1:], {"units": "uV"})},
        {**axes, "y": ("channel", y[1:], {"units": "mm"}),
         "x": ("channel", x[1:], {"units": "mm"})},
    )  # fmt: skip
    grid = [-1, -0.5, 0, 0.5, 1]
    for recording in (sheet, lab):
        found = topographic_shift(
            recording, displacements=grid, nulls=["permuted_sites"], **WHITE
        )
        place = float(found.best_y), float(found.best_x)
        assert place == pytest.approx((0.4, -0.4))
        assert bool(found.is_shift)


def band(draw, frames, sites, low, high):
    """Stationary band-passed noise at 1,000 Hz: the filter's ends are cut off."""
    noise = draw.standard_normal((frames + 1_000, sites))
    kind = butter(2, [low, high], "band", fs=1e3, output="sos")
    return sosfiltfilt(kind, noise, axis=0)[500:-500]


def smooth(draw):
    field = band(draw, 500, 24, 30, 60)
    return gaussian_filter1d(field, 1.5, axis=1)[:, 9:15]


def two_sources(draw):
    """Zero-lag fields, the slow one smooth over more sites: not separable."""
    slow, fast = band(draw, 500, 24, 8, 30), band(draw, 500, 24, 30, 80)
    slow = gaussian_filter1d(slow, 3, axis=1)[:, 9:15]
    fast = gaussian_filter1d(fast, 1.2, axis=1)[:, 9:15]
    return slow / slow.std() + 0.5 * fast / fast.std()


@pytest.mark.parametrize("field", [smooth, two_sources])
@pytest.mark.parametrize("fields", [10, pytest.param(300, marks=pytest.mark.slow)])
def test_noise_that_does_not_travel_is_a_shift_as_rarely_as_stated(
    array, field, fields
):
    found = [
        topographic_shift(
            array(field(np.random.default_rng(seed))), noise_correlation=0.0, seed=seed,
            count=19, stride=2, lags=4, displacements=np.arange(-4, 5) / 2,
            nulls=["without_lags"],
        ).is_shift
        for seed in range(fields)
    ]  # fmt: skip
    # at 5 % each, more than this many happen once in a thousand times
    assert np.sum(found) <= binom.ppf(0.999, fields, 0.05)


def test_a_wave_hidden_in_a_random_basis_is_no_topographic_shift(array, ring):
    found = []
    for seed in range(20):
        draw = np.random.default_rng(seed)
        basis = np.linalg.qr(draw.standard_normal((7, 7)))[0]
        field = array(ring(7, 600, seed) @ basis.T)
        found.append(bool(topographic_shift(
            field, noise_correlation=0.0, seed=seed, count=19, lags=4,
            nulls=["permuted_sites"],
        ).is_shift))  # fmt: skip
    assert sum(found) <= binom.ppf(0.999, 20, 0.05)


def test_smooth_slow_noise_is_most_like_no_shift_at_all(array):
    draw = np.random.default_rng(0)
    # 4 to 12 Hz at 1,000 Hz: a step is nearly the identity
    slow = gaussian_filter1d(band(draw, 3_000, 24, 4, 12), 2, axis=1)[:, 8:16]
    found = topographic_shift(array(slow), rank=3, **WHITE)
    assert float(found.at_rest) > 0.98
    assert not bool(found.is_shift)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"boundary": "reflecting"}, "boundary is 'reflecting'"),
        ({"displacements": [1.0, 2.0]}, "0 among them"),
        ({"displacements": [-9.0, 0.0]}, "9 pitches is more than half the array, 3"),
        ({"nulls": ["shuffled"]}, "'shuffled'"),
        ({"count": 10}, "count is 10"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(array, ring, options, message):
    given = {"noise_correlation": 0.0, "seed": 0, **options}
    with pytest.raises(InputError, match=message):
        topographic_shift(array(ring(7, 300, 0)), **given)


def test_sites_without_places_have_no_topography(array, ring):
    units = array(ring(7, 300, 0)).rename(x="unit").drop_vars("unit")
    with pytest.raises(InputError, match=r"'unit': 7.*places x, y in mm"):
        topographic_shift(units, noise_correlation=0.0, seed=0)
    uneven = array(ring(7, 300, 0)).assign_coords(
        x=("x", [0, 1, 2, 3, 4.5, 5, 6], {"units": "mm"})
    )
    with pytest.raises(InputError, match="'x' does not grow by equal steps"):
        topographic_shift(uneven.isel(x=[0, 2, 3, 4, 6]), noise_correlation=0.0, seed=0)
