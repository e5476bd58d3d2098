"""The door where text becomes numbers: what passes, as what, and what does not."""

from __future__ import annotations

import math
import time

import pint
import pytest

from cortexwave.errors import UnitError
from cortexwave.models import model, model_names
from cortexwave.units import base_unit, quantity, si_factor

REGISTRY = pint.UnitRegistry()
# Conversions are products of a few powers of ten and of pi: a few roundings.
EXACT = 1e-14

USED = {
    "ms": ("s", 1e-3), "s": ("s", 1.0), "us": ("s", 1e-6), "min": ("s", 60.0),
    "mm": ("mm", 1.0), "um": ("mm", 1e-3), "cm": ("mm", 10.0), "m": ("mm", 1e3),
    "m/s": ("mm/s", 1e3), "mm/ms": ("mm/s", 1e3), "mm/s": ("mm/s", 1.0),
    "Hz": ("Hz", 1.0), "kHz": ("Hz", 1e3), "1/s": ("Hz", 1.0), "1/ms": ("Hz", 1e3),
    "uV": ("uV", 1.0), "mV": ("uV", 1e3), "V": ("uV", 1e6), "µV": ("uV", 1.0),
    "rad": ("rad", 1.0), "deg": ("rad", math.pi / 180), "turn": ("rad", 2 * math.pi),
    "rad/s": ("rad/s", 1.0), "deg/ms": ("rad/s", 1e3 * math.pi / 180),
    "1/s**2": ("1/s**2", 1.0), "1/mm**2": ("1/mm**2", 1.0), "1/mm": ("1/mm", 1.0),
    "1/s**0.5": ("1/s**0.5", 1.0), "uV/s**0.5": ("uV/s**0.5", 1.0),
    "mV/ms": ("uV/s", 1e6),
}  # fmt: skip


@pytest.mark.parametrize("unit", USED)
def test_each_unit_in_use_has_the_base_unit_and_factor_of_its_definition(unit):
    base, factor = USED[unit]
    assert base_unit(unit) == base
    assert quantity(f"3 {unit}", unit) == pytest.approx(3 * factor, rel=EXACT)
    assert quantity(f"3 {base}", unit) == pytest.approx(3.0, rel=EXACT)


@pytest.mark.parametrize("unit", [u for u in USED if "0.5" not in u])
def test_si_factors_are_those_of_pint(unit):
    base = base_unit(unit).replace("rad", "radian")
    expected = REGISTRY.Quantity(1.0, base).to_base_units()
    if "V" in unit:
        expected = REGISTRY.Quantity(1.0, base).to(base.replace("uV", "V"))
    assert si_factor(unit) == pytest.approx(expected.magnitude, rel=EXACT)


def test_si_factors_are_those_of_brian2():
    brian2 = pytest.importorskip("brian2")
    assert si_factor("m/s") == pytest.approx(float(brian2.mm / brian2.second))
    assert si_factor("uV") == pytest.approx(float(brian2.uvolt))
    assert si_factor("1/mm**2") == pytest.approx(float(brian2.mm**-2))


@pytest.mark.parametrize("name", model_names())
def test_every_unit_of_every_model_can_be_read(name):
    spec = model(name)
    units = [*spec.units.values(), *spec.drives.values()]
    units += [coupling.unit for coupling in spec.couplings.values()]
    units += [param.unit for param in spec.params.values()]
    assert all(base_unit(unit) for unit in units)


