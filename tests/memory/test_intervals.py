"""A line that carries pulses away tells how far apart they came, a register not."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.errors import InputError
from cortexwave.memory.intervals import decode_interval
from cortexwave.memory.trials import trials_from

INTERVALS = (1, 2, 4, 7)  # frames of 10 ms


def pulses(how, *, noise=0.3, per_interval=20):
    """Two pulses at site 0 of 12, at 0 and an interval later, seen for 10 frames."""
    draw = np.random.default_rng(0)
    labels = np.repeat(INTERVALS, per_interval)
    values = noise * draw.standard_normal((labels.size, 10, 12))
    for trial, interval in enumerate(labels):
        for frame in range(10):
            for onset in (0, interval):
                if frame >= onset:
                    values[trial, frame, frame - onset if how == "line" else 0] += 1.0
    return trials_from(values, 0.01 * labels, step=0.01)


def read(how, **changes):
    return decode_interval(pulses(how), times=[0.09], count=5, permutations=39,
                           seed=1, **changes)  # fmt: skip


def test_a_line_tells_the_interval():
    found = read("line")
    assert found.accuracy.item() > 0.8 and found.p.item() <= 0.05
    assert found.error.item() < 0.01
    # of 1, 2, 4, 7 the best single answer is 2 or 4: (1 + 0 + 2 + 5) / 4 = 2 frames
    assert found.error_constant.item() == pytest.approx(0.02)


def test_a_register_that_adds_up_does_not():
    found = read("register")
    assert found.accuracy.item() < 0.4 and found.p.item() > 0.025
    assert found.error.item() > 0.015


@pytest.mark.parametrize(
    ("labels", "said"), [(["a", "b"], "numbers in s"), ([-0.1, 0.1], "not below 0")]
)
def test_labels_that_are_no_intervals_are_named(labels, said):
    values = np.random.default_rng(0).standard_normal((20, 4, 3))
    trials = trials_from(values, np.tile(labels, 10), step=0.01)
    with pytest.raises(InputError, match=said):
        decode_interval(trials, permutations=19, seed=0)
