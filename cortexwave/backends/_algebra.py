"""Equations in one form: sums of products, with all that is constant computed.

`(-h + f(lateral + bias)) / tau` times dt becomes {h: -dt/tau, f(...): dt/tau}, from
which an engine sees at once what it can compute together. Only what stands in
brackets with a parameter that is one number is multiplied out; a parameter that
varies over the sheet stays a factor.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from cortexwave.sheet.expressions import FUNCTIONS, evaluate, names_in


@dataclass(frozen=True)
class Variable:
    """A state, coupling or drive."""

    name: str


@dataclass(frozen=True)
class Map:
    """A constant that varies over the sheet: its place among the algebra's maps."""

    place: int


@dataclass(frozen=True)
class Call:
    """A listed function of a sum."""

    function: str
    argument: Sum


@dataclass(frozen=True)
class Pair:
    """A quotient or power of two sums that are not constant."""

    operation: str
    left: Sum
    right: Sum


@dataclass(frozen=True)
class Group:
    """A sum that stands as a factor."""

    inner: Sum


Factor = Variable | Map | Call | Pair | Group
Product = tuple[Factor, ...]  # () is the number 1
Sum = tuple[tuple[Product, float], ...]
Terms = dict[Product, float]


@dataclass
class Algebra:
    """What names stand for: constants (float or (feature, y, x)), chosen functions.

    `zero` are variables known to be 0 throughout. `maps` fills up as equations are
    read.
    """

    constants: Mapping[str, float | np.ndarray]
    functions: Mapping[str, str]
    zero: frozenset[str] = frozenset()
    maps: list[np.ndarray] = field(default_factory=list)

    def terms(self, text: str, scale: float | np.ndarray = 1.0) -> Terms:
        """`scale` times a checked expression; the product () is its constant term."""
        return self._terms(ast.parse(text, mode="eval").body, scale)

    def _terms(self, node: ast.expr, scale: float | np.ndarray) -> Terms:
        # The scale is passed down, so that dt/tau is divided once: 1 if they are equal.
        if (value := self._constant(node)) is not None:
            return self._scaled({(): 1.0}, value * scale)
        if isinstance(node, ast.UnaryOp):
            sign = -1.0 if isinstance(node.op, ast.USub) else 1.0
            return self._terms(node.operand, sign * scale)
        if isinstance(node, ast.BinOp):
            return self._operation(node, scale)
        if isinstance(node, ast.Call):
            assert isinstance(node.func, ast.Name)
            name = self.functions.get(node.func.id, node.func.id)
            if name == "identity":
                return self._terms(node.args[0], scale)
            argument = frozen(self._terms(node.args[0], 1.0))
            return self._scaled({(Call(name, argument),): 1.0}, scale)
        assert isinstance(node, ast.Name)
        if node.id in self.zero:
            return {}
        return self._scaled({(Variable(node.id),): 1.0}, scale)

    def _operation(self, node: ast.BinOp, scale: float | np.ndarray) -> Terms:
        left, right = self._constant(node.left), self._constant(node.right)
        if isinstance(node.op, ast.Add | ast.Sub):
            if isinstance(scale, np.ndarray):
                return self._scaled(self._operation(node, 1.0), scale)
            sign = -1.0 if isinstance(node.op, ast.Sub) else 1.0
            return added(
                self._terms(node.left, scale), self._terms(node.right, sign * scale)
            )
        if isinstance(node.op, ast.Mult):
            if left is not None:
                return self._terms(node.right, scale * left)
            if right is not None:
                return self._terms(node.left, scale * right)
            one, other = self._terms(node.left, 1.0), self._terms(node.right, 1.0)
            return self._scaled(multiplied(one, other), scale)
        if isinstance(node.op, ast.Div) and right is not None:
            return self._terms(node.left, scale / right)
        operation = "divide" if isinstance(node.op, ast.Div) else "power"
        pair = Pair(
            operation,
            frozen(self._terms(node.left, 1.0)),
            frozen(self._terms(node.right, 1.0)),
        )
        return self._scaled({(pair,): 1.0}, scale)

    def _constant(self, node: ast.expr) -> float | np.ndarray | None:
        text = ast.unparse(node)
        if not names_in(text) <= set(self.constants):
            return None
        chosen = {own: FUNCTIONS[name] for own, name in self.functions.items()}
        value = np.asarray(
            evaluate(text, self.constants, {**FUNCTIONS, **chosen}), dtype=np.float64
        )
        return value if value.ndim else float(value)

    def _scaled(self, terms: Terms, scale: float | np.ndarray) -> Terms:
        if not isinstance(scale, np.ndarray):
            return {product: scale * weight for product, weight in terms.items()}
        return multiplied({(self._map(scale),): 1.0}, terms)

    def _map(self, values: np.ndarray) -> Map:
        for place, known in enumerate(self.maps):
            if np.array_equal(known, values):
                return Map(place)
        self.maps.append(values)
        return Map(len(self.maps) - 1)


def frozen(terms: Terms) -> Sum:
    """Terms as a value that can be compared; those with weight 0 are left out."""
    return tuple((product, weight) for product, weight in terms.items() if weight != 0)


def added(one: Terms, other: Terms) -> Terms:
    """The sum of two sums."""
    total = dict(one)
    for product, weight in other.items():
        total[product] = total.get(product, 0.0) + weight
    return total


def multiplied(one: Terms, other: Terms) -> Terms:
    """The product of two sums as one term; brackets are not multiplied out."""
    factors: Product = ()
    weight = 1.0
    for terms in (one, other):
        summed = frozen(terms)
        if not summed:
            return {}
        if len(summed) == 1:
            factors += summed[0][0]
            weight *= summed[0][1]
        else:
            factors += (Group(summed),)
    return {factors: weight}
