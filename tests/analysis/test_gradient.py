import h5py
import numpy as np
import pytest
import xarray as xr

from cortexwave.analysis.filters import butterworth
from cortexwave.analysis.gradient import (
    gradient_of_phase,
    lattice_gradient,
    phase_gradient,
    scattered_gradient,
)
from cortexwave.analysis.phase import analytic_signal, generalized_phase
from cortexwave.analysis.sites import Sites
from cortexwave.errors import InputError, SchemaError

ROUNDING = 1e-12  # rad/mm: some 1e-15 rad of rounding over a tenth of a mm
GOLDEN_FIELDS = ("plane", "plane_neg", "radial_in", "radial_out", "rotating",
                 "rotating_neg", "spiral", "standing")  # fmt: skip


def positions_of(shape, spacing, corner=(0.0, 0.0)):
    y, x = (
        first + step * np.arange(n)
        for first, step, n in zip(corner, spacing, shape, strict=True)
    )
    across, up = np.meshgrid(x, y)
    return np.stack([across.ravel(), up.ravel()], axis=-1)


def linear_phase(positions, kx, ky):
    """Phase (1, site) that grows by kx, ky rad/mm."""
    return (positions @ np.array([kx, ky]) + 0.3)[None]


def smooth_phases(shape, spacing, frames=6, seed=0):
    """Phases (frame, y, x) that differ by less than pi/2 from site to site."""
    draw = np.random.default_rng(seed)
    positions = positions_of(shape, spacing)
    slopes = draw.uniform(-1, 1, (frames, 2)) / np.max(np.abs(spacing))
    noise = draw.uniform(-0.25, 0.25, (frames, len(positions)))
    return (slopes @ positions.T + noise).reshape(frames, *shape)


def slow_slope(z, spacing):
    """d/dx of one row of phasors, site by site, as the definition reads."""
    found = np.full(len(z), np.nan)
    for j in range(len(z)):
        if np.isnan(z[j]):
            continue
        before = j - 1 if j > 0 and not np.isnan(z[j - 1]) else j
        after = j + 1 if j + 1 < len(z) and not np.isnan(z[j + 1]) else j
        if after > before:
            change = np.angle(z[after] * np.conj(z[before]))
            found[j] = change / ((after - before) * spacing)
    return found


@pytest.mark.parametrize("spacing", [(0.4, 0.4), (-0.4, 0.4), (0.2, -0.5)])
@pytest.mark.parametrize("dead", [[], [0, 7, 56, 63, 27, 28, 36]])
def test_a_linear_phase_has_its_slope_at_every_site(spacing, dead):
    positions = positions_of((8, 8), spacing)
    phase = linear_phase(positions, kx=1.1, ky=-0.7)
    phase[:, dead] = np.nan
    y, x = lattice_gradient(np.exp(1j * phase).reshape(1, 8, 8), spacing=spacing)
    live = np.setdiff1d(np.arange(64), dead)
    assert np.isnan(x.ravel()[dead]).all() and np.isnan(y.ravel()[dead]).all()
    assert x.ravel()[live] == pytest.approx(1.1, abs=ROUNDING)
    assert y.ravel()[live] == pytest.approx(-0.7, abs=ROUNDING)


