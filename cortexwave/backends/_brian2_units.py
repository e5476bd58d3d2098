"""The model's units as Brian2 has them: SI values of base units, and their names."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import brian2

from cortexwave.backends.problem import Lateral, Problem
from cortexwave.sheet.expressions import FUNCTIONS, evaluate
from cortexwave.units import base_unit, si_factor

_BASE = {
    "s": brian2.second, "Hz": brian2.hertz, "mm": brian2.mmetre,
    "uV": brian2.uvolt, "rad": brian2.Quantity(1.0),
}  # fmt: skip
KEEP_UNIT = {"relu", "identity", "abs"}  # listed functions of any unit


@lru_cache(maxsize=256)
def as_quantity(unit: str) -> brian2.Quantity:
    """One base unit of a unit's dimension as Brian2 has it: 1 mm/s for any speed."""
    one = evaluate(base_unit(unit), _BASE, {})
    return brian2.Quantity(si_factor(unit), dim=brian2.get_dimensions(one))


def words(unit: brian2.Quantity) -> str:
    """The SI unit of a dimension in words that Brian2's equations have."""
    of = brian2.get_dimensions(unit).get_dimension
    volt = of("mass")  # one volt = kg m^2 s^-3 A^-1
    powers = {"volt": volt, "metre": of("length") - 2 * volt,
              "second": of("time") + 3 * volt}  # fmt: skip
    parts = [f"{name}**{power:g}" for name, power in powers.items() if power]
    return "*".join(parts) or "1"


def unit_of_source(problem: Problem, lateral: Lateral) -> brian2.Quantity:
    """One base unit of what a coupling sends, from the units of its parts."""
    spec = problem.spec
    ones = {name: as_quantity(unit) for name, unit in spec.units.items()}
    ones |= {name: as_quantity(param.unit) for name, param in spec.params.items()}
    ones["spacing"] = as_quantity("mm")

    def bare(_: Any) -> float:
        return 1.0

    functions: dict[str, Callable[[Any], Any]] = dict.fromkeys(FUNCTIONS, bare)
    functions |= dict.fromkeys(KEEP_UNIT, lambda value: value)
    functions["sqrt"] = lambda value: value**0.5
    functions |= {name: functions[of] for name, of in problem.functions.items()}
    dimension = brian2.get_dimensions(evaluate(lateral.source, ones, functions))
    volt = dimension.get_dimension("mass")
    length = dimension.get_dimension("length") - 2 * volt
    value = si_factor("uV") ** volt * si_factor("mm") ** length
    return brian2.Quantity(value, dim=dimension)


def scale_of(problem: Problem, lateral: Lateral) -> float:
    """From weights in base units to weights of SI values."""
    unit = as_quantity(problem.spec.unit_of(lateral.name))
    return float(unit) / float(unit_of_source(problem, lateral))
