"""One decoder reads a wave at every time; a register, and noise, it does not."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.errors import InputError
from cortexwave.learning.hidden_waves.decoder import (
    score_contents,
    score_fixed_decoder,
    site_contents,
)
from cortexwave.learning.hidden_waves.systems import TASKS, run

SITES = DIMS = 8


def items(sequences, *, task="T1", steps=24, seed=0):
    """What the sites hold (sequence, time, site, dim), from random items of +-1."""
    rng = np.random.default_rng(seed)
    history = rng.choice([-1.0, 1.0], (sequences, SITES, DIMS))
    later = run(TASKS[task].system(), history, steps)
    return site_contents(np.concatenate([history, later], axis=1), sites=SITES)


def hidden_in(contents, *, units, seed=0):
    Psi = np.random.default_rng(seed).standard_normal((units, SITES * DIMS))
    return contents.reshape(*contents.shape[:2], -1) @ Psi.T


def test_windows_slide_over_the_vectors_with_the_oldest_first():
    vectors = np.arange(10.0).reshape(5, 2)
    held = site_contents(vectors, sites=3)
    assert held.shape == (3, 3, 2)
    np.testing.assert_array_equal(held[1], [[2, 3], [4, 5], [6, 7]])


@pytest.mark.parametrize("task", ["T1", "T2"])
def test_wave_is_read_by_one_decoder_at_all_sites_and_ages(task):
    contents = items(40, task=task)
    scores = score_fixed_decoder(hidden_in(contents, units=100), contents, ridge=0.0)
    assert scores.r2.shape == (8, 25)
    # the contents are a linear function of the state
    np.testing.assert_allclose(scores.r2, 1.0, atol=1e-9)
    np.testing.assert_array_equal(scores.signs, 1.0)
    assert scores.attrs["r2"] == pytest.approx(1.0, abs=1e-9)


def test_register_is_read_by_one_decoder_to_an_eighth_only():
    # items stay in their slots while the sites' contents move on: the best fixed
    # decoder of a site is the mean of the eight slots, whose R2 is 1/8
    contents = items(600, steps=15)
    slots = np.repeat(contents[:, :1].reshape(600, 1, -1), 16, axis=1)
    scores = score_fixed_decoder(slots, contents, ridge=0.0)
    # a mean over 600 sequences: sd of a correlation is 1 / sqrt(600 * 8 dims) = 0.014
    np.testing.assert_allclose(scores.r2_dim.mean("dim"), 1 / 8, atol=0.05)
    assert scores.attrs["r2"] == pytest.approx(1 / 8, abs=0.02)


def test_states_that_know_nothing_score_nothing_on_sequences_left_out():
    contents = items(60, steps=10)
    states = np.random.default_rng(9).standard_normal((60, 11, 50))
    scores = score_fixed_decoder(states, contents, ridge=0.0)
    # fitted in sample, 50 of about 530 unknowns would explain 0.09
    assert scores.attrs["r2"] < 0.02
    assert float(abs(scores.signs.mean() - 0.5)) < 0.02


def test_noise_lowers_r2_as_the_ratio_of_variances():
    # each content is read by itself from its own unit: R2 = 1 / (1 + noise variance)
    contents = items(400, steps=20)
    exact = contents.reshape(400, 21, -1)
    noisy = exact + np.random.default_rng(3).standard_normal(exact.shape)
    scores = score_fixed_decoder(noisy, contents, ridge=0.0)
    # 8400 samples for 64 weights lose 0.004 each way
    assert scores.attrs["r2"] == pytest.approx(0.5, abs=0.01)


def test_strong_penalty_shrinks_to_nothing():
    contents = items(40)
    states = hidden_in(contents, units=100)
    scores = score_fixed_decoder(states, contents, ridge=1e9)
    assert scores.attrs["r2"] == pytest.approx(0.0, abs=0.05)


def test_only_entries_that_are_kept_are_scored():
    contents = items(40, steps=4)
    kept = np.ones((8, 8), dtype=bool)
    kept[:, 3] = kept[0] = False
    scores = score_fixed_decoder(
        hidden_in(contents, units=70), contents, ridge=0.0, kept=kept
    )
    np.testing.assert_array_equal(np.isfinite(scores.r2_dim), kept)
    assert np.isnan(scores.r2[0]).all()
    assert scores.attrs["r2"] == pytest.approx(1.0, abs=1e-9)


def test_the_same_seed_deals_the_same_folds():
    contents = items(20, steps=4)
    states = np.random.default_rng(2).standard_normal((20, 5, 30))
    one, same = (score_fixed_decoder(states, contents, ridge=0.1, seed=3)
                 for _ in range(2))  # fmt: skip
    assert one.identical(same)


def test_scores_are_one_minus_error_over_variance():
    truth = np.array([1.0, -1.0, 1.0, -1.0])[:, None, None, None]
    decoded = np.array([0.5, -0.5, 0.5, 0.5])[:, None, None, None]
    scores = score_contents(decoded, truth)
    # errors .25 * 3 + 2.25 = 3 of a variance of 4; one sign of four is wrong
    assert scores.r2.item() == scores.r2_dim.item() == 0.25
    assert scores.signs.item() == 0.75


def test_what_was_not_decoded_or_does_not_vary_has_no_score():
    rng = np.random.default_rng(0)
    truth = rng.standard_normal((6, 3, 2, 2))
    truth[:, :, 1, 1] = 4.0
    decoded = truth.copy()
    decoded[:, :, 0, 0] = np.nan
    scores = score_contents(decoded, truth)
    np.testing.assert_array_equal(
        np.isnan(scores.r2_dim), [[True, False], [False, True]]
    )
    np.testing.assert_array_equal(scores.r2, 1.0)


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        (
            {"states": np.zeros((10, 4, 200)), "ridge": 0.0},
            r"32 samples.*too few for 201 unknowns.*about 64 sequences of 4",
        ),
        ({"states": np.zeros((9, 4, 5))}, r"states are \(9, 4, 5\), contents \(10, 4"),
        ({"states": np.full((10, 4, 5), np.nan)}, "states hold numbers.*not finite"),
        ({"ridge": -1.0}, "ridge is -1.0"),
        ({"kept": np.ones((2, 3))}, r"kept is \(2, 3\).*\(2, 2\)"),
        ({"folds": 1}, "10 sequences make 2 to 10 folds, not 1"),
        ({"folds": 11}, "2 to 10 folds, not 11"),
    ],
)
def test_what_cannot_be_fitted_is_refused(change, culprit):
    given = {"states": np.zeros((10, 4, 5)), "contents": np.zeros((10, 4, 2, 2)),
             "ridge": 0.1, **change}  # fmt: skip
    with pytest.raises(InputError, match=culprit):
        score_fixed_decoder(given.pop("states"), given.pop("contents"), **given)


def test_vectors_fewer_than_the_sites_are_refused():
    with pytest.raises(InputError, match="do not fill 8 sites"):
        site_contents(np.zeros((7, 2)), sites=8)
    with pytest.raises(InputError, match="decoded contents are"):
        score_contents(np.zeros((1, 2, 3, 4)), np.zeros((1, 2, 3, 5)))