def test_any_phases_are_differenced_as_the_definition_reads():
    draw = np.random.default_rng(1)
    z = np.exp(1j * draw.uniform(-np.pi, np.pi, (5, 6, 7)))
    z[:, 2, 3] = z[:, 0, 0] = z[:, 4, 5] = z[:, 4, 6] = z[1:3, 3, 1] = np.nan
    y, x = lattice_gradient(z, spacing=(0.3, -0.5))
    expected_x = np.apply_along_axis(slow_slope, 2, z, -0.5)
    expected_y = np.apply_along_axis(slow_slope, 1, z, 0.3)
    np.testing.assert_allclose(x, expected_x.real, rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(y, expected_y.real, rtol=0, atol=ROUNDING)


def test_amplitude_does_not_count():
    z = np.exp(1j * smooth_phases((5, 5), (0.4, 0.4)))
    stronger = z * np.random.default_rng(2).uniform(0.1, 10, z.shape)
    for one, other in zip(
        lattice_gradient(z, spacing=(0.4, 0.4)),
        lattice_gradient(stronger, spacing=(0.4, 0.4)),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=0, atol=ROUNDING)


def test_an_axis_without_neighbour_has_no_gradient():
    z = np.full((1, 3, 3), np.nan, dtype=complex)
    z[0, 1] = np.exp([0.1j, 0.2j, 0.3j])
    y, x = lattice_gradient(z, spacing=(0.5, 0.5))
    assert np.isnan(y).all()
    assert x[0, 1] == pytest.approx(0.2, abs=ROUNDING)


def test_more_frames_than_a_block_are_as_each_by_itself():
    phase = smooth_phases((10, 10), (0.4, 0.4), frames=1000)
    phase[:, 3, 3] = np.nan
    z = np.exp(1j * phase)
    y, x = lattice_gradient(z, spacing=(0.4, 0.4))
    one_y, one_x = lattice_gradient(z[777:778], spacing=(0.4, 0.4))
    np.testing.assert_array_equal(x[777], one_x[0])
    np.testing.assert_array_equal(y[777], one_y[0])


@pytest.mark.parametrize("dead", [[], [0, 5, 30, 35, 14, 15, 16]])
def test_electrodes_on_a_lattice_have_its_gradient(dead):
    phase = smooth_phases((6, 6), (0.4, 0.4)).reshape(-1, 36)
    phase[:, dead] = np.nan
    z = np.exp(1j * phase)
    positions = positions_of((6, 6), (0.4, 0.4), corner=(3.0, -7.0))
    on_lattice = lattice_gradient(z.reshape(-1, 6, 6), spacing=(0.4, 0.4))
    scattered = scattered_gradient(z, positions, radius=0.41)
    for one, other in zip(on_lattice, scattered, strict=True):
        np.testing.assert_allclose(other, one.reshape(-1, 36), rtol=0, atol=ROUNDING)


def test_neighbours_alias_later_than_centred_differences():
    # three sites per wave: a step of 2 pi / 3 is known, one of 4 pi / 3 is not
    positions = positions_of((3, 9), (0.5, 0.5))
    true = 2 * np.pi / 1.5
    z = np.exp(1j * linear_phase(positions, kx=true, ky=0.0))
    _, centred = lattice_gradient(z.reshape(1, 3, 9), spacing=(0.5, 0.5))
    _, local = scattered_gradient(z, positions, radius=0.6)
    assert local == pytest.approx(true, abs=ROUNDING)
    assert centred[..., [0, -1]] == pytest.approx(true, abs=ROUNDING)
    assert centred[..., 1:-1] == pytest.approx(-true / 2, abs=ROUNDING)


def test_scattered_electrodes_find_a_linear_phase_anywhere():
    draw = np.random.default_rng(3)
    positions = positions_of((7, 7), (0.4, 0.4)) + draw.uniform(-0.1, 0.1, (49, 2))
    z = np.exp(1j * linear_phase(positions, kx=-0.8, ky=1.5))
    y, x = scattered_gradient(z, positions, radius=0.7)
    assert x == pytest.approx(-0.8, abs=ROUNDING)
    assert y == pytest.approx(1.5, abs=ROUNDING)


def test_electrodes_in_a_slanted_line_determine_no_gradient():
    positions = np.outer(np.arange(5), [0.3, 0.4])
    y, x = scattered_gradient(
        np.exp(1j * linear_phase(positions, 1.0, 1.0)), positions, radius=0.6
    )
    assert np.isnan(x).all() and np.isnan(y).all()


def test_electrodes_in_a_line_along_x_have_a_gradient_along_x_alone():
    positions = np.outer(np.arange(5), [0.4, 0.0])
    z = np.exp(1j * linear_phase(positions, 1.0, 1.0))
    y, x = scattered_gradient(z, positions, radius=0.5)
    assert x == pytest.approx(1.0, abs=ROUNDING)
    assert np.isnan(y).all()


def test_an_electrode_without_neighbours_has_no_gradient():
    positions = np.vstack([positions_of((3, 3), (0.4, 0.4)), [[5.0, 5.0]]])
    z = np.exp(1j * linear_phase(positions, 0.5, 0.5))
    y, x = scattered_gradient(z, positions, radius=0.5)
    assert np.isnan([x[0, -1], y[0, -1]]).all()
    assert x[0, :-1] == pytest.approx(0.5, abs=ROUNDING)


@pytest.mark.parametrize("spacing", [(0.4, 0.4), (0.2, 0.5)])
def test_electrodes_that_stand_on_a_lattice_are_known_to(spacing):
    phase = smooth_phases((8, 6), spacing).reshape(-1, 48)
    # positions are often stored in single precision, in any order, with gaps
    order = np.random.default_rng(4).permutation(48)[:40]
    stored = positions_of((8, 6), spacing)[order].astype(np.float32)
    phase[:, np.setdiff1d(np.arange(48), order)] = np.nan
    sites = Sites(stored.astype(float), None, None, min(spacing))
    found = gradient_of_phase(phase[:, order], sites)
    whole = lattice_gradient(np.exp(1j * phase).reshape(-1, 8, 6), spacing=spacing)
    for one, other in zip(whole, found, strict=True):
        # 1e-7 of the spacing, by single precision
        expected = one.reshape(-1, 48)[:, order]
        np.testing.assert_allclose(other, expected, rtol=1e-6, atol=1e-6)


def test_a_neighbourhood_is_refused_on_a_lattice():
    sites = Sites(positions_of((3, 3), (1.0, 1.0)), (3, 3), (1.0, 1.0), 1.0)
    with pytest.raises(InputError, match="neighbourhood is 2 mm, but the sites are"):
        gradient_of_phase(np.zeros((1, 9)), sites, neighbourhood=2.0)


@pytest.mark.parametrize("radius", [0.3, 0.0, np.nan])
def test_a_neighbourhood_without_neighbours_is_refused(radius):
    positions = positions_of((3, 3), (0.4, 0.4))
    with pytest.raises(InputError, match="neighbourhood"):
        scattered_gradient(np.ones((1, 9), complex), positions, radius=radius)


def labelled(phase, y, x):
    mm = {"units": "mm"}
    return xr.Dataset(
        {"phase": (("time", "y", "x"), phase, {"units": "rad"})},
        {"time": ("time", 0.001 * np.arange(len(phase)), {"units": "s"}),
         "y": ("y", y, mm), "x": ("x", x, mm)},
    )  # fmt: skip


def test_the_labelled_gradient_has_the_dims_of_the_phase_and_its_units():
    phase = smooth_phases((4, 5), (0.4, 0.4))
    field = labelled(phase, -0.4 * np.arange(4), 0.4 * np.arange(5))
    found = phase_gradient(field)
    y, x = lattice_gradient(np.exp(1j * phase), spacing=(-0.4, 0.4))
    assert found.gradient_x.dims == ("time", "y", "x")
    assert (
        found.gradient_x.attrs["units"] == found.gradient_y.attrs["units"] == "rad/mm"
    )
    np.testing.assert_allclose(found.gradient_x, x, rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(found.gradient_y, y, rtol=0, atol=ROUNDING)


def test_a_field_without_phase_is_refused():
    field = labelled(np.zeros((3, 3, 3)), np.arange(3.0), np.arange(3.0))
    with pytest.raises(InputError, match="no variable 'phase'"):
        phase_gradient(field.rename(phase="signal"))


def test_phase_in_other_units_is_refused():
    field = labelled(np.zeros((3, 3, 3)), np.arange(3.0), np.arange(3.0))
    field["phase"].attrs["units"] = "deg"
    with pytest.raises(InputError, match="'phase' is float64 in 'deg'"):
        phase_gradient(field)


def test_positions_without_units_are_refused():
    field = labelled(np.zeros((3, 3, 3)), np.arange(3.0), np.arange(3.0))
    field["y"].attrs.clear()
    with pytest.raises(SchemaError, match="units of 'y'"):
        phase_gradient(field)


def down_the_phase(golden, field):
    """dx, dy, pm, pd of wave-matlab, (frame, y, x): y down, down the phase."""
    with h5py.File(golden("mullerlab_10x10_a.h5")) as file:
        return [np.moveaxis(file[f"{field}/{name}"][()], -1, 0)
                for name in ("dx", "dy", "pm", "pd")]  # fmt: skip


def rebuilt_phase(dx, dy, d=0.4):
    """The float64 phase (frame, y, x) that their differences came from.

    Their phase is kept in single precision only. Of 200 differences a frame, 99 are
    used up: all but the last of each row, and those of the first column.
    """

    def along(slopes):  # (frame, n) to phases that begin at 0
        phase = np.zeros(slopes.shape)
        phase[:, 1] = -slopes[:, 0] * d
        for j in range(1, slopes.shape[1] - 1):
            phase[:, j + 1] = phase[:, j - 1] - slopes[:, j] * 2 * d
        return phase

    rows = np.stack([along(dx[:, i]) for i in range(dx.shape[1])], axis=1)
    return rows + along(dy[:, :, 0])[:, :, None]


def apart(one, other):
    """Greatest difference of slopes, on the circle that the differences were on."""
    steps = np.full(one.shape[-1], 0.8)
    steps[[0, -1]] = 0.4
    return np.abs(np.angle(np.exp(1j * (one - other) * steps)) / steps).max()


@pytest.mark.parametrize("field", GOLDEN_FIELDS)
def test_gradient_of_wave_matlab_inside_and_at_edges(golden, field):
    dx, dy, pm, pd = down_the_phase(golden, field)
    z = np.exp(1j * rebuilt_phase(dx, dy))
    y, x = lattice_gradient(z, spacing=(0.4, 0.4))
    assert apart(x, -dx) < ROUNDING
    assert apart(np.swapaxes(y, 1, 2), -np.swapaxes(dy, 1, 2)) < ROUNDING
    # half a turn has two signs, and then pm is still one
    assert np.hypot(y, x) / (2 * np.pi) == pytest.approx(pm, abs=ROUNDING)
    half_turn = np.isclose(np.abs(dx * 0.8), np.pi) | np.isclose(
        np.abs(dx * 0.4), np.pi
    )
    told = ~half_turn & (pm > 1e-6)  # a null gradient has no direction
    turned = np.angle(np.exp(1j * (np.arctan2(-y, -x) - pd)))
    assert np.abs(turned[told]).max(initial=0) < 1e-9  # rounding over 1e-3


@pytest.mark.parametrize("field", GOLDEN_FIELDS[:3])
def test_gradient_of_wave_matlab_from_the_recording_on(golden, field):
    dx, dy, _, _ = down_the_phase(golden, field)
    with h5py.File(golden("inputs_10x10.h5")) as file:
        values = file[field][()].astype(float)
    with h5py.File(golden("mullerlab_10x10_a.h5")) as file:
        frames = file[f"{field}/frames"][()].astype(int) - 1  # theirs begin at 1
    passed = butterworth(values, rate=1000.0, band=(5.0, 40.0))
    phase, _ = generalized_phase(analytic_signal(passed), rate=1000.0)
    z = np.exp(1j * np.moveaxis(phase[..., frames], -1, 0))
    y, x = lattice_gradient(z, spacing=(0.4, 0.4))
    # their filter is one polynomial of order 8 at 5 Hz in 1 kHz, ours is in sections:
    # that is some 1e-6 rad
    np.testing.assert_allclose(x, -dx, rtol=0, atol=1e-5)
    np.testing.assert_allclose(y, -dy, rtol=0, atol=1e-5)
