"""The rates of a model as a short list of operations on rows of one matrix.

Row k of the matrix is one variable over all sites. States, couplings, a row of ones
and drives stand first; what an operation computes goes to rows behind them. Equal
parts are computed once, and what several states need alike is one operation: a
Wilson-Cowan step is one small matrix product, one sigmoid and one blend.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cortexwave.backends._algebra import (
    Call,
    Factor,
    Group,
    Map,
    Product,
    Sum,
    Terms,
    Variable,
    frozen,
)
from cortexwave.backends._operations import (
    Add,
    Apply,
    Blend,
    Combine,
    Increase,
    Mix,
    Operation,
)


@dataclass
class Rows:
    """Which row holds what. `maps` are rows that are filled once, with constants."""

    variables: dict[str, int]
    one: int
    count: int
    maps: dict[int, np.ndarray] = field(default_factory=dict)

    @property
    def first(self) -> int:
        """Rows from here on are not variables."""
        return max(self.one, *self.variables.values()) + 1

    def new(self, rows: int) -> slice:
        """Rows for something to be computed."""
        self.count += rows
        return slice(self.count - rows, self.count)


class Planner:
    """Turns sums into operations; what it has computed once it finds again."""

    def __init__(self, rows: Rows, maps: Sequence[np.ndarray]):
        self.rows = rows
        self.maps = maps
        self.operations: list[Operation] = []
        self._done: dict[Product | Sum, int] = {}

    def update(self, changes: Mapping[str, Terms]) -> None:
        """Add its change to each state, all from the values before.

        A state that decays, x' = -w x + ..., is blended with what drives it, which
        keeps what is at rest at rest, and forgets entirely at w = 1 (dt = tau).
        """
        self._together([frozen(terms) for terms in changes.values()])
        states = {name: self.rows.variables[name] for name in changes}
        aims = {name: self._aim(name, terms) for name, terms in changes.items()}
        blended = [name for name in changes if aims[name] is not None]
        others = [name for name in changes if name not in blended]
        sums = [aims[name][0] for name in blended]  # type: ignore[index]
        towards = self._settled(sums)
        if len(changes) == 1 and others:
            self._increase_in_place(states[others[0]], frozen(changes[others[0]]))
            return
        by = self._settled([frozen(changes[name]) for name in others])
        weights = [aims[name][1] for name in blended]  # type: ignore[index]
        for out, read, chosen in _runs([states[name] for name in blended], towards):
            shapes = np.broadcast_arrays(*(weights[place] for place in chosen))
            self.operations.append(Blend(out, read, np.stack(shapes)))
        for out, read, _ in _runs([states[name] for name in others], by):
            self.operations.append(Increase(out, read))

    def into(self, row: int, terms: Terms) -> None:
        """Compute a sum into a given row."""
        summed = frozen(terms)
        match summed:
            case (((Call(function, argument),), 1.0),):
                place = self._row(argument)
                self.operations.append(Apply(function, _one(row), _one(place)))
            case _:
                self._sums(_one(row), [summed])

    def _aim(self, name: str, terms: Terms) -> tuple[Sum, np.ndarray] | None:
        """What a decaying state moves towards, and which part of the way per step."""
        scale = np.ones(1)
        match frozen(terms):
            case (((Map(place), Group(inner)), weight),):
                scale, terms = weight * self.maps[place].reshape(-1), dict(inner)
        own = terms.get((Variable(name),), 0.0)
        if not np.all((-own * scale > 0) & (-own * scale <= 1)):
            return None
        others = {product: weight / -own for product, weight in terms.items()
                  if product != (Variable(name),)}  # fmt: skip
        return frozen(others), -own * scale

    def _together(self, sums: Sequence[Sum]) -> None:
        """Compute calls of the same function on sums of variables in one go."""
        calls: dict[str, list[Call]] = {}
        for call in dict.fromkeys(_calls(sums)):
            if _of_variables(call.argument):
                calls.setdefault(call.function, []).append(call)
        for function, alike in calls.items():
            if len(alike) > 1:
                out = self.rows.new(len(alike))
                self._sums(out, [call.argument for call in alike])
                self.operations.append(Apply(function, out, out))
                for row, call in zip(range(out.start, out.stop), alike, strict=True):
                    self._done[(call,)] = row

    def _settled(self, sums: Sequence[Sum]) -> list[int]:
        """Rows of sums that hold still while states change."""
        known = [self._known(summed) for summed in sums]
        missing = [summed for summed, row in zip(sums, known, strict=True)
                   if row is None]  # fmt: skip
        if missing:
            new = self.rows.new(len(missing))
            self._sums(new, missing)
            fresh = iter(range(new.start, new.stop))
            known = [next(fresh) if row is None else row for row in known]
        return [row for row in known if row is not None]

    def _known(self, summed: Sum) -> int | None:
        """The row of a sum that is a single call or product, no bare variable."""
        match summed:
            case (((Variable(),), 1.0),):
                return None
            case ((product, 1.0),) if product:
                return self._product(product)
        return None

    def _row(self, summed: Sum) -> int:
        """The row of any sum; a sum that is one row already needs no other."""
        match summed:
            case ((product, 1.0),) if product:
                return self._product(product)
        if summed not in self._done:
            out = self.rows.new(1)
            self._sums(out, [summed])
            self._done[summed] = out.start
        return self._done[summed]

    def _product(self, product: Product) -> int:
        if product not in self._done:
            row = self._factor(product[0])
            for place, factor in enumerate(product[1:], start=2):
                if product[:place] not in self._done:
                    right = self._factor(factor)
                    out = self.rows.new(1).start
                    self.operations.append(Combine("multiply", out, row, right))
                    self._done[product[:place]] = out
                row = self._done[product[:place]]
            self._done[product] = row
        return self._done[product]

    def _factor(self, factor: Factor) -> int:
        if isinstance(factor, Variable):
            return self.rows.variables[factor.name]
        if (factor,) in self._done:
            return self._done[(factor,)]
        if isinstance(factor, Group):
            return self._row(factor.inner)
        if isinstance(factor, Map):
            row = self.rows.new(1).start
            self.rows.maps[row] = self.maps[factor.place]
        elif isinstance(factor, Call):
            read = self._row(factor.argument)
            row = self.rows.new(1).start
            self.operations.append(Apply(factor.function, _one(row), _one(read)))
        else:
            left = self._row(factor.left)
            right = _number(factor.right)
            right = self._row(factor.right) if right is None else right
            row = self.rows.new(1).start
            self.operations.append(Combine(factor.operation, row, left, right))
        self._done[(factor,)] = row
        return row

    def _increase_in_place(self, state: int, summed: Sum) -> None:
        terms, constant = self._by_row(summed)
        if len(terms) <= 2:
            own_first = sorted(terms.items(), key=lambda term: term[0] != state)
            self.operations.append(Add(state, tuple(own_first), constant, onto=True))
            return
        out = self.rows.new(1)
        self._sums(out, [summed])
        self.operations.append(Increase(_one(state), out))

    def _sums(self, out: slice, sums: Sequence[Sum]) -> None:
        """Compute sums into consecutive rows: by one product if that is no detour."""
        parts = [self._by_row(summed) for summed in sums]
        used = [{**terms, **({self.rows.one: constant} if constant else {})}
                for terms, constant in parts]  # fmt: skip
        every = sorted({row for terms in used for row in terms})
        read = slice(every[0], every[-1] + 1) if every else slice(0, 0)
        width, cells = read.stop - read.start, sum(map(len, used))
        # 0 * infinity is no number, so a product may read a row that a sum leaves out
        # only if the row is a variable, which is finite as long as the run goes on.
        safe = all(row < self.rows.first or all(row in terms for terms in used)
                   for row in range(read.start, read.stop))  # fmt: skip
        if safe and cells > 2 and 2 * cells >= width * len(sums):
            weights = np.zeros((len(sums), width))
            for place, terms in enumerate(used):
                for row, weight in terms.items():
                    weights[place, row - read.start] = weight
            self.operations.append(Mix(out, weights, read))
            return
        for row, (terms, constant) in zip(
            range(out.start, out.stop), parts, strict=True
        ):
            self.operations.append(Add(row, tuple(terms.items()), constant))

    def _by_row(self, summed: Sum) -> tuple[dict[int, float], float]:
        terms: dict[int, float] = {}
        constant = 0.0
        for product, weight in summed:
            if product:
                row = self._product(product)
                terms[row] = terms.get(row, 0.0) + weight
            else:
                constant += weight
        return terms, constant


def _one(row: int) -> slice:
    return slice(row, row + 1)


def _number(summed: Sum) -> float | None:
    match summed:
        case ():
            return 0.0
        case (((), weight),):
            return weight
    return None


def _calls(sums: Sequence[Sum]) -> list[Call]:
    """All calls in sums, at any depth, in the order in which they stand."""
    found: list[Call] = []
    for summed in sums:
        for product, _ in summed:
            for factor in product:
                if isinstance(factor, Call):
                    found += [*_calls([factor.argument]), factor]
                elif isinstance(factor, Group):
                    found += _calls([factor.inner])
    return found


def _of_variables(summed: Sum) -> bool:
    return all(
        not product or (len(product) == 1 and isinstance(product[0], Variable))
        for product, _ in summed
    )


def _runs(
    out: Sequence[int], read: Sequence[int]
) -> list[tuple[slice, slice, list[int]]]:
    """Pairs of rows as pairs of slices, as few as there can be, and their places."""
    runs: list[tuple[slice, slice, list[int]]] = []
    for place, (one, other) in enumerate(zip(out, read, strict=True)):
        if runs and runs[-1][0].stop == one and runs[-1][1].stop == other:
            last = runs[-1]
            runs[-1] = (slice(last[0].start, one + 1), slice(last[1].start, other + 1),
                        [*last[2], place])  # fmt: skip
        else:
            runs.append((_one(one), _one(other), [place]))
    return runs
