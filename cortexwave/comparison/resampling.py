"""How far a number of nested data is known: resampled animals, sessions and events.

Animals are drawn with replacement, then sessions of each, then events of each. Fewer
than five animals say too little of animals: they are then kept as they are, sessions
and events are drawn, and what is found holds in these animals. The percentile interval
of few units is too short (of five sessions it holds 95 % in about 85 of 100 cases), so
the number of units stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cortexwave.comparison.intervals import Interval
from cortexwave.comparison.samples import Sample
from cortexwave.errors import InputError

FEWEST_SUBJECTS = 5  # below this many, subjects are not drawn
FEWEST_DRAWS = 200  # for the 2.5 % ends of an interval
_UNDEFINED = 0.1  # share of draws without a value above which none is given


def hierarchical_bootstrap(
    samples: Sample | Sequence[Sample],
    statistic: Callable[..., float],
    *,
    seed: int,
    count: int = 5000,
    level: float = 0.95,
    period: float | None = None,
) -> Interval:
    """A statistic of one or more samples, and its percentile interval.

    `statistic` takes the values of each sample, (event,) or (event, measure), and gives
    one number; it is drawn `count` times. Samples of the same subjects share the drawn
    subjects, and the drawn sessions where a subject has the same sessions in both (two
    conditions of one session); samples of other subjects (model and animals) are drawn
    apart. With `period` the statistic is an angle of that period and the interval is
    taken about its estimate. Saravanan et al. 2020 (arXiv 2007.07797); Davison &
    Hinkley 1997, section 3.8.
    """
    given = [samples] if isinstance(samples, Sample) else list(samples)
    unknown, drawn = _drawn(given, statistic, seed=seed, count=count, level=level)
    if drawn.size == 0:
        return unknown
    estimate = unknown.estimate
    if period is not None:
        drawn = estimate + (drawn - estimate + period / 2) % period - period / 2
    ends = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return replace(unknown, low=float(ends[0]), high=float(ends[1]))


def distance_interval(
    a: Sample,
    b: Sample,
    distance: Callable[[np.ndarray, np.ndarray], float],
    *,
    seed: int,
    count: int = 5000,
    level: float = 0.95,
) -> Interval:
    """A distance of two samples, and its interval, which may reach 0.

    Resampling adds spread to both samples, and so to a distance, which is never below
    0: percentile ends would leave out 0 where nothing differs, and often the estimate.
    The ends are moved down by what resampling adds to it on average, and end at 0
    (Davison & Hinkley 1997, section 5.2, the bias subtracted).
    """
    unknown, drawn = _drawn([a, b], distance, seed=seed, count=count, level=level)
    if drawn.size == 0:
        return unknown
    added = max(0.0, float(np.nanmean(drawn)) - unknown.estimate)
    low, high = np.nanquantile(drawn, [(1 - level) / 2, (1 + level) / 2]) - added
    return replace(unknown, low=max(0.0, float(low)), high=max(0.0, float(high)))


def _drawn(
    given: Sequence[Sample],
    statistic: Callable[..., float],
    *,
    seed: int,
    count: int,
    level: float,
) -> tuple[Interval, np.ndarray]:
    """The estimate without an interval, and the draws; none where one has a reason."""
    if not given:
        raise InputError("no sample is given")
    if count < FEWEST_DRAWS:
        raise InputError(f"count is {count}; the ends of an interval need "
                         f"{FEWEST_DRAWS} draws, and 5000 is usual")  # fmt: skip
    if not 0 < level < 1:
        raise InputError(f"level is {level:g}; it lies between 0 and 1")
    estimate = float(statistic(*(each.values for each in given)))
    few = [each for each in given if len(each.subjects) < FEWEST_SUBJECTS]
    scope = "in these animals" if few else "in animals like these"
    unknown = Interval(estimate, float("nan"), float("nan"), level, scope)
    trees = [_tree(each) for each in given]
    groups = _sharing(trees)
    reason = _too_few(few)
    if reason:
        return replace(unknown, reason=reason), np.empty(0)
    rng = np.random.default_rng(seed)
    drawn = np.empty(count)
    for k in range(count):
        events = _draw(trees, groups, rng)
        drawn[k] = statistic(
            *(each.values[at] for each, at in zip(given, events, strict=True))
        )
    undefined = float(np.mean(~np.isfinite(drawn)))
    if undefined > _UNDEFINED or not np.isfinite(estimate):
        why = f"the statistic has no value in {undefined:.0%} of the draws"
        return replace(unknown, reason=why), np.empty(0)
    return unknown, drawn


@dataclass(frozen=True)
class _Sessions:
    """Sessions of one subject: names, first event and number of events of each."""

    names: tuple[str, ...]
    start: np.ndarray
    size: np.ndarray


_Tree = dict[str, _Sessions]


def _tree(of: Sample) -> _Tree:
    pairs = np.char.add(np.char.add(of.subject, "\0"), of.session)
    _, start, size = np.unique(pairs, return_index=True, return_counts=True)
    made: _Tree = {}
    for subject in of.subjects:
        own = of.subject[start] == subject
        names = tuple(of.session[start[own]].tolist())
        made[subject] = _Sessions(names, start[own], size[own])
    return made


def _too_few(few: Sequence[Sample]) -> str:
    """Why sessions cannot be drawn within subjects that are kept, or ""."""
    for each in few:
        single = [subject for subject in each.subjects
                  if sum(of == subject for of, _ in each.sessions) < 2]  # fmt: skip
        if single:
            return (
                f"{', '.join(single[:4])} has one session: how much sessions differ "
                f"is not known (2 of each animal are needed, or {FEWEST_SUBJECTS} "
                "animals)"
            )
    return ""


def _sharing(trees: Sequence[_Tree]) -> list[list[int]]:
    """Which samples are of the same subjects; others must share none."""
    groups: list[list[int]] = []
    for i, tree in enumerate(trees):
        for group in groups:
            other = trees[group[0]]
            if other.keys() == tree.keys():
                group.append(i)
                break
            if other.keys() & tree.keys():
                alone = sorted(other.keys() ^ tree.keys())
                raise InputError(
                    f"samples share some animals, but {', '.join(alone[:4])} is in one "
                    "only; give samples of the same animals, or of none in common"
                )
        else:
            groups.append([i])
    return groups


def _draw(
    trees: Sequence[_Tree], groups: Sequence[Sequence[int]], rng: np.random.Generator
) -> list[np.ndarray]:
    events: list[list[np.ndarray]] = [[] for _ in trees]
    for group in groups:
        names = list(trees[group[0]])
        if len(names) >= FEWEST_SUBJECTS:
            names = [names[i] for i in rng.integers(len(names), size=len(names))]
        for name in names:
            picks: dict[tuple[str, ...], np.ndarray] = {}
            for i in group:
                own = trees[i][name]
                if own.names not in picks:
                    many = len(own.names)
                    picks[own.names] = rng.integers(many, size=many)
                size = own.size[picks[own.names]]
                start = np.repeat(own.start[picks[own.names]], size)
                within = rng.random(start.size) * np.repeat(size, size)
                events[i].append(start + within.astype(int))
    return [np.concatenate(each) for each in events]
