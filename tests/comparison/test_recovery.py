"""Rivals recovered from what was simulated, against closed forms and on real rivals."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.stats import norm

from cortexwave.comparison.recovery import fit_rivals, model_recovery
from cortexwave.errors import InputError
from cortexwave.memory.trials import Trials, trials_of
from cortexwave.synthetic.rivals import rival


def numbers(trials: int, seed: int, *, centre: float) -> np.ndarray:
    """The mean of some trials of sd 1 about a centre."""
    return np.random.default_rng(seed).normal(centre, 1, trials).mean(keepdims=True)


def dice(trials: int, seed: int, *, shares: tuple[float, ...]) -> np.ndarray:
    return np.random.default_rng(seed).multinomial(trials, shares).astype(float)


def itself(measured: np.ndarray) -> np.ndarray:
    return measured


TWO = {"low": partial(numbers, centre=0.0), "high": partial(numbers, centre=1.0)}


@pytest.mark.parametrize("trials", [1, 9])
def test_two_normal_rivals_are_recovered_as_often_as_they_can_be(trials):
    found = model_recovery(TWO, itself, trials=trials, repeats=250, seed=1)
    # halfway between them: Phi(sqrt(n) / 2); 250 know it to .03, and the border too
    best = norm.cdf(np.sqrt(trials) / 2)
    assert np.diag(found["recovered"])[:2] == pytest.approx([best, best], abs=0.08)
    assert found["recovered"].sum("fitted").values == pytest.approx([1, 1])
    assert found.attrs["trials"] == trials


def test_counts_are_recovered_by_their_likelihood():
    rivals = {
        "even": partial(dice, shares=(0.5, 0.5)),
        "uneven": partial(dice, shares=(0.8, 0.2)),
    }
    found = model_recovery(rivals, itself, trials=40, repeats=100, seed=2,
                           rule="multinomial")  # fmt: skip
    # the border lies near .66: 26.3 of 40, which .5 passes with p = .019, .8 with .99
    assert np.diag(found["recovered"])[:2] == pytest.approx([0.98, 0.98], abs=0.04)


def test_rivals_that_are_the_same_are_taken_for_each_other():
    same = {"one": TWO["low"], "other": partial(numbers, centre=0.0)}
    found = model_recovery(same, itself, trials=5, repeats=100, seed=3)
    # which of two equal groups lies nearer is partly one toss for all of its repeats
    assert np.diag(found["recovered"])[:2] == pytest.approx([0.5, 0.5], abs=0.25)


def test_the_unit_of_a_measure_does_not_matter():
    wide = {name: lambda trials, seed, make=make: 1e3 * make(trials=trials, seed=seed)
            for name, make in TWO.items()}  # fmt: skip
    one = model_recovery(TWO, itself, trials=2, repeats=30, seed=4)
    two = model_recovery(wide, itself, trials=2, repeats=30, seed=4)
    assert (one["recovered"] == two["recovered"]).all()


def test_the_interval_of_a_share_is_wilsons():
    found = model_recovery(TWO, itself, trials=400, repeats=20, seed=5)
    # 20 of 20: 1 / (1 + z^2 / 20)
    assert found["low"].values == pytest.approx([1 / (1 + 1.959964**2 / 20)] * 2)
    assert found["high"].values == pytest.approx([1.0, 1.0])


def test_missing_measures_are_undetermined():
    def sometimes(measured: np.ndarray) -> np.ndarray:
        return measured if measured[0] > -0.2 else np.array([np.nan])

    found = model_recovery(TWO, sometimes, trials=1, repeats=40, seed=6)
    missing = found["recovered"].sel(simulated="low", fitted="undetermined")
    assert missing == pytest.approx(norm.cdf(-0.2), abs=0.2)


def test_a_recording_is_fitted_by_the_nearest_rival_or_by_none():
    found = model_recovery(TWO, itself, trials=25, repeats=60, seed=7)
    assert fit_rivals(np.array([0.9]), found).best == "high"
    none = fit_rivals(np.array([9.0]), found)
    assert none.best == "undetermined"
    assert none.usual == pytest.approx(1 / 61)
    assert none.reason == "it is like none of the rivals (high is nearest)"
    assert "missing" in fit_rivals(np.array([np.nan]), found).reason


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda: model_recovery({"one": itself}, itself, trials=1, repeats=9, seed=1),
         "two or more"),
        (lambda: model_recovery(TWO, itself, trials=1, repeats=2, seed=1), "is 2; 5"),
        (lambda: model_recovery(TWO, itself, trials=1, repeats=9, seed=1, rule="best"),
         "rule is 'best'"),
        (lambda: model_recovery(TWO, itself, trials=1, repeats=9, seed=1,
                                rule="multinomial"), "not negative"),
        (lambda: model_recovery(TWO, lambda _: np.array([np.nan]), trials=1, repeats=9,
                                seed=1), "measures of low, high are missing"),
        (lambda: model_recovery(TWO, lambda x: np.ones(1 + int(x[0] > 0)), trials=1,
                                repeats=9, seed=1), "one is due"),
        (lambda: fit_rivals(np.ones(2), model_recovery(TWO, itself, trials=1, repeats=9,
                                                       seed=1)), r"\(2,\)"),
    ],
)  # fmt: skip
def test_what_cannot_be_recovered_is_refused(call, culprit):
    with pytest.raises(InputError, match=culprit):
        call()


KINDS = ("traveling_wave", "static_bump", "standing_oscillation", "chain",
         "relabelled_wave", "leaky_integrator", "two_sources")  # fmt: skip
STEP = 2  # sites that a wave moves in a frame of the rivals' defaults
LAGS = (0, 2, 4, 6)


def nearest(x: np.ndarray, means: np.ndarray) -> np.ndarray:
    """The class (trial,) whose mean (class, site) is nearest to x (trial, site)."""
    return np.argmax(x @ means.T - np.sum(means**2, axis=1) / 2, axis=1)


def format_vector(recording) -> np.ndarray:
    """Accuracy by lag, the same with sites shifted back, and the drift of confusions.

    A nearest-mean decoder learns one frame on half of the trials and tries a later one
    on the other half: the sites' noise is white and even, so it is the best linear one.
    """
    given: Trials = trials_of(recording, window=(0.0, 0.13))
    learn = np.arange(len(given.labels)) % 2 == 0
    x, codes, count = given.values, given.codes, given.classes.size
    means = np.stack([x[learn & (codes == k)].mean(axis=0) for k in range(count)])
    still, moved, drifts = [], [], []
    for lag in LAGS:
        right = {0: [], STEP * lag: []}
        for at in range(x.shape[1] - lag):
            for shift in right:
                later = np.roll(x[~learn, at + lag], -shift, axis=-1)
                guess = nearest(later, means[:, at])
                right[shift].append(np.mean(guess == codes[~learn]))
                if shift == 0:
                    drifts.append((lag, np.mean(guess - codes[~learn])))
        still.append(np.mean(right[0]))
        moved.append(np.mean(right[STEP * lag]))
    lag, drift = np.array(drifts).T
    return np.array([*still, *moved[1:], np.corrcoef(lag, drift)[0, 1]])


def confusions(recording) -> np.ndarray:
    """Held-out counts (lag, true, predicted) of the same decoder, without shifts."""
    given: Trials = trials_of(recording, window=(0.0, 0.13))
    learn = np.arange(len(given.labels)) % 2 == 0
    x, codes, count = given.values, given.codes, given.classes.size
    means = np.stack([x[learn & (codes == k)].mean(axis=0) for k in range(count)])
    made = np.zeros((len(LAGS), count, count))
    for place, lag in enumerate(LAGS):
        for at in range(x.shape[1] - lag):
            guess = nearest(x[~learn, at + lag], means[:, at])
            np.add.at(made[place], (codes[~learn], guess), 1)
    return made


def test_wave_bump_and_chain_of_a_few_trials_are_told_apart():
    rivals = {kind: partial(rival, kind)
              for kind in ("traveling_wave", "static_bump", "chain")}  # fmt: skip
    found = model_recovery(rivals, format_vector, trials=20, repeats=6, seed=1)
    assert np.diag(found["recovered"])[:3].tolist() == [1, 1, 1]


@pytest.mark.slow
def test_seven_rivals_of_forty_trials_are_recovered_nine_times_of_ten():
    rivals = {kind: partial(rival, kind) for kind in KINDS}
    found = model_recovery(rivals, format_vector, trials=40, repeats=25, seed=2)
    assert np.diag(found["recovered"])[: len(KINDS)].min() > 0.9


@pytest.mark.slow
def test_confusions_alone_recover_formats_but_not_where_sites_are():
    kinds = [kind for kind in KINDS if kind != "relabelled_wave"]
    rivals = {kind: partial(rival, kind) for kind in kinds}
    found = model_recovery(rivals, confusions, trials=40, repeats=20, seed=3,
                           rule="multinomial")  # fmt: skip
    assert np.diag(found["recovered"])[: len(kinds)].min() > 0.9
    # no linear decoder sees that sites were relabelled: it is a toss between the two
    both = {kind: rivals.get(kind, partial(rival, kind))
            for kind in ("traveling_wave", "relabelled_wave")}  # fmt: skip
    mixed = model_recovery(both, confusions, trials=40, repeats=20, seed=4,
                           rule="multinomial")  # fmt: skip
    assert np.diag(mixed["recovered"])[:2].mean() < 0.75
