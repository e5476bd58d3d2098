"""What cannot be meant is refused, and the message names it."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from cortexwave import synthetic
from cortexwave.errors import InputError
from cortexwave.sheet.lattice import Lattice

LATTICE = Lattice((6, 8), spacing=0.4)
CLOCK = {"duration": 2.0, "rate": 500.0}
PLANE = {**CLOCK, "frequency": 15.0, "wavelength": 6.0, "direction": 30.0}
TURN = {**CLOCK, "frequency": 15.0, "centre": (1.0, 1.0), "handedness": 1}
PULSE = {**CLOCK, "speed": 50.0, "width": 0.02, "at": 1.0, "direction": 0.0}
NOISE = {**CLOCK, "length": 0.8, "seed": 1}
DAMPED = {"speed": 200.0, "damping": 15.0, "restoring": 60.0, "sheet": 6.0}
BURSTS = {**NOISE, "band": (8.0, 16.0), "per_second": 3.0, "width": 0.1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"duration": 0.0}, "duration is 0.0 s"),
        ({"duration": 1e-3}, "at least 2 are needed"),
        ({"rate": np.nan}, "rate is nan Hz"),
        ({"frequency": 250.0}, "frequency is 250.0 Hz; at a rate of 500.0 Hz"),
        ({"frequency": -15.0}, "frequency is -15.0 Hz"),
        ({"wavelength": 0.79}, "below 2 pitches of 0.4 mm.*aliased=True"),
        ({"wavelength": 0.0}, "wavelength is 0.0 mm"),
        ({"speed": 90.0}, "frequency and wavelength and speed given; .* exactly two"),
        ({"wavelength": None}, "frequency given; .* exactly two"),
        ({"direction": np.inf}, "direction is inf deg"),
        ({"amplitude": np.nan}, "amplitude is nan uV"),
        ({"phase": np.nan}, "phase is nan rad"),
        ({"window": (1.0, 2.5)}, r"window is \(1.0, 2.5\) s; .* <= 2.0 s"),
        ({"window": (1.0, 0.5)}, r"window is \(1.0, 0.5\) s"),
        ({"window": (-0.1, 0.5)}, r"window is \(-0.1, 0.5\) s"),
        ({"dtype": "int16"}, "dtype is 'int16'"),
    ],
)
def test_a_plane_wave_that_cannot_be_meant_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        synthetic.plane_wave(LATTICE, **{**PLANE, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"handedness": 0}, "handedness is 0"),
        ({"arms": 0}, "arms is 0"),
        ({"core": -1.0}, "core is -1.0 mm"),
        ({"centre": (1.0, np.nan)}, r"centre is \(1.0, nan\)"),
        ({"centre": (1.0, 2.0, 3.0)}, "centre is"),
    ],
)
def test_a_rotating_wave_that_cannot_be_meant_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        synthetic.rotating_wave(LATTICE, **{**TURN, **change})


def test_rings_spread_out_or_in():
    with pytest.raises(InputError, match="spread is 'outward'"):
        synthetic.radial_wave(
            LATTICE, **CLOCK, frequency=15, speed=90, centre=(1, 1), spread="outward"
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"speed": 0.0}, "speed is 0.0 mm/s"),
        ({"width": 1e-3}, "width of the pulse is 0.001 s; .* 0.002 s"),
        ({"at": 2.1}, "at is 2.1 s"),
        ({"at": []}, "at is"),
        ({"centre": (1.0, 1.0)}, "either direction .* or centre"),
        ({"direction": None}, "either direction .* or centre"),
    ],
)
def test_a_pulse_that_cannot_be_meant_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        synthetic.pulse(LATTICE, **{**PULSE, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"length": -0.1}, "length is -0.1 mm"),
        ({"length": np.nan}, "length is nan mm"),
        ({"amplitude": 0.0}, "amplitude is 0.0 uV"),
        ({"exponent": np.nan}, "exponent is nan"),
        ({"band": (4.0, 250.0)}, r"band is \(4.0, 250.0\) Hz"),
        ({"seed": True}, "seed is True"),
        ({"dtype": "float16"}, "dtype is 'float16'"),
    ],
)
def test_noise_that_cannot_be_meant_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        synthetic.smooth_noise(LATTICE, **{**NOISE, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bands": ((4.0, 15.0),)}, "one for each of two sources"),
        ({"bands": ((4.0, 15.0), (15.0, 400.0))}, r"band is \(15.0, 400.0\)"),
        ({"weight": 0.0}, "weight is 0.0"),
        ({"lengths": (1.2, -0.4)}, "length is -0.4 mm"),
    ],
)
def test_two_sources_that_cannot_be_meant_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        synthetic.two_sources(LATTICE, seed=1, **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"damping": 0.0}, "damping is 0.0 1/s"),
        ({"restoring": -1.0}, "restoring is -1"),
        ({"sheet": 3.0}, "sheet is 3 mm; the array needs 3.2 mm"),
    ],
)
def test_a_damped_sheet_that_cannot_be_meant_is_refused(change, message):
    sheet = {**DAMPED, **NOISE, **change}
    with pytest.raises(InputError, match=message):
        synthetic.damped_wave_noise(LATTICE, **sheet)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"per_second": 0.0}, "per_second is 0.0 1/s"),
        ({"width": 0.0}, "width is 0.0 s"),
        ({"length": 0.0}, "length is 0.0 mm"),
        ({"modules": 1}, "modules is 1"),
        ({"path": "random"}, "path is 'random'"),
        ({"step": 0.0}, "step is 0.0 s"),
    ],
)
def test_chains_that_cannot_be_meant_are_refused(change, message):
    chain = {**BURSTS, "modules": 4, "step": 0.01, "path": "drawn", **change}
    with pytest.raises(InputError, match=message):
        synthetic.chain_bursts(LATTICE, **chain)


@pytest.mark.parametrize(
    ("sites", "message"),
    [
        (np.zeros((5, 3)), r"positions have shape \(5, 3\); they are \(site, 2\)"),
        (np.array([[0.0, np.nan], [1.0, 1.0]]), r"positions of sites \[0\]"),
        ("utah", "sites is a str"),
        (xr.Dataset({"v": ("time", [0.0])}), "needs y and x, or channel"),
    ],
)
def test_sites_that_are_nowhere_are_refused(sites, message):
    with pytest.raises(InputError, match=message):
        synthetic.plane_wave(sites, **PLANE)


@pytest.mark.parametrize(
    ("shape", "spacing", "message"),
    [((6, 0), 0.4, r"shape of the lattice is \(6, 0\)"),
     ((6, 8), 0.0, "spacing of the lattice is 0.0 mm"),
     ((6, 8), (0.4, 0.4, 0.4), "spacing of the lattice is")],
)  # fmt: skip
def test_a_lattice_that_cannot_be_meant_is_refused(shape, spacing, message):
    with pytest.raises(InputError, match=message):
        synthetic.lattice_sites(shape, spacing=spacing)


def test_no_pulse_has_no_peak_times():
    with pytest.raises(InputError, match="holds no pulse"):
        synthetic.peak_times(synthetic.plane_wave(LATTICE, **PLANE))
