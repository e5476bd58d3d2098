"""Generalisation over time tells moving, static, oscillating and chained codes apart.

The published table: 48 sites, 6 places from 4 to 18 sites, 2 sites a step, packets of
1.6 sites, noise 0.55, 14 steps, 240 trials, found there with ridge of fixed strength.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.metrics import balanced_accuracy_score

from cortexwave import synthetic
from cortexwave.errors import InputError
from cortexwave.memory import alignment
from cortexwave.memory.alignment import shift_aligned_generalisation
from cortexwave.memory.classifiers import guesses, lda_scores, ridge_scores
from cortexwave.memory.dealing import deals, groups_of
from cortexwave.memory.generalisation import temporal_generalisation
from cortexwave.memory.shift_table import linear_rule
from cortexwave.memory.trials import folds, trials_from, trials_of

CENTRES = [(0.4 * at, 0.0) for at in np.linspace(4, 18, 6)]
PLACES = {str(k): (at,) for k, (at, _) in enumerate(CENTRES)}
# kind: lag 0, 1, 3, 4, 6 and the correlation of the drift
TABLE = {
    "traveling_wave": (0.80, 0.31, 0.07, 0.08, 0.11, 0.97),
    "static_bump": (0.79, 0.78, 0.78, 0.79, 0.79, -0.05),
    "standing_oscillation": (0.56, 0.45, 0.08, 0.04, 0.24, 0.15),
    "chain": (0.79, 0.15, 0.16, 0.18, 0.19, 0.03),
}
SEARCH = {"speeds": [40.0, 80.0, 120.0], "directions": (0.0, 180.0), "longest": 0.06,
          "boundary": "open", "fold_count": 3}  # fmt: skip


@cache
def held(kind, *, seed=0, trials=40, **changes):
    made = synthetic.rival(kind, trials=trials, seed=seed,
                           **{"centres": CENTRES, **changes})  # fmt: skip
    return trials_of(made, window=(0.0, 0.13))


@pytest.mark.parametrize("kind", TABLE)
def test_the_published_table_of_generalisation_is_found(kind):
    found = temporal_generalisation(held(kind), classifier="ridge", places=PLACES,
                                    permutations=19, seed=1)  # fmt: skip
    # the tolerance asked for: 240 trials and one draw of a chain
    np.testing.assert_allclose(
        found.lag_accuracy.values[[0, 1, 3, 4, 6]], TABLE[kind][:5], atol=0.06
    )
    if kind == "traveling_wave":
        assert found.drift_r.item() == pytest.approx(TABLE[kind][5], abs=0.06)
        # the edges take away more than half of 80 mm/s; published 0.85 of 2.0
        assert 25 < found.drift.item() < 80
    else:
        assert abs(found.drift_r.item()) < 0.35  # of one draw; published .15 at most


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [("traveling_wave", 0.8, np.inf), ("chain", -np.inf, 0.1),
     ("static_bump", -np.inf, 0.0), ("two_sources", -np.inf, 0.1),
     ("delay_line", 0.8, np.inf)],
)  # fmt: skip
def test_only_what_travels_gains_from_a_shift(kind, least, most):
    found = shift_aligned_generalisation(held(kind), **SEARCH, permutations=19, seed=1)
    assert least < found.gain.sel(lag=0.03).item() < most
    assert found.gain_low.sel(lag=0.03) < found.gain.sel(lag=0.03)
    if kind in ("traveling_wave", "delay_line"):
        assert found.speed.item() == 80.0 and found.direction.item() == 0.0
        assert found.agreement.item() == 1.0 and found.p.item() == 0.05  # 1 / (1 + 19)
        assert found.gain_mirrored.sel(lag=0.03).item() < 0.2


def test_alignment_recovers_the_published_accuracy_of_the_wave():
    found = shift_aligned_generalisation(
        held("traveling_wave"), **SEARCH, classifier="ridge", permutations=19, seed=1
    )
    np.testing.assert_allclose(found.aligned.values[[3, 6]], [0.80, 0.81], atol=0.06)


def test_a_relabelled_wave_has_the_drift_and_not_the_gain():
    # identical dynamics, so identical confusions; only topography is gone
    trials = held("relabelled_wave", trials=25)
    drift = temporal_generalisation(trials, places=PLACES, permutations=19, seed=1)
    gain = shift_aligned_generalisation(trials, **SEARCH, permutations=19, seed=1)
    assert drift.drift_r.item() > 0.9 and gain.mean_gain.item() < 0.3


def test_a_wave_on_a_plane_is_followed_along_its_direction():
    sites = synthetic.lattice_sites((12, 12), spacing=0.4)
    made = synthetic.rival("traveling_wave", sites=sites, direction=45.0, speed=40.0,
                           layout="across", classes=3, trials=20, seed=2, noise=1.2,
                           duration=0.08)  # fmt: skip
    found = shift_aligned_generalisation(
        trials_of(made, window=(0.0, 0.07)), speeds=[20.0, 40.0],
        directions=np.arange(0, 360, 45), longest=0.05, boundary="open",
        permutations=19, seed=0, fold_count=3,
    )  # fmt: skip
    assert found.direction.item() == 45.0 and found.speed.item() == 40.0
    assert found.gain.values[-1] > 0.6


def test_scattered_electrodes_are_shifted_too():
    places = np.random.default_rng(0).uniform(0, 8, (90, 2))
    made = synthetic.rival("traveling_wave", sites=places, speed=20.0,
                           layout="across", classes=3, trials=20, seed=2,
                           duration=0.2, rate=50.0)  # fmt: skip
    found = shift_aligned_generalisation(
        trials_of(made, window=(0.0, 0.18)), speeds=[20.0], seed=0,
        directions=(0, 90, 180, 270), longest=0.1, boundary="open", permutations=19,
    )  # fmt: skip
    assert found.direction.item() == 0.0 and found.gain.values[-1] > 0.3


def test_a_ring_is_followed_around_its_edge():
    trials = held(
        "delay_ring", trials=20, centres=((12.0, 0.0), (14.4, 0.0), (16.8, 0.0))
    )
    options = {**SEARCH, "permutations": 19, "seed": 1}
    around = shift_aligned_generalisation(trials, **{**options, "boundary": "periodic"})
    cut = shift_aligned_generalisation(trials, **options)
    assert around.gain.values[6] > 0.8 > cut.gain.values[6]


def small(seed, *, classes=3, per_class=8, frames=4, sites=5, signal=1.0):
    draw = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), per_class)
    pattern = signal * draw.standard_normal((classes, frames, sites))
    noise = draw.standard_normal((labels.size, frames, sites))
    block = np.tile(np.arange(4), labels.size // 4)
    positions = np.stack([0.4 * np.arange(sites), np.zeros(sites)], axis=1)
    return trials_from(pattern[labels] + noise, labels, step=0.01, block=block,
                       positions=positions)  # fmt: skip


@pytest.mark.parametrize("classifier", ["lda", "ridge"])
def test_all_deals_at_once_are_what_one_fit_at_a_time_gives(classifier):
    trials = small(0)
    trials = trials.chosen(np.arange(2, 24))  # unbalanced
    found = temporal_generalisation(trials, classifier=classifier, fold_count=3,
                                    permutations=19, seed=5)  # fmt: skip
    splits = folds(trials.labels, groups_of(trials), count=3, seed=5)
    dealt = deals(trials.codes, groups_of(trials), splits, count=19, seed=5)
    slow = np.zeros((20, 4, 4))
    for deal, codes in enumerate(dealt):
        for a in range(4):
            for b in range(4):
                guess = np.empty(codes.size, dtype=int)
                for train, test in splits:
                    guess[test] = guesses(
                        trials.values[train, a], trials.values[test, b],
                        codes[None, train], 3, classifier=classifier,
                    )[0]  # fmt: skip
                slow[deal, a, b] = balanced_accuracy_score(codes, guess)
    np.testing.assert_allclose(found.accuracy, slow[0], atol=1e-12)
    away = np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    for lag in range(4):
        null = slow[1:, away == lag].mean(axis=1)
        assert found.null_high.values[lag] == pytest.approx(np.quantile(null, 0.95))
    most = slow[1:].max(axis=(1, 2))
    p = (1 + (most[:, None, None] >= slow[0] - 1e-12).sum(axis=0)) / 20
    np.testing.assert_allclose(found.p, p)


def test_the_confusion_holds_every_held_out_trial_once():
    trials = small(1)
    found = temporal_generalisation(trials, permutations=19, seed=0)
    assert (found.confusion.sum(["true", "predicted"]) == 24).all()
    diagonal = sum(found.confusion.values[:, :, k, k] for k in range(3)) / 24
    np.testing.assert_allclose(diagonal, found.accuracy)  # classes of equal size


@pytest.mark.parametrize("scores", [lda_scores, ridge_scores])
def test_a_linear_rule_says_what_its_classifier_says(scores):
    draw = np.random.default_rng(3)
    train, test = draw.standard_normal((30, 7)), draw.standard_normal((9, 7))
    train[:, 4] = 2.0  # a site that never changes tells nothing
    codes = np.repeat(np.arange(3), 10)
    name = "lda" if scores is lda_scores else "ridge"
    weights, offset = linear_rule(train, codes, 3, classifier=name)
    np.testing.assert_allclose(
        test @ weights + offset, scores(train, test, codes[None], 3)[0], atol=1e-8
    )


def test_units_and_order_of_channels_change_nothing():
    trials = small(4)
    order = np.random.default_rng(0).permutation(5)
    other = trials_from(1e3 * trials.values[:, :, order] + 7.0, trials.labels,
                        step=0.01, block=trials.block,
                        positions=trials.positions[order])  # fmt: skip
    options = {"permutations": 19, "seed": 0}
    one, two = (temporal_generalisation(each, **options) for each in (trials, other))
    np.testing.assert_array_equal(one.confusion, two.confusion)
    search = {"speeds": [40.0], "directions": (0.0, 180.0), "longest": 0.02,
              "boundary": "open", **options}  # fmt: skip
    one, two = (shift_aligned_generalisation(e, **search) for e in (trials, other))
    np.testing.assert_array_equal(one.aligned, two.aligned)


def test_noise_has_no_persistence_and_says_why():
    trials = small(6, signal=0.0)
    found = temporal_generalisation(trials, permutations=39, seed=0)
    assert found.p_diagonal > 0.05 and np.isnan(found.persistence).all()
    assert "not above chance" in found.attrs["reason"]


def test_classes_that_go_with_blocks_are_not_told_apart_from_them():
    trials = small(8)
    blocks = trials_from(trials.values, trials.labels, step=0.01,
                         block=np.arange(24))  # fmt: skip
    found = temporal_generalisation(blocks, permutations=19, seed=0)
    assert "traded" in found.attrs["reason"]
    names = ("p_diagonal", "p", "p_below", "p_lag_above", "p_lag_below", "persistence")
    assert all(found[name].isnull().all() for name in names)


def test_a_chain_does_not_pass_the_test_of_a_shift():
    found = [
        shift_aligned_generalisation(
            trials_of(
                synthetic.rival("chain", trials=20, seed=seed, noise=1.0),
                window=(0, 0.13),
            ),
            speeds=[40.0, 80.0, 160.0],
            directions=[0.0, 180.0],
            longest=0.06,
            boundary="open",
            times=np.arange(0, 0.125, 0.02),
            permutations=19,
            seed=seed,
        )
        for seed in range(4)
    ]
    # all four at .05 happen in 6 of a million under a valid null
    assert max(one.p.item() for one in found) > 0.05


def test_phasors_are_refused_by_name():
    trials = small(8)
    turned = replace(trials, values=trials.values + 1j)
    with pytest.raises(InputError, match="the trials hold phasors"):
        temporal_generalisation(turned, permutations=19, seed=0)


def test_without_places_there_is_no_drift_and_it_says_so():
    found = temporal_generalisation(small(7), permutations=19, seed=0)
    assert np.isnan(found.drift).all() and "no places" in found.attrs["reason"]


def test_moments_thin_the_times():
    found = temporal_generalisation(held("static_bump", trials=10), permutations=19,
                                    times=[0.0, 0.04, 0.08, 0.12], seed=0)  # fmt: skip
    np.testing.assert_allclose(found.lag, [0, 0.04, 0.08, 0.12])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"permutations": 9}, "permutations is 9"),
        ({"times": [0.0, 0.5, 1.0]}, "the trials have 0 to 0.03 s"),
        ({"times": [0.0, 0.01, 0.03]}, "equal steps"),
        ({"times": [0.0, 0.01]}, "needs 3"),
        ({"places": {"0": 1.0}}, "places lacks class '1'"),
        ({"places": {"0": 1.0, "1": (1, 2), "2": 3.0}}, "one number or"),
        ({"drift_lag": 0.001, "places": dict.fromkeys("012", 1.0)}, "drift_lag"),
        ({"classifier": "svm"}, "classifier is 'svm'"),
    ],
)
def test_misuse_is_answered_by_name(changes, said):
    with pytest.raises(InputError, match=said):
        temporal_generalisation(small(0), **{"permutations": 19, "seed": 0, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"speeds": [0.0]}, "speeds are not"),
        ({"directions": (90.0,)}, "across it"),
        ({"longest": 0.001}, "longest is 0.001 s"),
        ({"boundary": "torus"}, "boundary is 'torus'"),
        ({"fold_count": 2}, "2 folds; 3 are due"),
    ],
)
def test_misuse_of_a_shift_is_answered_by_name(changes, said):
    usual = {"speeds": [40.0], "directions": (0.0,), "longest": 0.02,
             "boundary": "open", "permutations": 19, "seed": 0}  # fmt: skip
    with pytest.raises(InputError, match=said):
        shift_aligned_generalisation(small(0), **{**usual, **changes})


def test_a_table_beyond_the_memory_allowed_is_refused_first(monkeypatch):
    monkeypatch.setattr(alignment, "_MOST_BYTES", 1000)
    with pytest.raises(InputError, match="fewer times, speeds or lags"):
        shift_aligned_generalisation(held("chain", trials=5), **SEARCH, seed=0)


def test_sites_without_places_cannot_be_shifted():
    trials = trials_from(np.random.default_rng(0).standard_normal((12, 5, 4)),
                         np.tile([0, 1], 6), step=0.01)  # fmt: skip
    with pytest.raises(InputError, match="no positions"):
        shift_aligned_generalisation(trials, **SEARCH, permutations=19, seed=0)


@pytest.mark.slow
def test_nothing_is_found_in_noise_more_often_than_said():
    hits = []
    for seed in range(400):
        trials = small(seed, signal=0.0)
        found = temporal_generalisation(trials, permutations=39, seed=seed)
        gain = shift_aligned_generalisation(
            trials, speeds=[40.0], directions=(0.0, 180.0), longest=0.02,
            boundary="open", permutations=39, seed=seed,
        )  # fmt: skip
        hits.append([found.p_diagonal <= 0.05, (found.p <= 0.05).any(),
                     (found.p_below <= 0.05).any(), gain.p <= 0.05])  # fmt: skip
    # at 5 % each, more than this many happen once in a thousand times
    assert (np.sum(hits, axis=0) <= binom.isf(1e-3, 400, 0.05)).all()
