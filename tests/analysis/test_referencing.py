"""References against closed forms of plane waves on an array."""

import warnings

import numpy as np
import pytest
import xarray as xr

from cortexwave.analysis.filters import band_pass
from cortexwave.analysis.phase import analytic_signal
from cortexwave.analysis.referencing import rereference
from cortexwave.errors import InputError

RATE, PITCH = 1000.0, 0.4
SHAPE = (6, 10)
TIME = np.arange(1000) / RATE
TURN = 2 * np.pi * 15 * TIME  # 15 whole cycles: Hilbert's transform is exact
Y, X = (PITCH * (np.arange(n) - (n - 1) / 2) for n in SHAPE)  # mm, about the middle


def lattice(values: np.ndarray, y: np.ndarray = Y, x: np.ndarray = X) -> xr.Dataset:
    return xr.Dataset(
        {"lfp": (("time", "y", "x"), values, {"units": "uV"})},
        {
            "time": ("time", TIME, {"units": "s"}),
            "y": ("y", y, {"units": "mm"}),
            "x": ("x", x, {"units": "mm"}),
        },
    )


def electrodes(values: np.ndarray, x: np.ndarray, y: np.ndarray) -> xr.Dataset:
    return xr.Dataset(
        {"lfp": (("time", "channel"), values, {"units": "uV"})},
        {
            "time": ("time", TIME, {"units": "s"}),
            "channel": [f"E{k + 1}" for k in range(len(x))],
            "x": ("channel", x, {"units": "mm"}),
            "y": ("channel", y, {"units": "mm"}),
        },
    )


def plane(kx: float, ky: float = 0.0) -> np.ndarray:
    """cos(w t - k.r) on the lattice, (time, y, x); k in rad/mm."""
    return np.cos(TURN[:, None, None] - ky * Y[:, None] - kx * X)


def average(recording: xr.Dataset, to: str = "common_average") -> xr.Dataset:
    with pytest.warns(UserWarning, match="distorts phase gradients"):
        return rereference(recording, to=to)  # type: ignore[arg-type]


def test_a_common_average_takes_away_the_mean_of_the_plane_wave():
    # the sum of n phasors a step k d apart: A = sin(n k d / 2) / (n sin(k d / 2))
    k = 2 * np.pi / 12  # rad/mm: three array lengths
    found = average(lattice(plane(k))).lfp
    common = np.sin(10 * k * PITCH / 2) / (10 * np.sin(k * PITCH / 2))
    expected = plane(k) - common * np.cos(TURN)[:, None, None]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_a_wave_of_two_array_lengths_reads_as_the_module_says():
    # gradient -k (1 - A cos kx) / (1 + A^2 - 2 A cos kx) of what is left, A = 2/pi for
    # many sites: speed 0.36 of the true one at the centre, 1.41 at the edges
    sites = 401
    x = np.linspace(-2, 2, sites)
    k = 2 * np.pi / 8
    wave = np.cos(TURN[:, None, None] - k * x)
    found = average(lattice(wave, y=np.zeros(1), x=x)).lfp.values[:, 0].T
    phase = np.unwrap(np.angle(analytic_signal(found)[:, 0]))
    gradient = np.gradient(phase, x)
    speed = k / np.abs(gradient)  # over the true one
    # central differences of 401 sites and the mean of 401 instead of all: 1e-3
    assert speed[200] == pytest.approx(1 - 2 / np.pi, abs=3e-3)
    assert speed[1] == pytest.approx(1 + (2 / np.pi) ** 2, abs=1e-2)


def test_a_wave_that_fits_on_the_array_is_not_touched():
    wave = plane(2 * np.pi / 2.0)  # 2 mm: twice on 10 sites of 0.4 mm
    found = average(lattice(wave)).lfp
    np.testing.assert_allclose(found, wave, rtol=0, atol=1e-12)


