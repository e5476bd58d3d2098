"""The lag-position line of a wave, and of what has none."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.errors import InputError
from cortexwave.memory.driven import driven_from
from cortexwave.memory.lag_position import lag_position


def test_a_delay_line_lies_at_the_speed_of_its_wave(driven_system):
    # 0.5 mm per tick of 10 ms is 50 mm/s
    found = lag_position(
        driven_system("delay", noise=0.5, values=3000, seed=3),
        lags=30,
        surrogates=39,
        seed=0,
    )
    assert found.speed.item() == pytest.approx(50.0, rel=0.01)
    assert found.slope_low.item() <= 0.0201 and found.slope_high.item() >= 0.0199
    assert found.r2.item() > 0.99
    assert found.used.item() == 20


def test_a_speed_between_lags_is_found_between_them():
    # a site every 0.4 tick: the field is the drive, held for a tick and averaged over
    # one, so the correlation is a triangle and the line 0.4 tick per site
    draw = np.random.default_rng(0)
    drive = draw.standard_normal(4000)
    fine = np.repeat(drive, 5)
    smooth = np.convolve(fine, np.ones(5) / 5)[: fine.size]
    states = np.stack([np.roll(smooth, 2 * k)[4::5] for k in range(15)], axis=1)
    places = np.stack([np.arange(15.0), np.zeros(15)], axis=1)
    found = lag_position(driven_from(states, drive, tick=0.01, positions=places),
                         lags=15, origin=(0.0, 0.0), surrogates=19, seed=0)  # fmt: skip
    assert found.slope.item() == pytest.approx(0.004, rel=0.05)


def test_a_static_code_has_no_speed_and_says_why(driven_system):
    found = lag_position(
        driven_system("leaky", noise=0.5, values=3000, seed=3),
        lags=30,
        surrogates=39,
        seed=0,
    )
    assert np.isnan(found.speed.item())
    assert "slope's interval holds 0" in found.attrs["reason"]


def test_sites_without_the_drive_are_not_on_the_line():
    draw = np.random.default_rng(0)
    places = np.stack([np.arange(12.0), np.zeros(12)], axis=1)
    driven = driven_from(draw.standard_normal((1500, 12)), draw.standard_normal(1500),
                         tick=0.01, positions=places, sources=[[0, 0]])  # fmt: skip
    found = lag_position(driven, lags=20, surrogates=39, seed=0)
    assert found.used.item() <= 1
    assert "5 at two distances or more are needed" in found.attrs["reason"]


def test_distances_need_places():
    draw = np.random.default_rng(0)
    driven = driven_from(draw.standard_normal((200, 6)), draw.standard_normal(200),
                         tick=0.01)  # fmt: skip
    with pytest.raises(InputError, match="no positions"):
        lag_position(driven, lags=10, seed=0)
    driven = driven_from(driven.states, driven.drive, tick=0.01,
                         positions=np.zeros((6, 2)))  # fmt: skip
    with pytest.raises(InputError, match="origin"):
        lag_position(driven, lags=10, seed=0)
