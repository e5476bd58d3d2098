"""All that a step of a problem does, as operations on rows, ready for an engine.

Rows are states, couplings, a row of ones, drives, then whatever is computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cortexwave.backends._algebra import Algebra
from cortexwave.backends._grouping import Group, groups
from cortexwave.backends._operations import Operation
from cortexwave.backends._plan import Planner, Rows
from cortexwave.backends.problem import Problem


@dataclass(frozen=True)
class StepPlan:
    """Operations of a step, in order: sources, the groups of couplings, the update.

    `row` says where a name stands; a drive that nothing feeds has none. `fixed` are
    rows that are filled once. `read[k]` are the rows that the k-th group sums from;
    `same` maps couplings that repeat another one to its name.
    """

    row: Mapping[str, int]
    rows: int
    fixed: Mapping[int, float | np.ndarray]
    driven: tuple[str, ...]
    groups: tuple[Group, ...]
    same: Mapping[str, str]
    read: tuple[slice, ...]
    sources: tuple[Operation, ...]
    update: tuple[Operation, ...]


def step_plan(problem: Problem) -> StepPlan:
    """The plan of a problem's steps."""
    spec, shape = problem.spec, problem.lattice.field_shape
    fed = {source.into for trial in problem.drive.sources for source in trial}
    driven = tuple(name for name in spec.drives if name in fed)
    together, same = groups(problem)
    couplings = [name for group in together for name in group.names]
    order = [*spec.states, *couplings, "", *driven]  # "" is the row of ones
    row = {name: place for place, name in enumerate(order)}
    rows = Rows(row, row.pop(""), len(order))
    row |= {name: row[first] for name, first in same.items()}

    constants = {name: value if np.ndim(value) == 0 else np.broadcast_to(value, shape)
                 for name, value in problem.constants.items()}  # fmt: skip
    algebra = Algebra(constants, problem.functions, frozenset(spec.drives) - fed)
    sources = Planner(rows, algebra.maps)
    read = tuple(_read(group, sources, algebra, shape) for group in together)
    changes = {name: algebra.terms(rate, problem.dt)
               for name, rate in spec.rates.items()}  # fmt: skip
    update: list[Operation] = []
    at_once = [[*changes]] if spec.scheme == "euler" else [[name] for name in changes]
    for names in at_once:
        # A planner each: what was computed from a state is stale once it is updated.
        planner = Planner(rows, algebra.maps)
        planner.update({name: changes[name] for name in names})
        update += planner.operations
    fixed: dict[int, float | np.ndarray] = {rows.one: 1.0, **rows.maps}
    return StepPlan(
        row, rows.count, fixed, driven, tuple(together), same, read,
        tuple(sources.operations), tuple(update),
    )  # fmt: skip


def _read(
    group: Group, planner: Planner, algebra: Algebra, shape: tuple[int, ...]
) -> slice:
    """Rows of a group's sources; consecutive states stand there already."""
    variables = planner.rows.variables
    rows = [variables.get(lateral.source, -1) for lateral in group.laterals]
    bare = all(lateral.before is None for lateral in group.laterals)
    if bare and rows[0] >= 0 and rows == list(range(rows[0], rows[0] + len(rows))):
        return slice(rows[0], rows[0] + len(rows))
    new = planner.rows.new(len(rows))
    for row, lateral in zip(range(new.start, new.stop), group.laterals, strict=True):
        gain = (1.0 if lateral.before is None
                else np.broadcast_to(lateral.before, shape))  # fmt: skip
        planner.into(row, algebra.terms(lateral.source, gain))
    return new