def test_a_synchronous_field_is_gone_after_a_common_average():
    both = lattice(plane(0.0))
    for to in ("common_average", "common_median"):
        assert np.abs(average(both, to).lfp).max() < 1e-12


def test_one_mad_site_moves_the_average_but_not_the_median():
    values = np.random.default_rng(0).standard_normal((1000, *SHAPE))
    mad = values.copy()
    mad[:, 2, 3] += 1e4
    others = np.ones(SHAPE, dtype=bool)
    others[2, 3] = False
    shifts = [
        np.abs(average(lattice(mad), to).lfp - average(lattice(values), to).lfp)
        .values[:, others]
        .max()
        for to in ("common_average", "common_median")
    ]
    assert shifts[0] == pytest.approx(1e4 / 60, rel=1e-6)
    assert shifts[1] < 0.5  # from one site of 60 to the next


def test_dead_sites_count_for_nothing_and_stay_missing():
    values = plane(0.7, 0.3)
    values[:, 0, 0] = np.nan
    values[:, 3, 4] = 25.0  # an open input never changes
    found = average(lattice(values)).lfp.values
    live = np.ones(SHAPE, dtype=bool)
    live[0, 0] = live[3, 4] = False
    expected = values[:, live] - values[:, live].mean(axis=-1, keepdims=True)
    np.testing.assert_allclose(found[:, live], expected, rtol=0, atol=1e-12)
    assert np.isnan(found[:, ~live]).all()


def test_each_trial_has_its_own_average():
    one, two = plane(0.7), plane(0.2, 0.9)
    two[:, 1, 1] = np.nan
    both = xr.concat([lattice(one), lattice(two)], "trial")
    found = average(both.transpose("trial", "time", "y", "x")).lfp
    for k, single in enumerate((one, two)):
        np.testing.assert_allclose(found[k], average(lattice(single)).lfp, atol=1e-12)


@pytest.mark.parametrize("axis", ["x", "y"])
def test_differences_of_neighbours_keep_the_gradient(axis):
    # cos(b) - cos(a) = -2 sin((a + b)/2) sin((b - a)/2): the wave at the midpoint, a
    # quarter of a cycle late, of amplitude 2 sin(k d / 2)
    kx, ky = 1.1, -0.6
    found = rereference(lattice(plane(kx, ky)), to=f"bipolar_{axis}").lfp  # type: ignore[arg-type]
    k = {"x": kx, "y": ky}[axis]
    middle = {"y": Y, "x": X}
    middle[axis] = (middle[axis][1:] + middle[axis][:-1]) / 2
    phase = TURN[:, None, None] - ky * middle["y"][:, None] - kx * middle["x"]
    expected = 2 * np.sin(k * PITCH / 2) * np.sin(phase)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found[axis], middle[axis], rtol=0, atol=1e-12)
    assert found[axis].attrs["units"] == "mm"


def test_differences_go_towards_greater_coordinates_however_they_are_stored():
    upward = rereference(lattice(plane(1.1, 0.5)), to="bipolar_y").lfp
    stored = lattice(plane(1.1, 0.5)).isel(y=slice(None, None, -1))
    downward = rereference(stored, to="bipolar_y").lfp
    assert downward.y[0] > downward.y[-1]
    xr.testing.assert_allclose(downward.isel(y=slice(None, None, -1)), upward)


def test_a_dead_site_leaves_both_its_differences_missing():
    values = plane(1.1)
    values[:, 2, 4] = np.nan
    found = rereference(lattice(values), to="bipolar_x").lfp
    lost = np.isnan(found).any("time")
    np.testing.assert_array_equal(np.argwhere(lost.values), [[2, 3], [2, 4]])


