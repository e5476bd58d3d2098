"""Options as they were given: those that do not apply, and what their texts say."""

from __future__ import annotations

import typer

from cortexwave.checking import read_band
from cortexwave.errors import InputError, UnitError


def refuse_given(context: typer.Context, options: tuple[str, ...], why: str) -> None:
    """Raise `InputError` where any of the options stands on the command line.

    `options` such as "--band", of a parameter `band`; defaults were not given.
    """
    given = [
        option for option in options
        if getattr(context.get_parameter_source(option[2:]), "name", "")
        == "COMMANDLINE"
    ]  # fmt: skip
    if given:
        raise InputError(f"{', '.join(given)}: {why}")


def given_band(text: str, option: str) -> tuple[float, float]:
    """A band in Hz; what its ends lack is said of the option."""
    try:
        return read_band(text)
    except UnitError as error:
        raise InputError(f"{option} {text!r}: {error}") from None


def given(text: str | None, unit: str, option: str) -> float | None:
    """A quantity in base units, of an option that may not be given."""
    from cortexwave.units import quantity

    if text is None:
        return None
    try:
        return quantity(text, unit)
    except InputError as error:
        raise InputError(f"{option}: {error}") from None
