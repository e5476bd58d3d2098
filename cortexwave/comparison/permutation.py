"""Do two samples differ? Whole sessions, or whole animals, change sides; events do not.

What may be exchanged under the null is what was assigned: the two parts of a session
that has both, sessions of an animal that has both kinds, or animals where each is on
one side. Exchanging events calls sessions that differ by themselves an effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import comb, prod
from typing import Literal

import numpy as np

from cortexwave.comparison.samples import Sample
from cortexwave.errors import InputError

Unit = Literal["parts of a session", "sessions of an animal", "animals"]
_ALPHA = 0.05


@dataclass(frozen=True)
class Permuted:
    """A statistic, its p, and mean and 95th percentile under the null.

    `arrangements` is how many there are in all, `exact` whether each was tried, and
    `least` the smallest p that could have come out. Where that is above 0.05, `p` is
    NaN and `reason` says why.
    """

    statistic: float
    p: float
    null_mean: float
    null_95: float
    unit: Unit
    arrangements: int
    exact: bool
    least: float
    reason: str = ""


def session_permutation(
    a: Sample,
    b: Sample,
    statistic: Callable[[np.ndarray, np.ndarray], float],
    *,
    seed: int,
    count: int = 999,
) -> Permuted:
    """Whether `a` and `b` differ more than their units do: greater is more different.

    `statistic` takes the values of both, (event,) or (event, measure). Units change
    sides within what they belong to: the two parts of each session where all sessions
    are in both samples; sessions within each animal where all animals are; animals
    where none is. All arrangements are tried where there are no more than `count` + 1
    (p is then the share that reaches the statistic), else `count` at random
    (p = (1 + #) / (1 + count)).
    """
    if count < 19:
        raise InputError(f"count is {count}; p of 0.05 needs 19 arrangements or more")
    unit, strata = _strata(a, b)
    total = prod(_ways(stratum, unit) for stratum in strata)
    exact = total <= count + 1
    observed = float(statistic(a.values, b.values))
    if not np.isfinite(observed):
        raise InputError("the statistic of the two samples is not finite")
    made = _all(strata, unit) if exact else _random(strata, unit, count, seed)
    null = np.array([float(statistic(*_sides(strata, sides))) for sides in made])
    slack = 1e-12 * abs(observed)
    reached = int(np.sum(null >= observed - slack))
    if exact:
        p = reached / total
        least = float(np.mean(null >= null.max() - 1e-12 * abs(null.max())))
    else:
        p = (1 + reached) / (1 + count)
        least = 1 / (1 + count)
    reason = ""
    if least > _ALPHA:
        p = float("nan")
        reason = (
            f"{total} arrangements of {unit} cannot give p below {least:.2g}; more "
            f"{'animals' if unit == 'animals' else 'sessions'} are needed"
        )
    return Permuted(observed, p, float(null.mean()), float(np.quantile(null, 0.95)),
                    unit, total, exact, least, reason)  # fmt: skip


@dataclass(frozen=True)
class _Stratum:
    """Units that may change sides: the values of each, and the side it is on.

    Of a session with two parts each unit is (part in a, part in b).
    """

    units: Sequence[tuple[np.ndarray, ...]]
    in_a: tuple[bool, ...]


def _strata(a: Sample, b: Sample) -> tuple[Unit, list[_Stratum]]:
    if a.values.shape[1:] != b.values.shape[1:]:
        raise InputError("the two samples are not of the same measures")
    ours, theirs = set(a.subjects), set(b.subjects)
    if not ours & theirs:
        units = [(a.of(name),) for name in a.subjects]
        units += [(b.of(name),) for name in b.subjects]
        sides = (True,) * len(ours) + (False,) * len(theirs)
        return "animals", [_Stratum(units, sides)]
    if ours != theirs:
        raise InputError(
            f"animals {', '.join(sorted(ours ^ theirs)[:4])} are in one sample only "
            "and others in both; compare within animals or between them, not at once"
        )
    first, second = set(a.sessions), set(b.sessions)
    if first == second:
        both = [(a.of(*pair), b.of(*pair)) for pair in a.sessions]
        return "parts of a session", [_Stratum([pair], (True,)) for pair in both]
    if first & second:
        raise InputError(
            f"{len(first & second)} sessions are in both samples and "
            f"{len(first ^ second)} in one only; compare within sessions or between "
            "them, not at once"
        )
    strata = []
    for name in a.subjects:
        units = [(a.of(*pair),) for pair in a.sessions if pair[0] == name]
        sides = (True,) * len(units)
        units += [(b.of(*pair),) for pair in b.sessions if pair[0] == name]
        strata.append(_Stratum(units, sides + (False,) * (len(units) - len(sides))))
    return "sessions of an animal", strata


def _ways(stratum: _Stratum, unit: Unit) -> int:
    if unit == "parts of a session":
        return 2
    return comb(len(stratum.units), sum(stratum.in_a))


def _all(strata: list[_Stratum], unit: Unit) -> Iterator[list[tuple[bool, ...]]]:
    if unit == "parts of a session":
        choices: list[list[tuple[bool, ...]]] = [[(True,), (False,)] for _ in strata]
    else:
        choices = [
            [tuple(i in chosen for i in range(len(stratum.units)))
             for chosen in combinations(range(len(stratum.units)), sum(stratum.in_a))]
            for stratum in strata
        ]  # fmt: skip
    return (list(sides) for sides in product(*choices))


def _random(
    strata: list[_Stratum], unit: Unit, count: int, seed: int
) -> Iterator[list[tuple[bool, ...]]]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        if unit == "parts of a session":
            yield [(bool(side),) for side in rng.integers(2, size=len(strata))]
        else:
            yield [tuple(rng.permutation(stratum.in_a).tolist()) for stratum in strata]


def _sides(
    strata: list[_Stratum], sides: list[tuple[bool, ...]]
) -> tuple[np.ndarray, np.ndarray]:
    a: list[np.ndarray] = []
    b: list[np.ndarray] = []
    for stratum, chosen in zip(strata, sides, strict=True):
        for parts, in_a in zip(stratum.units, chosen, strict=True):
            if len(parts) == 2:
                a.append(parts[0] if in_a else parts[1])
                b.append(parts[1] if in_a else parts[0])
            else:
                (a if in_a else b).append(parts[0])
    return np.concatenate(a), np.concatenate(b)
