"""Which sources are on at a step: the cursor against a look at every source."""

from __future__ import annotations

import time

import numpy as np
import pytest

from cortexwave.sheet.drive import Shown, TrialDrive


def _shown(first, last, value):
    return Shown("a", first, last, np.full((1, 1, 1), value), lambda step: 1.0)


@pytest.mark.parametrize("order", ["forward", "backward", "at random"])
def test_the_sum_is_that_of_all_sources_that_are_on(order):
    draw = np.random.default_rng(0)
    firsts, lengths = draw.integers(0, 400, 60), draw.integers(1, 60, 60)
    spans = [(int(f), int(f + d), 2.0**-i)
             for i, (f, d) in enumerate(zip(firsts, lengths, strict=True))]  # fmt: skip
    drive = TrialDrive([_shown(*span) for span in spans])
    steps = {"forward": range(500), "backward": range(499, -1, -1),
             "at random": draw.integers(0, 500, 400)}[order]  # fmt: skip
    for step in steps:
        expected = sum(value for f, last, value in spans if f <= step < last)
        found = drive.at("a", int(step))
        # powers of two: the sum is exact in any order
        assert (0.0 if found is None else found[0, 0, 0]) == expected


def test_many_sources_cost_no_more_each():
    def seconds(count):
        drive = TrialDrive([_shown(2 * i, 2 * i + 1, 1.0) for i in range(count)])
        begun = time.process_time()
        for step in range(2 * count):
            drive.at("a", step)
        return time.process_time() - begun

    # 16 times as many take about 16 times as long; looking at every source at every
    # change would take 256 times
    assert seconds(32_000) < 64 * seconds(2_000)
