"""Time since onset from one snapshot: the Cramer-Rao bound, and what tells no time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.linear_model import Ridge

from cortexwave.errors import InputError
from cortexwave.memory.elapsed_time import decode_elapsed_time
from cortexwave.memory.likelihood import (
    Likelihood,
    fisher_information,
    interpolation,
)
from cortexwave.memory.trials import trials_from

# a pulse of width 1 mm, 0.2 mm per second, on sites 0.25 mm apart, noise 0.3 of its
# height: I = v^2 sqrt(pi) / (2 w d s^2) of 1 / s^2 (memory readout, white noise)
WIDTH, PITCH, SPEED, NOISE = 1.0, 0.25, 0.2, 0.3
BOUND = (SPEED**2 * np.sqrt(np.pi) / (2 * WIDTH * PITCH * NOISE**2)) ** -0.5


def _pulse(trials, *, seed, frames=32, classes=1, still=False):
    """Classes across the way of the pulse: each travels on a row of its own."""
    draw = np.random.default_rng(seed)
    sites, clock = np.arange(0, 15, PITCH), np.arange(frames, dtype=float)
    codes = np.arange(trials) % classes
    centre = 4 + (0 if still else SPEED) * clock
    row = np.exp(-((sites - centre[:, None]) ** 2) / 2 / WIDTH**2)
    values = np.zeros((trials, frames, classes, sites.size))
    values[np.arange(trials), :, codes] = row
    values = values.reshape(trials, frames, -1)
    values += NOISE * draw.standard_normal(values.shape)
    return trials_from(values, codes, step=1.0)


def _decoded(trials, **options):
    last = float(trials.clock[-1])
    usual = {"window": (0.0, last), "count": 4, "permutations": 19, "seed": 0}
    return decode_elapsed_time(trials, **{**usual, **options})


@pytest.fixture(scope="module")
def pulse():
    return _decoded(_pulse(240, seed=0))


def test_the_bound_of_a_pulse_is_its_closed_form(pulse):
    assert pytest.approx(0.7967, abs=1e-4) == BOUND
    inside = pulse.bound.values[5:-5]
    # smoothing the 240 trials' mean flattens the pulse by less than 3 %
    np.testing.assert_allclose(inside.mean(), BOUND, rtol=0.05)


def test_the_likelihood_decoder_reaches_the_bound_within_five_in_a_hundred(pulse):
    error = pulse.error.sel(decoder="likelihood").values[5:-5]
    assert np.sqrt(np.mean(error**2)) == pytest.approx(BOUND, rel=0.05)
    assert pulse.overall_efficiency.item() == pytest.approx(1.0, abs=0.05)


def test_ridge_reads_the_time_too_but_less_well(pulse):
    r2 = pulse.r2.sel(decoder="ridge").item()
    assert 0.85 < r2 < pulse.r2.sel(decoder="likelihood").item()
    assert (pulse.p == 0.05).all() and (pulse.r2_low > 0.8).all()
    # the best constant is 8 s off in the median of 32 frames
    assert pulse.constant_error.item() == pytest.approx(8.0, abs=0.5)
    np.testing.assert_allclose(
        pulse.error_ratio, pulse.absolute_error / pulse.constant_error
    )


def test_a_bump_that_stands_still_tells_its_class_but_no_time():
    found = _decoded(_pulse(90, seed=1, classes=2, still=True, frames=12))
    assert (found.p > 0.05).all()
    assert found.r2.sel(decoder="ridge").item() < 0.02
    assert found.error_ratio.sel(decoder="ridge").item() > 0.9


def test_time_is_read_whichever_the_class_was():
    found = _decoded(_pulse(120, seed=2, classes=2, frames=20))
    likelihood = found.sel(decoder="likelihood")
    assert likelihood.r2.item() > 0.9 and likelihood.p.item() == 0.05
    # on rows of their own classes are told apart, and the bound is as for one; the
    # mean of 60 trials of each is smoothed more, which flattens it by a tenth
    assert found.bound.values[5:-5].mean() == pytest.approx(BOUND, rel=0.15)
    assert found.overall_efficiency.item() == pytest.approx(1.0, abs=0.15)


def test_the_ridge_decoder_is_that_of_scikit_learn_at_a_weak_strength():
    trials = _pulse(40, seed=3, frames=10)
    found = _decoded(trials, count=2)
    # with 400 snapshots on 60 sites the ridge is what GCV says; any strength near it
    # gives held-out errors within a few per cent
    values = trials.values.reshape(-1, 60)
    time = np.tile(trials.clock, 40)
    errors = []
    for half in (0, 1):
        train = np.repeat(np.arange(40) % 2 == half, 10)
        best = min(
            float(np.mean((Ridge(alpha=a).fit(values[train], time[train]).predict(
                values[~train]) - time[~train]) ** 2))
            for a in np.logspace(-2, 3, 11)
        )  # fmt: skip
        errors.append(best)
    expected = 1 - np.mean(errors) / np.var(time)
    assert found.r2.sel(decoder="ridge").item() == pytest.approx(expected, abs=0.06)


def test_gains_and_the_order_of_channels_change_nothing():
    trials = _pulse(60, seed=4, frames=10)
    draw = np.random.default_rng(0)
    gain = 10.0 ** draw.uniform(-3, 3, 60)
    values = (gain * trials.values)[:, :, draw.permutation(60)]
    other = trials_from(values, trials.labels, step=1.0)
    one, two = _decoded(trials), _decoded(other)
    np.testing.assert_allclose(one.r2, two.r2, atol=1e-6)
    np.testing.assert_allclose(one.bound, two.bound, rtol=1e-4)


def test_fisher_information_of_noise_alone_is_none():
    draw = np.random.default_rng(5)
    values = draw.standard_normal((60, 12, 20))
    found = fisher_information(values, np.zeros(60, int), 1, step=1.0, seed=0)
    # a plain mu' S^-1 mu' would be some 20 sites / 60 trials = 0.3 (unsmoothed: 0.6)
    assert np.nan_to_num(found).mean() < 0.03


def test_a_likelihood_between_frames_is_that_of_the_spline():
    np.testing.assert_allclose(interpolation(6, 4)[::4], np.eye(6), atol=1e-12)
    cubic = np.arange(6.0) ** 3
    at = np.linspace(0, 5, 21)
    np.testing.assert_allclose(interpolation(6, 4) @ cubic, at**3, atol=1e-9)


def test_likelihoods_of_white_noise_are_those_of_the_normal_distribution():
    trials = _pulse(400, seed=6, frames=8)
    fit = Likelihood.of(trials.values, np.zeros(400, int), 1)
    snapshot = trials.values[0]
    sites, clock = np.arange(0, 15, PITCH), np.arange(8.0)
    means = np.exp(-((sites - 4 - SPEED * clock[:, None]) ** 2) / 2)
    true = -((snapshot[:, None] - means[None]) ** 2).sum(axis=2) / 2 / NOISE**2
    made = fit.log(snapshot, interpolation(8, 1))[:, 0]
    true, made = (a - a.mean(axis=1, keepdims=True) for a in (true, made))
    # the means of 400 trials are off by noise / 20, which sums up over 60 sites
    assert np.corrcoef(true.ravel(), made.ravel())[0, 1] > 0.95
    slope = np.sum(true * made) / np.sum(true**2)
    assert slope == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("options", "told"),
    [({"window": (0.0, 2.0)}, "3 frames lie within 0 to 2 s"),
     ({"stride": 0}, "stride is 0"), ({"permutations": 5}, "permutations is 5")],
)  # fmt: skip
def test_a_decoding_of_time_that_cannot_be_is_refused(options, told):
    with pytest.raises(InputError, match=told):
        _decoded(_pulse(30, seed=0, frames=8), **options)


def test_too_few_trials_are_undetermined():
    found = _decoded(_pulse(12, seed=0, frames=8))
    assert found.r2.isnull().all()
    assert found.attrs["reason"] == "12 trials; elapsed time needs 20"


@pytest.mark.slow
def test_noise_that_drifts_within_trials_tells_no_time_in_95_of_100():
    hits = 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        values = draw.standard_normal((30, 8, 4)).cumsum(axis=1)[:, ::1]
        # each trial's own slow course, begun at a random place: stationary
        values = np.take_along_axis(
            values, (np.arange(8) + draw.integers(0, 8, (30, 1)))[:, :, None] % 8, 1
        )
        found = _decoded(trials_from(values, np.zeros(30), step=1.0))
        hits += float(found.p.sel(decoder="ridge")) <= 0.05
    # 99.9 % of counts of 200 at .05
    assert binom.ppf(5e-4, 200, 0.05) <= hits <= binom.isf(5e-4, 200, 0.05)
