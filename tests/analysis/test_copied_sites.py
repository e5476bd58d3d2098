"""Copies of a signal are told of where it was measured, and once."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import xarray as xr

from cortexwave import synthetic
from cortexwave.analysis.analysing import analyse
from cortexwave.analysis.copied_sites import copies
from cortexwave.analysis.net_lags import net_lags
from cortexwave.analysis.wave_fields import wave_field

BAND = (5.0, 40.0)
SITES = synthetic.lattice_sites((4, 4), spacing=0.4)


def measured(*, alike: slice) -> xr.Dataset:
    """White noise of a lab at 16 sites, of which some in a row carry the first's."""
    made = synthetic.smooth_noise(SITES, length=0.0, seed=0, duration=8.0, rate=200.0)
    values = made["signal"].values.reshape(-1, 16)
    values[:, alike] = values[:, :1]
    made["signal"] = (made["signal"].dims, values.reshape(-1, 4, 4), {"units": "uV"})
    return made.assign_attrs(origin="lab")


def test_copies_are_alike_in_every_piece():
    draw = np.random.default_rng(0)
    frames = draw.standard_normal((30, 8))
    frames[:, 5] = frames[:, 2]
    frames[:, 7] = frames[:, 2]
    frames[:20, 3] = frames[:20, 1]  # for a while only
    frames[:20, 6] = frames[:20, 2]
    live = np.ones(8, dtype=bool)
    assert copies([frames], live) == [(5, 2), (7, 2)]
    assert copies(np.split(frames, 3), live) == [(5, 2), (7, 2)]
    live[2] = False
    assert copies(np.split(frames, 3), live) == [(7, 5)]


def test_no_more_is_read_than_it_takes_to_tell_sites_apart():
    frames = np.random.default_rng(0).standard_normal((30, 8))
    pieces = iter(np.split(frames, 3))
    assert copies(pieces, np.ones(8, dtype=bool)) == []
    assert len(list(pieces)) == 2


@pytest.mark.parametrize(("alike", "count"), [(slice(3, 4), 1), (slice(1, 16), 15)])
@pytest.mark.parametrize("function", [wave_field, net_lags])
def test_copies_of_what_was_measured_are_warned_of_once(function, alike, count):
    given = {"seed": 0, "at_once": 16 * 400} if function is net_lags else {}
    words = rf"{count} site\(s\) carry the very signal of another, such as .* \(0, 0\)"
    with pytest.warns(UserWarning, match=words) as told:
        function(measured(alike=alike), band=BAND, **given)
    assert len(told) == 1
    assert told[0].filename == __file__


@pytest.mark.parametrize("origin", ["model", "synthetic"])
def test_sites_alike_of_what_was_made_are_no_fault(origin):
    made = measured(alike=slice(3, 4)).assign_attrs(origin=origin)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net_lags(made, band=BAND, seed=0)
        assert wave_field(made, band=BAND).attrs["copies"] == 0


def test_an_analysis_says_it_in_its_verdict_and_does_not_warn(tmp_path):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".* very signal of another")
        found = analyse(measured(alike=slice(3, 4)), tmp_path / "w.h5", band=BAND,
                        count=19, measures=["speed"])  # fmt: skip
    assert "1 of 16 sites carry the very signal" in found.verdict
