"""One frame of a shift register holds its whole past; a pool holds no order."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom, binomtest
from sklearn.linear_model import RidgeClassifier

from cortexwave.errors import InputError
from cortexwave.memory.snapshot import (
    _Fit,
    _wilson,
    decode_order,
    decode_past,
    past_from_snapshot,
)

SITES, CHANNELS = 8, 3


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


@pytest.fixture(scope="module")
def symbols():
    return np.random.default_rng(0).integers(0, CHANNELS, (150, 11))


@pytest.fixture(scope="module")
def register(symbols):
    """Last frame of an open shift register: channel = symbol, site = steps ago."""
    frame = np.zeros((len(symbols), CHANNELS, 1, SITES))
    for lag in range(SITES):
        frame[np.arange(len(symbols)), symbols[:, -1 - lag], 0, lag] = 1
    return frame


def test_a_shift_register_is_decoded_to_its_end_and_not_beyond(symbols, register):
    past = decode_past(register, symbols, np.arange(11), 0, permutations=39)
    np.testing.assert_array_equal(past.accuracy[:SITES], 1.0)
    assert (past.p_family[SITES:] > 0.05).all()
    assert past.attrs["horizon"] == past.attrs["unbroken"] == SITES - 1
    # chance is one of three; 150 sequences: sd 0.038, of 39 deals the mean less
    np.testing.assert_allclose(past.chance, 1 / 3, atol=0.04)


def test_a_pool_knows_what_came_but_not_in_which_order(symbols):
    pool = np.stack([(symbols == c).sum(axis=1) for c in range(CHANNELS)], axis=1)
    what = decode_past(pool, symbols, np.arange(11), 0, permutations=39)
    order = decode_order(pool, symbols, np.arange(10), 0, permutations=39)
    # a count of 11 symbols says little, alike of every lag
    assert what.accuracy.mean() > 1 / 3 + 0.03 and np.ptp(what.accuracy.values) < 0.25
    assert np.isnan(order.attrs["horizon"])
    assert order.accuracy.mean().item() == pytest.approx(0.5, abs=0.05)


def test_a_shift_register_knows_the_order(symbols, register):
    order = decode_order(register, symbols, [0, 3, 8], 0, permutations=39)
    assert (order.accuracy[:2] > 0.98).all() and order.accuracy[2] < 0.65
    assert order.attrs["horizon"] == 3


def _false_alarms(times):
    alarms = 0
    for seed in range(times):
        draw = np.random.default_rng([seed, 4])
        states, labels = draw.standard_normal((60, 10)), draw.integers(0, 3, (60, 6))
        past = decode_past(states, labels, np.arange(6), seed, permutations=19)
        alarms += not np.isnan(past.attrs["horizon"])
    return alarms


def test_symbols_that_never_came_are_not_decoded():
    # 1 of 20 over all lags together; more than this by chance less than once in 1000
    assert _false_alarms(20) <= binom.isf(1e-3, 20, 0.05)


@pytest.mark.slow
def test_symbols_that_never_came_are_decoded_in_5_of_100_at_most():
    assert _false_alarms(300) <= binom.isf(1e-3, 300, 0.05)


def test_the_fit_is_that_of_scikit_learn(symbols):
    draw = np.random.default_rng(1)
    states = draw.standard_normal((120, 9))
    target = np.arange(120) % 3
    states[:, :3] += 0.5 * np.eye(3)[target]
    train, test = np.arange(90), np.arange(90, 120)
    fit = _Fit(states[train], states[test])
    ours = fit.predict(np.eye(3)[target[train]] - 1 / 3, 2.0)
    theirs = RidgeClassifier(alpha=2.0).fit(states[train], target[train])
    # it codes classes as -1 and 1: twice the indicator's score, less the mean
    np.testing.assert_allclose(
        theirs.decision_function(states[test]), 2 * (ours + 1 / 3) - 1, atol=1e-12
    )


@pytest.mark.parametrize(("hits", "count"), [(10, 10), (37, 90), (0, 5)])
def test_the_interval_is_wilsons(hits, count):
    ours = _wilson(np.array(hits / count), np.array(float(count)))
    theirs = binomtest(hits, count).proportion_ci(method="wilson")
    np.testing.assert_allclose(ours, (theirs.low, theirs.high), atol=1e-12)


def test_a_lag_at_which_only_one_symbol_comes_is_missing(symbols, register):
    told = symbols.copy()
    told[:, -3] = 0  # a delimiter
    past = decode_past(register, told, [1, 2, 3], 0, permutations=19)
    assert np.isnan(past.accuracy[1]) and np.isfinite(past.accuracy[[0, 2]]).all()
    assert past.attrs["horizon"] == 3 and past.attrs["unbroken"] == 1


@pytest.mark.parametrize(
    ("states", "inputs", "lags", "told"),
    [
        (np.zeros((9, 4, 2, 1, 3)), np.zeros((9, 4), int), [0], "choose a time"),
        (np.zeros((9, 3)), np.zeros((9, 4, 3)), [0], "one-hot ones by argmax"),
        (np.zeros((9, 3)), np.full((9, 4), 0.5), [0], "whole numbers"),
        (np.zeros((8, 3)), np.zeros((9, 4), int), [0], "8 frames and 9 sequences"),
        (np.zeros((9, 3)), np.zeros((9, 4), int), [4], "from 0 to 3"),
        (np.full((9, 3), np.nan), np.zeros((9, 4), int), [0], "not finite"),
        (np.zeros((9, 3)), np.zeros((9, 4), int), [0], "folds is 5; 9 sequences"),
    ],
)
def test_misuse_is_named(states, inputs, lags, told):
    with pytest.raises(InputError, match=told):
        decode_past(states, inputs, lags, 0)


def test_an_interval_never_leaves_its_share_outside():
    """At 0 and 1 the bound of Wilson's interval is the share itself."""
    for count in np.arange(1, 200):
        low, high = _wilson(np.array([0.0, 1.0]), np.array([count, count]))
        assert (low <= [0, 1]).all()
        assert (high >= [0, 1]).all()
