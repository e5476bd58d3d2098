"""One frame of a shift register holds its whole past; a pool holds no order."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, binomtest
from sklearn.linear_model import RidgeClassifier

from cortexwave.errors import InputError
from cortexwave.memory.dealing import wilson
from cortexwave.memory.past_decoder import decode_order, decode_past
from cortexwave.memory.symbol_accuracy import RidgeFit, traded

SITES, CHANNELS = 8, 3


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


def _noise(seed):
    draw = np.random.default_rng([seed, 4])
    return draw.standard_normal((60, 10)), draw.integers(0, 3, (60, 6))


def _frequent(seed):
    """Symbols of which one comes in 7 of 10 cases: most copies are of it."""
    draw = np.random.default_rng([seed, 7])
    symbols = draw.choice(CHANNELS, (100, 4), p=[0.7, 0.2, 0.1])
    return draw.standard_normal((100, 10)), symbols


def _false_alarms(make, seeds):
    alarms = 0
    for seed in seeds:
        states, labels = make(seed)
        lags = np.arange(labels.shape[1])
        past = decode_past(states, labels, lags, seed, permutations=19)
        alarms += not np.isnan(past.attrs["horizon"])
    return alarms


# 1 of 20 over all lags together; more than the bound less than once in 1000 times
def test_symbols_that_never_came_are_not_decoded():
    assert _false_alarms(_noise, range(10)) <= binom.isf(1e-3, 10, 0.05)


@pytest.mark.slow
@pytest.mark.parametrize("make", [_noise, _frequent])
def test_symbols_that_never_came_are_decoded_in_5_of_100_at_most(make):
    assert _false_alarms(make, range(1300)) <= 0.07 * 1300  # of .05 in 99.9 %


def test_symbols_are_dealt_to_sequences_of_as_many_copies():
    draw = np.random.default_rng(0)
    copies = np.array([1, 1, 1, 2, 2, 42, 45, 60])
    dealt = traded(copies, 400, draw)
    assert (np.sort(dealt, axis=1) == np.arange(8)).all()
    # one and two copies differ by more than a tenth, 42 and 45 do not
    for members in ([0, 1, 2], [3, 4], [5, 6], [7]):
        assert set(dealt[:, members[0]]) == set(members)


def test_sequences_none_of_which_can_be_dealt_have_no_p():
    kinds = np.repeat(np.arange(6), [1, 2, 3, 4, 5, 6])
    symbols = np.stack([kinds % 2, kinds % 3, kinds], axis=1)
    frames = np.random.default_rng(0).standard_normal((kinds.size, 4))
    past = decode_past(frames, symbols, [1, 2], 0, folds=3, permutations=19)
    assert past.accuracy.notnull().all() and past.p_family.isnull().all()
    assert past.chance_high.isnull().all() and np.isnan(past.attrs["horizon"])
    assert "as many copies" in past.attrs["reason"]


def _copies(seed, *, distinct=10, times=10):
    """Each of a few sequences many times, and frames that know which, not what."""
    draw = np.random.default_rng([seed, 5])
    kinds = np.repeat(np.arange(distinct), times)
    frames = draw.standard_normal((distinct, 30))[kinds]
    frames += 0.1 * draw.standard_normal(frames.shape)
    numbers = draw.choice(CHANNELS**6, distinct, replace=False)
    symbols = numbers[:, None] // CHANNELS ** np.arange(6) % CHANNELS
    return frames, symbols[kinds]


def test_a_frame_known_by_heart_is_no_memory_of_its_sequence():
    # with copies on both sides of a fold it would recall all of them
    found = [decode_past(*_copies(seed), np.arange(6), seed, permutations=19)
             for seed in range(8)]  # fmt: skip
    alarms = sum(not np.isnan(past.attrs["horizon"]) for past in found)
    # 1 of 20 over all lags together; more than this by chance less than once in 1000
    assert alarms <= binom.isf(1e-3, 8, 0.05)
    # 8 x 10 sequences at six lags, of which a left-out symbol is the rarer one: the
    # accuracy is a little below one of three
    accuracy = np.nanmean([past.accuracy for past in found])
    assert accuracy < 1 / 3 + 0.05
    assert found[0].attrs["sequences"] == 100 and found[0].attrs["different"] == 10


def test_copies_of_unequal_number_are_at_chance_too():
    alarms = 0
    for seed in range(8):
        frames, symbols = _copies(seed, distinct=14, times=9)
        keep = np.random.default_rng([seed, 6]).random(len(frames)) < 0.4
        past = decode_past(frames[keep], symbols[keep], np.arange(6), seed,
                           permutations=19)  # fmt: skip
        alarms += not np.isnan(past.attrs["horizon"])
    assert alarms <= binom.isf(1e-3, 8, 0.05)


def test_a_memory_is_found_among_copies(symbols, register):
    few = np.repeat(np.arange(60), 3)
    past = decode_past(register[few], symbols[few], [0, 4], 0, permutations=39)
    assert (past.accuracy > 0.95).all() and past.attrs["horizon"] == 4


def test_too_few_different_sequences_are_refused():
    frames, symbols = _copies(0, distinct=8)
    with pytest.raises(InputError, match=r"folds is 5; 8 different .* allow 2 to 4"):
        decode_past(frames, symbols, [0], 0)
    frames, symbols = _copies(0, distinct=3)
    with pytest.raises(InputError, match=r"3 different .*too few: 4 are needed"):
        decode_past(frames, symbols, [0], 0)


def test_the_fit_is_that_of_scikit_learn(symbols):
    draw = np.random.default_rng(1)
    states = draw.standard_normal((120, 9))
    target = np.arange(120) % 3
    states[:, :3] += 0.5 * np.eye(3)[target]
    train, test = np.arange(90), np.arange(90, 120)
    fit = RidgeFit(states[train], states[test])
    marked = (np.eye(3)[target[train]] - 1 / 3)[:, None]  # of one deal
    ours = fit.predict(marked, np.array([2.0]))[:, 0]
    theirs = RidgeClassifier(alpha=2.0).fit(states[train], target[train])
    # it codes classes as -1 and 1: twice the indicator's score, less the mean
    np.testing.assert_allclose(
        theirs.decision_function(states[test]), 2 * (ours + 1 / 3) - 1, atol=1e-12
    )


@pytest.mark.parametrize(("hits", "count"), [(10, 10), (37, 90), (0, 5)])
def test_the_interval_is_wilsons(hits, count):
    ours = wilson(np.array(hits / count), np.array(float(count)))
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
        (np.zeros((9, 3)), np.zeros((9, 4), int), [0], "folds is 5; 1 different"),
    ],
)
def test_misuse_is_named(states, inputs, lags, told):
    with pytest.raises(InputError, match=told):
        decode_past(states, inputs, lags, 0)


def test_an_interval_never_leaves_its_share_outside():
    """At 0 and 1 the bound of Wilson's interval is the share itself."""
    for count in np.arange(1, 200):
        low, high = wilson(np.array([0.0, 1.0]), np.array([count, count]))
        assert (low <= [0, 1]).all()
        assert (high >= [0, 1]).all()
