"""The door where text with a unit becomes a number in base units: s, mm, uV, rad.

Derived base units follow: Hz = 1/s, mm/s, 1/mm, uV/s ... pint is imported here
alone and only when first needed.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema

from cortexwave.errors import UnitError

if TYPE_CHECKING:
    import pint

# Base unit of each physical dimension that occurs on a cortical sheet.
_BASE = {"[time]": "s", "[length]": "mm", "[voltage]": "uV"}
# What the same base unit is in SI, for Brian2, whose arrays hold SI values.
_SI = {"[time]": 1.0, "[length]": 1e-3, "[voltage]": 1e-6}
_NUMBER = re.compile(
    r"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?)\s*(.*)\s*"
)
# Units as a person writes them; no arithmetic, which pint would carry out. A factor
# ends at a word's end (\b), so that no text is tried in many ways.
_FACTOR = r"(?:1\b|[A-Za-zµ]+\b)(?:\s*(?:\*\*|\^)\s*-?[0-9](?:\.[0-9]{1,2})?)?"
_UNIT = re.compile(rf"(?:/\s*)?{_FACTOR}(?:\s*[*/]?\s*{_FACTOR}){{0,5}}")
_LARGEST = 1e12  # beyond this in base units, nothing on a sheet can be meant
_SMALLEST = 1e-15  # of what must be positive: a femtosecond, a femtometre in mm


@lru_cache(maxsize=1)
def _registry() -> pint.UnitRegistry:
    import pint

    return pint.UnitRegistry(autoconvert_offset_to_baseunit=False)


@lru_cache(maxsize=512)
def _powers(unit: str) -> dict[str, float]:
    """Powers of time, length and voltage in a unit: {"[time]": -1.0} for "Hz"."""
    try:
        dimension = dict(_registry().get_dimensionality(_registry().parse_units(unit)))
    except Exception as error:  # pint raises several unrelated types
        raise UnitError(f"'{unit}' is not a unit that can be read") from error
    powers: dict[str, float] = {}
    mass = float(dimension.pop("[mass]", 0.0))
    current = float(dimension.pop("[current]", 0.0))
    time = float(dimension.pop("[time]", 0.0))
    length = float(dimension.pop("[length]", 0.0))
    if mass != -current or dimension:
        raise UnitError(
            f"'{unit}' is not a unit of time, length, voltage, or a product of these"
        )
    # one volt = mass^1 length^2 time^-3 current^-1
    if mass:
        powers["[voltage]"] = mass
        length -= 2.0 * mass
        time += 3.0 * mass
    if time:
        powers["[time]"] = time
    if length:
        powers["[length]"] = length
    return powers


@lru_cache(maxsize=512)
def base_unit(unit: str) -> str:
    """The base unit that a unit is stored in: "mm/s" for "m/s", "1" for "1"."""
    if unit in ("1", "", "dimensionless"):
        return "1"
    powers = _powers(unit)
    if not powers:
        return "rad" if _angles(unit) == 1 else "1"
    if powers == {"[time]": -1.0}:
        return "rad/s" if _angles(unit) else "Hz"
    above: list[str] = []
    below: list[str] = []
    for dimension in ("[voltage]", "[length]", "[time]"):
        power = powers.get(dimension, 0.0)
        if power:
            name = _BASE[dimension]
            text = name if abs(power) == 1 else f"{name}**{abs(power):g}"
            (above if power > 0 else below).append(text)
    return "*".join(above or ["1"]) + "".join(f"/{text}" for text in below)


@lru_cache(maxsize=512)
def si_factor(unit: str) -> float:
    """SI value of one base unit of this unit's dimension: 1e-3 for any speed."""
    if base_unit(unit) in ("1", "rad"):
        return 1.0
    return math.prod(_SI[name] ** power for name, power in _powers(unit).items())


