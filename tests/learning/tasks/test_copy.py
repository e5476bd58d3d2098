"""The copy task against its published formats, and its scores against formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy.stats import chi2

from cortexwave.errors import InputError, NotFiniteError
from cortexwave.learning.tasks import Batch, Shape, TaskDocument
from cortexwave.learning.tasks.copy import CopyTask

DELIMITER = 9


def source(convention="code", length=20, seed=0, **more):
    return CopyTask(convention=convention, length=length, **more).open(None, seed)


def shown(batch: Batch) -> np.ndarray:
    """The classes (batch, time) that the one-hot inputs stand for."""
    assert np.array_equal(np.unique(batch.inputs), [0, 1])
    assert np.array_equal(batch.inputs.sum(axis=2), np.ones(batch.inputs.shape[:2]))
    return batch.inputs.argmax(axis=2)


# Total lengths as published: T_code + 10 in the code, T + 20 in the text.
@pytest.mark.parametrize(
    ("convention", "length", "steps", "delimiter"),
    [
        ("code", 11, 21, 10),
        ("code", 20, 30, 19),
        ("code", 50, 60, 49),
        ("code", 100, 110, 99),
        ("code", 500, 510, 499),
        ("paper", 0, 20, 10),
        ("paper", 10, 30, 20),
        ("paper", 480, 500, 490),
    ],
)
def test_each_convention_lays_out_its_sequences(convention, length, steps, delimiter):
    task = source(convention, length)
    batch = task.batch("train", 0, 7)
    classes = shown(batch)
    assert task.shape == Shape(10, 10, steps, True, "cross_entropy")
    assert batch.inputs.shape == (7, steps, 10)
    assert batch.inputs.dtype == np.float32
    assert batch.targets.shape == (7, steps)
    assert batch.targets.dtype == np.int64
    symbols = classes[:, :10]
    assert symbols.min() >= 1 and symbols.max() <= 8
    assert np.array_equal(classes[:, delimiter], np.full(7, DELIMITER))
    blank = np.delete(classes, [*range(10), delimiter], axis=1)
    assert np.array_equal(blank, np.zeros_like(blank))
    assert np.array_equal(batch.targets[:, -10:], symbols)
    assert np.array_equal(batch.targets[:, :-10], np.zeros((7, steps - 10)))


def test_as_published_the_delimiter_overwrites_the_tenth_symbol():
    batch = source("code", 10, as_published=True).batch("train", 0, 5)
    classes = shown(batch)
    assert classes.shape == (5, 20)
    assert np.array_equal(classes[:, 9], np.full(5, DELIMITER))
    assert classes[:, :9].max() <= 8 and classes[:, :9].min() >= 1
    assert np.array_equal(classes[:, 10:], np.zeros((5, 10)))
    assert np.array_equal(batch.targets[:, -10:], classes[:, :10])
    assert np.array_equal(batch.targets[:, -1], np.full(5, DELIMITER))


def test_as_published_changes_nothing_where_there_is_room():
    published = source("code", 20, as_published=True).batch("train", 3, 4)
    assert np.array_equal(published.inputs, source().batch("train", 3, 4).inputs)


def test_items_and_symbols_can_be_fewer():
    task = source("paper", 3, items=2, symbols=4)
    classes = shown(task.batch("test", 0, 50))
    assert task.shape == Shape(6, 6, 7, True, "cross_entropy")
    assert set(classes[:, :2].ravel()) == {1, 2, 3, 4}
    assert np.array_equal(classes[:, 2:], np.tile([0, 0, 0, 5, 0], (50, 1)))


def test_symbols_are_uniform():
    classes = shown(source().batch("train", 0, 4000))[:, :10]
    counts = np.bincount(classes.ravel(), minlength=9)[1:]
    expected = 4000 * 10 / 8
    statistic = ((counts - expected) ** 2 / expected).sum()
    # one draw of a fixed seed: a right generator fails one seed in 10,000
    assert statistic < chi2.ppf(1 - 1e-4, df=7)


def test_symbols_are_independent_of_their_neighbours():
    classes = shown(source().batch("train", 0, 4000))[:, :10]
    pairs = np.bincount((8 * (classes[:, :-1] - 1) + classes[:, 1:] - 1).ravel())
    expected = 4000 * 9 / 64
    statistic = ((pairs - expected) ** 2 / expected).sum()
    # overlapping pairs are correlated a little, so the bound is twice the quantile
    assert len(pairs) == 64
    assert statistic < 2 * chi2.ppf(1 - 1e-4, df=63)


def test_a_batch_depends_on_seed_split_and_index_alone():
    task = source(seed=5)
    later = task.batch("train", 7, 16)
    task.batch("valid", 0, 3)
    again = source(seed=5).batch("train", 7, 16)
    assert np.array_equal(later.inputs, again.inputs)
    assert np.array_equal(later.targets, again.targets)


@pytest.mark.parametrize(
    ("seed", "split", "index"),
    [(1, "train", 0), (0, "valid", 0), (0, "test", 0), (0, "train", 1)],
)
def test_seeds_splits_and_batches_are_different_streams(seed, split, index):
    first = source(seed=0).batch("train", 0, 64)
    other = source(seed=seed).batch(split, index, 64)
    # of 64 x 10 symbols an eighth agrees by chance: 80 +- 8.4; 5 deviations
    agree = np.count_nonzero(first.targets[:, -10:] == other.targets[:, -10:])
    assert abs(agree - 80) < 42


def test_the_global_random_state_is_left_alone():
    before = np.random.get_state()[1].copy()
    source().batch("train", 0, 4)
    assert np.array_equal(np.random.get_state()[1], before)


def answers(task, batch, *, sharpness=50.0):
    """Logits that are surely right."""
    logits = np.zeros((*batch.targets.shape, task.shape.outputs), np.float32)
    np.put_along_axis(logits, batch.targets[:, :, None], sharpness, axis=2)
    return logits


def test_right_answers_score_one():
    task = source()
    batch = task.batch("test", 0, 6)
    scores = task.scores(answers(task, batch), batch.targets)
    assert scores["symbol_accuracy"] == 1
    assert scores["sequence_accuracy"] == 1
    # -log(1 / (1 + 9 exp(-50))) is 1.7e-21
    assert scores["cross_entropy"] < 1e-15
    assert scores["softmax_mean_squared_error"] < 1e-30


def test_one_wrong_symbol_spoils_one_symbol_and_one_sequence():
    task = source()
    batch = task.batch("test", 0, 4)
    logits = answers(task, batch)
    logits[2, -1] = np.eye(10)[0]  # a blank, which is never a symbol
    scores = task.scores(logits, batch.targets)
    assert scores["symbol_accuracy"] == pytest.approx(39 / 40)
    assert scores["sequence_accuracy"] == pytest.approx(3 / 4)


def test_wrong_blanks_do_not_count_as_symbols():
    task = source()
    batch = task.batch("test", 0, 4)
    logits = answers(task, batch)
    logits[:, :-10] = np.eye(10)[3]
    assert task.scores(logits, batch.targets)["symbol_accuracy"] == 1


def test_equal_logits_cost_the_entropy_of_ten_classes():
    task = source()
    batch = task.batch("test", 0, 3)
    scores = task.scores(np.zeros((3, 30, 10), np.float32), batch.targets)
    assert scores["cross_entropy"] == pytest.approx(math.log(10), rel=1e-12)
    assert scores["cross_entropy_over_50"] == pytest.approx(math.log(10) / 50)
    # (0.9^2 + 9 * 0.1^2) / 10
    assert scores["softmax_mean_squared_error"] == pytest.approx(0.09, rel=1e-12)


# The published chance levels, "MSE" at total lengths 20, 30, 60 and 110.
@pytest.mark.parametrize(
    ("convention", "length", "level"),
    [("paper", 0, 2.1e-2), ("code", 20, 1.4e-2), ("code", 50, 6.9e-3),
     ("code", 100, 3.8e-3)],
)  # fmt: skip
def test_chance_is_the_published_level(convention, length, level):
    chance = source(convention, length).chance
    assert chance["cross_entropy_over_50"] == pytest.approx(level, rel=0.02)  # 2 digits
    assert chance["symbol_accuracy"] == 1 / 8
    assert chance["sequence_accuracy"] == pytest.approx(8.0**-10)


def knowing_the_rates(task, targets):
    """Logits of the blank before recall, and of every symbol alike in it."""
    low, items = -200.0, task.task.items
    logits = np.full((*targets.shape, task.shape.outputs), low)
    logits[:, :-items, 0] = 0.0
    logits[:, -items:, 1:-1] = 0.0
    return logits


def test_chance_is_what_knowing_the_rates_scores():
    task = source("paper", 5)
    batch = task.batch("test", 0, 40)
    scores = task.scores(knowing_the_rates(task, batch.targets), batch.targets)
    for_sure = ("cross_entropy", "cross_entropy_over_50", "softmax_mean_squared_error")
    assert {name: scores[name] for name in for_sure} == pytest.approx(
        {name: task.chance[name] for name in for_sure}, rel=1e-12
    )


def test_chance_as_published_knows_the_overwritten_symbol():
    task = source("code", 10, as_published=True)
    batch = task.batch("test", 0, 40)
    logits = knowing_the_rates(task, batch.targets)
    logits[:, -1] = np.where(np.arange(10) == DELIMITER, 0.0, -200.0)
    scores = task.scores(logits, batch.targets)
    assert scores["cross_entropy"] == pytest.approx(task.chance["cross_entropy"])
    assert task.chance["cross_entropy"] == pytest.approx(math.log(8) * 9 / 20)
    assert task.chance["symbol_accuracy"] == pytest.approx((9 / 8 + 1) / 10)
    assert task.chance["sequence_accuracy"] == pytest.approx(8.0**-9)
    assert scores["softmax_mean_squared_error"] == pytest.approx(
        task.chance["softmax_mean_squared_error"]
    )


def test_chance_and_scores_have_the_same_names():
    task = source()
    batch = task.batch("test", 0, 2)
    assert list(task.scores(answers(task, batch), batch.targets)) == list(task.chance)


def test_nothing_need_be_saved():
    assert source().state() == {}
    assert source().counts == {"train": None, "valid": None, "test": None}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"convention": "code", "length": 10}, "no room for the delimiter"),
        ({"convention": "code", "length": 9}, "at least 11"),
        ({"convention": "code", "length": 9, "as_published": True}, "at least 11"),
        ({"convention": "paper", "length": 0, "as_published": True}, "of the code"),
        ({"convention": "paper", "length": -1}, "length"),
        ({"convention": "paper", "length": 5, "symbols": 0}, "symbols"),
        ({"convention": "paper", "length": 5, "items": 0}, "items"),
        ({"convention": "paper", "length": True}, "length is true"),
        ({"length": 20}, "convention"),
        ({"convention": "paper", "length": 5, "delay": 3}, "delay"),
    ],
)
def test_a_task_that_cannot_be_is_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        TypeAdapter(TaskDocument).validate_python({"kind": "copy", **given})


@pytest.mark.parametrize(
    ("split", "index", "size", "message"),
    [
        ("training", 0, 4, "no split 'training'; splits are train, valid, test"),
        ("train", -1, 4, "index is -1"),
        ("train", 0, 0, "size is 0"),
    ],
)
def test_a_batch_that_cannot_be_is_refused(split, index, size, message):
    with pytest.raises(InputError, match=message):
        source().batch(split, index, size)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_that_cannot_be_is_refused(seed):
    with pytest.raises(InputError, match="seed"):
        source(seed=seed)


def test_outputs_of_another_shape_are_refused():
    task = source()
    targets = task.batch("test", 0, 2).targets
    with pytest.raises(InputError, match=r"\(2, 30, 10\) is due"):
        task.scores(np.zeros((2, 10, 30)), targets)


def test_targets_beyond_the_classes_are_refused():
    with pytest.raises(InputError, match="classes are from 0 to 9"):
        source().scores(np.zeros((1, 30, 10)), np.full((1, 30), 10))


def test_outputs_that_are_not_finite_are_an_error():
    task = source()
    targets = task.batch("test", 0, 1).targets
    outputs = np.zeros((1, 30, 10))
    outputs[0, 3, 3] = np.nan
    with pytest.raises(NotFiniteError, match="1 of 300 outputs"):
        task.scores(outputs, targets)


def test_huge_logits_do_not_overflow():
    task = source()
    batch = task.batch("test", 0, 2)
    logits = answers(task, batch, sharpness=np.float32(1e30))
    assert task.scores(logits, batch.targets)["cross_entropy"] == 0
