"""The drive as engines read it: sums of what is on, None, and arrays that stay."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.errors import InputError, RunError
from cortexwave.sheet.drive import Drive, Shown, Streamed, TrialDrive

ONE = np.ones((1, 2, 3))


def shown(first, last, factor=1.0, into="drive", course=None):
    return Shown(into, first, last, ONE, course or (lambda step: factor))


def test_where_nothing_is_on_there_is_no_array():
    drive = TrialDrive([shown(3, 5)])
    assert [drive.at("drive", n) is None for n in range(7)] == [
        True, True, True, False, False, True, True,
    ]  # fmt: skip
    assert drive.at("other", 3) is None
    assert TrialDrive([]).at("drive", 0) is None
    assert Drive().trial(0).at("drive", 0) is None


def test_a_sample_that_stays_the_same_is_the_same_array():
    drive = TrialDrive([shown(0, 10, 2.0), shown(0, 6, 3.0), shown(4, 6)])
    found = [drive.at("drive", n) for n in range(10)]
    assert found[0] is found[3] and found[4] is found[5] and found[6] is found[9]
    assert found[3] is not found[4] and found[5] is not found[6]
    values = [float(sample[0, 0, 0]) for sample in found]
    assert values == [5] * 4 + [6] * 2 + [2] * 4


def test_a_sample_that_changes_is_another_array():
    drive = TrialDrive([shown(0, 10, course=lambda step: float(step // 2))])
    found = [drive.at("drive", n) for n in range(6)]
    assert found[0] is found[1] and found[1] is not found[2]
    # what was given before has not changed underneath
    assert found[0].max() == 0 and found[3].max() == 1 and found[5].max() == 2


def test_steps_may_be_asked_for_in_any_order():
    sources = [shown(n, n + 3, float(n + 1)) for n in range(0, 20, 2)]
    drive = TrialDrive(sources)
    forward = [drive.at("drive", n) for n in range(25)]
    again = TrialDrive(sources)
    order = np.random.default_rng(0).permutation(25)
    for n in order:
        sample = again.at("drive", int(n))
        assert (sample is None) == (forward[n] is None)
        if sample is not None:
            assert np.array_equal(sample, forward[n])


def test_inputs_are_apart():
    drive = TrialDrive([shown(0, 2, 1.0, "e"), shown(0, 2, 5.0, "i")])
    assert drive.at("e", 0).max() == 1 and drive.at("i", 0).max() == 5


def test_patterns_are_not_changed_by_being_summed():
    pattern = ONE.copy()
    drive = TrialDrive([Shown("drive", 0, 2, pattern, lambda step: 1.0)] * 3)
    assert drive.at("drive", 0).max() == 3
    assert np.array_equal(pattern, ONE)


def test_a_frame_is_made_once_as_long_as_it_is_shown():
    made = []

    def frame(place):
        made.append(place)
        return float(place) * ONE

    drive = TrialDrive([Streamed("drive", 2, 14, lambda step: step // 4, frame)])
    for n in range(16):
        drive.at("drive", n)
    assert made == [0, 1, 2]


def test_a_frame_that_is_not_finite_ends_the_run_by_name():
    bad = Streamed("drive", 0, 9, lambda step: step, lambda place: np.nan * ONE)
    with pytest.raises(RunError, match="frame 0 of the stimulus for 'drive' holds"):
        TrialDrive([bad]).at("drive", 0)


def test_a_frame_that_cannot_be_read_ends_the_run():
    def frame(place):
        raise InputError(f"m.h5: frame {place} cannot be read")

    bad = Streamed("drive", 0, 9, lambda step: step, frame)
    with pytest.raises(RunError, match=r"m.h5: frame 0 cannot be read"):
        TrialDrive([bad]).at("drive", 0)


def test_events_are_in_order_of_trial_and_onset():
    rows = [{"trial": 1, "onset": 0.1}, {"trial": 0, "onset": 0.5},
            {"trial": 0, "onset": 0.2, "x": 3.0, "kind": "pulse"}]  # fmt: skip
    events = Drive(rows=rows).events()
    assert events["onset"].values.tolist() == [0.2, 0.5, 0.1]
    assert events["kind"].values.tolist() == ["pulse", "", ""]
    assert np.isnan(events["x"].values[1]) and events["x"].attrs["units"] == "mm"
