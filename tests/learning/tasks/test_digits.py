"""Sequential digits against scikit-learn's own arrays."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from cortexwave.errors import InputError, NotFiniteError
from cortexwave.learning.tasks import Shape
from cortexwave.learning.tasks.digits import DigitsTask


def source(seed=0, **more):
    return DigitsTask(**more).open(None, seed)


def whole(task, split):
    """All sequences of a split in one batch."""
    return task.batch(split, 0, task.counts[split])


def rows(batch):
    """Each sequence and its class as one row, in sorted order."""
    table = np.column_stack([batch.inputs[:, :, 0], batch.targets])
    return table[np.lexsort(table.T)]


def everything(task):
    """All sequences of all splits, each with its class, in sorted order."""
    parts = [rows(whole(task, split)) for split in ("train", "valid", "test")]
    table = np.concatenate(parts)
    return table[np.lexsort(table.T)]


def test_sequences_are_the_images_row_by_row_in_0_to_1():
    bundled = load_digits()
    task = source()
    table = np.column_stack([bundled.data / 16, bundled.target])
    assert task.shape == Shape(1, 10, 64, False, "cross_entropy")
    # exact: sixteenths are exact in float32; all 1,797 once, so splits are disjoint
    assert np.array_equal(everything(task), table[np.lexsort(table.T)])


def test_batches_are_float32_and_int64():
    batch = source().batch("train", 0, 5)
    assert batch.inputs.shape == (5, 64, 1)
    assert batch.inputs.dtype == np.float32
    assert batch.targets.shape == (5,)
    assert batch.targets.dtype == np.int64


def test_every_digit_is_divided_alike():
    task = source()
    counts = np.bincount(load_digits().target)
    test = np.bincount(whole(task, "test").targets)
    valid = np.bincount(whole(task, "valid").targets)
    assert np.array_equal(test, counts // 5)
    assert np.array_equal(valid, counts // 10)
    assert task.counts == {"train": 1266, "valid": 176, "test": 355}


def test_seeds_divide_differently():
    assert not np.array_equal(
        rows(whole(source(0), "test"))[:50], rows(whole(source(1), "test"))[:50]
    )


def test_permuted_pixels_are_all_moved_alike_and_the_order_is_kept():
    plain, permuted = source(3), source(3, permuted=True)
    order = permuted.state()["permutation"]
    assert np.array_equal(np.sort(order), np.arange(64))
    assert not np.array_equal(order, np.arange(64))
    before, after = plain.batch("test", 1, 20), permuted.batch("test", 1, 20)
    assert np.array_equal(after.inputs, before.inputs[:, order])
    assert np.array_equal(after.targets, before.targets)


def test_the_permutation_follows_from_the_seed():
    first, again, other = (
        source(seed, permuted=True).state()["permutation"] for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_permutation_only_the_data_need_be_told():
    assert source().state().keys() == {"data"}


def test_an_epoch_shows_every_training_image_once_but_the_short_rest():
    task = source()
    # 1,266 = 9 x 128 + 114
    epoch = np.concatenate([task.batch("train", i, 128).inputs for i in range(9)])
    shown = np.unique(epoch[:, :, 0], axis=0)
    # the bundled images hold no two alike, which the next line would show
    assert len(np.unique(load_digits().data, axis=0)) == 1797
    assert len(shown) == 9 * 128


def test_each_epoch_has_its_own_order():
    task = source()
    first, second = task.batch("train", 0, 128), task.batch("train", 9, 128)
    assert not np.array_equal(first.targets, second.targets)


def test_a_training_batch_is_the_same_in_any_order_of_asking():
    late = source().batch("train", 23, 100)
    task = source()
    task.batch("train", 4, 7)
    again = task.batch("train", 23, 100)
    assert np.array_equal(late.inputs, again.inputs)
    assert np.array_equal(late.targets, again.targets)


def test_slices_of_a_split_make_it_up_and_the_last_is_short():
    task = source()
    slices = [task.batch("test", index, 100) for index in range(4)]
    assert [len(part.targets) for part in slices] == [100, 100, 100, 55]
    joined = np.concatenate([part.inputs for part in slices])
    assert np.array_equal(joined, whole(task, "test").inputs)


def test_a_slice_larger_than_the_split_is_the_whole_split():
    assert len(source().batch("valid", 0, 1000).targets) == 176


def test_chance_is_near_that_of_ten_equal_classes():
    chance = source().chance
    counts = np.bincount(load_digits().target)
    rates = (counts - counts // 5 - counts // 10) / 1266
    assert chance["accuracy"] == pytest.approx(rates.max())
    assert chance["cross_entropy"] == pytest.approx(-(rates * np.log(rates)).sum())
    assert chance["cross_entropy"] == pytest.approx(np.log(10), rel=1e-3)


def test_scores_of_hand_made_logits():
    logits = np.zeros((3, 10))
    logits[0, 4] = logits[1, 4] = np.log(11)  # p(4) = 11 / 20
    scores = source().scores(logits, np.array([4, 4, 2]))
    expected = -(2 * np.log(11 / 20) + np.log(1 / 10)) / 3
    assert scores["cross_entropy"] == pytest.approx(expected, rel=1e-12)
    assert scores["accuracy"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("split", "index", "size", "message"),
    [
        ("train", 0, 1267, "batch of 1267 is larger than the 1266 training"),
        ("test", 4, 100, "no batch 4 of 100 in 'test': its 355 sequences are 4"),
        ("valid", -1, 4, "index is -1"),
        ("dev", 0, 4, "no split 'dev'"),
        ("train", 0, 0, "size is 0"),
    ],
)
def test_a_batch_that_cannot_be_is_refused(split, index, size, message):
    with pytest.raises(InputError, match=message):
        source().batch(split, index, size)


def test_outputs_at_every_step_are_refused():
    with pytest.raises(InputError, match=r"\(2, 10\) is due"):
        source().scores(np.zeros((2, 64, 10)), np.array([1, 2]))


def test_outputs_that_are_not_finite_are_an_error():
    with pytest.raises(NotFiniteError, match="10 of 10"):
        source().scores(np.full((1, 10), np.nan), np.array([1]))
