"""What is inferred from events of sessions of animals: intervals and permutations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from cortexwave.comparison.circular_statistics import (
    mean_direction,
    mean_direction_difference,
    watson_u2,
)
from cortexwave.comparison.distances import wasserstein
from cortexwave.comparison.permutation import session_permutation
from cortexwave.comparison.resampling import distance_interval, hierarchical_bootstrap
from cortexwave.comparison.samples import Sample, sample
from cortexwave.errors import InputError


def nested(
    subjects: int, sessions: int, events: int, seed: int, *, of: str = "a",
    sd: tuple[float, float, float] = (1.0, 1.0, 1.0), centre: float = 0.0,
) -> Sample:  # fmt: skip
    """Normal values with an offset of each subject and of each session."""
    rng = np.random.default_rng(seed)
    values = centre + sd[0] * rng.normal(size=(subjects, 1, 1))
    values = values + sd[1] * rng.normal(size=(subjects, sessions, 1))
    values = values + sd[2] * rng.normal(size=(subjects, sessions, events))
    i, j, _ = np.indices(values.shape)
    return sample(
        values.ravel(), subject=[f"{of}{each}" for each in i.ravel()],
        session=[f"day{each}" for each in j.ravel()],
    )  # fmt: skip


def deviation_of_the_mean(of: Sample, draw_subjects: bool) -> float:
    """Standard deviation of the mean over draws of a balanced sample, exactly."""
    names = of.subjects
    each = np.array([[np.mean(of.of(*pair)) for pair in of.sessions if pair[0] == name]
                     for name in names])  # fmt: skip
    within = np.mean([np.var(of.of(*pair)) / len(of.of(*pair)) for pair in of.sessions])
    square = within / each.size + np.mean(np.var(each, axis=1)) / each.size
    if draw_subjects:
        square += np.var(each.mean(axis=1)) / len(names)
    return float(np.sqrt(square))


@pytest.mark.parametrize(
    ("subjects", "scope"), [(6, "in animals like these"), (2, "in these animals")]
)
def test_the_interval_of_a_mean_is_that_of_its_closed_form(subjects, scope):
    given = nested(subjects, 8, 12, seed=1)
    found = hierarchical_bootstrap(given, np.mean, seed=2, count=2500)
    expected = 2 * 1.96 * deviation_of_the_mean(given, draw_subjects=subjects == 6)
    # 2500 draws know the 2.5 % ends to 4 %; few units are not quite normal
    assert found.high - found.low == pytest.approx(expected, rel=0.08)
    assert found.estimate == pytest.approx(given.values.mean())
    assert found.scope == scope


def test_an_interval_of_events_alone_is_far_too_short():
    given = nested(6, 5, 100, seed=3)
    found = hierarchical_bootstrap(given, np.mean, seed=4, count=500)
    naive = 2 * 1.96 * given.values.std() / np.sqrt(given.values.size)
    assert found.high - found.low > 4 * naive


def test_conditions_of_the_same_sessions_are_drawn_together():
    a = nested(6, 4, 50, seed=5, sd=(3.0, 3.0, 0.1))
    b = sample(a.values + 0.5, subject=a.subject, session=a.session)
    found = hierarchical_bootstrap(
        [a, b], lambda x, y: y.mean() - x.mean(), seed=6, count=500
    )
    # what animals and sessions add cancels: only events are left, 0.1 of 1200
    assert found.high - found.low < 0.05
    assert found.low < 0.5 < found.high


def test_a_model_and_animals_are_drawn_apart():
    a, b = nested(6, 4, 20, seed=7), nested(6, 4, 20, seed=7, of="model")
    found = hierarchical_bootstrap(
        [a, b], lambda x, y: y.mean() - x.mean(), seed=8, count=1500
    )
    expected = 2 * 1.96 * np.sqrt(2) * deviation_of_the_mean(a, draw_subjects=True)
    assert found.high - found.low == pytest.approx(expected, rel=0.1)


def test_the_interval_of_an_angle_is_taken_about_its_estimate():
    rng = np.random.default_rng(9)
    angles = 180 + rng.normal(0, 20, 400)  # on both sides of the cut at +/- 180
    given = sample(angles, subject=np.repeat(list("abcdefgh"), 50), session="day")
    found = hierarchical_bootstrap(given, mean_direction, seed=1, count=500, period=360)
    assert found.high - found.low < 10
    assert found.low < found.estimate < found.high


def test_how_far_mean_directions_differ_is_known_from_animals():
    rng = np.random.default_rng(10)
    names = np.repeat(list("abcdefgh"), 50)
    a = sample(rng.normal(170, 30, 400), subject=names, session="day")
    b = sample(rng.normal(200, 30, 400), subject=names, session="day")
    found = hierarchical_bootstrap(
        [a, b], mean_direction_difference, seed=1, count=500, period=360
    )
    assert found.low < 30 < found.high
    assert found.low > 0


def test_the_interval_of_a_distance_of_two_of_a_kind_reaches_nothing():
    a, b = nested(6, 4, 20, seed=5), nested(6, 4, 20, seed=5, of="model")
    found = distance_interval(a, b, wasserstein, seed=1, count=300)
    percentile = hierarchical_bootstrap([a, b], wasserstein, seed=1, count=300)
    # the same values: the distance is 0, which no draw has
    assert (found.estimate, found.low) == (0.0, 0.0)
    assert percentile.low > 0


def test_the_interval_of_a_great_distance_is_that_of_the_difference():
    a, b = nested(6, 4, 20, seed=6), nested(6, 4, 20, seed=7, of="model", centre=50.0)
    apart = distance_interval(a, b, wasserstein, seed=1, count=600)
    means = hierarchical_bootstrap([a, b], lambda x, y: y.mean() - x.mean(), seed=1,
                                   count=600)  # fmt: skip
    # samples that do not overlap lie as far apart as their means
    assert (apart.low, apart.high) == pytest.approx((means.low, means.high), abs=0.05)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (nested(1, 1, 50, seed=11), "a0 has one session"),
        (nested(4, 1, 50, seed=11), "2 of each animal are needed, or 5 animals"),
    ],
)
def test_one_session_gives_no_interval_and_the_reason(given, reason):
    found = hierarchical_bootstrap(given, np.mean, seed=1, count=200)
    assert not found.known
    assert reason in found.reason
    assert found.estimate == pytest.approx(given.values.mean())


def test_a_statistic_without_a_value_gives_no_interval():
    given = nested(6, 3, 10, seed=12)
    found = hierarchical_bootstrap(given, lambda _: np.nan, seed=1, count=200)
    assert "no value in 100% of the draws" in found.reason


def test_the_same_seed_gives_the_same_interval():
    given = nested(6, 3, 10, seed=13)
    one, two = (hierarchical_bootstrap(given, np.median, seed=5, count=300)
                for _ in range(2))  # fmt: skip
    assert one == two


def test_an_interval_turns_with_the_unit_of_its_values():
    given = nested(6, 3, 10, seed=14)
    scaled = sample(1e3 * given.values, subject=given.subject, session=given.session)
    one = hierarchical_bootstrap(given, np.mean, seed=5, count=300)
    two = hierarchical_bootstrap(scaled, np.mean, seed=5, count=300)
    assert (two.low, two.high) == pytest.approx((1e3 * one.low, 1e3 * one.high))


@pytest.mark.slow
def test_an_interval_of_ten_animals_holds_the_truth_nine_times_of_ten():
    held = [
        found.low < 0 < found.high
        for k in range(400)
        for found in [hierarchical_bootstrap(nested(10, 4, 10, seed=k), np.mean,
                                             seed=k, count=400)]
    ]  # fmt: skip
    # a percentile interval of 10 units is 5 to 6 % short of 95 % (t against normal,
    # and the variance over n - 1); the drawn sessions give some of it back
    assert 0.87 < np.mean(held) < 0.98


def u2(a: np.ndarray, b: np.ndarray) -> float:
    return watson_u2(a, b)


def directions_of_sessions(seed: int) -> tuple[Sample, Sample]:
    """Ten sessions of one animal, each with its own direction: there is no effect."""
    rng = np.random.default_rng(seed)
    angles = [np.degrees(rng.vonmises(rng.vonmises(0, 2), 3, 60)) for _ in range(10)]
    days = np.repeat([f"day{k}" for k in range(5)], 60)
    return (sample(np.concatenate(angles[:5]), subject="a", session=days),
            sample(np.concatenate(angles[5:]), subject="a",
                   session=np.char.add("late_", days)))  # fmt: skip


def false_positives(count: int) -> tuple[float, float]:
    """Of a test of events (U2 at its .05, 0.187) and of one of sessions."""
    by_event, by_session = 0, 0
    for k in range(count):
        a, b = directions_of_sessions(k)
        found = session_permutation(a, b, u2, seed=k, count=251)
        by_event += found.statistic > 0.187
        by_session += found.p <= 0.05
    return by_event / count, by_session / count


def test_events_of_sessions_without_an_effect_pass_for_one_and_sessions_do_not():
    by_event, by_session = false_positives(16)
    assert by_event > 0.7  # 91 % of many; 16 know it to 7 %
    assert by_session <= 0.25  # 5 %: 4 or fewer of 16 in 99.9 of 100 cases


@pytest.mark.slow
def test_sessions_that_change_sides_hold_their_rate_where_events_do_not():
    by_event, by_session = false_positives(600)
    assert by_event == pytest.approx(0.91, abs=0.05)
    # 12 of 252 arrangements reach .05: .0476; 600 know it to .009
    assert 0.02 < by_session < 0.08


def test_an_effect_of_sessions_is_found():
    rng = np.random.default_rng(15)
    made = [
        sample(np.concatenate([rng.normal(centre + rng.normal(0, 10), 40, 60)
                               for _ in range(5)]),
               subject="a", session=np.repeat([f"{centre}{k}" for k in range(5)], 60))
        for centre in (0, 90)
    ]  # fmt: skip
    found = session_permutation(*made, u2, seed=1)
    assert found.exact
    assert (found.arrangements, found.p) == (252, 2 / 252)
    assert found.unit == "sessions of an animal"


def test_sessions_of_one_event_are_tested_as_scipy_tests_events():
    rng = np.random.default_rng(16)
    a, b = rng.normal(size=6), rng.normal(0.8, 1, 5)
    ours = session_permutation(
        sample(a, subject="x", session=[f"a{k}" for k in range(6)]),
        sample(b, subject="x", session=[f"b{k}" for k in range(5)]),
        lambda x, y: y.mean() - x.mean(), seed=1,
    )  # fmt: skip
    theirs = stats.permutation_test(
        (a, b), lambda x, y: y.mean() - x.mean(), alternative="greater",
        n_resamples=np.inf,
    )  # fmt: skip
    assert ours.arrangements == 462
    assert ours.p == pytest.approx(theirs.pvalue)


def test_two_conditions_of_the_same_sessions_change_sides_within_them():
    a = nested(2, 5, 30, seed=17, sd=(5.0, 5.0, 1.0))
    b = sample(a.values + 1, subject=a.subject, session=a.session)
    found = session_permutation(a, b, lambda x, y: y.mean() - x.mean(), seed=1,
                                count=2000)  # fmt: skip
    assert found.unit == "parts of a session"
    assert found.arrangements == 2**10
    assert found.p == 1 / 2**10  # only the true arrangement is as far apart


def test_animals_on_two_sides_change_sides_whole():
    # sessions of animals that differ would be called an effect; animals are not
    rates = []
    for k in range(60):
        a = nested(4, 5, 5, seed=2 * k, sd=(2.0, 0.1, 0.1))
        b = nested(4, 5, 5, seed=2 * k + 1, sd=(2.0, 0.1, 0.1), of="m")
        found = session_permutation(
            a, b, lambda x, y: abs(y.mean() - x.mean()), seed=1, count=100
        )
        assert found.unit == "animals"
        rates.append(found.p <= 0.05)
    # 2 of 70 arrangements, 4 at most: .057 at most, and 60 know it to .03
    assert np.mean(rates) <= 0.15


def test_too_few_units_give_no_p_and_say_so():
    a, b = nested(1, 1, 50, seed=18), nested(1, 1, 50, seed=19, of="m")
    found = session_permutation(a, b, u2, seed=1)
    assert np.isnan(found.p)
    assert "more animals are needed" in found.reason
    a, b = directions_of_sessions(1)
    a, b = a.chosen(a.session < "day3"), b.chosen(b.session < "late_day3")
    few = session_permutation(a, b, u2, seed=1)
    # 3 and 3 sessions of a statistic that knows no sides: 2 of 20 arrangements
    assert few.least == pytest.approx(0.1)
    assert np.isnan(few.p)


def test_many_arrangements_are_sampled():
    a = nested(3, 8, 5, seed=20)
    b = sample(a.values + 2, subject=a.subject, session=np.char.add("x", a.session))
    found = session_permutation(a, b, lambda x, y: y.mean() - x.mean(), seed=1,
                                count=199)  # fmt: skip
    assert not found.exact
    assert found.p == 1 / 200


def test_missing_values_are_left_out_and_counted():
    made = sample([1.0, np.nan, 3.0], subject="a", session=["x", "x", "y"])
    assert made.values.tolist() == [1.0, 3.0]
    assert made.left_out == 1


FOUR = nested(2, 2, 3, seed=1)


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda: sample([1, 2], subject="a", session=["x", ""]),
         "session is not given for 1 of 2 events"),
        (lambda: sample([1, 2], subject="", session="x"),
         "subject is not given for 2 of 2 events.*no p is given"),
        (lambda: sample([1, 2], subject=["a"], session="x"), "1 names of subjects"),
        (lambda: sample([np.nan], subject="a", session="x"), "all 1 values"),
        (lambda: sample([np.inf], subject="a", session="x"), "infinite"),
        (lambda: sample([], subject="a", session="x"), "one event at least"),
        (lambda: hierarchical_bootstrap([], np.mean, seed=1), "no sample"),
        (lambda: hierarchical_bootstrap(nested(6, 2, 3, 1), np.mean, seed=1, count=10),
         "200 draws"),
        (lambda: hierarchical_bootstrap(
            [nested(6, 2, 3, 1), nested(7, 2, 3, 1)], lambda a, b: 0.0, seed=1),
         "a6 is in one only"),
        (lambda: session_permutation(FOUR, nested(3, 2, 3, 1), u2, seed=1),
         "within animals or between them"),
        (lambda: session_permutation(FOUR, nested(2, 3, 3, 1), u2, seed=1),
         "4 sessions are in both samples and 2 in one only"),
        (lambda: session_permutation(FOUR, FOUR, u2, seed=1, count=5), "needs 19"),
    ],
)  # fmt: skip
def test_what_cannot_be_inferred_from_is_refused(call, culprit):
    with pytest.raises(InputError, match=culprit):
        call()
