"""Bits of confusions against closed forms, and their bias."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.memory.information import (
    confusion_bits,
    panzeri_treves_bias,
    plug_in_bits,
    possible_responses,
)


def test_a_symmetric_channel_carries_what_its_closed_form_says():
    k, right = 4, 0.7
    wrong = (1 - right) / (k - 1)
    counts = 1e6 * (wrong * np.ones((k, k)) + (right - wrong) * np.eye(k))
    expected = np.log2(k) + right * np.log2(right) + 3 * wrong * np.log2(wrong)
    assert plug_in_bits(counts) == pytest.approx(expected, rel=1e-12)
    assert confusion_bits(counts) == pytest.approx(expected, abs=1e-5)


def test_the_bias_of_full_counts_is_the_published_first_order_term():
    counts = np.full((5, 5), 20)
    # [sum_s (R_s - 1) - (R - 1)] / (2 n ln 2) = (5 * 4 - 4) / (2 * 500 ln 2)
    assert panzeri_treves_bias(counts) == pytest.approx(16 / (1000 * np.log(2)))


@pytest.mark.parametrize("trials", [20, 60])  # 4 and more per response
def test_independent_guesses_carry_no_bits_after_correction(trials):
    draw = np.random.default_rng(0)
    counts = draw.multinomial(trials, np.full(5, 0.2), size=(4000, 5))
    raw, corrected = plug_in_bits(counts).mean(), confusion_bits(counts).mean()
    first_order = 16 / (2 * 5 * trials * np.log(2))
    assert raw == pytest.approx(first_order, rel=0.1)  # to first order
    # what is left is of second order in responses / trials: a tenth at 4 per response
    assert abs(corrected) < 0.12 * raw


def test_bits_of_a_good_decoder_are_unbiased_from_few_trials():
    k, right = 4, 0.8
    rows = (0.2 / 3) * np.ones((k, k)) + (right - 0.2 / 3) * np.eye(k)
    true = np.log2(k) + right * np.log2(right) + 0.2 * np.log2(0.2 / 3)
    draw = np.random.default_rng(1)
    counts = np.stack([draw.multinomial(20, row, size=4000) for row in rows], axis=1)
    raw, corrected = plug_in_bits(counts).mean(), confusion_bits(counts).mean()
    assert raw > true + 0.08
    # the second order, which is not corrected, is a third of the first here
    assert corrected == pytest.approx(true, abs=0.04)


def test_hidden_responses_are_counted_only_where_few_trials_may_hide_them():
    few, many = np.array([1, 1, 1, 0, 0, 0]), np.array([300, 300, 300, 0, 0, 0])
    most = np.array(6)
    assert possible_responses(few, most) > 3
    assert possible_responses(many, most) == 3


def test_confusions_without_trials_carry_nothing():
    assert confusion_bits(np.zeros((3, 3))) == 0
