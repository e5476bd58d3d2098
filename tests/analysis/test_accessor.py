"""`recording.wave` forwards to the public functions, and does nothing else."""

from __future__ import annotations

import xarray as xr

import cortexwave as cw
from cortexwave import synthetic

MADE = synthetic.plane_wave(
    synthetic.lattice_sites((6, 6), spacing=0.4), direction=0, frequency=15.0,
    speed=90.0, duration=2.0, rate=200.0,
)  # fmt: skip


def test_the_accessor_gives_what_the_functions_give():
    field = cw.wave_field(MADE, band=(5.0, 40.0))
    xr.testing.assert_identical(MADE.wave.field(band=(5.0, 40.0)), field)
    names = ["speed", "direction"]
    xr.testing.assert_identical(field.wave.measure(names), cw.measure(field, names))
    xr.testing.assert_identical(
        field.wave.find(seed=0, count=19), cw.find_waves(field, seed=0, count=19)
    )
    xr.testing.assert_identical(field.wave.plane(), cw.plane_wave(field))
    xr.testing.assert_identical(
        MADE.wave.spectrum(segment=1.0), cw.wavenumber_frequency(MADE, segment=1.0)
    )


def test_rooms_are_there_by_name():
    assert cw.synthetic is synthetic
    assert "draw_wave_page" in dir(cw.view)
