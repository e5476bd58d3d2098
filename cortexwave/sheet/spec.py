"""A model as text: rates with units, parameters, couplings, scheme, stability, paper.

Text, because text is what Brian2 compiles, and NumPy and torch can evaluate.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass, field
from typing import Literal, get_args

from cortexwave.documents import Document
from cortexwave.errors import InputError, ModelError, UnitError
from cortexwave.sheet.expressions import FUNCTIONS, check_expression, names_in
from cortexwave.units import base_unit, quantity

Scheme = Literal["euler", "semi_implicit"]

# Names that stand for the sheet and the clock in rates and stability conditions.
# (`axes` and `dt` only in conditions: equations are of continuous time.)
SHEET_NAMES = {"spacing": "mm"}
CONDITION_NAMES = {"spacing", "axes", "dt"}
_RESERVED = {
    *SHEET_NAMES, *CONDITION_NAMES, *FUNCTIONS,
    "t", "i", "j", "N", "x", "y", "time", "trial", "feature", "pi", "e", "inf", "xi",
}  # fmt: skip
_NUMBER_AND_UNIT = re.compile(r"\s*[+-]?[\d.]+(?:[eE][+-]?\d+)?\s*(.*)")


@dataclass(frozen=True)
class Param:
    """A parameter: its default as text with a unit, what it means, and its sign."""

    default: str
    meaning: str
    positive: bool = False  # 0 and below cannot be meant, as of a time constant

    @property
    def unit(self) -> str:
        """The unit of the default; "1" where it has none."""
        match = _NUMBER_AND_UNIT.fullmatch(str(self.default))
        if match is None:
            raise ModelError(f"'{self.default}' is not a quantity")
        return match[1].strip() or "1"


class Choice(tuple[str, ...]):
    """Functions that one name in a rate may stand for; the first is the default."""

    def __new__(cls, *options: str) -> Choice:
        return super().__new__(cls, options)


@dataclass(frozen=True)
class Coupling:
    """A term that sums a source over neighbours: kernel by default, unit, meaning."""

    source: str
    kernel: Document
    meaning: str = ""
    unit: str = "1"


@dataclass(frozen=True)
class ModelSpec:
    """One model, as its paper writes it. `rates` are d(state)/dt, in order.

    `units` are of states, couplings' sources included; `drives` maps the names of
    inputs to units; `stability` is a condition on parameters, dt (s), spacing (mm)
    and axes (how many the sheet has); `observable` is the state shown by default.
    """

    name: str
    title: str
    paper: str
    rates: dict[str, str]
    units: dict[str, str]
    params: dict[str, Param]
    couplings: dict[str, Coupling]
    stability: str
    observable: str
    drives: dict[str, str] = field(default_factory=lambda: {"drive": "1"})
    functions: dict[str, Choice] = field(default_factory=dict)
    initial: dict[str, str] = field(default_factory=dict)
    scheme: Scheme = "euler"

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states, in the order in which they are updated."""
        return tuple(self.rates)

    @property
    def recordable(self) -> tuple[str, ...]:
        """Everything that can be recorded: states, couplings, drives."""
        return (*self.rates, *self.couplings, *self.drives)

    def stored_name(self, name: str) -> str:
        """Name of a recordable in a recording, where `drive` is the drawn values."""
        return f"rendered_{name}" if name in self.drives else name

    def unit_of(self, name: str) -> str:
        """Unit of a state, coupling or drive."""
        if name in self.units:
            return self.units[name]
        if name in self.couplings:
            return self.couplings[name].unit
        return self.drives[name]

    def check(self) -> None:
        """Raise `ModelError` naming everything that breaks the rules of models."""
        faults = self._name_faults()
        if not faults:
            faults = [*self._unit_faults(), *self._expression_faults()]
        if not faults and self.scheme == "semi_implicit":
            faults = self._order_faults()
        if faults:
            raise ModelError(f"model '{self.name}': " + "; ".join(faults))

    def _name_faults(self) -> list[str]:
        faults = []
        names = [*self.rates, *self.params, *self.couplings, *self.drives,
                 *self.functions]  # fmt: skip
        for name in names:
            if not str(name).isidentifier() or str(name).startswith("_"):
                faults.append(f"'{name}' is not a name")
            if name in _RESERVED or keyword.iskeyword(str(name)):
                faults.append(f"the name '{name}' is taken")
            if names.count(name) > 1:
                faults.append(f"the name '{name}' stands for two things")
        if missing := set(self.rates) - set(self.units):
            faults.append(f"states without a unit: {', '.join(sorted(missing))}")
        if self.observable not in self.rates:
            faults.append(f"observable '{self.observable}' is not a state")
        for name in (*self.rates, *self.couplings):
            # in a recording these begin the names of tables
            if str(name).startswith(("event_", "drive_", "rendered_")):
                faults.append(f"names such as '{name}' are taken by tables")
        if self.scheme not in get_args(Scheme):
            known = ", ".join(get_args(Scheme))
            faults.append(f"scheme '{self.scheme}' is not one of {known}")
        for name, coupling in self.couplings.items():
            if not isinstance(coupling.kernel, Document):
                faults.append(f"the kernel of '{name}' is {coupling.kernel!r}")
        for name, options in self.functions.items():
            if not options:
                faults.append(f"'{name}' may stand for no function")
            for option in options:
                if option not in FUNCTIONS:
                    faults.append(f"'{option}' for {name} is not a listed function")
        for name in self.initial:
            if name not in self.rates:
                faults.append(f"initial value of '{name}', which is not a state")
        return list(dict.fromkeys(faults))

    def _unit_faults(self) -> list[str]:
        """Units that cannot be read, and defaults that are not in theirs."""
        units = {**self.units, **self.drives}
        units |= {name: coupling.unit for name, coupling in self.couplings.items()}
        faults = []
        for name, unit in units.items():
            try:
                base_unit(unit)
            except UnitError as error:
                faults.append(f"unit of '{name}': {error}")
        for name, param in self.params.items():
            try:
                quantity(param.default, param.unit)
            except InputError as error:
                faults.append(f"default of '{name}': {error}")
        for name, value in self.initial.items():
            try:
                quantity(value, self.units[name])
            except UnitError as error:
                faults.append(f"initial value of '{name}': {error}")
        return faults

    def _expression_faults(self) -> list[str]:
        values = {*self.rates, *self.params, *SHEET_NAMES}
        functions = {*FUNCTIONS, *self.functions}
        faults = []
        for text in self.rates.values():
            names = {*values, *self.couplings, *self.drives}
            faults += check_expression(text, names, functions=functions)
        for coupling in self.couplings.values():
            faults += check_expression(coupling.source, values, functions=functions)
        names = {*self.params, *CONDITION_NAMES}
        return faults + check_expression(self.stability, names, condition=True)

    def _order_faults(self) -> list[str]:
        """States that a coupling reads must not stand before a state it feeds.

        A coupling is computed once, from the state before the step. In a
        semi-implicit step the state that feeds on it must be updated first:
        the other order is plain Euler in disguise and blows up (a wave equation
        grows by 90 decades in 600 steps).
        """
        order = list(self.rates)
        faults = []
        for state, rate in self.rates.items():
            for name in names_in(rate) & set(self.couplings):
                for source in names_in(self.couplings[name].source) & set(order):
                    if order.index(source) < order.index(state):
                        faults.append(
                            f"'{source}', the source of '{name}', stands before "
                            f"'{state}', which uses it; list '{state}' first"
                        )
        return faults