def quantity(text: str | float | int, unit: str) -> float:
    """Value in base units of a text such as "20 ms", which must be like `unit`.

    A bare number is accepted only where the quantity has no unit. Raises
    `UnitError` for anything else, saying what is allowed.
    """
    wanted = base_unit(unit)
    if isinstance(text, bool) or not isinstance(text, str | float | int):
        raise UnitError(f"{text!r} is not a quantity; write {_example(unit)}")
    if isinstance(text, float | int):
        if wanted != "1":
            raise UnitError(f"{text!r} has no unit; write {_example(unit)}")
        return _sane(_as_float(text), str(text))
    text = text.replace("\u03bc", "µ")  # Greek mu, which pint and we take for micro
    if len(text) > 80:
        raise UnitError(f"a quantity of {len(text)} characters; write {_example(unit)}")
    number, found = _split(text, unit)
    if wanted == "1" and found:
        raise UnitError(f"'{text}' has a unit, but a plain number is due")
    if wanted == "1":
        return _sane(number, text)
    if not found:
        raise UnitError(f"'{text}' has no unit; write {_example(unit)}")
    if _powers(found) != _powers(unit):
        raise UnitError(
            f"'{text}' is not a quantity in {_shown(unit)}; write {_example(unit)}"
        )
    if _angles(found) != _angles(unit):
        raise UnitError(
            f"'{text}' and {unit} differ by whether an angle is meant: 1 Hz is one "
            f"turn per second, 2 pi rad/s; write {_example(unit)}"
        )
    target = "radian" if wanted == "rad" else wanted
    registry = _registry()
    parsed = registry.Quantity(number, registry.parse_units(found))
    return _sane(float(parsed.to(registry.parse_units(target)).magnitude), text)


def _split(text: str, unit: str) -> tuple[float, str]:
    """The number and the unit of a text; the unit is "" where there is none."""
    if text.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
        raise UnitError(f"'{text}' is not a finite number")
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise UnitError(f"'{text}' is not a quantity; write {_example(unit)}")
    found = match[2].strip()
    if found and not _UNIT.fullmatch(found):
        raise UnitError(f"'{found}' is not a unit; write {_example(unit)}")
    # pint reads "/s" only as "1/s"
    return float(match[1]), "1" + found if found.startswith("/") else found


@lru_cache(maxsize=512)
def _angles(unit: str) -> float:
    """The power of an angle in a unit: 1 for rad/s, deg and rpm, 0 for Hz."""
    if unit in ("1", ""):
        return 0.0
    registry = _registry()
    root = registry.get_root_units(registry.parse_units(unit))[1]
    return float(dict(root._units).get("radian", 0.0))


def _as_float(number: float | int) -> float:
    try:
        return float(number)
    except OverflowError:
        raise UnitError(
            "a whole number too large to be meant (limit 1e12 base units)"
        ) from None


def _sane(value: float, text: str) -> float:
    if not math.isfinite(value):
        raise UnitError(f"'{text}' is not a finite number")
    if abs(value) > _LARGEST:
        raise UnitError(f"'{text}' is too large to be meant (limit 1e12 base units)")
    return value


def _shown(unit: str) -> str:
    return "plain numbers" if base_unit(unit) == "1" else unit


def _example(unit: str) -> str:
    return "a plain number" if base_unit(unit) == "1" else f"for example '20 {unit}'"


def _number_or_text(value: object) -> object:
    """A plain number or a text, for a field whose unit the model decides."""
    if isinstance(value, bool) or not isinstance(value, str | float | int):
        given = "nothing" if value is None else repr(value)
        shown = given if len(given) <= 60 else given[:57] + "..."
        raise UnitError(f"a number, or text with a unit, is due here, not {shown}")
    if not isinstance(value, str):
        _sane(_as_float(value), str(value))
    return value


# A quantity whose unit is known only where the model is: "20 ms", or 0.5.
Value = Annotated[str | float | int, BeforeValidator(_number_or_text)]


def quantity_field(
    unit: str, *, positive: bool = False, least: float | None = None
) -> Any:
    """Annotation of a pydantic field that holds a quantity in base units.

    In a document (validation context `{"document": True}`) it must be text with a
    unit; from Python a float in base units is taken as it is.
    """

    def read(value: object, info: ValidationInfo) -> float:
        in_document = bool((info.context or {}).get("document"))
        if not in_document and isinstance(value, float | int):
            number = _as_float(value)
        else:
            number = quantity(value, unit)  # type: ignore[arg-type]
        if positive and not number > 0:
            raise UnitError(f"{value!r} is not positive")
        if positive and number < _SMALLEST:
            raise UnitError(f"{value!r} is too small to be meant (limit 1e-15)")
        if least is not None and number < least:
            raise UnitError(f"{value!r} is less than {least:g}")
        return number

    text = {"type": "string", "pattern": r"^\s*[+-]?[0-9.]", "examples": [f"20 {unit}"]}
    return Annotated[float, BeforeValidator(read), WithJsonSchema(text)]


Time = quantity_field("ms")
Duration = quantity_field("ms", positive=True)
Position = quantity_field("mm")
Length = quantity_field("mm", positive=True)
Speed = quantity_field("m/s", positive=True)
Frequency = quantity_field("Hz", positive=True)
Angle = quantity_field("deg")