def test_electrodes_on_a_lattice_have_the_differences_of_the_lattice():
    grid = lattice(plane(1.1, 0.4))
    order = np.random.default_rng(0).permutation(60)
    across, up = (at.ravel()[order] for at in np.meshgrid(X, Y))
    channels = electrodes(grid.lfp.values.reshape(1000, 60)[:, order], across, up)
    found = rereference(channels, to="bipolar_x").lfp
    expected = rereference(grid, to="bipolar_x").lfp
    assert found.sizes["channel"] == 54
    at = expected.sel(x=found.x, y=found.y, method="nearest").transpose(
        "time", "channel"
    )
    np.testing.assert_allclose(found, at, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.x, at.x, atol=1e-12)
    first = str(found.channel.values[0]).split("-")
    places = [int(np.flatnonzero(channels.channel == name)[0]) for name in first]
    assert across[places[0]] > across[places[1]]  # the farther less the nearer


def test_differences_do_not_bridge_a_missing_electrode():
    x, y = np.array([0, 0.4, 1.2, 1.6, 0, 0.4, 0.8]), np.array([0] * 4 + [0.4] * 3)
    found = rereference(
        electrodes(np.cos(TURN[:, None] - x), x, y.astype(float)), to="bipolar_x"
    )
    names = sorted(found.channel.values)
    assert names == ["E2-E1", "E4-E3", "E6-E5", "E7-E6"]


def test_the_reference_and_the_chain_are_told():
    given = band_pass(lattice(plane(0.7)), band=(5, 40)).assign_attrs(reference="screw")
    found = average(given)
    assert found.attrs["reference"] == "screw; common average of 60 sites"
    assert found.attrs["filter_chain"].endswith(
        "; re-referenced to common average of 60 sites"
    )
    assert found.lfp.attrs["units"] == "uV"
    np.testing.assert_array_equal(found.valid, given.valid)
    other = rereference(given, to="bipolar_x")
    assert other.attrs["reference"] == "screw; bipolar along x"
    np.testing.assert_array_equal(other.valid, given.valid)


def test_the_warning_says_how_long_a_wave_may_be():
    with pytest.warns(UserWarning, match=r"span 3.6 mm; waves longer than 7.2 mm"):
        rereference(lattice(plane(0.7)), to="common_average")


def test_differences_do_not_warn_and_nothing_is_changed_in_place():
    given = lattice(plane(0.7))
    before = given.copy(deep=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rereference(given, to="bipolar_y")
    average(given)
    xr.testing.assert_identical(given, before)


def test_other_fields_on_the_sites_stay_with_an_average_and_go_with_differences():
    given = lattice(plane(0.7))
    given["mua"] = given["lfp"] * 2
    given["event_onset"] = ("event", [0.1, 0.2], {"units": "s"})
    with pytest.warns(UserWarning, match="distorts"):
        one = rereference(given, to="common_average", variable="lfp")
    xr.testing.assert_identical(one.mua, given.mua)
    other = rereference(given, to="bipolar_x", variable="lfp")
    assert set(other.data_vars) == {"lfp", "event_onset"}


@pytest.mark.parametrize(
    ("made", "to", "said"),
    [
        (lattice(plane(0.7)), "linked_ears", "one of .*'bipolar_y'.*not 'linked_ears'"),
        (lattice(plane(0.7)[:, :, :1], x=X[:1]), "bipolar_x", "one site along 'x'"),
        (lattice(np.full((1000, 6, 10), 2.0)), "common_average", "no live site"),
        (electrodes(np.cos(TURN[:, None] - [0, 1.0]), np.array([0, 1.0]),
                    np.array([0, 1.0])), "bipolar_x", "no two electrodes"),
    ],
)  # fmt: skip
def test_a_reference_that_cannot_be_had_is_refused(made, to, said):
    with pytest.raises(InputError, match=said):
        rereference(made, to=to)


def test_a_gap_names_its_site():
    values = plane(0.7)
    values[5:9, 2, 3] = np.nan
    with pytest.raises(InputError, match=r"site \(y 2, x 3\) 4"):
        rereference(lattice(values), to="common_average")
