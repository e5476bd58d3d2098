"""Classifiers fitted to many deals at once are the textbook's, fitted one by one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from cortexwave.errors import InputError
from cortexwave.memory.classifiers import (
    guesses,
    lda_scores,
    ridge_scores,
    shrinkage_of,
)


def _data(trials=60, sites=12, classes=3, seed=0):
    draw = np.random.default_rng(seed)
    codes = np.arange(trials) % classes
    mixing = draw.standard_normal((sites, sites))
    means = draw.standard_normal((classes, sites))
    values = means[codes] + draw.standard_normal((trials, sites)) @ mixing
    return values, codes, draw.standard_normal((15, sites))


def _standard(train, test):
    return (test - train.mean(axis=0)) / train.std(axis=0)


@pytest.mark.parametrize("sites", [12, 90])  # fewer and more than the 60 trials
def test_the_shrinkage_is_that_of_ledoit_and_wolf(sites):
    values, codes, _ = _data(sites=sites)
    standard = _standard(values, values)
    means = np.array([standard[codes == c].mean(axis=0) for c in range(3)])
    expected = ledoit_wolf(standard - means[codes], assume_centered=True)[1]
    assert shrinkage_of(values, codes, 3) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("sites", [12, 90])
def test_discriminants_are_those_of_scikit_learn(sites):
    train, codes, test = _data(sites=sites)
    shrinkage = shrinkage_of(train, codes, 3)
    # scikit-learn shrinks each class towards its own sphere by the same share, which
    # for classes of equal size is shrinking the pooled covariance
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=1.0)
    standard = _standard(train, train)
    pooled = sum(np.cov(standard[codes == c].T, bias=True) for c in range(3)) / 3
    shrunk = (1 - shrinkage) * pooled
    shrunk += shrinkage * np.trace(pooled) / sites * np.eye(sites)
    means = np.array([standard[codes == c].mean(axis=0) for c in range(3)])
    weights = np.linalg.solve(shrunk, means.T)
    seen = _standard(train, test)
    expected = seen @ weights - 0.5 * np.sum(means.T * weights, axis=0)
    made = lda_scores(train, test, codes[None], 3)[0]
    np.testing.assert_allclose(made, expected, rtol=1e-6, atol=1e-8)
    model = LinearDiscriminantAnalysis(
        solver="lsqr", covariance_estimator=_Given(pooled, shrinkage)
    ).fit(standard, codes)
    theirs = model.decision_function(seen)
    np.testing.assert_allclose(
        made - made.mean(axis=1, keepdims=True),
        theirs - theirs.mean(axis=1, keepdims=True), rtol=1e-6, atol=1e-8,
    )  # fmt: skip


class _Given:
    """A covariance for scikit-learn, the same for each class."""

    def __init__(self, pooled, shrinkage):
        self.pooled, self.shrinkage = pooled, shrinkage

    def fit(self, values):
        scale = np.trace(self.pooled) / len(self.pooled)
        self.covariance_ = (1 - self.shrinkage) * self.pooled
        self.covariance_ += self.shrinkage * scale * np.eye(len(self.pooled))
        return self


def test_ridge_scores_are_least_squares_at_the_strength_of_least_gcv():
    train, codes, test = _data(sites=12)
    standard, seen = _standard(train, train), _standard(train, test)
    marks = (codes[:, None] == np.arange(3)) - 1 / 3
    fits = []
    for ridge in np.logspace(-4, 4, 17) * 60:  # in units of 60 trials x variance 1
        inverse = np.linalg.inv(standard.T @ standard + ridge * np.eye(12))
        hat = standard @ inverse @ standard.T
        left = np.sum((marks - hat @ marks) ** 2)
        gcv = left / (1 - (1 + np.trace(hat)) / 60) ** 2
        fits.append((gcv, (seen @ inverse @ standard.T @ marks) * 3 + 1))
    expected = min(fits, key=lambda fit: fit[0])[1]
    made = ridge_scores(train, test, codes[None], 3)[0]
    np.testing.assert_allclose(made, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("classifier", ["lda", "ridge"])
def test_all_deals_at_once_are_as_one_by_one(classifier):
    train, codes, test = _data()
    draw = np.random.default_rng(3)
    dealt = np.array([draw.permutation(codes) for _ in range(5)])
    made = guesses(train, test, dealt, 3, classifier=classifier)
    alone = [guesses(train, test, deal[None], 3, classifier=classifier)[0]
             for deal in dealt]  # fmt: skip
    np.testing.assert_array_equal(made, alone)


@pytest.mark.parametrize("classifier", ["lda", "ridge"])
def test_guesses_do_not_depend_on_units_gains_or_the_order_of_sites(classifier):
    train, codes, test = _data(sites=20)
    draw = np.random.default_rng(4)
    order, gain = draw.permutation(20), 10.0 ** draw.uniform(-6, 6, 20)
    expected = guesses(train, test, codes[None], 3, classifier=classifier)
    made = guesses((7 + gain * train)[:, order], (7 + gain * test)[:, order],
                   codes[None], 3, classifier=classifier)  # fmt: skip
    np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize("classifier", ["lda", "ridge"])
def test_sites_that_stand_still_and_a_class_without_trials_are_no_trouble(classifier):
    train, codes, test = _data()
    train[:, 3] = 5.0
    dealt = np.where(codes == 2, 1, codes)[None]
    made = guesses(train, test, dealt, 3, classifier=classifier)
    assert set(made.ravel()) <= {0, 1}


def test_an_unknown_classifier_is_refused():
    train, codes, test = _data()
    with pytest.raises(InputError, match=r"classifier is 'svm'.*lda"):
        guesses(train, test, codes[None], 3, classifier="svm")
