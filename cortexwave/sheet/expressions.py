"""The small language of model equations: checked by its syntax tree, then compiled.

Arithmetic, names, numbers and a listed set of functions; nothing else passes
`check_expression`, so what `compiled` runs can do nothing but arithmetic.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import CodeType
from typing import Any

import numpy as np

# The functions that a model may use, as NumPy; each engine has the same set.
# step(0) = 0: a site fires when it is above threshold.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "relu": lambda x: np.maximum(x, 0.0),
    "identity": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "step": lambda x: np.where(np.asarray(x) > 0, 1.0, 0.0),
    "sin": np.sin,
    "cos": np.cos,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "abs": np.abs,
}
_LARGEST = 1e100  # of a number that stands in an equation
_LARGEST_POWER = 64
_LONGEST = 2000
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd)


def check_expression(
    text: str,
    names: set[str],
    *,
    functions: set[str] | None = None,
    condition: bool = False,
) -> list[str]:
    """Everything that is wrong with an expression over `names`; empty if nothing.

    A condition is one comparison (< or <=) of two expressions.
    """
    functions = set(FUNCTIONS) if functions is None else functions
    if not isinstance(text, str) or len(text) > _LONGEST:
        return [f"{str(text)[:40]!r} is not text of at most {_LONGEST} characters"]
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return [f"'{text}' is not an expression: {error}"]
    if condition:
        if (not isinstance(tree, ast.Compare) or len(tree.ops) != 1
                or not isinstance(tree.ops[0], ast.Lt | ast.LtE)):  # fmt: skip
            return [f"'{text}' is not one comparison such as dt <= tau"]
        parts: list[ast.expr] = [tree.left, tree.comparators[0]]
    else:
        parts = [tree]
    faults: list[str] = []
    try:
        for part in parts:
            _walk(part, names, functions, faults)
    except RecursionError:
        return [f"'{text[:40]}...' is nested too deeply"]
    return [f"'{text}': {fault}" for fault in faults]


def _walk(
    node: ast.expr, names: set[str], functions: set[str], faults: list[str]
) -> None:
    if isinstance(node, ast.BinOp | ast.UnaryOp):
        if not isinstance(node.op, _OPERATORS):
            faults.append(f"operator {type(node.op).__name__} is not allowed")
        if isinstance(node.op, ast.Pow):
            faults += _power_faults(node)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                _walk(child, names, functions, faults)
    elif isinstance(node, ast.Call):
        name = node.func.id if isinstance(node.func, ast.Name) else "this call"
        if name not in functions or node.keywords or len(node.args) != 1:
            known = ", ".join(sorted(functions))
            faults.append(f"{name} is not one of the functions of one value: {known}")
        for argument in node.args:
            _walk(argument, names, functions, faults)
    elif isinstance(node, ast.Name):
        if node.id not in names:
            faults.append(f"'{node.id}' is not one of {', '.join(sorted(names))}")
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            faults.append(f"{node.value!r} is not a number")
        elif not abs(node.value) <= _LARGEST:
            faults.append(f"a number beyond {_LARGEST:g} cannot be meant")
    else:
        faults.append(f"{type(node).__name__} is not allowed in an expression")


def _power_faults(node: ast.BinOp) -> list[str]:
    """Powers of whole numbers are exact in Python: 9**9**9 would never end."""
    exponent = node.right
    if isinstance(exponent, ast.UnaryOp):
        exponent = exponent.operand
    powers = [part for part in ast.walk(node) if isinstance(part, ast.Pow)]
    if len(powers) > 1 and not _names(node):
        return ["a power of powers of numbers; write the number"]
    if isinstance(exponent, ast.Constant):
        value = exponent.value
        if isinstance(value, int | float) and not abs(value) <= _LARGEST_POWER:
            return [f"a power of {value:.6g}; powers go up to {_LARGEST_POWER}"]
    elif not _names(exponent):
        return ["a power whose exponent is computed from numbers; write the number"]
    return []


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


@lru_cache(maxsize=512)
def compiled(text: str) -> CodeType:
    """Byte code of an expression that has passed `check_expression`."""
    return compile(ast.parse(text, mode="eval"), f"<{text}>", "eval")


@lru_cache(maxsize=512)
def names_in(text: str) -> frozenset[str]:
    """Names of values in an expression, without the functions that it calls."""
    tree = ast.parse(text, mode="eval")
    nodes = list(ast.walk(tree))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    called = {
        getattr(node.func, "id", "") for node in nodes if isinstance(node, ast.Call)
    }
    return frozenset(names - called)


def evaluate(
    text: str,
    values: Mapping[str, Any],
    functions: Mapping[str, Callable[..., Any]] = FUNCTIONS,
) -> Any:
    """Value of a checked expression; `values` may be arrays of any one library."""
    return eval(compiled(text), {"__builtins__": {}, **functions}, dict(values))
