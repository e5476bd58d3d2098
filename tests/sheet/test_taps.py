"""Conduction delays: floor(distance / (speed dt) + 1/2), and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.errors import InputError
from cortexwave.sheet.kernels import Box, Shift, Stored, tap_table
from cortexwave.sheet.lattice import Lattice
from cortexwave.sheet.taps import Delay

LATTICE = Lattice((15, 15), 0.1)
BOX = Box(radius=0.5, normalise="sum")


@pytest.mark.parametrize("speed, dt", [(100.0, 1e-4), (300.0, 1e-4), (217.0, 5e-4)])
def test_a_delay_is_the_distance_in_steps_rounded(speed, dt):
    taps = tap_table(BOX, LATTICE, dt=dt, delay=Delay(speed=speed))
    exact = 0.1 * np.linalg.norm(taps.offsets, axis=1) / speed / dt
    # a half is rounded up; 1e-9: an exact half may fall on either side in binary
    assert np.all(np.abs(taps.delays - np.floor(exact + 0.5 + 1e-9)) <= (
        np.abs(exact % 1 - 0.5) < 1e-9))  # fmt: skip
    assert taps.rounding == pytest.approx(np.abs(taps.delays - exact).max() * dt)
    assert taps.rounding <= dt / 2 * (1 + 1e-9)
    assert taps.depth == round(0.5 * np.sqrt(2) / speed / dt)


def test_half_a_step_is_rounded_up():
    # 0.25 mm at 100 mm/s is 2.5 ms: exact in binary
    lattice = Lattice((1, 9), 0.25)
    taps = tap_table(Shift(), lattice, dt=1e-3, delay=Delay(speed=100.0))
    assert taps.delays.tolist() == [3]


def test_several_speeds_split_each_tap_by_their_shares():
    delay = Delay(speeds=[100.0, 400.0], shares=[0.25, 0.75])
    taps = tap_table(BOX, LATTICE, dt=1e-4, delay=delay)
    plain = tap_table(BOX, LATTICE, dt=1e-4)
    n = len(plain.weights)
    assert len(taps.weights) == 2 * n
    assert taps.weights[:n] == pytest.approx(0.25 * plain.weights)
    assert taps.weights[n:] == pytest.approx(0.75 * plain.weights)
    assert taps.weights.sum() == pytest.approx(1.0, rel=1e-13)
    far = np.linalg.norm(plain.offsets, axis=1).argmax()
    exact = 0.1 * np.linalg.norm(plain.offsets[far]) / 1e-4
    assert taps.delays[far] == round(exact / 100)
    assert taps.delays[n + far] == round(exact / 400)


@pytest.mark.parametrize("ms, steps", [(0, 0), (0.3, 3), (0.7, 7), (1.1, 11)])
def test_a_fixed_delay_is_the_same_for_all_taps(ms, steps):
    # 0.3 / 0.1 is 2.9999999999999996 in binary
    taps = tap_table(BOX, LATTICE, dt=1e-4, delay=Delay(fixed=ms * 1e-3))
    assert set(taps.delays) == {steps}
    assert taps.rounding == 0.0


def test_a_stored_kernel_may_be_delayed(tmp_path):
    np.save(tmp_path / "w.npy", np.ones((1, 5)))
    taps = tap_table(Stored(path="w.npy"), LATTICE, dt=1e-3, delay=Delay(speed=100.0),
                     folder=tmp_path)  # fmt: skip
    assert taps.delays.tolist() == [2, 1, 0, 1, 2]


@pytest.mark.parametrize(
    "delay, dt, message",
    [
        (Delay(fixed=0.25e-3), 1e-4, "no multiple of dt = 0.1 ms; the nearest is 0.3"),
        (Delay(fixed=0.24e-3), 1e-4, "the nearest is 0.2 ms"),
        (
            Delay(speed=1e6),
            1e-4,
            "every delay over 0.707107 mm rounds to 0 steps of "
            "0.1 ms; leave the delay out, or take a smaller dt or a speed below 14142",
        ),
        (Delay(speeds=[100.0, 1e7], shares=[0.5, 0.5]), 1e-4, "at 1e.07 mm/s every"),
        (Delay(speed=1e-9), 1e-4, "limit 2"),
        (Delay(speed=1e-15), 1e-15, "limit 2"),
        (Delay(fixed=1e6), 1e-4, "the longest delay is 1e.10 steps"),
    ],
)
def test_a_delay_that_cannot_be_meant_is_refused(delay, dt, message):
    with pytest.raises(InputError, match=message):
        tap_table(BOX, LATTICE, dt=dt, delay=delay)


@pytest.mark.parametrize(
    "given, message",
    [
        ({}, "exactly one of"), ({"speed": 1.0, "fixed": 0.0}, "exactly one of"),
        ({"fixed": -1e-3}, "lies in the future"), ({"speeds": [1.0]}, "'shares' goes"),
        ({"speeds": [1.0, 2.0], "shares": [1.0]}, "2 speeds and 1 shares"),
        ({"speeds": [], "shares": []}, "0 speeds"),
        ({"speeds": [1.0, 2.0], "shares": [0.5, 0.6]}, "do not add up to 1"),
        ({"speeds": [1.0, 2.0], "shares": [1.5, -0.5]}, "do not add up to 1"),
        ({"speed": 1.0, "shares": [1.0]}, "'shares' goes with"),
        ({"speed": 0.0}, "not positive"), ({"speed": float("inf")}, "finite"),
    ],
)  # fmt: skip
def test_a_delay_document_says_one_thing(given, message):
    with pytest.raises(ValueError, match=message):
        Delay(**given)
