"""The language of equations: what passes does arithmetic, and nothing else passes."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.special import expit

from cortexwave.sheet.expressions import (
    FUNCTIONS,
    check_expression,
    evaluate,
    names_in,
)

NAMES = {"u", "v", "tau", "n"}


@pytest.mark.parametrize(
    "text", ["-u", "u + v - 1", "u*v/tau", "u**2", "u**0.5", "2.5e-3*u", "tanh(u)",
             "sigmoid(u - v)**2", "u**n", "2**-0.5", "step(u)", "(u)", "u ** (n + 1)",
             "exp(-u**2 / 2)"]
)  # fmt: skip
def test_arithmetic_and_listed_functions_pass(text):
    assert check_expression(text, NAMES) == []


@pytest.mark.parametrize(
    "text, message",
    [
        ("u.real", "Attribute is not allowed"),
        ("u[0]", "Subscript is not allowed"),
        ("().__class__.__bases__", "Attribute is not allowed"),
        ("lambda: u", "Lambda is not allowed"),
        ("(lambda: u)()", "this call is not one of the functions"),
        ("u if v else 1", "IfExp is not allowed"),
        ("u and v", "BoolOp is not allowed"),
        ("u < v", "Compare is not allowed"),
        ("[u for u in v]", "ListComp is not allowed"),
        ("{u: 1}", "Dict is not allowed"),
        ("(u, v)", "Tuple is not allowed"),
        ("(w := u)", "NamedExpr is not allowed"),
        ("'text'", "'text' is not a number"),
        ("b'x'", "is not a number"),
        ("f'{u}'", "JoinedStr is not allowed"),
        ("True", "True is not a number"),
        ("None", "None is not a number"),
        ("1j", "1j is not a number"),
        ("...", "Ellipsis is not a number"),
        ("u @ v", "operator MatMult"),
        ("u // v", "operator FloorDiv"),
        ("u % v", "operator Mod"),
        ("u << v", "operator LShift"),
        ("~u", "operator Invert"),
        ("not u", "operator Not"),
        ("__import__('os')", "__import__ is not one of the functions"),
        ("eval('1')", "eval is not one of the functions"),
        ("__builtins__", "'__builtins__' is not one of"),
        ("print(u)", "print is not one of the functions"),
        ("tanh(u, v)", "tanh is not one of the functions of one value"),
        ("tanh(x=u)", "tanh is not one"),
        ("tanh(*u)", "Starred is not allowed"),
        ("tanh()", "tanh is not one"),
        ("tanh", "'tanh' is not one of"),
        ("u(v)", "u is not one of the functions"),
        ("w + u", "'w' is not one of"),
        ("await u", "is not an expression|Await"),
        ("yield u", "is not an expression"),
        ("u; v", "is not an expression"),
        ("u =", "is not an expression"),
        ("", "is not an expression"),
        ("u +", "is not an expression"),
        ("u\x00", "is not an expression"),
        ("import os", "is not an expression"),
        ("1e999", "beyond"),
        ("9" * 400, "beyond"),
        ("1" + "0" * 5000, "at most 2000"),
        ("9**9**9", "a power"),
        ("(9**9)**9", "a power of powers"),
        ("2**(10*10*10*10)", "exponent is computed"),
        ("u**9**9", "a power"),
        ("u**1000", "a power of 1000"),
        ("u**-1000", "a power of 1000"),
        ("u**1e300", "a power of 1e.300"),
        ("+".join(["u"] * 5000), "at most 2000 characters"),
        ("(" * 500 + "u" + ")" * 500, "is not an expression|nested"),
        ("-" * 1500 + "u", "nested|is not an expression"),
    ],
)
def test_anything_else_is_refused_by_name(text, message):
    import re

    start = time.perf_counter()
    faults = check_expression(text, NAMES)
    assert time.perf_counter() - start < 1.0
    assert faults and re.search(message, faults[0]), faults


@pytest.mark.parametrize("text", [None, 3, ["u"], b"u"])
def test_what_is_no_text_is_refused(text):
    assert "is not text" in check_expression(text, NAMES)[0]


def test_every_fault_is_told():
    assert len(check_expression("w + a.b + c[0] + tan(u)", NAMES)) == 4


@pytest.mark.parametrize("text", ["dt <= tau", "dt**2 < 4 * tau", "dt*abs(u) <= 1"])
def test_a_condition_is_one_comparison(text):
    assert check_expression(text, {*NAMES, "dt"}, condition=True) == []


@pytest.mark.parametrize(
    "text", ["dt", "dt <= tau <= u", "dt >= tau", "dt == tau", "dt <= tau and u < 1"]
)
def test_anything_but_one_comparison_is_no_condition(text):
    faults = check_expression(text, {*NAMES, "dt"}, condition=True)
    assert "is not one comparison such as dt <= tau" in faults[0]


REFERENCE = {
    "relu": lambda x: np.clip(x, 0, None), "identity": lambda x: x, "tanh": np.tanh,
    "sigmoid": expit, "step": lambda x: np.heaviside(x, 0.0), "sin": np.sin,
    "cos": np.cos, "exp": np.exp, "sqrt": np.sqrt, "abs": np.abs,
}  # fmt: skip


def test_the_list_of_functions_is_the_one_tested_here():
    assert set(FUNCTIONS) == set(REFERENCE)


@pytest.mark.parametrize("name", REFERENCE)
def test_functions_are_those_of_scipy_and_numpy(name):
    x = np.linspace(0 if name == "sqrt" else -30, 30, 601)  # 0 is among them
    found = evaluate(f"{name}(u)", {"u": x})
    assert found == pytest.approx(REFERENCE[name](x), rel=1e-14, abs=1e-300)


def test_values_are_arrays_or_numbers_and_nothing_else_is_in_reach():
    u = np.arange(3.0)
    assert np.array_equal(evaluate("2*u + tau", {"u": u, "tau": 0.5}), 2 * u + 0.5)
    with pytest.raises(NameError):
        evaluate("len", {})


def test_names_are_those_of_values_not_of_functions():
    assert names_in("tanh(u*v) + f(w)/tau") == {"u", "v", "w", "tau"}
