"""Ratios to the ceiling: near 1 for another of the kind, far above for another kind."""

from __future__ import annotations

import numpy as np
import pytest

from cortexwave.comparison.ceiling import Ratio, distance_to_ceiling, ratio_to_ceiling
from cortexwave.comparison.circular_statistics import watson_u2
from cortexwave.comparison.distances import energy_distance, wasserstein
from cortexwave.comparison.samples import Sample, sample
from cortexwave.errors import InputError


def speeds(
    subjects: int, seed: int, *, of: str = "animal", median: float = 200.0,
    sessions: int = 2, events: int = 60, spread: float = 0.15,
) -> Sample:  # fmt: skip
    """Log-normal speeds (mm/s); animals' medians differ by `spread` in logarithm."""
    rng = np.random.default_rng([seed, len(of)])
    centre = np.log(median) + spread * rng.normal(size=(subjects, 1, 1))
    values = np.exp(centre + 0.4 * rng.normal(size=(subjects, sessions, events)))
    i, j, _ = np.indices(values.shape)
    return sample(values.ravel(), subject=[f"{of}{k}" for k in i.ravel()],
                  session=[f"day{k}" for k in j.ravel()])  # fmt: skip


def ratio_of(seed: int, **model: float) -> Ratio:
    made = speeds(6, seed, of="model", **model)  # type: ignore[arg-type]
    return distance_to_ceiling(made, speeds(6, seed), wasserstein, seed=seed, draws=3)


def test_a_model_of_the_same_kind_is_as_far_as_animals_are_from_each_other():
    found = [ratio_of(seed) for seed in range(12)]
    # the median of 36 distances over that of 15: sd .25 of one ratio, .07 of the mean
    assert np.mean([each.ratio for each in found]) == pytest.approx(1.0, abs=0.25)
    assert sum(each.word == "within" for each in found) >= 11


def test_a_model_of_the_wrong_speed_is_far_outside():
    found = [ratio_of(seed, median=500.0) for seed in range(4)]
    assert min(each.ratio for each in found) > 4
    assert {each.word for each in found} == {"outside"}


def test_a_model_against_its_own_second_realisation_has_a_ratio_near_one():
    # animals that do not differ at all: distances are those of finite samples alone,
    # and only equal numbers of events make them comparable
    model = speeds(6, 1, of="model", spread=0.0, events=400)
    again = speeds(6, 2, spread=0.0, events=60)
    found = distance_to_ceiling(model, again, wasserstein, seed=1)
    assert found.events == 120
    assert found.ratio == pytest.approx(1.0, abs=0.25)
    unequal = np.median([wasserstein(model.values, again.of(name))
                         for name in again.subjects])  # fmt: skip
    assert unequal / found.ceiling < 0.85  # what it would be without


def test_a_ratio_does_not_depend_on_the_unit():
    model, animals = speeds(4, 3, of="model"), speeds(5, 3)
    metres = [sample(1e-3 * each.values, subject=each.subject, session=each.session)
              for each in (model, animals)]  # fmt: skip
    one = distance_to_ceiling(model, animals, wasserstein, seed=1, draws=2)
    two = distance_to_ceiling(metres[0], metres[1], wasserstein, seed=1, draws=2)
    assert two.ratio == pytest.approx(one.ratio)
    assert two.distance == pytest.approx(1e-3 * one.distance)


def test_directions_and_joint_measures_have_ceilings_too():
    rng = np.random.default_rng(4)
    names = np.repeat([f"a{k}" for k in range(4)], 80)
    turned = rng.normal(0, 20, 320) + np.repeat(rng.normal(0, 15, 4), 80)
    animals = sample(turned, subject=names, session="x")
    model = sample(turned + 120, subject=np.char.add("m", names), session="x")
    assert distance_to_ceiling(model, animals, watson_u2, seed=1, draws=2).ratio > 3
    both = np.stack([turned, rng.normal(size=320)], axis=1)
    same = distance_to_ceiling(
        sample(both[::-1], subject=np.char.add("m", names[::-1]), session="x"),
        sample(both, subject=names, session="x"), energy_distance, seed=1, draws=2,
    )  # fmt: skip
    assert same.word == "within"


@pytest.mark.parametrize(("animals", "sessions"), [(1, 3), (2, 3)])
def test_one_or_two_animals_give_repeatability_within_them(animals, sessions):
    lab = speeds(animals, 5, sessions=sessions)
    found = distance_to_ceiling(speeds(2, 6, of="model"), lab, wasserstein, seed=1)
    assert found.variability == "within-animal repeatability"
    assert found.pairs == animals * 3  # no pair is of two animals
    assert found.units == animals * sessions
    assert "little more than the greatest" in found.caution


def test_two_bare_files_have_no_ceiling_and_say_so():
    found = distance_to_ceiling(
        speeds(1, 7, of="model", sessions=1), speeds(1, 8, sessions=1), wasserstein,
        seed=1,
    )  # fmt: skip
    assert found.word == "undetermined"
    assert np.isnan(found.ratio)
    assert found.distance > 0
    assert "3 are needed (3 animals, or 3 sessions of one)" in found.reason


def test_few_events_give_no_ratio():
    found = distance_to_ceiling(
        speeds(3, 7, of="model", events=4), speeds(3, 8), wasserstein, seed=1
    )
    assert "has 8 events, and 10 are needed" in found.reason


@pytest.mark.parametrize(
    ("distance", "word"), [(1.2, "within"), (2.3, "partly within"), (2.7, "outside")]
)
def test_the_bands_are_the_95th_percentile_of_animals_and_twice_that(distance, word):
    between = np.linspace(0.7, 1.3, 21)  # median 1, 95th percentile 1.27
    found = ratio_to_ceiling([distance], between, units=7,
                             variability="biological variability")  # fmt: skip
    assert found.limit == pytest.approx(1.27)
    assert found.word == word
    assert found.caution == ""


@pytest.mark.slow
def test_another_animal_is_rarely_called_outside():
    found = [ratio_of(seed).word for seed in range(300)]
    assert found.count("within") / 300 > 0.9
    assert found.count("outside") / 300 < 0.02


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda: ratio_to_ceiling([], [1, 1, 1], units=3,
                                  variability="biological variability"), "no distance"),
        (lambda: ratio_to_ceiling([-1.0], [1, 1, 1], units=3,
                                  variability="biological variability"), "negative"),
        (lambda: distance_to_ceiling(speeds(3, 1), speeds(3, 2), wasserstein, seed=1,
                                     draws=0), "draws is 0"),
    ],
)  # fmt: skip
def test_what_has_no_ratio_is_refused(call, culprit):
    with pytest.raises(InputError, match=culprit):
        call()


def test_animals_that_do_not_differ_at_all_are_no_unit():
    found = ratio_to_ceiling([1.0], [0, 0, 0], units=3,
                             variability="biological variability")  # fmt: skip
    assert found.word == "undetermined"
    assert "do not differ at all" in found.reason
