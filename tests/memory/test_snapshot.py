"""One frame of a shift register tells when and where each of its inputs came."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from cortexwave.errors import InputError
from cortexwave.memory.snapshot import past_from_snapshot


def _ring(onsets, steps, *, sites=20, speed=1.0, periodic=True):
    """Two channels of a one-way line, upwind, inputs at site 5 going to site 4."""
    h = np.zeros((steps, 2, 1, sites))
    state = np.zeros((2, sites))
    for step in range(steps):
        ahead = np.roll(state, -1, axis=1)
        if not periodic:
            ahead[:, -1] = 0
        state = (1 - speed) * state + speed * ahead
        for onset, channel in onsets:
            state[channel, 5] += onset == step
        h[step, :, 0] = state
    coords = {"time": ("time", 0.01 * np.arange(steps), {"units": "s"}),
              "y": ("y", [0.0], {"units": "mm"}),
              "x": ("x", 0.1 * np.arange(sites), {"units": "mm"})}  # fmt: skip
    return xr.Dataset({"h": (("time", "feature", "y", "x"), h, {"units": "1"})}, coords)


def _read(recording, **options):
    usual = {"time": 0.17, "velocity": -10.0, "entry": 0.5, "threshold": 0.5,
             "amplitude": 1.0, "periodic": True}  # fmt: skip
    return past_from_snapshot(recording, variable="h", **{**usual, **options})


def test_onset_and_channel_of_every_input_are_read_from_one_frame():
    inputs = [(3, 0), (4, 1), (9, 0), (10, 0), (16, 1)]
    past = _read(_ring(inputs, 18))
    read = sorted(zip(np.rint(past.onset.values / 0.01), past.feature.values,
                      strict=True))  # fmt: skip
    assert read == sorted(inputs)
    assert not past.collision.any() and not past.laps.any()
    assert past.attrs["horizon"] == pytest.approx(0.2)  # 20 sites, one a step


def test_an_input_a_lap_ago_is_flagged_where_it_meets_a_new_one():
    past = _read(_ring([(2, 0), (22, 0), (10, 1)], 26), time=0.25)
    met = past.isel(input=past.collision.values)
    assert met.onset.item() == pytest.approx(0.22) and met.value.item() == 2
    assert met.laps.item() == 1  # and could be one lap, 0.2 s, older: onset 0.02
    alone = past.isel(input=~past.collision.values)
    assert alone.onset.item() == pytest.approx(0.10) and alone.laps.item() == 0


def test_on_an_open_line_the_past_ends_where_the_line_does():
    recording = _ring([(1, 0), (11, 0), (12, 0), (14, 1)], 18, periodic=False)
    past = _read(recording, periodic=False)
    np.testing.assert_allclose(past.onset, [0.14, 0.12])  # site 5 is 6 steps from out
    assert past.attrs["horizon_steps"] == 6 and not past.laps.any()


def test_a_slower_packet_is_read_within_its_spread():
    recording = _ring([(10, 0)], 71, speed=0.25)
    past = _read(recording, time=0.7, velocity=-2.5, threshold=0.05)
    # 60 steps of binomial(60, 1/4): mean 15 sites, sd sqrt(60 * 3/16) = 3.35 sites
    assert past.onset_sd.item() == pytest.approx(np.sqrt(60 * 3 / 16) / 0.25 * 0.01)
    assert past.onset.item() == pytest.approx(0.10, abs=1e-9)


@pytest.mark.parametrize(
    ("options", "told"),
    [({"velocity": 0.0}, "velocity is 0"), ({"entry": 7.0}, "entry is 7"),
     ({"time": 9.0}, "time is 9.*runs from 0 to 0.17")],
)  # fmt: skip
def test_a_reading_that_cannot_be_is_refused(options, told):
    with pytest.raises(InputError, match=told):
        _read(_ring([(3, 0)], 18), **options)
