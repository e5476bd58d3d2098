"""The adding task against its format and the statistics of its formula."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import chi2, kstest

from cortexwave.errors import InputError, NotFiniteError
from cortexwave.learning.tasks import Shape
from cortexwave.learning.tasks.adding import AddingTask


def source(length=100, seed=0):
    return AddingTask(length=length).open(None, seed)


def marked(batch):
    """Steps (batch, 2) at which the markers stand."""
    places = np.nonzero(batch.inputs[:, :, 1])
    return places[1].reshape(len(batch.inputs), 2)


@pytest.mark.parametrize("length", [2, 3, 7, 100])
def test_one_step_of_each_half_is_marked_and_the_sum_is_due(length):
    task = source(length)
    batch = task.batch("train", 0, 200)
    assert task.shape == Shape(2, 1, length, False, "mean_squared_error")
    assert batch.inputs.shape == (200, length, 2)
    assert batch.inputs.dtype == batch.targets.dtype == np.float32
    assert set(np.unique(batch.inputs[:, :, 1])) <= {0.0, 1.0}
    assert np.array_equal(batch.inputs[:, :, 1].sum(axis=1), np.full(200, 2.0))
    steps = marked(batch)
    assert steps[:, 0].max() < length // 2 <= steps[:, 1].min()
    values, markers = batch.inputs[:, :, 0], batch.inputs[:, :, 1]
    assert batch.targets.shape == (200, 1)
    # exact: the sum of two float32 and zeros, rounded once
    assert np.array_equal(batch.targets[:, 0], (values * markers).sum(axis=1))


@pytest.mark.parametrize("half", [0, 1])
def test_markers_are_uniform_in_their_half(half):
    steps = marked(source(20).batch("train", 0, 20_000))[:, half]
    counts = np.bincount(steps - 10 * half, minlength=10)
    statistic = ((counts - 2000) ** 2 / 2000).sum()
    # a right generator fails one seed in 10,000
    assert len(counts) == 10
    assert statistic < chi2.ppf(1 - 1e-4, df=9)


def test_numbers_are_uniform_from_0_to_1():
    values = source(20).batch("train", 0, 1000).inputs[:, :, 0]
    assert values.min() >= 0 and values.max() < 1
    assert kstest(values.ravel(), "uniform").pvalue > 1e-4


def test_sums_have_mean_1_and_variance_a_sixth():
    sums = source(10).batch("train", 0, 100_000).targets.astype(float)
    # 5 deviations: of the mean sqrt(1/6 / n); of the variance sqrt((m4 - v^2) / n),
    # with fourth moment m4 = 1/15 of the triangular density
    assert abs(sums.mean() - 1) < 5 * np.sqrt(1 / 6 / 1e5)
    assert abs(sums.var() - 1 / 6) < 5 * np.sqrt((1 / 15 - 1 / 36) / 1e5)


def test_chance_is_what_answering_1_scores():
    task = source(10)
    sums = task.batch("test", 0, 100_000).targets
    scores = task.scores(np.ones_like(sums), sums)
    assert task.chance["mean_squared_error"] == 1 / 6
    assert task.chance["fraction_within_0.04"] == pytest.approx(0.0784)
    # 5 deviations, as above
    assert scores["mean_squared_error"] == pytest.approx(1 / 6, abs=3.2e-3)
    assert scores["fraction_within_0.04"] == pytest.approx(0.0784, abs=4.3e-3)


def test_scores_of_hand_made_answers():
    targets = np.array([[1.0], [0.5], [1.5], [1.0]], np.float32)
    outputs = targets + np.array([[0.0], [0.03], [-0.05], [0.2]], np.float32)
    scores = source().scores(outputs, targets)
    # float32 answers: 6e-8 relative in each
    assert scores["mean_squared_error"] == pytest.approx(
        (0.03**2 + 0.05**2 + 0.2**2) / 4, rel=1e-5
    )
    assert scores["fraction_within_0.04"] == 0.5


def test_a_batch_depends_on_seed_split_and_index_alone():
    task = source(seed=5)
    later = task.batch("test", 2, 8)
    task.batch("train", 0, 3)
    again = source(seed=5).batch("test", 2, 8)
    assert np.array_equal(later.inputs, again.inputs)
    assert np.array_equal(later.targets, again.targets)


@pytest.mark.parametrize(
    ("seed", "split", "index"), [(1, "train", 0), (0, "test", 0), (0, "train", 1)]
)
def test_seeds_splits_and_batches_are_different_streams(seed, split, index):
    first = source(seed=0).batch("train", 0, 32).inputs[:, :, 0]
    other = source(seed=seed).batch(split, index, 32).inputs[:, :, 0]
    # correlation of 3,200 independent pairs: deviation 1 / sqrt(3200); 5 of them
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 5 / np.sqrt(3200)


@pytest.mark.parametrize("length", [1, 0, -5])
def test_a_length_without_two_halves_is_refused(length):
    with pytest.raises(ValidationError, match="length"):
        AddingTask(length=length)


def test_a_wrong_split_is_refused():
    with pytest.raises(InputError, match="no split 'eval'"):
        source().batch("eval", 0, 1)


def test_outputs_of_another_shape_are_refused():
    with pytest.raises(InputError, match=r"\(batch, 1\) is due"):
        source().scores(np.zeros(4), np.zeros((4, 1)))


def test_nothing_to_score_is_refused():
    with pytest.raises(InputError, match="nothing to score"):
        source().scores(np.zeros((0, 1)), np.zeros((0, 1)))


def test_outputs_that_are_not_finite_are_an_error():
    with pytest.raises(NotFiniteError, match="1 of 2 outputs"):
        source().scores(np.array([[np.inf], [0.0]]), np.zeros((2, 1)))
