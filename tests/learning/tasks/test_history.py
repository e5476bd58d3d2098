"""The history tasks against the published ones written out, and their chance."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from cortexwave.errors import InputError, NotFiniteError
from cortexwave.learning.tasks import Shape
from cortexwave.learning.tasks.history import HistoryTask

DIAGONAL = 9241421688590303745  # one bit for each site, dim = site

# x_k(t) = sign * x_j(t - lag): (j, lag, sign) for k = 0 to 7, read off the published
# table by hand (Karuvally et al. 2024, code).
READ = {
    "T1": [(k, 8, 1) for k in range(8)],
    "T2": [(k, 8 - k, 1) for k in range(8)],
    "T3": [(4, 4, -1), (3, 5, 1), (2, 6, -1), (0, 8, -1), (1, 7, -1), (5, 3, -1),
           (7, 1, 1), (6, 2, -1)],
    "T4": [(5, 3, -1), (6, 2, 1), (0, 8, 1), (1, 7, 1), (2, 6, -1), (3, 5, 1),
           (4, 4, 1), (7, 1, -1)],
}  # fmt: skip
IDS = {
    "T1": (255, 0, 0),
    "T2": (DIAGONAL, 0, 0),
    "T3": (DIAGONAL, 262676, 189),
    "T4": (DIAGONAL, 38637, 145),
}


def source(task="T1", horizon=20, seed=0, **keys):
    return HistoryTask(task=task, horizon=horizon, **keys).open(None, seed)


def course_of(batch, sites=8):
    """Vectors shown and vectors due, one after the other (batch, time, dim)."""
    return np.concatenate([batch.inputs[:, :sites], batch.targets], axis=1)


@pytest.mark.parametrize("task", READ)
def test_every_vector_due_is_the_published_copy_of_earlier_ones(task):
    course = course_of(source(task).batch("train", 0, 50))
    assert course.shape == (50, 28, 8)
    expected = np.stack(
        [sign * course[:, 8 - lag : -lag, j] for j, lag, sign in READ[task]], axis=2
    )
    assert np.array_equal(course[:, 8:], expected)


@pytest.mark.parametrize("task", READ)
def test_a_named_task_is_its_three_numbers(task):
    named = source(task).batch("valid", 0, 10)
    numbered = source(None, ids=IDS[task]).batch("valid", 0, 10)
    assert np.array_equal(named.inputs, numbered.inputs)
    assert np.array_equal(named.targets, numbered.targets)


def test_a_copy_of_other_sizes_is_made_of_its_numbers():
    # bits 0, 3: dim 0 reads (site 0, dim 0), dim 1 (site 1, dim 1), and -1 of it
    task = source(None, horizon=6, ids=(0b1001, 0, 0b10), dims=2, sites=3)
    course = course_of(task.batch("train", 0, 5), sites=3)
    assert np.array_equal(course[:, 3:, 0], course[:, :-3, 0])
    assert np.array_equal(course[:, 3:, 1], -course[:, 1:-2, 1])


def test_vectors_are_shown_first_and_then_nothing():
    task = source(horizon=12)
    batch = task.batch("train", 0, 40)
    assert task.shape == Shape(8, 8, 20, True, "mean_squared_error", first_answer=8)
    assert batch.inputs.shape == (40, 20, 8) and batch.targets.shape == (40, 12, 8)
    assert batch.inputs.dtype == batch.targets.dtype == np.float32
    assert set(np.unique(batch.inputs[:, :8])) == {-1.0, 1.0}
    assert not batch.inputs[:, 8:].any()


def test_both_signs_are_shown_equally_often():
    shown = source().batch("train", 0, 1000).inputs[:, :8]
    # 64,000 fair signs: the mean deviates by 1 / sqrt(64,000); 5 of it
    assert abs(shown.mean()) < 5 / np.sqrt(shown.size)


def test_horizons_of_training_and_test_differ():
    task = source(horizon=10, test_horizon=200)
    shapes = [task.batch(split, 0, 2).targets.shape for split in task.counts]
    assert shapes == [(2, 10, 8), (2, 200, 8), (2, 200, 8)]


def test_the_same_vectors_are_shown_whatever_the_horizon():
    short = source(horizon=10).batch("train", 3, 5)
    long = source(horizon=24).batch("train", 3, 5)
    assert np.array_equal(short.inputs, long.inputs[:, :18])
    assert np.array_equal(short.targets, long.targets[:, :10])


@pytest.mark.parametrize(
    ("seed", "split", "index"), [(1, "train", 0), (0, "test", 0), (0, "train", 1)]
)
def test_seeds_splits_and_batches_are_different_streams(seed, split, index):
    first = source(seed=0).batch("train", 0, 64).inputs[:, :8]
    other = source(seed=seed).batch(split, index, 64).inputs[:, :8]
    # correlation of 4,096 independent pairs: deviation 1 / sqrt(4096); 5 of them
    assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 5 / 64


@pytest.mark.parametrize(
    ("horizon", "names"),
    [(9, []), (10, ["10"]), (150, ["10", "100"]), (200, ["10", "100", "200"])],
)
def test_accuracy_is_told_as_far_as_the_horizon_reaches(horizon, names):
    known = ["mean_squared_error", "bit_accuracy"]
    known += [f"bit_accuracy_at_{name}" for name in names]
    task = source(horizon=5, test_horizon=horizon)
    batch = task.batch("test", 0, 2)
    answers = np.zeros((2, 8 + horizon, 8))
    assert list(task.chance) == list(task.scores(answers, batch.targets)) == known


def test_scores_of_hand_made_answers():
    task = source(horizon=100)
    targets = task.batch("test", 0, 3).targets.astype(float)
    answers = np.full((3, 108, 8), 1e9)  # what is said before the answers is free
    answers[:, 8:] = 0.5 * targets
    answers[:, 8 + 5 :, 0] *= -1  # one of 8 dims is wrong from output step 5 on
    answers[:, -1, 1] = 0  # an answer without a sign is wrong too
    scores = task.scores(answers, targets)
    wrong = 3 * 95
    error = wrong * 1.5**2 + 3 * 1.0 + (2400 - wrong - 3) * 0.5**2
    # float64 sums of 2,400 terms
    assert scores["mean_squared_error"] == pytest.approx(error / 2400, rel=1e-12)
    assert scores["bit_accuracy"] == pytest.approx(1 - (wrong + 3) / 2400, rel=1e-12)
    assert scores["bit_accuracy_at_10"] == pytest.approx(1 - 5 / 80, rel=1e-12)
    assert scores["bit_accuracy_at_100"] == scores["bit_accuracy"]


def test_chance_is_what_knowing_nothing_scores():
    task = source("T3", horizon=10)
    targets = task.batch("test", 0, 2000).targets
    guesses = np.random.default_rng(0).choice([-1.0, 1.0], (2000, 18, 8))
    told, silent = (task.scores(each, targets) for each in (guesses, 0 * guesses))
    assert silent["mean_squared_error"] == task.chance["mean_squared_error"] == 1
    # 160,000 guesses: deviation 0.5 / 400; 5 of it
    assert told["bit_accuracy"] == pytest.approx(task.chance["bit_accuracy"], abs=6e-3)


BAD = {
    "neither": ({}, "either task"),
    "both": ({"task": "T1", "ids": (255, 0, 0)}, "either task"),
    "other sizes": ({"task": "T1", "dims": 4}, "T1 has 8 dims and 8 sites, not 4 and"),
    "bits": ({"ids": (127, 0, 0)}, "ids: id1 has 7 bits"),
    "swap": ({"ids": (255, 2**23, 0)}, "ids: digit 7 of id2 is 4"),
    "signs": ({"ids": (255, 0, 256)}, "ids: id3 is 256"),
    "no answer": ({"task": "T1", "horizon": 0}, "horizon"),
    "unknown": ({"task": "T5"}, "T4"),
}


@pytest.mark.parametrize(("keys", "message"), BAD.values(), ids=BAD)
def test_what_is_no_task_is_refused(keys, message):
    with pytest.raises(ValidationError, match=message):
        HistoryTask(**{"horizon": 10, **keys})


@pytest.mark.parametrize("shape", [(3, 20, 8), (3, 28, 4), (2, 28, 8)])
def test_outputs_of_another_shape_are_refused(shape):
    with pytest.raises(InputError, match=r"\(batch, 8 \+ horizon, 8\)"):
        source().scores(np.zeros(shape), np.zeros((3, 20, 8)))


def test_nothing_to_score_is_refused():
    with pytest.raises(InputError, match="nothing to score"):
        source().scores(np.zeros((0, 28, 8)), np.zeros((0, 20, 8)))


def test_an_output_that_is_not_finite_is_an_error():
    outputs = np.zeros((3, 28, 8))
    outputs[0, 9, 0] = np.inf
    with pytest.raises(NotFiniteError, match="1 of 672 outputs"):
        source().scores(outputs, np.ones((3, 20, 8)))
