"""What makes a model, and what breaks the rules of models."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cortexwave.errors import ModelError
from cortexwave.models import model
from cortexwave.sheet.kernels import Box, Laplacian
from cortexwave.sheet.spec import Choice, Coupling, ModelSpec, Param

GOOD = ModelSpec(
    name="good", title="A good model", paper="none",
    rates={"v": "speed**2 * curvature - v/tau + drive", "u": "v"},
    units={"v": "1/s", "u": "1"},
    params={"tau": Param("10 ms", "time"), "speed": Param("0.2 m/s", "speed")},
    couplings={"curvature": Coupling("f(u)", Laplacian(), "curvature", "1/mm**2")},
    functions={"f": Choice("identity", "tanh")},
    drives={"drive": "1/s**2"}, initial={"u": "0.5"},
    scheme="semi_implicit", stability="speed*dt <= spacing", observable="u",
)  # fmt: skip


def test_a_good_model_passes():
    GOOD.check()
    assert GOOD.states == ("v", "u")
    assert GOOD.recordable == ("v", "u", "curvature", "drive")
    assert GOOD.unit_of("curvature") == "1/mm**2"


def lateral(source="u", kernel=None, unit="1/mm**2"):
    return {"curvature": Coupling(source, kernel or Laplacian(), "", unit)}


BROKEN = [
    ({"rates": {"v": "u.real", "u": "v"}}, "Attribute is not allowed"),
    ({"rates": {"v": "x", "u": "v"}}, "'x' is not one of"),
    ({"rates": {"v": "dt*u", "u": "v"}}, "'dt' is not one of"),
    ({"rates": {"v": "g(u)", "u": "v"}}, "g is not one of the functions"),
    ({"rates": {"v": 3, "u": "v"}}, "is not text"),
    ({"rates": {}, "units": {}, "initial": {}}, "observable 'u' is not a state"),
    ({"units": {"u": "1"}}, "states without a unit: v"),
    ({"units": {"u": "furlongz", "v": "1/s"}}, "unit of 'u': 'furlongz' is not a unit"),
    ({"units": {"u": "kg", "v": "1/s"}}, "unit of 'u': 'kg' is not a unit of time"),
    ({"drives": {"drive": "gramz"}}, "unit of 'drive'"),
    ({"couplings": lateral(unit="gramz")}, "unit of 'curvature'"),
    ({"couplings": lateral(source="u + drive")}, "'drive' is not one of"),
    ({"couplings": lateral(source="curvature")}, "'curvature' is not one of"),
    ({"couplings": lateral(kernel=3)}, "the kernel of 'curvature' is 3"),
    ({"params": {"tau": Param("fast", "t"), "speed": Param("1 m/s", "")}},
     "default of 'tau': 'fast' is not a quantity"),
    ({"params": {"tau": Param("1.2.3", "t"), "speed": Param("1 m/s", "")}},
     "default of 'tau'"),
    ({"params": {"tau": Param("1 kg", "t"), "speed": Param("1 m/s", "")}},
     "default of 'tau'"),
    ({"initial": {"w": "1"}}, "initial value of 'w', which is not a state"),
    ({"initial": {"u": "1 mm"}}, "initial value of 'u': '1 mm' has a unit"),
    ({"stability": "speed*dt"}, "is not one comparison such as dt <= tau"),
    ({"stability": "dt <= u"}, "'u' is not one of"),
    ({"observable": "w"}, "observable 'w' is not a state"),
    ({"functions": {"f": Choice("identity", "relux")}}, "'relux' for f is not"),
    ({"functions": {"f": Choice()}}, "'f' may stand for no function"),
    ({"scheme": "rk4"}, "scheme 'rk4' is not one of euler, semi_implicit"),
    ({"functions": {"sin": Choice("cos")}}, "the name 'sin' is taken"),
    ({"drives": {"tau": "1"}}, "the name 'tau' stands for two things"),
    ({"drives": {"time": "1"}}, "the name 'time' is taken"),
    ({"drives": {"lambda": "1"}}, "the name 'lambda' is taken"),
    ({"drives": {"a b": "1"}}, "'a b' is not a name"),
    ({"drives": {"_x": "1"}}, "'_x' is not a name"),
    ({"drives": {"": "1"}}, "'' is not a name"),
    ({"rates": {"v": "u", "u": "v", "drive_x": "u"},
      "units": {"u": "1", "v": "1/s", "drive_x": "1"}}, "'drive_x' are taken"),
]  # fmt: skip


@pytest.mark.parametrize("changes, message", BROKEN)
def test_a_model_that_breaks_a_rule_says_which(changes, message):
    with pytest.raises(ModelError) as caught:
        replace(GOOD, **changes).check()
    assert message in str(caught.value) and "model 'good'" in str(caught.value)


def test_every_rule_that_is_broken_is_told():
    broken = replace(GOOD, observable="w", drives={"t": "1"}, scheme="rk4")
    with pytest.raises(ModelError) as caught:
        broken.check()
    assert str(caught.value).count(";") == 2


def test_in_a_semi_implicit_step_what_a_coupling_feeds_comes_first():
    # the other order is plain Euler in disguise: it grows by 90 decades in 600 steps
    rates = {"u": GOOD.rates["u"], "v": GOOD.rates["v"]}
    with pytest.raises(
        ModelError, match="'u', the source of 'curvature', stands before"
    ):
        replace(GOOD, rates=rates).check()
    replace(GOOD, rates=rates, scheme="euler").check()


def test_the_order_rule_looks_through_functions():
    couplings = {"c": Coupling("tanh(u)**2 + v", Box(radius=1, normalise="sum"))}
    rates = {"u": "v", "v": "c"}
    with pytest.raises(ModelError, match="'u', the source of 'c'"):
        replace(GOOD, rates=rates, couplings=couplings, functions={}).check()


@pytest.mark.parametrize(
    "default, unit",
    [
        ("10 ms", "ms"),
        ("0", "1"),
        ("-2e-3", "1"),
        ("1 m/s", "m/s"),
        (" 1e3 1/s ", "1/s"),
    ],
)
def test_the_unit_of_a_parameter_is_that_of_its_default(default, unit):
    assert Param(default, "").unit == unit


def test_drives_are_recorded_under_a_name_that_is_no_table():
    spec = model("wilson_cowan")
    assert spec.stored_name("drive_e") == "rendered_drive_e"
    assert spec.stored_name("E") == "E"
