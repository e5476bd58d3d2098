"""Waves too short for the sites are refused where known, and doubted where not."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.signal import hilbert

from cortexwave import synthetic
from cortexwave.analysis.aliasing import (
    apparent_wavenumber,
    check_sampling,
)
from cortexwave.analysis.decimation import decimation_test
from cortexwave.analysis.wave_fields import wave_field
from cortexwave.errors import InputError

RATE = 250.0
SITES = synthetic.lattice_sites((10, 10), spacing=0.4)


def plane(wavelength, direction=0.0, sites=SITES):
    return synthetic.plane_wave(
        sites, duration=1.0, rate=RATE, frequency=15.0, wavelength=wavelength,
        direction=direction, aliased=True,
    )  # fmt: skip


def as_data(recording):
    """Its Hilbert phases, with the truth forgotten."""
    signal = recording.signal
    phase = np.full(signal.shape, np.nan)
    live = np.isfinite(signal.values).all(axis=0)
    phase[:, live] = np.angle(hilbert(signal.values[:, live], axis=0))
    return xr.Dataset(
        {"phase": (signal.dims, phase, {"units": "rad"})}, signal.coords,
        {"origin": "lab"},
    )  # fmt: skip


def test_a_short_wave_is_read_as_another_backwards():
    # 0.75 mm on sites 0.4 mm apart: 4/3 - 1/0.4 = -7/6 cycles/mm
    assert apparent_wavenumber(4 / 3, 0.4) == pytest.approx(-7 / 6, abs=1e-12)
    assert apparent_wavenumber(-4 / 3, 0.4) == pytest.approx(7 / 6, abs=1e-12)
    assert apparent_wavenumber(1 / 6, 0.4) == pytest.approx(1 / 6, abs=1e-12)
    assert apparent_wavenumber(2.5, 0.4) == pytest.approx(0, abs=1e-12)


def test_a_known_wave_below_two_pitches_is_refused():
    with pytest.raises(InputError, match=r"waves of 0.75 mm on sites 0.4 mm apart"):
        check_sampling(plane(0.75))
    with pytest.raises(InputError, match=r"look 0.857 mm long"):  # 6/7 mm
        check_sampling(plane(6.0), wavelength=0.75)
    both = synthetic.mixture(plane(6.0), plane(0.7))
    with pytest.raises(InputError, match=r"waves of 0.7 mm"):
        check_sampling(both)
    with pytest.raises(InputError, match="wavelength is -1 mm"):
        check_sampling(plane(6.0), wavelength=-1)


def test_a_known_wave_below_four_pitches_warns():
    with pytest.warns(UserWarning, match=r"1.2 mm have 3 sites per wavelength"):
        found = check_sampling(plane(1.2))
    assert (found.verdict, found.known) == ("coarse", True)


def test_a_known_wave_of_many_pitches_is_sampled(recwarn):
    found = check_sampling(plane(6.0))
    assert (found.verdict, found.known) == ("sampled", True)
    assert found.pitches_per_wavelength == pytest.approx(15)
    assert not recwarn.list


def test_of_unequal_spacings_the_larger_counts():
    uneven = synthetic.LatticeSites((10, 10), (-0.8, 0.4), (0.0, 7.2))
    with pytest.raises(InputError, match=r"sites 0.8 mm apart"):
        check_sampling(plane(1.2, sites=uneven))


@pytest.mark.parametrize("direction", [0.0, 30.0, -100.0])
@pytest.mark.parametrize("wavelength", [6.0, 2.4])
def test_waves_well_sampled_survive_decimation(recwarn, wavelength, direction):
    found = check_sampling(as_data(plane(wavelength, direction)))
    assert found.verdict == "survives decimation"
    assert not found.known
    # neighbouring phases of a plane give k exactly; Hilbert's of 15 whole periods too
    assert found.wavelength == pytest.approx(wavelength, rel=1e-6)
    assert found.decimation.surviving.values == pytest.approx(1)
    assert found.decimation.attrs["frames"] == 250
    # the wave that would look the same: 1 / (1 / pitch - 1 / wavelength)
    folded = 1 / (1 / 0.4 - 1 / wavelength)
    assert f"a wave of {folded:.2g} mm" in found.report
    assert not recwarn.list


def test_the_aliased_wave_fails_decimation_and_warns():
    field = as_data(plane(0.75))
    with pytest.warns(UserWarning, match="aliasing not excluded"):
        found = check_sampling(field)
    assert found.verdict == "aliasing not excluded"
    assert found.wavelength == pytest.approx(6 / 7, rel=1e-6)  # as it is read
    table = found.decimation.set_index(dropped="dropped")
    # two sites are -14/15 of a cycle apart: read as 1/15, forwards again
    assert table.surviving.sel(dropped="x").item() == 0
    assert table.direction_change.sel(dropped="x").item() == pytest.approx(180)
    assert table.wavenumber_change.sel(dropped="x").item() == pytest.approx(
        1 - (1 / 12) / (7 / 6), rel=1e-6
    )
    assert table.surviving.sel(dropped="y").item() == 1


def test_a_wave_folded_onto_a_long_one_survives_and_the_report_says_so():
    # 0.428571 mm is 7/3 cycles/mm, read as -1/6: 6 mm, backwards
    found = check_sampling(as_data(plane(3 / 7)))
    assert found.wavelength == pytest.approx(6, rel=1e-6)
    assert found.verdict == "survives decimation"
    assert "a wave of 0.43 mm" in found.report
    assert "no recording of this pitch excludes it" in found.report


def test_between_three_and_four_pitches_data_warn():
    with pytest.warns(UserWarning, match=r"1.4 mm, 3.5 pitches"):
        found = check_sampling(as_data(plane(1.4)))
    assert found.verdict == "aliasing not excluded"


def test_noise_at_0_db_and_dead_sites_leave_the_verdict():
    dead = [(0, 0), (0, 9), (9, 0), (9, 9), (2, 6), (7, 3)]
    noisy = synthetic.with_noise(plane(6.0, 30.0), snr_db=0, seed=0)
    field = wave_field(synthetic.with_dead_sites(noisy, dead), band=(5.0, 40.0))
    field.attrs.pop("truth", None)
    found = check_sampling(field)
    assert found.verdict == "survives decimation"
    # of the mean product of neighbours; noise of 0 dB in the whole band of 125 Hz
    assert found.wavelength == pytest.approx(6.0, rel=0.1)


def test_what_is_no_plane_is_not_excluded():
    together = synthetic.synchronous(SITES, duration=1.0, rate=RATE, frequency=15.0)
    found = check_sampling(as_data(together))
    assert found.verdict == "aliasing not excluded"
    assert "no frame is a plane wave" in found.report
    assert np.isnan(found.wavelength)
    turning = synthetic.rotating_wave(
        SITES, duration=1.0, rate=RATE, frequency=15.0, centre=(1.75, 1.9),
        handedness=1,
    )  # fmt: skip
    found = check_sampling(as_data(turning))
    assert found.decimation.attrs["frames"] == 0
    # neighbours at a distance r turn by 1 / r: lambda = 2 pi r, 1.5 mm in the median
    assert found.wavelength == pytest.approx(2 * np.pi * 1.5, rel=0.15)


def test_scattered_electrodes_are_thinned():
    draw = np.random.default_rng(0)
    y, x = np.meshgrid(np.arange(10) * 0.4, np.arange(10) * 0.4, indexing="ij")
    lattice = np.column_stack([x.ravel(), y.ravel()])
    loose = lattice + draw.uniform(-0.08, 0.08, lattice.shape)
    for positions in (lattice, loose):
        field = as_data(plane(6.0, 30.0, positions))
        found = check_sampling(field)
        assert found.verdict == "survives decimation"
        assert found.wavelength == pytest.approx(6.0, rel=0.01)
        assert list(found.decimation.dropped.values) == ["from left", "from right"]
    with pytest.warns(UserWarning, match="aliasing not excluded"):
        assert check_sampling(as_data(plane(0.75, 0.0, lattice))).verdict == (
            "aliasing not excluded"
        )


def test_a_line_of_sites_is_decimated_along_itself():
    line = synthetic.lattice_sites((1, 16), spacing=0.4)
    table = decimation_test(as_data(plane(6.0, 0.0, line)))
    assert list(table.dropped.values) == ["x"]
    assert table.surviving.item() == 1


def test_the_result_does_not_depend_on_origin_or_phase():
    field = as_data(plane(3.0, 40.0))
    moved = field.assign_coords(x=("x", field.x.values + 7, {"units": "mm"}))
    turned = moved.assign(phase=moved.phase + 1.0)
    turned["phase"].attrs["units"] = "rad"
    one, other = decimation_test(field), decimation_test(turned)
    for name in one.data_vars:
        assert other[name].values == pytest.approx(one[name].values, abs=1e-6)


def test_raw_recordings_of_unknown_waves_and_wrong_tolerances_are_refused():
    raw = plane(6.0)
    del raw.attrs["truth"]
    with pytest.raises(InputError, match="give a wave field"):
        check_sampling(raw)
    with pytest.raises(InputError, match="needs phases"):
        decimation_test(raw)
    with pytest.raises(InputError, match="tolerances are 200 deg"):
        decimation_test(as_data(plane(6.0)), direction_tolerance=200)
    with pytest.raises(InputError, match="too small to leave every second out"):
        small = synthetic.lattice_sites((2, 2), spacing=0.4)
        decimation_test(as_data(plane(6.0, sites=small)))