@pytest.mark.parametrize(
    "text, value",
    [("20 ms", 0.02), ("20ms", 0.02), (" 20  ms ", 0.02), ("2e1 ms", 0.02),
     ("+.02 s", 0.02), ("20. ms", 0.02), ("20000 us", 0.02), ("20000 µs", 0.02),
     ("20000 \u03bcs", 0.02), ("-20 ms", -0.02), ("2E-2 s", 0.02)],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(text, value):
    assert quantity(text, "s") == pytest.approx(value, rel=EXACT)


@pytest.mark.parametrize(
    "text", ["1e5 1/s**2", "1e5 /s**2", "1e5 1/s^2", "1e5 s**-2", "0.1 1/ms**2",
             "1e5 Hz**2", "1e5 Hz/s"]
)  # fmt: skip
def test_a_unit_may_be_written_in_several_ways(text):
    assert quantity(text, "1/s**2") == pytest.approx(1e5, rel=EXACT)


@pytest.mark.parametrize("text", ["0.5", 0.5, "5e-1", ".5"])
def test_where_there_is_no_unit_a_plain_number_is_due(text):
    assert quantity(text, "1") == 0.5


@pytest.mark.parametrize("given", [20, 20.0, "20", " 20 "])
def test_a_bare_number_is_refused_where_a_unit_is_due(given):
    with pytest.raises(UnitError, match=r"20.* has no unit; write for example '20 ms'"):
        quantity(given, "ms")


@pytest.mark.parametrize(
    "text, unit, message",
    [
        ("20 mm", "ms", "'20 mm' is not a quantity in ms"),
        ("20 ms", "1", "has a unit, but a plain number is due"),
        ("20 m", "ms", "is not a quantity in ms"),
        ("20 mS", "ms", "is not a unit of time, length, voltage"),
        ("20 kg", "ms", "is not a unit of time, length, voltage"),
        ("20 furlongz", "mm", "'furlongz' is not a unit"),
        ("20 degC", "deg", "is not a unit"),
        ("20 ms ms", "ms", "is not a quantity in ms"),
        ("20 dB", "1", "has a unit"),
        ("10 rad/s", "Hz", "differ by whether an angle is meant"),
        ("10 deg/s", "Hz", "differ by whether an angle is meant"),
        ("600 rpm", "Hz", "differ by whether an angle is meant"),
        ("10 cycle/s", "Hz", "differ by whether an angle is meant"),
        ("10 Hz", "rad/s", "differ by whether an angle is meant"),
        ("0.1 arcmin/s", "Hz", "differ by whether an angle is meant"),
        ("0.5", "rad", "has no unit"),
    ],
)
def test_a_wrong_unit_is_refused_by_name(text, unit, message):
    with pytest.raises(UnitError, match=message):
        quantity(text, unit)


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-inf", "Infinity", "1e400 ms", float("nan"), float("inf")]
)
def test_numbers_that_are_not_finite_are_refused(text):
    with pytest.raises(UnitError, match="not a finite number"):
        quantity(text, "ms" if "ms" in str(text) else "1")


@pytest.mark.parametrize("text", ["nan ms", "inf ms", "--3 ms", "ms", "ms 3", "", " "])
def test_what_does_not_begin_with_a_number_is_no_quantity(text):
    with pytest.raises(UnitError, match="is not a quantity; write for example '20 ms'"):
        quantity(text, "ms")


@pytest.mark.parametrize("given", [True, False, None, [1], {"a": 1}, (1, "ms"), b"1"])
def test_what_is_neither_text_nor_number_is_no_quantity(given):
    with pytest.raises(UnitError, match="is not a quantity"):
        quantity(given, "ms")


@pytest.mark.parametrize("given, unit", [("1e30 s", "s"), (1e300, "1"), ("2 pc", "mm"),
                                         (10**400, "1"), ("1e13", "1")])  # fmt: skip
def test_what_no_sheet_can_hold_is_refused(given, unit):
    with pytest.raises(UnitError, match="too large to be meant"):
        quantity(given, unit)


@pytest.mark.parametrize(
    "text", ["9**9**9 ms", "2*3 ms", "2+3 ms", "1/3 ms", "(2) ms", "2 ms; 3",
             "2 ms\n3 ms", "2 __import__", "2 ms()", "2 [ms]", "1_000 ms", "2,5 ms",
             "0x10 ms", "２ ms", "2 мс", "−2 ms", "2 ms ms**99", "1:30 s"]
)  # fmt: skip
def test_no_arithmetic_and_no_look_alikes(text):
    with pytest.raises(UnitError, match=r"is not a (quantity|unit)"):
        quantity(text, "ms")


@pytest.mark.parametrize(
    "text", ["2 " + "a" * 74 + "!", "2 " + "m " * 38 + "!", "2 " + "a/" * 38,
             "2 a" + " " * 70 + "!", "1" * 79 + "x"]
)  # fmt: skip
def test_a_hostile_text_is_refused_at_once(text):
    quantity("1 ms", "ms")  # loads pint
    start = time.perf_counter()
    with pytest.raises(UnitError):
        quantity(text, "ms")
    # a pattern that tries every way to cut the text takes half a minute
    assert time.perf_counter() - start < 1.0


def test_a_long_text_is_refused_unread():
    with pytest.raises(UnitError, match="a quantity of 100003 characters"):
        quantity("1" * 100_000 + " ms", "ms")


def test_pint_is_not_loaded_by_import():
    import subprocess
    import sys

    code = "import sys, cortexwave.units; sys.exit('pint' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
