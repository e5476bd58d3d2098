"""Velocities of many deals of the times are searched as those of one are."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.memory import shift_search
from cortexwave.memory.shift_search import Plan, Search


@pytest.fixture
def search():
    """A table of chance, but for one velocity that is always right."""
    draw = np.random.default_rng(0)
    velocities = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.5]])
    plan, trials, times, folds = Plan.of(velocities, 3), 21, 6, 3
    table = draw.random((folds, times, trials, times, len(plan.moves))) < 0.4
    for a in range(times):
        for b in range(times):
            if 0 < abs(b - a) <= 3:
                table[:, a, :, b, plan.at[1, abs(b - a), int(b < a)]] = True
    weight = draw.dirichlet(np.ones(trials))
    return Search(table, plan, np.arange(trials) % folds, weight, folds)


def test_the_velocity_that_is_always_right_is_found(search):
    still = np.broadcast_to(np.arange(6), (21, 6))
    assert search.best(still).tolist() == [1, 1, 1]


@pytest.mark.parametrize("at_once", [1, 10**6])
def test_a_search_of_many_deals_is_that_of_each(search, monkeypatch, at_once):
    monkeypatch.setattr(shift_search, "_LOOKED_UP", at_once)
    draw = np.random.default_rng(1)
    still = np.broadcast_to(np.arange(6), (21, 6))
    dealt = np.stack([still, *(draw.permuted(still, axis=1) for _ in range(40))])
    found = search.best_of_deals(dealt)
    assert np.unique(found[1:]).size == 3  # chance chooses any
    np.testing.assert_array_equal(found, [search.best(each) for each in dealt])
