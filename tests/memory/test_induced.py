"""Squares of differences within classes: free of any mean, and told apart exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from cortexwave.memory.dealing import p_values
from cortexwave.memory.identity import held_out
from cortexwave.memory.induced import squared_differences
from cortexwave.memory.trials import trials_from


def test_each_trial_stands_in_one_pair_of_its_class_and_block():
    # a value that says class, block and trial: 100, 10 and 1
    codes, block = np.arange(40) % 2, np.arange(40) // 20
    values = 2.0 ** np.arange(40)
    pairs = squared_differences(
        trials_from(np.tile(values[:, None, None], (1, 3, 1)), codes, step=0.01,
                    block=block), seed=0,
    )  # fmt: skip
    assert pairs.labels.size == 20
    found = [
        (i, j) for each in np.sqrt(pairs.values[:, 0, 0])
        for i in range(40) for j in range(i) if values[i] - values[j] == each
    ]  # fmt: skip
    assert sorted(np.ravel(found)) == list(range(40))
    for (i, j), label, where in zip(found, pairs.labels, pairs.block, strict=True):
        assert codes[i] == codes[j] == int(label)
        assert block[i] == block[j] == int(where)


def test_means_of_classes_change_nothing():
    draw = np.random.default_rng(0)
    noise, codes = draw.standard_normal((30, 2, 4)), np.arange(30) % 3
    means = draw.standard_normal((3, 2, 4))
    one, other = (squared_differences(trials_from(each, codes, step=0.01), seed=1)
                  for each in (noise, noise + 4 * means[codes]))  # fmt: skip
    np.testing.assert_allclose(one.values, other.values, atol=1e-12)
    # the variance of a difference is twice that of the noise: 30 values of each
    # class, whose squares have a relative standard error of sqrt(2 / 120)
    assert one.values.mean() == pytest.approx(2.0, abs=3 * 2 * np.sqrt(2 / 120))


def test_stretches_are_taken_from_stretches_of_the_same_classes():
    values = np.arange(24.0)[:, None, None] ** 2
    stretch = np.arange(24) // 3
    labels = np.where(stretch % 2, [["a"], ["b"], ["a"]], [["a"], ["a"], ["b"]])[
        np.arange(24) % 3, np.arange(24)
    ]
    trials = replace(trials_from(values, labels, step=0.01), stretch=stretch)
    pairs = squared_differences(trials, seed=0)
    assert pairs.labels.size == 12 and pairs.stretch is not None
    for one in np.unique(pairs.stretch):
        members = pairs.stretch == one
        told = "".join(pairs.labels[members])
        assert told == ("aba" if one % 2 else "aab")
        # (3a + k)^2 - (3b + k)^2 is a straight line in k
        apart = np.sqrt(pairs.values[members, 0, 0])
        assert np.diff(apart, 2) == pytest.approx(0.0, abs=1e-9)


def test_where_no_trial_has_another_there_are_no_pairs():
    trials = trials_from(np.random.default_rng(0).standard_normal((3, 2, 4)), "abc",
                         step=0.01)  # fmt: skip
    assert squared_differences(trials, seed=0).values.shape == (0, 2, 4)


def _p(kind, seed):
    """p of 19 deals of 24 trials (sparse), or 36 of unequal classes (heavy tails)."""
    draw = np.random.default_rng(seed)
    if kind == "sparse":  # 95 % zeros
        values = (draw.random((24, 1, 40)) < 0.05) * draw.random((24, 1, 40))
        codes = np.arange(24) % 2
    else:
        values, codes = draw.standard_t(3, (48, 1, 10)), (np.arange(48) % 3 == 0) * 1
    values = values + 3 * draw.standard_normal((2, 1, values.shape[2]))[codes]
    trials = squared_differences(trials_from(values, codes, step=0.01), seed=seed)
    found = held_out(trials, np.array([0]), classifier="lda", count=6, permutations=19,
                     seed=seed)  # fmt: skip
    return float(p_values(found.accuracy().mean(axis=1)))


@pytest.mark.parametrize("kind", ["sparse", "heavy"])
@pytest.mark.parametrize("runs", [60, pytest.param(2000, marks=pytest.mark.slow)])
def test_noise_about_other_means_is_no_induced_response(kind, runs):
    # residuals about estimated means would be told apart: 9 of 100, if sparse
    hits = sum(_p(kind, seed) <= 0.05 for seed in range(runs))
    # 1 of 20; more than this by chance less than once in 1000 times
    assert hits <= binom.isf(1e-3, runs, 0.05)
