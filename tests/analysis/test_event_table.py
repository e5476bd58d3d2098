"""What is said of all episodes of a recording beside its surrogates."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from cortexwave.analysis.event_table import Found, p_of_either

COUNT = 39


def found(masses: np.ndarray, totals: np.ndarray) -> Found:
    """The first of both is the recording's."""
    rows = ({"mass": float(masses[0])},)
    return Found(rows=rows, null_masses=masses[1:], null_totals=totals[1:],
                 total=float(totals[0]), frames=1)  # fmt: skip


@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_the_choice_between_two_statistics_is_paid_for(shared):
    """Where the recording is as its surrogates are, p is uniform."""
    draw = np.random.default_rng(3)
    common, one, other = draw.random((3, 2000, 1 + COUNT))
    pairs = (shared * common + (1 - shared) * each for each in (one, other))
    p = np.array([p_of_either(found(*each)) for each in zip(*pairs, strict=True)])
    for alpha in (0.05, 0.025):
        low, high = binom.interval(0.999, p.size, alpha)
        assert low <= np.sum(p <= alpha) <= high


def test_a_recording_beyond_all_surrogates_has_the_least_p_there_is():
    draw = np.random.default_rng(0)
    masses, totals = draw.random((2, 1 + COUNT))
    masses[0], totals[0] = 2.0, 0.01  # one great wave
    one = p_of_either(found(masses, totals))
    totals[0] = 2.0  # many of them
    assert p_of_either(found(masses, totals)) == pytest.approx(1 / (1 + COUNT))
    # at worst the choice of two doubles it
    assert 1 / (1 + COUNT) <= one <= 2 / (1 + COUNT)


def test_nothing_found_is_no_evidence():
    none = Found(rows=(), null_masses=np.zeros(COUNT), null_totals=np.zeros(COUNT))
    assert p_of_either(none) == 1.0
